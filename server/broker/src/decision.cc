#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core.h"
#include "fact.h"
#include "inbox.h"
#include "notify.h"

#include "sluis/base/bytes.h"
#include "sluis/crypto/crypto.h"
#include "sluis/state/inbox.h"
#include "sluis/v1/decision.pb.h"

// DecisionService: what a professional of the source has to decide, and the decision.
namespace sluis::broker {
namespace {

using policy::v1::ProfessionalDecision;
using store::v1::DecisionItem;
using store::v1::DecisionItemField;
using v1::DecisionState;

// An item can be decided this long, and is kept this long after it was asked or decided. [aanname]
constexpr int kDaysOpen = 30;
constexpr int kDaysKept = 60;
constexpr int kMostConditions = 10;
// Rows looked at for one page of the list.
constexpr size_t kMostRows = 1000;

// The kind of decision that a missing condition asks for.
std::optional<ProfessionalDecision::Kind> KindFor(policy::v1::Condition::Id condition) {
  switch (condition) {
    case policy::v1::Condition::BESLUIT_GOED_HULPVERLENERSCHAP:
      return ProfessionalDecision::GHV;
    case policy::v1::Condition::BESLUIT_CONFLICT_VAN_PLICHTEN:
      return ProfessionalDecision::CVP;
    case policy::v1::Condition::BESLUIT_WAMS_WEGING:
      return ProfessionalDecision::WAMS;
    case policy::v1::Condition::BESLUIT_MELDRECHT:
      return ProfessionalDecision::MELDRECHT;
    case policy::v1::Condition::BESLUIT_ACUUT_GEVAAR:
      return ProfessionalDecision::ACUUT;
    case policy::v1::Condition::BESLUIT_SELECTIE_BRON:
      return ProfessionalDecision::SELECTIE;
    case policy::v1::Condition::BESLUIT_WJSG:
      return ProfessionalDecision::WJSG;
    case policy::v1::Condition::INSTEMMING_BRON:
      return ProfessionalDecision::INSTEMMING;
    case policy::v1::Condition::VIER_OGEN:
      return ProfessionalDecision::VIER_OGEN;
    default:
      return std::nullopt;
  }
}

template <typename Conditions>
std::vector<ProfessionalDecision::Kind> KindsFor(const Conditions& missing) {
  std::vector<ProfessionalDecision::Kind> kinds;
  for (const int condition : missing) {
    if (const auto kind = KindFor(static_cast<policy::v1::Condition::Id>(condition)))
      kinds.push_back(*kind);
  }
  return kinds;
}

bool WaitsFor(const DecisionItemField& field, ProfessionalDecision::Kind kind) {
  const auto kinds = KindsFor(field.missing());
  return field.state() == DecisionItemField::OPEN &&
         std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// Ids in order of time, so that the inbox is: a UUID of version 7.
absl::StatusOr<Uuid> NewItemId(absl::Time now) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid random, crypto::RandomUuid());
  std::string time;
  AppendU64(time, static_cast<uint64_t>(std::max<int64_t>(absl::ToUnixMillis(now), 0)));
  std::string bytes = time.substr(2);
  bytes.append(random.bytes().substr(bytes.size()));
  bytes[6] = static_cast<char>(0x70 | (static_cast<unsigned char>(bytes[6]) & 0x0f));
  return Uuid::FromBytes(bytes);
}

// Who asks whom what of whom, where and for what: asking that again is the same question.
audit::Digest QuestionOf(const DecisionItem& item, const std::string& field) {
  std::string text;
  for (const std::string* part :
       {&item.source().hat(), &item.recipient().partij(), &item.recipient().hat(), &item.casus_id(),
        &item.person(), &item.tafel(), &item.stage(), &item.purpose(), &field}) {
    AppendU32(text, static_cast<uint32_t>(part->size()));
    text.append(*part);
  }
  return audit::Sha256({"sluis question\n", text});
}

bool IsOver(const DecisionItem& item, CivilDate today) {
  const auto expires_on = CivilDate::Parse(item.expires_on());
  return !expires_on.ok() || *expires_on < today;
}

bool IsOpen(const DecisionItem& item) {
  return std::any_of(item.fields().begin(), item.fields().end(),
                     [](const auto& field) { return field.state() == DecisionItemField::OPEN; });
}

DecisionState::Id StateOf(const DecisionItem& item, const DecisionItemField& field,
                          CivilDate today) {
  switch (field.state()) {
    case DecisionItemField::GIVEN:
      return DecisionState::GIVEN;
    case DecisionItemField::REFUSED:
      return DecisionState::REFUSED;
    case DecisionItemField::ENDED:
      return DecisionState::ENDED;
    default:
      return IsOver(item, today) ? DecisionState::EXPIRED : DecisionState::OPEN;
  }
}

// What became of the whole: what is open, then what was given, tells most.
DecisionState::Id StateOf(const DecisionItem& item, CivilDate today) {
  std::set<DecisionState::Id> states;
  for (const auto& field : item.fields()) states.insert(StateOf(item, field, today));
  for (const auto state : {DecisionState::OPEN, DecisionState::EXPIRED, DecisionState::ENDED,
                           DecisionState::GIVEN, DecisionState::REFUSED}) {
    if (states.count(state) != 0) return state;
  }
  return DecisionState::DECISION_STATE_UNSPECIFIED;
}

enum class Show { kWithoutMotivations, kAll };

absl::StatusOr<v1::DecisionRequest> ViewOf(state::StateReader& state,
                                           const state::InboxItem& stored, CivilDate today,
                                           Show show) {
  const DecisionItem& item = stored.item;
  v1::DecisionRequest view;
  view.set_decision_request_id(stored.id.ToString());
  view.set_casus_id(item.casus_id());
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(item.person()));
  SLUIS_ASSIGN_OR_RETURN(const auto handle, state.HandleOf(person, item.source().partij()));
  if (handle) view.set_person_id(handle->ToString());
  view.set_hat(item.source().hat());
  *view.mutable_recipient() = item.recipient();
  view.set_recipient_professional(item.professional());
  view.set_tafel(item.tafel());
  view.set_stage(item.stage());
  view.set_purpose(item.purpose());
  for (const DecisionItemField& field : item.fields()) {
    v1::DecisionField& out = *view.add_fields();
    out.set_field(field.field());
    if (show == Show::kAll) out.set_motivation(field.motivation());
    for (const auto kind : KindsFor(field.missing())) out.add_kinds(kind);
    *out.mutable_missing() = field.missing();
    out.set_state(StateOf(item, field, today));
    out.set_fact_id(field.fact_id());
    out.set_professional(field.professional());
  }
  view.set_asked_at(absl::FormatTime(absl::RFC3339_full, absl::FromUnixMicros(item.asked_at()),
                                     absl::UTCTimeZone()));
  view.set_expires_on(item.expires_on());
  view.set_state(StateOf(item, today));
  return view;
}

