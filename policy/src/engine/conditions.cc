#include "conditions.h"

#include <algorithm>

#include "absl/time/time.h"

#include "sluis/base/check.h"

namespace sluis::policy {
namespace {

bool Withdrawn(const std::optional<absl::Time>& at, absl::Time now) { return at && *at <= now; }

// Past its term at the tafel of the request. Up to step 11 such a value counts as not held, so that
// nobody learns from a refusal that something was once held.
bool PastItsTerm(const HoldingFact& holding, const CompiledTafel& tafel) {
  return tafel.regime == Regime::kWgsSamenwerking ? holding.wgs_over : holding.term_over;
}

// One evaluation: the arguments that every predicate reads.
struct Evaluation {
  const Compiled& policy;
  const Request& request;
  const Facts& facts;
  const Evidence& gates;

  [[nodiscard]] const CasusFacts* casus() const { return facts.casus; }
  [[nodiscard]] const SubjectFacts* subject() const { return facts.subject; }
  [[nodiscard]] const CompiledHat& acting_hat() const {
    return policy.hat[request.acting.hat.index()];
  }
  [[nodiscard]] const CompiledHat& source_hat() const {
    return policy.hat[request.source.hat.index()];
  }
  [[nodiscard]] const CompiledTafel& tafel() const { return policy.tafel[request.tafel.index()]; }

  // A condition that does not look at the field.
  [[nodiscard]] Truth All(bool holds) const { return holds ? Truth{request.fields, {}} : Truth{}; }
  template <typename List, typename Item>
  static bool Has(const List& list, const Item& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
  }

  [[nodiscard]] bool ActingIsGuest() const { return tafel().guests.Contains(request.acting.hat); }
  [[nodiscard]] bool SourceIsGuest() const { return tafel().guests.Contains(request.source.hat); }

  // Calls `visit` for the values that the source holds of asked fields, but those past their term.
  template <typename Visit>
  void ForEachValue(Visit visit) const {
    if (subject() == nullptr) return;
    for (const HoldingFact& holding : subject()->holdings) {
      if (holding.source == request.source && request.fields.Contains(holding.field) &&
          !PastItsTerm(holding, tafel())) {
        visit(holding);
      }
    }
  }
  // True for fields without a value, and where the value satisfies `holds`.
  template <typename Holds>
  [[nodiscard]] Truth NeutralUnlessHeld(Holds holds) const {
    Truth truth{request.fields, {}};
    ForEachValue([&](const HoldingFact& holding) {
      if (!holds(holding)) truth.yes.Erase(holding.field);
    });
    return truth;
  }
  // True only where a value is held that satisfies `holds`.
  template <typename Holds>
  [[nodiscard]] Truth OnlyHeld(Holds holds) const {
    Truth truth;
    ForEachValue([&](const HoldingFact& holding) {
      if (holds(holding)) truth.yes.Insert(holding.field);
    });
    return truth;
  }

  // ---- Consent (docs/decision-procedure.md, "Consent") ----

  [[nodiscard]] const std::vector<uint8_t>* GroupsFor(
      const std::array<std::vector<CompiledAgeRule>, kSourceLawCount + 1>& rules,
      size_t law) const {
    if (subject() == nullptr || subject()->age_bracket < 0) return nullptr;
    const CompiledAgeRule& rule = rules[law][static_cast<size_t>(subject()->age_bracket)];
    const auto& groups = subject()->wilsbekwaam ? rule.capable : rule.incapable;
    return groups.empty() ? nullptr : &groups;
  }

  [[nodiscard]] Truth Consent() const {
    Truth truth;
    if (subject() == nullptr || subject()->consents.empty()) return truth;
    for (size_t law = 1; law <= kSourceLawCount; ++law) {
      const FieldSet fields = request.fields & policy.fields_of_law[law];
      if (fields.empty()) continue;
      const auto* groups = GroupsFor(policy.ages.consent, law);
      if (groups == nullptr) continue;
      FieldSet all_given = fields;
      FieldSet any_refused;
      for (const uint8_t capacities : *groups) {
        const auto [given, refused] = ConsentOfGroup(capacities, fields);
        all_given &= given - refused;
        any_refused |= refused - given;
      }
      truth.yes |= all_given;
      truth.refused |= any_refused;
    }
    return truth;
  }

