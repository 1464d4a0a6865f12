// Commands that rest on much of the log: they read it before their transaction, which everybody
// waits for, and miss nothing that is appended in between.

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "notice_reader.h"
#include "small_world.h"
#include "spy_store.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/testing/world.h"
#include "sluis/v1/person.pb.h"

namespace sluis::broker {
namespace {

using log::v1::EventKind;
using policy::v1::FieldOutcome;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsOk;

constexpr Side kPortaal{"P_PORTAAL", "BETROKKENE_PORTAAL"};
// More than a transaction may look through.
constexpr int kMany = 1500;

class LogScanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string directory = directory_.path().string();
    auto opened = assembly::Assembly::Open(
        OptionsOn(directory, std::make_unique<SpyStore>(OpenStoreIn(directory), spy_)),
        TestLogKey());
    ASSERT_THAT(opened, IsOk());
    assembly_ = *std::move(opened);
    assembly_->clock().Set(TestNow());
    transport_ = std::make_unique<AssemblyTransport>(*assembly_);
    world_ = std::make_unique<SmallWorld>(*transport_);
    ASSERT_THAT(world_->PutActors({"P_PORTAAL"}), IsOk());
    ASSERT_THAT(world_->Build(), IsOk());
    const auto consent = world_->Consent();
    ASSERT_THAT(consent, IsOk());
    consent_ = consent->answer().consent_id();
    const auto deposit = world_->Deposit();
    ASSERT_THAT(deposit, IsOk());
    deposit_ = deposit->answer().deposit_id();
  }

  // Makes the log long: by dry runs, which release nothing, or by releases to the wijkteam.
  void Fill(bool dry) {
    std::vector<std::future<absl::Status>> ended;
    for (int i = 0; i < kMany; ++i) {
      v1::RequestFieldsRequest request = world_->Question();
      request.set_request_id(testing::NewRequestId());
      request.set_acting_hat(std::string(kWijkteam.hat));
      request.set_professional(std::string(kActor));
      request.set_validate_only(dry);
      auto promise = std::make_shared<std::promise<absl::Status>>();
      ended.push_back(promise->get_future());
      transport_->Start(kWijkteam.partij, "/sluis.v1.SharingService/RequestFields",
                        request.SerializeAsString(), absl::InfiniteFuture(),
                        [promise](const absl::StatusOr<std::string>& answer) {
                          promise->set_value(answer.status());
                        });
    }
    for (auto& each : ended) ASSERT_THAT(each.get(), IsOk());
    ASSERT_GT(assembly_->ledger().published().size, static_cast<uint64_t>(kMany));
    spy_.Reset();
  }

  absl::Status Correct() {
    v1::CorrectFieldRequest request;
    request.set_deposit_id(deposit_);
    *request.mutable_content() = world_->NewDeposit().content();
    request.mutable_content()->mutable_value()->set_text("rustig, en niet alleen");
    return world_->Send<v1::CorrectFieldResponse>(kGgz, "FieldService/CorrectField", request)
        .status();
  }
  std::vector<std::string> Told(std::string_view type) {
    std::vector<std::string> persons;
    for (const ReadNotice& notice : AllNotices(*transport_, kWijkteam.partij, type))
      persons.push_back(notice.data.person_id());
    return persons;
  }
  // After the next search for releases, and before the command that searches is run again.
  void WhileItReads(std::function<void()> task) {
    spy_.Then(
        [](const store::EntryFilter& filter) {
          return std::count(filter.kinds.begin(), filter.kinds.end(), EventKind::FIELDS_REQUESTED) >
                 0;
        },
        std::move(task));
  }

  const testing::TempDir directory_;
  Spy spy_;
  std::unique_ptr<assembly::Assembly> assembly_;
  std::unique_ptr<AssemblyTransport> transport_;
  std::unique_ptr<SmallWorld> world_;
  std::string consent_;
  std::string deposit_;
};

TEST_F(LogScanTest, AShortLogIsReadAtOnce) {
  ASSERT_THAT(world_->Ask(), IsOk());
  spy_.Reset();
  ASSERT_THAT(Correct(), IsOk());
  EXPECT_EQ(spy_.outside(), 0U);
  EXPECT_EQ(spy_.within(), 1U);
  EXPECT_THAT(Told("value-corrected"), ElementsAre(world_->wijkteam_person()));
}

TEST_F(LogScanTest, ACorrectionHoldsUpNobodyHoweverMuchWasReleased) {
  Fill(/*dry=*/false);
  ASSERT_THAT(Correct(), IsOk());
  EXPECT_GE(spy_.outside(), static_cast<size_t>(kMany));
  EXPECT_EQ(spy_.within(), 0U);
  // Who got it often is told once.
  EXPECT_THAT(Told("value-corrected"), ElementsAre(world_->wijkteam_person()));
}

