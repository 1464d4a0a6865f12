// Requests that wait for a decision: how they come into the inbox, what a professional decides, and
// what the asker gets.

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "notice_reader.h"
#include "small_world.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"
#include "sluis/v1/decision.pb.h"
#include "sluis/v1/professional.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::FieldOutcome;
using policy::v1::ProfessionalDecision;
using policy::v1::ReasonCode;
using policy::v1::SourceCondition;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using v1::DecisionState;
using Code = absl::StatusCode;

// What a care provider gives the college under Wmo 5.2.5 asks consent and a selection by one of its
// professionals (M51B).
constexpr std::string_view kChannel = "K_WMO_525";
constexpr std::string_view kOther = "crisisafspraken_24_7";
constexpr std::string_view kThird = "hulpverlening_doel_en_frequentie";
// Of which nobody is told whether it exists.
constexpr std::string_view kHidden = "behandelaar_contact";
constexpr Side kPolitie{"P_POLITIE_ON", "POLITIE"};

class DecisionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(world_.PutActors({"P_POLITIE_ON", "P_TRANSFORE"}), IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
    ASSERT_THAT(Deposit(kOther), IsOk());
    policy::v1::Consent consent = world_.NewConsent();
    consent.add_fields(std::string(kOther));
    consent.add_fields(std::string(kThird));
    v1::RecordConsentRequest request;
    *request.mutable_consent() = consent;
    ASSERT_THAT(
        world_.Send<v1::RecordConsentResponse>(kGgz, "ConsentService/RecordConsent", request),
        IsOk());
  }

  absl::Status Deposit(std::string_view field) {
    v1::DepositFieldRequest deposit = world_.NewDeposit();
    deposit.set_field(std::string(field));
    for (const auto& each : testing::ReferenceConvenant().message().fields()) {
      if (each.name() == field)
        *deposit.mutable_content()->mutable_value() = testing::SampleValue(each);
    }
    return world_.Send<v1::DepositFieldResponse>(kGgz, "FieldService/DepositField", deposit)
        .status();
  }

  v1::RequestFieldsRequest Question(const std::vector<std::string_view>& fields) {
    v1::RequestFieldsRequest request = world_.Question();
    request.set_tafel(std::string(kChannel));
    request.clear_fields();
    for (const std::string_view field : fields) {
      auto& asked = *request.add_fields();
      asked.set_field(std::string(field));
      asked.set_motivation(absl::StrCat("nodig: ", ToAbsl(field)));
    }
    return request;
  }
  // Outcome and code of every field asked, e.g. "RELEASE/RELEASED".
  std::vector<std::string> Ask(const std::vector<std::string_view>& fields) {
    return Outcomes(Question(fields));
  }
  std::vector<std::string> Outcomes(const v1::RequestFieldsRequest& question) {
    const auto response =
        world_.Send<v1::RequestFieldsResponse>(kWijkteam, "SharingService/RequestFields", question);
    if (!response.ok()) return {response.status().ToString()};
    std::vector<std::string> outcomes;
    for (const auto& field : response->answer().fields()) {
      outcomes.push_back(absl::StrCat(FieldOutcome::Id_Name(field.outcome()), "/",
                                      ReasonCode::Id_Name(field.code())));
    }
    return outcomes;
  }

  std::vector<v1::DecisionRequest> Inbox(std::string_view partij = "P_MEDIANT",
                                         bool closed = false) {
    std::vector<v1::DecisionRequest> all;
    v1::ListDecisionRequestsRequest request;
    request.set_include_closed(closed);
    request.set_page_size(1);
    for (;;) {
      const auto page = broker_.Send<v1::ListDecisionRequestsResponse>(
          partij, "/sluis.v1.DecisionService/ListDecisionRequests", request);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) return all;
      all.insert(all.end(), page->requests().begin(), page->requests().end());
      if (page->next_page_token().empty()) return all;
      request.set_page_token(page->next_page_token());
    }
  }
  absl::StatusOr<v1::DecisionRequest> Get(Side side, const std::string& id,
                                          std::string_view professional = kActor) {
    v1::GetDecisionRequestRequest request;
    request.set_acting_hat(std::string(side.hat));
    request.set_professional(std::string(professional));
    request.set_decision_request_id(id);
    auto response = broker_.Send<v1::GetDecisionRequestResponse>(
        side.partij, "/sluis.v1.DecisionService/GetDecisionRequest", request);
    if (!response.ok()) return response.status();
    return response->request();
  }
  // Provides the fields, refuses the rest.
  v1::DecideRequest Give(const std::string& id, const std::vector<std::string_view>& fields) {
    v1::DecideRequest request;
    request.set_decision_request_id(id);
    request.set_reference("dossier 12");
    ProfessionalDecision& decision = *request.mutable_decision();
    decision.set_kind(ProfessionalDecision::SELECTIE);
    decision.set_result(ProfessionalDecision::GIVEN);
    decision.set_reason("GEHEIM reden");
    decision.set_until("2027-03-01");
    for (const std::string_view field : fields) decision.add_fields(std::string(field));
    return request;
  }
  v1::DecideRequest Refuse(const std::string& id) {
    v1::DecideRequest request = Give(id, {});
    request.mutable_decision()->set_result(ProfessionalDecision::REFUSED);
    request.mutable_decision()->clear_until();
    return request;
  }
  absl::StatusOr<v1::DecideResponse> Decide(const v1::DecideRequest& request, Side side = kGgz) {
    return world_.Send<v1::DecideResponse>(side, "DecisionService/Decide", request);
  }
  // What the source decided, recorded as a fact.
  v1::RecordFactRequest NewFact(const std::vector<std::string_view>& fields,
                                ProfessionalDecision::Result result = ProfessionalDecision::GIVEN) {
    v1::RecordFactRequest record;
    record.set_casus_id(world_.casus_id());
    record.set_reference("dossier 13");
    auto& decision = *record.mutable_fact()->mutable_decision();
    decision.set_kind(ProfessionalDecision::SELECTIE);
    decision.set_person(world_.ggz_person());
    decision.set_result(result);
    for (const std::string_view field : fields) decision.add_fields(std::string(field));
    decision.add_recipient_hats("GEM_COLLEGE_WMO");
    decision.add_recipient_parties("P_ALMELO");
    decision.set_reason("GEHEIM reden");
    decision.set_date("2026-11-30");
    return record;
  }
  absl::StatusOr<v1::RecordFactResponse> Record(const v1::RecordFactRequest& record) {
    return world_.Send<v1::RecordFactResponse>(kGgz, "FactService/RecordFact", record);
  }
  // The only request in the inbox.
  std::string OnlyItem() {
    const auto inbox = Inbox();
    EXPECT_EQ(inbox.size(), 1u);
    return inbox.empty() ? std::string() : inbox.front().decision_request_id();
  }

  const testing::TempDir directory_;
  testing::TestBroker broker_{directory_.path(), testing::ReferencePolicy(), TestNow()};
  SmallWorld world_{broker_};
};

