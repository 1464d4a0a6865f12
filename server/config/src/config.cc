#include "sluis/config/config.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "sluis/audit/digest.h"
#include "sluis/audit/note.h"
#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/oin.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/config/v1/config.pb.h"
#include "sluis/policy/documents.h"
#include "sluis/policy/sign.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/policy/v1/texts.pb.h"
#include "sluis/textproto/file.h"

namespace sluis::config {
namespace {

using textproto::Document;
using textproto::Issue;
using textproto::Path;

class Checker {
 public:
  Checker(const Document<v1::Config>& document, std::filesystem::path directory,
          std::vector<Issue>& issues)
      : document_(document), directory_(std::move(directory)), issues_(issues) {}

  void Error(Path path, std::string_view code, std::string text) {
    issues_.push_back(document_.At(path, Issue::Severity::kError, code, std::move(text)));
  }

  std::string Absolute(const std::string& path) const {
    return path.empty() ? path : (directory_ / path).lexically_normal().string();
  }

  enum class Presence { kMustExist, kMadeWhenMissing, kOptional };

  // A path that is given, and whose file is there.
  std::string File(Path path, const std::string& given, Presence presence) {
    if (given.empty()) {
      if (presence != Presence::kOptional) Error(path, "VALUE_MISSING", "missing");
      return {};
    }
    std::string file = Absolute(given);
    std::error_code error;
    if (presence == Presence::kMadeWhenMissing) {
      const auto parent = std::filesystem::path(file).parent_path();
      if (!std::filesystem::is_directory(parent, error))
        Error(path, "FILE_MISSING", absl::StrCat("no such directory: ", parent.string()));
    } else if (!std::filesystem::is_regular_file(file, error)) {
      Error(path, "FILE_MISSING", absl::StrCat("no such file: ", file));
    }
    return file;
  }

  // The same for a key, which nobody else may read.
  std::string KeyFile(Path path, const std::string& given) {
    std::string file = File(path, given, Presence::kMustExist);
    struct stat status {};
    if (!file.empty() && stat(file.c_str(), &status) == 0 && (status.st_mode & 077) != 0) {
      Error(path, "KEY_FILE_READABLE",
            absl::StrCat("others than the owner can read or write ", file, "; chmod 600 it"));
    }
    return file;
  }

  std::string Address(Path path, const std::string& given) {
    const size_t colon = given.rfind(':');
    int port = 0;
    if (given.empty()) {
      Error(path, "VALUE_MISSING", "missing");
    } else if (colon == std::string::npos || colon == 0 || colon + 1 == given.size() ||
               !std::all_of(given.begin() + static_cast<std::ptrdiff_t>(colon) + 1, given.end(),
                            [](char c) { return c >= '0' && c <= '9'; }) ||
               !absl::SimpleAtoi(given.substr(colon + 1), &port) || port > 65535) {
      Error(path, "VALUE_INVALID", "not an address and port, such as 0.0.0.0:8443");
    }
    return given;
  }

  int Number(Path path, int given, int normal, int least, int most) {
    if (given == 0) return normal;
    if (given < least || given > most)
      Error(path, "VALUE_INVALID", absl::StrCat("not from ", least, " to ", most));
    return given;
  }

