#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "sluis/base/civil_date.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/texts.h"
#include "sluis/textproto/issue.h"

// The configuration file (proto/sluis/config/v1/config.proto), read and checked.
namespace sluis::config {

// What the file says, with defaults filled in and paths made absolute.
struct Config {
  bool test_data_only = false;
  // The name of the log as it stands in checkpoints.
  std::string origin;
  std::string oin;  // of who runs the broker; empty: not given
  std::string listen_address;
  std::string listen_port_file;
  std::string certificate_file;
  std::string key_file;
  std::string client_ca_file;
  std::string crl_directory;
  absl::Duration crl_refresh;
  std::string admin_address;  // empty: no door for operators
  std::string admin_port_file;
  std::string sqlite_file;
  std::string person_keys_file;
  std::string master_key_file;
  std::string log_key_file;
  std::string statute_file;
  std::string convenant_file;
  std::string switches_file;  // empty: none
  std::string texts_file;
  std::string signatures_directory;  // empty in TEST_DATA_ONLY
  std::string partij_keys_file;      // likewise
  int max_message_bytes = 0;
  int max_calls = 0;
  int max_calls_per_connection = 0;
  absl::Duration source_time_limit;
  absl::Duration max_connection_age;
  int max_batch = 0;
  int threads = 0;
  absl::Duration stop_notice;
  absl::Duration drain;
  bool schedule = false;
  bool purge = false;
  int quiet_from_hour = 0;
  int quiet_until_hour = 0;
  int probing_refusals = 0;
  int probing_days = 0;
  std::string log_level;  // "debug", "info", "warn", "error"
};

struct ConfigResult {
  // Absent when an issue is an error.
  std::optional<Config> config;
  // With line and column. Codes: SYNTAX, VALUE_MISSING, VALUE_INVALID, FILE_MISSING,
  // KEY_FILE_READABLE.
  std::vector<textproto::Issue> issues;
};

// Reads and checks the file, and whether the files that it names are there.
ConfigResult ReadConfig(const std::string& path);

struct PolicyResult {
  std::shared_ptr<const policy::Policy> policy;
  std::vector<textproto::Issue> issues;
};

// Reads and compiles the documents that the configuration names.
PolicyResult LoadPolicy(const Config& config);

// Whether the convenant binds every partij that has acceded by `day` and not left: nothing in
// TEST_DATA_ONLY, elsewhere an error for each that has not signed this convenant with its key.
// Codes: SIGNATURE_MISSING, SIGNATURE_INVALID, SIGNATURE_OTHER, each naming the partij;
// VERIFIER_KEY_MALFORMED, FILE_MISSING.
std::vector<textproto::Issue> CheckSignatures(const Config& config, const policy::Policy& policy,
                                              CivilDate day);

struct TextsResult {
  std::unique_ptr<policy::Texts> texts;
  std::vector<textproto::Issue> issues;
};
TextsResult LoadTexts(const Config& config);

}  // namespace sluis::config
