#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace sluis::client::internal {

// Takes bytes to the broker and back. What is verified and how is above it, so that tests put
// something else in its place.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  // Does not return before every `done` has.
  virtual ~Transport() = default;

  // Calls `method` ("/sluis.v1.CasusService/OpenCasus"). `done` is called exactly once, from any
  // thread; an error is one of wire::FromWire, or explained. Thread-safe.
  virtual void Call(std::string_view method, std::string request, absl::Time deadline,
                    std::function<void(absl::StatusOr<std::string>)> done) = 0;
};

}  // namespace sluis::client::internal
