#include "sluis/audit/proof_file.h"

#include <utility>

#include "decimal.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"

namespace sluis::audit {
namespace {

constexpr std::string_view kFirstLine = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";
constexpr size_t kMaxPath = 64;

absl::Status MalformedFile(std::string_view message) {
  return InvalidArgument("PROOF_FILE_MALFORMED", message);
}

// Takes the first line off `text`, without its newline. Absent when there is none.
std::optional<std::string_view> TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string EncodeProofFile(const ProofFile& proof) {
  std::string text(kFirstLine);
  text.append("\n");
  if (proof.extra.has_value()) text.append(kExtra).append(Base64Encode(*proof.extra)).append("\n");
  text.append(kIndex).append(std::to_string(proof.index)).append("\n");
  for (const Digest& hash : proof.path) text.append(Base64Encode(hash.bytes())).append("\n");
  text.append("\n").append(proof.checkpoint);
  return text;
}

absl::StatusOr<ProofFile> DecodeProofFile(std::string_view text) {
  ProofFile proof;
  if (TakeLine(text) != kFirstLine) return MalformedFile("not a tlog-proof of version 1");
  std::optional<std::string_view> line = TakeLine(text);
  if (line.has_value() && line->starts_with(kExtra)) {
    auto extra = Base64Decode(line->substr(kExtra.size()));
    if (!extra.ok()) return MalformedFile("the extra data is not base64");
    proof.extra = *std::move(extra);
    line = TakeLine(text);
  }
  if (!line.has_value() || !line->starts_with(kIndex)) return MalformedFile("no index line");
  const std::optional<uint64_t> index = ParseDecimal(line->substr(kIndex.size()));
  if (!index.has_value()) return MalformedFile("the index is not a decimal number");
  proof.index = *index;
  for (line = TakeLine(text); line.has_value() && !line->empty(); line = TakeLine(text)) {
    if (proof.path.size() == kMaxPath) return MalformedFile("longer than any path");
    const auto bytes = Base64Decode(*line);
    if (!bytes.ok()) return MalformedFile("a hash is not base64");
    const auto hash = Digest::FromBytes(*bytes);
    if (!hash.ok()) return MalformedFile("a hash is not 32 bytes");
    proof.path.push_back(*hash);
  }
  if (!line.has_value()) return MalformedFile("no empty line before the checkpoint");
  proof.checkpoint = std::string(text);
  return proof;
}

absl::StatusOr<TreeHead> VerifyProofFile(std::string_view text, std::string_view entry,
                                         std::string_view origin,
                                         std::span<const VerifierKey> keys) {
  SLUIS_ASSIGN_OR_RETURN(const ProofFile proof, DecodeProofFile(text));
  SLUIS_ASSIGN_OR_RETURN(const TreeHead head, OpenCheckpoint(proof.checkpoint, origin, keys));
  SLUIS_RETURN_IF_ERROR(VerifyInclusion(head, proof.index, LeafHash(entry), proof.path));
  return head;
}

}  // namespace sluis::audit
