#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <memory>

#include "absl/container/flat_hash_set.h"
#include "gate.h"

#include "sluis/base/mutex.h"

namespace sluis::services {

class StreamCall;

// Every call that is not registered by name: the broker knows which there are, and takes and gives
// bytes. One class serves all services, unary calls and streams alike. Thread-safe.
class GenericCalls final : public grpc::CallbackGenericService {
 public:
  explicit GenericCalls(Gate& gate) : gate_(gate) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

  // Ends the streams that are open: their peers connect again, elsewhere or later.
  void EndStreams();

 private:
  friend class StreamCall;
  void Forget(StreamCall* stream);

  Gate& gate_;
  Mutex mutex_;
  absl::flat_hash_set<StreamCall*> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluis::services
