#include "sluis/policy/explain.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <memory>
#include <utility>

#include "../engine/compiled.h"
#include "../engine/conditions.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "sluis/base/errors.h"
#include "sluis/base/text.h"
#include "sluis/policy/engine.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/facts.pb.h"

namespace sluis::policy {
namespace {

template <typename Visit>
void ForEach(ConditionSet set, Visit visit) {
  for (ConditionSet rest = set; rest != 0; rest &= rest - 1)
    visit(static_cast<Condition>(std::countr_zero(rest)));
}

int Severity(Outcome outcome) {
  if (outcome == Outcome::kNeedsConsent) return 0;
  return outcome == Outcome::kNeedsDecision ? 1 : 2;
}

// The procedure once more, a step at a time and a field at a time, over the grants as the convenant
// lists them instead of over the engine's index.
class Explainer {
 public:
  Explainer(const Compiled& policy, const Facts& facts, const Decision& decision,
            Explanation& explanation)
      : c_(policy),
        facts_(facts),
        decision_(decision),
        out_(explanation),
        request_(explanation.request),
        gates_(decision.evidence),
        tafel_(policy.tafel[explanation.request.tafel.index()]),
        today_(explanation.today.days()) {}

  // False when it comes out elsewhere than the engine.
  bool Run(const std::function<std::string(Obligation)>& due) {
    const auto refusal = Gates();
    if (!refusal) ClosedSignal();
    for (uint16_t i = 0; i < request_.field_count; ++i) {
      ExplainedField& field = out_.fields.emplace_back();
      field.decision = decision_.fields[i];
      FieldDecision own;
      own.field = request_.asked[i];
      if (refusal) {
        own.code = *refusal;
      } else {
        Field(field, own);
      }
      if (!Agrees(own, field.decision)) return false;
      for (int o = 1; o <= kObligationCount; ++o) {
        const auto obligation = static_cast<Obligation>(o);
        if ((field.decision.obligations & Bit(obligation)) != 0)
          field.duties.push_back({obligation, due(obligation)});
      }
    }
    return true;
  }

 private:
  using State = ExplainedGate::State;

  static bool Agrees(const FieldDecision& a, const FieldDecision& b) {
    return a.field == b.field && a.outcome == b.outcome && a.code == b.code && a.grant == b.grant &&
           a.row == b.row && a.exclusion == b.exclusion && a.obligations == b.obligations &&
           a.missing == b.missing;
  }

  [[nodiscard]] bool InForce(const CompiledRow& row) const {
    return row.from <= today_ && today_ <= row.until;
  }

