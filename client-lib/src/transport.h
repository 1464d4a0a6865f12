#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace sluis::client::internal {

// What happens on a stream. Called one at a time, from any thread.
class StreamEvents {
 public:
  StreamEvents() = default;
  StreamEvents(const StreamEvents&) = delete;
  StreamEvents& operator=(const StreamEvents&) = delete;
  virtual ~StreamEvents() = default;

  virtual void OnMessage(std::string message) = 0;
  // The last call; an error as of Transport::Call. OK when the broker ended it without one.
  virtual void OnEnd(absl::Status status) = 0;
};

// A stream to the broker. Thread-safe.
class OutStream {
 public:
  OutStream() = default;
  OutStream(const OutStream&) = delete;
  OutStream& operator=(const OutStream&) = delete;
  // Cancels what is not over, and waits until OnEnd() was called: not from within the events.
  virtual ~OutStream() = default;

  // Queues a message, to be sent in order. Dropped when the stream is over.
  virtual void Send(std::string message) = 0;
  // Ends it; OnEnd() follows.
  virtual void Cancel() = 0;
};

// Takes bytes to the broker and back. What is verified and how is above it, so that tests put
// something else in its place.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  // Does not return before every `done` has.
  virtual ~Transport() = default;

  // Calls `method` ("/sluis.v1.CasusService/OpenCasus"). `done` is called exactly once, from any
  // thread; an error is one of wire::FromWire, or explained. Thread-safe.
  virtual void Call(std::string_view method, std::string request, absl::Time deadline,
                    std::function<void(absl::StatusOr<std::string>)> done) = 0;
  // Opens a stream, without end of its own. `events` outlives it. The stream ends before the
  // transport does.
  virtual std::unique_ptr<OutStream> Open(std::string_view method, StreamEvents& events) = 0;
};

}  // namespace sluis::client::internal
