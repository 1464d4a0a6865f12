#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/uuid.h"

// The end of data: what is over is destroyed, and the log proves it.
namespace sluis::broker {

class Broker;
struct Core;

// Erasures that wait for their second operator are told of this many days before the last one.
inline constexpr int kErasureWarningDays = 14;

// The nightly job, for who would rather run it by hand.
inline constexpr std::string_view kRetentionJob = "retention";

// What one term takes of one owner.
struct DestructionPart {
  std::string term;  // "RT_WGS"
  CivilDate due;     // the first day on which it is over
  int values = 0;
  int records = 0;  // consents and other facts
};

// One destruction: of a casus, a person, or of single values and records of either. No personal
// data: the casus by its id, a person by the pseudonym of the log.
struct Destruction {
  enum class Kind { kParts, kPerson, kCasus } kind = Kind::kParts;
  std::string casus_id;   // 16 bytes, or empty
  std::string pseudonym;  // 16 bytes, or empty
  std::vector<DestructionPart> parts;
  int handles = 0;
};

// An erasure that waits for its second operator.
struct PendingErasure {
  std::string pseudonym;  // 16 bytes
  std::string ground;
  std::string reference;
  std::string asked_by;
  CivilDate asked_on;
  // Not later than this (Wmo 2015 5.3.5, AVG 12 lid 3: three months).
  CivilDate until;
};

// A row that cannot be read: its seal is broken, or its bytes do not parse. It is never destroyed,
// because nobody can say whether it is over.
struct UnreadableRow {
  std::string kind;  // "casus", "person", "signal", "value", "record", "erasure" or "intention"
  // Of the row: a UUID, or a key in hex; of a person and an erasure the pseudonym of the log.
  std::string id;
};

struct DestructionPlan {
  CivilDate day;
  std::vector<Destruction> destructions;
  std::vector<PendingErasure> erasures;
  // Keys that are yet to be destroyed: the rest of an interrupted run.
  int unfinished = 0;
  // What no run destroys before somebody mends it.
  std::vector<UnreadableRow> unreadable;
};

struct DestructionTotals {
  int casussen = 0;
  int persons = 0;
  int values = 0;
  int records = 0;
  // Keys of an interrupted run.
  int completed = 0;
};

// Why a person is erased on request.
struct ErasureRequest {
  // The partij that got the written request, and its own id of the person.
  std::string partij;
  Uuid person;
  // WMO_5_3_5, JEUGDWET_7_3_9, WGBO_7_455 or AVG_17.
  std::string ground;
  // Of the request in the partij's file: 1-64 characters of [A-Za-z0-9._/-]. Stands in the log, so
  // nothing personal.
  std::string reference;
  std::string operator_id;
};

// Destroys what is over:
//  - a casus that was placed at a tafel of the WGS: the term counts from its first processing,
//    whether it is closed or not (RT_WGS); another casus: from its closing, the shortest term of
//    who took part, or else that of the log;
//  - a person whom no other casus within term names, at the same time: everything about it;
//  - a value of anybody else that no tafel may release any more: past the end that the source chose
//    and the days that RT_BROKER_KLUIS adds, or past the term of its holder or of the Wpg, unless a
//    casus of the WGS within term keeps it;
//  - a consent or fact that ended so long ago that no entry of the log within its own term
//    (RT_BROKER_LOG) can rest on it;
//  - a person of whom there is nothing: no casus, no value, no entry for 30 days.
// Nothing that a tafel may still release is ever destroyed; what cannot be judged (a day that
// cannot be read, a term that is not set) stays. So do rows that cannot be read, and the persons of
// a casus that cannot be: the log says who they are. The rest goes on without them.
//
// Every destruction is a submission of its own: rows deleted, entry DESTROYED and, where a key
// goes, the intention to destroy it, in one transaction, and only while the version of what goes is
// the one at which it was judged (a change of a casus moves the versions of its persons); then the
// key in the vault's file; then a second entry, and the end of the intention. A run that died is
// completed by the next one. Runs at the same time do no harm.
//
// Thread-safe. Nothing here may be called on the committer's thread.
class Retention {
 public:
  // The broker outlives it.
  explicit Retention(Broker& broker);
  explicit Retention(Core& core) : core_(core) {}

  // What a run on `day` would destroy if nothing changed until then. Changes nothing.
  absl::StatusOr<DestructionPlan> Plan(CivilDate day);

  // Completes what was interrupted and destroys what is over today, by the clock of decisions.
  // `operator_id`: who asked, empty for the broker itself. `go_on` is asked between the pieces; its
  // error ends the run. What changes meanwhile is looked at again.
  //   INVALID_ARGUMENT  MALFORMED     a name that is none (1-64 of [A-Za-z0-9._-]);
  //   UNAVAILABLE       STORE_LOCKED  everything is destroyed, but a reader of another process
  //                                   keeps old pages of a file readable: to be repeated;
  //   DATA_LOSS         ROWS_UNREADABLE  everything else is destroyed; metadata "left" says how
  //                                   many rows could not be read, "rows" which, the first ten.
  absl::StatusOr<DestructionTotals> Run(const std::string& operator_id,
                                        const std::function<absl::Status()>& go_on = {});

  // Erases everything about one person, once two operators asked the same: the first call keeps the
  // request and returns false; another operator's call carries it out and returns true.
  //   INVALID_ARGUMENT   MALFORMED       with the element;
  //   NOT_FOUND          PERSON_UNKNOWN  the partij has no such id;
  //   PERMISSION_DENIED  SAME_OPERATOR   who asked cannot approve as well;
  //   FAILED_PRECONDITION ERASURE_OTHER  another ground or reference was asked before.
  absl::StatusOr<bool> Erase(const ErasureRequest& request);

 private:
  Core& core_;
};

}  // namespace sluis::broker
