#include "decimal.h"

#include <charconv>
#include <system_error>

namespace sluis::audit {

std::optional<uint64_t> ParseDecimal(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace sluis::audit
