#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sluis/base/civil_date.h"
#include "sluis/client/audit_log.h"
#include "sluis/client/call.h"
#include "sluis/client/casus.h"
#include "sluis/client/sharing.h"

// The person concerned (proto/sluis/v1/person.proto).
namespace sluis::client {

// ---- Informing the person ----

struct RecordInformedRequest {
  std::string casus_id = {};
  std::string person_id = {};
  std::optional<CivilDate> date = {};  // on which the person was informed
  std::string reference = {};
};
struct RecordInformedAnswer {
  std::string fact_id = {};
  // A duty was open, and is done now.
  bool duty_done = false;
  Proof proof = {};
};

struct PostponeInformingRequest {
  std::string casus_id = {};
  std::string person_id = {};
  std::string ground = {};
  std::string owner = {};  // the professional who answers for the delay
  std::optional<CivilDate> review_date = {};
  std::string reference = {};
};
struct PostponeInformingAnswer {
  std::string fact_id = {};
  std::optional<CivilDate> due = {};
  int postponements = 0;
  Proof proof = {};
};

struct Duty {
  std::string duty_id = {};
  std::string kind = {};  // INFORM, CORRECT
  std::string hat = {};
  std::string casus_id = {};
  // By our own id.
  std::string person_id = {};
  std::optional<CivilDate> made_on = {};
  // The last day on which it is done in time.
  std::optional<CivilDate> due = {};
  bool overdue = false;
  std::vector<std::string> fields = {};
  int postponements = 0;
  std::string owner = {};
  std::string correction_id = {};  // CORRECT
};
struct ListDutiesRequest {
  // Due on this day or before.
  std::optional<CivilDate> due_before = {};
  bool overdue = false;
  // Empty: of all hats.
  std::string hat = {};
  Page page = {};
};
struct DutyPage {
  std::vector<Duty> duties = {};     // by due date
  std::string next_page_token = {};  // empty at the end
};

// ---- Reviews, for supervisors ----

struct Review {
  std::string review_id = {};
  uint64_t entry = 0;
  std::string time = {};  // RFC 3339
  std::string casus_id = {};
  std::string pseudonym = {};
  PartijHat recipient = {};
  PartijHat source = {};
  std::string tafel = {};
  std::string purpose = {};
  std::vector<std::string> fields = {};
  std::string finding = {};  // empty while it is open
  std::string text = {};
  PartijHat closed_by = {};
  std::optional<CivilDate> closed_on = {};
  int refusals = 0;  // an alert: so many requests about the person were refused
};
struct ListReviewsRequest {
  UsagePurpose usage_purpose = UsagePurpose::kNone;
  // Closed ones, instead of open ones.
  bool closed = false;
  Page page = {};
};
struct ListReviewsAnswer {
  std::vector<Review> reviews = {};
  std::string next_page_token = {};
  Proof proof = {};
};
struct CloseReviewRequest {
  std::string review_id = {};
  std::string finding = {};  // LAWFUL, UNLAWFUL, LAWFUL_WITH_REMARKS
  std::string text = {};
};

// ---- The inzage report ----

struct InzageReportRequest {
  std::string person_id = {};
  RightsRole rights_role = RightsRole::kNone;
  bool identity_established = false;
  std::optional<CivilDate> from = {};
  std::optional<CivilDate> until = {};
  std::string language = {};  // nl, en
  Page page = {};
};
// One field that was shared once.
struct InzageLine {
  uint64_t entry = 0;
  std::string time = {};  // RFC 3339
  std::string field = {};
  PartijHat recipient = {};
  PartijHat source = {};  // empty where it would name a reporter
  std::string tafel = {};
  std::string purpose = {};
  std::string purpose_text = {};
  std::string article = {};
};
struct InzageReport {
  std::vector<InzageLine> lines = {};
  std::string next_page_token = {};
  // What no report holds, and where to ask for it.
  std::vector<std::string> elsewhere = {};
  Proof proof = {};
};

// ---- Corrections ----

struct AskCorrectionRequest {
  std::string casus_id = {};
  std::string person_id = {};
  PartijHat source = {};
  std::string field = {};
  std::string text = {};
  RightsRole rights_role = RightsRole::kNone;
  bool identity_established = false;
};
struct AskCorrectionAnswer {
  std::string correction_id = {};
  std::optional<CivilDate> due = {};
  Proof proof = {};
};
struct AnswerCorrectionRequest {
  std::string correction_id = {};
  std::string outcome = {};  // CORRECTED, REFUSED
  std::string reason = {};   // REFUSED
  // CORRECTED: index of the entry that did it; 0 when the broker holds no such value of ours.
  uint64_t corrected_entry = 0;
};
struct Correction {
  std::string correction_id = {};
  std::string casus_id = {};
  std::string person_id = {};
  PartijHat source = {};
  std::string field = {};
  std::string text = {};
  std::optional<CivilDate> asked_on = {};
  std::optional<CivilDate> due = {};
  std::string status = {};  // OPEN, CORRECTED, REFUSED
  std::string reason = {};
  std::optional<CivilDate> answered_on = {};
};

// ---- Emergencies ----

struct ApproveEmergencyRequest {
  std::string casus_id = {};
  std::string person_id = {};
  std::string decision_id = {};  // the fact of the decision
};
struct ApproveEmergencyAnswer {
  // Different professionals behind the decision now, who decided included.
  int approvers = 0;
  std::optional<CivilDate> until = {};
  Proof proof = {};
};

}  // namespace sluis::client
