#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

#include "sluis/base/civil_date.h"

// Values of fields. Which form a field has stands in docs/formats/fields.md.
namespace sluis::client {

// At most 64 KiB of UTF-8.
struct Text {
  std::string text;
  friend bool operator==(const Text&, const Text&) = default;
};

struct Eurocents {
  int64_t amount = 0;
  friend bool operator==(const Eurocents&, const Eurocents&) = default;
};

// One of a list of codes: [A-Z0-9_]{1,64}.
struct Token {
  std::string code;
  friend bool operator==(const Token&, const Token&) = default;
};

// A JSON object.
struct Json {
  std::string text;
  friend bool operator==(const Json&, const Json&) = default;
};

// A value: exactly one of the forms; std::monostate while there is none.
struct Value {
  using List = std::vector<Value>;  // 1-100 of one form, not lists themselves
  std::variant<std::monostate, Text, bool, int64_t, CivilDate, Eurocents, Token, List, Json> form;

  friend bool operator==(const Value& a, const Value& b) { return a.form == b.form; }
};

// "text", "boolean", "integer", "date", "eurocents", "token", "list", "json"; "" while there is
// none. The names of the wire.
std::string_view FormOf(const Value& value);

// The value of that form from the way people write it: text, token and JSON as they are, true or
// false, whole numbers, YYYY-MM-DD. A list has one value a line, and its form is written
// "list:token". INVALID_ARGUMENT / MALFORMED (metadata field=value) otherwise.
absl::StatusOr<Value> ParseValue(std::string_view form, std::string_view text);
// The reverse: what ParseValue(FormOf(value), …) takes, but for the form of a list's values.
std::string ToText(const Value& value);

}  // namespace sluis::client
