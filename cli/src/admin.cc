#include "sluis/client/admin.h"

#include <iostream>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "admin_purge.h"
#include "commands.h"
#include "print.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"

namespace sluis::cli {
namespace {

absl::StatusOr<client::AdminClient> Connect(const Profile& profile) {
  if (profile.admin.empty()) {
    return WithMetadata(InvalidArgument("OPTION_MISSING", "the operator's door is needed"),
                        "option", "--admin");
  }
  client::AdminOptions options;
  options.target = profile.admin;
  options.timeout = absl::Seconds(profile.timeout_seconds);
  return client::AdminClient::Connect(options);
}

void AddClock(CLI::App& admin, Context& context) {
  CLI::App* command = admin.add_subcommand(
      "clock", "Set the clock by which is decided (environment TEST_DATA_ONLY)");
  struct Options {
    std::string now;
    bool machine = false;
  };
  auto options = std::make_shared<Options>();
  CLI::Option* now = command->add_option(
      "INSTANT", options->now, "The instant that it is, as RFC 3339; the clock runs on from there");
  command->add_flag("--machine", options->machine, "The machine's clock again")->excludes(now);
  command->footer(
      "Certificates, CRLs and deadlines follow the machine's clock in any case.\n"
      "\n"
      "Examples:\n"
      "  sluis admin clock 2026-11-23T10:00:00+01:00 --admin 127.0.0.1:8444\n"
      "  sluis admin clock --machine --admin 127.0.0.1:8444");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    std::optional<absl::Time> now_is;
    if (!options->now.empty()) {
      absl::Time parsed;
      std::string error;
      if (!absl::ParseTime(absl::RFC3339_full, options->now, &parsed, &error))
        return Malformed("now", "not an instant as RFC 3339, such as 2026-11-23T10:00:00+01:00");
      now_is = parsed;
    } else if (!options->machine) {
      return WithMetadata(InvalidArgument("OPTION_MISSING", "which clock?"), "option",
                          "INSTANT or --machine");
    }
    SLUIS_ASSIGN_OR_RETURN(client::AdminClient client, Connect(context.profile));
    SLUIS_ASSIGN_OR_RETURN(const absl::Time is, client.SetDecisionClock(now_is));
    const std::string text = absl::FormatTime(absl::RFC3339_full, is, absl::UTCTimeZone());
    if (context.json) {
      PrintJson({{"now", text}});
    } else if (!context.quiet) {
      std::cout << "It is now " << text << " for decisions.\n";
    }
    return Exit::kDone;
  });
}

void AddReload(CLI::App& admin, Context& context) {
  CLI::App* command = admin.add_subcommand(
      "reload", "Read statute, convenant and switches again and put them in force");
  command->footer(
      "When they do not compile, the ones in force stay. Check them first: `sluis policy check`.\n"
      "\n"
      "Example:\n"
      "  sluis admin reload --admin 127.0.0.1:8444");
  context.OnRun(*command, [&context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(client::AdminClient client, Connect(context.profile));
    SLUIS_ASSIGN_OR_RETURN(const client::ReloadPolicyAnswer answer, client.ReloadPolicy());
    if (context.json) {
      PrintJson({{"policy_hash", answer.policy_hash}, {"warnings", answer.warnings}});
      return Exit::kDone;
    }
    for (const std::string& warning : answer.warnings) std::cout << Printable(warning) << "\n";
    std::cout << "In force: policy " << Printable(answer.policy_hash) << "\n";
    return Exit::kDone;
  });
}

void AddPropose(CLI::App& admin, Context& context) {
  CLI::App* command = admin.add_subcommand(
      "propose", "Propose the documents of the broker's configuration, in force from a day on");
  struct Options {
    std::string operator_id;
    std::string from;
  };
  auto options = std::make_shared<Options>();
  command->add_option("--operator", options->operator_id, "Who proposes; stands in the log")
      ->required();
  command->add_option("--from", options->from, "First day, YYYY-MM-DD")->required();
  command->footer(
      "Another operator puts it in force: `sluis admin approve` with the hash that is printed.\n"
      "\n"
      "Example:\n"
      "  sluis admin propose --operator a.jansen --from 2027-01-01 --admin 127.0.0.1:8444");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(client::AdminClient client, Connect(context.profile));
    SLUIS_ASSIGN_OR_RETURN(const client::ReloadPolicyAnswer answer,
                           client.ProposePolicy(options->operator_id, options->from));
    if (context.json) {
      PrintJson({{"policy_hash", answer.policy_hash}, {"warnings", answer.warnings}});
      return Exit::kDone;
    }
    for (const std::string& warning : answer.warnings) std::cout << Printable(warning) << "\n";
    std::cout << "Proposed: policy " << Printable(answer.policy_hash) << "\n";
    return Exit::kDone;
  });
}

void AddApprove(CLI::App& admin, Context& context) {
  CLI::App* command = admin.add_subcommand(
      "approve", "Approve a policy that another operator proposed: it comes into force on its day");
  struct Options {
    std::string operator_id;
    std::string hash;
  };
  auto options = std::make_shared<Options>();
  command->add_option("HASH", options->hash, "The hash of the policy")->required();
  command->add_option("--operator", options->operator_id, "Who approves; stands in the log")
      ->required();
  command->footer(
      "Compare the hash with that of the documents which were agreed: `sluis policy check`.\n"
      "\n"
      "Example:\n"
      "  sluis admin approve 4f0c… --operator b.de-wit --admin 127.0.0.1:8444");
  context.OnRun(*command, [options, &context]() -> absl::StatusOr<Exit> {
    SLUIS_ASSIGN_OR_RETURN(client::AdminClient client, Connect(context.profile));
    SLUIS_ASSIGN_OR_RETURN(const std::string from,
                           client.ActivatePolicy(options->operator_id, options->hash));
    if (context.json) {
      PrintJson({{"from", from}});
    } else if (!context.quiet) {
      std::cout << "Approved; in force from " << Printable(from) << ".\n";
    }
    return Exit::kDone;
  });
}

}  // namespace

void AddAdmin(CLI::App& parent, Context& context) {
  CLI::App* admin = parent.add_subcommand(
      "admin", "Operate a broker, over the loopback address of its machine (--admin)");
  admin->require_subcommand(1);
  AddClock(*admin, context);
  AddReload(*admin, context);
  AddPropose(*admin, context);
  AddApprove(*admin, context);
  AddPurge(*admin, context, &Connect);
  AddErase(*admin, context, &Connect);
  AddJobs(*admin, context, &Connect);
}

}  // namespace sluis::cli
