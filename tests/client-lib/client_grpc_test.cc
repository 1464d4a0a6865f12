// The client against a real sluisd process over mTLS: one story from the connection to the value,
// many calls in flight, and what is said to whom is not let in.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <set>

#include "absl/time/clock.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/client/admin.h"
#include "sluis/client/client.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/test_pki.h"

namespace sluis::client {
namespace {

using ::sluis::testing::CertificateSpec;
using ::sluis::testing::Daemon;
using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::sluis::testing::Issued;
using ::sluis::testing::SubjectOf;
using ::sluis::testing::TempDir;
using ::sluis::testing::TestCa;
using ::sluis::testing::WriteFile;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::string_view kField = "signaleringsplan_bejegening";

CivilDate Day(std::string_view text) { return CivilDate::Parse(text).value_or(CivilDate()); }

Context As(std::string_view hat) {
  Context context;
  context.acting_hat = hat;
  context.professional = "p-1";
  return context;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// One daemon for all tests: none of them disturbs another.
class ClientGrpcTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    daemon_ = std::make_unique<Daemon>();
    ASSERT_THAT(daemon_->Start(), IsOk());
    AdminOptions options;
    options.target = "127.0.0.1:" + std::to_string(daemon_->admin_port());
    auto admin = AdminClient::Connect(options);
    ASSERT_THAT(admin.status(), IsOk());
    const absl::Time now =
        absl::FromCivil(absl::CivilSecond(2026, 11, 30, 9, 0, 0), absl::UTCTimeZone());
    const auto set = admin->SetDecisionClock(now);
    ASSERT_THAT(set.status(), IsOk());
    EXPECT_GE(*set, now);
    EXPECT_LT(*set, now + absl::Minutes(1));
  }
  static void TearDownTestSuite() { daemon_.reset(); }

  static ClientOptions Options(const std::string& partij) {
    ClientOptions options;
    options.target = "127.0.0.1:" + std::to_string(daemon_->port());
    options.certificate_file = daemon_->pki() + "/partij/" + partij + "/certificate.pem";
    options.key_file = daemon_->pki() + "/partij/" + partij + "/key.pem";
    options.ca_file = daemon_->pki() + "/ca-bundle.pem";
    options.test_data_only = true;
    options.trust_log_key_on_first_use = true;
    options.log_key_file = (daemon_->directory() / "log.pub").string();
    options.sequence = Sequence::kSharedByMore;  // the tests share the daemon
    return options;
  }
  static Client Make(const ClientOptions& options) {
    auto client = Client::Connect(options);
    EXPECT_THAT(client.status(), IsOk());
    return *std::move(client);
  }
  // With another certificate than the partij has.
  static absl::Status RefusedAs(const std::string& certificate, const std::string& key) {
    const TempDir directory;
    ClientOptions options = Options("P_ALMELO");
    options.certificate_file = directory.File("certificate.pem");
    options.key_file = directory.File("key.pem");
    WriteFile(options.certificate_file, certificate);
    WriteFile(options.key_file, key);
    options.trust_log_key_on_first_use = false;
    options.log_key_file.clear();
    options.log_key = LogKey();
    auto client = Client::Connect(options);
    if (!client.ok()) return client.status();
    return client->ListCasussen().status();
  }
  static std::string LogKey() { return Make(Options("P_ALMELO")).log_key(); }
  // The CA below which the daemon's partijen are.
  static std::unique_ptr<TestCa> IssuingCa() {
    return TestCa::Load(ReadFile(daemon_->pki() + "/ca/issuing.pem"),
                        ReadFile(daemon_->pki() + "/ca/issuing.key"));
  }

