#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "sluis/assembly/assembly.h"
#include "sluis/base/mutex.h"
#include "sluis/broker/stream.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/policy_files.h"
#include "sluis/v1/source.pb.h"

// A source's system without gRPC, which does what the test says.
namespace sluis::broker {

inline constexpr std::string_view kAnswerMethod = "/sluis.v1.SourceService/Answer";
inline constexpr absl::Duration kPatience = absl::Seconds(30);

// The end of a stream that a door would have.
class FakePeer final : public StreamPeer {
 public:
  // With `room`, at most so many messages are taken.
  explicit FakePeer(size_t room = 1000) : room_(room) {}

  bool Send(std::string message) override {
    const MutexLock lock(mutex_);
    if (end_ || room_ == 0) return false;
    --room_;
    v1::AnswerResponse response;
    if (!response.ParseFromString(message)) return false;
    ++sent_;
    messages_.push_back(std::move(response));
    changed_.NotifyAll();
    return true;
  }
  void End(absl::Status status) override {
    const MutexLock lock(mutex_);
    if (!end_) end_ = std::move(status);
    changed_.NotifyAll();
  }

  // The next message; nothing when none comes in time.
  std::optional<v1::AnswerResponse> Take(absl::Duration patience = kPatience) {
    const absl::Time until = absl::Now() + patience;
    const MutexLock lock(mutex_);
    while (messages_.empty()) {
      const absl::Duration left = until - absl::Now();
      if (left <= absl::ZeroDuration()) return std::nullopt;
      changed_.WaitFor(mutex_, left);
    }
    v1::AnswerResponse message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }
  // How the stream ended; nothing when it does not in time.
  std::optional<absl::Status> Ended(absl::Duration patience = kPatience) {
    const absl::Time until = absl::Now() + patience;
    const MutexLock lock(mutex_);
    while (!end_) {
      const absl::Duration left = until - absl::Now();
      if (left <= absl::ZeroDuration()) return std::nullopt;
      changed_.WaitFor(mutex_, left);
    }
    return end_;
  }
  [[nodiscard]] bool open() {
    const MutexLock lock(mutex_);
    return !end_;
  }
  // Messages that nobody took yet.
  [[nodiscard]] size_t waiting() {
    const MutexLock lock(mutex_);
    return messages_.size();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  size_t room_ ABSL_GUARDED_BY(mutex_);
  size_t sent_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<v1::AnswerResponse> messages_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

class FakeSource {
 public:
  // Opens a stream of `partij`. With hats it says hello and waits until it is taken.
  FakeSource(assembly::Assembly& assembly, std::string_view partij,
             const std::vector<std::string>& hats, size_t room = 1000)
      : peer_(std::make_shared<FakePeer>(room)) {
    for (const auto& each : testing::ReferenceConvenant().message().parties()) {
      if (each.id() != partij) continue;
      stream_ = assembly.broker().OpenStream(kAnswerMethod, *Oin::Parse(each.oin()), peer_);
    }
    if (hats.empty()) return;
    Hello(hats);
    ready_ = peer_->Take(kPatience);
  }

  [[nodiscard]] bool is_ready() const { return ready_ && ready_->has_ready(); }
  [[nodiscard]] const std::optional<v1::AnswerResponse>& ready() const { return ready_; }
  FakePeer& peer() { return *peer_; }

  void Hello(const std::vector<std::string>& hats) {
    v1::AnswerRequest request;
    for (const std::string& hat : hats) request.mutable_hello()->add_hats(hat);
    Say(request);
  }
  void Say(const v1::AnswerRequest& request) { SayBytes(request.SerializeAsString()); }
  void SayBytes(std::string bytes) {
    const MutexLock turn(turn_);
    if (stream_ != nullptr) stream_->OnMessage(std::move(bytes));
  }
  // Goes away, as a connection that breaks.
  void Leave() {
    const MutexLock turn(turn_);
    if (stream_ == nullptr) return;
    peer_->End(absl::CancelledError());
    stream_->OnEnd();
    stream_.reset();
  }

  std::optional<v1::Question> TakeQuestion(absl::Duration patience = kPatience) {
    const auto message = peer_->Take(patience);
    if (!message || !message->has_question()) return std::nullopt;
    return message->question();
  }
  std::optional<v1::AnswerRefused> TakeRefusal() {
    const auto message = peer_->Take();
    if (!message || !message->has_refused()) return std::nullopt;
    return message->refused();
  }

 private:
  const std::shared_ptr<FakePeer> peer_;
  Mutex turn_;
  std::unique_ptr<Stream> stream_ ABSL_GUARDED_BY(turn_);
  std::optional<v1::AnswerResponse> ready_;
};

// An answer with one text.
inline v1::AnswerRequest TextAnswer(const std::string& question_id, std::string_view field,
                                    std::string_view text) {
  v1::AnswerRequest request;
  request.mutable_answer()->set_question_id(question_id);
  v1::AnsweredField& said = *request.mutable_answer()->add_fields();
  said.set_field(std::string(field));
  said.mutable_content()->mutable_value()->set_text(std::string(text));
  return request;
}

}  // namespace sluis::broker
