#include "tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "absl/time/clock.h"

#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/testing/test_pki.h"

namespace sluis::client::internal {
namespace {

using ::sluis::testing::CertificateSpec;
using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::sluis::testing::Issued;
using ::sluis::testing::SubjectOf;
using ::sluis::testing::TempDir;
using ::sluis::testing::TestCa;
using ::sluis::testing::WriteFile;
using ::testing::HasSubstr;

constexpr std::string_view kOin = "00000099000000001000";
constexpr std::string_view kTarget = "broker.test:443";
// What gRPC says to a client that the server closed on.
constexpr std::string_view kClosed = "Socket closed";

// One diagnosis each: what is wrong with our files, or with the connection.
class TlsFilesTest : public ::testing::Test {
 protected:
  TlsFilesTest() { Use(ca_->Issue({.subject = SubjectOf(kOin)})); }

  void Use(const Issued& issued) {
    WriteFile(certificate_, issued.certificate_pem);
    WriteFile(key_, issued.key_pem);
    WriteFile(ca_file_, ca_->certificate_pem());
  }

  [[nodiscard]] ClientOptions Options() const {
    ClientOptions options;
    options.target = std::string(kTarget);
    options.certificate_file = certificate_;
    options.key_file = key_;
    options.ca_file = ca_file_;
    return options;
  }
  [[nodiscard]] absl::Status Read(absl::Time now = absl::Now()) const {
    return ReadTlsFiles(Options(), now).status();
  }
  // The files must be readable for this.
  [[nodiscard]] absl::Status Explain(std::string_view said, absl::Time now = absl::Now(),
                                     std::string_view name = "") const {
    const auto files = ReadTlsFiles(Options(), absl::Now());
    if (!files.ok()) return files.status();
    return ExplainConnection(*files, kTarget, name, said, now);
  }

