#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"

// Calls that stay open: what the door offers to a use case, and what a use case offers to the door.
namespace sluis::broker {

// The partij at the other end of a stream. Thread-safe; outlives the stream, after whose end its
// calls do nothing.
class StreamPeer {
 public:
  // At most this many messages wait to be taken.
  static constexpr size_t kMostWaiting = 64;

  StreamPeer() = default;
  StreamPeer(const StreamPeer&) = delete;
  StreamPeer& operator=(const StreamPeer&) = delete;
  virtual ~StreamPeer() = default;

  // Sends a message, in order. False when nothing was sent: the stream is over, or kMostWaiting
  // messages wait; OnRoom() tells when there is room again.
  virtual bool Send(std::string message) = 0;
  // Ends the stream once what waits was sent. The first end stands.
  virtual void End(absl::Status status) = 0;
};

// What a use case does with one stream. Its functions are called one at a time, on any thread, and
// must not wait for a disk.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  virtual void OnMessage(std::string message) = 0;
  // The peer sends no more messages; it still takes ours.
  virtual void OnLastMessage() {}
  // Something that waited was taken.
  virtual void OnRoom() {}
  // The stream is over, whoever ended it. The last call.
  virtual void OnEnd() {}
};

}  // namespace sluis::broker
