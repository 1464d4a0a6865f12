#include "sluis/crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"

namespace sluis::crypto {
namespace {

constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

absl::Status CryptoFailed() {
  return Internal("CRYPTO_FAILED", "a cryptographic operation failed");
}
absl::Status Broken() { return DataLoss("SEAL_BROKEN", "a sealed document does not open"); }

struct CipherDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, CipherDeleter>;

// Fetched once: a fetch on every use costs more than a short message.
const EVP_CIPHER* Aes256Gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

// A context is made once a thread. It is reset after use, not before: it holds the expanded key.
class CipherInUse {
 public:
  CipherInUse() : context_(OfThread()) {}
  CipherInUse(const CipherInUse&) = delete;
  CipherInUse& operator=(const CipherInUse&) = delete;
  ~CipherInUse() { EVP_CIPHER_CTX_reset(context_); }
  [[nodiscard]] EVP_CIPHER_CTX* get() const { return context_; }

 private:
  static EVP_CIPHER_CTX* OfThread() {
    thread_local const Cipher context(EVP_CIPHER_CTX_new());
    return context.get();
  }
  EVP_CIPHER_CTX* const context_;
};

const unsigned char* Data(std::string_view bytes) { return AsBytes(bytes).data(); }
unsigned char* Data(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

// Random bytes for nonces, salts and ids, drawn from OpenSSL in blocks: a draw costs about as much
// for 16 bytes as for hundreds. A byte is given once and forgotten here. Keys are drawn by
// themselves.
class RandomBlock {
 public:
  RandomBlock() = default;
  RandomBlock(const RandomBlock&) = delete;
  RandomBlock& operator=(const RandomBlock&) = delete;
  ~RandomBlock() { OPENSSL_cleanse(block_.data(), block_.size()); }

  bool Draw(unsigned char* out, size_t size) {
    if (size > block_.size()) return RAND_bytes(out, static_cast<int>(size)) == 1;
    if (size > block_.size() - used_) {
      used_ = block_.size();
      if (RAND_bytes(block_.data(), static_cast<int>(block_.size())) != 1) return false;
      used_ = 0;
    }
    std::copy_n(block_.begin() + used_, size, out);
    OPENSSL_cleanse(block_.data() + used_, size);
    used_ += size;
    return true;
  }

 private:
  std::array<unsigned char, 1024> block_{};
  size_t used_ = sizeof(block_);
};
bool Draw(unsigned char* out, size_t size) {
  thread_local RandomBlock block;
  return block.Draw(out, size);
}

struct MacDeleter {
  // Cleanses the key as well.
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using MacContext = std::unique_ptr<EVP_MAC_CTX, MacDeleter>;

// A context for HMAC-SHA256 with its key; null when OpenSSL cannot.
MacContext NewHmac(const SecretBytes& key) {
  static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  MacContext context(EVP_MAC_CTX_new(mac));
  std::string digest = "SHA256";
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  if (context == nullptr ||
      EVP_MAC_init(context.get(), Data(key.Reveal()), key.size(), parameters.data()) != 1)
    return nullptr;
  return context;
}

// With a context that was just given its key, or begun again with it.
absl::StatusOr<std::string> MacOf(EVP_MAC_CTX* context, std::string_view message) {
  std::string out(32, '\0');
  size_t written = 0;
  if (EVP_MAC_update(context, Data(message), message.size()) != 1 ||
      EVP_MAC_final(context, Data(out), &written, out.size()) != 1 || written != out.size())
    return CryptoFailed();
  return out;
}

void SetVersion(std::array<uint8_t, 16>& bytes, uint8_t version) {
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | (version << 4));
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
}

}  // namespace

absl::StatusOr<std::string> RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  if (!Draw(Data(bytes), size)) {
    return Internal("RANDOM_FAILED", "the random generator failed");
  }
  return bytes;
}

absl::StatusOr<SecretBytes> RandomKey() {
  std::string bytes(kKeyBytes, '\0');
  if (RAND_priv_bytes(Data(bytes), static_cast<int>(kKeyBytes)) != 1) {
    return Internal("RANDOM_FAILED", "the random generator failed");
  }
  return SecretBytes::Take(std::move(bytes));
}

absl::StatusOr<Uuid> RandomUuid() {
  std::array<uint8_t, 16> bytes{};
  if (!Draw(bytes.data(), bytes.size())) {
    return Internal("RANDOM_FAILED", "the random generator failed");
  }
  SetVersion(bytes, 4);
  return Uuid(bytes);
}

absl::StatusOr<Uuid> TimeUuid(int64_t unix_millis) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid random, RandomUuid());
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < 16; ++i) bytes[i] = static_cast<uint8_t>(random.bytes()[i]);
  for (size_t i = 0; i < 6; ++i) bytes[i] = static_cast<uint8_t>(unix_millis >> (8 * (5 - i)));
  SetVersion(bytes, 7);
  return Uuid(bytes);
}

