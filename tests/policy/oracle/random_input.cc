#include <map>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "containment.h"
#include "dice.h"
#include "perturb.h"

#include "sluis/policy_oracle/generator.h"

namespace sluis::policy_oracle {
namespace {

constexpr char kUsualInstant[] = "2026-11-23T10:00:00+01:00";

// The provision that the facts are about.
struct Focus {
  const v1::Grant* grant = nullptr;
  const v1::StatuteRow* row = nullptr;
  const v1::Tafel* tafel = nullptr;
  const v1::Field* field = nullptr;
  v1::PartijHat source;
  v1::PartijHat acting;
  std::string phase;
  std::string stage;
  std::string purpose;
  std::string person;
};

const v1::Hat* HatOf(const Policy& policy, const std::string& id) {
  for (const v1::Hat& hat : policy.convenant.hats()) {
    if (hat.id() == id) return &hat;
  }
  return nullptr;
}

const v1::Partij* PartijOf(const Policy& policy, const std::string& id) {
  for (const v1::Partij& partij : policy.convenant.parties()) {
    if (partij.id() == id) return &partij;
  }
  return nullptr;
}

std::vector<std::string> HoldersOf(const Policy& policy, const std::string& hat) {
  std::vector<std::string> holders;
  for (const v1::Partij& partij : policy.convenant.parties()) {
    if (Has(partij.hats(), hat)) holders.push_back(partij.id());
  }
  return holders;
}

v1::PartijHat MakeSide(const std::string& partij, const std::string& hat) {
  v1::PartijHat side;
  side.set_partij(partij);
  side.set_hat(hat);
  return side;
}

bool Same(const v1::PartijHat& a, const v1::PartijHat& b) {
  return a.partij() == b.partij() && a.hat() == b.hat();
}

std::string PickFrom(Dice& dice, const google::protobuf::RepeatedPtrField<std::string>& list) {
  return list.empty() ? "" : list.Get(dice.Position(list));
}

// A provision inside a random grant. Without `row` where none was found that contains it.
Focus RandomFocus(Dice& dice, const Policy& policy) {
  Focus focus;
  const auto& grants = policy.convenant.grants();
  for (int i = 0; i < 60; ++i) {
    const v1::Grant& grant = grants.Get(dice.Position(grants));
    const v1::Tafel& tafel = *TafelOf(policy.convenant, PickFrom(dice, grant.tafels()));
    const v1::Field& field = *FieldOf(policy.convenant, PickFrom(dice, grant.fields()));
    const std::string source = PickFrom(dice, grant.source_hats());
    const std::string recipient = PickFrom(dice, grant.recipient_hats());
    const std::vector<std::string> sources = HoldersOf(policy, source);
    const std::vector<std::string> recipients = HoldersOf(policy, recipient);
    if (sources.empty() || recipients.empty()) continue;
    const std::string purpose = PickFrom(dice, grant.purposes());
    focus.grant = &grant;
    focus.tafel = &tafel;
    focus.field = &field;
    focus.source = MakeSide(dice.Pick(sources), source);
    focus.acting = MakeSide(dice.Pick(recipients), recipient);
    focus.purpose = purpose;
    focus.phase = PickFrom(dice, grant.phases());
    focus.stage = PickFrom(dice, grant.stages().empty() ? tafel.stages() : grant.stages());
    if (!HasSeatAt(tafel, source) || !HasSeatAt(tafel, recipient) || !OwnsField(field, source) ||
        !Has(tafel.purposes(), purpose) || !Has(tafel.phases(), focus.phase)) {
      continue;
    }
    const Reach reach = {&tafel, source, recipient, &field};
    for (const std::string& id : grant.grondslagen()) {
      const v1::StatuteRow* row = RowOf(policy.statute, id);
      if (!RowContains(*row, reach, purpose)) continue;
      if (focus.row == nullptr || dice.Percent(40)) focus.row = row;
    }
    if (focus.row != nullptr) break;
  }
  if (focus.row == nullptr && focus.grant != nullptr) {
    focus.row = RowOf(policy.statute, focus.grant->grondslagen(0));
  }
  return focus;
}

class FactsMaker {
 public:
  FactsMaker(Rng& rng, const Policy& policy, const Instant& now)
      : dice_(rng), policy_(policy), now_(now), world_(WorldOf(policy, now)) {}

  v1::Facts Make() {
    focus_ = RandomFocus(dice_, policy_);
    if (focus_.grant == nullptr) return {};
    focus_.person = focus_.tafel->person_data() ? "anna" : "";
    MakeCasus();
    MakePersons();
    MakeProfessionals();
    MakeHoldings();
    MakeWhatIsNeeded();
    MakeObstacles();
    if (dice_.Percent(1)) facts_.clear_casus();
    return std::move(facts_);
  }

 private:
  std::string Day(int days_from_today) { return WriteDay(now_.today.AddDays(days_from_today)); }
  std::string Ago(int least, int most) { return Day(-dice_.Between(least, most)); }
  // A last day to come; sometimes none, sometimes today.
  std::string LastDay() {
    if (dice_.Percent(40)) return "";
    return dice_.Percent(10) ? Day(0) : Day(dice_.Between(1, 200));
  }

  v1::CasusFacts& casus() { return *facts_.mutable_casus(); }

  // The asked field and some more of the grant.
  std::vector<std::string> SomeFields() {
    std::vector<std::string> fields = {focus_.field->name()};
    for (const std::string& field : dice_.Some(Strings(focus_.grant->fields()), 0, 3)) {
      if (field != focus_.field->name()) fields.push_back(field);
    }
    return fields;
  }

  template <typename List>
  void Assign(const std::vector<std::string>& from, List* list) {
    for (const std::string& element : from) *list->Add() = element;
  }

  // Adds the record; sometimes nearly right only, sometimes with one that is nearly right before or
  // after it.
  template <typename Record, typename List>
  void Add(Record record, List* list) {
    Record near = record;
    Perturb(dice_, world_, near);
    const bool before = dice_.Percent(5);
    const bool after = dice_.Percent(5);
    if (before) *list->Add() = near;
    if (dice_.Percent(13)) Perturb(dice_, world_, record);
    *list->Add() = record;
    if (after) *list->Add() = near;
  }

  // --- The casus -------------------------------------------------------------------------------

  void MakeCasus() {
    casus().set_id("C-001");
    casus().set_status(dice_.Percent(97) ? v1::CasusFacts::OPEN : v1::CasusFacts::CLOSED);
    casus().set_phase(dice_.Percent(94) ? focus_.phase : dice_.Pick(world_.phases));
    MakeMunicipality();
    casus().set_first_processed(FirstDayOfCasus());
    casus().set_radicalisation(dice_.Percent(3));
    if (dice_.Percent(96)) casus().add_tafels(focus_.tafel->id());
    for (const std::string& tafel : dice_.Some(world_.tafels, 0, 1)) {
      if (!Has(casus().tafels(), tafel)) casus().add_tafels(tafel);
    }
    // The acting side and the source come first: the request is drawn from them.
    AddParticipant(focus_.acting);
    AddParticipant(focus_.source);
    while (dice_.Percent(25)) AddParticipant(RandomSide());
    for (const v1::PartijHat& side : {focus_.acting, focus_.source}) {
      const bool is_guest = Has(focus_.tafel->guest_hats(), side.hat());
      if (is_guest ? dice_.Percent(96) : dice_.Percent(5)) AddGuest(side);
    }
    MakeTrack();
  }

