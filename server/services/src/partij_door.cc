#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "caller.h"
#include "grpc_status.h"
#include "partij_services.h"

#include "sluis/base/errors.h"
#include "sluis/logging/logging.h"
#include "sluis/services/doors.h"
#include "sluis/v1/audit.grpc.pb.h"
#include "sluis/v1/casus.grpc.pb.h"
#include "sluis/v1/consent.grpc.pb.h"
#include "sluis/v1/fact.grpc.pb.h"
#include "sluis/v1/field.grpc.pb.h"
#include "sluis/v1/professional.grpc.pb.h"
#include "sluis/v1/sharing.grpc.pb.h"

namespace sluis::services {
namespace {

using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using logging::Level;

// Above this the transport itself refuses, and nothing can be recorded.
constexpr int kTransportLimit = 4 << 20;

// What every handler does: find out who calls, hand over the bytes, and answer when the broker
// does.
class Gate {
 public:
  Gate(broker::Broker& broker, identity::TrustStore& trust, const config::Config& config)
      : broker_(broker),
        callers_(trust, config.test_data_only),
        max_message_bytes_(static_cast<size_t>(config.max_message_bytes)) {}

  ServerUnaryReactor* Run(const char* method, CallbackServerContext* context, const ByteBuffer* in,
                          ByteBuffer* out) {
    ServerUnaryReactor* const reactor = context->DefaultReactor();
    const auto caller = callers_.Of(*context);
    if (!caller.ok()) {
      if (refused_.Allow()) {
        logging::Log(Level::kWarn, "caller_refused",
                     {{"reason", ReasonOf(caller.status())}, {"method", method}});
      }
      reactor->Finish(ToGrpc(caller.status()));
      return reactor;
    }
    if (in->Length() > max_message_bytes_) {
      const absl::Status why = WithMetadata(
          ResourceExhausted("TOO_LARGE", "the message is larger than this broker accepts"), "limit",
          absl::StrCat(max_message_bytes_));
      broker_.Reject(*caller, why, [reactor](const absl::StatusOr<std::string>& answer) {
        reactor->Finish(ToGrpc(answer.status()));
      });
      return reactor;
    }
    std::string request;
    request.reserve(in->Length());
    std::vector<grpc::Slice> slices;
    if (!in->Dump(&slices).ok()) {
      reactor->Finish(ToGrpc(Malformed("message", "cannot be read")));
      return reactor;
    }
    for (const grpc::Slice& slice : slices)
      request.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    broker_.Call(method, *caller, std::move(request), absl::FromChrono(context->deadline()),
                 [reactor, out](absl::StatusOr<std::string> answer) {
                   if (!answer.ok()) {
                     if (ReasonOf(answer.status()).empty()) {
                       // Nobody outside learns what went wrong; the operator has to.
                       logging::Log(Level::kError, "unexpected_error",
                                    {{"code", absl::StatusCodeToString(answer.status().code())}});
                     }
                     reactor->Finish(ToGrpc(answer.status()));
                     return;
                   }
                   const grpc::Slice slice(*answer);
                   *out = ByteBuffer(&slice, 1);
                   reactor->Finish(grpc::Status::OK);
                 });
    return reactor;
  }

