#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace sluis::audit {

// A SHA-256 digest. A value: ordered, hashable; 32 bytes. All zeros where nothing was hashed.
class Digest {
 public:
  static constexpr size_t kSize = 32;

  constexpr Digest() = default;
  explicit constexpr Digest(const std::array<uint8_t, kSize>& bytes) : bytes_(bytes) {}

  // INVALID_ARGUMENT / DIGEST_MALFORMED unless `bytes` is 32 bytes long.
  static absl::StatusOr<Digest> FromBytes(std::string_view bytes);

  [[nodiscard]] std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

  friend bool operator==(const Digest&, const Digest&) = default;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 misreads the generated "< 0"
  friend auto operator<=>(const Digest&, const Digest&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Digest& digest) {
    return H::combine(std::move(h), digest.bytes_);
  }

 private:
  std::array<uint8_t, kSize> bytes_{};
};

// SHA-256 over the pieces, one after the other; nothing is put between them. Thread-safe. Allocates
// nothing after a thread's first call.
Digest Sha256(std::initializer_list<std::string_view> pieces);

}  // namespace sluis::audit
