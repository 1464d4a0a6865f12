#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpc_status.h"
#include "partij_services.h"

#include "sluis/base/errors.h"
#include "sluis/services/doors.h"
#include "sluis/v1/admin.grpc.pb.h"

namespace sluis::services {
namespace {

// Few calls that may wait: gRPC's own threads carry them.
class AdminHandlers final : public v1::AdminService::Service {
 public:
  explicit AdminHandlers(AdminActions actions) : actions_(std::move(actions)) {}

  grpc::Status SetDecisionClock(grpc::ServerContext* /*context*/,
                                const v1::SetDecisionClockRequest* request,
                                v1::SetDecisionClockResponse* response) override {
    const auto now = actions_.set_decision_clock(request->now());
    if (!now.ok()) return ToGrpc(now.status());
    response->set_now(absl::FormatTime(absl::RFC3339_full, *now, absl::UTCTimeZone()));
    return grpc::Status::OK;
  }

  grpc::Status ReloadPolicy(grpc::ServerContext* /*context*/,
                            const v1::ReloadPolicyRequest* /*request*/,
                            v1::ReloadPolicyResponse* response) override {
    auto reloaded = actions_.reload_policy();
    if (!reloaded.ok()) return ToGrpc(reloaded.status());
    response->set_policy_hash(reloaded->policy_hash);
    for (std::string& warning : reloaded->warnings) response->add_warnings(std::move(warning));
    return grpc::Status::OK;
  }

  grpc::Status ProposePolicy(grpc::ServerContext* /*context*/,
                             const v1::ProposePolicyRequest* request,
                             v1::ProposePolicyResponse* response) override {
    auto proposed = actions_.propose_policy(request->operator_id(), request->from());
    if (!proposed.ok()) return ToGrpc(proposed.status());
    response->set_policy_hash(proposed->policy_hash);
    for (std::string& warning : proposed->warnings) response->add_warnings(std::move(warning));
    return grpc::Status::OK;
  }

  grpc::Status ActivatePolicy(grpc::ServerContext* /*context*/,
                              const v1::ActivatePolicyRequest* request,
                              v1::ActivatePolicyResponse* response) override {
    const auto from = actions_.activate_policy(request->operator_id(), request->policy_hash());
    if (!from.ok()) return ToGrpc(from.status());
    response->set_from(from->ToString());
    return grpc::Status::OK;
  }

 private:
  const AdminActions actions_;
};

}  // namespace

struct AdminDoor::State {
  explicit State(AdminActions actions) : handlers(std::move(actions)) {}
  AdminHandlers handlers;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
};

AdminDoor::AdminDoor(std::unique_ptr<State> state) : state_(std::move(state)) {}
AdminDoor::~AdminDoor() { Close(absl::Now()); }

absl::StatusOr<std::unique_ptr<AdminDoor>> AdminDoor::Open(const config::Config& config,
                                                           AdminActions actions) {
  auto state = std::make_unique<State>(std::move(actions));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(config.admin_address, grpc::InsecureServerCredentials(), &state->port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(&state->handlers);
  state->server = builder.BuildAndStart();
  if (state->server == nullptr || state->port == 0) {
    return Unavailable("PORT_TAKEN", absl::StrCat("cannot listen on ", config.admin_address));
  }
  auto* const health = state->server->GetHealthCheckService();
  health->SetServingStatus("", true);
  health->SetServingStatus("sluis.v1.AdminService", true);
  for (const char* service : kPartijServices) health->SetServingStatus(service, false);
  return std::unique_ptr<AdminDoor>(new AdminDoor(std::move(state)));
}

int AdminDoor::port() const { return state_->port; }

void AdminDoor::SetServing(bool serving) {
  auto* const health = state_->server->GetHealthCheckService();
  for (const char* service : kPartijServices) health->SetServingStatus(service, serving);
}

void AdminDoor::Close(absl::Time deadline) {
  if (state_->server == nullptr) return;
  state_->server->Shutdown(absl::ToChronoTime(deadline));
  state_->server->Wait();
}

}  // namespace sluis::services
