#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "compiled.h"

#include "sluis/base/text.h"
#include "sluis/policy/facts.h"
#include "sluis/policy/request.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/policy/v1/facts.pb.h"

// From messages to the form the engine reads. What does not count on the day is dropped here, so
// every test on a civil date stands in this file.
namespace sluis::policy {
namespace {

std::optional<CivilDate> Day(const std::string& text) {
  const auto day = CivilDate::Parse(text);
  if (!day.ok()) return std::nullopt;
  return *day;
}

bool DatedBy(const std::string& text, CivilDate today) {
  const auto day = Day(text);
  return day && *day <= today;
}

// "" is open; a malformed end puts every day outside the period.
bool InPeriod(const std::string& from, const std::string& until, CivilDate today) {
  if (!DatedBy(from, today)) return false;
  if (until.empty()) return true;
  const auto last = Day(until);
  return last && today <= *last;
}

// Over on the anniversary; an unknown first day counts as over.
bool TermOver(const std::string& first, int32_t term, v1::Retention::Unit unit, CivilDate today) {
  const auto day = Day(first);
  if (!day) return true;
  switch (unit) {
    case v1::Retention::JAAR:
      return day->AddYears(term) <= today;
    case v1::Retention::MAAND:
      return day->AddMonths(term) <= today;
    case v1::Retention::DAG:
      return day->AddDays(term) <= today;
    default:
      return true;
  }
}

// A number that its enumeration does not have says nothing, like the unspecified one. (The messages
// keep such numbers; a cast to one byte would make another value of them.)
std::optional<Capacity> CapacityOf(v1::Capacity::Id capacity) {
  if (!v1::Capacity::Id_IsValid(capacity) || capacity == v1::Capacity::CAPACITY_UNSPECIFIED)
    return std::nullopt;
  return static_cast<Capacity>(capacity);
}
bool IsRole(v1::PersonRole::Id role) {
  return v1::PersonRole::Id_IsValid(role) && role != v1::PersonRole::PERSON_ROLE_UNSPECIFIED;
}

// An origin that the convenant does not have.
constexpr Side kSomebodyElse{PartijId(0xfffe), HatId(0xfffe)};

class Interner {
 public:
  Interner(const Compiled& compiled, CivilDate today) : c_(compiled), today_(today) {}

  [[nodiscard]] std::optional<Side> SideOf(const v1::PartijHat& side) const {
    const auto partij = c_.partijen.Find(side.partij());
    const auto hat = c_.hats.Find(side.hat());
    if (!partij || !hat) return std::nullopt;
    return Side{*partij, *hat};
  }
  template <typename Names>
  [[nodiscard]] FieldSet FieldsOf(const Names& names) const {
    FieldSet set;
    for (const std::string& name : names) {
      if (const auto field = c_.fields.Find(name)) set.Insert(*field);
    }
    return set;
  }
  // An empty list stands for every field.
  template <typename Names>
  [[nodiscard]] FieldSet FieldsOrAll(const Names& names) const {
    if (!names.empty()) return FieldsOf(names);
    FieldSet set;
    for (size_t i = 0; i < c_.fields.names.size(); ++i)
      set.Insert(FieldId(static_cast<uint16_t>(i)));
    return set;
  }
  [[nodiscard]] MunicipalityId Municipality(const std::string& name) const {
    return name.empty() ? MunicipalityId()
                        : c_.municipalities.Find(name).value_or(MunicipalityId());
  }
  // Withdrawn at an instant that cannot be read: withdrawn since ever.
  [[nodiscard]] static std::optional<absl::Time> Withdrawal(const std::string& text) {
    if (text.empty()) return std::nullopt;
    return ParseInstant(text).value_or(absl::InfinitePast());
  }

