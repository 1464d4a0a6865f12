// The shipped documents, field by field against the reference data (tests/policy/data/), and what
// an author is told about a document that is broken.

#include "sluis/policy/documents.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "small_documents.h"

#include "sluis/policy/policy.h"
#include "sluis/policy/texts.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/policy/v1/texts.pb.h"
#include "sluis/policy/vocabulary.h"
#include "sluis/testing/policy_files.h"

namespace sluis::policy {
namespace {

using ::sluis::testing::ReadSourceFile;
using ::sluis::testing::ReferenceConvenant;
using ::sluis::testing::ReferenceStatute;
using Json = nlohmann::json;
using google::protobuf::FieldDescriptor;

// --- The shipped documents ----------------------------------------------------------------------

std::string EnumName(const google::protobuf::EnumValueDescriptor* value) {
  return value->number() == 0 ? "" : value->name();
}

// One field of a message as the reference data write it: names for enumerations, lists sorted but
// for citations, whose order decides.
Json FieldAsJson(const google::protobuf::Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  if (field->is_repeated()) {
    std::vector<std::string> list;
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      list.push_back(field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM
                         ? EnumName(reflection->GetRepeatedEnum(message, field, i))
                         : reflection->GetRepeatedString(message, field, i));
    }
    if (field->name() != "grondslagen") std::sort(list.begin(), list.end());
    return list;
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumName(reflection->GetEnum(message, field));
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->GetInt32(message, field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(message, field);
    default:
      return reflection->GetString(message, field);
  }
}

// Two short forms of the convenant, written out as the reference data have them.
Json Members(const v1::Tafel& tafel) {
  std::set<std::string> hats(tafel.member_hats().begin(), tafel.member_hats().end());
  if (tafel.all_hats()) {
    for (const v1::Hat& hat : ReferenceConvenant().message().hats()) hats.insert(hat.id());
  }
  return hats;
}
Json Owners(const v1::Field& field) {
  std::set<std::string> hats(field.owner_hats().begin(), field.owner_hats().end());
  if (field.each_holder_owns()) hats.insert("*");
  return hats;
}

// The entries of `list`, by `key`, with the members that the reference data have.
template <typename List>
Json AsJson(const List& list, const char* key, const Json& reference) {
  Json out = Json::object();
  const Json& members = reference.begin().value();
  for (const auto& message : list) {
    const auto* descriptor = message.GetDescriptor();
    const Json id = FieldAsJson(message, descriptor->FindFieldByName(key));
    Json& entry = out[id.is_string() ? id.get<std::string>() : id.dump()];
    for (const auto& member : members.items()) {
      const auto* field = descriptor->FindFieldByName(member.key());
      EXPECT_NE(field, nullptr) << member.key();
      if (field != nullptr) entry[member.key()] = FieldAsJson(message, field);
    }
  }
  return out;
}

template <typename List>
Json Ids(const List& list) {
  Json ids = Json::array();
  for (const auto& message : list) ids.push_back(message.id());
  return ids;
}

void Replace(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

// The reference data abbreviate two acts that are easily taken for each other; the documents never
// do.
void SpellOut(Json& json) {
  if (json.is_structured()) {
    for (auto& member : json) SpellOut(member);
    return;
  }
  if (!json.is_string()) return;
  auto text = json.get<std::string>();
  Replace(text, "WGS ", "WGS_SAMENWERKING ");
  Replace(text, "Wgs (schuldhulp)", "WGS_SCHULDHULP");
  Replace(text, "Bgs ", "Besluit gemeentelijke schuldhulpverlening ");
  json = text;
}

// The officer's texts are sentences in the documents and notes in the reference data.
void AsSentences(Json& codes) {
  for (auto& code : codes) {
    auto text = code["internal"].get<std::string>();
    if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    code["internal"] = text + ".";
  }
}

const Json& Reference() {
  static const Json reference = [] {
    Json json = Json::parse(ReadSourceFile("tests/policy/data/reference.json"));
    SpellOut(json);
    AsSentences(json["codes"]);
    return json;
  }();
  return reference;
}

v1::Texts ShippedTexts() {
  auto parsed = ParseDocument<v1::Texts>("texts.textproto",
                                         ReadSourceFile("policy/documents/texts.textproto"));
  EXPECT_TRUE(parsed.document.has_value());
  return parsed.document ? parsed.document->message() : v1::Texts();
}

Json Documents() {
  const v1::Statute& statute = ReferenceStatute().message();
  const v1::Convenant& convenant = ReferenceConvenant().message();
  const v1::Texts texts = ShippedTexts();
  const Json& reference = Reference();
  Json out;
  out["hats"] = AsJson(convenant.hats(), "id", reference["hats"]);
  out["parties"] = AsJson(convenant.parties(), "id", reference["parties"]);
  out["tafels"] = AsJson(convenant.tafels(), "id", reference["tafels"]);
  for (const v1::Tafel& tafel : convenant.tafels())
    out["tafels"][tafel.id()]["member_hats"] = Members(tafel);
  out["purposes"] = AsJson(convenant.purposes(), "id", reference["purposes"]);
  out["categories"] = AsJson(convenant.categories(), "id", reference["categories"]);
  out["fields"] = AsJson(convenant.fields(), "nr", reference["fields"]);
  for (const v1::Field& field : convenant.fields())
    out["fields"][std::to_string(field.nr())]["owner_hats"] = Owners(field);
  out["rows"] = AsJson(statute.rows(), "id", reference["rows"]);
  out["grants"] = AsJson(convenant.grants(), "id", reference["grants"]);
  out["exclusions"] = AsJson(convenant.exclusions(), "id", reference["exclusions"]);
  out["retention"] = AsJson(convenant.retention(), "id", reference["retention"]);
  out["age_rules"] = AsJson(statute.age_rules(), "id", reference["age_rules"]);
  for (const auto& text : texts.conditions()) {
    const auto condition = static_cast<Condition>(text.condition());
    const ConditionRule& rule = RuleOf(condition);
    out["conditions"][v1::Condition::Id_Name(text.condition())] = {
        {"outcome", std::string(OutcomeName(rule.absent_outcome))},
        {"code", std::string(CodeName(rule.absent_code))},
        {"code_if_refused", rule.refused_code ? std::string(CodeName(*rule.refused_code)) : ""},
        {"citation", text.citation()}};
  }
  for (const auto& text : texts.obligations()) {
    out["obligations"][v1::Obligation::Id_Name(text.obligation())] = {
        {"citation", text.citation()}};
  }
  for (const auto& text : texts.codes()) {
    out["codes"][v1::ReasonCode::Id_Name(text.code())] = {{"nl", text.requester().nl()},
                                                          {"en", text.requester().en()},
                                                          {"internal", text.officer().en()}};
  }
  out["order"] = {{"grants", Ids(convenant.grants())},
                  {"rows", Ids(statute.rows())},
                  {"hats", Ids(convenant.hats())}};
  return out;
}

// Every difference, as a path such as "/grants/M01/purposes" and the two values.
std::map<std::string, std::string> DifferencesBetween(const Json& expected, const Json& actual,
                                                      const std::string& path = "") {
  std::map<std::string, std::string> out;
  if (!expected.is_object() || !actual.is_object()) {
    if (expected != actual)
      out[path] = "reference " + expected.dump() + "\n  document " + actual.dump();
    return out;
  }
  std::set<std::string> keys;
  for (const Json* side : {&expected, &actual}) {
    for (const auto& member : side->items()) keys.insert(member.key());
  }
  for (const std::string& key : keys) {
    const std::string below = path + "/" + key;
    if (!expected.contains(key)) {
      out[below] = "not in the reference";
    } else if (!actual.contains(key)) {
      out[below] = "not in the document";
    } else {
      out.merge(DifferencesBetween(expected[key], actual[key], below));
    }
  }
  return out;
}

struct Deliberate {
  std::string_view path;
  std::string_view why;
};
constexpr std::string_view kOtherActs =
    "the reference says who asks for inzage under the Wmo alone; docs/decision-procedure.md, "
    "choice 5";
constexpr Deliberate kDeliberate[] = {
    {"/codes/OTHER_ACT/internal",
     "says \"the flow under\" where the reference abbreviates the act"},
    {"/age_rules/AG_INZAGE_JEUGD_0_11", kOtherActs},
    {"/age_rules/AG_INZAGE_JEUGD_12_15", kOtherActs},
    {"/age_rules/AG_INZAGE_JEUGD_16", kOtherActs},
    {"/age_rules/AG_INZAGE_WGBO_0_11", kOtherActs},
    {"/age_rules/AG_INZAGE_WGBO_12_15", kOtherActs},
    {"/age_rules/AG_INZAGE_WGBO_16", kOtherActs},
    {"/age_rules/AG_INZAGE_OVERIG_0_15", kOtherActs},
    {"/age_rules/AG_INZAGE_OVERIG_16", kOtherActs},
};

TEST(ShippedDocumentsTest, AreTheReferenceFieldByField) {
  std::map<std::string, std::string> differences = DifferencesBetween(Reference(), Documents());
  for (const Deliberate& deliberate : kDeliberate) {
    EXPECT_EQ(differences.erase(std::string(deliberate.path)), 1U)
        << deliberate.path << " no longer differs (" << deliberate.why << ")";
  }
  for (const auto& [path, text] : differences) ADD_FAILURE() << path << "\n  " << text;
}

// --- Broken documents ---------------------------------------------------------------------------

enum class In { kStatute, kConvenant, kSwitches };

struct Broken {
  std::string name;
  In in;
  std::string find;     // the first occurrence in that document…
  std::string replace;  // …becomes this
  std::string code;
  std::string at;  // the issue stands where this is found in the broken document
};

std::vector<Issue> IssuesOf(const std::string& statute, const std::string& convenant,
                            const std::string& switches) {
  auto s = ParseDocument<v1::Statute>("statute.textproto", statute);
  auto c = ParseDocument<v1::Convenant>("convenant.textproto", convenant);
  auto w = ParseDocument<v1::OperatorSwitches>("switches.textproto", switches);
  std::vector<Issue> issues;
  for (const auto* list : {&s.issues, &c.issues, &w.issues})
    issues.insert(issues.end(), list->begin(), list->end());
  if (s.document && c.document && w.document) {
    CompileResult result = Compile(*s.document, *c.document, *w.document);
    issues.insert(issues.end(), result.issues.begin(), result.issues.end());
    EXPECT_EQ(result.policy == nullptr, HasErrors(issues));
  }
  return issues;
}

class BrokenDocumentTest : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenDocumentTest, IsRefusedWithItsPlace) {
  const Broken& broken = GetParam();
  std::map<In, std::string> texts = {{In::kStatute, std::string(kSmallStatute)},
                                     {In::kConvenant, std::string(kSmallConvenant)},
                                     {In::kSwitches, std::string(kSmallSwitches)}};
  const std::map<In, std::string> files = {{In::kStatute, "statute.textproto"},
                                           {In::kConvenant, "convenant.textproto"},
                                           {In::kSwitches, "switches.textproto"}};
  std::string& text = texts[broken.in];
  const size_t found = text.find(broken.find);
  ASSERT_NE(found, std::string::npos);
  text.replace(found, broken.find.size(), broken.replace);
  const size_t place = text.find(broken.at);
  ASSERT_NE(place, std::string::npos);
  const auto before = text.begin() + static_cast<std::ptrdiff_t>(place);
  const int line = 1 + static_cast<int>(std::count(text.begin(), before, '\n'));
  const size_t line_start = place == 0 ? std::string::npos : text.rfind('\n', place - 1);
  const int column =
      static_cast<int>(place - (line_start == std::string::npos ? 0 : line_start + 1)) + 1;

