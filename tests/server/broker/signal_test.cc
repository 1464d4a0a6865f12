// Zorgmelding and vroegsignaal through the calls of the contract: one message, one closed set, one
// receiver, and an answer (R-A-15, R-A-31, S-01, S-06).

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "casework.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/testing/world.h"
#include "sluis/v1/signal.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::ReasonCode;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using Code = absl::StatusCode;

constexpr Side kPolitie{"P_POLITIE_ON", "POLITIE"};
constexpr Side kMeldpunt{"P_ALMELO", "GEM_COLLEGE_WMO"};
constexpr Side kSchuldhulp{"P_ALMELO", "GEM_SCHULDHULP"};
constexpr Side kCorporatie{"P_TWENTEBELT", "WONINGCORPORATIE"};

class SignalTest : public ::testing::Test {
 protected:
  explicit SignalTest(std::string_view switches = "S-01")
      : broker_(directory_.path(), testing::ReferencePolicy(SwitchesOf(switches)), TestNow()) {}

  void SetUp() override {
    ASSERT_THAT(world_.PutActors({"P_POLITIE_ON", "P_TWENTEBELT", "P_HENGELO"}), IsOk());
  }

  static v1::SignalField Field(const std::string& name) {
    v1::SignalField out;
    out.set_field(name);
    for (const auto& field : testing::ReferenceConvenant().message().fields()) {
      if (field.name() == name)
        *out.mutable_content()->mutable_value() = testing::SampleValue(field);
    }
    if (name == "zorgmelding_soort") out.mutable_content()->mutable_value()->set_token("NAZ");
    out.mutable_content()->set_value_date("2026-11-20");
    out.mutable_content()->mutable_labels()->set_nature(v1::PoliceLabels::FACT);
    out.mutable_content()->mutable_labels()->set_subject(v1::PoliceLabels::NONE);
    return out;
  }
  static v1::SendSignalRequest NewSignal(const char* tafel, const char* purpose, Side receiver,
                                         const std::vector<std::string>& fields) {
    v1::SendSignalRequest request;
    request.set_tafel(tafel);
    request.set_purpose(purpose);
    request.mutable_receiver()->set_partij(std::string(receiver.partij));
    request.mutable_receiver()->set_hat(std::string(receiver.hat));
    for (const std::string& field : fields) *request.add_fields() = Field(field);
    request.set_first_processed("2026-11-20");
    request.set_deposit_end("2027-05-20");
    request.set_reference("PL0500-2026-1");
    return request;
  }
  static v1::SendSignalRequest NewZorgmelding(int person = 1) {
    v1::SendSignalRequest request = NewSignal(
        "K_MELDPUNT", "D02", kMeldpunt,
        {"voornamen", "geslachtsnaam", "geboortedatum", "adres_brp", "telefoonnummer",
         "zorgmelding_registratienummer", "zorgmelding_soort", "zorgmelding_samenvatting"});
    request.set_bsn(testing::TestBsn(person));
    request.set_bsn_verified(true);
    return request;
  }
  static v1::SendSignalRequest NewVroegsignaal() {
    v1::SendSignalRequest request =
        NewSignal("K_VROEGSIGNALERING", "D01", kSchuldhulp,
                  {"voornamen", "geslachtsnaam", "adres_brp", "telefoonnummer",
                   "huurachterstand_bedrag", "signaal_voorwaarden_voldaan"});
    request.set_attestation_date("2026-11-25");
    for (int i = 0; i < 4; ++i) request.add_preconditions(true);
    return request;
  }
  absl::StatusOr<v1::SendSignalResponse> Send(Side side, v1::SendSignalRequest request) {
    return world_.Send<v1::SendSignalResponse>(side, "SignalService/SendSignal",
                                               std::move(request));
  }
  absl::StatusOr<v1::AnswerSignalResponse> Answer(
      Side side, const std::string& id, v1::SignalOutcome outcome = v1::SIGNAL_OUTCOME_HANDLED) {
    v1::AnswerSignalRequest request;
    request.set_signal_id(id);
    request.set_outcome(outcome);
    return world_.Send<v1::AnswerSignalResponse>(side, "SignalService/AnswerSignal", request);
  }
  absl::StatusOr<v1::GetSignalResponse> Get(Side side, const std::string& id) {
    v1::GetSignalRequest request;
    request.set_acting_hat(std::string(side.hat));
    request.set_professional(std::string(kActor));
    request.set_signal_id(id);
    return broker_.Send<v1::GetSignalResponse>(side.partij, "/sluis.v1.SignalService/GetSignal",
                                               request);
  }
  v1::ListSignalsResponse List(Side side, bool open = false, int size = 0,
                               const std::string& token = "") {
    v1::ListSignalsRequest request;
    request.set_acting_hat(std::string(side.hat));
    request.set_professional(std::string(kActor));
    request.set_open(open);
    request.set_page_size(size);
    request.set_page_token(token);
    const auto response = broker_.Send<v1::ListSignalsResponse>(
        side.partij, "/sluis.v1.SignalService/ListSignals", request);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? *response : v1::ListSignalsResponse();
  }
  int Casussen(std::string_view partij) {
    const auto response = broker_.Send<v1::ListCasussenResponse>(
        partij, "/sluis.v1.CasusService/ListCasussen", v1::ListCasussenRequest());
    EXPECT_THAT(response, IsOk());
    return response.ok() ? response->casussen_size() : -1;
  }
  // The receiver asks for one field of a signal.
  ReasonCode::Id Ask(Side receiver, Side sender, const v1::SignalView& signal,
                     const std::string& field) {
    v1::RequestFieldsRequest request;
    request.set_casus_id(signal.casus_id());
    request.set_tafel(signal.tafel());
    request.mutable_source()->set_partij(std::string(sender.partij));
    request.mutable_source()->set_hat(std::string(sender.hat));
    request.set_purpose(signal.purpose());
    request.set_person_id(signal.person_id());
    request.add_fields()->set_field(field);
    request.mutable_fields(0)->set_motivation("nodig voor deze vraag");
    const auto response =
        world_.Send<v1::RequestFieldsResponse>(receiver, "SharingService/RequestFields", request);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? CodeOf(*response) : ReasonCode::REASON_CODE_UNSPECIFIED;
  }
  void ExpectRejected(Side side, const v1::SendSignalRequest& request, Code code,
                      const char* reason, const std::string& field) {
    const int before = Casussen("P_ALMELO");
    const auto response = Send(side, request);
    EXPECT_THAT(response, IsError(code, reason)) << field;
    EXPECT_EQ(MetadataOf(response.status())["field"], field);
    EXPECT_EQ(response.status().message().find("KWIKSTAART"), absl::string_view::npos);
    EXPECT_EQ(Casussen("P_ALMELO"), before);
  }

