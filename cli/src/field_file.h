#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "sluis/client/signal.h"

// Several fields at once, as a JSON list:
//
//   [{"field": "voornamen", "value": {"text": "Harm"}, "value_date": "2026-11-21",
//     "labels": {"nature": "FACT", "subject": "NONE"}}, …]
//
// `value` as `sluis request --json` shows one; `conditions` and `third_person` may be given too.
namespace sluis::cli {

// MALFORMED with the element, e.g. "fields[3].value"; the text never quotes content.
absl::StatusOr<std::vector<client::SignalField>> ReadFieldFile(const std::string& path);

}  // namespace sluis::cli
