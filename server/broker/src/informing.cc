#include "core.h"
#include "duty_rules.h"
#include "fact.h"

#include "sluis/state/duties.h"
#include "sluis/v1/person.pb.h"

// The duty to inform the person (R-W-38): done, put off, and listed. Duties are made by a job that
// follows the log (duty_job.cc).
namespace sluis::broker {
namespace {

using policy::v1::DutyRule;
using policy::v1::Informed;

absl::Status CheckWho(const std::string& casus_id, const std::string& person_id) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", casus_id).status());
  return intake::CheckId("person_id", person_id).status();
}

// Records the fact that policy reads. Errors name the elements of the call, not those of the fact.
absl::StatusOr<std::string> PutFact(CommandContext& context, const std::string& casus_id,
                                    Informed informed, const std::string& reference) {
  v1::RecordFactRequest request;
  request.set_casus_id(casus_id);
  request.set_reference(reference);
  const std::string status = Informed::Status_Name(informed.status());
  *request.mutable_fact()->mutable_informed() = std::move(informed);
  auto recorded = RecordFact(context, request);
  if (!recorded.ok()) {
    constexpr std::string_view kPrefix = "fact.informed.";
    absl::Status why = recorded.status();
    const auto metadata = MetadataOf(why);
    const auto field = metadata.find(std::string(kFieldKey));
    if (field != metadata.end() && field->second.rfind(kPrefix, 0) == 0)
      why = WithMetadata(std::move(why), kFieldKey, field->second.substr(kPrefix.size()));
    return why;
  }
  context.record.mutable_change()->set_subject_kind(status);
  return recorded->fact_id();
}

absl::StatusOr<state::DutyOf> DutyOfCaller(CommandContext& context, const std::string& casus_id,
                                           const std::string& person_id) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, intake::CheckId("casus_id", casus_id));
  SetCasus(context, casus);
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, CallersPerson(context, person_id));
  return state::DutyOf{DutyRule::INFORM, context.partij, context.hat, person, casus, Uuid()};
}

absl::Status CheckInformed(const v1::RecordInformedRequest& request) {
  SLUIS_RETURN_IF_ERROR(CheckWho(request.casus_id(), request.person_id()));
  SLUIS_RETURN_IF_ERROR(intake::CheckDay("date", request.date()).status());
  return intake::CheckText("reference", request.reference(), 200);
}

absl::StatusOr<v1::RecordInformedAnswer> RecordInformed(CommandContext& context,
                                                        const v1::RecordInformedRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const state::DutyOf of,
                         DutyOfCaller(context, request.casus_id(), request.person_id()));
  SLUIS_ASSIGN_OR_RETURN(const auto duty,
                         state::FindDuty(context.transaction, *context.core.options.vault, of));
  Informed informed;
  informed.set_person(request.person_id());
  informed.set_status(Informed::GEINFORMEERD);
  informed.set_date(request.date());
  v1::RecordInformedAnswer answer;
  // This ends the duty as well, however the fact comes to be recorded.
  SLUIS_ASSIGN_OR_RETURN(*answer.mutable_fact_id(),
                         PutFact(context, request.casus_id(), informed, request.reference()));
  answer.set_duty_done(duty.has_value());
  return answer;
}

absl::Status CheckPostpone(const v1::PostponeInformingRequest& request) {
  SLUIS_RETURN_IF_ERROR(CheckWho(request.casus_id(), request.person_id()));
  SLUIS_RETURN_IF_ERROR(intake::CheckText("ground", request.ground()));
  SLUIS_RETURN_IF_ERROR(intake::CheckProfessional("owner", request.owner()));
  SLUIS_RETURN_IF_ERROR(intake::CheckDay("review_date", request.review_date()).status());
  return intake::CheckText("reference", request.reference(), 200);
}

