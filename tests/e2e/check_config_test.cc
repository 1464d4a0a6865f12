// What an operator gets wrong is found before the doors open, and said with its place.

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/testing/daemon.h"
#include "sluis/testing/test_pki.h"

namespace sluis {
namespace {

using testing::Daemon;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RunProgram;
using testing::WriteFile;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void Replace(std::string& text, const std::string& what, const std::string& by) {
  const size_t at = text.find(what);
  ASSERT_NE(at, std::string::npos) << what;
  text.replace(at, what.size(), by);
}

// "line:column", from 1, of what stands `after` characters into the first place of `what`.
std::string PlaceOf(const std::string& text, const std::string& what, size_t after = 0) {
  const size_t at = text.find(what) + after;
  EXPECT_LT(at, text.size()) << what;
  const auto line =
      1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  const size_t start = text.rfind('\n', at);
  const size_t column = start == std::string::npos ? at + 1 : at - start;
  return absl::StrCat(line, ":", column);
}

class CheckConfigTest : public ::testing::Test {
 protected:
  struct Outcome {
    int code = 0;
    std::string text;
  };

  static Outcome Run(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {std::string(SLUIS_BIN_DIR) + "/sluisd"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto output = RunProgram(command);
    if (output.ok()) return {0, *output};
    // "… ended with <code>: <text>"
    std::string text(output.status().message());
    constexpr std::string_view kMark = " ended with ";
    const size_t at = text.find(kMark);
    EXPECT_NE(at, std::string::npos) << text;
    text.erase(0, at + kMark.size());
    return {std::stoi(text), text};
  }

  Outcome Check() { return Run({"--check-config", "--config", daemon_.config_file()}); }

  [[nodiscard]] std::string Config() const { return ReadFile(daemon_.config_file()); }

  // Copies a document of the policy into the directory, changed, and configures it.
  std::string UseDocument(const std::string& name, const std::string& what, const std::string& by) {
    std::string text = ReadFile(absl::StrCat(SLUIS_SOURCE_DIR, "/policy/documents/", name));
    Replace(text, what, by);
    WriteFile(daemon_.directory() / name, text);
    daemon_.Edit([&](config::v1::Config& config) {
      if (name == "statute.textproto") config.mutable_policy()->set_statute_file(name);
      if (name == "ave-twente.textproto") config.mutable_policy()->set_convenant_file(name);
      if (name == "texts.textproto") config.mutable_policy()->set_texts_file(name);
    });
    return text;
  }

  Daemon daemon_;
};

TEST_F(CheckConfigTest, AGoodConfigurationIsGood) {
  const Outcome checked = Check();
  EXPECT_EQ(checked.code, 0) << checked.text;
  EXPECT_THAT(checked.text, HasSubstr("sluisd.textproto: good"));
  // Checking leaves nothing behind.
  EXPECT_FALSE(std::filesystem::exists(daemon_.store_file()));
  EXPECT_FALSE(std::filesystem::exists(daemon_.person_keys_file()));
}

TEST_F(CheckConfigTest, EveryWrongValueIsSaidWithItsPlace) {
  struct Case {
    const char* what;
    const char* from;
    const char* to;
    const char* code;
    const char* at;  // what stands at the place that is named
  };
  const Case cases[] = {
      {"unknown member", "log_name:", "log_nam:", "SYNTAX", ": \"sluis.localhost"},
      {"no text format", "log_name:", "log_name", "SYNTAX", "\"sluis.localhost"},
      {"not a number", "crl_refresh_seconds: 1", "crl_refresh_seconds: soon", "SYNTAX", "soon"},
      {"a name with a space", "sluis.localhost/log", "sluis localhost", "VALUE_INVALID",
       "log_name"},
      {"a number out of range", "crl_refresh_seconds: 1", "crl_refresh_seconds: 9999",
       "VALUE_INVALID", "crl_refresh_seconds"},
      {"no port", "127.0.0.1:0", "127.0.0.1", "VALUE_INVALID", "address"},
      {"a missing certificate", "pki/server/certificate.pem", "pki/none.pem", "FILE_MISSING",
       "certificate_file"},
      {"a missing key", "pki/server/key.pem", "pki/none.pem", "FILE_MISSING", "key_file"},
      {"missing roots", "pki/ca-bundle.pem", "pki/none.pem", "FILE_MISSING", "client_ca_file"},
      {"a missing directory of CRLs", "pki/crl", "pki/none", "FILE_MISSING", "crl_directory"},
      {"a missing master key", "\"master.key\"", "\"none.key\"", "FILE_MISSING", "master_key_file"},
      {"a missing log key", "\"log.key\"", "\"none.key\"", "FILE_MISSING", "log_key_file"},
      {"a store in no directory", "\"sluis.db\"", "\"none/sluis.db\"", "FILE_MISSING",
       "sqlite_file"},
      {"keys in the store", "\"person-keys.db\"", "\"sluis.db\"", "VALUE_INVALID",
       "person_keys_file"},
      {"a missing statute", "statute.textproto", "none.textproto", "FILE_MISSING", "statute_file"},
      {"missing switches", "switches.textproto", "none.textproto", "FILE_MISSING", "switches_file"},
  };
  const std::string good = Config();
  for (const Case& each : cases) {
    SCOPED_TRACE(each.what);
    std::string text = good;
    Replace(text, each.from, each.to);
    WriteFile(daemon_.config_file(), text);
    const Outcome checked = Check();
    EXPECT_EQ(checked.code, 78) << checked.text;
    EXPECT_THAT(checked.text,
                HasSubstr(absl::StrCat(daemon_.config_file(), ":", PlaceOf(text, each.at),
                                       ": error: ", each.code, ": ")));
    // The line itself, with a caret below it.
    EXPECT_THAT(checked.text, HasSubstr("^"));
  }
}

TEST_F(CheckConfigTest, EverythingThatIsWrongIsSaidAtOnce) {
  daemon_.Edit([](config::v1::Config& config) {
    config.set_log_name("no name");
    config.mutable_limits()->set_max_calls(-1);
    config.mutable_admin()->set_address("0.0.0.0:8444");
    config.mutable_tls()->set_key_file("none.pem");
  });
  const Outcome checked = Check();
  EXPECT_EQ(checked.code, 78);
  for (const char* words : {"a name such as", "not from 1 to 100000",
                            "not a loopback address: this door has no TLS", "no such file"}) {
    EXPECT_THAT(checked.text, HasSubstr(words));
  }
}

TEST_F(CheckConfigTest, WithoutEnvironmentNothingStarts) {
  daemon_.Edit([](config::v1::Config& config) { config.clear_environment(); });
  const Outcome checked = Check();
  EXPECT_EQ(checked.code, 78);
  EXPECT_THAT(checked.text, HasSubstr("PRODUCTION or TEST_DATA_ONLY"));
}

TEST_F(CheckConfigTest, AKeyThatOthersCanReadIsNoKey) {
  for (const char* key : {"master.key", "log.key", "pki/server/key.pem"}) {
    const std::string path = daemon_.directory() / key;
    for (const mode_t mode : {0640U, 0604U, 0620U}) {
      ASSERT_EQ(chmod(path.c_str(), mode), 0);
      const Outcome checked = Check();
      EXPECT_EQ(checked.code, 78) << key;
      EXPECT_THAT(checked.text, HasSubstr("KEY_FILE_READABLE")) << key;
      EXPECT_THAT(checked.text, HasSubstr(absl::StrCat("chmod 600"))) << key;
    }
    ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  }
  EXPECT_EQ(Check().code, 0);
}

TEST_F(CheckConfigTest, KeysThatAreNoneAreSaidWithoutShowingThem) {
  const std::string master = daemon_.directory() / "master.key";
  const std::string good = ReadFile(master);
  const std::string secret = "c0ffee5ec4e7c0ffee";
  for (const std::string& bad : {secret, std::string(), good + "00", std::string(64, 'z')}) {
    std::ofstream(master, std::ios::trunc) << bad;
    const Outcome checked = Check();
    EXPECT_EQ(checked.code, 78);
    EXPECT_THAT(checked.text, HasSubstr("MASTER_KEY_WRONG"));
    EXPECT_THAT(checked.text, Not(HasSubstr(secret)));
  }
  std::ofstream(master, std::ios::trunc) << good;
  // A key of another kind, and one that is not that of the certificate.
  const testing::Issued other = testing::SelfSigned({});
  std::ofstream(daemon_.directory() / "log.key", std::ios::trunc) << other.key_pem;
  std::ofstream(daemon_.pki() + "/server/key.pem", std::ios::trunc) << other.key_pem;
  const Outcome checked = Check();
  EXPECT_EQ(checked.code, 78);
  EXPECT_THAT(checked.text, HasSubstr("TLS_FILES"));
  EXPECT_THAT(checked.text, HasSubstr("the key is not the one of the certificate"));
  EXPECT_THAT(checked.text, HasSubstr("KEY_MALFORMED"));
}

TEST_F(CheckConfigTest, ABrokenConvenantIsSaidWithItsPlace) {
  const std::string text = UseDocument("ave-twente.textproto", "\nparties {", "\nparteis {");
  const Outcome checked = Check();
  EXPECT_EQ(checked.code, 78);
  EXPECT_THAT(checked.text,
              HasSubstr(absl::StrCat("ave-twente.textproto:", PlaceOf(text, "parteis {", 8))));
  EXPECT_THAT(checked.text, HasSubstr("SYNTAX"));
}

TEST_F(CheckConfigTest, AnUnknownNameInTheConvenantIsSaidWithItsPlace) {
  const std::string text =
      UseDocument("ave-twente.textproto", "hats: [\"DJI_PI\"]", "hats: [\"DJI_PO\"]");
  const Outcome checked = Check();
  EXPECT_EQ(checked.code, 78);
  EXPECT_THAT(checked.text, HasSubstr("NAME_UNKNOWN"));
  EXPECT_THAT(checked.text, HasSubstr("DJI_PO"));
  const std::string place = PlaceOf(text, "hats: [\"DJI_PO\"]");
  EXPECT_THAT(checked.text,
              HasSubstr("ave-twente.textproto:" + place.substr(0, place.find(':') + 1)));
}

// Invariant 2.
TEST_F(CheckConfigTest, AConvenantThatWidensTheStatuteDoesNotStart) {
  // The corporation may be told who leads, not what somebody owes.
  const std::string text =
      UseDocument("ave-twente.textproto",
                  "\"G_CONVENANT_PROCES\", \"G_WGS_2_31_9\"]\n  conditions: [GEMOTIVEERD, "
                  "BETROKKENE_GEINFORMEERD]\n  obligations: [ALLEEN_WOONACTIES",
                  "\"G_CONVENANT_PROCES\"]\n  conditions: [GEMOTIVEERD, BETROKKENE_GEINFORMEERD]\n "
                  " obligations: [ALLEEN_WOONACTIES");
  const Outcome checked = Check();
  EXPECT_EQ(checked.code, 78) << checked.text;
  EXPECT_THAT(checked.text, HasSubstr("WIDENS_STATUTE"));
  const std::string place = PlaceOf(text,
                                    "[\"G_CONVENANT_PROCES\"]\n  conditions: [GEMOTIVEERD, "
                                    "BETROKKENE_GEINFORMEERD]\n  obligations: [ALLEEN_WOONACTIES");
  EXPECT_THAT(checked.text,
              HasSubstr("ave-twente.textproto:" + place.substr(0, place.find(':') + 1)));
  // Nor does the daemon start with it.
  EXPECT_EQ(Run({"--config", daemon_.config_file()}).code, 78);
  EXPECT_FALSE(std::filesystem::exists(daemon_.store_file()));
}

TEST_F(CheckConfigTest, WrongUseHasAnExitCodeOfItsOwn) {
  EXPECT_EQ(Run({"--no-such-option"}).code, 64);
  EXPECT_EQ(Run({"--help"}).code, 0);
  EXPECT_EQ(Run({"--version"}).code, 0);
  EXPECT_EQ(Run({"--config", daemon_.directory() / "none.textproto"}).code, 78);
}

TEST_F(CheckConfigTest, ATakenPortIsNoConfigurationError) {
  ASSERT_TRUE(daemon_.Start().ok());
  Daemon second;
  second.Edit([&](config::v1::Config& config) {
    config.mutable_listen()->set_address(absl::StrCat("127.0.0.1:", daemon_.port()));
  });
  const absl::Status started = second.Start();
  EXPECT_THAT(std::string(started.message()), HasSubstr("sluisd ended with 1"));
  EXPECT_THAT(std::string(started.message()), HasSubstr("PORT_TAKEN"));
}

}  // namespace
}  // namespace sluis
