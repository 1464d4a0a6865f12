// sluisd, the broker daemon: puts the concrete parts together, opens the doors, and closes them in
// order. docs/operate.md is its manual.

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include <CLI/CLI.hpp>

#include "sluis/assembly/assembly.h"
#include "sluis/audit/note.h"
#include "sluis/base/bytes.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/broker/retention.h"
#include "sluis/broker/scheduler.h"
#include "sluis/config/config.h"
#include "sluis/facts/facts_reader.h"
#include "sluis/identity/certificate.h"
#include "sluis/identity/trust_store.h"
#include "sluis/logging/logging.h"
#include "sluis/services/doors.h"
#include "sluis/store/sqlite_store.h"
#include "sluis/textproto/file.h"
#include "sluis/vault/vault.h"

namespace sluis {
namespace {

using logging::Level;

// sysexits.h: what supervisors know.
constexpr int kExitOk = 0;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;
constexpr int kExitBroken = 70;
constexpr int kExitConfig = 78;

// How long a broker that has answered its last call still answers that it is stopping.
constexpr absl::Duration kLastRefusals = absl::Milliseconds(200);
// How long its last answers may take to reach their callers.
constexpr absl::Duration kLastAnswers = absl::Seconds(1);

// Warnings are for who checks; a start shows what stops it.
void PrintIssues(const std::vector<textproto::Issue>& issues, bool with_warnings) {
  for (const textproto::Issue& issue : issues) {
    if (!with_warnings && issue.severity == textproto::Issue::Severity::kWarning) continue;
    const auto text = textproto::ReadTextFile(issue.file);
    std::cerr << textproto::FormatIssueWithSource(
                     issue, text.ok() ? std::string_view(*text) : std::string_view())
              << "\n";
  }
}

absl::StatusOr<SecretBytes> ReadMasterKey(const std::string& file) {
  SLUIS_ASSIGN_OR_RETURN(std::string text, textproto::ReadTextFile(file));
  auto bytes = HexDecode(FromAbsl(absl::StripAsciiWhitespace(text)));
  Wipe(text);
  if (!bytes.ok() || bytes->size() != 32) {
    return InvalidArgument("MASTER_KEY_WRONG",
                           absl::StrCat(file, " does not hold 64 hexadecimal digits"));
  }
  return SecretBytes::Take(*std::move(bytes));
}

absl::StatusOr<audit::SigningKey> ReadLogKey(const config::Config& config) {
  SLUIS_ASSIGN_OR_RETURN(std::string pem, textproto::ReadTextFile(config.log_key_file));
  // A key's name holds no space; the environment stands in the checkpoint's origin alone.
  return audit::SigningKey::FromPem(config.origin.substr(0, config.origin.find(' ')),
                                    SecretBytes::Take(std::move(pem)));
}

// Everything that can be known to be wrong before the doors open.
struct Loaded {
  config::Config config;
  std::shared_ptr<const policy::Policy> policy;
  std::unique_ptr<policy::Texts> texts;
};

absl::Status CheckTls(const config::Config& config) {
  SLUIS_ASSIGN_OR_RETURN(const std::string certificate,
                         textproto::ReadTextFile(config.certificate_file));
  SLUIS_ASSIGN_OR_RETURN(std::string key, textproto::ReadTextFile(config.key_file));
  const absl::Status pair = identity::CheckKeyPair(certificate, key);
  Wipe(key);
  return pair;
}

std::optional<Loaded> Load(const std::string& path, bool with_warnings) {
  auto read = config::ReadConfig(path);
  PrintIssues(read.issues, with_warnings);
  if (!read.config) return std::nullopt;
  Loaded loaded{*std::move(read.config), nullptr, nullptr};
  auto policy = config::LoadPolicy(loaded.config);
  PrintIssues(policy.issues, with_warnings);
  auto texts = config::LoadTexts(loaded.config);
  PrintIssues(texts.issues, with_warnings);
  // Of real data the store has the policy in force: files that do not compile stop a first start
  // alone (FindPolicyInForce).
  const bool needs_files = loaded.config.test_data_only || with_warnings;
  bool good = (policy.policy != nullptr || !needs_files) && texts.texts != nullptr;
  if (policy.policy != nullptr && with_warnings) {
    // A start looks at the policy in force, which need not be that of the files.
    const auto unsigned_by = config::CheckSignatures(loaded.config, *policy.policy,
                                                     facts::LocalDate(SystemClock().Now()));
    PrintIssues(unsigned_by, with_warnings);
    good &= !textproto::HasErrors(unsigned_by);
  }
  for (const absl::Status& status :
       {CheckTls(loaded.config), ReadMasterKey(loaded.config.master_key_file).status(),
        ReadLogKey(loaded.config).status()}) {
    if (status.ok()) continue;
    std::cerr << path << ": error: " << ReasonOf(status) << ": " << status.message() << "\n";
    good = false;
  }
  if (!good) return std::nullopt;
  loaded.policy = std::move(policy.policy);
  loaded.texts = std::move(texts.texts);
  return loaded;
}

absl::Status WritePort(const std::string& file, int port) {
  if (file.empty()) return absl::OkStatus();
  const std::string temporary = file + ".new";
  {
    std::ofstream out(temporary);
    out << port << "\n";
    if (!out.flush()) return Unavailable("FILE_WRITE", absl::StrCat("cannot write ", temporary));
  }
  if (std::rename(temporary.c_str(), file.c_str()) != 0)
    return Unavailable("FILE_WRITE", absl::StrCat("cannot write ", file));
  return absl::OkStatus();
}

class Daemon {
 public:
  explicit Daemon(Loaded loaded) : loaded_(std::move(loaded)), config_(loaded_.config) {}

