// The exact difference between two policies: nothing for what changes nothing, a confirmed witness
// for everything else, and neither more nor less than asking every question under both.
//
//   SLUIS_DIFF_PAIRS  how many random pairs of policies (the default keeps the build quick)

#include "sluis/policy/diff.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <ostream>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "brute_force.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/policy/engine.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"

namespace sluis::policy {
namespace {

using Kind = Difference::Kind;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The usual number of pairs, or what the environment says.
int Pairs(int usual) {
  const char* text = std::getenv("SLUIS_DIFF_PAIRS");
  int value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : usual;
}

PolicyDiff DiffOf(const Documents& before, const Documents& after, DiffOptions options = {}) {
  auto result = Diff(*CompileOrDie(before), *CompileOrDie(after), options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : PolicyDiff{};
}

template <typename List, typename Item>
bool Has(const List& list, const Item& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool Covers(const Difference& difference, const Point& point) {
  const bool on_day =
      difference.days.empty() ||
      std::any_of(difference.days.begin(), difference.days.end(), [&](const auto& days) {
        return days.from <= point.day && point.day <= days.until;
      });
  return on_day && Has(difference.recipient_hats, point.acting_hat) &&
         Has(difference.source_hats, point.source_hat) && Has(difference.tafels, point.tafel) &&
         Has(difference.phases, point.phase) && Has(difference.purposes, point.purpose) &&
         Has(difference.fields, point.field) &&
         (point.stage.empty() ? difference.stages.empty() : Has(difference.stages, point.stage));
}

std::string Text(const Point& point, const Way& holds) {
  return absl::StrCat(point.acting_partij, "/", point.acting_hat, " <- ", point.source_partij, "/",
                      point.source_hat, " ", point.field, " @ ", point.tafel, " ", point.phase, " ",
                      point.stage, " ", point.purpose, " ", point.day.ToString(), ": ",
                      WayText(holds, Language::kEnglish, ~CircumstanceSet{0}));
}

// Every witness is answered otherwise, in the way that the kind says.
void ExpectProven(const PolicyDiff& differences) {
  for (const Difference& difference : differences.releases) {
    ASSERT_FALSE(difference.proofs.empty());
    for (const Difference::Proof& proof : difference.proofs) {
      const bool before = proof.before.outcome == Outcome::kRelease;
      const bool after = proof.after.outcome == Outcome::kRelease;
      if (difference.kind == Kind::kObligations) {
        EXPECT_TRUE(before && after && proof.before.obligations != proof.after.obligations)
            << RenderDifferences(differences, Language::kEnglish);
      } else {
        EXPECT_NE(before, after) << RenderDifferences(differences, Language::kEnglish);
      }
      if (difference.kind == Kind::kGained || difference.kind == Kind::kEasier) {
        EXPECT_TRUE(after);
      }
      if (difference.kind == Kind::kLost || difference.kind == Kind::kStricter) {
        EXPECT_TRUE(before);
      }
    }
  }
}

// Asks everything under both, and looks each difference up.
void ExpectExact(const Documents& before, const Documents& after, int percent, Rng& rng) {
  const auto old_policy = CompileOrDie(before);
  const auto new_policy = CompileOrDie(after);
  const auto differences = Diff(*old_policy, *new_policy, {.order = true});
  ASSERT_TRUE(differences.ok()) << differences.status();
  ExpectProven(*differences);
  std::vector<CivilDate> days = TurningDays({old_policy.get(), new_policy.get()});
  while (days.size() > 4) days.erase(days.begin() + static_cast<int>(rng() % days.size()));
  int missed = 0;
  int found = 0;
  ForEachQuestion(
      {old_policy.get(), new_policy.get()}, days, {.max_conditions = 5, .percent = percent}, rng,
      [&](const Point& point, const Way& holds) {
        const Witness witness = WitnessAt(point, holds);
        const Release old_release = ReleaseAt(*old_policy, witness, point.day);
        const Release new_release = ReleaseAt(*new_policy, witness, point.day);
        if (old_release.released == new_release.released &&
            old_release.obligations == new_release.obligations) {
          return;
        }
        // Who acceded to one of the two only is reported as a change of the document.
        for (const Policy* policy : {old_policy.get(), new_policy.get()}) {
          for (const auto& [partij, hat] : {std::pair(point.acting_partij, point.acting_hat),
                                            std::pair(point.source_partij, point.source_hat)}) {
            const auto id = policy->FindPartij(partij);
            const auto hat_id = policy->FindHat(hat);
            if (!id || !hat_id || !policy->Holds(*id, *hat_id) ||
                !policy->StandingOf(*id, point.day).acceded) {
              return;
            }
          }
        }
        ++found;
        const bool covered = std::any_of(differences->releases.begin(), differences->releases.end(),
                                         [&](const Difference& one) { return Covers(one, point); });
        if (!covered && ++missed < 4)
          ADD_FAILURE() << "not in the difference: " << Text(point, holds);
      });
  EXPECT_EQ(missed, 0);
  if (differences->releases.empty()) {
    EXPECT_EQ(found, 0);
  }
  // And nothing is claimed that is not so: a random place within each difference.
  for (const Difference& difference : differences->releases) {
    if (difference.kind == Kind::kTogether || difference.kind == Kind::kObligations) continue;
    const auto pick = [&](const std::vector<std::string>& list) {
      return list.empty() ? std::string() : list[rng() % list.size()];
    };
    const Difference::Proof& proof = difference.proofs.front();
    Point point{"",
                pick(difference.recipient_hats),
                "",
                pick(difference.source_hats),
                pick(difference.tafels),
                pick(difference.phases),
                pick(difference.stages),
                pick(difference.purposes),
                pick(difference.fields),
                {},
                !proof.witness.request->person().empty()};
    const Policy& releasing = proof.before.outcome == Outcome::kRelease ? *old_policy : *new_policy;
    bool asked = false;
    bool differs = false;
    for (const CivilDate day : TurningDays({old_policy.get(), new_policy.get()})) {
      for (const v1::Partij& a : releasing.convenant().parties()) {
        for (const v1::Partij& b : releasing.convenant().parties()) {
          if (!Has(a.hats(), point.acting_hat) || !Has(b.hats(), point.source_hat)) continue;
          point.acting_partij = a.id();
          point.source_partij = b.id();
          point.day = day;
          if (!Covers(difference, point)) continue;
          const Witness witness = WitnessAt(point, proof.witness.holds);
          asked = true;
          differs = differs || ReleaseAt(*old_policy, witness, day).released !=
                                   ReleaseAt(*new_policy, witness, day).released;
        }
      }
    }
    EXPECT_TRUE(asked && differs) << "claimed, but not so: " << Text(point, proof.witness.holds);
  }
}

// ---- What changes nothing ----

Documents Reference() {
  Documents documents = policy_oracle::ReferencePolicy();
  return documents;
}

TEST(DiffTest, APolicyDoesNotDifferFromItself) {
  const Documents documents = Reference();
  EXPECT_TRUE(DiffOf(documents, documents).empty());
}

TEST(DiffTest, AnotherOrderIsNoDifference) {
  Rng rng(1);
  Documents shuffled = Reference();
  for (int i = 0; i < 50; ++i) {
    shuffled = policy_oracle::PermuteGrants(rng, std::move(shuffled));
    shuffled = policy_oracle::PermuteRows(rng, std::move(shuffled));
    shuffled = policy_oracle::PermuteExclusions(rng, std::move(shuffled));
  }
  for (v1::Grant& grant : *shuffled.convenant.mutable_grants()) {
    std::reverse(grant.mutable_fields()->begin(), grant.mutable_fields()->end());
    std::reverse(grant.mutable_source_hats()->begin(), grant.mutable_source_hats()->end());
    std::reverse(grant.mutable_conditions()->begin(), grant.mutable_conditions()->end());
  }
  const PolicyDiff differences = DiffOf(Reference(), shuffled);
  EXPECT_TRUE(differences.empty()) << RenderDifferences(differences, Language::kEnglish);
}

TEST(DiffTest, AnotherNameOfAGrantIsNoDifference) {
  Documents renamed = Reference();
  for (int i = 0; i < renamed.convenant.grants_size(); ++i)
    renamed.convenant.mutable_grants(i)->set_id(absl::StrCat("M", 500 + i));
  EXPECT_TRUE(DiffOf(Reference(), renamed).empty());
}

TEST(DiffTest, SplittingAndMergingGrantsIsNoDifference) {
  const Documents reference = Reference();
  Documents split = reference;
  split.convenant.clear_grants();
  int number = 100;
  for (const v1::Grant& grant : reference.convenant.grants()) {
    // A closed set is closed as a whole: splitting it would change the law.
    const bool closed = std::any_of(
        grant.grondslagen().begin(), grant.grondslagen().end(), [&](const std::string& row) {
          for (const auto& candidate : reference.statute.rows()) {
            if (candidate.id() == row && Has(candidate.conditions(), v1::Condition::GESLOTEN_SET))
              return true;
          }
          return Has(grant.conditions(), v1::Condition::GESLOTEN_SET);
        });
    for (const std::string& field : grant.fields()) {
      for (const std::string& phase : grant.phases()) {
        v1::Grant& part = *split.convenant.add_grants();
        part = grant;
        part.set_id(absl::StrCat("M", number++));
        if (closed) break;
        part.clear_fields();
        part.add_fields(field);
        part.clear_phases();
        part.add_phases(phase);
      }
      if (closed) break;
    }
  }
  ASSERT_GT(split.convenant.grants_size(), 500);
  const PolicyDiff apart = DiffOf(Reference(), split);
  EXPECT_TRUE(apart.empty()) << RenderDifferences(apart, Language::kEnglish);
  EXPECT_TRUE(DiffOf(split, Reference()).empty());
}

// ---- What changes something ----

v1::Grant& GrantOf(Documents& documents, const std::string& id) {
  for (v1::Grant& grant : *documents.convenant.mutable_grants()) {
    if (grant.id() == id) return grant;
  }
  ADD_FAILURE() << "no grant " << id;
  return *documents.convenant.mutable_grants(0);
}

void RemoveGrantOf(Documents& documents, const std::string& id) {
  for (int i = 0; i < documents.convenant.grants_size(); ++i) {
    if (documents.convenant.grants(i).id() != id) continue;
    documents.convenant.mutable_grants()->DeleteSubrange(i, 1);
    return;
  }
  ADD_FAILURE() << "no grant " << id;
}

TEST(DiffTest, ARemovedGrantTakesItsReleases) {
  Documents after = Reference();
  RemoveGrantOf(after, "M02");
  const PolicyDiff differences = DiffOf(Reference(), after);
  ExpectProven(differences);
  ASSERT_FALSE(differences.releases.empty());
  EXPECT_THAT(differences.changes, IsEmpty());
  for (const Difference& difference : differences.releases) {
    EXPECT_EQ(difference.kind, Kind::kLost);
    EXPECT_THAT(difference.recipient_hats, ElementsAre("WONINGCORPORATIE"));
    EXPECT_THAT(difference.fields, ElementsAre("casusregisseur_naam", "casusregisseur_contact",
                                               "afspraken_interventies"));
    EXPECT_THAT(difference.grants_before, ElementsAre("M02"));
    EXPECT_THAT(difference.after, IsEmpty());
  }
  // The reverse is the same, the other way round.
  const PolicyDiff reverse = DiffOf(after, Reference());
  ASSERT_THAT(reverse.releases, SizeIs(differences.releases.size()));
  for (const Difference& difference : reverse.releases) EXPECT_EQ(difference.kind, Kind::kGained);
}

TEST(DiffTest, AnAddedConditionIsStricter) {
  Documents after = Reference();
  GrantOf(after, "M02").add_conditions(v1::Condition::VIER_OGEN);
  const PolicyDiff differences = DiffOf(Reference(), after);
  ExpectProven(differences);
  ASSERT_FALSE(differences.releases.empty());
  for (const Difference& difference : differences.releases) {
    EXPECT_EQ(difference.kind, Kind::kStricter);
    for (const Way& way : difference.before)
      EXPECT_EQ(way.conditions & Bit(Condition::kVierOgen), 0U);
    for (const Way& way : difference.after)
      EXPECT_NE(way.conditions & Bit(Condition::kVierOgen), 0U);
  }
}

TEST(DiffTest, AWiderListOfHatsGives) {
  Documents after = Reference();
  // The statute has the row for this hat already.
  v1::Grant& grant = GrantOf(after, "M02");
  grant.clear_grondslagen();
  grant.add_grondslagen("G_CONVENANT_PROCES");
  grant.clear_tafels();
  grant.add_tafels("T_AVE_LOKAAL");
  Documents before = after;
  grant.add_recipient_hats("GEM_BRP");
  const PolicyDiff differences = DiffOf(before, after);
  ExpectProven(differences);
  ASSERT_FALSE(differences.releases.empty());
  for (const Difference& difference : differences.releases) {
    EXPECT_EQ(difference.kind, Kind::kGained);
    EXPECT_THAT(difference.recipient_hats, ElementsAre("GEM_BRP"));
    EXPECT_THAT(difference.tafels, ElementsAre("T_AVE_LOKAAL"));
  }
  // What M01 gives the police on easier terms is no gain.
  after = before;
  GrantOf(after, "M02").add_recipient_hats("POLITIE");
  EXPECT_TRUE(DiffOf(before, after).empty());
}

TEST(DiffTest, ARowThatEndsEndsItsReleases) {
  Documents after = Reference();
  for (v1::StatuteRow& row : *after.statute.mutable_rows()) {
    if (row.id() == "G_GERECHTVAARDIGD_BELANG") row.set_valid_until("2027-06-30");
  }
  const PolicyDiff differences = DiffOf(Reference(), after);
  ExpectProven(differences);
  ASSERT_FALSE(differences.releases.empty());
  for (const Difference& difference : differences.releases) {
    EXPECT_THAT(difference.source_hats, ElementsAre("WONINGCORPORATIE"));
    ASSERT_THAT(difference.days, SizeIs(1));
    EXPECT_EQ(difference.days[0].from.ToString(), "2027-07-01");
    EXPECT_EQ(difference.days[0].until.ToString(), "2099-12-31");
  }
  ASSERT_THAT(differences.changes, SizeIs(1));
  EXPECT_EQ(differences.changes[0].where, "statute.rows[G_GERECHTVAARDIGD_BELANG].valid_until");
  EXPECT_EQ(differences.changes[0].after, "2027-06-30");
}

TEST(DiffTest, OtherObligationsAreADifference) {
  Documents after = Reference();
  GrantOf(after, "M02").add_obligations(v1::Obligation::LABELS_MEE);
  const PolicyDiff differences = DiffOf(Reference(), after);
  ExpectProven(differences);
  ASSERT_FALSE(differences.releases.empty());
  for (const Difference& difference : differences.releases) {
    EXPECT_EQ(difference.kind, Kind::kObligations);
    EXPECT_THAT(difference.recipient_hats, ElementsAre("WONINGCORPORATIE"));
  }
}

TEST(DiffTest, TheValidityOfTheConvenantIsProven) {
  Documents after = Reference();
  after.convenant.set_valid_until("2028-12-31");
  const PolicyDiff differences = DiffOf(Reference(), after);
  EXPECT_THAT(differences.releases, IsEmpty());
  ASSERT_THAT(differences.changes, SizeIs(1));
  EXPECT_EQ(differences.changes[0].where, "convenant.valid_until");
  ASSERT_THAT(differences.changes[0].proofs, SizeIs(1));
  EXPECT_EQ(differences.changes[0].proofs[0].before.outcome, Outcome::kRelease);
  EXPECT_EQ(differences.changes[0].proofs[0].after.code, Code::kConvenantNotValid);
}

TEST(DiffTest, ASuccessorIsComparedOnItsFirstDay) {
  Documents before = Reference();
  before.convenant.set_valid_until("2026-12-31");
  Documents after = Reference();
  after.convenant.set_valid_from("2027-01-01");
  RemoveGrantOf(after, "M02");
  const PolicyDiff differences = DiffOf(before, after);
  EXPECT_TRUE(differences.never_together);
  ExpectProven(differences);
  ASSERT_FALSE(differences.releases.empty());
  for (const Difference& difference : differences.releases) {
    EXPECT_THAT(difference.recipient_hats, ElementsAre("WONINGCORPORATIE"));
    EXPECT_EQ(difference.proofs[0].day_before.ToString(), "2026-12-31");
    EXPECT_EQ(difference.proofs[0].day_after.ToString(), "2027-01-01");
  }
}

// Nothing that is released in the space of conditions changes; what makes a condition true does.
struct MeaningCase {
  std::string_view name;
  void (*edit)(Documents&);
  std::string_view where;
  // Which version releases, and what the other one says.
  bool before;
  Code code;
  // What has to be recorded, in part.
  std::string_view recorded;
};

v1::AgeRule& AgeRuleOf(Documents& documents, std::string_view id) {
  for (v1::AgeRule& rule : *documents.statute.mutable_age_rules()) {
    if (rule.id() == id) return rule;
  }
  std::abort();
}
v1::Retention& RetentionOf(Documents& documents, std::string_view id) {
  for (v1::Retention& row : *documents.convenant.mutable_retention()) {
    if (row.id() == id) return row;
  }
  std::abort();
}
v1::LegalTerms& TermsOf(Documents& documents) { return *documents.statute.mutable_terms(); }

const std::vector<MeaningCase>& MeaningCases() {
  static const std::vector<MeaningCase> cases = {
      {"PoliceYears", [](Documents& d) { TermsOf(d).set_police_years(4); },
       "statute.terms.police_years", true, RuleOf(Condition::kPolitieTermijn5j).absent_code,
       "4 years ago"},
      {"RecentMonths", [](Documents& d) { TermsOf(d).set_recent_months(24); },
       "statute.terms.recent_months", false, RuleOf(Condition::kMax12MaandenOud).absent_code,
       "12 months old"},
      {"TimeboxHours", [](Documents& d) { TermsOf(d).set_timebox_hours(48); },
       "statute.terms.timebox_hours", true, RuleOf(Condition::kTijdslot72u).absent_code,
       "48 hours ago"},
      {"AcuteHours", [](Documents& d) { TermsOf(d).set_acute_hours(24); },
       "statute.terms.acute_hours", true, RuleOf(Condition::kBesluitAcuutGevaar).absent_code,
       "24 hours and a second ago"},
      {"MinCell", [](Documents& d) { TermsOf(d).set_min_cell(5); }, "statute.terms.min_cell", false,
       RuleOf(Condition::kCelMinimaal10).absent_code, "smallest cell is 5"},
      {"AgeOfMajority", [](Documents& d) { TermsOf(d).set_age_of_majority(16); },
       "statute.terms.age_of_majority", true, RuleOf(Condition::kMinderjarig).absent_code,
       "somebody of 16 years"},
      // From eleven on the child itself; the parents alone no more.
      {"AgeOfConsent",
       [](Documents& d) {
         AgeRuleOf(d, "AG_WMO_0_11").set_to_age(10);
         AgeRuleOf(d, "AG_WMO_12_17").set_from_age(11);
       },
       "statute.age_rules[AG_WMO_0_11].to_age", true, Code::kNeedsConsent, "somebody of 11 years"},
      {"SecrecyAsksMore",
       [](Documents& d) {
         for (v1::Secrecy& secrecy : *d.statute.mutable_secrecies()) {
           if (secrecy.id() == "AMBTELIJK") secrecy.set_consent_needs_flag(true);
         }
       },
       "statute.secrecies[AMBTELIJK].consent_needs_flag", true, Code::kNeedsConsent,
       "without DOORBREKING_GEHEIM"},
      {"SecrecyAsksLess",
       [](Documents& d) {
         for (v1::Secrecy& secrecy : *d.statute.mutable_secrecies()) {
           if (secrecy.id() == "JEUGD_7_3_11") secrecy.set_consent_needs_flag(false);
         }
       },
       "statute.secrecies[JEUGD_7_3_11].consent_needs_flag", false, Code::kNeedsConsent,
       "without DOORBREKING_GEHEIM"},
      {"MandateAsksLess",
       [](Documents& d) {
         for (v1::Secrecy& secrecy : *d.statute.mutable_secrecies()) {
           if (secrecy.id() == "MEDISCH_7_457") secrecy.set_mandate_needs_flag(false);
         }
       },
       "statute.secrecies[MEDISCH_7_457].mandate_needs_flag", false,
       RuleOf(Condition::kMandaatVanKracht).absent_code, "without DOORBREKING_GEHEIM"},
      {"Retention", [](Documents& d) { RetentionOf(d, "RT_VT").set_term(10); },
       "convenant.retention[RT_VT].term", true, Code::kRetentionExpired, "10 years ago"},
  };
  return cases;
}

void PrintTo(const MeaningCase& the_case, std::ostream* out) { *out << the_case.name; }

class MeaningTest : public ::testing::TestWithParam<MeaningCase> {};

TEST_P(MeaningTest, HasAWitness) {
  const MeaningCase& the_case = GetParam();
  Documents after = Reference();
  the_case.edit(after);
  const auto new_policy = CompileOrDie(after);
  const auto old_policy = CompileOrDie(Reference());
  const PolicyDiff differences = DiffOf(Reference(), after);
  const std::string text = RenderDifferences(differences, Language::kEnglish);
  const auto change =
      std::find_if(differences.changes.begin(), differences.changes.end(),
                   [&](const Change& each) { return each.where == the_case.where; });
  ASSERT_NE(change, differences.changes.end()) << text;
  ASSERT_FALSE(change->proofs.empty()) << text;
  const Difference::Proof& proof = change->proofs.front();
  ASSERT_TRUE(proof.reading);
  EXPECT_THAT(proof.reading->en, HasSubstr(std::string(the_case.recorded)));
  EXPECT_THAT(text, HasSubstr(proof.reading->en));
  const Difference::Answer& releasing = the_case.before ? proof.before : proof.after;
  const Difference::Answer& other = the_case.before ? proof.after : proof.before;
  EXPECT_EQ(releasing.outcome, Outcome::kRelease) << text;
  EXPECT_EQ(other.code, the_case.code) << text;
  // The answers are what the engine says of the witness, read in either way.
  Request request;
  Decision decision;
  Witness less = proof.witness;
  less.holds.conditions &= ~proof.reading->conditions;
  less.holds.circumstances &= ~proof.reading->circumstances;
  less.past_term = proof.reading->past_term;
  ASSERT_TRUE(DecideWitness(the_case.before ? *old_policy : *new_policy, proof.witness,
                            proof.day_after, request, decision));
  EXPECT_EQ(decision.fields[0].outcome, Outcome::kRelease);
  ASSERT_TRUE(DecideWitness(the_case.before ? *new_policy : *old_policy, less, proof.day_after,
                            request, decision));
  EXPECT_EQ(decision.fields[0].code, the_case.code);
}

INSTANTIATE_TEST_SUITE_P(Every, MeaningTest, ::testing::ValuesIn(MeaningCases()),
                         [](const auto& test) { return std::string(test.param.name); });

// ---- Partijen, hats and seats ----

// What Decide makes of a proof under one of the policies: of the record as it reads it.
bool ReleasesProof(const Policy& policy, const Difference::Proof& proof, bool is_before) {
  Witness witness = proof.witness;
  const bool releasing = (proof.before.outcome == Outcome::kRelease) == is_before;
  if (proof.reading && !releasing) {
    witness.holds.conditions &= ~proof.reading->conditions;
    witness.holds.circumstances &= ~proof.reading->circumstances;
    witness.past_term = proof.reading->past_term;
  }
  return ReleaseAt(policy, witness, is_before ? proof.day_before : proof.day_after).released;
}

// One policy releases it, the other does not; which is what it says.
void ExpectDecidedOtherwise(const Policy& before, const Policy& after,
                            const Difference::Proof& proof, const std::string& text) {
  EXPECT_NE(ReleasesProof(before, proof, true), ReleasesProof(after, proof, false)) << text;
  EXPECT_EQ(proof.before.outcome == Outcome::kRelease, ReleasesProof(before, proof, true)) << text;
}

// The change of an element, with every witness of it decided again.
Change ChangeAt(const Documents& before, const Documents& after, const std::string& where) {
  const PolicyDiff differences = DiffOf(before, after);
  const std::string text = RenderDifferences(differences, Language::kEnglish);
  for (const Change& change : differences.changes) {
    if (change.where != where) continue;
    for (const Difference::Proof& proof : change.proofs)
      ExpectDecidedOtherwise(*CompileOrDie(before), *CompileOrDie(after), proof, text);
    return change;
  }
  ADD_FAILURE() << "no change of " << where << " in\n" << text;
  return {};
}

v1::Partij& PartijOf(Documents& documents, const std::string& id) {
  for (v1::Partij& partij : *documents.convenant.mutable_parties()) {
    if (partij.id() == id) return partij;
  }
  ADD_FAILURE() << "no partij " << id;
  return *documents.convenant.mutable_parties(0);
}

bool IsAbout(const Difference::Proof& proof, const std::string& partij, const std::string& hat) {
  const v1::DecisionRequest& request = *proof.witness.request;
  return (request.partij() == partij && request.acting_hat() == hat) ||
         (request.source().partij() == partij && request.source().hat() == hat);
}

TEST(PartijDiffTest, APartijThatIsGoneIsShownInEveryHat) {
  Documents after = Reference();
  for (int i = 0; i < after.convenant.parties_size(); ++i) {
    if (after.convenant.parties(i).id() == "P_TACTUS")
      after.convenant.mutable_parties()->DeleteSubrange(i--, 1);
  }
  const Change gone = ChangeAt(Reference(), after, "convenant.parties[P_TACTUS]");
  ASSERT_THAT(gone.proofs, SizeIs(2));
  EXPECT_TRUE(IsAbout(gone.proofs[0], "P_TACTUS", "VERSLAVINGSZORG"));
  EXPECT_TRUE(IsAbout(gone.proofs[1], "P_TACTUS", "RECL_VERSLAVING"));
  for (const auto& proof : gone.proofs) {
    EXPECT_EQ(proof.before.outcome, Outcome::kRelease);
    EXPECT_FALSE(proof.after.well_formed);
  }
  const Change added = ChangeAt(after, Reference(), "convenant.parties[P_TACTUS]");
  ASSERT_THAT(added.proofs, SizeIs(2));
  for (const auto& proof : added.proofs) EXPECT_EQ(proof.after.outcome, Outcome::kRelease);
}

TEST(PartijDiffTest, AHatOfAPartijIsShownOrIsSaidToChangeNothing) {
  Documents after = Reference();
  // A hat that no grant and no tafel names.
  v1::Hat& idle = *after.convenant.add_hats();
  idle = after.convenant.hats(0);
  idle.set_id("ONGEBRUIKT");
  Documents before = after;
  v1::Partij& partij = PartijOf(after, "P_GGD");
  partij.add_hats("ONGEBRUIKT");
  partij.add_hats("GGZ");
  const Change change = ChangeAt(before, after, "convenant.parties[P_GGD].hats");
  EXPECT_THAT(change.without_effect, ElementsAre("ONGEBRUIKT"));
  ASSERT_THAT(change.proofs, SizeIs(1));
  EXPECT_TRUE(IsAbout(change.proofs[0], "P_GGD", "GGZ"));
  EXPECT_EQ(change.proofs[0].after.outcome, Outcome::kRelease);
  const std::string text = RenderDifferences(DiffOf(before, after), Language::kDutch);
  EXPECT_THAT(text, HasSubstr("ONGEBRUIKT: geen besluit verandert"));
}

TEST(PartijDiffTest, AnAccessionIsShownOnADayThatItIsAbout) {
  Documents after = Reference();
  PartijOf(after, "P_GGD").set_acceded_on("2027-03-01");
  PartijOf(after, "P_GGD").set_left_on("2028-02-29");
  const Change start = ChangeAt(Reference(), after, "convenant.parties[P_GGD].acceded_on");
  ASSERT_THAT(start.proofs, SizeIs(1));
  EXPECT_LT(start.proofs[0].day_after.ToString(), "2027-03-01");
  EXPECT_EQ(start.proofs[0].after.code, Code::kConvenantNotValid);
  const Change end = ChangeAt(Reference(), after, "convenant.parties[P_GGD].left_on");
  ASSERT_THAT(end.proofs, SizeIs(1));
  EXPECT_GT(end.proofs[0].day_after.ToString(), "2028-02-29");
}

TEST(PartijDiffTest, AMunicipalityIsShownByWhatIsRecordedOfIt) {
  Documents after = Reference();
  PartijOf(after, "P_DEVENTER").set_municipality("Zwolle");
  const Change change = ChangeAt(Reference(), after, "convenant.parties[P_DEVENTER].municipality");
  ASSERT_THAT(change.proofs, SizeIs(2));
  ASSERT_TRUE(change.proofs[0].reading && change.proofs[1].reading);
  EXPECT_THAT(change.proofs[0].reading->nl, HasSubstr("Deventer"));
  EXPECT_EQ(change.proofs[0].before.outcome, Outcome::kRelease);
  EXPECT_THAT(change.proofs[1].reading->nl, HasSubstr("Zwolle"));
  EXPECT_EQ(change.proofs[1].after.outcome, Outcome::kRelease);
  // No law asks where a housing corporation is.
  PartijOf(after, "P_TWENTEBELT").set_municipality("Zwolle");
  const Change none = ChangeAt(Reference(), after, "convenant.parties[P_TWENTEBELT].municipality");
  EXPECT_THAT(none.proofs, IsEmpty());
  EXPECT_THAT(none.without_effect, ElementsAre("P_TWENTEBELT"));
}

TEST(PartijDiffTest, WhatThePartijDoesInAHatAdmitsItsStaff) {
  // A hat without grants of its own, in which the partij takes part; its portal staff is admitted
  // by that as long as the partij holds the hat.
  Documents before = Reference();
  v1::Hat& idle = *before.convenant.add_hats();
  idle = before.convenant.hats(0);
  idle.set_id("ONGEBRUIKT");
  const std::string staff = PartijOf(before, "P_RN").hats(0);
  for (v1::Hat& hat : *before.convenant.mutable_hats()) {
    if (hat.id() == staff) hat.set_staff_of_partij(true);
  }
  Documents after = before;
  PartijOf(after, "P_RN").add_hats("ONGEBRUIKT");
  const Change change = ChangeAt(before, after, "convenant.parties[P_RN].hats");
  ASSERT_THAT(change.proofs, SizeIs(1));
  ASSERT_TRUE(change.proofs[0].reading);
  EXPECT_EQ(change.proofs[0].reading->en, "participation of P_RN as ONGEBRUIKT");
  EXPECT_TRUE(IsAbout(change.proofs[0], "P_RN", staff));
  EXPECT_EQ(change.proofs[0].before.code, Code::kNotParticipant);
}

TEST(PartijDiffTest, SeatsAreShown) {
  Documents before = Reference();
  Documents after = before;
  std::string tafel;
  std::string hat;
  for (v1::Tafel& each : *after.convenant.mutable_tafels()) {
    if (!Has(each.member_hats(), std::string("POLITIE")) || each.all_hats()) continue;
    tafel = each.id();
    auto& members = *each.mutable_member_hats();
    members.erase(std::find(members.begin(), members.end(), "POLITIE"));
    break;
  }
  ASSERT_FALSE(tafel.empty());
  const Change change = ChangeAt(before, after, "convenant.tafels[" + tafel + "].member_hats");
  ASSERT_FALSE(change.proofs.empty());
  for (const auto& proof : change.proofs) {
    EXPECT_EQ(proof.witness.request->tafel(), tafel);
    EXPECT_EQ(proof.after.code, Code::kWrongTable);
  }
}

TEST(PartijDiffTest, WhatOnlyPeopleReadChangesNoDecision) {
  Documents after = Reference();
  PartijOf(after, "P_GGD").set_nl("GGD IJsselland");
  const Change change = ChangeAt(Reference(), after, "convenant.parties[P_GGD].nl");
  EXPECT_TRUE(change.description);
  EXPECT_THAT(RenderDifferences(DiffOf(Reference(), after), Language::kEnglish),
              HasSubstr("no decision changes"));
}

// Another set of hats, another day, or another partij, at random.
Documents WithOtherPartijen(Rng& rng, Documents documents) {
  auto& convenant = documents.convenant;
  const auto below = [&](int size) {
    return static_cast<int>(rng() % static_cast<uint64_t>(size));
  };
  const int at = below(convenant.parties_size());
  v1::Partij& partij = *convenant.mutable_parties(at);
  switch (rng() % 5) {
    case 0: {
      const std::string& hat = convenant.hats(below(convenant.hats_size())).id();
      if (!Has(partij.hats(), hat)) partij.add_hats(hat);
      break;
    }
    case 1:
      if (partij.hats_size() > 1)
        partij.mutable_hats()->DeleteSubrange(below(partij.hats_size()), 1);
      break;
    case 2: {
      v1::Partij other = partij;
      other.set_id("P_NIEUW");
      other.set_oin("00000099000000999000");
      *convenant.add_parties() = other;
      break;
    }
    case 3:
      if (convenant.parties_size() > 1) convenant.mutable_parties()->DeleteSubrange(at, 1);
      break;
    default: {
      const auto day = CivilDate::Parse(convenant.valid_from());
      partij.set_acceded_on(day->AddDays(1 + below(400)).ToString());
      break;
    }
  }
  return documents;
}

// Asks everything under both: every hat of a partij that makes a release come or go is shown, and
// of none that does is it said that nothing changes.
void ExpectPartijenExact(const Documents& before, const Documents& after, Rng& rng, int& effects,
                         int& idle) {
  const auto old_policy = CompileOrDie(before);
  const auto new_policy = CompileOrDie(after);
  const PolicyDiff differences = DiffOf(before, after);
  const std::string text = RenderDifferences(differences, Language::kEnglish);
  std::vector<CivilDate> days = TurningDays({old_policy.get(), new_policy.get()});
  while (days.size() > 4) days.erase(days.begin() + static_cast<int>(rng() % days.size()));
  // Partij and hat that make the difference of a release, by what they are on that day.
  std::set<std::pair<std::string, std::string>> found;
  const auto stands = [](const Policy& policy, const std::string& partij, const std::string& hat,
                         CivilDate day) {
    const auto id = policy.FindPartij(partij);
    const auto hat_id = policy.FindHat(hat);
    return id && hat_id && policy.Holds(*id, *hat_id) && policy.StandingOf(*id, day).acceded;
  };
  ForEachQuestion({old_policy.get(), new_policy.get()}, days, {.max_conditions = 4}, rng,
                  [&](const Point& point, const Way& holds) {
                    const Witness witness = WitnessAt(point, holds);
                    if (ReleaseAt(*old_policy, witness, point.day).released ==
                        ReleaseAt(*new_policy, witness, point.day).released) {
                      return;
                    }
                    for (const auto& side : {std::pair(point.acting_partij, point.acting_hat),
                                             std::pair(point.source_partij, point.source_hat)}) {
                      if (stands(*old_policy, side.first, side.second, point.day) !=
                          stands(*new_policy, side.first, side.second, point.day)) {
                        found.insert(side);
                      }
                    }
                  });
  std::set<std::pair<std::string, std::string>> shown;
  for (const Change& change : differences.changes) {
    if (change.where.rfind("convenant.parties[", 0) != 0 || change.description) continue;
    const std::string partij = change.where.substr(18, change.where.find(']') - 18);
    for (const Difference::Proof& proof : change.proofs) {
      ExpectDecidedOtherwise(*old_policy, *new_policy, proof, text);
      const v1::DecisionRequest& request = *proof.witness.request;
      EXPECT_TRUE(request.partij() == partij || request.source().partij() == partij) << text;
      shown.emplace(request.partij(), request.acting_hat());
      shown.emplace(request.source().partij(), request.source().hat());
    }
    effects += static_cast<int>(change.proofs.size());
    idle += static_cast<int>(change.without_effect.size());
    for (const std::string& name : change.without_effect) {
      for (const auto& [of, hat] : found) {
        EXPECT_FALSE(of == partij && (name == hat || name == partij))
            << of << " " << hat << " changes releases, but\n"
            << text;
      }
    }
    // One witness is enough for a day; hats have one each.
    if (change.where.find("].acceded_on") != std::string::npos && !change.proofs.empty()) {
      for (const auto& [of, hat] : found) {
        if (of == partij) shown.emplace(of, hat);
      }
    }
  }
  for (const auto& [partij, hat] : found)
    EXPECT_TRUE(shown.count({partij, hat}) != 0) << partij << " " << hat << " is not in\n" << text;
}

TEST(PartijDiffPropertyTest, ShowsWhatAskingEverythingFinds) {
  int effects = 0;
  int idle = 0;
  const int pairs = Pairs(24) / 2;
  for (int seed = 0; seed < pairs; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(static_cast<uint64_t>(seed) + 7000);
    const Documents before = policy_oracle::RandomPolicy(rng, 1 + seed % 3);
    const Documents after = WithOtherPartijen(rng, before);
    if (CompileDocuments(after) == nullptr) continue;
    ExpectPartijenExact(before, after, rng, effects, idle);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(effects, pairs / 8) << "the mutations change too little to test anything";
  EXPECT_GT(idle, 0) << "nothing was said to be without effect";
}

TEST(DiffTest, PartijenExclusionsAndRetentionAreCompared) {
  Documents after = Reference();
  after.convenant.mutable_parties(0)->add_hats("ZORGKANTOOR");
  after.convenant.mutable_retention(0)->set_term(10);
  for (v1::Exclusion& exclusion : *after.convenant.mutable_exclusions()) {
    if (exclusion.id() == "X05") exclusion.set_nl("anders");
  }
  const PolicyDiff differences = DiffOf(Reference(), after);
  std::vector<std::string> places;
  for (const Change& change : differences.changes) places.push_back(change.where);
  EXPECT_THAT(places, Contains("convenant.parties[P_ALMELO].hats"));
  EXPECT_THAT(places, Contains("convenant.retention[RT_WMO].term"));
  EXPECT_THAT(places, Contains("convenant.exclusions[X05].nl"));
}

TEST(DiffTest, AClosedSetThatIsSplitIsTold) {
  Documents after = Reference();
  int at = -1;
  for (int i = 0; i < after.convenant.grants_size(); ++i) {
    const v1::Grant& grant = after.convenant.grants(i);
    for (const auto& row : after.statute.rows()) {
      if (Has(grant.grondslagen(), row.id()) && grant.fields_size() > 1 &&
          (Has(row.conditions(), v1::Condition::GESLOTEN_SET) ||
           Has(grant.conditions(), v1::Condition::GESLOTEN_SET))) {
        at = i;
      }
    }
  }
  ASSERT_GE(at, 0) << "the reference has a closed signal of several fields";
  v1::Grant part = after.convenant.grants(at);
  const std::string moved = part.fields(0);
  part.set_id("M999");
  part.clear_fields();
  part.add_fields(moved);
  after.convenant.mutable_grants(at)->mutable_fields()->DeleteSubrange(0, 1);
  *after.convenant.add_grants() = part;
  const PolicyDiff differences = DiffOf(Reference(), after);
  ExpectProven(differences);
  ASSERT_FALSE(differences.releases.empty());
  for (const Difference& difference : differences.releases)
    EXPECT_EQ(difference.kind, Kind::kTogether) << RenderDifferences(differences, Language::kDutch);
}

// ---- Random pairs, exactly ----

Documents Mutated(Rng& rng, Documents documents) {
  const int times = 1 + static_cast<int>(rng() % 2);
  for (int i = 0; i < times; ++i) {
    auto& convenant = documents.convenant;
    auto& grant = *convenant.mutable_grants(
        static_cast<int>(rng() % static_cast<uint64_t>(convenant.grants_size())));
    auto& tafel = *convenant.mutable_tafels(
        static_cast<int>(rng() % static_cast<uint64_t>(convenant.tafels_size())));
    switch (rng() % 13) {
      case 0:
        documents = policy_oracle::RemoveGrant(rng, std::move(documents));
        break;
      case 1:
        documents = policy_oracle::AddExclusion(rng, std::move(documents));
        break;
      case 2:
        documents = policy_oracle::NarrowRow(rng, std::move(documents));
        break;
      case 3:
        documents = policy_oracle::AddConditionToGrant(rng, std::move(documents));
        break;
      case 4:
        documents = policy_oracle::AddConditionToRow(rng, std::move(documents));
        break;
      case 5:
        documents = policy_oracle::PermuteGrants(rng, std::move(documents));
        break;
      case 6:
        documents = policy_oracle::PermuteRows(rng, std::move(documents));
        break;
      case 7:
        grant.clear_conditions();
        break;
      case 8:
        grant.add_obligations(v1::Obligation::LABELS_MEE);
        break;
      case 9:
        tafel.set_open_after_closing(!tafel.open_after_closing());
        break;
      case 10:
        if (tafel.member_hats_size() > 1) {
          tafel.add_guest_hats(tafel.member_hats(0));
          tafel.mutable_member_hats()->DeleteSubrange(0, 1);
        }
        break;
      case 11:
        convenant
            .mutable_fields(
                static_cast<int>(rng() % static_cast<uint64_t>(convenant.fields_size())))
            ->set_ncnd(true);
        break;
      default:
        convenant
            .mutable_hats(static_cast<int>(rng() % static_cast<uint64_t>(convenant.hats_size())))
            ->set_police(true);
        break;
    }
  }
  return documents;
}

TEST(DiffPropertyTest, FindsWhatAskingEverythingFinds) {
  int different = 0;
  const int pairs = Pairs(24);
  for (int seed = 0; seed < pairs; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(static_cast<uint64_t>(seed) + 1000);
    const Documents before = policy_oracle::RandomPolicy(rng, 1 + seed % 3);
    const Documents after = Mutated(rng, before);
    if (CompileDocuments(after) == nullptr) continue;
    ExpectExact(before, after, 100, rng);
    if (::testing::Test::HasFailure()) return;
    if (!DiffOf(before, after).releases.empty()) ++different;
  }
  EXPECT_GT(different, pairs / 8) << "the mutations change too little to test anything";
}

TEST(DiffPropertyTest, UnrelatedPoliciesToo) {
  const int pairs = Pairs(24) / 6;
  for (int seed = 0; seed < pairs; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(static_cast<uint64_t>(seed) + 5000);
    const Documents before = policy_oracle::RandomPolicy(rng, 1 + seed % 2);
    const Documents after = policy_oracle::RandomPolicy(rng, 1 + seed % 2);
    ExpectExact(before, after, 10, rng);
    if (::testing::Test::HasFailure()) return;
  }
}

// Whatever the facts are: a decision that comes out otherwise is in the difference. Only grants,
// rows and exclusions are changed, so that no change of the documents can explain it.
TEST(DiffPropertyTest, NoDecisionOverRealFactsEscapes) {
  int escaped = 0;
  int differing = 0;
  const int pairs = Pairs(24) * 4;
  for (int seed = 0; seed < pairs; ++seed) {
    Rng rng(static_cast<uint64_t>(seed) + 9000);
    const Documents before = policy_oracle::RandomPolicy(rng, 1 + seed % 6);
    Documents after = before;
    switch (seed % 4) {
      case 0:
        after = policy_oracle::RemoveGrant(rng, std::move(after));
        break;
      case 1:
        after = policy_oracle::AddConditionToGrant(rng, std::move(after));
        break;
      case 2:
        after = policy_oracle::NarrowRow(rng, std::move(after));
        break;
      default:
        after = policy_oracle::AddExclusion(rng, std::move(after));
        break;
    }
    const auto old_policy = CompileOrDie(before);
    const auto new_policy = CompileOrDie(after);
    const PolicyDiff differences = DiffOf(before, after, {.order = true});
    for (int i = 0; i < 150; ++i) {
      const Input input = policy_oracle::RandomInput(rng, before);
      EngineRun old_run;
      EngineRun new_run;
      RunEngine(*old_policy, input, old_run);
      RunEngine(*new_policy, input, new_run);
      if (!old_run.well_formed || !new_run.well_formed) continue;
      for (uint16_t k = 0; k < old_run.decision.count; ++k) {
        const FieldDecision& a = old_run.decision.fields[k];
        const FieldDecision& b = new_run.decision.fields[k];
        if ((a.outcome == Outcome::kRelease) == (b.outcome == Outcome::kRelease) &&
            a.obligations == b.obligations) {
          continue;
        }
        ++differing;
        const v1::DecisionRequest& request = input.request;
        const Point point{request.partij(),
                          request.acting_hat(),
                          request.source().partij(),
                          request.source().hat(),
                          request.tafel(),
                          input.facts.casus().phase(),
                          request.stage(),
                          request.purpose(),
                          old_policy->NameOf(a.field),
                          input.now.today,
                          true};
        const bool covered = std::any_of(
            differences.releases.begin(), differences.releases.end(), [&](const Difference& one) {
              return Covers(one, point) ||
                     (one.kind == Kind::kTogether && Has(one.recipient_hats, point.acting_hat));
            });
        if (!covered && ++escaped < 4) ADD_FAILURE() << seed << " " << Text(point, {});
      }
    }
  }
  EXPECT_EQ(escaped, 0);
  EXPECT_GT(differing, 20);
}

// Not a limit on time, which depends on the machine: docs/policy-tools.md has the figures.
TEST(DiffTest, TheWholeReferenceIsComparedWhenEveryGrantChanges) {
  Documents after = Reference();
  for (v1::Grant& grant : *after.convenant.mutable_grants())
    grant.add_conditions(v1::Condition::VIER_OGEN);
  const auto old_policy = CompileOrDie(Reference());
  const auto new_policy = CompileOrDie(after);
  const auto start = std::chrono::steady_clock::now();
  const auto differences = Diff(*old_policy, *new_policy);
  const auto took = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(differences.ok());
  RecordProperty(
      "milliseconds",
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  RecordProperty("differences", static_cast<int>(differences->releases.size()));
  EXPECT_GT(differences->releases.size(), 50U);
  ExpectProven(*differences);
  EXPECT_LT(took, std::chrono::seconds(20));
}

}  // namespace
}  // namespace sluis::policy
