// Values that a source keeps itself, over gRPC and mTLS with a real broker process: the source's
// system of the client library, that of the command line, and the one in Python; a broker that is
// killed between the two entries; a source whose certificate is revoked.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "small_world.h"

#include "sluis/base/mutex.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/client/client.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/grpc_transport.h"
#include "sluis/v1/audit.pb.h"

extern char** environ;

namespace sluis::testing {
namespace {

using broker::kActor;
using broker::kField;
using broker::kGgz;
using broker::kWijkteam;
using broker::Side;
using broker::SmallWorld;
using client::Client;
using client::SourceQuestion;
using client::SourceReply;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr std::string_view kSecret = "KWIKSTAART rustig spreken";
constexpr Side kToezicht{"P_TOEZICHT", "AUDITOR"};

DaemonOptions WithLimit(int milliseconds) {
  DaemonOptions options;
  options.edit = [milliseconds](config::v1::Config& config) {
    config.mutable_limits()->set_source_time_limit_ms(milliseconds);
  };
  return options;
}

SourceReply TextReply(std::string_view field, std::string_view text) {
  client::ValueContent content;
  content.value.form = client::Text{std::string(text)};
  return {std::string(field), std::move(content)};
}

// A program that runs beside the test, with what it writes.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    std::vector<char*> argv;
    for (const std::string& each : arguments) argv.push_back(const_cast<char*>(each.c_str()));
    argv.push_back(nullptr);
    if (posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    out_ = ends[0];
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    if (out_ >= 0) close(out_);
  }

  // Whether it writes this in time.
  bool Writes(std::string_view text, absl::Duration patience = kPatience) {
    const absl::Time until = absl::Now() + patience;
    while (written_.find(text) == std::string::npos) {
      const auto left = absl::ToInt64Milliseconds(until - absl::Now());
      pollfd ready{out_, POLLIN, 0};
      if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) <= 0) return false;
      char buffer[4096];
      const ssize_t size = read(out_, buffer, sizeof buffer);
      if (size <= 0) return false;
      written_.append(buffer, static_cast<size_t>(size));
    }
    return true;
  }
  // SIGTERM, and the exit code.
  int Stop() {
    kill(pid_, SIGTERM);
    int status = 0;
    const pid_t ended = waitpid(pid_, &status, 0);
    pid_ = 0;
    return ended > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  [[nodiscard]] const std::string& written() const { return written_; }

 private:
  pid_t pid_ = 0;
  int out_ = -1;
  std::string written_;
};

// New connections when the broker comes back on its old port: those that saw it go wait before they
// try again.
class Following final : public Transport {
 public:
  explicit Following(const Daemon& daemon) : daemon_(daemon) { Renew(); }
  void Renew() { to_ = std::make_unique<GrpcTransport>(daemon_); }
  absl::StatusOr<std::string> Call(std::string_view partij, std::string_view method,
                                   std::string_view request) override {
    return to_->Call(partij, method, request);
  }
  absl::Status SetClock(absl::Time now) override { return to_->SetClock(now); }

 private:
  const Daemon& daemon_;
  std::unique_ptr<GrpcTransport> to_;
};

class SourceTest : public ::testing::Test {
 protected:
  explicit SourceTest(int limit_ms = 20000) : daemon_(WithLimit(limit_ms)) {}

  void SetUp() override {
    ASSERT_THAT(daemon_.Start(), IsOk());
    ASSERT_THAT(transport_.SetClock(broker::TestNow()), IsOk());
    ASSERT_THAT(world_.PutActors({"P_TOEZICHT"}), IsOk());
    ASSERT_THAT(world_.Build(), IsOk());
    ASSERT_THAT(world_.Consent(), IsOk());
    ASSERT_THAT(world_.KeepAtSource(), IsOk());
  }