  // Steps 2 and 3.
  std::optional<Code> Gates() {
    std::optional<Code> refusal;
    const auto gate = [&](std::string_view name, bool asked, bool fails, Code code) {
      ExplainedGate& result = out_.gates.emplace_back();
      result.name = name;
      if (refusal) return;
      result.state = !asked ? State::kNotAsked : fails ? State::kFailed : State::kPassed;
      if (result.state != State::kFailed) return;
      result.code = code;
      refusal = code;
    };
    const auto acceded = [&](PartijId id) {
      const CompiledPartij& partij = c_.partij[id.index()];
      return partij.acceded <= today_ && today_ <= partij.left;
    };
    gate("convenant", true, today_ < c_.valid_from || c_.valid_until < today_,
         Code::kConvenantNotValid);
    gate("acting partij", true, !acceded(request_.acting.partij), Code::kConvenantNotValid);
    gate("source partij", true, !acceded(request_.source.partij), Code::kConvenantNotValid);
    gate("acting hat", true,
         !c_.partij[request_.acting.partij.index()].hats.Contains(request_.acting.hat),
         Code::kNotAuthorisedPerson);
    gate("professional", true, !gates_.professional_ok, Code::kNotAuthorisedPerson);

    const auto regime = static_cast<size_t>(tafel_.regime);
    const bool wgs = tafel_.regime == Regime::kWgsSamenwerking;
    const bool wams = tafel_.regime == Regime::kWams;
    const bool persons = tafel_.person_data;
    const auto& opening = c_.opening_rows[regime];
    const bool no_row_opens =
        !opening.empty() && std::none_of(opening.begin(), opening.end(),
                                         [&](RowId row) { return InForce(c_.row[row.index()]); });
    gate("regime", true, ((c_.regimes_without_term >> regime) & 1) != 0 || no_row_opens,
         Code::kNoBasis);
    gate("person", true, !gates_.casus_known || (persons && !gates_.in_casus), Code::kNotInCasus);
    gate("other act", persons && wgs, gates_.radicalisation, Code::kOtherAct);
    gate("closed", persons && !tafel_.open_after_closing,
         gates_.closed || (c_.closing_stages & MaskBit(gates_.stage)) != 0, Code::kCaseClosed);
    gate("retention", persons && wgs, gates_.retention_over, Code::kRetentionExpired);
    gate("admitted", persons && tafel_.placement_required, !gates_.placed, Code::kCaseNotAdmitted);
    const auto seated = [&](HatId hat) { return tafel_.seat[hat.index()] != kNoSeat; };
    gate("seats", true, !seated(request_.acting.hat) || !seated(request_.source.hat),
         Code::kWrongTable);
    const bool overleg = tafel_.soort == TafelSoort::kOverleg;
    gate("participants", true,
         (tafel_.guests.Contains(request_.acting.hat) && !gates_.acting_invited) ||
             (tafel_.guests.Contains(request_.source.hat) && !gates_.source_invited) ||
             (overleg && !gates_.acting_admitted) || (overleg && wgs && !gates_.source_admitted),
         Code::kNotParticipant);
    gate("phase", true,
         (tafel_.phases & MaskBit(gates_.phase)) == 0 ||
             (wams &&
              (request_.stage != gates_.stage || (tafel_.stages & MaskBit(request_.stage)) == 0)),
         Code::kWrongPhase);
    Code prohibited = Code::kPurposeMismatch;
    bool is_prohibited = false;
    for (const CompiledExclusion& exclusion : c_.exclusion) {
      if (is_prohibited || !exclusion.before_purpose_gate ||
          (exclusion.purposes & MaskBit(request_.purpose)) == 0) {
        continue;
      }
      is_prohibited = true;
      prohibited = exclusion.code;
    }
    gate("purpose", true, is_prohibited || (tafel_.purposes & MaskBit(request_.purpose)) == 0,
         prohibited);
    return refusal;
  }

  [[nodiscard]] bool Owned(FieldId field) const {
    return c_.hat[request_.source.hat.index()].owns.Contains(field);
  }

  struct Dimensions {
    bool tafel, phase, stage, purpose;
    [[nodiscard]] int Count() const {
      return static_cast<int>(tafel) + static_cast<int>(phase) + static_cast<int>(stage) +
             static_cast<int>(purpose);
    }
  };
  [[nodiscard]] Dimensions DimensionsOf(const CompiledGrant& grant) const {
    return {std::binary_search(grant.tafels.begin(), grant.tafels.end(), request_.tafel),
            (grant.phases & MaskBit(gates_.phase)) != 0,
            grant.stages == 0 || (grant.stages & MaskBit(request_.stage)) != 0,
            (grant.purposes & MaskBit(request_.purpose)) != 0};
  }
  [[nodiscard]] bool Between(const CompiledGrant& grant) const {
    return grant.sources.Contains(request_.source.hat) &&
           grant.recipients.Contains(request_.acting.hat);
  }

  [[nodiscard]] Truth TruthOf(Condition condition) const {
    return EvaluateCondition(c_, request_, facts_, gates_, condition);
  }

  // Step 4.
  void ClosedSignal() {
    for (size_t g = 0; g < c_.grant.size(); ++g) {
      const CompiledGrant& grant = c_.grant[g];
      if (!grant.closes_set || !Between(grant) || DimensionsOf(grant).Count() != 4) continue;
      signal_set_ = request_.fields & grant.fields & c_.hat[request_.source.hat.index()].owns;
      if (signal_set_.empty()) continue;
      out_.closed_signal = true;
      out_.signal_grant = GrantId(static_cast<uint16_t>(g));
      if (!(request_.fields - signal_set_).empty())
        out_.signal_missing |= Bit(Condition::kGeslotenSet);
      ForEach(grant.signal_needs, [&](Condition condition) {
        if (!signal_set_.IsSubsetOf(TruthOf(condition).yes)) out_.signal_missing |= Bit(condition);
      });
      return;
    }
  }

