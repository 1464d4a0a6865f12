#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

// A way to call a broker as one of its partijen: in this process, or over gRPC.
namespace sluis::testing {

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // Calls `method` ("/sluis.v1.CasusService/OpenCasus") as `partij` (its convenant id).
  virtual absl::StatusOr<std::string> Call(std::string_view partij, std::string_view method,
                                           std::string_view request) = 0;
  virtual absl::Status SetClock(absl::Time now) = 0;

  // The same with messages.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Send(std::string_view partij, std::string_view method,
                                const Request& request) {
    auto bytes = Call(partij, method, request.SerializeAsString());
    if (!bytes.ok()) return bytes.status();
    Response response;
    if (!response.ParseFromString(*bytes)) return absl::InternalError("unreadable answer");
    return response;
  }
};

// A new random request_id.
std::string NewRequestId();

}  // namespace sluis::testing
