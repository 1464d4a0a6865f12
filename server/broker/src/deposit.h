#pragma once

#include <string_view>

#include "core.h"

#include "sluis/policy/v1/facts.pb.h"
#include "sluis/v1/value.pb.h"

// What the calls that keep a value have in common. Internal to the room.
namespace sluis::broker {

// Keeps a value of the acting side as a new deposit, in place of what it deposited of the field
// before. Source, value date and day of recording of the holding are filled in.
absl::StatusOr<Uuid> KeepValue(CommandContext& context, const state::Subject& subject,
                               const policy::v1::Holding& holding, const v1::ValueContent& content);

// Whether a value has no text by which somebody in the casus could be recognised: no BSN or
// postcode at all, and no name, birth date or address of one of its persons.
// FAILED_PRECONDITION / CATEGORY_EXCLUDED naming `path` otherwise.
absl::Status CheckPseudonymised(CommandContext& context, const store::v1::Casus& casus,
                                std::string_view path, const v1::ValueContent& content);

}  // namespace sluis::broker
