#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/outcome.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/facts.pb.h"
#include "sluis/policy/v1/statute.pb.h"

// The decision procedure of docs/decision-procedure.md, written once more: slow, on strings and
// messages, in the order of the page, without an index or a cache. The engine is held against it.
//
// It shares no code with the engine and assumes nothing of it but that page. Pure functions; safe
// to call from several threads.
namespace sluis::policy_oracle {

// The instant of a decision and the civil date in Europe/Amsterdam that belongs to it.
struct Instant {
  absl::Time time;
  CivilDate today;
};

// Reads RFC 3339 with an offset, e.g. "2026-11-23T10:00:00+01:00". The date is the one that is
// written there. INVALID_ARGUMENT / INSTANT_MALFORMED for anything else.
absl::StatusOr<Instant> ParseInstant(std::string_view rfc3339);

// What became of one field. Names as in the protos ("M51", "TOESTEMMING_UITDRUKKELIJK").
struct FieldResult {
  Outcome outcome = Outcome::kRefuse;
  Code code = Code::kNoGrant;
  std::string grant;                  // empty where a gate, an exclusion or nothing decided
  std::string grondslag;              // empty with `grant`
  std::set<std::string> obligations;  // at RELEASE, those of grant and row together
  std::set<std::string> missing;      // the conditions that the reported alternative misses
  std::set<std::string> needs;        // all conditions that it needs; not part of an answer
  std::string exclusion;    // the exclusion that refused; stays with NCND, for the officer
  bool value_held = false;  // at RELEASE, whether the source holds a value

  friend bool operator==(const FieldResult&, const FieldResult&) = default;
};

// What became of a request.
struct Result {
  bool malformed = false;                     // the whole request; `fields` is empty
  bool bulk = false;                          // likewise
  std::string malformed_element;              // by its wire name: "casus_id", "fields[3].field"
  std::map<std::string, FieldResult> fields;  // by field name

  friend bool operator==(const Result&, const Result&) = default;
};

Result Evaluate(const policy::v1::Statute& statute, const policy::v1::Convenant& convenant,
                const policy::v1::OperatorSwitches& switches, const policy::v1::Facts& facts,
                const policy::v1::DecisionRequest& request, Instant instant);

}  // namespace sluis::policy_oracle