TEST_F(LogScanTest, WhoGotTheValueWhileTheLogWasReadIsToldToo) {
  Fill(/*dry=*/true);
  bool released = false;
  WhileItReads([&] {
    const auto response = world_->Ask();
    ASSERT_THAT(response, IsOk());
    released = OutcomeOf(*response) == FieldOutcome::RELEASE;
  });
  ASSERT_THAT(Correct(), IsOk());
  EXPECT_TRUE(released);
  EXPECT_EQ(spy_.within(), 1U);
  EXPECT_THAT(Told("value-corrected"), ElementsAre(world_->wijkteam_person()));
}

TEST_F(LogScanTest, AWithdrawalHoldsUpNobody) {
  Fill(/*dry=*/false);
  v1::WithdrawFieldRequest request;
  request.set_deposit_id(deposit_);
  ASSERT_THAT(world_->Send<v1::WithdrawFieldResponse>(kGgz, "FieldService/WithdrawField", request),
              IsOk());
  EXPECT_EQ(spy_.within(), 0U);
  EXPECT_THAT(Told("value-withdrawn"), ElementsAre(world_->wijkteam_person()));
}

TEST_F(LogScanTest, AConsentIsWithdrawnWithWhatWasReleasedOnItWithoutHoldingUpAnybody) {
  Fill(/*dry=*/false);
  uint64_t last = 0;
  // Two scans: who knew of it, and what was released on it. This comes in the midst of them.
  WhileItReads([&] {
    const auto response = world_->Ask();
    ASSERT_THAT(response, IsOk());
    last = response->receipts(0).index();
  });
  const auto withdrawn = world_->WithdrawConsent(consent_);
  ASSERT_THAT(withdrawn, IsOk());
  EXPECT_GT(last, 0U);
  EXPECT_LE(spy_.within(), 2U);
  EXPECT_EQ(withdrawn->answer().earlier_size(), 500);
  EXPECT_TRUE(withdrawn->answer().more());
}

TEST_F(LogScanTest, AFactIsWithdrawnWithoutHoldingUpAnybody) {
  v1::RecordFactRequest record;
  record.set_casus_id(world_->casus_id());
  record.set_reference("dossier 13");
  auto& decision = *record.mutable_fact()->mutable_decision();
  decision.set_kind(policy::v1::ProfessionalDecision::SELECTIE);
  decision.set_person(world_->ggz_person());
  decision.set_result(policy::v1::ProfessionalDecision::GIVEN);
  decision.add_fields(std::string(kField));
  decision.add_recipient_hats(std::string(kWijkteam.hat));
  decision.add_recipient_parties(std::string(kWijkteam.partij));
  decision.set_reason("nodig");
  decision.set_date("2026-11-30");
  const auto recorded =
      world_->Send<v1::RecordFactResponse>(kGgz, "FactService/RecordFact", record);
  ASSERT_THAT(recorded, IsOk());
  Fill(/*dry=*/false);
  ASSERT_THAT(world_->WithdrawFact(kGgz, recorded->answer().fact_id()), IsOk());
  EXPECT_GE(spy_.outside(), static_cast<size_t>(kMany));
  EXPECT_EQ(spy_.within(), 0U);
  // It got what the decision names.
  EXPECT_THAT(Told("fact-withdrawn"), ElementsAre(world_->wijkteam_person()));
}

TEST_F(LogScanTest, WhatIsReadAgainLeavesOneEntryAndOneNotice) {
  Fill(/*dry=*/true);
  ASSERT_THAT(world_->Ask(), IsOk());
  const uint64_t before = assembly_->ledger().published().size;
  ASSERT_THAT(Correct(), IsOk());
  EXPECT_EQ(assembly_->ledger().published().size, before + 1);
  EXPECT_EQ(Told("value-corrected").size(), 1U);
}

TEST_F(LogScanTest, AReportIsMadeAgainOutsideWhenTheFactsChange) {
  v1::IntroducePersonRequest introduce;
  introduce.set_casus_id(world_->casus_id());
  introduce.set_person_id(world_->wijkteam_person());
  introduce.set_partij(std::string(kPortaal.partij));
  ASSERT_THAT(
      world_->Send<v1::IntroducePersonResponse>(kRegie, "CasusService/IntroducePerson", introduce),
      IsOk());
  v1::GetCasusRequest get;
  get.set_casus_id(world_->casus_id());
  const auto casus = transport_->Send<v1::GetCasusResponse>(kPortaal.partij,
                                                            "/sluis.v1.CasusService/GetCasus", get);
  ASSERT_THAT(casus, IsOk());
  ASSERT_EQ(casus->casus().person_ids_size(), 1);
  ASSERT_THAT(world_->Ask(), IsOk());
  v1::GetInzageReportRequest request;
  request.set_person_id(casus->casus().person_ids(0));
  request.set_rights_role(v1::RIGHTS_ROLE_SELF);
  request.set_identity_established(true);
  spy_.Reset();
  bool changed = false;
  WhileItReads([&] { changed = world_->Deposit().ok(); });
  const auto report =
      world_->Send<v1::GetInzageReportResponse>(kPortaal, "PersonService/GetInzageReport", request);
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(changed);
  EXPECT_EQ(spy_.within(), 0U);
  // Read twice, the releases and what did not arrive of them.
  EXPECT_EQ(spy_.outside(), 2U);
}

}  // namespace
}  // namespace sluis::broker
