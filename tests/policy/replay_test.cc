// Recorded decisions decide the same again, and show what another policy would change.

#include "sluis/policy/replay.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "case_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/log/v1/decision.pb.h"
#include "sluis/policy/cases.h"
#include "sluis/policy/record.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::policy {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::sluis::testing::ReferenceConvenant;
using ::sluis::testing::ReferencePolicy;
using ::sluis::testing::ReferenceStatute;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Recorded {
  std::string name;
  std::shared_ptr<const Policy> policy;
  std::string partij;
  std::string hat;
  CivilDate today;
  log::v1::Decision decision;
  [[nodiscard]] RecordedDecision View() const { return {partij, hat, today, &decision}; }
};

// Every well-formed step of every case as the log would keep it.
const std::vector<Recorded>& Records() {
  static const auto* const records = [] {
    auto* all = new std::vector<Recorded>();
    std::map<std::string, std::shared_ptr<const Policy>> policies;
    const auto decision = std::make_unique<Decision>();
    for (const auto& file : AllCaseFiles()) {
      for (const v1::PolicyCase& message : file.message().cases()) {
        const auto expanded = ExpandCase(message);
        if (!expanded.ok()) ADD_FAILURE() << expanded.status();
        for (const ExpandedStep& step : *expanded) {
          if (step.step->has_error()) continue;
          auto& policy = policies[step.switches->SerializeAsString()];
          if (policy == nullptr) policy = ReferencePolicy(*step.switches);
          const v1::DecisionRequest& asked = step.step->request();
          EXPECT_THAT(DecideMessages(*policy, *step.facts, asked, step.now, step.today, *decision),
                      IsOk());
          Request request;
          EXPECT_EQ(InternRequest(*policy, asked, request).kind, Malformation::Kind::kNone);
          Recorded& record = all->emplace_back();
          record.name = step.case_id + " " + step.step->id();
          record.policy = policy;
          record.partij = asked.partij();
          record.hat = asked.acting_hat();
          record.today = step.today;
          WriteDecision(*policy, request, *decision, /*validate_only=*/false, record.decision);
        }
      }
    }
    return all;
  }();
  return *records;
}

const Recorded& Find(const std::string& name) {
  for (const Recorded& record : Records()) {
    if (record.name == name) return record;
  }
  ADD_FAILURE() << "no step " << name;
  return Records().front();
}

std::shared_ptr<const Policy> PolicyOf(const v1::Convenant& convenant) {
  auto result = Compile(ReferenceStatute(), Document<v1::Convenant>::FromMessage(convenant, "c"),
                        Document<v1::OperatorSwitches>::FromMessage({}, "s"));
  EXPECT_NE(result.policy, nullptr);
  return result.policy;
}

TEST(ReplayTest, AgreesUnderItsOwnPolicy) {
  Comparison comparison;
  for (const Recorded& record : Records()) {
    ASSERT_THAT(Replay(*record.policy, record.View(), comparison), IsOk()) << record.name;
    EXPECT_THAT(DescribeDifferences(*record.policy, record.View(), comparison), IsEmpty())
        << record.name;
    EXPECT_TRUE(comparison.complete) << record.name;
  }
}

TEST(ReplayTest, FindsARecordThatWasChanged) {
  Recorded record = Find("M75 permit");
  record.decision.mutable_fields(0)->set_outcome(v1::FieldOutcome::REFUSE);
  record.decision.mutable_fields(0)->set_code(v1::ReasonCode::NO_GRANT);
  Comparison comparison;
  ASSERT_THAT(Replay(*record.policy, record.View(), comparison), IsOk());
  ASSERT_THAT(comparison.differences, SizeIs(1));
  EXPECT_TRUE(comparison.differences[0].outcome);
  EXPECT_TRUE(comparison.differences[0].code);
  EXPECT_FALSE(comparison.differences[0].grant);
}

// Evidence that was changed changes the decision.
TEST(ReplayTest, FindsEvidenceThatWasChanged) {
  Recorded record = Find("M75 permit");
  record.decision.mutable_evidence()->set_professional_ok(false);
  Comparison comparison;
  ASSERT_THAT(Replay(*record.policy, record.View(), comparison), IsOk());
  EXPECT_THAT(DescribeDifferences(*record.policy, record.View(), comparison),
              Each(HasSubstr("-> REFUSE NOT_AUTHORISED_PERSON")));
  EXPECT_THAT(comparison.differences, SizeIs(record.decision.fields_size()));
}

TEST(ReplayTest, ShowsWhatAConvenantWithoutAGrantWouldChange) {
  v1::Convenant convenant = ReferenceConvenant().message();
  auto& grants = *convenant.mutable_grants();
  for (int i = 0; i < grants.size(); ++i) {
    if (grants[i].id() == "M75") grants.DeleteSubrange(i--, 1);
  }
  const auto policy = PolicyOf(convenant);
  Comparison comparison;
  const Recorded& permitted = Find("M75 permit");
  ASSERT_THAT(Replay(*policy, permitted.View(), comparison), IsOk());
  ASSERT_THAT(comparison.differences, SizeIs(permitted.decision.fields_size()));
  EXPECT_TRUE(comparison.differences[0].grant);
  EXPECT_THAT(
      DescribeDifferences(*policy, permitted.View(), comparison)[0],
      AllOf(HasSubstr("RELEASE RELEASED"), HasSubstr("M75"), HasSubstr("-> REFUSE NO_GRANT")));
  // What it does not concern stays.
  const Recorded& other = Find("M70 permit");
  ASSERT_THAT(Replay(*policy, other.View(), comparison), IsOk());
  EXPECT_THAT(comparison.differences, IsEmpty());
}

// A stricter grant asks for a condition at which the record never looked: not known, so not
// complete.
TEST(ReplayTest, SaysWhereTheRecordCannotTell) {
  v1::Convenant convenant = ReferenceConvenant().message();
  for (auto& grant : *convenant.mutable_grants()) {
    if (grant.id() == "M75") grant.add_conditions(v1::Condition::VIER_OGEN);
  }
  const auto policy = PolicyOf(convenant);
  const Recorded& permitted = Find("M75 permit");
  Comparison comparison;
  ASSERT_THAT(Replay(*policy, permitted.View(), comparison), IsOk());
  EXPECT_FALSE(comparison.complete);
  EXPECT_THAT(DescribeDifferences(*policy, permitted.View(), comparison)[0],
              HasSubstr("-> NEEDS_DECISION NEEDS_DECISION M75 G_WGSH_8D -VIER_OGEN"));
}

TEST(ReplayTest, CannotReadWhatThePolicyDoesNotName) {
  Recorded record = Find("M75 permit");
  record.decision.set_tafel("T_ELSEWHERE");
  Comparison comparison;
  EXPECT_THAT(Replay(*record.policy, record.View(), comparison),
              IsError(absl::StatusCode::kInvalidArgument, "RECORD_UNREADABLE"));
}

}  // namespace
}  // namespace sluis::policy