  // A question to which the answer is a release.
  static RequestFieldsRequest Question(Client& almelo, Client& mediant) {
    for (Client* client : {&almelo, &mediant}) {
      PutProfessionalRequest professional;
      professional.professional = "p-1";
      professional.hats = client == &almelo
                              ? std::vector<std::string>{"GEM_PROCESREGIE", "GEM_COLLEGE_WMO"}
                              : std::vector<std::string>{"GGZ"};
      professional.active = true;
      EXPECT_THAT(client->PutProfessional({}, professional).status(), IsOk());
    }
    RequestFieldsRequest question;
    OpenCasusRequest open;
    open.tafel = "T_WIJKTEAM_MDO";
    open.phase = "AVE_2";
    open.municipality = "Almelo";
    open.domains = {"ZORG"};
    open.first_processed = Day("2026-01-05");
    const auto casus = almelo.OpenCasus(As("GEM_PROCESREGIE"), open);
    EXPECT_THAT(casus.status(), IsOk());
    if (!casus.ok()) return question;
    AddPersonRequest person;
    person.casus_id = casus->casus_id;
    person.bsn = "900000016";  // the quickstart has a person of its own
    person.bsn_verified = true;
    // The age decides who may consent.
    person.elements = IdentifyingElements{"Voorbeeld", "Gerda", Day("1981-07-02"), "7601AB", "1"};
    person.role = "BETROKKENE";
    const auto added = almelo.AddPerson(As("GEM_PROCESREGIE"), person);
    EXPECT_THAT(added.status(), IsOk());
    for (const PartijHat& who :
         {PartijHat{"P_ALMELO", "GEM_COLLEGE_WMO"}, PartijHat{"P_MEDIANT", "GGZ"}}) {
      AddDeelnemerRequest deelnemer;
      deelnemer.casus_id = casus->casus_id;
      deelnemer.tafel = "T_WIJKTEAM_MDO";
      deelnemer.deelnemer = who;
      deelnemer.from = Day("2026-01-05");
      EXPECT_THAT(almelo.AddDeelnemer(As("GEM_PROCESREGIE"), deelnemer).status(), IsOk());
    }
    const auto seen = mediant.GetCasus(casus->casus_id);
    EXPECT_THAT(seen.status(), IsOk());
    if (!added.ok() || !seen.ok() || seen->person_ids.size() != 1) return question;

    DepositFieldRequest deposit;
    deposit.person_id = seen->person_ids[0];
    deposit.field = kField;
    deposit.content.value = Value{Text{"rustig aanspreken"}};
    deposit.content.value_date = Day("2026-10-01");
    deposit.first_processed = Day("2026-10-01");
    deposit.deposit_end = Day("2099-12-31");
    EXPECT_THAT(mediant.DepositField(As("GGZ"), deposit).status(), IsOk());
    Consent consent;
    consent.person_id = seen->person_ids[0];
    consent.given_by = {{"SELF", ""}};
    consent.source = {"P_MEDIANT", "GGZ"};
    consent.recipient = {"P_ALMELO", "GEM_COLLEGE_WMO"};
    consent.fields = {std::string(kField)};
    consent.purpose = "D02";
    consent.status = "GEGEVEN_UITDRUKKELIJK";
    consent.flag = "DOORBREKING_GEHEIM";
    consent.date = Day("2026-11-29");
    consent.from = Day("2026-11-29");
    consent.way = "schriftelijk";
    consent.evidence = "dossier 2";
    EXPECT_THAT(mediant.RecordConsent(As("GGZ"), {consent}).status(), IsOk());

    question.casus_id = casus->casus_id;
    question.tafel = "T_WIJKTEAM_MDO";
    question.source = {"P_MEDIANT", "GGZ"};
    question.purpose = "D02";
    question.person_id = added->person_id;
    question.fields = {{std::string(kField), "nodig voor deze vraag"}};
    return question;
  }

