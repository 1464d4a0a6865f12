#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "sluis/audit/receipt.h"

// A response taken apart without reading what is in it: what was hashed are the bytes as they were
// sent, so these are what is verified, and only then read.
namespace sluis::client::internal {

// Views into the response.
struct Envelope {
  std::string_view answer;
  std::vector<std::string_view> values;
  struct Earlier {
    std::string_view answer;
    std::string_view receipt;
  };
  std::optional<Earlier> earlier;
  // A second answer, about what became of the values of the first.
  std::optional<std::string_view> delivery;
  std::vector<std::string_view> receipts;
};

// DATA_LOSS / ANSWER_MALFORMED, also when there is not exactly one answer.
absl::StatusOr<Envelope> OpenEnvelope(std::string_view response);

// A delivered value: the field, the bytes of its content, the salt. Views into `bytes`.
struct ValueParts {
  std::string_view field;
  std::string_view content;
  std::string_view salt;
};
absl::StatusOr<ValueParts> OpenValue(std::string_view bytes);

// DATA_LOSS / RECEIPT_MALFORMED unless `bytes` is a sluis.v1.Receipt with hashes of 32 bytes.
absl::StatusOr<audit::Receipt> ReadReceipt(std::string_view bytes);

}  // namespace sluis::client::internal
