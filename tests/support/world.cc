#include "sluis/testing/world.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "sluis/base/bsn.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/crypto/crypto.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/v1/casus.pb.h"
#include "sluis/v1/consent.pb.h"
#include "sluis/v1/fact.pb.h"
#include "sluis/v1/field.pb.h"
#include "sluis/v1/person.pb.h"
#include "sluis/v1/professional.pb.h"
#include "sluis/v1/wams.pb.h"

namespace sluis::testing {
namespace {

namespace pb = policy::v1;

// The professional in whose name the world acts, besides those of the case.
constexpr char kActor[] = "actor";

template <typename List>
bool Contains(const List& list, std::string_view name) {
  return std::any_of(list.begin(), list.end(), [&](const auto& each) { return each == name; });
}

bool IsReason(const absl::Status& status, std::string_view reason) {
  return ReasonOf(status) == reason;
}

template <typename Set>
std::string Join(const Set& set) {
  return absl::StrCat("{", absl::StrJoin(set, ","), "}");
}

template <typename Enum, typename List>
std::set<std::string> NamesOf(const List& list) {
  std::set<std::string> names;
  for (const int each : list) names.insert(Enum::Id_Name(static_cast<typename Enum::Id>(each)));
  return names;
}

}  // namespace

std::string TestBsn(int n) {
  for (int candidate = 900000000 + n * 1000;; ++candidate) {
    std::string text = std::to_string(candidate);
    if (IsWellFormedBsn(text)) return text;
  }
}

v1::Value SampleValue(const pb::Field& field) {
  v1::Value value;
  const std::string& type = field.type();
  const std::string mark = absl::StrCat(ToAbsl(kSecretMark), " ", field.name());
  const auto form = [&](const std::string& of, v1::Value& out) {
    if (of == "bool") {
      out.set_boolean(true);
    } else if (of == "int") {
      out.set_integer(7);
    } else if (of == "money") {
      out.set_eurocents(123456);
    } else if (of == "date") {
      out.set_date("2025-05-05");
    } else if (of == "hat") {
      out.set_token("POLITIE");
    } else if (of == "uuid") {
      out.set_text("0b5f7a3e-1c9d-4e2f-8a6b-3c4d5e6f7a8b");
    } else if (of == "bsn9") {
      out.set_text(TestBsn(77));
    } else if (of == "text" || of == "doc" || of == "string" || of == "ref" || of == "code") {
      out.set_text(mark);
    } else if (of == "struct" || of == "geo") {
      std::string json = "{";
      if (field.name() == "adres_brp") {
        json +=
            R"("straat":"KWIKSTAART straat","huisnummer":"1","postcode":"7601AB","plaats":"Almelo")";
      } else if (field.name() == "afspraken_interventies") {
        json += R"("afspraak":"KWIKSTAART afspraak")";
      } else if (field.name() == "actiehouder_en_termijn") {
        json += R"("actie":"KWIKSTAART actie","houder":"KWIKSTAART houder")";
      } else if (field.name() == "politie_incidenten_art8_12mnd") {
        json += R"("datum":"2026-03-01","soort":"KWIKSTAART soort")";
      } else {
        json += R"("omschrijving":"KWIKSTAART omschrijving")";
      }
      out.set_json(json + "}");
    } else {
      out.set_token(std::string(kSecretMark));
    }
  };
  if (type == "bool[4]" || type == "enum[5]") {
    for (int i = 0; i < 4; ++i)
      form(type.substr(0, type.find('[')), *value.mutable_list()->add_values());
  } else if (type.size() > 2 && type.substr(type.size() - 2) == "[]") {
    form(type.substr(0, type.size() - 2), *value.mutable_list()->add_values());
  } else {
    form(type, value);
  }
  return value;
}

World::World(Transport& transport, const pb::Convenant& convenant, int first_person)
    : transport_(transport), convenant_(convenant), first_person_(first_person) {}

template <typename Answer, typename Response, typename Req>
absl::StatusOr<Answer> World::Send(const Side& side, std::string_view method, Req request) {
  SLUIS_RETURN_IF_ERROR(PutActor(side.partij));
  SLUIS_RETURN_IF_ERROR(Introduce(side.partij));
  request.set_request_id(NewRequestId());
  request.set_acting_hat(side.hat);
  request.set_professional(kActor);
  auto response =
      transport_.Send<Response>(side.partij, absl::StrCat("/sluis.v1.", ToAbsl(method)), request);
  if (!response.ok()) return response.status();
  return response->answer();
}

World::Side World::Holder(std::string_view hat) const {
  for (const pb::Partij& partij : convenant_.parties()) {
    if (Contains(partij.hats(), hat)) return {partij.id(), std::string(hat)};
  }
  return {};
}

template <typename Hats>
World::Side World::HolderOf(const Hats& hats) const {
  for (const std::string& hat : hats) {
    if (Side side = Holder(hat); !side.partij.empty()) return side;
  }
  return {};
}

const pb::Partij* World::PartijNamed(std::string_view id) const {
  for (const pb::Partij& partij : convenant_.parties()) {
    if (partij.id() == id) return &partij;
  }
  return nullptr;
}

const pb::Tafel* World::TafelNamed(std::string_view id) const {
  for (const pb::Tafel& tafel : convenant_.tafels()) {
    if (tafel.id() == id) return &tafel;
  }
  return nullptr;
}

const pb::AdmissionRule* World::AdmissionAt(const pb::Tafel& tafel) const {
  for (const pb::AdmissionRule& rule : convenant_.admission()) {
    if (rule.regime() == tafel.regime()) return &rule;
  }
  return nullptr;
}

std::string World::PersonId(std::string_view partij, std::string_view person) {
  const bool in_casus = std::any_of(persons_.begin(), persons_.end(),
                                    [&](const std::string& each) { return each == person; });
  const pb::Partij* known = PartijNamed(partij);
  if (!in_casus || known == nullptr) return "";
  if (const absl::Status status = Introduce(known->id()); !status.ok()) {
    if (not_introduced_.ok()) not_introduced_ = status;
    return "";
  }
  return person_ids_[{std::string(partij), std::string(person)}];
}

absl::Status World::Build(const policy::ExpandedStep& step) {
  SLUIS_RETURN_IF_ERROR(transport_.SetClock(step.now));
  SLUIS_RETURN_IF_ERROR(PutProfessionals(*step.facts));
  if (step.facts->casus().status() != pb::CasusFacts::STATUS_UNSPECIFIED) {
    SLUIS_RETURN_IF_ERROR(Open(step));
    SLUIS_RETURN_IF_ERROR(AddPersons(step.facts->casus()));
    SLUIS_RETURN_IF_ERROR(Admit(step));
    SLUIS_RETURN_IF_ERROR(Deposit(step));
    SLUIS_RETURN_IF_ERROR(Record(step));
    if (step.facts->casus().status() == pb::CasusFacts::CLOSED) {
      SLUIS_RETURN_IF_ERROR(Close(step.facts->casus()));
    }
  }
  if (!not_introduced_.ok()) return not_introduced_;
  return transport_.SetClock(step.now);
}

absl::Status World::Put(const std::string& partij, v1::PutProfessionalRequest request) {
  request.set_request_id(NewRequestId());
  return transport_
      .Send<v1::PutProfessionalResponse>(partij, "/sluis.v1.ProfessionalService/PutProfessional",
                                         request)
      .status();
}

absl::Status World::PutActor(const std::string& partij) {
  const pb::Partij* named = PartijNamed(partij);
  if (named == nullptr || !actors_.insert(partij).second) return absl::OkStatus();
  v1::PutProfessionalRequest request;
  request.set_professional(kActor);
  *request.mutable_hats() = named->hats();
  request.set_active(true);
  return Put(partij, std::move(request));
}

absl::Status World::PutProfessionals(const pb::Facts& facts) {
  for (const pb::Professional& professional : facts.professionals()) {
    v1::PutProfessionalRequest request;
    request.set_professional(professional.id());
    *request.mutable_hats() = professional.hats();
    *request.mutable_functions() = professional.functions();
    request.set_active(professional.active());
    if (Put(professional.partij(), std::move(request)).ok()) {
      professionals_.push_back(professional);
    } else {
      left_out_.push_back("professional " + professional.id());
    }
  }
  return absl::OkStatus();
}

absl::Status World::Leave() {
  for (const Recorded& besluit : besluiten_) {
    v1::WithdrawFactRequest request;
    request.set_fact_id(besluit.id);
    const absl::Status status = Send<v1::WithdrawFactAnswer, v1::WithdrawFactResponse>(
                                    besluit.side, "FactService/WithdrawFact", std::move(request))
                                    .status();
    if (!status.ok()) return status;
  }
  besluiten_.clear();
  for (const pb::Professional& professional : professionals_) {
    v1::PutProfessionalRequest request;
    request.set_professional(professional.id());
    *request.mutable_hats() = professional.hats();
    SLUIS_RETURN_IF_ERROR(Put(professional.partij(), std::move(request)));
  }
  professionals_.clear();
  return absl::OkStatus();
}

absl::Status World::Open(const policy::ExpandedStep& step) {
  const pb::CasusFacts& casus = step.facts->casus();
  // A tafel that is used in the phase, and a member with the right to the BSN where there is one.
  const pb::Tafel* at = nullptr;
  for (const bool bsn_wanted : {true, false}) {
    for (const pb::Tafel& tafel : convenant_.tafels()) {
      if (at != nullptr || !Contains(tafel.phases(), casus.phase())) continue;
      for (const pb::Hat& hat : convenant_.hats()) {
        if (at != nullptr || hat.bsn_entitled() != bsn_wanted ||
            !Contains(tafel.member_hats(), hat.id()))
          continue;
        const Side side = Holder(hat.id());
        if (side.partij.empty()) continue;
        at = &tafel;
        opener_ = side;
      }
    }
  }
  if (at == nullptr) return absl::InternalError("no tafel to open the casus at");
  v1::OpenCasusRequest request;
  request.set_tafel(at->id());
  request.set_phase(casus.phase());
  request.set_municipality(casus.municipality());
  for (const char* domain : {"STRAF", "ZORG", "GEMEENTE"}) request.add_domains(domain);
  request.set_first_processed(casus.first_processed());
  auto answer = Send<v1::OpenCasusAnswer, v1::OpenCasusResponse>(opener_, "CasusService/OpenCasus",
                                                                 std::move(request));
  if (!answer.ok()) return answer.status();
  casus_id_ = answer->casus_id();
  return absl::OkStatus();
}

absl::Status World::AddPersons(const pb::CasusFacts& casus) {
  int number = 0;
  for (const pb::CasusPerson& person : casus.persons()) {
    ++number;
    v1::AddPersonRequest request;
    request.set_casus_id(casus_id_);
    if (person.bsn_valid()) {
      request.set_bsn(TestBsn(first_person_ + number));
      request.set_bsn_verified(person.bsn_verified());
    }
    request.set_urgent(person.birth_date().empty());
    auto& elements = *request.mutable_elements();
    elements.set_geslachtsnaam(absl::StrCat(ToAbsl(kSecretMark), "naam ", person.id()));
    // Nobody is called so for short: the mark alone stands in pseudonymised texts.
    elements.set_voornamen(absl::StrCat("V", ToAbsl(kSecretMark), "voornaam"));
    elements.set_geboortedatum(person.birth_date());
    elements.set_postcode("7601AB");
    elements.set_huisnummer("1");
    request.set_role(person.role());
    request.set_wilsonbekwaam(person.wilsonbekwaam());
    request.set_address_protected(person.address_protected());
    auto answer = Send<v1::AddPersonAnswer, v1::AddPersonResponse>(
        opener_, "CasusService/AddPerson", std::move(request));
    if (!answer.ok()) return answer.status();
    person_ids_[{opener_.partij, person.id()}] = answer->person_id();
    persons_.push_back(person.id());
  }
  return absl::OkStatus();
}

// Who is introduced to the persons of a casus knows the casus too, and may act in it.
absl::Status World::Introduce(const std::string& partij) {
  if (persons_.empty() || partij == opener_.partij || !introduced_.insert(partij).second)
    return absl::OkStatus();
  for (const std::string& person : persons_) {
    v1::IntroducePersonRequest request;
    request.set_casus_id(casus_id_);
    request.set_person_id(person_ids_[{opener_.partij, person}]);
    request.set_partij(partij);
    const absl::Status status = Send<v1::IntroducePersonAnswer, v1::IntroducePersonResponse>(
                                    opener_, "CasusService/IntroducePerson", std::move(request))
                                    .status();
    if (!status.ok()) return status;
  }
  v1::GetCasusRequest get;
  get.set_casus_id(casus_id_);
  const auto view =
      transport_.Send<v1::GetCasusResponse>(partij, "/sluis.v1.CasusService/GetCasus", get);
  if (!view.ok()) return view.status();
  if (view->casus().person_ids_size() != static_cast<int>(persons_.size()))
    return absl::InternalError("a person is missing from the casus");
  for (size_t i = 0; i < persons_.size(); ++i)
    person_ids_[{partij, persons_[i]}] = view->casus().person_ids(static_cast<int>(i));
  return absl::OkStatus();
}

absl::Status World::Admit(const policy::ExpandedStep& step) {
  const pb::CasusFacts& casus = step.facts->casus();
  for (const std::string& name : casus.tafels()) {
    const pb::Tafel* tafel = TafelNamed(name);
    if (tafel == nullptr) continue;
    v1::PlaceOnTafelRequest request;
    request.set_casus_id(casus_id_);
    request.set_tafel(name);
    const absl::Status status =
        Send<v1::PlaceOnTafelAnswer, v1::PlaceOnTafelResponse>(
            HolderOf(AdmissionAt(*tafel)->hats()), "CasusService/PlaceOnTafel", std::move(request))
            .status();
    if (IsReason(status, "WRONG_TABLE")) {
      left_out_.push_back("placement at " + name);
    } else if (!status.ok()) {
      return status;
    }
  }
  const auto admit = [&](const pb::Participation& participation, const pb::Tafel& tafel) {
    v1::AddDeelnemerRequest request;
    request.set_casus_id(casus_id_);
    request.set_tafel(tafel.id());
    *request.mutable_deelnemer() = participation.participant();
    request.set_from(participation.from());
    request.set_until(participation.until());
    const pb::AdmissionRule* rule = AdmissionAt(tafel);
    return Send<v1::AddDeelnemerAnswer, v1::AddDeelnemerResponse>(
               rule->opener() ? opener_ : HolderOf(rule->hats()), "CasusService/AddDeelnemer",
               std::move(request))
        .status();
  };
  const pb::Tafel* asked = TafelNamed(step.step->request().tafel());
  for (const pb::Participation& participation : casus.participants()) {
    const std::string& hat = participation.participant().hat();
    // The case says "counts everywhere"; on the wire that is a tafel of the regime that is asked.
    const pb::Tafel* at = nullptr;
    const auto seat = [&](const pb::Tafel& tafel) {
      return tafel.all_hats() || Contains(tafel.member_hats(), hat);
    };
    if (asked != nullptr && seat(*asked)) at = asked;
    for (const pb::Tafel& tafel : convenant_.tafels()) {
      if (at == nullptr && asked != nullptr && tafel.regime() == asked->regime() && seat(tafel) &&
          (!AdmissionAt(tafel)->placement_required() || Contains(casus.tafels(), tafel.id()))) {
        at = &tafel;
      }
    }
    const absl::Status status = at == nullptr
                                    ? FailedPrecondition("WRONG_TABLE", "no seat in this regime")
                                    : admit(participation, *at);
    if (IsReason(status, "WRONG_TABLE") || IsReason(status, "CASE_NOT_ADMITTED")) {
      left_out_.push_back(
          absl::StrCat("deelnemer ", participation.participant().partij(), " ", hat));
    } else if (!status.ok()) {
      return status;
    }
  }
  for (const pb::Participation& guest : casus.guests()) {
    const pb::Tafel* at = TafelNamed(guest.tafel());
    const absl::Status status =
        at == nullptr ? absl::InternalError("a guest without tafel") : admit(guest, *at);
    if (IsReason(status, "WRONG_TABLE") || IsReason(status, "CASE_NOT_ADMITTED")) {
      left_out_.push_back(absl::StrCat("guest ", guest.participant().partij()));
    } else if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status World::Deposit(const policy::ExpandedStep& step) {
  for (const pb::Holding& holding : step.facts->holdings()) {
    const std::string what =
        absl::StrCat("holding ", holding.field(), " of ", holding.source().partij());
    if (holding.removed()) {
      left_out_.push_back(what);
      continue;
    }
    const auto day = CivilDate::Parse(holding.recorded_on());
    if (!day.ok()) return day.status();
    // The value was deposited on the day on which it last changed.
    SLUIS_RETURN_IF_ERROR(transport_.SetClock(
        std::min(step.now, absl::FromCivil(day->day(), absl::UTCTimeZone()) + absl::Hours(11))));
    v1::DepositFieldRequest request;
    if (holding.person().empty()) {
      request.set_casus_id(casus_id_);
    } else {
      request.set_person_id(PersonId(holding.source().partij(), holding.person()));
    }
    request.set_field(holding.field());
    v1::ValueContent& content = *request.mutable_content();
    const pb::Field* field = nullptr;
    for (const pb::Field& each : convenant_.fields()) {
      if (each.name() == holding.field()) field = &each;
    }
    if (field == nullptr) return absl::InternalError("a holding of no field");
    *content.mutable_value() = SampleValue(*field);
    if (holding.min_cell() > 0)
      content.mutable_value()->set_json(absl::StrCat("{\"A\":", holding.min_cell(), "}"));
    content.set_value_date(holding.value_date());
    content.mutable_labels()->set_nature(v1::PoliceLabels::FACT);
    content.mutable_labels()->set_subject(v1::PoliceLabels::NONE);
    for (const pb::SourceCondition& condition : step.facts->source_conditions()) {
      if (condition.person() != holding.person() || condition.field() != holding.field() ||
          condition.origin().partij() != holding.source().partij() ||
          condition.origin().hat() != holding.source().hat()) {
        continue;
      }
      pb::SourceCondition& travelling = *content.add_conditions();
      travelling.set_kind(condition.kind());
      travelling.set_until(condition.until());
      travelling.set_tafel(condition.tafel());
    }
    request.set_first_processed(holding.first_processed());
    request.set_deposit_end(holding.deposit_end().empty() ? "2099-12-31" : holding.deposit_end());
    request.set_third_person(holding.third_person());
    request.set_visible_to_present(holding.visible_to_present());
    request.set_form(holding.form());
    request.set_min_cell(holding.min_cell());
    if (holding.has_origin()) *request.mutable_origin() = holding.origin();
    const absl::Status status = Send<v1::DepositFieldAnswer, v1::DepositFieldResponse>(
                                    {holding.source().partij(), holding.source().hat()},
                                    "FieldService/DepositField", std::move(request))
                                    .status();
    // What no deposit may hold (settled: never exchanged, not owned).
    if (IsReason(status, "NOT_AUTHORISED_PERSON") || IsReason(status, "CATEGORY_EXCLUDED") ||
        IsReason(status, "POLICE_ARTICLE_EXCLUDED") || IsReason(status, "NO_GRANT")) {
      left_out_.push_back(what);
    } else if (!status.ok()) {
      return WithMetadata(status, "what", what);
    }
  }
  return transport_.SetClock(step.now);
}

absl::Status World::RecordOne(const Side& side, pb::Fact fact, bool in_casus,
                              std::string_view what) {
  v1::RecordFactRequest request;
  if (in_casus) request.set_casus_id(casus_id_);
  *request.mutable_fact() = std::move(fact);
  request.set_reference("dossier 1");
  const bool besluit = request.fact().has_besluit();
  const auto answer = Send<v1::RecordFactAnswer, v1::RecordFactResponse>(
      side, "FactService/RecordFact", std::move(request));
  last_fact_ = answer.ok() ? answer->fact_id() : std::string();
  if (answer.ok() && besluit) besluiten_.push_back({side, answer->fact_id()});
  const absl::Status& status = answer.status();
  // An incomplete record is not taken, and counts as absent just so.
  if (IsReason(status, "MALFORMED")) {
    left_out_.push_back(
        absl::StrCat(ToAbsl(what), ": ", status.message(), " ", MetadataOf(status)["field"]));
    return absl::OkStatus();
  }
  return WithMetadata(status, "what", what);
}

absl::Status World::Approve(const Side& side, const pb::ProfessionalDecision& decision) {
  if (approvable_.empty()) {
    left_out_.push_back("an approval without a decision");
    return absl::OkStatus();
  }
  std::set<std::string> approved;
  for (const std::string& approver : decision.approvers()) {
    if (!approved.insert(approver).second || approver == decision.approvers(0)) continue;
    const auto who = std::find_if(professionals_.begin(), professionals_.end(),
                                  [&](const auto& each) { return each.id() == approver; });
    if (who == professionals_.end()) {
      left_out_.push_back("approver " + approver);
      continue;
    }
    v1::ApproveEmergencyRequest request;
    request.set_request_id(NewRequestId());
    request.set_acting_hat(who->partij() == side.partij ? side.hat : decision.recipient_hats(0));
    request.set_professional(approver);
    request.set_casus_id(casus_id_);
    request.set_person_id(PersonId(who->partij(), persons_.front()));
    request.set_decision_id(approvable_);
    SLUIS_RETURN_IF_ERROR(
        transport_
            .Send<v1::ApproveEmergencyResponse>(who->partij(),
                                                "/sluis.v1.PersonService/ApproveEmergency", request)
            .status());
  }
  return absl::OkStatus();
}

absl::Status World::Record(const policy::ExpandedStep& step) {
  const pb::Facts& facts = *step.facts;
  const auto person = [&](const Side& side, const std::string& id) {
    return PersonId(side.partij, id);
  };
  const auto side_of = [](const pb::PartijHat& side) { return Side{side.partij(), side.hat()}; };
  for (pb::Consent consent : facts.consents()) {
    const Side side = side_of(consent.source());
    consent.set_person(person(side, consent.person()));
    if (consent.evidence().empty()) consent.set_evidence("dossier 2");
    v1::RecordConsentRequest request;
    const std::string withdrawn_at = consent.withdrawn_at();
    consent.clear_withdrawn_at();
    *request.mutable_consent() = consent;
    auto answer = Send<v1::RecordConsentAnswer, v1::RecordConsentResponse>(
        side, "ConsentService/RecordConsent", std::move(request));
    if (!answer.ok()) return answer.status();
    if (withdrawn_at.empty()) continue;
    absl::Time at;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, withdrawn_at, &at, &error))
      return absl::InternalError("a withdrawal without instant");
    // One that is yet to come has not been recorded yet.
    if (at > step.now) continue;
    SLUIS_RETURN_IF_ERROR(transport_.SetClock(at));
    v1::WithdrawConsentRequest withdraw;
    withdraw.set_consent_id(answer->consent_id());
    SLUIS_RETURN_IF_ERROR((Send<v1::WithdrawConsentAnswer, v1::WithdrawConsentResponse>(
                               side, "ConsentService/WithdrawConsent", std::move(withdraw))
                               .status()));
    SLUIS_RETURN_IF_ERROR(transport_.SetClock(step.now));
  }
  for (pb::ProfessionalDecision decision : facts.decisions()) {
    const Side side = side_of(decision.source());
    decision.set_person(person(side, decision.person()));
    decision.clear_casus();
    // Cases name who decided; on the wire it is a professional on record.
    decision.set_professional(kActor);
    if (decision.reason().empty()) decision.set_reason("KWIKSTAART reden");
    const auto given = [](const pb::ProfessionalDecision& each) {
      return each.kind() == pb::ProfessionalDecision::VIER_OGEN &&
             each.result() == pb::ProfessionalDecision::GIVEN;
    };
    if (given(decision)) {
      SLUIS_RETURN_IF_ERROR(Approve(side, decision));
      continue;
    }
    const bool approvable = decision.kind() == pb::ProfessionalDecision::ACUUT ||
                            decision.kind() == pb::ProfessionalDecision::CVP;
    if (approvable) {
      // The first approver of a case is who decided; the others approve.
      for (const pb::ProfessionalDecision& other : facts.decisions()) {
        if (given(other) && other.approvers_size() > 0 && other.source().partij() == side.partij &&
            other.source().hat() == side.hat) {
          decision.set_professional(other.approvers(0));
        }
      }
    }
    pb::Fact fact;
    *fact.mutable_decision() = std::move(decision);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), true, "decision"));
    if (approvable) approvable_ = last_fact_;
  }
  for (pb::Besluit besluit : facts.besluiten()) {
    const Side side = Holder("POLITIE");
    const bool wpg19 = besluit.kind() == pb::Besluit::WPG19;
    if (wpg19) besluit.set_person(person(side, besluit.person()));
    besluit.clear_casus();
    pb::Fact fact;
    *fact.mutable_besluit() = std::move(besluit);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), wpg19, "besluit"));
  }
  for (pb::Ots ots : facts.ots()) {
    const Side side = Holder("GI");
    ots.set_person(person(side, ots.person()));
    pb::Fact fact;
    *fact.mutable_ots() = std::move(ots);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), false, "ots"));
  }
  for (pb::Maatregel measure : facts.measures()) {
    const Side side =
        Holder(measure.kind() == pb::Maatregel::HUISVERBOD ? "GEM_BURGEMEESTER" : "GI");
    measure.set_person(person(side, measure.person()));
    pb::Fact fact;
    *fact.mutable_maatregel() = std::move(measure);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), false, "maatregel"));
  }
  for (pb::Mandate mandate : facts.mandates()) {
    const Side side = side_of(mandate.holder());
    mandate.set_person(person(side, mandate.person()));
    // A mandate that was withdrawn is one that is not there.
    if (!mandate.withdrawn_at().empty()) {
      absl::Time at;
      std::string error;
      if (absl::ParseTime(absl::RFC3339_full, mandate.withdrawn_at(), &at, &error) &&
          at <= step.now) {
        continue;
      }
      mandate.clear_withdrawn_at();
    }
    pb::Fact fact;
    *fact.mutable_mandate() = std::move(mandate);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), false, "mandate"));
  }
  for (pb::SourceObjection objection : facts.objections()) {
    const Side side = side_of(objection.source());
    if (!objection.person().empty()) objection.set_person(person(side, objection.person()));
    objection.clear_casus();
    if (objection.reason().empty()) objection.set_reason("KWIKSTAART bezwaar");
    if (!objection.withdrawn_at().empty()) continue;
    pb::Fact fact;
    *fact.mutable_objection() = std::move(objection);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), true, "objection"));
  }
  for (pb::SignalAttestation attestation : facts.attestations()) {
    Side side = Holder("WONINGCORPORATIE");
    for (const pb::Partij& partij : convenant_.parties()) {
      if (partij.id() == attestation.source_party()) side = {partij.id(), partij.hats(0)};
    }
    attestation.set_person(person(side, attestation.person()));
    pb::Fact fact;
    *fact.mutable_attestation() = std::move(attestation);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), true, "attestation"));
  }
  for (pb::Report report : facts.reports()) {
    const Side side = Holder(report.kind() == pb::Report::VT ? "VEILIG_THUIS" : "POLITIE");
    report.set_person(person(side, report.person()));
    if (report.date().empty()) report.set_date(facts.casus().first_processed());
    pb::Fact fact;
    *fact.mutable_report() = std::move(report);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), true, "report"));
  }
  for (pb::Informed informed : facts.informed()) {
    const Side side = Holder("GEM_PROCESREGIE");
    informed.set_person(person(side, informed.person()));
    pb::Fact fact;
    *fact.mutable_informed() = std::move(informed);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), true, "informed"));
  }
  for (pb::RightsException exception : facts.rights_exceptions()) {
    const Side side = opener_;
    exception.set_person(person(side, exception.person()));
    if (exception.reason().empty()) exception.set_reason("KWIKSTAART grond");
    pb::Fact fact;
    *fact.mutable_rights_exception() = std::move(exception);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), false, "rights_exception"));
  }
  for (pb::MelderConsent consent : facts.melder_consents()) {
    const Side side = opener_;
    consent.set_person(person(side, consent.person()));
    pb::Fact fact;
    *fact.mutable_melder_consent() = std::move(consent);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), false, "melder_consent"));
  }
  for (pb::Detention detention : facts.detention()) {
    const Side side = Holder("DJI_PI");
    detention.set_person(person(side, detention.person()));
    pb::Fact fact;
    *fact.mutable_detention() = std::move(detention);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), false, "detention"));
  }
  for (pb::Flag18b flag : facts.casus().flags_18b()) {
    const Side side = Holder("DJI_PI");
    flag.set_person(person(side, flag.person()));
    pb::Fact fact;
    *fact.mutable_flag_18b() = std::move(flag);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), true, "flag_18b"));
  }
  for (pb::Hit hit : facts.casus().hits()) {
    const Side side = Holder("POLITIE");
    hit.set_person(person(side, hit.person()));
    pb::Fact fact;
    *fact.mutable_hit() = std::move(hit);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), true, "hit"));
  }
  for (pb::Treatment treatment : facts.casus().treatment()) {
    const Side side = side_of(treatment.participant());
    if (!treatment.person().empty()) treatment.set_person(person(side, treatment.person()));
    pb::Fact fact;
    *fact.mutable_treatment() = std::move(treatment);
    SLUIS_RETURN_IF_ERROR(RecordOne(side, std::move(fact), true, "treatment"));
  }
  for (const std::string& tafel : facts.casus().perpetrator_side()) {
    pb::Fact fact;
    fact.mutable_perpetrator_side()->set_tafel(tafel);
    SLUIS_RETURN_IF_ERROR(
        RecordOne(Holder("GEM_PROCESREGIE"), std::move(fact), true, "perpetrator_side"));
  }
  if (facts.casus().has_timebox()) {
    pb::Fact fact;
    *fact.mutable_timebox() = facts.casus().timebox();
    SLUIS_RETURN_IF_ERROR(RecordOne(Holder("GEM_BURGEMEESTER"), std::move(fact), true, "timebox"));
  }
  if (facts.casus().radicalisation()) {
    pb::Fact fact;
    fact.mutable_radicalisation()->set_flagged(true);
    SLUIS_RETURN_IF_ERROR(RecordOne(Holder("POLITIE"), std::move(fact), true, "radicalisation"));
  }
  return facts.casus().has_wams_track() ? Wams(facts.casus()) : absl::OkStatus();
}

