#include "sluis/client/notification.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "send.h"
#include "session.h"
#include "transport.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/text.h"
#include "sluis/client/client.h"
#include "sluis/v1/notification.pb.h"
#include "sluis/wire/message.h"
#include "sluis/wire/status.h"

namespace sluis::client {
namespace {

constexpr std::string_view kSubscribe = "/sluis.v1.NotificationService/Subscribe";
// Events that wait for the handler. With more the stream is ended, and opened anew after the last
// one that was handled: the broker keeps them, not we.
constexpr size_t kMostWaiting = 1024;

NoticeEvent Read(const v1::CloudEvent& in, const std::string& cursor) {
  NoticeEvent out;
  out.id = in.id();
  out.source = in.source();
  out.type = in.type();
  out.subject = in.subject();
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, in.time(), &out.time, &error))
    out.time = absl::InfinitePast();
  out.data = in.data();
  out.cursor = cursor;
  return out;
}

v1::NoticeStart Write(NoticeStart start) {
  return start == NoticeStart::kOldest ? v1::NOTICE_START_OLDEST : v1::NOTICE_START_NOW;
}

// What asking again does not change.
bool IsFinal(const absl::Status& end) {
  return absl::IsInvalidArgument(end) || absl::IsFailedPrecondition(end) ||
         absl::IsUnimplemented(end);
}

// One stream: keeps what came until it is handled.
class Link final : public internal::StreamEvents {
 public:
  void OnMessage(std::string message) override {
    v1::SubscribeResponse response;
    // A message that a later broker may send is no reason to end.
    if (!response.ParseFromString(message)) return;
    const MutexLock lock(mutex_);
    if (full_) return;
    waiting_.push_back(std::move(response));
    if (waiting_.size() >= kMostWaiting) {
      full_ = true;
      if (stream_ != nullptr) stream_->Cancel();
    }
    changed_.NotifyAll();
  }
  void OnEnd(absl::Status status) override {
    const MutexLock lock(mutex_);
    end_ = std::move(status);
    changed_.NotifyAll();
  }

  void Attach(std::unique_ptr<internal::OutStream> stream, std::string request) {
    const MutexLock lock(mutex_);
    stream_ = std::move(stream);
    if (stream_ != nullptr) stream_->Send(std::move(request));
    if (full_ || cancelled_) CancelNow();
  }
  void Cancel() {
    const MutexLock lock(mutex_);
    cancelled_ = true;
    CancelNow();
    changed_.NotifyAll();
  }
  // The next message; nothing when the stream is over or was cancelled.
  std::optional<v1::SubscribeResponse> Next() {
    const MutexLock lock(mutex_);
    while (waiting_.empty() && !end_ && !cancelled_) changed_.Wait(mutex_);
    if (waiting_.empty() || cancelled_) return std::nullopt;
    v1::SubscribeResponse next = std::move(waiting_.front());
    waiting_.pop_front();
    return next;
  }
  // Waits until it is over. OK when that was our own doing.
  absl::Status End() {
    std::unique_ptr<internal::OutStream> stream;
    {
      const MutexLock lock(mutex_);
      stream = std::move(stream_);
    }
    stream.reset();
    const MutexLock lock(mutex_);
    if (full_) return absl::OkStatus();
    if (end_ && end_->ok()) return Unavailable("STREAM_ENDED", "the broker ended the stream");
    return end_.value_or(absl::OkStatus());
  }

 private:
  void CancelNow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (stream_ != nullptr) stream_->Cancel();
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<v1::SubscribeResponse> waiting_ ABSL_GUARDED_BY(mutex_);
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<internal::OutStream> stream_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

struct Subscription::State {
  State(internal::Session& to, SubscribeOptions given, NoticeHandler how)
      : session(to), options(std::move(given)), handler(std::move(how)), cursor(options.cursor) {}

  internal::Session& session;
  const SubscribeOptions options;
  const NoticeHandler handler;

  mutable Mutex mutex;
  mutable CondVar changed;
  bool ending ABSL_GUARDED_BY(mutex) = false;
  std::string cursor ABSL_GUARDED_BY(mutex);
  std::optional<absl::Status> ended ABSL_GUARDED_BY(mutex);
  std::shared_ptr<Link> link ABSL_GUARDED_BY(mutex);
  std::thread runner;

