#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/leaf.h"
#include "sluis/audit/log_tree.h"
#include "sluis/base/bytes.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/ledger/ledger.h"
#include "sluis/log/v1/record.pb.h"

namespace sluis::ledger {
namespace {

constexpr size_t kChunk = 1000;
constexpr size_t kMaxProblems = 20;

// Reads tiles through the reader under verification.
class ReaderTiles final : public audit::TileSource {
 public:
  explicit ReaderTiles(store::Reader& reader) : reader_(reader) {}
  [[nodiscard]] absl::StatusOr<std::string> ReadTile(int level, uint64_t index) const override {
    SLUIS_ASSIGN_OR_RETURN(auto tile, reader_.Tile(level, index));
    return tile.value_or(std::string());
  }

 private:
  store::Reader& reader_;
};

// The tree is rebuilt from the leaves alone; its tiles must be the stored ones.
class Verification {
 public:
  explicit Verification(store::Reader& reader) : reader_(reader) {}

  absl::StatusOr<std::vector<std::string>> Run(std::string_view origin,
                                               const audit::VerifierKey& key) {
    SLUIS_ASSIGN_OR_RETURN(const store::HeadRow head, reader_.Head());
    auto tree = audit::LogTree::Open(std::make_shared<ReaderTiles>(reader_), 0);
    if (!tree.ok()) return tree.status();
    uint64_t next = 0;
    for (;;) {
      SLUIS_ASSIGN_OR_RETURN(const auto entries, reader_.Entries(next, kChunk));
      if (entries.empty()) break;
      audit::LogTree::Batch batch(*tree);
      for (const store::EntryRow& entry : entries) {
        if (entry.index != next) {
          Problem(absl::StrCat("entry ", next, " is missing"));
          return problems_;
        }
        Entry(entry);
        batch.Append(audit::LeafHash(entry.leaf));
        ++next;
      }
      for (const audit::Tile& tile : batch.ChangedTiles()) {
        // A partial tile of this chunk may be wider in the store.
        SLUIS_ASSIGN_OR_RETURN(const auto stored, reader_.Tile(tile.level, tile.index));
        Tile(tile, stored.value_or(std::string()));
      }
      tree->Commit(std::move(batch));
    }
    if (next != head.size) {
      Problem(absl::StrCat("the log has ", next, " entries, its head says ", head.size));
    }
    Head(origin, key, head, tree->head());
    SLUIS_RETURN_IF_ERROR(Counters());
    return problems_;
  }

 private:
  void Problem(std::string text) {
    if (problems_.size() < kMaxProblems) problems_.push_back(std::move(text));
  }

  void Tile(const audit::Tile& rebuilt, std::string_view stored) {
    if (stored.substr(0, rebuilt.hashes.size()) == rebuilt.hashes) return;
    std::string text =
        absl::StrCat("tile ", rebuilt.level, "/", rebuilt.index, " does not belong to the entries");
    if (rebuilt.level == 0) {
      // Its hashes are those of the leaves, so the first that differs is the place.
      const auto differs =
          std::mismatch(rebuilt.hashes.begin(), rebuilt.hashes.end(), stored.begin(), stored.end());
      const auto at = static_cast<size_t>(differs.first - rebuilt.hashes.begin());
      absl::StrAppend(&text, ", first at entry ",
                      rebuilt.index * audit::kTileWidth + at / audit::Digest::kSize);
    }
    Problem(std::move(text));
  }

  // Every partij's counter is the number of its last entry, and there are no others.
  absl::Status Counters() {
    std::map<std::string, uint64_t> left = last_number_;
    std::string after;
    for (;;) {
      SLUIS_ASSIGN_OR_RETURN(const auto counters,
                             reader_.Scan(store::Table::kCounter, "", after, kChunk));
      for (const store::Document& counter : counters) {
        const auto found = left.find(counter.key);
        if (found == left.end() || counter.value.size() != 8 ||
            ReadU64(counter.value) != found->second) {
          Problem(absl::StrCat("the counter of ", counter.key, " does not fit its entries"));
        }
        if (found != left.end()) left.erase(found);
      }
      if (counters.size() < kChunk) break;
      after = counters.back().key;
    }
    for (const auto& [partij, last] : left)
      Problem(absl::StrCat("the counter of ", partij, " is missing"));
    return absl::OkStatus();
  }

  void Entry(const store::EntryRow& entry) {
    const auto leaf = audit::DecodeLeaf(entry.leaf);
    if (!leaf.ok()) {
      Problem(absl::StrCat("entry ", entry.index, ": the leaf cannot be read"));
      return;
    }
    const auto salt = audit::Salt::FromBytes(entry.salt);
    if (!salt.ok() || audit::CommitRecord(*salt, entry.record) != leaf->commitment) {
      Problem(absl::StrCat("entry ", entry.index, ": the record does not fit its commitment"));
      return;
    }
    log::v1::Record record;
    if (!record.ParseFromString(entry.record)) {
      Problem(absl::StrCat("entry ", entry.index, ": the record cannot be read"));
      return;
    }
    if (record.partij_seq() != leaf->partij_seq || record.decided_at() != leaf->time_us ||
        entry.kind != leaf->kind || entry.time != leaf->time_us ||
        entry.caller != record.caller() || entry.casus_id != record.casus_id() ||
        entry.pseudonym != record.pseudonym() ||
        (record.has_decision() && entry.source != record.decision().source_partij())) {
      Problem(absl::StrCat("entry ", entry.index, ": columns, record and leaf differ"));
    }
    if (record.partij_seq() == 0) return;
    uint64_t& last = last_number_[record.caller()];
    if (record.partij_seq() != last + 1) {
      Problem(absl::StrCat("entry ", entry.index, ": ", record.caller(), " counts ",
                           record.partij_seq(), " after ", last));
    }
    last = record.partij_seq();
  }

  void Head(std::string_view origin, const audit::VerifierKey& key, const store::HeadRow& head,
            const audit::TreeHead& rebuilt) {
    if (head.size == 0 && head.checkpoint.empty()) return;
    const audit::VerifierKey keys[] = {key};
    const auto opened = audit::OpenCheckpoint(head.checkpoint, origin, keys);
    if (!opened.ok()) {
      Problem(absl::StrCat("the checkpoint is not one of this log: ", opened.status().message()));
    } else if (opened->size != rebuilt.size || opened->root != rebuilt.root) {
      Problem(absl::StrCat("the entries do not hash to the signed root of size ", opened->size));
    }
  }

  store::Reader& reader_;
  std::vector<std::string> problems_;
  std::map<std::string, uint64_t> last_number_;
};

}  // namespace

absl::StatusOr<std::vector<std::string>> VerifyStoredLog(store::Reader& reader,
                                                         std::string_view origin,
                                                         const audit::VerifierKey& key) {
  return Verification(reader).Run(origin, key);
}

}  // namespace sluis::ledger
