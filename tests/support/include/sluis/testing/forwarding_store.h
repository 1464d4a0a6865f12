#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluis/store/store.h"

namespace sluis::testing {

// Pass everything on to another reader or transaction; what a test is about, it overrides.

template <typename Interface>  // store::Reader or store::Transaction
class Forwarding : public Interface {
 public:
  explicit Forwarding(std::unique_ptr<Interface> inner) : inner_(std::move(inner)) {}

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
    return inner_->Search(filter, start, limit);
  }
  absl::StatusOr<std::optional<uint64_t>> FindEvent(std::string_view event_id) override {
    return inner_->FindEvent(event_id);
  }
  absl::StatusOr<std::optional<std::string>> Tile(int level, uint64_t index) override {
    return inner_->Tile(level, index);
  }

 protected:
  Interface& inner() { return *inner_; }

 private:
  const std::unique_ptr<Interface> inner_;
};

using ForwardingReader = Forwarding<store::Reader>;

class ForwardingTransaction : public Forwarding<store::Transaction> {
 public:
  using Forwarding::Forwarding;

  absl::Status Put(store::Table table, std::string_view key, std::string_view value) override {
    return inner().Put(table, key, value);
  }
  absl::Status Delete(store::Table table, std::string_view key) override {
    return inner().Delete(table, key);
  }
  absl::Status Mark() override { return inner().Mark(); }
  absl::Status RollbackToMark() override { return inner().RollbackToMark(); }
  absl::Status AppendEntry(const store::EntryRow& entry, std::string_view event_id) override {
    return inner().AppendEntry(entry, event_id);
  }
  absl::Status PutTile(const store::TileRow& tile) override { return inner().PutTile(tile); }
  absl::Status PutHead(const store::HeadRow& head) override { return inner().PutHead(head); }
  absl::Status Commit() override { return inner().Commit(); }
};

}  // namespace sluis::testing
