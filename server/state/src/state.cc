#include "sluis/state/state.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/crypto/crypto.h"

namespace sluis::state {
namespace {

using store::Table;

// partij ‖ 0 ‖ rest: no partij id holds a zero byte, so no key of one is a prefix of another's.
std::string Keyed(std::string_view partij, std::string_view rest) {
  std::string key(partij);
  key.push_back('\0');
  key.append(rest);
  return key;
}

std::string Use(std::string_view kind, std::string_view id) {
  std::string use(kind);
  use.append(id);
  return use;
}

// Newest first in an ascending order.
std::string Descending(int64_t unix_micros) {
  std::string key;
  AppendU64(key, std::numeric_limits<uint64_t>::max() - static_cast<uint64_t>(unix_micros));
  return key;
}

template <typename Message>
absl::StatusOr<Message> OpenAs(vault::Vault& vault, const Uuid& owner, std::string_view use,
                               std::string_view sealed) {
  SLUIS_ASSIGN_OR_RETURN(std::string bytes, vault.Open(owner, use, sealed));
  Message message;
  const bool read = message.ParseFromString(bytes);
  Wipe(bytes);
  if (!read) return DataLoss("SEAL_BROKEN", "a stored document cannot be read");
  return message;
}

template <typename Message>
absl::StatusOr<std::string> SealAs(vault::Vault& vault, const Uuid& owner, std::string_view use,
                                   const Message& message) {
  std::string bytes;
  message.SerializeToString(&bytes);
  auto sealed = vault.Seal(owner, use, bytes);
  Wipe(bytes);
  return sealed;
}

bool Destroyed(const absl::Status& status) { return ReasonOf(status) == "KEY_DESTROYED"; }

}  // namespace

std::string Subject::key() const {
  std::string key(1, kind_);
  if (kind_ == 'o') {
    key += partij_;
    key.push_back('\0');
  } else {
    key += owner_.bytes();
  }
  return key;
}

absl::StatusOr<Subject> Subject::FromKey(std::string_view key) {
  if (key.size() == 17 && (key[0] == 'p' || key[0] == 'c')) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid owner, Uuid::FromBytes(key.substr(1)));
    return Subject(key[0], owner, {});
  }
  if (key.size() > 2 && key[0] == 'o' && key.back() == '\0')
    return Partij(key.substr(1, key.size() - 2));
  return DataLoss("STORE_SYNC_FAILED", "a stored key cannot be read");
}

std::string ValueUse(const Uuid& deposit) { return Use("value", deposit.bytes()); }

absl::StatusOr<uint64_t> StateReader::Version(std::string_view key) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored, reader_.Get(Table::kVersion, key));
  return stored ? ReadU64(*stored) : 0;
}

absl::StatusOr<std::optional<store::v1::Casus>> StateReader::Casus(const Uuid& casus) {
  SLUIS_ASSIGN_OR_RETURN(const auto sealed, reader_.Get(Table::kCasus, casus.bytes()));
  if (!sealed) return std::nullopt;
  return OpenAs<store::v1::Casus>(vault_, casus, "casus", *sealed);
}

absl::StatusOr<std::optional<store::v1::Person>> StateReader::Person(const Uuid& person) {
  SLUIS_ASSIGN_OR_RETURN(const auto sealed, reader_.Get(Table::kPerson, person.bytes()));
  if (!sealed) return std::nullopt;
  return OpenAs<store::v1::Person>(vault_, person, "person", *sealed);
}

absl::StatusOr<std::vector<StoredRecord>> StateReader::Records(const Subject& subject) {
  const std::string prefix = subject.key();
  SLUIS_ASSIGN_OR_RETURN(const auto documents, reader_.Scan(Table::kRecord, prefix, {},
                                                            std::numeric_limits<int32_t>::max()));
  std::vector<StoredRecord> records;
  for (const store::Document& document : documents) {
    const std::string_view id = std::string_view(document.key).substr(prefix.size());
    auto record =
        OpenAs<store::v1::FactRecord>(vault_, subject.owner(), Use("record", id), document.value);
    if (!record.ok() && Destroyed(record.status())) continue;
    if (!record.ok()) return record.status();
    SLUIS_ASSIGN_OR_RETURN(const Uuid uuid, Uuid::FromBytes(id));
    records.push_back({uuid, *std::move(record)});
  }
  std::sort(records.begin(), records.end(), [](const StoredRecord& a, const StoredRecord& b) {
    return a.record.entry() < b.record.entry();
  });
  return records;
}

absl::StatusOr<std::optional<std::pair<Subject, StoredRecord>>> StateReader::Record(
    const Uuid& id) {
  SLUIS_ASSIGN_OR_RETURN(const auto key, reader_.Get(Table::kRecordIndex, id.bytes()));
  if (!key) return std::nullopt;
  SLUIS_ASSIGN_OR_RETURN(const Subject subject, Subject::FromKey(*key));
  SLUIS_ASSIGN_OR_RETURN(const auto sealed,
                         reader_.Get(Table::kRecord, absl::StrCat(*key, std::string(id.bytes()))));
  if (!sealed) return std::nullopt;
  SLUIS_ASSIGN_OR_RETURN(
      auto record,
      OpenAs<store::v1::FactRecord>(vault_, subject.owner(), Use("record", id.bytes()), *sealed));
  return std::make_pair(subject, StoredRecord{id, std::move(record)});
}

