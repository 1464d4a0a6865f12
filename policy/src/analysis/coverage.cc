#include "sluis/policy/coverage.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "../engine/compiled.h"
#include "absl/strings/str_cat.h"

#include "sluis/base/errors.h"
#include "sluis/base/text.h"
#include "sluis/policy/cases.h"
#include "sluis/policy/explain.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"

namespace sluis::policy {
namespace {

std::string Name(Condition condition) { return std::string(RuleOf(condition).name); }

void Note(std::vector<size_t>& steps, size_t index) {
  if (steps.empty() || steps.back() != index) steps.push_back(index);
}

bool Contains(const std::vector<size_t>& steps, size_t index) {
  return !steps.empty() && steps.back() == index;
}

// An exclusion that the decision does not report, because a gate refuses for it.
bool IsGate(const v1::Exclusion& exclusion) {
  return exclusion.kind() != v1::Exclusion::VELD || exclusion.before_purpose_gate();
}

Code CodeOf(const v1::Exclusion& exclusion) {
  return static_cast<Code>(static_cast<int>(exclusion.code()) - 1);
}

bool IsRule(const std::string& id) { return id.rfind("R-", 0) == 0; }

// What one row can decide of one grant at one tafel: where it fits.
struct Reach {
  HatSet sources{};
  HatSet recipients{};
  FieldSet fields{};
  Mask purposes = 0;
  [[nodiscard]] bool empty() const {
    return sources.empty() || recipients.empty() || fields.empty() || purposes == 0;
  }
};

Reach ReachOf(const Compiled& c, const CompiledGrant& grant, const CompiledTafel& tafel,
              const CompiledRow& row) {
  const HatSet seats = tafel.members | tafel.guests;
  Reach reach;
  if (((row.regimes >> static_cast<int>(tafel.regime)) & 1) == 0) return reach;
  reach.sources = grant.sources & row.sources & seats;
  reach.recipients = grant.recipients & row.recipients & seats;
  reach.purposes = grant.purposes & tafel.purposes & row.purposes;
  FieldSet owned;
  reach.sources.ForEach([&](HatId hat) { owned |= c.hat[hat.index()].owns; });
  reach.fields = grant.fields & row.fields & owned;
  return reach;
}

// Whether `earlier`, tried before `later` in the same grant, is satisfied wherever `later` is, as
// far as `later` reaches.
bool Overtakes(const Compiled& c, const Alternative& earlier, const Alternative& later,
               const CompiledTafel& tafel, const Reach& reach) {
  const CompiledRow& before = c.row[earlier.row.index()];
  const CompiledRow& after = c.row[later.row.index()];
  const bool off = after.from > after.until;
  return (earlier.needs & ~later.needs) == 0 && before.by_mandate == after.by_mandate &&
         (after.powers & ~before.powers) == 0 &&
         ((before.regimes >> static_cast<int>(tafel.regime)) & 1) != 0 && !off &&
         before.from <= std::max(after.from, c.valid_from) &&
         before.until >= std::min(after.until, c.valid_until) &&
         reach.sources.IsSubsetOf(before.sources) &&
         reach.recipients.IsSubsetOf(before.recipients) && reach.fields.IsSubsetOf(before.fields) &&
         (reach.purposes & ~before.purposes) == 0;
}

bool Names(const v1::CaseStep& step, const std::string& id) {
  return std::find(step.proves().begin(), step.proves().end(), id) != step.proves().end();
}

}  // namespace

CaseRunner::CaseRunner(Document<v1::Statute> statute, Document<v1::Convenant> convenant)
    : statute_(std::move(statute)), convenant_(std::move(convenant)) {
  const auto conditions = [&](const auto& list) {
    for (const int condition : list) coverage_.conditions[Name(static_cast<Condition>(condition))];
  };
  for (const auto& row : statute_.message().rows()) {
    coverage_.rows[row.id()];
    conditions(row.conditions());
    conditions(row.one_of());
  }
  for (const auto& grant : convenant_.message().grants()) {
    coverage_.grants[grant.id()];
    conditions(grant.conditions());
    conditions(grant.one_of());
  }
  for (const auto& exclusion : convenant_.message().exclusions()) {
    coverage_.exclusions[exclusion.id()];
    conditions(exclusion.unless());
  }
  FindUnreachable();
}

void CaseRunner::FindUnreachable() {
  std::vector<Issue> issues;
  const auto policy = PolicyUnder(v1::OperatorSwitches(), issues);
  if (policy == nullptr) return;
  const Compiled& c = policy->compiled();
  std::map<std::string, bool> cited;  // with whether it can decide
  for (const CompiledGrant& grant : c.grant) {
    for (size_t later = 0; later < grant.alternatives.size(); ++later) {
      const Alternative& alternative = grant.alternatives[later];
      bool& decides = cited[c.rows.Name(alternative.row)];
      for (const TafelId id : grant.tafels) {
        const CompiledTafel& tafel = c.tafel[id.index()];
        const Reach reach = ReachOf(c, grant, tafel, c.row[alternative.row.index()]);
        if (reach.empty()) continue;
        decides |= std::none_of(grant.alternatives.begin(),
                                grant.alternatives.begin() + static_cast<ptrdiff_t>(later),
                                [&](const Alternative& earlier) {
                                  return Overtakes(c, earlier, alternative, tafel, reach);
                                });
      }
    }
  }
  for (const auto& [id, exercise] : coverage_.rows) {
    const auto found = cited.find(id);
    if (found == cited.end()) {
      unreachable_[id] = "no grant cites it";
    } else if (!found->second) {
      unreachable_[id] = "in every grant it fits nothing, or a row before it asks no more";
    }
  }
  for (const CompiledExclusion& exclusion : c.exclusion) {
    if (exclusion.fields.empty()) {
      unreachable_[c.exclusions.Name(exclusion.id)] = "it covers no field";
    }
  }
}

CaseRunner::~CaseRunner() = default;

size_t CaseRunner::failures() const {
  return static_cast<size_t>(std::count_if(
      steps_.begin(), steps_.end(), [](const StepResult& s) { return !s.differences.empty(); }));
}

std::shared_ptr<const Policy> CaseRunner::PolicyUnder(const v1::OperatorSwitches& switches,
                                                      std::vector<Issue>& issues) {
  auto& policy = policies_[switches.SerializeAsString()];
  if (policy == nullptr) {
    CompileResult compiled =
        Compile(statute_, convenant_,
                Document<v1::OperatorSwitches>::FromMessage(switches, "switches of the case"));
    policy = std::move(compiled.policy);
    issues = std::move(compiled.issues);
  }
  return policy;
}

void CaseRunner::Run(const Document<v1::PolicyCases>& cases) {
  Decision decision;
  for (int c = 0; c < cases.message().cases_size(); ++c) {
    const v1::PolicyCase& message = cases.message().cases(c);
    const size_t first = steps_.size();
    for (int s = 0; s < message.steps_size(); ++s) {
      const v1::CaseStep& step = message.steps(s);
      const Issue place = cases.At({{"cases", c}, {"steps", s}}, Issue::Severity::kError, "", "");
      StepResult result;
      result.case_id = message.id();
      result.step_id = step.id();
      result.ask = step.ask();
      result.file = place.file;
      result.line = place.line;
      result.proves.assign(step.proves().begin(), step.proves().end());
      if (!names_.emplace(absl::StrCat(message.id(), "\n", step.id()), steps_.size()).second)
        result.differences.emplace_back("another step has the same case and step id");
      steps_.push_back(std::move(result));
    }
    if (message.steps().empty()) {
      StepResult& result = steps_.emplace_back();
      result.case_id = message.id();
      result.file = cases.file();
      result.line = cases.At({{"cases", c}}, Issue::Severity::kError, "", "").line;
      result.differences.emplace_back("the case has no steps");
      continue;
    }
    const auto expanded = ExpandCase(message);
    if (!expanded.ok()) {
      steps_[first].differences.emplace_back(expanded.status().message());
      continue;
    }
    for (const ExpandedStep& step : *expanded) {
      const size_t index = first + static_cast<size_t>(step.index);
      std::vector<Issue> issues;
      const auto policy = PolicyUnder(*step.switches, issues);
      if (policy == nullptr) {
        steps_[index].differences.emplace_back("the policy does not compile under its switches");
        for (const Issue& issue : issues) steps_[index].differences.push_back(FormatIssue(issue));
        continue;
      }
      const absl::Status status = DecideMessages(*policy, *step.facts, step.step->request(),
                                                 step.now, step.today, decision);
      if (!status.ok() || step.step->has_error()) {
        StepResult& result = steps_[index];
        result.denies = true;
        const std::string expected =
            step.step->has_error()
                ? absl::StrCat(v1::ReasonCode::Id_Name(step.step->error().code()), " at ",
                               step.step->error().element())
                : "a decision";
        std::string actual = "a decision";
        if (!status.ok()) {
          const auto metadata = MetadataOf(status);
          const auto element = metadata.find(std::string(kFieldKey));
          actual = absl::StrCat(ReasonOf(status), " at ",
                                element == metadata.end() ? "" : element->second);
        }
        if (actual != expected)
          result.differences.push_back(absl::StrCat("is ", actual, ", expected ", expected));
        for (const std::string& id : step.step->proves()) {
          if (IsRule(id)) {
            Note(coverage_.rules[id].denials, index);
          } else {
            result.differences.push_back(absl::StrCat("proves ", id, ", but no field is decided"));
          }
        }
        continue;
      }
      RunStep(*policy, step, index, decision);
    }
  }
}

void CaseRunner::RunStep(const Policy& policy, const ExpandedStep& expanded, size_t index,
                         Decision& decision) {
  const v1::CaseStep& step = *expanded.step;
  StepResult& result = steps_[index];
  for (uint16_t i = 0; i < decision.count; ++i) {
    (decision.fields[i].outcome == Outcome::kRelease ? result.permits : result.denies) = true;
  }
  for (std::string& difference : Compare(policy, decision, step))
    result.differences.push_back(std::move(difference));
  Count(policy, expanded, index, decision);
  CheckProves(step, index);
}

// The answer of a field that is neither confirmed nor denied shows no grant and row, but they
// decided.
void CaseRunner::CountHidden(const Policy& policy, const ExpandedStep& expanded, size_t index,
                             uint16_t field) {
  const auto explanation =
      Explain(policy, *expanded.facts, expanded.step->request(), expanded.now, expanded.today);
  if (!explanation.ok()) return;
  for (const ExplainedAlternative& alternative : explanation->fields[field].alternatives) {
    if (!alternative.decides) continue;
    Note(coverage_.grants[policy.NameOf(alternative.grant)].denials, index);
    Note(coverage_.rows[policy.NameOf(alternative.row)].denials, index);
  }
}

void CaseRunner::Count(const Policy& policy, const ExpandedStep& expanded, size_t index,
                       const Decision& decision) {
  const v1::CaseStep& step = *expanded.step;
  const Compiled& c = policy.compiled();
  const auto for_each = [](ConditionSet set, auto visit) {
    for (int i = 1; i <= kConditionCount; ++i) {
      if ((set & Bit(static_cast<Condition>(i))) != 0) visit(static_cast<Condition>(i));
    }
  };
  const auto true_for = [&](Condition condition, FieldId field) {
    return (decision.evidence.evaluated & Bit(condition)) != 0 &&
           decision.evidence.truth[static_cast<size_t>(condition)].yes.Contains(field);
  };
  const HatId acting = policy.FindHat(step.request().acting_hat()).value_or(HatId());
  for (uint16_t i = 0; i < decision.count; ++i) {
    const FieldDecision& field = decision.fields[i];
    const bool released = field.outcome == Outcome::kRelease;
    if (field.outcome == Outcome::kNcnd) CountHidden(policy, expanded, index, i);
    const auto count = [&](Exercise& exercise) {
      Note(released ? exercise.permits : exercise.denials, index);
    };
    if (field.grant.valid()) count(coverage_.grants[c.grants.Name(field.grant)]);
    if (field.row.valid()) count(coverage_.rows[c.rows.Name(field.row)]);
    for_each(field.missing, [&](Condition condition) {
      Note(coverage_.conditions[Name(condition)].denials, index);
    });
    if (released) {
      const CompiledGrant& grant = c.grant[field.grant.index()];
      const CompiledRow& row = c.row[field.row.index()];
      for_each(grant.conditions | row.conditions, [&](Condition condition) {
        Note(coverage_.conditions[Name(condition)].permits, index);
      });
      // Of a choice, those that are true.
      const v1::Grant& document = c.convenant.grants(field.grant.index());
      ConditionSet choices = 0;
      for (const int choice : document.one_of()) choices |= Bit(static_cast<Condition>(choice));
      for (const Condition choice : row.one_of) choices |= Bit(choice);
      for_each(choices, [&](Condition condition) {
        if (true_for(condition, field.field))
          Note(coverage_.conditions[Name(condition)].permits, index);
      });
    }
    // What lifts an exclusion, whatever becomes of the field then.
    for (const CompiledExclusion& exclusion : c.exclusion) {
      if (!exclusion.fields.Contains(field.field) || !exclusion.recipients.Contains(acting))
        continue;
      for_each(exclusion.unless, [&](Condition condition) {
        if (true_for(condition, field.field))
          Note(coverage_.conditions[Name(condition)].permits, index);
      });
    }
    if (field.exclusion.valid()) {
      Note(coverage_.exclusions[c.exclusions.Name(field.exclusion)].denials, index);
      for (const CompiledExclusion& exclusion : c.exclusion) {
        if (exclusion.id != field.exclusion) continue;
        for_each(exclusion.unless, [&](Condition condition) {
          Note(coverage_.conditions[Name(condition)].denials, index);
        });
      }
    }
    for (const v1::Exclusion& exclusion : c.convenant.exclusions()) {
      if (!Names(step, exclusion.id())) continue;
      Exercise& exercise = coverage_.exclusions[exclusion.id()];
      if (released) Note(exercise.permits, index);
      if (!released && IsGate(exclusion) && !field.exclusion.valid() &&
          field.code == CodeOf(exclusion)) {
        Note(exercise.denials, index);
      }
    }
  }
  for (const std::string& id : step.proves()) {
    if (!IsRule(id)) continue;
    if (steps_[index].permits) Note(coverage_.rules[id].permits, index);
    if (steps_[index].denies) Note(coverage_.rules[id].denials, index);
  }
}

void CaseRunner::CheckProves(const v1::CaseStep& step, size_t index) {
  for (const std::string& id : step.proves()) {
    if (IsRule(id)) continue;
    const Exercise* exercise = nullptr;
    for (const auto* map : {&coverage_.grants, &coverage_.rows, &coverage_.exclusions}) {
      const auto found = map->find(id);
      if (found != map->end()) exercise = &found->second;
    }
    if (exercise == nullptr) {
      steps_[index].differences.push_back(
          absl::StrCat("proves ", id, ", which is no rule, grant, row or exclusion"));
    } else if (!Contains(exercise->permits, index) && !Contains(exercise->denials, index)) {
      steps_[index].differences.push_back(
          absl::StrCat("proves ", id, ", but that decided no field"));
    }
  }
}

std::vector<std::string> CaseRunner::Gaps() const {
  std::vector<std::string> gaps;
  const auto add = [&](std::string_view kind, const std::string& id, const std::string& note,
                       const Exercise& exercise) {
    if (unreachable_.count(id) != 0) return;
    const std::string what =
        absl::StrCat(ToAbsl(kind), " ", id, note.empty() ? "" : absl::StrCat(" (", note, ")"));
    if (exercise.permits.empty()) gaps.push_back(what + ": no case permits");
    if (exercise.denials.empty()) gaps.push_back(what + ": no case denies");
  };
  std::map<std::string, std::string> notes;
  for (const auto& row : statute_.message().rows()) notes[row.id()] = row.citation();
  for (const auto& exclusion : convenant_.message().exclusions())
    notes[exclusion.id()] = exclusion.nl();
  for (const auto& [id, exercise] : coverage_.grants) add("grant", id, "", exercise);
  for (const auto& [id, exercise] : coverage_.rows) add("row", id, notes[id], exercise);
  for (const auto& [id, exercise] : coverage_.exclusions) add("exclusion", id, notes[id], exercise);
  return gaps;
}

std::vector<std::string> CaseRunner::ConditionGaps() const {
  std::vector<std::string> gaps;
  for (const auto& [id, exercise] : coverage_.conditions) {
    if (exercise.permits.empty()) gaps.push_back(absl::StrCat("condition ", id, ": never true"));
    if (exercise.denials.empty()) gaps.push_back(absl::StrCat("condition ", id, ": never missing"));
  }
  return gaps;
}

}  // namespace sluis::policy