constexpr const char* kNeedsDecision = "NEEDS_DECISION/NEEDS_DECISION";
constexpr const char* kReleased = "RELEASE/RELEASED";
constexpr const char* kObjects = "REFUSE/SOURCE_OBJECTS";

// ---- The inbox ----

TEST_F(DecisionTest, ARequestThatNeedsADecisionComesIntoTheInboxOfTheSource) {
  ASSERT_THAT(Ask({kField, kOther}), ElementsAre(kNeedsDecision, kNeedsDecision));
  const auto inbox = Inbox();
  ASSERT_EQ(inbox.size(), 1u);
  const v1::DecisionRequest& item = inbox[0];
  EXPECT_EQ(item.casus_id(), world_.casus_id());
  EXPECT_EQ(item.person_id(), world_.ggz_person());
  EXPECT_EQ(item.hat(), "GGZ");
  EXPECT_EQ(item.recipient().partij(), "P_ALMELO");
  EXPECT_EQ(item.recipient().hat(), "GEM_COLLEGE_WMO");
  EXPECT_EQ(item.recipient_professional(), kActor);
  EXPECT_EQ(item.tafel(), kChannel);
  EXPECT_EQ(item.purpose(), "D02");
  EXPECT_EQ(item.state(), DecisionState::OPEN);
  EXPECT_EQ(item.expires_on(), "2026-12-30");
  ASSERT_EQ(item.fields_size(), 2);
  EXPECT_EQ(item.fields(0).field(), kField);
  EXPECT_THAT(item.fields(0).kinds(), ElementsAre(ProfessionalDecision::SELECTIE));
  // The motivations are for who decides.
  EXPECT_EQ(item.fields(0).motivation(), "");
  const auto whole = Get(kGgz, item.decision_request_id());
  ASSERT_THAT(whole, IsOk());
  EXPECT_EQ(whole->fields(0).motivation(), absl::StrCat("nodig: ", ToAbsl(kField)));
  EXPECT_EQ(whole->fields(1).motivation(), absl::StrCat("nodig: ", ToAbsl(kOther)));

  const auto told = AllNotices(broker_, "P_MEDIANT");
  ASSERT_THAT(TypesOf(told), ElementsAre("decision-asked"));
  EXPECT_EQ(told[0].data.subject_id(), item.decision_request_id());
  EXPECT_EQ(told[0].data.person_id(), world_.ggz_person());
  EXPECT_EQ(told[0].data.hat(), "GGZ");
  EXPECT_EQ(told[0].data.other().partij(), "P_ALMELO");
  EXPECT_THAT(told[0].data.fields(), ElementsAre(std::string(kField), std::string(kOther)));
  EXPECT_THAT(told[0].event.data(), Not(HasSubstr("nodig")));
  EXPECT_THAT(AllNotices(broker_, "P_ALMELO"), IsEmpty());
}

TEST_F(DecisionTest, TheSameQuestionIsAskedOnceWhileItWaits) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  EXPECT_EQ(Inbox().size(), 1u);
  // Of a longer question only what is new.
  ASSERT_THAT(Ask({kField, kOther}), ElementsAre(kNeedsDecision, kNeedsDecision));
  const auto inbox = Inbox();
  ASSERT_EQ(inbox.size(), 2u);
  ASSERT_EQ(inbox[1].fields_size(), 1);
  EXPECT_EQ(inbox[1].fields(0).field(), kOther);
  // For another purpose it is another question.
  v1::RequestFieldsRequest other = Question({kField});
  other.set_purpose("D03");
  ASSERT_THAT(Outcomes(other), ElementsAre(kNeedsDecision));
  EXPECT_EQ(Inbox().size(), 3u);
}

