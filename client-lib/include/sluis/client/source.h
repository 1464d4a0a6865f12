#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "sluis/client/call.h"
#include "sluis/client/field.h"

// Values that a source keeps itself (proto/sluis/v1/source.proto): its system answers the broker's
// questions, each asked after the decision that releases the value is in the log.
namespace sluis::client {

// What the broker asks. Nothing more of the request is told.
struct SourceQuestion {
  std::string question_id = {};
  std::string casus_id = {};
  // The person, by our own id; empty for data without a person.
  std::string person_id = {};
  // The hat in which we are asked.
  std::string hat = {};
  std::vector<std::string> fields = {};
  std::string purpose = {};
  PartijHat recipient = {};
  // The entry of the decision: AuditService shows it to us.
  uint64_t decision_index = 0;
};

// There is no value.
struct NoneHeld {};
// We do not provide it. WEIGHTY_REASONS, SECRECY, SAFETY, INVESTIGATION, UNDER_REVIEW or
// OTHER_GROUND; the requester learns only that we object.
struct SourceObjection {
  std::string ground = {};
};

// What we say of one field. Of a ValueContent the value is enough: date, labels and conditions are
// those that KeepAtSource announced, and if given have to be those.
struct SourceReply {
  std::string field = {};
  std::variant<NoneHeld, SourceObjection, ValueContent> result = {};
};

// Gives a reply for each field of the question, on one of several threads. What it leaves out keeps
// the requester waiting until the broker's time limit. A value is personal data: keep no copy.
using SourceHandler = std::function<std::vector<SourceReply>(const SourceQuestion&)>;

// A reply that the broker did not take (docs/errors.md).
struct RefusedReply {
  std::string question_id = {};
  std::string field = {};  // empty for a whole answer
  std::string reason = {};
  std::string element = {};
};

struct SourceOptions {
  // The hats for which we answer: at least one, each ours.
  std::vector<std::string> hats = {};
  // How many questions are answered at once.
  int threads = 4;
  // A stream that ended is opened anew: at first after this, then after twice as long, and so on.
  absl::Duration first_retry = absl::Milliseconds(200);
  absl::Duration last_retry = absl::Seconds(30);
  // Told when the broker takes our answers (OK) and when the stream ended (why). May be empty; must
  // not block.
  std::function<void(const absl::Status&)> on_change = {};
  // Told of replies that the broker did not take. May be empty; must not block.
  std::function<void(const RefusedReply&)> on_refused = {};
};

// A stream on which questions are answered, opened anew whenever it ends. Made by
// Client::AnswerQuestions.
//
// Threads.  The handler and the functions of the options are called from threads of the library,
//           and must not destroy this object.
// Lifetime. The destructor ends the stream and waits for handlers that run. It comes before that of
//           the client.
class SourceAnswers {
 public:
  SourceAnswers(const SourceAnswers&) = delete;
  SourceAnswers& operator=(const SourceAnswers&) = delete;
  ~SourceAnswers();

  // Whether the broker takes our answers now.
  [[nodiscard]] bool connected() const;
  // Waits until it does. DEADLINE_EXCEEDED / TIMEOUT, with the reason of the last end as metadata
  // `last_reason`.
  absl::Status WaitUntilConnected(absl::Duration limit) const;

 private:
  friend class Client;
  struct State;
  explicit SourceAnswers(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluis::client
