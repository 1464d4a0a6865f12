#include "sluis/audit/checkpoint.h"

#include <array>
#include <optional>

#include "decimal.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"

namespace sluis::audit {
namespace {

absl::Status MalformedBody(std::string_view message) {
  return InvalidArgument("CHECKPOINT_MALFORMED", message);
}

bool IsOrigin(std::string_view origin) { return !IsBlank(origin) && IsCleanText(origin); }

absl::StatusOr<TreeHead> HeadOf(std::string_view text, std::string_view origin) {
  SLUIS_ASSIGN_OR_RETURN(const CheckpointBody body, ParseCheckpointBody(text));
  if (body.origin != origin) {
    return WithMetadata(InvalidArgument("CHECKPOINT_ORIGIN", "a checkpoint of another log"),
                        "origin", body.origin);
  }
  return body.head;
}

}  // namespace

absl::StatusOr<std::string> FormatCheckpointBody(const CheckpointBody& body) {
  if (!IsOrigin(body.origin)) return MalformedBody("the origin is not one line of text");
  return body.origin + "\n" + std::to_string(body.head.size) + "\n" +
         Base64Encode(body.head.root.bytes()) + "\n";
}

absl::StatusOr<CheckpointBody> ParseCheckpointBody(std::string_view text) {
  std::array<std::string_view, 3> lines;
  for (std::string_view& line : lines) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return MalformedBody("fewer than three lines");
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) return MalformedBody("more than three lines");
  if (!IsOrigin(lines[0])) return MalformedBody("the origin is not a line of text");
  const std::optional<uint64_t> size = ParseDecimal(lines[1]);
  if (!size.has_value()) return MalformedBody("the size is not a decimal number");
  const auto bytes = Base64Decode(lines[2]);
  if (!bytes.ok()) return MalformedBody("the root is not base64");
  const auto root = Digest::FromBytes(*bytes);
  if (!root.ok()) return MalformedBody("the root is not 32 bytes");
  if (*size == 0 && *root != EmptyRoot()) return MalformedBody("the empty tree has another root");
  return CheckpointBody{.origin = std::string(lines[0]), .head = {.size = *size, .root = *root}};
}

absl::StatusOr<std::string> SignCheckpoint(std::string_view origin, const TreeHead& head,
                                           const SigningKey& key) {
  SLUIS_ASSIGN_OR_RETURN(const std::string text, FormatCheckpointBody(CheckpointBody{
                                                     .origin = std::string(origin), .head = head}));
  return SignNote(text, key);
}

absl::StatusOr<TreeHead> OpenCheckpoint(std::string_view note, std::string_view origin,
                                        std::span<const VerifierKey> keys) {
  SLUIS_ASSIGN_OR_RETURN(const VerifiedNote verified, VerifyNote(note, keys));
  return HeadOf(verified.text, origin);
}

absl::StatusOr<TreeHead> ReadCheckpointUnverified(std::string_view note, std::string_view origin) {
  SLUIS_ASSIGN_OR_RETURN(const UnverifiedNote parsed, ParseNoteUnverified(note));
  return HeadOf(parsed.text, origin);
}

}  // namespace sluis::audit
