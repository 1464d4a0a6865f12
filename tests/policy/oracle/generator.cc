#include "sluis/policy_oracle/generator.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "containment.h"
#include "dice.h"
#include "google/protobuf/text_format.h"

#include "sluis/base/check.h"

namespace sluis::policy_oracle {

Result Evaluate(const Policy& policy, const Input& input) {
  return Evaluate(policy.statute, policy.convenant, policy.switches, input.facts, input.request,
                  input.now);
}

// --- The reference policy -----------------------------------------------------------------------

namespace {

template <typename Message>
Message ReadDocument(const std::string& name) {
  std::ifstream file(absl::StrCat(SLUIS_SOURCE_DIR, "/policy/documents/", name));
  SLUIS_CHECK(file.good());
  std::stringstream text;
  text << file.rdbuf();
  Message message;
  SLUIS_CHECK(google::protobuf::TextFormat::ParseFromString(text.str(), &message));
  return message;
}

}  // namespace

Policy ReferencePolicy() {
  static const Policy& policy =
      *new Policy{.statute = ReadDocument<v1::Statute>("statute.textproto"),
                  .convenant = ReadDocument<v1::Convenant>("ave-twente.textproto"),
                  .switches = {}};
  return policy;
}

// --- Load rules ---------------------------------------------------------------------------------

namespace {

bool HasClosedSet(const google::protobuf::RepeatedField<int>& conditions) {
  return Has(conditions, static_cast<int>(v1::Condition::GESLOTEN_SET));
}

// The cited rows under which the grant is a closed signal, by their places in `grondslagen`.
std::vector<int> ClosingRows(const v1::Statute& statute, const v1::Grant& grant) {
  std::vector<int> places;
  for (int i = 0; i < grant.grondslagen_size(); ++i) {
    const v1::StatuteRow* row = RowOf(statute, grant.grondslagen(i));
    if (row != nullptr && (HasClosedSet(grant.conditions()) || HasClosedSet(row->conditions())))
      places.push_back(i);
  }
  return places;
}

template <typename List>
bool Meet(const List& a, const List& b) {
  return std::any_of(a.begin(), a.end(), [&](const auto& element) { return Has(b, element); });
}

bool MeetInAField(const v1::Grant& a, const v1::Grant& b) {
  return Meet(a.source_hats(), b.source_hats()) && Meet(a.recipient_hats(), b.recipient_hats()) &&
         Meet(a.fields(), b.fields()) && Meet(a.tafels(), b.tafels()) &&
         Meet(a.phases(), b.phases()) && Meet(a.purposes(), b.purposes()) &&
         (a.stages().empty() || b.stages().empty() || Meet(a.stages(), b.stages()));
}

class Loader {
 public:
  explicit Loader(const Policy& policy) : policy_(policy) {}

  std::vector<std::string> Problems() {
    CheckUniqueIds();
    CheckVocabulary();
    CheckRows();
    CheckTafels();
    CheckGrants();
    CheckExclusions();
    CheckSwitches();
    return std::move(problems_);
  }

 private:
  template <typename... Parts>
  void Problem(const Parts&... parts) {
    problems_.push_back(absl::StrCat(parts...));
  }

  template <typename List>
  void CheckUnique(const char* what, const List& list) {
    std::set<std::string> seen;
    for (const std::string& id : list) {
      if (id.empty() || !seen.insert(id).second) Problem(what, " ", id, ": empty or twice");
    }
  }

  template <typename List>
  static std::vector<std::string> IdsOf(const List& list) {
    std::vector<std::string> ids;
    for (const auto& element : list) ids.push_back(element.id());
    return ids;
  }

  std::vector<std::string> FieldNames() const {
    std::vector<std::string> names;
    for (const v1::Field& field : policy_.convenant.fields()) names.push_back(field.name());
    return names;
  }

  // Every name is in the vocabulary, and none stands there twice.
  template <typename List>
  void CheckNames(const std::string& where, const List& names,
                  const std::vector<std::string>& vocabulary) {
    std::set<std::string> seen;
    for (const std::string& name : names) {
      if (!Has(vocabulary, name)) Problem(where, ": ", name, " is unknown");
      if (!seen.insert(name).second) Problem(where, ": ", name, " stands there twice");
    }
  }

  template <typename List>
  void CheckFilled(const std::string& where, const List& list) {
    if (list.empty()) Problem(where, " is empty");
  }

  void CheckUniqueIds() {
    const v1::Convenant& convenant = policy_.convenant;
    CheckUnique("phase", IdsOf(convenant.phases()));
    CheckUnique("stage", IdsOf(convenant.stages()));
    CheckUnique("purpose", IdsOf(convenant.purposes()));
    CheckUnique("category", IdsOf(convenant.categories()));
    CheckUnique("hat", IdsOf(convenant.hats()));
    CheckUnique("field", FieldNames());
    CheckUnique("tafel", IdsOf(convenant.tafels()));
    CheckUnique("partij", IdsOf(convenant.parties()));
    CheckUnique("exclusion", IdsOf(convenant.exclusions()));
    CheckUnique("grant", IdsOf(convenant.grants()));
    CheckUnique("retention", IdsOf(convenant.retention()));
    CheckUnique("row", IdsOf(policy_.statute.rows()));
    CheckUnique("secrecy", IdsOf(policy_.statute.secrecies()));
    std::vector<std::string> oins;
    for (const v1::Partij& partij : convenant.parties()) oins.push_back(partij.oin());
    CheckUnique("oin", oins);
  }

  void CheckVocabulary() {
    const v1::Convenant& convenant = policy_.convenant;
    if (Has(IdsOf(convenant.hats()), "ZVH")) Problem("hat ZVH: the ZVH is nobody");
    for (const v1::Field& field : convenant.fields()) {
      CheckNames(field.name(), std::vector<std::string>{field.category()},
                 IdsOf(convenant.categories()));
      CheckNames(field.name(), std::vector<std::string>{field.secrecy()},
                 IdsOf(policy_.statute.secrecies()));
      CheckNames(field.name(), field.owner_hats(), IdsOf(convenant.hats()));
      if (field.owner_hats().empty() != field.each_holder_owns()) {
        Problem(field.name(), ": either owners or each holder");
      }
    }
    for (const v1::Partij& partij : convenant.parties()) {
      CheckNames(partij.id(), partij.hats(), IdsOf(convenant.hats()));
      if (partij.oin().size() != 20) Problem(partij.id(), ": oin");
    }
    for (const v1::Retention& retention : convenant.retention()) {
      CheckNames(retention.id(), retention.holder_hats(), IdsOf(convenant.hats()));
    }
  }

