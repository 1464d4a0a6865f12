#include "at_source.h"

#include <algorithm>
#include <map>
#include <utility>

#include "source_desk.h"

#include "sluis/base/bytes.h"
#include "sluis/store/v1/delivery.pb.h"
#include "sluis/v1/sharing.pb.h"

namespace sluis::broker {
namespace {

using v1::DeliveryOutcome;

// Kept for the answer: the caller should hear in time.
constexpr absl::Duration kMargin = absl::Milliseconds(200);
constexpr std::string_view kPending = "delivery/";
constexpr size_t kMostPending = 100000;
// A second entry that could not be made is tried again after this, twice this, and so on.
constexpr absl::Duration kFirstRetry = absl::Seconds(1);
constexpr absl::Duration kLastRetry = absl::Minutes(1);
// What is this late the broker that was to make it will not make.
constexpr absl::Duration kOverdue = absl::Minutes(2);
constexpr size_t kPage = 500;
// More than the tags and sizes of a value's fields take.
constexpr size_t kMostHeaders = 32;

std::string PendingKey(uint64_t decision) {
  std::string key(kPending);
  AppendU64(key, decision);
  return key;
}

// How long the source may take: the broker's limit, or what the caller gives it.
absl::Duration TimeFor(const Core& core, const CallState& call) {
  const absl::Duration limit = core.options.source_time_limit;
  if (call.deadline == absl::InfiniteFuture()) return limit;
  return std::min(limit, call.deadline - absl::Now() - kMargin);
}

// How much later than a source may answer the second entry has to be there.
absl::Duration Grace(const Core& core) {
  return std::max(core.options.source_time_limit, absl::Seconds(1));
}

// What will become of each field, before it is known whether the decision still holds.
struct Outcome {
  DeliveryOutcome::Id outcome = DeliveryOutcome::DELIVERY_OUTCOME_UNSPECIFIED;
  v1::ObjectionGround::Id ground = v1::ObjectionGround::OBJECTION_GROUND_UNSPECIFIED;
  std::string commitment;
  std::string value;  // a DeliveredValue
};

std::string EncodeValue(std::string_view field, std::string_view content, std::string_view salt) {
  std::string bytes;
  // At once: what a string leaves behind when it grows is not wiped.
  bytes.reserve(field.size() + content.size() + salt.size() + kMostHeaders);
  AppendField(bytes, 1, field);
  AppendField(bytes, 2, content);
  AppendField(bytes, 3, salt);
  return bytes;
}

// The two fields of a store.v1.SealedValue, as it was written: content is passed on as it is, and
// what was sealed is what we sealed.
struct SealedParts {
  std::string_view salt;
  std::string_view content;
};
bool ReadSealedValue(std::string_view bytes, SealedParts& parts) {
  return TakeField(bytes, 1, parts.salt) && TakeField(bytes, 2, parts.content) && bytes.empty();
}

// The value of `field` as it goes over the wire, from what was opened, which is wiped.
absl::StatusOr<std::string> ToDelivered(std::string_view field, std::string& opened) {
  SealedParts parts;
  const bool read = ReadSealedValue(opened, parts);
  std::string value = read ? EncodeValue(field, parts.content, parts.salt) : std::string();
  Wipe(opened);
  if (!read) return DataLoss("SEAL_BROKEN", "a sealed value cannot be read");
  return value;
}

// One call on its way from the decision to the second entry.
class Delivering : public std::enable_shared_from_this<Delivering> {
 public:
  Delivering(Core& core, std::shared_ptr<AtSource> what, ledger::Committed decision)
      : core_(core),
        what_(std::move(what)),
        decision_(std::move(decision)),
        decided_(RecordOf(decision_)) {}
  Delivering(const Delivering&) = delete;
  Delivering& operator=(const Delivering&) = delete;
  ~Delivering() {
    for (Outcome& each : outcomes_) Wipe(each.value);
  }

