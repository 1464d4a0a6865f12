#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "sluis/policy/ids.h"

namespace sluis::policy {

// A set of small ids as bits. A value of fixed size: no allocation, and a few word operations for
// what would be a loop over the fields of a request.
template <typename Id, size_t kWords>
class BitSet {
 public:
  static constexpr size_t kCapacity = kWords * 64;

  constexpr void Insert(Id id) { words_[id.index() / 64] |= uint64_t{1} << (id.index() % 64); }
  constexpr void Erase(Id id) { words_[id.index() / 64] &= ~(uint64_t{1} << (id.index() % 64)); }
  [[nodiscard]] constexpr bool Contains(Id id) const {
    return id.index() < kCapacity && ((words_[id.index() / 64] >> (id.index() % 64)) & 1) != 0;
  }
  // Without a loop, which compilers do not unroll at the level that we build with; this is the test
  // of most tests.
  [[nodiscard]] constexpr bool empty() const {
    return [this]<size_t... kWord>(std::index_sequence<kWord...>) {
      return (words_[kWord] | ...) == 0;
    }
    (std::make_index_sequence<kWords>());
  }
  [[nodiscard]] constexpr size_t size() const {
    size_t count = 0;
    for (const uint64_t word : words_) count += static_cast<size_t>(std::popcount(word));
    return count;
  }
  // The lowest id; the set is not empty.
  [[nodiscard]] constexpr Id First() const {
    size_t word = 0;
    while (words_[word] == 0) ++word;
    return Id(
        static_cast<uint16_t>(word * 64 + static_cast<size_t>(std::countr_zero(words_[word]))));
  }
  // Calls `visit(Id)` for every id, lowest first.
  template <typename Visit>
  constexpr void ForEach(Visit visit) const {
    for (size_t word = 0; word < kWords; ++word) {
      for (uint64_t rest = words_[word]; rest != 0; rest &= rest - 1) {
        visit(Id(static_cast<uint16_t>(word * 64 + static_cast<size_t>(std::countr_zero(rest)))));
      }
    }
  }
  [[nodiscard]] constexpr bool IsSubsetOf(const BitSet& other) const {
    return (*this - other).empty();
  }

  constexpr BitSet& operator|=(const BitSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] |= other.words_[i];
    return *this;
  }
  constexpr BitSet& operator&=(const BitSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] &= other.words_[i];
    return *this;
  }
  constexpr BitSet& operator-=(const BitSet& other) {
    for (size_t i = 0; i < kWords; ++i) words_[i] &= ~other.words_[i];
    return *this;
  }
  friend constexpr BitSet operator|(BitSet a, const BitSet& b) { return a |= b; }
  friend constexpr BitSet operator&(BitSet a, const BitSet& b) { return a &= b; }
  friend constexpr BitSet operator-(BitSet a, const BitSet& b) { return a -= b; }
  friend constexpr bool operator==(const BitSet&, const BitSet&) = default;

 private:
  std::array<uint64_t, kWords> words_{};
};

using FieldSet = BitSet<FieldId, 4>;
using HatSet = BitSet<HatId, 2>;

}  // namespace sluis::policy
