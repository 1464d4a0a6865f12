#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "timer.h"

#include "sluis/base/mutex.h"
#include "sluis/base/oin.h"
#include "sluis/base/thread_pool.h"
#include "sluis/base/uuid.h"
#include "sluis/broker/stream.h"
#include "sluis/policy/policy.h"
#include "sluis/v1/delivery.pb.h"
#include "sluis/v1/source.pb.h"
#include "sluis/v1/value.pb.h"

namespace sluis::broker {

// The streams on which systems of sources answer, and the questions that wait for them. It knows no
// log: whoever asks has to have its decision durable before. Thread-safe; no call waits.
class SourceDesk {
 public:
  static constexpr size_t kMostStreams = 16;  // of one partij

  // A value that is asked, as it was announced.
  struct Asked {
    std::string name;
    policy::FieldId field;
    std::shared_ptr<const v1::ValueContent> announced;
    int min_cell = 0;
  };
  struct Question {
    std::string partij;
    // Whose certificate answers; the partij may have got another one since the stream was opened.
    std::string oin;
    // Complete but for its id and its fields.
    v1::Question message;
    std::shared_ptr<const policy::Policy> policy;
    policy::HatId hat;
    std::vector<Asked> fields;
  };
  // What became of one field: NONE_HELD, SOURCE_OBJECTS, SOURCE_UNREACHABLE, SOURCE_SILENT,
  // SOURCE_ANSWER_REFUSED, or DELIVERED with the value.
  struct Told {
    v1::DeliveryOutcome::Id outcome = v1::DeliveryOutcome::DELIVERY_OUTCOME_UNSPECIFIED;
    v1::ObjectionGround::Id ground = v1::ObjectionGround::OBJECTION_GROUND_UNSPECIFIED;
    std::string content;  // a canonical ValueContent
  };
  // By name, one for each field that was asked.
  using Done = std::function<void(std::map<std::string, Told>)>;

  // `pool` outlives the desk.
  SourceDesk(ThreadPool& pool, absl::Duration time_limit);

  [[nodiscard]] absl::Duration time_limit() const { return time_limit_; }
  Timer& timer() { return timer_; }

  // `done` runs on a thread of the pool, once, after `within` at the latest.
  void Ask(Question question, absl::Duration within, Done done);

  // ---- For the streams ----

  // A stream takes questions from now on. RESOURCE_EXHAUSTED / TOO_MANY_STREAMS.
  absl::StatusOr<uint64_t> Enter(std::string partij, const Oin& oin, std::set<std::string> hats,
                                 std::shared_ptr<StreamPeer> peer);
  // It takes none any more. What it did not answer goes to another one; if what it said could not
  // be read, that was the answer.
  enum class Why { kGone, kUnreadable };
  void Leave(uint64_t stream, Why why);
  void Answer(uint64_t stream, const v1::SourceAnswer& answer);

 private:
  struct Open {
    std::string partij;
    std::string oin;
    std::set<std::string> hats;
    std::shared_ptr<StreamPeer> peer;
  };
  struct Waiting {
    std::shared_ptr<const Question> question;
    Done done;
    Timer::Id timer;
    uint64_t stream = 0;
    std::set<uint64_t> full;  // streams that took nothing more
    std::map<std::string, Told> told;
  };
  using WaitingMap = std::map<Uuid, Waiting>;

  // Sends the question to the newest stream that takes it, or ends it.
  void Dispatch(const Uuid& id);
  // Ends a question: what was not told is `rest`.
  void End(WaitingMap::iterator waiting, v1::DeliveryOutcome::Id rest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Expire(const Uuid& id);
  // What a source said of one field, judged. Empty reason: taken.
  static Told Judge(const Question& question, const Asked& asked, const v1::AnsweredField& said,
                    v1::AnswerRefused& refused);

  ThreadPool& pool_;
  const absl::Duration time_limit_;
  Mutex mutex_;
  uint64_t next_stream_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Open> streams_ ABSL_GUARDED_BY(mutex_);
  WaitingMap waiting_ ABSL_GUARDED_BY(mutex_);
  // Last: its thread uses the others.
  Timer timer_;
};

}  // namespace sluis::broker
