#include <algorithm>
#include <set>

#include "core.h"
#include "inbox.h"
#include "notify.h"
#include "persons.h"

#include "sluis/base/bsn.h"
#include "sluis/crypto/crypto.h"
#include "sluis/v1/casus.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::Participation;
using store::v1::Casus;

absl::StatusOr<policy::TafelId> FindTafel(const CommandContext& context, const std::string& name) {
  if (name.empty()) return Malformed("tafel", "missing");
  const auto tafel = context.policy.FindTafel(name);
  if (!tafel) return Malformed("tafel", "not a tafel of the convenant");
  return *tafel;
}

const policy::v1::Tafel& TafelOf(const CommandContext& context, policy::TafelId tafel) {
  return context.policy.convenant().tafels(tafel.index());
}

policy::v1::Regime::Id RegimeOf(const CommandContext& context, policy::TafelId tafel) {
  return TafelOf(context, tafel).regime();
}

// The convenant's rule about placing, admitting and inviting at tafels of a regime.
const policy::v1::AdmissionRule* AdmissionFor(const CommandContext& context,
                                              policy::v1::Regime::Id regime) {
  for (const auto& rule : context.policy.convenant().admission()) {
    if (rule.regime() == regime) return &rule;
  }
  return nullptr;
}

absl::Status CheckMayAdmit(const CommandContext& context, const Casus& casus,
                           policy::TafelId tafel) {
  const auto* rule = AdmissionFor(context, RegimeOf(context, tafel));
  const bool as_opener = rule != nullptr && rule->opener() &&
                         casus.opener().partij() == context.partij &&
                         casus.opener().hat() == context.hat;
  if (rule == nullptr || (!as_opener && !ListsHat(rule->hats(), context.hat))) {
    return NotAuthorised("this hat does not admit at this tafel");
  }
  return absl::OkStatus();
}

std::set<std::string> KnownDomains(const policy::Policy& policy) {
  std::set<std::string> domains;
  for (const auto& rule : policy.convenant().admission()) {
    domains.insert(rule.required_domains().begin(), rule.required_domains().end());
  }
  return domains;
}

template <typename Domains>
absl::Status AddDomains(const CommandContext& context, const Domains& asked, Casus& casus) {
  const std::set<std::string> known = KnownDomains(context.policy);
  for (int i = 0; i < asked.size(); ++i) {
    if (known.count(asked[i]) == 0)
      return Malformed(absl::StrCat("domains[", i, "]"), "not a domain of the convenant");
    if (!ListsHat(casus.domains(), asked[i])) casus.add_domains(asked[i]);
  }
  return absl::OkStatus();
}

// Every partij that sees the casus gets its own id of each of its persons.
absl::Status MakeHandles(CommandContext& context, const Casus& casus, std::string_view partij) {
  for (const auto& person : casus.facts().persons()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid id, Uuid::Parse(person.id()));
    SLUIS_RETURN_IF_ERROR(context.state.MakeHandle(id, partij).status());
  }
  return absl::OkStatus();
}

// Only names of the convenant: others may be anything, and the log keeps for ever what it gets.
void Describe(CommandContext& context, const policy::v1::PartijHat& concerned,
              const std::string& tafel) {
  log::v1::Change& change = *context.record.mutable_change();
  if (context.policy.FindPartij(concerned.partij())) change.set_partij(concerned.partij());
  if (context.policy.FindHat(concerned.hat())) change.set_hat(concerned.hat());
  if (context.policy.FindTafel(tafel)) change.set_tafel(tafel);
}

// ---- OpenCasus ----

absl::Status CheckOpen(const v1::OpenCasusRequest& request) {
  if (request.phase().empty()) return Malformed("phase", "missing");
  SLUIS_RETURN_IF_ERROR(intake::CheckText("municipality", request.municipality(), 200));
  if (request.domains().empty()) return Malformed("domains", "missing");
  return intake::CheckDay("first_processed", request.first_processed()).status();
}

