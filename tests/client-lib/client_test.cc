// Every call of the client, against a real broker in this process.

#include "sluis/client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_transport.h"
#include "small_world.h"

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/test_broker.h"
#include "sluis/testing/world.h"

namespace sluis::client {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::sluis::testing::TempDir;
using ::sluis::testing::TestBroker;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

CivilDate Day(std::string_view text) { return CivilDate::Parse(text).value_or(CivilDate()); }

Context As(std::string_view hat) {
  Context context;
  context.acting_hat = hat;
  context.professional = "actor";
  return context;
}

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(broker_.SetClock(broker::TestNow()), IsOk());
    ASSERT_THAT(broker::SmallWorld(broker_).PutActors(), IsOk());
  }

  static Client Make(Wire& wire) {
    auto client =
        MakeClient(wire, {std::string(testing::kTestOrigin), broker::TestLogKey().verifier()});
    EXPECT_THAT(client.status(), IsOk());
    return *std::move(client);
  }

  OpenCasusRequest NewCasus() {
    OpenCasusRequest request;
    request.tafel = broker::kTafel;
    request.phase = "AVE_2";
    request.municipality = "Almelo";
    request.domains = {"ZORG"};
    request.first_processed = Day("2026-01-05");
    return request;
  }

  // A casus of Almelo with Gerda, in which Almelo and Mediant take part.
  void OpenCasus() {
    const auto opened = almelo_.OpenCasus(As("GEM_PROCESREGIE"), NewCasus());
    ASSERT_THAT(opened.status(), IsOk());
    casus_ = opened->casus_id;
    AddPersonRequest person;
    person.casus_id = casus_;
    person.bsn = testing::TestBsn(1);
    person.bsn_verified = true;
    person.elements = IdentifyingElements{"Voorbeeld", "Gerda", Day("1981-07-02"), "7601AB", "1"};
    person.role = "BETROKKENE";
    const auto added = almelo_.AddPerson(As("GEM_PROCESREGIE"), person);
    ASSERT_THAT(added.status(), IsOk());
    almelo_person_ = added->person_id;
    for (const PartijHat& who :
         {PartijHat{"P_ALMELO", "GEM_COLLEGE_WMO"}, PartijHat{"P_MEDIANT", "GGZ"}}) {
      AddDeelnemerRequest deelnemer;
      deelnemer.casus_id = casus_;
      deelnemer.tafel = broker::kTafel;
      deelnemer.deelnemer = who;
      deelnemer.from = Day("2026-01-05");
      ASSERT_THAT(almelo_.AddDeelnemer(As("GEM_PROCESREGIE"), deelnemer).status(), IsOk());
    }
    const auto seen = mediant_.GetCasus(casus_);
    ASSERT_THAT(seen.status(), IsOk());
    ASSERT_THAT(seen->person_ids, SizeIs(1));
    mediant_person_ = seen->person_ids[0];
  }

  DepositFieldRequest NewDeposit() {
    DepositFieldRequest request;
    request.person_id = mediant_person_;
    request.field = broker::kField;
    request.content.value = Value{Text{"eerste"}};
    request.content.value_date = Day("2026-10-01");
    request.first_processed = Day("2026-10-01");
    request.deposit_end = Day("2099-12-31");
    return request;
  }

  Consent NewConsent() {
    Consent consent;
    consent.person_id = mediant_person_;
    consent.given_by = {{"SELF", "Gerda Voorbeeld"}};
    consent.source = {"P_MEDIANT", "GGZ"};
    consent.recipient = {"P_ALMELO", "GEM_COLLEGE_WMO"};
    consent.fields = {std::string(broker::kField)};
    consent.purpose = "D02";
    consent.status = "GEGEVEN_UITDRUKKELIJK";
    consent.flag = "DOORBREKING_GEHEIM";
    consent.date = Day("2026-11-29");
    consent.from = Day("2026-11-29");
    consent.until = Day("2027-05-01");
    consent.way = "schriftelijk";
    consent.evidence = "dossier 2";
    return consent;
  }

  RequestFieldsRequest Question() {
    RequestFieldsRequest request;
    request.casus_id = casus_;
    request.tafel = broker::kTafel;
    request.source = {"P_MEDIANT", "GGZ"};
    request.purpose = "D02";
    request.person_id = almelo_person_;
    request.fields = {{std::string(broker::kField), "nodig voor deze vraag"}};
    return request;
  }
  FieldAnswer Ask() {
    const auto answer = almelo_.RequestFields(As("GEM_COLLEGE_WMO"), Question());
    EXPECT_THAT(answer.status(), IsOk());
    return answer.ok() ? answer->decision.fields.at(0) : FieldAnswer();
  }

  const TempDir directory_;
  TestBroker broker_{directory_.path(), testing::ReferencePolicy(), broker::TestNow()};
  Wire almelo_wire_{broker_, "P_ALMELO"};
  Wire mediant_wire_{broker_, "P_MEDIANT"};
  Client almelo_ = Make(almelo_wire_);
  Client mediant_ = Make(mediant_wire_);
  std::string casus_;
  std::string almelo_person_;
  std::string mediant_person_;
};

