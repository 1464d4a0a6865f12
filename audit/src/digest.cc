#include "sluis/audit/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "sluis/base/bytes.h"
#include "sluis/base/check.h"
#include "sluis/base/errors.h"

namespace sluis::audit {
namespace {

// Fetched once: looking the algorithm up on every call costs more than hashing a block.
const EVP_MD* Algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  SLUIS_CHECK(kAlgorithm != nullptr);
  return kAlgorithm;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

EVP_MD_CTX* ThreadContext() {
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> kContext(EVP_MD_CTX_new());
  SLUIS_CHECK(kContext != nullptr);
  return kContext.get();
}

}  // namespace

absl::StatusOr<Digest> Digest::FromBytes(std::string_view bytes) {
  if (bytes.size() != kSize) return InvalidArgument("DIGEST_MALFORMED", "not 32 bytes");
  Digest digest;
  std::ranges::copy(AsBytes(bytes), digest.bytes_.begin());
  return digest;
}

Digest Sha256(std::initializer_list<std::string_view> pieces) {
  EVP_MD_CTX* const context = ThreadContext();
  std::array<uint8_t, Digest::kSize> digest{};
  bool ok = EVP_DigestInit_ex2(context, Algorithm(), nullptr) == 1;
  for (const std::string_view piece : pieces) {
    ok = ok && EVP_DigestUpdate(context, piece.data(), piece.size()) == 1;
  }
  ok = ok && EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1;
  SLUIS_CHECK(ok);
  return Digest(digest);
}

}  // namespace sluis::audit
