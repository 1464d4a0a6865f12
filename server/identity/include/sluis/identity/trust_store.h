#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace sluis::identity {

struct TrustOptions {
  // PEM bundle: the roots that are trusted and the issuing CAs below them.
  std::string ca_bundle_pem;
  // Directory with a full CRL of every CA of the chain, PEM or DER, file names ending in .crl or
  // .pem. Of several the newest that has begun counts, even once it has ended. A file that is no
  // CRL, or one that its CA did not sign, counts for nothing.
  std::string crl_directory;
  // How often the directory is looked at.
  absl::Duration refresh = absl::Seconds(5);
  // Called when CRLs were read, with what was found or is wrong, in words. May be empty.
  std::function<void(const std::string&)> on_reload;
};

// Decides whether a client certificate is trusted *now*: chain, validity, purpose, and revocation
// of every certificate in the chain. Fails closed: a CRL that is missing, stale, unreadable or not
// signed by its CA refuses everybody below that CA.
//
// CRLs are read again while the broker runs: a revocation works on the next call, also on
// connections that were there before. Follows the machine's clock. Thread-safe.
//
// Why not the CRL support of gRPC 1.51: an empty directory accepts everybody, and new CRLs are not
// read before a restart (docs/adr/0005-crl.md).
class TrustStore {
 public:
  // INVALID_ARGUMENT / CA_BUNDLE_MALFORMED when the bundle holds no certificate. Missing CRLs are
  // no error here: they refuse later, with a reason.
  static absl::StatusOr<std::unique_ptr<TrustStore>> Create(TrustOptions options);
  TrustStore(const TrustStore&) = delete;
  TrustStore& operator=(const TrustStore&) = delete;
  ~TrustStore();

  // OK when `leaf_pem` is trusted now; `chain_pem` may bring intermediate certificates. Verified
  // once per certificate and set of CRLs, and remembered as long as neither ends. UNAUTHENTICATED
  // with
  //   CERTIFICATE_MALFORMED, CERTIFICATE_UNTRUSTED, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID,
  //   CERTIFICATE_REVOKED, CRL_MISSING, CRL_STALE, CRL_INVALID.
  absl::Status Check(std::string_view leaf_pem, std::string_view chain_pem = {}) const;

  // Looks at the directory now.
  void Reload();
  // OK when every CA of the bundle has a CRL that is good now; else UNAVAILABLE with CRL_MISSING,
  // CRL_STALE or CRL_INVALID, and what is wrong in words.
  absl::Status Health() const;

 private:
  struct State;
  explicit TrustStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluis::identity