  static std::unique_ptr<Daemon> daemon_;
};

std::unique_ptr<Daemon> ClientGrpcTest::daemon_;

TEST_F(ClientGrpcTest, FromTheConnectionToTheValue) {
  const TempDir directory;
  ClientOptions options = Options("P_ALMELO");
  options.state_file = directory.File("state");
  std::string newest;
  {
    Client almelo = Make(options);
    Client mediant = Make(Options("P_MEDIANT"));
    const RequestFieldsRequest question = Question(almelo, mediant);
    const auto answer = almelo.RequestFields(As("GEM_COLLEGE_WMO"), question);
    ASSERT_THAT(answer.status(), IsOk());
    ASSERT_THAT(answer->decision.fields, SizeIs(1));
    EXPECT_EQ(answer->decision.fields[0].outcome, Outcome::kRelease);
    ASSERT_TRUE(answer->decision.fields[0].value.has_value());
    EXPECT_EQ(answer->decision.fields[0].value->value, Value{Text{"rustig aanspreken"}});
    EXPECT_THAT(answer->proof.entries, SizeIs(1));
    newest = almelo.trusted_checkpoint().value_or("");
  }
  EXPECT_EQ(ReadFile(options.state_file), newest);
  EXPECT_THAT(Make(options).ListCasussen().status(), IsOk());
}

TEST_F(ClientGrpcTest, ManyCallsInFlightAreAllVerified) {
  ClientOptions options = Options("P_ALMELO");
  options.sequence = Sequence::kOnlyClient;
  Client almelo = Make(options);
  Client mediant = Make(Options("P_MEDIANT"));
  const RequestFieldsRequest question = Question(almelo, mediant);
  constexpr size_t kCalls = 640;
  constexpr int kInFlight = 64;
  Mutex mutex;
  CondVar changed;
  int in_flight = 0;
  std::vector<absl::Status> failed;
  std::set<uint64_t> entries;
  for (size_t i = 0; i < kCalls; ++i) {
    {
      const MutexLock lock(mutex);
      while (in_flight >= kInFlight) changed.Wait(mutex);
      ++in_flight;
    }
    almelo.RequestFieldsAsync(As("GEM_COLLEGE_WMO"), question,
                              [&](const absl::StatusOr<RequestFieldsAnswer>& answer) {
                                const MutexLock lock(mutex);
                                if (answer.ok()) {
                                  entries.insert(answer->proof.entries.at(0).index);
                                } else {
                                  failed.push_back(answer.status());
                                }
                                --in_flight;
                                changed.NotifyAll();
                              });
  }
  const MutexLock lock(mutex);
  while (in_flight > 0) changed.Wait(mutex);
  EXPECT_THAT(failed, IsEmpty());
  EXPECT_THAT(entries, SizeIs(kCalls));
  EXPECT_THAT(almelo.sequence().missing, IsEmpty());
}

TEST_F(ClientGrpcTest, TheQuickstartWorks) {
  const auto output = testing::RunProgram({std::string(SLUIS_BIN_DIR) + "/quickstart",
                                           "127.0.0.1:" + std::to_string(daemon_->port()),
                                           daemon_->directory().string()});
  ASSERT_THAT(output.status(), IsOk());
  EXPECT_THAT(*output, HasSubstr("signaleringsplan_bejegening: NEEDS_CONSENT"));
  EXPECT_THAT(*output, HasSubstr("of the log"));
}

TEST_F(ClientGrpcTest, ADeadlineIsKept) {
  Client almelo = Make(Options("P_ALMELO"));
  Context context = As("GEM_PROCESREGIE");
  context.timeout = absl::Nanoseconds(1);
  EXPECT_THAT(almelo.OpenCasus(context, {}).status(),
              IsError(absl::StatusCode::kDeadlineExceeded, "TIMEOUT"));
}

// ---- Whom is not let in, and what they are told ----

TEST_F(ClientGrpcTest, WithoutALogKeyNothingIsBelieved) {
  ClientOptions options = Options("P_ALMELO");
  options.trust_log_key_on_first_use = false;
  options.log_key_file.clear();
  EXPECT_THAT(Client::Connect(options).status(),
              IsError(absl::StatusCode::kInvalidArgument, "LOG_KEY_MISSING"));
}

TEST_F(ClientGrpcTest, WithoutACertificate) {
  ClientOptions options = Options("P_ALMELO");
  options.certificate_file.clear();
  EXPECT_THAT(Client::Connect(options).status(),
              IsError(absl::StatusCode::kInvalidArgument, "CERTIFICATE_MISSING"));
}

TEST_F(ClientGrpcTest, WithAnExpiredCertificate) {
  CertificateSpec spec{.subject = SubjectOf("00000099000000001000")};
  spec.not_before = absl::Now() - absl::Hours(48);
  spec.not_after = absl::Now() - absl::Hours(1);
  const Issued issued = IssuingCa()->Issue(spec);
  EXPECT_THAT(RefusedAs(issued.certificate_pem, issued.key_pem),
              IsError(absl::StatusCode::kUnauthenticated, "CERTIFICATE_EXPIRED"));
}

TEST_F(ClientGrpcTest, WithACertificateOfAnotherCa) {
  const Issued issued =
      TestCa::MakeRoot("another root")->Issue({.subject = SubjectOf("00000099000000001000")});
  const absl::Status status = RefusedAs(issued.certificate_pem, issued.key_pem);
  EXPECT_THAT(status, IsError(absl::StatusCode::kUnavailable, "CERTIFICATE_UNTRUSTED"))
      << MetadataOf(status)["transport"];
}

// A client that lives on while its files are renewed.
class RenewalTest : public ClientGrpcTest {
 protected:
  void SetUp() override {
    good_ = Options("P_ALMELO");
    options_ = good_;
    options_.certificate_file = directory_.File("certificate.pem");
    options_.key_file = directory_.File("key.pem");
    ASSERT_FALSE(LogKey().empty());  // and so it is in its file
  }
  // As it should be done: a new file takes the place of the old one.
  void Put(const std::string& path, const std::string& content) const {
    WriteFile(path + ".new", content);
    std::filesystem::rename(path + ".new", path);
  }
  void Put(const Issued& issued) const {
    Put(options_.key_file, issued.key_pem);
    Put(options_.certificate_file,
        issued.certificate_pem + ReadFile(daemon_->pki() + "/ca/issuing.pem"));
  }
  // Calls until it is so, and says what the last call got.
  static absl::Status Until(Client& client, const std::function<bool(absl::Status)>& is_so) {
    const absl::Time until = absl::Now() + absl::Seconds(30);
    absl::Status status;
    do {
      status = client.ListCasussen().status();
    } while (!is_so(status) && absl::Now() < until);
    return status;
  }
  static bool IsGood(const absl::Status& status) { return status.ok(); }

