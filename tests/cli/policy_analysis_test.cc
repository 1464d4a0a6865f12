// `sluis policy check|matrix|diff` as their users run them: what the analyses find is tested in
// tests/policy/, here only that it arrives.

#include <string>

#include "cli.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "sluis/base_testing/temp_dir.h"

namespace sluis::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kStatute = SLUIS_SOURCE_DIR "/policy/documents/statute.textproto";
const std::string kConvenant = SLUIS_SOURCE_DIR "/policy/documents/ave-twente.textproto";
const std::string kTexts = SLUIS_SOURCE_DIR "/policy/documents/texts.textproto";

class PolicyAnalysisTest : public ::testing::Test {
 protected:
  // The reference convenant with the first occurrence of one text replaced by another.
  std::string Changed(const std::string& from, const std::string& to) {
    std::string text = ReadFile(kConvenant);
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    WriteFile(directory_.File("changed.textproto"), text);
    return directory_.File("changed.textproto");
  }
  // M02 asks one thing more.
  std::string Stricter() {
    return Changed("conditions: [GEMOTIVEERD, BETROKKENE_GEINFORMEERD]",
                   "conditions: [GEMOTIVEERD, BETROKKENE_GEINFORMEERD, VIER_OGEN]");
  }

  TempDir directory_;
};

TEST_F(PolicyAnalysisTest, CheckShowsWhatCanNeverRelease) {
  const CliRun run =
      RunCli({"policy", "check", kStatute,
              Changed("conditions: [GEMOTIVEERD, BETROKKENE_GEINFORMEERD]",
                      "conditions: [GEMOTIVEERD, SLACHTOFFER, GEEN_ADRESBESCHERMING]")});
  EXPECT_EQ(run.exit_code, 7);
  EXPECT_THAT(run.out, AllOf(HasSubstr("error: CONDITIONS_CONTRADICT: M02 "),
                             HasSubstr("not good: 1 error")));
}

TEST_F(PolicyAnalysisTest, TheAnnexIsWrittenInEveryFormat) {
  for (const std::string format : {"html", "markdown", "csv"}) {
    const std::string out = directory_.File("annex." + format);
    const CliRun run = RunCli({"policy", "matrix", kStatute, kConvenant, "--texts", kTexts,
                               "--format", format, "--out", out});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_THAT(ReadFile(out), HasSubstr("WONINGCORPORATIE"));
  }
  EXPECT_THAT(ReadFile(directory_.File("annex.html")), StartsWith("<!DOCTYPE html>"));
}

TEST_F(PolicyAnalysisTest, TheAnnexOfAPhaseIsForProgramsToo) {
  const CliRun run = RunCli(
      {"--json", "policy", "matrix", kStatute, kConvenant, "--texts", kTexts, "--phase", "AVE_1"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto annex = nlohmann::json::parse(run.out, nullptr, false);
  ASSERT_TRUE(annex.is_object());
  ASSERT_FALSE(annex["rows"].empty());
  for (const auto& row : annex["rows"]) EXPECT_EQ(row["phases"], nlohmann::json::array({"AVE_1"}));
  EXPECT_EQ(RunCli({"policy", "matrix", kStatute, kConvenant, "--texts", kTexts, "--phase", "X"})
                .exit_code,
            4);
}

TEST_F(PolicyAnalysisTest, ADifferenceIsShownWithItsWitness) {
  const CliRun run =
      RunCli({"policy", "diff", kStatute, kConvenant, kStatute, Stricter(), "--exit-code"});
  EXPECT_EQ(run.exit_code, 10) << run.err;
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("WONINGCORPORATIE receives in fewer cases"), HasSubstr("VIER_OGEN"),
                    HasSubstr("witness: "), HasSubstr("before: RELEASE (RELEASED)"),
                    HasSubstr("after: NEEDS_DECISION (NEEDS_DECISION)")));
}

TEST_F(PolicyAnalysisTest, ADifferenceIsJsonForPrograms) {
  const CliRun run =
      RunCli({"--json", "policy", "diff", kStatute, kConvenant, kStatute, Stricter()});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  const auto diff = nlohmann::json::parse(run.out, nullptr, false);
  ASSERT_TRUE(diff.is_object());
  EXPECT_EQ(diff["different"], true);
  for (const auto& difference : diff["releases"]) {
    EXPECT_EQ(difference["kind"], "STRICTER");
    EXPECT_EQ(difference["proofs"][0]["before"]["outcome"], "RELEASE");
  }
}

TEST_F(PolicyAnalysisTest, APartijWithAnotherHatIsShownWithItsWitness) {
  const std::string after = Changed("hats: [\"RVDK\"]\n", "hats: [\"RVDK\", \"GGZ\"]\n");
  const CliRun run = RunCli({"--json", "policy", "diff", kStatute, kConvenant, kStatute, after});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  const auto diff = nlohmann::json::parse(run.out, nullptr, false);
  ASSERT_TRUE(diff.is_object());
  ASSERT_EQ(diff["changes"].size(), 1U);
  const auto& change = diff["changes"][0];
  EXPECT_EQ(change["where"], "convenant.parties[P_RVDK].hats");
  ASSERT_EQ(change["proofs"].size(), 1U);
  EXPECT_NE(change["proofs"][0]["before"].value("outcome", ""), "RELEASE");
  EXPECT_EQ(change["proofs"][0]["after"]["outcome"], "RELEASE");
  EXPECT_EQ(change["without_effect"], nlohmann::json::array());
}

TEST_F(PolicyAnalysisTest, NothingIsSaidWhenNothingDiffers) {
  const CliRun run =
      RunCli({"policy", "diff", kStatute, kConvenant, kStatute, kConvenant, "--exit-code"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "");
}

TEST_F(PolicyAnalysisTest, DocumentsWithErrorsAreNotCompared) {
  const CliRun run =
      RunCli({"policy", "diff", kStatute, kConvenant, kStatute,
              Changed("grondslagen: [\"G_WPG_18_2_MELDPUNT\"]", "grondslagen: [\"G_NIET\"]")});
  EXPECT_EQ(run.exit_code, 7);
  EXPECT_THAT(run.err, HasSubstr("NAME_UNKNOWN"));
}

}  // namespace
}  // namespace sluis::testing