absl::Status Unknown() {
  return NotFound("DECISION_REQUEST_UNKNOWN", "no such request for a decision of the caller");
}

// Whether the partij still has to do with the casus of the item.
absl::StatusOr<bool> MaySee(state::StateReader& state, const DecisionItem& item,
                            std::string_view partij) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus_id, Uuid::Parse(item.casus_id()));
  SLUIS_ASSIGN_OR_RETURN(const auto casus, UnlessDestroyed(state.Casus(casus_id)));
  return casus && IsInvolved(*casus, partij);
}

absl::StatusOr<DecisionItem> FindItem(store::Reader& reader, state::StateReader& state,
                                      vault::Vault& vault, std::string_view partij,
                                      const Uuid& id) {
  SLUIS_ASSIGN_OR_RETURN(auto item, state::ReadItem(reader, vault, partij, id));
  if (!item) return Unknown();
  SLUIS_ASSIGN_OR_RETURN(const bool may_see, MaySee(state, *item, partij));
  if (!may_see) return Unknown();
  return *std::move(item);
}

CivilDate Today(const Core& core) { return facts::LocalDate(core.options.clock->Now()); }

// ---- ListDecisionRequests, GetDecisionRequest ----

absl::StatusOr<v1::ListDecisionRequestsResponse> List(Core& core, const CallState& call) {
  v1::ListDecisionRequestsRequest request;
  SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call.body, request));
  SLUIS_ASSIGN_OR_RETURN(const size_t size, PageSize(request.page_size(), 25, 100));
  SLUIS_ASSIGN_OR_RETURN(const std::string position,
                         OpenPageToken(core, call, request.page_token()));
  Uuid after;
  if (!position.empty()) {
    SLUIS_ASSIGN_OR_RETURN(after, Uuid::FromBytes(position));
  }
  SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
  vault::Vault& vault = *core.options.vault;
  state::StateReader state(*reader, vault);
  const CivilDate today = Today(core);
  v1::ListDecisionRequestsResponse response;
  for (size_t looked_at = 0; looked_at < kMostRows; looked_at += size) {
    Uuid last;
    SLUIS_ASSIGN_OR_RETURN(const auto items,
                           state::ReadItems(*reader, vault, call.partij, after, size, last));
    if (last.is_nil()) return response;
    for (const state::InboxItem& stored : items) {
      after = stored.id;
      const bool wanted =
          (request.hat().empty() || request.hat() == stored.item.source().hat()) &&
          (request.include_closed() || StateOf(stored.item, today) == DecisionState::OPEN);
      if (!wanted) continue;
      SLUIS_ASSIGN_OR_RETURN(const bool may_see, MaySee(state, stored.item, call.partij));
      if (!may_see) continue;
      SLUIS_ASSIGN_OR_RETURN(*response.add_requests(),
                             ViewOf(state, stored, today, Show::kWithoutMotivations));
      if (static_cast<size_t>(response.requests_size()) == size) break;
    }
    if (static_cast<size_t>(response.requests_size()) == size) break;
    after = last;
  }
  // Whether there is one more is not looked at: the last page may be empty.
  SLUIS_ASSIGN_OR_RETURN(*response.mutable_next_page_token(),
                         MakePageToken(core, call, after.bytes()));
  return response;
}

