#include "log_lines.h"

#include <sstream>

#include "absl/time/clock.h"

namespace sluis::testing {

std::vector<nlohmann::json> LogLines(const Daemon& daemon) {
  std::istringstream in(daemon.ReadLog());
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) {
    if (in.eof()) break;  // not complete yet
    auto parsed = nlohmann::json::parse(line, nullptr, false);
    if (!parsed.is_object()) parsed = {{"not_json", line}};
    lines.push_back(std::move(parsed));
  }
  return lines;
}

std::vector<nlohmann::json> LinesOf(const Daemon& daemon, const std::string& event, size_t from) {
  std::vector<nlohmann::json> found;
  const auto lines = LogLines(daemon);
  for (size_t i = from; i < lines.size(); ++i) {
    if (lines[i].value("event", "") == event) found.push_back(lines[i]);
  }
  return found;
}

bool AwaitLine(const Daemon& daemon, const std::string& event, const std::string& name,
               const std::string& value, size_t from, absl::Duration limit) {
  const absl::Time until = absl::Now() + limit;
  for (;;) {
    for (const nlohmann::json& line : LinesOf(daemon, event, from)) {
      if (line.value(name, "").find(value) != std::string::npos) return true;
    }
    if (absl::Now() >= until) return false;
    absl::SleepFor(absl::Milliseconds(20));
  }
}

}  // namespace sluis::testing