absl::StatusOr<v1::OpenCasusAnswer> Open(CommandContext& context,
                                         const v1::OpenCasusRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const auto tafel, FindTafel(context, request.tafel()));
  const auto hat = context.policy.FindHat(context.hat);
  context.record.mutable_change()->set_tafel(request.tafel());
  if (context.policy.SeatAt(tafel, *hat) != policy::Policy::Seat::kMember) {
    return FailedPrecondition("WRONG_TABLE", "the hat is no member of this tafel");
  }
  if (!context.policy.FindPhase(request.phase()))
    return Malformed("phase", "not a phase of the convenant");
  if (!ListsHat(TafelOf(context, tafel).phases(), request.phase())) {
    return FailedPrecondition("WRONG_PHASE", "the tafel is not used in this phase");
  }
  const auto& partijen = context.policy.convenant().parties();
  if (std::none_of(partijen.begin(), partijen.end(), [&](const auto& partij) {
        return partij.municipality() == request.municipality();
      })) {
    return Malformed("municipality", "not a municipality of the convenant");
  }
  const auto first_processed = CivilDate::Parse(request.first_processed());
  if (context.moment.today < *first_processed) return Malformed("first_processed", "in the future");
  Casus casus;
  SLUIS_RETURN_IF_ERROR(AddDomains(context, request.domains(), casus));
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, crypto::RandomUuid());
  SLUIS_RETURN_IF_ERROR(context.core.options.vault->CreateKey(id));
  auto& facts = *casus.mutable_facts();
  facts.set_id(id.ToString());
  facts.set_status(policy::v1::CasusFacts::OPEN);
  facts.set_phase(request.phase());
  facts.set_municipality(request.municipality());
  facts.set_first_processed(request.first_processed());
  *casus.mutable_opener() = context.self();
  casus.set_opened_at(absl::ToUnixMicros(context.moment.now));
  SLUIS_RETURN_IF_ERROR(context.state.PutCasus(id, casus));
  SLUIS_RETURN_IF_ERROR(context.state.MakeVisible(context.partij, id, casus.opened_at()));
  SetCasus(context, id);
  context.record.mutable_change()->set_phase_to(request.phase());
  v1::OpenCasusAnswer answer;
  answer.set_casus_id(id.ToString());
  return answer;
}

// ---- AddPerson, IdentifyPerson, IntroducePerson ----

absl::Status CheckAdd(const v1::AddPersonRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  if (request.role() == policy::v1::PersonRole::PERSON_ROLE_UNSPECIFIED)
    return Malformed("role", "missing");
  return CheckElements(request.elements(), request.bsn().empty() && !request.urgent());
}

absl::StatusOr<v1::AddPersonAnswer> Add(CommandContext& context,
                                        const v1::AddPersonRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(Casus casus, InvolvedCasus(context, casus_id));
  if (casus.opener().partij() != context.partij &&
      !TakesPart(casus, context.partij, context.moment.today)) {
    return NotAuthorised("only the opener and participants add persons");
  }
  store::v1::Person told = IdentityIn(request.elements());
  told.set_bsn(request.bsn());
  told.set_bsn_verified(request.bsn_verified());
  told.set_wilsonbekwaam(request.wilsonbekwaam());
  told.set_address_protected(request.address_protected());
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, KeepPerson(context, told));
  const std::string id = person.ToString();
  policy::v1::CasusPerson* in_casus = nullptr;
  for (auto& each : *casus.mutable_facts()->mutable_persons()) {
    if (each.id() == id) in_casus = &each;
  }
  if (in_casus == nullptr) in_casus = casus.mutable_facts()->add_persons();
  in_casus->set_id(id);
  in_casus->set_role(request.role());
  SLUIS_RETURN_IF_ERROR(context.state.PutCasus(casus_id, casus));
  std::set<std::string> partijen = {context.partij, casus.opener().partij()};
  for (const auto* list : {&casus.facts().participants(), &casus.facts().guests()}) {
    for (const Participation& participation : *list) {
      if (IsNotOver(participation, context.moment.today))
        partijen.insert(participation.participant().partij());
    }
  }
  for (const std::string& partij : partijen)
    SLUIS_RETURN_IF_ERROR(context.state.MakeHandle(person, partij).status());
  SLUIS_RETURN_IF_ERROR(SetPseudonym(context, person));
  context.record.mutable_change()->set_subject_kind(
      policy::v1::PersonRole::Id_Name(request.role()));
  SLUIS_ASSIGN_OR_RETURN(const Uuid handle, context.state.MakeHandle(person, context.partij));
  v1::AddPersonAnswer answer;
  answer.set_person_id(handle.ToString());
  return answer;
}