  void CheckRows() {
    const v1::Convenant& convenant = policy_.convenant;
    for (const v1::StatuteRow& row : policy_.statute.rows()) {
      CheckFilled(row.id() + ".regimes", row.regimes());
      CheckFilled(row.id() + ".source_hats", row.source_hats());
      CheckFilled(row.id() + ".recipient_hats", row.recipient_hats());
      CheckFilled(row.id() + ".categories", row.categories());
      CheckFilled(row.id() + ".purposes", row.purposes());
      CheckNames(row.id(), row.source_hats(), IdsOf(convenant.hats()));
      CheckNames(row.id(), row.recipient_hats(), IdsOf(convenant.hats()));
      CheckNames(row.id(), row.categories(), IdsOf(convenant.categories()));
      CheckNames(row.id(), row.purposes(), IdsOf(convenant.purposes()));
      if (!row.valid_until().empty() && row.valid_until() < row.valid_from())
        Problem("row ", row.id(), " ends before it starts");
      if (row.off_until_dated() != row.valid_from().empty()) {
        Problem(row.id(), ": either a first day or off until dated");
      }
      if (row.opens_regime() != v1::Regime::REGIME_UNSPECIFIED &&
          !Has(row.regimes(), static_cast<int>(row.opens_regime()))) {
        Problem(row.id(), ": opens a regime that is not its own");
      }
    }
  }

  void CheckTafels() {
    const v1::Convenant& convenant = policy_.convenant;
    for (const v1::Tafel& tafel : convenant.tafels()) {
      CheckNames(tafel.id(), tafel.phases(), IdsOf(convenant.phases()));
      CheckNames(tafel.id(), tafel.stages(), IdsOf(convenant.stages()));
      CheckNames(tafel.id(), tafel.purposes(), IdsOf(convenant.purposes()));
      CheckNames(tafel.id(), tafel.member_hats(), IdsOf(convenant.hats()));
      CheckNames(tafel.id(), tafel.guest_hats(), IdsOf(convenant.hats()));
      if (tafel.all_hats() == !tafel.member_hats().empty()) {
        Problem(tafel.id(), ": either all hats or members");
      }
      if (!tafel.stages().empty() && tafel.regime() != v1::Regime::WAMS) {
        Problem(tafel.id(), ": stages at a tafel of another regime");
      }
      for (const std::string& guest : tafel.guest_hats()) {
        if (tafel.all_hats() || Has(tafel.member_hats(), guest)) {
          Problem(tafel.id(), ": ", guest, " is member and guest");
        }
      }
      if (tafel.soort() == v1::TafelSoort::OVERLEG &&
          tafel.regime() == v1::Regime::WGS_SAMENWERKING) {
        CheckWgsMembers(tafel);
      }
    }
  }

  void CheckWgsMembers(const v1::Tafel& tafel) {
    for (const v1::Hat& hat : policy_.convenant.hats()) {
      const bool member = tafel.all_hats() || Has(tafel.member_hats(), hat.id());
      if (member && !absl::StartsWith(hat.wgs_status(), "LID1_") &&
          !absl::StartsWith(hat.wgs_status(), "LID2_") &&
          !absl::StartsWith(hat.wgs_status(), "VIA_")) {
        Problem(tafel.id(), ": ", hat.id(), " is no participant");
      }
    }
  }

  void CheckGrants() {
    const v1::Convenant& convenant = policy_.convenant;
    for (const v1::Grant& grant : convenant.grants()) {
      CheckFilled(grant.id() + ".source_hats", grant.source_hats());
      CheckFilled(grant.id() + ".recipient_hats", grant.recipient_hats());
      CheckFilled(grant.id() + ".fields", grant.fields());
      CheckFilled(grant.id() + ".tafels", grant.tafels());
      CheckFilled(grant.id() + ".phases", grant.phases());
      CheckFilled(grant.id() + ".purposes", grant.purposes());
      CheckFilled(grant.id() + ".grondslagen", grant.grondslagen());
      CheckNames(grant.id(), grant.source_hats(), IdsOf(convenant.hats()));
      CheckNames(grant.id(), grant.recipient_hats(), IdsOf(convenant.hats()));
      CheckNames(grant.id(), grant.fields(), FieldNames());
      CheckNames(grant.id(), grant.tafels(), IdsOf(convenant.tafels()));
      CheckNames(grant.id(), grant.phases(), IdsOf(convenant.phases()));
      CheckNames(grant.id(), grant.stages(), IdsOf(convenant.stages()));
      CheckNames(grant.id(), grant.purposes(), IdsOf(convenant.purposes()));
      CheckNames(grant.id(), grant.grondslagen(), IdsOf(policy_.statute.rows()));
      CheckStages(grant);
      CheckContainment(grant);
    }
    CheckSignals();
  }

  // A grant closes its set by one row, and no two closed sets meet in a field.
  void CheckSignals() {
    std::vector<const v1::Grant*> closing;
    for (const v1::Grant& grant : policy_.convenant.grants()) {
      const size_t rows = ClosingRows(policy_.statute, grant).size();
      if (rows == 0) continue;
      if (rows > 1) Problem(grant.id(), " closes its set by several rows");
      for (const v1::Grant* earlier : closing) {
        if (MeetInAField(grant, *earlier)) Problem(grant.id(), " and ", earlier->id(), " overlap");
      }
      closing.push_back(&grant);
    }
  }

