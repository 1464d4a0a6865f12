#pragma once

#include <string_view>

namespace sluis {

// True when `text` is nine digits that satisfy the 11-proef (weights 9 8 7 6 5 4 3 2 -1) and is not
// all zeros. Says nothing about whose number it is. The number itself appears in no log or error.
bool IsWellFormedBsn(std::string_view text);

}  // namespace sluis
