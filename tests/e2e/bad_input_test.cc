// Every malformed or forbidden request of the contract, through the real API: the exact status,
// reason and element; one entry in the log that records the attempt and nothing of its content;
// nothing released, nothing changed, the process unharmed.

#include <algorithm>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "e2e.h"
#include "gtest/gtest.h"
#include "log_reader.h"

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/v1/casus.pb.h"
#include "sluis/v1/field.pb.h"
#include "sluis/v1/professional.pb.h"
#include "sluis/v1/sharing.pb.h"
#include "sluis/wire/status.h"

namespace sluis {
namespace {

using absl::StatusCode;
using log::v1::EventKind;
using testing::IsOk;
using testing::LogReader;
using testing::NewRequestId;
using testing::ReadLogEntry;
using testing::Stage;
using testing::StepOf;
using testing::World;

constexpr char kRequestFields[] = "/sluis.v1.SharingService/RequestFields";
constexpr char kAddPerson[] = "/sluis.v1.CasusService/AddPerson";
constexpr char kDepositField[] = "/sluis.v1.FieldService/DepositField";
// Nothing that a caller writes may come back or be kept in the clear.
constexpr char kMarked[] = "KWIKSTAART";
// Nine digits that fail the 11-proef.
constexpr char kWrongBsn[] = "987654320";

// A broker in which the wijkteam of Almelo has consent and gets three fields of Mediant, and in
// which a housing association has opened a casus of its own.
class Scene {
 public:
  static Scene& Get() {
    static Scene scene;
    return scene;
  }
  [[nodiscard]] const absl::Status& ready() const { return ready_; }

  v1::RequestFieldsRequest Good() { return world_->Request(step_.step->request()); }
  v1::AddPersonRequest GoodPerson() {
    v1::AddPersonRequest request;
    request.set_request_id(NewRequestId());
    request.set_acting_hat("GEM_COLLEGE_WMO");
    request.set_professional("actor");
    request.set_casus_id(world_->casus_id());
    request.set_role(policy::v1::PersonRole::BETROKKENE);
    auto& elements = *request.mutable_elements();
    elements.set_geslachtsnaam("KWIKSTAARTnaam");
    elements.set_voornamen("KWIKSTAARTvoornaam");
    elements.set_geboortedatum("1981-07-02");
    elements.set_postcode("7601AB");
    elements.set_huisnummer("1");
    return request;
  }
  v1::DepositFieldRequest GoodDeposit() {
    v1::DepositFieldRequest request;
    request.set_request_id(NewRequestId());
    request.set_acting_hat("GGZ");
    request.set_professional("actor");
    request.set_person_id(world_->PersonId("P_MEDIANT", "gerda"));
    request.set_field("signaleringsplan_bejegening");
    request.mutable_content()->mutable_value()->set_text("KWIKSTAART plan");
    request.mutable_content()->set_value_date("2026-11-01");
    request.set_first_processed("2026-11-01");
    request.set_deposit_end("2027-11-01");
    return request;
  }
  // The casus that has no partij with a right to the BSN.
  [[nodiscard]] const std::string& corporation_casus() const { return corporation_casus_; }

  // What partijen can see of the state, in bytes.
  std::string Visible() {
    std::string seen;
    v1::GetCasusRequest get;
    get.set_casus_id(world_->casus_id());
    for (const char* partij : {"P_ALMELO", "P_MEDIANT"}) {
      const auto view = stage_.transport().Call(partij, "/sluis.v1.CasusService/GetCasus",
                                                get.SerializeAsString());
      const auto staff =
          stage_.transport().Call(partij, "/sluis.v1.ProfessionalService/ListProfessionals", "");
      EXPECT_THAT(view, IsOk());
      EXPECT_THAT(staff, IsOk());
      seen += view.value_or("") + staff.value_or("");
    }
    const auto answer =
        stage_.transport().Send<v1::RequestFieldsResponse>("P_ALMELO", kRequestFields, Good());
    EXPECT_THAT(answer, IsOk());
    if (!answer.ok()) return seen;
    EXPECT_EQ(answer->values_size(), 3);
    seen += answer->answer().SerializeAsString();
    for (const auto& value : answer->values()) seen += value.SerializeAsString();
    return seen;
  }

  Stage& stage() { return stage_; }
  LogReader& log() { return log_; }
  World& world() { return *world_; }

 private:
  Scene() { ready_ = Prepare(); }

