#include "sluis/audit/merkle.h"

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "naive_tree.h"

#include "sluis/audit/digest.h"
#include "sluis/base/bytes.h"
#include "sluis/base_testing/status_matchers.h"

namespace sluis::audit {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;

const auto kShape = IsError(absl::StatusCode::kInvalidArgument, "PROOF_SHAPE");
const auto kMismatch = IsError(absl::StatusCode::kDataLoss, "PROOF_MISMATCH");

constexpr uint64_t kSizes = 300;

NaiveTree TreeOf(uint64_t size) {
  NaiveTree tree;
  for (uint64_t i = 0; i < size; ++i) tree.Append(TestLeafHash(i));
  return tree;
}

TEST(DigestTest, IsSha256OverThePiecesInOrder) {
  EXPECT_EQ(HexEncode(Sha256({}).bytes()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexEncode(Sha256({"abc"}).bytes()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256({"a", "", "bc"}), Sha256({"abc"}));
  EXPECT_NE(Sha256({"a", "b"}), Sha256({"b", "a"}));
}

TEST(DigestTest, IsAValueOf32Bytes) {
  const Digest digest = Sha256({"x"});
  EXPECT_EQ(*Digest::FromBytes(digest.bytes()), digest);
  EXPECT_NE(digest, Digest());
  EXPECT_TRUE(std::is_lt(Digest() <=> digest));
  for (const uint64_t size : Sizes{0, 31, 33}) {
    EXPECT_THAT(Digest::FromBytes(std::string(size, 'x')),
                IsError(absl::StatusCode::kInvalidArgument, "DIGEST_MALFORMED"));
  }
}

// The vectors that implementations of RFC 6962 share.
TEST(MerkleTest, KnownRoots) {
  const std::vector<std::string> inputs = {"",
                                           "00",
                                           "10",
                                           "2021",
                                           "3031",
                                           "40414243",
                                           "5051525354555657",
                                           "606162636465666768696a6b6c6d6e6f"};
  const std::vector<std::string> roots = {
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  NaiveTree naive;
  const auto tiles = std::make_shared<MemoryTiles>();
  auto tree = LogTree::Open(tiles, 0);
  ASSERT_THAT(tree, IsOk());
  EXPECT_EQ(tree->head(), (TreeHead{0, EmptyRoot()}));
  EXPECT_EQ(HexEncode(EmptyRoot().bytes()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Digest leaf = LeafHash(*HexDecode(inputs[i]));
    naive.Append(leaf);
    LogTree::Batch batch(*tree);
    batch.Append(leaf);
    tree->Commit(std::move(batch));
    EXPECT_EQ(HexEncode(naive.Root(i + 1).bytes()), roots[i]) << i;
    EXPECT_EQ(HexEncode(tree->head().root.bytes()), roots[i]) << i;
  }
}

TEST(MerkleTest, EveryInclusionProofOfSmallTreesVerifiesInItsOwnPlaceOnly) {
  NaiveTree tree = TreeOf(kSizes);
  for (uint64_t size = 1; size <= kSizes; ++size) {
    const TreeHead head = tree.Head(size);
    for (uint64_t index = 0; index < size; ++index) {
      const std::vector<Digest> path = tree.Inclusion(index, size);
      ASSERT_THAT(VerifyInclusion(head, index, tree.leaf(index), path), IsOk())
          << index << " of " << size;
      const uint64_t other = (index + 1) % size;
      if (other == index) continue;
      ASSERT_FALSE(VerifyInclusion(head, other, tree.leaf(index), path).ok());
      ASSERT_FALSE(VerifyInclusion(head, index, tree.leaf(other), path).ok());
    }
    ASSERT_THAT(VerifyInclusion(head, size, tree.leaf(0), {}), kShape);
  }
}

TEST(MerkleTest, EveryConsistencyProofOfSmallTreesVerifies) {
  NaiveTree tree = TreeOf(kSizes);
  for (uint64_t new_size = 0; new_size <= kSizes; ++new_size) {
    for (uint64_t old_size = 0; old_size <= new_size; ++old_size) {
      const TreeHead old_head = tree.Head(old_size);
      const TreeHead new_head = tree.Head(new_size);
      const std::vector<Digest> path = tree.Consistency(old_size, new_size);
      ASSERT_THAT(VerifyConsistency(old_head, new_head, path), IsOk())
          << old_size << " to " << new_size;
      ASSERT_FALSE(VerifyConsistency({old_size, TestLeafHash(1)}, new_head, path).ok());
      if (old_size > 0) {
        ASSERT_FALSE(VerifyConsistency(old_head, {new_size, TestLeafHash(1)}, path).ok());
      }
      if (old_size < new_size) {
        ASSERT_THAT(VerifyConsistency(tree.Head(new_size), old_head, path), kShape);
      }
    }
  }
}

TEST(MerkleTest, PathsOfAnotherLengthAreRefusedAsSuch) {
  NaiveTree tree = TreeOf(70);
  for (uint64_t size = 1; size <= 70; ++size) {
    const TreeHead head = tree.Head(size);
    for (uint64_t i = 0; i < size; ++i) {
      std::vector<Digest> longer = tree.Inclusion(i, size);
      longer.push_back(TestLeafHash(0));
      EXPECT_THAT(VerifyInclusion(head, i, tree.leaf(i), longer), kShape);
      std::vector<Digest> shorter = tree.Inclusion(i, size);
      if (!shorter.empty()) {
        shorter.pop_back();
        EXPECT_THAT(VerifyInclusion(head, i, tree.leaf(i), shorter), kShape);
      }
    }
    for (uint64_t old_size = 0; old_size <= size; ++old_size) {
      const TreeHead old_head = tree.Head(old_size);
      std::vector<Digest> longer = tree.Consistency(old_size, size);
      longer.push_back(TestLeafHash(0));
      EXPECT_THAT(VerifyConsistency(old_head, head, longer), kShape);
      std::vector<Digest> shorter = tree.Consistency(old_size, size);
      if (!shorter.empty()) {
        shorter.pop_back();
        EXPECT_THAT(VerifyConsistency(old_head, head, shorter), kShape);
      }
    }
  }
}

TEST(MerkleTest, AFlippedBitAnywhereIsRefused) {
  constexpr uint64_t size = 45;
  NaiveTree tree = TreeOf(size);
  const TreeHead head = tree.Head(size);
  constexpr size_t bits = Digest::kSize * 8;
  for (const uint64_t index : Sizes{0, 17, 31, 32, 43, 44}) {
    const std::vector<Digest> path = tree.Inclusion(index, size);
    for (size_t bit = 0; bit < path.size() * bits; ++bit) {
      std::vector<Digest> flipped = path;
      flipped[bit / bits] = FlipBit(flipped[bit / bits], bit % bits);
      ASSERT_THAT(VerifyInclusion(head, index, tree.leaf(index), flipped), kMismatch) << bit;
    }
    for (size_t bit = 0; bit < bits; ++bit) {
      ASSERT_THAT(VerifyInclusion(head, index, FlipBit(tree.leaf(index), bit), path), kMismatch);
      ASSERT_THAT(VerifyInclusion({size, FlipBit(head.root, bit)}, index, tree.leaf(index), path),
                  kMismatch);
    }
  }
  for (const uint64_t old_size : Sizes{1, 6, 7, 31, 32, 33, 44}) {
    const TreeHead old_head = tree.Head(old_size);
    const std::vector<Digest> path = tree.Consistency(old_size, size);
    for (size_t bit = 0; bit < path.size() * bits; ++bit) {
      std::vector<Digest> flipped = path;
      flipped[bit / bits] = FlipBit(flipped[bit / bits], bit % bits);
      ASSERT_THAT(VerifyConsistency(old_head, head, flipped), kMismatch) << old_size << " " << bit;
    }
    for (size_t bit = 0; bit < bits; ++bit) {
      ASSERT_THAT(VerifyConsistency({old_size, FlipBit(old_head.root, bit)}, head, path),
                  kMismatch);
      ASSERT_THAT(VerifyConsistency(old_head, {size, FlipBit(head.root, bit)}, path), kMismatch);
    }
  }
}

TEST(MerkleTest, HugeSizesAreShapesLikeAnyOther) {
  constexpr uint64_t max = std::numeric_limits<uint64_t>::max();
  const std::vector<Digest> path(64);
  EXPECT_THAT(VerifyInclusion({max, Digest()}, 0, Digest(), path), kMismatch);
  EXPECT_THAT(VerifyInclusion({max, Digest()}, 0, Digest(), {}), kShape);
  EXPECT_THAT(VerifyInclusion({max, Digest()}, max, Digest(), path), kShape);
  EXPECT_THAT(VerifyConsistency({1, Digest()}, {max, Digest()}, path), kMismatch);
  EXPECT_THAT(VerifyConsistency({max - 1, Digest()}, {max, Digest()}, path), kMismatch);
  EXPECT_THAT(VerifyConsistency({max - 1, Digest()}, {max, Digest()}, {path.data(), 63}), kShape);
}

TEST(MerkleTest, TheEmptyTreeIsTheBeginningOfEveryTree) {
  NaiveTree tree = TreeOf(5);
  EXPECT_THAT(VerifyConsistency({0, EmptyRoot()}, tree.Head(5), {}), IsOk());
  EXPECT_THAT(VerifyConsistency({0, EmptyRoot()}, {0, EmptyRoot()}, {}), IsOk());
  EXPECT_THAT(VerifyConsistency({0, Digest()}, tree.Head(5), {}), kMismatch);
  EXPECT_THAT(VerifyConsistency({0, Digest()}, {0, Digest()}, {}), kMismatch);
  EXPECT_THAT(VerifyConsistency({0, EmptyRoot()}, {0, Digest()}, {}), kMismatch);
}

}  // namespace
}  // namespace sluis::audit
