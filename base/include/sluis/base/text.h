#pragma once

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace sluis {

// Valid UTF-8 without NUL, control characters (C0, DEL, C1) or unpaired surrogates. With
// `multiline`, line feeds and tabs are allowed.
bool IsCleanText(std::string_view text, bool multiline = false);

// True when nothing but white space is in it. A blank reason is no reason (R-A-07).
bool IsBlank(std::string_view text);

// The number of Unicode code points of valid UTF-8.
size_t CodePoints(std::string_view text);

// Debian's Abseil has a string_view of its own: one spelling for the crossing.
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view FromAbsl(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace sluis
