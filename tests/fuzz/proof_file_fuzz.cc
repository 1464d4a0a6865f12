#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sluis/audit/proof_file.h"
#include "sluis/base/check.h"

namespace sluis::audit {
namespace {

// Proof files from anywhere: one that decodes has one spelling.
void TryProofFile(std::string_view input) {
  const auto proof = DecodeProofFile(input);
  if (proof.ok()) SLUIS_CHECK(EncodeProofFile(*proof) == input);
  SLUIS_CHECK(!VerifyProofFile(input, "entry", "origin", {}).ok());  // without any key
}

}  // namespace
}  // namespace sluis::audit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluis::audit::TryProofFile({reinterpret_cast<const char*>(data), size});
  return 0;
}
