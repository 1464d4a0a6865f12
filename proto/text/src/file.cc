#include "sluis/textproto/file.h"

#include <fstream>

#include "absl/strings/str_cat.h"

#include "sluis/base/errors.h"

namespace sluis::textproto {

absl::StatusOr<std::string> ReadTextFile(const std::string& path) {
  constexpr size_t kMax = size_t{16} << 20;
  std::ifstream in(path, std::ios::binary);
  if (!in) return NotFound("FILE_MISSING", absl::StrCat("cannot read ", path));
  std::string text(kMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return NotFound("FILE_MISSING", absl::StrCat("cannot read ", path));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kMax) {
    return ResourceExhausted("TOO_LARGE", absl::StrCat(path, " is larger than 16 MiB"));
  }
  return text;
}

}  // namespace sluis::textproto
