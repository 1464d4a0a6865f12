#pragma once

#include <optional>
#include <string>

#include "question.h"

// The conditions of docs/decision-procedure.md, one function each.
namespace sluis::policy_oracle {

// Unknown, expired, incomplete or malformed is absent. Refused: a consent refused or withdrawn, a
// professional's no.
enum class Truth { kAbsent, kRefused, kTrue };

// One asked field, as the conditions see it.
struct Asked {
  const Question& question;
  const v1::Field& field;
  const std::string& motivation;
  // The newest value that the source holds; null when it holds none or that value is past its term.
  const v1::Holding* value;
  // The row of the alternative; null while exclusions are tested.
  const v1::StatuteRow* row;
  // GESLOTEN_SET, as step 4 found it.
  bool is_closed_set;
};

// A condition that is not true, with what follows from that.
struct Need {
  v1::Condition::Id condition;
  Outcome outcome;
  Code code;
};

Truth Test(v1::Condition::Id condition, const Asked& asked);

// Absent when the condition is true.
std::optional<Need> Missing(v1::Condition::Id condition, const Asked& asked);

// The code of the condition when it is absent.
Code CodeWhenAbsent(v1::Condition::Id condition);

// A decision of `kind` by `decider` about the asked field to the acting side counts: true when it
// is given, refused when it is refused.
Truth DecisionOf(v1::ProfessionalDecision::Kind kind, const v1::PartijHat& decider,
                 const Asked& asked);

}  // namespace sluis::policy_oracle
