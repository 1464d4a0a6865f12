// The person concerned: duties to inform, reviews, the inzage report, corrections, and what a
// withdrawn consent was used for (rules R-W-38, R-A-47, R-A-49, R-A-50, R-A-22), through the calls
// of the contract.

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base/clock.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/broker/scheduler.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/state/duties.h"
#include "sluis/state/notices.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"
#include "sluis/v1/audit.pb.h"
#include "sluis/v1/field.pb.h"
#include "sluis/v1/person.pb.h"
#include "sluis/v1/professional.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::FieldOutcome;
using policy::v1::ReasonCode;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using ::testing::SizeIs;
using Code = absl::StatusCode;

constexpr Side kBrp{"P_ALMELO", "GEM_BRP"};
constexpr Side kPortaal{"P_PORTAAL", "BETROKKENE_PORTAAL"};
constexpr Side kIxta{"P_IXTANOA", "ZELFREGIE"};
constexpr Side kFg{"P_TOEZICHT", "FG"};
constexpr Side kHuisarts{"P_HUISARTS", "HUISARTS"};
constexpr std::string_view kAddress = "adres_brp";

void Fill(policy::v1::PartijHat& out, Side side) {
  out.set_partij(std::string(side.partij));
  out.set_hat(std::string(side.hat));
}

// Runs the job that follows the log, whenever it ran last.
absl::Status RunDuties(assembly::Assembly& assembly) {
  std::vector<Job> jobs = AllJobs();
  jobs.erase(
      std::remove_if(jobs.begin(), jobs.end(), [](const Job& job) { return job.name != "duties"; }),
      jobs.end());
  for (Job& job : jobs) job.interval = absl::ZeroDuration();
  SchedulerOptions options;
  options.store = &assembly.store();
  options.clock = &assembly.clock();
  options.machine_clock = &SystemClock();
  absl::Status result = absl::InternalError("it did not run");
  options.on_run = [&](std::string_view, const absl::Status& status) { result = status; };
  Scheduler scheduler(std::move(options), assembly.broker(), std::move(jobs));
  const auto ran = scheduler.RunDue();
  if (!ran.ok()) return ran.status();
  return result;
}

class PersonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(world_.PutActors({"P_PORTAAL", "P_IXTANOA", "P_TOEZICHT", "P_HUISARTS"}), IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
    ASSERT_THAT(DepositAddress(), IsOk());
  }

  absl::Status DepositAddress() {
    v1::DepositFieldRequest deposit = world_.NewDeposit(kAddress);
    deposit.set_person_id(world_.wijkteam_person());
    return world_.Send<v1::DepositFieldResponse>(kBrp, "FieldService/DepositField", deposit)
        .status();
  }

  // Mediant asks the address: a release with the duty to inform within a month.
  absl::StatusOr<v1::RequestFieldsResponse> AskAddress(bool dry_run = false,
                                                       std::string_view purpose = "D03") {
    v1::RequestFieldsRequest request = world_.Question();
    Fill(*request.mutable_source(), kBrp);
    request.set_purpose(std::string(purpose));
    request.set_person_id(world_.ggz_person());
    request.mutable_fields(0)->set_field(std::string(kAddress));
    request.set_validate_only(dry_run);
    return world_.Send<v1::RequestFieldsResponse>(kGgz, "SharingService/RequestFields", request);
  }
  void ReleaseAddress() {
    const auto response = AskAddress();
    ASSERT_THAT(response, IsOk());
    ASSERT_EQ(OutcomeOf(*response), FieldOutcome::RELEASE)
        << ReasonCode::Id_Name(CodeOf(*response));
  }
  void ReleasePlan() {
    const auto consent = world_.Consent();
    ASSERT_THAT(consent, IsOk());
    consent_id_ = consent->answer().consent_id();
    const auto response = world_.Ask();
    ASSERT_THAT(response, IsOk());
    ASSERT_EQ(OutcomeOf(*response), FieldOutcome::RELEASE);
  }

  std::string Introduce(std::string_view partij) {
    v1::IntroducePersonRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_person_id(world_.wijkteam_person());
    request.set_partij(std::string(partij));
    EXPECT_THAT(
        world_.Send<v1::IntroducePersonResponse>(kRegie, "CasusService/IntroducePerson", request),
        IsOk());
    v1::GetCasusRequest get;
    get.set_casus_id(world_.casus_id());
    const auto got =
        broker_.Send<v1::GetCasusResponse>(partij, "/sluis.v1.CasusService/GetCasus", get);
    EXPECT_THAT(got, IsOk());
    return got.ok() && got->casus().person_ids_size() == 1 ? got->casus().person_ids(0)
                                                           : std::string();
  }

  std::vector<v1::Duty> Duties(std::string_view partij, const v1::ListDutiesRequest& request = {}) {
    const auto response =
        broker_.Send<v1::ListDutiesResponse>(partij, "/sluis.v1.PersonService/ListDuties", request);
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return {};
    return {response->duties().begin(), response->duties().end()};
  }
  absl::StatusOr<v1::RecordInformedResponse> Inform(Side side, const std::string& person,
                                                    std::string_view date = "2026-11-30") {
    v1::RecordInformedRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_person_id(person);
    request.set_date(std::string(date));
    request.set_reference("dossier 4");
    return world_.Send<v1::RecordInformedResponse>(side, "PersonService/RecordInformed", request);
  }
  absl::StatusOr<v1::PostponeInformingResponse> Postpone(Side side, std::string_view review_date) {
    v1::PostponeInformingRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_person_id(world_.ggz_person());
    request.set_ground("GEHEIM gevaar voor een ander");
    request.set_owner(std::string(kActor));
    request.set_review_date(std::string(review_date));
    request.set_reference("dossier 4");
    return world_.Send<v1::PostponeInformingResponse>(side, "PersonService/PostponeInforming",
                                                      request);
  }
  bool Overdue(absl::CivilDay today) {
    const auto reader = broker_.assembly().store().Read();
    EXPECT_THAT(reader, IsOk());
    const auto casus = Uuid::Parse(world_.casus_id());
    const auto overdue = state::HasOverdueDuty(**reader, *casus, CivilDate::From(today));
    EXPECT_THAT(overdue, IsOk());
    return overdue.ok() && *overdue;
  }
  void SetDay(absl::CivilDay day) {
    ASSERT_THAT(broker_.SetClock(absl::FromCivil(day, absl::UTCTimeZone()) + absl::Hours(9)),
                IsOk());
  }
  std::vector<std::string> NoticesOf(std::string_view partij) {
    const auto reader = broker_.assembly().store().Read();
    EXPECT_THAT(reader, IsOk());
    const auto notices = state::ReadNotices(**reader, broker_.assembly().vault(), partij,
                                            state::NoticeCursor::Start(), 1000);
    EXPECT_THAT(notices, IsOk());
    std::vector<std::string> types;
    for (const auto& each : *notices)
      types.push_back(store::v1::NoticeType::Id_Name(each.notice.type()));
    return types;
  }

  v1::GetInzageReportRequest ReportRequest(const std::string& person) {
    v1::GetInzageReportRequest request;
    request.set_person_id(person);
    request.set_rights_role(v1::RIGHTS_ROLE_SELF);
    request.set_identity_established(true);
    return request;
  }
  absl::StatusOr<v1::GetInzageReportResponse> Report(Side side,
                                                     const v1::GetInzageReportRequest& request) {
    return world_.Send<v1::GetInzageReportResponse>(side, "PersonService/GetInzageReport", request);
  }
  // The fields that a report names, in order.
  std::vector<std::string> Told(Side side, const v1::GetInzageReportRequest& request) {
    const auto response = Report(side, request);
    EXPECT_THAT(response, IsOk());
    std::vector<std::string> fields;
    if (response.ok()) {
      for (const auto& line : response->answer().lines()) fields.push_back(line.field());
    }
    return fields;
  }
  absl::StatusOr<v1::RecordFactResponse> RecordFact(Side side, const policy::v1::Fact& fact,
                                                    bool in_casus) {
    v1::RecordFactRequest request;
    if (in_casus) request.set_casus_id(world_.casus_id());
    *request.mutable_fact() = fact;
    request.set_reference("dossier 9");
    return world_.Send<v1::RecordFactResponse>(side, "FactService/RecordFact", request);
  }
  absl::StatusOr<v1::RecordFactResponse> Mandate(const std::string& person,
                                                 const std::vector<std::string>& fields) {
    policy::v1::Fact fact;
    auto& mandate = *fact.mutable_mandate();
    mandate.set_person(person);
    Fill(*mandate.mutable_holder(), kIxta);
    *mandate.mutable_fields() = {fields.begin(), fields.end()};
    mandate.add_given_by()->set_capacity(policy::v1::Capacity::SELF);
    mandate.set_flag(policy::v1::Consent::DOORBREKING_GEHEIM);
    mandate.set_written(true);
    mandate.set_from("2026-01-01");
    return RecordFact(kIxta, fact, false);
  }
  absl::StatusOr<v1::RecordFactResponse> Except(Side side, const std::string& person,
                                                std::string_view field) {
    policy::v1::Fact fact;
    auto& exception = *fact.mutable_rights_exception();
    exception.set_person(person);
    if (!field.empty()) exception.add_fields(std::string(field));
    exception.set_reason("GEHEIM reden");
    exception.set_from("2026-01-01");
    return RecordFact(side, fact, false);
  }

  v1::AskCorrectionRequest CorrectionOf(const std::string& person, Side source,
                                        std::string_view field) {
    v1::AskCorrectionRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_person_id(person);
    Fill(*request.mutable_source(), source);
    request.set_field(std::string(field));
    request.set_text("GEHEIM het huisnummer is 12");
    request.set_rights_role(v1::RIGHTS_ROLE_SELF);
    request.set_identity_established(true);
    return request;
  }
  absl::StatusOr<v1::AskCorrectionResponse> AskCorrection(Side side,
                                                          const v1::AskCorrectionRequest& request) {
    return world_.Send<v1::AskCorrectionResponse>(side, "PersonService/AskCorrection", request);
  }
  absl::StatusOr<v1::AnswerCorrectionResponse> AnswerCorrection(Side side, const std::string& id,
                                                                v1::CorrectionStatus::Id outcome,
                                                                std::string_view reason,
                                                                uint64_t entry) {
    v1::AnswerCorrectionRequest request;
    request.set_correction_id(id);
    request.set_outcome(outcome);
    request.set_reason(std::string(reason));
    request.set_corrected_entry(entry);
    return world_.Send<v1::AnswerCorrectionResponse>(side, "PersonService/AnswerCorrection",
                                                     request);
  }
  absl::StatusOr<v1::GetCorrectionResponse> GetCorrection(
      Side side, const std::string& id, const std::string& professional = std::string(kActor)) {
    v1::GetCorrectionRequest request;
    request.set_correction_id(id);
    request.set_acting_hat(std::string(side.hat));
    request.set_professional(professional);
    return broker_.Send<v1::GetCorrectionResponse>(
        side.partij, "/sluis.v1.PersonService/GetCorrection", request);
  }

  const testing::TempDir directory_;
  testing::TestBroker broker_{directory_.path(), testing::ReferencePolicy(), TestNow()};
  SmallWorld world_{broker_};
  std::string consent_id_;
};

