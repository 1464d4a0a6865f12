#include "log_key.h"

#include <optional>

#include "state_file.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"

namespace sluis::client::internal {
namespace {

absl::StatusOr<audit::VerifierKey> ParseKey(std::string text, std::string_view where) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  auto key = audit::VerifierKey::Parse(text);
  if (!key.ok()) {
    return InvalidArgument("LOG_KEY_INVALID",
                           std::string(where) + " holds no key of a log (\"name+hash+key\")");
  }
  return key;
}

}  // namespace

absl::StatusOr<audit::VerifierKey> FindLogKey(
    const ClientOptions& options, const std::function<absl::StatusOr<std::string>()>& ask) {
  const std::string& file = options.log_key_file;
  if (!options.log_key.empty()) {
    if (!file.empty() || options.trust_log_key_on_first_use) {
      return WithMetadata(InvalidArgument("OPTION_INVALID",
                                          "log_key is given beside log_key_file or "
                                          "trust_log_key_on_first_use: which is meant?"),
                          "option", "log_key");
    }
    return ParseKey(options.log_key, "the option log_key");
  }
  if (!file.empty()) {
    SLUIS_ASSIGN_OR_RETURN(auto content, ReadWholeFile(file));
    if (content) return ParseKey(*std::move(content), file);
    if (!options.trust_log_key_on_first_use) {
      return WithMetadata(
          NotFound("FILE_MISSING", "there is no file " + file +
                                       ", which should hold the key of the broker's log: ask the "
                                       "broker's operator for it"),
          "file", file);
    }
  }
  if (!options.trust_log_key_on_first_use) {
    return InvalidArgument(
        "LOG_KEY_MISSING",
        "the key of the broker's log is not given, without which no answer can be verified. It "
        "looks like \"name+hash+key\": ask the broker's operator for it over another way than the "
        "broker (sluisd writes it to its own log when it starts, as log_key), and give it as "
        "log_key or log_key_file");
  }
  SLUIS_ASSIGN_OR_RETURN(const std::string presented, ask());
  SLUIS_ASSIGN_OR_RETURN(audit::VerifierKey key, ParseKey(presented, "the broker's answer"));
  if (!file.empty()) SLUIS_RETURN_IF_ERROR(ReplaceFile(file, key.ToString() + "\n"));
  return key;
}

std::string OriginOf(const ClientOptions& options, const audit::VerifierKey& key) {
  if (!options.log_origin.empty()) return options.log_origin;
  return key.name() + (options.test_data_only ? " TEST_DATA_ONLY" : "");
}

}  // namespace sluis::client::internal