absl::StatusOr<v1::PostponeInformingAnswer> PostponeInforming(
    CommandContext& context, const v1::PostponeInformingRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const state::DutyOf of,
                         DutyOfCaller(context, request.casus_id(), request.person_id()));
  SLUIS_ASSIGN_OR_RETURN(auto stored,
                         state::FindDuty(context.transaction, *context.core.options.vault, of));
  if (!stored) return NotFound("DUTY_UNKNOWN", "no duty to inform this person is open");
  // Who owns the delay has to be somebody of the caller.
  SLUIS_ASSIGN_OR_RETURN(const auto owner,
                         context.state.Professional(context.partij, request.owner()));
  if (!owner || !owner->active()) return Malformed("owner", "not on record at the caller");
  SLUIS_ASSIGN_OR_RETURN(const CivilDate due, CivilDate::Parse(stored->duty.due()));
  const CivilDate review = *CivilDate::Parse(request.review_date());
  if (review <= due || review <= context.moment.today)
    return Malformed("review_date", "has to be after today and after the due date");
  const DutyRule* rule = FindDutyRule(context.policy, DutyRule::INFORM, context.hat);
  const auto last = rule == nullptr ? std::nullopt : LastPostponement(*rule, due);
  if (last && *last < review)
    return Malformed("review_date", "later than one postponement may move the due date");
  Informed informed;
  informed.set_person(request.person_id());
  informed.set_status(Informed::UITGESTELD);
  informed.set_date(context.moment.today.ToString());
  informed.set_reason(request.ground());
  informed.set_owner(request.owner());
  informed.set_review_date(request.review_date());
  v1::PostponeInformingAnswer answer;
  SLUIS_ASSIGN_OR_RETURN(*answer.mutable_fact_id(),
                         PutFact(context, request.casus_id(), informed, request.reference()));
  store::v1::Duty& duty = stored->duty;
  duty.set_due(request.review_date());
  duty.set_owner(request.owner());
  duty.set_postponements(duty.postponements() + 1);
  duty.clear_overdue_told();
  SLUIS_RETURN_IF_ERROR(
      state::PutDuty(context.transaction, *context.core.options.vault, of, duty).status());
  answer.set_due(duty.due());
  answer.set_postponements(duty.postponements());
  return answer;
}

// ---- ListDuties ----

absl::StatusOr<v1::ListDutiesResponse> RunList(Core& core, const CallState& call,
                                               const v1::ListDutiesRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const size_t size, PageSize(request.page_size(), 50, 200));
  SLUIS_ASSIGN_OR_RETURN(std::string after, OpenPageToken(core, call, request.page_token()));
  std::optional<CivilDate> last_day;
  if (!request.due_before().empty()) {
    SLUIS_ASSIGN_OR_RETURN(last_day, intake::CheckDay("due_before", request.due_before()));
  }
  const CivilDate today = facts::LocalDate(core.options.clock->Now());
  if (request.overdue()) last_day = std::min(last_day.value_or(today), today.AddDays(-1));
  SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
  state::StateReader state(*reader, *core.options.vault);
  v1::ListDutiesResponse response;
  constexpr size_t kChunk = 200;
  for (;;) {
    std::string last_key;
    SLUIS_ASSIGN_OR_RETURN(
        const auto duties,
        state::ReadDuties(*reader, *core.options.vault, call.partij, after, kChunk, &last_key));
    for (const state::StoredDuty& stored : duties) {
      const store::v1::Duty& duty = stored.duty;
      SLUIS_ASSIGN_OR_RETURN(const CivilDate due, CivilDate::Parse(duty.due()));
      // In order of the due date: none of those that follow either.
      if (last_day && *last_day < due) return response;
      if (!request.hat().empty() && duty.holder().hat() != request.hat()) continue;
      if (static_cast<size_t>(response.duties_size()) == size) {
        SLUIS_ASSIGN_OR_RETURN(*response.mutable_next_page_token(),
                               MakePageToken(core, call, after));
        return response;
      }
      after = stored.key;
      SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(duty.person()));
      SLUIS_ASSIGN_OR_RETURN(const auto handle, state.HandleOf(person, call.partij));
      v1::Duty& out = *response.add_duties();
      out.set_duty_id(stored.id.ToString());
      out.set_kind(duty.kind());
      out.set_hat(duty.holder().hat());
      out.set_casus_id(duty.casus());
      if (handle) out.set_person_id(handle->ToString());
      out.set_made_on(duty.made_on());
      out.set_due(duty.due());
      out.set_overdue(due < today);
      *out.mutable_fields() = duty.fields();
      out.set_postponements(duty.postponements());
      out.set_owner(duty.owner());
      out.set_correction_id(duty.correction());
    }
    if (last_key.empty()) return response;
    after = std::move(last_key);
  }
}

void ListDuties(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    call->done([&]() -> absl::StatusOr<std::string> {
      v1::ListDutiesRequest request;
      SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call->body, request));
      SLUIS_ASSIGN_OR_RETURN(const auto response, RunList(core, *call, request));
      return wire::Canonical(response);
    }());
  });
}

}  // namespace

void AddInforming(Handlers& handlers) {
  handlers["/sluis.v1.PersonService/RecordInformed"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::RecordInformedRequest, v1::RecordInformedAnswer>(
        core, call, {EventKind::PERSON_INFORMED, &CheckInformed, &RecordInformed});
  };
  handlers["/sluis.v1.PersonService/PostponeInforming"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::PostponeInformingRequest, v1::PostponeInformingAnswer>(
        core, call, {EventKind::PERSON_INFORMED, &CheckPostpone, &PostponeInforming});
  };
  handlers["/sluis.v1.PersonService/ListDuties"] = &ListDuties;
}

}  // namespace sluis::broker
