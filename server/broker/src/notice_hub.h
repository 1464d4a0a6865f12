#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "sluis/base/mutex.h"
#include "sluis/base/oin.h"
#include "sluis/base/thread_pool.h"
#include "sluis/broker/stream.h"
#include "sluis/state/notices.h"

// The streams of notices. Internal to the room.
namespace sluis::broker {

// What a stream reads from: all of it outlives the broker.
struct NoticeSource {
  store::Store* store = nullptr;
  vault::Vault* vault = nullptr;
  ThreadPool* pool = nullptr;
};

// One partij's way through its notices: reads them on the pool, sends what there is room for, and
// sleeps until it is woken. Thread-safe; tasks of the pool keep it alive.
class NoticeFeed : public std::enable_shared_from_this<NoticeFeed> {
 public:
  struct Start {
    // Absent: from now on.
    std::optional<state::NoticeCursor> cursor;
    // Empty: all.
    std::set<int> types;
  };
  // Makes the bytes of a message: of a notice, or, without one, of how far the stream is.
  using Encode = std::function<std::string(state::NoticeCursor, const store::v1::Notice* notice)>;

  NoticeFeed(NoticeSource source, const Oin& oin, std::string partij,
             std::shared_ptr<StreamPeer> peer, Encode encode)
      : source_(source),
        oin_(oin),
        partij_(std::move(partij)),
        peer_(std::move(peer)),
        encode_(std::move(encode)) {}

  [[nodiscard]] const Oin& oin() const { return oin_; }
  [[nodiscard]] const std::string& partij() const { return partij_; }

  // Once; before it nothing is sent.
  void Begin(Start start);
  // Something may have been written for the partij.
  void Wake();
  // Says how far it is, if nothing was said for a while.
  void Beat(absl::Time now, absl::Duration silence);
  // Something that waited was taken.
  void HasRoom();
  // Nothing more is sent; OnEnd() of the stream.
  void Stop();
  void End(absl::Status why);

 private:
  enum class Step { kIdle, kFull };
  void Schedule() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run();
  // As who holds busy_.
  absl::StatusOr<Step> Advance();
  // False when there is no room, or nobody.
  bool SendWaiting();

  const NoticeSource source_;
  const Oin oin_;
  const std::string partij_;
  const std::shared_ptr<StreamPeer> peer_;
  const Encode encode_;

  Mutex mutex_;
  bool begun_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  // A task of the pool has the stream, and looks once more when `again_`.
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  bool again_ ABSL_GUARDED_BY(mutex_) = false;
  // The peer was full, after this many times that it had room.
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t rooms_ ABSL_GUARDED_BY(mutex_) = 0;
  bool say_position_ ABSL_GUARDED_BY(mutex_) = true;
  absl::Time said_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();

  // Of who holds busy_.
  std::optional<state::NoticeCursor> cursor_;
  std::set<int> types_;
  bool checked_ = false;
  std::deque<std::string> waiting_;
};

// Wakes streams: at once for what this process wrote, and from time to time for what another did.
// Thread-safe.
class NoticeHub {
 public:
  // How often is looked for what others wrote, and how long a stream is silent at most.
  static constexpr absl::Duration kPoll = absl::Seconds(1);
  static constexpr absl::Duration kSilence = absl::Seconds(15);
  // Streams of one partij at once.
  static constexpr int kMostStreams = 32;

  // `is_partij` says whether an organisation still is that partij; it is called until the hub goes.
  NoticeHub(store::Store* store, std::function<bool(const Oin&, std::string_view)> is_partij)
      : store_(store), is_partij_(std::move(is_partij)) {}
  NoticeHub(const NoticeHub&) = delete;
  NoticeHub& operator=(const NoticeHub&) = delete;
  ~NoticeHub();

  // RESOURCE_EXHAUSTED / TOO_MANY_STREAMS when the partij has as many as it may.
  absl::Status Add(const std::shared_ptr<NoticeFeed>& feed);
  // The entry, if it becomes durable, tells the partij something.
  void Note(uint64_t entry, std::string_view partij);
  // Entries up to this one are durable.
  void Committed(uint64_t entry);

 private:
  void Watch();
  std::vector<std::shared_ptr<NoticeFeed>> Feeds() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  store::Store* const store_;
  const std::function<bool(const Oin&, std::string_view)> is_partij_;

  Mutex mutex_;
  CondVar changed_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<NoticeFeed>> feeds_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<uint64_t, std::string>> noted_ ABSL_GUARDED_BY(mutex_);
  // Runs from the first stream on.
  std::thread watcher_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluis::broker
