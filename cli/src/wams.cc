#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "call.h"
#include "commands.h"

#include "sluis/base/errors.h"

namespace sluis::cli {
namespace {

using client::Client;

CLI::Option* AddCasusId(CLI::App& command, std::string& target) {
  return command.add_option("--casus", target, "The casus, by its id")->required();
}

Json TrackOf(const client::WamsAnswer& answer) {
  return {{"stage", answer.stage}, {"task", answer.task}};
}

void AddReport(CLI::App& wams, Context& context) {
  CLI::App* command = wams.add_subcommand("report", "Report a concern or a hulpvraag");
  struct Options {
    client::WamsReportRequest request;
    client::IdentifyingElements elements;
    BsnOptions bsn;
  };
  auto options = std::make_shared<Options>();
  client::WamsReportRequest& request = options->request;
  command->add_option("--casus", request.casus_id, "A casus that you know; or a person:");
  command->add_option("--municipality", request.municipality, "The gemeente that has to look");
  options->bsn.AddTo(*command);
  command->add_option("--geslachtsnaam", options->elements.geslachtsnaam, "Surname");
  command->add_option("--voornamen", options->elements.voornamen, "First names");
  AddDate(*command, "--geboortedatum", options->elements.geboortedatum, "Day of birth");
  command->add_option("--postcode", options->elements.postcode, "Postcode");
  command->add_option("--huisnummer", options->elements.huisnummer, "House number");
  command->add_flag("--urgent", request.urgent, "What identifies the person may be missing");
  command->add_option("--kind", request.kind, "CITIZEN, PROFESSIONAL or HULPVRAAG")
      ->required()
      ->check(CLI::IsMember({"CITIZEN", "PROFESSIONAL", "HULPVRAAG"}));
  command->add_option("--text", request.text, "The concern or the hulpvraag")->required();
  command->add_option("--reference", request.reference, "Reference in your own file")->required();
  command->footer(
      "Anybody may report. About a person, a casus of the gemeente is opened, which you do not "
      "see.\n"
      "\n"
      "Examples:\n"
      "  sluis wams report --casus $casus --kind HULPVRAAG --text \"...\" --reference W-12\n"
      "  sluis wams report --municipality Almelo --geslachtsnaam Oosterveld --voornamen Harm \\\n"
      "    --geboortedatum 1968-03-14 --postcode 7601AB --huisnummer 3 --kind PROFESSIONAL \\\n"
      "    --text \"...\" --reference H-7");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    client::WamsReportRequest filled = options->request;
    SLUIS_ASSIGN_OR_RETURN(filled.bsn, options->bsn.Read());
    const client::IdentifyingElements& elements = options->elements;
    if (!elements.geslachtsnaam.empty() || !elements.voornamen.empty() || elements.geboortedatum ||
        !elements.postcode.empty() || !elements.huisnummer.empty()) {
      filled.elements = elements;
    }
    return Change<
        client::WamsReportRequest,
        client::WamsReportAnswer>(context, &Client::ReportWams, filled, [](const auto& answer) {
      return Json{{"casus_id", answer.casus_id}, {"stage", answer.stage}, {"task", answer.task}};
    });
  });
}

void AddInform(CLI::App& wams, Context& context) {
  CLI::App* command =
      wams.add_subcommand("inform", "Record that somebody was informed, or why not yet");
  auto request = std::make_shared<client::WamsInformingRequest>();
  AddCasusId(*command, request->casus_id);
  command->add_option("--whom", request->whom, "REPORTED (the person) or REPORTER")
      ->required()
      ->check(CLI::IsMember({"REPORTED", "REPORTER"}));
  AddDate(*command, "--date", request->date, "The day")->required();
  command->add_option("--postpone", request->reason, "Not yet, and why");
  command->add_option("--owner", request->owner, "The professional who owns the delay");
  AddDate(*command, "--review-date", request->review_date, "Last day of the delay");
  command->footer(
      "Both are needed before the triage can end.\n"
      "\n"
      "Examples:\n"
      "  sluis wams inform --casus $casus --whom REPORTED --date 2027-03-14\n"
      "  sluis wams inform --casus $casus --whom REPORTER --date 2027-03-14 \\\n"
      "    --postpone \"danger for the reporter\" --owner w.jansen-04 --review-date 2027-04-01");
  context.OnRun(*command, [request, &context] {
    client::WamsInformingRequest filled = *request;
    filled.status = filled.reason.empty() ? "GEINFORMEERD" : "UITGESTELD";
    return Change<client::WamsInformingRequest, client::WamsAnswer>(
        context, &Client::RecordWamsInforming, filled, &TrackOf);
  });
}

