#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/uuid.h"
#include "sluis/store/store.h"
#include "sluis/store/v1/inbox.pb.h"
#include "sluis/vault/vault.h"

// What waits for a decision of a partij. An item is sealed with the key of the person whom it is
// about. Besides items there are questions: a row for every field that waits, by a hash of who asks
// whom what, so that asking again makes no second item. What is open is found by casus and person
// too.
namespace sluis::state {

struct InboxItem {
  Uuid id;
  store::v1::DecisionItem item;
};

// Writes the item; it is deleted after `keep_until`. Casus and person are the ones in it.
absl::Status PutItem(store::Transaction& transaction, vault::Vault& vault, std::string_view partij,
                     const InboxItem& item, CivilDate keep_until);
// Nothing for an item that is not the partij's, or whose person was destroyed.
absl::StatusOr<std::optional<store::v1::DecisionItem>> ReadItem(store::Reader& reader,
                                                                vault::Vault& vault,
                                                                std::string_view partij,
                                                                const Uuid& id);
// Rows of the partij after the item `after` (nil: from the first), in order of id, at most `limit`;
// `last` becomes the id of the last row looked at, nil when there was none. Items whose person was
// destroyed are left out.
absl::StatusOr<std::vector<InboxItem>> ReadItems(store::Reader& reader, vault::Vault& vault,
                                                 std::string_view partij, const Uuid& after,
                                                 size_t limit, Uuid& last);

// Items that are open: a field of them is. Of one casus, and of one person in it where one is
// given. One that cannot be read is left out: it keeps nobody from deciding, nor a casus from being
// closed.
struct OpenItem {
  std::string partij;
  InboxItem item;
};
absl::StatusOr<std::vector<OpenItem>> OpenItems(store::Reader& reader, vault::Vault& vault,
                                                const Uuid& casus,
                                                const std::optional<Uuid>& person);

// A question, by its hash of 32 bytes, that waits in an item until a day.
struct OpenQuestion {
  Uuid item;
  CivilDate until{};
};
absl::StatusOr<std::optional<OpenQuestion>> FindQuestion(store::Reader& reader,
                                                         std::string_view partij,
                                                         std::string_view question);
absl::Status PutQuestion(store::Transaction& transaction, std::string_view partij,
                         std::string_view question, const OpenQuestion& open);
absl::Status DeleteQuestion(store::Transaction& transaction, std::string_view partij,
                            std::string_view question);

// Deletes what need not be kept on `today`, of all partijen. Looks at no more than `limit` rows
// after `after`, which moves on and is empty at the end.
absl::Status DeleteOldItems(store::Transaction& transaction, CivilDate today, size_t limit,
                            std::string& after);

}  // namespace sluis::state
