#include "sluis/policy/witness.h"

#include "space.h"

#include "sluis/base/text.h"
#include "sluis/policy/engine.h"
#include "sluis/policy/v1/case.pb.h"

namespace sluis::policy {

v1::DecisionRequest WitnessRequest(const Side& acting, const Side& source, const Policy& policy,
                                   std::string_view tafel, std::string_view stage,
                                   std::string_view purpose, const std::vector<std::string>& fields,
                                   const Way& holds) {
  const auto asks = [&](Condition condition) { return (holds.conditions & Bit(condition)) != 0; };
  v1::DecisionRequest request;
  request.set_partij(policy.NameOf(acting.partij));
  request.set_acting_hat(policy.NameOf(acting.hat));
  request.set_professional("professional-1");
  request.set_casus("casus-1");
  request.set_tafel(std::string(tafel));
  request.set_stage(std::string(stage));
  request.set_purpose(std::string(purpose));
  if ((holds.circumstances & Bit(Circumstance::kAboutPerson)) != 0) request.set_person("persoon-1");
  request.mutable_source()->set_partij(policy.NameOf(source.partij));
  request.mutable_source()->set_hat(policy.NameOf(source.hat));
  for (const std::string& field : fields) {
    auto& asked = *request.add_fields();
    asked.set_field(field);
    if (asks(Condition::kGemotiveerd)) asked.set_motivation("nodig voor dit doel");
  }
  if (!holds.tasks.empty()) request.set_task(holds.tasks.front());
  if (!holds.powers.empty()) request.set_power(holds.powers.front());
  if (asks(Condition::kStriktNoodzakelijkWvggz)) request.set_wvggz_ernstig_nadeel("levensgevaar");
  request.set_identity_established(asks(Condition::kIdentiteitVastgesteld));
  if (asks(Condition::kInzageToegestaan)) request.set_rights_role(v1::DecisionRequest::SELF);
  return request;
}

bool DecideWitness(const Policy& policy, const Witness& witness, CivilDate day, Request& request,
                   Decision& decision) {
  if (InternRequest(policy, *witness.request, request).kind != Malformation::Kind::kNone)
    return false;
  const Compiled& c = policy.compiled();
  const CompiledTafel& tafel = c.tafel[request.tafel.index()];
  const CompiledHat& acting = c.hat[request.acting.hat.index()];
  const CompiledHat& source = c.hat[request.source.hat.index()];
  const auto holds = [&](Circumstance circumstance) {
    return (witness.holds.circumstances & Bit(circumstance)) != 0;
  };
  const auto shifted = [&](Circumstance first) {
    return static_cast<Circumstance>(static_cast<int>(first) + static_cast<int>(tafel.regime) - 1);
  };

  Evidence& evidence = decision.evidence;
  evidence.professional_ok = true;
  evidence.casus_known = true;
  evidence.in_casus = true;
  evidence.radicalisation = !holds(Circumstance::kNoRadicalisation);
  evidence.closed = !holds(Circumstance::kCasusOpen);
  evidence.retention_over = false;
  for (const CompiledRetention& row : c.retention) {
    if (row.anchor != v1::Retention::EERSTE_VERWERKING_CASUS) continue;
    const bool counts_days = row.term > 0 && row.unit != v1::Retention::UUR &&
                             row.unit != v1::Retention::UNIT_UNSPECIFIED;
    if (!counts_days || !holds(Circumstance::kWithinCasusTerm)) evidence.retention_over = true;
  }
  evidence.placed = holds(Circumstance::kPlaced);
  const bool acting_guest = tafel.guests.Contains(request.acting.hat);
  const bool source_guest = tafel.guests.Contains(request.source.hat);
  evidence.acting_invited = acting_guest && holds(Circumstance::kActingInvited);
  evidence.source_invited = source_guest && holds(Circumstance::kSourceInvited);
  evidence.acting_admitted =
      evidence.acting_invited || holds(shifted(Circumstance::kActingTakesPartSector)) ||
      (acting.staff_of_partij && holds(shifted(Circumstance::kActingPartijTakesPartSector)));
  evidence.source_admitted =
      evidence.source_invited || holds(shifted(Circumstance::kSourceTakesPartSector)) ||
      (source.staff_of_partij && holds(shifted(Circumstance::kSourcePartijTakesPartSector)));
  evidence.phase = c.phases.Find(witness.phase).value_or(PhaseId());
  evidence.stage = c.stages.Find(witness.stage).value_or(StageId());

  FieldSet by_age = request.fields;
  const auto everywhere = [&](bool yes) { return yes ? Truth{request.fields, {}} : Truth{}; };
  evidence.evaluated = ~ConditionSet{0};
  for (int i = 1; i <= kConditionCount; ++i) {
    const auto condition = static_cast<Condition>(i);
    bool yes = (witness.holds.conditions & Bit(condition)) != 0;
    if (!tafel.person_data && (AboutPerson() & Bit(condition)) != 0) yes = false;
    evidence.truth[static_cast<size_t>(i)] = everywhere(yes);
  }
  const auto set = [&](Condition condition, const Truth& truth) {
    evidence.truth[static_cast<size_t>(condition)] = truth;
  };
  const auto truth = [&](Condition condition) {
    return (witness.holds.conditions & Bit(condition)) != 0;
  };
  // What follows from the policy and the gates.
  set(Condition::kLidVanTafel,
      everywhere(tafel.members.Contains(request.acting.hat) || evidence.acting_invited));
  set(Condition::kDeelnemerInCasus, everywhere(evidence.acting_admitted));
  set(Condition::kGastToegelaten,
      everywhere((acting_guest || source_guest) && (!acting_guest || evidence.acting_invited) &&
                 (!source_guest || evidence.source_invited)));
  if (!source.police) set(Condition::kPolitieTermijn5j, everywhere(true));
  if (!tafel.person_data) set(Condition::kGeenAdresbescherming, everywhere(true));
  if (truth(Condition::kSlachtoffer) && tafel.person_data)
    set(Condition::kGeenAdresbescherming, {});
  // Consent, a mandate and inzage count by the age rules of this policy.
  if (const size_t age = AboutAge(witness.holds.conditions); (age & 7) != 0) {
    const FieldSet impossible = AgeLimitsOf(c)[age];
    for (const Condition condition :
         {Condition::kToestemmingUitdrukkelijk, Condition::kMandaatVanKracht}) {
      evidence.truth[static_cast<size_t>(condition)].yes -= impossible;
    }
    by_age -= impossible;
  }
  const bool usable = truth(Condition::kBsnGerechtigd) && acting.bsn_entitled &&
                      source.bsn_entitled && tafel.person_data;
  set(Condition::kBsnGerechtigd,
      {usable ? request.fields : request.fields - c.bsn_class, FieldSet()});
  const bool no_exception = holds(Circumstance::kNoInzageException) || !tafel.person_data;
  set(Condition::kInzageToegestaan,
      {truth(Condition::kInzageToegestaan) && no_exception && tafel.person_data ? by_age
                                                                                : FieldSet(),
       FieldSet()});
  evidence.inzage_at_mandate_evaluated = true;
  evidence.inzage_at_mandate = everywhere(no_exception);
  const MunicipalityId own = c.partij[request.acting.partij.index()].municipality;
  const MunicipalityId theirs = c.partij[request.source.partij.index()].municipality;
  if (!own.valid()) set(Condition::kGemeenteVoorOfNaDetentie, {});
  const bool acting_mayor = acting.wvggz == v1::Hat::BURGEMEESTER;
  const bool source_mayor = source.wvggz == v1::Hat::BURGEMEESTER;
  if ((acting_mayor && !own.valid()) || (source_mayor && !theirs.valid()) ||
      (acting_mayor && source_mayor && own != theirs)) {
    set(Condition::kStriktNoodzakelijkWvggz, {});
  }
  for (const Condition condition : {Condition::kMachtigingGeldig, Condition::kAmvbSchuldhulp82}) {
    bool taken = false;
    for (const GeneralDecisionPeriod& decided : c.general_decisions) {
      taken = taken || (decided.condition == condition && decided.from <= day.days() &&
                        day.days() <= decided.until);
    }
    set(condition, everywhere(taken));
  }
  evidence.blocks_evaluated = true;
  evidence.source_condition = FieldSet();
  evidence.objection = FieldSet();
  evidence.values_evaluated = true;
  evidence.term_over = witness.past_term ? request.fields : FieldSet();
  evidence.held = holds(Circumstance::kValueHeld) ? request.fields : FieldSet();
  for (const Condition condition :
       {Condition::kZichtbaarVoorAanwezigen, Condition::kDilemmaGepseudonimiseerd,
        Condition::kCelMinimaal10}) {
    if (evidence.held.empty()) set(condition, {});
  }
  return DecideFromEvidence(policy, request, day, decision);
}

}  // namespace sluis::policy
