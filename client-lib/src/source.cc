#include "sluis/client/source.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "convert.h"
#include "session.h"
#include "transport.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/thread_pool.h"
#include "sluis/client/client.h"
#include "sluis/v1/source.pb.h"
#include "sluis/wire/message.h"
#include "sluis/wire/status.h"

namespace sluis::client {
namespace {

constexpr std::string_view kMethod = "/sluis.v1.SourceService/Answer";
// One message may have 1 MiB, one value 64 KiB.
constexpr size_t kFullMessage = size_t{512} << 10;

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

SourceQuestion Read(const v1::Question& in) {
  SourceQuestion out;
  out.question_id = in.question_id();
  out.casus_id = in.casus_id();
  out.person_id = in.person_id();
  out.hat = in.hat();
  out.fields.assign(in.fields().begin(), in.fields().end());
  out.purpose = in.purpose();
  out.recipient = {in.recipient().partij(), in.recipient().hat()};
  out.decision_index = in.decision_index();
  return out;
}

v1::AnsweredField Write(const SourceReply& in) {
  v1::AnsweredField out;
  out.set_field(in.field);
  std::visit(Overloaded{[&](const NoneHeld&) { out.mutable_none_held(); },
                        [&](const SourceObjection& objection) {
                          v1::ObjectionGround::Id ground = v1::ObjectionGround::OTHER_GROUND;
                          v1::ObjectionGround::Id_Parse(objection.ground, &ground);
                          out.mutable_objection()->set_ground(ground);
                        },
                        [&](const ValueContent& content) {
                          // What has no form on the wire is no answer, and the broker says so.
                          if (!internal::Write(content, *out.mutable_content()).ok())
                            out.clear_content();
                        }},
             in.result);
  return out;
}

// One stream. Outlives what answers on it.
class Link final : public internal::StreamEvents {
 public:
  using OnResponse = std::function<void(const v1::AnswerResponse&)>;

  explicit Link(OnResponse on_response) : on_response_(std::move(on_response)) {}

  void OnMessage(std::string message) override {
    v1::AnswerResponse response;
    // A message that a later broker may send is no reason to end.
    if (response.ParseFromString(message)) on_response_(response);
  }
  void OnEnd(absl::Status status) override {
    const MutexLock lock(mutex_);
    end_ = std::move(status);
    changed_.NotifyAll();
  }

  void Attach(std::unique_ptr<internal::OutStream> stream) {
    const MutexLock lock(mutex_);
    stream_ = std::move(stream);
  }
  void Send(const v1::AnswerRequest& request) {
    const MutexLock lock(mutex_);
    if (stream_ != nullptr) stream_->Send(wire::Canonical(request));
  }
  // Waits until it ends.
  absl::Status Wait() {
    std::unique_ptr<internal::OutStream> stream;
    absl::Status end;
    {
      const MutexLock lock(mutex_);
      while (!end_) changed_.Wait(mutex_);
      end = *end_;
      stream = std::move(stream_);
    }
    return end;
  }
  void Cancel() {
    const MutexLock lock(mutex_);
    if (stream_ != nullptr) stream_->Cancel();
  }

 private:
  const OnResponse on_response_;
  Mutex mutex_;
  CondVar changed_;
  std::unique_ptr<internal::OutStream> stream_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

struct SourceAnswers::State {
  State(internal::Session& to, SourceOptions given, SourceHandler how)
      : session(to), options(std::move(given)), handler(std::move(how)), pool(options.threads) {}

  internal::Session& session;
  const SourceOptions options;
  const SourceHandler handler;

  mutable Mutex mutex;
  mutable CondVar changed;
  bool ending ABSL_GUARDED_BY(mutex) = false;
  bool connected ABSL_GUARDED_BY(mutex) = false;
  absl::Status last_end ABSL_GUARDED_BY(mutex);
  std::shared_ptr<Link> link ABSL_GUARDED_BY(mutex);

  ThreadPool pool;
  std::thread runner;

