#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "call.h"
#include "commands.h"
#include "content.h"

#include "sluis/base/errors.h"

namespace sluis::cli {
namespace {

using client::Client;

Json ToJson(const client::DecisionRequest& request) {
  Json fields = Json::array();
  for (const client::DecisionField& field : request.fields) {
    fields.push_back({{"field", field.field},
                      {"motivation", field.motivation},
                      {"kinds", field.kinds},
                      {"missing", field.missing},
                      {"state", field.state},
                      {"fact_id", field.fact_id},
                      {"professional", field.professional}});
  }
  return {{"decision_request_id", request.decision_request_id},
          {"state", request.state},
          {"casus_id", request.casus_id},
          {"person_id", request.person_id},
          {"hat", request.hat},
          {"recipient", cli::ToJson(request.recipient)},
          {"recipient_professional", request.recipient_professional},
          {"tafel", request.tafel},
          {"stage", request.stage},
          {"purpose", request.purpose},
          {"asked_at", request.asked_at},
          {"expires_on", cli::ToJson(request.expires_on)},
          {"fields", std::move(fields)}};
}

void AddList(CLI::App& decision, Context& context) {
  struct Options {
    client::ListDecisionRequestsRequest request;
    client::Page page;
  };
  CLI::App* command = decision.add_subcommand("list", "What waits for a decision of ours");
  auto options = std::make_shared<Options>();
  command->add_option("--of-hat", options->request.hat, "Only what is asked of this hat");
  command->add_flag("--all", options->request.include_closed, "Also what is no longer open");
  AddPage(*command, options->page);
  command->footer(
      "Oldest first. Motivations are shown by `sluis decision show`, to who has to decide.\n"
      "New ones are told by `sluis notices --follow --type nl.sluis.decision-asked`.\n"
      "\n"
      "Example:\n"
      "  sluis decision list --of-hat GGZ");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    SLUIS_ASSIGN_OR_RETURN(const client::DecisionRequestPage page,
                           session.client().ListDecisionRequests(options->request, options->page));
    if (context.json) {
      Json requests = Json::array();
      for (const auto& request : page.requests) requests.push_back(ToJson(request));
      PrintJson({{"requests", std::move(requests)}, {"next_page_token", page.next_page_token}});
      return Exit::kDone;
    }
    if (context.quiet) {
      for (const auto& request : page.requests)
        std::cout << Printable(request.decision_request_id) << "\n";
      return Exit::kDone;
    }
    Table table({"REQUEST", "STATE", "ASKED BY", "PURPOSE", "FIELDS", "LAST DAY"});
    for (const client::DecisionRequest& request : page.requests) {
      std::vector<std::string> fields;
      for (const client::DecisionField& field : request.fields) fields.push_back(field.field);
      table.Add({request.decision_request_id, request.state, ToText(request.recipient),
                 request.purpose, absl::StrJoin(fields, "\n"), ToText(request.expires_on)});
    }
    table.PrintOr(std::cout, "Nothing waits for a decision.");
    PrintMore(std::cout, page.next_page_token);
    return Exit::kDone;
  });
}

void AddShow(CLI::App& decision, Context& context) {
  CLI::App* command =
      decision.add_subcommand("show", "One request, with the motivations of who asks");
  auto id = std::make_shared<std::string>();
  command->add_option("REQUEST", *id, "The request, by its id")->required();
  command->footer(
      "For a professional on record in the hat that is asked (--hat, --professional). KIND is for\n"
      "--kind of `sluis decision decide`; MISSING is all that a release asks and that is not "
      "there\n"
      "yet, so a decision may not be enough.\n"
      "\n"
      "Example:\n"
      "  sluis decision show $request");
  context.OnRun(*command, [id, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    SLUIS_ASSIGN_OR_RETURN(const client::DecisionRequest request,
                           session.client().GetDecisionRequest(session.call(), *id));
    if (context.json) {
      PrintJson(ToJson(request));
      return Exit::kDone;
    }
    PrintPairs(std::cout, {{"request", request.decision_request_id},
                           {"state", request.state},
                           {"casus", request.casus_id},
                           {"person", request.person_id},
                           {"asked by", absl::StrCat(ToText(request.recipient), ", ",
                                                     request.recipient_professional)},
                           {"at", request.tafel},
                           {"stage", request.stage},
                           {"for", request.purpose},
                           {"asked at", request.asked_at},
                           {"last day", ToText(request.expires_on)}});
    std::cout << "\n";
    Table table({"FIELD", "STATE", "KIND", "MISSING", "WHY IT IS ASKED"});
    for (const client::DecisionField& field : request.fields) {
      table.Add({field.field, field.state, absl::StrJoin(field.kinds, "\n"),
                 absl::StrJoin(field.missing, "\n"), field.motivation});
    }
    table.Print(std::cout);
    return Exit::kDone;
  });
}