  absl::Status Start() {
    SLUIS_ASSIGN_OR_RETURN(const std::string ca, textproto::ReadTextFile(config_.client_ca_file));
    identity::TrustOptions trust;
    trust.ca_bundle_pem = ca;
    trust.crl_directory = config_.crl_directory;
    trust.refresh = config_.crl_refresh;
    trust.on_reload = [](const std::string& what) {
      logging::Log(Level::kInfo, "crl_reloaded", {{"found", what}});
    };
    SLUIS_ASSIGN_OR_RETURN(trust_, identity::TrustStore::Create(std::move(trust)));
    assembly::AssemblyOptions options;
    SLUIS_ASSIGN_OR_RETURN(options.store, store::OpenSqliteStore(config_.sqlite_file));
    SLUIS_ASSIGN_OR_RETURN(const SecretBytes master, ReadMasterKey(config_.master_key_file));
    SLUIS_ASSIGN_OR_RETURN(options.vault, vault::Vault::Open(config_.person_keys_file, master));
    SLUIS_RETURN_IF_ERROR(FindPolicyInForce(*options.store));
    store_ = options.store.get();
    options.policy = loaded_.policy;
    options.texts = loaded_.texts.get();
    options.origin = config_.origin;
    options.machine_clock = &SystemClock();
    options.threads = config_.threads;
    options.max_batch = static_cast<size_t>(config_.max_batch);
    options.max_calls = config_.max_calls;
    options.source_time_limit = config_.source_time_limit;
    options.oin = config_.oin;
    SLUIS_ASSIGN_OR_RETURN(audit::SigningKey key, ReadLogKey(config_));
    SLUIS_ASSIGN_OR_RETURN(assembly_, assembly::Assembly::Open(std::move(options), std::move(key)));
    if (const absl::Status health = assembly_->ledger().health(); !health.ok()) {
      // Open all the same: whoever asks learns that nothing is released, and why.
      logging::Log(Level::kError, "log_not_verified",
                   {{"problem", std::string(FromAbsl(health.message()))}});
    } else {
      if (first_start_) SLUIS_RETURN_IF_ERROR(assembly_->broker().KeepFirstPolicy(*loaded_.policy));
      SLUIS_RETURN_IF_ERROR(assembly_->broker().Activate(loaded_.policy));
    }
    SLUIS_ASSIGN_OR_RETURN(door_,
                           services::PartijDoor::Open(config_, assembly_->broker(), *trust_));
    MakeSchedule();
    if (!config_.admin_address.empty()) {
      SLUIS_ASSIGN_OR_RETURN(admin_, services::AdminDoor::Open(config_, Actions()));
      SLUIS_RETURN_IF_ERROR(WritePort(config_.admin_port_file, admin_->port()));
    }
    StartSchedule();
    Watch();
    SLUIS_RETURN_IF_ERROR(WritePort(config_.listen_port_file, door_->port()));
    logging::Log(Level::kInfo, "started",
                 {{"environment", config_.test_data_only ? "TEST_DATA_ONLY" : "PRODUCTION"},
                  {"log", config_.origin},
                  {"log_key", assembly_->ledger().verifier().ToString()},
                  {"port", absl::StrCat(door_->port())},
                  {"convenant", absl::StrCat(loaded_.policy->convenant_id(), " ",
                                             loaded_.policy->convenant_version())},
                  {"statute", loaded_.policy->statute_version()},
                  {"policy_hash", HexEncode(broker::PolicyHash(*loaded_.policy))},
                  {"entries", absl::StrCat(assembly_->ledger().published().size)}});
    return absl::OkStatus();
  }

