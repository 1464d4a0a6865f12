#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "transport.h"

namespace sluis::client::internal {

struct Connection {
  std::shared_ptr<grpc::Channel> channel;
  // Says in words what it means that it failed, from what gRPC says of it.
  std::function<absl::Status(std::string_view transport)> explain;
};

// Calls over gRPC, by method name and in bytes. Each call and stream asks `newest` which connection
// to use, and stays on that one. Thread-safe, if `newest` is.
std::unique_ptr<Transport> MakeGrpcTransport(
    std::function<std::shared_ptr<const Connection>()> newest);

}  // namespace sluis::client::internal
