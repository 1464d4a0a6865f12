#include "sluis/client/value.h"

#include <charconv>
#include <optional>
#include <utility>

#include "sluis/base/errors.h"

namespace sluis::client {
namespace {

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

constexpr std::string_view kListOf = "list:";

absl::Status NoValue(std::string_view message) { return Malformed("value", message); }

std::optional<int64_t> Number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string_view FormOf(const Value& value) {
  return std::visit(Overloaded{[](std::monostate) { return std::string_view(); },
                               [](const Text&) { return std::string_view("text"); },
                               [](bool) { return std::string_view("boolean"); },
                               [](int64_t) { return std::string_view("integer"); },
                               [](CivilDate) { return std::string_view("date"); },
                               [](Eurocents) { return std::string_view("eurocents"); },
                               [](const Token&) { return std::string_view("token"); },
                               [](const Value::List&) { return std::string_view("list"); },
                               [](const Json&) { return std::string_view("json"); }},
                    value.form);
}

absl::StatusOr<Value> ParseValue(std::string_view form, std::string_view text) {
  Value value;
  if (form == "text") {
    value.form = Text{std::string(text)};
  } else if (form == "token") {
    value.form = Token{std::string(text)};
  } else if (form == "json") {
    value.form = Json{std::string(text)};
  } else if (form == "boolean") {
    if (text != "true" && text != "false") return NoValue("not true or false");
    value.form = text == "true";
  } else if (form == "integer" || form == "eurocents") {
    const auto number = Number(text);
    if (!number) return NoValue("not a whole number");
    if (form == "integer") {
      value.form = *number;
    } else {
      value.form = Eurocents{*number};
    }
  } else if (form == "date") {
    const auto day = CivilDate::Parse(text);
    if (!day.ok()) return NoValue("not a day as YYYY-MM-DD");
    value.form = *day;
  } else if (form.substr(0, kListOf.size()) == kListOf) {
    form.remove_prefix(kListOf.size());
    if (form.substr(0, 4) == "list") return NoValue("a list holds no lists");
    Value::List list;
    if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    while (true) {
      const size_t end = text.find('\n');
      auto item = ParseValue(form, text.substr(0, end));
      if (!item.ok()) return item.status();
      list.push_back(*std::move(item));
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + 1);
    }
    value.form = std::move(list);
  } else {
    return NoValue(
        "the form is none of text, boolean, integer, date, eurocents, token, json and list:<form>");
  }
  return value;
}

std::string ToText(const Value& value) {
  return std::visit(Overloaded{[](std::monostate) { return std::string(); },
                               [](const Text& text) { return text.text; },
                               [](bool yes) { return std::string(yes ? "true" : "false"); },
                               [](int64_t number) { return std::to_string(number); },
                               [](CivilDate day) { return day.ToString(); },
                               [](Eurocents money) { return std::to_string(money.amount); },
                               [](const Token& token) { return token.code; },
                               [](const Value::List& list) {
                                 std::string out;
                                 for (size_t i = 0; i < list.size(); ++i) {
                                   if (i > 0) out += "\n";
                                   out += ToText(list[i]);
                                 }
                                 return out;
                               },
                               [](const Json& json) { return json.text; }},
                    value.form);
}

}  // namespace sluis::client
