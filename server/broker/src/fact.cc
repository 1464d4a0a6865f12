#include "fact.h"

#include "core.h"
#include "inbox.h"
#include "names.h"
#include "notify.h"

#include "sluis/crypto/crypto.h"
#include "sluis/policy/facts.h"
#include "sluis/state/duties.h"
#include "sluis/v1/fact.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::Besluit;
using policy::v1::Fact;
using policy::v1::ProfessionalDecision;

constexpr size_t kMaxName = 200;

// What has to be known to keep a fact.
struct Plan {
  // Its name among the competences.
  std::string competence;
  // It counts in the casus in which it was recorded only.
  bool casus_bound = true;
  // The person in it, as the caller wrote it; empty for a fact about the casus, or the partij.
  std::string* person = nullptr;
  // It is about no casus and no person.
  bool about_partij = false;
};

// Checks one kind of fact, fills in what follows from the call, and says how it is kept. Every path
// begins with "fact.".
class Intake {
 public:
  Intake(CommandContext& context, const std::string& casus_id)
      : context_(context), casus_id_(casus_id) {}

  absl::StatusOr<Plan> Take(Fact& fact) {
    switch (fact.fact_case()) {
      case Fact::kBesluit:
        return Take(*fact.mutable_besluit());
      case Fact::kOts:
        return Take(*fact.mutable_ots());
      case Fact::kMaatregel:
        return Take(*fact.mutable_maatregel());
      case Fact::kMandate:
        return Take(*fact.mutable_mandate());
      case Fact::kObjection:
        return Take(*fact.mutable_objection());
      case Fact::kSourceCondition:
        return Take(*fact.mutable_source_condition());
      case Fact::kAttestation:
        return Take(*fact.mutable_attestation());
      case Fact::kReport:
        return Take(*fact.mutable_report());
      case Fact::kInformed:
        return Take(*fact.mutable_informed());
      case Fact::kRightsException:
        return Take(*fact.mutable_rights_exception());
      case Fact::kMelderConsent:
        return Take(*fact.mutable_melder_consent());
      case Fact::kDetention:
        return Take(*fact.mutable_detention());
      case Fact::kFlag18B:
        return Plan{"flag_18b", true, fact.mutable_flag_18b()->mutable_person(), false};
      case Fact::kHit:
        return Take(*fact.mutable_hit());
      case Fact::kTreatment:
        return Take(*fact.mutable_treatment());
      case Fact::kPerpetratorSide:
        SLUIS_RETURN_IF_ERROR(
            CheckTafel(policy(), "fact.perpetrator_side.tafel", fact.perpetrator_side().tafel()));
        return Plan{"perpetrator_side", true, nullptr, false};
      case Fact::kTimebox:
        return Take(*fact.mutable_timebox());
      case Fact::kRadicalisation:
        if (!fact.radicalisation().flagged()) {
          return Malformed("fact.radicalisation.flagged",
                           "a suspicion that no longer stands is withdrawn");
        }
        return Plan{"radicalisation", true, nullptr, false};
      case Fact::kDecision:
        return Take(*fact.mutable_decision());
      case Fact::FACT_NOT_SET:
        return Malformed("fact", "missing");
    }
    return Malformed("fact", "not a kind of fact");
  }

 private:
  [[nodiscard]] const policy::Policy& policy() const { return context_.policy; }

  // A day that is not in the future.
  absl::Status PastDay(std::string_view path, const std::string& text) const {
    SLUIS_ASSIGN_OR_RETURN(const CivilDate day, intake::CheckDay(path, text));
    return context_.moment.today < day ? Malformed(path, "in the future") : absl::OkStatus();
  }

  absl::Status PastInstant(std::string_view path, const std::string& text) const {
    SLUIS_RETURN_IF_ERROR(intake::CheckInstant(path, text));
    const auto at = policy::ParseInstant(text);
    if (!at) return Malformed(path, "not an instant as RFC 3339");
    return context_.moment.now < *at ? Malformed(path, "in the future") : absl::OkStatus();
  }

