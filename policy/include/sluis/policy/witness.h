#pragma once

#include <memory>
#include <string>

#include "sluis/base/civil_date.h"
#include "sluis/policy/decision.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/needs.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/request.h"

// A request with all that is true when it is asked: evidence that two policies differ, which
// anybody can decide again.
namespace sluis::policy {

namespace v1 {
class DecisionRequest;
}  // namespace v1

struct Witness {
  std::shared_ptr<const v1::DecisionRequest> request;
  // Of the casus. A request at a Wams tafel names the same stage.
  std::string phase;
  std::string stage;
  // What holds, for every field asked; of the rest nothing does, but for what the policy makes true
  // of itself: a hat with a seat is at its tafel, data of others than the police have no term of
  // police data, and the like.
  Way holds;
  // The source's values are past the term of step 11.
  bool past_term = false;
};

// The request of `witness`: motivated where GEMOTIVEERD holds, with the first of its tasks and
// powers.
v1::DecisionRequest WitnessRequest(const Side& acting, const Side& source, const Policy& policy,
                                   std::string_view tafel, std::string_view stage,
                                   std::string_view purpose, const std::vector<std::string>& fields,
                                   const Way& holds);

// Decides `witness` on a day, with the engine's own procedure over evidence as a decision would
// have recorded it. False when the request is not well-formed under this policy; then no field is
// released.
bool DecideWitness(const Policy& policy, const Witness& witness, CivilDate day, Request& request,
                   Decision& decision);

}  // namespace sluis::policy
