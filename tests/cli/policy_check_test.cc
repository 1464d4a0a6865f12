#include <string>

#include "absl/strings/str_replace.h"
#include "cli.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "sluis/base_testing/temp_dir.h"

namespace sluis::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kStatute = SLUIS_SOURCE_DIR "/policy/documents/statute.textproto";
const std::string kConvenant = SLUIS_SOURCE_DIR "/policy/documents/ave-twente.textproto";

class PolicyCheckTest : public ::testing::Test {
 protected:
  // The reference convenant with one text in it replaced by another.
  std::string Changed(const std::string& from, const std::string& to) {
    std::string text = ReadFile(kConvenant);
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    WriteFile(directory_.File("changed.textproto"), text);
    return directory_.File("changed.textproto");
  }

  TempDir directory_;
};

TEST_F(PolicyCheckTest, TheReferenceDocumentsAreGood) {
  const CliRun run = RunCli({"policy", "check", kStatute, kConvenant});
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("good: 0 errors"));
  EXPECT_THAT(run.out, HasSubstr("policy hash"));
}

TEST_F(PolicyCheckTest, AWideningGrantIsShownWithItsPlace) {
  const CliRun run = RunCli(
      {"policy", "check", kStatute,
       Changed("grondslagen: [\"G_WPG_18_2_MELDPUNT\"]", "grondslagen: [\"G_BESTAAT_NIET\"]")});
  EXPECT_EQ(run.exit_code, 7);
  EXPECT_THAT(run.out, HasSubstr("changed.textproto:"));
  EXPECT_THAT(run.out, HasSubstr("error: NAME_UNKNOWN: "));
  // The line, and below it the caret.
  EXPECT_THAT(run.out, ::testing::ContainsRegex("G_BESTAAT_NIET\"\\]\n *\\^"));
  EXPECT_THAT(run.out, HasSubstr("not good: "));
  EXPECT_THAT(run.out, Not(HasSubstr("policy hash")));
}

TEST_F(PolicyCheckTest, TextThatIsNoDocumentIsShownWithItsPlace) {
  WriteFile(directory_.File("broken.textproto"), "id: \"x\"\nversion: = 3\n");
  const CliRun run = RunCli({"policy", "check", kStatute, directory_.File("broken.textproto")});
  EXPECT_EQ(run.exit_code, 7);
  EXPECT_THAT(run.out, HasSubstr("broken.textproto:2:"));
  EXPECT_THAT(run.out, HasSubstr("SYNTAX"));
}

TEST_F(PolicyCheckTest, WarningsCountWhenTheyAreSaidTo) {
  const std::string warned = Changed("tafels {\n", "tafels {\n");
  const CliRun run = RunCli({"policy", "check", kStatute, warned, "--json"});
  const auto found = nlohmann::json::parse(run.out, nullptr, false);
  ASSERT_TRUE(found.is_object()) << run.out;
  ASSERT_GT(found["warnings"], 0) << "the reference convenant no longer has a warning to test with";
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(RunCli({"policy", "check", kStatute, warned, "--strict-warnings"}).exit_code, 8);
}

TEST_F(PolicyCheckTest, IssuesAreJsonForPrograms) {
  const CliRun run = RunCli(
      {"--json", "policy", "check", kStatute,
       Changed("grondslagen: [\"G_WPG_18_2_MELDPUNT\"]", "grondslagen: [\"G_BESTAAT_NIET\"]")});
  EXPECT_EQ(run.exit_code, 7);
  const auto found = nlohmann::json::parse(run.out, nullptr, false);
  ASSERT_TRUE(found.is_object()) << run.out;
  EXPECT_EQ(found["good"], false);
  bool named = false;
  for (const auto& issue : found["issues"]) {
    named |= issue["code"] == "NAME_UNKNOWN" && issue["line"] > 0 && issue["column"] > 0 &&
             issue["severity"] == "error";
  }
  EXPECT_TRUE(named) << run.out;
}

TEST_F(PolicyCheckTest, SwitchesAreChecked) {
  WriteFile(directory_.File("good.textproto"),
            "rows { row: \"G_WPG_18_2_MELDPUNT\" from: \"2021-12-01\" until: \"2027-11-30\" "
            "source: \"test data\" }\n");
  WriteFile(directory_.File("bad.textproto"),
            "rows { row: \"G_BESTAAT_NIET\" from: \"2021-12-01\" source: \"test data\" }\n");
  EXPECT_EQ(RunCli({"policy", "check", kStatute, kConvenant, "--switches",
                    directory_.File("good.textproto")})
                .exit_code,
            0);
  const CliRun bad = RunCli(
      {"policy", "check", kStatute, kConvenant, "--switches", directory_.File("bad.textproto")});
  EXPECT_EQ(bad.exit_code, 7);
  EXPECT_THAT(bad.out, HasSubstr("bad.textproto:1:"));
}

TEST_F(PolicyCheckTest, AFileThatIsNotThereIsWrongUse) {
  const CliRun run = RunCli({"policy", "check", kStatute, directory_.File("nowhere.textproto")});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("FILE_MISSING"));
}

TEST_F(PolicyCheckTest, ADocumentCannotReachTheTerminal) {
  WriteFile(directory_.File("evil.textproto"), "id: \"x\" \033[2J\n");
  const CliRun run = RunCli({"policy", "check", kStatute, directory_.File("evil.textproto")});
  EXPECT_EQ(run.exit_code, 7);
  EXPECT_THAT(run.out, Not(HasSubstr("\033")));
  EXPECT_THAT(run.out, HasSubstr("\\u{1b}"));
}

}  // namespace
}  // namespace sluis::testing