absl::Status CheckIdentify(const v1::IdentifyPersonRequest& request) {
  return request.bsn().empty() ? Malformed("bsn", "missing") : absl::OkStatus();
}

absl::StatusOr<v1::IdentifyPersonAnswer> Identify(CommandContext& context,
                                                  const v1::IdentifyPersonRequest& request) {
  SLUIS_RETURN_IF_ERROR(CheckBsn(context, request.bsn()));
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, PersonWithBsn(context, request.bsn()));
  SLUIS_RETURN_IF_ERROR(SetPseudonym(context, person));
  SLUIS_ASSIGN_OR_RETURN(const Uuid handle, context.state.MakeHandle(person, context.partij));
  v1::IdentifyPersonAnswer answer;
  answer.set_person_id(handle.ToString());
  return answer;
}

absl::Status CheckIntroduce(const v1::IntroducePersonRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  SLUIS_RETURN_IF_ERROR(intake::CheckId("person_id", request.person_id()).status());
  return request.partij().empty() ? Malformed("partij", "missing") : absl::OkStatus();
}

absl::StatusOr<v1::IntroducePersonAnswer> Introduce(CommandContext& context,
                                                    const v1::IntroducePersonRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(Casus casus, InvolvedCasus(context, casus_id, /*must_be_open=*/false));
  if (casus.opener().partij() != context.partij &&
      !TakesPart(casus, context.partij, context.moment.today)) {
    return NotAuthorised("only the opener and participants introduce persons");
  }
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, CallersPerson(context, request.person_id()));
  if (!HasPerson(casus, person)) return NotInCasus();
  if (!context.policy.FindPartij(request.partij()))
    return Malformed("partij", "not a partij of the convenant");
  context.record.mutable_change()->set_partij(request.partij());
  const std::string person_id = person.ToString();
  if (std::none_of(casus.introductions().begin(), casus.introductions().end(),
                   [&](const auto& each) {
                     return each.partij() == request.partij() && each.person() == person_id;
                   })) {
    auto* introduction = casus.add_introductions();
    introduction->set_partij(request.partij());
    introduction->set_person(person_id);
    SLUIS_RETURN_IF_ERROR(context.state.PutCasus(casus_id, casus));
  }
  SLUIS_RETURN_IF_ERROR(context.state.MakeHandle(person, request.partij()).status());
  SLUIS_RETURN_IF_ERROR(context.state.MakeVisible(request.partij(), casus_id, casus.opened_at()));
  return v1::IntroducePersonAnswer();
}

// ---- PlaceOnTafel, AddDeelnemer, RemoveDeelnemer ----

absl::Status CheckPlace(const v1::PlaceOnTafelRequest& request) {
  return intake::CheckId("casus_id", request.casus_id()).status();
}

absl::StatusOr<v1::PlaceOnTafelAnswer> Place(CommandContext& context,
                                             const v1::PlaceOnTafelRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(Casus casus, InvolvedCasus(context, casus_id));
  SLUIS_ASSIGN_OR_RETURN(const auto tafel, FindTafel(context, request.tafel()));
  context.record.mutable_change()->set_tafel(request.tafel());
  const auto* rule = AdmissionFor(context, RegimeOf(context, tafel));
  if (rule == nullptr || !rule->placement_required()) {
    return FailedPrecondition("WRONG_TABLE", "this tafel asks no placement");
  }
  SLUIS_RETURN_IF_ERROR(CheckMayAdmit(context, casus, tafel));
  SLUIS_RETURN_IF_ERROR(AddDomains(context, request.domains(), casus));
  for (const std::string& domain : rule->required_domains()) {
    if (!ListsHat(casus.domains(), domain)) {
      return WithMetadata(
          FailedPrecondition("CASE_NOT_ADMITTED",
                             "the casus does not cross every domain that this tafel asks"),
          "domain", domain);
    }
  }
  if (!ListsHat(casus.facts().tafels(), request.tafel()))
    casus.mutable_facts()->add_tafels(request.tafel());
  SLUIS_RETURN_IF_ERROR(context.state.PutCasus(casus_id, casus));
  return v1::PlaceOnTafelAnswer();
}

absl::Status CheckDeelnemer(const policy::v1::PartijHat& deelnemer) {
  if (deelnemer.partij().empty()) return Malformed("deelnemer.partij", "missing");
  if (deelnemer.hat().empty()) return Malformed("deelnemer.hat", "missing");
  return absl::OkStatus();
}

