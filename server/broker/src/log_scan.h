#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "core.h"

// Commands that rest on much of the log. On the committer's thread nobody reads much, because
// everybody waits for it: a command that has to is undone, what it needs is read on a thread of the
// pool, and it runs again, to read in its transaction only what was appended since.
namespace sluis::broker {

// What a command has read so far; kept over its attempts.
struct Attempts {
  struct Scan {
    // Entries before this one were seen.
    uint64_t next = 0;
    // How often it was read outside a transaction.
    int times = 0;
    std::any found;
  };
  int made = 0;
  // Set by an attempt that is to be made again: what comes first, on a thread of the pool.
  std::function<absl::Status()> read_first;
  std::map<std::string, Scan> scans;
};

// Ends this attempt: the command returns the status as it is, is undone without an entry, and runs
// again after `read` was OK. UNAVAILABLE / OVERLOADED after too many attempts.
absl::Status ReadFirst(CommandContext& context, std::function<absl::Status()> read);

// Sees an entry that a filter lets through. `reader` knows every entry before it.
using SeeEntry =
    std::function<absl::Status(store::Reader&, const store::EntryRow&, const log::v1::Record&)>;

// Whether a scan has more before it than a transaction may look through.
bool HasMuchToRead(const CommandContext& context, const Attempts::Scan& scan);
// From `next` on, which moves to after the last entry there is.
absl::Status ReadEntries(store::Reader& reader, const store::EntryFilter& filter, uint64_t& next,
                         const SeeEntry& see);
// The same outside a transaction, where others go on writing meanwhile.
absl::Status ReadEntriesBefore(Core& core, absl::Time deadline, const store::EntryFilter& filter,
                               uint64_t& next, const SeeEntry& see);

// The filter for entries about the subject.
absl::StatusOr<store::EntryFilter> FilterFor(CommandContext& context,
                                             const state::Subject& subject);

// What there is in the entries that the filter lets through, from `start` on and up to this
// transaction, entries of its own batch among them. `name` says all on which `see` and the filter
// depend, because what was found is kept by it; they run after this call too, and outlive it.
template <typename Found>
absl::StatusOr<Found> FoldEntries(CommandContext& context, const std::string& name,
                                  store::EntryFilter filter, uint64_t start,
                                  std::function<absl::Status(store::Reader&, const store::EntryRow&,
                                                             const log::v1::Record&, Found&)>
                                      see) {
  Attempts::Scan& scan = context.attempts->scans[name];
  if (!scan.found.has_value()) {
    scan.found = Found();
    scan.next = start;
  }
  if (HasMuchToRead(context, scan)) {
    return ReadFirst(context, [&core = context.core, deadline = context.call.deadline,
                               filter = std::move(filter), see = std::move(see), &scan] {
      auto& found = std::any_cast<Found&>(scan.found);
      ++scan.times;
      return ReadEntriesBefore(
          core, deadline, filter, scan.next,
          [&](store::Reader& reader, const store::EntryRow& entry, const log::v1::Record& record) {
            return see(reader, entry, record, found);
          });
    });
  }
  // On a copy: what stands in this transaction may yet be undone.
  Found found = std::any_cast<const Found&>(scan.found);
  uint64_t next = scan.next;
  SLUIS_RETURN_IF_ERROR(ReadEntries(
      context.transaction, filter, next,
      [&](store::Reader& reader, const store::EntryRow& entry, const log::v1::Record& record) {
        return see(reader, entry, record, found);
      }));
  return found;
}

}  // namespace sluis::broker
