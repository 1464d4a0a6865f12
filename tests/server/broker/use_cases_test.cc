// Who may record what, and what comes of it (docs/facts.md, the convenant's rules of admission,
// scaling and closing), through the calls of the contract.

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"
#include "sluis/v1/audit.pb.h"
#include "sluis/v1/professional.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::FieldOutcome;
using policy::v1::ReasonCode;
using testing::IsError;
using testing::IsOk;
using Code = absl::StatusCode;

constexpr Side kPolitie{"P_POLITIE_ON", "POLITIE"};
constexpr Side kBurgemeester{"P_ALMELO", "GEM_BURGEMEESTER"};
constexpr Side kRegieEnschede{"P_ENSCHEDE", "GEM_PROCESREGIE"};
constexpr Side kPortaal{"P_PORTAAL", "BETROKKENE_PORTAAL"};
constexpr Side kIxta{"P_IXTANOA", "ZELFREGIE"};
constexpr Side kHuisarts{"P_HUISARTS", "HUISARTS"};

void Fill(policy::v1::PartijHat& out, Side side) {
  out.set_partij(std::string(side.partij));
  out.set_hat(std::string(side.hat));
}

class UseCasesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(
        world_.PutActors({"P_POLITIE_ON", "P_ENSCHEDE", "P_PORTAAL", "P_IXTANOA", "P_HUISARTS"}),
        IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
  }

  FieldOutcome::Id Outcome() {
    const auto response = world_.Ask();
    EXPECT_THAT(response, IsOk());
    return response.ok() ? OutcomeOf(*response) : FieldOutcome::OUTCOME_UNSPECIFIED;
  }
  ReasonCode::Id AskedCode() {
    const auto response = world_.Ask();
    EXPECT_THAT(response, IsOk());
    return response.ok() ? CodeOf(*response) : ReasonCode::REASON_CODE_UNSPECIFIED;
  }
  absl::StatusOr<v1::RecordConsentResponse> Record(Side side, policy::v1::Consent consent) {
    v1::RecordConsentRequest request;
    *request.mutable_consent() = std::move(consent);
    return world_.Send<v1::RecordConsentResponse>(side, "ConsentService/RecordConsent", request);
  }
  absl::Status Confirm(Side side, const std::string& id) {
    v1::ConfirmConsentRequest request;
    request.set_consent_id(id);
    return world_.Send<v1::ConfirmConsentResponse>(side, "ConsentService/ConfirmConsent", request)
        .status();
  }
  absl::Status Withdraw(Side side, const std::string& id) {
    v1::WithdrawConsentRequest request;
    request.set_consent_id(id);
    return world_.Send<v1::WithdrawConsentResponse>(side, "ConsentService/WithdrawConsent", request)
        .status();
  }
  // Gerda's consent as the wijkteam writes it: with its own id of her.
  policy::v1::Consent WijkteamsConsent() {
    policy::v1::Consent consent = world_.NewConsent();
    consent.set_person(world_.wijkteam_person());
    return consent;
  }
  absl::StatusOr<v1::RecordFactResponse> RecordFact(Side side, const policy::v1::Fact& fact,
                                                    bool in_casus = true) {
    v1::RecordFactRequest request;
    if (in_casus) request.set_casus_id(world_.casus_id());
    *request.mutable_fact() = fact;
    request.set_reference("dossier 9");
    return world_.Send<v1::RecordFactResponse>(side, "FactService/RecordFact", request);
  }
  v1::CasusView View(std::string_view partij) {
    v1::GetCasusRequest request;
    request.set_casus_id(world_.casus_id());
    const auto response =
        broker_.Send<v1::GetCasusResponse>(partij, "/sluis.v1.CasusService/GetCasus", request);
    return response.ok() ? response->casus() : v1::CasusView();
  }
  absl::Status GetCasus(std::string_view partij, const std::string& casus_id) {
    v1::GetCasusRequest request;
    request.set_casus_id(casus_id);
    return broker_.Send<v1::GetCasusResponse>(partij, "/sluis.v1.CasusService/GetCasus", request)
        .status();
  }
  absl::Status Introduce(Side by, std::string_view partij) {
    v1::IntroducePersonRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_person_id(world_.wijkteam_person());
    request.set_partij(std::string(partij));
    return world_.Send<v1::IntroducePersonResponse>(by, "CasusService/IntroducePerson", request)
        .status();
  }
  absl::StatusOr<v1::AddPersonResponse> AddPerson(Side by, int number) {
    v1::AddPersonRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_bsn(testing::TestBsn(number));
    request.set_role(policy::v1::PersonRole::OUDER);
    return world_.Send<v1::AddPersonResponse>(by, "CasusService/AddPerson", request);
  }

  const testing::TempDir directory_;
  testing::TestBroker broker_{directory_.path(), testing::ReferencePolicy(), TestNow()};
  SmallWorld world_{broker_};
};

// ---- Consent ----

TEST_F(UseCasesTest, AConsentOfTheSourceCountsAtOnce) {
  EXPECT_EQ(Outcome(), FieldOutcome::NEEDS_CONSENT);
  const auto consent = world_.Consent();
  ASSERT_THAT(consent, IsOk());
  EXPECT_FALSE(consent->answer().needs_confirmation());
  EXPECT_EQ(Outcome(), FieldOutcome::RELEASE);
}