absl::Status CheckAddDeelnemer(const v1::AddDeelnemerRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  SLUIS_RETURN_IF_ERROR(CheckDeelnemer(request.deelnemer()));
  return intake::CheckPeriod("from", request.from(), "until", request.until());
}

absl::StatusOr<v1::AddDeelnemerAnswer> AddDeelnemer(CommandContext& context,
                                                    const v1::AddDeelnemerRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(Casus casus, InvolvedCasus(context, casus_id));
  SLUIS_ASSIGN_OR_RETURN(const auto tafel, FindTafel(context, request.tafel()));
  Describe(context, request.deelnemer(), request.tafel());
  const auto partij = context.policy.FindPartij(request.deelnemer().partij());
  if (!partij) return Malformed("deelnemer.partij", "not a partij of the convenant");
  const auto hat = context.policy.FindHat(request.deelnemer().hat());
  if (!hat || !context.policy.Holds(*partij, *hat))
    return Malformed("deelnemer.hat", "not a hat of this partij");
  SLUIS_RETURN_IF_ERROR(CheckMayAdmit(context, casus, tafel));
  const auto* rule = AdmissionFor(context, RegimeOf(context, tafel));
  if (rule->placement_required() && !ListsHat(casus.facts().tafels(), request.tafel())) {
    return FailedPrecondition("CASE_NOT_ADMITTED", "the casus is not placed on this tafel");
  }
  const auto seat = context.policy.SeatAt(tafel, *hat);
  if (seat == policy::Policy::Seat::kNone)
    return FailedPrecondition("WRONG_TABLE", "the hat has no seat at this tafel");
  auto* participation = seat == policy::Policy::Seat::kGuest
                            ? casus.mutable_facts()->add_guests()
                            : casus.mutable_facts()->add_participants();
  *participation->mutable_participant() = request.deelnemer();
  participation->set_from(request.from());
  participation->set_until(request.until());
  participation->set_tafel(request.tafel());
  SLUIS_RETURN_IF_ERROR(context.state.PutCasus(casus_id, casus));
  SLUIS_RETURN_IF_ERROR(
      context.state.MakeVisible(request.deelnemer().partij(), casus_id, casus.opened_at()));
  SLUIS_RETURN_IF_ERROR(MakeHandles(context, casus, request.deelnemer().partij()));
  return v1::AddDeelnemerAnswer();
}

absl::Status CheckRemove(const v1::RemoveDeelnemerRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  return CheckDeelnemer(request.deelnemer());
}

absl::StatusOr<v1::RemoveDeelnemerAnswer> Remove(CommandContext& context,
                                                 const v1::RemoveDeelnemerRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(Casus casus, InvolvedCasus(context, casus_id, /*must_be_open=*/false));
  Describe(context, request.deelnemer(), request.tafel());
  std::optional<policy::TafelId> only_at;
  if (!request.tafel().empty()) {
    SLUIS_ASSIGN_OR_RETURN(only_at, FindTafel(context, request.tafel()));
  }
  const bool own = request.deelnemer().partij() == context.partij;
  bool found = false;
  absl::Status refused;
  // Removes what matches and what the caller may end; remembers why something may not be ended.
  const auto remove_from = [&](auto* list, bool guests) {
    for (int i = list->size() - 1; i >= 0; --i) {
      const Participation& participation = list->Get(i);
      if (participation.participant().partij() != request.deelnemer().partij() ||
          participation.participant().hat() != request.deelnemer().hat()) {
        continue;
      }
      const auto at = context.policy.FindTafel(participation.tafel());
      if (only_at && (!at || (guests ? *at != *only_at
                                     : RegimeOf(context, *at) != RegimeOf(context, *only_at))))
        continue;
      found = true;
      if (!own && at) {
        if (absl::Status may = CheckMayAdmit(context, casus, *at); !may.ok()) {
          refused = may;
          continue;
        }
      }
      list->DeleteSubrange(i, 1);
    }
  };
  Notice notice = NoticeOf(NoticeType::DEELNEMER_REMOVED, casus_id);
  notice.set_hat(request.deelnemer().hat());
  notice.set_tafel(request.tafel());
  remove_from(casus.mutable_facts()->mutable_participants(), false);
  remove_from(casus.mutable_facts()->mutable_guests(), true);
  if (!refused.ok()) return refused;
  if (!found) return FailedPrecondition("NOT_PARTICIPANT", "no such participation");
  SLUIS_RETURN_IF_ERROR(context.state.PutCasus(casus_id, casus));
  // Nobody else: who takes part is a field, asked like any other.
  SLUIS_RETURN_IF_ERROR(Notify(context, request.deelnemer().partij(), std::move(notice)));
  return v1::RemoveDeelnemerAnswer();
}

