#include "sluis/state/duties.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/crypto/crypto.h"

namespace sluis::state {
namespace {

using policy::v1::DutyRule;
using store::Table;

// Rows of kDuty beside the duties themselves, whose keys begin with a partij: no partij begins so.
constexpr char kByCasus = '\2';  // casus ‖ due day ‖ id → key of the duty
constexpr char kMark = '\3';  // person ‖ casus ‖ kind ‖ partij ‖ 0 ‖ hat … → DutyMark
constexpr char kCorrection = '\4';  // id → person ‖ sealed correction
// States of a review: the first byte of its key, before the index of the entry.
constexpr char kOpen = 'o';
constexpr char kClosed = 'c';

constexpr size_t kIdSize = 16;
constexpr size_t kDaySize = 10;

std::string CasusPrefix(std::string_view casus) {
  std::string key(1, kByCasus);
  key.append(casus);
  return key;
}

std::string PersonPrefix(const Uuid& person) {
  std::string key(1, kMark);
  key.append(person.bytes());
  return key;
}

std::string MarkKey(const DutyOf& of) {
  std::string key = PersonPrefix(of.person);
  key.append(of.casus.bytes());
  AppendU8(key, static_cast<uint8_t>(of.kind));
  key.append(of.partij);
  key.push_back('\0');
  key.append(of.hat);
  if (!of.correction.is_nil()) {
    key.push_back('\0');
    key.append(of.correction.bytes());
  }
  return key;
}

// partij ‖ 0 ‖ due day ‖ id.
std::string DutyKey(std::string_view partij, std::string_view due, const Uuid& id) {
  std::string key(partij);
  key.push_back('\0');
  key.append(due);
  key.append(id.bytes());
  return key;
}

// due day ‖ id: what the key of a duty and that of its row by casus have in common.
std::string_view Tail(std::string_view key) { return key.substr(key.size() - kDaySize - kIdSize); }

bool IsDutyKey(std::string_view key) { return key.size() > kDaySize + kIdSize; }

absl::StatusOr<Uuid> IdOf(std::string_view key) {
  if (!IsDutyKey(key)) return DataLoss("STORE_SYNC_FAILED", "a stored key cannot be read");
  return Uuid::FromBytes(key.substr(key.size() - kIdSize));
}

std::string Use(std::string_view kind, std::string_view id) {
  std::string use(kind);
  use.append(id);
  return use;
}

// owner ‖ what is sealed under its key.
template <typename Message>
absl::StatusOr<std::string> SealOwned(vault::Vault& vault, const Uuid& owner, std::string_view use,
                                      const Message& message) {
  std::string bytes;
  message.SerializeToString(&bytes);
  auto sealed = vault.Seal(owner, use, bytes);
  Wipe(bytes);
  if (!sealed.ok()) return sealed.status();
  return Use(owner.bytes(), *sealed);
}

template <typename Message>
absl::StatusOr<Message> OpenOwned(vault::Vault& vault, std::string_view use,
                                  std::string_view stored) {
  if (stored.size() < kIdSize) return DataLoss("SEAL_BROKEN", "a stored document cannot be read");
  SLUIS_ASSIGN_OR_RETURN(const Uuid owner, Uuid::FromBytes(stored.substr(0, kIdSize)));
  SLUIS_ASSIGN_OR_RETURN(std::string bytes, vault.Open(owner, use, stored.substr(kIdSize)));
  Message message;
  const bool read = message.ParseFromString(bytes);
  Wipe(bytes);
  if (!read) return DataLoss("SEAL_BROKEN", "a stored document cannot be read");
  return message;
}

absl::StatusOr<store::v1::DutyMark> ReadMark(store::Reader& reader, const DutyOf& of) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored, reader.Get(Table::kDuty, MarkKey(of)));
  store::v1::DutyMark mark;
  if (stored && !mark.ParseFromString(*stored))
    return DataLoss("STORE_SYNC_FAILED", "a stored duty cannot be read");
  return mark;
}

absl::Status Remove(store::Transaction& transaction, std::string_view key, const Uuid& casus) {
  SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kDuty, key));
  std::string by_casus = CasusPrefix(casus.bytes());
  by_casus.append(Tail(key));
  return transaction.Delete(Table::kDuty, by_casus);
}

std::string ReviewKey(bool closed, uint64_t entry) {
  std::string key(1, closed ? kClosed : kOpen);
  AppendU64(key, entry);
  return key;
}

// Sealed for one entry, whether open or closed.
std::string ReviewUse(std::string_view key) { return Use("review", key.substr(1)); }

