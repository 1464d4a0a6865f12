#include "sluis/state/signals.h"

#include <limits>

#include "absl/strings/str_cat.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/policy/v1/facts.pb.h"

namespace sluis::state {
namespace {

using store::Table;

// One table, five kinds of keys, told apart by their first byte.
constexpr char kDocument = 'd';  // id → casus ‖ sealed signal
constexpr char kOfSide = 's';    // partij ‖ 0 ‖ newest first ‖ id → id
constexpr char kInCasus = 'c';   // casus ‖ id → id
constexpr char kLast = 'l';      // person ‖ partij ‖ 0 ‖ hat ‖ 0 ‖ tafel → casus

constexpr size_t kUuidSize = 16;

std::string Key(char kind, std::string_view first, std::string_view second = {}) {
  std::string key(1, kind);
  key.append(first);
  key.append(second);
  return key;
}

std::string SidePrefix(std::string_view partij) {
  std::string key = Key(kOfSide, partij);
  key.push_back('\0');
  return key;
}

std::string LastKey(const Uuid& person, std::string_view tafel,
                    const policy::v1::PartijHat& receiver) {
  std::string key = Key(kLast, person.bytes(), receiver.partij());
  key.push_back('\0');
  key.append(receiver.hat());
  key.push_back('\0');
  key.append(tafel);
  return key;
}

std::string UseOf(const Uuid& id) { return Key('/', "signal/", id.bytes()); }

}  // namespace

absl::Status PutSignal(store::Transaction& transaction, vault::Vault& vault, const Uuid& id,
                       const store::v1::Signal& signal) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::Parse(signal.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(signal.person()));
  std::string bytes;
  signal.SerializeToString(&bytes);
  auto sealed = vault.Seal(casus, UseOf(id), bytes);
  Wipe(bytes);
  if (!sealed.ok()) return sealed.status();
  SLUIS_RETURN_IF_ERROR(transaction.Put(Table::kSignal, Key(kDocument, id.bytes()),
                                        absl::StrCat(std::string(casus.bytes()), *sealed)));
  for (const std::string& partij : {signal.sender().partij(), signal.receiver().partij()}) {
    std::string key = SidePrefix(partij);
    AppendU64(key,
              std::numeric_limits<uint64_t>::max() - static_cast<uint64_t>(signal.received_at()));
    key.append(id.bytes());
    SLUIS_RETURN_IF_ERROR(transaction.Put(Table::kSignal, key, id.bytes()));
  }
  SLUIS_RETURN_IF_ERROR(
      transaction.Put(Table::kSignal, Key(kInCasus, casus.bytes(), id.bytes()), id.bytes()));
  return transaction.Put(Table::kSignal, LastKey(person, signal.tafel(), signal.receiver()),
                         casus.bytes());
}

absl::StatusOr<std::optional<store::v1::Signal>> ReadSignal(store::Reader& reader,
                                                            vault::Vault& vault, const Uuid& id) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored, reader.Get(Table::kSignal, Key(kDocument, id.bytes())));
  if (!stored) return std::nullopt;
  if (stored->size() < kUuidSize)
    return DataLoss("STORE_SYNC_FAILED", "a stored signal cannot be read");
  const std::string_view value = *stored;
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::FromBytes(value.substr(0, kUuidSize)));
  auto bytes = vault.Open(casus, UseOf(id), value.substr(kUuidSize));
  if (ReasonOf(bytes.status()) == "KEY_DESTROYED") return std::nullopt;
  if (!bytes.ok()) return bytes.status();
  store::v1::Signal signal;
  const bool read = signal.ParseFromString(*bytes);
  Wipe(*bytes);
  if (!read) return DataLoss("SEAL_BROKEN", "a stored signal cannot be read");
  return signal;
}

absl::StatusOr<std::vector<std::pair<std::string, Uuid>>> SignalsOf(store::Reader& reader,
                                                                    std::string_view partij,
                                                                    std::string_view after,
                                                                    size_t limit) {
  const std::string prefix = SidePrefix(partij);
  SLUIS_ASSIGN_OR_RETURN(
      const auto documents,
      reader.Scan(Table::kSignal, prefix,
                  after.empty() ? std::string() : absl::StrCat(prefix, ToAbsl(after)), limit));
  std::vector<std::pair<std::string, Uuid>> signals;
  for (const store::Document& document : documents) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid id, Uuid::FromBytes(document.value));
    signals.emplace_back(document.key.substr(prefix.size()), id);
  }
  return signals;
}

absl::StatusOr<std::vector<Uuid>> SignalsIn(store::Reader& reader, const Uuid& casus) {
  SLUIS_ASSIGN_OR_RETURN(const auto documents,
                         reader.Scan(Table::kSignal, Key(kInCasus, casus.bytes()), {},
                                     std::numeric_limits<int32_t>::max()));
  std::vector<Uuid> signals;
  for (const store::Document& document : documents) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid id, Uuid::FromBytes(document.value));
    signals.push_back(id);
  }
  return signals;
}

absl::StatusOr<std::optional<Uuid>> LastSignalledCasus(store::Reader& reader, const Uuid& person,
                                                       std::string_view tafel,
                                                       const policy::v1::PartijHat& receiver) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored,
                         reader.Get(Table::kSignal, LastKey(person, tafel, receiver)));
  if (!stored) return std::nullopt;
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::FromBytes(*stored));
  return casus;
}

absl::Status DeleteSignal(store::Transaction& transaction, vault::Vault& vault, const Uuid& id) {
  SLUIS_ASSIGN_OR_RETURN(const auto signal, ReadSignal(transaction, vault, id));
  if (!signal) return absl::OkStatus();
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::Parse(signal->casus_id()));
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(signal->person()));
  for (const std::string& partij : {signal->sender().partij(), signal->receiver().partij()}) {
    std::string key = SidePrefix(partij);
    AppendU64(key,
              std::numeric_limits<uint64_t>::max() - static_cast<uint64_t>(signal->received_at()));
    key.append(id.bytes());
    SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kSignal, key));
  }
  SLUIS_RETURN_IF_ERROR(
      transaction.Delete(Table::kSignal, Key(kInCasus, casus.bytes(), id.bytes())));
  const std::string last = LastKey(person, signal->tafel(), signal->receiver());
  SLUIS_ASSIGN_OR_RETURN(const auto last_casus, transaction.Get(Table::kSignal, last));
  // A later signal about the person may have opened another casus.
  if (last_casus == casus.bytes()) SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kSignal, last));
  return transaction.Delete(Table::kSignal, Key(kDocument, id.bytes()));
}

}  // namespace sluis::state
