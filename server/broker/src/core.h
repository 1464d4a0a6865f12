#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "sluis/audit/leaf.h"
#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/broker/broker.h"
#include "sluis/broker/scheduler.h"
#include "sluis/intake/checks.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/state/state.h"
#include "sluis/wire/message.h"

// What the use cases share. Internal to the room.
namespace sluis::broker {

using log::v1::EventKind;

struct ActivePolicy {
  std::shared_ptr<const policy::Policy> policy;
  std::string hash;
};

// One call under way.
struct CallState {
  std::string_view method;
  Oin oin;
  std::string body;
  absl::Time deadline;
  Broker::Done done;
  // The calling partij in the policy of when the call came in; empty when it is none.
  std::string partij;
  uint64_t known_tree_size = 0;
  // The hash of the request, from when it is known to hold a request_id: without that random part
  // its content could be tried against the hash, which any partij can read.
  audit::Digest request_hash = {};
};
using CallPtr = std::shared_ptr<CallState>;

class NoticeHub;
class SourceDesk;

struct Core {
  explicit Core(BrokerOptions given) : options(given) {}

  const BrokerOptions options;
  mutable Mutex mutex;
  ActivePolicy active ABSL_GUARDED_BY(mutex);
  int calls ABSL_GUARDED_BY(mutex) = 0;
  bool draining ABSL_GUARDED_BY(mutex) = false;
  CondVar calls_changed;
  // The systems of sources that answer for what they keep themselves (source_desk.h).
  std::shared_ptr<SourceDesk> sources;
  // The streams of notices (notice_hub.h).
  std::shared_ptr<NoticeHub> hub;

  [[nodiscard]] ActivePolicy Active() const {
    const MutexLock lock(mutex);
    return active;
  }