// ---- ScaleCasus, AcceptScaling, CloseCasus ----

// Tells the members of another phase, or of a proposed one (`accepting` holds hats then). In which
// phase a casus is, is a field; only who can accept a phase is told which one it is.
absl::Status NotifyPhase(CommandContext& context, const Uuid& casus_id, const Casus& casus,
                         const google::protobuf::RepeatedPtrField<std::string>& accepting) {
  Notice notice = NoticeOf(
      accepting.empty() ? NoticeType::PHASE_CHANGED : NoticeType::SCALING_PROPOSED, casus_id);
  for (const std::string& name : MembersOf(casus, context.moment.today)) {
    notice.clear_phase();
    const auto partij = context.policy.FindPartij(name);
    if (partij) {
      for (const std::string& hat : accepting) {
        const auto id = context.policy.FindHat(hat);
        if (id && context.policy.Holds(*partij, *id)) notice.set_phase(casus.proposed_phase());
      }
    }
    SLUIS_RETURN_IF_ERROR(Notify(context, name, notice));
  }
  return absl::OkStatus();
}

const policy::v1::ScalingStep* StepFor(const CommandContext& context, const std::string& from,
                                       const std::string& to) {
  for (const auto& step : context.policy.convenant().scaling()) {
    if (step.to() == to && ListsHat(step.from(), from)) return &step;
  }
  return nullptr;
}

absl::Status CheckScale(const v1::ScaleCasusRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  if (request.phase().empty()) return Malformed("phase", "missing");
  return intake::CheckText("reason", request.reason());
}

absl::StatusOr<v1::ScaleCasusAnswer> Scale(CommandContext& context,
                                           const v1::ScaleCasusRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(Casus casus, InvolvedCasus(context, casus_id));
  if (!context.policy.FindPhase(request.phase()))
    return Malformed("phase", "not a phase of the convenant");
  context.record.mutable_change()->set_phase_from(casus.facts().phase());
  context.record.mutable_change()->set_phase_to(request.phase());
  const auto* step = StepFor(context, casus.facts().phase(), request.phase());
  if (step == nullptr) return FailedPrecondition("WRONG_PHASE", "the convenant has no such step");
  if (!ListsHat(step->hats(), context.hat))
    return NotAuthorised("this hat does not decide this step");
  casus.add_reasons(request.reason());
  v1::ScaleCasusAnswer answer;
  if (step->accepting_hats().empty()) {
    casus.mutable_facts()->set_phase(request.phase());
    casus.clear_proposed_phase();
  } else {
    casus.set_proposed_phase(request.phase());
    answer.set_proposed_phase(request.phase());
  }
  answer.set_phase(casus.facts().phase());
  SLUIS_RETURN_IF_ERROR(context.state.PutCasus(casus_id, casus));
  SLUIS_RETURN_IF_ERROR(NotifyPhase(context, casus_id, casus, step->accepting_hats()));
  return answer;
}

absl::Status CheckAccept(const v1::AcceptScalingRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  return request.phase().empty() ? Malformed("phase", "missing") : absl::OkStatus();
}

absl::StatusOr<v1::AcceptScalingAnswer> Accept(CommandContext& context,
                                               const v1::AcceptScalingRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(Casus casus, InvolvedCasus(context, casus_id));
  context.record.mutable_change()->set_phase_from(casus.facts().phase());
  if (context.policy.FindPhase(request.phase()))
    context.record.mutable_change()->set_phase_to(request.phase());
  const auto* step = StepFor(context, casus.facts().phase(), request.phase());
  if (casus.proposed_phase() != request.phase() || step == nullptr) {
    return FailedPrecondition("WRONG_PHASE", "this phase is not proposed");
  }
  if (!ListsHat(step->accepting_hats(), context.hat))
    return NotAuthorised("this hat does not accept this step");
  casus.mutable_facts()->set_phase(request.phase());
  casus.clear_proposed_phase();
  SLUIS_RETURN_IF_ERROR(context.state.PutCasus(casus_id, casus));
  SLUIS_RETURN_IF_ERROR(NotifyPhase(context, casus_id, casus, {}));
  v1::AcceptScalingAnswer answer;
  answer.set_phase(request.phase());
  return answer;
}

