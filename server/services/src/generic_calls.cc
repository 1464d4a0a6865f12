#include "generic_calls.h"

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grpc_status.h"

#include "sluis/base/errors.h"

namespace sluis::services {
namespace {

using grpc::GenericCallbackServerContext;
using grpc::ServerGenericBidiReactor;

// One message in, one out.
class UnaryCall final : public ServerGenericBidiReactor {
 public:
  UnaryCall(Gate& gate, GenericCallbackServerContext& context) : gate_(gate), context_(context) {
    StartRead(&in_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(ToGrpc(Malformed("message", "missing")));
    gate_.Run(context_.method(), context_, in_, [this](const absl::StatusOr<std::string>& answer) {
      if (!answer.ok()) return Finish(ToGrpc(answer.status()));
      out_ = ToBuffer(*answer);
      StartWriteAndFinish(&out_, grpc::WriteOptions(), grpc::Status::OK);
    });
  }
  void OnDone() override { delete this; }

 private:
  Gate& gate_;
  GenericCallbackServerContext& context_;
  grpc::ByteBuffer in_;
  grpc::ByteBuffer out_;
};

}  // namespace

// A stream: gRPC on one side, a use case on the other.
class StreamCall final : public ServerGenericBidiReactor {
 public:
  StreamCall(GenericCalls& calls, GenericCallbackServerContext& context)
      : calls_(calls), context_(context), peer_(std::make_shared<Peer>(this)) {}

  void Open() {
    const auto caller = calls_.gate_.Caller(context_, context_.method());
    if (!caller.ok()) return peer_->End(caller.status());
    caller_ = *caller;
    {
      const MutexLock turn(turn_);
      use_case_ = calls_.gate_.broker().OpenStream(context_.method(), *caller, peer_);
      if (use_case_ == nullptr) return;
    }
    StartRead(&in_);
  }

  [[nodiscard]] std::shared_ptr<broker::StreamPeer> peer() const { return peer_; }

  void OnReadDone(bool ok) override {
    if (!ok) {
      const MutexLock turn(turn_);
      if (use_case_ != nullptr) use_case_->OnLastMessage();
      return;
    }
    // Every message: a certificate that was revoked meanwhile stops here.
    if (const auto caller = calls_.gate_.Caller(context_, context_.method()); !caller.ok())
      return peer_->End(caller.status());
    auto message = calls_.gate_.Read(in_);
    if (!message.ok()) {
      return calls_.gate_.broker().Reject(
          *caller_, message.status(), [peer = peer_](const absl::StatusOr<std::string>& answer) {
            peer->End(answer.status());
          });
    }
    {
      const MutexLock turn(turn_);
      if (use_case_ != nullptr) use_case_->OnMessage(*std::move(message));
    }
    in_.Clear();
    StartRead(&in_);
  }

  void OnWriteDone(bool ok) override {
    if (!peer_->Written(ok)) return;
    const MutexLock turn(turn_);
    if (use_case_ != nullptr) use_case_->OnRoom();
  }

  void OnCancel() override {
    peer_->End(MakeError(absl::StatusCode::kCancelled, "CANCELLED", "the caller went away"));
  }

  void OnDone() override {
    peer_->Detach();
    {
      const MutexLock turn(turn_);
      if (use_case_ != nullptr) use_case_->OnEnd();
    }
    calls_.Forget(this);
    delete this;
  }

 private:
  // What waits to be sent. Outlives the call.
  class Peer final : public broker::StreamPeer {
   public:
    explicit Peer(StreamCall* call) : call_(call) {}

    bool Send(std::string message) override {
      {
        const MutexLock lock(mutex_);
        if (call_ == nullptr || end_ || waiting_.size() >= kMostWaiting) return false;
        waiting_.push_back(std::move(message));
      }
      Next();
      return true;
    }

    void End(absl::Status status) override {
      {
        const MutexLock lock(mutex_);
        if (call_ == nullptr || end_) return;
        // Who is gone, or may no longer be here, takes nothing any more.
        if (!status.ok()) waiting_.clear();
        end_ = std::move(status);
      }
      Next();
    }

    // A message was taken, or cannot be. True when there is room again.
    bool Written(bool ok) {
      bool room = false;
      {
        const MutexLock lock(mutex_);
        writing_ = false;
        if (!ok) {
          waiting_.clear();
          if (!end_) end_ = MakeError(absl::StatusCode::kCancelled, "CANCELLED", "the caller left");
        }
        room = !end_;
      }
      Next();
      return room;
    }

    void Detach() {
      const MutexLock lock(mutex_);
      call_ = nullptr;
    }

   private:
    // Starts what is next, if nothing is under way. gRPC may call us back before its functions
    // return, so no lock is held then; `writing_` and `finished_` keep others out, and the call
    // lives until it was finished.
    void Next() {
      StreamCall* call = nullptr;
      std::optional<absl::Status> end;
      {
        const MutexLock lock(mutex_);
        if (call_ == nullptr || writing_ || finished_) return;
        call = call_;
        if (!waiting_.empty()) {
          // Before every message, as above.
          const auto caller = call->calls_.gate_.Caller(call->context_, call->context_.method());
          if (caller.ok()) {
            out_ = ToBuffer(waiting_.front());
            waiting_.pop_front();
            writing_ = true;
          } else {
            waiting_.clear();
            end_ = caller.status();
          }
        }
        if (!writing_) {
          if (!end_) return;
          finished_ = true;
          end = end_;
        }
      }
      if (end) {
        call->Finish(ToGrpc(*end));
      } else {
        call->StartWrite(&out_);
      }
    }

    Mutex mutex_;
    StreamCall* call_ ABSL_GUARDED_BY(mutex_);
    std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
    grpc::ByteBuffer out_;  // of who set writing_
    bool writing_ ABSL_GUARDED_BY(mutex_) = false;
    bool finished_ ABSL_GUARDED_BY(mutex_) = false;
    std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  };

  GenericCalls& calls_;
  GenericCallbackServerContext& context_;
  std::optional<Oin> caller_;
  const std::shared_ptr<Peer> peer_;
  grpc::ByteBuffer in_;
  // Held while the use case is called: one call at a time.
  Mutex turn_;
  std::unique_ptr<broker::Stream> use_case_ ABSL_GUARDED_BY(turn_);
};

ServerGenericBidiReactor* GenericCalls::CreateReactor(GenericCallbackServerContext* context) {
  if (!broker::Broker::KnowsStream(context->method())) return new UnaryCall(gate_, *context);
  auto* const stream = new StreamCall(*this, *context);
  {
    const MutexLock lock(mutex_);
    streams_.insert(stream);
  }
  stream->Open();
  return stream;
}

void GenericCalls::EndStreams() {
  std::vector<std::shared_ptr<broker::StreamPeer>> peers;
  {
    const MutexLock lock(mutex_);
    for (StreamCall* stream : streams_) peers.push_back(stream->peer());
  }
  for (const auto& peer : peers) peer->End(Unavailable("SHUTTING_DOWN", "the broker is stopping"));
}

void GenericCalls::Forget(StreamCall* stream) {
  const MutexLock lock(mutex_);
  streams_.erase(stream);
}

}  // namespace sluis::services
