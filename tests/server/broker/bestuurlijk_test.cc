// What concerns a casus above the people in it: the dilemma that goes to the bestuurlijk level
// without saying whose it is (R-A-46), counts in large cells, and the list of prioritised casussen.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "casework.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/testing/world.h"
#include "sluis/v1/escalation.pb.h"
#include "sluis/v1/priority_list.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::ReasonCode;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using Code = absl::StatusCode;

constexpr Side kBestuurder{"P_ALMELO", "GEM_BESTUURDER"};
constexpr Side kPolitie{"P_POLITIE_ON", "POLITIE"};
constexpr Side kEnschede{"P_ENSCHEDE", "GEM_COLLEGE_WMO"};
constexpr char kLijst[] = "T_ZVH_LIJST";

class BestuurlijkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(world_.PutActors({"P_POLITIE_ON", "P_ENSCHEDE", "P_HUISARTS"}), IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
  }
  void ScaleUp() { ASSERT_THAT(world_.Scale(kRegie, "AVE_3L"), IsOk()); }

  v1::EscalateRequest NewDilemma(const std::string& agreement = "niemand neemt de casus aan") {
    v1::EscalateRequest request;
    request.set_casus_id(world_.casus_id());
    request.set_tafel("T_BESTUURLIJK");
    v1::DilemmaField& reasons = *request.add_fields();
    reasons.set_field("opschaal_reden");
    reasons.mutable_content()->mutable_value()->mutable_list()->add_values()->set_token("IMPASSE");
    reasons.mutable_content()->set_value_date("2026-11-29");
    v1::DilemmaField& agreements = *request.add_fields();
    agreements.set_field("afspraken_interventies");
    agreements.mutable_content()->mutable_value()->mutable_list()->add_values()->set_json(
        absl::StrCat(R"({"afspraak":")", agreement, R"("})"));
    agreements.mutable_content()->set_value_date("2026-11-29");
    request.set_first_processed("2026-11-29");
    request.set_deposit_end("2027-11-29");
    auto& recipient = *request.add_recipients();
    recipient.set_partij(std::string(kBestuurder.partij));
    recipient.set_hat(std::string(kBestuurder.hat));
    return request;
  }
  absl::StatusOr<v1::EscalateResponse> Escalate(v1::EscalateRequest request, Side by = kRegie) {
    return world_.Send<v1::EscalateResponse>(by, "EscalationService/Escalate", std::move(request));
  }
  absl::StatusOr<v1::RequestFieldsResponse> AskAbove(const std::string& field) {
    v1::RequestFieldsRequest request = world_.Question();
    request.set_tafel("T_BESTUURLIJK");
    request.clear_person_id();
    request.set_purpose("D07");
    request.mutable_source()->set_partij(std::string(kRegie.partij));
    request.mutable_source()->set_hat(std::string(kRegie.hat));
    request.mutable_fields(0)->set_field(field);
    return world_.Send<v1::RequestFieldsResponse>(kBestuurder, "SharingService/RequestFields",
                                                  request);
  }

  absl::Status PutCriteria(Side by, const std::string& text = "drie of meer incidenten per maand") {
    v1::PutCriteriaRequest request;
    request.set_tafel(kLijst);
    request.set_text(text);
    return world_.Send<v1::PutCriteriaResponse>(by, "PriorityListService/PutCriteria", request)
        .status();
  }
  absl::Status PutOn(Side by, const std::string& casus = "") {
    v1::PutOnListRequest request;
    request.set_tafel(kLijst);
    request.set_casus_id(casus.empty() ? world_.casus_id() : casus);
    request.set_reason("GEHEIM reden");
    return world_.Send<v1::PutOnListResponse>(by, "PriorityListService/PutOnList", request)
        .status();
  }
  absl::Status TakeOff(Side by) {
    v1::TakeOffListRequest request;
    request.set_tafel(kLijst);
    request.set_casus_id(world_.casus_id());
    return world_.Send<v1::TakeOffListResponse>(by, "PriorityListService/TakeOffList", request)
        .status();
  }
  v1::GetListResponse List(std::string_view partij) {
    v1::GetListRequest request;
    request.set_tafel(kLijst);
    const auto response =
        broker_.Send<v1::GetListResponse>(partij, "/sluis.v1.PriorityListService/GetList", request);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? *response : v1::GetListResponse();
  }
  // Places the casus on the tafel of the list, with the police as deelnemer there.
  void PlaceOnList() {
    ScaleUp();
    ASSERT_THAT(world_.Scale(kWijkteam, "AVE_3Z"), IsOk());
    v1::PlaceOnTafelRequest place;
    place.set_casus_id(world_.casus_id());
    place.set_tafel(kLijst);
    for (const char* domain : {"STRAF", "GEMEENTE"}) place.add_domains(domain);
    ASSERT_THAT(
        world_.Send<v1::PlaceOnTafelResponse>(kWijkteam, "CasusService/PlaceOnTafel", place),
        IsOk());
    ASSERT_THAT(world_.AdmitAt(kLijst, kWijkteam, kPolitie), IsOk());
  }

  const testing::TempDir directory_;
  testing::TestBroker broker_{directory_.path(), testing::ReferencePolicy(), TestNow()};
  SmallWorld world_{broker_};
};

