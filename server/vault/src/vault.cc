#include "sluis/vault/vault.h"

#include <list>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"
#include "sluis/crypto/crypto.h"
#include "sluis/store/sqlite_db.h"

namespace sluis::vault {
namespace {

using store::SqliteDb;

constexpr size_t kCachedKeys = 4096;

std::string Context(const Uuid& owner, std::string_view use) {
  std::string context(owner.bytes());
  context.append(use);
  return context;
}

// What is at hand of an owner whose key was used lately.
struct Owner {
  explicit Owner(SecretBytes given) : key(std::move(given)) {}
  // Under the key. For answers, so of the broker alone: made when it is needed.
  [[nodiscard]] const crypto::Mac& mac() const {
    std::call_once(once, [this] { made.emplace(key); });
    return *made;
  }
  const SecretBytes key;
  std::string pseudonym;

 private:
  mutable std::once_flag once;
  mutable std::optional<crypto::Mac> made;
};

}  // namespace

struct Vault::State {
  State(SecretBytes wrapping, SecretBytes bsn, const SecretBytes& pseudonym,
        const SecretBytes& request)
      : wrapping_key(std::move(wrapping)),
        bsn_key(std::move(bsn)),
        pseudonyms(pseudonym),
        requests(request) {}

  std::unique_ptr<SqliteDb> db ABSL_GUARDED_BY(mutex);
  const SecretBytes wrapping_key;
  const SecretBytes bsn_key;
  const crypto::Mac pseudonyms;
  const crypto::Mac requests;
  Mutex mutex;
  // Most recently used first. Shared, so that sealing needs no lock.
  std::list<std::pair<Uuid, std::shared_ptr<const Owner>>> recent ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<Uuid, decltype(recent)::iterator> cache ABSL_GUARDED_BY(mutex);

  void Remember(const Uuid& owner, std::shared_ptr<const Owner> key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    recent.emplace_front(owner, std::move(key));
    cache[owner] = recent.begin();
    if (recent.size() > kCachedKeys) {
      cache.erase(recent.back().first);
      recent.pop_back();
    }
  }

  std::shared_ptr<const Owner> Recall(const Uuid& owner) {
    const MutexLock lock(mutex);
    return Recalled(owner);
  }
  std::shared_ptr<const Owner> Recalled(const Uuid& owner) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const auto found = cache.find(owner);
    if (found == cache.end()) return nullptr;
    recent.splice(recent.begin(), recent, found->second);
    return found->second->second;
  }

  absl::StatusOr<std::shared_ptr<const Owner>> Find(const Uuid& owner) {
    const MutexLock lock(mutex);
    if (auto recalled = Recalled(owner)) return recalled;
    SLUIS_ASSIGN_OR_RETURN(auto query,
                           db->Prepare("SELECT wrapped FROM owner_key WHERE owner = ?1"));
    SLUIS_ASSIGN_OR_RETURN(const bool row, query.Bind(1, owner.bytes()).Step());
    if (!row)
      return NotFound("KEY_DESTROYED", "the key of this person or casus does not exist (any more)");
    SLUIS_ASSIGN_OR_RETURN(std::string bytes,
                           crypto::Open(wrapping_key, owner.bytes(), query.Bytes(0)));
    auto read = std::make_shared<Owner>(SecretBytes::Take(std::move(bytes)));
    SLUIS_ASSIGN_OR_RETURN(read->pseudonym, PseudonymOf(owner));
    std::shared_ptr<const Owner> kept = std::move(read);
    Remember(owner, kept);
    return kept;
  }

  [[nodiscard]] absl::StatusOr<std::string> PseudonymOf(const Uuid& person) const {
    SLUIS_ASSIGN_OR_RETURN(std::string mac, pseudonyms.Of(person.bytes()));
    mac.resize(16);
    return mac;
  }

  absl::Status Insert(const Uuid& owner) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    SLUIS_ASSIGN_OR_RETURN(const SecretBytes key, crypto::RandomKey());
    SLUIS_ASSIGN_OR_RETURN(const std::string wrapped,
                           crypto::Seal(wrapping_key, owner.bytes(), key.Reveal()));
    SLUIS_ASSIGN_OR_RETURN(auto statement, db->Prepare("INSERT INTO owner_key VALUES (?1, ?2)"));
    return statement.Bind(1, owner.bytes()).Bind(2, wrapped).Run();
  }
};

Vault::Vault(std::unique_ptr<State> state) : state_(std::move(state)) {}
Vault::~Vault() = default;

