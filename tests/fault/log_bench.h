#pragma once

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "sluis/audit/receipt.h"
#include "sluis/base/secret_bytes.h"
#include "sluis/base/text.h"
#include "sluis/base/thread_pool.h"
#include "sluis/ledger/ledger.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/store/sqlite_store.h"

// A ledger on a workbench: real log, real store, and calls that write one document each.
namespace sluis::testing {

inline constexpr std::string_view kBenchOrigin = "sluis.test/log TEST_DATA_ONLY";

inline audit::SigningKey BenchKey(char fill = 'k') {
  auto key =
      audit::SigningKey::FromSeed("sluis.test/log", SecretBytes::Take(std::string(32, fill)));
  if (!key.ok()) std::abort();
  return *std::move(key);
}

// The document that call `name` writes, with the place of its entry.
inline std::string DocumentOf(std::string_view name, uint64_t index) {
  return absl::StrCat("written by ", ToAbsl(name), " in entry ", index);
}

inline audit::Digest RequestOf(std::string_view name) {
  return audit::HashRequest(absl::StrCat("request ", ToAbsl(name)));
}
inline audit::Digest AnswerOf(std::string_view name) {
  return audit::HashAnswer(absl::StrCat("answer ", ToAbsl(name)));
}

class LogBench {
 public:
  // `store` outlives this.
  explicit LogBench(store::Store& store, audit::SigningKey key = BenchKey(), size_t max_batch = 256)
      : pool_(2) {
    ledger::LedgerOptions options;
    options.store = &store;
    options.pool = &pool_;
    options.origin = std::string(kBenchOrigin);
    options.max_batch = max_batch;
    options.clock = [] { return ledger::Moment{absl::Now(), *CivilDate::Parse("2026-03-14"), 0}; };
    auto opened = ledger::Ledger::Open(std::move(options), std::move(key));
    opened_ = opened.status();
    if (opened.ok()) ledger_ = *std::move(opened);
  }

  [[nodiscard]] const absl::Status& opened() const { return opened_; }
  [[nodiscard]] ledger::Ledger& ledger() { return *ledger_; }

  using Done = std::function<void(absl::StatusOr<ledger::Committed>)>;

  // A call of `partij` that writes the document `name` and its entry.
  void Submit(std::string_view partij, std::string_view name, Done done, uint64_t known = 0) {
    ledger::Submission submission;
    submission.apply = [partij = std::string(partij), name = std::string(name)](
                           store::Transaction& transaction,
                           const ledger::Moment& moment) -> absl::StatusOr<ledger::Draft> {
      absl::Status put =
          transaction.Put(store::Table::kDeposit, name, DocumentOf(name, moment.index));
      if (!put.ok()) return put;
      ledger::Draft draft;
      draft.kind = log::v1::EventKind::FIELD_DEPOSITED;
      draft.partij = partij;
      draft.record = std::make_unique<log::v1::Record>();
      draft.record->set_caller(partij);
      draft.record->set_casus_id("0123456789abcdef");
      draft.record->set_pseudonym("pseudonym");
      draft.request = RequestOf(name);
      draft.answer_hash = AnswerOf(name);
      return draft;
    };
    submission.done = std::move(done);
    submission.known_tree_size = known;
    ledger_->Submit(std::move(submission));
  }

  // The same, and waits.
  absl::StatusOr<ledger::Committed> Call(std::string_view partij, std::string_view name,
                                         uint64_t known = 0) {
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<absl::StatusOr<ledger::Committed>> result;
    Submit(
        partij, name,
        [&](absl::StatusOr<ledger::Committed> committed) {
          const std::lock_guard lock(mutex);
          result = std::move(committed);
          arrived.notify_one();
        },
        known);
    std::unique_lock lock(mutex);
    arrived.wait(lock, [&] { return result.has_value(); });
    return *std::move(result);
  }

  // Many at once, named `prefix` with 0, 1, …, of partijen P_0 to P_2 in turn. In order of name.
  std::vector<absl::StatusOr<ledger::Committed>> Fill(std::string_view prefix, int count) {
    std::mutex mutex;
    std::condition_variable arrived;
    int left = count;
    std::vector<absl::StatusOr<ledger::Committed>> results;
    for (int i = 0; i < count; ++i) results.emplace_back(absl::UnknownError("no answer"));
    for (int i = 0; i < count; ++i) {
      Submit(absl::StrCat("P_", i % 3), absl::StrCat(ToAbsl(prefix), i),
             [&, i](absl::StatusOr<ledger::Committed> committed) {
               const std::lock_guard lock(mutex);
               results[static_cast<size_t>(i)] = std::move(committed);
               if (--left == 0) arrived.notify_one();
             });
    }
    std::unique_lock lock(mutex);
    arrived.wait(lock, [&] { return left == 0; });
    return results;
  }

 private:
  ThreadPool pool_;
  absl::Status opened_;
  std::unique_ptr<ledger::Ledger> ledger_;
};

// What is wrong with a stored log, or why it cannot be read.
inline std::vector<std::string> Problems(store::Store& store) {
  auto reader = store.Read();
  if (!reader.ok()) return {std::string(FromAbsl(reader.status().message()))};
  auto problems = ledger::VerifyStoredLog(**reader, kBenchOrigin, BenchKey().verifier());
  if (!problems.ok()) return {std::string(FromAbsl(problems.status().message()))};
  return *std::move(problems);
}

}  // namespace sluis::testing
