// What partijen are told, who is told what, and that nothing is lost on the way.

#include "sluis/state/notices.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "notice_reader.h"
#include "small_world.h"

#include "sluis/base/clock.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/broker/scheduler.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"

namespace sluis::broker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using ::testing::Not;
using Code = absl::StatusCode;

constexpr Side kPolitie{"P_POLITIE_ON", "POLITIE"};
constexpr Side kPortaal{"P_PORTAAL", "BETROKKENE_PORTAAL"};

v1::SubscribeRequest FromOldest() {
  v1::SubscribeRequest request;
  request.set_start(v1::NOTICE_START_OLDEST);
  return request;
}

std::shared_ptr<const policy::Policy> PolicyOf(const policy::v1::Convenant& convenant) {
  return policy::Compile(testing::ReferenceStatute(),
                         policy::Document<policy::v1::Convenant>::FromMessage(convenant, "changed"),
                         policy::Document<policy::v1::OperatorSwitches>::FromMessage({}, "none"))
      .policy;
}

class NoticesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(world_.PutActors({"P_POLITIE_ON", "P_PORTAAL", "P_IXTANOA"}), IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
  }

  std::vector<ReadNotice> Told(std::string_view partij) { return AllNotices(broker_, partij); }
  absl::Status Correct(const std::string& deposit_id) {
    v1::CorrectFieldRequest request;
    request.set_deposit_id(deposit_id);
    *request.mutable_content() = world_.NewDeposit().content();
    return world_.Send<v1::CorrectFieldResponse>(kGgz, "FieldService/CorrectField", request)
        .status();
  }
  absl::Status WithdrawField(const std::string& deposit_id) {
    v1::WithdrawFieldRequest request;
    request.set_deposit_id(deposit_id);
    return world_.Send<v1::WithdrawFieldResponse>(kGgz, "FieldService/WithdrawField", request)
        .status();
  }
  absl::Status WithdrawConsent(Side by, const std::string& id) {
    v1::WithdrawConsentRequest request;
    request.set_consent_id(id);
    return world_.Send<v1::WithdrawConsentResponse>(by, "ConsentService/WithdrawConsent", request)
        .status();
  }
  // A casus-wide event that P_MEDIANT is told of; phases that need no acceptance.
  void Happen() {
    static constexpr std::pair<Side, std::string_view> kRound[] = {
        {kRegie, "AVE_3L"}, {kRegie, "AVE_1"}, {kWijkteam, "AVE_2"}};
    const auto& [side, phase] = kRound[happened_++ % 3];
    ASSERT_THAT(world_.Scale(side, phase), IsOk());
  }

  const testing::TempDir directory_;
  testing::TestBroker broker_{directory_.path(), testing::ReferencePolicy(), TestNow()};
  SmallWorld world_{broker_};
  int happened_ = 0;
};

// ---- Who is told what ----

TEST_F(NoticesTest, AnEventHasTheFormOfTheProfileAndNothingPersonal) {
  ASSERT_THAT(world_.Close(), IsOk());
  const auto told = Told("P_MEDIANT");
  ASSERT_EQ(told.size(), 1u);
  const v1::CloudEvent& event = told[0].event;
  EXPECT_EQ(event.specversion(), "1.0");
  EXPECT_EQ(event.type(), "nl.sluis.casus-closed");
  EXPECT_EQ(event.source(), "urn:sluis:sluis.test/log");
  EXPECT_EQ(event.subject(), world_.casus_id());
  EXPECT_EQ(event.time().substr(0, 10), "2026-11-30");
  EXPECT_EQ(event.datacontenttype(), "application/json");
  EXPECT_EQ(event.data(), absl::StrCat("{\"casus_id\":\"", world_.casus_id(), "\"}"));
  EXPECT_THAT(event.SerializeAsString(), Not(HasSubstr("GEHEIM")));
}

TEST(NoticesSourceTest, IsTheOinOfTheBrokerWhereItHasOne) {
  const testing::TempDir directory;
  assembly::AssemblyOptions options =
      OptionsOn(directory.path().string(), OpenStoreIn(directory.path().string()));
  options.oin = "00000099000000001000";
  auto assembly = assembly::Assembly::Open(std::move(options), TestLogKey());
  ASSERT_THAT(assembly, IsOk());
  (*assembly)->clock().Set(TestNow());
  AssemblyTransport transport(**assembly);
  SmallWorld world(transport);
  ASSERT_THAT(world.PutActors(), IsOk());
  ASSERT_THAT(world.Build(), IsOk());
  ASSERT_THAT(world.Close(), IsOk());
  const auto told = AllNotices(transport, "P_MEDIANT", "casus-closed");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].event.source(), "urn:nld:oin:00000099000000001000:systeem:sluis.test/log");
}

