#pragma once

#include <optional>
#include <string>

#include "core.h"

#include "sluis/v1/fact.pb.h"

// Facts that other use cases record or withdraw as well. Internal to the room.
namespace sluis::broker {

// The item of the inbox from which a decision is recorded, which sees to that item itself, and who
// asked there.
struct DecidedItem {
  Uuid id;
  policy::v1::PartijHat asker;
};

// As FactService/RecordFact, form and competence included.
absl::StatusOr<v1::RecordFactAnswer> RecordFact(CommandContext& context,
                                                const v1::RecordFactRequest& request,
                                                const std::optional<DecidedItem>& from = {});

// The `reference` of the record that holds the approvals of an emergency decision.
std::string ApprovalReference(const Uuid& decision);

}  // namespace sluis::broker
