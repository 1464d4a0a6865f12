#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "sluis/base/uuid.h"
#include "sluis/state/state.h"
#include "sluis/store/store.h"
#include "sluis/store/v1/state.pb.h"
#include "sluis/vault/vault.h"

// Takes everything about a person or a casus out of the store, while its key is still there. What
// stays behind without it: counters of versions, which must never start anew, under ids that then
// mean nothing.
namespace sluis::state {

// The records or values of a subject that can be read. Of those that cannot (a broken seal, bytes
// that do not parse) `unreadable` gets the ids; a key that holds no id is given in hex.
absl::StatusOr<std::vector<StoredRecord>> ReadableRecords(store::Reader& reader,
                                                          vault::Vault& vault,
                                                          const Subject& subject,
                                                          std::vector<std::string>& unreadable);
absl::StatusOr<std::vector<StoredDeposit>> ReadableDeposits(store::Reader& reader,
                                                            vault::Vault& vault,
                                                            const Subject& subject,
                                                            std::vector<std::string>& unreadable);

struct Deleted {
  int values = 0;
  int records = 0;
  int handles = 0;
};

absl::StatusOr<Deleted> DeletePerson(store::Transaction& transaction, vault::Vault& vault,
                                     const Uuid& person);
// With what was recorded of its persons for this casus alone. A record of a person that cannot be
// read stays: nobody can say for which casus it was. A signal that cannot be read dies with the
// key.
absl::StatusOr<Deleted> DeleteCasus(store::Transaction& transaction, vault::Vault& vault,
                                    const Uuid& casus, const store::v1::Casus& document);

}  // namespace sluis::state
