#pragma once

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"

#include "sluis/base/errors.h"

namespace sluis::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

MATCHER(IsOk, "is OK") {
  const absl::Status& status = StatusOf(arg);
  if (!status.ok()) *result_listener << status.ToString() << " reason " << ReasonOf(status);
  return status.ok();
}

MATCHER_P2(IsError, code, reason,
           std::string("is ") + absl::StatusCodeToString(code) + " / " + std::string(reason)) {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status.ToString() << " reason " << ReasonOf(status);
  return status.code() == code && ReasonOf(status) == reason;
}

}  // namespace sluis::testing