  absl::Status Prepare() {
    if (absl::Status started = stage_.Start(); !started.ok()) return started;
    auto world = stage_.Play(step_);
    if (!world.ok()) return world.status();
    world_ = *std::move(world);
    v1::PutProfessionalRequest actor;
    actor.set_request_id(NewRequestId());
    actor.set_professional("actor");
    actor.add_hats("WONINGCORPORATIE");
    actor.set_active(true);
    const auto put = stage_.transport().Send<v1::PutProfessionalResponse>(
        "P_TWENTEBELT", "/sluis.v1.ProfessionalService/PutProfessional", actor);
    if (!put.ok()) return put.status();
    v1::OpenCasusRequest open;
    open.set_request_id(NewRequestId());
    open.set_acting_hat("WONINGCORPORATIE");
    open.set_professional("actor");
    open.set_tafel("T_WOONOVERLAST");
    open.set_phase("AVE_2");
    open.set_municipality("Almelo");
    open.add_domains("ZORG");
    open.set_first_processed("2026-11-01");
    const auto opened = stage_.transport().Send<v1::OpenCasusResponse>(
        "P_TWENTEBELT", "/sluis.v1.CasusService/OpenCasus", open);
    if (!opened.ok()) return opened.status();
    corporation_casus_ = opened->answer().casus_id();
    return log_.Prepare();
  }