TEST_F(UseCasesTest, AConsentOfTheRecipientCountsOnceTheSourceConfirms) {
  const auto consent = Record(kWijkteam, WijkteamsConsent());
  ASSERT_THAT(consent, IsOk());
  EXPECT_TRUE(consent->answer().needs_confirmation());
  EXPECT_EQ(Outcome(), FieldOutcome::NEEDS_CONSENT);
  const std::string& id = consent->answer().consent_id();
  // Not by the recipient itself, nor by anybody else.
  EXPECT_THAT(Confirm(kWijkteam, id), IsError(Code::kNotFound, "CONSENT_UNKNOWN"));
  EXPECT_THAT(Confirm(kPolitie, id), IsError(Code::kNotFound, "CONSENT_UNKNOWN"));
  EXPECT_EQ(Outcome(), FieldOutcome::NEEDS_CONSENT);
  EXPECT_THAT(Confirm(kGgz, id), IsOk());
  EXPECT_EQ(Outcome(), FieldOutcome::RELEASE);
}

TEST_F(UseCasesTest, ARefusalOfTheRecipientCountsAtOnce) {
  ASSERT_THAT(world_.Consent(), IsOk());
  policy::v1::Consent refusal = WijkteamsConsent();
  refusal.set_status(policy::v1::Consent::GEWEIGERD);
  const auto recorded = Record(kWijkteam, refusal);
  ASSERT_THAT(recorded, IsOk());
  EXPECT_FALSE(recorded->answer().needs_confirmation());
  EXPECT_EQ(Outcome(), FieldOutcome::REFUSE);
}

TEST_F(UseCasesTest, AConsentThatWasWithdrawnIsNotConfirmedBack) {
  const auto consent = Record(kWijkteam, WijkteamsConsent());
  ASSERT_THAT(consent, IsOk());
  ASSERT_THAT(Withdraw(kWijkteam, consent->answer().consent_id()), IsOk());
  ASSERT_THAT(Confirm(kGgz, consent->answer().consent_id()), IsOk());
  EXPECT_EQ(Outcome(), FieldOutcome::REFUSE);
}

