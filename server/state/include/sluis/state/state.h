#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/base/uuid.h"
#include "sluis/store/store.h"
#include "sluis/store/v1/state.pb.h"
#include "sluis/vault/vault.h"

// What the broker knows, as typed documents over the store and the vault: every document is sealed
// under the key of the person or casus that it is about. Knows no rules.
namespace sluis::state {

// What a record or deposit is about.
class Subject {
 public:
  static Subject Person(const Uuid& person) { return {'p', person, {}}; }
  static Subject Casus(const Uuid& casus) { return {'c', casus, {}}; }
  // What a partij recorded that is about nobody (a Wpg 20 besluit).
  static Subject Partij(std::string_view partij) { return {'o', Uuid(), std::string(partij)}; }

  // Whose key seals it.
  [[nodiscard]] const Uuid& owner() const { return owner_; }
  // Prefix of the keys of its documents; also the key of its version.
  [[nodiscard]] std::string key() const;
  static absl::StatusOr<Subject> FromKey(std::string_view key);
  [[nodiscard]] bool is_person() const { return kind_ == 'p'; }
  [[nodiscard]] bool is_casus() const { return kind_ == 'c'; }

 private:
  Subject(char kind, const Uuid& owner, std::string partij)
      : kind_(kind), owner_(owner), partij_(std::move(partij)) {}
  char kind_;
  Uuid owner_;
  std::string partij_;
};

// The owner of the broker's own documents (professionals, besluiten about nobody).
inline constexpr Uuid kBrokerOwner{};

struct StoredRecord {
  Uuid id;
  store::v1::FactRecord record;
};
struct StoredDeposit {
  Uuid id;
  store::v1::Deposit deposit;
};

// Reads. Errors are those of the store and the vault. A document whose key was destroyed is
// NOT_FOUND / KEY_DESTROYED where one was asked for, and left out of lists.
class StateReader {
 public:
  StateReader(store::Reader& reader, vault::Vault& vault) : reader_(reader), vault_(vault) {}

  // What facts are read from has a version: it changes with every change of them. 0: never written.
  absl::StatusOr<uint64_t> Version(std::string_view key);

  absl::StatusOr<std::optional<store::v1::Casus>> Casus(const Uuid& casus);
  absl::StatusOr<std::optional<store::v1::Person>> Person(const Uuid& person);
  // In the order in which they were recorded.
  absl::StatusOr<std::vector<StoredRecord>> Records(const Subject& subject);
  absl::StatusOr<std::optional<std::pair<Subject, StoredRecord>>> Record(const Uuid& id);
  absl::StatusOr<std::vector<StoredDeposit>> Deposits(const Subject& subject);
  absl::StatusOr<std::optional<std::pair<Subject, StoredDeposit>>> Deposit(const Uuid& id);
  absl::StatusOr<std::optional<policy::v1::Professional>> Professional(std::string_view partij,
                                                                       std::string_view id);
  // At most `limit`, after `after`, in order of id.
  absl::StatusOr<std::vector<policy::v1::Professional>> Professionals(std::string_view partij,
                                                                      std::string_view after,
                                                                      size_t limit);

  // The person whom a partij means by its own id; and the partij's own id of a person.
  absl::StatusOr<std::optional<Uuid>> PersonOf(std::string_view partij, const Uuid& handle);
  absl::StatusOr<std::optional<Uuid>> HandleOf(const Uuid& person, std::string_view partij);
  // Casussen of which the partij may see something, newest first: (order, casus) pairs after
  // `after`.
  absl::StatusOr<std::vector<std::pair<std::string, Uuid>>> Visible(std::string_view partij,
                                                                    std::string_view after,
                                                                    size_t limit);

 protected:
  store::Reader& reader() { return reader_; }
  vault::Vault& vault() { return vault_; }

 private:
  store::Reader& reader_;
  vault::Vault& vault_;
};

// Reads and writes, inside one transaction. Every write moves the version of its subject.
class StateWriter : public StateReader {
 public:
  StateWriter(store::Transaction& transaction, vault::Vault& vault)
      : StateReader(transaction, vault), transaction_(transaction) {}

  absl::Status PutCasus(const Uuid& casus, const store::v1::Casus& document);
  absl::Status PutPerson(const Uuid& person, const store::v1::Person& document);
  absl::Status PutRecord(const Subject& subject, const Uuid& id,
                         const store::v1::FactRecord& record);
  absl::Status DeleteRecord(const Subject& subject, const Uuid& id);
  absl::Status PutDeposit(const Subject& subject, const Uuid& id,
                          const store::v1::Deposit& deposit);
  absl::Status DeleteDeposit(const Subject& subject, const Uuid& id);
  absl::Status PutProfessional(const policy::v1::Professional& professional);

  // The partij's own id of a person, made when there is none.
  absl::StatusOr<Uuid> MakeHandle(const Uuid& person, std::string_view partij);
  // Lists the casus for the partij, in order of opening (microseconds since 1970); again does
  // nothing.
  absl::Status MakeVisible(std::string_view partij, const Uuid& casus, int64_t opened_at);
  absl::Status MakeInvisible(std::string_view partij, const Uuid& casus, int64_t opened_at);

  absl::Status Touch(std::string_view version_key);

 private:
  store::Transaction& transaction_;
};

// Seals the inner value of a deposit, and opens it: the vault's part of a release.
std::string ValueUse(const Uuid& deposit);

}  // namespace sluis::state
