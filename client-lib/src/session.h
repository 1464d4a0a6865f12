#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "envelope.h"
#include "sequence.h"
#include "state_file.h"
#include "transport.h"

#include "sluis/audit/note.h"
#include "sluis/audit/receipt.h"
#include "sluis/base/mutex.h"
#include "sluis/base/uuid.h"
#include "sluis/client/call.h"
#include "sluis/client/options.h"

namespace sluis::client::internal {

struct SessionOptions {
  std::string origin;
  audit::VerifierKey key;
  UnverifiedAnswer unverified_answer = UnverifiedAnswer::kWithhold;
  Sequence sequence = Sequence::kOnlyClient;
  absl::Duration timeout = absl::Seconds(30);
};

// A call as it goes out.
struct Ask {
  std::string_view method;
  // Canonical, without known_tree_size.
  std::string request;
  // Of the calls that make an entry; nil for those that only read, whose answers have no proof.
  Uuid request_id;
  absl::Duration timeout;
};

// An answer that was verified.
struct Answer {
  std::string response;  // what `parts` looks into; for a call that only reads, the whole
  Envelope parts;
  Proof proof;
  std::optional<Entry> earlier;
};

// Calls, and verifies what comes back. Everything that is said of it in client.h is done here, but
// the values of fields. Thread-safe.
class Session {
 public:
  using Done = std::function<void(absl::StatusOr<std::unique_ptr<Answer>>)>;

  Session(std::unique_ptr<Transport> transport, SessionOptions options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // Starts from the checkpoint in the file, and keeps the newest one there. To be called before any
  // other. `numbers` is the file for the numbers of our entries; empty: none is kept. They are
  // those of this log, and so are of no use without its checkpoint. DATA_LOSS / STATE_FILE_INVALID
  // when a file holds something else; PERMISSION_DENIED / FILE_UNREADABLE. Of one that cannot be
  // written Flush() tells.
  absl::Status OpenState(const std::string& path, const std::string& numbers = "");

  void Call(Ask ask, Done done);
  absl::StatusOr<std::unique_ptr<Answer>> CallAndWait(Ask ask);

  // Believes a checkpoint that came alone, if its tree continues what we know.
  absl::Status Believe(std::string_view checkpoint);

  [[nodiscard]] const SessionOptions& options() const { return options_; }
  // For streams, which end before this does.
  [[nodiscard]] Transport& transport() { return *transport_; }
  // Something of ours that is no call, and may have made an entry whose number nobody tells us.
  void MayHaveRecorded();
  [[nodiscard]] audit::ReceiptVerifier& verifier() { return verifier_; }
  [[nodiscard]] const audit::ReceiptVerifier& verifier() const { return verifier_; }
  [[nodiscard]] SequenceReport sequence() const { return sequence_.Report(); }
  absl::Status Flush();

 private:
  // One receipt to be verified.
  struct Check {
    audit::Receipt receipt;
    audit::Digest answer;
    bool earlier = false;
    // The entry of a delivery, and of nothing else.
    bool delivery = false;
  };
  struct PendingCall {
    Ask ask;
    Done done;
    SequenceTracker::Ticket ticket = 0;
    std::string body;
    audit::Digest request;
    absl::Status error;  // the broker's
    std::unique_ptr<Answer> answer;
    std::vector<Check> checks;
    size_t checked = 0;
    // Of the checkpoint that is to be connected, while the call is held back.
    uint64_t size = 0;
    int fetches = 0;
    std::vector<uint64_t> numbers;
  };
  using CallPtr = std::shared_ptr<PendingCall>;

  void OnAnswer(const CallPtr& call, absl::StatusOr<std::string> raw);
  void Verify(const CallPtr& call);
  // Of one call; adds those that were held back and whom it may have helped.
  void VerifyOne(const CallPtr& call, std::vector<CallPtr>& helped);
  // The call's checkpoint is not connected with what is known. `changes` is what the verifier had
  // learnt before it said so. Holds the call back, and fetches a proof if nobody does; false when
  // something was learnt meanwhile, and it is to be verified again.
  bool Connect(const CallPtr& call, const absl::Status& needed, uint64_t changes);
  // For a call that is held back.
  void Fetch(const CallPtr& call, const absl::Status& needed);
  // Verifies those held back, until one of them fetches.
  void ReleaseHeldBack();
  void HoldBack(const CallPtr& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Keeps the call while a proof is fetched that others may not outdate; whether it did.
  bool HeldBack(const CallPtr& call);
  // Those held back whom this receipt, which was just believed, may help.
  void TakeHelped(const audit::Receipt& receipt, uint64_t size, std::vector<CallPtr>& helped);
  void Finish(const CallPtr& call, absl::Status verified);
  void FetchProof(uint64_t old_size, uint64_t new_size,
                  std::function<void(absl::StatusOr<std::vector<audit::Digest>>)> done);
  absl::Status Extend(std::string_view checkpoint, uint64_t old_size, uint64_t new_size,
                      const std::vector<audit::Digest>& proof);
  absl::Status OpenNumbers(const std::string& path, bool same_log);
  void Keep();
  void Ended();

  const SessionOptions options_;
  audit::ReceiptVerifier verifier_;
  SequenceTracker sequence_;
  std::unique_ptr<StateFile> state_;
  std::unique_ptr<StateFile> numbers_;

  Mutex mutex_;
  CondVar all_ended_;
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  // With many calls under way their answers come with checkpoints that each continue an older head
  // than is trusted by then. They lead from one to the next, so who comes too early is held back
  // until the link before comes. That may never come (others' calls made a checkpoint that we
  // are not shown, or an answer is late), so a proof is fetched at once, one at a time. If the
  // trusted head moves on meanwhile and the proof is out of date when it comes, nobody may move it
  // while the next one is fetched.
  enum class Fetching { kNo, kYes, kAlone };
  Fetching fetching_ ABSL_GUARDED_BY(mutex_) = Fetching::kNo;
  // Only while something is fetched.
  std::vector<CallPtr> held_back_ ABSL_GUARDED_BY(mutex_);

  // Last: what it calls back uses the others.
  std::unique_ptr<Transport> transport_;
};

}  // namespace sluis::client::internal
