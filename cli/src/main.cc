// sluis, the command line for operators, convenant keepers, compliance officers and integrators.
// docs/cli.md is its manual.

#include <algorithm>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "commands.h"
#include "context.h"
#include <CLI/CLI.hpp>

#include "sluis/base/errors.h"

namespace sluis::cli {
namespace {

// A profile names files beside itself: paths in it count from its directory.
class ProfileReader final : public CLI::ConfigTOML {
 public:
  explicit ProfileReader(const CLI::App& app) : app_(app) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> entries = CLI::ConfigTOML::from_config(input);
    const std::filesystem::path directory =
        std::filesystem::path(app_["--config"]->as<std::string>()).parent_path();
    static const std::set<std::string> kFiles = {"certificate", "key", "ca", "log-key-file",
                                                 "state"};
    for (CLI::ConfigItem& item : entries) {
      if (!item.parents.empty() || !kFiles.contains(item.name)) continue;
      for (std::string& value : item.inputs) {
        if (!value.empty()) value = (directory / value).string();
      }
    }
    return entries;
  }

 private:
  const CLI::App& app_;
};

// Every command is called with the options of the program, which only its own help lists.
class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_footer(const CLI::App* app) const override {
    std::string footer = CLI::Formatter::make_footer(app);
    if (app->get_parent() != nullptr)
      footer +=
          "\nConnection, capacity and output (--config, --hat, --json, …): see `sluis --help`.\n";
    return footer;
  }
};

void AddConnection(CLI::App& app, Profile& profile) {
  const std::string connection = "Connection (on the command line or in the --config file)";
  const auto add = [&](const char* name, std::string& target, const char* help, const char* type) {
    app.add_option(name, target, help)->group(connection)->type_name(type);
  };
  add("--server", profile.server, "Where the broker is", "HOST:PORT");
  add("--server-name", profile.server_name, "Name in its certificate, when it is not the host",
      "NAME");
  add("--certificate", profile.certificate_file, "Our certificate with its issuing CAs, PEM",
      "FILE");
  add("--key", profile.key_file, "Its private key, PEM", "FILE");
  add("--ca", profile.ca_file, "The roots by which the broker is verified, PEM", "FILE");
  add("--log-key", profile.log_key, "The verifier key of the log: name+id+base64, no secret",
      "KEY");
  add("--log-key-file", profile.log_key_file, "The same, in a file", "FILE");
  app.add_flag("--trust-log-key-on-first-use", profile.trust_log_key_on_first_use,
               "Believe the key that the broker presents, and write it to --log-key-file; for "
               "development")
      ->group(connection);
  app.add_flag("--test-data-only", profile.test_data_only,
               "The broker must be one of environment TEST_DATA_ONLY")
      ->group(connection);
  add("--origin", profile.origin, "The name of the log (default: that of its key)", "NAME");
  add("--state", profile.state_file,
      "Keeps the newest verified checkpoint, so that the log cannot show us another history later",
      "FILE");
  add("--admin", profile.admin, "The operator's door, for `sluis admin`", "127.0.0.1:PORT");
  app.add_option("--timeout", profile.timeout_seconds, "Seconds to wait for an answer")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600))
      ->group(connection);
  const std::string capacity = "Capacity (likewise)";
  app.add_option("--hat", profile.hat, "The hat in which we act")->group(capacity);
  app.add_option("--professional", profile.professional, "The professional, by our own id")
      ->group(capacity);
  app.add_option("--language", profile.language, "Language of the broker's texts: nl, en")
      ->capture_default_str()
      ->check(CLI::IsMember({"nl", "en"}))
      ->group(capacity);
}

void AddOutput(CLI::App& app, Context& context) {
  app.add_flag("--json", context.json, "Answers and errors as JSON, for programs");
  app.add_flag("-q,--quiet", context.quiet, "Only the id that a call gives, for scripts");
  app.add_option("--request-id", context.request_id,
                 "Repeat a call of which you do not know how it ended: done once all the same");
  app.add_option("--proof-file", context.proof_file,
                 "Keep the proof of the call's entry, for `sluis audit verify-proof`");
}

