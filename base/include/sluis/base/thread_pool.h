#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "sluis/base/mutex.h"

namespace sluis {

// A few threads that run what is posted, in order of posting but several at a time. Thread-safe.
// Tasks must not throw. The destructor runs what was posted before it and waits.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  void Post(std::function<void()> task);

 private:
  void Run();

  Mutex mutex_;
  CondVar posted_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace sluis
