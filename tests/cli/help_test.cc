// What a newcomer sees, and what a program can rely on.

#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace sluis::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> SubcommandsIn(const std::string& help) {
  std::vector<std::string> names;
  bool listed = false;
  for (const absl::string_view line : absl::StrSplit(help, '\n')) {
    if (line == "Subcommands:") {
      listed = true;
    } else if (listed && line.substr(0, 2) == "  " && line.size() > 2 && line[2] != ' ') {
      const std::string text(line.substr(2));
      names.push_back(text.substr(0, text.find(' ')));
    } else if (listed && line.empty()) {
      break;
    }
  }
  return names;
}

// Every command without subcommands, found by following the help texts.
void FindCommands(const std::vector<std::string>& path,
                  std::vector<std::vector<std::string>>& found) {
  std::vector<std::string> arguments = path;
  arguments.emplace_back("--help");
  const CliRun run = RunCli(arguments);
  ASSERT_EQ(run.exit_code, 0) << absl::StrJoin(arguments, " ") << "\n" << run.err;
  ASSERT_EQ(run.err, "");
  const std::vector<std::string> subcommands = SubcommandsIn(run.out);
  if (subcommands.empty()) {
    EXPECT_THAT(run.out, HasSubstr("Example")) << absl::StrJoin(path, " ");
    EXPECT_THAT(run.out, HasSubstr("sluis --help")) << absl::StrJoin(path, " ");
    found.push_back(path);
  }
  for (const std::string& name : subcommands) {
    std::vector<std::string> next = path;
    next.push_back(name);
    FindCommands(next, found);
  }
}

TEST(HelpTest, EveryCommandHasAnExampleAndIsInTheManual) {
  std::vector<std::vector<std::string>> commands;
  FindCommands({}, commands);
  EXPECT_GE(commands.size(), 30U);
  const std::string manual = ReadFile(SLUIS_SOURCE_DIR "/docs/cli.md") +
                             ReadFile(SLUIS_SOURCE_DIR "/docs/policy-tools.md");
  for (const auto& command : commands)
    EXPECT_THAT(manual, HasSubstr("sluis " + absl::StrJoin(command, " ")));
}

TEST(HelpTest, TheManualHasTheExitCodesOfTheHelp) {
  const std::string help = RunCli({"--help"}).out;
  const std::string manual = ReadFile(SLUIS_SOURCE_DIR "/docs/cli.md");
  for (int code = 0; code <= 10; ++code) {
    const std::string start = "\n  " + std::to_string(code) + "  ";
    const size_t at = help.find(start);
    ASSERT_NE(at, std::string::npos) << code;
    const size_t text = at + start.size();
    EXPECT_THAT(manual, HasSubstr("| " + std::to_string(code) + " | " +
                                  help.substr(text, help.find('\n', text) - text) + " |"));
  }
}

TEST(HelpTest, WrongUseIsToldAndEndsWithTwo) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{},
                                             {"nonsense"},
                                             {"policy"},
                                             {"policy", "check"},
                                             {"request", "--casus", "x"},
                                             {"--timeout", "0", "casus", "list"},
                                             {"--language", "fr", "casus", "list"}}) {
    const CliRun run = RunCli(wrong);
    EXPECT_EQ(run.exit_code, 2) << absl::StrJoin(wrong, " ");
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, HasSubstr("sluis: USAGE: ")) << absl::StrJoin(wrong, " ");
  }
}

TEST(HelpTest, ErrorsAreJsonForPrograms) {
  const CliRun run = RunCli({"--json", "policy", "check", "only-one"});
  EXPECT_EQ(run.exit_code, 2);
  const auto error = nlohmann::json::parse(run.err, nullptr, false);
  ASSERT_TRUE(error.is_object()) << run.err;
  EXPECT_EQ(error["error"]["reason"], "USAGE");
  EXPECT_EQ(error["error"]["exit_code"], 2);
}

TEST(HelpTest, NothingIsColouredThatIsNoTerminal) {
  EXPECT_THAT(RunCli({"fact", "kinds"}).out, Not(HasSubstr("\033")));
}

TEST(HelpTest, TheVersionIsThatOfTheProject) {
  const CliRun run = RunCli({"--version"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

}  // namespace
}  // namespace sluis::testing
