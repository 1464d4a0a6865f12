#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "call.h"
#include "commands.h"

#include "sluis/base/errors.h"
#include "sluis/base/text.h"

namespace sluis::cli {
namespace {

using client::Client;

CLI::Option* AddCasusId(CLI::App& command, std::string& target) {
  return command.add_option("--casus", target, "The casus, by its id")->required();
}

void AddOpen(CLI::App& casus, Context& context) {
  CLI::App* command = casus.add_subcommand("open", "Open a casus at its first tafel");
  auto request = std::make_shared<client::OpenCasusRequest>();
  command->add_option("--tafel", request->tafel, "The first tafel")->required();
  command->add_option("--phase", request->phase, "The phase in which it starts")->required();
  command->add_option("--municipality", request->municipality, "Its gemeente")->required();
  AddList(*command, "--domain", request->domains, "A domain it crosses: STRAF, ZORG, GEMEENTE")
      ->required();
  AddDate(*command, "--first-processed", request->first_processed,
          "Day on which its data were first processed; retention counts from it")
      ->required();
  command->footer(
      "You take part only once you add yourself (`sluis casus add-deelnemer`).\n"
      "\n"
      "Example:\n"
      "  sluis casus open --tafel K_MELDPUNT --phase AVE_2 --municipality Almelo \\\n"
      "    --domain ZORG --domain GEMEENTE --first-processed 2026-11-21");
  context.OnRun(*command, [request, &context] {
    return Change<client::OpenCasusRequest, client::OpenCasusAnswer>(
        context, &Client::OpenCasus, *request, [](const auto& answer) {
          return Json{{"casus_id", answer.casus_id}};
        });
  });
}

void AddAddPerson(CLI::App& casus, Context& context) {
  CLI::App* command = casus.add_subcommand("add-person", "Add a person to a casus");
  struct Options {
    client::AddPersonRequest request;
    client::IdentifyingElements elements;
    BsnOptions bsn;
  };
  auto options = std::make_shared<Options>();
  AddCasusId(*command, options->request.casus_id);
  options->bsn.AddTo(*command);
  command->add_flag("--bsn-verified", options->request.bsn_verified,
                    "It was verified that the BSN is this person's (Wabb 12)");
  command->add_option("--geslachtsnaam", options->elements.geslachtsnaam, "Surname");
  command->add_option("--voornamen", options->elements.voornamen, "First names");
  AddDate(*command, "--geboortedatum", options->elements.geboortedatum, "Day of birth");
  command->add_option("--postcode", options->elements.postcode, "Postcode, such as 7601AB");
  command->add_option("--huisnummer", options->elements.huisnummer, "House number");
  command->add_flag("--urgent", options->request.urgent,
                    "Elements may be missing, because the case is urgent");
  command->add_option("--role", options->request.role, "Role in this casus")
      ->default_str("BETROKKENE");
  options->request.role = "BETROKKENE";
  command->add_flag("--wilsonbekwaam", options->request.wilsonbekwaam,
                    "Not able to judge the own interests");
  command->add_flag("--address-protected", options->request.address_protected,
                    "The address is protected");
  command->footer(
      "With a BSN (hats that have a right to it) or with surname, first names, day of birth and\n"
      "postcode together. Gives your own id of the person: no two partijen have the same.\n"
      "\n"
      "Example:\n"
      "  sluis casus add-person --casus $casus --bsn-file - --bsn-verified <<< 999990007");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    client::AddPersonRequest request = options->request;
    SLUIS_ASSIGN_OR_RETURN(request.bsn, options->bsn.Read());
    const client::IdentifyingElements& given = options->elements;
    if (!given.geslachtsnaam.empty() || !given.voornamen.empty() || given.geboortedatum ||
        !given.postcode.empty() || !given.huisnummer.empty()) {
      request.elements = given;
    }
    return Change<client::AddPersonRequest, client::PersonAnswer>(
        context, &Client::AddPerson, request, [](const auto& answer) {
          return Json{{"person_id", answer.person_id}};
        });
  });
}

void AddIdentify(CLI::App& casus, Context& context) {
  CLI::App* command =
      casus.add_subcommand("identify", "Your own id of whoever has a BSN, known or not");
  auto options = std::make_shared<BsnOptions>();
  options->AddTo(*command);
  command->footer(
      "Always gives an id: whether anybody else knows the person, the answer does not tell.\n"
      "\n"
      "Example:\n"
      "  sluis casus identify --bsn-file bsn.txt");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    client::IdentifyPersonRequest request;
    SLUIS_ASSIGN_OR_RETURN(request.bsn, options->Read());
    return Change<client::IdentifyPersonRequest, client::PersonAnswer>(
        context, &Client::IdentifyPerson, request, [](const auto& answer) {
          return Json{{"person_id", answer.person_id}};
        });
  });
}

