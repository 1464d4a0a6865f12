#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "policy_files.h"
#include "print.h"

#include "sluis/base/status_macros.h"

namespace sluis::cli {
namespace {

struct Options {
  PolicyFiles files;
  bool strict_warnings = false;
};

absl::StatusOr<Exit> Check(const Options& options, bool json) {
  SLUIS_ASSIGN_OR_RETURN(const CompiledFiles files, CheckFiles(options.files));
  const bool good = files.policy != nullptr;
  if (json) {
    Json out = {{"good", good},
                {"errors", files.errors()},
                {"warnings", files.warnings()},
                {"issues", IssuesToJson(files.issues)}};
    if (good) {
      out["convenant"] = files.policy->convenant_id();
      out["convenant_version"] = files.policy->convenant_version();
      out["statute_version"] = files.policy->statute_version();
      out["grants"] = files.policy->grant_count();
      out["rows"] = files.policy->row_count();
      out["policy_hash"] = PolicyHashHex(*files.policy);
    }
    PrintJson(out);
  } else {
    PrintIssues(std::cout, files);
    std::cout << (good ? Coloured("good", Ink::kGreen) : Coloured("not good", Ink::kRed)) << ": "
              << Counted(files.errors(), "error", "errors") << ", "
              << Counted(files.warnings(), "warning", "warnings") << "\n";
    if (good) {
      PrintPairs(
          std::cout,
          {{"convenant", absl::StrCat(files.policy->convenant_id(), ", version ",
                                      files.policy->convenant_version(), ", ",
                                      Counted(files.policy->grant_count(), "grant", "grants"))},
           {"statute", absl::StrCat("version ", files.policy->statute_version(), ", ",
                                    Counted(files.policy->row_count(), "row", "rows"))},
           {"policy hash", PolicyHashHex(*files.policy)}});
    }
  }
  if (!good) return Exit::kDocumentErrors;
  return options.strict_warnings && files.warnings() > 0 ? Exit::kDocumentWarnings : Exit::kDone;
}

}  // namespace

void AddPolicyCheck(CLI::App& policy, Context& context) {
  CLI::App* command = policy.add_subcommand(
      "check",
      "Say what is wrong with statute and convenant, and where: also grants that can never "
      "release,\n"
      "conditions that contradict, fields that nobody can receive, rows that are off");
  auto options = std::make_shared<Options>();
  AddPolicyFiles(*command, options->files);
  command->add_flag("--strict-warnings", options->strict_warnings,
                    "End with code 8 when there are warnings");
  command->footer(
      "Ends with 0 when nothing is wrong, 7 when the documents have errors, and with\n"
      "--strict-warnings 8 when they have warnings. Every finding is exact: it holds for every\n"
      "request, every day of the convenant and all facts (docs/policy-tools.md).\n"
      "\n"
      "Example:\n"
      "  sluis policy check statute.textproto ave-twente.textproto --switches switches.textproto");
  context.OnRun(*command, [options, &context] { return Check(*options, context.json); });
}

}  // namespace sluis::cli
