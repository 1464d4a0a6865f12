#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "client_maker.h"
#include "grpc_transport.h"
#include "log_key.h"
#include "session.h"
#include "tls_files.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"
#include "sluis/client/client.h"
#include "sluis/v1/audit.pb.h"

namespace sluis::client {
namespace {

using internal::Connection;
using internal::TlsFiles;
using internal::Transport;

constexpr size_t kMostBytes = size_t{1} << 30;
// Looking costs a few microseconds.
constexpr absl::Duration kBetweenLooks = absl::Seconds(1);

std::shared_ptr<grpc::Channel> MakeChannel(const ClientOptions& options, const TlsFiles& files) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = files.ca;
  tls.pem_private_key = std::string(files.key.Reveal());
  tls.pem_cert_chain = files.certificate;
  grpc::ChannelArguments arguments;
  if (!options.server_name.empty()) arguments.SetSslTargetNameOverride(options.server_name);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(options.max_answer_bytes));
  // Another client of this process may have another certificate: never share its connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A stream may be silent for long: whether the broker is still there is looked at.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // No retry policy from DNS: only what the broker never saw (a connection that came to its age) is
  // sent again behind our back.
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  auto channel = grpc::CreateCustomChannel(options.target, grpc::SslCredentials(tls), arguments);
  Wipe(tls.pem_private_key);
  return channel;
}

// The connection with the files as they are: a certificate is renewed while its client lives on.
// What runs over an earlier connection ends there. Thread-safe.
class Connections {
 public:
  Connections(ClientOptions options, std::optional<std::string> stamp, TlsFiles files)
      : options_(std::move(options)),
        oin_(internal::OinOf(files)),
        stamp_(std::move(stamp)),
        next_look_(absl::Now() + kBetweenLooks),
        newest_(Connect(std::move(files))) {}

  [[nodiscard]] const std::string& oin() const { return oin_; }

  std::shared_ptr<const Connection> Newest() {
    const MutexLock lock(mutex_);
    if (absl::Now() >= next_look_) Look();
    return newest_;
  }

 private:
  [[nodiscard]] std::shared_ptr<const Connection> Connect(TlsFiles read) const {
    const auto files = std::make_shared<const TlsFiles>(std::move(read));
    return std::make_shared<const Connection>(Connection{
        MakeChannel(options_, *files),
        [files, target = options_.target, name = options_.server_name](std::string_view said) {
          return internal::ExplainConnection(*files, target, name, said, absl::Now());
        }});
  }

  // While the files are half replaced, or are somebody else's, we go on with what we have.
  void Look() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    next_look_ = absl::Now() + kBetweenLooks;
    std::erase_if(retired_, [](const auto& connection) { return connection.use_count() == 1; });
    std::optional<std::string> stamp = internal::StampOf(options_);
    if (!stamp || stamp == stamp_) return;
    auto files = internal::ReadTlsFiles(options_, absl::Now());
    if (!files.ok() || internal::OinOf(*files) != oin_) return;
    retired_.push_back(std::exchange(newest_, Connect(*std::move(files))));
    stamp_ = std::move(stamp);
  }

  const ClientOptions options_;
  const std::string oin_;
  Mutex mutex_;
  std::optional<std::string> stamp_ ABSL_GUARDED_BY(mutex_);
  absl::Time next_look_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Connection> newest_ ABSL_GUARDED_BY(mutex_);
  // Ended here once nothing runs over them, and not by the last call: gRPC 1.51 aborts when a
  // channel ends on one of its own threads while no other one was used yet.
  std::vector<std::shared_ptr<const Connection>> retired_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<std::string> AskForKey(Transport& transport, absl::Duration timeout) {
  Mutex mutex;
  CondVar ended;
  std::optional<absl::StatusOr<std::string>> result;
  transport.Call("/sluis.v1.AuditService/GetCheckpoint", "", absl::Now() + timeout,
                 [&](absl::StatusOr<std::string> answer) {
                   const MutexLock lock(mutex);
                   result.emplace(std::move(answer));
                   ended.NotifyAll();
                 });
  const MutexLock lock(mutex);
  while (!result) ended.Wait(mutex);
  SLUIS_RETURN_IF_ERROR(result->status());
  v1::GetCheckpointResponse response;
  if (!response.ParseFromString(**result))
    return DataLoss("ANSWER_MALFORMED", "the broker's answer cannot be read");
  return response.log_key();
}

absl::Status CheckOptions(const ClientOptions& options) {
  const auto option = [](absl::Status status, std::string_view name) {
    return WithMetadata(std::move(status), "option", name);
  };
  if (options.target.empty()) {
    return option(InvalidArgument("OPTION_MISSING", "the broker's address is not given"), "target");
  }
  if (options.timeout <= absl::ZeroDuration())
    return option(InvalidArgument("OPTION_INVALID", "the timeout is not positive"), "timeout");
  if (options.max_answer_bytes == 0 || options.max_answer_bytes > kMostBytes) {
    return option(InvalidArgument("OPTION_INVALID", "not between 1 byte and 1 GiB"),
                  "max_answer_bytes");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Client> Client::Connect(ClientOptions options) {
  SLUIS_RETURN_IF_ERROR(CheckOptions(options));
  // Before they are read: what changes meanwhile is read again.
  std::optional<std::string> stamp = internal::StampOf(options);
  SLUIS_ASSIGN_OR_RETURN(TlsFiles files, internal::ReadTlsFiles(options, absl::Now()));
  const auto connections =
      std::make_shared<Connections>(options, std::move(stamp), std::move(files));
  std::unique_ptr<Transport> transport =
      internal::MakeGrpcTransport([connections] { return connections->Newest(); });
  SLUIS_ASSIGN_OR_RETURN(audit::VerifierKey key, internal::FindLogKey(options, [&] {
                           return AskForKey(*transport, options.timeout);
                         }));
  internal::SessionOptions session_options{internal::OriginOf(options, key), std::move(key),
                                           options.unverified_answer, options.sequence,
                                           options.timeout};
  auto session =
      std::make_unique<internal::Session>(std::move(transport), std::move(session_options));
  if (!options.state_file.empty()) {
    SLUIS_RETURN_IF_ERROR(
        session->OpenState(options.state_file, options.state_file + "." + connections->oin()));
  }
  return Client(std::move(session));
}

}  // namespace sluis::client