void ListDecisionRequests(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    auto response = List(core, *call);
    if (!response.ok()) return call->done(response.status());
    call->done(wire::Canonical(*response));
  });
}

absl::StatusOr<v1::GetDecisionRequestResponse> Get(Core& core, const CallState& call) {
  v1::GetDecisionRequestRequest request;
  SLUIS_RETURN_IF_ERROR(wire::ParseStrict(call.body, request));
  SLUIS_ASSIGN_OR_RETURN(const Uuid id,
                         intake::CheckId("decision_request_id", request.decision_request_id()));
  SLUIS_RETURN_IF_ERROR(intake::CheckProfessional("professional", request.professional()));
  SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
  vault::Vault& vault = *core.options.vault;
  state::StateReader state(*reader, vault);
  // Motivations are read by who has to decide about them.
  const ActivePolicy active = core.Active();
  const auto partij = active.policy->FindPartij(call.partij);
  const auto hat = active.policy->FindHat(request.acting_hat());
  if (request.acting_hat().empty()) return Malformed("acting_hat", "missing");
  if (!hat) return Malformed("acting_hat", "not a hat of the convenant");
  const CivilDate today = Today(core);
  const auto standing =
      partij ? active.policy->StandingOf(*partij, today) : policy::Policy::Standing();
  if (!standing.convenant_in_force || !standing.acceded) {
    return FailedPrecondition("CONVENANT_NOT_VALID",
                              "the convenant is not valid for this partij or date");
  }
  if (!active.policy->Holds(*partij, *hat))
    return NotAuthorised("the caller does not hold this hat");
  SLUIS_ASSIGN_OR_RETURN(const auto professional,
                         state.Professional(call.partij, request.professional()));
  if (!professional || !professional->active() ||
      !ListsHat(professional->hats(), request.acting_hat())) {
    return NotAuthorised("the professional is not on record in this hat");
  }
  SLUIS_ASSIGN_OR_RETURN(DecisionItem item, FindItem(*reader, state, vault, call.partij, id));
  if (item.source().hat() != request.acting_hat())
    return NotAuthorised("another hat of the caller is asked");
  v1::GetDecisionRequestResponse response;
  SLUIS_ASSIGN_OR_RETURN(*response.mutable_request(),
                         ViewOf(state, {id, std::move(item)}, today, Show::kAll));
  return response;
}

