#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "sluis/audit/note.h"
#include "sluis/base/clock.h"
#include "sluis/base/thread_pool.h"
#include "sluis/broker/broker.h"
#include "sluis/facts/facts_reader.h"
#include "sluis/ledger/ledger.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/texts.h"
#include "sluis/store/store.h"
#include "sluis/vault/vault.h"

// The rooms of a broker put together, everything but its doors: for the daemon, and for tests that
// need no gRPC.
namespace sluis::assembly {

struct AssemblyOptions {
  std::unique_ptr<store::Store> store;
  std::unique_ptr<vault::Vault> vault;
  std::shared_ptr<const policy::Policy> policy;
  // Outlives the assembly.
  const policy::Texts* texts = nullptr;
  // The name of the log.
  std::string origin;
  // The machine's clock; outlives the assembly.
  const Clock* machine_clock = nullptr;
  // Threads that wait for disks and complete calls.
  int threads = 4;
  size_t max_batch = 256;
  int max_calls = 4096;
  // As BrokerOptions.
  absl::Duration source_time_limit = absl::Seconds(5);
  // OIN of the organisation that runs the broker; empty: it says none.
  std::string oin;
};

class Assembly {
 public:
  // Verifies the log (see Ledger::Open) and makes the broker's own key at the first start.
  static absl::StatusOr<std::unique_ptr<Assembly>> Open(AssemblyOptions options,
                                                        audit::SigningKey log_key);
  Assembly(const Assembly&) = delete;
  Assembly& operator=(const Assembly&) = delete;
  // Answers the calls under way first.
  ~Assembly();

  [[nodiscard]] broker::Broker& broker() { return *broker_; }
  [[nodiscard]] ledger::Ledger& ledger() { return *ledger_; }
  [[nodiscard]] store::Store& store() { return *options_.store; }
  [[nodiscard]] vault::Vault& vault() { return *options_.vault; }
  [[nodiscard]] broker::DecisionClock& clock() { return clock_; }

 private:
  explicit Assembly(AssemblyOptions options);

  AssemblyOptions options_;
  broker::DecisionClock clock_;
  // Ends before what its tasks use does: the broker waits for its calls, the ledger for its
  // batches.
  ThreadPool pool_;
  std::unique_ptr<facts::FactsReader> facts_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<broker::Broker> broker_;
};

}  // namespace sluis::assembly
