#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/client/options.h"

namespace sluis::client {

struct ReloadPolicyAnswer {
  std::string policy_hash;  // hex
  std::vector<std::string> warnings;
};

// The operator's calls (proto/sluis/v1/admin.proto), over loopback and without TLS. Thread-safe;
// a moved-from one can only be assigned to or destroyed. Errors are the broker's, and
// BROKER_UNREACHABLE, TIMEOUT and TRANSPORT (errors.h).
class AdminClient {
 public:
  // INVALID_ARGUMENT / OPTION_MISSING, OPTION_INVALID (a target that is no loopback address).
  static absl::StatusOr<AdminClient> Connect(const AdminOptions& options);
  AdminClient(AdminClient&& other) noexcept;
  AdminClient& operator=(AdminClient&& other) noexcept;
  ~AdminClient();

  // Sets the decision clock, which runs on from there; absent: the machine's clock again. The
  // instant that it is now. FAILED_PRECONDITION / NOT_A_TEST_ENVIRONMENT outside TEST_DATA_ONLY.
  absl::StatusOr<absl::Time> SetDecisionClock(std::optional<absl::Time> now);

  // Reads statute, convenant and switches again. INVALID_ARGUMENT / POLICY_INVALID leaves the old
  // ones in force.
  absl::StatusOr<ReloadPolicyAnswer> ReloadPolicy();

  // Proposes what the broker's files say, in force from a day (YYYY-MM-DD) on; the hash in the
  // answer is what another operator approves. Errors: POLICY_INVALID, POLICY_NOT_SIGNED,
  // POLICY_DATE_PAST, POLICY_APPROVED.
  absl::StatusOr<ReloadPolicyAnswer> ProposePolicy(const std::string& operator_id,
                                                   const std::string& from);
  // Approves a proposed policy; the day from which it is in force. Errors: POLICY_NOT_PROPOSED,
  // SAME_OPERATOR, POLICY_NOT_SIGNED, POLICY_DATE_PAST, POLICY_APPROVED.
  absl::StatusOr<std::string> ActivatePolicy(const std::string& operator_id,
                                             const std::string& policy_hash);

 private:
  struct State;
  explicit AdminClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluis::client
