#include "sluis/client/admin.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <utility>

#include "absl/time/clock.h"
#include "grpc_transport.h"
#include "tls_files.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"
#include "sluis/v1/admin.pb.h"
#include "sluis/wire/message.h"

namespace sluis::client {
namespace {

// The calls have no protection of their own: not over a network.
bool IsLoopback(std::string_view target) {
  for (const std::string_view host : {"127.0.0.1:", "localhost:", "[::1]:"}) {
    if (target.substr(0, host.size()) == host) return true;
  }
  return false;
}

}  // namespace

struct AdminClient::State {
  AdminOptions options;
  std::unique_ptr<internal::Transport> transport;

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(std::string_view method, const Request& request) {
    Mutex mutex;
    CondVar ended;
    std::optional<absl::StatusOr<std::string>> result;
    transport->Call(method, wire::Canonical(request), absl::Now() + options.timeout,
                    [&](absl::StatusOr<std::string> answer) {
                      const MutexLock lock(mutex);
                      result.emplace(std::move(answer));
                      ended.NotifyAll();
                    });
    const MutexLock lock(mutex);
    while (!result) ended.Wait(mutex);
    SLUIS_RETURN_IF_ERROR(result->status());
    Response response;
    if (!response.ParseFromString(**result))
      return DataLoss("ANSWER_MALFORMED", "the broker's answer cannot be read");
    return response;
  }
};

AdminClient::AdminClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
AdminClient::AdminClient(AdminClient&& other) noexcept = default;
AdminClient& AdminClient::operator=(AdminClient&& other) noexcept = default;
AdminClient::~AdminClient() = default;

absl::StatusOr<AdminClient> AdminClient::Connect(const AdminOptions& options) {
  const auto wrong = [](std::string_view reason, std::string_view why) {
    return WithMetadata(InvalidArgument(reason, why), "option", "target");
  };
  if (options.target.empty())
    return wrong("OPTION_MISSING", "the address of the operator's door is not given");
  if (!IsLoopback(options.target)) {
    return wrong("OPTION_INVALID",
                 "the operator's door has no protection of its own and is called over loopback "
                 "only: 127.0.0.1, [::1] or localhost, with a port");
  }
  auto state = std::make_unique<State>();
  state->options = options;
  const auto connection = std::make_shared<const internal::Connection>(
      internal::Connection{grpc::CreateChannel(options.target, grpc::InsecureChannelCredentials()),
                           [target = options.target](std::string_view said) {
                             return internal::Unreachable(target, said);
                           }});
  state->transport = internal::MakeGrpcTransport([connection] { return connection; });
  return AdminClient(std::move(state));
}

absl::StatusOr<absl::Time> AdminClient::SetDecisionClock(std::optional<absl::Time> now) {
  v1::SetDecisionClockRequest request;
  if (now) request.set_now(absl::FormatTime(absl::RFC3339_full, *now, absl::UTCTimeZone()));
  SLUIS_ASSIGN_OR_RETURN(const auto response,
                         state_->Call<v1::SetDecisionClockResponse>(
                             "/sluis.v1.AdminService/SetDecisionClock", request));
  absl::Time set;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, response.now(), &set, &error))
    return DataLoss("ANSWER_MALFORMED", "the broker's answer holds no instant");
  return set;
}

absl::StatusOr<ReloadPolicyAnswer> AdminClient::ReloadPolicy() {
  SLUIS_ASSIGN_OR_RETURN(const auto response,
                         state_->Call<v1::ReloadPolicyResponse>(
                             "/sluis.v1.AdminService/ReloadPolicy", v1::ReloadPolicyRequest()));
  return ReloadPolicyAnswer{response.policy_hash(),
                            {response.warnings().begin(), response.warnings().end()}};
}

