#include <iostream>
#include <map>
#include <memory>

#include "absl/strings/str_join.h"
#include "call.h"
#include "commands.h"
#include "usage_purpose.h"

// The person concerned: `sluis duty`, `sluis review`, `sluis inzage`, `sluis correction` and
// `sluis emergency`.
namespace sluis::cli {
namespace {

using client::Client;

void AddRole(CLI::App& command, client::RightsRole& role, bool& identified) {
  static const std::map<std::string, client::RightsRole> kRoles = {
      {"self", client::RightsRole::kSelf}, {"representative", client::RightsRole::kRepresentative}};
  command.add_option("--rights-role", role, "Who asks: self (the person) or representative")
      ->transform(CLI::CheckedTransformer(kRoles, CLI::ignore_case))
      ->type_name("ROLE");
  command.add_flag("--identity-established", identified,
                   "The identity of who asks has been established (AVG 12 lid 6)");
}

// ---- sluis duty ----

void AddDutyList(CLI::App& duty, Context& context) {
  CLI::App* command = duty.add_subcommand("list", "What is still to be done, by due date");
  auto request = std::make_shared<client::ListDutiesRequest>();
  AddDate(*command, "--due-before", request->due_before, "Due on this day or before");
  command->add_flag("--overdue", request->overdue, "Only what is too late");
  command->add_option("--of-hat", request->hat, "Of this hat (default: of all)");
  AddPage(*command, request->page);
  command->footer(
      "Duties follow the log within minutes: what was received just now may not be there yet.\n"
      "\n"
      "Example:\n"
      "  sluis duty list --overdue");
  context.OnRun(*command, [request, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    SLUIS_ASSIGN_OR_RETURN(const client::DutyPage page, session.client().ListDuties(*request));
    if (context.json) {
      Json duties = Json::array();
      for (const client::Duty& each : page.duties) {
        duties.push_back({{"duty_id", each.duty_id},
                          {"kind", each.kind},
                          {"hat", each.hat},
                          {"casus_id", each.casus_id},
                          {"person_id", each.person_id},
                          {"made_on", ToJson(each.made_on)},
                          {"due", ToJson(each.due)},
                          {"overdue", each.overdue},
                          {"fields", each.fields},
                          {"postponements", each.postponements},
                          {"owner", each.owner},
                          {"correction_id", each.correction_id}});
      }
      PrintJson({{"duties", std::move(duties)}, {"next_page_token", page.next_page_token}});
      return Exit::kDone;
    }
    if (context.quiet) {
      for (const client::Duty& each : page.duties) std::cout << Printable(each.duty_id) << "\n";
      return Exit::kDone;
    }
    Table table({"DUE", "WHAT", "HAT", "CASUS", "PERSON", "FIELDS"});
    for (const client::Duty& each : page.duties) {
      table.Add({{ToText(each.due), each.overdue ? Ink::kRed : Ink::kPlain},
                 each.kind == "CORRECT" ? "answer correction " + each.correction_id
                                        : std::string("inform the person"),
                 each.hat,
                 each.casus_id,
                 each.person_id,
                 absl::StrJoin(each.fields, ", ")});
    }
    table.PrintOr(std::cout, "Nothing to be done.");
    PrintMore(std::cout, page.next_page_token);
    return Exit::kDone;
  });
}

void AddDutyDone(CLI::App& duty, Context& context) {
  CLI::App* command =
      duty.add_subcommand("informed", "The person was informed of what was received about it");
  auto request = std::make_shared<client::RecordInformedRequest>();
  command->add_option("--casus", request->casus_id, "The casus")->required();
  command->add_option("--person", request->person_id, "The person, by your own id")->required();
  AddDate(*command, "--date", request->date, "Day on which it was informed")->required();
  command->add_option("--reference", request->reference, "Reference in your own file")->required();
  command->footer(
      "Ends the duty of the acting hat, and is the fact that the rules read. It may be recorded\n"
      "before there is a duty.\n"
      "\n"
      "Example:\n"
      "  sluis duty informed --casus $casus --person $person --date 2026-11-30 \\\n"
      "    --reference 'dossier 12, brief 4'");
  context.OnRun(*command, [request, &context] {
    return Change<client::RecordInformedRequest, client::RecordInformedAnswer>(
        context, &Client::RecordInformed, *request, [](const auto& answer) {
          return Json{{"fact_id", answer.fact_id}, {"duty_done", answer.duty_done}};
        });
  });
}

void AddDutyPostpone(CLI::App& duty, Context& context) {
  CLI::App* command = duty.add_subcommand("postpone", "Put off informing the person");
  auto request = std::make_shared<client::PostponeInformingRequest>();
  command->add_option("--casus", request->casus_id, "The casus")->required();
  command->add_option("--person", request->person_id, "The person, by your own id")->required();
  command->add_option("--ground", request->ground, "Why; sealed")->required();
  command->add_option("--owner", request->owner, "The professional who answers for the delay")
      ->required();
  AddDate(*command, "--review-date", request->review_date, "The new due date")->required();
  command->add_option("--reference", request->reference, "Reference in your own file")->required();
  command->footer(
      "Veilig Thuis may add two weeks at a time; for others the review date says how long.\n"
      "\n"
      "Example:\n"
      "  sluis duty postpone --casus $casus --person $person --ground 'gevaar voor de kinderen' "
      "\\\n"
      "    --owner m.debruin --review-date 2026-12-20 --reference 'dossier 12'");
  context.OnRun(*command, [request, &context] {
    return Change<client::PostponeInformingRequest, client::PostponeInformingAnswer>(
        context, &Client::PostponeInforming, *request, [](const auto& answer) {
          return Json{{"fact_id", answer.fact_id},
                      {"due", ToJson(answer.due)},
                      {"postponements", answer.postponements}};
        });
  });
}

// ---- sluis review ----

void AddReviewList(CLI::App& review, Context& context) {
  CLI::App* command = review.add_subcommand("list", "Releases and alerts that wait for a review");
  auto request = std::make_shared<client::ListReviewsRequest>();
  AddUsagePurpose(*command, request->usage_purpose);
  command->add_flag("--closed", request->closed, "Those that were reviewed");
  AddPage(*command, request->page);
  command->footer(
      "Example:\n"
      "  sluis review list --usage-purpose LAWFULNESS_CONTROL");
  context.OnRun(*command, [request, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    const auto answer = session.client().ListReviews(session.call(), *request);
    if (!answer.ok()) return session.Failed(answer.status());
    if (context.json) {
      Json reviews = Json::array();
      for (const client::Review& each : answer->reviews) {
        reviews.push_back({{"review_id", each.review_id},
                           {"entry", each.entry},
                           {"time", each.time},
                           {"casus_id", each.casus_id},
                           {"pseudonym", each.pseudonym},
                           {"recipient", ToJson(each.recipient)},
                           {"source", ToJson(each.source)},
                           {"tafel", each.tafel},
                           {"purpose", each.purpose},
                           {"fields", each.fields},
                           {"finding", each.finding},
                           {"text", each.text},
                           {"closed_by", ToJson(each.closed_by)},
                           {"closed_on", ToJson(each.closed_on)},
                           {"refusals", each.refusals}});
      }
      PrintJson({{"reviews", std::move(reviews)},
                 {"next_page_token", answer->next_page_token},
                 {"proof", ProofToJson(answer->proof)}});
    } else if (context.quiet) {
      for (const client::Review& each : answer->reviews)
        std::cout << Printable(each.review_id) << "\n";
    } else {
      Table table({"REVIEW", "TIME", "RECEIVED", "FROM", "FIELDS", "REFUSALS", "FINDING"});
      for (const client::Review& each : answer->reviews) {
        table.Add({each.review_id, each.time, ToText(each.recipient), ToText(each.source),
                   absl::StrJoin(each.fields, ", "),
                   each.refusals == 0 ? "" : absl::StrCat(each.refusals), each.finding});
      }
      table.PrintOr(std::cout, "None.");
      PrintMore(std::cout, answer->next_page_token);
    }
    SLUIS_RETURN_IF_ERROR(session.Keep(answer->proof));
    return Exit::kDone;
  });
}

void AddReviewClose(CLI::App& review, Context& context) {
  CLI::App* command = review.add_subcommand("close", "Close a review with a finding");
  auto request = std::make_shared<client::CloseReviewRequest>();
  command->add_option("--review", request->review_id, "The review, by its id")->required();
  command->add_option("--finding", request->finding, "What was found")
      ->required()
      ->check(CLI::IsMember({"LAWFUL", "UNLAWFUL", "LAWFUL_WITH_REMARKS"}));
  command->add_option("--text", request->text, "The finding in words; sealed")->required();
  command->footer(
      "Example:\n"
      "  sluis review close --review $review --finding LAWFUL --text 'acuut en proportioneel'");
  context.OnRun(*command,
                [request, &context] { return Change(context, &Client::CloseReview, *request); });
}

// ---- sluis correction ----

void AddCorrectionAsk(CLI::App& correction, Context& context) {
  CLI::App* command =
      correction.add_subcommand("ask", "For the person, ask that a field be corrected");
  auto request = std::make_shared<client::AskCorrectionRequest>();
  command->add_option("--casus", request->casus_id, "The casus")->required();
  command->add_option("--person", request->person_id, "The person, by your own id")->required();
  AddPartijHat(*command, "--source", request->source, "Who holds it")->required();
  command->add_option("--field", request->field, "The field")->required();
  command->add_option("--text", request->text, "What is wrong; sealed, for the source alone")
      ->required();
  AddRole(*command, request->rights_role, request->identity_established);
  command->footer(
      "Example:\n"
      "  sluis correction ask --casus $casus --person $person --source P_ALMELO/GEM_BRP \\\n"
      "    --field adres_brp --text 'het huisnummer is 12' --rights-role self \\\n"
      "    --identity-established");
  context.OnRun(*command, [request, &context] {
    return Change<client::AskCorrectionRequest, client::AskCorrectionAnswer>(
        context, &Client::AskCorrection, *request, [](const auto& answer) {
          return Json{{"correction_id", answer.correction_id}, {"due", ToJson(answer.due)}};
        });
  });
}

void AddCorrectionAnswer(CLI::App& correction, Context& context) {
  CLI::App* command = correction.add_subcommand("answer", "As the source, answer a correction");
  auto request = std::make_shared<client::AnswerCorrectionRequest>();
  command->add_option("--correction", request->correction_id, "The correction, by its id")
      ->required();
  command->add_option("--outcome", request->outcome, "CORRECTED or REFUSED")
      ->required()
      ->check(CLI::IsMember({"CORRECTED", "REFUSED"}));
  command->add_option("--reason", request->reason, "Why it is refused, for the person; sealed");
  command->add_option("--entry", request->corrected_entry,
                      "Where the log says that it was corrected (default: the broker holds no such "
                      "value)");
  command->footer(
      "Correct the value first (`sluis deposit correct`) and name its entry.\n"
      "\n"
      "Example:\n"
      "  sluis correction answer --correction $correction --outcome CORRECTED --entry 1204");
  context.OnRun(*command, [request, &context] {
    return Change(context, &Client::AnswerCorrection, *request);
  });
}

void AddCorrectionShow(CLI::App& correction, Context& context) {
  CLI::App* command = correction.add_subcommand("show", "One correction, asked by you or of you");
  auto id = std::make_shared<std::string>();
  command->add_option("correction", *id, "The correction, by its id")->required();
  command->footer(
      "Example:\n"
      "  sluis correction show $correction");
  context.OnRun(*command, [id, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    SLUIS_ASSIGN_OR_RETURN(const client::Correction found,
                           session.client().GetCorrection(session.call(), *id));
    if (context.json) {
      PrintJson({{"correction_id", found.correction_id},
                 {"casus_id", found.casus_id},
                 {"person_id", found.person_id},
                 {"source", ToJson(found.source)},
                 {"field", found.field},
                 {"text", found.text},
                 {"asked_on", ToJson(found.asked_on)},
                 {"due", ToJson(found.due)},
                 {"status", found.status},
                 {"reason", found.reason},
                 {"answered_on", ToJson(found.answered_on)}});
      return Exit::kDone;
    }
    PrintPairs(std::cout, {{"status", found.status},
                           {"casus", found.casus_id},
                           {"person", found.person_id},
                           {"source", ToText(found.source)},
                           {"field", found.field},
                           {"text", found.text},
                           {"asked", ToText(found.asked_on)},
                           {"due", ToText(found.due)},
                           {"reason", found.reason},
                           {"answered", ToText(found.answered_on)}});
    return Exit::kDone;
  });
}

}  // namespace

void AddDuty(CLI::App& parent, Context& context) {
  CLI::App* duty = parent.add_subcommand("duty", "What is still to be done for persons");
  duty->require_subcommand(1);
  AddDutyList(*duty, context);
  AddDutyDone(*duty, context);
  AddDutyPostpone(*duty, context);
}

void AddReview(CLI::App& parent, Context& context) {
  CLI::App* review =
      parent.add_subcommand("review", "As a supervisor, review emergency releases and alerts");
  review->require_subcommand(1);
  AddReviewList(*review, context);
  AddReviewClose(*review, context);
}

void AddInzage(CLI::App& parent, Context& context) {
  CLI::App* command = parent.add_subcommand(
      "inzage", "For the person: what was shared about it, with whom and why");
  auto request = std::make_shared<client::InzageReportRequest>();
  command->add_option("--person", request->person_id, "The person, by your own id")->required();
  AddRole(*command, request->rights_role, request->identity_established);
  AddDate(*command, "--from", request->from, "Shared on this day or later");
  AddDate(*command, "--until", request->until, "Shared on this day or before");
  command->add_option("--language", request->language, "Of the purposes: nl or en")
      ->check(CLI::IsMember({"nl", "en"}));
  AddPage(*command, request->page);
  command->footer(
      "Only what the rules of inzage let who asks know; nothing tells of what they withhold.\n"
      "\n"
      "Example:\n"
      "  sluis inzage --person $person --rights-role self --identity-established");
  context.OnRun(*command, [request, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    const auto report = session.client().GetInzageReport(session.call(), *request);
    if (!report.ok()) return session.Failed(report.status());
    if (context.json) {
      Json lines = Json::array();
      for (const client::InzageLine& each : report->lines) {
        lines.push_back({{"entry", each.entry},
                         {"time", each.time},
                         {"field", each.field},
                         {"recipient", ToJson(each.recipient)},
                         {"source", ToJson(each.source)},
                         {"tafel", each.tafel},
                         {"purpose", each.purpose},
                         {"purpose_text", each.purpose_text},
                         {"article", each.article}});
      }
      PrintJson({{"lines", std::move(lines)},
                 {"next_page_token", report->next_page_token},
                 {"elsewhere", report->elsewhere},
                 {"proof", ProofToJson(report->proof)}});
    } else {
      Table table({"TIME", "FIELD", "RECEIVED", "FROM", "WHY", "ARTICLE"});
      for (const client::InzageLine& each : report->lines) {
        table.Add({each.time, each.field, ToText(each.recipient), ToText(each.source),
                   each.purpose_text, each.article});
      }
      table.PrintOr(std::cout, "Nothing that can be told here.");
      for (const std::string& each : report->elsewhere) {
        std::cout << "\n";
        PrintParagraph(std::cout, Printable(each));
      }
      PrintMore(std::cout, report->next_page_token);
    }
    SLUIS_RETURN_IF_ERROR(session.Keep(report->proof));
    return Exit::kDone;
  });
}

void AddCorrection(CLI::App& parent, Context& context) {
  CLI::App* correction =
      parent.add_subcommand("correction", "Corrections that a person asks of a source");
  correction->require_subcommand(1);
  AddCorrectionAsk(*correction, context);
  AddCorrectionAnswer(*correction, context);
  AddCorrectionShow(*correction, context);
}

void AddEmergency(CLI::App& parent, Context& context) {
  CLI::App* emergency = parent.add_subcommand("emergency", "Decisions in an emergency");
  emergency->require_subcommand(1);
  CLI::App* command = emergency->add_subcommand(
      "approve", "As a second professional, approve what another decided");
  auto request = std::make_shared<client::ApproveEmergencyRequest>();
  command->add_option("--casus", request->casus_id, "The casus")->required();
  command->add_option("--person", request->person_id, "The person, by your own id")->required();
  command->add_option("--decision", request->decision_id, "The decision, by the id of its fact")
      ->required();
  command->footer(
      "Of the source of the decision, or of a recipient. Who decided does not approve.\n"
      "\n"
      "Example:\n"
      "  sluis emergency approve --casus $casus --person $person --decision $fact");
  context.OnRun(*command, [request, &context] {
    return Change<client::ApproveEmergencyRequest, client::ApproveEmergencyAnswer>(
        context, &Client::ApproveEmergency, *request, [](const auto& answer) {
          return Json{{"approvers", answer.approvers}, {"until", ToJson(answer.until)}};
        });
  });
}

}  // namespace sluis::cli