  CasusFacts Casus(const v1::CasusFacts& casus) const {
    CasusFacts out;
    out.closed = casus.status() != v1::CasusFacts::OPEN;
    out.radicalisation = casus.radicalisation();
    out.phase = c_.phases.Find(casus.phase()).value_or(PhaseId());
    out.stage = c_.stages.Find(casus.wams_track().stage()).value_or(StageId());
    out.municipality = Municipality(casus.municipality());
    out.retention_over = false;
    for (const CompiledRetention& row : c_.retention) {
      if (row.anchor == v1::Retention::EERSTE_VERWERKING_CASUS &&
          TermOver(casus.first_processed(), row.term, row.unit, today_)) {
        out.retention_over = true;
      }
    }
    for (const std::string& name : casus.tafels()) {
      if (const auto tafel = c_.tafels.Find(name)) out.placed.push_back(*tafel);
    }
    for (const v1::Participation& participation : casus.participants()) {
      const auto side = SideOf(participation.participant());
      if (!side || !InPeriod(participation.from(), participation.until(), today_)) continue;
      ParticipationFact fact{*side, std::nullopt};
      if (!participation.tafel().empty()) {
        const auto tafel = c_.tafels.Find(participation.tafel());
        if (!tafel) continue;
        fact.regime = c_.tafel[tafel->index()].regime;
      }
      out.participants.push_back(fact);
    }
    for (const v1::Participation& guest : casus.guests()) {
      const auto side = SideOf(guest.participant());
      const auto tafel = c_.tafels.Find(guest.tafel());
      if (side && tafel && InPeriod(guest.from(), guest.until(), today_))
        out.guests.push_back({*side, *tafel});
    }
    for (const std::string& name : casus.perpetrator_side()) {
      if (const auto tafel = c_.tafels.Find(name)) out.perpetrator_side.push_back(*tafel);
    }
    if (casus.has_timebox()) out.timebox_opened = ParseInstant(casus.timebox().opened_at());
    out.samenspraak = Samenspraak(casus.wams_track());
    out.wams_outcome = Outcome(casus.wams_track().outcome());
    return out;
  }

  SubjectFacts Subject(const v1::Facts& facts, const v1::CasusPerson* person) const {
    SubjectFacts out;
    const std::string id = person == nullptr ? std::string() : person->id();
    if (person != nullptr) Identity(facts, *person, out);
    Consents(facts, id, out);
    Decisions(facts, id, out);
    for (const v1::Besluit& besluit : facts.besluiten()) {
      if (besluit.kind() == v1::Besluit::WPG19 && besluit.person() == id && !id.empty() &&
          !besluit.casus().empty() && besluit.casus() == facts.casus().id()) {
        if (auto fact = Besluit(besluit)) out.wpg19.push_back(*std::move(fact));
      }
    }
    Mandates(facts, id, out);
    Restrictions(facts, id, out);
    Holdings(facts, id, out);
    return out;
  }

  std::optional<BesluitFact> Besluit(const v1::Besluit& besluit) const {
    const bool wpg20 = besluit.kind() == v1::Besluit::WPG20;
    if (IsBlank(besluit.gezag()) || besluit.purposes().empty() || besluit.fields().empty() ||
        besluit.recipients().empty() || !InPeriod(besluit.date(), besluit.until(), today_)) {
      return std::nullopt;
    }
    BesluitFact fact;
    if (wpg20) {
      const auto verband = c_.tafels.Find(besluit.verband());
      if (!verband || IsBlank(besluit.interest()) || IsBlank(besluit.conditions()))
        return std::nullopt;
      fact.verband = *verband;
    }
    fact.fields = FieldsOf(besluit.fields());
    for (const std::string& name : besluit.purposes()) {
      if (const auto purpose = c_.purposes.Find(name)) fact.purposes.push_back(*purpose);
    }
    for (const v1::PartijHat& recipient : besluit.recipients()) {
      if (const auto side = SideOf(recipient)) fact.recipients.push_back(*side);
    }
    return fact;
  }

 private:
  [[nodiscard]] bool Samenspraak(const v1::WamsTrack& track) const {
    switch (track.task()) {
      case v1::WamsTrack::T1:
        return DatedBy(track.samenspraak().date(), today_) && !IsBlank(track.samenspraak().with());
      case v1::WamsTrack::T2:
        return !track.opened_by().partij().empty() && !track.opened_by().hat().empty() &&
               !IsBlank(track.samenspraak().reason_without());
      case v1::WamsTrack::T3:
        return DatedBy(track.agreement().date(), today_) ||
               !IsBlank(track.agreement().reason_without());
      default:
        return false;
    }
  }

  [[nodiscard]] bool Outcome(const v1::WamsOutcome& outcome) const {
    const std::set<std::string> domains(outcome.domains().begin(), outcome.domains().end());
    const bool social =
        std::any_of(outcome.acts().begin(), outcome.acts().end(), [&](const std::string& act) {
          return std::find(c_.wams_social_acts.begin(), c_.wams_social_acts.end(), act) !=
                 c_.wams_social_acts.end();
        });
    return DatedBy(outcome.date(), today_) && !IsBlank(outcome.name()) && domains.count("") == 0 &&
           static_cast<int>(domains.size()) >= c_.terms.wams_min_domains() && social &&
           outcome.coordination_useful();
  }