absl::StatusOr<ReloadPolicyAnswer> AdminClient::ProposePolicy(const std::string& operator_id,
                                                              const std::string& from) {
  v1::ProposePolicyRequest request;
  request.set_operator_id(operator_id);
  request.set_from(from);
  SLUIS_ASSIGN_OR_RETURN(const auto response, state_->Call<v1::ProposePolicyResponse>(
                                                  "/sluis.v1.AdminService/ProposePolicy", request));
  return ReloadPolicyAnswer{response.policy_hash(),
                            {response.warnings().begin(), response.warnings().end()}};
}

absl::StatusOr<std::string> AdminClient::ActivatePolicy(const std::string& operator_id,
                                                        const std::string& policy_hash) {
  v1::ActivatePolicyRequest request;
  request.set_operator_id(operator_id);
  request.set_policy_hash(policy_hash);
  SLUIS_ASSIGN_OR_RETURN(
      const auto response,
      state_->Call<v1::ActivatePolicyResponse>("/sluis.v1.AdminService/ActivatePolicy", request));
  return response.from();
}

absl::StatusOr<PurgePlan> AdminClient::PlanPurge(const std::string& day) {
  v1::PlanPurgeRequest request;
  request.set_day(day);
  SLUIS_ASSIGN_OR_RETURN(const auto response, state_->Call<v1::PlanPurgeResponse>(
                                                  "/sluis.v1.AdminService/PlanPurge", request));
  PurgePlan plan;
  plan.day = response.day();
  plan.casussen = response.casussen();
  plan.persons = response.persons();
  plan.values = response.values();
  plan.records = response.records();
  plan.more = response.more();
  plan.unfinished = response.unfinished();
  for (const auto& each : response.destructions()) {
    PurgePlan::Destruction out;
    out.kind = v1::PlannedDestruction::Kind_Name(each.kind());
    out.casus_id = each.casus_id();
    out.pseudonym = each.pseudonym();
    out.handles = each.handles();
    for (const auto& part : each.parts())
      out.parts.push_back({part.term(), part.due(), part.values(), part.records()});
    plan.destructions.push_back(std::move(out));
  }
  for (const auto& each : response.erasures()) {
    plan.erasures.push_back({each.pseudonym(), each.ground(), each.reference(), each.asked_by(),
                             each.asked_on(), each.until()});
  }
  for (const auto& each : response.unreadable())
    plan.unreadable.push_back({each.kind(), each.id()});
  return plan;
}

absl::StatusOr<PurgeTotals> AdminClient::RunPurge(const std::string& operator_id) {
  v1::RunPurgeRequest request;
  request.set_operator_id(operator_id);
  SLUIS_ASSIGN_OR_RETURN(const auto response, state_->Call<v1::RunPurgeResponse>(
                                                  "/sluis.v1.AdminService/RunPurge", request));
  return PurgeTotals{response.casussen(), response.persons(), response.values(), response.records(),
                     response.completed()};
}

absl::StatusOr<bool> AdminClient::ErasePerson(const ErasePersonParams& params) {
  v1::ErasePersonRequest request;
  request.set_operator_id(params.operator_id);
  request.set_partij(params.partij);
  request.set_person_id(params.person_id);
  request.set_ground(params.ground);
  request.set_reference(params.reference);
  SLUIS_ASSIGN_OR_RETURN(const auto response, state_->Call<v1::ErasePersonResponse>(
                                                  "/sluis.v1.AdminService/ErasePerson", request));
  return response.erased();
}

absl::StatusOr<std::vector<JobView>> AdminClient::ListJobs() {
  SLUIS_ASSIGN_OR_RETURN(
      const auto response,
      state_->Call<v1::ListJobsResponse>("/sluis.v1.AdminService/ListJobs", v1::ListJobsRequest()));
  std::vector<JobView> jobs;
  for (const auto& each : response.jobs()) {
    jobs.push_back({each.name(), absl::Seconds(each.interval_seconds()), each.last_run(),
                    each.last_success(), each.failures(), each.reason(), each.retry_at(),
                    each.running()});
  }
  return jobs;
}

}  // namespace sluis::client