  // A grant lists stages where all its tafels are of regime WAMS, and only there.
  void CheckStages(const v1::Grant& grant) {
    bool all_wams = true;
    for (const std::string& id : grant.tafels()) {
      const v1::Tafel* tafel = TafelOf(policy_.convenant, id);
      if (tafel != nullptr && tafel->regime() != v1::Regime::WAMS) all_wams = false;
    }
    if (all_wams == grant.stages().empty()) Problem(grant.id(), ": stages");
  }

  // The convenant narrows the statute, never widens it.
  void CheckContainment(const v1::Grant& grant) {
    const std::vector<Reach> reach = ReachOf(policy_.convenant, grant);
    std::set<std::string> covered;
    for (const Reach& one : reach) {
      bool contained = false;
      for (const std::string& purpose : CommonPurposes(grant, *one.tafel)) {
        for (const std::string& id : grant.grondslagen()) {
          const v1::StatuteRow* row = RowOf(policy_.statute, id);
          if (row == nullptr || !RowContains(*row, one, purpose)) continue;
          contained = true;
          covered.insert(purpose);
        }
      }
      if (!contained) {
        Problem(grant.id(), ": no row for ", one.source_hat, " to ", one.recipient_hat, ", ",
                one.field->name(), " at ", one.tafel->id());
      }
    }
    if (reach.empty()) return;
    for (const std::string& purpose : grant.purposes()) {
      if (covered.count(purpose) == 0) Problem(grant.id(), ": no row for ", purpose);
    }
  }

  void CheckExclusions() {
    const v1::Convenant& convenant = policy_.convenant;
    for (const v1::Exclusion& exclusion : convenant.exclusions()) {
      CheckNames(exclusion.id(), exclusion.tafels(), IdsOf(convenant.tafels()));
      CheckNames(exclusion.id(), exclusion.recipient_hats(), IdsOf(convenant.hats()));
      CheckNames(exclusion.id(), exclusion.fields(), FieldNames());
      CheckNames(exclusion.id(), exclusion.categories(), IdsOf(convenant.categories()));
      CheckNames(exclusion.id(), exclusion.purposes(), IdsOf(convenant.purposes()));
      CheckNames(exclusion.id(), exclusion.stages(), IdsOf(convenant.stages()));
    }
  }

  void CheckSwitches() {
    for (const auto& dates : policy_.switches.rows()) {
      const v1::StatuteRow* row = RowOf(policy_.statute, dates.row());
      if (row == nullptr || !row->off_until_dated()) Problem("switch ", dates.row());
    }
  }

  const Policy& policy_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> LoadProblems(const Policy& policy) { return Loader(policy).Problems(); }

// --- Random policies ----------------------------------------------------------------------------

namespace {

constexpr int kConditions = 54;

// Conditions that are about a row, a signal or a mandate (see the header).
bool MayStandInUnless(int condition) {
  switch (condition) {
    case v1::Condition::WETTELIJKE_TAAK_BENOEMD:
    case v1::Condition::GEZAG_OF_OPENBARE_ORDE:
    case v1::Condition::EIGEN_BEVOEGDHEID_BENOEMD:
    case v1::Condition::INZAGE_TOEGESTAAN:
    case v1::Condition::GESLOTEN_SET:
      return false;
    default:
      return true;
  }
}

bool MayStandInOneOf(int condition) {
  return condition != v1::Condition::GESLOTEN_SET && condition != v1::Condition::MANDAAT_VAN_KRACHT;
}

// Some dates around the instants of RandomInstant, for what is nearly over or has nearly begun.
const std::vector<std::string>& BoundaryDays() {
  static const std::vector<std::string>& days = *new std::vector<std::string>{
      "2026-11-22", "2026-11-23", "2026-11-24", "2026-12-31", "2027-02-28"};
  return days;
}

class PolicyMaker {
 public:
  PolicyMaker(Rng& rng, int size) : dice_(rng), size_(size) {}

  Policy Make() {
    MakeVocabulary();
    MakeHats();
    MakeFields();
    MakeTafels();
    MakeParties();
    MakeRows();
    MakeGrants();
    MakeExclusions();
    MakeRetention();
    MakeAdmission();
    MakeSwitches();
    return std::move(policy_);
  }

 private:
  v1::Convenant& convenant() { return policy_.convenant; }
  v1::Statute& statute() { return policy_.statute; }

  // `least`, and more for larger policies, up to `most`.
  int Count(int least, int most) {
    return dice_.Between(least, least + (most - least) * size_ / 10);
  }

  template <typename List>
  static void Assign(const std::vector<std::string>& from, List* list) {
    list->Clear();
    for (const std::string& element : from) *list->Add() = element;
  }

  void MakeVocabulary() {
    convenant().set_id("klein");
    convenant().set_version("1");
    convenant().set_statute("klein-statuut");
    convenant().set_valid_from("2026-01-01");
    convenant().set_valid_until(dice_.Percent(3) ? dice_.Pick(BoundaryDays()) : "2099-12-31");
    statute().set_id("klein-statuut");
    statute().set_version("1");
    *statute().mutable_age_rules() = ReferencePolicy().statute.age_rules();
    *statute().mutable_secrecies() = ReferencePolicy().statute.secrecies();
    *statute().mutable_terms() = ReferencePolicy().statute.terms();

    for (const v1::Secrecy& secrecy : statute().secrecies()) secrecies_.push_back(secrecy.id());
    for (int i = 1; i <= Count(2, 3); ++i) phases_.push_back(absl::StrCat("AVE_", i));
    stages_ = {"MELDING", "ONDERZOEK", "AANPAK", "AFSLUITING"};
    for (int i = 1; i <= Count(3, 5); ++i) purposes_.push_back(absl::StrFormat("D%02d", i));
    for (int i = 1; i <= Count(2, 4); ++i) categories_.push_back(absl::StrFormat("C%02d", i));
    for (const std::string& id : phases_) {
      v1::Phase& phase = *convenant().add_phases();
      phase.set_id(id);
      phase.set_nl("fase");
      phase.set_en("phase");
    }
    for (const std::string& id : stages_) {
      v1::Stage& stage = *convenant().add_stages();
      stage.set_id(id);
      stage.set_nl("stadium");
      stage.set_closes(id == "AFSLUITING");
    }
    for (const std::string& id : purposes_) AddPurpose(id, /*prohibited=*/false);
    AddPurpose("D90", /*prohibited=*/true);
    for (const std::string& id : categories_) {
      v1::Category& category = *convenant().add_categories();
      category.set_id(id);
      category.set_nl("categorie");
      category.set_en("category");
      category.set_wgs_2_30("ja");
    }
  }

