// The metamorphic laws of the decision procedure, one property each, over random small policies and
// the reference policy. A failure prints the draw that breaks the law and the smallest question for
// which it still does; RC_PARAMS="seed=…" runs a draw again.
//
//   L01  Removing a grant never adds a release.
//   L02  Adding consent never removes a release.
//   L03  Adding an exclusion never adds a release.
//   L04  Permuting grants, rows or exclusions changes no release.
//   L05  A phase alone never authorises.
//   L06  The decision for one hat is independent of every other that neither asks nor is asked.
//   L07  Neither confirmed nor denied looks the same for a known patient and an unknown person.
//   L08  Splitting a request never releases more, nor does joining.
//   L09  Removing or withdrawing consent never adds a release.
//   L10  Adding a partij changes no outcome of another.
//   L11  Switching the Wams rows on changes only outcomes at Wams tafels.
//   L12  An objection or a condition of a source never adds a release.
//   L13  Narrowing a statute row never adds a release.
//   L14  Adding a condition to a grant or row never adds a release. (But see the test for a
//   mandate.) L15  The same question has the same answer, also from the record of the log. L17
//   Every release has an unbroken chain: grant, fitting row in force, true conditions. L18  Neither
//   the order nor the presence of other fields changes the outcome of a field. L19  What is not
//   known is never better than what is known to be against.
//
// (L16 is about the broker's commit.)

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"
#include "side_by_side.h"

#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"

