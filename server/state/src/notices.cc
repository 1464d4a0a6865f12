#include "sluis/state/notices.h"

#include <limits>

#include "absl/strings/str_cat.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/state/state.h"

namespace sluis::state {
namespace {

using store::Table;

constexpr size_t kEntrySize = 8;
// The row that says what was deleted. It sorts before those of every partij.
constexpr std::string_view kKeptFrom("\0", 1);
constexpr size_t kPositionSize = kEntrySize + 4;

std::string Prefix(std::string_view partij) {
  std::string prefix(partij);
  prefix.push_back('\0');
  return prefix;
}

std::string Key(std::string_view partij, NoticeCursor cursor) {
  std::string key = Prefix(partij);
  AppendU64(key, cursor.entry);
  AppendU32(key, cursor.number);
  return key;
}

// Bound to its place: a row that was moved cannot be opened.
std::string UseOf(std::string_view key) { return absl::StrCat("notice/", ToAbsl(key)); }

absl::StatusOr<NoticeCursor> CursorOf(std::string_view key) {
  if (key.size() < kPositionSize) return DataLoss("STORE_SYNC_FAILED", "a stored key is too short");
  const std::string_view position = key.substr(key.size() - kPositionSize);
  return NoticeCursor{ReadU64(position.substr(0, kEntrySize)),
                      ReadU32(position.substr(kEntrySize))};
}

// The number that the entry's last notice to the partij has; 0 when it has none. One entry tells
// one partij few things, so they are counted.
absl::StatusOr<uint32_t> LastNumber(store::Reader& reader, std::string_view partij,
                                    uint64_t entry) {
  std::string prefix = Prefix(partij);
  AppendU64(prefix, entry);
  SLUIS_ASSIGN_OR_RETURN(const auto documents, reader.Scan(Table::kNotice, prefix, {},
                                                           std::numeric_limits<int32_t>::max()));
  if (documents.empty()) return 0;
  SLUIS_ASSIGN_OR_RETURN(const NoticeCursor last, CursorOf(documents.back().key));
  return last.number;
}

absl::StatusOr<uint64_t> KeptFrom(store::Reader& reader) {
  SLUIS_ASSIGN_OR_RETURN(const auto value, reader.Get(Table::kNotice, kKeptFrom));
  if (!value) return 0;
  if (value->size() != kEntrySize)
    return DataLoss("STORE_SYNC_FAILED", "a stored row of notices cannot be read");
  return ReadU64(*value);
}

}  // namespace

std::string NoticeCursor::ToString() const {
  std::string bytes;
  AppendU64(bytes, entry);
  AppendU32(bytes, number);
  return HexEncode(bytes);
}

absl::StatusOr<NoticeCursor> NoticeCursor::Parse(std::string_view text) {
  const auto bytes = HexDecode(text);
  if (!bytes.ok() || bytes->size() != kPositionSize) return Malformed("cursor", "not a cursor");
  const auto cursor = CursorOf(*bytes);
  if (!cursor.ok() || cursor->ToString() != text) return Malformed("cursor", "not a cursor");
  return *cursor;
}

absl::Status PutNotice(store::Transaction& transaction, vault::Vault& vault,
                       std::string_view partij, uint64_t entry, const store::v1::Notice& notice) {
  SLUIS_ASSIGN_OR_RETURN(const uint32_t last, LastNumber(transaction, partij, entry));
  const std::string key = Key(partij, {entry, last + 1});
  std::string bytes;
  notice.SerializeToString(&bytes);
  SLUIS_ASSIGN_OR_RETURN(const std::string sealed, vault.Seal(kBrokerOwner, UseOf(key), bytes));
  return transaction.Put(Table::kNotice, key, sealed);
}

absl::StatusOr<std::vector<StoredNotice>> ReadNotices(store::Reader& reader, vault::Vault& vault,
                                                      std::string_view partij, NoticeCursor after,
                                                      size_t limit) {
  SLUIS_ASSIGN_OR_RETURN(const auto documents,
                         reader.Scan(Table::kNotice, Prefix(partij), Key(partij, after), limit));
  std::vector<StoredNotice> notices;
  notices.reserve(documents.size());
  for (const store::Document& document : documents) {
    StoredNotice stored;
    SLUIS_ASSIGN_OR_RETURN(stored.cursor, CursorOf(document.key));
    SLUIS_ASSIGN_OR_RETURN(const std::string bytes,
                           vault.Open(kBrokerOwner, UseOf(document.key), document.value));
    if (!stored.notice.ParseFromString(bytes))
      return DataLoss("SEAL_BROKEN", "a stored notice cannot be read");
    if (stored.notice.time() == 0) {
      SLUIS_ASSIGN_OR_RETURN(const auto entries, reader.Entries(stored.cursor.entry, 1));
      if (!entries.empty() && entries.front().index == stored.cursor.entry)
        stored.notice.set_time(entries.front().time);
    }
    notices.push_back(std::move(stored));
  }
  return notices;
}

absl::StatusOr<size_t> DeleteNoticesBefore(store::Transaction& transaction, uint64_t entry,
                                           size_t limit) {
  SLUIS_ASSIGN_OR_RETURN(const uint64_t kept_from, KeptFrom(transaction));
  if (kept_from < entry) {
    std::string value;
    AppendU64(value, entry);
    SLUIS_RETURN_IF_ERROR(transaction.Put(Table::kNotice, kKeptFrom, value));
  }
  size_t deleted = 0;
  std::string after(kKeptFrom);
  while (deleted < limit) {
    SLUIS_ASSIGN_OR_RETURN(const auto documents,
                           transaction.Scan(Table::kNotice, {}, after, limit - deleted));
    if (documents.empty()) break;
    for (const store::Document& document : documents) {
      SLUIS_ASSIGN_OR_RETURN(const NoticeCursor cursor, CursorOf(document.key));
      if (cursor.entry >= entry) {
        // The rest of this partij is younger: on to the next.
        after = document.key.substr(0, document.key.size() - kPositionSize - 1);
        after.push_back('\1');
        break;
      }
      SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kNotice, document.key));
      after = document.key;
      ++deleted;
    }
  }
  return deleted;
}

absl::Status CheckCursor(store::Reader& reader, NoticeCursor cursor) {
  SLUIS_ASSIGN_OR_RETURN(const uint64_t kept_from, KeptFrom(reader));
  // Before the first of all there is nothing to miss that was promised.
  if (cursor == NoticeCursor::Start() || cursor.entry + 1 >= kept_from) return absl::OkStatus();
  return FailedPrecondition("CURSOR_EXPIRED", "notices after this cursor are no longer kept");
}

}  // namespace sluis::state
