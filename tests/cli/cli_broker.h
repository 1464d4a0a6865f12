#pragma once

#include <filesystem>
#include <memory>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli.h"
#include "gtest/gtest.h"

#include "sluis/base/errors.h"
#include "sluis/base/text.h"
#include "sluis/testing/daemon.h"

namespace sluis::testing {

// A real broker, and people who use it by the command line: each with a profile of their own.
class CliBrokerTest : public ::testing::Test {
 protected:
  // Before any profile. `switches` are the operator's; empty: none.
  static absl::Status StartBroker(const std::string& switches = "") {
    daemon_ = std::make_unique<Daemon>();
    if (!switches.empty()) daemon_->WriteSwitches(switches);
    if (absl::Status started = daemon_->Start(); !started.ok()) return started;
    const std::string log = daemon_->ReadLog();
    std::smatch key;
    if (!std::regex_search(log, key, std::regex("\"log_key\":\"([^\"]+)\"")))
      return absl::InternalError("the broker does not say its log key");
    WriteFile(Home() / "log.vkey", key[1].str() + "\n");
    return absl::OkStatus();
  }
  static void TearDownTestSuite() { daemon_.reset(); }

  static const std::filesystem::path& Home() { return daemon_->directory(); }

  static void MakeProfile(const std::string& name, const std::string& partij,
                          const std::string& hat, const std::string& professional) {
    WriteFile(Home() / (name + ".toml"),
              absl::StrCat("server = \"127.0.0.1:", daemon_->port(),
                           "\"\nserver-name = \"localhost\"\ncertificate = \"pki/partij/", partij,
                           "/certificate.pem\"\nkey = \"pki/partij/", partij,
                           "/key.pem\"\nca = \"pki/ca-bundle.pem\"\nlog-key-file = \"log.vkey\"\n"
                           "test-data-only = true\nstate = \"",
                           name, ".checkpoint\"\nadmin = \"127.0.0.1:", daemon_->admin_port(),
                           "\"\nhat = \"", hat, "\"\nprofessional = \"", professional, "\"\n"));
  }

  static CliRun As(const std::string& who, std::vector<std::string> arguments,
                   const std::string& input = "") {
    arguments.insert(arguments.begin(), {"--config", (Home() / (who + ".toml")).string()});
    return RunCli(arguments, {.input = input, .directory = Home()});
  }
  // Has to succeed; what it printed.
  static std::string Must(const std::string& who, std::vector<std::string> arguments,
                          const std::string& input = "") {
    const CliRun run = As(who, std::move(arguments), input);
    EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
    return std::string(FromAbsl(absl::StripAsciiWhitespace(run.out)));
  }

  static inline std::unique_ptr<Daemon> daemon_;
};

}  // namespace sluis::testing
