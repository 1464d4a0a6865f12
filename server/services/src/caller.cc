#include "caller.h"

#include <grpcpp/security/auth_context.h>

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"

namespace sluis::services {

absl::StatusOr<Oin> Callers::Of(const grpc::CallbackServerContext& context) {
  const auto auth = context.auth_context();
  const auto certificates = auth->FindPropertyValues("x509_pem_cert");
  if (certificates.empty()) {
    return Unauthenticated("CERTIFICATE_MISSING", "this connection has no client certificate");
  }
  const std::string pem(certificates.front().data(), certificates.front().size());
  // Every call: a certificate that was revoked since the handshake stops here.
  SLUIS_RETURN_IF_ERROR(trust_.Check(pem));
  {
    const MutexLock lock(mutex_);
    const auto found = read_.find(pem);
    if (found != read_.end()) return found->second;
  }
  absl::StatusOr<Oin> oin = identity::ReadPeerOin(pem, allow_test_oins_);
  const MutexLock lock(mutex_);
  if (read_.size() >= kRemembered) read_.clear();
  read_.emplace(pem, oin);
  return oin;
}

}  // namespace sluis::services
