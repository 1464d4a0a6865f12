#include "session.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "absl/time/clock.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/leaf.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/client/errors.h"
#include "sluis/log/v1/record.pb.h"
#include "sluis/v1/audit.pb.h"
#include "sluis/wire/message.h"
#include "sluis/wire/status.h"

namespace sluis::client::internal {
namespace {

constexpr std::string_view kConsistency = "/sluis.v1.AuditService/GetConsistencyProof";
constexpr std::string_view kTestSuffix = " TEST_DATA_ONLY";
// While other answers move the trusted head on, a proof that was fetched may come too late.
constexpr int kFetches = 8;
constexpr absl::Duration kFetchTimeout = absl::Seconds(10);

// known_tree_size has number 18 in every request, above all others, so that the canonical form has
// it at the end; and it is no part of what is hashed.
void AppendKnownTreeSize(std::string& request, uint64_t size) {
  request += "\x90\x01";
  while (size >= 0x80) {
    request += static_cast<char>((size & 0x7f) | 0x80);
    size >>= 7;
  }
  request += static_cast<char>(size);
}

audit::Digest HashOf(std::string_view method, std::string_view request) {
  std::string bytes(method);
  bytes += "\n";
  bytes += request;
  return audit::HashRequest(bytes);
}

// The request_id is in it, so that nobody can guess an answer from its hash.
audit::Digest HashOf(const Uuid& request_id, std::string_view answer) {
  std::string bytes(request_id.bytes());
  bytes += answer;
  return audit::HashAnswer(bytes);
}

// Whether a call that ended so, without a receipt, may have made an entry all the same.
bool MayBeRecorded(const absl::Status& error) {
  const std::string reason = ReasonOf(error);
  if (reason == "BROKER_UNREACHABLE" || reason == "BROKER_UNTRUSTED" ||
      reason == "BROKER_NAME_MISMATCH")
    return false;
  switch (error.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kUnimplemented:
      return false;
    default:
      return true;
  }
}

bool IsDelivery(const audit::Leaf& leaf) {
  return leaf.kind == log::v1::EventKind::DELIVERED ||
         leaf.kind == log::v1::EventKind::NOT_DELIVERED;
}

// Whether the broker may have made this entry of an answer, or of its second part.
absl::Status CheckEntry(const audit::Leaf& leaf, bool delivery) {
  // Bytes of one kind of answer could be read as those of the other.
  if (IsDelivery(leaf) != delivery || leaf.kind == log::v1::EventKind::CALL_REJECTED)
    return DataLoss("RECEIPT_KIND", "the entry is one of another kind");
  // Else a broker could keep what it does in our name out of our count.
  if (leaf.partij_seq == 0) return DataLoss("RECEIPT_KIND", "the entry is none of ours");
  return absl::OkStatus();
}

// Whether the broker may have made this entry of this error. The log does not show us which error
// an entry is about, so whatever else it shows has to fit.
absl::Status CheckEntryOfError(const audit::Leaf& leaf, const absl::Status& error) {
  const std::string reason = ReasonOf(error);
  const bool unread = leaf.request == audit::Digest();
  if (unread && reason != "NOT_A_PARTIJ" && reason != "MALFORMED" && reason != "TOO_LARGE")
    return DataLoss("RECEIPT_REQUEST", "the entry is about no request that could be read");
  const bool fits =
      unread ? leaf.kind == log::v1::EventKind::CALL_REJECTED
             : leaf.kind != log::v1::EventKind::DELIVERED &&
                   leaf.kind != log::v1::EventKind::CALL_REPEATED &&
                   (leaf.kind == log::v1::EventKind::NOT_DELIVERED) == (reason == "NOT_DELIVERED");
  if (!fits) return DataLoss("RECEIPT_KIND", "the entry is one of another kind");
  // Whom the broker does not know has no numbers, and is not read. All others are counted.
  if ((leaf.partij_seq == 0) != (unread && reason == "NOT_A_PARTIJ"))
    return DataLoss("RECEIPT_KIND", "the entry is none of ours");
  return absl::OkStatus();
}

uint64_t SizeIn(const absl::Status& needed, const char* key) {
  const auto metadata = MetadataOf(needed);
  const auto found = metadata.find(key);
  return found == metadata.end() ? 0 : std::strtoull(found->second.c_str(), nullptr, 10);
}

absl::Status Explained(absl::Status status, bool test_data_only) {
  if (ReasonOf(status) != "CHECKPOINT_ORIGIN") return status;
  const auto metadata = MetadataOf(status);
  const auto origin = metadata.find("origin");
  if (test_data_only || origin == metadata.end() || origin->second.size() < kTestSuffix.size() ||
      origin->second.substr(origin->second.size() - kTestSuffix.size()) != kTestSuffix)
    return status;
  return WithMetadata(
      MakeError(status.code(), "CHECKPOINT_ORIGIN",
                "the broker is one of environment TEST_DATA_ONLY, which this client does not "
                "accept: set the option test_data_only if you mean it"),
      "origin", origin->second);
}

// The file of numbers: "42 open", or "42 complete" when the client ended and knew of all its
// entries.
constexpr std::string_view kOpen = " open\n";
constexpr std::string_view kComplete = " complete\n";

std::string WriteStanding(const SequenceTracker::Standing& standing) {
  return std::to_string(standing.newest) + std::string(standing.complete ? kComplete : kOpen);
}

std::optional<SequenceTracker::Standing> ReadStanding(std::string_view text) {
  const size_t end = text.find(' ');
  if (end == std::string_view::npos) return std::nullopt;
  SequenceTracker::Standing standing;
  const auto [at, error] = std::from_chars(text.data(), text.data() + end, standing.newest);
  if (error != std::errc() || at != text.data() + end) return std::nullopt;
  standing.complete = text.substr(end) == kComplete;
  if (!standing.complete && text.substr(end) != kOpen) return std::nullopt;
  return standing;
}

// An end comes after the open state of the same number.
uint64_t OrderOf(const SequenceTracker::Standing& standing) {
  return standing.newest * 2 + (standing.complete ? 1 : 0);
}

}  // namespace

Session::Session(std::unique_ptr<Transport> transport, SessionOptions options)
    : options_(std::move(options)),
      verifier_(options_.origin, {options_.key}),
      sequence_(options_.sequence),
      transport_(std::move(transport)) {}

Session::~Session() {
  const MutexLock lock(mutex_);
  while (under_way_ > 0) all_ended_.Wait(mutex_);
  const auto standing = sequence_.standing();
  // Where others make entries as well, no end of ours says anything.
  if (numbers_ != nullptr && standing.complete && standing.newest > 0 &&
      options_.sequence == Sequence::kOnlyClient)
    numbers_->Offer(OrderOf(standing), WriteStanding(standing));
}

absl::Status Session::OpenState(const std::string& path, const std::string& numbers) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored, ReadWholeFile(path));
  if (stored) {
    if (const absl::Status restored = verifier_.Restore(*stored); !restored.ok()) {
      return WithMetadata(
          WithMetadata(
              DataLoss("STATE_FILE_INVALID",
                       path + " holds no checkpoint of this log (" + ReasonOf(restored) +
                           "). It belongs to another log or key, or was damaged. Without it the "
                           "log could show us another history: find out before you remove it"),
              "file", path),
          "problem", ReasonOf(restored));
    }
  }
  state_ = std::make_unique<StateFile>(
      path,
      [origin = options_.origin,
       key = options_.key](std::string_view checkpoint) -> std::optional<uint64_t> {
        const auto head = audit::OpenCheckpoint(checkpoint, origin, {&key, 1});
        if (!head.ok()) return std::nullopt;
        return head->size;
      });
  return numbers.empty() ? absl::OkStatus() : OpenNumbers(numbers, stored.has_value());
}

