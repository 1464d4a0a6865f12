#include "timer.h"

#include <algorithm>

namespace sluis::broker {

Timer::Timer() : thread_([this] { Run(); }) {}

Timer::~Timer() {
  {
    const MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

Timer::Id Timer::After(absl::Duration delay, std::function<void()> task) {
  const auto due = std::chrono::steady_clock::now() +
                   absl::ToChronoNanoseconds(std::max(delay, absl::ZeroDuration()));
  const MutexLock lock(mutex_);
  const Id id(due, next_++);
  tasks_.emplace(id, std::move(task));
  if (tasks_.begin()->first == id) changed_.NotifyAll();
  return id;
}

void Timer::Cancel(const Id& id) {
  std::function<void()> task;  // ends outside the lock: it may hold anything
  const MutexLock lock(mutex_);
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) return;
  task = std::move(found->second);
  tasks_.erase(found);
}

void Timer::Run() {
  while (true) {
    std::function<void()> task;
    {
      const MutexLock lock(mutex_);
      while (!task) {
        if (ending_) return;
        if (tasks_.empty()) {
          changed_.Wait(mutex_);
          continue;
        }
        const auto first = tasks_.begin();
        const auto now = std::chrono::steady_clock::now();
        if (first->first.first > now) {
          changed_.WaitFor(mutex_, absl::FromChrono(first->first.first - now));
          continue;
        }
        task = std::move(first->second);
        tasks_.erase(first);
      }
    }
    task();
  }
}

}  // namespace sluis::broker
