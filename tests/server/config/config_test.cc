#include "sluis/config/config.h"

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/temp_dir.h"

namespace sluis::config {
namespace {

using ::testing::IsEmpty;
using textproto::Issue;

constexpr char kGood[] = R"(environment: TEST_DATA_ONLY
log_name: "sluis.test/log"
listen { address: "127.0.0.1:0" }
admin { address: "127.0.0.1:0" }
tls {
  certificate_file: "certificate.pem"
  key_file: "tls.key"
  client_ca_file: "ca.pem"
  crl_directory: "crl"
}
store { sqlite_file: "sluis.db" }
keys { person_keys_file: "keys.db" master_key_file: "master.key" log_key_file: "log.key" }
policy { statute_file: "statute" convenant_file: "convenant" texts_file: "texts" }
)";

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"certificate.pem", "tls.key", "ca.pem", "master.key", "log.key",
                             "statute", "convenant", "texts"}) {
      Write(name, "x");
      ASSERT_EQ(chmod(directory_.File(name).c_str(), 0600), 0);
    }
    ASSERT_TRUE(std::filesystem::create_directory(directory_.path() / "crl"));
  }
  void Write(std::string_view name, std::string_view content) {
    std::ofstream(directory_.File(name), std::ios::binary) << content;
  }
  ConfigResult Read(const std::string& text) {
    Write("sluisd.textproto", text);
    return ReadConfig(directory_.File("sluisd.textproto"));
  }
  static std::string Shown(const ConfigResult& result) {
    std::string all;
    for (const Issue& issue : result.issues) all += textproto::FormatIssue(issue) + "\n";
    return all;
  }
  // The good one with `from` replaced.
  static std::string With(const std::string& from, const std::string& to) {
    std::string text = kGood;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }

  const testing::TempDir directory_;
};

TEST_F(ConfigTest, AGoodFileHasNoIssues) {
  const ConfigResult result = Read(kGood);
  EXPECT_THAT(result.issues, IsEmpty());
  ASSERT_TRUE(result.config);
  EXPECT_TRUE(result.config->test_data_only);
  // The environment shows in the name of the log.
  EXPECT_EQ(result.config->origin, "sluis.test/log TEST_DATA_ONLY");
  EXPECT_EQ(result.config->sqlite_file, directory_.File("sluis.db"));
  EXPECT_EQ(result.config->max_message_bytes, 1 << 20);
  EXPECT_EQ(result.config->log_level, "info");
}

// Real data rest on a convenant that the partijen have signed.
TEST_F(ConfigTest, ProductionAsksForSignatures) {
  std::string text = With("TEST_DATA_ONLY", "PRODUCTION");
  const ConfigResult without = Read(text);
  EXPECT_FALSE(without.config);
  ASSERT_EQ(without.issues.size(), 2U);
  EXPECT_EQ(without.issues[0].code, "VALUE_MISSING");
  EXPECT_EQ(without.issues[1].code, "VALUE_MISSING");
  Write("partij-keys", "");
  ASSERT_TRUE(std::filesystem::create_directory(directory_.path() / "signatures"));
  const std::string texts = "texts_file: \"texts\"";
  text.replace(text.find(texts), texts.size(),
               texts + " signatures_directory: \"signatures\" partij_keys_file: \"partij-keys\"");
  const ConfigResult with = Read(text);
  ASSERT_TRUE(with.config);
  EXPECT_EQ(with.config->origin, "sluis.test/log");
  EXPECT_EQ(with.config->signatures_directory, directory_.File("signatures"));
}

// What is over is destroyed, at night, unless somebody says otherwise.
TEST_F(ConfigTest, TheScheduleIsOnByDefault) {
  const ConfigResult normal = Read(kGood);
  ASSERT_TRUE(normal.config);
  EXPECT_TRUE(normal.config->schedule);
  EXPECT_TRUE(normal.config->purge);
  EXPECT_EQ(normal.config->quiet_from_hour, 1);
  EXPECT_EQ(normal.config->quiet_until_hour, 5);
  const std::string good(kGood);
  const ConfigResult own =
      Read(good + "\nschedule { purge_off: true quiet_from_hour: 22 quiet_until_hour: 4 }");
  ASSERT_TRUE(own.config);
  EXPECT_TRUE(own.config->schedule);
  EXPECT_FALSE(own.config->purge);
  EXPECT_EQ(own.config->quiet_from_hour, 22);
  EXPECT_FALSE(Read(good + "\nschedule { off: true }").config->schedule);
  const ConfigResult bad = Read(good + "\nschedule { quiet_until_hour: 25 }");
  EXPECT_FALSE(bad.config);
  ASSERT_EQ(bad.issues.size(), 1U);
  EXPECT_EQ(bad.issues[0].code, "VALUE_INVALID");
}

// The number and the time of R-A-41.
TEST_F(ConfigTest, WhatIsProbingIsConfigured) {
  const ConfigResult normal = Read(kGood);
  ASSERT_TRUE(normal.config);
  EXPECT_EQ(normal.config->probing_refusals, 5);
  EXPECT_EQ(normal.config->probing_days, 7);
  const std::string good(kGood);
  const ConfigResult own = Read(good + "\nschedule { probing_refusals: 2 probing_days: 366 }");
  ASSERT_TRUE(own.config);
  EXPECT_EQ(own.config->probing_refusals, 2);
  EXPECT_EQ(own.config->probing_days, 366);
  for (const char* const bad :
       {"probing_refusals: 1", "probing_refusals: -1", "probing_refusals: 1001", "probing_days: -1",
        "probing_days: 367"}) {
    const ConfigResult result = Read(good + "\nschedule { " + bad + " }");
    EXPECT_FALSE(result.config) << bad;
    ASSERT_EQ(result.issues.size(), 1U) << bad;
    EXPECT_EQ(result.issues[0].code, "VALUE_INVALID") << bad;
  }
}

