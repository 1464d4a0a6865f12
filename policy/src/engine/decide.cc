#include <algorithm>
#include <bit>
#include <limits>

#include "compiled.h"
#include "conditions.h"

#include "sluis/policy/engine.h"

// The decision procedure, steps 2 to 12 of docs/decision-procedure.md, for all fields of a request
// at once. Fields that nothing tells apart are decided together: a set of fields is split only
// where a grant, a row or a condition holds for some of them.
namespace sluis::policy {
namespace {

// What the facts contribute, computed when first asked for and kept as evidence.
class FromFacts {
 public:
  FromFacts(const Compiled& policy, const Request& request, const Facts& facts, Evidence& evidence)
      : policy_(policy), request_(request), facts_(facts), evidence_(evidence) {
    evidence_.evaluated = 0;
    evidence_.inzage_at_mandate_evaluated = false;
    evidence_.blocks_evaluated = false;
    evidence_.values_evaluated = false;
    evidence_.casus_known = evidence_.in_casus = evidence_.radicalisation = evidence_.closed =
        false;
    evidence_.retention_over = evidence_.placed = false;
    evidence_.acting_invited = evidence_.source_invited = false;
    evidence_.acting_admitted = evidence_.source_admitted = false;
    evidence_.phase = PhaseId();
    evidence_.stage = StageId();
    EvaluateGates(policy, request, facts, evidence);
  }

  const Truth& Of(Condition condition) {
    Truth& truth = evidence_.truth[static_cast<size_t>(condition)];
    if ((evidence_.evaluated & Bit(condition)) == 0) {
      truth = EvaluateCondition(policy_, request_, facts_, evidence_, condition);
      evidence_.evaluated |= Bit(condition);
    }
    return truth;
  }
  const Truth& InzageAtMandate() {
    if (!evidence_.inzage_at_mandate_evaluated) {
      evidence_.inzage_at_mandate = EvaluateInzageAtMandate(request_, facts_);
      evidence_.inzage_at_mandate_evaluated = true;
    }
    return evidence_.inzage_at_mandate;
  }
  void Blocks() {
    evidence_.source_condition = EvaluateSourceConditions(policy_, request_, facts_);
    evidence_.objection = EvaluateObjections(request_, facts_);
    evidence_.blocks_evaluated = true;
  }
  void Values() {
    if (evidence_.values_evaluated) return;
    const HeldValues values = EvaluateValues(policy_, request_, facts_);
    evidence_.held = values.held;
    evidence_.term_over = values.term_over;
    evidence_.values_evaluated = true;
  }

 private:
  const Compiled& policy_;
  const Request& request_;
  const Facts& facts_;
  Evidence& evidence_;
};

// What an earlier decision recorded. What it did not look at is absent, and noted.
class FromRecord {
 public:
  FromRecord(const Request& request, Evidence& evidence) : request_(request), evidence_(evidence) {}

  const Truth& Of(Condition condition) {
    if (condition == Condition::kGemotiveerd) {
      motivated_ = {request_.motivated, {}};
      return motivated_;
    }
    if ((evidence_.evaluated & Bit(condition)) != 0)
      return evidence_.truth[static_cast<size_t>(condition)];
    complete_ = false;
    return nothing_;
  }
  const Truth& InzageAtMandate() {
    if (evidence_.inzage_at_mandate_evaluated) return evidence_.inzage_at_mandate;
    complete_ = false;
    return nothing_;
  }
  void Blocks() {
    // Not known to be free of objections: blocked.
    if (evidence_.blocks_evaluated) return;
    complete_ = false;
    evidence_.objection = request_.fields;
    evidence_.source_condition = FieldSet();
  }
  void Values() {
    if (evidence_.values_evaluated) return;
    complete_ = false;
    evidence_.term_over = FieldSet();
    evidence_.held = FieldSet();
  }
  [[nodiscard]] bool complete() const { return complete_; }

 private:
  const Request& request_;
  Evidence& evidence_;
  Truth motivated_{};
  Truth nothing_{};
  bool complete_ = true;
};

int Severity(Outcome outcome) {
  switch (outcome) {
    case Outcome::kNeedsConsent:
      return 0;
    case Outcome::kNeedsDecision:
      return 1;
    default:
      return 2;
  }
}

template <typename Source>
class Procedure {
 public:
  Procedure(const Compiled& policy, const Request& request, CivilDate today, Source& source,
            Decision& decision)
      : policy_(policy),
        request_(request),
        today_(today.days()),
        source_(source),
        decision_(decision),
        evidence_(decision.evidence),
        tafel_(policy.tafel[request.tafel.index()]),
        purpose_(MaskBit(request.purpose)),
        stage_(MaskBit(request.stage)),
        phase_(MaskBit(decision.evidence.phase)) {}

