// Explanations: they come out where the engine does, name the nearest lawful route, and tell nobody
// more than the answer may.

#include "sluis/policy/explain.h"

#include <bit>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "case_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/policy/cases.h"
#include "sluis/policy/engine.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/policy/v1/texts.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::policy {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::sluis::testing::ReadSourceFile;
using ::sluis::testing::ReferencePolicy;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Step {
  ExpandedStep step;
  std::shared_ptr<const Policy> policy;
  [[nodiscard]] std::string Name() const { return step.case_id + " " + step.step->id(); }
  [[nodiscard]] absl::StatusOr<Explanation> Explained() const {
    return Explain(*policy, *step.facts, step.step->request(), step.now, step.today);
  }
};

// Every well-formed step of every case, with the policy that holds at it.
const std::vector<Step>& Steps() {
  static const auto* const steps = [] {
    auto* all = new std::vector<Step>();
    std::map<std::string, std::shared_ptr<const Policy>> policies;
    for (const auto& file : AllCaseFiles()) {
      for (const v1::PolicyCase& message : file.message().cases()) {
        auto expanded = ExpandCase(message);
        if (!expanded.ok()) ADD_FAILURE() << expanded.status();
        for (ExpandedStep& step : *expanded) {
          if (step.step->has_error()) continue;
          auto& policy = policies[step.switches->SerializeAsString()];
          if (policy == nullptr) policy = ReferencePolicy(*step.switches);
          all->push_back({std::move(step), policy});
        }
      }
    }
    return all;
  }();
  return *steps;
}

const Step& Find(const std::string& name) {
  for (const Step& step : Steps()) {
    if (step.Name() == name) return step;
  }
  ADD_FAILURE() << "no step " << name;
  return Steps().front();
}

const Texts& AllTexts() {
  static const auto* const result = new Texts::Result(Texts::Make(
      *ParseDocument<v1::Texts>("texts", ReadSourceFile("policy/documents/texts.textproto"))
           .document));
  return *result->texts;
}

std::string Rendered(const Step& step, Language language, Audience audience) {
  const auto explanation = step.Explained();
  if (!explanation.ok()) return explanation.status().ToString();
  return Render(*explanation, *step.policy, AllTexts(), language, audience);
}

TEST(ExplainTest, ComesOutWhereTheEngineDoes) {
  ASSERT_GT(Steps().size(), 600U);
  for (const Step& step : Steps()) {
    const auto explanation = step.Explained();
    ASSERT_THAT(explanation.status(), IsOk()) << step.Name();
    for (const ExplainedField& field : explanation->fields) {
      // What decides is marked, once.
      int deciding = 0;
      for (const ExplainedAlternative& alternative : field.alternatives)
        deciding += static_cast<int>(alternative.decides);
      EXPECT_EQ(deciding, field.alternatives.empty() ? 0 : 1) << step.Name();
    }
  }
}

// A field would be released if the conditions of `flipped` were true and everything else stayed.
class WhatIf {
 public:
  WhatIf(const Step& step, const Explanation& explanation, const ExplainedField& field)
      : step_(step), explanation_(explanation), field_(field) {
    const v1::DecisionRequest& request = step.step.step->request();
    const FactsBundle bundle(*step.policy, *step.step.facts, step.step.today);
    Decide(*step.policy, explanation.request,
           bundle.For(request.casus(), request.person(), request.partij(), request.professional(),
                      step.step.now),
           *decision_);
  }

  [[nodiscard]] bool Releases(ConditionSet flipped) const {
    // Tasks and powers are named by the request: tried is one of each row that asks one.
    const ConditionSet named = Bit(Condition::kWettelijkeTaakBenoemd) |
                               Bit(Condition::kGezagOfOpenbareOrde) |
                               Bit(Condition::kEigenBevoegdheidBenoemd);
    if ((flipped & named) == 0) return Decides(flipped, explanation_.request);
    for (const ExplainedAlternative& alternative : field_.alternatives) {
      const v1::StatuteRow& row =
          step_.policy->statute().rows(static_cast<int>(alternative.row.index()));
      v1::DecisionRequest request = step_.step.step->request();
      if ((flipped & Bit(Condition::kWettelijkeTaakBenoemd)) != 0 && !row.tasks().empty())
        request.set_task(row.tasks(0));
      if ((flipped & named & ~Bit(Condition::kWettelijkeTaakBenoemd)) != 0 && !row.powers().empty())
        request.set_power(row.powers(0));
      Request interned;
      EXPECT_EQ(InternRequest(*step_.policy, request, interned).kind, Malformation::Kind::kNone);
      if (Decides(flipped, interned)) return true;
    }
    return false;
  }

