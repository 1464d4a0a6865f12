// The scheduler: what is due runs once, on one broker of all that share a store, and again after a
// failure, whatever happens to clocks and processes.

#include "sluis/broker/scheduler.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/testing/policy_files.h"

namespace sluis::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;

class FakeClock final : public Clock {
 public:
  [[nodiscard]] absl::Time Now() const override {
    const MutexLock lock(mutex_);
    return now_;
  }
  void Advance(absl::Duration by) {
    const MutexLock lock(mutex_);
    now_ += by;
  }

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_) = TestNow();
};

class SchedulerTest : public ::testing::Test {
 protected:
  SchedulerOptions Options() {
    SchedulerOptions options;
    options.store = &broker_.assembly().store();
    options.clock = &clock_;
    options.machine_clock = &machine_;
    return options;
  }
  // A job that notes that it ran, and by whom, and ends as `outcome` says.
  Job Note(std::string_view name, absl::Duration interval, std::string by = "") {
    Job job;
    job.name = name;
    job.interval = interval;
    job.run = [this, name, by = std::move(by)](Core&, const JobMoment& moment) {
      ran_.push_back(absl::StrCat(by, std::string(name)));
      moments_.push_back(moment.now);
      return outcome_;
    };
    return job;
  }
  std::unique_ptr<Scheduler> Make(std::vector<Job> jobs) {
    return Make(Options(), std::move(jobs));
  }
  std::unique_ptr<Scheduler> Make(SchedulerOptions options, std::vector<Job> jobs) {
    return std::make_unique<Scheduler>(std::move(options), broker_.assembly().broker(),
                                       std::move(jobs));
  }
  int RunDue(Scheduler& scheduler) {
    const auto ran = scheduler.RunDue();
    EXPECT_THAT(ran, IsOk());
    return ran.value_or(-1);
  }

  testing::TempDir directory_;
  testing::TestBroker broker_{directory_.path(), testing::ReferencePolicy(), TestNow()};
  FakeClock clock_;
  FakeClock machine_;
  absl::Status outcome_;
  std::vector<std::string> ran_;
  std::vector<absl::Time> moments_;
};

TEST_F(SchedulerTest, RunsAtOnceAndThenAfterItsInterval) {
  const auto scheduler = Make({Note("daily", absl::Hours(24)), Note("hourly", absl::Hours(1))});
  EXPECT_EQ(RunDue(*scheduler), 2);
  EXPECT_EQ(RunDue(*scheduler), 0);
  clock_.Advance(absl::Minutes(59));
  EXPECT_EQ(RunDue(*scheduler), 0);
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(RunDue(*scheduler), 1);
  // Years pass: once is enough.
  clock_.Advance(absl::Hours(24 * 365 * 5));
  EXPECT_EQ(RunDue(*scheduler), 2);
  EXPECT_EQ(RunDue(*scheduler), 0);
  EXPECT_THAT(ran_, ElementsAre("daily", "hourly", "hourly", "daily", "hourly"));
  EXPECT_EQ(moments_.back(), clock_.Now());
}

TEST_F(SchedulerTest, RemembersAcrossRestarts) {
  EXPECT_EQ(RunDue(*Make({Note("daily", absl::Hours(24))})), 1);
  clock_.Advance(absl::Hours(23));
  EXPECT_EQ(RunDue(*Make({Note("daily", absl::Hours(24))})), 0);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(RunDue(*Make({Note("daily", absl::Hours(24))})), 1);
}

TEST_F(SchedulerTest, AClockThatWasSetBackMakesEverythingDue) {
  const auto scheduler = Make({Note("daily", absl::Hours(24))});
  EXPECT_EQ(RunDue(*scheduler), 1);
  clock_.Advance(-absl::Hours(24 * 400));
  EXPECT_EQ(RunDue(*scheduler), 1);
  EXPECT_EQ(RunDue(*scheduler), 0);
}

