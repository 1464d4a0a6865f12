#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sluis/base/civil_date.h"
#include "sluis/client/call.h"
#include "sluis/client/value.h"

// Deposits: what a source lets the broker keep of its own data (proto/sluis/v1/field.proto).
namespace sluis::client {

// Labels of police data.
struct PoliceLabels {
  std::string nature = {};   // FACT, JUDGEMENT
  std::string subject = {};  // NONE, SUSPECT, VICTIM, THIRD, CONVICTED
  friend bool operator==(const PoliceLabels&, const PoliceLabels&) = default;
};

// A condition that a source attached to a value; it binds whoever receives the value.
struct SourceCondition {
  std::string kind = {};  // NIET_DOOR, EINDDATUM, ALLEEN_TAFEL
  std::optional<CivilDate> until = {};
  std::string tafel = {};
  friend bool operator==(const SourceCondition&, const SourceCondition&) = default;
};

// A value with what travels with it.
struct ValueContent {
  Value value = {};
  std::optional<CivilDate> value_date = {};
  std::optional<PoliceLabels> labels = {};
  std::vector<SourceCondition> conditions = {};
  friend bool operator==(const ValueContent&, const ValueContent&) = default;
};

// Of a person, or of a casus when it is about nobody.
struct DepositFieldRequest {
  std::string casus_id = {};
  std::string person_id = {};
  std::string field = {};
  ValueContent content = {};
  std::optional<CivilDate> first_processed = {};
  std::optional<CivilDate> deposit_end = {};
  bool third_person = false;
  bool visible_to_present = false;
  // Data without a person: a pseudonymised dilemma (PSEUDONIEM_K_SAFE).
  bool pseudonym_k_safe = false;
  int32_t min_cell = 0;
  std::optional<PartijHat> origin = {};
};
struct DepositFieldAnswer {
  std::string deposit_id = {};
  Proof proof = {};
};

// A value that the source keeps itself, and is asked for when it is released (source.h): all that a
// decision reads of it, and not the value.
struct KeepAtSourceRequest {
  std::string casus_id = {};
  std::string person_id = {};
  std::string field = {};
  std::optional<CivilDate> value_date = {};
  std::optional<PoliceLabels> labels = {};
  std::vector<SourceCondition> conditions = {};
  std::optional<CivilDate> first_processed = {};
  std::optional<CivilDate> deposit_end = {};
  bool third_person = false;
  bool visible_to_present = false;
  bool pseudonym_k_safe = false;
  int32_t min_cell = 0;
  std::optional<PartijHat> origin = {};
};

struct CorrectFieldRequest {
  std::string deposit_id = {};
  ValueContent content = {};
};

struct WithdrawFieldRequest {
  std::string deposit_id = {};
};

}  // namespace sluis::client
