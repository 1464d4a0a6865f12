#include <algorithm>
#include <set>

#include "content.h"
#include "core.h"
#include "deposit.h"
#include "names.h"
#include "notify.h"

#include "sluis/v1/escalation.pb.h"

// A deadlock, put to the bestuurlijk level without saying whose it is.
namespace sluis::broker {
namespace {

constexpr int kMaxFields = 20;
constexpr int kMaxRecipients = 20;

std::string PathOf(std::string_view list, int index, std::string_view rest) {
  return absl::StrCat(ToAbsl(list), "[", index, "]", ToAbsl(rest));
}

absl::Status CheckEscalate(const v1::EscalateRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  if (request.tafel().empty()) return Malformed("tafel", "missing");
  if (request.fields().empty()) return Malformed("fields", "missing");
  if (request.fields_size() > kMaxFields) return Malformed("fields", "more than 20");
  std::set<std::string> seen;
  for (int i = 0; i < request.fields_size(); ++i) {
    const v1::DilemmaField& field = request.fields(i);
    if (field.field().empty()) return Malformed(PathOf("fields", i, ".field"), "missing");
    if (!seen.insert(field.field()).second)
      return Malformed(PathOf("fields", i, ".field"), "given twice");
    if (!field.content().has_value())
      return Malformed(PathOf("fields", i, ".content.value"), "missing");
    SLUIS_RETURN_IF_ERROR(CheckCompanions(PathOf("fields", i, ".content."), field.content()));
  }
  SLUIS_RETURN_IF_ERROR(intake::CheckDay("first_processed", request.first_processed()).status());
  SLUIS_RETURN_IF_ERROR(intake::CheckDay("deposit_end", request.deposit_end()).status());
  if (request.recipients().empty()) return Malformed("recipients", "missing");
  return request.recipients_size() > kMaxRecipients ? Malformed("recipients", "more than 20")
                                                    : absl::OkStatus();
}

// Whether some grant of the tafel has the field, from the acting hat, as a dilemma.
bool IsGranted(const CommandContext& context, const std::string& tafel, const std::string& field) {
  const auto& grants = context.policy.convenant().grants();
  return std::any_of(grants.begin(), grants.end(), [&](const policy::v1::Grant& grant) {
    return ListsHat(grant.tafels(), tafel) && ListsHat(grant.source_hats(), context.hat) &&
           ListsHat(grant.fields(), field) &&
           std::find(grant.conditions().begin(), grant.conditions().end(),
                     policy::v1::Condition::DILEMMA_GEPSEUDONIMISEERD) != grant.conditions().end();
  });
}

absl::StatusOr<v1::EscalateAnswer> Escalate(CommandContext& context,
                                            const v1::EscalateRequest& request) {
  log::v1::Change& change = *context.record.mutable_change();
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(const auto casus, InvolvedCasus(context, casus_id));
  if (!IsCompetent(context.policy, "escalation", context.hat))
    return NotAuthorised("this hat does not escalate");
  SLUIS_RETURN_IF_ERROR(CheckTafel(context.policy, "tafel", request.tafel()));
  change.set_tafel(request.tafel());
  const auto tafel = *context.policy.FindTafel(request.tafel());
  const policy::v1::Tafel& table = context.policy.convenant().tafels(tafel.index());
  if (table.soort() != policy::v1::TafelSoort::BESTUURLIJK || table.person_data() ||
      context.policy.SeatAt(tafel, *context.policy.FindHat(context.hat)) ==
          policy::Policy::Seat::kNone) {
    return FailedPrecondition("WRONG_TABLE", "the hat puts no dilemma to this tafel");
  }
  if (!ListsHat(table.phases(), casus.facts().phase()))
    return FailedPrecondition("WRONG_PHASE", "the tafel is not used in this phase");
  for (int i = 0; i < request.recipients_size(); ++i) {
    SLUIS_RETURN_IF_ERROR(
        CheckSide(context.policy, PathOf("recipients", i, ""), request.recipients(i)));
    if (context.policy.SeatAt(tafel, *context.policy.FindHat(request.recipients(i).hat())) ==
        policy::Policy::Seat::kNone) {
      return WithMetadata(FailedPrecondition("WRONG_TABLE", "a recipient has no seat there"),
                          kFieldKey, PathOf("recipients", i, ".hat"));
    }
  }
  const CivilDate today = context.moment.today;
  if (today < *CivilDate::Parse(request.first_processed()))
    return Malformed("first_processed", "in the future");
  if (*CivilDate::Parse(request.deposit_end()) < today)
    return Malformed("deposit_end", "in the past");
  v1::EscalateAnswer answer;
  for (int i = 0; i < request.fields_size(); ++i) {
    const v1::DilemmaField& given = request.fields(i);
    const std::string path = PathOf("fields", i, "");
    SLUIS_RETURN_IF_ERROR(CheckField(context.policy, path + ".field", given.field()));
    change.add_fields(given.field());
    if (!IsGranted(context, request.tafel(), given.field())) {
      return WithMetadata(FailedPrecondition("CATEGORY_EXCLUDED", "the tafel gets no such field"),
                          kFieldKey, path + ".field");
    }
    const auto field = *context.policy.FindField(given.field());
    const FieldRules rules{context.policy, *context.policy.FindHat(context.hat), field, 0};
    if (!context.policy.Owns(rules.hat, field))
      return NotAuthorised("the hat does not own this field");
    SLUIS_RETURN_IF_ERROR(CheckFieldValue(rules, path + ".content.value", given.content().value()));
    SLUIS_RETURN_IF_ERROR(CheckCompanions(rules, path + ".content.", given.content(), today));
    SLUIS_RETURN_IF_ERROR(
        CheckPseudonymised(context, casus, path + ".content.value", given.content()));
    policy::v1::Holding holding;
    holding.set_field(given.field());
    holding.set_first_processed(request.first_processed());
    holding.set_deposit_end(request.deposit_end());
    holding.set_form(policy::v1::Holding::PSEUDONIEM_K_SAFE);
    SLUIS_ASSIGN_OR_RETURN(const Uuid deposit, KeepValue(context, state::Subject::Casus(casus_id),
                                                         holding, given.content()));
    v1::DilemmaDeposit& kept = *answer.add_deposits();
    kept.set_field(given.field());
    kept.set_deposit_id(deposit.ToString());
  }
  change.clear_subject_id();
  for (const policy::v1::PartijHat& recipient : request.recipients()) {
    Notice notice = NoticeOf(NoticeType::CASUS_ESCALATED, casus_id);
    notice.set_hat(recipient.hat());
    notice.set_tafel(request.tafel());
    *notice.mutable_other() = context.self();
    for (const v1::DilemmaField& field : request.fields()) notice.add_fields(field.field());
    SLUIS_RETURN_IF_ERROR(Notify(context, recipient.partij(), std::move(notice)));
  }
  return answer;
}

}  // namespace

void AddEscalation(Handlers& handlers) {
  handlers["/sluis.v1.EscalationService/Escalate"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::EscalateRequest, v1::EscalateAnswer>(
        core, call, {EventKind::ESCALATED, &CheckEscalate, &Escalate});
  };
}

}  // namespace sluis::broker