  Stage stage_;
  LogReader log_{stage_.transport()};
  const policy::ExpandedStep& step_ = StepOf("S-02", "c");
  std::unique_ptr<World> world_;
  std::string corporation_casus_;
  absl::Status ready_;
};

struct BadCall {
  std::string name;
  std::string method;
  std::function<std::string(Scene&)> bytes;
  StatusCode code = StatusCode::kInvalidArgument;
  std::string reason = "MALFORMED";
  std::string field;
  EventKind::Id kind = EventKind::CALL_REJECTED;
  std::string partij = "P_ALMELO";
};

void PrintTo(const BadCall& call, std::ostream* out) { *out << call.name; }

class BadInputTest : public ::testing::TestWithParam<BadCall> {};

TEST_P(BadInputTest, IsRefusedRecordedAndChangesNothing) {
  const BadCall& bad = GetParam();
  Scene& scene = Scene::Get();
  ASSERT_THAT(scene.ready(), IsOk());
  const std::string bytes = bad.bytes(scene);
  const std::string before = scene.Visible();
  const auto size = scene.log().Size();
  ASSERT_THAT(size, IsOk());

  const auto answer = scene.stage().transport().Call(bad.partij, bad.method, bytes);
  ASSERT_FALSE(answer.ok()) << answer->size() << " bytes were answered";
  const absl::Status& status = answer.status();
  EXPECT_EQ(status.code(), bad.code) << status;
  EXPECT_EQ(ReasonOf(status), bad.reason) << status;
  EXPECT_EQ(MetadataOf(status)["field"], bad.field) << status;
  EXPECT_EQ(std::string(status.message()).find(kMarked), std::string::npos) << status;
  EXPECT_EQ(std::string(status.message()).find(kWrongBsn), std::string::npos) << status;
  EXPECT_EQ(scene.stage().transport().ConnectionOf(bad.partij)->Health().value_or("none"),
            "SERVING");

  // The error carries the proof of its own entry.
  v1::Receipt receipt;
  ASSERT_TRUE(receipt.ParseFromString(wire::AttachedReceipt(status)));
  ASSERT_GE(receipt.index(), *size);
  const auto entries = scene.log().Read(*size, receipt.index() - *size + 1);
  ASSERT_THAT(entries, IsOk());
  ASSERT_EQ(entries->size(), receipt.index() - *size + 1);
  // Between them is at most what the broker does by itself.
  for (size_t i = 0; i + 1 < entries->size(); ++i)
    EXPECT_EQ((*entries)[i].record.caller(), "sluisd");
  const ReadLogEntry& entry = entries->back();
  EXPECT_EQ(receipt.leaf(), entry.leaf_bytes);
  EXPECT_EQ(EventKind::Id_Name(entry.kind), EventKind::Id_Name(bad.kind));
  EXPECT_EQ(entry.record.caller(), bad.partij);
  EXPECT_EQ(entry.record.error_reason(), bad.reason);
  if (bad.kind != EventKind::FIELDS_REQUESTED) {
    EXPECT_EQ(entry.record.error_field(), bad.field);
  }
  EXPECT_EQ(entry.leaf.answer, audit::Digest());
  EXPECT_EQ(entry.bytes.find(kMarked), std::string::npos);
  EXPECT_EQ(entry.bytes.find(kWrongBsn), std::string::npos);
  for (const auto& field : entry.record.decision().fields())
    EXPECT_NE(field.outcome(), policy::v1::FieldOutcome::RELEASE);

  EXPECT_EQ(scene.Visible(), before);
}

// ---- The calls ----

using Ask = v1::RequestFieldsRequest;

BadCall Fields(std::string name, std::string field, std::function<void(Ask&)> change) {
  return {std::move(name),
          kRequestFields,
          [change = std::move(change)](Scene& scene) {
            Ask request = scene.Good();
            change(request);
            return request.SerializeAsString();
          },
          StatusCode::kInvalidArgument,
          "MALFORMED",
          std::move(field)};
}

BadCall Bulk(std::string name, std::string field, std::function<void(Ask&)> change) {
  BadCall call = Fields(std::move(name), std::move(field), std::move(change));
  call.reason = "BULK";
  return call;
}

BadCall Nobody(std::string name, std::function<void(Ask&)> change) {
  BadCall call = Fields(std::move(name), "", std::move(change));
  call.code = StatusCode::kPermissionDenied;
  call.reason = "NOT_AUTHORISED_PERSON";
  call.kind = EventKind::FIELDS_REQUESTED;
  return call;
}

BadCall Person(std::string name, std::string field,
               std::function<void(v1::AddPersonRequest&)> change) {
  return {std::move(name),
          kAddPerson,
          [change = std::move(change)](Scene& scene) {
            v1::AddPersonRequest request = scene.GoodPerson();
            change(request);
            return request.SerializeAsString();
          },
          StatusCode::kInvalidArgument,
          "MALFORMED",
          std::move(field)};
}

BadCall Deposit(std::string name, std::string field,
                std::function<void(v1::DepositFieldRequest&)> change) {
  BadCall call{std::move(name),
               kDepositField,
               [change = std::move(change)](Scene& scene) {
                 v1::DepositFieldRequest request = scene.GoodDeposit();
                 change(request);
                 return request.SerializeAsString();
               },
               StatusCode::kInvalidArgument,
               "MALFORMED",
               std::move(field)};
  call.partij = "P_MEDIANT";
  return call;
}

// The good request with a text in it replaced by bytes of the same length: what no library would
// write.
BadCall Bytes(std::string name, std::string field, std::string bytes,
              std::function<void(Ask&, const std::string&)> place) {
  return {std::move(name),
          kRequestFields,
          [bytes = std::move(bytes), place = std::move(place)](Scene& scene) {
            const std::string mark(bytes.size(), '@');
            Ask request = scene.Good();
            place(request, mark);
            return absl::StrReplaceAll(request.SerializeAsString(), {{mark, bytes}});
          },
          StatusCode::kInvalidArgument,
          "MALFORMED",
          std::move(field)};
}

BadCall Raw(std::string name, std::string field, std::function<std::string(Scene&)> bytes) {
  return {std::move(name), kRequestFields,  std::move(bytes), StatusCode::kInvalidArgument,
          "MALFORMED",     std::move(field)};
}

template <typename Call>
Call With(Call call, StatusCode code, std::string reason, EventKind::Id kind) {
  call.code = code;
  call.reason = std::move(reason);
  call.kind = kind;
  return call;
}

std::vector<BadCall> Requests() {
  const auto motivation = [](Ask& r, const std::string& text) {
    r.mutable_fields(1)->set_motivation(text);
  };
  std::vector<BadCall> calls = {
      // Row 1.
      Fields("CasusMissing", "casus_id", [](Ask& r) { r.clear_casus_id(); }),
      Fields("CasusNotAnId", "casus_id", [](Ask& r) { r.set_casus_id("KWIKSTAART"); }),
      // Row 3.
      Fields("TafelMissing", "tafel", [](Ask& r) { r.clear_tafel(); }),
      // Row 4.
      Fields("StageMissingAtWams", "stage", [](Ask& r) { r.set_tafel("T_WAMS_ONDERZOEK"); }),
      Fields("StageGivenElsewhere", "stage", [](Ask& r) { r.set_stage("VERKENNEND"); }),
      // Row 5.
      Fields("HatMissing", "acting_hat", [](Ask& r) { r.clear_acting_hat(); }),
      // Row 6.
      Nobody("HatNotHeld", [](Ask& r) { r.set_acting_hat("GGZ"); }),
      Nobody("ProfessionalUnknown", [](Ask& r) { r.set_professional("nobody"); }),
      Nobody("ProfessionalOfAnother", [](Ask& r) { r.set_professional("pro-mediant"); }),
      Fields("ProfessionalMissing", "professional", [](Ask& r) { r.clear_professional(); }),
      Fields("ProfessionalNotAnId", "professional",
             [](Ask& r) { r.set_professional("KWIKSTAART x"); }),
      // Row 7.
      Fields("SourceMissing", "source.partij", [](Ask& r) { r.clear_source(); }),
      Fields("SourceHatMissing", "source.hat", [](Ask& r) { r.mutable_source()->clear_hat(); }),
      Fields("SourceHatNotHeld", "source.hat",
             [](Ask& r) { r.mutable_source()->set_hat("POLITIE"); }),
      // Row 8.
      Fields("PurposeMissing", "purpose", [](Ask& r) { r.clear_purpose(); }),
      // Row 9.
      Fields("PersonMissing", "person_id", [](Ask& r) { r.clear_person_id(); }),
      Fields("PersonAtTafelWithoutPersons", "person_id",
             [](Ask& r) { r.set_tafel("T_BESTUURLIJK"); }),
      Fields("PersonNotAnId", "person_id", [](Ask& r) { r.set_person_id("KWIKSTAART"); }),
      Fields("PersonByNumber", "person_id", [](Ask& r) { r.set_person_id(testing::TestBsn(1)); }),
      // Row 10.
      Fields("NoFields", "fields", [](Ask& r) { r.clear_fields(); }),
      // Row 13.
      Fields("UnknownTafel", "tafel", [](Ask& r) { r.set_tafel("T_KWIKSTAART"); }),
      Fields("UnknownStage", "stage",
             [](Ask& r) {
               r.set_tafel("T_WAMS_ONDERZOEK");
               r.set_stage("KWIKSTAART");
             }),
      Fields("UnknownHat", "acting_hat", [](Ask& r) { r.set_acting_hat("KWIKSTAART"); }),
      Fields("UnknownSource", "source.partij",
             [](Ask& r) { r.mutable_source()->set_partij("P_KWIKSTAART"); }),
      Fields("UnknownSourceHat", "source.hat",
             [](Ask& r) { r.mutable_source()->set_hat("KWIKSTAART"); }),
      Fields("UnknownPurpose", "purpose", [](Ask& r) { r.set_purpose("D99"); }),
      Fields("UnknownField", "fields[2].field",
             [](Ask& r) { r.mutable_fields(2)->set_field("geheim_KWIKSTAART"); }),
      Fields("FieldWithoutName", "fields[0].field",
             [](Ask& r) { r.mutable_fields(0)->clear_field(); }),
      Fields("FieldInOtherCase", "fields[0].field",
             [](Ask& r) { r.mutable_fields(0)->set_field("In_Zorg_Indicatie"); }),
      Fields("UnknownRightsRole", "rights_role",
             [](Ask& r) { r.set_rights_role(static_cast<v1::RightsRole>(9)); }),
      Fields("UnknownLanguage", "language", [](Ask& r) { r.set_language("KWIKSTAART"); }),
      // Row 15.
      Bulk("Wildcard", "fields[0].field", [](Ask& r) { r.mutable_fields(0)->set_field("*"); }),
      Bulk("WildcardInside", "fields[3].field",
           [](Ask& r) { r.mutable_fields(3)->set_field("diagnose_*"); }),
      Bulk("AllFields", "fields[0].field", [](Ask& r) { r.mutable_fields(0)->set_field("ALL"); }),
      Bulk("AlleVelden", "fields[0].field", [](Ask& r) { r.mutable_fields(0)->set_field("alle"); }),
      Bulk("Range", "fields[1].field", [](Ask& r) { r.mutable_fields(1)->set_field("1-90"); }),
      Bulk("DottedRange", "fields[1].field",
           [](Ask& r) { r.mutable_fields(1)->set_field("13..66"); }),
      // Row 16.
      Bulk("EveryPerson", "person_id", [](Ask& r) { r.set_person_id("*"); }),
      Fields("TwoPersons", "person_id",
             [](Ask& r) { r.set_person_id(absl::StrCat(r.person_id(), ",", NewRequestId())); }),
      // Row 18.
      Fields("TooManyFields", "fields",
             [](Ask& r) {
               r.clear_fields();
               for (int i = 0; i < 101; ++i) {
                 v1::AskedField& field = *r.add_fields();
                 field.set_field(testing::ReferenceConvenant().message().fields(i % 50).name());
                 field.set_motivation("nodig");
               }
             }),
      // Row 19.
      Fields("FieldTwice", "fields[4].field", [](Ask& r) { *r.add_fields() = r.fields(0); }),
      // Row 20.
      Bytes("InvalidUtf8", "fields[1].motivation", "KWIKSTAART\xff\xfe\x80", motivation),
      Bytes("OverlongUtf8", "fields[1].motivation", "KWIKSTAART\xc0\xaf", motivation),
      Bytes("Surrogate", "fields[1].motivation", "KWIKSTAART\xed\xa0\x80", motivation),
      Bytes("Nul", "fields[1].motivation", std::string("KWIKSTAART\0!", 12), motivation),
      Bytes("Escape", "fields[1].motivation", "KWIKSTAART\x1b[2J", motivation),
      Bytes("Delete", "fields[1].motivation", "KWIKSTAART\x7f", motivation),
      Bytes("C1Control", "fields[1].motivation", "KWIKSTAART\xc2\x85", motivation),
      Bytes("LineFeed", "fields[1].motivation", "KWIKSTAART\nKWIKSTAART", motivation),
      Bytes("NulInName", "tafel", std::string("T_\0", 3),
            [](Ask& r, const std::string& text) { r.set_tafel(text); }),
      Bytes("InvalidUtf8InSource", "source.hat", "KWIKSTAART\xff",
            [](Ask& r, const std::string& text) { r.mutable_source()->set_hat(text); }),
      Fields("MotivationTooLong", "fields[0].motivation",
             [](Ask& r) { r.mutable_fields(0)->set_motivation(std::string(2001, 'x')); }),
      Fields("NadeelTooLong", "wvggz_ernstig_nadeel",
             [](Ask& r) { r.set_wvggz_ernstig_nadeel(std::string(2001, 'x')); }),
      // Row 24.
      Fields("RequestIdMissing", "request_id", [](Ask& r) { r.clear_request_id(); }),
      Fields("RequestIdNotAnId", "request_id", [](Ask& r) { r.set_request_id("KWIKSTAART"); }),
      Fields("RequestIdUpperCase", "request_id",
             [](Ask& r) { r.set_request_id("0B5F7A3E-1C9D-4E2F-8A6B-3C4D5E6F7A8B"); }),
      Fields("RequestIdOfVersion1", "request_id",
             [](Ask& r) { r.set_request_id("0b5f7a3e-1c9d-1e2f-8a6b-3c4d5e6f7a8b"); }),
      Fields("RequestIdNil", "request_id",
             [](Ask& r) { r.set_request_id("00000000-0000-0000-0000-000000000000"); }),
      // No message of this type at all.
      Raw("Garbage", "message",
          [](Scene&) {
            return std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff KWIKSTAART");
          }),
      Raw("Nothing", "request_id", [](Scene&) { return std::string(); }),
      Raw("CutOff", "fields[3]",
          [](Scene& scene) {
            std::string bytes = scene.Good().SerializeAsString();
            return bytes.substr(0, bytes.size() - 3);
          }),
      Raw("UnknownFieldNumber", "message",
          [](Scene& scene) { return scene.Good().SerializeAsString() + "\xfa\x3f\x0aKWIKSTAART"; }),
      Raw("UnknownFieldNumberInside", "fields[4]",
          [](Scene& scene) {
            // AskedField { 9: text }
            return scene.Good().SerializeAsString() + "\x62\x0c\x4a\x0aKWIKSTAART";
          }),
      Raw("OtherWireType", "message",
          [](Scene& scene) {
            return scene.Good().SerializeAsString() + std::string("\x18\x01", 2);
          }),
      Raw("EndlessGroup", "request_id",
          [](Scene& scene) {
            return scene.Good().SerializeAsString() + std::string(5000, '\x0b');
          }),
      Raw("MessageOfAnotherCall", "message",
          [](Scene& scene) { return scene.GoodPerson().SerializeAsString(); }),
      Raw("LengthBeyondTheEnd", "fields[0]",
          [](Scene&) { return std::string("\x62\xff\xff\xff\xff\x07KWIKSTAART"); }),
  };
  // Row 25.
  calls.push_back(With(Fields("RequestIdReused", "request_id", nullptr), StatusCode::kAlreadyExists,
                       "MALFORMED", EventKind::CALL_REJECTED));
  calls.back().bytes = [](Scene& scene) {
    Ask request = scene.Good();
    EXPECT_THAT(
        scene.stage().transport().Call("P_ALMELO", kRequestFields, request.SerializeAsString()),
        IsOk());
    request.mutable_fields(0)->set_motivation("iets anders");
    return request.SerializeAsString();
  };
  return calls;
}

std::vector<BadCall> Persons() {
  using Add = v1::AddPersonRequest;
  std::vector<BadCall> calls = {
      // Row 21.
      With(Person("BsnFailsTheProof", "bsn", [](Add& r) { r.set_bsn(kWrongBsn); }),
           StatusCode::kInvalidArgument, "BSN_NOT_ALLOWED", EventKind::PERSON_ADDED),
      With(Person("BsnOfEightDigits", "bsn", [](Add& r) { r.set_bsn("12345678"); }),
           StatusCode::kInvalidArgument, "BSN_NOT_ALLOWED", EventKind::PERSON_ADDED),
      With(Person("BsnOfLetters", "bsn", [](Add& r) { r.set_bsn("KWIKSTAART123"); }),
           StatusCode::kInvalidArgument, "BSN_NOT_ALLOWED", EventKind::PERSON_ADDED),
      With(Person("BsnOfZeros", "bsn", [](Add& r) { r.set_bsn("000000000"); }),
           StatusCode::kInvalidArgument, "BSN_NOT_ALLOWED", EventKind::PERSON_ADDED),
      // Row 23.
      Person("NameMissing", "elements.geslachtsnaam",
             [](Add& r) { r.mutable_elements()->clear_geslachtsnaam(); }),
      Person("GivenNamesMissing", "elements.voornamen",
             [](Add& r) { r.mutable_elements()->clear_voornamen(); }),
      Person("BirthDateMissing", "elements.geboortedatum",
             [](Add& r) { r.mutable_elements()->clear_geboortedatum(); }),
      Person("PostcodeMissing", "elements.postcode",
             [](Add& r) { r.mutable_elements()->clear_postcode(); }),
      Person("HouseNumberBlank", "elements.huisnummer",
             [](Add& r) { r.mutable_elements()->set_huisnummer(" "); }),
      Person("NoSuchBirthDate", "elements.geboortedatum",
             [](Add& r) { r.mutable_elements()->set_geboortedatum("2001-02-29"); }),
      Person("RoleMissing", "role", [](Add& r) { r.clear_role(); }),
      Person("RoleUnknown", "role",
             [](Add& r) { r.set_role(static_cast<policy::v1::PersonRole::Id>(99)); }),
      Person("CasusOfPersonMissing", "casus_id", [](Add& r) { r.clear_casus_id(); }),
      Person("RequestIdOfPersonMissing", "request_id", [](Add& r) { r.clear_request_id(); }),
      With(Person("HatOfPersonNotHeld", "", [](Add& r) { r.set_acting_hat("GGZ"); }),
           StatusCode::kPermissionDenied, "NOT_AUTHORISED_PERSON", EventKind::PERSON_ADDED),
      With(Person("HatOfPersonUnknown", "acting_hat",
                  [](Add& r) { r.set_acting_hat("KWIKSTAART"); }),
           StatusCode::kInvalidArgument, "MALFORMED", EventKind::PERSON_ADDED),
  };
  // Row 22.
  BadCall without_right =
      With(Person("BsnWithoutRight", "bsn", nullptr), StatusCode::kPermissionDenied,
           "BSN_NOT_ALLOWED", EventKind::PERSON_ADDED);
  without_right.partij = "P_TWENTEBELT";
  without_right.bytes = [](Scene& scene) {
    Add request = scene.GoodPerson();
    request.set_acting_hat("WONINGCORPORATIE");
    request.set_casus_id(scene.corporation_casus());
    request.set_bsn(testing::TestBsn(500));
    return request.SerializeAsString();
  };
  calls.push_back(without_right);
  without_right.name = "BsnWithoutRightToIdentify";
  without_right.method = "/sluis.v1.CasusService/IdentifyPerson";
  without_right.kind = EventKind::PERSON_IDENTIFIED;
  without_right.bytes = [](Scene&) {
    v1::IdentifyPersonRequest request;
    request.set_request_id(NewRequestId());
    request.set_acting_hat("WONINGCORPORATIE");
    request.set_professional("actor");
    request.set_bsn(testing::TestBsn(500));
    return request.SerializeAsString();
  };
  calls.push_back(without_right);
  return calls;
}

std::vector<BadCall> Deposits() {
  using Put = v1::DepositFieldRequest;
  // Where the reading of 32 levels ends.
  std::string too_deep = "content.value";
  for (int i = 0; i < 15; ++i) too_deep += ".list.values[0]";
  too_deep += ".list";
  const auto decided = [](BadCall call, StatusCode code, std::string reason) {
    return With(std::move(call), code, std::move(reason), EventKind::FIELD_DEPOSITED);
  };
  return {
      decided(Deposit("ValueOfAnotherForm", "content.value",
                      [](Put& r) { r.mutable_content()->mutable_value()->set_boolean(true); }),
              StatusCode::kInvalidArgument, "MALFORMED"),
      decided(Deposit("ValueTooLong", "content.value.text",
                      [](Put& r) {
                        r.mutable_content()->mutable_value()->set_text("KWIKSTAART" +
                                                                       std::string(64 << 10, 'x'));
                      }),
              StatusCode::kInvalidArgument, "MALFORMED"),
      decided(Deposit("DepositOfUnknownField", "field", [](Put& r) { r.set_field("KWIKSTAART"); }),
              StatusCode::kInvalidArgument, "MALFORMED"),
      decided(Deposit("DepositOfWildcard", "field", [](Put& r) { r.set_field("*"); }),
              StatusCode::kInvalidArgument, "MALFORMED"),
      Deposit("ValueMissing", "content.value", [](Put& r) { r.mutable_content()->clear_value(); }),
      Deposit("ValueDateMissing", "content.value_date",
              [](Put& r) { r.mutable_content()->clear_value_date(); }),
      Deposit("NulInValue", "content.value.text",
              [](Put& r) {
                r.mutable_content()->mutable_value()->set_text(std::string("KWIKSTAART\0", 11));
              }),
      Deposit("DeeplyNestedLists", too_deep,
              [](Put& r) {
                v1::Value* value = r.mutable_content()->mutable_value();
                for (int i = 0; i < 60; ++i) value = value->mutable_list()->add_values();
                value->set_text("KWIKSTAART");
              }),
  };
}

std::string CallName(const ::testing::TestParamInfo<BadCall>& parameter) {
  return parameter.param.name;
}

INSTANTIATE_TEST_SUITE_P(RequestFields, BadInputTest, ::testing::ValuesIn(Requests()), CallName);
INSTANTIATE_TEST_SUITE_P(AddPerson, BadInputTest, ::testing::ValuesIn(Persons()), CallName);
INSTANTIATE_TEST_SUITE_P(DepositField, BadInputTest, ::testing::ValuesIn(Deposits()), CallName);

// Garbage is answered alike by every call, and recorded by every call that has entries in the log.
TEST(BadInputEverywhereTest, GarbageIsMalformedInEveryCall) {
  Scene& scene = Scene::Get();
  ASSERT_THAT(scene.ready(), IsOk());
  const std::string before = scene.Visible();
  enum class Entry { kMade, kNone };
  const std::vector<std::pair<std::string, Entry>> methods = {
      {"CasusService/OpenCasus", Entry::kMade},
      {"CasusService/AddPerson", Entry::kMade},
      {"CasusService/IdentifyPerson", Entry::kMade},
      {"CasusService/IntroducePerson", Entry::kMade},
      {"CasusService/PlaceOnTafel", Entry::kMade},
      {"CasusService/AddDeelnemer", Entry::kMade},
      {"CasusService/RemoveDeelnemer", Entry::kMade},
      {"CasusService/ScaleCasus", Entry::kMade},
      {"CasusService/AcceptScaling", Entry::kMade},
      {"CasusService/CloseCasus", Entry::kMade},
      {"CasusService/GetCasus", Entry::kNone},
      {"CasusService/ListCasussen", Entry::kNone},
      {"SharingService/RequestFields", Entry::kMade},
      {"FieldService/DepositField", Entry::kMade},
      {"FieldService/CorrectField", Entry::kMade},
      {"FieldService/WithdrawField", Entry::kMade},
      {"ConsentService/RecordConsent", Entry::kMade},
      {"ConsentService/ConfirmConsent", Entry::kMade},
      {"ConsentService/WithdrawConsent", Entry::kMade},
      {"FactService/RecordFact", Entry::kMade},
      {"FactService/WithdrawFact", Entry::kMade},
      {"PersonService/RecordInformed", Entry::kMade},
      {"PersonService/PostponeInforming", Entry::kMade},
      {"PersonService/ListDuties", Entry::kNone},
      {"PersonService/ListReviews", Entry::kMade},
      {"PersonService/CloseReview", Entry::kMade},
      {"PersonService/GetInzageReport", Entry::kMade},
      {"PersonService/AskCorrection", Entry::kMade},
      {"PersonService/AnswerCorrection", Entry::kMade},
      {"PersonService/GetCorrection", Entry::kNone},
      {"PersonService/ApproveEmergency", Entry::kMade},
      {"ProfessionalService/PutProfessional", Entry::kMade},
      {"ProfessionalService/ListProfessionals", Entry::kNone},
      {"AuditService/SearchEvents", Entry::kMade},
      {"AuditService/ReadEntries", Entry::kMade},
      {"AuditService/GetCheckpoint", Entry::kNone},
      {"AuditService/GetInclusionProof", Entry::kNone},
      {"AuditService/GetConsistencyProof", Entry::kNone},
  };
  for (const auto& [method, entry] : methods) {
    SCOPED_TRACE(method);
    const auto size = scene.log().Size();
    ASSERT_THAT(size, IsOk());
    const auto answer = scene.stage().transport().Call(
        "P_ALMELO", absl::StrCat("/sluis.v1.", method), "\xff\xff KWIKSTAART");
    EXPECT_THAT(answer, testing::IsError(StatusCode::kInvalidArgument, "MALFORMED"));
    EXPECT_EQ(MetadataOf(answer.status())["field"], "message");
    if (entry == Entry::kNone) {
      EXPECT_EQ(scene.log().Size().value_or(0), *size);
      continue;
    }
    const auto entries = scene.log().Read(*size, 1);
    ASSERT_THAT(entries, IsOk());
    ASSERT_EQ(entries->size(), 1U);
    EXPECT_EQ(entries->front().kind, EventKind::CALL_REJECTED);
    EXPECT_EQ(entries->front().record.caller(), "P_ALMELO");
    EXPECT_EQ(entries->front().record.error_reason(), "MALFORMED");
  }
  EXPECT_EQ(scene.Visible(), before);
}

// Row 28, and the limit of the transport above it.
TEST(BadInputSizeTest, MoreThanOneMebibyteIsRefusedAndRecorded) {
  Scene& scene = Scene::Get();
  ASSERT_THAT(scene.ready(), IsOk());
  const auto size = scene.log().Size();
  ASSERT_THAT(size, IsOk());
  const auto answer =
      scene.stage().transport().Call("P_ALMELO", kRequestFields, std::string((1 << 20) + 1, 'x'));
  EXPECT_THAT(answer, testing::IsError(StatusCode::kResourceExhausted, "TOO_LARGE"));
  EXPECT_EQ(MetadataOf(answer.status())["limit"], "1048576");
  // The entry is committed beside the answer, before that of this reading.
  ASSERT_THAT(scene.log().Read(*size, 1), IsOk());
  const auto entries = scene.log().Read(*size, 1);
  ASSERT_THAT(entries, IsOk());
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().kind, EventKind::CALL_REJECTED);
  EXPECT_EQ(entries->front().record.caller(), "P_ALMELO");
  EXPECT_EQ(entries->front().record.error_reason(), "TOO_LARGE");
}

TEST(BadInputSizeTest, AMessageOfExactlyTheLimitIsRead) {
  Scene& scene = Scene::Get();
  ASSERT_THAT(scene.ready(), IsOk());
  EXPECT_THAT(
      scene.stage().transport().Call("P_ALMELO", kRequestFields, std::string(1 << 20, '\xff')),
      testing::IsError(StatusCode::kInvalidArgument, "MALFORMED"));
}

TEST(BadInputSizeTest, MoreThanTheTransportTakesLeavesNoTraceAndDoesNoHarm) {
  Scene& scene = Scene::Get();
  ASSERT_THAT(scene.ready(), IsOk());
  const auto size = scene.log().Size();
  ASSERT_THAT(size, IsOk());
  const auto answer =
      scene.stage().transport().Call("P_ALMELO", kRequestFields, std::string((4 << 20) + 1, 'x'));
  EXPECT_THAT(answer, testing::IsError(StatusCode::kResourceExhausted, "TRANSPORT"));
  EXPECT_EQ(scene.log().Size().value_or(0), *size);
  EXPECT_EQ(scene.stage().transport().ConnectionOf("P_ALMELO")->Health().value_or("none"),
            "SERVING");
}

TEST(BadInputMethodTest, AnUnknownCallIsUnimplemented) {
  Scene& scene = Scene::Get();
  ASSERT_THAT(scene.ready(), IsOk());
  for (const char* method :
       {"/sluis.v1.SharingService/RequestEverything", "/sluis.v1.AdminService/SetDecisionClock",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"}) {
    EXPECT_EQ(scene.stage().transport().Call("P_ALMELO", method, "").status().code(),
              StatusCode::kUnimplemented)
        << method;
  }
}

// ---- What is not an error: an answer per field ----

class BadAnswerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(Scene::Get().ready(), IsOk()); }