// Nothing is a test environment, or production, because somebody forgot to say which.
TEST_F(ConfigTest, TheEnvironmentHasToBeSaid) {
  const ConfigResult result = Read(With("environment: TEST_DATA_ONLY", ""));
  EXPECT_FALSE(result.config);
  ASSERT_FALSE(result.issues.empty());
  EXPECT_EQ(result.issues.front().code, "VALUE_MISSING");
  EXPECT_THAT(result.issues.front().message, ::testing::HasSubstr("TEST_DATA_ONLY"));
  EXPECT_EQ(result.issues.front().line, 0);
}

struct Bad {
  std::string from;
  std::string to;
  std::string code;
  int line;
  int column;
};

TEST_F(ConfigTest, EveryErrorHasItsPlace) {
  const std::vector<Bad> cases = {
      {"sluis.test/log", "two words", "VALUE_INVALID", 2, 1},
      {"log_name:", "oin: \"1234\" log_name:", "VALUE_INVALID", 2, 1},
      {"\"127.0.0.1:0\" }\nadmin", "\"127.0.0.1\" }\nadmin", "VALUE_INVALID", 3, 10},
      {"\"127.0.0.1:0\" }\nadmin", "\"127.0.0.1:65536\" }\nadmin", "VALUE_INVALID", 3, 10},
      {"\"127.0.0.1:0\" }\nadmin", "\":1\" }\nadmin", "VALUE_INVALID", 3, 10},
      {"admin { address: \"127.0.0.1:0\"", "admin { address: \"0.0.0.0:0\"", "VALUE_INVALID", 4, 9},
      {"\"ca.pem\"", "\"none.pem\"", "FILE_MISSING", 8, 3},
      {"\"crl\"", "\"none\"", "FILE_MISSING", 9, 3},
      {"\"sluis.db\"", "\"none/sluis.db\"", "FILE_MISSING", 11, 9},
      {"\"keys.db\"", "\"./sluis.db\"", "VALUE_INVALID", 12, 8},
      {"log_key_file: \"log.key\"", "", "VALUE_MISSING", 12, 1},
      {"log_name:", "log_nam:", "SYNTAX", 2, 8},
      {"crl_directory: \"crl\"", "crl_directory: \"crl\" crl_refresh_seconds: 100000",
       "VALUE_INVALID", 9, 24},
  };
  for (const Bad& bad : cases) {
    SCOPED_TRACE(bad.to);
    const ConfigResult result = Read(With(bad.from, bad.to));
    EXPECT_FALSE(result.config);
    ASSERT_EQ(result.issues.size(), 1U) << Shown(result);
    const Issue& issue = result.issues.front();
    EXPECT_EQ(issue.severity, Issue::Severity::kError);
    EXPECT_EQ(issue.code, bad.code) << issue.message;
    EXPECT_EQ(issue.line, bad.line) << issue.message;
    EXPECT_EQ(issue.column, bad.column) << issue.message;
  }
}

TEST_F(ConfigTest, TellsEverythingThatIsWrong) {
  const ConfigResult result = Read("environment: PRODUCTION\n");
  EXPECT_FALSE(result.config);
  EXPECT_GT(result.issues.size(), 8U);
}

TEST_F(ConfigTest, TheOinOfTheBrokerMayBeGiven) {
  EXPECT_EQ(Read(kGood).config->oin, "");
  const ConfigResult result = Read(With("log_name:", "oin: \"00000099000000001000\"\nlog_name:"));
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->oin, "00000099000000001000");
}

TEST_F(ConfigTest, AKeyThatOthersCanReadIsRefused) {
  for (const mode_t mode : {0640U, 0604U, 0620U}) {
    ASSERT_EQ(chmod(directory_.File("master.key").c_str(), mode), 0);
    const ConfigResult result = Read(kGood);
    EXPECT_FALSE(result.config);
    ASSERT_EQ(result.issues.size(), 1U);
    EXPECT_EQ(result.issues.front().code, "KEY_FILE_READABLE");
    EXPECT_EQ(result.issues.front().line, 12);
  }
}

TEST_F(ConfigTest, AMissingFileIsAnIssue) {
  const ConfigResult result = ReadConfig(directory_.File("none"));
  EXPECT_FALSE(result.config);
  ASSERT_EQ(result.issues.size(), 1U);
  EXPECT_EQ(result.issues.front().code, "FILE_MISSING");
}

TEST_F(ConfigTest, DocumentsThatDoNotCompileAreNoPolicy) {
  const ConfigResult result = Read(kGood);
  ASSERT_TRUE(result.config);
  const PolicyResult policy = LoadPolicy(*result.config);
  EXPECT_EQ(policy.policy, nullptr);
  EXPECT_TRUE(textproto::HasErrors(policy.issues));
  const TextsResult texts = LoadTexts(*result.config);
  EXPECT_EQ(texts.texts, nullptr);
  EXPECT_TRUE(textproto::HasErrors(texts.issues));
}

}  // namespace
}  // namespace sluis::config
