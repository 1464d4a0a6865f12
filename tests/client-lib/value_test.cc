#include "sluis/client/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "sluis/base/errors.h"
#include "sluis/base/uuid.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/client/call.h"
#include "sluis/client/fact.h"

namespace sluis::client {
namespace {

using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ValueTest, EveryFormGoesThroughText) {
  const std::pair<std::string_view, std::string_view> cases[] = {{"text", "met een\nregel meer"},
                                                                 {"boolean", "true"},
                                                                 {"boolean", "false"},
                                                                 {"integer", "-7"},
                                                                 {"date", "2026-02-28"},
                                                                 {"eurocents", "123456"},
                                                                 {"token", "GROEP_2"},
                                                                 {"json", R"({"a":1})"}};
  for (const auto& [form, text] : cases) {
    const auto value = ParseValue(form, text);
    ASSERT_THAT(value.status(), IsOk()) << form;
    EXPECT_EQ(FormOf(*value), form);
    EXPECT_EQ(ToText(*value), text);
  }
}

TEST(ValueTest, AListHasOneValueALine) {
  const auto list = ParseValue("list:token", "A\nB\n");
  ASSERT_THAT(list.status(), IsOk());
  EXPECT_EQ(FormOf(*list), "list");
  EXPECT_EQ(ToText(*list), "A\nB");
  EXPECT_EQ(std::get<Value::List>(list->form).size(), 2U);
  EXPECT_EQ(std::get<Value::List>(list->form)[1], Value{Token{"B"}});
}

TEST(ValueTest, WhatIsNoneIsRefused) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"boolean", "yes"},    {"integer", "7a"}, {"integer", ""},          {"date", "2026-2-1"},
      {"eurocents", "1,50"}, {"number", "1"},   {"list:integer", "1\nx"}, {"list:list:text", "a"}};
  for (const auto& [form, text] : cases) {
    EXPECT_THAT(ParseValue(form, text).status(),
                IsError(absl::StatusCode::kInvalidArgument, "MALFORMED"))
        << form << " " << text;
  }
}

TEST(RequestIdTest, IsAUuidOfVersion7AndNewEachTime) {
  std::set<std::string> ids;
  std::string before;
  for (int i = 0; i < 100; ++i) {
    const auto text = NewRequestId();
    ASSERT_THAT(text.status(), IsOk());
    const auto id = Uuid::Parse(*text);
    ASSERT_THAT(id.status(), IsOk());
    EXPECT_EQ(id->version(), 7);
    EXPECT_EQ(static_cast<uint8_t>(id->bytes()[8]) >> 6, 2);
    EXPECT_LE(before.substr(0, 13), text->substr(0, 13)) << "ordered by time";
    before = *text;
    ids.insert(*text);
  }
  EXPECT_EQ(ids.size(), 100U);
}

TEST(FactTest, EveryKindIsKnown) {
  EXPECT_THAT(FactKinds(), Contains("ots"));
  for (const std::string& kind : FactKinds())
    EXPECT_THAT(CheckFact("{\"" + kind + "\":{}}"), IsOk()) << kind;
}

TEST(FactTest, NamesMayBeWrittenInBothWays) {
  EXPECT_THAT(CheckFact(R"({"ots":{"person":"p","gi_party":"P_GI","from":"2026-01-01"}})"), IsOk());
  EXPECT_THAT(CheckFact(R"({"ots":{"person":"p","giParty":"P_GI"}})"), IsOk());
  EXPECT_THAT(CheckFact(R"({"maatregel":{"kind":"HUISVERBOD"}})"), IsOk());
}

TEST(FactTest, ErrorsNameTheElementAndQuoteNothing) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "fact"},
      {"GEHEIM", "fact"},
      {"{}", "fact"},
      {R"({"ots":{)", "fact"},
      {R"({"geheim":{}})", "fact.geheim"},
      {R"({"ots":{"geheim":"GEHEIM"}})", "fact.ots.geheim"},
      {R"({"maatregel":{"kind":"GEHEIM"}})", "fact.maatregel.kind"},
      {R"({"informed":{"status":"GEINFORMEERD","date":{"GEHEIM":1}}})", "fact.informed"},
      {R"({"melder_consent":{"given":"GEHEIM"}})", "fact.melder_consent.given"},
      {R"({"ots":{},"hit":{}})", "fact"},
  };
  for (const auto& [json, element] : cases) {
    const absl::Status status = CheckFact(json);
    EXPECT_THAT(status, IsError(absl::StatusCode::kInvalidArgument, "MALFORMED")) << json;
    EXPECT_THAT(MetadataOf(status)["field"], HasSubstr(std::string(element))) << json;
    EXPECT_THAT(status.ToString(), Not(HasSubstr("GEHEIM"))) << json;
  }
}

}  // namespace
}  // namespace sluis::client
