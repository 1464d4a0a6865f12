#pragma once

#include "compiled.h"

#include "sluis/policy/decision.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/request.h"

namespace sluis::policy {

// Where `condition` holds, for the asked fields of `request`. One predicate per condition, in the
// order of the list; the articles stand beside them in vocabulary.proto. Conditions that depend on
// the row or the message (tasks, powers, GESLOTEN_SET) are the decision procedure's own.
Truth EvaluateCondition(const Compiled& policy, const Request& request, const Facts& facts,
                        const Evidence& gates, Condition condition);
// INZAGE_TOEGESTAAN for a row that asks a mandate: exceptions only.
Truth EvaluateInzageAtMandate(const Request& request, const Facts& facts);
// Step 5: source conditions (X12) and objections.
FieldSet EvaluateSourceConditions(const Compiled& policy, const Request& request,
                                  const Facts& facts);
FieldSet EvaluateObjections(const Request& request, const Facts& facts);
// Step 11: fields of which the source holds a value, and those whose value is past its term.
struct HeldValues {
  FieldSet held{};
  FieldSet term_over{};
};
HeldValues EvaluateValues(const Compiled& policy, const Request& request, const Facts& facts);
// The facts of the gates.
void EvaluateGates(const Compiled& policy, const Request& request, const Facts& facts,
                   Evidence& evidence);

}  // namespace sluis::policy