  void Identity(const v1::Facts& facts, const v1::CasusPerson& person, SubjectFacts& out) const {
    const std::string& id = person.id();
    if (IsRole(person.role())) out.role = static_cast<PersonRole>(person.role());
    if (const auto birth = Day(person.birth_date())) {
      const int age = AgeOn(*birth, today_);
      for (size_t bracket = 0; bracket < c_.ages.boundaries.size(); ++bracket) {
        if (c_.ages.boundaries[bracket] <= age) out.age_bracket = static_cast<int>(bracket);
      }
    }
    out.bsn_usable = person.bsn_valid() && person.bsn_verified();
    out.wilsbekwaam = !person.wilsonbekwaam();
    out.address_protected = person.address_protected();
    for (const v1::Informed& informed : facts.informed()) {
      if (informed.person() != id || !DatedBy(informed.date(), today_)) continue;
      if (informed.status() == v1::Informed::GEINFORMEERD) out.informed = true;
      const auto review = Day(informed.review_date());
      if (informed.status() == v1::Informed::UITGESTELD && !IsBlank(informed.reason()) &&
          !IsBlank(informed.owner()) && review && today_ <= *review) {
        out.informed = true;
      }
    }
    for (const v1::Report& report : facts.reports()) {
      if (report.person() != id || (!report.date().empty() && !DatedBy(report.date(), today_)))
        continue;
      if (report.kind() == v1::Report::VT) {
        if (report.explained() || report.own_motion()) out.report_vt_explained = true;
        continue;
      }
      if (report.kind() == v1::Report::ZORG_ZONDER_HULPVRAAG)
        out.report_care_without_request = true;
      if ((report.kind() == v1::Report::ZORG_ZONDER_HULPVRAAG ||
           report.kind() == v1::Report::MELDPUNT_OVERIG) &&
          report.status() == v1::Report::OPEN) {
        out.report_open = true;
      }
    }
    const auto partij = [&](const std::string& name, std::vector<PartijId>& list) {
      if (const auto found = c_.partijen.Find(name)) list.push_back(*found);
    };
    for (const v1::Ots& ots : facts.ots()) {
      if (ots.person() == id && InPeriod(ots.from(), ots.until(), today_))
        partij(ots.gi_party(), out.ots);
    }
    for (const v1::Maatregel& measure : facts.measures()) {
      if (measure.person() != id || !InPeriod(measure.from(), measure.until(), today_)) continue;
      if (measure.kind() == v1::Maatregel::HUISVERBOD) {
        out.huisverbod = true;
      } else if (measure.kind() == v1::Maatregel::KINDERBESCHERMING ||
                 measure.kind() == v1::Maatregel::JEUGDRECLASSERING) {
        partij(measure.partij(), out.maatregel);
      }
    }
    for (const v1::Hit& hit : facts.casus().hits()) {
      if (hit.person() == id && DatedBy(hit.date(), today_)) partij(hit.partij(), out.hits);
    }
    for (const v1::Flag18b& flag : facts.casus().flags_18b()) {
      if (flag.person() == id) out.risk_18b = true;
    }
    for (const v1::Detention& detention : facts.detention()) {
      if (detention.person() != id) continue;
      out.municipality_before = Municipality(detention.municipality_before());
      out.municipality_after = Municipality(detention.municipality_after());
    }
    for (const v1::Treatment& treatment : facts.casus().treatment()) {
      const bool begun = treatment.from().empty() || DatedBy(treatment.from(), today_);
      const auto last = Day(treatment.until());
      const bool ended = !treatment.until().empty() && (!last || *last < today_);
      const auto side = SideOf(treatment.participant());
      if ((treatment.person().empty() || treatment.person() == id) && begun && !ended && side) {
        out.treating.push_back(*side);
      }
    }
    Attestations(facts, id, out);
    ReporterConsent(facts, id, out);
  }

  void Attestations(const v1::Facts& facts, const std::string& id, SubjectFacts& out) const {
    std::map<std::string, std::pair<CivilDate, bool>> newest;
    for (const v1::SignalAttestation& attestation : facts.attestations()) {
      const auto day = Day(attestation.date());
      if (attestation.person() != id || !day || today_ < *day) continue;
      const bool all =
          attestation.preconditions_size() == 4 &&
          std::all_of(attestation.preconditions().begin(), attestation.preconditions().end(),
                      [](bool step) { return step; });
      const auto [at, added] = newest.try_emplace(attestation.source_party(), *day, all);
      if (!added && at->second.first <= *day) at->second = {*day, all};
    }
    for (const auto& [name, attestation] : newest) {
      const auto partij = c_.partijen.Find(name);
      if (partij && attestation.second) out.attested.push_back(*partij);
    }
  }