  void Run() {
    absl::Duration retry = options.first_retry;
    while (true) {
      auto current =
          std::make_shared<Link>([this](const v1::AnswerResponse& response) { Take(response); });
      {
        const MutexLock lock(mutex);
        if (ending) return;
        link = current;
      }
      current->Attach(session.transport().Open(kMethod, *current));
      {
        // Cancelled before there was anything to cancel.
        const MutexLock lock(mutex);
        if (ending) current->Cancel();
      }
      v1::AnswerRequest hello;
      for (const std::string& hat : options.hats) hello.mutable_hello()->add_hats(hat);
      current->Send(hello);
      absl::Status end = current->Wait();
      // A refusal is an entry of ours in the log.
      if (!wire::AttachedReceipt(end).empty()) session.MayHaveRecorded();
      {
        const MutexLock lock(mutex);
        if (connected) retry = options.first_retry;
        connected = false;
        last_end = end;
        link.reset();
        if (ending) return;
      }
      if (options.on_change) {
        options.on_change(end.ok() ? Unavailable("STREAM_ENDED", "the broker ended the stream")
                                   : end);
      }
      const MutexLock lock(mutex);
      const absl::Time until = absl::Now() + retry;
      while (!ending && absl::Now() < until) changed.WaitFor(mutex, until - absl::Now());
      if (ending) return;
      retry = std::min(retry * 2, options.last_retry);
    }
  }

  void Take(const v1::AnswerResponse& response) {
    switch (response.message_case()) {
      case v1::AnswerResponse::kReady: {
        {
          const MutexLock lock(mutex);
          connected = true;
          changed.NotifyAll();
        }
        if (options.on_change) options.on_change(absl::OkStatus());
        return;
      }
      case v1::AnswerResponse::kQuestion: {
        std::shared_ptr<Link> current;
        {
          const MutexLock lock(mutex);
          current = link;
        }
        if (current == nullptr) return;
        pool.Post([this, current, question = Read(response.question())] {
          AnswerOne(*current, question);
        });
        return;
      }
      case v1::AnswerResponse::kRefused:
        if (options.on_refused) {
          const v1::AnswerRefused& refused = response.refused();
          options.on_refused(
              {refused.question_id(), refused.field(), refused.reason(), refused.element()});
        }
        return;
      case v1::AnswerResponse::MESSAGE_NOT_SET:
        return;
    }
  }

  void AnswerOne(Link& current, const SourceQuestion& question) {
    const std::vector<SourceReply> replies = handler(question);
    v1::AnswerRequest request;
    size_t bytes = 0;
    const auto send = [&] {
      if (request.answer().fields().empty()) return;
      request.mutable_answer()->set_question_id(question.question_id);
      current.Send(request);
      request.Clear();
      bytes = 0;
    };
    for (const SourceReply& reply : replies) {
      v1::AnsweredField field = Write(reply);
      const size_t size = field.ByteSizeLong();
      if (bytes + size > kFullMessage) send();
      bytes += size;
      *request.mutable_answer()->add_fields() = std::move(field);
    }
    send();
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

SourceAnswers::SourceAnswers(std::unique_ptr<State> state) : state_(std::move(state)) {}
SourceAnswers::~SourceAnswers() { state_->End(); }

bool SourceAnswers::connected() const {
  const MutexLock lock(state_->mutex);
  return state_->connected;
}

absl::Status SourceAnswers::WaitUntilConnected(absl::Duration limit) const {
  const absl::Time until = absl::Now() + limit;
  const MutexLock lock(state_->mutex);
  while (!state_->connected) {
    const absl::Duration left = until - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return WithMetadata(MakeError(absl::StatusCode::kDeadlineExceeded, "TIMEOUT",
                                    "the broker does not take our answers yet"),
                          "last_reason", ReasonOf(state_->last_end));
    }
    state_->changed.WaitFor(state_->mutex, left);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SourceAnswers>> Client::AnswerQuestions(SourceOptions options,
                                                                       SourceHandler handler) {
  if (options.hats.empty() || options.threads < 1 || options.threads > 256 || !handler ||
      options.first_retry <= absl::ZeroDuration() || options.last_retry < options.first_retry) {
    return InvalidArgument("OPTION_INVALID",
                           "a source needs a hat, a handler, 1-256 threads and positive retries");
  }
  auto state =
      std::make_unique<SourceAnswers::State>(*session_, std::move(options), std::move(handler));
  SourceAnswers::State* const running = state.get();
  state->runner = std::thread([running] { running->Run(); });
  return std::unique_ptr<SourceAnswers>(new SourceAnswers(std::move(state)));
}

}  // namespace sluis::client
