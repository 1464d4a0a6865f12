#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// What the benchmarks share: a clock, quantiles, the machine's own rates, and the one flat file
// that the figures go to.
namespace sluis::bench {

inline int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The value below which `share` of the samples lie; sorts them.
inline double Quantile(std::vector<double>& samples, double share) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const auto at = static_cast<size_t>(share * static_cast<double>(samples.size()));
  return samples[std::min(at, samples.size() - 1)];
}

// One sample of the unit U: nanoseconds of one SHA-256 over 1 KiB, with the clock's own cost.
int64_t TimeUnit();

// What two looks at the clock cost by themselves, in nanoseconds, the median of many.
double ClockNs();

// How many times a second `directory`'s disk syncs after a small append, over `seconds`.
double FdatasyncPerSecond(const std::string& directory, double seconds);

// Nanoseconds of one Ed25519 signature over a checkpoint's text, the median of many.
double SignatureNs();

// Figures by name, in the order in which they were measured.
class Figures {
 public:
  // Prints a line as well: the name, the value, and what it is.
  void Add(const std::string& name, double value, const std::string& what);
  // Adds them to the flat JSON object in `file`, which is made when it is not there.
  void Save(const std::string& file) const;

 private:
  std::vector<std::pair<std::string, double>> figures_;
};

}  // namespace sluis::bench
