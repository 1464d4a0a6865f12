#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

// The broker's own log: one JSON object a line on standard error, through spdlog. Never a field
// value, a BSN, a name, a key or a free text: events, reasons, counts and the names of partijen.
namespace sluis::logging {

enum class Level { kDebug, kInfo, kWarn, kError };

using Detail = std::pair<std::string_view, std::string>;

// From which level lines are written: "debug", "info", "warn", "error".
void SetLevel(std::string_view level);

// Writes `event` (snake_case, stable) with its details. Thread-safe; waits for no disk but that of
// standard error.
void Log(Level level, std::string_view event, std::initializer_list<Detail> details = {});

// Writes what is waiting.
void Flush();

// Lets through at most `per_second` lines of one kind a second, so that a peer cannot fill the
// disk. Thread-safe.
class RateLimit {
 public:
  explicit RateLimit(int per_second) : per_second_(per_second) {}
  bool Allow();

 private:
  const int per_second_;
  std::atomic<int64_t> second_{0};
  std::atomic<int> count_{0};
};

}  // namespace sluis::logging
