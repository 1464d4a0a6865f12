#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/audit/digest.h"
#include "sluis/base/secret_bytes.h"

// OpenSSL's own names, so that no header of it is needed here.
struct evp_pkey_st;

// Signed notes (C2SP signed-note) with Ed25519:
//
//   text, which ends in a newline
//   an empty line (the last one of the note)
//   — <key name> <base64 of 4 bytes key id ‖ 64 bytes signature over the text>
//   …one such line a signature
//
// Text is UTF-8 without control characters other than the newline. We are stricter than C2SP in
// three ways: DEL and the C1 controls count as control characters, a name has no zero-width
// characters either, and two signatures with one name and key id make a note malformed.
namespace sluis::audit {

// What a reader needs to verify the notes of one signer. A value: immutable, always well formed,
// safe to share between threads.
class VerifierKey {
 public:
  // The text form `<name>+<key id in 8 lower-case hex digits>+<base64 of 0x01 ‖ public key>`.
  // INVALID_ARGUMENT / VERIFIER_KEY_MALFORMED for anything else, a key id that is not the key's
  // included.
  static absl::StatusOr<VerifierKey> Parse(std::string_view text);
  // INVALID_ARGUMENT / VERIFIER_KEY_MALFORMED unless `name` may name a key (not empty, no white
  // space, no plus) and `public_key` is 32 bytes.
  static absl::StatusOr<VerifierKey> FromPublicKey(std::string_view name,
                                                   std::string_view public_key);

  [[nodiscard]] std::string ToString() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  // The first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key).
  [[nodiscard]] uint32_t id() const { return id_; }
  [[nodiscard]] std::string_view public_key() const { return public_key_.bytes(); }

  [[nodiscard]] bool Verifies(std::string_view text, std::string_view signature) const;

  friend bool operator==(const VerifierKey& a, const VerifierKey& b) {
    return a.name_ == b.name_ && a.public_key_ == b.public_key_;
  }

 private:
  VerifierKey(std::string_view name, const Digest& public_key, std::shared_ptr<evp_pkey_st> key);

  std::string name_;
  uint32_t id_;
  Digest public_key_;  // not a digest, but 32 bytes just the same
  std::shared_ptr<evp_pkey_st> key_;
};

// What signs notes. Cheap to copy, copies share the key; the key leaves only through ToPem(). Const
// functions may be called from several threads at once.
//
// Errors. INVALID_ARGUMENT / SIGNING_KEY_MALFORMED for a name or key that is none,
//         INTERNAL / SIGNING_FAILED when the cryptographic library fails.
class SigningKey {
 public:
  // A new random key.
  static absl::StatusOr<SigningKey> Generate(std::string_view name);
  // The 32-byte seed of RFC 8032.
  static absl::StatusOr<SigningKey> FromSeed(std::string_view name, const SecretBytes& seed);
  // An unencrypted PKCS #8 key in PEM ("BEGIN PRIVATE KEY"), as `openssl genpkey -algorithm
  // ed25519` writes it.
  static absl::StatusOr<SigningKey> FromPem(std::string_view name, const SecretBytes& pem);
  [[nodiscard]] absl::StatusOr<SecretBytes> ToPem() const;

  [[nodiscard]] const std::string& name() const { return verifier_.name(); }
  [[nodiscard]] const VerifierKey& verifier() const { return verifier_; }

  // The 64-byte signature over `text`.
  [[nodiscard]] absl::StatusOr<std::string> Sign(std::string_view text) const;

 private:
  SigningKey(VerifierKey verifier, std::shared_ptr<evp_pkey_st> key);
  static absl::StatusOr<SigningKey> FromKey(std::string_view name,
                                            std::shared_ptr<evp_pkey_st> key);

  VerifierKey verifier_;
  std::shared_ptr<evp_pkey_st> key_;
};

// The note with `text`, signed by `key`. INVALID_ARGUMENT / NOTE_MALFORMED when a note cannot have
// that text: it does not end in a newline or has other control characters.
absl::StatusOr<std::string> SignNote(std::string_view text, const SigningKey& key);

struct VerifiedNote {
  std::string text;
  // The names of the known keys whose signatures verified, in the order of the note; at least one.
  std::vector<std::string> signers;
};

// The text of `note`, if keys that are known vouch for it. Signatures of unknown keys are ignored.
//   INVALID_ARGUMENT     NOTE_MALFORMED    no note: see above; also above 1 MiB or 100 signatures;
//   DATA_LOSS            NOTE_SIGNATURE    the signature of a known key does not fit the text;
//   FAILED_PRECONDITION  NOTE_UNKNOWN_KEY  none of the signatures is of a known key.
// For bytes from anywhere: never fails in another way.
absl::StatusOr<VerifiedNote> VerifyNote(std::string_view note, std::span<const VerifierKey> keys);

// A note taken apart but NOT verified: nothing in it may be believed. Views into the note.
struct UnverifiedNote {
  struct Signature {
    std::string_view name;
    uint32_t key_id = 0;
    std::string bytes;
  };
  std::string_view text;
  std::vector<Signature> signatures;
};

// INVALID_ARGUMENT / NOTE_MALFORMED as above.
absl::StatusOr<UnverifiedNote> ParseNoteUnverified(std::string_view note);

}  // namespace sluis::audit