// ---- The dilemma ----

TEST_F(BestuurlijkTest, ADilemmaIsAskedWithoutAPerson) {
  ScaleUp();
  const auto escalated = Escalate(NewDilemma());
  ASSERT_THAT(escalated, IsOk());
  EXPECT_EQ(escalated->answer().deposits_size(), 2);
  const auto notices = NoticesOf(broker_, "P_ALMELO");
  ASSERT_FALSE(notices.empty());
  EXPECT_EQ(notices.back().type(), store::v1::NoticeType::CASUS_ESCALATED);
  EXPECT_EQ(notices.back().hat(), "GEM_BESTUURDER");
  EXPECT_EQ(notices.back().person_id(), "");
  const auto asked = AskAbove("afspraken_interventies");
  ASSERT_THAT(asked, IsOk());
  EXPECT_EQ(CodeOf(*asked), ReasonCode::RELEASED);
  ASSERT_EQ(asked->values_size(), 1);
  EXPECT_NE(asked->values(0).content().value().list().values(0).json().find("niemand"),
            std::string::npos);
  const auto name = AskAbove("voornamen");
  ASSERT_THAT(name, IsOk());
  EXPECT_EQ(CodeOf(*name), ReasonCode::CATEGORY_EXCLUDED);
}

TEST_F(BestuurlijkTest, ATextThatSaysWhoItIsIsRefused) {
  ScaleUp();
  const std::string bsn = testing::TestBsn(1);
  const std::string spaced = bsn.substr(0, 4) + " " + bsn.substr(4, 2) + "." + bsn.substr(6);
  for (const std::string& text : std::vector<std::string>{
           "mevrouw Geheim weigert", "het gaat om GEHEIM.", "BSN " + bsn, "nummer " + spaced,
           "geboren 1981-07-02", "geboren 2-7-1981", "geboren op 2 juli 1981", "geboren 02/07/1981",
           "dossier 19810702", "woont in 7601AB", "bsn van een ander: " + testing::TestBsn(40),
           // Behind an escape of JSON.
           R"(mevrouw G\u0065heim)"}) {
    const auto refused = Escalate(NewDilemma(text));
    EXPECT_THAT(refused, IsError(Code::kFailedPrecondition, "CATEGORY_EXCLUDED")) << text;
    EXPECT_EQ(MetadataOf(refused.status())["field"], "fields[1].content.value");
    EXPECT_EQ(refused.status().message().find("eheim"), absl::string_view::npos);
  }
  // Nothing of a refused dilemma is kept.
  const auto asked = AskAbove("opschaal_reden");
  ASSERT_THAT(asked, IsOk());
  EXPECT_EQ(asked->values_size(), 0);
  for (const std::string& text : std::vector<std::string>{
           "iemand van middelbare leeftijd", "geheimhouding speelt een rol", "in 1981 begonnen",
           "12 partijen, 34 gesprekken", "sinds 2026 in overleg"}) {
    EXPECT_THAT(Escalate(NewDilemma(text)), IsOk()) << text;
  }
}

