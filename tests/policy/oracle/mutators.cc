#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "containment.h"
#include "dice.h"
#include "google/protobuf/message.h"
#include "perturb.h"

#include "sluis/base/check.h"
#include "sluis/policy_oracle/generator.h"

namespace sluis::policy_oracle {
namespace {

template <typename List>
void RemoveAt(List& list, int index) {
  list.DeleteSubrange(index, 1);
}

void RemoveAt(google::protobuf::RepeatedField<int>& list, int index) {
  std::vector<int> kept;
  for (int i = 0; i < list.size(); ++i) {
    if (i != index) kept.push_back(list.Get(i));
  }
  list.Clear();
  for (const int element : kept) list.Add(element);
}

template <typename Message>
void Permute(Dice& dice, google::protobuf::RepeatedPtrField<Message>& list) {
  for (int i = list.size(); i > 1; --i) {
    list.SwapElements(i - 1, static_cast<int>(dice.Index(static_cast<size_t>(i))));
  }
}

v1::PartijHat Acting(const v1::DecisionRequest& request) {
  v1::PartijHat side;
  side.set_partij(request.partij());
  side.set_hat(request.acting_hat());
  return side;
}

bool Same(const v1::PartijHat& a, const v1::PartijHat& b) {
  return a.partij() == b.partij() && a.hat() == b.hat();
}

std::string NameOfAskedField(Dice& dice, const v1::DecisionRequest& request) {
  return request.fields(dice.Position(request.fields())).field();
}

bool IsGiven(const v1::Consent& consent) {
  return consent.status() == v1::Consent::GEGEVEN_UITDRUKKELIJK ||
         consent.status() == v1::Consent::GEGEVEN_BEPERKT ||
         consent.status() == v1::Consent::VERVANGEND_GEGEVEN;
}

std::vector<int> GivenConsents(const v1::Facts& facts) {
  std::vector<int> given;
  for (int i = 0; i < facts.consents_size(); ++i) {
    const v1::Consent& consent = facts.consents(i);
    if (IsGiven(consent) && consent.withdrawn_at().empty() &&
        CivilDate::Parse(consent.date()).ok()) {
      given.push_back(i);
    }
  }
  return given;
}

}  // namespace

// --- L01, L03, L04 ------------------------------------------------------------------------------

Policy RemoveGrant(Rng& rng, Policy policy) {
  Dice dice(rng);
  auto& grants = *policy.convenant.mutable_grants();
  if (grants.size() > 1) RemoveAt(grants, dice.Position(grants));
  return policy;
}

Policy AddExclusion(Rng& rng, Policy policy) {
  Dice dice(rng);
  v1::Exclusion& exclusion = *policy.convenant.add_exclusions();
  exclusion.set_id(absl::StrCat("X", dice.Between(30, 99)));
  exclusion.set_kind(v1::Exclusion::VELD);
  exclusion.set_nl("nooit");
  exclusion.set_provenance("[aanname]");
  exclusion.set_code(v1::ReasonCode::CATEGORY_EXCLUDED);
  const World world = WorldOf(policy, {});
  const int kind = dice.Between(0, 4);
  if (kind == 0) exclusion.add_fields(dice.Pick(world.fields));
  if (kind == 1) exclusion.add_categories(dice.Pick(world.categories));
  if (kind == 2) exclusion.add_recipient_hats(dice.Pick(world.hats));
  if (kind == 3) exclusion.add_tafels(dice.Pick(world.tafels));
  if (kind == 4) exclusion.add_purposes(dice.Pick(world.purposes));
  if (dice.Percent(30)) exclusion.add_unless(v1::Condition::GEMOTIVEERD);
  if (dice.Percent(20)) exclusion.add_unless(v1::Condition::GEEN_ADRESBESCHERMING);
  return policy;
}

Policy PermuteGrants(Rng& rng, Policy policy) {
  Dice dice(rng);
  Permute(dice, *policy.convenant.mutable_grants());
  return policy;
}

Policy PermuteRows(Rng& rng, Policy policy) {
  Dice dice(rng);
  Permute(dice, *policy.statute.mutable_rows());
  for (v1::Grant& grant : *policy.convenant.mutable_grants()) {
    Permute(dice, *grant.mutable_grondslagen());
  }
  return policy;
}

Policy PermuteExclusions(Rng& rng, Policy policy) {
  Dice dice(rng);
  Permute(dice, *policy.convenant.mutable_exclusions());
  return policy;
}

// --- L02, L09: consent --------------------------------------------------------------------------

v1::Facts AddConsent(Rng& rng, const Policy& policy, const Input& input) {
  Dice dice(rng);
  v1::Facts facts = input.facts;
  if (input.request.fields().empty()) return facts;
  v1::Consent& consent = *facts.add_consents();
  consent.set_person(input.request.person());
  const int givers = dice.Between(1, 2);
  for (int i = 0; i < givers; ++i) {
    v1::Consent::Giver& giver = *consent.add_given_by();
    giver.set_capacity(static_cast<v1::Capacity::Id>(dice.Between(1, 5)));
    giver.set_name(dice.Percent(60) ? "ouder een" : "");
  }
  *consent.mutable_source() = input.request.source();
  *consent.mutable_recipient() = Acting(input.request);
  const std::string field = NameOfAskedField(dice, input.request);
  const v1::Field* known = FieldOf(policy.convenant, field);
  if (known != nullptr && dice.Percent(30)) {
    consent.add_categories(known->category());
  } else {
    consent.add_fields(field);
  }
  consent.set_purpose(input.request.purpose());
  consent.set_status(dice.Percent(80) ? v1::Consent::GEGEVEN_UITDRUKKELIJK
                                      : v1::Consent::GEGEVEN_BEPERKT);
  consent.set_flag(v1::Consent::DOORBREKING_GEHEIM);
  consent.set_date(WriteDay(input.now.today.AddDays(-dice.Between(0, 30))));
  consent.set_from(consent.date());
  if (dice.Percent(50)) consent.set_until(WriteDay(input.now.today.AddDays(dice.Between(0, 9))));
  consent.set_way("schriftelijk");
  consent.set_evidence("dossier 2");
  return facts;
}

v1::Facts RemoveGivenConsent(Rng& rng, const Input& input) {
  Dice dice(rng);
  v1::Facts facts = input.facts;
  const std::vector<int> given = GivenConsents(facts);
  if (!given.empty()) RemoveAt(*facts.mutable_consents(), dice.Pick(given));
  return facts;
}

v1::Facts WithdrawConsent(Rng& rng, const Input& input) {
  Dice dice(rng);
  v1::Facts facts = input.facts;
  const std::vector<int> given = GivenConsents(facts);
  if (!given.empty()) {
    facts.mutable_consents(dice.Pick(given))
        ->set_withdrawn_at(WriteInstant(input.now.time - absl::Seconds(dice.Between(0, 9))));
  }
  return facts;
}

// --- L05, L06, L08, L18 -------------------------------------------------------------------------

v1::Facts ChangePhase(Rng& rng, const Policy& policy, const Input& input) {
  Dice dice(rng);
  v1::Facts facts = input.facts;
  if (!facts.has_casus()) return facts;
  const World world = WorldOf(policy, input.now);
  facts.mutable_casus()->set_phase(dice.PickOther(world.phases, facts.casus().phase()));
  return facts;
}

namespace {

// Neither asker nor source, and of another partij than a side that is staff of its partij.
bool IsUnrelated(const Policy& policy, const Input& input, const v1::PartijHat& side) {
  const v1::PartijHat acting = Acting(input.request);
  const v1::PartijHat& source = input.request.source();
  if (Same(side, acting) || Same(side, source)) return false;
  for (const v1::Hat& hat : policy.convenant.hats()) {
    if (!hat.staff_of_partij()) continue;
    if (hat.id() == acting.hat() && side.partij() == acting.partij()) return false;
    if (hat.id() == source.hat() && side.partij() == source.partij()) return false;
  }
  return true;
}

}  // namespace

v1::Facts AdmitUnrelatedHat(Rng& rng, const Policy& policy, const Input& input) {
  Dice dice(rng);
  v1::Facts facts = input.facts;
  if (!facts.has_casus()) return facts;
  const auto& parties = policy.convenant.parties();
  for (int i = 0; i < 20; ++i) {
    const v1::Partij& partij = parties.Get(dice.Position(parties));
    if (partij.hats().empty()) continue;
    v1::Participation participation;
    participation.mutable_participant()->set_partij(partij.id());
    participation.mutable_participant()->set_hat(partij.hats(dice.Position(partij.hats())));
    if (!IsUnrelated(policy, input, participation.participant())) continue;
    participation.set_from(WriteDay(input.now.today.AddDays(-1)));
    *facts.mutable_casus()->add_participants() = participation;
    participation.set_tafel(input.request.tafel());
    *facts.mutable_casus()->add_guests() = participation;
    break;
  }
  return facts;
}

v1::Facts RemoveUnrelatedHats(const Policy& policy, const Input& input) {
  v1::Facts facts = input.facts;
  if (!facts.has_casus()) return facts;
  for (auto* list :
       {facts.mutable_casus()->mutable_participants(), facts.mutable_casus()->mutable_guests()}) {
    for (int i = list->size() - 1; i >= 0; --i) {
      if (IsUnrelated(policy, input, list->Get(i).participant())) RemoveAt(*list, i);
    }
  }
  return facts;
}

Policy GrantToUnrelatedHat(Rng& rng, Policy policy, const Input& input) {
  Dice dice(rng);
  const World world = WorldOf(policy, input.now);
  for (int i = 0; i < 20; ++i) {
    const int index = dice.Position(policy.convenant.grants());
    const std::string hat = dice.Pick(world.hats);
    if (hat == input.request.acting_hat() || hat == input.request.source().hat()) continue;
    Policy changed = policy;
    v1::Grant& grant = *changed.convenant.mutable_grants(index);
    if (Has(grant.recipient_hats(), hat)) continue;
    grant.add_recipient_hats(hat);
    if (LoadProblems(changed).empty()) return changed;
  }
  return policy;
}

std::vector<v1::DecisionRequest> SplitRequest(const v1::DecisionRequest& request) {
  std::vector<v1::DecisionRequest> parts;
  for (const auto& asked : request.fields()) {
    v1::DecisionRequest& part = parts.emplace_back(request);
    part.clear_fields();
    *part.add_fields() = asked;
  }
  return parts;
}

v1::DecisionRequest PermuteFields(Rng& rng, v1::DecisionRequest request) {
  Dice dice(rng);
  Permute(dice, *request.mutable_fields());
  return request;
}

// --- L10, L11 -----------------------------------------------------------------------------------

Policy AddPartij(Rng& rng, Policy policy) {
  Dice dice(rng);
  const World world = WorldOf(policy, {});
  v1::Partij& partij = *policy.convenant.add_parties();
  partij.set_id("P_NIEUW");
  partij.set_nl("nieuwe partij");
  partij.set_oin("00000099999999999000");
  for (const std::string& hat : dice.Some(world.hats, 1, 3)) partij.add_hats(hat);
  partij.set_municipality(dice.Pick(world.municipalities));
  partij.set_acceded_on("2026-01-01");
  return policy;
}

Policy SwitchWamsRowsOn(Policy policy) {
  for (const v1::StatuteRow& row : policy.statute.rows()) {
    if (row.opens_regime() != v1::Regime::WAMS || !row.off_until_dated()) continue;
    v1::OperatorSwitches::RowDates* dates = nullptr;
    for (auto& known : *policy.switches.mutable_rows()) {
      if (known.row() == row.id()) dates = &known;
    }
    if (dates == nullptr) dates = policy.switches.add_rows();
    dates->set_row(row.id());
    dates->set_from("2026-01-01");
    dates->set_until("2099-12-31");
    dates->set_source("Staatsblad");
  }
  return policy;
}

Policy SetWamsTerms(Policy policy) {
  for (const v1::Retention& retention : policy.convenant.retention()) {
    if (retention.gates_regime() != v1::Regime::WAMS || retention.term() > 0) continue;
    bool is_set = false;
    for (const auto& term : policy.switches.terms()) is_set |= term.id() == retention.id();
    if (is_set) continue;
    v1::OperatorSwitches::Term& term = *policy.switches.add_terms();
    term.set_id(retention.id());
    // So long that it ends for no value: a term binds its holder at every tafel, and L11 is about
    // the rows.
    term.set_term(100);
    term.set_unit(v1::Retention::JAAR);
    term.set_source("besluit");
  }
  return policy;
}

// --- L12 ----------------------------------------------------------------------------------------

v1::Facts AddObjection(Rng& rng, const Policy& policy, const Input& input) {
  Dice dice(rng);
  v1::Facts facts = input.facts;
  if (input.request.fields().empty()) return facts;
  const World world = WorldOf(policy, input.now);
  v1::SourceObjection& objection = *facts.add_objections();
  *objection.mutable_source() = input.request.source();
  if (dice.Percent(50)) objection.set_person(input.request.person());
  if (dice.Percent(50)) objection.set_casus(input.request.casus());
  if (dice.Percent(50)) objection.add_fields(NameOfAskedField(dice, input.request));
  if (dice.Percent(50)) *objection.add_recipients() = Acting(input.request);
  objection.set_reason("reden");
  objection.set_from(WriteDay(input.now.today));
  if (dice.Percent(30)) Perturb(dice, world, objection);
  return facts;
}

v1::Facts AddSourceCondition(Rng& rng, const Policy& policy, const Input& input) {
  Dice dice(rng);
  v1::Facts facts = input.facts;
  if (input.request.fields().empty()) return facts;
  const World world = WorldOf(policy, input.now);
  v1::SourceCondition& condition = *facts.add_source_conditions();
  condition.set_person(input.request.person());
  condition.set_field(NameOfAskedField(dice, input.request));
  *condition.mutable_origin() = input.request.source();
  for (const v1::Holding& holding : facts.holdings()) {
    if (holding.has_origin() && dice.Percent(50)) *condition.mutable_origin() = holding.origin();
  }
  condition.set_kind(static_cast<v1::SourceCondition::Kind>(dice.Between(1, 3)));
  condition.set_until(WriteDay(input.now.today.AddDays(dice.Between(-1, 1))));
  condition.set_tafel(dice.Pick(world.tafels));
  return facts;
}

// --- L13, L14 -----------------------------------------------------------------------------------

namespace {

template <typename List>
void DropOne(Dice& dice, List& list) {
  if (list.size() > 1) RemoveAt(list, dice.Position(list));
}

void EndEarlier(Dice& dice, v1::StatuteRow& row, v1::OperatorSwitches& switches) {
  const std::vector<std::string> days = {"2026-11-22", "2026-11-23", "2027-01-31", "2025-06-30"};
  const std::string until = dice.Pick(days);
  if (!row.off_until_dated()) {
    if (row.valid_until().empty() || until < row.valid_until()) row.set_valid_until(until);
    return;
  }
  for (auto& dates : *switches.mutable_rows()) {
    if (dates.row() == row.id() && until < dates.until()) dates.set_until(until);
  }
}

template <typename List>
void AddConditionTo(Dice& dice, List* list) {
  const int condition = dice.Between(1, 54);
  if (!Has(*list, condition)) list->Add(condition);
}

}  // namespace

Policy NarrowRow(Rng& rng, Policy policy) {
  Dice dice(rng);
  for (int i = 0; i < 8; ++i) {
    Policy changed = policy;
    const int index = dice.Position(changed.statute.rows());
    v1::StatuteRow& row = *changed.statute.mutable_rows(index);
    switch (dice.Between(0, 5)) {
      case 0:
        DropOne(dice, *row.mutable_source_hats());
        break;
      case 1:
        DropOne(dice, *row.mutable_recipient_hats());
        break;
      case 2:
        DropOne(dice, *row.mutable_purposes());
        break;
      case 3:
        DropOne(dice, *row.mutable_categories());
        break;
      case 4:
        DropOne(dice, *row.mutable_classes());
        break;
      default:
        EndEarlier(dice, row, changed.switches);
        return changed;
    }
    if (LoadProblems(changed).empty()) return changed;
  }
  return policy;
}

Policy AddConditionToGrant(Rng& rng, Policy policy) {
  Dice dice(rng);
  Policy changed = policy;
  v1::Grant& grant = *changed.convenant.mutable_grants(dice.Position(changed.convenant.grants()));
  AddConditionTo(dice, grant.mutable_conditions());
  return LoadProblems(changed).empty() ? changed : policy;
}

Policy AddConditionToRow(Rng& rng, Policy policy) {
  Dice dice(rng);
  Policy changed = policy;
  v1::StatuteRow& row = *changed.statute.mutable_rows(dice.Position(changed.statute.rows()));
  AddConditionTo(dice, row.mutable_conditions());
  return LoadProblems(changed).empty() ? changed : policy;
}

// --- L19 ----------------------------------------------------------------------------------------

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Takes away what `path` names: a list's element ("casus.hits[1]") or a field of a record
// ("casus.persons[0].birth_date").
void TakeAway(const std::string& path, Message& message) {
  const size_t dot = path.find('.');
  const std::string step = path.substr(0, dot);
  const size_t bracket = step.find('[');
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(step.substr(0, bracket));
  SLUIS_CHECK(field != nullptr);
  const Reflection& reflection = *message.GetReflection();
  const bool is_last = dot == std::string::npos;
  if (bracket == std::string::npos) {
    if (is_last) {
      reflection.ClearField(&message, field);
    } else {
      TakeAway(path.substr(dot + 1), *reflection.MutableMessage(&message, field));
    }
    return;
  }
  const int index = std::stoi(step.substr(bracket + 1));
  if (!is_last) {
    TakeAway(path.substr(dot + 1), *reflection.MutableRepeatedMessage(&message, field, index));
    return;
  }
  const int size = reflection.FieldSize(message, field);
  for (int i = index; i + 1 < size; ++i) reflection.SwapElements(&message, field, i, i + 1);
  reflection.RemoveLast(&message, field);
}

// A decision that is given, and hides no other when it is there.
bool CanOnlyHelp(const v1::ProfessionalDecision& decision) {
  return decision.result() == v1::ProfessionalDecision::GIVEN && decision.until().empty() &&
         decision.kind() != v1::ProfessionalDecision::ACUUT &&
         decision.kind() != v1::ProfessionalDecision::VIER_OGEN &&
         decision.kind() != v1::ProfessionalDecision::WJSG;
}

std::vector<std::string> PathsOfHelpfulFacts(const v1::Facts& facts) {
  std::vector<std::string> paths;
  const auto add_list = [&](const char* name, int size) {
    for (int i = 0; i < size; ++i) paths.push_back(absl::StrCat(name, "[", i, "]"));
  };
  const v1::CasusFacts& casus = facts.casus();
  add_list("professionals", facts.professionals_size());
  add_list("besluiten", facts.besluiten_size());
  add_list("ots", facts.ots_size());
  add_list("measures", facts.measures_size());
  add_list("mandates", facts.mandates_size());
  add_list("reports", facts.reports_size());
  add_list("informed", facts.informed_size());
  // A later record about a person hides an earlier one.
  if (facts.detention_size() == 1) add_list("detention", 1);
  add_list("casus.participants", casus.participants_size());
  add_list("casus.guests", casus.guests_size());
  add_list("casus.persons", casus.persons_size());
  add_list("casus.treatment", casus.treatment_size());
  add_list("casus.hits", casus.hits_size());
  add_list("casus.flags_18b", casus.flags_18b_size());
  for (const int i : GivenConsents(facts)) paths.push_back(absl::StrCat("consents[", i, "]"));
  for (int i = 0; i < facts.decisions_size(); ++i) {
    if (CanOnlyHelp(facts.decisions(i))) paths.push_back(absl::StrCat("decisions[", i, "]"));
  }
  for (int i = 0; i < casus.persons_size(); ++i) {
    paths.push_back(absl::StrCat("casus.persons[", i, "].birth_date"));
  }
  for (int i = 0; i < facts.holdings_size(); ++i) {
    paths.push_back(absl::StrCat("holdings[", i, "].value_date"));
    paths.push_back(absl::StrCat("holdings[", i, "].first_processed"));
  }
  for (const char* path :
       {"casus", "casus.phase", "casus.municipality", "casus.first_processed", "casus.tafels",
        "casus.timebox", "casus.wams_track.samenspraak", "casus.wams_track.outcome"}) {
    paths.emplace_back(path);
  }
  return paths;
}

}  // namespace

DroppedFact DropFact(Rng& rng, const Input& input) {
  Dice dice(rng);
  DroppedFact dropped{.facts = input.facts, .dropped = ""};
  dropped.dropped = dice.Pick(PathsOfHelpfulFacts(input.facts));
  TakeAway(dropped.dropped, dropped.facts);
  return dropped;
}

}  // namespace sluis::policy_oracle
