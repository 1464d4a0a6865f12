// The examples of `sluis fact kinds` cannot rot: they are held against the library.

#include <set>
#include <string>

#include "absl/strings/str_replace.h"
#include "cli.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/client/fact.h"

namespace sluis::testing {
namespace {

nlohmann::json Kinds() {
  const CliRun run = RunCli({"fact", "kinds", "--json"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return nlohmann::json::parse(run.out, nullptr, false);
}

TEST(FactKindsTest, EveryKindHasAnExampleOfItself) {
  const nlohmann::json kinds = Kinds();
  ASSERT_TRUE(kinds.is_array());
  std::set<std::string> names;
  for (const nlohmann::json& kind : kinds) {
    const std::string name = kind["kind"];
    names.insert(name);
    SCOPED_TRACE(name);
    ASSERT_TRUE(kind["example"].is_object());
    EXPECT_EQ(kind["example"].size(), 1U);
    EXPECT_TRUE(kind["example"].contains(name));
    EXPECT_NE(kind["about"], "");
    EXPECT_THAT(client::CheckFact(kind["example"].dump()), IsOk());
  }
  const auto known = client::FactKinds();
  EXPECT_EQ(names, std::set<std::string>(known.begin(), known.end()));
  EXPECT_EQ(names.size(), kinds.size());
}

TEST(FactKindsTest, OneKindAlone) {
  const CliRun run = RunCli({"fact", "kinds", "report"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, ::testing::HasSubstr("ZORG_ZONDER_HULPVRAAG"));
  EXPECT_THAT(run.out, ::testing::Not(::testing::HasSubstr("gi_party")));
  EXPECT_EQ(RunCli({"fact", "kinds", "nonsense"}).exit_code, 2);
}

TEST(FactKindsTest, AMalformedFactIsToldBeforeAnybodyIsCalled) {
  const CliRun run = RunCli(
      {"fact", "record", "--reference", "x", "--json-body", R"({"ots": {"gi_partij": "P_JBOV"}})"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, ::testing::HasSubstr("field: fact.ots.gi_partij"));
}

}  // namespace
}  // namespace sluis::testing
