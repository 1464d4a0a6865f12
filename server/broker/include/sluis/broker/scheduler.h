#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/clock.h"
#include "sluis/store/store.h"

// What the broker does by itself, from time to time: retention, duties that fall due, and the like.
namespace sluis::broker {

class Broker;
struct Core;

// The moment of a run, by the clock of decisions.
struct JobMoment {
  absl::Time now;
  CivilDate today;
  // To be asked between the pieces of a long run, at least every few seconds of work: keeps this
  // process the one that acts. UNAVAILABLE / SHUTTING_DOWN or LEASE_LOST: the run has to end.
  std::function<absl::Status()> go_on;
};

// One task. Its run reads what there is to do from the store, and does it through the ledger in
// pieces that stand alone (Core::SubmitOwn): it may be ended by a crash at any point, the next run
// goes on from what is there, and two runs at once (a lease is only time) do nothing twice.
struct Job {
  // [a-z_]{1,32}; stands in the store and in the log of the daemon, so it never changes.
  std::string_view name;
  absl::Duration interval;
  // Heavy work: begun in the hours that the operator chose, where any are given.
  enum class Hours { kAny, kQuiet } hours = Hours::kAny;
  std::function<absl::Status(Core&, const JobMoment&)> run;
};

struct JobStatus {
  std::string name;
  absl::Duration interval;
  // By the clock of decisions; absent: never.
  std::optional<absl::Time> last_run;
  std::optional<absl::Time> last_success;
  // Runs that failed since, the reason of the last one, and when it is tried again.
  int failures = 0;
  std::string reason;
  std::optional<absl::Time> retry_at;
  // Now, by this process.
  bool running = false;
};

struct SchedulerOptions {
  store::Store* store = nullptr;
  // Says what is due: the clock of decisions.
  const Clock* clock = nullptr;
  // Says when a lease is over. Replicas need machines whose clocks agree within half of `lease`.
  const Clock* machine_clock = nullptr;
  // How long this process remains the one that acts without saying so again.
  absl::Duration lease = absl::Minutes(2);
  // How often is looked whether something is due.
  absl::Duration tick = absl::Seconds(2);
  // Quiet hours, [from, until) by the local clock; equal: all day. 22 to 4 is a night.
  int quiet_from = 0;
  int quiet_until = 0;
  // Told after every run, on the thread that ran it: name, outcome.
  std::function<void(std::string_view, const absl::Status&)> on_run;
};

// Runs the jobs when they are due, one at a time, on one thread. Of all processes on one store only
// one acts: it holds a lease, a row of the store that is changed in a store transaction. (With
// replicas on PostgreSQL that is the same row, locked by the transaction; nothing else changes.)
// When something last ran stands in the store, so restarts do not repeat or skip it.
//
// Due: never run, or `interval` since the last run began. After a failure it is tried again after a
// minute, two, four … at most an hour. A clock of decisions that was set back makes everything due.
// Thread-safe.
class Scheduler {
 public:
  // The broker outlives the scheduler.
  Scheduler(SchedulerOptions options, Broker& broker, std::vector<Job> jobs);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  // Stops.
  ~Scheduler();

  // Begins to look, on a thread of its own. Once.
  void Start();
  // Ends the thread; a run under way ends at its next go_on().
  void Stop();

  // Runs what is due now, on the calling thread, and returns how many jobs ran. 0 also while
  // another process acts. What a job says goes to on_run and Jobs(), not here; the errors are the
  // store's.
  absl::StatusOr<int> RunDue();

  // As kept in the store, in the order of the jobs.
  [[nodiscard]] absl::StatusOr<std::vector<JobStatus>> Jobs();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What the broker takes for probing (R-A-41): so many requests of one partij about one person that
// were refused with NCND or NOT_IN_CASUS, within this time. 0: nothing is.
struct ProbingLimit {
  int refusals = 0;
  absl::Duration within;
};

// Every job of the broker.
std::vector<Job> AllJobs(const ProbingLimit& probing = {});

}  // namespace sluis::broker
