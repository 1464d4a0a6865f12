#include <algorithm>
#include <set>

#include "at_source.h"
#include "core.h"
#include "inbox.h"

#include "sluis/base/check.h"
#include "sluis/crypto/crypto.h"
#include "sluis/policy/engine.h"
#include "sluis/policy/record.h"
#include "sluis/policy/request.h"
#include "sluis/policy/v1/case.pb.h"
#include "sluis/v1/sharing.pb.h"

// RequestFields: the path of the house. Intake, facts, policy, ledger, vault, in that order;
// nothing is opened before the decision is durable.
namespace sluis::broker {
namespace {

constexpr size_t kMaxPowerName = 200;

// A decision with everything that will be written and answered if it still holds at the commit.
struct Prepared {
  ActivePolicy active;
  facts::View view;
  // The decision is the same at every instant of this day from `from` until before `until`.
  absl::Time from;
  absl::Time until;
  CivilDate today;
  ledger::Draft draft;
  std::vector<Delivery> deliveries;  // of the view
  // The source keeps one of the deliveries: all wait for a second entry (at_source.h).
  bool at_source = false;
  // A field waits for the decision of a professional of the source.
  bool waits_for_decision = false;
};

// One call on its way. The message is not kept, but read again from the call's body where that is
// needed after the decision, which is seldom (MessageOf).
struct FieldsCall {
  CallPtr call;
  RequestKey key;
  ActivePolicy active;  // under which `request` was interned
  policy::Request request;
  Uuid casus;
  Uuid handle;  // the caller's id of the person; nil at a tafel without persons
  facts::Query query;
  audit::Salt texts_salt;
  std::unique_ptr<Prepared> prepared;
  // It was decided again at the commit, on facts that are not remembered yet.
  bool decided_again = false;
  // Filled when the call repeats an earlier one.
  std::optional<Earlier> earlier;
};

// ---- Intake ----

absl::Status CheckForm(const v1::RequestFieldsRequest& message) {
  SLUIS_RETURN_IF_ERROR(intake::CheckProfessional("professional", message.professional()));
  SLUIS_RETURN_IF_ERROR(intake::CheckOptionalText("task", message.task(), kMaxPowerName));
  SLUIS_RETURN_IF_ERROR(intake::CheckOptionalText("power", message.power(), kMaxPowerName));
  SLUIS_RETURN_IF_ERROR(
      intake::CheckOptionalText("wvggz_ernstig_nadeel", message.wvggz_ernstig_nadeel()));
  for (int i = 0; i < message.fields_size(); ++i) {
    SLUIS_RETURN_IF_ERROR(intake::CheckOptionalText(absl::StrCat("fields[", i, "].motivation"),
                                                    message.fields(i).motivation()));
  }
  if (message.rights_role() < v1::RIGHTS_ROLE_UNSPECIFIED ||
      message.rights_role() > v1::RIGHTS_ROLE_REPRESENTATIVE) {
    return Malformed("rights_role", "not a role");
  }
  if (!message.language().empty() && message.language() != "nl" && message.language() != "en") {
    return Malformed("language", "nl or en");
  }
  return absl::OkStatus();
}

policy::v1::DecisionRequest ToDecisionRequest(const v1::RequestFieldsRequest& message,
                                              const std::string& partij) {
  policy::v1::DecisionRequest out;
  out.set_partij(partij);
  out.set_acting_hat(message.acting_hat());
  out.set_professional(message.professional());
  out.set_casus(message.casus_id());
  out.set_tafel(message.tafel());
  out.set_stage(message.stage());
  out.set_purpose(message.purpose());
  out.set_person(message.person_id());
  *out.mutable_source() = message.source();
  for (const v1::AskedField& asked : message.fields()) {
    auto* field = out.add_fields();
    field->set_field(asked.field());
    field->set_motivation(asked.motivation());
  }
  out.set_task(message.task());
  out.set_power(message.power());
  out.set_wvggz_ernstig_nadeel(message.wvggz_ernstig_nadeel());
  out.set_identity_established(message.identity_established());
  out.set_rights_role(static_cast<policy::v1::DecisionRequest::RightsRole>(message.rights_role()));
  return out;
}

// The message of a call whose body was read before.
v1::RequestFieldsRequest MessageOf(const FieldsCall& fields) {
  v1::RequestFieldsRequest message;
  SLUIS_CHECK(message.ParseFromString(fields.call->body));
  return message;
}

absl::Status Intern(FieldsCall& fields, const v1::RequestFieldsRequest& message,
                    ActivePolicy active) {
  const policy::Malformation malformation = policy::InternRequest(
      *active.policy, ToDecisionRequest(message, fields.call->partij), fields.request);
  switch (malformation.kind) {
    case policy::Malformation::Kind::kMalformed:
      return Malformed(malformation.element, malformation.message);
    case policy::Malformation::Kind::kBulk:
      return WithMetadata(InvalidArgument("BULK", malformation.message), kFieldKey,
                          malformation.element);
    case policy::Malformation::Kind::kNone:
      fields.active = std::move(active);
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

// ---- Decide and prepare ----

// Texts are sealed with the key of the person, or of the casus where there is no person; where the
// caller named one that it was not given there is no key, and they are not kept.
absl::Status KeepTexts(Core& core, const FieldsCall& fields,
                       const v1::RequestFieldsRequest& message, const facts::View& view,
                       ledger::Draft& draft) {
  store::v1::Texts texts;
  for (const v1::AskedField& asked : message.fields()) texts.add_texts(asked.motivation());
  texts.add_texts(message.wvggz_ernstig_nadeel());
  const audit::Digest hash = audit::CommitTexts(fields.texts_salt, wire::Canonical(texts));
  texts.set_salt(std::string(fields.texts_salt.bytes()));
  draft.record->set_texts_hash(std::string(hash.bytes()));
  const bool key_known =
      fields.query.with_person ? !fields.query.person.is_nil() : view.facts().casus != nullptr;
  if (!key_known) return absl::OkStatus();
  auto sealed = core.options.vault->Seal(
      view.value_owner(), absl::StrCat("texts/", ToAbsl(hash.bytes())), wire::Canonical(texts));
  if (ReasonOf(sealed.status()) == "KEY_DESTROYED") return absl::OkStatus();
  if (!sealed.ok()) return sealed.status();
  draft.texts = *std::move(sealed);
  return absl::OkStatus();
}

// Nobody acts: the whole request is refused, not one field of it (docs/errors.md).
bool NobodyActs(const policy::Policy& policy, const policy::Request& request,
                const policy::Decision& decision) {
  return decision.count > 0 && decision.fields[0].code == Code::kNotAuthorisedPerson &&
         (!policy.Holds(request.acting.partij, request.acting.hat) ||
          !decision.evidence.professional_ok);
}

v1::RequestFieldsAnswer MakeAnswer(Core& core, const FieldsCall& fields,
                                   const v1::RequestFieldsRequest& message,
                                   const policy::Decision& decision,
                                   const log::v1::Decision& recorded, Prepared& prepared) {
  const policy::Policy& policy = *fields.active.policy;
  v1::RequestFieldsAnswer answer;
  answer.set_convenant_version(policy.convenant_version());
  answer.set_statute_version(policy.statute_version());
  answer.set_policy_hash(fields.active.hash);
  answer.set_validate_only(message.validate_only());
  const auto value_of = [&](const policy::FieldDecision& decided) {
    const bool held = decided.outcome == Outcome::kRelease && decided.value_held;
    return held ? prepared.view.ValueOf(fields.request.source, decided.field) : nullptr;
  };
  for (uint16_t i = 0; i < decision.count && !message.validate_only(); ++i) {
    const facts::DepositedValue* value = value_of(decision.fields[i]);
    if (value != nullptr && value->announced != nullptr) prepared.at_source = true;
  }
  for (uint16_t i = 0; i < decision.count; ++i) {
    const policy::FieldDecision& decided = decision.fields[i];
    const log::v1::FieldDecision& record = recorded.fields(i);
    v1::FieldAnswer& out = *answer.add_fields();
    out.set_field(record.field());
    out.set_outcome(record.outcome());
    out.set_code(record.code());
    out.set_grant(record.grant());
    out.set_grondslag(record.row());
    if (decided.row.valid()) out.set_article(policy.CitationOf(decided.row));
    *out.mutable_obligations() = record.obligations();
    *out.mutable_missing() = record.missing();
    if (!message.language().empty()) {
      const auto language =
          message.language() == "nl" ? policy::Language::kDutch : policy::Language::kEnglish;
      out.set_text(core.options.texts->Explain(decided, language, policy, fields.request));
    }
    if (decided.outcome != Outcome::kRelease || message.validate_only()) continue;
    const facts::DepositedValue* value = value_of(decided);
    if (value == nullptr) {
      out.set_value_state(v1::VALUE_STATE_NONE_HELD);
      continue;
    }
    prepared.deliveries.push_back({policy.NameOf(decided.field), decided.field, value});
    if (prepared.at_source) {
      out.set_value_state(v1::VALUE_STATE_AT_DELIVERY);
      continue;
    }
    out.set_value_state(v1::VALUE_STATE_DELIVERED);
    out.set_value_commitment(value->commitment);
  }
  return answer;
}

absl::StatusOr<std::unique_ptr<Prepared>> Prepare(Core& core, const FieldsCall& fields,
                                                  const v1::RequestFieldsRequest& message,
                                                  facts::View view) {
  // Large, and not needed once it is written down.
  thread_local policy::Decision decision;
  const policy::Policy& policy = *fields.active.policy;
  auto prepared = std::make_unique<Prepared>();
  prepared->active = fields.active;
  prepared->from = view.facts().now;
  prepared->today = view.facts().today;
  prepared->until = policy::NextChange(policy, view.facts());
  policy::Decide(policy, fields.request, view.facts(), decision);

  prepared->draft =
      NewDraft(*fields.call, fields.active,
               message.validate_only() ? EventKind::DRY_RUN : EventKind::FIELDS_REQUESTED,
               fields.key.content);
  ledger::Draft& draft = prepared->draft;
  log::v1::Record& record = *draft.record;
  record.set_acting_hat(message.acting_hat());
  record.set_professional(message.professional());
  record.set_casus_id(std::string(fields.casus.bytes()));
  if (fields.query.with_person && !fields.query.person.is_nil()) {
    SLUIS_ASSIGN_OR_RETURN(*record.mutable_pseudonym(),
                           core.options.vault->Pseudonym(fields.query.person));
  }
  policy::WriteDecision(policy, fields.request, decision, message.validate_only(),
                        *record.mutable_decision());
  draft.source = message.source().partij();
  SLUIS_RETURN_IF_ERROR(KeepTexts(core, fields, message, view, draft));
  prepared->view = std::move(view);
  if (NobodyActs(policy, fields.request, decision)) {
    draft.error = NotAuthorised(
        "the caller does not hold this hat, or the professional is not on record in it");
    record.set_error_reason(ReasonOf(draft.error));
    draft.WriteRecord();
    return prepared;
  }
  prepared->waits_for_decision = std::any_of(
      decision.fields.begin(), decision.fields.begin() + decision.count,
      [](const policy::FieldDecision& each) { return each.outcome == Outcome::kNeedsDecision; });
  const v1::RequestFieldsAnswer answer =
      MakeAnswer(core, fields, message, decision, record.decision(), *prepared);
  SLUIS_RETURN_IF_ERROR(SetAnswer(core, fields.key.id, wire::Canonical(answer), draft));
  draft.WriteRecord();
  return prepared;
}

// Reads who and what is meant, and decides, as `reader` sees it.
absl::StatusOr<std::unique_ptr<Prepared>> LoadAndPrepare(Core& core, FieldsCall& fields,
                                                         const v1::RequestFieldsRequest& message,
                                                         store::Reader& reader, absl::Time now,
                                                         CivilDate today) {
  if (fields.query.with_person) {
    SLUIS_ASSIGN_OR_RETURN(const auto person, core.options.facts->LoadPerson(
                                                  reader, fields.call->partij, fields.handle));
    fields.query.person = person.value_or(Uuid());
  }
  SLUIS_ASSIGN_OR_RETURN(facts::View view, core.options.facts->Load(reader, fields.active.policy,
                                                                    fields.query, now, today));
  return Prepare(core, fields, message, std::move(view));
}

// ---- Commit ----

// Whether what was prepared would be decided now as well.
absl::StatusOr<bool> StillHolds(Core& core, FieldsCall& fields, store::Transaction& transaction,
                                const ActivePolicy& active, const ledger::Moment& moment) {
  const Prepared& prepared = *fields.prepared;
  if (prepared.active.policy != active.policy || prepared.today != moment.today ||
      moment.now < prepared.from || moment.now >= prepared.until) {
    return false;
  }
  if (fields.query.with_person && fields.query.person.is_nil()) {
    SLUIS_ASSIGN_OR_RETURN(const auto person, core.options.facts->LoadPerson(
                                                  transaction, fields.call->partij, fields.handle));
    if (person) return false;
  }
  return facts::FactsReader::IsCurrent(transaction, prepared.view);
}

// A repeat delivers what the first answer released as well.
absl::Status KeepReleasedBefore(const std::string& earlier, std::vector<Delivery>& deliveries) {
  v1::RequestFieldsAnswer answer;
  if (!answer.ParseFromString(earlier))
    return DataLoss("STORE_SYNC_FAILED", "a stored answer cannot be read");
  std::set<std::string, std::less<>> released;
  for (const v1::FieldAnswer& field : answer.fields()) {
    if (field.outcome() == policy::v1::FieldOutcome::RELEASE) released.insert(field.field());
  }
  std::erase_if(deliveries,
                [&](const Delivery& delivery) { return !released.contains(delivery.field); });
  return absl::OkStatus();
}

absl::StatusOr<ledger::Draft> Commit(Core& core, FieldsCall& fields,
                                     store::Transaction& transaction,
                                     const ledger::Moment& moment) {
  const ActivePolicy active = core.Active();
  const auto refuse = [&](absl::Status why) {
    ledger::Draft draft =
        NewDraft(*fields.call, active, EventKind::CALL_REJECTED, fields.key.content);
    SetError(draft, std::move(why));
    return draft;
  };
  auto earlier = FindEarlier(core, transaction, fields.key);
  if (!earlier.ok()) {
    if (!IsRefusal(earlier.status())) return earlier.status();
    return refuse(earlier.status());
  }
  SLUIS_ASSIGN_OR_RETURN(const bool holds, StillHolds(core, fields, transaction, active, moment));
  if (!holds) {
    const v1::RequestFieldsRequest message = MessageOf(fields);
    if (fields.active.policy != active.policy) {
      // A name that the new policy no longer has.
      if (absl::Status interned = Intern(fields, message, active); !interned.ok())
        return refuse(std::move(interned));
      fields.query.with_person = active.policy->HasPersons(fields.request.tafel);
    }
    SLUIS_ASSIGN_OR_RETURN(fields.prepared, LoadAndPrepare(core, fields, message, transaction,
                                                           moment.now, moment.today));
    fields.decided_again = true;
  }
  ledger::Draft draft = std::move(fields.prepared->draft);
  if (*earlier) {
    draft.repeats = (*earlier)->index + 1;
    fields.earlier = *std::move(earlier);
    SLUIS_RETURN_IF_ERROR(KeepReleasedBefore(fields.earlier->answer, fields.prepared->deliveries));
  } else if (draft.error.ok()) {
    SLUIS_RETURN_IF_ERROR(RememberRequest(transaction, fields.key, moment.index));
  }
  if (fields.prepared->waits_for_decision && draft.kind == EventKind::FIELDS_REQUESTED &&
      !fields.query.person.is_nil()) {
    log::v1::Record record;
    SLUIS_CHECK(record.ParseFromString(draft.written->bytes));
    SLUIS_RETURN_IF_ERROR(
        AskDecisions(core, transaction, moment, fields.query.person, MessageOf(fields), record));
  }
  if (fields.prepared->at_source && !fields.prepared->deliveries.empty()) {
    SLUIS_RETURN_IF_ERROR(
        ExpectDelivery(core, transaction, moment.index, *fields.call, fields.prepared->deliveries));
  }
  return draft;
}

// ---- Deliver ----

// The response's fields besides answer and receipt: values, and the first answer of a repeat.
absl::StatusOr<std::string> Finish(Core& core, const FieldsCall& fields,
                                   const ledger::Committed& committed) {
  if (fields.decided_again)
    core.options.facts->Keep(fields.query, fields.handle, fields.prepared->view);
  std::string out;
  SLUIS_RETURN_IF_ERROR(AppendDeposits(core, fields.prepared->view.value_owner(),
                                       fields.prepared->deliveries, 2, out));
  if (!fields.earlier) return out;
  audit::Receipt receipt;
  receipt.leaf = fields.earlier->leaf;
  receipt.index = fields.earlier->index;
  receipt.checkpoint = committed.receipt.checkpoint;
  SLUIS_ASSIGN_OR_RETURN(receipt.inclusion,
                         core.options.ledger->InclusionProof(receipt.index, committed.tree_size));
  std::string bytes;
  AppendField(bytes, 1, fields.earlier->answer);
  AppendField(bytes, 2, EncodeReceipt(receipt));
  AppendField(out, 3, bytes);
  return out;
}

// Whether a field is released as it was: on the same ground, with the same obligations.
bool IsAsBefore(const log::v1::FieldDecision& now, const log::v1::FieldDecision& before) {
  return now.field() == before.field() && now.outcome() == policy::v1::FieldOutcome::RELEASE &&
         before.outcome() == policy::v1::FieldOutcome::RELEASE && now.grant() == before.grant() &&
         now.row() == before.row() &&
         std::equal(now.obligations().begin(), now.obligations().end(),
                    before.obligations().begin(), before.obligations().end());
}

// What of a decision holds at its delivery. Decides again when something changed.
absl::StatusOr<StillReleased> Recheck(Core& core, FieldsCall& fields,
                                      const log::v1::Decision& before,
                                      store::Transaction& transaction,
                                      const ledger::Moment& moment) {
  StillReleased still;
  const ActivePolicy active = core.Active();
  SLUIS_ASSIGN_OR_RETURN(const bool holds, StillHolds(core, fields, transaction, active, moment));
  const std::vector<Delivery>& deliveries = fields.prepared->deliveries;
  if (holds) {
    for (const Delivery& delivery : deliveries) still.fields.emplace(delivery.field);
    return still;
  }
  const v1::RequestFieldsRequest message = MessageOf(fields);
  if (fields.active.policy != active.policy) {
    // Under a policy that no longer has these names nothing is released.
    if (!Intern(fields, message, active).ok()) return still;
    fields.query.with_person = active.policy->HasPersons(fields.request.tafel);
  }
  SLUIS_ASSIGN_OR_RETURN(
      const auto now, LoadAndPrepare(core, fields, message, transaction, moment.now, moment.today));
  log::v1::Record record;
  SLUIS_CHECK(record.ParseFromString(now->draft.written->bytes));
  const log::v1::Decision& decision = record.decision();
  if (now->draft.error.ok()) {
    for (int i = 0; i < decision.fields_size() && i < before.fields_size(); ++i) {
      if (!IsAsBefore(decision.fields(i), before.fields(i))) continue;
      const std::string& field = decision.fields(i).field();
      const auto in = [&](const std::vector<Delivery>& list) -> const Delivery* {
        const auto found = std::find_if(list.begin(), list.end(), [&](const Delivery& delivery) {
          return delivery.field == field;
        });
        return found == list.end() ? nullptr : &*found;
      };
      const Delivery* const then = in(deliveries);
      const Delivery* const again = in(now->deliveries);
      // Another deposit has another value, or another date to decide on; one that was corrected has
      // another commitment.
      if (then != nullptr && again != nullptr && then->value->deposit == again->value->deposit &&
          then->value->commitment == again->value->commitment)
        still.fields.insert(field);
    }
  }
  still.decision = decision;
  return still;
}

// Goes on with the source, if it keeps one of the values.
bool TakeToSource(Core& core, const std::shared_ptr<FieldsCall>& fields,
                  ledger::Committed& committed) {
  const Prepared& prepared = *fields->prepared;
  if (!prepared.at_source || prepared.deliveries.empty()) return false;
  if (fields->decided_again) core.options.facts->Keep(fields->query, fields->handle, prepared.view);
  auto what = std::make_shared<AtSource>();
  what->call = fields->call;
  what->request_id = fields->key.id;
  what->casus = fields->casus;
  if (fields->query.with_person) what->person = fields->query.person;
  const v1::RequestFieldsRequest message = MessageOf(*fields);
  what->source_partij = message.source().partij();
  what->source_hat = message.source().hat();
  what->purpose = message.purpose();
  what->recipient_hat = message.acting_hat();
  what->active = prepared.active;
  what->view = prepared.view;
  what->deliveries = prepared.deliveries;
  what->earlier = fields->earlier;
  what->recheck = [&core, fields, before = RecordOf(committed).decision()](
                      store::Transaction& transaction, const ledger::Moment& moment) {
    return Recheck(core, *fields, before, transaction, moment);
  };
  DeliverAtSource(core, std::move(what), std::move(committed));
  return true;
}

void SubmitFields(Core& core, std::shared_ptr<FieldsCall> fields) {
  const CallPtr call = fields->call;
  core.Submit(
      call,
      [&core, fields](store::Transaction& transaction, const ledger::Moment& moment) {
        return Commit(core, *fields, transaction, moment);
      },
      [&core, fields](const ledger::Committed& committed) {
        return Finish(core, *fields, committed);
      },
      [&core, fields](ledger::Committed& committed) {
        return TakeToSource(core, fields, committed);
      });
}

// Decides on what is in memory, if everything is; true when it did.
bool TryInMemory(Core& core, FieldsCall& fields, const v1::RequestFieldsRequest& message,
                 absl::Time now, CivilDate today) {
  if (fields.query.with_person) {
    const auto person = core.options.facts->PeekPerson(fields.call->partij, fields.handle);
    if (!person) return false;
    fields.query.person = *person;
  }
  if (!core.options.vault->Remembers(fields.query.with_person ? fields.query.person
                                                              : fields.query.casus))
    return false;
  auto view = core.options.facts->Peek(fields.active.policy, fields.query, now, today);
  if (!view) return false;
  auto prepared = Prepare(core, fields, message, *std::move(view));
  // What failed here is tried again where it may wait for a disk.
  if (!prepared.ok()) return false;
  fields.prepared = *std::move(prepared);
  return true;
}

void RequestFields(Core& core, const CallPtr& call) {
  v1::RequestFieldsRequest message;
  if (absl::Status read = wire::ParseStrict(call->body, message); !read.ok())
    return core.Reject(call, std::move(read));
  call->known_tree_size = message.known_tree_size();
  const audit::Digest content = RequestHash(call->method, message);
  const auto request_id = intake::CheckRequestId(message.request_id());
  if (!request_id.ok()) return core.Reject(call, request_id.status());
  call->request_hash = content;
  auto key = MakeRequestKey(core, call->partij, *request_id, content);
  if (!key.ok()) return call->done(key.status());
  const auto random = crypto::RandomBytes(audit::Salt::kSize);
  if (!random.ok()) return call->done(random.status());
  const auto salt = audit::Salt::FromBytes(*random);
  if (!salt.ok()) return call->done(salt.status());
  auto fields = std::make_shared<FieldsCall>(
      FieldsCall{call, *std::move(key), {}, {}, {}, {}, {}, *salt, nullptr, false, std::nullopt});
  if (absl::Status form = CheckForm(message); !form.ok()) return core.Reject(call, std::move(form));
  if (absl::Status interned = Intern(*fields, message, core.Active()); !interned.ok())
    return core.Reject(call, std::move(interned));
  const auto casus = intake::CheckId("casus_id", message.casus_id());
  if (!casus.ok()) return core.Reject(call, casus.status());
  fields->casus = *casus;
  facts::Query& query = fields->query;
  query.with_person = fields->active.policy->HasPersons(fields->request.tafel);
  if (query.with_person) {
    const auto handle = intake::CheckId("person_id", message.person_id());
    if (!handle.ok()) return core.Reject(call, handle.status());
    fields->handle = *handle;
  }
  query.casus = fields->casus;
  query.acting_partij = call->partij;
  query.professional = message.professional();
  query.source_partij = message.source().partij();

  const absl::Time now = core.options.clock->Now();
  const CivilDate today = facts::LocalDate(now);
  if (TryInMemory(core, *fields, message, now, today)) return SubmitFields(core, std::move(fields));
  core.Post([&core, fields, now, today] {
    const auto reader = core.options.store->Read();
    if (!reader.ok()) return fields->call->done(reader.status());
    auto prepared = LoadAndPrepare(core, *fields, MessageOf(*fields), **reader, now, today);
    if (!prepared.ok()) return fields->call->done(prepared.status());
    fields->prepared = *std::move(prepared);
    core.options.facts->Keep(fields->query, fields->handle, fields->prepared->view);
    SubmitFields(core, fields);
  });
}

}  // namespace

void AddSharing(Handlers& handlers) {
  handlers["/sluis.v1.SharingService/RequestFields"] = &RequestFields;
}

}  // namespace sluis::broker