  // Asks, and expects one entry in the log and this code for every field.
  void ExpectForEvery(const Ask& request, policy::v1::ReasonCode::Id code) {
    Scene& scene = Scene::Get();
    const auto size = scene.log().Size();
    ASSERT_THAT(size, IsOk());
    const auto answer = scene.stage().transport().Send<v1::RequestFieldsResponse>(
        "P_ALMELO", kRequestFields, request);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->values_size(), 0);
    EXPECT_EQ(answer->answer().fields_size(), request.fields_size());
    for (const auto& field : answer->answer().fields()) {
      EXPECT_EQ(policy::v1::FieldOutcome::Id_Name(field.outcome()), "REFUSE") << field.field();
      EXPECT_EQ(policy::v1::ReasonCode::Id_Name(field.code()),
                policy::v1::ReasonCode::Id_Name(code))
          << field.field();
      EXPECT_EQ(field.article(), "") << field.field();
    }
    const auto entries = scene.log().Read(*size, 1);
    ASSERT_THAT(entries, IsOk());
    ASSERT_EQ(entries->size(), 1U);
    EXPECT_EQ(entries->front().kind, EventKind::FIELDS_REQUESTED);
    EXPECT_EQ(entries->front().record.decision().fields_size(), request.fields_size());
  }
};

