#include <iostream>
#include <memory>

#include "absl/strings/str_join.h"
#include "call.h"
#include "commands.h"
#include "field_file.h"

#include "sluis/base/errors.h"

namespace sluis::cli {
namespace {

using client::Client;

Json DepositsToJson(const std::vector<client::SignalDeposit>& deposits) {
  Json out = Json::array();
  for (const client::SignalDeposit& deposit : deposits)
    out.push_back({{"field", deposit.field}, {"deposit_id", deposit.deposit_id}});
  return out;
}

void AddSend(CLI::App& signal, Context& context) {
  CLI::App* command = signal.add_subcommand("send", "Send a zorgmelding or vroegsignaal");
  struct Options {
    client::SendSignalRequest request;
    std::string fields;
    BsnOptions bsn;
    bool steps_made = false;
  };
  auto options = std::make_shared<Options>();
  client::SendSignalRequest& request = options->request;
  command->add_option("--tafel", request.tafel, "The channel, e.g. K_MELDPUNT")->required();
  command->add_option("--purpose", request.purpose, "The purpose, e.g. D02")->required();
  AddPartijHat(*command, "--receiver", request.receiver, "The one receiver")->required();
  options->bsn.AddTo(*command);
  command->add_flag("--bsn-verified", request.bsn_verified, "You verified that it is the person's");
  command->add_flag("--urgent", request.urgent, "Identifying fields may be missing");
  command->add_option("--fields", options->fields, "A file with the fields; - for standard input")
      ->required();
  AddDate(*command, "--first-processed", request.first_processed,
          "Day on which you first processed the data")
      ->required();
  AddDate(*command, "--end", request.deposit_end, "Last day on which the broker may provide them")
      ->required();
  AddDate(*command, "--attested-on", request.attestation_date,
          "Debt signals: day of the attestation");
  command->add_flag("--steps-made", options->steps_made,
                    "Debt signals: all four steps were made (contact tried, debt help pointed out, "
                    "reminder sent, passing on offered without objection)");
  command->add_option("--reference", request.reference, "Reference in your own file")->required();
  command->footer(
      "The message holds the fields that the convenant grants here and no others: one too many\n"
      "refuses it whole. The file is a JSON list:\n"
      "  [{\"field\": \"voornamen\", \"value\": {\"text\": \"Harm\"}, \"value_date\": "
      "\"2026-11-21\",\n"
      "    \"labels\": {\"nature\": \"FACT\", \"subject\": \"NONE\"}}, ...]\n"
      "\n"
      "Example:\n"
      "  sluis signal send --tafel K_MELDPUNT --purpose D02 --receiver P_ALMELO/GEM_COLLEGE_WMO "
      "\\\n"
      "    --bsn-file bsn.txt --bsn-verified --fields melding.json --first-processed 2026-11-21 "
      "\\\n"
      "    --end 2027-05-21 --reference PL0500-2026-1121");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    client::SendSignalRequest filled = options->request;
    SLUIS_ASSIGN_OR_RETURN(filled.bsn, options->bsn.Read());
    SLUIS_ASSIGN_OR_RETURN(filled.fields, ReadFieldFile(options->fields));
    if (options->steps_made) filled.preconditions = {true, true, true, true};
    return Change<
        client::SendSignalRequest,
        client::SendSignalAnswer>(context, &Client::SendSignal, filled, [](const auto& answer) {
      return Json{{"signal_id", answer.signal_id}, {"deposits", DepositsToJson(answer.deposits)}};
    });
  });
}

void AddAnswer(CLI::App& signal, Context& context) {
  CLI::App* command =
      signal.add_subcommand("answer", "Tell the sender what became of a signal, once");
  auto request = std::make_shared<client::AnswerSignalRequest>();
  command->add_option("--signal", request->signal_id, "The signal, by its id")->required();
  command->add_option("--outcome", request->outcome, "HANDLED, NO_CONTACT or NOT_FOR_RECEIVER")
      ->required()
      ->check(CLI::IsMember({"HANDLED", "NO_CONTACT", "NOT_FOR_RECEIVER"}));
  command->footer(
      "The report is closed with it, and so is the casus when it was the envelope of this signal.\n"
      "\n"
      "Example:\n"
      "  sluis signal answer --signal $signal --outcome HANDLED");
  context.OnRun(*command, [request, &context] {
    return Change<client::AnswerSignalRequest, client::AnswerSignalAnswer>(
        context, &Client::AnswerSignal, *request, [](const auto& answer) {
          return Json{{"casus_closed", answer.casus_closed}};
        });
  });
}

Json ToJson(const client::Signal& signal) {
  return {{"signal_id", signal.signal_id},
          {"tafel", signal.tafel},
          {"purpose", signal.purpose},
          {"sender", cli::ToJson(signal.sender)},
          {"receiver", cli::ToJson(signal.receiver)},
          {"fields", signal.fields},
          {"received_at", signal.received_at},
          {"outcome", signal.outcome},
          {"answered_on", cli::ToJson(signal.answered_on)},
          {"casus_id", signal.casus_id},
          {"person_id", signal.person_id},
          {"reference", signal.reference}};
}

