#include "sluis/client/client.h"

#include <algorithm>
#include <map>
#include <utility>

#include "client_maker.h"
#include "convert.h"
#include "send.h"
#include "session.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/leaf.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/v1/audit.pb.h"
#include "sluis/v1/casus.pb.h"
#include "sluis/v1/consent.pb.h"
#include "sluis/v1/fact.pb.h"
#include "sluis/v1/field.pb.h"
#include "sluis/v1/professional.pb.h"
#include "sluis/v1/sharing.pb.h"
#include "sluis/wire/message.h"

namespace sluis::client {
namespace {

using internal::Answer;
using internal::AskFor;
using internal::From;
using internal::Parse;
using internal::Prepare;
using internal::Send;
using internal::SendForNothing;
using internal::Session;
using internal::Unreadable;

constexpr std::string_view kRequestFields = "/sluis.v1.SharingService/RequestFields";

// ---- The values of fields ----

absl::Status WithField(absl::Status status, std::string_view field) {
  return WithMetadata(std::move(status), kFieldKey, field);
}

// A value that has to come, and what a log entry commits to.
struct ExpectedValue {
  size_t at = 0;
  std::string_view commitment;
};

// Reads what became of the values that come after the decision. It has to be about this decision,
// and about every such field of it: in a repeat, that the first answer released as well.
absl::Status TakeDelivery(const Answer& answer, const v1::RequestFieldsAnswer& message,
                          const v1::RequestFieldsAnswer* earlier,
                          const v1::DeliveryAnswer& delivery, Decision& decision,
                          std::map<std::string_view, ExpectedValue>& expected) {
  const auto released_before = [&](const std::string& name) {
    return earlier == nullptr ||
           std::any_of(earlier->fields().begin(), earlier->fields().end(),
                       [&](const v1::FieldAnswer& field) {
                         return field.field() == name &&
                                field.outcome() == policy::v1::FieldOutcome::RELEASE;
                       });
  };
  int next = 0;
  for (int i = 0; i < message.fields_size(); ++i) {
    const v1::FieldAnswer& field = message.fields(i);
    if (field.value_state() != v1::VALUE_STATE_AT_DELIVERY ||
        field.outcome() != policy::v1::FieldOutcome::RELEASE || !released_before(field.field()))
      continue;
    if (next >= delivery.fields_size() || delivery.fields(next).field() != field.field()) {
      return WithField(
          DataLoss("DELIVERY_MISSING", "the answer does not say what became of a released value"),
          field.field());
    }
    const v1::FieldDelivery& told = delivery.fields(next++);
    FieldAnswer& out = decision.fields[static_cast<size_t>(i)];
    out.delivery = v1::DeliveryOutcome::Id_IsValid(told.outcome())
                       ? v1::DeliveryOutcome::Id_Name(told.outcome())
                       : "UNKNOWN";
    out.none_held = told.outcome() == v1::DeliveryOutcome::NONE_HELD;
    if (told.outcome() == v1::DeliveryOutcome::DELIVERED) {
      expected.emplace(field.field(),
                       ExpectedValue{static_cast<size_t>(i), told.value_commitment()});
    }
  }
  const bool same_decision = delivery.fields_size() == 0 ||
                             (!answer.proof.entries.empty() &&
                              answer.proof.entries.front().index == delivery.decision_index());
  if (next != delivery.fields_size() || !same_decision)
    return DataLoss("ANSWER_MISMATCH", "the delivery is not that of this decision");
  return absl::OkStatus();
}

// Puts every value where it belongs, if it is the one that a log entry commits to.
absl::Status TakeValues(const Answer& answer, const v1::RequestFieldsAnswer& message,
                        const v1::RequestFieldsAnswer* earlier, Decision& decision) {
  std::map<std::string_view, ExpectedValue> expected;
  for (int i = 0; i < message.fields_size(); ++i) {
    const v1::FieldAnswer& field = message.fields(i);
    if (field.value_state() == v1::VALUE_STATE_DELIVERED &&
        field.outcome() == policy::v1::FieldOutcome::RELEASE) {
      expected.emplace(field.field(),
                       ExpectedValue{static_cast<size_t>(i), field.value_commitment()});
    }
  }
  v1::DeliveryAnswer delivery;
  if (answer.parts.delivery && !Parse(*answer.parts.delivery, delivery)) return Unreadable();
  SLUIS_RETURN_IF_ERROR(TakeDelivery(answer, message, earlier, delivery, decision, expected));
  for (const std::string_view bytes : answer.parts.values) {
    SLUIS_ASSIGN_OR_RETURN(const internal::ValueParts value, internal::OpenValue(bytes));
    const auto found = expected.find(value.field);
    if (found == expected.end()) {
      return WithField(
          DataLoss("VALUE_UNEXPECTED", "a value came for a field that was not released or had one"),
          value.field);
    }
    const auto salt = audit::Salt::FromBytes(value.salt);
    if (!salt.ok() ||
        found->second.commitment != audit::CommitValue(*salt, value.content).bytes()) {
      return WithField(
          DataLoss("VALUE_COMMITMENT", "the value is not the one to which the log commits"),
          value.field);
    }
    v1::ValueContent content;
    if (!Parse(value.content, content)) return Unreadable();
    decision.fields[found->second.at].value = internal::Read(content);
    expected.erase(found);
  }
  // A repeat delivers what the first answer released as well.
  if (earlier != nullptr) {
    for (const v1::FieldAnswer& field : earlier->fields()) {
      if (field.outcome() != policy::v1::FieldOutcome::RELEASE) expected.erase(field.field());
    }
  }
  if (!expected.empty()) {
    return WithField(DataLoss("VALUE_MISSING", "the value of a released field did not come"),
                     expected.begin()->first);
  }
  return absl::OkStatus();
}

absl::Status IsAbout(const v1::RequestFieldsAnswer& message,
                     const std::vector<std::string>& asked) {
  bool same = message.fields_size() == static_cast<int>(asked.size());
  for (size_t i = 0; same && i < asked.size(); ++i)
    same = message.fields(static_cast<int>(i)).field() == asked[i];
  if (same) return absl::OkStatus();
  return DataLoss("ANSWER_MISMATCH", "the answer is not about the fields that were asked");
}

absl::StatusOr<RequestFieldsAnswer> ReadFields(const Session& session, std::unique_ptr<Answer> in,
                                               const std::vector<std::string>& asked) {
  v1::RequestFieldsAnswer message;
  if (!Parse(in->parts.answer, message)) return Unreadable();
  RequestFieldsAnswer out;
  out.decision = internal::Read(message);
  absl::Status problem = in->proof.problem;
  problem.Update(IsAbout(message, asked));
  v1::RequestFieldsAnswer first;
  if (in->earlier && in->parts.earlier) {
    if (!Parse(in->parts.earlier->answer, first)) return Unreadable();
    out.earlier = {internal::Read(first), *std::move(in->earlier)};
  }
  problem.Update(TakeValues(*in, message, out.earlier ? &first : nullptr, out.decision));
  if (!problem.ok() && session.options().unverified_answer == UnverifiedAnswer::kWithhold)
    return problem;
  out.proof = std::move(in->proof);
  out.proof.problem = std::move(problem);
  return out;
}

}  // namespace

Client::Client(std::unique_ptr<internal::Session> session) : session_(std::move(session)) {}
Client::Client(Client&& other) noexcept = default;
Client& Client::operator=(Client&& other) noexcept = default;
Client::~Client() = default;

// ---- Casus ----

absl::StatusOr<OpenCasusAnswer> Client::OpenCasus(const Context& context,
                                                  const OpenCasusRequest& request) {
  auto message = From<v1::OpenCasusRequest>(context);
  message.set_tafel(request.tafel);
  message.set_phase(request.phase);
  message.set_municipality(request.municipality);
  for (const std::string& domain : request.domains) message.add_domains(domain);
  message.set_first_processed(internal::WriteDay(request.first_processed));
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::OpenCasusAnswer>(*session_, "/sluis.v1.CasusService/OpenCasus", context,
                                           std::move(message)));
  return OpenCasusAnswer{sent.first.casus_id(), std::move(sent.second)};
}

