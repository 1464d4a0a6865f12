#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "sluis/audit/digest.h"
#include "sluis/audit/merkle.h"
#include "sluis/base/outcome.h"
#include "sluis/client/call.h"

// Reading the log, which is itself recorded and needs a lawful purpose
// (proto/sluis/v1/audit.proto).
namespace sluis::client {

enum class UsagePurpose {
  kNone,  // refused
  kLawfulnessControl,
  kInternalControl,
  kIntegritySecurity,
  kCourtProceedings,
};

// All that is filled has to hold.
struct SearchEventsRequest {
  UsagePurpose usage_purpose = UsagePurpose::kNone;
  std::optional<absl::Time> from = {};
  std::optional<absl::Time> until = {};
  std::vector<std::string> kinds = {};
  std::string caller = {};
  std::string source = {};
  std::string casus_id = {};
  std::string pseudonym = {};
  std::string field = {};
  std::string code = {};
  int32_t page_size = 0;
  std::string page_token = {};
  std::string language = {};
};

struct EventField {
  std::string field = {};
  Outcome outcome = Outcome::kRefuse;
  std::string code = {};
  std::string grant = {};
  std::string grondslag = {};
  std::string exclusion = {};
  std::vector<std::string> obligations = {};
  std::vector<std::string> missing = {};
  std::string officer_text = {};
  // Of DELIVERED and NOT_DELIVERED: what became of the value, as FieldAnswer::delivery; and on
  // which ground the source objected, for officers and the source.
  std::string delivery = {};
  std::string objection_ground = {};
};

struct Event {
  uint64_t index = 0;
  std::string event_id = {};
  std::string time = {};
  std::string kind = {};
  std::string caller = {};
  uint64_t partij_seq = 0;
  std::string acting_hat = {};
  std::string professional = {};
  std::string source_partij = {};
  std::string source_hat = {};
  std::string casus_id = {};
  std::string tafel = {};
  std::string stage = {};
  std::string phase = {};
  std::string purpose = {};
  std::string pseudonym = {};
  std::vector<EventField> fields = {};
  std::string error_reason = {};
  std::string convenant_version = {};
  std::string statute_version = {};
  std::string policy_hash = {};
  std::string subject_kind = {};
  std::optional<uint64_t> repeats = {};  // index of the first entry that this one repeats
  std::string usage_purpose = {};
  // Of DELIVERED and NOT_DELIVERED: the entry of the decision.
  std::optional<uint64_t> decided_in = {};
};

struct SearchEventsAnswer {
  std::vector<Event> events = {};    // in order of index
  std::string next_page_token = {};  // empty at the end
  Proof proof = {};
};

struct ReadEntriesRequest {
  UsagePurpose usage_purpose = UsagePurpose::kNone;
  uint64_t start = 0;
  int32_t count = 0;
};

struct LogEntry {
  std::string leaf = {};
  std::string salt = {};
  std::string record = {};
};

struct ReadEntriesAnswer {
  std::vector<LogEntry> entries = {};  // from `start` on
  Proof proof = {};
};

// The newest checkpoint, signed and of the history that this client has seen.
struct Checkpoint {
  std::string note = {};
  audit::TreeHead head = {};
  // The verifier key that the broker presents. Only for comparing with the one you were given.
  std::string log_key = {};
};

// Which entry: exactly one of `index` and `event_id`.
struct InclusionProofRequest {
  std::optional<uint64_t> index = {};
  std::string event_id = {};
  uint64_t tree_size = 0;  // 0: the newest
};

struct InclusionProof {
  std::string leaf = {};
  uint64_t index = 0;
  std::vector<audit::Digest> hashes = {};
  uint64_t tree_size = 0;
  std::string checkpoint = {};
  // True when it was verified: the tree is that of the checkpoint. For an older tree, of which the
  // client has no signed head, it is for the caller to compare with one.
  bool verified = false;
};

// Not verified: only the caller knows between which heads it should lead
// (audit::VerifyConsistency).
struct ConsistencyProof {
  std::vector<audit::Digest> hashes = {};
  uint64_t new_size = 0;
  std::string checkpoint = {};
};

}  // namespace sluis::client