  void Run() {
    decision_.count = request_.field_count;
    for (uint16_t i = 0; i < request_.field_count; ++i) {
      position_[request_.asked[i].index()] = static_cast<uint8_t>(i);
    }
    Code code{};
    if (StepTwo(code) || Gates(code)) {
      Conclude(request_.fields, {.outcome = Outcome::kRefuse, .code = code});
      return;
    }
    FindCell();
    if (ClosedSignal()) return;
    open_ = request_.fields;
    Exclusions();
    SourceBlocks();
    Grants();
  }

 private:
  // Writes `result` for every field of `fields`. Not inlined: then `result` would be put together
  // anew for each field, and a copy of what has just been written in pieces waits for them.
  [[gnu::noinline]] void Conclude(const FieldSet& fields, const FieldDecision& result) {
    fields.ForEach([&](FieldId field) {
      FieldDecision& out = decision_.fields[position_[field.index()]];
      out = result;
      out.field = field;
    });
  }

  // Steps 5 to 11 conclude through this one: step 12, neither confirm nor deny.
  void ConcludeDecided(const FieldSet& fields, const FieldDecision& result) {
    const FieldSet hidden = fields & policy_.ncnd;
    if (hidden.empty()) {
      Conclude(fields, result);
      return;
    }
    Conclude(hidden,
             {.outcome = Outcome::kNcnd, .code = Code::kNcnd, .exclusion = result.exclusion});
    const FieldSet shown = fields - policy_.ncnd;
    if (!shown.empty()) Conclude(shown, result);
  }

  // ---- Step 2: convenant, partij, person ----
  bool StepTwo(Code& code) const {
    const auto acceded = [&](PartijId id) {
      const CompiledPartij& partij = policy_.partij[id.index()];
      return partij.acceded <= today_ && today_ <= partij.left;
    };
    if (today_ < policy_.valid_from || policy_.valid_until < today_ ||
        !acceded(request_.acting.partij) || !acceded(request_.source.partij)) {
      code = Code::kConvenantNotValid;
      return true;
    }
    if (!policy_.partij[request_.acting.partij.index()].hats.Contains(request_.acting.hat) ||
        !evidence_.professional_ok) {
      code = Code::kNotAuthorisedPerson;
      return true;
    }
    return false;
  }

  // ---- Step 3: the gates, in order ----
  bool Gates(Code& code) const {
    const auto fails = [&](bool failed, Code with) {
      if (failed) code = with;
      return failed;
    };
    const bool wgs = tafel_.regime == Regime::kWgsSamenwerking;
    if (fails(!RegimeOpen(policy_, tafel_.regime, today_), Code::kNoBasis)) return true;
    if (fails(!evidence_.casus_known, Code::kNotInCasus)) return true;
    if (tafel_.person_data) {
      const bool closed =
          evidence_.closed || (policy_.closing_stages & MaskBit(evidence_.stage)) != 0;
      if (fails(!evidence_.in_casus, Code::kNotInCasus) ||
          fails(wgs && evidence_.radicalisation, Code::kOtherAct) ||
          fails(closed && !tafel_.open_after_closing, Code::kCaseClosed) ||
          fails(wgs && evidence_.retention_over, Code::kRetentionExpired) ||
          fails(tafel_.placement_required && !evidence_.placed, Code::kCaseNotAdmitted)) {
        return true;
      }
    }
    if (fails(tafel_.seat[request_.acting.hat.index()] == kNoSeat ||
                  tafel_.seat[request_.source.hat.index()] == kNoSeat,
              Code::kWrongTable)) {
      return true;
    }
    const bool overleg = tafel_.soort == TafelSoort::kOverleg;
    if (fails((tafel_.guests.Contains(request_.acting.hat) && !evidence_.acting_invited) ||
                  (tafel_.guests.Contains(request_.source.hat) && !evidence_.source_invited) ||
                  (overleg && !evidence_.acting_admitted) ||
                  (overleg && wgs && !evidence_.source_admitted),
              Code::kNotParticipant)) {
      return true;
    }
    const bool wams = tafel_.regime == Regime::kWams;
    if (fails((tafel_.phases & phase_) == 0 || (wams && request_.stage != evidence_.stage) ||
                  (wams && (tafel_.stages & stage_) == 0),
              Code::kWrongPhase)) {
      return true;
    }
    if ((policy_.prohibited & purpose_) != 0) {
      for (const uint16_t index : policy_.gate_exclusions) {
        const CompiledExclusion& exclusion = policy_.exclusion[index];
        if (fails((exclusion.purposes & purpose_) != 0, exclusion.code)) return true;
      }
    }
    return fails((tafel_.purposes & purpose_) == 0, Code::kPurposeMismatch);
  }

