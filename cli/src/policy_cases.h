#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "sluis/policy/documents.h"

// Case files, for the commands that run and explain them.
namespace sluis::cli {

struct CaseFiles {
  std::vector<policy::Document<policy::v1::PolicyCases>> files;
  // What is wrong with the text of those that cannot be read.
  std::vector<policy::Issue> issues;
};

// Files, or folders whose *.textproto are meant, in order of name. A status is about a file that is
// not there; what is wrong with its text is an issue.
absl::StatusOr<CaseFiles> ReadCaseFiles(const std::vector<std::string>& paths);

}  // namespace sluis::cli
