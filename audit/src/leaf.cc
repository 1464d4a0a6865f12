#include "sluis/audit/leaf.h"

#include <openssl/rand.h>

#include <algorithm>
#include <bit>

#include "sluis/base/bytes.h"
#include "sluis/base/check.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"

namespace sluis::audit {
namespace {

// offset  bytes
//      0      8  "SLUISLF" and the version, 0x01
//      8     16  event id
//     24      1  kind
//     25      8  time, two's complement
//     33      8  partij_seq
//     41     32  request
//     73     32  answer
//    105     32  commitment
constexpr std::string_view kMagic("SLUISLF\x01", 8);
constexpr size_t kEventId = 8;
constexpr size_t kKind = 24;
constexpr size_t kTime = 25;
constexpr size_t kPartijSeq = 33;
constexpr size_t kRequest = 41;
constexpr size_t kAnswer = 73;
constexpr size_t kCommitment = 105;
static_assert(kCommitment + Digest::kSize == kLeafBytes);

}  // namespace

std::string EncodeLeaf(const Leaf& leaf) {
  std::string bytes;
  bytes.reserve(kLeafBytes);
  bytes.append(kMagic).append(leaf.event_id.bytes());
  AppendU8(bytes, leaf.kind);
  AppendU64(bytes, std::bit_cast<uint64_t>(leaf.time_us));
  AppendU64(bytes, leaf.partij_seq);
  bytes.append(leaf.request.bytes()).append(leaf.answer.bytes()).append(leaf.commitment.bytes());
  SLUIS_CHECK(bytes.size() == kLeafBytes);
  return bytes;
}

absl::StatusOr<Leaf> DecodeLeaf(std::string_view bytes) {
  if (bytes.size() != kLeafBytes) {
    return InvalidArgument("LEAF_MALFORMED", "a leaf has another length");
  }
  if (!bytes.starts_with(kMagic)) {
    return InvalidArgument("LEAF_MALFORMED", "not a leaf, or of a version that is not known");
  }
  const auto digest = [&](size_t at) { return Digest::FromBytes(bytes.substr(at, Digest::kSize)); };
  Leaf leaf;
  SLUIS_ASSIGN_OR_RETURN(leaf.event_id, Uuid::FromBytes(bytes.substr(kEventId, 16)));
  leaf.kind = static_cast<uint8_t>(bytes[kKind]);
  leaf.time_us = std::bit_cast<int64_t>(ReadU64(bytes.substr(kTime)));
  leaf.partij_seq = ReadU64(bytes.substr(kPartijSeq));
  SLUIS_ASSIGN_OR_RETURN(leaf.request, digest(kRequest));
  SLUIS_ASSIGN_OR_RETURN(leaf.answer, digest(kAnswer));
  SLUIS_ASSIGN_OR_RETURN(leaf.commitment, digest(kCommitment));
  return leaf;
}

absl::StatusOr<Salt> Salt::Generate() {
  Salt salt;
  if (RAND_bytes(salt.bytes_.data(), static_cast<int>(salt.bytes_.size())) != 1) {
    return Internal("RANDOM_FAILED", "no random bytes");
  }
  return salt;
}

absl::StatusOr<Salt> Salt::FromBytes(std::string_view bytes) {
  if (bytes.size() != kSize) return InvalidArgument("SALT_MALFORMED", "a salt has 32 bytes");
  Salt salt;
  std::ranges::copy(AsBytes(bytes), salt.bytes_.begin());
  return salt;
}

Digest CommitRecord(const Salt& salt, std::string_view record) {
  return Sha256({"sluis/audit/record/v1\n", salt.bytes(), record});
}
Digest HashRequest(std::string_view canonical_request) {
  return Sha256({"sluis/audit/request/v1\n", canonical_request});
}
Digest HashAnswer(std::string_view answer) { return Sha256({"sluis/audit/answer/v1\n", answer}); }
Digest CommitValue(const Salt& salt, std::string_view value) {
  return Sha256({"sluis/audit/value/v1\n", salt.bytes(), value});
}
Digest CommitTexts(const Salt& salt, std::string_view texts) {
  return Sha256({"sluis/audit/texts/v1\n", salt.bytes(), texts});
}

}  // namespace sluis::audit