constexpr const char* kFooter =
    R"(Exit codes:
  0  everything that was asked was done, or released
  1  anything else that went wrong
  2  wrong use, or a request that is not well formed
  3  answered, but at least one field was not released
  4  refused: not allowed, not possible as things stand, or not there
  5  no answer from the broker, or no trust between it and us
  6  a receipt, a log or a proof is not what it should be: do not rely on it
  7  documents with errors
  8  documents with warnings, with --strict-warnings
  9  a case or a logged decision comes out otherwise, or coverage has gaps
  10  two versions of a policy differ, with --exit-code

A profile holds the connection and the capacity, as `name = "value"` lines; paths in it count from
its own directory. --config names it, or the environment variable SLUIS_CONFIG:

  server = "sluis.example.nl:8443"
  certificate = "almelo.pem"
  key = "almelo.key"
  ca = "roots.pem"
  log-key-file = "log.vkey"
  state = "checkpoint"
  hat = "GEM_COLLEGE_WMO"
  professional = "w.jansen-04"

Every answer comes with the proof that the call is in the broker's log, and is verified with the
verifier key of the log before you see it. That key is one line of text and no secret: the operator
gives it to you once (the broker writes it to its own log when it starts, as log_key).

Examples:
  sluis casus list --config almelo.toml
  sluis request --help
  sluis policy check statute.textproto convenant.textproto)";

int Main(int argc, char** argv) {
  // Which bytes are one character, whatever the user's language: only that.
  std::setlocale(LC_CTYPE, "C.UTF-8");
  std::signal(SIGPIPE, SIG_IGN);
  // As the broker: only the suites that the guidelines call good; an operator may choose others.
  setenv("GRPC_SSL_CIPHER_SUITES",
         "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
         "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
         0);
  setenv("GRPC_VERBOSITY", "NONE", 0);

  Context context;
  CLI::App app("sluis: share case data lawfully, and prove it", "sluis");
  app.fallthrough();
  app.require_subcommand(1);
  const auto formatter = std::make_shared<HelpFormatter>();
  formatter->column_width(34);
  app.formatter(formatter);
  app.set_version_flag("--version", SLUIS_VERSION);
  app.allow_config_extras(CLI::config_extras_mode::error);
  const char* config = std::getenv("SLUIS_CONFIG");
  const bool configured = config != nullptr && *config != '\0';
  app.set_config("--config", configured ? config : "", "The profile (or set SLUIS_CONFIG)",
                 configured)
      ->type_name("FILE");
  app.config_formatter(std::make_shared<ProfileReader>(app));
  AddOutput(app, context);
  AddConnection(app, context.profile);
  AddRequest(app, context);
  AddCasus(app, context);
  AddDeposit(app, context);
  AddSource(app, context);
  AddConsent(app, context);
  AddFact(app, context);
  AddDuty(app, context);
  AddInzage(app, context);
  AddCorrection(app, context);
  AddEmergency(app, context);
  AddReview(app, context);
  AddDecision(app, context);
  AddNotices(app, context);
  AddWams(app, context);
  AddSignal(app, context);
  AddEscalate(app, context);
  AddPriorityList(app, context);
  AddProfessional(app, context);
  AddAudit(app, context);
  AddPolicy(app, context);
  AddAdmin(app, context);
  app.footer(kFooter);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // for help or the version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    return static_cast<int>(
        Complain(InvalidArgument("USAGE", absl::StrCat(error.what(), "; --help says more")), json));
  }
  const absl::StatusOr<Exit> exit = context.action()();
  Exit code = exit.ok() ? *exit : Complain(exit.status(), context.json);
  if (!std::cout.flush() && code == Exit::kDone) code = Exit::kFailure;  // nobody read the answer
  return static_cast<int>(code);
}

}  // namespace
}  // namespace sluis::cli

int main(int argc, char** argv) { return sluis::cli::Main(argc, argv); }
