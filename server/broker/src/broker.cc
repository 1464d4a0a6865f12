#include "sluis/broker/broker.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "at_source.h"
#include "core.h"
#include "log_scan.h"
#include "notice_hub.h"
#include "notify.h"
#include "persons.h"
#include "source_desk.h"

#include "sluis/base/bytes.h"
#include "sluis/base/check.h"
#include "sluis/wire/status.h"

namespace sluis::broker {
namespace {

const Handlers& AllHandlers() {
  static const auto all = [] {
    Handlers handlers;
    AddSharing(handlers);
    AddCasus(handlers);
    AddField(handlers);
    AddConsent(handlers);
    AddFact(handlers);
    AddInzage(handlers);
    AddInforming(handlers);
    AddCorrection(handlers);
    AddReview(handlers);
    AddEmergency(handlers);
    AddProfessional(handlers);
    AddAudit(handlers);
    AddWams(handlers);
    AddSignal(handlers);
    AddEscalation(handlers);
    AddPriorityList(handlers);
    AddDecision(handlers);
    AddNotification(handlers);
    return handlers;
  }();
  return all;
}

const StreamHandlers& AllStreams() {
  static const auto all = [] {
    StreamHandlers handlers;
    AddSource(handlers);
    AddNotificationStreams(handlers);
    return handlers;
  }();
  return all;
}

absl::Status NotAPartij() {
  return PermissionDenied("NOT_A_PARTIJ",
                          "the OIN of the certificate is no partij of the convenant");
}

}  // namespace

std::vector<Job> AllJobs(const ProbingLimit& probing) {
  std::vector<Job> jobs;
  AddRetentionJobs(jobs);
  AddNoticeJobs(jobs);
  AddDeliveryJobs(jobs);
  AddDutyJobs(jobs, probing);
  return jobs;
}

absl::Time DecisionClock::Now() const {
  const MutexLock lock(mutex_);
  return machine_.Now() + offset_;
}

void DecisionClock::Set(std::optional<absl::Time> now) {
  const MutexLock lock(mutex_);
  offset_ = now ? *now - machine_.Now() : absl::ZeroDuration();
}

std::string PolicyHash(const policy::Policy& policy) {
  return std::string(audit::Sha256({policy.canonical()}).bytes());
}

Broker::Broker(BrokerOptions options, std::shared_ptr<const policy::Policy> policy)
    : core_(std::make_unique<Core>(options)) {
  std::string hash = PolicyHash(*policy);
  {
    const MutexLock lock(core_->mutex);
    core_->active = {std::move(policy), std::move(hash)};
  }
  core_->hub = std::make_shared<NoticeHub>(
      options.store, [core = core_.get()](const Oin& oin, std::string_view partij) {
        const ActivePolicy active = core->Active();
        const auto found = active.policy->FindPartijByOin(oin);
        return found && active.policy->NameOf(*found) == partij;
      });
  core_->sources = std::make_shared<SourceDesk>(*options.pool, options.source_time_limit);
  RecoverDeliveries(*core_);
}

Broker::~Broker() { Drain(absl::InfiniteDuration()); }

bool Broker::Knows(std::string_view method) { return AllHandlers().count(method) != 0; }

bool Broker::KnowsStream(std::string_view method) { return AllStreams().count(method) != 0; }

std::shared_ptr<const policy::Policy> Broker::policy() const { return core_->Active().policy; }

CallPtr Broker::Admit(std::string_view method, const Oin& caller, std::string request,
                      absl::Time deadline, Done done) {
  Core* const core = core_.get();
  {
    const MutexLock lock(core->mutex);
    if (core->draining) {
      done(Unavailable("SHUTTING_DOWN", "the broker is stopping"));
      return nullptr;
    }
    if (core->calls >= core->options.max_calls) {
      done(Unavailable("OVERLOADED", "too many calls are under way"));
      return nullptr;
    }
    ++core->calls;
  }
  auto call = std::make_shared<CallState>(
      CallState{method, caller, std::move(request), deadline, {}, {}, 0, {}});
  call->done = [core, done = std::move(done)](absl::StatusOr<std::string> result) {
    done(std::move(result));
    core->EndWork();
  };
  return call;
}

void Broker::Call(std::string_view method, const Oin& caller, std::string request,
                  absl::Time deadline, Done done) {
  Core* const core = core_.get();
  const auto handler = AllHandlers().find(method);
  const CallPtr call = Admit(handler == AllHandlers().end() ? std::string_view() : handler->first,
                             caller, std::move(request), deadline, std::move(done));
  if (call == nullptr) return;
  if (handler == AllHandlers().end()) {
    call->done(MakeError(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN", "no such call"));
    return;
  }
  const ActivePolicy active = core->Active();
  const auto partij = active.policy->FindPartijByOin(caller);
  if (!partij) {
    return core->Reject(call, NotAPartij());
  }
  call->partij = active.policy->NameOf(*partij);
  handler->second(*core, call);
}

std::unique_ptr<Stream> Broker::OpenStream(std::string_view method, const Oin& caller,
                                           std::shared_ptr<StreamPeer> peer) {
  const auto handler = AllStreams().find(method);
  if (handler == AllStreams().end()) {
    peer->End(MakeError(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN", "no such call"));
    return nullptr;
  }
  {
    const MutexLock lock(core_->mutex);
    if (core_->draining) {
      peer->End(Unavailable("SHUTTING_DOWN", "the broker is stopping"));
      return nullptr;
    }
  }
  const ActivePolicy active = core_->Active();
  const auto partij = active.policy->FindPartijByOin(caller);
  if (!partij) {
    Reject(caller, NotAPartij(),
           [peer = std::move(peer)](const absl::StatusOr<std::string>& answer) {
             peer->End(answer.status());
           });
    return nullptr;
  }
  return handler->second(*core_, caller, active.policy->NameOf(*partij), std::move(peer));
}

void Broker::Reject(const Oin& caller, absl::Status why, Done done) {
  const CallPtr call = Admit({}, caller, {}, absl::InfiniteFuture(), std::move(done));
  if (call == nullptr) return;
  const ActivePolicy active = core_->Active();
  if (const auto partij = active.policy->FindPartijByOin(caller)) {
    call->partij = active.policy->NameOf(*partij);
  } else {
    // Nothing else is said to a stranger, so that an entry without number never stands for more.
    why = NotAPartij();
  }
  core_->Reject(call, std::move(why));
}

absl::Status Broker::Activate(std::shared_ptr<const policy::Policy> policy) {
  ActivePolicy next{policy, PolicyHash(*policy)};
  Core* const core = core_.get();
  // The policy changes on the committer's thread, so that every decision falls before or after it.
  // If the commit fails the new one is in force all the same, unrecorded: the ledger refuses then,
  // or the operator learns of the failure and repeats.
  return core->SubmitOwn(
      [core, next](store::Transaction& transaction,
                   const ledger::Moment& moment) -> absl::StatusOr<ledger::Draft> {
        ActivePolicy before = next;
        {
          const MutexLock lock(core->mutex);
          std::swap(core->active, before);
        }
        if (before.hash != next.hash) {
          SLUIS_RETURN_IF_ERROR(
              NotifyPolicyChanged(*core, transaction, moment, *before.policy, *next.policy));
        }
        ledger::Draft draft;
        draft.kind = EventKind::POLICY_ACTIVATED;
        draft.record = std::make_unique<log::v1::Record>();
        draft.record->set_caller("sluisd");
        draft.record->set_policy_hash(next.hash);
        draft.record->set_convenant_version(next.policy->convenant_version());
        draft.record->set_statute_version(next.policy->statute_version());
        return draft;
      });
}

absl::Status Broker::RecordClockSet() {
  Core* const core = core_.get();
  return core->SubmitOwn(
      [core](store::Transaction&, const ledger::Moment&) -> absl::StatusOr<ledger::Draft> {
        ledger::Draft draft;
        draft.kind = EventKind::CLOCK_SET;
        draft.record = std::make_unique<log::v1::Record>();
        draft.record->set_caller("sluisd");
        draft.record->set_policy_hash(core->Active().hash);
        return draft;
      });
}

bool Broker::Drain(absl::Duration timeout) {
  const absl::Time until = absl::Now() + timeout;
  const MutexLock lock(core_->mutex);
  core_->draining = true;
  while (core_->calls > 0) {
    if (timeout == absl::InfiniteDuration()) {
      core_->calls_changed.Wait(core_->mutex);
    } else if (!core_->calls_changed.WaitFor(
                   core_->mutex, std::max(until - absl::Now(), absl::Milliseconds(1))) &&
               absl::Now() >= until) {
      break;
    }
  }
  return core_->calls == 0;
}

bool Core::BeginWork() {
  const MutexLock lock(mutex);
  if (draining) return false;
  ++calls;
  return true;
}

void Core::EndWork() {
  const MutexLock lock(mutex);
  --calls;
  calls_changed.NotifyAll();
}

void Core::Reject(const CallPtr& call, absl::Status why) {
  Submit(call,
         [this, call, why](store::Transaction&,
                           const ledger::Moment&) -> absl::StatusOr<ledger::Draft> {
           ledger::Draft draft =
               NewDraft(*call, Active(), EventKind::CALL_REJECTED, call->request_hash);
           SetError(draft, why);
           return draft;
         });
}

absl::Status Core::SubmitOwn(Apply apply) {
  Mutex ended_mutex;
  CondVar ended;
  std::optional<absl::Status> result;
  options.ledger->Submit({std::move(apply), [&](absl::StatusOr<ledger::Committed> committed) {
                            const MutexLock lock(ended_mutex);
                            result = committed.status();
                            if (committed.ok()) hub->Committed(committed->receipt.index);
                            ended.NotifyAll();
                          }});
  const MutexLock lock(ended_mutex);
  while (!result) ended.Wait(ended_mutex);
  return *result;
}

void Core::Submit(const CallPtr& call, Apply apply, Finish finish, TakeOver take_over,
                  Again again) {
  ledger::Submission submission;
  submission.apply = std::move(apply);
  submission.known_tree_size = call->known_tree_size;
  submission.deadline = call->deadline;
  submission.prompt = true;
  submission.done = [this, call, finish = std::move(finish), take_over = std::move(take_over),
                     again = std::move(again)](absl::StatusOr<ledger::Committed> committed) {
    if (!committed.ok()) {
      if (again && again()) return;
      return call->done(committed.status());
    }
    hub->Committed(committed->receipt.index);
    if (take_over && committed->draft.error.ok() && take_over(*committed)) return;
    std::string receipt = EncodeReceipt(committed->receipt);
    if (!committed->draft.error.ok()) {
      absl::Status error = committed->draft.error;
      wire::AttachReceipt(error, std::move(receipt));
      return call->done(std::move(error));
    }
    std::string response;
    AppendField(response, 1, committed->draft.answer);
    if (finish) {
      auto own = finish(*committed);
      if (!own.ok()) return RecordNotDelivered(call, *committed);
      response += *own;
    }
    AppendField(response, 15, receipt);
    call->done(std::move(response));
  };
  options.ledger->Submit(std::move(submission));
}

void Core::RecordNotDelivered(const CallPtr& call, const ledger::Committed& decision) {
  const log::v1::Record decided = RecordOf(decision);
  auto record = std::make_shared<log::v1::Record>();
  record->set_acting_hat(decided.acting_hat());
  record->set_professional(decided.professional());
  record->set_casus_id(decided.casus_id());
  record->set_pseudonym(decided.pseudonym());
  record->set_decided_in(decision.receipt.index + 1);
  const audit::Digest request = decision.draft.request;
  const std::string source = decision.draft.source;
  // The log says RELEASE: that nothing was delivered has to be said, however late it is.
  call->deadline = absl::InfiniteFuture();
  Submit(call,
         [this, call, record, request, source](
             store::Transaction&, const ledger::Moment&) -> absl::StatusOr<ledger::Draft> {
           ledger::Draft draft = NewDraft(*call, Active(), EventKind::NOT_DELIVERED, request);
           draft.record->MergeFrom(*record);
           draft.source = source;
           draft.error = Unavailable("NOT_DELIVERED",
                                     "the released values could not be opened; the log says so");
           draft.record->set_error_reason(ReasonOf(draft.error));
           return draft;
         });
}

ledger::Draft NewDraft(const CallState& call, const ActivePolicy& active, EventKind::Id kind,
                       const audit::Digest& request) {
  ledger::Draft draft;
  draft.kind = kind;
  draft.partij = call.partij;
  draft.record = std::make_unique<log::v1::Record>();
  draft.record->set_caller(call.partij.empty() ? call.oin.text() : call.partij);
  draft.record->set_policy_hash(active.hash);
  draft.record->set_convenant_version(active.policy->convenant_version());
  draft.record->set_statute_version(active.policy->statute_version());
  draft.request = request;
  return draft;
}

log::v1::Record RecordOf(const ledger::Committed& committed) {
  log::v1::Record record;
  // We wrote it just now.
  SLUIS_CHECK(record.ParseFromString(committed.record));
  return record;
}

void SetError(ledger::Draft& draft, absl::Status why) {
  draft.record->set_error_reason(ReasonOf(why));
  const auto metadata = MetadataOf(why);
  const auto field = metadata.find(std::string(kFieldKey));
  if (field != metadata.end()) draft.record->set_error_field(field->second);
  draft.error = std::move(why);
}

audit::Digest RequestHash(std::string_view method, google::protobuf::Message& request) {
  const auto* field = request.GetDescriptor()->FindFieldByName("known_tree_size");
  if (field != nullptr) request.GetReflection()->ClearField(&request, field);
  // With the method: two calls may have requests of the same form.
  return audit::HashRequest(absl::StrCat(ToAbsl(method), "\n", wire::Canonical(request)));
}

namespace {

uint32_t FieldTag(int number) {
  constexpr uint32_t kLengthDelimited = 2;
  return (static_cast<uint32_t>(number) << 3) | kLengthDelimited;
}

}  // namespace

void AppendField(std::string& out, int number, std::string_view bytes) {
  uint8_t header[20];
  uint8_t* end =
      google::protobuf::io::CodedOutputStream::WriteVarint32ToArray(FieldTag(number), header);
  end = google::protobuf::io::CodedOutputStream::WriteVarint32ToArray(
      static_cast<uint32_t>(bytes.size()), end);
  out.append(reinterpret_cast<const char*>(header), static_cast<size_t>(end - header));
  out.append(bytes);
}

bool TakeField(std::string_view& message, int number, std::string_view& bytes) {
  google::protobuf::io::CodedInputStream in(AsBytes(message).data(),
                                            static_cast<int>(message.size()));
  uint32_t size = 0;
  if (in.ReadTag() != FieldTag(number) || !in.ReadVarint32(&size)) return false;
  const auto begin = static_cast<size_t>(in.CurrentPosition());
  if (size > message.size() - begin) return false;
  bytes = message.substr(begin, size);
  message.remove_prefix(begin + size);
  return true;
}

// A number as protobuf writes it: not at all when it is 0.
void AppendNumber(std::string& out, int number, uint64_t value) {
  if (value == 0) return;
  uint8_t bytes[20];
  uint8_t* end = google::protobuf::io::CodedOutputStream::WriteVarint32ToArray(
      static_cast<uint32_t>(number) << 3, bytes);
  end = google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(value, end);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(end - bytes));
}

std::string EncodeReceipt(const audit::Receipt& receipt) {
  // As protobuf writes it in canonical form, without a copy of every hash.
  constexpr size_t kHash = audit::Digest::kSize + 2;
  std::string out;
  out.reserve(
      receipt.leaf.size() + receipt.checkpoint.size() + 64 +
      kHash * (receipt.inclusion.size() + receipt.consistency.size() + receipt.previous.size()));
  const auto append = [&out](int number, std::string_view bytes) {
    if (!bytes.empty()) AppendField(out, number, bytes);
  };
  const auto append_all = [&out](int number, const std::vector<audit::Digest>& hashes) {
    for (const audit::Digest& hash : hashes) AppendField(out, number, hash.bytes());
  };
  append(1, receipt.leaf);
  AppendNumber(out, 2, receipt.index);
  append_all(3, receipt.inclusion);
  append(4, receipt.checkpoint);
  AppendNumber(out, 5, receipt.consistency_from);
  append_all(6, receipt.consistency);
  AppendNumber(out, 7, receipt.previous_from);
  append_all(8, receipt.previous);
  return out;
}

bool IsRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
      return !ReasonOf(status).empty();
    default:
      return false;
  }
}

absl::StatusOr<RequestKey> MakeRequestKey(Core& core, std::string_view partij,
                                          const Uuid& request_id, const audit::Digest& content) {
  SLUIS_ASSIGN_OR_RETURN(std::string name, core.options.vault->RequestName(partij, request_id));
  return RequestKey{request_id, content, std::move(name)};
}

absl::StatusOr<std::optional<Earlier>> FindEarlier(Core& core, store::Reader& reader,
                                                   const RequestKey& key, Repeat repeat) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored, reader.Get(store::Table::kRequest, key.name));
  if (!stored) return std::nullopt;
  const auto unreadable = [] {
    return DataLoss("STORE_SYNC_FAILED", "a stored request cannot be read");
  };
  if (stored->size() != 8 + audit::Digest::kSize) return unreadable();
  if (std::string_view(*stored).substr(8) != key.content.bytes()) {
    return WithMetadata(AlreadyExists("MALFORMED", "this request_id was used with other content"),
                        kFieldKey, "request_id");
  }
  Earlier earlier;
  earlier.index = ReadU64(*stored);
  SLUIS_ASSIGN_OR_RETURN(auto entries, reader.Entries(earlier.index, 1));
  if (entries.empty() || entries.front().index != earlier.index) return unreadable();
  earlier.leaf = std::move(entries.front().leaf);
  if (repeat == Repeat::kAnew) return earlier;
  SLUIS_ASSIGN_OR_RETURN(earlier.answer, core.options.vault->OpenAnswer(state::kBrokerOwner, key.id,
                                                                        entries.front().answer));
  const auto leaf = audit::DecodeLeaf(earlier.leaf);
  if (!leaf.ok() || leaf->answer != AnswerHash(key.id, earlier.answer)) return unreadable();
  return earlier;
}