TEST_F(NoticesTest, APhaseIsToldToMembersAndNamedToWhoAcceptsIt) {
  ASSERT_THAT(world_.Scale(kRegie, "AVE_3L"), IsOk());
  // Nobody has to accept that: members are told that it changed, and ask what it is.
  for (const char* partij : {"P_ALMELO", "P_MEDIANT"}) {
    const auto told = Told(partij);
    ASSERT_THAT(TypesOf(told), ElementsAre("phase-changed")) << partij;
    EXPECT_EQ(told[0].data.phase(), "");
    EXPECT_THAT(told[0].event.data(), Not(HasSubstr("AVE")));
  }
  ASSERT_THAT(world_.Scale(kRegie, "AVE_2"), IsOk());
  EXPECT_THAT(TypesOf(Told("P_MEDIANT")), ElementsAre("phase-changed", "scaling-proposed"));
  EXPECT_EQ(Told("P_MEDIANT")[1].data.phase(), "");
  EXPECT_EQ(Told("P_ALMELO")[1].data.phase(), "AVE_2");
  v1::AcceptScalingRequest accept;
  accept.set_casus_id(world_.casus_id());
  accept.set_phase("AVE_2");
  ASSERT_THAT(
      world_.Send<v1::AcceptScalingResponse>(kWijkteam, "CasusService/AcceptScaling", accept),
      IsOk());
  EXPECT_THAT(TypesOf(Told("P_MEDIANT")),
              ElementsAre("phase-changed", "scaling-proposed", "phase-changed"));
  // Who has nothing to do with the casus learns nothing.
  EXPECT_THAT(Told("P_POLITIE_ON"), IsEmpty());
}

TEST_F(NoticesTest, OnlyWhoIsRemovedIsToldOfIt) {
  ASSERT_THAT(world_.Remove(kGgz), IsOk());
  const auto told = Told("P_MEDIANT");
  ASSERT_THAT(TypesOf(told), ElementsAre("deelnemer-removed"));
  EXPECT_EQ(told[0].data.hat(), "GGZ");
  EXPECT_THAT(Told("P_ALMELO"), IsEmpty());
  // And of nothing after it.
  ASSERT_THAT(world_.Close(), IsOk());
  EXPECT_EQ(Told("P_MEDIANT").size(), 1u);
  EXPECT_THAT(TypesOf(Told("P_ALMELO")), ElementsAre("casus-closed"));
}

