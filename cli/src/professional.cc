#include <iostream>
#include <memory>

#include "absl/strings/str_join.h"
#include "call.h"
#include "commands.h"

namespace sluis::cli {
namespace {

using client::Client;

void AddPut(CLI::App& professional, Context& context) {
  CLI::App* command = professional.add_subcommand(
      "put", "Put a professional of yours on record, or replace the record");
  struct Options {
    client::PutProfessionalRequest request;
    bool inactive = false;
  };
  auto options = std::make_shared<Options>();
  command
      ->add_option("ID", options->request.professional,
                   "Your own id of the professional: 1-64 of [A-Za-z0-9._-]; no name")
      ->required();
  AddList(*command, "--may-act-as", options->request.hats, "A hat of yours to act in");
  AddList(*command, "--function", options->request.functions, "A function, e.g. MEDISCH_ADVISEUR");
  command->add_flag("--inactive", options->inactive, "End every authorisation, at once");
  command->footer(
      "Example:\n"
      "  sluis professional put w.jansen-04 --may-act-as GEM_COLLEGE_WMO --may-act-as "
      "GEM_PROCESREGIE");
  context.OnRun(*command, [options, &context] {
    client::PutProfessionalRequest filled = options->request;
    filled.active = !options->inactive;
    return Change(context, &Client::PutProfessional, filled);
  });
}

void AddListProfessionals(CLI::App& professional, Context& context) {
  CLI::App* command = professional.add_subcommand("list", "Your professionals, in order of id");
  auto page = std::make_shared<client::Page>();
  AddPage(*command, *page);
  command->footer(
      "Example:\n"
      "  sluis professional list");
  context.OnRun(*command, [page, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(Session session, Session::Open(context));
    SLUIS_ASSIGN_OR_RETURN(const client::ProfessionalPage found,
                           session.client().ListProfessionals(*page));
    if (context.json) {
      Json professionals = Json::array();
      for (const client::Professional& one : found.professionals) {
        professionals.push_back({{"id", one.id},
                                 {"active", one.active},
                                 {"hats", one.hats},
                                 {"functions", one.functions}});
      }
      PrintJson({{"professionals", std::move(professionals)},
                 {"next_page_token", found.next_page_token}});
      return Exit::kDone;
    }
    Table table({"PROFESSIONAL", "ACTIVE", "MAY ACT AS", "FUNCTIONS"});
    for (const client::Professional& one : found.professionals) {
      table.Add({one.id, one.active ? "yes" : "no", absl::StrJoin(one.hats, ", "),
                 absl::StrJoin(one.functions, ", ")});
    }
    table.PrintOr(std::cout, "Nobody is on record.");
    PrintMore(std::cout, found.next_page_token);
    return Exit::kDone;
  });
}

}  // namespace

void AddProfessional(CLI::App& parent, Context& context) {
  CLI::App* professional = parent.add_subcommand(
      "professional", "Say who of your people acts for you, and in which hats");
  professional->require_subcommand(1);
  AddPut(*professional, context);
  AddListProfessionals(*professional, context);
}

}  // namespace sluis::cli