  // Fills in the caller's own side; another one is refused.
  absl::Status OwnSide(policy::v1::PartijHat& side) const {
    if (side.partij().empty() && side.hat().empty()) side = context_.self();
    if (side.partij() != context_.partij || side.hat() != context_.hat) {
      return NotAuthorised("this fact is recorded by the side that it is about");
    }
    return absl::OkStatus();
  }

  static absl::Status Empty(std::string_view path, const std::string& text, std::string_view why) {
    return text.empty() ? absl::OkStatus() : Malformed(path, why);
  }

  absl::Status Casus(std::string_view path, std::string& casus) const {
    if (!casus.empty() && casus != casus_id_)
      return Malformed(path, "the casus of the call is filled in");
    casus = casus_id_;
    return absl::OkStatus();
  }

  absl::StatusOr<Plan> Take(Besluit& besluit) {
    const std::string path = "fact.besluit";
    if (besluit.kind() == Besluit::KIND_UNSPECIFIED) return Malformed(path + ".kind", "missing");
    const bool verband = besluit.kind() == Besluit::WPG20;
    if (verband) {
      SLUIS_RETURN_IF_ERROR(
          Empty(path + ".casus", besluit.casus(), "a besluit under Wpg 20 is about a verband"));
      SLUIS_RETURN_IF_ERROR(
          Empty(path + ".person", besluit.person(), "a besluit under Wpg 20 is about a verband"));
      SLUIS_RETURN_IF_ERROR(intake::CheckText(path + ".interest", besluit.interest()));
      SLUIS_RETURN_IF_ERROR(CheckTafel(policy(), path + ".verband", besluit.verband()));
      SLUIS_RETURN_IF_ERROR(intake::CheckText(path + ".conditions", besluit.conditions()));
    } else {
      SLUIS_RETURN_IF_ERROR(Casus(path + ".casus", *besluit.mutable_casus()));
    }
    SLUIS_RETURN_IF_ERROR(CheckEach(policy(), path + ".purposes", besluit.purposes(),
                                    Emptiness::kRefused, &CheckPurpose));
    SLUIS_RETURN_IF_ERROR(
        CheckEach(policy(), path + ".fields", besluit.fields(), Emptiness::kRefused, &CheckField));
    SLUIS_RETURN_IF_ERROR(CheckEach(policy(), path + ".recipients", besluit.recipients(),
                                    Emptiness::kRefused, &CheckSide));
    SLUIS_RETURN_IF_ERROR(intake::CheckText(path + ".gezag", besluit.gezag(), kMaxName));
    SLUIS_RETURN_IF_ERROR(
        intake::CheckPeriod(path + ".date", besluit.date(), path + ".until", besluit.until()));
    return Plan{"besluit", !verband, verband ? nullptr : besluit.mutable_person(), verband};
  }