absl::StatusOr<std::unique_ptr<Vault>> Vault::Open(const std::string& path,
                                                   const SecretBytes& master) {
  if (master.size() != crypto::kKeyBytes)
    return InvalidArgument("MASTER_KEY_WRONG", "the master key has to be 32 bytes");
  SLUIS_ASSIGN_OR_RETURN(auto db, SqliteDb::Open(path, SqliteDb::Mode::kReadWrite));
  // secure_delete overwrites destroyed keys in the file.
  SLUIS_RETURN_IF_ERROR(db->Execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"));
  SLUIS_RETURN_IF_ERROR(db->Migrate(
      {"CREATE TABLE owner_key (owner BLOB PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID;"
       "CREATE TABLE bsn_index (hmac BLOB PRIMARY KEY, person BLOB NOT NULL) WITHOUT ROWID;"
       "CREATE INDEX bsn_person ON bsn_index (person);"
       "CREATE TABLE master_check (id INTEGER PRIMARY KEY CHECK (id = 1), sealed BLOB NOT "
       "NULL);"}));
  SLUIS_ASSIGN_OR_RETURN(SecretBytes wrapping, crypto::DeriveKey(master, "sluis key wrapping v1"));
  SLUIS_ASSIGN_OR_RETURN(SecretBytes bsn, crypto::DeriveKey(master, "sluis bsn index v1"));
  SLUIS_ASSIGN_OR_RETURN(const SecretBytes pseudonym,
                         crypto::DeriveKey(master, "sluis log pseudonym v1"));
  SLUIS_ASSIGN_OR_RETURN(const SecretBytes request,
                         crypto::DeriveKey(master, "sluis request name v1"));
  auto state = std::make_unique<State>(std::move(wrapping), std::move(bsn), pseudonym, request);
  {
    SLUIS_ASSIGN_OR_RETURN(auto query, db->Prepare("SELECT sealed FROM master_check WHERE id = 1"));
    SLUIS_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (row && !crypto::Open(state->wrapping_key, "master check", query.Bytes(0)).ok()) {
      return DataLoss("MASTER_KEY_WRONG", "the key database was made with another master key");
    }
    if (!row) {
      SLUIS_ASSIGN_OR_RETURN(const std::string sealed,
                             crypto::Seal(state->wrapping_key, "master check", "sluis"));
      SLUIS_ASSIGN_OR_RETURN(auto insert, db->Prepare("INSERT INTO master_check VALUES (1, ?1)"));
      SLUIS_RETURN_IF_ERROR(insert.Bind(1, sealed).Run());
    }
  }
  {
    const MutexLock lock(state->mutex);
    state->db = std::move(db);
  }
  return std::unique_ptr<Vault>(new Vault(std::move(state)));
}

absl::Status Vault::CreateKey(const Uuid& owner) {
  const MutexLock lock(state_->mutex);
  return state_->Insert(owner);
}

absl::StatusOr<Uuid> Vault::PersonWithBsn(std::string_view bsn) {
  SLUIS_ASSIGN_OR_RETURN(const std::string hmac, crypto::Hmac(state_->bsn_key, bsn));
  const MutexLock lock(state_->mutex);
  {
    SLUIS_ASSIGN_OR_RETURN(auto query,
                           state_->db->Prepare("SELECT person FROM bsn_index WHERE hmac = ?1"));
    SLUIS_ASSIGN_OR_RETURN(const bool row, query.Bind(1, hmac).Step());
    if (row) return Uuid::FromBytes(query.Bytes(0));
  }
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, crypto::RandomUuid());
  SLUIS_RETURN_IF_ERROR(state_->db->Execute("BEGIN IMMEDIATE"));
  absl::Status status = state_->Insert(person);
  if (status.ok()) {
    auto insert = state_->db->Prepare("INSERT INTO bsn_index VALUES (?1, ?2)");
    status = insert.ok() ? insert->Bind(1, hmac).Bind(2, person.bytes()).Run() : insert.status();
  }
  if (status.ok()) status = state_->db->Execute("COMMIT");
  if (!status.ok()) {
    static_cast<void>(state_->db->Execute("ROLLBACK"));
    return status;
  }
  return person;
}

