#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sluis/policy/cases.h"
#include "sluis/policy/documents.h"
#include "sluis/policy/policy.h"

namespace sluis::testing {

// The bytes of a file below the source tree; ends the test program when there is none.
std::string ReadSourceFile(const std::string& path);

// The reference documents (policy/documents/).
const policy::Document<policy::v1::Statute>& ReferenceStatute();
const policy::Document<policy::v1::Convenant>& ReferenceConvenant();
std::shared_ptr<const policy::Policy> ReferencePolicy();
// The reference documents under these switches.
std::shared_ptr<const policy::Policy> ReferencePolicy(const policy::v1::OperatorSwitches& switches);

// Every step of every case below tests/scenario/cases, in order.
const std::vector<policy::ExpandedStep>& ScenarioSteps();

}  // namespace sluis::testing