absl::Status Session::OpenNumbers(const std::string& path, bool same_log) {
  SLUIS_ASSIGN_OR_RETURN(const auto stored, ReadWholeFile(path));
  SequenceTracker::Standing standing;
  if (stored && same_log) {
    const auto read = ReadStanding(*stored);
    if (!read) {
      return WithMetadata(
          WithMetadata(DataLoss("STATE_FILE_INVALID",
                                path + " does not hold the number of our newest entry: it was "
                                       "damaged. Without it nobody sees what was done in our name "
                                       "since: find out before you remove it"),
                       "file", path),
          "problem", "NUMBER_MALFORMED");
    }
    standing = *read;
    if (standing.newest > 0) sequence_.Restore(standing.newest, standing.complete);
  }
  // Before the first call: if we do not come to our end, nobody may take this for one. A disk that
  // is full keeps nobody from calling; Flush() tells, as of every other write.
  standing.complete = false;
  absl::Status opened;
  if (const std::string open = WriteStanding(standing); stored != open)
    opened = ReplaceFile(path, open);
  numbers_ = std::make_unique<StateFile>(
      path,
      [](std::string_view text) {
        const auto found = ReadStanding(text);
        return found ? std::optional(OrderOf(*found)) : std::nullopt;
      },
      std::move(opened));
  return absl::OkStatus();
}