 private:
  broker::Broker& broker_;
  Callers callers_;
  const size_t max_message_bytes_;
  logging::RateLimit refused_{10};
};

// ---- One class a service, one line a call: raw bytes in, raw bytes out ----

class CasusHandlers final
    : public v1::CasusService::WithRawCallbackMethod_OpenCasus<
          v1::CasusService::WithRawCallbackMethod_AddPerson<
              v1::CasusService::WithRawCallbackMethod_IdentifyPerson<
                  v1::CasusService::WithRawCallbackMethod_IntroducePerson<
                      v1::CasusService::WithRawCallbackMethod_PlaceOnTafel<
                          v1::CasusService::WithRawCallbackMethod_AddDeelnemer<
                              v1::CasusService::WithRawCallbackMethod_RemoveDeelnemer<
                                  v1::CasusService::WithRawCallbackMethod_ScaleCasus<
                                      v1::CasusService::WithRawCallbackMethod_AcceptScaling<
                                          v1::CasusService::WithRawCallbackMethod_CloseCasus<
                                              v1::CasusService::WithRawCallbackMethod_GetCasus<
                                                  v1::CasusService::
                                                      WithRawCallbackMethod_ListCasussen<
                                                          v1::CasusService::Service>>>>>>>>>>>> {
 public:
  explicit CasusHandlers(Gate& gate) : gate_(gate) {}
  ServerUnaryReactor* OpenCasus(CallbackServerContext* context, const ByteBuffer* in,
                                ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/OpenCasus", context, in, out);
  }
  ServerUnaryReactor* AddPerson(CallbackServerContext* context, const ByteBuffer* in,
                                ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/AddPerson", context, in, out);
  }
  ServerUnaryReactor* IdentifyPerson(CallbackServerContext* context, const ByteBuffer* in,
                                     ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/IdentifyPerson", context, in, out);
  }
  ServerUnaryReactor* IntroducePerson(CallbackServerContext* context, const ByteBuffer* in,
                                      ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/IntroducePerson", context, in, out);
  }
  ServerUnaryReactor* PlaceOnTafel(CallbackServerContext* context, const ByteBuffer* in,
                                   ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/PlaceOnTafel", context, in, out);
  }
  ServerUnaryReactor* AddDeelnemer(CallbackServerContext* context, const ByteBuffer* in,
                                   ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/AddDeelnemer", context, in, out);
  }
  ServerUnaryReactor* RemoveDeelnemer(CallbackServerContext* context, const ByteBuffer* in,
                                      ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/RemoveDeelnemer", context, in, out);
  }
  ServerUnaryReactor* ScaleCasus(CallbackServerContext* context, const ByteBuffer* in,
                                 ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/ScaleCasus", context, in, out);
  }
  ServerUnaryReactor* AcceptScaling(CallbackServerContext* context, const ByteBuffer* in,
                                    ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/AcceptScaling", context, in, out);
  }
  ServerUnaryReactor* CloseCasus(CallbackServerContext* context, const ByteBuffer* in,
                                 ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/CloseCasus", context, in, out);
  }
  ServerUnaryReactor* GetCasus(CallbackServerContext* context, const ByteBuffer* in,
                               ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/GetCasus", context, in, out);
  }
  ServerUnaryReactor* ListCasussen(CallbackServerContext* context, const ByteBuffer* in,
                                   ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.CasusService/ListCasussen", context, in, out);
  }

 private:
  Gate& gate_;
};

class SharingHandlers final
    : public v1::SharingService::WithRawCallbackMethod_RequestFields<v1::SharingService::Service> {
 public:
  explicit SharingHandlers(Gate& gate) : gate_(gate) {}
  ServerUnaryReactor* RequestFields(CallbackServerContext* context, const ByteBuffer* in,
                                    ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.SharingService/RequestFields", context, in, out);
  }

 private:
  Gate& gate_;
};

class FieldHandlers final
    : public v1::FieldService::WithRawCallbackMethod_DepositField<
          v1::FieldService::WithRawCallbackMethod_CorrectField<
              v1::FieldService::WithRawCallbackMethod_WithdrawField<v1::FieldService::Service>>> {
 public:
  explicit FieldHandlers(Gate& gate) : gate_(gate) {}
  ServerUnaryReactor* DepositField(CallbackServerContext* context, const ByteBuffer* in,
                                   ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.FieldService/DepositField", context, in, out);
  }
  ServerUnaryReactor* CorrectField(CallbackServerContext* context, const ByteBuffer* in,
                                   ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.FieldService/CorrectField", context, in, out);
  }
  ServerUnaryReactor* WithdrawField(CallbackServerContext* context, const ByteBuffer* in,
                                    ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.FieldService/WithdrawField", context, in, out);
  }

 private:
  Gate& gate_;
};

class ConsentHandlers final : public v1::ConsentService::WithRawCallbackMethod_RecordConsent<
                                  v1::ConsentService::WithRawCallbackMethod_ConfirmConsent<
                                      v1::ConsentService::WithRawCallbackMethod_WithdrawConsent<
                                          v1::ConsentService::Service>>> {
 public:
  explicit ConsentHandlers(Gate& gate) : gate_(gate) {}
  ServerUnaryReactor* RecordConsent(CallbackServerContext* context, const ByteBuffer* in,
                                    ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.ConsentService/RecordConsent", context, in, out);
  }
  ServerUnaryReactor* ConfirmConsent(CallbackServerContext* context, const ByteBuffer* in,
                                     ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.ConsentService/ConfirmConsent", context, in, out);
  }
  ServerUnaryReactor* WithdrawConsent(CallbackServerContext* context, const ByteBuffer* in,
                                      ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.ConsentService/WithdrawConsent", context, in, out);
  }

 private:
  Gate& gate_;
};

class FactHandlers final
    : public v1::FactService::WithRawCallbackMethod_RecordFact<
          v1::FactService::WithRawCallbackMethod_WithdrawFact<v1::FactService::Service>> {
 public:
  explicit FactHandlers(Gate& gate) : gate_(gate) {}
  ServerUnaryReactor* RecordFact(CallbackServerContext* context, const ByteBuffer* in,
                                 ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.FactService/RecordFact", context, in, out);
  }
  ServerUnaryReactor* WithdrawFact(CallbackServerContext* context, const ByteBuffer* in,
                                   ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.FactService/WithdrawFact", context, in, out);
  }

 private:
  Gate& gate_;
};

class ProfessionalHandlers final
    : public v1::ProfessionalService::WithRawCallbackMethod_PutProfessional<
          v1::ProfessionalService::WithRawCallbackMethod_ListProfessionals<
              v1::ProfessionalService::Service>> {
 public:
  explicit ProfessionalHandlers(Gate& gate) : gate_(gate) {}
  ServerUnaryReactor* PutProfessional(CallbackServerContext* context, const ByteBuffer* in,
                                      ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.ProfessionalService/PutProfessional", context, in, out);
  }
  ServerUnaryReactor* ListProfessionals(CallbackServerContext* context, const ByteBuffer* in,
                                        ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.ProfessionalService/ListProfessionals", context, in, out);
  }

 private:
  Gate& gate_;
};

class AuditHandlers final
    : public v1::AuditService::WithRawCallbackMethod_SearchEvents<
          v1::AuditService::WithRawCallbackMethod_ReadEntries<
              v1::AuditService::WithRawCallbackMethod_GetCheckpoint<
                  v1::AuditService::WithRawCallbackMethod_GetInclusionProof<
                      v1::AuditService::WithRawCallbackMethod_GetConsistencyProof<
                          v1::AuditService::Service>>>>> {
 public:
  explicit AuditHandlers(Gate& gate) : gate_(gate) {}
  ServerUnaryReactor* SearchEvents(CallbackServerContext* context, const ByteBuffer* in,
                                   ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.AuditService/SearchEvents", context, in, out);
  }
  ServerUnaryReactor* ReadEntries(CallbackServerContext* context, const ByteBuffer* in,
                                  ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.AuditService/ReadEntries", context, in, out);
  }
  ServerUnaryReactor* GetCheckpoint(CallbackServerContext* context, const ByteBuffer* in,
                                    ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.AuditService/GetCheckpoint", context, in, out);
  }
  ServerUnaryReactor* GetInclusionProof(CallbackServerContext* context, const ByteBuffer* in,
                                        ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.AuditService/GetInclusionProof", context, in, out);
  }
  ServerUnaryReactor* GetConsistencyProof(CallbackServerContext* context, const ByteBuffer* in,
                                          ByteBuffer* out) override {
    return gate_.Run("/sluis.v1.AuditService/GetConsistencyProof", context, in, out);
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
  CasusHandlers casus{gate};
  SharingHandlers sharing{gate};
  FieldHandlers field{gate};
  ConsentHandlers consent{gate};
  FactHandlers fact{gate};
  ProfessionalHandlers professional{gate};
  AuditHandlers audit{gate};
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
  // Two brokers on one port would share its calls without telling anybody.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(&state->casus);
  builder.RegisterService(&state->sharing);
  builder.RegisterService(&state->field);
  builder.RegisterService(&state->consent);
  builder.RegisterService(&state->fact);
  builder.RegisterService(&state->professional);
  builder.RegisterService(&state->audit);
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
  state_->server->Shutdown(ToChrono(deadline));
  state_->server->Wait();
}

}  // namespace sluis::services
