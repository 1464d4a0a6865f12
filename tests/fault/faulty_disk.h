#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>

namespace sluis::testing {

// Stands between SQLite and the disk for every database that this process opens after it was made:
// fails what it is told to fail, and knows which writes no sync has made durable, so that it can
// show the files as a power failure would leave them.
//
// One at a time; outlives the databases. Thread-safe.
class FaultyDisk {
 public:
  FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;
  ~FaultyDisk();

  enum class Fault {
    kNone,
    kSyncFails,   // fsync reports an error
    kWriteFails,  // a write reports an error after half of it
    kDiskFull,    // a write reports that there is no room
  };
  void Set(Fault fault);
  // How many operations failed so far.
  [[nodiscard]] int failures() const;

  enum class Unsynced {
    kLost,    // none of what was not synced is there
    kRandom,  // each such write is there or not, or half
  };
  // Copies the database `from` with its write-ahead log to `to`, as they would be found after the
  // power failed at this very moment.
  void CopyAfterPowerFailure(const std::filesystem::path& from, const std::filesystem::path& to,
                             Unsynced unsynced, std::mt19937_64& random) const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace sluis::testing
