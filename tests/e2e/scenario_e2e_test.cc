// Every scenario decides as specified through the real API: a `sluisd` process, mTLS, each partij
// with its own certificate, every expectation per field with its code and article. One process for
// all, so that cases also have to leave each other alone.

#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "e2e.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"

namespace sluis {
namespace {

using testing::IsOk;
using testing::ReferenceStatute;
using testing::ScenarioSteps;
using testing::Stage;
using testing::World;

class ScenarioE2eTest : public ::testing::TestWithParam<size_t> {
 protected:
  // Null when the daemon does not start.
  static Stage* Broker() {
    static const std::unique_ptr<Stage> stage = [] {
      auto made = std::make_unique<Stage>();
      const absl::Status started = made->Start();
      EXPECT_THAT(started, IsOk());
      if (!started.ok()) made.reset();
      return made;
    }();
    return stage.get();
  }
};

TEST_P(ScenarioE2eTest, DecidesAsSpecified) {
  const policy::ExpandedStep& step = ScenarioSteps()[GetParam()];
  SCOPED_TRACE(step.step->ask());
  ASSERT_NE(Broker(), nullptr);
  const auto world = Broker()->Play(step);
  ASSERT_THAT(world, IsOk());
  SCOPED_TRACE(absl::StrJoin((*world)->left_out(), "; "));
  const auto answer = (*world)->Ask(step.step->request());
  for (const std::string& difference : World::Compare(ReferenceStatute().message(), step, answer)) {
    ADD_FAILURE() << difference;
  }
  if (answer.ok()) {
    EXPECT_EQ(answer->receipts_size(), 1);
  }
  EXPECT_THAT((*world)->Leave(), IsOk());
}

std::string StepName(const ::testing::TestParamInfo<size_t>& parameter) {
  const policy::ExpandedStep& step = ScenarioSteps()[parameter.param];
  std::string name = step.case_id + "_" + step.step->id();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Cases, ScenarioE2eTest,
                         ::testing::Range<size_t>(0, ScenarioSteps().size()), StepName);

TEST(ScenarioE2eListTest, HoldsEveryScenario) {
  std::set<std::string> played;
  for (const policy::ExpandedStep& step : ScenarioSteps()) played.insert(step.case_id);
  EXPECT_EQ(played.size(), 30U);
}

}  // namespace
}  // namespace sluis
