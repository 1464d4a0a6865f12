#include "question.h"

#include "sluis/base/check.h"
#include "sluis/base/text.h"

namespace sluis::policy_oracle {

// --- Days, periods and instants -----------------------------------------------------------------

std::optional<CivilDate> DayOf(const std::string& text) {
  const absl::StatusOr<CivilDate> day = CivilDate::Parse(text);
  if (!day.ok()) return std::nullopt;
  return *day;
}

std::optional<absl::Time> TimeOf(const std::string& text) {
  const absl::StatusOr<Instant> instant = ParseInstant(text);
  if (!instant.ok()) return std::nullopt;
  return instant->time;
}

bool InPeriod(const std::string& from, const std::string& until, CivilDate today) {
  const std::optional<CivilDate> first = DayOf(from);
  if (!first.has_value() || today < *first) return false;
  if (until.empty()) return true;
  const std::optional<CivilDate> last = DayOf(until);
  return last.has_value() && today <= *last;
}

bool MayBeInPeriod(const std::string& from, const std::string& until, CivilDate today) {
  const std::optional<CivilDate> first = DayOf(from);
  const std::optional<CivilDate> last = DayOf(until);
  return (!first.has_value() || *first <= today) && (!last.has_value() || today <= *last);
}

bool DatedTodayOrBefore(const std::string& date, CivilDate today) {
  const std::optional<CivilDate> day = DayOf(date);
  return day.has_value() && *day <= today;
}

bool NotDatedAfterToday(const std::string& date, CivilDate today) {
  return date.empty() || DatedTodayOrBefore(date, today);
}

bool IsWithdrawn(const std::string& withdrawn_at, absl::Time now) {
  if (withdrawn_at.empty()) return false;
  const std::optional<absl::Time> at = TimeOf(withdrawn_at);
  return !at.has_value() || *at <= now;
}

CivilDate TermEnd(CivilDate start, int term, v1::Retention::Unit unit) {
  switch (unit) {
    case v1::Retention::UUR:
      return start.AddDays((term + 23) / 24);
    case v1::Retention::DAG:
      return start.AddDays(term);
    case v1::Retention::MAAND:
      return start.AddMonths(term);
    default:
      return start.AddYears(term);
  }
}

// --- Vocabulary ---------------------------------------------------------------------------------

const v1::Hat* FindHat(const Question& question, const std::string& id) {
  for (const v1::Hat& hat : question.convenant.hats()) {
    if (hat.id() == id) return &hat;
  }
  return nullptr;
}

const v1::Field* FindField(const Question& question, const std::string& name) {
  for (const v1::Field& field : question.convenant.fields()) {
    if (field.name() == name) return &field;
  }
  return nullptr;
}

const v1::Tafel* FindTafel(const Question& question, const std::string& id) {
  for (const v1::Tafel& tafel : question.convenant.tafels()) {
    if (tafel.id() == id) return &tafel;
  }
  return nullptr;
}

const v1::Partij* FindPartij(const Question& question, const std::string& id) {
  for (const v1::Partij& partij : question.convenant.parties()) {
    if (partij.id() == id) return &partij;
  }
  return nullptr;
}

const v1::Purpose* FindPurpose(const Question& question, const std::string& id) {
  for (const v1::Purpose& purpose : question.convenant.purposes()) {
    if (purpose.id() == id) return &purpose;
  }
  return nullptr;
}

const v1::Stage* FindStage(const Question& question, const std::string& id) {
  for (const v1::Stage& stage : question.convenant.stages()) {
    if (stage.id() == id) return &stage;
  }
  return nullptr;
}

const v1::StatuteRow* FindRow(const Question& question, const std::string& id) {
  for (const v1::StatuteRow& row : question.statute.rows()) {
    if (row.id() == id) return &row;
  }
  return nullptr;
}

const v1::Secrecy* FindSecrecy(const Question& question, const std::string& id) {
  for (const v1::Secrecy& secrecy : question.statute.secrecies()) {
    if (secrecy.id() == id) return &secrecy;
  }
  return nullptr;
}

bool SamePartijHat(const v1::PartijHat& a, const v1::PartijHat& b) {
  return a.partij() == b.partij() && a.hat() == b.hat();
}

v1::PartijHat ActingSide(const Question& question) {
  v1::PartijHat side;
  side.set_partij(question.request.partij());
  side.set_hat(question.request.acting_hat());
  return side;
}

const v1::Tafel& TheTafel(const Question& question) {
  const v1::Tafel* tafel = FindTafel(question, question.request.tafel());
  SLUIS_CHECK(tafel != nullptr);
  return *tafel;
}

// --- Documents on a day -------------------------------------------------------------------------

bool RowIsInForce(const Question& question, const v1::StatuteRow& row) {
  if (!row.off_until_dated()) {
    return InPeriod(row.valid_from(), row.valid_until(), question.now.today);
  }
  // Off until an operator records both dates with a source.
  for (const v1::OperatorSwitches::RowDates& dates : question.switches.rows()) {
    if (dates.row() == row.id() && !dates.until().empty() && !dates.source().empty() &&
        InPeriod(dates.from(), dates.until(), question.now.today)) {
      return true;
    }
  }
  return false;
}

std::optional<Term> TermOf(const Question& question, const v1::Retention& retention) {
  if (retention.term() > 0) return Term{.length = retention.term(), .unit = retention.unit()};
  for (const v1::OperatorSwitches::Term& term : question.switches.terms()) {
    if (term.id() == retention.id() && term.term() > 0 && !term.source().empty()) {
      return Term{.length = term.term(), .unit = term.unit()};
    }
  }
  return std::nullopt;
}

bool RetentionIsOver(const Question& question, const v1::Retention& retention,
                     const std::string& start) {
  const std::optional<Term> term = TermOf(question, retention);
  if (!term.has_value()) return false;
  const std::optional<CivilDate> first = DayOf(start);
  return !first.has_value() || TermEnd(*first, term->length, term->unit) <= question.now.today;
}

bool GeneralDecisionInForce(const Question& question, v1::Condition::Id condition) {
  for (const v1::OperatorSwitches::GeneralDecision& decision : question.switches.decisions()) {
    if (decision.condition() == condition && !decision.source().empty() &&
        InPeriod(decision.from(), decision.until(), question.now.today)) {
      return true;
    }
  }
  return false;
}

// --- Seats and participation --------------------------------------------------------------------

bool IsMemberHat(const v1::Tafel& tafel, const std::string& hat) {
  return tafel.all_hats() || Contains(tafel.member_hats(), hat);
}

bool IsGuestHat(const v1::Tafel& tafel, const std::string& hat) {
  return Contains(tafel.guest_hats(), hat);
}

bool IsInvited(const Question& question, const v1::PartijHat& side) {
  const v1::CasusFacts* casus = TheCasus(question);
  if (casus == nullptr) return false;
  for (const v1::Participation& guest : casus->guests()) {
    if (SamePartijHat(guest.participant(), side) && guest.tafel() == question.request.tafel() &&
        InPeriod(guest.from(), guest.until(), question.now.today)) {
      return true;
    }
  }
  return false;
}

namespace {

// It names no tafel, or a tafel of the same regime.
bool CountsAtTheTafel(const Question& question, const v1::Participation& participation) {
  if (participation.tafel().empty()) return true;
  const v1::Tafel* where = FindTafel(question, participation.tafel());
  return where != nullptr && where->regime() == TheTafel(question).regime();
}

bool IsAdmittedItself(const Question& question, const v1::PartijHat& side) {
  const v1::CasusFacts* casus = TheCasus(question);
  if (casus == nullptr) return false;
  for (const v1::Participation& participation : casus->participants()) {
    if (SamePartijHat(participation.participant(), side) &&
        CountsAtTheTafel(question, participation) &&
        InPeriod(participation.from(), participation.until(), question.now.today)) {
      return true;
    }
  }
  return IsGuestHat(TheTafel(question), side.hat()) && IsInvited(question, side);
}

}  // namespace

bool IsAdmitted(const Question& question, const v1::PartijHat& side) {
  if (IsAdmittedItself(question, side)) return true;
  // Staff of its partij: admitted with any other hat of the same partij.
  const v1::Hat* hat = FindHat(question, side.hat());
  const v1::Partij* partij = FindPartij(question, side.partij());
  if (hat == nullptr || partij == nullptr || !hat->staff_of_partij()) return false;
  for (const std::string& other : partij->hats()) {
    v1::PartijHat other_side;
    other_side.set_partij(side.partij());
    other_side.set_hat(other);
    if (other != side.hat() && IsAdmittedItself(question, other_side)) return true;
  }
  return false;
}

// --- Persons and professionals ------------------------------------------------------------------

const v1::CasusFacts* TheCasus(const Question& question) {
  if (!question.facts.has_casus()) return nullptr;
  const v1::CasusFacts& casus = question.facts.casus();
  if (casus.status() == v1::CasusFacts::STATUS_UNSPECIFIED) return nullptr;
  return casus.id() == question.request.casus() ? &casus : nullptr;
}

const v1::CasusPerson* ThePerson(const Question& question) {
  const v1::CasusFacts* casus = TheCasus(question);
  if (casus == nullptr || question.request.person().empty()) return nullptr;
  for (const v1::CasusPerson& person : casus->persons()) {
    if (person.id() == question.request.person() &&
        person.role() != v1::PersonRole::PERSON_ROLE_UNSPECIFIED) {
      return &person;
    }
  }
  return nullptr;
}

std::optional<int> AgeOfPerson(const Question& question) {
  const v1::CasusPerson* person = ThePerson(question);
  if (person == nullptr) return std::nullopt;
  const std::optional<CivilDate> birth = DayOf(person->birth_date());
  if (!birth.has_value() || question.now.today < *birth) return std::nullopt;
  return AgeOn(*birth, question.now.today);
}

bool IsVictim(const v1::CasusPerson& person) {
  return person.role() == v1::PersonRole::SLACHTOFFER ||
         person.role() == v1::PersonRole::MOGELIJK_SLACHTOFFER;
}

namespace {

bool IsTheProfessional(const Question& question, const v1::Professional& professional) {
  return professional.id() == question.request.professional() &&
         professional.partij() == question.request.partij();
}

}  // namespace

bool ProfessionalIsAuthorised(const Question& question) {
  for (const v1::Professional& professional : question.facts.professionals()) {
    if (IsTheProfessional(question, professional) && professional.active() &&
        Contains(professional.hats(), question.request.acting_hat())) {
      return true;
    }
  }
  return false;
}

bool ProfessionalHasFunction(const Question& question, v1::ProfessionalFunction::Id function) {
  for (const v1::Professional& professional : question.facts.professionals()) {
    if (IsTheProfessional(question, professional) &&
        Contains(professional.functions(), static_cast<int>(function))) {
      return true;
    }
  }
  return false;
}

// --- Values -------------------------------------------------------------------------------------

const v1::Holding* NewestValue(const Question& question, const v1::Field& field) {
  const v1::Holding* newest = nullptr;
  for (const v1::Holding& value : question.facts.holdings()) {
    if (value.person() != question.request.person() || value.field() != field.name() ||
        !SamePartijHat(value.source(), question.request.source())) {
      continue;
    }
    const std::optional<CivilDate> recorded = DayOf(value.recorded_on());
    if (recorded.has_value() && question.now.today < *recorded) continue;
    // Of equally dated ones the later in the list. No day that can be read: older than every day.
    if (newest == nullptr || DayOf(newest->recorded_on()) <= DayOf(value.recorded_on())) {
      newest = &value;
    }
  }
  return newest;
}

namespace {

bool DepositEndHasPassed(const Question& question, const v1::Holding& value) {
  if (value.deposit_end().empty()) return false;
  const std::optional<CivilDate> last = DayOf(value.deposit_end());
  return !last.has_value() || *last < question.now.today;
}

bool IsRemovedByThePolice(const Question& question, const v1::Holding& value) {
  const v1::Hat* source = FindHat(question, question.request.source().hat());
  return source != nullptr && source->police() && value.removed();
}

bool HolderTermIsOver(const Question& question, const v1::Holding& value) {
  for (const v1::Retention& retention : question.convenant.retention()) {
    if (!Contains(retention.holder_hats(), question.request.source().hat())) continue;
    if (retention.anchor() == v1::Retention::LAATSTE_WIJZIGING &&
        RetentionIsOver(question, retention, value.recorded_on())) {
      return true;
    }
    if (retention.anchor() == v1::Retention::EERSTE_VERWERKING &&
        RetentionIsOver(question, retention, value.first_processed())) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool IsPastItsTerm(const Question& question, const v1::Holding& value) {
  if (DepositEndHasPassed(question, value) || IsRemovedByThePolice(question, value)) return true;
  // At tafels of WGS_SAMENWERKING the gate of step 3 has counted the term.
  if (TheTafel(question).regime() == v1::Regime::WGS_SAMENWERKING) return false;
  return HolderTermIsOver(question, value);
}

}  // namespace sluis::policy_oracle
