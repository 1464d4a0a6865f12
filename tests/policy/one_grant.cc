#include "one_grant.h"

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace sluis::policy {
namespace {

constexpr std::string_view kStatute = R"(
id: "statuut" version: "1"
rows {
  id: "G_RIJ" citation: "artikel" regimes: [SECTOR, WAMS] valid_from: "2020-01-01"
  source_hats: ["BRON", "POLITIE", "BURGEMEESTER", "GAST"]
  recipient_hats: ["VRAGER", "ZORG", "BURGEMEESTER", "GAST", "ZONDER_BSN"]
  categories: ["C01"] purposes: ["D01"] duty: MAY tasks: ["TAAK"] powers: ["BEVOEGDHEID"]
}
age_rules { id: "AG_KIND" source_law: AVG use: CONSENT to_age: 15 capable { one_of: [PARENT] } incapable { one_of: [PARENT] } }
age_rules { id: "AG_ZELF" source_law: AVG use: CONSENT from_age: 16 no_upper_age: true capable { one_of: [SELF] } incapable { one_of: [REPRESENTATIVE] } }
age_rules { id: "AG_INZAGE" source_law: AVG use: INZAGE from_age: 12 no_upper_age: true capable { one_of: [SELF] } incapable { one_of: [REPRESENTATIVE] } }
secrecies { id: "GEEN" }
terms {
  police_years: 5 recent_months: 12 timebox_hours: 72 acute_hours: 72 min_cell: 10
  age_of_majority: 18 wams_min_domains: 2 wams_social_acts: ["WMO"]
}
)";

constexpr std::string_view kConvenant = R"(
id: "klein" version: "1" valid_from: "2026-01-01" valid_until: "2099-12-31" statute: "statuut"
phases { id: "AVE_2" }
stages { id: "ONDERZOEK" }
purposes { id: "D01" }
purposes { id: "D02" }
categories { id: "C01" }
hats { id: "BRON" bsn_entitled: true }
hats { id: "POLITIE" police: true bsn_entitled: true }
hats { id: "BURGEMEESTER" wvggz: BURGEMEESTER bsn_entitled: true }
hats { id: "ZORG" wvggz: ZORGAANBIEDER bsn_entitled: true }
hats { id: "VRAGER" bsn_entitled: true }
hats { id: "GAST" }
hats { id: "ZONDER_BSN" }
fields { nr: 1 name: "veld" category: "C01" data_class: GEWOON secrecy: "GEEN" source_law: AVG each_holder_owns: true }
fields { nr: 2 name: "bsn" category: "C01" data_class: BSN secrecy: "GEEN" source_law: AVG each_holder_owns: true }
fields { nr: 3 name: "adres" category: "C01" data_class: GEWOON secrecy: "GEEN" source_law: AVG each_holder_owns: true locates_person: true }
fields { nr: 4 name: "elders" category: "C01" data_class: GEWOON secrecy: "GEEN" source_law: AVG each_holder_owns: true }
tafels {
  id: "K_KANAAL" soort: WETTELIJK_KANAAL regime: SECTOR phases: ["AVE_2"] purposes: ["D01", "D02"] person_data: true
  member_hats: ["BRON", "POLITIE", "BURGEMEESTER", "ZORG", "VRAGER", "ZONDER_BSN"] guest_hats: ["GAST"]
}
tafels {
  id: "K_WAMS" soort: WETTELIJK_KANAAL regime: WAMS phases: ["AVE_2"] stages: ["ONDERZOEK"] purposes: ["D01"] person_data: true
  member_hats: ["BRON", "VRAGER"]
}
parties { id: "P_BRON" oin: "00000099000000001000" hats: ["BRON", "POLITIE", "GAST"] municipality: "Almelo" acceded_on: "2026-01-01" }
parties { id: "P_VRAGER" oin: "00000099000000002000" hats: ["VRAGER", "ZORG", "BURGEMEESTER", "GAST", "ZONDER_BSN"] municipality: "Almelo" acceded_on: "2026-01-01" }
parties { id: "P_DERDE" oin: "00000099000000003000" hats: ["VRAGER"] municipality: "Enschede" acceded_on: "2026-01-01" }
grants {
  id: "M01"
  source_hats: ["BRON", "POLITIE", "BURGEMEESTER", "GAST"]
  recipient_hats: ["VRAGER", "ZORG", "BURGEMEESTER", "GAST", "ZONDER_BSN"]
  fields: ["veld", "bsn", "adres"] tafels: ["K_KANAAL", "K_WAMS"] phases: ["AVE_2"] purposes: ["D01"] grondslagen: ["G_RIJ"]
}
)";

}  // namespace

