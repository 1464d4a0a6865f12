#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/base/clock.h"
#include "sluis/base/oin.h"
#include "sluis/base/thread_pool.h"
#include "sluis/broker/stream.h"
#include "sluis/facts/facts_reader.h"
#include "sluis/ledger/ledger.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/texts.h"
#include "sluis/store/store.h"
#include "sluis/vault/vault.h"

// The use cases: one function per call of the contract, from the bytes of a request to the bytes of
// an answer. No gRPC here, so everything that decides and writes can be tested, and seen by
// sanitizers, without it.
namespace sluis::broker {

// The clock of decisions. In a test environment an operator may set it; it then runs on from there.
// Thread-safe.
class DecisionClock final : public Clock {
 public:
  explicit DecisionClock(const Clock& machine) : machine_(machine) {}
  [[nodiscard]] absl::Time Now() const override;
  void Set(std::optional<absl::Time> now);

 private:
  const Clock& machine_;
  mutable Mutex mutex_;
  absl::Duration offset_ ABSL_GUARDED_BY(mutex_);
};

struct CallState;
struct Core;

struct BrokerOptions {
  store::Store* store = nullptr;
  vault::Vault* vault = nullptr;
  ledger::Ledger* ledger = nullptr;
  facts::FactsReader* facts = nullptr;
  ThreadPool* pool = nullptr;
  const Clock* clock = nullptr;
  const policy::Texts* texts = nullptr;
  // Calls under way at once; more is refused with OVERLOADED.
  int max_calls = 4096;
  // How long a source that keeps a value itself may take to give it.
  absl::Duration source_time_limit = absl::Seconds(5);
  // OIN of the organisation that runs the broker; empty: it says none.
  std::string oin;
};

// Everything in the options outlives the broker. Thread-safe.
class Broker {
 public:
  // The bytes of the answer, or an error with a reason. Runs once, on any thread.
  using Done = std::function<void(absl::StatusOr<std::string>)>;

  Broker(BrokerOptions options, std::shared_ptr<const policy::Policy> policy);
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  // Waits for the calls under way.
  ~Broker();

  // Whether there is a call of this name ("/sluis.v1.SharingService/RequestFields").
  [[nodiscard]] static bool Knows(std::string_view method);

  // Runs a call of the organisation with this OIN, whose certificate was verified. Never waits for
  // a disk on the calling thread.
  void Call(std::string_view method, const Oin& caller, std::string request, absl::Time deadline,
            Done done);

  // Whether there is a stream of this name.
  [[nodiscard]] static bool KnowsStream(std::string_view method);

  // Opens a stream of the organisation with this OIN. Null when it is refused: `peer` was then told
  // why.
  std::unique_ptr<Stream> OpenStream(std::string_view method, const Oin& caller,
                                     std::shared_ptr<StreamPeer> peer);

  // Records an attempt that never became a call (too large, say), and then answers it with `why`.
  void Reject(const Oin& caller, absl::Status why, Done done);

  // Puts another policy in force, in order with all decisions: what was decided before rests on the
  // old one, what is decided after on the new one. Waits until that is durable.
  absl::Status Activate(std::shared_ptr<const policy::Policy> policy);
  [[nodiscard]] std::shared_ptr<const policy::Policy> policy() const;

  // Two operators put a policy in force: one proposes it for a day, another approves it. Each is an
  // entry of the log with the operator's name, and waits until that is durable.
  //   INVALID_ARGUMENT     MALFORMED             a name that is none (1-64 of [A-Za-z0-9._-]);
  //   FAILED_PRECONDITION  POLICY_DATE_PAST      the day is over: nothing works backwards;
  //   ALREADY_EXISTS       POLICY_APPROVED       this policy was approved before;
  //   NOT_FOUND            POLICY_NOT_PROPOSED   nobody proposed this policy;
  //   PERMISSION_DENIED    SAME_OPERATOR         who proposed it cannot approve it.
  absl::Status ProposePolicy(const policy::Policy& policy, CivilDate from,
                             const std::string& operator_id);
  absl::Status ApprovePolicy(const std::string& policy_hash, const std::string& operator_id);
  // Keeps the policy of the first start as the one in force from today, when none is kept yet.
  absl::Status KeepFirstPolicy(const policy::Policy& policy);
  // Records that the decision clock was set. Waits until that is durable.
  absl::Status RecordClockSet();

  // Refuses new calls and waits until those under way are answered, at most `timeout`. Returns
  // whether all were.
  bool Drain(absl::Duration timeout);

 private:
  // What works on the broker's own behalf.
  friend class Retention;
  friend class Scheduler;

  // Counts the call among those under way, or answers why it is not taken and returns null.
  std::shared_ptr<CallState> Admit(std::string_view method, const Oin& caller, std::string request,
                                   absl::Time deadline, Done done);

  std::unique_ptr<Core> core_;
};

// SHA-256 of the canonical policy, 32 bytes.
std::string PolicyHash(const policy::Policy& policy);

// The hash of the approved policy that is in force on `day`: of those whose day has come the one
// with the latest day, of equal ones the one approved last. Empty when none is kept.
absl::StatusOr<std::string> PolicyHashInForce(store::Store& store, CivilDate day);
// A proposed or approved policy by its hash. NOT_FOUND / POLICY_NOT_PROPOSED, DATA_LOSS /
// POLICY_UNREADABLE when what is kept does not compile to the policy of this hash.
struct KeptPolicy {
  std::shared_ptr<const policy::Policy> policy;
  CivilDate from{};
};
absl::StatusOr<KeptPolicy> FindPolicy(store::Store& store, const std::string& policy_hash);

}  // namespace sluis::broker
