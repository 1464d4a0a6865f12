// The cases that lawyers read: they decide as written, and they leave nothing of the reference
// documents unexercised.

#include <sstream>
#include <string>
#include <vector>

#include "case_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/policy/coverage.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::policy {
namespace {

using ::sluis::testing::ReadSourceFile;
using ::sluis::testing::ReferenceConvenant;
using ::sluis::testing::ReferenceStatute;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

// One run over everything.
const CaseRunner& FullRun() {
  static const CaseRunner* const run = [] {
    auto* runner = new CaseRunner(ReferenceStatute(), ReferenceConvenant());
    for (const auto& file : AllCaseFiles()) runner->Run(file);
    return runner;
  }();
  return *run;
}

TEST(PolicyCasesTest, DecideAsWritten) {
  for (const StepResult& step : FullRun().steps()) {
    for (const std::string& difference : step.differences) {
      ADD_FAILURE() << step.file << ":" << step.line << ": " << step.case_id << " " << step.step_id
                    << ": " << difference;
    }
  }
  EXPECT_GT(FullRun().steps().size(), 600U);
}

TEST(PolicyCasesTest, ExerciseEveryGrantRowAndExclusionBothWays) {
  EXPECT_THAT(FullRun().Gaps(), IsEmpty());
  // What the documents say without effect.
  EXPECT_THAT(FullRun().unreachable(), UnorderedElementsAre(Key("G_CONFLICT_VAN_PLICHTEN"),
                                                            Key("G_WMO_5_2_5_2"), Key("X03")));
}

// Three conditions are tested by a gate before a row can miss them: the decision then names the
// gate's code and no condition. And where the amvb is missing, consent is the nearer route.
TEST(PolicyCasesTest, ExerciseEveryConditionThatCanBe) {
  EXPECT_THAT(FullRun().ConditionGaps(), ElementsAre("condition AMVB_SCHULDHULP_8_2: never missing",
                                                     "condition DEELNEMER_IN_CASUS: never missing",
                                                     "condition GAST_TOEGELATEN: never missing",
                                                     "condition LID_VAN_TAFEL: never missing"));
}

TEST(PolicyCasesTest, ProveEveryDecisionRuleBothWays) {
  std::istringstream rules(ReadSourceFile("tests/policy/data/rules.txt"));
  int count = 0;
  for (std::string line; std::getline(rules, line);) {
    if (line.empty() || line[0] == '#') continue;
    ++count;
    const std::string id = line.substr(0, line.find(' '));
    const auto found = FullRun().coverage().rules.find(id);
    if (found == FullRun().coverage().rules.end()) {
      ADD_FAILURE() << line << ": no step proves it";
      continue;
    }
    EXPECT_FALSE(found->second.permits.empty()) << line << ": no step permits";
    EXPECT_FALSE(found->second.denials.empty()) << line << ": no step denies";
  }
  EXPECT_EQ(count, static_cast<int>(FullRun().coverage().rules.size()))
      << "a case names a rule that is not in rules.txt";
}

// What is no matter of the decision procedure leads to its test as well.
TEST(PolicyCasesTest, EveryOtherRuleNamesATestThatIsThere) {
  std::istringstream rules(ReadSourceFile("tests/policy/data/rules_elsewhere.txt"));
  int count = 0;
  for (std::string line; std::getline(rules, line);) {
    if (line.empty() || line[0] == '#') continue;
    ++count;
    std::istringstream words(line);
    std::string id;
    std::string file;
    std::string name;
    words >> id >> file >> name;
    EXPECT_EQ(FullRun().coverage().rules.count(id), 0U) << id << " is proven by cases";
    EXPECT_THAT(ReadSourceFile(file), HasSubstr(name)) << line;
  }
  EXPECT_EQ(count, 14);
}

// ---- The runner itself ----

v1::PolicyCases Cases(const std::string& file) {
  return ParseDocument<v1::PolicyCases>(file, ReadSourceFile(file)).document->message();
}

std::vector<std::string> RunAll(CaseRunner& runner, const v1::PolicyCases& cases) {
  runner.Run(Document<v1::PolicyCases>::FromMessage(cases, "cases"));
  std::vector<std::string> differences;
  for (const StepResult& step : runner.steps())
    for (const std::string& difference : step.differences) differences.push_back(difference);
  return differences;
}

class CaseRunnerTest : public ::testing::Test {
 protected:
  v1::CaseStep& FirstStep() { return *cases_.mutable_cases(0)->mutable_steps(0); }

