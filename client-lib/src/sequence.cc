#include "sequence.h"

#include <algorithm>
#include <string>

#include "sluis/base/errors.h"

namespace sluis::client::internal {
namespace {

// More are forgotten, oldest first: with many programs under one certificate there is no end.
constexpr size_t kRememberedRanges = 1024;
constexpr size_t kReportedNumbers = 1024;

void AppendRange(std::string& out, uint64_t first, uint64_t last) {
  if (!out.empty()) out += ",";
  out += std::to_string(first);
  if (last != first) out += "-" + std::to_string(last);
}

absl::Status Repeated(uint64_t number) {
  return WithMetadata(
      DataLoss("SEQUENCE_REPEATED",
               "the log gave this entry a number that it had given before: it shows us "
               "another history than somebody else, or than before"),
      "number", std::to_string(number));
}

}  // namespace

SequenceTracker::Ticket SequenceTracker::Begin() {
  const MutexLock lock(mutex_);
  under_way_.emplace(next_, newest_);
  return next_++;
}

void SequenceTracker::Miss(uint64_t first, uint64_t last) {
  missing_[first] = {.last = last, .before = next_, .judged = false};
  while (missing_.size() > kRememberedRanges) missing_.erase(missing_.begin());
}

bool SequenceTracker::Fill(uint64_t number) {
  auto found = missing_.upper_bound(number);
  if (found == missing_.begin()) return false;
  --found;
  const uint64_t first = found->first;
  const Range range = found->second;
  if (number > range.last) return false;
  missing_.erase(found);
  if (first < number) missing_[first] = {number - 1, range.before, range.judged};
  if (number < range.last) missing_[number + 1] = range;
  return true;
}

absl::Status SequenceTracker::Take(uint64_t number, uint64_t floor) {
  if (number == 0) return absl::OkStatus();  // no partij, no numbers
  if (first_ == 0) {
    first_ = newest_ = number;
    return absl::OkStatus();
  }
  if (number <= floor) return Repeated(number);
  if (number > newest_) {
    if (number > newest_ + 1) {
      Miss(newest_ + 1, number - 1);
      // Whose they are cannot be said.
      if (newest_ == torn_off_) missing_[newest_ + 1].judged = true;
    }
    newest_ = number;
  } else if (number < first_) {
    // Calls that began before the first answer came.
    if (number + 1 < first_) Miss(number + 1, first_ - 1);
    first_ = number;
  } else if (!Fill(number)) {
    return Repeated(number);
  }
  return absl::OkStatus();
}

absl::Status SequenceTracker::Judge() {
  const Ticket oldest = under_way_.empty() ? next_ : under_way_.begin()->first;
  std::string gap;
  for (auto& [first, range] : missing_) {
    if (range.judged || oldest < range.before) continue;
    range.judged = true;
    if (mode_ == Sequence::kSharedByMore) continue;
    const uint64_t count = range.last - first + 1;
    if (count <= excused_) {
      excused_ -= count;
    } else {
      AppendRange(gap, first, range.last);
    }
  }
  if (gap.empty()) return absl::OkStatus();
  return WithMetadata(
      DataLoss("SEQUENCE_GAP",
               "the log has entries under our identity that this client did not make: the broker "
               "hides them, or another program uses the same certificate"),
      "missing", gap);
}

absl::Status SequenceTracker::End(Ticket ticket, const Ending& ending) {
  const MutexLock lock(mutex_);
  const auto call = under_way_.find(ticket);
  const uint64_t floor = call->second;
  under_way_.erase(call);
  excused_ += ending.unheard;
  absl::Status result;
  for (const uint64_t number : ending.numbers) result.Update(Take(number, floor));
  if (result.ok() && ending.tell) result = Judge();
  return result;
}

void SequenceTracker::Seen(uint64_t number) {
  const MutexLock lock(mutex_);
  Fill(number);
}

void SequenceTracker::Restore(uint64_t newest, bool complete) {
  const MutexLock lock(mutex_);
  first_ = newest_ = newest;
  torn_off_ = complete ? 0 : newest;
}

SequenceTracker::Standing SequenceTracker::standing() const {
  const MutexLock lock(mutex_);
  return {newest_, under_way_.empty() && excused_ == 0 && (torn_off_ == 0 || newest_ > torn_off_)};
}

SequenceReport SequenceTracker::Report() const {
  const MutexLock lock(mutex_);
  SequenceReport report{first_, newest_, {}};
  for (const auto& [first, range] : missing_) {
    for (uint64_t number = first; number <= range.last && report.missing.size() < kReportedNumbers;
         ++number)
      report.missing.push_back(number);
  }
  return report;
}

}  // namespace sluis::client::internal