absl::Status RememberRequest(store::Transaction& transaction, const RequestKey& key,
                             uint64_t index) {
  std::string value;
  AppendU64(value, index);
  value.append(key.content.bytes());
  return transaction.Put(store::Table::kRequest, key.name, value);
}

audit::Digest AnswerHash(const Uuid& request_id, std::string_view answer) {
  std::string bytes(request_id.bytes());
  bytes.append(answer);
  return audit::HashAnswer(bytes);
}

absl::Status SetAnswer(Core& core, const Uuid& request_id, std::string answer,
                       ledger::Draft& draft) {
  draft.answer_hash = AnswerHash(request_id, answer);
  SLUIS_ASSIGN_OR_RETURN(draft.kept_answer,
                         core.options.vault->SealAnswer(state::kBrokerOwner, request_id, answer));
  draft.answer = std::move(answer);
  return absl::OkStatus();
}

absl::StatusOr<size_t> PageSize(int asked, size_t normal, size_t most) {
  if (asked < 0) return Malformed("page_size", "negative");
  return asked == 0 ? normal : std::min(static_cast<size_t>(asked), most);
}

namespace {

std::string PageUse(const CallState& call) {
  return absl::StrCat("page ", ToAbsl(call.method), " ", call.partij);
}

}  // namespace