TEST_F(NoticesTest, WhatIsRefusedTellsNobody) {
  v1::CloseCasusRequest request;
  request.set_casus_id(world_.casus_id());
  request.set_reason("GEHEIM");
  EXPECT_THAT(world_.Send<v1::CloseCasusResponse>(kGgz, "CasusService/CloseCasus", request),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(Told("P_MEDIANT"), IsEmpty());
  EXPECT_THAT(Told("P_ALMELO"), IsEmpty());
}

TEST_F(NoticesTest, WhoGotAValueIsToldOfItsCorrection) {
  ASSERT_THAT(world_.Consent(), IsOk());
  const auto deposit = world_.Deposit();
  ASSERT_THAT(deposit, IsOk());
  // Nobody got it yet: nobody is told.
  ASSERT_THAT(Correct(deposit->answer().deposit_id()), IsOk());
  EXPECT_THAT(Told("P_ALMELO"), IsEmpty());
  auto answer = world_.Ask();
  ASSERT_THAT(answer, IsOk());
  ASSERT_EQ(OutcomeOf(*answer), policy::v1::FieldOutcome::RELEASE);
  // Twice: still told once.
  ASSERT_THAT(world_.Ask(), IsOk());
  ASSERT_THAT(Correct(deposit->answer().deposit_id()), IsOk());
  auto told = Told("P_ALMELO");
  ASSERT_THAT(TypesOf(told), ElementsAre("value-corrected"));
  EXPECT_EQ(told[0].data.casus_id(), world_.casus_id());
  EXPECT_EQ(told[0].data.person_id(), world_.wijkteam_person());
  EXPECT_EQ(told[0].data.hat(), kWijkteam.hat);
  EXPECT_EQ(told[0].data.other().partij(), kGgz.partij);
  EXPECT_THAT(told[0].data.fields(), ElementsAre(std::string(kField)));
  ASSERT_THAT(WithdrawField(deposit->answer().deposit_id()), IsOk());
  EXPECT_THAT(TypesOf(Told("P_ALMELO")), ElementsAre("value-corrected", "value-withdrawn"));
  EXPECT_THAT(Told("P_POLITIE_ON"), IsEmpty());
}

TEST_F(NoticesTest, WhoGotAnEmptyAnswerIsNotToldThatThereIsAValue) {
  ASSERT_THAT(world_.Consent(), IsOk());
  const auto first = world_.Deposit();
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(WithdrawField(first->answer().deposit_id()), IsOk());
  const auto answer = world_.Ask();
  ASSERT_THAT(answer, IsOk());
  ASSERT_EQ(OutcomeOf(*answer), policy::v1::FieldOutcome::RELEASE);
  ASSERT_EQ(answer->values_size(), 0);
  const auto second = world_.Deposit();
  ASSERT_THAT(second, IsOk());
  ASSERT_THAT(Correct(second->answer().deposit_id()), IsOk());
  EXPECT_THAT(Told("P_ALMELO"), IsEmpty());
}

TEST_F(NoticesTest, ADryRunIsNoDelivery) {
  ASSERT_THAT(world_.Consent(), IsOk());
  const auto deposit = world_.Deposit();
  ASSERT_THAT(deposit, IsOk());
  auto question = world_.Question();
  question.set_validate_only(true);
  ASSERT_THAT(
      world_.Send<v1::RequestFieldsResponse>(kWijkteam, "SharingService/RequestFields", question),
      IsOk());
  ASSERT_THAT(Correct(deposit->answer().deposit_id()), IsOk());
  EXPECT_THAT(Told("P_ALMELO"), IsEmpty());
}

TEST_F(NoticesTest, AConsentThatWasUsedTellsItsRecipientThatItIsOver) {
  const auto consent = world_.Consent();
  ASSERT_THAT(consent, IsOk());
  ASSERT_THAT(world_.Ask(), IsOk());
  ASSERT_THAT(WithdrawConsent(kPortaal, consent->answer().consent_id()), IsOk());
  const auto recipient = Told("P_ALMELO");
  ASSERT_THAT(TypesOf(recipient), ElementsAre("consent-withdrawn"));
  EXPECT_EQ(recipient[0].data.subject_id(), consent->answer().consent_id());
  EXPECT_EQ(recipient[0].data.person_id(), world_.wijkteam_person());
  const auto source = Told("P_MEDIANT");
  ASSERT_THAT(TypesOf(source), ElementsAre("consent-withdrawn"));
  EXPECT_EQ(source[0].data.person_id(), world_.ggz_person());
  // Once: the first withdrawal stands.
  ASSERT_THAT(WithdrawConsent(kPortaal, consent->answer().consent_id()), IsOk());
  EXPECT_EQ(Told("P_ALMELO").size(), 1u);
}

TEST_F(NoticesTest, AConsentThatNobodyUsedTellsItsRecipientNothing) {
  // Otherwise the wijkteam would learn that Gerda is known at Mediant.
  const auto consent = world_.Consent();
  ASSERT_THAT(consent, IsOk());
  ASSERT_THAT(WithdrawConsent(kGgz, consent->answer().consent_id()), IsOk());
  EXPECT_THAT(Told("P_ALMELO"), IsEmpty());
}

TEST_F(NoticesTest, AConsentThatTheSourceNeverSawTellsItNothing) {
  policy::v1::Consent consent = world_.NewConsent();
  consent.set_person(world_.wijkteam_person());
  consent.set_status(policy::v1::Consent::GEWEIGERD);
  v1::RecordConsentRequest request;
  *request.mutable_consent() = consent;
  const auto recorded =
      world_.Send<v1::RecordConsentResponse>(kWijkteam, "ConsentService/RecordConsent", request);
  ASSERT_THAT(recorded, IsOk());
  ASSERT_THAT(WithdrawConsent(kPortaal, recorded->answer().consent_id()), IsOk());
  EXPECT_THAT(Told("P_MEDIANT"), IsEmpty());
  EXPECT_THAT(TypesOf(Told("P_ALMELO")), ElementsAre("consent-withdrawn"));
}

TEST_F(NoticesTest, RadicalisationSendsTheCasusToTheThreeAuthorities) {
  v1::RecordFactRequest request;
  request.set_casus_id(world_.casus_id());
  request.set_reference("dossier 4");
  request.mutable_fact()->mutable_radicalisation()->set_flagged(true);
  const auto recorded =
      world_.Send<v1::RecordFactResponse>(kWijkteam, "FactService/RecordFact", request);
  ASSERT_THAT(recorded, IsOk());
  std::set<std::string> told;
  for (const auto& partij : testing::ReferenceConvenant().message().parties()) {
    const auto notices = Told(partij.id());
    if (notices.empty()) continue;
    told.insert(partij.id());
    ASSERT_THAT(TypesOf(notices), ElementsAre("casus-redirected"));
    EXPECT_EQ(notices[0].event.data(), absl::StrCat("{\"casus_id\":\"", world_.casus_id(), "\"}"));
  }
  // The burgemeester is that of Almelo: P_ALMELO holds the hat, P_ENSCHEDE does too.
  EXPECT_THAT(told, Contains("P_POLITIE_ON"));
  EXPECT_THAT(told, Contains("P_ALMELO"));
  EXPECT_THAT(told, Not(Contains("P_ENSCHEDE")));
  EXPECT_THAT(told, Not(Contains("P_MEDIANT")));
  EXPECT_EQ(told.size(), 3u) << ::testing::PrintToString(told);
  ASSERT_THAT(world_.WithdrawFact(kWijkteam, recorded->answer().fact_id()), IsOk());
  EXPECT_THAT(TypesOf(Told("P_POLITIE_ON")), ElementsAre("casus-redirected", "fact-withdrawn"));
}

TEST_F(NoticesTest, AnObjectionThatIsWithdrawnIsNobodyElsesBusiness) {
  const auto objection = world_.Object();
  ASSERT_THAT(objection, IsOk());
  ASSERT_THAT(world_.Ask(), IsOk());
  ASSERT_THAT(world_.WithdrawFact(kGgz, objection->answer().fact_id()), IsOk());
  EXPECT_THAT(Told("P_ALMELO"), IsEmpty());
}

TEST_F(NoticesTest, AnotherPolicyIsToldToAll) {
  Broker& broker = broker_.assembly().broker();
  // The same again tells nobody.
  ASSERT_THAT(broker.Activate(testing::ReferencePolicy()), IsOk());
  EXPECT_THAT(Told("P_POLITIE_ON"), IsEmpty());
  policy::v1::Convenant changed = testing::ReferenceConvenant().message();
  changed.set_version("9.9.9");
  const auto policy = PolicyOf(changed);
  ASSERT_NE(policy, nullptr);
  ASSERT_THAT(broker.Activate(policy), IsOk());
  for (const auto& partij : changed.parties()) {
    const auto told = Told(partij.id());
    ASSERT_THAT(TypesOf(told), ElementsAre("convenant-changed")) << partij.id();
    EXPECT_EQ(told[0].data.result(), "9.9.9");
  }
}

// ---- Pages ----

TEST_F(NoticesTest, PagesGoOnWhereTheyEnded) {
  for (int i = 0; i < 7; ++i) Happen();
  const auto all = Told("P_MEDIANT");  // in pages of three
  ASSERT_EQ(all.size(), 7u);
  std::set<std::string> ids;
  for (const ReadNotice& notice : all) ids.insert(notice.id);
  EXPECT_EQ(ids.size(), 7u);
  // From now on there is nothing, until there is.
  v1::ListNoticesRequest request;
  auto page = broker_.Send<v1::ListNoticesResponse>(
      "P_MEDIANT", "/sluis.v1.NotificationService/ListNotices", request);
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->events_size(), 0);
  Happen();
  request.set_cursor(page->cursor());
  page = broker_.Send<v1::ListNoticesResponse>(
      "P_MEDIANT", "/sluis.v1.NotificationService/ListNotices", request);
  ASSERT_THAT(page, IsOk());
  ASSERT_EQ(page->events_size(), 1);
  // The same cursor again: the same event, by the same id.
  const auto again = broker_.Send<v1::ListNoticesResponse>(
      "P_MEDIANT", "/sluis.v1.NotificationService/ListNotices", request);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->SerializeAsString(), page->SerializeAsString());
}

