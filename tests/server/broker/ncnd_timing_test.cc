// Whether an answer that neither confirms nor denies takes as long for a patient as for somebody of
// whom the source holds nothing (R-A-21), measured at the use case, where no network hides it.
//
// The test is a sign test over pairs (sign_test.h). Over gRPC: tests/e2e/ncnd_test.cc.
//
// SLUIS_NCND_PAIRS sets how many pairs are asked; 1,000 unless told otherwise.

#include <iostream>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base_testing/sign_test.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"

namespace sluis::broker {
namespace {

using policy::v1::FieldOutcome;
using testing::IsOk;

constexpr std::string_view kInCare = "in_zorg_indicatie";
using testing::SignTest;

TEST(SignTestTest, FindsTheBiasThatItsPowerSays) {
  std::mt19937_64 random(20261130);
  constexpr int kTrials = 400;
  for (const size_t pairs : {size_t{400}, size_t{1000}, size_t{10000}}) {
    const double detectable = SignTest::Detectable(pairs);
    for (const double bias : {0.0, detectable, -detectable}) {
      std::binomial_distribution<size_t> longer(pairs, 0.5 + bias);
      int found = 0;
      for (int trial = 0; trial < kTrials; ++trial) {
        if (SignTest::IsLeak(SignTest::Statistic(longer(random), pairs))) ++found;
      }
      if (bias == 0.0) {
        EXPECT_EQ(found, 0);
      } else {
        // 99 of 100, and less than that once in many thousands of runs.
        EXPECT_GE(found, kTrials * 95 / 100) << pairs << " pairs";
      }
    }
  }
}

class NcndTimingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(world_.PutActors(), IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
    ASSERT_THAT(world_.Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField",
                                                      world_.NewDeposit(kInCare)),
                IsOk());
    const auto stranger = world_.AddStranger(2);
    ASSERT_THAT(stranger, IsOk());
    stranger_ = *stranger;
  }

  absl::Duration Ask(const std::string& person) {
    v1::RequestFieldsRequest request = world_.Question();
    request.set_person_id(person);
    request.mutable_fields(0)->set_field(std::string(kInCare));
    const absl::Time begun = absl::Now();
    const auto response = world_.Send<v1::RequestFieldsResponse>(
        kWijkteam, "SharingService/RequestFields", std::move(request));
    const absl::Duration took = absl::Now() - begun;
    EXPECT_THAT(response, IsOk());
    if (response.ok()) {
      EXPECT_EQ(OutcomeOf(*response), FieldOutcome::NCND);
    }
    return took;
  }

  const testing::TempDir directory_;
  testing::TestBroker broker_{directory_.path(), testing::ReferencePolicy(), TestNow()};
  SmallWorld world_{broker_};
  std::string stranger_;
};

TEST_F(NcndTimingTest, APatientTakesNoLongerThanAStranger) {
  const std::string& patient = world_.wijkteam_person();
  // What is read the first time is remembered then, of both.
  for (int i = 0; i < 20; ++i) {
    Ask(patient);
    Ask(stranger_);
  }
  const auto result = SignTest::Run(
      testing::PairsOf("SLUIS_NCND_PAIRS", 1000), [&] { return Ask(patient); },
      [&] { return Ask(stranger_); });
  std::cout << result << "\n";
  EXPECT_FALSE(HasFailure());
  EXPECT_FALSE(SignTest::IsLeak(result.z)) << result;
}

}  // namespace
}  // namespace sluis::broker
