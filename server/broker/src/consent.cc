#include <algorithm>

#include "core.h"
#include "inzage_rules.h"
#include "log_scan.h"
#include "names.h"
#include "notify.h"

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
  if (request.rights_role() < v1::RIGHTS_ROLE_UNSPECIFIED ||
      request.rights_role() > v1::RIGHTS_ROLE_REPRESENTATIVE) {
    return Malformed("rights_role", "not a role");
  }
  return intake::CheckId("consent_id", request.consent_id()).status();
}

// How many releases one answer names.
constexpr int kMaxEarlier = 500;
// How many are looked at for them.
constexpr size_t kMaxLookedAt = 5000;

bool Covers(const policy::Policy& policy, const Consent& consent, const std::string& field) {
  const auto has = [](const auto& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  const auto known = policy.FindField(field);
  return has(consent.fields(), field) ||
         (known && has(consent.categories(), policy.convenant().fields(known->index()).category()));
}

// A release within the scope of a consent.
struct Earlier {
  uint64_t entry = 0;
  std::string casus;
  CivilDate day{};
  std::vector<std::string> fields;
};
struct AllEarlier {
  std::vector<Earlier> releases;
  bool more = false;
};

absl::StatusOr<AllEarlier> FindEarlierReleases(CommandContext& context, const std::string& id,
                                               const Uuid& person,
                                               const store::v1::FactRecord& record) {
  const Consent& consent = record.consent();
  SLUIS_ASSIGN_OR_RETURN(store::EntryFilter filter,
                         FilterFor(context, state::Subject::Person(person)));
  filter.kinds = {EventKind::FIELDS_REQUESTED};
  filter.caller = consent.recipient().partij();
  filter.source = consent.source().partij();
  // The fields of a category are those of a policy.
  const std::string name = absl::StrCat("earlier/", id, "/", context.active.hash);
  return FoldEntries<AllEarlier>(
      context, name, std::move(filter), record.entry(),
      [consent, policy = context.active.policy](store::Reader&, const store::EntryRow& row,
                                                const log::v1::Record& entry, AllEarlier& found) {
        if (found.more || !entry.error_reason().empty() || entry.repeats() != 0 ||
            entry.acting_hat() != consent.recipient().hat() ||
            entry.decision().source_hat() != consent.source().hat() ||
            entry.decision().purpose() != consent.purpose()) {
          return absl::OkStatus();
        }
        std::vector<std::string> fields;
        for (const auto& field : entry.decision().fields()) {
          if (field.outcome() == policy::v1::FieldOutcome::RELEASE &&
              Covers(*policy, consent, field.field())) {
            fields.push_back(field.field());
          }
        }
        if (fields.empty()) return absl::OkStatus();
        found.more = found.releases.size() >= kMaxLookedAt;
        if (!found.more) {
          found.releases.push_back({row.index, entry.casus_id(),
                                    CivilDate::FromDays(entry.local_date()), std::move(fields)});
        }
        return absl::OkStatus();
      });
}

// What was released within the scope of the consent, as far as the acting side may know it.
absl::Status AddEarlier(CommandContext& context, const v1::WithdrawConsentRequest& request,
                        const Uuid& person, const store::v1::FactRecord& record, bool for_person,
                        bool by_mandate, v1::WithdrawConsentAnswer& answer) {
  const Consent& consent = record.consent();
  const bool side = IsSide(context, consent.source()) || IsSide(context, consent.recipient());
  // Another hat of the two partijen is a third party (X08).
  if (!side && !for_person) return absl::OkStatus();
  InzageRules rules(context.core, context.active, context.transaction, context.moment.now,
                    context.moment.today,
                    {context.partij, context.hat, context.professional, person,
                     static_cast<policy::RightsRole>(request.rights_role()),
                     request.identity_established(), by_mandate});
  SLUIS_ASSIGN_OR_RETURN(const AllEarlier found,
                         FindEarlierReleases(context, request.consent_id(), person, record));
  for (const Earlier& release : found.releases) {
    std::vector<bool> told(release.fields.size(), side);
    if (!side) {
      SLUIS_ASSIGN_OR_RETURN(const Uuid casus, Uuid::FromBytes(release.casus));
      SLUIS_ASSIGN_OR_RETURN(told, rules.MayBeTold(casus, consent.source(), release.fields));
    }
    for (size_t i = 0; i < release.fields.size(); ++i) {
      if (!told[i]) continue;
      if (answer.earlier_size() >= kMaxEarlier) {
        answer.set_more(true);
        return absl::OkStatus();
      }
      v1::EarlierRelease& earlier = *answer.add_earlier();
      earlier.set_entry(release.entry);
      earlier.set_field(release.fields[i]);
      *earlier.mutable_recipient() = consent.recipient();
      earlier.set_date(release.day.ToString());
    }
  }
  answer.set_more(found.more);
  return absl::OkStatus();
}

absl::StatusOr<v1::WithdrawConsentAnswer> Withdraw(CommandContext& context,
                                                   const v1::WithdrawConsentRequest& request) {
  SLUIS_ASSIGN_OR_RETURN(auto found, FindConsent(context, request.consent_id()));
  auto& [subject, stored] = found;
  Consent& consent = *stored.record.mutable_consent();
  // A withdrawal restricts: the two partijen may record it in whichever of their hats heard it.
  const bool is_side =
      consent.source().partij() == context.partij || consent.recipient().partij() == context.partij;
  const bool for_person = IsCompetent(context.policy, "consent_withdrawal", context.hat);
  bool by_mandate = false;
  if (!for_person && IsCompetent(context.policy, "consent_withdrawal_by_mandate", context.hat)) {
    SLUIS_ASSIGN_OR_RETURN(by_mandate, IsMandated(context.state, subject.owner(), context.self(),
                                                  context.moment.today));
  }
  if (!is_side && !for_person && !by_mandate)
    return NotFound("CONSENT_UNKNOWN", "no such consent for the caller");
  SLUIS_RETURN_IF_ERROR(Describe(context, subject, stored));
  // The first withdrawal stands.
  const bool first = consent.withdrawn_at().empty();
  if (first) {
    consent.set_withdrawn_at(
        absl::FormatTime(absl::RFC3339_full, context.moment.now, absl::UTCTimeZone()));
  }
  SLUIS_RETURN_IF_ERROR(context.state.PutRecord(subject, stored.id, stored.record));
  if (first) SLUIS_RETURN_IF_ERROR(NotifyConsentWithdrawn(context, subject, stored));
  v1::WithdrawConsentAnswer answer;
  SLUIS_RETURN_IF_ERROR(AddEarlier(context, request, subject.owner(), stored.record,
                                   for_person || by_mandate, by_mandate, answer));
  return answer;
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