absl::StatusOr<PersonAnswer> Client::AddPerson(const Context& context,
                                               const AddPersonRequest& request) {
  auto message = From<v1::AddPersonRequest>(context);
  SLUIS_RETURN_IF_ERROR(internal::Write(request, message));
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::AddPersonAnswer>(*session_, "/sluis.v1.CasusService/AddPerson", context,
                                           std::move(message)));
  return PersonAnswer{sent.first.person_id(), std::move(sent.second)};
}

absl::StatusOr<PersonAnswer> Client::IdentifyPerson(const Context& context,
                                                    const IdentifyPersonRequest& request) {
  auto message = From<v1::IdentifyPersonRequest>(context);
  message.set_bsn(request.bsn);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::IdentifyPersonAnswer>(*session_, "/sluis.v1.CasusService/IdentifyPerson",
                                                context, std::move(message)));
  return PersonAnswer{sent.first.person_id(), std::move(sent.second)};
}

absl::StatusOr<Done> Client::IntroducePerson(const Context& context,
                                             const IntroducePersonRequest& request) {
  auto message = From<v1::IntroducePersonRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_person_id(request.person_id);
  message.set_partij(request.partij);
  return SendForNothing<v1::IntroducePersonAnswer>(
      *session_, "/sluis.v1.CasusService/IntroducePerson", context, std::move(message));
}

