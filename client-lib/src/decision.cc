#include "sluis/client/decision.h"

#include "convert.h"
#include "send.h"

#include "sluis/client/client.h"
#include "sluis/v1/decision.pb.h"

namespace sluis::client {
namespace {

using internal::AskFor;
using internal::From;
using internal::ReadDay;
using internal::Send;
using internal::SetEnum;
using internal::WriteDay;
using policy::v1::ProfessionalDecision;

template <typename Enum>
std::string NameOf(const std::string& name, Enum value) {
  return name.empty() ? std::to_string(value) : name;
}

DecisionRequest Read(const v1::DecisionRequest& in) {
  DecisionRequest out;
  out.decision_request_id = in.decision_request_id();
  out.casus_id = in.casus_id();
  out.person_id = in.person_id();
  out.hat = in.hat();
  out.recipient = {in.recipient().partij(), in.recipient().hat()};
  out.recipient_professional = in.recipient_professional();
  out.tafel = in.tafel();
  out.stage = in.stage();
  out.purpose = in.purpose();
  for (const v1::DecisionField& field : in.fields()) {
    DecisionField& to = out.fields.emplace_back();
    to.field = field.field();
    to.motivation = field.motivation();
    for (const int kind : field.kinds())
      to.kinds.push_back(NameOf(ProfessionalDecision::Kind_Name(kind), kind));
    for (const int condition : field.missing())
      to.missing.push_back(NameOf(policy::v1::Condition::Id_Name(condition), condition));
    to.state = NameOf(v1::DecisionState::Id_Name(field.state()), field.state());
    to.fact_id = field.fact_id();
    to.professional = field.professional();
  }
  out.asked_at = in.asked_at();
  out.expires_on = ReadDay(in.expires_on());
  out.state = NameOf(v1::DecisionState::Id_Name(in.state()), in.state());
  return out;
}

absl::Status Write(const DecideRequest& in, v1::DecideRequest& out) {
  out.set_decision_request_id(in.decision_request_id);
  ProfessionalDecision& decision = *out.mutable_decision();
  ProfessionalDecision::Kind kind = ProfessionalDecision::KIND_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(SetEnum("decision.kind", in.kind, ProfessionalDecision::Kind_Parse, kind));
  decision.set_kind(kind);
  ProfessionalDecision::Result result = ProfessionalDecision::RESULT_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(
      SetEnum("decision.result", in.result, ProfessionalDecision::Result_Parse, result));
  decision.set_result(result);
  for (const std::string& field : in.fields) decision.add_fields(field);
  decision.set_reason(in.reason);
  decision.set_professional(in.decided_by);
  decision.set_date(WriteDay(in.date));
  decision.set_until(WriteDay(in.until));
  decision.set_at(in.at);
  decision.set_consent_impossible(in.consent_impossible);
  decision.set_no_lesser_means(in.no_lesser_means);
  decision.set_necessity(in.necessity);
  decision.set_weighty_reasons(in.weighty_reasons);
  decision.set_consent_sought(in.consent_sought);
  decision.set_weighty_interest(in.weighty_interest);
  decision.set_purpose(in.purpose);
  decision.set_no_tracing(in.no_tracing);
  out.set_leave_rest_open(in.leave_rest_open);
  for (size_t i = 0; i < in.conditions.size(); ++i) {
    policy::v1::SourceCondition& condition = *out.add_conditions();
    policy::v1::SourceCondition::Kind what = policy::v1::SourceCondition::KIND_UNSPECIFIED;
    SLUIS_RETURN_IF_ERROR(SetEnum("conditions[" + std::to_string(i) + "].kind",
                                  in.conditions[i].kind, policy::v1::SourceCondition::Kind_Parse,
                                  what));
    condition.set_kind(what);
    condition.set_until(WriteDay(in.conditions[i].until));
    condition.set_tafel(in.conditions[i].tafel);
  }
  out.set_reference(in.reference);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DecisionRequestPage> Client::ListDecisionRequests(
    const ListDecisionRequestsRequest& request, const Page& page) {
  v1::ListDecisionRequestsRequest message;
  message.set_hat(request.hat);
  message.set_include_closed(request.include_closed);
  message.set_page_size(page.size);
  message.set_page_token(page.token);
  SLUIS_ASSIGN_OR_RETURN(const auto response,
                         AskFor<v1::ListDecisionRequestsResponse>(
                             *session_, "/sluis.v1.DecisionService/ListDecisionRequests", message));
  DecisionRequestPage out;
  for (const v1::DecisionRequest& each : response.requests()) out.requests.push_back(Read(each));
  out.next_page_token = response.next_page_token();
  return out;
}

absl::StatusOr<DecisionRequest> Client::GetDecisionRequest(const Context& context,
                                                           const std::string& id) {
  auto message = From<v1::GetDecisionRequestRequest>(context);
  message.set_decision_request_id(id);
  SLUIS_ASSIGN_OR_RETURN(const auto response,
                         AskFor<v1::GetDecisionRequestResponse>(
                             *session_, "/sluis.v1.DecisionService/GetDecisionRequest", message));
  return Read(response.request());
}

absl::StatusOr<DecideAnswer> Client::Decide(const Context& context, const DecideRequest& request) {
  auto message = From<v1::DecideRequest>(context);
  SLUIS_RETURN_IF_ERROR(Write(request, message));
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::DecideAnswer>(*session_, "/sluis.v1.DecisionService/Decide", context,
                                        std::move(message)));
  DecideAnswer answer;
  answer.given_fact_id = sent.first.given_fact_id();
  answer.refused_fact_id = sent.first.refused_fact_id();
  answer.condition_fact_ids = {sent.first.condition_fact_ids().begin(),
                               sent.first.condition_fact_ids().end()};
  answer.open_fields = {sent.first.open_fields().begin(), sent.first.open_fields().end()};
  answer.proof = std::move(sent.second);
  return answer;
}

}  // namespace sluis::client
