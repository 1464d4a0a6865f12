#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

#include "sluis/base/check.h"
#include "sluis/policy_oracle/generator.h"
#include "sluis/policy_oracle/oracle.h"

namespace sluis::policy_oracle {
namespace {

namespace v1 = policy::v1;

std::vector<v1::PolicyCase> LoadCases() {
  std::vector<v1::PolicyCase> cases;
  for (const auto& entry :
       std::filesystem::directory_iterator(SLUIS_SOURCE_DIR "/tests/scenario/cases")) {
    if (entry.path().extension() != ".textproto") continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    v1::PolicyCases read;
    SLUIS_CHECK(google::protobuf::TextFormat::ParseFromString(text.str(), &read));
    cases.insert(cases.end(), read.cases().begin(), read.cases().end());
  }
  std::sort(cases.begin(), cases.end(),
            [](const v1::PolicyCase& a, const v1::PolicyCase& b) { return a.id() < b.id(); });
  return cases;
}

// Clears what `path` names, e.g. "casus.wams_track". False for a path that does not exist.
bool ClearPath(const std::string& path, google::protobuf::Message& message) {
  const size_t dot = path.find('.');
  const auto* field = message.GetDescriptor()->FindFieldByName(path.substr(0, dot));
  if (field == nullptr) return false;
  if (dot == std::string::npos) {
    message.GetReflection()->ClearField(&message, field);
    return true;
  }
  if (field->is_repeated() || field->message_type() == nullptr) return false;
  return ClearPath(path.substr(dot + 1), *message.GetReflection()->MutableMessage(&message, field));
}

std::set<std::string> Obligations(const v1::ExpectedField& expected) {
  std::set<std::string> names;
  for (const int id : expected.obligations()) {
    names.insert(v1::Obligation::Id_Name(static_cast<v1::Obligation::Id>(id)));
  }
  return names;
}

std::set<std::string> MissingConditions(const v1::ExpectedField& expected) {
  std::set<std::string> names;
  for (const int id : expected.missing()) {
    names.insert(v1::Condition::Id_Name(static_cast<v1::Condition::Id>(id)));
  }
  return names;
}

// The comparison of ExpectedField in case.proto.
void Compare(const v1::ExpectedField& expected, const Result& result) {
  SCOPED_TRACE(expected.field());
  const auto found = result.fields.find(expected.field());
  ASSERT_NE(found, result.fields.end());
  const FieldResult& actual = found->second;
  EXPECT_EQ(OutcomeName(actual.outcome), v1::FieldOutcome::Id_Name(expected.outcome()));
  EXPECT_EQ(CodeName(actual.code), v1::ReasonCode::Id_Name(expected.code()));
  switch (expected.outcome()) {
    case v1::FieldOutcome::RELEASE:
      EXPECT_EQ(actual.grant, expected.grant());
      EXPECT_EQ(actual.grondslag, expected.grondslag());
      EXPECT_EQ(actual.obligations, Obligations(expected));
      break;
    case v1::FieldOutcome::NEEDS_CONSENT:
    case v1::FieldOutcome::NEEDS_DECISION:
      EXPECT_EQ(actual.missing, MissingConditions(expected));
      break;
    case v1::FieldOutcome::REFUSE:
      if (!expected.missing().empty()) {
        EXPECT_EQ(actual.missing, MissingConditions(expected));
      }
      break;
    default:
      break;
  }
}

class OracleScenarioTest : public ::testing::TestWithParam<v1::PolicyCase> {};

TEST_P(OracleScenarioTest, GivesWhatTheCaseExpects) {
  const v1::PolicyCase& scenario = GetParam();
  Policy policy = ReferencePolicy();
  policy.switches = scenario.switches();
  v1::Facts facts = scenario.facts();
  for (const v1::CaseStep& step : scenario.steps()) {
    SCOPED_TRACE(scenario.id() + " " + step.id());
    for (const std::string& path : step.clear()) ASSERT_TRUE(ClearPath(path, facts)) << path;
    facts.MergeFrom(step.add());
    if (step.has_switches()) policy.switches = step.switches();

    const absl::StatusOr<Instant> now = ParseInstant(step.now());
    ASSERT_TRUE(now.ok()) << step.now();
    const Result result =
        Evaluate(policy, Input{.now = *now, .facts = facts, .request = step.request()});
    EXPECT_FALSE(result.malformed || result.bulk) << result.malformed_element;
    EXPECT_EQ(result.fields.size(), static_cast<size_t>(step.expect_size()));
    for (const v1::ExpectedField& expected : step.expect()) Compare(expected, result);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, OracleScenarioTest, ::testing::ValuesIn(LoadCases()),
                         [](const auto& test) {
                           std::string name = test.param.id();
                           name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
                           return name;
                         });

TEST(OracleScenarioCasesTest, AllThirtyCasesAreThere) { EXPECT_EQ(LoadCases().size(), 30U); }

}  // namespace
}  // namespace sluis::policy_oracle