absl::StatusOr<Done> Client::PlaceOnTafel(const Context& context,
                                          const PlaceOnTafelRequest& request) {
  auto message = From<v1::PlaceOnTafelRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_tafel(request.tafel);
  for (const std::string& domain : request.domains) message.add_domains(domain);
  return SendForNothing<v1::PlaceOnTafelAnswer>(*session_, "/sluis.v1.CasusService/PlaceOnTafel",
                                                context, std::move(message));
}

absl::StatusOr<Done> Client::AddDeelnemer(const Context& context,
                                          const AddDeelnemerRequest& request) {
  auto message = From<v1::AddDeelnemerRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_tafel(request.tafel);
  internal::Write(request.deelnemer, *message.mutable_deelnemer());
  message.set_from(internal::WriteDay(request.from));
  message.set_until(internal::WriteDay(request.until));
  return SendForNothing<v1::AddDeelnemerAnswer>(*session_, "/sluis.v1.CasusService/AddDeelnemer",
                                                context, std::move(message));
}

absl::StatusOr<Done> Client::RemoveDeelnemer(const Context& context,
                                             const RemoveDeelnemerRequest& request) {
  auto message = From<v1::RemoveDeelnemerRequest>(context);
  message.set_casus_id(request.casus_id);
  internal::Write(request.deelnemer, *message.mutable_deelnemer());
  message.set_tafel(request.tafel);
  return SendForNothing<v1::RemoveDeelnemerAnswer>(
      *session_, "/sluis.v1.CasusService/RemoveDeelnemer", context, std::move(message));
}

absl::StatusOr<ScaleCasusAnswer> Client::ScaleCasus(const Context& context,
                                                    const ScaleCasusRequest& request) {
  auto message = From<v1::ScaleCasusRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_phase(request.phase);
  message.set_reason(request.reason);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::ScaleCasusAnswer>(*session_, "/sluis.v1.CasusService/ScaleCasus", context,
                                            std::move(message)));
  return ScaleCasusAnswer{sent.first.phase(), sent.first.proposed_phase(), std::move(sent.second)};
}

absl::StatusOr<AcceptScalingAnswer> Client::AcceptScaling(const Context& context,
                                                          const AcceptScalingRequest& request) {
  auto message = From<v1::AcceptScalingRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_phase(request.phase);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::AcceptScalingAnswer>(*session_, "/sluis.v1.CasusService/AcceptScaling",
                                               context, std::move(message)));
  return AcceptScalingAnswer{sent.first.phase(), std::move(sent.second)};
}

