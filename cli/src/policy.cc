#include "commands.h"

namespace sluis::cli {
namespace {

// To add a command: a file policy_<name>.cc, its declaration in commands.h, and a line here.
constexpr void (*kPolicyCommands[])(CLI::App&, Context&) = {
    AddPolicyCheck,   AddPolicyMatrix, AddPolicyDiff, AddPolicyTest,
    AddPolicyExplain, AddPolicyReplay, AddPolicySign, AddPolicyVerify,
};

}  // namespace

void AddPolicy(CLI::App& parent, Context& context) {
  CLI::App* policy =
      parent.add_subcommand("policy", "Work on statute and convenant documents, without a broker");
  policy->require_subcommand(1);
  for (const auto add : kPolicyCommands) add(*policy, context);
}

}  // namespace sluis::cli