  // Of `fields`, those that the record is about, in this request.
  [[nodiscard]] FieldSet CoveredBy(const ConsentFact& consent, const FieldSet& fields) const {
    if (!(consent.source == request.source) || !(consent.recipient == request.acting) ||
        consent.purpose != request.purpose) {
      return {};
    }
    const FieldSet covered = consent.fields & fields;
    return consent.lifts_secrecy ? covered : covered - policy.consent_needs_flag;
  }

  // Fields for which somebody with one of these capacities gave, and for which somebody refused;
  // the newest record of each giver counts.
  [[nodiscard]] std::pair<FieldSet, FieldSet> ConsentOfGroup(uint8_t capacities,
                                                             const FieldSet& fields) const {
    FieldSet given;
    FieldSet refused;
    const std::vector<ConsentFact>& consents = subject()->consents;
    for (size_t i = 0; i < consents.size(); ++i) {
      const FieldSet covered = CoveredBy(consents[i], fields);
      if (covered.empty()) continue;
      const bool withdrawn = Withdrawn(consents[i].withdrawn_at, facts.now);
      for (const auto& giver : consents[i].givers) {
        if (((capacities >> static_cast<int>(giver.first)) & 1) == 0) continue;
        // Newest first: a field that a record before this one covers is decided, for this giver.
        FieldSet fresh = covered;
        for (size_t newer = 0; newer < i && !fresh.empty(); ++newer) {
          if (Has(consents[newer].givers, giver)) fresh -= CoveredBy(consents[newer], fields);
        }
        if (withdrawn || consents[i].says == ConsentFact::Says::kRefused) {
          refused |= fresh;
        } else if (consents[i].says == ConsentFact::Says::kGiven) {
          given |= fresh;
        }
      }
    }
    return {given, refused};
  }

  // ---- Decisions ----

  [[nodiscard]] Truth Decision(DecisionFact::Kind kind, Side source) const {
    Truth truth;
    if (subject() == nullptr) return truth;
    FieldSet open = request.fields;
    for (const DecisionFact& decision : subject()->decisions) {
      if (decision.kind != kind || !(decision.source == source) ||
          !decision.recipient_hats.Contains(request.acting.hat) ||
          !Has(decision.recipient_parties, request.acting.partij)) {
        continue;
      }
      // ACUUT counts from its instant; a later one does not exist yet.
      if (kind == DecisionFact::Kind::kAcuut && *decision.at > facts.now) continue;
      const FieldSet named = decision.fields & open;
      open -= named;
      if (decision.expired) continue;
      if (kind == DecisionFact::Kind::kAcuut &&
          facts.now - *decision.at > absl::Hours(policy.terms.acute_hours())) {
        continue;
      }
      if (!decision.given) {
        truth.refused |= named;
        continue;
      }
      if (kind == DecisionFact::Kind::kWjsg && decision.purpose != request.purpose) continue;
      if (kind == DecisionFact::Kind::kVierOgen && !decision.enough_approvers) continue;
      truth.yes |= named;
    }
    return truth;
  }

  [[nodiscard]] Truth Besluiten(const std::vector<BesluitFact>* besluiten, bool for_verband) const {
    Truth truth;
    if (besluiten == nullptr) return truth;
    for (const BesluitFact& besluit : *besluiten) {
      if (for_verband && besluit.verband != request.tafel) continue;
      if (!Has(besluit.purposes, request.purpose) || !Has(besluit.recipients, request.acting))
        continue;
      truth.yes |= besluit.fields & request.fields;
    }
    return truth;
  }

  [[nodiscard]] bool GeneralDecision(Condition condition) const {
    return std::any_of(policy.general_decisions.begin(), policy.general_decisions.end(),
                       [&](const GeneralDecisionPeriod& decision) {
                         return decision.condition == condition &&
                                decision.from <= facts.today.days() &&
                                facts.today.days() <= decision.until;
                       });
  }

  [[nodiscard]] bool TimeBoxOpen() const {
    if (casus() == nullptr || !casus()->timebox_opened) return false;
    const absl::Duration open_for = facts.now - *casus()->timebox_opened;
    return open_for >= absl::ZeroDuration() && open_for < absl::Hours(policy.terms.timebox_hours());
  }

