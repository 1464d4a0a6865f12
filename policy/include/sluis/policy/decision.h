#pragma once

#include <array>
#include <cstdint>

#include "sluis/base/outcome.h"
#include "sluis/policy/field_set.h"
#include "sluis/policy/ids.h"
#include "sluis/policy/request.h"
#include "sluis/policy/vocabulary.h"

namespace sluis::policy {

// What became of one field, and why.
struct FieldDecision {
  FieldId field{};
  Outcome outcome = Outcome::kRefuse;
  Code code = Code::kNoGrant;
  // The deciding grant and row; invalid where none is reported.
  GrantId grant{};
  RowId row{};
  // The exclusion that refused; for the officer.
  ExclusionId exclusion{};
  ObligationSet obligations = 0;
  // The needs that the reported alternative misses: the nearest lawful route.
  ConditionSet missing = 0;
  // For a release: whether the source holds a value.
  bool value_held = false;
};

// Where a condition holds, over the fields of one request: true, refused, or (neither) absent.
struct Truth {
  FieldSet yes{};
  FieldSet refused{};
};

// Everything that the facts contributed to one decision, without the facts: enough to decide again
// under the same or another policy, and without personal data. Sets are over the asked fields.
struct Evidence {
  bool professional_ok = false;
  bool casus_known = false;
  bool in_casus = false;
  bool radicalisation = false;
  bool closed = false;
  bool retention_over = false;
  bool placed = false;
  bool acting_invited = false;
  bool source_invited = false;
  bool acting_admitted = false;
  bool source_admitted = false;
  PhaseId phase{};
  StageId stage{};
  // Conditions that were looked at, and where they hold. Others are unknown.
  ConditionSet evaluated = 0;
  bool inzage_at_mandate_evaluated = false;
  std::array<Truth, kConditionCount + 1> truth;
  // INZAGE_TOEGESTAAN for a row that asks a mandate (exceptions only).
  Truth inzage_at_mandate{};
  // Step 5 and 11; each with whether it was looked at.
  bool blocks_evaluated = false;
  FieldSet source_condition{};
  FieldSet objection{};
  bool values_evaluated = false;
  FieldSet term_over{};
  FieldSet held{};
};

// The outcome of a request. Meant to be reused: Decide() writes only what it needs, and allocates
// nothing.
struct Decision {
  uint16_t count = 0;
  std::array<FieldDecision, kMaxAskedFields> fields;
  Evidence evidence;
};

}  // namespace sluis::policy