absl::StatusOr<Done> Client::CloseCasus(const Context& context, const CloseCasusRequest& request) {
  auto message = From<v1::CloseCasusRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_reason(request.reason);
  return SendForNothing<v1::CloseCasusAnswer>(*session_, "/sluis.v1.CasusService/CloseCasus",
                                              context, std::move(message));
}

absl::StatusOr<CasusView> Client::GetCasus(const std::string& casus_id) {
  v1::GetCasusRequest message;
  message.set_casus_id(casus_id);
  SLUIS_ASSIGN_OR_RETURN(
      const auto response,
      AskFor<v1::GetCasusResponse>(*session_, "/sluis.v1.CasusService/GetCasus", message));
  return internal::Read(response.casus());
}

absl::StatusOr<CasusPage> Client::ListCasussen(const Page& page) {
  v1::ListCasussenRequest message;
  message.set_page_size(page.size);
  message.set_page_token(page.token);
  SLUIS_ASSIGN_OR_RETURN(
      const auto response,
      AskFor<v1::ListCasussenResponse>(*session_, "/sluis.v1.CasusService/ListCasussen", message));
  CasusPage out;
  for (const v1::CasusView& casus : response.casussen())
    out.casussen.push_back(internal::Read(casus));
  out.next_page_token = response.next_page_token();
  return out;
}

// ---- Sharing ----

void Client::RequestFieldsAsync(const Context& context, const RequestFieldsRequest& request,
                                std::function<void(absl::StatusOr<RequestFieldsAnswer>)> done) {
  auto message = From<v1::RequestFieldsRequest>(context);
  internal::Write(request, message);
  const auto id = Prepare(context, message);
  if (!id.ok()) return done(id.status());
  std::vector<std::string> asked;
  for (const AskedField& field : request.fields) asked.push_back(field.field);
  session_->Call({kRequestFields, wire::Canonical(message), *id, context.timeout},
                 [session = session_.get(), asked = std::move(asked),
                  done = std::move(done)](absl::StatusOr<std::unique_ptr<Answer>> answer) {
                   if (!answer.ok()) return done(answer.status());
                   done(ReadFields(*session, *std::move(answer), asked));
                 });
}

absl::StatusOr<RequestFieldsAnswer> Client::RequestFields(const Context& context,
                                                          const RequestFieldsRequest& request) {
  Mutex mutex;
  CondVar ended;
  std::optional<absl::StatusOr<RequestFieldsAnswer>> result;
  RequestFieldsAsync(context, request, [&](absl::StatusOr<RequestFieldsAnswer> answer) {
    const MutexLock lock(mutex);
    result.emplace(std::move(answer));
    ended.NotifyAll();
  });
  const MutexLock lock(mutex);
  while (!result) ended.Wait(mutex);
  return *std::move(result);
}

// ---- Deposits ----

absl::StatusOr<DepositFieldAnswer> Client::DepositField(const Context& context,
                                                        const DepositFieldRequest& request) {
  auto message = From<v1::DepositFieldRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_person_id(request.person_id);
  message.set_field(request.field);
  SLUIS_RETURN_IF_ERROR(internal::Write(request.content, *message.mutable_content()));
  message.set_first_processed(internal::WriteDay(request.first_processed));
  message.set_deposit_end(internal::WriteDay(request.deposit_end));
  message.set_third_person(request.third_person);
  message.set_visible_to_present(request.visible_to_present);
  if (request.pseudonym_k_safe) message.set_form(policy::v1::Holding::PSEUDONIEM_K_SAFE);
  message.set_min_cell(request.min_cell);
  if (request.origin) internal::Write(*request.origin, *message.mutable_origin());
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::DepositFieldAnswer>(*session_, "/sluis.v1.FieldService/DepositField",
                                              context, std::move(message)));
  return DepositFieldAnswer{sent.first.deposit_id(), std::move(sent.second)};
}

