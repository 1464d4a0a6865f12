#include "content.h"

#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "sluis/base/errors.h"
#include "sluis/base/text.h"

namespace sluis::cli {
namespace {

// "12.34", "-0.05" or "12" euros, as the cents that the wire carries.
absl::StatusOr<std::string> CentsOf(std::string_view euros) {
  const bool negative = euros.starts_with('-');
  const std::string_view amount = negative ? euros.substr(1) : euros;
  const size_t point = amount.find('.');
  const std::string_view whole = amount.substr(0, point);
  const std::string_view cents = point == std::string_view::npos ? "00" : amount.substr(point + 1);
  const auto all_digits = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  int64_t number = 0;
  if (!all_digits(whole) || !all_digits(cents) || cents.size() != 2 ||
      !absl::SimpleAtoi(absl::StrCat(negative ? "-" : "", ToAbsl(whole), ToAbsl(cents)), &number)) {
    return Malformed("value", "an amount in euros is written like 12.34");
  }
  return absl::StrCat(number);
}

std::string EurosOf(int64_t cents) {
  const uint64_t amount =
      cents < 0 ? uint64_t{0} - static_cast<uint64_t>(cents) : static_cast<uint64_t>(cents);
  return absl::StrFormat("%s%d.%02d", cents < 0 ? "-" : "", amount / 100, amount % 100);
}

std::string ConditionText(const client::SourceCondition& condition) {
  return absl::StrCat(condition.kind,
                      condition.until ? absl::StrCat(" ", condition.until->ToString()) : "",
                      condition.tafel.empty() ? "" : absl::StrCat(" ", condition.tafel));
}

}  // namespace

absl::StatusOr<client::SourceCondition> ReadCondition(const std::string& text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  client::SourceCondition out;
  out.kind = parts.first;
  if (out.kind == "EINDDATUM") {
    const auto until = CivilDate::Parse(parts.second);
    if (!until.ok()) return Malformed("conditions", "EINDDATUM=YYYY-MM-DD needs a day");
    out.until = *until;
  } else if (out.kind == "ALLEEN_TAFEL") {
    if (parts.second.empty()) return Malformed("conditions", "ALLEEN_TAFEL=TAFEL needs a tafel");
    out.tafel = parts.second;
  } else if (out.kind != "NIET_DOOR" || !parts.second.empty()) {
    return Malformed("conditions",
                     "a condition is NIET_DOOR, EINDDATUM=YYYY-MM-DD or ALLEEN_TAFEL=TAFEL");
  }
  return out;
}

void ContentOptions::AddTo(CLI::App& command) {
  const std::string group = "Value (give one; several of the same form make a list)";
  const auto add = [&](const std::string& name, const std::string& form, bool is_file,
                       const std::string& type, const std::string& help) {
    command
        .add_option_function<std::vector<std::string>>(
            name,
            [this, form, is_file](const std::vector<std::string>& texts) {
              for (const std::string& text : texts) given_.push_back({form, text, is_file});
            },
            help)
        ->allow_extra_args(false)
        ->type_name(type)
        ->group(group);
  };
  add("--text", "text", false, "TEXT", "Text");
  add("--text-file", "text", true, "FILE", "Text from a file; - for standard input");
  add("--bool", "boolean", false, "BOOL", "true or false");
  add("--int", "integer", false, "INT", "A whole number");
  add("--date", "date", false, "DATE", "A day, YYYY-MM-DD");
  add("--euro", "eurocents", false, "EURO", "An amount in euros, such as 12.34");
  add("--token", "token", false, "TOKEN", "A code of the field's list: [A-Z0-9_]");
  add("--json-value", "json", false, "JSON", "A JSON object");
  add("--json-file", "json", true, "FILE", "A JSON object from a file; - for standard input");
  command.add_flag("--list", list_, "The field holds a list, also when one value is given")
      ->group(group);
  AddCompanionsTo(command);
}

void ContentOptions::AddCompanionsTo(CLI::App& command) {
  AddDate(command, "--value-date", value_date_, "Day that the datum is about");
  command
      .add_option("--labels", labels_,
                  "Labels of police data (mandatory there): FACT or JUDGEMENT, a slash, and NONE, "
                  "SUSPECT, VICTIM, THIRD or CONVICTED")
      ->type_name("NATURE/SUBJECT");
  AddList(command, "--condition", conditions_,
          "A condition that binds the receiver: NIET_DOOR, EINDDATUM=YYYY-MM-DD, "
          "ALLEEN_TAFEL=TAFEL");
}

absl::StatusOr<client::Value> ContentOptions::ReadOne(const Given& given) {
  std::string text = given.text;
  if (given.is_file) {
    SLUIS_ASSIGN_OR_RETURN(text, ReadInput(given.text));
    // The line feed at the end of a file is the editor's.
    if (text.ends_with('\n')) text.pop_back();
  }
  if (given.form == "eurocents") {
    SLUIS_ASSIGN_OR_RETURN(text, CentsOf(text));
  }
  return client::ParseValue(given.form, text);
}

absl::StatusOr<client::ValueContent> ContentOptions::Read() const {
  client::ValueContent content;
  if (given_.empty()) {
    return WithMetadata(InvalidArgument("OPTION_MISSING", "a value is needed"), "option",
                        "--text, --bool, --int, --date, --euro, --token or --json-value");
  }
  client::Value::List values;
  for (const Given& given : given_) {
    if (given.form != given_.front().form)
      return Malformed("value", "all values of a list have one form");
    SLUIS_ASSIGN_OR_RETURN(client::Value value, ReadOne(given));
    values.push_back(std::move(value));
  }
  if (list_ || values.size() > 1) {
    content.value.form = std::move(values);
  } else {
    content.value = std::move(values.front());
  }
  SLUIS_ASSIGN_OR_RETURN(client::ValueContent companions, ReadCompanions());
  companions.value = std::move(content.value);
  return companions;
}

absl::StatusOr<client::ValueContent> ContentOptions::ReadCompanions() const {
  client::ValueContent content;
  content.value_date = value_date_;
  if (!labels_.empty()) {
    const std::pair<std::string, std::string> labels =
        absl::StrSplit(labels_, absl::MaxSplits('/', 1));
    content.labels = client::PoliceLabels{labels.first, labels.second};
  }
  for (const std::string& condition : conditions_) {
    SLUIS_ASSIGN_OR_RETURN(client::SourceCondition read, ReadCondition(condition));
    content.conditions.push_back(std::move(read));
  }
  return content;
}

std::string ValueText(const client::Value& value) {
  if (const auto* list = std::get_if<client::Value::List>(&value.form)) {
    std::vector<std::string> texts;
    for (const client::Value& one : *list) texts.push_back(ValueText(one));
    return absl::StrJoin(texts, "\n");
  }
  if (const auto* money = std::get_if<client::Eurocents>(&value.form))
    return absl::StrCat(EurosOf(money->amount), " EUR");
  return client::ToText(value);
}

Json ValueToJson(const client::Value& value) {
  const std::string form(client::FormOf(value));
  if (form.empty()) return nullptr;
  Json out;
  if (const auto* list = std::get_if<client::Value::List>(&value.form)) {
    out = Json::array();
    for (const client::Value& one : *list) out.push_back(ValueToJson(one));
  } else if (const auto* boolean = std::get_if<bool>(&value.form)) {
    out = *boolean;
  } else if (const auto* integer = std::get_if<int64_t>(&value.form)) {
    out = *integer;
  } else if (const auto* money = std::get_if<client::Eurocents>(&value.form)) {
    out = money->amount;
  } else {
    out = client::ToText(value);
  }
  return {{form, std::move(out)}};
}

absl::StatusOr<client::Value> ValueFromJson(const Json& json) {
  const auto malformed = [] {
    return Malformed("value",
                     "not one member: text, boolean, integer, date, eurocents, token, json "
                     "or list");
  };
  if (!json.is_object() || json.size() != 1) return malformed();
  const std::string& form = json.begin().key();
  const Json& given = json.begin().value();
  if (form == "list") {
    if (!given.is_array()) return malformed();
    client::Value::List list;
    for (const Json& one : given) {
      SLUIS_ASSIGN_OR_RETURN(client::Value value, ValueFromJson(one));
      if (std::holds_alternative<client::Value::List>(value.form)) return malformed();
      list.push_back(std::move(value));
    }
    client::Value value;
    value.form = std::move(list);
    return value;
  }
  if (given.is_string()) return client::ParseValue(form, given.get<std::string>());
  const bool fits = form == "json" ? given.is_object()
                    : form == "boolean"
                        ? given.is_boolean()
                        : (form == "integer" || form == "eurocents") && given.is_number_integer();
  if (!fits) return malformed();
  return client::ParseValue(form, given.dump());
}

std::string CompanionText(const client::ValueContent& content) {
  std::vector<std::string> parts;
  if (content.value_date) parts.push_back(content.value_date->ToString());
  if (content.labels)
    parts.push_back(absl::StrCat(content.labels->nature, "/", content.labels->subject));
  for (const client::SourceCondition& condition : content.conditions)
    parts.push_back(ConditionText(condition));
  return absl::StrJoin(parts, ", ");
}

Json ContentToJson(const client::ValueContent& content) {
  Json out = {{"value", ValueToJson(content.value)}, {"value_date", ToJson(content.value_date)}};
  out["labels"] = content.labels ? Json{{"nature", content.labels->nature},
                                        {"subject", content.labels->subject}}
                                 : Json(nullptr);
  out["conditions"] = Json::array();
  for (const client::SourceCondition& condition : content.conditions) {
    out["conditions"].push_back(
        {{"kind", condition.kind}, {"until", ToJson(condition.until)}, {"tafel", condition.tafel}});
  }
  return out;
}

}  // namespace sluis::cli