  // Logs a call that was not run and answers with the error and the receipt of its entry, which
  // holds call->request_hash.
  void Reject(const CallPtr& call, absl::Status why);
  // Submits to the ledger and answers when it is durable. `finish` makes the response's own fields
  // (those besides the answer and the receipt) after the commit; it may be empty. When it fails,
  // that is recorded (NOT_DELIVERED) and the answer is UNAVAILABLE / NOT_DELIVERED.
  using Apply =
      std::function<absl::StatusOr<ledger::Draft>(store::Transaction&, const ledger::Moment&)>;
  using Finish = std::function<absl::StatusOr<std::string>(const ledger::Committed&)>;
  // `take_over` may go on in another way, and later, with what was committed: it then returns true
  // and answers the call itself.
  using TakeOver = std::function<bool(ledger::Committed&)>;
  // `again` may go on with what was not committed, and later: it then returns true and answers the
  // call itself.
  using Again = std::function<bool()>;
  void Submit(const CallPtr& call, Apply apply, Finish finish = {}, TakeOver take_over = {},
              Again again = {});
  // Counts work that is no call among those under way, for which Drain() waits, until EndWork().
  // False when the broker is stopping: then it is not to be begun.
  bool BeginWork();
  void EndWork();
  // Submits what no partij asked for (an operator did, or the broker itself), and waits.
  absl::Status SubmitOwn(Apply apply);
  void RecordNotDelivered(const CallPtr& call, const ledger::Committed& decision);
  // Runs on a thread of the pool: for what reads the disk.
  void Post(std::function<void()> task) const { options.pool->Post(std::move(task)); }
};

// A draft with caller, policy and request hash filled in.
ledger::Draft NewDraft(const CallState& call, const ActivePolicy& active, EventKind::Id kind,
                       const audit::Digest& request);
// The record of an entry that was made.
log::v1::Record RecordOf(const ledger::Committed& committed);
// Ends a draft with an error: its reason and the element at fault go into the record.
void SetError(ledger::Draft& draft, absl::Status why);
// The hash of a request as it stands in its entry: method and canonical form, without
// `known_tree_size`, which is cleared.
audit::Digest RequestHash(std::string_view method, google::protobuf::Message& request);

// Appends a length-delimited field, as protobuf writes it.
void AppendField(std::string& out, int number, std::string_view bytes);
// Takes a length-delimited field off the front of a message; false when there is another thing.
bool TakeField(std::string_view& message, int number, std::string_view& bytes);
std::string EncodeReceipt(const audit::Receipt& receipt);

// True for an error that says something about the call; false for one about us.
bool IsRefusal(const absl::Status& status);

// A request_id with what was asked under it.
struct RequestKey {
  Uuid id;
  audit::Digest content;
  // Under which it is kept.
  std::string name;
};
absl::StatusOr<RequestKey> MakeRequestKey(Core& core, std::string_view partij,
                                          const Uuid& request_id, const audit::Digest& content);
// The answer an earlier call with this request_id got, or nothing. ALREADY_EXISTS / MALFORMED when
// its content was another.
struct Earlier {
  uint64_t index = 0;
  std::string leaf;
  std::string answer;
};
// What the same request_id with the same content gives.
enum class Repeat {
  kFirstAnswer,  // nothing is done; the answer is the first one
  kAnew,         // what only reads: by the rights of now, so its answer is kept nowhere
};
absl::StatusOr<std::optional<Earlier>> FindEarlier(Core& core, store::Reader& reader,
                                                   const RequestKey& key,
                                                   Repeat repeat = Repeat::kFirstAnswer);
// `index` is that of the entry of this call.
absl::Status RememberRequest(store::Transaction& transaction, const RequestKey& key,
                             uint64_t index);
// The hash of an answer as it stands in its entry: with the request_id, which only the caller
// knows, so that nobody can try answers against it.
audit::Digest AnswerHash(const Uuid& request_id, std::string_view answer);
// Puts the answer into the draft: to be sent, hashed into the leaf, and sealed to be kept.
absl::Status SetAnswer(Core& core, const Uuid& request_id, std::string answer,
                       ledger::Draft& draft);

// Pages of lists: MALFORMED for a negative size or a token that we did not give.
absl::StatusOr<size_t> PageSize(int asked, size_t normal, size_t most);
// A token is sealed, and good for this call of this partij alone: positions tell when what was
// made.
absl::StatusOr<std::string> MakePageToken(Core& core, const CallState& call,
                                          std::string_view position);
absl::StatusOr<std::string> OpenPageToken(Core& core, const CallState& call,
                                          std::string_view token);

// A document whose key was destroyed is as good as unknown.
template <typename T>
absl::StatusOr<std::optional<T>> UnlessDestroyed(absl::StatusOr<std::optional<T>> found) {
  if (ReasonOf(found.status()) == "KEY_DESTROYED") return std::optional<T>();
  return found;
}

// ---- Commands: calls that change something ----

struct Attempts;

// What a command runs with, on the committer's thread.
struct CommandContext {
  Core& core;
  const CallState& call;
  const ActivePolicy& active;
  const policy::Policy& policy;
  const ledger::Moment& moment;
  state::StateWriter& state;
  store::Transaction& transaction;
  log::v1::Record& record;
  // The calling partij and, where the request names one, the acting hat.
  const std::string& partij;
  std::string hat;
  std::string professional;
  // For what rests on much of the log (log_scan.h).
  Attempts* attempts = nullptr;