absl::StatusOr<store::v1::Review> OpenReview(vault::Vault& vault, std::string_view key,
                                             std::string_view stored) {
  SLUIS_ASSIGN_OR_RETURN(const std::string bytes, vault.Open(Uuid(), ReviewUse(key), stored));
  store::v1::Review review;
  if (!review.ParseFromString(bytes))
    return DataLoss("SEAL_BROKEN", "a stored document cannot be read");
  return review;
}

}  // namespace

absl::StatusOr<std::vector<StoredDuty>> ReadDuties(store::Reader& reader, vault::Vault& vault,
                                                   std::string_view partij, std::string_view after,
                                                   size_t limit, std::string* last_key) {
  std::string prefix(partij);
  prefix.push_back('\0');
  SLUIS_ASSIGN_OR_RETURN(const auto documents, reader.Scan(Table::kDuty, prefix, after, limit));
  std::vector<StoredDuty> duties;
  for (const store::Document& document : documents) {
    if (last_key != nullptr) *last_key = document.key;
    SLUIS_ASSIGN_OR_RETURN(const Uuid id, IdOf(document.key));
    auto duty = OpenOwned<store::v1::Duty>(vault, Use("duty", id.bytes()), document.value);
    if (ReasonOf(duty.status()) == "KEY_DESTROYED") continue;
    if (!duty.ok()) return duty.status();
    duties.push_back({document.key, id, *std::move(duty)});
  }
  return duties;
}

absl::StatusOr<std::optional<StoredDuty>> FindDuty(store::Reader& reader, vault::Vault& vault,
                                                   const DutyOf& of) {
  SLUIS_ASSIGN_OR_RETURN(const auto mark, ReadMark(reader, of));
  if (mark.key().empty()) return std::nullopt;
  SLUIS_ASSIGN_OR_RETURN(const auto stored, reader.Get(Table::kDuty, mark.key()));
  if (!stored) return std::nullopt;
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, IdOf(mark.key()));
  auto duty = OpenOwned<store::v1::Duty>(vault, Use("duty", id.bytes()), *stored);
  if (ReasonOf(duty.status()) == "KEY_DESTROYED") return std::nullopt;
  if (!duty.ok()) return duty.status();
  return StoredDuty{mark.key(), id, *std::move(duty)};
}

absl::StatusOr<bool> NeedsDuty(store::Reader& reader, const DutyOf& of, uint64_t entry) {
  SLUIS_ASSIGN_OR_RETURN(const auto mark, ReadMark(reader, of));
  return entry >= mark.settled_before();
}

absl::StatusOr<StoredDuty> PutDuty(store::Transaction& transaction, vault::Vault& vault,
                                   const DutyOf& of, const store::v1::Duty& duty) {
  SLUIS_ASSIGN_OR_RETURN(auto mark, ReadMark(transaction, of));
  Uuid id;
  if (mark.key().empty()) {
    SLUIS_ASSIGN_OR_RETURN(id, crypto::RandomUuid());
  } else {
    SLUIS_ASSIGN_OR_RETURN(id, IdOf(mark.key()));
    SLUIS_RETURN_IF_ERROR(Remove(transaction, mark.key(), of.casus));
  }
  const std::string key = DutyKey(of.partij, duty.due(), id);
  SLUIS_ASSIGN_OR_RETURN(const std::string sealed,
                         SealOwned(vault, of.person, Use("duty", id.bytes()), duty));
  SLUIS_RETURN_IF_ERROR(transaction.Put(Table::kDuty, key, sealed));
  if (of.kind == DutyRule::INFORM) {
    std::string by_casus = CasusPrefix(of.casus.bytes());
    by_casus.append(Tail(key));
    SLUIS_RETURN_IF_ERROR(transaction.Put(Table::kDuty, by_casus, key));
  }
  mark.set_key(key);
  SLUIS_RETURN_IF_ERROR(transaction.Put(Table::kDuty, MarkKey(of), mark.SerializeAsString()));
  return StoredDuty{key, id, duty};
}

absl::StatusOr<bool> SettleDuty(store::Transaction& transaction, const DutyOf& of,
                                uint64_t before) {
  SLUIS_ASSIGN_OR_RETURN(auto mark, ReadMark(transaction, of));
  const bool was_open = !mark.key().empty();
  if (was_open) SLUIS_RETURN_IF_ERROR(Remove(transaction, mark.key(), of.casus));
  // A correction is answered once; nothing comes after it.
  if (of.kind == DutyRule::CORRECT) {
    SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kDuty, MarkKey(of)));
    return was_open;
  }
  mark.clear_key();
  mark.set_settled_before(before);
  SLUIS_RETURN_IF_ERROR(transaction.Put(Table::kDuty, MarkKey(of), mark.SerializeAsString()));
  return was_open;
}