  // Grants of this tafel between these two hats.
  void FindCell() {
    const size_t cell = size_t{tafel_.seat[request_.acting.hat.index()]} * tafel_.seats +
                        tafel_.seat[request_.source.hat.index()];
    cell_begin_ = tafel_.cells[cell];
    cell_end_ = tafel_.cells[cell + 1];
    closes_ = tafel_.cell_closes[cell];
    owned_ = policy_.hat[request_.source.hat.index()].owns;
  }

  // Step 6, but for the dimensions that the cell stands for.
  [[nodiscard]] bool MatchesRest(const CompiledGrant& grant) const {
    return (grant.purposes & purpose_) != 0 && (grant.phases & phase_) != 0 &&
           (grant.stages == 0 || (grant.stages & stage_) != 0);
  }

  // ---- Step 4: a closed signal is judged as a whole ----
  bool ClosedSignal() {
    if (!closes_) return false;
    for (uint32_t i = cell_begin_; i < cell_end_; ++i) {
      const CompiledGrant& grant = policy_.grant[tafel_.cell_grants[i]];
      if (!grant.closes_set || !MatchesRest(grant)) continue;
      const FieldSet in_set = request_.fields & grant.fields & owned_;
      if (in_set.empty()) continue;
      const FieldSet surplus = request_.fields - in_set;
      ConditionSet missing = surplus.empty() ? 0 : Bit(Condition::kGeslotenSet);
      for (ConditionSet rest = grant.signal_needs; rest != 0; rest &= rest - 1) {
        const auto condition = static_cast<Condition>(std::countr_zero(rest));
        if (!in_set.IsSubsetOf(source_.Of(condition).yes)) missing |= Bit(condition);
      }
      if (missing == 0) return false;
      Conclude(in_set, {.outcome = Outcome::kRefuse,
                        .code = Code::kSignalRejected,
                        .grant = GrantId(tafel_.cell_grants[i]),
                        .row = grant.closing_row,
                        .missing = missing});
      if (!surplus.empty()) {
        Conclude(surplus, {.outcome = Outcome::kRefuse, .code = Code::kSignalRejected});
      }
      return true;
    }
    return false;
  }

  // ---- Step 5: exclusions, source conditions, objections ----
  void Exclusions() {
    const CompiledTafel::Exclusions& here = tafel_.exclusions[request_.acting.hat.index()];
    if ((here.fields & open_).empty()) return;
    for (const uint16_t index : here.indices) {
      const CompiledExclusion& exclusion = policy_.exclusion[index];
      if ((exclusion.purposes & purpose_) == 0) continue;
      if (exclusion.stages != 0 && (exclusion.stages & stage_) == 0) continue;
      FieldSet hit = exclusion.fields & open_;
      if (hit.empty()) continue;
      for (ConditionSet rest = exclusion.unless; rest != 0; rest &= rest - 1) {
        hit -= source_.Of(static_cast<Condition>(std::countr_zero(rest))).yes;
      }
      if (hit.empty()) continue;
      ConcludeDecided(
          hit, {.outcome = Outcome::kRefuse, .code = exclusion.code, .exclusion = exclusion.id});
      open_ -= hit;
    }
  }

  void SourceBlocks() {
    source_.Blocks();
    const FieldSet conditioned = open_ & evidence_.source_condition;
    if (!conditioned.empty()) {
      ConcludeDecided(conditioned, {.outcome = Outcome::kRefuse, .code = Code::kSourceCondition});
      open_ -= conditioned;
    }
    const FieldSet objected = open_ & evidence_.objection;
    if (!objected.empty()) {
      ConcludeDecided(objected, {.outcome = Outcome::kRefuse, .code = Code::kSourceObjects});
      open_ -= objected;
    }
  }

  // ---- Steps 6 to 11 ----
  void Grants() {
    const FieldSet foreign = open_ - owned_;
    if (!foreign.empty())
      ConcludeDecided(foreign, {.outcome = Outcome::kRefuse, .code = Code::kNoGrant});
    // Each turn decides at least one field, and all that nothing tells apart from it.
    FieldSet left = open_ & owned_;
    while (!left.empty()) {
      FieldSet fields = left;
      DecideSet(fields);
      left -= fields;
    }
  }