absl::Status CheckClose(const v1::CloseCasusRequest& request) {
  SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  return intake::CheckText("reason", request.reason());
}

absl::StatusOr<v1::CloseCasusAnswer> Close(CommandContext& context,
                                           const v1::CloseCasusRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(Casus casus, InvolvedCasus(context, casus_id));
  // The rule of the regime of a tafel on which the casus is placed; else the one without regime.
  const policy::v1::ClosingRule* rule = nullptr;
  for (const auto& candidate : context.policy.convenant().closing()) {
    const bool placed = std::any_of(
        casus.facts().tafels().begin(), casus.facts().tafels().end(), [&](const std::string& name) {
          const auto tafel = context.policy.FindTafel(name);
          return tafel && RegimeOf(context, *tafel) == candidate.regime();
        });
    if (placed || (rule == nullptr && candidate.regime() == policy::v1::Regime::REGIME_UNSPECIFIED))
      rule = &candidate;
    if (placed) break;
  }
  const bool as_opener = rule != nullptr && casus.opener().partij() == context.partij &&
                         casus.opener().hat() == context.hat &&
                         ListsHat(rule->opener_in_phases(), casus.facts().phase());
  if (rule == nullptr || (!as_opener && !ListsHat(rule->hats(), context.hat))) {
    return NotAuthorised("this hat does not close this casus");
  }
  casus.mutable_facts()->set_status(policy::v1::CasusFacts::CLOSED);
  casus.set_closed_on(context.moment.today.ToString());
  casus.add_reasons(request.reason());
  SLUIS_RETURN_IF_ERROR(context.state.PutCasus(casus_id, casus));
  SLUIS_RETURN_IF_ERROR(EndItems(context, casus_id, casus));
  // Everybody who can see its status: those to whom a person was introduced too.
  std::set<std::string> told = MembersOf(casus, context.moment.today);
  for (const auto& introduction : casus.introductions()) told.insert(introduction.partij());
  SLUIS_RETURN_IF_ERROR(NotifyAll(context, told, NoticeOf(NoticeType::CASUS_CLOSED, casus_id)));
  return v1::CloseCasusAnswer();
}

// ---- GetCasus, ListCasussen ----

absl::StatusOr<std::optional<v1::CasusView>> ViewOf(state::StateReader& state, const Uuid& casus_id,
                                                    const std::string& partij, CivilDate today) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored, UnlessDestroyed(state.Casus(casus_id)));
  if (!stored || !IsInvolved(*stored, partij)) return std::nullopt;
  const Casus& casus = *stored;
  v1::CasusView view;
  view.set_casus_id(casus_id.ToString());
  view.set_status(casus.facts().status());
  view.set_opened_by_caller(casus.opener().partij() == partij);
  bool takes_part = view.opened_by_caller();
  for (const auto* list : {&casus.facts().participants(), &casus.facts().guests()}) {
    for (const Participation& participation : *list) {
      if (participation.participant().partij() != partij) continue;
      *view.add_own_participations() = participation;
      // Who was added after one left is no longer one's business, known or not.
      takes_part = takes_part || IsNotOver(participation, today);
    }
  }
  for (const auto& person : casus.facts().persons()) {
    const bool introduced = std::any_of(
        casus.introductions().begin(), casus.introductions().end(),
        [&](const auto& each) { return each.partij() == partij && each.person() == person.id(); });
    if (!takes_part && !introduced) continue;
    SLUIS_ASSIGN_OR_RETURN(const Uuid id, Uuid::Parse(person.id()));
    SLUIS_ASSIGN_OR_RETURN(const auto handle, state.HandleOf(id, partij));
    if (handle) view.add_person_ids(handle->ToString());
  }
  return view;
}

CivilDate Today(const Core& core) { return facts::LocalDate(core.options.clock->Now()); }

