#include "sluis/intake/value_form.h"

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"
#include "sluis/v1/value.pb.h"

namespace sluis::intake {
namespace {

using policy::v1::Field;
using testing::IsError;
using testing::IsOk;
using testing::ReferenceConvenant;
using v1::Value;

Field OfType(const std::string& type, const std::string& name = "x") {
  Field field;
  field.set_name(name);
  field.set_type(type);
  return field;
}

absl::Status Check(const Value& value, const Field& field) {
  return CheckValue("content.value", value, field, ReferenceConvenant().message());
}

Value Text(const std::string& text) {
  Value value;
  value.set_text(text);
  return value;
}
Value Token(const std::string& token) {
  Value value;
  value.set_token(token);
  return value;
}
Value Number(int64_t number) {
  Value value;
  value.set_integer(number);
  return value;
}
Value Money(int64_t cents) {
  Value value;
  value.set_eurocents(cents);
  return value;
}
Value Yes() {
  Value value;
  value.set_boolean(true);
  return value;
}
Value Day(const std::string& day) {
  Value value;
  value.set_date(day);
  return value;
}
Value Json(const std::string& json) {
  Value value;
  value.set_json(json);
  return value;
}
Value List(const std::vector<Value>& values) {
  Value list;
  list.mutable_list();
  for (const Value& value : values) *list.mutable_list()->add_values() = value;
  return list;
}

struct Case {
  std::string type;
  Value value;
  bool good;
  std::string field = "content.value";  // at fault
  std::string name = "x";
};

TEST(ValueFormTest, EveryTypeTakesItsFormAndNoOther) {
  const std::string long_text(64 << 10, 'x');
  const std::vector<Case> cases = {
      {"text", Text("GEHEIM"), true},
      {"text", Text(long_text), true},
      {"text", Text(long_text + "x"), false, "content.value.text"},
      {"text", Text("  "), false},
      {"text", Token("A"), false},
      {"text", Value(), false},
      {"string", Text(std::string(200, 'x')), true},
      {"string", Text(std::string(201, 'x')), false, "content.value.text"},
      {"ref", Text("r"), true},
      {"code", Text("c"), true},
      {"uuid", Text("0b5f7a3e-1c9d-4e2f-8a6b-3c4d5e6f7a8b"), true},
      {"uuid", Text("GEHEIM"), false},
      {"bsn9", Text("123456782"), true},
      {"bsn9", Text("123456789"), false},
      {"bsn9", Number(123456782), false},
      {"date", Day("2026-02-28"), true},
      {"date", Day("2026-02-29"), false},
      {"date", Text("2026-02-28"), false},
      {"bool", Yes(), true},
      {"bool", Token("TRUE"), false},
      {"int", Number(0), true},
      {"int", Number(-1), false},
      {"int", Money(1), false},
      {"money", Money(-100), true},
      {"money", Number(100), false},
      {"hat", Token("POLITIE"), true},
      {"hat", Token("NO_HAT"), false},
      {"enum", Token("JA_2"), true},
      {"enum", Token("ja"), false},
      {"enum", Token(""), false},
      {"enum", Token(std::string(65, 'A')), false},
      {"enum", Text("JA"), false},
      {"string[]", List({Text("a"), Text("b")}), true},
      {"string[]", List({}), false},
      {"string[]", Text("a"), false},
      {"string[]", List({Text("a"), Token("B")}), false, "content.value.list.values[1]"},
      {"string[]", List({List({Text("a")})}), false, "content.value.list.values[0]"},
      {"string[]", List(std::vector<Value>(100, Text("a"))), true},
      {"string[]", List(std::vector<Value>(101, Text("a"))), false},
      {"bool[4]", List(std::vector<Value>(4, Yes())), true},
      {"bool[4]", List(std::vector<Value>(3, Yes())), false},
      {"enum[5]", List(std::vector<Value>(5, Token("A"))), true},
      {"enum[5]", List(std::vector<Value>(6, Token("A"))), false},
      {"struct", Json(R"({"afspraak":"GEHEIM","termijn":"2026-02-28"})"), true, "",
       "afspraken_interventies"},
      {"struct", Json(R"({"afspraak":"GEHEIM","termijn":"GEHEIM"})"), false,
       "content.value.json.termijn", "afspraken_interventies"},
      {"struct", Json(R"({"wie":"GEHEIM"})"), false, "content.value.json.afspraak",
       "afspraken_interventies"},
      {"struct", Json(R"({"afspraak":" "})"), false, "content.value.json.afspraak",
       "afspraken_interventies"},
      {"struct", Json(R"({"afspraak":1})"), false, "content.value.json.afspraak",
       "afspraken_interventies"},
      {"struct", Json(R"({"afspraak":"GEHEIM","GEHEIM":1})"), false, "content.value.json",
       "afspraken_interventies"},
      {"struct", Json(R"({"afspraak":"GEHEIM"} )"), true, "", "afspraken_interventies"},
      {"struct", Json(R"(["GEHEIM"])"), false, "content.value.json", "afspraken_interventies"},
      {"struct", Json("{"), false, "content.value.json", "afspraken_interventies"},
      {"struct", Json(std::string(60000, '[')), false, "content.value.json",
       "afspraken_interventies"},
      {"struct", Json(R"({"afspraak":"\u0000"})"), false, "content.value.json.afspraak",
       "afspraken_interventies"},
      {"struct", Json("{}"), false, "content.value.json"},
      {"struct", Text("{}"), false},
      {"geo", Json(R"({"omschrijving":"GEHEIM","straal_meter":500})"), true, "",
       "contact_of_locatieverbod_zone"},
      {"geo", Json(R"({"omschrijving":"GEHEIM","straal_meter":"500"})"), false,
       "content.value.json.straal_meter", "contact_of_locatieverbod_zone"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(absl::StrCat(each.type, " ", each.value.ShortDebugString().substr(0, 100)));
    const absl::Status status = Check(each.value, OfType(each.type, each.name));
    if (each.good) {
      EXPECT_THAT(status, IsOk());
      continue;
    }
    EXPECT_THAT(status, IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"));
    EXPECT_EQ(MetadataOf(status)["field"], each.field);
    EXPECT_EQ(status.message().find("GEHEIM"), absl::string_view::npos);
  }
}

TEST(ValueFormTest, Aggregates) {
  EXPECT_THAT(CheckAggregate("value", Json(R"({"A":5,"B":10})"), 5), IsOk());
  const std::vector<std::pair<std::string, std::string>> bad = {
      {R"({"A":5,"B":10})", "min_cell"},
      {R"({"A":4})", "min_cell"},
      {R"({})", "value"},
      {R"({"a":6})", "value"},
      {R"({"A":-6})", "value"},
      {R"({"A":6.5})", "value"},
      {R"({"A":"6"})", "value"},
      {R"({"A":{"B":6}})", "value"},
      {R"(6)", "value"},
      {R"({"A":6,"B":18446744073709551615})", "min_cell"},
  };
  for (const auto& [json, field] : bad) {
    const absl::Status status = CheckAggregate("value", Json(json), 6);
    EXPECT_THAT(status, IsError(absl::StatusCode::kInvalidArgument, "MALFORMED")) << json;
    EXPECT_EQ(MetadataOf(status)["field"], field) << json;
  }
  EXPECT_FALSE(CheckAggregate("value", Text("6"), 6).ok());
}

// ---- docs/formats/fields.md ----

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line);
  std::string cell;
  std::getline(in, cell, '|');
  while (std::getline(in, cell, '|')) {
    const size_t from = cell.find_first_not_of(' ');
    const size_t to = cell.find_last_not_of(' ');
    cells.push_back(from == std::string::npos ? "" : cell.substr(from, to - from + 1));
  }
  return cells;
}

// The rows of the table below this heading.
std::vector<std::vector<std::string>> Rows(const std::string& heading) {
  std::istringstream page(testing::ReadSourceFile("docs/formats/fields.md"));
  std::vector<std::vector<std::string>> rows;
  bool in_part = false;
  for (std::string line; std::getline(page, line);) {
    if (line.rfind("## ", 0) == 0) in_part = line == "## " + heading;
    if (in_part && line.rfind("| `", 0) == 0) rows.push_back(Cells(line));
  }
  return rows;
}

std::string Unquoted(const std::string& cell) { return cell.substr(1, cell.size() - 2); }

TEST(FieldsPageTest, ListsEveryFieldWithItsForm) {
  const auto rows = Rows("Fields");
  const auto& fields = ReferenceConvenant().message().fields();
  ASSERT_EQ(rows.size(), static_cast<size_t>(fields.size()));
  for (int i = 0; i < fields.size(); ++i) {
    ASSERT_GE(rows[static_cast<size_t>(i)].size(), 3U);
    EXPECT_EQ(rows[static_cast<size_t>(i)][0], absl::StrCat("`", fields[i].name(), "`"));
    EXPECT_EQ(rows[static_cast<size_t>(i)][1], absl::StrCat(fields[i].nr()));
    EXPECT_EQ(rows[static_cast<size_t>(i)][2], absl::StrCat("`", fields[i].type(), "`"))
        << fields[i].name();
  }
}

// An exclusion bars it for everyone, so no value of it is ever taken.
bool IsNeverExchanged(const Field& field) {
  static const auto policy = testing::ReferencePolicy();
  return policy->BarredFor(*policy->FindField(field.name())).has_value();
}

// Every form that the convenant uses is explained by the word before its brackets or remark.
TEST(FieldsPageTest, ExplainsEveryForm) {
  std::set<std::string> explained;
  for (const auto& row : Rows("Forms")) explained.insert(Unquoted(row[0]));
  for (const Field& field : ReferenceConvenant().message().fields()) {
    const std::string word = field.type().substr(0, field.type().find_first_of(" [("));
    EXPECT_EQ(explained.count(word), 1U) << field.name() << " has form " << field.type();
  }
}

// The members of objects: what the page calls mandatory is, what it names is known, and nothing
// else is.
TEST(FieldsPageTest, DescribesEveryObject) {
  std::set<std::string> described;
  std::map<std::string, std::vector<std::vector<std::string>>> members;
  for (const auto& row : Rows("Objects")) members[Unquoted(row[0])].push_back(row);
  for (const Field& field : ReferenceConvenant().message().fields()) {
    if (field.type().rfind("struct", 0) != 0 && field.type().rfind("geo", 0) != 0) continue;
    if (IsNeverExchanged(field)) continue;
    SCOPED_TRACE(field.name());
    ASSERT_EQ(members.count(field.name()), 1U);
    const std::vector<std::vector<std::string>>& rows = members[field.name()];
    const Field single = OfType("struct", field.name());
    const auto object = [&](const std::string& without, const std::string& wrong) {
      std::string json = "{";
      for (const auto& row : rows) {
        const std::string name = Unquoted(row[1]);
        if (name == without) continue;
        std::string value = row[2] == "day"      ? "\"2026-02-28\""
                            : row[2] == "number" ? "1.5"
                                                 : "\"x\"";
        if (name == wrong) value = "[]";
        absl::StrAppend(&json, json.size() > 1 ? "," : "", "\"", name, "\":", value);
      }
      return Json(json + "}");
    };
    EXPECT_THAT(Check(object("", ""), single), IsOk());
    for (const auto& row : rows) {
      const std::string name = Unquoted(row[1]);
      EXPECT_EQ(Check(object(name, ""), single).ok(), row[3] == "no") << name;
      EXPECT_FALSE(Check(object("", name), single).ok()) << name;
      if (row[2] == "day") {
        std::string json = object("", "").json();
        json.replace(json.find("2026-02-28"), 10, "2026-02-30");
        EXPECT_FALSE(Check(Json(json), single).ok()) << name;
      }
    }
    described.insert(field.name());
  }
  EXPECT_EQ(described.size(), members.size()) << "an object of no field";
}

// What the tests deposit has the form that the code checks.
TEST(FieldsPageTest, EveryFieldHasAValueThatIsTaken) {
  for (const Field& field : ReferenceConvenant().message().fields()) {
    if (IsNeverExchanged(field)) continue;
    EXPECT_THAT(Check(testing::SampleValue(field), field), IsOk()) << field.name() << field.type();
  }
}

TEST(TextsOfTest, FindsEveryTextHoweverDeep) {
  v1::Value value;
  v1::ValueList& list = *value.mutable_list();
  list.add_values()->set_text("een tekst");
  list.add_values()->set_token("TOKEN");
  list.add_values()->set_date("1981-07-02");
  list.add_values()->set_integer(7601);
  list.add_values()->set_eurocents(-5);
  list.add_values()->set_boolean(true);
  list.add_values()->set_json(R"({"naam":["G\u0065rda",{"diep":12}],"niets":null})");
  EXPECT_THAT(TextsOf(value),
              ::testing::UnorderedElementsAre("een tekst", "TOKEN", "1981-07-02", "7601", "-5",
                                              "naam", "Gerda", "diep", "12", "niets"));
  EXPECT_THAT(TextsOf(v1::Value()), ::testing::IsEmpty());
}

TEST(TextMemberTest, IsTheTextOfAMemberOrNothing) {
  v1::Value value;
  value.set_json(R"({"postcode":"7601AB","huisnummer":3})");
  EXPECT_EQ(TextMember(value, "postcode"), "7601AB");
  EXPECT_EQ(TextMember(value, "huisnummer"), "");
  EXPECT_EQ(TextMember(value, "straat"), "");
  value.set_text("7601AB");
  EXPECT_EQ(TextMember(value, "postcode"), "");
}

}  // namespace
}  // namespace sluis::intake
