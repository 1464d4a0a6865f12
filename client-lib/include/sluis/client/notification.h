#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

// What happened that concerns us (proto/sluis/v1/notification.proto; docs/casework.md has the
// types).
namespace sluis::client {

// An event by CloudEvents 1.0 and the NL GOV profile. It says that something is to be looked at;
// ask the broker what it is.
struct NoticeEvent {
  // The same when it is delivered again.
  std::string id = {};
  std::string source = {};
  // E.g. "nl.sluis.decision-asked".
  std::string type = {};
  // The casus; empty when there is none.
  std::string subject = {};
  // When it was recorded.
  absl::Time time = {};
  // A JSON object: sluis.v1.EventData.
  std::string data = {};
  // Comes back after this event.
  std::string cursor = {};
};

// Where to begin without a cursor.
enum class NoticeStart {
  kNow,     // with what happens from now on
  kOldest,  // with the oldest event that is kept
};

struct ListNoticesRequest {
  std::string cursor = {};
  NoticeStart start = NoticeStart::kNow;
  // Empty: all.
  std::vector<std::string> types = {};
  // 1-500; 0: the broker's own.
  int32_t size = 0;
};
struct NoticePage {
  std::vector<NoticeEvent> events = {};
  // Goes on after these.
  std::string cursor = {};
  bool more = false;
};

// Called for one event at a time, in order. May take its time: the broker waits, and nothing is
// lost. An event counts as handled when it returns.
using NoticeHandler = std::function<void(const NoticeEvent&)>;

struct SubscribeOptions {
  // Of the newest event that was handled; empty: see `start`.
  std::string cursor = {};
  NoticeStart start = NoticeStart::kNow;
  std::vector<std::string> types = {};
  // A stream that ended is opened anew: at first after this, then after twice as long, and so on.
  absl::Duration first_retry = absl::Milliseconds(200);
  absl::Duration last_retry = absl::Seconds(30);
  // Told that the stream stands (OK), and why it ended. May be empty; must not block.
  std::function<void(const absl::Status&)> on_change = {};
};

// A stream of events, opened anew where it was whenever it ends. Made by Client::Subscribe.
//
// Delivery. At least once: after a stream that ended an event may come again, with the same id.
//           Across programs too, if cursor() is kept after an event was handled, and given back.
// Threads.  Handler and on_change are called from threads of the library, and must not destroy this
//           object. The handler may use the client.
// Lifetime. The destructor waits for a handler that runs. It comes before that of the client.
class Subscription {
 public:
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription();

  // After the newest event that was handled; empty before the broker said where we are.
  [[nodiscard]] std::string cursor() const;
  // Waits until it cannot go on: the broker refuses what is asked (INVALID_ARGUMENT/MALFORMED,
  // FAILED_PRECONDITION/CURSOR_EXPIRED), which this returns. DEADLINE_EXCEEDED / TIMEOUT while it
  // goes on.
  absl::Status WaitForEnd(absl::Duration limit) const;

 private:
  friend class Client;
  struct State;
  explicit Subscription(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluis::client
