#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"

#include "sluis/audit/digest.h"

// The hash tree of RFC 6962 (§2.1) and the verification of its two proofs. Pure functions.
//
// The tree over n leaves splits at the largest power of two below n, so that every subtree to the
// left of the right edge is complete and never changes again.
namespace sluis::audit {

// A tree as far as others can see it: how many leaves, and the hash over all of them.
struct TreeHead {
  uint64_t size = 0;
  Digest root;

  friend bool operator==(const TreeHead&, const TreeHead&) = default;
};

// SHA-256(0x00 ‖ entry).
Digest LeafHash(std::string_view entry);
// SHA-256(0x01 ‖ left ‖ right).
Digest NodeHash(const Digest& left, const Digest& right);
// SHA-256 of nothing: the root of the tree without leaves.
Digest EmptyRoot();

// OK if `path` (from the leaf's sibling up to the root's child) shows that `leaf_hash` is leaf
// `index` of the tree with `head`.
//   INVALID_ARGUMENT  PROOF_SHAPE     the tree has no such leaf, or the path has another length
//                                     than that leaf's;
//   DATA_LOSS         PROOF_MISMATCH  the path leads to another root.
// An empty path is the proof in a tree of one leaf, never a sign of failure.
absl::Status VerifyInclusion(const TreeHead& head, uint64_t index, const Digest& leaf_hash,
                             std::span<const Digest> path);

// OK if `path` shows that the tree with `new_head` begins with all leaves of the one with
// `old_head`.
//   INVALID_ARGUMENT  PROOF_SHAPE     the old tree is larger, or the path has another length than
//                                     these two sizes ask;
//   DATA_LOSS         PROOF_MISMATCH  the path leads to another root, new or old.
// Trees of equal size need no path and equal roots; the empty tree needs no path and EmptyRoot().
absl::Status VerifyConsistency(const TreeHead& old_head, const TreeHead& new_head,
                               std::span<const Digest> path);

}  // namespace sluis::audit