// Months whose usual abbreviation is not their first three letters.
TEST_F(BestuurlijkTest, ABirthDayInAbbreviatedMonthsIsRefused) {
  ScaleUp();
  const std::pair<const char*, const char*> births[] = {{"1979-03-05", "geboren 5 mrt 1979"},
                                                        {"1979-09-05", "geboren 05 sept. 1979"}};
  for (const auto& [birth, text] : births) {
    EXPECT_THAT(Escalate(NewDilemma(text)), IsOk()) << text;
    v1::AddPersonRequest add;
    add.set_casus_id(world_.casus_id());
    add.mutable_elements()->set_geslachtsnaam("Verborgen");
    add.mutable_elements()->set_voornamen("Marijke");
    add.mutable_elements()->set_geboortedatum(birth);
    add.mutable_elements()->set_postcode("7602AB");
    add.mutable_elements()->set_huisnummer("3");
    add.set_role(policy::v1::PersonRole::OUDER);
    ASSERT_THAT(world_.Send<v1::AddPersonResponse>(kRegie, "CasusService/AddPerson", add), IsOk());
    EXPECT_THAT(Escalate(NewDilemma(text)), IsError(Code::kFailedPrecondition, "CATEGORY_EXCLUDED"))
        << text;
  }
}

// However the name is written, and where somebody lives.
TEST_F(BestuurlijkTest, AccentsCapitalsNicknamesAndStreetsDoNotHideWhoItIs) {
  ScaleUp();
  v1::AddPersonRequest add;
  add.set_casus_id(world_.casus_id());
  add.mutable_elements()->set_geslachtsnaam("van der \u00c9clair-\u0141ucas");
  add.mutable_elements()->set_voornamen("Willem \u00d6zg\u00fcr Nguy\u1ec5n");
  add.mutable_elements()->set_geboortedatum("1979-03-05");
  add.mutable_elements()->set_postcode("7602AB");
  add.mutable_elements()->set_huisnummer("3");
  add.set_role(policy::v1::PersonRole::OUDER);
  ASSERT_THAT(world_.Send<v1::AddPersonResponse>(kRegie, "CasusService/AddPerson", add), IsOk());
  const std::string bsn = testing::TestBsn(1);
  for (const std::string& text : std::vector<std::string>{
           "meneer van der \u00e9clair-\u0142ucas", "meneer \u00c9CLAIR", "meneer Eclair",
           "meneer \u0141UCAS", "meneer Lucas", "\u201e\u00c9clair\u201d weigert",
           // Decomposed, hyphenated without a trace, in the genitive.
           "meneer E\u0301clair", "meneer \u00c9cl\u00adair", "Eclairs moeder",
           "\u00c9clair\u2019s moeder", "\u00d6ZG\u00dcR wil niet", "ozgur wil niet",
           "willem wil niet", "afgesproken met Wil", "afgesproken met Willempje",
           // Turned, marked, with another apostrophe.
           "afgesproken met Wil\u202d\u202clem", "met Will\u2066\u2069em", "met W\u2063illem",
           "Willem\u02bcs moeder",
           // Vietnamese, without the accents too.
           "Nguyen wil niet", "NGUY\u1ec4N wil niet", "Nguye\u0302\u0303n wil niet",
           "meneer Geheim\u2019s dossier", "GEHEIMS dossier",
           "nummer " + bsn.substr(0, 3) + "\u00a0" + bsn.substr(3),
           "nummer " + bsn.substr(0, 4) + "\u2011" + bsn.substr(4),
           // Of whomever.
           "woont Dorpsstraat 12", "woont dorpsstr. nr. 12a", "aan de Beukenlaan",
           "op de Oude Weg 5", "huisnummer 7"}) {
    const auto refused = Escalate(NewDilemma(text));
    EXPECT_THAT(refused, IsError(Code::kFailedPrecondition, "CATEGORY_EXCLUDED")) << text;
    EXPECT_EQ(MetadataOf(refused.status())["field"], "fields[1].content.value");
    EXPECT_EQ(refused.status().message().find(text), absl::string_view::npos);
  }
  for (const std::string& text : std::vector<std::string>{
           "hij wil niet", "een \u00e9clair bij de koffie", "op straat sinds 2024",
           "was onderweg 3 keer te laat", "op weg naar 2027", "Het gaat goed",
           "caf\u00e9 \u2013 3 keer", "de rechter van het gerechtshof 2 keer gesproken"}) {
    EXPECT_THAT(Escalate(NewDilemma(text)), IsOk()) << text;
  }
}