 private:
  const Document<v1::Config>& document_;
  const std::filesystem::path directory_;
  std::vector<Issue>& issues_;
};

bool IsLoopback(const std::string& address) {
  return address.rfind("127.0.0.1:", 0) == 0 || address.rfind("[::1]:", 0) == 0 ||
         address.rfind("localhost:", 0) == 0;
}

std::string LevelName(v1::Logging::Level level) {
  switch (level) {
    case v1::Logging::DEBUG:
      return "debug";
    case v1::Logging::WARN:
      return "warn";
    case v1::Logging::ERROR:
      return "error";
    default:
      return "info";
  }
}

Config Check(const v1::Config& in, Checker& check) {
  using Presence = Checker::Presence;
  Config out;
  if (in.environment() == v1::Config::ENVIRONMENT_UNSPECIFIED) {
    check.Error({{"environment"}}, "VALUE_MISSING", "missing: PRODUCTION or TEST_DATA_ONLY");
  }
  out.test_data_only = in.environment() == v1::Config::TEST_DATA_ONLY;
  const bool plain = !in.log_name().empty() && in.log_name().size() <= 200 &&
                     std::all_of(in.log_name().begin(), in.log_name().end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
                              c == '/';
                     });
  if (!plain) {
    check.Error({{"log_name"}}, in.log_name().empty() ? "VALUE_MISSING" : "VALUE_INVALID",
                "a name such as sluis.example.nl/log");
  }
  out.origin = in.log_name() + (out.test_data_only ? " TEST_DATA_ONLY" : "");
  if (!in.oin().empty() && !Oin::Parse(in.oin()).ok())
    check.Error({{"oin"}}, "VALUE_INVALID", "an OIN of 20 positions");
  out.oin = in.oin();
  out.listen_address = check.Address({{"listen"}, {"address"}}, in.listen().address());
  out.listen_port_file = check.Absolute(in.listen().port_file());
  out.certificate_file = check.File({{"tls"}, {"certificate_file"}}, in.tls().certificate_file(),
                                    Presence::kMustExist);
  out.key_file = check.KeyFile({{"tls"}, {"key_file"}}, in.tls().key_file());
  out.client_ca_file =
      check.File({{"tls"}, {"client_ca_file"}}, in.tls().client_ca_file(), Presence::kMustExist);
  out.crl_directory = check.Absolute(in.tls().crl_directory());
  std::error_code error;
  if (out.crl_directory.empty()) {
    check.Error({{"tls"}, {"crl_directory"}}, "VALUE_MISSING", "missing");
  } else if (!std::filesystem::is_directory(out.crl_directory, error)) {
    check.Error({{"tls"}, {"crl_directory"}}, "FILE_MISSING",
                absl::StrCat("no such directory: ", out.crl_directory));
  }
  out.crl_refresh = absl::Seconds(
      check.Number({{"tls"}, {"crl_refresh_seconds"}}, in.tls().crl_refresh_seconds(), 5, 1, 3600));
  if (in.has_admin()) {
    out.admin_address = check.Address({{"admin"}, {"address"}}, in.admin().address());
    out.admin_port_file = check.Absolute(in.admin().port_file());
    if (!out.admin_address.empty() && !IsLoopback(out.admin_address)) {
      check.Error({{"admin"}, {"address"}}, "VALUE_INVALID",
                  "not a loopback address: this door has no TLS");
    }
  }
  out.sqlite_file = check.File({{"store"}, {"sqlite_file"}}, in.store().sqlite_file(),
                               Presence::kMadeWhenMissing);
  out.person_keys_file = check.File({{"keys"}, {"person_keys_file"}}, in.keys().person_keys_file(),
                                    Presence::kMadeWhenMissing);
  if (!out.sqlite_file.empty() && out.sqlite_file == out.person_keys_file) {
    check.Error({{"keys"}, {"person_keys_file"}}, "VALUE_INVALID",
                "the keys have a file of their own, apart from the store");
  }
  out.master_key_file = check.KeyFile({{"keys"}, {"master_key_file"}}, in.keys().master_key_file());
  out.log_key_file = check.KeyFile({{"keys"}, {"log_key_file"}}, in.keys().log_key_file());
  out.statute_file =
      check.File({{"policy"}, {"statute_file"}}, in.policy().statute_file(), Presence::kMustExist);
  out.convenant_file = check.File({{"policy"}, {"convenant_file"}}, in.policy().convenant_file(),
                                  Presence::kMustExist);
  out.switches_file =
      check.File({{"policy"}, {"switches_file"}}, in.policy().switches_file(),
                 in.policy().switches_file().empty() ? Presence::kOptional : Presence::kMustExist);
  out.texts_file =
      check.File({{"policy"}, {"texts_file"}}, in.policy().texts_file(), Presence::kMustExist);
  if (!out.test_data_only) {
    out.partij_keys_file = check.File({{"policy"}, {"partij_keys_file"}},
                                      in.policy().partij_keys_file(), Presence::kMustExist);
    out.signatures_directory = check.Absolute(in.policy().signatures_directory());
    if (out.signatures_directory.empty()) {
      check.Error({{"policy"}, {"signatures_directory"}}, "VALUE_MISSING", "missing");
    } else if (!std::filesystem::is_directory(out.signatures_directory, error)) {
      check.Error({{"policy"}, {"signatures_directory"}}, "FILE_MISSING",
                  absl::StrCat("no such directory: ", out.signatures_directory));
    }
  }
  const v1::Limits& limits = in.limits();
  const auto limit = [&](std::string_view name, int given, int normal, int least, int most) {
    return check.Number({{"limits"}, {name}}, given, normal, least, most);
  };
  out.max_message_bytes =
      limit("max_message_bytes", limits.max_message_bytes(), 1 << 20, 1024, 1 << 20);
  out.max_calls = limit("max_calls", limits.max_calls(), 4096, 1, 100000);
  out.max_calls_per_connection =
      limit("max_calls_per_connection", limits.max_calls_per_connection(), 256, 1, 10000);
  out.max_connection_age = absl::Seconds(
      limit("max_connection_age_seconds", limits.max_connection_age_seconds(), 3600, 1, 86400));
  out.max_batch = limit("max_batch", limits.max_batch(), 256, 1, 10000);
  out.threads = limit("threads", limits.threads(), 4, 1, 256);
  out.stop_notice =
      absl::Milliseconds(limit("stop_notice_ms", limits.stop_notice_ms(), 0, 0, 600000));
  out.source_time_limit = absl::Milliseconds(
      limit("source_time_limit_ms", limits.source_time_limit_ms(), 5000, 50, 60000));
  out.drain = absl::Seconds(limit("drain_seconds", limits.drain_seconds(), 20, 1, 600));
  out.schedule = !in.schedule().off();
  out.purge = !in.schedule().purge_off();
  out.quiet_from_hour = in.schedule().quiet_from_hour();
  out.quiet_until_hour = in.schedule().quiet_until_hour();
  if (out.quiet_from_hour == 0 && out.quiet_until_hour == 0) {
    out.quiet_from_hour = 1;
    out.quiet_until_hour = 5;
  }
  for (const auto& [name, hour] : {std::pair("quiet_from_hour", out.quiet_from_hour),
                                   std::pair("quiet_until_hour", out.quiet_until_hour)}) {
    if (hour < 0 || hour > 24)
      check.Error({{"schedule"}, {name}}, "VALUE_INVALID", "an hour is from 0 to 24");
  }
  out.probing_refusals = check.Number({{"schedule"}, {"probing_refusals"}},
                                      in.schedule().probing_refusals(), 5, 2, 1000);
  out.probing_days =
      check.Number({{"schedule"}, {"probing_days"}}, in.schedule().probing_days(), 7, 1, 366);
  out.log_level = LevelName(in.logging().level());
  return out;
}

// Reads and parses a document; adds what is wrong with it.
template <typename Message>
std::optional<Document<Message>> Load(const std::string& file, std::vector<Issue>& issues) {
  const auto text = textproto::ReadTextFile(file);
  if (!text.ok()) {
    issues.push_back({Issue::Severity::kError, file, 0, 0, "FILE_MISSING",
                      std::string(text.status().message())});
    return std::nullopt;
  }
  auto parsed = textproto::ParseDocument<Message>(file, *text);
  issues.insert(issues.end(), parsed.issues.begin(), parsed.issues.end());
  return std::move(parsed.document);
}

// The keys of the partijen: a verifier key a line, named after its partij; '#' starts a comment.
std::map<std::string, audit::VerifierKey> ReadPartijKeys(const std::string& file,
                                                         std::vector<Issue>& issues) {
  std::map<std::string, audit::VerifierKey> keys;
  const auto text = textproto::ReadTextFile(file);
  if (!text.ok()) {
    issues.push_back({Issue::Severity::kError, file, 0, 0, "FILE_MISSING",
                      std::string(text.status().message())});
    return keys;
  }
  int number = 0;
  for (const auto line : absl::StrSplit(*text, '\n')) {
    ++number;
    const auto stripped = absl::StripAsciiWhitespace(line);
    if (stripped.empty() || stripped[0] == '#') continue;
    auto key = audit::VerifierKey::Parse(FromAbsl(stripped));
    const std::string name = key.ok() ? key->name() : "";
    if (!key.ok() || !keys.emplace(name, *std::move(key)).second) {
      issues.push_back({Issue::Severity::kError, file, number, 1, "VERIFIER_KEY_MALFORMED",
                        name.empty() ? "no verifier key" : "a second key of " + name});
    }
  }
  return keys;
}

}  // namespace