  void Start() {
    Watch();
    SourceDesk::Question question;
    question.partij = what_->source_partij;
    question.policy = what_->active.policy;
    question.hat = *question.policy->FindHat(what_->source_hat);
    for (const auto& partij : question.policy->convenant().parties()) {
      if (partij.id() == what_->source_partij) question.oin = partij.oin();
    }
    for (const Delivery& each : what_->deliveries) {
      if (each.value->announced != nullptr) {
        question.fields.push_back(
            {std::string(each.field), each.field_id, each.value->announced, each.value->min_cell});
      }
    }
    const auto handle = SourcesPerson();
    const absl::Duration within = TimeFor(core_, *what_->call);
    if (question.fields.empty() || !handle.ok() || within <= absl::ZeroDuration()) {
      const auto rest =
          !handle.ok() ? DeliveryOutcome::VALUE_UNREADABLE : DeliveryOutcome::SOURCE_SILENT;
      std::map<std::string, SourceDesk::Told> told;
      for (const SourceDesk::Asked& asked : question.fields) told[asked.name].outcome = rest;
      return Deliver(std::move(told));
    }
    v1::Question& message = question.message;
    message.set_casus_id(what_->casus.ToString());
    message.set_person_id(*handle);
    message.set_hat(what_->source_hat);
    message.set_purpose(what_->purpose);
    message.mutable_recipient()->set_partij(what_->call->partij);
    message.mutable_recipient()->set_hat(what_->recipient_hat);
    message.set_decision_index(decision_.receipt.index);
    core_.sources->Ask(std::move(question), within,
                       [self = shared_from_this()](std::map<std::string, SourceDesk::Told> told) {
                         self->Deliver(std::move(told));
                       });
  }

 private:
  // The second entry comes without us when we do not make it.
  void Watch();

  // The source's own id of the person; empty for data without one.
  absl::StatusOr<std::string> SourcesPerson() {
    if (!what_->person) return std::string();
    SLUIS_ASSIGN_OR_RETURN(const auto reader, core_.options.store->Read());
    state::StateReader state(*reader, *core_.options.vault);
    SLUIS_ASSIGN_OR_RETURN(const auto handle, state.HandleOf(*what_->person, what_->source_partij));
    if (!handle) return absl::NotFoundError("the source has no id of the person");
    return handle->ToString();
  }

  void Deliver(std::map<std::string, SourceDesk::Told> told) {
    for (const Delivery& each : what_->deliveries) {
      Outcome& out = outcomes_.emplace_back();
      if (each.value->announced == nullptr) {
        auto value = OpenDeposit(core_, what_->view.value_owner(), each);
        out.outcome = value.ok() ? DeliveryOutcome::DELIVERED : DeliveryOutcome::VALUE_UNREADABLE;
        if (!value.ok()) continue;
        out.commitment = each.value->commitment;
        out.value = *std::move(value);
        continue;
      }
      SourceDesk::Told& said = told[std::string(each.field)];
      out.outcome = said.outcome;
      out.ground = said.ground;
      if (said.outcome != DeliveryOutcome::DELIVERED) continue;
      const auto salt = audit::Salt::Generate();
      if (salt.ok()) {
        out.commitment = std::string(audit::CommitValue(*salt, said.content).bytes());
        out.value = EncodeValue(each.field, said.content, salt->bytes());
      } else {
        out.outcome = DeliveryOutcome::VALUE_UNREADABLE;
      }
      Wipe(said.content);
    }
    ledger::Submission submission;
    submission.apply = [self = shared_from_this()](store::Transaction& transaction,
                                                   const ledger::Moment& moment) {
      return self->Commit(transaction, moment);
    };
    submission.known_tree_size = what_->call->known_tree_size;
    submission.done = [self = shared_from_this()](absl::StatusOr<ledger::Committed> committed) {
      self->Answer(std::move(committed));
    };
    core_.options.ledger->Submit(std::move(submission));
  }

