#include <iostream>
#include <memory>

#include "call.h"
#include "commands.h"

namespace sluis::cli {
namespace {

using client::Client;

void AddCriteria(CLI::App& list, Context& context) {
  CLI::App* command =
      list.add_subcommand("criteria", "Write the criteria of a list, which everybody can read");
  auto request = std::make_shared<client::PutCriteriaRequest>();
  command->add_option("--tafel", request->tafel, "The tafel of the list")->required();
  command->add_option("--text", request->text, "The criteria")->required();
  command->footer(
      "Example:\n"
      "  sluis priority-list criteria --tafel T_ZVH_LIJST --text \"three incidents a month\"");
  context.OnRun(*command,
                [request, &context] { return Change(context, &Client::PutCriteria, *request); });
}

void AddPut(CLI::App& list, Context& context) {
  CLI::App* command = list.add_subcommand("put", "Put a casus on a list");
  auto request = std::make_shared<client::PutOnListRequest>();
  command->add_option("--tafel", request->tafel, "The tafel of the list")->required();
  command->add_option("--casus", request->casus_id, "The casus, by its id")->required();
  command->add_option("--reason", request->reason, "Which criteria it meets")->required();
  command->footer(
      "The casus has to be placed on the tafel of the list (`sluis casus place`), and the list "
      "needs\n"
      "criteria first. Only partijen with a part in the casus see that it is on the list.\n"
      "\n"
      "Example:\n"
      "  sluis priority-list put --tafel T_ZVH_LIJST --casus $casus --reason \"criterion 1\"");
  context.OnRun(*command,
                [request, &context] { return Change(context, &Client::PutOnList, *request); });
}

void AddTakeOff(CLI::App& list, Context& context) {
  CLI::App* command = list.add_subcommand("take-off", "Take a casus off a list");
  auto request = std::make_shared<client::TakeOffListRequest>();
  command->add_option("--tafel", request->tafel, "The tafel of the list")->required();
  command->add_option("--casus", request->casus_id, "The casus, by its id")->required();
  command->footer(
      "Example:\n"
      "  sluis priority-list take-off --tafel T_ZVH_LIJST --casus $casus");
  context.OnRun(*command,
                [request, &context] { return Change(context, &Client::TakeOffList, *request); });
}

void AddShow(CLI::App& list, Context& context) {
  CLI::App* command =
      list.add_subcommand("show", "The criteria of a list, and your own casussen on it");
  struct Options {
    std::string tafel;
    client::Page page;
  };
  auto options = std::make_shared<Options>();
  command->add_option("TAFEL", options->tafel, "The tafel of the list")->required();
  AddPage(*command, options->page);
  command->footer(
      "Example:\n"
      "  sluis priority-list show T_ZVH_LIJST");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    SLUIS_ASSIGN_OR_RETURN(const client::PriorityList found,
                           session.client().GetPriorityList(options->tafel, options->page));
    if (context.json) {
      Json casussen = Json::array();
      for (const client::PriorityCasus& each : found.casussen) {
        casussen.push_back(
            {{"casus_id", each.casus_id}, {"reason", each.reason}, {"since", ToJson(each.since)}});
      }
      PrintJson({{"criteria", found.criteria},
                 {"criteria_since", ToJson(found.criteria_since)},
                 {"casussen", std::move(casussen)},
                 {"next_page_token", found.next_page_token}});
      return Exit::kDone;
    }
    if (context.quiet) {
      for (const client::PriorityCasus& each : found.casussen)
        std::cout << Printable(each.casus_id) << "\n";
      return Exit::kDone;
    }
    if (found.criteria.empty()) {
      std::cout << "This list has no criteria yet.\n";
    } else {
      std::cout << "Criteria since " << ToText(found.criteria_since) << ":\n";
      PrintParagraph(std::cout, Printable(found.criteria, true), 2);
    }
    Table table({"CASUS", "SINCE", "REASON"});
    for (const client::PriorityCasus& each : found.casussen)
      table.Add({each.casus_id, ToText(each.since), each.reason});
    std::cout << "\n";
    table.PrintOr(std::cout, "No casus in which you take part.");
    PrintMore(std::cout, found.next_page_token);
    return Exit::kDone;
  });
}

}  // namespace

void AddPriorityList(CLI::App& parent, Context& context) {
  CLI::App* list =
      parent.add_subcommand("priority-list", "Lists of prioritised casussen and their criteria");
  list->require_subcommand(1);
  AddCriteria(*list, context);
  AddPut(*list, context);
  AddTakeOff(*list, context);
  AddShow(*list, context);
}

}  // namespace sluis::cli
