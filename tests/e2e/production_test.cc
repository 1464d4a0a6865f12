// A broker for real data comes into being with a convenant that all its partijen signed, and lets
// go of it only for another that all signed, that one operator proposed and another approved. A
// real `sluisd`, and signatures that `sluis policy sign` made.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log_lines.h"
#include <nlohmann/json.hpp>

#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/grpc_transport.h"
#include "sluis/testing/policy_files.h"
#include "sluis/v1/admin.pb.h"

namespace sluis {
namespace {

namespace fs = std::filesystem;

using absl::StatusCode;
using testing::AwaitLine;
using testing::Daemon;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;
using testing::LinesOf;
using testing::LogLines;
using ::testing::Not;
using ::testing::SizeIs;

// The reference convenant under another version.
std::string ConvenantText(const std::string& version) {
  const std::string original = testing::ReadSourceFile("policy/documents/ave-twente.textproto");
  const std::string line = "\nversion: \"2026-1\"\n";
  EXPECT_THAT(original, HasSubstr(line));
  return absl::StrReplaceAll(original, {{line, "\nversion: \"" + version + "\"\n"}});
}

std::string StatuteText() { return testing::ReadSourceFile("policy/documents/statute.textproto"); }

// All partijen, each with a key of its own, and what they signed: made once for all tests.
class Signatories {
 public:
  // The folder with what everybody signed of a version, as `sluis policy sign` leaves it.
  const fs::path& Signed(const std::string& version) {
    const auto [at, fresh] = signed_.emplace(version, directory_.File(version));
    if (fresh) SignAll(version, at->second);
    return at->second;
  }
  // The lines of a keys file.
  [[nodiscard]] std::string verifier_keys() const {
    std::string lines = "# the keys of the partijen\n";
    for (const auto& [partij, key] : verifiers_) absl::StrAppend(&lines, key, "\n");
    return lines;
  }

 private:
  void SignAll(const std::string& version, const fs::path& folder) {
    fs::create_directory(folder);
    const testing::TempDir documents;
    std::ofstream(documents.File("statute")) << StatuteText();
    std::ofstream(documents.File("convenant")) << ConvenantText(version);
    for (const auto& party : testing::ReferenceConvenant().message().parties()) {
      const std::string key = directory_.File(party.id() + ".pem");
      if (!fs::exists(key)) {
        EXPECT_THAT(
            testing::RunProgram(
                {"/bin/bash", "-c", "umask 077 && openssl genpkey -algorithm ed25519 -out " + key}),
            IsOk());
      }
      const auto said = testing::RunProgram(
          {absl::StrCat(SLUIS_BIN_DIR, "/sluis"), "policy", "sign", documents.File("statute"),
           documents.File("convenant"), "--partij", party.id(), "--signing-key", key,
           "--signatures", folder.string(), "--json"});
      ASSERT_THAT(said, IsOk());
      const auto json = nlohmann::json::parse(*said, nullptr, false);
      ASSERT_TRUE(json.contains("verifier_key")) << *said;
      verifiers_[party.id()] = json["verifier_key"].get<std::string>();
    }
  }

  const testing::TempDir directory_;
  std::map<std::string, fs::path> signed_;
  std::map<std::string, std::string> verifiers_;
};

Signatories& Everybody() {
  static Signatories everybody;
  return everybody;
}

class ProductionTest : public ::testing::Test {
 protected:
  ProductionTest()
      : daemon_({.edit =
                     [](config::v1::Config& config) {
                       config.set_environment(config::v1::Config::PRODUCTION);
                       config::v1::Policy& policy = *config.mutable_policy();
                       policy.set_statute_file("statute.textproto");
                       policy.set_convenant_file("convenant.textproto");
                       policy.set_signatures_directory("signatures");
                       policy.set_partij_keys_file("partij-keys");
                     },
                 .environment = {{"LD_PRELOAD", SLUIS_SHIFTED_CLOCK},
                                 {"SLUIS_TEST_CLOCK_SHIFT", ShiftFile()}}}),
        transport_(daemon_) {
    std::ofstream(File("statute.textproto")) << StatuteText();
    WriteConvenant(ConvenantText("2026-1"));
    EXPECT_TRUE(absl::LoadTimeZone("Europe/Amsterdam", &zone_));
    // Not so late on the day that it ends before the test does.
    const bool late = absl::ToCivilHour(absl::Now(), zone_).hour() >= 22;
    Shift(late ? absl::Hours(3) : absl::ZeroDuration());
  }

