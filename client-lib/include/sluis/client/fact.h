#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "sluis/client/call.h"

// Facts on which decisions rest (proto/sluis/v1/fact.proto).
namespace sluis::client {

// The fact is a JSON object with one member, whose name is the kind and whose value the fact of
// that kind: the JSON mapping of sluis.policy.v1.Fact, by which proto/sluis/policy/v1/facts.proto
// documents all kinds and their elements. For example
//
//   {"ots": {"person": "0190…", "gi_party": "P_GI", "from": "2026-01-01"}}
//
// Names may be written as in the proto or in lowerCamelCase; enums by name; persons by the caller's
// own ids; a day is "YYYY-MM-DD", an instant RFC 3339.
struct RecordFactRequest {
  // Mandatory for what counts in one casus only; absent for a Wpg 20 besluit.
  std::string casus_id = {};
  std::string fact_json = {};
  // Reference in the recorder's own file.
  std::string reference = {};
};
struct RecordFactAnswer {
  std::string fact_id = {};
  Proof proof = {};
};

struct WithdrawFactRequest {
  std::string fact_id = {};
};

// Whether it is a fact of a known kind with known elements of the right types. RecordFact checks it
// before it calls. INVALID_ARGUMENT / MALFORMED with the element in metadata `field`, e.g.
// "fact.ots.gi_party"; the text never quotes content.
absl::Status CheckFact(std::string_view fact_json);

// The kinds: "besluit", "ots", "maatregel", …
std::vector<std::string> FactKinds();

}  // namespace sluis::client
