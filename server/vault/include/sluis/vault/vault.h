#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/base/secret_bytes.h"
#include "sluis/base/uuid.h"

namespace sluis::vault {

// Keys of persons and casussen, and everything sealed with them.
//
// A key lives in a database file of its own, wrapped by the key-encryption key; destroying it makes
// everything about that person unreadable, and leaves the log verifiable. Beside it stands the
// index from BSN to person, an HMAC that dies with the key.
//
// Thread-safe. Keys in use are kept in memory, a bounded number of them. Errors: NOT_FOUND /
// KEY_DESTROYED for a key that is not (or no longer) there; DATA_LOSS / SEAL_BROKEN for bytes that
// were not sealed with it for this use; UNAVAILABLE / STORE_FAILED.
class Vault {
 public:
  // Opens, or creates, the key database in the file `path`. `master` is the broker's master key, 32
  // bytes; the key-encryption key, the BSN index key and the pseudonym key are derived from it.
  // DATA_LOSS / MASTER_KEY_WRONG when the file was made with another one.
  static absl::StatusOr<std::unique_ptr<Vault>> Open(const std::string& path,
                                                     const SecretBytes& master);
  Vault(const Vault&) = delete;
  Vault& operator=(const Vault&) = delete;
  ~Vault();

  // Makes a key for a new owner (a person or a casus). Durable when OK.
  absl::Status CreateKey(const Uuid& owner);
  // The person with this BSN, made with a new key when there is none. Durable when OK.
  absl::StatusOr<Uuid> PersonWithBsn(std::string_view bsn);
  // Destroys the key and the index entries of its owner: overwritten in the file, the write-ahead
  // log truncated, forgotten in memory. Durable when OK. OK also when there is no such key.
  // UNAVAILABLE / STORE_LOCKED: nobody can use the key any more, but another process that reads the
  // file keeps the old page from being overwritten; to be repeated.
  absl::Status DestroyKey(const Uuid& owner);
  [[nodiscard]] absl::StatusOr<bool> HasKey(const Uuid& owner);

  // Whether sealing and opening for this owner would, just now, touch no disk.
  [[nodiscard]] bool Remembers(const Uuid& owner) const;

  // Seals for one use of one owner; `use` names the kind of document and its id.
  absl::StatusOr<std::string> Seal(const Uuid& owner, std::string_view use,
                                   std::string_view plaintext);
  absl::StatusOr<std::string> Open(const Uuid& owner, std::string_view use,
                                   std::string_view sealed);
  // Opens several documents of one owner; all or none.
  struct Sealed {
    std::string use;
    std::string_view bytes;
  };
  absl::StatusOr<std::vector<std::string>> OpenAll(const Uuid& owner,
                                                   const std::vector<Sealed>& documents);

  // The same for answers, each under a key of its own, derived from the owner's and the request_id.
  // One key must not seal more than 2^32 messages with random nonces (NIST SP 800-38D, 8.3), and
  // the broker answers more often; besides, only who knows the request_id can have its answer
  // opened.
  absl::StatusOr<std::string> SealAnswer(const Uuid& owner, const Uuid& request_id,
                                         std::string_view answer);
  absl::StatusOr<std::string> OpenAnswer(const Uuid& owner, const Uuid& request_id,
                                         std::string_view sealed);

  // The name of a person in the audit log: keyed, 16 bytes, the same in every entry, not reversible
  // without the broker's key.
  [[nodiscard]] absl::StatusOr<std::string> Pseudonym(const Uuid& person) const;
  // The name under which a request_id of a partij is kept: keyed, 16 bytes, for a UUID of version 7
  // behind its six bytes of time, so that names made together sort together. The random part of the
  // id is kept nowhere, because it is what keeps the hash of a request from being guessed.
  [[nodiscard]] absl::StatusOr<std::string> RequestName(std::string_view partij,
                                                        const Uuid& request_id) const;

 private:
  struct State;
  absl::StatusOr<SecretBytes> AnswerKey(const Uuid& owner, const Uuid& request_id);
  explicit Vault(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluis::vault
