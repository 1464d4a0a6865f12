#include <iostream>
#include <memory>

#include "commands.h"
#include "policy_files.h"
#include "print.h"

#include "sluis/base/status_macros.h"
#include "sluis/policy/diff.h"
#include "sluis/policy/v1/case.pb.h"

namespace sluis::cli {
namespace {

struct Options {
  PolicyFiles before;
  PolicyFiles after;
  policy::DiffOptions diff;
  bool exit_code = false;
};

std::string_view KindName(policy::Difference::Kind kind) {
  using Kind = policy::Difference::Kind;
  switch (kind) {
    case Kind::kGained:
      return "GAINED";
    case Kind::kLost:
      return "LOST";
    case Kind::kEasier:
      return "EASIER";
    case Kind::kStricter:
      return "STRICTER";
    case Kind::kChanged:
      return "CHANGED";
    case Kind::kObligations:
      return "OBLIGATIONS";
    case Kind::kTogether:
      return "TOGETHER";
  }
  return "";
}

Json WayToJson(const policy::Way& way) {
  Json circumstances = Json::array();
  for (int i = 0; i < policy::kCircumstanceCount; ++i) {
    const auto circumstance = static_cast<policy::Circumstance>(i);
    if ((way.circumstances & policy::Bit(circumstance)) != 0)
      circumstances.push_back(std::string(policy::CircumstanceName(circumstance)));
  }
  return {{"conditions", policy::ConditionNames(way.conditions)},
          {"circumstances", circumstances},
          {"tasks", way.tasks},
          {"powers", way.powers},
          {"obligations", policy::ObligationNames(way.obligations)}};
}

Json AnswerToJson(const policy::Difference::Answer& answer, CivilDate day) {
  Json out = {{"day", day.ToString()}, {"well_formed", answer.well_formed}};
  if (answer.well_formed) {
    out["outcome"] = std::string(OutcomeName(answer.outcome));
    out["code"] = std::string(CodeName(answer.code));
    out["obligations"] = policy::ObligationNames(answer.obligations);
  }
  return out;
}

Json ProofToJson(const policy::Difference::Proof& proof) {
  const policy::v1::DecisionRequest& request = *proof.witness.request;
  Json fields = Json::array();
  for (const auto& field : request.fields()) fields.push_back(field.field());
  Json out = {
      {"request",
       {{"partij", request.partij()},
        {"acting_hat", request.acting_hat()},
        {"source", {{"partij", request.source().partij()}, {"hat", request.source().hat()}}},
        {"tafel", request.tafel()},
        {"phase", proof.witness.phase},
        {"stage", proof.witness.stage},
        {"purpose", request.purpose()},
        {"fields", fields}}},
      {"holds", WayToJson(proof.witness.holds)},
      {"before", AnswerToJson(proof.before, proof.day_before)},
      {"after", AnswerToJson(proof.after, proof.day_after)}};
  if (proof.reading) out["recorded"] = proof.reading->en;
  return out;
}

Json DiffToJson(const policy::PolicyDiff& diff) {
  Json releases = Json::array();
  for (const policy::Difference& difference : diff.releases) {
    Json before = Json::array();
    for (const policy::Way& way : difference.before) before.push_back(WayToJson(way));
    Json after = Json::array();
    for (const policy::Way& way : difference.after) after.push_back(WayToJson(way));
    Json days = Json::array();
    for (const auto& range : difference.days)
      days.push_back({{"from", range.from.ToString()}, {"until", range.until.ToString()}});
    Json proofs = Json::array();
    for (const auto& proof : difference.proofs) proofs.push_back(ProofToJson(proof));
    releases.push_back({{"kind", std::string(KindName(difference.kind))},
                        {"recipient_hats", difference.recipient_hats},
                        {"source_hats", difference.source_hats},
                        {"tafels", difference.tafels},
                        {"phases", difference.phases},
                        {"stages", difference.stages},
                        {"purposes", difference.purposes},
                        {"fields", difference.fields},
                        {"others", difference.others},
                        {"days", days},
                        {"before", before},
                        {"after", after},
                        {"grants_before", difference.grants_before},
                        {"grants_after", difference.grants_after},
                        {"proofs", proofs}});
  }
  Json changes = Json::array();
  for (const policy::Change& change : diff.changes) {
    Json entry = {{"where", change.where}, {"before", change.before}, {"after", change.after}};
    Json proofs = Json::array();
    for (const auto& proof : change.proofs) proofs.push_back(ProofToJson(proof));
    entry["proofs"] = std::move(proofs);
    entry["without_effect"] = change.without_effect;
    entry["description"] = change.description;
    changes.push_back(std::move(entry));
  }
  return {{"different", !diff.empty()},
          {"never_together", diff.never_together},
          {"releases", releases},
          {"changes", changes}};
}

absl::StatusOr<Exit> ShowDiff(const Options& options, const Context& context) {
  SLUIS_ASSIGN_OR_RETURN(const CompiledFiles before, CompileFiles(options.before));
  SLUIS_ASSIGN_OR_RETURN(const CompiledFiles after, CompileFiles(options.after));
  if (before.policy == nullptr || after.policy == nullptr) {
    PrintIssues(std::cerr, before);
    PrintIssues(std::cerr, after);
    return Exit::kDocumentErrors;
  }
  SLUIS_ASSIGN_OR_RETURN(const policy::PolicyDiff diff,
                         policy::Diff(*before.policy, *after.policy, options.diff));
  if (context.json) {
    PrintJson(DiffToJson(diff));
  } else {
    const auto language =
        context.profile.language == "nl" ? policy::Language::kDutch : policy::Language::kEnglish;
    std::cout << Printable(policy::RenderDifferences(diff, language), true);
  }
  return options.exit_code && !diff.empty() ? Exit::kDifferent : Exit::kDone;
}

}  // namespace

void AddPolicyDiff(CLI::App& policy, Context& context) {
  CLI::App* command = policy.add_subcommand(
      "diff", "What a new version changes: who gains or loses what, with a request that shows it");
  auto options = std::make_shared<Options>();
  command->add_option("BEFORE_STATUTE", options->before.statute, "The statute before")->required();
  command->add_option("BEFORE_CONVENANT", options->before.convenant, "The convenant before")
      ->required();
  command->add_option("AFTER_STATUTE", options->after.statute, "The statute after")->required();
  command->add_option("AFTER_CONVENANT", options->after.convenant, "The convenant after")
      ->required();
  command->add_option("--before-switches", options->before.switches, "The switches before");
  command->add_option("--after-switches", options->after.switches, "The switches after");
  command->add_flag("--order", options->diff.order,
                    "Also obligations that differ only by the order of grants and rows");
  command->add_flag("--exit-code", options->exit_code, "End with code 10 when anything differs");
  command->footer(
      "Renaming, reordering, splitting and merging grants are no difference. Every difference has\n"
      "a request that the two versions answer otherwise.\n"
      "\n"
      "Example:\n"
      "  sluis policy diff statute.textproto ave-2026.textproto statute.textproto "
      "ave-2027.textproto");
  context.OnRun(*command, [options, &context] { return ShowDiff(*options, context); });
}

}  // namespace sluis::cli