absl::StatusOr<DepositFieldAnswer> Client::KeepAtSource(const Context& context,
                                                        const KeepAtSourceRequest& request) {
  auto message = From<v1::KeepAtSourceRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_person_id(request.person_id);
  message.set_field(request.field);
  v1::ValueContent announced;
  SLUIS_RETURN_IF_ERROR(internal::Write(
      ValueContent{{}, request.value_date, request.labels, request.conditions}, announced));
  message.set_value_date(announced.value_date());
  if (announced.has_labels()) *message.mutable_labels() = announced.labels();
  *message.mutable_conditions() = announced.conditions();
  message.set_first_processed(internal::WriteDay(request.first_processed));
  message.set_deposit_end(internal::WriteDay(request.deposit_end));
  message.set_third_person(request.third_person);
  message.set_visible_to_present(request.visible_to_present);
  if (request.pseudonym_k_safe) message.set_form(policy::v1::Holding::PSEUDONIEM_K_SAFE);
  message.set_min_cell(request.min_cell);
  if (request.origin) internal::Write(*request.origin, *message.mutable_origin());
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::KeepAtSourceAnswer>(*session_, "/sluis.v1.FieldService/KeepAtSource",
                                              context, std::move(message)));
  return DepositFieldAnswer{sent.first.deposit_id(), std::move(sent.second)};
}

absl::StatusOr<Done> Client::CorrectField(const Context& context,
                                          const CorrectFieldRequest& request) {
  auto message = From<v1::CorrectFieldRequest>(context);
  message.set_deposit_id(request.deposit_id);
  SLUIS_RETURN_IF_ERROR(internal::Write(request.content, *message.mutable_content()));
  return SendForNothing<v1::CorrectFieldAnswer>(*session_, "/sluis.v1.FieldService/CorrectField",
                                                context, std::move(message));
}

absl::StatusOr<Done> Client::WithdrawField(const Context& context,
                                           const WithdrawFieldRequest& request) {
  auto message = From<v1::WithdrawFieldRequest>(context);
  message.set_deposit_id(request.deposit_id);
  return SendForNothing<v1::WithdrawFieldAnswer>(*session_, "/sluis.v1.FieldService/WithdrawField",
                                                 context, std::move(message));
}

// ---- Consent ----

absl::StatusOr<RecordConsentAnswer> Client::RecordConsent(const Context& context,
                                                          const RecordConsentRequest& request) {
  auto message = From<v1::RecordConsentRequest>(context);
  SLUIS_RETURN_IF_ERROR(internal::Write(request.consent, *message.mutable_consent()));
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::RecordConsentAnswer>(*session_, "/sluis.v1.ConsentService/RecordConsent",
                                               context, std::move(message)));
  return RecordConsentAnswer{sent.first.consent_id(), sent.first.needs_confirmation(),
                             std::move(sent.second)};
}

absl::StatusOr<Done> Client::ConfirmConsent(const Context& context,
                                            const ConfirmConsentRequest& request) {
  auto message = From<v1::ConfirmConsentRequest>(context);
  message.set_consent_id(request.consent_id);
  return SendForNothing<v1::ConfirmConsentAnswer>(
      *session_, "/sluis.v1.ConsentService/ConfirmConsent", context, std::move(message));
}

absl::StatusOr<WithdrawConsentAnswer> Client::WithdrawConsent(
    const Context& context, const WithdrawConsentRequest& request) {
  auto message = From<v1::WithdrawConsentRequest>(context);
  message.set_consent_id(request.consent_id);
  if (request.rights_role == RightsRole::kSelf) message.set_rights_role(v1::RIGHTS_ROLE_SELF);
  if (request.rights_role == RightsRole::kRepresentative)
    message.set_rights_role(v1::RIGHTS_ROLE_REPRESENTATIVE);
  message.set_identity_established(request.identity_established);
  SLUIS_ASSIGN_OR_RETURN(auto sent, (Send<v1::WithdrawConsentAnswer>(
                                        *session_, "/sluis.v1.ConsentService/WithdrawConsent",
                                        context, std::move(message))));
  WithdrawConsentAnswer answer;
  for (const v1::EarlierRelease& each : sent.first.earlier()) {
    answer.earlier.push_back({each.entry(),
                              each.field(),
                              {each.recipient().partij(), each.recipient().hat()},
                              internal::ReadDay(each.date())});
  }
  answer.more = sent.first.more();
  answer.proof = std::move(sent.second);
  return answer;
}