// ---- The duty to inform ----

TEST_F(PersonTest, AReleaseMakesADutyWithinAMonth) {
  ReleaseAddress();
  EXPECT_THAT(Duties(kGgz.partij), IsEmpty()) << "the path of a release makes none";
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  const auto duties = Duties(kGgz.partij);
  ASSERT_THAT(duties, SizeIs(1));
  EXPECT_EQ(duties[0].kind(), policy::v1::DutyRule::INFORM);
  EXPECT_EQ(duties[0].hat(), "GGZ");
  EXPECT_EQ(duties[0].casus_id(), world_.casus_id());
  EXPECT_EQ(duties[0].person_id(), world_.ggz_person());
  EXPECT_EQ(duties[0].made_on(), "2026-11-30");
  EXPECT_EQ(duties[0].due(), "2026-12-30");
  EXPECT_FALSE(duties[0].overdue());
  EXPECT_THAT(duties[0].fields(), ElementsAre(std::string(kAddress)));
  EXPECT_THAT(NoticesOf(kGgz.partij), Contains("DUTY_DUE"));
  // Nobody else's.
  EXPECT_THAT(Duties(kRegie.partij), IsEmpty());
}

TEST_F(PersonTest, WhatReleasesNothingMakesNoDuty) {
  ASSERT_THAT(AskAddress(/*dry_run=*/true), IsOk());
  const auto refused = AskAddress(false, "D02");
  ASSERT_THAT(refused, IsOk());
  // A release without the obligation.
  ReleasePlan();
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  EXPECT_NE(OutcomeOf(*refused), FieldOutcome::RELEASE);
  EXPECT_THAT(Duties(kGgz.partij), IsEmpty());
  EXPECT_THAT(Duties(kWijkteam.partij), IsEmpty());
}

TEST_F(PersonTest, ReleasesAboutOnePersonInOneCasusAreOneDuty) {
  ReleaseAddress();
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  SetDay(absl::CivilDay(2026, 12, 10));
  ReleaseAddress();
  ReleaseAddress();
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk()) << "reading on from where it was";
  const auto duties = Duties(kGgz.partij);
  ASSERT_THAT(duties, SizeIs(1));
  // The first release says when.
  EXPECT_EQ(duties[0].due(), "2026-12-30");
}

TEST_F(PersonTest, InformingEndsTheDutyAndIsTheFactThatPolicyReads) {
  ReleaseAddress();
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  const auto informed = Inform(kGgz, world_.ggz_person());
  ASSERT_THAT(informed, IsOk());
  EXPECT_TRUE(informed->answer().duty_done());
  EXPECT_THAT(Duties(kGgz.partij), IsEmpty());
  // It can be withdrawn as the fact that it is.
  EXPECT_THAT(world_.WithdrawFact(kGgz, informed->answer().fact_id()), IsOk());
  // A later release is a new duty.
  ReleaseAddress();
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  EXPECT_THAT(Duties(kGgz.partij), SizeIs(1));
}

TEST_F(PersonTest, WhoInformsBeforeTheDutyIsMadeGetsNone) {
  ReleaseAddress();
  const auto informed = Inform(kGgz, world_.ggz_person());
  ASSERT_THAT(informed, IsOk());
  EXPECT_FALSE(informed->answer().duty_done());
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  EXPECT_THAT(Duties(kGgz.partij), IsEmpty());
}

TEST_F(PersonTest, TheDutyOutlivesTheCasus) {
  ReleaseAddress();
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  ASSERT_THAT(world_.Close(), IsOk());
  EXPECT_THAT(Duties(kGgz.partij), SizeIs(1));
  EXPECT_THAT(Inform(kGgz, world_.ggz_person()), IsOk());
  EXPECT_THAT(Duties(kGgz.partij), IsEmpty());
}

TEST_F(PersonTest, AnotherHatDoesNotEndTheDuty) {
  // The wijkteam's partij informs in another hat than the one that received.
  ReleaseAddress();
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  EXPECT_THAT(Inform(kRegie, world_.wijkteam_person()), IsOk());
  EXPECT_THAT(Duties(kGgz.partij), SizeIs(1));
}

TEST_F(PersonTest, APostponementMovesTheDueDate) {
  ReleaseAddress();
  EXPECT_THAT(Postpone(kGgz, "2027-01-15"), IsError(Code::kNotFound, "DUTY_UNKNOWN"));
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  for (const std::string_view bad : {"2026-12-30", "2026-11-30", "2026-11-01"}) {
    const auto refused = Postpone(kGgz, bad);
    EXPECT_THAT(refused, IsError(Code::kInvalidArgument, "MALFORMED")) << bad;
    EXPECT_EQ(MetadataOf(refused.status())["field"], "review_date");
  }
  const auto postponed = Postpone(kGgz, "2027-01-15");
  ASSERT_THAT(postponed, IsOk());
  EXPECT_EQ(postponed->answer().due(), "2027-01-15");
  EXPECT_EQ(postponed->answer().postponements(), 1);
  const auto duties = Duties(kGgz.partij);
  ASSERT_THAT(duties, SizeIs(1));
  EXPECT_EQ(duties[0].due(), "2027-01-15");
  EXPECT_EQ(duties[0].owner(), kActor);
  EXPECT_FALSE(Overdue(absl::CivilDay(2027, 1, 15)));
  EXPECT_TRUE(Overdue(absl::CivilDay(2027, 1, 16)));
}