  void AddPurpose(const std::string& id, bool prohibited) {
    v1::Purpose& purpose = *convenant().add_purposes();
    purpose.set_id(id);
    purpose.set_nl("DOEL");
    purpose.set_en("purpose");
    purpose.set_prohibited(prohibited);
  }

  void MakeHats() {
    const int count = Count(3, 6);
    for (int i = 0; i < count; ++i) {
      v1::Hat& hat = *convenant().add_hats();
      hat.set_id(absl::StrCat("PET_", std::string(1, static_cast<char>('A' + i))));
      hat.set_nl("pet");
      hat.set_en("hat");
      const std::vector<std::string> statuses = {"LID1_c", "LID1_f", "LID2_d", "VIA_f", "GEEN"};
      hat.set_wgs_status(i == 0 ? "LID1_a" : dice_.Pick(statuses));
      hat.set_bsn_entitled(dice_.Percent(65));
      hat.set_police(dice_.Percent(25));
      hat.set_staff_of_partij(dice_.Percent(20));
      if (dice_.Percent(25)) {
        hat.set_wvggz(v1::Hat::ZORGAANBIEDER);
      } else if (dice_.Percent(25)) {
        hat.set_wvggz(v1::Hat::BURGEMEESTER);
      }
      hats_.push_back(hat.id());
      if (hat.wgs_status() != "GEEN") wgs_hats_.push_back(hat.id());
    }
  }

  void MakeFields() {
    const int count = Count(3, 8);
    for (int i = 1; i <= count; ++i) {
      v1::Field& field = *convenant().add_fields();
      field.set_nr(i);
      field.set_name(absl::StrCat("veld_", std::string(1, static_cast<char>('a' + i - 1))));
      field.set_type("text");
      field.set_category(dice_.Pick(categories_));
      field.set_data_class(static_cast<v1::DataClass::Id>(dice_.Between(1, 8)));
      if (dice_.Percent(40)) field.set_data_class(v1::DataClass::BIJZONDER_GEZONDHEID);
      field.set_secrecy(dice_.Pick(secrecies_));
      field.set_source_law(static_cast<v1::SourceLaw::Id>(dice_.Between(1, 4)));
      field.set_each_holder_owns(dice_.Percent(30));
      if (!field.each_holder_owns()) Assign(dice_.Some(hats_, 1, 3), field.mutable_owner_hats());
      field.set_ncnd(dice_.Percent(15));
      field.set_locates_person(dice_.Percent(25));
      fields_.push_back(field.name());
    }
  }

  void MakeTafels() {
    const int count = Count(2, 5);
    for (int i = 1; i <= count; ++i) {
      v1::Tafel& tafel = *convenant().add_tafels();
      const int soort = dice_.Between(1, 100);
      tafel.set_soort(soort <= 50   ? v1::TafelSoort::OVERLEG
                      : soort <= 88 ? v1::TafelSoort::WETTELIJK_KANAAL
                                    : v1::TafelSoort::BESTUURLIJK);
      tafel.set_id(absl::StrCat(tafel.soort() == v1::TafelSoort::WETTELIJK_KANAAL ? "K_" : "T_",
                                "TAFEL_", i));
      tafel.set_nl("tafel");
      const int regime = dice_.Between(1, 100);
      tafel.set_regime(regime <= 45   ? v1::Regime::SECTOR
                       : regime <= 70 ? v1::Regime::WAMS
                                      : v1::Regime::WGS_SAMENWERKING);
      tafel.set_person_data(tafel.soort() != v1::TafelSoort::BESTUURLIJK);
      Assign(dice_.Some(phases_, 1, 3), tafel.mutable_phases());
      if (tafel.regime() == v1::Regime::WAMS) {
        Assign(dice_.Some(stages_, 2, 4), tafel.mutable_stages());
      }
      Assign(dice_.Some(purposes_, 1, 3), tafel.mutable_purposes());
      tafel.set_open_after_closing(dice_.Percent(10));
      MakeSeats(tafel);
      tafels_.push_back(tafel.id());
    }
  }

  void MakeSeats(v1::Tafel& tafel) {
    const bool participants_only =
        tafel.soort() == v1::TafelSoort::OVERLEG && tafel.regime() == v1::Regime::WGS_SAMENWERKING;
    if (!participants_only && dice_.Percent(12)) {
      tafel.set_all_hats(true);
      return;
    }
    Assign(dice_.Some(participants_only ? wgs_hats_ : hats_, 1, 4), tafel.mutable_member_hats());
    std::vector<std::string> others;
    for (const std::string& hat : hats_) {
      if (!Has(tafel.member_hats(), hat)) others.push_back(hat);
    }
    if (dice_.Percent(60)) Assign(dice_.Some(others, 1, 2), tafel.mutable_guest_hats());
  }

  void MakeParties() {
    const int count = Count(2, 5);
    for (int i = 1; i <= count; ++i) {
      v1::Partij& partij = *convenant().add_parties();
      partij.set_id(absl::StrCat("P_", i));
      partij.set_nl("partij");
      partij.set_oin(absl::StrFormat("00000099%09d000", i));
      Assign(dice_.Some(hats_, 1, 4), partij.mutable_hats());
      const std::vector<std::string> municipalities = {"Almelo", "Enschede", "Almelo", ""};
      partij.set_municipality(dice_.Pick(municipalities));
      partij.set_acceded_on(dice_.Percent(3) ? dice_.Pick(BoundaryDays()) : "2026-01-01");
      if (dice_.Percent(5)) partij.set_left_on(dice_.Pick(BoundaryDays()));
    }
    // Every hat is held by somebody, or its seats would be for nobody.
    for (const std::string& hat : hats_) {
      bool held = false;
      for (const v1::Partij& partij : convenant().parties()) held |= Has(partij.hats(), hat);
      if (!held) {
        *convenant()
             .mutable_parties(static_cast<int>(dice_.Index(static_cast<size_t>(count))))
             ->add_hats() = hat;
      }
    }
  }