void AddGet(CLI::App& signal, Context& context) {
  CLI::App* command = signal.add_subcommand("get", "One signal that you sent or received");
  auto id = std::make_shared<std::string>();
  command->add_option("SIGNAL", *id, "The signal, by its id")->required();
  command->footer(
      "Never shows a value: the receiver asks for those with `sluis request`.\n"
      "\n"
      "Example:\n"
      "  sluis signal get $signal");
  context.OnRun(*command, [id, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    SLUIS_ASSIGN_OR_RETURN(const client::Signal found,
                           session.client().GetSignal(session.call(), *id));
    if (context.json) {
      PrintJson(ToJson(found));
      return Exit::kDone;
    }
    if (context.quiet) {
      std::cout << Printable(found.outcome) << "\n";
      return Exit::kDone;
    }
    PrintPairs(std::cout, {{"signal", found.signal_id},
                           {"tafel", found.tafel},
                           {"purpose", found.purpose},
                           {"from", ToText(found.sender)},
                           {"to", ToText(found.receiver)},
                           {"received", found.received_at},
                           {"fields", absl::StrJoin(found.fields, ", ")},
                           {"outcome", found.outcome.empty() ? "open" : found.outcome},
                           {"answered on", ToText(found.answered_on)},
                           {"casus", found.casus_id},
                           {"person", found.person_id},
                           {"reference", found.reference}});
    return Exit::kDone;
  });
}

void AddList(CLI::App& signal, Context& context) {
  CLI::App* command = signal.add_subcommand("list", "The signals that you sent or received");
  struct Options {
    client::Page page;
    bool open = false;
  };
  auto options = std::make_shared<Options>();
  command->add_flag("--open", options->open, "Only those that are not answered");
  AddPage(*command, options->page);
  command->footer(
      "Newest first, in the hat in which you act.\n"
      "\n"
      "Example:\n"
      "  sluis signal list --open");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    SLUIS_ASSIGN_OR_RETURN(
        const client::SignalPage found,
        session.client().ListSignals(session.call(), options->open, options->page));
    if (context.json) {
      Json signals = Json::array();
      for (const client::Signal& each : found.signals) signals.push_back(ToJson(each));
      PrintJson({{"signals", std::move(signals)}, {"next_page_token", found.next_page_token}});
      return Exit::kDone;
    }
    if (context.quiet) {
      for (const client::Signal& each : found.signals)
        std::cout << Printable(each.signal_id) << "\n";
      return Exit::kDone;
    }
    Table table({"SIGNAL", "RECEIVED", "FROM", "TO", "TAFEL", "OUTCOME"});
    for (const client::Signal& each : found.signals) {
      table.Add({each.signal_id, each.received_at, ToText(each.sender), ToText(each.receiver),
                 each.tafel, each.outcome.empty() ? "open" : each.outcome});
    }
    table.PrintOr(std::cout, "No signals.");
    PrintMore(std::cout, found.next_page_token);
    return Exit::kDone;
  });
}

}  // namespace

void AddSignal(CLI::App& parent, Context& context) {
  CLI::App* signal = parent.add_subcommand(
      "signal", "Send and answer messages of one source: zorgmelding, vroegsignaal");
  signal->require_subcommand(1);
  AddSend(*signal, context);
  AddAnswer(*signal, context);
  AddGet(*signal, context);
  AddList(*signal, context);
}

void AddEscalate(CLI::App& parent, Context& context) {
  CLI::App* command = parent.add_subcommand(
      "escalate", "Put a deadlock to the bestuurlijk level, without saying whose it is");
  struct Options {
    client::EscalateRequest request;
    std::string fields;
    std::vector<std::string> recipients;
  };
  auto options = std::make_shared<Options>();
  client::EscalateRequest& request = options->request;
  command->add_option("--casus", request.casus_id, "The casus, by its id")->required();
  command->add_option("--tafel", request.tafel, "The tafel, e.g. T_BESTUURLIJK")->required();
  command->add_option("--fields", options->fields, "A file with the fields; - for standard input")
      ->required();
  AddDate(*command, "--first-processed", request.first_processed,
          "Day on which the data were first processed")
      ->required();
  AddDate(*command, "--end", request.deposit_end, "Last day on which the broker may provide them")
      ->required();
  cli::AddList(*command, "--recipient", options->recipients, "Who is told: PARTIJ/HAT")->required();
  command->footer(
      "Refused whole when a text holds a BSN, a postcode or a street with its number, or a first\n"
      "name, surname or birth date of somebody in the casus. What no program sees is for the "
      "writer\n"
      "to leave out. Recipients ask for the fields without naming a person.\n"
      "\n"
      "The file is a JSON list, as that of `sluis signal send`:\n"
      "  [{\"field\": \"opschaal_reden\", \"value\": {\"list\": [{\"token\": \"IMPASSE\"}]}}]\n"
      "\n"
      "Example:\n"
      "  sluis escalate --casus $casus --tafel T_BESTUURLIJK --fields dilemma.json \\\n"
      "    --first-processed 2026-11-23 --end 2027-02-23 --recipient P_ALMELO/GEM_BESTUURDER");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    client::EscalateRequest filled = options->request;
    SLUIS_ASSIGN_OR_RETURN(const auto fields, ReadFieldFile(options->fields));
    for (const client::SignalField& field : fields) {
      if (field.third_person) return Malformed("fields", "a dilemma is about nobody");
      filled.fields.push_back({field.field, field.content});
    }
    for (const std::string& recipient : options->recipients) {
      const size_t slash = recipient.find('/');
      if (slash == std::string::npos)
        return Malformed("recipients", "a recipient is written PARTIJ/HAT");
      filled.recipients.push_back({recipient.substr(0, slash), recipient.substr(slash + 1)});
    }
    return Change<client::EscalateRequest, client::EscalateAnswer>(
        context, &Client::Escalate, filled, [](const auto& answer) {
          return Json{{"deposits", DepositsToJson(answer.deposits)}};
        });
  });
}

}  // namespace sluis::cli