void AddSamenspraak(CLI::App& command, client::Samenspraak& target) {
  AddDate(command, "--date", target.date, "Day of the talk with the person");
  command.add_option("--with", target.with, "With whom");
  command.add_option("--without", target.reason_without, "Why there was no or little talk");
}

void AddInquire(CLI::App& wams, Context& context) {
  CLI::App* command = wams.add_subcommand("inquire", "Open the inquiry, or open it again");
  auto request = std::make_shared<client::WamsInquiryRequest>();
  AddCasusId(*command, request->casus_id);
  command->add_option("--task", request->task, "T1 (hulpvraag) or T2 (a professional asks)")
      ->required()
      ->check(CLI::IsMember({"T1", "T2"}));
  AddSamenspraak(*command, request->samenspraak);
  command->add_option("--reason", request->reason, "Why an inquiry is needed")->required();
  command->footer(
      "T1: by the college, with --date and --with. T2: by a professional, with --without.\n"
      "After AFSLUITING: with a reason that was not given before.\n"
      "\n"
      "Examples:\n"
      "  sluis wams inquire --casus $casus --task T1 --date 2027-03-01 --with betrokkene \\\n"
      "    --reason \"debts and housing\"\n"
      "  sluis wams inquire --casus $casus --task T2 --without \"no contact\" --reason \"...\"");
  context.OnRun(*command, [request, &context] {
    return Change<client::WamsInquiryRequest, client::WamsAnswer>(context, &Client::OpenWamsInquiry,
                                                                  *request, &TrackOf);
  });
}

void AddRecord(CLI::App& wams, Context& context) {
  CLI::App* record =
      wams.add_subcommand("record", "Record samenspraak, outcome or agreement of an inquiry");
  record->require_subcommand(1);
  const auto run = [&context](const std::string& casus,
                              decltype(client::WamsPartRequest::part) part) {
    return Change<client::WamsPartRequest, client::WamsAnswer>(
        context, &Client::RecordWamsPart, client::WamsPartRequest{casus, std::move(part)},
        &TrackOf);
  };
  auto casus = std::make_shared<std::string>();

  CLI::App* command = record->add_subcommand("samenspraak", "The talk with the person");
  auto samenspraak = std::make_shared<client::Samenspraak>();
  AddCasusId(*command, *casus);
  AddSamenspraak(*command, *samenspraak);
  command->footer(
      "Example:\n"
      "  sluis wams record samenspraak --casus $casus --date 2027-03-01 --with betrokkene");
  context.OnRun(*command, [run, casus, samenspraak] { return run(*casus, *samenspraak); });

  command = record->add_subcommand("outcome", "What the inquiry found");
  auto outcome = std::make_shared<client::WamsOutcome>();
  AddCasusId(*command, *casus);
  AddDate(*command, "--date", outcome->date, "The day")->required();
  command->add_option("--name", outcome->name, "Who recorded it")->required();
  AddList(*command, "--domain", outcome->domains, "A problem domain, e.g. WONEN; two or more");
  AddList(*command, "--act", outcome->acts, "An act concerned, e.g. WMO");
  command->add_flag("--coordination-useful", outcome->coordination_useful,
                    "Coordination is useful");
  command->footer(
      "Example:\n"
      "  sluis wams record outcome --casus $casus --date 2027-03-10 --name \"J. Nijhof\" \\\n"
      "    --domain WONEN --domain SCHULDEN --act WMO --coordination-useful");
  context.OnRun(*command, [run, casus, outcome] { return run(*casus, *outcome); });

  command = record->add_subcommand("agreement", "That the person agrees with the approach");
  auto agreement = std::make_shared<client::WamsAgreement>();
  AddCasusId(*command, *casus);
  AddDate(*command, "--date", agreement->date, "Day of the agreement");
  command->add_option("--without", agreement->reason_without, "Why it starts without");
  command->footer(
      "Example:\n"
      "  sluis wams record agreement --casus $casus --date 2027-03-12");
  context.OnRun(*command, [run, casus, agreement] { return run(*casus, *agreement); });
}

