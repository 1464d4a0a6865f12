#include "sluis/testing/daemon.h"

#include <fcntl.h>
#include <google/protobuf/text_format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"

namespace sluis::testing {
namespace {

namespace fs = std::filesystem;

absl::Status DeadlineExceeded(std::string_view what) {
  return MakeError(absl::StatusCode::kDeadlineExceeded, "DAEMON_SLOW", what);
}

[[noreturn]] void Fail(const std::string& text) {
  static_cast<void>(std::fprintf(stderr, "%s\n", text.c_str()));
  std::abort();
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void WriteFile(const std::string& path, std::string_view content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << content;
  if (!out.flush()) Fail("cannot write " + path);
}

// Waits until one of `files` is readable; the timeout of poll(2) never rounds down to a busy loop.
bool Await(std::vector<pollfd> files, absl::Time until) {
  for (;;) {
    const absl::Duration left = std::max(until - absl::Now(), absl::ZeroDuration());
    const int timeout = static_cast<int>(std::min<int64_t>(
        absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))), 1'000'000));
    const int ready = poll(files.data(), files.size(), timeout);
    if (ready > 0) return true;
    if (ready == 0 && absl::Now() >= until) return false;
  }
}

struct Child {
  pid_t pid = 0;
  int process = -1;
};

// Starts a program with its standard output and error appended to `output`. The child dies with
// the thread that starts it.
Child Spawn(const std::vector<std::string>& arguments,
            const std::map<std::string, std::string>& environment, const std::string& output) {
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string text(*each);
    if (environment.count(text.substr(0, text.find('='))) == 0) variables.push_back(text);
  }
  for (const auto& [name, value] : environment) variables.push_back(absl::StrCat(name, "=", value));
  std::vector<char*> argv;
  std::vector<char*> envp;
  argv.reserve(arguments.size() + 1);
  for (const std::string& each : arguments) argv.push_back(const_cast<char*>(each.c_str()));
  argv.push_back(nullptr);
  envp.reserve(variables.size() + 1);
  for (std::string& each : variables) envp.push_back(each.data());
  envp.push_back(nullptr);
  const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out < 0) Fail("cannot write " + output);
  sigset_t none;
  sigemptyset(&none);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    // Only calls that are safe after fork() in a program with threads.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(out);
  if (pid < 0) Fail("cannot fork");
  // Not sys/pidfd.h: its declarations clash with those of older kernels' headers.
  const auto process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (process < 0) Fail("cannot open the process");
  return {pid, process};
}

int Wait(Child child) {
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  close(child.process);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

const fs::path& SharedPki() {
  static const TempDir directory;
  static const bool made = [] {
    const auto output =
        RunProgram({"/bin/bash", std::string(SLUIS_SOURCE_DIR) + "/certs/make-dev-pki",
                    directory.File("pki")});
    if (!output.ok()) Fail(output.status().ToString());
    return true;
  }();
  static_cast<void>(made);
  return directory.path();
}

int ReadPort(const std::string& file) {
  int port = 0;
  return absl::SimpleAtoi(ReadFile(file), &port) ? port : 0;
}

}  // namespace

absl::StatusOr<std::string> RunProgram(const std::vector<std::string>& arguments,
                                       absl::Duration limit) {
  const TempDir directory;
  const std::string output = directory.File("output");
  const Child child = Spawn(arguments, {}, output);
  const bool ended = Await({{child.process, POLLIN, 0}}, absl::Now() + limit);
  if (!ended) kill(child.pid, SIGKILL);
  const int code = Wait(child);
  std::string text = ReadFile(output);
  if (code == 0) return text;
  return Internal("PROGRAM_FAILED",
                  absl::StrCat(absl::StrJoin(arguments, " "),
                               ended ? " ended with " : " was too slow: ", code, ": ", text));
}

Daemon::Daemon(DaemonOptions options) : options_(std::move(options)) {
  fs::copy(SharedPki() / "pki", pki(), fs::copy_options::recursive);
  const auto output = RunProgram(
      {"/bin/bash", std::string(SLUIS_SOURCE_DIR) + "/script/dev-broker", directory().string()});
  if (!output.ok()) Fail(output.status().ToString());
  WriteSwitches("");
  Edit([&](config::v1::Config& config) {
    config.mutable_policy()->set_switches_file("switches.textproto");
    config.mutable_limits()->set_drain_seconds(5);
    // Tests set the clock by years, and say themselves when what is over then goes.
    config.mutable_schedule()->set_purge_off(true);
    if (options_.edit) options_.edit(config);
  });
}