  [[nodiscard]] std::string FileOf(std::string_view partij, std::string_view file) const {
    return absl::StrCat(daemon_.pki(), "/partij/", std::string(partij), "/", std::string(file));
  }
  [[nodiscard]] std::string Target() const { return absl::StrCat("localhost:", daemon_.port()); }
  absl::StatusOr<Client> Connect(std::string_view partij) {
    client::ClientOptions options;
    options.target = Target();
    options.certificate_file = FileOf(partij, "certificate.pem");
    options.key_file = FileOf(partij, "key.pem");
    options.ca_file = daemon_.pki() + "/ca-bundle.pem";
    options.test_data_only = true;
    options.log_key_file =
        absl::StrCat(daemon_.directory().string(), "/", std::string(partij), ".vkey");
    options.trust_log_key_on_first_use = true;
    options.sequence = client::Sequence::kSharedByMore;
    return Client::Connect(options);
  }
  absl::StatusOr<client::RequestFieldsAnswer> Ask(Client& client) {
    client::Context context;
    context.acting_hat = kWijkteam.hat;
    context.professional = kActor;
    context.timeout = kPatience;
    client::RequestFieldsRequest request;
    request.casus_id = world_.casus_id();
    request.tafel = broker::kTafel;
    request.source = {std::string(kGgz.partij), std::string(kGgz.hat)};
    request.purpose = "D02";
    request.person_id = world_.wijkteam_person();
    request.fields = {{std::string(kField), "nodig voor deze vraag"}};
    return client.RequestFields(context, request);
  }
  // Asks as the wijkteam, and expects the value by two entries.
  void ExpectValue(std::string_view text) {
    auto client = Connect(kWijkteam.partij);
    ASSERT_THAT(client, IsOk());
    const auto answer = Ask(*client);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->decision.fields.at(0).delivery, "DELIVERED");
    ASSERT_TRUE(answer->decision.fields.at(0).value);
    EXPECT_EQ(std::get<client::Text>(answer->decision.fields.at(0).value->value.form).text, text);
    EXPECT_EQ(answer->proof.entries.size(), 2U);
  }

  // The events of these kinds, oldest first.
  std::vector<v1::Event> Events(const std::vector<std::string>& kinds) {
    v1::SearchEventsRequest request;
    request.set_usage_purpose(v1::USAGE_PURPOSE_LAWFULNESS_CONTROL);
    for (const std::string& kind : kinds) request.add_kinds(kind);
    const auto found =
        world_.Send<v1::SearchEventsResponse>(kToezicht, "AuditService/SearchEvents", request);
    EXPECT_THAT(found, IsOk());
    if (!found.ok()) return {};
    return {found->answer().events().begin(), found->answer().events().end()};
  }

  Daemon daemon_;
  Following transport_{daemon_};
  SmallWorld world_{transport_};
};

class HastySourceTest : public SourceTest {
 protected:
  HastySourceTest() : SourceTest(3000) {}
};

TEST_F(SourceTest, TheClientLibraryAnswers) {
  auto mediant = Connect(kGgz.partij);
  ASSERT_THAT(mediant, IsOk());
  Mutex mutex;
  std::vector<SourceQuestion> asked;
  client::SourceOptions options;
  options.hats = {"GGZ"};
  const auto answers = mediant->AnswerQuestions(options, [&](const SourceQuestion& question) {
    const MutexLock lock(mutex);
    asked.push_back(question);
    return std::vector<SourceReply>{TextReply(kField, kSecret)};
  });
  ASSERT_THAT(answers, IsOk());
  ASSERT_THAT((*answers)->WaitUntilConnected(kPatience), IsOk());
  ExpectValue(kSecret);
  {
    const MutexLock lock(mutex);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].person_id, world_.ggz_person());
    EXPECT_EQ(asked[0].fields, std::vector<std::string>{std::string(kField)});
    EXPECT_EQ(asked[0].recipient.hat, kWijkteam.hat);
  }
  const auto decisions = Events({"FIELDS_REQUESTED"});
  const auto deliveries = Events({"DELIVERED"});
  ASSERT_EQ(decisions.size(), 1U);
  ASSERT_EQ(deliveries.size(), 1U);
  EXPECT_EQ(deliveries[0].decided_in(), decisions[0].index() + 1);
  // Nothing of the value stays with the broker.
  for (const auto& entry : std::filesystem::directory_iterator(daemon_.directory())) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_THAT(bytes, Not(HasSubstr("KWIKSTAART rustig"))) << entry.path();
  }
}

