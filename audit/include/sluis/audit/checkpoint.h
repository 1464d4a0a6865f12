#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/audit/merkle.h"
#include "sluis/audit/note.h"

// Checkpoints (C2SP tlog-checkpoint): a signed note whose text is a tree head,
//
//   <origin: the name of the log>
//   <size in decimal>
//   <base64 of the root>
//
// without extension lines, which we neither write nor accept.
namespace sluis::audit {

struct CheckpointBody {
  std::string origin;
  TreeHead head;

  friend bool operator==(const CheckpointBody&, const CheckpointBody&) = default;
};

// The three lines. INVALID_ARGUMENT / CHECKPOINT_MALFORMED when the origin is empty or not one line
// of clean text.
absl::StatusOr<std::string> FormatCheckpointBody(const CheckpointBody& body);
// INVALID_ARGUMENT / CHECKPOINT_MALFORMED for anything but those three lines, and for size 0 with
// another root than EmptyRoot().
absl::StatusOr<CheckpointBody> ParseCheckpointBody(std::string_view text);

// INVALID_ARGUMENT / CHECKPOINT_MALFORMED as above, INTERNAL / SIGNING_FAILED.
absl::StatusOr<std::string> SignCheckpoint(std::string_view origin, const TreeHead& head,
                                           const SigningKey& key);

// The tree head that the log called `origin` signed with one of `keys`. Besides the errors of
// VerifyNote (NOTE_MALFORMED, NOTE_SIGNATURE, NOTE_UNKNOWN_KEY):
//   INVALID_ARGUMENT  CHECKPOINT_MALFORMED  the text is no tree head;
//   INVALID_ARGUMENT  CHECKPOINT_ORIGIN     it is one of another log (metadata: origin).
absl::StatusOr<TreeHead> OpenCheckpoint(std::string_view note, std::string_view origin,
                                        std::span<const VerifierKey> keys);

// The tree head that a note claims; NOT verified. The same errors but those of signatures.
absl::StatusOr<TreeHead> ReadCheckpointUnverified(std::string_view note, std::string_view origin);

}  // namespace sluis::audit
