// Both sides of every day and instant at which a decision changes. The engine and the slow
// evaluator agree on each.

#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "one_grant.h"
#include "side_by_side.h"

#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"

namespace sluis::policy {
namespace {

// The same facts at two instants that follow each other.
struct Boundary {
  std::string_view name{};
  v1::Condition::Id condition{};
  Given given{};
  std::string_view before{};  // the last instant at which
  std::string_view code_before{};
  std::string_view after{};  // the first instant at which
  std::string_view code_after{};
  std::function<void(Documents&)> change = [](Documents&) {};
};

#define SLUIS_GIVEN_BY(capacity, rest)                                              \
  "consents { person: 'anna' given_by { capacity: " capacity                        \
  " } source { partij: 'P_BRON' hat: 'BRON' } recipient { partij: 'P_VRAGER' hat: " \
  "'VRAGER' } purpose: 'D01' fields: 'veld' status: GEGEVEN_UITDRUKKELIJK flag: "   \
  "AVG_GRONDSLAG date: '2026-01-02' from: '2026-01-02' " rest " }"
#define SLUIS_BORN(day) "casus { persons { birth_date: '" day "' } }"

const std::vector<Boundary>& Boundaries() {
  using C = v1::Condition;
  static const std::vector<Boundary> boundaries = {
      // Birthdays.
      {"OwnConsentFromTheSixteenthBirthday",
       C::TOESTEMMING_UITDRUKKELIJK,
       {SLUIS_GIVEN_BY("SELF", "") SLUIS_BORN("2010-11-24")},
       "2026-11-23T23:59:59+01:00",
       "NEEDS_CONSENT",
       "2026-11-24T00:00:00+01:00",
       "RELEASED"},
      {"ConsentOfAParentToTheSixteenthBirthday",
       C::TOESTEMMING_UITDRUKKELIJK,
       {SLUIS_GIVEN_BY("PARENT", "") SLUIS_BORN("2010-11-24")},
       "2026-11-23T23:59:59+01:00",
       "RELEASED",
       "2026-11-24T00:00:00+01:00",
       "NEEDS_CONSENT"},
      {"OwnInzageFromTheTwelfthBirthday",
       C::INZAGE_TOEGESTAAN,
       {SLUIS_BORN("2014-11-24"), "rights_role: SELF"},
       "2026-11-23T23:59:59+01:00",
       "RIGHTS_RESTRICTED",
       "2026-11-24T00:00:00+01:00",
       "RELEASED"},
      {"MinorToTheEighteenthBirthday",
       C::MINDERJARIG,
       {SLUIS_BORN("2008-11-24")},
       "2026-11-23T23:59:59+01:00",
       "RELEASED",
       "2026-11-24T00:00:00+01:00",
       "NO_BASIS"},
      // Who is born on 29 February comes of age on 1 March, and on 29 February in a leap year.
      {"BornOnALeapDay",
       C::MINDERJARIG,
       {SLUIS_BORN("2008-02-29")},
       "2026-02-28T23:59:59+01:00",
       "RELEASED",
       "2026-03-01T00:00:00+01:00",
       "NO_BASIS"},
      {"BornOnALeapDaySixteenInALeapYear",
       C::TOESTEMMING_UITDRUKKELIJK,
       {SLUIS_GIVEN_BY("SELF", "") SLUIS_BORN("2012-02-29")},
       "2028-02-28T23:59:59+01:00",
       "NEEDS_CONSENT",
       "2028-02-29T00:00:00+01:00",
       "RELEASED"},
      {"BornOnNewYearsDay",
       C::MINDERJARIG,
       {SLUIS_BORN("2009-01-01")},
       "2026-12-31T23:59:59+01:00",
       "RELEASED",
       "2027-01-01T00:00:00+01:00",
       "NO_BASIS"},

      // Last and first days.
      {"LastDayOfAMachtigingAtTheEndOfTheYear",
       C::MACHTIGING_GELDIG,
       {"", "",
        "decisions { condition: MACHTIGING_GELDIG from: '2026-01-01' until: '2026-12-31' source: "
        "'besluit' }"},
       "2026-12-31T23:59:59+01:00",
       "RELEASED",
       "2027-01-01T00:00:00+01:00",
       "NO_BASIS"},
      {"FirstDayOfAMachtiging",
       C::MACHTIGING_GELDIG,
       {"", "", "decisions { condition: MACHTIGING_GELDIG from: '2026-07-01' source: 'besluit' }"},
       "2026-06-30T23:59:59+02:00",
       "NO_BASIS",
       "2026-07-01T00:00:00+02:00",
       "RELEASED"},
      {"LastDayOfAConsent",
       C::TOESTEMMING_UITDRUKKELIJK,
       {SLUIS_GIVEN_BY("SELF", "until: '2026-11-23'")},
       "2026-11-23T23:59:59+01:00",
       "RELEASED",
       "2026-11-24T00:00:00+01:00",
       "NEEDS_CONSENT"},
      {"LastDayOfAConsentOnALeapDay",
       C::TOESTEMMING_UITDRUKKELIJK,
       {SLUIS_GIVEN_BY("SELF", "until: '2028-02-29'")},
       "2028-02-29T23:59:59+01:00",
       "RELEASED",
       "2028-03-01T00:00:00+01:00",
       "NEEDS_CONSENT"},
      {"WithdrawalOfAConsentToTheSecond",
       C::TOESTEMMING_UITDRUKKELIJK,
       {SLUIS_GIVEN_BY("SELF", "withdrawn_at: '2026-11-23T12:00:00+01:00'")},
       "2026-11-23T11:59:59+01:00",
       "RELEASED",
       "2026-11-23T12:00:00+01:00",
       "NO_CONSENT"},
      {"LastDayOfADecision",
       C::BESLUIT_CONFLICT_VAN_PLICHTEN,
       {SLUIS_DECISION("CVP", "result: GIVEN until: '2026-12-31'")},
       "2026-12-31T23:59:59+01:00",
       "RELEASED",
       "2027-01-01T00:00:00+01:00",
       "NEEDS_DECISION"},
      {"ADecisionOfToday",
       C::BESLUIT_CONFLICT_VAN_PLICHTEN,
       {SLUIS_DECISION("CVP", "result: GIVEN")},
       "2026-11-19T23:59:59+01:00",
       "NEEDS_DECISION",
       "2026-11-20T00:00:00+01:00",
       "RELEASED"},
      {"LastDayOfAHuisverbod",
       C::HUISVERBOD_VAN_KRACHT,
       {"measures { person: 'anna' kind: HUISVERBOD from: '2026-11-13' until: '2026-11-23' }"},
       "2026-11-23T23:59:59+01:00",
       "RELEASED",
       "2026-11-24T00:00:00+01:00",
       "NO_BASIS"},
      {"LastDayOfADelayInInforming",
       C::BETROKKENE_GEINFORMEERD,
       {"informed { person: 'anna' status: UITGESTELD date: '2026-11-01' reason: 'x' owner: 'p' "
        "review_date: '2026-11-23' }"},
       "2026-11-23T23:59:59+01:00",
       "RELEASED",
       "2026-11-24T00:00:00+01:00",
       "NOT_INFORMED"},
      {"LastDayThatASourceAllows",
       C::GEMOTIVEERD,
       {"source_conditions { person: 'anna' field: 'veld' origin { partij: 'P_BRON' hat: 'BRON' } "
        "kind: EINDDATUM until: '2026-11-23' }"},
       "2026-11-23T23:59:59+01:00",
       "RELEASED",
       "2026-11-24T00:00:00+01:00",
       "SOURCE_CONDITION"},
      {"FirstDayOfAnObjection",
       C::GEMOTIVEERD,
       {"objections { source { partij: 'P_BRON' hat: 'BRON' } reason: 'x' from: '2026-11-24' }"},
       "2026-11-23T23:59:59+01:00",
       "RELEASED",
       "2026-11-24T00:00:00+01:00",
       "SOURCE_OBJECTS"},
      {"WithdrawalOfAnObjectionToTheSecond",
       C::GEMOTIVEERD,
       {"objections { source { partij: 'P_BRON' hat: 'BRON' } reason: 'x' from: '2026-11-01' "
        "withdrawn_at: '2026-11-23T12:00:00+01:00' }"},
       "2026-11-23T11:59:59+01:00",
       "SOURCE_OBJECTS",
       "2026-11-23T12:00:00+01:00",
       "RELEASED"},
      {"LastDayOfADeposit",
       C::GEMOTIVEERD,
       {SLUIS_HOLDING("deposit_end: '2026-11-23'")},
       "2026-11-23T23:59:59+01:00",
       "RELEASED",
       "2026-11-24T00:00:00+01:00",
       "RETENTION_EXPIRED"},
      {"LastDayOfARow",
       C::GEMOTIVEERD,
       {},
       "2026-12-31T23:59:59+01:00",
       "RELEASED",
       "2027-01-01T00:00:00+01:00",
       "NO_BASIS",
       [](Documents& d) { d.statute.mutable_rows(0)->set_valid_until("2026-12-31"); }},
      {"FirstDayOfARow",
       C::GEMOTIVEERD,
       {},
       "2026-06-30T23:59:59+02:00",
       "NO_BASIS",
       "2026-07-01T00:00:00+02:00",
       "RELEASED",
       [](Documents& d) { d.statute.mutable_rows(0)->set_valid_from("2026-07-01"); }},
      {"LastDayOfTheConvenant",
       C::GEMOTIVEERD,
       {},
       "2026-12-31T23:59:59+01:00",
       "RELEASED",
       "2027-01-01T00:00:00+01:00",
       "CONVENANT_NOT_VALID",
       [](Documents& d) { d.convenant.set_valid_until("2026-12-31"); }},
      {"FirstDayOfTheConvenant",
       C::GEMOTIVEERD,
       {},
       "2026-02-28T23:59:59+01:00",
       "CONVENANT_NOT_VALID",
       "2026-03-01T00:00:00+01:00",
       "RELEASED",
       [](Documents& d) { d.convenant.set_valid_from("2026-03-01"); }},
      {"LastDayOfAnAccession",
       C::GEMOTIVEERD,
       {},
       "2026-12-31T23:59:59+01:00",
       "RELEASED",
       "2027-01-01T00:00:00+01:00",
       "CONVENANT_NOT_VALID",
       [](Documents& d) { d.convenant.mutable_parties(1)->set_left_on("2026-12-31"); }},
      {"FirstDayOfAnAccession",
       C::GEMOTIVEERD,
       {},
       "2026-06-30T23:59:59+02:00",
       "CONVENANT_NOT_VALID",
       "2026-07-01T00:00:00+02:00",
       "RELEASED",
       [](Documents& d) { d.convenant.mutable_parties(0)->set_acceded_on("2026-07-01"); }},

      // Terms: over on the anniversary.
      {"FiveYearsOfPoliceData",
       C::POLITIE_TERMIJN_5J,
       {"holdings { person: 'anna' field: 'veld' source { partij: 'P_BRON' hat: 'POLITIE' } "
        "recorded_on: '2026-01-01' first_processed: '2021-11-24' }",
        "source { partij: 'P_BRON' hat: 'POLITIE' }"},
       "2026-11-23T23:59:59+01:00",
       "RELEASED",
       "2026-11-24T00:00:00+01:00",
       "RETENTION_EXPIRED"},
      {"FiveYearsFromALeapDay",
       C::POLITIE_TERMIJN_5J,
       {"holdings { person: 'anna' field: 'veld' source { partij: 'P_BRON' hat: 'POLITIE' } "
        "recorded_on: '2026-01-01' first_processed: '2024-02-29' }",
        "source { partij: 'P_BRON' hat: 'POLITIE' }"},
       "2029-02-28T23:59:59+01:00",
       "RELEASED",
       "2029-03-01T00:00:00+01:00",
       "RETENTION_EXPIRED"},
      {"TwelveMonths",
       C::MAX_12_MAANDEN_OUD,
       {SLUIS_HOLDING("value_date: '2025-11-24'")},
       "2026-11-23T23:59:59+01:00",
       "RELEASED",
       "2026-11-24T00:00:00+01:00",
       "DATA_TOO_OLD"},
      {"TwelveMonthsFromALeapDay",
       C::MAX_12_MAANDEN_OUD,
       {SLUIS_HOLDING("value_date: '2028-02-29'")},
       "2029-02-28T23:59:59+01:00",
       "RELEASED",
       "2029-03-01T00:00:00+01:00",
       "DATA_TOO_OLD"},
      {"RetentionOfFiveYears",
       C::GEMOTIVEERD,
       {SLUIS_HOLDING("first_processed: '2021-11-24'")},
       "2026-11-23T23:59:59+01:00",
       "RELEASED",
       "2026-11-24T00:00:00+01:00",
       "RETENTION_EXPIRED",
       [](Documents& d) {
         *d.convenant.add_retention() = Parse<v1::Retention>(
             "id: 'RT_VIJF' holder_hats: 'BRON' term: 5 unit: JAAR anchor: EERSTE_VERWERKING");
       }},
      {"RetentionOfASixMonthsFromTheEndOfAMonth",
       C::GEMOTIVEERD,
       {SLUIS_HOLDING("first_processed: '2026-08-31'")},
       "2027-02-28T23:59:59+01:00",
       "RELEASED",
       "2027-03-01T00:00:00+01:00",
       "RETENTION_EXPIRED",
       [](Documents& d) {
         *d.convenant.add_retention() = Parse<v1::Retention>(
             "id: 'RT_ZES' holder_hats: 'BRON' term: 6 unit: MAAND anchor: EERSTE_VERWERKING");
       }},
      {"RetentionOfThirtyDaysOverTheChangeToSummerTime",
       C::GEMOTIVEERD,
       {SLUIS_HOLDING("first_processed: '2027-03-01'")},
       "2027-03-30T23:59:59+02:00",
       "RELEASED",
       "2027-03-31T00:00:00+02:00",
       "RETENTION_EXPIRED",
       [](Documents& d) {
         *d.convenant.add_retention() = Parse<v1::Retention>(
             "id: 'RT_DERTIG' holder_hats: 'BRON' term: 30 unit: DAG anchor: EERSTE_VERWERKING");
       }},

      // Hours, on instants: 72 hours are 72 hours, also when the clock is moved.
      {"TimeBoxToTheSecond",
       C::TIJDSLOT_72U,
       {"casus { timebox { opened_at: '2026-11-20T10:00:00+01:00' } }"},
       "2026-11-23T09:59:59+01:00",
       "RELEASED",
       "2026-11-23T10:00:00+01:00",
       "TIMEBOX_EXPIRED"},
      {"TimeBoxOverTheChangeToSummerTime",
       C::TIJDSLOT_72U,
       {"casus { timebox { opened_at: '2027-03-26T12:00:00+01:00' } }"},
       "2027-03-29T12:59:59+02:00",
       "RELEASED",
       "2027-03-29T13:00:00+02:00",
       "TIMEBOX_EXPIRED"},
      {"TimeBoxOverTheChangeToWinterTime",
       C::TIJDSLOT_72U,
       {"casus { timebox { opened_at: '2026-10-23T12:00:00+02:00' } }"},
       "2026-10-26T10:59:59+01:00",
       "RELEASED",
       "2026-10-26T11:00:00+01:00",
       "TIMEBOX_EXPIRED"},
      {"TimeBoxBeforeItOpens",
       C::TIJDSLOT_72U,
       {"casus { timebox { opened_at: '2026-11-20T10:00:00+01:00' } }"},
       "2026-11-20T09:59:59+01:00",
       "TIMEBOX_EXPIRED",
       "2026-11-20T10:00:00+01:00",
       "RELEASED"},
      // "At most 72 hours ago": the last instant counts.
      {"AcuteDangerToTheSecond",
       C::BESLUIT_ACUUT_GEVAAR,
       {SLUIS_DECISION("ACUUT",
                       "result: GIVEN at: '2026-11-20T10:00:00+01:00' consent_impossible: true "
                       "no_lesser_means: true")},
       "2026-11-23T10:00:00+01:00",
       "RELEASED",
       "2026-11-23T10:00:01+01:00",
       "NEEDS_DECISION"},
      {"AcuteDangerGoesByItsInstantAlone",
       C::BESLUIT_ACUUT_GEVAAR,
       {"decisions { kind: ACUUT casus: 'C-1' person: 'anna' source { partij: 'P_BRON' hat: 'BRON' "
        "} fields: ['veld'] "
        "recipient_hats: ['VRAGER'] recipient_parties: ['P_VRAGER'] result: GIVEN at: "
        "'2026-11-23T10:00:00+01:00' consent_impossible: true no_lesser_means: true }"},
       "2026-11-23T09:59:59+01:00",
       "NEEDS_DECISION",
       "2026-11-23T10:00:00+01:00",
       "RELEASED"},

      // Midnight is that of Amsterdam, on either side of a change of the clock.
      {"MidnightBeforeSummerTime",
       C::TOESTEMMING_UITDRUKKELIJK,
       {SLUIS_GIVEN_BY("SELF", "until: '2027-03-27'")},
       "2027-03-27T23:59:59+01:00",
       "RELEASED",
       "2027-03-28T00:00:00+01:00",
       "NEEDS_CONSENT"},
      {"MidnightAfterSummerTime",
       C::TOESTEMMING_UITDRUKKELIJK,
       {SLUIS_GIVEN_BY("SELF", "until: '2027-03-28'")},
       "2027-03-28T23:59:59+02:00",
       "RELEASED",
       "2027-03-29T00:00:00+02:00",
       "NEEDS_CONSENT"},
      {"MidnightAfterWinterTime",
       C::TOESTEMMING_UITDRUKKELIJK,
       {SLUIS_GIVEN_BY("SELF", "until: '2026-10-25'")},
       "2026-10-25T23:59:59+01:00",
       "RELEASED",
       "2026-10-26T00:00:00+01:00",
       "NEEDS_CONSENT"},
  };
  return boundaries;
}

void PrintTo(const Boundary& boundary, std::ostream* out) { *out << boundary.name; }

class BoundaryTest : public ::testing::TestWithParam<Boundary> {};

TEST_P(BoundaryTest, IsWhereTheLawPutsIt) {
  const Boundary& boundary = GetParam();
  Documents documents = PolicyWith(boundary.condition, boundary.given);
  boundary.change(documents);
  EXPECT_EQ(CodeName(Decided(documents, Complete(boundary.given, boundary.before)).code),
            boundary.code_before)
      << boundary.before;
  EXPECT_EQ(CodeName(Decided(documents, Complete(boundary.given, boundary.after)).code),
            boundary.code_after)
      << boundary.after;
}

INSTANTIATE_TEST_SUITE_P(Every, BoundaryTest, ::testing::ValuesIn(Boundaries()),
                         [](const auto& test) { return std::string(test.param.name); });

// The civil date of an instant is the one in Amsterdam, on every day of two years.
TEST(CivilDateOfAnInstantTest, ChangesAtMidnightInAmsterdam) {
  absl::TimeZone amsterdam;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Amsterdam", &amsterdam));
  for (absl::CivilDay day(2027, 1, 1); day < absl::CivilDay(2029, 1, 1); ++day) {
    const absl::Time midnight = absl::FromCivil(absl::CivilSecond(day), amsterdam);
    for (const auto& [time, expected] :
         {std::pair{midnight, day}, std::pair{midnight - absl::Nanoseconds(1), day - 1}}) {
      const std::string text = absl::FormatTime("%Y-%m-%dT%H:%M:%E*S%Ez", time, amsterdam);
      const auto instant = policy_oracle::ParseInstant(text);
      ASSERT_TRUE(instant.ok()) << text;
      EXPECT_EQ(instant->time, time);
      EXPECT_EQ(instant->today, CivilDate::From(expected)) << text;
    }
  }
}

}  // namespace
}  // namespace sluis::policy