// Goes the way of the track through its gates. A state that the gates do not let in, such as an
// inquiry without samenspraak, comes about when what the gate asked is taken back afterwards.
absl::Status World::Wams(const pb::CasusFacts& casus) {
  const pb::WamsTrack& track = casus.wams_track();
  Side college;
  for (const pb::Partij& partij : convenant_.parties()) {
    if (college.partij.empty() && partij.municipality() == casus.municipality() &&
        Contains(partij.hats(), "GEM_WAMS")) {
      college = {partij.id(), "GEM_WAMS"};
    }
  }
  const bool t2 = track.has_opened_by();
  const Side asks = t2 ? Side{track.opened_by().partij(), track.opened_by().hat()} : college;
  v1::ReportRequest report;
  report.set_casus_id(casus_id_);
  report.set_kind(t2 ? v1::WAMS_REPORT_KIND_PROFESSIONAL : v1::WAMS_REPORT_KIND_HULPVRAAG);
  report.set_text("KWIKSTAART hulpvraag");
  report.set_reference("dossier 3");
  const absl::Status reported =
      Send<v1::ReportAnswer, v1::ReportResponse>(asks, "WamsService/Report", std::move(report))
          .status();
  if (IsReason(reported, "NO_BASIS")) {
    left_out_.emplace_back("wams_track");
    return absl::OkStatus();
  }
  if (!reported.ok()) return reported;
  const auto move = [&](const char* stage) {
    v1::MoveStageRequest request;
    request.set_casus_id(casus_id_);
    request.set_stage(stage);
    if (request.stage() == "AFSLUITING") request.set_reason("KWIKSTAART reden");
    return Send<v1::WamsAnswer, v1::MoveStageResponse>(college, "WamsService/MoveStage",
                                                       std::move(request))
        .status();
  };
  const auto take_back = [&](v1::TakeBackPartRequest::Part part) {
    v1::TakeBackPartRequest request;
    request.set_casus_id(casus_id_);
    request.set_part(part);
    return Send<v1::WamsAnswer, v1::TakeBackPartResponse>(college, "WamsService/TakeBackPart",
                                                          std::move(request))
        .status();
  };
  if (track.stage() == "MELDING") return absl::OkStatus();
  SLUIS_RETURN_IF_ERROR(move("TRIAGE"));
  if (track.stage() == "TRIAGE") return absl::OkStatus();

  for (const auto whom :
       {v1::RecordInformingRequest::REPORTED, v1::RecordInformingRequest::REPORTER}) {
    v1::RecordInformingRequest request;
    request.set_casus_id(casus_id_);
    request.set_whom(whom);
    request.set_status(pb::Informed::GEINFORMEERD);
    request.set_date(casus.first_processed());
    SLUIS_RETURN_IF_ERROR((Send<v1::WamsAnswer, v1::RecordInformingResponse>(
                               college, "WamsService/RecordInforming", std::move(request))
                               .status()));
  }
  v1::OpenInquiryRequest open;
  open.set_casus_id(casus_id_);
  open.set_task(t2 ? pb::WamsTrack::T2 : pb::WamsTrack::T1);
  open.set_reason("KWIKSTAART reden");
  const pb::Samenspraak& said = track.samenspraak();
  const bool complete =
      t2 ? !said.reason_without().empty() : !said.date().empty() && !said.with().empty();
  if (complete) {
    *open.mutable_samenspraak() = said;
  } else if (t2) {
    open.mutable_samenspraak()->set_reason_without("KWIKSTAART reden");
  } else {
    open.mutable_samenspraak()->set_date(casus.first_processed());
    open.mutable_samenspraak()->set_with("betrokkene");
  }
  SLUIS_RETURN_IF_ERROR((Send<v1::WamsAnswer, v1::OpenInquiryResponse>(
                             asks, "WamsService/OpenInquiry", std::move(open))
                             .status()));
  if (!complete) SLUIS_RETURN_IF_ERROR(take_back(v1::TakeBackPartRequest::SAMENSPRAAK));

  const auto record_outcome = [&](const pb::WamsOutcome& outcome) {
    v1::RecordPartRequest request;
    request.set_casus_id(casus_id_);
    *request.mutable_outcome() = outcome;
    return Send<v1::WamsAnswer, v1::RecordPartResponse>(college, "WamsService/RecordPart",
                                                        std::move(request))
        .status();
  };
  bool has_outcome = false;
  if (track.has_outcome()) {
    const absl::Status status = record_outcome(track.outcome());
    if (IsReason(status, "NO_WAMS_OUTCOME")) {
      left_out_.emplace_back("an outcome that does not hold what the law asks");
    } else if (!status.ok()) {
      return status;
    }
    has_outcome = status.ok();
  }
  if (track.stage() == "ONDERZOEK") return absl::OkStatus();

  if (!has_outcome) {
    pb::WamsOutcome outcome;
    outcome.set_date(casus.first_processed());
    outcome.set_name("KWIKSTAART naam");
    for (const char* domain : {"WONEN", "SCHULDEN"}) outcome.add_domains(domain);
    outcome.add_acts("WMO");
    outcome.set_coordination_useful(true);
    SLUIS_RETURN_IF_ERROR(record_outcome(outcome));
  }
  v1::RecordPartRequest agreed;
  agreed.set_casus_id(casus_id_);
  *agreed.mutable_agreement() = track.agreement();
  if (!track.has_agreement()) agreed.mutable_agreement()->set_reason_without("KWIKSTAART reden");
  SLUIS_RETURN_IF_ERROR((Send<v1::WamsAnswer, v1::RecordPartResponse>(
                             college, "WamsService/RecordPart", std::move(agreed))
                             .status()));
  SLUIS_RETURN_IF_ERROR(move("AANPAK_PLAN"));
  if (!has_outcome) SLUIS_RETURN_IF_ERROR(take_back(v1::TakeBackPartRequest::OUTCOME));
  if (!track.has_agreement()) SLUIS_RETURN_IF_ERROR(take_back(v1::TakeBackPartRequest::AGREEMENT));
  if (track.stage() == "AANPAK_PLAN") return absl::OkStatus();
  if (track.stage() != "AFSLUITING") return move("AANPAK_UITVOERING");
  return move("AFSLUITING");
}

