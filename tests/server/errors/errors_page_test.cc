// docs/errors.md lists every reason with which an error can be made, with its status.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

#include "sluis/base/outcome.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis {
namespace {

// Reason and status, as the page writes it.
using Reasons = std::set<std::pair<std::string, std::string>>;

std::string UpperSnake(const std::string& camel) {
  std::string out;
  for (const char c : camel) {
    if (c >= 'A' && c <= 'Z' && !out.empty()) out.push_back('_');
    out.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return out;
}

void Scan(const std::filesystem::path& file, Reasons& reasons) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  static const std::regex factory(
      R"re(\b(InvalidArgument|PermissionDenied|Unauthenticated|FailedPrecondition|NotFound|AlreadyExists|ResourceExhausted|Unavailable|DataLoss|Internal)\(\s*"([A-Z0-9_]+)")re");
  static const std::regex make(
      R"re(MakeError\(\s*(?:absl::)?StatusCode::k(\w+),\s*"([A-Z0-9_]+)")re");
  for (const std::regex& form : {factory, make}) {
    for (std::sregex_iterator at(text.begin(), text.end(), form), end; at != end; ++at) {
      // FromWire() makes it, on the other side.
      if ((*at)[2] != "TRANSPORT") reasons.emplace((*at)[2], UpperSnake((*at)[1]));
    }
  }
}

Reasons InSource() {
  Reasons reasons;
  const std::filesystem::path root = SLUIS_SOURCE_DIR;
  for (const char* room : {"base", "audit", "proto/wire", "server"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / room)) {
      if (entry.path().extension() == ".cc" || entry.path().extension() == ".h")
        Scan(entry.path(), reasons);
    }
  }
  // Made from the convenant's exclusions.
  const auto policy = testing::ReferencePolicy();
  for (const auto& field : policy->convenant().fields()) {
    if (const auto barred = policy->BarredFor(*policy->FindField(field.name())))
      reasons.emplace(CodeName(*barred), "FAILED_PRECONDITION");
  }
  return reasons;
}

// The rows of the page, with how often each stands there.
std::map<std::pair<std::string, std::string>, int> OnPage() {
  std::istringstream page(testing::ReadSourceFile("docs/errors.md"));
  static const std::regex row(R"re(^\| `([A-Z0-9_]+)` \| ([A-Z_]+) \| [^|]+ \|.*$)re");
  std::map<std::pair<std::string, std::string>, int> rows;
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (std::regex_match(line, match, row)) ++rows[{match[1], match[2]}];
  }
  return rows;
}

TEST(ErrorsPageTest, HasEveryReasonWithItsStatus) {
  const Reasons reasons = InSource();
  // The scan finds what is there.
  ASSERT_GT(reasons.size(), 60U);
  ASSERT_EQ(reasons.count({"MALFORMED", "INVALID_ARGUMENT"}), 1U);
  ASSERT_EQ(reasons.count({"DEADLINE", "DEADLINE_EXCEEDED"}), 1U);
  const auto page = OnPage();
  for (const auto& [reason, status] : reasons) {
    EXPECT_EQ(page.count({reason, status}), 1U)
        << "docs/errors.md has no row for " << reason << " " << status;
  }
}

TEST(ErrorsPageTest, HasNothingElseAndNothingTwice) {
  Reasons reasons = InSource();
  // Made by wire::ToWire() from a status without reason, and by the tree with a code in a variable.
  reasons.emplace("UNEXPECTED", "INTERNAL");
  reasons.emplace("TILE_MISMATCH", "DATA_LOSS");
  for (const auto& [row, times] : OnPage()) {
    EXPECT_EQ(times, 1) << row.first << " " << row.second;
    EXPECT_EQ(reasons.count(row), 1U)
        << "docs/errors.md has a row that nothing makes: " << row.first << " " << row.second;
  }
}

}  // namespace
}  // namespace sluis
