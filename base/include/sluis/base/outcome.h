#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

// What can become of one field, and why: closed lists (docs/decision-procedure.md). The names are
// part of the contract with partner systems and of the audit log: they never change.
namespace sluis {

enum class Outcome : uint8_t {
  kRefuse,         // the default: nothing is released unless everything needed holds
  kNcnd,           // neither confirmed nor denied (R-A-21)
  kNeedsDecision,  // a recorded decision of an authorised person is needed
  kNeedsConsent,   // explicit consent is needed
  kRelease,
};

enum class Code : uint8_t {
  kMalformed,
  kBulk,
  kConvenantNotValid,
  kNotAuthorisedPerson,
  kNotInCasus,
  kNotParticipant,
  kCaseNotAdmitted,
  kCaseClosed,
  kRetentionExpired,
  kDataTooOld,
  kNoGrant,
  kWrongTable,
  kWrongPhase,
  kPurposeMismatch,
  kNoBasis,
  kNoConsent,
  kSecrecy,
  kCategoryExcluded,
  kPoliceArticleExcluded,
  kBsnNotAllowed,
  kSourceObjects,
  kSourceCondition,
  kThirdPersonData,
  kMandateMissing,
  kNecessityNotMotivated,
  kNotInformed,
  kNoSamenspraak,
  kNoWamsOutcome,
  kSignalRejected,
  kTimeboxExpired,
  kAggregateTooSmall,
  kOtherAct,
  kRightsRestricted,
  kReleased,
  kNeedsConsent,
  kNeedsDecision,
  kNcnd,
};
inline constexpr int kCodeCount = 37;

std::string_view OutcomeName(Outcome outcome);
std::string_view CodeName(Code code);
// Absent for a name that is not in the list.
std::optional<Outcome> OutcomeFromName(std::string_view name);
std::optional<Code> CodeFromName(std::string_view name);

}  // namespace sluis
