#include <algorithm>

#include "core.h"
#include "duty_rules.h"
#include "inzage_rules.h"
#include "names.h"
#include "persons.h"

#include "sluis/crypto/crypto.h"
#include "sluis/state/duties.h"
#include "sluis/state/notices.h"
#include "sluis/v1/person.pb.h"

// Corrections that a person asks at the contact point (AVG 16): passed on to the source, which
// answers within a term. That the source then tells earlier recipients is done by CorrectField.
namespace sluis::broker {
namespace {

using policy::v1::DutyRule;
using store::v1::Correction;

absl::Status Unknown() {
  return NotFound("CORRECTION_UNKNOWN", "no such correction for the caller");
}

state::DutyOf DutyToAnswer(const Correction& correction, const Uuid& person, const Uuid& casus,
                           const Uuid& id) {
  return {DutyRule::CORRECT,
          correction.source().partij(),
          correction.source().hat(),
          person,
          casus,
          id};
}

absl::Status CheckAsk(const v1::AskCorrectionRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  SLUIS_RETURN_IF_ERROR(intake::CheckId("person_id", request.person_id()).status());
  if (request.rights_role() < v1::RIGHTS_ROLE_UNSPECIFIED ||
      request.rights_role() > v1::RIGHTS_ROLE_REPRESENTATIVE) {
    return Malformed("rights_role", "not a role");
  }
  if (!request.has_source()) return Malformed("source", "missing");
  if (request.field().empty()) return Malformed("field", "missing");
  return intake::CheckText("text", request.text());
}

// Whether the rules of inzage let the asker have this field corrected. Where they neither confirm
// nor deny, the answer to a correction would: that goes by the source itself.
absl::Status CheckRules(CommandContext& context, const v1::AskCorrectionRequest& request,
                        const Uuid& casus, const Uuid& person) {
  InzageRules rules(context.core, context.active, context.transaction, context.moment.now,
                    context.moment.today,
                    {context.partij, context.hat, context.professional, person,
                     static_cast<policy::RightsRole>(request.rights_role()),
                     request.identity_established(), false});
  SLUIS_ASSIGN_OR_RETURN(const auto verdicts,
                         rules.Judge(casus, request.source(), {request.field()}));
  const InzageRules::Verdict& verdict = verdicts.front();
  if (verdict.outcome == Outcome::kRelease) return absl::OkStatus();
  if (verdict.code == Code::kNotAuthorisedPerson)
    return NotAuthorised("the identity of who asks was not established");
  return FailedPrecondition(CodeName(verdict.code),
                            "the rules of inzage do not open this field to who asks");
}

absl::StatusOr<v1::AskCorrectionAnswer> Ask(CommandContext& context,
                                            const v1::AskCorrectionRequest& request) {
  if (!IsCompetent(context.policy, "correction", context.hat))
    return NotAuthorised("this hat does not ask corrections for persons");
  SLUIS_RETURN_IF_ERROR(CheckSide(context.policy, "source", request.source()));
  SLUIS_RETURN_IF_ERROR(CheckField(context.policy, "field", request.field()));
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  // After closing too: the rights of the person do not end with the casus.
  SLUIS_ASSIGN_OR_RETURN(const auto casus,
                         InvolvedCasus(context, casus_id, /*must_be_open=*/false));
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, CallersPerson(context, request.person_id()));
  if (!HasPerson(casus, person)) return NotInCasus();
  SLUIS_RETURN_IF_ERROR(CheckRules(context, request, casus_id, person));
  const DutyRule* rule = FindDutyRule(context.policy, DutyRule::CORRECT, request.source().hat());
  if (rule == nullptr)
    return FailedPrecondition("NO_GRANT", "the convenant has no term for corrections");
  const CivilDate due = AddTerm(context.moment.today, rule->term(), rule->unit());
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, crypto::RandomUuid());

  Correction correction;
  correction.set_person(person.ToString());
  correction.set_casus(casus_id.ToString());
  *correction.mutable_asker() = context.self();
  *correction.mutable_source() = request.source();
  correction.set_field(request.field());
  correction.set_text(request.text());
  correction.set_asked_on(context.moment.today.ToString());
  correction.set_asked_entry(context.moment.index);
  correction.set_status(Correction::OPEN);
  correction.set_due(due.ToString());
  vault::Vault& vault = *context.core.options.vault;
  SLUIS_RETURN_IF_ERROR(state::PutCorrection(context.transaction, vault, id, correction));

