#include "cli.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

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

}  // namespace

CliRun RunCli(const std::vector<std::string>& arguments, const CliOptions& options) {
  const TempDir files;
  WriteFile(files.File("in"), options.input);
  std::vector<std::string> words = {SLUIS_BIN_DIR "/sluis"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const pid_t pid = fork();
  if (pid < 0) Fail("fork");
  if (pid == 0) {
    Redirect(STDIN_FILENO, files.File("in"), O_RDONLY);
    Redirect(STDOUT_FILENO, files.File("out"), O_WRONLY | O_CREAT);
    Redirect(STDERR_FILENO, files.File("err"), O_WRONLY | O_CREAT);
    if (!options.directory.empty() && chdir(options.directory.c_str()) != 0) _exit(126);
    unsetenv("SLUIS_CONFIG");
    for (const auto& [name, value] : options.environment)
      setenv(name.c_str(), value.c_str(), /*replace=*/1);
    execv(argv[0], argv.data());
    _exit(127);
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
