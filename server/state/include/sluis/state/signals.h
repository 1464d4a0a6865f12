#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/base/uuid.h"
#include "sluis/store/store.h"
#include "sluis/store/v1/signal.pb.h"
#include "sluis/vault/vault.h"

// Signals: messages that came in whole. Each is sealed with the key of its casus and goes with it;
// beside it stand the ways to find it, without content.
namespace sluis::state {

// Keeps a signal, new or changed. Its casus, person, sides and time of arrival never change.
absl::Status PutSignal(store::Transaction& transaction, vault::Vault& vault, const Uuid& id,
                       const store::v1::Signal& signal);
// Nothing when there is none, or its casus was destroyed.
absl::StatusOr<std::optional<store::v1::Signal>> ReadSignal(store::Reader& reader,
                                                            vault::Vault& vault, const Uuid& id);
// Signals of which the partij is a side, newest first: (position, id) pairs after `after`.
absl::StatusOr<std::vector<std::pair<std::string, Uuid>>> SignalsOf(store::Reader& reader,
                                                                    std::string_view partij,
                                                                    std::string_view after,
                                                                    size_t limit);
// Signals in a casus.
absl::StatusOr<std::vector<Uuid>> SignalsIn(store::Reader& reader, const Uuid& casus);
// The casus of the last signal about the person at the tafel to this receiver, open or not.
absl::StatusOr<std::optional<Uuid>> LastSignalledCasus(store::Reader& reader, const Uuid& person,
                                                       std::string_view tafel,
                                                       const policy::v1::PartijHat& receiver);

// Deletes what is kept of a signal, while the key of its casus is there.
absl::Status DeleteSignal(store::Transaction& transaction, vault::Vault& vault, const Uuid& id);

}  // namespace sluis::state
