#pragma once

#include <vector>

#include "core.h"

#include "sluis/policy/v1/case.pb.h"
#include "sluis/v1/sharing.pb.h"

// Requests that wait for a decision. Internal to the room.
namespace sluis::broker {

// Puts the fields of a request that wait for a decision of its source into the inbox of that
// source, and tells it; once per question while it waits. `record` is that of the request's entry.
// Nothing happens for fields of which nobody is told whether they exist: their outcome is NCND.
absl::Status AskDecisions(Core& core, store::Transaction& transaction, const ledger::Moment& moment,
                          const Uuid& person, const v1::RequestFieldsRequest& request,
                          const log::v1::Record& record);

// The source recorded a decision, `fact`: what waits for it in the inbox of the source, about this
// person in this casus and for its recipients, is decided. Those who asked are told, and returned.
// `except` is an item that its own decision sees to (nil: none).
absl::StatusOr<std::vector<policy::v1::PartijHat>> SettleItems(
    CommandContext& context, const Uuid& casus, const Uuid& person,
    const policy::v1::ProfessionalDecision& decision, const Uuid& fact, const Uuid& except);

// The casus was closed: nothing in it waits for a decision any more. Those who asked are told.
absl::Status EndItems(CommandContext& context, const Uuid& casus_id, const store::v1::Casus& casus);

}  // namespace sluis::broker
