#include "brute_force.h"

#include <algorithm>
#include <map>

#include "sluis/base/check.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"

namespace sluis::policy {
namespace {

template <typename List, typename Item>
bool Has(const List& list, const Item& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

template <typename List>
void Add(const List& list, std::set<int>& out) {
  for (const int value : list) out.insert(value);
}

// What may matter for one field between two hats, from the lists of the documents.
struct Relevant {
  std::set<int> conditions;
  std::set<std::string> tasks = {""};
  std::set<std::string> powers = {""};
  bool any = false;
};

void Collect(const Policy& policy, const std::string& source, const std::string& recipient,
             const std::string& field, Relevant& out) {
  for (const v1::Grant& grant : policy.convenant().grants()) {
    if (!Has(grant.source_hats(), source) || !Has(grant.recipient_hats(), recipient) ||
        !Has(grant.fields(), field)) {
      continue;
    }
    out.any = true;
    Add(grant.conditions(), out.conditions);
    Add(grant.one_of(), out.conditions);
    for (const v1::StatuteRow& row : policy.statute().rows()) {
      if (!Has(grant.grondslagen(), row.id())) continue;
      Add(row.conditions(), out.conditions);
      Add(row.one_of(), out.conditions);
      for (const auto* list : {&row.tasks(), &row.powers()}) {
        if (Has(row.conditions(), v1::Condition::WETTELIJKE_TAAK_BENOEMD) ||
            Has(grant.conditions(), v1::Condition::WETTELIJKE_TAAK_BENOEMD) ||
            Has(row.one_of(), v1::Condition::WETTELIJKE_TAAK_BENOEMD) ||
            Has(grant.one_of(), v1::Condition::WETTELIJKE_TAAK_BENOEMD)) {
          out.tasks.insert(list->begin(), list->end());
        }
        for (const auto power :
             {v1::Condition::GEZAG_OF_OPENBARE_ORDE, v1::Condition::EIGEN_BEVOEGDHEID_BENOEMD}) {
          if (Has(row.conditions(), power) || Has(grant.conditions(), power) ||
              Has(row.one_of(), power) || Has(grant.one_of(), power)) {
            out.powers.insert(list->begin(), list->end());
          }
        }
      }
    }
  }
  if (!out.any) return;
  for (const v1::Exclusion& exclusion : policy.convenant().exclusions())
    Add(exclusion.unless(), out.conditions);
}

bool OwnsField(const Policy& policy, const std::string& hat, const std::string& field) {
  const auto hat_id = policy.FindHat(hat);
  const auto field_id = policy.FindField(field);
  return hat_id && field_id && policy.Owns(*hat_id, *field_id);
}

// Conditions that no recorded fact makes true on its own: they follow from the policy.
bool FollowsFromPolicy(int condition) {
  return condition == v1::Condition::LID_VAN_TAFEL || condition == v1::Condition::GAST_TOEGELATEN ||
         condition == v1::Condition::DEELNEMER_IN_CASUS ||
         condition == v1::Condition::MACHTIGING_GELDIG ||
         condition == v1::Condition::AMVB_SCHULDHULP_8_2 ||
         condition == v1::Condition::GESLOTEN_SET ||
         condition == v1::Condition::WETTELIJKE_TAAK_BENOEMD ||
         condition == v1::Condition::GEZAG_OF_OPENBARE_ORDE ||
         condition == v1::Condition::EIGEN_BEVOEGDHEID_BENOEMD;
}

void VisitHolds(const Point& point, const Relevant& relevant, int max_conditions, Rng& rng,
                const std::function<void(const Point&, const Way&)>& visit) {
  std::vector<Condition> conditions;
  for (const int condition : relevant.conditions) {
    if (condition != 0 && !FollowsFromPolicy(condition))
      conditions.push_back(static_cast<Condition>(condition));
  }
  const CircumstanceSet person =
      Bit(point.person ? Circumstance::kAboutPerson : Circumstance::kAboutNobody);
  const CircumstanceSet free = ((CircumstanceSet{1} << kCircumstanceCount) - 1) &
                               ~Bit(Circumstance::kAboutPerson) & ~Bit(Circumstance::kAboutNobody);
  const auto with = [&](ConditionSet set, CircumstanceSet circumstances) {
    for (const std::string& task : relevant.tasks) {
      for (const std::string& power : relevant.powers) {
        Way holds{set, circumstances | person, {}, {}, 0};
        if (!task.empty()) holds.tasks = {task};
        if (!power.empty()) holds.powers = {power};
        visit(point, holds);
      }
    }
  };
  const auto chosen = [&](uint64_t bits) {
    ConditionSet set = 0;
    for (size_t i = 0; i < conditions.size(); ++i) {
      if (((bits >> i) & 1) != 0) set |= Bit(conditions[i]);
    }
    return set;
  };
  const uint64_t all = (uint64_t{1} << conditions.size()) - 1;
  if (static_cast<int>(conditions.size()) <= max_conditions) {
    for (uint64_t bits = 0; bits <= all; ++bits) with(chosen(bits), free);
  } else {
    // All, all but one or two, one, two, and a sample.
    with(chosen(all), free);
    with(0, free);
    for (size_t i = 0; i < conditions.size(); ++i) {
      for (size_t k = i; k < conditions.size(); ++k) {
        const uint64_t two = (uint64_t{1} << i) | (uint64_t{1} << k);
        with(chosen(all & ~two), free);
        with(chosen(two), free);
      }
    }
    for (int i = 0; i < (1 << max_conditions); ++i) with(chosen(rng() & all), free);
  }
  for (int i = 0; i < kCircumstanceCount; ++i) {
    const CircumstanceSet bit = Bit(static_cast<Circumstance>(i));
    if ((free & bit) == 0) continue;
    with(chosen(all), free & ~bit);
    with(chosen(all & rng()), free & ~bit);
  }
  with(chosen(all), free & static_cast<CircumstanceSet>(rng()));
}

template <typename List>
std::vector<std::string> Union(const std::vector<const Policy*>& policies, List list) {
  std::vector<std::string> names;
  for (const Policy* policy : policies) {
    for (const auto& element : list(policy->convenant())) {
      if (!Has(names, element.id())) names.push_back(element.id());
    }
  }
  return names;
}

}  // namespace

Witness WitnessAt(const Point& point, const Way& holds) {
  auto request = std::make_shared<v1::DecisionRequest>();
  request->set_partij(point.acting_partij);
  request->set_acting_hat(point.acting_hat);
  request->set_professional("p");
  request->set_casus("c");
  request->set_tafel(point.tafel);
  request->set_stage(point.stage);
  request->set_purpose(point.purpose);
  if (point.person) request->set_person("x");
  request->mutable_source()->set_partij(point.source_partij);
  request->mutable_source()->set_hat(point.source_hat);
  auto& asked = *request->add_fields();
  asked.set_field(point.field);
  if ((holds.conditions & Bit(Condition::kGemotiveerd)) != 0) asked.set_motivation("nodig");
  if (!holds.tasks.empty()) request->set_task(holds.tasks.front());
  if (!holds.powers.empty()) request->set_power(holds.powers.front());
  return {request, point.phase, point.stage, holds};
}

Release ReleaseAt(const Policy& policy, const Witness& witness, CivilDate day) {
  static thread_local Request request;
  static thread_local Decision decision;
  if (!DecideWitness(policy, witness, day, request, decision)) return {};
  const FieldDecision& field = decision.fields[0];
  return {field.outcome == Outcome::kRelease, field.code, field.obligations};
}

void ForEachQuestion(const std::vector<const Policy*>& policies, const std::vector<CivilDate>& days,
                     const Reach& reach, Rng& rng,
                     const std::function<void(const Point&, const Way&)>& visit) {
  const auto hats = Union(
      policies, [](const auto& c) -> const auto& { return c.hats(); });
  const auto tafels = Union(
      policies, [](const auto& c) -> const auto& { return c.tafels(); });
  const auto phases = Union(
      policies, [](const auto& c) -> const auto& { return c.phases(); });
  const auto purposes = Union(
      policies, [](const auto& c) -> const auto& { return c.purposes(); });
  auto stages = Union(
      policies, [](const auto& c) -> const auto& { return c.stages(); });
  stages.emplace_back("");
  std::set<std::string> fields;
  for (const Policy* policy : policies) {
    for (const v1::Field& field : policy->convenant().fields()) fields.insert(field.name());
  }
  // Holders of a hat in any of them.
  std::map<std::string, std::set<std::string>> holders;
  for (const Policy* policy : policies) {
    for (const v1::Partij& partij : policy->convenant().parties()) {
      for (const std::string& hat : partij.hats()) holders[hat].insert(partij.id());
    }
  }
  const auto some_owner = [&](const std::string& hat, const std::string& field) {
    return std::any_of(policies.begin(), policies.end(),
                       [&](const Policy* policy) { return OwnsField(*policy, hat, field); });
  };
  for (const std::string& recipient : hats) {
    for (const std::string& source : hats) {
      for (const std::string& field : fields) {
        Relevant relevant;
        for (const Policy* policy : policies) Collect(*policy, source, recipient, field, relevant);
        if (!relevant.any || !some_owner(source, field)) continue;
        for (const std::string& tafel : tafels) {
          std::set<std::string> at_phases;
          std::set<std::string> at_purposes;
          std::set<std::string> at_stages;
          std::set<bool> with_person;
          for (const Policy* policy : policies) {
            for (const v1::Tafel& candidate : policy->convenant().tafels()) {
              if (candidate.id() != tafel) continue;
              at_phases.insert(candidate.phases().begin(), candidate.phases().end());
              at_purposes.insert(candidate.purposes().begin(), candidate.purposes().end());
              at_stages.insert(candidate.stages().begin(), candidate.stages().end());
              if (candidate.regime() != v1::Regime::WAMS) at_stages.insert("");
              with_person.insert(candidate.person_data());
            }
          }
          for (const std::string& acting_partij : holders[recipient]) {
            for (const std::string& source_partij : holders[source]) {
              for (const std::string& phase : at_phases) {
                for (const std::string& purpose : at_purposes) {
                  for (const std::string& stage : at_stages) {
                    for (const bool person : with_person) {
                      for (const CivilDate day : days) {
                        if (static_cast<int>(rng() % 100) >= reach.percent) continue;
                        VisitHolds({acting_partij, recipient, source_partij, source, tafel, phase,
                                    stage, purpose, field, day, person},
                                   relevant, reach.max_conditions, rng, visit);
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

std::vector<CivilDate> TurningDays(const std::vector<const Policy*>& policies) {
  CivilDate from = CivilDate::FromDays(-100000);
  CivilDate until = CivilDate::FromDays(100000);
  std::set<CivilDate> days;
  const auto read = [](const std::string& text) { return CivilDate::Parse(text).value(); };
  for (const Policy* policy : policies) {
    from = std::max(from, read(policy->convenant().valid_from()));
    until = std::min(until, read(policy->convenant().valid_until()));
  }
  days.insert(from);
  const auto add = [&](const std::string& first, const std::string& last) {
    if (!first.empty()) days.insert(read(first));
    if (!last.empty()) days.insert(read(last).AddDays(1));
  };
  for (const Policy* policy : policies) {
    for (const auto& row : policy->statute().rows()) add(row.valid_from(), row.valid_until());
    for (const auto& row : policy->switches().rows()) add(row.from(), row.until());
    for (const auto& decision : policy->switches().decisions())
      add(decision.from(), decision.until());
    for (const auto& partij : policy->convenant().parties())
      add(partij.acceded_on(), partij.left_on());
  }
  std::vector<CivilDate> out;
  for (const CivilDate day : days) {
    if (from <= day && day <= until) out.push_back(day);
  }
  return out;
}

}  // namespace sluis::policy
