#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "sluis/audit/leaf.h"
#include "sluis/audit/log_tree.h"
#include "sluis/audit/merkle.h"
#include "sluis/audit/note.h"

// A whole log as files, in the layout of C2SP tlog-tiles: what an auditor takes home, and the proof
// that it is what the log signed.
//
//   checkpoint
//   tile/<level>/<N>           256 hashes
//   tile/<level>/<N>.p/<W>     the last tile of a level, with W < 256 hashes
//   tile/entries/<N>[.p/<W>]   the entries of the tile of level 0: each a big-endian uint16 length
//                              and that many bytes
//
// N is written in groups of three digits, all but the last with an x before them: x001/x234/067.
//
// This header alone in this room touches files: WriteLogDirectory and VerifyLogDirectory do, the
// rest is pure.
namespace sluis::audit {

// Names one file below tile/.
struct TilePath {
  std::optional<int> level;  // absent: a bundle of entries
  uint64_t index = 0;
  size_t width = kTileWidth;  // 1 to 256

  friend bool operator==(const TilePath&, const TilePath&) = default;
};

// Such as "tile/0/x001/234.p/17".
std::string FormatTilePath(const TilePath& path);
// INVALID_ARGUMENT / TILE_PATH_MALFORMED for any other spelling.
absl::StatusOr<TilePath> ParseTilePath(std::string_view text);

// Adds an entry to a bundle. INVALID_ARGUMENT / ENTRY_TOO_LONG above 65,535 bytes.
absl::Status AppendToBundle(std::string& bundle, std::string_view entry);

// Reads the entries of a bundle one by one, without copying them. For bytes from anywhere.
class BundleReader {
 public:
  explicit BundleReader(std::string_view bundle) : rest_(bundle) {}

  // The next entry; absent when there is no other whole one.
  std::optional<std::string_view> Next();
  // What Next() has not read: empty at the proper end of a bundle, otherwise a part of an entry.
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// All entries of a bundle. INVALID_ARGUMENT / BUNDLE_MALFORMED when the last one is cut off or
// there are more than 256.
absl::StatusOr<std::vector<std::string_view>> DecodeBundle(std::string_view bundle);

// Gives `count` entries of the log from `first` on; it is asked for at most 256 at a time, in
// order.
using EntryProvider =
    std::function<absl::StatusOr<std::vector<std::string>>(uint64_t first, size_t count)>;

// Writes the log up to `checkpoint` into `directory`, which must be empty or not exist. The
// checkpoint is written last: a directory that has one is complete. Does not verify what it writes.
//   INVALID_ARGUMENT     NOTE_MALFORMED, CHECKPOINT_MALFORMED  of the checkpoint;
//   FAILED_PRECONDITION  DIRECTORY_NOT_EMPTY;
//   UNAVAILABLE          FILE_WRITE       a file could not be written (metadata: file);
//   DATA_LOSS            TILE_MALFORMED, ENTRIES_MISSING   a provider gave less than was asked;
//   and the errors of the providers.
absl::Status WriteLogDirectory(const std::filesystem::path& directory, const EntryProvider& entries,
                               const TileSource& tiles, std::string_view checkpoint);

// Something wrong with an exported log, and where.
struct LogFinding {
  // FILE_MISSING       a file that the checkpoint asks for is not there
  // FILES_MISSING      so many are not there that the rest was not looked for
  // FILE_UNREADABLE    it is no regular file, or cannot be read
  // FILE_TRUNCATED     it ends early
  // FILE_TRAILING      it goes on after its end
  // NOTE_…, CHECKPOINT_…  the checkpoint is not to be believed (see OpenCheckpoint)
  // HASH_MISMATCH      a hash of a tile is not the one that the checkpoint leads to
  // ROOT_MISMATCH      the log as a whole, or a tile, is not what was signed, and which part of it
  //                    is wrong cannot be told
  // ENTRY_MISMATCH     an entry is not the one that was logged
  // LEAF_MALFORMED     an entry was logged but is no leaf
  // any other          as the caller's own check says
  // Warnings:
  // TIME_BACKWARDS     an event is older than the one before it
  // FILE_UNEXPECTED    a file that is no part of the log up to this checkpoint; not looked into
  std::string reason;
  std::string file;               // relative to the directory, such as "tile/entries/000.p/17"
  std::optional<uint64_t> index;  // of the entry in the log, if it is about an entry
  std::string message;            // such as "entry 12 does not match tile/0/000.p/17"

  // "tile/entries/000.p/17: entry 12 does not match tile/0/000.p/17".
  [[nodiscard]] std::string ToString() const;
};

struct LogReport {
  std::optional<TreeHead>
      head;  // absent: the checkpoint is not to be believed, nothing was checked
  uint64_t entries_verified = 0;  // entries that are what the log signed
  uint64_t tiles_read = 0;
  uint64_t bundles_read = 0;
  // In the order in which they were found, up to the limit of the options; then only counted.
  std::vector<LogFinding> defects;
  std::vector<LogFinding> warnings;
  uint64_t defect_count = 0;
  uint64_t warning_count = 0;

  // Everything is there and is what the log signed.
  [[nodiscard]] bool ok() const { return head.has_value() && defect_count == 0; }
};

// One entry that was verified.
struct LogEntry {
  uint64_t index = 0;
  std::string_view bytes;
  Leaf leaf;
};

struct LogVerifyOptions {
  // Called for each verified entry that is a leaf, in the order of the log. An error is a defect of
  // that entry, with its reason (ENTRY_REFUSED if it has none) and message.
  std::function<absl::Status(const LogEntry&)> check_entry = nullptr;
  size_t max_findings = 1000;  // listed of each kind, defects and warnings
};

// Verifies an exported log with nothing but its files and the keys of the log: the checkpoint is
// signed, the tiles lead to its root, and the entries are those that the tiles hash. Reads each
// file once when nothing is wrong; otherwise it finds out which of the files that disagree is wrong
// where that can be told. Never fails: what cannot be read is a defect.
LogReport VerifyLogDirectory(const std::filesystem::path& directory, std::string_view origin,
                             std::span<const VerifierKey> keys,
                             const LogVerifyOptions& options = {});

}  // namespace sluis::audit