void AddIntroduce(CLI::App& casus, Context& context) {
  CLI::App* command =
      casus.add_subcommand("introduce", "Make a person of a casus known to another partij");
  auto request = std::make_shared<client::IntroducePersonRequest>();
  AddCasusId(*command, request->casus_id);
  command->add_option("--person", request->person_id, "The person, by your own id")->required();
  command->add_option("--partij", request->partij, "To whom")->required();
  command->footer(
      "The other partij finds its own id of the person with `sluis casus get`. Nothing else is\n"
      "given.\n"
      "\n"
      "Example:\n"
      "  sluis casus introduce --casus $casus --person $person --partij P_MEDIANT");
  context.OnRun(*command, [request, &context] {
    return Change(context, &Client::IntroducePerson, *request);
  });
}

void AddPlace(CLI::App& casus, Context& context) {
  CLI::App* command = casus.add_subcommand("place", "Place a casus on a tafel that asks it");
  auto request = std::make_shared<client::PlaceOnTafelRequest>();
  AddCasusId(*command, request->casus_id);
  command->add_option("--tafel", request->tafel, "The tafel")->required();
  AddList(*command, "--domain", request->domains, "A domain that came in addition");
  command->footer(
      "Example:\n"
      "  sluis casus place --casus $casus --tafel K_ZVH --domain STRAF");
  context.OnRun(*command,
                [request, &context] { return Change(context, &Client::PlaceOnTafel, *request); });
}

void AddAddDeelnemer(CLI::App& casus, Context& context) {
  CLI::App* command =
      casus.add_subcommand("add-deelnemer", "Admit a deelnemer at a tafel, or invite a guest");
  auto request = std::make_shared<client::AddDeelnemerRequest>();
  AddCasusId(*command, request->casus_id);
  command->add_option("--tafel", request->tafel, "The tafel")->required();
  AddPartijHat(*command, "--deelnemer", request->deelnemer, "Who takes part")->required();
  AddDate(*command, "--from", request->from, "First day")->required();
  AddDate(*command, "--until", request->until,
          "Last day; for a guest the day of the meeting (default: until removed)");
  command->footer(
      "Counts at every tafel of the same regime; for a guest at this one.\n"
      "\n"
      "Example:\n"
      "  sluis casus add-deelnemer --casus $casus --tafel K_LOKAAL \\\n"
      "    --deelnemer P_MEDIANT/GGZ --from 2026-11-23");
  context.OnRun(*command,
                [request, &context] { return Change(context, &Client::AddDeelnemer, *request); });
}

void AddRemoveDeelnemer(CLI::App& casus, Context& context) {
  CLI::App* command =
      casus.add_subcommand("remove-deelnemer", "End a participation or invitation, at once");
  auto request = std::make_shared<client::RemoveDeelnemerRequest>();
  AddCasusId(*command, request->casus_id);
  AddPartijHat(*command, "--deelnemer", request->deelnemer, "Who no longer takes part")->required();
  command->add_option("--tafel", request->tafel,
                      "Only at tafels of this one's regime (default: everywhere)");
  command->footer(
      "Example:\n"
      "  sluis casus remove-deelnemer --casus $casus --deelnemer P_MEDIANT/GGZ");
  context.OnRun(*command, [request, &context] {
    return Change(context, &Client::RemoveDeelnemer, *request);
  });
}

void AddScale(CLI::App& casus, Context& context) {
  CLI::App* command = casus.add_subcommand("scale", "Move a casus to another phase, or propose it");
  auto request = std::make_shared<client::ScaleCasusRequest>();
  AddCasusId(*command, request->casus_id);
  command->add_option("--phase", request->phase, "The phase")->required();
  command->add_option("--reason", request->reason, "Which criteria are met")->required();
  command->footer(
      "Where the convenant asks it, the phase changes only when the receiving level accepts.\n"
      "\n"
      "Example:\n"
      "  sluis casus scale --casus $casus --phase AVE_3 --reason 'three domains, no progress'");
  context.OnRun(*command, [request, &context] {
    return Change<client::ScaleCasusRequest, client::ScaleCasusAnswer>(
        context, &Client::ScaleCasus, *request, [](const auto& answer) {
          return Json{{"phase", answer.phase}, {"proposed_phase", answer.proposed_phase}};
        });
  });
}

void AddAcceptScaling(CLI::App& casus, Context& context) {
  CLI::App* command = casus.add_subcommand("accept-scaling", "Accept a phase that was proposed");
  auto request = std::make_shared<client::AcceptScalingRequest>();
  AddCasusId(*command, request->casus_id);
  command->add_option("--phase", request->phase, "The phase that was proposed")->required();
  command->footer(
      "Example:\n"
      "  sluis casus accept-scaling --casus $casus --phase AVE_3");
  context.OnRun(*command, [request, &context] {
    return Change<client::AcceptScalingRequest, client::AcceptScalingAnswer>(
        context, &Client::AcceptScaling, *request, [](const auto& answer) {
          return Json{{"phase", answer.phase}};
        });
  });
}

