// Where the connection comes from: the profile, the environment, the command line.

#include <filesystem>

#include "cli.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/temp_dir.h"

namespace sluis::testing {
namespace {

using ::testing::HasSubstr;

TEST(ProfileTest, WhatIsMissingIsNamedAsTheCommandLineNamesIt) {
  const CliRun run = RunCli({"casus", "list"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("OPTION_MISSING"));
  EXPECT_THAT(run.err, HasSubstr("option: --server"));
}

TEST(ProfileTest, AProfileThatIsNotThereIsAnError) {
  EXPECT_EQ(RunCli({"--config", "nowhere.toml", "fact", "kinds"}).exit_code, 2);
  EXPECT_EQ(
      RunCli({"fact", "kinds"}, {.environment = {{"SLUIS_CONFIG", "nowhere.toml"}}}).exit_code, 2);
}

TEST(ProfileTest, ANameThatMeansNothingIsAnError) {
  const TempDir directory;
  WriteFile(directory.File("profile.toml"), "sever = \"localhost:1\"\n");
  const CliRun run = RunCli({"--config", directory.File("profile.toml"), "fact", "kinds"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("sever"));
}

TEST(ProfileTest, PathsInAProfileCountFromItsDirectory) {
  const TempDir directory;
  const auto profiles = directory.path() / "profiles";
  std::filesystem::create_directory(profiles);
  WriteFile(profiles / "almelo.toml", "log-key-file = \"log.vkey\"\n");
  WriteFile(profiles / "log.vkey", "not a key\n");
  for (const CliOptions& options :
       {CliOptions{.directory = directory.path(),
       .environment = {{"SLUIS_CONFIG", "profiles/almelo.toml"}}},
        CliOptions{.directory = profiles, .environment = {{"SLUIS_CONFIG", "almelo.toml"}}}}) {
    // The file was found: what is wrong is what it holds.
    EXPECT_THAT(RunCli({"audit", "verify", "."}, options).err, HasSubstr("VERIFIER_KEY_MALFORMED"));
  }
  // The command line comes first, and its paths are the caller's own.
  const CliRun own = RunCli(
      {"audit", "verify", ".", "--config", "profiles/almelo.toml", "--log-key-file", "log.vkey"},
      {.directory = directory.path()});
  EXPECT_EQ(own.exit_code, 2);
  EXPECT_THAT(own.err, HasSubstr("FILE_MISSING"));
}

}  // namespace
}  // namespace sluis::testing
