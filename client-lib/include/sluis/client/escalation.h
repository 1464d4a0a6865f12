#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sluis/base/civil_date.h"
#include "sluis/client/call.h"
#include "sluis/client/field.h"
#include "sluis/client/signal.h"

// A deadlock, put to the bestuurlijk level as a pseudonymised dilemma
// (proto/sluis/v1/escalation.proto).
namespace sluis::client {

struct DilemmaField {
  std::string field = {};
  ValueContent content = {};
};

struct EscalateRequest {
  std::string casus_id = {};
  std::string tafel = {};
  std::vector<DilemmaField> fields = {};
  std::optional<CivilDate> first_processed = {};
  std::optional<CivilDate> deposit_end = {};
  std::vector<PartijHat> recipients = {};
};
struct EscalateAnswer {
  std::vector<SignalDeposit> deposits = {};
  Proof proof = {};
};

}  // namespace sluis::client
