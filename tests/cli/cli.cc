#include "cli.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/time/clock.h"

#include "sluis/base_testing/temp_dir.h"

namespace sluis::testing {
namespace {

constexpr int kLimitMs = 60'000;

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::abort();
}

// In the child: standard stream `stream` is `path` from now on.
void Redirect(int stream, const std::string& path, int flags) {
  const int file = open(path.c_str(), flags, 0600);
  if (file < 0 || dup2(file, stream) < 0) _exit(126);
}

std::vector<std::string> WordsOf(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {SLUIS_BIN_DIR "/sluis"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

std::vector<char*> PointersTo(std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return argv;
}

// In the child.
[[noreturn]] void Run(const std::vector<char*>& argv, const CliOptions& options) {
  if (!options.directory.empty() && chdir(options.directory.c_str()) != 0) _exit(126);
  unsetenv("SLUIS_CONFIG");
  for (const auto& [name, value] : options.environment)
    setenv(name.c_str(), value.c_str(), /*replace=*/1);
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

RunningCli::RunningCli(const std::vector<std::string>& arguments, const CliOptions& options) {
  std::vector<std::string> words = WordsOf(arguments);
  const std::vector<char*> argv = PointersTo(words);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) Fail("pipe2");
  pid_ = fork();
  if (pid_ < 0) Fail("fork");
  if (pid_ == 0) {
    Redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
    Redirect(STDERR_FILENO, "/dev/null", O_WRONLY);
    if (dup2(ends[1], STDOUT_FILENO) < 0) _exit(126);
    Run(argv, options);
  }
  close(ends[1]);
  out_ = ends[0];
}

RunningCli::~RunningCli() {
  kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  close(out_);
}

std::optional<std::string> RunningCli::NextLine(absl::Duration limit) {
  const absl::Time until = absl::Now() + limit;
  for (;;) {
    if (const size_t end = read_.find('\n'); end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    const int64_t left = absl::ToInt64Milliseconds(until - absl::Now());
    pollfd more{out_, POLLIN, 0};
    if (left <= 0 || poll(&more, 1, static_cast<int>(left)) != 1) return std::nullopt;
    std::array<char, 4096> buffer;
    const ssize_t n = read(out_, buffer.data(), buffer.size());
    if (n <= 0) return std::nullopt;
    read_.append(buffer.data(), static_cast<size_t>(n));
  }
}

CliRun RunCli(const std::vector<std::string>& arguments, const CliOptions& options) {
  const TempDir files;
  WriteFile(files.File("in"), options.input);
  std::vector<std::string> words = WordsOf(arguments);
  const std::vector<char*> argv = PointersTo(words);

  const pid_t pid = fork();
  if (pid < 0) Fail("fork");
  if (pid == 0) {
    Redirect(STDIN_FILENO, files.File("in"), O_RDONLY);
    Redirect(STDOUT_FILENO, files.File("out"), O_WRONLY | O_CREAT);
    Redirect(STDERR_FILENO, files.File("err"), O_WRONLY | O_CREAT);
    Run(argv, options);
  }
  const auto process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (process < 0) Fail("pidfd_open");
  pollfd ended{process, POLLIN, 0};
  if (poll(&ended, 1, kLimitMs) != 1) syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0);
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) Fail("waitpid");
  close(process);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(files.File("out")),
          ReadFile(files.File("err"))};
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void WriteFile(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  if (!out.flush()) Fail("write");
}

}  // namespace sluis::testing
