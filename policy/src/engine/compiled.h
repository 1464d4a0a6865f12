#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/numeric/int128.h"

#include "sluis/base/civil_date.h"
#include "sluis/base/text.h"
#include "sluis/policy/field_set.h"
#include "sluis/policy/ids.h"
#include "sluis/policy/v1/convenant.pb.h"
#include "sluis/policy/v1/statute.pb.h"
#include "sluis/policy/vocabulary.h"

// What Compile() makes of the documents. Internal to the room.
namespace sluis::policy {

// Limits of the compiled form; more is refused with LIMIT.
inline constexpr size_t kMaxFields = FieldSet::kCapacity;
inline constexpr size_t kMaxHats = HatSet::kCapacity;
inline constexpr size_t kMaxMaskBits = 64;        // purposes, stages, phases, tasks and powers
inline constexpr size_t kMaxDocumentIds = 60000;  // grants, rows, partijen, tafels

using Mask = uint64_t;
template <typename Id>
constexpr Mask MaskBit(Id id) {
  return id.valid() ? Mask{1} << id.index() : 0;
}

// Of a name the first and the last eight bytes and the length: all that tells apart most names of
// documents, in a few instructions. The names in a table are those of signed documents, so that
// nobody can choose them to collide.
struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view name) const {
    constexpr size_t kEnd = sizeof(uint64_t);
    std::array<char, 2 * kEnd> ends{};
    if (name.size() >= kEnd) {
      std::memcpy(ends.data(), name.data(), kEnd);
      std::memcpy(ends.data() + kEnd, name.data() + name.size() - kEnd, kEnd);
    } else {
      name.copy(ends.data(), name.size());
    }
    const auto words = std::bit_cast<std::array<uint64_t, 2>>(ends);
    const absl::uint128 product = absl::uint128(words[0] ^ 0x9e3779b97f4a7c15) *
                                  ((words[1] ^ 0xc2b2ae3d27d4eb4f) + name.size());
    return absl::Uint128High64(product) ^ absl::Uint128Low64(product);
  }
};

// Names of one kind and their ids.
template <typename Id>
struct NameTable {
  std::vector<std::string> names;
  absl::flat_hash_map<std::string, uint16_t, NameHash, std::equal_to<>> ids;

  std::optional<Id> Find(std::string_view name) const {
    const auto found = ids.find(name);
    if (found == ids.end()) return std::nullopt;
    return Id(found->second);
  }
  const std::string& Name(Id id) const { return names[id.index()]; }
};

struct CompiledRow {
  Mask regimes = 0;  // bit per Regime
  // Off rows have an empty range.
  int32_t from = std::numeric_limits<int32_t>::max();
  int32_t until = std::numeric_limits<int32_t>::min();
  HatSet sources{};
  HatSet recipients{};
  FieldSet fields{};  // category and class together
  Mask purposes = 0;
  Mask powers = 0;  // tasks and powers that it lists
  ConditionSet conditions = 0;
  std::vector<Condition> one_of;
  ObligationSet obligations = 0;
  bool by_mandate = false;  // asks MANDAAT_VAN_KRACHT: INZAGE_TOEGESTAAN tests exceptions only
};

// One way for a grant to be satisfied under one row: everything in `needs`.
struct Alternative {
  RowId row{};
  ConditionSet needs = 0;
};

struct CompiledGrant {
  HatSet sources{};
  HatSet recipients{};
  FieldSet fields{};
  std::vector<TafelId> tafels;
  Mask phases = 0;
  Mask stages = 0;  // 0: any
  Mask purposes = 0;
  ConditionSet conditions = 0;
  ObligationSet obligations = 0;
  // In the order of citation, then of choice.
  std::vector<Alternative> alternatives;
  // A closed signal: the row that closes the set, and what else has to hold for the whole message.
  bool closes_set = false;
  RowId closing_row{};
  ConditionSet signal_needs = 0;
};

struct CompiledExclusion {
  ExclusionId id{};
  std::vector<bool> tafels;  // empty: all
  HatSet recipients{};       // all bits: all
  FieldSet fields{};         // fields, categories and classes together
  Mask purposes = ~Mask{0};
  Mask stages = 0;  // 0: all
  ConditionSet unless = 0;
  Code code = Code::kCategoryExcluded;
  bool before_purpose_gate = false;
};

inline constexpr uint8_t kNoSeat = 0xff;

struct CompiledTafel {
  TafelSoort soort = TafelSoort::kOverleg;
  Regime regime = Regime::kSector;
  Mask phases = 0;
  Mask stages = 0;
  Mask purposes = 0;
  bool person_data = false;
  bool open_after_closing = false;
  bool placement_required = false;
  HatSet members{};
  HatSet guests{};
  // Seat number of a hat, or kNoSeat: row and column of `cells`.
  std::vector<uint8_t> seat;
  size_t seats = 0;
  // For acting seat a and source seat s, cells[a * seats + s] … [a * seats + s + 1] delimit, in
  // `cell_grants`, the grants of this tafel between these two hats, in order.
  std::vector<uint32_t> cells;
  std::vector<uint16_t> cell_grants;
  // Whether a grant of the cell closes a set.
  std::vector<bool> cell_closes;
  // Exclusions that can match here, per acting hat: the VELD ones in order of id, but for those of
  // the purpose gate.
  struct Exclusions {
    std::vector<uint16_t> indices;
    FieldSet fields{};  // that one of them is about
  };
  std::vector<Exclusions> exclusions;
};