  // Looks after health until a signal asks to stop. Returns the exit code.
  int Run(const sigset_t& signals) {
    for (;;) {
      const timespec second{1, 0};
      const int signal = sigtimedwait(&signals, nullptr, &second);
      if (signal == SIGTERM || signal == SIGINT)
        return Stop(signal == SIGTERM ? "SIGTERM" : "SIGINT");
      if (signal == SIGHUP) static_cast<void>(ReloadPolicy());
      ActivateWhatIsDue();
      Watch();
      if (ReasonOf(assembly_->ledger().health()) == "LEDGER_BROKEN") {
        // Nobody knows what is on the disk: only a restart, which verifies the log, may go on.
        logging::Log(Level::kError, "ledger_broken");
        static_cast<void>(Stop("LEDGER_BROKEN"));
        return kExitBroken;
      }
    }
  }

 private:
  services::AdminActions Actions() {
    services::AdminActions actions;
    actions.set_decision_clock = [this](const std::string& now) { return SetClock(now); };
    actions.reload_policy = [this] { return ReloadPolicy(); };
    actions.propose_policy = [this](const std::string& operator_id, const std::string& from) {
      return ProposePolicy(operator_id, from);
    };
    actions.activate_policy = [this](const std::string& operator_id, const std::string& hash) {
      return ApprovePolicy(operator_id, hash);
    };
    actions.plan_purge = [this](const std::string& day) { return PlanPurge(day); };
    actions.run_purge = [this](const std::string& operator_id) { return RunPurge(operator_id); };
    actions.erase_person = [this](const broker::ErasureRequest& request) {
      return ErasePerson(request);
    };
    actions.list_jobs = [this]() -> absl::StatusOr<std::vector<broker::JobStatus>> {
      if (scheduler_ == nullptr) {
        return FailedPrecondition("SCHEDULE_OFF",
                                  "the configuration switches off what the broker does by itself");
      }
      return scheduler_->Jobs();
    };
    return actions;
  }

  // ---- What the broker does by itself ----

  // Before the door through which operators ask for it.
  void MakeSchedule() {
    if (!config_.schedule) return;
    broker::SchedulerOptions options;
    options.store = store_;
    options.clock = &assembly_->clock();
    options.machine_clock = &SystemClock();
    options.quiet_from = config_.quiet_from_hour;
    options.quiet_until = config_.quiet_until_hour;
    options.on_run = [this](std::string_view job, const absl::Status& outcome) {
      JobRan(job, outcome);
    };
    auto jobs = broker::AllJobs({config_.probing_refusals, 24 * absl::Hours(config_.probing_days)});
    if (!config_.purge) {
      logging::Log(Level::kWarn, "purge_off");
      std::erase_if(jobs, [](const broker::Job& job) { return job.name == broker::kRetentionJob; });
    }
    scheduler_ = std::make_unique<broker::Scheduler>(std::move(options), assembly_->broker(),
                                                     std::move(jobs));
  }

  void StartSchedule() {
    if (scheduler_ != nullptr) return scheduler_->Start();
    logging::Log(Level::kWarn, "schedule_off");
    if (admin_ != nullptr) admin_->SetJobsServing(false);
  }

  // On the scheduler's thread. The name of a job, a reason, and ids and counts: nothing personal.
  void JobRan(std::string_view job, const absl::Status& outcome) {
    const std::string name(job.empty() ? "schedule" : job);
    const std::string reason = ReasonOf(outcome);
    if (outcome.ok()) {
      logging::Log(Level::kDebug, "job_done", {{"job", name}});
      failing_.erase(name);
    } else if (reason == "SHUTTING_DOWN" || reason == "LEASE_LOST") {
      logging::Log(Level::kInfo, "job_interrupted", {{"job", name}, {"reason", reason}});
    } else {
      const std::string why = reason.empty() ? "UNEXPECTED" : reason;
      const auto metadata = MetadataOf(outcome);
      if (metadata.empty()) {
        logging::Log(Level::kError, "job_failed", {{"job", name}, {"reason", why}});
      } else {
        logging::Log(Level::kError, "job_failed",
                     {{"job", name},
                      {"reason", why},
                      {"details", absl::StrJoin(metadata, "; ", absl::PairFormatter("="))}});
      }
      failing_.insert(name);
    }
    if (admin_ != nullptr) admin_->SetJobsServing(failing_.empty());
  }