TEST_F(NoticesTest, TypesAreChosen) {
  Happen();
  ASSERT_THAT(world_.Close(), IsOk());
  EXPECT_THAT(TypesOf(AllNotices(broker_, "P_MEDIANT", "casus-closed")),
              ElementsAre("casus-closed"));
}

TEST_F(NoticesTest, MalformedRequestsNameTheElement) {
  const auto bad = [&](auto change, const std::string& field) {
    v1::ListNoticesRequest request;
    change(request);
    const auto page = broker_.Send<v1::ListNoticesResponse>(
        "P_MEDIANT", "/sluis.v1.NotificationService/ListNotices", request);
    EXPECT_THAT(page, IsError(Code::kInvalidArgument, "MALFORMED")) << field;
    EXPECT_EQ(MetadataOf(page.status())["field"], field);
    v1::SubscribeRequest subscribe;
    subscribe.set_cursor(request.cursor());
    *subscribe.mutable_types() = request.types();
    if (field == "page_size") return;
    Subscriber subscriber(broker_.assembly().broker(), "P_MEDIANT", subscribe);
    const absl::Status end = subscriber.AwaitEnd();
    EXPECT_THAT(end, IsError(Code::kInvalidArgument, "MALFORMED")) << field;
    EXPECT_EQ(MetadataOf(end)["field"], field);
  };
  bad([](auto& request) { request.set_cursor("7"); }, "cursor");
  bad([](auto& request) { request.set_cursor("00000000000000070000000"); }, "cursor");
  bad([](auto& request) { request.set_cursor("000000000000000A00000000"); }, "cursor");
  bad([](auto& request) { request.add_types("decision-asked"); }, "types[0]");
  bad([](auto& request) { request.add_types("nl.sluis.notice-type-unspecified"); }, "types[0]");
  bad(
      [](auto& request) {
        for (int i = 0; i < 101; ++i) request.add_types("nl.sluis.casus-closed");
      },
      "types");
  bad([](auto& request) { request.set_page_size(-1); }, "page_size");
}

