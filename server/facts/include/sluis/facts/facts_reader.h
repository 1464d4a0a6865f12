#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/uuid.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/policy.h"
#include "sluis/state/state.h"
#include "sluis/store/store.h"
#include "sluis/vault/vault.h"

// What is true now, for one decision: read from the state, with the versions it was read at.
namespace sluis::facts {

// The civil date in Europe/Amsterdam at `time`.
CivilDate LocalDate(absl::Time time);
// The hour of the day there, 0-23.
int LocalHour(absl::Time time);

// A professional among those of all partijen. Partijen choose the ids of their professionals each
// for itself: the same id at two of them is two persons.
std::string QualifiedId(std::string_view partij, std::string_view professional);

// For whom and about whom facts are needed.
struct Query {
  Uuid casus;
  // Whether the tafel is about persons; then `person` is the internal id, nil when the caller's id
  // of the person is not one that it was given.
  bool with_person = true;
  Uuid person;
  std::string acting_partij;
  std::string professional;
  std::string source_partij;
};

// A value that a source deposited: what is needed to deliver it, still sealed. Or one that the
// source keeps itself: what it announced of it.
struct DepositedValue {
  Uuid deposit;
  policy::Side source;
  policy::FieldId field;
  std::string commitment;
  std::string sealed_value;
  std::shared_ptr<const v1::ValueContent> announced;  // null for a deposit
  int min_cell = 0;
};

// The facts of one decision. Keeps what it refers to.
class View {
 public:
  // Valid as long as this view.
  [[nodiscard]] const policy::Facts& facts() const { return facts_; }
  // Name and value of every version that the facts were read at.
  struct Version {
    std::string_view key;  // of Table::kVersion
    uint64_t version = 0;
  };
  [[nodiscard]] std::span<const Version> versions() const { return {versions_.data(), count_}; }
  // The value of `field` that `source` deposited; null when there is none.
  [[nodiscard]] const DepositedValue* ValueOf(policy::Side source, policy::FieldId field) const;
  // Whose key seals the values: the person, or the casus at a tafel without persons.
  [[nodiscard]] const Uuid& value_owner() const { return value_owner_; }

 private:
  friend class FactsReader;
  struct SubjectPart;
  struct PartijPart;
  policy::Facts facts_;
  std::array<Version, 4> versions_;  // of the parts below
  size_t count_ = 0;
  Uuid value_owner_;
  std::shared_ptr<const SubjectPart> subject_;
  std::shared_ptr<const PartijPart> source_;
  std::shared_ptr<const PartijPart> acting_;
};

// Reads facts, and keeps what it read. What is kept may be older than the state: whoever decides on
// a view has to check its versions in the transaction that makes the decision durable.
//
// Person facts (birth date, BSN …) are opened here and nowhere else; what leaves are brackets and
// booleans. Thread-safe.
class FactsReader {
 public:
  explicit FactsReader(vault::Vault& vault);
  FactsReader(const FactsReader&) = delete;
  FactsReader& operator=(const FactsReader&) = delete;
  ~FactsReader();

  // The facts as they were last read; nothing when a part was not read yet, or on another day or
  // policy. Touches no disk.
  std::optional<View> Peek(const std::shared_ptr<const policy::Policy>& policy, const Query& query,
                           absl::Time now, CivilDate today);
  // The facts as `reader` sees them. Parts whose version is unchanged are not read again. What is
  // read is not remembered: see Keep().
  absl::StatusOr<View> Load(store::Reader& reader,
                            const std::shared_ptr<const policy::Policy>& policy, const Query& query,
                            absl::Time now, CivilDate today);
  // Whether every version is still what it was.
  static absl::StatusOr<bool> IsCurrent(store::Reader& reader, const View& view);

  // Remembers what a view was made of, and whom the caller means by `handle`. Only for what is
  // committed: a transaction that is rolled back would leave facts behind that never were, under a
  // version that other facts will get.
  void Keep(const Query& query, const Uuid& handle, const View& view);

  // The person whom `partij` means by its own id, as PersonOf of the state, if remembered.
  std::optional<Uuid> PeekPerson(std::string_view partij, const Uuid& handle);
  absl::StatusOr<std::optional<Uuid>> LoadPerson(store::Reader& reader, std::string_view partij,
                                                 const Uuid& handle);

 private:
  struct Cache;
  absl::StatusOr<std::shared_ptr<const View::SubjectPart>> LoadSubject(
      state::StateReader& state, const std::shared_ptr<const policy::Policy>& policy,
      const Query& query, CivilDate today);
  absl::StatusOr<std::shared_ptr<const View::PartijPart>> LoadPartij(
      state::StateReader& state, const std::shared_ptr<const policy::Policy>& policy,
      std::string_view partij, CivilDate today);
  static View Compose(const policy::Policy& policy, const Query& query, absl::Time now,
                      CivilDate today, std::shared_ptr<const View::SubjectPart> subject,
                      std::shared_ptr<const View::PartijPart> source,
                      std::shared_ptr<const View::PartijPart> acting);

  vault::Vault& vault_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace sluis::facts
