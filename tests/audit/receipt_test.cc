#include "sluis/audit/receipt.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "naive_tree.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/leaf.h"
#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"

namespace sluis::audit {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;

const auto kNeeded = IsError(absl::StatusCode::kFailedPrecondition, "CONSISTENCY_NEEDED");
const auto kForked = IsError(absl::StatusCode::kDataLoss, "LOG_FORKED");
const auto kMismatch = IsError(absl::StatusCode::kDataLoss, "PROOF_MISMATCH");
const auto kShape = IsError(absl::StatusCode::kInvalidArgument, "PROOF_SHAPE");

constexpr std::string_view kOrigin = "sluis.example/test";

SigningKey Key(char seed = 'k') {
  return *SigningKey::FromSeed(kOrigin, SecretBytes(std::string(32, seed)));
}

// A log that answers requests. `branch` tells histories apart that begin alike.
class FakeLog {
 public:
  explicit FakeLog(uint64_t size, uint64_t fork_at = UINT64_MAX) {
    for (uint64_t i = 0; i < size; ++i) {
      entries_.push_back(EncodeLeaf({.event_id = {},
                                     .kind = static_cast<uint8_t>(i < fork_at ? 1 : 2),
                                     .time_us = static_cast<int64_t>(i),
                                     .partij_seq = i + 1,
                                     .request = Request(i),
                                     .answer = Answer(i),
                                     .commitment = {}}));
      tree_.Append(LeafHash(entries_.back()));
    }
  }

  static Digest Request(uint64_t i) { return HashRequest("request " + std::to_string(i)); }
  static Digest Answer(uint64_t i) { return HashAnswer("answer " + std::to_string(i)); }

  TreeHead Head(uint64_t size) { return tree_.Head(size); }
  const std::string& Checkpoint(uint64_t size) {
    std::string& note = checkpoints_[size];
    if (note.empty()) note = *SignCheckpoint(kOrigin, tree_.Head(size), Key());
    return note;
  }
  std::vector<Digest> Consistency(uint64_t a, uint64_t b) {
    return tree_.Consistency(std::min(a, b), std::max(a, b));
  }
  // The receipt of entry `index` under the checkpoint at `size`, for a client that knows the tree
  // of `from` leaves; 0 for one that knows none.
  Receipt ReceiptOf(uint64_t index, uint64_t size, uint64_t from = 0) {
    return {.leaf = entries_[index],
            .index = index,
            .inclusion = tree_.Inclusion(index, size),
            .checkpoint = Checkpoint(size),
            .consistency_from = from,
            .consistency = from == 0 ? std::vector<Digest>() : Consistency(from, size),
            .previous_from = 0,
            .previous = {}};
  }
  // The receipt of the last entry under the checkpoint at `size`, which came after that at
  // `previous`; the client named a tree that it knew long ago.
  Receipt Chained(uint64_t size, uint64_t previous, uint64_t from = 5) {
    Receipt receipt = ReceiptOf(size - 1, size, from);
    receipt.previous_from = previous;
    receipt.previous = Consistency(previous, size);
    return receipt;
  }

 private:
  std::vector<std::string> entries_;
  NaiveTree tree_;
  std::map<uint64_t, std::string> checkpoints_;
};

class ReceiptVerifierTest : public ::testing::Test {
 protected:
  absl::StatusOr<VerifiedReceipt> Verify(const Receipt& receipt) {
    return verifier_.Verify(receipt, FakeLog::Request(receipt.index),
                            FakeLog::Answer(receipt.index));
  }

  FakeLog log_{100};
  ReceiptVerifier verifier_{std::string(kOrigin), {Key().verifier()}};
};

TEST_F(ReceiptVerifierTest, AReceiptGivesTheLeafAndTheHead) {
  EXPECT_EQ(verifier_.trusted(), std::nullopt);
  EXPECT_EQ(verifier_.trusted_head(), std::nullopt);
  const auto verified = Verify(log_.ReceiptOf(7, 10));
  ASSERT_THAT(verified, IsOk());
  EXPECT_EQ(verified->leaf.partij_seq, 8U);
  EXPECT_EQ(verified->index, 7U);
  EXPECT_EQ(verified->head, log_.Head(10));
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(10));
  EXPECT_EQ(verifier_.trusted_head(), log_.Head(10));
}

