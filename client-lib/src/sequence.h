#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"

#include "sluis/base/mutex.h"
#include "sluis/client/client.h"
#include "sluis/client/options.h"

namespace sluis::client::internal {

// Looks whether the numbers that the log gives to our entries are those that our calls explain.
//
// Answers come in any order, so a number that is missing may still be on its way: with a call that
// was under way when a higher number was seen. Once all of those have ended it is missing for
// certain. A call of which we heard no end may have made an entry all the same: it excuses as many
// missing numbers as it may have made.
//
// Thread-safe.
class SequenceTracker {
 public:
  using Ticket = uint64_t;

  explicit SequenceTracker(Sequence mode) : mode_(mode) {}

  Ticket Begin();

  // How a call ended.
  struct Ending {
    // Numbers of the entries that it made now.
    std::span<const uint64_t> numbers;
    // How many more it may have made.
    uint64_t unheard = 0;
    // The caller can be told of a gap; otherwise the next one is.
    bool tell = true;
  };
  // DATA_LOSS / SEQUENCE_GAP (metadata: missing) when numbers are missing for certain, once for
  // each; SEQUENCE_REPEATED (metadata: number) for a number that was given before the call began,
  // or to another one.
  absl::Status End(Ticket ticket, const Ending& ending);

  // An entry of an earlier call.
  void Seen(uint64_t number);

  // The newest number of an earlier life of this client, before the first Begin(). `complete`: that
  // life ended when nothing was under way, and knew of every entry that it made. Otherwise it may
  // have made those that are missing next.
  void Restore(uint64_t newest, bool complete);
  // What to restore later.
  struct Standing {
    uint64_t newest = 0;  // 0: none yet
    bool complete = false;
  };
  [[nodiscard]] Standing standing() const;

  [[nodiscard]] SequenceReport Report() const;

 private:
  // Missing numbers, from the key on.
  struct Range {
    uint64_t last = 0;
    Ticket before = 0;  // calls from this one on cannot bear them
    bool judged = false;
  };

  absl::Status Take(uint64_t number, uint64_t floor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Miss(uint64_t first, uint64_t last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // False when it is not missing.
  bool Fill(uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Judge() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Sequence mode_;
  mutable Mutex mutex_;
  Ticket next_ ABSL_GUARDED_BY(mutex_) = 0;
  // Calls under way, with the newest number that was known when they began.
  std::map<Ticket, uint64_t> under_way_ ABSL_GUARDED_BY(mutex_);
  uint64_t first_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t newest_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t excused_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of an earlier life that did not know of all its entries; 0 without.
  uint64_t torn_off_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, Range> missing_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluis::client::internal
