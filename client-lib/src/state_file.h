#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/base/mutex.h"

namespace sluis::client::internal {

// The content of a file of at most 1 MiB; absent when there is none. NOT_FOUND never.
// PERMISSION_DENIED / FILE_UNREADABLE (metadata: file).
absl::StatusOr<std::optional<std::string>> ReadWholeFile(const std::string& path);

// Puts `content` in the place of a file in one step, durably: after a crash there is the old file
// or the new one. UNAVAILABLE / STATE_FILE_UNWRITABLE (metadata: file).
absl::Status ReplaceFile(const std::string& path, std::string_view content);

// Keeps the newest checkpoint in a file. Offer() returns at once; a thread of its own writes, the
// newest only, and never an older one over a newer one that another program wrote meanwhile. It
// writes the first at once and then ten times a second at most: a crash loses what was learnt in
// that time, not what was known before, and the disk is also somebody else's.
class StateFile {
 public:
  // `size_of` says which size a checkpoint has; absent when it is none that can be believed.
  // `problem` is how a write before it ended, for Flush().
  StateFile(std::string path,
            std::function<std::optional<uint64_t>(std::string_view checkpoint)> size_of,
            absl::Status problem = absl::OkStatus());
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;
  // Writes what was offered.
  ~StateFile();

  void Offer(uint64_t size, std::string checkpoint);

  // Waits until everything that was offered is written. The error of the last write that failed
  // and was not followed by a good one.
  absl::Status Flush();

 private:
  void Run();
  absl::Status Write(uint64_t size, std::string_view checkpoint) const;

  const std::string path_;
  const std::function<std::optional<uint64_t>(std::string_view)> size_of_;

  Mutex mutex_;
  CondVar changed_;
  std::optional<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t newest_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  int flushing_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status problem_ ABSL_GUARDED_BY(mutex_);
  std::thread writer_;  // last: it uses the others
};

}  // namespace sluis::client::internal
