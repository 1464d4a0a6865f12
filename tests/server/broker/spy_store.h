#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "sluis/base/mutex.h"
#include "sluis/store/store.h"
#include "sluis/testing/forwarding_store.h"

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

// A reader or a transaction that tells what its searches gave.
template <typename Base, bool kWithin>
class Spying final : public Base {
 public:
  template <typename Inner>
  Spying(std::unique_ptr<Inner> inner, Spy& spy) : Base(std::move(inner)), spy_(spy) {}
  absl::StatusOr<std::vector<store::EntryRow>> Search(const store::EntryFilter& filter,
                                                      uint64_t start, size_t limit) override {
    auto found = Base::Search(filter, start, limit);
    spy_.Saw(kWithin, filter, found.ok() ? found->size() : 0);
    return found;
  }

 private:
  Spy& spy_;
};
using SpyReader = Spying<testing::ForwardingReader, false>;
using SpyTransaction = Spying<testing::ForwardingTransaction, true>;

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
