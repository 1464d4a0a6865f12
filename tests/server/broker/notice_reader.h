#pragma once

#include <google/protobuf/util/json_util.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "small_world.h"

#include "sluis/base/mutex.h"
#include "sluis/broker/stream.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/testing/policy_files.h"
#include "sluis/v1/notification.pb.h"

// Reads the notices of a partij, by pages and as a stream; without gRPC.
namespace sluis::broker {

inline constexpr absl::Duration kPatience = absl::Seconds(20);

struct ReadNotice {
  std::string id;
  std::string type;  // without "nl.sluis."
  v1::CloudEvent event;
  v1::EventData data;
};

inline ReadNotice NoticeIn(const v1::CloudEvent& event) {
  ReadNotice read;
  read.id = event.id();
  read.event = event;
  read.type = event.type().substr(std::string_view("nl.sluis.").size());
  if (!google::protobuf::util::JsonStringToMessage(event.data(), &read.data).ok())
    read.type = "unreadable: " + event.data();
  return read;
}

// All that is kept for the partij.
inline std::vector<ReadNotice> AllNotices(testing::Transport& transport, std::string_view partij,
                                          std::string_view only = "") {
  std::vector<ReadNotice> notices;
  v1::ListNoticesRequest request;
  request.set_start(v1::NOTICE_START_OLDEST);
  request.set_page_size(3);
  if (!only.empty()) request.add_types(absl::StrCat("nl.sluis.", ToAbsl(only)));
  for (;;) {
    const auto page = transport.Send<v1::ListNoticesResponse>(
        partij, "/sluis.v1.NotificationService/ListNotices", request);
    if (!page.ok()) {
      notices.push_back({"", page.status().ToString(), {}, {}});
      return notices;
    }
    for (const auto& event : page->events()) notices.push_back(NoticeIn(event));
    if (!page->more()) return notices;
    request.set_cursor(page->cursor());
  }
}

inline std::vector<std::string> TypesOf(const std::vector<ReadNotice>& notices) {
  std::vector<std::string> types;
  types.reserve(notices.size());
  for (const ReadNotice& notice : notices) types.push_back(notice.type);
  return types;
}

inline Oin OinOf(std::string_view partij) {
  for (const auto& each : testing::ReferenceConvenant().message().parties()) {
    if (each.id() == partij) return *Oin::Parse(each.oin());
  }
  std::abort();
}

// The other end of a stream: takes messages when the test does, `room` at most meanwhile.
class Subscriber {
 public:
  Subscriber(Broker& broker, std::string_view partij, const v1::SubscribeRequest& request,
             size_t room = StreamPeer::kMostWaiting)
      : peer_(std::make_shared<Peer>(room)),
        stream_(
            broker.OpenStream("/sluis.v1.NotificationService/Subscribe", OinOf(partij), peer_)) {
    if (stream_ != nullptr) stream_->OnMessage(request.SerializeAsString());
  }
  ~Subscriber() {
    if (stream_ != nullptr) stream_->OnEnd();
  }
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  Stream& stream() { return *stream_; }

  // The next message; nothing when the stream ended or none came in time.
  std::optional<v1::SubscribeResponse> Next(absl::Duration limit = kPatience) {
    auto bytes = peer_->Take(limit);
    if (!bytes) return std::nullopt;
    stream_->OnRoom();
    v1::SubscribeResponse message;
    if (!message.ParseFromString(*bytes)) return std::nullopt;
    return message;
  }
  // The next with an event.
  std::optional<v1::SubscribeResponse> NextEvent(absl::Duration limit = kPatience) {
    for (;;) {
      auto message = Next(limit);
      if (!message || message->has_event()) return message;
    }
  }
  // How it ended; DEADLINE_EXCEEDED when it did not in time.
  absl::Status AwaitEnd() { return peer_->AwaitEnd(); }

 private:
  class Peer final : public StreamPeer {
   public:
    explicit Peer(size_t room) : room_(room) {}
    bool Send(std::string message) override {
      const MutexLock lock(mutex_);
      if (end_ || waiting_.size() >= room_) return false;
      waiting_.push_back(std::move(message));
      changed_.NotifyAll();
      return true;
    }
    void End(absl::Status status) override {
      const MutexLock lock(mutex_);
      if (!end_) end_ = std::move(status);
      changed_.NotifyAll();
    }
    std::optional<std::string> Take(absl::Duration limit) {
      const absl::Time until = absl::Now() + limit;
      const MutexLock lock(mutex_);
      while (waiting_.empty() && !end_ && absl::Now() < until)
        changed_.WaitFor(mutex_, until - absl::Now());
      if (waiting_.empty()) return std::nullopt;
      std::string message = std::move(waiting_.front());
      waiting_.pop_front();
      return message;
    }
    absl::Status AwaitEnd() {
      const absl::Time until = absl::Now() + kPatience;
      const MutexLock lock(mutex_);
      while (!end_ && absl::Now() < until) changed_.WaitFor(mutex_, until - absl::Now());
      return end_.value_or(absl::DeadlineExceededError("the stream did not end"));
    }

   private:
    const size_t room_;
    Mutex mutex_;
    CondVar changed_;
    std::deque<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
    std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  };

  const std::shared_ptr<Peer> peer_;
  const std::unique_ptr<Stream> stream_;
};

}  // namespace sluis::broker
