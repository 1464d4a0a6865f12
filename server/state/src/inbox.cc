#include "sluis/state/inbox.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/secret_bytes.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"

namespace sluis::state {
namespace {

using store::Table;

// Items: partij ‖ 0 ‖ id → day ‖ owner ‖ sealed. Questions: partij ‖ 1 ‖ hash → day ‖ item. What is
// open: 2 ‖ casus ‖ owner ‖ id ‖ partij → day ‖ id, one for each item. The day after which a row
// goes stands in front, so that it goes without being opened. No partij begins with a control
// character.
constexpr char kItem = '\0';
constexpr char kQuestion = '\1';
constexpr char kOpen = '\2';
constexpr size_t kScanned = 256;
constexpr size_t kIdSize = 16;
constexpr size_t kDaySize = 4;

std::string Key(std::string_view partij, char kind, std::string_view rest) {
  std::string key(partij);
  key.push_back(kind);
  key.append(rest);
  return key;
}

std::string UseOf(std::string_view key) { return absl::StrCat("inbox/", ToAbsl(key)); }

void AppendDay(std::string& out, CivilDate day) {
  AppendU32(out, static_cast<uint32_t>(day.days()));
}

absl::StatusOr<CivilDate> DayOf(std::string_view value) {
  if (value.size() < kDaySize + kIdSize)
    return DataLoss("STORE_SYNC_FAILED", "a stored row of the inbox is too short");
  return CivilDate::FromDays(static_cast<int32_t>(ReadU32(value.substr(0, kDaySize))));
}

std::string OpenPrefix(const Uuid& casus, const std::optional<Uuid>& person) {
  std::string key(1, kOpen);
  key.append(casus.bytes());
  if (person) key.append(person->bytes());
  return key;
}

bool HasOpenField(const store::v1::DecisionItem& item) {
  return std::any_of(item.fields().begin(), item.fields().end(), [](const auto& field) {
    return field.state() == store::v1::DecisionItemField::OPEN;
  });
}

// Nothing when the person's key is gone.
absl::StatusOr<std::optional<store::v1::DecisionItem>> OpenRow(vault::Vault& vault,
                                                               std::string_view key,
                                                               std::string_view value) {
  SLUIS_RETURN_IF_ERROR(DayOf(value).status());
  SLUIS_ASSIGN_OR_RETURN(const Uuid owner, Uuid::FromBytes(value.substr(kDaySize, kIdSize)));
  auto bytes = vault.Open(owner, UseOf(key), value.substr(kDaySize + kIdSize));
  if (ReasonOf(bytes.status()) == "KEY_DESTROYED") return std::nullopt;
  if (!bytes.ok()) return bytes.status();
  store::v1::DecisionItem item;
  const bool read = item.ParseFromString(*bytes);
  Wipe(*bytes);
  if (!read) return DataLoss("SEAL_BROKEN", "a stored item cannot be read");
  return item;
}

}  // namespace

absl::Status PutItem(store::Transaction& transaction, vault::Vault& vault, std::string_view partij,
                     const InboxItem& item, CivilDate keep_until) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid owner, Uuid::Parse(item.item.person()));
  const std::string key = Key(partij, kItem, item.id.bytes());
  std::string bytes;
  item.item.SerializeToString(&bytes);
  auto sealed = vault.Seal(owner, UseOf(key), bytes);
  Wipe(bytes);
  if (!sealed.ok()) return sealed.status();
  std::string value;
  AppendDay(value, keep_until);
  value.append(owner.bytes());
  value.append(*sealed);
  SLUIS_RETURN_IF_ERROR(transaction.Put(Table::kInbox, key, value));
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::Parse(item.item.casus_id()));
  const std::string open =
      absl::StrCat(OpenPrefix(casus, owner), ToAbsl(item.id.bytes()), ToAbsl(partij));
  if (!HasOpenField(item.item)) return transaction.Delete(Table::kInbox, open);
  std::string pointer;
  AppendDay(pointer, keep_until);
  pointer.append(item.id.bytes());
  return transaction.Put(Table::kInbox, open, pointer);
}

