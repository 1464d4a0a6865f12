#include <grpc/support/log.h>

#include <string>
#include <string_view>

#include "sluis/logging/logging.h"
#include "sluis/services/doors.h"

namespace sluis::services {
namespace {

void WriteLine(gpr_log_func_args* args) {
  // What strangers do at the door comes as an error here: no reason to wake anybody, or to let them
  // fill the disk.
  static logging::RateLimit limit{10};
  if (!limit.Allow()) return;
  std::string_view file = args->file;
  file.remove_prefix(file.rfind('/') + 1);
  logging::Log(
      args->severity == GPR_LOG_SEVERITY_ERROR ? logging::Level::kWarn : logging::Level::kDebug,
      "grpc",
      {{"at", std::string(file) + ":" + std::to_string(args->line)}, {"text", args->message}});
}

}  // namespace

void TakeOverGrpcLog() { gpr_set_log_function(&WriteLine); }

}  // namespace sluis::services