  [[nodiscard]] std::string File(std::string_view name) const { return daemon_.directory() / name; }
  [[nodiscard]] std::string ShiftFile() const { return clock_.File("shift"); }

  // ---- The clock of the broker ----

  void Shift(absl::Duration by) {
    const int64_t seconds = absl::ToInt64Seconds(by);
    // In place: the broker has the file mapped.
    std::fstream out(ShiftFile(), std::ios::binary | std::ios::in | std::ios::out);
    if (!out) out.open(ShiftFile(), std::ios::binary | std::ios::out);
    out.write(reinterpret_cast<const char*>(&seconds), sizeof(seconds));
    shift_ = by;
  }
  [[nodiscard]] absl::CivilDay Today() const {
    return absl::ToCivilDay(absl::Now() + shift_, zone_);
  }
  // An hour into that day.
  void GoTo(absl::CivilDay day) {
    Shift(absl::Ceil(absl::FromCivil(absl::CivilHour(day) + 1, zone_) - absl::Now(),
                     absl::Seconds(1)));
    ASSERT_EQ(Today(), day);
  }

  // ---- The documents and their signatures ----

  void WriteConvenant(const std::string& text) const {
    std::ofstream(File("convenant.textproto")) << text;
  }
  // Puts the signatures of everybody but `not_by` under a version where the broker looks.
  void FileSignatures(const std::string& version, const std::string& not_by = "") const {
    for (const auto& file : fs::recursive_directory_iterator(Everybody().Signed(version))) {
      if (!file.is_regular_file() || file.path().stem() == not_by) continue;
      const fs::path folder = fs::path(File("signatures")) / file.path().parent_path().filename();
      fs::create_directories(folder);
      fs::copy_file(file.path(), folder / file.path().filename(),
                    fs::copy_options::overwrite_existing);
    }
    std::ofstream(File("partij-keys")) << Everybody().verifier_keys();
  }

  // ---- The operators ----

  template <typename Response, typename Request>
  absl::StatusOr<Response> Admin(const std::string& method, const Request& request) {
    auto answer = transport_.Admin()->Call(absl::StrCat("/sluis.v1.AdminService/", method),
                                           request.SerializeAsString());
    if (!answer.ok()) return answer.status();
    Response response;
    EXPECT_TRUE(response.ParseFromString(*answer));
    return response;
  }
  absl::StatusOr<std::string> Propose(const std::string& who, absl::CivilDay from) {
    v1::ProposePolicyRequest request;
    request.set_operator_id(who);
    request.set_from(absl::FormatCivilTime(from));
    auto answer = Admin<v1::ProposePolicyResponse>("ProposePolicy", request);
    if (!answer.ok()) return answer.status();
    return answer->policy_hash();
  }
  absl::StatusOr<std::string> Approve(const std::string& who, const std::string& hash) {
    v1::ActivatePolicyRequest request;
    request.set_operator_id(who);
    request.set_policy_hash(hash);
    auto answer = Admin<v1::ActivatePolicyResponse>("ActivatePolicy", request);
    if (!answer.ok()) return answer.status();
    return answer->from();
  }

