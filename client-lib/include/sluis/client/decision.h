#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sluis/base/civil_date.h"
#include "sluis/client/call.h"
#include "sluis/client/casus.h"
#include "sluis/client/field.h"

// Where somebody of ours has to decide (proto/sluis/v1/decision.proto).
namespace sluis::client {

// A field that waits, or was decided.
struct DecisionField {
  std::string field = {};
  // Why the asker needs it; GetDecisionRequest only.
  std::string motivation = {};
  // The kinds of decision that are missing: GHV, CVP, WAMS, MELDRECHT, ACUUT, SELECTIE, …
  std::vector<std::string> kinds = {};
  // All that is missing, consent for example.
  std::vector<std::string> missing = {};
  std::string state = {};  // OPEN, GIVEN, REFUSED, EXPIRED
  std::string fact_id = {};
  std::string professional = {};
};

// A request for a decision.
struct DecisionRequest {
  std::string decision_request_id = {};
  std::string casus_id = {};
  // By our own id.
  std::string person_id = {};
  // The hat that is asked.
  std::string hat = {};
  PartijHat recipient = {};
  std::string recipient_professional = {};
  std::string tafel = {};
  std::string stage = {};
  std::string purpose = {};
  std::vector<DecisionField> fields = {};
  std::string asked_at = {};  // RFC 3339
  std::optional<CivilDate> expires_on = {};
  std::string state = {};  // OPEN while a field is
};

struct ListDecisionRequestsRequest {
  // Empty: of all hats.
  std::string hat = {};
  // Also what is no longer open.
  bool include_closed = false;
};
struct DecisionRequestPage {
  std::vector<DecisionRequest> requests = {};  // oldest first
  std::string next_page_token = {};            // empty at the end
};

// A decision about a request. The parts that its kind needs are mandatory; casus, person, source
// and recipient follow from the request.
struct DecideRequest {
  std::string decision_request_id = {};
  std::string kind = {};    // one that the fields miss
  std::string result = {};  // GIVEN, REFUSED
  // Those decided: with GIVEN the ones provided; with REFUSED the ones refused, empty: all.
  std::vector<std::string> fields = {};
  std::string reason = {};
  // Who decided, when it is a colleague on record; empty: the professional of the context.
  std::string decided_by = {};
  std::optional<CivilDate> date = {};   // absent: today
  std::optional<CivilDate> until = {};  // mandatory with GIVEN, but for ACUUT
  // ACUUT.
  std::string at = {};  // RFC 3339
  bool consent_impossible = false;
  bool no_lesser_means = false;
  // WAMS.
  std::string necessity = {};
  std::string weighty_reasons = {};
  std::string consent_sought = {};
  // WJSG.
  std::string weighty_interest = {};
  std::string purpose = {};
  bool no_tracing = false;
  // With GIVEN: what is not named stays open; without it is refused.
  bool leave_rest_open = false;
  std::vector<SourceCondition> conditions = {};
  // In our own file.
  std::string reference = {};
};
struct DecideAnswer {
  std::string given_fact_id = {};    // empty when nothing is provided
  std::string refused_fact_id = {};  // empty when nothing is refused
  std::vector<std::string> condition_fact_ids = {};
  std::vector<std::string> open_fields = {};
  Proof proof = {};
};

}  // namespace sluis::client
