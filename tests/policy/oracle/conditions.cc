#include "conditions.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "sluis/base/check.h"
#include "sluis/base/text.h"

namespace sluis::policy_oracle {
namespace {

using Groups = google::protobuf::RepeatedPtrField<v1::CapacityGroup>;
using Givers = google::protobuf::RepeatedPtrField<v1::Consent::Giver>;

Truth TrueOrAbsent(bool is_true) { return is_true ? Truth::kTrue : Truth::kAbsent; }

// The record is about the person of the request. At a tafel without persons there is none, so that
// no record about a person counts.
template <typename Record>
bool IsAbout(const Record& record, const Asked& asked) {
  return !record.person().empty() && record.person() == asked.question.request.person();
}
CivilDate Today(const Asked& asked) { return asked.question.now.today; }

const v1::Hat& ActingHat(const Asked& asked) {
  const v1::Hat* hat = FindHat(asked.question, asked.question.request.acting_hat());
  SLUIS_CHECK(hat != nullptr);
  return *hat;
}

const v1::Hat& SourceHat(const Asked& asked) {
  const v1::Hat* hat = FindHat(asked.question, asked.question.request.source().hat());
  SLUIS_CHECK(hat != nullptr);
  return *hat;
}

const v1::Partij& ActingPartij(const Asked& asked) {
  const v1::Partij* partij = FindPartij(asked.question, asked.question.request.partij());
  SLUIS_CHECK(partij != nullptr);
  return *partij;
}

const v1::Partij& SourcePartij(const Asked& asked) {
  const v1::Partij* partij = FindPartij(asked.question, asked.question.request.source().partij());
  SLUIS_CHECK(partij != nullptr);
  return *partij;
}

bool NamesRecipient(const google::protobuf::RepeatedPtrField<v1::PartijHat>& recipients,
                    const Asked& asked) {
  for (const v1::PartijHat& recipient : recipients) {
    if (SamePartijHat(recipient, ActingSide(asked.question))) return true;
  }
  return false;
}

// --- Age rules: whose consent, mandate or request counts -----------------------------------------

// The groups of the rule for the field's source law at the age of the person on this date, by the
// person's being wilsbekwaam. Null: no known age, or no rule.
const Groups* GroupsFor(v1::AgeRule::Use use, const Asked& asked) {
  const std::optional<int> age = AgeOfPerson(asked.question);
  if (!age.has_value()) return nullptr;
  for (const v1::AgeRule& rule : asked.question.statute.age_rules()) {
    if (rule.use() != use || rule.source_law() != asked.field.source_law()) continue;
    if (*age < rule.from_age()) continue;
    if (!rule.no_upper_age() && rule.to_age() < *age) continue;
    return ThePerson(asked.question)->wilsonbekwaam() ? &rule.incapable() : &rule.capable();
  }
  return nullptr;
}

bool HasCapacity(const v1::CapacityGroup& group, v1::Capacity::Id capacity) {
  return Contains(group.one_of(), static_cast<int>(capacity));
}

bool SecrecyNeedsConsentFlag(const Asked& asked) {
  const v1::Secrecy* secrecy = FindSecrecy(asked.question, asked.field.secrecy());
  return secrecy == nullptr || secrecy->consent_needs_flag();
}

bool SecrecyNeedsMandateFlag(const Asked& asked) {
  const v1::Secrecy* secrecy = FindSecrecy(asked.question, asked.field.secrecy());
  return secrecy == nullptr || secrecy->mandate_needs_flag();
}

// --- Consent ------------------------------------------------------------------------------------

// It is about this person, source, recipient and purpose, names the field or its category, is in
// period, and carries the flag where the field is secret.
bool ConsentCounts(const v1::Consent& consent, const Asked& asked) {
  const v1::DecisionRequest& request = asked.question.request;
  return IsAbout(consent, asked) && SamePartijHat(consent.source(), request.source()) &&
         SamePartijHat(consent.recipient(), ActingSide(asked.question)) &&
         consent.purpose() == request.purpose() &&
         (Contains(consent.fields(), asked.field.name()) ||
          Contains(consent.categories(), asked.field.category())) &&
         DatedTodayOrBefore(consent.date(), Today(asked)) &&
         InPeriod(consent.from(), consent.until(), Today(asked)) &&
         (!SecrecyNeedsConsentFlag(asked) || consent.flag() == v1::Consent::DOORBREKING_GEHEIM);
}

bool ConsentIsGiven(const v1::Consent& consent, const Asked& asked) {
  return (consent.status() == v1::Consent::GEGEVEN_UITDRUKKELIJK ||
          consent.status() == v1::Consent::GEGEVEN_BEPERKT ||
          consent.status() == v1::Consent::VERVANGEND_GEGEVEN) &&
         !IsWithdrawn(consent.withdrawn_at(), asked.question.now.time);
}

bool ConsentIsRefused(const v1::Consent& consent, const Asked& asked) {
  return consent.status() == v1::Consent::GEWEIGERD ||
         consent.status() == v1::Consent::INGETROKKEN ||
         IsWithdrawn(consent.withdrawn_at(), asked.question.now.time);
}

// A giver: capacity and name.
using GiverKey = std::pair<int, std::string>;

// Of several records of one giver the newest counts; of equally dated ones the later in the list.
std::map<GiverKey, const v1::Consent*> NewestConsentOfEachGiver(const Asked& asked) {
  std::map<GiverKey, const v1::Consent*> newest;
  for (const v1::Consent& consent : asked.question.facts.consents()) {
    if (!ConsentCounts(consent, asked)) continue;
    for (const v1::Consent::Giver& giver : consent.given_by()) {
      const v1::Consent*& known = newest[{giver.capacity(), giver.name()}];
      if (known == nullptr || *DayOf(known->date()) <= *DayOf(consent.date())) known = &consent;
    }
  }
  return newest;
}

// Given: some giver with one of its capacities gave and none refused. Refused: some refused and
// none gave. Otherwise open (absent): nobody spoke, or two parents disagree.
Truth ConsentOfGroup(const v1::CapacityGroup& group,
                     const std::map<GiverKey, const v1::Consent*>& newest, const Asked& asked) {
  bool some_gave = false;
  bool some_refused = false;
  for (const auto& [giver, consent] : newest) {
    if (!HasCapacity(group, static_cast<v1::Capacity::Id>(giver.first))) continue;
    if (ConsentIsGiven(*consent, asked)) some_gave = true;
    if (ConsentIsRefused(*consent, asked)) some_refused = true;
  }
  if (some_gave && !some_refused) return Truth::kTrue;
  if (some_refused && !some_gave) return Truth::kRefused;
  return Truth::kAbsent;
}

// --- Decisions ----------------------------------------------------------------------------------

// An empty part of a WAMS weighing or a WJSG decision, an ACUUT without instant or without the two
// statements: the record counts as not there.
bool DecisionIsComplete(const v1::ProfessionalDecision& decision) {
  switch (decision.kind()) {
    case v1::ProfessionalDecision::WAMS:
      return !IsBlank(decision.necessity()) && !IsBlank(decision.weighty_reasons()) &&
             !IsBlank(decision.consent_sought());
    case v1::ProfessionalDecision::WJSG:
      return !IsBlank(decision.weighty_interest()) && !decision.purpose().empty() &&
             decision.no_tracing();
    case v1::ProfessionalDecision::ACUUT:
      return TimeOf(decision.at()).has_value() && decision.consent_impossible() &&
             decision.no_lesser_means();
    default:
      return true;
  }
}

bool DecisionNames(const v1::ProfessionalDecision& decision, v1::ProfessionalDecision::Kind kind,
                   const v1::PartijHat& decider, const Asked& asked) {
  const v1::DecisionRequest& request = asked.question.request;
  return decision.kind() == kind && decision.casus() == request.casus() &&
         IsAbout(decision, asked) && SamePartijHat(decision.source(), decider) &&
         Contains(decision.fields(), asked.field.name()) &&
         Contains(decision.recipient_hats(), request.acting_hat()) &&
         Contains(decision.recipient_parties(), request.partij());
}

// Dated today or before; for ACUUT: at an instant that is not later than now.
bool DecisionExists(const v1::ProfessionalDecision& decision, const Asked& asked) {
  if (decision.kind() == v1::ProfessionalDecision::ACUUT) {
    return *TimeOf(decision.at()) <= asked.question.now.time;
  }
  return DatedTodayOrBefore(decision.date(), Today(asked));
}

bool IsNotOlder(const v1::ProfessionalDecision& decision, const v1::ProfessionalDecision& than) {
  if (decision.kind() == v1::ProfessionalDecision::ACUUT) {
    return *TimeOf(than.at()) <= *TimeOf(decision.at());
  }
  return *DayOf(than.date()) <= *DayOf(decision.date());
}

// Past its last day, or for ACUUT past its hours ("at most the hours of the statute ago").
bool DecisionHasExpired(const v1::ProfessionalDecision& decision, const Asked& asked) {
  if (!decision.until().empty()) {
    const std::optional<CivilDate> last = DayOf(decision.until());
    if (!last.has_value() || *last < Today(asked)) return true;
  }
  return decision.kind() == v1::ProfessionalDecision::ACUUT &&
         absl::Hours(asked.question.statute.terms().acute_hours()) <
             asked.question.now.time - *TimeOf(decision.at());
}

const v1::ProfessionalDecision* NewestDecision(v1::ProfessionalDecision::Kind kind,
                                               const v1::PartijHat& decider, const Asked& asked) {
  const v1::ProfessionalDecision* newest = nullptr;
  for (const v1::ProfessionalDecision& decision : asked.question.facts.decisions()) {
    if (!DecisionNames(decision, kind, decider, asked)) continue;
    if (!DecisionIsComplete(decision) || !DecisionExists(decision, asked)) continue;
    if (newest == nullptr || IsNotOlder(decision, *newest)) newest = &decision;
  }
  return newest;
}

// VIER_OGEN: two or more different approvers who are active professionals on record.
bool HasTwoApprovers(const v1::ProfessionalDecision& decision, const Asked& asked) {
  std::set<std::string> approvers;
  for (const std::string& approver : decision.approvers()) {
    for (const v1::Professional& professional : asked.question.facts.professionals()) {
      if (professional.id() == approver && professional.active()) approvers.insert(approver);
    }
  }
  return approvers.size() >= 2;
}

Truth DecisionOfSource(v1::ProfessionalDecision::Kind kind, const Asked& asked) {
  return DecisionOf(kind, asked.question.request.source(), asked);
}

// --- The conditions, in the order of the list ---------------------------------------------------

// AVG 5 lid 2.
Truth Gemotiveerd(const Asked& asked) { return TrueOrAbsent(!IsBlank(asked.motivation)); }

// Convenant.
Truth LidVanTafel(const Asked& asked) {
  const v1::Tafel& tafel = TheTafel(asked.question);
  const v1::PartijHat acting = ActingSide(asked.question);
  return TrueOrAbsent(IsMemberHat(tafel, acting.hat()) ||
                      (IsGuestHat(tafel, acting.hat()) && IsInvited(asked.question, acting)));
}

// WGS_SAMENWERKING 2.31 lid 4.
Truth DeelnemerInCasus(const Asked& asked) {
  return TrueOrAbsent(IsAdmitted(asked.question, ActingSide(asked.question)));
}

// WGS_SAMENWERKING 2.31 lid 9, 10.
Truth GastToegelaten(const Asked& asked) {
  const v1::Tafel& tafel = TheTafel(asked.question);
  const v1::PartijHat acting = ActingSide(asked.question);
  const v1::PartijHat& source = asked.question.request.source();
  const bool acting_is_guest = IsGuestHat(tafel, acting.hat());
  const bool source_is_guest = IsGuestHat(tafel, source.hat());
  if (!acting_is_guest && !source_is_guest) return Truth::kAbsent;
  if (acting_is_guest && !IsInvited(asked.question, acting)) return Truth::kAbsent;
  if (source_is_guest && !IsInvited(asked.question, source)) return Truth::kAbsent;
  return Truth::kTrue;
}

// AVG 6, 7, 9; BW 7:457; Jeugdwet 7.3.11.
Truth ToestemmingUitdrukkelijk(const Asked& asked) {
  const Groups* groups = GroupsFor(v1::AgeRule::CONSENT, asked);
  if (groups == nullptr || groups->empty()) return Truth::kAbsent;
  const std::map<GiverKey, const v1::Consent*> newest = NewestConsentOfEachGiver(asked);
  bool every_group_gave = true;
  bool some_group_refused = false;
  for (const v1::CapacityGroup& group : *groups) {
    const Truth consent = ConsentOfGroup(group, newest, asked);
    if (consent != Truth::kTrue) every_group_gave = false;
    if (consent == Truth::kRefused) some_group_refused = true;
  }
  if (every_group_gave) return Truth::kTrue;
  return some_group_refused ? Truth::kRefused : Truth::kAbsent;
}

// X06.
Truth ToestemmingMelder(const Asked& asked) {
  const v1::MelderConsent* newest = nullptr;
  for (const v1::MelderConsent& consent : asked.question.facts.melder_consents()) {
    if (!IsAbout(consent, asked)) continue;
    if (!NotDatedAfterToday(consent.date(), Today(asked))) continue;
    if (newest == nullptr || DayOf(newest->date()) <= DayOf(consent.date())) newest = &consent;
  }
  if (newest == nullptr) return Truth::kAbsent;
  return newest->given() ? Truth::kTrue : Truth::kRefused;
}

// WGS_SAMENWERKING 2.29 lid 2.
Truth BesluitGoedHulpverlenerschap(const Asked& asked) {
  return DecisionOfSource(v1::ProfessionalDecision::GHV, asked);
}

// Case law on professional secrecy.
Truth BesluitConflictVanPlichten(const Asked& asked) {
  return DecisionOfSource(v1::ProfessionalDecision::CVP, asked);
}

// The Wams bill.
Truth BesluitWamsWeging(const Asked& asked) {
  return DecisionOfSource(v1::ProfessionalDecision::WAMS, asked);
}

// Wmo 2015 5.2.6.
Truth BesluitMeldrecht(const Asked& asked) {
  return DecisionOfSource(v1::ProfessionalDecision::MELDRECHT, asked);
}

// AVG 6 lid 1 d, 9 lid 2 c.
Truth BesluitAcuutGevaar(const Asked& asked) {
  return DecisionOfSource(v1::ProfessionalDecision::ACUUT, asked);
}

// Wmo 2015 5.2.5 lid 1; BW 7:457.
Truth BesluitSelectieBron(const Asked& asked) {
  return DecisionOfSource(v1::ProfessionalDecision::SELECTIE, asked);
}

// Wjsg 39f.
Truth BesluitWjsg(const Asked& asked) {
  return DecisionOfSource(v1::ProfessionalDecision::WJSG, asked);
}

// WGS_SAMENWERKING 1.7 lid 3, 2.28 lid 4.
Truth InstemmingBron(const Asked& asked) {
  return DecisionOfSource(v1::ProfessionalDecision::INSTEMMING, asked);
}

// Convenant.
Truth VierOgen(const Asked& asked) {
  return DecisionOfSource(v1::ProfessionalDecision::VIER_OGEN, asked);
}

// Convenant. [opened, opened + hours).
Truth Tijdslot72u(const Asked& asked) {
  const v1::CasusFacts* casus = TheCasus(asked.question);
  if (casus == nullptr || !casus->has_timebox()) return Truth::kAbsent;
  const std::optional<absl::Time> opened = TimeOf(casus->timebox().opened_at());
  if (!opened.has_value()) return Truth::kAbsent;
  const absl::Time now = asked.question.now.time;
  const absl::Time end = *opened + absl::Hours(asked.question.statute.terms().timebox_hours());
  return TrueOrAbsent(*opened <= now && now < end);
}

// Wpg 20 lid 1, 2. An empty element makes the decision void.
Truth Wpg20Besluit(const Asked& asked) {
  const v1::DecisionRequest& request = asked.question.request;
  for (const v1::Besluit& besluit : asked.question.facts.besluiten()) {
    if (besluit.kind() == v1::Besluit::WPG20 && !IsBlank(besluit.interest()) &&
        besluit.verband() == request.tafel() && Contains(besluit.purposes(), request.purpose()) &&
        Contains(besluit.fields(), asked.field.name()) && !IsBlank(besluit.conditions()) &&
        NamesRecipient(besluit.recipients(), asked) && !IsBlank(besluit.gezag()) &&
        InPeriod(besluit.date(), besluit.until(), Today(asked))) {
      return Truth::kTrue;
    }
  }
  return Truth::kAbsent;
}

// Wpg 19. An empty element makes the decision void.
Truth Wpg19Besluit(const Asked& asked) {
  const v1::DecisionRequest& request = asked.question.request;
  for (const v1::Besluit& besluit : asked.question.facts.besluiten()) {
    if (besluit.kind() == v1::Besluit::WPG19 && !besluit.casus().empty() &&
        besluit.casus() == request.casus() && IsAbout(besluit, asked) &&
        Contains(besluit.purposes(), request.purpose()) &&
        Contains(besluit.fields(), asked.field.name()) &&
        NamesRecipient(besluit.recipients(), asked) && !IsBlank(besluit.gezag()) &&
        InPeriod(besluit.date(), besluit.until(), Today(asked))) {
      return Truth::kTrue;
    }
  }
  return Truth::kAbsent;
}

// Wpg 18 lid 2.
Truth MachtigingGeldig(const Asked& asked) {
  return TrueOrAbsent(GeneralDecisionInForce(asked.question, v1::Condition::MACHTIGING_GELDIG));
}

// Wpg 8 lid 6, 14 lid 2. On the anniversary: over.
Truth PolitieTermijn5j(const Asked& asked) {
  if (!SourceHat(asked).police() || asked.value == nullptr) return Truth::kTrue;
  if (asked.value->removed()) return Truth::kAbsent;
  const std::optional<CivilDate> first = DayOf(asked.value->first_processed());
  if (!first.has_value()) return Truth::kAbsent;
  return TrueOrAbsent(Today(asked) <
                      first->AddYears(asked.question.statute.terms().police_years()));
}

// Convenant.
Truth Max12MaandenOud(const Asked& asked) {
  if (asked.value == nullptr) return Truth::kTrue;
  const std::optional<CivilDate> date = DayOf(asked.value->value_date());
  if (!date.has_value()) return Truth::kAbsent;
  return TrueOrAbsent(Today(asked) <
                      date->AddMonths(asked.question.statute.terms().recent_months()));
}

// Jeugdwet 7.3.11 lid 4: executed by the acting partij.
Truth OtsVanKracht(const Asked& asked) {
  for (const v1::Ots& ots : asked.question.facts.ots()) {
    if (IsAbout(ots, asked) && ots.gi_party() == asked.question.request.partij() &&
        InPeriod(ots.from(), ots.until(), Today(asked))) {
      return Truth::kTrue;
    }
  }
  return Truth::kAbsent;
}

// Bpg 4:2 lid 1 i: at the acting partij.
Truth MaatregelLoopt(const Asked& asked) {
  for (const v1::Maatregel& measure : asked.question.facts.measures()) {
    if ((measure.kind() == v1::Maatregel::KINDERBESCHERMING ||
         measure.kind() == v1::Maatregel::JEUGDRECLASSERING) &&
        IsAbout(measure, asked) && measure.partij() == asked.question.request.partij() &&
        InPeriod(measure.from(), measure.until(), Today(asked))) {
      return Truth::kTrue;
    }
  }
  return Truth::kAbsent;
}

// Per row.
Truth WettelijkeTaakBenoemd(const Asked& asked) {
  const std::string& task = asked.question.request.task();
  return TrueOrAbsent(!task.empty() && asked.row != nullptr && Contains(asked.row->tasks(), task));
}

// Bpg 4:2 lid 1 i.
Truth Minderjarig(const Asked& asked) {
  const std::optional<int> age = AgeOfPerson(asked.question);
  return TrueOrAbsent(age.has_value() && *age < asked.question.statute.terms().age_of_majority());
}

// Bpg 4:2 lid 1 b.
Truth Slachtoffer(const Asked& asked) {
  const v1::CasusPerson* person = ThePerson(asked.question);
  return TrueOrAbsent(person != nullptr && IsVictim(*person));
}

// The machtigingsbesluit meldpunten.
Truth ZorgNodigZonderHulpvraag(const Asked& asked) {
  for (const v1::Report& report : asked.question.facts.reports()) {
    if (IsAbout(report, asked) && report.kind() == v1::Report::ZORG_ZONDER_HULPVRAAG &&
        NotDatedAfterToday(report.date(), Today(asked))) {
      return Truth::kTrue;
    }
  }
  return Truth::kAbsent;
}

// The machtigingsbesluit meldpunten: any kind but VT.
Truth OpenMelding(const Asked& asked) {
  for (const v1::Report& report : asked.question.facts.reports()) {
    if (IsAbout(report, asked) &&
        (report.kind() == v1::Report::ZORG_ZONDER_HULPVRAAG ||
         report.kind() == v1::Report::MELDPUNT_OVERIG) &&
        report.status() == v1::Report::OPEN && NotDatedAfterToday(report.date(), Today(asked))) {
      return Truth::kTrue;
    }
  }
  return Truth::kAbsent;
}

// Besluit gemeentelijke schuldhulpverlening 2: four steps, all true, in the newest attestation.
Truth SignaalVoorwaarden(const Asked& asked) {
  const v1::SignalAttestation* newest = nullptr;
  for (const v1::SignalAttestation& attestation : asked.question.facts.attestations()) {
    if (!IsAbout(attestation, asked) ||
        attestation.source_party() != asked.question.request.source().partij() ||
        !NotDatedAfterToday(attestation.date(), Today(asked))) {
      continue;
    }
    if (newest == nullptr || DayOf(newest->date()) <= DayOf(attestation.date())) {
      newest = &attestation;
    }
  }
  return TrueOrAbsent(newest != nullptr && newest->preconditions_size() == 4 &&
                      !Contains(newest->preconditions(), false));
}

// WGS_SCHULDHULP 8b.
Truth GeslotenSet(const Asked& asked) { return TrueOrAbsent(asked.is_closed_set); }

// WGS_SCHULDHULP 8 lid 2.
Truth AmvbSchuldhulp82(const Asked& asked) {
  return TrueOrAbsent(GeneralDecisionInForce(asked.question, v1::Condition::AMVB_SCHULDHULP_8_2));
}

// AVG 13, 14. A delay counts until its review date.
Truth BetrokkeneGeinformeerd(const Asked& asked) {
  for (const v1::Informed& informed : asked.question.facts.informed()) {
    if (!IsAbout(informed, asked)) continue;
    if (informed.status() == v1::Informed::GEINFORMEERD &&
        DatedTodayOrBefore(informed.date(), Today(asked))) {
      return Truth::kTrue;
    }
    const std::optional<CivilDate> review = DayOf(informed.review_date());
    if (informed.status() == v1::Informed::UITGESTELD && !IsBlank(informed.reason()) &&
        !IsBlank(informed.owner()) && review.has_value() && Today(asked) <= *review &&
        DatedTodayOrBefore(informed.date(), Today(asked))) {
      return Truth::kTrue;
    }
  }
  return Truth::kAbsent;
}

// Pbw 18a lid 4.
Truth GemeenteVoorOfNaDetentie(const Asked& asked) {
  const std::string& municipality = ActingPartij(asked).municipality();
  if (municipality.empty()) return Truth::kAbsent;
  const v1::Detention* last = nullptr;
  for (const v1::Detention& detention : asked.question.facts.detention()) {
    if (IsAbout(detention, asked)) last = &detention;
  }
  return TrueOrAbsent(last != nullptr && (last->municipality_before() == municipality ||
                                          last->municipality_after() == municipality));
}

// Pbw 18b.
Truth RisicoErnstigGeweldZeden(const Asked& asked) {
  const v1::CasusFacts* casus = TheCasus(asked.question);
  if (casus == nullptr) return Truth::kAbsent;
  for (const v1::Flag18b& flag : casus->flags_18b()) {
    if (IsAbout(flag, asked)) return Truth::kTrue;
  }
  return Truth::kAbsent;
}

bool NamesPowerOfTheRow(const Asked& asked) {
  const std::string& power = asked.question.request.power();
  return !power.empty() && asked.row != nullptr && Contains(asked.row->powers(), power);
}

// Wpg 16 lid 1 b.
Truth GezagOfOpenbareOrde(const Asked& asked) { return TrueOrAbsent(NamesPowerOfTheRow(asked)); }

// Gemeentewet 172-176.
Truth EigenBevoegdheidBenoemd(const Asked& asked) {
  return TrueOrAbsent(NamesPowerOfTheRow(asked));
}

// Wvggz 8:29.
Truth StriktNoodzakelijkWvggz(const Asked& asked) {
  const v1::CasusFacts* casus = TheCasus(asked.question);
  if (casus == nullptr || IsBlank(asked.question.request.wvggz_ernstig_nadeel())) {
    return Truth::kAbsent;
  }
  if (ActingHat(asked).wvggz() == v1::Hat::ZORGAANBIEDER &&
      !ProfessionalHasFunction(asked.question, v1::ProfessionalFunction::GENEESHEER_DIRECTEUR) &&
      !ProfessionalHasFunction(asked.question, v1::ProfessionalFunction::ZORGVERANTWOORDELIJKE)) {
    return Truth::kAbsent;
  }
  const std::string& municipality = casus->municipality();
  if (ActingHat(asked).wvggz() == v1::Hat::BURGEMEESTER &&
      (municipality.empty() || ActingPartij(asked).municipality() != municipality)) {
    return Truth::kAbsent;
  }
  if (SourceHat(asked).wvggz() == v1::Hat::BURGEMEESTER &&
      (municipality.empty() || SourcePartij(asked).municipality() != municipality)) {
    return Truth::kAbsent;
  }
  return Truth::kTrue;
}

// Wet tijdelijk huisverbod.
Truth HuisverbodVanKracht(const Asked& asked) {
  for (const v1::Maatregel& measure : asked.question.facts.measures()) {
    if (measure.kind() == v1::Maatregel::HUISVERBOD && IsAbout(measure, asked) &&
        InPeriod(measure.from(), measure.until(), Today(asked))) {
      return Truth::kTrue;
    }
  }
  return Truth::kAbsent;
}

// BW 7:457 lid 2. A record without a first day counts until its last.
Truth RechtstreeksBetrokken(const Asked& asked) {
  const v1::CasusFacts* casus = TheCasus(asked.question);
  if (casus == nullptr) return Truth::kAbsent;
  for (const v1::Treatment& treatment : casus->treatment()) {
    const std::string since = treatment.from().empty() ? "0001-01-01" : treatment.from();
    if ((treatment.person().empty() ? ThePerson(asked.question) != nullptr
                                    : IsAbout(treatment, asked)) &&
        SamePartijHat(treatment.participant(), ActingSide(asked.question)) &&
        InPeriod(since, treatment.until(), Today(asked))) {
      return Truth::kTrue;
    }
  }
  return Truth::kAbsent;
}

// Convenant.
Truth MedischAdviseur(const Asked& asked) {
  return TrueOrAbsent(
      ProfessionalHasFunction(asked.question, v1::ProfessionalFunction::MEDISCH_ADVISEUR));
}

// Wmo 2015 5.2.6.
Truth VtMeldingToegelicht(const Asked& asked) {
  for (const v1::Report& report : asked.question.facts.reports()) {
    if (IsAbout(report, asked) && report.kind() == v1::Report::VT &&
        NotDatedAfterToday(report.date(), Today(asked)) &&
        (report.explained() || report.own_motion())) {
      return Truth::kTrue;
    }
  }
  return Truth::kAbsent;
}

// Wabb 10-12; UAVG 46.
Truth BsnGerechtigd(const Asked& asked) {
  if (asked.field.data_class() != v1::DataClass::BSN) return Truth::kTrue;
  const v1::CasusPerson* person = ThePerson(asked.question);
  return TrueOrAbsent(ActingHat(asked).bsn_entitled() && SourceHat(asked).bsn_entitled() &&
                      person != nullptr && person->bsn_valid() && person->bsn_verified());
}

// BW 3:60; Wmo 2015 2.2.4.
Truth MandaatVanKracht(const Asked& asked) {
  const Groups* groups = GroupsFor(v1::AgeRule::CONSENT, asked);
  if (groups == nullptr || groups->empty()) return Truth::kAbsent;
  for (const v1::Mandate& mandate : asked.question.facts.mandates()) {
    if (!IsAbout(mandate, asked) || !mandate.written() ||
        !SamePartijHat(mandate.holder(), ActingSide(asked.question)) ||
        !InPeriod(mandate.from(), mandate.until(), Today(asked)) ||
        IsWithdrawn(mandate.withdrawn_at(), asked.question.now.time) ||
        !Contains(mandate.fields(), asked.field.name()) ||
        (SecrecyNeedsMandateFlag(asked) && mandate.flag() != v1::Consent::DOORBREKING_GEHEIM)) {
      continue;
    }
    bool every_group_gave = true;
    for (const v1::CapacityGroup& group : *groups) {
      bool some_gave = false;
      for (const v1::Consent::Giver& giver : mandate.given_by()) {
        if (HasCapacity(group, giver.capacity())) some_gave = true;
      }
      if (!some_gave) every_group_gave = false;
    }
    if (every_group_gave) return Truth::kTrue;
  }
  return Truth::kAbsent;
}

// Jeugdwet 7.3.11 lid 1; BW 7:457.
Truth GeenDerdePersoon(const Asked& asked) {
  return TrueOrAbsent(asked.value == nullptr || !asked.value->third_person());
}

// The jeugdbeschermingstafel.
Truth ZichtbaarVoorAanwezigen(const Asked& asked) {
  return TrueOrAbsent(asked.value != nullptr && asked.value->visible_to_present());
}

// X05, X18.
Truth GeenPlegerzijdeAanTafel(const Asked& asked) {
  const v1::CasusFacts* casus = TheCasus(asked.question);
  return TrueOrAbsent(casus != nullptr &&
                      !Contains(casus->perpetrator_side(), asked.question.request.tafel()));
}

// X18.
Truth GeenAdresbescherming(const Asked& asked) {
  const v1::CasusPerson* person = ThePerson(asked.question);
  return TrueOrAbsent(person != nullptr && !person->address_protected() && !IsVictim(*person));
}

// AVG 12 lid 6.
Truth IdentiteitVastgesteld(const Asked& asked) {
  return TrueOrAbsent(asked.question.request.identity_established());
}

bool ExceptionToInzage(const Asked& asked) {
  for (const v1::RightsException& exception : asked.question.facts.rights_exceptions()) {
    if (IsAbout(exception, asked) &&
        (exception.fields().empty() || Contains(exception.fields(), asked.field.name())) &&
        MayBeInPeriod(exception.from(), exception.until(), Today(asked))) {
      return true;
    }
  }
  return false;
}

bool AskerMayAsk(const Groups& groups, v1::DecisionRequest::RightsRole asker) {
  for (const v1::CapacityGroup& group : groups) {
    if (asker == v1::DecisionRequest::SELF && HasCapacity(group, v1::Capacity::SELF)) return true;
    if (asker == v1::DecisionRequest::REPRESENTATIVE &&
        (HasCapacity(group, v1::Capacity::PARENT) || HasCapacity(group, v1::Capacity::VOOGD) ||
         HasCapacity(group, v1::Capacity::REPRESENTATIVE))) {
      return true;
    }
  }
  return false;
}

// AVG 15, 23; UAVG 41; Wmo 2015 5.3.2.
Truth InzageToegestaan(const Asked& asked) {
  if (ExceptionToInzage(asked)) return Truth::kAbsent;
  // For a row that also asks a mandate that is all.
  if (asked.row != nullptr &&
      Contains(asked.row->conditions(), static_cast<int>(v1::Condition::MANDAAT_VAN_KRACHT))) {
    return Truth::kTrue;
  }
  const v1::DecisionRequest::RightsRole asker = asked.question.request.rights_role();
  const Groups* groups = GroupsFor(v1::AgeRule::INZAGE, asked);
  if (groups == nullptr || !AskerMayAsk(*groups, asker)) return Truth::kAbsent;
  const v1::CasusPerson& person = *ThePerson(asked.question);
  if (asker == v1::DecisionRequest::REPRESENTATIVE && asked.field.locates_person() &&
      (person.address_protected() || IsVictim(person))) {
    return Truth::kAbsent;
  }
  return Truth::kTrue;
}

// WGS_SAMENWERKING 2.28 lid 2.
Truth HitBevestigd(const Asked& asked) {
  const v1::CasusFacts* casus = TheCasus(asked.question);
  if (casus == nullptr) return Truth::kAbsent;
  for (const v1::Hit& hit : casus->hits()) {
    if (IsAbout(hit, asked) &&
        (hit.partij() == asked.question.request.partij() ||
         hit.partij() == asked.question.request.source().partij()) &&
        NotDatedAfterToday(hit.date(), Today(asked))) {
      return Truth::kTrue;
    }
  }
  return Truth::kAbsent;
}

// The Wams bill: T1 asks a talk, T2 who opened it and why there was little talk, T3 an agreement or
// why there is none.
Truth SamenspraakOfGemotiveerdZonder(const Asked& asked) {
  const v1::CasusFacts* casus = TheCasus(asked.question);
  if (casus == nullptr) return Truth::kAbsent;
  const v1::WamsTrack& track = casus->wams_track();
  switch (track.task()) {
    case v1::WamsTrack::T1:
      return TrueOrAbsent(DatedTodayOrBefore(track.samenspraak().date(), Today(asked)) &&
                          !IsBlank(track.samenspraak().with()));
    case v1::WamsTrack::T2:
      return TrueOrAbsent(!track.opened_by().partij().empty() && !track.opened_by().hat().empty() &&
                          !IsBlank(track.samenspraak().reason_without()));
    case v1::WamsTrack::T3:
      return TrueOrAbsent(DatedTodayOrBefore(track.agreement().date(), Today(asked)) ||
                          !IsBlank(track.agreement().reason_without()));
    default:
      return Truth::kAbsent;
  }
}

// The Wams bill.
Truth WamsUitkomstMeervoudig(const Asked& asked) {
  const v1::CasusFacts* casus = TheCasus(asked.question);
  if (casus == nullptr || !casus->wams_track().has_outcome()) return Truth::kAbsent;
  const v1::WamsOutcome& outcome = casus->wams_track().outcome();
  const v1::LegalTerms& terms = asked.question.statute.terms();
  std::set<std::string> domains;
  for (const std::string& domain : outcome.domains()) {
    if (!domain.empty()) domains.insert(domain);
  }
  bool social_act = false;
  for (const std::string& act : outcome.acts()) {
    if (Contains(terms.wams_social_acts(), act)) social_act = true;
  }
  return TrueOrAbsent(DatedTodayOrBefore(outcome.date(), Today(asked)) &&
                      !IsBlank(outcome.name()) &&
                      static_cast<int>(domains.size()) >= terms.wams_min_domains() && social_act &&
                      outcome.coordination_useful());
}

// Convenant.
Truth DilemmaGepseudonimiseerd(const Asked& asked) {
  return TrueOrAbsent(asked.value != nullptr &&
                      asked.value->form() == v1::Holding::PSEUDONIEM_K_SAFE);
}

// Convenant.
Truth CelMinimaal10(const Asked& asked) {
  return TrueOrAbsent(asked.value != nullptr &&
                      asked.value->min_cell() >= asked.question.statute.terms().min_cell());
}

// --- The list -----------------------------------------------------------------------------------

struct Entry {
  v1::Condition::Id id;
  Truth (*test)(const Asked&);
  Outcome outcome_when_absent;
  Code code_when_absent;
  std::optional<Code> code_when_refused;
};

const Entry& EntryOf(v1::Condition::Id condition) {
  using C = v1::Condition;
  constexpr Outcome kRefuse = Outcome::kRefuse;
  constexpr Outcome kConsent = Outcome::kNeedsConsent;
  constexpr Outcome kDecision = Outcome::kNeedsDecision;
  static const std::vector<Entry>& list = *new std::vector<Entry>{
      {C::GEMOTIVEERD, Gemotiveerd, kRefuse, Code::kNecessityNotMotivated, {}},
      {C::LID_VAN_TAFEL, LidVanTafel, kRefuse, Code::kWrongTable, {}},
      {C::DEELNEMER_IN_CASUS, DeelnemerInCasus, kRefuse, Code::kNotParticipant, {}},
      {C::GAST_TOEGELATEN, GastToegelaten, kRefuse, Code::kNotParticipant, {}},
      {C::TOESTEMMING_UITDRUKKELIJK, ToestemmingUitdrukkelijk, kConsent, Code::kNeedsConsent,
       Code::kNoConsent},
      {C::TOESTEMMING_MELDER, ToestemmingMelder, kConsent, Code::kNeedsConsent,
       Code::kCategoryExcluded},
      {C::BESLUIT_GOED_HULPVERLENERSCHAP, BesluitGoedHulpverlenerschap, kDecision,
       Code::kNeedsDecision, Code::kSourceObjects},
      {C::BESLUIT_CONFLICT_VAN_PLICHTEN, BesluitConflictVanPlichten, kDecision,
       Code::kNeedsDecision, Code::kSourceObjects},
      {C::BESLUIT_WAMS_WEGING, BesluitWamsWeging, kDecision, Code::kNeedsDecision,
       Code::kSourceObjects},
      {C::BESLUIT_MELDRECHT, BesluitMeldrecht, kDecision, Code::kNeedsDecision,
       Code::kSourceObjects},
      {C::BESLUIT_ACUUT_GEVAAR, BesluitAcuutGevaar, kDecision, Code::kNeedsDecision,
       Code::kSourceObjects},
      {C::BESLUIT_SELECTIE_BRON, BesluitSelectieBron, kDecision, Code::kNeedsDecision,
       Code::kSourceObjects},
      {C::BESLUIT_WJSG, BesluitWjsg, kDecision, Code::kNeedsDecision, Code::kSourceObjects},
      {C::INSTEMMING_BRON, InstemmingBron, kDecision, Code::kNeedsDecision, Code::kSourceObjects},
      {C::VIER_OGEN, VierOgen, kDecision, Code::kNeedsDecision, Code::kSourceObjects},
      {C::TIJDSLOT_72U, Tijdslot72u, kRefuse, Code::kTimeboxExpired, {}},
      {C::WPG20_BESLUIT, Wpg20Besluit, kRefuse, Code::kNoBasis, {}},
      {C::WPG19_BESLUIT, Wpg19Besluit, kRefuse, Code::kNoBasis, {}},
      {C::MACHTIGING_GELDIG, MachtigingGeldig, kRefuse, Code::kNoBasis, {}},
      {C::POLITIE_TERMIJN_5J, PolitieTermijn5j, kRefuse, Code::kRetentionExpired, {}},
      {C::MAX_12_MAANDEN_OUD, Max12MaandenOud, kRefuse, Code::kDataTooOld, {}},
      {C::OTS_VAN_KRACHT, OtsVanKracht, kRefuse, Code::kNoBasis, {}},
      {C::MAATREGEL_LOOPT, MaatregelLoopt, kRefuse, Code::kNoBasis, {}},
      {C::WETTELIJKE_TAAK_BENOEMD, WettelijkeTaakBenoemd, kRefuse, Code::kNoBasis, {}},
      {C::MINDERJARIG, Minderjarig, kRefuse, Code::kNoBasis, {}},
      {C::SLACHTOFFER, Slachtoffer, kRefuse, Code::kNoBasis, {}},
      {C::ZORG_NODIG_ZONDER_HULPVRAAG, ZorgNodigZonderHulpvraag, kRefuse, Code::kNoBasis, {}},
      {C::OPEN_MELDING, OpenMelding, kRefuse, Code::kNoBasis, {}},
      {C::SIGNAAL_VOORWAARDEN, SignaalVoorwaarden, kRefuse, Code::kSignalRejected, {}},
      {C::GESLOTEN_SET, GeslotenSet, kRefuse, Code::kSignalRejected, {}},
      {C::AMVB_SCHULDHULP_8_2, AmvbSchuldhulp82, kRefuse, Code::kNoBasis, {}},
      {C::BETROKKENE_GEINFORMEERD, BetrokkeneGeinformeerd, kRefuse, Code::kNotInformed, {}},
      {C::GEMEENTE_VOOR_OF_NA_DETENTIE, GemeenteVoorOfNaDetentie, kRefuse, Code::kNoBasis, {}},
      {C::RISICO_ERNSTIG_GEWELD_ZEDEN, RisicoErnstigGeweldZeden, kRefuse, Code::kNoBasis, {}},
      {C::GEZAG_OF_OPENBARE_ORDE, GezagOfOpenbareOrde, kRefuse, Code::kNoBasis, {}},
      {C::EIGEN_BEVOEGDHEID_BENOEMD, EigenBevoegdheidBenoemd, kRefuse, Code::kNoBasis, {}},
      {C::STRIKT_NOODZAKELIJK_WVGGZ, StriktNoodzakelijkWvggz, kRefuse, Code::kNoBasis, {}},
      {C::HUISVERBOD_VAN_KRACHT, HuisverbodVanKracht, kRefuse, Code::kNoBasis, {}},
      {C::RECHTSTREEKS_BETROKKEN, RechtstreeksBetrokken, kRefuse, Code::kSecrecy, {}},
      {C::MEDISCH_ADVISEUR, MedischAdviseur, kRefuse, Code::kNotAuthorisedPerson, {}},
      {C::VT_MELDING_TOEGELICHT, VtMeldingToegelicht, kRefuse, Code::kNecessityNotMotivated, {}},
      {C::BSN_GERECHTIGD, BsnGerechtigd, kRefuse, Code::kBsnNotAllowed, {}},
      {C::MANDAAT_VAN_KRACHT, MandaatVanKracht, kRefuse, Code::kMandateMissing, {}},
      {C::GEEN_DERDE_PERSOON, GeenDerdePersoon, kRefuse, Code::kThirdPersonData, {}},
      {C::ZICHTBAAR_VOOR_AANWEZIGEN, ZichtbaarVoorAanwezigen, kRefuse, Code::kThirdPersonData, {}},
      {C::GEEN_PLEGERZIJDE_AAN_TAFEL,
       GeenPlegerzijdeAanTafel,
       kRefuse,
       Code::kCategoryExcluded,
       {}},
      {C::GEEN_ADRESBESCHERMING, GeenAdresbescherming, kRefuse, Code::kCategoryExcluded, {}},
      {C::IDENTITEIT_VASTGESTELD, IdentiteitVastgesteld, kRefuse, Code::kNotAuthorisedPerson, {}},
      {C::INZAGE_TOEGESTAAN, InzageToegestaan, kRefuse, Code::kRightsRestricted, {}},
      {C::HIT_BEVESTIGD, HitBevestigd, kRefuse, Code::kNoBasis, {}},
      {C::SAMENSPRAAK_OF_GEMOTIVEERD_ZONDER,
       SamenspraakOfGemotiveerdZonder,
       kRefuse,
       Code::kNoSamenspraak,
       {}},
      {C::WAMS_UITKOMST_MEERVOUDIG, WamsUitkomstMeervoudig, kRefuse, Code::kNoWamsOutcome, {}},
      {C::DILEMMA_GEPSEUDONIMISEERD,
       DilemmaGepseudonimiseerd,
       kRefuse,
       Code::kCategoryExcluded,
       {}},
      {C::CEL_MINIMAAL_10, CelMinimaal10, kRefuse, Code::kAggregateTooSmall, {}},
  };
  for (const Entry& entry : list) {
    if (entry.id == condition) return entry;
  }
  SLUIS_CHECK(false);
  return list.front();
}

}  // namespace

// The newest record counts; GIVEN: true, with what the table of conditions adds.
Truth DecisionOf(v1::ProfessionalDecision::Kind kind, const v1::PartijHat& decider,
                 const Asked& asked) {
  // Who is unknown decides nothing.
  if (FindPartij(asked.question, decider.partij()) == nullptr ||
      FindHat(asked.question, decider.hat()) == nullptr) {
    return Truth::kAbsent;
  }
  const v1::ProfessionalDecision* decision = NewestDecision(kind, decider, asked);
  if (decision == nullptr || DecisionHasExpired(*decision, asked)) return Truth::kAbsent;
  if (decision->result() == v1::ProfessionalDecision::REFUSED) return Truth::kRefused;
  if (decision->result() != v1::ProfessionalDecision::GIVEN) return Truth::kAbsent;
  if (kind == v1::ProfessionalDecision::WJSG &&
      decision->purpose() != asked.question.request.purpose()) {
    return Truth::kAbsent;
  }
  if (kind == v1::ProfessionalDecision::VIER_OGEN && !HasTwoApprovers(*decision, asked)) {
    return Truth::kAbsent;
  }
  return Truth::kTrue;
}

Truth Test(v1::Condition::Id condition, const Asked& asked) {
  return EntryOf(condition).test(asked);
}

std::optional<Need> Missing(v1::Condition::Id condition, const Asked& asked) {
  const Entry& entry = EntryOf(condition);
  switch (entry.test(asked)) {
    case Truth::kTrue:
      return std::nullopt;
    case Truth::kRefused:
      return Need{condition, Outcome::kRefuse, entry.code_when_refused.value()};
    case Truth::kAbsent:
      break;
  }
  return Need{condition, entry.outcome_when_absent, entry.code_when_absent};
}

Code CodeWhenAbsent(v1::Condition::Id condition) { return EntryOf(condition).code_when_absent; }

}  // namespace sluis::policy_oracle
