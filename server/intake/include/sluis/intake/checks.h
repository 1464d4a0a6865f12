#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/uuid.h"

// Whether what a caller wrote has the form that the contract asks. Every error is MALFORMED with
// the element's wire name, and never holds what was written.
namespace sluis::intake {

inline constexpr size_t kMaxFreeText = 2000;  // characters

// An id that the broker gave: a UUID in lower case.
absl::StatusOr<Uuid> CheckId(std::string_view field, std::string_view text);
// A request_id: a UUID of version 4 or 7.
absl::StatusOr<Uuid> CheckRequestId(std::string_view text);
// An existing day.
absl::StatusOr<CivilDate> CheckDay(std::string_view field, std::string_view text);
// A day, or nothing.
absl::Status CheckOptionalDay(std::string_view field, std::string_view text);
// First and last day of a period; the last may be absent, and is not before the first.
absl::Status CheckPeriod(std::string_view from_field, std::string_view from,
                         std::string_view until_field, std::string_view until);
// An instant as RFC 3339 with offset.
absl::Status CheckInstant(std::string_view field, std::string_view text);
// Free text that may be absent, of at most `max` characters.
absl::Status CheckOptionalText(std::string_view field, std::string_view text,
                               size_t max = kMaxFreeText);
// Free text that is not blank.
absl::Status CheckText(std::string_view field, std::string_view text, size_t max = kMaxFreeText);
// The id by which a partij knows its professional: 1-64 characters of [A-Za-z0-9._-].
absl::Status CheckProfessional(std::string_view field, std::string_view text);

}  // namespace sluis::intake
