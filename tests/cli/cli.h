#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

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

std::string ReadFile(const std::filesystem::path& path);
void WriteFile(const std::filesystem::path& path, std::string_view bytes);

}  // namespace sluis::testing