TEST_F(PersonTest, ADutyIsOverdueAfterItsLastDayAndToldOnce) {
  EXPECT_FALSE(Overdue(absl::CivilDay(2099, 1, 1)));
  ReleaseAddress();
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  EXPECT_FALSE(Overdue(absl::CivilDay(2026, 12, 30)));
  EXPECT_TRUE(Overdue(absl::CivilDay(2026, 12, 31)));
  v1::ListDutiesRequest overdue;
  overdue.set_overdue(true);
  SetDay(absl::CivilDay(2026, 12, 30));
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  EXPECT_THAT(Duties(kGgz.partij, overdue), IsEmpty());
  EXPECT_THAT(NoticesOf(kGgz.partij), ::testing::Not(Contains("DUTY_OVERDUE")));
  SetDay(absl::CivilDay(2026, 12, 31));
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  EXPECT_THAT(Duties(kGgz.partij, overdue), SizeIs(1));
  EXPECT_THAT(NoticesOf(kGgz.partij), Contains("DUTY_OVERDUE").Times(1));
  EXPECT_THAT(NoticesOf(kFg.partij), Contains("DUTY_OVERDUE").Times(1));
  // Informed at last.
  ASSERT_THAT(Inform(kGgz, world_.ggz_person()), IsOk());
  EXPECT_FALSE(Overdue(absl::CivilDay(2027, 6, 1)));
}

TEST_F(PersonTest, DutiesComeInPagesAndByDueDate) {
  ReleaseAddress();
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  v1::ListDutiesRequest before;
  before.set_due_before("2026-12-29");
  EXPECT_THAT(Duties(kGgz.partij, before), IsEmpty());
  before.set_due_before("2026-12-30");
  EXPECT_THAT(Duties(kGgz.partij, before), SizeIs(1));
  v1::ListDutiesRequest other_hat;
  other_hat.set_hat("VERSLAVINGSZORG");
  EXPECT_THAT(Duties(kGgz.partij, other_hat), IsEmpty());
  v1::ListDutiesRequest bad;
  bad.set_page_token("ff");
  EXPECT_THAT(
      broker_.Send<v1::ListDutiesResponse>(kGgz.partij, "/sluis.v1.PersonService/ListDuties", bad),
      IsError(Code::kInvalidArgument, "MALFORMED"));
}

TEST_F(PersonTest, ADestroyedPersonHasNoDuties) {
  ReleaseAddress();
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  const auto reader = broker_.assembly().store().Read();
  ASSERT_THAT(reader, IsOk());
  state::StateReader state(**reader, broker_.assembly().vault());
  const auto person = state.PersonOf(kGgz.partij, *Uuid::Parse(world_.ggz_person()));
  ASSERT_TRUE(person.ok() && *person);
  ASSERT_THAT(broker_.assembly().vault().DestroyKey(**person), IsOk());
  EXPECT_THAT(Duties(kGgz.partij), IsEmpty());
  auto transaction = broker_.assembly().store().Begin();
  ASSERT_THAT(transaction, IsOk());
  const auto dropped = state::DropDuties(**transaction, **person, 100);
  ASSERT_THAT(dropped, IsOk());
  EXPECT_EQ(*dropped, 1U);
  ASSERT_THAT((*transaction)->Commit(), IsOk());
  EXPECT_FALSE(Overdue(absl::CivilDay(2099, 1, 1)));
}

// A step of a scenario, played in a broker of its own.
class ScenarioTest : public ::testing::Test {
 protected:
  void Play(std::string_view case_id, std::string_view step_id) {
    for (const policy::ExpandedStep& each : testing::ScenarioSteps()) {
      if (each.case_id == case_id && each.step->id() == step_id) step_ = &each;
    }
    ASSERT_NE(step_, nullptr);
    broker_ = std::make_unique<testing::TestBroker>(
        directory_.path(), testing::ReferencePolicy(*step_->switches), step_->now);
    world_ = std::make_unique<testing::World>(*broker_, testing::ReferenceConvenant().message());
    ASSERT_THAT(world_->Build(*step_), IsOk());
    for (const std::string_view partij : {"P_PORTAAL", "P_TOEZICHT"}) PutActor(partij);
  }
  void PutActor(std::string_view partij) {
    for (const auto& each : testing::ReferenceConvenant().message().parties()) {
      if (each.id() != partij) continue;
      v1::PutProfessionalRequest request;
      request.set_request_id(testing::NewRequestId());
      request.set_professional(std::string(kActor));
      *request.mutable_hats() = each.hats();
      request.set_active(true);
      ASSERT_THAT(broker_->Send<v1::PutProfessionalResponse>(
                      partij, "/sluis.v1.ProfessionalService/PutProfessional", request),
                  IsOk());
    }
  }
  template <typename Response, typename Request>
  absl::StatusOr<Response> Send(Side side, std::string_view call, Request request) {
    request.set_request_id(testing::NewRequestId());
    request.set_acting_hat(std::string(side.hat));
    request.set_professional(std::string(kActor));
    return broker_->Send<Response>(side.partij, absl::StrCat("/sluis.v1.", ToAbsl(call)), request);
  }
  absl::StatusOr<v1::ListReviewsResponse> Reviews(Side side, bool closed = false) {
    v1::ListReviewsRequest request;
    request.set_usage_purpose(v1::USAGE_PURPOSE_LAWFULNESS_CONTROL);
    request.set_closed(closed);
    return Send<v1::ListReviewsResponse>(side, "PersonService/ListReviews", request);
  }
  absl::StatusOr<v1::CloseReviewResponse> Close(Side side, const std::string& id) {
    v1::CloseReviewRequest request;
    request.set_review_id(id);
    request.set_finding(v1::ReviewFinding::LAWFUL);
    request.set_text("GEHEIM terecht");
    return Send<v1::CloseReviewResponse>(side, "PersonService/CloseReview", request);
  }
  ReasonCode::Id Asked() {
    const auto response = world_->Ask(step_->step->request());
    EXPECT_THAT(response, IsOk());
    return response.ok() ? CodeOf(*response) : ReasonCode::REASON_CODE_UNSPECIFIED;
  }

  const testing::TempDir directory_;
  const policy::ExpandedStep* step_ = nullptr;
  std::unique_ptr<testing::TestBroker> broker_;
  std::unique_ptr<testing::World> world_;
};

TEST_F(ScenarioTest, VeiligThuisHasFourWeeksAndTwoMoreAtATime) {
  // The step of S-11 in which Veilig Thuis receives under the meldrecht.
  const policy::ExpandedStep* found = nullptr;
  for (const policy::ExpandedStep& each : testing::ScenarioSteps()) {
    if (each.step->request().acting_hat() != "VEILIG_THUIS" || found != nullptr) continue;
    for (const auto& field : each.step->expect()) {
      if (std::find(field.obligations().begin(), field.obligations().end(),
                    policy::v1::Obligation::INFORMEER_VT_4W) != field.obligations().end())
        found = &each;
    }
  }
  ASSERT_NE(found, nullptr);
  Play(found->case_id, found->step->id());
  ASSERT_FALSE(HasFailure());
  const auto answer = world_->Ask(step_->step->request());
  ASSERT_THAT(answer, IsOk());
  ASSERT_THAT(RunDuties(broker_->assembly()), IsOk());
  const std::string partij = step_->step->request().partij();
  const auto list = [&] {
    return broker_->Send<v1::ListDutiesResponse>(partij, "/sluis.v1.PersonService/ListDuties",
                                                 v1::ListDutiesRequest());
  };
  auto duties = list();
  ASSERT_THAT(duties, IsOk());
  ASSERT_EQ(duties->duties_size(), 1);
  CivilDate due = step_->today.AddDays(28);
  EXPECT_EQ(duties->duties(0).due(), due.ToString());
  PutActor(partij);
  v1::PostponeInformingRequest postpone;
  postpone.set_casus_id(duties->duties(0).casus_id());
  postpone.set_person_id(duties->duties(0).person_id());
  postpone.set_ground("GEHEIM veiligheid");
  postpone.set_owner(std::string(kActor));
  postpone.set_reference("dossier 5");
  for (int times = 1; times <= 3; ++times) {
    postpone.set_review_date(due.AddDays(15).ToString());
    const Side side{partij, "VEILIG_THUIS"};
    EXPECT_THAT(
        Send<v1::PostponeInformingResponse>(side, "PersonService/PostponeInforming", postpone),
        IsError(Code::kInvalidArgument, "MALFORMED"));
    due = due.AddDays(14);
    postpone.set_review_date(due.ToString());
    const auto postponed =
        Send<v1::PostponeInformingResponse>(side, "PersonService/PostponeInforming", postpone);
    ASSERT_THAT(postponed, IsOk());
    EXPECT_EQ(postponed->answer().postponements(), times);
  }
  duties = list();
  ASSERT_THAT(duties, IsOk());
  EXPECT_EQ(duties->duties(0).due(), due.ToString());
  // It is no deelnemer, and nobody else informs for it.
  v1::RecordInformedRequest informed;
  informed.set_casus_id(postpone.casus_id());
  informed.set_person_id(postpone.person_id());
  informed.set_date(step_->today.ToString());
  informed.set_reference("dossier 5");
  const auto done = Send<v1::RecordInformedResponse>({partij, "VEILIG_THUIS"},
                                                     "PersonService/RecordInformed", informed);
  ASSERT_THAT(done, IsOk());
  EXPECT_TRUE(done->answer().duty_done());
}

