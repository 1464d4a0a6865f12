#include <iostream>
#include <map>
#include <memory>

#include "call.h"
#include "commands.h"

namespace sluis::cli {
namespace {

using client::Client;

void AddRecord(CLI::App& consent, Context& context) {
  CLI::App* command = consent.add_subcommand("record", "Record a consent or a refusal");
  struct Options {
    client::RecordConsentRequest request;
    std::vector<std::string> given_by;
  };
  auto options = std::make_shared<Options>();
  client::Consent& given = options->request.consent;
  command->add_option("--person", given.person_id, "Whose data are meant, by your own id")
      ->required();
  AddPartijHat(*command, "--source", given.source, "Who may provide")->required();
  AddPartijHat(*command, "--recipient", given.recipient, "Who may receive")->required();
  AddList(*command, "--field", given.fields, "A field that it covers");
  AddList(*command, "--category", given.categories, "A category that it covers");
  command->add_option("--purpose", given.purpose, "The purpose")->required();
  command
      ->add_option("--status", given.status, "GEGEVEN_UITDRUKKELIJK, GEGEVEN_BEPERKT, GEWEIGERD, …")
      ->required();
  command->add_option("--flag", given.flag, "AVG_GRONDSLAG or DOORBREKING_GEHEIM")->required();
  command
      ->add_option("--given-by", options->given_by,
                   "Who gave or refused it: SELF, PARENT, VOOGD, REPRESENTATIVE, "
                   "PARENT_WITHOUT_GEZAG; a name tells two parents apart (repeatable)")
      ->required()
      ->allow_extra_args(false)
      ->type_name("CAPACITY[=NAME]");
  AddDate(*command, "--date", given.date, "Day on which it was given or refused")->required();
  AddDate(*command, "--from", given.from, "First day on which it counts")->required();
  AddDate(*command, "--until", given.until, "Last day on which it counts (default: no end)");
  command->add_option("--way", given.way, "How it was given, e.g. schriftelijk")->required();
  command->add_option("--evidence", given.evidence, "Reference of the evidence in your own file")
      ->required();
  command->footer(
      "By the source, or by the recipient; then it counts once the source confirms it. Specific: "
      "it\n"
      "counts for these fields or categories, this purpose and these two sides, nothing else.\n"
      "\n"
      "Example:\n"
      "  sluis consent record --person $person --source P_MEDIANT/GGZ \\\n"
      "    --recipient P_ALMELO/GEM_COLLEGE_WMO --field ggz_behandelrelatie --purpose D02 \\\n"
      "    --status GEGEVEN_UITDRUKKELIJK --flag DOORBREKING_GEHEIM --given-by SELF \\\n"
      "    --date 2026-11-23 --from 2026-11-23 --way schriftelijk --evidence 'dossier 12, blad 3'");
  context.OnRun(*command, [options, &context] {
    client::RecordConsentRequest filled = options->request;
    for (const std::string& giver : options->given_by) {
      const size_t equals = giver.find('=');
      filled.consent.given_by.push_back(
          {giver.substr(0, equals), equals == std::string::npos ? "" : giver.substr(equals + 1)});
    }
    return Change<client::RecordConsentRequest, client::RecordConsentAnswer>(
        context, &Client::RecordConsent, filled, [](const auto& answer) {
          return Json{{"consent_id", answer.consent_id},
                      {"needs_confirmation", answer.needs_confirmation}};
        });
  });
}

void AddConfirm(CLI::App& consent, Context& context) {
  CLI::App* command =
      consent.add_subcommand("confirm", "As the source, confirm what the recipient recorded");
  auto request = std::make_shared<client::ConfirmConsentRequest>();
  command->add_option("--consent", request->consent_id, "The consent, by its id")->required();
  command->footer(
      "Example:\n"
      "  sluis consent confirm --consent $consent");
  context.OnRun(*command,
                [request, &context] { return Change(context, &Client::ConfirmConsent, *request); });
}

void AddWithdraw(CLI::App& consent, Context& context) {
  CLI::App* command = consent.add_subcommand("withdraw", "Withdraw a consent, at once");
  auto request = std::make_shared<client::WithdrawConsentRequest>();
  command->add_option("--consent", request->consent_id, "The consent, by its id")->required();
  command->add_flag("--identity-established", request->identity_established,
                    "For the person: the identity of who withdraws has been established");
  command
      ->add_option("--rights-role", request->rights_role,
                   "For the person: self or representative; decides what is told")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, client::RightsRole>{
              {"self", client::RightsRole::kSelf},
              {"representative", client::RightsRole::kRepresentative}},
          CLI::ignore_case))
      ->type_name("ROLE");
  command->footer(
      "Answers with what was already released on it: that stays lawful.\n"
      "Once this has been answered nothing is released on this consent any more.\n"
      "\n"
      "Example:\n"
      "  sluis consent withdraw --consent $consent");
  context.OnRun(*command, [request, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    const auto answer = session.client().WithdrawConsent(session.call(), *request);
    if (!answer.ok()) return session.Failed(answer.status());
    Json members = Json::object();
    if (context.json) {
      members["earlier"] = Json::array();
      for (const client::EarlierRelease& each : answer->earlier) {
        members["earlier"].push_back({{"entry", each.entry},
                                      {"field", each.field},
                                      {"recipient", ToJson(each.recipient)},
                                      {"date", ToJson(each.date)}});
      }
      members["more"] = answer->more;
    }
    PrintChange(context, members, answer->proof);
    if (!context.json && !context.quiet && !answer->earlier.empty()) {
      std::cout << "\nReleased on it before; that stays lawful:\n\n";
      Table table({"ENTRY", "DATE", "FIELD", "RECEIVED"});
      for (const client::EarlierRelease& each : answer->earlier) {
        table.Add(
            {std::to_string(each.entry), ToText(each.date), each.field, ToText(each.recipient)});
      }
      table.Print(std::cout);
      if (answer->more) std::cout << "\nThere are more: see the log.\n";
    }
    SLUIS_RETURN_IF_ERROR(session.Keep(answer->proof));
    return Exit::kDone;
  });
}

}  // namespace

void AddConsent(CLI::App& parent, Context& context) {
  CLI::App* consent = parent.add_subcommand("consent", "Record, confirm and withdraw consent");
  consent->require_subcommand(1);
  AddRecord(*consent, context);
  AddConfirm(*consent, context);
  AddWithdraw(*consent, context);
}

}  // namespace sluis::cli