TEST_F(ReceiptVerifierTest, ReceiptsThatFollowEachOtherMoveTheTrustedHead) {
  uint64_t known = 0;
  for (uint64_t size = 1; size <= 100; size += 7) {
    ASSERT_THAT(Verify(log_.ReceiptOf(size - 1, size, known)), IsOk()) << size;
    ASSERT_EQ(verifier_.trusted(), log_.Checkpoint(size));
    known = size;
  }
}

TEST_F(ReceiptVerifierTest, AReceiptOfAnotherCallIsRefused) {
  const Receipt receipt = log_.ReceiptOf(7, 10);
  EXPECT_THAT(verifier_.Verify(receipt, FakeLog::Request(8), FakeLog::Answer(7)),
              IsError(absl::StatusCode::kDataLoss, "RECEIPT_REQUEST"));
  EXPECT_THAT(verifier_.Verify(receipt, FakeLog::Request(7), FakeLog::Answer(8)),
              IsError(absl::StatusCode::kDataLoss, "RECEIPT_ANSWER"));
  EXPECT_EQ(verifier_.trusted(), std::nullopt);
}

TEST_F(ReceiptVerifierTest, ChecksComeInTheirOrder) {
  Receipt receipt = log_.ReceiptOf(7, 10);
  const auto verify = [&] {
    return verifier_.Verify(receipt, FakeLog::Request(7), FakeLog::Answer(7));
  };
  receipt.checkpoint = *SignCheckpoint(kOrigin, log_.Head(10), Key('x'));
  EXPECT_THAT(verify(), IsError(absl::StatusCode::kFailedPrecondition, "NOTE_UNKNOWN_KEY"));
  receipt.inclusion[0] = Digest();
  const auto inclusion = verify();
  EXPECT_THAT(inclusion, kMismatch);
  EXPECT_EQ(MetadataOf(inclusion.status()).at("proof"), "inclusion");
  EXPECT_EQ(verifier_.checkpoints_opened(), 1U);  // the cheap checks saved a signature
  receipt.checkpoint = *SignCheckpoint("another/log", log_.Head(10), Key());
  EXPECT_THAT(verify(), IsError(absl::StatusCode::kInvalidArgument, "CHECKPOINT_ORIGIN"));
  receipt.checkpoint = "no note";
  EXPECT_THAT(verify(), IsError(absl::StatusCode::kInvalidArgument, "NOTE_MALFORMED"));
  receipt.leaf.pop_back();
  EXPECT_THAT(verify(), IsError(absl::StatusCode::kInvalidArgument, "LEAF_MALFORMED"));
}

TEST_F(ReceiptVerifierTest, AFlippedBitAnywhereIsRefused) {
  ASSERT_THAT(Verify(log_.ReceiptOf(4, 5)), IsOk());
  const Receipt good = log_.ReceiptOf(7, 11, 5);
  const auto refused = [&](const Receipt& bad) {
    return !verifier_.Verify(bad, FakeLog::Request(7), FakeLog::Answer(7)).ok();
  };
  for (size_t bit = 0; bit < good.leaf.size() * 8; ++bit) {
    Receipt bad = good;
    bad.leaf = FlipBit(good.leaf, bit);
    ASSERT_TRUE(refused(bad)) << "leaf " << bit;
  }
  for (size_t bit = 0; bit < good.checkpoint.size() * 8; ++bit) {
    Receipt bad = good;
    bad.checkpoint = FlipBit(good.checkpoint, bit);
    ASSERT_TRUE(refused(bad)) << "checkpoint " << bit;
  }
  for (size_t bit = 0; bit < good.inclusion.size() * 256; ++bit) {
    Receipt bad = good;
    bad.inclusion[bit / 256] = FlipBit(good.inclusion[bit / 256], bit % 256);
    ASSERT_TRUE(refused(bad)) << "inclusion " << bit;
  }
  for (size_t bit = 0; bit < good.consistency.size() * 256; ++bit) {
    Receipt bad = good;
    bad.consistency[bit / 256] = FlipBit(good.consistency[bit / 256], bit % 256);
    ASSERT_TRUE(refused(bad)) << "consistency " << bit;
  }
  for (size_t bit = 0; bit < 64; ++bit) {
    Receipt bad = good;
    bad.index ^= uint64_t{1} << bit;
    ASSERT_TRUE(refused(bad)) << "index " << bit;
    bad = good;
    bad.consistency_from ^= uint64_t{1} << bit;
    ASSERT_TRUE(refused(bad)) << "consistency_from " << bit;
  }
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(5));
  EXPECT_THAT(Verify(good), IsOk());
}

