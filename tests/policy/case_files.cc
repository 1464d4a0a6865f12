#include "case_files.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "sluis/policy/v1/case.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::policy {

std::vector<Document<v1::PolicyCases>> CaseFiles(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(SLUIS_SOURCE_DIR) + "/" + folder)) {
    if (entry.path().extension() == ".textproto")
      names.push_back(folder + "/" + entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  std::vector<Document<v1::PolicyCases>> files;
  for (const std::string& name : names) {
    auto parsed = ParseDocument<v1::PolicyCases>(name, testing::ReadSourceFile(name));
    for (const Issue& issue : parsed.issues)
      static_cast<void>(std::fprintf(stderr, "%s\n", FormatIssue(issue).c_str()));
    if (!parsed.document) std::abort();
    files.push_back(*std::move(parsed.document));
  }
  return files;
}

std::vector<Document<v1::PolicyCases>> AllCaseFiles() {
  auto files = CaseFiles("tests/policy/cases");
  for (auto& file : CaseFiles("tests/scenario/cases")) files.push_back(std::move(file));
  return files;
}

}  // namespace sluis::policy
