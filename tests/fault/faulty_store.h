#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "sluis/base/mutex.h"
#include "sluis/store/store.h"

namespace sluis::testing {

// Passes everything on to another store, but asks before every write what shall become of it: OK to
// let it through, an error to fail it without doing anything.
class FaultyStore final : public store::Store {
 public:
  // kCommitted is asked when the commit is durable: an error then loses the word of it.
  enum class Step { kBegin, kPut, kDelete, kAppendEntry, kPutTile, kPutHead, kCommit, kCommitted };
  // Called on the writer's thread.
  using Fault = std::function<absl::Status(Step)>;

  // `real` outlives this.
  explicit FaultyStore(store::Store& real) : real_(real) {}

  void Set(Fault fault) {
    const MutexLock lock(mutex_);
    fault_ = std::move(fault);
  }

  absl::StatusOr<std::unique_ptr<store::Transaction>> Begin() override;
  absl::StatusOr<std::unique_ptr<store::Reader>> Read() override { return real_.Read(); }
  absl::Status Scrub() override { return real_.Scrub(); }

 private:
  class FaultyTransaction;
  absl::Status Ask(Step step) {
    Fault fault;
    {
      const MutexLock lock(mutex_);
      fault = fault_;
    }
    return fault ? fault(step) : absl::OkStatus();
  }

  store::Store& real_;
  Mutex mutex_;
  Fault fault_ ABSL_GUARDED_BY(mutex_);
};

class FaultyStore::FaultyTransaction final : public store::Transaction {
 public:
  FaultyTransaction(FaultyStore& owner, std::unique_ptr<store::Transaction> real)
      : owner_(owner), real_(std::move(real)) {}

  absl::StatusOr<std::optional<std::string>> Get(store::Table table,
                                                 std::string_view key) override {
    return real_->Get(table, key);
  }
  absl::StatusOr<std::vector<store::Document>> Scan(store::Table table, std::string_view prefix,
                                                    std::string_view after, size_t limit) override {
    return real_->Scan(table, prefix, after, limit);
  }
  absl::StatusOr<store::HeadRow> Head() override { return real_->Head(); }
  absl::StatusOr<std::vector<store::EntryRow>> Entries(uint64_t start, size_t limit) override {
    return real_->Entries(start, limit);
  }
  absl::StatusOr<std::vector<store::EntryRow>> Search(const store::EntryFilter& filter,
                                                      uint64_t start, size_t limit) override {
    return real_->Search(filter, start, limit);
  }
  absl::StatusOr<std::optional<uint64_t>> FindEvent(std::string_view event_id) override {
    return real_->FindEvent(event_id);
  }
  absl::StatusOr<std::optional<std::string>> Tile(int level, uint64_t index) override {
    return real_->Tile(level, index);
  }

  absl::Status Put(store::Table table, std::string_view key, std::string_view value) override {
    absl::Status asked = owner_.Ask(Step::kPut);
    return asked.ok() ? real_->Put(table, key, value) : asked;
  }
  absl::Status Delete(store::Table table, std::string_view key) override {
    absl::Status asked = owner_.Ask(Step::kDelete);
    return asked.ok() ? real_->Delete(table, key) : asked;
  }
  absl::Status Mark() override { return real_->Mark(); }
  absl::Status RollbackToMark() override { return real_->RollbackToMark(); }
  absl::Status AppendEntry(const store::EntryRow& entry, std::string_view event_id) override {
    absl::Status asked = owner_.Ask(Step::kAppendEntry);
    return asked.ok() ? real_->AppendEntry(entry, event_id) : asked;
  }
  absl::Status PutTile(const store::TileRow& tile) override {
    absl::Status asked = owner_.Ask(Step::kPutTile);
    return asked.ok() ? real_->PutTile(tile) : asked;
  }
  absl::Status PutHead(const store::HeadRow& head) override {
    absl::Status asked = owner_.Ask(Step::kPutHead);
    return asked.ok() ? real_->PutHead(head) : asked;
  }
  absl::Status Commit() override {
    absl::Status asked = owner_.Ask(Step::kCommit);
    if (!asked.ok()) return asked;
    absl::Status committed = real_->Commit();
    return committed.ok() ? owner_.Ask(Step::kCommitted) : committed;
  }

 private:
  FaultyStore& owner_;
  std::unique_ptr<store::Transaction> real_;
};

inline absl::StatusOr<std::unique_ptr<store::Transaction>> FaultyStore::Begin() {
  if (absl::Status asked = Ask(Step::kBegin); !asked.ok()) return asked;
  auto real = real_.Begin();
  if (!real.ok()) return real.status();
  return std::make_unique<FaultyTransaction>(*this, *std::move(real));
}

}  // namespace sluis::testing
