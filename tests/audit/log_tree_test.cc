#include "sluis/audit/log_tree.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "naive_tree.h"

#include "sluis/audit/merkle.h"
#include "sluis/base_testing/status_matchers.h"

namespace sluis::audit {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;

const auto kRange = IsError(absl::StatusCode::kInvalidArgument, "TREE_RANGE");

// A tree beside the naive one, and the tiles that a store would hold.
struct Fixture {
  std::shared_ptr<MemoryTiles> tiles = std::make_shared<MemoryTiles>();
  LogTree tree = *LogTree::Open(tiles, 0);
  NaiveTree naive;

  LogTree::Batch Append(uint64_t count) {
    LogTree::Batch batch(tree);
    for (uint64_t i = 0; i < count; ++i) {
      const Digest leaf = TestLeafHash(naive.size());
      EXPECT_EQ(batch.Append(leaf), naive.size());
      naive.Append(leaf);
    }
    return batch;
  }
  void Grow(uint64_t count) {
    LogTree::Batch batch = Append(count);
    tiles->Store(batch.ChangedTiles());
    tree.Commit(std::move(batch));
  }
};

// The tiles of a log of that size, by their definition.
std::vector<Tile> TilesOf(NaiveTree& naive, uint64_t size) {
  std::vector<Tile> tiles;
  std::vector<Digest> row;
  for (uint64_t i = 0; i < size; ++i) row.push_back(naive.leaf(i));
  for (int level = 0; !row.empty(); ++level) {
    std::vector<Digest> above;
    for (size_t i = 0; i < row.size(); i += kTileWidth) {
      Tile tile{.level = level, .index = i / kTileWidth, .hashes = {}};
      NaiveTree subtree;
      for (size_t j = i; j < std::min(i + kTileWidth, row.size()); ++j) {
        tile.hashes.append(row[j].bytes());
        subtree.Append(row[j]);
      }
      if (tile.width() == kTileWidth) above.push_back(subtree.Root(kTileWidth));
      tiles.push_back(std::move(tile));
    }
    row = std::move(above);
  }
  return tiles;
}

TEST(TileWidthTest, FollowsTheSize) {
  EXPECT_EQ(TileWidthAt(0, 0, 0), 0U);
  EXPECT_EQ(TileWidthAt(0, 0, 1), 1U);
  EXPECT_EQ(TileWidthAt(0, 0, 256), 256U);
  EXPECT_EQ(TileWidthAt(0, 1, 256), 0U);
  EXPECT_EQ(TileWidthAt(1, 0, 255), 0U);
  EXPECT_EQ(TileWidthAt(1, 0, 256), 1U);
  // The example of the specification.
  EXPECT_EQ(TileWidthAt(0, 273, 70000), 112U);
  EXPECT_EQ(TileWidthAt(1, 1, 70000), 17U);
  EXPECT_EQ(TileWidthAt(2, 0, 70000), 1U);
  EXPECT_EQ(TileWidthAt(7, 0, UINT64_MAX), 255U);
}

TEST(LogTreeTest, EveryProofOfSmallTreesIsTheNaiveOne) {
  constexpr uint64_t largest = 300;
  Fixture f;
  for (uint64_t size = 0; size <= largest; ++size) {
    ASSERT_EQ(f.tree.head(), f.naive.Head(size));
    for (uint64_t i = 0; i < size; ++i) {
      ASSERT_EQ(*f.tree.InclusionProof(i), f.naive.Inclusion(i, size)) << i << " of " << size;
    }
    for (uint64_t old_size = 0; old_size <= size; ++old_size) {
      ASSERT_EQ(*f.tree.ConsistencyProof(old_size), f.naive.Consistency(old_size, size));
    }
    f.Grow(1);
  }
  // And once more from the last tree, which was all of them.
  for (uint64_t size = 0; size <= largest; ++size) {
    ASSERT_EQ(*f.tree.HeadAt(size), f.naive.Head(size));
    for (uint64_t i = 0; i < size; ++i) {
      ASSERT_EQ(*f.tree.InclusionProofAt(i, size), f.naive.Inclusion(i, size));
      ASSERT_EQ(*f.tree.ConsistencyProofBetween(i, size), f.naive.Consistency(i, size));
    }
  }
}

TEST(LogTreeTest, TheStoredTilesAreThoseOfTheSpecification) {
  for (const uint64_t size : Sizes{1, 255, 256, 257, 511, 512, 1000, 70000}) {
    Fixture f;
    f.Grow(size / 3);
    f.Grow(size - size / 3);
    const std::vector<Tile> expected = TilesOf(f.naive, size);
    EXPECT_EQ(f.tiles->tiles.size(), expected.size());
    for (const Tile& tile : expected) {
      EXPECT_EQ(f.tiles->tiles[std::make_pair(tile.level, tile.index)], tile.hashes)
          << tile.level << "/" << tile.index << " of " << size;
    }
  }
}

// Random batches, some dropped, the tree reopened from its tiles now and then.
void Wander(uint64_t seed, uint64_t until, uint64_t largest_batch, int proofs) {
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const auto below = [&](uint64_t n) {
    return std::uniform_int_distribution<uint64_t>(0, n - 1)(random);
  };
  Fixture f;
  while (f.naive.size() < until) {
    const uint64_t before = f.naive.size();
    LogTree::Batch batch = f.Append(below(largest_batch) + (below(8) == 0 ? 0 : 1));
    const uint64_t size = f.naive.size();
    ASSERT_EQ(batch.head(), f.naive.Head(size));
    for (int i = 0; i < proofs && size > 0; ++i) {
      const uint64_t leaf =
          below(2) == 0 ? below(size) : size - 1 - below(std::min<uint64_t>(size, 300));
      ASSERT_EQ(*batch.InclusionProof(leaf), f.naive.Inclusion(leaf, size));
      ASSERT_EQ(*batch.ConsistencyProof(leaf), f.naive.Consistency(leaf, size));
    }
    if (below(4) == 0) {  // the store failed
      f.naive.Truncate(before);
    } else {
      f.tiles->Store(batch.ChangedTiles());
      if (below(4) == 0) {  // it did not, but nobody knows
        f.tree = *LogTree::Open(f.tiles, size);
      } else {
        f.tree.Commit(std::move(batch));
      }
    }
    const uint64_t now = f.naive.size();
    ASSERT_EQ(f.tree.head(), f.naive.Head(now));
    for (int i = 0; i < proofs && now > 0; ++i) {
      const uint64_t then = below(now) + 1;
      const uint64_t leaf = below(then);
      ASSERT_EQ(*f.tree.InclusionProofAt(leaf, then), f.naive.Inclusion(leaf, then));
      ASSERT_EQ(*f.tree.ConsistencyProofBetween(leaf, then), f.naive.Consistency(leaf, then));
      ASSERT_EQ(*f.tree.HeadAt(then), f.naive.Head(then));
    }
    if (below(6) == 0) f.tree = *LogTree::Open(f.tiles, now);
  }
}

TEST(LogTreeTest, RandomBatchesGiveTheNaiveTree) {
  for (uint64_t seed = 1; seed <= 12; ++seed) Wander(seed, 1200, 40, 6);
  for (uint64_t seed = 21; seed <= 26; ++seed) Wander(seed, 3000, 700, 20);
  Wander(static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed()), 1500, 100, 6);
}