TEST_F(DecisionTest, ADryRunAsksNobody) {
  v1::RequestFieldsRequest question = Question({kField});
  question.set_validate_only(true);
  ASSERT_THAT(Outcomes(question), ElementsAre(kNeedsDecision));
  EXPECT_THAT(Inbox(), IsEmpty());
  EXPECT_THAT(AllNotices(broker_, "P_MEDIANT"), IsEmpty());
}

TEST_F(DecisionTest, APersonOfWhomNothingIsHeldMakesTheSameRequest) {
  // Nothing is held of the third field.
  ASSERT_THAT(Ask({kThird}), ElementsAre(kNeedsDecision));
  const std::string id = OnlyItem();
  ASSERT_THAT(Decide(Give(id, {kThird})), IsOk());
  EXPECT_THAT(Ask({kThird}), ElementsAre(kReleased));
}

TEST_F(DecisionTest, WhatIsNeitherConfirmedNorDeniedAsksNobody) {
  ASSERT_THAT(Ask({kHidden, kField}), ElementsAre("NCND/NCND", kNeedsDecision));
  const auto inbox = Inbox();
  ASSERT_EQ(inbox.size(), 1u);
  ASSERT_EQ(inbox[0].fields_size(), 1);
  EXPECT_EQ(inbox[0].fields(0).field(), kField);
}

TEST_F(DecisionTest, OthersSeeNothingOfIt) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  const std::string id = OnlyItem();
  for (const std::string_view partij : {"P_ALMELO", "P_POLITIE_ON", "P_TRANSFORE"})
    EXPECT_THAT(Inbox(partij, true), IsEmpty()) << partij;
  EXPECT_THAT(Get(kWijkteam, id), IsError(Code::kNotFound, "DECISION_REQUEST_UNKNOWN"));
  EXPECT_THAT(Get(kPolitie, id), IsError(Code::kNotFound, "DECISION_REQUEST_UNKNOWN"));
  EXPECT_THAT(Decide(Give(id, {kField}), kPolitie),
              IsError(Code::kNotFound, "DECISION_REQUEST_UNKNOWN"));
  // Nor does another hat, or somebody who is not on record in it.
  EXPECT_THAT(Get({"P_MEDIANT", "POLITIE"}, id),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(Get(kGgz, id, "nobody"), IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  // The filter by hat.
  v1::ListDecisionRequestsRequest request;
  request.set_hat("HUISARTS");
  const auto page = broker_.Send<v1::ListDecisionRequestsResponse>(
      "P_MEDIANT", "/sluis.v1.DecisionService/ListDecisionRequests", request);
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->requests_size(), 0);
}

TEST_F(DecisionTest, WhoLeftTheCasusHasNoInboxOfIt) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  const std::string id = OnlyItem();
  ASSERT_THAT(world_.Remove(kGgz), IsOk());
  EXPECT_THAT(Inbox(), IsEmpty());
  EXPECT_THAT(Get(kGgz, id), IsError(Code::kNotFound, "DECISION_REQUEST_UNKNOWN"));
  EXPECT_THAT(Decide(Give(id, {kField})), IsError(Code::kNotFound, "DECISION_REQUEST_UNKNOWN"));
}

TEST_F(DecisionTest, ARequestLivesThirtyDays) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  const std::string id = OnlyItem();
  ASSERT_THAT(broker_.SetClock(TestNow() + absl::Hours(24 * 30)), IsOk());
  EXPECT_EQ(Inbox().size(), 1u);
  ASSERT_THAT(broker_.SetClock(TestNow() + absl::Hours(24 * 31)), IsOk());
  EXPECT_THAT(Inbox(), IsEmpty());
  const auto closed = Inbox("P_MEDIANT", true);
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].state(), DecisionState::EXPIRED);
  EXPECT_THAT(Decide(Give(id, {kField})), IsError(Code::kFailedPrecondition, "DECISION_CLOSED"));
  // Asking again asks anew.
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  EXPECT_NE(OnlyItem(), id);
}

// ---- Deciding ----

