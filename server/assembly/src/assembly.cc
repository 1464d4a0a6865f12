#include "sluis/assembly/assembly.h"

#include <utility>

#include "sluis/base/status_macros.h"
#include "sluis/state/state.h"

namespace sluis::assembly {

Assembly::Assembly(AssemblyOptions options)
    : options_(std::move(options)), clock_(*options_.machine_clock), pool_(options_.threads) {}

Assembly::~Assembly() {
  // Calls first, then the batches that they wait for.
  broker_.reset();
  ledger_.reset();
}

absl::StatusOr<std::unique_ptr<Assembly>> Assembly::Open(AssemblyOptions options,
                                                         audit::SigningKey log_key) {
  std::unique_ptr<Assembly> assembly(new Assembly(std::move(options)));
  const AssemblyOptions& given = assembly->options_;
  SLUIS_ASSIGN_OR_RETURN(const bool has_key, given.vault->HasKey(state::kBrokerOwner));
  if (!has_key) SLUIS_RETURN_IF_ERROR(given.vault->CreateKey(state::kBrokerOwner));
  ledger::LedgerOptions ledger;
  ledger.store = given.store.get();
  ledger.pool = &assembly->pool_;
  ledger.origin = given.origin;
  ledger.max_batch = given.max_batch;
  ledger.clock = [clock = &assembly->clock_] {
    const absl::Time now = clock->Now();
    return ledger::Moment{now, facts::LocalDate(now), 0};
  };
  SLUIS_ASSIGN_OR_RETURN(assembly->ledger_,
                         ledger::Ledger::Open(std::move(ledger), std::move(log_key)));
  assembly->facts_ = std::make_unique<facts::FactsReader>(*given.vault);
  broker::BrokerOptions broker;
  broker.store = given.store.get();
  broker.vault = given.vault.get();
  broker.ledger = assembly->ledger_.get();
  broker.facts = assembly->facts_.get();
  broker.pool = &assembly->pool_;
  broker.clock = &assembly->clock_;
  broker.texts = given.texts;
  broker.max_calls = given.max_calls;
  broker.source_time_limit = given.source_time_limit;
  broker.oin = given.oin;
  assembly->broker_ = std::make_unique<broker::Broker>(broker, given.policy);
  return assembly;
}

}  // namespace sluis::assembly
