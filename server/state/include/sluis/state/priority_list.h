#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/base/uuid.h"
#include "sluis/store/store.h"
#include "sluis/store/v1/priority_list.pb.h"
#include "sluis/vault/vault.h"

// Lists of prioritised casussen, one for each tafel that has one.
namespace sluis::state {

absl::Status PutCriteria(store::Transaction& transaction, vault::Vault& vault,
                         std::string_view tafel, const store::v1::PriorityCriteria& criteria);
absl::StatusOr<std::optional<store::v1::PriorityCriteria>> ReadCriteria(store::Reader& reader,
                                                                        vault::Vault& vault,
                                                                        std::string_view tafel);

absl::Status PutPriority(store::Transaction& transaction, vault::Vault& vault,
                         std::string_view tafel, const Uuid& casus,
                         const store::v1::PriorityEntry& entry);
absl::Status DeletePriority(store::Transaction& transaction, std::string_view tafel,
                            const Uuid& casus);
// Nothing when it is not on the list, or was destroyed.
absl::StatusOr<std::optional<store::v1::PriorityEntry>> ReadPriority(store::Reader& reader,
                                                                     vault::Vault& vault,
                                                                     std::string_view tafel,
                                                                     const Uuid& casus);
// The casussen on the list after `after` (or all, when empty), in order of their ids.
absl::StatusOr<std::vector<Uuid>> Prioritised(store::Reader& reader, std::string_view tafel,
                                              std::optional<Uuid> after, size_t limit);

}  // namespace sluis::state
