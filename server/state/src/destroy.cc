#include "sluis/state/destroy.h"

#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/state/duties.h"
#include "sluis/state/priority_list.h"
#include "sluis/state/signals.h"
#include "sluis/state/state.h"

namespace sluis::state {
namespace {

using store::Table;

constexpr size_t kAll = std::numeric_limits<int32_t>::max();
constexpr size_t kUuidBytes = 16;

// Rows subject ‖ id, and their index id → subject. Returns how many.
absl::StatusOr<int> DeleteRows(store::Transaction& transaction, Table rows, Table index,
                               std::string_view subject) {
  SLUIS_ASSIGN_OR_RETURN(const auto documents, transaction.Scan(rows, subject, {}, kAll));
  for (const store::Document& document : documents) {
    SLUIS_RETURN_IF_ERROR(transaction.Delete(rows, document.key));
    SLUIS_RETURN_IF_ERROR(
        transaction.Delete(index, std::string_view(document.key).substr(subject.size())));
  }
  return static_cast<int>(documents.size());
}

absl::StatusOr<int> DeleteHandles(store::Transaction& transaction, const Uuid& person) {
  SLUIS_ASSIGN_OR_RETURN(const auto documents,
                         transaction.Scan(Table::kHandleOf, person.bytes(), {}, kAll));
  for (const store::Document& document : documents) {
    std::string key = document.key.substr(kUuidBytes);
    key.push_back('\0');
    key.append(document.value);
    SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kHandle, key));
    SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kHandleOf, document.key));
  }
  return static_cast<int>(documents.size());
}

// Also of a key that is none.
bool IsUnreadable(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsInvalidArgument(status);
}

// One by one, for when not all can be read. `read` gives a row by its id.
template <typename Stored, typename Read>
absl::StatusOr<std::vector<Stored>> ReadOneByOne(store::Reader& reader, Table rows,
                                                 const Subject& subject,
                                                 std::vector<std::string>& unreadable, Read read) {
  const std::string prefix = subject.key();
  SLUIS_ASSIGN_OR_RETURN(const auto documents, reader.Scan(rows, prefix, {}, kAll));
  std::vector<Stored> all;
  for (const store::Document& document : documents) {
    const std::string_view rest = std::string_view(document.key).substr(prefix.size());
    const auto id = Uuid::FromBytes(rest);
    if (!id.ok()) {
      unreadable.push_back(HexEncode(rest));
      continue;
    }
    auto found = read(*id);
    if (ReasonOf(found.status()) == "KEY_DESTROYED") continue;
    if (!found.ok() && !IsUnreadable(found.status())) return found.status();
    if (found.ok() && *found && (*found)->first.key() == prefix) {
      all.push_back(std::move((*found)->second));
    } else {
      unreadable.push_back(id->ToString());
    }
  }
  return all;
}

}  // namespace

absl::StatusOr<std::vector<StoredRecord>> ReadableRecords(store::Reader& reader,
                                                          vault::Vault& vault,
                                                          const Subject& subject,
                                                          std::vector<std::string>& unreadable) {
  StateReader state(reader, vault);
  auto all = state.Records(subject);
  if (all.ok() || !IsUnreadable(all.status())) return all;
  return ReadOneByOne<StoredRecord>(reader, Table::kRecord, subject, unreadable,
                                    [&](const Uuid& id) { return state.Record(id); });
}

absl::StatusOr<std::vector<StoredDeposit>> ReadableDeposits(store::Reader& reader,
                                                            vault::Vault& vault,
                                                            const Subject& subject,
                                                            std::vector<std::string>& unreadable) {
  StateReader state(reader, vault);
  auto all = state.Deposits(subject);
  if (all.ok() || !IsUnreadable(all.status())) return all;
  return ReadOneByOne<StoredDeposit>(reader, Table::kDeposit, subject, unreadable,
                                     [&](const Uuid& id) { return state.Deposit(id); });
}

absl::StatusOr<Deleted> DeletePerson(store::Transaction& transaction, vault::Vault& vault,
                                     const Uuid& person) {
  Deleted deleted;
  StateWriter state(transaction, vault);
  const std::string subject = Subject::Person(person).key();
  SLUIS_ASSIGN_OR_RETURN(deleted.values,
                         DeleteRows(transaction, Table::kDeposit, Table::kDepositIndex, subject));
  SLUIS_ASSIGN_OR_RETURN(deleted.records,
                         DeleteRows(transaction, Table::kRecord, Table::kRecordIndex, subject));
  SLUIS_ASSIGN_OR_RETURN(deleted.handles, DeleteHandles(transaction, person));
  SLUIS_RETURN_IF_ERROR(DropDuties(transaction, person, kAll).status());
  SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kPerson, person.bytes()));
  // Whoever read the person before decides again.
  SLUIS_RETURN_IF_ERROR(state.Touch(subject));
  return deleted;
}

absl::StatusOr<Deleted> DeleteCasus(store::Transaction& transaction, vault::Vault& vault,
                                    const Uuid& casus, const store::v1::Casus& document) {
  Deleted deleted;
  StateWriter state(transaction, vault);
  const std::string casus_id = casus.ToString();
  std::vector<std::string> unreadable;
  for (const auto& each : document.facts().persons()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(each.id()));
    const Subject subject = Subject::Person(person);
    SLUIS_ASSIGN_OR_RETURN(const auto records,
                           ReadableRecords(transaction, vault, subject, unreadable));
    for (const StoredRecord& record : records) {
      if (record.record.casus_id() != casus_id) continue;
      SLUIS_RETURN_IF_ERROR(state.DeleteRecord(subject, record.id));
      ++deleted.records;
    }
  }
  SLUIS_ASSIGN_OR_RETURN(const auto signals, SignalsIn(transaction, casus));
  for (const Uuid& signal : signals) {
    const absl::Status done = DeleteSignal(transaction, vault, signal);
    if (!IsUnreadable(done)) SLUIS_RETURN_IF_ERROR(done);
  }
  for (const std::string& tafel : document.facts().tafels())
    SLUIS_RETURN_IF_ERROR(DeletePriority(transaction, tafel, casus));
  const std::string subject = Subject::Casus(casus).key();
  SLUIS_ASSIGN_OR_RETURN(deleted.values,
                         DeleteRows(transaction, Table::kDeposit, Table::kDepositIndex, subject));
  SLUIS_ASSIGN_OR_RETURN(const int records,
                         DeleteRows(transaction, Table::kRecord, Table::kRecordIndex, subject));
  deleted.records += records;
  std::set<std::string> partijen = {document.opener().partij()};
  for (const auto* list : {&document.facts().participants(), &document.facts().guests()}) {
    for (const auto& participation : *list) partijen.insert(participation.participant().partij());
  }
  for (const auto& introduction : document.introductions()) partijen.insert(introduction.partij());
  for (const std::string& partij : partijen)
    SLUIS_RETURN_IF_ERROR(state.MakeInvisible(partij, casus, document.opened_at()));
  SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kCasus, casus.bytes()));
  SLUIS_RETURN_IF_ERROR(state.Touch(subject));
  return deleted;
}

}  // namespace sluis::state
