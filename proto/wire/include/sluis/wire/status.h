#pragma once

#include <string>

#include "absl/status/status.h"

// The one mapping between our statuses and what travels in a gRPC status.
namespace sluis::wire {

// A gRPC status without gRPC's types.
struct WireStatus {
  int code = 0;  // a google.rpc.Code
  std::string message;
  std::string details;  // serialized google.rpc.Status, for the trailer grpc-status-details-bin
};

// A status with a reason travels whole: code, message, ErrorInfo with reason and metadata,
// BadRequest when metadata names a field, and the receipt of the entry that recorded the attempt,
// if attached. A status without a reason came from a library or a bug: it becomes INTERNAL /
// UNEXPECTED and its text stays here.
WireStatus ToWire(const absl::Status& status);

// The reverse; for clients. A status without details gets the reason "TRANSPORT".
absl::Status FromWire(const WireStatus& wire);

// The receipt (a serialized sluis.v1.Receipt) attached to an error.
void AttachReceipt(absl::Status& status, std::string receipt);
std::string AttachedReceipt(const absl::Status& status);

}  // namespace sluis::wire
