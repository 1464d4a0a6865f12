#include "sluis/client/person.h"

#include "convert.h"
#include "send.h"

#include "sluis/client/client.h"
#include "sluis/v1/person.pb.h"

namespace sluis::client {
namespace {

using internal::AskFor;
using internal::From;
using internal::ReadDay;
using internal::Send;
using internal::SendForNothing;
using internal::SetEnum;
using internal::Write;
using internal::WriteDay;

PartijHat Read(const policy::v1::PartijHat& in) { return {in.partij(), in.hat()}; }

template <typename Enum>
std::string NameOf(const std::string& name, Enum value) {
  return name.empty() ? std::to_string(value) : name;
}

template <typename List>
std::vector<std::string> Strings(const List& list) {
  return {list.begin(), list.end()};
}

v1::RightsRole Write(RightsRole role) {
  switch (role) {
    case RightsRole::kSelf:
      return v1::RIGHTS_ROLE_SELF;
    case RightsRole::kRepresentative:
      return v1::RIGHTS_ROLE_REPRESENTATIVE;
    case RightsRole::kNone:
      break;
  }
  return v1::RIGHTS_ROLE_UNSPECIFIED;
}

Duty Read(const v1::Duty& in) {
  Duty out;
  out.duty_id = in.duty_id();
  out.kind = NameOf(policy::v1::DutyRule::Kind_Name(in.kind()), in.kind());
  out.hat = in.hat();
  out.casus_id = in.casus_id();
  out.person_id = in.person_id();
  out.made_on = ReadDay(in.made_on());
  out.due = ReadDay(in.due());
  out.overdue = in.overdue();
  out.fields = Strings(in.fields());
  out.postponements = in.postponements();
  out.owner = in.owner();
  out.correction_id = in.correction_id();
  return out;
}

Review Read(const v1::Review& in) {
  Review out;
  out.review_id = in.review_id();
  out.entry = in.entry();
  out.time = in.time();
  out.casus_id = in.casus_id();
  out.pseudonym = in.pseudonym();
  out.recipient = Read(in.recipient());
  out.source = Read(in.source());
  out.tafel = in.tafel();
  out.purpose = in.purpose();
  out.fields = Strings(in.fields());
  if (in.finding() != v1::ReviewFinding::REVIEW_FINDING_UNSPECIFIED)
    out.finding = NameOf(v1::ReviewFinding::Id_Name(in.finding()), in.finding());
  out.text = in.text();
  out.closed_by = Read(in.closed_by());
  out.closed_on = ReadDay(in.closed_on());
  out.refusals = in.refusals();
  return out;
}

InzageLine Read(const v1::InzageLine& in) {
  InzageLine out;
  out.entry = in.entry();
  out.time = in.time();
  out.field = in.field();
  out.recipient = Read(in.recipient());
  out.source = Read(in.source());
  out.tafel = in.tafel();
  out.purpose = in.purpose();
  out.purpose_text = in.purpose_text();
  out.article = in.article();
  return out;
}

template <typename Message>
void SetPage(const Page& page, Message& message) {
  message.set_page_size(page.size);
  message.set_page_token(page.token);
}

}  // namespace

absl::StatusOr<RecordInformedAnswer> Client::RecordInformed(const Context& context,
                                                            const RecordInformedRequest& request) {
  auto message = From<v1::RecordInformedRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_person_id(request.person_id);
  message.set_date(WriteDay(request.date));
  message.set_reference(request.reference);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, (Send<v1::RecordInformedAnswer>(
                     *session_, "/sluis.v1.PersonService/RecordInformed", context, message)));
  return RecordInformedAnswer{sent.first.fact_id(), sent.first.duty_done(), std::move(sent.second)};
}

absl::StatusOr<PostponeInformingAnswer> Client::PostponeInforming(
    const Context& context, const PostponeInformingRequest& request) {
  auto message = From<v1::PostponeInformingRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_person_id(request.person_id);
  message.set_ground(request.ground);
  message.set_owner(request.owner);
  message.set_review_date(WriteDay(request.review_date));
  message.set_reference(request.reference);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, (Send<v1::PostponeInformingAnswer>(
                     *session_, "/sluis.v1.PersonService/PostponeInforming", context, message)));
  return PostponeInformingAnswer{sent.first.fact_id(), ReadDay(sent.first.due()),
                                 sent.first.postponements(), std::move(sent.second)};
}

absl::StatusOr<DutyPage> Client::ListDuties(const ListDutiesRequest& request) {
  v1::ListDutiesRequest message;
  message.set_due_before(WriteDay(request.due_before));
  message.set_overdue(request.overdue);
  message.set_hat(request.hat);
  SetPage(request.page, message);
  SLUIS_ASSIGN_OR_RETURN(
      const auto response,
      (AskFor<v1::ListDutiesResponse>(*session_, "/sluis.v1.PersonService/ListDuties", message)));
  DutyPage page;
  for (const v1::Duty& duty : response.duties()) page.duties.push_back(Read(duty));
  page.next_page_token = response.next_page_token();
  return page;
}