absl::StatusOr<bool> HasOverdueDuty(store::Reader& reader, const Uuid& casus, CivilDate today) {
  const std::string prefix = CasusPrefix(casus.bytes());
  // In order of the due date: the first says it.
  SLUIS_ASSIGN_OR_RETURN(const auto first, reader.Scan(Table::kDuty, prefix, {}, 1));
  if (first.empty()) return false;
  SLUIS_ASSIGN_OR_RETURN(
      const CivilDate due,
      CivilDate::Parse(std::string_view(first.front().key).substr(prefix.size(), kDaySize)));
  return due < today;
}

absl::StatusOr<size_t> DropDuties(store::Transaction& transaction, const Uuid& person,
                                  size_t limit) {
  const std::string prefix = PersonPrefix(person);
  SLUIS_ASSIGN_OR_RETURN(const auto marks, transaction.Scan(Table::kDuty, prefix, {}, limit));
  for (const store::Document& document : marks) {
    store::v1::DutyMark mark;
    const auto casus =
        Uuid::FromBytes(std::string_view(document.key).substr(prefix.size(), kIdSize));
    // The duty of a mark that cannot be read stays, under a key that goes: nobody sees it any more.
    if (mark.ParseFromString(document.value) && casus.ok() && !mark.key().empty())
      SLUIS_RETURN_IF_ERROR(Remove(transaction, mark.key(), *casus));
    SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kDuty, document.key));
  }
  return marks.size();
}

absl::StatusOr<std::optional<store::v1::Correction>> ReadCorrection(store::Reader& reader,
                                                                    vault::Vault& vault,
                                                                    const Uuid& id) {
  std::string key(1, kCorrection);
  key.append(id.bytes());
  SLUIS_ASSIGN_OR_RETURN(const auto stored, reader.Get(Table::kDuty, key));
  if (!stored) return std::nullopt;
  auto correction = OpenOwned<store::v1::Correction>(vault, Use("correction", id.bytes()), *stored);
  if (ReasonOf(correction.status()) == "KEY_DESTROYED") return std::nullopt;
  if (!correction.ok()) return correction.status();
  return *std::move(correction);
}

absl::Status PutCorrection(store::Transaction& transaction, vault::Vault& vault, const Uuid& id,
                           const store::v1::Correction& correction) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(correction.person()));
  SLUIS_ASSIGN_OR_RETURN(const std::string sealed,
                         SealOwned(vault, person, Use("correction", id.bytes()), correction));
  std::string key(1, kCorrection);
  key.append(id.bytes());
  return transaction.Put(Table::kDuty, key, sealed);
}

absl::StatusOr<std::vector<store::v1::Review>> ReadReviews(store::Reader& reader,
                                                           vault::Vault& vault, bool closed,
                                                           uint64_t from, size_t limit) {
  const std::string after = from == 0 ? std::string() : ReviewKey(closed, from - 1);
  SLUIS_ASSIGN_OR_RETURN(
      const auto documents,
      reader.Scan(Table::kReview, std::string(1, closed ? kClosed : kOpen), after, limit));
  std::vector<store::v1::Review> reviews;
  for (const store::Document& document : documents) {
    SLUIS_ASSIGN_OR_RETURN(auto review, OpenReview(vault, document.key, document.value));
    reviews.push_back(std::move(review));
  }
  return reviews;
}

absl::StatusOr<std::optional<store::v1::Review>> FindReview(store::Reader& reader,
                                                            vault::Vault& vault, uint64_t entry) {
  for (const bool closed : {false, true}) {
    const std::string key = ReviewKey(closed, entry);
    SLUIS_ASSIGN_OR_RETURN(const auto stored, reader.Get(Table::kReview, key));
    if (!stored) continue;
    SLUIS_ASSIGN_OR_RETURN(auto review, OpenReview(vault, key, *stored));
    return review;
  }
  return std::nullopt;
}

absl::Status PutReview(store::Transaction& transaction, vault::Vault& vault,
                       const store::v1::Review& review) {
  std::string bytes;
  review.SerializeToString(&bytes);
  const bool closed = review.finding() != 0;
  const std::string key = ReviewKey(closed, review.entry());
  SLUIS_ASSIGN_OR_RETURN(const std::string sealed, vault.Seal(Uuid(), ReviewUse(key), bytes));
  SLUIS_RETURN_IF_ERROR(transaction.Delete(Table::kReview, ReviewKey(!closed, review.entry())));
  return transaction.Put(Table::kReview, key, sealed);
}

std::string ReviewTextUse(uint64_t entry) {
  std::string use = "review-text/";
  AppendU64(use, entry);
  return use;
}

}  // namespace sluis::state