absl::Status World::Close(const pb::CasusFacts& casus) {
  const pb::ClosingRule* rule = nullptr;
  for (const pb::ClosingRule& each : convenant_.closing()) {
    const bool placed =
        std::any_of(casus.tafels().begin(), casus.tafels().end(), [&](const std::string& name) {
          const pb::Tafel* tafel = TafelNamed(name);
          return tafel != nullptr && tafel->regime() == each.regime();
        });
    if (placed || (rule == nullptr && each.regime() == pb::Regime::REGIME_UNSPECIFIED))
      rule = &each;
  }
  v1::CloseCasusRequest request;
  request.set_casus_id(casus_id_);
  request.set_reason("KWIKSTAART reden van sluiten");
  return Send<v1::CloseCasusAnswer, v1::CloseCasusResponse>(
             HolderOf(rule->hats()), "CasusService/CloseCasus", std::move(request))
      .status();
}

v1::RequestFieldsRequest World::Request(const pb::DecisionRequest& request) {
  v1::RequestFieldsRequest out;
  out.set_request_id(NewRequestId());
  out.set_casus_id(casus_id_.empty() ? NewRequestId() : casus_id_);
  out.set_tafel(request.tafel());
  out.set_stage(request.stage());
  out.set_task(request.task());
  out.set_power(request.power());
  out.set_acting_hat(request.acting_hat());
  out.set_professional(request.professional());
  *out.mutable_source() = request.source();
  out.set_purpose(request.purpose());
  if (!request.person().empty()) {
    const std::string known = PersonId(request.partij(), request.person());
    out.set_person_id(known.empty() ? NewRequestId() : known);
  }
  for (const auto& asked : request.fields()) {
    v1::AskedField& field = *out.add_fields();
    field.set_field(asked.field());
    field.set_motivation(asked.motivation());
  }
  out.set_wvggz_ernstig_nadeel(request.wvggz_ernstig_nadeel());
  out.set_identity_established(request.identity_established());
  out.set_rights_role(static_cast<v1::RightsRole>(request.rights_role()));
  return out;
}