  void ReporterConsent(const v1::Facts& facts, const std::string& id, SubjectFacts& out) const {
    std::optional<CivilDate> newest;
    for (const v1::MelderConsent& consent : facts.melder_consents()) {
      const auto day = Day(consent.date());
      if (consent.person() != id || !day || today_ < *day || (newest && *day < *newest)) continue;
      newest = day;
      out.reporter_consent =
          consent.given() ? ConsentFact::Says::kGiven : ConsentFact::Says::kRefused;
    }
  }

  void Consents(const v1::Facts& facts, const std::string& id, SubjectFacts& out) const {
    if (id.empty()) return;
    std::vector<std::pair<CivilDate, ConsentFact>> dated;
    std::map<std::pair<Capacity, std::string>, uint32_t> givers;
    for (const v1::Consent& consent : facts.consents()) {
      const auto day = Day(consent.date());
      const auto source = SideOf(consent.source());
      const auto recipient = SideOf(consent.recipient());
      const auto purpose = c_.purposes.Find(consent.purpose());
      if (consent.person() != id || !day || today_ < *day || !source || !recipient || !purpose ||
          !InPeriod(consent.from(), consent.until(), today_)) {
        continue;
      }
      ConsentFact fact{*source,
                       *recipient,
                       *purpose,
                       FieldsOf(consent.fields()),
                       false,
                       ConsentFact::Says::kNothing,
                       Withdrawal(consent.withdrawn_at()),
                       {}};
      for (const std::string& name : consent.categories()) {
        const auto category = c_.categories.find(name);
        if (category != c_.categories.end()) fact.fields |= c_.fields_of_category[category->second];
      }
      fact.lifts_secrecy = consent.flag() == v1::Consent::DOORBREKING_GEHEIM;
      fact.says = Says(consent.status());
      for (const v1::Consent::Giver& giver : consent.given_by()) {
        const auto capacity = CapacityOf(giver.capacity());
        if (!capacity) continue;
        const auto number = givers
                                .emplace(std::pair<Capacity, std::string>{*capacity, giver.name()},
                                         static_cast<uint32_t>(givers.size()))
                                .first->second;
        fact.givers.emplace_back(*capacity, number);
      }
      dated.emplace_back(*day, std::move(fact));
    }
    NewestFirst(dated, out.consents);
  }

  static ConsentFact::Says Says(v1::Consent::Status status) {
    switch (status) {
      case v1::Consent::GEGEVEN_UITDRUKKELIJK:
      case v1::Consent::GEGEVEN_BEPERKT:
      case v1::Consent::VERVANGEND_GEGEVEN:
        return ConsentFact::Says::kGiven;
      case v1::Consent::GEWEIGERD:
      case v1::Consent::INGETROKKEN:
        return ConsentFact::Says::kRefused;
      default:
        return ConsentFact::Says::kNothing;
    }
  }

  template <typename Date, typename Fact>
  static void NewestFirst(std::vector<std::pair<Date, Fact>>& dated, std::vector<Fact>& out) {
    // Of equally dated records the later in the list is the newer.
    std::reverse(dated.begin(), dated.end());
    std::stable_sort(dated.begin(), dated.end(),
                     [](const auto& a, const auto& b) { return b.first < a.first; });
    for (auto& [day, fact] : dated) out.push_back(std::move(fact));
  }

  void Decisions(const v1::Facts& facts, const std::string& id, SubjectFacts& out) const {
    if (id.empty()) return;
    std::vector<std::pair<absl::Time, DecisionFact>> dated;
    for (const v1::ProfessionalDecision& decision : facts.decisions()) {
      const auto source = SideOf(decision.source());
      if (decision.person() != id || decision.casus().empty() ||
          decision.casus() != facts.casus().id() || !source ||
          decision.kind() == v1::ProfessionalDecision::KIND_UNSPECIFIED ||
          !v1::ProfessionalDecision::Kind_IsValid(decision.kind()) ||
          (decision.result() != v1::ProfessionalDecision::GIVEN &&
           decision.result() != v1::ProfessionalDecision::REFUSED)) {
        continue;
      }
      DecisionFact fact;
      fact.kind = static_cast<DecisionFact::Kind>(decision.kind());
      fact.source = *source;
      fact.fields = FieldsOf(decision.fields());
      for (const std::string& name : decision.recipient_hats()) {
        if (const auto hat = c_.hats.Find(name)) fact.recipient_hats.Insert(*hat);
      }
      for (const std::string& name : decision.recipient_parties()) {
        if (const auto partij = c_.partijen.Find(name)) fact.recipient_parties.push_back(*partij);
      }
      fact.given = decision.result() == v1::ProfessionalDecision::GIVEN;
      const auto last = Day(decision.until());
      fact.expired = !decision.until().empty() && (!last || *last < today_);
      if (!Complete(facts, decision, fact)) continue;
      // ACUUT goes by its instant, every other decision by its day. Two kinds are never compared.
      absl::Time dated_at = fact.at.value_or(absl::InfinitePast());
      if (fact.kind != DecisionFact::Kind::kAcuut) {
        const auto day = Day(decision.date());
        if (!day || today_ < *day) continue;
        dated_at = absl::UnixEpoch() + absl::Hours(24) * day->days();
      }
      dated.emplace_back(dated_at, std::move(fact));
    }
    NewestFirst(dated, out.decisions);
  }