TEST_F(SchedulerTest, AFailureIsTriedAgainLaterAndLater) {
  std::vector<std::string> said;
  auto options = Options();
  options.on_run = [&](std::string_view name, const absl::Status& status) {
    said.push_back(absl::StrCat(std::string(name), " ", ReasonOf(status)));
  };
  const auto scheduler = Make(options, {Note("daily", absl::Hours(24))});
  outcome_ = Unavailable("STORE_FAILED", "999990007 must not be told on");
  EXPECT_EQ(RunDue(*scheduler), 1);
  for (const int minutes : {1, 2, 4, 8, 16, 32, 60, 60}) {
    clock_.Advance(absl::Minutes(minutes) - absl::Seconds(1));
    EXPECT_EQ(RunDue(*scheduler), 0) << minutes;
    clock_.Advance(absl::Seconds(1));
    EXPECT_EQ(RunDue(*scheduler), 1) << minutes;
  }
  auto jobs = scheduler->Jobs();
  ASSERT_THAT(jobs, IsOk());
  ASSERT_EQ(jobs->size(), 1U);
  EXPECT_EQ(jobs->front().failures, 9);
  EXPECT_EQ(jobs->front().reason, "STORE_FAILED");
  EXPECT_EQ(jobs->front().last_success, std::nullopt);
  EXPECT_EQ(jobs->front().retry_at, clock_.Now() + absl::Hours(1));
  EXPECT_THAT(said, ::testing::Each("daily STORE_FAILED"));

  // The next success takes all that away, and the interval counts again.
  outcome_ = absl::OkStatus();
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(RunDue(*scheduler), 1);
  jobs = scheduler->Jobs();
  ASSERT_THAT(jobs, IsOk());
  EXPECT_EQ(jobs->front().failures, 0);
  EXPECT_EQ(jobs->front().reason, "");
  EXPECT_EQ(jobs->front().last_success, clock_.Now());
  clock_.Advance(absl::Hours(23));
  EXPECT_EQ(RunDue(*scheduler), 0);
}

TEST_F(SchedulerTest, AFailedJobDoesNotKeepTheOthersFromRunning) {
  Job failing = Note("first", absl::Hours(1));
  failing.run = [](Core&, const JobMoment&) { return Unavailable("STORE_FAILED", ""); };
  const auto scheduler = Make({failing, Note("second", absl::Hours(1))});
  EXPECT_EQ(RunDue(*scheduler), 2);
  EXPECT_THAT(ran_, ElementsAre("second"));
}

TEST_F(SchedulerTest, OnlyTheHolderOfTheLeaseActs) {
  // The second scheduler comes while the first one's job is under way.
  std::unique_ptr<Scheduler> second;
  Job slow = Note("daily", absl::Hours(24));
  slow.run = [&](Core&, const JobMoment& moment) {
    EXPECT_EQ(RunDue(*second), 0);
    // As long as the first says that it goes on, however long it takes.
    for (int i = 0; i < 10; ++i) {
      machine_.Advance(absl::Minutes(1));
      EXPECT_THAT(moment.go_on(), IsOk());
      EXPECT_EQ(RunDue(*second), 0);
    }
    return absl::OkStatus();
  };
  const auto first = Make({slow});
  second = Make({Note("daily", absl::Hours(24), "second ")});
  EXPECT_EQ(RunDue(*first), 1);
  // What the first did is done.
  EXPECT_EQ(RunDue(*second), 0);
  EXPECT_THAT(ran_, IsEmpty());
  // Whoever is first takes the next turn.
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(RunDue(*second), 1);
  EXPECT_EQ(RunDue(*first), 0);
  EXPECT_THAT(ran_, ElementsAre("second daily"));
}

TEST_F(SchedulerTest, WhoDiesLosesTheLeaseInTime) {
  std::unique_ptr<Scheduler> second;
  Job dying = Note("daily", absl::Hours(24));
  dying.run = [&](Core&, const JobMoment& moment) {
    // As good as dead for three minutes.
    machine_.Advance(absl::Minutes(1));
    EXPECT_EQ(RunDue(*second), 0);
    machine_.Advance(absl::Minutes(2));
    EXPECT_EQ(RunDue(*second), 1);
    // The second gave it back when it was done; taken again, it is lost.
    Job holding = Note("other", absl::Hours(24));
    holding.run = [&](Core&, const JobMoment&) {
      EXPECT_THAT(moment.go_on(), IsError(absl::StatusCode::kUnavailable, "LEASE_LOST"));
      return absl::OkStatus();
    };
    EXPECT_EQ(RunDue(*Make({holding})), 1);
    return Unavailable("LEASE_LOST", "");
  };
  const auto first = Make({dying});
  second = Make({Note("daily", absl::Hours(24), "second ")});
  EXPECT_EQ(RunDue(*first), 1);
  EXPECT_THAT(ran_, ElementsAre("second daily"));
  // That is no failure of the job, and what the second wrote stands.
  const auto jobs = first->Jobs();
  ASSERT_THAT(jobs, IsOk());
  EXPECT_EQ(jobs->front().failures, 0);
  EXPECT_EQ(jobs->front().last_success, clock_.Now());
}

