#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sluis/audit/leaf.h"
#include "sluis/base/check.h"

namespace sluis::audit {
namespace {

// Leaves from anywhere: one that decodes has one spelling.
void TryLeaf(std::string_view input) {
  if (const auto leaf = DecodeLeaf(input); leaf.ok()) SLUIS_CHECK(EncodeLeaf(*leaf) == input);
}

}  // namespace
}  // namespace sluis::audit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluis::audit::TryLeaf({reinterpret_cast<const char*>(data), size});
  return 0;
}
