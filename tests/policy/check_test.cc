// What `sluis policy check` finds beyond what the compiler does, held against asking everything.

#include "sluis/policy/check.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "brute_force.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/testing/policy_files.h"

namespace sluis::policy {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

CheckResult CheckOf(const Documents& documents) {
  return Check(Document<v1::Statute>::FromMessage(documents.statute, "statute"),
               Document<v1::Convenant>::FromMessage(documents.convenant, "convenant"),
               Document<v1::OperatorSwitches>::FromMessage(documents.switches, "switches"));
}

std::vector<std::string> MessagesOf(const CheckResult& result, const std::string& code) {
  std::vector<std::string> messages;
  for (const Issue& issue : result.findings) {
    if (issue.code == code) messages.push_back(issue.message);
  }
  return messages;
}

v1::Grant& GrantOf(Documents& documents, const std::string& id) {
  for (v1::Grant& grant : *documents.convenant.mutable_grants()) {
    if (grant.id() == id) return grant;
  }
  ADD_FAILURE() << "no grant " << id;
  return *documents.convenant.mutable_grants(0);
}

// ---- The reference documents ----

// Each of these is meant and explained where it stands in the documents; a new one is a mistake or
// needs such an explanation. "CODE: name" where the name is the first word of the sentence.
TEST(CheckTest, TheReferenceHasTheFindingsThatItExplains) {
  const CheckResult result = Check(testing::ReferenceStatute(), testing::ReferenceConvenant(),
                                   Document<v1::OperatorSwitches>::FromMessage({}, "switches"));
  ASSERT_NE(result.policy, nullptr);
  std::map<std::string, std::vector<std::string>> found;
  for (const Issue& issue : result.findings) {
    EXPECT_EQ(issue.severity, Issue::Severity::kWarning) << FormatIssue(issue);
    EXPECT_GT(issue.line, 0) << FormatIssue(issue);
    found[issue.code].push_back(issue.message.substr(0, issue.message.find_first_of(" :")));
  }
  const std::map<std::string, std::vector<std::string>> expected = {
      {"CITATION_WITHOUT_EFFECT", {"M61A"}},
      {"COMBINATION_WITHOUT_BASIS", {"M01"}},
      {"FIELD_NEVER_RELEASED",
       {"medicatie", "behandeldossier_verslag", "verdenking_lopend_onderzoek_art9",
        "dreigingsinfo_art10"}},
      {"FIELD_NOT_RELEASED_NOW", {"melder_identiteit"}},
      {"GRANT_NOT_IN_FORCE",
       {"M10", "M11", "MW01", "MW02", "MW03", "MW05", "MW06", "MW07", "MW08", "MW09A", "MW09B",
        "MW11", "MW11B", "MW12", "MW13", "MW14", "MW15", "MW16"}},
      // Twice M01: hats and tafels.
      {"GRANT_PART_WITHOUT_EFFECT",
       {"M01", "M01", "M02", "M04", "M07A", "M07B", "M08A", "M08B", "M35", "M75", "M97"}},
      {"HAT_WITHOUT_RETENTION",
       {"GEM_WAMS", "GEM_BRP", "GEM_OOV", "GEM_PROCESREGIE", "ZVH_PROCESREGIE", "ZORGVERZEKERAAR",
        "ZORGKANTOOR", "CIZ", "WONINGCORPORATIE", "ENERGIELEVERANCIER", "DRINKWATERBEDRIJF",
        "ONDERWIJS", "ZELFREGIE", "COMENSHA_ZC", "ANDER_ZVH"}},
      {"PURPOSE_WITHOUT_RETENTION", {"D18"}},
      {"ROW_OFF",
       {"G_WPG_18_2_MELDPUNT", "G_WAMS_2_2_5", "G_WAMS_HERGEBRUIK", "G_WAMS_VERSTREKKING_GEWOON",
        "G_WAMS_VERSTREKKING_GEHEIM", "G_WAMS_VERZEKERAAR", "G_WAMS_JUSTITIE", "G_WAMS_AANPAK",
        "G_WAMS_BSN"}},
      {"ROW_WITHOUT_FIELDS", {"G_WMO_5_2_5_2"}},
  };
  EXPECT_EQ(found, expected);
}

// With the Wams in force nothing of it is left over.
TEST(CheckTest, TheWamsOnceInForceHasNoFindingOfItsOwn) {
  const Documents on = policy_oracle::SetWamsTerms(
      policy_oracle::SwitchWamsRowsOn(policy_oracle::ReferencePolicy()));
  const CheckResult result = CheckOf(on);
  ASSERT_NE(result.policy, nullptr);
  EXPECT_THAT(MessagesOf(result, "GRANT_NOT_IN_FORCE"),
              ::testing::Each(StartsWith("M1")));  // M10 and M11 alone
}

// ---- One mistake at a time ----

TEST(CheckTest, AGrantWithoutSeatsNeverMatches) {
  Documents documents = policy_oracle::ReferencePolicy();
  v1::Grant& grant = GrantOf(documents, "M02");
  grant.clear_tafels();
  grant.add_tafels("T_STREETTRIAGE");  // no seat there for the sources
  const CheckResult result = CheckOf(documents);
  EXPECT_THAT(
      result.findings,
      Contains(AllOf(Field(&Issue::code, "GRANT_NEVER_MATCHES"),
                     Field(&Issue::severity, Issue::Severity::kError),
                     Field(&Issue::message, AllOf(StartsWith("M02 "), HasSubstr("seat"))))));
}

TEST(CheckTest, AGrantInOtherPhasesThanItsTafelsNeverMatches) {
  Documents documents = policy_oracle::ReferencePolicy();
  v1::Grant& grant = GrantOf(documents, "M02");
  grant.clear_phases();
  grant.add_phases("AVE_1");
  EXPECT_THAT(MessagesOf(CheckOf(documents), "GRANT_NEVER_MATCHES"),
              ElementsAre(AllOf(StartsWith("M02 "), HasSubstr("phases"))));
}

TEST(CheckTest, AGrantOfFieldsThatItsSourcesDoNotOwnNeverMatches) {
  Documents documents = policy_oracle::ReferencePolicy();
  v1::Grant& grant = GrantOf(documents, "M02");
  grant.clear_fields();
  grant.add_fields("huurachterstand_bedrag");
  EXPECT_THAT(MessagesOf(CheckOf(documents), "GRANT_NEVER_MATCHES"),
              ElementsAre(AllOf(StartsWith("M02 "), HasSubstr("owns"))));
}

TEST(CheckTest, AnExclusionThatWinsEverywhereShadows) {
  Documents documents = policy_oracle::ReferencePolicy();
  v1::Exclusion& exclusion = *documents.convenant.add_exclusions();
  exclusion.set_id("X90");
  exclusion.set_kind(v1::Exclusion::VELD);
  exclusion.set_nl("Niets naar de corporatie.");
  exclusion.add_recipient_hats("WONINGCORPORATIE");
  exclusion.set_code(v1::ReasonCode::CATEGORY_EXCLUDED);
  const CheckResult result = CheckOf(documents);
  EXPECT_THAT(MessagesOf(result, "GRANT_SHADOWED"),
              Contains(AllOf(StartsWith("M02 "), HasSubstr("X90"))));
  // With a way out it shadows nothing.
  documents.convenant.mutable_exclusions(documents.convenant.exclusions_size() - 1)
      ->add_unless(v1::Condition::VIER_OGEN);
  EXPECT_THAT(MessagesOf(CheckOf(documents), "GRANT_SHADOWED"), IsEmpty());
}

TEST(CheckTest, ConditionsThatNeverHoldTogetherContradict) {
  Documents documents = policy_oracle::ReferencePolicy();
  GrantOf(documents, "M02").add_conditions(v1::Condition::SLACHTOFFER);
  GrantOf(documents, "M02").add_conditions(v1::Condition::GEEN_ADRESBESCHERMING);
  const CheckResult result = CheckOf(documents);
  EXPECT_THAT(
      result.findings,
      Contains(AllOf(Field(&Issue::code, "CONDITIONS_CONTRADICT"),
                     Field(&Issue::severity, Issue::Severity::kError),
                     Field(&Issue::message, AllOf(StartsWith("M02 "), HasSubstr("victim"))))));
}

TEST(CheckTest, AChoiceThatNeverHoldsIsTold) {
  Documents documents = policy_oracle::ReferencePolicy();
  v1::Grant& grant = GrantOf(documents, "M02");
  grant.add_conditions(v1::Condition::SLACHTOFFER);
  grant.add_one_of(v1::Condition::GEEN_ADRESBESCHERMING);
  grant.add_one_of(v1::Condition::VIER_OGEN);
  const CheckResult result = CheckOf(documents);
  EXPECT_THAT(MessagesOf(result, "CONDITIONS_CONTRADICT"), IsEmpty());
  EXPECT_THAT(MessagesOf(result, "ALTERNATIVE_NEVER_HOLDS"),
              Contains(AllOf(StartsWith("M02 "), HasSubstr("GEEN_ADRESBESCHERMING"))));
}

TEST(CheckTest, AGuestConditionAmongMembersContradicts) {
  Documents documents = policy_oracle::ReferencePolicy();
  v1::Grant& grant = GrantOf(documents, "M02");
  grant.clear_tafels();
  grant.add_tafels("T_AVE_LOKAAL");  // the corporatie is a member there
  grant.add_conditions(v1::Condition::GAST_TOEGELATEN);
  EXPECT_THAT(MessagesOf(CheckOf(documents), "CONDITIONS_CONTRADICT"),
              ElementsAre(AllOf(StartsWith("M02 "), HasSubstr("guest"))));
}

TEST(CheckTest, ANameWithoutEffectIsTold) {
  Documents documents = policy_oracle::ReferencePolicy();
  GrantOf(documents, "M02").add_fields("huurachterstand_bedrag");
  EXPECT_THAT(MessagesOf(CheckOf(documents), "GRANT_PART_WITHOUT_EFFECT"),
              Contains(AllOf(StartsWith("M02 "), HasSubstr("huurachterstand_bedrag"))));
}

TEST(CheckTest, AReleaseOnRequestAloneIsTold) {
  Documents documents = policy_oracle::ReferencePolicy();
  GrantOf(documents, "M02").clear_conditions();
  EXPECT_THAT(MessagesOf(CheckOf(documents), "UNCONDITIONAL_RELEASE"),
              Contains(AllOf(StartsWith("M02 "), HasSubstr("WONINGCORPORATIE"))));
}

TEST(CheckTest, ARecipientThatTheStatuteDoesNotKnowIsTold) {
  Documents documents = policy_oracle::ReferencePolicy();
  v1::Grant& grant = GrantOf(documents, "M02");
  grant.clear_tafels();
  grant.add_tafels("T_AVE_LOKAAL");
  grant.add_recipient_hats("ENERGIELEVERANCIER");  // without a seat, so that it compiles
  EXPECT_THAT(MessagesOf(CheckOf(documents), "RECIPIENT_OUTSIDE_STATUTE"),
              Contains(AllOf(StartsWith("M02 "), HasSubstr("ENERGIELEVERANCIER"))));
}

TEST(CheckTest, RowsAreLookedAtInTime) {
  Documents documents = policy_oracle::ReferencePolicy();
  const auto row_of = [&](const std::string& id) -> v1::StatuteRow& {
    for (v1::StatuteRow& row : *documents.statute.mutable_rows()) {
      if (row.id() == id) return row;
    }
    ADD_FAILURE() << "no row " << id;
    return *documents.statute.mutable_rows(0);
  };
  row_of("G_VITAAL").set_valid_until("2025-12-31");
  row_of("G_GERECHTVAARDIGD_BELANG").set_valid_from("2030-01-01");
  v1::StatuteRow& future = row_of("G_RECHTSTREEKS_BETROKKEN");
  future.set_valid_from("2100-01-01");
  const CheckResult result = CheckOf(documents);
  EXPECT_THAT(MessagesOf(result, "ROW_EXPIRED"), Contains(StartsWith("G_VITAAL ")));
  EXPECT_THAT(MessagesOf(result, "ROW_IN_FORCE_IN_PART"),
              Contains(AllOf(StartsWith("G_GERECHTVAARDIGD_BELANG "), HasSubstr("2030-01-01"))));
  EXPECT_THAT(MessagesOf(result, "ROW_NOT_YET_IN_FORCE"),
              Contains(StartsWith("G_RECHTSTREEKS_BETROKKEN ")));
}

TEST(CheckTest, RetentionIsMissed) {
  Documents documents = policy_oracle::ReferencePolicy();
  EXPECT_THAT(MessagesOf(CheckOf(documents), "HAT_WITHOUT_RETENTION"),
              Not(Contains(StartsWith("GGZ "))));
  documents.convenant.clear_retention();
  const CheckResult result = CheckOf(documents);
  EXPECT_THAT(MessagesOf(result, "HAT_WITHOUT_RETENTION"), Contains(StartsWith("GGZ ")));
  EXPECT_THAT(MessagesOf(result, "PURPOSE_WITHOUT_RETENTION"), Contains(StartsWith("D21: ")));
}

TEST(CheckTest, FindingsKnowTheirPlace) {
  std::string text = testing::ReadSourceFile("policy/documents/ave-twente.textproto");
  const std::string from =
      "source_hats: [\"GEM_PROCESREGIE\", \"ZVH_PROCESREGIE\", \"GEM_OOV\"]\n  "
      "recipient_hats: [\"WONINGCORPORATIE\"]";
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, from.size(),
               "source_hats: [\"AMBULANCE\"]\n  recipient_hats: [\"WONINGCORPORATIE\"]");
  const auto line = static_cast<int>(
      std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
  const auto parsed = ParseDocument<v1::Convenant>("c.textproto", text);
  ASSERT_TRUE(parsed.document);
  const CheckResult result = Check(testing::ReferenceStatute(), *parsed.document,
                                   Document<v1::OperatorSwitches>::FromMessage({}, "switches"));
  const auto found =
      std::find_if(result.findings.begin(), result.findings.end(),
                   [](const Issue& issue) { return issue.code == "GRANT_NEVER_MATCHES"; });
  ASSERT_NE(found, result.findings.end());
  EXPECT_EQ(found->file, "c.textproto");
  EXPECT_NEAR(found->line, line, 3);
}

TEST(CheckTest, DocumentsThatDoNotCompileKeepTheirIssues) {
  Documents documents = policy_oracle::ReferencePolicy();
  GrantOf(documents, "M02").add_fields("no_such_field");
  const CheckResult result = CheckOf(documents);
  EXPECT_EQ(result.policy, nullptr);
  EXPECT_TRUE(HasErrors(result.findings));
  EXPECT_THAT(result.findings, Each(Field(&Issue::code, Not(StartsWith("GRANT_")))));
}

// ---- Random policies ----

// First words of the messages with these codes.
std::set<std::string> Subjects(const CheckResult& result, const std::set<std::string>& codes) {
  std::set<std::string> subjects;
  for (const Issue& issue : result.findings) {
    if (codes.count(issue.code) != 0)
      subjects.insert(issue.message.substr(0, issue.message.find_first_of(" :")));
  }
  return subjects;
}

TEST(CheckPropertyTest, SaysOfGrantsAndFieldsWhatAskingEverythingSays) {
  int flagged = 0;
  int alive = 0;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed + 100);
    const Documents documents = policy_oracle::RandomPolicy(rng, 1 + static_cast<int>(seed % 3));
    const CheckResult result = CheckOf(documents);
    ASSERT_NE(result.policy, nullptr);
    const std::set<std::string> never =
        Subjects(result, {"GRANT_NEVER_MATCHES", "GRANT_SHADOWED", "CONDITIONS_CONTRADICT",
                          "GRANT_NOT_IN_FORCE", "GRANT_WITHOUT_PARTIJ"});
    const std::set<std::string> not_released =
        Subjects(result, {"FIELD_NEVER_RELEASED", "FIELD_NOT_RELEASED_NOW"});
    std::set<std::string> released_fields;
    // Each grant alone, so that no other decides for it.
    for (const v1::Grant& grant : documents.convenant.grants()) {
      Documents alone = documents;
      alone.convenant.clear_grants();
      *alone.convenant.add_grants() = grant;
      const auto policy = CompileOrDie(alone);
      bool releases = false;
      ForEachQuestion({policy.get()}, TurningDays({policy.get()}), {.max_conditions = 4}, rng,
                      [&](const Point& point, const Way& holds) {
                        if (!ReleaseAt(*policy, WitnessAt(point, holds), point.day).released)
                          return;
                        releases = true;
                        released_fields.insert(point.field);
                      });
      EXPECT_EQ(releases, never.count(grant.id()) == 0) << grant.id() << "\n"
                                                        << grant.DebugString();
      ++(releases ? alive : flagged);
    }
    for (const v1::Field& field : documents.convenant.fields()) {
      EXPECT_EQ(released_fields.count(field.name()) == 0, not_released.count(field.name()) != 0)
          << field.name();
    }
  }
  EXPECT_GT(flagged, 5);
  EXPECT_GT(alive, 20);
}

}  // namespace
}  // namespace sluis::policy
