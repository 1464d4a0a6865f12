// Who asks again and again about one person, and is refused with NCND or NOT_IN_CASUS, raises an
// alert for the FG and notices nothing of it (R-A-41).

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "faulty_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base/clock.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/broker/scheduler.h"
#include "sluis/state/notices.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"
#include "sluis/v1/casus.pb.h"
#include "sluis/v1/field.pb.h"
#include "sluis/v1/person.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::FieldOutcome;
using policy::v1::ReasonCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::SizeIs;

constexpr Side kFg{"P_TOEZICHT", "FG"};
constexpr std::string_view kInCare = "in_zorg_indicatie";
const ProbingLimit kLimit{3, absl::Hours(7 * 24)};

// Calls a broker that may be stopped and opened again.
class Door final : public testing::Transport {
 public:
  absl::StatusOr<std::string> Call(std::string_view partij, std::string_view method,
                                   std::string_view request) override {
    return behind->Call(partij, method, request);
  }
  absl::Status SetClock(absl::Time now) override { return behind->SetClock(now); }

  std::unique_ptr<AssemblyTransport> behind;
};

class ProbingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Open(TestNow());
    ASSERT_FALSE(HasFatalFailure());
    ASSERT_THAT(world_.PutActors({"P_TOEZICHT"}), IsOk());
    ASSERT_THAT(world_.Build(1), IsOk());
    ASSERT_THAT(elsewhere_.Build(2), IsOk());
    ASSERT_THAT(world_.Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField",
                                                      world_.NewDeposit(kInCare)),
                IsOk());
    const auto stranger = world_.AddStranger(3);
    ASSERT_THAT(stranger, IsOk());
    stranger_ = *stranger;
  }

  // Again: as after a restart.
  void Open(absl::Time now) {
    door_.behind.reset();
    assembly_.reset();
    const std::string directory = directory_.path().string();
    auto opened = assembly::Assembly::Open(
        OptionsOn(directory, std::make_unique<FaultyStore>(OpenStoreIn(directory), faults_)),
        TestLogKey());
    ASSERT_THAT(opened, IsOk());
    assembly_ = *std::move(opened);
    door_.behind = std::make_unique<AssemblyTransport>(*assembly_);
    SetClock(now);
  }
  void SetClock(absl::Time now) { ASSERT_THAT(door_.SetClock(now), IsOk()); }

  // The wijkteam asks whether somebody is in care.
  v1::RequestFieldsRequest About(const std::string& person) const {
    v1::RequestFieldsRequest request = world_.Question();
    request.set_person_id(person);
    request.mutable_fields(0)->set_field(std::string(kInCare));
    return request;
  }
  v1::RequestFieldsResponse Ask(Side side, const v1::RequestFieldsRequest& request,
                                ReasonCode::Id expected) {
    const auto response =
        world_.Send<v1::RequestFieldsResponse>(side, "SharingService/RequestFields", request);
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return {};
    EXPECT_EQ(CodeOf(*response), expected) << ReasonCode::Id_Name(CodeOf(*response));
    return *response;
  }
  void AskTimes(int times, const std::string& person) {
    for (int i = 0; i < times; ++i) Ask(kWijkteam, About(person), ReasonCode::NCND);
  }

  // Runs the job that follows the log, whenever it ran last.
  absl::Status Run(const ProbingLimit& limit = kLimit) {
    std::vector<Job> jobs = AllJobs(limit);
    std::erase_if(jobs, [](const Job& job) { return job.name != "duties"; });
    for (Job& job : jobs) job.interval = absl::ZeroDuration();
    SchedulerOptions options;
    options.store = &assembly_->store();
    options.clock = &assembly_->clock();
    options.machine_clock = &SystemClock();
    absl::Status result = absl::InternalError("it did not run");
    options.on_run = [&](std::string_view, const absl::Status& status) { result = status; };
    Scheduler scheduler(std::move(options), assembly_->broker(), std::move(jobs));
    const auto ran = scheduler.RunDue();
    return ran.ok() ? result : ran.status();
  }

  std::vector<v1::Review> Reviews(bool closed = false) {
    v1::ListReviewsRequest request;
    request.set_usage_purpose(v1::USAGE_PURPOSE_LAWFULNESS_CONTROL);
    request.set_closed(closed);
    const auto response =
        world_.Send<v1::ListReviewsResponse>(kFg, "PersonService/ListReviews", request);
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return {};
    return {response->answer().reviews().begin(), response->answer().reviews().end()};
  }
  std::vector<v1::Review> AlertsNow() {
    EXPECT_THAT(Run(), IsOk());
    return Reviews();
  }
  void Close(const v1::Review& review) {
    v1::CloseReviewRequest request;
    request.set_review_id(review.review_id());
    request.set_finding(v1::ReviewFinding::UNLAWFUL);
    request.set_text("GEHEIM aangesproken");
    ASSERT_THAT(world_.Send<v1::CloseReviewResponse>(kFg, "PersonService/CloseReview", request),
                IsOk());
  }
  std::vector<store::v1::Notice> ReviewsDue(std::string_view partij) {
    const auto reader = assembly_->store().Read();
    EXPECT_THAT(reader, IsOk());
    const auto stored = state::ReadNotices(**reader, assembly_->vault(), partij,
                                           state::NoticeCursor::Start(), 1000);
    EXPECT_THAT(stored, IsOk());
    std::vector<store::v1::Notice> due;
    for (const auto& each : *stored) {
      if (each.notice.type() == store::v1::NoticeType::REVIEW_DUE) due.push_back(each.notice);
    }
    return due;
  }
  uint64_t LogSize() {
    const auto reader = assembly_->store().Read();
    EXPECT_THAT(reader, IsOk());
    const auto head = (*reader)->Head();
    EXPECT_THAT(head, IsOk());
    return head->size;
  }

  const testing::TempDir directory_;
  Faults faults_;
  std::unique_ptr<assembly::Assembly> assembly_;
  Door door_;
  SmallWorld world_{door_};
  // Another casus, of the same partijen, about somebody else.
  SmallWorld elsewhere_{door_};
  // In the casus, and unknown to Mediant; the other person is its patient.
  std::string stranger_;
};