TEST_F(ReceiptVerifierTest, ACheckpointIsOpenedOnce) {
  for (uint64_t i = 0; i < 10; ++i) ASSERT_THAT(Verify(log_.ReceiptOf(i, 10)), IsOk());
  EXPECT_EQ(verifier_.checkpoints_opened(), 1U);
}

TEST_F(ReceiptVerifierTest, ANewerCheckpointNeedsAProofFromTheTrustedOne) {
  ASSERT_THAT(Verify(log_.ReceiptOf(9, 10)), IsOk());
  const auto needed = Verify(log_.ReceiptOf(15, 20));
  ASSERT_THAT(needed, kNeeded);
  EXPECT_EQ(MetadataOf(needed.status()).at("old_size"), "10");
  EXPECT_EQ(MetadataOf(needed.status()).at("new_size"), "20");
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(10));

  EXPECT_THAT(verifier_.Extend(log_.Checkpoint(20), 10, {}), kShape);
  std::vector<Digest> wrong = log_.Consistency(10, 20);
  wrong[0] = Digest();
  const absl::Status mismatch = verifier_.Extend(log_.Checkpoint(20), 10, wrong);
  EXPECT_THAT(mismatch, kMismatch);
  EXPECT_EQ(MetadataOf(mismatch).at("proof"), "consistency");
  EXPECT_THAT(verifier_.Extend(log_.Checkpoint(20), 10, log_.Consistency(10, 20)), IsOk());
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(20));
  EXPECT_THAT(Verify(log_.ReceiptOf(15, 20)), IsOk());
  EXPECT_EQ(verifier_.checkpoints_opened(), 2U);
}

TEST_F(ReceiptVerifierTest, AnOlderCheckpointIsBelievedWhenItIsRememberedOrProven) {
  ASSERT_THAT(Verify(log_.ReceiptOf(9, 10)), IsOk());
  ASSERT_THAT(Verify(log_.ReceiptOf(29, 30, 10)), IsOk());
  EXPECT_THAT(Verify(log_.ReceiptOf(3, 10)), IsOk());  // remembered
  // Both are proven to extend 10. That says nothing about 20 and 30.
  const auto needed = Verify(log_.ReceiptOf(15, 20, 10));
  ASSERT_THAT(needed, kNeeded);
  EXPECT_EQ(MetadataOf(needed.status()).at("old_size"), "20");
  EXPECT_EQ(MetadataOf(needed.status()).at("new_size"), "30");
  EXPECT_THAT(verifier_.Extend(log_.Checkpoint(20), 30, log_.Consistency(20, 30)), IsOk());
  EXPECT_THAT(Verify(log_.ReceiptOf(15, 20, 10)), IsOk());
  // A repeated call: the receipt of then, with a proof up to the tree that the client knows now.
  EXPECT_THAT(Verify(log_.ReceiptOf(2, 5, 30)), IsOk());
  // To any remembered tree will do.
  EXPECT_THAT(Verify(log_.ReceiptOf(2, 7, 20)), IsOk());
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(30));
}

TEST_F(ReceiptVerifierTest, AProofFromAnOlderTreeDoesNotMoveTheTrustedHead) {
  ASSERT_THAT(Verify(log_.ReceiptOf(9, 10)), IsOk());
  ASSERT_THAT(Verify(log_.ReceiptOf(29, 30, 10)), IsOk());
  // A log that forked after 10 could show this.
  FakeLog other(100, 15);
  EXPECT_THAT(Verify(other.ReceiptOf(39, 40, 10)), kNeeded);
  EXPECT_THAT(verifier_.Extend(other.Checkpoint(40), 10, other.Consistency(10, 40)), kNeeded);
  EXPECT_THAT(verifier_.Extend(other.Checkpoint(40), 30, other.Consistency(30, 40)), kMismatch);
  EXPECT_THAT(verifier_.Extend(other.Checkpoint(20), 30, other.Consistency(20, 30)), kMismatch);
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(30));
}

TEST_F(ReceiptVerifierTest, TwoRootsOfOneSizeAreAForkAndBothCheckpointsTheEvidence) {
  FakeLog other(100, 15);
  ASSERT_THAT(Verify(log_.ReceiptOf(9, 20)), IsOk());
  ASSERT_THAT(Verify(log_.ReceiptOf(29, 30, 20)), IsOk());
  for (const uint64_t size : Sizes{20, 30}) {  // remembered and trusted
    const auto forked = Verify(other.ReceiptOf(9, size, 20));
    ASSERT_THAT(forked, kForked);
    const auto metadata = MetadataOf(forked.status());
    EXPECT_EQ(metadata.at("size"), std::to_string(size));
    EXPECT_EQ(metadata.at("remembered"), log_.Checkpoint(size));
    EXPECT_EQ(metadata.at("conflicting"), other.Checkpoint(size));
    EXPECT_THAT(verifier_.Extend(other.Checkpoint(size), size, {}), kForked);
  }
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(30));
}

