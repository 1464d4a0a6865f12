#include "sluis/base/errors.h"

#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

namespace sluis {
namespace {

constexpr absl::string_view kReasonUrl = "sluis/reason";
constexpr absl::string_view kMetadataUrl = "sluis/metadata";

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message) {
  absl::Status status(code, Absl(message));
  status.SetPayload(kReasonUrl, absl::Cord(Absl(reason)));
  return status;
}

absl::Status Malformed(std::string_view field, std::string_view message) {
  return WithMetadata(InvalidArgument("MALFORMED", message), kFieldKey, field);
}

absl::Status WithMetadata(absl::Status status, std::string_view key, std::string_view value) {
  if (status.ok() || !status.GetPayload(kReasonUrl).has_value()) return status;
  std::string packed;
  if (const auto old = status.GetPayload(kMetadataUrl); old.has_value()) packed = std::string(*old);
  packed.append(key).push_back('\0');
  packed.append(value).push_back('\0');
  status.SetPayload(kMetadataUrl, absl::Cord(packed));
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

std::map<std::string, std::string> MetadataOf(const absl::Status& status) {
  std::map<std::string, std::string> metadata;
  const auto payload = status.GetPayload(kMetadataUrl);
  if (!payload.has_value()) return metadata;
  const std::string packed(*payload);
  size_t at = 0;
  while (at < packed.size()) {
    const size_t key_end = packed.find('\0', at);
    const size_t value_end = packed.find('\0', key_end + 1);
    metadata[packed.substr(at, key_end - at)] = packed.substr(key_end + 1, value_end - key_end - 1);
    at = value_end + 1;
  }
  return metadata;
}

}  // namespace sluis
