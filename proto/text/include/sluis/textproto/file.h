#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace sluis::textproto {

// The bytes of a file of at most 16 MiB. NOT_FOUND / FILE_MISSING, or RESOURCE_EXHAUSTED /
// TOO_LARGE; the message names the file.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

}  // namespace sluis::textproto