// The same through a plain deposit and its correction.
TEST_F(BestuurlijkTest, ADepositInPseudonymisedFormIsHeldAgainstThePersons) {
  v1::DepositFieldRequest deposit;
  deposit.set_casus_id(world_.casus_id());
  deposit.set_field("afspraken_interventies");
  auto& value = *deposit.mutable_content()->mutable_value();
  value.mutable_list()->add_values()->set_json(R"({"afspraak":"mevrouw Geheim"})");
  deposit.mutable_content()->set_value_date("2026-11-29");
  deposit.set_first_processed("2026-11-29");
  deposit.set_deposit_end("2027-11-29");
  deposit.set_form(policy::v1::Holding::PSEUDONIEM_K_SAFE);
  EXPECT_THAT(world_.Send<v1::DepositFieldResponse>(kRegie, "FieldService/DepositField", deposit),
              IsError(Code::kFailedPrecondition, "CATEGORY_EXCLUDED"));
  value.mutable_list()->mutable_values(0)->set_json(R"({"afspraak":"iemand"})");
  const auto kept =
      world_.Send<v1::DepositFieldResponse>(kRegie, "FieldService/DepositField", deposit);
  ASSERT_THAT(kept, IsOk());
  v1::CorrectFieldRequest correct;
  correct.set_deposit_id(kept->answer().deposit_id());
  *correct.mutable_content() = deposit.content();
  correct.mutable_content()->mutable_value()->mutable_list()->mutable_values(0)->set_json(
      R"({"afspraak":"geboren op 2 juli 1981"})");
  EXPECT_THAT(world_.Send<v1::CorrectFieldResponse>(kRegie, "FieldService/CorrectField", correct),
              IsError(Code::kFailedPrecondition, "CATEGORY_EXCLUDED"));
  // Where the broker does not see the value it cannot look.
  v1::KeepAtSourceRequest elsewhere;
  elsewhere.set_casus_id(deposit.casus_id());
  elsewhere.set_field(deposit.field());
  elsewhere.set_value_date("2026-11-29");
  elsewhere.set_first_processed("2026-11-29");
  elsewhere.set_deposit_end("2027-11-29");
  elsewhere.set_form(policy::v1::Holding::PSEUDONIEM_K_SAFE);
  EXPECT_THAT(world_.Send<v1::KeepAtSourceResponse>(kRegie, "FieldService/KeepAtSource", elsewhere),
              IsError(Code::kInvalidArgument, "MALFORMED"));
}