  const testing::TempDir directory_;
  testing::TestBroker broker_;
  SmallWorld world_{broker_};
};

// ---- Zorgmelding ----

TEST_F(SignalTest, AZorgmeldingOpensACasusOfTheMeldpuntAndItsFieldsCanBeAsked) {
  const auto sent = Send(kPolitie, NewZorgmelding());
  ASSERT_THAT(sent, IsOk());
  EXPECT_EQ(sent->answer().deposits_size(), 8);
  EXPECT_EQ(sent->receipts_size(), 1);
  EXPECT_EQ(Casussen("P_ALMELO"), 1);
  EXPECT_EQ(Casussen("P_POLITIE_ON"), 0);
  const auto notices = NoticesOf(broker_, "P_ALMELO");
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].type(), store::v1::NoticeType::SIGNAL_RECEIVED);
  EXPECT_EQ(notices[0].subject_id(), sent->answer().signal_id());
  EXPECT_EQ(notices[0].hat(), "GEM_COLLEGE_WMO");
  const auto got = Get(kMeldpunt, sent->answer().signal_id());
  ASSERT_THAT(got, IsOk());
  EXPECT_EQ(got->signal().casus_id(), notices[0].casus_id());
  EXPECT_EQ(got->signal().person_id(), notices[0].person_id());
  EXPECT_EQ(got->signal().reference(), "");
  EXPECT_EQ(got->signal().fields_size(), 8);
  for (const std::string& field : got->signal().fields())
    EXPECT_EQ(Ask(kMeldpunt, kPolitie, got->signal(), field), ReasonCode::RELEASED) << field;
  // What the police did not send is not there, and what is never exchanged stays so.
  EXPECT_EQ(Ask(kMeldpunt, kPolitie, got->signal(), "verdenking_lopend_onderzoek_art9"),
            ReasonCode::POLICE_ARTICLE_EXCLUDED);
}

