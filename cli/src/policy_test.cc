#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "policy_cases.h"
#include "policy_files.h"
#include "print.h"

#include "sluis/base/status_macros.h"
#include "sluis/policy/coverage.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"

namespace sluis::cli {
namespace {

using policy::CaseRunner;
using policy::Exercise;
using policy::StepResult;

struct Options {
  PolicyFiles documents;
  std::vector<std::string> cases;
  bool require_coverage = false;
  bool index = false;
  bool all = false;
};

std::string Place(const StepResult& step) { return absl::StrCat(step.file, ":", step.line); }
std::string Name(const StepResult& step) { return absl::StrCat(step.case_id, " ", step.step_id); }

// "3 of 4 grants".
struct Share {
  size_t covered = 0;
  size_t all = 0;
};
Share ShareOf(const std::map<std::string, Exercise>& exercises,
              const std::map<std::string, std::string>& unreachable) {
  Share share;
  for (const auto& [id, exercise] : exercises) {
    if (unreachable.count(id) != 0) continue;
    ++share.all;
    if (!exercise.permits.empty() && !exercise.denials.empty()) ++share.covered;
  }
  return share;
}

Json StepToJson(const StepResult& step) {
  return {{"case", step.case_id},
          {"step", step.step_id},
          {"file", step.file},
          {"line", step.line},
          {"good", step.differences.empty()},
          {"differences", step.differences},
          {"proves", step.proves}};
}

Json ExercisesToJson(const CaseRunner& runner, const std::map<std::string, Exercise>& exercises) {
  Json out = Json::object();
  const auto places = [&](const std::vector<size_t>& steps) {
    Json list = Json::array();
    for (const size_t step : steps) {
      list.push_back({{"step", Name(runner.steps()[step])}, {"at", Place(runner.steps()[step])}});
    }
    return list;
  };
  for (const auto& [id, exercise] : exercises)
    out[id] = {{"permits", places(exercise.permits)}, {"denies", places(exercise.denials)}};
  return out;
}

// Where each rule, grant, row and exclusion is proven: id, article, the first step that permits and
// the first that denies.
void PrintIndex(const CaseRunner& runner, const policy::v1::Statute& statute,
                const policy::v1::Convenant& convenant) {
  std::map<std::string, std::string> articles;
  for (const auto& row : statute.rows()) articles[row.id()] = row.citation();
  for (const auto& exclusion : convenant.exclusions())
    articles[exclusion.id()] = exclusion.provenance();
  for (const auto& grant : convenant.grants()) {
    std::string& cited = articles[grant.id()];
    for (const std::string& row : grant.grondslagen())
      absl::StrAppend(&cited, cited.empty() ? "" : "; ", articles[row]);
  }
  // A line each, so that grep finds all of it.
  const auto add = [&](const std::map<std::string, Exercise>& exercises) {
    for (const auto& entry : exercises) {
      const std::string& id = entry.first;
      const Exercise& exercise = entry.second;
      const auto line = [&](const std::vector<size_t>& steps, const char* word) {
        if (steps.empty()) return;
        const StepResult& step = runner.steps()[steps.front()];
        const std::string& article = articles[id];
        std::cout << Printable(absl::StrCat(id, " ", word, "  ", Place(step), "  ", Name(step),
                                            article.empty() ? "" : "  [", article,
                                            article.empty() ? "" : "]"))
                  << "\n";
      };
      line(exercise.permits, "permits");
      line(exercise.denials, "denies");
    }
  };
  add(runner.coverage().rules);
  add(runner.coverage().grants);
  add(runner.coverage().rows);
  add(runner.coverage().exclusions);
}

absl::StatusOr<Exit> Test(const Options& options, bool json) {
  SLUIS_ASSIGN_OR_RETURN(const CompiledFiles compiled, CompileFiles(options.documents));
  SLUIS_ASSIGN_OR_RETURN(const CaseFiles cases, ReadCaseFiles(options.cases));
  if (compiled.policy == nullptr || policy::HasErrors(cases.issues)) {
    if (json) {
      Json issues = IssuesToJson(compiled.issues);
      for (const Json& issue : IssuesToJson(cases.issues)) issues.push_back(issue);
      PrintJson({{"good", false}, {"issues", issues}});
    } else {
      PrintIssues(std::cout, compiled);
      for (const policy::Issue& issue : cases.issues)
        std::cout << Printable(policy::FormatIssue(issue)) << "\n";
    }
    return Exit::kDocumentErrors;
  }
  // The same documents with their places would say no more: what is compared is the decision.
  CaseRunner runner(policy::Document<policy::v1::Statute>::FromMessage(compiled.policy->statute(),
                                                                       options.documents.statute),
                    policy::Document<policy::v1::Convenant>::FromMessage(
                        compiled.policy->convenant(), options.documents.convenant));
  for (const auto& file : cases.files) runner.Run(file);
  const std::vector<std::string> gaps = runner.Gaps();
  const std::vector<std::string> condition_gaps = runner.ConditionGaps();
  const bool covered = !options.require_coverage || gaps.empty();
  const policy::Coverage& coverage = runner.coverage();
  if (json) {
    Json steps = Json::array();
    for (const StepResult& step : runner.steps()) steps.push_back(StepToJson(step));
    Json out = {{"good", runner.failures() == 0 && covered},
                {"failures", runner.failures()},
                {"steps", std::move(steps)},
                {"gaps", gaps},
                {"condition_gaps", condition_gaps},
                {"unreachable", runner.unreachable()}};
    if (options.index) {
      out["index"] = {{"rules", ExercisesToJson(runner, coverage.rules)},
                      {"grants", ExercisesToJson(runner, coverage.grants)},
                      {"rows", ExercisesToJson(runner, coverage.rows)},
                      {"exclusions", ExercisesToJson(runner, coverage.exclusions)},
                      {"conditions", ExercisesToJson(runner, coverage.conditions)}};
    }
    PrintJson(out);
  } else {
    if (options.index) PrintIndex(runner, compiled.policy->statute(), compiled.policy->convenant());
    for (const StepResult& step : runner.steps()) {
      const bool good = step.differences.empty();
      if (good && !options.all) continue;
      std::cout << (good ? Coloured("pass", Ink::kGreen) : Coloured("FAIL", Ink::kRed)) << " "
                << Printable(absl::StrCat(Place(step), ": ", Name(step), ": ", step.ask)) << "\n";
      for (const std::string& difference : step.differences)
        std::cout << "     " << Printable(difference) << "\n";
    }
    for (const std::string& gap : gaps) {
      std::cout << Coloured("gap", options.require_coverage ? Ink::kRed : Ink::kYellow) << "  "
                << Printable(gap) << "\n";
    }
    for (const std::string& gap : condition_gaps)
      std::cout << Coloured("note", Ink::kDim) << " " << Printable(gap) << "\n";
    for (const auto& [id, why] : runner.unreachable())
      std::cout << Coloured("idle", Ink::kDim) << " " << Printable(absl::StrCat(id, ": ", why))
                << "\n";
    const auto share = [&](const std::map<std::string, Exercise>& exercises) {
      const Share part = ShareOf(exercises, runner.unreachable());
      return absl::StrCat(part.covered, " of ", part.all, " both ways");
    };
    PrintPairs(std::cout,
               {{"steps", absl::StrCat(runner.steps().size(), ", of which ", runner.failures(),
                                       " decide otherwise than written")},
                {"grants", share(coverage.grants)},
                {"rows", share(coverage.rows)},
                {"exclusions", share(coverage.exclusions)},
                {"conditions", share(coverage.conditions)},
                {"rules named", share(coverage.rules)}});
  }
  return runner.failures() == 0 && covered ? Exit::kDone : Exit::kDecidesOtherwise;
}

}  // namespace

void AddPolicyTest(CLI::App& policy, Context& context) {
  CLI::App* command = policy.add_subcommand(
      "test",
      "Run worked cases against statute and convenant, and say what they leave unexercised");
  auto options = std::make_shared<Options>();
  command->add_option("STATUTE", options->documents.statute, "The statute document")->required();
  command->add_option("CONVENANT", options->documents.convenant, "The convenant document")
      ->required();
  command->add_option("CASES", options->cases, "Case files, or folders of them")->required();
  command->add_flag("--require-coverage", options->require_coverage,
                    "End with code 9 when a grant, row or exclusion is not exercised both ways");
  command->add_flag("--index", options->index,
                    "List where each rule, grant, row and exclusion is proven");
  command->add_flag("--all", options->all, "Show the steps that pass too");
  command->footer(
      "Each case states facts, a request and what is expected of every field; each runs under the\n"
      "switches that it states. Ends with 0 when every step decides as written, 9 when one does "
      "not,\n"
      "7 when documents or cases cannot be read.\n"
      "\n"
      "Example:\n"
      "  sluis policy test statute.textproto ave-twente.textproto tests/policy/cases --index");
  context.OnRun(*command, [options, &context] { return Test(*options, context.json); });
}

}  // namespace sluis::cli