  void Run() {
    absl::Duration retry = options.first_retry;
    for (;;) {
      const auto current = std::make_shared<Link>();
      v1::SubscribeRequest request;
      {
        const MutexLock lock(mutex);
        if (ending) return;
        link = current;
        request.set_cursor(cursor);
      }
      if (request.cursor().empty()) request.set_start(Write(options.start));
      for (const std::string& type : options.types) request.add_types(type);
      current->Attach(session.transport().Open(kSubscribe, *current), wire::Canonical(request));
      bool stood = false;
      while (const auto message = current->Next()) {
        if (!stood && options.on_change) options.on_change(absl::OkStatus());
        stood = true;
        if (message->has_event()) handler(Read(message->event(), message->cursor()));
        const MutexLock lock(mutex);
        cursor = message->cursor();
      }
      if (stood) retry = options.first_retry;
      const absl::Status end = current->End();
      // A refusal may be an entry of ours in the log.
      if (!wire::AttachedReceipt(end).empty()) session.MayHaveRecorded();
      {
        const MutexLock lock(mutex);
        link.reset();
        if (ending) return;
        if (IsFinal(end)) {
          ended = end;
          changed.NotifyAll();
        }
      }
      if (end.ok()) continue;  // we were too slow, and go on at once
      if (options.on_change) options.on_change(end);
      const MutexLock lock(mutex);
      if (ended) return;
      const absl::Time until = absl::Now() + retry;
      while (!ending && absl::Now() < until) changed.WaitFor(mutex, until - absl::Now());
      if (ending) return;
      retry = std::min(retry * 2, options.last_retry);
    }
  }

  void End() {
    {
      const MutexLock lock(mutex);
      ending = true;
      if (link != nullptr) link->Cancel();
      changed.NotifyAll();
    }
    if (runner.joinable()) runner.join();
  }
};

Subscription::Subscription(std::unique_ptr<State> state) : state_(std::move(state)) {}
Subscription::~Subscription() { state_->End(); }

std::string Subscription::cursor() const {
  const MutexLock lock(state_->mutex);
  return state_->cursor;
}

absl::Status Subscription::WaitForEnd(absl::Duration limit) const {
  const absl::Time until = absl::Now() + limit;
  const MutexLock lock(state_->mutex);
  while (!state_->ended) {
    const absl::Duration left = until - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return MakeError(absl::StatusCode::kDeadlineExceeded, "TIMEOUT", "the subscription goes on");
    }
    state_->changed.WaitFor(state_->mutex, left);
  }
  return *state_->ended;
}

absl::StatusOr<std::unique_ptr<Subscription>> Client::Subscribe(SubscribeOptions options,
                                                                NoticeHandler handler) {
  if (!handler || options.first_retry <= absl::ZeroDuration() ||
      options.last_retry < options.first_retry) {
    return InvalidArgument("OPTION_INVALID", "a subscription needs a handler and positive retries");
  }
  auto state =
      std::make_unique<Subscription::State>(*session_, std::move(options), std::move(handler));
  Subscription::State* const running = state.get();
  state->runner = std::thread([running] { running->Run(); });
  return std::unique_ptr<Subscription>(new Subscription(std::move(state)));
}

absl::StatusOr<NoticePage> Client::ListNotices(const ListNoticesRequest& request) {
  v1::ListNoticesRequest message;
  message.set_cursor(request.cursor);
  if (request.cursor.empty()) message.set_start(Write(request.start));
  for (const std::string& type : request.types) message.add_types(type);
  message.set_page_size(request.size);
  SLUIS_ASSIGN_OR_RETURN(const auto response,
                         internal::AskFor<v1::ListNoticesResponse>(
                             *session_, "/sluis.v1.NotificationService/ListNotices", message));
  NoticePage page;
  for (const v1::CloudEvent& event : response.events())
    page.events.push_back(Read(event, response.cursor()));
  page.cursor = response.cursor();
  page.more = response.more();
  return page;
}

}  // namespace sluis::client