TEST_F(SignalTest, TheThreeKindsOfZorgmeldingAndNoOther) {
  int person = 1;
  for (const char* kind : {"NAZ", "VT", "ZVH"}) {
    v1::SendSignalRequest request = NewZorgmelding(person++);
    request.mutable_fields(6)->mutable_content()->mutable_value()->set_token(kind);
    EXPECT_THAT(Send(kPolitie, request), IsOk()) << kind;
  }
  v1::SendSignalRequest request = NewZorgmelding(person);
  request.mutable_fields(6)->mutable_content()->mutable_value()->set_token("AANHOUDING");
  ExpectRejected(kPolitie, request, Code::kFailedPrecondition, "SIGNAL_REJECTED",
                 "fields[6].content.value");
}

TEST_F(SignalTest, ASecondOneAboutThePersonJoinsTheOpenCasus) {
  const auto first = Send(kPolitie, NewZorgmelding(1));
  const auto second = Send(kPolitie, NewZorgmelding(1));
  const auto other = Send(kPolitie, NewZorgmelding(2));
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ(Casussen("P_ALMELO"), 2);
  const auto casus_of = [&](const auto& sent) {
    return Get(kMeldpunt, sent->answer().signal_id())->signal().casus_id();
  };
  EXPECT_EQ(casus_of(first), casus_of(second));
  EXPECT_NE(casus_of(first), casus_of(other));
  // Elsewhere nobody knows of it: another gemeente gets an envelope of its own.
  v1::SendSignalRequest elsewhere = NewZorgmelding(1);
  elsewhere.mutable_receiver()->set_partij("P_HENGELO");
  ASSERT_THAT(Send(kPolitie, elsewhere), IsOk());
  EXPECT_EQ(Casussen("P_HENGELO"), 1);
  // The casus ends with the last of its signals, and the next one opens another.
  const auto answered = Answer(kMeldpunt, first->answer().signal_id());
  ASSERT_THAT(answered, IsOk());
  EXPECT_FALSE(answered->answer().casus_closed());
  const auto last = Answer(kMeldpunt, second->answer().signal_id());
  ASSERT_THAT(last, IsOk());
  EXPECT_TRUE(last->answer().casus_closed());
  const auto third = Send(kPolitie, NewZorgmelding(1));
  ASSERT_THAT(third, IsOk());
  EXPECT_NE(casus_of(first), casus_of(third));
}

TEST_F(SignalTest, TheAnswerGoesBackToTheSenderOnce) {
  const auto sent = Send(kPolitie, NewZorgmelding());
  ASSERT_THAT(sent, IsOk());
  const std::string& id = sent->answer().signal_id();
  EXPECT_EQ(Get(kPolitie, id)->signal().outcome(), v1::SIGNAL_OUTCOME_UNSPECIFIED);
  EXPECT_EQ(List(kPolitie, true).signals_size(), 1);
  const v1::SignalView received = Get(kMeldpunt, id)->signal();
  EXPECT_EQ(Ask(kMeldpunt, kPolitie, received, "zorgmelding_samenvatting"), ReasonCode::RELEASED);
  ASSERT_THAT(Answer(kMeldpunt, id, v1::SIGNAL_OUTCOME_NO_CONTACT), IsOk());
  const auto got = Get(kPolitie, id);
  ASSERT_THAT(got, IsOk());
  EXPECT_EQ(got->signal().outcome(), v1::SIGNAL_OUTCOME_NO_CONTACT);
  EXPECT_EQ(got->signal().answered_on(), "2026-11-30");
  EXPECT_EQ(got->signal().reference(), "PL0500-2026-1");
  // Nothing of the receiver's own.
  EXPECT_EQ(got->signal().casus_id(), "");
  EXPECT_EQ(got->signal().person_id(), "");
  EXPECT_EQ(List(kPolitie, true).signals_size(), 0);
  EXPECT_EQ(List(kPolitie).signals_size(), 1);
  const auto notices = NoticesOf(broker_, "P_POLITIE_ON");
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].type(), store::v1::NoticeType::SIGNAL_ANSWERED);
  EXPECT_EQ(notices[0].subject_id(), id);
  EXPECT_EQ(notices[0].result(), "SIGNAL_OUTCOME_NO_CONTACT");
  EXPECT_EQ(notices[0].casus_id(), "");
  EXPECT_EQ(notices[0].person_id(), "");
  EXPECT_THAT(Answer(kMeldpunt, id), IsError(Code::kAlreadyExists, "SIGNAL_ANSWERED"));
  // The envelope ended with it.
  EXPECT_EQ(Ask(kMeldpunt, kPolitie, received, "zorgmelding_samenvatting"),
            ReasonCode::CASE_CLOSED);
}