void AddClose(CLI::App& casus, Context& context) {
  CLI::App* command = casus.add_subcommand("close", "Close a casus");
  auto request = std::make_shared<client::CloseCasusRequest>();
  AddCasusId(*command, request->casus_id);
  command->add_option("--reason", request->reason, "Why")->required();
  command->footer(
      "Nothing is released in it afterwards; the rights of the person and audit remain.\n"
      "\n"
      "Example:\n"
      "  sluis casus close --casus $casus --reason 'the agreed help is in place'");
  context.OnRun(*command,
                [request, &context] { return Change(context, &Client::CloseCasus, *request); });
}

Json ViewToJson(const client::CasusView& view) {
  Json participations = Json::array();
  for (const client::Participation& own : view.own_participations) {
    participations.push_back({{"participant", ToJson(own.participant)},
                              {"tafel", own.tafel},
                              {"from", ToJson(own.from)},
                              {"until", ToJson(own.until)}});
  }
  return {{"casus_id", view.casus_id},
          {"status", view.status},
          {"opened_by_caller", view.opened_by_caller},
          {"own_participations", std::move(participations)},
          {"person_ids", view.person_ids}};
}

void AddGet(CLI::App& casus, Context& context) {
  CLI::App* command = casus.add_subcommand("get", "What you may see of a casus without asking");
  auto casus_id = std::make_shared<std::string>();
  command->add_option("CASUS", *casus_id, "The casus, by its id")->required();
  command->footer(
      "Its status, your own participations, and your own ids of its persons.\n"
      "\n"
      "Example:\n"
      "  sluis casus get $casus");
  context.OnRun(*command, [casus_id, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    SLUIS_ASSIGN_OR_RETURN(const client::CasusView view, session.client().GetCasus(*casus_id));
    if (context.json) {
      PrintJson(ViewToJson(view));
      return Exit::kDone;
    }
    if (context.quiet) {
      for (const std::string& person : view.person_ids) std::cout << Printable(person) << "\n";
      return Exit::kDone;
    }
    PrintPairs(std::cout, {{"casus", view.casus_id},
                           {"status", view.status},
                           {"opened by us", view.opened_by_caller ? "yes" : "no"}});
    for (const std::string& person : view.person_ids)
      std::cout << "person " << Printable(person) << "\n";
    Table table({"WE TAKE PART AS", "TAFEL", "FROM", "UNTIL"});
    for (const client::Participation& own : view.own_participations)
      table.Add({ToText(own.participant), own.tafel, ToText(own.from), ToText(own.until)});
    if (!table.empty()) {
      std::cout << "\n";
      table.Print(std::cout);
    }
    return Exit::kDone;
  });
}

void AddListCasussen(CLI::App& casus, Context& context) {
  CLI::App* command = casus.add_subcommand("list", "The casussen of which you may see something");
  auto page = std::make_shared<client::Page>();
  AddPage(*command, *page);
  command->footer(
      "Newest first.\n"
      "\n"
      "Example:\n"
      "  sluis casus list --page-size 100");
  context.OnRun(*command, [page, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    SLUIS_ASSIGN_OR_RETURN(const client::CasusPage found, session.client().ListCasussen(*page));
    if (context.json) {
      Json casussen = Json::array();
      for (const client::CasusView& view : found.casussen) casussen.push_back(ViewToJson(view));
      PrintJson({{"casussen", std::move(casussen)}, {"next_page_token", found.next_page_token}});
      return Exit::kDone;
    }
    if (context.quiet) {
      for (const client::CasusView& view : found.casussen)
        std::cout << Printable(view.casus_id) << "\n";
      return Exit::kDone;
    }
    Table table({"CASUS", "STATUS", "OPENED BY US", "WE TAKE PART AS", "PERSONS"});
    for (const client::CasusView& view : found.casussen) {
      std::vector<std::string> hats;
      for (const client::Participation& own : view.own_participations)
        hats.push_back(
            absl::StrCat(own.participant.hat, own.tafel.empty() ? "" : " at ", own.tafel));
      table.Add({view.casus_id, view.status, view.opened_by_caller ? "yes" : "no",
                 absl::StrJoin(hats, "\n"), absl::StrCat(view.person_ids.size())});
    }
    table.PrintOr(std::cout, "No casus of which you may see something.");
    PrintMore(std::cout, found.next_page_token);
    return Exit::kDone;
  });
}

}  // namespace

void AddCasus(CLI::App& parent, Context& context) {
  CLI::App* casus =
      parent.add_subcommand("casus", "Open a casus and lead it: persons, deelnemers, phases");
  casus->require_subcommand(1);
  AddOpen(*casus, context);
  AddAddPerson(*casus, context);
  AddIdentify(*casus, context);
  AddIntroduce(*casus, context);
  AddPlace(*casus, context);
  AddAddDeelnemer(*casus, context);
  AddRemoveDeelnemer(*casus, context);
  AddScale(*casus, context);
  AddAcceptScaling(*casus, context);
  AddClose(*casus, context);
  AddGet(*casus, context);
  AddListCasussen(*casus, context);
}

}  // namespace sluis::cli