TEST_F(DecisionTest, PartIsProvidedOnAConditionAndTheRestRefused) {
  ASSERT_THAT(Ask({kField, kOther}), ElementsAre(kNeedsDecision, kNeedsDecision));
  const std::string id = OnlyItem();
  v1::DecideRequest request = Give(id, {kField});
  auto& condition = *request.add_conditions();
  condition.set_kind(SourceCondition::EINDDATUM);
  condition.set_until("2027-01-31");
  const auto decided = Decide(request);
  ASSERT_THAT(decided, IsOk());
  EXPECT_NE(decided->answer().given_fact_id(), "");
  EXPECT_NE(decided->answer().refused_fact_id(), "");
  EXPECT_EQ(decided->answer().condition_fact_ids_size(), 1);
  EXPECT_THAT(decided->answer().open_fields(), IsEmpty());
  EXPECT_EQ(decided->receipts_size(), 1);

  const auto told = AllNotices(broker_, "P_ALMELO");
  ASSERT_THAT(TypesOf(told), ElementsAre("decision-taken", "decision-taken"));
  EXPECT_EQ(told[0].data.result(), "GIVEN");
  EXPECT_EQ(told[0].data.person_id(), world_.wijkteam_person());
  EXPECT_EQ(told[0].data.hat(), "GEM_COLLEGE_WMO");
  EXPECT_EQ(told[0].data.other().hat(), "GGZ");
  EXPECT_EQ(told[0].data.day(), "2027-03-01");
  EXPECT_THAT(told[0].data.fields(), ElementsAre(std::string(kField)));
  ASSERT_EQ(told[0].data.conditions_size(), 1);
  EXPECT_EQ(told[0].data.conditions(0).until(), "2027-01-31");
  EXPECT_EQ(told[1].data.result(), "REFUSED");
  EXPECT_THAT(told[1].data.fields(), ElementsAre(std::string(kOther)));
  for (const ReadNotice& notice : told) {
    EXPECT_THAT(notice.event.data(), Not(HasSubstr("GEHEIM")));
    // The professional of the source is its own business.
    EXPECT_THAT(notice.event.data(), Not(HasSubstr(kActor)));
  }

  EXPECT_THAT(Ask({kField, kOther}), ElementsAre(kReleased, kObjects));
  // The condition ends before the decision does.
  ASSERT_THAT(broker_.SetClock(TestNow() + absl::Hours(24 * 64)), IsOk());  // 2027-02-02
  EXPECT_THAT(Ask({kField}), ElementsAre("REFUSE/SOURCE_CONDITION"));
  // Decided is decided.
  EXPECT_THAT(Decide(Give(id, {kField})), IsError(Code::kFailedPrecondition, "DECISION_CLOSED"));
  const auto closed = Inbox("P_MEDIANT", true);
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0].state(), DecisionState::GIVEN);
  EXPECT_EQ(closed[0].fields(0).state(), DecisionState::GIVEN);
  EXPECT_EQ(closed[0].fields(0).fact_id(), decided->answer().given_fact_id());
  EXPECT_EQ(closed[0].fields(0).professional(), kActor);
  EXPECT_EQ(closed[0].fields(1).state(), DecisionState::REFUSED);
}

TEST_F(DecisionTest, TheRestMayStayOpen) {
  ASSERT_THAT(Ask({kField, kOther}), ElementsAre(kNeedsDecision, kNeedsDecision));
  const std::string id = OnlyItem();
  v1::DecideRequest request = Give(id, {kField});
  request.set_leave_rest_open(true);
  const auto first = Decide(request);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->answer().refused_fact_id(), "");
  EXPECT_THAT(first->answer().open_fields(), ElementsAre(std::string(kOther)));
  EXPECT_THAT(Ask({kField, kOther}), ElementsAre(kReleased, kNeedsDecision));
  // It still waits in the same request.
  EXPECT_EQ(OnlyItem(), id);
  ASSERT_THAT(Decide(Give(id, {kOther})), IsOk());
  EXPECT_THAT(Ask({kField, kOther}), ElementsAre(kReleased, kReleased));
  EXPECT_THAT(Inbox(), IsEmpty());
}

TEST_F(DecisionTest, ARefusalIsFinalUntilANewRecord) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  ASSERT_THAT(Decide(Refuse(OnlyItem())), IsOk());
  EXPECT_THAT(Ask({kField}), ElementsAre(kObjects));
  // Asking again makes no request: it was decided.
  EXPECT_THAT(Inbox(), IsEmpty());
  v1::RecordFactRequest record;
  record.set_casus_id(world_.casus_id());
  record.set_reference("dossier 13");
  auto& decision = *record.mutable_fact()->mutable_decision();
  decision.set_kind(ProfessionalDecision::SELECTIE);
  decision.set_person(world_.ggz_person());
  decision.set_result(ProfessionalDecision::GIVEN);
  decision.add_fields(std::string(kField));
  decision.add_recipient_hats("GEM_COLLEGE_WMO");
  decision.add_recipient_parties("P_ALMELO");
  decision.set_reason("toch nodig");
  decision.set_date("2026-11-30");
  ASSERT_THAT(world_.Send<v1::RecordFactResponse>(kGgz, "FactService/RecordFact", record), IsOk());
  EXPECT_THAT(Ask({kField}), ElementsAre(kReleased));
}

TEST_F(DecisionTest, ADecisionThatEndedIsAskedAnew) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  v1::DecideRequest request = Give(OnlyItem(), {kField});
  request.mutable_decision()->set_until("2026-12-01");
  ASSERT_THAT(Decide(request), IsOk());
  EXPECT_THAT(Ask({kField}), ElementsAre(kReleased));
  ASSERT_THAT(broker_.SetClock(TestNow() + absl::Hours(48)), IsOk());
  EXPECT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  EXPECT_EQ(Inbox().size(), 1u);
}

TEST_F(DecisionTest, ADecisionThatIsWithdrawnIsToldToWhoKnewOfIt) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  const auto decided = Decide(Give(OnlyItem(), {kField}));
  ASSERT_THAT(decided, IsOk());
  ASSERT_THAT(world_.WithdrawFact(kGgz, decided->answer().given_fact_id()), IsOk());
  const auto told = AllNotices(broker_, "P_ALMELO", "fact-withdrawn");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].data.subject_id(), decided->answer().given_fact_id());
  EXPECT_EQ(told[0].data.person_id(), world_.wijkteam_person());
  EXPECT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
}

TEST_F(DecisionTest, ADecisionThatNobodyHeardOfIsWithdrawnInSilence) {
  const auto recorded = Record(NewFact({kField}));
  ASSERT_THAT(recorded, IsOk());
  ASSERT_THAT(world_.WithdrawFact(kGgz, recorded->answer().fact_id()), IsOk());
  EXPECT_THAT(AllNotices(broker_, "P_ALMELO"), IsEmpty());
}