absl::StatusOr<v1::RequestFieldsResponse> World::Ask(const pb::DecisionRequest& request) {
  return transport_.Send<v1::RequestFieldsResponse>(
      request.partij(), "/sluis.v1.SharingService/RequestFields", Request(request));
}

std::vector<std::string> World::Compare(const pb::Statute& statute,
                                        const policy::ExpandedStep& step,
                                        const absl::StatusOr<v1::RequestFieldsResponse>& answer) {
  std::vector<std::string> differences;
  const auto& expected = step.step->expect();
  if (!answer.ok()) {
    // Nobody acts: an error for the whole request, where the case says so of every field.
    const bool nobody = ReasonOf(answer.status()) == "NOT_AUTHORISED_PERSON" &&
                        answer.status().code() == absl::StatusCode::kPermissionDenied;
    for (const auto& field : expected) {
      if (!nobody || field.code() != pb::ReasonCode::NOT_AUTHORISED_PERSON)
        differences.push_back(absl::StrCat(field.field(), ": ", answer.status().ToString()));
    }
    return differences;
  }
  if (answer->answer().fields_size() != step.step->request().fields_size()) {
    differences.emplace_back("another number of fields than asked");
  }
  for (const auto& want : expected) {
    const auto& fields = answer->answer().fields();
    const auto got = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& each) { return each.field() == want.field(); });
    if (got == fields.end()) {
      differences.push_back(want.field() + ": no answer");
      continue;
    }
    const auto differ = [&](std::string_view what, const std::string& is,
                            const std::string& should) {
      if (is != should) {
        differences.push_back(
            absl::StrCat(want.field(), ": ", ToAbsl(what), " is ", is, ", should be ", should));
      }
    };
    differ("outcome", pb::FieldOutcome::Id_Name(got->outcome()),
           pb::FieldOutcome::Id_Name(want.outcome()));
    differ("code", pb::ReasonCode::Id_Name(got->code()), pb::ReasonCode::Id_Name(want.code()));
    std::string article;
    for (const auto& row : statute.rows()) {
      if (row.id() == got->grondslag()) article = row.citation();
    }
    differ("article", got->article(), article);
    const bool released = want.outcome() == pb::FieldOutcome::RELEASE;
    if (released) {
      differ("grant", got->grant(), want.grant());
      differ("grondslag", got->grondslag(), want.grondslag());
      differ("obligations", Join(NamesOf<pb::Obligation>(got->obligations())),
             Join(NamesOf<pb::Obligation>(want.obligations())));
    }
    const bool needs = want.outcome() == pb::FieldOutcome::NEEDS_CONSENT ||
                       want.outcome() == pb::FieldOutcome::NEEDS_DECISION;
    if (needs || !want.missing().empty()) {
      differ("missing", Join(NamesOf<pb::Condition>(got->missing())),
             Join(NamesOf<pb::Condition>(want.missing())));
    }
    const bool delivered =
        std::any_of(answer->values().begin(), answer->values().end(),
                    [&](const auto& value) { return value.field() == want.field(); });
    differ("value state", v1::ValueState_Name(got->value_state()),
           v1::ValueState_Name(!released   ? v1::VALUE_STATE_UNSPECIFIED
                               : delivered ? v1::VALUE_STATE_DELIVERED
                                           : v1::VALUE_STATE_NONE_HELD));
    if (delivered && !released) differences.push_back(want.field() + ": delivered");
  }
  return differences;
}

}  // namespace sluis::testing
