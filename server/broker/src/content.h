#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "sluis/base/civil_date.h"
#include "sluis/policy/policy.h"
#include "sluis/v1/value.pb.h"

// What is asked of a value and of what travels with it, whether it is deposited, announced or
// delivered by its source. Internal to the room. Every error is MALFORMED with the element's name.
namespace sluis::broker {

// A field as one hat gives it.
struct FieldRules {
  const policy::Policy& policy;
  policy::HatId hat;
  policy::FieldId field;
  // Of an aggregate; 0 for a value of the field's own form.
  int min_cell = 0;
};

// Whether date, labels and conditions have their form. `path` stands before their names
// ("content."), or is empty.
absl::Status CheckCompanions(const std::string& path, const v1::ValueContent& content);
// Whether they are what the convenant asks.
absl::Status CheckCompanions(const FieldRules& rules, const std::string& path,
                             const v1::ValueContent& content, CivilDate today);
// Whether the value is one of the field.
absl::Status CheckFieldValue(const FieldRules& rules, std::string_view path,
                             const v1::Value& value);

}  // namespace sluis::broker
