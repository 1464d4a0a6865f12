#include "core.h"

#include "sluis/state/inbox.h"
#include "sluis/state/notices.h"

// Deleting what partijen need no longer be told.
namespace sluis::broker {
namespace {

constexpr absl::Duration kNoticesKept = absl::Hours(24 * 30);
// In one transaction: short, because calls wait for it.
constexpr size_t kBatch = 500;

// Notices are no part of the log, and say nothing that the log does not, so that they go without an
// entry.
absl::Status DeleteNotices(Core& core, const JobMoment& moment) {
  uint64_t kept_from = 0;
  {
    SLUIS_ASSIGN_OR_RETURN(const auto reader, core.options.store->Read());
    store::EntryFilter young;
    young.from = absl::ToUnixMicros(moment.now - kNoticesKept);
    SLUIS_ASSIGN_OR_RETURN(const auto first, reader->Search(young, 0, 1));
    SLUIS_ASSIGN_OR_RETURN(const store::HeadRow head, reader->Head());
    kept_from = first.empty() ? head.size : first.front().index;
  }
  for (;;) {
    SLUIS_RETURN_IF_ERROR(moment.go_on());
    SLUIS_ASSIGN_OR_RETURN(const auto transaction, core.options.store->Begin());
    SLUIS_ASSIGN_OR_RETURN(const size_t deleted,
                           state::DeleteNoticesBefore(*transaction, kept_from, kBatch));
    SLUIS_RETURN_IF_ERROR(transaction->Commit());
    if (deleted < kBatch) return absl::OkStatus();
  }
}

// Sealed with the key of the person; here they go with their term.
absl::Status DeleteItems(Core& core, const JobMoment& moment) {
  std::string after;
  do {
    SLUIS_RETURN_IF_ERROR(moment.go_on());
    SLUIS_ASSIGN_OR_RETURN(const auto transaction, core.options.store->Begin());
    SLUIS_RETURN_IF_ERROR(state::DeleteOldItems(*transaction, moment.today, kBatch, after));
    SLUIS_RETURN_IF_ERROR(transaction->Commit());
  } while (!after.empty());
  return absl::OkStatus();
}

}  // namespace

void AddNoticeJobs(std::vector<Job>& jobs) {
  jobs.push_back({"notices", absl::Hours(6), Job::Hours::kAny, &DeleteNotices});
  jobs.push_back({"inbox", absl::Hours(24), Job::Hours::kAny, &DeleteItems});
}

}  // namespace sluis::broker
