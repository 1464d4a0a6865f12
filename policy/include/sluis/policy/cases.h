#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/base/civil_date.h"
#include "sluis/policy/decision.h"
#include "sluis/policy/policy.h"

// Worked examples of a policy, as lawyers write them (proto/sluis/policy/v1/case.proto).
namespace sluis::policy {

namespace v1 {
class CaseStep;
class DecisionRequest;
class Facts;
class OperatorSwitches;
class PolicyCase;
}  // namespace v1

// One step of a case with the facts and switches that hold at it.
struct ExpandedStep {
  std::string case_id;
  int index = 0;
  std::shared_ptr<const v1::CaseStep> step;
  std::shared_ptr<const v1::Facts> facts;
  std::shared_ptr<const v1::OperatorSwitches> switches;
  absl::Time now;
  // The civil date as the step writes it.
  CivilDate today;
};

// Applies `clear` and `add` step after step. INVALID_ARGUMENT / CASE_MALFORMED, naming the step,
// for an instant that cannot be read or a path in `clear` that is not one of Facts.
absl::StatusOr<std::vector<ExpandedStep>> ExpandCase(const v1::PolicyCase& message);

// Decides one request over facts that are at hand as messages. INVALID_ARGUMENT with reason
// MALFORMED or BULK and the element, when the request is not well formed.
absl::Status DecideMessages(const Policy& policy, const v1::Facts& facts,
                            const v1::DecisionRequest& request, absl::Time now, CivilDate today,
                            Decision& decision);

// What differs between a decision and the expectations of a step, in words; empty when nothing
// does. Compared is what ExpectedField says.
std::vector<std::string> Compare(const Policy& policy, const Decision& decision,
                                 const v1::CaseStep& step);

}  // namespace sluis::policy
