#include "sluis/client/signal.h"

#include "convert.h"
#include "send.h"

#include "sluis/client/client.h"
#include "sluis/v1/escalation.pb.h"
#include "sluis/v1/signal.pb.h"

namespace sluis::client {
namespace {

using internal::AskFor;
using internal::From;
using internal::ReadDay;
using internal::Send;
using internal::SetEnum;
using internal::WriteDay;

constexpr std::string_view kOutcomes = "SIGNAL_OUTCOME_";

// Errors name a field of many by its place.
absl::Status In(absl::Status status, size_t index) {
  if (status.ok()) return status;
  return WithMetadata(std::move(status), kFieldKey,
                      "fields[" + std::to_string(index) + "]." + MetadataOf(status)["field"]);
}

Signal Read(const v1::SignalView& in) {
  Signal out;
  out.signal_id = in.signal_id();
  out.tafel = in.tafel();
  out.purpose = in.purpose();
  out.sender = {in.sender().partij(), in.sender().hat()};
  out.receiver = {in.receiver().partij(), in.receiver().hat()};
  out.fields = {in.fields().begin(), in.fields().end()};
  out.received_at = in.received_at();
  if (in.outcome() != v1::SIGNAL_OUTCOME_UNSPECIFIED) {
    const std::string& name = v1::SignalOutcome_Name(in.outcome());
    out.outcome = name.size() > kOutcomes.size() ? name.substr(kOutcomes.size())
                                                 : std::to_string(in.outcome());
  }
  out.answered_on = ReadDay(in.answered_on());
  out.casus_id = in.casus_id();
  out.person_id = in.person_id();
  out.reference = in.reference();
  return out;
}

}  // namespace

absl::StatusOr<SendSignalAnswer> Client::SendSignal(const Context& context,
                                                    const SendSignalRequest& request) {
  auto message = From<v1::SendSignalRequest>(context);
  message.set_tafel(request.tafel);
  message.set_purpose(request.purpose);
  internal::Write(request.receiver, *message.mutable_receiver());
  message.set_bsn(request.bsn);
  message.set_bsn_verified(request.bsn_verified);
  message.set_urgent(request.urgent);
  for (size_t i = 0; i < request.fields.size(); ++i) {
    v1::SignalField& field = *message.add_fields();
    field.set_field(request.fields[i].field);
    SLUIS_RETURN_IF_ERROR(
        In(internal::Write(request.fields[i].content, *field.mutable_content()), i));
    field.set_third_person(request.fields[i].third_person);
  }
  message.set_first_processed(WriteDay(request.first_processed));
  message.set_deposit_end(WriteDay(request.deposit_end));
  message.set_attestation_date(WriteDay(request.attestation_date));
  for (const bool made : request.preconditions) message.add_preconditions(made);
  message.set_reference(request.reference);
  SLUIS_ASSIGN_OR_RETURN(auto sent,
                         Send<v1::SendSignalAnswer>(*session_, "/sluis.v1.SignalService/SendSignal",
                                                    context, std::move(message)));
  SendSignalAnswer answer;
  answer.signal_id = sent.first.signal_id();
  for (const v1::SignalDeposit& deposit : sent.first.deposits())
    answer.deposits.push_back({deposit.field(), deposit.deposit_id()});
  answer.proof = std::move(sent.second);
  return answer;
}

absl::StatusOr<AnswerSignalAnswer> Client::AnswerSignal(const Context& context,
                                                        const AnswerSignalRequest& request) {
  auto message = From<v1::AnswerSignalRequest>(context);
  message.set_signal_id(request.signal_id);
  v1::SignalOutcome outcome = v1::SIGNAL_OUTCOME_UNSPECIFIED;
  SLUIS_RETURN_IF_ERROR(SetEnum("outcome", internal::Prefixed(kOutcomes, request.outcome),
                                v1::SignalOutcome_Parse, outcome));
  message.set_outcome(outcome);
  SLUIS_ASSIGN_OR_RETURN(
      auto sent, Send<v1::AnswerSignalAnswer>(*session_, "/sluis.v1.SignalService/AnswerSignal",
                                              context, std::move(message)));
  return AnswerSignalAnswer{sent.first.casus_closed(), std::move(sent.second)};
}

absl::StatusOr<Signal> Client::GetSignal(const Context& context, const std::string& signal_id) {
  auto message = From<v1::GetSignalRequest>(context);
  message.set_signal_id(signal_id);
  SLUIS_ASSIGN_OR_RETURN(
      const auto response,
      AskFor<v1::GetSignalResponse>(*session_, "/sluis.v1.SignalService/GetSignal", message));
  return Read(response.signal());
}

absl::StatusOr<SignalPage> Client::ListSignals(const Context& context, bool open,
                                               const Page& page) {
  auto message = From<v1::ListSignalsRequest>(context);
  message.set_open(open);
  message.set_page_size(page.size);
  message.set_page_token(page.token);
  SLUIS_ASSIGN_OR_RETURN(
      const auto response,
      AskFor<v1::ListSignalsResponse>(*session_, "/sluis.v1.SignalService/ListSignals", message));
  SignalPage out;
  for (const v1::SignalView& signal : response.signals()) out.signals.push_back(Read(signal));
  out.next_page_token = response.next_page_token();
  return out;
}

absl::StatusOr<EscalateAnswer> Client::Escalate(const Context& context,
                                                const EscalateRequest& request) {
  auto message = From<v1::EscalateRequest>(context);
  message.set_casus_id(request.casus_id);
  message.set_tafel(request.tafel);
  for (size_t i = 0; i < request.fields.size(); ++i) {
    v1::DilemmaField& field = *message.add_fields();
    field.set_field(request.fields[i].field);
    SLUIS_RETURN_IF_ERROR(
        In(internal::Write(request.fields[i].content, *field.mutable_content()), i));
  }
  message.set_first_processed(WriteDay(request.first_processed));
  message.set_deposit_end(WriteDay(request.deposit_end));
  for (const PartijHat& recipient : request.recipients)
    internal::Write(recipient, *message.add_recipients());
  SLUIS_ASSIGN_OR_RETURN(auto sent,
                         Send<v1::EscalateAnswer>(*session_, "/sluis.v1.EscalationService/Escalate",
                                                  context, std::move(message)));
  EscalateAnswer answer;
  for (const v1::DilemmaDeposit& deposit : sent.first.deposits())
    answer.deposits.push_back({deposit.field(), deposit.deposit_id()});
  answer.proof = std::move(sent.second);
  return answer;
}

}  // namespace sluis::client
