#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "sluis/base/uuid.h"

// What somebody with the files and the master key can still read. For tests that say: nothing.
namespace sluis::broker {

// The bytes of the files of a database as they are now: the file, its write-ahead log, its shared
// memory, its journal.
std::vector<std::string> LiveFiles(const std::filesystem::path& database);

// Whether some file holds these bytes.
bool Holds(const std::vector<std::string>& files, std::string_view bytes);

// Every key of this owner that can be found in the files of the vault, at whatever offset.
std::vector<std::string> CarveKeys(const std::vector<std::string>& files,
                                   std::string_view master_key, const Uuid& owner);

}  // namespace sluis::broker