  // On the committer's thread. What was withdrawn, objected to, removed, closed or scaled since the
  // decision wins.
  absl::StatusOr<ledger::Draft> Commit(store::Transaction& transaction,
                                       const ledger::Moment& moment) {
    const uint64_t index = decision_.receipt.index;
    SLUIS_ASSIGN_OR_RETURN(const auto pending,
                           transaction.Get(store::Table::kJob, PendingKey(index)));
    if (!pending) {
      // We were so late that another made the entry.
      return Unavailable("NOT_DELIVERED", "the values could not be delivered in time");
    }
    SLUIS_RETURN_IF_ERROR(transaction.Delete(store::Table::kJob, PendingKey(index)));
    SLUIS_ASSIGN_OR_RETURN(StillReleased still, what_->recheck(transaction, moment));
    v1::DeliveryAnswer answer;
    answer.set_decision_index(index);
    bool any = false;
    ledger::Draft draft =
        NewDraft(*what_->call, core_.Active(), EventKind::NOT_DELIVERED, decision_.draft.request);
    log::v1::Record& record = *draft.record;
    record.set_acting_hat(decided_.acting_hat());
    record.set_professional(decided_.professional());
    record.set_casus_id(decided_.casus_id());
    record.set_pseudonym(decided_.pseudonym());
    record.set_decided_in(index + 1);
    if (still.decision) *record.mutable_decision() = *std::move(still.decision);
    for (size_t i = 0; i < outcomes_.size(); ++i) {
      const std::string field(what_->deliveries[i].field);
      Outcome& outcome = outcomes_[i];
      if (!still.fields.contains(field)) {
        Wipe(outcome.value);
        outcome = {DeliveryOutcome::NO_LONGER_RELEASED, {}, {}, {}};
      }
      any = any || outcome.outcome == DeliveryOutcome::DELIVERED;
      v1::FieldDelivery& told = *answer.add_fields();
      told.set_field(field);
      told.set_outcome(outcome.outcome);
      told.set_value_commitment(outcome.commitment);
      log::v1::Delivery& recorded = *record.add_deliveries();
      recorded.set_field(field);
      recorded.set_outcome(outcome.outcome);
      recorded.set_value_commitment(outcome.commitment);
      recorded.set_ground(outcome.ground);
    }
    if (any) draft.kind = EventKind::DELIVERED;
    draft.source = decision_.draft.source;
    draft.answer = wire::Canonical(answer);
    draft.answer_hash = AnswerHash(what_->request_id, draft.answer);
    return draft;
  }

  // Both receipts under the newer checkpoint: the caller verifies one signature and one history.
  [[nodiscard]] std::string DecisionReceipt(const ledger::Committed& delivery) const {
    auto inclusion =
        core_.options.ledger->InclusionProof(decision_.receipt.index, delivery.tree_size);
    if (!inclusion.ok()) return EncodeReceipt(decision_.receipt);
    audit::Receipt receipt = delivery.receipt;
    receipt.leaf = decision_.receipt.leaf;
    receipt.index = decision_.receipt.index;
    receipt.inclusion = *std::move(inclusion);
    return EncodeReceipt(receipt);
  }

  // The first answer of a repeat, with its receipt.
  absl::StatusOr<std::string> EarlierBytes(const ledger::Committed& delivery) const {
    audit::Receipt receipt;
    receipt.leaf = what_->earlier->leaf;
    receipt.index = what_->earlier->index;
    receipt.checkpoint = delivery.receipt.checkpoint;
    SLUIS_ASSIGN_OR_RETURN(receipt.inclusion,
                           core_.options.ledger->InclusionProof(receipt.index, delivery.tree_size));
    std::string bytes;
    AppendField(bytes, 1, what_->earlier->answer);
    AppendField(bytes, 2, EncodeReceipt(receipt));
    return bytes;
  }

  void Answer(absl::StatusOr<ledger::Committed> delivery) {
    // Without the second entry nothing leaves; the watch stays, and makes the entry however often
    // that fails.
    if (!delivery.ok()) return what_->call->done(delivery.status());
    core_.sources->timer().Cancel(watch_);
    std::string response;
    AppendField(response, 1, decision_.draft.answer);
    for (Outcome& outcome : outcomes_) {
      if (outcome.outcome == DeliveryOutcome::DELIVERED) AppendField(response, 2, outcome.value);
      Wipe(outcome.value);
    }
    if (what_->earlier) {
      const auto earlier = EarlierBytes(*delivery);
      if (!earlier.ok()) {
        Wipe(response);
        return what_->call->done(earlier.status());
      }
      AppendField(response, 3, *earlier);
    }
    AppendField(response, 4, delivery->draft.answer);
    AppendField(response, 15, DecisionReceipt(*delivery));
    AppendField(response, 15, EncodeReceipt(delivery->receipt));
    what_->call->done(std::move(response));
  }