// ---- Facts ----

absl::StatusOr<RecordFactAnswer> Client::RecordFact(const Context& context,
                                                    const RecordFactRequest& request) {
  auto message = From<v1::RecordFactRequest>(context);
  message.set_casus_id(request.casus_id);
  SLUIS_RETURN_IF_ERROR(internal::ReadFact(request.fact_json, *message.mutable_fact()));
  message.set_reference(request.reference);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::RecordFactAnswer>(*session_, "/sluis.v1.FactService/RecordFact", context,
                                            std::move(message)));
  return RecordFactAnswer{sent.first.fact_id(), std::move(sent.second)};
}

absl::StatusOr<Done> Client::WithdrawFact(const Context& context,
                                          const WithdrawFactRequest& request) {
  auto message = From<v1::WithdrawFactRequest>(context);
  message.set_fact_id(request.fact_id);
  return SendForNothing<v1::WithdrawFactAnswer>(*session_, "/sluis.v1.FactService/WithdrawFact",
                                                context, std::move(message));
}

// ---- Professionals ----

absl::StatusOr<Done> Client::PutProfessional(const Context& context,
                                             const PutProfessionalRequest& request) {
  v1::PutProfessionalRequest message;
  message.set_professional(request.professional);
  for (const std::string& hat : request.hats) message.add_hats(hat);
  for (const std::string& name : request.functions) {
    policy::v1::ProfessionalFunction::Id function{};
    SLUIS_RETURN_IF_ERROR(internal::WriteFunction(name, function));
    message.add_functions(function);
  }
  message.set_active(request.active);
  return SendForNothing<v1::PutProfessionalAnswer>(
      *session_, "/sluis.v1.ProfessionalService/PutProfessional", context, std::move(message));
}

absl::StatusOr<ProfessionalPage> Client::ListProfessionals(const Page& page) {
  v1::ListProfessionalsRequest message;
  message.set_page_size(page.size);
  message.set_page_token(page.token);
  SLUIS_ASSIGN_OR_RETURN(
      const auto response,
      AskFor<v1::ListProfessionalsResponse>(
          *session_, "/sluis.v1.ProfessionalService/ListProfessionals", message));
  ProfessionalPage out;
  for (const auto& in : response.professionals()) {
    Professional professional{
        in.id(), in.partij(), {in.hats().begin(), in.hats().end()}, {}, in.active()};
    for (const int function : in.functions())
      professional.functions.push_back(policy::v1::ProfessionalFunction::Id_Name(function));
    out.professionals.push_back(std::move(professional));
  }
  out.next_page_token = response.next_page_token();
  return out;
}

// ---- The log ----

absl::StatusOr<SearchEventsAnswer> Client::SearchEvents(const Context& context,
                                                        const SearchEventsRequest& request) {
  auto message = From<v1::SearchEventsRequest>(context);
  SLUIS_RETURN_IF_ERROR(internal::Write(request, message));
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::SearchEventsAnswer>(*session_, "/sluis.v1.AuditService/SearchEvents",
                                              context, std::move(message)));
  SearchEventsAnswer out;
  for (const v1::Event& event : sent.first.events()) out.events.push_back(internal::Read(event));
  out.next_page_token = sent.first.next_page_token();
  out.proof = std::move(sent.second);
  return out;
}

absl::StatusOr<ReadEntriesAnswer> Client::ReadEntries(const Context& context,
                                                      const ReadEntriesRequest& request) {
  auto message = From<v1::ReadEntriesRequest>(context);
  message.set_usage_purpose(internal::WritePurpose(request.usage_purpose));
  message.set_start(request.start);
  message.set_count(request.count);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::ReadEntriesAnswer>(*session_, "/sluis.v1.AuditService/ReadEntries",
                                             context, std::move(message)));
  ReadEntriesAnswer out;
  for (const v1::LogEntry& entry : sent.first.entries())
    out.entries.push_back({entry.leaf(), entry.salt(), entry.record()});
  out.proof = std::move(sent.second);
  return out;
}