  v1::PolicyCases cases_ = Cases("tests/policy/cases/schuldhulp.textproto");
  CaseRunner runner_{ReferenceStatute(), ReferenceConvenant()};
};

TEST_F(CaseRunnerTest, FindsAWrongExpectation) {
  FirstStep().mutable_expect(0)->set_code(v1::ReasonCode::NO_GRANT);
  EXPECT_THAT(RunAll(runner_, cases_), ElementsAre(HasSubstr("expected NO_GRANT")));
  EXPECT_EQ(runner_.failures(), 1U);
}

TEST_F(CaseRunnerTest, FindsAFieldWithoutExpectation) {
  FirstStep().mutable_expect()->RemoveLast();
  EXPECT_THAT(RunAll(runner_, cases_), Contains(HasSubstr("not every asked field")));
}

TEST_F(CaseRunnerTest, FindsAProofThatIsNone) {
  FirstStep().add_proves("M10");
  FirstStep().add_proves("M999");
  EXPECT_THAT(RunAll(runner_, cases_),
              ElementsAre(HasSubstr("proves M10, but that decided no field"),
                          HasSubstr("proves M999, which is no rule")));
}

TEST_F(CaseRunnerTest, FindsAnErrorInsteadOfADecision) {
  FirstStep().mutable_request()->clear_purpose();
  EXPECT_THAT(RunAll(runner_, cases_), Contains(HasSubstr("is MALFORMED at purpose")));
}

TEST_F(CaseRunnerTest, FindsADecisionInsteadOfAnError) {
  FirstStep().clear_expect();
  FirstStep().clear_proves();
  FirstStep().mutable_error()->set_code(v1::ReasonCode::BULK);
  EXPECT_THAT(RunAll(runner_, cases_), ElementsAre(HasSubstr("is a decision, expected BULK")));
}

TEST_F(CaseRunnerTest, FindsTheSameStepTwice) {
  cases_.mutable_cases(1)->set_id(cases_.cases(0).id());
  EXPECT_THAT(RunAll(runner_, cases_), Contains(HasSubstr("another step has the same")));
}

TEST_F(CaseRunnerTest, FindsAFactThatCannotBeCleared) {
  FirstStep().add_clear("casus.moon");
  EXPECT_THAT(RunAll(runner_, cases_), Contains(HasSubstr("no such fact to clear")));
}

TEST_F(CaseRunnerTest, FindsSwitchesThatDoNotCompile) {
  auto& row = *FirstStep().mutable_switches()->add_rows();
  row.set_row("G_NOWHERE");
  EXPECT_THAT(RunAll(runner_, cases_), Contains(HasSubstr("does not compile under its switches")));
}

TEST_F(CaseRunnerTest, SaysWhereAStepStands) {
  const std::string file = "tests/policy/cases/schuldhulp.textproto";
  runner_.Run(*ParseDocument<v1::PolicyCases>(file, ReadSourceFile(file)).document);
  EXPECT_EQ(runner_.steps()[0].file, file);
  EXPECT_GT(runner_.steps()[0].line, 10);
  EXPECT_GT(runner_.steps()[1].line, runner_.steps()[0].line);
}

TEST_F(CaseRunnerTest, ReportsWhatIsNotExercised) {
  RunAll(runner_, cases_);
  EXPECT_THAT(runner_.Gaps(), Contains("grant M10: no case permits"));
  EXPECT_THAT(runner_.Gaps(), Contains("grant M10: no case denies"));
  EXPECT_THAT(runner_.Gaps(), Not(Contains(HasSubstr("grant M70"))));
  EXPECT_THAT(runner_.coverage().grants.at("M70").permits, Not(IsEmpty()));
}

// Without its denials a grant is half covered.
TEST_F(CaseRunnerTest, CountsPermitsAndDenialsApart) {
  v1::PolicyCases permits;
  for (const v1::PolicyCase& message : cases_.cases()) {
    if (message.id() != "M75") continue;
    *permits.add_cases() = message;
    permits.mutable_cases(0)->clear_steps();
    for (const v1::CaseStep& step : message.steps())
      if (step.id() == "permit") *permits.mutable_cases(0)->add_steps() = step;
  }
  EXPECT_THAT(RunAll(runner_, permits), IsEmpty());
  EXPECT_THAT(runner_.Gaps(), Contains("grant M75: no case denies"));
  EXPECT_THAT(runner_.Gaps(), Not(Contains("grant M75: no case permits")));
}

}  // namespace
}  // namespace sluis::policy