  const TempDir directory_;
  ClientOptions good_;
  ClientOptions options_;
};

TEST_F(RenewalTest, ARenewedCertificateIsPickedUp) {
  // Of another CA, under our OIN: the broker takes none of it.
  Put(TestCa::MakeRoot("another root")->Issue({.subject = SubjectOf("00000099000000001000")}));
  Client client = Make(options_);
  EXPECT_THAT(client.ListCasussen().status(),
              IsError(absl::StatusCode::kUnavailable, "CERTIFICATE_UNTRUSTED"));
  // Halfway: the key does not fit, and nothing changes.
  Put(options_.key_file, ReadFile(good_.key_file));
  const absl::Time settled = absl::Now() + absl::Seconds(2);
  const auto waited = [&](const absl::Status&) { return absl::Now() > settled; };
  EXPECT_THAT(Until(client, waited),
              IsError(absl::StatusCode::kUnavailable, "CERTIFICATE_UNTRUSTED"));
  Put(options_.certificate_file, ReadFile(good_.certificate_file));
  EXPECT_THAT(Until(client, IsGood), IsOk());
}

TEST_F(RenewalTest, ALivingConnectionMovesToTheNewCertificate) {
  // Of a partij that no other test plays.
  const std::string oin = "00000099000000010000";  // P_LDH
  CertificateSpec old;
  old.subject = SubjectOf(oin);
  old.not_after = absl::Now() + absl::Seconds(4);
  Put(IssuingCa()->Issue(old));
  Client client = Make(options_);
  EXPECT_THAT(client.ListCasussen().status(), IsOk());
  EXPECT_THAT(Until(client, [](const absl::Status& status) { return !status.ok(); }),
              IsError(absl::StatusCode::kUnauthenticated, "CERTIFICATE_EXPIRED"));
  Put(IssuingCa()->Issue({.subject = SubjectOf(oin)}));
  EXPECT_THAT(Until(client, IsGood), IsOk());
}

TEST_F(RenewalTest, AStrangerHearsNothingElse) {
  Put(IssuingCa()->Issue({.subject = SubjectOf("00000099000000999000")}));
  Client client = Make(options_);
  RequestFieldsRequest request;
  request.casus_id = "0190c0de-0000-7000-8000-0123456789ab";
  request.fields = {{std::string(kField), std::string(size_t{1} << 20, 'x')}};
  const absl::Status status = client.RequestFields(As("GGZ"), request).status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kPermissionDenied, "NOT_A_PARTIJ"))
      << "and not TOO_LARGE, which would have a number";
  EXPECT_THAT(MetadataOf(status)["log_index"], Not(IsEmpty()));
}

TEST_F(RenewalTest, ACertificateOfAnotherPartijIsNotTaken) {
  Put(TestCa::MakeRoot("another root")->Issue({.subject = SubjectOf("00000099000000001000")}));
  Client client = Make(options_);
  const ClientOptions other = Options("P_MEDIANT");
  Put(options_.key_file, ReadFile(other.key_file));
  Put(options_.certificate_file, ReadFile(other.certificate_file));
  EXPECT_THAT(Make(options_).ListCasussen().status(), IsOk()) << "a new client takes it";
  const absl::Time settled = absl::Now() + absl::Seconds(2);
  const auto waited = [&](const absl::Status&) { return absl::Now() > settled; };
  EXPECT_THAT(Until(client, waited),
              IsError(absl::StatusCode::kUnavailable, "CERTIFICATE_UNTRUSTED"));
}

