#include "sluis/client/errors.h"

#include <algorithm>
#include <array>

namespace sluis::client {

namespace {

constexpr std::array<std::string_view, 25> kReasons = {
    "ANSWER_MALFORMED",     "ANSWER_MISMATCH",   "RECEIPT_MISSING",  "RECEIPT_MALFORMED",
    "RECEIPT_REQUEST",      "RECEIPT_ANSWER",    "LEAF_MALFORMED",   "PROOF_SHAPE",
    "PROOF_MISMATCH",       "NOTE_MALFORMED",    "NOTE_SIGNATURE",   "NOTE_UNKNOWN_KEY",
    "CHECKPOINT_MALFORMED", "CHECKPOINT_ORIGIN", "LOG_FORKED",       "CONSISTENCY_NEEDED",
    "SEQUENCE_GAP",         "SEQUENCE_REPEATED", "VALUE_COMMITMENT", "VALUE_MISSING",
    "VALUE_UNEXPECTED",     "DIGEST_MALFORMED",  "SALT_MALFORMED",   "RECEIPT_KIND",
    "DELIVERY_MISSING"};

}  // namespace

bool IsVerificationFailure(std::string_view reason) {
  return std::find(kReasons.begin(), kReasons.end(), reason) != kReasons.end();
}

}  // namespace sluis::client
