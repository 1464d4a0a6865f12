#include "convert.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"

namespace sluis::client::internal {
namespace {

// The names of the values that this version knows, but for the unset one.
template <typename Ids, typename Name>
std::vector<std::string> Names(const Ids& ids, Name name) {
  std::vector<std::string> out;
  for (const auto id : ids) {
    const std::string& text = name(id);
    out.push_back(text.empty() ? std::to_string(id) : text);
  }
  return out;
}

Outcome ReadOutcome(policy::v1::FieldOutcome::Id id) {
  return OutcomeFromName(policy::v1::FieldOutcome::Id_Name(id)).value_or(Outcome::kRefuse);
}

std::string ReadCode(policy::v1::ReasonCode::Id id) {
  const std::string& name = policy::v1::ReasonCode::Id_Name(id);
  return name.empty() ? std::to_string(id) : name;
}

template <typename Repeated>
std::vector<std::string> Strings(const Repeated& in) {
  return {in.begin(), in.end()};
}

// How the JSON parser ends its error about a name.
constexpr std::string_view kUnknownName = ": Cannot find field.";

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Where the JSON parser stopped, from the text of its error: "(path): …", "(path) name: …" or, at
// the root, "name: …". The rest of that text may quote content.
std::string ElementIn(std::string_view error) {
  std::string element = "fact";
  if (error.substr(0, 1) == "(") {
    const size_t end = error.find(')');
    if (end == std::string_view::npos) return element;
    const std::string_view path = error.substr(1, end - 1);
    if (!path.empty()) element.append(".").append(path);
    error.remove_prefix(end + 1);
    if (error.substr(0, 1) == " ") error.remove_prefix(1);
  }
  const std::string_view name = error.substr(0, error.find(':'));
  if (error.size() == name.size() + kUnknownName.size() &&
      error.substr(name.size()) == kUnknownName && IsName(name))
    element.append(".").append(name);
  return element;
}

}  // namespace

absl::Status ReadFact(std::string_view json, policy::v1::Fact& fact) {
  const auto read = google::protobuf::util::JsonStringToMessage(std::string(json), &fact);
  if (!read.ok()) {
    const std::string text(read.message().data(), read.message().size());
    const std::string element = ElementIn(text);
    if (element == "fact") return Malformed(element, "not a JSON object with one known kind");
    return Malformed(element, "there is no such element, or its value is of another type");
  }
  if (fact.fact_case() == policy::v1::Fact::FACT_NOT_SET)
    return Malformed("fact", "no kind is given: a JSON object with one member, e.g. \"ots\"");
  return absl::OkStatus();
}

std::string WriteDay(const std::optional<CivilDate>& day) {
  return day ? day->ToString() : std::string();
}

std::optional<CivilDate> ReadDay(const std::string& text) {
  const auto day = CivilDate::Parse(text);
  if (!day.ok()) return std::nullopt;
  return *day;
}

void Write(const IdentifyingElements& in, v1::IdentifyingElements& out) {
  out.set_geslachtsnaam(in.geslachtsnaam);
  out.set_voornamen(in.voornamen);
  out.set_geboortedatum(WriteDay(in.geboortedatum));
  out.set_postcode(in.postcode);
  out.set_huisnummer(in.huisnummer);
}

void Write(const PartijHat& in, policy::v1::PartijHat& out) {
  out.set_partij(in.partij);
  out.set_hat(in.hat);
}

absl::Status Write(const AddPersonRequest& in, v1::AddPersonRequest& out) {
  out.set_casus_id(in.casus_id);
  out.set_bsn(in.bsn);
  out.set_bsn_verified(in.bsn_verified);
  if (in.elements) Write(*in.elements, *out.mutable_elements());
  out.set_urgent(in.urgent);
  policy::v1::PersonRole::Id role = policy::v1::PersonRole::PERSON_ROLE_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(SetEnum("role", in.role, policy::v1::PersonRole::Id_Parse, role));
  out.set_role(role);
  out.set_wilsonbekwaam(in.wilsonbekwaam);
  out.set_address_protected(in.address_protected);
  return absl::OkStatus();
}

void Write(const Value& in, v1::Value& out) {
  if (const auto* text = std::get_if<Text>(&in.form)) out.set_text(text->text);
  if (const auto* yes = std::get_if<bool>(&in.form)) out.set_boolean(*yes);
  if (const auto* number = std::get_if<int64_t>(&in.form)) out.set_integer(*number);
  if (const auto* day = std::get_if<CivilDate>(&in.form)) out.set_date(day->ToString());
  if (const auto* money = std::get_if<Eurocents>(&in.form)) out.set_eurocents(money->amount);
  if (const auto* token = std::get_if<Token>(&in.form)) out.set_token(token->code);
  if (const auto* json = std::get_if<Json>(&in.form)) out.set_json(json->text);
  if (const auto* list = std::get_if<Value::List>(&in.form)) {
    v1::ValueList& values = *out.mutable_list();
    for (const Value& item : *list) Write(item, *values.add_values());
  }
}

absl::Status Write(const ValueContent& in, v1::ValueContent& out) {
  if (in.value.form.index() != 0) Write(in.value, *out.mutable_value());
  out.set_value_date(WriteDay(in.value_date));
  if (in.labels) {
    v1::PoliceLabels::Nature nature = v1::PoliceLabels::NATURE_UNSPECIFIED;
    v1::PoliceLabels::Subject subject = v1::PoliceLabels::SUBJECT_UNSPECIFIED;
    SLUIS_RETURN_IF_ERROR(SetEnum("content.labels.nature", in.labels->nature,
                                  v1::PoliceLabels::Nature_Parse, nature));
    SLUIS_RETURN_IF_ERROR(SetEnum("content.labels.subject", in.labels->subject,
                                  v1::PoliceLabels::Subject_Parse, subject));
    out.mutable_labels()->set_nature(nature);
    out.mutable_labels()->set_subject(subject);
  }
  for (size_t i = 0; i < in.conditions.size(); ++i) {
    const SourceCondition& condition = in.conditions[i];
    policy::v1::SourceCondition& message = *out.add_conditions();
    policy::v1::SourceCondition::Kind kind = policy::v1::SourceCondition::KIND_UNSPECIFIED;
    SLUIS_RETURN_IF_ERROR(SetEnum("content.conditions[" + std::to_string(i) + "].kind",
                                  condition.kind, policy::v1::SourceCondition::Kind_Parse, kind));
    message.set_kind(kind);
    message.set_until(WriteDay(condition.until));
    message.set_tafel(condition.tafel);
  }
  return absl::OkStatus();
}

absl::Status Write(const Consent& in, policy::v1::Consent& out) {
  out.set_person(in.person_id);
  for (size_t i = 0; i < in.given_by.size(); ++i) {
    auto& giver = *out.add_given_by();
    policy::v1::Capacity::Id capacity = policy::v1::Capacity::CAPACITY_UNSPECIFIED;
    SLUIS_RETURN_IF_ERROR(SetEnum("consent.given_by[" + std::to_string(i) + "].capacity",
                                  in.given_by[i].capacity, policy::v1::Capacity::Id_Parse,
                                  capacity));
    giver.set_capacity(capacity);
    giver.set_name(in.given_by[i].name);
  }
  Write(in.source, *out.mutable_source());
  Write(in.recipient, *out.mutable_recipient());
  for (const std::string& field : in.fields) out.add_fields(field);
  for (const std::string& category : in.categories) out.add_categories(category);
  out.set_purpose(in.purpose);
  policy::v1::Consent::Status status = policy::v1::Consent::STATUS_UNSPECIFIED;
  policy::v1::Consent::Flag flag = policy::v1::Consent::FLAG_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(
      SetEnum("consent.status", in.status, policy::v1::Consent::Status_Parse, status));
  SLUIS_RETURN_IF_ERROR(SetEnum("consent.flag", in.flag, policy::v1::Consent::Flag_Parse, flag));
  out.set_status(status);
  out.set_flag(flag);
  out.set_date(WriteDay(in.date));
  out.set_from(WriteDay(in.from));
  out.set_until(WriteDay(in.until));
  out.set_way(in.way);
  out.set_evidence(in.evidence);
  return absl::OkStatus();
}

void Write(const RequestFieldsRequest& in, v1::RequestFieldsRequest& out) {
  out.set_casus_id(in.casus_id);
  out.set_tafel(in.tafel);
  out.set_stage(in.stage);
  out.set_task(in.task);
  out.set_power(in.power);
  Write(in.source, *out.mutable_source());
  out.set_purpose(in.purpose);
  out.set_person_id(in.person_id);
  for (const AskedField& field : in.fields) {
    v1::AskedField& asked = *out.add_fields();
    asked.set_field(field.field);
    asked.set_motivation(field.motivation);
  }
  out.set_wvggz_ernstig_nadeel(in.wvggz_ernstig_nadeel);
  out.set_identity_established(in.identity_established);
  switch (in.rights_role) {
    case RightsRole::kNone:
      break;
    case RightsRole::kSelf:
      out.set_rights_role(v1::RIGHTS_ROLE_SELF);
      break;
    case RightsRole::kRepresentative:
      out.set_rights_role(v1::RIGHTS_ROLE_REPRESENTATIVE);
      break;
  }
  out.set_validate_only(in.validate_only);
  out.set_language(in.language);
}

v1::UsagePurpose WritePurpose(UsagePurpose purpose) {
  switch (purpose) {
    case UsagePurpose::kNone:
      break;
    case UsagePurpose::kLawfulnessControl:
      return v1::USAGE_PURPOSE_LAWFULNESS_CONTROL;
    case UsagePurpose::kInternalControl:
      return v1::USAGE_PURPOSE_INTERNAL_CONTROL;
    case UsagePurpose::kIntegritySecurity:
      return v1::USAGE_PURPOSE_INTEGRITY_SECURITY;
    case UsagePurpose::kCourtProceedings:
      return v1::USAGE_PURPOSE_COURT_PROCEEDINGS;
  }
  return v1::USAGE_PURPOSE_UNSPECIFIED;
}

absl::Status WriteFunction(const std::string& name, policy::v1::ProfessionalFunction::Id& out) {
  out = policy::v1::ProfessionalFunction::PROFESSIONAL_FUNCTION_UNSPECIFIED;
  return SetEnum("functions", name, policy::v1::ProfessionalFunction::Id_Parse, out);
}

absl::Status Write(const SearchEventsRequest& in, v1::SearchEventsRequest& out) {
  out.set_usage_purpose(WritePurpose(in.usage_purpose));
  const auto instant = [](const std::optional<absl::Time>& time) {
    return time ? absl::FormatTime(absl::RFC3339_full, *time, absl::UTCTimeZone()) : std::string();
  };
  out.set_from(instant(in.from));
  out.set_until(instant(in.until));
  for (const std::string& kind : in.kinds) out.add_kinds(kind);
  out.set_caller(in.caller);
  out.set_source(in.source);
  out.set_casus_id(in.casus_id);
  out.set_pseudonym(in.pseudonym);
  out.set_field(in.field);
  policy::v1::ReasonCode::Id code{};
  SLUIS_RETURN_IF_ERROR(SetEnum("code", in.code, policy::v1::ReasonCode::Id_Parse, code));
  out.set_code(code);
  out.set_page_size(in.page_size);
  out.set_page_token(in.page_token);
  out.set_language(in.language);
  return absl::OkStatus();
}

Value Read(const v1::Value& in) {
  Value out;
  switch (in.form_case()) {
    case v1::Value::FORM_NOT_SET:
      break;
    case v1::Value::kText:
      out.form = Text{in.text()};
      break;
    case v1::Value::kBoolean:
      out.form = in.boolean();
      break;
    case v1::Value::kInteger:
      out.form = int64_t{in.integer()};
      break;
    case v1::Value::kDate:
      if (const auto day = ReadDay(in.date())) out.form = *day;
      break;
    case v1::Value::kEurocents:
      out.form = Eurocents{in.eurocents()};
      break;
    case v1::Value::kToken:
      out.form = Token{in.token()};
      break;
    case v1::Value::kJson:
      out.form = Json{in.json()};
      break;
    case v1::Value::kList: {
      Value::List list;
      for (const v1::Value& item : in.list().values()) list.push_back(Read(item));
      out.form = std::move(list);
      break;
    }
  }
  return out;
}

ValueContent Read(const v1::ValueContent& in) {
  ValueContent out;
  out.value = Read(in.value());
  out.value_date = ReadDay(in.value_date());
  if (in.has_labels()) {
    const auto& labels = in.labels();
    out.labels.emplace();
    if (labels.nature() != v1::PoliceLabels::NATURE_UNSPECIFIED)
      out.labels->nature = v1::PoliceLabels::Nature_Name(labels.nature());
    if (labels.subject() != v1::PoliceLabels::SUBJECT_UNSPECIFIED)
      out.labels->subject = v1::PoliceLabels::Subject_Name(labels.subject());
  }
  for (const auto& condition : in.conditions()) {
    out.conditions.push_back({policy::v1::SourceCondition::Kind_Name(condition.kind()),
                              ReadDay(condition.until()), condition.tafel()});
  }
  return out;
}

CasusView Read(const v1::CasusView& in) {
  CasusView out;
  out.casus_id = in.casus_id();
  if (in.status() != policy::v1::CasusFacts::STATUS_UNSPECIFIED)
    out.status = policy::v1::CasusFacts::Status_Name(in.status());
  for (const auto& own : in.own_participations()) {
    out.own_participations.push_back({{own.participant().partij(), own.participant().hat()},
                                      ReadDay(own.from()),
                                      ReadDay(own.until()),
                                      own.tafel()});
  }
  out.person_ids = Strings(in.person_ids());
  out.opened_by_caller = in.opened_by_caller();
  return out;
}

Decision Read(const v1::RequestFieldsAnswer& in) {
  Decision out;
  for (const v1::FieldAnswer& field : in.fields()) {
    FieldAnswer answer;
    answer.field = field.field();
    answer.outcome = ReadOutcome(field.outcome());
    answer.code = ReadCode(field.code());
    answer.article = field.article();
    answer.grondslag = field.grondslag();
    answer.grant = field.grant();
    answer.obligations = Names(field.obligations(), policy::v1::Obligation::Id_Name<int>);
    answer.missing = Names(field.missing(), policy::v1::Condition::Id_Name<int>);
    answer.text = field.text();
    answer.none_held = field.value_state() == v1::VALUE_STATE_NONE_HELD;
    out.fields.push_back(std::move(answer));
  }
  out.convenant_version = in.convenant_version();
  out.statute_version = in.statute_version();
  out.policy_hash = audit::Digest::FromBytes(in.policy_hash()).value_or(audit::Digest());
  out.validate_only = in.validate_only();
  return out;
}

Event Read(const v1::Event& in) {
  Event out;
  out.index = in.index();
  out.event_id = in.event_id();
  out.time = in.time();
  out.kind = in.kind();
  out.caller = in.caller();
  out.partij_seq = in.partij_seq();
  out.acting_hat = in.acting_hat();
  out.professional = in.professional();
  out.source_partij = in.source_partij();
  out.source_hat = in.source_hat();
  out.casus_id = in.casus_id();
  out.tafel = in.tafel();
  out.stage = in.stage();
  out.phase = in.phase();
  out.purpose = in.purpose();
  out.pseudonym = in.pseudonym();
  for (const v1::EventField& field : in.fields()) {
    out.fields.push_back({field.field(), ReadOutcome(field.outcome()), ReadCode(field.code()),
                          field.grant(), field.grondslag(), field.exclusion(),
                          Names(field.obligations(), policy::v1::Obligation::Id_Name<int>),
                          Names(field.missing(), policy::v1::Condition::Id_Name<int>),
                          field.officer_text(), field.delivery(), field.objection_ground()});
  }
  out.error_reason = in.error_reason();
  out.convenant_version = in.convenant_version();
  out.statute_version = in.statute_version();
  out.policy_hash = in.policy_hash();
  out.subject_kind = in.subject_kind();
  if (in.repeats() > 0) out.repeats = in.repeats() - 1;
  out.usage_purpose = in.usage_purpose();
  if (in.decided_in() > 0) out.decided_in = in.decided_in() - 1;
  return out;
}

}  // namespace sluis::client::internal