void GetDecisionRequest(Core& core, const CallPtr& call) {
  core.Post([&core, call] {
    auto response = Get(core, *call);
    if (!response.ok()) return call->done(response.status());
    call->done(wire::Canonical(*response));
  });
}

// ---- Decide ----

absl::Status CheckDecide(const v1::DecideRequest& request) {
  SLUIS_RETURN_IF_ERROR(
      intake::CheckId("decision_request_id", request.decision_request_id()).status());
  const ProfessionalDecision& decision = request.decision();
  if (decision.kind() == ProfessionalDecision::KIND_UNSPECIFIED)
    return Malformed("decision.kind", "missing");
  if (decision.result() != ProfessionalDecision::GIVEN &&
      decision.result() != ProfessionalDecision::REFUSED) {
    return Malformed("decision.result", "missing");
  }
  const bool given = decision.result() == ProfessionalDecision::GIVEN;
  for (const auto& [path, empty] : std::initializer_list<std::pair<std::string_view, bool>>{
           {"decision.casus", decision.casus().empty()},
           {"decision.person", decision.person().empty()},
           {"decision.source", !decision.has_source()},
           {"decision.recipient_hats", decision.recipient_hats().empty()},
           {"decision.recipient_parties", decision.recipient_parties().empty()}}) {
    if (!empty) return Malformed(path, "follows from the request that is decided");
  }
  if (given && decision.fields().empty()) return Malformed("decision.fields", "missing");
  if (given && decision.until().empty() && decision.kind() != ProfessionalDecision::ACUUT)
    return Malformed("decision.until", "missing: what is provided has an end");
  if (!given && request.leave_rest_open())
    return Malformed("leave_rest_open", "a refusal names its fields");
  if (!given && !request.conditions().empty()) return Malformed("conditions", "a refusal has none");
  if (request.conditions_size() > kMostConditions) return Malformed("conditions", "more than 10");
  for (int i = 0; i < request.conditions_size(); ++i) {
    const auto& condition = request.conditions(i);
    if (!condition.person().empty() || !condition.field().empty() || condition.has_origin()) {
      return Malformed(absl::StrCat("conditions[", i, "]"),
                       "person, field and origin follow from the decision");
    }
  }
  return intake::CheckText("reference", request.reference(), 200);
}

// An error about a fact, as one about the element of our request that it was made from.
absl::Status About(absl::Status status, std::string_view fact, std::string_view element) {
  const auto metadata = MetadataOf(status);
  const auto field = metadata.find(std::string(kFieldKey));
  if (field == metadata.end()) return status;
  const std::string prefix = absl::StrCat("fact.", ToAbsl(fact));
  if (field->second.substr(0, prefix.size()) != prefix) return status;
  const std::string path = absl::StrCat(ToAbsl(element), field->second.substr(prefix.size()));
  return WithMetadata(std::move(status), kFieldKey, path);
}

// What the asker of an item is told of these fields.
absl::StatusOr<Notice> NoticeFor(CommandContext& context, NoticeType::Id type, const Uuid& id,
                                 const DecisionItem& item, const Uuid& person,
                                 const std::set<std::string>& fields) {
  Notice notice;
  notice.set_type(type);
  notice.set_casus_id(item.casus_id());
  notice.set_subject_id(id.ToString());
  SLUIS_ASSIGN_OR_RETURN(const auto handle,
                         context.state.HandleOf(person, item.recipient().partij()));
  if (handle) notice.set_person_id(handle->ToString());
  notice.set_hat(item.recipient().hat());
  *notice.mutable_other() = item.source();
  for (const std::string& field : fields) notice.add_fields(field);
  return notice;
}