 private:
  [[nodiscard]] bool Decides(ConditionSet flipped, Request request) const {
    auto decision = std::make_unique<Decision>(*decision_);
    for (ConditionSet rest = flipped; rest != 0; rest &= rest - 1) {
      const auto index = static_cast<size_t>(std::countr_zero(rest));
      decision->evidence.evaluated |= Bit(static_cast<Condition>(index));
      decision->evidence.truth[index].yes = request.fields;
      decision->evidence.truth[index].refused = FieldSet();
      if (static_cast<Condition>(index) == Condition::kGemotiveerd)
        request.motivated = request.fields;
      if (static_cast<Condition>(index) == Condition::kInzageToegestaan) {
        decision->evidence.inzage_at_mandate = {request.fields, {}};
        decision->evidence.inzage_at_mandate_evaluated = true;
      }
    }
    DecideFromEvidence(*step_.policy, request, step_.step.today, *decision);
    for (uint16_t i = 0; i < decision->count; ++i) {
      if (decision->fields[i].field == field_.decision.field)
        return decision->fields[i].outcome == Outcome::kRelease;
    }
    return false;
  }

  const Step& step_;
  const Explanation& explanation_;
  const ExplainedField& field_;
  std::unique_ptr<Decision> decision_ = std::make_unique<Decision>();
};

// What the engine says is missing is enough, and nothing smaller is: neither a part of it nor any
// other set of conditions that the policy asks anywhere for this field.
TEST(ExplainTest, MissingIsTheNearestLawfulRoute) {
  int checked = 0;
  for (const Step& step : Steps()) {
    const auto explanation = step.Explained();
    ASSERT_THAT(explanation.status(), IsOk()) << step.Name();
    for (const ExplainedField& field : explanation->fields) {
      const ConditionSet missing = field.decision.missing;
      if (missing == 0 || field.alternatives.empty()) continue;
      SCOPED_TRACE(step.Name() + " " + step.policy->NameOf(field.decision.field));
      const WhatIf what_if(step, *explanation, field);
      EXPECT_TRUE(what_if.Releases(missing));
      std::vector<Condition> asked;
      for (int i = 1; i <= kConditionCount; ++i) {
        for (const ExplainedAlternative& alternative : field.alternatives) {
          if ((alternative.missing & Bit(static_cast<Condition>(i))) == 0) continue;
          asked.push_back(static_cast<Condition>(i));
          break;
        }
      }
      ASSERT_LE(asked.size(), 12U);
      for (uint32_t subset = 0; subset < (1U << asked.size()); ++subset) {
        if (std::popcount(subset) >= std::popcount(missing)) continue;
        ConditionSet flipped = 0;
        for (size_t i = 0; i < asked.size(); ++i) {
          if (((subset >> i) & 1U) != 0) flipped |= Bit(asked[i]);
        }
        EXPECT_FALSE(what_if.Releases(flipped)) << "a smaller set would do: " << flipped;
      }
      ++checked;
    }
  }
  EXPECT_GT(checked, 300);
}

// For whoever asks, a field that is neither confirmed nor denied reads the same whether the person
// is a patient or not, and says nothing of consent, grants or rows.
TEST(ExplainTest, NcndShowsTheRequesterNothing) {
  const Step& patient = Find("S-02 a");
  const Step& stranger = Find("S-02 b");
  for (const Language language : {Language::kDutch, Language::kEnglish}) {
    EXPECT_EQ(Rendered(patient, language, Audience::kRequester),
              Rendered(stranger, language, Audience::kRequester));
  }
  int hidden = 0;
  for (const Step& step : Steps()) {
    const auto explanation = step.Explained();
    ASSERT_THAT(explanation.status(), IsOk());
    bool all = true;
    for (const ExplainedField& field : explanation->fields) {
      if (field.decision.outcome != Outcome::kNcnd) {
        all = false;
        continue;
      }
      ++hidden;
      EXPECT_EQ(field.decision.missing, 0U) << step.Name();
      EXPECT_FALSE(field.decision.grant.valid()) << step.Name();
      EXPECT_FALSE(field.decision.row.valid()) << step.Name();
      EXPECT_TRUE(field.duties.empty()) << step.Name();
    }
    if (!all) continue;
    const std::string text = Rendered(step, Language::kEnglish, Audience::kRequester);
    EXPECT_THAT(text, AllOf(Not(HasSubstr("grondslag")), Not(HasSubstr("consent of")),
                            Not(HasSubstr("M51"))))
        << step.Name();
  }
  EXPECT_GT(hidden, 10);
  // The officer, who holds the facts, sees what decided.
  EXPECT_THAT(Rendered(patient, Language::kEnglish, Audience::kOfficer),
              AllOf(HasSubstr("M51"), HasSubstr("the requester sees nothing of the above")));
}

