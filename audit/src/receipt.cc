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

absl::Status ReceiptVerifier::Connect(const TreeHead& head, const Proofs& proofs) const {
  const auto& [trusted_size, trusted] = *history_.rbegin();
  const TreeHead trusted_head{.size = trusted_size, .root = trusted.root};
  if (head.size > trusted_size) {
    // A newer head must begin with all that was trusted, not merely with something older.
    if (proofs.other_size == trusted_size)
      return OfProof(VerifyConsistency(trusted_head, head, proofs.other), "consistency");
    if (proofs.previous_from == trusted_size)
      return OfProof(VerifyConsistency(trusted_head, head, proofs.previous), "previous");
    return ConsistencyNeeded(head.size, trusted_size);
  }
  const auto other = history_.find(proofs.other_size);
  if (other != history_.end() && other->first > head.size) {
    const TreeHead newer{.size = other->first, .root = other->second.root};
    return OfProof(VerifyConsistency(head, newer, proofs.other), "consistency");
  }
  // The next one may have come before it, with the proof that it continues this one.
  const auto next = history_.upper_bound(head.size);
  if (next->second.previous_from == head.size) {
    const TreeHead newer{.size = next->first, .root = next->second.root};
    return OfProof(VerifyConsistency(head, newer, next->second.previous), "previous");
  }
  return ConsistencyNeeded(head.size, trusted_size);
}

void ReceiptVerifier::Remember(const TreeHead& head, std::string_view checkpoint,
                               const Proofs& proofs) {
  history_.emplace(head.size,
                   Remembered{.root = head.root,
                              .checkpoint = std::string(checkpoint),
                              .previous_from = proofs.previous_from,
                              .previous = {proofs.previous.begin(), proofs.previous.end()}});
  history_order_.push_back(head.size);
  ++history_changes_;
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

absl::StatusOr<bool> ReceiptVerifier::Believe(const TreeHead& head, std::string_view checkpoint,
                                              const Proofs& proofs) {
  const MutexLock lock(mutex_);
  const auto same_size = history_.find(head.size);
  if (same_size != history_.end()) {
    Remembered& remembered = same_size->second;
    if (remembered.root != head.root) return Forked(head.size, remembered.checkpoint, checkpoint);
    if (remembered.previous_from != 0 || proofs.previous_from == 0) return false;
    // It was believed on another proof. Now it can prove what it continues.
    remembered.previous_from = proofs.previous_from;
    remembered.previous.assign(proofs.previous.begin(), proofs.previous.end());
    ++history_changes_;
    return true;
  }
  if (!history_.empty()) SLUIS_RETURN_IF_ERROR(Connect(head, proofs));
  Remember(head, checkpoint, proofs);
  return true;
}

absl::StatusOr<VerifiedReceipt> ReceiptVerifier::Verify(const Receipt& receipt,
                                                        const Digest& request,
                                                        const Digest& answer) {
  VerifiedReceipt verified{.leaf = {}, .index = receipt.index, .head = {}, .new_head = false};
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
  SLUIS_ASSIGN_OR_RETURN(verified.new_head, Believe(verified.head, receipt.checkpoint,
                                                    {receipt.consistency_from, receipt.consistency,
                                                     receipt.previous_from, receipt.previous}));
  return verified;
}

absl::Status ReceiptVerifier::Extend(std::string_view checkpoint, uint64_t other_size,
                                     std::span<const Digest> proof) {
  SLUIS_ASSIGN_OR_RETURN(const TreeHead head, Open(checkpoint));
  return Believe(head, checkpoint, {other_size, proof, 0, {}}).status();
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
    Remember(head, checkpoint, {});
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

uint64_t ReceiptVerifier::history_changes() const {
  const MutexLock lock(mutex_);
  return history_changes_;
}

}  // namespace sluis::audit
