#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluis::audit {

// A decimal number as the formats write it: digits only, no leading zero but in "0". Absent for
// anything else and for what 64 bits do not hold.
std::optional<uint64_t> ParseDecimal(std::string_view text);

}  // namespace sluis::audit