TEST_F(UseCasesTest, AConsentIsRecordedBySourceOrRecipient) {
  policy::v1::Consent consent = WijkteamsConsent();
  EXPECT_THAT(Record(kPolitie, consent), IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  // Another hat of the same partij is somebody else.
  EXPECT_THAT(Record(kRegie, consent), IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
}

TEST_F(UseCasesTest, AConsentNeedsItsParts) {
  const auto bad = [&](auto change, const std::string& field) {
    policy::v1::Consent consent = world_.NewConsent();
    change(consent);
    const auto recorded = Record(kGgz, consent);
    EXPECT_THAT(recorded, IsError(Code::kInvalidArgument, "MALFORMED")) << field;
    EXPECT_EQ(MetadataOf(recorded.status())["field"], field);
  };
  bad([](auto& consent) { consent.clear_way(); }, "consent.way");
  bad([](auto& consent) { consent.clear_evidence(); }, "consent.evidence");
  bad([](auto& consent) { consent.clear_given_by(); }, "consent.given_by");
  bad([](auto& consent) { consent.clear_fields(); }, "consent.fields");
  bad([](auto& consent) { consent.clear_flag(); }, "consent.flag");
  bad([](auto& consent) { consent.set_date("2026-12-01"); }, "consent.date");
  bad([](auto& consent) { consent.set_until("2026-11-01"); }, "consent.until");
  bad([](auto& consent) { consent.set_withdrawn_at("2026-11-01T00:00:00Z"); },
      "consent.withdrawn_at");
  bad([](auto& consent) { consent.set_fields(0, "*"); }, "consent.fields[0]");
  bad([](auto& consent) { consent.mutable_recipient()->set_hat("POLITIE"); },
      "consent.recipient.hat");
}

TEST_F(UseCasesTest, SourceRecipientAndPortalWithdraw) {
  for (const Side side : {kGgz, kWijkteam, kRegie, kPortaal}) {
    const auto consent = world_.Consent();
    ASSERT_THAT(consent, IsOk());
    ASSERT_EQ(Outcome(), FieldOutcome::RELEASE);
    EXPECT_THAT(Withdraw(side, consent->answer().consent_id()), IsOk());
    EXPECT_EQ(Outcome(), FieldOutcome::REFUSE) << side.hat;
  }
}

TEST_F(UseCasesTest, OthersDoNotWithdrawAndLearnNothing) {
  const auto consent = world_.Consent();
  ASSERT_THAT(consent, IsOk());
  const absl::Status others = Withdraw(kPolitie, consent->answer().consent_id());
  EXPECT_THAT(others, IsError(Code::kNotFound, "CONSENT_UNKNOWN"));
  // The same as of one that never was.
  const absl::Status unknown = Withdraw(kPolitie, testing::NewRequestId());
  EXPECT_EQ(others.message(), unknown.message());
  EXPECT_EQ(MetadataOf(others), MetadataOf(unknown));
  EXPECT_EQ(Outcome(), FieldOutcome::RELEASE);
}

TEST_F(UseCasesTest, ZelfregieWithdrawsUnderAMandateOnly) {
  const auto consent = world_.Consent();
  ASSERT_THAT(consent, IsOk());
  const std::string& id = consent->answer().consent_id();
  EXPECT_THAT(Withdraw(kIxta, id), IsError(Code::kNotFound, "CONSENT_UNKNOWN"));
  ASSERT_THAT(Introduce(kRegie, kIxta.partij), IsOk());
  policy::v1::Fact fact;
  auto& mandate = *fact.mutable_mandate();
  mandate.set_person(View(kIxta.partij).person_ids(0));
  Fill(*mandate.mutable_holder(), kIxta);
  mandate.add_fields(std::string(kField));
  mandate.add_given_by()->set_capacity(policy::v1::Capacity::SELF);
  mandate.set_flag(policy::v1::Consent::AVG_GRONDSLAG);
  mandate.set_written(true);
  mandate.set_from("2026-01-01");
  mandate.set_until("2026-11-29");
  ASSERT_THAT(RecordFact(kIxta, fact, false), IsOk());
  // Over since yesterday.
  EXPECT_THAT(Withdraw(kIxta, id), IsError(Code::kNotFound, "CONSENT_UNKNOWN"));
  mandate.set_until("2026-11-30");
  const auto recorded = RecordFact(kIxta, fact, false);
  ASSERT_THAT(recorded, IsOk());
  EXPECT_THAT(Withdraw(kIxta, id), IsOk());
  EXPECT_EQ(Outcome(), FieldOutcome::REFUSE);
}

TEST_F(UseCasesTest, AWithdrawalStaysWhenTheClockIsSetBack) {
  const auto consent = world_.Consent();
  ASSERT_THAT(consent, IsOk());
  ASSERT_EQ(Outcome(), FieldOutcome::RELEASE);
  ASSERT_THAT(Withdraw(kGgz, consent->answer().consent_id()), IsOk());
  ASSERT_THAT(broker_.SetClock(TestNow() - absl::Hours(1)), IsOk());
  EXPECT_EQ(Outcome(), FieldOutcome::REFUSE);
}

// ---- Facts ----

TEST_F(UseCasesTest, AFactIsRecordedByAHatThatIsCompetent) {
  policy::v1::Fact timebox;
  timebox.mutable_timebox()->set_opened_at("2026-11-30T08:00:00Z");
  const auto refused = RecordFact(kRegie, timebox);
  EXPECT_THAT(refused, IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_EQ(MetadataOf(refused.status())["competence"], "timebox");
  EXPECT_THAT(RecordFact(kBurgemeester, timebox), IsOk());
  timebox.mutable_timebox()->set_opened_at("2026-11-30T10:00:00Z");
  EXPECT_THAT(RecordFact(kBurgemeester, timebox), IsError(Code::kInvalidArgument, "MALFORMED"));
}

TEST_F(UseCasesTest, AFactIsAboutItsRecordersOwnSide) {
  policy::v1::Fact fact;
  auto& objection = *fact.mutable_objection();
  Fill(*objection.mutable_source(), kGgz);
  objection.set_reason("GEHEIM");
  objection.set_from("2026-01-01");
  EXPECT_THAT(RecordFact(kWijkteam, fact),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  ASSERT_THAT(world_.Consent(), IsOk());
  EXPECT_EQ(Outcome(), FieldOutcome::RELEASE);
  EXPECT_THAT(RecordFact(kGgz, fact), IsOk());
  EXPECT_EQ(AskedCode(), ReasonCode::SOURCE_OBJECTS);
}

TEST_F(UseCasesTest, OnlyItsRecorderWithdrawsAFact) {
  ASSERT_THAT(world_.Consent(), IsOk());
  const auto objection = world_.Object();
  ASSERT_THAT(objection, IsOk());
  const std::string& id = objection->answer().fact_id();
  EXPECT_EQ(AskedCode(), ReasonCode::SOURCE_OBJECTS);
  EXPECT_THAT(world_.WithdrawFact(kWijkteam, id), IsError(Code::kNotFound, "FACT_UNKNOWN"));
  // A consent is no fact here.
  const auto consent = world_.Consent();
  EXPECT_THAT(world_.WithdrawFact(kGgz, consent->answer().consent_id()),
              IsError(Code::kNotFound, "FACT_UNKNOWN"));
  EXPECT_EQ(AskedCode(), ReasonCode::SOURCE_OBJECTS);
  EXPECT_THAT(world_.WithdrawFact(kGgz, id), IsOk());
  EXPECT_EQ(Outcome(), FieldOutcome::RELEASE);
  EXPECT_THAT(world_.WithdrawFact(kGgz, id), IsError(Code::kNotFound, "FACT_UNKNOWN"));
}

TEST_F(UseCasesTest, AnotherPartijsIdOfAPersonMeansNothing) {
  policy::v1::Consent consent = world_.NewConsent();
  consent.set_person(world_.wijkteam_person());
  const auto others = Record(kGgz, consent);
  EXPECT_THAT(others, IsError(Code::kFailedPrecondition, "NOT_IN_CASUS"));
  consent.set_person(testing::NewRequestId());
  const auto unknown = Record(kGgz, consent);
  EXPECT_EQ(others.status().message(), unknown.status().message());
}

// ---- Casus ----

TEST_F(UseCasesTest, AStrangersCasusIsAsGoodAsUnknown) {
  const std::string unknown_id = testing::NewRequestId();
  EXPECT_EQ(GetCasus(kPolitie.partij, world_.casus_id()), GetCasus(kPolitie.partij, unknown_id));
  EXPECT_THAT(GetCasus(kPolitie.partij, world_.casus_id()),
              IsError(Code::kNotFound, "NOT_IN_CASUS"));
  const auto scale = [&](const std::string& id) {
    v1::ScaleCasusRequest request;
    request.set_casus_id(id);
    request.set_phase("AVE_3L");
    request.set_reason("GEHEIM");
    return world_.Send<v1::ScaleCasusResponse>(kRegieEnschede, "CasusService/ScaleCasus", request)
        .status();
  };
  const absl::Status other = scale(world_.casus_id());
  EXPECT_THAT(other, IsError(Code::kFailedPrecondition, "NOT_IN_CASUS"));
  EXPECT_EQ(other.message(), scale(unknown_id).message());
}

TEST_F(UseCasesTest, ScalingUpIsAtOnceAndDownNeedsAcceptance) {
  EXPECT_THAT(world_.Scale(kWijkteam, "AVE_3L"),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(world_.Scale(kRegie, "AVE_2"), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  const auto up = world_.Scale(kRegie, "AVE_3L");
  ASSERT_THAT(up, IsOk());
  EXPECT_EQ(up->answer().phase(), "AVE_3L");
  EXPECT_EQ(up->answer().proposed_phase(), "");
  EXPECT_EQ(AskedCode(), ReasonCode::WRONG_PHASE);
  const auto accept = [&](Side by, const std::string& phase) {
    v1::AcceptScalingRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_phase(phase);
    return world_.Send<v1::AcceptScalingResponse>(by, "CasusService/AcceptScaling", request);
  };
  EXPECT_THAT(accept(kWijkteam, "AVE_2"), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  const auto down = world_.Scale(kRegie, "AVE_2");
  ASSERT_THAT(down, IsOk());
  EXPECT_EQ(down->answer().phase(), "AVE_3L");
  EXPECT_EQ(down->answer().proposed_phase(), "AVE_2");
  EXPECT_EQ(AskedCode(), ReasonCode::WRONG_PHASE);
  EXPECT_THAT(accept(kRegie, "AVE_2"), IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(accept(kWijkteam, "AVE_1"), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  const auto accepted = accept(kWijkteam, "AVE_2");
  ASSERT_THAT(accepted, IsOk());
  EXPECT_EQ(accepted->answer().phase(), "AVE_2");
  EXPECT_EQ(Outcome(), FieldOutcome::NEEDS_CONSENT);
}

TEST_F(UseCasesTest, AdmittingIsForTheOpenerAndTheRegie) {
  v1::AddDeelnemerRequest request;
  request.set_casus_id(world_.casus_id());
  request.set_tafel(std::string(kTafel));
  Fill(*request.mutable_deelnemer(), kHuisarts);
  request.set_from("2026-11-30");
  EXPECT_THAT(
      world_.Send<v1::AddDeelnemerResponse>(kWijkteam, "CasusService/AddDeelnemer", request),
      IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(world_.Send<v1::AddDeelnemerResponse>(kRegie, "CasusService/AddDeelnemer", request),
              IsOk());
  // A hat without a seat, and one that the partij does not hold.
  Fill(*request.mutable_deelnemer(), kPolitie);
  EXPECT_THAT(world_.Send<v1::AddDeelnemerResponse>(kRegie, "CasusService/AddDeelnemer", request),
              IsError(Code::kFailedPrecondition, "WRONG_TABLE"));
  request.mutable_deelnemer()->set_hat("HUISARTS");
  EXPECT_THAT(world_.Send<v1::AddDeelnemerResponse>(kRegie, "CasusService/AddDeelnemer", request),
              IsError(Code::kInvalidArgument, "MALFORMED"));
  // A tafel that asks placement.
  Fill(*request.mutable_deelnemer(), kPolitie);
  request.set_tafel("T_ZVH_CASUS");
  EXPECT_THAT(
      world_.Send<v1::AddDeelnemerResponse>(kBurgemeester, "CasusService/AddDeelnemer", request),
      IsError(Code::kFailedPrecondition, "CASE_NOT_ADMITTED"));
}

TEST_F(UseCasesTest, PlacingNeedsEveryDomain) {
  const auto place = [&](Side by, const std::string& tafel,
                         const std::vector<std::string>& domains) {
    v1::PlaceOnTafelRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_tafel(tafel);
    for (const std::string& domain : domains) request.add_domains(domain);
    return world_.Send<v1::PlaceOnTafelResponse>(by, "CasusService/PlaceOnTafel", request).status();
  };
  EXPECT_THAT(place(kBurgemeester, "T_ZVH_CASUS", {}),
              IsError(Code::kFailedPrecondition, "CASE_NOT_ADMITTED"));
  EXPECT_THAT(place(kBurgemeester, std::string(kTafel), {}),
              IsError(Code::kFailedPrecondition, "WRONG_TABLE"));
  EXPECT_THAT(place(kRegie, "T_ZVH_CASUS", {"STRAF", "GEMEENTE"}),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(place(kBurgemeester, "T_ZVH_CASUS", {"GEHEIM"}),
              IsError(Code::kInvalidArgument, "MALFORMED"));
  // What was refused left no domain behind.
  EXPECT_THAT(place(kBurgemeester, "T_ZVH_CASUS", {"STRAF"}),
              IsError(Code::kFailedPrecondition, "CASE_NOT_ADMITTED"));
  EXPECT_THAT(place(kBurgemeester, "T_ZVH_CASUS", {"STRAF", "GEMEENTE"}), IsOk());
  // From now on the rule of that regime closes.
  EXPECT_THAT(world_.Close(), IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
}

TEST_F(UseCasesTest, AParticipationCountsOnItsDaysAlone) {
  ASSERT_THAT(world_.Consent(), IsOk());
  ASSERT_THAT(world_.Remove(kWijkteam), IsOk());
  EXPECT_EQ(AskedCode(), ReasonCode::NOT_PARTICIPANT);
  ASSERT_THAT(world_.Admit(kWijkteam, "2026-12-01"), IsOk());
  EXPECT_EQ(AskedCode(), ReasonCode::NOT_PARTICIPANT);
  ASSERT_THAT(world_.Admit(kWijkteam, "2026-11-01", "2026-11-30"), IsOk());
  EXPECT_EQ(Outcome(), FieldOutcome::RELEASE);
  // Midnight in Amsterdam, not in Greenwich.
  const absl::Time midnight =
      absl::FromCivil(absl::CivilSecond(2026, 11, 30, 23, 0, 0), absl::UTCTimeZone());
  ASSERT_THAT(world_.Remove(kWijkteam), IsOk());
  ASSERT_THAT(world_.Admit(kWijkteam, "2026-11-01", "2026-11-30"), IsOk());
  ASSERT_THAT(broker_.SetClock(midnight - absl::Seconds(30)), IsOk());
  EXPECT_EQ(Outcome(), FieldOutcome::RELEASE);
  ASSERT_THAT(broker_.SetClock(midnight), IsOk());
  EXPECT_EQ(AskedCode(), ReasonCode::NOT_PARTICIPANT);
}

TEST_F(UseCasesTest, RemovingIsForOneselfAndWhoAdmits) {
  v1::RemoveDeelnemerRequest request;
  request.set_casus_id(world_.casus_id());
  Fill(*request.mutable_deelnemer(), kWijkteam);
  EXPECT_THAT(
      world_.Send<v1::RemoveDeelnemerResponse>(kGgz, "CasusService/RemoveDeelnemer", request),
      IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  Fill(*request.mutable_deelnemer(), kGgz);
  EXPECT_THAT(
      world_.Send<v1::RemoveDeelnemerResponse>(kGgz, "CasusService/RemoveDeelnemer", request),
      IsOk());
  EXPECT_THAT(world_.Remove(kGgz), IsError(Code::kFailedPrecondition, "NOT_PARTICIPANT"));
  // Whoever left sees nothing any more.
  EXPECT_THAT(GetCasus(kGgz.partij, world_.casus_id()), IsError(Code::kNotFound, "NOT_IN_CASUS"));
}

TEST_F(UseCasesTest, AClosedCasusTakesNothingButWhatRestricts) {
  const auto consent = world_.Consent();
  ASSERT_THAT(consent, IsOk());
  const auto objection = world_.Object();
  ASSERT_THAT(objection, IsOk());
  v1::CloseCasusRequest close;
  close.set_casus_id(world_.casus_id());
  close.set_reason("GEHEIM");
  EXPECT_THAT(world_.Send<v1::CloseCasusResponse>(kWijkteam, "CasusService/CloseCasus", close),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  ASSERT_THAT(world_.Close(), IsOk());
  EXPECT_EQ(AskedCode(), ReasonCode::CASE_CLOSED);
  const auto closed = IsError(Code::kFailedPrecondition, "CASE_CLOSED");
  EXPECT_THAT(world_.Close(), closed);
  EXPECT_THAT(world_.Scale(kRegie, "AVE_3L"), closed);
  EXPECT_THAT(world_.Admit(kHuisarts), closed);
  EXPECT_THAT(AddPerson(kRegie, 5), closed);
  EXPECT_THAT(world_.Object(), closed);
  EXPECT_THAT(Withdraw(kGgz, consent->answer().consent_id()), IsOk());
  EXPECT_THAT(world_.WithdrawFact(kGgz, objection->answer().fact_id()), IsOk());
  EXPECT_THAT(world_.Remove(kWijkteam), IsOk());
}

// ---- Side doors ----

TEST_F(UseCasesTest, EveryPartijHasItsOwnIdOfAPerson) {
  EXPECT_NE(world_.wijkteam_person(), world_.ggz_person());
  v1::IdentifyPersonRequest identify;
  identify.set_bsn(testing::TestBsn(1));
  const auto police =
      world_.Send<v1::IdentifyPersonResponse>(kPolitie, "CasusService/IdentifyPerson", identify);
  ASSERT_THAT(police, IsOk());
  EXPECT_NE(police->answer().person_id(), world_.wijkteam_person());
  EXPECT_NE(police->answer().person_id(), world_.ggz_person());
  // The same again; and somebody whom nobody knows is answered in the same way.
  const auto again =
      world_.Send<v1::IdentifyPersonResponse>(kPolitie, "CasusService/IdentifyPerson", identify);
  EXPECT_EQ(again->answer().person_id(), police->answer().person_id());
  identify.set_bsn(testing::TestBsn(99));
  const auto unknown =
      world_.Send<v1::IdentifyPersonResponse>(kPolitie, "CasusService/IdentifyPerson", identify);
  ASSERT_THAT(unknown, IsOk());
  EXPECT_EQ(unknown->answer().ByteSizeLong(), police->answer().ByteSizeLong());
  EXPECT_NE(unknown->answer().person_id(), police->answer().person_id());
}

TEST_F(UseCasesTest, TheBsnIsForThoseWhoMayUseIt) {
  v1::IdentifyPersonRequest identify;
  identify.set_bsn(testing::TestBsn(1));
  EXPECT_THAT(
      world_.Send<v1::IdentifyPersonResponse>(kIxta, "CasusService/IdentifyPerson", identify),
      IsError(Code::kPermissionDenied, "BSN_NOT_ALLOWED"));
  identify.set_bsn("123456789");
  const auto wrong =
      world_.Send<v1::IdentifyPersonResponse>(kPolitie, "CasusService/IdentifyPerson", identify);
  EXPECT_THAT(wrong, IsError(Code::kInvalidArgument, "BSN_NOT_ALLOWED"));
  EXPECT_EQ(wrong.status().message().find("123456789"), absl::string_view::npos);
}

TEST_F(UseCasesTest, WhoIsToldOfOnePersonSeesThatPersonAlone) {
  ASSERT_THAT(AddPerson(kRegie, 2), IsOk());
  EXPECT_THAT(GetCasus(kHuisarts.partij, world_.casus_id()),
              IsError(Code::kNotFound, "NOT_IN_CASUS"));
  ASSERT_THAT(Introduce(kRegie, kHuisarts.partij), IsOk());
  ASSERT_THAT(Introduce(kRegie, kHuisarts.partij), IsOk());
  EXPECT_EQ(View(kHuisarts.partij).person_ids_size(), 1);
  EXPECT_EQ(View(kHuisarts.partij).own_participations_size(), 0);
  EXPECT_EQ(View(kRegie.partij).person_ids_size(), 2);
  // Nor may it tell others.
  EXPECT_THAT(Introduce(kHuisarts, kPolitie.partij),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
}

TEST_F(UseCasesTest, WhoLeftSeesNobodyWhoCameLater) {
  ASSERT_THAT(world_.Admit(kHuisarts, "2026-11-01", "2026-11-30"), IsOk());
  EXPECT_EQ(View(kHuisarts.partij).person_ids_size(), 1);
  ASSERT_THAT(broker_.SetClock(TestNow() + absl::Hours(24)), IsOk());
  // Known to the practice all the same, by BSN.
  v1::IdentifyPersonRequest identify;
  identify.set_bsn(testing::TestBsn(7));
  ASSERT_THAT(
      world_.Send<v1::IdentifyPersonResponse>(kHuisarts, "CasusService/IdentifyPerson", identify),
      IsOk());
  ASSERT_THAT(AddPerson(kRegie, 7), IsOk());
  EXPECT_EQ(View(kHuisarts.partij).person_ids_size(), 0);
  EXPECT_EQ(View(kGgz.partij).person_ids_size(), 2);
}

TEST_F(UseCasesTest, PagesAreForTheirPartijAlone) {
  SmallWorld second(broker_);
  ASSERT_THAT(second.Build(2), IsOk());
  v1::ListCasussenRequest list;
  list.set_page_size(1);
  const auto method = "/sluis.v1.CasusService/ListCasussen";
  const auto first = broker_.Send<v1::ListCasussenResponse>(kGgz.partij, method, list);
  ASSERT_THAT(first, IsOk());
  ASSERT_EQ(first->casussen_size(), 1);
  EXPECT_EQ(first->casussen(0).casus_id(), second.casus_id());
  ASSERT_FALSE(first->next_page_token().empty());
  list.set_page_token(first->next_page_token());
  EXPECT_THAT(broker_.Send<v1::ListCasussenResponse>(kWijkteam.partij, method, list),
              IsError(Code::kInvalidArgument, "MALFORMED"));
  const auto last = broker_.Send<v1::ListCasussenResponse>(kGgz.partij, method, list);
  ASSERT_THAT(last, IsOk());
  ASSERT_EQ(last->casussen_size(), 1);
  EXPECT_EQ(last->casussen(0).casus_id(), world_.casus_id());
  EXPECT_EQ(last->next_page_token(), "");
}

// ---- Deposits ----

TEST_F(UseCasesTest, ADepositIsForTheHatThatOwnsTheField) {
  v1::DepositFieldRequest deposit = world_.NewDeposit();
  deposit.set_person_id(world_.wijkteam_person());
  EXPECT_THAT(
      world_.Send<v1::DepositFieldResponse>(kWijkteam, "FieldService/DepositField", deposit),
      IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
}

TEST_F(UseCasesTest, WhatIsNeverExchangedIsNotKept) {
  const auto policy = testing::ReferencePolicy();
  int barred = 0;
  for (const auto& field : policy->convenant().fields()) {
    if (!policy->BarredFor(*policy->FindField(field.name()))) continue;
    ++barred;
    for (const Side side : {kGgz, kPolitie, kHuisarts}) {
      if (!policy->Owns(*policy->FindHat(side.hat), *policy->FindField(field.name()))) continue;
      v1::DepositFieldRequest deposit = world_.NewDeposit();
      deposit.set_field(field.name());
      const auto kept =
          world_.Send<v1::DepositFieldResponse>(side, "FieldService/DepositField", deposit);
      EXPECT_EQ(kept.status().code(), Code::kFailedPrecondition) << field.name();
    }
  }
  EXPECT_GE(barred, 4);
}

TEST_F(UseCasesTest, ADepositNeedsItsParts) {
  const auto bad = [&](auto change, const std::string& field) {
    v1::DepositFieldRequest deposit = world_.NewDeposit();
    change(deposit);
    const auto kept =
        world_.Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", deposit);
    EXPECT_THAT(kept, IsError(Code::kInvalidArgument, "MALFORMED")) << field;
    EXPECT_EQ(MetadataOf(kept.status())["field"], field);
    EXPECT_EQ(kept.status().message().find("GEHEIM"), absl::string_view::npos);
  };
  bad([](auto& deposit) { deposit.clear_deposit_end(); }, "deposit_end");
  bad([](auto& deposit) { deposit.set_deposit_end("2026-11-29"); }, "deposit_end");
  bad([](auto& deposit) { deposit.clear_first_processed(); }, "first_processed");
  bad([](auto& deposit) { deposit.set_first_processed("2026-12-01"); }, "first_processed");
  bad([](auto& deposit) { deposit.mutable_content()->clear_value(); }, "content.value");
  bad([](auto& deposit) { deposit.mutable_content()->set_value_date("2026-12-01"); },
      "content.value_date");
  bad([](auto& deposit) { deposit.mutable_content()->mutable_value()->set_integer(1); },
      "content.value");
  bad([&](auto& deposit) { deposit.set_casus_id(world_.casus_id()); }, "casus_id");
  bad([](auto& deposit) { deposit.clear_person_id(); }, "person_id");
  bad([](auto& deposit) { deposit.set_min_cell(5); }, "form");
  bad([](auto& deposit) { deposit.set_field("GEHEIM"); }, "field");
}

TEST_F(UseCasesTest, PoliceDataKeepTheirLabels) {
  ASSERT_THAT(Introduce(kRegie, kPolitie.partij), IsOk());
  v1::DepositFieldRequest deposit = world_.NewDeposit();
  deposit.set_person_id(View(kPolitie.partij).person_ids(0));
  deposit.set_field("voornamen");
  const auto& convenant = testing::ReferenceConvenant().message();
  for (const auto& field : convenant.fields()) {
    if (field.name() == "voornamen")
      *deposit.mutable_content()->mutable_value() = testing::SampleValue(field);
  }
  const auto kept =
      world_.Send<v1::DepositFieldResponse>(kPolitie, "FieldService/DepositField", deposit);
  EXPECT_THAT(kept, IsError(Code::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(MetadataOf(kept.status())["field"], "content.labels");
  deposit.mutable_content()->mutable_labels()->set_nature(v1::PoliceLabels::FACT);
  deposit.mutable_content()->mutable_labels()->set_subject(v1::PoliceLabels::NONE);
  EXPECT_THAT(world_.Send<v1::DepositFieldResponse>(kPolitie, "FieldService/DepositField", deposit),
              IsOk());
}

TEST_F(UseCasesTest, AValueIsReplacedCorrectedAndWithdrawn) {
  ASSERT_THAT(world_.Consent(), IsOk());
  const auto delivered = [&]() -> std::string {
    const auto response = world_.Ask();
    EXPECT_THAT(response, IsOk());
    if (response->values_size() == 0)
      return v1::ValueState_Name(response->answer().fields(0).value_state());
    return response->values(0).content().value().text();
  };
  v1::DepositFieldRequest deposit = world_.NewDeposit();
  deposit.mutable_content()->mutable_value()->set_text("GEHEIM twee");
  const auto second =
      world_.Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", deposit);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(delivered(), "GEHEIM twee");
  const std::string& id = second->answer().deposit_id();

  v1::CorrectFieldRequest correct;
  correct.set_deposit_id(id);
  *correct.mutable_content() = deposit.content();
  correct.mutable_content()->mutable_value()->set_text("GEHEIM drie");
  EXPECT_THAT(
      world_.Send<v1::CorrectFieldResponse>(kWijkteam, "FieldService/CorrectField", correct),
      IsError(Code::kNotFound, "DEPOSIT_UNKNOWN"));
  EXPECT_EQ(delivered(), "GEHEIM twee");
  EXPECT_THAT(world_.Send<v1::CorrectFieldResponse>(kGgz, "FieldService/CorrectField", correct),
              IsOk());
  EXPECT_EQ(delivered(), "GEHEIM drie");

  v1::WithdrawFieldRequest withdraw;
  withdraw.set_deposit_id(id);
  EXPECT_THAT(
      world_.Send<v1::WithdrawFieldResponse>(kWijkteam, "FieldService/WithdrawField", withdraw),
      IsError(Code::kNotFound, "DEPOSIT_UNKNOWN"));
  EXPECT_THAT(world_.Send<v1::WithdrawFieldResponse>(kGgz, "FieldService/WithdrawField", withdraw),
              IsOk());
  EXPECT_EQ(delivered(), "VALUE_STATE_NONE_HELD");
}

// ---- Repeats ----

TEST_F(UseCasesTest, ARepeatedCommandChangesNothingAndAnswersTheSame) {
  v1::RecordConsentRequest request;
  request.set_request_id(testing::NewRequestId());
  *request.mutable_consent() = world_.NewConsent();
  const std::string method = "ConsentService/RecordConsent";
  const auto first = world_.Send<v1::RecordConsentResponse>(kGgz, method, request);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(Withdraw(kGgz, first->answer().consent_id()), IsOk());
  const auto again = world_.Send<v1::RecordConsentResponse>(kGgz, method, request);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->answer().SerializeAsString(), first->answer().SerializeAsString());
  EXPECT_GT(again->receipts(0).index(), first->receipts(0).index());
  EXPECT_EQ(Outcome(), FieldOutcome::REFUSE);
  // Other content under the same id; and the same id of another partij.
  request.mutable_consent()->set_evidence("dossier 8");
  const auto other = world_.Send<v1::RecordConsentResponse>(kGgz, method, request);
  EXPECT_THAT(other, IsError(Code::kAlreadyExists, "MALFORMED"));
  EXPECT_EQ(MetadataOf(other.status())["field"], "request_id");
  *request.mutable_consent() = WijkteamsConsent();
  EXPECT_THAT(world_.Send<v1::RecordConsentResponse>(kWijkteam, method, request), IsOk());
}

TEST_F(UseCasesTest, ARefusedCommandMayBeTriedAgain) {
  v1::ScaleCasusRequest request;
  request.set_request_id(testing::NewRequestId());
  request.set_casus_id(world_.casus_id());
  request.set_phase("AVE_2");
  request.set_reason("GEHEIM");
  const std::string method = "CasusService/ScaleCasus";
  EXPECT_THAT(world_.Send<v1::ScaleCasusResponse>(kWijkteam, method, request),
              IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  ASSERT_THAT(world_.Scale(kWijkteam, "AVE_1"), IsOk());
  EXPECT_THAT(world_.Send<v1::ScaleCasusResponse>(kWijkteam, method, request), IsOk());
}

TEST_F(UseCasesTest, ARepeatedQuestionIsDecidedAnew) {
  const auto consent = world_.Consent();
  ASSERT_THAT(consent, IsOk());
  v1::RequestFieldsRequest request = world_.Question();
  request.set_request_id(testing::NewRequestId());
  const std::string method = "SharingService/RequestFields";
  const auto first = world_.Send<v1::RequestFieldsResponse>(kWijkteam, method, request);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->values_size(), 1);
  EXPECT_FALSE(first->has_earlier());
  const auto second = world_.Send<v1::RequestFieldsResponse>(kWijkteam, method, request);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->values_size(), 1);
  EXPECT_EQ(second->earlier().answer().SerializeAsString(), first->answer().SerializeAsString());
  EXPECT_EQ(second->earlier().receipt().leaf(), first->receipts(0).leaf());
  // After a withdrawal the first answer is told again, its value is not.
  ASSERT_THAT(Withdraw(kGgz, consent->answer().consent_id()), IsOk());
  const auto third = world_.Send<v1::RequestFieldsResponse>(kWijkteam, method, request);
  ASSERT_THAT(third, IsOk());
  EXPECT_EQ(OutcomeOf(*third), FieldOutcome::REFUSE);
  EXPECT_EQ(third->earlier().answer().fields(0).outcome(), FieldOutcome::RELEASE);
  EXPECT_EQ(third->values_size(), 0);
}

TEST_F(UseCasesTest, WhatWasRefusedFirstIsNotDeliveredByARepeat) {
  v1::RequestFieldsRequest request = world_.Question();
  request.set_request_id(testing::NewRequestId());
  const std::string method = "SharingService/RequestFields";
  const auto first = world_.Send<v1::RequestFieldsResponse>(kWijkteam, method, request);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(OutcomeOf(*first), FieldOutcome::NEEDS_CONSENT);
  ASSERT_THAT(world_.Consent(), IsOk());
  const auto second = world_.Send<v1::RequestFieldsResponse>(kWijkteam, method, request);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(OutcomeOf(*second), FieldOutcome::RELEASE);
  EXPECT_EQ(second->values_size(), 0);
}

TEST_F(UseCasesTest, ADryRunOpensNothing) {
  ASSERT_THAT(world_.Consent(), IsOk());
  v1::RequestFieldsRequest request = world_.Question();
  request.set_validate_only(true);
  const auto response =
      world_.Send<v1::RequestFieldsResponse>(kWijkteam, "SharingService/RequestFields", request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(OutcomeOf(*response), FieldOutcome::RELEASE);
  EXPECT_EQ(response->values_size(), 0);
  EXPECT_EQ(response->answer().fields(0).value_state(), v1::VALUE_STATE_UNSPECIFIED);
  EXPECT_EQ(response->answer().fields(0).value_commitment(), "");
}

// Somebody who is not known, and somebody who is known but not in this casus, are answered alike.
TEST_F(UseCasesTest, APersonOutsideTheCasusIsLikeOneWhomNobodyKnows) {
  SmallWorld second(broker_);
  ASSERT_THAT(second.Build(2), IsOk());
  ASSERT_THAT(second.Consent(), IsOk());
  const auto ask = [&](const std::string& person) {
    v1::RequestFieldsRequest request = world_.Question();
    request.set_person_id(person);
    auto response =
        world_.Send<v1::RequestFieldsResponse>(kWijkteam, "SharingService/RequestFields", request);
    EXPECT_THAT(response, IsOk());
    return response->answer().SerializeAsString();
  };
  const std::string outside = ask(second.wijkteam_person());
  EXPECT_EQ(outside, ask(testing::NewRequestId()));
  EXPECT_EQ(outside, ask(world_.ggz_person()));
  v1::RequestFieldsAnswer answer;
  ASSERT_TRUE(answer.ParseFromString(outside));
  EXPECT_EQ(answer.fields(0).code(), ReasonCode::NOT_IN_CASUS);
}

}  // namespace
}  // namespace sluis::broker
