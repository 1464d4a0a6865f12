#pragma once

#include <string_view>

namespace sluis::policy {

// Small documents that compile together, for tests that break or change one thing in them.

inline constexpr std::string_view kSmallStatute = R"(id: "statuut"
version: "1"
rows {
  id: "G_GEWOON"
  citation: "artikel 1"
  regimes: [SECTOR]
  valid_from: "2020-01-01"
  valid_until: "2099-12-31"
  source_hats: ["BRON"]
  recipient_hats: ["VRAGER"]
  categories: ["C01"]
  classes: [GEWOON]
  purposes: ["D01"]
  duty: MAY
}
rows {
  id: "G_GEZOND"
  citation: "artikel 2"
  regimes: [SECTOR]
  valid_from: "2020-01-01"
  source_hats: ["ARTS"]
  recipient_hats: ["VRAGER"]
  categories: ["C01", "C02"]
  purposes: ["D01", "D02"]
  duty: MAY
  conditions: [WETTELIJKE_TAAK_BENOEMD]
  tasks: ["TAAK"]
}
rows {
  id: "G_UIT"
  citation: "artikel 3"
  regimes: [WAMS]
  off_until_dated: true
  source_hats: ["BRON"]
  recipient_hats: ["VRAGER"]
  categories: ["C01"]
  purposes: ["D01"]
  duty: MAY
}
age_rules {
  id: "AG_ALLE"
  source_law: AVG
  use: CONSENT
  to_age: 15
  capable { one_of: [PARENT] }
  incapable { one_of: [PARENT] }
}
secrecies { id: "GEEN" }
terms {
  police_years: 5
  recent_months: 12
  timebox_hours: 72
  acute_hours: 72
  min_cell: 10
  age_of_majority: 18
  wams_min_domains: 2
}
)";

inline constexpr std::string_view kSmallConvenant = R"(id: "klein"
version: "1"
valid_from: "2026-01-01"
valid_until: "2099-12-31"
statute: "statuut"
phases { id: "AVE_1" }
stages { id: "ONDERZOEK" }
purposes { id: "D01" }
purposes { id: "D02" }
categories { id: "C01" }
categories { id: "C02" }
hats { id: "BRON" wgs_status: "LID1_f" }
hats { id: "ARTS" wgs_status: "LID2_a" }
hats { id: "VRAGER" wgs_status: "LID1_e" }
hats { id: "BUUR" wgs_status: "GEEN" }
fields { nr: 1 name: "adres" category: "C01" data_class: GEWOON secrecy: "GEEN" source_law: AVG owner_hats: ["BRON", "ARTS"] }
fields { nr: 2 name: "ziekte" category: "C01" data_class: BIJZONDER_GEZONDHEID secrecy: "GEEN" source_law: AVG owner_hats: ["BRON", "ARTS"] }
fields { nr: 3 name: "schuld" category: "C02" data_class: GEWOON secrecy: "GEEN" source_law: AVG each_holder_owns: true }
tafels {
  id: "T_SECTOR"
  soort: OVERLEG
  regime: SECTOR
  phases: ["AVE_1"]
  member_hats: ["BRON", "ARTS", "VRAGER"]
  guest_hats: ["BUUR"]
  person_data: true
  purposes: ["D01", "D02"]
}
tafels {
  id: "T_WAMS"
  soort: OVERLEG
  regime: WAMS
  phases: ["AVE_1"]
  stages: ["ONDERZOEK"]
  member_hats: ["BRON", "ARTS", "VRAGER"]
  person_data: true
  purposes: ["D01"]
}
tafels {
  id: "T_ZVH"
  soort: OVERLEG
  regime: WGS_SAMENWERKING
  phases: ["AVE_1"]
  member_hats: ["BRON", "ARTS", "VRAGER"]
  person_data: true
  purposes: ["D01"]
}
parties { id: "P_EEN" oin: "00000099000000001000" hats: ["BRON", "ARTS"] acceded_on: "2026-01-01" }
parties { id: "P_TWEE" oin: "00000099000000002000" hats: ["VRAGER", "BUUR"] acceded_on: "2026-01-01" left_on: "2030-12-31" }
exclusions { id: "X01" kind: VELD fields: ["schuld"] recipient_hats: ["BUUR"] code: CATEGORY_EXCLUDED }
grants {
  id: "M01"
  source_hats: ["BRON"]
  recipient_hats: ["VRAGER"]
  fields: ["adres"]
  tafels: ["T_SECTOR"]
  phases: ["AVE_1"]
  purposes: ["D01"]
  grondslagen: ["G_GEWOON"]
}
retention { id: "RT_VAST" holder_hats: ["BRON"] term: 5 unit: JAAR anchor: EERSTE_VERWERKING }
retention { id: "RT_WAMS" holder_hats: ["BRON"] anchor: EERSTE_VERWERKING gates_regime: WAMS }
scaling { from: ["AVE_1"] to: "AVE_1" hats: ["BRON"] }
closing { regime: SECTOR hats: ["BRON"] }
admission { regime: WGS_SAMENWERKING hats: ["BRON"] placement_required: true }
competences { fact: "ots" hats: ["BRON"] }
)";

inline constexpr std::string_view kSmallSwitches =
    R"(rows { row: "G_UIT" from: "2026-01-01" until: "2027-12-31" source: "Staatsblad" }
terms { id: "RT_WAMS" term: 2 unit: JAAR source: "besluit" }
decisions { condition: MACHTIGING_GELDIG from: "2026-01-01" until: "2026-12-31" source: "besluit" }
)";

}  // namespace sluis::policy