namespace sluis::policy {
namespace {

using policy_oracle::FieldResult;
using policy_oracle::Result;

// Questions about one policy in one draw; a law that changes the documents compiles them once.
constexpr int kQuestions = kSanitized ? 2 : 25;
// How many of 100 draws of so many questions have to be about a release.
constexpr int kEnoughReleases = 8 * kQuestions;

// How often a law had something to say. Without that a property is empty.
struct Weight {
  int questions = 0;
  int releases = 0;
};

uint64_t AnySeed() {
  return *rc::gen::noShrink(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<uint64_t>()));
}

// A policy: the reference one in a third of the draws, otherwise a random one of a size that
// shrinks.
Documents AnyDocuments(Rng& rng) {
  const int size = *rc::gen::inRange(1, 11);
  const bool reference = *rc::gen::weightedElement<bool>({{2, false}, {1, true}});
  return reference ? policy_oracle::RandomlySwitchedReferencePolicy(rng)
                   : policy_oracle::RandomPolicy(rng, size);
}

std::set<std::string> Released(const Result& result) {
  std::set<std::string> names;
  for (const auto& [name, field] : result.fields) {
    if (field.outcome == Outcome::kRelease) names.insert(name);
  }
  return names;
}

bool IsSubset(const std::set<std::string>& small, const std::set<std::string>& large) {
  return std::includes(large.begin(), large.end(), small.begin(), small.end());
}

bool IsSignal(const Result& result) {
  return std::any_of(result.fields.begin(), result.fields.end(),
                     [](const auto& entry) { return entry.second.code == Code::kSignalRejected; });
}

// What breaks a law, or nothing. `before` and `after` are the engine's answers.
using Breach = std::optional<std::string>;

Breach AddsNoRelease(const Result& before, const Result& after) {
  if (IsSubset(Released(after), Released(before))) return std::nullopt;
  return absl::StrCat("a release more; before as \"oracle\", after as \"engine\":\n",
                      Differences(after, before));
}
Breach RemovesNoRelease(const Result& before, const Result& after) {
  if (IsSubset(Released(before), Released(after))) return std::nullopt;
  return absl::StrCat("a release less; before as \"oracle\", after as \"engine\":\n",
                      Differences(after, before));
}
Breach SameReleases(const Result& before, const Result& after) {
  if (Released(before) == Released(after)) return std::nullopt;
  return absl::StrCat("other releases; before as \"oracle\", after as \"engine\":\n",
                      Differences(after, before));
}
Breach SameAnswer(const Result& before, const Result& after) {
  const std::string difference = Differences(after, before);
  if (difference.empty()) return std::nullopt;
  return absl::StrCat("another answer; before as \"oracle\", after as \"engine\":\n", difference);
}

void FailIf(const Breach& breach, const Documents& documents, const Input& input) {
  if (!breach) return;
  RC_LOG() << *breach;
  RC_LOG() << MinimalReproduction(documents, input, [](const auto&, const auto&) { return false; });
  RC_FAIL("the law is broken");
}

// A law about a change of the documents.
void CheckDocumentsLaw(const std::function<Documents(Rng&, const Documents&)>& change,
                       const std::function<Breach(const Documents&, const Input&, const Result&,
                                                  const Result&)>& law) {
  Weight weight;
  EXPECT_TRUE(rc::check([&] {
    Rng rng(AnySeed());
    const Documents documents = AnyDocuments(rng);
    const Documents changed = change(rng, documents);
    const auto policy = CompileDocuments(documents);
    const auto after = CompileDocuments(changed);
    RC_ASSERT(policy != nullptr);
    if (after == nullptr) RC_DISCARD("the changed documents do not compile");
    for (int i = 0; i < kQuestions; ++i) {
      const Input input = policy_oracle::RandomInput(rng, documents);
      const Result then = EngineResult(*policy, input);
      ++weight.questions;
      weight.releases += static_cast<int>(Released(then).size());
      FailIf(law(documents, input, then, EngineResult(*after, input)), documents, input);
    }
  }));
  EXPECT_GT(weight.releases, kEnoughReleases);
}

// A law about a change of the facts or the request.
void CheckQuestionLaw(const std::function<Breach(Rng&, const Documents&, const Policy&,
                                                 const Input&, const Result&)>& law) {
  Weight weight;
  EXPECT_TRUE(rc::check([&] {
    Rng rng(AnySeed());
    const Documents documents = AnyDocuments(rng);
    const auto policy = CompileDocuments(documents);
    RC_ASSERT(policy != nullptr);
    for (int i = 0; i < kQuestions; ++i) {
      const Input input = policy_oracle::RandomInput(rng, documents);
      const Result before = EngineResult(*policy, input);
      ++weight.questions;
      weight.releases += static_cast<int>(Released(before).size());
      FailIf(law(rng, documents, *policy, input, before), documents, input);
    }
  }));
  EXPECT_GT(weight.releases, kEnoughReleases);
}

Result WithFacts(const Policy& policy, const Input& input, v1::Facts facts) {
  Input changed = input;
  changed.facts = std::move(facts);
  return EngineResult(policy, changed);
}

// --- The chain of a release ---------------------------------------------------------------------

template <typename List, typename Value>
bool Has(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

const v1::Tafel* TafelOf(const Documents& documents, const std::string& id) {
  for (const v1::Tafel& tafel : documents.convenant.tafels()) {
    if (tafel.id() == id) return &tafel;
  }
  return nullptr;
}

const v1::Field* FieldOf(const Documents& documents, const std::string& name) {
  for (const v1::Field& field : documents.convenant.fields()) {
    if (field.name() == name) return &field;
  }
  return nullptr;
}

bool DaysContain(const std::string& from, const std::string& until, CivilDate today) {
  const auto first = CivilDate::Parse(from);
  if (!first.ok() || today < *first) return false;
  if (until.empty()) return true;
  const auto last = CivilDate::Parse(until);
  return last.ok() && today <= *last;
}

bool InForce(const Documents& documents, const v1::StatuteRow& row, CivilDate today) {
  if (!row.off_until_dated()) return DaysContain(row.valid_from(), row.valid_until(), today);
  return std::any_of(
      documents.switches.rows().begin(), documents.switches.rows().end(), [&](const auto& dates) {
        return dates.row() == row.id() && DaysContain(dates.from(), dates.until(), today);
      });
}

// Whether the evidence of the decision says that the condition holds for the field.
bool HoldsFor(const Policy& policy, const EngineRun& run, const v1::StatuteRow& row,
              const v1::DecisionRequest& request, int condition, const std::string& field) {
  switch (condition) {
    case v1::Condition::WETTELIJKE_TAAK_BENOEMD:
      return Has(row.tasks(), request.task());
    case v1::Condition::GEZAG_OF_OPENBARE_ORDE:
    case v1::Condition::EIGEN_BEVOEGDHEID_BENOEMD:
      return Has(row.powers(), request.power());
    case v1::Condition::GESLOTEN_SET:
      return true;  // a rejected signal releases nothing
    default:
      break;
  }
  const Evidence& evidence = run.decision.evidence;
  const FieldId id = *policy.FindField(field);
  if (condition == v1::Condition::INZAGE_TOEGESTAAN &&
      Has(row.conditions(), static_cast<int>(v1::Condition::MANDAAT_VAN_KRACHT))) {
    return evidence.inzage_at_mandate_evaluated && evidence.inzage_at_mandate.yes.Contains(id);
  }
  return (evidence.evaluated & Bit(static_cast<Condition>(condition))) != 0 &&
         evidence.truth[static_cast<size_t>(condition)].yes.Contains(id);
}

// What is missing in the chain of the release of `field`; nothing when it is whole.
Breach BrokenChain(const Documents& documents, const Policy& policy, const Input& input,
                   const EngineRun& run, const std::string& field, const FieldResult& result) {
  const v1::DecisionRequest& request = input.request;
  const auto broken = [&](const std::string& what) -> Breach {
    return absl::StrCat("the release of ", field, " by ", result.grant, " and ", result.grondslag,
                        " has no ", what);
  };
  const v1::Grant* grant = nullptr;
  for (const v1::Grant& candidate : documents.convenant.grants()) {
    if (candidate.id() == result.grant) grant = &candidate;
  }
  const v1::StatuteRow* row = nullptr;
  for (const v1::StatuteRow& candidate : documents.statute.rows()) {
    if (candidate.id() == result.grondslag) row = &candidate;
  }
  const v1::Tafel* tafel = TafelOf(documents, request.tafel());
  const v1::Field* known = FieldOf(documents, field);
  if (grant == nullptr || row == nullptr || tafel == nullptr || known == nullptr)
    return broken("grant, row, tafel or field");
  const std::string& phase = input.facts.casus().phase();
  if (!Has(grant->tafels(), request.tafel()) || !Has(grant->phases(), phase) ||
      !Has(grant->purposes(), request.purpose()) ||
      !Has(grant->source_hats(), request.source().hat()) ||
      !Has(grant->recipient_hats(), request.acting_hat()) || !Has(grant->fields(), field) ||
      (!grant->stages().empty() && !Has(grant->stages(), request.stage()))) {
    return broken("grant that covers the request");
  }
  if (!Has(tafel->phases(), phase) || !Has(tafel->purposes(), request.purpose()))
    return broken("tafel that serves the request");
  if (!known->each_holder_owns() && !Has(known->owner_hats(), request.source().hat()))
    return broken("source that owns the field");
  if (!Has(grant->grondslagen(), row->id())) return broken("citation of the row by the grant");
  if (!InForce(documents, *row, input.now.today)) return broken("row in force");
  if (!Has(row->regimes(), tafel->regime()) || !Has(row->source_hats(), request.source().hat()) ||
      !Has(row->recipient_hats(), request.acting_hat()) ||
      !Has(row->categories(), known->category()) ||
      (!row->classes().empty() && !Has(row->classes(), known->data_class())) ||
      !Has(row->purposes(), request.purpose())) {
    return broken("row that fits");
  }
  for (const auto* conditions : {&grant->conditions(), &row->conditions()}) {
    for (const int condition : *conditions) {
      if (!HoldsFor(policy, run, *row, request, condition, field))
        return broken(v1::Condition::Id_Name(static_cast<v1::Condition::Id>(condition)));
    }
  }
  for (const auto* choices : {&grant->one_of(), &row->one_of()}) {
    if (!choices->empty() && std::none_of(choices->begin(), choices->end(), [&](int condition) {
          return HoldsFor(policy, run, *row, request, condition, field);
        })) {
      return broken("true choice");
    }
  }
  return std::nullopt;
}

Breach BrokenChains(const Documents& documents, const Policy& policy, const Input& input) {
  EngineRun run;
  RunEngine(policy, input, run);
  const Result result = InWords(policy, run);
  for (const auto& [name, field] : result.fields) {
    if (field.outcome != Outcome::kRelease) continue;
    if (auto breach = BrokenChain(documents, policy, input, run, name, field)) return breach;
  }
  return std::nullopt;
}

// --- The laws -----------------------------------------------------------------------------------

TEST(LawsTest, L01RemovingAGrantNeverAddsARelease) {
  CheckDocumentsLaw(
      [](Rng& rng, const Documents& documents) { return RemoveGrant(rng, documents); },
      [](const Documents&, const Input&, const Result& before, const Result& after) -> Breach {
        // A closed signal with a surplus field is refused whole. Without the grant that closes it,
        // it is an ordinary request.
        if (IsSignal(before)) return std::nullopt;
        return AddsNoRelease(before, after);
      });
}

TEST(LawsTest, L02AddingConsentNeverRemovesARelease) {
  CheckQuestionLaw([](Rng& rng, const Documents& documents, const Policy& policy,
                      const Input& input, const Result& before) {
    return RemovesNoRelease(before, WithFacts(policy, input, AddConsent(rng, documents, input)));
  });
}

TEST(LawsTest, L03AddingAnExclusionNeverAddsARelease) {
  CheckDocumentsLaw(
      [](Rng& rng, const Documents& documents) { return AddExclusion(rng, documents); },
      [](const Documents&, const Input&, const Result& before, const Result& after) {
        return AddsNoRelease(before, after);
      });
}

TEST(LawsTest, L04PermutingGrantsRowsOrExclusionsChangesNoRelease) {
  CheckDocumentsLaw(
      [](Rng& rng, const Documents& documents) {
        return PermuteExclusions(rng, PermuteRows(rng, PermuteGrants(rng, documents)));
      },
      [](const Documents&, const Input&, const Result& before, const Result& after) {
        return SameReleases(before, after);
      });
}

TEST(LawsTest, L05APhaseAloneNeverAuthorises) {
  CheckQuestionLaw([](Rng& rng, const Documents& documents, const Policy& policy,
                      const Input& input, const Result&) {
    Input changed = input;
    changed.facts = ChangePhase(rng, documents, input);
    return BrokenChains(documents, policy, changed);
  });
}

TEST(LawsTest, L06AHatThatNeitherAsksNorIsAskedChangesNothing) {
  CheckQuestionLaw([](Rng& rng, const Documents& documents, const Policy& policy,
                      const Input& input, const Result& before) -> Breach {
    if (auto breach =
            SameAnswer(before, WithFacts(policy, input, AdmitUnrelatedHat(rng, documents, input))))
      return breach;
    return SameAnswer(before, WithFacts(policy, input, RemoveUnrelatedHats(documents, input)));
  });
}

TEST(LawsTest, L06AGrantToAnotherHatChangesNothing) {
  Weight weight;
  EXPECT_TRUE(rc::check([&] {
    Rng rng(AnySeed());
    const Documents documents = AnyDocuments(rng);
    const auto policy = CompileDocuments(documents);
    RC_ASSERT(policy != nullptr);
    for (int i = 0; i < (kSanitized ? 1 : 3); ++i) {
      const Input input = policy_oracle::RandomInput(rng, documents);
      const auto after = CompileDocuments(GrantToUnrelatedHat(rng, documents, input));
      RC_ASSERT(after != nullptr);
      const Result before = EngineResult(*policy, input);
      weight.releases += static_cast<int>(Released(before).size());
      FailIf(SameAnswer(before, EngineResult(*after, input)), documents, input);
    }
  }));
  EXPECT_GT(weight.releases, kSanitized ? 3 : 30);
}

TEST(LawsTest, L07NeitherConfirmedNorDeniedLooksTheSameForEverybody) {
  int hidden_with_value = 0;
  CheckQuestionLaw([&](Rng&, const Documents& documents, const Policy& policy, const Input& input,
                       const Result& before) -> Breach {
    // The same question about a person of the casus about whom the source holds nothing.
    v1::Facts facts = input.facts;
    auto& holdings = *facts.mutable_holdings();
    for (int i = holdings.size() - 1; i >= 0; --i) {
      const v1::Field* field = FieldOf(documents, holdings[i].field());
      if (field != nullptr && field->ncnd()) holdings.DeleteSubrange(i, 1);
    }
    const Result unknown = WithFacts(policy, input, facts);
    FieldResult form;
    form.outcome = Outcome::kNcnd;
    form.code = Code::kNcnd;
    for (const auto& [name, field] : before.fields) {
      const v1::Field* known = FieldOf(documents, name);
      if (known == nullptr || !known->ncnd()) continue;
      const auto is_form = [&](FieldResult result) {
        result.exclusion.clear();  // for the officer alone
        return result == form;
      };
      const FieldResult& of_unknown = unknown.fields.at(name);
      if (of_unknown.outcome == Outcome::kRelease)
        return absl::StrCat(name, ": a release without a value");
      if (field.outcome == Outcome::kNcnd) {
        if (!is_form(field) || !is_form(of_unknown))
          return absl::StrCat(name, ": the two answers differ");
        if (holdings.size() < input.facts.holdings_size()) ++hidden_with_value;
      } else if (field.outcome != Outcome::kRelease && !(of_unknown == field)) {
        // A gate: it does not look at values.
        return absl::StrCat(name, ": the gate looks at the value");
      }
    }
    return std::nullopt;
  });
  EXPECT_GT(hidden_with_value, kSanitized ? 0 : 10);
}

TEST(LawsTest, L08SplittingNeverReleasesMoreNorDoesJoining) {
  CheckQuestionLaw([](Rng&, const Documents&, const Policy& policy, const Input& input,
                      const Result& before) -> Breach {
    if (before.malformed || before.bulk) return std::nullopt;
    Result parts;
    for (v1::DecisionRequest& part : policy_oracle::SplitRequest(input.request)) {
      Input one = input;
      one.request = std::move(part);
      for (auto& [name, field] : EngineResult(policy, one).fields) parts.fields[name] = field;
    }
    // By design a closed signal with a surplus field is refused whole.
    if (IsSignal(before)) return RemovesNoRelease(before, parts);
    return SameReleases(before, parts);
  });
}

TEST(LawsTest, L09RemovingOrWithdrawingConsentNeverAddsARelease) {
  CheckQuestionLaw([](Rng& rng, const Documents&, const Policy& policy, const Input& input,
                      const Result& before) -> Breach {
    if (auto breach =
            AddsNoRelease(before, WithFacts(policy, input, RemoveGivenConsent(rng, input))))
      return breach;
    return AddsNoRelease(before, WithFacts(policy, input, WithdrawConsent(rng, input)));
  });
}

TEST(LawsTest, L10AddingAPartijChangesNoOutcomeOfAnother) {
  CheckDocumentsLaw([](Rng& rng, const Documents& documents) { return AddPartij(rng, documents); },
                    [](const Documents&, const Input&, const Result& before, const Result& after) {
                      return SameAnswer(before, after);
                    });
}

TEST(LawsTest, L11TheWamsRowsConcernWamsTafelsOnly) {
  CheckDocumentsLaw(
      [](Rng&, const Documents& documents) { return SetWamsTerms(SwitchWamsRowsOn(documents)); },
      [](const Documents& documents, const Input& input, const Result& before,
         const Result& after) -> Breach {
        const v1::Tafel* tafel = TafelOf(documents, input.request.tafel());
        if (tafel != nullptr && tafel->regime() == v1::Regime::WAMS) return std::nullopt;
        return SameAnswer(before, after);
      });
}

TEST(LawsTest, L12ASourceThatObjectsOrSetsAConditionNeverAddsARelease) {
  CheckQuestionLaw([](Rng& rng, const Documents& documents, const Policy& policy,
                      const Input& input, const Result& before) -> Breach {
    if (auto breach =
            AddsNoRelease(before, WithFacts(policy, input, AddObjection(rng, documents, input))))
      return breach;
    return AddsNoRelease(before,
                         WithFacts(policy, input, AddSourceCondition(rng, documents, input)));
  });
}

TEST(LawsTest, L13NarrowingAStatuteRowNeverAddsARelease) {
  CheckDocumentsLaw([](Rng& rng, const Documents& documents) { return NarrowRow(rng, documents); },
                    [](const Documents&, const Input&, const Result& before, const Result& after) {
                      return AddsNoRelease(before, after);
                    });
}

TEST(LawsTest, L14AddingAConditionNeverAddsARelease) {
  CheckDocumentsLaw(
      [](Rng& rng, const Documents& documents) { return AddConditionToGrant(rng, documents); },
      [](const Documents&, const Input&, const Result& before, const Result& after) {
        return AddsNoRelease(before, after);
      });
  CheckDocumentsLaw(
      [](Rng& rng, const Documents& documents) {
        Documents changed = AddConditionToRow(rng, documents);
        // By design a mandate changes what INZAGE_TOEGESTAAN of the same row asks: the holder of a
        // mandate need not be a representative.
        for (int i = 0; i < changed.statute.rows_size(); ++i) {
          const auto& now = changed.statute.rows(i).conditions();
          if (Has(now, static_cast<int>(v1::Condition::MANDAAT_VAN_KRACHT)) &&
              now.size() > documents.statute.rows(i).conditions_size()) {
            return documents;
          }
        }
        return changed;
      },
      [](const Documents&, const Input&, const Result& before, const Result& after) {
        return AddsNoRelease(before, after);
      });
}

TEST(LawsTest, L15TheSameQuestionHasTheSameAnswerAlsoFromTheLog) {
  CheckQuestionLaw([](Rng&, const Documents& documents, const Policy& policy, const Input& input,
                      const Result& before) -> Breach {
    const auto compiled_again = CompileDocuments(documents);
    if (auto breach = SameAnswer(before, EngineResult(*compiled_again, input))) return breach;
    EngineRun run;
    RunEngine(policy, input, run);
    if (!run.well_formed) return std::nullopt;
    const std::string difference = ReplayDifferences(policy, input, run);
    return difference.empty() ? Breach() : Breach(difference);
  });
}

TEST(LawsTest, L17EveryReleaseHasAnUnbrokenChain) {
  CheckQuestionLaw([](Rng&, const Documents& documents, const Policy& policy, const Input& input,
                      const Result&) { return BrokenChains(documents, policy, input); });
}

TEST(LawsTest, L18OtherFieldsChangeNoOutcomeOfAField) {
  CheckQuestionLaw([](Rng& rng, const Documents&, const Policy& policy, const Input& input,
                      const Result& before) -> Breach {
    if (before.malformed || before.bulk) return std::nullopt;
    Input permuted = input;
    permuted.request = policy_oracle::PermuteFields(rng, input.request);
    if (auto breach = SameAnswer(before, EngineResult(policy, permuted))) return breach;
    for (v1::DecisionRequest& part : policy_oracle::SplitRequest(input.request)) {
      Input one = input;
      one.request = std::move(part);
      for (const auto& [name, alone] : EngineResult(policy, one).fields) {
        if (before.fields.at(name) == alone || IsSignal(before) ||
            alone.code == Code::kSignalRejected) {
          continue;
        }
        return absl::StrCat(name, " alone is answered otherwise than among others");
      }
    }
    return std::nullopt;
  });
}

TEST(LawsTest, L19WhatIsNotKnownIsNeverBetter) {
  std::map<std::string, int> dropped_kinds;
  CheckQuestionLaw([&](Rng& rng, const Documents&, const Policy& policy, const Input& input,
                       const Result& before) -> Breach {
    for (int i = 0; i < 5; ++i) {
      const policy_oracle::DroppedFact dropped = DropFact(rng, input);
      ++dropped_kinds[dropped.dropped.substr(0, dropped.dropped.find('['))];
      if (auto breach = AddsNoRelease(before, WithFacts(policy, input, dropped.facts)))
        return absl::StrCat("without ", dropped.dropped, ": ", *breach);
    }
    return std::nullopt;
  });
  EXPECT_GT(dropped_kinds.size(), 10U);
}

}  // namespace
}  // namespace sluis::policy