absl::StatusOr<std::string> Seal(const SecretBytes& key, std::string_view context,
                                 std::string_view plaintext) {
  if (key.size() != kKeyBytes) return CryptoFailed();
  std::string out(kNonceBytes + plaintext.size() + kTagBytes, '\0');
  unsigned char* const nonce = Data(out);
  unsigned char* const body = nonce + kNonceBytes;
  unsigned char* const tag = body + plaintext.size();
  const CipherInUse in_use;
  EVP_CIPHER_CTX* const cipher = in_use.get();
  int written = 0;
  int last = 0;
  if (!Draw(nonce, kNonceBytes) ||
      EVP_EncryptInit_ex(cipher, Aes256Gcm(), nullptr, Data(key.Reveal()), nonce) != 1 ||
      EVP_EncryptUpdate(cipher, nullptr, &written, Data(context),
                        static_cast<int>(context.size())) != 1 ||
      EVP_EncryptUpdate(cipher, body, &written, Data(plaintext),
                        static_cast<int>(plaintext.size())) != 1 ||
      EVP_EncryptFinal_ex(cipher, body + written, &last) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, kTagBytes, tag) != 1) {
    return CryptoFailed();
  }
  return out;
}

namespace {

// With a cipher that has the key.
absl::StatusOr<std::string> OpenOne(EVP_CIPHER_CTX* cipher, std::string_view context,
                                    std::string_view sealed) {
  if (sealed.size() < kNonceBytes + kTagBytes) return Broken();
  const std::string_view nonce = sealed.substr(0, kNonceBytes);
  const std::string_view body = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::array<unsigned char, kTagBytes> tag{};
  std::copy_n(Data(sealed) + sealed.size() - kTagBytes, kTagBytes, tag.begin());
  std::string out(body.size(), '\0');
  int written = 0;
  int last = 0;
  if (EVP_DecryptInit_ex(cipher, nullptr, nullptr, nullptr, Data(nonce)) != 1 ||
      EVP_DecryptUpdate(cipher, nullptr, &written, Data(context),
                        static_cast<int>(context.size())) != 1 ||
      EVP_DecryptUpdate(cipher, Data(out), &written, Data(body), static_cast<int>(body.size())) !=
          1 ||
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) != 1 ||
      EVP_DecryptFinal_ex(cipher, Data(out) + written, &last) != 1) {
    Wipe(out);
    return Broken();
  }
  return out;
}

bool SetKey(EVP_CIPHER_CTX* cipher, const SecretBytes& key) {
  return key.size() == kKeyBytes &&
         EVP_DecryptInit_ex(cipher, Aes256Gcm(), nullptr, Data(key.Reveal()), nullptr) == 1;
}

}  // namespace

absl::StatusOr<std::string> Open(const SecretBytes& key, std::string_view context,
                                 std::string_view sealed) {
  const CipherInUse in_use;
  if (!SetKey(in_use.get(), key)) return Broken();
  return OpenOne(in_use.get(), context, sealed);
}

absl::StatusOr<std::vector<std::string>> OpenAll(const SecretBytes& key,
                                                 const std::vector<Sealed>& documents) {
  const CipherInUse in_use;
  if (!SetKey(in_use.get(), key)) return Broken();
  std::vector<std::string> all;
  all.reserve(documents.size());
  for (const Sealed& document : documents) {
    auto opened = OpenOne(in_use.get(), document.context, document.bytes);
    if (!opened.ok()) {
      for (std::string& plain : all) Wipe(plain);
      return opened.status();
    }
    all.push_back(*std::move(opened));
  }
  return all;
}

absl::StatusOr<SecretBytes> DeriveKey(const SecretBytes& master, std::string_view label) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr), &EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(kdf.get()), &EVP_KDF_CTX_free);
  std::string key(master.Reveal());
  std::string info(label);
  std::string digest = "SHA256";
  const std::array<OSSL_PARAM, 4> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end()};
  std::string out(kKeyBytes, '\0');
  const bool derived = context != nullptr &&
                       EVP_KDF_derive(context.get(), Data(out), out.size(), parameters.data()) == 1;
  Wipe(key);
  if (!derived) return CryptoFailed();
  return SecretBytes::Take(std::move(out));
}

absl::StatusOr<std::string> Hmac(const SecretBytes& key, std::string_view message) {
  const MacContext context = NewHmac(key);
  if (context == nullptr) return CryptoFailed();
  return MacOf(context.get(), message);
}

struct Mac::State {
  explicit State(const SecretBytes& given) : key(given.Clone()) {}
  const SecretBytes key;
  Mutex mutex;
  // As many as were ever in use at once.
  std::vector<MacContext> idle ABSL_GUARDED_BY(mutex);

  MacContext Take() {
    const MutexLock lock(mutex);
    if (idle.empty()) return nullptr;
    MacContext context = std::move(idle.back());
    idle.pop_back();
    return context;
  }
};

Mac::Mac(const SecretBytes& key) : state_(std::make_unique<State>(key)) {}
Mac::Mac(Mac&&) noexcept = default;
Mac& Mac::operator=(Mac&&) noexcept = default;
Mac::~Mac() = default;

absl::StatusOr<std::string> Mac::Of(std::string_view message) const {
  MacContext context = state_->Take();
  if (context == nullptr) {
    context = NewHmac(state_->key);
  } else if (EVP_MAC_init(context.get(), nullptr, 0, nullptr) != 1) {
    context = nullptr;
  }
  if (context == nullptr) return CryptoFailed();
  auto made = MacOf(context.get(), message);
  const MutexLock lock(state_->mutex);
  state_->idle.push_back(std::move(context));
  return made;
}

}  // namespace sluis::crypto