TEST_F(DecisionTest, ADecisionRecordedAsAFactEndsTheWaiting) {
  ASSERT_THAT(Ask({kField, kOther}), ElementsAre(kNeedsDecision, kNeedsDecision));
  const std::string id = OnlyItem();
  v1::RecordFactRequest fact = NewFact({kField});
  fact.mutable_fact()->mutable_decision()->set_until("2027-03-01");
  const auto recorded = Record(fact);
  ASSERT_THAT(recorded, IsOk());
  // The other field waits on.
  const auto item = Get(kGgz, id);
  ASSERT_THAT(item, IsOk());
  EXPECT_EQ(item->state(), DecisionState::OPEN);
  EXPECT_EQ(item->fields(0).state(), DecisionState::GIVEN);
  EXPECT_EQ(item->fields(0).fact_id(), recorded->answer().fact_id());
  EXPECT_EQ(item->fields(0).professional(), kActor);
  EXPECT_EQ(item->fields(1).state(), DecisionState::OPEN);
  auto told = AllNotices(broker_, "P_ALMELO");
  ASSERT_THAT(TypesOf(told), ElementsAre("decision-taken"));
  EXPECT_EQ(told[0].data.subject_id(), id);
  EXPECT_EQ(told[0].data.person_id(), world_.wijkteam_person());
  EXPECT_EQ(told[0].data.result(), "GIVEN");
  EXPECT_EQ(told[0].data.day(), "2027-03-01");
  EXPECT_THAT(told[0].data.fields(), ElementsAre(std::string(kField)));
  EXPECT_THAT(told[0].event.data(), Not(HasSubstr("GEHEIM")));
  EXPECT_THAT(Ask({kField}), ElementsAre(kReleased));

  ASSERT_THAT(Record(NewFact({kOther}, ProfessionalDecision::REFUSED)), IsOk());
  EXPECT_THAT(Inbox(), IsEmpty());
  EXPECT_EQ(Get(kGgz, id)->fields(1).state(), DecisionState::REFUSED);
  EXPECT_THAT(Decide(Give(id, {kOther})), IsError(Code::kFailedPrecondition, "DECISION_CLOSED"));
  told = AllNotices(broker_, "P_ALMELO");
  ASSERT_THAT(TypesOf(told), ElementsAre("decision-taken", "decision-taken"));
  EXPECT_EQ(told[1].data.result(), "REFUSED");
  // Who was told of it is told of its end.
  ASSERT_THAT(world_.WithdrawFact(kGgz, recorded->answer().fact_id()), IsOk());
  EXPECT_EQ(AllNotices(broker_, "P_ALMELO", "fact-withdrawn").size(), 1u);
  // And asks anew.
  EXPECT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  EXPECT_EQ(Inbox().size(), 1u);
}

TEST_F(DecisionTest, AFactThatIsNotAboutTheQuestionLeavesItOpen) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  const auto other = [&](const std::function<void(ProfessionalDecision&)>& change) {
    v1::RecordFactRequest fact = NewFact({kField});
    change(*fact.mutable_fact()->mutable_decision());
    ASSERT_THAT(Record(fact), IsOk());
    EXPECT_EQ(Inbox().size(), 1u) << fact.DebugString();
  };
  other([](auto& decision) { decision.set_fields(0, std::string(kOther)); });
  other([](auto& decision) { decision.set_kind(ProfessionalDecision::MELDRECHT); });
  other([](auto& decision) { decision.set_recipient_parties(0, "P_TRANSFORE"); });
  other([](auto& decision) { decision.set_recipient_hats(0, "GEM_PROCESREGIE"); });
  // Over before it was recorded.
  other([](auto& decision) {
    decision.set_date("2026-11-01");
    decision.set_until("2026-11-29");
  });
  EXPECT_THAT(AllNotices(broker_, "P_ALMELO"), IsEmpty());
}

TEST_F(DecisionTest, OneDecisionAnswersTheSameQuestionForEveryPurpose) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  const std::string id = OnlyItem();
  v1::RequestFieldsRequest other = Question({kField});
  other.set_purpose("D03");
  ASSERT_THAT(Outcomes(other), ElementsAre(kNeedsDecision));
  ASSERT_EQ(Inbox().size(), 2u);
  // As policy reads it: a decision is not bound to a purpose.
  ASSERT_THAT(Decide(Give(id, {kField})), IsOk());
  EXPECT_THAT(Inbox(), IsEmpty());
  EXPECT_THAT(TypesOf(AllNotices(broker_, "P_ALMELO")),
              ElementsAre("decision-taken", "decision-taken"));
}