  store::v1::Duty duty;
  duty.set_kind(DutyRule::CORRECT);
  *duty.mutable_holder() = request.source();
  duty.set_person(correction.person());
  duty.set_casus(correction.casus());
  duty.set_made_on(correction.asked_on());
  duty.set_due(correction.due());
  duty.set_first_entry(context.moment.index);
  duty.set_last_entry(context.moment.index);
  duty.add_fields(request.field());
  duty.set_correction(id.ToString());
  SLUIS_RETURN_IF_ERROR(state::PutDuty(context.transaction, vault,
                                       DutyToAnswer(correction, person, casus_id, id), duty)
                            .status());

  // A source that was not told of the person yet is told by the person, through the contact point.
  SLUIS_ASSIGN_OR_RETURN(const Uuid handle,
                         context.state.MakeHandle(person, request.source().partij()));
  store::v1::Notice notice;
  notice.set_type(store::v1::NoticeType::CORRECTION_ASKED);
  notice.set_casus_id(correction.casus());
  notice.set_subject_id(id.ToString());
  notice.set_person_id(handle.ToString());
  notice.set_hat(request.source().hat());
  *notice.mutable_other() = context.self();
  notice.add_fields(request.field());
  notice.set_day(correction.due());
  SLUIS_RETURN_IF_ERROR(state::PutNotice(context.transaction, vault, request.source().partij(),
                                         context.moment.index, notice));
  log::v1::Change& change = *context.record.mutable_change();
  change.set_subject_id(std::string(id.bytes()));
  change.set_partij(request.source().partij());
  change.set_hat(request.source().hat());
  change.add_fields(request.field());
  v1::AskCorrectionAnswer answer;
  answer.set_correction_id(id.ToString());
  answer.set_due(correction.due());
  return answer;
}

// ---- AnswerCorrection ----

absl::Status CheckAnswer(const v1::AnswerCorrectionRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("correction_id", request.correction_id()).status());
  switch (request.outcome()) {
    case v1::CorrectionStatus::CORRECTED:
      return request.reason().empty()
                 ? absl::OkStatus()
                 : Malformed("reason", "a correction that was made needs no reason");
    case v1::CorrectionStatus::REFUSED:
      if (request.corrected_entry() != 0)
        return Malformed("corrected_entry", "nothing was corrected");
      return intake::CheckText("reason", request.reason());
    default:
      return Malformed("outcome", "CORRECTED or REFUSED");
  }
}

// The log has to show what the source says it did.
absl::Status CheckCorrected(CommandContext& context, const Correction& correction,
                            const Uuid& person, uint64_t entry) {
  constexpr std::string_view kField = "corrected_entry";
  if (entry == 0) {
    SLUIS_ASSIGN_OR_RETURN(const auto deposits,
                           context.state.Deposits(state::Subject::Person(person)));
    const bool held = std::any_of(deposits.begin(), deposits.end(), [&](const auto& stored) {
      const auto& holding = stored.deposit.holding();
      return holding.field() == correction.field() && holding.source().partij() == context.partij &&
             holding.source().hat() == context.hat;
    });
    return held ? Malformed(kField, "missing: the value at the broker has to be corrected too")
                : absl::OkStatus();
  }
  const absl::Status wrong =
      Malformed(kField, "no entry in which the caller changed this field of this person since");
  SLUIS_ASSIGN_OR_RETURN(const auto rows, context.transaction.Entries(entry, 1));
  if (rows.empty() || rows.front().index != entry || entry <= correction.asked_entry())
    return wrong;
  log::v1::Record record;
  if (!record.ParseFromString(rows.front().record))
    return DataLoss("STORE_SYNC_FAILED", "a stored record cannot be read");
  SLUIS_ASSIGN_OR_RETURN(const std::string pseudonym,
                         context.core.options.vault->Pseudonym(person));
  const int kind = rows.front().kind;
  const auto& fields = record.change().fields();
  const bool shows =
      (kind == EventKind::FIELD_CORRECTED || kind == EventKind::FIELD_DEPOSITED ||
       kind == EventKind::FIELD_WITHDRAWN || kind == EventKind::FIELD_KEPT_AT_SOURCE) &&
      record.error_reason().empty() && record.caller() == context.partij &&
      record.acting_hat() == context.hat && record.pseudonym() == pseudonym &&
      std::find(fields.begin(), fields.end(), correction.field()) != fields.end();
  return shows ? absl::OkStatus() : wrong;
}

