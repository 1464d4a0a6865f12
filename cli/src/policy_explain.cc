#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "policy_cases.h"
#include "policy_files.h"
#include "print.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/policy/cases.h"
#include "sluis/policy/explain.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"

namespace sluis::cli {
namespace {

struct Options {
  PolicyFiles documents;
  std::string cases;
  std::string texts;
  std::string case_id;
  std::string step_id;
  bool requester = false;
};

// The one step that was meant.
absl::StatusOr<policy::ExpandedStep> FindStep(const CaseFiles& files, const Options& options) {
  std::optional<policy::ExpandedStep> found;
  size_t matching = 0;
  for (const auto& file : files.files) {
    for (const policy::v1::PolicyCase& message : file.message().cases()) {
      if (!options.case_id.empty() && message.id() != options.case_id) continue;
      SLUIS_ASSIGN_OR_RETURN(const auto steps, policy::ExpandCase(message));
      for (const policy::ExpandedStep& step : steps) {
        if (!options.step_id.empty() && step.step->id() != options.step_id) continue;
        ++matching;
        if (!found) found = step;
      }
    }
  }
  if (!found) return NotFound("STEP_UNKNOWN", "the file has no such case and step");
  if (matching > 1) {
    return InvalidArgument(
        "STEP_AMBIGUOUS",
        absl::StrCat(matching, " steps are meant; name one by --case and --step"));
  }
  return *std::move(found);
}

absl::StatusOr<Exit> ExplainStep(const Options& options, const Context& context) {
  SLUIS_ASSIGN_OR_RETURN(const CompiledFiles compiled, CompileFiles(options.documents));
  SLUIS_ASSIGN_OR_RETURN(const CaseFiles cases, ReadCaseFiles({options.cases}));
  if (compiled.policy == nullptr || policy::HasErrors(cases.issues)) {
    PrintIssues(std::cerr, compiled);
    for (const policy::Issue& issue : cases.issues)
      std::cerr << Printable(policy::FormatIssue(issue)) << "\n";
    return Exit::kDocumentErrors;
  }
  SLUIS_ASSIGN_OR_RETURN(const policy::ExpandedStep step, FindStep(cases, options));
  std::shared_ptr<const policy::Policy> policy = compiled.policy;
  if (options.documents.switches.empty()) {
    policy::CompileResult under =
        policy::Compile(policy::Document<policy::v1::Statute>::FromMessage(
                            policy->statute(), options.documents.statute),
                        policy::Document<policy::v1::Convenant>::FromMessage(
                            policy->convenant(), options.documents.convenant),
                        policy::Document<policy::v1::OperatorSwitches>::FromMessage(
                            *step.switches, "switches of the case"));
    if (under.policy == nullptr)
      return InvalidArgument("DOCUMENT_INVALID", policy::FormatIssue(under.issues.front()));
    policy = std::move(under.policy);
  }
  SLUIS_ASSIGN_OR_RETURN(const auto texts, TextsFrom(options.texts));
  SLUIS_ASSIGN_OR_RETURN(
      const policy::Explanation explanation,
      policy::Explain(*policy, *step.facts, step.step->request(), step.now, step.today));
  const auto language =
      context.profile.language == "nl" ? policy::Language::kDutch : policy::Language::kEnglish;
  const std::string text =
      policy::Render(explanation, *policy, *texts, language,
                     options.requester ? policy::Audience::kRequester : policy::Audience::kOfficer);
  bool released = true;
  Json fields = Json::array();
  for (const policy::ExplainedField& field : explanation.fields) {
    released &= field.decision.outcome == Outcome::kRelease;
    fields.push_back({{"field", policy->NameOf(field.decision.field)},
                      {"outcome", OutcomeName(field.decision.outcome)},
                      {"code", CodeName(field.decision.code)}});
  }
  if (context.json) {
    PrintJson({{"case", step.case_id},
               {"step", step.step->id()},
               {"fields", std::move(fields)},
               {"explanation", text}});
  } else {
    std::cout << Printable(text, true);
  }
  return released ? Exit::kDone : Exit::kNotReleased;
}

}  // namespace

void AddPolicyExplain(CLI::App& policy, Context& context) {
  CLI::App* command = policy.add_subcommand(
      "explain", "Show one decision step by step, from facts and a request in a case file");
  auto options = std::make_shared<Options>();
  AddPolicyFiles(*command, options->documents);
  command->add_option("CASES", options->cases, "The file (or folder) with the case")->required();
  command->add_option("--case", options->case_id, "The case (default: the only one)");
  command->add_option("--step", options->step_id, "The step (default: the only one)");
  command->add_option("--texts", options->texts, "The catalogue of texts (texts.textproto)")
      ->required();
  command->add_flag("--requester", options->requester,
                    "Only what the answer to the requester says");
  command->footer(
      "Without --switches the switches of the case hold. Ends with 0 when every field is "
      "released,\n"
      "3 when one is not.\n"
      "\n"
      "Example:\n"
      "  sluis policy explain statute.textproto ave-twente.textproto \\\n"
      "    tests/policy/cases/politie.textproto --case M10 --step permit --texts texts.textproto");
  context.OnRun(*command, [options, &context] { return ExplainStep(*options, context); });
}

}  // namespace sluis::cli
