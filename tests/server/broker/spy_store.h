#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "sluis/base/mutex.h"
#include "sluis/store/store.h"

namespace sluis::broker {

// What was searched in a store. Thread-safe.
class Spy {
 public:
  // Entries that searches gave: inside transactions, which all others wait for, and outside.
  [[nodiscard]] size_t within() const { return within_; }
  [[nodiscard]] size_t outside() const { return outside_; }
  void Reset() { within_ = outside_ = 0; }
  // Runs once, after the first search outside a transaction that `which` accepts.
  void Then(std::function<bool(const store::EntryFilter&)> which, std::function<void()> task) {
    const MutexLock lock(mutex_);
    which_ = std::move(which);
    task_ = std::move(task);
  }

  void Saw(bool within, const store::EntryFilter& filter, size_t entries) {
    (within ? within_ : outside_) += entries;
    if (within) return;
    std::function<void()> task;
    {
      const MutexLock lock(mutex_);
      if (!task_ || !which_(filter)) return;
      task = std::exchange(task_, {});
    }
    task();
  }

 private:
  std::atomic<size_t> within_{0};
  std::atomic<size_t> outside_{0};
  Mutex mutex_;
  std::function<bool(const store::EntryFilter&)> which_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> task_ ABSL_GUARDED_BY(mutex_);
};

class SpyReader final : public store::Reader {
 public:
  SpyReader(std::unique_ptr<store::Reader> inner, Spy& spy) : inner_(std::move(inner)), spy_(spy) {}
  absl::StatusOr<std::optional<std::string>> Get(store::Table table,
                                                 std::string_view key) override {
    return inner_->Get(table, key);
  }
  absl::StatusOr<std::vector<store::Document>> Scan(store::Table table, std::string_view prefix,
                                                    std::string_view after, size_t limit) override {
    return inner_->Scan(table, prefix, after, limit);
  }
  absl::StatusOr<store::HeadRow> Head() override { return inner_->Head(); }
  absl::StatusOr<std::vector<store::EntryRow>> Entries(uint64_t start, size_t limit) override {
    return inner_->Entries(start, limit);
  }
  absl::StatusOr<std::vector<store::EntryRow>> Search(const store::EntryFilter& filter,
                                                      uint64_t start, size_t limit) override {
    auto found = inner_->Search(filter, start, limit);
    spy_.Saw(false, filter, found.ok() ? found->size() : 0);
    return found;
  }
  absl::StatusOr<std::optional<uint64_t>> FindEvent(std::string_view event_id) override {
    return inner_->FindEvent(event_id);
  }
  absl::StatusOr<std::optional<std::string>> Tile(int level, uint64_t index) override {
    return inner_->Tile(level, index);
  }

 private:
  std::unique_ptr<store::Reader> inner_;
  Spy& spy_;
};

class SpyTransaction final : public store::Transaction {
 public:
  SpyTransaction(std::unique_ptr<store::Transaction> inner, Spy& spy)
      : inner_(std::move(inner)), spy_(spy) {}
  absl::StatusOr<std::optional<std::string>> Get(store::Table table,
                                                 std::string_view key) override {
    return inner_->Get(table, key);
  }
  absl::StatusOr<std::vector<store::Document>> Scan(store::Table table, std::string_view prefix,
                                                    std::string_view after, size_t limit) override {
    return inner_->Scan(table, prefix, after, limit);
  }
  absl::StatusOr<store::HeadRow> Head() override { return inner_->Head(); }
  absl::StatusOr<std::vector<store::EntryRow>> Entries(uint64_t start, size_t limit) override {
    return inner_->Entries(start, limit);
  }
  absl::StatusOr<std::vector<store::EntryRow>> Search(const store::EntryFilter& filter,
                                                      uint64_t start, size_t limit) override {
    auto found = inner_->Search(filter, start, limit);
    spy_.Saw(true, filter, found.ok() ? found->size() : 0);
    return found;
  }
  absl::StatusOr<std::optional<uint64_t>> FindEvent(std::string_view event_id) override {
    return inner_->FindEvent(event_id);
  }
  absl::StatusOr<std::optional<std::string>> Tile(int level, uint64_t index) override {
    return inner_->Tile(level, index);
  }
  absl::Status Put(store::Table table, std::string_view key, std::string_view value) override {
    return inner_->Put(table, key, value);
  }
  absl::Status Delete(store::Table table, std::string_view key) override {
    return inner_->Delete(table, key);
  }
  absl::Status Mark() override { return inner_->Mark(); }
  absl::Status RollbackToMark() override { return inner_->RollbackToMark(); }
  absl::Status AppendEntry(const store::EntryRow& entry, std::string_view event_id) override {
    return inner_->AppendEntry(entry, event_id);
  }
  absl::Status PutTile(const store::TileRow& tile) override { return inner_->PutTile(tile); }
  absl::Status PutHead(const store::HeadRow& head) override { return inner_->PutHead(head); }
  absl::Status Commit() override { return inner_->Commit(); }

 private:
  std::unique_ptr<store::Transaction> inner_;
  Spy& spy_;
};

// Passes everything on to another store, and tells the spy, which outlives it.
class SpyStore final : public store::Store {
 public:
  SpyStore(std::unique_ptr<store::Store> inner, Spy& spy) : inner_(std::move(inner)), spy_(spy) {}
  absl::StatusOr<std::unique_ptr<store::Transaction>> Begin() override {
    auto inner = inner_->Begin();
    if (!inner.ok()) return inner.status();
    return std::make_unique<SpyTransaction>(*std::move(inner), spy_);
  }
  absl::StatusOr<std::unique_ptr<store::Reader>> Read() override {
    auto inner = inner_->Read();
    if (!inner.ok()) return inner.status();
    return std::make_unique<SpyReader>(*std::move(inner), spy_);
  }
  absl::Status Scrub() override { return inner_->Scrub(); }

 private:
  std::unique_ptr<store::Store> inner_;
  Spy& spy_;
};

}  // namespace sluis::broker