TEST(ExplainTest, ShowsTheStepsToTheOfficer) {
  EXPECT_THAT(
      Rendered(Find("M10 deny"), Language::kEnglish, Audience::kOfficer),
      AllOf(HasSubstr("Gates (steps 2 and 3)"), HasSubstr("+ the convenant is in force"),
            HasSubstr("M10 → G_WPG_18_2_MELDPUNT"), HasSubstr("* M10 / G_WPG_18_2_MELDPUNT"),
            HasSubstr("- MACHTIGING_GELDIG (missing)"), HasSubstr("+ POLITIE_TERMIJN_5J")));
  EXPECT_THAT(Rendered(Find("M10 deny"), Language::kDutch, Audience::kOfficer),
              AllOf(HasSubstr("Poorten (stap 2 en 3)"), HasSubstr("(ontbreekt)"),
                    HasSubstr("voor de functionaris")));
}

TEST(ExplainTest, ShowsWhereAGateClosed) {
  const Step& step = Find("R-A-09 R-W-45 R-A-45 R-A-38 X10 X11 X16 deny-closed");
  EXPECT_THAT(Rendered(step, Language::kEnglish, Audience::kOfficer),
              AllOf(HasSubstr("- the casus is open: no, CASE_CLOSED"),
                    HasSubstr("phase and stage fit: not reached")));
}

TEST(ExplainTest, ShowsExclusionsAndWhatLiftsThem) {
  EXPECT_THAT(Rendered(Find("R-C-17 X18 deny"), Language::kEnglish, Audience::kOfficer),
              HasSubstr("exclusion X18: refuses, unless GEEN_PLEGERZIJDE_AAN_TAFEL"));
  EXPECT_THAT(Rendered(Find("R-C-17 X18 permit"), Language::kEnglish, Audience::kOfficer),
              HasSubstr("exclusion X18: lifted by GEEN_PLEGERZIJDE_AAN_TAFEL"));
}

TEST(ExplainTest, ShowsWhichGrantIsNear) {
  EXPECT_THAT(Rendered(Find("R-A-01 R-W-05 R-A-04 deny-other-tafel"), Language::kEnglish,
                       Audience::kOfficer),
              HasSubstr("M76 would apply at tafel T_ZVH_CASUS"));
}

TEST(ExplainTest, DatesObligationsThatHaveATerm) {
  const auto due = [](const Step& step, Obligation obligation) {
    return DueOn(*step.policy, *step.step.facts, obligation, step.step.now, step.step.today);
  };
  const Step& crisis = Find("M91 permit");
  EXPECT_EQ(due(crisis, Obligation::kInformeer1m), "2026-12-23");
  EXPECT_EQ(due(crisis, Obligation::kInformeerVt4w), "2026-12-21");
  EXPECT_EQ(due(crisis, Obligation::kLogWjsg4j), "2030-11-23");
  // From the opening of the time box, not from the release.
  EXPECT_EQ(due(crisis, Obligation::kVervalt72u), "2026-11-25T23:00:00Z");
  // From first processing of the casus.
  EXPECT_EQ(due(crisis, Obligation::kVernietig5j), "2031-01-05");
  EXPECT_EQ(due(crisis, Obligation::kDoelgebonden), "");
  EXPECT_THAT(Rendered(crisis, Language::kEnglish, Audience::kRequester),
              HasSubstr("(until 2026-12-23)"));
}

TEST(ExplainTest, RefusesAMalformedRequest) {
  const Step& step = Find("M10 permit");
  v1::DecisionRequest request = step.step.step->request();
  request.clear_tafel();
  EXPECT_THAT(
      Explain(*step.policy, *step.step.facts, request, step.step.now, step.step.today).status(),
      IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"));
}

}  // namespace
}  // namespace sluis::policy
