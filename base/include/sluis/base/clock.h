#pragma once

#include "absl/time/time.h"

namespace sluis {

// Tells the wall-clock time. Everything that needs "now" receives a Clock, so that a test decides
// what time it is. Thread-safe. May go backwards when an operator sets the machine's clock; do not
// use it to measure durations.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;
  [[nodiscard]] virtual absl::Time Now() const = 0;
};

// The machine's clock.
const Clock& SystemClock();

}  // namespace sluis
