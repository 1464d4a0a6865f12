#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/note.h"
#include "sluis/base/check.h"

namespace sluis::audit {
namespace {

// Notes, checkpoints and verifier keys from anywhere.
void TryNote(std::string_view input) {
  static const std::vector<VerifierKey> kKeys = {
      *VerifierKey::Parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")};

  const auto parsed = ParseNoteUnverified(input);
  const auto verified = VerifyNote(input, kKeys);
  if (parsed.ok()) {
    SLUIS_CHECK(!parsed->signatures.empty());
    SLUIS_CHECK(input.starts_with(parsed->text) && parsed->text.ends_with('\n'));
    if (verified.ok()) SLUIS_CHECK(verified->text == parsed->text);
  } else {
    SLUIS_CHECK(!verified.ok());
  }
  if (const auto body = ParseCheckpointBody(input); body.ok()) {
    SLUIS_CHECK(*FormatCheckpointBody(*body) == input);
  }
  if (const auto key = VerifierKey::Parse(input); key.ok()) SLUIS_CHECK(key->ToString() == input);
}

}  // namespace
}  // namespace sluis::audit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluis::audit::TryNote({reinterpret_cast<const char*>(data), size});
  return 0;
}