TEST_F(ClientTest, ACasusFromOpenToClosed) {
  ASSERT_NO_FATAL_FAILURE(OpenCasus());
  const auto view = almelo_.GetCasus(casus_);
  ASSERT_THAT(view.status(), IsOk());
  EXPECT_EQ(view->status, "OPEN");
  EXPECT_TRUE(view->opened_by_caller);
  EXPECT_THAT(view->person_ids, ElementsAre(almelo_person_));
  ASSERT_THAT(view->own_participations, Not(IsEmpty()));
  EXPECT_EQ(view->own_participations[0].from, Day("2026-01-05"));
  EXPECT_NE(almelo_person_, mediant_person_);

  Page page;
  page.size = 1;
  const auto casussen = mediant_.ListCasussen(page);
  ASSERT_THAT(casussen.status(), IsOk());
  EXPECT_THAT(casussen->casussen, ElementsAre(Field(&CasusView::casus_id, casus_)));

  const auto known = almelo_.IdentifyPerson(As("GEM_COLLEGE_WMO"), {testing::TestBsn(1)});
  ASSERT_THAT(known.status(), IsOk());
  EXPECT_EQ(known->person_id, almelo_person_);
  EXPECT_THAT(almelo_.IntroducePerson(As("GEM_PROCESREGIE"), {casus_, almelo_person_, "P_MEDIANT"})
                  .status(),
              IsOk());

  const auto scaled = almelo_.ScaleCasus(As("GEM_PROCESREGIE"), {casus_, "AVE_3", "reden"});
  if (scaled.ok()) {
    EXPECT_TRUE(scaled->phase == "AVE_3" || scaled->proposed_phase == "AVE_3");
  } else {
    EXPECT_THAT(ReasonOf(scaled.status()), Not(IsEmpty()));
  }

  RemoveDeelnemerRequest remove;
  remove.casus_id = casus_;
  remove.deelnemer = {"P_MEDIANT", "GGZ"};
  EXPECT_THAT(mediant_.RemoveDeelnemer(As("GGZ"), remove).status(), IsOk());
  EXPECT_THAT(almelo_.CloseCasus(As("GEM_PROCESREGIE"), {casus_, "klaar"}).status(), IsOk());
  const auto closed = almelo_.GetCasus(casus_);
  ASSERT_THAT(closed.status(), IsOk());
  EXPECT_EQ(closed->status, "CLOSED");
}