  absl::StatusOr<broker::DestructionPlan> PlanPurge(const std::string& text) {
    CivilDate day = facts::LocalDate(assembly_->clock().Now());
    if (!text.empty()) {
      const auto given = CivilDate::Parse(text);
      if (!given.ok()) return Malformed("day", "not a day as YYYY-MM-DD");
      day = *given;
    }
    return broker::Retention(assembly_->broker()).Plan(day);
  }

  absl::StatusOr<broker::DestructionTotals> RunPurge(const std::string& operator_id) {
    // An operator's run has a name; without one it would be the broker's own.
    if (operator_id.empty()) return Malformed("operator_id", "missing");
    SLUIS_ASSIGN_OR_RETURN(
        const auto totals, broker::Retention(assembly_->broker()).Run(operator_id, [this] {
          return stopping_ ? Unavailable("SHUTTING_DOWN", "the broker is stopping")
                           : absl::OkStatus();
        }));
    logging::Log(Level::kInfo, "purged",
                 {{"casussen", absl::StrCat(totals.casussen)},
                  {"persons", absl::StrCat(totals.persons)},
                  {"values", absl::StrCat(totals.values)}});
    return totals;
  }

  absl::StatusOr<bool> ErasePerson(const broker::ErasureRequest& request) {
    SLUIS_ASSIGN_OR_RETURN(const bool erased,
                           broker::Retention(assembly_->broker()).Erase(request));
    logging::Log(Level::kInfo, erased ? "person_erased" : "erasure_asked",
                 {{"ground", request.ground}});
    return erased;
  }

  absl::StatusOr<absl::Time> SetClock(const std::string& text) {
    if (!config_.test_data_only) {
      return FailedPrecondition("NOT_A_TEST_ENVIRONMENT",
                                "the decision clock can be set in TEST_DATA_ONLY only");
    }
    std::optional<absl::Time> now;
    if (!text.empty()) {
      absl::Time parsed;
      std::string error;
      if (!absl::ParseTime(absl::RFC3339_full, text, &parsed, &error))
        return Malformed("now", "not an instant as RFC 3339");
      now = parsed;
    }
    assembly_->clock().Set(now);
    SLUIS_RETURN_IF_ERROR(assembly_->broker().RecordClockSet());
    logging::Log(Level::kInfo, "clock_set", {{"now", text}});
    return assembly_->clock().Now();
  }

  // ---- Which policy is in force ----

  // OK when every partij that it has to bind on `day` has signed.
  [[nodiscard]] absl::Status CheckSigned(const policy::Policy& policy, CivilDate day) const {
    std::string problems;
    for (const textproto::Issue& issue : config::CheckSignatures(config_, policy, day))
      absl::StrAppend(&problems, problems.empty() ? "" : "; ", issue.code, ": ", issue.message);
    if (problems.empty()) return absl::OkStatus();
    return FailedPrecondition("POLICY_NOT_SIGNED", problems);
  }

  // Of real data the store says which policy is in force: the files are what may be proposed, but
  // for the very first start.
  absl::Status FindPolicyInForce(store::Store& store) {
    if (config_.test_data_only) return absl::OkStatus();
    const CivilDate today = facts::LocalDate(SystemClock().Now());
    SLUIS_ASSIGN_OR_RETURN(const std::string hash, broker::PolicyHashInForce(store, today));
    first_start_ = hash.empty();
    if (first_start_ && loaded_.policy == nullptr)
      return InvalidArgument("POLICY_INVALID", "there is no policy but that of the files");
    if (!first_start_) {
      SLUIS_ASSIGN_OR_RETURN(broker::KeptPolicy kept, broker::FindPolicy(store, hash));
      loaded_.policy = std::move(kept.policy);
    }
    due_hash_ = broker::PolicyHash(*loaded_.policy);
    return CheckSigned(*loaded_.policy, today);
  }