TEST_F(SourceTest, RepliesThatAreNoneAreTold) {
  auto mediant = Connect(kGgz.partij);
  auto wijkteam = Connect(kWijkteam.partij);
  ASSERT_THAT(mediant, IsOk());
  ASSERT_THAT(wijkteam, IsOk());
  Mutex mutex;
  CondVar changed;
  std::vector<client::RefusedReply> refused;
  std::vector<SourceReply> replies;
  client::SourceOptions options;
  options.hats = {"GGZ"};
  options.on_refused = [&](const client::RefusedReply& reply) {
    const MutexLock lock(mutex);
    refused.push_back(reply);
    changed.NotifyAll();
  };
  const auto answers = mediant->AnswerQuestions(options, [&](const SourceQuestion&) {
    const MutexLock lock(mutex);
    return replies;
  });
  ASSERT_THAT(answers, IsOk());
  ASSERT_THAT((*answers)->WaitUntilConnected(kPatience), IsOk());
  const auto with = [&](const SourceReply& reply) {
    {
      const MutexLock lock(mutex);
      replies = {reply};
    }
    const auto answer = Ask(*wijkteam);
    EXPECT_THAT(answer, IsOk());
    return answer.ok() ? answer->decision.fields.at(0).delivery : "";
  };
  EXPECT_EQ(with({std::string(kField), client::NoneHeld{}}), "NONE_HELD");
  EXPECT_EQ(with({std::string(kField), client::SourceObjection{"SAFETY"}}), "SOURCE_OBJECTS");
  client::ValueContent number;
  number.value.form = int64_t{7};
  EXPECT_EQ(with({std::string(kField), number}), "SOURCE_ANSWER_REFUSED");
  client::ValueContent no_labels;
  no_labels.value.form = client::Text{"rustig"};
  no_labels.labels = client::PoliceLabels{"GEEN", "IDEE"};
  EXPECT_EQ(with({std::string(kField), no_labels}), "SOURCE_ANSWER_REFUSED");
  const MutexLock lock(mutex);
  const absl::Time until = absl::Now() + kPatience;
  while (refused.size() < 2 && absl::Now() < until) changed.WaitFor(mutex, until - absl::Now());
  ASSERT_EQ(refused.size(), 2U);
  EXPECT_EQ(refused[0].reason, "MALFORMED");
  EXPECT_EQ(refused[0].field, kField);
}

TEST_F(SourceTest, AHatThatIsNotHeldIsRefusedAndRecorded) {
  auto mediant = Connect(kGgz.partij);
  ASSERT_THAT(mediant, IsOk());
  Mutex mutex;
  CondVar changed;
  std::optional<absl::Status> end;
  client::SourceOptions options;
  options.hats = {"POLITIE"};
  options.last_retry = options.first_retry = absl::Seconds(600);
  options.on_change = [&](const absl::Status& change) {
    const MutexLock lock(mutex);
    end = change;
    changed.NotifyAll();
  };
  const auto answers = mediant->AnswerQuestions(
      options, [](const SourceQuestion&) { return std::vector<SourceReply>(); });
  ASSERT_THAT(answers, IsOk());
  {
    const MutexLock lock(mutex);
    const absl::Time until = absl::Now() + kPatience;
    while (!end && absl::Now() < until) changed.WaitFor(mutex, until - absl::Now());
    ASSERT_TRUE(end);
    EXPECT_THAT(*end, IsError(absl::StatusCode::kPermissionDenied, "NOT_AUTHORISED_PERSON"));
  }
  EXPECT_FALSE((*answers)->connected());
  const auto rejected = Events({"CALL_REJECTED"});
  ASSERT_EQ(rejected.size(), 1U);
  EXPECT_EQ(rejected[0].caller(), kGgz.partij);
}

TEST_F(SourceTest, ARevokedCertificateEndsTheStream) {
  auto mediant = Connect(kGgz.partij);
  auto wijkteam = Connect(kWijkteam.partij);
  ASSERT_THAT(mediant, IsOk());
  ASSERT_THAT(wijkteam, IsOk());
  client::SourceOptions options;
  options.hats = {"GGZ"};
  const auto answers = mediant->AnswerQuestions(options, [](const SourceQuestion&) {
    return std::vector<SourceReply>{TextReply(kField, kSecret)};
  });
  ASSERT_THAT(answers, IsOk());
  ASSERT_THAT((*answers)->WaitUntilConnected(kPatience), IsOk());
  ASSERT_THAT(daemon_.Revoke(kGgz.partij), IsOk());
  // The list is read within a second or two; from then on nothing comes from it.
  const absl::Time until = absl::Now() + kPatience;
  std::string delivery;
  do {
    const auto answer = Ask(*wijkteam);
    ASSERT_THAT(answer, IsOk());
    delivery = answer->decision.fields.at(0).delivery;
  } while (delivery == "DELIVERED" && absl::Now() < until);
  EXPECT_EQ(delivery, "SOURCE_UNREACHABLE");
}