TEST_F(ClientTest, ConsentOpensAndClosesAField) {
  ASSERT_NO_FATAL_FAILURE(OpenCasus());
  const FieldAnswer unknown = Ask();
  const auto deposit = mediant_.DepositField(As("GGZ"), NewDeposit());
  ASSERT_THAT(deposit.status(), IsOk());
  FieldAnswer answer = Ask();
  EXPECT_EQ(answer.outcome, unknown.outcome) << "whether anything is held does not show";
  EXPECT_EQ(answer.outcome, Outcome::kNeedsConsent);
  EXPECT_THAT(answer.missing, Contains("TOESTEMMING_UITDRUKKELIJK"));

  const auto consent = mediant_.RecordConsent(As("GGZ"), {NewConsent()});
  ASSERT_THAT(consent.status(), IsOk());
  EXPECT_FALSE(consent->needs_confirmation);
  answer = Ask();
  EXPECT_EQ(answer.outcome, Outcome::kRelease);
  ASSERT_TRUE(answer.value.has_value());
  EXPECT_EQ(answer.value->value, Value{Text{"eerste"}});
  EXPECT_EQ(answer.value->value_date, Day("2026-10-01"));

  ValueContent corrected = NewDeposit().content;
  corrected.value = Value{Text{"tweede"}};
  EXPECT_THAT(mediant_.CorrectField(As("GGZ"), {deposit->deposit_id, corrected}).status(), IsOk());
  EXPECT_EQ(Ask().value->value, Value{Text{"tweede"}});

  RecordFactRequest objection;
  objection.casus_id = casus_;
  objection.fact_json = "{\"objection\":{\"person\":\"" + mediant_person_ +
                        "\",\"reason\":\"zwaarwegend\",\"from\":\"2026-01-01\"}}";
  objection.reference = "dossier 3";
  const auto fact = mediant_.RecordFact(As("GGZ"), objection);
  ASSERT_THAT(fact.status(), IsOk());
  EXPECT_NE(Ask().outcome, Outcome::kRelease);
  EXPECT_THAT(mediant_.WithdrawFact(As("GGZ"), {fact->fact_id}).status(), IsOk());
  EXPECT_EQ(Ask().outcome, Outcome::kRelease);

  EXPECT_THAT(mediant_.WithdrawField(As("GGZ"), {deposit->deposit_id}).status(), IsOk());
  answer = Ask();
  EXPECT_TRUE(answer.none_held);
  EXPECT_FALSE(answer.value.has_value());

  EXPECT_THAT(mediant_.WithdrawConsent(As("GGZ"), {consent->consent_id}).status(), IsOk());
  EXPECT_NE(Ask().outcome, Outcome::kRelease);
}

TEST_F(ClientTest, ThePersonConcerned) {
  ASSERT_NO_FATAL_FAILURE(OpenCasus());
  ASSERT_THAT(mediant_.DepositField(As("GGZ"), NewDeposit()).status(), IsOk());
  const auto consent = mediant_.RecordConsent(As("GGZ"), {NewConsent()});
  ASSERT_THAT(consent.status(), IsOk());
  ASSERT_EQ(Ask().outcome, Outcome::kRelease);
  const auto withdrawn = mediant_.WithdrawConsent(As("GGZ"), {consent->consent_id});
  ASSERT_THAT(withdrawn.status(), IsOk());
  ASSERT_EQ(withdrawn->earlier.size(), 1U);
  EXPECT_EQ(withdrawn->earlier[0].recipient.partij, "P_ALMELO");
  EXPECT_FALSE(withdrawn->more);

  RecordInformedRequest informed;
  informed.casus_id = casus_;
  informed.person_id = mediant_person_;
  informed.date = Day("2026-10-01");
  informed.reference = "dossier 4";
  const auto recorded = mediant_.RecordInformed(As("GGZ"), informed);
  ASSERT_THAT(recorded.status(), IsOk());
  EXPECT_FALSE(recorded->fact_id.empty());
  EXPECT_FALSE(recorded->duty_done);
  const auto duties = mediant_.ListDuties();
  ASSERT_THAT(duties.status(), IsOk());
  EXPECT_TRUE(duties->duties.empty());

  PostponeInformingRequest postpone;
  postpone.casus_id = casus_;
  postpone.person_id = mediant_person_;
  postpone.ground = "veiligheid";
  postpone.owner = "iemand";
  postpone.review_date = Day("2099-01-01");
  postpone.reference = "dossier 4";
  EXPECT_EQ(ReasonOf(mediant_.PostponeInforming(As("GGZ"), postpone).status()), "DUTY_UNKNOWN");
  InzageReportRequest report;
  report.person_id = mediant_person_;
  report.rights_role = RightsRole::kSelf;
  report.identity_established = true;
  EXPECT_EQ(ReasonOf(mediant_.GetInzageReport(As("GGZ"), report).status()),
            "NOT_AUTHORISED_PERSON");
  AskCorrectionRequest ask;
  ask.casus_id = casus_;
  ask.person_id = mediant_person_;
  ask.source = {"P_MEDIANT", "GGZ"};
  ask.field = "signaleringsplan_bejegening";
  ask.text = "het is anders";
  EXPECT_EQ(ReasonOf(mediant_.AskCorrection(As("GGZ"), ask).status()), "NOT_AUTHORISED_PERSON");
  AnswerCorrectionRequest answer{casus_, "REFUSED", "nee", 0};
  EXPECT_EQ(ReasonOf(mediant_.AnswerCorrection(As("GGZ"), answer).status()), "CORRECTION_UNKNOWN");
  answer.outcome = "MISSCHIEN";
  EXPECT_EQ(ReasonOf(mediant_.AnswerCorrection(As("GGZ"), answer).status()), "MALFORMED");
  EXPECT_EQ(ReasonOf(mediant_.GetCorrection(As("GGZ"), casus_).status()), "CORRECTION_UNKNOWN");
  EXPECT_EQ(ReasonOf(mediant_.ListReviews(As("GGZ"), {}).status()), "NOT_AUTHORISED_PERSON");
  EXPECT_EQ(ReasonOf(mediant_.CloseReview(As("GGZ"), {casus_, "LAWFUL", "terecht"}).status()),
            "NOT_AUTHORISED_PERSON");
  EXPECT_EQ(
      ReasonOf(mediant_.ApproveEmergency(As("GGZ"), {casus_, mediant_person_, recorded->fact_id})
                   .status()),
      "FACT_UNKNOWN");
}

