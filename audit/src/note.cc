#include "sluis/audit/note.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"

namespace sluis::audit {
namespace {

constexpr size_t kMaxNoteBytes = size_t{1} << 20;
constexpr size_t kMaxSignatures = 100;
constexpr size_t kKeyIdBytes = 4;
constexpr size_t kSignatureBytes = 64;
constexpr std::string_view kEd25519 = "\x01";
constexpr std::string_view kSignatureStart = "\xe2\x80\x94 ";  // U+2014 and a space

absl::Status MalformedNote(std::string_view message) {
  return InvalidArgument("NOTE_MALFORMED", message);
}
absl::Status MalformedVerifierKey(std::string_view message) {
  return InvalidArgument("VERIFIER_KEY_MALFORMED", message);
}
absl::Status MalformedSigningKey(std::string_view message) {
  return InvalidArgument("SIGNING_KEY_MALFORMED", message);
}
absl::Status SigningFailed() {
  return Internal("SIGNING_FAILED", "the cryptographic library failed to sign");
}

// What OpenSSL noted about a failure is told by our own errors, and must not wait in the thread's
// queue for the next TLS call to trip over.
class ErrorQueueGuard {
 public:
  ErrorQueueGuard() = default;
  ErrorQueueGuard(const ErrorQueueGuard&) = delete;
  ErrorQueueGuard& operator=(const ErrorQueueGuard&) = delete;
  ~ErrorQueueGuard() { ERR_clear_error(); }
};

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

std::shared_ptr<EVP_PKEY> Own(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

const unsigned char* Unsigned(std::string_view bytes) { return AsBytes(bytes).data(); }

// The first code point of valid UTF-8.
std::string_view FirstCodePoint(std::string_view text) {
  size_t end = 1;
  while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) ++end;
  return text.substr(0, end);
}

bool IsKeyName(std::string_view name) {
  if (name.empty() || name.find('+') != std::string_view::npos || !IsCleanText(name)) return false;
  while (!name.empty()) {
    const std::string_view c = FirstCodePoint(name);
    if (IsBlank(c)) return false;
    name.remove_prefix(c.size());
  }
  return true;
}

bool IsNoteText(std::string_view text) {
  return !text.empty() && text.back() == '\n' && text.find('\t') == std::string_view::npos &&
         IsCleanText(text, /*multiline=*/true);
}

absl::StatusOr<UnverifiedNote::Signature> ParseSignature(std::string_view line) {
  if (!line.starts_with(kSignatureStart)) return MalformedNote("not a signature line");
  line.remove_prefix(kSignatureStart.size());
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return MalformedNote("a signature line without signature");
  const std::string_view name = line.substr(0, space);
  if (!IsKeyName(name)) return MalformedNote("a signature line with a malformed key name");
  const auto bytes = Base64Decode(line.substr(space + 1));
  if (!bytes.ok() || bytes->size() <= kKeyIdBytes) return MalformedNote("a malformed signature");
  return UnverifiedNote::Signature{
      .name = name, .key_id = ReadU32(*bytes), .bytes = bytes->substr(kKeyIdBytes)};
}

}  // namespace

VerifierKey::VerifierKey(std::string_view name, const Digest& public_key,
                         std::shared_ptr<evp_pkey_st> key)
    : name_(name),
      id_(ReadU32(Sha256({name, "\n", kEd25519, public_key.bytes()}).bytes())),
      public_key_(public_key),
      key_(std::move(key)) {}

absl::StatusOr<VerifierKey> VerifierKey::FromPublicKey(std::string_view name,
                                                       std::string_view public_key) {
  if (!IsKeyName(name)) return MalformedVerifierKey("not a key name");
  const auto bytes = Digest::FromBytes(public_key);
  if (!bytes.ok()) return MalformedVerifierKey("an Ed25519 public key has 32 bytes");
  const ErrorQueueGuard guard;
  auto key = Own(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Unsigned(public_key),
                                             public_key.size()));
  if (key == nullptr) return MalformedVerifierKey("not an Ed25519 public key");
  return VerifierKey(name, *bytes, std::move(key));
}

absl::StatusOr<VerifierKey> VerifierKey::Parse(std::string_view text) {
  // Base64 may contain a plus, a name and a key id may not.
  const size_t first = text.find('+');
  const size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return MalformedVerifierKey("not <name>+<id>+<key>");
  const auto bytes = Base64Decode(text.substr(second + 1));
  if (!bytes.ok() || !bytes->starts_with(kEd25519)) {
    return MalformedVerifierKey("not the base64 of an Ed25519 key");
  }
  SLUIS_ASSIGN_OR_RETURN(
      VerifierKey key,
      FromPublicKey(text.substr(0, first), std::string_view(*bytes).substr(kEd25519.size())));
  if (key.ToString() != text) return MalformedVerifierKey("the key id is not the key's");
  return key;
}

std::string VerifierKey::ToString() const {
  std::string id;
  AppendU32(id, id_);
  std::string bytes(kEd25519);
  bytes.append(public_key());
  return name_ + "+" + HexEncode(id) + "+" + Base64Encode(bytes);
}

bool VerifierKey::Verifies(std::string_view text, std::string_view signature) const {
  const ErrorQueueGuard guard;
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  return context != nullptr && signature.size() == kSignatureBytes &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), Unsigned(signature), signature.size(), Unsigned(text),
                          text.size()) == 1;
}

SigningKey::SigningKey(VerifierKey verifier, std::shared_ptr<evp_pkey_st> key)
    : verifier_(std::move(verifier)), key_(std::move(key)) {}

