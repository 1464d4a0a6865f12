#include "inzage_rules.h"

#include <algorithm>
#include <tuple>

#include "names.h"

#include "sluis/policy/engine.h"
#include "sluis/policy/request.h"
#include "sluis/policy/v1/case.pb.h"

namespace sluis::broker {

absl::StatusOr<bool> IsMandated(state::StateReader& state, const Uuid& person,
                                const policy::v1::PartijHat& side, CivilDate today) {
  SLUIS_ASSIGN_OR_RETURN(const auto records, state.Records(state::Subject::Person(person)));
  return std::any_of(records.begin(), records.end(), [&](const state::StoredRecord& stored) {
    const policy::v1::Mandate& mandate = stored.record.fact().mandate();
    const auto from = CivilDate::Parse(mandate.from());
    const auto until = CivilDate::Parse(mandate.until());
    return stored.record.fact().has_mandate() && mandate.holder().partij() == side.partij() &&
           mandate.holder().hat() == side.hat() && mandate.written() &&
           mandate.withdrawn_at().empty() && from.ok() && *from <= today &&
           (mandate.until().empty() || (until.ok() && today <= *until));
  });
}

InzageRules::InzageRules(Core& core, ActivePolicy active, store::Reader& reader, absl::Time now,
                         CivilDate today, Asker asker)
    : core_(core),
      active_(std::move(active)),
      reader_(reader),
      now_(now),
      today_(today),
      asker_(std::move(asker)) {
  const policy::v1::Convenant& convenant = active_.policy->convenant();
  for (const policy::v1::Tafel& tafel : convenant.tafels()) {
    if (!tafel.open_after_closing() || !tafel.person_data() || tafel.purposes().empty()) continue;
    channel_ = {tafel.id(), tafel.purposes(0)};
    break;
  }
  for (const policy::v1::Partij& partij : convenant.parties()) {
    for (const std::string& hat : partij.hats()) {
      if (!desk_.partij().empty() || !IsCompetent(*active_.policy, "inzage", hat)) continue;
      desk_.set_partij(partij.id());
      desk_.set_hat(hat);
    }
  }
}

absl::StatusOr<const facts::View*> InzageRules::ViewFor(const std::string& acting,
                                                        const Uuid& casus,
                                                        const std::string& source) {
  const auto key = std::make_tuple(acting, casus, source);
  const auto found = views_.find(key);
  if (found != views_.end()) return &found->second;
  facts::Query query;
  query.casus = casus;
  query.with_person = true;
  query.person = asker_.person;
  query.acting_partij = acting;
  query.professional = asker_.professional;
  query.source_partij = source;
  SLUIS_ASSIGN_OR_RETURN(facts::View view,
                         core_.options.facts->Load(reader_, active_.policy, query, now_, today_));
  until_ = std::min(until_, policy::NextChange(*active_.policy, view.facts()));
  return &views_.emplace(key, std::move(view)).first->second;
}

absl::Status InzageRules::Decide(const std::string& partij, const std::string& hat,
                                 policy::RightsRole role, bool stands_in, const Uuid& casus,
                                 const policy::v1::PartijHat& source,
                                 const std::vector<std::string>& fields,
                                 std::vector<Verdict>& verdicts) {
  verdicts.assign(fields.size(), Verdict());
  policy::v1::DecisionRequest message;
  message.set_partij(partij);
  message.set_acting_hat(hat);
  message.set_professional(asker_.professional);
  message.set_casus(casus.ToString());
  message.set_tafel(channel_.tafel);
  message.set_purpose(channel_.purpose);
  message.set_person(asker_.person.ToString());
  *message.mutable_source() = source;
  message.set_identity_established(asker_.identity_established || stands_in);
  for (const std::string& field : fields) {
    auto& asked = *message.add_fields();
    asked.set_field(field);
    // Nobody has to say why it wants to know what was shared about it (AVG 15).
    asked.set_motivation("AVG 15");
  }
  policy::Request request;
  // A name that the policy no longer has: nothing is permitted.
  if (policy::InternRequest(*active_.policy, message, request).kind !=
      policy::Malformation::Kind::kNone) {
    return absl::OkStatus();
  }
  request.rights_role = role;
  SLUIS_ASSIGN_OR_RETURN(const facts::View* view, ViewFor(partij, casus, source.partij()));
  policy::Facts facts = view->facts();
  policy::SubjectFacts subject;
  if (facts.subject != nullptr) {
    subject = *facts.subject;
    // What was shared was shared, also when the value may no longer be kept.
    for (policy::HoldingFact& holding : subject.holdings) {
      holding.term_over = false;
      holding.wgs_over = false;
    }
    facts.subject = &subject;
  }
  if (stands_in) {
    facts.professional.active = true;
    facts.professional.hats.Insert(request.acting.hat);
  }
  thread_local policy::Decision decision;
  policy::Decide(*active_.policy, request, facts, decision);
  for (uint16_t i = 0; i < decision.count; ++i)
    verdicts[i] = {decision.fields[i].outcome, decision.fields[i].code};
  return absl::OkStatus();
}

absl::Status InzageRules::NarrowToGivers(const Uuid& casus, const policy::v1::PartijHat& source,
                                         const std::vector<std::string>& fields,
                                         std::vector<Verdict>& verdicts) {
  // In which roles those who gave a mandate for a field stand to the person.
  SLUIS_ASSIGN_OR_RETURN(const facts::View* view, ViewFor(asker_.partij, casus, source.partij()));
  const policy::Policy& policy = *active_.policy;
  const auto partij = policy.FindPartij(asker_.partij);
  const auto hat = policy.FindHat(asker_.hat);
  constexpr auto kSelfBit = uint8_t{1} << static_cast<int>(policy::Capacity::kSelf);
  std::vector<uint8_t> givers(fields.size(), 0);
  if (view->facts().subject != nullptr && partij && hat) {
    for (const policy::MandateFact& mandate : view->facts().subject->mandates) {
      if (!(mandate.holder == policy::Side{*partij, *hat}) || mandate.withdrawn_at) continue;
      for (size_t i = 0; i < fields.size(); ++i) {
        const auto field = policy.FindField(fields[i]);
        if (field && mandate.fields.Contains(*field)) givers[i] |= mandate.givers;
      }
    }
  }
  std::vector<Verdict> as_self;
  std::vector<Verdict> as_representative;
  SLUIS_RETURN_IF_ERROR(Decide(desk_.partij(), desk_.hat(), policy::RightsRole::kSelf, true, casus,
                               source, fields, as_self));
  SLUIS_RETURN_IF_ERROR(Decide(desk_.partij(), desk_.hat(), policy::RightsRole::kRepresentative,
                               true, casus, source, fields, as_representative));
  for (size_t i = 0; i < fields.size(); ++i) {
    if (verdicts[i].outcome != Outcome::kRelease) continue;
    const bool self = (givers[i] & kSelfBit) != 0 && as_self[i].outcome == Outcome::kRelease;
    const bool representative =
        (givers[i] & ~kSelfBit) != 0 && as_representative[i].outcome == Outcome::kRelease;
    if (!self && !representative) verdicts[i] = {Outcome::kRefuse, Code::kRightsRestricted};
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<InzageRules::Verdict>> InzageRules::Judge(
    const Uuid& casus, const policy::v1::PartijHat& source,
    const std::vector<std::string>& fields) {
  std::vector<Verdict> verdicts;
  SLUIS_RETURN_IF_ERROR(
      Decide(asker_.partij, asker_.hat, asker_.role, false, casus, source, fields, verdicts));
  if (asker_.by_mandate) {
    SLUIS_RETURN_IF_ERROR(NarrowToGivers(casus, source, fields, verdicts));
  }
  return verdicts;
}

absl::StatusOr<std::vector<bool>> InzageRules::MayBeTold(const Uuid& casus,
                                                         const policy::v1::PartijHat& source,
                                                         const std::vector<std::string>& fields) {
  SLUIS_ASSIGN_OR_RETURN(const auto verdicts, Judge(casus, source, fields));
  std::vector<bool> told(fields.size(), false);
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto field = active_.policy->FindField(fields[i]);
    told[i] = verdicts[i].outcome == Outcome::kRelease && field &&
              !active_.policy->convenant().fields(field->index()).ncnd();
  }
  return told;
}

absl::StatusOr<bool> InzageRules::StillHolds(store::Reader& reader, const ActivePolicy& active,
                                             const ledger::Moment& moment) const {
  if (active.policy != active_.policy || moment.today != today_ || moment.now < now_ ||
      moment.now >= until_) {
    return false;
  }
  for (const auto& [key, view] : views_) {
    SLUIS_ASSIGN_OR_RETURN(const bool current, facts::FactsReader::IsCurrent(reader, view));
    if (!current) return false;
  }
  return true;
}

}  // namespace sluis::broker