TEST_F(ReceiptVerifierTest, ForkedCheckpointsNeedTheLogsSignature) {
  FakeLog other(100, 15);
  ASSERT_THAT(Verify(log_.ReceiptOf(9, 20)), IsOk());
  Receipt receipt = other.ReceiptOf(9, 20);
  receipt.checkpoint = *SignCheckpoint(kOrigin, other.Head(20), Key('x'));
  EXPECT_THAT(Verify(receipt), IsError(absl::StatusCode::kFailedPrecondition, "NOTE_UNKNOWN_KEY"));
}

TEST_F(ReceiptVerifierTest, RestoreContinuesWhereTheLastRunEnded) {
  ASSERT_THAT(verifier_.Restore(log_.Checkpoint(10)), IsOk());
  EXPECT_EQ(verifier_.trusted_head(), log_.Head(10));
  FakeLog other(100, 5);
  EXPECT_THAT(Verify(other.ReceiptOf(9, 10)), kForked);
  EXPECT_THAT(Verify(other.ReceiptOf(15, 20)), kNeeded);
  EXPECT_THAT(Verify(log_.ReceiptOf(15, 20, 10)), IsOk());
  EXPECT_THAT(verifier_.Restore(log_.Checkpoint(20)), IsOk());
  EXPECT_THAT(verifier_.Restore(log_.Checkpoint(10)),
              IsError(absl::StatusCode::kFailedPrecondition, "VERIFIER_IN_USE"));
  EXPECT_THAT(verifier_.Restore("no note"),
              IsError(absl::StatusCode::kInvalidArgument, "NOTE_MALFORMED"));
}

TEST_F(ReceiptVerifierTest, TheEmptyTreeMayBeWhereItStarts) {
  ASSERT_THAT(verifier_.Restore(log_.Checkpoint(0)), IsOk());
  EXPECT_THAT(Verify(log_.ReceiptOf(3, 5)), IsOk());  // every tree begins with no leaves
}

TEST_F(ReceiptVerifierTest, RotatedKeysAreBothKnownForAWhile) {
  ReceiptVerifier verifier(std::string(kOrigin), {Key().verifier(), Key('n').verifier()});
  Receipt next = log_.ReceiptOf(15, 20, 10);
  next.checkpoint = *SignCheckpoint(kOrigin, log_.Head(20), Key('n'));
  EXPECT_THAT(verifier.Verify(log_.ReceiptOf(9, 10), FakeLog::Request(9), FakeLog::Answer(9)),
              IsOk());
  EXPECT_THAT(verifier.Verify(next, FakeLog::Request(15), FakeLog::Answer(15)), IsOk());
}

TEST_F(ReceiptVerifierTest, FarMoreCheckpointsThanAreRemembered) {
  FakeLog log(1500);
  for (uint64_t size = 1; size <= 1500; ++size) {
    ASSERT_THAT(Verify(log.ReceiptOf(size - 1, size, size - 1)), IsOk()) << size;
  }
  EXPECT_THAT(Verify(log.ReceiptOf(5, 1400)), IsOk());
  EXPECT_THAT(Verify(log.ReceiptOf(5, 6)), kNeeded);  // forgotten
  // Believed again, however old it is.
  ASSERT_THAT(verifier_.Extend(log.Checkpoint(6), 1500, log.Consistency(6, 1500)), IsOk());
  EXPECT_THAT(Verify(log.ReceiptOf(5, 6)), IsOk());
  EXPECT_EQ(verifier_.trusted(), log.Checkpoint(1500));
}

// ---- From checkpoint to checkpoint ----

TEST_F(ReceiptVerifierTest, ThePreviousCheckpointLeadsToTheNext) {
  ASSERT_THAT(verifier_.Restore(log_.Checkpoint(10)), IsOk());
  for (uint64_t size = 13; size <= 100; size += 3) {
    const auto verified = Verify(log_.Chained(size, size - 3));
    ASSERT_THAT(verified, IsOk()) << size;
    EXPECT_TRUE(verified->new_head);
    EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(size));
    const auto again = Verify(log_.Chained(size, size - 3));
    ASSERT_THAT(again, IsOk());
    EXPECT_FALSE(again->new_head);
  }
}

