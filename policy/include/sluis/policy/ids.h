#pragma once

#include <compare>
#include <cstdint>
#include <utility>

namespace sluis::policy {

// A name of the documents, interned to a dense number. Two kinds of name do not mix. Meaningful
// only together with the Policy that gave it. A default one names nothing.
template <typename Tag>
class Interned {
 public:
  constexpr Interned() = default;
  explicit constexpr Interned(uint16_t index) : index_(index) {}
  [[nodiscard]] constexpr uint16_t index() const { return index_; }
  [[nodiscard]] constexpr bool valid() const { return index_ != kNothing; }
  friend constexpr bool operator==(Interned, Interned) = default;
  friend constexpr auto operator<=>(Interned, Interned) = default;
  template <typename H>
  friend H AbslHashValue(H h, Interned id) {
    return H::combine(std::move(h), id.index_);
  }

 private:
  static constexpr uint16_t kNothing = 0xffff;
  uint16_t index_ = kNothing;
};

using FieldId = Interned<struct FieldTag>;
using HatId = Interned<struct HatTag>;
using PartijId = Interned<struct PartijTag>;
using TafelId = Interned<struct TafelTag>;
using PhaseId = Interned<struct PhaseTag>;
using StageId = Interned<struct StageTag>;
using PurposeId = Interned<struct PurposeTag>;
using MunicipalityId = Interned<struct MunicipalityTag>;
using RowId = Interned<struct RowTag>;
using GrantId = Interned<struct GrantTag>;
using ExclusionId = Interned<struct ExclusionTag>;
// A task or power that a row lists.
using PowerId = Interned<struct PowerTag>;

}  // namespace sluis::policy
