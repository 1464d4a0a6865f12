#include "sluis/client/call.h"

#include <openssl/rand.h>

#include <array>

#include "absl/time/clock.h"

#include "sluis/base/errors.h"

namespace sluis::client {

// RFC 9562 §5.7: 48 bits of milliseconds, the rest random but for version and variant.
absl::StatusOr<std::string> NewRequestId() {
  std::array<uint8_t, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return Internal("RANDOM_FAILED", "the system gives no random bytes");
  const auto now = static_cast<uint64_t>(absl::ToUnixMillis(absl::Now()));
  for (size_t i = 0; i < 6; ++i) bytes[i] = static_cast<uint8_t>(now >> (8 * (5 - i)));
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x70);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  return Uuid(bytes).ToString();
}

}  // namespace sluis::client