absl::Status Session::Flush() {
  absl::Status flushed = state_ == nullptr ? absl::OkStatus() : state_->Flush();
  if (numbers_ != nullptr) flushed.Update(numbers_->Flush());
  return flushed;
}

void Session::Keep() {
  if (state_ == nullptr) return;
  const auto head = verifier_.trusted_head();
  auto checkpoint = verifier_.trusted();
  // Two looks: at worst the size is that of an older checkpoint, and the next call keeps this one.
  if (head && checkpoint) state_->Offer(head->size, *std::move(checkpoint));
  if (numbers_ == nullptr) return;
  SequenceTracker::Standing standing = sequence_.standing();
  standing.complete = false;
  if (standing.newest > 0) numbers_->Offer(OrderOf(standing), WriteStanding(standing));
}

void Session::Ended() {
  const MutexLock lock(mutex_);
  if (--under_way_ == 0) all_ended_.NotifyAll();
}

void Session::Call(Ask ask, Done done) {
  {
    const MutexLock lock(mutex_);
    ++under_way_;
  }
  auto call = std::make_shared<PendingCall>();
  call->ask = std::move(ask);
  call->done = std::move(done);
  call->request = HashOf(call->ask.method, call->ask.request);
  call->body = call->ask.request;
  if (!call->ask.request_id.is_nil()) {
    const auto head = verifier_.trusted_head();
    if (head && head->size > 0) AppendKnownTreeSize(call->body, head->size);
  }
  call->ticket = sequence_.Begin();
  const absl::Duration timeout =
      call->ask.timeout > absl::ZeroDuration() ? call->ask.timeout : options_.timeout;
  transport_->Call(
      call->ask.method, call->body, absl::Now() + timeout,
      [this, call](absl::StatusOr<std::string> raw) { OnAnswer(call, std::move(raw)); });
}

absl::StatusOr<std::unique_ptr<Answer>> Session::CallAndWait(Ask ask) {
  Mutex mutex;
  CondVar ended;
  std::optional<absl::StatusOr<std::unique_ptr<Answer>>> result;
  Call(std::move(ask), [&](absl::StatusOr<std::unique_ptr<Answer>> answer) {
    const MutexLock lock(mutex);
    result.emplace(std::move(answer));
    ended.NotifyAll();
  });
  const MutexLock lock(mutex);
  while (!result) ended.Wait(mutex);
  return *std::move(result);
}

