// Until when data may be kept, by the rows of the reference convenant.

#include "sluis/policy/retention.h"

#include <string>

#include "gtest/gtest.h"

#include "sluis/testing/policy_files.h"

namespace sluis::policy {
namespace {

CivilDate Day(std::string_view text) { return *CivilDate::Parse(text); }
std::optional<RetentionEnd> End(std::string term, std::string_view day) {
  return RetentionEnd{std::move(term), Day(day)};
}

class RetentionTest : public ::testing::Test {
 protected:
  static v1::Holding Held(std::string hat, std::string processed, std::string changed,
                          std::string until = "2099-12-31") {
    v1::Holding holding;
    holding.mutable_source()->set_hat(std::move(hat));
    holding.set_first_processed(std::move(processed));
    holding.set_recorded_on(std::move(changed));
    holding.set_deposit_end(std::move(until));
    return holding;
  }
  std::optional<RetentionEnd> Value(const v1::Holding& holding, KeptByWgs kept = KeptByWgs::kNo) {
    return EndOfValue(*policy_, holding, kept);
  }
  static v1::CasusFacts Casus(v1::CasusFacts::Status status, std::string hat,
                              std::string tafel = "") {
    v1::CasusFacts casus;
    casus.set_status(status);
    casus.set_first_processed("2025-04-01");
    casus.add_participants()->mutable_participant()->set_hat(std::move(hat));
    if (!tafel.empty()) casus.add_tafels(tafel);
    return casus;
  }

  const std::shared_ptr<const Policy> policy_ = testing::ReferencePolicy();
};

TEST_F(RetentionTest, TheTermOfEveryHolder) {
  EXPECT_EQ(Value(Held("GEM_COLLEGE_WMO", "2020-01-01", "2026-10-01")),
            End("RT_WMO", "2041-10-01"));
  EXPECT_EQ(Value(Held("VEILIG_THUIS", "2020-01-01", "2026-10-01")), End("RT_VT", "2046-10-01"));
  EXPECT_EQ(Value(Held("GI", "2020-01-01", "2026-10-01")), End("RT_JEUGD", "2046-10-01"));
  EXPECT_EQ(Value(Held("GGZ", "2020-01-01", "2026-10-01")), End("RT_MEDISCH", "2046-10-01"));
  EXPECT_EQ(Value(Held("POLITIE", "2024-02-29", "2026-10-01")), End("RT_POLITIE", "2029-03-01"));
  // Nobody's term: the source's own choice, and the days that the convenant adds to it.
  EXPECT_EQ(Value(Held("GEM_OOV", "2020-01-01", "2026-10-01")),
            End("RT_BROKER_KLUIS", "2100-01-30"));
}

TEST_F(RetentionTest, TheEarliestWins) {
  EXPECT_EQ(Value(Held("GGZ", "2020-01-01", "2026-10-01", "2026-12-31")),
            End("RT_BROKER_KLUIS", "2027-01-30"));
  EXPECT_EQ(Value(Held("POLITIE", "2022-01-01", "2026-10-01", "2026-12-31")),
            End("RT_POLITIE", "2027-01-01"));
}

TEST_F(RetentionTest, ACasusOfTheWgsKeepsFromTheTermsOfHolders) {
  EXPECT_EQ(Value(Held("POLITIE", "2020-01-01", "2026-10-01", "2027-12-31"), KeptByWgs::kYes),
            End("RT_BROKER_KLUIS", "2028-01-30"));
}

TEST_F(RetentionTest, WhatCannotBeReadHasNoEnd) {
  EXPECT_EQ(Value(Held("POLITIE", "soon", "2026-10-01", "")), std::nullopt);
  EXPECT_EQ(Value(Held("NO_SUCH_HAT", "2020-01-01", "2026-10-01", "")), std::nullopt);
  v1::CasusFacts casus = Casus(v1::CasusFacts::CLOSED, "GGZ", "T_ZVH_CASUS");
  casus.set_first_processed("");
  EXPECT_EQ(EndOfCasus(*policy_, casus, "2027-03-01", "GEM_PROCESREGIE"), std::nullopt);
  EXPECT_EQ(EndOfCasus(*policy_, Casus(v1::CasusFacts::CLOSED, "GGZ"), "", "GGZ"), std::nullopt);
}

TEST_F(RetentionTest, AtTheZvhFromTheFirstProcessingOpenOrClosed) {
  for (const auto status : {v1::CasusFacts::OPEN, v1::CasusFacts::CLOSED}) {
    const auto casus = Casus(status, "GGZ", "T_ZVH_CASUS");
    EXPECT_TRUE(IsWgsCasus(*policy_, casus));
    EXPECT_EQ(EndOfCasus(*policy_, casus, "2029-03-01", "GEM_PROCESREGIE"),
              End("RT_WGS", "2030-04-01"));
  }
}

TEST_F(RetentionTest, ElsewhereFromTheClosing) {
  EXPECT_EQ(EndOfCasus(*policy_, Casus(v1::CasusFacts::OPEN, "GGZ"), "", "GGZ"), std::nullopt);
  EXPECT_EQ(EndOfCasus(*policy_, Casus(v1::CasusFacts::CLOSED, "GGZ"), "2027-03-01", "GGZ"),
            End("RT_MEDISCH", "2047-03-01"));
  // The opener counts, and the shortest term.
  EXPECT_EQ(
      EndOfCasus(*policy_, Casus(v1::CasusFacts::CLOSED, "GGZ"), "2027-03-01", "GEM_COLLEGE_WMO"),
      End("RT_WMO", "2042-03-01"));
  // Nobody with a term: that of the log.
  EXPECT_EQ(EndOfCasus(*policy_, Casus(v1::CasusFacts::CLOSED, "GEM_OOV"), "2027-03-01", "GEM_OOV"),
            End("RT_BROKER_LOG", "2032-03-01"));
  // RT_WAMS is not set.
  EXPECT_EQ(
      EndOfCasus(*policy_, Casus(v1::CasusFacts::CLOSED, "GEM_WAMS"), "2027-03-01", "GEM_WAMS"),
      End("RT_BROKER_LOG", "2032-03-01"));
}

TEST_F(RetentionTest, ATrackThatEndedIsAsGoodAsClosed) {
  v1::CasusFacts casus = Casus(v1::CasusFacts::OPEN, "GEM_COLLEGE_WMO");
  casus.mutable_wams_track()->set_stage("AANPAK_UITVOERING");
  EXPECT_EQ(EndOfCasus(*policy_, casus, "2027-03-01", "GEM_WAMS"), std::nullopt);
  casus.mutable_wams_track()->set_stage("AFSLUITING");
  EXPECT_EQ(EndOfCasus(*policy_, casus, "2027-03-01", "GEM_WAMS"), End("RT_WMO", "2042-03-01"));
}

TEST_F(RetentionTest, RecordsSignalsAndIds) {
  EXPECT_EQ(EndOfRecord(*policy_, Day("2026-11-30")), End("RT_BROKER_LOG", "2031-11-30"));
  EXPECT_EQ(EndOfHandled(*policy_, "GEM_SCHULDHULP", Day("2026-08-31")),
            End("RT_VROEGSIGNAAL", "2027-03-01"));
  EXPECT_EQ(EndOfHandled(*policy_, "GEM_COLLEGE_WMO", Day("2026-08-31")), std::nullopt);
  EXPECT_EQ(EndOfIdle(*policy_, Day("2026-11-30")), End("RT_BROKER_KLUIS", "2026-12-30"));
}

}  // namespace
}  // namespace sluis::policy