TEST_F(ReceiptVerifierTest, AMissingLinkIsWaitedFor) {
  ASSERT_THAT(verifier_.Restore(log_.Checkpoint(10)), IsOk());
  ASSERT_THAT(Verify(log_.Chained(12, 10)), IsOk());
  const uint64_t before = verifier_.history_changes();
  const auto needed = Verify(log_.Chained(16, 14));
  ASSERT_THAT(needed, kNeeded);
  EXPECT_EQ(MetadataOf(needed.status()).at("old_size"), "12");
  EXPECT_EQ(MetadataOf(needed.status()).at("new_size"), "16");
  EXPECT_EQ(verifier_.history_changes(), before);
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(12));
  ASSERT_THAT(Verify(log_.Chained(14, 12)), IsOk());
  EXPECT_GT(verifier_.history_changes(), before);
  EXPECT_THAT(Verify(log_.Chained(16, 14)), IsOk());
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(16));
}

TEST_F(ReceiptVerifierTest, WhatWasOvertakenIsProvenByWhatCameAfterIt) {
  ASSERT_THAT(verifier_.Restore(log_.Checkpoint(10)), IsOk());
  ASSERT_THAT(Verify(log_.Chained(16, 14, 10)), IsOk());
  ASSERT_THAT(Verify(log_.Chained(14, 12)), IsOk());
  ASSERT_THAT(Verify(log_.Chained(12, 11)), IsOk());
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(16));
  // A proof that was fetched believes the checkpoint; its receipt then tells what it continues.
  ASSERT_THAT(verifier_.Extend(log_.Checkpoint(20), 16, log_.Consistency(16, 20)), IsOk());
  ASSERT_THAT(Verify(log_.Chained(19, 18)), kNeeded);
  const auto told = Verify(log_.Chained(20, 19));
  ASSERT_THAT(told, IsOk());
  EXPECT_TRUE(told->new_head);
  EXPECT_THAT(Verify(log_.Chained(19, 18)), IsOk());
}

TEST_F(ReceiptVerifierTest, AFalseLinkIsRefused) {
  ASSERT_THAT(verifier_.Restore(log_.Checkpoint(10)), IsOk());
  ASSERT_THAT(Verify(log_.Chained(13, 10)), IsOk());
  const Receipt good = log_.Chained(21, 13);
  for (size_t bit = 0; bit < good.previous.size() * 256; ++bit) {
    Receipt bad = good;
    bad.previous[bit / 256] = FlipBit(good.previous[bit / 256], bit % 256);
    const auto refused = Verify(bad);
    ASSERT_THAT(refused, kMismatch) << bit;
    EXPECT_EQ(MetadataOf(refused.status()).at("proof"), "previous");
  }
  for (size_t bit = 0; bit < 64; ++bit) {
    Receipt bad = good;
    bad.previous_from ^= uint64_t{1} << bit;
    ASSERT_THAT(Verify(bad), kNeeded) << bit;
  }
  Receipt shorter = good;
  shorter.previous.pop_back();
  EXPECT_THAT(Verify(shorter), kShape);
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(13));
  EXPECT_THAT(Verify(good), IsOk());
}

TEST_F(ReceiptVerifierTest, AForkCannotHideBehindALink) {
  ASSERT_THAT(verifier_.Restore(log_.Checkpoint(10)), IsOk());
  ASSERT_THAT(Verify(log_.Chained(30, 25, 10)), IsOk());
  FakeLog other(100, 15);
  // It continues what was trusted once, and itself, but not what is trusted now.
  EXPECT_THAT(Verify(other.Chained(40, 10, 10)), kNeeded);
  EXPECT_THAT(Verify(other.Chained(40, 35)), kNeeded);
  EXPECT_THAT(Verify(other.Chained(40, 30)), kMismatch);
  // The proof that came with 30 is for another 25.
  EXPECT_THAT(Verify(other.Chained(25, 10, 10)), kMismatch);
  EXPECT_THAT(Verify(other.Chained(30, 25, 10)), kForked);
  EXPECT_THAT(Verify(log_.Chained(25, 10)), IsOk());
  EXPECT_THAT(Verify(other.Chained(25, 10)), kForked);
  // A link that was false when it came proves nothing later, not even what is true.
  Receipt liar = log_.Chained(50, 45, 30);
  liar.previous = other.Consistency(45, 50);
  ASSERT_THAT(Verify(liar), IsOk());
  EXPECT_THAT(Verify(other.Chained(45, 30, 30)), kMismatch);
  EXPECT_THAT(Verify(log_.Chained(45, 30, 30)), kMismatch);
  EXPECT_EQ(verifier_.trusted(), log_.Checkpoint(50));
}

