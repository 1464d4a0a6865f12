#include "sluis/base/uuid.h"

#include <algorithm>

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"

namespace sluis {
namespace {

constexpr std::array<size_t, 4> kHyphens = {8, 13, 18, 23};

absl::Status NotAUuid() {
  return InvalidArgument("UUID_MALFORMED", "not a UUID in lower case with hyphens");
}

}  // namespace

absl::StatusOr<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != 36) return NotAUuid();
  std::string hex;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool hyphen_here = std::find(kHyphens.begin(), kHyphens.end(), i) != kHyphens.end();
    if (hyphen_here != (text[i] == '-')) return NotAUuid();
    if (hyphen_here) continue;
    if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f'))) {
      return NotAUuid();
    }
    hex.push_back(text[i]);
  }
  const auto bytes = HexDecode(hex);
  if (!bytes.ok()) return NotAUuid();
  return FromBytes(*bytes);
}

absl::StatusOr<Uuid> Uuid::FromBytes(std::string_view bytes) {
  if (bytes.size() != 16) return NotAUuid();
  std::array<uint8_t, 16> array{};
  std::transform(bytes.begin(), bytes.end(), array.begin(),
                 [](char c) { return static_cast<uint8_t>(c); });
  return Uuid(array);
}

std::string Uuid::ToString() const {
  std::string text = HexEncode(bytes());
  for (const size_t at : kHyphens) text.insert(at, 1, '-');
  return text;
}

}  // namespace sluis
