#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace sluis {

// A UUID (RFC 9562). A value: immutable, ordered, hashable; 16 bytes.
//
// The text form is lower case with hyphens and nothing else: one id has one spelling.
class Uuid {
 public:
  // The nil UUID, which names nothing.
  constexpr Uuid() = default;
  explicit constexpr Uuid(const std::array<uint8_t, 16>& bytes) : bytes_(bytes) {}

  // INVALID_ARGUMENT / UUID_MALFORMED unless `text` is 36 characters in the form above.
  static absl::StatusOr<Uuid> Parse(std::string_view text);
  // INVALID_ARGUMENT / UUID_MALFORMED unless `bytes` is 16 bytes long.
  static absl::StatusOr<Uuid> FromBytes(std::string_view bytes);

  [[nodiscard]] std::string ToString() const;
  [[nodiscard]] std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()),
            bytes_.size()};  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast)
  }
  // The version nibble: 4 (random) or 7 (time-ordered) for the ids that callers choose.
  [[nodiscard]] int version() const { return bytes_[6] >> 4; }
  [[nodiscard]] bool is_nil() const { return *this == Uuid(); }

  friend bool operator==(const Uuid&, const Uuid&) = default;
  friend auto operator<=>(const Uuid&, const Uuid&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Uuid& id) {
    return H::combine(std::move(h), id.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_{};
};

}  // namespace sluis
