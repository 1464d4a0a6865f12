#pragma once

#include <optional>

#include "core.h"

#include "sluis/v1/sharing.pb.h"

// Requests that wait for a decision. Internal to the room.
namespace sluis::broker {

// Puts the fields of a request that wait for a decision of its source into the inbox of that
// source, and tells it; once per question while it waits. `record` is that of the request's entry.
// Nothing happens for fields of which nobody is told whether they exist: their outcome is NCND.
absl::Status AskDecisions(Core& core, store::Transaction& transaction, const ledger::Moment& moment,
                          const Uuid& person, const v1::RequestFieldsRequest& request,
                          const log::v1::Record& record);

}  // namespace sluis::broker