TEST_F(ProbingTest, OneRefusalIsNoAlert) {
  AskTimes(1, stranger_);
  EXPECT_THAT(AlertsNow(), IsEmpty());
  AskTimes(1, stranger_);
  EXPECT_THAT(AlertsNow(), IsEmpty());
  EXPECT_THAT(ReviewsDue(kFg.partij), IsEmpty());
}

TEST_F(ProbingTest, TheConfiguredNumberWithinTheTimeIsOneAlertForTheFg) {
  const std::vector<std::string> persons = {world_.wijkteam_person(), stranger_};
  // A patient and somebody unknown raise the same.
  for (const std::string& person : persons) AskTimes(2, person);
  EXPECT_THAT(AlertsNow(), IsEmpty());
  SetClock(TestNow() + absl::Hours(6 * 24));
  for (const std::string& person : persons) AskTimes(1, person);
  const auto alerts = AlertsNow();
  ASSERT_THAT(alerts, SizeIs(2));
  EXPECT_NE(alerts[0].pseudonym(), alerts[1].pseudonym());
  for (const v1::Review& alert : alerts) {
    EXPECT_EQ(alert.refusals(), 3);
    EXPECT_EQ(alert.recipient().partij(), kWijkteam.partij);
    EXPECT_EQ(alert.recipient().hat(), kWijkteam.hat);
    EXPECT_EQ(alert.source().partij(), kGgz.partij);
    EXPECT_EQ(alert.casus_id(), world_.casus_id());
    EXPECT_THAT(alert.fields(), ElementsAre(std::string(kInCare)));
    EXPECT_EQ(alert.pseudonym().size(), 32U);
  }
  const auto due = ReviewsDue(kFg.partij);
  ASSERT_THAT(due, SizeIs(2));
  for (const store::v1::Notice& notice : due) {
    EXPECT_EQ(notice.person_id(), "");
    EXPECT_FALSE(notice.has_other());
  }
}

