// Invariant 8 at the real door: who calls is the OIN in a certificate that is trusted now, plus a
// hat that the convenant gives it. Never a header, never a name.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "log_lines.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/testing/daemon.h"
#include "sluis/testing/grpc_transport.h"
#include "sluis/testing/test_pki.h"
#include "sluis/v1/casus.pb.h"
#include "sluis/v1/professional.pb.h"

namespace sluis {
namespace {

using absl::StatusCode;
using testing::AwaitLine;
using testing::CertificateSpec;
using testing::Credentials;
using testing::Daemon;
using testing::GrpcTransport;
using testing::IsError;
using testing::IsOk;
using testing::Issued;
using testing::LogLines;
using testing::RawConnection;
using testing::SubjectOf;
using testing::TestCa;

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr std::string_view kCheckpoint = "/sluis.v1.AuditService/GetCheckpoint";
constexpr std::string_view kMediantOin = "00000099000000011000";

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Asks until the answer satisfies `good`, and returns the last one.
template <typename Ask, typename Good>
auto Until(const Ask& ask, const Good& good) {
  const absl::Time until = absl::Now() + kPatience;
  auto answer = ask();
  while (!good(answer) && absl::Now() < until) {
    absl::SleepFor(absl::Milliseconds(100));
    answer = ask();
  }
  return answer;
}

template <typename T>
bool Succeeded(const absl::StatusOr<T>& answer) {
  return answer.ok();
}
template <typename T>
bool Failed(const absl::StatusOr<T>& answer) {
  return !answer.ok();
}

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() : transport_(daemon_) {
    issuing_ = TestCa::Load(ReadFile(daemon_.pki() + "/ca/issuing.pem"),
                            ReadFile(daemon_.pki() + "/ca/issuing.key"));
    WriteIssuingCrl(issuing_->Crl());
  }

  void Start() { ASSERT_THAT(daemon_.Start(), IsOk()); }

  void WriteIssuingCrl(std::string_view crl) const { testing::WriteFile(IssuingCrl(), crl); }
  [[nodiscard]] std::string IssuingCrl() const { return daemon_.pki() + "/crl/issuing.crl"; }

  [[nodiscard]] std::shared_ptr<RawConnection> ConnectWith(const Issued& issued) const {
    return transport_.Connect(
        {{issued.certificate_pem + issuing_->certificate_pem(), issued.key_pem},
         daemon_.ca_bundle()});
  }
  [[nodiscard]] std::shared_ptr<RawConnection> ConnectAs(
      std::vector<std::pair<std::string, std::string>> subject) const {
    CertificateSpec spec;
    spec.subject = std::move(subject);
    return ConnectWith(issuing_->Issue(spec));
  }

  // The handshake fails, so the client learns nothing but that.
  static void ExpectNoConnection(RawConnection& connection) {
    EXPECT_EQ(connection.Call(kCheckpoint, "").status().code(), StatusCode::kUnavailable);
  }

