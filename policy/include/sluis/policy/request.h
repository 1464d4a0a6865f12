#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluis/policy/facts.h"
#include "sluis/policy/field_set.h"
#include "sluis/policy/ids.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/vocabulary.h"

namespace sluis::policy {

namespace v1 {
class DecisionRequest;
}  // namespace v1

// Most fields one request may ask.
inline constexpr size_t kMaxAskedFields = 100;

// A well-formed request, names interned.
struct Request {
  Side acting{};
  Side source{};
  TafelId tafel{};
  StageId stage{};
  PurposeId purpose{};
  PowerId task{};  // invalid: none, or one that no row lists
  PowerId power{};
  bool ernstig_nadeel = false;
  bool identity_established = false;
  RightsRole rights_role = RightsRole::kNone;
  FieldSet fields{};
  FieldSet motivated{};
  // In the order in which they were asked.
  uint16_t field_count = 0;
  std::array<FieldId, kMaxAskedFields> asked{};
};

// Why a request cannot be decided (step 1).
struct Malformation {
  enum class Kind { kNone, kMalformed, kBulk };
  Kind kind = Kind::kNone;
  // The element by its wire name, e.g. "fields[3].field".
  std::string element;
  std::string message;
};

// Interns a request. `request` is complete when the result's kind is kNone. The texts never repeat
// what the caller wrote.
Malformation InternRequest(const Policy& policy, const v1::DecisionRequest& message,
                           Request& request);

}  // namespace sluis::policy
