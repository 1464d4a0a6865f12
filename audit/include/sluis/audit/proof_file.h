#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/audit/digest.h"
#include "sluis/audit/merkle.h"
#include "sluis/audit/note.h"

// Proof files (C2SP tlog-proof, suffix .tlog-proof): all that is needed, beside the entry and the
// log's key, to show offline that the entry is in the log.
//
//   c2sp.org/tlog-proof@v1
//   extra <base64>            at most once, often absent; not authenticated
//   index <n>
//   <base64 of a hash>        one a line, from the leaf's sibling to the root's child
//   an empty line
//   the checkpoint
namespace sluis::audit {

struct ProofFile {
  std::optional<std::string> extra;  // anybody may have changed it: never believe it unchecked
  uint64_t index = 0;
  std::vector<Digest> path;
  std::string checkpoint;

  friend bool operator==(const ProofFile&, const ProofFile&) = default;
};

std::string EncodeProofFile(const ProofFile& proof);

// INVALID_ARGUMENT / PROOF_FILE_MALFORMED for another form, more than 64 hashes included. The
// checkpoint is not looked into.
absl::StatusOr<ProofFile> DecodeProofFile(std::string_view text);

// The head of the tree that contains `entry`, as the file shows. Errors of DecodeProofFile,
// OpenCheckpoint and VerifyInclusion.
absl::StatusOr<TreeHead> VerifyProofFile(std::string_view text, std::string_view entry,
                                         std::string_view origin,
                                         std::span<const VerifierKey> keys);

}  // namespace sluis::audit
