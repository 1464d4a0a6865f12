#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "exit.h"
#include <CLI/CLI.hpp>

namespace sluis::cli {

// How to reach the broker and as whom: from the command line or the file of --config.
struct Profile {
  std::string server;
  std::string server_name;
  std::string certificate_file;
  std::string key_file;
  std::string ca_file;
  std::string log_key;
  std::string log_key_file;
  bool trust_log_key_on_first_use = false;
  bool test_data_only = false;
  std::string origin;
  std::string state_file;
  std::string admin;
  std::string hat;
  std::string professional;
  std::string language = "en";
  int timeout_seconds = 30;
};

// What all commands share. A command adds its options to a CLI::App and says with OnRun() what it
// does; it runs after the whole command line has been read and found good.
class Context {
 public:
  // What a command does. A status is told to the user and ends the program with its code.
  using Action = std::function<absl::StatusOr<Exit>()>;

  Profile profile;
  // Answers are for programs.
  bool json = false;
  // Of an answer, only the id that it gives.
  bool quiet = false;
  // Of a call that is repeated; empty: a new one.
  std::string request_id;
  // Where the proof of the call's first entry goes; empty: nowhere.
  std::string proof_file;

  void OnRun(CLI::App& command, Action action) {
    command.callback([this, action = std::move(action)] { action_ = action; });
  }
  // Of the command that was given; empty when none was.
  [[nodiscard]] const Action& action() const { return action_; }

 private:
  Action action_;
};

// Tells what went wrong, on standard error: reason, words and the element at fault; with `json` as
// an object. Returns how the program ends.
Exit Complain(const absl::Status& status, bool json);

// The verifier key of --log-key or --log-key-file, as text. INVALID_ARGUMENT / OPTION_MISSING
// without either, and the errors of reading the file.
absl::StatusOr<std::string> LogKeyText(const Profile& profile);

// The bytes of a file or, for "-", of standard input; at most 16 MiB.
absl::StatusOr<std::string> ReadInput(const std::string& path);

// Writes a file as a whole or not at all; readable by the owner only unless `shared`.
enum class Access { kOwner, kShared };
absl::Status WriteOutput(const std::string& path, std::string_view bytes, Access access);

}  // namespace sluis::cli
