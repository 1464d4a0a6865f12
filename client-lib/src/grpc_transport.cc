#include "grpc_transport.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/wire/status.h"

namespace sluis::client::internal {
namespace {

using Done = std::function<void(absl::StatusOr<std::string>)>;
using ConnectionPtr = std::shared_ptr<const Connection>;

struct UnaryCall {
  ConnectionPtr connection;  // ends after the context
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
  Done done;
};

absl::StatusOr<std::string> BytesOf(const grpc::ByteBuffer& buffer) {
  std::string bytes;
  std::vector<grpc::Slice> slices;
  if (buffer.Valid() && !buffer.Dump(&slices).ok())
    return DataLoss("ANSWER_MALFORMED", "the broker's answer cannot be read");
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

absl::Status StatusOf(const grpc::Status& status, const Connection& connection) {
  absl::Status out = wire::FromWire(
      {static_cast<int>(status.error_code()), status.error_message(), status.error_details()});
  if (ReasonOf(out) != "TRANSPORT") return out;
  switch (out.code()) {
    case absl::StatusCode::kUnavailable:
      return connection.explain(status.error_message());
    case absl::StatusCode::kDeadlineExceeded:
      return MakeError(absl::StatusCode::kDeadlineExceeded, "TIMEOUT",
                       "the broker did not answer in time. It may have done what was asked: "
                       "repeat the call with the same request_id to find out");
    case absl::StatusCode::kCancelled:
      return MakeError(absl::StatusCode::kCancelled, "CANCELLED",
                       "the call was cut off: the broker is stopping, or closed the connection. It "
                       "may have done what was asked: repeat the call with the same request_id to "
                       "find out");
    default:
      return out;
  }
}

class GrpcStream final : public OutStream {
 public:
  GrpcStream(ConnectionPtr connection, const std::string& method, StreamEvents& events)
      : connection_(std::move(connection)), call_(std::make_unique<Reactor>(events, *connection_)) {
    grpc::GenericStub stub(connection_->channel);
    stub.PrepareBidiStreamingCall(&call_->context, method, grpc::StubOptions(), call_.get());
    call_->Begin();
  }
  ~GrpcStream() override {
    Cancel();
    call_->Wait();
  }
  void Send(std::string message) override { call_->Send(std::move(message)); }
  void Cancel() override { call_->context.TryCancel(); }

 private:
  class Reactor final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    Reactor(StreamEvents& events, const Connection& connection)
        : events_(events), connection_(connection) {}

    void Begin() {
      // Held until over_: Send() comes from other threads.
      AddHold();
      StartRead(&in_);
      StartCall();
    }

    void Send(std::string message) {
      {
        const MutexLock lock(mutex_);
        if (over_) return;
        waiting_.push_back(std::move(message));
        if (writing_) return;
        writing_ = true;
        Take();
        AddHold();  // it may be over before the write begins
      }
      StartWrite(&out_);
      RemoveHold();
    }

    void OnReadDone(bool ok) override {
      if (!ok) return LetGo();
      auto bytes = BytesOf(in_);
      if (!bytes.ok()) {
        context.TryCancel();
        return LetGo();
      }
      events_.OnMessage(*std::move(bytes));
      in_.Clear();
      StartRead(&in_);
    }

    void OnWriteDone(bool ok) override {
      {
        const MutexLock lock(mutex_);
        if (!ok || over_ || waiting_.empty()) {
          writing_ = false;
          return;
        }
        Take();
      }
      StartWrite(&out_);
    }

    void OnDone(const grpc::Status& status) override {
      events_.OnEnd(status.ok() ? absl::OkStatus() : StatusOf(status, connection_));
      const MutexLock lock(mutex_);
      done_ = true;
      ended_.NotifyAll();
    }

    void Wait() {
      const MutexLock lock(mutex_);
      while (!done_) ended_.Wait(mutex_);
    }

    grpc::ClientContext context;

   private:
    void Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      const grpc::Slice slice(waiting_.front());
      out_ = grpc::ByteBuffer(&slice, 1);
      waiting_.pop_front();
    }
    // Nothing more is read, so nothing more is sent.
    void LetGo() {
      {
        const MutexLock lock(mutex_);
        if (over_) return;
        over_ = true;
        waiting_.clear();
      }
      RemoveHold();
    }

    StreamEvents& events_;
    const Connection& connection_;
    grpc::ByteBuffer in_;
    grpc::ByteBuffer out_;  // of who set writing_
    Mutex mutex_;
    CondVar ended_;
    std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
    bool writing_ ABSL_GUARDED_BY(mutex_) = false;
    bool over_ ABSL_GUARDED_BY(mutex_) = false;
    bool done_ ABSL_GUARDED_BY(mutex_) = false;
  };

  const ConnectionPtr connection_;
  const std::unique_ptr<Reactor> call_;
};

class GrpcTransport final : public Transport {
 public:
  explicit GrpcTransport(std::function<ConnectionPtr()> newest) : newest_(std::move(newest)) {}

  ~GrpcTransport() override {
    const MutexLock lock(mutex_);
    while (under_way_ > 0) all_ended_.Wait(mutex_);
  }

  void Call(std::string_view method, std::string request, absl::Time deadline, Done done) override {
    {
      const MutexLock lock(mutex_);
      ++under_way_;
    }
    auto call = std::make_shared<UnaryCall>();
    call->connection = newest_();
    call->context.set_deadline(absl::ToChronoTime(deadline));
    const grpc::Slice slice(request);
    call->request = grpc::ByteBuffer(&slice, 1);
    call->done = std::move(done);
    UnaryCall* const raw = call.get();
    grpc::GenericStub stub(raw->connection->channel);
    stub.UnaryCall(&raw->context, std::string(method), grpc::StubOptions(), &raw->request,
                   &raw->response,
                   [this, call = std::move(call)](const grpc::Status& status) mutable {
                     if (status.ok()) {
                       call->done(BytesOf(call->response));
                     } else {
                       call->done(StatusOf(status, *call->connection));
                     }
                     // What the caller gave may refer to what ends with this transport.
                     call->done = nullptr;
                     // The context holds the channel, and gRPC 1.51 aborts when the last channel
                     // of a process ends on one of its own threads: before ~GrpcTransport can.
                     call.reset();
                     const MutexLock lock(mutex_);
                     if (--under_way_ == 0) all_ended_.NotifyAll();
                   });
  }

  std::unique_ptr<OutStream> Open(std::string_view method, StreamEvents& events) override {
    return std::make_unique<GrpcStream>(newest_(), std::string(method), events);
  }

 private:
  const std::function<ConnectionPtr()> newest_;
  Mutex mutex_;
  CondVar all_ended_;
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

std::unique_ptr<Transport> MakeGrpcTransport(
    std::function<std::shared_ptr<const Connection>()> newest) {
  return std::make_unique<GrpcTransport>(std::move(newest));
}

}  // namespace sluis::client::internal
