#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/audit/digest.h"
#include "sluis/audit/merkle.h"
#include "sluis/audit/note.h"
#include "sluis/audit/receipt.h"
#include "sluis/base/civil_date.h"
#include "sluis/base/thread_pool.h"
#include "sluis/store/store.h"

namespace sluis::log::v1 {
class Record;
}  // namespace sluis::log::v1

// The one committer: every change of state and every decision becomes an entry of the log, and is
// durable together with it, before anybody learns of it.
namespace sluis::ledger {

// The instant that the committer fixed for a batch, and the civil date that belongs to it.
struct Moment {
  absl::Time now;
  CivilDate today;
  // The index that the entry of this submission will have.
  uint64_t index = 0;
};

// What one call amounts to: the entry to be written, and what will be answered.
struct Draft {
  Draft();
  Draft(Draft&&) noexcept;
  Draft& operator=(Draft&&) noexcept;
  ~Draft();

  int kind = 0;  // an EventKind
  // Counts for this partij's own sequence; empty for who is no partij.
  std::string partij;
  // Complete but for partij_seq, decided_at, local_date and repeats, which the ledger fills in;
  // null once it is written.
  std::unique_ptr<log::v1::Record> record;
  // For a repeated request: index of the first entry plus 1.
  uint64_t repeats = 0;
  audit::Digest request;
  // The hash of the answer as it stands in the leaf; absent when there is none.
  std::optional<audit::Digest> answer_hash;
  // The answer as it will be sent, without values and receipt.
  std::string answer;
  // What is kept of it: the answer sealed, or nothing.
  std::string kept_answer;
  // Sealed free texts, or empty.
  std::string texts;
  // For search.
  std::string source;
  // An error to be returned once the entry is durable; OK for an answer.
  absl::Status error;

  // The record as bytes, with what is searched for.
  struct Written {
    std::string bytes;
    std::string caller;
    std::string casus_id;
    std::string pseudonym;
  };
  std::optional<Written> written;
  // Writes the record and lets go of it: where it was made, because a hundred small pieces that are
  // freed on another thread cost more than making them did. The ledger does it for who did not.
  void WriteRecord();
};

struct Committed {
  Draft draft;
  // The record as it is in the log.
  std::string record;
  audit::Receipt receipt;
  // Size of the tree of the receipt's checkpoint.
  uint64_t tree_size = 0;
};

struct Submission {
  // Runs on the committer's thread inside the batch's transaction: reads the state as it is, writes
  // changes, and says what the entry is. May run again never: once per submission. An error means
  // that *we* failed: what it wrote is undone, nothing is logged, the caller gets the error.
  std::function<absl::StatusOr<Draft>(store::Transaction&, const Moment&)> apply;
  // Runs on a thread of the pool, after the entry is durable, or with why it is not. Once.
  std::function<void(absl::StatusOr<Committed>)> done;
  // `done` is short and waits for nothing. Then it may run on the committer's thread when nobody
  // else is waiting, which spares a lone caller a change of threads.
  bool prompt = false;
  // The receipt proves that its tree extends the one of this size; 0: no proof.
  uint64_t known_tree_size = 0;
  // Not begun after this.
  absl::Time deadline = absl::InfiniteFuture();
};

struct LedgerOptions {
  // Where state and log are kept; outlives the ledger.
  store::Store* store = nullptr;
  // Runs completions; outlives the ledger.
  ThreadPool* pool = nullptr;
  // Tells the decision instant; called once a batch, on the committer's thread.
  std::function<Moment()> clock;
  // The log's name, the first line of its checkpoints.
  std::string origin;
  // At most this many calls in one transaction, and waiting.
  size_t max_batch = 256;
  size_t max_waiting = 4096;
};

// All writes and all releases go through it. It takes the waiting submissions, runs them in one
// transaction, appends their entries, extends the tree, signs one checkpoint, commits, and
// completes the callers with their receipts. It never decides anything. While many call at a time a
// batch waits for more of them, 5 ms at most; who calls alone waits for nobody.
//
// Thread-safe. After a failed sync nothing is known about the disk: the ledger is broken for good
// and refuses everything (DATA_LOSS / LEDGER_BROKEN); the process should end. A commit that failed
// cleanly fails its batch only.
class Ledger {
 public:
  // Opens the log of the store. Verifies all of it: every leaf, commitment and tile, the root, the
  // checkpoint and every partij's sequence. A log that does not verify is no error here: the ledger
  // then refuses every submission (FAILED_PRECONDITION / LOG_NOT_VERIFIED) and health() says why.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(LedgerOptions options, audit::SigningKey key);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  // Completes what was submitted.
  ~Ledger();

  // Never waits. Refuses at once with UNAVAILABLE / OVERLOADED when too much is waiting.
  void Submit(Submission submission);

  // OK while it works; else why it does not.
  [[nodiscard]] absl::Status health() const;

  // The newest signed checkpoint with the size of its tree.
  [[nodiscard]] store::HeadRow published() const;
  [[nodiscard]] const audit::VerifierKey& verifier() const;
  // For a tree of `size` leaves, 0 for the newest. Errors as LogTree.
  [[nodiscard]] absl::StatusOr<std::vector<audit::Digest>> InclusionProof(uint64_t index,
                                                                          uint64_t size) const;
  [[nodiscard]] absl::StatusOr<std::vector<audit::Digest>> ConsistencyProof(
      uint64_t old_size, uint64_t new_size) const;

 private:
  struct State;
  explicit Ledger(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What is wrong with the log of a store, most telling first, each with its place; empty when it
// verifies from the first to the last entry.
absl::StatusOr<std::vector<std::string>> VerifyStoredLog(store::Reader& reader,
                                                         std::string_view origin,
                                                         const audit::VerifierKey& key);

}  // namespace sluis::ledger