TEST(NoticeCursorTest, IsReadAsItWasWritten) {
  for (const state::NoticeCursor cursor :
       {state::NoticeCursor{0, 0}, state::NoticeCursor{7, 2},
        state::NoticeCursor{UINT64_MAX, UINT32_MAX}, state::NoticeCursor::OfSize(12)}) {
    const auto read = state::NoticeCursor::Parse(cursor.ToString());
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(*read, cursor);
  }
}

// ---- Streams ----

TEST_F(NoticesTest, AStreamCatchesUpAndThenFollows) {
  for (int i = 0; i < 3; ++i) Happen();
  Subscriber subscriber(broker_.assembly().broker(), "P_MEDIANT", FromOldest());
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    const auto message = subscriber.NextEvent();
    ASSERT_TRUE(message);
    ids.push_back(message->event().id());
  }
  // Caught up: a cursor alone.
  auto message = subscriber.Next();
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->has_event());
  EXPECT_NE(message->cursor(), "");
  Happen();
  message = subscriber.NextEvent();
  ASSERT_TRUE(message);
  ids.push_back(message->event().id());
  std::vector<std::string> expected;
  for (const ReadNotice& notice : Told("P_MEDIANT")) expected.push_back(notice.id);
  EXPECT_EQ(ids, expected);
}

TEST_F(NoticesTest, AStreamFromNowOnHasACursorBeforeItHasAnEvent) {
  Happen();
  std::string cursor;
  {
    Subscriber subscriber(broker_.assembly().broker(), "P_MEDIANT", {});
    const auto message = subscriber.Next();
    ASSERT_TRUE(message);
    ASSERT_FALSE(message->has_event());
    cursor = message->cursor();
  }
  // What happens while nobody listens is there for who comes back.
  Happen();
  v1::SubscribeRequest request;
  request.set_cursor(cursor);
  Subscriber subscriber(broker_.assembly().broker(), "P_MEDIANT", request);
  const auto message = subscriber.NextEvent();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->event().id(), Told("P_MEDIANT")[1].id);
}

TEST_F(NoticesTest, EveryCursorGoesOnWithTheNextEvent) {
  for (int i = 0; i < 5; ++i) Happen();
  const auto all = Told("P_MEDIANT");
  std::vector<std::string> cursors;
  {
    Subscriber subscriber(broker_.assembly().broker(), "P_MEDIANT", FromOldest());
    for (size_t i = 0; i < all.size(); ++i) {
      const auto message = subscriber.NextEvent();
      ASSERT_TRUE(message);
      cursors.push_back(message->cursor());
    }
  }
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    v1::SubscribeRequest request;
    request.set_cursor(cursors[i]);
    Subscriber subscriber(broker_.assembly().broker(), "P_MEDIANT", request);
    const auto message = subscriber.NextEvent();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->event().id(), all[i + 1].id);
  }
}