  void MakeMunicipality() {
    const std::string& acting = PartijOf(policy_, focus_.acting.partij())->municipality();
    const std::string& source = PartijOf(policy_, focus_.source.partij())->municipality();
    if (dice_.Percent(10)) {
      casus().set_municipality(dice_.Pick(world_.municipalities));
    } else {
      casus().set_municipality(acting.empty() || dice_.Percent(30) ? source : acting);
    }
  }

  // Mostly recent; sometimes a term ago, to the day.
  std::string FirstDayOfCasus() {
    if (dice_.Percent(90)) return Ago(10, 150);
    for (const v1::Retention& retention : policy_.convenant.retention()) {
      if (retention.anchor() != v1::Retention::EERSTE_VERWERKING_CASUS) continue;
      if (dice_.Percent(10)) return "";
      if (dice_.Percent(70)) return TermAgo(retention);
    }
    return Ago(200, 3000);
  }

  // The first day of a term that is over today, or a day later or earlier.
  std::string TermAgo(const v1::Retention& retention) {
    const int term = retention.term();
    CivilDate day = now_.today;
    switch (retention.unit()) {
      case v1::Retention::DAG:
        day = day.AddDays(-term);
        break;
      case v1::Retention::MAAND:
        day = day.AddMonths(-term);
        break;
      default:
        day = day.AddYears(-term);
        break;
    }
    return WriteDay(day.AddDays(dice_.Between(-1, 1)));
  }

  v1::PartijHat RandomSide() {
    const auto& parties = policy_.convenant.parties();
    const v1::Partij& partij = parties.Get(dice_.Position(parties));
    return MakeSide(partij.id(), PickFrom(dice_, partij.hats()));
  }

  // A hat that is staff of its partij mostly takes part through another hat of it.
  v1::PartijHat ThroughAnotherHat(const v1::PartijHat& side) {
    const v1::Partij& partij = *PartijOf(policy_, side.partij());
    if (!HatOf(policy_, side.hat())->staff_of_partij() || dice_.Percent(20)) return side;
    return MakeSide(side.partij(), dice_.PickOther(Strings(partij.hats()), side.hat()));
  }

  void AddParticipant(const v1::PartijHat& side) {
    v1::Participation participation;
    *participation.mutable_participant() = side;
    participation.set_from(Ago(0, 100));
    participation.set_until(LastDay());
    if (dice_.Percent(50)) participation.set_tafel(TafelOfTheSameRegime());
    if (dice_.Percent(5)) PerturbPeriodOrTafel(participation);
    *casus().add_participants() = participation;
    // Another record of the same side, or of another hat of its partij.
    const v1::PartijHat through = ThroughAnotherHat(side);
    if (!Same(through, side) || dice_.Percent(5)) {
      *participation.mutable_participant() = through;
      if (dice_.Percent(20)) PerturbPeriodOrTafel(participation);
      *casus().add_participants() = participation;
      if (dice_.Percent(60)) {
        casus().mutable_participants(casus().participants_size() - 2)->set_from(Day(1));
      }
    }
  }

  void AddGuest(const v1::PartijHat& side) {
    v1::Participation guest;
    *guest.mutable_participant() = side;
    guest.set_from(Ago(0, 3));
    guest.set_until(dice_.Percent(70) ? Day(0) : LastDay());
    guest.set_tafel(focus_.tafel->id());
    if (dice_.Percent(5)) PerturbPeriodOrTafel(guest);
    *casus().add_guests() = guest;
  }

  void PerturbPeriodOrTafel(v1::Participation& participation) {
    switch (dice_.Between(0, 3)) {
      case 0:
        participation.set_from(Day(1));
        break;
      case 1:
        participation.set_until(Day(-1));
        break;
      case 2:
        participation.clear_from();
        break;
      default:
        participation.set_tafel(dice_.Pick(world_.tafels));
        break;
    }
  }

  std::string TafelOfTheSameRegime() {
    std::vector<std::string> tafels;
    for (const v1::Tafel& tafel : policy_.convenant.tafels()) {
      if (tafel.regime() == focus_.tafel->regime()) tafels.push_back(tafel.id());
    }
    return dice_.Pick(tafels);
  }

  void MakeTrack() {
    const bool wams = focus_.tafel->regime() == v1::Regime::WAMS;
    if (!wams && dice_.Percent(75)) return;
    v1::WamsTrack& track = *casus().mutable_wams_track();
    track.set_stage(wams && dice_.Percent(94) ? focus_.stage : dice_.Pick(world_.stages));
    if (!wams && dice_.Percent(80)) track.set_stage(world_.stages.front());
    track.set_task(static_cast<v1::WamsTrack::Task>(dice_.Between(1, 4)));
  }

  // --- Persons and professionals ---------------------------------------------------------------

  void MakePersons() {
    v1::CasusPerson& person = *casus().add_persons();
    person.set_id("anna");
    person.set_role(static_cast<v1::PersonRole::Id>(dice_.Between(1, 8)));
    if (dice_.Percent(1)) person.set_role(v1::PersonRole::PERSON_ROLE_UNSPECIFIED);
    person.set_birth_date(RandomBirthDate());
    person.set_bsn_valid(dice_.Percent(92));
    person.set_bsn_verified(dice_.Percent(92));
    person.set_wilsonbekwaam(dice_.Percent(15));
    person.set_address_protected(dice_.Percent(12));
    if (dice_.Percent(60)) {
      v1::CasusPerson& other = *casus().add_persons();
      other.set_id("bert");
      other.set_role(static_cast<v1::PersonRole::Id>(dice_.Between(1, 8)));
      other.set_birth_date(RandomBirthDate());
    }
  }

  std::string RandomBirthDate() {
    const int kind = dice_.Between(1, 100);
    if (kind <= 3) return "";
    if (kind <= 25) {  // a birthday that decides, to the day
      const std::vector<int> ages = {12, 16, 18};
      return WriteDay(now_.today.AddYears(-dice_.Pick(ages)).AddDays(dice_.Between(-1, 1)));
    }
    if (kind <= 30) {
      const std::vector<std::string> leap = {"2008-02-29", "2012-02-29", "2016-02-29"};
      return dice_.Pick(leap);
    }
    const int years = kind <= 60 ? dice_.Between(5, 17) : dice_.Between(18, 80);
    return WriteDay(now_.today.AddYears(-years).AddDays(-dice_.Between(0, 364)));
  }