  // An empty part makes a decision void: it counts as not there.
  bool Complete(const v1::Facts& facts, const v1::ProfessionalDecision& decision,
                DecisionFact& fact) const {
    switch (fact.kind) {
      case DecisionFact::Kind::kWams:
        return !IsBlank(decision.necessity()) && !IsBlank(decision.weighty_reasons()) &&
               !IsBlank(decision.consent_sought());
      case DecisionFact::Kind::kWjsg: {
        // An unknown purpose is not that of any request, but no empty part: the record counts.
        fact.purpose = c_.purposes.Find(decision.purpose()).value_or(PurposeId());
        return !decision.purpose().empty() && !IsBlank(decision.weighty_interest()) &&
               decision.no_tracing();
      }
      case DecisionFact::Kind::kAcuut:
        fact.at = ParseInstant(decision.at());
        return fact.at.has_value() && decision.consent_impossible() && decision.no_lesser_means();
      case DecisionFact::Kind::kVierOgen: {
        std::set<std::string> approvers;
        for (const std::string& approver : decision.approvers()) {
          for (const v1::Professional& professional : facts.professionals()) {
            if (professional.id() == approver && professional.active()) approvers.insert(approver);
          }
        }
        fact.enough_approvers = approvers.size() >= 2;
        return true;
      }
      default:
        return true;
    }
  }

  void Mandates(const v1::Facts& facts, const std::string& id, SubjectFacts& out) const {
    if (id.empty()) return;
    for (const v1::Mandate& mandate : facts.mandates()) {
      const auto holder = SideOf(mandate.holder());
      if (mandate.person() != id || !holder || !mandate.written() ||
          !InPeriod(mandate.from(), mandate.until(), today_)) {
        continue;
      }
      MandateFact fact{*holder, FieldsOf(mandate.fields()),
                       mandate.flag() == v1::Consent::DOORBREKING_GEHEIM, 0,
                       Withdrawal(mandate.withdrawn_at())};
      for (const v1::Consent::Giver& giver : mandate.given_by()) {
        if (const auto capacity = CapacityOf(giver.capacity()))
          fact.givers = static_cast<uint8_t>(fact.givers | (1 << static_cast<int>(*capacity)));
      }
      out.mandates.push_back(fact);
    }
  }

  // Records that restrict. What cannot be read in them restricts all the same.
  void Restrictions(const v1::Facts& facts, const std::string& id, SubjectFacts& out) const {
    for (const v1::SourceObjection& objection : facts.objections()) {
      const auto source = SideOf(objection.source());
      const auto from = Day(objection.from());
      if ((!objection.person().empty() && objection.person() != id) ||
          (!objection.casus().empty() && objection.casus() != facts.casus().id()) || !source ||
          (from && today_ < *from)) {
        continue;
      }
      ObjectionFact fact{*source,
                         FieldsOrAll(objection.fields()),
                         objection.recipients().empty(),
                         {},
                         std::nullopt};
      for (const v1::PartijHat& recipient : objection.recipients()) {
        if (const auto side = SideOf(recipient)) fact.recipients.push_back(*side);
      }
      // An end that cannot be read is no end.
      if (!objection.withdrawn_at().empty())
        fact.withdrawn_at = ParseInstant(objection.withdrawn_at());
      out.objections.push_back(std::move(fact));
    }
    for (const v1::SourceCondition& condition : facts.source_conditions()) {
      const auto field = c_.fields.Find(condition.field());
      if (condition.person() != id || !field) continue;
      SourceConditionFact fact{SourceConditionFact::Kind::kNietDoor,
                               SideOf(condition.origin()).value_or(kSomebodyElse), *field,
                               TafelId()};
      switch (condition.kind()) {
        case v1::SourceCondition::EINDDATUM: {
          const auto last = Day(condition.until());
          if (last && today_ <= *last) continue;
          fact.kind = SourceConditionFact::Kind::kEinddatumOver;
          break;
        }
        case v1::SourceCondition::ALLEEN_TAFEL:
          fact.kind = SourceConditionFact::Kind::kAlleenTafel;
          fact.tafel = c_.tafels.Find(condition.tafel()).value_or(TafelId());
          break;
        default:
          break;
      }
      out.source_conditions.push_back(fact);
    }
    for (const v1::RightsException& exception : facts.rights_exceptions()) {
      const auto from = Day(exception.from());
      const auto last = Day(exception.until());
      if (exception.person() != id || id.empty() || (from && today_ < *from) ||
          (last && *last < today_))
        continue;
      if (exception.fields().empty()) out.inzage_closed = true;
      out.inzage_exceptions |= FieldsOf(exception.fields());
    }
  }