TEST(LogTreeTest, RandomBatchesAcrossThreeLevelsGiveTheNaiveTree) {
  for (uint64_t seed = 31; seed <= 32; ++seed) Wander(seed, 67000, 6000, 30);
}

TEST(LogTreeTest, ABatchThatIsDroppedLeavesNoTrace) {
  Fixture f;
  f.Grow(300);
  const TreeHead before = f.tree.head();
  {
    const LogTree::Batch dropped = f.Append(500);
    EXPECT_EQ(dropped.head(), f.naive.Head(800));
    EXPECT_EQ(f.tree.head(), before);
  }
  f.naive.Truncate(300);
  EXPECT_EQ(*f.tree.InclusionProof(299), f.naive.Inclusion(299, 300));
  f.Grow(500);
  EXPECT_EQ(f.tree.head(), f.naive.Head(800));
}

TEST(LogTreeTest, AnEmptyBatchChangesNothing) {
  Fixture f;
  f.Grow(256);
  LogTree::Batch batch(f.tree);
  EXPECT_EQ(batch.head(), f.tree.head());
  EXPECT_TRUE(batch.ChangedTiles().empty());
  f.tree.Commit(std::move(batch));
  EXPECT_EQ(f.tree.head(), f.naive.Head(256));
}

TEST(LogTreeTest, ChangedTilesAreOnlyThoseThatChanged) {
  Fixture f;
  f.Grow(70000);
  const LogTree::Batch batch = f.Append(200);
  std::vector<std::pair<int, uint64_t>> changed;
  for (const Tile& tile : batch.ChangedTiles()) changed.emplace_back(tile.level, tile.index);
  EXPECT_THAT(changed,
              ::testing::ElementsAre(std::pair(0, 273), std::pair(0, 274), std::pair(1, 1)));
}