  const std::vector<Issue> issues =
      IssuesOf(texts[In::kStatute], texts[In::kConvenant], texts[In::kSwitches]);
  const bool reported = std::any_of(issues.begin(), issues.end(), [&](const Issue& issue) {
    return issue.severity == Issue::Severity::kError && issue.code == broken.code &&
           issue.file == files.at(broken.in) && issue.line == line && issue.column == column;
  });
  std::string all;
  for (const Issue& issue : issues) all += FormatIssue(issue) + "\n";
  EXPECT_TRUE(reported) << "expected " << files.at(broken.in) << ":" << line << ":" << column
                        << ": " << broken.code << ", got\n"
                        << all;
}

TEST(BrokenDocumentTableTest, TheDocumentsThatItBreaksAreSound) {
  const std::vector<Issue> issues = IssuesOf(
      std::string(kSmallStatute), std::string(kSmallConvenant), std::string(kSmallSwitches));
  for (const Issue& issue : issues) ADD_FAILURE() << FormatIssue(issue);
}

const std::vector<Broken>& BrokenDocuments() {
  static const std::vector<Broken> cases = {
      // Text that cannot be read.
      {"SyntaxOfAStatute", In::kStatute, "duty: MAY", "duty MAY", "SYNTAX", "MAY"},
      {"SyntaxOfAConvenant", In::kConvenant, "phases { id: \"AVE_1\" }", "phases { id: }", "SYNTAX",
       "}"},
      {"SyntaxOfSwitches", In::kSwitches, "unit: JAAR", "unit: EEUW", "SYNTAX",
       "source: \"besluit\" }\ndecisions"},
      {"UnknownElement", In::kConvenant, "soort: OVERLEG", "vorm: OVERLEG", "SYNTAX", ": OVERLEG"},
      {"UnknownCondition", In::kStatute, "WETTELIJKE_TAAK_BENOEMD", "ZOMAAR", "SYNTAX",
       "]\n  tasks"},
      {"SingleElementTwice", In::kStatute, "version: \"1\"", "version: \"1\" version: \"2\"",
       "SYNTAX", ": \"2\""},

      // Numbers that no name of a vocabulary has.
      {"RegimeWithoutName", In::kConvenant, "regime: SECTOR", "regime: 77", "NAME_UNKNOWN",
       "tafels {"},
      {"ConditionWithoutName", In::kStatute, "[WETTELIJKE_TAAK_BENOEMD]", "[999]", "NAME_UNKNOWN",
       "rows {\n  id: \"G_GEZOND\""},
      {"LawWithoutName", In::kConvenant, "source_law: AVG", "source_law: -5", "NAME_UNKNOWN",
       "fields { nr: 1"},
      {"UnitWithoutName", In::kSwitches, "unit: JAAR", "unit: 40", "NAME_UNKNOWN", "terms"},

      // Names.
      {"StatuteIsAnother", In::kConvenant, "statute: \"statuut\"", "statute: \"ander\"",
       "NAME_UNKNOWN", "statute:"},
      {"CategoryUnknown", In::kConvenant, "name: \"adres\" category: \"C01\"",
       "name: \"adres\" category: \"C99\"", "NAME_UNKNOWN", "category: \"C99\""},
      {"SecrecyUnknown", In::kConvenant, "secrecy: \"GEEN\"", "secrecy: \"VEEL\"", "NAME_UNKNOWN",
       "secrecy: \"VEEL\""},
      {"OwnerUnknown", In::kConvenant, "owner_hats: [\"BRON\", \"ARTS\"]",
       "owner_hats: [\"NIEMAND\"]", "NAME_UNKNOWN", "owner_hats: [\"NIEMAND\"]"},
      {"TafelPhaseUnknown", In::kConvenant, "phases: [\"AVE_1\"]", "phases: [\"AVE_9\"]",
       "NAME_UNKNOWN", "phases: [\"AVE_9\"]"},
      {"TafelStageUnknown", In::kConvenant, "stages: [\"ONDERZOEK\"]", "stages: [\"NOOIT\"]",
       "NAME_UNKNOWN", "stages: [\"NOOIT\"]"},
      {"TafelPurposeUnknown", In::kConvenant, "purposes: [\"D01\", \"D02\"]", "purposes: [\"D77\"]",
       "NAME_UNKNOWN", "purposes: [\"D77\"]"},
      {"MemberUnknown", In::kConvenant, "member_hats: [\"BRON\", \"ARTS\", \"VRAGER\"]",
       "member_hats: [\"NIEMAND\"]", "NAME_UNKNOWN", "member_hats: [\"NIEMAND\"]"},
      {"GuestUnknown", In::kConvenant, "guest_hats: [\"BUUR\"]", "guest_hats: [\"NIEMAND\"]",
       "NAME_UNKNOWN", "guest_hats: [\"NIEMAND\"]"},
      {"HatOfPartijUnknown", In::kConvenant, "hats: [\"VRAGER\", \"BUUR\"]", "hats: [\"NIEMAND\"]",
       "NAME_UNKNOWN", "hats: [\"NIEMAND\"]"},
      {"ExclusionFieldUnknown", In::kConvenant, "fields: [\"schuld\"]", "fields: [\"niets\"]",
       "NAME_UNKNOWN", "fields: [\"niets\"]"},
      {"ExclusionHatUnknown", In::kConvenant, "recipient_hats: [\"BUUR\"]",
       "recipient_hats: [\"NIEMAND\"]", "NAME_UNKNOWN", "recipient_hats: [\"NIEMAND\"]"},
      {"GrantSourceUnknown", In::kConvenant, "source_hats: [\"BRON\"]",
       "source_hats: [\"NIEMAND\"]", "NAME_UNKNOWN", "source_hats: [\"NIEMAND\"]"},
      {"GrantRecipientUnknown", In::kConvenant, "recipient_hats: [\"VRAGER\"]",
       "recipient_hats: [\"NIEMAND\"]", "NAME_UNKNOWN", "recipient_hats: [\"NIEMAND\"]"},
      {"GrantFieldUnknown", In::kConvenant, "fields: [\"adres\"]", "fields: [\"niets\"]",
       "NAME_UNKNOWN", "fields: [\"niets\"]"},
      {"GrantTafelUnknown", In::kConvenant, "tafels: [\"T_SECTOR\"]", "tafels: [\"T_NERGENS\"]",
       "NAME_UNKNOWN", "tafels: [\"T_NERGENS\"]"},
      {"GrantRowUnknown", In::kConvenant, "grondslagen: [\"G_GEWOON\"]",
       "grondslagen: [\"G_VERZONNEN\"]", "NAME_UNKNOWN", "grondslagen: [\"G_VERZONNEN\"]"},
      {"ScalingPhaseUnknown", In::kConvenant, "to: \"AVE_1\"", "to: \"AVE_9\"", "NAME_UNKNOWN",
       "to: \"AVE_9\""},
      {"CompetenceUnknown", In::kConvenant, "fact: \"ots\"", "fact: \"gerucht\"", "NAME_UNKNOWN",
       "fact: \"gerucht\""},

      // Ids.
      {"RowTwice", In::kStatute, "id: \"G_GEZOND\"", "id: \"G_GEWOON\"", "ID_DUPLICATE",
       "id: \"G_GEWOON\"\n  citation: \"artikel 2\""},
      {"RowIdMalformed", In::kStatute, "id: \"G_GEZOND\"", "id: \"gezond\"", "ID_MALFORMED",
       "id: \"gezond\""},
      {"HatTwice", In::kConvenant, "id: \"BUUR\"", "id: \"ARTS\"", "ID_DUPLICATE",
       "id: \"ARTS\" wgs_status: \"GEEN\""},
      {"FieldTwice", In::kConvenant, "name: \"ziekte\"", "name: \"adres\"", "ID_DUPLICATE",
       "name: \"adres\" category: \"C01\" data_class: BIJZONDER_GEZONDHEID"},
      {"FieldNumberTwice", In::kConvenant, "nr: 2", "nr: 1", "ID_DUPLICATE",
       "nr: 1 name: \"ziekte\""},
      {"TafelTwice", In::kConvenant, "id: \"T_ZVH\"", "id: \"T_WAMS\"", "ID_DUPLICATE",
       "id: \"T_WAMS\"\n  soort: OVERLEG\n  regime: WGS"},
      {"PartijTwice", In::kConvenant, "id: \"P_TWEE\"", "id: \"P_EEN\"", "ID_DUPLICATE",
       "id: \"P_EEN\" oin: \"00000099000000002000\""},
      {"OinTwice", In::kConvenant, "00000099000000002000", "00000099000000001000", "ID_DUPLICATE",
       "oin: \"00000099000000001000\" hats: [\"VRAGER\""},
      {"OinMalformed", In::kConvenant, "00000099000000002000", "99", "ID_MALFORMED", "oin: \"99\""},
      {"PurposeTwice", In::kConvenant, "purposes { id: \"D02\" }", "purposes { id: \"D01\"  }",
       "ID_DUPLICATE", "id: \"D01\"  }"},
      {"CategoryTwice", In::kConvenant, "categories { id: \"C02\" }", "categories { id: \"C01\"  }",
       "ID_DUPLICATE", "id: \"C01\"  }"},
      {"RetentionTwice", In::kConvenant, "id: \"RT_WAMS\"", "id: \"RT_VAST\"", "ID_DUPLICATE",
       "id: \"RT_VAST\" holder_hats: [\"BRON\"] anchor"},
      {"RowCitedTwice", In::kConvenant, "grondslagen: [\"G_GEWOON\"]",
       "grondslagen: [\"G_GEWOON\", \"G_GEWOON\"]", "ID_DUPLICATE", "grondslagen:"},
      {"AgeRuleIdMalformed", In::kStatute, "AG_ALLE", "LEEFTIJD", "ID_DUPLICATE",
       "id: \"LEEFTIJD\""},
      {"ExclusionIdMalformed", In::kConvenant, "id: \"X01\"", "id: \"N01\"", "ID_MALFORMED",
       "id: \"N01\""},
      {"GrantIdMalformed", In::kConvenant, "id: \"M01\"", "id: \"G01\"", "ID_MALFORMED",
       "id: \"G01\""},
      {"ConvenantWithoutId", In::kConvenant, "id: \"klein\"", "id: \"\"", "ID_MALFORMED",
       "id: \"\""},

      // Dates.
      {"ConvenantDate", In::kConvenant, "valid_from: \"2026-01-01\"", "valid_from: \"1 januari\"",
       "DATE_MALFORMED", "valid_from: \"1 januari\""},
      {"ConvenantEndsFirst", In::kConvenant, "valid_until: \"2099-12-31\"",
       "valid_until: \"2025-12-31\"", "DATE_ORDER", "valid_until:"},
      {"RowDateThatDoesNotExist", In::kStatute, "valid_until: \"2099-12-31\"",
       "valid_until: \"2027-02-29\"", "DATE_MALFORMED", "valid_until: \"2027-02-29\""},
      {"RowEndsFirst", In::kStatute, "valid_until: \"2099-12-31\"", "valid_until: \"2019-12-31\"",
       "DATE_ORDER", "valid_until: \"2019-12-31\""},
      {"AccessionDate", In::kConvenant, "acceded_on: \"2026-01-01\"", "acceded_on: \"2026-13-01\"",
       "DATE_MALFORMED", "acceded_on: \"2026-13-01\""},
      {"LeavingDate", In::kConvenant, "left_on: \"2030-12-31\"", "left_on: \"ooit\"",
       "DATE_MALFORMED", "left_on: \"ooit\""},
      {"RowOffButDated", In::kStatute, "off_until_dated: true",
       "off_until_dated: true valid_from: \"2026-01-01\"", "ROW_DATES", "off_until_dated: true"},
      {"SwitchDate", In::kSwitches, "from: \"2026-01-01\"", "from: \"nu\"", "DATE_MALFORMED",
       "from: \"nu\""},
      {"SwitchEndsFirst", In::kSwitches, "until: \"2027-12-31\"", "until: \"2025-12-31\"",
       "DATE_ORDER", "until: \"2025-12-31\""},
      {"GeneralDecisionDate", In::kSwitches, "until: \"2026-12-31\"", "until: \"straks\"",
       "DATE_MALFORMED", "until: \"straks\""},

      // A grant outside the rows that it cites: once for every dimension that both have.
      {"WidensTheSource", In::kConvenant, "source_hats: [\"BRON\"]",
       "source_hats: [\"BRON\", \"ARTS\"]", "WIDENS_STATUTE", "grondslagen:"},
      {"WidensTheRecipient", In::kConvenant, "recipient_hats: [\"VRAGER\"]",
       "recipient_hats: [\"VRAGER\", \"BUUR\"]", "WIDENS_STATUTE", "grondslagen:"},
      {"WidensTheCategory", In::kConvenant, "fields: [\"adres\"]",
       "fields: [\"adres\", \"schuld\"]", "WIDENS_STATUTE", "grondslagen:"},
      {"WidensTheClass", In::kConvenant, "fields: [\"adres\"]", "fields: [\"adres\", \"ziekte\"]",
       "WIDENS_STATUTE", "grondslagen:"},
      {"WidensTheRegime", In::kConvenant, "tafels: [\"T_SECTOR\"]",
       "tafels: [\"T_SECTOR\", \"T_ZVH\"]", "WIDENS_STATUTE", "grondslagen:"},
      {"WidensThePurpose", In::kConvenant, "purposes: [\"D01\"]\n  grondslagen",
       "purposes: [\"D01\", \"D02\"]\n  grondslagen", "WIDENS_STATUTE",
       "purposes: [\"D01\", \"D02\"]\n  grondslagen"},
      // Each dimension lies in one of the two rows, but not all of them in one.
      {"WidensByCombining", In::kConvenant,
       "fields: [\"adres\"]\n  tafels: [\"T_SECTOR\"]\n  phases: [\"AVE_1\"]\n  purposes: "
       "[\"D01\"]\n"
       "  grondslagen: [\"G_GEWOON\"]",
       "fields: [\"ziekte\"]\n  tafels: [\"T_SECTOR\"]\n  phases: [\"AVE_1\"]\n"
       "  purposes: [\"D01\"]\n  grondslagen: [\"G_GEWOON\", \"G_GEZOND\"]",
       "WIDENS_STATUTE", "grondslagen:"},

      // What is missing.
      {"RowWithoutCitation", In::kStatute, "citation: \"artikel 1\"", "citation: \" \"",
       "VALUE_MISSING", "rows {"},
      {"RowWithoutPurposes", In::kStatute, "purposes: [\"D01\"]", "", "VALUE_MISSING", "rows {"},
      {"TaskNotListed", In::kStatute, "tasks: [\"TAAK\"]", "", "VALUE_MISSING",
       "rows {\n  id: \"G_GEZOND\""},
      {"TermMissing", In::kStatute, "acute_hours: 72", "acute_hours: 0", "VALUE_MISSING",
       "acute_hours: 0"},
      {"TermBeyondReason", In::kStatute, "police_years: 5", "police_years: 2000000000",
       "VALUE_MISSING", "police_years:"},
      {"AgeBeyondReason", In::kStatute, "to_age: 15", "to_age: 2147483647", "VALUE_MISSING",
       "age_rules {"},
      {"FieldWithoutOwner", In::kConvenant, "each_holder_owns: true", "", "VALUE_MISSING",
       "fields { nr: 3"},
      {"GrantWithoutFields", In::kConvenant, "fields: [\"adres\"]", "", "VALUE_MISSING",
       "grants {"},
      {"TafelWithoutMembers", In::kConvenant, "member_hats: [\"BRON\", \"ARTS\", \"VRAGER\"]", "",
       "VALUE_MISSING", "tafels {"},
      {"RetentionWithoutUnit", In::kConvenant, "unit: JAAR", "", "VALUE_MISSING", "term: 5"},
      {"ExclusionWithoutCode", In::kConvenant, "code: CATEGORY_EXCLUDED", "", "VALUE_MISSING",
       "exclusions {"},
      {"ExclusionThatReleases", In::kConvenant, "code: CATEGORY_EXCLUDED", "code: RELEASED",
       "VALUE_MISSING", "code: RELEASED"},
      {"PurposeGateWithMore", In::kConvenant, "code: CATEGORY_EXCLUDED",
       "code: PURPOSE_MISMATCH before_purpose_gate: true", "VALUE_MISSING", "before_purpose_gate"},
      {"DutyWithoutTerm", In::kConvenant, "competences {",
       "duties { kind: INFORM obligations: [INFORMEER_1M] }\ncompetences {", "VALUE_MISSING",
       "duties {"},
      {"DutyOfNothing", In::kConvenant, "competences {",
       "duties { kind: INFORM term: 1 unit: MAAND }\ncompetences {", "VALUE_MISSING", "duties {"},
      {"DutyInHours", In::kConvenant, "competences {",
       "duties { kind: CORRECT term: 1 unit: UUR }\ncompetences {", "VALUE_MISSING", "duties {"},
      {"DutyOfAnUnknownHat", In::kConvenant, "competences {",
       "duties { kind: CORRECT hats: [\"NIEMAND\"] term: 1 unit: DAG }\ncompetences {",
       "NAME_UNKNOWN", "hats: [\"NIEMAND\"]"},
      {"ReviewWithATerm", In::kConvenant, "competences {",
       "duties { kind: REVIEW obligations: [MELD_FG_EN_TOETS] term: 1 unit: DAG }\ncompetences {",
       "VALUE_MISSING", "duties {"},
      {"CompetenceOfNobody", In::kConvenant, "fact: \"ots\" hats: [\"BRON\"]", "fact: \"ots\"",
       "VALUE_MISSING", "competences {"},

      // Rules of the model.
      {"TheZvhAsAHat", In::kConvenant, "hats { id: \"BUUR\"", "hats { id: \"ZVH\"",
       "ZVH_IS_NO_PARTIJ", "id: \"ZVH\""},
      {"SeatTwice", In::kConvenant, "guest_hats: [\"BUUR\"]", "guest_hats: [\"ARTS\"]",
       "SEAT_TWICE", "guest_hats: [\"ARTS\"]"},
      {"NoParticipantAtTheZvh", In::kConvenant,
       "regime: WGS_SAMENWERKING\n  phases: [\"AVE_1\"]\n  member_hats: [\"BRON\", \"ARTS\", "
       "\"VRAGER\"]",
       "regime: WGS_SAMENWERKING\n  phases: [\"AVE_1\"]\n  member_hats: [\"BUUR\"]",
       "NOT_A_PARTICIPANT", "member_hats: [\"BUUR\"]"},
      {"WamsWithoutStages", In::kConvenant, "stages: [\"ONDERZOEK\"]", "", "STAGE_WITHOUT_WAMS",
       "tafels {\n  id: \"T_WAMS\""},
      {"StagesOfAGrantElsewhere", In::kConvenant, "tafels: [\"T_SECTOR\"]",
       "tafels: [\"T_SECTOR\"] stages: [\"ONDERZOEK\"]", "STAGE_WITHOUT_WAMS",
       "stages: [\"ONDERZOEK\"]\n  phases"},
      {"AgesOverlap", In::kStatute, "secrecies {",
       "age_rules { id: \"AG_OOK\" source_law: AVG use: CONSENT from_age: 10 no_upper_age: true\n"
       "capable { one_of: [SELF] } incapable { one_of: [SELF] } }\nsecrecies {",
       "AGE_OVERLAP", "age_rules { id: \"AG_OOK\""},
      {"ClosedSetAsAChoice", In::kStatute, "duty: MAY",
       "duty: MAY one_of: [GESLOTEN_SET, VIER_OGEN]", "CONDITION_MISPLACED",
       "one_of: [GESLOTEN_SET"},
      {"MandateAsAChoiceOfAGrant", In::kConvenant, "grondslagen: [\"G_GEWOON\"]",
       "grondslagen: [\"G_GEWOON\"] one_of: [MANDAAT_VAN_KRACHT]", "CONDITION_MISPLACED",
       "one_of: [MANDAAT"},

      {"TwoClosedSetsMeet", In::kConvenant, "retention { id: \"RT_VAST\"",
       "grants { id: \"M02\" source_hats: \"BRON\" recipient_hats: \"VRAGER\" fields: \"adres\" "
       "tafels: "
       "\"T_SECTOR\" phases: \"AVE_1\" purposes: \"D01\" grondslagen: \"G_GEWOON\" conditions: "
       "GESLOTEN_SET }\ngrants { id: \"M03\" source_hats: \"BRON\" recipient_hats: \"VRAGER\" "
       "fields: "
       "\"adres\" tafels: \"T_SECTOR\" phases: \"AVE_1\" purposes: \"D01\" grondslagen: "
       "\"G_GEWOON\" conditions: [GESLOTEN_SET] }\nretention { id: \"RT_VAST\"",
       "SIGNALS_OVERLAP",
       "fields: \"adres\" tafels: \"T_SECTOR\" phases: \"AVE_1\" purposes: \"D01\" grondslagen: "
       "\"G_GEWOON\" conditions: [GESLOTEN_SET]"},

      // What an operator cannot do.
      {"SwitchOfAnUnknownRow", In::kSwitches, "row: \"G_UIT\"", "row: \"G_NIETS\"",
       "SWITCH_INVALID", "row: \"G_NIETS\""},
      {"SwitchOfADatedRow", In::kSwitches, "row: \"G_UIT\"", "row: \"G_GEWOON\"", "SWITCH_INVALID",
       "row: \"G_GEWOON\""},
      {"SwitchWithoutSource", In::kSwitches, "source: \"Staatsblad\"", "source: \"\"",
       "SWITCH_INVALID", "source: \"\""},
      {"TermOfTheConvenant", In::kSwitches, "id: \"RT_WAMS\"", "id: \"RT_VAST\"", "SWITCH_INVALID",
       "id: \"RT_VAST\""},
      {"TermOfNothing", In::kSwitches, "id: \"RT_WAMS\"", "id: \"RT_NIETS\"", "SWITCH_INVALID",
       "id: \"RT_NIETS\""},
      {"TermWithoutNumber", In::kSwitches, "term: 2", "term: 0", "SWITCH_INVALID", "terms {"},
      {"DecisionOfNobody", In::kSwitches, "MACHTIGING_GELDIG", "VIER_OGEN", "SWITCH_INVALID",
       "condition: VIER_OGEN"},
  };
  return cases;
}

void PrintTo(const Broken& broken, std::ostream* out) { *out << broken.name; }

INSTANTIATE_TEST_SUITE_P(Table, BrokenDocumentTest, ::testing::ValuesIn(BrokenDocuments()),
                         [](const auto& test) { return test.param.name; });

TEST(BrokenDocumentTableTest, EveryCodeOfTheCompilerHasACase) {
  std::set<std::string> codes;
  for (const Broken& broken : BrokenDocuments()) codes.insert(broken.code);
  // LIMIT is about documents that are too large: below.
  EXPECT_EQ(codes, (std::set<std::string>{
                       "SYNTAX", "ID_MALFORMED", "ID_DUPLICATE", "NAME_UNKNOWN", "VALUE_MISSING",
                       "DATE_MALFORMED", "DATE_ORDER", "WIDENS_STATUTE", "NOT_A_PARTICIPANT",
                       "ZVH_IS_NO_PARTIJ", "SEAT_TWICE", "STAGE_WITHOUT_WAMS", "ROW_DATES",
                       "SWITCH_INVALID", "AGE_OVERLAP", "CONDITION_MISPLACED", "SIGNALS_OVERLAP"}));
}

TEST(BrokenDocumentTableTest, MoreNamesThanTheCompiledFormHoldsAreRefused) {
  std::string convenant(kSmallConvenant);
  for (int i = 0; i < 70; ++i) convenant += "purposes { id: \"E" + std::to_string(i) + "\" }\n";
  const auto issues = IssuesOf(std::string(kSmallStatute), convenant, std::string(kSmallSwitches));
  EXPECT_TRUE(std::any_of(issues.begin(), issues.end(),
                          [](const Issue& issue) { return issue.code == "LIMIT"; }));
}

TEST(BrokenDocumentTableTest, ATextThatIsTooLargeOrTooDeepIsRefused) {
  const auto large =
      ParseDocument<v1::Convenant>("groot.textproto", std::string((size_t{16} << 20) + 1, ' '));
  EXPECT_FALSE(large.document.has_value());
  ASSERT_EQ(large.issues.size(), 1U);
  EXPECT_EQ(large.issues[0].code, "TOO_LARGE");
}

TEST(CompileWarningTest, WhatCanNeverMatchIsNoted) {
  std::string statute(kSmallStatute);
  Replace(statute, "categories: [\"C01\", \"C02\"]", "categories: [\"C01\", \"C02\", \"C77\"]");
  const auto issues = IssuesOf(statute, std::string(kSmallConvenant), std::string(kSmallSwitches));
  ASSERT_EQ(issues.size(), 1U);
  EXPECT_EQ(issues[0].code, "STATUTE_NAME_UNUSED");
  EXPECT_EQ(issues[0].severity, Issue::Severity::kWarning);
}

}  // namespace
}  // namespace sluis::policy