absl::StatusOr<SigningKey> SigningKey::FromKey(std::string_view name,
                                               std::shared_ptr<evp_pkey_st> key) {
  if (!IsKeyName(name)) return MalformedSigningKey("not a key name");
  if (key == nullptr || EVP_PKEY_is_a(key.get(), "ED25519") != 1) {
    return MalformedSigningKey("not an Ed25519 private key");
  }
  std::string public_key(Digest::kSize, '\0');
  size_t size = public_key.size();
  auto* const out = reinterpret_cast<unsigned char*>(public_key.data());
  if (EVP_PKEY_get_raw_public_key(key.get(), out, &size) != 1) return SigningFailed();
  SLUIS_ASSIGN_OR_RETURN(VerifierKey verifier, VerifierKey::FromPublicKey(name, public_key));
  return SigningKey(std::move(verifier), std::move(key));
}

absl::StatusOr<SigningKey> SigningKey::Generate(std::string_view name) {
  const ErrorQueueGuard guard;
  auto key = Own(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key == nullptr) return Internal("SIGNING_FAILED", "no key could be generated");
  return FromKey(name, std::move(key));
}

absl::StatusOr<SigningKey> SigningKey::FromSeed(std::string_view name, const SecretBytes& seed) {
  const ErrorQueueGuard guard;
  return FromKey(name, Own(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                                        Unsigned(seed.Reveal()), seed.size())));
}

absl::StatusOr<SigningKey> SigningKey::FromPem(std::string_view name, const SecretBytes& pem) {
  const ErrorQueueGuard guard;
  if (pem.size() > kMaxNoteBytes) return MalformedSigningKey("far too long for a key");
  const std::unique_ptr<BIO, FreeBio> bio(
      BIO_new_mem_buf(pem.Reveal().data(), static_cast<int>(pem.size())));
  // Without a callback OpenSSL would ask for a password on the terminal.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  if (bio == nullptr) return SigningFailed();
  return FromKey(name, Own(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr)));
}

absl::StatusOr<SecretBytes> SigningKey::ToPem() const {
  const ErrorQueueGuard guard;
  const std::unique_ptr<BIO, FreeBio> bio(BIO_new(BIO_s_secmem()));
  if (bio == nullptr || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0,
                                                      nullptr, nullptr) != 1) {
    return SigningFailed();
  }
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return SecretBytes(std::string_view(data, static_cast<size_t>(size)));
}

absl::StatusOr<std::string> SigningKey::Sign(std::string_view text) const {
  const ErrorQueueGuard guard;
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  std::array<unsigned char, kSignatureBytes> signature{};
  size_t size = signature.size();
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, Unsigned(text), text.size()) != 1 ||
      size != signature.size()) {
    return SigningFailed();
  }
  return std::string(signature.begin(), signature.end());
}

absl::StatusOr<std::string> SignNote(std::string_view text, const SigningKey& key) {
  if (!IsNoteText(text)) return MalformedNote("text that cannot be a note's");
  SLUIS_ASSIGN_OR_RETURN(const std::string signature, key.Sign(text));
  std::string bytes;
  AppendU32(bytes, key.verifier().id());
  bytes.append(signature);
  std::string note(text);
  note.append("\n").append(kSignatureStart).append(key.name()).append(" ");
  note.append(Base64Encode(bytes)).append("\n");
  if (note.size() > kMaxNoteBytes) return MalformedNote("too long for a note");
  return note;
}

absl::StatusOr<UnverifiedNote> ParseNoteUnverified(std::string_view note) {
  if (note.size() > kMaxNoteBytes) return MalformedNote("too long for a note");
  if (!IsNoteText(note)) return MalformedNote("not lines of clean UTF-8 text");
  const size_t blank = note.rfind("\n\n");
  if (blank == std::string_view::npos) return MalformedNote("no empty line before signatures");
  UnverifiedNote parsed{.text = note.substr(0, blank + 1), .signatures = {}};
  std::string_view lines = note.substr(blank + 2);
  if (lines.empty()) return MalformedNote("no signatures");
  while (!lines.empty()) {
    if (parsed.signatures.size() == kMaxSignatures) return MalformedNote("too many signatures");
    const size_t end = lines.find('\n');
    SLUIS_ASSIGN_OR_RETURN(UnverifiedNote::Signature signature,
                           ParseSignature(lines.substr(0, end)));
    const auto same_key = [&](const UnverifiedNote::Signature& other) {
      return other.name == signature.name && other.key_id == signature.key_id;
    };
    if (std::ranges::any_of(parsed.signatures, same_key)) {
      return MalformedNote("two signatures of one key");
    }
    parsed.signatures.push_back(std::move(signature));
    lines.remove_prefix(end + 1);
  }
  return parsed;
}

absl::StatusOr<VerifiedNote> VerifyNote(std::string_view note, std::span<const VerifierKey> keys) {
  SLUIS_ASSIGN_OR_RETURN(const UnverifiedNote parsed, ParseNoteUnverified(note));
  VerifiedNote verified{.text = std::string(parsed.text), .signers = {}};
  for (const UnverifiedNote::Signature& signature : parsed.signatures) {
    // Two known keys may share name and key id, if somebody went to that trouble.
    bool known = false;
    bool verifies = false;
    for (const VerifierKey& key : keys) {
      if (key.name() != signature.name || key.id() != signature.key_id) continue;
      known = true;
      verifies = verifies || key.Verifies(parsed.text, signature.bytes);
    }
    if (!known) continue;
    if (!verifies) return DataLoss("NOTE_SIGNATURE", "a signature does not fit the text");
    verified.signers.emplace_back(signature.name);
  }
  if (verified.signers.empty()) {
    return FailedPrecondition("NOTE_UNKNOWN_KEY", "no signature is of a known key");
  }
  return verified;
}

}  // namespace sluis::audit