TEST(LogTreeTest, NewLeavesAreProvenWithoutReadingAnything) {
  Fixture f;
  f.Grow(70000);
  f.tree = *LogTree::Open(f.tiles, 70000);
  f.tiles->reads = 0;
  for (int round = 0; round < 30; ++round) {
    const uint64_t before = f.naive.size();
    LogTree::Batch batch = f.Append(64);
    const TreeHead head = batch.head();
    for (uint64_t i = before; i < before + 64; ++i) {
      EXPECT_THAT(VerifyInclusion(head, i, f.naive.leaf(i), *batch.InclusionProof(i)), IsOk());
      // From the sizes that clients saw last.
      EXPECT_THAT(batch.ConsistencyProof(std::max<uint64_t>(70000, i - 64)), IsOk());
    }
    EXPECT_FALSE(batch.ChangedTiles().empty());
    f.tree.Commit(std::move(batch));
    EXPECT_THAT(f.tree.InclusionProof(f.naive.size() - 64), IsOk());
  }
  EXPECT_EQ(f.tiles->reads.load(), 0);
}

TEST(LogTreeTest, OpeningReadsTheRightEdgeOnly) {
  Fixture f;
  f.Grow(70000);
  f.tiles->reads = 0;
  const auto tree = LogTree::Open(f.tiles, 70000);
  ASSERT_THAT(tree, IsOk());
  EXPECT_EQ(f.tiles->reads.load(), 3);
  EXPECT_THAT(tree->InclusionProof(5), IsOk());
  EXPECT_EQ(f.tiles->reads.load(), 5);  // its tile and the one above
  EXPECT_THAT(tree->InclusionProof(6), IsOk());
  EXPECT_EQ(f.tiles->reads.load(), 5);
}

TEST(LogTreeTest, OpensAtASizeThatTheTilesHaveOutgrown) {
  Fixture f;
  f.Grow(70000);
  for (const uint64_t size : Sizes{0, 1, 255, 256, 257, 600, 65535, 65536, 65537, 69999}) {
    const auto tree = LogTree::Open(f.tiles, size);
    ASSERT_THAT(tree, IsOk());
    EXPECT_EQ(tree->head(), f.naive.Head(size));
    if (size > 0) {
      EXPECT_EQ(*tree->InclusionProof(size / 2), f.naive.Inclusion(size / 2, size));
    }
  }
}

TEST(LogTreeTest, ManyOldTilesPassThroughTheCache) {
  Fixture f;
  f.Grow(40000);
  for (int round = 0; round < 2; ++round) {
    for (uint64_t i = 0; i < 40000; i += 251) {
      ASSERT_EQ(*f.tree.InclusionProof(i), f.naive.Inclusion(i, 40000));
    }
  }
}

