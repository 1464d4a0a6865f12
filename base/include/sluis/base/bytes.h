#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

// Bytes as they travel: std::string owns them, std::string_view borrows them.
namespace sluis {

inline std::span<const uint8_t> AsBytes(std::string_view bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()),
          bytes.size()};  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast)
}

std::string HexEncode(std::string_view bytes);

// Lower- or upper-case hex. INVALID_ARGUMENT / HEX_MALFORMED for anything else.
absl::StatusOr<std::string> HexDecode(std::string_view hex);

// Standard base64 with padding (RFC 4648 §4).
std::string Base64Encode(std::string_view bytes);

// Canonical standard base64 only. INVALID_ARGUMENT / BASE64_MALFORMED otherwise.
absl::StatusOr<std::string> Base64Decode(std::string_view text);

// Big-endian integers, as every format of ours writes them (docs/formats/).
void AppendU8(std::string& out, uint8_t value);
void AppendU16(std::string& out, uint16_t value);
void AppendU32(std::string& out, uint32_t value);
void AppendU64(std::string& out, uint64_t value);
uint64_t ReadU64(std::string_view eight_bytes);
uint32_t ReadU32(std::string_view four_bytes);
uint16_t ReadU16(std::string_view two_bytes);

}  // namespace sluis