  [[nodiscard]] bool StrictlyNecessaryWvggz() const {
    if (!request.ernstig_nadeel || casus() == nullptr) return false;
    if (acting_hat().wvggz == v1::Hat::ZORGAANBIEDER && !facts.professional.wvggz_function)
      return false;
    for (const Side& side : {request.acting, request.source}) {
      if (policy.hat[side.hat.index()].wvggz != v1::Hat::BURGEMEESTER) continue;
      const MunicipalityId own = policy.partij[side.partij.index()].municipality;
      if (!own.valid() || own != casus()->municipality) return false;
    }
    return true;
  }

  [[nodiscard]] Truth BsnEntitled() const {
    const bool usable = acting_hat().bsn_entitled && source_hat().bsn_entitled &&
                        subject() != nullptr && subject()->bsn_usable;
    return {usable ? request.fields : request.fields - policy.bsn_class, {}};
  }

  [[nodiscard]] Truth Mandate() const {
    Truth truth;
    if (subject() == nullptr) return truth;
    for (const MandateFact& mandate : subject()->mandates) {
      if (!(mandate.holder == request.acting) || Withdrawn(mandate.withdrawn_at, facts.now))
        continue;
      FieldSet covered = mandate.fields & request.fields;
      if (!mandate.lifts_secrecy) covered -= policy.mandate_needs_flag;
      for (size_t law = 1; law <= kSourceLawCount; ++law) {
        const auto* groups = GroupsFor(policy.ages.consent, law);
        if (groups == nullptr) continue;
        const bool entitled = std::all_of(groups->begin(), groups->end(), [&](uint8_t capacities) {
          return (capacities & mandate.givers) != 0;
        });
        if (entitled) truth.yes |= covered & policy.fields_of_law[law];
      }
    }
    return truth;
  }

  [[nodiscard]] Truth Inzage() const {
    Truth truth;
    if (subject() == nullptr || request.rights_role == RightsRole::kNone) return truth;
    constexpr uint8_t kRepresents = (1 << static_cast<int>(Capacity::kParent)) |
                                    (1 << static_cast<int>(Capacity::kVoogd)) |
                                    (1 << static_cast<int>(Capacity::kRepresentative));
    constexpr uint8_t kSelf = 1 << static_cast<int>(Capacity::kSelf);
    const bool self = request.rights_role == RightsRole::kSelf;
    for (size_t law = 1; law <= kSourceLawCount; ++law) {
      const auto* groups = GroupsFor(policy.ages.inzage, law);
      if (groups == nullptr) continue;
      const bool may_ask = std::any_of(groups->begin(), groups->end(), [&](uint8_t capacities) {
        return (capacities & (self ? kSelf : kRepresents)) != 0;
      });
      if (may_ask) truth.yes |= request.fields & policy.fields_of_law[law];
    }
    if (!self && (subject()->address_protected || IsVictim())) truth.yes -= policy.locating;
    truth.yes &= EvaluateInzageAtMandate(request, facts).yes;
    return truth;
  }

  [[nodiscard]] bool IsVictim() const {
    return subject() != nullptr && (subject()->role == PersonRole::kSlachtoffer ||
                                    subject()->role == PersonRole::kMogelijkSlachtoffer);
  }

  [[nodiscard]] Truth ReporterConsent() const {
    if (subject() == nullptr) return {};
    switch (subject()->reporter_consent) {
      case ConsentFact::Says::kGiven:
        return {request.fields, {}};
      case ConsentFact::Says::kRefused:
        return {{}, request.fields};
      default:
        return {};
    }
  }