template <typename Message>
Message Parse(std::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) << text;
  return message;
}
template v1::Facts Parse<v1::Facts>(std::string_view);
template v1::Field Parse<v1::Field>(std::string_view);
template v1::Retention Parse<v1::Retention>(std::string_view);
template v1::DecisionRequest Parse<v1::DecisionRequest>(std::string_view);
template v1::OperatorSwitches Parse<v1::OperatorSwitches>(std::string_view);

Input Complete(const Given& given, std::string_view now) {
  Input input;
  input.now = *policy_oracle::ParseInstant(now);
  input.facts = Parse<v1::Facts>(given.facts);
  input.request = Parse<v1::DecisionRequest>(given.request);
  v1::DecisionRequest& request = input.request;
  const auto set_default = [](std::string* text, const char* value) {
    if (text->empty()) *text = value;
  };
  set_default(request.mutable_partij(), "P_VRAGER");
  set_default(request.mutable_acting_hat(), "VRAGER");
  set_default(request.mutable_professional(), "arts-1");
  set_default(request.mutable_casus(), "C-1");
  set_default(request.mutable_tafel(), "K_KANAAL");
  set_default(request.mutable_purpose(), "D01");
  set_default(request.mutable_person(), "anna");
  set_default(request.mutable_source()->mutable_partij(), "P_BRON");
  set_default(request.mutable_source()->mutable_hat(), "BRON");
  if (request.fields().empty()) {
    request.add_fields()->set_field("veld");
    request.mutable_fields(0)->set_motivation("nodig voor het plan");
  }
  v1::CasusFacts& casus = *input.facts.mutable_casus();
  set_default(casus.mutable_id(), "C-1");
  set_default(casus.mutable_phase(), "AVE_2");
  set_default(casus.mutable_municipality(), "Almelo");
  casus.set_status(v1::CasusFacts::OPEN);
  if (casus.persons().empty()) casus.add_persons();
  v1::CasusPerson& person = *casus.mutable_persons(0);
  set_default(person.mutable_id(), "anna");
  if (person.role() == v1::PersonRole::PERSON_ROLE_UNSPECIFIED)
    person.set_role(v1::PersonRole::BETROKKENE);
  set_default(person.mutable_birth_date(), "1990-05-17");
  v1::Professional& professional = *input.facts.add_professionals();
  professional.set_id("arts-1");
  professional.set_partij("P_VRAGER");
  professional.add_hats(request.acting_hat());
  professional.set_active(true);
  // Functions are given to a professional without a name.
  for (v1::Professional& other : *input.facts.mutable_professionals()) {
    if (other.id().empty()) professional.mutable_functions()->MergeFrom(other.functions());
  }
  return input;
}

Documents PolicyWith(v1::Condition::Id condition, const Given& given) {
  Documents documents;
  documents.statute = Parse<v1::Statute>(kStatute);
  documents.convenant = Parse<v1::Convenant>(kConvenant);
  documents.switches = Parse<v1::OperatorSwitches>(given.switches);
  documents.statute.mutable_rows(0)->add_conditions(condition);
  return documents;
}

// What both evaluators say about the first field asked.
policy_oracle::FieldResult Decided(const Documents& documents, const Input& input) {
  const policy_oracle::Result engine = EngineResult(*CompileOrDie(documents), input);
  const policy_oracle::Result oracle = OracleResult(documents, input);
  EXPECT_EQ(Differences(engine, oracle), "");
  EXPECT_FALSE(engine.malformed || engine.bulk) << engine.malformed_element;
  const auto found = engine.fields.find(input.request.fields(0).field());
  EXPECT_NE(found, engine.fields.end());
  return found == engine.fields.end() ? policy_oracle::FieldResult() : found->second;
}

}  // namespace sluis::policy