absl::Status Vault::DestroyKey(const Uuid& owner) {
  const MutexLock lock(state_->mutex);
  const auto found = state_->cache.find(owner);
  if (found != state_->cache.end()) {
    state_->recent.erase(found->second);
    state_->cache.erase(found);
  }
  SLUIS_RETURN_IF_ERROR(state_->db->Execute("BEGIN IMMEDIATE"));
  absl::Status status;
  for (const std::string_view sql :
       {"DELETE FROM owner_key WHERE owner = ?1", "DELETE FROM bsn_index WHERE person = ?1"}) {
    auto statement = state_->db->Prepare(sql);
    if (status.ok())
      status = statement.ok() ? statement->Bind(1, owner.bytes()).Run() : statement.status();
  }
  if (status.ok()) status = state_->db->Execute("COMMIT");
  if (!status.ok()) {
    static_cast<void>(state_->db->Execute("ROLLBACK"));
    return status;
  }
  // The write-ahead log still holds the page as it was. That somebody else is reading is a result
  // here and no error.
  // Nobody gets at a key meanwhile, so it does not wait for long.
  SLUIS_RETURN_IF_ERROR(state_->db->Execute("PRAGMA busy_timeout = 250"));
  SqliteDb& db = *state_->db;  // a lambda does not show that we hold the lock
  const auto truncated = [&db]() -> absl::StatusOr<bool> {
    SLUIS_ASSIGN_OR_RETURN(auto truncate, db.Prepare("PRAGMA wal_checkpoint(TRUNCATE)"));
    SLUIS_ASSIGN_OR_RETURN(const bool row, truncate.Step());
    return row && truncate.Int(0) == 0;
  }();
  SLUIS_RETURN_IF_ERROR(state_->db->Execute("PRAGMA busy_timeout = 5000"));
  SLUIS_RETURN_IF_ERROR(truncated.status());
  if (!*truncated) {
    return Unavailable("STORE_LOCKED",
                       "the key is destroyed, but another process keeps its old page readable");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Vault::HasKey(const Uuid& owner) {
  const auto found = state_->Find(owner);
  if (found.ok()) return true;
  if (ReasonOf(found.status()) == "KEY_DESTROYED") return false;
  return found.status();
}

bool Vault::Remembers(const Uuid& owner) const {
  const MutexLock lock(state_->mutex);
  return state_->cache.find(owner) != state_->cache.end();
}

absl::StatusOr<std::string> Vault::Seal(const Uuid& owner, std::string_view use,
                                        std::string_view plaintext) {
  SLUIS_ASSIGN_OR_RETURN(const auto found, state_->Find(owner));
  return crypto::Seal(found->key, Context(owner, use), plaintext);
}

absl::StatusOr<std::string> Vault::Open(const Uuid& owner, std::string_view use,
                                        std::string_view sealed) {
  SLUIS_ASSIGN_OR_RETURN(const auto found, state_->Find(owner));
  return crypto::Open(found->key, Context(owner, use), sealed);
}

absl::StatusOr<std::vector<std::string>> Vault::OpenAll(const Uuid& owner,
                                                        const std::vector<Sealed>& documents) {
  // Nothing asks for no key: who is refused learns so too when the key is gone.
  if (documents.empty()) return std::vector<std::string>();
  SLUIS_ASSIGN_OR_RETURN(const auto found, state_->Find(owner));
  std::vector<crypto::Sealed> sealed;
  sealed.reserve(documents.size());
  for (const Sealed& document : documents)
    sealed.push_back({Context(owner, document.use), document.bytes});
  return crypto::OpenAll(found->key, sealed);
}

absl::StatusOr<SecretBytes> Vault::AnswerKey(const Uuid& owner, const Uuid& request_id) {
  SLUIS_ASSIGN_OR_RETURN(const auto found, state_->Find(owner));
  // HKDF-Expand (RFC 5869) for one block of output.
  std::string info = "sluis answer v1";
  info.append(request_id.bytes());
  info.push_back('\x01');
  SLUIS_ASSIGN_OR_RETURN(std::string derived, found->mac().Of(info));
  return SecretBytes::Take(std::move(derived));
}

absl::StatusOr<std::string> Vault::SealAnswer(const Uuid& owner, const Uuid& request_id,
                                              std::string_view answer) {
  SLUIS_ASSIGN_OR_RETURN(const SecretBytes key, AnswerKey(owner, request_id));
  return crypto::Seal(key, Context(owner, "answer"), answer);
}

absl::StatusOr<std::string> Vault::OpenAnswer(const Uuid& owner, const Uuid& request_id,
                                              std::string_view sealed) {
  SLUIS_ASSIGN_OR_RETURN(const SecretBytes key, AnswerKey(owner, request_id));
  return crypto::Open(key, Context(owner, "answer"), sealed);
}

absl::StatusOr<std::string> Vault::Pseudonym(const Uuid& person) const {
  if (const auto recalled = state_->Recall(person)) return recalled->pseudonym;
  return state_->PseudonymOf(person);
}

absl::StatusOr<std::string> Vault::RequestName(std::string_view partij,
                                               const Uuid& request_id) const {
  std::string name(partij);
  name.push_back('\0');
  name.append(request_id.bytes());
  SLUIS_ASSIGN_OR_RETURN(std::string mac, state_->requests.Of(name));
  mac.resize(16);
  if (request_id.version() != 7) return mac;
  // Its milliseconds in front: what is asked at the same time then lies together, and a batch of
  // calls touches one page of the store instead of one each. The entry tells the time as well.
  std::string ordered(request_id.bytes().substr(0, 6));
  ordered.append(mac);
  return ordered;
}

}  // namespace sluis::vault