  void Holdings(const v1::Facts& facts, const std::string& id, SubjectFacts& out) const {
    // Newest per source and field, of those that are there today.
    std::map<std::tuple<uint16_t, uint16_t, uint16_t>, std::pair<std::string, HoldingFact>> newest;
    for (const v1::Holding& holding : facts.holdings()) {
      const auto source = SideOf(holding.source());
      const auto field = c_.fields.Find(holding.field());
      if (holding.person() != id || !source || !field) continue;
      const auto recorded = Day(holding.recorded_on());
      if (recorded && today_ < *recorded) continue;
      const auto key = std::make_tuple(source->partij.index(), source->hat.index(), field->index());
      // Days as text sort like days; one that cannot be read sorts first.
      const std::string order = recorded ? holding.recorded_on() : std::string();
      const auto at = newest.find(key);
      if (at != newest.end() && order < at->second.first) continue;
      newest[key] = {order, Holding(holding, *source, *field)};
    }
    for (auto& [key, entry] : newest) out.holdings.push_back(entry.second);
  }

  [[nodiscard]] HoldingFact Holding(const v1::Holding& holding, Side source, FieldId field) const {
    HoldingFact fact;
    fact.source = source;
    fact.field = field;
    // An origin that is not known here is still somebody else; an empty one is the holder.
    if (!holding.origin().partij().empty() || !holding.origin().hat().empty())
      fact.origin = SideOf(holding.origin()).value_or(kSomebodyElse);
    fact.third_person = holding.third_person();
    fact.visible_to_present = holding.visible_to_present();
    fact.pseudonymised = holding.form() == v1::Holding::PSEUDONIEM_K_SAFE;
    fact.cell_large_enough = holding.min_cell() >= c_.terms.min_cell();
    const bool police = c_.hat[source.hat.index()].police;
    fact.police_term_over =
        police && (holding.removed() || TermOver(holding.first_processed(), c_.terms.police_years(),
                                                 v1::Retention::JAAR, today_));
    fact.too_old =
        TermOver(holding.value_date(), c_.terms.recent_months(), v1::Retention::MAAND, today_);
    const auto deposit_end = Day(holding.deposit_end());
    const bool deposit_over =
        !holding.deposit_end().empty() && (!deposit_end || *deposit_end < today_);
    fact.wgs_over = deposit_over || (police && holding.removed());
    fact.term_over = fact.wgs_over;
    for (const CompiledRetention& row : c_.retention) {
      if (row.term == 0 || !row.holders.Contains(source.hat)) continue;
      if (row.anchor == v1::Retention::LAATSTE_WIJZIGING) {
        fact.term_over =
            fact.term_over || TermOver(holding.recorded_on(), row.term, row.unit, today_);
      }
      if (row.anchor == v1::Retention::EERSTE_VERWERKING) {
        fact.term_over =
            fact.term_over || TermOver(holding.first_processed(), row.term, row.unit, today_);
      }
    }
    return fact;
  }

  const Compiled& c_;
  CivilDate today_;
};

}  // namespace

std::optional<absl::Time> ParseInstant(std::string_view text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, ToAbsl(text), &time, &error)) return std::nullopt;
  // ParseTime knows "infinite-past" and the like; a record has to give an instant.
  if (time == absl::InfiniteFuture() || time == absl::InfinitePast()) return std::nullopt;
  return time;
}

CasusFacts InternCasus(const Policy& policy, const v1::CasusFacts& casus, CivilDate today) {
  return Interner(policy.compiled(), today).Casus(casus);
}

