#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sluis/audit/log_directory.h"
#include "sluis/base/check.h"

namespace sluis::audit {
namespace {

// Bundles of entries and names of files from anywhere: what decodes has one spelling.
void TryBundle(std::string_view input) {
  if (const auto entries = DecodeBundle(input); entries.ok()) {
    SLUIS_CHECK(entries->size() <= kTileWidth);
    std::string again;
    for (const std::string_view entry : *entries) SLUIS_CHECK(AppendToBundle(again, entry).ok());
    SLUIS_CHECK(again == input);
  }
  if (const auto path = ParseTilePath(input); path.ok()) {
    SLUIS_CHECK(FormatTilePath(*path) == input);
  }
}

}  // namespace
}  // namespace sluis::audit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluis::audit::TryBundle({reinterpret_cast<const char*>(data), size});
  return 0;
}