TEST_F(DecisionTest, AClosedCasusWaitsForNothing) {
  ASSERT_THAT(Ask({kField, kOther}), ElementsAre(kNeedsDecision, kNeedsDecision));
  const std::string id = OnlyItem();
  v1::DecideRequest part = Give(id, {kField});
  part.set_leave_rest_open(true);
  ASSERT_THAT(Decide(part), IsOk());
  ASSERT_THAT(world_.Close(), IsOk());
  EXPECT_THAT(Inbox(), IsEmpty());
  const auto all = Inbox("P_MEDIANT", /*closed=*/true);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].state(), DecisionState::ENDED);
  EXPECT_EQ(all[0].fields(0).state(), DecisionState::GIVEN);
  EXPECT_EQ(all[0].fields(1).state(), DecisionState::ENDED);
  const auto told = AllNotices(broker_, "P_ALMELO", "decision-ended");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].data.casus_id(), world_.casus_id());
  EXPECT_EQ(told[0].data.subject_id(), id);
  EXPECT_EQ(told[0].data.person_id(), world_.wijkteam_person());
  EXPECT_EQ(told[0].data.hat(), "GEM_COLLEGE_WMO");
  EXPECT_THAT(told[0].data.fields(), ElementsAre(std::string(kOther)));
  EXPECT_THAT(AllNotices(broker_, "P_MEDIANT", "decision-ended"), IsEmpty());
}

TEST_F(DecisionTest, ARequestThatCannotBeReadKeepsNobodyFromDecidingAndClosing) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  store::Store& store = broker_.assembly().store();
  {
    const auto transaction = store.Begin();
    ASSERT_THAT(transaction, IsOk());
    const auto rows =
        (*transaction)->Scan(store::Table::kInbox, std::string("P_MEDIANT\0", 10), {}, 100);
    ASSERT_THAT(rows, IsOk());
    ASSERT_EQ(rows->size(), 1u);
    std::string value = rows->front().value;
    value.back() = static_cast<char>(value.back() ^ 1);
    ASSERT_THAT((*transaction)->Put(store::Table::kInbox, rows->front().key, value), IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }
  ASSERT_THAT(Record(NewFact({kField})), IsOk());
  EXPECT_THAT(Ask({kField}), ElementsAre(kReleased));
  EXPECT_THAT(world_.Close(), IsOk());
}

TEST_F(DecisionTest, WhatExpiredIsNotToldToHaveEnded) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  ASSERT_THAT(broker_.SetClock(TestNow() + absl::Hours(24 * 31)), IsOk());
  ASSERT_THAT(world_.Close(), IsOk());
  EXPECT_THAT(AllNotices(broker_, "P_ALMELO", "decision-ended"), IsEmpty());
}

TEST_F(DecisionTest, ARepeatIsTheSameDecision) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  v1::DecideRequest request = Give(OnlyItem(), {kField});
  request.set_request_id(testing::NewRequestId());
  const auto first = Decide(request);
  const auto second = Decide(request);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(first->answer().SerializeAsString(), second->answer().SerializeAsString());
  EXPECT_EQ(AllNotices(broker_, "P_ALMELO").size(), 1u);
}

