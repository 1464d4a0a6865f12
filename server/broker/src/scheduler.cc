#include "sluis/broker/scheduler.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "core.h"

#include "sluis/base/check.h"
#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"
#include "sluis/crypto/crypto.h"
#include "sluis/facts/facts_reader.h"
#include "sluis/store/v1/job.pb.h"

namespace sluis::broker {
namespace {

using store::Table;
using store::v1::JobLease;
using store::v1::JobState;

constexpr std::string_view kLeaseKey = "lease";
constexpr absl::Duration kFirstRetry = absl::Minutes(1);
constexpr absl::Duration kLastRetry = absl::Hours(1);

std::string StateKey(std::string_view job) { return absl::StrCat("job/", std::string(job)); }

absl::Duration RetryAfter(int failures) {
  const int doublings = std::clamp(failures - 1, 0, 6);
  return std::min(kFirstRetry * (1 << doublings), kLastRetry);
}

std::optional<absl::Time> TimeOf(int64_t micros) {
  if (micros == 0) return std::nullopt;
  return absl::FromUnixMicros(micros);
}

template <typename Message>
absl::StatusOr<Message> Read(store::Reader& reader, std::string_view key) {
  SLUIS_ASSIGN_OR_RETURN(const auto kept, reader.Get(Table::kJob, key));
  Message message;
  if (kept && !message.ParseFromString(*kept))
    return DataLoss("STORE_SYNC_FAILED", "what is kept of a task cannot be read");
  return message;
}

bool InQuietHours(const SchedulerOptions& options, absl::Time now) {
  if (options.quiet_from == options.quiet_until) return true;
  const int hour = facts::LocalHour(now);
  if (options.quiet_from < options.quiet_until)
    return hour >= options.quiet_from && hour < options.quiet_until;
  // Over midnight.
  return hour >= options.quiet_from || hour < options.quiet_until;
}

bool IsDue(const SchedulerOptions& options, const Job& job, const JobState& state, absl::Time now) {
  const absl::Time last = absl::FromUnixMicros(state.last_run());
  if (state.last_run() == 0) return true;
  if (now < last) return true;
  if (state.failures() > 0) return now >= absl::FromUnixMicros(state.retry_at());
  if (now < last + job.interval) return false;
  // A process that never runs at night does it by day once it is a whole interval late.
  return job.hours == Job::Hours::kAny || InQuietHours(options, now) ||
         now >= last + 2 * job.interval;
}

}  // namespace

struct Scheduler::State {
  SchedulerOptions options;
  Core* core = nullptr;
  std::vector<Job> jobs;
  // This process, in the lease.
  std::string holder;

  // One RunDue() at a time. Taken before `mutex`.
  Mutex run_mutex;
  Mutex mutex;
  CondVar wake;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  std::string running ABSL_GUARDED_BY(mutex);
  std::thread thread;
  // The states as last read or written, so that a look at a quiet moment costs no disk.
  std::vector<std::optional<JobState>> known ABSL_GUARDED_BY(run_mutex);

  [[nodiscard]] bool Stopping() {
    const MutexLock lock(mutex);
    return stopping;
  }
  void SetRunning(std::string_view name) {
    const MutexLock lock(mutex);
    running = name;
  }

  // Takes the lease, or keeps it. False: another process has it.
  absl::StatusOr<bool> HoldLease(store::Transaction& transaction) {
    SLUIS_ASSIGN_OR_RETURN(JobLease lease, Read<JobLease>(transaction, kLeaseKey));
    const absl::Time now = options.machine_clock->Now();
    const absl::Time ends = absl::FromUnixMicros(lease.expires_at());
    // A lease that ends later than any process can have asked for was written by a clock that was
    // wrong.
    if (!lease.holder().empty() && lease.holder() != holder && now < ends &&
        ends <= now + 2 * options.lease) {
      return false;
    }
    lease.set_holder(holder);
    lease.set_expires_at(absl::ToUnixMicros(now + options.lease));
    SLUIS_RETURN_IF_ERROR(transaction.Put(Table::kJob, kLeaseKey, lease.SerializeAsString()));
    return true;
  }
  absl::StatusOr<bool> TakeLease() {
    SLUIS_ASSIGN_OR_RETURN(const auto transaction, options.store->Begin());
    SLUIS_ASSIGN_OR_RETURN(const bool mine, HoldLease(*transaction));
    if (mine) SLUIS_RETURN_IF_ERROR(transaction->Commit());
    return mine;
  }
  // So that another process need not wait for its end.
  absl::Status GiveLease() {
    SLUIS_ASSIGN_OR_RETURN(const auto transaction, options.store->Begin());
    SLUIS_ASSIGN_OR_RETURN(const JobLease lease, Read<JobLease>(*transaction, kLeaseKey));
    if (lease.holder() != holder) return absl::OkStatus();
    SLUIS_RETURN_IF_ERROR(transaction->Delete(Table::kJob, kLeaseKey));
    return transaction->Commit();
  }

  absl::Status GoOn(absl::Time& renewed) {
    if (Stopping()) return Unavailable("SHUTTING_DOWN", "the broker is stopping");
    const absl::Time now = options.machine_clock->Now();
    // A clock that was set back renews too.
    if (renewed <= now && now < renewed + options.lease / 4) return absl::OkStatus();
    SLUIS_ASSIGN_OR_RETURN(const bool mine, TakeLease());
    if (!mine) return Unavailable("LEASE_LOST", "another process runs the tasks now");
    renewed = now;
    return absl::OkStatus();
  }