struct CompiledHat {
  bool bsn_entitled = false;
  bool police = false;
  bool staff_of_partij = false;
  bool reads_log = false;
  v1::Hat::WvggzPart wvggz = v1::Hat::WVGGZ_PART_UNSPECIFIED;
  FieldSet owns{};
};

struct CompiledPartij {
  HatSet hats{};
  MunicipalityId municipality{};
  int32_t acceded = std::numeric_limits<int32_t>::max();
  int32_t left = std::numeric_limits<int32_t>::max();
};

// Who decides about data under one act at one age: groups of capacities, a bit per Capacity.
struct CompiledAgeRule {
  std::vector<uint8_t> capable;
  std::vector<uint8_t> incapable;
};
// Ages at which a rule changes, ascending, starting with 0. A person is in the bracket of the
// highest that is not above the age.
struct AgeTable {
  std::vector<int> boundaries;
  // [law][bracket]; empty groups: nobody counts.
  std::array<std::vector<CompiledAgeRule>, kSourceLawCount + 1> consent;
  std::array<std::vector<CompiledAgeRule>, kSourceLawCount + 1> inzage;
  std::vector<bool> minor;
};

struct CompiledRetention {
  HatSet holders{};
  int32_t term = 0;
  v1::Retention::Unit unit = v1::Retention::UNIT_UNSPECIFIED;
  v1::Retention::Anchor anchor = v1::Retention::ANCHOR_UNSPECIFIED;
};

struct GeneralDecisionPeriod {
  Condition condition;
  int32_t from = 0;
  int32_t until = 0;
};

struct Compiled {
  v1::Statute statute;
  v1::Convenant convenant;
  v1::OperatorSwitches switches;
  std::string canonical;

  int32_t valid_from = 0;
  int32_t valid_until = 0;

  NameTable<FieldId> fields;
  NameTable<HatId> hats;
  NameTable<PartijId> partijen;
  NameTable<TafelId> tafels;
  NameTable<PhaseId> phases;
  NameTable<StageId> stages;
  NameTable<PurposeId> purposes;
  NameTable<RowId> rows;
  NameTable<GrantId> grants;
  NameTable<ExclusionId> exclusions;
  NameTable<MunicipalityId> municipalities;
  NameTable<PowerId> powers;
  absl::flat_hash_map<std::string, uint16_t> categories;
  std::vector<FieldSet> fields_of_category;
  absl::flat_hash_map<std::string, uint16_t> oins;

  std::vector<CompiledHat> hat;
  std::vector<CompiledPartij> partij;
  std::vector<CompiledTafel> tafel;
  std::vector<CompiledRow> row;
  std::vector<CompiledGrant> grant;
  std::vector<CompiledExclusion> exclusion;
  std::vector<CompiledRetention> retention;
  Mask closing_stages = 0;
  // What the purpose gate refuses, and the exclusions that say so, in order of id.
  Mask prohibited = 0;
  std::vector<uint16_t> gate_exclusions;

  // Per acting and source hat, every grant between them at whatever tafel: for the nearer code of a
  // refusal (step 7).
  std::vector<uint32_t> pair_cells;
  std::vector<uint16_t> pair_grants;

  FieldSet ncnd{};
  FieldSet bsn_class{};
  FieldSet locating{};
  FieldSet consent_needs_flag{};
  FieldSet mandate_needs_flag{};
  std::array<FieldSet, kSourceLawCount + 1> fields_of_law;
  HatSet log_readers{};

  AgeTable ages;
  v1::LegalTerms terms;
  std::vector<std::string> wams_social_acts;
  std::vector<GeneralDecisionPeriod> general_decisions;

  // Regimes that a retention row gates while its term is unset.
  Mask regimes_without_term = 0;
  // Rows that open a regime, per regime; a regime without such rows is always open.
  std::array<std::vector<RowId>, 4> opening_rows;
};

// Whether a row is in force on a day (days since 1970-01-01).
inline bool InForce(const CompiledRow& row, int32_t day) {
  return row.from <= day && day <= row.until;
}
// Whether a regime works on a day: its retention has a term, and a row that opens it is in force.
inline bool RegimeOpen(const Compiled& policy, Regime regime, int32_t day) {
  const auto number = static_cast<size_t>(regime);
  if (((policy.regimes_without_term >> number) & 1) != 0) return false;
  const auto& rows = policy.opening_rows[number];
  return rows.empty() || std::any_of(rows.begin(), rows.end(), [&](RowId row) {
           return InForce(policy.row[row.index()], day);
         });
}

}  // namespace sluis::policy