  // Steps 5 to 12.
  void Field(ExplainedField& field, FieldDecision& own) {
    const FieldId id = own.field;
    field.owned = Owned(id);
    if (out_.signal_missing != 0) {
      own.code = Code::kSignalRejected;
      if (signal_set_.Contains(id)) {
        own.grant = out_.signal_grant;
        own.row = c_.grant[own.grant.index()].closing_row;
        own.missing = out_.signal_missing;
      }
      return;
    }
    Undisguised(field, own);
    field.ncnd = c_.ncnd.Contains(id);
    if (!field.ncnd) return;
    const bool held = EvaluateValues(c_, request_, facts_).held.Contains(id);
    if (own.outcome == Outcome::kRelease && held) return;
    const ExclusionId exclusion = own.exclusion;
    own = FieldDecision();
    own.field = id;
    own.outcome = Outcome::kNcnd;
    own.code = Code::kNcnd;
    own.exclusion = exclusion;
  }

  void Undisguised(ExplainedField& field, FieldDecision& own) {
    if (Exclusions(field, own)) return;
    field.source_condition = EvaluateSourceConditions(c_, request_, facts_).Contains(own.field);
    if (field.source_condition) {
      own.code = Code::kSourceCondition;
      return;
    }
    field.objection = EvaluateObjections(request_, facts_).Contains(own.field);
    if (field.objection) {
      own.code = Code::kSourceObjects;
      return;
    }
    Match(field, own);
    if (field.matching.empty()) return;
    Alternatives(field, own);
    if (own.outcome != Outcome::kRelease) return;
    field.term_over = EvaluateValues(c_, request_, facts_).term_over.Contains(own.field);
    if (!field.term_over) return;
    own.outcome = Outcome::kRefuse;
    own.code = Code::kRetentionExpired;
    own.obligations = 0;
  }

  bool Exclusions(ExplainedField& field, FieldDecision& own) const {
    for (const CompiledExclusion& exclusion : c_.exclusion) {
      if ((!exclusion.tafels.empty() && !exclusion.tafels[request_.tafel.index()]) ||
          !exclusion.recipients.Contains(request_.acting.hat) ||
          !exclusion.fields.Contains(own.field) ||
          (exclusion.purposes & MaskBit(request_.purpose)) == 0 ||
          (exclusion.stages != 0 && (exclusion.stages & MaskBit(request_.stage)) == 0)) {
        continue;
      }
      ExplainedExclusion& result = field.exclusions.emplace_back();
      result.exclusion = exclusion.id;
      result.unless = exclusion.unless;
      ForEach(exclusion.unless, [&](Condition condition) {
        if (!result.lifted_by && TruthOf(condition).yes.Contains(own.field))
          result.lifted_by = condition;
      });
      if (result.lifted_by) continue;
      own.code = exclusion.code;
      own.exclusion = exclusion.id;
      return true;
    }
    return false;
  }

  // Steps 6 and 7.
  void Match(ExplainedField& field, FieldDecision& own) const {
    for (size_t g = 0; g < c_.grant.size(); ++g) {
      const CompiledGrant& grant = c_.grant[g];
      if (!Between(grant) || !grant.fields.Contains(own.field) || !field.owned) continue;
      const Dimensions dimensions = DimensionsOf(grant);
      const GrantId id(static_cast<uint16_t>(g));
      if (dimensions.Count() == 4) field.matching.push_back(id);
      if (dimensions.Count() != 3) continue;
      field.near.push_back({id, !dimensions.tafel     ? NearGrant::Differs::kTafel
                                : !dimensions.purpose ? NearGrant::Differs::kPurpose
                                : !dimensions.phase   ? NearGrant::Differs::kPhase
                                                      : NearGrant::Differs::kStage});
    }
    if (!field.matching.empty()) {
      field.near.clear();
      return;
    }
    const auto any = [&](auto... differs) {
      return std::any_of(field.near.begin(), field.near.end(),
                         [&](const NearGrant& near) { return ((near.differs == differs) || ...); });
    };
    own.code = any(NearGrant::Differs::kTafel)                               ? Code::kWrongTable
               : any(NearGrant::Differs::kPhase, NearGrant::Differs::kStage) ? Code::kWrongPhase
               : any(NearGrant::Differs::kPurpose) ? Code::kPurposeMismatch
                                                   : Code::kNoGrant;
  }

