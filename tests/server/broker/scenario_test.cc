// Every scenario decides as specified, through the use cases: facts recorded by the partijen whose
// they are, values deposited, decisions committed and logged. Without gRPC, so that sanitizers see
// it all; tests/e2e plays the same cases over mTLS.

#include <map>
#include <string>

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

#include "sluis/testing/policy_files.h"
#include "sluis/testing/test_broker.h"
#include "sluis/testing/world.h"

namespace sluis::broker {
namespace {

using testing::ReferenceConvenant;
using testing::ReferencePolicy;
using testing::ReferenceStatute;
using testing::ScenarioSteps;
using testing::TempDir;
using testing::TestBroker;
using testing::World;

class BrokerScenarioTest : public ::testing::TestWithParam<size_t> {};

TEST_P(BrokerScenarioTest, DecidesAsSpecified) {
  const policy::ExpandedStep& step = ScenarioSteps()[GetParam()];
  SCOPED_TRACE(step.step->ask());
  static std::map<std::string, std::shared_ptr<const policy::Policy>> policies;
  auto& policy = policies[step.switches->SerializeAsString()];
  if (policy == nullptr) policy = ReferencePolicy(*step.switches);
  const TempDir directory;
  TestBroker broker(directory.path(), policy, step.now);
  World world(broker, ReferenceConvenant().message());
  const absl::Status built = world.Build(step);
  ASSERT_TRUE(built.ok()) << built;
  SCOPED_TRACE(absl::StrJoin(world.left_out(), "; "));
  const auto answer = world.Ask(step.step->request());
  for (const std::string& difference : World::Compare(ReferenceStatute().message(), step, answer)) {
    ADD_FAILURE() << difference;
  }
}

std::string StepName(const ::testing::TestParamInfo<size_t>& parameter) {
  const policy::ExpandedStep& step = ScenarioSteps()[parameter.param];
  std::string name = step.case_id + "_" + step.step->id();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Cases, BrokerScenarioTest,
                         ::testing::Range<size_t>(0, ScenarioSteps().size()), StepName);

}  // namespace
}  // namespace sluis::broker
