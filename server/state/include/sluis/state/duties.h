#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/uuid.h"
#include "sluis/store/store.h"
#include "sluis/store/v1/duty.pb.h"
#include "sluis/vault/vault.h"

// What partijen have yet to do for persons, and supervisors to look at (tables kDuty and kReview).
// A duty is sealed under the key of its person. What has to be found without opening it (whose it
// is, when it is due, the casus) stands in keys: ids and days only. Knows no rules.
namespace sluis::state {

// Whose duty about whom. A holder has one open duty of a kind for a person in a casus, but one for
// each correction.
struct DutyOf {
  policy::v1::DutyRule::Kind kind = policy::v1::DutyRule::INFORM;
  std::string partij;
  std::string hat;
  Uuid person;
  Uuid casus;
  Uuid correction;
};

struct StoredDuty {
  // Its place among the duties of its partij: in order of the due date.
  std::string key;
  Uuid id;
  store::v1::Duty duty;
};

// Open duties of the partij with a key after `after`, in order, at most `limit`. Those of persons
// whose key was destroyed are left out; `last_key`, when given, gets the last key that was looked
// at, and stays as it is when there was none.
absl::StatusOr<std::vector<StoredDuty>> ReadDuties(store::Reader& reader, vault::Vault& vault,
                                                   std::string_view partij, std::string_view after,
                                                   size_t limit, std::string* last_key = nullptr);
// The open duty, or nothing.
absl::StatusOr<std::optional<StoredDuty>> FindDuty(store::Reader& reader, vault::Vault& vault,
                                                   const DutyOf& of);
// Whether an entry of the log still needs a duty of `of`: not when the person was informed later.
absl::StatusOr<bool> NeedsDuty(store::Reader& reader, const DutyOf& of, uint64_t entry);

// Writes a new duty, or an open one anew, maybe with another due date. Returns it as it stands.
absl::StatusOr<StoredDuty> PutDuty(store::Transaction& transaction, vault::Vault& vault,
                                   const DutyOf& of, const store::v1::Duty& duty);
// Ends the open duty, if there is one, and notes that entries before `before` need none. Returns
// whether there was one.
absl::StatusOr<bool> SettleDuty(store::Transaction& transaction, const DutyOf& of, uint64_t before);

// Whether somebody is too late with informing a person in the casus, on this day.
absl::StatusOr<bool> HasOverdueDuty(store::Reader& reader, const Uuid& casus, CivilDate today);

// Removes everything about the person from both tables' keys: for when its key is destroyed. At
// most `limit` duties; returns how many.
absl::StatusOr<size_t> DropDuties(store::Transaction& transaction, const Uuid& person,
                                  size_t limit);

// ---- Corrections ----

absl::StatusOr<std::optional<store::v1::Correction>> ReadCorrection(store::Reader& reader,
                                                                    vault::Vault& vault,
                                                                    const Uuid& id);
absl::Status PutCorrection(store::Transaction& transaction, vault::Vault& vault, const Uuid& id,
                           const store::v1::Correction& correction);

// ---- Reviews ----

// Reviews that are open, or closed, of entries from `from` on, in order, at most `limit`.
absl::StatusOr<std::vector<store::v1::Review>> ReadReviews(store::Reader& reader,
                                                           vault::Vault& vault, bool closed,
                                                           uint64_t from, size_t limit);
// The review of an entry, open or closed.
absl::StatusOr<std::optional<store::v1::Review>> FindReview(store::Reader& reader,
                                                            vault::Vault& vault, uint64_t entry);
// Its finding says whether it is open.
absl::Status PutReview(store::Transaction& transaction, vault::Vault& vault,
                       const store::v1::Review& review);
// Seals and opens what a reviewer wrote, under the key of the person.
std::string ReviewTextUse(uint64_t entry);

}  // namespace sluis::state
