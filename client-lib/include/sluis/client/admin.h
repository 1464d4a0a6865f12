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

// What a purge on a day would destroy. No personal data: persons by the pseudonym of the log.
struct PurgePlan {
  struct Part {
    std::string term;  // "RT_WGS"
    std::string due;   // YYYY-MM-DD
    int values = 0;
    int records = 0;
  };
  struct Destruction {
    std::string kind;  // PARTS, PERSON, CASUS
    std::string casus_id;
    std::string pseudonym;  // hex
    std::vector<Part> parts;
    int handles = 0;
  };
  struct Erasure {
    std::string pseudonym;  // hex
    std::string ground;
    std::string reference;
    std::string asked_by;
    std::string asked_on;  // YYYY-MM-DD
    std::string until;
  };
  std::string day;
  int casussen = 0;
  int persons = 0;
  int values = 0;
  int records = 0;
  // The first 1,000; `more` are not listed.
  std::vector<Destruction> destructions;
  int more = 0;
  int unfinished = 0;
  std::vector<Erasure> erasures;
  // Rows that cannot be read, which no purge destroys: at most 1,000.
  struct Unreadable {
    std::string kind;  // "value"
    std::string id;
  };
  std::vector<Unreadable> unreadable;
};

struct PurgeTotals {
  int casussen = 0;
  int persons = 0;
  int values = 0;
  int records = 0;
  int completed = 0;
};

// A task of the broker. Instants are RFC 3339 or empty.
struct JobView {
  std::string name;
  absl::Duration interval;
  std::string last_run;
  std::string last_success;
  int failures = 0;
  std::string reason;
  std::string retry_at;
  bool running = false;
};

struct ErasePersonParams {
  std::string operator_id;
  std::string partij;
  std::string person_id;
  std::string ground;
  std::string reference;
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

  // What would be destroyed on a day (YYYY-MM-DD; empty: today), if nothing changed until then.
  absl::StatusOr<PurgePlan> PlanPurge(const std::string& day);
  // Destroys what is over today. UNAVAILABLE / STORE_LOCKED: done, but to be repeated.
  absl::StatusOr<PurgeTotals> RunPurge(const std::string& operator_id);
  // False: another operator has to ask the same. Errors: PERSON_UNKNOWN, SAME_OPERATOR,
  // ERASURE_OTHER.
  absl::StatusOr<bool> ErasePerson(const ErasePersonParams& params);
  // FAILED_PRECONDITION / SCHEDULE_OFF.
  absl::StatusOr<std::vector<JobView>> ListJobs();

 private:
  struct State;
  explicit AdminClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluis::client