  // --- Statute ---------------------------------------------------------------------------------

  // Those with three values, and those that are rarely untrue, more often than the others.
  v1::Condition::Id AnyCondition() {
    if (dice_.Percent(12)) return v1::Condition::TOESTEMMING_UITDRUKKELIJK;
    if (dice_.Percent(12)) {
      return static_cast<v1::Condition::Id>(
          dice_.Between(v1::Condition::BESLUIT_GOED_HULPVERLENERSCHAP, v1::Condition::VIER_OGEN));
    }
    if (dice_.Percent(8)) {
      const std::vector<v1::Condition::Id> rare = {
          v1::Condition::DEELNEMER_IN_CASUS, v1::Condition::POLITIE_TERMIJN_5J,
          v1::Condition::BSN_GERECHTIGD, v1::Condition::MAX_12_MAANDEN_OUD};
      return dice_.Pick(rare);
    }
    return static_cast<v1::Condition::Id>(dice_.Between(1, kConditions));
  }

  template <typename List>
  void AddConditions(int percent, List* list) {
    while (dice_.Percent(percent)) {
      const int condition = AnyCondition();
      if (!Has(*list, condition)) list->Add(condition);
      percent /= 2;
    }
  }

  // Two conditions that stand together in the law: often both.
  void AddTheOther(v1::Condition::Id one, v1::Condition::Id other, v1::StatuteRow& row) {
    if (Has(row.conditions(), static_cast<int>(one)) &&
        !Has(row.conditions(), static_cast<int>(other)) && dice_.Percent(40)) {
      row.add_conditions(other);
    }
  }

  template <typename List>
  void AddOneOf(int percent, List* list) {
    if (!dice_.Percent(percent)) return;
    const int count = dice_.Between(1, 3);
    while (list->size() < count) {
      const int condition = AnyCondition();
      if (MayStandInOneOf(condition) && !Has(*list, condition)) list->Add(condition);
    }
  }

  template <typename List>
  void AddObligations(List* list) {
    const int count = dice_.Between(0, 2);
    for (int i = 0; i < count; ++i) {
      const int obligation = dice_.Between(1, 28);
      if (!Has(*list, obligation)) list->Add(obligation);
    }
  }

  v1::StatuteRow& AddRow() {
    v1::StatuteRow& row = *statute().add_rows();
    row.set_id(absl::StrFormat("G_RIJ_%02d", statute().rows_size()));
    row.set_citation("artikel");
    row.set_law_version("2026-01-01");
    row.set_valid_from("2020-01-01");
    row.set_duty(v1::Duty::MAY);
    row.set_provenance("[aanname]");
    row.set_confidence(v1::Confidence::MEDIUM);
    return row;
  }

  void MakeRows() {
    const int count = Count(3, 10);
    for (int i = 1; i <= count; ++i) {
      v1::StatuteRow& row = AddRow();
      if (dice_.Percent(15)) {
        row.clear_valid_from();
        row.set_off_until_dated(true);
      } else {
        if (dice_.Percent(5)) row.set_valid_from(dice_.Pick(BoundaryDays()));
        if (dice_.Percent(10))
          row.set_valid_until(std::max(row.valid_from(), dice_.Pick(BoundaryDays())));
      }
      if (dice_.Percent(20)) {
        row.add_regimes(v1::Regime::WAMS);
        row.set_opens_regime(v1::Regime::WAMS);
      } else {
        for (const int regime : dice_.Some(std::vector<int>{1, 2, 3}, 1, 3)) {
          row.add_regimes(static_cast<v1::Regime::Id>(regime));
        }
      }
      Assign(dice_.Some(hats_, 1, 4), row.mutable_source_hats());
      Assign(dice_.Some(hats_, 1, 4), row.mutable_recipient_hats());
      Assign(dice_.Some(categories_, 1, 3), row.mutable_categories());
      if (dice_.Percent(50)) {
        for (const int data_class : dice_.Some(std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8}, 1, 5)) {
          row.add_classes(static_cast<v1::DataClass::Id>(data_class));
        }
      }
      Assign(dice_.Some(purposes_, 1, 3), row.mutable_purposes());
      AddConditions(65, row.mutable_conditions());
      AddTheOther(v1::Condition::INZAGE_TOEGESTAAN, v1::Condition::MANDAAT_VAN_KRACHT, row);
      AddTheOther(v1::Condition::MANDAAT_VAN_KRACHT, v1::Condition::INZAGE_TOEGESTAAN, row);
      AddOneOf(20, row.mutable_one_of());
      AddObligations(row.mutable_obligations());
      Assign(dice_.Some(std::vector<std::string>{"TAAK_1", "TAAK_2", "TAAK_3"}, 1, 2),
             row.mutable_tasks());
      Assign(dice_.Some(std::vector<std::string>{"MACHT_1", "MACHT_2", "MACHT_3"}, 1, 2),
             row.mutable_powers());
    }
  }

  // --- Grants ----------------------------------------------------------------------------------

