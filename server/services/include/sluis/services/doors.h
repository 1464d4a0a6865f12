#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/broker/broker.h"
#include "sluis/broker/retention.h"
#include "sluis/broker/scheduler.h"
#include "sluis/config/config.h"
#include "sluis/identity/trust_store.h"

// The gRPC doors: thin handlers that know who calls and hand bytes to the use cases. The only room
// of the broker that knows gRPC.
namespace sluis::services {

// Makes the messages of gRPC itself lines of our log ("grpc"). Once, before the first door.
void TakeOverGrpcLog();

// The door for partijen: mTLS, every service of proto/sluis/v1 but AdminService, and
// grpc.health.v1. Raw bytes go to the broker, so that a message that gRPC could not parse is
// answered and recorded like any other bad request.
//
// Whoever calls has a certificate that TrustStore trusts at the handshake *and* at every call.
// Thread-safe.
class PartijDoor {
 public:
  // Takes calls when OK. `broker` and `trust` outlive the door. UNAVAILABLE / PORT_TAKEN,
  // INVALID_ARGUMENT / TLS_FILES.
  static absl::StatusOr<std::unique_ptr<PartijDoor>> Open(const config::Config& config,
                                                          broker::Broker& broker,
                                                          identity::TrustStore& trust);
  PartijDoor(const PartijDoor&) = delete;
  PartijDoor& operator=(const PartijDoor&) = delete;
  ~PartijDoor();

  [[nodiscard]] int port() const;
  // What grpc.health.v1 says: of "" and of every service.
  void SetServing(bool serving);
  // Takes no new calls and lets those under way finish until `deadline`.
  void Close(absl::Time deadline);

 private:
  struct State;
  explicit PartijDoor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What operators may do.
struct AdminActions {
  // Empty text: the machine's clock. Returns the instant that it is then.
  std::function<absl::StatusOr<absl::Time>(const std::string& now)> set_decision_clock;
  struct Reloaded {
    std::string policy_hash;
    std::vector<std::string> warnings;
  };
  std::function<absl::StatusOr<Reloaded>()> reload_policy;
  // The day is YYYY-MM-DD. What Broker::ProposePolicy() and ApprovePolicy() say goes for these too.
  std::function<absl::StatusOr<Reloaded>(const std::string& operator_id, const std::string& from)>
      propose_policy;
  // Returns the day from which it is in force.
  std::function<absl::StatusOr<CivilDate>(const std::string& operator_id,
                                          const std::string& policy_hash_hex)>
      activate_policy;
  // Empty text: today.
  std::function<absl::StatusOr<broker::DestructionPlan>(const std::string& day)> plan_purge;
  std::function<absl::StatusOr<broker::DestructionTotals>(const std::string& operator_id)>
      run_purge;
  std::function<absl::StatusOr<bool>(const broker::ErasureRequest&)> erase_person;
  std::function<absl::StatusOr<std::vector<broker::JobStatus>>()> list_jobs;
};

// The door for operators: AdminService and health, without TLS, on loopback. As long as it is open
// health says SERVING of "" and of AdminService; of the services for partijen it says what their
// own door says, so that a probe needs no certificate.
class AdminDoor {
 public:
  static absl::StatusOr<std::unique_ptr<AdminDoor>> Open(const config::Config& config,
                                                         AdminActions actions);
  AdminDoor(const AdminDoor&) = delete;
  AdminDoor& operator=(const AdminDoor&) = delete;
  ~AdminDoor();

  [[nodiscard]] int port() const;
  // What health says of the services for partijen.
  void SetServing(bool serving);
  // What health says of the tasks of the broker, "sluis.jobs": whether the last runs of all went
  // well.
  void SetJobsServing(bool serving);
  void Close(absl::Time deadline);

 private:
  struct State;
  explicit AdminDoor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluis::services
