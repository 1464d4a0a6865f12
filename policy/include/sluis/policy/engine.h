#pragma once

#include "sluis/base/civil_date.h"
#include "sluis/policy/decision.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/request.h"

namespace sluis::policy {

// Decides every field of `request` by docs/decision-procedure.md, steps 2 to 12. Cannot fail: what
// nothing permits is refused.
//
// Pure: the same arguments give the same decision. Thread-safe. Allocates nothing. All ids in the
// arguments come from `policy`; the facts are those of `facts.today`.
void Decide(const Policy& policy, const Request& request, const Facts& facts, Decision& decision);

// Decides again from what a decision recorded: `decision.evidence` is the input and stays, the
// fields are written. Conditions that the evidence does not hold count as absent. Returns false
// when one of those was asked for, so that the outcome may differ from one over the full facts.
bool DecideFromEvidence(const Policy& policy, const Request& request, CivilDate today,
                        Decision& decision);

}  // namespace sluis::policy
