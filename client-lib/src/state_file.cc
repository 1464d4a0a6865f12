#include "state_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"

namespace sluis::client::internal {
namespace {

constexpr absl::Duration kBetweenWrites = absl::Milliseconds(100);
constexpr size_t kMaxFileBytes = size_t{1} << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status Unwritable(const std::string& path, std::string_view step) {
  const std::string message = "cannot " + std::string(step) + " " + path;
  return WithMetadata(Unavailable("STATE_FILE_UNWRITABLE", message), "file", path);
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

}  // namespace

absl::StatusOr<std::optional<std::string>> ReadWholeFile(const std::string& path) {
  const auto unreadable = [&](std::string_view why) {
    return WithMetadata(
        PermissionDenied("FILE_UNREADABLE", path + " cannot be read: " + std::string(why)), "file",
        path);
  };
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return unreadable(errno == EACCES ? "permission denied" : "it cannot be opened");
  }
  std::string content;
  std::array<char, 8192> buffer{};
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable(errno == EISDIR ? "it is a directory" : "reading failed");
    if (n == 0) return content;
    content.append(buffer.data(), static_cast<size_t>(n));
    if (content.size() > kMaxFileBytes) return unreadable("it is larger than 1 MiB");
  }
}

absl::Status ReplaceFile(const std::string& path, std::string_view content) {
  static std::atomic<uint64_t> counter = 0;
  const std::string fresh =
      path + ".new." + std::to_string(::getpid()) + "." + std::to_string(counter++);
  {
    const Descriptor file(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (file.get() < 0) return Unwritable(path, "make a new file beside");
    if (!WriteAll(file.get(), content) || ::fsync(file.get()) != 0) {
      ::unlink(fresh.c_str());
      return Unwritable(path, "write");
    }
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0) {
    ::unlink(fresh.c_str());
    return Unwritable(path, "replace");
  }
  // The name is durable with its directory only.
  std::string directory = std::filesystem::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  const Descriptor parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.get() < 0 || ::fsync(parent.get()) != 0) return Unwritable(path, "sync");
  return absl::OkStatus();
}

StateFile::StateFile(std::string path,
                     std::function<std::optional<uint64_t>(std::string_view)> size_of,
                     absl::Status problem)
    : path_(std::move(path)),
      size_of_(std::move(size_of)),
      problem_(std::move(problem)),
      writer_([this] { Run(); }) {}

StateFile::~StateFile() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  writer_.join();
}

void StateFile::Offer(uint64_t size, std::string checkpoint) {
  const MutexLock lock(mutex_);
  if (size <= newest_) return;
  newest_ = size;
  // One that finds another waiting is taken with it.
  const bool first = !waiting_;
  waiting_ = std::move(checkpoint);
  if (first) changed_.NotifyAll();
}

absl::Status StateFile::Flush() {
  const MutexLock lock(mutex_);
  ++flushing_;
  changed_.NotifyAll();
  while (waiting_ || writing_) changed_.Wait(mutex_);
  --flushing_;
  return problem_;
}

absl::Status StateFile::Write(uint64_t size, std::string_view checkpoint) const {
  auto present = ReadWholeFile(path_);
  if (present.ok() && *present && size_of_(**present).value_or(0) >= size) return absl::OkStatus();
  return ReplaceFile(path_, checkpoint);
}

void StateFile::Run() {
  absl::Time not_before = absl::InfinitePast();
  for (;;) {
    std::string checkpoint;
    uint64_t size = 0;
    {
      const MutexLock lock(mutex_);
      while (!waiting_ && !stopping_) changed_.Wait(mutex_);
      if (!waiting_) return;
      while (!stopping_ && flushing_ == 0) {
        const absl::Duration left = not_before - absl::Now();
        if (left <= absl::ZeroDuration()) break;
        static_cast<void>(changed_.WaitFor(mutex_, left));
      }
      checkpoint = *std::exchange(waiting_, std::nullopt);
      size = newest_;
      writing_ = true;
    }
    absl::Status written = Write(size, checkpoint);
    not_before = absl::Now() + kBetweenWrites;
    const MutexLock lock(mutex_);
    writing_ = false;
    problem_ = std::move(written);
    changed_.NotifyAll();
  }
}

}  // namespace sluis::client::internal
