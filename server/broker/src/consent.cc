#include <algorithm>

#include "core.h"
#include "names.h"

#include "sluis/crypto/crypto.h"
#include "sluis/v1/consent.pb.h"

namespace sluis::broker {
namespace {

using policy::v1::Consent;

bool IsSide(const CommandContext& context, const policy::v1::PartijHat& side) {
  return side.partij() == context.partij && side.hat() == context.hat;
}

// What counts only once the source has confirmed it. A refusal counts at once.
bool Gives(Consent::Status status) {
  return status == Consent::GEGEVEN_UITDRUKKELIJK || status == Consent::GEGEVEN_BEPERKT ||
         status == Consent::VERVANGEND_GEGEVEN || status == Consent::NIET_VEREIST;
}

absl::Status CheckRecord(const v1::RecordConsentRequest& request) {
  const Consent& consent = request.consent();
  SLUIS_RETURN_IF_ERROR(intake::CheckId("consent.person", consent.person()).status());
  if (consent.given_by().empty()) return Malformed("consent.given_by", "missing");
  for (int i = 0; i < consent.given_by_size(); ++i) {
    const std::string path = absl::StrCat("consent.given_by[", i, "]");
    if (consent.given_by(i).capacity() == policy::v1::Capacity::CAPACITY_UNSPECIFIED) {
      return Malformed(path + ".capacity", "missing");
    }
    SLUIS_RETURN_IF_ERROR(
        intake::CheckOptionalText(path + ".name", consent.given_by(i).name(), 200));
  }
  if (consent.fields().empty() && consent.categories().empty())
    return Malformed("consent.fields", "missing");
  if (consent.status() == Consent::STATUS_UNSPECIFIED)
    return Malformed("consent.status", "missing");
  if (consent.flag() == Consent::FLAG_UNSPECIFIED) return Malformed("consent.flag", "missing");
  SLUIS_RETURN_IF_ERROR(intake::CheckDay("consent.date", consent.date()).status());
  SLUIS_RETURN_IF_ERROR(
      intake::CheckPeriod("consent.from", consent.from(), "consent.until", consent.until()));
  if (!consent.withdrawn_at().empty())
    return Malformed("consent.withdrawn_at", "a consent is withdrawn by WithdrawConsent");
  SLUIS_RETURN_IF_ERROR(intake::CheckText("consent.way", consent.way()));
  return intake::CheckText("consent.evidence", consent.evidence(), 200);
}

absl::StatusOr<v1::RecordConsentAnswer> Record(CommandContext& context,
                                               const v1::RecordConsentRequest& request) {
  Consent consent = request.consent();
  SLUIS_RETURN_IF_ERROR(CheckSide(context.policy, "consent.source", consent.source()));
  SLUIS_RETURN_IF_ERROR(CheckSide(context.policy, "consent.recipient", consent.recipient()));
  SLUIS_RETURN_IF_ERROR(CheckPurpose(context.policy, "consent.purpose", consent.purpose()));
  SLUIS_RETURN_IF_ERROR(CheckEach(context.policy, "consent.fields", consent.fields(),
                                  Emptiness::kAllowed, &CheckField));
  SLUIS_RETURN_IF_ERROR(
      CheckEach(context.policy, "consent.categories", consent.categories(), Emptiness::kAllowed,
                [](const policy::Policy& policy, std::string_view path, std::string_view name) {
                  const auto& known = policy.convenant().categories();
                  if (std::any_of(known.begin(), known.end(),
                                  [&](const auto& each) { return each.id() == name; })) {
                    return absl::OkStatus();
                  }
                  return Malformed(path, "not a category of the convenant");
                }));
  const bool as_source = IsSide(context, consent.source());
  if ((!as_source && !IsSide(context, consent.recipient())) ||
      !IsCompetent(context.policy, "consent", context.hat)) {
    return NotAuthorised("a consent is recorded by its source or its recipient");
  }
  if (context.moment.today < *CivilDate::Parse(consent.date()))
    return Malformed("consent.date", "in the future");
  SLUIS_ASSIGN_OR_RETURN(const Uuid person, CallersPerson(context, consent.person()));
  consent.set_person(person.ToString());
  const policy::v1::PartijHat& other = as_source ? consent.recipient() : consent.source();
  store::v1::FactRecord record;
  *record.mutable_recorded_by() = context.self();
  record.set_professional(context.professional);
  record.set_needs_confirmation(!as_source && Gives(consent.status()));
  record.set_entry(context.moment.index);
  *record.mutable_consent() = consent;
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, crypto::RandomUuid());
  SLUIS_RETURN_IF_ERROR(context.state.PutRecord(state::Subject::Person(person), id, record));
  log::v1::Change& change = *context.record.mutable_change();
  change.set_subject_kind(Consent::Status_Name(consent.status()));
  change.set_subject_id(std::string(id.bytes()));
  change.set_partij(other.partij());
  change.set_hat(other.hat());
  *change.mutable_fields() = consent.fields();
  v1::RecordConsentAnswer answer;
  answer.set_consent_id(id.ToString());
  answer.set_needs_confirmation(record.needs_confirmation());
  return answer;
}

// A consent by its id. Whether the caller has to do with it is not looked at yet.
absl::StatusOr<std::pair<state::Subject, state::StoredRecord>> FindConsent(
    CommandContext& context, const std::string& text) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("consent_id", text));
  SLUIS_ASSIGN_OR_RETURN(auto found, UnlessDestroyed(context.state.Record(id)));
  if (!found || !found->second.record.has_consent())
    return NotFound("CONSENT_UNKNOWN", "no such consent for the caller");
  return *std::move(found);
}

