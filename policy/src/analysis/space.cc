#include "space.h"

#include <algorithm>
#include <bit>
#include <set>

#include "sluis/base/errors.h"

namespace sluis::policy {
namespace {

template <typename Id>
bool AddNames(const NameTable<Id>& from, size_t limit, NameTable<Id>& to) {
  for (const std::string& name : from.names) {
    if (!to.ids.emplace(name, static_cast<uint16_t>(to.names.size())).second) continue;
    to.names.push_back(name);
  }
  return to.names.size() <= limit;
}

template <typename Id>
std::vector<uint16_t> MapOf(const NameTable<Id>& own, const NameTable<Id>& all) {
  std::vector<uint16_t> map;
  map.reserve(own.names.size());
  for (const std::string& name : own.names) map.push_back(all.Find(name)->index());
  return map;
}

constexpr Circumstance Shifted(Circumstance first, Regime regime) {
  return static_cast<Circumstance>(static_cast<int>(first) + static_cast<int>(regime) - 1);
}

constexpr ConditionSet kTaskOrPower = Bit(Condition::kWettelijkeTaakBenoemd) |
                                      Bit(Condition::kGezagOfOpenbareOrde) |
                                      Bit(Condition::kEigenBevoegdheidBenoemd);
// Conditions whose truth depends on more than a fact: Require() looks at each.
constexpr ConditionSet kSpecial =
    kTaskOrPower | Bit(Condition::kDeelnemerInCasus) | Bit(Condition::kBsnGerechtigd) |
    Bit(Condition::kInzageToegestaan) | Bit(Condition::kMachtigingGeldig) |
    Bit(Condition::kAmvbSchuldhulp82);
// Only ever true of a value that is held.
constexpr ConditionSet kOnlyHeld = Bit(Condition::kZichtbaarVoorAanwezigen) |
                                   Bit(Condition::kDilemmaGepseudonimiseerd) |
                                   Bit(Condition::kCelMinimaal10);

}  // namespace

ConditionSet AboutPerson() {
  static const ConditionSet set = [] {
    ConditionSet out = 0;
    for (const Condition condition : {Condition::kToestemmingUitdrukkelijk,
                                      Condition::kToestemmingMelder,
                                      Condition::kBesluitGoedHulpverlenerschap,
                                      Condition::kBesluitConflictVanPlichten,
                                      Condition::kBesluitWamsWeging,
                                      Condition::kBesluitMeldrecht,
                                      Condition::kBesluitAcuutGevaar,
                                      Condition::kBesluitSelectieBron,
                                      Condition::kBesluitWjsg,
                                      Condition::kInstemmingBron,
                                      Condition::kVierOgen,
                                      Condition::kWpg19Besluit,
                                      Condition::kOtsVanKracht,
                                      Condition::kMaatregelLoopt,
                                      Condition::kMinderjarig,
                                      Condition::kSlachtoffer,
                                      Condition::kZorgNodigZonderHulpvraag,
                                      Condition::kOpenMelding,
                                      Condition::kSignaalVoorwaarden,
                                      Condition::kBetrokkeneGeinformeerd,
                                      Condition::kGemeenteVoorOfNaDetentie,
                                      Condition::kRisicoErnstigGeweldZeden,
                                      Condition::kHuisverbodVanKracht,
                                      Condition::kRechtstreeksBetrokken,
                                      Condition::kVtMeldingToegelicht,
                                      Condition::kMandaatVanKracht,
                                      Condition::kHitBevestigd}) {
      out |= Bit(condition);
    }
    return out;
  }();
  return set;
}

const std::vector<Contradiction>& Contradictions() {
  using Where = Contradiction::Where;
  static const std::vector<Contradiction> list = {
      {Where::kAlways, Bit(Condition::kSlachtoffer) | Bit(Condition::kGeenAdresbescherming),
       "a victim's address counts as protected: SLACHTOFFER and GEEN_ADRESBESCHERMING are never "
       "true of one person"},
      {Where::kNobodyIsGuest, Bit(Condition::kGastToegelaten),
       "GAST_TOEGELATEN asks that one of the two hats is a guest at the tafel"},
      {Where::kNoPerson, AboutPerson() | Bit(Condition::kInzageToegestaan),
       "the tafel is about no person, so that no record about a person can be there"},
  };
  return list;
}

absl::StatusOr<Vocabulary> Vocabulary::Of(const Compiled& one, const Compiled* other) {
  Vocabulary out;
  bool fits = true;
  for (const Compiled* compiled : {&one, other}) {
    if (compiled == nullptr) continue;
    fits = AddNames(compiled->fields, kMaxFields, out.fields) && fits;
    fits = AddNames(compiled->hats, kMaxHats, out.hats) && fits;
    fits = AddNames(compiled->tafels, kMaxDocumentIds, out.tafels) && fits;
    fits = AddNames(compiled->phases, kMaxMaskBits, out.phases) && fits;
    fits = AddNames(compiled->stages, kNoStage.index(), out.stages) && fits;
    fits = AddNames(compiled->purposes, kMaxMaskBits, out.purposes) && fits;
    fits = AddNames(compiled->powers, kMaxDocumentIds, out.powers) && fits;
  }
  if (!fits) return LimitReached();
  return out;
}

absl::Status Vocabulary::LimitReached() {
  return ResourceExhausted("LIMIT",
                           "the documents have more names or days than an analysis can hold");
}

std::vector<Days> PeriodsOf(const Compiled& one, const Compiled* other, Days range) {
  std::set<int32_t> starts = {range.from};
  const auto add = [&](int32_t from, int32_t until) {
    if (range.from < from && from <= range.until) starts.insert(from);
    if (range.from <= until && until < range.until) starts.insert(until + 1);
  };
  for (const Compiled* compiled : {&one, other}) {
    if (compiled == nullptr) continue;
    for (const CompiledRow& row : compiled->row) {
      if (row.from <= row.until) add(row.from, row.until);
    }
    for (const GeneralDecisionPeriod& decision : compiled->general_decisions) {
      if (decision.from <= decision.until) add(decision.from, decision.until);
    }
  }
  std::vector<Days> periods;
  for (auto at = starts.begin(); at != starts.end(); ++at) {
    const auto next = std::next(at);
    periods.push_back({*at, next == starts.end() ? range.until : *next - 1});
  }
  return periods;
}

void Subtract(const Box& box, const Box& hole, std::vector<Box>& out) {
  Box rest = box;
  const auto cut = [&](auto member, auto outside, auto inside) {
    Box piece = rest;
    piece.*member = outside;
    if (!piece.empty()) out.push_back(piece);
    rest.*member = inside;
  };
  cut(&Box::periods, rest.periods & ~hole.periods, rest.periods & hole.periods);
  cut(&Box::phases, rest.phases & ~hole.phases, rest.phases & hole.phases);
  cut(&Box::stages, rest.stages - hole.stages, rest.stages & hole.stages);
  cut(&Box::purposes, rest.purposes & ~hole.purposes, rest.purposes & hole.purposes);
  cut(&Box::fields, rest.fields - hole.fields, rest.fields & hole.fields);
}

Space::Space(const Policy& policy, const Vocabulary& names, std::vector<Days> periods, As as)
    : policy_(policy),
      c_(policy.compiled()),
      periods_(std::move(periods)),
      as_(as),
      field_map_(MapOf(c_.fields, names.fields)),
      hat_map_(MapOf(c_.hats, names.hats)),
      tafel_map_(MapOf(c_.tafels, names.tafels)),
      phase_map_(MapOf(c_.phases, names.phases)),
      stage_map_(MapOf(c_.stages, names.stages)),
      purpose_map_(MapOf(c_.purposes, names.purposes)) {
  const std::vector<uint16_t> power_map = MapOf(c_.powers, names.powers);
  for (const CompiledGrant& grant : c_.grant) {
    grants_.push_back({Phases(grant.phases), Stages(grant.stages), Purposes(grant.purposes),
                       Fields(grant.fields)});
  }
  for (const CompiledRow& row : c_.row) {
    Row out{Purposes(row.purposes), PeriodsWithin(row.from, row.until), Fields(row.fields), {}};
    for (size_t power = 0; power < power_map.size(); ++power) {
      if (((row.powers >> power) & 1) != 0) out.powers.emplace_back(power_map[power]);
    }
    rows_.push_back(std::move(out));
  }
  StageSet every_stage;
  for (uint16_t i = 0; i < StageSet::kCapacity; ++i) every_stage.Insert(StageId(i));
  for (const CompiledExclusion& exclusion : c_.exclusion) {
    exclusions_.push_back({Purposes(exclusion.purposes),
                           exclusion.stages == 0 ? every_stage : Stages(exclusion.stages),
                           Fields(exclusion.fields)});
    if (exclusion.before_purpose_gate) prohibited_ |= exclusions_.back().purposes;
  }
  for (const CompiledTafel& tafel : c_.tafel) {
    TafelSets out{Phases(tafel.phases), {}, Purposes(tafel.purposes) & ~prohibited_, 0};
    if (tafel.regime == Regime::kWams) {
      const bool closes = tafel.person_data && !tafel.open_after_closing;
      out.stages = Stages(tafel.stages & (closes ? ~c_.closing_stages : ~Mask{0}));
    } else {
      out.stages.Insert(kNoStage);
    }
    const auto regime = static_cast<size_t>(tafel.regime);
    if (((c_.regimes_without_term >> regime) & 1) == 0) {
      out.periods = c_.opening_rows[regime].empty()
                        ? PeriodsWithin(std::numeric_limits<int32_t>::min(),
                                        std::numeric_limits<int32_t>::max())
                        : 0;
      for (const RowId row : c_.opening_rows[regime]) out.periods |= rows_[row.index()].periods;
    }
    tafels_.push_back(out);
  }
  for (const CompiledHat& hat : c_.hat) owns_.push_back(Fields(hat.owns));
  bsn_ = Fields(c_.bsn_class);
  ncnd_ = Fields(c_.ncnd);
  for (const GeneralDecisionPeriod& decision : c_.general_decisions) {
    (decision.condition == Condition::kMachtigingGeldig ? machtiging_ : amvb_) |=
        PeriodsWithin(decision.from, decision.until);
  }
  value_possible_.assign(c_.hat.size(), true);
  const auto counts_days = [](const CompiledRetention& row) {
    return row.term > 0 && (row.unit == v1::Retention::DAG || row.unit == v1::Retention::MAAND ||
                            row.unit == v1::Retention::JAAR);
  };
  for (const CompiledRetention& row : c_.retention) {
    if (row.anchor == v1::Retention::EERSTE_VERWERKING_CASUS) {
      casus_term_ = true;
      casus_term_possible_ = casus_term_possible_ && counts_days(row);
    }
    if ((row.anchor == v1::Retention::LAATSTE_WIJZIGING ||
         row.anchor == v1::Retention::EERSTE_VERWERKING) &&
        row.term > 0 && !counts_days(row)) {
      row.holders.ForEach([&](HatId hat) { value_possible_[hat.index()] = false; });
    }
  }
  holders_.resize(c_.hat.size());
  for (size_t i = 0; i < c_.partij.size(); ++i) {
    c_.partij[i].hats.ForEach(
        [&](HatId hat) { holders_[hat.index()].emplace_back(static_cast<uint16_t>(i)); });
  }
  pairs_.resize(c_.hat.size() * c_.hat.size());
  if (as_ == As::kWouldBe) {
    for (Row& row : rows_) row.periods = ~Mask{0};
    for (TafelSets& tafel : tafels_) tafel.periods = ~Mask{0};
  }
  const AgeLimits limits = AgeLimitsOf(c_);
  for (size_t set = 0; set < limits.size(); ++set) impossible_by_age_[set] = Fields(limits[set]);
}

Mask Space::PeriodsWithin(int32_t from, int32_t until) const {
  // Periods are cut at every day on which something changes, so overlapping is being within.
  Mask mask = 0;
  for (size_t i = 0; i < periods_.size() && i < kMaxPeriods; ++i) {
    if (from <= periods_[i].until && periods_[i].from <= until) mask |= Mask{1} << i;
  }
  return mask;
}

Mask Space::Map(Mask own, const std::vector<uint16_t>& map) {
  Mask mask = 0;
  for (Mask rest = own; rest != 0; rest &= rest - 1) {
    const auto bit = static_cast<size_t>(std::countr_zero(rest));
    if (bit < map.size()) mask |= Mask{1} << map[bit];
  }
  return mask;
}

StageSet Space::Stages(Mask own) const {
  StageSet set;
  for (Mask rest = own; rest != 0; rest &= rest - 1) {
    const auto bit = static_cast<size_t>(std::countr_zero(rest));
    if (bit < stage_map_.size()) set.Insert(StageId(stage_map_[bit]));
  }
  return set;
}

FieldSet Space::Fields(const FieldSet& own) const {
  FieldSet set;
  own.ForEach([&](FieldId field) { set.Insert(FieldId(field_map_[field.index()])); });
  return set;
}

AgeLimits AgeLimitsOf(const Compiled& c) {
  AgeLimits limits{};
  const FieldSet& locating = c.locating;
  for (size_t set = 0; set < limits.size(); ++set) {
    const bool groups_asked = (set & 3) != 0;  // consent, mandate
    const bool inzage = (set & 4) != 0;
    const bool minor = (set & 8) != 0;
    const bool victim = (set & 16) != 0;
    for (size_t law = 1; law <= kSourceLawCount; ++law) {
      const FieldSet& of_law = c.fields_of_law[law];
      for (const bool locates : {false, true}) {
        bool possible = (set & 15) == 0;
        for (size_t bracket = 0; bracket < c.ages.boundaries.size() && !possible; ++bracket) {
          if (minor && !c.ages.minor[bracket]) continue;
          for (const bool capable : {false, true}) {
            const auto groups =
                [&](const std::vector<CompiledAgeRule>& rules) -> const std::vector<uint8_t>& {
              return capable ? rules[bracket].capable : rules[bracket].incapable;
            };
            const auto& consent = groups(c.ages.consent[law]);
            if (groups_asked &&
                (consent.empty() || std::any_of(consent.begin(), consent.end(),
                                                [](uint8_t group) { return group == 0; }))) {
              continue;
            }
            uint8_t askers = 1 << static_cast<int>(Capacity::kSelf);
            if (!(victim && locates)) {
              askers = static_cast<uint8_t>(askers | (1 << static_cast<int>(Capacity::kParent)) |
                                            (1 << static_cast<int>(Capacity::kVoogd)) |
                                            (1 << static_cast<int>(Capacity::kRepresentative)));
            }
            const auto& may_ask = groups(c.ages.inzage[law]);
            if (inzage && std::none_of(may_ask.begin(), may_ask.end(),
                                       [&](uint8_t group) { return (group & askers) != 0; })) {
              continue;
            }
            possible = true;
          }
        }
        if (!possible) limits[set] |= locates ? of_law & locating : of_law - locating;
      }
    }
  }
  return limits;
}

size_t AboutAge(ConditionSet conditions) {
  const auto asks = [&](Condition condition) { return (conditions & Bit(condition)) != 0; };
  return (asks(Condition::kToestemmingUitdrukkelijk) ? 1U : 0U) |
         (asks(Condition::kMandaatVanKracht) ? 2U : 0U) |
         (asks(Condition::kInzageToegestaan) ? 4U : 0U) |
         (asks(Condition::kMinderjarig) ? 8U : 0U) | (asks(Condition::kSlachtoffer) ? 16U : 0U);
}

Mask Space::PairPeriods(HatId acting, HatId source) const {
  std::optional<Mask>& cached = pairs_[size_t{acting.index()} * c_.hat.size() + source.index()];
  if (cached) return *cached;
  Mask mask = as_ == As::kWouldBe ? ~Mask{0} : 0;
  for (const PartijId a : holders_[acting.index()]) {
    for (const PartijId b : holders_[source.index()]) {
      const CompiledPartij& first = c_.partij[a.index()];
      const CompiledPartij& second = c_.partij[b.index()];
      const int32_t from = std::max(first.acceded, second.acceded);
      const int32_t until = std::min(first.left, second.left);
      if (from <= until) mask |= PeriodsWithin(from, until);
    }
  }
  cached = mask;
  return mask;
}

std::optional<Actors> Space::FindActors(HatId acting, HatId source, size_t period,
                                        const Needs& needs, const Policy* other) const {
  std::optional<Actors> first;
  const auto also_there = [&](const Actors& actors) {
    if (!first) first = actors;
    if (other == nullptr) return true;
    const auto holds_there = [&](PartijId partij, HatId hat) {
      const auto there = other->FindPartij(policy_.NameOf(partij));
      const auto hat_there = other->FindHat(policy_.NameOf(hat));
      return there && hat_there && other->Holds(*there, *hat_there) &&
             other->StandingOf(*there, CivilDate::FromDays(actors.day)).acceded;
    };
    return holds_there(actors.acting, acting) && holds_there(actors.source, source);
  };
  const auto both = FindActorsWhere(acting, source, period, needs, also_there);
  return both ? both : first;
}

std::optional<Actors> Space::FindActorsWhere(HatId acting, HatId source, size_t period,
                                             const Needs& needs,
                                             absl::FunctionRef<bool(const Actors&)> wanted) const {
  const bool wvggz = (needs.conditions & Bit(Condition::kStriktNoodzakelijkWvggz)) != 0;
  const auto is_mayor = [&](HatId hat) {
    return c_.hat[hat.index()].wvggz == v1::Hat::BURGEMEESTER;
  };
  for (const PartijId a : holders_[acting.index()]) {
    const CompiledPartij& first = c_.partij[a.index()];
    if ((needs.conditions & Bit(Condition::kGemeenteVoorOfNaDetentie)) != 0 &&
        !first.municipality.valid()) {
      continue;
    }
    if (wvggz && is_mayor(acting) && !first.municipality.valid()) continue;
    for (const PartijId b : holders_[source.index()]) {
      const CompiledPartij& second = c_.partij[b.index()];
      if (wvggz && is_mayor(source) &&
          (!second.municipality.valid() ||
           (is_mayor(acting) && first.municipality != second.municipality))) {
        continue;
      }
      const int32_t from = std::max({periods_[period].from, first.acceded, second.acceded});
      const int32_t until = std::min({periods_[period].until, first.left, second.left});
      if (until < from) continue;
      for (const int32_t day : {from, until}) {
        if (const Actors actors{a, b, day}; wanted(actors)) return actors;
      }
    }
  }
  return std::nullopt;
}

Space::Cell Space::CellOf(TafelId tafel_id, HatId acting, HatId source) const {
  const CompiledTafel& tafel = c_.tafel[tafel_id.index()];
  const CompiledHat& acting_hat = c_.hat[acting.index()];
  const CompiledHat& source_hat = c_.hat[source.index()];
  Cell cell;
  const bool wgs = tafel.regime == Regime::kWgsSamenwerking;
  const bool overleg = tafel.soort == TafelSoort::kOverleg;
  const bool acting_guest = tafel.guests.Contains(acting);
  const bool source_guest = tafel.guests.Contains(source);
  cell.person = tafel.person_data;
  cell.entitled = acting_hat.bsn_entitled && source_hat.bsn_entitled && tafel.person_data;
  cell.value_possible = wgs || value_possible_[source.index()];
  cell.periods = tafels_[tafel_id.index()].periods & PairPeriods(acting, source);

  cell.gates |= Bit(tafel.person_data ? Circumstance::kAboutPerson : Circumstance::kAboutNobody);
  if (tafel.person_data) {
    if (!tafel.open_after_closing) cell.gates |= Bit(Circumstance::kCasusOpen);
    if (wgs) cell.gates |= Bit(Circumstance::kNoRadicalisation);
    if (wgs && casus_term_) {
      cell.gates |= Bit(Circumstance::kWithinCasusTerm);
      if (!casus_term_possible_) cell.periods = 0;
    }
    if (tafel.placement_required) cell.gates |= Bit(Circumstance::kPlaced);
  }
  cell.acting_takes_part =
      Bit(Shifted(acting_hat.staff_of_partij ? Circumstance::kActingPartijTakesPartSector
                                             : Circumstance::kActingTakesPartSector,
                  tafel.regime));
  if (acting_guest) {
    cell.gates |= Bit(Circumstance::kActingInvited);
  } else if (overleg) {
    cell.gates |= cell.acting_takes_part;
  }
  if (source_guest) {
    cell.gates |= Bit(Circumstance::kSourceInvited);
  } else if (overleg && wgs) {
    cell.gates |=
        Bit(Shifted(source_hat.staff_of_partij ? Circumstance::kSourcePartijTakesPartSector
                                               : Circumstance::kSourceTakesPartSector,
                    tafel.regime));
  }

  // The gates have asked for a seat, and of guests for the invitation.
  cell.always |= Bit(Condition::kLidVanTafel);
  if (acting_guest) cell.always |= Bit(Condition::kDeelnemerInCasus);
  (acting_guest || source_guest ? cell.always : cell.never) |= Bit(Condition::kGastToegelaten);
  if (!source_hat.police) cell.always |= Bit(Condition::kPolitieTermijn5j);
  if (!tafel.person_data) {
    cell.never |= AboutPerson() | Bit(Condition::kInzageToegestaan);
    cell.always |= Bit(Condition::kGeenAdresbescherming);
  }
  const auto nobody_with_municipality = [&](HatId hat) {
    const auto& holders = holders_[hat.index()];
    if (as_ == As::kWouldBe) return false;
    return std::none_of(holders.begin(), holders.end(), [&](PartijId partij) {
      return c_.partij[partij.index()].municipality.valid();
    });
  };
  if (nobody_with_municipality(acting)) cell.never |= Bit(Condition::kGemeenteVoorOfNaDetentie);
  for (const HatId hat : {acting, source}) {
    if (c_.hat[hat.index()].wvggz == v1::Hat::BURGEMEESTER && nobody_with_municipality(hat))
      cell.never |= Bit(Condition::kStriktNoodzakelijkWvggz);
  }
  return cell;
}

Box Space::MatchOf(TafelId tafel_id, HatId source, size_t index) const {
  const Grant& grant = grants_[index];
  const TafelSets& tafel = tafels_[tafel_id.index()];
  Box box;
  box.phases = grant.phases & tafel.phases;
  box.stages = grant.stages.empty() ? tafel.stages : grant.stages & tafel.stages;
  box.purposes = grant.purposes & tafel.purposes;
  box.periods = ~Mask{0};
  box.fields = grant.fields & owns_[source.index()];
  return box;
}

void Space::ClosedSets(TafelId tafel_id, HatId acting, HatId source,
                       std::vector<ClosedSet>& out) const {
  const CompiledTafel& tafel = c_.tafel[tafel_id.index()];
  const uint8_t acting_seat = tafel.seat[acting.index()];
  const uint8_t source_seat = tafel.seat[source.index()];
  if (acting_seat == kNoSeat || source_seat == kNoSeat) return;
  const size_t at = size_t{acting_seat} * tafel.seats + source_seat;
  for (uint32_t i = tafel.cells[at]; i < tafel.cells[at + 1]; ++i) {
    const uint16_t grant = tafel.cell_grants[i];
    if (!c_.grant[grant].closes_set) continue;
    const Box box = MatchOf(tafel_id, source, grant);
    if (!box.empty()) out.push_back({box, GrantId(grant)});
  }
}

void Space::Require(const Cell& cell, Route route, ConditionSet conditions, const Row* row,
                    bool by_mandate, std::vector<Route>& out) const {
  if ((conditions & cell.never) != 0) return;
  conditions &= ~cell.always;
  route.needs.conditions |= conditions & ~kSpecial;
  const ConditionSet special = conditions & kSpecial;
  if (special == 0) {
    if (!route.box.empty()) out.push_back(route);
    return;
  }
  const auto asks = [&](Condition condition) { return (special & Bit(condition)) != 0; };
  if (asks(Condition::kDeelnemerInCasus)) route.needs.circumstances |= cell.acting_takes_part;
  constexpr ConditionSet kGeneral =
      Bit(Condition::kMachtigingGeldig) | Bit(Condition::kAmvbSchuldhulp82);
  if (as_ == As::kWouldBe) {
    route.needs.conditions |= special & kGeneral;
  } else {
    if (asks(Condition::kMachtigingGeldig)) route.box.periods &= machtiging_;
    if (asks(Condition::kAmvbSchuldhulp82)) route.box.periods &= amvb_;
  }
  if (asks(Condition::kInzageToegestaan)) {
    if (!by_mandate) route.needs.conditions |= Bit(Condition::kInzageToegestaan);
    route.needs.circumstances |= Bit(Circumstance::kNoInzageException);
  }
  const bool task = asks(Condition::kWettelijkeTaakBenoemd);
  const bool power =
      asks(Condition::kGezagOfOpenbareOrde) || asks(Condition::kEigenBevoegdheidBenoemd);
  if ((task || power) && row == nullptr) return;  // true for a row only
  const auto push = [&](Route part) {
    if (!asks(Condition::kBsnGerechtigd)) {
      if (!part.box.empty()) out.push_back(part);
      return;
    }
    Route other = part;
    other.box.fields -= bsn_;
    if (!other.box.empty()) out.push_back(other);
    part.box.fields &= bsn_;
    part.needs.conditions |= Bit(Condition::kBsnGerechtigd);
    if (cell.entitled && !part.box.empty()) out.push_back(part);
  };
  // The request names one task and one power.
  const std::vector<PowerId> nothing = {PowerId()};
  for (const PowerId named_task : task ? row->powers : nothing) {
    for (const PowerId named_power : power ? row->powers : nothing) {
      Route part = route;
      part.needs.task = named_task;
      part.needs.power = named_power;
      push(part);
    }
  }
}

void Space::Settle(const Cell& cell, Route route, std::vector<Route>& out) const {
  ConditionSet& conditions = route.needs.conditions;
  CircumstanceSet& circumstances = route.needs.circumstances;
  const auto asks = [&](Condition condition) { return (conditions & Bit(condition)) != 0; };
  if (asks(Condition::kSlachtoffer) && asks(Condition::kGeenAdresbescherming)) return;
  route.box.fields -= impossible_by_age_[AboutAge(conditions)];
  // Who takes part takes part for the staff of its partij too.
  for (const auto& [first, staff] :
       {std::pair(Circumstance::kActingTakesPartSector, Circumstance::kActingPartijTakesPartSector),
        std::pair(Circumstance::kSourceTakesPartSector,
                  Circumstance::kSourcePartijTakesPartSector)}) {
    for (const Regime regime : {Regime::kSector, Regime::kWams, Regime::kWgsSamenwerking}) {
      if ((circumstances & Bit(Shifted(first, regime))) != 0)
        circumstances |= Bit(Shifted(staff, regime));
    }
  }
  if ((conditions & kOnlyHeld) != 0) circumstances |= Bit(Circumstance::kValueHeld);
  const auto push = [&](const Route& part) {
    if (part.box.empty() ||
        (!cell.value_possible && (part.needs.circumstances & Bit(Circumstance::kValueHeld)) != 0)) {
      return;
    }
    out.push_back(part);
  };
  // A field that is neither confirmed nor denied is released with a value or not at all.
  Route hidden = route;
  hidden.box.fields &= ncnd_;
  hidden.needs.circumstances |= Bit(Circumstance::kValueHeld);
  route.box.fields -= ncnd_;
  push(route);
  push(hidden);
}

void Space::Exclude(const Cell& cell, const CompiledTafel& tafel, HatId acting,
                    std::vector<Route>& routes) const {
  std::vector<Route> next;
  std::vector<Box> outside;
  for (const uint16_t index : tafel.exclusions[acting.index()].indices) {
    const CompiledExclusion& exclusion = c_.exclusion[index];
    const Exclusion& mapped = exclusions_[index];
    const Box hole{~Mask{0}, mapped.stages, mapped.purposes, ~Mask{0}, mapped.fields};
    const bool touches = std::any_of(routes.begin(), routes.end(), [&](const Route& route) {
      return !(route.box & hole).empty();
    });
    if (!touches) continue;
    next.clear();
    for (const Route& route : routes) {
      Route inside = route;
      inside.box = route.box & hole;
      if (inside.box.empty()) {
        next.push_back(route);
        continue;
      }
      outside.clear();
      Subtract(route.box, hole, outside);
      for (const Box& box : outside) {
        next.push_back(route);
        next.back().box = box;
      }
      // Something of `unless` has to be true; what is about a row or a message never is.
      for (ConditionSet rest = exclusion.unless & ~Bit(Condition::kGeslotenSet); rest != 0;
           rest &= rest - 1) {
        Require(cell, inside, rest & (~rest + 1), nullptr, false, next);
      }
    }
    routes.swap(next);
  }
}

void Space::Routes(TafelId tafel_id, HatId acting, HatId source, std::vector<Route>& out,
                   Trace* trace) const {
  out.clear();
  const CompiledTafel& tafel = c_.tafel[tafel_id.index()];
  const uint8_t acting_seat = tafel.seat[acting.index()];
  const uint8_t source_seat = tafel.seat[source.index()];
  if (acting_seat == kNoSeat || source_seat == kNoSeat) return;
  const size_t at = size_t{acting_seat} * tafel.seats + source_seat;
  if (tafel.cells[at] == tafel.cells[at + 1]) return;
  const Cell cell = CellOf(tafel_id, acting, source);
  if (cell.periods == 0 && trace == nullptr) return;
  std::vector<ClosedSet> closed;
  ClosedSets(tafel_id, acting, source, closed);
  std::vector<Route> routes;
  std::vector<Route> judged;
  std::vector<Route> settled;
  std::vector<Box> outside;
  for (uint32_t i = tafel.cells[at]; i < tafel.cells[at + 1]; ++i) {
    const uint16_t grant_index = tafel.cell_grants[i];
    const CompiledGrant& grant = c_.grant[grant_index];
    const Box match = MatchOf(tafel_id, source, grant_index);
    if (match.empty()) continue;
    for (size_t k = 0; k < grant.alternatives.size(); ++k) {
      const Alternative& alternative = grant.alternatives[k];
      const CompiledRow& compiled_row = c_.row[alternative.row.index()];
      const Row& row = rows_[alternative.row.index()];
      if (((compiled_row.regimes >> static_cast<int>(tafel.regime)) & 1) == 0 ||
          !compiled_row.sources.Contains(source) || !compiled_row.recipients.Contains(acting)) {
        continue;
      }
      Route route;
      route.box = match;
      route.box.purposes &= row.purposes;
      route.box.fields &= row.fields;
      if (route.box.empty()) continue;
      const auto reached = [&](uint8_t progress) {
        if (trace != nullptr) {
          uint8_t& bits = (*trace)[grant_index][k];
          bits = static_cast<uint8_t>(bits | progress);
        }
      };
      reached(kFits);
      route.box.periods = row.periods & cell.periods;
      if (route.box.periods == 0) continue;
      reached(kInForce);
      route.needs.circumstances = cell.gates;
      route.obligations = grant.obligations | compiled_row.obligations;
      route.grant = GrantId(grant_index);
      route.row = alternative.row;
      route.alternative = static_cast<uint16_t>(k);
      routes.clear();
      Require(cell, route, alternative.needs & ~Bit(Condition::kGeslotenSet), &row,
              compiled_row.by_mandate, routes);
      // A closed signal: what the first set that contains the field asks of the message.
      for (const ClosedSet& set : closed) {
        const ConditionSet needs = c_.grant[set.grant.index()].signal_needs;
        judged.clear();
        // Only parts that no earlier set has judged; those have found their place in `settled`.
        for (const Route& part : routes) {
          Route inside = part;
          inside.box = part.box & set.box;
          if (inside.box.empty()) {
            judged.push_back(part);
            continue;
          }
          outside.clear();
          Subtract(part.box, set.box, outside);
          for (const Box& box : outside) {
            judged.push_back(part);
            judged.back().box = box;
          }
          Require(cell, inside, needs, nullptr, false, settled);
        }
        routes.swap(judged);
      }
      settled.insert(settled.end(), routes.begin(), routes.end());
      routes.clear();
      for (const Route& part : settled) Settle(cell, part, routes);
      settled.clear();
      if (routes.empty()) continue;
      reached(kHolds);
      Exclude(cell, tafel, acting, routes);
      const size_t before = out.size();
      // What `unless` added may contradict.
      for (const Route& part : routes) Settle(cell, part, out);
      if (out.size() > before) reached(kReleases);
    }
  }
}

}  // namespace sluis::policy