TEST_F(ClientTest, AConsentOfTheRecipientWaitsForTheSource) {
  ASSERT_NO_FATAL_FAILURE(OpenCasus());
  ASSERT_THAT(mediant_.DepositField(As("GGZ"), NewDeposit()).status(), IsOk());
  Consent consent = NewConsent();
  consent.person_id = almelo_person_;
  const auto recorded = almelo_.RecordConsent(As("GEM_COLLEGE_WMO"), {consent});
  ASSERT_THAT(recorded.status(), IsOk());
  EXPECT_TRUE(recorded->needs_confirmation);
  EXPECT_NE(Ask().outcome, Outcome::kRelease);
  ASSERT_THAT(mediant_.ConfirmConsent(As("GGZ"), {recorded->consent_id}).status(), IsOk());
  EXPECT_EQ(Ask().outcome, Outcome::kRelease);
}

TEST_F(ClientTest, ADryRunDeliversNothing) {
  ASSERT_NO_FATAL_FAILURE(OpenCasus());
  ASSERT_THAT(mediant_.DepositField(As("GGZ"), NewDeposit()).status(), IsOk());
  ASSERT_THAT(mediant_.RecordConsent(As("GGZ"), {NewConsent()}).status(), IsOk());
  RequestFieldsRequest question = Question();
  question.validate_only = true;
  const auto answer = almelo_.RequestFields(As("GEM_COLLEGE_WMO"), question);
  ASSERT_THAT(answer.status(), IsOk());
  EXPECT_TRUE(answer->decision.validate_only);
  EXPECT_EQ(answer->decision.fields[0].outcome, Outcome::kRelease);
  EXPECT_FALSE(answer->decision.fields[0].value.has_value());
  EXPECT_FALSE(answer->decision.fields[0].none_held);
}

TEST_F(ClientTest, ProfessionalsArePutAndListed) {
  PutProfessionalRequest request;
  request.professional = "arts-1";
  request.hats = {"GGZ"};
  request.functions = {"GENEESHEER_DIRECTEUR"};
  request.active = true;
  ASSERT_THAT(mediant_.PutProfessional({}, request).status(), IsOk());
  const auto page = mediant_.ListProfessionals();
  ASSERT_THAT(page.status(), IsOk());
  ASSERT_THAT(page->professionals, Contains(Field(&Professional::id, "arts-1")));
  for (const Professional& professional : page->professionals) {
    if (professional.id != "arts-1") continue;
    EXPECT_THAT(professional.functions, ElementsAre("GENEESHEER_DIRECTEUR"));
    EXPECT_TRUE(professional.active);
  }
}