  void MakeProfessionals() {
    for (const std::string& partij_id : {focus_.acting.partij(), focus_.source.partij()}) {
      const v1::Partij& partij = *PartijOf(policy_, partij_id);
      for (const char* number : {"-1", "-2"}) {
        const std::string id = absl::StrCat("pro-", partij_id, number);
        if (IsOnRecord(id)) continue;
        v1::Professional& professional = *facts_.add_professionals();
        professional.set_id(id);
        professional.set_partij(partij_id);
        const std::vector<std::string> hats =
            dice_.Percent(96) ? Strings(partij.hats()) : dice_.Some(Strings(partij.hats()), 0, 3);
        Assign(hats, professional.mutable_hats());
        // Perhaps one that the partij does not hold.
        const std::string& more = dice_.Pick(world_.hats);
        if (dice_.Percent(30) && !Has(professional.hats(), more)) professional.add_hats(more);
        professional.set_active(dice_.Percent(97));
        for (const int function : dice_.Some(std::vector<int>{1, 2, 3}, 0, 3)) {
          professional.add_functions(static_cast<v1::ProfessionalFunction::Id>(function));
        }
      }
    }
  }

  bool IsOnRecord(const std::string& professional_id) const {
    for (const v1::Professional& professional : facts_.professionals()) {
      if (professional.id() == professional_id) return true;
    }
    return false;
  }

  // --- Values ----------------------------------------------------------------------------------

  void MakeHoldings() {
    for (const std::string& field : SomeFields()) {
      // The focus's field has a record always, for the request to be drawn from; not always of this
      // source.
      v1::Holding holding = MakeHolding(field);
      if (dice_.Percent(8)) *holding.mutable_source() = RandomSide();
      if (dice_.Percent(8)) Perturb(dice_, world_, holding);
      *facts_.add_holdings() = holding;
      if (dice_.Percent(10)) {
        v1::Holding older = MakeHolding(field);
        older.set_recorded_on(dice_.Percent(30) ? holding.recorded_on() : Ago(0, 300));
        *facts_.add_holdings() = older;
      }
    }
    if (dice_.Percent(30)) {
      *facts_.add_holdings() = MakeHolding(dice_.Pick(world_.fields));
    }
  }

  v1::Holding MakeHolding(const std::string& field) {
    v1::Holding holding;
    holding.set_person(focus_.person);
    holding.set_field(field);
    *holding.mutable_source() = focus_.source;
    holding.set_recorded_on(Ago(0, 80));
    holding.set_first_processed(Ago(80, 160));
    holding.set_value_date(Ago(0, 160));
    MakeHoldingOld(holding);
    if (dice_.Percent(15)) {
      holding.set_deposit_end(Day(dice_.Percent(80) ? dice_.Between(0, 60) : -1));
    }
    holding.set_third_person(dice_.Percent(12));
    holding.set_visible_to_present(dice_.Percent(88));
    holding.set_removed(dice_.Percent(3));
    if (dice_.Percent(6)) *holding.mutable_origin() = RandomSide();
    if (dice_.Percent(6)) *holding.mutable_origin() = focus_.source;
    if (dice_.Percent(60)) holding.set_form(v1::Holding::PSEUDONIEM_K_SAFE);
    holding.set_min_cell(dice_.Percent(80) ? dice_.Between(10, 30) : dice_.Between(0, 10));
    return holding;
  }

  bool IsPolice(const std::string& hat) const { return HatOf(policy_, hat)->police(); }

  // Old in one respect, to the day.
  void MakeHoldingOld(v1::Holding& holding) {
    const int kind = dice_.Between(1, 100);
    if (kind <= 10) {
      holding.set_value_date(WriteDay(now_.today.AddMonths(-12).AddDays(dice_.Between(-1, 1))));
    } else if (kind <= 12) {
      holding.clear_value_date();
    } else if (kind <= (IsPolice(holding.source().hat()) ? 40 : 20)) {
      holding.set_first_processed(WriteDay(now_.today.AddYears(-5).AddDays(dice_.Between(-1, 1))));
    } else if (kind <= 47) {
      for (const v1::Retention& retention : policy_.convenant.retention()) {
        if (!Has(retention.holder_hats(), holding.source().hat()) || retention.term() == 0)
          continue;
        if (retention.anchor() == v1::Retention::LAATSTE_WIJZIGING) {
          holding.set_recorded_on(TermAgo(retention));
        } else if (retention.anchor() == v1::Retention::EERSTE_VERWERKING) {
          holding.set_first_processed(TermAgo(retention));
        }
      }
    }
  }

  // --- What the conditions ask -----------------------------------------------------------------

  void MakeWhatIsNeeded() {
    std::set<int> conditions;
    for (const v1::Grant& grant : policy_.convenant.grants()) {
      if (&grant != focus_.grant) continue;
      conditions.insert(grant.conditions().begin(), grant.conditions().end());
      conditions.insert(grant.one_of().begin(), grant.one_of().end());
    }
    conditions.insert(focus_.row->conditions().begin(), focus_.row->conditions().end());
    conditions.insert(focus_.row->one_of().begin(), focus_.row->one_of().end());
    // A few that nobody asks for; a few that another row or an exclusion asks for.
    while (dice_.Percent(40)) conditions.insert(dice_.Between(1, 54));
    for (const std::string& id : focus_.grant->grondslagen()) {
      const v1::StatuteRow& row = *RowOf(policy_.statute, id);
      if (dice_.Percent(50)) conditions.insert(row.conditions().begin(), row.conditions().end());
    }
    for (const v1::Exclusion& exclusion : policy_.convenant.exclusions()) {
      if (dice_.Percent(30))
        conditions.insert(exclusion.unless().begin(), exclusion.unless().end());
    }
    for (const int condition : conditions) {
      const bool consent = condition == v1::Condition::TOESTEMMING_UITDRUKKELIJK;
      if (dice_.Percent(consent ? 70 : 90)) AddFor(static_cast<v1::Condition::Id>(condition));
    }
  }

