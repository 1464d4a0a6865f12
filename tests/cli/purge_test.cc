// `sluis admin purge`, `erase` and `jobs` against a broker with its schedule on.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"
#include <nlohmann/json.hpp>

#include "sluis/base/text.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/grpc_transport.h"

namespace sluis::broker {
namespace {

using nlohmann::json;
using testing::CliRun;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::RunCli;

class CliPurgeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(daemon_.Start(), IsOk());
    ASSERT_THAT(transport_.SetClock(TestNow()), IsOk());
    ASSERT_THAT(world_.PutActors(), IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
  }
  CliRun Admin(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "admin");
    arguments.insert(arguments.end(),
                     {"--admin", absl::StrCat("127.0.0.1:", daemon_.admin_port())});
    return RunCli(arguments);
  }
  json AdminJson(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const CliRun run = Admin(std::move(arguments));
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return json::parse(run.out, nullptr, /*allow_exceptions=*/false);
  }

  testing::Daemon daemon_;
  testing::GrpcTransport transport_{daemon_};
  SmallWorld world_{transport_};
};

TEST_F(CliPurgeTest, ThePlanComesBeforeTheRun) {
  ASSERT_THAT(world_.Close(), IsOk());
  json plan = AdminJson({"purge", "--plan"});
  EXPECT_EQ(plan["destructions"].size(), 0U);
  EXPECT_EQ(plan["day"], "2026-11-30");
  plan = AdminJson({"purge", "--plan", "--day", "2041-11-30"});
  EXPECT_EQ(plan["casussen"], 1);
  EXPECT_EQ(plan["persons"], 1);
  EXPECT_EQ(plan["values"], 1);
  ASSERT_EQ(plan["destructions"].size(), 2U);
  EXPECT_EQ(plan["destructions"][0]["kind"], "PERSON");
  EXPECT_EQ(plan["destructions"][0]["parts"][0]["term"], "RT_WMO");
  EXPECT_EQ(plan["destructions"][0]["parts"][0]["due"], "2041-11-30");
  EXPECT_EQ(plan["destructions"][1]["casus_id"], world_.casus_id());
  const CliRun text = Admin({"purge", "--plan", "--day", "2041-11-30"});
  EXPECT_THAT(text.out, HasSubstr("RT_WMO, over since 2041-11-30"));
  EXPECT_THAT(text.out, HasSubstr("On 2041-11-30: 1 casus, 1 person, 1 value, 0 consents"));
  // No personal data.
  EXPECT_THAT(text.out, ::testing::Not(HasSubstr("GEHEIM")));

  // A plan changes nothing; nor does a run before the day.
  EXPECT_EQ(AdminJson({"purge", "--run", "--operator", "a.jansen"})["persons"], 0);
  ASSERT_THAT(
      transport_.SetClock(absl::FromCivil(absl::CivilDay(2041, 12, 1), absl::UTCTimeZone())),
      IsOk());
  const CliRun run = Admin({"purge", "--run", "--operator", "a.jansen"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("Destroyed: 1 casus, 1 person, 1 value"));
  EXPECT_EQ(AdminJson({"purge", "--plan"})["destructions"].size(), 0U);
  // The daemon's own log says how much, and not of whom.
  EXPECT_THAT(daemon_.ReadLog(), HasSubstr("\"purged\""));
  EXPECT_THAT(daemon_.ReadLog(), ::testing::Not(HasSubstr("GEHEIM")));
}

TEST_F(CliPurgeTest, TwoOperatorsErase) {
  const auto erase = [&](const std::string& who, const std::string& ground = "AVG_17") {
    return Admin({"erase", "--operator", who, "--partij", "P_ALMELO", "--person",
                  world_.wijkteam_person(), "--ground", ground, "--reference", "Z-2026-0117"});
  };
  EXPECT_THAT(erase("a.jansen").out, HasSubstr("Another operator"));
  const CliRun same = erase("a.jansen");
  EXPECT_NE(same.exit_code, 0);
  EXPECT_THAT(same.err, HasSubstr("SAME_OPERATOR"));
  const json plan = AdminJson({"purge", "--plan"});
  ASSERT_EQ(plan["erasures"].size(), 1U);
  EXPECT_EQ(plan["erasures"][0]["asked_by"], "a.jansen");
  EXPECT_EQ(plan["erasures"][0]["until"], "2027-03-01");
  EXPECT_THAT(erase("b.de-wit", "WMO_5_3_5").err, HasSubstr("ERASURE_OTHER"));
  EXPECT_THAT(erase("b.de-wit", "WHIM").err, HasSubstr("ground"));
  EXPECT_THAT(erase("b.de-wit").out, HasSubstr("Erased"));
  EXPECT_THAT(erase("b.de-wit").err, HasSubstr("PERSON_UNKNOWN"));
}

TEST_F(CliPurgeTest, WrongUseIsToldBeforeAnythingIsDone) {
  EXPECT_NE(Admin({"purge"}).exit_code, 0);
  EXPECT_NE(Admin({"purge", "--run"}).exit_code, 0);
  EXPECT_NE(Admin({"purge", "--run", "--plan", "--operator", "a"}).exit_code, 0);
  EXPECT_THAT(Admin({"purge", "--plan", "--day", "31-12-2026"}).err, HasSubstr("day"));
  EXPECT_THAT(Admin({"purge", "--run", "--operator", "two words"}).err, HasSubstr("operator_id"));
}

TEST_F(CliPurgeTest, TheJobsShowWhatRan) {
  json jobs;
  const absl::Time until = absl::Now() + absl::Seconds(30);
  bool ran = false;
  while (!ran && absl::Now() < until) {
    jobs = AdminJson({"jobs"})["jobs"];
    ran = true;
    for (const json& job : jobs) ran = ran && job["last_success"] != "";
  }
  EXPECT_TRUE(ran) << jobs.dump();
  EXPECT_THAT(Admin({"jobs"}).out, HasSubstr("unfinished_destruction"));
  const auto health = transport_.Admin()->Health("sluis.jobs");
  ASSERT_THAT(health, IsOk());
  EXPECT_EQ(*health, "SERVING");

  // With the night's purge on it destroys by itself, years later.
  ASSERT_EQ(daemon_.Terminate().value_or(-1), 0);
  daemon_.Edit([](config::v1::Config& config) {
    config.mutable_schedule()->set_purge_off(false);
    config.mutable_schedule()->set_quiet_from_hour(0);
    config.mutable_schedule()->set_quiet_until_hour(24);
  });
  ASSERT_THAT(daemon_.Start(), IsOk());
  ASSERT_THAT(transport_.SetClock(TestNow()), IsOk());
  ASSERT_THAT(world_.Close(), IsOk());
  ASSERT_THAT(
      transport_.SetClock(absl::FromCivil(absl::CivilDay(2041, 12, 1), absl::UTCTimeZone())),
      IsOk());
  bool gone = false;
  const absl::Time limit = absl::Now() + absl::Seconds(30);
  while (!gone && absl::Now() < limit) {
    v1::GetCasusRequest get;
    get.set_casus_id(world_.casus_id());
    const auto got =
        transport_.Send<v1::GetCasusResponse>("P_MEDIANT", "/sluis.v1.CasusService/GetCasus", get);
    gone = ReasonOf(got.status()) == "NOT_IN_CASUS";
  }
  EXPECT_TRUE(gone);

  // Switched off: health says so, and the operator is told.
  ASSERT_EQ(daemon_.Terminate().value_or(-1), 0);
  daemon_.Edit([](config::v1::Config& config) { config.mutable_schedule()->set_off(true); });
  ASSERT_THAT(daemon_.Start(), IsOk());
  EXPECT_THAT(Admin({"jobs"}).err, HasSubstr("SCHEDULE_OFF"));
  const auto off = transport_.Admin()->Health("sluis.jobs");
  ASSERT_THAT(off, IsOk());
  EXPECT_EQ(*off, "NOT_SERVING");
}

}  // namespace
}  // namespace sluis::broker