  Daemon daemon_;
  GrpcTransport transport_;
  std::unique_ptr<TestCa> issuing_;
};

TEST_F(IdentityTest, OnlyATrustedCertificateGetsThroughTheHandshake) {
  Start();
  {
    SCOPED_TRACE("no certificate");
    ExpectNoConnection(*transport_.Connect({{}, daemon_.ca_bundle()}));
  }
  {
    SCOPED_TRACE("in the clear");
    RawConnection clear(daemon_.port());
    ExpectNoConnection(clear);
  }
  CertificateSpec spec;
  spec.subject = SubjectOf(kMediantOin);
  {
    SCOPED_TRACE("another PKI with the same names");
    const auto root = TestCa::MakeRoot("Sluis development root, not PKIoverheid");
    const auto issuing = root->MakeIssuing("Sluis development issuing CA, not PKIoverheid");
    const Issued client = issuing->Issue(spec);
    ExpectNoConnection(*transport_.Connect(
        {{client.certificate_pem + issuing->certificate_pem() + root->certificate_pem(),
          client.key_pem},
         daemon_.ca_bundle()}));
  }
  {
    SCOPED_TRACE("self-signed");
    ExpectNoConnection(*ConnectWith(testing::SelfSigned(spec)));
  }
  {
    SCOPED_TRACE("expired");
    CertificateSpec expired = spec;
    expired.not_after = absl::Now() - absl::Minutes(5);
    ExpectNoConnection(*ConnectWith(issuing_->Issue(expired)));
  }
  {
    SCOPED_TRACE("not yet valid");
    CertificateSpec early = spec;
    early.not_before = absl::Now() + absl::Hours(1);
    ExpectNoConnection(*ConnectWith(issuing_->Issue(early)));
  }
  {
    SCOPED_TRACE("for servers");
    CertificateSpec server = spec;
    server.usage = testing::Usage::kServer;
    ExpectNoConnection(*ConnectWith(issuing_->Issue(server)));
  }
  // And the door is none the worse for it.
  EXPECT_THAT(ConnectWith(issuing_->Issue(spec))->Call(kCheckpoint, ""), IsOk());
}

TEST_F(IdentityTest, TheOinIsReadFromTheSubjectsOneSerialNumber) {
  Start();
  const std::string oin(kMediantOin);
  struct Case {
    const char* what;
    std::vector<std::pair<std::string, std::string>> subject;
    StatusCode code;
    const char* reason;
  };
  const Case cases[] = {
      {"none, though the name has one",
       {{"CN", oin}, {"O", oin}},
       StatusCode::kUnauthenticated,
       "OIN_MISSING"},
      {"two, both its own",
       {{"serialNumber", oin}, {"CN", "a"}, {"serialNumber", oin}},
       StatusCode::kUnauthenticated,
       "OIN_AMBIGUOUS"},
      {"two, one another's",
       {{"serialNumber", oin}, {"CN", "a"}, {"serialNumber", "00000099000000005000"}},
       StatusCode::kUnauthenticated,
       "OIN_AMBIGUOUS"},
      {"no OIN", SubjectOf("NTRNL-12345678"), StatusCode::kUnauthenticated, "OIN_MALFORMED"},
      {"an OIN that no convenant has had", SubjectOf("00000099000000999000"),
       StatusCode::kPermissionDenied, "NOT_A_PARTIJ"},
      {"a real-looking OIN that is no partij", SubjectOf("00000001003214345000"),
       StatusCode::kPermissionDenied, "NOT_A_PARTIJ"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.what);
    EXPECT_THAT(ConnectAs(each.subject)->Call(kCheckpoint, ""), IsError(each.code, each.reason));
  }
  EXPECT_THAT(ConnectAs(SubjectOf(oin))->Call(kCheckpoint, ""), IsOk());
}

TEST_F(IdentityTest, AnOinWithLettersIsAPartijInCapitalsOnly) {
  constexpr std::string_view kLetters = "0000009900000AB1C000";
  std::string convenant =
      ReadFile(std::string(SLUIS_SOURCE_DIR) + "/policy/documents/ave-twente.textproto");
  const size_t at = convenant.find(kMediantOin);
  ASSERT_NE(at, std::string::npos);
  convenant.replace(at, kMediantOin.size(), kLetters);
  testing::WriteFile(daemon_.directory() / "convenant.textproto", convenant);
  daemon_.Edit([](config::v1::Config& config) {
    config.mutable_policy()->set_convenant_file("convenant.textproto");
  });
  Start();
  EXPECT_THAT(ConnectAs(SubjectOf(kLetters))->Call(kCheckpoint, ""), IsOk());
  EXPECT_THAT(ConnectAs(SubjectOf("0000009900000ab1c000"))->Call(kCheckpoint, ""),
              IsError(StatusCode::kUnauthenticated, "OIN_MALFORMED"));
  // The number that it had before is nobody's now.
  EXPECT_THAT(ConnectAs(SubjectOf(kMediantOin))->Call(kCheckpoint, ""),
              IsError(StatusCode::kPermissionDenied, "NOT_A_PARTIJ"));
}

TEST_F(IdentityTest, RevocationWorksBeforeAndWhileConnected) {
  CertificateSpec spec;
  spec.subject = SubjectOf(kMediantOin);
  const Issued before = issuing_->Issue(spec);
  const Issued during = issuing_->Issue(spec);
  issuing_->Revoke(before.certificate_pem);
  WriteIssuingCrl(issuing_->Crl());
  Start();

  ExpectNoConnection(*ConnectWith(before));
  EXPECT_TRUE(AwaitLine(daemon_, "handshake_refused", "reason", "CERTIFICATE_REVOKED"));

  const auto connection = ConnectWith(during);
  const auto neighbour = transport_.ConnectionOf("P_MEDIANT");
  ASSERT_THAT(connection->Call(kCheckpoint, ""), IsOk());
  ASSERT_THAT(neighbour->Call(kCheckpoint, ""), IsOk());
  issuing_->Revoke(during.certificate_pem);
  WriteIssuingCrl(issuing_->Crl());
  // The connection stays; its next call after the list was read does not get through.
  EXPECT_THAT(Until([&] { return connection->Call(kCheckpoint, ""); }, Failed<std::string>),
              IsError(StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
  EXPECT_TRUE(AwaitLine(daemon_, "caller_refused", "reason", "CERTIFICATE_REVOKED"));
  ExpectNoConnection(*ConnectWith(during));
  // Another certificate of the same organisation is not touched by it.
  EXPECT_THAT(neighbour->Call(kCheckpoint, ""), IsOk());
}

TEST_F(IdentityTest, WithoutGoodCrlsNobodyGetsInAndHealthSaysSo) {
  Start();
  const auto connection = transport_.ConnectionOf("P_MEDIANT");
  ASSERT_THAT(connection->Call(kCheckpoint, ""), IsOk());
  const auto health = [&] { return connection->Health("sluis.v1.SharingService").value_or("?"); };
  const auto fresh = [&] {
    return transport_.Connect({daemon_.IdentityOf("P_MEDIANT"), daemon_.ca_bundle()});
  };
  ASSERT_EQ(health(), "SERVING");

  struct Case {
    const char* what;
    std::string crl;  // empty: removed
    const char* call_reason;
    const char* words;
  };
  const auto stranger = TestCa::MakeRoot("Sluis development issuing CA, not PKIoverheid");
  const Case cases[] = {
      {"missing", "", "CRL_MISSING", "there is no CRL of Sluis development issuing CA"},
      {"stale",
       issuing_->Crl({.this_update = absl::Now() - absl::Hours(2),
                      .next_update = absl::Now() - absl::Hours(1)}),
       "CRL_STALE", "the CRL of Sluis development issuing CA, not PKIoverheid ended at"},
      {"forged", issuing_->ForgedCrl(*stranger), "CRL_INVALID",
       "no CRL that Sluis development issuing CA, not PKIoverheid signed is there"},
      {"garbage", "garbage", "CRL_MISSING", "there is no CRL of Sluis development issuing CA"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.what);
    const size_t line = LogLines(daemon_).size();
    if (each.crl.empty()) {
      std::filesystem::remove(IssuingCrl());
    } else {
      WriteIssuingCrl(each.crl);
    }
    EXPECT_THAT(Until([&] { return connection->Call(kCheckpoint, ""); }, Failed<std::string>),
                IsError(StatusCode::kUnauthenticated, each.call_reason));
    EXPECT_EQ(Until(health, [](const std::string& says) { return says != "SERVING"; }),
              "NOT_SERVING");
    ExpectNoConnection(*fresh());
    EXPECT_TRUE(AwaitLine(daemon_, "not_serving", "problem", each.words, line));
    EXPECT_TRUE(AwaitLine(daemon_, "crl_reloaded", "found", each.words, line));
    EXPECT_TRUE(AwaitLine(daemon_, "handshake_refused", "reason", each.call_reason, line));

    WriteIssuingCrl(issuing_->Crl());
    EXPECT_THAT(Until([&] { return connection->Call(kCheckpoint, ""); }, Succeeded<std::string>),
                IsOk());
    EXPECT_EQ(Until(health, [](const std::string& says) { return says == "SERVING"; }), "SERVING");
    EXPECT_THAT(fresh()->Call(kCheckpoint, ""), IsOk());
  }
}

TEST_F(IdentityTest, ABrokerThatStartsWithoutCrlsServesNobodyUntilTheyAreThere) {
  std::filesystem::remove(IssuingCrl());
  Start();
  ExpectNoConnection(*transport_.Connect({daemon_.IdentityOf("P_MEDIANT"), daemon_.ca_bundle()}));
  EXPECT_TRUE(AwaitLine(daemon_, "not_serving", "reason", "CRL_MISSING"));
  WriteIssuingCrl(issuing_->Crl());
  EXPECT_THAT(Until(
                  [&] {
                    return transport_
                        .Connect({daemon_.IdentityOf("P_MEDIANT"), daemon_.ca_bundle()})
                        ->Call(kCheckpoint, "");
                  },
                  Succeeded<std::string>),
              IsOk());
}

v1::OpenCasusRequest OpenAs(std::string_view hat) {
  v1::OpenCasusRequest request;
  request.set_request_id(testing::NewRequestId());
  request.set_acting_hat(std::string(hat));
  request.set_professional("pro-1");
  request.set_tafel("T_WIJKTEAM_MDO");
  request.set_phase("AVE_2");
  request.set_municipality("Almelo");
  request.add_domains("ZORG");
  request.set_first_processed("2026-03-01");
  return request;
}

TEST_F(IdentityTest, ACertificateDoesNotGiveAHatThatTheConvenantDoesNot) {
  Start();
  v1::PutProfessionalRequest put;
  put.set_request_id(testing::NewRequestId());
  put.set_professional("pro-1");
  put.add_hats("GGZ");
  put.set_active(true);
  ASSERT_THAT(transport_.Call("P_MEDIANT", "/sluis.v1.ProfessionalService/PutProfessional",
                              put.SerializeAsString()),
              IsOk());
  for (const char* hat : {"POLITIE", "GEM_BURGEMEESTER"}) {
    EXPECT_THAT(transport_.Call("P_MEDIANT", "/sluis.v1.CasusService/OpenCasus",
                                OpenAs(hat).SerializeAsString()),
                IsError(StatusCode::kPermissionDenied, "NOT_AUTHORISED_PERSON"))
        << hat;
  }
  // Nor can it be given to one's own people.
  put.set_request_id(testing::NewRequestId());
  put.add_hats("POLITIE");
  EXPECT_FALSE(transport_
                   .Call("P_MEDIANT", "/sluis.v1.ProfessionalService/PutProfessional",
                         put.SerializeAsString())
                   .ok());
}

// A call with metadata of the caller's choice.
std::pair<grpc::Status, std::string> CallWith(RawConnection& connection, std::string_view method,
                                              const std::string& request,
                                              const std::multimap<std::string, std::string>& sent) {
  grpc::GenericStub stub(connection.channel());
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  for (const auto& [name, value] : sent) context.AddMetadata(name, value);
  const grpc::Slice slice(request);
  const grpc::ByteBuffer in(&slice, 1);
  grpc::ByteBuffer out;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, std::string(method), grpc::StubOptions(), &in, &out,
                 [&done](const grpc::Status& status) { done.set_value(status); });
  const grpc::Status status = done.get_future().get();
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (status.ok() && out.Dump(&slices).ok()) {
    for (const grpc::Slice& each : slices)
      bytes.append(reinterpret_cast<const char*>(each.begin()), each.size());
  }
  return {status, bytes};
}

TEST_F(IdentityTest, WhatHeadersClaimHasNoEffect) {
  Start();
  v1::PutProfessionalRequest put;
  put.set_request_id(testing::NewRequestId());
  put.set_professional("of-mediant");
  put.add_hats("GGZ");
  put.set_active(true);
  ASSERT_THAT(transport_.Call("P_MEDIANT", "/sluis.v1.ProfessionalService/PutProfessional",
                              put.SerializeAsString()),
              IsOk());
  const std::string oin(kMediantOin);
  const std::multimap<std::string, std::string> claims = {
      {"x-oin", oin},
      {"oin", oin},
      {"x-sluis-oin", oin},
      {"x-forwarded-client-cert", "Subject=\"serialNumber=" + oin + "\""},
      {"x-ssl-client-s-dn", "serialNumber=" + oin},
      {"x-client-dn", "serialNumber=" + oin},
      {"forwarded", "for=" + oin},
      {"authorization", "Bearer " + oin},
      {"x-goog-iam-authority-selector", "P_MEDIANT"}};
  constexpr std::string_view kList = "/sluis.v1.ProfessionalService/ListProfessionals";
  v1::ListProfessionalsRequest list;
  list.set_page_size(100);
  v1::ListProfessionalsResponse own;
  const auto as_mediant =
      CallWith(*transport_.ConnectionOf("P_MEDIANT"), kList, list.SerializeAsString(), {});
  ASSERT_TRUE(as_mediant.first.ok()) << as_mediant.first.error_message();
  ASSERT_TRUE(own.ParseFromString(as_mediant.second));
  ASSERT_EQ(own.professionals_size(), 1);
  v1::ListProfessionalsResponse other;
  const auto as_police =
      CallWith(*transport_.ConnectionOf("P_POLITIE_ON"), kList, list.SerializeAsString(), claims);
  ASSERT_TRUE(as_police.first.ok()) << as_police.first.error_message();
  ASSERT_TRUE(other.ParseFromString(as_police.second));
  EXPECT_EQ(other.professionals_size(), 0);
  // A stranger stays one.
  const auto stranger = ConnectAs(SubjectOf("00000099000000999000"));
  EXPECT_EQ(CallWith(*stranger, kList, list.SerializeAsString(), claims).first.error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(IdentityTest, ARotatedServerCertificateIsPickedUp) {
  Start();
  const auto root = TestCa::MakeRoot("Next root");
  const Issued next =
      root->Issue({.subject = {{"CN", "localhost"}}, .usage = testing::Usage::kServer});
  const auto old_connection = transport_.ConnectionOf("P_MEDIANT");
  ASSERT_THAT(old_connection->Call(kCheckpoint, ""), IsOk());
  const auto with_next_root = [&] {
    return transport_.Connect({daemon_.IdentityOf("P_MEDIANT"), root->certificate_pem()})
        ->Call(kCheckpoint, "");
  };
  ASSERT_THAT(with_next_root(), ::testing::Not(IsOk()));
  testing::WriteFile(daemon_.pki() + "/server/key.pem", next.key_pem);
  testing::WriteFile(daemon_.pki() + "/server/certificate.pem", next.certificate_pem);
  EXPECT_THAT(Until(with_next_root, Succeeded<std::string>), IsOk());
  // What was connected goes on.
  EXPECT_THAT(old_connection->Call(kCheckpoint, ""), IsOk());
}

}  // namespace
}  // namespace sluis