  absl::StatusOr<services::AdminActions::Reloaded> ProposePolicy(const std::string& operator_id,
                                                                 const std::string& from) {
    const auto day = CivilDate::Parse(from);
    if (!day.ok()) return Malformed("from", "not a day as YYYY-MM-DD");
    SLUIS_ASSIGN_OR_RETURN(const Compiled compiled, CompileFiles());
    SLUIS_RETURN_IF_ERROR(CheckSigned(*compiled.policy, *day));
    SLUIS_RETURN_IF_ERROR(assembly_->broker().ProposePolicy(*compiled.policy, *day, operator_id));
    logging::Log(Level::kInfo, "policy_proposed",
                 {{"policy_hash", compiled.said.policy_hash}, {"from", day->ToString()}});
    return compiled.said;
  }

  absl::StatusOr<CivilDate> ApprovePolicy(const std::string& operator_id,
                                          const std::string& hash_hex) {
    const auto hash = HexDecode(hash_hex);
    if (!hash.ok() || hash->size() != 32) return Malformed("policy_hash", "not 64 hex digits");
    SLUIS_ASSIGN_OR_RETURN(const broker::KeptPolicy kept, broker::FindPolicy(*store_, *hash));
    SLUIS_RETURN_IF_ERROR(CheckSigned(*kept.policy, kept.from));
    SLUIS_RETURN_IF_ERROR(assembly_->broker().ApprovePolicy(*hash, operator_id));
    logging::Log(Level::kInfo, "policy_approved",
                 {{"policy_hash", hash_hex}, {"from", kept.from.ToString()}});
    return kept.from;
  }

  absl::Status PutInForce(const std::string& hash, CivilDate today) {
    SLUIS_ASSIGN_OR_RETURN(const broker::KeptPolicy kept, broker::FindPolicy(*store_, hash));
    SLUIS_RETURN_IF_ERROR(CheckSigned(*kept.policy, today));
    return assembly_->broker().Activate(kept.policy);
  }

  // Puts an approved policy in force once its day has come. Looked at every second.
  void ActivateWhatIsDue() {
    const CivilDate today = facts::LocalDate(assembly_->clock().Now());
    const auto hash = broker::PolicyHashInForce(*store_, today);
    if (hash.ok() && (hash->empty() || *hash == due_hash_)) return;
    const absl::Status status = hash.ok() ? PutInForce(*hash, today) : hash.status();
    const std::string problem(FromAbsl(status.message()));
    if (status.ok()) {
      due_hash_ = *hash;
      logging::Log(Level::kInfo, "policy_activated", {{"policy_hash", HexEncode(due_hash_)}});
    } else if (problem != due_problem_) {
      logging::Log(Level::kError, "policy_not_activated",
                   {{"reason", ReasonOf(status)}, {"problem", problem}});
    }
    due_problem_ = problem;
  }

  struct Compiled {
    std::shared_ptr<const policy::Policy> policy;
    services::AdminActions::Reloaded said;
  };

  absl::StatusOr<services::AdminActions::Reloaded> ReloadPolicy() {
    if (!config_.test_data_only) {
      return FailedPrecondition(
          "NOT_A_TEST_ENVIRONMENT",
          "two operators put a policy of real data in force: ProposePolicy, ActivatePolicy");
    }
    SLUIS_ASSIGN_OR_RETURN(const Compiled compiled, CompileFiles());
    SLUIS_RETURN_IF_ERROR(assembly_->broker().Activate(compiled.policy));
    logging::Log(Level::kInfo, "policy_reloaded", {{"policy_hash", compiled.said.policy_hash}});
    return compiled.said;
  }

  absl::StatusOr<Compiled> CompileFiles() {
    auto loaded = config::LoadPolicy(config_);
    services::AdminActions::Reloaded reloaded;
    std::string first_error;
    for (const textproto::Issue& issue : loaded.issues) {
      reloaded.warnings.push_back(textproto::FormatIssue(issue));
      if (first_error.empty() && issue.severity == textproto::Issue::Severity::kError)
        first_error = reloaded.warnings.back();
    }
    if (loaded.policy == nullptr) {
      logging::Log(Level::kError, "policy_not_reloaded", {{"issue", first_error}});
      return InvalidArgument("POLICY_INVALID",
                             absl::StrCat("the policy in force stays: ", first_error));
    }
    reloaded.policy_hash = HexEncode(broker::PolicyHash(*loaded.policy));
    return Compiled{std::move(loaded.policy), std::move(reloaded)};
  }

