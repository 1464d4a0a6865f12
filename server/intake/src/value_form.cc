#include "sluis/intake/value_form.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include <nlohmann/json.hpp>

#include "sluis/base/bsn.h"
#include "sluis/base/civil_date.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/base/uuid.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/v1/value.pb.h"

namespace sluis::intake {
namespace {

constexpr size_t kMaxBytes = size_t{64} << 10;
constexpr int kMaxList = 100;
constexpr size_t kMaxShortText = 200;

enum class MemberType { kText, kDay, kNumber };
struct Member {
  std::string_view name;
  MemberType type = MemberType::kText;
  bool required = true;
};
struct ObjectForm {
  std::string_view field;
  std::span<const Member> members;
};

// The objects of docs/formats/fields.md.
constexpr std::array kAddress = {Member{"straat"}, Member{"huisnummer"}, Member{"postcode"},
                                 Member{"plaats"}, Member{"land", MemberType::kText, false}};
constexpr std::array kShelter = {Member{"omschrijving"}, Member{"plaats", MemberType::kText, false},
                                 Member{"contact", MemberType::kText, false}};
constexpr std::array kAgreement = {Member{"afspraak"}, Member{"wie", MemberType::kText, false},
                                   Member{"termijn", MemberType::kDay, false}};
constexpr std::array kAction = {Member{"actie"}, Member{"houder"},
                                Member{"termijn", MemberType::kDay, false}};
constexpr std::array kIncident = {Member{"datum", MemberType::kDay}, Member{"soort"},
                                  Member{"omschrijving", MemberType::kText, false}};
constexpr std::array kZone = {Member{"omschrijving"},
                              Member{"breedtegraad", MemberType::kNumber, false},
                              Member{"lengtegraad", MemberType::kNumber, false},
                              Member{"straal_meter", MemberType::kNumber, false}};
constexpr std::array kObjects = {ObjectForm{"adres_brp", kAddress},
                                 ObjectForm{"verblijfplaats_slachtoffer", kShelter},
                                 ObjectForm{"afspraken_interventies", kAgreement},
                                 ObjectForm{"actiehouder_en_termijn", kAction},
                                 ObjectForm{"politie_incidenten_art8_12mnd", kIncident},
                                 ObjectForm{"contact_of_locatieverbod_zone", kZone}};

absl::Status CheckObject(const std::string& path, const std::string& text,
                         const std::string& field) {
  if (text.size() > kMaxBytes) return Malformed(path, "larger than 64 KiB");
  const auto object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return Malformed(path, "not a JSON object");
  const auto* const form =
      std::find_if(kObjects.begin(), kObjects.end(),
                   [&](const ObjectForm& candidate) { return candidate.field == field; });
  if (form == kObjects.end()) return Malformed(path, "this field takes no object");
  for (const Member& member : form->members) {
    const std::string name(member.name);
    const auto found = object.find(name);
    if (found == object.end()) {
      if (member.required) return Malformed(absl::StrCat(path, ".", name), "missing");
      continue;
    }
    const bool good =
        member.type == MemberType::kNumber ? found->is_number()
        : !found->is_string()              ? false
        : member.type == MemberType::kDay
            ? CivilDate::Parse(found->get<std::string>()).ok()
            : IsCleanText(found->get<std::string>(), true) && !IsBlank(found->get<std::string>());
    if (!good) return Malformed(absl::StrCat(path, ".", name), "not of the form of this member");
  }
  for (const auto& [name, value] : object.items()) {
    const bool known = std::any_of(form->members.begin(), form->members.end(),
                                   [&, member_name = std::string_view(name)](const Member& member) {
                                     return member.name == member_name;
                                   });
    if (!known) return Malformed(path, "a member that this field does not have");
  }
  return absl::OkStatus();
}

bool IsToken(const std::string& text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

class Checker {
 public:
  Checker(const policy::v1::Field& field, const policy::v1::Convenant& convenant)
      : field_(field), convenant_(convenant) {}

  absl::Status Check(const std::string& path, const v1::Value& value, std::string_view type) const {
    if (type == "bool[4]") return List(path, value, "bool", 4, 4);
    if (type == "enum[5]") return List(path, value, "enum", 1, 5);
    if (type.size() > 2 && type.substr(type.size() - 2) == "[]") {
      return List(path, value, type.substr(0, type.size() - 2), 1, kMaxList);
    }
    if (type == "text" || type == "doc") return Text(path, value, kMaxBytes);
    if (type == "string" || type == "ref" || type == "code")
      return Text(path, value, kMaxShortText);
    if (type == "uuid") {
      return Form(path, value.form_case() == v1::Value::kText && Uuid::Parse(value.text()).ok(),
                  "a UUID");
    }
    if (type == "bsn9") {
      return Form(path, value.form_case() == v1::Value::kText && IsWellFormedBsn(value.text()),
                  "nine digits that satisfy the 11-proef");
    }
    if (type == "date") {
      return Form(path,
                  value.form_case() == v1::Value::kDate && CivilDate::Parse(value.date()).ok(),
                  "a day");
    }
    if (type == "bool") return Form(path, value.form_case() == v1::Value::kBoolean, "yes or no");
    if (type == "int") {
      return Form(path, value.form_case() == v1::Value::kInteger && value.integer() >= 0,
                  "a whole number from 0");
    }
    if (type == "money")
      return Form(path, value.form_case() == v1::Value::kEurocents, "an amount in eurocents");
    if (type == "hat")
      return Form(path, value.form_case() == v1::Value::kToken && IsHat(value.token()), "a hat");
    if (type == "struct" || type == "geo") {
      if (value.form_case() != v1::Value::kJson) return Malformed(path, "expected: a JSON object");
      return CheckObject(absl::StrCat(path, ".json"), value.json(), field_.name());
    }
    // enum, with or without a remark behind it.
    return Form(path, value.form_case() == v1::Value::kToken && IsToken(value.token()),
                "a token of [A-Z0-9_]");
  }

 private:
  static absl::Status Form(const std::string& path, bool good, std::string_view expected) {
    if (good) return absl::OkStatus();
    return Malformed(path, absl::StrCat("expected: ", ToAbsl(expected)));
  }

  static absl::Status Text(const std::string& path, const v1::Value& value, size_t max_bytes) {
    if (value.form_case() != v1::Value::kText || IsBlank(value.text()))
      return Malformed(path, "expected: text");
    if (value.text().size() > max_bytes)
      return Malformed(absl::StrCat(path, ".text"), "longer than allowed");
    return absl::OkStatus();
  }

  absl::Status List(const std::string& path, const v1::Value& value, std::string_view type, int min,
                    int max) const {
    if (value.form_case() != v1::Value::kList || value.list().values_size() < min ||
        value.list().values_size() > max) {
      return Malformed(path, absl::StrCat("expected: a list of ", min, " to ", max));
    }
    for (int i = 0; i < value.list().values_size(); ++i) {
      SLUIS_RETURN_IF_ERROR(
          Check(absl::StrCat(path, ".list.values[", i, "]"), value.list().values(i), type));
    }
    return absl::OkStatus();
  }

  [[nodiscard]] bool IsHat(const std::string& name) const {
    return std::any_of(convenant_.hats().begin(), convenant_.hats().end(),
                       [&](const policy::v1::Hat& hat) { return hat.id() == name; });
  }

  const policy::v1::Field& field_;
  const policy::v1::Convenant& convenant_;
};

}  // namespace

absl::Status CheckValue(std::string_view path, const v1::Value& value,
                        const policy::v1::Field& field, const policy::v1::Convenant& convenant) {
  if (value.form_case() == v1::Value::FORM_NOT_SET) return Malformed(path, "missing");
  return Checker(field, convenant).Check(std::string(path), value, field.type());
}

absl::Status CheckAggregate(std::string_view path, const v1::Value& value, int min_cell) {
  const auto counts = value.form_case() == v1::Value::kJson && value.json().size() <= kMaxBytes
                          ? nlohmann::json::parse(value.json(), nullptr, /*allow_exceptions=*/false)
                          : nlohmann::json();
  if (!counts.is_object() || counts.empty() || counts.size() > 200) {
    return Malformed(path, "expected: a JSON object of counts");
  }
  int64_t smallest = std::numeric_limits<int64_t>::max();
  for (const auto& [name, count] : counts.items()) {
    if (!IsToken(name) || !count.is_number_unsigned())
      return Malformed(path, "expected: tokens with counts");
    smallest = std::min(smallest, count.get<int64_t>());
  }
  if (smallest != min_cell) return Malformed("min_cell", "not the smallest of the counts");
  return absl::OkStatus();
}

namespace {

void AddTexts(const nlohmann::json& json, std::vector<std::string>& texts) {
  if (json.is_object()) {
    for (const auto& [name, value] : json.items()) {
      texts.push_back(name);
      AddTexts(value, texts);
    }
  } else if (json.is_array()) {
    for (const auto& value : json) AddTexts(value, texts);
  } else if (json.is_string()) {
    texts.push_back(json.get<std::string>());
  } else if (json.is_number()) {
    texts.push_back(json.dump());
  }
}

}  // namespace

std::vector<std::string> TextsOf(const v1::Value& value) {
  std::vector<std::string> texts;
  switch (value.form_case()) {
    case v1::Value::kText:
      texts.push_back(value.text());
      break;
    case v1::Value::kInteger:
      texts.push_back(absl::StrCat(value.integer()));
      break;
    case v1::Value::kDate:
      texts.push_back(value.date());
      break;
    case v1::Value::kEurocents:
      texts.push_back(absl::StrCat(value.eurocents()));
      break;
    case v1::Value::kToken:
      texts.push_back(value.token());
      break;
    case v1::Value::kList:
      for (const v1::Value& each : value.list().values()) {
        for (std::string& text : TextsOf(each)) texts.push_back(std::move(text));
      }
      break;
    case v1::Value::kJson:
      AddTexts(nlohmann::json::parse(value.json(), nullptr, /*allow_exceptions=*/false), texts);
      break;
    case v1::Value::kBoolean:
    case v1::Value::FORM_NOT_SET:
      break;
  }
  return texts;
}

std::string TextMember(const v1::Value& value, const std::string& member) {
  if (value.form_case() != v1::Value::kJson) return {};
  const auto object = nlohmann::json::parse(value.json(), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return {};
  const auto found = object.find(member);
  return found == object.end() || !found->is_string() ? std::string() : found->get<std::string>();
}

}  // namespace sluis::intake
