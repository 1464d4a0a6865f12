#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sluis/base/civil_date.h"
#include "sluis/client/call.h"
#include "sluis/client/casus.h"
#include "sluis/client/field.h"

// Messages that a source sends on its own motion: zorgmelding, vroegsignaal
// (proto/sluis/v1/signal.proto).
namespace sluis::client {

struct SignalField {
  std::string field = {};
  ValueContent content = {};
  bool third_person = false;
};

struct SendSignalRequest {
  std::string tafel = {};
  std::string purpose = {};
  PartijHat receiver = {};
  std::string bsn = {};
  bool bsn_verified = false;
  bool urgent = false;
  std::vector<SignalField> fields = {};
  std::optional<CivilDate> first_processed = {};
  std::optional<CivilDate> deposit_end = {};
  std::optional<CivilDate> attestation_date = {};
  std::vector<bool> preconditions = {};
  std::string reference = {};
};
struct SignalDeposit {
  std::string field = {};
  std::string deposit_id = {};
};
struct SendSignalAnswer {
  std::string signal_id = {};
  std::vector<SignalDeposit> deposits = {};
  Proof proof = {};
};

struct AnswerSignalRequest {
  std::string signal_id = {};
  std::string outcome = {};  // HANDLED, NO_CONTACT, NOT_FOR_RECEIVER
};
struct AnswerSignalAnswer {
  bool casus_closed = false;
  Proof proof = {};
};

struct Signal {
  std::string signal_id = {};
  std::string tafel = {};
  std::string purpose = {};
  PartijHat sender = {};
  PartijHat receiver = {};
  std::vector<std::string> fields = {};
  std::string received_at = {};
  std::string outcome = {};  // empty while it is open
  std::optional<CivilDate> answered_on = {};
  // For the receiver.
  std::string casus_id = {};
  std::string person_id = {};
  // For the sender.
  std::string reference = {};
};
struct SignalPage {
  std::vector<Signal> signals = {};
  std::string next_page_token = {};
};

}  // namespace sluis::client
