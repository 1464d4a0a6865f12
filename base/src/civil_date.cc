#include "sluis/base/civil_date.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_format.h"

#include "sluis/base/errors.h"

namespace sluis {
namespace {

constexpr absl::CivilDay kEpoch(1970, 1, 1);

absl::Status NotADate() { return InvalidArgument("DATE_MALFORMED", "not a day as YYYY-MM-DD"); }

}  // namespace

CivilDate CivilDate::From(absl::CivilDay day) {
  return CivilDate(static_cast<int32_t>(day - kEpoch));
}

absl::CivilDay CivilDate::day() const { return kEpoch + days_; }

absl::StatusOr<CivilDate> CivilDate::Parse(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return NotADate();
  std::array<int, 3> parts{};
  size_t part = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 4 || i == 7) {
      ++part;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') return NotADate();
    parts[part] = parts[part] * 10 + (text[i] - '0');
  }
  const absl::CivilDay day(parts[0], parts[1], parts[2]);
  // CivilDay normalises 30 February to 2 March; such a day does not exist and is refused.
  if (day.year() != parts[0] || day.month() != parts[1] || day.day() != parts[2] || parts[0] < 1) {
    return NotADate();
  }
  return From(day);
}

std::string CivilDate::ToString() const {
  const absl::CivilDay date = day();
  return absl::StrFormat("%04d-%02d-%02d", date.year(), date.month(), date.day());
}

CivilDate CivilDate::AddYears(int years) const {
  const absl::CivilDay date = day();
  return From(absl::CivilDay(date.year() + years, date.month(), date.day()));
}

CivilDate CivilDate::AddMonths(int months) const {
  const absl::CivilDay date = day();
  const absl::CivilMonth month = absl::CivilMonth(date) + months;
  const absl::CivilDay same(month.year(), month.month(), date.day());
  if (same.month() == month.month()) return From(same);
  return From(absl::CivilDay(month + 1));
}

int AgeOn(CivilDate birth_date, CivilDate today) {
  auto years = static_cast<int>(today.day().year() - birth_date.day().year());
  if (today < birth_date.AddYears(years)) --years;
  return years;
}

}  // namespace sluis
