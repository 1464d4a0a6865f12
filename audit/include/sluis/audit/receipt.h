#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/audit/digest.h"
#include "sluis/audit/leaf.h"
#include "sluis/audit/merkle.h"
#include "sluis/audit/note.h"
#include "sluis/base/mutex.h"

// What every answer carries, and how its receiver checks it.
namespace sluis::audit {

struct Receipt {
  std::string leaf;    // the entry, as EncodeLeaf wrote it
  uint64_t index = 0;  // its place in the log
  std::vector<Digest> inclusion;
  std::string checkpoint;
  // A proof between the tree of this size and that of the checkpoint, whichever is the smaller.
  // 0 and empty when the receipt carries none.
  uint64_t consistency_from = 0;
  std::vector<Digest> consistency;
  // The proof that the tree of the checkpoint continues that of the log's previous one, of this
  // size; 0 and empty when there was none.
  uint64_t previous_from = 0;
  std::vector<Digest> previous;
};

struct VerifiedReceipt {
  Leaf leaf;
  uint64_t index = 0;
  TreeHead head;  // of the checkpoint
  // It told something new of the history: others may be believed now that were not before.
  bool new_head = false;
};

// Verifies receipts of one log, and that everything that the log shows us belongs to one history.
//
// The verifier remembers heads that it has proof of belonging together: the newest one, which it
// trusts, and up to 1024 earlier ones. A checkpoint is believed when it is signed and its head
//   - is remembered, or
//   - is older, and proven to be the beginning of a remembered tree, or
//   - is newer, and proven to begin with the trusted tree; then it is the one trusted from now on.
// The very first checkpoint is believed on its signature alone, unless Restore() came before it.
//
// Each receipt may bring two proofs: one from what its receiver said it knew, and one from the
// log's previous checkpoint. The first serves who asks one thing at a time. Two receipts that both
// prove to extend the same earlier head prove nothing about each other; there the second kind
// leads from checkpoint to checkpoint. It is kept with its head, because it also proves the
// previous one when that comes later.
//
// Receipts may come in any order. One whose checkpoint is not connected yet asks for a proof with
// CONSISTENCY_NEEDED. It can be verified again once another receipt brought a new head, or after
// Extend() with a proof that was fetched.
//
// Threads. All functions may be called from several threads at once. Each distinct checkpoint's
//          signature is verified once, by the first caller; others with the same one wait for it.
// Cost.    Once its checkpoint is believed, a receipt costs one hash of the leaf and one for each
//          step of its path.
class ReceiptVerifier {
 public:
  ReceiptVerifier(std::string origin, std::vector<VerifierKey> keys);
  ReceiptVerifier(const ReceiptVerifier&) = delete;
  ReceiptVerifier& operator=(const ReceiptVerifier&) = delete;
  ~ReceiptVerifier();

  // The leaf, if the log vouches for it and it is about this request and this answer. In the order
  // in which they are checked:
  //   INVALID_ARGUMENT     LEAF_MALFORMED      the leaf does not decode;
  //   DATA_LOSS            RECEIPT_REQUEST     it is about another request;
  //   DATA_LOSS            RECEIPT_ANSWER      it is about another answer;
  //   NOTE_MALFORMED, CHECKPOINT_MALFORMED, CHECKPOINT_ORIGIN  as OpenCheckpoint;
  //   PROOF_SHAPE, PROOF_MISMATCH              as VerifyInclusion (metadata: proof=inclusion);
  //   NOTE_SIGNATURE, NOTE_UNKNOWN_KEY         as OpenCheckpoint;
  //   DATA_LOSS            LOG_FORKED          a head of the same size with another root is
  //                                            remembered (metadata: size, remembered, conflicting:
  //                                            both checkpoints, which together are the evidence);
  //   PROOF_SHAPE, PROOF_MISMATCH              as VerifyConsistency (metadata: proof=consistency,
  //                                            or proof=previous);
  //   FAILED_PRECONDITION  CONSISTENCY_NEEDED  the receipt does not connect its checkpoint with the
  //                                            trusted head (metadata: old_size, new_size of the
  //                                            proof to fetch).
  absl::StatusOr<VerifiedReceipt> Verify(const Receipt& receipt, const Digest& request,
                                         const Digest& answer);

  // Believes `checkpoint` on a proof between its tree and the tree of `other_size`, whichever is
  // the smaller. The errors of Verify from the checkpoint on; CONSISTENCY_NEEDED also when the
  // trusted head moved on meanwhile.
  absl::Status Extend(std::string_view checkpoint, uint64_t other_size,
                      std::span<const Digest> proof);

  // The newest checkpoint, to be stored by the caller and given to Restore() at the next start.
  // Absent before the first.
  [[nodiscard]] std::optional<std::string> trusted() const;
  [[nodiscard]] std::optional<TreeHead> trusted_head() const;

  // Starts from a stored checkpoint. FAILED_PRECONDITION / VERIFIER_IN_USE when another one is
  // trusted already; otherwise the errors of OpenCheckpoint.
  absl::Status Restore(std::string_view checkpoint);

  // How many signatures were verified so far.
  [[nodiscard]] size_t checkpoints_opened() const;
  // How often something was learnt of the history. As long as it stays the same, a receipt for
  // which CONSISTENCY_NEEDED was the answer gets the same answer again.
  [[nodiscard]] uint64_t history_changes() const;

 private:
  struct Opening;
  struct Remembered {
    Digest root;
    std::string checkpoint;
    // As in its receipt; not verified before it is used.
    uint64_t previous_from = 0;
    std::vector<Digest> previous;
  };
  // What a receipt brings to connect its checkpoint.
  struct Proofs {
    uint64_t other_size = 0;
    std::span<const Digest> other;
    uint64_t previous_from = 0;
    std::span<const Digest> previous;
  };

  absl::StatusOr<TreeHead> Open(std::string_view checkpoint);
  // Whether the head is a new one.
  absl::StatusOr<bool> Believe(const TreeHead& head, std::string_view checkpoint,
                               const Proofs& proofs);
  absl::Status Connect(const TreeHead& head, const Proofs& proofs) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remember(const TreeHead& head, std::string_view checkpoint, const Proofs& proofs)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string origin_;
  const std::vector<VerifierKey> keys_;

  mutable Mutex mutex_;
  CondVar opened_;
  // Checkpoint texts whose signature was or is being verified; `order_` by age.
  std::map<std::string, std::shared_ptr<Opening>, std::less<>> openings_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> opening_order_ ABSL_GUARDED_BY(mutex_);
  size_t checkpoints_opened_ ABSL_GUARDED_BY(mutex_) = 0;
  // By size, all of one history; the last one is trusted.
  std::map<uint64_t, Remembered> history_ ABSL_GUARDED_BY(mutex_);
  std::deque<uint64_t> history_order_ ABSL_GUARDED_BY(mutex_);
  uint64_t history_changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluis::audit