  // Narrows `fields` to one side of `test`: to the fields inside it if any is, and the others wait
  // for another turn. Returns whether the fields left are inside.
  static bool Split(FieldSet& fields, const FieldSet& test) {
    const FieldSet inside = fields & test;
    if (inside.empty()) return false;
    fields = inside;
    return true;
  }

  [[nodiscard]] bool RowFits(const CompiledRow& row) const {
    return ((row.regimes >> static_cast<int>(tafel_.regime)) & 1) != 0 && InForce(row, today_) &&
           row.sources.Contains(request_.source.hat) &&
           row.recipients.Contains(request_.acting.hat) && (row.purposes & purpose_) != 0;
  }

  // Decides a part of `fields` that nothing tells apart, and narrows `fields` to it.
  void DecideSet(FieldSet& fields) {
    bool matches = false;
    // The alternative that misses least, and among those the least severely.
    struct Nearest {
      GrantId grant{};
      RowId row{};
      ConditionSet missing = 0;
      ConditionSet refused = 0;
    };
    Nearest nearest;
    int least = std::numeric_limits<int>::max();
    for (uint32_t i = cell_begin_; i < cell_end_; ++i) {
      const uint16_t grant_index = tafel_.cell_grants[i];
      const CompiledGrant& grant = policy_.grant[grant_index];
      if (!MatchesRest(grant) || !Split(fields, grant.fields)) continue;
      matches = true;
      RowId last_row{};
      bool last_fits = false;
      for (const Alternative& alternative : grant.alternatives) {
        const CompiledRow& row = policy_.row[alternative.row.index()];
        if (alternative.row != last_row) {
          last_row = alternative.row;
          last_fits = RowFits(row) && Split(fields, row.fields);
        }
        if (!last_fits) continue;
        ConditionSet missing = 0;
        ConditionSet refused = 0;
        Needs(fields, row, alternative.needs, missing, refused);
        if (missing == 0) {
          Release(fields, GrantId(grant_index), alternative.row,
                  grant.obligations | row.obligations);
          return;
        }
        const int count = std::popcount(missing);
        if (count > least ||
            (count == least && Severity(Miss(missing, refused).outcome) >=
                                   Severity(Miss(nearest.missing, nearest.refused).outcome))) {
          continue;
        }
        nearest = {GrantId(grant_index), alternative.row, missing, refused};
        least = count;
      }
    }
    if (!matches) {
      NoGrant(fields);
      return;
    }
    if (nearest.missing == 0) {
      ConcludeDecided(fields, {.outcome = Outcome::kRefuse, .code = Code::kNoBasis});
      return;
    }
    FieldDecision result = Miss(nearest.missing, nearest.refused);
    result.grant = nearest.grant;
    result.row = nearest.row;
    ConcludeDecided(fields, result);
  }

  // Step 9: which needs of an alternative are missing for `fields`, and which of those are refused.
  void Needs(FieldSet& fields, const CompiledRow& row, ConditionSet needs, ConditionSet& missing,
             ConditionSet& refused) {
    for (ConditionSet rest = needs; rest != 0; rest &= rest - 1) {
      const auto condition = static_cast<Condition>(std::countr_zero(rest));
      switch (condition) {
        case Condition::kWettelijkeTaakBenoemd:
          if ((row.powers & MaskBit(request_.task)) == 0) missing |= Bit(condition);
          continue;
        case Condition::kGezagOfOpenbareOrde:
        case Condition::kEigenBevoegdheidBenoemd:
          if ((row.powers & MaskBit(request_.power)) == 0) missing |= Bit(condition);
          continue;
        case Condition::kGeslotenSet:
          continue;  // step 4 has tested it
        default:
          break;
      }
      const Truth& truth = condition == Condition::kInzageToegestaan && row.by_mandate
                               ? source_.InzageAtMandate()
                               : source_.Of(condition);
      if (Split(fields, truth.yes)) continue;
      missing |= Bit(condition);
      if (Split(fields, truth.refused)) refused |= Bit(condition);
    }
  }