TEST_F(ProbingTest, RefusalsOverALongerTimeAreNone) {
  AskTimes(1, stranger_);
  SetClock(TestNow() + absl::Hours(3 * 24));
  AskTimes(1, stranger_);
  SetClock(TestNow() + kLimit.within + absl::Minutes(1));
  AskTimes(1, stranger_);
  EXPECT_THAT(AlertsNow(), IsEmpty());
  // The second, the third and this one are.
  SetClock(TestNow() + absl::Hours(10 * 24) - absl::Minutes(1));
  AskTimes(1, stranger_);
  EXPECT_THAT(AlertsNow(), SizeIs(1));
}

TEST_F(ProbingTest, AnAlertIsNotRepeatedWithinTheTime) {
  AskTimes(7, stranger_);
  ASSERT_THAT(AlertsNow(), SizeIs(1));
  SetClock(TestNow() + absl::Hours(5 * 24));
  AskTimes(4, stranger_);
  auto alerts = AlertsNow();
  ASSERT_THAT(alerts, SizeIs(1));
  // Also when it was looked at.
  Close(alerts[0]);
  AskTimes(1, stranger_);
  EXPECT_THAT(AlertsNow(), IsEmpty());
  EXPECT_THAT(ReviewsDue(kFg.partij), SizeIs(1));
  // After it, those count that came since: five, and no more is needed.
  SetClock(TestNow() + kLimit.within + absl::Hours(1));
  EXPECT_THAT(AlertsNow(), IsEmpty());
  AskTimes(1, stranger_);
  alerts = AlertsNow();
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_EQ(alerts[0].refusals(), 3);
}

TEST_F(ProbingTest, TheRequesterNoticesNothing) {
  const std::string first =
      Ask(kWijkteam, About(stranger_), ReasonCode::NCND).answer().SerializeAsString();
  uint64_t size = LogSize();
  EXPECT_THAT(Run(), IsOk());
  const uint64_t without = LogSize() - size;
  AskTimes(1, stranger_);
  EXPECT_THAT(Run(), IsOk());
  const std::string last =
      Ask(kWijkteam, About(stranger_), ReasonCode::NCND).answer().SerializeAsString();
  size = LogSize();
  EXPECT_THAT(Run(), IsOk());
  // The log grows by as much with an alert as without.
  EXPECT_EQ(LogSize() - size, without);
  const std::string after =
      Ask(kWijkteam, About(stranger_), ReasonCode::NCND).answer().SerializeAsString();
  size = LogSize();
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(LogSize() - size, without);
  EXPECT_THAT(Reviews(), SizeIs(1));
  EXPECT_EQ(first, last);
  EXPECT_EQ(first, after);
  EXPECT_THAT(ReviewsDue(kWijkteam.partij), IsEmpty());
  EXPECT_THAT(ReviewsDue(kGgz.partij), IsEmpty());
  // Nothing happened: nothing is written.
  size = LogSize();
  EXPECT_THAT(Run(), IsOk());
  EXPECT_EQ(LogSize(), size);
}

TEST_F(ProbingTest, APersonOfAnotherCasusCountsOverCasussen) {
  // The wijkteam knows the person of the other casus, and looks for it here and there.
  const std::string& known = elsewhere_.wijkteam_person();
  v1::RequestFieldsRequest request = About(known);
  Ask(kWijkteam, request, ReasonCode::NOT_IN_CASUS);
  request.set_casus_id(testing::NewRequestId());
  Ask(kWijkteam, request, ReasonCode::NOT_IN_CASUS);
  EXPECT_THAT(AlertsNow(), IsEmpty());
  // Where it is, nobody says that it is in care: the third. And that casus is another than the
  // first.
  request.set_casus_id(elsewhere_.casus_id());
  Ask(kWijkteam, request, ReasonCode::NCND);
  EXPECT_THAT(AlertsNow(), SizeIs(1));
}

TEST_F(ProbingTest, WhatIsFoundOfANotInCasusIsKept) {
  for (int i = 0; i < 3; ++i)
    Ask(kWijkteam, About(elsewhere_.wijkteam_person()), ReasonCode::NOT_IN_CASUS);
  const auto alerts = AlertsNow();
  ASSERT_THAT(alerts, SizeIs(1));
  Close(alerts[0]);
  const auto closed = Reviews(true);
  ASSERT_THAT(closed, SizeIs(1));
  EXPECT_EQ(closed[0].text(), "GEHEIM aangesproken");
  EXPECT_EQ(closed[0].refusals(), 3);
}