  [[nodiscard]] policy::v1::PartijHat self() const {
    policy::v1::PartijHat side;
    side.set_partij(partij);
    side.set_hat(hat);
    return side;
  }
};

inline absl::Status NotAuthorised(std::string_view text) {
  return PermissionDenied("NOT_AUTHORISED_PERSON", text);
}
inline absl::Status NotInCasus() {
  return FailedPrecondition("NOT_IN_CASUS", "no such casus or person for the caller");
}

// Checks that the convenant holds, the partij has acceded and holds the hat, and the professional
// is on record in it.
absl::Status CheckActor(CommandContext& context);

// The casus, when the caller has to do with it and it is open; NOT_IN_CASUS or CASE_CLOSED
// otherwise.
absl::StatusOr<store::v1::Casus> InvolvedCasus(CommandContext& context, const Uuid& casus_id,
                                               bool must_be_open = true);
// Whether the partij opened the casus, takes part in it, or was told of a person in it.
bool IsInvolved(const store::v1::Casus& casus, std::string_view partij);
// Whether the participation is not over on the day. It may still have to begin.
bool IsNotOver(const policy::v1::Participation& participation, CivilDate today);
// Whether the partij takes part on the day, as participant or guest.
bool TakesPart(const store::v1::Casus& casus, std::string_view partij, CivilDate today);
// The person whom the caller means; NOT_IN_CASUS when it was given no such id.
absl::StatusOr<Uuid> CallersPerson(CommandContext& context, std::string_view handle);
bool HasPerson(const store::v1::Casus& casus, const Uuid& person);
// Whether a convenant list of hats holds the acting one.
template <typename Hats>
bool ListsHat(const Hats& hats, std::string_view hat) {
  for (const std::string& each : hats) {
    if (each == hat) return true;
  }
  return false;
}
absl::Status SetPseudonym(CommandContext& context, const Uuid& person);
void SetCasus(CommandContext& context, const Uuid& casus);

template <typename Request>
struct RequestTraits {
  static std::string Hat(const Request& request) { return request.acting_hat(); }
  static std::string Professional(const Request& request) { return request.professional(); }
  static constexpr bool kActs = true;
};

template <typename Request, typename Answer>
struct Command {
  EventKind::Id kind;
  // What the form alone can tell: MALFORMED. Runs on the calling thread.
  absl::Status (*check)(const Request&);
  // Runs inside the transaction. A refusal undoes what it wrote. It may run more than once
  // (log_scan.h): then only the last time counts.
  absl::StatusOr<Answer> (*execute)(CommandContext&, const Request&);
  Repeat repeat = Repeat::kFirstAnswer;
};

void RunCommandErased(Core& core, const CallPtr& call, EventKind::Id kind, RequestKey key,
                      std::string hat, std::string professional, bool acts, Repeat repeat,
                      std::function<absl::StatusOr<std::string>(CommandContext&)> execute);

template <typename Request, typename Answer>
void RunCommand(Core& core, const CallPtr& call, const Command<Request, Answer>& command) {
  auto request = std::make_shared<Request>();
  if (absl::Status read = wire::ParseStrict(call->body, *request); !read.ok())
    return core.Reject(call, std::move(read));
  call->known_tree_size = request->known_tree_size();
  const audit::Digest content = RequestHash(call->method, *request);
  const auto request_id = intake::CheckRequestId(request->request_id());
  if (!request_id.ok()) return core.Reject(call, request_id.status());
  call->request_hash = content;
  if (absl::Status form = command.check(*request); !form.ok())
    return core.Reject(call, std::move(form));
  auto key = MakeRequestKey(core, call->partij, *request_id, content);
  if (!key.ok()) return call->done(key.status());
  RunCommandErased(
      core, call, command.kind, *std::move(key), RequestTraits<Request>::Hat(*request),
      RequestTraits<Request>::Professional(*request), RequestTraits<Request>::kActs, command.repeat,
      [request, execute = command.execute](CommandContext& context) -> absl::StatusOr<std::string> {
        auto answer = execute(context, *request);
        if (!answer.ok()) return answer.status();
        return wire::Canonical(*answer);
      });
}

// ---- The use cases, by service ----
using Handler = void (*)(Core&, const CallPtr&);
using Handlers = std::map<std::string_view, Handler>;
void AddSharing(Handlers& handlers);
void AddCasus(Handlers& handlers);
void AddField(Handlers& handlers);
void AddConsent(Handlers& handlers);
void AddFact(Handlers& handlers);
void AddInzage(Handlers& handlers);
void AddInforming(Handlers& handlers);
void AddCorrection(Handlers& handlers);
void AddReview(Handlers& handlers);
void AddEmergency(Handlers& handlers);
void AddProfessional(Handlers& handlers);
void AddAudit(Handlers& handlers);
void AddWams(Handlers& handlers);
void AddSignal(Handlers& handlers);
void AddEscalation(Handlers& handlers);
void AddPriorityList(Handlers& handlers);
void AddDecision(Handlers& handlers);
void AddNotification(Handlers& handlers);

// The person with this BSN. UNAVAILABLE / OVERLOADED while it is being destroyed.
absl::StatusOr<Uuid> PersonWithBsn(CommandContext& context, std::string_view bsn);

// ---- What the broker does by itself ----
void AddRetentionJobs(std::vector<Job>& jobs);
void AddDutyJobs(std::vector<Job>& jobs, const ProbingLimit& probing);
void AddNoticeJobs(std::vector<Job>& jobs);
void AddDeliveryJobs(std::vector<Job>& jobs);

// ---- The streams ----

// `partij` is the calling partij. The peer may be used at once; null after it was ended.
using StreamHandler = std::unique_ptr<Stream> (*)(Core&, const Oin&, std::string partij,
                                                  std::shared_ptr<StreamPeer>);
using StreamHandlers = std::map<std::string_view, StreamHandler>;
void AddNotificationStreams(StreamHandlers& handlers);
void AddSource(StreamHandlers& handlers);

}  // namespace sluis::broker