  // Step 10: outcome and code of an alternative, from what it misses.
  static FieldDecision Miss(ConditionSet missing, ConditionSet refused) {
    FieldDecision result;
    result.missing = missing;
    int severity = -1;
    for (ConditionSet rest = missing; rest != 0; rest &= rest - 1) {
      const auto condition = static_cast<Condition>(std::countr_zero(rest));
      const ConditionRule& rule = RuleOf(condition);
      const bool is_refused = (refused & Bit(condition)) != 0 && rule.refused_code.has_value();
      const Outcome outcome = is_refused ? Outcome::kRefuse : rule.absent_outcome;
      if (Severity(outcome) <= severity) continue;
      severity = Severity(outcome);
      result.outcome = outcome;
      result.code = is_refused ? *rule.refused_code : rule.absent_code;
    }
    return result;
  }

  // Steps 9, 11 and 12 for fields that an alternative releases.
  void Release(const FieldSet& fields, GrantId grant, RowId row, ObligationSet obligations) {
    source_.Values();
    const FieldSet over = fields & evidence_.term_over;
    if (!over.empty()) {
      ConcludeDecided(over, {.outcome = Outcome::kRefuse,
                             .code = Code::kRetentionExpired,
                             .grant = grant,
                             .row = row});
    }
    FieldSet released = fields - over;
    const FieldSet hidden = (released & policy_.ncnd) - evidence_.held;
    if (!hidden.empty()) {
      Conclude(hidden, {.outcome = Outcome::kNcnd, .code = Code::kNcnd});
      released -= hidden;
    }
    if (released.empty()) return;
    Conclude(released, {.outcome = Outcome::kRelease,
                        .code = Code::kReleased,
                        .grant = grant,
                        .row = row,
                        .obligations = obligations});
    (released & evidence_.held).ForEach([&](FieldId field) {
      decision_.fields[position_[field.index()]].value_held = true;
    });
  }

  // ---- Step 7: the nearer code of a refusal without a grant, of fields that the source owns ----
  void NoGrant(const FieldSet& fields) {
    FieldSet but_tafel{};
    FieldSet but_phase{};
    FieldSet but_purpose{};
    const size_t pair =
        size_t{request_.acting.hat.index()} * policy_.hat.size() + request_.source.hat.index();
    for (uint32_t i = policy_.pair_cells[pair]; i < policy_.pair_cells[pair + 1]; ++i) {
      const CompiledGrant& grant = policy_.grant[policy_.pair_grants[i]];
      const FieldSet hit = grant.fields & fields;
      if (hit.empty()) continue;
      const bool tafel =
          std::binary_search(grant.tafels.begin(), grant.tafels.end(), request_.tafel);
      const bool phase = (grant.phases & phase_) != 0;
      const bool stage = grant.stages == 0 || (grant.stages & stage_) != 0;
      const bool purpose = (grant.purposes & purpose_) != 0;
      if (static_cast<int>(tafel) + static_cast<int>(phase) + static_cast<int>(stage) +
              static_cast<int>(purpose) !=
          3) {
        continue;
      }
      (!tafel ? but_tafel : !purpose ? but_purpose : but_phase) |= hit;
    }
    FieldSet left = fields;
    const auto conclude = [&](const FieldSet& set, Code code) {
      const FieldSet part = left & set;
      if (!part.empty()) ConcludeDecided(part, {.outcome = Outcome::kRefuse, .code = code});
      left -= part;
    };
    conclude(but_tafel, Code::kWrongTable);
    conclude(but_phase, Code::kWrongPhase);
    conclude(but_purpose, Code::kPurposeMismatch);
    conclude(left, Code::kNoGrant);
  }

  const Compiled& policy_;
  const Request& request_;
  const int32_t today_;
  Source& source_;
  Decision& decision_;
  Evidence& evidence_;
  const CompiledTafel& tafel_;
  const Mask purpose_;
  const Mask stage_;
  const Mask phase_;
  FieldSet owned_{};
  FieldSet open_{};
  uint32_t cell_begin_ = 0;
  uint32_t cell_end_ = 0;
  bool closes_ = false;
  // Written before it is read; left as it is to save the clearing.
  std::array<uint8_t, kMaxFields> position_;  // NOLINT(cppcoreguidelines-pro-type-member-init)
};

}  // namespace

void Decide(const Policy& policy, const Request& request, const Facts& facts, Decision& decision) {
  FromFacts source(policy.compiled(), request, facts, decision.evidence);
  Procedure<FromFacts>(policy.compiled(), request, facts.today, source, decision).Run();
}

bool DecideFromEvidence(const Policy& policy, const Request& request, CivilDate today,
                        Decision& decision) {
  FromRecord source(request, decision.evidence);
  Procedure<FromRecord>(policy.compiled(), request, today, source, decision).Run();
  return source.complete();
}

}  // namespace sluis::policy
