#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../engine/compiled.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include "sluis/policy/needs.h"
#include "sluis/policy/policy.h"

// The request space of a policy as boxes: sets of phases, stages, purposes, days and fields, per
// tafel, acting hat and source hat, with what has to hold for a release. What Check, Matrix and
// Diff reason with. Internal to the room.
//
// The space is that of the engine for requests of one field: a route says exactly when Decide()
// releases. That a request of several fields is judged as a whole when it is a closed signal is
// told apart (ClosedSets).
namespace sluis::policy {

// A stage of the request, or none at tafels that have no stages.
using StageSet = BitSet<StageId, 2>;
inline constexpr StageId kNoStage{127};

// The names of one policy, or of two together, and their ids in an analysis.
struct Vocabulary {
  NameTable<FieldId> fields;
  NameTable<HatId> hats;
  NameTable<TafelId> tafels;
  NameTable<PhaseId> phases;
  NameTable<StageId> stages;
  NameTable<PurposeId> purposes;
  NameTable<PowerId> powers;

  // RESOURCE_EXHAUSTED / LIMIT when two documents together have more names than fit.
  static absl::StatusOr<Vocabulary> Of(const Compiled& one, const Compiled* other = nullptr);
  static absl::Status LimitReached();
};

struct Days {
  int32_t from = 0;
  int32_t until = 0;
  friend bool operator==(const Days&, const Days&) = default;
};
inline constexpr size_t kMaxPeriods = 64;

// Days of `range` on which something of these policies starts or ends, as consecutive periods.
std::vector<Days> PeriodsOf(const Compiled& one, const Compiled* other, Days range);

struct Needs {
  ConditionSet conditions = 0;
  CircumstanceSet circumstances = 0;
  PowerId task{};
  PowerId power{};

  // Whether whoever satisfies `other` satisfies this.
  [[nodiscard]] bool IsWithin(const Needs& other) const {
    return (conditions & ~other.conditions) == 0 && (circumstances & ~other.circumstances) == 0 &&
           (!task.valid() || task == other.task) && (!power.valid() || power == other.power);
  }
  friend bool operator==(const Needs&, const Needs&) = default;
  friend auto operator<=>(const Needs&, const Needs&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Needs& needs) {
    return H::combine(std::move(h), needs.conditions, needs.circumstances, needs.task, needs.power);
  }
};

struct Box {
  Mask phases = 0;
  StageSet stages{};
  Mask purposes = 0;
  Mask periods = 0;
  FieldSet fields{};

  [[nodiscard]] bool empty() const {
    return phases == 0 || purposes == 0 || periods == 0 || stages.empty() || fields.empty();
  }
  [[nodiscard]] bool IsWithin(const Box& other) const {
    return (phases & ~other.phases) == 0 && (purposes & ~other.purposes) == 0 &&
           (periods & ~other.periods) == 0 && stages.IsSubsetOf(other.stages) &&
           fields.IsSubsetOf(other.fields);
  }
  friend Box operator&(const Box& a, const Box& b) {
    return {a.phases & b.phases, a.stages & b.stages, a.purposes & b.purposes,
            a.periods & b.periods, a.fields & b.fields};
  }
  friend bool operator==(const Box&, const Box&) = default;
};
// The parts of `box` outside `hole`, which overlaps it. Disjoint.
void Subtract(const Box& box, const Box& hole, std::vector<Box>& out);

struct Route {
  Box box{};
  Needs needs{};
  ObligationSet obligations = 0;
  GrantId grant{};  // of this policy
  RowId row{};
  // Index in the alternatives of the grant.
  uint16_t alternative = 0;

  [[nodiscard]] bool SameAs(const Route& other) const {
    return box == other.box && needs == other.needs && obligations == other.obligations;
  }
};

// A grant that closes the set of a message, where it matches.
struct ClosedSet {
  Box box{};
  GrantId grant{};
};

// How far an alternative of a grant came in some cell, a bit each.
enum Progress : uint8_t {
  kFits = 1,      // the row covers something that the grant covers, whatever the day
  kInForce = 2,   // on some day of the convenant
  kHolds = 4,     // what it needs can hold together
  kReleases = 8,  // and no exclusion wins
};
// [grant][alternative].
using Trace = std::vector<std::vector<uint8_t>>;

// Two partijen for a request, and a day.
struct Actors {
  PartijId acting{};
  PartijId source{};
  int32_t day = 0;
};

// For every set of conditions about which somebody's age decides (AboutAge), the fields under an
// act whose age rules leave no age at which all of them can hold. Ids of the policy.
using AgeLimits = std::array<FieldSet, 32>;
AgeLimits AgeLimitsOf(const Compiled& compiled);
size_t AboutAge(ConditionSet conditions);

class Space {
 public:
  // What a policy permits, or what it would if every row were in force, every regime open, every
  // general decision taken and every hat held by somebody.
  enum class As { kIs, kWouldBe };

  // `names` has every name of `policy`. The objects outlive this one.
  Space(const Policy& policy, const Vocabulary& names, std::vector<Days> periods, As as = As::kIs);

  // Routes from `source` to `acting` at `tafel` (ids of the policy), in the order in which the
  // engine tries them; boxes and needs in ids of the vocabulary. Hats without a seat: none.
  void Routes(TafelId tafel, HatId acting, HatId source, std::vector<Route>& out,
              Trace* trace = nullptr) const;
  // In order; the first that contains a field of a request judges it.
  void ClosedSets(TafelId tafel, HatId acting, HatId source, std::vector<ClosedSet>& out) const;

