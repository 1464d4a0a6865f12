#include "sluis/audit/receipt.h"

#include <algorithm>
#include <utility>

#include "sluis/audit/checkpoint.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"

namespace sluis::audit {
namespace {

constexpr size_t kRememberedOpenings = 256;
constexpr size_t kRememberedHeads = 1 + 1024;

absl::Status OfProof(absl::Status status, std::string_view proof) {
  return WithMetadata(std::move(status), "proof", proof);
}

absl::Status ConsistencyNeeded(uint64_t a, uint64_t b) {
  return WithMetadata(
      WithMetadata(FailedPrecondition("CONSISTENCY_NEEDED",
                                      "a proof is needed that both trees are of one history"),
                   "old_size", std::to_string(std::min(a, b))),
      "new_size", std::to_string(std::max(a, b)));
}

absl::Status Forked(uint64_t size, std::string_view remembered, std::string_view conflicting) {
  const absl::Status status =
      DataLoss("LOG_FORKED", "the log showed two different trees of one size");
  return WithMetadata(
      WithMetadata(WithMetadata(status, "size", std::to_string(size)), "remembered", remembered),
      "conflicting", conflicting);
}

}  // namespace

// A checkpoint whose signature is being verified (absent result) or was (present).
struct ReceiptVerifier::Opening {
  std::optional<absl::StatusOr<TreeHead>> result;
};

ReceiptVerifier::ReceiptVerifier(std::string origin, std::vector<VerifierKey> keys)
    : origin_(std::move(origin)), keys_(std::move(keys)) {}

ReceiptVerifier::~ReceiptVerifier() = default;

absl::StatusOr<TreeHead> ReceiptVerifier::Open(std::string_view checkpoint) {
  std::shared_ptr<Opening> opening;
  {
    const MutexLock lock(mutex_);
    const auto found = openings_.find(checkpoint);
    if (found != openings_.end()) {
      opening = found->second;
      while (!opening->result.has_value()) opened_.Wait(mutex_);
      return *opening->result;
    }
    opening = std::make_shared<Opening>();
    openings_.emplace(checkpoint, opening);
    opening_order_.emplace_back(checkpoint);
    if (opening_order_.size() > kRememberedOpenings) {
      openings_.erase(opening_order_.front());
      opening_order_.pop_front();
    }
    ++checkpoints_opened_;
  }
  absl::StatusOr<TreeHead> result = OpenCheckpoint(checkpoint, origin_, keys_);
  const MutexLock lock(mutex_);
  opening->result = result;
  opened_.NotifyAll();
  return result;
}

absl::Status ReceiptVerifier::Connect(const TreeHead& head, uint64_t other_size,
                                      std::span<const Digest> proof) const {
  const uint64_t trusted_size = history_.rbegin()->first;
  const auto other = history_.find(other_size);
  // A newer head must begin with all that was trusted, not merely with something older.
  const bool connects =
      other != history_.end() &&
      (head.size < other_size || (head.size > trusted_size && other_size == trusted_size));
  if (!connects) return ConsistencyNeeded(head.size, trusted_size);
  const TreeHead other_head{.size = other->first, .root = other->second.root};
  return OfProof(head.size < other_size ? VerifyConsistency(head, other_head, proof)
                                        : VerifyConsistency(other_head, head, proof),
                 "consistency");
}

void ReceiptVerifier::Remember(const TreeHead& head, std::string_view checkpoint) {
  history_.emplace(head.size, Remembered{.root = head.root, .checkpoint = std::string(checkpoint)});
  history_order_.push_back(head.size);
  while (history_.size() > kRememberedHeads) {
    // The one that has been here longest, but never the trusted one.
    const uint64_t oldest = history_order_.front();
    history_order_.pop_front();
    if (oldest == history_.rbegin()->first) {
      history_order_.push_back(oldest);
    } else {
      history_.erase(oldest);
    }
  }
}

absl::Status ReceiptVerifier::Believe(const TreeHead& head, std::string_view checkpoint,
                                      uint64_t other_size, std::span<const Digest> proof) {
  const MutexLock lock(mutex_);
  const auto same_size = history_.find(head.size);
  if (same_size != history_.end()) {
    if (same_size->second.root == head.root) return absl::OkStatus();
    return Forked(head.size, same_size->second.checkpoint, checkpoint);
  }
  if (!history_.empty()) SLUIS_RETURN_IF_ERROR(Connect(head, other_size, proof));
  Remember(head, checkpoint);
  return absl::OkStatus();
}

absl::StatusOr<VerifiedReceipt> ReceiptVerifier::Verify(const Receipt& receipt,
                                                        const Digest& request,
                                                        const Digest& answer) {
  VerifiedReceipt verified{.leaf = {}, .index = receipt.index, .head = {}};
  SLUIS_ASSIGN_OR_RETURN(verified.leaf, DecodeLeaf(receipt.leaf));
  if (verified.leaf.request != request) {
    return DataLoss("RECEIPT_REQUEST", "the receipt is about another request");
  }
  if (verified.leaf.answer != answer) {
    return DataLoss("RECEIPT_ANSWER", "the receipt is about another answer");
  }
  // What is cheap comes first: nothing is signed yet in these two lines.
  SLUIS_ASSIGN_OR_RETURN(verified.head, ReadCheckpointUnverified(receipt.checkpoint, origin_));
  SLUIS_RETURN_IF_ERROR(OfProof(
      VerifyInclusion(verified.head, receipt.index, LeafHash(receipt.leaf), receipt.inclusion),
      "inclusion"));
  SLUIS_RETURN_IF_ERROR(Open(receipt.checkpoint).status());
  SLUIS_RETURN_IF_ERROR(
      Believe(verified.head, receipt.checkpoint, receipt.consistency_from, receipt.consistency));
  return verified;
}

absl::Status ReceiptVerifier::Extend(std::string_view checkpoint, uint64_t other_size,
                                     std::span<const Digest> proof) {
  SLUIS_ASSIGN_OR_RETURN(const TreeHead head, Open(checkpoint));
  return Believe(head, checkpoint, other_size, proof);
}

std::optional<std::string> ReceiptVerifier::trusted() const {
  const MutexLock lock(mutex_);
  if (history_.empty()) return std::nullopt;
  return history_.rbegin()->second.checkpoint;
}

std::optional<TreeHead> ReceiptVerifier::trusted_head() const {
  const MutexLock lock(mutex_);
  if (history_.empty()) return std::nullopt;
  return TreeHead{.size = history_.rbegin()->first, .root = history_.rbegin()->second.root};
}

absl::Status ReceiptVerifier::Restore(std::string_view checkpoint) {
  SLUIS_ASSIGN_OR_RETURN(const TreeHead head, Open(checkpoint));
  const MutexLock lock(mutex_);
  if (history_.empty()) {
    Remember(head, checkpoint);
    return absl::OkStatus();
  }
  const auto& [size, trusted] = *history_.rbegin();
  if (size == head.size && trusted.root == head.root) return absl::OkStatus();
  return FailedPrecondition("VERIFIER_IN_USE", "another checkpoint is trusted already");
}

size_t ReceiptVerifier::checkpoints_opened() const {
  const MutexLock lock(mutex_);
  return checkpoints_opened_;
}

}  // namespace sluis::audit