  void MakeGrants() {
    const int count = Count(3, 12);
    for (int i = 1; i <= count; ++i) {
      v1::Grant& grant = *convenant().add_grants();
      grant.set_id(absl::StrFormat("M%02d", i));
      grant.set_confidence(v1::Confidence::MEDIUM);
      ChooseReach(grant);
      ChooseTafelsPhasesPurposes(grant);
      std::vector<std::string> rows;
      for (const v1::StatuteRow& row : statute().rows()) rows.push_back(row.id());
      dice_.Shuffle(rows);
      rows.resize(std::min<size_t>(rows.size(), static_cast<size_t>(dice_.Between(1, 3))));
      Assign(rows, grant.mutable_grondslagen());
      if (dice_.Percent(25)) grant.add_conditions(v1::Condition::GEMOTIVEERD);
      AddConditions(45, grant.mutable_conditions());
      AddOneOf(15, grant.mutable_one_of());
      if (grant.one_of_size() > 1 && dice_.Percent(30)) CrossChoices(grant);
      AddObligations(grant.mutable_obligations());
      // Often much the same as an earlier one, so that there are several routes to one field.
      const int earlier = convenant().grants_size() - 1;
      if (earlier > 0 && dice_.Percent(30))
        CopyReach(convenant().grants(dice_.Between(0, earlier - 1)), grant);
      if (grant.grondslagen_size() > 1) DropClosedSet(grant);
      for (auto closing = ClosingRows(statute(), grant); closing.size() > 1; closing.pop_back())
        grant.mutable_grondslagen()->DeleteSubrange(closing.back(), 1);
      Contain(grant);
      if (grant.grondslagen_size() > 1 || MeetsAnEarlierSignal(grant)) DropClosedSet(grant);
      if (MeetsAnEarlierSignal(grant)) convenant().mutable_grants()->RemoveLast();
    }
  }

  // The last grant closes a set that shares a field with an earlier closed set.
  bool MeetsAnEarlierSignal(const v1::Grant& grant) {
    if (ClosingRows(statute(), grant).empty()) return false;
    const auto& grants = convenant().grants();
    return std::any_of(grants.begin(), grants.end() - 1, [&](const v1::Grant& earlier) {
      return !ClosingRows(statute(), earlier).empty() && MeetInAField(grant, earlier);
    });
  }

  // The choices of the grant, the other way round, in a row: then the order of choices decides.
  void CrossChoices(const v1::Grant& grant) {
    for (v1::StatuteRow& row : *statute().mutable_rows()) {
      if (!Has(grant.grondslagen(), row.id()) || !row.one_of().empty()) continue;
      for (int i = grant.one_of_size() - 1; i >= 0; --i) row.add_one_of(grant.one_of(i));
      return;
    }
  }

  static void CopyReach(const v1::Grant& from, v1::Grant& grant) {
    *grant.mutable_source_hats() = from.source_hats();
    *grant.mutable_recipient_hats() = from.recipient_hats();
    *grant.mutable_fields() = from.fields();
    *grant.mutable_tafels() = from.tafels();
    *grant.mutable_phases() = from.phases();
    *grant.mutable_stages() = from.stages();
    *grant.mutable_purposes() = from.purposes();
  }

  static void DropClosedSet(v1::Grant& grant) {
    std::vector<int> conditions;
    for (const int condition : grant.conditions()) {
      if (condition != v1::Condition::GESLOTEN_SET) conditions.push_back(condition);
    }
    grant.mutable_conditions()->Clear();
    for (const int condition : conditions) {
      grant.add_conditions(static_cast<v1::Condition::Id>(condition));
    }
  }

  // Somebody with a seat who owns a field, somebody with a seat, and some more.
  void ChooseReach(v1::Grant& grant) {
    const int tries = 20;
    for (int i = 0; i < tries; ++i) {
      const std::string tafel_id = dice_.Pick(tafels_);
      const v1::Tafel& tafel = *TafelOf(convenant(), tafel_id);
      const std::string source = dice_.Pick(hats_);
      const std::string recipient = dice_.Pick(hats_);
      const std::string field = dice_.Pick(fields_);
      const bool last = i + 1 == tries;
      if (!last && (!HasSeatAt(tafel, source) || !HasSeatAt(tafel, recipient) ||
                    !OwnsField(*FieldOf(convenant(), field), source))) {
        continue;
      }
      Assign(With(source, dice_.Some(hats_, 0, 2)), grant.mutable_source_hats());
      Assign(With(recipient, dice_.Some(hats_, 0, 2)), grant.mutable_recipient_hats());
      Assign(With(field, dice_.Some(fields_, 0, 3)), grant.mutable_fields());
      Assign(With(tafel_id, dice_.Some(tafels_, 0, dice_.Percent(50) ? 0 : 1)),
             grant.mutable_tafels());
      return;
    }
  }

  static std::vector<std::string> With(const std::string& first,
                                       const std::vector<std::string>& more) {
    std::vector<std::string> all = {first};
    for (const std::string& element : more) {
      if (element != first) all.push_back(element);
    }
    return all;
  }

  void ChooseTafelsPhasesPurposes(v1::Grant& grant) {
    std::vector<std::string> phases;
    std::vector<std::string> purposes;
    bool all_wams = true;
    for (const std::string& id : grant.tafels()) {
      const v1::Tafel& tafel = *TafelOf(convenant(), id);
      if (tafel.regime() != v1::Regime::WAMS) all_wams = false;
      for (const std::string& phase : dice_.Some(Strings(tafel.phases()), 1, 3)) {
        if (!Has(phases, phase)) phases.push_back(phase);
      }
      for (const std::string& purpose : dice_.Some(Strings(tafel.purposes()), 1, 2)) {
        if (!Has(purposes, purpose)) purposes.push_back(purpose);
      }
    }
    Assign(phases, grant.mutable_phases());
    Assign(purposes, grant.mutable_purposes());
    if (all_wams) Assign(dice_.Some(stages_, 1, 3), grant.mutable_stages());
  }

  // Widens the rows of a grant until they contain it.
  void Contain(v1::Grant& grant) {
    const std::vector<Reach> reach = ReachOf(convenant(), grant);
    if (reach.empty()) return;
    std::set<std::string> covered;
    for (const Reach& one : reach) {
      const std::vector<std::string> purposes = CommonPurposes(grant, *one.tafel);
      if (!CoveredPurposes(grant, one, purposes, covered)) {
        WidenFor(grant, one, dice_.Pick(purposes));
        CoveredPurposes(grant, one, purposes, covered);
      }
    }
    // A purpose that no row covers leaves the grant, or a row is widened for it.
    std::vector<std::string> purposes;
    for (const std::string& purpose : Strings(grant.purposes())) {
      if (covered.count(purpose) == 0 && dice_.Percent(50)) {
        for (const Reach& one : reach) {
          if (!Has(one.tafel->purposes(), purpose)) continue;
          WidenFor(grant, one, purpose);
          covered.insert(purpose);
          break;
        }
      }
      if (covered.count(purpose) != 0) purposes.push_back(purpose);
    }
    Assign(purposes, grant.mutable_purposes());
  }