  [[nodiscard]] Truth Evaluate(Condition condition) const {
    const bool known = subject() != nullptr;
    switch (condition) {
      case Condition::kGemotiveerd:
        return {request.motivated, {}};
      case Condition::kLidVanTafel:
        return All(tafel().members.Contains(request.acting.hat) || gates.acting_invited);
      case Condition::kDeelnemerInCasus:
        return All(gates.acting_admitted);
      case Condition::kGastToegelaten:
        return All((ActingIsGuest() || SourceIsGuest()) &&
                   (!ActingIsGuest() || gates.acting_invited) &&
                   (!SourceIsGuest() || gates.source_invited));
      case Condition::kToestemmingUitdrukkelijk:
        return Consent();
      case Condition::kToestemmingMelder:
        return ReporterConsent();
      case Condition::kBesluitGoedHulpverlenerschap:
        return Decision(DecisionFact::Kind::kGhv, request.source);
      case Condition::kBesluitConflictVanPlichten:
        return Decision(DecisionFact::Kind::kCvp, request.source);
      case Condition::kBesluitWamsWeging:
        return Decision(DecisionFact::Kind::kWams, request.source);
      case Condition::kBesluitMeldrecht:
        return Decision(DecisionFact::Kind::kMeldrecht, request.source);
      case Condition::kBesluitAcuutGevaar:
        return Decision(DecisionFact::Kind::kAcuut, request.source);
      case Condition::kBesluitSelectieBron:
        return Decision(DecisionFact::Kind::kSelectie, request.source);
      case Condition::kBesluitWjsg:
        return Decision(DecisionFact::Kind::kWjsg, request.source);
      case Condition::kInstemmingBron:
        return Decision(DecisionFact::Kind::kInstemming, request.source);
      case Condition::kVierOgen:
        return Decision(DecisionFact::Kind::kVierOgen, request.source);
      case Condition::kTijdslot72u:
        return All(TimeBoxOpen());
      case Condition::kWpg20Besluit:
        return Besluiten(facts.wpg20, true);
      case Condition::kWpg19Besluit:
        return known ? Besluiten(&subject()->wpg19, false) : Truth{};
      case Condition::kMachtigingGeldig:
      case Condition::kAmvbSchuldhulp82:
        return All(GeneralDecision(condition));
      case Condition::kPolitieTermijn5j:
        return NeutralUnlessHeld(
            [](const HoldingFact& holding) { return !holding.police_term_over; });
      case Condition::kMax12MaandenOud:
        return NeutralUnlessHeld([](const HoldingFact& holding) { return !holding.too_old; });
      case Condition::kOtsVanKracht:
        return All(known && Has(subject()->ots, request.acting.partij));
      case Condition::kMaatregelLoopt:
        return All(known && Has(subject()->maatregel, request.acting.partij));
      case Condition::kMinderjarig:
        return All(known && subject()->age_bracket >= 0 &&
                   policy.ages.minor[static_cast<size_t>(subject()->age_bracket)]);
      case Condition::kSlachtoffer:
        return All(IsVictim());
      case Condition::kZorgNodigZonderHulpvraag:
        return All(known && subject()->report_care_without_request);
      case Condition::kOpenMelding:
        return All(known && subject()->report_open);
      case Condition::kSignaalVoorwaarden:
        return All(known && Has(subject()->attested, request.source.partij));
      case Condition::kBetrokkeneGeinformeerd:
        return All(known && subject()->informed);
      case Condition::kGemeenteVoorOfNaDetentie: {
        const MunicipalityId own = policy.partij[request.acting.partij.index()].municipality;
        return All(known && own.valid() &&
                   (own == subject()->municipality_before || own == subject()->municipality_after));
      }
      case Condition::kRisicoErnstigGeweldZeden:
        return All(known && subject()->risk_18b);
      case Condition::kStriktNoodzakelijkWvggz:
        return All(StrictlyNecessaryWvggz());
      case Condition::kHuisverbodVanKracht:
        return All(known && subject()->huisverbod);
      case Condition::kRechtstreeksBetrokken:
        return All(known && Has(subject()->treating, request.acting));
      case Condition::kMedischAdviseur:
        return All(facts.professional.medical_adviser);
      case Condition::kVtMeldingToegelicht:
        return All(known && subject()->report_vt_explained);
      case Condition::kBsnGerechtigd:
        return BsnEntitled();
      case Condition::kMandaatVanKracht:
        return Mandate();
      case Condition::kGeenDerdePersoon:
        return NeutralUnlessHeld([](const HoldingFact& holding) { return !holding.third_person; });
      case Condition::kZichtbaarVoorAanwezigen:
        return OnlyHeld([](const HoldingFact& holding) { return holding.visible_to_present; });
      case Condition::kGeenPlegerzijdeAanTafel:
        return All(casus() != nullptr && !Has(casus()->perpetrator_side, request.tafel));
      case Condition::kGeenAdresbescherming:
        return All(known && subject()->role != PersonRole::kUnknown &&
                   !subject()->address_protected && !IsVictim());
      case Condition::kIdentiteitVastgesteld:
        return All(request.identity_established);
      case Condition::kInzageToegestaan:
        return Inzage();
      case Condition::kHitBevestigd:
        return All(known && (Has(subject()->hits, request.acting.partij) ||
                             Has(subject()->hits, request.source.partij)));
      case Condition::kSamenspraakOfGemotiveerdZonder:
        return All(casus() != nullptr && casus()->samenspraak);
      case Condition::kWamsUitkomstMeervoudig:
        return All(casus() != nullptr && casus()->wams_outcome);
      case Condition::kDilemmaGepseudonimiseerd:
        return OnlyHeld([](const HoldingFact& holding) { return holding.pseudonymised; });
      case Condition::kCelMinimaal10:
        return OnlyHeld([](const HoldingFact& holding) { return holding.cell_large_enough; });
      // Depend on the row or on the message as a whole: decide.cc.
      case Condition::kWettelijkeTaakBenoemd:
      case Condition::kGezagOfOpenbareOrde:
      case Condition::kEigenBevoegdheidBenoemd:
      case Condition::kGeslotenSet:
        break;
    }
    return {};
  }
};

// Whether what is recorded about somebody in the casus admits `side`: the same partij and hat, or
// another hat of the partij that `side` is staff of.
class Admission {
 public:
  Admission(const Compiled& policy, Side side)
      : side_(side),
        staff_(policy.hat[side.hat.index()].staff_of_partij),
        hats_(policy.partij[side.partij.index()].hats) {}

