#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sluis/base/civil_date.h"
#include "sluis/client/call.h"
#include "sluis/client/casus.h"

// The Wams track of a casus (proto/sluis/v1/wams.proto).
namespace sluis::client {

// In a casus, or about a person of a gemeente.
struct WamsReportRequest {
  std::string casus_id = {};
  std::string municipality = {};
  std::string bsn = {};
  std::optional<IdentifyingElements> elements = {};
  bool urgent = false;
  std::string kind = {};  // CITIZEN, PROFESSIONAL, HULPVRAAG
  std::string text = {};
  std::string reference = {};
};
// Where the track stands after a call.
struct WamsAnswer {
  std::string stage = {};
  std::string task = {};  // T1 … T4
  Proof proof = {};
};
struct WamsReportAnswer {
  std::string stage = {};
  std::string task = {};
  // Empty when the caller does not see it.
  std::string casus_id = {};
  Proof proof = {};
};

// That somebody was informed, or, with a reason, that it is postponed.
struct WamsInformingRequest {
  std::string casus_id = {};
  std::string whom = {};    // REPORTED, REPORTER
  std::string status = {};  // GEINFORMEERD, UITGESTELD
  std::optional<CivilDate> date = {};
  std::string reason = {};
  std::string owner = {};
  std::optional<CivilDate> review_date = {};
};

// Talk with the person, or why there was none.
struct Samenspraak {
  std::optional<CivilDate> date = {};
  std::string with = {};
  std::string reason_without = {};
};

struct WamsInquiryRequest {
  std::string casus_id = {};
  std::string task = {};  // T1, T2
  Samenspraak samenspraak = {};
  std::string reason = {};
};

struct WamsOutcome {
  std::optional<CivilDate> date = {};
  std::string name = {};
  std::vector<std::string> domains = {};
  std::vector<std::string> acts = {};
  bool coordination_useful = false;
};

// Of the person with the approach, or why it starts without.
struct WamsAgreement {
  std::optional<CivilDate> date = {};
  std::string reason_without = {};
};

struct WamsPartRequest {
  std::string casus_id = {};
  std::variant<Samenspraak, WamsOutcome, WamsAgreement> part = {};
};

struct WamsTakeBackRequest {
  std::string casus_id = {};
  std::string part = {};  // SAMENSPRAAK, OUTCOME, AGREEMENT
};

struct WamsStageRequest {
  std::string casus_id = {};
  std::string stage = {};
  std::string reason = {};  // AFSLUITING
};

struct WamsTrack {
  std::string stage = {};
  std::string task = {};
  std::optional<PartijHat> opened_by = {};
  int32_t reports = 0;
  std::string reported_informed = {};  // GEINFORMEERD, UITGESTELD, or empty
  std::string reporter_informed = {};
  bool samenspraak = false;
  bool outcome = false;
  bool agreement = false;
  std::optional<CivilDate> closed_on = {};
};

}  // namespace sluis::client