  bool CoveredPurposes(const v1::Grant& grant, const Reach& reach,
                       const std::vector<std::string>& purposes, std::set<std::string>& covered) {
    bool contained = false;
    for (const std::string& purpose : purposes) {
      for (const std::string& id : grant.grondslagen()) {
        if (!RowContains(*RowOf(statute(), id), reach, purpose)) continue;
        covered.insert(purpose);
        contained = true;
      }
    }
    return contained;
  }

  void WidenFor(v1::Grant& grant, const Reach& reach, const std::string& purpose) {
    v1::StatuteRow& row = RowToWiden(grant, reach.tafel->regime());
    if (!Has(row.regimes(), static_cast<int>(reach.tafel->regime()))) {
      row.add_regimes(reach.tafel->regime());
    }
    AddOnce(reach.source_hat, row.mutable_source_hats());
    AddOnce(reach.recipient_hat, row.mutable_recipient_hats());
    AddOnce(reach.field->category(), row.mutable_categories());
    AddOnce(purpose, row.mutable_purposes());
    if (!row.classes().empty() &&
        !Has(row.classes(), static_cast<int>(reach.field->data_class()))) {
      row.add_classes(reach.field->data_class());
    }
  }

  template <typename List>
  static void AddOnce(const std::string& element, List* list) {
    if (!Has(*list, element)) *list->Add() = element;
  }

  // A row that opens a regime works under that regime alone (L11).
  v1::StatuteRow& RowToWiden(v1::Grant& grant, v1::Regime::Id regime) {
    std::vector<int> candidates;
    for (int i = 0; i < statute().rows_size(); ++i) {
      const v1::StatuteRow& row = statute().rows(i);
      const bool free = row.opens_regime() == v1::Regime::REGIME_UNSPECIFIED;
      if (Has(grant.grondslagen(), row.id()) && (free || row.opens_regime() == regime)) {
        candidates.push_back(i);
      }
    }
    if (!candidates.empty()) return *statute().mutable_rows(dice_.Pick(candidates));
    v1::StatuteRow& row = AddRow();
    row.add_regimes(regime);
    row.add_tasks("TAAK_1");
    row.add_powers("MACHT_1");
    grant.add_grondslagen(row.id());
    return row;
  }

  // --- The rest of the convenant ---------------------------------------------------------------

  void MakeExclusions() {
    v1::Exclusion& prohibited = AddExclusionRow("X07");
    prohibited.add_purposes("D90");
    prohibited.set_before_purpose_gate(dice_.Percent(80));
    prohibited.set_code(v1::ReasonCode::PURPOSE_MISMATCH);
    const int count = Count(0, 4);
    std::vector<std::string> ids = {"X01", "X02", "X11", "X20", "X21"};
    dice_.Shuffle(ids);
    for (int i = 0; i < count; ++i) FillExclusion(AddExclusionRow(ids[static_cast<size_t>(i)]));
    v1::Exclusion& gate = AddExclusionRow("X10");
    gate.set_kind(v1::Exclusion::POORT);
    gate.set_code(v1::ReasonCode::CASE_CLOSED);
  }

  v1::Exclusion& AddExclusionRow(const std::string& id) {
    v1::Exclusion& exclusion = *convenant().add_exclusions();
    exclusion.set_id(id);
    exclusion.set_kind(v1::Exclusion::VELD);
    exclusion.set_nl("nooit");
    exclusion.set_provenance("[aanname]");
    return exclusion;
  }

  // At least two filled dimensions, so that something is left to release.
  void FillExclusion(v1::Exclusion& exclusion) {
    const std::vector<v1::ReasonCode::Id> codes = {
        v1::ReasonCode::CATEGORY_EXCLUDED, v1::ReasonCode::BSN_NOT_ALLOWED,
        v1::ReasonCode::RIGHTS_RESTRICTED, v1::ReasonCode::POLICE_ARTICLE_EXCLUDED};
    exclusion.set_code(dice_.Pick(codes));
    for (const int dimension : dice_.Some(std::vector<int>{0, 1, 2, 3, 4, 5, 6}, 2, 3)) {
      switch (dimension) {
        case 0:
          Assign(dice_.Some(tafels_, 1, 2), exclusion.mutable_tafels());
          break;
        case 1:
          Assign(dice_.Some(hats_, 1, 2), exclusion.mutable_recipient_hats());
          break;
        case 2:
          Assign(dice_.Some(fields_, 1, 2), exclusion.mutable_fields());
          break;
        case 3:
          Assign(dice_.Some(categories_, 1, 1), exclusion.mutable_categories());
          break;
        case 4:
          for (const int data_class : dice_.Some(std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8}, 1, 3)) {
            exclusion.add_classes(static_cast<v1::DataClass::Id>(data_class));
          }
          break;
        case 5:
          Assign(dice_.Some(purposes_, 1, 1), exclusion.mutable_purposes());
          break;
        default:
          Assign(dice_.Some(stages_, 1, 2), exclusion.mutable_stages());
          break;
      }
    }
    const int count = dice_.Percent(40) ? dice_.Between(1, 2) : 0;
    while (exclusion.unless_size() < count) {
      const v1::Condition::Id condition = AnyCondition();
      if (MayStandInUnless(condition) && !Has(exclusion.unless(), static_cast<int>(condition))) {
        exclusion.add_unless(condition);
      }
    }
  }

  v1::Retention& AddRetention(const std::string& id, v1::Retention::Anchor anchor,
                              std::vector<std::string> holders) {
    v1::Retention& retention = *convenant().add_retention();
    retention.set_id(id);
    retention.set_anchor(anchor);
    retention.set_citation("artikel");
    retention.set_confidence(v1::Confidence::LOW);
    Assign(holders, retention.mutable_holder_hats());
    return retention;
  }

