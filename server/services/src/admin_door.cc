#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpc_status.h"
#include "partij_services.h"

#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/uuid.h"
#include "sluis/services/doors.h"
#include "sluis/v1/admin.grpc.pb.h"

namespace sluis::services {
namespace {

constexpr char kJobs[] = "sluis.jobs";

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

  grpc::Status PlanPurge(grpc::ServerContext* /*context*/, const v1::PlanPurgeRequest* request,
                         v1::PlanPurgeResponse* response) override {
    const auto plan = actions_.plan_purge(request->day());
    if (!plan.ok()) return ToGrpc(plan.status());
    Fill(*plan, *response);
    return grpc::Status::OK;
  }

  grpc::Status RunPurge(grpc::ServerContext* /*context*/, const v1::RunPurgeRequest* request,
                        v1::RunPurgeResponse* response) override {
    const auto totals = actions_.run_purge(request->operator_id());
    if (!totals.ok()) return ToGrpc(totals.status());
    response->set_casussen(totals->casussen);
    response->set_persons(totals->persons);
    response->set_values(totals->values);
    response->set_records(totals->records);
    response->set_completed(totals->completed);
    return grpc::Status::OK;
  }

  grpc::Status ErasePerson(grpc::ServerContext* /*context*/, const v1::ErasePersonRequest* request,
                           v1::ErasePersonResponse* response) override {
    const auto person = Uuid::Parse(request->person_id());
    if (!person.ok()) return ToGrpc(Malformed("person_id", "not a UUID"));
    broker::ErasureRequest erasure;
    erasure.partij = request->partij();
    erasure.person = *person;
    erasure.ground = request->ground();
    erasure.reference = request->reference();
    erasure.operator_id = request->operator_id();
    const auto erased = actions_.erase_person(erasure);
    if (!erased.ok()) return ToGrpc(erased.status());
    response->set_erased(*erased);
    return grpc::Status::OK;
  }

  grpc::Status ListJobs(grpc::ServerContext* /*context*/, const v1::ListJobsRequest* /*request*/,
                        v1::ListJobsResponse* response) override {
    const auto jobs = actions_.list_jobs();
    if (!jobs.ok()) return ToGrpc(jobs.status());
    for (const broker::JobStatus& job : *jobs) {
      v1::JobView& view = *response->add_jobs();
      view.set_name(job.name);
      view.set_interval_seconds(absl::ToInt64Seconds(job.interval));
      view.set_last_run(Instant(job.last_run));
      view.set_last_success(Instant(job.last_success));
      view.set_failures(job.failures);
      view.set_reason(job.reason);
      view.set_retry_at(Instant(job.retry_at));
      view.set_running(job.running);
    }
    return grpc::Status::OK;
  }

 private:
  static std::string Instant(std::optional<absl::Time> time) {
    return time ? absl::FormatTime(absl::RFC3339_full, *time, absl::UTCTimeZone()) : std::string();
  }

  static void Fill(const broker::DestructionPlan& plan, v1::PlanPurgeResponse& out) {
    out.set_day(plan.day.ToString());
    out.set_unfinished(plan.unfinished);
    for (const broker::Destruction& each : plan.destructions) {
      if (each.kind == broker::Destruction::Kind::kCasus) out.set_casussen(out.casussen() + 1);
      if (each.kind == broker::Destruction::Kind::kPerson) out.set_persons(out.persons() + 1);
      for (const broker::DestructionPart& part : each.parts) {
        out.set_values(out.values() + part.values);
        out.set_records(out.records() + part.records);
      }
      if (out.destructions_size() == kMostDestructions) {
        out.set_more(out.more() + 1);
        continue;
      }
      Fill(each, *out.add_destructions());
    }
    for (const broker::PendingErasure& pending : plan.erasures) {
      v1::PendingErasure& view = *out.add_erasures();
      view.set_pseudonym(HexEncode(pending.pseudonym));
      view.set_ground(pending.ground);
      view.set_reference(pending.reference);
      view.set_asked_by(pending.asked_by);
      view.set_asked_on(pending.asked_on.ToString());
      view.set_until(pending.until.ToString());
    }
    for (const broker::UnreadableRow& row : plan.unreadable) {
      if (out.unreadable_size() == kMostDestructions) break;
      v1::UnreadableRow& view = *out.add_unreadable();
      view.set_kind(row.kind);
      view.set_id(row.id);
    }
  }

  static void Fill(const broker::Destruction& each, v1::PlannedDestruction& view) {
    using Kind = broker::Destruction::Kind;
    view.set_kind(each.kind == Kind::kCasus    ? v1::PlannedDestruction::CASUS
                  : each.kind == Kind::kPerson ? v1::PlannedDestruction::PERSON
                                               : v1::PlannedDestruction::PARTS);
    if (const auto casus = Uuid::FromBytes(each.casus_id); casus.ok())
      view.set_casus_id(casus->ToString());
    view.set_pseudonym(HexEncode(each.pseudonym));
    view.set_handles(each.handles);
    for (const broker::DestructionPart& part : each.parts) {
      v1::PlannedPart& out = *view.add_parts();
      out.set_term(part.term);
      out.set_due(part.due.ToString());
      out.set_values(part.values);
      out.set_records(part.records);
    }
  }

  static constexpr int kMostDestructions = 1000;
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
  health->SetServingStatus(kJobs, true);
  for (const char* service : kPartijServices) health->SetServingStatus(service, false);
  return std::unique_ptr<AdminDoor>(new AdminDoor(std::move(state)));
}

int AdminDoor::port() const { return state_->port; }

void AdminDoor::SetServing(bool serving) {
  auto* const health = state_->server->GetHealthCheckService();
  for (const char* service : kPartijServices) health->SetServingStatus(service, serving);
}

void AdminDoor::SetJobsServing(bool serving) {
  state_->server->GetHealthCheckService()->SetServingStatus(kJobs, serving);
}

void AdminDoor::Close(absl::Time deadline) {
  if (state_->server == nullptr) return;
  state_->server->Shutdown(absl::ToChronoTime(deadline));
  state_->server->Wait();
}

}  // namespace sluis::services