void AddDecide(CLI::App& decision, Context& context) {
  struct Options {
    client::DecideRequest request;
    std::vector<std::string> conditions;
    bool refuse = false;
  };
  CLI::App* command = decision.add_subcommand("decide", "Provide all or part, or refuse");
  auto options = std::make_shared<Options>();
  client::DecideRequest& request = options->request;
  command->add_option("REQUEST", request.decision_request_id, "The request, by its id")->required();
  command
      ->add_option("--kind", request.kind,
                   "The decision: GHV (goed hulpverlenerschap), CVP (conflict van plichten), WAMS, "
                   "MELDRECHT, ACUUT, SELECTIE, WJSG, INSTEMMING")
      ->required();
  CLI::Option* give = cli::AddList(*command, "--give", request.fields, "A field that is provided");
  command->add_flag("--refuse", options->refuse, "Refuse: all fields, or those of --field")
      ->excludes(give);
  cli::AddList(*command, "--field", request.fields, "With --refuse: a field that is refused")
      ->excludes(give);
  command->add_option("--reason", request.reason, "Why; sealed")->required();
  command->add_option("--reference", request.reference, "Reference in your own file")->required();
  command->add_option("--decided-by", request.decided_by,
                      "Who decided, when it is a colleague on record (default: --professional)");
  AddDate(*command, "--date", request.date, "Day of the decision (default: today)");
  AddDate(*command, "--until", request.until,
          "Last day on which it counts; needed with --give, but for ACUUT");
  command->add_flag("--leave-rest-open", request.leave_rest_open,
                    "What is not given stays open (default: it is refused too)");
  cli::AddList(*command, "--condition", options->conditions,
               "A condition on what is given: NIET_DOOR, EINDDATUM=YYYY-MM-DD, ALLEEN_TAFEL=TAFEL");
  const std::string parts = "Parts that a kind of decision needs";
  const auto text = [&](const char* name, std::string& target, const char* help) {
    command->add_option(name, target, help)->group(parts);
  };
  text("--at", request.at, "ACUUT: when, RFC 3339");
  command
      ->add_flag("--consent-impossible", request.consent_impossible,
                 "ACUUT: consent could not be asked")
      ->group(parts);
  command
      ->add_flag("--no-lesser-means", request.no_lesser_means, "ACUUT: there was no lesser means")
      ->group(parts);
  text("--necessity", request.necessity, "WAMS: why it is necessary for good help");
  text("--weighty-reasons", request.weighty_reasons,
       "WAMS: which weighty reasons oppose, or that there are none");
  text("--consent-sought", request.consent_sought,
       "WAMS: whether consent was sought, and the answer");
  text("--weighty-interest", request.weighty_interest, "WJSG: the weighty interest");
  text("--purpose", request.purpose, "WJSG: the purpose");
  command->add_flag("--no-tracing", request.no_tracing, "WJSG: the data cannot be traced to others")
      ->group(parts);
  command->footer(
      "What is given is released when the asker asks again; what is refused stays refused until "
      "there\n"
      "is a new record. `sluis fact withdraw` withdraws either.\n"
      "\n"
      "Example:\n"
      "  sluis decision decide $request --kind GHV --give signaleringsplan_bejegening \\\n"
      "    --until 2027-03-01 --condition NIET_DOOR --reason 'de behandeling loopt anders vast' "
      "\\\n"
      "    --reference 'dossier 12'");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    if (!options->refuse && options->request.fields.empty())
      return Malformed("fields", "give --give FIELD for what is provided, or --refuse");
    client::DecideRequest filled = options->request;
    filled.result = options->refuse ? "REFUSED" : "GIVEN";
    for (const std::string& condition : options->conditions) {
      SLUIS_ASSIGN_OR_RETURN(client::SourceCondition read, ReadCondition(condition));
      filled.conditions.push_back(std::move(read));
    }
    return Change<client::DecideRequest, client::DecideAnswer>(
        context, &Client::Decide, filled, [](const client::DecideAnswer& answer) {
          return Json{{"given_fact_id", answer.given_fact_id},
                      {"refused_fact_id", answer.refused_fact_id},
                      {"condition_fact_ids", answer.condition_fact_ids},
                      {"open_fields", answer.open_fields}};
        });
  });
}

}  // namespace

void AddDecision(CLI::App& parent, Context& context) {
  CLI::App* decision =
      parent.add_subcommand("decision", "What waits for a decision of your professionals");
  decision->require_subcommand(1);
  AddList(*decision, context);
  AddShow(*decision, context);
  AddDecide(*decision, context);
}

}  // namespace sluis::cli