void Session::OnAnswer(const CallPtr& call, absl::StatusOr<std::string> raw) {
  if (!raw.ok()) {
    call->error = raw.status();
    const std::string bytes = wire::AttachedReceipt(call->error);
    if (bytes.empty()) return Finish(call, absl::OkStatus());
    auto receipt = ReadReceipt(bytes);
    if (!receipt.ok()) return Finish(call, receipt.status());
    // What the broker could not read, or refused to, has no hash in its entry.
    const auto leaf = audit::DecodeLeaf(receipt->leaf);
    if (leaf.ok() && leaf->request == audit::Digest()) call->request = audit::Digest();
    call->checks.push_back({*std::move(receipt), audit::Digest(), false});
    return Verify(call);
  }
  call->answer = std::make_unique<Answer>();
  call->answer->response = *std::move(raw);
  if (call->ask.request_id.is_nil()) return Finish(call, absl::OkStatus());

  auto parts = OpenEnvelope(call->answer->response);
  if (!parts.ok()) {
    // Nothing in it can be handed out.
    call->answer.reset();
    call->error = parts.status();
    return Finish(call, absl::OkStatus());
  }
  call->answer->parts = *std::move(parts);
  call->answer->proof.request_id = call->ask.request_id.ToString();
  const Envelope& envelope = call->answer->parts;
  if (envelope.receipts.empty()) {
    return Finish(call, DataLoss("RECEIPT_MISSING", "the answer came without proof"));
  }
  // The second answer has an entry of its own.
  if (envelope.delivery && envelope.receipts.size() != 2)
    return Finish(call, DataLoss("RECEIPT_MISSING", "the delivery came without proof"));
  const audit::Digest answer = HashOf(call->ask.request_id, envelope.answer);
  for (size_t i = 0; i < envelope.receipts.size(); ++i) {
    auto receipt = ReadReceipt(envelope.receipts[i]);
    if (!receipt.ok()) return Finish(call, receipt.status());
    const bool delivery = envelope.delivery && i == 1;
    call->checks.push_back({*std::move(receipt),
                            delivery ? HashOf(call->ask.request_id, *envelope.delivery) : answer,
                            false, delivery});
  }
  // After the others, whose checkpoint it shares.
  if (envelope.earlier) {
    auto receipt = ReadReceipt(envelope.earlier->receipt);
    if (!receipt.ok()) return Finish(call, receipt.status());
    call->checks.push_back(
        {*std::move(receipt), HashOf(call->ask.request_id, envelope.earlier->answer), true});
  }
  Verify(call);
}

void Session::Verify(const CallPtr& call) {
  std::vector<CallPtr> helped;
  VerifyOne(call, helped);
  while (!helped.empty()) {
    const CallPtr next = std::move(helped.back());
    helped.pop_back();
    VerifyOne(next, helped);
  }
}

void Session::VerifyOne(const CallPtr& call, std::vector<CallPtr>& helped) {
  while (call->checked < call->checks.size()) {
    if (HeldBack(call)) return;
    const Check& check = call->checks[call->checked];
    const uint64_t changes = verifier_.history_changes();
    auto verified = verifier_.Verify(check.receipt, call->request, check.answer);
    if (!verified.ok()) {
      if (ReasonOf(verified.status()) == "CONSISTENCY_NEEDED" && call->fetches < kFetches) {
        if (Connect(call, verified.status(), changes)) return;
        continue;
      }
      return Finish(call,
                    Explained(verified.status(), options_.origin.find(' ') != std::string::npos));
    }
    const absl::Status fits = call->error.ok() ? CheckEntry(verified->leaf, check.delivery)
                                               : CheckEntryOfError(verified->leaf, call->error);
    if (!fits.ok()) return Finish(call, fits);
    Entry entry;
    entry.index = verified->index;
    entry.event_id = verified->leaf.event_id;
    entry.time = absl::FromUnixMicros(verified->leaf.time_us);
    entry.partij_seq = verified->leaf.partij_seq;
    entry.tree_size = verified->head.size;
    entry.receipt = check.receipt;
    entry.request = call->request;
    entry.answer = check.answer;
    if (check.earlier) {
      sequence_.Seen(entry.partij_seq);
      call->answer->earlier = std::move(entry);
    } else {
      call->numbers.push_back(entry.partij_seq);
      if (call->answer != nullptr) {
        call->answer->proof.entries.push_back(std::move(entry));
      } else {
        call->error =
            WithMetadata(std::move(call->error), "log_index", std::to_string(entry.index));
      }
    }
    if (verified->new_head) TakeHelped(check.receipt, verified->head.size, helped);
    ++call->checked;
  }
  Finish(call, absl::OkStatus());
}

