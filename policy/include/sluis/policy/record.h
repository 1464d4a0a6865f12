#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "sluis/base/civil_date.h"
#include "sluis/policy/decision.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/request.h"

namespace sluis::log::v1 {
class Decision;
}  // namespace sluis::log::v1

// Decisions as the audit log keeps them (proto/sluis/log/v1/decision.proto).
namespace sluis::policy {

// Writes what was asked, what became of it and what the facts contributed.
void WriteDecision(const Policy& policy, const Request& request, const Decision& decision,
                   bool validate_only, log::v1::Decision& message);

// Parses what WriteDecision() wrote and somebody serialised. As ParseFromString(), but the parts of
// `message` are used again: one that has grown is filled without allocating. False for bytes that
// are no decision.
bool ParseDecision(const std::string& bytes, log::v1::Decision& message);

// Reads a recorded decision back: the request of `acting_partij` in `acting_hat`, and a decision
// whose evidence is filled and whose fields are as they were decided. Fit for DecideFromEvidence().
// INVALID_ARGUMENT / RECORD_UNREADABLE for a name that this policy does not have or a set that
// reaches outside the fields. Allocates nothing.
//
// Grants, rows and exclusions that the policy does not have are unreadable too, or, with kDrop,
// left out: for records of another version.
enum class UnknownDeciders { kRefuse, kDrop };
absl::Status ReadDecision(const Policy& policy, std::string_view acting_partij,
                          std::string_view acting_hat, const log::v1::Decision& message,
                          Request& request, Decision& decision,
                          UnknownDeciders unknown = UnknownDeciders::kRefuse);

}  // namespace sluis::policy
