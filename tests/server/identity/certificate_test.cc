#include "sluis/identity/certificate.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/testing/test_pki.h"

namespace sluis::identity {
namespace {

using absl::StatusCode;
using testing::CertificateSpec;
using testing::IsError;
using testing::IsOk;
using testing::Issued;
using testing::SelfSigned;
using testing::SubjectOf;

// The subject is all that counts here, so nobody needs to have signed it.
std::string PemWith(std::vector<std::pair<std::string, std::string>> subject) {
  CertificateSpec spec;
  spec.subject = std::move(subject);
  return SelfSigned(spec).certificate_pem;
}

constexpr std::string_view kTestOin = "00000099000000001000";
// Main number of a source register that uses letters.
constexpr std::string_view kLetterOin = "0000000700000AB1C000";

TEST(ReadPeerOinTest, TheSerialNumberOfTheSubjectIsTheIdentity) {
  const auto oin = ReadPeerOin(PemWith(SubjectOf("00000001003214345000")), false);
  ASSERT_THAT(oin, IsOk());
  EXPECT_EQ(oin->text(), "00000001003214345000");
}

TEST(ReadPeerOinTest, AnOinMayHoldCapitalLetters) {
  const auto oin = ReadPeerOin(PemWith(SubjectOf(kLetterOin)), false);
  ASSERT_THAT(oin, IsOk());
  EXPECT_EQ(oin->text(), kLetterOin);
}

TEST(ReadPeerOinTest, TheSameOinInLowerCaseIsAnotherTextAndRefused) {
  EXPECT_THAT(ReadPeerOin(PemWith(SubjectOf("0000000700000ab1c000")), false),
              IsError(StatusCode::kUnauthenticated, "OIN_MALFORMED"));
}

TEST(ReadPeerOinTest, NothingIsTrimmedOrCompleted) {
  const std::string good(kTestOin);
  for (const std::string& text :
       {" " + good, good + " ", good + "0", good.substr(1), "OIN:" + good,
        std::string("00000098000000001000"), std::string("10000099000000001000"),
        // A KVK number has digits only, and ends in four zeros.
        std::string("0000000300000A1C0000"), std::string("00000003123456780001")}) {
    EXPECT_THAT(ReadPeerOin(PemWith(SubjectOf(text)), true),
                IsError(StatusCode::kUnauthenticated, "OIN_MALFORMED"))
        << "'" << text << "'";
  }
}

TEST(ReadPeerOinTest, WithoutSerialNumberThereIsNoIdentityWhateverTheNameSays) {
  EXPECT_THAT(
      ReadPeerOin(PemWith({{"CN", std::string(kTestOin)}, {"OU", std::string(kTestOin)}}), true),
      IsError(StatusCode::kUnauthenticated, "OIN_MISSING"));
}

TEST(ReadPeerOinTest, TwoSerialNumbersAreNoIdentityEvenWhenEqual) {
  const std::string oin(kTestOin);
  EXPECT_THAT(
      ReadPeerOin(PemWith({{"serialNumber", oin}, {"serialNumber", oin}, {"CN", "a"}}), true),
      IsError(StatusCode::kUnauthenticated, "OIN_AMBIGUOUS"));
  EXPECT_THAT(
      ReadPeerOin(
          PemWith({{"serialNumber", oin}, {"CN", "a"}, {"serialNumber", "00000099000000002000"}}),
          true),
      IsError(StatusCode::kUnauthenticated, "OIN_AMBIGUOUS"));
}

TEST(ReadPeerOinTest, ATestOinIsForTestEnvironmentsOnly) {
  const std::string pem = PemWith(SubjectOf(kTestOin));
  EXPECT_THAT(ReadPeerOin(pem, true), IsOk());
  EXPECT_THAT(ReadPeerOin(pem, false), IsError(StatusCode::kUnauthenticated, "OIN_TEST_ONLY"));
}

TEST(ReadPeerOinTest, WhatIsNoCertificateIsRefused) {
  const std::string pem = PemWith(SubjectOf(kTestOin));
  for (const std::string& text :
       {std::string(), std::string("garbage"), pem.substr(0, pem.size() / 2),
        SelfSigned(CertificateSpec{}).key_pem,
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n"
                    "-----END CERTIFICATE-----\n")}) {
    EXPECT_THAT(ReadPeerOin(text, true),
                IsError(StatusCode::kUnauthenticated, "CERTIFICATE_MALFORMED"));
  }
}

TEST(CheckKeyPairTest, TellsWhetherCertificateAndKeyBelongTogether) {
  const Issued one = SelfSigned(CertificateSpec{});
  const Issued other = SelfSigned(CertificateSpec{});
  EXPECT_THAT(CheckKeyPair(one.certificate_pem, one.key_pem), IsOk());
  const auto refused = IsError(StatusCode::kInvalidArgument, "TLS_FILES");
  EXPECT_THAT(CheckKeyPair(one.certificate_pem, other.key_pem), refused);
  EXPECT_THAT(CheckKeyPair(one.key_pem, one.key_pem), refused);
  EXPECT_THAT(CheckKeyPair(one.certificate_pem, one.certificate_pem), refused);
}

}  // namespace
}  // namespace sluis::identity
