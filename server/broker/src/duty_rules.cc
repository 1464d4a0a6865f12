#include "duty_rules.h"

#include <algorithm>

namespace sluis::broker {

using policy::v1::DutyRule;
using policy::v1::Retention;

const DutyRule* FindDutyRule(const policy::Policy& policy, DutyRule::Kind kind,
                             std::string_view hat) {
  for (const DutyRule& rule : policy.convenant().duties()) {
    if (rule.kind() == kind &&
        (rule.hats().empty() ||
         std::find(rule.hats().begin(), rule.hats().end(), hat) != rule.hats().end())) {
      return &rule;
    }
  }
  return nullptr;
}

CivilDate AddTerm(CivilDate day, int term, Retention::Unit unit) {
  return unit == Retention::MAAND ? day.AddMonths(term) : day.AddDays(term);
}

std::optional<CivilDate> LastPostponement(const DutyRule& rule, CivilDate due) {
  if (rule.extension() == 0) return std::nullopt;
  return AddTerm(due, rule.extension(), rule.extension_unit());
}

}  // namespace sluis::broker