Daemon::~Daemon() { Kill(); }

config::v1::Config Daemon::ReadConfig() const {
  config::v1::Config config;
  if (!google::protobuf::TextFormat::ParseFromString(ReadFile(config_file()), &config))
    Fail("unreadable " + config_file());
  return config;
}

void Daemon::Edit(const std::function<void(config::v1::Config&)>& edit) {
  config::v1::Config config = ReadConfig();
  edit(config);
  std::string text;
  google::protobuf::TextFormat::PrintToString(config, &text);
  WriteFile(config_file(), text);
}

void Daemon::WriteSwitches(std::string_view textproto) const {
  WriteFile(directory_.File("switches.textproto"), textproto);
}

absl::Status Daemon::Start() {
  if (running()) return FailedPrecondition("DAEMON_RUNNING", "it runs already");
  for (const char* file : {"port", "admin-port"}) fs::remove(directory() / file);
  // Watch before the start, so that no event is missed.
  const int events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (events < 0 || inotify_add_watch(events, directory().c_str(), IN_MOVED_TO) < 0)
    Fail("cannot watch " + directory().string());
  const Child child = Spawn({std::string(SLUIS_BIN_DIR) + "/sluisd", "--config", config_file()},
                            options_.environment, log_file());
  pid_ = child.pid;
  process_ = child.process;
  const absl::Status started = AwaitDoors(events, absl::Now() + options_.start_limit);
  close(events);
  if (!started.ok()) Kill();
  return started;
}

absl::Status Daemon::AwaitDoors(int directory_events, absl::Time until) {
  const std::string port_file = directory_.File("port");
  while (!fs::exists(port_file)) {
    if (!Await({{directory_events, POLLIN, 0}, {process_, POLLIN, 0}}, until))
      return DeadlineExceeded(absl::StrCat("sluisd did not start in time: ", ReadLog()));
    if (Reap(absl::Now())) {
      const std::string log = ReadLog();
      return Unavailable("DAEMON_ENDED",
                         absl::StrCat("sluisd ended with ", exit_code_, ": ",
                                      log.substr(log.size() - std::min<size_t>(log.size(), 4096))));
    }
    char ignored[4096];
    while (read(directory_events, ignored, sizeof ignored) > 0) {
    }
  }
  port_ = ReadPort(port_file);
  admin_port_ = ReadPort(directory_.File("admin-port"));
  return absl::OkStatus();
}

bool Daemon::Reap(absl::Time until) {
  if (!running()) return true;
  if (!Await({{process_, POLLIN, 0}}, until)) return false;
  exit_code_ = Wait({pid_, process_});
  pid_ = 0;
  process_ = -1;
  return true;
}

absl::StatusOr<int> Daemon::Terminate(absl::Duration limit) {
  Signal(SIGTERM);
  return WaitForExit(limit);
}

absl::StatusOr<int> Daemon::WaitForExit(absl::Duration limit) {
  if (!Reap(absl::Now() + limit)) return DeadlineExceeded("sluisd did not end in time");
  return exit_code_;
}

void Daemon::Kill() {
  Signal(SIGKILL);
  Reap(absl::InfiniteFuture());
}

// Through the pidfd: it can only ever mean the process that was started here.
void Daemon::Signal(int signal) const {
  if (running()) syscall(SYS_pidfd_send_signal, process_, signal, nullptr, 0);
}

std::string Daemon::ReadLog() const { return ReadFile(log_file()); }

Identity Daemon::IdentityOf(std::string_view partij) const {
  const std::string at = absl::StrCat(pki(), "/partij/", ToAbsl(partij));
  Identity identity{ReadFile(at + "/certificate.pem"), ReadFile(at + "/key.pem")};
  if (identity.certificate_chain.empty()) Fail("no certificate in " + at);
  return identity;
}

std::string Daemon::ca_bundle() const { return ReadFile(pki() + "/ca-bundle.pem"); }

absl::Status Daemon::Revoke(std::string_view partij) const {
  return RunProgram({"/bin/bash", std::string(SLUIS_SOURCE_DIR) + "/certs/make-dev-pki", pki(),
                     "revoke", std::string(partij)})
      .status();
}

}  // namespace sluis::testing