TEST_F(ProbingTest, AnUnknownIdIsAboutNobody) {
  for (int i = 0; i < 5; ++i)
    Ask(kWijkteam, About("0197c1a4-7d1e-4c55-9a53-3f0d6c0a5b11"), ReasonCode::NOT_IN_CASUS);
  EXPECT_THAT(AlertsNow(), IsEmpty());
}

TEST_F(ProbingTest, EachPartijCountsForItself) {
  AskTimes(2, world_.wijkteam_person());
  // Mediant about the same person, in the other casus.
  v1::RequestFieldsRequest request = About(world_.ggz_person());
  request.set_casus_id(elsewhere_.casus_id());
  for (int i = 0; i < 2; ++i) Ask(kGgz, request, ReasonCode::NOT_IN_CASUS);
  EXPECT_THAT(AlertsNow(), IsEmpty());
  // Another hat of the partij is the same partij.
  Ask(
      kRegie,
      [&] {
        v1::RequestFieldsRequest other = About(world_.wijkteam_person());
        other.set_casus_id(elsewhere_.casus_id());
        return other;
      }(),
      ReasonCode::NOT_IN_CASUS);
  const auto alerts = AlertsNow();
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_EQ(alerts[0].recipient().partij(), kRegie.partij);
  EXPECT_EQ(alerts[0].recipient().hat(), kRegie.hat);
}

TEST_F(ProbingTest, DryRunsCountAndRepeatsDoNot) {
  v1::RequestFieldsRequest request = About(stranger_);
  request.set_request_id(testing::NewRequestId());
  for (int i = 0; i < 5; ++i) Ask(kWijkteam, request, ReasonCode::NCND);
  EXPECT_THAT(AlertsNow(), IsEmpty());
  request = About(stranger_);
  request.set_validate_only(true);
  Ask(kWijkteam, request, ReasonCode::NCND);
  EXPECT_THAT(AlertsNow(), IsEmpty());
  Ask(kWijkteam, request, ReasonCode::NCND);
  EXPECT_THAT(AlertsNow(), SizeIs(1));
}

TEST_F(ProbingTest, OtherAnswersDoNotCount) {
  // Without consent, and with it.
  for (int i = 0; i < 3; ++i) ASSERT_THAT(world_.Ask(), IsOk());
  ASSERT_THAT(world_.Consent(), IsOk());
  for (int i = 0; i < 3; ++i) {
    const auto released = world_.Ask();
    ASSERT_THAT(released, IsOk());
    EXPECT_EQ(OutcomeOf(*released), FieldOutcome::RELEASE);
  }
  EXPECT_THAT(AlertsNow(), IsEmpty());
}

TEST_F(ProbingTest, WithoutALimitNothingIsProbing) {
  AskTimes(5, stranger_);
  EXPECT_THAT(Run(ProbingLimit{}), IsOk());
  EXPECT_THAT(Reviews(), IsEmpty());
}

TEST_F(ProbingTest, ARestartLosesNothingAndDoublesNothing) {
  AskTimes(2, stranger_);
  EXPECT_THAT(AlertsNow(), IsEmpty());
  Open(TestNow() + absl::Hours(1));
  ASSERT_FALSE(HasFatalFailure());
  AskTimes(1, stranger_);
  // The job fails where it would write.
  faults_.FailAt(Faults::Point::kAppendEntry, 1,
                 Unavailable("STORE_FAILED", "the disk does not answer"));
  EXPECT_FALSE(Run().ok());
  EXPECT_TRUE(faults_.hit());
  faults_.Heal();
  EXPECT_THAT(ReviewsDue(kFg.partij), IsEmpty());
  Open(TestNow() + absl::Hours(3));
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_THAT(AlertsNow(), SizeIs(1));
  EXPECT_THAT(AlertsNow(), SizeIs(1));
  Open(TestNow() + absl::Hours(5));
  ASSERT_FALSE(HasFatalFailure());
  AskTimes(2, stranger_);
  EXPECT_THAT(AlertsNow(), SizeIs(1));
  EXPECT_THAT(ReviewsDue(kFg.partij), SizeIs(1));
}

}  // namespace
}  // namespace sluis::broker
