#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

#include "sluis/base/mutex.h"
#include "sluis/identity/certificate.h"
#include "sluis/identity/trust_store.h"

namespace sluis::services {

// Who is calling: the OIN of the certificate of the connection, if it is trusted now. Thread-safe.
class Callers {
 public:
  Callers(identity::TrustStore& trust, bool allow_test_oins)
      : trust_(trust), allow_test_oins_(allow_test_oins) {}

  // The errors of TrustStore::Check and ReadPeerOin; UNAUTHENTICATED / CERTIFICATE_MISSING.
  absl::StatusOr<Oin> Of(const grpc::CallbackServerContext& context);

 private:
  // Certificates are read once, and forgotten together when they become many.
  static constexpr size_t kRemembered = 4096;

  identity::TrustStore& trust_;
  const bool allow_test_oins_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, absl::StatusOr<Oin>> read_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluis::services
