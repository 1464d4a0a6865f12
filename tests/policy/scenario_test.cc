// Every scenario decides as specified, through the engine.

#include <map>
#include <string>

#include "gtest/gtest.h"

#include "sluis/policy/cases.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::policy {
namespace {

using ::sluis::testing::ReferencePolicy;
using ::sluis::testing::ScenarioSteps;

class ScenarioTest : public ::testing::TestWithParam<size_t> {};

TEST_P(ScenarioTest, DecidesAsSpecified) {
  const ExpandedStep& step = ScenarioSteps()[GetParam()];
  SCOPED_TRACE(step.step->ask());
  static std::map<std::string, std::shared_ptr<const Policy>> policies;
  auto& policy = policies[step.switches->SerializeAsString()];
  if (policy == nullptr) policy = ReferencePolicy(*step.switches);
  Decision decision;
  ASSERT_TRUE(
      DecideMessages(*policy, *step.facts, step.step->request(), step.now, step.today, decision)
          .ok());
  for (const std::string& difference : Compare(*policy, decision, *step.step))
    ADD_FAILURE() << difference;
}

std::string StepName(const ::testing::TestParamInfo<size_t>& parameter) {
  const ExpandedStep& step = ScenarioSteps()[parameter.param];
  std::string name = step.case_id + "_" + step.step->id();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Cases, ScenarioTest, ::testing::Range<size_t>(0, ScenarioSteps().size()),
                         StepName);

TEST(ScenarioCountTest, AllThirtyAreHere) {
  std::map<std::string, int> cases;
  for (const ExpandedStep& step : ScenarioSteps()) ++cases[step.case_id];
  EXPECT_EQ(cases.size(), 30U);
  EXPECT_EQ(ScenarioSteps().size(), 136U);
}

}  // namespace
}  // namespace sluis::policy
