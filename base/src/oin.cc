#include "sluis/base/oin.h"

#include <algorithm>

#include "sluis/base/errors.h"

namespace sluis {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsPosition(char c) { return IsDigit(c) || (c >= 'A' && c <= 'Z'); }

bool IsKnownPrefix(std::string_view two) {
  return two == "10" || two == "99" || (two[0] == '0' && two[1] >= '1' && two[1] <= '9');
}

}  // namespace

absl::StatusOr<Oin> Oin::Parse(std::string_view text) {
  if (text.size() != 20 || !std::all_of(text.begin(), text.end(), IsPosition) ||
      text.substr(0, 6) != "000000" || !IsKnownPrefix(text.substr(6, 2))) {
    return InvalidArgument("OIN_MALFORMED", "not an OIN of 20 positions with a known prefix");
  }
  const std::string_view main_number = text.substr(8, 8);
  if (text.substr(6, 2) == "03" && (!std::all_of(main_number.begin(), main_number.end(), IsDigit) ||
                                    text.substr(16) != "0000")) {
    return InvalidArgument("OIN_MALFORMED", "a KVK-based OIN has eight digits followed by 0000");
  }
  return Oin(std::string(text));
}

}  // namespace sluis
