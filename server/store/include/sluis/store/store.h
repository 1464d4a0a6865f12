#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Where the broker keeps its state and its log: ordered tables of sealed documents, and the
// entries, tiles and head of the transparency log, all changed in one transaction. The contract
// below holds for every implementation; tests/server/store/contract_test.cc is this comment,
// executable.
namespace sluis::store {

// Tables of documents. Keys are bytes, ordered as bytes; values are opaque (sealed by the vault).
// The names stand in the database: they never change.
enum class Table : uint8_t {
  kCasus,         // casus id → casus
  kPerson,        // person id → identity of the person
  kRecord,        // subject ‖ record id → consent or other fact
  kRecordIndex,   // record id → subject
  kDeposit,       // subject ‖ deposit id → value
  kDepositIndex,  // deposit id → subject
  kProfessional,  // partij ‖ 0 ‖ professional id → professional
  kHandle,        // partij ‖ 0 ‖ the partij's own id of a person → person id
  kHandleOf,      // person id ‖ partij → the partij's own id
  kVisible,       // partij ‖ 0 ‖ casus id → when it became visible
  kRequest,       // Vault::RequestName → index of its first entry and hash of its content
  kVersion,       // what facts are read from → a counter
  kCounter,       // partij → its last partij_seq
  kPolicy,        // policy hash → policy that was proposed or approved
  kNotice,        // partij ‖ 0 ‖ index of the entry ‖ number → what the partij is told
  kInbox,         // partij ‖ 0 ‖ id → what waits for a decision of the partij
  kDuty,          // partij ‖ 0 ‖ due day ‖ id → what the partij has yet to do
  kReview,        // id → what a reviewer has yet to look at
  kSignal,        // id → signal that came in as one message
  kList,          // tafel ‖ 0 ‖ id → prioritised casus
  kJob,           // name of a task of the broker itself → how far it is
};
inline constexpr int kTableCount = 21;

struct Document {
  std::string key;
  std::string value;
};

// An entry of the log as it is kept. The columns beside the record serve search.
struct EntryRow {
  uint64_t index = 0;
  std::string leaf;
  std::string salt;
  std::string record;
  std::string answer;  // sealed: what was sent, without values and receipt; or empty
  std::string texts;   // sealed free texts, or empty
  int64_t time = 0;    // microseconds since 1970 UTC
  int kind = 0;
  std::string caller;
  std::string source;
  std::string casus_id;
  std::string pseudonym;
};

// Which entries are looked for; everything filled has to hold.
struct EntryFilter {
  std::optional<int64_t> from;
  std::optional<int64_t> until;  // exclusive
  std::vector<int> kinds;        // each from 0 to 62; empty: all
  std::string caller;
  std::string source;
  std::string casus_id;
  std::string pseudonym;
  // Entries in which this partij is caller or source; empty: all.
  std::string party_view;
};

struct TileRow {
  int level = 0;
  uint64_t index = 0;
  std::string hashes;
};

// The head of the log: its size and the signed checkpoint of that size.
struct HeadRow {
  uint64_t size = 0;
  std::string checkpoint;
};

// Reads one consistent state. Not thread-safe; use one per thread. Failures are UNAVAILABLE /
// STORE_FAILED, never with content in the text.
class Reader {
 public:
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  virtual ~Reader() = default;

  virtual absl::StatusOr<std::optional<std::string>> Get(Table table, std::string_view key) = 0;
  // Documents whose key starts with `prefix` and is greater than `after` (or any, when empty), in
  // order of key, at most `limit`.
  virtual absl::StatusOr<std::vector<Document>> Scan(Table table, std::string_view prefix,
                                                     std::string_view after, size_t limit) = 0;
  virtual absl::StatusOr<HeadRow> Head() = 0;
  // Entries from `start` on, in order, at most `limit`.
  virtual absl::StatusOr<std::vector<EntryRow>> Entries(uint64_t start, size_t limit) = 0;
  // Entries that satisfy the filter, from index `start` on, in order, at most `limit`.
  virtual absl::StatusOr<std::vector<EntryRow>> Search(const EntryFilter& filter, uint64_t start,
                                                       size_t limit) = 0;
  // Index of the entry with this leaf's event id (16 bytes), if there is one.
  virtual absl::StatusOr<std::optional<uint64_t>> FindEvent(std::string_view event_id) = 0;
  // The hashes of a tile, or nothing.
  virtual absl::StatusOr<std::optional<std::string>> Tile(int level, uint64_t index) = 0;
};

// The one writer. Sees its own changes. Nothing of it is visible to others, or survives a crash,
// before Commit(); everything is after it has returned OK. Dropped without Commit: rolled back.
class Transaction : public Reader {
 public:
  virtual absl::Status Put(Table table, std::string_view key, std::string_view value) = 0;
  virtual absl::Status Delete(Table table, std::string_view key) = 0;
  // Marks a point to which RollbackToMark() returns, for what is put and deleted after it; one at a
  // time. An entry, tile or head that is written ends it. A failed rollback leaves the transaction
  // unfit for anything but to be dropped.
  virtual absl::Status Mark() = 0;
  virtual absl::Status RollbackToMark() = 0;

  virtual absl::Status AppendEntry(const EntryRow& entry, std::string_view event_id) = 0;
  virtual absl::Status PutTile(const TileRow& tile) = 0;
  virtual absl::Status PutHead(const HeadRow& head) = 0;

  // Durable when OK. DATA_LOSS / STORE_SYNC_FAILED: it is not known what is on the disk; the
  // process must stop using this store. UNAVAILABLE / STORE_FAILED: nothing was changed.
  virtual absl::Status Commit() = 0;
};

// Thread-safe. At most one Transaction at a time; a second Begin() waits for the first to end.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  virtual absl::StatusOr<std::unique_ptr<Transaction>> Begin() = 0;
  // The state at this moment. Cheap: connections are kept.
  virtual absl::StatusOr<std::unique_ptr<Reader>> Read() = 0;

  // OK once what was deleted or replaced before stands in none of the store's files any more. Waits
  // for readers of an older state. UNAVAILABLE / STORE_LOCKED: one of them stays; to be repeated.
  virtual absl::Status Scrub() = 0;
};

}  // namespace sluis::store