TEST_F(HastySourceTest, ABrokerKilledBetweenTheEntriesRecordsThatNothingWasDelivered) {
  // On a port of its own, so that everybody finds it again.
  ASSERT_THAT(daemon_.Terminate(), IsOk());
  daemon_.Edit([&](config::v1::Config& config) {
    config.mutable_listen()->set_address(absl::StrCat("127.0.0.1:", daemon_.port()));
  });
  ASSERT_THAT(daemon_.Start(), IsOk());
  transport_.Renew();
  ASSERT_THAT(transport_.SetClock(broker::TestNow()), IsOk());
  auto mediant = Connect(kGgz.partij);
  auto wijkteam = Connect(kWijkteam.partij);
  ASSERT_THAT(mediant, IsOk());
  ASSERT_THAT(wijkteam, IsOk());
  Mutex mutex;
  CondVar changed;
  bool asked = false;
  bool killed = false;
  client::SourceOptions options;
  options.hats = {"GGZ"};
  options.last_retry = absl::Seconds(1);
  const auto answers = mediant->AnswerQuestions(options, [&](const SourceQuestion&) {
    const MutexLock lock(mutex);
    asked = true;
    changed.NotifyAll();
    while (!killed) changed.Wait(mutex);
    return std::vector<SourceReply>{TextReply(kField, kSecret)};
  });
  ASSERT_THAT(answers, IsOk());
  ASSERT_THAT((*answers)->WaitUntilConnected(kPatience), IsOk());

  client::Context context;
  context.acting_hat = kWijkteam.hat;
  context.professional = kActor;
  context.timeout = kPatience;
  client::RequestFieldsRequest request;
  request.casus_id = world_.casus_id();
  request.tafel = broker::kTafel;
  request.source = {std::string(kGgz.partij), std::string(kGgz.hat)};
  request.purpose = "D02";
  request.person_id = world_.wijkteam_person();
  request.fields = {{std::string(kField), "nodig voor deze vraag"}};
  Mutex answer_mutex;
  CondVar answered;
  std::optional<absl::Status> result;
  wijkteam->RequestFieldsAsync(context, request,
                               [&](absl::StatusOr<client::RequestFieldsAnswer> answer) {
                                 const MutexLock lock(answer_mutex);
                                 result = answer.status();
                                 answered.NotifyAll();
                               });
  {
    const MutexLock lock(mutex);
    while (!asked) changed.Wait(mutex);
  }
  daemon_.Kill();
  {
    const MutexLock lock(answer_mutex);
    while (!result) answered.Wait(answer_mutex);
    EXPECT_FALSE(result->ok());
  }
  ASSERT_THAT(daemon_.Start(), IsOk());
  transport_.Renew();
  ASSERT_THAT(transport_.SetClock(broker::TestNow()), IsOk());
  {
    const MutexLock lock(mutex);
    killed = true;
    changed.NotifyAll();
  }
  const auto decisions = Events({"FIELDS_REQUESTED"});
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_EQ(Events({"DELIVERED"}).size(), 0U);
  std::vector<v1::Event> undelivered;
  const absl::Time until = absl::Now() + kPatience;
  while (undelivered.empty() && absl::Now() < until) {
    undelivered = Events({"NOT_DELIVERED"});
    if (undelivered.empty()) absl::SleepFor(absl::Milliseconds(200));
  }
  ASSERT_EQ(undelivered.size(), 1U);
  EXPECT_EQ(undelivered[0].decided_in(), decisions[0].index() + 1);
  EXPECT_EQ(undelivered[0].caller(), kWijkteam.partij);
  EXPECT_EQ(undelivered[0].fields(0).delivery(), "BROKER_STOPPED");
  // The source has come back by itself, and the next question is answered.
  ASSERT_THAT((*answers)->WaitUntilConnected(kPatience), IsOk());
  ExpectValue(kSecret);
}