TEST(LogTreeTest, BrokenTilesAreFoundWhenTheyAreRead) {
  Fixture f;
  f.Grow(70000);
  const auto tile = [&](int level, uint64_t index) -> std::string& {
    return f.tiles->tiles[std::make_pair(level, index)];
  };
  const std::string good = tile(0, 7);
  tile(0, 7) = FlipBit(good, 4242);
  f.tree = *LogTree::Open(f.tiles, 70000);
  EXPECT_THAT(f.tree.InclusionProof(7 * 256 + 3),
              IsError(absl::StatusCode::kDataLoss, "TILE_MISMATCH"));
  EXPECT_THAT(f.tree.InclusionProof(8 * 256 + 3), IsOk());
  tile(0, 7) = good.substr(32);
  EXPECT_THAT(f.tree.InclusionProof(7 * 256 + 3),
              IsError(absl::StatusCode::kDataLoss, "TILE_MALFORMED"));
  f.tiles->tiles.erase(std::make_pair(0, 7));
  EXPECT_THAT(f.tree.InclusionProof(7 * 256 + 3),
              IsError(absl::StatusCode::kNotFound, "TILE_MISSING"));
  tile(0, 7) = good;
  EXPECT_THAT(f.tree.InclusionProof(7 * 256 + 3), IsOk());  // an error is not kept

  const std::string edge = tile(1, 1);
  tile(1, 1) = edge + "x";
  EXPECT_THAT(LogTree::Open(f.tiles, 70000),
              IsError(absl::StatusCode::kDataLoss, "TILE_MALFORMED"));
  tile(1, 1) = edge.substr(32);
  EXPECT_THAT(LogTree::Open(f.tiles, 70000),
              IsError(absl::StatusCode::kDataLoss, "TILE_MALFORMED"));
  tile(1, 1) = FlipBit(edge, 3);  // shows in the head only
  EXPECT_NE(LogTree::Open(f.tiles, 70000)->head(), f.naive.Head(70000));
}

TEST(LogTreeTest, WhatTheTreeDoesNotHaveIsRefused) {
  Fixture f;
  f.Grow(10);
  LogTree::Batch batch = f.Append(5);
  EXPECT_THAT(f.tree.InclusionProof(10), kRange);
  EXPECT_THAT(f.tree.InclusionProofAt(4, 4), kRange);
  EXPECT_THAT(f.tree.InclusionProofAt(4, 11), kRange);
  EXPECT_THAT(f.tree.ConsistencyProof(11), kRange);
  EXPECT_THAT(f.tree.ConsistencyProofBetween(3, 11), kRange);
  EXPECT_THAT(f.tree.ConsistencyProofBetween(5, 4), kRange);
  EXPECT_THAT(f.tree.HeadAt(11), kRange);
  EXPECT_THAT(batch.InclusionProof(14), IsOk());
  EXPECT_THAT(batch.InclusionProof(15), kRange);
  EXPECT_THAT(batch.ConsistencyProof(16), kRange);
}

TEST(LogTreeTest, ManyThreadsAskForProofsOfOneTree) {
  Fixture f;
  f.Grow(30000);
  f.tree = *LogTree::Open(f.tiles, 30000);
  const TreeHead head = f.tree.head();
  std::vector<std::jthread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&f, &head, t] {
      for (uint64_t i = t; i < 30000; i += 97) {
        const auto path = f.tree.InclusionProof(i);
        ASSERT_THAT(path, IsOk());
        ASSERT_THAT(VerifyInclusion(head, i, TestLeafHash(i), *path), IsOk());
      }
    });
  }
}

TEST(LogTreeDeathTest, CommittingTwoBatchesOfOneTreeIsABug) {
  Fixture f;
  LogTree::Batch first(f.tree);
  LogTree::Batch second(f.tree);
  first.Append(TestLeafHash(0));
  f.tree.Commit(std::move(first));
  EXPECT_DEATH(second.Append(TestLeafHash(1)), "base_");
  EXPECT_DEATH(f.tree.Commit(std::move(second)), "base_");
}

}  // namespace
}  // namespace sluis::audit
