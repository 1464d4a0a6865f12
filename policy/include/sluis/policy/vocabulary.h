#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sluis/base/outcome.h"

// The closed vocabularies of the policy as C++ types. Numbers and names are those of
// proto/sluis/policy/v1/vocabulary.proto; vocabulary.cc holds the two against each other.
namespace sluis::policy {

// What must be true before a field is released. Each is one predicate over the facts
// (src/engine/conditions.cc); docs/decision-procedure.md says when it is true.
enum class Condition : uint8_t {
  kGemotiveerd = 1,
  kLidVanTafel,
  kDeelnemerInCasus,
  kGastToegelaten,
  kToestemmingUitdrukkelijk,
  kToestemmingMelder,
  kBesluitGoedHulpverlenerschap,
  kBesluitConflictVanPlichten,
  kBesluitWamsWeging,
  kBesluitMeldrecht,
  kBesluitAcuutGevaar,
  kBesluitSelectieBron,
  kBesluitWjsg,
  kInstemmingBron,
  kVierOgen,
  kTijdslot72u,
  kWpg20Besluit,
  kWpg19Besluit,
  kMachtigingGeldig,
  kPolitieTermijn5j,
  kMax12MaandenOud,
  kOtsVanKracht,
  kMaatregelLoopt,
  kWettelijkeTaakBenoemd,
  kMinderjarig,
  kSlachtoffer,
  kZorgNodigZonderHulpvraag,
  kOpenMelding,
  kSignaalVoorwaarden,
  kGeslotenSet,
  kAmvbSchuldhulp82,
  kBetrokkeneGeinformeerd,
  kGemeenteVoorOfNaDetentie,
  kRisicoErnstigGeweldZeden,
  kGezagOfOpenbareOrde,
  kEigenBevoegdheidBenoemd,
  kStriktNoodzakelijkWvggz,
  kHuisverbodVanKracht,
  kRechtstreeksBetrokken,
  kMedischAdviseur,
  kVtMeldingToegelicht,
  kBsnGerechtigd,
  kMandaatVanKracht,
  kGeenDerdePersoon,
  kZichtbaarVoorAanwezigen,
  kGeenPlegerzijdeAanTafel,
  kGeenAdresbescherming,
  kIdentiteitVastgesteld,
  kInzageToegestaan,
  kHitBevestigd,
  kSamenspraakOfGemotiveerdZonder,
  kWamsUitkomstMeervoudig,
  kDilemmaGepseudonimiseerd,
  kCelMinimaal10,
};
inline constexpr int kConditionCount = 54;

// What the receiver or the broker must do after a release.
enum class Obligation : uint8_t {
  kDoelgebonden = 1,
  kNietDoor,
  kBronvoorwaardenReizenMee,
  kInformeer1m,
  kInformeerVt4w,
  kInformeerGemeldeEnMelder,
  kMeldZorgverantwoordelijke,
  kMeldDirecteurPi,
  kMeldFgEnToets,
  kLogWjsg4j,
  kLabelsMee,
  kToetsBoven1Jaar,
  kMaskeerMelder,
  kMaskeerDerden,
  kAfschermenNaSluiting,
  kVernietig5j,
  kVervalt72u,
  kVerifieerBsn,
  kAlleenWoonacties,
  kAlleenSamenvatting,
  kAlleenWonenContact,
  kAlleenJaNee,
  kAlleenMedischAdviseur,
  kAlleenFeiten,
  kPseudonimiseer,
  kAggregeer10,
  kBiedGesprekAan,
  kMinimaleSet,
};
inline constexpr int kObligationCount = 28;

// Sets of them, a bit per value.
using ConditionSet = uint64_t;
using ObligationSet = uint32_t;
constexpr ConditionSet Bit(Condition condition) {
  return ConditionSet{1} << static_cast<unsigned>(condition);
}
constexpr ObligationSet Bit(Obligation obligation) {
  return ObligationSet{1} << static_cast<unsigned>(obligation);
}

// What a condition that is not true makes of a field.
struct ConditionRule {
  std::string_view name;
  Outcome absent_outcome = Outcome::kRefuse;
  Code absent_code = Code::kNoBasis;
  // Absent for a condition that cannot be refused, only be absent.
  std::optional<Code> refused_code;
};
const ConditionRule& RuleOf(Condition condition);
std::string_view ObligationName(Obligation obligation);
std::optional<Condition> ConditionFromName(std::string_view name);
std::optional<Obligation> ObligationFromName(std::string_view name);

enum class Regime : uint8_t { kSector = 1, kWams, kWgsSamenwerking };
enum class TafelSoort : uint8_t { kOverleg = 1, kWettelijkKanaal, kBestuurlijk };
enum class SourceLaw : uint8_t { kWmo = 1, kJeugdwet, kWgbo, kAvg };
inline constexpr int kSourceLawCount = 4;
enum class Capacity : uint8_t { kSelf = 1, kParent, kVoogd, kRepresentative, kParentWithoutGezag };
enum class PersonRole : uint8_t {
  kUnknown,
  kBetrokkene,
  kSlachtoffer,
  kMogelijkSlachtoffer,
  kPleger,
  kOuder,
  kKind,
  kPartner,
  kDirecteKring,
};
enum class RightsRole : uint8_t { kNone, kSelf, kRepresentative };

}  // namespace sluis::policy