absl::StatusOr<Checkpoint> Client::GetCheckpoint() {
  SLUIS_ASSIGN_OR_RETURN(const auto response, AskFor<v1::GetCheckpointResponse>(
                                                  *session_, "/sluis.v1.AuditService/GetCheckpoint",
                                                  v1::GetCheckpointRequest()));
  SLUIS_RETURN_IF_ERROR(session_->Believe(response.checkpoint()));
  SLUIS_ASSIGN_OR_RETURN(
      const audit::TreeHead head,
      audit::ReadCheckpointUnverified(response.checkpoint(), session_->options().origin));
  return Checkpoint{response.checkpoint(), head, response.log_key()};
}

absl::StatusOr<InclusionProof> Client::GetInclusionProof(const InclusionProofRequest& request) {
  if (request.index.has_value() == !request.event_id.empty())
    return Malformed("entry", "exactly one of index and event_id is needed");
  v1::GetInclusionProofRequest message;
  if (request.index) {
    message.set_index(*request.index);
  } else {
    message.set_event_id(request.event_id);
  }
  message.set_tree_size(request.tree_size);
  SLUIS_ASSIGN_OR_RETURN(const auto response,
                         AskFor<v1::GetInclusionProofResponse>(
                             *session_, "/sluis.v1.AuditService/GetInclusionProof", message));
  InclusionProof out{response.leaf(),      response.index(),      {},
                     response.tree_size(), response.checkpoint(), false};
  for (const std::string& bytes : response.hashes()) {
    SLUIS_ASSIGN_OR_RETURN(const audit::Digest digest, audit::Digest::FromBytes(bytes));
    out.hashes.push_back(digest);
  }
  SLUIS_ASSIGN_OR_RETURN(const audit::Leaf leaf, audit::DecodeLeaf(out.leaf));
  const bool asked =
      request.index ? out.index == *request.index : leaf.event_id.ToString() == request.event_id;
  if (!asked) return DataLoss("ANSWER_MISMATCH", "the proof is of another entry");
  SLUIS_ASSIGN_OR_RETURN(
      const audit::TreeHead head,
      audit::ReadCheckpointUnverified(out.checkpoint, session_->options().origin));
  SLUIS_RETURN_IF_ERROR(session_->Believe(out.checkpoint));
  if (head.size == out.tree_size) {
    SLUIS_RETURN_IF_ERROR(
        audit::VerifyInclusion(head, out.index, audit::LeafHash(out.leaf), out.hashes));
    out.verified = true;
  }
  return out;
}

absl::StatusOr<ConsistencyProof> Client::GetConsistencyProof(uint64_t old_size, uint64_t new_size) {
  v1::GetConsistencyProofRequest message;
  message.set_old_size(old_size);
  message.set_new_size(new_size);
  SLUIS_ASSIGN_OR_RETURN(const auto response,
                         AskFor<v1::GetConsistencyProofResponse>(
                             *session_, "/sluis.v1.AuditService/GetConsistencyProof", message));
  ConsistencyProof out;
  for (const std::string& bytes : response.hashes()) {
    SLUIS_ASSIGN_OR_RETURN(const audit::Digest digest, audit::Digest::FromBytes(bytes));
    out.hashes.push_back(digest);
  }
  out.new_size = response.new_size();
  out.checkpoint = response.checkpoint();
  return out;
}

// ---- What was verified ----

std::optional<std::string> Client::trusted_checkpoint() const {
  return session_->verifier().trusted();
}
SequenceReport Client::sequence() const { return session_->sequence(); }
std::string Client::log_key() const { return session_->options().key.ToString(); }
std::string Client::log_origin() const { return session_->options().origin; }
absl::Status Client::Flush() { return session_->Flush(); }

}  // namespace sluis::client
