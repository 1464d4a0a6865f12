#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluis/policy/policy.h"
#include "sluis/policy/texts.h"
#include "sluis/policy/vocabulary.h"

// What has to be true for a release: what the analyses of a policy reason about and show.
namespace sluis::policy {

// What the gates of the decision procedure ask of the facts, next to the conditions of grants and
// rows. "Takes part" is a participation that counts at tafels of that regime.
enum class Circumstance : uint8_t {
  kActingInvited = 0,  // as a guest
  kSourceInvited,
  kActingTakesPartSector,
  kActingTakesPartWams,
  kActingTakesPartWgs,
  kActingPartijTakesPartSector,  // with any hat
  kActingPartijTakesPartWams,
  kActingPartijTakesPartWgs,
  kSourceTakesPartSector,
  kSourceTakesPartWams,
  kSourceTakesPartWgs,
  kSourcePartijTakesPartSector,
  kSourcePartijTakesPartWams,
  kSourcePartijTakesPartWgs,
  kPlaced,             // the casus on the tafel
  kCasusOpen,          // and not in a stage that closes
  kNoRadicalisation,   // no suspicion of it
  kWithinCasusTerm,    // the term counted from first processing of the casus
  kValueHeld,          // by the source
  kNoInzageException,  // for the field
  kAboutPerson,        // the request names a person
  kAboutNobody,        // the request names no person
};
inline constexpr int kCircumstanceCount = 22;

using CircumstanceSet = uint32_t;
constexpr CircumstanceSet Bit(Circumstance circumstance) {
  return CircumstanceSet{1} << static_cast<unsigned>(circumstance);
}
std::string_view CircumstanceName(Circumstance circumstance);
std::string_view CircumstanceText(Circumstance circumstance, Language language);

// One way to a release: everything in it has to hold, and nothing else. Of `tasks` and of `powers`
// the request names one, where any is given.
struct Way {
  ConditionSet conditions = 0;
  CircumstanceSet circumstances = 0;
  std::vector<std::string> tasks{};
  std::vector<std::string> powers{};
  ObligationSet obligations = 0;

  friend bool operator==(const Way&, const Way&) = default;
  friend auto operator<=>(const Way&, const Way&) = default;
};

// Names of the conditions, tasks and powers of a way, and of the circumstances in `show`, joined.
// "-" when there are none.
std::string WayText(const Way& way, Language language, CircumstanceSet show);
std::vector<std::string> ConditionNames(ConditionSet set);
std::vector<std::string> ObligationNames(ObligationSet set);

}  // namespace sluis::policy