TEST_F(ClientTest, NamesThatTheContractDoesNotHaveAreSeenHere) {
  const auto field_of = [](const absl::Status& status) {
    EXPECT_THAT(status, IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"));
    return MetadataOf(status)["field"];
  };
  almelo_wire_.methods.clear();
  AddPersonRequest person;
  person.role = "TANTE";
  EXPECT_EQ(field_of(almelo_.AddPerson(As("GEM_PROCESREGIE"), person).status()), "role");
  Consent consent = NewConsent();
  consent.given_by = {{"TANTE", ""}};
  EXPECT_EQ(field_of(almelo_.RecordConsent(As("GGZ"), {consent}).status()),
            "consent.given_by[0].capacity");
  consent = NewConsent();
  consent.status = "MISSCHIEN";
  EXPECT_EQ(field_of(almelo_.RecordConsent(As("GGZ"), {consent}).status()), "consent.status");
  RecordFactRequest fact;
  fact.fact_json = R"({"ots":{"tante":1}})";
  EXPECT_EQ(field_of(almelo_.RecordFact(As("GGZ"), fact).status()), "fact.ots.tante");
  DepositFieldRequest deposit = NewDeposit();
  deposit.content.labels = PoliceLabels{"FACT", "TANTE"};
  EXPECT_EQ(field_of(almelo_.DepositField(As("POLITIE"), deposit).status()),
            "content.labels.subject");
  EXPECT_THAT(almelo_wire_.methods, IsEmpty());
}

TEST_F(ClientTest, TheBrokersErrorsTravelUnchanged) {
  ASSERT_NO_FATAL_FAILURE(OpenCasus());
  EXPECT_THAT(almelo_.OpenCasus(As("GGZ"), NewCasus()).status(),
              IsError(absl::StatusCode::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(
      ReasonOf(almelo_.PlaceOnTafel(As("GEM_PROCESREGIE"), {casus_, "T_GEEN", {}}).status()),
      "MALFORMED");
  EXPECT_THAT(ReasonOf(almelo_.AcceptScaling(As("GEM_PROCESREGIE"), {casus_, "AVE_4"}).status()),
              Not(IsEmpty()));
  EXPECT_THAT(ReasonOf(almelo_.GetCasus(testing::NewRequestId()).status()), "NOT_IN_CASUS");
}

TEST_F(ClientTest, TheLogIsReadForAPurpose) {
  ASSERT_NO_FATAL_FAILURE(OpenCasus());
  SearchEventsRequest search;
  EXPECT_FALSE(almelo_.SearchEvents(As("GEM_PROCESREGIE"), search).ok());
  search.usage_purpose = UsagePurpose::kInternalControl;
  search.casus_id = casus_;
  search.from = broker::TestNow() - absl::Hours(1);
  const auto found = almelo_.SearchEvents(As("GEM_PROCESREGIE"), search);
  ASSERT_THAT(found.status(), IsOk());
  ASSERT_THAT(found->events, Not(IsEmpty()));
  EXPECT_EQ(found->events[0].kind, "CASUS_OPENED");
  EXPECT_EQ(found->events[0].caller, "P_ALMELO");
  EXPECT_THAT(found->proof.entries, SizeIs(1));

  ReadEntriesRequest read;
  read.usage_purpose = UsagePurpose::kLawfulnessControl;
  EXPECT_THAT(ReasonOf(almelo_.ReadEntries(As("GEM_PROCESREGIE"), read).status()),
              "NOT_AUTHORISED_PERSON");
}

TEST_F(ClientTest, CheckpointsAndProofsOfTheLog) {
  ASSERT_NO_FATAL_FAILURE(OpenCasus());
  const auto checkpoint = almelo_.GetCheckpoint();
  ASSERT_THAT(checkpoint.status(), IsOk());
  EXPECT_EQ(checkpoint->log_key, almelo_.log_key());
  EXPECT_EQ(almelo_.log_origin(), testing::kTestOrigin);

  InclusionProofRequest by_index;
  by_index.index = 2;
  const auto proof = almelo_.GetInclusionProof(by_index);
  ASSERT_THAT(proof.status(), IsOk());
  EXPECT_TRUE(proof->verified);
  EXPECT_EQ(proof->index, 2U);
  by_index.tree_size = 3;
  const auto older = almelo_.GetInclusionProof(by_index);
  ASSERT_THAT(older.status(), IsOk());
  EXPECT_FALSE(older->verified);
  EXPECT_THAT(almelo_.GetInclusionProof({}).status(),
              IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"));

  const auto consistency = almelo_.GetConsistencyProof(3, checkpoint->head.size);
  ASSERT_THAT(consistency.status(), IsOk());
  EXPECT_EQ(consistency->new_size, checkpoint->head.size);
  EXPECT_THAT(consistency->hashes, Not(IsEmpty()));
}

TEST_F(ClientTest, AMovedClientGoesOn) {
  Client other = std::move(almelo_);
  EXPECT_THAT(other.OpenCasus(As("GEM_PROCESREGIE"), NewCasus()).status(), IsOk());
  almelo_ = std::move(other);
  EXPECT_THAT(almelo_.OpenCasus(As("GEM_PROCESREGIE"), NewCasus()).status(), IsOk());
}

}  // namespace
}  // namespace sluis::client
