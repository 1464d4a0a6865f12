#include "sluis/logging/logging.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>

#include <nlohmann/json.hpp>

namespace sluis::logging {
namespace {

spdlog::logger& Logger() {
  static const auto logger = [] {
    auto made = spdlog::stderr_logger_mt("sluisd");
    // The time and the level are put around the object that Log() makes.
    made->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                      spdlog::pattern_time_type::utc);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void SetLevel(std::string_view level) {
  Logger().set_level(level == "debug"   ? spdlog::level::debug
                     : level == "warn"  ? spdlog::level::warn
                     : level == "error" ? spdlog::level::err
                                        : spdlog::level::info);
}

void Log(Level level, std::string_view event, std::initializer_list<Detail> details) {
  spdlog::logger& logger = Logger();
  if (!logger.should_log(ToSpdlog(level))) return;
  nlohmann::ordered_json object;
  object["event"] = std::string(event);
  for (const auto& [name, value] : details) object[std::string(name)] = value;
  const std::string text =
      object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  logger.log(ToSpdlog(level), "{}", text.substr(1, text.size() - 2));
}

void Flush() { Logger().flush(); }

bool RateLimit::Allow() {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::steady_clock::now().time_since_epoch())
                       .count();
  if (second_.exchange(now) != now) count_ = 0;
  return count_.fetch_add(1) < per_second_;
}

}  // namespace sluis::logging
