#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "caller.h"

#include "sluis/broker/broker.h"
#include "sluis/config/config.h"
#include "sluis/logging/logging.h"

namespace sluis::services {

// What every handler does: find out who calls, hand over the bytes, and answer when the broker
// does. Thread-safe.
class Gate {
 public:
  Gate(broker::Broker& broker, identity::TrustStore& trust, const config::Config& config)
      : broker_(broker),
        callers_(trust, config.test_data_only),
        max_message_bytes_(static_cast<size_t>(config.max_message_bytes)) {}

  [[nodiscard]] broker::Broker& broker() { return broker_; }

  // Who calls, if its certificate is trusted now.
  absl::StatusOr<Oin> Caller(const grpc::CallbackServerContext& context, std::string_view method);
  // The bytes of a message; RESOURCE_EXHAUSTED / TOO_LARGE or INVALID_ARGUMENT / MALFORMED.
  [[nodiscard]] absl::StatusOr<std::string> Read(const grpc::ByteBuffer& in) const;
  // Runs a unary call. `method` lives as long as the process or the context.
  void Run(std::string_view method, const grpc::CallbackServerContext& context,
           const grpc::ByteBuffer& in, broker::Broker::Done done);

 private:
  broker::Broker& broker_;
  Callers callers_;
  const size_t max_message_bytes_;
  logging::RateLimit refused_{10};
};

inline grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

}  // namespace sluis::services