absl::Status KeepItem(CommandContext& context, const std::string& partij,
                      const state::InboxItem& item) {
  return state::PutItem(context.transaction, *context.core.options.vault, partij, item,
                        context.moment.today.AddDays(kDaysKept));
}

class Decider {
 public:
  Decider(CommandContext& context, const v1::DecideRequest& request, const Uuid& id,
          DecisionItem& item)
      : context_(context), request_(request), id_(id), item_(item) {}

  absl::StatusOr<v1::DecideAnswer> Run() {
    SLUIS_RETURN_IF_ERROR(Choose());
    SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(item_.person()));
    SLUIS_ASSIGN_OR_RETURN(const auto handle, context_.state.HandleOf(person, context_.partij));
    if (!handle) return NotInCasus();
    person_id_ = handle->ToString();
    SLUIS_RETURN_IF_ERROR(Record(given_, ProfessionalDecision::GIVEN, DecisionItemField::GIVEN,
                                 *answer_.mutable_given_fact_id()));
    SLUIS_RETURN_IF_ERROR(Record(refused_, ProfessionalDecision::REFUSED,
                                 DecisionItemField::REFUSED, *answer_.mutable_refused_fact_id()));
    SLUIS_RETURN_IF_ERROR(RecordConditions());
    for (const DecisionItemField& field : item_.fields()) {
      if (field.state() == DecisionItemField::OPEN) answer_.add_open_fields(field.field());
    }
    SLUIS_RETURN_IF_ERROR(KeepItem(context_, context_.partij, {id_, item_}));
    Describe();
    SLUIS_RETURN_IF_ERROR(Tell(person));
    return std::move(answer_);
  }

 private:
  // Which fields are provided and which refused.
  absl::Status Choose() {
    const ProfessionalDecision& decision = request_.decision();
    std::set<std::string> waiting;
    for (const DecisionItemField& field : item_.fields()) {
      if (WaitsFor(field, decision.kind())) waiting.insert(field.field());
    }
    if (waiting.empty())
      return Malformed("decision.kind", "no field of this request waits for this kind");
    std::set<std::string> named;
    for (int i = 0; i < decision.fields_size(); ++i) {
      const std::string path = absl::StrCat("decision.fields[", i, "]");
      if (waiting.count(decision.fields(i)) == 0)
        return Malformed(path, "does not wait for this kind of decision in this request");
      if (!named.insert(decision.fields(i)).second) return Malformed(path, "named twice");
    }
    if (decision.result() == ProfessionalDecision::REFUSED) {
      refused_ = named.empty() ? waiting : named;
      return absl::OkStatus();
    }
    given_ = named;
    if (request_.leave_rest_open()) return absl::OkStatus();
    std::set_difference(waiting.begin(), waiting.end(), named.begin(), named.end(),
                        std::inserter(refused_, refused_.end()));
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> RecordOne(policy::v1::Fact fact, const std::string& element) {
    v1::RecordFactRequest record;
    record.set_casus_id(item_.casus_id());
    const bool condition = fact.has_source_condition();
    *record.mutable_fact() = std::move(fact);
    record.set_reference(request_.reference());
    auto answer = RecordFact(context_, record, DecidedItem{id_, item_.recipient()});
    if (!answer.ok())
      return About(answer.status(), condition ? "source_condition" : "decision", element);
    return answer->fact_id();
  }

  // Part of the decision, as the fact that policy reads.
  absl::Status Record(const std::set<std::string>& fields, ProfessionalDecision::Result result,
                      DecisionItemField::State state, std::string& fact_id) {
    if (fields.empty()) return absl::OkStatus();
    policy::v1::Fact fact;
    ProfessionalDecision& decision = *fact.mutable_decision();
    decision = request_.decision();
    decision.set_result(result);
    decision.set_person(person_id_);
    decision.add_recipient_hats(item_.recipient().hat());
    decision.add_recipient_parties(item_.recipient().partij());
    if (decision.date().empty()) decision.set_date(context_.moment.today.ToString());
    // What is left out is refused until there is a new record.
    if (result != request_.decision().result()) decision.clear_until();
    decision.clear_fields();
    for (const std::string& field : fields) decision.add_fields(field);
    if (decision.professional().empty()) decision.set_professional(context_.professional);
    const std::string professional = decision.professional();
    SLUIS_ASSIGN_OR_RETURN(fact_id, RecordOne(std::move(fact), "decision"));
    for (DecisionItemField& field : *item_.mutable_fields()) {
      if (fields.count(field.field()) == 0) continue;
      field.set_state(state);
      field.set_fact_id(fact_id);
      field.set_professional(professional);
      SLUIS_RETURN_IF_ERROR(
          state::DeleteQuestion(context_.transaction, context_.partij, field.question()));
    }
    return absl::OkStatus();
  }

  absl::Status RecordConditions() {
    for (int i = 0; i < request_.conditions_size(); ++i) {
      for (const std::string& field : given_) {
        policy::v1::Fact fact;
        *fact.mutable_source_condition() = request_.conditions(i);
        fact.mutable_source_condition()->set_person(person_id_);
        fact.mutable_source_condition()->set_field(field);
        SLUIS_ASSIGN_OR_RETURN(std::string fact_id,
                               RecordOne(std::move(fact), absl::StrCat("conditions[", i, "]")));
        answer_.add_condition_fact_ids(std::move(fact_id));
      }
    }
    return absl::OkStatus();
  }

  void Describe() {
    log::v1::Change& change = *context_.record.mutable_change();
    change.Clear();
    change.set_subject_kind(ProfessionalDecision::Kind_Name(request_.decision().kind()));
    change.set_subject_id(std::string(id_.bytes()));
    change.set_partij(item_.recipient().partij());
    change.set_hat(item_.recipient().hat());
    for (const auto* fields : {&given_, &refused_}) {
      for (const std::string& field : *fields) change.add_fields(field);
    }
  }

  absl::Status Tell(const Uuid& person) {
    for (const auto& [fields, result] : {std::pair(&given_, ProfessionalDecision::GIVEN),
                                         std::pair(&refused_, ProfessionalDecision::REFUSED)}) {
      if (fields->empty()) continue;
      SLUIS_ASSIGN_OR_RETURN(Notice notice, NoticeFor(context_, NoticeType::DECISION_TAKEN, id_,
                                                      item_, person, *fields));
      notice.set_result(ProfessionalDecision::Result_Name(result));
      if (result == ProfessionalDecision::GIVEN) {
        notice.set_day(request_.decision().until());
        *notice.mutable_conditions() = request_.conditions();
      }
      SLUIS_RETURN_IF_ERROR(Notify(context_, item_.recipient().partij(), std::move(notice)));
    }
    return absl::OkStatus();
  }

  CommandContext& context_;
  const v1::DecideRequest& request_;
  const Uuid& id_;
  DecisionItem& item_;
  std::set<std::string> given_;
  std::set<std::string> refused_;
  std::string person_id_;
  v1::DecideAnswer answer_;
};

