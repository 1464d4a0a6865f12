#include "sluis/client/wams.h"

#include "convert.h"
#include "send.h"

#include "sluis/client/client.h"
#include "sluis/v1/wams.pb.h"

namespace sluis::client {
namespace {

using internal::AskFor;
using internal::From;
using internal::ReadDay;
using internal::Send;
using internal::SetEnum;
using internal::WriteDay;

WamsAnswer Read(const v1::WamsAnswer& answer, Proof proof) {
  return {answer.stage(), policy::v1::WamsTrack::Task_Name(answer.task()), std::move(proof)};
}

void Write(const Samenspraak& in, policy::v1::Samenspraak& out) {
  out.set_date(WriteDay(in.date));
  out.set_with(in.with);
  out.set_reason_without(in.reason_without);
}

std::string StatusName(policy::v1::Informed::Status status) {
  return status == policy::v1::Informed::STATUS_UNSPECIFIED
             ? std::string()
             : policy::v1::Informed::Status_Name(status);
}

}  // namespace

absl::StatusOr<WamsReportAnswer> Client::ReportWams(const Context& context,
                                                    const WamsReportRequest& request) {
  auto message = From<v1::ReportRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_municipality(request.municipality);
  message.set_bsn(request.bsn);
  if (request.elements) internal::Write(*request.elements, *message.mutable_elements());
  message.set_urgent(request.urgent);
  v1::WamsReportKind kind = v1::WAMS_REPORT_KIND_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(SetEnum("kind", internal::Prefixed("WAMS_REPORT_KIND_", request.kind),
                                v1::WamsReportKind_Parse, kind));
  message.set_kind(kind);
  message.set_text(request.text);
  message.set_reference(request.reference);
  SLUIS_ASSIGN_OR_RETURN(auto sent,
                         Send<v1::ReportAnswer>(*session_, "/sluis.v1.WamsService/Report", context,
                                                std::move(message)));
  WamsAnswer track = Read(sent.first.track(), {});
  return WamsReportAnswer{std::move(track.stage), std::move(track.task), sent.first.casus_id(),
                          std::move(sent.second)};
}

absl::StatusOr<WamsAnswer> Client::RecordWamsInforming(const Context& context,
                                                       const WamsInformingRequest& request) {
  auto message = From<v1::RecordInformingRequest>(context);
  message.set_casus_id(request.casus_id);
  v1::RecordInformingRequest::Whom whom = v1::RecordInformingRequest::WHOM_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(
      SetEnum("whom", request.whom, v1::RecordInformingRequest::Whom_Parse, whom));
  message.set_whom(whom);
  policy::v1::Informed::Status status = policy::v1::Informed::STATUS_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(
      SetEnum("status", request.status, policy::v1::Informed::Status_Parse, status));
  message.set_status(status);
  message.set_date(WriteDay(request.date));
  message.set_reason(request.reason);
  message.set_owner(request.owner);
  message.set_review_date(WriteDay(request.review_date));
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::WamsAnswer>(*session_, "/sluis.v1.WamsService/RecordInforming", context,
                                      std::move(message)));
  return Read(sent.first, std::move(sent.second));
}

absl::StatusOr<WamsAnswer> Client::OpenWamsInquiry(const Context& context,
                                                   const WamsInquiryRequest& request) {
  auto message = From<v1::OpenInquiryRequest>(context);
  message.set_casus_id(request.casus_id);
  policy::v1::WamsTrack::Task task = policy::v1::WamsTrack::TASK_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(SetEnum("task", request.task, policy::v1::WamsTrack::Task_Parse, task));
  message.set_task(task);
  Write(request.samenspraak, *message.mutable_samenspraak());
  message.set_reason(request.reason);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::WamsAnswer>(*session_, "/sluis.v1.WamsService/OpenInquiry", context,
                                      std::move(message)));
  return Read(sent.first, std::move(sent.second));
}

absl::StatusOr<WamsAnswer> Client::RecordWamsPart(const Context& context,
                                                  const WamsPartRequest& request) {
  auto message = From<v1::RecordPartRequest>(context);
  message.set_casus_id(request.casus_id);
  if (const auto* samenspraak = std::get_if<Samenspraak>(&request.part)) {
    Write(*samenspraak, *message.mutable_samenspraak());
  } else if (const auto* outcome = std::get_if<WamsOutcome>(&request.part)) {
    policy::v1::WamsOutcome& out = *message.mutable_outcome();
    out.set_date(WriteDay(outcome->date));
    out.set_name(outcome->name);
    for (const std::string& domain : outcome->domains) out.add_domains(domain);
    for (const std::string& act : outcome->acts) out.add_acts(act);
    out.set_coordination_useful(outcome->coordination_useful);
  } else if (const auto* agreement = std::get_if<WamsAgreement>(&request.part)) {
    message.mutable_agreement()->set_date(WriteDay(agreement->date));
    message.mutable_agreement()->set_reason_without(agreement->reason_without);
  }
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::WamsAnswer>(*session_, "/sluis.v1.WamsService/RecordPart", context,
                                      std::move(message)));
  return Read(sent.first, std::move(sent.second));
}

absl::StatusOr<WamsAnswer> Client::TakeBackWamsPart(const Context& context,
                                                    const WamsTakeBackRequest& request) {
  auto message = From<v1::TakeBackPartRequest>(context);
  message.set_casus_id(request.casus_id);
  v1::TakeBackPartRequest::Part part = v1::TakeBackPartRequest::PART_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(SetEnum("part", request.part, v1::TakeBackPartRequest::Part_Parse, part));
  message.set_part(part);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::WamsAnswer>(*session_, "/sluis.v1.WamsService/TakeBackPart", context,
                                      std::move(message)));
  return Read(sent.first, std::move(sent.second));
}

absl::StatusOr<WamsAnswer> Client::MoveWamsStage(const Context& context,
                                                 const WamsStageRequest& request) {
  auto message = From<v1::MoveStageRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_stage(request.stage);
  message.set_reason(request.reason);
  SLUIS_ASSIGN_OR_RETURN(auto sent,
                         Send<v1::WamsAnswer>(*session_, "/sluis.v1.WamsService/MoveStage", context,
                                              std::move(message)));
  return Read(sent.first, std::move(sent.second));
}

absl::StatusOr<WamsTrack> Client::GetWamsTrack(const Context& context,
                                               const std::string& casus_id) {
  auto message = From<v1::GetTrackRequest>(context);
  message.set_casus_id(casus_id);
  SLUIS_ASSIGN_OR_RETURN(
      const auto response,
      AskFor<v1::GetTrackResponse>(*session_, "/sluis.v1.WamsService/GetTrack", message));
  const v1::WamsTrackView& in = response.track();
  WamsTrack out;
  out.stage = in.stage();
  out.task = policy::v1::WamsTrack::Task_Name(in.task());
  if (in.has_opened_by()) out.opened_by = PartijHat{in.opened_by().partij(), in.opened_by().hat()};
  out.reports = in.reports();
  out.reported_informed = StatusName(in.reported_informed());
  out.reporter_informed = StatusName(in.reporter_informed());
  out.samenspraak = in.samenspraak();
  out.outcome = in.outcome();
  out.agreement = in.agreement();
  out.closed_on = ReadDay(in.closed_on());
  return out;
}

}  // namespace sluis::client
