#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "sluis/base/civil_date.h"
#include "sluis/policy/decision.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/request.h"

// Recorded decisions, decided again: under the policy that decided them, which has to agree
// (invariant 10), or under another one, to see what it would change.
namespace sluis::log::v1 {
class Decision;
}  // namespace sluis::log::v1

namespace sluis::policy {

// A recorded decision with what its entry says beside it (proto/sluis/log/v1/record.proto). Views
// into the record.
struct RecordedDecision {
  std::string_view acting_partij;
  std::string_view acting_hat;
  // Record.local_date.
  CivilDate today{};
  const log::v1::Decision* decision = nullptr;
};

// What differs between a field as recorded and as decided again.
struct ReplayDifference {
  uint16_t field = 0;  // position in the order asked
  bool outcome = false;
  bool code = false;
  bool grant = false;
  bool row = false;
  bool exclusion = false;
  bool obligations = false;
  bool missing = false;
};

// The outcome of one replay. Meant to be reused; allocates nothing once `differences` has grown.
struct Comparison {
  Request request;
  Decision decided;
  std::array<FieldDecision, kMaxAskedFields> recorded;
  // Fields that differ, in the order asked.
  std::vector<ReplayDifference> differences;
  // False when a condition was asked that the record does not hold, because the recorded decision
  // never looked at it: it counted as absent, and the true outcome may differ. Always true under
  // the policy that decided.
  bool complete = true;
};

// Decides `recorded` again under `policy` and compares. INVALID_ARGUMENT / RECORD_UNREADABLE for a
// record with a name that `policy` does not have: grants, rows and exclusions excepted, which
// another version may have dropped; such a name differs from whatever is decided now.
//
// Thread-safe, each thread with a Comparison of its own.
absl::Status Replay(const Policy& policy, const RecordedDecision& recorded, Comparison& comparison);

// The differences in words, one a field, e.g. "diagnose_hoofd: RELEASE RELEASED M50
// G_RECHTSTREEKS_BETROKKEN -> REFUSE NO_GRANT". `recorded` is what was compared.
std::vector<std::string> DescribeDifferences(const Policy& policy, const RecordedDecision& recorded,
                                             const Comparison& comparison);

}  // namespace sluis::policy