absl::StatusOr<v1::DecideAnswer> Decide(CommandContext& context, const v1::DecideRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid id,
                         intake::CheckId("decision_request_id", request.decision_request_id()));
  SLUIS_ASSIGN_OR_RETURN(DecisionItem item,
                         FindItem(context.transaction, context.state, *context.core.options.vault,
                                  context.partij, id));
  // Another hat of the same partij is a third party (X08).
  if (item.source().hat() != context.hat)
    return NotAuthorised("another hat of the caller is asked");
  SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::Parse(item.casus_id()));
  SLUIS_RETURN_IF_ERROR(InvolvedCasus(context, casus).status());
  if (!IsOpen(item) || IsOver(item, context.moment.today)) {
    return FailedPrecondition("DECISION_CLOSED",
                              "this request was decided or ended, or its last day is over");
  }
  return Decider(context, request, id, item).Run();
}

// Whether a decision is one about what this item asks.
bool IsMeant(const CommandContext& context, const ProfessionalDecision& decision,
             const DecisionItem& item) {
  return item.source().partij() == context.partij && item.source().hat() == context.hat &&
         ListsHat(decision.recipient_parties(), item.recipient().partij()) &&
         ListsHat(decision.recipient_hats(), item.recipient().hat()) &&
         (decision.purpose().empty() || decision.purpose() == item.purpose()) &&
         !IsOver(item, context.moment.today);
}

}  // namespace