void Session::FetchProof(uint64_t old_size, uint64_t new_size,
                         std::function<void(absl::StatusOr<std::vector<audit::Digest>>)> done) {
  v1::GetConsistencyProofRequest request;
  request.set_old_size(old_size);
  request.set_new_size(new_size);
  const SequenceTracker::Ticket ticket = sequence_.Begin();
  transport_->Call(
      kConsistency, wire::Canonical(request), absl::Now() + kFetchTimeout,
      [this, ticket, done = std::move(done)](absl::StatusOr<std::string> raw) {
        // A refusal of it would be an entry, of which we do not look at the proof.
        static_cast<void>(sequence_.End(ticket, {{}, raw.ok() ? 0U : 1U, false}));
        if (!raw.ok()) return done(raw.status());
        v1::GetConsistencyProofResponse response;
        if (!response.ParseFromString(*raw)) {
          return done(DataLoss("ANSWER_MALFORMED", "the broker's proof cannot be read"));
        }
        std::vector<audit::Digest> proof;
        for (const std::string& bytes : response.hashes()) {
          auto digest = audit::Digest::FromBytes(bytes);
          if (!digest.ok()) return done(digest.status());
          proof.push_back(*digest);
        }
        done(std::move(proof));
      });
}

absl::Status Session::Extend(std::string_view checkpoint, uint64_t old_size, uint64_t new_size,
                             const std::vector<audit::Digest>& proof) {
  SLUIS_ASSIGN_OR_RETURN(const audit::TreeHead head,
                         audit::ReadCheckpointUnverified(checkpoint, options_.origin));
  return verifier_.Extend(checkpoint, head.size == old_size ? new_size : old_size, proof);
}

void Session::HoldBack(const CallPtr& call) {
  const auto head = audit::ReadCheckpointUnverified(call->checks[call->checked].receipt.checkpoint,
                                                    options_.origin);
  call->size = head.ok() ? head->size : 0;
  held_back_.push_back(call);
}

bool Session::HeldBack(const CallPtr& call) {
  const MutexLock lock(mutex_);
  if (fetching_ != Fetching::kAlone) return false;
  HoldBack(call);
  return true;
}

bool Session::Connect(const CallPtr& call, const absl::Status& needed, uint64_t changes) {
  {
    const MutexLock lock(mutex_);
    if (verifier_.history_changes() != changes) return false;
    HoldBack(call);
    if (fetching_ != Fetching::kNo) return true;
    fetching_ = Fetching::kYes;
  }
  Fetch(call, needed);
  return true;
}

void Session::TakeHelped(const audit::Receipt& receipt, uint64_t size,
                         std::vector<CallPtr>& helped) {
  const MutexLock lock(mutex_);
  // Who has the same checkpoint, continues it, or is what it continues.
  const auto others =
      std::partition(held_back_.begin(), held_back_.end(), [&](const CallPtr& call) {
        return call->size != size && call->size != receipt.previous_from &&
               call->checks[call->checked].receipt.previous_from != size;
      });
  helped.insert(helped.end(), others, held_back_.end());
  held_back_.erase(others, held_back_.end());
}

void Session::ReleaseHeldBack() {
  for (;;) {
    CallPtr next;
    {
      const MutexLock lock(mutex_);
      if (fetching_ != Fetching::kNo || held_back_.empty()) return;
      const auto first =
          std::min_element(held_back_.begin(), held_back_.end(),
                           [](const CallPtr& a, const CallPtr& b) { return a->size < b->size; });
      next = std::move(*first);
      held_back_.erase(first);
    }
    Verify(next);
  }
}

