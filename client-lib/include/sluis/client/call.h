#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/audit/digest.h"
#include "sluis/audit/receipt.h"
#include "sluis/base/uuid.h"

// What all calls have in common.
namespace sluis::client {

// In which capacity a call is made.
struct Context {
  // One of the caller's hats.
  std::string acting_hat = {};
  // The professional, by the caller's own id (PutProfessional).
  std::string professional = {};
  // UUID version 4 or 7 in lower case. Empty: a new one. Give your own (NewRequestId) to be able to
  // repeat a call of which you do not know how it ended: with the same id and content it is done
  // once.
  std::string request_id = {};
  // Zero: that of the options.
  absl::Duration timeout = absl::ZeroDuration();
};

// A random, time-ordered UUID (version 7). INTERNAL / RANDOM_FAILED without random bytes.
absl::StatusOr<std::string> NewRequestId();

// A partij in one of its capacities, by their names in the convenant.
struct PartijHat {
  std::string partij = {};
  std::string hat = {};
  friend bool operator==(const PartijHat&, const PartijHat&) = default;
};

// An entry of the log that a call made, verified.
struct Entry {
  uint64_t index = 0;
  Uuid event_id = {};
  absl::Time time = {};
  // Our own number of it, contiguous from 1.
  uint64_t partij_seq = 0;
  // Size of the tree in which it was proven to be.
  uint64_t tree_size = 0;
  // The proof as it came, to be kept or handed on: it needs the log's key and these two hashes.
  audit::Receipt receipt = {};
  audit::Digest request = {};
  audit::Digest answer = {};
};

// That a call is in the log.
struct Proof {
  std::string request_id = {};
  // One for each entry that the call made; the first is that of the decision or change.
  std::vector<Entry> entries = {};
  // What is wrong with it. OK, unless UnverifiedAnswer::kDeliver was asked for.
  absl::Status problem = {};
};

// The answer to a call that gives nothing but its entry.
struct Done {
  Proof proof = {};
};

}  // namespace sluis::client
