#include "sluis/base/bytes.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

#include "sluis/base/errors.h"

namespace sluis {
namespace {

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

void AppendBigEndian(std::string& out, uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xff));
  }
}

uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = (value << 8) | static_cast<uint8_t>(c);
  return value;
}

}  // namespace

std::string HexEncode(std::string_view bytes) { return absl::BytesToHexString(Absl(bytes)); }

absl::StatusOr<std::string> HexDecode(std::string_view hex) {
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  if (hex.size() % 2 != 0 || !std::all_of(hex.begin(), hex.end(), is_hex)) {
    return InvalidArgument("HEX_MALFORMED", "not an even number of hexadecimal digits");
  }
  return absl::HexStringToBytes(Absl(hex));
}

std::string Base64Encode(std::string_view bytes) { return absl::Base64Escape(Absl(bytes)); }

absl::StatusOr<std::string> Base64Decode(std::string_view text) {
  std::string bytes;
  // Decoders are lenient; a proof must have one spelling only, so it has to encode back to itself.
  if (!absl::Base64Unescape(Absl(text), &bytes) || Base64Encode(bytes) != text) {
    return InvalidArgument("BASE64_MALFORMED", "not canonical base64");
  }
  return bytes;
}

void AppendU8(std::string& out, uint8_t value) { AppendBigEndian(out, value, 1); }
void AppendU16(std::string& out, uint16_t value) { AppendBigEndian(out, value, 2); }
void AppendU32(std::string& out, uint32_t value) { AppendBigEndian(out, value, 4); }
void AppendU64(std::string& out, uint64_t value) { AppendBigEndian(out, value, 8); }
uint64_t ReadU64(std::string_view eight_bytes) { return ReadBigEndian(eight_bytes.substr(0, 8)); }
uint32_t ReadU32(std::string_view four_bytes) {
  return static_cast<uint32_t>(ReadBigEndian(four_bytes.substr(0, 4)));
}
uint16_t ReadU16(std::string_view two_bytes) {
  return static_cast<uint16_t>(ReadBigEndian(two_bytes.substr(0, 2)));
}

}  // namespace sluis
