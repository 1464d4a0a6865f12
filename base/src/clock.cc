#include "sluis/base/clock.h"

#include "absl/time/clock.h"

namespace sluis {
namespace {

class RealClock final : public Clock {
 public:
  [[nodiscard]] absl::Time Now() const override { return absl::Now(); }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

}  // namespace sluis
