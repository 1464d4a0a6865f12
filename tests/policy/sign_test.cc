// What partijen sign, byte for byte, and who has to.

#include "sluis/policy/sign.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base/errors.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::policy {
namespace {

using ::sluis::testing::ReferenceConvenant;
using ::sluis::testing::ReferencePolicy;
using ::sluis::testing::ReferenceStatute;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

CivilDate Day(const std::string& text) { return *CivilDate::Parse(text); }

std::shared_ptr<const Policy> PolicyOf(const v1::Convenant& convenant) {
  return Compile(ReferenceStatute(), Document<v1::Convenant>::FromMessage(convenant, "c"),
                 Document<v1::OperatorSwitches>::FromMessage({}, "s"))
      .policy;
}

TEST(SigningStatementTest, HasTheseBytes) {
  const auto policy = ReferencePolicy();
  const auto mediant = policy->FindPartij("P_MEDIANT");
  ASSERT_TRUE(mediant);
  EXPECT_EQ(
      SigningStatement(*policy, *mediant, std::string(32, '\x5a')),
      "sluis convenant signature v1\n"
      "convenant ave-twente 2026-1\n"
      "statute nl-zorg-veiligheid " +
          policy->statute_version() +
          "\n"
          "agreement sha256:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\n"
          "partij P_MEDIANT " +
          policy->convenant().parties(mediant->index()).oin() + "\n");
}

// "sluis agreement v1" NUL, then statute and convenant, each with its length in eight bytes.
TEST(CanonicalAgreementTest, HasTheseBytes) {
  const auto policy = ReferencePolicy();
  std::string expected = "sluis agreement v1";
  expected.push_back('\0');
  const auto part = [&](const std::string& bytes) {
    for (int shift = 56; shift >= 0; shift -= 8)
      expected.push_back(static_cast<char>((bytes.size() >> shift) & 0xff));
    expected += bytes;
  };
  part(ReferenceStatute().message().SerializeAsString());
  part(ReferenceConvenant().message().SerializeAsString());
  EXPECT_EQ(CanonicalAgreement(*policy), expected);
}

// Switches are the operator's: a partij that signed has not agreed to them, nor needs to.
TEST(CanonicalAgreementTest, LeavesTheSwitchesOut) {
  v1::OperatorSwitches switches;
  auto& term = *switches.add_terms();
  term.set_id("RT_WAMS");
  term.set_term(5);
  term.set_unit(v1::Retention::JAAR);
  term.set_source("test data");
  const auto switched = ReferencePolicy(switches);
  EXPECT_NE(switched->canonical(), ReferencePolicy()->canonical());
  EXPECT_EQ(CanonicalAgreement(*switched), CanonicalAgreement(*ReferencePolicy()));
}

TEST(CanonicalAgreementTest, ChangesWithEveryGrant) {
  v1::Convenant convenant = ReferenceConvenant().message();
  convenant.mutable_grants()->RemoveLast();
  EXPECT_NE(CanonicalAgreement(*PolicyOf(convenant)), CanonicalAgreement(*ReferencePolicy()));
}

class MustSignTest : public ::testing::Test {
 protected:
  std::vector<std::string> Names(CivilDate day) {
    const auto policy = PolicyOf(convenant_);
    std::vector<std::string> names;
    for (const PartijId partij : MustSign(*policy, day)) names.push_back(policy->NameOf(partij));
    return names;
  }
  v1::Partij& Party(const std::string& id) {
    for (auto& party : *convenant_.mutable_parties())
      if (party.id() == id) return party;
    ADD_FAILURE() << "no " << id;
    return *convenant_.mutable_parties(0);
  }
  v1::Convenant convenant_ = ReferenceConvenant().message();
};

TEST_F(MustSignTest, EveryPartijThatHasAcceded) {
  EXPECT_EQ(Names(Day("2026-06-01")).size(),
            static_cast<size_t>(ReferenceConvenant().message().parties_size()));
  EXPECT_THAT(Names(Day("2025-12-31")), IsEmpty());
}

TEST_F(MustSignTest, NobodyBeforeAccessionOrAfterLeaving) {
  Party("P_MEDIANT").set_acceded_on("2026-07-01");
  Party("P_TACTUS").set_left_on("2026-05-31");
  EXPECT_THAT(Names(Day("2026-06-30")), Not(Contains("P_MEDIANT")));
  EXPECT_THAT(Names(Day("2026-07-01")), Contains("P_MEDIANT"));
  EXPECT_THAT(Names(Day("2026-05-31")), Contains("P_TACTUS"));
  EXPECT_THAT(Names(Day("2026-06-01")), Not(Contains("P_TACTUS")));
}

TEST(CheckSignaturesTest, NamesWhoIsNotBound) {
  const auto policy = ReferencePolicy();
  const std::string hash(32, '\x5a');
  const auto open = [&](const std::string& partij) -> absl::StatusOr<std::string> {
    if (partij == "P_GGD") return NotFound("FILE_MISSING", "no such file");
    if (partij == "P_CIZ") return DataLoss("NOTE_SIGNATURE", "the signature does not fit");
    // Another agreement, and somebody else's statement.
    if (partij == "P_RVDK")
      return SigningStatement(*policy, *policy->FindPartij(partij), std::string(32, '\x5b'));
    if (partij == "P_LDH") return SigningStatement(*policy, *policy->FindPartij("P_TACTUS"), hash);
    return SigningStatement(*policy, *policy->FindPartij(partij), hash);
  };
  std::map<std::string, std::string> reasons;
  for (const auto& problem : CheckSignatures(*policy, Day("2026-06-01"), hash, open))
    reasons[problem.partij] = problem.reason;
  EXPECT_THAT(reasons, UnorderedElementsAre(
                           Pair("P_GGD", "SIGNATURE_MISSING"), Pair("P_CIZ", "SIGNATURE_INVALID"),
                           Pair("P_RVDK", "SIGNATURE_OTHER"), Pair("P_LDH", "SIGNATURE_OTHER")));
}

}  // namespace
}  // namespace sluis::policy
