#include "notify.h"

#include <algorithm>

#include "log_scan.h"
#include "notice_hub.h"

namespace sluis::broker {
namespace {

constexpr std::string_view kRedirect = "radicalisation_redirect";

bool Bit(std::string_view bits, int index) {
  const auto byte = static_cast<size_t>(index) / 8;
  return byte < bits.size() && ((static_cast<unsigned char>(bits[byte]) >> (index % 8)) & 1) != 0;
}

// The receiver's own id of the person, if it was given one.
absl::Status SetPerson(CommandContext& context, const Uuid& person, std::string_view partij,
                       Notice& notice) {
  SLUIS_ASSIGN_OR_RETURN(const auto handle, context.state.HandleOf(person, partij));
  if (handle) notice.set_person_id(handle->ToString());
  return absl::OkStatus();
}

std::string IdText(const Uuid& id) { return id.is_nil() ? std::string() : id.ToString(); }

}  // namespace

absl::Status Notify(Core& core, store::Transaction& transaction, const ledger::Moment& moment,
                    std::string_view partij, Notice notice) {
  notice.set_time(absl::ToUnixMicros(moment.now));
  SLUIS_RETURN_IF_ERROR(
      state::PutNotice(transaction, *core.options.vault, partij, moment.index, notice));
  core.hub->Note(moment.index, partij);
  return absl::OkStatus();
}

absl::Status NotifyAll(CommandContext& context, const std::set<std::string>& partijen,
                       const Notice& notice) {
  for (const std::string& partij : partijen) SLUIS_RETURN_IF_ERROR(Notify(context, partij, notice));
  return absl::OkStatus();
}

Notice NoticeOf(NoticeType::Id type, const Uuid& casus) {
  Notice notice;
  notice.set_type(type);
  notice.set_casus_id(IdText(casus));
  return notice;
}

std::set<std::string> MembersOf(const store::v1::Casus& casus, CivilDate today) {
  std::set<std::string> partijen = {casus.opener().partij()};
  for (const auto* list : {&casus.facts().participants(), &casus.facts().guests()}) {
    for (const auto& participation : *list) {
      if (IsNotOver(participation, today)) partijen.insert(participation.participant().partij());
    }
  }
  return partijen;
}

namespace {

// Partij, hat and casus.
using RecipientKey = std::tuple<std::string, std::string, std::string>;

struct Asked {
  std::string source_hat;
  std::set<std::string> fields;
  Got got;
};

// Who got one of the fields by this entry, if anybody did.
std::optional<RecipientKey> RecipientIn(const Asked& asked, const log::v1::Record& record) {
  const log::v1::Decision& decision = record.decision();
  if (!record.error_reason().empty() || decision.source_hat() != asked.source_hat)
    return std::nullopt;
  for (int i = 0; i < decision.fields_size(); ++i) {
    const log::v1::FieldDecision& field = decision.fields(i);
    if (field.outcome() != policy::v1::FieldOutcome::RELEASE) continue;
    if (!asked.fields.empty() && asked.fields.count(field.field()) == 0) continue;
    if (asked.got == Got::kValue && !Bit(decision.evidence().held(), i)) continue;
    return RecipientKey{record.caller(), record.acting_hat(), record.casus_id()};
  }
  return std::nullopt;
}

// The release of which an entry says that nothing of it was delivered.
absl::StatusOr<std::optional<RecipientKey>> UndoneBy(store::Reader& reader, const Asked& asked,
                                                     const log::v1::Record& record) {
  if (record.decided_in() == 0) return std::nullopt;
  const uint64_t index = record.decided_in() - 1;
  SLUIS_ASSIGN_OR_RETURN(const auto entries, reader.Entries(index, 1));
  log::v1::Record decided;
  if (entries.empty() || entries.front().index != index ||
      !decided.ParseFromString(entries.front().record)) {
    return DataLoss("STORE_SYNC_FAILED", "a stored record cannot be read");
  }
  return RecipientIn(asked, decided);
}

}  // namespace

absl::StatusOr<std::vector<Recipient>> RecipientsOf(CommandContext& context,
                                                    const state::Subject& subject,
                                                    const policy::v1::PartijHat& source,
                                                    const std::set<std::string>& fields, Got got) {
  SLUIS_ASSIGN_OR_RETURN(store::EntryFilter filter, FilterFor(context, subject));
  filter.source = source.partij();
  filter.kinds = {EventKind::FIELDS_REQUESTED, EventKind::NOT_DELIVERED};
  std::string name =
      absl::StrCat("recipients/", got == Got::kValue ? "value/" : "answer/",
                   subject.owner().ToString(), "/", source.partij(), "/", source.hat());
  for (const std::string& field : fields) absl::StrAppend(&name, "/", field);
  // How often each got one that was not taken back.
  using Counts = std::map<RecipientKey, int64_t>;
  SLUIS_ASSIGN_OR_RETURN(
      const Counts counts,
      FoldEntries<Counts>(context, name, std::move(filter), 0,
                          [asked = Asked{source.hat(), fields, got}](
                              store::Reader& reader, const store::EntryRow& entry,
                              const log::v1::Record& record, Counts& found) -> absl::Status {
                            if (entry.kind == EventKind::NOT_DELIVERED) {
                              if (asked.got != Got::kValue) return absl::OkStatus();
                              SLUIS_ASSIGN_OR_RETURN(const auto undone,
                                                     UndoneBy(reader, asked, record));
                              if (undone) --found[*undone];
                              return absl::OkStatus();
                            }
                            if (const auto recipient = RecipientIn(asked, record))
                              ++found[*recipient];
                            return absl::OkStatus();
                          }));
  std::vector<Recipient> recipients;
  for (const auto& [key, count] : counts) {
    if (count <= 0) continue;
    Recipient& recipient = recipients.emplace_back();
    recipient.side.set_partij(std::get<0>(key));
    recipient.side.set_hat(std::get<1>(key));
    if (!std::get<2>(key).empty()) {
      SLUIS_ASSIGN_OR_RETURN(recipient.casus, Uuid::FromBytes(std::get<2>(key)));
    }
  }
  return recipients;
}

absl::Status NotifyValueChanged(CommandContext& context, NoticeType::Id type,
                                const state::Subject& subject, const std::string& field) {
  const policy::v1::PartijHat source = context.self();
  SLUIS_ASSIGN_OR_RETURN(const auto recipients,
                         RecipientsOf(context, subject, source, {field}, Got::kValue));
  for (const Recipient& recipient : recipients) {
    Notice notice = NoticeOf(type, recipient.casus);
    notice.set_hat(recipient.side.hat());
    *notice.mutable_other() = source;
    notice.add_fields(field);
    if (subject.is_person()) {
      SLUIS_RETURN_IF_ERROR(SetPerson(context, subject.owner(), recipient.side.partij(), notice));
    }
    SLUIS_RETURN_IF_ERROR(Notify(context, recipient.side.partij(), std::move(notice)));
  }
  return absl::OkStatus();
}

namespace {

bool IsNcnd(const policy::Policy& policy, std::string_view name) {
  const auto& known = policy.convenant().fields();
  return std::any_of(known.begin(), known.end(), [&](const policy::v1::Field& field) {
    return field.name() == name && field.ncnd();
  });
}

// The fields that a consent covers, those of its categories among them.
std::set<std::string> FieldsOf(const policy::Policy& policy, const policy::v1::Consent& consent) {
  std::set<std::string> fields(consent.fields().begin(), consent.fields().end());
  for (const policy::v1::Field& field : policy.convenant().fields()) {
    for (const std::string& category : consent.categories()) {
      if (field.category() == category) fields.insert(field.name());
    }
  }
  return fields;
}

}  // namespace

absl::Status NotifyConsentWithdrawn(CommandContext& context, const state::Subject& person,
                                    const state::StoredRecord& stored) {
  const policy::v1::Consent& consent = stored.record.consent();
  const auto tell = [&](const policy::v1::PartijHat& side, const policy::v1::PartijHat& other,
                        bool all_fields) -> absl::Status {
    Notice notice;
    notice.set_type(NoticeType::CONSENT_WITHDRAWN);
    notice.set_subject_id(stored.id.ToString());
    notice.set_hat(side.hat());
    *notice.mutable_other() = other;
    for (const std::string& field : consent.fields()) {
      if (all_fields || !IsNcnd(context.policy, field)) notice.add_fields(field);
    }
    SLUIS_RETURN_IF_ERROR(SetPerson(context, person.owner(), side.partij(), notice));
    // Who was never given the person would learn here that it exists.
    if (notice.person_id().empty()) return absl::OkStatus();
    return Notify(context, side.partij(), std::move(notice));
  };
  const auto recorded_by = [&](const policy::v1::PartijHat& side) {
    return stored.record.recorded_by().partij() == side.partij() &&
           stored.record.recorded_by().hat() == side.hat();
  };
  // The source knows a consent that it recorded or confirmed. One that the recipient recorded and
  // that nobody had to confirm (a refusal) it never saw.
  const bool gives = consent.status() == policy::v1::Consent::GEGEVEN_UITDRUKKELIJK ||
                     consent.status() == policy::v1::Consent::GEGEVEN_BEPERKT ||
                     consent.status() == policy::v1::Consent::VERVANGEND_GEGEVEN ||
                     consent.status() == policy::v1::Consent::NIET_VEREIST;
  const bool source_knows =
      recorded_by(consent.source()) || (gives && !stored.record.needs_confirmation());
  if (source_knows && consent.source().partij() != context.partij)
    SLUIS_RETURN_IF_ERROR(tell(consent.source(), consent.recipient(), /*all_fields=*/true));
  if (consent.recipient().partij() == context.partij) return absl::OkStatus();
  // The recipient knows it when it recorded it, or got one of its fields of this source. What else
  // it covers it may not know: fields that are NCND are named to nobody but who recorded them.
  const bool recipient_recorded = recorded_by(consent.recipient());
  bool recipient_knows = recipient_recorded;
  if (!recipient_knows) {
    SLUIS_ASSIGN_OR_RETURN(const auto recipients,
                           RecipientsOf(context, person, consent.source(),
                                        FieldsOf(context.policy, consent), Got::kAnswer));
    recipient_knows = std::any_of(recipients.begin(), recipients.end(), [&](const Recipient& each) {
      return each.side.partij() == consent.recipient().partij() &&
             each.side.hat() == consent.recipient().hat();
    });
  }
  return recipient_knows ? tell(consent.recipient(), consent.source(), recipient_recorded)
                         : absl::OkStatus();
}

absl::Status NotifyFactWithdrawn(CommandContext& context, const state::Subject& subject,
                                 const state::StoredRecord& stored) {
  const policy::v1::Fact& fact = stored.record.fact();
  Uuid casus_id;
  if (!stored.record.casus_id().empty()) {
    SLUIS_ASSIGN_OR_RETURN(casus_id, Uuid::Parse(stored.record.casus_id()));
  }
  Notice notice = NoticeOf(NoticeType::FACT_WITHDRAWN, casus_id);
  notice.set_subject_id(stored.id.ToString());
  if (fact.has_radicalisation()) {
    // Who was told to take over.
    SLUIS_ASSIGN_OR_RETURN(const auto casus, UnlessDestroyed(context.state.Casus(casus_id)));
    if (!casus) return absl::OkStatus();
    return NotifyAll(context, RedirectedTo(context.policy, *casus), notice);
  }
  if (fact.has_mandate() && fact.mandate().holder().partij() != context.partij) {
    const policy::v1::PartijHat& holder = fact.mandate().holder();
    notice.set_hat(holder.hat());
    *notice.mutable_fields() = fact.mandate().fields();
    SLUIS_RETURN_IF_ERROR(SetPerson(context, subject.owner(), holder.partij(), notice));
    if (notice.person_id().empty()) return absl::OkStatus();
    return Notify(context, holder.partij(), std::move(notice));
  }
  if (!fact.has_decision() || !subject.is_person()) return absl::OkStatus();
  // Who was told of the decision, or got something that it names.
  const policy::v1::ProfessionalDecision& decision = fact.decision();
  const std::set<std::string> fields(decision.fields().begin(), decision.fields().end());
  // Each hat for itself: one that the decision does not mean stands for no other of its partij.
  std::set<std::pair<std::string, std::string>> told;
  SLUIS_ASSIGN_OR_RETURN(const auto recipients,
                         RecipientsOf(context, subject, decision.source(), fields, Got::kAnswer));
  for (const Recipient& recipient : recipients) {
    if (recipient.casus == casus_id) told.emplace(recipient.side.partij(), recipient.side.hat());
  }
  for (const policy::v1::PartijHat& side : stored.record.told())
    told.emplace(side.partij(), side.hat());
  *notice.mutable_other() = decision.source();
  for (const std::string& field : decision.fields()) {
    if (!IsNcnd(context.policy, field)) notice.add_fields(field);
  }
  for (const auto& [partij, hat] : told) {
    const bool meant =
        ListsHat(decision.recipient_parties(), partij) && ListsHat(decision.recipient_hats(), hat);
    if (!meant || partij == context.partij) continue;
    notice.set_hat(hat);
    notice.clear_person_id();
    SLUIS_RETURN_IF_ERROR(SetPerson(context, subject.owner(), partij, notice));
    SLUIS_RETURN_IF_ERROR(Notify(context, partij, notice));
  }
  return absl::OkStatus();
}

std::set<std::string> RedirectedTo(const policy::Policy& policy, const store::v1::Casus& casus) {
  std::set<std::string> hats;
  for (const auto& competence : policy.convenant().competences()) {
    if (competence.fact() == kRedirect)
      hats.insert(competence.hats().begin(), competence.hats().end());
  }
  std::set<std::string> partijen;
  for (const auto& partij : policy.convenant().parties()) {
    // Of partijen with a municipality: that of the casus.
    if (!partij.municipality().empty() && partij.municipality() != casus.facts().municipality())
      continue;
    const bool holds = std::any_of(partij.hats().begin(), partij.hats().end(),
                                   [&](const std::string& hat) { return hats.count(hat) != 0; });
    if (holds) partijen.insert(partij.id());
  }
  return partijen;
}

absl::Status NotifyRedirected(CommandContext& context, const Uuid& casus_id,
                              const store::v1::Casus& casus) {
  return NotifyAll(context, RedirectedTo(context.policy, casus),
                   NoticeOf(NoticeType::CASUS_REDIRECTED, casus_id));
}

absl::Status NotifyPolicyChanged(Core& core, store::Transaction& transaction,
                                 const ledger::Moment& moment, const policy::Policy& before,
                                 const policy::Policy& after) {
  std::set<std::string> partijen;
  for (const policy::Policy* each : {&before, &after}) {
    for (const auto& partij : each->convenant().parties()) partijen.insert(partij.id());
  }
  Notice notice;
  notice.set_type(NoticeType::CONVENANT_CHANGED);
  notice.set_result(after.convenant_version());
  for (const std::string& partij : partijen)
    SLUIS_RETURN_IF_ERROR(Notify(core, transaction, moment, partij, notice));
  return absl::OkStatus();
}

}  // namespace sluis::broker
