// The whole path (mTLS, eight fields, durable event, verified receipt) against an empty gRPC echo
// over the same mTLS with requests and answers of the same size, in one run, in turns.
//
//   release_bench [--short] [--out FILE]     FILE: flat JSON, figures are added to it
//
// The broker is a `sluisd` process with its embedded store, the echo another process; this one is
// the client of both, and for releases verifies every receipt and value with the client library. On
// two cores half of a figure is then the client's: the line with a bare client, which checks
// nothing in answers, neither of the broker nor of the echo, is of the broker alone.

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "measure.h"

#include "sluis/base/mutex.h"
#include "sluis/client/client.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/grpc_transport.h"
#include "sluis/testing/policy_files.h"
#include "sluis/testing/world.h"
#include "sluis/v1/sharing.grpc.pb.h"

extern char** environ;

namespace sluis::bench {
namespace {

constexpr const char* kMethod = "/sluis.v1.SharingService/RequestFields";
constexpr int kManyCallers = 64;
constexpr int kFields = 8;

[[noreturn]] void Fail(const std::string& text) {
  static_cast<void>(std::fprintf(stderr, "release_bench: %s\n", text.c_str()));
  std::exit(1);
}

// ---- The echo, in a process of its own ----

class EchoHandler final
    : public v1::SharingService::WithRawCallbackMethod_RequestFields<v1::SharingService::Service> {
 public:
  explicit EchoHandler(size_t bytes) : answer_(bytes, 'x') {}
  grpc::ServerUnaryReactor* RequestFields(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* /*request*/,
                                          grpc::ByteBuffer* response) override {
    const grpc::Slice slice(answer_);
    *response = grpc::ByteBuffer(&slice, 1);
    auto* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const std::string answer_;
};

int RunEcho(const std::string& pki, const std::string& port_file, size_t bytes) {
  using namespace grpc::experimental;  // NOLINT(google-build-using-namespace): one API's names
  const auto files = std::make_shared<FileWatcherCertificateProvider>(
      pki + "/server/key.pem", pki + "/server/certificate.pem", pki + "/ca-bundle.pem", 3600);
  TlsServerCredentialsOptions options(files);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  EchoHandler handler(bytes);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", TlsServerCredentials(options), &port);
  builder.RegisterService(&handler);
  const auto server = builder.BuildAndStart();
  if (server == nullptr || port == 0) return 1;
  std::ofstream(port_file + ".new") << port << "\n";
  if (std::rename((port_file + ".new").c_str(), port_file.c_str()) != 0) return 1;
  server->Wait();
  return 0;
}

class Echo {
 public:
  Echo(const std::string& self, const std::string& pki, const std::string& directory,
       size_t bytes) {
    const std::string port_file = directory + "/echo-port";
    const std::string size = std::to_string(bytes);
    const char* arguments[] = {self.c_str(),      "--echo-server", pki.c_str(),
                               port_file.c_str(), size.c_str(),    nullptr};
    if (posix_spawn(&pid_, self.c_str(), nullptr, nullptr, const_cast<char**>(arguments),
                    environ) != 0) {
      Fail("cannot start the echo");
    }
    for (int i = 0; i < 500 && port_ == 0; ++i) {
      std::ifstream in(port_file);
      if (!(in >> port_)) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    if (port_ == 0) Fail("the echo did not start");
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;
  ~Echo() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  pid_t pid_ = 0;
  int port_ = 0;
};

// ---- Loads ----

// Starts one call; has to call its argument, with whether the call went well, once it has ended.
using StartCall = std::function<void(std::function<void(bool)>)>;

struct Load {
  double per_second = 0;
  double p50_us = 0;
};

// `callers` calls under way all the time, for `seconds`.
Load Run(const StartCall& start, int callers, double seconds) {
  struct Shared {
    Mutex mutex;
    CondVar changed;
    std::vector<double> samples ABSL_GUARDED_BY(mutex);
    int under_way ABSL_GUARDED_BY(mutex) = 0;
    int failed ABSL_GUARDED_BY(mutex) = 0;
  } shared;
  const int64_t begin = NowNs();
  const int64_t end = begin + static_cast<int64_t>(seconds * 1e9);
  std::function<void()> next = [&] {
    const int64_t started = NowNs();
    start([&, started](bool ok) {
      const int64_t now = NowNs();
      {
        const MutexLock lock(shared.mutex);
        shared.samples.push_back(static_cast<double>(now - started) / 1e3);
        if (!ok) ++shared.failed;
        if (now >= end || !ok) {
          --shared.under_way;
          shared.changed.NotifyAll();
          return;
        }
      }
      next();
    });
  };
  {
    const MutexLock lock(shared.mutex);
    shared.under_way = callers;
  }
  for (int i = 0; i < callers; ++i) next();
  const MutexLock lock(shared.mutex);
  while (shared.under_way > 0) shared.changed.Wait(shared.mutex);
  if (shared.failed > 0) Fail("a call failed");
  Load load;
  load.per_second =
      static_cast<double>(shared.samples.size()) / (static_cast<double>(NowNs() - begin) / 1e9);
  load.p50_us = Quantile(shared.samples, 0.5);
  return load;
}

double Median(std::vector<double> samples) { return Quantile(samples, 0.5); }

// ---- The release ----

// S-01: the wijkteam asks the police for what the zorgmelding says, reduced to eight fields that
// are all released and held.
policy::ExpandedStep Zorgmelding() {
  for (const policy::ExpandedStep& step : testing::ScenarioSteps()) {
    if (step.case_id != "S-01" || step.step->id() != "a") continue;
    policy::ExpandedStep eight = step;
    auto reduced = std::make_shared<policy::v1::CaseStep>(*step.step);
    while (reduced->request().fields_size() > kFields)
      reduced->mutable_request()->mutable_fields()->RemoveLast();
    eight.step = std::move(reduced);
    return eight;
  }
  Fail("there is no case S-01");
}

client::RequestFieldsRequest ToClient(const v1::RequestFieldsRequest& request) {
  client::RequestFieldsRequest out;
  out.casus_id = request.casus_id();
  out.tafel = request.tafel();
  out.purpose = request.purpose();
  out.person_id = request.person_id();
  out.source = {request.source().partij(), request.source().hat()};
  for (const auto& field : request.fields())
    out.fields.push_back({field.field(), field.motivation()});
  return out;
}

bool AllReleased(const client::RequestFieldsAnswer& answer) {
  if (answer.decision.fields.size() != kFields) return false;
  for (const client::FieldAnswer& field : answer.decision.fields) {
    if (field.outcome != Outcome::kRelease || !field.value) return false;
  }
  return true;
}

int Main(int argc, char** argv) {
  if (argc == 5 && std::string_view(argv[1]) == "--echo-server")
    return RunEcho(argv[2], argv[3], static_cast<size_t>(std::atol(argv[4])));
  bool quick = false;
  std::string out;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--short") {
      quick = true;
    } else if (argument == "--out" && i + 1 < argc) {
      out = argv[++i];
    } else {
      static_cast<void>(std::fprintf(stderr, "usage: release_bench [--short] [--out FILE]\n"));
      return 2;
    }
  }
  const double seconds = quick ? 0.3 : 3;
  const int rounds = quick ? 1 : 5;

  const policy::ExpandedStep step = Zorgmelding();
  testing::Daemon daemon;
  daemon.WriteSwitches(step.switches->DebugString());
  if (const absl::Status started = daemon.Start(); !started.ok()) Fail(started.ToString());
  testing::GrpcTransport transport(daemon);
  testing::World world(transport, testing::ReferenceConvenant().message());
  if (const absl::Status built = world.Build(step); !built.ok()) Fail(built.ToString());

  v1::RequestFieldsRequest wire_request = world.Request(step.step->request());
  const client::RequestFieldsRequest request = ToClient(wire_request);
  const std::string partij = step.step->request().partij();
  client::ClientOptions options;
  options.target = "localhost:" + std::to_string(daemon.port());
  options.certificate_file = daemon.pki() + "/partij/" + partij + "/certificate.pem";
  options.key_file = daemon.pki() + "/partij/" + partij + "/key.pem";
  options.ca_file = daemon.pki() + "/ca-bundle.pem";
  options.test_data_only = true;
  options.trust_log_key_on_first_use = true;
  options.state_file = (daemon.directory() / "client-state").string();
  options.sequence = client::Sequence::kSharedByMore;
  auto connected = client::Client::Connect(options);
  if (!connected.ok()) Fail(connected.status().ToString());
  client::Client client = *std::move(connected);
  client::Context context;
  context.acting_hat = step.step->request().acting_hat();
  context.professional = step.step->request().professional();

  const auto first = client.RequestFields(context, request);
  if (!first.ok()) Fail(first.status().ToString());
  if (!AllReleased(*first)) Fail("not all eight fields were released with a value");

  // The size of an answer as it travels, once the tree has grown a little.
  const auto sample = transport.Call(partij, kMethod, [&] {
    wire_request.set_request_id(testing::NewRequestId());
    return wire_request.SerializeAsString();
  }());
  if (!sample.ok()) Fail(sample.status().ToString());
  const std::string echo_request = wire_request.SerializeAsString();
  // Receipts grow with the log: about fifteen hashes more after some ten thousand entries.
  const size_t answer_bytes = sample->size() + 400;
  const Echo echo(argv[0], daemon.pki(), daemon.directory().string(), answer_bytes);
  testing::Credentials credentials{daemon.IdentityOf(partij), daemon.ca_bundle()};
  testing::RawConnection raw(echo.port(), credentials);

  const StartCall call_echo = [&](std::function<void(bool)> done) {
    raw.CallAsync(
        kMethod, echo_request, absl::Seconds(30),
        [done = std::move(done)](absl::StatusOr<std::string> answer) { done(answer.ok()); });
  };
  const StartCall call_release = [&](std::function<void(bool)> done) {
    client.RequestFieldsAsync(
        context, request,
        [done = std::move(done)](absl::StatusOr<client::RequestFieldsAnswer> answer) {
          if (!answer.ok())
            static_cast<void>(std::fprintf(stderr, "%s\n", answer.status().ToString().c_str()));
          done(answer.ok() && AllReleased(*answer));
        });
  };

  testing::RawConnection bare(daemon.port(), credentials);
  const StartCall call_bare = [&](std::function<void(bool)> done) {
    v1::RequestFieldsRequest fresh = wire_request;
    fresh.set_request_id(client::NewRequestId().value_or(""));
    bare.CallAsync(
        kMethod, fresh.SerializeAsString(), absl::Seconds(30),
        [done = std::move(done)](absl::StatusOr<std::string> answer) { done(answer.ok()); });
  };

  Figures figures;
  std::printf("  (%zu bytes asked, %zu answered; client, broker and echo share %u cores)\n",
              echo_request.size(), answer_bytes, std::thread::hardware_concurrency());
  static_cast<void>(Run(call_echo, kManyCallers, seconds / 3));
  static_cast<void>(Run(call_release, kManyCallers, seconds / 3));
  std::vector<double> syncs;
  std::vector<double> echo1;
  std::vector<double> release1;
  std::vector<double> bare1;
  std::vector<double> echo64;
  std::vector<double> release64;
  std::vector<double> ratio;
  std::vector<double> bare_ratio;
  for (int round = 0; round < rounds; ++round) {
    syncs.push_back(FdatasyncPerSecond(daemon.directory().string(), quick ? 0.1 : 0.5));
    echo1.push_back(Run(call_echo, 1, seconds / 2).p50_us);
    release1.push_back(Run(call_release, 1, seconds / 2).p50_us);
    bare1.push_back(Run(call_bare, 1, seconds / 2).p50_us);
    echo64.push_back(Run(call_echo, kManyCallers, seconds).per_second);
    release64.push_back(Run(call_release, kManyCallers, seconds).per_second);
    ratio.push_back(release64.back() / echo64.back());
    bare_ratio.push_back(Run(call_bare, kManyCallers, seconds).per_second / echo64.back());
  }
  const double sync_us = 1e6 / Median(syncs);
  const double signature_us = SignatureNs() / 1e3;
  figures.Add("fdatasync_per_s", Median(syncs), "small appends synced a second, beside the store");
  figures.Add("signature_us", signature_us, "one Ed25519 signature of a checkpoint");
  figures.Add("echo1_p50_us", Median(echo1), "empty gRPC mTLS echo, 1 caller, median");
  figures.Add("release1_p50_us", Median(release1), "release of 8 fields, 1 caller, median");
  figures.Add("release_bare1_p50_us", Median(bare1),
              "the same with a bare client, as the echo has");
  figures.Add("release1_limit_us", 2 * Median(echo1) + sync_us + signature_us,
              "goal for the two above: twice the echo, one sync, one signature");
  figures.Add("echo_per_s_64", Median(echo64), "echo, 64 callers");
  figures.Add("release_per_s_64", Median(release64), "release of 8 fields, 64 callers");
  figures.Add("release_over_echo_64", Median(ratio),
              "the two above, median of the rounds (goal 0.6)");
  figures.Add("release_bare_over_echo_64", Median(bare_ratio),
              "the same with a bare client, as the echo has: the broker alone");
  if (!out.empty()) figures.Save(out);
  const auto exit_code = daemon.Terminate();
  if (!exit_code.ok() || *exit_code != 0) Fail("the broker did not end well");
  return 0;
}

}  // namespace
}  // namespace sluis::bench

int main(int argc, char** argv) {
  // As sluisd does, so that the echo and the client have the same.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return sluis::bench::Main(argc, argv);
}