absl::StatusOr<std::string> MakePageToken(Core& core, const CallState& call,
                                          std::string_view position) {
  SLUIS_ASSIGN_OR_RETURN(const std::string sealed,
                         core.options.vault->Seal(state::kBrokerOwner, PageUse(call), position));
  return HexEncode(sealed);
}

absl::StatusOr<std::string> OpenPageToken(Core& core, const CallState& call,
                                          std::string_view token) {
  if (token.empty()) return std::string();
  const auto sealed = HexDecode(token);
  if (sealed.ok()) {
    auto position = core.options.vault->Open(state::kBrokerOwner, PageUse(call), *sealed);
    if (position.ok() || !absl::IsDataLoss(position.status())) return position;
  }
  return Malformed("page_token", "not one that this broker gave for this call");
}

absl::Status CheckActor(CommandContext& context) {
  return CheckReader(context.policy, context.state, context.partij, context.hat,
                     context.professional, context.moment.today);
}

bool IsInvolved(const store::v1::Casus& casus, std::string_view partij) {
  const auto takes_part = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(), [&](const auto& participation) {
      return participation.participant().partij() == partij;
    });
  };
  return casus.opener().partij() == partij || takes_part(casus.facts().participants()) ||
         takes_part(casus.facts().guests()) ||
         std::any_of(casus.introductions().begin(), casus.introductions().end(),
                     [&](const auto& introduction) { return introduction.partij() == partij; });
}

