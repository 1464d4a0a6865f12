// How a broker starts, stops, takes a load, reloads, and refuses to go on.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "e2e.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "log_lines.h"

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/store/sqlite_db.h"
#include "sluis/store/sqlite_store.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/grpc_transport.h"
#include "sluis/testing/test_pki.h"
#include "sluis/v1/admin.pb.h"
#include "sluis/v1/professional.pb.h"

namespace sluis {
namespace {

using absl::StatusCode;
using testing::AwaitLine;
using testing::Daemon;
using testing::GrpcTransport;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;
using testing::LinesOf;
using testing::LogLines;
using testing::NewRequestId;
using ::testing::Not;
using testing::RawConnection;

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr std::string_view kCheckpoint = "/sluis.v1.AuditService/GetCheckpoint";
constexpr std::string_view kPut = "/sluis.v1.ProfessionalService/PutProfessional";

constexpr const char* kServices[] = {
    "",
    "sluis.v1.CasusService",
    "sluis.v1.SharingService",
    "sluis.v1.FieldService",
    "sluis.v1.ConsentService",
    "sluis.v1.FactService",
    "sluis.v1.ProfessionalService",
    "sluis.v1.AuditService",
    "TEST_DATA_ONLY",
};

std::string PutRequest(const std::string& professional = "pro-1") {
  v1::PutProfessionalRequest request;
  request.set_request_id(NewRequestId());
  request.set_professional(professional);
  request.add_hats("GGZ");
  request.set_active(true);
  return request.SerializeAsString();
}

template <typename Ask, typename Good>
auto Until(const Ask& ask, const Good& good) {
  const absl::Time until = absl::Now() + kPatience;
  auto answer = ask();
  while (!good(answer) && absl::Now() < until) {
    absl::SleepFor(absl::Milliseconds(20));
    answer = ask();
  }
  return answer;
}

// Many calls at once on one connection; their answers in any order.
std::vector<absl::StatusOr<std::string>> AtOnce(RawConnection& connection, int count) {
  std::mutex mutex;
  std::condition_variable arrived;
  std::vector<absl::StatusOr<std::string>> answers;
  for (int i = 0; i < count; ++i) {
    connection.CallAsync(kPut, PutRequest(), kPatience, [&](absl::StatusOr<std::string> answer) {
      const std::lock_guard lock(mutex);
      answers.push_back(std::move(answer));
      arrived.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  arrived.wait(lock, [&] { return answers.size() == static_cast<size_t>(count); });
  return answers;
}

class LifecycleTest : public ::testing::Test {
 protected:
  LifecycleTest() : transport_(daemon_) {}

  // Whatever happened, every line of the log is one that a machine can read.
  void TearDown() override {
    const auto lines = LogLines(daemon_);
    for (const nlohmann::json& line : lines) {
      EXPECT_FALSE(line.contains("not_json")) << line;
      for (const char* member : {"time", "level", "event"})
        EXPECT_TRUE(line.contains(member) && line[member].is_string()) << line;
    }
  }

  void Start() { ASSERT_THAT(daemon_.Start(), IsOk()) << daemon_.ReadLog(); }

  // Entries of a kind in the store of the stopped daemon, and all.
  std::pair<size_t, size_t> CountEntries(int kind) {
    auto store = store::OpenSqliteStore(daemon_.store_file());
    EXPECT_THAT(store, IsOk());
    if (!store.ok()) return {};
    const auto reader = *(*store)->Read();
    std::pair<size_t, size_t> found{0, 0};
    for (;;) {
      const auto entries = *reader->Entries(found.second, 1000);
      if (entries.empty()) return found;
      found.second += entries.size();
      for (const store::EntryRow& entry : entries) found.first += entry.kind == kind ? 1 : 0;
    }
  }

  Daemon daemon_;
  GrpcTransport transport_;
};

TEST_F(LifecycleTest, HealthIsAnsweredPerService) {
  Start();
  const auto partij = transport_.ConnectionOf("P_MEDIANT");
  for (const char* service : kServices) EXPECT_EQ(partij->Health(service).value_or("?"), "SERVING");
  EXPECT_EQ(partij->Health("sluis.v1.NoSuchService").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(partij->Health("sluis.v1.AdminService").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(transport_.Admin()->Health("sluis.v1.AdminService").value_or("?"), "SERVING");
  EXPECT_EQ(transport_.Admin()->Health("sluis.v1.SharingService").value_or("?"), "SERVING");
  // The door of operators is not that of partijen, nor the other way round.
  EXPECT_EQ(transport_.Admin()->Call(kPut, PutRequest()).status().code(),
            StatusCode::kUnimplemented);
  EXPECT_EQ(partij->Call("/sluis.v1.AdminService/ReloadPolicy", "").status().code(),
            StatusCode::kUnimplemented);
}

TEST_F(LifecycleTest, SigtermTellsFirstAnswersWhatIsUnderWayAndFlushes) {
  daemon_.Edit(
      [](config::v1::Config& config) { config.mutable_limits()->set_stop_notice_ms(3000); });
  Start();
  std::atomic<int> answered{0};
  std::atomic<bool> told{false};
  std::atomic<int> answered_after_told{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (;;) {
        const bool after_told = told;
        const auto answer = transport_.Call("P_MEDIANT", kPut, PutRequest());
        if (!answer.ok()) {
          EXPECT_EQ(answer.status().code(), StatusCode::kUnavailable) << answer.status();
          return;
        }
        ++answered;
        if (after_told) ++answered_after_told;
      }
    });
  }
  EXPECT_TRUE(Until([&] { return answered > 20; }, [](bool good) { return good; }));
  daemon_.Signal(SIGTERM);
  const auto connection = transport_.ConnectionOf("P_MEDIANT");
  for (const char* service : kServices) {
    EXPECT_EQ(Until([&] { return connection->Health(service).value_or("gone"); },
                    [](const std::string& says) { return says != "SERVING"; }),
              "NOT_SERVING")
        << service;
  }
  EXPECT_EQ(transport_.Admin()->Health("sluis.v1.SharingService").value_or("gone"), "NOT_SERVING");
  told = true;
  // Whoever has not heard yet is still answered.
  EXPECT_GT(Until([&] { return answered_after_told.load(); }, [](int count) { return count > 0; }),
            0);
  const auto code = daemon_.WaitForExit(kPatience);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(code.value_or(-1), 0);
  // Not one that was answered is missing, and not one was done that was not answered.
  const auto [put, all] = CountEntries(log::v1::EventKind::PROFESSIONAL_PUT);
  EXPECT_EQ(put, static_cast<size_t>(answered));
  // The lines are there, in order, and the last one is complete.
  const auto lines = LogLines(daemon_);
  ASSERT_GE(lines.size(), 2U);
  EXPECT_EQ(lines.back().value("event", ""), "stopped");
  EXPECT_EQ(lines.back().value("drained", ""), "true");
  EXPECT_EQ(lines.back().value("entries", ""), absl::StrCat(all));
  EXPECT_EQ(LinesOf(daemon_, "stopping").size(), 1U);
}

TEST_F(LifecycleTest, StopsCleanlyEveryTime) {
  for (int round = 0; round < 12; ++round) {
    Start();
    const auto signal = round % 2 == 0 ? SIGTERM : SIGINT;
    // With and without connections.
    if (round % 3 != 0) {
      EXPECT_THAT(transport_.Call("P_MEDIANT", kPut, PutRequest()), IsOk());
    }
    daemon_.Signal(signal);
    EXPECT_EQ(daemon_.WaitForExit(kPatience).value_or(-1), 0) << daemon_.ReadLog();
  }
}

TEST_F(LifecycleTest, MoreCallsThanAllowedAreRefusedAtOnce) {
  daemon_.Edit([](config::v1::Config& config) { config.mutable_limits()->set_max_calls(1); });
  Start();
  const auto connection = transport_.ConnectionOf("P_MEDIANT");
  size_t good = 0;
  size_t refused = 0;
  const absl::Time until = absl::Now() + kPatience;
  while ((good == 0 || refused == 0) && absl::Now() < until) {
    for (const auto& answer : AtOnce(*connection, 50)) {
      if (answer.ok()) {
        ++good;
      } else {
        EXPECT_THAT(answer, IsError(StatusCode::kUnavailable, "OVERLOADED"));
        ++refused;
      }
    }
  }
  EXPECT_GT(good, 0U);
  EXPECT_GT(refused, 0U);
  EXPECT_THAT(Until([&] { return connection->Call(kPut, PutRequest()); },
                    [](const auto& answer) { return answer.ok(); }),
              IsOk());
  EXPECT_EQ(daemon_.Terminate().value_or(-1), 0);
  EXPECT_EQ(CountEntries(log::v1::EventKind::PROFESSIONAL_PUT).first, good + 1);
}

TEST_F(LifecycleTest, OneConnectionHasOnlySoManyCallsUnderWay) {
  daemon_.Edit([](config::v1::Config& config) {
    config.mutable_limits()->set_max_calls_per_connection(2);
    // Some more than two: an answer may be out before the broker has counted it.
    config.mutable_limits()->set_max_calls(24);
  });
  Start();
  // What is too much waits on the connection; nothing is refused.
  for (const auto& answer : AtOnce(*transport_.ConnectionOf("P_MEDIANT"), 500))
    EXPECT_THAT(answer, IsOk());
}

TEST_F(LifecycleTest, ALogThatDoesNotVerifyReleasesNothing) {
  Start();
  for (int i = 0; i < 5; ++i) ASSERT_THAT(transport_.Call("P_MEDIANT", kPut, PutRequest()), IsOk());
  ASSERT_EQ(daemon_.Terminate().value_or(-1), 0);
  const auto [put, all] = CountEntries(log::v1::EventKind::PROFESSIONAL_PUT);
  ASSERT_EQ(put, 5U);
  {
    auto db = store::SqliteDb::Open(daemon_.store_file(), store::SqliteDb::Mode::kReadWrite);
    ASSERT_THAT(db, IsOk());
    ASSERT_THAT((*db)->Execute("UPDATE entry SET record = x'00' WHERE idx = 3"), IsOk());
  }
  Start();
  EXPECT_TRUE(AwaitLine(daemon_, "log_not_verified", "problem", "entry 3"));
  EXPECT_TRUE(AwaitLine(daemon_, "not_serving", "reason", "LOG_NOT_VERIFIED"));
  const auto connection = transport_.ConnectionOf("P_MEDIANT");
  EXPECT_EQ(connection->Health("sluis.v1.SharingService").value_or("?"), "NOT_SERVING");
  const auto refused = connection->Call(kPut, PutRequest());
  EXPECT_THAT(refused, IsError(StatusCode::kFailedPrecondition, "LOG_NOT_VERIFIED"));
  EXPECT_EQ(daemon_.Terminate().value_or(-1), 0);
  EXPECT_EQ(CountEntries(log::v1::EventKind::PROFESSIONAL_PUT).second, all);
}

TEST_F(LifecycleTest, ADatabaseThatIsNoneDoesNotStart) {
  std::ofstream(daemon_.store_file()) << std::string(8192, 'x');
  const absl::Status started = daemon_.Start();
  EXPECT_THAT(std::string(started.message()), HasSubstr("sluisd ended with 1"));
  EXPECT_TRUE(AwaitLine(daemon_, "not_started", "problem", "SQLite"));
}

// Two processes on one store would sign two histories.
TEST_F(LifecycleTest, ASecondBrokerOnTheSameStoreDoesNotStart) {
  Start();
  ASSERT_THAT(transport_.Call("P_MEDIANT", kPut, PutRequest()), IsOk());
  const auto link = daemon_.directory() / "link.db";
  std::filesystem::create_symlink(daemon_.store_file(), link);
  const auto other_directory = daemon_.directory() / "other";
  std::filesystem::create_directory_symlink(daemon_.directory(), other_directory);
  for (const std::string& path :
       {daemon_.store_file(), link.string(), (other_directory / "sluis.db").string()}) {
    SCOPED_TRACE(path);
    Daemon second;
    second.Edit([&](config::v1::Config& config) {
      config.mutable_store()->set_sqlite_file(path);
      config.mutable_keys()->set_log_key_file(daemon_.directory() / "log.key");
      config.mutable_keys()->set_master_key_file(daemon_.directory() / "master.key");
    });
    const absl::Status started = second.Start();
    EXPECT_THAT(std::string(started.message()), HasSubstr("sluisd ended with 1"));
    EXPECT_TRUE(AwaitLine(second, "not_started", "reason", "STORE_LOCKED"));
  }
  // The first one does not notice, and its end makes room.
  EXPECT_THAT(transport_.Call("P_MEDIANT", kPut, PutRequest()), IsOk());
  daemon_.Kill();
  Start();
  EXPECT_THAT(transport_.Call("P_MEDIANT", kPut, PutRequest()), IsOk());
}

TEST_F(LifecycleTest, ASyncThatFailsEndsTheBrokerAndARestartVerifies) {
  const std::string dying = daemon_.directory() / "disk-is-dying";
  Daemon daemon(
      {.environment = {{"LD_PRELOAD", SLUIS_FAILING_SYNC}, {"SLUIS_TEST_FAIL_SYNC", dying}}});
  GrpcTransport transport(daemon);
  ASSERT_THAT(daemon.Start(), IsOk());
  ASSERT_THAT(transport.Call("P_MEDIANT", kPut, PutRequest()), IsOk());
  std::ofstream(dying) << "now";
  const auto lost = transport.Call("P_MEDIANT", kPut, PutRequest());
  EXPECT_EQ(lost.status().code(), StatusCode::kDataLoss) << lost.status();
  EXPECT_EQ(daemon.WaitForExit(kPatience).value_or(-1), 70) << daemon.ReadLog();
  EXPECT_EQ(LinesOf(daemon, "ledger_broken").size(), 1U);
  std::filesystem::remove(dying);
  ASSERT_THAT(daemon.Start(), IsOk());
  EXPECT_EQ(transport.ConnectionOf("P_MEDIANT")->Health().value_or("?"), "SERVING");
  EXPECT_THAT(transport.Call("P_MEDIANT", kPut, PutRequest()), IsOk());
}

// ---- Reloading the policy ----

class ReloadTest : public LifecycleTest {
 protected:
  ReloadTest() {
    std::ifstream in(std::string(SLUIS_SOURCE_DIR) + "/policy/documents/ave-twente.textproto");
    convenant_.assign(std::istreambuf_iterator<char>(in), {});
    Write(convenant_);
    daemon_.Edit([](config::v1::Config& config) {
      config.mutable_policy()->set_convenant_file("convenant.textproto");
    });
  }
  void Write(const std::string& text) const {
    testing::WriteFile(daemon_.directory() / "convenant.textproto", text);
  }
  // The convenant in which Mediant has another number: it is a stranger then.
  [[nodiscard]] std::string WithoutMediant() const {
    std::string text = convenant_;
    const std::string oin = "00000099000000011000";
    text.replace(text.find(oin), oin.size(), "00000099000000999000");
    return text;
  }
  std::string convenant_;
};

TEST_F(ReloadTest, SighupPutsTheFilesInForce) {
  Start();
  ASSERT_THAT(transport_.Call("P_MEDIANT", kPut, PutRequest()), IsOk());
  Write(WithoutMediant());
  EXPECT_THAT(transport_.Call("P_MEDIANT", kPut, PutRequest()), IsOk());
  daemon_.Signal(SIGHUP);
  ASSERT_TRUE(AwaitLine(daemon_, "policy_reloaded", "policy_hash", ""));
  EXPECT_THAT(transport_.Call("P_MEDIANT", kPut, PutRequest()),
              IsError(StatusCode::kPermissionDenied, "NOT_A_PARTIJ"));
  Write(convenant_);
  daemon_.Signal(SIGHUP);
  EXPECT_THAT(Until([&] { return transport_.Call("P_MEDIANT", kPut, PutRequest()); },
                    [](const auto& answer) { return answer.ok(); }),
              IsOk());
}

TEST_F(ReloadTest, AnOperatorLearnsWhatIsInForce) {
  Start();
  ASSERT_TRUE(AwaitLine(daemon_, "started", "policy_hash", ""));
  const std::string before = LinesOf(daemon_, "started").at(0).value("policy_hash", "");
  ASSERT_FALSE(before.empty());
  Write(WithoutMediant());
  const auto answer = transport_.Admin()->Call("/sluis.v1.AdminService/ReloadPolicy", "");
  ASSERT_THAT(answer, IsOk());
  v1::ReloadPolicyResponse response;
  ASSERT_TRUE(response.ParseFromString(*answer));
  EXPECT_EQ(response.policy_hash().size(), 64U);
  EXPECT_NE(response.policy_hash(), before);
  EXPECT_THAT(transport_.Call("P_MEDIANT", kPut, PutRequest()),
              IsError(StatusCode::kPermissionDenied, "NOT_A_PARTIJ"));
}

TEST_F(ReloadTest, APolicyThatIsNotGoodLeavesTheOldOneInForce) {
  Start();
  const std::string broken[] = {convenant_ + "\nparteis {}\n",
                                [&] {
                                  std::string text = convenant_;
                                  const std::string hats = "hats: [\"DJI_PI\"]";
                                  return text.replace(text.find(hats), hats.size(),
                                                      "hats: [\"DJI_PO\"]");
                                }(),
                                std::string()};
  for (const std::string& text : broken) {
    Write(text);
    const size_t line = LogLines(daemon_).size();
    const auto refused = transport_.Admin()->Call("/sluis.v1.AdminService/ReloadPolicy", "");
    EXPECT_THAT(refused, IsError(StatusCode::kInvalidArgument, "POLICY_INVALID"));
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("the policy in force stays"));
    daemon_.Signal(SIGHUP);
    EXPECT_TRUE(AwaitLine(daemon_, "policy_not_reloaded", "issue", "convenant.textproto", line));
    EXPECT_THAT(transport_.Call("P_MEDIANT", kPut, PutRequest()), IsOk());
  }
}

// ---- The log for operators ----

TEST(DaemonLogTest, HoldsNoPersonalDataAndOnlyJson) {
  testing::Stage stage({.edit = [](config::v1::Config& config) {
    config.mutable_logging()->set_level(config::v1::Logging::DEBUG);
  }});
  ASSERT_THAT(stage.Start(), IsOk());
  const policy::ExpandedStep& step = testing::StepOf("S-02", "c");
  auto world = stage.Play(step);
  ASSERT_THAT(world, IsOk());
  ASSERT_THAT((*world)->Ask(step.step->request()), IsOk());
  // Strangers, garbage and refusals make lines too.
  EXPECT_THAT(stage.transport().Connect({{}, stage.daemon().ca_bundle()})->Call(kCheckpoint, ""),
              Not(IsOk()));
  EXPECT_THAT(stage.transport().Call("P_MEDIANT", kPut, "GEHEIM \xff garbage"), Not(IsOk()));
  EXPECT_EQ(stage.daemon().Terminate().value_or(-1), 0);
  const auto lines = LogLines(stage.daemon());
  EXPECT_GT(lines.size(), 3U);
  for (const nlohmann::json& line : lines) EXPECT_FALSE(line.contains("not_json")) << line;
  const std::string log = stage.daemon().ReadLog();
  EXPECT_THAT(log, Not(HasSubstr(std::string(testing::kSecretMark))));
  for (int number = 1; number <= 20; ++number)
    EXPECT_THAT(log, Not(HasSubstr(testing::TestBsn(number))));
}

}  // namespace
}  // namespace sluis