TEST_F(SourceTest, ABrokerStopsWithOpenStreams) {
  auto mediant = Connect(kGgz.partij);
  ASSERT_THAT(mediant, IsOk());
  client::SourceOptions options;
  options.hats = {"GGZ"};
  const auto answers = mediant->AnswerQuestions(
      options, [](const SourceQuestion&) { return std::vector<SourceReply>(); });
  ASSERT_THAT(answers, IsOk());
  ASSERT_THAT((*answers)->WaitUntilConnected(kPatience), IsOk());
  const auto exit = daemon_.Terminate();
  ASSERT_THAT(exit, IsOk());
  EXPECT_EQ(*exit, 0);
}

// ---- Systems that are programs of their own ----

class SourceProgramTest : public SourceTest {
 protected:
  void SetUp() override {
    SourceTest::SetUp();
    WriteValues(absl::StrCat("{\"text\": \"", std::string(kSecret), "\"}"));
  }
  void WriteValues(const std::string& value) const {
    std::ofstream(Values()) << "{\"" << world_.ggz_person() << "\": {\"" << kField
                            << "\": " << value << "}}";
  }
  [[nodiscard]] std::string Values() const {
    return (daemon_.directory() / "values.json").string();
  }
  // What both programs are asked, and that they show no value.
  void ExpectItAnswers(Program& program) {
    ASSERT_TRUE(program.Writes("connected")) << program.written();
    ExpectValue(kSecret);
    EXPECT_TRUE(program.Writes("question")) << program.written();
    // The file is read anew.
    WriteValues("{\"objection\": \"SAFETY\"}");
    auto wijkteam = Connect(kWijkteam.partij);
    ASSERT_THAT(wijkteam, IsOk());
    auto answer = Ask(*wijkteam);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->decision.fields.at(0).delivery, "SOURCE_OBJECTS");
    WriteValues("{\"none_held\": true}");
    answer = Ask(*wijkteam);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->decision.fields.at(0).delivery, "NONE_HELD");
    WriteValues("{\"integer\": 7}");
    answer = Ask(*wijkteam);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->decision.fields.at(0).delivery, "SOURCE_ANSWER_REFUSED");
    EXPECT_TRUE(program.Writes("MALFORMED")) << program.written();
    EXPECT_THAT(program.written(), Not(HasSubstr("KWIKSTAART")));
    EXPECT_EQ(program.Stop(), 0);
  }
};

TEST_F(SourceProgramTest, TheCommandLineAnswers) {
  // The log's key, as the operator would give it.
  ASSERT_THAT(Connect(kGgz.partij), IsOk());
  Program program(
      {absl::StrCat(SLUIS_BIN_DIR, "/sluis"), "--server", Target(), "--certificate",
       FileOf(kGgz.partij, "certificate.pem"), "--key", FileOf(kGgz.partij, "key.pem"), "--ca",
       daemon_.pki() + "/ca-bundle.pem", "--log-key-file",
       absl::StrCat(daemon_.directory().string(), "/", std::string(kGgz.partij), ".vkey"),
       "--test-data-only", "--json", "source", "serve", "--for", "GGZ", "--values", Values()});
  ExpectItAnswers(program);
}

TEST_F(SourceProgramTest, PythonAnswers) {
  if (!RunProgram({"/usr/bin/python3", "-c", "import grpc, google.protobuf"}).ok())
    GTEST_SKIP() << "needs python3-grpcio and python3-protobuf (script/install-deps test)";
  Program program({"/usr/bin/python3",
                   absl::StrCat(SLUIS_SOURCE_DIR, "/client-lib/examples/python-source/source.py"),
                   "--server", Target(), "--certificate", FileOf(kGgz.partij, "certificate.pem"),
                   "--key", FileOf(kGgz.partij, "key.pem"), "--ca",
                   daemon_.pki() + "/ca-bundle.pem", "--hat", "GGZ", "--values", Values()});
  ExpectItAnswers(program);
}

}  // namespace
}  // namespace sluis::testing
