#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "sluis/base/mutex.h"

namespace sluis::broker {

// Runs tasks later, one at a time, on a thread of its own: they have to be short. Measures on a
// clock that nobody sets. Thread-safe. The destructor drops what is not due yet.
class Timer {
 public:
  using Id = std::pair<std::chrono::steady_clock::time_point, uint64_t>;

  Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  Id After(absl::Duration delay, std::function<void()> task);
  // Does nothing when it has begun, or is over.
  void Cancel(const Id& id);

 private:
  void Run();

  Mutex mutex_;
  CondVar changed_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Id, std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace sluis::broker
