#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "sluis/base/secret_bytes.h"
#include "sluis/base/uuid.h"

// The few cryptographic operations the broker needs, each one call to OpenSSL's EVP.
namespace sluis::crypto {

inline constexpr size_t kKeyBytes = 32;

// `size` bytes from the system's random generator. INTERNAL / RANDOM_FAILED when there are none.
absl::StatusOr<std::string> RandomBytes(size_t size);
// A random key of 32 bytes.
absl::StatusOr<SecretBytes> RandomKey();
// A random UUID (version 4).
absl::StatusOr<Uuid> RandomUuid();
// A time-ordered UUID (version 7) for the instant `unix_millis`.
absl::StatusOr<Uuid> TimeUuid(int64_t unix_millis);

// AES-256-GCM: nonce (12) ‖ ciphertext ‖ tag (16). `context` is authenticated and not stored: what
// was sealed for one place does not open in another.
absl::StatusOr<std::string> Seal(const SecretBytes& key, std::string_view context,
                                 std::string_view plaintext);
// DATA_LOSS / SEAL_BROKEN for anything that Seal() with this key and context did not make.
absl::StatusOr<std::string> Open(const SecretBytes& key, std::string_view context,
                                 std::string_view sealed);

// Several documents under one key, which is set up once. All or none.
struct Sealed {
  std::string context;
  std::string_view bytes;
};
absl::StatusOr<std::vector<std::string>> OpenAll(const SecretBytes& key,
                                                 const std::vector<Sealed>& documents);

// HKDF-SHA256 (RFC 5869) without salt: a key for one use, named by `label`.
absl::StatusOr<SecretBytes> DeriveKey(const SecretBytes& master, std::string_view label);
// HMAC-SHA256, 32 bytes.
absl::StatusOr<std::string> Hmac(const SecretBytes& key, std::string_view message);

// HMAC-SHA256 under a key that is used often: it is set up once, and stays set up in OpenSSL's
// contexts, which are cleansed when this ends. Thread-safe.
class Mac {
 public:
  explicit Mac(const SecretBytes& key);
  Mac(Mac&&) noexcept;
  Mac& operator=(Mac&&) noexcept;
  ~Mac();
  // 32 bytes. INTERNAL / CRYPTO_FAILED.
  [[nodiscard]] absl::StatusOr<std::string> Of(std::string_view message) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluis::crypto
