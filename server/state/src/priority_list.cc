#include "sluis/state/priority_list.h"

#include "absl/strings/str_cat.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/state/state.h"

namespace sluis::state {
namespace {

using store::Table;

// tafel ‖ 0 ‖ kind ‖ casus.
constexpr char kCriteria = 'a';
constexpr char kCasus = 'c';

std::string Key(std::string_view tafel, char kind, std::string_view id = {}) {
  std::string key(tafel);
  key.push_back('\0');
  key.push_back(kind);
  key.append(id);
  return key;
}

// Bound to its place: a row that was moved cannot be opened.
std::string UseOf(const std::string& key) { return absl::StrCat("list/", key); }

template <typename Message>
absl::Status PutAs(store::Transaction& transaction, vault::Vault& vault, const Uuid& owner,
                   const std::string& key, const Message& message) {
  std::string bytes;
  message.SerializeToString(&bytes);
  auto sealed = vault.Seal(owner, UseOf(key), bytes);
  Wipe(bytes);
  if (!sealed.ok()) return sealed.status();
  return transaction.Put(Table::kList, key, *sealed);
}

template <typename Message>
absl::StatusOr<std::optional<Message>> ReadAs(store::Reader& reader, vault::Vault& vault,
                                              const Uuid& owner, const std::string& key) {
  SLUIS_ASSIGN_OR_RETURN(const auto sealed, reader.Get(Table::kList, key));
  if (!sealed) return std::nullopt;
  auto bytes = vault.Open(owner, UseOf(key), *sealed);
  if (ReasonOf(bytes.status()) == "KEY_DESTROYED") return std::nullopt;
  if (!bytes.ok()) return bytes.status();
  Message message;
  const bool read = message.ParseFromString(*bytes);
  Wipe(*bytes);
  if (!read) return DataLoss("SEAL_BROKEN", "a stored list cannot be read");
  return message;
}

}  // namespace

absl::Status PutCriteria(store::Transaction& transaction, vault::Vault& vault,
                         std::string_view tafel, const store::v1::PriorityCriteria& criteria) {
  return PutAs(transaction, vault, kBrokerOwner, Key(tafel, kCriteria), criteria);
}

absl::StatusOr<std::optional<store::v1::PriorityCriteria>> ReadCriteria(store::Reader& reader,
                                                                        vault::Vault& vault,
                                                                        std::string_view tafel) {
  return ReadAs<store::v1::PriorityCriteria>(reader, vault, kBrokerOwner, Key(tafel, kCriteria));
}

absl::Status PutPriority(store::Transaction& transaction, vault::Vault& vault,
                         std::string_view tafel, const Uuid& casus,
                         const store::v1::PriorityEntry& entry) {
  return PutAs(transaction, vault, casus, Key(tafel, kCasus, casus.bytes()), entry);
}

absl::Status DeletePriority(store::Transaction& transaction, std::string_view tafel,
                            const Uuid& casus) {
  return transaction.Delete(Table::kList, Key(tafel, kCasus, casus.bytes()));
}

absl::StatusOr<std::optional<store::v1::PriorityEntry>> ReadPriority(store::Reader& reader,
                                                                     vault::Vault& vault,
                                                                     std::string_view tafel,
                                                                     const Uuid& casus) {
  return ReadAs<store::v1::PriorityEntry>(reader, vault, casus, Key(tafel, kCasus, casus.bytes()));
}

absl::StatusOr<std::vector<Uuid>> Prioritised(store::Reader& reader, std::string_view tafel,
                                              std::optional<Uuid> after, size_t limit) {
  const std::string prefix = Key(tafel, kCasus);
  SLUIS_ASSIGN_OR_RETURN(
      const auto documents,
      reader.Scan(Table::kList, prefix, after ? Key(tafel, kCasus, after->bytes()) : std::string(),
                  limit));
  std::vector<Uuid> casussen;
  for (const store::Document& document : documents) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid casus,
                           Uuid::FromBytes(std::string_view(document.key).substr(prefix.size())));
    casussen.push_back(casus);
  }
  return casussen;
}

}  // namespace sluis::state