// Row 2.
TEST_F(BadAnswerTest, AnUnknownCasusIsNotInCasus) {
  Ask request = Scene::Get().Good();
  request.set_casus_id(NewRequestId());
  ExpectForEvery(request, policy::v1::ReasonCode::NOT_IN_CASUS);
}

// Row 17.
TEST_F(BadAnswerTest, AnUnknownPersonIsNotInCasus) {
  Ask request = Scene::Get().Good();
  request.set_person_id(NewRequestId());
  ExpectForEvery(request, policy::v1::ReasonCode::NOT_IN_CASUS);
}

// The id of another partij is no id at all.
TEST_F(BadAnswerTest, AnothersIdOfThePersonIsNotInCasus) {
  Ask request = Scene::Get().Good();
  request.set_person_id(Scene::Get().world().PersonId("P_MEDIANT", "gerda"));
  ExpectForEvery(request, policy::v1::ReasonCode::NOT_IN_CASUS);
}

// Row 11.
TEST_F(BadAnswerTest, ABlankMotivationRefusesThatFieldOnly) {
  Scene& scene = Scene::Get();
  Ask request = scene.Good();
  ASSERT_EQ(request.fields(3).field(), "signaleringsplan_bejegening");
  for (const char* blank : {"", " ", "\xc2\xa0 \xe2\x80\x83"}) {
    request.set_request_id(NewRequestId());
    request.mutable_fields(3)->set_motivation(blank);
    const auto answer = scene.stage().transport().Send<v1::RequestFieldsResponse>(
        "P_ALMELO", kRequestFields, request);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(policy::v1::ReasonCode::Id_Name(answer->answer().fields(3).code()),
              "NECESSITY_NOT_MOTIVATED");
    for (const int i : {0, 1}) {
      EXPECT_EQ(policy::v1::ReasonCode::Id_Name(answer->answer().fields(i).code()), "RELEASED");
    }
    EXPECT_EQ(answer->values_size(), 2);
  }
}

// Row 14.
TEST_F(BadAnswerTest, AFieldThatIsNeverGrantedIsRefused) {
  Ask request = Scene::Get().Good();
  request.clear_fields();
  request.add_fields()->set_field("diagnose_hoofd");
  request.mutable_fields(0)->set_motivation("nodig");
  ExpectForEvery(request, policy::v1::ReasonCode::NO_GRANT);
}

}  // namespace
}  // namespace sluis
