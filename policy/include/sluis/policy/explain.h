#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/base/civil_date.h"
#include "sluis/policy/decision.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/request.h"
#include "sluis/policy/texts.h"

// Why a decision is what it is: every step of docs/decision-procedure.md with what it found. For
// people at a desk; the engine does not use it.
namespace sluis::policy {

namespace v1 {
class DecisionRequest;
class Facts;
}  // namespace v1

// Steps 2 and 3.
struct ExplainedGate {
  enum class State { kPassed, kFailed, kNotAsked, kNotReached };
  std::string_view name;  // as in docs/decision-procedure.md
  State state = State::kNotReached;
  Code code{};  // of a refusal here
};

// Step 5: an exclusion that covers the field at this tafel for this hat, purpose and stage.
struct ExplainedExclusion {
  ExclusionId exclusion{};
  // The condition that lifts it; absent when it refuses.
  std::optional<Condition> lifted_by;
  ConditionSet unless = 0;
};

// Step 8: a row that a matching grant cites.
struct ExplainedRow {
  RowId row{};
  bool regime = false;
  bool in_force = false;
  bool source = false;
  bool recipient = false;
  bool field = false;  // category and class
  bool purpose = false;
  [[nodiscard]] bool Fits() const {
    return regime && in_force && source && recipient && field && purpose;
  }
};

enum class NeedState { kTrue, kAbsent, kRefused };
struct ExplainedNeed {
  Condition condition{};
  NeedState state = NeedState::kAbsent;
};

// Step 9: one way to satisfy a grant under one row.
struct ExplainedAlternative {
  GrantId grant{};
  RowId row{};
  std::vector<ExplainedNeed> needs;
  ConditionSet missing = 0;
  // What would become of the field by this alternative alone.
  Outcome outcome = Outcome::kRefuse;
  Code code{};
  bool decides = false;
};

// Step 7: a grant that would match if one thing were asked otherwise.
struct NearGrant {
  enum class Differs { kTafel, kPhase, kStage, kPurpose };
  GrantId grant{};
  Differs differs{};
};

// An obligation of a release, with the end of its term where it has one.
struct Duty {
  Obligation obligation{};
  // A day (YYYY-MM-DD) or an instant (RFC 3339); empty: no term, or its start is not known.
  std::string due;
};

struct ExplainedField {
  FieldDecision decision;
  bool owned = false;  // by the source hat
  std::vector<ExplainedExclusion> exclusions;
  bool source_condition = false;
  bool objection = false;
  std::vector<GrantId> matching;
  std::vector<NearGrant> near;     // only where none matches
  std::vector<ExplainedRow> rows;  // of the matching grants, in order, each once a grant
  std::vector<GrantId> row_grants;
  std::vector<ExplainedAlternative> alternatives;
  bool term_over = false;
  bool ncnd = false;
  std::vector<Duty> duties;
};

struct Explanation {
  Request request;
  absl::Time now;
  CivilDate today{};
  std::vector<ExplainedGate> gates;
  // Step 4, where a field matches a grant of a closed signal.
  bool closed_signal = false;
  GrantId signal_grant{};
  ConditionSet signal_missing = 0;
  std::vector<ExplainedField> fields;  // in the order asked
};

// Decides the request and explains it. The explanation goes the steps for itself; one that does not
// come out where the engine does is INTERNAL / EXPLANATION_DIFFERS, never shown. INVALID_ARGUMENT
// with MALFORMED or BULK and the element, as for DecideMessages().
absl::StatusOr<Explanation> Explain(const Policy& policy, const v1::Facts& facts,
                                    const v1::DecisionRequest& request, absl::Time now,
                                    CivilDate today);

// The end of the term of an obligation of a release made now; empty where there is none.
std::string DueOn(const Policy& policy, const v1::Facts& facts, Obligation obligation,
                  absl::Time now, CivilDate today);

enum class Audience {
  // What the answer may say: outcome, what is missing, obligations. Nothing of a field that is
  // neither confirmed nor denied.
  kRequester,
  // Every step. Shows what NCND hides: only for who holds the facts.
  kOfficer,
};

// The explanation in words, lines ended by newlines.
std::string Render(const Explanation& explanation, const Policy& policy, const Texts& texts,
                   Language language, Audience audience);

}  // namespace sluis::policy