  const TempDir directory_;
  const std::string certificate_ = directory_.File("certificate.pem");
  const std::string key_ = directory_.File("key.pem");
  const std::string ca_file_ = directory_.File("ca.pem");
  const std::unique_ptr<TestCa> ca_ = TestCa::MakeRoot("root");
};

TEST_F(TlsFilesTest, GoodFilesAreGood) { EXPECT_THAT(Read(), IsOk()); }

TEST_F(TlsFilesTest, NoCertificateGiven) {
  ClientOptions options = Options();
  options.certificate_file.clear();
  const absl::Status status = ReadTlsFiles(options, absl::Now()).status();
  EXPECT_THAT(status, IsError(absl::StatusCode::kInvalidArgument, "CERTIFICATE_MISSING"));
  EXPECT_EQ(MetadataOf(status)["option"], "certificate_file");
}

TEST_F(TlsFilesTest, NoKeyOrCaGiven) {
  for (std::string ClientOptions::*member : {&ClientOptions::key_file, &ClientOptions::ca_file}) {
    ClientOptions options = Options();
    (options.*member).clear();
    EXPECT_THAT(ReadTlsFiles(options, absl::Now()).status(),
                IsError(absl::StatusCode::kInvalidArgument, "OPTION_MISSING"));
  }
}

TEST_F(TlsFilesTest, AFileThatIsNotThere) {
  for (const std::string& file : {certificate_, key_, ca_file_}) {
    const std::string away = file + ".away";
    std::filesystem::rename(file, away);
    const absl::Status status = Read();
    EXPECT_THAT(status, IsError(absl::StatusCode::kNotFound, "FILE_MISSING"));
    EXPECT_EQ(MetadataOf(status)["file"], file);
    std::filesystem::rename(away, file);
  }
}

TEST_F(TlsFilesTest, AFileThatCannotBeRead) {
  std::filesystem::remove(key_);
  std::filesystem::create_directory(key_);  // permissions do not stop root
  const absl::Status status = Read();
  EXPECT_THAT(status, IsError(absl::StatusCode::kPermissionDenied, "FILE_UNREADABLE"));
  EXPECT_EQ(MetadataOf(status)["file"], key_);
}

TEST_F(TlsFilesTest, NoCertificateInTheFile) {
  WriteFile(certificate_, "not PEM");
  EXPECT_THAT(Read(), IsError(absl::StatusCode::kInvalidArgument, "CERTIFICATE_MALFORMED"));
}

TEST_F(TlsFilesTest, NoKeyInTheFile) {
  WriteFile(key_, "not PEM");
  EXPECT_THAT(Read(), IsError(absl::StatusCode::kInvalidArgument, "KEY_MALFORMED"));
}

TEST_F(TlsFilesTest, AKeyWithAPasswordIsNotAskedFor) {
  WriteFile(key_,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_THAT(Read(), IsError(absl::StatusCode::kInvalidArgument, "KEY_MALFORMED"));
}

TEST_F(TlsFilesTest, NoCaInTheFile) {
  WriteFile(ca_file_, "not PEM");
  EXPECT_THAT(Read(), IsError(absl::StatusCode::kInvalidArgument, "CA_MALFORMED"));
}

TEST_F(TlsFilesTest, AKeyOfAnotherCertificate) {
  WriteFile(key_, ca_->Issue({.subject = SubjectOf(kOin)}).key_pem);
  EXPECT_THAT(Read(), IsError(absl::StatusCode::kInvalidArgument, "KEY_MISMATCH"));
}

TEST_F(TlsFilesTest, Expired) {
  CertificateSpec spec{.subject = SubjectOf(kOin)};
  spec.not_before = absl::Now() - absl::Hours(48);
  spec.not_after = absl::Now() - absl::Hours(24);
  Use(ca_->Issue(spec));
  const absl::Status status = Read();
  EXPECT_THAT(status, IsError(absl::StatusCode::kUnauthenticated, "CERTIFICATE_EXPIRED"));
  EXPECT_THAT(MetadataOf(status)["not_after"],
              HasSubstr(absl::FormatTime("%Y-%m-%d", spec.not_after, absl::UTCTimeZone())));
}

TEST_F(TlsFilesTest, NotYetValid) {
  CertificateSpec spec{.subject = SubjectOf(kOin)};
  spec.not_before = absl::Now() + absl::Hours(24);
  spec.not_after = absl::Now() + absl::Hours(48);
  Use(ca_->Issue(spec));
  EXPECT_THAT(Read(), IsError(absl::StatusCode::kUnauthenticated, "CERTIFICATE_NOT_YET_VALID"));
}

TEST_F(TlsFilesTest, NoOin) {
  Use(ca_->Issue({.subject = {{"CN", std::string(kOin)}}}));
  EXPECT_THAT(Read(), IsError(absl::StatusCode::kUnauthenticated, "OIN_MISSING"));
}

TEST_F(TlsFilesTest, TwoOins) {
  Use(ca_->Issue({.subject = {{"serialNumber", std::string(kOin)},
                              {"serialNumber", "00000099000000011000"}}}));
  EXPECT_THAT(Read(), IsError(absl::StatusCode::kUnauthenticated, "OIN_AMBIGUOUS"));
}

TEST_F(TlsFilesTest, ASerialNumberThatIsNoOin) {
  Use(ca_->Issue({.subject = SubjectOf("12345")}));
  EXPECT_THAT(Read(), IsError(absl::StatusCode::kUnauthenticated, "OIN_MALFORMED"));
}

TEST_F(TlsFilesTest, NobodyAnswers) {
  for (const std::string_view said :
       {"failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to "
        "connect to remote host: Connection refused",
        "DNS resolution failed for broker.test:443: C-ares status is not ARES_SUCCESS",
        "failed to connect to all addresses; last error: UNKNOWN: Timeout occurred: FD Shutdown"}) {
    const absl::Status status = Explain(said);
    EXPECT_THAT(status, IsError(absl::StatusCode::kUnavailable, "BROKER_UNREACHABLE")) << said;
    EXPECT_EQ(MetadataOf(status)["target"], kTarget);
    EXPECT_EQ(MetadataOf(status)["transport"], said);
  }
}

TEST_F(TlsFilesTest, TheBrokerIsNotToBeTrusted) {
  EXPECT_THAT(Explain("failed to connect to all addresses; last error: UNKNOWN: "
                      "ipv4:127.0.0.1:1: Ssl handshake failed: SSL_ERROR_SSL: error:0A000086:SSL "
                      "routines::certificate verify failed"),
              IsError(absl::StatusCode::kUnavailable, "BROKER_UNTRUSTED"));
}

TEST_F(TlsFilesTest, TheBrokerHasAnotherName) {
  const absl::Status status = Explain(
      "failed to connect to all addresses; last error: UNKNOWN: Peer name other.test is "
      "not in peer certificate",
      absl::Now(), "other.test");
  EXPECT_THAT(status, IsError(absl::StatusCode::kUnavailable, "BROKER_NAME_MISMATCH"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("other.test"));
}

TEST_F(TlsFilesTest, ClosedOnACertificateThatExpiredMeanwhile) {
  const absl::Status status = Explain(kClosed, absl::Now() + absl::Hours(48));
  EXPECT_THAT(status, IsError(absl::StatusCode::kUnauthenticated, "CERTIFICATE_EXPIRED"));
  EXPECT_EQ(MetadataOf(status)["transport"], kClosed);
}

TEST_F(TlsFilesTest, ClosedOnACertificateOfAnotherCa) {
  WriteFile(ca_file_, TestCa::MakeRoot("another root")->certificate_pem());
  EXPECT_THAT(Explain(kClosed), IsError(absl::StatusCode::kUnavailable, "CERTIFICATE_UNTRUSTED"));
}

TEST_F(TlsFilesTest, ClosedOnACertificateWithoutItsIssuingCa) {
  const auto issuing = ca_->MakeIssuing("issuing");
  const Issued own = issuing->Issue({.subject = SubjectOf(kOin)});
  Use(own);
  EXPECT_THAT(Explain(kClosed), IsError(absl::StatusCode::kUnavailable, "CERTIFICATE_UNTRUSTED"));
  WriteFile(certificate_, own.certificate_pem + issuing->certificate_pem());
  EXPECT_THAT(Explain(kClosed), IsError(absl::StatusCode::kUnavailable, "BROKER_REFUSED"));
}

TEST_F(TlsFilesTest, ClosedAndNothingIsWrongThatWeSee) {
  const absl::Status status = Explain(kClosed);
  EXPECT_THAT(status, IsError(absl::StatusCode::kUnavailable, "BROKER_REFUSED"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("revoked"));
}

TEST_F(TlsFilesTest, NoTextHoldsAKey) {
  for (const absl::Status& status : {Explain(kClosed), Explain("Connection refused")})
    EXPECT_THAT(status.ToString(), ::testing::Not(HasSubstr("PRIVATE KEY")));
}

}  // namespace
}  // namespace sluis::client::internal
