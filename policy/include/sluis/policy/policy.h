#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluis/base/civil_date.h"
#include "sluis/base/oin.h"
#include "sluis/policy/documents.h"
#include "sluis/policy/ids.h"
#include "sluis/policy/vocabulary.h"

namespace sluis::policy {

struct Compiled;

// A statute, a convenant and the operator's switches, validated and compiled.
//
// Always true of it: every grant lies within the statute rows that it cites; every name means
// something; everything is denied that no grant and row permit.
//
// Immutable, hence safe to share between threads without locks. Replace a policy by publishing a
// new one; never edit one in place. Ids are meaningful only together with the policy that gave
// them.
class Policy {
 public:
  explicit Policy(std::unique_ptr<const Compiled> compiled);
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  ~Policy();

  // What the versions of decisions refer to.
  [[nodiscard]] const std::string& convenant_id() const;
  [[nodiscard]] const std::string& convenant_version() const;
  [[nodiscard]] const std::string& statute_version() const;
  // The canonical, domain-separated encoding of statute, convenant and switches; comments do not
  // count (docs/formats/policy.md). The policy hash is its SHA-256.
  [[nodiscard]] const std::string& canonical() const;

  // Names. Empty optional for a name that the documents do not have.
  [[nodiscard]] std::optional<FieldId> FindField(std::string_view name) const;
  [[nodiscard]] std::optional<HatId> FindHat(std::string_view name) const;
  [[nodiscard]] std::optional<PartijId> FindPartij(std::string_view name) const;
  [[nodiscard]] std::optional<PartijId> FindPartijByOin(const Oin& oin) const;
  [[nodiscard]] std::optional<TafelId> FindTafel(std::string_view name) const;
  [[nodiscard]] std::optional<PhaseId> FindPhase(std::string_view name) const;
  [[nodiscard]] std::optional<StageId> FindStage(std::string_view name) const;
  [[nodiscard]] std::optional<PurposeId> FindPurpose(std::string_view name) const;
  [[nodiscard]] std::optional<GrantId> FindGrant(std::string_view name) const;
  [[nodiscard]] std::optional<RowId> FindRow(std::string_view name) const;

  [[nodiscard]] const std::string& NameOf(FieldId id) const;
  [[nodiscard]] const std::string& NameOf(HatId id) const;
  [[nodiscard]] const std::string& NameOf(PartijId id) const;
  [[nodiscard]] const std::string& NameOf(TafelId id) const;
  [[nodiscard]] const std::string& NameOf(PurposeId id) const;
  [[nodiscard]] const std::string& NameOf(GrantId id) const;
  [[nodiscard]] const std::string& NameOf(RowId id) const;
  [[nodiscard]] const std::string& NameOf(ExclusionId id) const;
  // The article that a row cites.
  [[nodiscard]] const std::string& CitationOf(RowId id) const;

  // Whether a partij may act at all on a day, and in which hats.
  struct Standing {
    bool convenant_in_force = false;
    bool acceded = false;
  };
  [[nodiscard]] Standing StandingOf(PartijId partij, CivilDate today) const;
  [[nodiscard]] bool Holds(PartijId partij, HatId hat) const;
  // Whether a hat owns a field, and whether an exclusion bars the field for everybody: then its
  // code.
  [[nodiscard]] bool Owns(HatId hat, FieldId field) const;
  [[nodiscard]] std::optional<Code> BarredFor(FieldId field) const;
  // Seats and form of a tafel.
  enum class Seat { kNone, kMember, kGuest };
  [[nodiscard]] Seat SeatAt(TafelId tafel, HatId hat) const;
  [[nodiscard]] Regime RegimeOf(TafelId tafel) const;
  // Whether anything is exchanged under a regime on a day: the term that it waits for is set, and
  // where rows open it one of them is in force.
  [[nodiscard]] bool RegimeOpen(Regime regime, CivilDate today) const;
  [[nodiscard]] bool RowInForce(RowId row, CivilDate today) const;
  [[nodiscard]] bool HasPersons(TafelId tafel) const;

  [[nodiscard]] size_t grant_count() const;
  [[nodiscard]] size_t row_count() const;

  // The documents, for whoever has to show them.
  [[nodiscard]] const v1::Statute& statute() const;
  [[nodiscard]] const v1::Convenant& convenant() const;
  [[nodiscard]] const v1::OperatorSwitches& switches() const;

  // For the engine and the tools of this room.
  [[nodiscard]] const Compiled& compiled() const { return *compiled_; }

 private:
  std::unique_ptr<const Compiled> compiled_;
};

struct CompileResult {
  // Absent when an issue is an error.
  std::shared_ptr<const Policy> policy;
  // Errors and warnings, in the order of the documents.
  std::vector<Issue> issues;
};

// Validates and compiles. Everything that can be wrong with the documents is found here and
// reported with its place; deciding cannot fail. Codes:
//   ID_MALFORMED, ID_DUPLICATE, NAME_UNKNOWN, VALUE_MISSING, DATE_MALFORMED, DATE_ORDER, LIMIT,
//   WIDENS_STATUTE    a grant reaches outside the rows that it cites,
//   NOT_A_PARTICIPANT a hat that WGS_SAMENWERKING does not know has a seat at one of its tafels,
//   ZVH_IS_NO_PARTIJ, SEAT_TWICE, STAGE_WITHOUT_WAMS, ROW_DATES, SWITCH_INVALID, AGE_OVERLAP,
//   CONDITION_MISPLACED,
//   SIGNALS_OVERLAP   two closed sets meet in a field, so that order would decide.
// Warnings: STATUTE_NAME_UNUSED, COMBINATION_WITHOUT_BASIS.
CompileResult Compile(const Document<v1::Statute>& statute,
                      const Document<v1::Convenant>& convenant,
                      const Document<v1::OperatorSwitches>& switches);

}  // namespace sluis::policy
