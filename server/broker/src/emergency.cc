#include <algorithm>

#include "core.h"
#include "fact.h"
#include "names.h"

#include "sluis/crypto/crypto.h"
#include "sluis/facts/facts_reader.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/state/notices.h"
#include "sluis/v1/person.pb.h"

// The second pair of eyes on a decision in an emergency (R-A-47).
namespace sluis::broker {
namespace {

using policy::v1::ProfessionalDecision;

absl::Status Unknown() { return NotFound("FACT_UNKNOWN", "no such decision for the caller"); }

absl::Status CheckApprove(const v1::ApproveEmergencyRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  SLUIS_RETURN_IF_ERROR(intake::CheckId("person_id", request.person_id()).status());
  return intake::CheckId("decision_id", request.decision_id()).status();
}

bool IsConcerned(const CommandContext& context, const ProfessionalDecision& decision) {
  if (decision.source().partij() == context.partij && decision.source().hat() == context.hat)
    return true;
  return ListsHat(decision.recipient_parties(), context.partij) &&
         ListsHat(decision.recipient_hats(), context.hat);
}

// The last day on which an approval counts: no longer than its decision, nor than a time box that
// opens now.
CivilDate LastDay(const CommandContext& context, const ProfessionalDecision& decision) {
  CivilDate last = facts::LocalDate(context.moment.now +
                                    absl::Hours(context.policy.statute().terms().timebox_hours()));
  const auto until = CivilDate::Parse(decision.until());
  return until.ok() ? std::min(last, *until) : last;
}

absl::Status Tell(CommandContext& context, const ProfessionalDecision& decision, const Uuid& person,
                  const Uuid& casus, const Uuid& id) {
  SLUIS_ASSIGN_OR_RETURN(const auto handle,
                         context.state.HandleOf(person, decision.source().partij()));
  store::v1::Notice notice;
  notice.set_type(store::v1::NoticeType::EMERGENCY_APPROVED);
  notice.set_casus_id(casus.ToString());
  notice.set_subject_id(id.ToString());
  if (handle) notice.set_person_id(handle->ToString());
  notice.set_hat(decision.source().hat());
  *notice.mutable_other() = context.self();
  *notice.mutable_fields() = decision.fields();
  return state::PutNotice(context.transaction, *context.core.options.vault,
                          decision.source().partij(), context.moment.index, notice);
}

absl::StatusOr<v1::ApproveEmergencyAnswer> Approve(CommandContext& context,
                                                   const v1::ApproveEmergencyRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(const auto casus, InvolvedCasus(context, casus_id));
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, CallersPerson(context, request.person_id()));
  if (!HasPerson(casus, person)) return NotInCasus();
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("decision_id", request.decision_id()));
  SLUIS_ASSIGN_OR_RETURN(const auto found, UnlessDestroyed(context.state.Record(id)));
  if (!found || !found->first.is_person() || !(found->first.owner() == person) ||
      found->second.record.casus_id() != casus_id.ToString() ||
      !found->second.record.fact().has_decision()) {
    return Unknown();
  }
  const store::v1::FactRecord& base = found->second.record;
  const ProfessionalDecision& decision = base.fact().decision();
  if ((decision.kind() != ProfessionalDecision::ACUUT &&
       decision.kind() != ProfessionalDecision::CVP) ||
      decision.result() != ProfessionalDecision::GIVEN || !IsConcerned(context, decision)) {
    return Unknown();
  }
  if (!IsCompetent(context.policy, "emergency_approval", context.hat))
    return NotAuthorised("this hat does not approve decisions in an emergency");
  log::v1::Change& change = *context.record.mutable_change();
  change.set_subject_id(std::string(id.bytes()));
  change.set_subject_kind(ProfessionalDecision::Kind_Name(decision.kind()));
  change.set_partij(decision.source().partij());
  change.set_hat(decision.source().hat());
  *change.mutable_fields() = decision.fields();

  // Who approved so far: who decided, first.
  ProfessionalDecision approval = decision;
  approval.set_kind(ProfessionalDecision::VIER_OGEN);
  approval.clear_at();
  approval.clear_approvers();
  approval.add_approvers(facts::QualifiedId(decision.source().partij(), decision.professional()));
  const std::string reference = ApprovalReference(id);
  const state::Subject subject = state::Subject::Person(person);
  SLUIS_ASSIGN_OR_RETURN(const auto records, context.state.Records(subject));
  for (const state::StoredRecord& each : records) {
    if (each.record.reference() != reference) continue;
    *approval.mutable_approvers() = each.record.fact().decision().approvers();
    SLUIS_RETURN_IF_ERROR(context.state.DeleteRecord(subject, each.id));
  }
  // Professionals are known by their partij's own id: the same id at two partijen is two persons.
  // Who recorded the decision and in whose name that was count once, or one could do both.
  const std::string self = facts::QualifiedId(context.partij, context.professional);
  if (ListsHat(approval.approvers(), self) ||
      self == facts::QualifiedId(base.recorded_by().partij(), base.professional())) {
    return FailedPrecondition("SAME_PERSON",
                              "this professional decided or approved already, and counts once");
  }
  approval.add_approvers(self);
  approval.set_date(context.moment.today.ToString());
  const CivilDate last = LastDay(context, decision);
  approval.set_until(last.ToString());
  store::v1::FactRecord record;
  *record.mutable_fact()->mutable_decision() = approval;
  *record.mutable_recorded_by() = decision.source();
  record.set_professional(decision.professional());
  record.set_reference(reference);
  record.set_casus_id(base.casus_id());
  record.set_entry(context.moment.index);
  SLUIS_ASSIGN_OR_RETURN(const Uuid approval_id, crypto::RandomUuid());
  SLUIS_RETURN_IF_ERROR(context.state.PutRecord(subject, approval_id, record));
  SLUIS_RETURN_IF_ERROR(Tell(context, decision, person, casus_id, id));
  v1::ApproveEmergencyAnswer answer;
  answer.set_approvers(approval.approvers_size());
  answer.set_until(last.ToString());
  return answer;
}

}  // namespace

void AddEmergency(Handlers& handlers) {
  handlers["/sluis.v1.PersonService/ApproveEmergency"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::ApproveEmergencyRequest, v1::ApproveEmergencyAnswer>(
        core, call, {EventKind::EMERGENCY_APPROVED, &CheckApprove, &Approve});
  };
}

}  // namespace sluis::broker