absl::StatusOr<std::vector<policy::v1::PartijHat>> SettleItems(
    CommandContext& context, const Uuid& casus, const Uuid& person,
    const ProfessionalDecision& decision, const Uuid& fact, const Uuid& except) {
  std::vector<policy::v1::PartijHat> told;
  const bool given = decision.result() == ProfessionalDecision::GIVEN;
  if (given && !decision.until().empty()) {
    SLUIS_ASSIGN_OR_RETURN(const CivilDate until, CivilDate::Parse(decision.until()));
    // It was over before it was recorded, and provides nothing.
    if (until < context.moment.today) return told;
  }
  SLUIS_ASSIGN_OR_RETURN(
      auto open, state::OpenItems(context.transaction, *context.core.options.vault, casus, person));
  for (auto& [partij, item] : open) {
    if (partij != context.partij || item.id == except || !IsMeant(context, decision, item.item))
      continue;
    std::set<std::string> fields;
    for (DecisionItemField& field : *item.item.mutable_fields()) {
      if (!WaitsFor(field, decision.kind()) || !ListsHat(decision.fields(), field.field()))
        continue;
      field.set_state(given ? DecisionItemField::GIVEN : DecisionItemField::REFUSED);
      field.set_fact_id(fact.ToString());
      field.set_professional(decision.professional());
      SLUIS_RETURN_IF_ERROR(state::DeleteQuestion(context.transaction, partij, field.question()));
      fields.insert(field.field());
    }
    if (fields.empty()) continue;
    SLUIS_RETURN_IF_ERROR(KeepItem(context, partij, item));
    SLUIS_ASSIGN_OR_RETURN(Notice notice, NoticeFor(context, NoticeType::DECISION_TAKEN, item.id,
                                                    item.item, person, fields));
    notice.set_result(ProfessionalDecision::Result_Name(decision.result()));
    if (given) notice.set_day(decision.until());
    SLUIS_RETURN_IF_ERROR(Notify(context, item.item.recipient().partij(), std::move(notice)));
    told.push_back(item.item.recipient());
  }
  return told;
}

absl::Status EndItems(CommandContext& context, const Uuid& casus_id,
                      const store::v1::Casus& casus) {
  SLUIS_ASSIGN_OR_RETURN(
      auto open, state::OpenItems(context.transaction, *context.core.options.vault, casus_id, {}));
  for (auto& [partij, item] : open) {
    std::set<std::string> fields;
    for (DecisionItemField& field : *item.item.mutable_fields()) {
      if (field.state() != DecisionItemField::OPEN) continue;
      field.set_state(DecisionItemField::ENDED);
      SLUIS_RETURN_IF_ERROR(state::DeleteQuestion(context.transaction, partij, field.question()));
      fields.insert(field.field());
    }
    const bool over = IsOver(item.item, context.moment.today);
    SLUIS_RETURN_IF_ERROR(KeepItem(context, partij, item));
    // Who has nothing to do with the casus any more learns nothing of it, nor does who knows
    // already that nobody decided in time.
    if (over || !IsInvolved(casus, item.item.recipient().partij())) continue;
    SLUIS_ASSIGN_OR_RETURN(const Uuid person, Uuid::Parse(item.item.person()));
    SLUIS_ASSIGN_OR_RETURN(Notice notice, NoticeFor(context, NoticeType::DECISION_ENDED, item.id,
                                                    item.item, person, fields));
    SLUIS_RETURN_IF_ERROR(Notify(context, item.item.recipient().partij(), std::move(notice)));
  }
  return absl::OkStatus();
}