  // Health follows what is needed for a release: a log that takes entries, and CRLs that are good.
  void Watch() {
    const absl::Status ledger = assembly_->ledger().health();
    const absl::Status trust = trust_->Health();
    const absl::Status& worst = ledger.ok() ? trust : ledger;
    if (watched_ && worst == last_) return;
    watched_ = true;
    last_ = worst;
    SetServing(worst.ok());
    if (worst.ok()) {
      logging::Log(Level::kInfo, "serving");
    } else {
      logging::Log(
          Level::kWarn, "not_serving",
          {{"reason", ReasonOf(worst)}, {"problem", std::string(FromAbsl(worst.message()))}});
    }
  }

  void SetServing(bool serving) {
    door_->SetServing(serving);
    if (admin_ != nullptr) admin_->SetServing(serving);
  }

  int Stop(const std::string& why) {
    logging::Log(Level::kInfo, "stopping", {{"why", why}});
    SetServing(false);
    stopping_ = true;
    if (scheduler_ != nullptr) scheduler_->Stop();
    absl::SleepFor(config_.stop_notice);
    // The broker refuses first, by an answer that says why and to try elsewhere; a door that closes
    // cancels what it has not begun, and says nothing.
    const bool drained = assembly_->broker().Drain(config_.drain);
    // So that whoever is calling all the time hears it.
    absl::SleepFor(kLastRefusals);
    // Only answers on their way are left, and connections on which nothing happens: those end by
    // the deadline.
    door_->Close(absl::Now() + kLastAnswers);
    if (admin_ != nullptr) admin_->Close(absl::Now());
    const auto head = assembly_->ledger().published();
    // The last calls are answered and written before this line is.
    scheduler_.reset();
    assembly_.reset();
    logging::Log(Level::kInfo, "stopped",
                 {{"drained", drained ? "true" : "false"}, {"entries", absl::StrCat(head.size)}});
    logging::Flush();
    return kExitOk;
  }

  Loaded loaded_;
  const config::Config& config_;
  std::unique_ptr<identity::TrustStore> trust_;
  std::unique_ptr<assembly::Assembly> assembly_;
  std::unique_ptr<services::PartijDoor> door_;
  std::unique_ptr<services::AdminDoor> admin_;
  store::Store* store_ = nullptr;  // the assembly's
  // An operator's purge ends before its next piece.
  std::atomic<bool> stopping_ = false;
  // Jobs whose last run failed; the scheduler's thread alone.
  std::set<std::string> failing_;
  // After the doors: it ends before they do.
  std::unique_ptr<broker::Scheduler> scheduler_;
  // Nothing was ever put in force here.
  bool first_start_ = false;
  // Of the approved policy in force; empty: none was put in force since the start.
  std::string due_hash_;
  std::string due_problem_;
  bool watched_ = false;
  absl::Status last_;
};

int Main(int argc, char** argv) {
  CLI::App app("sluisd, the Sluis broker daemon");
  std::string path = "sluisd.textproto";
  bool check_only = false;
  app.add_option("--config", path, "The configuration file")->capture_default_str();
  app.add_flag("--check-config", check_only,
               "Check configuration, policy, texts, keys and TLS files, and end");
  app.set_version_flag("--version", SLUIS_VERSION);
  app.footer(
      "Exit codes: 0 stopped as asked, 1 could not start, 64 wrong use, 70 the log could not be\n"
      "written safely, 78 something is wrong with the configuration or what it names.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  // Only the suites that the guidelines call good; an operator may choose others.
  setenv("GRPC_SSL_CIPHER_SUITES",
         "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
         "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
         0);
  umask(077);
  auto loaded = Load(path, check_only);
  if (!loaded) return kExitConfig;
  if (check_only) {
    std::cout << path << ": good\n";
    return kExitOk;
  }
  logging::SetLevel(loaded->config.log_level);
  services::TakeOverGrpcLog();
  // Every thread leaves these to the loop of Run().
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  Daemon daemon(*std::move(loaded));
  if (const absl::Status started = daemon.Start(); !started.ok()) {
    logging::Log(
        Level::kError, "not_started",
        {{"reason", ReasonOf(started)}, {"problem", std::string(FromAbsl(started.message()))}});
    return kExitFailure;
  }
  return daemon.Run(signals);
}

}  // namespace
}  // namespace sluis

int main(int argc, char** argv) {
  // Debian's Abseil looks for lock cycles at every lock, gRPC's own among them. The thread
  // sanitizer does that for us in tests.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return sluis::Main(argc, argv);
}