  void AddFor(v1::Condition::Id condition) {
    switch (condition) {
      case v1::Condition::TOESTEMMING_UITDRUKKELIJK:
        return AddConsents();
      case v1::Condition::TOESTEMMING_MELDER:
        return AddMelderConsent();
      case v1::Condition::BESLUIT_GOED_HULPVERLENERSCHAP:
        return AddDecision(v1::ProfessionalDecision::GHV);
      case v1::Condition::BESLUIT_CONFLICT_VAN_PLICHTEN:
        return AddDecision(v1::ProfessionalDecision::CVP);
      case v1::Condition::BESLUIT_WAMS_WEGING:
        return AddDecision(v1::ProfessionalDecision::WAMS);
      case v1::Condition::BESLUIT_MELDRECHT:
        return AddDecision(v1::ProfessionalDecision::MELDRECHT);
      case v1::Condition::BESLUIT_ACUUT_GEVAAR:
        return AddDecision(v1::ProfessionalDecision::ACUUT);
      case v1::Condition::BESLUIT_SELECTIE_BRON:
        return AddDecision(v1::ProfessionalDecision::SELECTIE);
      case v1::Condition::BESLUIT_WJSG:
        return AddDecision(v1::ProfessionalDecision::WJSG);
      case v1::Condition::INSTEMMING_BRON:
        return AddDecision(v1::ProfessionalDecision::INSTEMMING);
      case v1::Condition::VIER_OGEN:
        return AddDecision(v1::ProfessionalDecision::VIER_OGEN);
      case v1::Condition::TIJDSLOT_72U:
        return OpenTimebox();
      case v1::Condition::WPG20_BESLUIT:
        return AddBesluit(v1::Besluit::WPG20);
      case v1::Condition::WPG19_BESLUIT:
        return AddBesluit(v1::Besluit::WPG19);
      case v1::Condition::OTS_VAN_KRACHT:
        return AddOts();
      case v1::Condition::MAATREGEL_LOOPT:
        return AddMeasure(dice_.Percent(50) ? v1::Maatregel::KINDERBESCHERMING
                                            : v1::Maatregel::JEUGDRECLASSERING);
      case v1::Condition::HUISVERBOD_VAN_KRACHT:
        return AddMeasure(v1::Maatregel::HUISVERBOD);
      case v1::Condition::MINDERJARIG:
        return MakeMinor();
      case v1::Condition::SLACHTOFFER:
        return casus().mutable_persons(0)->set_role(
            dice_.Percent(50) ? v1::PersonRole::SLACHTOFFER : v1::PersonRole::MOGELIJK_SLACHTOFFER);
      case v1::Condition::GEEN_ADRESBESCHERMING:
        casus().mutable_persons(0)->set_role(v1::PersonRole::BETROKKENE);
        return casus().mutable_persons(0)->set_address_protected(dice_.Percent(10));
      case v1::Condition::ZORG_NODIG_ZONDER_HULPVRAAG:
        return AddReport(v1::Report::ZORG_ZONDER_HULPVRAAG);
      case v1::Condition::OPEN_MELDING:
        return AddReport(dice_.Percent(50) ? v1::Report::ZORG_ZONDER_HULPVRAAG
                                           : v1::Report::MELDPUNT_OVERIG);
      case v1::Condition::VT_MELDING_TOEGELICHT:
        return AddReport(v1::Report::VT);
      case v1::Condition::SIGNAAL_VOORWAARDEN:
        return AddAttestation();
      case v1::Condition::BETROKKENE_GEINFORMEERD:
        return AddInformed();
      case v1::Condition::GEMEENTE_VOOR_OF_NA_DETENTIE:
        return AddDetention();
      case v1::Condition::RISICO_ERNSTIG_GEWELD_ZEDEN:
        return AddFlag18b();
      case v1::Condition::RECHTSTREEKS_BETROKKEN:
        return AddTreatment();
      case v1::Condition::MANDAAT_VAN_KRACHT:
        return AddMandate();
      case v1::Condition::HIT_BEVESTIGD:
        return AddHit();
      case v1::Condition::SAMENSPRAAK_OF_GEMOTIVEERD_ZONDER:
        return AddSamenspraak();
      case v1::Condition::WAMS_UITKOMST_MEERVOUDIG:
        return AddOutcome();
      case v1::Condition::MEDISCH_ADVISEUR:
        return AddFunctions(v1::ProfessionalFunction::MEDISCH_ADVISEUR);
      case v1::Condition::STRIKT_NOODZAKELIJK_WVGGZ:
        return AddFunctions(v1::ProfessionalFunction::ZORGVERANTWOORDELIJKE);
      default:
        return;  // about the request, the policy or what stands there already
    }
  }

  // One giver of every group that the age table names; sometimes one of the wrong capacity.
  std::vector<v1::Consent::Giver> GiversFor(v1::AgeRule::Use use) {
    std::vector<v1::Consent::Giver> givers;
    const v1::CasusPerson& person = casus().persons(0);
    const absl::StatusOr<CivilDate> birth = CivilDate::Parse(person.birth_date());
    const int age = birth.ok() ? AgeOn(*birth, now_.today) : 40;
    for (const v1::AgeRule& rule : policy_.statute.age_rules()) {
      if (rule.use() != use || rule.source_law() != focus_.field->source_law() ||
          age < rule.from_age() || (!rule.no_upper_age() && rule.to_age() < age)) {
        continue;
      }
      for (const auto& group : person.wilsonbekwaam() ? rule.incapable() : rule.capable()) {
        v1::Consent::Giver& giver = givers.emplace_back();
        giver.set_capacity(group.one_of(dice_.Position(group.one_of())));
      }
    }
    if (givers.empty() || dice_.Percent(8)) {
      givers.emplace_back().set_capacity(static_cast<v1::Capacity::Id>(dice_.Between(1, 5)));
    }
    for (v1::Consent::Giver& giver : givers) {
      giver.set_name(giver.capacity() == v1::Capacity::SELF ? "" : "ouder een");
    }
    return givers;
  }

  v1::Consent MakeConsent() {
    v1::Consent consent;
    consent.set_person(focus_.person);
    *consent.mutable_source() = focus_.source;
    *consent.mutable_recipient() = focus_.acting;
    if (dice_.Percent(75)) {
      Assign(SomeFields(), consent.mutable_fields());
    } else {
      consent.add_categories(focus_.field->category());
    }
    consent.set_purpose(focus_.purpose);
    const std::vector<v1::Consent::Status> given = {
        v1::Consent::GEGEVEN_UITDRUKKELIJK, v1::Consent::GEGEVEN_UITDRUKKELIJK,
        v1::Consent::GEGEVEN_BEPERKT, v1::Consent::VERVANGEND_GEGEVEN};
    consent.set_status(dice_.Pick(given));
    consent.set_flag(dice_.Percent(90) ? v1::Consent::DOORBREKING_GEHEIM
                                       : v1::Consent::AVG_GRONDSLAG);
    consent.set_date(Ago(0, 60));
    consent.set_from(consent.date());
    consent.set_until(LastDay());
    consent.set_way("schriftelijk");
    consent.set_evidence("dossier 1");
    return consent;
  }

