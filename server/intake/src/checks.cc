#include "sluis/intake/checks.h"

#include <algorithm>

#include "absl/time/time.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"

namespace sluis::intake {

absl::StatusOr<Uuid> CheckId(std::string_view field, std::string_view text) {
  if (text.empty()) return Malformed(field, "missing");
  auto id = Uuid::Parse(text);
  if (!id.ok()) return Malformed(field, "not a UUID in lower case");
  return id;
}

absl::StatusOr<Uuid> CheckRequestId(std::string_view text) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, CheckId("request_id", text));
  if (id.version() != 4 && id.version() != 7)
    return Malformed("request_id", "not a UUID of version 4 or 7");
  return id;
}

absl::StatusOr<CivilDate> CheckDay(std::string_view field, std::string_view text) {
  if (text.empty()) return Malformed(field, "missing");
  const auto day = CivilDate::Parse(text);
  if (!day.ok()) return Malformed(field, "not a day as YYYY-MM-DD");
  return *day;
}

absl::Status CheckOptionalDay(std::string_view field, std::string_view text) {
  if (text.empty()) return absl::OkStatus();
  return CheckDay(field, text).status();
}

absl::Status CheckPeriod(std::string_view from_field, std::string_view from,
                         std::string_view until_field, std::string_view until) {
  SLUIS_ASSIGN_OR_RETURN(const CivilDate first, CheckDay(from_field, from));
  if (until.empty()) return absl::OkStatus();
  SLUIS_ASSIGN_OR_RETURN(const CivilDate last, CheckDay(until_field, until));
  if (last < first) return Malformed(until_field, "before the first day");
  return absl::OkStatus();
}

absl::Status CheckInstant(std::string_view field, std::string_view text) {
  if (text.empty()) return Malformed(field, "missing");
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, ToAbsl(text), &time, &error) ||
      time == absl::InfiniteFuture() || time == absl::InfinitePast()) {
    return Malformed(field, "not an instant as RFC 3339");
  }
  return absl::OkStatus();
}

absl::Status CheckOptionalText(std::string_view field, std::string_view text, size_t max) {
  if (CodePoints(text) > max) return Malformed(field, "longer than allowed");
  return absl::OkStatus();
}

absl::Status CheckText(std::string_view field, std::string_view text, size_t max) {
  if (IsBlank(text)) return Malformed(field, "missing");
  return CheckOptionalText(field, text, max);
}

absl::Status CheckProfessional(std::string_view field, std::string_view text) {
  if (text.empty()) return Malformed(field, "missing");
  const bool clean = text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
                       return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                              (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
                     });
  if (!clean) return Malformed(field, "not 1-64 characters of [A-Za-z0-9._-]");
  return absl::OkStatus();
}

}  // namespace sluis::intake
