#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"

namespace sluis {

// A day of the calendar, as the law counts: periods include their first and their last day, and a
// term of years is over on its anniversary. A value of four bytes.
//
// Which day it is somewhere is the business of whoever knows the zone (Europe/Amsterdam); this type
// has no clock and no zone.
class CivilDate {
 public:
  // 1970-01-01.
  constexpr CivilDate() = default;
  static constexpr CivilDate FromDays(int32_t days_since_1970) {
    return CivilDate(days_since_1970);
  }
  static CivilDate From(absl::CivilDay day);

  // INVALID_ARGUMENT / DATE_MALFORMED unless `text` is an existing day as YYYY-MM-DD.
  static absl::StatusOr<CivilDate> Parse(std::string_view text);

  [[nodiscard]] std::string ToString() const;
  [[nodiscard]] constexpr int32_t days() const { return days_; }
  [[nodiscard]] absl::CivilDay day() const;

  // The anniversary `years` later. 29 February has its anniversary on 1 March in other years
  // (R-W-35).
  [[nodiscard]] CivilDate AddYears(int years) const;
  // The same day `months` later; a day that does not exist becomes the first of the next month.
  [[nodiscard]] CivilDate AddMonths(int months) const;
  [[nodiscard]] constexpr CivilDate AddDays(int32_t n) const { return CivilDate(days_ + n); }

  friend bool operator==(const CivilDate&, const CivilDate&) = default;
  friend auto operator<=>(const CivilDate&, const CivilDate&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const CivilDate& date) {
    return H::combine(std::move(h), date.days_);
  }

 private:
  explicit constexpr CivilDate(int32_t days) : days_(days) {}
  int32_t days_ = 0;
};

// A period that includes its first and its last day. An absent end is open.
struct Period {
  std::optional<CivilDate> from;   // absent: no day is in the period
  std::optional<CivilDate> until;  // absent: open

  [[nodiscard]] bool Contains(CivilDate day) const {
    return from.has_value() && *from <= day && (!until.has_value() || day <= *until);
  }
};

// Completed years on `today` of who was born on `birth_date`; negative before birth.
int AgeOn(CivilDate birth_date, CivilDate today);

}  // namespace sluis