// ---- Emergencies ----

TEST_F(ScenarioTest, AnEmergencyReleaseEndsWithItsTimeBoxAndIsReviewed) {
  Play("S-18", "f");
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(Asked(), ReasonCode::RELEASED);
  EXPECT_EQ(Asked(), ReasonCode::RELEASED);
  // The box opened at eight in the morning of the 23rd, Amsterdam time: 72 hours, the end not in
  // it.
  const absl::Time opened =
      absl::FromCivil(absl::CivilSecond(2026, 11, 23, 7), absl::UTCTimeZone());
  ASSERT_THAT(broker_->SetClock(opened + absl::Hours(72) - absl::Seconds(1)), IsOk());
  EXPECT_EQ(Asked(), ReasonCode::RELEASED);
  ASSERT_THAT(broker_->SetClock(opened + absl::Hours(72)), IsOk());
  EXPECT_EQ(Asked(), ReasonCode::TIMEBOX_EXPIRED);
  ASSERT_THAT(broker_->SetClock(opened + absl::Hours(73)), IsOk());
  EXPECT_EQ(Asked(), ReasonCode::TIMEBOX_EXPIRED);

  // Each release waits for a reviewer, and nobody else sees it.
  ASSERT_THAT(RunDuties(broker_->assembly()), IsOk());
  ASSERT_THAT(RunDuties(broker_->assembly()), IsOk());
  const auto open = Reviews(kFg);
  ASSERT_THAT(open, IsOk());
  ASSERT_EQ(open->answer().reviews_size(), 3);
  const v1::Review& review = open->answer().reviews(0);
  EXPECT_EQ(review.recipient().hat(), "GEM_BURGEMEESTER");
  EXPECT_EQ(review.source().partij(), "P_MEDIANT");
  EXPECT_THAT(review.fields(), ElementsAre("signaleringsplan_bejegening"));
  EXPECT_EQ(review.finding(), v1::ReviewFinding::REVIEW_FINDING_UNSPECIFIED);
  PutActor("P_ALMELO");
  const Side burgemeester{"P_ALMELO", "GEM_BURGEMEESTER"};
  EXPECT_THAT(Reviews(burgemeester), IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(Close(burgemeester, review.review_id()),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(Close(kFg, testing::NewRequestId()), IsError(Code::kNotFound, "REVIEW_UNKNOWN"));
  ASSERT_THAT(Close(kFg, review.review_id()), IsOk());
  EXPECT_THAT(Close(kFg, review.review_id()), IsError(Code::kFailedPrecondition, "REVIEW_CLOSED"));
  const auto left = Reviews(kFg);
  ASSERT_THAT(left, IsOk());
  EXPECT_EQ(left->answer().reviews_size(), 2);
  const auto closed = Reviews(kFg, true);
  ASSERT_THAT(closed, IsOk());
  ASSERT_EQ(closed->answer().reviews_size(), 1);
  EXPECT_EQ(closed->answer().reviews(0).text(), "GEHEIM terecht");
  EXPECT_EQ(closed->answer().reviews(0).closed_by().hat(), "FG");

  // The box is taken away by itself, and the deelnemers are told.
  EXPECT_EQ(Asked(), ReasonCode::TIMEBOX_EXPIRED);
  const auto reader = broker_->assembly().store().Read();
  ASSERT_THAT(reader, IsOk());
  for (const std::string_view partij : {"P_ALMELO", "P_MEDIANT", "P_POLITIE_ON"}) {
    const auto notices = state::ReadNotices(**reader, broker_->assembly().vault(), partij,
                                            state::NoticeCursor::Start(), 1000);
    ASSERT_THAT(notices, IsOk());
    EXPECT_EQ(std::count_if(notices->begin(), notices->end(),
                            [](const auto& each) {
                              return each.notice.type() == store::v1::NoticeType::EMERGENCY_ENDED;
                            }),
              1)
        << partij;
  }
  state::StateReader state(**reader, broker_->assembly().vault());
  const auto records = state.Records(state::Subject::Casus(*Uuid::Parse(world_->casus_id())));
  ASSERT_THAT(records, IsOk());
  EXPECT_TRUE(std::none_of(records->begin(), records->end(),
                           [](const auto& each) { return each.record.fact().has_timebox(); }));
}

TEST_F(ScenarioTest, WithoutTheApprovalNothingIsReleased) {
  Play("S-18", "e");
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(Asked(), ReasonCode::NEEDS_DECISION);
}

// Partijen choose the ids of their professionals each for itself: one id at two of them is two
// persons, and a professional of one is not on record by another's of the same id.
TEST_F(ScenarioTest, TheSameIdAtTwoPartijenIsTwoPersons) {
  // The crisis of S-18 before anybody decided.
  Play("S-18", "e");
  ASSERT_FALSE(HasFailure());
  PutActor("P_ALMELO");
  PutActor("P_MEDIANT");
  const Side mediant{"P_MEDIANT", "GGZ"};
  const Side almelo{"P_ALMELO", "GEM_BURGEMEESTER"};
  const std::string& tom = step_->step->request().person();
  const std::string of_mediant = world_->PersonId("P_MEDIANT", tom);
  v1::RecordFactRequest record;
  record.set_casus_id(world_->casus_id());
  record.set_reference("dossier 18");
  auto& decision = *record.mutable_fact()->mutable_decision();
  decision.set_kind(policy::v1::ProfessionalDecision::ACUUT);
  decision.set_person(of_mediant);
  decision.add_fields(std::string(kField));
  decision.add_recipient_hats(std::string(almelo.hat));
  decision.add_recipient_parties(std::string(almelo.partij));
  decision.set_result(policy::v1::ProfessionalDecision::GIVEN);
  decision.set_reason("GEHEIM acuut gevaar");
  decision.set_date("2026-11-23");
  decision.set_until("2026-11-26");
  decision.set_at("2026-11-23T09:30:00+01:00");
  decision.set_consent_impossible(true);
  decision.set_no_lesser_means(true);
  const auto recorded = Send<v1::RecordFactResponse>(mediant, "FactService/RecordFact", record);
  ASSERT_THAT(recorded, IsOk());
  EXPECT_EQ(Asked(), ReasonCode::NEEDS_DECISION);

  v1::ApproveEmergencyRequest request;
  request.set_casus_id(world_->casus_id());
  request.set_decision_id(recorded->answer().fact_id());
  request.set_person_id(of_mediant);
  EXPECT_THAT(
      Send<v1::ApproveEmergencyResponse>(mediant, "PersonService/ApproveEmergency", request),
      IsError(Code::kFailedPrecondition, "SAME_PERSON"));
  request.set_person_id(world_->PersonId("P_ALMELO", tom));
  const auto approved =
      Send<v1::ApproveEmergencyResponse>(almelo, "PersonService/ApproveEmergency", request);
  ASSERT_THAT(approved, IsOk());
  EXPECT_EQ(approved->answer().approvers(), 2);
  EXPECT_EQ(Asked(), ReasonCode::RELEASED);
  EXPECT_THAT(Send<v1::ApproveEmergencyResponse>(almelo, "PersonService/ApproveEmergency", request),
              IsError(Code::kFailedPrecondition, "SAME_PERSON"));
  // The decider leaves; a namesake at the other partij does not stand in for her.
  v1::PutProfessionalRequest left;
  left.set_request_id(testing::NewRequestId());
  left.set_professional(std::string(kActor));
  left.add_hats(std::string(mediant.hat));
  left.set_active(false);
  ASSERT_THAT(broker_->Send<v1::PutProfessionalResponse>(
                  mediant.partij, "/sluis.v1.ProfessionalService/PutProfessional", left),
              IsOk());
  EXPECT_EQ(Asked(), ReasonCode::NEEDS_DECISION);
}

TEST_F(PersonTest, ASecondProfessionalApprovesAnEmergencyForItselfAlone) {
  policy::v1::Fact fact;
  auto& decision = *fact.mutable_decision();
  decision.set_kind(policy::v1::ProfessionalDecision::ACUUT);
  decision.set_person(world_.ggz_person());
  decision.add_fields(std::string(kField));
  decision.add_recipient_hats("GEM_COLLEGE_WMO");
  decision.add_recipient_parties("P_ALMELO");
  decision.set_result(policy::v1::ProfessionalDecision::GIVEN);
  decision.set_reason("GEHEIM acuut gevaar");
  decision.set_date("2026-11-30");
  decision.set_at("2026-11-30T08:30:00Z");
  decision.set_consent_impossible(true);
  decision.set_no_lesser_means(true);
  // Who records a decision does not record the approval of others with it.
  policy::v1::Fact both = fact;
  both.mutable_decision()->set_kind(policy::v1::ProfessionalDecision::VIER_OGEN);
  both.mutable_decision()->add_approvers("actor");
  both.mutable_decision()->add_approvers("tweede");
  EXPECT_THAT(RecordFact(kGgz, both, true), IsError(Code::kInvalidArgument, "MALFORMED"));

  const auto recorded = RecordFact(kGgz, fact, true);
  ASSERT_THAT(recorded, IsOk());
  v1::PutProfessionalRequest second;
  second.set_request_id(testing::NewRequestId());
  second.set_professional("tweede");
  second.add_hats("GEM_COLLEGE_WMO");
  second.set_active(true);
  ASSERT_THAT(broker_.Send<v1::PutProfessionalResponse>(
                  kWijkteam.partij, "/sluis.v1.ProfessionalService/PutProfessional", second),
              IsOk());
  const auto approve = [&](Side side, std::string_view who, const std::string& person,
                           const std::string& id) {
    v1::ApproveEmergencyRequest request;
    request.set_request_id(testing::NewRequestId());
    request.set_acting_hat(std::string(side.hat));
    request.set_professional(std::string(who));
    request.set_casus_id(world_.casus_id());
    request.set_person_id(person);
    request.set_decision_id(id);
    return broker_.Send<v1::ApproveEmergencyResponse>(
        side.partij, "/sluis.v1.PersonService/ApproveEmergency", request);
  };
  const std::string& id = recorded->answer().fact_id();
  EXPECT_THAT(approve(kGgz, kActor, world_.ggz_person(), id),
              IsError(Code::kFailedPrecondition, "SAME_PERSON"));
  // Not a side of the decision, or no such decision: the same.
  EXPECT_THAT(approve(kRegie, kActor, world_.wijkteam_person(), id),
              IsError(Code::kNotFound, "FACT_UNKNOWN"));
  EXPECT_THAT(approve(kGgz, kActor, world_.ggz_person(), testing::NewRequestId()),
              IsError(Code::kNotFound, "FACT_UNKNOWN"));
  EXPECT_THAT(approve(kWijkteam, "vreemde", world_.wijkteam_person(), id),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  const auto approved = approve(kWijkteam, "tweede", world_.wijkteam_person(), id);
  ASSERT_THAT(approved, IsOk());
  EXPECT_EQ(approved->answer().approvers(), 2);
  EXPECT_EQ(approved->answer().until(), "2026-12-03");
  EXPECT_THAT(approve(kWijkteam, "tweede", world_.wijkteam_person(), id),
              IsError(Code::kFailedPrecondition, "SAME_PERSON"));
  EXPECT_THAT(NoticesOf(kGgz.partij), Contains("EMERGENCY_APPROVED"));
  // Who records a decision in the name of a colleague is not the second pair of eyes.
  v1::PutProfessionalRequest colleague = second;
  colleague.set_request_id(testing::NewRequestId());
  colleague.set_professional("collega");
  colleague.clear_hats();
  colleague.add_hats(std::string(kGgz.hat));
  ASSERT_THAT(broker_.Send<v1::PutProfessionalResponse>(
                  kGgz.partij, "/sluis.v1.ProfessionalService/PutProfessional", colleague),
              IsOk());
  policy::v1::Fact for_colleague = fact;
  for_colleague.mutable_decision()->set_professional("collega");
  const auto in_name_of = RecordFact(kGgz, for_colleague, true);
  ASSERT_THAT(in_name_of, IsOk());
  EXPECT_THAT(approve(kGgz, kActor, world_.ggz_person(), in_name_of->answer().fact_id()),
              IsError(Code::kFailedPrecondition, "SAME_PERSON"));
  // The approval ends with the decision.
  const auto approvals = [&] {
    const auto reader = broker_.assembly().store().Read();
    state::StateReader state(**reader, broker_.assembly().vault());
    const auto person = state.PersonOf(kGgz.partij, *Uuid::Parse(world_.ggz_person()));
    const auto records = state.Records(state::Subject::Person(**person));
    return std::count_if(records->begin(), records->end(), [](const auto& each) {
      return each.record.fact().decision().kind() == policy::v1::ProfessionalDecision::VIER_OGEN;
    });
  };
  EXPECT_EQ(approvals(), 1);
  ASSERT_THAT(world_.WithdrawFact(kGgz, id), IsOk());
  EXPECT_EQ(approvals(), 0);
}

// ---- The inzage report ----

TEST_F(PersonTest, ThePersonIsToldWhatWasSharedWithWhomWhenAndWhy) {
  const std::string person = Introduce(kPortaal.partij);
  ReleaseAddress();
  ReleasePlan();
  const auto report = Report(kPortaal, ReportRequest(person));
  ASSERT_THAT(report, IsOk());
  ASSERT_EQ(report->answer().lines_size(), 2);
  const v1::InzageLine& line = report->answer().lines(1);
  EXPECT_EQ(line.field(), kField);
  EXPECT_EQ(line.recipient().partij(), kWijkteam.partij);
  EXPECT_EQ(line.recipient().hat(), kWijkteam.hat);
  EXPECT_EQ(line.source().hat(), kGgz.hat);
  EXPECT_EQ(line.tafel(), kTafel);
  EXPECT_EQ(line.purpose(), "D02");
  EXPECT_FALSE(line.purpose_text().empty());
  EXPECT_FALSE(line.article().empty());
  EXPECT_EQ(line.time().substr(0, 10), "2026-11-30");
  EXPECT_EQ(report->receipts_size(), 1);
  EXPECT_FALSE(report->answer().elsewhere().empty());
}

TEST_F(PersonTest, OnlyWhatWasSharedStandsInTheReport) {
  const std::string person = Introduce(kPortaal.partij);
  // Refused, dry, and asked again under the same id.
  ASSERT_THAT(world_.Ask(), IsOk());
  ASSERT_THAT(AskAddress(/*dry_run=*/true), IsOk());
  EXPECT_THAT(Told(kPortaal, ReportRequest(person)), IsEmpty());
  v1::RequestFieldsRequest again = world_.Question();
  again.set_request_id(testing::NewRequestId());
  ASSERT_THAT(world_.Consent(), IsOk());
  for (int i = 0; i < 2; ++i) {
    ASSERT_THAT(
        world_.Send<v1::RequestFieldsResponse>(kWijkteam, "SharingService/RequestFields", again),
        IsOk());
  }
  EXPECT_THAT(Told(kPortaal, ReportRequest(person)), ElementsAre(std::string(kField)));
}

// A repeat is a sharing where the report does not have the first attempt.
TEST_F(PersonTest, ARepeatIsToldWhenItsFirstAttemptIsNot) {
  const std::string person = Introduce(kPortaal.partij);
  ASSERT_THAT(world_.Consent(), IsOk());
  v1::RequestFieldsRequest question = world_.Question();
  question.set_request_id(testing::NewRequestId());
  const auto ask = [&] {
    return world_.Send<v1::RequestFieldsResponse>(kWijkteam, "SharingService/RequestFields",
                                                  question);
  };
  // The source keeps the value itself and has no stream: released, and not delivered.
  ASSERT_THAT(world_.KeepAtSource(), IsOk());
  ASSERT_THAT(ask(), IsOk());
  EXPECT_THAT(Told(kPortaal, ReportRequest(person)), IsEmpty());
  ASSERT_THAT(world_.Deposit(), IsOk());
  const auto repeat = ask();
  ASSERT_THAT(repeat, IsOk());
  ASSERT_EQ(repeat->values_size(), 1);
  const auto report = Report(kPortaal, ReportRequest(person));
  ASSERT_THAT(report, IsOk());
  ASSERT_EQ(report->answer().lines_size(), 1);
  EXPECT_EQ(report->answer().lines(0).field(), kField);

  // The second repeat is of another day; a report of that day alone has it.
  SetDay(absl::CivilDay(2026, 12, 3));
  ASSERT_THAT(ask(), IsOk());
  auto of_the_day = ReportRequest(person);
  of_the_day.set_from("2026-12-03");
  EXPECT_THAT(Told(kPortaal, of_the_day), ElementsAre(std::string(kField)));
}

TEST_F(PersonTest, WhatPolicyWithholdsIsNotTold) {
  const std::string person = Introduce(kPortaal.partij);
  ReleaseAddress();
  ReleasePlan();
  const auto exception = Except(kGgz, world_.ggz_person(), kField);
  ASSERT_THAT(exception, IsOk());
  EXPECT_THAT(Told(kPortaal, ReportRequest(person)), ElementsAre(std::string(kAddress)));
  ASSERT_THAT(world_.WithdrawFact(kGgz, exception->answer().fact_id()), IsOk());
  EXPECT_THAT(Told(kPortaal, ReportRequest(person)), SizeIs(2));
  ASSERT_THAT(Except(kGgz, world_.ggz_person(), ""), IsOk());
  EXPECT_THAT(Told(kPortaal, ReportRequest(person)), IsEmpty());
}

TEST_F(PersonTest, ARepresentativeOfAnAdultIsToldNothing) {
  const std::string person = Introduce(kPortaal.partij);
  ReleasePlan();
  auto request = ReportRequest(person);
  request.set_rights_role(v1::RIGHTS_ROLE_REPRESENTATIVE);
  EXPECT_THAT(Told(kPortaal, request), IsEmpty());
  request.set_rights_role(v1::RIGHTS_ROLE_UNSPECIFIED);
  EXPECT_THAT(Told(kPortaal, request), IsEmpty());
}

TEST_F(PersonTest, WhatWasSharedIsToldAlsoWhenTheValueIsGone) {
  const std::string person = Introduce(kPortaal.partij);
  ReleasePlan();
  ASSERT_THAT(world_.Close(), IsOk());
  SetDay(absl::CivilDay(2030, 1, 7));
  EXPECT_THAT(Told(kPortaal, ReportRequest(person)), ElementsAre(std::string(kField)));
}

TEST_F(PersonTest, InzageIsForWhoMayAskIt) {
  const std::string person = Introduce(kPortaal.partij);
  auto request = ReportRequest(person);
  request.set_identity_established(false);
  const auto unknown = Report(kPortaal, request);
  EXPECT_THAT(unknown, IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_EQ(MetadataOf(unknown.status())["field"], "identity_established");
  EXPECT_THAT(Report(kWijkteam, ReportRequest(world_.wijkteam_person())),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  // A person that the caller was not given, known or not.
  EXPECT_THAT(Report(kPortaal, ReportRequest(world_.ggz_person())),
              IsError(Code::kFailedPrecondition, "NOT_IN_CASUS"));
  EXPECT_THAT(Report(kPortaal, ReportRequest(testing::NewRequestId())),
              IsError(Code::kFailedPrecondition, "NOT_IN_CASUS"));
  for (const auto& [field, change] :
       std::vector<std::pair<std::string, std::function<void(v1::GetInzageReportRequest&)>>>{
           {"person_id", [](auto& bad) { bad.set_person_id("x"); }},
           {"from", [](auto& bad) { bad.set_from("gisteren"); }},
           {"until",
            [](auto& bad) {
              bad.set_from("2026-02-02");
              bad.set_until("2026-02-01");
            }},
           {"language", [](auto& bad) { bad.set_language("fr"); }},
           {"page_size", [](auto& bad) { bad.set_page_size(-1); }},
           {"page_token", [](auto& bad) { bad.set_page_token("00"); }}}) {
    auto bad = ReportRequest(person);
    change(bad);
    const auto refused = Report(kPortaal, bad);
    EXPECT_THAT(refused, IsError(Code::kInvalidArgument, "MALFORMED")) << field;
    EXPECT_EQ(MetadataOf(refused.status())["field"], field);
  }
}

TEST_F(PersonTest, ReportsComeInPagesWithoutAnEntryInTwo) {
  const std::string person = Introduce(kPortaal.partij);
  for (int i = 0; i < 5; ++i) ReleaseAddress();
  auto request = ReportRequest(person);
  request.set_page_size(2);
  std::vector<uint64_t> entries;
  int pages = 0;
  for (;;) {
    const auto page = Report(kPortaal, request);
    ASSERT_THAT(page, IsOk());
    ++pages;
    for (const auto& line : page->answer().lines()) entries.push_back(line.entry());
    if (page->answer().next_page_token().empty()) break;
    request.set_page_token(page->answer().next_page_token());
    ASSERT_LT(pages, 10);
  }
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(entries, SizeIs(5));
  EXPECT_TRUE(std::is_sorted(entries.begin(), entries.end()));
  EXPECT_EQ(std::set<uint64_t>(entries.begin(), entries.end()).size(), 5U);
  // A token of another partij is no token.
  const std::string ixta = Introduce(kIxta.partij);
  ASSERT_THAT(Mandate(ixta, {std::string(kAddress)}), IsOk());
  request.set_person_id(ixta);
  EXPECT_THAT(Report(kIxta, request), IsError(Code::kInvalidArgument, "MALFORMED"));
}

TEST_F(PersonTest, TheSupporterIsNeverToldMoreThanTheClient) {
  const std::string client = Introduce(kPortaal.partij);
  const std::string supporter = Introduce(kIxta.partij);
  ReleaseAddress();
  ReleasePlan();
  EXPECT_THAT(Report(kIxta, ReportRequest(supporter)),
              IsError(Code::kFailedPrecondition, "MANDATE_MISSING"));
  const auto mandate = Mandate(supporter, {std::string(kAddress), std::string(kField)});
  ASSERT_THAT(mandate, IsOk());
  // The plan is a field that the convenant gives no supporter (M95).
  EXPECT_THAT(Told(kIxta, ReportRequest(supporter)), ElementsAre(std::string(kAddress)));
  EXPECT_THAT(Told(kPortaal, ReportRequest(client)), SizeIs(2));
  // What the client may not know the supporter may not either.
  const auto exception = Except(kBrp, world_.wijkteam_person(), kAddress);
  ASSERT_THAT(exception, IsOk());
  EXPECT_THAT(Told(kIxta, ReportRequest(supporter)), IsEmpty());
  EXPECT_THAT(Told(kPortaal, ReportRequest(client)), ElementsAre(std::string(kField)));
  ASSERT_THAT(world_.WithdrawFact(kBrp, exception->answer().fact_id()), IsOk());
  EXPECT_THAT(Told(kIxta, ReportRequest(supporter)), SizeIs(1));
  // A report that is asked again is made again, and its answer kept nowhere.
  auto asked = ReportRequest(supporter);
  asked.set_request_id(testing::NewRequestId());
  asked.set_acting_hat(std::string(kIxta.hat));
  asked.set_professional(std::string(kActor));
  const auto report = [&] {
    return broker_.Send<v1::GetInzageReportResponse>(
        kIxta.partij, "/sluis.v1.PersonService/GetInzageReport", asked);
  };
  ASSERT_THAT(report(), IsOk());
  ASSERT_THAT(report(), IsOk());
  const auto reader = broker_.assembly().store().Read();
  ASSERT_THAT(reader, IsOk());
  const uint64_t size = broker_.assembly().ledger().published().size;
  const auto entries = (*reader)->Entries(size - 2, 2);
  ASSERT_THAT(entries, IsOk());
  ASSERT_EQ(entries->size(), 2U);
  for (const store::EntryRow& entry : *entries) {
    EXPECT_EQ(entry.kind, log::v1::EventKind::INZAGE_GIVEN);
    EXPECT_EQ(entry.answer, "");
  }
  // The end of the mandate is immediate.
  ASSERT_THAT(world_.WithdrawFact(kIxta, mandate->answer().fact_id()), IsOk());
  EXPECT_THAT(Report(kIxta, ReportRequest(supporter)),
              IsError(Code::kFailedPrecondition, "MANDATE_MISSING"));
  EXPECT_THAT(report(), IsError(Code::kFailedPrecondition, "MANDATE_MISSING"));
}

TEST_F(ScenarioTest, WhatThePoliceSharedGoesByTheirOwnRegime) {
  Play("S-18", "a");
  ASSERT_FALSE(HasFailure());
  const auto answer = world_->Ask(step_->step->request());
  ASSERT_THAT(answer, IsOk());
  ASSERT_EQ(answer->answer().fields_size(), 3);
  for (const auto& field : answer->answer().fields())
    EXPECT_EQ(field.outcome(), FieldOutcome::RELEASE);
  v1::GetInzageReportRequest request;
  request.set_person_id(world_->PersonId("P_PORTAAL", "tom"));
  request.set_rights_role(v1::RIGHTS_ROLE_SELF);
  request.set_identity_established(true);
  const auto report =
      Send<v1::GetInzageReportResponse>(kPortaal, "PersonService/GetInzageReport", request);
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->answer().lines_size(), 0);
  // The same words as when there is nothing at all.
  EXPECT_THAT(report->answer().elsewhere(), SizeIs(::testing::Ge(2)));
  EXPECT_TRUE(report->answer().next_page_token().empty());
}

// ---- Corrections ----

TEST_F(PersonTest, ACorrectionIsAskedAndAnswered) {
  const std::string person = Introduce(kPortaal.partij);
  const auto asked = AskCorrection(kPortaal, CorrectionOf(person, kBrp, kAddress));
  ASSERT_THAT(asked, IsOk());
  const std::string& id = asked->answer().correction_id();
  EXPECT_EQ(asked->answer().due(), "2026-12-30");
  EXPECT_THAT(NoticesOf(kBrp.partij), Contains("CORRECTION_ASKED"));
  const auto duties = Duties(kBrp.partij);
  ASSERT_THAT(duties, SizeIs(1));
  EXPECT_EQ(duties[0].kind(), policy::v1::DutyRule::CORRECT);
  EXPECT_EQ(duties[0].correction_id(), id);
  // That blocks nothing else: it is no duty to inform.
  EXPECT_FALSE(Overdue(absl::CivilDay(2099, 1, 1)));
  const auto seen = GetCorrection(kBrp, id);
  ASSERT_THAT(seen, IsOk());
  EXPECT_EQ(seen->text(), "GEHEIM het huisnummer is 12");
  EXPECT_EQ(seen->person_id(), world_.wijkteam_person());
  EXPECT_EQ(seen->status(), v1::CorrectionStatus::OPEN);
  EXPECT_THAT(GetCorrection(kBrp, id, "vreemde"),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  // Not for another hat of the source, nor for others.
  EXPECT_THAT(GetCorrection(kRegie, id), IsError(Code::kNotFound, "CORRECTION_UNKNOWN"));
  EXPECT_THAT(GetCorrection(kGgz, id), IsError(Code::kNotFound, "CORRECTION_UNKNOWN"));

  // It says that it corrected, but the value at the broker is as it was.
  const auto nothing = AnswerCorrection(kBrp, id, v1::CorrectionStatus::CORRECTED, "", 0);
  EXPECT_THAT(nothing, IsError(Code::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(MetadataOf(nothing.status())["field"], "corrected_entry");
  EXPECT_THAT(
      AnswerCorrection(kBrp, id, v1::CorrectionStatus::CORRECTED, "", asked->receipts(0).index()),
      IsError(Code::kInvalidArgument, "MALFORMED"));
  v1::DepositFieldRequest deposit = world_.NewDeposit(kAddress);
  deposit.set_person_id(world_.wijkteam_person());
  const auto corrected =
      world_.Send<v1::DepositFieldResponse>(kBrp, "FieldService/DepositField", deposit);
  ASSERT_THAT(corrected, IsOk());
  ASSERT_THAT(AnswerCorrection(kBrp, id, v1::CorrectionStatus::CORRECTED, "",
                               corrected->receipts(0).index()),
              IsOk());
  EXPECT_THAT(Duties(kBrp.partij), IsEmpty());
  EXPECT_THAT(NoticesOf(kPortaal.partij), Contains("CORRECTION_ANSWERED"));
  EXPECT_THAT(AnswerCorrection(kBrp, id, v1::CorrectionStatus::REFUSED, "toch niet", 0),
              IsError(Code::kFailedPrecondition, "CORRECTION_CLOSED"));
  const auto after = GetCorrection(kPortaal, id);
  ASSERT_THAT(after, IsOk());
  EXPECT_EQ(after->status(), v1::CorrectionStatus::CORRECTED);
  EXPECT_EQ(after->person_id(), person);
}

TEST_F(PersonTest, ACorrectionIsRefusedWithAReason) {
  const std::string person = Introduce(kPortaal.partij);
  const auto asked = AskCorrection(kPortaal, CorrectionOf(person, kGgz, kField));
  ASSERT_THAT(asked, IsOk());
  const std::string& id = asked->answer().correction_id();
  EXPECT_THAT(AnswerCorrection(kGgz, id, v1::CorrectionStatus::REFUSED, "", 0),
              IsError(Code::kInvalidArgument, "MALFORMED"));
  EXPECT_THAT(AnswerCorrection(kBrp, id, v1::CorrectionStatus::REFUSED, "nee", 0),
              IsError(Code::kNotFound, "CORRECTION_UNKNOWN"));
  ASSERT_THAT(AnswerCorrection(kGgz, id, v1::CorrectionStatus::REFUSED, "GEHEIM professioneel", 0),
              IsOk());
  const auto after = GetCorrection(kPortaal, id);
  ASSERT_THAT(after, IsOk());
  EXPECT_EQ(after->status(), v1::CorrectionStatus::REFUSED);
  EXPECT_EQ(after->reason(), "GEHEIM professioneel");
}

TEST_F(PersonTest, TheRulesOfInzageSayWhatCanBeCorrected) {
  const std::string person = Introduce(kPortaal.partij);
  // Police data go by the regime of the police.
  EXPECT_THAT(AskCorrection(kPortaal, CorrectionOf(person, {"P_POLITIE_ON", "POLITIE"},
                                                   "politie_incidenten_art8_12mnd")),
              IsError(Code::kFailedPrecondition, "RIGHTS_RESTRICTED"));
  auto stranger = CorrectionOf(person, kGgz, kField);
  stranger.set_identity_established(false);
  EXPECT_THAT(AskCorrection(kPortaal, stranger),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(AskCorrection(kGgz, CorrectionOf(world_.ggz_person(), kGgz, kField)),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  // Whether a source knows the person is not told: the same of one that holds nothing.
  for (const auto& source : {kHuisarts, kGgz}) {
    EXPECT_THAT(AskCorrection(kPortaal, CorrectionOf(person, source, "in_zorg_indicatie")),
                IsError(Code::kFailedPrecondition, "NCND"));
  }
  auto empty = CorrectionOf(person, kGgz, kField);
  empty.clear_text();
  EXPECT_THAT(AskCorrection(kPortaal, empty), IsError(Code::kInvalidArgument, "MALFORMED"));
  auto unknown = CorrectionOf(person, kGgz, "geen_veld");
  EXPECT_THAT(AskCorrection(kPortaal, unknown), IsError(Code::kInvalidArgument, "MALFORMED"));
}

TEST_F(PersonTest, AnUnansweredCorrectionIsOverdueAfterAMonth) {
  const std::string person = Introduce(kPortaal.partij);
  ASSERT_THAT(AskCorrection(kPortaal, CorrectionOf(person, kGgz, kField)), IsOk());
  SetDay(absl::CivilDay(2026, 12, 31));
  ASSERT_THAT(RunDuties(broker_.assembly()), IsOk());
  EXPECT_THAT(NoticesOf(kGgz.partij), Contains("DUTY_OVERDUE").Times(1));
}

// ---- Malformed requests ----

TEST_F(PersonTest, EveryElementThatIsNoneIsNamed) {
  const auto bad = [&](Side side, std::string_view call, const auto& good, auto change,
                       const std::string& field, auto response) {
    auto request = good;
    change(request);
    const absl::Status status =
        world_.Send<decltype(response)>(side, absl::StrCat("PersonService/", ToAbsl(call)), request)
            .status();
    EXPECT_THAT(status, IsError(Code::kInvalidArgument, "MALFORMED")) << call << " " << field;
    EXPECT_EQ(MetadataOf(status)["field"], field) << call;
  };
  const std::string id = testing::NewRequestId();
  v1::RecordInformedRequest informed;
  informed.set_casus_id(world_.casus_id());
  informed.set_person_id(world_.ggz_person());
  informed.set_date("2026-11-30");
  informed.set_reference("dossier 4");
  for (const auto& [field, change] :
       std::vector<std::pair<std::string, std::function<void(v1::RecordInformedRequest&)>>>{
           {"casus_id", [](auto& r) { r.clear_casus_id(); }},
           {"person_id", [](auto& r) { r.set_person_id("JANSEN"); }},
           {"date", [](auto& r) { r.set_date("2026-02-30"); }},
           {"date", [](auto& r) { r.set_date("2026-12-01"); }},
           {"reference", [](auto& r) { r.clear_reference(); }}}) {
    bad(kGgz, "RecordInformed", informed, change, field, v1::RecordInformedResponse());
  }
  v1::PostponeInformingRequest postpone;
  postpone.set_casus_id(world_.casus_id());
  postpone.set_person_id(world_.ggz_person());
  postpone.set_ground("GEHEIM");
  postpone.set_owner(std::string(kActor));
  postpone.set_review_date("2027-01-15");
  postpone.set_reference("dossier 4");
  for (const auto& [field, change] :
       std::vector<std::pair<std::string, std::function<void(v1::PostponeInformingRequest&)>>>{
           {"ground", [](auto& r) { r.set_ground("  "); }},
           {"owner", [](auto& r) { r.set_owner("een mens"); }},
           {"review_date", [](auto& r) { r.clear_review_date(); }},
           {"reference", [](auto& r) { r.set_reference(std::string(201, 'x')); }}}) {
    bad(kGgz, "PostponeInforming", postpone, change, field, v1::PostponeInformingResponse());
  }
  v1::CloseReviewRequest close;
  close.set_review_id(id);
  close.set_finding(v1::ReviewFinding::LAWFUL);
  close.set_text("GEHEIM");
  for (const auto& [field, change] :
       std::vector<std::pair<std::string, std::function<void(v1::CloseReviewRequest&)>>>{
           {"review_id", [](auto& r) { r.set_review_id("1"); }},
           {"finding", [](auto& r) { r.clear_finding(); }},
           {"finding", [](auto& r) { r.set_finding(static_cast<v1::ReviewFinding::Id>(77)); }},
           {"text", [](auto& r) { r.clear_text(); }}}) {
    bad(kFg, "CloseReview", close, change, field, v1::CloseReviewResponse());
  }
  v1::AnswerCorrectionRequest answer;
  answer.set_correction_id(id);
  answer.set_outcome(v1::CorrectionStatus::REFUSED);
  answer.set_reason("GEHEIM");
  for (const auto& [field, change] :
       std::vector<std::pair<std::string, std::function<void(v1::AnswerCorrectionRequest&)>>>{
           {"correction_id", [](auto& r) { r.clear_correction_id(); }},
           {"outcome", [](auto& r) { r.set_outcome(v1::CorrectionStatus::OPEN); }},
           {"reason", [](auto& r) { r.clear_reason(); }},
           {"reason", [](auto& r) { r.set_outcome(v1::CorrectionStatus::CORRECTED); }},
           {"corrected_entry", [](auto& r) { r.set_corrected_entry(4); }}}) {
    bad(kGgz, "AnswerCorrection", answer, change, field, v1::AnswerCorrectionResponse());
  }
  v1::ApproveEmergencyRequest approve;
  approve.set_casus_id(world_.casus_id());
  approve.set_person_id(world_.ggz_person());
  approve.set_decision_id(id);
  for (const auto& [field, change] :
       std::vector<std::pair<std::string, std::function<void(v1::ApproveEmergencyRequest&)>>>{
           {"casus_id", [](auto& r) { r.set_casus_id("*"); }},
           {"person_id", [](auto& r) { r.clear_person_id(); }},
           {"decision_id", [](auto& r) { r.clear_decision_id(); }}}) {
    bad(kGgz, "ApproveEmergency", approve, change, field, v1::ApproveEmergencyResponse());
  }
}

// ---- Consent ----

TEST_F(PersonTest, AWithdrawnConsentIsAnsweredWithWhatWasReleasedOnIt) {
  ReleasePlan();
  ASSERT_THAT(world_.Ask(), IsOk());
  ReleaseAddress();
  const auto withdrawn = world_.WithdrawConsent(consent_id_);
  ASSERT_THAT(withdrawn, IsOk());
  // The address was released too, but not on this consent.
  ASSERT_EQ(withdrawn->answer().earlier_size(), 2);
  EXPECT_FALSE(withdrawn->answer().more());
  const v1::EarlierRelease& earlier = withdrawn->answer().earlier(0);
  EXPECT_EQ(earlier.field(), kField);
  EXPECT_EQ(earlier.recipient().partij(), kWijkteam.partij);
  EXPECT_EQ(earlier.date(), "2026-11-30");
  EXPECT_LT(earlier.entry(), withdrawn->answer().earlier(1).entry());
  EXPECT_EQ(CodeOf(*world_.Ask()), ReasonCode::NO_CONSENT);
}

TEST_F(PersonTest, WhoActsForThePersonIsToldWhatItMayKnow) {
  Introduce(kPortaal.partij);
  const auto withdraw = [&](Side side, bool identified) {
    ReleasePlan();
    v1::WithdrawConsentRequest request;
    request.set_consent_id(consent_id_);
    request.set_rights_role(v1::RIGHTS_ROLE_SELF);
    request.set_identity_established(identified);
    return world_.Send<v1::WithdrawConsentResponse>(side, "ConsentService/WithdrawConsent",
                                                    request);
  };
  const auto identified = withdraw(kPortaal, true);
  ASSERT_THAT(identified, IsOk());
  EXPECT_EQ(identified->answer().earlier_size(), 1);
  // It is withdrawn all the same, but nothing is told.
  const auto stranger = withdraw(kPortaal, false);
  ASSERT_THAT(stranger, IsOk());
  EXPECT_EQ(stranger->answer().earlier_size(), 0);
  // Another hat of a side is a third party.
  const auto other_hat = withdraw(kRegie, true);
  ASSERT_THAT(other_hat, IsOk());
  EXPECT_EQ(other_hat->answer().earlier_size(), 0);
  ASSERT_THAT(Except(kGgz, world_.ggz_person(), kField), IsOk());
  const auto restricted = withdraw(kPortaal, true);
  ASSERT_THAT(restricted, IsOk());
  EXPECT_EQ(restricted->answer().earlier_size(), 0);
}

TEST_F(PersonTest, ALimitedConsentCountsWithinItsLimitsOnly) {
  const auto record = [&](auto change) {
    policy::v1::Consent consent = world_.NewConsent();
    consent.set_status(policy::v1::Consent::GEGEVEN_BEPERKT);
    change(consent);
    v1::RecordConsentRequest request;
    *request.mutable_consent() = consent;
    const auto recorded =
        world_.Send<v1::RecordConsentResponse>(kGgz, "ConsentService/RecordConsent", request);
    ASSERT_THAT(recorded, IsOk());
    consent_id_ = recorded->answer().consent_id();
  };
  // For another purpose, for another field.
  record([](auto& consent) { consent.set_purpose("D04"); });
  record([](auto& consent) { consent.set_fields(0, "in_zorg_indicatie"); });
  EXPECT_EQ(CodeOf(*world_.Ask()), ReasonCode::NEEDS_CONSENT);
  record([](auto& consent) { consent.set_until("2026-12-05"); });
  EXPECT_EQ(CodeOf(*world_.Ask()), ReasonCode::RELEASED);
  // The last day counts, the day after does not.
  SetDay(absl::CivilDay(2026, 12, 5));
  EXPECT_EQ(CodeOf(*world_.Ask()), ReasonCode::RELEASED);
  SetDay(absl::CivilDay(2026, 12, 6));
  EXPECT_EQ(CodeOf(*world_.Ask()), ReasonCode::NEEDS_CONSENT);
  // One that has yet to begin.
  record([](auto& consent) {
    consent.set_from("2026-12-08");
    consent.set_until("");
  });
  EXPECT_EQ(CodeOf(*world_.Ask()), ReasonCode::NEEDS_CONSENT);
  SetDay(absl::CivilDay(2026, 12, 8));
  EXPECT_EQ(CodeOf(*world_.Ask()), ReasonCode::RELEASED);
  ASSERT_THAT(world_.WithdrawConsent(consent_id_), IsOk());
  EXPECT_EQ(CodeOf(*world_.Ask()), ReasonCode::NO_CONSENT);
}

TEST_F(PersonTest, AConsentExpires) {
  ReleasePlan();
  SetDay(absl::CivilDay(2027, 5, 1));
  EXPECT_EQ(CodeOf(*world_.Ask()), ReasonCode::RELEASED);
  SetDay(absl::CivilDay(2027, 5, 2));
  EXPECT_EQ(CodeOf(*world_.Ask()), ReasonCode::NEEDS_CONSENT);
  // Nothing of it is in force any more, and what was released on it is still told.
  const auto withdrawn = world_.WithdrawConsent(consent_id_);
  ASSERT_THAT(withdrawn, IsOk());
  EXPECT_EQ(withdrawn->answer().earlier_size(), 2);
}

}  // namespace
}  // namespace sluis::broker
