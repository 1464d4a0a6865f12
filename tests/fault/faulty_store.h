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
#include "sluis/testing/forwarding_store.h"

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

class FaultyStore::FaultyTransaction final : public ForwardingTransaction {
 public:
  FaultyTransaction(FaultyStore& owner, std::unique_ptr<store::Transaction> real)
      : ForwardingTransaction(std::move(real)), owner_(owner) {}

  absl::Status Put(store::Table table, std::string_view key, std::string_view value) override {
    absl::Status asked = owner_.Ask(Step::kPut);
    return asked.ok() ? inner().Put(table, key, value) : asked;
  }
  absl::Status Delete(store::Table table, std::string_view key) override {
    absl::Status asked = owner_.Ask(Step::kDelete);
    return asked.ok() ? inner().Delete(table, key) : asked;
  }
  absl::Status AppendEntry(const store::EntryRow& entry, std::string_view event_id) override {
    absl::Status asked = owner_.Ask(Step::kAppendEntry);
    return asked.ok() ? inner().AppendEntry(entry, event_id) : asked;
  }
  absl::Status PutTile(const store::TileRow& tile) override {
    absl::Status asked = owner_.Ask(Step::kPutTile);
    return asked.ok() ? inner().PutTile(tile) : asked;
  }
  absl::Status PutHead(const store::HeadRow& head) override {
    absl::Status asked = owner_.Ask(Step::kPutHead);
    return asked.ok() ? inner().PutHead(head) : asked;
  }
  absl::Status Commit() override {
    absl::Status asked = owner_.Ask(Step::kCommit);
    if (!asked.ok()) return asked;
    absl::Status committed = inner().Commit();
    return committed.ok() ? owner_.Ask(Step::kCommitted) : committed;
  }

 private:
  FaultyStore& owner_;
};

inline absl::StatusOr<std::unique_ptr<store::Transaction>> FaultyStore::Begin() {
  if (absl::Status asked = Ask(Step::kBegin); !asked.ok()) return asked;
  auto real = real_.Begin();
  if (!real.ok()) return real.status();
  return std::make_unique<FaultyTransaction>(*this, *std::move(real));
}

}  // namespace sluis::testing