SubjectFacts InternSubject(const Policy& policy, const v1::Facts& facts,
                           const v1::CasusPerson* person, CivilDate today) {
  return Interner(policy.compiled(), today).Subject(facts, person);
}

std::vector<BesluitFact> InternWpg20(const Policy& policy, const v1::Facts& facts,
                                     CivilDate today) {
  std::vector<BesluitFact> out;
  const Interner interner(policy.compiled(), today);
  for (const v1::Besluit& besluit : facts.besluiten()) {
    if (besluit.kind() != v1::Besluit::WPG20) continue;
    if (auto fact = interner.Besluit(besluit)) out.push_back(*std::move(fact));
  }
  return out;
}

ProfessionalFacts InternProfessional(const Policy& policy, const v1::Facts& facts,
                                     std::string_view partij, std::string_view professional) {
  ProfessionalFacts out;
  for (const v1::Professional& candidate : facts.professionals()) {
    if (candidate.id() != professional || candidate.partij() != partij || !candidate.active())
      continue;
    out.active = true;
    for (const std::string& name : candidate.hats()) {
      if (const auto hat = policy.FindHat(name)) out.hats.Insert(*hat);
    }
    for (const int function : candidate.functions()) {
      if (function == v1::ProfessionalFunction::MEDISCH_ADVISEUR) out.medical_adviser = true;
      if (function == v1::ProfessionalFunction::GENEESHEER_DIRECTEUR ||
          function == v1::ProfessionalFunction::ZORGVERANTWOORDELIJKE) {
        out.wvggz_function = true;
      }
    }
  }
  return out;
}

absl::Time NextChange(const Policy& policy, const Facts& facts) {
  const v1::LegalTerms& terms = policy.compiled().terms;
  absl::Time next = absl::InfiniteFuture();
  const auto consider = [&](absl::Time time) {
    if (time > facts.now) next = std::min(next, time);
  };
  if (facts.casus != nullptr && facts.casus->timebox_opened) {
    consider(*facts.casus->timebox_opened);
    consider(*facts.casus->timebox_opened + absl::Hours(terms.timebox_hours()));
  }
  if (facts.subject == nullptr) return next;
  for (const ConsentFact& consent : facts.subject->consents) {
    if (consent.withdrawn_at) consider(*consent.withdrawn_at);
  }
  for (const MandateFact& mandate : facts.subject->mandates) {
    if (mandate.withdrawn_at) consider(*mandate.withdrawn_at);
  }
  for (const ObjectionFact& objection : facts.subject->objections) {
    if (objection.withdrawn_at) consider(*objection.withdrawn_at);
  }
  for (const DecisionFact& decision : facts.subject->decisions) {
    if (!decision.at) continue;
    consider(*decision.at);
    // The last instant of its hours is inside.
    const absl::Duration tick = absl::Nanoseconds(1) / 4;
    consider(*decision.at + absl::Hours(terms.acute_hours()) + tick);
  }
  return next;
}

FactsBundle::FactsBundle(const Policy& policy, const v1::Facts& facts, CivilDate today)
    : policy_(policy), facts_(facts), today_(today), wpg20_(InternWpg20(policy, facts, today)) {
  if (!facts.has_casus() || facts.casus().status() == v1::CasusFacts::STATUS_UNSPECIFIED) return;
  casus_ = InternCasus(policy, facts.casus(), today);
  subjects_.emplace("", InternSubject(policy, facts, nullptr, today));
  for (const v1::CasusPerson& person : facts.casus().persons()) {
    if (!person.id().empty() && IsRole(person.role())) {
      subjects_.emplace(person.id(), InternSubject(policy, facts, &person, today));
    }
  }
}

Facts FactsBundle::For(std::string_view casus, std::string_view person, std::string_view partij,
                       std::string_view professional, absl::Time now) const {
  Facts facts{today_,  now,     nullptr,
              nullptr, &wpg20_, InternProfessional(policy_, facts_, partij, professional)};
  if (!casus_ || casus != facts_.casus().id()) return facts;
  facts.casus = &*casus_;
  const auto subject = subjects_.find(person);
  if (subject != subjects_.end()) facts.subject = &subject->second;
  return facts;
}

