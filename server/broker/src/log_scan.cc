#include "log_scan.h"

#include <algorithm>

namespace sluis::broker {
namespace {

constexpr size_t kPage = 256;
// How many entries of the log, of whomever they are, a scan may have before it in a transaction.
// Each time that it was read outside makes that twice as many, so that a broker under load, which
// has thousands of calls waiting, gets there too.
constexpr uint64_t kMostInTransaction = 1024;
constexpr int kMostAttempts = 8;

// One page. True when there may be more.
absl::StatusOr<bool> ReadPage(store::Reader& reader, const store::EntryFilter& filter,
                              uint64_t& next, const SeeEntry& see) {
  SLUIS_ASSIGN_OR_RETURN(const auto entries, reader.Search(filter, next, kPage));
  for (const store::EntryRow& entry : entries) {
    log::v1::Record record;
    if (!record.ParseFromString(entry.record))
      return DataLoss("STORE_SYNC_FAILED", "a stored record cannot be read");
    SLUIS_RETURN_IF_ERROR(see(reader, entry, record));
    next = entry.index + 1;
  }
  return entries.size() == kPage;
}

}  // namespace

absl::Status ReadFirst(CommandContext& context, std::function<absl::Status()> read) {
  if (context.attempts->made >= kMostAttempts)
    return Unavailable("OVERLOADED", "what this call rests on changes faster than it can be read");
  context.attempts->read_first = std::move(read);
  return absl::AbortedError("something is to be read first");
}

bool HasMuchToRead(const CommandContext& context, const Attempts::Scan& scan) {
  return context.moment.index > scan.next &&
         context.moment.index - scan.next > (kMostInTransaction << scan.times);
}

absl::Status ReadEntries(store::Reader& reader, const store::EntryFilter& filter, uint64_t& next,
                         const SeeEntry& see) {
  for (;;) {
    SLUIS_ASSIGN_OR_RETURN(const bool more, ReadPage(reader, filter, next, see));
    if (!more) return absl::OkStatus();
  }
}

absl::Status ReadEntriesBefore(Core& core, absl::Time deadline, const store::EntryFilter& filter,
                               uint64_t& next, const SeeEntry& see) {
  for (;;) {
    if (absl::Now() > deadline) {
      return MakeError(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
                       "the deadline passed before the log was read");
    }
    // A reader for each page: one that stays keeps the store from being scrubbed.
    SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
    SLUIS_ASSIGN_OR_RETURN(const bool more, ReadPage(*reader, filter, next, see));
    if (more) continue;
    SLUIS_ASSIGN_OR_RETURN(const store::HeadRow head, reader->Head());
    next = std::max(next, head.size);
    return absl::OkStatus();
  }
}

absl::StatusOr<store::EntryFilter> FilterFor(CommandContext& context,
                                             const state::Subject& subject) {
  store::EntryFilter filter;
  if (subject.is_person()) {
    SLUIS_ASSIGN_OR_RETURN(filter.pseudonym,
                           context.core.options.vault->Pseudonym(subject.owner()));
  } else {
    filter.casus_id = std::string(subject.owner().bytes());
  }
  return filter;
}

}  // namespace sluis::broker
