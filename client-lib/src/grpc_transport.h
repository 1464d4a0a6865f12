#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "transport.h"

namespace sluis::client::internal {

// Calls over a gRPC channel, by method name and in bytes. `explain` says in words what a connection
// that failed means, from what gRPC says of it.
std::unique_ptr<Transport> MakeGrpcTransport(
    std::shared_ptr<grpc::Channel> channel,
    std::function<absl::Status(std::string_view transport)> explain);

}  // namespace sluis::client::internal
