#include <iostream>
#include <memory>

#include "commands.h"
#include "policy_files.h"
#include "print.h"

#include "sluis/base/status_macros.h"
#include "sluis/policy/matrix.h"

namespace sluis::cli {
namespace {

struct Options {
  PolicyFiles files;
  std::string texts;
  policy::MatrixFilter filter;
  policy::MatrixFormat format = policy::MatrixFormat::kMarkdown;
  std::string out;
};

Json RowToJson(const policy::MatrixRow& row) {
  Json days = Json::array();
  for (const auto& range : row.days)
    days.push_back({{"from", range.from.ToString()}, {"until", range.until.ToString()}});
  Json circumstances = Json::array();
  for (int i = 0; i < policy::kCircumstanceCount; ++i) {
    const auto circumstance = static_cast<policy::Circumstance>(i);
    if ((row.way.circumstances & policy::Bit(circumstance)) != 0)
      circumstances.push_back(std::string(policy::CircumstanceName(circumstance)));
  }
  return {{"recipient_hats", row.recipient_hats},
          {"source_hats", row.source_hats},
          {"fields", row.fields},
          {"tafels", row.tafels},
          {"phases", row.phases},
          {"stages", row.stages},
          {"purposes", row.purposes},
          {"conditions", policy::ConditionNames(row.way.conditions)},
          {"circumstances", circumstances},
          {"tasks", row.way.tasks},
          {"powers", row.way.powers},
          {"obligations", policy::ObligationNames(row.way.obligations)},
          {"grant", row.grant},
          {"row", row.row},
          {"citation", row.citation},
          {"days", days}};
}

absl::StatusOr<Exit> ShowMatrix(const Options& options, const Context& context) {
  SLUIS_ASSIGN_OR_RETURN(const CompiledFiles files, CompileFiles(options.files));
  if (files.policy == nullptr) {
    PrintIssues(std::cerr, files);
    return Exit::kDocumentErrors;
  }
  SLUIS_ASSIGN_OR_RETURN(const auto texts, TextsFrom(options.texts));
  SLUIS_ASSIGN_OR_RETURN(const auto rows, policy::Matrix(*files.policy, options.filter));
  if (context.json) {
    Json list = Json::array();
    for (const policy::MatrixRow& row : rows) list.push_back(RowToJson(row));
    PrintJson({{"convenant", files.policy->convenant_id()},
               {"convenant_version", files.policy->convenant_version()},
               {"policy_hash", PolicyHashHex(*files.policy)},
               {"rows", list}});
    return Exit::kDone;
  }
  const auto language =
      context.profile.language == "nl" ? policy::Language::kDutch : policy::Language::kEnglish;
  const std::string text =
      policy::RenderMatrix(rows, *files.policy, *texts, language, options.format);
  if (!options.out.empty()) {
    SLUIS_RETURN_IF_ERROR(WriteOutput(options.out, text, Access::kShared));
  } else {
    std::cout << Printable(text, true);
  }
  return Exit::kDone;
}

}  // namespace

void AddPolicyMatrix(CLI::App& policy, Context& context) {
  CLI::App* command = policy.add_subcommand(
      "matrix", "Who may receive what from whom, and under which conditions: the annex");
  auto options = std::make_shared<Options>();
  AddPolicyFiles(*command, options->files);
  command->add_option("--texts", options->texts, "The catalogue of texts")->required();
  command->add_option("--format", options->format, "markdown, html or csv")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, policy::MatrixFormat>{{"markdown", policy::MatrixFormat::kMarkdown},
                                                      {"html", policy::MatrixFormat::kHtml},
                                                      {"csv", policy::MatrixFormat::kCsv}},
          CLI::ignore_case));
  command->add_option("--phase", options->filter.phase, "Only this phase");
  command->add_option("--partij", options->filter.partij,
                      "Only what this partij gives or receives");
  command->add_option("--out", options->out, "Write to this file instead of standard output");
  command->footer(
      "Example:\n"
      "  sluis --language nl policy matrix statute.textproto ave-twente.textproto \\\n"
      "    --texts texts.textproto --format html --out bijlage.html");
  context.OnRun(*command, [options, &context] { return ShowMatrix(*options, context); });
}

}  // namespace sluis::cli
