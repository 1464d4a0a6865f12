#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/base/mutex.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/transport.h"

namespace sluis::testing {

// What one end of a connection offers and trusts. An end without certificate offers none.
struct Credentials {
  Identity identity;
  std::string trusted_roots;
};

// One connection to 127.0.0.1:`port`, over TLS or, without credentials, in the clear (the door for
// operators), which sends bytes as they are. Thread-safe.
class RawConnection {
 public:
  using Done = std::function<void(absl::StatusOr<std::string>)>;

  RawConnection(int port, const Credentials& credentials);
  explicit RawConnection(int port);

  // Errors are those of sluis::wire::FromWire.
  absl::StatusOr<std::string> Call(std::string_view method, std::string_view request,
                                   absl::Duration limit = absl::Seconds(30));
  // The same without waiting; `done` runs on a thread of gRPC.
  void CallAsync(std::string_view method, std::string_view request, absl::Duration limit,
                 Done done);
  // What grpc.health.v1 says of a service: "SERVING", "NOT_SERVING" or "UNKNOWN".
  absl::StatusOr<std::string> Health(std::string_view service = "");

  [[nodiscard]] const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
};

// Calls a daemon as any partij over mTLS, each with its own certificate and connection, and follows
// the daemon to the port of its next start. Thread-safe as long as nobody starts or stops the
// daemon.
class GrpcTransport final : public Transport {
 public:
  // `daemon` outlives this.
  explicit GrpcTransport(const Daemon& daemon) : daemon_(daemon) {}

  absl::StatusOr<std::string> Call(std::string_view partij, std::string_view method,
                                   std::string_view request) override;
  absl::Status SetClock(absl::Time now) override;
  // AdminService.SetDecisionClock back to the machine's clock.
  absl::Status ResetClock();
  // AdminService.ReloadPolicy.
  absl::Status ReloadPolicy();

  std::shared_ptr<RawConnection> ConnectionOf(std::string_view partij);
  // A connection of its own, with these credentials.
  [[nodiscard]] std::shared_ptr<RawConnection> Connect(const Credentials& credentials) const;
  std::shared_ptr<RawConnection> Admin();
  [[nodiscard]] const Daemon& daemon() const { return daemon_; }

 private:
  std::shared_ptr<RawConnection> Kept(const std::string& name,
                                      const std::function<std::shared_ptr<RawConnection>()>& make);

  const Daemon& daemon_;
  Mutex mutex_;
  int port_ ABSL_GUARDED_BY(mutex_) = 0;  // of the connections
  std::map<std::string, std::shared_ptr<RawConnection>> connections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluis::testing
