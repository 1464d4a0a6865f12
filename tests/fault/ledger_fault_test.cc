// Invariants 3 and 5 when the disk fails: nothing is answered that is not durable, state and entry
// stand or fall together, and a ledger that does not know what is on the disk takes nothing more.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "faulty_disk.h"
#include "faulty_store.h"
#include "gtest/gtest.h"
#include "log_bench.h"

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"

namespace sluis::ledger {
namespace {

using absl::StatusCode;
using testing::AnswerOf;
using testing::BenchKey;
using testing::DocumentOf;
using testing::FaultyDisk;
using testing::FaultyStore;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using testing::kBenchOrigin;
using testing::LogBench;
using testing::Problems;
using testing::RequestOf;
using testing::TempDir;

std::unique_ptr<store::Store> OpenStore(const std::string& path) {
  auto opened = store::OpenSqliteStore(path);
  EXPECT_THAT(opened, IsOk());
  return opened.ok() ? *std::move(opened) : nullptr;
}

// By name, the entry that each document says it was written with.
std::map<std::string, std::string> Documents(store::Store& store) {
  std::map<std::string, std::string> found;
  const auto reader = *store.Read();
  std::string after;
  for (;;) {
    const auto documents = reader->Scan(store::Table::kDeposit, "", after, 1000);
    EXPECT_THAT(documents, IsOk());
    if (!documents.ok() || documents->empty()) return found;
    for (const store::Document& each : *documents) found[each.key] = each.value;
    after = documents->back().key;
  }
}

// The log verifies, and it has an entry for every document and a document for every entry.
void ExpectWhole(store::Store& store) {
  EXPECT_THAT(Problems(store), IsEmpty());
  const auto documents = Documents(store);
  const uint64_t size = (*store.Read())->Head()->size;
  EXPECT_EQ(documents.size(), size);
  std::vector<bool> has_document(size, false);
  for (const auto& [name, text] : documents) {
    bool fits = false;
    for (uint64_t index = 0; index < size && !fits; ++index) {
      if (!has_document[index] && text == DocumentOf(name, index)) {
        has_document[index] = true;
        fits = true;
      }
    }
    EXPECT_TRUE(fits) << text << " in a log of " << size;
  }
}

// ---- A store that fails where it is told to ----

class FailingStepTest : public ::testing::TestWithParam<FaultyStore::Step> {};

TEST_P(FailingStepTest, ACleanFailureFailsItsBatchAndNothingElse) {
  const TempDir directory;
  const auto real = OpenStore(directory.File("log.db"));
  FaultyStore store(*real);
  LogBench bench(store);
  audit::ReceiptVerifier partij{std::string(kBenchOrigin), {BenchKey().verifier()}};
  const auto before = bench.Call("P_0", "before");
  ASSERT_THAT(before, IsOk());
  ASSERT_THAT(partij.Verify(before->receipt, RequestOf("before"), AnswerOf("before")), IsOk());
  const store::HeadRow head = *(*real->Read())->Head();

  const FaultyStore::Step failing = GetParam();
  store.Set([failing](FaultyStore::Step step) {
    return step == failing ? Unavailable("STORE_FAILED", "as told") : absl::OkStatus();
  });
  for (const auto& result : bench.Fill("failing", 30))
    EXPECT_THAT(result, IsError(StatusCode::kUnavailable, "STORE_FAILED"));
  EXPECT_EQ((*real->Read())->Head()->checkpoint, head.checkpoint);
  EXPECT_EQ(Documents(*real).size(), 1U);
  EXPECT_THAT(bench.ledger().health(), IsOk());
  EXPECT_EQ(bench.ledger().published().checkpoint, head.checkpoint);

  store.Set({});
  const auto after = bench.Call("P_0", "after", 1);
  ASSERT_THAT(after, IsOk());
  // The numbers of those that failed were not used.
  EXPECT_EQ(after->receipt.index, 1U);
  const auto verified = partij.Verify(after->receipt, RequestOf("after"), AnswerOf("after"));
  ASSERT_THAT(verified, IsOk());
  EXPECT_EQ(verified->leaf.partij_seq, 2U);
  ExpectWhole(*real);
}

// The steps that may touch the disk for the batch as a whole.
class UnknownOutcomeTest : public FailingStepTest {};

TEST_P(UnknownOutcomeTest, NothingIsAnsweredAnyMore) {
  const TempDir directory;
  auto real = OpenStore(directory.File("log.db"));
  FaultyStore store(*real);
  {
    LogBench bench(store);
    ASSERT_THAT(bench.Call("P_0", "before"), IsOk());
    const FaultyStore::Step failing = GetParam();
    std::atomic<bool> failed{false};
    store.Set([failing, &failed](FaultyStore::Step step) {
      if (step != failing || failed.exchange(true)) return absl::OkStatus();
      return DataLoss("STORE_SYNC_FAILED", "as told");
    });
    // One batch meets the failure itself, what waits behind it is refused; nobody is answered.
    for (const auto& result : bench.Fill("failing", 300)) {
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(result.status().code(), StatusCode::kDataLoss);
    }
    // The disk is fine again, and still nobody knows.
    EXPECT_THAT(bench.Call("P_0", "after"), IsError(StatusCode::kDataLoss, "LEDGER_BROKEN"));
    EXPECT_THAT(bench.ledger().health(), IsError(StatusCode::kDataLoss, "LEDGER_BROKEN"));
    EXPECT_EQ(bench.ledger().published().size, 1U);
  }
  store.Set({});
  // A restart looks at what is there and goes on from that.
  LogBench again(store);
  EXPECT_THAT(again.ledger().health(), IsOk());
  ASSERT_THAT(again.Call("P_0", "after"), IsOk());
  ExpectWhole(*real);
}

std::string StepName(const ::testing::TestParamInfo<FaultyStore::Step>& parameter) {
  static constexpr const char* kNames[] = {"Begin",   "Put",     "Delete", "AppendEntry",
                                           "PutTile", "PutHead", "Commit", "Committed"};
  return kNames[static_cast<size_t>(parameter.param)];
}

INSTANTIATE_TEST_SUITE_P(Steps, FailingStepTest,
                         ::testing::Values(FaultyStore::Step::kBegin, FaultyStore::Step::kPut,
                                           FaultyStore::Step::kAppendEntry,
                                           FaultyStore::Step::kPutTile, FaultyStore::Step::kPutHead,
                                           FaultyStore::Step::kCommit),
                         StepName);
INSTANTIATE_TEST_SUITE_P(Steps, UnknownOutcomeTest,
                         ::testing::Values(FaultyStore::Step::kAppendEntry,
                                           FaultyStore::Step::kPutTile, FaultyStore::Step::kPutHead,
                                           FaultyStore::Step::kCommit),
                         StepName);

// The commit reached the disk and only the word of it was lost.
TEST(LedgerFaultTest, ACommitThatIsDurableButUnknownIsNotAnsweredAndIsFoundAgain) {
  const TempDir directory;
  const auto real = OpenStore(directory.File("log.db"));
  FaultyStore store(*real);
  {
    LogBench bench(store);
    store.Set([](FaultyStore::Step step) {
      return step == FaultyStore::Step::kCommitted ? DataLoss("STORE_SYNC_FAILED", "as told")
                                                   : absl::OkStatus();
    });
    EXPECT_THAT(bench.Call("P_0", "lost"), IsError(StatusCode::kDataLoss, "STORE_SYNC_FAILED"));
    EXPECT_EQ(bench.ledger().published().size, 0U);
    EXPECT_THAT(bench.Call("P_0", "refused"), IsError(StatusCode::kDataLoss, "LEDGER_BROKEN"));
  }
  store.Set({});
  LogBench again(store);
  EXPECT_EQ(again.ledger().published().size, 1U);
  const auto next = again.Call("P_0", "next");
  ASSERT_THAT(next, IsOk());
  EXPECT_EQ(next->receipt.index, 1U);
  ExpectWhole(*real);
}

// ---- A disk that fails below SQLite ----

TEST(LedgerFaultTest, AFailedSyncBreaksTheLedgerForGood) {
  FaultyDisk disk;
  const TempDir directory;
  {
    const auto store = OpenStore(directory.File("log.db"));
    LogBench bench(*store);
    ASSERT_THAT(bench.Call("P_0", "before"), IsOk());
    disk.Set(FaultyDisk::Fault::kSyncFails);
    for (const auto& result : bench.Fill("failing", 20)) {
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(result.status().code(), StatusCode::kDataLoss) << result.status();
    }
    EXPECT_GT(disk.failures(), 0);
    disk.Set(FaultyDisk::Fault::kNone);
    EXPECT_THAT(bench.Call("P_0", "after"), IsError(StatusCode::kDataLoss, "LEDGER_BROKEN"));
    EXPECT_THAT(bench.ledger().health(), IsError(StatusCode::kDataLoss, "LEDGER_BROKEN"));
  }
  const auto store = OpenStore(directory.File("log.db"));
  LogBench again(*store);
  EXPECT_THAT(again.ledger().health(), IsOk());
  EXPECT_THAT(again.Call("P_0", "again"), IsOk());
  ExpectWhole(*store);
}

TEST(LedgerFaultTest, AFullOrFailingDiskLosesOnlyWhatWasNotAnswered) {
  for (const auto fault : {FaultyDisk::Fault::kDiskFull, FaultyDisk::Fault::kWriteFails}) {
    FaultyDisk disk;
    const TempDir directory;
    {
      const auto store = OpenStore(directory.File("log.db"));
      LogBench bench(*store);
      ASSERT_THAT(bench.Call("P_0", "before"), IsOk());
      disk.Set(fault);
      for (const auto& result : bench.Fill("failing", 20))
        EXPECT_THAT(result, IsError(StatusCode::kUnavailable, "STORE_FAILED"));
      EXPECT_GT(disk.failures(), 0);
      disk.Set(FaultyDisk::Fault::kNone);
      // Room was made: it goes on where it was.
      const auto after = bench.Call("P_0", "after");
      ASSERT_THAT(after, IsOk());
      EXPECT_EQ(after->receipt.index, 1U);
      ExpectWhole(*store);
    }
    const auto store = OpenStore(directory.File("log.db"));
    ExpectWhole(*store);
  }
}

// The power fails at any moment. Whatever was answered before is there, and what is there is whole.
TEST(LedgerFaultTest, WhatWasAnsweredSurvivesAPowerFailure) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  FaultyDisk disk;
  const TempDir directory;
  const std::string path = std::filesystem::canonical(directory.path()) / "log.db";
  std::mutex mutex;
  std::map<std::string, uint64_t> answered;
  int under_way = 0;
  const auto store = OpenStore(path);
  LogBench bench(*store, BenchKey(), 8);
  std::atomic<bool> stop{false};
  std::thread callers([&] {
    for (int i = 0; !stop; ++i) {
      while (!stop) {
        {
          const std::lock_guard lock(mutex);
          if (under_way < 24) break;
        }
        std::this_thread::yield();
      }
      {
        const std::lock_guard lock(mutex);
        ++under_way;
      }
      const std::string name = absl::StrCat("call", i);
      bench.Submit(absl::StrCat("P_", i % 3), name, [&, name](auto committed) {
        const std::lock_guard lock(mutex);
        --under_way;
        if (committed.ok()) answered[name] = committed->receipt.index;
      });
    }
  });
  size_t seen = 0;
  for (int round = 0; round < 40; ++round) {
    // Some progress between two failures, and then any moment of the next batch.
    for (;;) {
      const std::lock_guard lock(mutex);
      if (answered.size() > seen + 20) break;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
    std::map<std::string, uint64_t> before;
    {
      const std::lock_guard lock(mutex);
      before = answered;
    }
    seen = before.size();
    const std::string copy = directory.File(absl::StrCat("copy", round, ".db"));
    disk.CopyAfterPowerFailure(
        path, copy, round % 2 == 0 ? FaultyDisk::Unsynced::kLost : FaultyDisk::Unsynced::kRandom,
        random);
    {
      const auto found = OpenStore(copy);
      ASSERT_NE(found, nullptr);
      EXPECT_THAT(Problems(*found), IsEmpty()) << "round " << round;
      const auto documents = Documents(*found);
      EXPECT_EQ(documents.size(), (*found->Read())->Head()->size);
      for (const auto& [name, index] : before) {
        const auto document = documents.find(name);
        ASSERT_NE(document, documents.end()) << name << " of entry " << index << " is lost";
        EXPECT_EQ(document->second, DocumentOf(name, index));
      }
    }
    for (const char* suffix : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(copy + suffix);
    if (::testing::Test::HasFailure()) break;
  }
  stop = true;
  callers.join();
}

}  // namespace
}  // namespace sluis::ledger
