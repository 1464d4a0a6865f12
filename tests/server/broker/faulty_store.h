#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"
#include "sluis/store/store.h"
#include "sluis/testing/forwarding_store.h"

namespace sluis::broker {

// Says when a store fails, and lets a test hold the writer. Thread-safe.
class Faults {
 public:
  enum class Point { kBegin, kPut, kAppendEntry, kPutTile, kPutHead, kCommit, kAfterCommit };

  // The `nth` call of `point` from now on fails with `error`; 1 is the next one.
  void FailAt(Point point, int nth, absl::Status error) {
    const MutexLock lock(mutex_);
    point_ = point;
    left_ = nth;
    error_ = std::move(error);
    hit_ = false;
  }
  void Heal() {
    const MutexLock lock(mutex_);
    left_ = 0;
  }
  // Whether the fault happened.
  [[nodiscard]] bool hit() const {
    const MutexLock lock(mutex_);
    return hit_;
  }
  absl::Status At(Point point) {
    const MutexLock lock(mutex_);
    if (left_ == 0 || point != point_ || --left_ > 0) return absl::OkStatus();
    hit_ = true;
    return error_;
  }

  // Every Begin() waits until Release(), or for its turn by LetOne().
  void Hold() {
    const MutexLock lock(mutex_);
    held_ = true;
    arrived_ = 0;
  }
  void LetOne() {
    const MutexLock lock(mutex_);
    ++turns_;
    changed_.NotifyAll();
  }
  void Release() {
    const MutexLock lock(mutex_);
    held_ = false;
    changed_.NotifyAll();
  }
  // Waits until the `nth` Begin() since Hold() has come.
  void AwaitHeld(int nth = 1) {
    const MutexLock lock(mutex_);
    while (arrived_ < nth) changed_.Wait(mutex_);
  }
  void Pass() {
    const MutexLock lock(mutex_);
    ++arrived_;
    changed_.NotifyAll();
    while (held_ && turns_ == 0) changed_.Wait(mutex_);
    if (held_) --turns_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  Point point_ ABSL_GUARDED_BY(mutex_) = Point::kBegin;
  int left_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  bool hit_ ABSL_GUARDED_BY(mutex_) = false;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  int arrived_ ABSL_GUARDED_BY(mutex_) = 0;
  int turns_ ABSL_GUARDED_BY(mutex_) = 0;
};

class FaultyTransaction final : public testing::ForwardingTransaction {
 public:
  FaultyTransaction(std::unique_ptr<store::Transaction> inner, Faults& faults)
      : ForwardingTransaction(std::move(inner)), faults_(faults) {}

  absl::Status Put(store::Table table, std::string_view key, std::string_view value) override {
    SLUIS_RETURN_IF_ERROR(faults_.At(Faults::Point::kPut));
    return inner().Put(table, key, value);
  }
  absl::Status AppendEntry(const store::EntryRow& entry, std::string_view event_id) override {
    SLUIS_RETURN_IF_ERROR(faults_.At(Faults::Point::kAppendEntry));
    return inner().AppendEntry(entry, event_id);
  }
  absl::Status PutTile(const store::TileRow& tile) override {
    SLUIS_RETURN_IF_ERROR(faults_.At(Faults::Point::kPutTile));
    return inner().PutTile(tile);
  }
  absl::Status PutHead(const store::HeadRow& head) override {
    SLUIS_RETURN_IF_ERROR(faults_.At(Faults::Point::kPutHead));
    return inner().PutHead(head);
  }
  absl::Status Commit() override {
    SLUIS_RETURN_IF_ERROR(faults_.At(Faults::Point::kCommit));
    SLUIS_RETURN_IF_ERROR(inner().Commit());
    return faults_.At(Faults::Point::kAfterCommit);
  }

 private:
  Faults& faults_;
};

// A store with faults, which outlive it.
class FaultyStore final : public store::Store {
 public:
  FaultyStore(std::unique_ptr<store::Store> inner, Faults& faults)
      : inner_(std::move(inner)), faults_(faults) {}

  absl::StatusOr<std::unique_ptr<store::Transaction>> Begin() override {
    faults_.Pass();
    SLUIS_RETURN_IF_ERROR(faults_.At(Faults::Point::kBegin));
    SLUIS_ASSIGN_OR_RETURN(auto transaction, inner_->Begin());
    return std::make_unique<FaultyTransaction>(std::move(transaction), faults_);
  }
  absl::StatusOr<std::unique_ptr<store::Reader>> Read() override { return inner_->Read(); }
  absl::Status Scrub() override { return inner_->Scrub(); }

 private:
  const std::unique_ptr<store::Store> inner_;
  Faults& faults_;
};

}  // namespace sluis::broker