absl::StatusOr<ListReviewsAnswer> Client::ListReviews(const Context& context,
                                                      const ListReviewsRequest& request) {
  auto message = From<v1::ListReviewsRequest>(context);
  message.set_usage_purpose(internal::WritePurpose(request.usage_purpose));
  message.set_closed(request.closed);
  SetPage(request.page, message);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, (Send<v1::ListReviewsAnswer>(*session_, "/sluis.v1.PersonService/ListReviews",
                                              context, message)));
  ListReviewsAnswer answer;
  for (const v1::Review& review : sent.first.reviews()) answer.reviews.push_back(Read(review));
  answer.next_page_token = sent.first.next_page_token();
  answer.proof = std::move(sent.second);
  return answer;
}

absl::StatusOr<Done> Client::CloseReview(const Context& context,
                                         const CloseReviewRequest& request) {
  auto message = From<v1::CloseReviewRequest>(context);
  message.set_review_id(request.review_id);
  v1::ReviewFinding::Id finding = v1::ReviewFinding::REVIEW_FINDING_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(SetEnum("finding", request.finding, v1::ReviewFinding::Id_Parse, finding));
  message.set_finding(finding);
  message.set_text(request.text);
  return SendForNothing<v1::CloseReviewAnswer>(*session_, "/sluis.v1.PersonService/CloseReview",
                                               context, std::move(message));
}

absl::StatusOr<InzageReport> Client::GetInzageReport(const Context& context,
                                                     const InzageReportRequest& request) {
  auto message = From<v1::GetInzageReportRequest>(context);
  message.set_person_id(request.person_id);
  message.set_rights_role(Write(request.rights_role));
  message.set_identity_established(request.identity_established);
  message.set_from(WriteDay(request.from));
  message.set_until(WriteDay(request.until));
  message.set_language(request.language);
  SetPage(request.page, message);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, (Send<v1::GetInzageReportAnswer>(
                     *session_, "/sluis.v1.PersonService/GetInzageReport", context, message)));
  InzageReport report;
  for (const v1::InzageLine& line : sent.first.lines()) report.lines.push_back(Read(line));
  report.next_page_token = sent.first.next_page_token();
  report.elsewhere = Strings(sent.first.elsewhere());
  report.proof = std::move(sent.second);
  return report;
}

absl::StatusOr<AskCorrectionAnswer> Client::AskCorrection(const Context& context,
                                                          const AskCorrectionRequest& request) {
  auto message = From<v1::AskCorrectionRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_person_id(request.person_id);
  Write(request.source, *message.mutable_source());
  message.set_field(request.field);
  message.set_text(request.text);
  message.set_rights_role(Write(request.rights_role));
  message.set_identity_established(request.identity_established);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, (Send<v1::AskCorrectionAnswer>(*session_, "/sluis.v1.PersonService/AskCorrection",
                                                context, message)));
  return AskCorrectionAnswer{sent.first.correction_id(), ReadDay(sent.first.due()),
                             std::move(sent.second)};
}

absl::StatusOr<Done> Client::AnswerCorrection(const Context& context,
                                              const AnswerCorrectionRequest& request) {
  auto message = From<v1::AnswerCorrectionRequest>(context);
  message.set_correction_id(request.correction_id);
  v1::CorrectionStatus::Id outcome = v1::CorrectionStatus::CORRECTION_STATUS_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(
      SetEnum("outcome", request.outcome, v1::CorrectionStatus::Id_Parse, outcome));
  message.set_outcome(outcome);
  message.set_reason(request.reason);
  message.set_corrected_entry(request.corrected_entry);
  return SendForNothing<v1::AnswerCorrectionAnswer>(
      *session_, "/sluis.v1.PersonService/AnswerCorrection", context, std::move(message));
}

absl::StatusOr<Correction> Client::GetCorrection(const Context& context,
                                                 const std::string& correction_id) {
  v1::GetCorrectionRequest message;
  message.set_correction_id(correction_id);
  message.set_acting_hat(context.acting_hat);
  message.set_professional(context.professional);
  SLUIS_ASSIGN_OR_RETURN(const auto in,
                         (AskFor<v1::GetCorrectionResponse>(
                             *session_, "/sluis.v1.PersonService/GetCorrection", message)));
  Correction out;
  out.correction_id = in.correction_id();
  out.casus_id = in.casus_id();
  out.person_id = in.person_id();
  out.source = Read(in.source());
  out.field = in.field();
  out.text = in.text();
  out.asked_on = ReadDay(in.asked_on());
  out.due = ReadDay(in.due());
  out.status = NameOf(v1::CorrectionStatus::Id_Name(in.status()), in.status());
  out.reason = in.reason();
  out.answered_on = ReadDay(in.answered_on());
  return out;
}

absl::StatusOr<ApproveEmergencyAnswer> Client::ApproveEmergency(
    const Context& context, const ApproveEmergencyRequest& request) {
  auto message = From<v1::ApproveEmergencyRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_person_id(request.person_id);
  message.set_decision_id(request.decision_id);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, (Send<v1::ApproveEmergencyAnswer>(
                     *session_, "/sluis.v1.PersonService/ApproveEmergency", context, message)));
  return ApproveEmergencyAnswer{sent.first.approvers(), ReadDay(sent.first.until()),
                                std::move(sent.second)};
}

}  // namespace sluis::client
