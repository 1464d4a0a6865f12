#include "sluis/testing/grpc_transport.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "sluis/base/text.h"
#include "sluis/v1/admin.pb.h"
#include "sluis/wire/status.h"

namespace sluis::testing {
namespace {

grpc::ByteBuffer ToBuffer(std::string_view bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return {&slice, 1};
}

absl::StatusOr<std::string> FromBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return absl::InternalError("unreadable bytes");
  std::string out;
  for (const grpc::Slice& slice : slices)
    out.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return out;
}

std::shared_ptr<grpc::Channel> MakeChannel(
    int port, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A connection of its own: connections with equal arguments would be shared otherwise.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port), credentials, arguments);
}

// What a call needs until it is done.
struct UnaryCall {
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
};

}  // namespace

RawConnection::RawConnection(int port, const Credentials& credentials)
    : channel_(MakeChannel(
          port, grpc::SslCredentials({credentials.trusted_roots, credentials.identity.private_key,
                                      credentials.identity.certificate_chain}))),
      stub_(channel_) {}

RawConnection::RawConnection(int port)
    : channel_(MakeChannel(port, grpc::InsecureChannelCredentials())), stub_(channel_) {}

void RawConnection::CallAsync(std::string_view method, std::string_view request,
                              absl::Duration limit, Done done) {
  auto call = std::make_shared<UnaryCall>();
  UnaryCall& on = *call;
  on.request = ToBuffer(request);
  on.context.set_deadline(absl::ToChronoTime(absl::Now() + limit));
  stub_.UnaryCall(
      &on.context, std::string(method), grpc::StubOptions(), &on.request, &on.response,
      [call = std::move(call), done = std::move(done)](const grpc::Status& status) mutable {
        absl::StatusOr<std::string> answer =
            status.ok() ? FromBuffer(call->response)
                        : wire::FromWire({static_cast<int>(status.error_code()),
                                          status.error_message(), status.error_details()});
        // The context holds the channel. Once anybody knows of the answer the connection may go,
        // and gRPC aborts when the last channel of a process ends on one of its own threads.
        call.reset();
        done(std::move(answer));
      });
}

absl::StatusOr<std::string> RawConnection::Call(std::string_view method, std::string_view request,
                                                absl::Duration limit) {
  struct Answer {
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<absl::StatusOr<std::string>> value;
  };
  // Shared: the callback may still hold the lock when the waiter leaves.
  const auto answer = std::make_shared<Answer>();
  CallAsync(method, request, limit, [answer](absl::StatusOr<std::string> value) {
    const std::lock_guard lock(answer->mutex);
    answer->value = std::move(value);
    answer->arrived.notify_one();
  });
  std::unique_lock lock(answer->mutex);
  answer->arrived.wait(lock, [&] { return answer->value.has_value(); });
  return *std::move(answer->value);
}

absl::StatusOr<std::string> RawConnection::Health(std::string_view service) {
  // HealthCheckRequest { string service = 1 }, HealthCheckResponse { ServingStatus status = 1 }:
  // Debian ships no generated code for them.
  std::string request;
  if (!service.empty()) {
    request =
        absl::StrCat("\x0a", std::string(1, static_cast<char>(service.size())), ToAbsl(service));
  }
  auto answer = Call("/grpc.health.v1.Health/Check", request);
  if (!answer.ok()) return answer.status();
  if (*answer == std::string("\x08\x01")) return "SERVING";
  return *answer == std::string("\x08\x02") ? "NOT_SERVING" : "UNKNOWN";
}

std::shared_ptr<RawConnection> GrpcTransport::Kept(
    const std::string& name, const std::function<std::shared_ptr<RawConnection>()>& make) {
  const MutexLock lock(mutex_);
  if (port_ != daemon_.port()) {
    connections_.clear();
    port_ = daemon_.port();
  }
  std::shared_ptr<RawConnection>& kept = connections_[name];
  if (kept == nullptr) kept = make();
  return kept;
}

std::shared_ptr<RawConnection> GrpcTransport::ConnectionOf(std::string_view partij) {
  return Kept(std::string(partij), [&] {
    return Connect({daemon_.IdentityOf(partij), daemon_.ca_bundle()});
  });
}

std::shared_ptr<RawConnection> GrpcTransport::Connect(const Credentials& credentials) const {
  return std::make_shared<RawConnection>(daemon_.port(), credentials);
}

std::shared_ptr<RawConnection> GrpcTransport::Admin() {
  return Kept("", [&] { return std::make_shared<RawConnection>(daemon_.admin_port()); });
}

absl::StatusOr<std::string> GrpcTransport::Call(std::string_view partij, std::string_view method,
                                                std::string_view request) {
  return ConnectionOf(partij)->Call(method, request);
}

absl::Status GrpcTransport::SetClock(absl::Time now) {
  v1::SetDecisionClockRequest request;
  request.set_now(absl::FormatTime(absl::RFC3339_full, now, absl::UTCTimeZone()));
  return Admin()
      ->Call("/sluis.v1.AdminService/SetDecisionClock", request.SerializeAsString())
      .status();
}

absl::Status GrpcTransport::ResetClock() {
  return Admin()->Call("/sluis.v1.AdminService/SetDecisionClock", "").status();
}

absl::Status GrpcTransport::ReloadPolicy() {
  return Admin()->Call("/sluis.v1.AdminService/ReloadPolicy", "").status();
}

}  // namespace sluis::testing