void Session::Fetch(const CallPtr& call, const absl::Status& needed) {
  ++call->fetches;
  const uint64_t old_size = SizeIn(needed, "old_size");
  const uint64_t new_size = SizeIn(needed, "new_size");
  FetchProof(
      old_size, new_size,
      [this, call, needed, old_size,
       new_size](const absl::StatusOr<std::vector<audit::Digest>>& proof) {
        bool waits = false;
        {
          // Did the link come first? Then the proof has become needless.
          const MutexLock lock(mutex_);
          const auto held = std::find(held_back_.begin(), held_back_.end(), call);
          if (held == held_back_.end()) {
            fetching_ = Fetching::kNo;
          } else {
            held_back_.erase(held);
            waits = true;
          }
        }
        if (!waits) return ReleaseHeldBack();
        absl::Status extended =
            proof.ok()
                ? Extend(call->checks[call->checked].receipt.checkpoint, old_size, new_size, *proof)
                : WithMetadata(needed, "fetch_reason", ReasonOf(proof.status()));
        // Others have moved the head meanwhile.
        if (proof.ok() && ReasonOf(extended) == "CONSISTENCY_NEEDED" && call->fetches < kFetches) {
          {
            const MutexLock lock(mutex_);
            fetching_ = Fetching::kAlone;
            HoldBack(call);
          }
          return Fetch(call, extended);
        }
        {
          const MutexLock lock(mutex_);
          fetching_ = Fetching::kNo;
        }
        if (extended.ok()) {
          Verify(call);
        } else {
          Finish(call, std::move(extended));
        }
        ReleaseHeldBack();
      });
}

void Session::MayHaveRecorded() {
  static_cast<void>(sequence_.End(sequence_.Begin(), {{}, 1, false}));
}

absl::Status Session::Believe(std::string_view checkpoint) {
  absl::Status believed = verifier_.Extend(checkpoint, 0, {});
  for (int i = 0; i < kFetches && ReasonOf(believed) == "CONSISTENCY_NEEDED"; ++i) {
    const uint64_t old_size = SizeIn(believed, "old_size");
    const uint64_t new_size = SizeIn(believed, "new_size");
    Mutex mutex;
    CondVar ended;
    std::optional<absl::StatusOr<std::vector<audit::Digest>>> proof;
    FetchProof(old_size, new_size, [&](absl::StatusOr<std::vector<audit::Digest>> fetched) {
      const MutexLock lock(mutex);
      proof.emplace(std::move(fetched));
      ended.NotifyAll();
    });
    {
      const MutexLock lock(mutex);
      while (!proof) ended.Wait(mutex);
    }
    if (!proof->ok()) return proof->status();
    believed = Extend(checkpoint, old_size, new_size, **proof);
  }
  if (believed.ok()) Keep();
  return Explained(std::move(believed), options_.origin.find(' ') != std::string::npos);
}

void Session::Finish(const CallPtr& call, absl::Status verified) {
  // How many entries there may be of which we have no number.
  uint64_t unheard = 0;
  const std::string reason = ReasonOf(call->error);
  if (call->numbers.empty() && (!verified.ok() || !call->error.ok()) &&
      (!verified.ok() || MayBeRecorded(call->error))) {
    unheard = call->ask.method == "/sluis.v1.SharingService/RequestFields" ? 2 : 1;
  } else if (reason == "NOT_DELIVERED") {
    unheard = 1;  // the decision's own entry, before the one that says so
  }
  const bool tell = call->error.ok() && verified.ok();
  const absl::Status sequence = sequence_.End(call->ticket, {call->numbers, unheard, tell});
  if (verified.ok()) {
    Keep();
    verified = sequence;
  }
  absl::StatusOr<std::unique_ptr<Answer>> result = absl::UnknownError("");
  if (verified.ok()) {
    if (call->error.ok()) {
      result = std::move(call->answer);
    } else {
      result = call->error;
    }
  } else if (options_.unverified_answer == UnverifiedAnswer::kDeliver) {
    if (call->error.ok()) {
      call->answer->proof.problem = verified;
      result = std::move(call->answer);
    } else {
      result = WithMetadata(call->error, "problem", ReasonOf(verified));
    }
  } else {
    result = call->error.ok() ? verified : WithMetadata(verified, "broker_reason", reason);
  }
  call->done(std::move(result));
  // Whoever waits in the destructor may go on only after the caller was told.
  Ended();
}

}  // namespace sluis::client::internal