  void AddConsents() {
    const std::vector<v1::Consent::Giver> givers = GiversFor(v1::AgeRule::CONSENT);
    v1::Consent consent = MakeConsent();
    if (dice_.Percent(50)) {
      for (const v1::Consent::Giver& giver : givers) *consent.add_given_by() = giver;
      Add(consent, facts_.mutable_consents());
    } else {
      for (const v1::Consent::Giver& giver : givers) {
        consent.clear_given_by();
        *consent.add_given_by() = giver;
        Add(consent, facts_.mutable_consents());
      }
    }
    if (dice_.Percent(12)) {  // another parent refuses, or the same giver does
      consent.set_status(v1::Consent::GEWEIGERD);
      if (dice_.Percent(60)) consent.mutable_given_by(0)->set_name("ouder twee");
      consent.set_date(Ago(0, 10));
      consent.set_from(consent.date());
      *facts_.add_consents() = consent;
    }
    v1::Consent& last = *facts_.mutable_consents(facts_.consents_size() - 1);
    if (dice_.Percent(6) && IsDated(last)) {
      last.set_withdrawn_at(WriteInstant(now_.time + absl::Seconds(dice_.Between(-2, 2))));
    }
  }

  // It is open what a withdrawal says of a consent that is void by itself.
  static bool IsDated(const v1::Consent& consent) {
    return CivilDate::Parse(consent.date()).ok() && CivilDate::Parse(consent.from()).ok() &&
           (consent.until().empty() || CivilDate::Parse(consent.until()).ok());
  }

  void AddMelderConsent() {
    v1::MelderConsent consent;
    consent.set_person(focus_.person);
    consent.set_given(dice_.Percent(88));
    consent.set_date(Ago(0, 30));
    Add(consent, facts_.mutable_melder_consents());
  }

  v1::ProfessionalDecision MakeDecision(v1::ProfessionalDecision::Kind kind) {
    v1::ProfessionalDecision decision;
    decision.set_kind(kind);
    decision.set_casus("C-001");
    decision.set_person(focus_.person);
    *decision.mutable_source() = focus_.source;
    decision.set_professional("professional");
    Assign(SomeFields(), decision.mutable_fields());
    Assign(Including(focus_.acting.hat(), world_.hats), decision.mutable_recipient_hats());
    Assign(Including(focus_.acting.partij(), world_.parties), decision.mutable_recipient_parties());
    decision.set_result(dice_.Percent(92) ? v1::ProfessionalDecision::GIVEN
                                          : v1::ProfessionalDecision::REFUSED);
    decision.set_reason("reden");
    decision.set_date(Ago(0, 20));
    decision.set_until(LastDay());
    switch (kind) {
      case v1::ProfessionalDecision::ACUUT:
        decision.set_at(WriteInstant(now_.time - AcuteAge()));
        decision.set_until("");
        decision.set_consent_impossible(true);
        decision.set_no_lesser_means(true);
        break;
      case v1::ProfessionalDecision::WAMS:
        decision.set_necessity("nodig");
        decision.set_weighty_reasons("geen");
        decision.set_consent_sought("niet gevraagd: onveilig");
        break;
      case v1::ProfessionalDecision::WJSG:
        decision.set_weighty_interest("belang");
        decision.set_purpose(focus_.purpose);
        decision.set_no_tracing(true);
        break;
      case v1::ProfessionalDecision::VIER_OGEN:
        decision.add_approvers(absl::StrCat("pro-", focus_.acting.partij(), "-1"));
        decision.add_approvers(absl::StrCat("pro-", focus_.source.partij(), "-2"));
        break;
      default:
        break;
    }
    return decision;
  }

  std::vector<std::string> Including(const std::string& name,
                                     const std::vector<std::string>& others) {
    std::vector<std::string> all = {name};
    for (const std::string& other : dice_.Some(others, 0, 1)) {
      if (other != name) all.push_back(other);
    }
    return all;
  }

  // Up to the hours that an acute decision lasts, to the second.
  absl::Duration AcuteAge() {
    if (dice_.Percent(75)) return absl::Minutes(dice_.Between(0, 4000));
    const absl::Duration limit = dice_.Percent(60) ? absl::Hours(72) : absl::ZeroDuration();
    return limit + absl::Seconds(dice_.Between(-1, 1));
  }

  void AddDecision(v1::ProfessionalDecision::Kind kind) {
    Add(MakeDecision(kind), facts_.mutable_decisions());
  }

  void OpenTimebox() {
    absl::Duration age = absl::Minutes(dice_.Between(0, 4319));
    if (dice_.Percent(20)) age = absl::Hours(72) + absl::Seconds(dice_.Between(-1, 1));
    if (dice_.Percent(5)) age = absl::Seconds(dice_.Between(-1, 1));
    casus().mutable_timebox()->set_opened_at(WriteInstant(now_.time - age));
  }

  void AddBesluit(v1::Besluit::Kind kind) {
    v1::Besluit besluit;
    besluit.set_kind(kind);
    if (kind == v1::Besluit::WPG19) {
      besluit.set_casus("C-001");
      besluit.set_person(focus_.person);
    } else {
      besluit.set_interest("zwaarwegend belang");
      besluit.set_verband(focus_.tafel->id());
      besluit.set_conditions("voorwaarden");
    }
    Assign(Including(focus_.purpose, world_.purposes), besluit.mutable_purposes());
    Assign(SomeFields(), besluit.mutable_fields());
    *besluit.add_recipients() = focus_.acting;
    besluit.set_gezag("OvJ");
    besluit.set_date(Ago(0, 60));
    besluit.set_until(LastDay());
    Add(besluit, facts_.mutable_besluiten());
  }

  void AddOts() {
    v1::Ots ots;
    ots.set_person(focus_.person);
    ots.set_gi_party(focus_.acting.partij());
    ots.set_from(Ago(0, 300));
    ots.set_until(LastDay());
    Add(ots, facts_.mutable_ots());
  }

  void AddMeasure(v1::Maatregel::Kind kind) {
    v1::Maatregel measure;
    measure.set_person(focus_.person);
    measure.set_kind(kind);
    measure.set_partij(focus_.acting.partij());
    measure.set_from(Ago(0, 300));
    measure.set_until(LastDay());
    Add(measure, facts_.mutable_measures());
  }

  // Mostly clearly; sometimes of age since today.
  void MakeMinor() {
    const int days = dice_.Percent(85) ? dice_.Between(1, 5000) : dice_.Between(-1, 1);
    casus().mutable_persons(0)->set_birth_date(WriteDay(now_.today.AddYears(-18).AddDays(days)));
  }

  void AddReport(v1::Report::Kind kind) {
    v1::Report report;
    report.set_person(focus_.person);
    report.set_kind(kind);
    report.set_status(dice_.Percent(88) ? v1::Report::OPEN : v1::Report::CLOSED);
    report.set_date(dice_.Percent(20) ? "" : Ago(0, 30));
    const int explained = dice_.Between(0, 9);
    report.set_explained(explained >= 4);
    report.set_own_motion(explained >= 2 && explained <= 5);
    Add(report, facts_.mutable_reports());
  }

  void AddAttestation() {
    v1::SignalAttestation attestation;
    attestation.set_person(focus_.person);
    attestation.set_source_party(focus_.source.partij());
    attestation.set_date(Ago(0, 30));
    const int steps = dice_.Percent(94) ? 4 : dice_.Between(0, 5);
    for (int i = 0; i < steps; ++i) attestation.add_preconditions(dice_.Percent(98));
    Add(attestation, facts_.mutable_attestations());
  }

