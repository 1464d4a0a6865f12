#include "notice_hub.h"

#include <algorithm>

#include "absl/time/clock.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"

namespace sluis::broker {
namespace {

// Read at once; no more than wait to be sent.
constexpr size_t kBatch = StreamPeer::kMostWaiting;

}  // namespace

void NoticeFeed::Begin(Start start) {
  const MutexLock lock(mutex_);
  if (begun_ || over_) return;
  // Nobody reads them before `begun_`.
  cursor_ = start.cursor;
  types_ = std::move(start.types);
  begun_ = true;
  Schedule();
}

void NoticeFeed::Schedule() {
  if (!begun_ || over_) return;
  if (busy_) {
    again_ = true;
    return;
  }
  busy_ = true;
  source_.pool->Post([self = shared_from_this()] { self->Run(); });
}

void NoticeFeed::Wake() {
  const MutexLock lock(mutex_);
  // Who is full goes on when there is room.
  if (!full_) Schedule();
}

void NoticeFeed::Beat(absl::Time now, absl::Duration silence) {
  const MutexLock lock(mutex_);
  if (!begun_ || full_ || now - said_ < silence) return;
  say_position_ = true;
  Schedule();
}

void NoticeFeed::HasRoom() {
  const MutexLock lock(mutex_);
  ++rooms_;
  if (!full_) return;
  full_ = false;
  Schedule();
}

void NoticeFeed::Stop() {
  const MutexLock lock(mutex_);
  over_ = true;
}

void NoticeFeed::End(absl::Status why) {
  Stop();
  peer_->End(std::move(why));
}

void NoticeFeed::Run() {
  for (;;) {
    uint64_t rooms = 0;
    {
      const MutexLock lock(mutex_);
      again_ = false;
      rooms = rooms_;
    }
    const auto step = Advance();
    if (!step.ok()) {
      End(step.status());
      return;
    }
    const MutexLock lock(mutex_);
    // Room that came between the refusal and now is told by nobody any more.
    if (*step == Step::kFull && rooms == rooms_ && !over_) {
      full_ = true;
      busy_ = false;
      return;
    }
    if (over_ || (*step == Step::kIdle && !again_)) {
      busy_ = false;
      return;
    }
  }
}

bool NoticeFeed::SendWaiting() {
  while (!waiting_.empty()) {
    if (!peer_->Send(waiting_.front())) return false;
    waiting_.pop_front();
    const MutexLock lock(mutex_);
    said_ = absl::Now();
  }
  return true;
}

absl::StatusOr<NoticeFeed::Step> NoticeFeed::Advance() {
  for (;;) {
    if (!SendWaiting()) return Step::kFull;
    SLUIS_ASSIGN_OR_RETURN(const auto reader, source_.store->Read());
    SLUIS_ASSIGN_OR_RETURN(const store::HeadRow head, reader->Head());
    // After everything that this reader can see.
    const auto end = state::NoticeCursor::OfSize(head.size);
    if (!cursor_) cursor_ = end;
    if (!checked_) {
      SLUIS_RETURN_IF_ERROR(state::CheckCursor(*reader, *cursor_));
      checked_ = true;
    }
    SLUIS_ASSIGN_OR_RETURN(const auto notices,
                           state::ReadNotices(*reader, *source_.vault, partij_, *cursor_, kBatch));
    for (const state::StoredNotice& stored : notices) {
      cursor_ = stored.cursor;
      if (types_.empty() || types_.count(stored.notice.type()) != 0)
        waiting_.push_back(encode_(stored.cursor, &stored.notice));
    }
    if (notices.size() == kBatch) continue;
    cursor_ = std::max(*cursor_, end);
    bool say = false;
    {
      const MutexLock lock(mutex_);
      std::swap(say, say_position_);
    }
    if (say) waiting_.push_back(encode_(*cursor_, nullptr));
    return SendWaiting() ? Step::kIdle : Step::kFull;
  }
}

NoticeHub::~NoticeHub() {
  std::thread watcher;
  {
    const MutexLock lock(mutex_);
    ending_ = true;
    watcher.swap(watcher_);
    changed_.NotifyAll();
  }
  if (watcher.joinable()) watcher.join();
}

absl::Status NoticeHub::Add(const std::shared_ptr<NoticeFeed>& feed) {
  const MutexLock lock(mutex_);
  const auto feeds = Feeds();
  const auto own = std::count_if(feeds.begin(), feeds.end(), [&](const auto& each) {
    return each->partij() == feed->partij();
  });
  if (own >= kMostStreams)
    return ResourceExhausted("TOO_MANY_STREAMS", "the caller has too many streams");
  feeds_.push_back(feed);
  if (!watcher_.joinable() && !ending_) watcher_ = std::thread([this] { Watch(); });
  return absl::OkStatus();
}

std::vector<std::shared_ptr<NoticeFeed>> NoticeHub::Feeds() {
  std::vector<std::shared_ptr<NoticeFeed>> alive;
  for (const auto& weak : feeds_) {
    if (auto feed = weak.lock()) alive.push_back(std::move(feed));
  }
  feeds_.assign(alive.begin(), alive.end());
  return alive;
}

void NoticeHub::Note(uint64_t entry, std::string_view partij) {
  const MutexLock lock(mutex_);
  if (!feeds_.empty()) noted_.emplace(entry, partij);
}

void NoticeHub::Committed(uint64_t entry) {
  std::vector<std::shared_ptr<NoticeFeed>> woken;
  {
    const MutexLock lock(mutex_);
    // An entry that was noted and not written leaves a note behind: its number comes again.
    std::set<std::string> partijen;
    while (!noted_.empty() && noted_.begin()->first <= entry) {
      partijen.insert(noted_.begin()->second);
      noted_.erase(noted_.begin());
    }
    if (partijen.empty()) return;
    woken = Feeds();
    woken.erase(
        std::remove_if(woken.begin(), woken.end(),
                       [&](const auto& feed) { return partijen.count(feed->partij()) == 0; }),
        woken.end());
  }
  for (const auto& feed : woken) feed->Wake();
}

void NoticeHub::Watch() {
  uint64_t size = 0;
  for (;;) {
    std::vector<std::shared_ptr<NoticeFeed>> feeds;
    {
      const MutexLock lock(mutex_);
      if (!ending_) changed_.WaitFor(mutex_, kPoll);
      if (ending_) return;
      feeds = Feeds();
    }
    if (feeds.empty()) continue;
    bool grown = true;
    if (const auto reader = store_->Read(); reader.ok()) {
      if (const auto head = (*reader)->Head(); head.ok()) {
        grown = head->size != size;
        size = head->size;
      }
    }
    const absl::Time now = absl::Now();
    for (const auto& feed : feeds) {
      if (!is_partij_(feed->oin(), feed->partij())) {
        feed->End(PermissionDenied("NOT_A_PARTIJ",
                                   "the OIN of the certificate is no partij of the convenant"));
        continue;
      }
      if (grown) feed->Wake();
      feed->Beat(now, kSilence);
    }
  }
}

}  // namespace sluis::broker
