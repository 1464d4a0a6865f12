// Preloaded into sluisd by production_test: the process sees the day later by as many seconds as
// the file named by SLUIS_TEST_CLOCK_SHIFT says, also when that changes while it runs. Only
// forward, and only what asks for the time of day: intervals and timeouts pass as they do.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {
// The file holds eight bytes, mapped so that a look at the clock is no system call on a file.
const std::atomic<int64_t>* Mapped() {
  const char* const name = std::getenv("SLUIS_TEST_CLOCK_SHIFT");
  if (name == nullptr) return nullptr;
  const int file = open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* const mapped = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return mapped == MAP_FAILED ? nullptr : static_cast<const std::atomic<int64_t>*>(mapped);
}
}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) {
  static const std::atomic<int64_t>* const kShift = Mapped();
  const long result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_REALTIME && kShift != nullptr)
    time->tv_sec += kShift->load(std::memory_order_relaxed);
  return static_cast<int>(result);
}
