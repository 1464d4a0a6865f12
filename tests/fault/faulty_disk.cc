#include "faulty_disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "sluis/base/mutex.h"

namespace sluis::testing {
namespace {

void Must(bool good, const char* what) {
  if (good) return;
  static_cast<void>(std::fprintf(stderr, "faulty disk: cannot %s\n", what));
  std::abort();
}

// A write or truncation, by what it replaced.
struct Change {
  int64_t offset = 0;
  std::string written;      // empty: a truncation to `offset`
  std::string before;       // what stood there, as far as there was anything
  int64_t size_before = 0;  // of the file
};

void Undo(std::string& content, const Change& change, size_t from) {
  // Bytes before `from` of the write stay.
  const auto offset = static_cast<size_t>(change.offset);
  if (change.written.empty()) {
    content.resize(static_cast<size_t>(change.size_before), '\0');
    std::copy(change.before.begin(), change.before.end(),
              content.begin() + static_cast<std::ptrdiff_t>(offset));
    return;
  }
  for (size_t i = from; i < change.before.size(); ++i) content[offset + i] = change.before[i];
  const size_t kept = std::max(static_cast<size_t>(change.size_before), offset + from);
  if (content.size() > kept) content.resize(kept);
}

}  // namespace

struct FaultyDisk::State {
  mutable Mutex mutex;
  Fault fault ABSL_GUARDED_BY(mutex) = Fault::kNone;
  int failures ABSL_GUARDED_BY(mutex) = 0;
  // By path, since the last sync of the file, oldest first.
  std::map<std::string, std::vector<Change>> unsynced ABSL_GUARDED_BY(mutex);
  sqlite3_vfs* real = nullptr;
  sqlite3_vfs vfs{};
};

namespace {

using State = FaultyDisk::State;
using Fault = FaultyDisk::Fault;

// What SQLite holds of an open file; the real one follows in memory.
struct File {
  sqlite3_file base;
  State* state;
  std::string* path;  // absent for files that no database depends on
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
File* Of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* Real(sqlite3_file* file) { return Of(file)->real(); }

int64_t SizeOf(sqlite3_file* real) {
  sqlite3_int64 size = 0;
  Must(real->pMethods->xFileSize(real, &size) == SQLITE_OK, "read a size");
  return size;
}

std::string Read(sqlite3_file* real, int64_t offset, int64_t length) {
  const int64_t there = std::clamp<int64_t>(SizeOf(real) - offset, 0, length);
  std::string bytes(static_cast<size_t>(there), '\0');
  if (there > 0) {
    Must(real->pMethods->xRead(real, bytes.data(), static_cast<int>(there), offset) == SQLITE_OK,
         "read what is there");
  }
  return bytes;
}

int Close(sqlite3_file* file) {
  const int code = Real(file)->pMethods->xClose(Real(file));
  delete Of(file)->path;  // NOLINT(cppcoreguidelines-owning-memory): SQLite owns the memory of File
  return code;
}
int ReadAt(sqlite3_file* file, void* to, int length, sqlite3_int64 offset) {
  return Real(file)->pMethods->xRead(Real(file), to, length, offset);
}
int WriteAt(sqlite3_file* file, const void* from, int length, sqlite3_int64 offset) {
  State* const state = Of(file)->state;
  const MutexLock lock(state->mutex);
  int count = length;
  int code = SQLITE_OK;
  if (Of(file)->path != nullptr) {
    if (state->fault == Fault::kDiskFull || state->fault == Fault::kWriteFails) {
      ++state->failures;
      if (state->fault == Fault::kDiskFull) return SQLITE_FULL;
      count = length / 2;
      code = SQLITE_IOERR_WRITE;
      if (count == 0) return code;
    }
    state->unsynced[*Of(file)->path].push_back(
        {offset, std::string(static_cast<const char*>(from), static_cast<size_t>(count)),
         Read(Real(file), offset, count), SizeOf(Real(file))});
  }
  const int written = Real(file)->pMethods->xWrite(Real(file), from, count, offset);
  return written == SQLITE_OK ? code : written;
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  State* const state = Of(file)->state;
  const MutexLock lock(state->mutex);
  if (Of(file)->path != nullptr) {
    const int64_t before = SizeOf(Real(file));
    if (size < before) {
      state->unsynced[*Of(file)->path].push_back(
          {size, {}, Read(Real(file), size, before - size), before});
    }
  }
  return Real(file)->pMethods->xTruncate(Real(file), size);
}
int Sync(sqlite3_file* file, int flags) {
  State* const state = Of(file)->state;
  const MutexLock lock(state->mutex);
  if (Of(file)->path != nullptr && state->fault == Fault::kSyncFails) {
    ++state->failures;
    return SQLITE_IOERR_FSYNC;
  }
  const int code = Real(file)->pMethods->xSync(Real(file), flags);
  if (code == SQLITE_OK && Of(file)->path != nullptr) state->unsynced.erase(*Of(file)->path);
  return code;
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Real(file)->pMethods->xFileSize(Real(file), size);
}
int Lock(sqlite3_file* file, int level) { return Real(file)->pMethods->xLock(Real(file), level); }
int Unlock(sqlite3_file* file, int level) {
  return Real(file)->pMethods->xUnlock(Real(file), level);
}
int CheckReservedLock(sqlite3_file* file, int* out) {
  return Real(file)->pMethods->xCheckReservedLock(Real(file), out);
}
int FileControl(sqlite3_file* file, int operation, void* argument) {
  return Real(file)->pMethods->xFileControl(Real(file), operation, argument);
}
int SectorSize(sqlite3_file* file) { return Real(file)->pMethods->xSectorSize(Real(file)); }
int DeviceCharacteristics(sqlite3_file* file) {
  return Real(file)->pMethods->xDeviceCharacteristics(Real(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, volatile void** out) {
  return Real(file)->pMethods->xShmMap(Real(file), page, size, extend, out);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return Real(file)->pMethods->xShmLock(Real(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { Real(file)->pMethods->xShmBarrier(Real(file)); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return Real(file)->pMethods->xShmUnmap(Real(file), remove);
}

// Version 2: without memory-mapped reading, so that everything passes here.
const sqlite3_io_methods kMethods = {2,
                                     Close,
                                     ReadAt,
                                     WriteAt,
                                     Truncate,
                                     Sync,
                                     FileSize,
                                     Lock,
                                     Unlock,
                                     CheckReservedLock,
                                     FileControl,
                                     SectorSize,
                                     DeviceCharacteristics,
                                     ShmMap,
                                     ShmLock,
                                     ShmBarrier,
                                     ShmUnmap,
                                     nullptr,
                                     nullptr};

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* const state = static_cast<State*>(vfs->pAppData);
  File* const made = Of(file);
  made->base.pMethods = nullptr;
  made->state = state;
  made->path = nullptr;
  const int code = state->real->xOpen(state->real, name, made->real(), flags, out_flags);
  // SQLite closes whatever has methods, even after an error.
  if (made->real()->pMethods != nullptr) {
    made->base.pMethods = &kMethods;
    if (name != nullptr && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0)
      made->path = new std::string(name);  // NOLINT(cppcoreguidelines-owning-memory): see Close
  }
  return code;
}

int Delete(sqlite3_vfs* vfs, const char* name, int sync_directory) {
  auto* const state = static_cast<State*>(vfs->pAppData);
  const MutexLock lock(state->mutex);
  state->unsynced.erase(name);
  return state->real->xDelete(state->real, name, sync_directory);
}

std::string ReadWhole(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

FaultyDisk::FaultyDisk() : state_(std::make_unique<State>()) {
  Must(sqlite3_initialize() == SQLITE_OK, "initialise SQLite");
  state_->real = sqlite3_vfs_find(nullptr);
  state_->vfs = *state_->real;
  state_->vfs.zName = "faulty-disk";
  state_->vfs.pNext = nullptr;
  state_->vfs.szOsFile = static_cast<int>(sizeof(File)) + state_->real->szOsFile;
  state_->vfs.pAppData = state_.get();
  state_->vfs.xOpen = Open;
  state_->vfs.xDelete = Delete;
  Must(sqlite3_vfs_register(&state_->vfs, 1) == SQLITE_OK, "register");
}

FaultyDisk::~FaultyDisk() { sqlite3_vfs_unregister(&state_->vfs); }

void FaultyDisk::Set(Fault fault) {
  const MutexLock lock(state_->mutex);
  state_->fault = fault;
}

int FaultyDisk::failures() const {
  const MutexLock lock(state_->mutex);
  return state_->failures;
}

void FaultyDisk::CopyAfterPowerFailure(const std::filesystem::path& from,
                                       const std::filesystem::path& to, Unsynced unsynced,
                                       std::mt19937_64& random) const {
  const MutexLock lock(state_->mutex);  // nothing is written meanwhile
  for (const char* suffix : {"", "-wal"}) {
    const std::string source = from.string() + suffix;
    if (!std::filesystem::exists(source)) continue;
    std::string content = ReadWhole(source);
    const auto found = state_->unsynced.find(source);
    if (found != state_->unsynced.end()) {
      const auto& changes = found->second;
      for (auto change = changes.rbegin(); change != changes.rend(); ++change)
        Undo(content, *change, 0);
      if (unsynced == Unsynced::kRandom) {
        for (const Change& change : changes) {
          const auto offset = static_cast<size_t>(change.offset);
          const uint64_t fate = random() % 3;
          if (fate == 0) continue;
          if (change.written.empty()) {
            if (content.size() > offset) content.resize(offset);
            continue;
          }
          const size_t count = fate == 1 ? change.written.size() : change.written.size() / 2;
          if (content.size() < offset + count) content.resize(offset + count, '\0');
          content.replace(offset, count, change.written, 0, count);
        }
      }
    }
    std::ofstream out(to.string() + suffix, std::ios::binary | std::ios::trunc);
    out << content;
    Must(out.flush().good(), "write a copy");
  }
}

}  // namespace sluis::testing