// Every use that has to be refused, and that nothing of it is in force.
TEST_F(DecisionTest, IncompleteDecisionsAreNotInForce) {
  ASSERT_THAT(Ask({kField, kOther}), ElementsAre(kNeedsDecision, kNeedsDecision));
  const std::string id = OnlyItem();
  const auto bad = [&](const v1::DecideRequest& request, const std::string& field) {
    const auto decided = Decide(request);
    EXPECT_THAT(decided, IsError(Code::kInvalidArgument, "MALFORMED")) << field;
    EXPECT_EQ(MetadataOf(decided.status())["field"], field);
    EXPECT_THAT(std::string(decided.status().message()), Not(HasSubstr("GEHEIM")));
    EXPECT_THAT(Ask({kField, kOther}), ElementsAre(kNeedsDecision, kNeedsDecision)) << field;
  };
  const auto given = [&](auto change) {
    v1::DecideRequest request = Give(id, {kField});
    change(request, *request.mutable_decision());
    return request;
  };
  const auto refused = [&](auto change) {
    v1::DecideRequest request = Refuse(id);
    change(request, *request.mutable_decision());
    return request;
  };
  bad(given([](auto& request, auto&) { request.set_decision_request_id("7"); }),
      "decision_request_id");
  bad(given([](auto& request, auto&) { request.clear_reference(); }), "reference");
  bad(given([](auto&, auto& decision) { decision.clear_kind(); }), "decision.kind");
  bad(given([](auto&, auto& decision) { decision.clear_result(); }), "decision.result");
  bad(given([](auto&, auto& decision) { decision.clear_fields(); }), "decision.fields");
  bad(given([](auto&, auto& decision) { decision.clear_until(); }), "decision.until");
  bad(given([](auto&, auto& decision) { decision.set_until("2026-13-01"); }), "decision.until");
  bad(given([](auto&, auto& decision) { decision.set_until("2026-11-01"); }), "decision.until");
  bad(given([](auto&, auto& decision) { decision.set_date("2026-12-01"); }), "decision.date");
  bad(given([](auto&, auto& decision) { decision.clear_reason(); }), "decision.reason");
  bad(given([](auto&, auto& decision) { decision.set_reason(" \n"); }), "decision.reason");
  bad(given([](auto&, auto& decision) { decision.set_fields(0, "achternaam"); }),
      "decision.fields[0]");
  bad(given([](auto&, auto& decision) { decision.set_fields(0, kThird.data()); }),
      "decision.fields[0]");
  bad(given([](auto&, auto& decision) { decision.add_fields(kField.data()); }),
      "decision.fields[1]");
  // Not the kind that is missing.
  bad(given([](auto&, auto& decision) { decision.set_kind(ProfessionalDecision::GHV); }),
      "decision.kind");
  // What follows from the request.
  bad(given([&](auto&, auto& decision) { decision.set_casus(world_.casus_id()); }),
      "decision.casus");
  bad(given([&](auto&, auto& decision) { decision.set_person(world_.ggz_person()); }),
      "decision.person");
  bad(given([](auto&, auto& decision) { decision.mutable_source()->set_hat("GGZ"); }),
      "decision.source");
  bad(given([](auto&, auto& decision) { decision.add_recipient_hats("POLITIE"); }),
      "decision.recipient_hats");
  bad(given([](auto&, auto& decision) { decision.add_recipient_parties("P_POLITIE_ON"); }),
      "decision.recipient_parties");
  // Conditions.
  bad(given([](auto& request, auto&) { request.add_conditions(); }), "conditions[0].kind");
  bad(given([](auto& request, auto&) {
        request.add_conditions()->set_kind(SourceCondition::EINDDATUM);
      }),
      "conditions[0].until");
  bad(given([](auto& request, auto&) {
        request.add_conditions()->set_kind(SourceCondition::NIET_DOOR);
        auto& second = *request.add_conditions();
        second.set_kind(SourceCondition::ALLEEN_TAFEL);
        second.set_tafel("T_NERGENS");
      }),
      "conditions[1].tafel");
  bad(given([](auto& request, auto&) {
        auto& condition = *request.add_conditions();
        condition.set_kind(SourceCondition::NIET_DOOR);
        condition.set_field(std::string(kField));
      }),
      "conditions[0]");
  bad(given([](auto& request, auto&) {
        for (int i = 0; i < 11; ++i) request.add_conditions()->set_kind(SourceCondition::NIET_DOOR);
      }),
      "conditions");
  // A refusal.
  bad(refused([](auto& request, auto&) { request.set_leave_rest_open(true); }), "leave_rest_open");
  bad(refused([](auto& request, auto&) {
        request.add_conditions()->set_kind(SourceCondition::NIET_DOOR);
      }),
      "conditions");
  bad(refused([](auto&, auto& decision) { decision.clear_reason(); }), "decision.reason");
  // Forbidden: another who decides is on record in the hat as well.
  const auto other =
      Decide(given([](auto&, auto& decision) { decision.set_professional("nobody"); }));
  EXPECT_THAT(other, IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  // Nothing came of any of it.
  EXPECT_EQ(OnlyItem(), id);
  EXPECT_THAT(AllNotices(broker_, "P_ALMELO"), IsEmpty());
}

TEST_F(DecisionTest, AColleagueOnRecordMayHaveDecided) {
  v1::PutProfessionalRequest put;
  put.set_request_id(testing::NewRequestId());
  put.set_professional("behandelaar-2");
  put.add_hats("GGZ");
  put.set_active(true);
  ASSERT_THAT(broker_.Send<v1::PutProfessionalResponse>(
                  "P_MEDIANT", "/sluis.v1.ProfessionalService/PutProfessional", put),
              IsOk());
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  v1::DecideRequest request = Give(OnlyItem(), {kField});
  request.mutable_decision()->set_professional("behandelaar-2");
  ASSERT_THAT(Decide(request), IsOk());
  EXPECT_EQ(Inbox("P_MEDIANT", true)[0].fields(0).professional(), "behandelaar-2");
}

TEST_F(DecisionTest, AClosedCasusIsNotDecidedAbout) {
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  const std::string id = OnlyItem();
  ASSERT_THAT(world_.Close(), IsOk());
  EXPECT_THAT(Decide(Give(id, {kField})), IsError(Code::kFailedPrecondition, "CASE_CLOSED"));
}

TEST_F(DecisionTest, TheInboxOutlivesTheBroker) {
  // Everything above on one broker; the store is what is asked here.
  ASSERT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
  const auto reader = broker_.assembly().store().Read();
  ASSERT_THAT(reader, IsOk());
  const auto rows = (*reader)->Scan(store::Table::kInbox, "P_MEDIANT", {}, 100);
  ASSERT_THAT(rows, IsOk());
  ASSERT_EQ(rows->size(), 2u);  // the request, and its question
  for (const auto& row : *rows) EXPECT_THAT(row.value, Not(HasSubstr("nodig")));
}

// ---- The other kinds of decision, at the Zorg- en Veiligheidshuis ----

class ZvhDecisionTest : public DecisionTest {
 protected:
  // The police ask Mediant at the ZVH; Gerda refused.
  void SetUp() override {
    DecisionTest::SetUp();
    ASSERT_FALSE(HasFatalFailure());
    ASSERT_THAT(world_.Scale(kWijkteam, "AVE_3Z"), IsOk());
    v1::PlaceOnTafelRequest place;
    place.set_casus_id(world_.casus_id());
    place.set_tafel("T_ZVH_CASUS");
    for (const char* domain : {"STRAF", "ZORG", "GEMEENTE"}) place.add_domains(domain);
    ASSERT_THAT(
        world_.Send<v1::PlaceOnTafelResponse>(kWijkteam, "CasusService/PlaceOnTafel", place),
        IsOk());
    for (const Side side : {kGgz, kPolitie}) {
      ASSERT_THAT(world_.AdmitAt("T_ZVH_CASUS", kWijkteam, side, "2026-11-01"), IsOk());
    }
    v1::GetCasusRequest get;
    get.set_casus_id(world_.casus_id());
    const auto casus =
        broker_.Send<v1::GetCasusResponse>("P_POLITIE_ON", "/sluis.v1.CasusService/GetCasus", get);
    ASSERT_THAT(casus, IsOk());
    ASSERT_EQ(casus->casus().person_ids_size(), 1);
    police_person_ = casus->casus().person_ids(0);
    policy::v1::Consent refusal = world_.NewConsent();
    refusal.mutable_recipient()->set_partij("P_POLITIE_ON");
    refusal.mutable_recipient()->set_hat("POLITIE");
    refusal.set_status(policy::v1::Consent::GEWEIGERD);
    refusal.set_purpose("D07");
    v1::RecordConsentRequest consent;
    *consent.mutable_consent() = refusal;
    ASSERT_THAT(
        world_.Send<v1::RecordConsentResponse>(kGgz, "ConsentService/RecordConsent", consent),
        IsOk());
  }

  std::string AskAsPolice() {
    v1::RequestFieldsRequest question = Question({kField});
    question.set_tafel("T_ZVH_CASUS");
    question.set_purpose("D07");
    question.set_person_id(police_person_);
    const auto response =
        world_.Send<v1::RequestFieldsResponse>(kPolitie, "SharingService/RequestFields", question);
    if (!response.ok()) return response.status().ToString();
    return absl::StrCat(FieldOutcome::Id_Name(OutcomeOf(*response)), "/",
                        ReasonCode::Id_Name(CodeOf(*response)));
  }

  std::string police_person_;
};

TEST_F(ZvhDecisionTest, GoedHulpverlenerschapIsDecidedInTheInbox) {
  ASSERT_EQ(AskAsPolice(), kNeedsDecision);
  const auto inbox = Inbox();
  ASSERT_EQ(inbox.size(), 1u);
  EXPECT_EQ(inbox[0].recipient().partij(), "P_POLITIE_ON");
  ASSERT_THAT(inbox[0].fields(0).kinds(), ElementsAre(ProfessionalDecision::GHV));
  v1::DecideRequest request = Give(inbox[0].decision_request_id(), {kField});
  // A selection is another decision.
  auto decided = Decide(request);
  EXPECT_THAT(decided, IsError(Code::kInvalidArgument, "MALFORMED"));
  request.mutable_decision()->set_kind(ProfessionalDecision::GHV);
  request.mutable_decision()->clear_reason();
  decided = Decide(request);
  EXPECT_THAT(decided, IsError(Code::kInvalidArgument, "MALFORMED"));
  EXPECT_EQ(MetadataOf(decided.status())["field"], "decision.reason");
  EXPECT_EQ(AskAsPolice(), kNeedsDecision);
  request.mutable_decision()->set_reason("anders loopt de behandeling vast");
  ASSERT_THAT(Decide(request), IsOk());
  EXPECT_EQ(AskAsPolice(), kReleased);
  // For the police alone.
  EXPECT_THAT(Ask({kField}), ElementsAre(kNeedsDecision));
}

// Two hats of one partij hear of a decision, and each of its end.
TEST_F(ZvhDecisionTest, EachHatThatWasToldOfADecisionIsToldOfItsEnd) {
  constexpr Side kLeerplicht{"P_ALMELO", "GEM_LEERPLICHT"};
  v1::RecordFactRequest fact = NewFact({kField});
  ProfessionalDecision& decision = *fact.mutable_fact()->mutable_decision();
  decision.set_kind(ProfessionalDecision::GHV);
  decision.clear_recipient_hats();
  for (const Side side : {kLeerplicht, kWijkteam}) {
    decision.add_recipient_hats(std::string(side.hat));
    ASSERT_THAT(world_.AdmitAt("T_ZVH_CASUS", kWijkteam, side, "2026-11-01"), IsOk());
    policy::v1::Consent refusal = world_.NewConsent();
    refusal.mutable_recipient()->set_hat(std::string(side.hat));
    refusal.set_status(policy::v1::Consent::GEWEIGERD);
    refusal.set_purpose("D07");
    v1::RecordConsentRequest consent;
    *consent.mutable_consent() = refusal;
    ASSERT_THAT(
        world_.Send<v1::RecordConsentResponse>(kGgz, "ConsentService/RecordConsent", consent),
        IsOk());
    v1::RequestFieldsRequest question = Question({kField});
    question.set_tafel("T_ZVH_CASUS");
    question.set_purpose("D07");
    const auto asked =
        world_.Send<v1::RequestFieldsResponse>(side, "SharingService/RequestFields", question);
    ASSERT_THAT(asked, IsOk());
    ASSERT_EQ(OutcomeOf(*asked), FieldOutcome::NEEDS_DECISION);
  }
  ASSERT_EQ(Inbox().size(), 2u);
  const auto recorded = Record(fact);
  ASSERT_THAT(recorded, IsOk());
  EXPECT_THAT(Inbox(), IsEmpty());
  ASSERT_THAT(world_.WithdrawFact(kGgz, recorded->answer().fact_id()), IsOk());
  std::vector<std::string> hats;
  for (const ReadNotice& notice : AllNotices(broker_, "P_ALMELO", "fact-withdrawn"))
    hats.push_back(notice.data.hat());
  EXPECT_THAT(hats, UnorderedElementsAre("GEM_LEERPLICHT", "GEM_COLLEGE_WMO"));
}

}  // namespace
}  // namespace sluis::broker