  // Starts and says which policy is in force, with its version. Empty when it did not start.
  std::string StartAndSay() {
    const size_t before = LogLines(daemon_).size();
    const absl::Status started = daemon_.Start();
    EXPECT_THAT(started, IsOk());
    if (!started.ok() || !AwaitLine(daemon_, "started", "policy_hash", "", before)) return "";
    const auto lines = LinesOf(daemon_, "started", before);
    EXPECT_EQ(lines.back()["environment"], "PRODUCTION");
    return absl::StrCat(lines.back()["convenant"].get<std::string>(), " ",
                        lines.back()["policy_hash"].get<std::string>());
  }
  [[nodiscard]] bool AwaitActivation(const std::string& hash, size_t from = 0) const {
    return AwaitLine(daemon_, "policy_activated", "policy_hash", hash, from);
  }

  const testing::TempDir clock_;
  absl::Duration shift_;
  absl::TimeZone zone_;
  Daemon daemon_;
  testing::GrpcTransport transport_;
};

TEST_F(ProductionTest, StartsOnlyWithAConvenantThatAllHaveSigned) {
  FileSignatures("2026-1", "P_TACTUS");
  const absl::Status refused = daemon_.Start();
  EXPECT_THAT(refused, IsError(StatusCode::kUnavailable, "DAEMON_ENDED"));
  ASSERT_THAT(LinesOf(daemon_, "not_started"), SizeIs(1));
  const auto why = LinesOf(daemon_, "not_started").back();
  EXPECT_EQ(why["reason"], "POLICY_NOT_SIGNED");
  const std::string problem = why["problem"].get<std::string>();
  EXPECT_THAT(problem, HasSubstr("SIGNATURE_MISSING"));
  EXPECT_THAT(problem, HasSubstr("P_TACTUS"));
  EXPECT_THAT(problem, Not(HasSubstr("P_MEDIANT")));

  FileSignatures("2026-1");
  EXPECT_THAT(StartAndSay(), HasSubstr("ave-twente 2026-1 "));
  EXPECT_EQ(transport_.Admin()->Health().value_or("?"), "SERVING");
  // Neither a file nor a call that is for tests puts something else in force, or sets the clock.
  EXPECT_THAT(transport_.ReloadPolicy(),
              IsError(StatusCode::kFailedPrecondition, "NOT_A_TEST_ENVIRONMENT"));
  EXPECT_THAT(transport_.SetClock(absl::Now()),
              IsError(StatusCode::kFailedPrecondition, "NOT_A_TEST_ENVIRONMENT"));
}

TEST_F(ProductionTest, AnotherVersionComesIntoForceOnItsDayByTwoOperatorsAndStays) {
  FileSignatures("2026-1");
  const std::string first = StartAndSay();
  ASSERT_THAT(first, HasSubstr("ave-twente 2026-1 "));
  const absl::CivilDay tomorrow = Today() + 1;

  // Not signed by anybody, then by all but one.
  WriteConvenant(ConvenantText("2026-2"));
  EXPECT_THAT(Propose("a.jansen", tomorrow),
              IsError(StatusCode::kFailedPrecondition, "POLICY_NOT_SIGNED"));
  FileSignatures("2026-2", "P_GGD");
  const auto by_all_but_one = Propose("a.jansen", tomorrow);
  EXPECT_THAT(by_all_but_one, IsError(StatusCode::kFailedPrecondition, "POLICY_NOT_SIGNED"));
  EXPECT_THAT(by_all_but_one.status().message(), HasSubstr("P_GGD"));
  FileSignatures("2026-2");
  EXPECT_THAT(Propose("a.jansen", tomorrow - 2),
              IsError(StatusCode::kFailedPrecondition, "POLICY_DATE_PAST"));

  const auto hash = Propose("a.jansen", tomorrow);
  ASSERT_THAT(hash, IsOk());
  EXPECT_THAT(first, Not(HasSubstr(*hash)));
  EXPECT_THAT(Approve("a.jansen", *hash), IsError(StatusCode::kPermissionDenied, "SAME_OPERATOR"));
  EXPECT_THAT(Approve("b.de-wit", std::string(64, '0')),
              IsError(StatusCode::kNotFound, "POLICY_NOT_PROPOSED"));
  const auto from = Approve("b.de-wit", *hash);
  ASSERT_THAT(from, IsOk());
  EXPECT_EQ(*from, absl::FormatCivilTime(tomorrow));
  EXPECT_THAT(Approve("c.bakker", *hash), IsError(StatusCode::kAlreadyExists, "POLICY_APPROVED"));

  // Not before its day, neither for a broker that runs nor for one that starts.
  daemon_.Kill();
  EXPECT_EQ(StartAndSay(), first);
  EXPECT_THAT(LinesOf(daemon_, "policy_activated"), SizeIs(0));

  // What the files say after the approval is nothing to a broker, neither on the day nor at a
  // start.
  WriteConvenant(ConvenantText("2026-3"));
  GoTo(tomorrow);
  EXPECT_TRUE(AwaitActivation(*hash)) << daemon_.ReadLog();
  daemon_.Kill();
  EXPECT_EQ(StartAndSay(), absl::StrCat("ave-twente 2026-2 ", *hash));
}

TEST_F(ProductionTest, AVersionForTodayComesIntoForceAtOnce) {
  FileSignatures("2026-1");
  ASSERT_THAT(StartAndSay(), HasSubstr("ave-twente 2026-1 "));
  WriteConvenant(ConvenantText("2026-2"));
  FileSignatures("2026-2");
  const auto hash = Propose("a.jansen", Today());
  ASSERT_THAT(hash, IsOk());
  ASSERT_THAT(Approve("b.de-wit", *hash), IsOk());
  EXPECT_TRUE(AwaitActivation(*hash)) << daemon_.ReadLog();
}

// Files that were put in the place of those that were signed, and signatures that went missing.
TEST_F(ProductionTest, AConvenantThatWasTamperedWithIsNotPutInForce) {
  FileSignatures("2026-1");
  const std::string first = StartAndSay();
  ASSERT_THAT(first, HasSubstr("ave-twente 2026-1 "));
  // One condition less, under the same version.
  std::string tampered = ConvenantText("2026-1");
  const size_t at = tampered.find("\n  conditions: ");
  ASSERT_NE(at, std::string::npos);
  tampered.erase(at, tampered.find('\n', at + 1) - at);
  WriteConvenant(tampered);
  EXPECT_THAT(Propose("a.jansen", Today()),
              IsError(StatusCode::kFailedPrecondition, "POLICY_NOT_SIGNED"));
  daemon_.Kill();
  EXPECT_EQ(StartAndSay(), first);
  // Nor does a file that does not compile keep it from starting.
  WriteConvenant("id: ");
  daemon_.Kill();
  EXPECT_EQ(StartAndSay(), first);
  EXPECT_THAT(Propose("a.jansen", Today()),
              IsError(StatusCode::kInvalidArgument, "POLICY_INVALID"));

  // A broker that has never had a policy has only the files, and does not take these.
  daemon_.Kill();
  for (const char* ending : {"", "-wal", "-shm"})
    fs::remove(absl::StrCat(daemon_.store_file(), ending));
  EXPECT_THAT(daemon_.Start(), IsError(StatusCode::kUnavailable, "DAEMON_ENDED"));
  EXPECT_EQ(LinesOf(daemon_, "not_started").back()["reason"], "POLICY_INVALID");
  WriteConvenant(tampered);
  daemon_.Kill();
  for (const char* ending : {"", "-wal", "-shm"})
    fs::remove(absl::StrCat(daemon_.store_file(), ending));
  EXPECT_THAT(daemon_.Start(), IsError(StatusCode::kUnavailable, "DAEMON_ENDED"));
  EXPECT_EQ(LinesOf(daemon_, "not_started").back()["reason"], "POLICY_NOT_SIGNED");
}

}  // namespace
}  // namespace sluis