  absl::StatusOr<Plan> Take(policy::v1::Ots& ots) {
    SLUIS_RETURN_IF_ERROR(CheckPartij(policy(), "fact.ots.gi_party", ots.gi_party()));
    SLUIS_RETURN_IF_ERROR(
        intake::CheckPeriod("fact.ots.from", ots.from(), "fact.ots.until", ots.until()));
    return Plan{"ots", false, ots.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::Maatregel& measure) {
    const std::string path = "fact.maatregel";
    if (measure.kind() == policy::v1::Maatregel::KIND_UNSPECIFIED)
      return Malformed(path + ".kind", "missing");
    const bool huisverbod = measure.kind() == policy::v1::Maatregel::HUISVERBOD;
    if (!huisverbod || !measure.partij().empty()) {
      SLUIS_RETURN_IF_ERROR(CheckPartij(policy(), path + ".partij", measure.partij()));
    }
    SLUIS_RETURN_IF_ERROR(
        intake::CheckPeriod(path + ".from", measure.from(), path + ".until", measure.until()));
    return Plan{huisverbod ? "huisverbod" : "maatregel", false, measure.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::Mandate& mandate) {
    const std::string path = "fact.mandate";
    SLUIS_RETURN_IF_ERROR(CheckSide(policy(), path + ".holder", mandate.holder()));
    SLUIS_RETURN_IF_ERROR(
        CheckEach(policy(), path + ".fields", mandate.fields(), Emptiness::kRefused, &CheckField));
    if (mandate.given_by().empty()) return Malformed(path + ".given_by", "missing");
    for (int i = 0; i < mandate.given_by_size(); ++i) {
      const std::string giver = absl::StrCat(path, ".given_by[", i, "]");
      if (mandate.given_by(i).capacity() == policy::v1::Capacity::CAPACITY_UNSPECIFIED) {
        return Malformed(giver + ".capacity", "missing");
      }
      SLUIS_RETURN_IF_ERROR(
          intake::CheckOptionalText(giver + ".name", mandate.given_by(i).name(), kMaxName));
    }
    if (mandate.flag() == policy::v1::Consent::FLAG_UNSPECIFIED)
      return Malformed(path + ".flag", "missing");
    if (!mandate.written()) return Malformed(path + ".written", "a mandate is given in writing");
    SLUIS_RETURN_IF_ERROR(
        intake::CheckPeriod(path + ".from", mandate.from(), path + ".until", mandate.until()));
    SLUIS_RETURN_IF_ERROR(Empty(path + ".withdrawn_at", mandate.withdrawn_at(),
                                "a fact is withdrawn by WithdrawFact"));
    const bool own =
        mandate.holder().partij() == context_.partij && mandate.holder().hat() == context_.hat;
    return Plan{own ? "mandate" : "mandate_of_another", false, mandate.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::SourceObjection& objection) {
    const std::string path = "fact.objection";
    SLUIS_RETURN_IF_ERROR(OwnSide(*objection.mutable_source()));
    SLUIS_RETURN_IF_ERROR(Casus(path + ".casus", *objection.mutable_casus()));
    SLUIS_RETURN_IF_ERROR(CheckEach(policy(), path + ".fields", objection.fields(),
                                    Emptiness::kAllowed, &CheckField));
    SLUIS_RETURN_IF_ERROR(CheckEach(policy(), path + ".recipients", objection.recipients(),
                                    Emptiness::kAllowed, &CheckSide));
    SLUIS_RETURN_IF_ERROR(intake::CheckText(path + ".reason", objection.reason()));
    SLUIS_RETURN_IF_ERROR(intake::CheckDay(path + ".from", objection.from()).status());
    SLUIS_RETURN_IF_ERROR(Empty(path + ".withdrawn_at", objection.withdrawn_at(),
                                "a fact is withdrawn by WithdrawFact"));
    return Plan{"objection", true,
                objection.person().empty() ? nullptr : objection.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::SourceCondition& condition) {
    using Kind = policy::v1::SourceCondition;
    const std::string path = "fact.source_condition";
    SLUIS_RETURN_IF_ERROR(OwnSide(*condition.mutable_origin()));
    SLUIS_RETURN_IF_ERROR(CheckField(policy(), path + ".field", condition.field()));
    if (condition.kind() == Kind::KIND_UNSPECIFIED) return Malformed(path + ".kind", "missing");
    if (condition.kind() == Kind::EINDDATUM) {
      SLUIS_RETURN_IF_ERROR(intake::CheckDay(path + ".until", condition.until()).status());
    }
    if (condition.kind() == Kind::ALLEEN_TAFEL) {
      SLUIS_RETURN_IF_ERROR(CheckTafel(policy(), path + ".tafel", condition.tafel()));
    }
    return Plan{"source_condition", false, condition.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::SignalAttestation& attestation) {
    const std::string path = "fact.attestation";
    if (attestation.source_party().empty()) attestation.set_source_party(context_.partij);
    if (attestation.source_party() != context_.partij)
      return NotAuthorised("a source attests its own steps");
    SLUIS_RETURN_IF_ERROR(PastDay(path + ".date", attestation.date()));
    if (attestation.preconditions_size() != 4)
      return Malformed(path + ".preconditions", "exactly four");
    return Plan{"attestation", true, attestation.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::Report& report) {
    const std::string path = "fact.report";
    if (report.kind() == policy::v1::Report::KIND_UNSPECIFIED)
      return Malformed(path + ".kind", "missing");
    if (report.status() == policy::v1::Report::STATUS_UNSPECIFIED)
      return Malformed(path + ".status", "missing");
    SLUIS_RETURN_IF_ERROR(PastDay(path + ".date", report.date()));
    return Plan{report.kind() == policy::v1::Report::VT ? "report_vt" : "report", true,
                report.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::Informed& informed) {
    const std::string path = "fact.informed";
    if (informed.status() == policy::v1::Informed::STATUS_UNSPECIFIED)
      return Malformed(path + ".status", "missing");
    SLUIS_RETURN_IF_ERROR(PastDay(path + ".date", informed.date()));
    if (informed.status() == policy::v1::Informed::UITGESTELD) {
      SLUIS_RETURN_IF_ERROR(intake::CheckText(path + ".reason", informed.reason()));
      SLUIS_RETURN_IF_ERROR(intake::CheckProfessional(path + ".owner", informed.owner()));
      SLUIS_RETURN_IF_ERROR(
          intake::CheckDay(path + ".review_date", informed.review_date()).status());
    }
    return Plan{"informed", true, informed.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::RightsException& exception) {
    const std::string path = "fact.rights_exception";
    SLUIS_RETURN_IF_ERROR(CheckEach(policy(), path + ".fields", exception.fields(),
                                    Emptiness::kAllowed, &CheckField));
    SLUIS_RETURN_IF_ERROR(intake::CheckText(path + ".reason", exception.reason()));
    SLUIS_RETURN_IF_ERROR(
        intake::CheckPeriod(path + ".from", exception.from(), path + ".until", exception.until()));
    return Plan{"rights_exception", false, exception.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::MelderConsent& consent) {
    SLUIS_RETURN_IF_ERROR(PastDay("fact.melder_consent.date", consent.date()));
    return Plan{"melder_consent", false, consent.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::Detention& detention) {
    const std::string path = "fact.detention";
    SLUIS_RETURN_IF_ERROR(intake::CheckOptionalText(path + ".municipality_before",
                                                    detention.municipality_before(), kMaxName));
    SLUIS_RETURN_IF_ERROR(intake::CheckOptionalText(path + ".municipality_after",
                                                    detention.municipality_after(), kMaxName));
    if (IsBlank(detention.municipality_before()) && IsBlank(detention.municipality_after())) {
      return Malformed(path + ".municipality_before", "missing");
    }
    return Plan{"detention", false, detention.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::Hit& hit) {
    SLUIS_RETURN_IF_ERROR(CheckPartij(policy(), "fact.hit.partij", hit.partij()));
    SLUIS_RETURN_IF_ERROR(PastDay("fact.hit.date", hit.date()));
    return Plan{"hit", true, hit.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::Treatment& treatment) {
    const std::string path = "fact.treatment";
    SLUIS_RETURN_IF_ERROR(OwnSide(*treatment.mutable_participant()));
    if (!treatment.from().empty() || !treatment.until().empty()) {
      SLUIS_RETURN_IF_ERROR(intake::CheckPeriod(path + ".from", treatment.from(), path + ".until",
                                                treatment.until()));
    }
    return Plan{"treatment", true,
                treatment.person().empty() ? nullptr : treatment.mutable_person(), false};
  }

  absl::StatusOr<Plan> Take(policy::v1::TimeBox& timebox) {
    SLUIS_RETURN_IF_ERROR(PastInstant("fact.timebox.opened_at", timebox.opened_at()));
    return Plan{"timebox", true, nullptr, false};
  }

  absl::StatusOr<Plan> Take(ProfessionalDecision& decision) {
    const std::string path = "fact.decision";
    SLUIS_RETURN_IF_ERROR(OwnSide(*decision.mutable_source()));
    SLUIS_RETURN_IF_ERROR(Casus(path + ".casus", *decision.mutable_casus()));
    if (decision.kind() == ProfessionalDecision::KIND_UNSPECIFIED)
      return Malformed(path + ".kind", "missing");
    if (decision.result() == ProfessionalDecision::RESULT_UNSPECIFIED)
      return Malformed(path + ".result", "missing");
    // A named professional of the source decides: the one who records it, or a colleague.
    if (decision.professional().empty()) decision.set_professional(context_.professional);
    SLUIS_RETURN_IF_ERROR(
        intake::CheckProfessional(path + ".professional", decision.professional()));
    SLUIS_ASSIGN_OR_RETURN(const auto professional,
                           context_.state.Professional(context_.partij, decision.professional()));
    if (!professional || !professional->active() || !ListsHat(professional->hats(), context_.hat)) {
      return NotAuthorised("the deciding professional is not on record in this hat");
    }
    SLUIS_RETURN_IF_ERROR(
        CheckEach(policy(), path + ".fields", decision.fields(), Emptiness::kRefused, &CheckField));
    SLUIS_RETURN_IF_ERROR(CheckEach(policy(), path + ".recipient_hats", decision.recipient_hats(),
                                    Emptiness::kRefused, &CheckHat));
    SLUIS_RETURN_IF_ERROR(CheckEach(policy(), path + ".recipient_parties",
                                    decision.recipient_parties(), Emptiness::kRefused,
                                    &CheckPartij));
    SLUIS_RETURN_IF_ERROR(intake::CheckText(path + ".reason", decision.reason()));
    SLUIS_RETURN_IF_ERROR(PastDay(path + ".date", decision.date()));
    SLUIS_RETURN_IF_ERROR(
        intake::CheckPeriod(path + ".date", decision.date(), path + ".until", decision.until()));
    SLUIS_RETURN_IF_ERROR(Complete(path, decision));
    return Plan{"decision", true, decision.mutable_person(), false};
  }

  // The parts without which a decision of its kind is void.
  absl::Status Complete(const std::string& path, const ProfessionalDecision& decision) const {
    switch (decision.kind()) {
      case ProfessionalDecision::ACUUT:
        SLUIS_RETURN_IF_ERROR(PastInstant(path + ".at", decision.at()));
        if (!decision.consent_impossible())
          return Malformed(path + ".consent_impossible", "needed for acute danger");
        if (!decision.no_lesser_means())
          return Malformed(path + ".no_lesser_means", "needed for acute danger");
        return absl::OkStatus();
      case ProfessionalDecision::WAMS:
        SLUIS_RETURN_IF_ERROR(intake::CheckText(path + ".necessity", decision.necessity()));
        SLUIS_RETURN_IF_ERROR(
            intake::CheckText(path + ".weighty_reasons", decision.weighty_reasons()));
        return intake::CheckText(path + ".consent_sought", decision.consent_sought());
      case ProfessionalDecision::WJSG:
        SLUIS_RETURN_IF_ERROR(
            intake::CheckText(path + ".weighty_interest", decision.weighty_interest()));
        SLUIS_RETURN_IF_ERROR(CheckPurpose(policy(), path + ".purpose", decision.purpose()));
        return decision.no_tracing() ? absl::OkStatus()
                                     : Malformed(path + ".no_tracing", "needed for Wjsg 39f");
      case ProfessionalDecision::VIER_OGEN:
        // Nobody approves for somebody else.
        return decision.result() == ProfessionalDecision::REFUSED
                   ? absl::OkStatus()
                   : Malformed(path + ".kind", "two approve by ApproveEmergency, each for itself");
      default:
        return absl::OkStatus();
    }
  }

  CommandContext& context_;
  const std::string& casus_id_;
};

std::string KindOf(const Fact& fact) {
  const auto* kind = fact.GetReflection()->GetOneofFieldDescriptor(
      fact, fact.GetDescriptor()->FindOneofByName("fact"));
  return kind == nullptr ? std::string() : kind->name();
}

absl::Status CheckCompetence(const CommandContext& context, const std::string& competence) {
  if (IsCompetent(context.policy, competence, context.hat)) return absl::OkStatus();
  return WithMetadata(NotAuthorised("this hat does not record this kind of fact"), "competence",
                      competence);
}

// Who received in a statutory channel is no deelnemer, but has to inform.
absl::StatusOr<bool> HasDuty(CommandContext& context, const std::string& handle,
                             const Uuid& casus) {
  if (!intake::CheckId("person", handle).ok()) return false;
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, CallersPerson(context, handle));
  SLUIS_ASSIGN_OR_RETURN(const auto duty,
                         state::FindDuty(context.transaction, *context.core.options.vault,
                                         {policy::v1::DutyRule::INFORM, context.partij, context.hat,
                                          person, casus, Uuid()}));
  return duty.has_value();
}

absl::Status CheckRecord(const v1::RecordFactRequest& request) {
  if (!request.casus_id().empty())
    SLUIS_RETURN_IF_ERROR(intake::CheckId("casus_id", request.casus_id()).status());
  if (request.fact().fact_case() == Fact::FACT_NOT_SET) return Malformed("fact", "missing");
  return intake::CheckText("reference", request.reference(), kMaxName);
}

absl::StatusOr<v1::RecordFactAnswer> RecordFrom(CommandContext& context,
                                                const v1::RecordFactRequest& request,
                                                const std::optional<DecidedItem>& from) {
  store::v1::FactRecord record;
  *record.mutable_fact() = request.fact();
  log::v1::Change& change = *context.record.mutable_change();
  change.set_subject_kind(KindOf(request.fact()));
  SLUIS_ASSIGN_OR_RETURN(const Plan plan,
                         Intake(context, request.casus_id()).Take(*record.mutable_fact()));
  SLUIS_RETURN_IF_ERROR(CheckCompetence(context, plan.competence));
  std::optional<store::v1::Casus> casus;
  if (plan.about_partij && !request.casus_id().empty())
    return Malformed("casus_id", "this fact is about no casus");
  if (!plan.about_partij && plan.casus_bound && request.casus_id().empty())
    return Malformed("casus_id", "missing");
  std::optional<Uuid> casus_id;
  if (!request.casus_id().empty()) {
    SLUIS_ASSIGN_OR_RETURN(casus_id, intake::CheckId("casus_id", request.casus_id()));
    // The duty to inform outlives the casus.
    SLUIS_ASSIGN_OR_RETURN(
        casus, InvolvedCasus(context, *casus_id, /*must_be_open=*/!request.fact().has_informed()));
    const bool admitted = casus->opener().partij() == context.partij ||
                          TakesPart(*casus, context.partij, context.moment.today);
    if (request.fact().has_informed() && !admitted) {
      SLUIS_ASSIGN_OR_RETURN(const bool has_duty,
                             HasDuty(context, request.fact().informed().person(), *casus_id));
      if (!has_duty) {
        SLUIS_RETURN_IF_ERROR(CheckCompetence(context, "informed_without_admission"));
      }
    }
  }
  std::optional<state::Subject> subject;
  if (plan.about_partij) {
    subject = state::Subject::Partij(context.partij);
  } else if (plan.person == nullptr) {
    subject = state::Subject::Casus(*casus_id);
  } else {
    const std::string path = absl::StrCat("fact.", KindOf(request.fact()), ".person");
    if (plan.person->empty()) return Malformed(path, "missing");
    if (!intake::CheckId(path, *plan.person).ok())
      return Malformed(path, "not a UUID in lower case");
    SLUIS_ASSIGN_OR_RETURN(const Uuid person, CallersPerson(context, *plan.person));
    if (casus && !HasPerson(*casus, person)) return NotInCasus();
    *plan.person = person.ToString();
    subject = state::Subject::Person(person);
  }
  *record.mutable_recorded_by() = context.self();
  record.set_professional(context.professional);
  record.set_reference(request.reference());
  record.set_entry(context.moment.index);
  if (plan.casus_bound && casus_id) record.set_casus_id(casus_id->ToString());
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, crypto::RandomUuid());
  if (record.fact().has_decision() && subject->is_person() && casus_id) {
    SLUIS_ASSIGN_OR_RETURN(
        const auto told, SettleItems(context, *casus_id, subject->owner(), record.fact().decision(),
                                     id, from ? from->id : Uuid()));
    for (const auto& side : told) *record.add_told() = side;
    if (from) *record.add_told() = from->asker;
  }
  SLUIS_RETURN_IF_ERROR(context.state.PutRecord(*subject, id, record));
  if (record.fact().informed().status() == policy::v1::Informed::GEINFORMEERD) {
    SLUIS_RETURN_IF_ERROR(state::SettleDuty(context.transaction,
                                            {policy::v1::DutyRule::INFORM, context.partij,
                                             context.hat, subject->owner(), *casus_id, Uuid()},
                                            context.moment.index)
                              .status());
  }
  if (record.fact().has_radicalisation())
    SLUIS_RETURN_IF_ERROR(NotifyRedirected(context, *casus_id, *casus));
  change.set_subject_id(std::string(id.bytes()));
  v1::RecordFactAnswer answer;
  answer.set_fact_id(id.ToString());
  return answer;
}

absl::StatusOr<v1::RecordFactAnswer> Record(CommandContext& context,
                                            const v1::RecordFactRequest& request) {
  return RecordFrom(context, request, std::nullopt);
}

absl::Status CheckWithdraw(const v1::WithdrawFactRequest& request) {
  return intake::CheckId("fact_id", request.fact_id()).status();
}

absl::StatusOr<v1::WithdrawFactAnswer> Withdraw(CommandContext& context,
                                                const v1::WithdrawFactRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("fact_id", request.fact_id()));
  SLUIS_ASSIGN_OR_RETURN(const auto found, UnlessDestroyed(context.state.Record(id)));
  if (!found || found->second.record.has_consent() ||
      found->second.record.recorded_by().partij() != context.partij) {
    return NotFound("FACT_UNKNOWN", "no such fact of the caller");
  }
  const auto& [subject, stored] = *found;
  // Another hat of the same partij is a third party (X08).
  if (stored.record.recorded_by().hat() != context.hat)
    return NotAuthorised("the hat that recorded a fact withdraws it");
  log::v1::Change& change = *context.record.mutable_change();
  change.set_subject_kind(KindOf(stored.record.fact()));
  change.set_subject_id(std::string(id.bytes()));
  if (!stored.record.casus_id().empty()) {
    SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::Parse(stored.record.casus_id()));
    SetCasus(context, casus);
  }
  if (subject.is_person()) SLUIS_RETURN_IF_ERROR(SetPseudonym(context, subject.owner()));
  SLUIS_RETURN_IF_ERROR(context.state.DeleteRecord(subject, id));
  SLUIS_RETURN_IF_ERROR(NotifyFactWithdrawn(context, subject, stored));
  if (stored.record.fact().has_decision()) {
    // Approvals of a decision end with it.
    const std::string approvals = ApprovalReference(id);
    SLUIS_ASSIGN_OR_RETURN(const auto records, context.state.Records(subject));
    for (const state::StoredRecord& each : records) {
      if (each.record.reference() == approvals)
        SLUIS_RETURN_IF_ERROR(context.state.DeleteRecord(subject, each.id));
    }
  }
  return v1::WithdrawFactAnswer();
}

}  // namespace

absl::StatusOr<v1::RecordFactAnswer> RecordFact(CommandContext& context,
                                                const v1::RecordFactRequest& request,
                                                const std::optional<DecidedItem>& from) {
  SLUIS_RETURN_IF_ERROR(CheckRecord(request));
  return RecordFrom(context, request, from);
}

// No reference of a partij begins so: a control character is malformed there.
std::string ApprovalReference(const Uuid& decision) {
  return absl::StrCat("\1approval/", decision.ToString());
}

void AddFact(Handlers& handlers) {
  handlers["/sluis.v1.FactService/RecordFact"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::RecordFactRequest, v1::RecordFactAnswer>(
        core, call, {EventKind::FACT_RECORDED, &CheckRecord, &Record});
  };
  handlers["/sluis.v1.FactService/WithdrawFact"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::WithdrawFactRequest, v1::WithdrawFactAnswer>(
        core, call, {EventKind::FACT_WITHDRAWN, &CheckWithdraw, &Withdraw});
  };
}

}  // namespace sluis::broker
