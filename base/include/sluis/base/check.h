#pragma once

namespace sluis::internal {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}  // namespace sluis::internal

// Ends the process when a broken invariant shows a bug of ours: a broker that is unsure must not
// share. Never for what a caller, a peer or a disk can cause; those are errors (errors.h).
#define SLUIS_CHECK(condition)                         \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::sluis::internal::CheckFailed(#condition, __FILE__, __LINE__))
