#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"

#include "sluis/audit/note.h"
#include "sluis/client/options.h"

namespace sluis::client::internal {

// The key by which the log is verified: the one that the options give, or, if they say so, the one
// that `ask` gets from the broker, which is then kept in the file that they name. LOG_KEY_MISSING,
// LOG_KEY_INVALID, OPTION_INVALID, FILE_MISSING, FILE_UNREADABLE, and the errors of `ask`.
absl::StatusOr<audit::VerifierKey> FindLogKey(
    const ClientOptions& options, const std::function<absl::StatusOr<std::string>()>& ask);

// The origin of its checkpoints.
std::string OriginOf(const ClientOptions& options, const audit::VerifierKey& key);

}  // namespace sluis::client::internal