absl::StatusOr<v1::AnswerCorrectionAnswer> Answer(CommandContext& context,
                                                  const v1::AnswerCorrectionRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("correction_id", request.correction_id()));
  vault::Vault& vault = *context.core.options.vault;
  SLUIS_ASSIGN_OR_RETURN(auto correction, state::ReadCorrection(context.transaction, vault, id));
  if (!correction || correction->source().partij() != context.partij) return Unknown();
  if (correction->source().hat() != context.hat) return NotAuthorised("another hat was asked");
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(correction->person()));
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::Parse(correction->casus()));
  SetCasus(context, casus);
  SLUIS_RETURN_IF_ERROR(SetPseudonym(context, person));
  if (correction->status() != Correction::OPEN)
    return FailedPrecondition("CORRECTION_CLOSED", "this correction was answered already");
  const bool corrected = request.outcome() == v1::CorrectionStatus::CORRECTED;
  if (corrected) {
    SLUIS_RETURN_IF_ERROR(CheckCorrected(context, *correction, person, request.corrected_entry()));
  }
  correction->set_status(corrected ? Correction::CORRECTED : Correction::REFUSED);
  correction->set_reason(request.reason());
  correction->set_answered_on(context.moment.today.ToString());
  SLUIS_RETURN_IF_ERROR(state::PutCorrection(context.transaction, vault, id, *correction));
  SLUIS_RETURN_IF_ERROR(state::SettleDuty(context.transaction,
                                          DutyToAnswer(*correction, person, casus, id),
                                          context.moment.index)
                            .status());
  const policy::v1::PartijHat& asker = correction->asker();
  SLUIS_ASSIGN_OR_RETURN(const auto handle, context.state.HandleOf(person, asker.partij()));
  store::v1::Notice notice;
  notice.set_type(store::v1::NoticeType::CORRECTION_ANSWERED);
  notice.set_casus_id(correction->casus());
  notice.set_subject_id(id.ToString());
  if (handle) notice.set_person_id(handle->ToString());
  notice.set_hat(asker.hat());
  *notice.mutable_other() = context.self();
  notice.add_fields(correction->field());
  notice.set_result(corrected ? "CORRECTED" : "REFUSED");
  SLUIS_RETURN_IF_ERROR(
      state::PutNotice(context.transaction, vault, asker.partij(), context.moment.index, notice));
  log::v1::Change& change = *context.record.mutable_change();
  change.set_subject_id(std::string(id.bytes()));
  change.set_subject_kind(corrected ? "CORRECTED" : "REFUSED");
  change.set_partij(asker.partij());
  change.set_hat(asker.hat());
  change.add_fields(correction->field());
  return v1::AnswerCorrectionAnswer();
}

// ---- GetCorrection ----

void GetCorrection(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    call->done([&]() -> absl::StatusOr<std::string> {
      v1::GetCorrectionRequest request;
      SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call->body, request));
      SLUIS_ASSIGN_OR_RETURN(const Uuid id,
                             intake::CheckId("correction_id", request.correction_id()));
      SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
      state::StateReader state(*reader, *core.options.vault);
      SLUIS_RETURN_IF_ERROR(CheckReader(*core.Active().policy, state, call->partij,
                                        request.acting_hat(), request.professional(),
                                        facts::LocalDate(core.options.clock->Now())));
      SLUIS_ASSIGN_OR_RETURN(const auto correction,
                             state::ReadCorrection(*reader, *core.options.vault, id));
      const auto is = [&](const policy::v1::PartijHat& side) {
        return side.partij() == call->partij && side.hat() == request.acting_hat();
      };
      // Another hat of the same partij is a third party (X08).
      if (!correction || (!is(correction->asker()) && !is(correction->source()))) return Unknown();
      SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(correction->person()));
      SLUIS_ASSIGN_OR_RETURN(const auto handle, state.HandleOf(person, call->partij));
      v1::GetCorrectionResponse response;
      response.set_correction_id(id.ToString());
      response.set_casus_id(correction->casus());
      if (handle) response.set_person_id(handle->ToString());
      *response.mutable_source() = correction->source();
      response.set_field(correction->field());
      response.set_text(correction->text());
      response.set_asked_on(correction->asked_on());
      response.set_due(correction->due());
      response.set_status(static_cast<v1::CorrectionStatus::Id>(correction->status()));
      response.set_reason(correction->reason());
      response.set_answered_on(correction->answered_on());
      return wire::Canonical(response);
    }());
  });
}

}  // namespace

void AddCorrection(Handlers& handlers) {
  handlers["/sluis.v1.PersonService/AskCorrection"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::AskCorrectionRequest, v1::AskCorrectionAnswer>(
        core, call, {EventKind::CORRECTION_ASKED, &CheckAsk, &Ask});
  };
  handlers["/sluis.v1.PersonService/AnswerCorrection"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::AnswerCorrectionRequest, v1::AnswerCorrectionAnswer>(
        core, call, {EventKind::CORRECTION_ANSWERED, &CheckAnswer, &Answer});
  };
  handlers["/sluis.v1.PersonService/GetCorrection"] = &GetCorrection;
}

}  // namespace sluis::broker