TEST_F(SignalTest, NobodyElseSeesOrAnswersASignal) {
  const auto sent = Send(kPolitie, NewZorgmelding());
  ASSERT_THAT(sent, IsOk());
  const std::string& id = sent->answer().signal_id();
  const auto unknown = IsError(Code::kNotFound, "SIGNAL_UNKNOWN");
  for (const Side side : {kSchuldhulp, kRegie, kCorporatie}) {
    EXPECT_THAT(Get(side, id), unknown) << side.hat;
    EXPECT_THAT(Answer(side, id), unknown) << side.hat;
    EXPECT_THAT(List(side).signals(), IsEmpty()) << side.hat;
  }
  EXPECT_THAT(Answer(kPolitie, id), unknown);
  EXPECT_THAT(Get(kMeldpunt, testing::NewRequestId()), unknown);
  // A hat that the caller does not hold, or a professional who is not on record.
  v1::GetSignalRequest request;
  request.set_acting_hat("POLITIE");
  request.set_professional(std::string(kActor));
  request.set_signal_id(id);
  EXPECT_THAT(
      broker_.Send<v1::GetSignalResponse>("P_ALMELO", "/sluis.v1.SignalService/GetSignal", request),
      IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  request.set_acting_hat("GEM_COLLEGE_WMO");
  request.set_professional("niemand");
  EXPECT_THAT(
      broker_.Send<v1::GetSignalResponse>("P_ALMELO", "/sluis.v1.SignalService/GetSignal", request),
      IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
}

TEST_F(SignalTest, ListsInPages) {
  for (int person = 1; person <= 5; ++person)
    ASSERT_THAT(Send(kPolitie, NewZorgmelding(person)), IsOk());
  std::vector<std::string> seen;
  std::string token;
  do {
    const auto page = List(kMeldpunt, false, 2, token);
    for (const v1::SignalView& signal : page.signals()) seen.push_back(signal.signal_id());
    token = page.next_page_token();
  } while (!token.empty());
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 5U);
  EXPECT_EQ(seen.size(), 5U);
}

TEST_F(SignalTest, OneFieldTooManyRefusesTheWholeMessage) {
  v1::SendSignalRequest request = NewZorgmelding();
  *request.add_fields() = Field("politie_incidenten_art8_12mnd");
  ExpectRejected(kPolitie, request, Code::kFailedPrecondition, "SIGNAL_REJECTED",
                 "fields[8].field");
  EXPECT_THAT(List(kPolitie).signals(), IsEmpty());
  EXPECT_THAT(NoticesOf(broker_, "P_ALMELO"), IsEmpty());
}

TEST_F(SignalTest, PoliceDataWithoutLabelsAreNotTaken) {
  v1::SendSignalRequest request = NewZorgmelding();
  request.mutable_fields(7)->mutable_content()->clear_labels();
  ExpectRejected(kPolitie, request, Code::kInvalidArgument, "MALFORMED",
                 "fields[7].content.labels");
}

// ---- Vroegsignaal ----

TEST_F(SignalTest, AVroegsignaalComesWithItsFourSteps) {
  const auto sent = Send(kCorporatie, NewVroegsignaal());
  ASSERT_THAT(sent, IsOk());
  const auto got = Get(kSchuldhulp, sent->answer().signal_id());
  ASSERT_THAT(got, IsOk());
  v1::RequestFieldsRequest request;
  request.set_casus_id(got->signal().casus_id());
  request.set_tafel("K_VROEGSIGNALERING");
  request.mutable_source()->set_partij("P_TWENTEBELT");
  request.mutable_source()->set_hat("WONINGCORPORATIE");
  request.set_purpose("D01");
  request.set_person_id(got->signal().person_id());
  for (const std::string& field : got->signal().fields()) {
    request.add_fields()->set_field(field);
    request.mutable_fields(request.fields_size() - 1)->set_motivation("vroegsignaal");
  }
  const auto asked =
      world_.Send<v1::RequestFieldsResponse>(kSchuldhulp, "SharingService/RequestFields", request);
  ASSERT_THAT(asked, IsOk());
  EXPECT_EQ(asked->values_size(), 6);
  for (const auto& field : asked->answer().fields())
    EXPECT_EQ(field.code(), ReasonCode::RELEASED) << field.field();
}

TEST_F(SignalTest, EachMissingStepRefusesTheWholeMessage) {
  for (int step = 0; step < 4; ++step) {
    v1::SendSignalRequest request = NewVroegsignaal();
    request.set_preconditions(step, false);
    ExpectRejected(kCorporatie, request, Code::kFailedPrecondition, "SIGNAL_REJECTED",
                   absl::StrCat("preconditions[", step, "]"));
    request = NewVroegsignaal();
    request.mutable_fields(5)
        ->mutable_content()
        ->mutable_value()
        ->mutable_list()
        ->mutable_values(step)
        ->set_boolean(false);
    ExpectRejected(kCorporatie, request, Code::kFailedPrecondition, "SIGNAL_REJECTED",
                   absl::StrCat("fields[5].content.value.list.values[", step, "]"));
  }
  v1::SendSignalRequest request = NewVroegsignaal();
  request.clear_preconditions();
  ExpectRejected(kCorporatie, request, Code::kFailedPrecondition, "SIGNAL_REJECTED",
                 "preconditions");
  request = NewVroegsignaal();
  request.clear_attestation_date();
  ExpectRejected(kCorporatie, request, Code::kFailedPrecondition, "SIGNAL_REJECTED",
                 "attestation_date");
  request = NewVroegsignaal();
  *request.add_fields() = Field("overlast_omschrijving_feitelijk");
  ExpectRejected(kCorporatie, request, Code::kFailedPrecondition, "SIGNAL_REJECTED",
                 "fields[6].field");
}

TEST_F(SignalTest, ACreditorWithoutBsnRightNamesThePersonByWhatItSends) {
  v1::SendSignalRequest request = NewVroegsignaal();
  request.set_bsn(testing::TestBsn(9));
  ExpectRejected(kCorporatie, request, Code::kPermissionDenied, "BSN_NOT_ALLOWED", "bsn");
  request = NewVroegsignaal();
  request.mutable_fields()->DeleteSubrange(2, 1);  // adres_brp
  ExpectRejected(kCorporatie, request, Code::kInvalidArgument, "MALFORMED", "fields");
  request.clear_request_id();
  request.set_urgent(true);
  EXPECT_THAT(Send(kCorporatie, request), IsOk());
  // Without a BSN nobody is the same person.
  ASSERT_THAT(Send(kCorporatie, NewVroegsignaal()), IsOk());
  ASSERT_THAT(Send(kCorporatie, NewVroegsignaal()), IsOk());
  EXPECT_EQ(Casussen("P_ALMELO"), 3);
}

TEST_F(SignalTest, OneReceiverWithASeatAndAGrant) {
  v1::SendSignalRequest request = NewVroegsignaal();
  request.mutable_receiver()->set_hat("GEM_COLLEGE_WMO");
  EXPECT_THAT(Send(kCorporatie, request), IsError(Code::kFailedPrecondition, "WRONG_TABLE"));
  request = NewVroegsignaal();
  request.set_tafel("T_WOONOVERLAST");
  EXPECT_THAT(Send(kCorporatie, request), IsError(Code::kFailedPrecondition, "WRONG_TABLE"));
  request = NewVroegsignaal();
  request.set_purpose("D94");
  EXPECT_THAT(Send(kCorporatie, request), IsError(Code::kFailedPrecondition, "NO_GRANT"));
  // Not a sender at all.
  EXPECT_THAT(Send(kSchuldhulp, NewVroegsignaal()),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
}

TEST_F(SignalTest, NamesWhatIsMalformed) {
  using Spoil = std::function<void(v1::SendSignalRequest&)>;
  for (const auto& [field, spoil] : std::vector<std::pair<const char*, Spoil>>{
           {"tafel", [](auto& r) { r.clear_tafel(); }},
           {"tafel", [](auto& r) { r.set_tafel("K_GERUCHTEN"); }},
           {"purpose", [](auto& r) { r.clear_purpose(); }},
           {"purpose", [](auto& r) { r.set_purpose("D99"); }},
           {"receiver.partij", [](auto& r) { r.mutable_receiver()->clear_partij(); }},
           {"receiver.hat", [](auto& r) { r.mutable_receiver()->clear_hat(); }},
           {"receiver.hat", [](auto& r) { r.mutable_receiver()->set_hat("OM"); }},
           {"fields", [](auto& r) { r.clear_fields(); }},
           {"fields",
            [](auto& r) {
              for (int i = 0; i < 40; ++i) *r.add_fields() = Field("telefoonnummer");
            }},
           {"fields[8].field", [](auto& r) { *r.add_fields() = Field("voornamen"); }},
           {"fields[0].field", [](auto& r) { r.mutable_fields(0)->clear_field(); }},
           {"fields[0].field", [](auto& r) { r.mutable_fields(0)->set_field("roepnaam"); }},
           {"fields[0].content.value",
            [](auto& r) { r.mutable_fields(0)->mutable_content()->clear_value(); }},
           {"fields[0].content.value",
            [](auto& r) { r.mutable_fields(0)->mutable_content()->mutable_value()->set_boolean(true); }},
           {"fields[0].content.value_date",
            [](auto& r) { r.mutable_fields(0)->mutable_content()->set_value_date("2026-12-01"); }},
           {"first_processed", [](auto& r) { r.set_first_processed("2026-12-01"); }},
           {"first_processed", [](auto& r) { r.clear_first_processed(); }},
           {"deposit_end", [](auto& r) { r.set_deposit_end("2026-11-29"); }},
           {"deposit_end", [](auto& r) { r.set_deposit_end("ooit"); }},
           {"reference", [](auto& r) { r.clear_reference(); }},
           {"preconditions", [](auto& r) { r.add_preconditions(true); }}}) {
    v1::SendSignalRequest request = NewZorgmelding();
    spoil(request);
    ExpectRejected(kPolitie, request, Code::kInvalidArgument, "MALFORMED", field);
  }
  v1::SendSignalRequest bsn = NewZorgmelding();
  bsn.set_bsn("123456789");
  ExpectRejected(kPolitie, bsn, Code::kInvalidArgument, "BSN_NOT_ALLOWED", "bsn");
  v1::AnswerSignalRequest answer;
  answer.set_signal_id(testing::NewRequestId());
  EXPECT_THAT(
      world_.Send<v1::AnswerSignalResponse>(kMeldpunt, "SignalService/AnswerSignal", answer),
      IsError(Code::kInvalidArgument, "MALFORMED"));
}

TEST_F(SignalTest, ARepeatIsDoneOnce) {
  v1::SendSignalRequest request = NewZorgmelding();
  request.set_request_id(testing::NewRequestId());
  const auto first = Send(kPolitie, request);
  const auto second = Send(kPolitie, request);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(first->answer().SerializeAsString(), second->answer().SerializeAsString());
  EXPECT_EQ(List(kMeldpunt).signals_size(), 1);
}

// ---- Without the machtiging ----

class NoMachtigingTest : public SignalTest {
 protected:
  NoMachtigingTest() : SignalTest("S-02") {}
};

TEST_F(NoMachtigingTest, NoZorgmeldingIsTakenWithoutAnArticleInForce) {
  EXPECT_THAT(Send(kPolitie, NewZorgmelding()), IsError(Code::kFailedPrecondition, "NO_BASIS"));
  EXPECT_EQ(Casussen("P_ALMELO"), 0);
  EXPECT_THAT(Send(kCorporatie, NewVroegsignaal()), IsOk());
}

}  // namespace
}  // namespace sluis::broker
