#include "field_file.h"

#include "absl/strings/str_cat.h"
#include "content.h"
#include "context.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"

namespace sluis::cli {
namespace {

absl::StatusOr<std::optional<CivilDate>> DayIn(const std::string& path, const Json& json) {
  if (!json.is_string()) return Malformed(path, "not a day as \"YYYY-MM-DD\"");
  const auto day = CivilDate::Parse(json.get<std::string>());
  if (!day.ok()) return Malformed(path, "not a day as \"YYYY-MM-DD\"");
  return *day;
}

absl::StatusOr<std::string> TextIn(const std::string& path, const Json& json) {
  if (!json.is_string()) return Malformed(path, "not a text");
  return json.get<std::string>();
}

absl::StatusOr<client::SourceCondition> ConditionIn(const std::string& path, const Json& json) {
  if (!json.is_object()) return Malformed(path, "not an object");
  client::SourceCondition condition;
  for (const auto& [name, value] : json.items()) {
    const std::string at = absl::StrCat(path, ".", name);
    if (name == "kind") {
      SLUIS_ASSIGN_OR_RETURN(condition.kind, TextIn(at, value));
    } else if (name == "until") {
      SLUIS_ASSIGN_OR_RETURN(condition.until, DayIn(at, value));
    } else if (name == "tafel") {
      SLUIS_ASSIGN_OR_RETURN(condition.tafel, TextIn(at, value));
    } else {
      return Malformed(path, "kind, until and tafel are known here");
    }
  }
  return condition;
}

absl::StatusOr<client::SignalField> FieldIn(const std::string& path, const Json& json) {
  if (!json.is_object()) return Malformed(path, "not an object");
  client::SignalField field;
  client::ValueContent& content = field.content;
  for (const auto& [name, value] : json.items()) {
    const std::string at = absl::StrCat(path, ".", name);
    if (name == "field") {
      SLUIS_ASSIGN_OR_RETURN(field.field, TextIn(at, value));
    } else if (name == "value") {
      auto read = ValueFromJson(value);
      if (!read.ok()) return WithMetadata(read.status(), kFieldKey, at);
      content.value = *std::move(read);
    } else if (name == "value_date") {
      SLUIS_ASSIGN_OR_RETURN(content.value_date, DayIn(at, value));
    } else if (name == "labels") {
      if (!value.is_object() || !value.contains("nature") || !value.contains("subject"))
        return Malformed(at, "nature and subject are needed");
      client::PoliceLabels labels;
      SLUIS_ASSIGN_OR_RETURN(labels.nature, TextIn(at + ".nature", value["nature"]));
      SLUIS_ASSIGN_OR_RETURN(labels.subject, TextIn(at + ".subject", value["subject"]));
      content.labels = labels;
    } else if (name == "conditions") {
      if (!value.is_array()) return Malformed(at, "not a list");
      for (size_t i = 0; i < value.size(); ++i) {
        SLUIS_ASSIGN_OR_RETURN(auto condition,
                               ConditionIn(absl::StrCat(at, "[", i, "]"), value[i]));
        content.conditions.push_back(std::move(condition));
      }
    } else if (name == "third_person") {
      if (!value.is_boolean()) return Malformed(at, "not true or false");
      field.third_person = value.get<bool>();
    } else {
      return Malformed(path,
                       "field, value, value_date, labels, conditions and third_person are known "
                       "here");
    }
  }
  return field;
}

}  // namespace

absl::StatusOr<std::vector<client::SignalField>> ReadFieldFile(const std::string& path) {
  SLUIS_ASSIGN_OR_RETURN(const std::string text, ReadInput(path));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) return Malformed("fields", "not a JSON list of fields");
  std::vector<client::SignalField> fields;
  for (size_t i = 0; i < json.size(); ++i) {
    SLUIS_ASSIGN_OR_RETURN(auto field, FieldIn(absl::StrCat("fields[", i, "]"), json[i]));
    fields.push_back(std::move(field));
  }
  return fields;
}

}  // namespace sluis::cli
