#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"

#include "sluis/base/civil_date.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/facts.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/policy_oracle/oracle.h"

// What the steps and the conditions look up in documents, facts and request.
namespace sluis::policy_oracle {

namespace v1 = policy::v1;

// One request at one instant, with everything that it is judged by.
struct Question {
  const v1::Statute& statute;
  const v1::Convenant& convenant;
  const v1::OperatorSwitches& switches;
  const v1::Facts& facts;
  const v1::DecisionRequest& request;
  Instant now;
};

template <typename List, typename Name>
bool Contains(const List& list, const Name& name) {
  for (const auto& element : list) {
    if (element == name) return true;
  }
  return false;
}

// --- Days, periods and instants -----------------------------------------------------------------

// Absent when empty or not a day: unknown.
std::optional<CivilDate> DayOf(const std::string& text);
std::optional<absl::Time> TimeOf(const std::string& text);

// First and last day included. No first day: in no period. No last day: no end. A last day that is
// not a day: unknown, hence in no period.
bool InPeriod(const std::string& from, const std::string& until, CivilDate today);

// The same for records that restrict: they do so also where a day is missing or cannot be read.
bool MayBeInPeriod(const std::string& from, const std::string& until, CivilDate today);

// "Dated today or before": the day is known and not after today.
bool DatedTodayOrBefore(const std::string& date, CivilDate today);

// "Not dated after today": a record without a day is older than every other.
bool NotDatedAfterToday(const std::string& date, CivilDate today);

// Withdrawn at the instant, for what helps a release: also when it cannot be read since when.
bool IsWithdrawn(const std::string& withdrawn_at, absl::Time now);

// The first day on which a term that began on `start` is over.
CivilDate TermEnd(CivilDate start, int term, v1::Retention::Unit unit);

// --- Vocabulary ---------------------------------------------------------------------------------

// Null for a name that the convenant or statute does not have.
const v1::Hat* FindHat(const Question& question, const std::string& id);
const v1::Field* FindField(const Question& question, const std::string& name);
const v1::Tafel* FindTafel(const Question& question, const std::string& id);
const v1::Partij* FindPartij(const Question& question, const std::string& id);
const v1::Purpose* FindPurpose(const Question& question, const std::string& id);
const v1::Stage* FindStage(const Question& question, const std::string& id);
const v1::StatuteRow* FindRow(const Question& question, const std::string& id);
const v1::Secrecy* FindSecrecy(const Question& question, const std::string& id);

bool SamePartijHat(const v1::PartijHat& a, const v1::PartijHat& b);
// The acting side: the recipient of what is provided.
v1::PartijHat ActingSide(const Question& question);
// The tafel of the request. Only after step 1, which refuses an unknown one.
const v1::Tafel& TheTafel(const Question& question);

// --- Documents on a day -------------------------------------------------------------------------

// A row is in force: its own dates, or those of the operator for a row that is off until dated.
bool RowIsInForce(const Question& question, const v1::StatuteRow& row);

struct Term {
  int length = 0;
  v1::Retention::Unit unit = v1::Retention::UNIT_UNSPECIFIED;
};
// The term of a retention row, or the operator's where the row has none. Absent: unset.
std::optional<Term> TermOf(const Question& question, const v1::Retention& retention);

// The term of a retention row, counted from `start`, is over. An unset term is never over; an
// unknown start is no better than one long ago.
bool RetentionIsOver(const Question& question, const v1::Retention& retention,
                     const std::string& start);

// A general decision for this condition is in the switches, in period.
bool GeneralDecisionInForce(const Question& question, v1::Condition::Id condition);

// --- Seats and participation --------------------------------------------------------------------

bool IsMemberHat(const v1::Tafel& tafel, const std::string& hat);
bool IsGuestHat(const v1::Tafel& tafel, const std::string& hat);
// An invitation of this partij and hat to the tafel of the request, in period.
bool IsInvited(const Question& question, const v1::PartijHat& side);
// *Admitted* of the specification.
bool IsAdmitted(const Question& question, const v1::PartijHat& side);

// --- Persons and professionals ------------------------------------------------------------------

// The casus of the request. Null when unknown.
const v1::CasusFacts* TheCasus(const Question& question);
// The person of the request, with a role in the casus. Null otherwise.
const v1::CasusPerson* ThePerson(const Question& question);
// Absent when the day of birth is not known (or still to come).
std::optional<int> AgeOfPerson(const Question& question);
bool IsVictim(const v1::CasusPerson& person);
// The professional of the request is on record with the acting partij, active, with the acting hat.
bool ProfessionalIsAuthorised(const Question& question);
bool ProfessionalHasFunction(const Question& question, v1::ProfessionalFunction::Id function);

// --- Values -------------------------------------------------------------------------------------

// The newest value that the source holds of this field of this person. Null when it holds none.
const v1::Holding* NewestValue(const Question& question, const v1::Field& field);
// Step 11.
bool IsPastItsTerm(const Question& question, const v1::Holding& value);

}  // namespace sluis::policy_oracle