  absl::StatusOr<bool> RunOne(size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(run_mutex);
};

absl::StatusOr<bool> Scheduler::State::RunOne(size_t index) {
  const Job& job = jobs[index];
  JobState state;
  const absl::Time now = options.clock->Now();
  {
    // What another process did meanwhile counts; and what is begun is on record before it begins.
    SLUIS_ASSIGN_OR_RETURN(const auto transaction, options.store->Begin());
    SLUIS_ASSIGN_OR_RETURN(state, Read<JobState>(*transaction, StateKey(job.name)));
    known[index] = state;
    if (!IsDue(options, job, state, now)) return false;
    SLUIS_ASSIGN_OR_RETURN(const bool mine, HoldLease(*transaction));
    if (!mine) return false;
    SLUIS_RETURN_IF_ERROR(transaction->Commit());
  }
  absl::Time renewed = options.machine_clock->Now();
  SetRunning(job.name);
  const absl::Status outcome =
      job.run(*core, JobMoment{now, facts::LocalDate(now), [&] { return GoOn(renewed); }});
  SetRunning({});
  const std::string reason = ReasonOf(outcome);
  if (reason != "SHUTTING_DOWN" && reason != "LEASE_LOST") {
    state.set_last_run(absl::ToUnixMicros(now));
    if (outcome.ok()) {
      state.set_last_success(absl::ToUnixMicros(now));
      state.set_failures(0);
      state.clear_reason();
      state.clear_retry_at();
    } else {
      state.set_failures(state.failures() + 1);
      state.set_reason(reason);
      state.set_retry_at(absl::ToUnixMicros(now + RetryAfter(state.failures())));
    }
    known[index] = state;
    SLUIS_ASSIGN_OR_RETURN(const auto transaction, options.store->Begin());
    SLUIS_RETURN_IF_ERROR(
        transaction->Put(Table::kJob, StateKey(job.name), state.SerializeAsString()));
    SLUIS_RETURN_IF_ERROR(transaction->Commit());
  }
  if (options.on_run) options.on_run(job.name, outcome);
  return true;
}

Scheduler::Scheduler(SchedulerOptions options, Broker& broker, std::vector<Job> jobs)
    : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->core = broker.core_.get();
  state_->jobs = std::move(jobs);
  auto id = crypto::RandomUuid();
  // Without randomness there are no keys either.
  SLUIS_CHECK(id.ok());
  state_->holder = std::string(id->bytes());
  const MutexLock lock(state_->run_mutex);
  state_->known.resize(state_->jobs.size());
}

Scheduler::~Scheduler() { Stop(); }

void Scheduler::Start() {
  SLUIS_CHECK(!state_->thread.joinable());
  state_->thread = std::thread([this] {
    State& state = *state_;
    absl::Status last;
    while (!state.Stopping()) {
      const absl::Status status = RunDue().status();
      // A store that cannot be written is told once, not every tick.
      if (state.options.on_run && !status.ok() && status != last) state.options.on_run({}, status);
      last = status;
      const MutexLock lock(state.mutex);
      if (!state.stopping) static_cast<void>(state.wake.WaitFor(state.mutex, state.options.tick));
    }
  });
}

void Scheduler::Stop() {
  {
    const MutexLock lock(state_->mutex);
    state_->stopping = true;
    state_->wake.NotifyAll();
  }
  if (state_->thread.joinable()) state_->thread.join();
}

absl::StatusOr<int> Scheduler::RunDue() {
  State& state = *state_;
  const MutexLock lock(state.run_mutex);
  const absl::Time now = state.options.clock->Now();
  std::vector<size_t> due;
  for (size_t i = 0; i < state.jobs.size(); ++i) {
    if (!state.known[i] || IsDue(state.options, state.jobs[i], *state.known[i], now))
      due.push_back(i);
  }
  if (due.empty()) return 0;
  {
    // Most often another process did what seems due here.
    SLUIS_ASSIGN_OR_RETURN(const auto reader, state.options.store->Read());
    std::vector<size_t> really;
    for (const size_t i : due) {
      SLUIS_ASSIGN_OR_RETURN(state.known[i], Read<JobState>(*reader, StateKey(state.jobs[i].name)));
      if (IsDue(state.options, state.jobs[i], *state.known[i], now)) really.push_back(i);
    }
    due = std::move(really);
  }
  if (due.empty()) return 0;
  SLUIS_ASSIGN_OR_RETURN(const bool mine, state.TakeLease());
  if (!mine) return 0;
  int ran = 0;
  absl::Status failed;
  for (const size_t i : due) {
    if (state.Stopping()) break;
    const auto one = state.RunOne(i);
    if (!one.ok()) {
      failed = one.status();
      break;
    }
    ran += *one ? 1 : 0;
  }
  const absl::Status given = state.GiveLease();
  SLUIS_RETURN_IF_ERROR(failed);
  SLUIS_RETURN_IF_ERROR(given);
  return ran;
}

absl::StatusOr<std::vector<JobStatus>> Scheduler::Jobs() {
  SLUIS_ASSIGN_OR_RETURN(const auto reader, state_->options.store->Read());
  std::string running;
  {
    const MutexLock lock(state_->mutex);
    running = state_->running;
  }
  std::vector<JobStatus> all;
  for (const Job& job : state_->jobs) {
    SLUIS_ASSIGN_OR_RETURN(const JobState kept, Read<JobState>(*reader, StateKey(job.name)));
    JobStatus status;
    status.name = job.name;
    status.interval = job.interval;
    status.last_run = TimeOf(kept.last_run());
    status.last_success = TimeOf(kept.last_success());
    status.failures = kept.failures();
    status.reason = kept.reason();
    status.retry_at = TimeOf(kept.retry_at());
    status.running = job.name == running;
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace sluis::broker
