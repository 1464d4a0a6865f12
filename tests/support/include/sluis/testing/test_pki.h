#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

// Certificates and CRLs as a test wants them, good or bad, made on the spot.
namespace sluis::testing {

// What a certificate may be used for.
enum class Usage { kClient, kServer, kCodeSigning };

struct CertificateSpec {
  // Attributes of the subject in order, by OpenSSL's short names; any of them more than once.
  std::vector<std::pair<std::string, std::string>> subject = {{"CN", "test"}};
  Usage usage = Usage::kClient;
  absl::Time not_before = absl::Now() - absl::Hours(1);
  absl::Time not_after = absl::Now() + absl::Hours(24);
};

// A certificate with its key, PEM.
struct Issued {
  std::string certificate_pem;
  std::string key_pem;
};

// A client certificate's subject with this text as its one serialNumber.
std::vector<std::pair<std::string, std::string>> SubjectOf(std::string_view oin);

struct CrlSpec {
  absl::Time this_update = absl::Now() - absl::Minutes(1);
  absl::Time next_update = absl::Now() + absl::Hours(24);  // infinite: left out
};

// A certification authority. Failures of OpenSSL end the test program. Not thread-safe.
class TestCa {
 public:
  static std::unique_ptr<TestCa> MakeRoot(std::string_view common_name);
  // One that exists; certificates that it revoked before are unknown here.
  static std::unique_ptr<TestCa> Load(std::string_view certificate_pem, std::string_view key_pem);
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;
  ~TestCa();

  // An authority below this one.
  std::unique_ptr<TestCa> MakeIssuing(std::string_view common_name);
  Issued Issue(const CertificateSpec& spec);
  // Puts a certificate on the CRLs that are made from now on.
  void Revoke(std::string_view certificate_pem);
  // A CRL with a number higher than any before, PEM.
  std::string Crl(const CrlSpec& spec = {});
  // One that names this CA as its issuer, but is signed with the key of `signer`.
  std::string ForgedCrl(const TestCa& signer);

  [[nodiscard]] const std::string& certificate_pem() const;

 private:
  struct State;
  explicit TestCa(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A certificate that nobody but itself vouches for.
Issued SelfSigned(const CertificateSpec& spec);

// The DER form of a PEM document.
std::string DerOfPem(std::string_view pem);

// Writes a file in one step: a reader sees the old one or the new one.
void WriteFile(const std::filesystem::path& path, std::string_view content);

}  // namespace sluis::testing
