#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "sluis/base/check.h"
#include "sluis/policy_oracle/generator.h"

namespace sluis::policy_oracle {

namespace v1 = policy::v1;

// Draws that are the same with every standard library.
class Dice {
 public:
  explicit Dice(Rng& rng) : rng_(rng) {}

  // Both ends included.
  int Between(int low, int high) {
    SLUIS_CHECK(low <= high);
    return low + static_cast<int>(rng_() % (static_cast<uint64_t>(high - low) + 1));
  }
  bool Percent(int percent) { return Between(1, 100) <= percent; }
  size_t Index(size_t size) {
    SLUIS_CHECK(size > 0);
    return static_cast<size_t>(rng_() % size);
  }
  // A position in a list of messages.
  template <typename List>
  int Position(const List& list) {
    return static_cast<int>(Index(static_cast<size_t>(list.size())));
  }
  template <typename T>
  const T& Pick(const std::vector<T>& list) {
    return list[Index(list.size())];
  }
  // An element other than `not_this`, where there is one.
  std::string PickOther(const std::vector<std::string>& list, const std::string& not_this) {
    std::vector<std::string> others;
    for (const std::string& element : list) {
      if (element != not_this) others.push_back(element);
    }
    return others.empty() ? not_this : Pick(others);
  }
  template <typename T>
  void Shuffle(std::vector<T>& list) {
    for (size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[Index(i)]);
  }
  // Between `low` and `high` different elements, in the order of the list.
  template <typename T>
  std::vector<T> Some(const std::vector<T>& list, int low, int high) {
    const int size = static_cast<int>(list.size());
    const int count = Between(std::min(low, size), std::min(high, size));
    std::vector<size_t> positions;
    for (size_t i = 0; i < list.size(); ++i) positions.push_back(i);
    Shuffle(positions);
    positions.resize(static_cast<size_t>(count));
    std::sort(positions.begin(), positions.end());
    std::vector<T> some;
    for (const size_t position : positions) some.push_back(list[position]);
    return some;
  }
  Rng& rng() { return rng_; }

 private:
  Rng& rng_;
};

template <typename List, typename Name>
bool Has(const List& list, const Name& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

template <typename List>
std::vector<std::string> Strings(const List& list) {
  return {list.begin(), list.end()};
}

}  // namespace sluis::policy_oracle