void AddTakeBack(CLI::App& wams, Context& context) {
  CLI::App* command =
      wams.add_subcommand("take-back", "Take back a part that was recorded in error, at once");
  auto request = std::make_shared<client::WamsTakeBackRequest>();
  AddCasusId(*command, request->casus_id);
  command->add_option("--part", request->part, "SAMENSPRAAK, OUTCOME or AGREEMENT")
      ->required()
      ->check(CLI::IsMember({"SAMENSPRAAK", "OUTCOME", "AGREEMENT"}));
  command->footer(
      "Example:\n"
      "  sluis wams take-back --casus $casus --part OUTCOME");
  context.OnRun(*command, [request, &context] {
    return Change<client::WamsTakeBackRequest, client::WamsAnswer>(
        context, &Client::TakeBackWamsPart, *request, &TrackOf);
  });
}

void AddStage(CLI::App& wams, Context& context) {
  CLI::App* command = wams.add_subcommand("stage", "Move to the next stage");
  auto request = std::make_shared<client::WamsStageRequest>();
  AddCasusId(*command, request->casus_id);
  command->add_option("--to", request->stage, "TRIAGE, AANPAK_PLAN, AANPAK_UITVOERING, AFSLUITING")
      ->required();
  command->add_option("--reason", request->reason, "AFSLUITING: why");
  command->footer(
      "ONDERZOEK is opened with `sluis wams inquire`.\n"
      "\n"
      "Example:\n"
      "  sluis wams stage --casus $casus --to TRIAGE");
  context.OnRun(*command, [request, &context] {
    return Change<client::WamsStageRequest, client::WamsAnswer>(context, &Client::MoveWamsStage,
                                                                *request, &TrackOf);
  });
}

void AddShow(CLI::App& wams, Context& context) {
  CLI::App* command = wams.add_subcommand("show", "Where the track of a casus stands");
  auto casus = std::make_shared<std::string>();
  command->add_option("CASUS", *casus, "The casus, by its id")->required();
  command->footer(
      "For the college of the gemeente.\n"
      "\n"
      "Example:\n"
      "  sluis wams show $casus");
  context.OnRun(*command, [casus, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    SLUIS_ASSIGN_OR_RETURN(const client::WamsTrack track,
                           session.client().GetWamsTrack(session.call(), *casus));
    if (context.json) {
      PrintJson({{"stage", track.stage},
                 {"task", track.task},
                 {"opened_by", track.opened_by ? ToJson(*track.opened_by) : Json(nullptr)},
                 {"reports", track.reports},
                 {"reported_informed", track.reported_informed},
                 {"reporter_informed", track.reporter_informed},
                 {"samenspraak", track.samenspraak},
                 {"outcome", track.outcome},
                 {"agreement", track.agreement},
                 {"closed_on", ToJson(track.closed_on)}});
      return Exit::kDone;
    }
    if (context.quiet) {
      std::cout << Printable(track.stage) << "\n";
      return Exit::kDone;
    }
    const auto recorded = [](bool is) { return std::string(is ? "recorded" : "not recorded"); };
    const auto informed = [](const std::string& status) {
      return status.empty() ? std::string("not recorded") : status;
    };
    PrintPairs(std::cout, {{"stage", track.stage},
                           {"task", track.task},
                           {"asked by", track.opened_by ? ToText(*track.opened_by) : ""},
                           {"reports", absl::StrCat(track.reports)},
                           {"person informed", informed(track.reported_informed)},
                           {"reporter informed", informed(track.reporter_informed)},
                           {"samenspraak", recorded(track.samenspraak)},
                           {"outcome", recorded(track.outcome)},
                           {"agreement", recorded(track.agreement)},
                           {"ended on", ToText(track.closed_on)}});
    return Exit::kDone;
  });
}

}  // namespace

void AddWams(CLI::App& parent, Context& context) {
  CLI::App* wams = parent.add_subcommand("wams", "The Wams track of a casus, stage by stage");
  wams->require_subcommand(1);
  AddReport(*wams, context);
  AddInform(*wams, context);
  AddInquire(*wams, context);
  AddRecord(*wams, context);
  AddTakeBack(*wams, context);
  AddStage(*wams, context);
  AddShow(*wams, context);
}

}  // namespace sluis::cli
