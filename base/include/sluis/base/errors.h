#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

// Failures with a reason.
//
// A failure is an absl::Status that carries, besides its code and a message for people, a *reason*
// for programs (UPPER_SNAKE, stable for ever) and metadata (such as the field at fault). Only
// proto/wire turns one into a gRPC status; a status without a reason came from a library or a bug
// and leaves the broker as INTERNAL / UNEXPECTED, its text in our own log only.
//
// A message or metadata value never holds a field value, a BSN, a name or a key.
namespace sluis {

absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message);

inline absl::Status InvalidArgument(std::string_view reason, std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, reason, message);
}
inline absl::Status PermissionDenied(std::string_view reason, std::string_view message) {
  return MakeError(absl::StatusCode::kPermissionDenied, reason, message);
}
inline absl::Status Unauthenticated(std::string_view reason, std::string_view message) {
  return MakeError(absl::StatusCode::kUnauthenticated, reason, message);
}
inline absl::Status FailedPrecondition(std::string_view reason, std::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, message);
}
inline absl::Status NotFound(std::string_view reason, std::string_view message) {
  return MakeError(absl::StatusCode::kNotFound, reason, message);
}
inline absl::Status AlreadyExists(std::string_view reason, std::string_view message) {
  return MakeError(absl::StatusCode::kAlreadyExists, reason, message);
}
inline absl::Status ResourceExhausted(std::string_view reason, std::string_view message) {
  return MakeError(absl::StatusCode::kResourceExhausted, reason, message);
}
inline absl::Status Unavailable(std::string_view reason, std::string_view message) {
  return MakeError(absl::StatusCode::kUnavailable, reason, message);
}
inline absl::Status DataLoss(std::string_view reason, std::string_view message) {
  return MakeError(absl::StatusCode::kDataLoss, reason, message);
}
inline absl::Status Internal(std::string_view reason, std::string_view message) {
  return MakeError(absl::StatusCode::kInternal, reason, message);
}

// The metadata key under which an error names the request element at fault, by its wire name.
inline constexpr std::string_view kFieldKey = "field";

// MALFORMED, naming the element at fault by its wire name (`fields[3].motivation`).
absl::Status Malformed(std::string_view field, std::string_view message);

// The same status with one more metadata entry. A status that is OK or has no reason is returned
// unchanged.
absl::Status WithMetadata(absl::Status status, std::string_view key, std::string_view value);

// The reason, or "" when there is none.
std::string ReasonOf(const absl::Status& status);
std::map<std::string, std::string> MetadataOf(const absl::Status& status);

}  // namespace sluis