TEST_F(ClientGrpcTest, WithARevokedCertificate) {
  // Of a partij that no other test plays.
  const std::string partij = "P_TACTUS";
  Client client = Make(Options(partij));
  ASSERT_THAT(client.ListCasussen().status(), IsOk());
  ASSERT_THAT(daemon_->Revoke(partij), IsOk());
  // The broker reads its CRLs every second. A connection that was there before hears why.
  const absl::Time until = absl::Now() + absl::Seconds(30);
  absl::Status status;
  do {
    status = client.ListCasussen().status();
  } while (status.ok() && absl::Now() < until);
  EXPECT_THAT(status, IsError(absl::StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
  // A new one is closed, and everything else is in order.
  const absl::Status refused = Make(Options(partij)).ListCasussen().status();
  EXPECT_THAT(refused, IsError(absl::StatusCode::kUnavailable, "BROKER_REFUSED"))
      << MetadataOf(refused)["transport"];
  EXPECT_THAT(std::string(refused.message()), HasSubstr("revoked"));
}

TEST_F(ClientGrpcTest, WithAnOinThatIsNoPartijs) {
  const Issued issued = IssuingCa()->Issue({.subject = SubjectOf("00000099000000999000")});
  const absl::Status status = RefusedAs(
      issued.certificate_pem + ReadFile(daemon_->pki() + "/ca/issuing.pem"), issued.key_pem);
  EXPECT_THAT(status, IsError(absl::StatusCode::kPermissionDenied, "NOT_A_PARTIJ"));
  EXPECT_THAT(MetadataOf(status)["log_index"], Not(IsEmpty()));
}

TEST_F(ClientGrpcTest, ABrokerOfAnotherCaIsNotTrusted) {
  const TempDir directory;
  ClientOptions options = Options("P_ALMELO");
  options.ca_file = directory.File("ca.pem");
  WriteFile(options.ca_file, TestCa::MakeRoot("another root")->certificate_pem());
  const absl::Status status = Make(options).ListCasussen().status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kUnavailable, "BROKER_UNTRUSTED"))
      << MetadataOf(status)["transport"];
}

TEST_F(ClientGrpcTest, ABrokerOfAnotherNameIsNotTrusted) {
  ClientOptions options = Options("P_ALMELO");
  options.server_name = "broker.example";
  const absl::Status status = Make(options).ListCasussen().status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kUnavailable, "BROKER_NAME_MISMATCH"))
      << MetadataOf(status)["transport"];
}

TEST_F(ClientGrpcTest, NobodyIsThere) {
  ClientOptions options = Options("P_ALMELO");
  options.target = "127.0.0.1:1";
  const absl::Status status = Make(options).ListCasussen().status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kUnavailable, "BROKER_UNREACHABLE"))
      << MetadataOf(status)["transport"];
  options.target = "no-such-host.invalid:443";
  const absl::Status unknown = Make(options).ListCasussen().status();
  EXPECT_THAT(unknown, IsError(absl::StatusCode::kUnavailable, "BROKER_UNREACHABLE"))
      << MetadataOf(unknown)["transport"];
}

TEST_F(ClientGrpcTest, TheOperatorsDoorIsOnLoopbackOnly) {
  AdminOptions options;
  options.target = "192.0.2.1:443";
  EXPECT_THAT(AdminClient::Connect(options).status(),
              IsError(absl::StatusCode::kInvalidArgument, "OPTION_INVALID"));
  options.target = "127.0.0.1:1";
  auto nobody = AdminClient::Connect(options);
  ASSERT_THAT(nobody.status(), IsOk());
  EXPECT_THAT(nobody->ReloadPolicy().status(),
              IsError(absl::StatusCode::kUnavailable, "BROKER_UNREACHABLE"));
}

TEST_F(ClientGrpcTest, TheOperatorReloadsThePolicy) {
  AdminOptions options;
  options.target = "127.0.0.1:" + std::to_string(daemon_->admin_port());
  auto admin = AdminClient::Connect(options);
  ASSERT_THAT(admin.status(), IsOk());
  const auto reloaded = admin->ReloadPolicy();
  ASSERT_THAT(reloaded.status(), IsOk());
  EXPECT_THAT(reloaded->policy_hash, SizeIs(64));
}

}  // namespace
}  // namespace sluis::client