  [[nodiscard]] NeedState StateOf(Condition condition, const CompiledRow& row,
                                  FieldId field) const {
    switch (condition) {
      case Condition::kGeslotenSet:
        return NeedState::kTrue;  // step 4 has judged it
      case Condition::kWettelijkeTaakBenoemd:
        return (row.powers & MaskBit(request_.task)) != 0 ? NeedState::kTrue : NeedState::kAbsent;
      case Condition::kGezagOfOpenbareOrde:
      case Condition::kEigenBevoegdheidBenoemd:
        return (row.powers & MaskBit(request_.power)) != 0 ? NeedState::kTrue : NeedState::kAbsent;
      default:
        break;
    }
    const Truth truth = condition == Condition::kInzageToegestaan && row.by_mandate
                            ? EvaluateInzageAtMandate(request_, facts_)
                            : TruthOf(condition);
    if (truth.yes.Contains(field)) return NeedState::kTrue;
    return truth.refused.Contains(field) ? NeedState::kRefused : NeedState::kAbsent;
  }

  // Steps 8 to 10.
  void Alternatives(ExplainedField& field, FieldDecision& own) const {
    own.code = Code::kNoBasis;
    std::optional<size_t> best;
    bool released = false;
    for (const GrantId id : field.matching) {
      const CompiledGrant& grant = c_.grant[id.index()];
      RowId last{};
      for (const Alternative& alternative : grant.alternatives) {
        const CompiledRow& row = c_.row[alternative.row.index()];
        if (alternative.row != last) {
          last = alternative.row;
          field.rows.push_back(Fit(alternative.row, own.field));
          field.row_grants.push_back(id);
        }
        if (!field.rows.back().Fits()) continue;
        ExplainedAlternative& result = field.alternatives.emplace_back();
        result.grant = id;
        result.row = alternative.row;
        result.outcome = Outcome::kRelease;
        result.code = Code::kReleased;
        ForEach(alternative.needs, [&](Condition condition) {
          const NeedState state = StateOf(condition, row, own.field);
          result.needs.push_back({condition, state});
          if (state == NeedState::kTrue) return;
          result.missing |= Bit(condition);
          const ConditionRule& rule = RuleOf(condition);
          const bool refused = state == NeedState::kRefused && rule.refused_code.has_value();
          const Outcome outcome = refused ? Outcome::kRefuse : rule.absent_outcome;
          if (result.outcome != Outcome::kRelease && Severity(outcome) <= Severity(result.outcome))
            return;
          result.outcome = outcome;
          result.code = refused ? *rule.refused_code : rule.absent_code;
        });
        if (released) continue;
        const size_t index = field.alternatives.size() - 1;
        const auto rank = [&](const ExplainedAlternative& a) {
          return std::pair(std::popcount(a.missing), Severity(a.outcome));
        };
        if (result.missing == 0) {
          released = true;
          best = index;
        } else if (!best || rank(result) < rank(field.alternatives[*best])) {
          best = index;
        }
      }
    }
    if (!best) return;
    ExplainedAlternative& deciding = field.alternatives[*best];
    deciding.decides = true;
    own.outcome = deciding.outcome;
    own.code = deciding.code;
    own.grant = deciding.grant;
    own.row = deciding.row;
    own.missing = deciding.missing;
    if (released) {
      own.obligations =
          c_.grant[deciding.grant.index()].obligations | c_.row[deciding.row.index()].obligations;
    }
  }

  [[nodiscard]] ExplainedRow Fit(RowId id, FieldId field) const {
    const CompiledRow& row = c_.row[id.index()];
    return {id,
            ((row.regimes >> static_cast<int>(tafel_.regime)) & 1) != 0,
            InForce(row),
            row.sources.Contains(request_.source.hat),
            row.recipients.Contains(request_.acting.hat),
            row.fields.Contains(field),
            (row.purposes & MaskBit(request_.purpose)) != 0};
  }

  const Compiled& c_;
  const Facts& facts_;
  const Decision& decision_;
  Explanation& out_;
  const Request& request_;
  const Evidence& gates_;
  const CompiledTafel& tafel_;
  const int32_t today_;
  FieldSet signal_set_{};
};

// ---- In words ----

struct Label {
  std::string_view nl;
  std::string_view en;
};

class Renderer {
 public:
  Renderer(const Explanation& explanation, const Policy& policy, const Texts& texts,
           Language language)
      : e_(explanation), policy_(policy), c_(policy.compiled()), texts_(texts), lang_(language) {}

  std::string ForRequester() {
    Head();
    for (const ExplainedField& field : e_.fields) {
      absl::StrAppend(&out_, "\n");
      Answer(field);
    }
    return std::move(out_);
  }