TEST_F(NoticesTest, ASlowReaderGetsAllInOrder) {
  // Two at a time, while more come.
  Subscriber subscriber(broker_.assembly().broker(), "P_MEDIANT", FromOldest(), 2);
  constexpr int kEvents = 40;
  for (int i = 0; i < kEvents; ++i) Happen();
  std::vector<std::string> ids;
  while (ids.size() < kEvents) {
    const auto message = subscriber.NextEvent();
    ASSERT_TRUE(message) << ids.size();
    ids.push_back(message->event().id());
  }
  std::vector<std::string> expected;
  for (const ReadNotice& notice : Told("P_MEDIANT")) expected.push_back(notice.id);
  EXPECT_EQ(ids, expected);
}

TEST_F(NoticesTest, SeveralStreamsFollowAtOnceEachItsOwnPartij) {
  Broker& broker = broker_.assembly().broker();
  std::vector<std::unique_ptr<Subscriber>> mediant;
  for (int i = 0; i < 4; ++i)
    mediant.push_back(std::make_unique<Subscriber>(broker, "P_MEDIANT", FromOldest()));
  Subscriber almelo(broker, "P_ALMELO", FromOldest());
  Subscriber politie(broker, "P_POLITIE_ON", FromOldest());
  constexpr int kEvents = 6;
  for (int i = 0; i < kEvents; ++i) Happen();
  for (int i = 0; i < kEvents; ++i) {
    for (const auto& subscriber : mediant) {
      const auto message = subscriber->NextEvent();
      ASSERT_TRUE(message);
      EXPECT_THAT(message->event().id(), ::testing::StartsWith("P_MEDIANT-"));
    }
    const auto message = almelo.NextEvent();
    ASSERT_TRUE(message);
    EXPECT_THAT(message->event().id(), ::testing::StartsWith("P_ALMELO-"));
  }
  // Nothing but where it is.
  auto message = politie.Next();
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->has_event());
}

TEST_F(NoticesTest, AStreamHasOneRequest) {
  Subscriber subscriber(broker_.assembly().broker(), "P_MEDIANT", {});
  subscriber.stream().OnMessage("");
  EXPECT_THAT(subscriber.AwaitEnd(), IsError(Code::kInvalidArgument, "MALFORMED"));
}

TEST_F(NoticesTest, AStreamMayOutliveTheEndOfRequests) {
  Subscriber subscriber(broker_.assembly().broker(), "P_MEDIANT", {});
  subscriber.stream().OnLastMessage();
  ASSERT_TRUE(subscriber.Next());
  Happen();
  EXPECT_TRUE(subscriber.NextEvent());
}

TEST_F(NoticesTest, APartijHasNotAsManyStreamsAsItLikes) {
  Broker& broker = broker_.assembly().broker();
  std::vector<std::unique_ptr<Subscriber>> streams;
  for (int i = 0; i < 32; ++i)
    streams.push_back(std::make_unique<Subscriber>(broker, "P_MEDIANT", v1::SubscribeRequest()));
  {
    Subscriber one_more(broker, "P_MEDIANT", {});
    EXPECT_THAT(one_more.AwaitEnd(), IsError(Code::kResourceExhausted, "TOO_MANY_STREAMS"));
  }
  // Others have theirs, and there is room again for who ends one.
  Subscriber other(broker, "P_ALMELO", {});
  EXPECT_TRUE(other.Next());
  streams.pop_back();
  v1::SubscribeRequest request;
  const absl::Time until = absl::Now() + kPatience;
  for (bool taken = false; !taken;) {
    ASSERT_LT(absl::Now(), until);
    Subscriber again(broker, "P_MEDIANT", request);
    taken = again.Next(absl::Milliseconds(200)).has_value();
  }
}

