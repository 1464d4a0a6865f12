#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core.h"

#include "sluis/facts/facts_reader.h"
#include "sluis/policy/policy.h"
#include "sluis/v1/value.pb.h"

// The step after the commit of a decision that releases what a source keeps itself: ask for it, and
// record what came of it. Internal to the room.
namespace sluis::broker {

// A value that a decision releases: opened, or asked for, after the commit, and not before. Points
// into the view and the policy that it was decided on.
struct Delivery {
  std::string_view field;
  policy::FieldId field_id;
  const facts::DepositedValue* value = nullptr;
};

// One delivered value, as it goes over the wire. SEAL_BROKEN and the errors of the vault.
absl::StatusOr<std::string> OpenDeposit(Core& core, const Uuid& owner, const Delivery& delivery);
// Appends those of several deliveries of one owner, in their order, as fields `number` of a
// message. On an error none of them is in `out`, which may be wiped.
absl::Status AppendDeposits(Core& core, const Uuid& owner, const std::vector<Delivery>& deliveries,
                            int number, std::string& out);

// Whether a decision still holds at its delivery.
struct StillReleased {
  // Of the fields that are delivered, those that are released as they were.
  std::set<std::string, std::less<>> fields;
  // Given where it was decided again.
  std::optional<log::v1::Decision> decision;
};

struct AtSource {
  CallPtr call;
  Uuid request_id;
  Uuid casus;
  std::optional<Uuid> person;
  std::string source_partij;
  std::string source_hat;
  std::string purpose;
  std::string recipient_hat;
  ActivePolicy active;
  facts::View view;
  // What is delivered, in the order asked.
  std::vector<Delivery> deliveries;
  // Of a repeat.
  std::optional<Earlier> earlier;
  // In the transaction of the delivery.
  std::function<absl::StatusOr<StillReleased>(store::Transaction&, const ledger::Moment&)> recheck;
};

// Remembers, in the transaction of the decision, that its delivery is to come, so that the second
// entry is made even when this broker is not there to make it.
absl::Status ExpectDelivery(Core& core, store::Transaction& transaction, uint64_t decision,
                            const CallState& call, const std::vector<Delivery>& deliveries);

// Asks, delivers, and answers the call. On a thread of the pool.
void DeliverAtSource(Core& core, std::shared_ptr<AtSource> what, ledger::Committed decision);

// Records what deliveries did not happen because the broker ended: at the start of a broker.
void RecoverDeliveries(Core& core);

}  // namespace sluis::broker
