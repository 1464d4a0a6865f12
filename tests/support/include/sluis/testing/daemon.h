#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "sluis/base_testing/temp_dir.h"
#include "sluis/config/v1/config.pb.h"

namespace sluis::testing {

// PEM texts of one end of a connection.
struct Identity {
  std::string certificate_chain;
  std::string private_key;
};

struct DaemonOptions {
  // Changes the configuration of script/dev-broker before the first start.
  std::function<void(config::v1::Config&)> edit = {};
  // Added to the environment of the process.
  std::map<std::string, std::string> environment = {};
  // How long a start may take: a process with sanitizers that verifies a long log is slow.
  absl::Duration start_limit = absl::Seconds(60);
};

// A real `sluisd` process on a directory of its own, which script/dev-broker prepared: development
// PKI, keys, configuration. The PKI is made once per test program and copied, so that revoking in
// one directory is not seen in another.
//
// Ends only the process that it started; that process ends with the thread that started it, even
// when the test program crashes. Not thread-safe, but port() and the paths may be read while
// nobody starts or stops.
class Daemon {
 public:
  // Prepares the directory; starts nothing. A directory that cannot be prepared ends the program.
  explicit Daemon(DaemonOptions options = {});
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  // Kill()s.
  ~Daemon();

  // Starts the process and waits until it takes calls. Again after an end: a restart on the same
  // directory. FAILED_PRECONDITION / DAEMON_RUNNING; UNAVAILABLE / DAEMON_ENDED with what it wrote
  // last; DEADLINE_EXCEEDED / DAEMON_SLOW, after which it is killed.
  absl::Status Start();
  // Writes a changed configuration, for the next start.
  void Edit(const std::function<void(config::v1::Config&)>& edit);
  // Writes the operator's switches to the file of the configuration, which names none otherwise.
  // The broker sees them at its start or at AdminService.ReloadPolicy.
  void WriteSwitches(std::string_view textproto) const;

  // SIGTERM, then the exit code (128 + n for signal n). DEADLINE_EXCEEDED / DAEMON_SLOW when it
  // does not end in time; it runs on.
  absl::StatusOr<int> Terminate(absl::Duration limit = absl::Seconds(60));
  // SIGKILL, and waits for the end. Nothing when it does not run.
  void Kill();
  void Signal(int signal) const;
  // Waits for an end that the process comes to by itself. As Terminate().
  absl::StatusOr<int> WaitForExit(absl::Duration limit);
  [[nodiscard]] bool running() const { return pid_ > 0; }
  [[nodiscard]] pid_t pid() const { return pid_; }

  // As of the latest start.
  [[nodiscard]] int port() const { return port_; }
  // 0 when the configuration has no such door.
  [[nodiscard]] int admin_port() const { return admin_port_; }

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_.path(); }
  [[nodiscard]] std::string config_file() const { return directory_.File("sluisd.textproto"); }
  [[nodiscard]] std::string pki() const { return directory_.File("pki"); }
  [[nodiscard]] std::string store_file() const { return directory_.File("sluis.db"); }
  [[nodiscard]] std::string person_keys_file() const { return directory_.File("person-keys.db"); }
  // What the process wrote to standard error, over all starts.
  [[nodiscard]] std::string log_file() const { return directory_.File("stderr.log"); }
  [[nodiscard]] std::string ReadLog() const;

  // Certificate and key of a partij (its convenant id), and what both ends trust.
  [[nodiscard]] Identity IdentityOf(std::string_view partij) const;
  [[nodiscard]] std::string ca_bundle() const;
  // Revokes the certificate of a partij and renews the CRL, which the broker reads within a second
  // or two.
  absl::Status Revoke(std::string_view partij) const;

 private:
  absl::Status AwaitDoors(int directory_events, absl::Time until);
  [[nodiscard]] config::v1::Config ReadConfig() const;
  // Reaps the process if it ended by `until`.
  bool Reap(absl::Time until);

  DaemonOptions options_;
  TempDir directory_;
  pid_t pid_ = 0;
  int process_ = -1;  // a pidfd: becomes readable when the process ends
  int exit_code_ = 0;
  int port_ = 0;
  int admin_port_ = 0;
};

// Runs a program to its end with standard output and error in one text. INTERNAL / PROGRAM_FAILED
// with that text unless it ends with code 0 within the limit.
absl::StatusOr<std::string> RunProgram(const std::vector<std::string>& arguments,
                                       absl::Duration limit = absl::Seconds(60));

}  // namespace sluis::testing
