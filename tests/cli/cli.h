#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

// Runs `sluis` as a process of its own.
namespace sluis::testing {

struct CliRun {
  int exit_code = -1;  // -1 when it did not end by itself
  std::string out;
  std::string err;
};

struct CliOptions {
  std::string input = {};                               // standard input
  std::filesystem::path directory = {};                 // where it runs; empty: here
  std::map<std::string, std::string> environment = {};  // added to ours; SLUIS_CONFIG is not ours
};

// Ends it after a minute.
CliRun RunCli(const std::vector<std::string>& arguments, const CliOptions& options = {});

// One that goes on until it is destroyed, which kills it. What it says on standard error is lost.
class RunningCli {
 public:
  explicit RunningCli(const std::vector<std::string>& arguments, const CliOptions& options = {});
  RunningCli(const RunningCli&) = delete;
  RunningCli& operator=(const RunningCli&) = delete;
  ~RunningCli();

  // The next line of its output, without its end; absent if none comes in that time.
  std::optional<std::string> NextLine(absl::Duration limit);

 private:
  pid_t pid_;
  int out_;
  std::string read_;
};

std::string ReadFile(const std::filesystem::path& path);
void WriteFile(const std::filesystem::path& path, std::string_view bytes);

}  // namespace sluis::testing
