#include "sluis/policy/needs.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "sluis/base/text.h"

namespace sluis::policy {
namespace {

struct CircumstanceWords {
  std::string_view name;
  std::string_view nl;
  std::string_view en;
};

// In the order of the enum.
constexpr std::array<CircumstanceWords, kCircumstanceCount> kCircumstances = {{
    {"ACTING_INVITED", "ontvanger uitgenodigd als gast", "recipient invited as a guest"},
    {"SOURCE_INVITED", "bron uitgenodigd als gast", "source invited as a guest"},
    {"ACTING_TAKES_PART_SECTOR", "ontvanger deelnemer (sectorwet)",
     "recipient takes part (sector law)"},
    {"ACTING_TAKES_PART_WAMS", "ontvanger deelnemer (Wams)", "recipient takes part (Wams)"},
    {"ACTING_TAKES_PART_WGS", "ontvanger deelnemer (WGS_SAMENWERKING)",
     "recipient takes part (WGS_SAMENWERKING)"},
    {"ACTING_PARTIJ_TAKES_PART_SECTOR", "partij van de ontvanger deelnemer (sectorwet)",
     "the recipient's partij takes part (sector law)"},
    {"ACTING_PARTIJ_TAKES_PART_WAMS", "partij van de ontvanger deelnemer (Wams)",
     "the recipient's partij takes part (Wams)"},
    {"ACTING_PARTIJ_TAKES_PART_WGS", "partij van de ontvanger deelnemer (WGS_SAMENWERKING)",
     "the recipient's partij takes part (WGS_SAMENWERKING)"},
    {"SOURCE_TAKES_PART_SECTOR", "bron deelnemer (sectorwet)", "source takes part (sector law)"},
    {"SOURCE_TAKES_PART_WAMS", "bron deelnemer (Wams)", "source takes part (Wams)"},
    {"SOURCE_TAKES_PART_WGS", "bron deelnemer (WGS_SAMENWERKING)",
     "source takes part (WGS_SAMENWERKING)"},
    {"SOURCE_PARTIJ_TAKES_PART_SECTOR", "partij van de bron deelnemer (sectorwet)",
     "the source's partij takes part (sector law)"},
    {"SOURCE_PARTIJ_TAKES_PART_WAMS", "partij van de bron deelnemer (Wams)",
     "the source's partij takes part (Wams)"},
    {"SOURCE_PARTIJ_TAKES_PART_WGS", "partij van de bron deelnemer (WGS_SAMENWERKING)",
     "the source's partij takes part (WGS_SAMENWERKING)"},
    {"PLACED", "casus toegelaten tot de tafel", "casus admitted to the tafel"},
    {"CASUS_OPEN", "casus open", "casus open"},
    {"NO_RADICALISATION", "geen vermoeden van radicalisering", "no suspicion of radicalisation"},
    {"WITHIN_CASUS_TERM", "binnen de bewaartermijn van de casus",
     "within the retention term of the casus"},
    {"VALUE_HELD", "de bron heeft een waarde", "the source holds a value"},
    {"NO_INZAGE_EXCEPTION", "geen uitzondering op inzage", "no exception to inzage"},
    {"ABOUT_PERSON", "over een persoon", "about a person"},
    {"ABOUT_NOBODY", "zonder persoon", "about nobody"},
}};

}  // namespace

std::string_view CircumstanceName(Circumstance circumstance) {
  return kCircumstances[static_cast<size_t>(circumstance)].name;
}
std::string_view CircumstanceText(Circumstance circumstance, Language language) {
  const CircumstanceWords& words = kCircumstances[static_cast<size_t>(circumstance)];
  return language == Language::kDutch ? words.nl : words.en;
}

std::vector<std::string> ConditionNames(ConditionSet set) {
  std::vector<std::string> names;
  for (int i = 1; i <= kConditionCount; ++i) {
    if ((set & Bit(static_cast<Condition>(i))) != 0)
      names.emplace_back(RuleOf(static_cast<Condition>(i)).name);
  }
  return names;
}

std::vector<std::string> ObligationNames(ObligationSet set) {
  std::vector<std::string> names;
  for (int i = 1; i <= kObligationCount; ++i) {
    if ((set & Bit(static_cast<Obligation>(i))) != 0)
      names.emplace_back(ObligationName(static_cast<Obligation>(i)));
  }
  return names;
}

std::string WayText(const Way& way, Language language, CircumstanceSet show) {
  const bool dutch = language == Language::kDutch;
  std::vector<std::string> parts = ConditionNames(way.conditions);
  if (!way.tasks.empty()) {
    parts.push_back(
        absl::StrCat(dutch ? "taak " : "task ", absl::StrJoin(way.tasks, dutch ? " of " : " or ")));
  }
  if (!way.powers.empty()) {
    parts.push_back(absl::StrCat(dutch ? "bevoegdheid " : "power ",
                                 absl::StrJoin(way.powers, dutch ? " of " : " or ")));
  }
  for (int i = 0; i < kCircumstanceCount; ++i) {
    const auto circumstance = static_cast<Circumstance>(i);
    if ((way.circumstances & show & Bit(circumstance)) != 0)
      parts.emplace_back(CircumstanceText(circumstance, language));
  }
  return parts.empty() ? "-" : absl::StrJoin(parts, ", ");
}

}  // namespace sluis::policy
