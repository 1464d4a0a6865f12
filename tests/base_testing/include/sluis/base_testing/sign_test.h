#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <ostream>
#include <random>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

// Whether one thing takes longer than another: a sign test over pairs.
//
// In each pair both are done, in an order thrown by a coin, and what counts is which took longer.
// Without a difference that is a coin as well: of N pairs, k in which the first took longer are
// binomial with p = 1/2, whatever the durations are distributed like, and z = (2k - N) / sqrt(N) is
// standard normal. |z| > 4.89 is rejected: where there is no difference that happens once in a
// million runs. The power: a bias of p = 1/2 ± d is found with probability 0.99 when
// d >= (4.89 + 2.33) / (2 sqrt(N)); for 10,000 pairs that is 3.6 percentage points, for 1,000 it is
// 11.4, for 400 it is 18.1. A difference that is large beside the spread of the durations has d
// near 50.
namespace sluis::testing {

class SignTest {
 public:
  static constexpr double kLimit = 4.89;
  static constexpr double kPower = 2.33;

  static double Statistic(size_t longer, size_t pairs) {
    const auto n = static_cast<double>(pairs);
    return (2 * static_cast<double>(longer) - n) / std::sqrt(n);
  }
  // The bias that is found with probability 0.99.
  static double Detectable(size_t pairs) {
    return (kLimit + kPower) / (2 * std::sqrt(static_cast<double>(pairs)));
  }
  static bool IsLeak(double z) { return std::abs(z) > kLimit; }

  // What is said of a run of pairs.
  struct Result {
    size_t pairs = 0;
    size_t longer = 0;
    double z = 0;
    absl::Duration median;  // of the differences
  };
  // Each of `first` and `second` does its thing once, and says how long that took.
  template <typename First, typename Second>
  static Result Run(size_t pairs, First first, Second second);
};

// How many pairs the environment variable asks for.
inline size_t PairsOf(const char* variable, size_t otherwise) {
  const char* const text = std::getenv(variable);
  const auto asked = text == nullptr ? 0UL : std::strtoul(text, nullptr, 10);
  return asked == 0 ? otherwise : asked;
}

template <typename First, typename Second>
SignTest::Result SignTest::Run(size_t pairs, First first, Second second) {
  std::mt19937_64 coin(std::random_device{}());
  std::vector<absl::Duration> differences;
  Result result;
  result.pairs = pairs;
  for (size_t i = 0; i < pairs; ++i) {
    const bool in_order = (coin() & 1) != 0;
    absl::Duration of_first;
    absl::Duration of_second;
    if (in_order) {
      of_first = first();
      of_second = second();
    } else {
      of_second = second();
      of_first = first();
    }
    const absl::Duration difference = of_first - of_second;
    differences.push_back(difference);
    // To the nanosecond there are hardly equals; a coin decides them.
    const bool tie = difference == absl::ZeroDuration();
    if (tie ? (coin() & 1) != 0 : difference > absl::ZeroDuration()) ++result.longer;
  }
  const auto middle = differences.begin() + static_cast<std::ptrdiff_t>(differences.size() / 2);
  std::nth_element(differences.begin(), middle, differences.end());
  result.median = *middle;
  result.z = Statistic(result.longer, pairs);
  return result;
}

inline std::ostream& operator<<(std::ostream& out, const SignTest::Result& result) {
  return out << result.pairs << " pairs: the first took longer in " << result.longer
             << ", z = " << result.z << ", median difference "
             << absl::ToInt64Nanoseconds(result.median) << " ns; a bias of "
             << 100 * SignTest::Detectable(result.pairs)
             << " percentage points is found with probability 0.99";
}

}  // namespace sluis::testing