absl::Status Describe(CommandContext& context, const state::Subject& subject,
                      const state::StoredRecord& stored) {
  log::v1::Change& change = *context.record.mutable_change();
  change.set_subject_id(std::string(stored.id.bytes()));
  *change.mutable_fields() = stored.record.consent().fields();
  return SetPseudonym(context, subject.owner());
}

absl::Status CheckConfirm(const v1::ConfirmConsentRequest& request) {
  return intake::CheckId("consent_id", request.consent_id()).status();
}

absl::StatusOr<v1::ConfirmConsentAnswer> Confirm(CommandContext& context,
                                                 const v1::ConfirmConsentRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(auto found, FindConsent(context, request.consent_id()));
  auto& [subject, stored] = found;
  const Consent& consent = stored.record.consent();
  if (consent.source().partij() != context.partij)
    return NotFound("CONSENT_UNKNOWN", "no such consent for the caller");
  if (!IsSide(context, consent.source())) return NotAuthorised("the source hat confirms");
  SLUIS_RETURN_IF_ERROR(Describe(context, subject, stored));
  stored.record.set_needs_confirmation(false);
  SLUIS_RETURN_IF_ERROR(context.state.PutRecord(subject, stored.id, stored.record));
  return v1::ConfirmConsentAnswer();
}

absl::Status CheckWithdraw(const v1::WithdrawConsentRequest& request) {
  return intake::CheckId("consent_id", request.consent_id()).status();
}

// Whether the acting side holds a mandate of the person that is in force.
absl::StatusOr<bool> IsMandated(CommandContext& context, const state::Subject& person) {
  SLUIS_ASSIGN_OR_RETURN(const auto records, context.state.Records(person));
  return std::any_of(records.begin(), records.end(), [&](const state::StoredRecord& stored) {
    const policy::v1::Mandate& mandate = stored.record.fact().mandate();
    const auto from = CivilDate::Parse(mandate.from());
    const auto until = CivilDate::Parse(mandate.until());
    return stored.record.fact().has_mandate() && IsSide(context, mandate.holder()) &&
           mandate.written() && mandate.withdrawn_at().empty() && from.ok() &&
           *from <= context.moment.today &&
           (mandate.until().empty() || (until.ok() && context.moment.today <= *until));
  });
}

absl::StatusOr<v1::WithdrawConsentAnswer> Withdraw(CommandContext& context,
                                                   const v1::WithdrawConsentRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(auto found, FindConsent(context, request.consent_id()));
  auto& [subject, stored] = found;
  Consent& consent = *stored.record.mutable_consent();
  // A withdrawal restricts: the two partijen may record it in whichever of their hats heard it.
  bool may = consent.source().partij() == context.partij ||
             consent.recipient().partij() == context.partij ||
             IsCompetent(context.policy, "consent_withdrawal", context.hat);
  if (!may && IsCompetent(context.policy, "consent_withdrawal_by_mandate", context.hat)) {
    SLUIS_ASSIGN_OR_RETURN(may, IsMandated(context, subject));
  }
  if (!may) return NotFound("CONSENT_UNKNOWN", "no such consent for the caller");
  SLUIS_RETURN_IF_ERROR(Describe(context, subject, stored));
  // The first withdrawal stands.
  if (consent.withdrawn_at().empty()) {
    consent.set_withdrawn_at(
        absl::FormatTime(absl::RFC3339_full, context.moment.now, absl::UTCTimeZone()));
  }
  SLUIS_RETURN_IF_ERROR(context.state.PutRecord(subject, stored.id, stored.record));
  return v1::WithdrawConsentAnswer();
}

}  // namespace

void AddConsent(Handlers& handlers) {
  handlers["/sluis.v1.ConsentService/RecordConsent"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::RecordConsentRequest, v1::RecordConsentAnswer>(
        core, call, {EventKind::CONSENT_RECORDED, &CheckRecord, &Record});
  };
  handlers["/sluis.v1.ConsentService/ConfirmConsent"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::ConfirmConsentRequest, v1::ConfirmConsentAnswer>(
        core, call, {EventKind::CONSENT_CONFIRMED, &CheckConfirm, &Confirm});
  };
  handlers["/sluis.v1.ConsentService/WithdrawConsent"] = [](Core& core, const CallPtr& call) {
    RunCommand<v1::WithdrawConsentRequest, v1::WithdrawConsentAnswer>(
        core, call, {EventKind::CONSENT_WITHDRAWN, &CheckWithdraw, &Withdraw});
  };
}

}  // namespace sluis::broker
