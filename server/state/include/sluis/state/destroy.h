#pragma once

#include "absl/status/statusor.h"

#include "sluis/base/uuid.h"
#include "sluis/store/store.h"
#include "sluis/store/v1/state.pb.h"
#include "sluis/vault/vault.h"

// Takes everything about a person or a casus out of the store, while its key is still there. What
// stays behind without it: counters of versions, which must never start anew, under ids that then
// mean nothing.
namespace sluis::state {

struct Deleted {
  int values = 0;
  int records = 0;
  int handles = 0;
};

absl::StatusOr<Deleted> DeletePerson(store::Transaction& transaction, vault::Vault& vault,
                                     const Uuid& person);
// With what was recorded of its persons for this casus alone.
absl::StatusOr<Deleted> DeleteCasus(store::Transaction& transaction, vault::Vault& vault,
                                    const Uuid& casus, const store::v1::Casus& document);

}  // namespace sluis::state
