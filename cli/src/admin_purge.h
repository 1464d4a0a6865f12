#pragma once

#include "commands.h"

#include "sluis/client/admin.h"

namespace sluis::cli {

using AdminConnect = absl::StatusOr<client::AdminClient> (*)(const Profile&);

// `sluis admin purge`, `erase` and `jobs`.
void AddPurge(CLI::App& admin, Context& context, AdminConnect connect);
void AddErase(CLI::App& admin, Context& context, AdminConnect connect);
void AddJobs(CLI::App& admin, Context& context, AdminConnect connect);

}  // namespace sluis::cli
