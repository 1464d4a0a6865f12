#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "client_maker.h"
#include "grpc_transport.h"
#include "log_key.h"
#include "session.h"
#include "tls_files.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/client/client.h"
#include "sluis/v1/audit.pb.h"

namespace sluis::client {
namespace {

using internal::TlsFiles;
using internal::Transport;

constexpr size_t kMostBytes = size_t{1} << 30;

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
  SLUIS_ASSIGN_OR_RETURN(TlsFiles read, internal::ReadTlsFiles(options, absl::Now()));
  const auto files = std::make_shared<const TlsFiles>(std::move(read));
  std::unique_ptr<Transport> transport = internal::MakeGrpcTransport(
      MakeChannel(options, *files),
      [files, target = options.target, name = options.server_name](std::string_view said) {
        return internal::ExplainConnection(*files, target, name, said, absl::Now());
      });
  SLUIS_ASSIGN_OR_RETURN(audit::VerifierKey key, internal::FindLogKey(options, [&] {
                           return AskForKey(*transport, options.timeout);
                         }));
  internal::SessionOptions session_options{internal::OriginOf(options, key), std::move(key),
                                           options.unverified_answer, options.sequence,
                                           options.timeout};
  auto session =
      std::make_unique<internal::Session>(std::move(transport), std::move(session_options));
  if (!options.state_file.empty()) SLUIS_RETURN_IF_ERROR(session->OpenState(options.state_file));
  return Client(std::move(session));
}

}  // namespace sluis::client
