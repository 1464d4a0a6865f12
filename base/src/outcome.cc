#include "sluis/base/outcome.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace sluis {
namespace {

constexpr std::array<std::string_view, 5> kOutcomeNames = {"REFUSE", "NCND", "NEEDS_DECISION",
                                                           "NEEDS_CONSENT", "RELEASE"};
constexpr std::array<std::string_view, kCodeCount> kCodeNames = {
    "MALFORMED",
    "BULK",
    "CONVENANT_NOT_VALID",
    "NOT_AUTHORISED_PERSON",
    "NOT_IN_CASUS",
    "NOT_PARTICIPANT",
    "CASE_NOT_ADMITTED",
    "CASE_CLOSED",
    "RETENTION_EXPIRED",
    "DATA_TOO_OLD",
    "NO_GRANT",
    "WRONG_TABLE",
    "WRONG_PHASE",
    "PURPOSE_MISMATCH",
    "NO_BASIS",
    "NO_CONSENT",
    "SECRECY",
    "CATEGORY_EXCLUDED",
    "POLICE_ARTICLE_EXCLUDED",
    "BSN_NOT_ALLOWED",
    "SOURCE_OBJECTS",
    "SOURCE_CONDITION",
    "THIRD_PERSON_DATA",
    "MANDATE_MISSING",
    "NECESSITY_NOT_MOTIVATED",
    "NOT_INFORMED",
    "NO_SAMENSPRAAK",
    "NO_WAMS_OUTCOME",
    "SIGNAL_REJECTED",
    "TIMEBOX_EXPIRED",
    "AGGREGATE_TOO_SMALL",
    "OTHER_ACT",
    "RIGHTS_RESTRICTED",
    "RELEASED",
    "NEEDS_CONSENT",
    "NEEDS_DECISION",
    "NCND",
};

template <typename Enum, size_t N>
std::optional<Enum> FromName(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto* const found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(std::distance(names.begin(), found));
}

}  // namespace

std::string_view OutcomeName(Outcome outcome) {
  return kOutcomeNames[static_cast<size_t>(outcome)];
}
std::string_view CodeName(Code code) { return kCodeNames[static_cast<size_t>(code)]; }
std::optional<Outcome> OutcomeFromName(std::string_view name) {
  return FromName<Outcome>(kOutcomeNames, name);
}
std::optional<Code> CodeFromName(std::string_view name) { return FromName<Code>(kCodeNames, name); }

}  // namespace sluis
