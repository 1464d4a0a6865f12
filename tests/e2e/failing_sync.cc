// Preloaded into sluisd by lifecycle_test: as long as the file named by SLUIS_TEST_FAIL_SYNC exists
// every sync of the process fails as one of a dying disk does.

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {
bool Fails() {
  const char* const name = std::getenv("SLUIS_TEST_FAIL_SYNC");
  return name != nullptr && access(name, F_OK) == 0;
}
int Sync(long number, int fd) {
  if (Fails()) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(number, fd));
}
}  // namespace

extern "C" int fsync(int fd) { return Sync(SYS_fsync, fd); }
extern "C" int fdatasync(int fd) { return Sync(SYS_fdatasync, fd); }
