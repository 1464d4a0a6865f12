#include "policy_cases.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "sluis/base/status_macros.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/textproto/file.h"

namespace sluis::cli {

absl::StatusOr<CaseFiles> ReadCaseFiles(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      names.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
      if (entry.path().extension() == ".textproto") found.push_back(entry.path().string());
    }
    std::sort(found.begin(), found.end());
    std::move(found.begin(), found.end(), std::back_inserter(names));
  }
  CaseFiles out;
  for (const std::string& name : names) {
    SLUIS_ASSIGN_OR_RETURN(const std::string text, textproto::ReadTextFile(name));
    auto parsed = policy::ParseDocument<policy::v1::PolicyCases>(name, text);
    std::move(parsed.issues.begin(), parsed.issues.end(), std::back_inserter(out.issues));
    if (parsed.document) out.files.push_back(*std::move(parsed.document));
  }
  return out;
}

}  // namespace sluis::cli
