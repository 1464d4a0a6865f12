// What each condition asks, and what each exclusion forbids: one case in which it lets pass, and
// one in which it does not. Read a row as: with these facts the field is released; with those it is
// refused with this code.
//
// Conditions are tested in a policy of one grant and one row that asks nothing else; exclusions in
// the reference convenant.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "one_grant.h"
#include "side_by_side.h"

#include "sluis/base/text.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/policy/vocabulary.h"

namespace sluis::policy {
namespace {

using policy_oracle::FieldResult;
using policy_oracle::Result;

constexpr std::string_view kNow = "2026-11-23T10:00:00+01:00";

struct ConditionCase {
  std::string_view condition{};
  Given permit{};
  Given deny{};
  std::string_view code{};
  // A consent or decision that is refused; empty facts: the condition cannot be refused.
  Given refused{};
  std::string_view refused_code{};
};

// --- Conditions: a policy of one grant
// -------------------------------------------------------------

const std::vector<ConditionCase>& ConditionCases() {
  static const std::vector<ConditionCase> cases = {
      {"GEMOTIVEERD",
       {"", "fields { field: 'veld' motivation: 'nodig voor het plan' }"},
       {"", "fields { field: 'veld' motivation: '  ' }"},
       "NECESSITY_NOT_MOTIVATED"},
      // A member sits there; a guest without invitation is stopped by the gate before.
      {"LID_VAN_TAFEL", {}, {"", "acting_hat: 'GAST'"}, "NOT_PARTICIPANT"},
      {"DEELNEMER_IN_CASUS",
       {"casus { participants { participant { partij: 'P_VRAGER' hat: 'VRAGER' } from: "
        "'2026-11-01' } }"},
       {"casus { participants { participant { partij: 'P_VRAGER' hat: 'ZORG' } from: '2026-11-01' "
        "} }"},
       "NOT_PARTICIPANT"},
      // A member asks a guest that is invited; and a member, where no guest is concerned.
      {"GAST_TOEGELATEN",
       {"casus { guests { participant { partij: 'P_BRON' hat: 'GAST' } tafel: 'K_KANAAL' from: "
        "'2026-11-01' } }",
        "source { partij: 'P_BRON' hat: 'GAST' }"},
       {},
       "NOT_PARTICIPANT"},
      {"TOESTEMMING_UITDRUKKELIJK",
       {SLUIS_CONSENT("fields: 'veld' status: GEGEVEN_UITDRUKKELIJK flag: AVG_GRONDSLAG date: "
                      "'2026-11-20' from: '2026-11-20'")},
       {SLUIS_CONSENT("fields: 'adres' status: GEGEVEN_UITDRUKKELIJK flag: AVG_GRONDSLAG date: "
                      "'2026-11-20' from: '2026-11-20'")},
       "NEEDS_CONSENT",
       {SLUIS_CONSENT("fields: 'veld' status: GEWEIGERD flag: AVG_GRONDSLAG date: '2026-11-20' "
                      "from: '2026-11-20'")},
       "NO_CONSENT"},
      {"TOESTEMMING_MELDER",
       {"melder_consents { person: 'anna' given: true date: '2026-11-20' }"},
       {"melder_consents { person: 'bram' given: true date: '2026-11-20' }"},
       "NEEDS_CONSENT",
       {"melder_consents { person: 'anna' given: false date: '2026-11-20' }"},
       "CATEGORY_EXCLUDED"},
      {"BESLUIT_GOED_HULPVERLENERSCHAP",
       {SLUIS_DECISION("GHV", "result: GIVEN")},
       {SLUIS_DECISION("CVP", "result: GIVEN")},
       "NEEDS_DECISION",
       {SLUIS_DECISION("GHV", "result: REFUSED")},
       "SOURCE_OBJECTS"},
      {"BESLUIT_CONFLICT_VAN_PLICHTEN",
       {SLUIS_DECISION("CVP", "result: GIVEN")},
       {SLUIS_DECISION("CVP", "result: GIVEN until: '2026-11-22'")},
       "NEEDS_DECISION",
       {SLUIS_DECISION("CVP", "result: REFUSED")},
       "SOURCE_OBJECTS"},
      {"BESLUIT_WAMS_WEGING",
       {SLUIS_DECISION(
           "WAMS", "result: GIVEN necessity: 'ja' weighty_reasons: 'geen' consent_sought: 'ja'")},
       {SLUIS_DECISION("WAMS", "result: GIVEN necessity: 'ja' weighty_reasons: 'geen'")},
       "NEEDS_DECISION",
       {SLUIS_DECISION(
           "WAMS", "result: REFUSED necessity: 'nee' weighty_reasons: 'ja' consent_sought: 'nee'")},
       "SOURCE_OBJECTS"},
      {"BESLUIT_MELDRECHT",
       {SLUIS_DECISION("MELDRECHT", "result: GIVEN")},
       {},
       "NEEDS_DECISION",
       {SLUIS_DECISION("MELDRECHT", "result: REFUSED")},
       "SOURCE_OBJECTS"},
      {"BESLUIT_ACUUT_GEVAAR",
       {SLUIS_DECISION("ACUUT",
                       "result: GIVEN at: '2026-11-22T10:00:00+01:00' consent_impossible: true "
                       "no_lesser_means: true")},
       {SLUIS_DECISION("ACUUT",
                       "result: GIVEN at: '2026-11-22T10:00:00+01:00' consent_impossible: true")},
       "NEEDS_DECISION",
       {SLUIS_DECISION("ACUUT",
                       "result: REFUSED at: '2026-11-22T10:00:00+01:00' consent_impossible: true "
                       "no_lesser_means: true")},
       "SOURCE_OBJECTS"},
      {"BESLUIT_SELECTIE_BRON",
       {SLUIS_DECISION("SELECTIE", "result: GIVEN")},
       {},
       "NEEDS_DECISION",
       {SLUIS_DECISION("SELECTIE", "result: REFUSED")},
       "SOURCE_OBJECTS"},
      {"BESLUIT_WJSG",
       {SLUIS_DECISION(
           "WJSG", "result: GIVEN weighty_interest: 'veiligheid' purpose: 'D01' no_tracing: true")},
       {SLUIS_DECISION(
           "WJSG", "result: GIVEN weighty_interest: 'veiligheid' purpose: 'D02' no_tracing: true")},
       "NEEDS_DECISION",
       {SLUIS_DECISION(
           "WJSG",
           "result: REFUSED weighty_interest: 'veiligheid' purpose: 'D01' no_tracing: true")},
       "SOURCE_OBJECTS"},
      {"INSTEMMING_BRON",
       {SLUIS_DECISION("INSTEMMING", "result: GIVEN")},
       {},
       "NEEDS_DECISION",
       {SLUIS_DECISION("INSTEMMING", "result: REFUSED")},
       "SOURCE_OBJECTS"},
      {"VIER_OGEN",
       {SLUIS_DECISION(
           "VIER_OGEN",
           "result: GIVEN approvers: ['p1', 'p2']") " professionals { id: 'p1' partij: 'P_BRON' "
                                                    "active: true } professionals { id: 'p2' "
                                                    "partij: 'P_BRON' active: true }"},
       {SLUIS_DECISION("VIER_OGEN",
                       "result: GIVEN approvers: ['p1', 'p1']") " professionals { id: 'p1' partij: "
                                                                "'P_BRON' active: true }"},
       "NEEDS_DECISION",
       {SLUIS_DECISION("VIER_OGEN", "result: REFUSED approvers: ['p1']")},
       "SOURCE_OBJECTS"},
      {"TIJDSLOT_72U",
       {"casus { timebox { opened_at: '2026-11-20T10:00:01+01:00' } }"},
       {"casus { timebox { opened_at: '2026-11-20T10:00:00+01:00' } }"},
       "TIMEBOX_EXPIRED"},
      {"WPG20_BESLUIT",
       {"besluiten { kind: WPG20 interest: 'zwaarwegend' verband: 'K_KANAAL' purposes: 'D01' "
        "fields: 'veld' conditions: 'ja' recipients { partij: 'P_VRAGER' hat: 'VRAGER' } gezag: "
        "'burgemeester' date: '2026-01-01' }"},
       {"besluiten { kind: WPG20 interest: 'zwaarwegend' verband: 'K_KANAAL' purposes: 'D01' "
        "fields: 'veld' conditions: 'ja' recipients { partij: 'P_VRAGER' hat: 'VRAGER' } gezag: ' "
        "' date: '2026-01-01' }"},
       "NO_BASIS"},
      {"WPG19_BESLUIT",
       {"besluiten { kind: WPG19 casus: 'C-1' person: 'anna' purposes: 'D01' fields: 'veld' "
        "recipients { partij: 'P_VRAGER' hat: 'VRAGER' } gezag: 'OM' date: '2026-01-01' }"},
       {"besluiten { kind: WPG19 casus: 'C-1' person: 'bram' purposes: 'D01' fields: 'veld' "
        "recipients { partij: 'P_VRAGER' hat: 'VRAGER' } gezag: 'OM' date: '2026-01-01' }"},
       "NO_BASIS"},
      {"MACHTIGING_GELDIG",
       {"", "",
        "decisions { condition: MACHTIGING_GELDIG from: '2026-01-01' until: '2026-11-23' source: "
        "'besluit' }"},
       {"", "",
        "decisions { condition: MACHTIGING_GELDIG from: '2026-01-01' until: '2026-11-22' source: "
        "'besluit' }"},
       "NO_BASIS"},
      {"POLITIE_TERMIJN_5J",
       {"holdings { person: 'anna' field: 'veld' source { partij: 'P_BRON' hat: 'POLITIE' } "
        "recorded_on: '2026-10-01' first_processed: '2021-11-24' }",
        "source { partij: 'P_BRON' hat: 'POLITIE' }"},
       {"holdings { person: 'anna' field: 'veld' source { partij: 'P_BRON' hat: 'POLITIE' } "
        "recorded_on: '2026-10-01' first_processed: '2021-11-23' }",
        "source { partij: 'P_BRON' hat: 'POLITIE' }"},
       "RETENTION_EXPIRED"},
      {"MAX_12_MAANDEN_OUD",
       {SLUIS_HOLDING("value_date: '2025-11-24'")},
       {SLUIS_HOLDING("value_date: '2025-11-23'")},
       "DATA_TOO_OLD"},
      {"OTS_VAN_KRACHT",
       {"ots { person: 'anna' gi_party: 'P_VRAGER' from: '2026-01-01' until: '2026-11-23' }"},
       {"ots { person: 'anna' gi_party: 'P_DERDE' from: '2026-01-01' }"},
       "NO_BASIS"},
      {"MAATREGEL_LOOPT",
       {"measures { person: 'anna' kind: JEUGDRECLASSERING partij: 'P_VRAGER' from: '2026-01-01' "
        "}"},
       {"measures { person: 'anna' kind: HUISVERBOD partij: 'P_VRAGER' from: '2026-01-01' }"},
       "NO_BASIS"},
      {"WETTELIJKE_TAAK_BENOEMD", {"", "task: 'TAAK'"}, {"", "task: 'IETS'"}, "NO_BASIS"},
      {"MINDERJARIG",
       {"casus { persons { birth_date: '2008-11-24' } }"},
       {"casus { persons { birth_date: '2008-11-23' } }"},
       "NO_BASIS"},
      {"SLACHTOFFER",
       {"casus { persons { role: MOGELIJK_SLACHTOFFER } }"},
       {"casus { persons { role: PLEGER } }"},
       "NO_BASIS"},
      {"ZORG_NODIG_ZONDER_HULPVRAAG",
       {"reports { person: 'anna' kind: ZORG_ZONDER_HULPVRAAG status: CLOSED date: '2026-11-23' }"},
       {"reports { person: 'anna' kind: MELDPUNT_OVERIG status: OPEN date: '2026-11-20' }"},
       "NO_BASIS"},
      {"OPEN_MELDING",
       {"reports { person: 'anna' kind: MELDPUNT_OVERIG status: OPEN date: '2026-11-20' }"},
       {"reports { person: 'anna' kind: VT status: OPEN date: '2026-11-20' }"},
       "NO_BASIS"},
      {"SIGNAAL_VOORWAARDEN",
       {"attestations { person: 'anna' source_party: 'P_BRON' date: '2026-11-20' preconditions: "
        "[true, true, true, true] }"},
       {"attestations { person: 'anna' source_party: 'P_BRON' date: '2026-11-20' preconditions: "
        "[true, true, true, false] }"},
       "SIGNAL_REJECTED"},
      // The whole message is refused when it asks one field more than the set.
      {"GESLOTEN_SET",
       {},
       {"", "fields { field: 'veld' motivation: 'x' } fields { field: 'elders' motivation: 'x' }"},
       "SIGNAL_REJECTED"},
      {"AMVB_SCHULDHULP_8_2",
       {"", "",
        "decisions { condition: AMVB_SCHULDHULP_8_2 from: '2026-01-01' source: 'Staatsblad' }"},
       {"", "",
        "decisions { condition: AMVB_SCHULDHULP_8_2 from: '2026-11-24' source: 'Staatsblad' }"},
       "NO_BASIS"},
      {"BETROKKENE_GEINFORMEERD",
       {"informed { person: 'anna' status: UITGESTELD date: '2026-11-01' reason: 'veiligheid' "
        "owner: 'p1' review_date: '2026-11-23' }"},
       {"informed { person: 'anna' status: UITGESTELD date: '2026-11-01' reason: 'veiligheid' "
        "owner: 'p1' review_date: '2026-11-22' }"},
       "NOT_INFORMED"},
      {"GEMEENTE_VOOR_OF_NA_DETENTIE",
       {"detention { person: 'anna' municipality_before: 'Enschede' municipality_after: 'Almelo' "
        "}"},
       {"detention { person: 'anna' municipality_before: 'Enschede' municipality_after: 'Hengelo' "
        "}"},
       "NO_BASIS"},
      {"RISICO_ERNSTIG_GEWELD_ZEDEN",
       {"casus { flags_18b { person: 'anna' } }"},
       {"casus { flags_18b { person: 'bram' } }"},
       "NO_BASIS"},
      {"GEZAG_OF_OPENBARE_ORDE", {"", "power: 'BEVOEGDHEID'"}, {"", "power: 'MACHT'"}, "NO_BASIS"},
      {"EIGEN_BEVOEGDHEID_BENOEMD", {"", "power: 'BEVOEGDHEID'"}, {}, "NO_BASIS"},
      // The care provider asks through its geneesheer-directeur or zorgverantwoordelijke.
      {"STRIKT_NOODZAKELIJK_WVGGZ",
       {"professionals { functions: [ZORGVERANTWOORDELIJKE] }",
        "acting_hat: 'ZORG' wvggz_ernstig_nadeel: 'levensgevaar'"},
       {"", "acting_hat: 'ZORG' wvggz_ernstig_nadeel: 'levensgevaar'"},
       "NO_BASIS"},
      {"HUISVERBOD_VAN_KRACHT",
       {"measures { person: 'anna' kind: HUISVERBOD from: '2026-11-20' until: '2026-11-30' }"},
       {"measures { person: 'anna' kind: HUISVERBOD from: '2026-11-20' until: '2026-11-22' }"},
       "NO_BASIS"},
      {"RECHTSTREEKS_BETROKKEN",
       {"casus { treatment { participant { partij: 'P_VRAGER' hat: 'VRAGER' } } }"},
       {"casus { treatment { participant { partij: 'P_DERDE' hat: 'VRAGER' } } }"},
       "SECRECY"},
      {"MEDISCH_ADVISEUR",
       {"professionals { functions: [MEDISCH_ADVISEUR] }"},
       {"professionals { functions: [GENEESHEER_DIRECTEUR] }"},
       "NOT_AUTHORISED_PERSON"},
      {"VT_MELDING_TOEGELICHT",
       {"reports { person: 'anna' kind: VT status: OPEN date: '2026-11-20' explained: true }"},
       {"reports { person: 'anna' kind: VT status: OPEN date: '2026-11-20' }"},
       "NECESSITY_NOT_MOTIVATED"},
      {"BSN_GERECHTIGD",
       {"casus { persons { bsn_valid: true bsn_verified: true } }",
        "fields { field: 'bsn' motivation: 'x' }"},
       {"casus { persons { bsn_valid: true bsn_verified: true } }",
        "acting_hat: 'ZONDER_BSN' fields { field: 'bsn' motivation: 'x' }"},
       "BSN_NOT_ALLOWED"},
      {"MANDAAT_VAN_KRACHT",
       {"mandates { person: 'anna' holder { partij: 'P_VRAGER' hat: 'VRAGER' } fields: 'veld' "
        "given_by { capacity: SELF } flag: AVG_GRONDSLAG written: true from: '2026-01-01' }"},
       {"mandates { person: 'anna' holder { partij: 'P_VRAGER' hat: 'VRAGER' } fields: 'veld' "
        "given_by { capacity: SELF } flag: AVG_GRONDSLAG written: false from: '2026-01-01' }"},
       "MANDATE_MISSING"},
      {"GEEN_DERDE_PERSOON",
       {SLUIS_HOLDING("")},
       {SLUIS_HOLDING("third_person: true")},
       "THIRD_PERSON_DATA"},
      {"ZICHTBAAR_VOOR_AANWEZIGEN",
       {SLUIS_HOLDING("visible_to_present: true")},
       {SLUIS_HOLDING("")},
       "THIRD_PERSON_DATA"},
      {"GEEN_PLEGERZIJDE_AAN_TAFEL",
       {"casus { perpetrator_side: 'K_WAMS' }"},
       {"casus { perpetrator_side: 'K_KANAAL' }"},
       "CATEGORY_EXCLUDED"},
      {"GEEN_ADRESBESCHERMING",
       {"casus { persons { role: PLEGER } }"},
       {"casus { persons { role: PLEGER address_protected: true } }"},
       "CATEGORY_EXCLUDED"},
      {"IDENTITEIT_VASTGESTELD", {"", "identity_established: true"}, {}, "NOT_AUTHORISED_PERSON"},
      {"INZAGE_TOEGESTAAN",
       {"", "rights_role: SELF"},
       {"rights_exceptions { person: 'anna' fields: 'veld' reason: 'UAVG 41' from: '2026-01-01' }",
        "rights_role: SELF"},
       "RIGHTS_RESTRICTED"},
      {"HIT_BEVESTIGD",
       {"casus { hits { person: 'anna' partij: 'P_BRON' date: '2026-11-20' } }"},
       {"casus { hits { person: 'anna' partij: 'P_DERDE' date: '2026-11-20' } }"},
       "NO_BASIS"},
      {"SAMENSPRAAK_OF_GEMOTIVEERD_ZONDER",
       {"casus { wams_track { stage: 'ONDERZOEK' task: T1 samenspraak { date: '2026-11-20' with: "
        "'Anna' } } }",
        SLUIS_WAMS},
       {"casus { wams_track { stage: 'ONDERZOEK' task: T4 samenspraak { date: '2026-11-20' with: "
        "'Anna' } } }",
        SLUIS_WAMS},
       "NO_SAMENSPRAAK"},
      {"WAMS_UITKOMST_MEERVOUDIG",
       {"casus { wams_track { stage: 'ONDERZOEK' outcome { date: '2026-11-20' name: 'J. Nijhof' "
        "domains: ['WONEN', 'ZORG'] acts: 'WMO' coordination_useful: true } } }",
        SLUIS_WAMS},
       {"casus { wams_track { stage: 'ONDERZOEK' outcome { date: '2026-11-20' name: 'J. Nijhof' "
        "domains: ['WONEN', 'WONEN'] acts: 'WMO' coordination_useful: true } } }",
        SLUIS_WAMS},
       "NO_WAMS_OUTCOME"},
      {"DILEMMA_GEPSEUDONIMISEERD",
       {SLUIS_HOLDING("form: PSEUDONIEM_K_SAFE")},
       {SLUIS_HOLDING("")},
       "CATEGORY_EXCLUDED"},
      {"CEL_MINIMAAL_10",
       {SLUIS_HOLDING("min_cell: 10")},
       {SLUIS_HOLDING("min_cell: 9")},
       "AGGREGATE_TOO_SMALL"},
  };
  return cases;
}

class ConditionTest : public ::testing::TestWithParam<ConditionCase> {};

void PrintTo(const ConditionCase& the_case, std::ostream* out) { *out << the_case.condition; }

TEST_P(ConditionTest, PermitsAndDenies) {
  const ConditionCase& the_case = GetParam();
  const std::string name(the_case.condition);
  v1::Condition::Id condition{};
  ASSERT_TRUE(v1::Condition::Id_Parse(name, &condition));

  const FieldResult permit =
      Decided(PolicyWith(condition, the_case.permit), Complete(the_case.permit, kNow));
  EXPECT_EQ(CodeName(permit.code), "RELEASED");
  EXPECT_EQ(permit.grant, "M01");

  const FieldResult deny =
      Decided(PolicyWith(condition, the_case.deny), Complete(the_case.deny, kNow));
  EXPECT_EQ(CodeName(deny.code), the_case.code);
  EXPECT_TRUE(deny.missing.empty() || deny.missing == std::set<std::string>{name});

  const bool can_be_refused = RuleOf(static_cast<Condition>(condition)).refused_code.has_value();
  ASSERT_EQ(can_be_refused, !the_case.refused_code.empty());
  if (!can_be_refused) return;
  const FieldResult refused =
      Decided(PolicyWith(condition, the_case.refused), Complete(the_case.refused, kNow));
  EXPECT_EQ(OutcomeName(refused.outcome), "REFUSE");
  EXPECT_EQ(CodeName(refused.code), the_case.refused_code);
}

INSTANTIATE_TEST_SUITE_P(Every, ConditionTest, ::testing::ValuesIn(ConditionCases()),
                         [](const auto& test) { return std::string(test.param.condition); });

TEST(ConditionTableTest, EveryConditionHasACase) {
  std::set<std::string> with_case;
  for (const ConditionCase& the_case : ConditionCases())
    EXPECT_TRUE(with_case.emplace(the_case.condition).second) << the_case.condition << " twice";
  for (int i = 1; i <= kConditionCount; ++i) {
    const std::string name(RuleOf(static_cast<Condition>(i)).name);
    EXPECT_EQ(with_case.count(name), 1U) << name << " has no case";
  }
  EXPECT_EQ(with_case.size(), size_t{kConditionCount});
}

// Staff is admitted with another hat of its partij, also where that is a guest with an invitation
// to this tafel.
TEST(AdmittedTest, StaffIsAdmittedWithAGuestOfItsPartij) {
  const auto code = [](bool staff, std::string_view partij, std::string_view hat,
                       std::string_view tafel) {
    const std::string facts =
        absl::StrCat("casus { guests { participant { partij: '", ToAbsl(partij), "' hat: '",
                     ToAbsl(hat), "' } from: '2026-11-01' tafel: '", ToAbsl(tafel), "' } }");
    const Given given{facts};
    Documents documents = PolicyWith(v1::Condition::DEELNEMER_IN_CASUS, given);
    for (v1::Hat& each : *documents.convenant.mutable_hats()) {
      if (each.id() == "VRAGER") each.set_staff_of_partij(staff);
    }
    return CodeName(Decided(documents, Complete(given, kNow)).code);
  };
  EXPECT_EQ(code(true, "P_VRAGER", "GAST", "K_KANAAL"), "RELEASED");
  EXPECT_EQ(code(false, "P_VRAGER", "GAST", "K_KANAAL"), "NOT_PARTICIPANT");
  EXPECT_EQ(code(true, "P_VRAGER", "GAST", "K_WAMS"), "NOT_PARTICIPANT");
  EXPECT_EQ(code(true, "P_BRON", "GAST", "K_KANAAL"), "NOT_PARTICIPANT");
  // Invited without being a guest there, and a hat that the partij does not have.
  EXPECT_EQ(code(true, "P_VRAGER", "ZORG", "K_KANAAL"), "NOT_PARTICIPANT");
  EXPECT_EQ(code(true, "P_VRAGER", "BRON", "K_KANAAL"), "NOT_PARTICIPANT");
}

// --- Exclusions of the reference convenant
// --------------------------------------------------------

// One side of a case: who asks whom for which field, where. What is not said: a casus with Anna in
// it, everybody admitted and invited, in a phase of the tafel.
struct Asked {
  std::string_view field{};
  std::string_view tafel{};
  std::string_view purpose{};
  std::string_view source{};  // "P_POLITIE_ON POLITIE"
  std::string_view acting{};  // likewise
  std::string_view facts{};   // added
};

struct ExclusionCase {
  std::string_view id{};
  Asked deny{};
  std::string_view code{};
  // The nearest question that the exclusion leaves alone.
  Asked permit{};
};

const std::vector<ExclusionCase>& ExclusionCases() {
  static const std::vector<ExclusionCase> cases = {
      // Police data of Wpg 9; those of Wpg 8 are no such data.
      {"X01",
       {"verdenking_lopend_onderzoek_art9", "T_ZVH_CASUS", "D06", "P_POLITIE_ON POLITIE",
        "P_OM_ON OM"},
       "POLICE_ARTICLE_EXCLUDED",
       {"politie_incidenten_art8_12mnd", "T_ZVH_CASUS", "D06", "P_POLITIE_ON POLITIE",
        "P_OM_ON OM"}},
      // Medication; not that somebody is in care.
      {"X02",
       {"medicatie", "T_WIJKTEAM_MDO", "D04", "P_MEDIANT GGZ", "P_ALMELO GEM_COLLEGE_WMO"},
       "CATEGORY_EXCLUDED",
       {"in_zorg_indicatie", "T_WIJKTEAM_MDO", "D04", "P_MEDIANT GGZ", "P_ALMELO GEM_COLLEGE_WMO"}},
      // No field of this category exists: the test adds one.
      {"X03",
       {"levensovertuiging", "T_WIJKTEAM_MDO", "D04", "P_MEDIANT GGZ", "P_ALMELO GEM_COLLEGE_WMO"},
       "CATEGORY_EXCLUDED",
       {"in_zorg_indicatie", "T_WIJKTEAM_MDO", "D04", "P_MEDIANT GGZ", "P_ALMELO GEM_COLLEGE_WMO"}},
      // The BSN to a housing association; to the college it is another matter.
      {"X04",
       {"bsn", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_COLLEGE_WMO",
        "P_TWENTEBELT WONINGCORPORATIE"},
       "BSN_NOT_ALLOWED",
       {"bsn", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_COLLEGE_WMO", "P_MEDIANT GGZ"}},
      // A secret address, with and without the perpetrator's side at the tafel.
      {"X05",
       {"indicatie_geheim_adres", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_BRP",
        "P_ALMELO GEM_COLLEGE_WMO", "casus { perpetrator_side: 'T_WIJKTEAM_MDO' }"},
       "CATEGORY_EXCLUDED",
       {"indicatie_geheim_adres", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_BRP",
        "P_ALMELO GEM_COLLEGE_WMO"}},
      // The reporter's name, without and with the reporter's consent.
      {"X06",
       {"melder_identiteit", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_COLLEGE_WMO",
        "P_TWENTEBELT WONINGCORPORATIE"},
       "CATEGORY_EXCLUDED",
       {"melder_identiteit", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_COLLEGE_WMO",
        "P_TWENTEBELT WONINGCORPORATIE",
        "melder_consents { person: 'anna' given: true date: '2026-11-01' }"}},
      // A prohibited purpose; and one that the tafel serves.
      {"X07",
       {"voornamen", "T_WIJKTEAM_MDO", "D93", "P_ALMELO GEM_COLLEGE_WMO", "P_MEDIANT GGZ"},
       "PURPOSE_MISMATCH",
       {"voornamen", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_COLLEGE_WMO", "P_MEDIANT GGZ"}},
      // Another hat of one gemeente is a third party.
      {"X08",
       {"uitkering_status", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_COLLEGE_PW",
        "P_ALMELO GEM_LEERPLICHT"},
       "NO_GRANT",
       {"ave_fase", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_COLLEGE_WMO",
        "P_ALMELO GEM_LEERPLICHT"}},
      // Names at a tafel that treats no casus; not so an amount of cases.
      {"X09",
       {"geslachtsnaam", "T_STUURGROEP", "D18", "P_ALMELO GEM_COLLEGE_WMO", "P_OM_ON OM"},
       "CATEGORY_EXCLUDED",
       {"ave_fase", "T_STUURGROEP", "D18", "P_ALMELO GEM_COLLEGE_WMO", "P_OM_ON OM"}},
      {"X10",
       {"voornamen", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_COLLEGE_WMO", "P_MEDIANT GGZ",
        "casus { status: CLOSED }"},
       "CASE_CLOSED",
       {"voornamen", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_COLLEGE_WMO", "P_MEDIANT GGZ"}},
      // Five years after the casus was first processed at the ZVH.
      {"X11",
       {"voornamen", "T_ZVH_CASUS", "D06", "P_ALMELO GEM_COLLEGE_WMO", "P_OM_ON OM",
        "casus { first_processed: '2021-11-23' }"},
       "RETENTION_EXPIRED",
       {"voornamen", "T_ZVH_CASUS", "D06", "P_ALMELO GEM_COLLEGE_WMO", "P_OM_ON OM",
        "casus { first_processed: '2021-11-24' }"}},
      // What the source was told for its own tafel only.
      {"X12",
       {"voornamen", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_COLLEGE_WMO", "P_MEDIANT GGZ",
        "source_conditions { person: 'anna' field: 'voornamen' origin { partij: 'P_ALMELO' hat: "
        "'GEM_COLLEGE_WMO' } kind: ALLEEN_TAFEL tafel: 'T_ZVH_CASUS' }"},
       "SOURCE_CONDITION",
       {"voornamen", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_COLLEGE_WMO", "P_MEDIANT GGZ",
        "source_conditions { person: 'anna' field: 'voornamen' origin { partij: 'P_ALMELO' hat: "
        "'GEM_COLLEGE_WMO' } kind: ALLEEN_TAFEL tafel: 'T_WIJKTEAM_MDO' }"}},
      // Criminal justice data to a housing association; to probation it is another matter.
      {"X13",
       {"huisverbod_tot", "T_AVE_LOKAAL", "D06", "P_ALMELO GEM_BURGEMEESTER",
        "P_TWENTEBELT WONINGCORPORATIE"},
       "CATEGORY_EXCLUDED",
       {"huisverbod_tot", "T_AVE_LOKAAL", "D06", "P_ALMELO GEM_BURGEMEESTER",
        "P_POLITIE_ON POLITIE"}},
      {"X14",
       {"zorgmelding_soort", "T_AVE_LOKAAL", "D06", "P_POLITIE_ON POLITIE", "P_IXTANOA ZELFREGIE"},
       "RIGHTS_RESTRICTED",
       {"zorgmelding_soort", "T_AVE_LOKAAL", "D06", "P_POLITIE_ON POLITIE",
        "P_ALMELO GEM_COLLEGE_WMO"}},
      // Debts while a report is weighed; not so once the inquiry runs.
      {"X15",
       {"schuldhulptraject_status", "T_WAMS_ONDERZOEK", "D19", "P_ALMELO GEM_SCHULDHULP",
        "P_ALMELO GEM_WAMS", "casus { wams_track { stage: 'TRIAGE' } }"},
       "CATEGORY_EXCLUDED",
       {"schuldhulptraject_status", "T_WAMS_ONDERZOEK", "D19", "P_ALMELO GEM_SCHULDHULP",
        "P_ALMELO GEM_WAMS", "casus { wams_track { stage: 'ONDERZOEK' } }"}},
      {"X16",
       {"voornamen", "T_ZVH_CASUS", "D06", "P_ALMELO GEM_COLLEGE_WMO", "P_OM_ON OM",
        "casus { radicalisation: true }"},
       "OTHER_ACT",
       {"voornamen", "T_ZVH_CASUS", "D06", "P_ALMELO GEM_COLLEGE_WMO", "P_OM_ON OM"}},
      {"X17",
       {"strafzaak_status", "T_ZVH_CASUS", "D06", "P_OM_ON OM", "P_IXTANOA ZELFREGIE"},
       "RIGHTS_RESTRICTED",
       {"strafzaak_status", "T_ZVH_CASUS", "D06", "P_OM_ON OM", "P_ALMELO GEM_BURGEMEESTER"}},
      // The address of a victim where the perpetrator's side sits; that of somebody else.
      {"X18",
       {"adres_brp", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_BRP", "P_ALMELO GEM_COLLEGE_WMO",
        "casus { perpetrator_side: 'T_WIJKTEAM_MDO' persons { role: SLACHTOFFER } }"},
       "CATEGORY_EXCLUDED",
       {"adres_brp", "T_WIJKTEAM_MDO", "D04", "P_ALMELO GEM_BRP", "P_ALMELO GEM_COLLEGE_WMO",
        "casus { perpetrator_side: 'T_WIJKTEAM_MDO' }"}},
  };
  return cases;
}

Documents ReferenceWithAllFields() {
  Documents documents = policy_oracle::SwitchWamsRowsOn(
      policy_oracle::SetWamsTerms(policy_oracle::ReferencePolicy()));
  *documents.convenant.add_fields() = Parse<v1::Field>(
      "nr: 900 name: 'levensovertuiging' category: 'C21' data_class: BIJZONDER_OVERIG "
      "secrecy: 'AMBTELIJK' source_law: AVG each_holder_owns: true");
  return documents;
}

v1::PartijHat Side(std::string_view text) {
  v1::PartijHat side;
  const size_t space = text.find(' ');
  side.set_partij(std::string(text.substr(0, space)));
  side.set_hat(std::string(text.substr(space + 1)));
  return side;
}

Input InputFor(const Documents& documents, const Asked& asked) {
  Input input;
  input.now = *policy_oracle::ParseInstant(kNow);
  input.facts = Parse<v1::Facts>(asked.facts);
  const v1::PartijHat source = Side(asked.source);
  const v1::PartijHat acting = Side(asked.acting);
  const std::string tafel_id(asked.tafel);
  v1::CasusFacts& casus = *input.facts.mutable_casus();
  casus.set_id("C-1");
  if (casus.status() == v1::CasusFacts::STATUS_UNSPECIFIED) casus.set_status(v1::CasusFacts::OPEN);
  if (casus.first_processed().empty()) casus.set_first_processed("2026-01-01");
  casus.set_municipality("Almelo");
  casus.add_tafels(tafel_id);
  if (casus.persons().empty()) casus.add_persons();
  v1::CasusPerson& person = *casus.mutable_persons(0);
  person.set_id("anna");
  if (person.role() == v1::PersonRole::PERSON_ROLE_UNSPECIFIED)
    person.set_role(v1::PersonRole::BETROKKENE);
  person.set_birth_date("1990-05-17");
  for (const v1::PartijHat& side : {source, acting}) {
    v1::Participation participation;
    *participation.mutable_participant() = side;
    participation.set_from("2026-01-01");
    *casus.add_participants() = participation;
    participation.set_tafel(tafel_id);
    *casus.add_guests() = participation;
  }
  v1::DecisionRequest& request = input.request;
  for (const v1::Tafel& tafel : documents.convenant.tafels()) {
    if (tafel.id() != tafel_id) continue;
    casus.set_phase(tafel.phases(0));
    if (tafel.regime() == v1::Regime::WAMS) request.set_stage(casus.wams_track().stage());
    if (tafel.person_data()) request.set_person("anna");
  }
  v1::Professional& professional = *input.facts.add_professionals();
  professional.set_id("arts-1");
  professional.set_partij(acting.partij());
  professional.add_hats(acting.hat());
  professional.set_active(true);
  request.set_partij(acting.partij());
  request.set_acting_hat(acting.hat());
  request.set_professional("arts-1");
  request.set_casus("C-1");
  request.set_tafel(tafel_id);
  request.set_purpose(std::string(asked.purpose));
  *request.mutable_source() = source;
  request.add_fields()->set_field(std::string(asked.field));
  request.mutable_fields(0)->set_motivation("nodig voor het plan");
  return input;
}

class ExclusionTest : public ::testing::TestWithParam<ExclusionCase> {};

void PrintTo(const ExclusionCase& the_case, std::ostream* out) { *out << the_case.id; }

const v1::Exclusion& ExclusionOf(const Documents& documents, std::string_view id) {
  for (const v1::Exclusion& exclusion : documents.convenant.exclusions()) {
    if (exclusion.id() == id) return exclusion;
  }
  return v1::Exclusion::default_instance();
}

TEST_P(ExclusionTest, ForbidsWhatItIsAboutAndNothingElse) {
  const ExclusionCase& the_case = GetParam();
  static const Documents documents = ReferenceWithAllFields();
  const v1::Exclusion& exclusion = ExclusionOf(documents, the_case.id);
  EXPECT_EQ(v1::ReasonCode::Id_Name(exclusion.code()), the_case.code);

  const FieldResult deny = Decided(documents, InputFor(documents, the_case.deny));
  const bool is_gate = exclusion.kind() != v1::Exclusion::VELD || exclusion.before_purpose_gate();
  EXPECT_EQ(deny.exclusion, is_gate ? "" : the_case.id);
  // What is neither confirmed nor denied keeps its code for the officer.
  const bool hidden = deny.outcome == Outcome::kNcnd;
  EXPECT_EQ(CodeName(deny.code), hidden ? "NCND" : the_case.code);

  const FieldResult permit = Decided(documents, InputFor(documents, the_case.permit));
  EXPECT_EQ(permit.exclusion, "");
  EXPECT_NE(CodeName(permit.code), the_case.code);
}

INSTANTIATE_TEST_SUITE_P(Every, ExclusionTest, ::testing::ValuesIn(ExclusionCases()),
                         [](const auto& test) { return std::string(test.param.id); });

TEST(ExclusionTableTest, EveryExclusionHasACase) {
  std::set<std::string> with_case;
  for (const ExclusionCase& the_case : ExclusionCases())
    EXPECT_TRUE(with_case.emplace(the_case.id).second) << the_case.id << " twice";
  std::set<std::string> of_the_convenant;
  const Documents documents = policy_oracle::ReferencePolicy();
  for (const v1::Exclusion& exclusion : documents.convenant.exclusions())
    of_the_convenant.insert(exclusion.id());
  EXPECT_EQ(with_case, of_the_convenant);
}

}  // namespace
}  // namespace sluis::policy