  std::string ForOfficer() {
    Head();
    Section({"Poorten (stap 2 en 3)", "Gates (steps 2 and 3)"});
    for (const ExplainedGate& gate : e_.gates) Gate(gate);
    if (e_.closed_signal) {
      Section({"Gesloten signaal (stap 4)", "Closed signal (step 4)"});
      Line(absl::StrCat(c_.grants.Name(e_.signal_grant), ": ",
                        e_.signal_missing == 0
                            ? In({"volledig", "complete"})
                            : In({"geweigerd, ontbreekt: ", "rejected, missing: "}),
                        Conditions(e_.signal_missing)));
    }
    for (const ExplainedField& field : e_.fields) {
      absl::StrAppend(&out_, "\n");
      Answer(field);
      absl::StrAppend(&out_, "  ", In({"voor de functionaris: ", "for the officer: "}),
                      texts_.Officer(field.decision.code, lang_), "\n");
      if (!StoppedEarly()) Steps(field);
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::string In(Label label) const {
    return std::string(lang_ == Language::kDutch ? label.nl : label.en);
  }
  void Section(Label label) { absl::StrAppend(&out_, "\n", In(label), "\n"); }
  void Line(const std::string& text) { absl::StrAppend(&out_, "  ", text, "\n"); }

  [[nodiscard]] std::string SideText(const Side& side) const {
    return absl::StrCat(policy_.NameOf(side.partij), "/", policy_.NameOf(side.hat));
  }
  [[nodiscard]] static std::string Conditions(ConditionSet set) {
    std::vector<std::string> names;
    ForEach(set, [&](Condition condition) { names.emplace_back(RuleOf(condition).name); });
    return absl::StrJoin(names, ", ");
  }
  [[nodiscard]] bool StoppedEarly() const {
    return e_.signal_missing != 0 ||
           std::any_of(e_.gates.begin(), e_.gates.end(), [](const ExplainedGate& gate) {
             return gate.state == ExplainedGate::State::kFailed;
           });
  }

  void Head() {
    absl::StrAppend(
        &out_, SideText(e_.request.acting), In({" vraagt ", " asks "}), SideText(e_.request.source),
        In({" aan ", " at "}), policy_.NameOf(e_.request.tafel), In({", doel ", ", purpose "}),
        policy_.NameOf(e_.request.purpose), ", ", e_.today.ToString(), "\n",
        In({"convenant ", "convenant "}), policy_.convenant_id(), " ", policy_.convenant_version(),
        In({", wet ", ", statute "}), policy_.statute_version(), "\n");
  }

  void Gate(const ExplainedGate& gate) {
    using State = ExplainedGate::State;
    static constexpr std::array<std::pair<std::string_view, Label>, 15> kNames{{
        {"convenant", {"het convenant is van kracht", "the convenant is in force"}},
        {"acting partij", {"de vrager is toegetreden", "the asking partij has acceded"}},
        {"source partij", {"de bron is toegetreden", "the source partij has acceded"}},
        {"acting hat", {"de vrager heeft de pet", "the asking partij holds the hat"}},
        {"professional", {"de professional is bevoegd", "the professional is authorised"}},
        {"regime", {"het regime is open", "the regime is open"}},
        {"person", {"casus bekend, persoon erin", "casus known, person in it"}},
        {"other act", {"geen andere wet gaat voor", "no other act goes before"}},
        {"closed", {"de casus is open", "the casus is open"}},
        {"retention", {"binnen de bewaartermijn", "within the term of retention"}},
        {"admitted", {"toegelaten tot de tafel", "admitted to the tafel"}},
        {"seats", {"beide petten zitten aan tafel", "both hats have a seat"}},
        {"participants", {"beide zijden toegelaten", "both sides admitted"}},
        {"phase", {"fase en stap passen", "phase and stage fit"}},
        {"purpose", {"het doel past bij de tafel", "the purpose is one of the tafel's"}},
    }};
    std::string text(gate.name);
    for (const auto& [name, label] : kNames) {
      if (name == gate.name) text = In(label);
    }
    switch (gate.state) {
      case State::kPassed:
        Line(absl::StrCat("+ ", text));
        break;
      case State::kFailed:
        Line(absl::StrCat("- ", text, In({": nee, ", ": no, "}), ToAbsl(CodeName(gate.code))));
        break;
      case State::kNotAsked:
        Line(absl::StrCat("  ", text, In({": hier niet gevraagd", ": not asked here"})));
        break;
      case State::kNotReached:
        Line(absl::StrCat("  ", text, In({": niet bereikt", ": not reached"})));
        break;
    }
  }

  // What the answer says.
  void Answer(const ExplainedField& field) {
    const FieldDecision& decision = field.decision;
    absl::StrAppend(&out_, policy_.NameOf(decision.field), ": ",
                    ToAbsl(OutcomeName(decision.outcome)), " (", ToAbsl(CodeName(decision.code)),
                    ")\n  ", texts_.Explain(decision, lang_, policy_, e_.request), "\n");
    if (decision.row.valid()) {
      Line(absl::StrCat(In({"grondslag: ", "grondslag: "}), policy_.NameOf(decision.row), ", ",
                        policy_.CitationOf(decision.row)));
    }
    for (const Duty& duty : field.duties) {
      Line(absl::StrCat(
          In({"plicht: ", "obligation: "}), texts_.ObligationText(duty.obligation, lang_),
          duty.due.empty() ? "" : absl::StrCat(In({" (tot en met ", " (until "}), duty.due, ")")));
    }
  }

  void Steps(const ExplainedField& field) {
    if (!field.owned) {
      Line(In({"de bron is niet de houder van dit veld", "the source does not own this field"}));
    }
    for (const ExplainedExclusion& exclusion : field.exclusions) {
      std::string text =
          absl::StrCat(In({"uitsluiting ", "exclusion "}), policy_.NameOf(exclusion.exclusion));
      if (exclusion.lifted_by) {
        absl::StrAppend(&text, In({": opgeheven door ", ": lifted by "}),
                        ToAbsl(RuleOf(*exclusion.lifted_by).name));
      } else {
        absl::StrAppend(&text, In({": weigert", ": refuses"}));
        if (exclusion.unless != 0)
          absl::StrAppend(&text, In({", tenzij ", ", unless "}), Conditions(exclusion.unless));
      }
      Line(text);
    }
    if (field.source_condition)
      Line(In({"een voorwaarde van de bron blokkeert", "a condition of the source blocks"}));
    if (field.objection) Line(In({"de bron heeft bezwaar", "the source objects"}));
    for (const NearGrant& near : field.near) Near(near);
    for (size_t i = 0; i < field.rows.size(); ++i) Row(field.row_grants[i], field.rows[i]);
    for (const ExplainedAlternative& alternative : field.alternatives) OneAlternative(alternative);
    if (field.term_over) Line(In({"de waarde is over haar termijn", "the value is past its term"}));
    if (field.ncnd && field.decision.outcome == Outcome::kNcnd) {
      Line(In({"niet bevestigd en niet ontkend: de vrager ziet niets van het bovenstaande",
               "neither confirmed nor denied: the requester sees nothing of the above"}));
    }
  }

  void Near(const NearGrant& near) {
    const v1::Grant& grant = c_.convenant.grants(near.grant.index());
    Label what{};
    std::string values;
    switch (near.differs) {
      case NearGrant::Differs::kTafel:
        what = {"aan tafel ", "at tafel "};
        values = absl::StrJoin(grant.tafels(), ", ");
        break;
      case NearGrant::Differs::kPhase:
        what = {"in fase ", "in phase "};
        values = absl::StrJoin(grant.phases(), ", ");
        break;
      case NearGrant::Differs::kStage:
        what = {"in stap ", "in stage "};
        values = absl::StrJoin(grant.stages(), ", ");
        break;
      case NearGrant::Differs::kPurpose:
        what = {"voor doel ", "for purpose "};
        values = absl::StrJoin(grant.purposes(), ", ");
        break;
    }
    Line(absl::StrCat(grant.id(), In({" zou gelden ", " would apply "}), In(what), values));
  }

  void Row(GrantId grant, const ExplainedRow& row) {
    std::vector<std::string> not_fitting;
    const auto test = [&](bool fits, Label label) {
      if (!fits) not_fitting.push_back(In(label));
    };
    test(row.regime, {"regime", "regime"});
    test(row.in_force, {"niet van kracht", "not in force"});
    test(row.source, {"bron", "source"});
    test(row.recipient, {"ontvanger", "recipient"});
    test(row.field, {"categorie of klasse", "category or class"});
    test(row.purpose, {"doel", "purpose"});
    Line(absl::StrCat(policy_.NameOf(grant), " → ", policy_.NameOf(row.row), " (",
                      policy_.CitationOf(row.row), "): ",
                      not_fitting.empty() ? In({"past", "fits"})
                                          : absl::StrCat(In({"past niet: ", "does not fit: "}),
                                                         absl::StrJoin(not_fitting, ", "))));
  }

  void OneAlternative(const ExplainedAlternative& alternative) {
    Line(absl::StrCat(alternative.decides ? "* " : "  ", policy_.NameOf(alternative.grant), " / ",
                      policy_.NameOf(alternative.row), ": ",
                      ToAbsl(OutcomeName(alternative.outcome)), " (",
                      ToAbsl(CodeName(alternative.code)), ")",
                      alternative.decides ? In({", beslist", ", decides"}) : ""));
    for (const ExplainedNeed& need : alternative.needs) {
      const std::string state = need.state == NeedState::kTrue      ? "+ "
                                : need.state == NeedState::kRefused ? "x "
                                                                    : "- ";
      Line(absl::StrCat("    ", state, ToAbsl(RuleOf(need.condition).name),
                        need.state == NeedState::kRefused  ? In({" (geweigerd)", " (refused)"})
                        : need.state == NeedState::kAbsent ? In({" (ontbreekt)", " (missing)"})
                                                           : ""));
    }
  }

  const Explanation& e_;
  const Policy& policy_;
  const Compiled& c_;
  const Texts& texts_;
  const Language lang_;
  std::string out_;
};

}  // namespace

absl::StatusOr<Explanation> Explain(const Policy& policy, const v1::Facts& facts,
                                    const v1::DecisionRequest& request, absl::Time now,
                                    CivilDate today) {
  Explanation explanation;
  explanation.now = now;
  explanation.today = today;
  const Malformation wrong = InternRequest(policy, request, explanation.request);
  if (wrong.kind != Malformation::Kind::kNone) {
    return WithMetadata(
        InvalidArgument(wrong.kind == Malformation::Kind::kBulk ? "BULK" : "MALFORMED",
                        wrong.message),
        kFieldKey, wrong.element);
  }
  const FactsBundle bundle(policy, facts, today);
  const Facts view =
      bundle.For(request.casus(), request.person(), request.partij(), request.professional(), now);
  const auto decision = std::make_unique<Decision>();
  Decide(policy, explanation.request, view, *decision);
  if (!Explainer(policy.compiled(), view, *decision, explanation).Run([&](Obligation obligation) {
        return DueOn(policy, facts, obligation, now, today);
      })) {
    return Internal("EXPLANATION_DIFFERS",
                    "the explanation does not come out where the engine does");
  }
  return explanation;
}

std::string DueOn(const Policy& policy, const v1::Facts& facts, Obligation obligation,
                  absl::Time now, CivilDate today) {
  const Compiled& c = policy.compiled();
  switch (obligation) {
    case Obligation::kInformeer1m:
      return today.AddMonths(1).ToString();
    case Obligation::kInformeerVt4w:
      return today.AddDays(28).ToString();
    case Obligation::kLogWjsg4j:
      return today.AddYears(4).ToString();
    case Obligation::kVervalt72u: {
      const auto opened = ParseInstant(facts.casus().timebox().opened_at());
      const absl::Time start = opened.value_or(now);
      return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", start + absl::Hours(c.terms.timebox_hours()),
                              absl::UTCTimeZone());
    }
    case Obligation::kVernietig5j: {
      const auto first = CivilDate::Parse(facts.casus().first_processed());
      if (!first.ok()) return {};
      for (const CompiledRetention& term : c.retention) {
        if (term.anchor != v1::Retention::EERSTE_VERWERKING_CASUS || term.term <= 0) continue;
        if (term.unit == v1::Retention::JAAR) return first->AddYears(term.term).ToString();
        if (term.unit == v1::Retention::MAAND) return first->AddMonths(term.term).ToString();
        if (term.unit == v1::Retention::DAG) return first->AddDays(term.term).ToString();
      }
      return {};
    }
    default:
      return {};
  }
}

std::string Render(const Explanation& explanation, const Policy& policy, const Texts& texts,
                   Language language, Audience audience) {
  Renderer renderer(explanation, policy, texts, language);
  return audience == Audience::kRequester ? renderer.ForRequester() : renderer.ForOfficer();
}

}  // namespace sluis::policy