bool IsNotOver(const policy::v1::Participation& participation, CivilDate today) {
  if (participation.until().empty()) return true;
  const auto until = CivilDate::Parse(participation.until());
  return until.ok() && today <= *until;
}

bool TakesPart(const store::v1::Casus& casus, std::string_view partij, CivilDate today) {
  const auto takes_part = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(),
                       [&](const policy::v1::Participation& participation) {
                         const auto from = CivilDate::Parse(participation.from());
                         return participation.participant().partij() == partij && from.ok() &&
                                *from <= today && IsNotOver(participation, today);
                       });
  };
  return takes_part(casus.facts().participants()) || takes_part(casus.facts().guests());
}

absl::StatusOr<store::v1::Casus> InvolvedCasus(CommandContext& context, const Uuid& casus_id,
                                               bool must_be_open) {
  SetCasus(context, casus_id);
  SLUIS_ASSIGN_OR_RETURN(auto casus, UnlessDestroyed(context.state.Casus(casus_id)));
  if (!casus || !IsInvolved(*casus, context.partij)) return NotInCasus();
  if (must_be_open && casus->facts().status() != policy::v1::CasusFacts::OPEN) {
    return FailedPrecondition("CASE_CLOSED", "the casus is closed");
  }
  return *std::move(casus);
}