absl::StatusOr<std::vector<StoredDeposit>> StateReader::Deposits(const Subject& subject) {
  const std::string prefix = subject.key();
  SLUIS_ASSIGN_OR_RETURN(const auto documents, reader_.Scan(Table::kDeposit, prefix, {},
                                                            std::numeric_limits<int32_t>::max()));
  std::vector<StoredDeposit> deposits;
  for (const store::Document& document : documents) {
    const std::string_view id = std::string_view(document.key).substr(prefix.size());
    auto deposit =
        OpenAs<store::v1::Deposit>(vault_, subject.owner(), Use("deposit", id), document.value);
    if (!deposit.ok() && Destroyed(deposit.status())) continue;
    if (!deposit.ok()) return deposit.status();
    SLUIS_ASSIGN_OR_RETURN(const Uuid uuid, Uuid::FromBytes(id));
    deposits.push_back({uuid, *std::move(deposit)});
  }
  return deposits;
}

absl::StatusOr<std::optional<std::pair<Subject, StoredDeposit>>> StateReader::Deposit(
    const Uuid& id) {
  SLUIS_ASSIGN_OR_RETURN(const auto key, reader_.Get(Table::kDepositIndex, id.bytes()));
  if (!key) return std::nullopt;
  SLUIS_ASSIGN_OR_RETURN(const Subject subject, Subject::FromKey(*key));
  SLUIS_ASSIGN_OR_RETURN(const auto sealed,
                         reader_.Get(Table::kDeposit, absl::StrCat(*key, std::string(id.bytes()))));
  if (!sealed) return std::nullopt;
  SLUIS_ASSIGN_OR_RETURN(
      auto deposit,
      OpenAs<store::v1::Deposit>(vault_, subject.owner(), Use("deposit", id.bytes()), *sealed));
  return std::make_pair(subject, StoredDeposit{id, std::move(deposit)});
}

absl::StatusOr<std::optional<policy::v1::Professional>> StateReader::Professional(
    std::string_view partij, std::string_view id) {
  const std::string key = Keyed(partij, id);
  SLUIS_ASSIGN_OR_RETURN(const auto sealed, reader_.Get(Table::kProfessional, key));
  if (!sealed) return std::nullopt;
  SLUIS_ASSIGN_OR_RETURN(
      auto document,
      OpenAs<store::v1::Professional>(vault_, kBrokerOwner, Use("professional", key), *sealed));
  return document.professional();
}

absl::StatusOr<std::vector<policy::v1::Professional>> StateReader::Professionals(
    std::string_view partij, std::string_view after, size_t limit) {
  const std::string prefix = Keyed(partij, {});
  SLUIS_ASSIGN_OR_RETURN(const auto documents,
                         reader_.Scan(Table::kProfessional, prefix,
                                      after.empty() ? std::string() : Keyed(partij, after), limit));
  std::vector<policy::v1::Professional> professionals;
  for (const store::Document& document : documents) {
    SLUIS_ASSIGN_OR_RETURN(
        auto opened, OpenAs<store::v1::Professional>(
                         vault_, kBrokerOwner, Use("professional", document.key), document.value));
    professionals.push_back(opened.professional());
  }
  return professionals;
}

absl::StatusOr<std::optional<Uuid>> StateReader::PersonOf(std::string_view partij,
                                                          const Uuid& handle) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored,
                         reader_.Get(Table::kHandle, Keyed(partij, handle.bytes())));
  if (!stored) return std::nullopt;
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::FromBytes(*stored));
  return person;
}

absl::StatusOr<std::optional<Uuid>> StateReader::HandleOf(const Uuid& person,
                                                          std::string_view partij) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored,
                         reader_.Get(Table::kHandleOf, absl::StrCat(std::string(person.bytes()),
                                                                    std::string(partij))));
  if (!stored) return std::nullopt;
  SLUIS_ASSIGN_OR_RETURN(const Uuid handle, Uuid::FromBytes(*stored));
  return handle;
}

absl::StatusOr<std::vector<std::pair<std::string, Uuid>>> StateReader::Visible(
    std::string_view partij, std::string_view after, size_t limit) {
  const std::string prefix = Keyed(partij, {});
  SLUIS_ASSIGN_OR_RETURN(const auto documents,
                         reader_.Scan(Table::kVisible, prefix,
                                      after.empty() ? std::string() : Keyed(partij, after), limit));
  std::vector<std::pair<std::string, Uuid>> visible;
  for (const store::Document& document : documents) {
    const std::string order = document.key.substr(prefix.size());
    SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::FromBytes(document.value));
    visible.emplace_back(order, casus);
  }
  return visible;
}

absl::Status StateWriter::Touch(std::string_view version_key) {
  SLUIS_ASSIGN_OR_RETURN(const uint64_t version, Version(version_key));
  std::string value;
  AppendU64(value, version + 1);
  return transaction_.Put(Table::kVersion, version_key, value);
}

