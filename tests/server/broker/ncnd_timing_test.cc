// Whether an answer that neither confirms nor denies takes as long for a patient as for somebody of
// whom the source holds nothing (R-A-21), measured at the use case, where no network hides it.
//
// The test is a sign test over pairs. In each pair the same caller asks the same field about the
// one and the other, in an order thrown by a coin, and what counts is which took longer. Without a
// difference that is a coin as well: of N pairs, k in which the patient took longer are binomial
// with p = 1/2, whatever the durations are distributed like, and z = (2k - N) / sqrt(N) is standard
// normal. |z| > 4.89 is rejected: a fair broker fails once in a million runs. Its power: a bias of
// p = 1/2 ± d is found with probability 0.99 when d ≥ (4.89 + 2.33) / (2 sqrt(N)); for 10,000 pairs
// that is 3.6 percentage points, for the 1,000 of a short run 11.4.
//
// SLUIS_NCND_PAIRS sets how many pairs are asked; 1,000 unless told otherwise.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"

namespace sluis::broker {
namespace {

using policy::v1::FieldOutcome;
using testing::IsOk;

constexpr std::string_view kInCare = "in_zorg_indicatie";
constexpr double kLimit = 4.89;
constexpr double kPower = 2.33;

size_t Pairs() {
  const char* const text = std::getenv("SLUIS_NCND_PAIRS");
  const auto asked = text == nullptr ? 0UL : std::strtoul(text, nullptr, 10);
  return asked == 0 ? 1000 : asked;
}

double Statistic(size_t longer, size_t pairs) {
  const auto n = static_cast<double>(pairs);
  return (2 * static_cast<double>(longer) - n) / std::sqrt(n);
}

double Detectable(size_t pairs) {
  return (kLimit + kPower) / (2 * std::sqrt(static_cast<double>(pairs)));
}

TEST(SignTest, FindsTheBiasThatItsPowerSays) {
  std::mt19937_64 random(20261130);
  constexpr int kTrials = 400;
  for (const size_t pairs : {size_t{1000}, size_t{10000}}) {
    for (const double bias : {0.0, Detectable(pairs), -Detectable(pairs)}) {
      std::binomial_distribution<size_t> longer(pairs, 0.5 + bias);
      int found = 0;
      for (int trial = 0; trial < kTrials; ++trial) {
        if (std::abs(Statistic(longer(random), pairs)) > kLimit) ++found;
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
    v1::DepositFieldRequest deposit = world_.NewDeposit();
    deposit.set_field(std::string(kInCare));
    for (const auto& field : testing::ReferenceConvenant().message().fields()) {
      if (field.name() == kInCare)
        *deposit.mutable_content()->mutable_value() = testing::SampleValue(field);
    }
    ASSERT_THAT(world_.Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", deposit),
                IsOk());
    v1::AddPersonRequest add;
    add.set_casus_id(world_.casus_id());
    add.set_bsn(testing::TestBsn(2));
    add.set_bsn_verified(true);
    add.mutable_elements()->set_geslachtsnaam("GEHEIM");
    add.mutable_elements()->set_geboortedatum("1981-07-02");
    add.set_role(policy::v1::PersonRole::BETROKKENE);
    const auto added = world_.Send<v1::AddPersonResponse>(kRegie, "CasusService/AddPerson", add);
    ASSERT_THAT(added, IsOk());
    stranger_ = added->answer().person_id();
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
  std::mt19937_64 coin(std::random_device{}());
  const size_t pairs = Pairs();
  size_t longer = 0;
  std::vector<absl::Duration> differences;
  for (size_t i = 0; i < pairs && !HasFailure(); ++i) {
    const bool patient_first = (coin() & 1) != 0;
    const absl::Duration first = Ask(patient_first ? patient : stranger_);
    const absl::Duration second = Ask(patient_first ? stranger_ : patient);
    const absl::Duration difference = patient_first ? first - second : second - first;
    differences.push_back(difference);
    // To the nanosecond there are hardly equals; a coin decides them.
    const bool tie = difference == absl::ZeroDuration();
    if (tie ? (coin() & 1) != 0 : difference > absl::ZeroDuration()) ++longer;
  }
  ASSERT_EQ(differences.size(), pairs);
  std::nth_element(differences.begin(), differences.begin() + differences.size() / 2,
                   differences.end());
  const double z = Statistic(longer, pairs);
  std::cout << pairs << " pairs: the patient took longer in " << longer << ", z = " << z
            << ", median difference "
            << absl::ToInt64Nanoseconds(differences[differences.size() / 2]) << " ns; a bias of "
            << 100 * Detectable(pairs) << " percentage points is found with probability 0.99\n";
  EXPECT_LE(std::abs(z), kLimit);
}

}  // namespace
}  // namespace sluis::broker