ConfigResult ReadConfig(const std::string& path) {
  ConfigResult result;
  const auto document = Load<v1::Config>(path, result.issues);
  if (!document) return result;
  Checker checker(*document, std::filesystem::absolute(path).parent_path(), result.issues);
  Config config = Check(document->message(), checker);
  if (!textproto::HasErrors(result.issues)) result.config = std::move(config);
  return result;
}

PolicyResult LoadPolicy(const Config& config) {
  PolicyResult result;
  const auto statute = Load<policy::v1::Statute>(config.statute_file, result.issues);
  const auto convenant = Load<policy::v1::Convenant>(config.convenant_file, result.issues);
  auto switches =
      config.switches_file.empty()
          ? std::optional(Document<policy::v1::OperatorSwitches>::FromMessage({}, "switches"))
          : Load<policy::v1::OperatorSwitches>(config.switches_file, result.issues);
  if (!statute || !convenant || !switches) return result;
  auto compiled = policy::Compile(*statute, *convenant, *switches);
  result.issues.insert(result.issues.end(), compiled.issues.begin(), compiled.issues.end());
  result.policy = std::move(compiled.policy);
  return result;
}

std::vector<Issue> CheckSignatures(const Config& config, const policy::Policy& policy,
                                   CivilDate day) {
  std::vector<Issue> issues;
  if (config.test_data_only) return issues;
  const auto keys = ReadPartijKeys(config.partij_keys_file, issues);
  if (textproto::HasErrors(issues)) return issues;
  const std::string hash(audit::Sha256({policy::CanonicalAgreement(policy)}).bytes());
  const auto file = [&](const std::string& partij) {
    return (std::filesystem::path(config.signatures_directory) / HexEncode(hash) /
            (partij + ".sig"))
        .string();
  };
  const auto open = [&](const std::string& partij) -> absl::StatusOr<std::string> {
    SLUIS_ASSIGN_OR_RETURN(const std::string note, textproto::ReadTextFile(file(partij)));
    const auto key = keys.find(partij);
    if (key == keys.end())
      return FailedPrecondition("NOTE_UNKNOWN_KEY", "no key of this partij is known");
    SLUIS_ASSIGN_OR_RETURN(const audit::VerifiedNote verified,
                           audit::VerifyNote(note, {&key->second, 1}));
    return verified.text;
  };
  for (policy::SignatureProblem& problem : policy::CheckSignatures(policy, day, hash, open)) {
    issues.push_back({Issue::Severity::kError, file(problem.partij), 0, 0,
                      std::move(problem.reason), std::move(problem.message)});
  }
  return issues;
}

TextsResult LoadTexts(const Config& config) {
  TextsResult result;
  const auto document = Load<policy::v1::Texts>(config.texts_file, result.issues);
  if (!document) return result;
  auto made = policy::Texts::Make(*document);
  result.issues.insert(result.issues.end(), made.issues.begin(), made.issues.end());
  result.texts = std::move(made.texts);
  return result;
}

}  // namespace sluis::config