absl::Status StateWriter::PutCasus(const Uuid& casus, const store::v1::Casus& document) {
  SLUIS_ASSIGN_OR_RETURN(const std::string sealed, SealAs(vault(), casus, "casus", document));
  SLUIS_RETURN_IF_ERROR(transaction_.Put(Table::kCasus, casus.bytes(), sealed));
  // How long a person is kept rests on every casus that names it: who judged that before judges
  // again.
  for (const auto& each : document.facts().persons()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(each.id()));
    SLUIS_RETURN_IF_ERROR(Touch(Subject::Person(person).key()));
  }
  return Touch(Subject::Casus(casus).key());
}

absl::Status StateWriter::PutPerson(const Uuid& person, const store::v1::Person& document) {
  SLUIS_ASSIGN_OR_RETURN(const std::string sealed, SealAs(vault(), person, "person", document));
  SLUIS_RETURN_IF_ERROR(transaction_.Put(Table::kPerson, person.bytes(), sealed));
  return Touch(Subject::Person(person).key());
}

absl::Status StateWriter::PutRecord(const Subject& subject, const Uuid& id,
                                    const store::v1::FactRecord& record) {
  SLUIS_ASSIGN_OR_RETURN(const std::string sealed,
                         SealAs(vault(), subject.owner(), Use("record", id.bytes()), record));
  const std::string key = subject.key();
  SLUIS_RETURN_IF_ERROR(
      transaction_.Put(Table::kRecord, absl::StrCat(key, std::string(id.bytes())), sealed));
  SLUIS_RETURN_IF_ERROR(transaction_.Put(Table::kRecordIndex, id.bytes(), key));
  return Touch(key);
}

absl::Status StateWriter::DeleteRecord(const Subject& subject, const Uuid& id) {
  const std::string key = subject.key();
  SLUIS_RETURN_IF_ERROR(
      transaction_.Delete(Table::kRecord, absl::StrCat(key, std::string(id.bytes()))));
  SLUIS_RETURN_IF_ERROR(transaction_.Delete(Table::kRecordIndex, id.bytes()));
  return Touch(key);
}

absl::Status StateWriter::PutDeposit(const Subject& subject, const Uuid& id,
                                     const store::v1::Deposit& deposit) {
  SLUIS_ASSIGN_OR_RETURN(const std::string sealed,
                         SealAs(vault(), subject.owner(), Use("deposit", id.bytes()), deposit));
  const std::string key = subject.key();
  SLUIS_RETURN_IF_ERROR(
      transaction_.Put(Table::kDeposit, absl::StrCat(key, std::string(id.bytes())), sealed));
  SLUIS_RETURN_IF_ERROR(transaction_.Put(Table::kDepositIndex, id.bytes(), key));
  return Touch(key);
}

absl::Status StateWriter::DeleteDeposit(const Subject& subject, const Uuid& id) {
  const std::string key = subject.key();
  SLUIS_RETURN_IF_ERROR(
      transaction_.Delete(Table::kDeposit, absl::StrCat(key, std::string(id.bytes()))));
  SLUIS_RETURN_IF_ERROR(transaction_.Delete(Table::kDepositIndex, id.bytes()));
  return Touch(key);
}

absl::Status StateWriter::PutProfessional(const policy::v1::Professional& professional) {
  store::v1::Professional document;
  *document.mutable_professional() = professional;
  const std::string key = Keyed(professional.partij(), professional.id());
  SLUIS_ASSIGN_OR_RETURN(const std::string sealed,
                         SealAs(vault(), kBrokerOwner, Use("professional", key), document));
  SLUIS_RETURN_IF_ERROR(transaction_.Put(Table::kProfessional, key, sealed));
  return Touch(Subject::Partij(professional.partij()).key());
}

absl::StatusOr<Uuid> StateWriter::MakeHandle(const Uuid& person, std::string_view partij) {
  SLUIS_ASSIGN_OR_RETURN(const auto existing, HandleOf(person, partij));
  if (existing) return *existing;
  SLUIS_ASSIGN_OR_RETURN(const Uuid handle, crypto::RandomUuid());
  SLUIS_RETURN_IF_ERROR(
      transaction_.Put(Table::kHandle, Keyed(partij, handle.bytes()), person.bytes()));
  SLUIS_RETURN_IF_ERROR(transaction_.Put(
      Table::kHandleOf, absl::StrCat(std::string(person.bytes()), std::string(partij)),
      handle.bytes()));
  return handle;
}

absl::Status StateWriter::MakeVisible(std::string_view partij, const Uuid& casus,
                                      int64_t opened_at) {
  return transaction_.Put(
      Table::kVisible,
      Keyed(partij, absl::StrCat(Descending(opened_at), std::string(casus.bytes()))),
      casus.bytes());
}

absl::Status StateWriter::MakeInvisible(std::string_view partij, const Uuid& casus,
                                        int64_t opened_at) {
  return transaction_.Delete(
      Table::kVisible,
      Keyed(partij, absl::StrCat(Descending(opened_at), std::string(casus.bytes()))));
}

}  // namespace sluis::state
