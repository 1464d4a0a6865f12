#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "sluis/store/store.h"

namespace sluis::store {

// Opens, or creates, the store in one SQLite file (WAL, synchronous FULL). Brings an older schema
// up to date in one transaction; a newer one than this program knows is refused:
// FAILED_PRECONDITION / STORE_TOO_NEW. One process at a time: UNAVAILABLE / STORE_LOCKED when
// another has the file.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path);

}  // namespace sluis::store