  void AddInformed() {
    v1::Informed informed;
    informed.set_person(focus_.person);
    informed.set_date(Ago(0, 30));
    informed.set_status(v1::Informed::GEINFORMEERD);
    if (dice_.Percent(40)) {
      informed.set_status(v1::Informed::UITGESTELD);
      informed.set_reason("veiligheid");
      informed.set_owner("professional");
      informed.set_review_date(Day(dice_.Between(0, 20)));
    }
    Add(informed, facts_.mutable_informed());
  }

  void AddDetention() {
    const std::string& municipality = PartijOf(policy_, focus_.acting.partij())->municipality();
    v1::Detention detention;
    detention.set_person(focus_.person);
    detention.set_municipality_before(dice_.Percent(50) ? municipality : "Elders");
    detention.set_municipality_after(dice_.Percent(80) ? municipality : "Elders");
    Add(detention, facts_.mutable_detention());
  }

  void AddFlag18b() {
    v1::Flag18b flag;
    flag.set_person(focus_.person);
    Add(flag, casus().mutable_flags_18b());
  }

  void AddTreatment() {
    v1::Treatment treatment;
    if (dice_.Percent(80)) treatment.set_person(focus_.person);
    *treatment.mutable_participant() = focus_.acting;
    if (dice_.Percent(60)) treatment.set_from(Ago(0, 300));
    treatment.set_until(LastDay());
    Add(treatment, casus().mutable_treatment());
  }

  void AddMandate() {
    v1::Mandate mandate;
    mandate.set_person(focus_.person);
    *mandate.mutable_holder() = focus_.acting;
    Assign(SomeFields(), mandate.mutable_fields());
    for (const v1::Consent::Giver& giver : GiversFor(v1::AgeRule::CONSENT)) {
      *mandate.add_given_by() = giver;
    }
    mandate.set_flag(dice_.Percent(90) ? v1::Consent::DOORBREKING_GEHEIM
                                       : v1::Consent::AVG_GRONDSLAG);
    mandate.set_written(true);
    mandate.set_from(Ago(0, 100));
    mandate.set_until(LastDay());
    Add(mandate, facts_.mutable_mandates());
  }

  void AddHit() {
    v1::Hit hit;
    hit.set_person(focus_.person);
    hit.set_partij(dice_.Percent(50) ? focus_.acting.partij() : focus_.source.partij());
    hit.set_date(Ago(0, 30));
    Add(hit, casus().mutable_hits());
  }

  void AddSamenspraak() {
    v1::WamsTrack& track = *casus().mutable_wams_track();
    if (dice_.Percent(85)) {
      track.set_task(static_cast<v1::WamsTrack::Task>(dice_.Between(1, 3)));
    }
    v1::Samenspraak& talk = *track.mutable_samenspraak();
    if (dice_.Percent(80)) talk.set_date(Ago(0, 30));
    if (dice_.Percent(90)) talk.set_with("anna");
    if (dice_.Percent(80)) talk.set_reason_without("onveilig");
    if (dice_.Percent(10)) talk.set_date(Day(1));
    *track.mutable_opened_by() = RandomSide();
    if (dice_.Percent(5)) track.mutable_opened_by()->clear_hat();
    if (dice_.Percent(5)) track.clear_opened_by();
    v1::Agreement& agreement = *track.mutable_agreement();
    if (dice_.Percent(60)) agreement.set_date(Day(dice_.Percent(85) ? 0 : 1));
    if (dice_.Percent(50)) agreement.set_reason_without("spoed");
  }

  void AddOutcome() {
    v1::WamsOutcome& outcome = *casus().mutable_wams_track()->mutable_outcome();
    outcome.set_date(Day(dice_.Percent(94) ? -1 : 1));
    if (dice_.Percent(96)) outcome.set_name("A. Onderzoeker");
    outcome.add_domains("WONEN");
    if (dice_.Percent(90)) outcome.add_domains("ZORG");
    if (dice_.Percent(10)) outcome.add_domains("WONEN");
    outcome.add_acts(dice_.Percent(92) ? "WMO" : "ZVW");
    outcome.set_coordination_useful(dice_.Percent(95));
  }

  void AddFunctions(v1::ProfessionalFunction::Id function) {
    for (v1::Professional& professional : *facts_.mutable_professionals()) {
      if (dice_.Percent(90) && !Has(professional.functions(), static_cast<int>(function))) {
        professional.add_functions(function);
      }
    }
  }

  // --- What stands in the way ------------------------------------------------------------------

  void MakeObstacles() {
    if (dice_.Percent(8)) AddObjection();
    if (dice_.Percent(10)) AddSourceCondition();
    if (dice_.Percent(NeedsInzage() ? 20 : 4)) AddException();
    if (dice_.Percent(10)) casus().add_perpetrator_side(dice_.Pick(world_.tafels));
    if (dice_.Percent(6)) casus().add_perpetrator_side(focus_.tafel->id());
    // A value that came from elsewhere, with or without the agreement of its origin.
    for (const v1::Holding& holding : facts_.holdings()) {
      if (!holding.has_origin() || dice_.Percent(20)) continue;
      v1::ProfessionalDecision agreement = MakeDecision(v1::ProfessionalDecision::INSTEMMING);
      *agreement.mutable_source() = holding.origin();
      Add(agreement, facts_.mutable_decisions());
    }
  }

  bool NeedsInzage() const {
    const int inzage = v1::Condition::INZAGE_TOEGESTAAN;
    return Has(focus_.grant->conditions(), inzage) || Has(focus_.row->conditions(), inzage);
  }

  void AddObjection() {
    v1::SourceObjection objection;
    *objection.mutable_source() = focus_.source;
    if (dice_.Percent(50)) objection.set_person(focus_.person);
    if (dice_.Percent(50)) objection.set_casus("C-001");
    if (dice_.Percent(50)) Assign(SomeFields(), objection.mutable_fields());
    if (dice_.Percent(50)) *objection.add_recipients() = focus_.acting;
    objection.set_reason("reden");
    objection.set_from(Ago(0, 30));
    if (dice_.Percent(20)) {
      objection.set_withdrawn_at(WriteInstant(now_.time + absl::Seconds(dice_.Between(-2, 2))));
    }
    Add(objection, facts_.mutable_objections());
  }

  void AddSourceCondition() {
    v1::SourceCondition condition;
    condition.set_person(focus_.person);
    condition.set_field(focus_.field->name());
    *condition.mutable_origin() = dice_.Percent(60) ? focus_.source : RandomSide();
    for (const v1::Holding& holding : facts_.holdings()) {
      if (holding.has_origin() && dice_.Percent(80)) *condition.mutable_origin() = holding.origin();
    }
    condition.set_kind(static_cast<v1::SourceCondition::Kind>(dice_.Between(1, 3)));
    condition.set_until(Day(dice_.Between(-2, 1)));
    condition.set_tafel(dice_.Percent(50) ? focus_.tafel->id() : dice_.Pick(world_.tafels));
    // On a field that the source perhaps does not own.
    if (dice_.Percent(30)) condition.set_field(dice_.Pick(world_.fields));
    Add(condition, facts_.mutable_source_conditions());
  }