absl::StatusOr<std::optional<store::v1::DecisionItem>> ReadItem(store::Reader& reader,
                                                                vault::Vault& vault,
                                                                std::string_view partij,
                                                                const Uuid& id) {
  const std::string key = Key(partij, kItem, id.bytes());
  SLUIS_ASSIGN_OR_RETURN(const auto value, reader.Get(Table::kInbox, key));
  if (!value) return std::nullopt;
  return OpenRow(vault, key, *value);
}

absl::StatusOr<std::vector<InboxItem>> ReadItems(store::Reader& reader, vault::Vault& vault,
                                                 std::string_view partij, const Uuid& after,
                                                 size_t limit, Uuid& last) {
  SLUIS_ASSIGN_OR_RETURN(
      const auto rows,
      reader.Scan(Table::kInbox, Key(partij, kItem, {}),
                  after.is_nil() ? std::string() : Key(partij, kItem, after.bytes()), limit));
  last = Uuid();
  std::vector<InboxItem> items;
  for (const store::Document& row : rows) {
    SLUIS_ASSIGN_OR_RETURN(last,
                           Uuid::FromBytes(std::string_view(row.key).substr(partij.size() + 1)));
    SLUIS_ASSIGN_OR_RETURN(auto item, OpenRow(vault, row.key, row.value));
    if (item) items.push_back({last, *std::move(item)});
  }
  return items;
}

absl::StatusOr<std::vector<OpenItem>> OpenItems(store::Reader& reader, vault::Vault& vault,
                                                const Uuid& casus,
                                                const std::optional<Uuid>& person) {
  const std::string prefix = OpenPrefix(casus, person);
  constexpr size_t kIdAt = 1 + 2 * kIdSize;
  std::vector<OpenItem> items;
  std::string after;
  for (;;) {
    SLUIS_ASSIGN_OR_RETURN(const auto rows, reader.Scan(Table::kInbox, prefix, after, kScanned));
    for (const store::Document& row : rows) {
      after = row.key;
      if (row.key.size() < kIdAt + kIdSize)
        return DataLoss("STORE_SYNC_FAILED", "a stored row of the inbox is too short");
      const std::string_view key = row.key;
      SLUIS_ASSIGN_OR_RETURN(const Uuid id, Uuid::FromBytes(key.substr(kIdAt, kIdSize)));
      const std::string partij(key.substr(kIdAt + kIdSize));
      auto item = ReadItem(reader, vault, partij, id);
      if (absl::IsDataLoss(item.status())) continue;
      if (!item.ok()) return item.status();
      if (*item && HasOpenField(**item)) items.push_back({partij, {id, **std::move(item)}});
    }
    if (rows.size() < kScanned) return items;
  }
}

absl::StatusOr<std::optional<OpenQuestion>> FindQuestion(store::Reader& reader,
                                                         std::string_view partij,
                                                         std::string_view question) {
  SLUIS_ASSIGN_OR_RETURN(const auto value,
                         reader.Get(Table::kInbox, Key(partij, kQuestion, question)));
  if (!value) return std::nullopt;
  OpenQuestion open;
  SLUIS_ASSIGN_OR_RETURN(open.until, DayOf(*value));
  SLUIS_ASSIGN_OR_RETURN(open.item, Uuid::FromBytes(std::string_view(*value).substr(kDaySize)));
  return open;
}

absl::Status PutQuestion(store::Transaction& transaction, std::string_view partij,
                         std::string_view question, const OpenQuestion& open) {
  std::string value;
  AppendDay(value, open.until);
  value.append(open.item.bytes());
  return transaction.Put(Table::kInbox, Key(partij, kQuestion, question), value);
}

absl::Status DeleteQuestion(store::Transaction& transaction, std::string_view partij,
                            std::string_view question) {
  return transaction.Delete(Table::kInbox, Key(partij, kQuestion, question));
}

absl::Status DeleteOldItems(store::Transaction& transaction, CivilDate today, size_t limit,
                            std::string& after) {
  SLUIS_ASSIGN_OR_RETURN(const auto rows, transaction.Scan(Table::kInbox, {}, after, limit));
  for (const store::Document& row : rows) {
    SLUIS_ASSIGN_OR_RETURN(const CivilDate keep_until, DayOf(row.value));
    if (keep_until < today) SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kInbox, row.key));
  }
  after = rows.size() < limit ? std::string() : rows.back().key;
  return absl::OkStatus();
}

}  // namespace sluis::state