TEST_F(BestuurlijkTest, OnlyProcessDirectionEscalatesAndOnlyWhatTheTafelGets) {
  // Too early: the tafel is not used in AVE_2.
  EXPECT_THAT(Escalate(NewDilemma()), IsError(Code::kFailedPrecondition, "WRONG_PHASE"));
  ScaleUp();
  EXPECT_THAT(Escalate(NewDilemma(), kWijkteam),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(Escalate(NewDilemma(), kGgz),
              IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  EXPECT_THAT(Escalate(NewDilemma(), kPolitie), IsError(Code::kFailedPrecondition, "NOT_IN_CASUS"));
  const auto refused = [&](const std::function<void(v1::EscalateRequest&)>& spoil, Code code,
                           const char* reason, const char* field) {
    v1::EscalateRequest request = NewDilemma();
    spoil(request);
    const auto response = Escalate(request);
    EXPECT_THAT(response, IsError(code, reason)) << field;
    EXPECT_EQ(MetadataOf(response.status())["field"], field);
  };
  refused([](auto& r) { r.mutable_fields(0)->set_field("casusregisseur_naam"); },
          Code::kFailedPrecondition, "CATEGORY_EXCLUDED", "fields[0].field");
  refused([](auto& r) { r.set_tafel("T_AVE_LOKAAL"); }, Code::kFailedPrecondition, "WRONG_TABLE",
          "");
  refused([](auto& r) { r.mutable_recipients(0)->set_hat("GEM_COLLEGE_WMO"); },
          Code::kFailedPrecondition, "WRONG_TABLE", "recipients[0].hat");
  refused([](auto& r) { r.clear_tafel(); }, Code::kInvalidArgument, "MALFORMED", "tafel");
  refused([](auto& r) { r.clear_fields(); }, Code::kInvalidArgument, "MALFORMED", "fields");
  refused([](auto& r) { r.mutable_fields(1)->set_field("opschaal_reden"); }, Code::kInvalidArgument,
          "MALFORMED", "fields[1].field");
  refused([](auto& r) { r.mutable_fields(0)->mutable_content()->clear_value(); },
          Code::kInvalidArgument, "MALFORMED", "fields[0].content.value");
  refused([](auto& r) { r.clear_recipients(); }, Code::kInvalidArgument, "MALFORMED", "recipients");
  refused([](auto& r) { r.mutable_recipients(0)->set_partij("P_NIEMAND"); }, Code::kInvalidArgument,
          "MALFORMED", "recipients[0].partij");
  refused([](auto& r) { r.set_deposit_end("2026-11-29"); }, Code::kInvalidArgument, "MALFORMED",
          "deposit_end");
  refused([](auto& r) { r.set_first_processed("2026-12-01"); }, Code::kInvalidArgument, "MALFORMED",
          "first_processed");
}

// ---- Counts ----

TEST_F(BestuurlijkTest, CountsAreReleasedFromTenOn) {
  const auto ask = [&](int smallest) {
    v1::DepositFieldRequest deposit;
    deposit.set_casus_id(world_.casus_id());
    deposit.set_field("ave_fase");
    deposit.mutable_content()->mutable_value()->set_json(
        absl::StrCat(R"({"AVE_2":31,"AVE_4":)", smallest, "}"));
    deposit.mutable_content()->set_value_date("2026-11-29");
    deposit.set_first_processed("2026-11-29");
    deposit.set_deposit_end("2027-11-29");
    deposit.set_min_cell(smallest);
    EXPECT_THAT(world_.Send<v1::DepositFieldResponse>(kRegie, "FieldService/DepositField", deposit),
                IsOk());
    v1::RequestFieldsRequest request = world_.Question();
    request.set_tafel("T_THEMAGROEP");
    request.clear_person_id();
    request.set_purpose("D18");
    request.mutable_source()->set_partij(std::string(kRegie.partij));
    request.mutable_source()->set_hat(std::string(kRegie.hat));
    request.mutable_fields(0)->set_field("ave_fase");
    const auto response =
        world_.Send<v1::RequestFieldsResponse>(kPolitie, "SharingService/RequestFields", request);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? CodeOf(*response) : ReasonCode::REASON_CODE_UNSPECIFIED;
  };
  EXPECT_EQ(ask(9), ReasonCode::AGGREGATE_TOO_SMALL);
  EXPECT_EQ(ask(10), ReasonCode::RELEASED);
}

// ---- The list ----

TEST_F(BestuurlijkTest, TheListShowsEachReaderOnlyItsOwnCasussen) {
  PlaceOnList();
  EXPECT_THAT(PutOn(kWijkteam), IsError(Code::kFailedPrecondition, "NO_CRITERIA"));
  ASSERT_THAT(PutCriteria(kWijkteam), IsOk());
  ASSERT_THAT(PutOn(kWijkteam), IsOk());
  const v1::GetListResponse own = List("P_POLITIE_ON");
  EXPECT_EQ(own.criteria(), "drie of meer incidenten per maand");
  EXPECT_EQ(own.criteria_since(), "2026-11-30");
  ASSERT_EQ(own.casussen_size(), 1);
  EXPECT_EQ(own.casussen(0).casus_id(), world_.casus_id());
  EXPECT_EQ(own.casussen(0).reason(), "GEHEIM reden");
  // Mediant takes part at another tafel, of another regime; the huisarts in nothing.
  for (const char* partij : {"P_MEDIANT", "P_ENSCHEDE", "P_HUISARTS"}) {
    const v1::GetListResponse other = List(partij);
    EXPECT_EQ(other.criteria(), "drie of meer incidenten per maand") << partij;
    EXPECT_THAT(other.casussen(), IsEmpty()) << partij;
    for (const auto& notice : NoticesOf(broker_, partij))
      EXPECT_NE(notice.type(), store::v1::NoticeType::PRIORITY_LIST_CHANGED) << partij;
  }
  const auto notices = NoticesOf(broker_, "P_POLITIE_ON");
  ASSERT_FALSE(notices.empty());
  EXPECT_EQ(notices.back().type(), store::v1::NoticeType::PRIORITY_LIST_CHANGED);
  EXPECT_EQ(notices.back().tafel(), kLijst);
  ASSERT_THAT(TakeOff(kPolitie), IsOk());
  EXPECT_THAT(List("P_POLITIE_ON").casussen(), IsEmpty());
  EXPECT_THAT(TakeOff(kPolitie), IsError(Code::kNotFound, "NOT_ON_LIST"));
}

TEST_F(BestuurlijkTest, OnlyPublicParticipantsKeepTheList) {
  for (const Side side : {kGgz, kRegie}) {
    const auto refused = IsError(Code::kPermissionDenied, "NOT_AUTHORISED_PERSON");
    EXPECT_THAT(PutCriteria(side), refused) << side.hat;
    EXPECT_THAT(PutOn(side), refused) << side.hat;
    EXPECT_THAT(TakeOff(side), refused) << side.hat;
  }
  ASSERT_THAT(PutCriteria(kWijkteam), IsOk());
  // Not placed on the tafel; not known to the caller; not there.
  EXPECT_THAT(PutOn(kWijkteam), IsError(Code::kFailedPrecondition, "CASE_NOT_ADMITTED"));
  EXPECT_THAT(PutOn(kEnschede), IsError(Code::kFailedPrecondition, "NOT_IN_CASUS"));
  EXPECT_THAT(PutOn(kEnschede, testing::NewRequestId()),
              IsError(Code::kFailedPrecondition, "NOT_IN_CASUS"));
  EXPECT_THAT(PutCriteria(kWijkteam, " "), IsError(Code::kInvalidArgument, "MALFORMED"));
  v1::PutCriteriaRequest elsewhere;
  elsewhere.set_tafel("T_WIJKTEAM_MDO");
  elsewhere.set_text("iets");
  EXPECT_THAT(
      world_.Send<v1::PutCriteriaResponse>(kWijkteam, "PriorityListService/PutCriteria", elsewhere),
      IsError(Code::kFailedPrecondition, "WRONG_TABLE"));
  v1::GetListRequest unknown;
  unknown.set_tafel("T_ONBEKEND");
  EXPECT_THAT(broker_.Send<v1::GetListResponse>("P_ALMELO", "/sluis.v1.PriorityListService/GetList",
                                                unknown),
              IsError(Code::kInvalidArgument, "MALFORMED"));
}

TEST_F(BestuurlijkTest, AClosedCasusIsOnNoList) {
  PlaceOnList();
  ASSERT_THAT(PutCriteria(kWijkteam), IsOk());
  ASSERT_THAT(PutOn(kWijkteam), IsOk());
  v1::CloseCasusRequest close;
  close.set_casus_id(world_.casus_id());
  close.set_reason("GEHEIM reden");
  ASSERT_THAT(world_.Send<v1::CloseCasusResponse>(kWijkteam, "CasusService/CloseCasus", close),
              IsOk());
  EXPECT_THAT(List("P_POLITIE_ON").casussen(), IsEmpty());
}

}  // namespace
}  // namespace sluis::broker
