#pragma once

#include <optional>
#include <string_view>

#include "sluis/base/civil_date.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/v1/convenant.pb.h"

// Terms of duties, as the convenant sets them. Internal to the room.
namespace sluis::broker {

// The first rule of the kind for this hat; null when there is none. Its pointer is good as long as
// the policy.
const policy::v1::DutyRule* FindDutyRule(const policy::Policy& policy,
                                         policy::v1::DutyRule::Kind kind, std::string_view hat);
// The same, for a duty that a release makes: the rule has to name one of its obligations.
template <typename Obligations>
const policy::v1::DutyRule* FindDutyRule(const policy::Policy& policy,
                                         policy::v1::DutyRule::Kind kind, std::string_view hat,
                                         const Obligations& obligations) {
  const auto meets = [&](const policy::v1::DutyRule& rule) {
    for (const auto wanted : rule.obligations()) {
      for (const auto each : obligations) {
        if (each == wanted) return true;
      }
    }
    return false;
  };
  for (const policy::v1::DutyRule& rule : policy.convenant().duties()) {
    if (rule.kind() != kind || !meets(rule)) continue;
    if (rule.hats().empty()) return &rule;
    for (const auto& each : rule.hats()) {
      if (each == hat) return &rule;
    }
  }
  return nullptr;
}

// The last day of a term that begins on `day`.
CivilDate AddTerm(CivilDate day, int term, policy::v1::Retention::Unit unit);
// The last day to which one postponement may move a duty that is due on `due`; absent: any.
std::optional<CivilDate> LastPostponement(const policy::v1::DutyRule& rule, CivilDate due);

}  // namespace sluis::broker
