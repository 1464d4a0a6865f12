#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gate.h"
#include "generic_calls.h"
#include "grpc_status.h"
#include "partij_services.h"

#include "sluis/base/errors.h"
#include "sluis/logging/logging.h"
#include "sluis/services/doors.h"
#include "sluis/v1/sharing.grpc.pb.h"

namespace sluis::services {
namespace {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using logging::Level;

// Above this the transport itself refuses, and nothing can be recorded.
constexpr int kTransportLimit = 4 << 20;

// The call that carries the load, registered by name: gRPC then reads its message together with its
// headers. All others are GenericCalls.
class SharingHandlers final
    : public v1::SharingService::WithRawCallbackMethod_RequestFields<v1::SharingService::Service> {
 public:
  explicit SharingHandlers(Gate& gate) : gate_(gate) {}
  ServerUnaryReactor* RequestFields(CallbackServerContext* context, const ByteBuffer* in,
                                    ByteBuffer* out) override {
    ServerUnaryReactor* const reactor = context->DefaultReactor();
    gate_.Run("/sluis.v1.SharingService/RequestFields", *context, *in,
              [reactor, out](const absl::StatusOr<std::string>& answer) {
                if (answer.ok()) *out = ToBuffer(*answer);
                reactor->Finish(ToGrpc(answer.status()));
              });
    return reactor;
  }

 private:
  Gate& gate_;
};

// Refuses a handshake that our trust store refuses. gRPC has checked the chain before; revocation
// it cannot (docs/adr/0005-crl.md).
class HandshakeVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit HandshakeVerifier(identity::TrustStore& trust) : trust_(trust) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*callback*/, grpc::Status* sync_status) override {
    const auto leaf = request->peer_cert();
    const auto chain = request->peer_cert_full_chain();
    const absl::Status trusted =
        trust_.Check({leaf.data(), leaf.size()}, {chain.data(), chain.size()});
    if (!trusted.ok()) {
      if (refused_.Allow()) {
        logging::Log(Level::kWarn, "handshake_refused", {{"reason", ReasonOf(trusted)}});
      }
      *sync_status = ToGrpc(trusted);
    }
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest* /*request*/) override {}

 private:
  identity::TrustStore& trust_;
  logging::RateLimit refused_{10};
};

std::shared_ptr<grpc::ServerCredentials> MakeCredentials(const config::Config& config,
                                                         identity::TrustStore& trust) {
  using namespace grpc::experimental;  // NOLINT(google-build-using-namespace): one API's names
  constexpr unsigned kReadAgainSeconds = 5;
  const auto files = std::make_shared<FileWatcherCertificateProvider>(
      config.key_file, config.certificate_file, config.client_ca_file, kReadAgainSeconds);
  TlsServerCredentialsOptions options(files);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.set_certificate_verifier(
      ExternalCertificateVerifier::Create<HandshakeVerifier>(std::ref(trust)));
  return TlsServerCredentials(options);
}

std::chrono::system_clock::time_point ToChrono(absl::Time time) { return absl::ToChronoTime(time); }

}  // namespace

struct PartijDoor::State {
  State(const config::Config& config, broker::Broker& broker, identity::TrustStore& trust)
      : gate(broker, trust, config), test_data_only(config.test_data_only) {}
  Gate gate;
  const bool test_data_only;
  SharingHandlers sharing{gate};
  GenericCalls others{gate};
  int port = 0;
  std::unique_ptr<grpc::Server> server;
};

PartijDoor::PartijDoor(std::unique_ptr<State> state) : state_(std::move(state)) {}
PartijDoor::~PartijDoor() { Close(absl::Now()); }

absl::StatusOr<std::unique_ptr<PartijDoor>> PartijDoor::Open(const config::Config& config,
                                                             broker::Broker& broker,
                                                             identity::TrustStore& trust) {
  auto state = std::make_unique<State>(config, broker, trust);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(config.listen_address, MakeCredentials(config, trust), &state->port);
  builder.SetMaxReceiveMessageSize(kTransportLimit);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, config.max_calls_per_connection);
  builder.AddChannelArgument(
      GRPC_ARG_MAX_CONNECTION_AGE_MS,
      static_cast<int>(absl::ToInt64Milliseconds(config.max_connection_age)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                             static_cast<int>(absl::ToInt64Milliseconds(config.drain)));
  // A source's stream is silent until it is asked: whether it is still there is looked at, so that
  // nobody waits for one that a firewall forgot. Our clients look at us as often.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 30'000);
  // Two brokers on one port would share its calls without telling anybody.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(&state->sharing);
  builder.RegisterCallbackGenericService(&state->others);
  state->server = builder.BuildAndStart();
  if (state->server == nullptr || state->port == 0) {
    return Unavailable("PORT_TAKEN",
                       absl::StrCat("cannot listen on ", config.listen_address,
                                    ": the port is taken, or the TLS files are not good"));
  }
  return std::unique_ptr<PartijDoor>(new PartijDoor(std::move(state)));
}

int PartijDoor::port() const { return state_->port; }

void PartijDoor::SetServing(bool serving) {
  auto* const health = state_->server->GetHealthCheckService();
  health->SetServingStatus("", serving);
  for (const char* service : kPartijServices) health->SetServingStatus(service, serving);
  if (state_->test_data_only) health->SetServingStatus("TEST_DATA_ONLY", serving);
}

void PartijDoor::Close(absl::Time deadline) {
  if (state_->server == nullptr) return;
  state_->others.EndStreams();
  state_->server->Shutdown(ToChrono(deadline));
  state_->server->Wait();
}

}  // namespace sluis::services
