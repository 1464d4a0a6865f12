#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include <nlohmann/json.hpp>

#include "sluis/testing/daemon.h"

// The broker's own log, as an operator's tools read it.
namespace sluis::testing {

// Every line that a daemon wrote. One that is no JSON object becomes {"not_json": the line}.
std::vector<nlohmann::json> LogLines(const Daemon& daemon);

// The lines of one event from number `from` (of all lines) on.
std::vector<nlohmann::json> LinesOf(const Daemon& daemon, const std::string& event,
                                    size_t from = 0);

// Waits until there is a line of `event` in which the member `name` holds `value`, from line `from`
// on. False when there is none in time.
bool AwaitLine(const Daemon& daemon, const std::string& event, const std::string& name,
               const std::string& value, size_t from = 0, absl::Duration limit = absl::Seconds(20));

}  // namespace sluis::testing
