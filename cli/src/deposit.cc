#include <memory>

#include "call.h"
#include "commands.h"
#include "content.h"

namespace sluis::cli {
namespace {

using client::Client;

void AddPut(CLI::App& deposit, Context& context) {
  CLI::App* command = deposit.add_subcommand("put", "Let the broker keep a value, sealed");
  struct Options {
    client::DepositFieldRequest request;
    ContentOptions content;
    client::PartijHat origin;
  };
  auto options = std::make_shared<Options>();
  client::DepositFieldRequest& request = options->request;
  AddHoldingOptions(*command, request, options->origin,
                    "Last day on which the broker may provide it");
  options->content.AddTo(*command);
  command->footer(
      "A later deposit of the same field takes the place of the earlier one.\n"
      "\n"
      "Examples:\n"
      "  sluis deposit put --person $person --field voornamen --text Harm --labels FACT/NONE \\\n"
      "    --value-date 2026-11-21 --first-processed 2026-11-21 --end 2027-11-20\n"
      "  sluis deposit put --person $person --field schuldenlast_totaal --euro 12450.00 \\\n"
      "    --first-processed 2026-11-21 --end 2027-05-01 --condition NIET_DOOR");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    client::DepositFieldRequest filled = options->request;
    SLUIS_ASSIGN_OR_RETURN(filled.content, options->content.Read());
    if (!options->origin.partij.empty()) filled.origin = options->origin;
    return Change<client::DepositFieldRequest, client::DepositFieldAnswer>(
        context, &Client::DepositField, filled, [](const auto& answer) {
          return Json{{"deposit_id", answer.deposit_id}};
        });
  });
}

void AddCorrect(CLI::App& deposit, Context& context) {
  CLI::App* command = deposit.add_subcommand("correct", "Replace the value of a deposit");
  struct Options {
    client::CorrectFieldRequest request;
    ContentOptions content;
  };
  auto options = std::make_shared<Options>();
  command->add_option("--deposit", options->request.deposit_id, "The deposit, by its id")
      ->required();
  options->content.AddTo(*command);
  command->footer(
      "Labels, conditions and date are replaced as well: give them again.\n"
      "\n"
      "Example:\n"
      "  sluis deposit correct --deposit $deposit --text Harmen --labels FACT/NONE \\\n"
      "    --value-date 2026-11-21");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    client::CorrectFieldRequest filled = options->request;
    SLUIS_ASSIGN_OR_RETURN(filled.content, options->content.Read());
    return Change(context, &Client::CorrectField, filled);
  });
}

void AddWithdraw(CLI::App& deposit, Context& context) {
  CLI::App* command = deposit.add_subcommand("withdraw", "Take a value away, at once");
  auto request = std::make_shared<client::WithdrawFieldRequest>();
  command->add_option("--deposit", request->deposit_id, "The deposit, by its id")->required();
  command->footer(
      "Example:\n"
      "  sluis deposit withdraw --deposit $deposit");
  context.OnRun(*command,
                [request, &context] { return Change(context, &Client::WithdrawField, *request); });
}

}  // namespace

void AddDeposit(CLI::App& parent, Context& context) {
  CLI::App* deposit =
      parent.add_subcommand("deposit", "Let the broker keep your own data until an end date");
  deposit->require_subcommand(1);
  AddPut(*deposit, context);
  AddCorrect(*deposit, context);
  AddWithdraw(*deposit, context);
}

}  // namespace sluis::cli