namespace {

// "*" anywhere, "all" or "alle", or a range of numbers such as "1-80" or "1..80".
bool IsWildcard(std::string_view text) {
  if (text.find('*') != std::string_view::npos) return true;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char ch) {
    return ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch - 'A' + 'a') : ch;
  });
  if (lower == "all" || lower == "alle") return true;
  const auto is_digit = [](char ch) { return ch >= '0' && ch <= '9'; };
  size_t at = 0;
  while (at < text.size() && is_digit(text[at])) ++at;
  const size_t first = at;
  while (at < text.size() && (text[at] == '-' || text[at] == '.')) ++at;
  const size_t between = at - first;
  while (at < text.size() && is_digit(text[at])) ++at;
  return first > 0 && between > 0 && at == text.size() && at > first + between;
}

}  // namespace

Malformation InternRequest(const Policy& policy, const v1::DecisionRequest& message,
                           Request& request) {
  const Compiled& c = policy.compiled();
  request = Request();
  const auto malformed = [](std::string element, std::string text) {
    return Malformation{Malformation::Kind::kMalformed, std::move(element), std::move(text)};
  };
  for (int i = 0; i < message.fields_size(); ++i) {
    if (IsWildcard(message.fields(i).field())) {
      return {Malformation::Kind::kBulk, "fields[" + std::to_string(i) + "].field",
              "fields are named one by one: no wildcard and no range"};
    }
  }
  if (IsWildcard(message.person())) {
    return {Malformation::Kind::kBulk, "person_id", "one person per request"};
  }
  if (message.casus().empty()) return malformed("casus_id", "missing");
  if (message.tafel().empty()) return malformed("tafel", "missing");
  const auto tafel = c.tafels.Find(message.tafel());
  if (!tafel) return malformed("tafel", "not a tafel of the convenant");
  request.tafel = *tafel;
  const CompiledTafel& at = c.tafel[tafel->index()];
  if (at.regime == Regime::kWams) {
    if (message.stage().empty()) return malformed("stage", "missing at a tafel of regime WAMS");
    const auto stage = c.stages.Find(message.stage());
    if (!stage) return malformed("stage", "not a stage of the convenant");
    request.stage = *stage;
  } else if (!message.stage().empty()) {
    return malformed("stage", "given at a tafel that is not of regime WAMS");
  }
  if (message.acting_hat().empty()) return malformed("acting_hat", "missing");
  const auto acting_hat = c.hats.Find(message.acting_hat());
  if (!acting_hat) return malformed("acting_hat", "not a hat of the convenant");
  const auto acting = c.partijen.Find(message.partij());
  if (!acting) return malformed("partij", "not a partij of the convenant");
  request.acting = {*acting, *acting_hat};
  if (message.source().partij().empty()) return malformed("source.partij", "missing");
  if (message.source().hat().empty()) return malformed("source.hat", "missing");
  const auto source = c.partijen.Find(message.source().partij());
  if (!source) return malformed("source.partij", "not a partij of the convenant");
  const auto source_hat = c.hats.Find(message.source().hat());
  if (!source_hat) return malformed("source.hat", "not a hat of the convenant");
  if (!c.partij[source->index()].hats.Contains(*source_hat)) {
    return malformed("source.hat", "the source does not hold this hat");
  }
  request.source = {*source, *source_hat};
  if (message.purpose().empty()) return malformed("purpose", "missing");
  const auto purpose = c.purposes.Find(message.purpose());
  if (!purpose) return malformed("purpose", "not a purpose of the convenant");
  request.purpose = *purpose;
  if (at.person_data && message.person().empty()) return malformed("person_id", "missing");
  if (!at.person_data && !message.person().empty()) {
    return malformed("person_id", "given at a tafel without persons");
  }
  if (message.fields().empty()) return malformed("fields", "none asked");
  if (message.fields_size() > static_cast<int>(kMaxAskedFields))
    return malformed("fields", "more than 100");
  for (int i = 0; i < message.fields_size(); ++i) {
    const std::string element = "fields[" + std::to_string(i) + "].field";
    const auto field = c.fields.Find(message.fields(i).field());
    if (!field) return malformed(element, "not a field of the convenant");
    if (request.fields.Contains(*field)) return malformed(element, "asked twice");
    request.fields.Insert(*field);
    if (!IsBlank(message.fields(i).motivation())) request.motivated.Insert(*field);
    request.asked[request.field_count++] = *field;
  }
  request.task = c.powers.Find(message.task()).value_or(PowerId());
  request.power = c.powers.Find(message.power()).value_or(PowerId());
  request.ernstig_nadeel = !IsBlank(message.wvggz_ernstig_nadeel());
  request.identity_established = message.identity_established();
  if (v1::DecisionRequest::RightsRole_IsValid(message.rights_role()))
    request.rights_role = static_cast<RightsRole>(message.rights_role());
  return {};
}

}  // namespace sluis::policy
