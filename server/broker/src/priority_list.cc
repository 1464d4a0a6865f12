#include "sluis/state/priority_list.h"

#include <algorithm>

#include "core.h"
#include "names.h"
#include "notify.h"

#include "sluis/v1/priority_list.pb.h"

// Lists of prioritised casussen (WGS_SAMENWERKING 2.26): criteria for all to read, casussen only
// for who takes part in them.
namespace sluis::broker {
namespace {

// How many casussen of a list one call looks at.
constexpr size_t kMaxLooked = 1000;

// The tafel of a list that the acting hat keeps.
absl::StatusOr<policy::TafelId> KeptTafel(CommandContext& context, const std::string& name) {
  SLUIS_RETURN_IF_ERROR(CheckTafel(context.policy, "tafel", name));
  context.record.mutable_change()->set_tafel(name);
  if (!IsCompetent(context.policy, "priority_list", context.hat))
    return NotAuthorised("this hat does not keep the list");
  const auto tafel = *context.policy.FindTafel(name);
  if (context.policy.RegimeOf(tafel) != policy::Regime::kWgsSamenwerking ||
      context.policy.SeatAt(tafel, *context.policy.FindHat(context.hat)) !=
          policy::Policy::Seat::kMember) {
    return FailedPrecondition("WRONG_TABLE", "this hat keeps no list at this tafel");
  }
  return tafel;
}

// Whether the partij takes part in the casus under the regime of the list: who only knows it from
// elsewhere is not told that it is on one.
bool TakesPartUnder(const policy::Policy& policy, policy::Regime regime,
                    const store::v1::Casus& casus, std::string_view partij, CivilDate today) {
  for (const auto* list : {&casus.facts().participants(), &casus.facts().guests()}) {
    for (const policy::v1::Participation& each : *list) {
      const auto tafel = policy.FindTafel(each.tafel());
      const auto from = CivilDate::Parse(each.from());
      if (each.participant().partij() == partij && tafel && policy.RegimeOf(*tafel) == regime &&
          from.ok() && *from <= today && IsNotOver(each, today)) {
        return true;
      }
    }
  }
  return false;
}

absl::Status TellMembers(CommandContext& context, const Uuid& id, const store::v1::Casus& casus,
                         const std::string& tafel, const char* result) {
  Notice notice = NoticeOf(NoticeType::PRIORITY_LIST_CHANGED, id);
  notice.set_tafel(tafel);
  notice.set_result(result);
  std::set<std::string> told;
  for (const std::string& partij : MembersOf(casus, context.moment.today)) {
    if (partij != context.partij &&
        TakesPartUnder(context.policy, context.policy.RegimeOf(*context.policy.FindTafel(tafel)),
                       casus, partij, context.moment.today)) {
      told.insert(partij);
    }
  }
  return NotifyAll(context, told, notice);
}

absl::Status CheckCriteria(const v1::PutCriteriaRequest& request) {
  if (request.tafel().empty()) return Malformed("tafel", "missing");
  return intake::CheckText("text", request.text());
}

absl::StatusOr<v1::PutCriteriaAnswer> PutCriteria(CommandContext& context,
                                                  const v1::PutCriteriaRequest& request) {
  SLUIS_RETURN_IF_ERROR(KeptTafel(context, request.tafel()).status());
  context.record.mutable_change()->set_subject_kind("criteria");
  store::v1::PriorityCriteria criteria;
  criteria.set_text(request.text());
  *criteria.mutable_put_by() = context.self();
  criteria.set_day(context.moment.today.ToString());
  SLUIS_RETURN_IF_ERROR(state::PutCriteria(context.transaction, *context.core.options.vault,
                                           request.tafel(), criteria));
  return v1::PutCriteriaAnswer();
}

absl::Status CheckPut(const v1::PutOnListRequest& request) {
  if (request.tafel().empty()) return Malformed("tafel", "missing");
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  return intake::CheckText("reason", request.reason());
}

absl::StatusOr<v1::PutOnListAnswer> PutOnList(CommandContext& context,
                                              const v1::PutOnListRequest& request) {
  SLUIS_RETURN_IF_ERROR(KeptTafel(context, request.tafel()).status());
  context.record.mutable_change()->set_subject_kind("put");
  vault::Vault& vault = *context.core.options.vault;
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(const auto casus, InvolvedCasus(context, casus_id));
  if (!ListsHat(casus.facts().tafels(), request.tafel()))
    return FailedPrecondition("CASE_NOT_ADMITTED", "the casus is not placed on this tafel");
  SLUIS_ASSIGN_OR_RETURN(const auto criteria,
                         state::ReadCriteria(context.transaction, vault, request.tafel()));
  if (!criteria) return FailedPrecondition("NO_CRITERIA", "the list has no criteria yet");
  SLUIS_ASSIGN_OR_RETURN(const auto earlier, state::ReadPriority(context.transaction, vault,
                                                                 request.tafel(), casus_id));
  store::v1::PriorityEntry entry;
  entry.set_reason(request.reason());
  *entry.mutable_put_by() = context.self();
  entry.set_day(earlier ? earlier->day() : context.moment.today.ToString());
  SLUIS_RETURN_IF_ERROR(
      state::PutPriority(context.transaction, vault, request.tafel(), casus_id, entry));
  SLUIS_RETURN_IF_ERROR(TellMembers(context, casus_id, casus, request.tafel(), "PUT"));
  return v1::PutOnListAnswer();
}

absl::Status CheckTakeOff(const v1::TakeOffListRequest& request) {
  if (request.tafel().empty()) return Malformed("tafel", "missing");
  return intake::CheckId("casus_id", request.casus_id()).status();
}

absl::StatusOr<v1::TakeOffListAnswer> TakeOffList(CommandContext& context,
                                                  const v1::TakeOffListRequest& request) {
  SLUIS_RETURN_IF_ERROR(KeptTafel(context, request.tafel()).status());
  context.record.mutable_change()->set_subject_kind("taken_off");
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(const auto casus,
                         InvolvedCasus(context, casus_id, /*must_be_open=*/false));
  SLUIS_ASSIGN_OR_RETURN(const auto entry,
                         state::ReadPriority(context.transaction, *context.core.options.vault,
                                             request.tafel(), casus_id));
  if (!entry) return NotFound("NOT_ON_LIST", "the casus is not on this list");
  SLUIS_RETURN_IF_ERROR(state::DeletePriority(context.transaction, request.tafel(), casus_id));
  SLUIS_RETURN_IF_ERROR(TellMembers(context, casus_id, casus, request.tafel(), "TAKEN_OFF"));
  return v1::TakeOffListAnswer();
}

void GetList(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    call->done([&]() -> absl::StatusOr<std::string> {
      v1::GetListRequest request;
      SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call->body, request));
      SLUIS_ASSIGN_OR_RETURN(const size_t size, PageSize(request.page_size(), 25, 100));
      SLUIS_ASSIGN_OR_RETURN(const std::string token,
                             OpenPageToken(core, *call, request.page_token()));
      std::optional<Uuid> after;
      if (!token.empty()) {
        SLUIS_ASSIGN_OR_RETURN(after, Uuid::FromBytes(token));
      }
      const ActivePolicy active = core.Active();
      SLUIS_RETURN_IF_ERROR(CheckTafel(*active.policy, "tafel", request.tafel()));
      vault::Vault& vault = *core.options.vault;
      SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
      state::StateReader state(*reader, vault);
      const CivilDate today = facts::LocalDate(core.options.clock->Now());
      v1::GetListResponse response;
      SLUIS_ASSIGN_OR_RETURN(const auto criteria,
                             state::ReadCriteria(*reader, vault, request.tafel()));
      if (criteria) {
        response.set_criteria(criteria->text());
        response.set_criteria_since(criteria->day());
      }
      SLUIS_ASSIGN_OR_RETURN(const auto listed,
                             state::Prioritised(*reader, request.tafel(), after, kMaxLooked));
      bool more = listed.size() == kMaxLooked;
      for (size_t i = 0; i < listed.size(); ++i) {
        after = listed[i];
        SLUIS_ASSIGN_OR_RETURN(const auto casus, UnlessDestroyed(state.Casus(listed[i])));
        if (!casus || casus->facts().status() != policy::v1::CasusFacts::OPEN ||
            !TakesPartUnder(*active.policy,
                            active.policy->RegimeOf(*active.policy->FindTafel(request.tafel())),
                            *casus, call->partij, today)) {
          continue;
        }
        SLUIS_ASSIGN_OR_RETURN(const auto entry,
                               state::ReadPriority(*reader, vault, request.tafel(), listed[i]));
        if (!entry) continue;
        v1::PriorityCasus& out = *response.add_casussen();
        out.set_casus_id(listed[i].ToString());
        out.set_reason(entry->reason());
        out.set_since(entry->day());
        if (static_cast<size_t>(response.casussen_size()) == size) {
          more = more || i + 1 < listed.size();
          break;
        }
      }
      if (more && after) {
        SLUIS_ASSIGN_OR_RETURN(*response.mutable_next_page_token(),
                               MakePageToken(core, *call, after->bytes()));
      }
      return wire::Canonical(response);
    }());
  });
}

}  // namespace

void AddPriorityList(Handlers& handlers) {
  handlers["/sluis.v1.PriorityListService/PutCriteria"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::PutCriteriaRequest, v1::PutCriteriaAnswer>(
        core, call, {EventKind::PRIORITY_LIST_CHANGED, &CheckCriteria, &PutCriteria});
  };
  handlers["/sluis.v1.PriorityListService/PutOnList"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::PutOnListRequest, v1::PutOnListAnswer>(
        core, call, {EventKind::PRIORITY_LIST_CHANGED, &CheckPut, &PutOnList});
  };
  handlers["/sluis.v1.PriorityListService/TakeOffList"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::TakeOffListRequest, v1::TakeOffListAnswer>(
        core, call, {EventKind::PRIORITY_LIST_CHANGED, &CheckTakeOff, &TakeOffList});
  };
  handlers["/sluis.v1.PriorityListService/GetList"] = &GetList;
}

}  // namespace sluis::broker
