// The Wams track through the calls of the contract: its order, its gates, who makes which step
// (R-W-09 to R-W-14, R-W-38 to R-W-40), and what each step means for a request for fields.

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "casework.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base/status_macros.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/state/state.h"
#include "sluis/testing/world.h"
#include "sluis/v1/decision.pb.h"
#include "sluis/v1/wams.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::Informed;
using policy::v1::ReasonCode;
using policy::v1::WamsTrack;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using Code = absl::StatusCode;

constexpr Side kOtherCollege{"P_ENSCHEDE", "GEM_WAMS"};
constexpr Side kPortaal{"P_PORTAAL", "BETROKKENE_PORTAAL"};
constexpr Side kHuisarts{"P_HUISARTS", "HUISARTS"};
constexpr Side kParticipatie{"P_ALMELO", "GEM_COLLEGE_PW"};

// One broker with the Wams in force, and the casus of Gerda.
class WamsTest : public ::testing::Test {
 protected:
  explicit WamsTest(absl::Time now = WamsNow(), std::string_view switches = "S-29")
      : broker_(directory_.path(), testing::ReferencePolicy(SwitchesOf(switches)), now) {}

  void SetUp() override {
    ASSERT_THAT(world_.PutActors({"P_ENSCHEDE", "P_PORTAAL", "P_HUISARTS"}), IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
    for (const std::string_view partij : {"P_ENSCHEDE", "P_PORTAAL"}) {
      v1::IntroducePersonRequest request;
      request.set_casus_id(world_.casus_id());
      request.set_person_id(world_.wijkteam_person());
      request.set_partij(std::string(partij));
      ASSERT_THAT(
          world_.Send<v1::IntroducePersonResponse>(kRegie, "CasusService/IntroducePerson", request),
          IsOk());
    }
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Send(Side side, std::string_view call, Request request) {
    return world_.Send<Response>(side, absl::StrCat("WamsService/", ToAbsl(call)),
                                 std::move(request));
  }
  v1::ReportRequest NewReport(v1::WamsReportKind kind) {
    v1::ReportRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_kind(kind);
    request.set_text("GEHEIM zorg");
    request.set_reference("dossier 4");
    return request;
  }
  absl::Status Report(Side side, v1::WamsReportKind kind = v1::WAMS_REPORT_KIND_HULPVRAAG) {
    return Send<v1::ReportResponse>(side, "Report", NewReport(kind)).status();
  }
  absl::Status Move(std::string_view stage, Side side = kCollege) {
    v1::MoveStageRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_stage(std::string(stage));
    if (stage == "AFSLUITING") request.set_reason("GEHEIM reden");
    return Send<v1::MoveStageResponse>(side, "MoveStage", request).status();
  }
  v1::RecordInformingRequest NewInforming(v1::RecordInformingRequest::Whom whom) {
    v1::RecordInformingRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_whom(whom);
    request.set_status(Informed::GEINFORMEERD);
    request.set_date("2027-03-14");
    return request;
  }
  absl::Status Inform(v1::RecordInformingRequest::Whom whom, Side side = kCollege) {
    return Send<v1::RecordInformingResponse>(side, "RecordInforming", NewInforming(whom)).status();
  }
  absl::Status InformBoth() {
    SLUIS_RETURN_IF_ERROR(Inform(v1::RecordInformingRequest::REPORTED));
    return Inform(v1::RecordInformingRequest::REPORTER);
  }
  v1::OpenInquiryRequest NewInquiry(WamsTrack::Task task) {
    v1::OpenInquiryRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_task(task);
    request.set_reason("GEHEIM aanleiding");
    if (task == WamsTrack::T2) {
      request.mutable_samenspraak()->set_reason_without("GEHEIM geen contact");
    } else {
      request.mutable_samenspraak()->set_date("2027-03-01");
      request.mutable_samenspraak()->set_with("betrokkene");
    }
    return request;
  }
  absl::Status Open(WamsTrack::Task task, Side side = kCollege) {
    return Send<v1::OpenInquiryResponse>(side, "OpenInquiry", NewInquiry(task)).status();
  }
  static policy::v1::WamsOutcome GoodOutcome() {
    policy::v1::WamsOutcome outcome;
    outcome.set_date("2027-03-10");
    outcome.set_name("GEHEIM naam");
    outcome.add_domains("WONEN");
    outcome.add_domains("SCHULDEN");
    outcome.add_acts("WMO");
    outcome.set_coordination_useful(true);
    return outcome;
  }
  absl::Status Record(const policy::v1::WamsOutcome& outcome, Side side = kCollege) {
    v1::RecordPartRequest request;
    request.set_casus_id(world_.casus_id());
    *request.mutable_outcome() = outcome;
    return Send<v1::RecordPartResponse>(side, "RecordPart", request).status();
  }
  absl::Status Agree(Side side = kCollege) {
    v1::RecordPartRequest request;
    request.set_casus_id(world_.casus_id());
    request.mutable_agreement()->set_date("2027-03-12");
    return Send<v1::RecordPartResponse>(side, "RecordPart", request).status();
  }
  absl::Status TakeBack(v1::TakeBackPartRequest::Part part, Side side = kCollege) {
    v1::TakeBackPartRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_part(part);
    return Send<v1::TakeBackPartResponse>(side, "TakeBackPart", request).status();
  }
  absl::StatusOr<v1::WamsTrackView> Track(Side side = kCollege) {
    v1::GetTrackRequest request;
    request.set_acting_hat(std::string(side.hat));
    request.set_professional(std::string(kActor));
    request.set_casus_id(world_.casus_id());
    SLUIS_ASSIGN_OR_RETURN(
        const auto response,
        broker_.Send<v1::GetTrackResponse>(side.partij, "/sluis.v1.WamsService/GetTrack", request));
    return response.track();
  }
  std::string Stage() {
    const auto track = Track();
    EXPECT_THAT(track, IsOk());
    return track.ok() ? track->stage() : std::string();
  }
  // The inquiry runs, as T1.
  void GoToInquiry() {
    ASSERT_THAT(Report(kCollege), IsOk());
    ASSERT_THAT(Move("TRIAGE"), IsOk());
    ASSERT_THAT(InformBoth(), IsOk());
    ASSERT_THAT(Open(WamsTrack::T1), IsOk());
  }
  void GoToPlan() {
    GoToInquiry();
    ASSERT_THAT(Record(GoodOutcome()), IsOk());
    ASSERT_THAT(Agree(), IsOk());
    ASSERT_THAT(Move("AANPAK_PLAN"), IsOk());
  }
  // What the college hears when it asks another duty of its gemeente in ONDERZOEK.
  ReasonCode::Id Ask(std::string_view stage = "ONDERZOEK") {
    EXPECT_THAT(world_.AdmitAt("T_WAMS_ONDERZOEK", kCollege, kCollege, "2027-01-05"), IsOk());
    v1::RequestFieldsRequest request = world_.Question();
    request.set_tafel("T_WAMS_ONDERZOEK");
    request.set_stage(std::string(stage));
    request.set_purpose("D19");
    request.mutable_source()->set_partij(std::string(kParticipatie.partij));
    request.mutable_source()->set_hat(std::string(kParticipatie.hat));
    request.mutable_fields(0)->set_field("uitkering_soort");
    const auto response =
        world_.Send<v1::RequestFieldsResponse>(kCollege, "SharingService/RequestFields", request);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? CodeOf(*response) : ReasonCode::REASON_CODE_UNSPECIFIED;
  }

  const testing::TempDir directory_;
  testing::TestBroker broker_;
  SmallWorld world_{broker_};
};

// ---- The order ----

TEST_F(WamsTest, GoesThroughItsStagesInOrder) {
  EXPECT_THAT(Track(), IsError(Code::kNotFound, "NOT_IN_CASUS"));
  ASSERT_THAT(Report(kGgz, v1::WAMS_REPORT_KIND_PROFESSIONAL), IsOk());
  EXPECT_EQ(Track()->task(), WamsTrack::T4);
  EXPECT_EQ(Stage(), "MELDING");
  ASSERT_THAT(Report(kCollege), IsOk());
  EXPECT_EQ(Track()->reports(), 2);
  ASSERT_THAT(Move("TRIAGE"), IsOk());
  ASSERT_THAT(InformBoth(), IsOk());
  ASSERT_THAT(Open(WamsTrack::T1), IsOk());
  EXPECT_EQ(Track()->task(), WamsTrack::T1);
  EXPECT_TRUE(Track()->samenspraak());
  ASSERT_THAT(Record(GoodOutcome()), IsOk());
  ASSERT_THAT(Agree(), IsOk());
  ASSERT_THAT(Move("AANPAK_PLAN"), IsOk());
  EXPECT_EQ(Track()->task(), WamsTrack::T3);
  ASSERT_THAT(Move("AANPAK_UITVOERING"), IsOk());
  ASSERT_THAT(Move("AFSLUITING"), IsOk());
  EXPECT_EQ(Stage(), "AFSLUITING");
  EXPECT_EQ(Track()->closed_on(), "2027-03-15");
}

TEST_F(WamsTest, ATrackThatEndsWaitsForNoDecision) {
  ASSERT_THAT(world_.Consent(), IsOk());
  v1::RequestFieldsRequest question = world_.Question();
  question.set_tafel("K_WMO_525");
  const auto asked =
      world_.Send<v1::RequestFieldsResponse>(kWijkteam, "SharingService/RequestFields", question);
  ASSERT_THAT(asked, IsOk());
  ASSERT_EQ(OutcomeOf(*asked), policy::v1::FieldOutcome::NEEDS_DECISION);
  const auto waiting = [&] {
    const auto page = broker_.Send<v1::ListDecisionRequestsResponse>(
        kGgz.partij, "/sluis.v1.DecisionService/ListDecisionRequests",
        v1::ListDecisionRequestsRequest());
    EXPECT_THAT(page, IsOk());
    return page->requests_size();
  };
  ASSERT_THAT(Report(kGgz), IsOk());
  ASSERT_THAT(Move("TRIAGE"), IsOk());
  ASSERT_THAT(InformBoth(), IsOk());
  EXPECT_EQ(waiting(), 1);
  ASSERT_THAT(Move("AFSLUITING"), IsOk());
  EXPECT_EQ(waiting(), 0);
}

// From every stage, every stage that does not follow it is refused and changes nothing.
TEST_F(WamsTest, RefusesEveryStepOutOfOrder) {
  const std::vector<std::string> all = {
      "MELDING", "TRIAGE", "ONDERZOEK", "AANPAK_PLAN", "AANPAK_UITVOERING", "AFSLUITING"};
  const auto refused = [&](const std::string& stage, const std::vector<std::string>& allowed,
                           const char* reason) {
    for (const std::string& to : all) {
      if (std::find(allowed.begin(), allowed.end(), to) != allowed.end()) continue;
      EXPECT_THAT(Move(to), IsError(Code::kFailedPrecondition, reason)) << stage << " to " << to;
    }
    if (!stage.empty()) {
      EXPECT_EQ(Stage(), stage);
    }
  };
  refused("", {}, "WRONG_PHASE");
  EXPECT_THAT(Open(WamsTrack::T1), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  EXPECT_THAT(InformBoth(), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  ASSERT_THAT(Report(kCollege), IsOk());
  refused("MELDING", {"TRIAGE"}, "WRONG_PHASE");
  EXPECT_THAT(Open(WamsTrack::T1), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  EXPECT_THAT(Record(GoodOutcome()), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  ASSERT_THAT(Move("TRIAGE"), IsOk());
  ASSERT_THAT(InformBoth(), IsOk());
  refused("TRIAGE", {"AFSLUITING"}, "WRONG_PHASE");
  EXPECT_THAT(Agree(), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  ASSERT_THAT(Open(WamsTrack::T1), IsOk());
  refused("ONDERZOEK", {"AANPAK_PLAN", "AFSLUITING"}, "WRONG_PHASE");
  EXPECT_THAT(Report(kGgz), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  EXPECT_THAT(Open(WamsTrack::T1), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  ASSERT_THAT(Record(GoodOutcome()), IsOk());
  ASSERT_THAT(Agree(), IsOk());
  ASSERT_THAT(Move("AANPAK_PLAN"), IsOk());
  refused("AANPAK_PLAN", {"AANPAK_UITVOERING", "AFSLUITING"}, "WRONG_PHASE");
  ASSERT_THAT(Move("AANPAK_UITVOERING"), IsOk());
  refused("AANPAK_UITVOERING", {"AFSLUITING"}, "WRONG_PHASE");
  ASSERT_THAT(Move("AFSLUITING"), IsOk());
  refused("AFSLUITING", {}, "CASE_CLOSED");
  EXPECT_THAT(Report(kGgz), IsError(Code::kFailedPrecondition, "CASE_CLOSED"));
  EXPECT_THAT(Record(GoodOutcome()), IsError(Code::kFailedPrecondition, "CASE_CLOSED"));
  EXPECT_THAT(TakeBack(v1::TakeBackPartRequest::OUTCOME),
              IsError(Code::kFailedPrecondition, "CASE_CLOSED"));
  EXPECT_THAT(Inform(v1::RecordInformingRequest::REPORTED),
              IsError(Code::kFailedPrecondition, "CASE_CLOSED"));
}

TEST_F(WamsTest, EveryStepMovesTheVersionOfTheCasus) {
  const auto version = [&] {
    const auto reader = broker_.assembly().store().Read();
    state::StateReader state(**reader, broker_.assembly().vault());
    return *state.Version(state::Subject::Casus(*Uuid::Parse(world_.casus_id())).key());
  };
  uint64_t last = version();
  for (const std::function<absl::Status()>& step : std::vector<std::function<absl::Status()>>{
           [&] { return Report(kCollege); }, [&] { return Move("TRIAGE"); },
           [&] { return Inform(v1::RecordInformingRequest::REPORTED); },
           [&] { return Inform(v1::RecordInformingRequest::REPORTER); },
           [&] { return Open(WamsTrack::T1); }, [&] { return Record(GoodOutcome()); },
           [&] { return Agree(); }, [&] { return TakeBack(v1::TakeBackPartRequest::OUTCOME); },
           [&] { return Move("AFSLUITING"); }}) {
    ASSERT_THAT(step(), IsOk());
    EXPECT_GT(version(), last);
    last = version();
  }
  // A step that is refused moves nothing.
  EXPECT_THAT(Move("TRIAGE"), IsError(Code::kFailedPrecondition, "CASE_CLOSED"));
  EXPECT_EQ(version(), last);
}

// ---- Who ----

TEST_F(WamsTest, OnlyTheCollegeOfTheGemeenteMakesItsSteps) {
  ASSERT_THAT(Report(kCollege), IsOk());
  const auto refused = [&](const std::function<absl::Status(Side)>& step) {
    for (const Side side : {kOtherCollege, kWijkteam, kRegie, kGgz, kPortaal})
      EXPECT_THAT(step(side), IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  };
  refused([&](Side side) { return Move("TRIAGE", side); });
  ASSERT_THAT(Move("TRIAGE"), IsOk());
  refused([&](Side side) { return Inform(v1::RecordInformingRequest::REPORTED, side); });
  ASSERT_THAT(InformBoth(), IsOk());
  refused([&](Side side) { return Open(WamsTrack::T1, side); });
  ASSERT_THAT(Open(WamsTrack::T1), IsOk());
  refused([&](Side side) { return Record(GoodOutcome(), side); });
  refused([&](Side side) { return Agree(side); });
  refused([&](Side side) { return TakeBack(v1::TakeBackPartRequest::SAMENSPRAAK, side); });
  refused([&](Side side) { return Move("AFSLUITING", side); });
  EXPECT_EQ(Stage(), "ONDERZOEK");
  EXPECT_THAT(Track(kWijkteam), IsError(Code::kNotFound, "NOT_IN_CASUS"));
  EXPECT_THAT(Track(kOtherCollege), IsError(Code::kNotFound, "NOT_IN_CASUS"));
  EXPECT_THAT(Track(kGgz), IsError(Code::kNotFound, "NOT_IN_CASUS"));
}

TEST_F(WamsTest, WhoDoesNotKnowTheCasusReportsInItAsInNone) {
  v1::ReportRequest unknown = NewReport(v1::WAMS_REPORT_KIND_PROFESSIONAL);
  unknown.set_casus_id(testing::NewRequestId());
  const auto nowhere = Send<v1::ReportResponse>(kHuisarts, "Report", unknown).status();
  EXPECT_THAT(nowhere, IsError(Code::kFailedPrecondition, "NOT_IN_CASUS"));
  const absl::Status elsewhere = Report(kHuisarts, v1::WAMS_REPORT_KIND_PROFESSIONAL);
  EXPECT_EQ(nowhere.message(), elsewhere.message());
}

// R-W-11: the concern of a citizen stays with the meldpunt.
TEST_F(WamsTest, OnlyAProfessionalOpensAnInquiryWithoutHulpvraag) {
  ASSERT_THAT(Report(kPortaal, v1::WAMS_REPORT_KIND_CITIZEN), IsOk());
  ASSERT_THAT(Move("TRIAGE"), IsOk());
  ASSERT_THAT(InformBoth(), IsOk());
  EXPECT_THAT(Open(WamsTrack::T2, kPortaal),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(Open(WamsTrack::T2, kCollege),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  // Nor does it become a hulpvraag.
  EXPECT_THAT(Open(WamsTrack::T1), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  EXPECT_EQ(Track()->task(), WamsTrack::T4);
  EXPECT_EQ(Stage(), "TRIAGE");
  ASSERT_THAT(Open(WamsTrack::T2, kGgz), IsOk());
  EXPECT_EQ(Track()->task(), WamsTrack::T2);
  EXPECT_EQ(Track()->opened_by().partij(), kGgz.partij);
}

// ---- The gates ----

TEST_F(WamsTest, TriageEndsOnlyWhenBothAreInformedOrItIsPostponed) {
  ASSERT_THAT(Report(kCollege), IsOk());
  ASSERT_THAT(Move("TRIAGE"), IsOk());
  const auto not_informed = IsError(Code::kFailedPrecondition, "NOT_INFORMED");
  EXPECT_THAT(Open(WamsTrack::T1), not_informed);
  EXPECT_THAT(Move("AFSLUITING"), not_informed);
  ASSERT_THAT(Inform(v1::RecordInformingRequest::REPORTED), IsOk());
  const absl::Status missing = Open(WamsTrack::T1);
  EXPECT_THAT(missing, not_informed);
  EXPECT_EQ(MetadataOf(missing)["field"], "reporter");
  v1::RecordInformingRequest postponed = NewInforming(v1::RecordInformingRequest::REPORTER);
  postponed.set_status(Informed::UITGESTELD);
  postponed.set_reason("GEHEIM veiligheid");
  postponed.set_owner("actor");
  postponed.set_review_date("2027-04-01");
  ASSERT_THAT(Send<v1::RecordInformingResponse>(kCollege, "RecordInforming", postponed), IsOk());
  // A new report makes the question new.
  ASSERT_THAT(Report(kGgz, v1::WAMS_REPORT_KIND_PROFESSIONAL), IsOk());
  EXPECT_THAT(Open(WamsTrack::T1), not_informed);
  ASSERT_THAT(InformBoth(), IsOk());
  EXPECT_THAT(Open(WamsTrack::T1), IsOk());
}

TEST_F(WamsTest, AnInquiryAsksForTheSamenspraakOfItsTask) {
  ASSERT_THAT(Report(kCollege), IsOk());
  ASSERT_THAT(Move("TRIAGE"), IsOk());
  ASSERT_THAT(InformBoth(), IsOk());
  const auto refused = [&](v1::OpenInquiryRequest request, Side side, const char* field) {
    const absl::Status status =
        Send<v1::OpenInquiryResponse>(side, "OpenInquiry", std::move(request)).status();
    EXPECT_THAT(status, IsError(Code::kFailedPrecondition, "NO_SAMENSPRAAK"));
    EXPECT_EQ(MetadataOf(status)["field"], field);
  };
  v1::OpenInquiryRequest request = NewInquiry(WamsTrack::T1);
  request.mutable_samenspraak()->clear_date();
  refused(request, kCollege, "samenspraak.date");
  request = NewInquiry(WamsTrack::T1);
  request.mutable_samenspraak()->set_with(" ");
  refused(request, kCollege, "samenspraak.with");
  request = NewInquiry(WamsTrack::T2);
  request.mutable_samenspraak()->clear_reason_without();
  refused(request, kGgz, "samenspraak.reason_without");
  EXPECT_EQ(Stage(), "TRIAGE");
}

// R-W-38.
TEST_F(WamsTest, NoInquiryOfAProfessionalWhileInformingIsOverdue) {
  ASSERT_THAT(Report(kCollege), IsOk());
  ASSERT_THAT(Move("TRIAGE"), IsOk());
  ASSERT_THAT(InformBoth(), IsOk());
  v1::RecordFactRequest fact;
  fact.set_casus_id(world_.casus_id());
  fact.set_reference("dossier 5");
  auto& informed = *fact.mutable_fact()->mutable_informed();
  informed.set_person(world_.wijkteam_person());
  informed.set_status(Informed::UITGESTELD);
  informed.set_date("2027-03-01");
  informed.set_reason("GEHEIM veiligheid");
  informed.set_owner("actor");
  informed.set_review_date("2027-03-14");
  ASSERT_THAT(world_.Send<v1::RecordFactResponse>(kWijkteam, "FactService/RecordFact", fact),
              IsOk());
  EXPECT_THAT(Open(WamsTrack::T2, kGgz), IsError(Code::kFailedPrecondition, "NOT_INFORMED"));
  // On the last day of the delay it is not over.
  informed.set_review_date("2027-03-15");
  ASSERT_THAT(world_.Send<v1::RecordFactResponse>(kWijkteam, "FactService/RecordFact", fact),
              IsOk());
  EXPECT_THAT(Open(WamsTrack::T2, kGgz), IsOk());
}

TEST_F(WamsTest, AnOverduePostponementOfTheReportBlocksTooUntilInformed) {
  ASSERT_THAT(Report(kCollege), IsOk());
  ASSERT_THAT(Move("TRIAGE"), IsOk());
  ASSERT_THAT(Inform(v1::RecordInformingRequest::REPORTER), IsOk());
  v1::RecordInformingRequest postponed = NewInforming(v1::RecordInformingRequest::REPORTED);
  postponed.set_status(Informed::UITGESTELD);
  postponed.set_reason("GEHEIM veiligheid");
  postponed.set_owner("actor");
  postponed.set_review_date("2027-03-20");
  ASSERT_THAT(Send<v1::RecordInformingResponse>(kCollege, "RecordInforming", postponed), IsOk());
  ASSERT_THAT(broker_.SetClock(WamsNow() + absl::Hours(24 * 6)), IsOk());  // 21 March
  EXPECT_THAT(Open(WamsTrack::T2, kGgz), IsError(Code::kFailedPrecondition, "NOT_INFORMED"));
  ASSERT_THAT(Inform(v1::RecordInformingRequest::REPORTED), IsOk());
  EXPECT_THAT(Open(WamsTrack::T2, kGgz), IsOk());
}

// R-W-10.
TEST_F(WamsTest, AnOutcomeHoldsWhatTheLawAsksOrIsNone) {
  GoToInquiry();
  const auto refused = [&](const policy::v1::WamsOutcome& outcome, const char* field) {
    const absl::Status status = Record(outcome);
    EXPECT_THAT(status, IsError(Code::kFailedPrecondition, "NO_WAMS_OUTCOME"));
    EXPECT_EQ(MetadataOf(status)["field"], field);
  };
  policy::v1::WamsOutcome outcome = GoodOutcome();
  outcome.clear_domains();
  outcome.add_domains("WMO");
  refused(outcome, "outcome.domains");
  outcome.add_domains("WMO");  // twice is one
  refused(outcome, "outcome.domains");
  outcome = GoodOutcome();
  outcome.clear_acts();
  outcome.add_acts("WVGGZ");
  refused(outcome, "outcome.acts");
  outcome = GoodOutcome();
  outcome.set_coordination_useful(false);
  refused(outcome, "outcome.coordination_useful");
  EXPECT_FALSE(Track()->outcome());
  EXPECT_THAT(Move("AANPAK_PLAN"), IsError(Code::kFailedPrecondition, "NO_WAMS_OUTCOME"));
  for (const char* act : {"WMO", "JEUGDWET", "PARTICIPATIEWET", "WGS_SCHULDHULP"}) {
    outcome = GoodOutcome();
    outcome.clear_acts();
    outcome.add_acts(act);
    EXPECT_THAT(Record(outcome), IsOk()) << act;
  }
  // A later one that is none leaves the one before.
  outcome.clear_domains();
  refused(outcome, "outcome.domains");
  EXPECT_TRUE(Track()->outcome());
}

TEST_F(WamsTest, TheApproachStartsWithTheAgreementOrTheReasonWithout) {
  GoToInquiry();
  ASSERT_THAT(Record(GoodOutcome()), IsOk());
  EXPECT_THAT(Move("AANPAK_PLAN"), IsError(Code::kFailedPrecondition, "NO_SAMENSPRAAK"));
  v1::RecordPartRequest request;
  request.set_casus_id(world_.casus_id());
  request.mutable_agreement()->set_reason_without("GEHEIM geen contact");
  ASSERT_THAT(Send<v1::RecordPartResponse>(kCollege, "RecordPart", request), IsOk());
  EXPECT_THAT(Move("AANPAK_PLAN"), IsOk());
  // What was taken back meanwhile stops the next step.
  ASSERT_THAT(TakeBack(v1::TakeBackPartRequest::OUTCOME), IsOk());
  EXPECT_THAT(Move("AANPAK_UITVOERING"), IsError(Code::kFailedPrecondition, "NO_WAMS_OUTCOME"));
  ASSERT_THAT(Record(GoodOutcome()), IsOk());
  ASSERT_THAT(TakeBack(v1::TakeBackPartRequest::AGREEMENT), IsOk());
  EXPECT_THAT(Move("AANPAK_UITVOERING"), IsError(Code::kFailedPrecondition, "NO_SAMENSPRAAK"));
  ASSERT_THAT(Agree(), IsOk());
  EXPECT_THAT(Move("AANPAK_UITVOERING"), IsOk());
}

// ---- What it means for a request ----

TEST_F(WamsTest, RequestsFollowTheTrackAtOnce) {
  GoToInquiry();
  EXPECT_EQ(Ask(), ReasonCode::RELEASED);
  EXPECT_EQ(Ask("TRIAGE"), ReasonCode::WRONG_PHASE);
  ASSERT_THAT(TakeBack(v1::TakeBackPartRequest::SAMENSPRAAK), IsOk());
  EXPECT_EQ(Ask(), ReasonCode::NO_SAMENSPRAAK);
  v1::RecordPartRequest again;
  again.set_casus_id(world_.casus_id());
  again.mutable_samenspraak()->set_date("2027-03-14");
  again.mutable_samenspraak()->set_with("betrokkene");
  ASSERT_THAT(Send<v1::RecordPartResponse>(kCollege, "RecordPart", again), IsOk());
  EXPECT_EQ(Ask(), ReasonCode::RELEASED);
  ASSERT_THAT(Move("AFSLUITING"), IsOk());
  EXPECT_EQ(Ask(), ReasonCode::CASE_CLOSED);
  EXPECT_EQ(Ask("AFSLUITING"), ReasonCode::CASE_CLOSED);
  // At every tafel, not only those of the Wams.
  const auto elsewhere = world_.Ask();
  ASSERT_THAT(elsewhere, IsOk());
  EXPECT_EQ(CodeOf(*elsewhere), ReasonCode::CASE_CLOSED);
}

// R-W-40.
TEST_F(WamsTest, ReopeningIsANewInquiryForANewReason) {
  GoToPlan();
  ASSERT_THAT(Move("AFSLUITING"), IsOk());
  const absl::Status same = Open(WamsTrack::T1);
  EXPECT_THAT(same, IsError(Code::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(MetadataOf(same)["field"], "reason");
  v1::OpenInquiryRequest request = NewInquiry(WamsTrack::T1);
  request.set_reason("GEHEIM andere aanleiding");
  request.clear_samenspraak();
  EXPECT_THAT(Send<v1::OpenInquiryResponse>(kCollege, "OpenInquiry", request),
              IsError(Code::kFailedPrecondition, "NO_SAMENSPRAAK"));
  *request.mutable_samenspraak() = NewInquiry(WamsTrack::T1).samenspraak();
  request.clear_request_id();
  ASSERT_THAT(Send<v1::OpenInquiryResponse>(kCollege, "OpenInquiry", request), IsOk());
  EXPECT_EQ(Stage(), "ONDERZOEK");
  EXPECT_EQ(Track()->closed_on(), "");
  // The outcome of the first inquiry is not that of this one.
  EXPECT_FALSE(Track()->outcome());
  EXPECT_FALSE(Track()->agreement());
  EXPECT_EQ(Ask(), ReasonCode::RELEASED);
}

TEST_F(WamsTest, WeighingsAndConsentsEndWithTheTrack) {
  GoToInquiry();
  ASSERT_EQ(Ask(), ReasonCode::RELEASED);  // admits the college
  v1::AddDeelnemerRequest invite;
  invite.set_casus_id(world_.casus_id());
  invite.set_tafel("T_WAMS_ONDERZOEK");
  invite.mutable_deelnemer()->set_partij(std::string(kGgz.partij));
  invite.mutable_deelnemer()->set_hat(std::string(kGgz.hat));
  invite.set_from("2027-01-05");
  ASSERT_THAT(world_.Send<v1::AddDeelnemerResponse>(kCollege, "CasusService/AddDeelnemer", invite),
              IsOk());
  const auto ask = [&] {
    v1::RequestFieldsRequest request = world_.Question();
    request.set_tafel("T_WAMS_ONDERZOEK");
    request.set_stage("ONDERZOEK");
    request.set_purpose("D19");
    const auto response =
        world_.Send<v1::RequestFieldsResponse>(kCollege, "SharingService/RequestFields", request);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? CodeOf(*response) : ReasonCode::REASON_CODE_UNSPECIFIED;
  };
  EXPECT_EQ(ask(), ReasonCode::NEEDS_DECISION);
  v1::RecordFactRequest fact;
  fact.set_casus_id(world_.casus_id());
  fact.set_reference("dossier 6");
  auto& weighing = *fact.mutable_fact()->mutable_decision();
  weighing.set_kind(policy::v1::ProfessionalDecision::WAMS);
  weighing.set_person(world_.ggz_person());
  weighing.add_fields(std::string(kField));
  weighing.add_recipient_hats(std::string(kCollege.hat));
  weighing.add_recipient_parties(std::string(kCollege.partij));
  weighing.set_result(policy::v1::ProfessionalDecision::GIVEN);
  weighing.set_reason("GEHEIM reden");
  weighing.set_date("2027-03-12");
  weighing.set_necessity("GEHEIM nodig");
  weighing.set_weighty_reasons("GEHEIM geen");
  weighing.set_consent_sought("GEHEIM geweigerd");
  ASSERT_THAT(world_.Send<v1::RecordFactResponse>(kGgz, "FactService/RecordFact", fact), IsOk());
  v1::RecordConsentRequest consent;
  *consent.mutable_consent() = world_.NewConsent();
  consent.mutable_consent()->mutable_recipient()->set_hat(std::string(kCollege.hat));
  consent.mutable_consent()->set_purpose("D19");
  const auto recorded =
      world_.Send<v1::RecordConsentResponse>(kGgz, "ConsentService/RecordConsent", consent);
  ASSERT_THAT(recorded, IsOk());
  // One for another purpose, which is none of the Wams.
  const auto other = world_.Consent();
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ(ask(), ReasonCode::RELEASED);
  ASSERT_THAT(Move("AFSLUITING"), IsOk());
  const auto status_of = [&](const std::string& id) {
    const auto reader = broker_.assembly().store().Read();
    state::StateReader state(**reader, broker_.assembly().vault());
    return (*state.Record(*Uuid::Parse(id)))->second.record.consent().status();
  };
  EXPECT_EQ(status_of(recorded->answer().consent_id()), policy::v1::Consent::VERLOPEN);
  EXPECT_EQ(status_of(other->answer().consent_id()), policy::v1::Consent::GEGEVEN_UITDRUKKELIJK);
  v1::OpenInquiryRequest reopen = NewInquiry(WamsTrack::T1);
  reopen.set_reason("GEHEIM andere aanleiding");
  ASSERT_THAT(Send<v1::OpenInquiryResponse>(kCollege, "OpenInquiry", reopen), IsOk());
  EXPECT_EQ(ask(), ReasonCode::NEEDS_DECISION);
}

// ---- Reports about a person ----

TEST_F(WamsTest, AReportAboutAPersonOpensACasusThatItsReporterDoesNotSee) {
  v1::ReportRequest request = NewReport(v1::WAMS_REPORT_KIND_PROFESSIONAL);
  request.clear_casus_id();
  request.set_municipality("Almelo");
  auto& elements = *request.mutable_elements();
  elements.set_geslachtsnaam("GEHEIM");
  elements.set_voornamen("GEHEIM");
  elements.set_geboortedatum("1960-02-03");
  elements.set_postcode("7601AB");
  elements.set_huisnummer("3");
  const auto listed = [&](std::string_view partij) {
    const auto response = broker_.Send<v1::ListCasussenResponse>(
        partij, "/sluis.v1.CasusService/ListCasussen", v1::ListCasussenRequest());
    EXPECT_THAT(response, IsOk());
    return response->casussen_size();
  };
  const int before = listed("P_ALMELO");
  const auto reported = Send<v1::ReportResponse>(kHuisarts, "Report", request);
  ASSERT_THAT(reported, IsOk());
  EXPECT_EQ(reported->answer().casus_id(), "");
  EXPECT_EQ(reported->answer().track().stage(), "MELDING");
  EXPECT_EQ(listed("P_ALMELO"), before + 1);
  EXPECT_EQ(listed("P_HUISARTS"), 0);
  const auto notices = NoticesOf(broker_, "P_ALMELO");
  ASSERT_FALSE(notices.empty());
  EXPECT_EQ(notices.back().type(), store::v1::NoticeType::WAMS_STAGE_CHANGED);
  EXPECT_EQ(notices.back().hat(), "GEM_WAMS");
  EXPECT_EQ(notices.back().stage(), "MELDING");
  EXPECT_NE(notices.back().casus_id(), world_.casus_id());
  // The college itself sees what it opens.
  request.clear_request_id();
  const auto own = Send<v1::ReportResponse>(kCollege, "Report", request);
  ASSERT_THAT(own, IsOk());
  EXPECT_NE(own->answer().casus_id(), "");
}

TEST_F(WamsTest, WhoTakesPartUnderTheWamsIsToldOfTheStage) {
  GoToInquiry();
  EXPECT_THAT(NoticesOf(broker_, "P_MEDIANT"), IsEmpty());  // takes part elsewhere
  v1::AddDeelnemerRequest invite;
  invite.set_casus_id(world_.casus_id());
  invite.set_tafel("T_WAMS_ONDERZOEK");
  invite.mutable_deelnemer()->set_partij(std::string(kGgz.partij));
  invite.mutable_deelnemer()->set_hat(std::string(kGgz.hat));
  invite.set_from("2027-01-05");
  ASSERT_THAT(world_.Send<v1::AddDeelnemerResponse>(kCollege, "CasusService/AddDeelnemer", invite),
              IsOk());
  ASSERT_THAT(Move("AFSLUITING"), IsOk());
  const auto notices = NoticesOf(broker_, "P_MEDIANT");
  ASSERT_FALSE(notices.empty());
  EXPECT_EQ(notices.back().type(), store::v1::NoticeType::WAMS_STAGE_CHANGED);
  EXPECT_EQ(notices.back().stage(), "AFSLUITING");
  EXPECT_EQ(notices.back().casus_id(), world_.casus_id());
}

// ---- Malformed ----

template <typename Request>
struct Bad {
  std::function<void(Request&)> spoil;
  const char* field;
};

TEST_F(WamsTest, NamesWhatIsMalformed) {
  const auto expect = [](const absl::Status& status, const char* field) {
    EXPECT_THAT(status, IsError(Code::kInvalidArgument, "MALFORMED")) << field;
    EXPECT_EQ(MetadataOf(status)["field"], field);
    EXPECT_EQ(status.message().find("GEHEIM"), absl::string_view::npos);
  };
  const std::string long_text(2001, 'x');
  for (const Bad<v1::ReportRequest>& bad : std::vector<Bad<v1::ReportRequest>>{
           {[](auto& r) { r.clear_kind(); }, "kind"},
           {[](auto& r) { r.clear_text(); }, "text"},
           {[&](auto& r) { r.set_text(long_text); }, "text"},
           {[](auto& r) { r.clear_reference(); }, "reference"},
           {[](auto& r) { r.set_casus_id("geen id"); }, "casus_id"},
           {[](auto& r) { r.set_municipality("Almelo"); }, "municipality"},
           {[](auto& r) { r.set_bsn("999990019"); }, "bsn"},
           {[](auto& r) { r.clear_casus_id(); }, "municipality"},
           {[](auto& r) {
              r.clear_casus_id();
              r.set_municipality("Almelo");
            },
            "elements.geslachtsnaam"},
           {[](auto& r) {
              r.clear_casus_id();
              r.set_municipality("Lutjebroek");
              r.set_urgent(true);
            },
            "municipality"}}) {
    v1::ReportRequest request = NewReport(v1::WAMS_REPORT_KIND_CITIZEN);
    bad.spoil(request);
    expect(Send<v1::ReportResponse>(kCollege, "Report", request).status(), bad.field);
  }
  ASSERT_THAT(Report(kCollege), IsOk());
  ASSERT_THAT(Move("TRIAGE"), IsOk());
  for (const Bad<v1::RecordInformingRequest>& bad : std::vector<Bad<v1::RecordInformingRequest>>{
           {[](auto& r) { r.clear_whom(); }, "whom"},
           {[](auto& r) { r.clear_status(); }, "status"},
           {[](auto& r) { r.set_date("2027-03-16"); }, "date"},
           {[](auto& r) { r.set_date("gisteren"); }, "date"},
           {[](auto& r) { r.set_reason("GEHEIM"); }, "reason"},
           {[](auto& r) { r.set_status(Informed::UITGESTELD); }, "reason"},
           {[](auto& r) {
              r.set_status(Informed::UITGESTELD);
              r.set_reason("GEHEIM");
              r.set_owner("een naam");
            },
            "owner"},
           {[](auto& r) {
              r.set_status(Informed::UITGESTELD);
              r.set_reason("GEHEIM");
              r.set_owner("actor");
              r.set_review_date("2027-03-14");
            },
            "review_date"}}) {
    v1::RecordInformingRequest request = NewInforming(v1::RecordInformingRequest::REPORTED);
    bad.spoil(request);
    expect(Send<v1::RecordInformingResponse>(kCollege, "RecordInforming", request).status(),
           bad.field);
  }
  ASSERT_THAT(InformBoth(), IsOk());
  for (const Bad<v1::OpenInquiryRequest>& bad : std::vector<Bad<v1::OpenInquiryRequest>>{
           {[](auto& r) { r.set_task(WamsTrack::T3); }, "task"},
           {[](auto& r) { r.clear_task(); }, "task"},
           {[](auto& r) { r.clear_reason(); }, "reason"},
           {[](auto& r) { r.mutable_samenspraak()->set_date("2027-03-16"); }, "samenspraak.date"},
           {[](auto& r) { r.mutable_samenspraak()->set_date("1 maart"); }, "samenspraak.date"}}) {
    v1::OpenInquiryRequest request = NewInquiry(WamsTrack::T1);
    bad.spoil(request);
    expect(Send<v1::OpenInquiryResponse>(kCollege, "OpenInquiry", request).status(), bad.field);
  }
  ASSERT_THAT(Open(WamsTrack::T1), IsOk());
  for (const Bad<v1::RecordPartRequest>& bad : std::vector<Bad<v1::RecordPartRequest>>{
           {[](auto& r) { r.clear_outcome(); }, "part"},
           {[](auto& r) { r.mutable_outcome()->clear_name(); }, "outcome.name"},
           {[](auto& r) { r.mutable_outcome()->clear_date(); }, "outcome.date"},
           {[](auto& r) { r.mutable_outcome()->set_date("2027-03-16"); }, "outcome.date"},
           {[](auto& r) { r.mutable_outcome()->set_domains(1, "schulden bij"); },
            "outcome.domains[1]"},
           {[](auto& r) { r.mutable_outcome()->set_acts(0, ""); }, "outcome.acts[0]"},
           {[](auto& r) { r.mutable_agreement(); }, "agreement"},
           {[](auto& r) { r.mutable_agreement()->set_date("2027-03-16"); }, "agreement.date"}}) {
    v1::RecordPartRequest request;
    request.set_casus_id(world_.casus_id());
    *request.mutable_outcome() = GoodOutcome();
    bad.spoil(request);
    expect(Send<v1::RecordPartResponse>(kCollege, "RecordPart", request).status(), bad.field);
  }
  expect(TakeBack(v1::TakeBackPartRequest::PART_UNSPECIFIED), "part");
  expect(Move("NAZORG"), "stage");
  v1::MoveStageRequest move;
  move.set_casus_id(world_.casus_id());
  move.set_stage("AFSLUITING");
  expect(Send<v1::MoveStageResponse>(kCollege, "MoveStage", move).status(), "reason");
  EXPECT_EQ(Stage(), "ONDERZOEK");
}

// ---- Not in force ----

// The demonstration switches date no row of the Wams; those of S-29 date them later than this day.
class NoWamsTest : public WamsTest, public ::testing::WithParamInterface<const char*> {
 protected:
  NoWamsTest() : WamsTest(TestNow(), GetParam()) {}
};

TEST_P(NoWamsTest, NoStepIsMadeWhileTheWamsIsNotInForce) {
  const auto no_basis = IsError(Code::kFailedPrecondition, "NO_BASIS");
  EXPECT_THAT(Report(kCollege), no_basis);
  EXPECT_THAT(Report(kGgz, v1::WAMS_REPORT_KIND_PROFESSIONAL), no_basis);
  EXPECT_THAT(Move("TRIAGE"), no_basis);
  EXPECT_THAT(Open(WamsTrack::T1), no_basis);
  EXPECT_THAT(Open(WamsTrack::T2, kGgz), no_basis);
  policy::v1::WamsOutcome outcome = GoodOutcome();
  EXPECT_THAT(Record(outcome), no_basis);
  EXPECT_THAT(TakeBack(v1::TakeBackPartRequest::OUTCOME), no_basis);
  EXPECT_THAT(Inform(v1::RecordInformingRequest::REPORTED), no_basis);
  EXPECT_THAT(Track(), IsError(Code::kNotFound, "NOT_IN_CASUS"));
}

INSTANTIATE_TEST_SUITE_P(Switches, NoWamsTest, ::testing::Values("S-01", "S-29"));

}  // namespace
}  // namespace sluis::broker