  void SetTerm(v1::Retention& retention) {
    const std::vector<std::pair<int, v1::Retention::Unit>> terms = {{5, v1::Retention::JAAR},
                                                                    {2, v1::Retention::JAAR},
                                                                    {18, v1::Retention::MAAND},
                                                                    {6, v1::Retention::MAAND},
                                                                    {400, v1::Retention::DAG}};
    const auto& [term, unit] = dice_.Pick(terms);
    retention.set_term(term);
    retention.set_unit(unit);
  }

  void MakeRetention() {
    std::vector<std::string> police;
    for (const v1::Hat& hat : convenant().hats()) {
      if (hat.police()) police.push_back(hat.id());
    }
    if (!police.empty() && dice_.Percent(70)) {
      v1::Retention& retention =
          AddRetention("RT_POLITIE", v1::Retention::EERSTE_VERWERKING, police);
      retention.set_term(dice_.Percent(50) ? 5 : 7);
      retention.set_unit(v1::Retention::JAAR);
    }
    if (dice_.Percent(60)) {
      SetTerm(
          AddRetention("RT_WIJZIGING", v1::Retention::LAATSTE_WIJZIGING, dice_.Some(hats_, 1, 3)));
    }
    if (dice_.Percent(40)) {
      SetTerm(
          AddRetention("RT_VERWERKING", v1::Retention::EERSTE_VERWERKING, dice_.Some(hats_, 1, 2)));
    }
    if (dice_.Percent(80)) {
      SetTerm(
          AddRetention("RT_WGS", v1::Retention::EERSTE_VERWERKING_CASUS, dice_.Some(hats_, 1, 3)));
    }
    if (dice_.Percent(50)) {
      v1::Retention& retention =
          AddRetention("RT_WAMS", v1::Retention::LAATSTE_WIJZIGING, dice_.Some(hats_, 1, 1));
      retention.set_gates_regime(v1::Regime::WAMS);
    }
    // Terms that no decision counts.
    const std::vector<v1::Retention::Anchor> others = {
        v1::Retention::VERSTREKKING, v1::Retention::TIJDSLOT, v1::Retention::AFHANDELING,
        v1::Retention::EINDE_DEPOT, v1::Retention::BESLISSING};
    v1::Retention& other = AddRetention("RT_ANDERS", dice_.Pick(others), dice_.Some(hats_, 1, 3));
    other.set_term(1);
    other.set_unit(v1::Retention::DAG);
  }

  void MakeAdmission() {
    for (const int regime : {1, 2, 3}) {
      if (dice_.Percent(10)) continue;
      v1::AdmissionRule& rule = *convenant().add_admission();
      rule.set_regime(static_cast<v1::Regime::Id>(regime));
      Assign(dice_.Some(hats_, 1, 2), rule.mutable_hats());
      rule.set_placement_required(dice_.Percent(regime == 3 ? 85 : 15));
      rule.set_provenance("[aanname]");
    }
  }

  void MakeSwitches();

  Dice dice_;
  int size_;
  Policy policy_;
  std::vector<std::string> phases_;
  std::vector<std::string> stages_;
  std::vector<std::string> purposes_;  // without the prohibited one
  std::vector<std::string> categories_;
  std::vector<std::string> hats_;
  std::vector<std::string> wgs_hats_;
  std::vector<std::string> fields_;
  std::vector<std::string> tafels_;
  std::vector<std::string> secrecies_;
};

// --- Switches -----------------------------------------------------------------------------------

// A period that holds on the most frequent instant, mostly.
std::pair<std::string, std::string> RandomPeriod(Dice& dice) {
  const int kind = dice.Between(1, 100);
  if (kind <= 85) return {"2026-02-01", "2099-12-31"};
  if (kind <= 93) return {"2026-02-01", dice.Pick(BoundaryDays())};
  return {dice.Pick(BoundaryDays()), "2099-12-31"};
}

void AddRandomSwitches(Dice& dice, int percent, Policy& policy) {
  v1::OperatorSwitches& switches = policy.switches;
  const bool wams = dice.Percent(percent);
  for (const v1::StatuteRow& row : policy.statute.rows()) {
    if (!row.off_until_dated()) continue;
    const bool opens = row.opens_regime() != v1::Regime::REGIME_UNSPECIFIED;
    if (opens && !wams) continue;
    if (!dice.Percent(90)) continue;
    v1::OperatorSwitches::RowDates& dates = *switches.add_rows();
    dates.set_row(row.id());
    std::tie(*dates.mutable_from(), *dates.mutable_until()) = RandomPeriod(dice);
    dates.set_source("Staatsblad");
  }
  for (const v1::Retention& retention : policy.convenant.retention()) {
    if (retention.term() > 0 || !dice.Percent(percent)) continue;
    v1::OperatorSwitches::Term& term = *switches.add_terms();
    term.set_id(retention.id());
    term.set_term(dice.Between(1, 3));
    term.set_unit(v1::Retention::JAAR);
    term.set_source("besluit");
  }
  for (const v1::Condition::Id condition :
       {v1::Condition::MACHTIGING_GELDIG, v1::Condition::AMVB_SCHULDHULP_8_2}) {
    if (!dice.Percent(75)) continue;
    v1::OperatorSwitches::GeneralDecision& decision = *switches.add_decisions();
    decision.set_condition(condition);
    std::tie(*decision.mutable_from(), *decision.mutable_until()) = RandomPeriod(dice);
    if (dice.Percent(50) && decision.until() == "2099-12-31") decision.clear_until();
    decision.set_source("Staatscourant");
  }
}

void PolicyMaker::MakeSwitches() { AddRandomSwitches(dice_, 80, policy_); }

}  // namespace

Policy RandomPolicy(Rng& rng, int size) {
  Policy policy = PolicyMaker(rng, std::clamp(size, 1, 10)).Make();
  SLUIS_CHECK(LoadProblems(policy).empty());
  return policy;
}

Policy RandomlySwitchedReferencePolicy(Rng& rng) {
  Policy policy = ReferencePolicy();
  Dice dice(rng);
  AddRandomSwitches(dice, 85, policy);
  return policy;
}

}  // namespace sluis::policy_oracle
