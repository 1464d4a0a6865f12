#include "sluis/policy/vocabulary.h"

#include "sluis/base/check.h"
#include "sluis/policy/v1/vocabulary.pb.h"

namespace sluis::policy {
namespace {

// The order of this list is the order in which a refusal picks its code.
constexpr std::array<ConditionRule, kConditionCount> kConditions = {{
    {"GEMOTIVEERD", Outcome::kRefuse, Code::kNecessityNotMotivated, std::nullopt},
    {"LID_VAN_TAFEL", Outcome::kRefuse, Code::kWrongTable, std::nullopt},
    {"DEELNEMER_IN_CASUS", Outcome::kRefuse, Code::kNotParticipant, std::nullopt},
    {"GAST_TOEGELATEN", Outcome::kRefuse, Code::kNotParticipant, std::nullopt},
    {"TOESTEMMING_UITDRUKKELIJK", Outcome::kNeedsConsent, Code::kNeedsConsent, Code::kNoConsent},
    {"TOESTEMMING_MELDER", Outcome::kNeedsConsent, Code::kNeedsConsent, Code::kCategoryExcluded},
    {"BESLUIT_GOED_HULPVERLENERSCHAP", Outcome::kNeedsDecision, Code::kNeedsDecision,
     Code::kSourceObjects},
    {"BESLUIT_CONFLICT_VAN_PLICHTEN", Outcome::kNeedsDecision, Code::kNeedsDecision,
     Code::kSourceObjects},
    {"BESLUIT_WAMS_WEGING", Outcome::kNeedsDecision, Code::kNeedsDecision, Code::kSourceObjects},
    {"BESLUIT_MELDRECHT", Outcome::kNeedsDecision, Code::kNeedsDecision, Code::kSourceObjects},
    {"BESLUIT_ACUUT_GEVAAR", Outcome::kNeedsDecision, Code::kNeedsDecision, Code::kSourceObjects},
    {"BESLUIT_SELECTIE_BRON", Outcome::kNeedsDecision, Code::kNeedsDecision, Code::kSourceObjects},
    {"BESLUIT_WJSG", Outcome::kNeedsDecision, Code::kNeedsDecision, Code::kSourceObjects},
    {"INSTEMMING_BRON", Outcome::kNeedsDecision, Code::kNeedsDecision, Code::kSourceObjects},
    {"VIER_OGEN", Outcome::kNeedsDecision, Code::kNeedsDecision, Code::kSourceObjects},
    {"TIJDSLOT_72U", Outcome::kRefuse, Code::kTimeboxExpired, std::nullopt},
    {"WPG20_BESLUIT", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"WPG19_BESLUIT", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"MACHTIGING_GELDIG", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"POLITIE_TERMIJN_5J", Outcome::kRefuse, Code::kRetentionExpired, std::nullopt},
    {"MAX_12_MAANDEN_OUD", Outcome::kRefuse, Code::kDataTooOld, std::nullopt},
    {"OTS_VAN_KRACHT", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"MAATREGEL_LOOPT", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"WETTELIJKE_TAAK_BENOEMD", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"MINDERJARIG", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"SLACHTOFFER", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"ZORG_NODIG_ZONDER_HULPVRAAG", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"OPEN_MELDING", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"SIGNAAL_VOORWAARDEN", Outcome::kRefuse, Code::kSignalRejected, std::nullopt},
    {"GESLOTEN_SET", Outcome::kRefuse, Code::kSignalRejected, std::nullopt},
    {"AMVB_SCHULDHULP_8_2", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"BETROKKENE_GEINFORMEERD", Outcome::kRefuse, Code::kNotInformed, std::nullopt},
    {"GEMEENTE_VOOR_OF_NA_DETENTIE", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"RISICO_ERNSTIG_GEWELD_ZEDEN", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"GEZAG_OF_OPENBARE_ORDE", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"EIGEN_BEVOEGDHEID_BENOEMD", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"STRIKT_NOODZAKELIJK_WVGGZ", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"HUISVERBOD_VAN_KRACHT", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"RECHTSTREEKS_BETROKKEN", Outcome::kRefuse, Code::kSecrecy, std::nullopt},
    {"MEDISCH_ADVISEUR", Outcome::kRefuse, Code::kNotAuthorisedPerson, std::nullopt},
    {"VT_MELDING_TOEGELICHT", Outcome::kRefuse, Code::kNecessityNotMotivated, std::nullopt},
    {"BSN_GERECHTIGD", Outcome::kRefuse, Code::kBsnNotAllowed, std::nullopt},
    {"MANDAAT_VAN_KRACHT", Outcome::kRefuse, Code::kMandateMissing, std::nullopt},
    {"GEEN_DERDE_PERSOON", Outcome::kRefuse, Code::kThirdPersonData, std::nullopt},
    {"ZICHTBAAR_VOOR_AANWEZIGEN", Outcome::kRefuse, Code::kThirdPersonData, std::nullopt},
    {"GEEN_PLEGERZIJDE_AAN_TAFEL", Outcome::kRefuse, Code::kCategoryExcluded, std::nullopt},
    {"GEEN_ADRESBESCHERMING", Outcome::kRefuse, Code::kCategoryExcluded, std::nullopt},
    {"IDENTITEIT_VASTGESTELD", Outcome::kRefuse, Code::kNotAuthorisedPerson, std::nullopt},
    {"INZAGE_TOEGESTAAN", Outcome::kRefuse, Code::kRightsRestricted, std::nullopt},
    {"HIT_BEVESTIGD", Outcome::kRefuse, Code::kNoBasis, std::nullopt},
    {"SAMENSPRAAK_OF_GEMOTIVEERD_ZONDER", Outcome::kRefuse, Code::kNoSamenspraak, std::nullopt},
    {"WAMS_UITKOMST_MEERVOUDIG", Outcome::kRefuse, Code::kNoWamsOutcome, std::nullopt},
    {"DILEMMA_GEPSEUDONIMISEERD", Outcome::kRefuse, Code::kCategoryExcluded, std::nullopt},
    {"CEL_MINIMAAL_10", Outcome::kRefuse, Code::kAggregateTooSmall, std::nullopt},
}};

constexpr std::array<std::string_view, kObligationCount> kObligations = {
    "DOELGEBONDEN",
    "NIET_DOOR",
    "BRONVOORWAARDEN_REIZEN_MEE",
    "INFORMEER_1M",
    "INFORMEER_VT_4W",
    "INFORMEER_GEMELDE_EN_MELDER",
    "MELD_ZORGVERANTWOORDELIJKE",
    "MELD_DIRECTEUR_PI",
    "MELD_FG_EN_TOETS",
    "LOG_WJSG_4J",
    "LABELS_MEE",
    "TOETS_BOVEN_1_JAAR",
    "MASKEER_MELDER",
    "MASKEER_DERDEN",
    "AFSCHERMEN_NA_SLUITING",
    "VERNIETIG_5J",
    "VERVALT_72U",
    "VERIFIEER_BSN",
    "ALLEEN_WOONACTIES",
    "ALLEEN_SAMENVATTING",
    "ALLEEN_WONEN_CONTACT",
    "ALLEEN_JA_NEE",
    "ALLEEN_MEDISCH_ADVISEUR",
    "ALLEEN_FEITEN",
    "PSEUDONIMISEER",
    "AGGREGEER_10",
    "BIED_GESPREK_AAN",
    "MINIMALE_SET",
};

static_assert(v1::Condition::Id_MAX == kConditionCount);
static_assert(v1::Obligation::Id_MAX == kObligationCount);
static_assert(v1::ReasonCode::Id_MAX == kCodeCount);
static_assert(kConditionCount < 64 && kObligationCount < 32, "sets of them are one word");
static_assert(static_cast<int>(Condition::kCelMinimaal10) == v1::Condition::CEL_MINIMAAL_10);
static_assert(static_cast<int>(Obligation::kMinimaleSet) == v1::Obligation::MINIMALE_SET);
static_assert(static_cast<int>(Code::kNcnd) + 1 == v1::ReasonCode::NCND);
static_assert(static_cast<int>(Regime::kWgsSamenwerking) == v1::Regime::WGS_SAMENWERKING);
static_assert(static_cast<int>(TafelSoort::kBestuurlijk) == v1::TafelSoort::BESTUURLIJK);
static_assert(static_cast<int>(SourceLaw::kAvg) == v1::SourceLaw::AVG);
static_assert(static_cast<int>(Capacity::kParentWithoutGezag) ==
              v1::Capacity::PARENT_WITHOUT_GEZAG);
static_assert(static_cast<int>(PersonRole::kDirecteKring) == v1::PersonRole::DIRECTE_KRING);

}  // namespace

const ConditionRule& RuleOf(Condition condition) {
  const auto index = static_cast<size_t>(condition) - 1;
  SLUIS_CHECK(index < kConditions.size());
  return kConditions[index];
}

std::string_view ObligationName(Obligation obligation) {
  const auto index = static_cast<size_t>(obligation) - 1;
  SLUIS_CHECK(index < kObligations.size());
  return kObligations[index];
}

std::optional<Condition> ConditionFromName(std::string_view name) {
  for (size_t i = 0; i < kConditions.size(); ++i) {
    if (kConditions[i].name == name) return static_cast<Condition>(i + 1);
  }
  return std::nullopt;
}

std::optional<Obligation> ObligationFromName(std::string_view name) {
  for (size_t i = 0; i < kObligations.size(); ++i) {
    if (kObligations[i] == name) return static_cast<Obligation>(i + 1);
  }
  return std::nullopt;
}

}  // namespace sluis::policy