  [[nodiscard]] bool By(Side other) const {
    return other == side_ || (staff_ && other.partij == side_.partij && hats_.Contains(other.hat));
  }

 private:
  Side side_;
  bool staff_;
  const HatSet& hats_;
};

}  // namespace

Truth EvaluateCondition(const Compiled& policy, const Request& request, const Facts& facts,
                        const Evidence& gates, Condition condition) {
  return Evaluation{policy, request, facts, gates}.Evaluate(condition);
}

Truth EvaluateInzageAtMandate(const Request& request, const Facts& facts) {
  if (facts.subject == nullptr || facts.subject->inzage_closed) return {};
  return {request.fields - facts.subject->inzage_exceptions, {}};
}

FieldSet EvaluateSourceConditions(const Compiled& policy, const Request& request,
                                  const Facts& facts) {
  const FieldSet& owns = policy.hat[request.source.hat.index()].owns;
  FieldSet blocked;
  if (facts.subject == nullptr) return blocked;
  const SubjectFacts& subject = *facts.subject;
  const CompiledTafel& tafel = policy.tafel[request.tafel.index()];
  const auto value_of = [&](FieldId field) -> const HoldingFact* {
    for (const HoldingFact& holding : subject.holdings) {
      if (holding.source == request.source && holding.field == field &&
          !PastItsTerm(holding, tafel)) {
        return &holding;
      }
    }
    return nullptr;
  };
  for (const SourceConditionFact& condition : subject.source_conditions) {
    if (!request.fields.Contains(condition.field)) continue;
    const HoldingFact* value = value_of(condition.field);
    const bool is_origin = condition.origin == request.source;
    const bool from_origin =
        value != nullptr && value->origin.partij.valid() && value->origin == condition.origin;
    switch (condition.kind) {
      case SourceConditionFact::Kind::kNietDoor:
        // Whatever a hat holds of a field that it does not own, it received.
        if (!is_origin && (from_origin || !owns.Contains(condition.field)))
          blocked.Insert(condition.field);
        break;
      case SourceConditionFact::Kind::kEinddatumOver:
        if (from_origin || is_origin) blocked.Insert(condition.field);
        break;
      case SourceConditionFact::Kind::kAlleenTafel:
        if ((from_origin || is_origin) && condition.tafel != request.tafel)
          blocked.Insert(condition.field);
        break;
    }
  }
  // A value that the source itself received needs the agreement of its origin for this recipient.
  for (const HoldingFact& holding : subject.holdings) {
    if (!(holding.source == request.source) || !request.fields.Contains(holding.field) ||
        !holding.origin.partij.valid() || holding.origin == request.source ||
        PastItsTerm(holding, tafel)) {
      continue;
    }
    FieldSet open;
    open.Insert(holding.field);
    bool agreed = false;
    for (const DecisionFact& decision : subject.decisions) {
      if (decision.kind != DecisionFact::Kind::kInstemming ||
          !(decision.source == holding.origin) ||
          !decision.recipient_hats.Contains(request.acting.hat) ||
          !decision.fields.Contains(holding.field) ||
          std::find(decision.recipient_parties.begin(), decision.recipient_parties.end(),
                    request.acting.partij) == decision.recipient_parties.end()) {
        continue;
      }
      agreed = decision.given && !decision.expired;
      break;
    }
    if (!agreed) blocked |= open;
  }
  return blocked;
}

FieldSet EvaluateObjections(const Request& request, const Facts& facts) {
  FieldSet blocked;
  if (facts.subject == nullptr) return blocked;
  for (const ObjectionFact& objection : facts.subject->objections) {
    if (!(objection.source == request.source) || Withdrawn(objection.withdrawn_at, facts.now))
      continue;
    const bool concerns_recipient =
        objection.all_recipients ||
        std::find(objection.recipients.begin(), objection.recipients.end(), request.acting) !=
            objection.recipients.end();
    if (concerns_recipient) blocked |= objection.fields & request.fields;
  }
  return blocked;
}

HeldValues EvaluateValues(const Compiled& policy, const Request& request, const Facts& facts) {
  HeldValues values;
  if (facts.subject == nullptr) return values;
  const CompiledTafel& tafel = policy.tafel[request.tafel.index()];
  for (const HoldingFact& holding : facts.subject->holdings) {
    if (!(holding.source == request.source) || !request.fields.Contains(holding.field)) continue;
    values.held.Insert(holding.field);
    if (PastItsTerm(holding, tafel)) values.term_over.Insert(holding.field);
  }
  return values;
}

void EvaluateGates(const Compiled& policy, const Request& request, const Facts& facts,
                   Evidence& evidence) {
  evidence.professional_ok =
      facts.professional.active && facts.professional.hats.Contains(request.acting.hat);
  evidence.casus_known = facts.casus != nullptr;
  evidence.in_casus = facts.subject != nullptr;
  if (facts.casus == nullptr) return;
  const CasusFacts& casus = *facts.casus;
  const CompiledTafel& tafel = policy.tafel[request.tafel.index()];
  evidence.radicalisation = casus.radicalisation;
  evidence.closed = casus.closed;
  evidence.retention_over = casus.retention_over;
  evidence.placed =
      std::find(casus.placed.begin(), casus.placed.end(), request.tafel) != casus.placed.end();
  // By a participation that counts at the tafel, or by an invitation to it.
  const Admission acting(policy, request.acting);
  const Admission source(policy, request.source);
  bool acting_in = false;
  bool source_in = false;
  for (const ParticipationFact& participation : casus.participants) {
    if (participation.regime && *participation.regime != tafel.regime) continue;
    acting_in = acting_in || acting.By(participation.side);
    source_in = source_in || source.By(participation.side);
  }
  bool acting_invited = false;
  bool source_invited = false;
  for (const GuestFact& guest : casus.guests) {
    if (guest.tafel != request.tafel || !tafel.guests.Contains(guest.side.hat)) continue;
    acting_invited = acting_invited || guest.side == request.acting;
    source_invited = source_invited || guest.side == request.source;
    acting_in = acting_in || acting.By(guest.side);
    source_in = source_in || source.By(guest.side);
  }
  evidence.acting_invited = acting_invited;
  evidence.source_invited = source_invited;
  evidence.acting_admitted = acting_in;
  evidence.source_admitted = source_in;
  evidence.phase = casus.phase;
  evidence.stage = casus.stage;
}

}  // namespace sluis::policy