absl::StatusOr<Uuid> CallersPerson(CommandContext& context, std::string_view handle) {
  SLUIS_ASSIGN_OR_RETURN(const Uuid id, intake::CheckId("person_id", handle));
  SLUIS_ASSIGN_OR_RETURN(const auto person, context.state.PersonOf(context.partij, id));
  if (!person) return NotInCasus();
  SLUIS_ASSIGN_OR_RETURN(const bool known, context.core.options.vault->HasKey(*person));
  if (!known) return NotInCasus();
  SLUIS_RETURN_IF_ERROR(SetPseudonym(context, *person));
  return *person;
}

bool HasPerson(const store::v1::Casus& casus, const Uuid& person) {
  const std::string id = person.ToString();
  return std::any_of(casus.facts().persons().begin(), casus.facts().persons().end(),
                     [&](const auto& each) { return each.id() == id; });
}

absl::Status SetPseudonym(CommandContext& context, const Uuid& person) {
  SLUIS_ASSIGN_OR_RETURN(*context.record.mutable_pseudonym(),
                         context.core.options.vault->Pseudonym(person));
  return absl::OkStatus();
}

void SetCasus(CommandContext& context, const Uuid& casus) {
  context.record.set_casus_id(std::string(casus.bytes()));
}

namespace {

// A command on its way, over its attempts.
struct CommandRun {
  CallPtr call;
  EventKind::Id kind;
  RequestKey key;
  std::string hat;
  std::string professional;
  bool acts;
  Repeat repeat;
  std::function<absl::StatusOr<std::string>(CommandContext&)> execute;
  Attempts attempts = {};
};

absl::StatusOr<ledger::Draft> Attempt(Core& core, CommandRun& run, store::Transaction& transaction,
                                      const ledger::Moment& moment) {
  const ActivePolicy active = core.Active();
  ledger::Draft draft = NewDraft(*run.call, active, run.kind, run.key.content);
  draft.record->set_acting_hat(active.policy->FindHat(run.hat) ? run.hat : std::string());
  draft.record->set_professional(
      intake::CheckProfessional("", run.professional).ok() ? run.professional : std::string());
  const auto refuse = [&](absl::Status why) -> absl::StatusOr<ledger::Draft> {
    if (!IsRefusal(why)) return why;
    SLUIS_RETURN_IF_ERROR(transaction.RollbackToMark());
    SetError(draft, std::move(why));
    return std::move(draft);
  };
  auto earlier = FindEarlier(core, transaction, run.key, run.repeat);
  if (!earlier.ok()) return refuse(earlier.status());
  if (*earlier) draft.repeats = (*earlier)->index + 1;
  if (*earlier && run.repeat == Repeat::kFirstAnswer) {
    draft.kind = EventKind::CALL_REPEATED;
    SLUIS_RETURN_IF_ERROR(SetAnswer(core, run.key.id, std::move((*earlier)->answer), draft));
    return draft;
  }
  state::StateWriter state(transaction, *core.options.vault);
  CommandContext context{
      core,          *run.call,        active,  *active.policy,   moment,       state, transaction,
      *draft.record, run.call->partij, run.hat, run.professional, &run.attempts};
  if (run.acts) {
    if (absl::Status actor = CheckActor(context); !actor.ok()) return refuse(std::move(actor));
  }
  auto answer = run.execute(context);
  if (!answer.ok()) return refuse(answer.status());
  if (!*earlier) SLUIS_RETURN_IF_ERROR(RememberRequest(transaction, run.key, moment.index));
  SLUIS_RETURN_IF_ERROR(SetAnswer(core, run.key.id, *std::move(answer), draft));
  if (run.repeat == Repeat::kAnew) draft.kept_answer.clear();
  return draft;
}

void SubmitCommand(Core& core, const std::shared_ptr<CommandRun>& run) {
  core.Submit(
      run->call,
      [&core, run](store::Transaction& transaction, const ledger::Moment& moment) {
        return Attempt(core, *run, transaction, moment);
      },
      {}, {},
      [&core, run] {
        if (!run->attempts.read_first) return false;
        core.Post([&core, run] {
          const auto read = std::exchange(run->attempts.read_first, {});
          if (absl::Status done = read(); !done.ok()) return run->call->done(std::move(done));
          ++run->attempts.made;
          SubmitCommand(core, run);
        });
        return true;
      });
}

}  // namespace

void RunCommandErased(Core& core, const CallPtr& call, EventKind::Id kind, RequestKey key,
                      std::string hat, std::string professional, bool acts, Repeat repeat,
                      std::function<absl::StatusOr<std::string>(CommandContext&)> execute) {
  SubmitCommand(core, std::make_shared<CommandRun>(
                          CommandRun{call, kind, std::move(key), std::move(hat),
                                     std::move(professional), acts, repeat, std::move(execute)}));
}

}  // namespace sluis::broker
