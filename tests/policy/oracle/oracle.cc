#include "sluis/policy_oracle/oracle.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "conditions.h"
#include "question.h"

#include "sluis/base/errors.h"
#include "sluis/base/text.h"

namespace sluis::policy_oracle {

absl::StatusOr<Instant> ParseInstant(std::string_view rfc3339) {
  const absl::StatusOr<CivilDate> today = CivilDate::Parse(rfc3339.substr(0, 10));
  absl::Time time;
  std::string ignored;
  if (!today.ok() || rfc3339.size() < 11 || rfc3339[10] != 'T' ||
      !absl::ParseTime(absl::RFC3339_full, ToAbsl(rfc3339), &time, &ignored)) {
    return InvalidArgument("INSTANT_MALFORMED", "not an instant of RFC 3339 with an offset");
  }
  return Instant{.time = time, .today = *today};
}

namespace {

using ConditionIds = google::protobuf::RepeatedField<int>;

FieldResult Answer(Outcome outcome, Code code) {
  FieldResult result;
  result.outcome = outcome;
  result.code = code;
  return result;
}

FieldResult Refusal(Code code) { return Answer(Outcome::kRefuse, code); }

std::string NameOf(v1::Condition::Id condition) { return v1::Condition::Id_Name(condition); }

// --- Step 1: well-formed ------------------------------------------------------------------------

Result MalformedResult(std::string element) {
  Result result;
  result.malformed = true;
  result.malformed_element = std::move(element);
  return result;
}

Result BulkResult(std::string element) {
  Result result;
  result.bulk = true;
  result.malformed_element = std::move(element);
  return result;
}

std::string FieldElement(int position) { return absl::StrCat("fields[", position, "].field"); }

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "1-80", "1..80".
bool IsRange(std::string_view name) {
  for (const std::string_view separator : {"-", ".."}) {
    const size_t at = name.find(separator);
    if (at != std::string_view::npos && IsNumber(name.substr(0, at)) &&
        IsNumber(name.substr(at + separator.size()))) {
      return true;
    }
  }
  return false;
}

bool IsWildcard(std::string_view name) {
  return name.find('*') != std::string_view::npos || name == "all" || name == "alle" ||
         IsRange(name);
}

std::optional<Result> Wildcard(const v1::DecisionRequest& request) {
  for (int i = 0; i < request.fields_size(); ++i) {
    if (IsWildcard(request.fields(i).field())) return BulkResult(FieldElement(i));
  }
  if (IsWildcard(request.person())) return BulkResult("person_id");
  return std::nullopt;
}

// A name that is not there is not known either.
bool StageIsWrong(const Question& question) {
  const bool is_wams = TheTafel(question).regime() == v1::Regime::WAMS;
  const std::string& stage = question.request.stage();
  return is_wams ? FindStage(question, stage) == nullptr : !stage.empty();
}

std::string WrongSource(const Question& question) {
  const v1::PartijHat& source = question.request.source();
  if (source.partij().empty()) return "source.partij";
  if (source.hat().empty()) return "source.hat";
  const v1::Partij* partij = FindPartij(question, source.partij());
  if (partij == nullptr) return "source.partij";
  return Contains(partij->hats(), source.hat()) ? "" : "source.hat";
}

std::string WrongField(const Question& question) {
  const auto& asked = question.request.fields();
  if (asked.empty() || asked.size() > 100) return "fields";
  for (int i = 0; i < asked.size(); ++i) {
    if (FindField(question, asked[i].field()) == nullptr) return FieldElement(i);
    for (int j = 0; j < i; ++j) {
      if (asked[i].field() == asked[j].field()) return FieldElement(i);
    }
  }
  return "";
}

// The first fault in the order of the specification.
std::optional<Result> NotWellFormed(const Question& question) {
  const v1::DecisionRequest& request = question.request;
  if (auto bulk = Wildcard(request)) return bulk;
  if (request.casus().empty()) return MalformedResult("casus_id");
  if (FindTafel(question, request.tafel()) == nullptr) return MalformedResult("tafel");
  if (StageIsWrong(question)) return MalformedResult("stage");
  if (FindHat(question, request.acting_hat()) == nullptr) return MalformedResult("acting_hat");
  if (FindPartij(question, request.partij()) == nullptr) return MalformedResult("partij");
  if (std::string wrong = WrongSource(question); !wrong.empty()) return MalformedResult(wrong);
  if (FindPurpose(question, request.purpose()) == nullptr) return MalformedResult("purpose");
  if (TheTafel(question).person_data() == request.person().empty())
    return MalformedResult("person_id");
  if (std::string wrong = WrongField(question); !wrong.empty()) return MalformedResult(wrong);
  return std::nullopt;
}

// --- Step 2: convenant and partij ---------------------------------------------------------------

bool HasAcceded(const Question& question, const std::string& partij_id) {
  const v1::Partij* partij = FindPartij(question, partij_id);
  return partij != nullptr && InPeriod(partij->acceded_on(), partij->left_on(), question.now.today);
}

std::optional<Code> ConvenantAndPartij(const Question& question) {
  const v1::DecisionRequest& request = question.request;
  if (!InPeriod(question.convenant.valid_from(), question.convenant.valid_until(),
                question.now.today) ||
      !HasAcceded(question, request.partij()) || !HasAcceded(question, request.source().partij())) {
    return Code::kConvenantNotValid;
  }
  if (!Contains(FindPartij(question, request.partij())->hats(), request.acting_hat()) ||
      !ProfessionalIsAuthorised(question)) {
    return Code::kNotAuthorisedPerson;
  }
  return std::nullopt;
}

// --- Step 3: gates ------------------------------------------------------------------------------

// The tafel's regime has a retention row that gates it and whose term is unset, or it has rows that
// open it and none of those is in force.
std::optional<Code> GateRegime(const Question& question) {
  const v1::Regime::Id regime = TheTafel(question).regime();
  for (const v1::Retention& retention : question.convenant.retention()) {
    if (retention.gates_regime() == regime && !TermOf(question, retention).has_value()) {
      return Code::kNoBasis;
    }
  }
  bool has_opening_row = false;
  bool is_open = false;
  for (const v1::StatuteRow& row : question.statute.rows()) {
    if (row.opens_regime() != regime) continue;
    has_opening_row = true;
    if (RowIsInForce(question, row)) is_open = true;
  }
  if (has_opening_row && !is_open) return Code::kNoBasis;
  return std::nullopt;
}

std::optional<Code> GateCasusIsKnown(const Question& question) {
  if (TheCasus(question) == nullptr) return Code::kNotInCasus;
  return std::nullopt;
}

// WGS_SAMENWERKING aside, R-W-03.
std::optional<Code> GatePerson(const Question& question) {
  if (ThePerson(question) == nullptr) return Code::kNotInCasus;
  return std::nullopt;
}

// WGS_SAMENWERKING 2.31 lid 13.
std::optional<Code> GateOtherAct(const Question& question) {
  if (TheTafel(question).regime() == v1::Regime::WGS_SAMENWERKING &&
      TheCasus(question)->radicalisation()) {
    return Code::kOtherAct;
  }
  return std::nullopt;
}

// X10.
std::optional<Code> GateClosed(const Question& question) {
  if (TheTafel(question).open_after_closing()) return std::nullopt;
  const v1::CasusFacts& casus = *TheCasus(question);
  const v1::Stage* stage = FindStage(question, casus.wams_track().stage());
  if (casus.status() == v1::CasusFacts::CLOSED || (stage != nullptr && stage->closes())) {
    return Code::kCaseClosed;
  }
  return std::nullopt;
}

// X11; WGS_SAMENWERKING 1.8 lid 7.
std::optional<Code> GateRetention(const Question& question) {
  if (TheTafel(question).regime() != v1::Regime::WGS_SAMENWERKING) return std::nullopt;
  for (const v1::Retention& retention : question.convenant.retention()) {
    if (retention.anchor() == v1::Retention::EERSTE_VERWERKING_CASUS &&
        RetentionIsOver(question, retention, TheCasus(question)->first_processed())) {
      return Code::kRetentionExpired;
    }
  }
  return std::nullopt;
}

// WGS_SAMENWERKING 2.31 lid 2.
std::optional<Code> GateAdmitted(const Question& question) {
  for (const v1::AdmissionRule& rule : question.convenant.admission()) {
    if (rule.regime() == TheTafel(question).regime() && rule.placement_required() &&
        !Contains(TheCasus(question)->tafels(), question.request.tafel())) {
      return Code::kCaseNotAdmitted;
    }
  }
  return std::nullopt;
}

bool HasSeat(const v1::Tafel& tafel, const std::string& hat) {
  return IsMemberHat(tafel, hat) || IsGuestHat(tafel, hat);
}

std::optional<Code> GateSeats(const Question& question) {
  const v1::Tafel& tafel = TheTafel(question);
  if (!HasSeat(tafel, question.request.acting_hat()) ||
      !HasSeat(tafel, question.request.source().hat())) {
    return Code::kWrongTable;
  }
  return std::nullopt;
}

std::optional<Code> GateParticipants(const Question& question) {
  const v1::Tafel& tafel = TheTafel(question);
  const v1::PartijHat acting = ActingSide(question);
  const v1::PartijHat& source = question.request.source();
  if (IsGuestHat(tafel, acting.hat()) && !IsInvited(question, acting)) {
    return Code::kNotParticipant;
  }
  if (IsGuestHat(tafel, source.hat()) && !IsInvited(question, source)) {
    return Code::kNotParticipant;
  }
  if (tafel.soort() != v1::TafelSoort::OVERLEG) return std::nullopt;
  if (!IsAdmitted(question, acting)) return Code::kNotParticipant;
  if (tafel.regime() == v1::Regime::WGS_SAMENWERKING && !IsAdmitted(question, source)) {
    return Code::kNotParticipant;
  }
  return std::nullopt;
}

std::optional<Code> GatePhase(const Question& question) {
  const v1::Tafel& tafel = TheTafel(question);
  const v1::CasusFacts& casus = *TheCasus(question);
  if (!Contains(tafel.phases(), casus.phase())) return Code::kWrongPhase;
  if (tafel.regime() == v1::Regime::WAMS &&
      (question.request.stage() != casus.wams_track().stage() ||
       !Contains(tafel.stages(), question.request.stage()))) {
    return Code::kWrongPhase;
  }
  return std::nullopt;
}

std::vector<const v1::Exclusion*> ExclusionsInOrderOfId(const Question& question) {
  std::vector<const v1::Exclusion*> exclusions;
  for (const v1::Exclusion& exclusion : question.convenant.exclusions()) {
    if (exclusion.kind() == v1::Exclusion::VELD) exclusions.push_back(&exclusion);
  }
  std::sort(exclusions.begin(), exclusions.end(),
            [](const v1::Exclusion* a, const v1::Exclusion* b) { return a->id() < b->id(); });
  return exclusions;
}

std::optional<Code> CodeOf(const v1::Exclusion& exclusion) {
  return CodeFromName(v1::ReasonCode::Id_Name(exclusion.code()));
}

// X07, then the purposes of the tafel.
std::optional<Code> GatePurpose(const Question& question) {
  const std::string& purpose = question.request.purpose();
  for (const v1::Exclusion* exclusion : ExclusionsInOrderOfId(question)) {
    if (exclusion->before_purpose_gate() && Contains(exclusion->purposes(), purpose)) {
      return CodeOf(*exclusion);
    }
  }
  if (!Contains(TheTafel(question).purposes(), purpose)) return Code::kPurposeMismatch;
  return std::nullopt;
}

std::optional<Code> FirstFailingGate(const Question& question) {
  if (auto code = GateRegime(question)) return code;
  if (auto code = GateCasusIsKnown(question)) return code;
  if (TheTafel(question).person_data()) {
    if (auto code = GatePerson(question)) return code;
    if (auto code = GateOtherAct(question)) return code;
    if (auto code = GateClosed(question)) return code;
    if (auto code = GateRetention(question)) return code;
    if (auto code = GateAdmitted(question)) return code;
  }
  if (auto code = GateSeats(question)) return code;
  if (auto code = GateParticipants(question)) return code;
  if (auto code = GatePhase(question)) return code;
  return GatePurpose(question);
}

// --- Step 6: matching grants --------------------------------------------------------------------

// The dimensions in which a grant can miss a request. Ownership is no dimension of a grant: without
// it nothing matches.
struct Match {
  bool tafel = false;
  bool phase = false;
  bool stage = false;
  bool purpose = false;
  bool others = false;  // source hat, recipient hat, field, and the source hat owns the field
};

bool Owns(const v1::Field& field, const std::string& hat) {
  return field.each_holder_owns() || Contains(field.owner_hats(), hat);
}

Match MatchOf(const Question& question, const v1::Grant& grant, const v1::Field& field) {
  const v1::DecisionRequest& request = question.request;
  Match match;
  match.tafel = Contains(grant.tafels(), request.tafel());
  match.phase = Contains(grant.phases(), TheCasus(question)->phase());
  match.stage = grant.stages().empty() || Contains(grant.stages(), request.stage());
  match.purpose = Contains(grant.purposes(), request.purpose());
  match.others = Contains(grant.source_hats(), request.source().hat()) &&
                 Contains(grant.recipient_hats(), request.acting_hat()) &&
                 Contains(grant.fields(), field.name()) && Owns(field, request.source().hat());
  return match;
}

bool Matches(const Question& question, const v1::Grant& grant, const v1::Field& field) {
  const Match match = MatchOf(question, grant, field);
  return match.tafel && match.phase && match.stage && match.purpose && match.others;
}

// --- Step 7: no grant ---------------------------------------------------------------------------

Code NoGrant(const Question& question, const v1::Field& field) {
  bool but_for_tafel = false;
  bool but_for_phase_or_stage = false;
  bool but_for_purpose = false;
  for (const v1::Grant& grant : question.convenant.grants()) {
    const Match match = MatchOf(question, grant, field);
    if (!match.others) continue;
    if (!match.tafel && match.phase && match.stage && match.purpose) but_for_tafel = true;
    if (match.tafel && match.phase != match.stage && match.purpose) but_for_phase_or_stage = true;
    if (match.tafel && match.phase && match.stage && !match.purpose) but_for_purpose = true;
  }
  if (but_for_tafel) return Code::kWrongTable;
  if (but_for_phase_or_stage) return Code::kWrongPhase;
  if (but_for_purpose) return Code::kPurposeMismatch;
  return Code::kNoGrant;
}

// --- What the conditions see --------------------------------------------------------------------

Asked AskedFor(const Question& question, const v1::DecisionRequest::AskedField& asked_field,
               const v1::StatuteRow* row, bool is_closed_set) {
  const v1::Field* field = FindField(question, asked_field.field());
  // A value past its term is answered like one that is not held, up to step 11.
  const v1::Holding* value = NewestValue(question, *field);
  if (value != nullptr && IsPastItsTerm(question, *value)) value = nullptr;
  return {.question = question,
          .field = *field,
          .motivation = asked_field.motivation(),
          .value = value,
          .row = row,
          .is_closed_set = is_closed_set};
}

// --- Step 4: closed signal ----------------------------------------------------------------------

bool HasClosedSet(const ConditionIds& conditions) {
  return Contains(conditions, static_cast<int>(v1::Condition::GESLOTEN_SET));
}

// The cited row that has GESLOTEN_SET; where only the grant has it, the first that is cited.
const v1::StatuteRow* RowOfSignal(const Question& question, const v1::Grant& grant) {
  for (const std::string& grondslag : grant.grondslagen()) {
    const v1::StatuteRow* row = FindRow(question, grondslag);
    if (row != nullptr && HasClosedSet(row->conditions())) return row;
  }
  if (grant.grondslagen().empty()) return nullptr;
  return FindRow(question, grant.grondslagen(0));
}

bool IsClosedGrant(const Question& question, const v1::Grant& grant) {
  if (HasClosedSet(grant.conditions())) return true;
  const v1::StatuteRow* row = RowOfSignal(question, grant);
  return row != nullptr && HasClosedSet(row->conditions());
}

bool MatchesAnyField(const Question& question, const v1::Grant& grant) {
  for (const auto& asked : question.request.fields()) {
    if (Matches(question, grant, *FindField(question, asked.field()))) return true;
  }
  return false;
}

bool MatchesEveryField(const Question& question, const v1::Grant& grant) {
  for (const auto& asked : question.request.fields()) {
    if (!Matches(question, grant, *FindField(question, asked.field()))) return false;
  }
  return true;
}

// The first grant, in order, that makes the request a closed signal. Null: it is none.
const v1::Grant* GrantOfSignal(const Question& question) {
  for (const v1::Grant& grant : question.convenant.grants()) {
    if (IsClosedGrant(question, grant) && MatchesAnyField(question, grant)) return &grant;
  }
  return nullptr;
}

// What the signal as a whole misses, under this grant and row.
std::set<std::string> MissingOfSignal(const Question& question, const v1::Grant& grant,
                                      const v1::StatuteRow* row) {
  std::set<v1::Condition::Id> needed;
  for (const int condition : grant.conditions()) {
    needed.insert(static_cast<v1::Condition::Id>(condition));
  }
  if (row != nullptr) {
    for (const int condition : row->conditions()) {
      needed.insert(static_cast<v1::Condition::Id>(condition));
    }
  }
  const bool is_closed_set = MatchesEveryField(question, grant);
  const Asked asked = AskedFor(question, question.request.fields(0), row, is_closed_set);
  std::set<std::string> missing;
  for (const v1::Condition::Id condition : needed) {
    if (CodeWhenAbsent(condition) != Code::kSignalRejected) continue;
    if (Test(condition, asked) != Truth::kTrue) missing.insert(NameOf(condition));
  }
  return missing;
}

// The result of every field when the signal is rejected. Absent: it holds.
std::optional<std::map<std::string, FieldResult>> RejectedSignal(const Question& question,
                                                                 const v1::Grant& grant) {
  const v1::StatuteRow* row = RowOfSignal(question, grant);
  const std::set<std::string> missing = MissingOfSignal(question, grant, row);
  if (missing.empty()) return std::nullopt;
  std::map<std::string, FieldResult> results;
  for (const auto& asked : question.request.fields()) {
    FieldResult result = Refusal(Code::kSignalRejected);
    if (Matches(question, grant, *FindField(question, asked.field()))) {
      result.grant = grant.id();
      if (row != nullptr) result.grondslag = row->id();
      result.missing = missing;
      result.needs = missing;
    }
    results[asked.field()] = result;
  }
  return results;
}

// --- Step 5: exclusions, source conditions, source objections ------------------------------------

// A dimension that is filled contains the value; one that is empty applies to all.
template <typename List, typename Value>
bool AppliesTo(const List& dimension, const Value& value) {
  return dimension.empty() || Contains(dimension, value);
}

bool ExclusionMatches(const v1::Exclusion& exclusion, const Asked& asked) {
  const v1::DecisionRequest& request = asked.question.request;
  if (!AppliesTo(exclusion.tafels(), request.tafel())) return false;
  if (!AppliesTo(exclusion.recipient_hats(), request.acting_hat())) return false;
  if (!AppliesTo(exclusion.fields(), asked.field.name())) return false;
  if (!AppliesTo(exclusion.categories(), asked.field.category())) return false;
  if (!AppliesTo(exclusion.classes(), static_cast<int>(asked.field.data_class()))) return false;
  if (!AppliesTo(exclusion.purposes(), request.purpose())) return false;
  if (!AppliesTo(exclusion.stages(), request.stage())) return false;
  for (const int condition : exclusion.unless()) {
    if (Test(static_cast<v1::Condition::Id>(condition), asked) == Truth::kTrue) return false;
  }
  return true;
}

// The first exclusion that matches. Null: none.
const v1::Exclusion* FirstExclusion(const Asked& asked) {
  for (const v1::Exclusion* exclusion : ExclusionsInOrderOfId(asked.question)) {
    if (ExclusionMatches(*exclusion, asked)) return exclusion;
  }
  return nullptr;
}

// The value came from this partij and hat.
bool CameFrom(const v1::Holding* value, const v1::PartijHat& origin) {
  return value != nullptr && value->has_origin() && SamePartijHat(value->origin(), origin);
}

// The value came from somebody else than the source.
bool CameFromElsewhere(const v1::Holding* value, const v1::PartijHat& source) {
  return value != nullptr && value->has_origin() &&
         !(value->origin().partij().empty() && value->origin().hat().empty()) &&
         !SamePartijHat(value->origin(), source);
}

// X12; WGS_SAMENWERKING 2.29 lid 3.
bool SourceConditionBlocks(const v1::SourceCondition& condition, const Asked& asked) {
  const v1::DecisionRequest& request = asked.question.request;
  if (condition.person() != request.person() || condition.field() != asked.field.name()) {
    return false;
  }
  const bool source_is_origin = SamePartijHat(request.source(), condition.origin());
  const bool came_from_origin = CameFrom(asked.value, condition.origin());
  switch (condition.kind()) {
    case v1::SourceCondition::NIET_DOOR:
      // A source that does not own the field received whatever it may hold of it.
      return !source_is_origin && (came_from_origin || !Owns(asked.field, request.source().hat()));
    case v1::SourceCondition::EINDDATUM: {
      const std::optional<CivilDate> last = DayOf(condition.until());
      const bool has_passed = !last.has_value() || *last < asked.question.now.today;
      return has_passed && (source_is_origin || came_from_origin);
    }
    case v1::SourceCondition::ALLEEN_TAFEL:
      return condition.tafel() != request.tafel() && (source_is_origin || came_from_origin);
    default:
      return false;
  }
}

bool SourceConditionsBlock(const Asked& asked) {
  for (const v1::SourceCondition& condition : asked.question.facts.source_conditions()) {
    if (SourceConditionBlocks(condition, asked)) return true;
  }
  if (!CameFromElsewhere(asked.value, asked.question.request.source())) return false;
  return DecisionOf(v1::ProfessionalDecision::INSTEMMING, asked.value->origin(), asked) !=
         Truth::kTrue;
}

// R-A-35.
bool SourceObjects(const v1::SourceObjection& objection, const Asked& asked) {
  const v1::DecisionRequest& request = asked.question.request;
  if (!SamePartijHat(objection.source(), request.source())) return false;
  if (!objection.casus().empty() && objection.casus() != request.casus()) return false;
  if (!objection.person().empty() && objection.person() != request.person()) return false;
  if (!AppliesTo(objection.fields(), asked.field.name())) return false;
  bool this_recipient = objection.recipients().empty();
  for (const v1::PartijHat& recipient : objection.recipients()) {
    if (SamePartijHat(recipient, ActingSide(asked.question))) this_recipient = true;
  }
  if (!this_recipient) return false;
  // It restricts also where a day in it is missing or cannot be read.
  const std::optional<CivilDate> from = DayOf(objection.from());
  if (from.has_value() && asked.question.now.today < *from) return false;
  const std::optional<absl::Time> withdrawn = TimeOf(objection.withdrawn_at());
  return !withdrawn.has_value() || asked.question.now.time < *withdrawn;
}

bool SourceObjectionsBlock(const Asked& asked) {
  for (const v1::SourceObjection& objection : asked.question.facts.objections()) {
    if (SourceObjects(objection, asked)) return true;
  }
  return false;
}

// --- Step 8: statute ----------------------------------------------------------------------------

bool RowFits(const Question& question, const v1::StatuteRow& row, const v1::Field& field) {
  const v1::DecisionRequest& request = question.request;
  return Contains(row.regimes(), static_cast<int>(TheTafel(question).regime())) &&
         RowIsInForce(question, row) && Contains(row.source_hats(), request.source().hat()) &&
         Contains(row.recipient_hats(), request.acting_hat()) &&
         Contains(row.categories(), field.category()) &&
         AppliesTo(row.classes(), static_cast<int>(field.data_class())) &&
         Contains(row.purposes(), request.purpose());
}

// --- Step 9: alternatives -----------------------------------------------------------------------

struct Alternative {
  const v1::Grant* grant = nullptr;
  const v1::StatuteRow* row = nullptr;
  std::set<v1::Condition::Id> needs;
  std::vector<Need> missing;  // in the order of the condition list
};

// One choice from a `one_of`; where it is empty, the one choice of nothing.
std::vector<std::optional<v1::Condition::Id>> ChoicesOf(const ConditionIds& one_of) {
  std::vector<std::optional<v1::Condition::Id>> choices;
  for (const int condition : one_of)
    choices.emplace_back(static_cast<v1::Condition::Id>(condition));
  if (choices.empty()) choices.emplace_back(std::nullopt);
  return choices;
}

void AddNeeds(const ConditionIds& conditions, std::set<v1::Condition::Id>& needs) {
  for (const int condition : conditions) needs.insert(static_cast<v1::Condition::Id>(condition));
}

// In grant order, row order and choice order; the grant's choice varies slowest.
std::vector<Alternative> AlternativesFor(const Question& question,
                                         const v1::DecisionRequest::AskedField& asked_field,
                                         const std::vector<const v1::Grant*>& grants,
                                         bool is_closed_set) {
  std::vector<Alternative> alternatives;
  const v1::Field& field = *FindField(question, asked_field.field());
  for (const v1::Grant* grant : grants) {
    for (const std::string& grondslag : grant->grondslagen()) {
      const v1::StatuteRow* row = FindRow(question, grondslag);
      if (row == nullptr || !RowFits(question, *row, field)) continue;
      const Asked asked = AskedFor(question, asked_field, row, is_closed_set);
      for (const auto& choice_of_grant : ChoicesOf(grant->one_of())) {
        for (const auto& choice_of_row : ChoicesOf(row->one_of())) {
          Alternative alternative{.grant = grant, .row = row, .needs = {}, .missing = {}};
          AddNeeds(grant->conditions(), alternative.needs);
          AddNeeds(row->conditions(), alternative.needs);
          if (choice_of_grant.has_value()) alternative.needs.insert(*choice_of_grant);
          if (choice_of_row.has_value()) alternative.needs.insert(*choice_of_row);
          for (const v1::Condition::Id condition : alternative.needs) {
            const std::optional<Need> need = Missing(condition, asked);
            if (need.has_value()) alternative.missing.push_back(*need);
          }
          alternatives.push_back(alternative);
        }
      }
    }
  }
  return alternatives;
}

FieldResult ResultUnder(const Alternative& alternative, Outcome outcome, Code code) {
  FieldResult result = Answer(outcome, code);
  result.grant = alternative.grant->id();
  result.grondslag = alternative.row->id();
  for (const Need& need : alternative.missing) result.missing.insert(NameOf(need.condition));
  for (const v1::Condition::Id need : alternative.needs) result.needs.insert(NameOf(need));
  return result;
}

FieldResult Release(const Alternative& alternative) {
  FieldResult result = ResultUnder(alternative, Outcome::kRelease, Code::kReleased);
  for (const int obligation : alternative.grant->obligations()) {
    result.obligations.insert(v1::Obligation::Id_Name(static_cast<v1::Obligation::Id>(obligation)));
  }
  for (const int obligation : alternative.row->obligations()) {
    result.obligations.insert(v1::Obligation::Id_Name(static_cast<v1::Obligation::Id>(obligation)));
  }
  return result;
}

// --- Step 10: the nearest lawful route ----------------------------------------------------------

// NEEDS_CONSENT before NEEDS_DECISION before REFUSE.
int Severity(Outcome outcome) {
  if (outcome == Outcome::kNeedsConsent) return 0;
  return outcome == Outcome::kNeedsDecision ? 1 : 2;
}

// The first missing need, in the order of the condition list, with the severest outcome.
const Need& SeverestNeed(const Alternative& alternative) {
  const Need* severest = &alternative.missing.front();
  for (const Need& need : alternative.missing) {
    if (Severity(need.outcome) > Severity(severest->outcome)) severest = &need;
  }
  return *severest;
}

bool IsNearer(const Alternative& a, const Alternative& b) {
  if (a.missing.size() != b.missing.size()) return a.missing.size() < b.missing.size();
  return Severity(SeverestNeed(a).outcome) < Severity(SeverestNeed(b).outcome);
}

FieldResult NearestRoute(const std::vector<Alternative>& alternatives) {
  const Alternative* nearest = &alternatives.front();
  for (const Alternative& alternative : alternatives) {
    if (IsNearer(alternative, *nearest)) nearest = &alternative;
  }
  const Need& severest = SeverestNeed(*nearest);
  return ResultUnder(*nearest, severest.outcome, severest.code);
}

// --- Steps 5 to 11 for one field -----------------------------------------------------------------

FieldResult DecideField(const Question& question,
                        const v1::DecisionRequest::AskedField& asked_field, bool is_closed_set) {
  const v1::Field& field = *FindField(question, asked_field.field());
  const Asked asked = AskedFor(question, asked_field, nullptr, is_closed_set);

  // Step 5.
  if (const v1::Exclusion* exclusion = FirstExclusion(asked)) {
    FieldResult result = Refusal(CodeOf(*exclusion).value_or(Code::kCategoryExcluded));
    result.exclusion = exclusion->id();
    return result;
  }
  if (SourceConditionsBlock(asked)) return Refusal(Code::kSourceCondition);
  if (SourceObjectionsBlock(asked)) return Refusal(Code::kSourceObjects);

  // Step 6.
  std::vector<const v1::Grant*> grants;
  for (const v1::Grant& grant : question.convenant.grants()) {
    if (Matches(question, grant, field)) grants.push_back(&grant);
  }

  // Step 7.
  if (grants.empty()) return Refusal(NoGrant(question, field));

  // Steps 8 and 9.
  const std::vector<Alternative> alternatives =
      AlternativesFor(question, asked_field, grants, is_closed_set);
  if (alternatives.empty()) return Refusal(Code::kNoBasis);
  for (const Alternative& alternative : alternatives) {
    if (!alternative.missing.empty()) continue;
    // Step 11.
    const v1::Holding* value = NewestValue(question, field);
    if (value != nullptr && IsPastItsTerm(question, *value)) {
      return ResultUnder(alternative, Outcome::kRefuse, Code::kRetentionExpired);
    }
    FieldResult result = Release(alternative);
    result.value_held = value != nullptr;
    return result;
  }

  // Step 10.
  return NearestRoute(alternatives);
}

// --- Step 12: neither confirm nor deny ----------------------------------------------------------

FieldResult NeitherConfirmNorDeny(const v1::Field& field, const FieldResult& result) {
  if (!field.ncnd()) return result;
  if (result.outcome == Outcome::kRelease && result.value_held) return result;
  FieldResult hidden = Answer(Outcome::kNcnd, Code::kNcnd);
  hidden.exclusion = result.exclusion;
  return hidden;
}

Result ForEveryField(const v1::DecisionRequest& request, Code code) {
  Result result;
  for (const auto& asked : request.fields()) result.fields[asked.field()] = Refusal(code);
  return result;
}

}  // namespace

Result Evaluate(const v1::Statute& statute, const v1::Convenant& convenant,
                const v1::OperatorSwitches& switches, const v1::Facts& facts,
                const v1::DecisionRequest& request, Instant instant) {
  const Question question{.statute = statute,
                          .convenant = convenant,
                          .switches = switches,
                          .facts = facts,
                          .request = request,
                          .now = instant};

  // Step 1.
  if (auto result = NotWellFormed(question)) return *std::move(result);
  // Step 2.
  if (const auto code = ConvenantAndPartij(question)) return ForEveryField(request, *code);
  // Step 3.
  if (const auto code = FirstFailingGate(question)) return ForEveryField(request, *code);

  Result result;
  // Step 4.
  const v1::Grant* signal = GrantOfSignal(question);
  if (signal != nullptr) {
    if (auto rejected = RejectedSignal(question, *signal)) {
      result.fields = *std::move(rejected);
      return result;
    }
  }
  // Steps 5 to 12, field by field.
  for (const auto& asked : request.fields()) {
    const FieldResult decided = DecideField(question, asked, /*is_closed_set=*/signal != nullptr);
    result.fields[asked.field()] =
        NeitherConfirmNorDeny(*FindField(question, asked.field()), decided);
  }
  return result;
}

}  // namespace sluis::policy_oracle
