#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

#include "sluis/wire/status.h"

namespace sluis::services {

inline grpc::Status ToGrpc(const absl::Status& status) {
  wire::WireStatus wire = wire::ToWire(status);
  return {static_cast<grpc::StatusCode>(wire.code), std::move(wire.message),
          std::move(wire.details)};
}

}  // namespace sluis::services