absl::Status AskDecisions(Core& core, store::Transaction& transaction, const ledger::Moment& moment,
                          const Uuid& person, const v1::RequestFieldsRequest& request,
                          const log::v1::Record& record) {
  const log::v1::Decision& decision = record.decision();
  const bool waits =
      std::any_of(decision.fields().begin(), decision.fields().end(), [](const auto& field) {
        return field.outcome() == policy::v1::FieldOutcome::NEEDS_DECISION;
      });
  if (!waits) return absl::OkStatus();
  const std::string& source = decision.source_partij();
  DecisionItem item;
  item.set_casus_id(request.casus_id());
  item.set_person(person.ToString());
  item.mutable_source()->set_partij(source);
  item.mutable_source()->set_hat(decision.source_hat());
  item.mutable_recipient()->set_partij(record.caller());
  item.mutable_recipient()->set_hat(record.acting_hat());
  item.set_professional(record.professional());
  item.set_tafel(decision.tafel());
  item.set_stage(decision.stage());
  item.set_purpose(decision.purpose());
  item.set_entry(moment.index);
  item.set_asked_at(absl::ToUnixMicros(moment.now));
  const CivilDate expires_on = moment.today.AddDays(kDaysOpen);
  item.set_expires_on(expires_on.ToString());
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, NewItemId(moment.now));
  for (int i = 0; i < decision.fields_size(); ++i) {
    const log::v1::FieldDecision& field = decision.fields(i);
    // What waits for something else besides waits for the professional too; what waits for no
    // professional (the convenant may name other conditions) does not come here.
    if (field.outcome() != policy::v1::FieldOutcome::NEEDS_DECISION ||
        KindsFor(field.missing()).empty()) {
      continue;
    }
    const audit::Digest question = QuestionOf(item, field.field());
    SLUIS_ASSIGN_OR_RETURN(const auto open,
                           state::FindQuestion(transaction, source, question.bytes()));
    if (open && moment.today <= open->until) continue;
    DecisionItemField& out = *item.add_fields();
    out.set_field(field.field());
    out.set_motivation(request.fields(i).motivation());
    *out.mutable_missing() = field.missing();
    out.set_question(std::string(question.bytes()));
    SLUIS_RETURN_IF_ERROR(
        state::PutQuestion(transaction, source, question.bytes(), {id, expires_on}));
  }
  if (item.fields().empty()) return absl::OkStatus();
  vault::Vault& vault = *core.options.vault;
  SLUIS_RETURN_IF_ERROR(
      state::PutItem(transaction, vault, source, {id, item}, moment.today.AddDays(kDaysKept)));
  Notice notice;
  notice.set_type(NoticeType::DECISION_ASKED);
  notice.set_casus_id(item.casus_id());
  notice.set_subject_id(id.ToString());
  // It takes part in the casus, so it may have an id of its persons.
  state::StateWriter state(transaction, vault);
  SLUIS_ASSIGN_OR_RETURN(const Uuid handle, state.MakeHandle(person, source));
  notice.set_person_id(handle.ToString());
  notice.set_hat(item.source().hat());
  *notice.mutable_other() = item.recipient();
  notice.set_tafel(item.tafel());
  notice.set_day(item.expires_on());
  for (const DecisionItemField& field : item.fields()) notice.add_fields(field.field());
  return Notify(core, transaction, moment, source, std::move(notice));
}

void AddDecision(Handlers& handlers) {
  handlers["/sluis.v1.DecisionService/ListDecisionRequests"] = &ListDecisionRequests;
  handlers["/sluis.v1.DecisionService/GetDecisionRequest"] = &GetDecisionRequest;
  handlers["/sluis.v1.DecisionService/Decide"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::DecideRequest, v1::DecideAnswer>(
        core, call, {EventKind::DECISION_TAKEN, &CheckDecide, &Decide});
  };
}

}  // namespace sluis::broker