TEST_F(SchedulerTest, TwoThreadsNeverRunTheSameTwice) {
  std::atomic<int> under_way = 0;
  std::atomic<int> runs = 0;
  const auto make = [&] {
    Job job;
    job.name = "daily";
    job.interval = absl::Hours(24);
    job.run = [&](Core&, const JobMoment&) {
      EXPECT_EQ(++under_way, 1);
      ++runs;
      --under_way;
      return absl::OkStatus();
    };
    auto options = Options();
    options.tick = absl::Milliseconds(1);
    return Make(options, {job});
  };
  const auto first = make();
  const auto second = make();
  first->Start();
  second->Start();
  for (int day = 1; day <= 20; ++day) {
    const absl::Time until = absl::Now() + absl::Seconds(30);
    while (runs < day && absl::Now() < until) std::this_thread::yield();
    ASSERT_EQ(runs, day);
    clock_.Advance(absl::Hours(24));
  }
  first->Stop();
  second->Stop();
  EXPECT_LE(runs, 21);
}

TEST_F(SchedulerTest, StopEndsALongRun) {
  std::atomic<bool> begun = false;
  Job job;
  job.name = "long";
  job.interval = absl::Hours(1);
  job.run = [&](Core&, const JobMoment& moment) {
    begun = true;
    for (;;) {
      if (absl::Status status = moment.go_on(); !status.ok()) return status;
      std::this_thread::yield();
    }
  };
  const auto scheduler = Make({job});
  scheduler->Start();
  const absl::Time until = absl::Now() + absl::Seconds(30);
  while (!begun && absl::Now() < until) std::this_thread::yield();
  const auto during = scheduler->Jobs();
  ASSERT_THAT(during, IsOk());
  EXPECT_TRUE(during->front().running);
  scheduler->Stop();
  // It was not finished: it is due at the next start.
  const auto jobs = scheduler->Jobs();
  ASSERT_THAT(jobs, IsOk());
  EXPECT_EQ(jobs->front().last_run, std::nullopt);
  EXPECT_FALSE(jobs->front().running);
}

TEST_F(SchedulerTest, HeavyWorkIsForTheQuietHours) {
  Job heavy = Note("heavy", absl::Hours(24));
  heavy.hours = Job::Hours::kQuiet;
  auto options = Options();
  options.quiet_from = 22;
  options.quiet_until = 4;
  const auto scheduler = Make(options, {heavy});
  // 10:00 in Amsterdam. What never ran does not wait for the night.
  EXPECT_EQ(RunDue(*scheduler), 1);
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(RunDue(*scheduler), 0);
  clock_.Advance(absl::Hours(12));
  EXPECT_EQ(RunDue(*scheduler), 1);
  // The next night from 22:00 on.
  clock_.Advance(absl::Hours(23));
  EXPECT_EQ(RunDue(*scheduler), 0);
  clock_.Advance(absl::Hours(6));
  EXPECT_EQ(RunDue(*scheduler), 1);  // 03:00
  clock_.Advance(absl::Hours(30));
  EXPECT_EQ(RunDue(*scheduler), 0);  // 09:00: tonight will do
  clock_.Advance(absl::Hours(18));
  EXPECT_EQ(RunDue(*scheduler), 1);  // 03:00
  // A night without a broker: then by day.
  clock_.Advance(absl::Hours(54));
  EXPECT_EQ(RunDue(*scheduler), 1);  // 09:00, a whole day late
}

TEST_F(SchedulerTest, ALeaseOfAWrongClockDoesNotLastForEver) {
  Job job = Note("daily", absl::Hours(24));
  job.run = [&](Core&, const JobMoment& moment) {
    // A clock that is years ahead, for a moment.
    machine_.Advance(absl::Hours(24 * 365));
    EXPECT_THAT(moment.go_on(), IsOk());
    machine_.Advance(-absl::Hours(24 * 365));
    EXPECT_EQ(RunDue(*Make({Note("other", absl::Hours(24))})), 1);
    return absl::OkStatus();
  };
  EXPECT_EQ(RunDue(*Make({job})), 1);
  EXPECT_THAT(ran_, ElementsAre("other"));
}

}  // namespace
}  // namespace sluis::broker