// Fetches the proof that is asked for, as a client would, until the receipt verifies.
absl::Status VerifyWithFetching(ReceiptVerifier& verifier, FakeLog& log, Mutex& log_mutex,
                                const Receipt& receipt, std::atomic<int>& fetched) {
  while (true) {
    const auto verified =
        verifier.Verify(receipt, FakeLog::Request(receipt.index), FakeLog::Answer(receipt.index));
    if (ReasonOf(verified.status()) != "CONSISTENCY_NEEDED") return verified.status();
    const auto metadata = MetadataOf(verified.status());
    const uint64_t old_size = std::stoull(metadata.at("old_size"));
    const uint64_t new_size = std::stoull(metadata.at("new_size"));
    const MutexLock lock(log_mutex);
    ++fetched;
    const std::string checkpoint = receipt.checkpoint;
    const uint64_t size = ReadCheckpointUnverified(checkpoint, kOrigin)->size;
    absl::Status extended = verifier.Extend(checkpoint, size == old_size ? new_size : old_size,
                                            log.Consistency(old_size, new_size));
    if (!extended.ok() && ReasonOf(extended) != "CONSISTENCY_NEEDED") return extended;
  }
}

TEST_F(ReceiptVerifierTest, ManyThreadsAndReceiptsInAnyOrder) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    std::vector<Receipt> receipts;
    uint64_t known = 0;
    for (uint64_t size = 5; size <= 100; size += 5) {
      for (uint64_t i = size - 5; i < size; ++i) {
        receipts.push_back(log_.ReceiptOf(i, size, known));
        if (seed % 2 == 0 || size == 5) continue;
        receipts.back().previous_from = size - 5;
        receipts.back().previous = log_.Consistency(size - 5, size);
      }
      if (size % 3 == 0) known = size;
    }
    // Not too far from their order, as with calls in flight together.
    for (size_t i = 0; i + 20 < receipts.size(); ++i) {
      std::swap(receipts[i], receipts[i + random() % 20]);
    }
    ReceiptVerifier verifier(std::string(kOrigin), {Key().verifier()});
    Mutex log_mutex;
    std::atomic<size_t> next{0};
    std::atomic<int> fetched{0};
    {
      std::vector<std::jthread> threads;
      threads.reserve(4);
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
          for (size_t i = next++; i < receipts.size(); i = next++) {
            ASSERT_THAT(VerifyWithFetching(verifier, log_, log_mutex, receipts[i], fetched),
                        IsOk());
          }
        });
      }
    }
    EXPECT_EQ(verifier.trusted(), log_.Checkpoint(100));
    EXPECT_EQ(verifier.checkpoints_opened(), 20U);
  }
}

TEST_F(ReceiptVerifierTest, AForkIsFoundWhateverTheOrder) {
  FakeLog other(100, 50);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    ReceiptVerifier verifier(std::string(kOrigin), {Key().verifier()});
    ASSERT_THAT(verifier.Restore(log_.Checkpoint(40)), IsOk());
    // The two histories differ from 50 on; nobody may be led to believe parts of both.
    bool believed_log = false;
    bool believed_other = false;
    for (int i = 0; i < 60; ++i) {
      FakeLog& log = random() % 2 == 0 ? log_ : other;
      const uint64_t size = 51 + random() % 50;
      const uint64_t index = random() % 40;
      const uint64_t from = random() % 2 == 0 ? verifier.trusted_head()->size : 40;
      Receipt receipt = log.ReceiptOf(index, size, from);
      receipt.previous_from = 51 + random() % 49;
      if (receipt.previous_from < size)
        receipt.previous = log.Consistency(receipt.previous_from, size);
      const bool ok =
          verifier.Verify(receipt, FakeLog::Request(index), FakeLog::Answer(index)).ok();
      (&log == &log_ ? believed_log : believed_other) |= ok;
    }
    EXPECT_TRUE(believed_log || believed_other);
    EXPECT_FALSE(believed_log && believed_other);
  }
}

}  // namespace
}  // namespace sluis::audit
