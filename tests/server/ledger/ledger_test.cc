#include "sluis/ledger/ledger.h"

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/leaf.h"
#include "sluis/audit/receipt.h"
#include "sluis/base/bytes.h"
#include "sluis/base/mutex.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/store/sqlite_db.h"
#include "sluis/store/sqlite_store.h"

namespace sluis::ledger {
namespace {

using store::Table;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using testing::TempDir;

constexpr std::string_view kOrigin = "sluis.test/log";
constexpr std::string_view kSeed = "0123456789abcdef0123456789abcdef";

absl::Time Start() { return absl::FromUnixSeconds(1800000000); }

audit::SigningKey LogKey(std::string_view seed = kSeed) {
  auto key = audit::SigningKey::FromSeed("sluis.test/log", SecretBytes(seed));
  EXPECT_THAT(key, IsOk());
  return *std::move(key);
}

Draft NewDraft(std::string_view partij) {
  Draft draft;
  draft.kind = log::v1::EventKind::FIELDS_REQUESTED;
  draft.partij = std::string(partij);
  draft.record = std::make_unique<log::v1::Record>();
  draft.record->set_caller(std::string(partij));
  draft.request = audit::HashRequest("request");
  draft.answer = "answer";
  draft.answer_hash = audit::HashAnswer(draft.answer);
  return draft;
}

// Waits for results that come on other threads.
class Results {
 public:
  std::function<void(absl::StatusOr<Committed>)> Expect() {
    const MutexLock lock(mutex_);
    ++expected_;
    return [this](absl::StatusOr<Committed> result) {
      const MutexLock inner(mutex_);
      results_.push_back(std::move(result));
      changed_.NotifyAll();
    };
  }
  std::vector<absl::StatusOr<Committed>> Wait() {
    const MutexLock lock(mutex_);
    while (results_.size() < expected_) changed_.Wait(mutex_);
    expected_ = 0;
    return std::move(results_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  size_t expected_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<absl::StatusOr<Committed>> results_ ABSL_GUARDED_BY(mutex_);
};

class LedgerTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen(size_t max_batch = 256, size_t max_waiting = 4096, std::string_view seed = kSeed) {
    ledger_.reset();
    store_.reset();
    auto store = store::OpenSqliteStore(directory_.File("store.db"));
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
    LedgerOptions options;
    options.store = store_.get();
    options.pool = &pool_;
    options.clock = [this] {
      ++batches_;
      return Moment{now_, CivilDate::FromDays(20833), 0};
    };
    options.origin = std::string(kOrigin);
    options.max_batch = max_batch;
    options.max_waiting = max_waiting;
    auto ledger = Ledger::Open(std::move(options), LogKey(seed));
    ASSERT_THAT(ledger, IsOk());
    ledger_ = *std::move(ledger);
  }

  absl::StatusOr<Committed> Run(
      std::function<absl::StatusOr<Draft>(store::Transaction&, const Moment&)> apply,
      uint64_t known_tree_size = 0, absl::Time deadline = absl::InfiniteFuture()) {
    Results results;
    Submission submission;
    submission.apply = std::move(apply);
    submission.done = results.Expect();
    submission.known_tree_size = known_tree_size;
    submission.deadline = deadline;
    ledger_->Submit(std::move(submission));
    return std::move(results.Wait().front());
  }
  absl::StatusOr<Committed> RunPlain(std::string_view partij = "P_A", uint64_t known = 0) {
    return Run([partij](auto&, const Moment&) { return NewDraft(partij); }, known);
  }
  std::optional<std::string> Stored(std::string_view key) {
    const auto reader = store_->Read();
    EXPECT_THAT(reader, IsOk());
    return *(*reader)->Get(Table::kCasus, key);
  }
  std::vector<std::string> Problems() {
    const auto reader = store_->Read();
    EXPECT_THAT(reader, IsOk());
    auto problems = VerifyStoredLog(**reader, kOrigin, LogKey().verifier());
    EXPECT_THAT(problems, IsOk());
    return *std::move(problems);
  }
  // Holds the committer inside a transaction until the returned function is called.
  std::function<void()> Hold(Results& results) {
    struct Gate {
      Mutex mutex;
      CondVar changed;
      bool inside ABSL_GUARDED_BY(mutex) = false;
      bool open ABSL_GUARDED_BY(mutex) = false;
    };
    auto gate = std::make_shared<Gate>();
    Submission submission;
    submission.apply = [gate](store::Transaction&, const Moment&) -> absl::StatusOr<Draft> {
      const MutexLock lock(gate->mutex);
      gate->inside = true;
      gate->changed.NotifyAll();
      while (!gate->open) gate->changed.Wait(gate->mutex);
      return NewDraft("P_GATE");
    };
    submission.done = results.Expect();
    ledger_->Submit(std::move(submission));
    const MutexLock lock(gate->mutex);
    while (!gate->inside) gate->changed.Wait(gate->mutex);
    return [gate] {
      const MutexLock inner(gate->mutex);
      gate->open = true;
      gate->changed.NotifyAll();
    };
  }

  const TempDir directory_;
  ThreadPool pool_{2};
  absl::Time now_ = Start();
  std::atomic<int> batches_{0};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Ledger> ledger_;
};

TEST_F(LedgerTest, ANewLogHasASignedEmptyCheckpoint) {
  const store::HeadRow head = ledger_->published();
  EXPECT_EQ(head.size, 0U);
  const audit::VerifierKey keys[] = {ledger_->verifier()};
  const auto opened = audit::OpenCheckpoint(head.checkpoint, kOrigin, keys);
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->size, 0U);
  EXPECT_THAT(ledger_->health(), IsOk());
}

TEST_F(LedgerTest, AReceiptProvesTheEntry) {
  const auto committed = RunPlain();
  ASSERT_THAT(committed, IsOk());
  audit::ReceiptVerifier verifier(std::string(kOrigin), {ledger_->verifier()});
  const auto verified = verifier.Verify(committed->receipt, audit::HashRequest("request"),
                                        audit::HashAnswer("answer"));
  ASSERT_THAT(verified, IsOk());
  EXPECT_EQ(verified->leaf.kind, log::v1::EventKind::FIELDS_REQUESTED);
  EXPECT_EQ(verified->leaf.partij_seq, 1U);
  EXPECT_EQ(verified->leaf.time_us, absl::ToUnixMicros(Start()));
  EXPECT_THAT(verifier.Verify(committed->receipt, audit::HashRequest("another"),
                              audit::HashAnswer("answer")),
              IsError(absl::StatusCode::kDataLoss, "RECEIPT_REQUEST"));
}

TEST_F(LedgerTest, TheEntryIsDurableWhenTheCallerLearnsOfIt) {
  const auto committed =
      Run([](store::Transaction& transaction, const Moment& moment) -> absl::StatusOr<Draft> {
        EXPECT_EQ(moment.index, 0U);
        EXPECT_THAT(transaction.Put(Table::kCasus, "k", "v"), IsOk());
        return NewDraft("P_A");
      });
  ASSERT_THAT(committed, IsOk());
  EXPECT_EQ(Stored("k"), "v");
  const auto reader = store_->Read();
  const auto entries = (*reader)->Entries(0, 10);
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().leaf, committed->receipt.leaf);
  log::v1::Record record;
  ASSERT_TRUE(record.ParseFromString(entries->front().record));
  EXPECT_EQ(record.decided_at(), absl::ToUnixMicros(Start()));
  EXPECT_EQ(record.local_date(), 20833);
  EXPECT_EQ((*reader)->Head()->size, 1U);
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(LedgerTest, AFailingApplyLeavesNothing) {
  Results results;
  const auto release = Hold(results);
  // In one batch: one that works, one that fails after it wrote, one that works.
  for (int i = 0; i < 3; ++i) {
    Submission submission;
    submission.apply = [i](store::Transaction& transaction,
                           const Moment&) -> absl::StatusOr<Draft> {
      EXPECT_THAT(transaction.Put(Table::kCasus, std::to_string(i), "v"), IsOk());
      if (i == 1) return Unavailable("STORE_FAILED", "planted");
      return NewDraft("P_A");
    };
    submission.done = results.Expect();
    ledger_->Submit(std::move(submission));
  }
  release();
  int failed = 0;
  for (const auto& result : results.Wait()) {
    if (result.ok()) continue;
    ++failed;
    EXPECT_THAT(result, IsError(absl::StatusCode::kUnavailable, "STORE_FAILED"));
  }
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(Stored("0"), "v");
  EXPECT_EQ(Stored("1"), std::nullopt);
  EXPECT_EQ(Stored("2"), "v");
  EXPECT_EQ(ledger_->published().size, 3U);
  EXPECT_THAT(Problems(), IsEmpty());
  // The failed one took no number.
  EXPECT_EQ(audit::DecodeLeaf(RunPlain()->receipt.leaf)->partij_seq, 3U);
}

TEST_F(LedgerTest, WhatWaitsIsOneBatch) {
  Results results;
  const auto release = Hold(results);
  const int before = batches_;
  for (int i = 0; i < 50; ++i) {
    Submission submission;
    submission.apply = [](auto&, const Moment&) { return NewDraft("P_A"); };
    submission.done = results.Expect();
    ledger_->Submit(std::move(submission));
  }
  release();
  std::map<std::string, int> checkpoints;
  for (const auto& result : results.Wait()) {
    ASSERT_THAT(result, IsOk());
    ++checkpoints[result->receipt.checkpoint];
  }
  EXPECT_EQ(batches_ - before, 1);
  EXPECT_EQ(checkpoints.size(), 2U);
}

// Callers who were answered together and come back one after the other share a batch. Tried again
// where the machine kept them apart for too long.
TEST_F(LedgerTest, ABatchWaitsForThoseWhoWereAnswered) {
  bool shared = false;
  for (int round = 0; round < 40 && !shared; ++round) {
    Results results;
    const auto submit = [&] {
      Submission submission;
      submission.apply = [](auto&, const Moment&) { return NewDraft("P_A"); };
      submission.done = results.Expect();
      ledger_->Submit(std::move(submission));
    };
    const auto let_go = Hold(results);
    for (int i = 0; i < 8; ++i) submit();
    let_go();
    for (const auto& result : results.Wait()) ASSERT_THAT(result, IsOk());
    batches_ = 0;
    for (int i = 0; i < 4; ++i) {
      submit();
      absl::SleepFor(absl::Microseconds(500));
    }
    for (const auto& result : results.Wait()) ASSERT_THAT(result, IsOk());
    shared = batches_ == 1;
  }
  EXPECT_TRUE(shared);
}

TEST_F(LedgerTest, WhoCallsAloneWaitsForNobody) {
  const auto fastest = [](const std::function<void()>& run) {
    absl::Duration best = absl::InfiniteDuration();
    for (int i = 0; i < 21; ++i) {
      const absl::Time begin = absl::Now();
      run();
      best = std::min(best, absl::Now() - begin);
    }
    return best;
  };
  ASSERT_THAT(RunPlain(), IsOk());
  batches_ = 0;
  const absl::Duration called = fastest([&] { ASSERT_THAT(RunPlain(), IsOk()); });
  EXPECT_EQ(batches_, 21);
  // The disk may be slow: it is for both.
  const absl::Duration written = fastest([&] {
    auto begun = store_->Begin();
    ASSERT_THAT(begun, IsOk());
    ASSERT_THAT((*begun)->Put(Table::kCasus, "k", "v"), IsOk());
    ASSERT_THAT((*begun)->Commit(), IsOk());
  });
  EXPECT_LT(called, written + absl::Milliseconds(5));
}

TEST_F(LedgerTest, NumbersOfAPartijAreContiguousUnderConcurrency) {
  constexpr int kThreads = 4;
  constexpr int kEach = 100;
  Reopen(16);
  audit::ReceiptVerifier verifier(std::string(kOrigin), {ledger_->verifier()});
  Mutex mutex;
  std::map<std::string, std::map<uint64_t, uint64_t>> numbers;  // partij → number → index
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const std::string partij = t % 2 == 0 ? "P_A" : "P_B";
      uint64_t known = 0;
      for (int i = 0; i < kEach; ++i) {
        const auto committed = RunPlain(partij, known);
        ASSERT_THAT(committed, IsOk());
        known = committed->tree_size;
        auto verified = verifier.Verify(committed->receipt, audit::HashRequest("request"),
                                        audit::HashAnswer("answer"));
        while (ReasonOf(verified.status()) == "CONSISTENCY_NEEDED") {
          // Another thread's receipt came first: ask for what connects the two, as a client does.
          const auto metadata = MetadataOf(verified.status());
          const uint64_t from = std::stoull(metadata.at("old_size"));
          const uint64_t to = std::stoull(metadata.at("new_size"));
          const auto proof = ledger_->ConsistencyProof(from, to);
          ASSERT_THAT(proof, IsOk());
          const uint64_t other = to == committed->tree_size ? from : to;
          const absl::Status extended =
              verifier.Extend(committed->receipt.checkpoint, other, *proof);
          ASSERT_TRUE(extended.ok() || ReasonOf(extended) == "CONSISTENCY_NEEDED") << extended;
          verified = verifier.Verify(committed->receipt, audit::HashRequest("request"),
                                     audit::HashAnswer("answer"));
        }
        ASSERT_THAT(verified, IsOk());
        const MutexLock lock(mutex);
        numbers[partij][verified->leaf.partij_seq] = verified->index;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& [partij, of_partij] : numbers) {
    ASSERT_EQ(of_partij.size(), size_t{kThreads / 2 * kEach});
    EXPECT_EQ(of_partij.begin()->first, 1U);
    EXPECT_EQ(of_partij.rbegin()->first, of_partij.size());
    uint64_t last = 0;
    for (const auto& [number, index] : of_partij) {
      EXPECT_TRUE(number == 1 || index > last);
      last = index;
    }
  }
  EXPECT_EQ(ledger_->published().size, uint64_t{kThreads * kEach});
  EXPECT_THAT(Problems(), IsEmpty());
}

TEST_F(LedgerTest, AReceiptProvesThatTheKnownTreeWasExtended) {
  for (int i = 0; i < 5; ++i) ASSERT_THAT(RunPlain(), IsOk());
  const std::string known = ledger_->published().checkpoint;
  for (int i = 0; i < 300; ++i) ASSERT_THAT(RunPlain(), IsOk());
  audit::ReceiptVerifier verifier(std::string(kOrigin), {ledger_->verifier()});
  ASSERT_THAT(verifier.Restore(known), IsOk());
  const auto committed = RunPlain("P_A", 5);
  ASSERT_THAT(committed, IsOk());
  EXPECT_EQ(committed->receipt.consistency_from, 5U);
  EXPECT_THAT(verifier.Verify(committed->receipt, audit::HashRequest("request"),
                              audit::HashAnswer("answer")),
              IsOk());
  // A size that there never was proves nothing, and is no error.
  const auto unknown = RunPlain("P_A", 100000);
  ASSERT_THAT(unknown, IsOk());
  EXPECT_EQ(unknown->receipt.consistency_from, 0U);
  EXPECT_THAT(unknown->receipt.consistency, IsEmpty());
}

TEST_F(LedgerTest, AReceiptProvesThatThePreviousTreeWasExtended) {
  const auto first = RunPlain();
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->receipt.previous_from, 0U);
  EXPECT_THAT(first->receipt.previous, IsEmpty());
  audit::ReceiptVerifier verifier(std::string(kOrigin), {ledger_->verifier()});
  ASSERT_THAT(verifier.Restore(first->receipt.checkpoint), IsOk());
  for (uint64_t size = 1; size < 300; ++size) {
    // Who names the previous tree gets its proof once.
    const auto committed = RunPlain("P_A", size % 2 == 0 ? size : 1);
    ASSERT_THAT(committed, IsOk());
    EXPECT_EQ(committed->receipt.previous_from, size);
    EXPECT_EQ(committed->receipt.consistency_from, size % 2 == 0 || size == 1 ? 0U : 1U);
    ASSERT_THAT(verifier.Verify(committed->receipt, audit::HashRequest("request"),
                                audit::HashAnswer("answer")),
                IsOk())
        << size;
  }
}

TEST_F(LedgerTest, WhatIsLateIsNotRun) {
  std::atomic<bool> ran{false};
  const auto late = Run(
      [&](auto&, const Moment&) {
        ran = true;
        return NewDraft("P_A");
      },
      0, absl::Now() - absl::Seconds(1));
  EXPECT_THAT(late, IsError(absl::StatusCode::kDeadlineExceeded, "DEADLINE"));
  EXPECT_FALSE(ran);
  EXPECT_EQ(ledger_->published().size, 0U);
}

TEST_F(LedgerTest, TooMuchWaitingIsRefusedAtOnce) {
  Reopen(1, 2);
  Results results;
  const auto release = Hold(results);
  for (int i = 0; i < 3; ++i) {
    Submission submission;
    submission.apply = [](auto&, const Moment&) { return NewDraft("P_A"); };
    submission.done = results.Expect();
    ledger_->Submit(std::move(submission));
  }
  release();
  int overloaded = 0;
  for (const auto& result : results.Wait()) {
    if (result.ok()) continue;
    EXPECT_THAT(result, IsError(absl::StatusCode::kUnavailable, "OVERLOADED"));
    ++overloaded;
  }
  EXPECT_EQ(overloaded, 1);
}

TEST_F(LedgerTest, TheDestructorCompletesWhatWasSubmitted) {
  Results results;
  const auto release = Hold(results);
  for (int i = 0; i < 20; ++i) {
    Submission submission;
    submission.apply = [](auto&, const Moment&) { return NewDraft("P_A"); };
    submission.done = results.Expect();
    ledger_->Submit(std::move(submission));
  }
  std::thread ending([&] { ledger_.reset(); });
  release();
  ending.join();
  for (const auto& result : results.Wait()) EXPECT_THAT(result, IsOk());
}

TEST_F(LedgerTest, AnErrorToBeReturnedIsLogged) {
  const auto committed = Run([](auto&, const Moment&) -> absl::StatusOr<Draft> {
    Draft draft = NewDraft("P_A");
    draft.error = InvalidArgument("MALFORMED", "no");
    return draft;
  });
  ASSERT_THAT(committed, IsOk());
  EXPECT_THAT(committed->draft.error, IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(ledger_->published().size, 1U);
}

TEST_F(LedgerTest, GoesOnAfterReopening) {
  for (int i = 0; i < 3; ++i) ASSERT_THAT(RunPlain(), IsOk());
  Reopen();
  EXPECT_EQ(ledger_->published().size, 3U);
  const auto committed = RunPlain("P_A", 3);
  ASSERT_THAT(committed, IsOk());
  EXPECT_EQ(audit::DecodeLeaf(committed->receipt.leaf)->partij_seq, 4U);
  EXPECT_EQ(committed->receipt.index, 3U);
  EXPECT_THAT(Problems(), IsEmpty());
}

class TamperedLedgerTest
    : public LedgerTest,
      public ::testing::WithParamInterface<std::pair<const char*, const char*>> {};

// What somebody with the files changes is found, and the ledger refuses to go on.
TEST_P(TamperedLedgerTest, RefusesToGoOn) {
  for (int i = 0; i < 5; ++i) ASSERT_THAT(RunPlain(i % 2 == 0 ? "P_A" : "P_B"), IsOk());
  ledger_.reset();
  store_.reset();
  auto db = store::SqliteDb::Open(directory_.File("store.db"), store::SqliteDb::Mode::kReadWrite);
  ASSERT_THAT(db, IsOk());
  ASSERT_THAT((*db)->Execute(GetParam().second), IsOk());
  db->reset();
  Reopen();
  EXPECT_THAT(ledger_->health(),
              IsError(absl::StatusCode::kFailedPrecondition, "LOG_NOT_VERIFIED"));
  EXPECT_THAT(RunPlain(), IsError(absl::StatusCode::kFailedPrecondition, "LOG_NOT_VERIFIED"));
}

INSTANTIATE_TEST_SUITE_P(
    Changes, TamperedLedgerTest,
    ::testing::Values(
        std::pair{"Deleted", "DELETE FROM entry WHERE idx = 2"},
        std::pair{"LastDeleted", "DELETE FROM entry WHERE idx = 4"},
        std::pair{"LeafChanged", "UPDATE entry SET leaf = x'00' WHERE idx = 2"},
        std::pair{"RecordChanged", "UPDATE entry SET record = x'0a00' WHERE idx = 2"},
        std::pair{"SaltChanged", "UPDATE entry SET salt = zeroblob(32) WHERE idx = 2"},
        std::pair{"CallerChanged", "UPDATE entry SET caller = x'41' WHERE idx = 2"},
        std::pair{"KindChanged", "UPDATE entry SET kind = 2 WHERE idx = 2"},
        std::pair{"Reordered",
                  "UPDATE entry SET idx = 100 WHERE idx = 1; UPDATE entry SET idx = 1 WHERE"
                  " idx = 3; UPDATE entry SET idx = 3 WHERE idx = 100"},
        std::pair{"TileChanged", "UPDATE tile SET hashes = zeroblob(length(hashes))"},
        std::pair{"HeadShortened", "UPDATE head SET size = 3; DELETE FROM entry WHERE idx > 2"},
        std::pair{"CounterChanged", "UPDATE counter SET value = x'0000000000000009'"}),
    [](const auto& each) { return std::string(each.param.first); });

TEST_F(LedgerTest, AnotherKeyIsNotThisLogs) {
  ASSERT_THAT(RunPlain(), IsOk());
  Reopen(256, 4096, "0123456789abcdef0123456789abcdeX");
  EXPECT_THAT(ledger_->health(),
              IsError(absl::StatusCode::kFailedPrecondition, "LOG_NOT_VERIFIED"));
}

}  // namespace
}  // namespace sluis::ledger
