#include "sluis/audit/merkle.h"

#include <algorithm>
#include <array>
#include <bit>

#include "sluis/base/errors.h"

namespace sluis::audit {
namespace {

absl::Status Shape(std::string_view message) { return InvalidArgument("PROOF_SHAPE", message); }
absl::Status Mismatch(std::string_view message) { return DataLoss("PROOF_MISMATCH", message); }

// The steps from a node to the root, in both proofs. Above a node the path climbs one height at a
// time with `index` the node's position among its equals and `last` the position of the right edge:
//
//   index odd           the sibling is on the left;
//   index even, < last  the sibling is on the right;
//   index == last, even there is no sibling at this height, the node is its own parent.
enum class Step : uint8_t { kLeft, kRight, kNone };

Step StepAt(uint64_t index, uint64_t last) {
  if (index % 2 == 1) return Step::kLeft;
  return index < last ? Step::kRight : Step::kNone;
}

size_t PathLength(uint64_t index, uint64_t last) {
  size_t length = 0;
  for (; last > 0; index >>= 1, last >>= 1) {
    if (StepAt(index, last) != Step::kNone) ++length;
  }
  return length;
}

}  // namespace

Digest LeafHash(std::string_view entry) {
  static constexpr char kPrefix = 0x00;
  return Sha256({{&kPrefix, 1}, entry});
}

Digest NodeHash(const Digest& left, const Digest& right) {
  std::array<char, 1 + 2 * Digest::kSize> block;  // one update instead of three
  block[0] = 0x01;
  std::ranges::copy(left.bytes(), block.begin() + 1);
  std::ranges::copy(right.bytes(), block.begin() + 1 + Digest::kSize);
  return Sha256({{block.data(), block.size()}});
}

Digest EmptyRoot() {
  static const Digest kRoot = Sha256({});
  return kRoot;
}

absl::Status VerifyInclusion(const TreeHead& head, uint64_t index, const Digest& leaf_hash,
                             std::span<const Digest> path) {
  if (index >= head.size) return Shape("the tree has no such leaf");
  uint64_t last = head.size - 1;
  if (path.size() != PathLength(index, last)) return Shape("the inclusion path has a wrong length");
  Digest hash = leaf_hash;
  for (auto sibling = path.begin(); last > 0; index >>= 1, last >>= 1) {
    switch (StepAt(index, last)) {
      case Step::kLeft:
        hash = NodeHash(*sibling++, hash);
        break;
      case Step::kRight:
        hash = NodeHash(hash, *sibling++);
        break;
      case Step::kNone:
        break;
    }
  }
  if (hash != head.root) return Mismatch("the inclusion path leads to another root");
  return absl::OkStatus();
}

absl::Status VerifyConsistency(const TreeHead& old_head, const TreeHead& new_head,
                               std::span<const Digest> path) {
  if (old_head.size > new_head.size) return Shape("the old tree is larger than the new one");
  if (old_head.size == new_head.size || old_head.size == 0) {
    if (!path.empty()) return Shape("these sizes need no path");
    const Digest expected = old_head.size == 0 ? EmptyRoot() : new_head.root;
    if (old_head.root != expected) return Mismatch("the old root is another");
    if (new_head.size == 0 && new_head.root != expected) return Mismatch("the new root is another");
    return absl::OkStatus();
  }
  // The path starts at the last complete subtree of the old tree, which the new tree has too. When
  // it is the whole old tree its hash is the old root and is left out; otherwise it comes first.
  const int height = std::countr_zero(old_head.size);
  uint64_t index = (old_head.size - 1) >> height;
  uint64_t last = (new_head.size - 1) >> height;
  const bool whole = std::has_single_bit(old_head.size);
  if (path.size() != PathLength(index, last) + (whole ? 0 : 1)) {
    return Shape("the consistency path has a wrong length");
  }
  auto sibling = path.begin();
  Digest old_hash = whole ? old_head.root : *sibling++;
  Digest new_hash = old_hash;
  for (; last > 0; index >>= 1, last >>= 1) {
    switch (StepAt(index, last)) {
      case Step::kLeft:  // in both trees
        old_hash = NodeHash(*sibling, old_hash);
        new_hash = NodeHash(*sibling++, new_hash);
        break;
      case Step::kRight:  // in the new tree only
        new_hash = NodeHash(new_hash, *sibling++);
        break;
      case Step::kNone:
        break;
    }
  }
  if (old_hash != old_head.root) return Mismatch("the consistency path leads to another old root");
  if (new_hash != new_head.root) return Mismatch("the consistency path leads to another new root");
  return absl::OkStatus();
}

}  // namespace sluis::audit
