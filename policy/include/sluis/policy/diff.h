#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/outcome.h"
#include "sluis/policy/needs.h"
#include "sluis/policy/policy.h"
#include "sluis/policy/texts.h"
#include "sluis/policy/witness.h"

// What a new version of a policy changes (docs/policy-tools.md).
namespace sluis::policy {

// A difference in what is released, for every combination of the names that it lists.
struct Difference {
  enum class Kind {
    kGained,       // released now, never before
    kLost,         // released before, no more
    kEasier,       // released in more cases
    kStricter,     // in fewer
    kChanged,      // in some more and some fewer
    kObligations,  // in the same cases, with other obligations
    kTogether,     // a closed signal: whether `fields` may be asked together with `others`
  };
  struct DayRange {
    CivilDate from{};
    CivilDate until{};
  };
  // What Decide makes of a witness, for its first field.
  struct Answer {
    bool well_formed = false;
    Outcome outcome = Outcome::kRefuse;
    Code code = Code::kMalformed;
    ObligationSet obligations = 0;
  };
  // What is recorded, where the two read it otherwise: for the one that does not release it makes
  // less true.
  struct Reading {
    std::string nl{};
    std::string en{};
    // Of what `Proof::witness` says that holds, what does not, there.
    ConditionSet conditions = 0;
    CircumstanceSet circumstances = 0;
    bool past_term = false;
  };
  // One request that is answered otherwise.
  struct Proof {
    Witness witness;
    // For a changed meaning only.
    std::optional<Reading> reading{};
    CivilDate day_before{};  // as `day_after`, unless the policies are never in force together
    CivilDate day_after{};
    Answer before{};
    Answer after{};
  };

  Kind kind = Kind::kChanged;
  std::vector<std::string> recipient_hats{};
  std::vector<std::string> source_hats{};
  std::vector<std::string> tafels{};
  std::vector<std::string> phases{};
  std::vector<std::string> stages{};  // empty at tafels without stages
  std::vector<std::string> purposes{};
  std::vector<std::string> fields{};
  std::vector<std::string> others{};
  std::vector<DayRange> days{};  // empty: every day of both convenanten
  // The ways to a release, each minimal: none is within another.
  std::vector<Way> before{};
  std::vector<Way> after{};
  // The grants that these ways come from.
  std::vector<std::string> grants_before{};
  std::vector<std::string> grants_after{};
  // One for each direction in which something changed.
  std::vector<Proof> proofs{};
};

// Another difference between the documents, element by element. Lists of names are compared as
// sets; grants, and what a row permits, are not compared here but by what they release.
struct Change {
  std::string where;   // "convenant.parties[P_ALMELO].hats"
  std::string before;  // empty: was not there
  std::string after;   // empty: is no more
  // Requests that are decided otherwise. For the validity of the convenant: one that it decides
  // about. For what a condition or a term means (ages, secrecy, terms, retention): one about which
  // the same record decides otherwise, where there is one. For a partij, its hats and its days, for
  // a hat and for the seats of a tafel: one for every hat of which something is released by one
  // policy and not by the other.
  std::vector<Difference::Proof> proofs{};
  // The hats of the same (or the partij itself, for its days and its municipality) of which it has
  // been worked out that no request is released by one policy and not by the other because of it.
  std::vector<std::string> without_effect{};
  // What is only read by people.
  bool description = false;
};

struct PolicyDiff {
  std::vector<Difference> releases;
  std::vector<Change> changes;
  // The convenanten are never in force on the same day: the last day of the earlier is held against
  // the first of the later.
  bool never_together = false;
  [[nodiscard]] bool empty() const { return releases.empty() && changes.empty(); }
};

struct DiffOptions {
  // Also obligations that differ only because grants or rows stand in another order, so that
  // another of several ways decides first.
  bool order = false;
};

// The exact difference over all requests of one field: every partij, tafel, phase, stage, purpose,
// hat and field, on every day on which both are in force, whatever holds of the conditions and of
// the circumstances. Renaming, reordering, splitting and merging grants change nothing.
// Deterministic. RESOURCE_EXHAUSTED / LIMIT for documents that together have more than 64 phases,
// purposes or days on which something changes, 127 stages, 128 hats or 256 fields.
absl::StatusOr<PolicyDiff> Diff(const Policy& before, const Policy& after,
                                const DiffOptions& options = {});

// For people. Ends with a newline, unless nothing differs.
std::string RenderDifferences(const PolicyDiff& differences, Language language);

}  // namespace sluis::policy