void GetCasus(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    call->done([&]() -> absl::StatusOr<std::string> {
      v1::GetCasusRequest request;
      SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call->body, request));
      SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, intake::CheckId("casus_id", request.casus_id()));
      SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
      state::StateReader state(*reader, *core.options.vault);
      SLUIS_ASSIGN_OR_RETURN(auto view, ViewOf(state, casus_id, call->partij, Today(core)));
      if (!view) return NotFound("NOT_IN_CASUS", "no such casus for the caller");
      v1::GetCasusResponse response;
      *response.mutable_casus() = *std::move(view);
      return wire::Canonical(response);
    }());
  });
}

void ListCasussen(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    call->done([&]() -> absl::StatusOr<std::string> {
      v1::ListCasussenRequest request;
      SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call->body, request));
      SLUIS_ASSIGN_OR_RETURN(const size_t size, PageSize(request.page_size(), 25, 100));
      SLUIS_ASSIGN_OR_RETURN(const std::string after,
                             OpenPageToken(core, *call, request.page_token()));
      SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
      state::StateReader state(*reader, *core.options.vault);
      SLUIS_ASSIGN_OR_RETURN(auto visible, state.Visible(call->partij, after, size + 1));
      v1::ListCasussenResponse response;
      if (visible.size() > size) {
        visible.pop_back();
        SLUIS_ASSIGN_OR_RETURN(*response.mutable_next_page_token(),
                               MakePageToken(core, *call, visible.back().first));
      }
      for (const auto& [order, casus_id] : visible) {
        SLUIS_ASSIGN_OR_RETURN(auto view, ViewOf(state, casus_id, call->partij, Today(core)));
        if (view) *response.add_casussen() = *std::move(view);
      }
      return wire::Canonical(response);
    }());
  });
}

}  // namespace

void AddCasus(Handlers& handlers) {
  handlers["/sluis.v1.CasusService/OpenCasus"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::OpenCasusRequest, v1::OpenCasusAnswer>(
        core, call, {EventKind::CASUS_OPENED, &CheckOpen, &Open});
  };
  handlers["/sluis.v1.CasusService/AddPerson"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::AddPersonRequest, v1::AddPersonAnswer>(
        core, call, {EventKind::PERSON_ADDED, &CheckAdd, &Add});
  };
  handlers["/sluis.v1.CasusService/IdentifyPerson"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::IdentifyPersonRequest, v1::IdentifyPersonAnswer>(
        core, call, {EventKind::PERSON_IDENTIFIED, &CheckIdentify, &Identify});
  };
  handlers["/sluis.v1.CasusService/IntroducePerson"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::IntroducePersonRequest, v1::IntroducePersonAnswer>(
        core, call, {EventKind::PERSON_INTRODUCED, &CheckIntroduce, &Introduce});
  };
  handlers["/sluis.v1.CasusService/PlaceOnTafel"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::PlaceOnTafelRequest, v1::PlaceOnTafelAnswer>(
        core, call, {EventKind::CASUS_PLACED, &CheckPlace, &Place});
  };
  handlers["/sluis.v1.CasusService/AddDeelnemer"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::AddDeelnemerRequest, v1::AddDeelnemerAnswer>(
        core, call, {EventKind::DEELNEMER_ADDED, &CheckAddDeelnemer, &AddDeelnemer});
  };
  handlers["/sluis.v1.CasusService/RemoveDeelnemer"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::RemoveDeelnemerRequest, v1::RemoveDeelnemerAnswer>(
        core, call, {EventKind::DEELNEMER_REMOVED, &CheckRemove, &Remove});
  };
  handlers["/sluis.v1.CasusService/ScaleCasus"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::ScaleCasusRequest, v1::ScaleCasusAnswer>(
        core, call, {EventKind::CASUS_SCALED, &CheckScale, &Scale});
  };
  handlers["/sluis.v1.CasusService/AcceptScaling"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::AcceptScalingRequest, v1::AcceptScalingAnswer>(
        core, call, {EventKind::SCALING_ACCEPTED, &CheckAccept, &Accept});
  };
  handlers["/sluis.v1.CasusService/CloseCasus"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::CloseCasusRequest, v1::CloseCasusAnswer>(
        core, call, {EventKind::CASUS_CLOSED, &CheckClose, &Close});
  };
  handlers["/sluis.v1.CasusService/GetCasus"] = &GetCasus;
  handlers["/sluis.v1.CasusService/ListCasussen"] = &ListCasussen;
}

}  // namespace sluis::broker
