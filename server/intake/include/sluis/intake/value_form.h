#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace sluis::v1 {
class Value;
}  // namespace sluis::v1
namespace sluis::policy::v1 {
class Convenant;
class Field;
}  // namespace sluis::policy::v1

namespace sluis::intake {

// Whether a value has the form of its field (docs/formats/fields.md). MALFORMED with the element
// below `path` otherwise; the text says what is expected and never what was sent.
absl::Status CheckValue(std::string_view path, const v1::Value& value,
                        const policy::v1::Field& field, const policy::v1::Convenant& convenant);

// Whether a value is an aggregate: a JSON object of 1-200 tokens with counts, the smallest of which
// is `min_cell`.
absl::Status CheckAggregate(std::string_view path, const v1::Value& value, int min_cell);

// Every text in a value: also tokens, numbers, and the strings and names inside a JSON object.
std::vector<std::string> TextsOf(const v1::Value& value);
// The text of a member of the value's JSON object; empty without one.
std::string TextMember(const v1::Value& value, const std::string& member);

}  // namespace sluis::intake
