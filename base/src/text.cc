#include "sluis/base/text.h"

#include <cstdint>
#include <cstring>

namespace sluis {
namespace {

// Reads one code point at `at` and moves past it. Returns false for overlong forms, surrogates,
// values above U+10FFFF and broken sequences.
bool NextCodePoint(std::string_view text, size_t& at, uint32_t& code_point) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(at);
  int extra = 0;
  uint32_t minimum = 0;
  if (first < 0x80) {
    code_point = first;
  } else if ((first & 0xe0) == 0xc0) {
    code_point = first & 0x1f;
    extra = 1;
    minimum = 0x80;
  } else if ((first & 0xf0) == 0xe0) {
    code_point = first & 0x0f;
    extra = 2;
    minimum = 0x800;
  } else if ((first & 0xf8) == 0xf0) {
    code_point = first & 0x07;
    extra = 3;
    minimum = 0x10000;
  } else {
    return false;
  }
  ++at;
  for (; extra > 0; --extra, ++at) {
    if (at >= text.size() || (byte(at) & 0xc0) != 0x80) return false;
    code_point = (code_point << 6) | (byte(at) & 0x3f);
  }
  return code_point >= minimum && code_point <= 0x10ffff &&
         (code_point < 0xd800 || code_point > 0xdfff);
}

// Whether the eight bytes at `at` are there and all from 0x20 to 0x7e: most texts are, and are read
// faster so.
bool ArePrintableAscii(std::string_view text, size_t at) {
  constexpr uint64_t kEach = 0x0101010101010101;
  constexpr uint64_t kHigh = 0x80 * kEach;
  uint64_t bytes = 0;
  if (text.size() - at < sizeof(bytes)) return false;
  std::memcpy(&bytes, text.data() + at, sizeof(bytes));
  if ((bytes & kHigh) != 0) return false;
  // Without high bits no byte carries into the next: the high bit is set where the byte is at least
  // 0x20, and where it is 0x7f.
  const uint64_t from_space = bytes + (0x80 - 0x20) * kEach;
  const uint64_t is_delete = bytes + kEach;
  return (from_space & kHigh) == kHigh && (is_delete & kHigh) == 0;
}

}  // namespace

bool IsCleanText(std::string_view text, bool multiline) {
  size_t at = 0;
  while (at < text.size()) {
    if (ArePrintableAscii(text, at)) {
      at += sizeof(uint64_t);
      continue;
    }
    uint32_t c = 0;
    if (!NextCodePoint(text, at, c)) return false;
    if (multiline && (c == '\n' || c == '\t')) continue;
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
  }
  return true;
}

bool IsBlank(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint32_t c = 0;
    if (!NextCodePoint(text, at, c)) return false;
    const bool space = c == ' ' || (c >= 0x09 && c <= 0x0d) || c == 0xa0 || c == 0x1680 ||
                       (c >= 0x2000 && c <= 0x200b) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
                       c == 0x205f || c == 0x2060 || c == 0x3000 || c == 0xfeff;
    if (!space) return false;
  }
  return true;
}

size_t CodePoints(std::string_view text) {
  size_t count = 0;
  for (const char c : text) {
    if ((static_cast<uint8_t>(c) & 0xc0) != 0x80) ++count;
  }
  return count;
}

}  // namespace sluis