  void AddException() {
    v1::RightsException exception;
    exception.set_person(focus_.person);
    if (dice_.Percent(50)) Assign(SomeFields(), exception.mutable_fields());
    exception.set_reason("reden");
    exception.set_from(Ago(0, 30));
    exception.set_until(LastDay());
    if (dice_.Percent(15)) exception.clear_from();
    Add(exception, facts_.mutable_rights_exceptions());
  }

  Dice dice_;
  const Policy& policy_;
  Instant now_;
  World world_;
  Focus focus_;
  v1::Facts facts_;
};

// --- Requests -----------------------------------------------------------------------------------

class RequestMaker {
 public:
  RequestMaker(Rng& rng, const Policy& policy, const v1::Facts& facts)
      : dice_(rng), policy_(policy), facts_(facts), world_(WorldOf(policy, {})) {}

  v1::DecisionRequest Make() {
    ChooseSides();
    ChooseProvision();
    ChooseFields();
    ChooseTheRest();
    if (dice_.Percent(20)) Deviate();
    if (dice_.Percent(4)) Spoil();
    return std::move(request_);
  }

 private:
  void ChooseSides() {
    request_.set_casus(facts_.has_casus() ? facts_.casus().id() : "C-001");
    if (facts_.casus().participants_size() >= 2) {
      SetActing(facts_.casus().participants(0).participant());
      *request_.mutable_source() = SourceOfFacts();
    } else {
      SetActing(RandomSide());
      *request_.mutable_source() = RandomSide();
    }
  }

  // The second side of which the participants tell: staff takes part through another hat, whose
  // record follows its own.
  const v1::PartijHat& SourceOfFacts() const {
    const v1::CasusFacts& casus = facts_.casus();
    if (facts_.holdings().empty()) return casus.participants(1).participant();
    for (const v1::Participation& participation : casus.participants()) {
      if (Same(participation.participant(), facts_.holdings(0).source())) {
        return facts_.holdings(0).source();
      }
    }
    return casus.participants(1).participant();
  }

  void SetActing(const v1::PartijHat& side) {
    request_.set_partij(side.partij());
    request_.set_acting_hat(side.hat());
  }

  v1::PartijHat RandomSide() {
    const auto& parties = policy_.convenant.parties();
    const v1::Partij& partij = parties.Get(dice_.Position(parties));
    return MakeSide(partij.id(), PickFrom(dice_, partij.hats()));
  }

  std::string FieldOfFacts() const {
    return facts_.holdings().empty() ? "" : facts_.holdings(0).field();
  }

  // Purposes that records name.
  std::set<std::string> PurposesOfFacts() const {
    std::set<std::string> purposes;
    for (const v1::Consent& consent : facts_.consents()) purposes.insert(consent.purpose());
    for (const v1::Besluit& besluit : facts_.besluiten()) {
      if (!besluit.purposes().empty()) purposes.insert(besluit.purposes(0));
    }
    for (const v1::ProfessionalDecision& decision : facts_.decisions()) {
      if (!decision.purpose().empty()) purposes.insert(decision.purpose());
    }
    return purposes;
  }

  // The more of the facts a tafel and a purpose of a grant suit, the better.
  void ChooseProvision() {
    const std::set<std::string> purposes = PurposesOfFacts();
    int best = -1;
    int ties = 0;
    const bool any = dice_.Percent(8);
    for (const v1::Grant& grant : policy_.convenant.grants()) {
      if (!Has(grant.recipient_hats(), request_.acting_hat()) ||
          !Has(grant.source_hats(), request_.source().hat())) {
        continue;
      }
      for (const std::string& tafel_id : grant.tafels()) {
        const v1::Tafel& tafel = *TafelOf(policy_.convenant, tafel_id);
        for (const std::string& purpose : CommonPurposes(grant, tafel)) {
          const int score = any ? 0 : Score(grant, tafel, purpose, purposes);
          if (score < best) continue;
          ties = score == best ? ties + 1 : 1;
          if (score > best || dice_.Index(static_cast<size_t>(ties)) == 0) {
            best = score;
            grant_ = &grant;
            tafel_ = &tafel;
            request_.set_tafel(tafel_id);
            request_.set_purpose(purpose);
          }
        }
      }
    }
    if (best < 0) {
      tafel_ = TafelOf(policy_.convenant, dice_.Pick(world_.tafels));
      request_.set_tafel(tafel_->id());
      request_.set_purpose(dice_.Pick(world_.purposes));
    }
  }

  int Score(const v1::Grant& grant, const v1::Tafel& tafel, const std::string& purpose,
            const std::set<std::string>& purposes) const {
    const v1::CasusFacts& casus = facts_.casus();
    int score = 0;
    if (Has(grant.phases(), casus.phase()) && Has(tafel.phases(), casus.phase())) score += 16;
    if (!casus.tafels().empty() && casus.tafels(0) == tafel.id()) score += 16;
    if (Has(grant.fields(), FieldOfFacts())) score += 12;
    if (grant.stages().empty() || Has(grant.stages(), casus.wams_track().stage())) score += 4;
    if (purposes.count(purpose) != 0) score += 8;
    if (HasSeatAt(tafel, request_.acting_hat())) score += 8;
    if (HasSeatAt(tafel, request_.source().hat())) score += 8;
    return score;
  }

  void AskField(const std::string& field) {
    for (const auto& asked : request_.fields()) {
      if (asked.field() == field) return;
    }
    v1::DecisionRequest::AskedField& asked = *request_.add_fields();
    asked.set_field(field);
    asked.set_motivation("nodig");
    if (dice_.Percent(4)) {
      const std::vector<std::string> blanks = {"", " ", "\t\n", "\xc2\xa0"};
      asked.set_motivation(dice_.Pick(blanks));
    }
  }

  void ChooseFields() {
    const std::string field = FieldOfFacts();
    if (grant_ == nullptr) {
      AskField(dice_.Pick(world_.fields));
      return;
    }
    if (Has(grant_->fields(), field)) AskField(field);
    for (const std::string& other : dice_.Some(Strings(grant_->fields()), 0, 2)) {
      if (request_.fields().empty() || dice_.Percent(50)) AskField(other);
    }
    if (dice_.Percent(10)) AskField(dice_.Pick(world_.fields));
    if (!facts_.source_conditions().empty() && dice_.Percent(40)) {
      AskField(facts_.source_conditions(0).field());
    }
    if (request_.fields().empty()) AskField(grant_->fields(0));
  }