  Core& core_;
  const std::shared_ptr<AtSource> what_;
  const ledger::Committed decision_;
  const log::v1::Record decided_;  // the record of the decision
  Timer::Id watch_;
  std::vector<Outcome> outcomes_;  // one for each of what_->deliveries
};

// Makes the second entry of a decision that nobody delivered.
absl::StatusOr<ledger::Draft> CommitUndelivered(Core& core, uint64_t index,
                                                store::Transaction& transaction) {
  SLUIS_ASSIGN_OR_RETURN(const auto kept, transaction.Get(store::Table::kJob, PendingKey(index)));
  if (!kept) return absl::AbortedError("it was delivered");
  SLUIS_RETURN_IF_ERROR(transaction.Delete(store::Table::kJob, PendingKey(index)));
  SLUIS_ASSIGN_OR_RETURN(const auto entries, transaction.Entries(index, 1));
  store::v1::PendingDelivery pending;
  log::v1::Record decided;
  if (entries.empty() || entries.front().index != index || !pending.ParseFromString(*kept) ||
      !decided.ParseFromString(entries.front().record)) {
    return DataLoss("STORE_SYNC_FAILED", "a decision that awaits its delivery cannot be read");
  }
  SLUIS_ASSIGN_OR_RETURN(const audit::Leaf leaf, audit::DecodeLeaf(entries.front().leaf));
  const ActivePolicy active = core.Active();
  ledger::Draft draft;
  draft.kind = EventKind::NOT_DELIVERED;
  draft.record = std::make_unique<log::v1::Record>();
  log::v1::Record& record = *draft.record;
  record.set_caller(decided.caller());
  record.set_acting_hat(decided.acting_hat());
  record.set_professional(decided.professional());
  record.set_casus_id(decided.casus_id());
  record.set_pseudonym(decided.pseudonym());
  record.set_policy_hash(active.hash);
  record.set_convenant_version(active.policy->convenant_version());
  record.set_statute_version(active.policy->statute_version());
  record.set_decided_in(index + 1);
  for (const std::string& field : pending.fields()) {
    log::v1::Delivery& delivery = *record.add_deliveries();
    delivery.set_field(field);
    delivery.set_outcome(DeliveryOutcome::BROKER_STOPPED);
  }
  if (decided.partij_seq() != 0) draft.partij = decided.caller();
  draft.request = leaf.request;
  draft.source = entries.front().source;
  return draft;
}

// Whether an entry that could not be made may be made later: a store that fails may heal, a ledger
// that is broken does not.
bool MayBeTriedAgain(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded ||
         status.code() == absl::StatusCode::kInternal;
}

Timer::Id WatchDelivery(Core& core, uint64_t index, absl::Duration after,
                        absl::Duration retry = kFirstRetry) {
  return core.sources->timer().After(after, [&core, index, retry] {
    // A broker that is stopping leaves it to its next start.
    if (!core.BeginWork()) return;
    ledger::Submission submission;
    submission.apply = [&core, index](store::Transaction& transaction, const ledger::Moment&) {
      return CommitUndelivered(core, index, transaction);
    };
    submission.done = [&core, index, retry](const absl::StatusOr<ledger::Committed>& committed) {
      if (!committed.ok() && MayBeTriedAgain(committed.status()))
        WatchDelivery(core, index, retry, std::min(2 * retry, kLastRetry));
      core.EndWork();
    };
    core.options.ledger->Submit(std::move(submission));
  });
}

// Deliveries that no broker sees to any more: of another replica that ended, for one. Entries that
// are made twice are not: the row of the delivery goes with the first. One that cannot be ended
// does not keep the rest from it, and is told at the end.
absl::Status EndOverdueDeliveries(Core& core, const JobMoment& moment) {
  const int64_t before = absl::ToUnixMicros(absl::Now() - kOverdue);
  absl::Status left;
  std::string after;
  for (;;) {
    SLUIS_RETURN_IF_ERROR(moment.go_on());
    SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
    SLUIS_ASSIGN_OR_RETURN(const auto rows,
                           reader->Scan(store::Table::kJob, kPending, after, kPage));
    for (const store::Document& row : rows) {
      after = row.key;
      store::v1::PendingDelivery pending;
      if (row.key.size() != kPending.size() + 8 || !pending.ParseFromString(row.value)) {
        left.Update(WithMetadata(
            DataLoss("ROWS_UNREADABLE", "a decision that awaits its delivery cannot be read"),
            "rows", "delivery " + HexEncode(std::string_view(row.key).substr(kPending.size()))));
        continue;
      }
      if (pending.due() >= before) continue;
      const uint64_t index = ReadU64(std::string_view(row.key).substr(kPending.size()));
      const absl::Status made =
          core.SubmitOwn([&core, index](store::Transaction& transaction, const ledger::Moment&) {
            return CommitUndelivered(core, index, transaction);
          });
      // Another made it meanwhile.
      if (!absl::IsAborted(made)) left.Update(made);
    }
    if (rows.size() < kPage) return left;
  }
}

void Delivering::Watch() {
  watch_ =
      WatchDelivery(core_, decision_.receipt.index,
                    std::max(TimeFor(core_, *what_->call), absl::ZeroDuration()) + Grace(core_));
}

}  // namespace

absl::Status AppendDeposits(Core& core, const Uuid& owner, const std::vector<Delivery>& deliveries,
                            int number, std::string& out) {
  std::vector<vault::Vault::Sealed> sealed;
  sealed.reserve(deliveries.size());
  size_t most = out.size();
  for (const Delivery& delivery : deliveries) {
    sealed.push_back({state::ValueUse(delivery.value->deposit), delivery.value->sealed_value});
    most += delivery.field.size() + delivery.value->sealed_value.size() + 2 * kMostHeaders;
  }
  out.reserve(most);
  SLUIS_ASSIGN_OR_RETURN(std::vector<std::string> values,
                         core.options.vault->OpenAll(owner, sealed));
  absl::Status all;
  for (size_t i = 0; i < values.size(); ++i) {
    auto value = ToDelivered(deliveries[i].field, values[i]);
    all.Update(value.status());
    if (!value.ok()) continue;
    AppendField(out, number, *value);
    Wipe(*value);
  }
  if (!all.ok()) Wipe(out);
  return all;
}

absl::StatusOr<std::string> OpenDeposit(Core& core, const Uuid& owner, const Delivery& delivery) {
  SLUIS_ASSIGN_OR_RETURN(std::string bytes,
                         core.options.vault->Open(owner, state::ValueUse(delivery.value->deposit),
                                                  delivery.value->sealed_value));
  return ToDelivered(delivery.field, bytes);
}

absl::Status ExpectDelivery(Core& core, store::Transaction& transaction, uint64_t decision,
                            const CallState& call, const std::vector<Delivery>& deliveries) {
  store::v1::PendingDelivery pending;
  const absl::Duration within = std::max(TimeFor(core, call), absl::ZeroDuration());
  pending.set_due(absl::ToUnixMicros(absl::Now() + within + Grace(core)));
  for (const Delivery& delivery : deliveries) pending.add_fields(std::string(delivery.field));
  return transaction.Put(store::Table::kJob, PendingKey(decision), wire::Canonical(pending));
}

void DeliverAtSource(Core& core, std::shared_ptr<AtSource> what, ledger::Committed decision) {
  std::make_shared<Delivering>(core, std::move(what), std::move(decision))->Start();
}

void AddDeliveryJobs(std::vector<Job>& jobs) {
  jobs.push_back({"deliveries", absl::Minutes(1), Job::Hours::kAny, &EndOverdueDeliveries});
}

void RecoverDeliveries(Core& core) {
  if (!core.BeginWork()) return;
  core.Post([&core] {
    // Others may be at work on the same store: each delivery has the time that it was given.
    const auto reader = core.options.store->Read();
    if (reader.ok()) {
      const auto pending = (*reader)->Scan(store::Table::kJob, kPending, {}, kMostPending);
      if (pending.ok()) {
        for (const store::Document& document : *pending) {
          store::v1::PendingDelivery expected;
          if (document.key.size() != kPending.size() + 8 ||
              !expected.ParseFromString(document.value)) {
            continue;
          }
          WatchDelivery(core, ReadU64(std::string_view(document.key).substr(kPending.size())),
                        absl::FromUnixMicros(expected.due()) - absl::Now());
        }
      }
    }
    core.EndWork();
  });
}

}  // namespace sluis::broker
