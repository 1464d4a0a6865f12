#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "sluis/audit/digest.h"
#include "sluis/base/uuid.h"

// What one entry of the log is: the public part of an event, and digests of what stays with those
// who may see it. docs/formats/log.md has the layout. No personal data, not even hashed without
// salt: requests and answers are hashed whole, and both contain random ids.
namespace sluis::audit {

// The public part of an event. Bytes, not meanings: what the kinds are is for the ledger to say.
struct Leaf {
  Uuid event_id;
  uint8_t kind = 0;
  int64_t time_us = 0;      // microseconds since 1970-01-01T00:00:00Z
  uint64_t partij_seq = 0;  // the caller's own count, from 1; 0 for an event without caller
  Digest request;           // HashRequest, or all zeros without a request
  Digest answer;            // HashAnswer, or all zeros without an answer
  Digest commitment;        // CommitRecord

  friend bool operator==(const Leaf&, const Leaf&) = default;
};

inline constexpr size_t kLeafBytes = 137;

// The one layout of a leaf: equal leaves, equal bytes.
std::string EncodeLeaf(const Leaf& leaf);
// INVALID_ARGUMENT / LEAF_MALFORMED unless `bytes` has that layout, in the version that we know.
absl::StatusOr<Leaf> DecodeLeaf(std::string_view bytes);

// Random bytes that keep a commitment from being guessed. Kept beside the internal record, under
// the same protection.
class Salt {
 public:
  static constexpr size_t kSize = 32;

  // INTERNAL / RANDOM_FAILED when the system gives no random bytes.
  static absl::StatusOr<Salt> Generate();
  // INVALID_ARGUMENT / SALT_MALFORMED unless `bytes` is 32 bytes long.
  static absl::StatusOr<Salt> FromBytes(std::string_view bytes);

  [[nodiscard]] std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

  friend bool operator==(const Salt&, const Salt&) = default;

 private:
  Salt() = default;
  std::array<uint8_t, kSize> bytes_{};
};

// Each hash starts with a line that says what it is a hash of, so that none can stand for another.

// SHA-256("sluis/audit/record/v1\n" ‖ salt ‖ internal record).
Digest CommitRecord(const Salt& salt, std::string_view record);
// SHA-256("sluis/audit/request/v1\n" ‖ canonical request).
Digest HashRequest(std::string_view canonical_request);
// SHA-256("sluis/audit/answer/v1\n" ‖ answer as sent, without its receipt).
Digest HashAnswer(std::string_view answer);
// SHA-256("sluis/audit/value/v1\n" ‖ salt ‖ value): what an answer says of a value that travels
// beside it.
Digest CommitValue(const Salt& salt, std::string_view value);
// SHA-256("sluis/audit/texts/v1\n" ‖ salt ‖ texts): what a record says of free texts.
Digest CommitTexts(const Salt& salt, std::string_view texts);

}  // namespace sluis::audit