TEST_F(NoticesTest, WhoIsNoPartijAnyMoreHasNoStream) {
  Broker& broker = broker_.assembly().broker();
  Subscriber subscriber(broker, "P_POLITIE_ON", {});
  ASSERT_TRUE(subscriber.Next());
  policy::v1::Convenant changed = testing::ReferenceConvenant().message();
  for (auto& partij : *changed.mutable_parties()) {
    if (partij.id() == kPolitie.partij) partij.set_oin("00000099000000099000");
  }
  const auto policy = PolicyOf(changed);
  ASSERT_NE(policy, nullptr);
  ASSERT_THAT(broker.Activate(policy), IsOk());
  EXPECT_THAT(subscriber.AwaitEnd(), IsError(Code::kPermissionDenied, "NOT_A_PARTIJ"));
}

// ---- Restart, another process, age ----

TEST(NoticesOverRestartTest, ACursorOutlivesTheBroker) {
  const testing::TempDir directory;
  std::string cursor;
  std::string casus_id;
  {
    testing::TestBroker broker(directory.path(), testing::ReferencePolicy(), TestNow());
    SmallWorld world(broker);
    ASSERT_THAT(world.PutActors(), IsOk());
    ASSERT_THAT(world.Build(), IsOk());
    casus_id = world.casus_id();
    Subscriber subscriber(broker.assembly().broker(), "P_MEDIANT", {});
    ASSERT_THAT(world.Scale(kRegie, "AVE_3L"), IsOk());
    const auto message = subscriber.NextEvent();
    ASSERT_TRUE(message);
    cursor = message->cursor();
    ASSERT_THAT(world.Close(), IsOk());
  }
  testing::TestBroker broker(directory.path(), testing::ReferencePolicy(), TestNow());
  v1::SubscribeRequest request;
  request.set_cursor(cursor);
  Subscriber subscriber(broker.assembly().broker(), "P_MEDIANT", request);
  const auto message = subscriber.NextEvent();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->event().type(), "nl.sluis.casus-closed");
  EXPECT_EQ(message->event().subject(), casus_id);
}

class NoticesInAStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = OpenStoreIn(directory_.path().string());
    store_ = store.get();
    auto options = OptionsOn(directory_.path().string(), std::move(store));
    vault_ = options.vault.get();
    auto opened = assembly::Assembly::Open(std::move(options), TestLogKey());
    ASSERT_THAT(opened, IsOk());
    assembly_ = *std::move(opened);
    transport_ = std::make_unique<AssemblyTransport>(*assembly_);
    ASSERT_THAT(transport_->SetClock(TestNow()), IsOk());
    world_ = std::make_unique<SmallWorld>(*transport_);
    ASSERT_THAT(world_->PutActors(), IsOk());
    ASSERT_THAT(world_->Build(), IsOk());
  }

  const testing::TempDir directory_;
  store::Store* store_ = nullptr;
  vault::Vault* vault_ = nullptr;
  std::unique_ptr<assembly::Assembly> assembly_;
  std::unique_ptr<AssemblyTransport> transport_;
  std::unique_ptr<SmallWorld> world_;
};