  void ChooseTheRest() {
    request_.set_professional(absl::StrCat("pro-", request_.partij(), "-1"));
    if (tafel_->regime() == v1::Regime::WAMS) {
      request_.set_stage(facts_.casus().wams_track().stage());
      if (request_.stage().empty()) request_.set_stage(dice_.Pick(world_.stages));
    }
    if (tafel_->person_data()) request_.set_person("anna");
    for (const std::string& id : Grondslagen()) {
      const v1::StatuteRow& row = *RowOf(policy_.statute, id);
      if (!row.tasks().empty() && dice_.Percent(70))
        request_.set_task(PickFrom(dice_, row.tasks()));
      if (!row.powers().empty() && dice_.Percent(70)) {
        request_.set_power(PickFrom(dice_, row.powers()));
      }
    }
    if (dice_.Percent(92)) request_.set_wvggz_ernstig_nadeel("levensgevaar");
    request_.set_identity_established(dice_.Percent(92));
    ChooseRightsRole();
  }

  std::vector<std::string> Grondslagen() const {
    return grant_ == nullptr ? std::vector<std::string>{} : Strings(grant_->grondslagen());
  }

  void ChooseRightsRole() {
    if (dice_.Percent(15)) return;
    bool self = dice_.Percent(70);
    if (!facts_.casus().persons().empty() && dice_.Percent(60)) {
      self = !facts_.casus().persons(0).wilsonbekwaam();
    }
    request_.set_rights_role(self ? v1::DecisionRequest::SELF
                                  : v1::DecisionRequest::REPRESENTATIVE);
  }

  // Another value in one dimension. The request stays well-formed, but perhaps for a source hat
  // that is not held.
  void Deviate() {
    switch (dice_.Between(0, 11)) {
      case 0:
        return MoveToAnotherTafel();
      case 1:
        return request_.set_purpose(dice_.Pick(world_.purposes));
      case 2:
        return AskField(dice_.Pick(world_.fields));
      case 3:
        return SetActing(RandomSide());
      case 4:
        *request_.mutable_source() = RandomSide();
        return;
      case 5:
        return request_.set_acting_hat(dice_.Pick(world_.hats));
      case 6: {
        const std::vector<std::string> professionals = {
            absl::StrCat("pro-", request_.partij(), "-2"), dice_.Pick(world_.professionals), "",
            "onbekend"};
        return request_.set_professional(dice_.Pick(professionals));
      }
      case 7:
        return request_.set_casus(dice_.Percent(50) ? "C-002" : "C-001");
      case 8:
        if (!request_.person().empty()) {
          const std::vector<std::string> persons = {"bert", "carla"};
          request_.set_person(dice_.Pick(persons));
        }
        return;
      case 9:
        if (!request_.stage().empty()) request_.set_stage(dice_.Pick(world_.stages));
        return;
      case 10:
        request_.set_task("TAAK_2");
        return request_.set_power("MACHT_2");
      default:
        if (!request_.fields().empty()) request_.mutable_fields(0)->set_motivation(" ");
        return;
    }
  }

  void MoveToAnotherTafel() {
    tafel_ = TafelOf(policy_.convenant, dice_.Pick(world_.tafels));
    request_.set_tafel(tafel_->id());
    request_.set_person(tafel_->person_data() ? "anna" : "");
    request_.set_stage("");
    if (tafel_->regime() == v1::Regime::WAMS) {
      request_.set_stage(facts_.casus().wams_track().stage());
      if (request_.stage().empty()) request_.set_stage(dice_.Pick(world_.stages));
    }
  }

  // One fault that makes the request malformed or bulk.
  void Spoil() {
    switch (dice_.Between(0, 18)) {
      case 0:
        return request_.clear_casus();
      case 1:
        return request_.clear_tafel();
      case 2:
        return request_.clear_purpose();
      case 3:
        return request_.clear_acting_hat();
      case 4:
        return request_.mutable_source()->clear_partij();
      case 5:
        return request_.mutable_source()->clear_hat();
      case 6:
        return request_.set_stage(tafel_->regime() == v1::Regime::WAMS ? "" : "MELDING");
      case 7:
        return request_.set_person(tafel_->person_data() ? "" : "anna");
      case 8:
        return request_.clear_fields();
      case 9:
        *request_.add_fields() = request_.fields(0);
        return;
      case 10:
        for (int i = 0; i < 101; ++i) AskField(absl::StrCat("extra_", i));
        return;
      case 11:
        return request_.set_tafel("T_ONBEKEND");
      case 12:
        return request_.set_purpose("D99");
      case 13:
        return request_.set_acting_hat("ZVH");
      case 14:
        return request_.mutable_source()->set_partij("P_ONBEKEND");
      case 15:
        return request_.mutable_source()->set_hat(dice_.Pick(world_.hats));  // perhaps not held
      case 16: {
        const std::vector<std::string> wildcards = {"*", "veld_*", "1-80", "1..80", "all", "alle"};
        if (!tafel_->person_data() || dice_.Percent(70)) return AskField(dice_.Pick(wildcards));
        return request_.set_person(dice_.Pick(wildcards));
      }
      case 17:
        return request_.set_partij("P_ONBEKEND");
      default:
        return AskField("onbekend_veld");
    }
  }

  Dice dice_;
  const Policy& policy_;
  const v1::Facts& facts_;
  World world_;
  const v1::Grant* grant_ = nullptr;
  const v1::Tafel* tafel_ = nullptr;
  v1::DecisionRequest request_;
};

}  // namespace

Instant RandomInstant(Rng& rng) {
  Dice dice(rng);
  const std::vector<std::string> instants = {
      "2026-11-24T00:00:00+01:00", "2026-11-23T23:59:59+01:00", "2026-11-24T00:30:00+01:00",
      "2027-02-28T12:00:00+01:00", "2027-03-01T00:00:00+01:00", "2028-02-29T09:00:00+01:00",
      "2027-07-01T00:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00",
      "2026-12-31T23:59:59+01:00", "2026-01-01T00:00:00+01:00"};
  if (dice.Percent(1)) return *ParseInstant("2025-12-31T23:59:59+01:00");
  const std::string text = dice.Percent(65) ? kUsualInstant : dice.Pick(instants);
  return *ParseInstant(text);
}

v1::Facts RandomFacts(Rng& rng, const Policy& policy, const Instant& now) {
  return FactsMaker(rng, policy, now).Make();
}

v1::Facts RandomFacts(Rng& rng, const Policy& policy) {
  return RandomFacts(rng, policy, *ParseInstant(kUsualInstant));
}

v1::DecisionRequest RandomRequest(Rng& rng, const Policy& policy, const v1::Facts& facts) {
  return RequestMaker(rng, policy, facts).Make();
}

Input RandomInput(Rng& rng, const Policy& policy) {
  Input input;
  input.now = RandomInstant(rng);
  input.facts = RandomFacts(rng, policy, input.now);
  input.request = RandomRequest(rng, policy, input.facts);
  return input;
}

}  // namespace sluis::policy_oracle
