#pragma once

#include <string>
#include <vector>

#include "sluis/policy/documents.h"

namespace sluis::policy {

// The case files of a folder below the source tree, by name; ends the test program for one that
// cannot be read.
std::vector<Document<v1::PolicyCases>> CaseFiles(const std::string& folder);

// Those of tests/policy/cases and tests/scenario/cases.
std::vector<Document<v1::PolicyCases>> AllCaseFiles();

}  // namespace sluis::policy