TEST_F(NoticesInAStoreTest, AreNumberedPerEntryAndPartij) {
  store::v1::Notice notice;
  notice.set_type(store::v1::NoticeType::CASUS_CLOSED);
  {
    const auto transaction = *store_->Begin();
    for (int i = 0; i < 3; ++i) {
      ASSERT_THAT(state::PutNotice(*transaction, *vault_, "P_A", 900, notice), IsOk());
      ASSERT_THAT(state::PutNotice(*transaction, *vault_, "P_AB", 900, notice), IsOk());
    }
    ASSERT_THAT(state::PutNotice(*transaction, *vault_, "P_A", 901, notice), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  const auto reader = *store_->Read();
  const auto notices =
      state::ReadNotices(*reader, *vault_, "P_A", state::NoticeCursor::Start(), 100);
  ASSERT_THAT(notices, IsOk());
  std::vector<state::NoticeCursor> cursors;
  for (const auto& stored : *notices) cursors.push_back(stored.cursor);
  EXPECT_THAT(cursors, ElementsAre(state::NoticeCursor{900, 1}, state::NoticeCursor{900, 2},
                                   state::NoticeCursor{900, 3}, state::NoticeCursor{901, 1}));
  const auto rest = state::ReadNotices(*reader, *vault_, "P_A", {900, 2}, 1);
  ASSERT_THAT(rest, IsOk());
  ASSERT_EQ(rest->size(), 1u);
  EXPECT_EQ(rest->front().cursor, (state::NoticeCursor{900, 3}));
}

TEST_F(NoticesInAStoreTest, ARowThatWasMovedIsNotRead) {
  ASSERT_THAT(world_->Close(), IsOk());
  const auto transaction = *store_->Begin();
  const auto rows = transaction->Scan(store::Table::kNotice, std::string("P_MEDIANT\0", 10), {}, 9);
  ASSERT_THAT(rows, IsOk());
  ASSERT_EQ(rows->size(), 1u);
  std::string moved = "P_POLITIE_ON" + rows->front().key.substr(9);
  ASSERT_THAT(transaction->Put(store::Table::kNotice, moved, rows->front().value), IsOk());
  EXPECT_THAT(
      state::ReadNotices(*transaction, *vault_, "P_POLITIE_ON", state::NoticeCursor::Start(), 9),
      IsError(Code::kDataLoss, "SEAL_BROKEN"));
}

TEST_F(NoticesInAStoreTest, AreFoundWhenAnotherProcessWroteThem) {
  Subscriber subscriber(assembly_->broker(), "P_MEDIANT", {});
  ASSERT_TRUE(subscriber.Next());
  // Only the store knows of it, as when a replica wrote.
  {
    const auto transaction = *store_->Begin();
    const auto head = transaction->Head();
    ASSERT_THAT(head, IsOk());
    store::v1::Notice notice;
    notice.set_type(store::v1::NoticeType::CASUS_CLOSED);
    ASSERT_THAT(state::PutNotice(*transaction, *vault_, "P_MEDIANT", head->size, notice), IsOk());
    store::HeadRow next = *head;
    ++next.size;
    ASSERT_THAT(transaction->PutHead(next), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  EXPECT_TRUE(subscriber.NextEvent());
}

TEST_F(NoticesInAStoreTest, AThousandWaitForWhoComesLate) {
  constexpr uint32_t kMany = 1000;
  {
    const auto transaction = *store_->Begin();
    store::v1::Notice notice;
    notice.set_type(store::v1::NoticeType::PHASE_CHANGED);
    for (uint32_t i = 0; i < kMany; ++i)
      ASSERT_THAT(state::PutNotice(*transaction, *vault_, "P_MEDIANT", 100 + i, notice), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  Subscriber subscriber(assembly_->broker(), "P_MEDIANT", FromOldest(), 10);
  for (uint32_t i = 0; i < kMany; ++i) {
    const auto message = subscriber.NextEvent();
    ASSERT_TRUE(message) << i;
    ASSERT_EQ(message->event().id(),
              absl::StrCat("P_MEDIANT-", state::NoticeCursor{100 + i, 1}.ToString()));
  }
}

TEST_F(NoticesInAStoreTest, GoWhenTheyAreOldAndCursorsSaySo) {
  ASSERT_THAT(world_->Scale(kRegie, "AVE_3L"), IsOk());
  const auto old = AllNotices(*transport_, "P_MEDIANT");
  ASSERT_EQ(old.size(), 1u);
  ASSERT_THAT(transport_->SetClock(TestNow() + absl::Hours(24 * 31)), IsOk());
  ASSERT_THAT(world_->Close(), IsOk());
  SchedulerOptions options;
  options.store = store_;
  options.clock = &assembly_->clock();
  options.machine_clock = &SystemClock();
  std::vector<Job> jobs;
  for (Job& job : AllJobs()) {
    if (job.name == "notices") jobs.push_back(std::move(job));
  }
  ASSERT_EQ(jobs.size(), 1u);
  Scheduler scheduler(options, assembly_->broker(), std::move(jobs));
  const auto ran = scheduler.RunDue();
  ASSERT_THAT(ran, IsOk());
  EXPECT_EQ(*ran, 1);
  EXPECT_THAT(TypesOf(AllNotices(*transport_, "P_MEDIANT")), ElementsAre("casus-closed"));
  EXPECT_THAT(TypesOf(AllNotices(*transport_, "P_ALMELO")), ElementsAre("casus-closed"));
  // Who was at the first one, or before it, may have missed something.
  v1::SubscribeRequest request;
  request.set_cursor(state::NoticeCursor::OfSize(1).ToString());
  Subscriber late(assembly_->broker(), "P_MEDIANT", request);
  EXPECT_THAT(late.AwaitEnd(), IsError(Code::kFailedPrecondition, "CURSOR_EXPIRED"));
  Subscriber fresh(assembly_->broker(), "P_MEDIANT", FromOldest());
  EXPECT_TRUE(fresh.NextEvent());
}

}  // namespace
}  // namespace sluis::broker