  // Partijen that can ask in a period, for these needs; of those the first that also exist, with
  // these hats, in `other`, where there are any.
  [[nodiscard]] std::optional<Actors> FindActors(HatId acting, HatId source, size_t period,
                                                 const Needs& needs, const Policy* other) const;
  // The first that `wanted` accepts. It is asked about the first and the last day on which both
  // have acceded, so that whatever is true of some of these days, but not of days between two
  // others, is found.
  [[nodiscard]] std::optional<Actors> FindActorsWhere(
      HatId acting, HatId source, size_t period, const Needs& needs,
      absl::FunctionRef<bool(const Actors&)> wanted) const;

  [[nodiscard]] const Policy& policy() const { return policy_; }
  [[nodiscard]] const Compiled& compiled() const { return c_; }
  [[nodiscard]] const std::vector<Days>& periods() const { return periods_; }
  [[nodiscard]] Mask PeriodsWithin(int32_t from, int32_t until) const;
  // Days on which the regime of a tafel is open.
  [[nodiscard]] Mask OpenAt(TafelId tafel) const { return tafels_[tafel.index()].periods; }
  [[nodiscard]] Mask InForce(RowId row) const { return rows_[row.index()].periods; }

  // Ids of the vocabulary for those of the policy.
  [[nodiscard]] Mask Phases(Mask own) const { return Map(own, phase_map_); }
  [[nodiscard]] Mask Purposes(Mask own) const { return Map(own, purpose_map_); }
  [[nodiscard]] FieldSet Fields(const FieldSet& own) const;
  [[nodiscard]] HatId Hat(HatId own) const { return HatId(hat_map_[own.index()]); }
  [[nodiscard]] TafelId Tafel(TafelId own) const { return TafelId(tafel_map_[own.index()]); }

 private:
  struct Grant {
    Mask phases = 0;
    StageSet stages{};
    Mask purposes = 0;
    FieldSet fields{};
  };
  struct Row {
    Mask purposes = 0;
    Mask periods = 0;
    FieldSet fields{};
    std::vector<PowerId> powers;
  };
  struct Exclusion {
    Mask purposes = 0;
    StageSet stages{};
    FieldSet fields{};
  };
  struct TafelSets {
    Mask phases = 0;
    StageSet stages{};
    Mask purposes = 0;
    Mask periods = 0;
  };
  // What a tafel and two hats make of the conditions.
  struct Cell {
    ConditionSet always = 0;
    ConditionSet never = 0;
    bool person = false;
    bool entitled = false;  // both hats, to the BSN
    bool value_possible = true;
    CircumstanceSet gates = 0;
    CircumstanceSet acting_takes_part = 0;
    Mask periods = 0;
  };

  [[nodiscard]] static Mask Map(Mask own, const std::vector<uint16_t>& map);
  [[nodiscard]] StageSet Stages(Mask own) const;
  [[nodiscard]] Cell CellOf(TafelId tafel, HatId acting, HatId source) const;
  [[nodiscard]] Mask PairPeriods(HatId acting, HatId source) const;
  // Appends the parts of `route` where `conditions` can hold, with what they ask.
  void Require(const Cell& cell, Route route, ConditionSet conditions, const Row* row,
               bool by_mandate, std::vector<Route>& out) const;
  // Closes the needs under what they imply; drops what cannot hold. Appends what is left.
  void Settle(const Cell& cell, Route route, std::vector<Route>& out) const;
  void Exclude(const Cell& cell, const CompiledTafel& tafel, HatId acting,
               std::vector<Route>& routes) const;
  [[nodiscard]] Box MatchOf(TafelId tafel, HatId source, size_t grant) const;

  const Policy& policy_;
  const Compiled& c_;
  std::vector<Days> periods_;
  As as_;
  std::vector<uint16_t> field_map_, hat_map_, tafel_map_, phase_map_, stage_map_, purpose_map_;
  std::vector<Grant> grants_;
  std::vector<Row> rows_;
  std::vector<Exclusion> exclusions_;
  std::vector<TafelSets> tafels_;
  std::vector<FieldSet> owns_;  // per hat
  FieldSet bsn_{};
  FieldSet ncnd_{};
  Mask prohibited_ = 0;  // purposes refused at the purpose gate
  Mask machtiging_ = 0;  // periods
  Mask amvb_ = 0;
  bool casus_term_ = false;
  bool casus_term_possible_ = true;
  std::vector<std::vector<PartijId>> holders_;  // per hat
  std::vector<bool> value_possible_;            // per source hat, outside WGS_SAMENWERKING
  AgeLimits impossible_by_age_{};
  mutable std::vector<std::optional<Mask>> pairs_;
};

// A pair of conditions that can never hold together, or one that never holds in some place.
struct Contradiction {
  enum class Where { kAlways, kNobodyIsGuest, kNoPerson };
  Where where = Where::kAlways;
  ConditionSet conditions = 0;
  std::string_view reason;
};
const std::vector<Contradiction>& Contradictions();
// Conditions that are about a person: never true at a tafel without persons.
ConditionSet AboutPerson();

}  // namespace sluis::policy
