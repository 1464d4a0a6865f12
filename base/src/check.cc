#include "sluis/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace sluis::internal {

void CheckFailed(const char* condition, const char* file, int line) {
  static_cast<void>(std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, condition));
  std::abort();
}

}  // namespace sluis::internal
