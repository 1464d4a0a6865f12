#include "sluis/audit/log_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"

namespace sluis::audit {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCheckpoint = "checkpoint";
constexpr size_t kMaxCheckpointBytes = size_t{1} << 20;
constexpr size_t kMaxBundleBytes = kTileWidth * (2 + 0xffff);
// With so many places at which a tile and what lies below it disagree, all mixtures are tried.
constexpr size_t kMaxMixed = 8;
// After so many attempts to open a file that is not there, the rest is not looked for.
constexpr size_t kMaxMissing = 100'000;

uint64_t HashesAt(int level, uint64_t size) { return size >> (level * kTileHeight); }

// ---- Writing

absl::Status WriteFile(const fs::path& directory, const std::string& name, std::string_view bytes) {
  const fs::path path = directory / name;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) {
    return WithMetadata(Unavailable("FILE_WRITE", "a file of the log cannot be written"), "file",
                        name);
  }
  return absl::OkStatus();
}

absl::Status WriteTile(const fs::path& directory, const TileSource& tiles, int level,
                       uint64_t index, size_t width) {
  SLUIS_ASSIGN_OR_RETURN(const std::string bytes, tiles.ReadTile(level, index));
  const std::string name = FormatTilePath({.level = level, .index = index, .width = width});
  if (bytes.size() < width * Digest::kSize) {
    return WithMetadata(DataLoss("TILE_MALFORMED", "a stored tile is too short"), "tile", name);
  }
  return WriteFile(directory, name, std::string_view(bytes).substr(0, width * Digest::kSize));
}

absl::Status WriteBundle(const fs::path& directory, const EntryProvider& entries, uint64_t index,
                         size_t width) {
  SLUIS_ASSIGN_OR_RETURN(const std::vector<std::string> batch, entries(index * kTileWidth, width));
  const std::string name = FormatTilePath({.level = {}, .index = index, .width = width});
  if (batch.size() != width) {
    return WithMetadata(DataLoss("ENTRIES_MISSING", "not as many entries as asked"), "tile", name);
  }
  std::string bundle;
  for (const std::string& entry : batch) SLUIS_RETURN_IF_ERROR(AppendToBundle(bundle, entry));
  return WriteFile(directory, name, bundle);
}

// ---- Reading

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

enum class ReadResult : uint8_t { kOk, kMissing, kUnreadable };

// Reads at most `limit` bytes into `bytes`, whose memory is used again. A directory from elsewhere
// may hold anything, so nothing but a regular file is waited for.
ReadResult ReadFile(const fs::path& path, size_t limit, std::string& bytes) {
  bytes.clear();
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    return errno == ENOENT || errno == ENOTDIR ? ReadResult::kMissing : ReadResult::kUnreadable;
  }
  struct stat status = {};
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return ReadResult::kUnreadable;
  const size_t size = std::min(limit, static_cast<size_t>(status.st_size));
  bytes.resize(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t n = read(file.get(), bytes.data() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ReadResult::kUnreadable;
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  return ReadResult::kOk;
}

// ---- Hashes that may be missing

// The hashes of a tile as far as they are known.
using Hashes = std::vector<std::optional<Digest>>;

bool Complete(const Hashes& hashes) {
  return std::ranges::all_of(hashes, [](const auto& hash) { return hash.has_value(); });
}

// Whether there is a hash for each place, from one or the other. Where there is none, a file that
// is missing or cut off was complained about already.
bool Complete(const Hashes& stored, const Hashes& derived) {
  for (size_t i = 0; i < stored.size(); ++i) {
    if (!stored[i].has_value() && !derived[i].has_value()) return false;
  }
  return true;
}

// The root over 2^k hashes.
Digest RootOf(std::span<const std::optional<Digest>> hashes) {
  std::vector<Digest> row;
  row.reserve(hashes.size());
  for (const std::optional<Digest>& hash : hashes) row.push_back(*hash);
  for (size_t width = row.size(); width > 1; width /= 2) {
    for (size_t i = 0; i < width / 2; ++i) row[i] = NodeHash(row[2 * i], row[2 * i + 1]);
  }
  return row.front();
}

// The root of the whole tree from the hashes of the last, narrower tile of each level, given from
// level 0 up, one after the other.
Digest RootOfEdge(std::span<const std::optional<Digest>> hashes, uint64_t size) {
  std::optional<Digest> root;
  size_t begin = 0;
  for (int level = 0; level < kTileLevels; ++level) {
    const size_t width = HashesAt(level, size) % kTileWidth;
    size_t end = begin + width;
    // The tile falls apart into complete subtrees, the smallest at its end.
    for (size_t part = 1; part <= width; part *= 2) {
      if ((width & part) == 0) continue;
      end -= part;
      const Digest left = RootOf(hashes.subspan(end, part));
      root = root.has_value() ? NodeHash(left, *root) : left;
    }
    begin += width;
  }
  return root.value_or(EmptyRoot());
}

// Which hashes are the ones that were signed? `stored` is what the tile says, `derived` what
// follows from the files below it; `is_signed` recognises the right ones. Absent when neither, nor
// a mixture of both, will do.
template <typename IsSigned>
std::optional<Hashes> Resolve(const Hashes& stored, const Hashes& derived,
                              const IsSigned& is_signed) {
  Hashes attempt(stored.size());
  std::vector<size_t> differing;
  for (size_t i = 0; i < stored.size(); ++i) {
    attempt[i] = stored[i].has_value() ? stored[i] : derived[i];
    if (!attempt[i].has_value()) return std::nullopt;
    if (stored[i].has_value() && derived[i].has_value() && *stored[i] != *derived[i]) {
      differing.push_back(i);
    }
  }
  if (is_signed(attempt)) return attempt;
  for (const size_t i : differing) attempt[i] = derived[i];
  if (is_signed(attempt)) return attempt;
  if (differing.size() > kMaxMixed) return std::nullopt;
  for (size_t mask = 1; mask + 1 < size_t{1} << differing.size(); ++mask) {
    for (size_t bit = 0; bit < differing.size(); ++bit) {
      const size_t i = differing[bit];
      attempt[i] = (mask >> bit) % 2 == 1 ? derived[i] : stored[i];
    }
    if (is_signed(attempt)) return attempt;
  }
  return std::nullopt;
}

// ---- Verifying

// Works from the root down, so that whatever is compared is compared with hashes that are known to
// be signed: first the right edge with the checkpoint, then each full tile with the hash above it,
// at last the entries with the tile of level 0. That visits the entries in the order of the log.
class Verifier {
 public:
  Verifier(const fs::path& directory, const LogVerifyOptions& options)
      : directory_(directory), options_(options) {}

  LogReport Run(std::string_view origin, std::span<const VerifierKey> keys) {
    if (ReadCheckpoint(origin, keys)) {
      VerifyEdge();
      if (GaveUp()) {
        ++report_.defect_count;  // listed first, and whatever the limit
        report_.defects.insert(
            report_.defects.begin(),
            {.reason = "FILES_MISSING",
             .file = "tile",
             .index = std::nullopt,
             .message = "too many files are missing; the rest was not looked at"});
      }
      FindUnexpectedFiles();
    }
    return std::move(report_);
  }

 private:
  // Files are read again while looking for the wrong one; each is complained about once.
  enum class Complain : uint8_t { kYes, kNo };
  // Whether the hashes that a file is compared with lead to the checkpoint.
  enum class Basis : uint8_t { kSigned, kUnproven };

  [[nodiscard]] uint64_t size() const { return report_.head->size; }

  // A checkpoint may be signed for a size of which next to nothing is there.
  [[nodiscard]] bool GaveUp() const { return missing_ >= kMaxMissing; }

  [[nodiscard]] TilePath PathOf(std::optional<int> level, uint64_t index) const {
    return {.level = level, .index = index, .width = TileWidthAt(level.value_or(0), index, size())};
  }
  [[nodiscard]] std::string NameOf(std::optional<int> level, uint64_t index) const {
    return FormatTilePath(PathOf(level, index));
  }

  void AddDefect(LogFinding finding) {
    if (report_.defect_count++ < options_.max_findings) {
      report_.defects.push_back(std::move(finding));
    }
  }
  void AddWarning(LogFinding finding) {
    if (report_.warning_count++ < options_.max_findings) {
      report_.warnings.push_back(std::move(finding));
    }
  }
  void FileDefect(std::string_view reason, const std::string& file, std::string message) {
    AddDefect({.reason = std::string(reason),
               .file = file,
               .index = std::nullopt,
               .message = std::move(message)});
  }

  // False, and a defect, when the file is not there or cannot be read.
  bool Read(const std::string& name, size_t limit, Complain complain, std::string& bytes) {
    const ReadResult result = ReadFile(directory_ / name, limit, bytes);
    if (result == ReadResult::kMissing) ++missing_;
    if (complain == Complain::kYes && result == ReadResult::kMissing) {
      FileDefect("FILE_MISSING", name, "the file is missing");
    }
    if (complain == Complain::kYes && result == ReadResult::kUnreadable) {
      FileDefect("FILE_UNREADABLE", name, "the file cannot be read");
    }
    return result == ReadResult::kOk;
  }

  bool ReadCheckpoint(std::string_view origin, std::span<const VerifierKey> keys) {
    const std::string name(kCheckpoint);
    std::string note;
    if (!Read(name, kMaxCheckpointBytes + 1, Complain::kYes, note)) return false;
    const auto head = OpenCheckpoint(note, origin, keys);
    if (!head.ok()) {
      FileDefect(ReasonOf(head.status()), name, std::string(FromAbsl(head.status().message())));
      return false;
    }
    report_.head = *head;
    return true;
  }

  Hashes ReadTile(int level, uint64_t index, Complain complain) {
    const TilePath path = PathOf(level, index);
    const std::string name = FormatTilePath(path);
    const size_t expected = path.width * Digest::kSize;
    Hashes hashes(path.width);
    if (!Read(name, expected + 1, complain, tile_)) return hashes;
    if (complain == Complain::kYes) {
      ++report_.tiles_read;
      if (tile_.size() < expected) {
        FileDefect("FILE_TRUNCATED", name,
                   absl::StrFormat("the file ends in hash %d of %d", tile_.size() / Digest::kSize,
                                   path.width));
      }
      if (tile_.size() > expected) {
        FileDefect("FILE_TRAILING", name,
                   absl::StrFormat("the file goes on after hash %d", path.width - 1));
      }
    }
    for (size_t i = 0; i < path.width && (i + 1) * Digest::kSize <= tile_.size(); ++i) {
      hashes[i] =
          *Digest::FromBytes(std::string_view(tile_).substr(i * Digest::kSize, Digest::kSize));
    }
    return hashes;
  }

  // What the hashes of a tile have to be, according to the files below it.
  Hashes DeriveTile(int level, uint64_t index) {
    Hashes hashes(PathOf(level, index).width);
    if (level > 0) {
      for (size_t i = 0; i < hashes.size() && !GaveUp(); ++i) {
        hashes[i] = RootFromFiles(level - 1, index * kTileWidth + i);
      }
      return hashes;
    }
    if (Read(NameOf({}, index), kMaxBundleBytes, Complain::kNo, bundle_)) {
      BundleReader reader(bundle_);
      for (std::optional<Digest>& hash : hashes) {
        const auto entry = reader.Next();
        if (!entry.has_value()) break;
        hash = LeafHash(*entry);
      }
    }
    return hashes;
  }

  // The root of a full tile, from its own file or else from those below it.
  std::optional<Digest> RootFromFiles(int level, uint64_t index) {
    Hashes hashes = ReadTile(level, index, Complain::kNo);
    if (!Complete(hashes)) {
      const Hashes derived = DeriveTile(level, index);
      for (size_t i = 0; i < hashes.size(); ++i) {
        if (!hashes[i].has_value()) hashes[i] = derived[i];
      }
    }
    if (!Complete(hashes)) return std::nullopt;
    return RootOf(hashes);
  }

  // Defects for the hashes of a tile that are not those that were signed.
  void CompareTile(int level, uint64_t index, const Hashes& stored, const Hashes& is_signed) {
    for (size_t i = 0; i < stored.size(); ++i) {
      if (!stored[i].has_value() || *stored[i] == *is_signed[i]) continue;
      const std::string below =
          level == 0 ? NameOf({}, index) : NameOf(level - 1, index * kTileWidth + i);
      FileDefect("HASH_MISMATCH", NameOf(level, index),
                 absl::StrFormat("hash %d is wrong: the signed tree has that of %s%s", i, below,
                                 level == 0 ? absl::StrFormat(" entry %d", i) : std::string()));
    }
  }

  // What to go on with when it cannot be told which hashes are right: each file below is compared
  // with itself, so that it is not blamed too.
  static Hashes Unproven(const Hashes& stored, const Hashes& derived) {
    Hashes hashes = derived;
    for (size_t i = 0; i < hashes.size(); ++i) {
      if (!hashes[i].has_value()) hashes[i] = stored[i];
    }
    return hashes;
  }

  // Where a tile and the files below it differ, in words.
  static std::string Differences(const Hashes& stored, const Hashes& derived) {
    std::string places;
    size_t count = 0;
    for (size_t i = 0; i < stored.size(); ++i) {
      if (!stored[i].has_value() || !derived[i].has_value() || *stored[i] == *derived[i]) continue;
      if (++count <= kMaxMixed) places += absl::StrFormat(" %d", i);
    }
    if (count == 0) return "";
    return absl::StrFormat("; it differs from what is below it in %d hashes:%s%s", count, places,
                           count > kMaxMixed ? " …" : "");
  }

  void VerifyEdge() {
    std::vector<Hashes> stored(kTileLevels);
    Hashes all_stored;
    for (int level = 0; level < kTileLevels; ++level) {
      const uint64_t hashes = HashesAt(level, size());
      if (hashes % kTileWidth == 0) continue;
      const auto at = static_cast<size_t>(level);
      stored[at] = ReadTile(level, hashes / kTileWidth, Complain::kYes);
      all_stored.insert(all_stored.end(), stored[at].begin(), stored[at].end());
    }
    const auto is_signed = [&](const Hashes& hashes) {
      return RootOfEdge(hashes, size()) == report_.head->root;
    };
    Basis basis = Basis::kSigned;
    if (!Complete(all_stored) || !is_signed(all_stored)) {
      basis = ResolveEdge(all_stored, is_signed, stored);
    }
    // The highest level has the first entries.
    for (int level = kTileLevels - 1; level >= 0; --level) {
      const Hashes& hashes = stored[static_cast<size_t>(level)];
      if (!hashes.empty()) Descend(level, HashesAt(level, size()) / kTileWidth, hashes, basis);
    }
  }

  // Replaces the hashes of the edge by those that were signed, if these can be found.
  template <typename IsSigned>
  Basis ResolveEdge(const Hashes& all_stored, const IsSigned& is_signed,
                    std::vector<Hashes>& edge) {
    std::vector<Hashes> derived(kTileLevels);
    Hashes all_derived;
    for (int level = 0; level < kTileLevels; ++level) {
      const auto at = static_cast<size_t>(level);
      if (edge[at].empty()) continue;
      derived[at] = DeriveTile(level, HashesAt(level, size()) / kTileWidth);
      all_derived.insert(all_derived.end(), derived[at].begin(), derived[at].end());
    }
    const std::optional<Hashes> resolved = Resolve(all_stored, all_derived, is_signed);
    if (!resolved.has_value() && Complete(all_stored, all_derived)) {
      FileDefect("ROOT_MISMATCH", std::string(kCheckpoint),
                 "the root differs from that of the files, and which of them are wrong cannot be "
                 "told");
    }
    auto next = resolved.has_value() ? resolved->begin() : Hashes::const_iterator();
    for (int level = 0; level < kTileLevels; ++level) {
      Hashes& hashes = edge[static_cast<size_t>(level)];
      if (hashes.empty()) continue;
      const uint64_t index = HashesAt(level, size()) / kTileWidth;
      const Hashes stored = hashes;
      if (resolved.has_value()) {
        std::copy_n(next, hashes.size(), hashes.begin());
        next += static_cast<std::ptrdiff_t>(hashes.size());
        CompareTile(level, index, stored, hashes);
        continue;
      }
      hashes = Unproven(stored, derived[static_cast<size_t>(level)]);
      const std::string places = Differences(stored, derived[static_cast<size_t>(level)]);
      if (!places.empty()) {
        FileDefect("ROOT_MISMATCH", NameOf(level, index), "the tile is not proven" + places);
      }
    }
    return resolved.has_value() ? Basis::kSigned : Basis::kUnproven;
  }

  // A full tile, whose root stands in the tile above it, unless that is unknown too.
  void VerifyTile(int level, uint64_t index, const std::optional<Digest>& root, Basis basis) {
    const Hashes stored = ReadTile(level, index, Complain::kYes);
    const auto is_signed = [&](const Hashes& hashes) {
      return !root.has_value() || RootOf(hashes) == *root;
    };
    if (Complete(stored) && is_signed(stored)) {
      Descend(level, index, stored, basis);
      return;
    }
    const Hashes derived = DeriveTile(level, index);
    const std::optional<Hashes> resolved = Resolve(stored, derived, is_signed);
    if (resolved.has_value()) {
      CompareTile(level, index, stored, *resolved);
      Descend(level, index, *resolved, basis);
      return;
    }
    if (const std::string places = Differences(stored, derived);
        !places.empty() || Complete(stored, derived)) {
      FileDefect("ROOT_MISMATCH", NameOf(level, index),
                 absl::StrFormat("the tile does not have the root that is hash %d of %s",
                                 index % kTileWidth, NameOf(level + 1, index / kTileWidth)) +
                     places);
    }
    Descend(level, index, Unproven(stored, derived), Basis::kUnproven);
  }

  void Descend(int level, uint64_t index, const Hashes& hashes, Basis basis) {
    if (level == 0) {
      VerifyBundle(index, hashes, basis);
      return;
    }
    for (size_t i = 0; i < hashes.size() && !GaveUp(); ++i) {
      VerifyTile(level - 1, index * kTileWidth + i, hashes[i],
                 hashes[i].has_value() ? basis : Basis::kUnproven);
    }
  }

  void VerifyBundle(uint64_t index, const Hashes& hashes, Basis basis) {
    const std::string name = NameOf({}, index);
    if (!Read(name, kMaxBundleBytes + 1, Complain::kYes, bundle_)) return;
    ++report_.bundles_read;
    BundleReader reader(bundle_);
    wrong_.clear();
    size_t count = 0;
    for (; count < hashes.size(); ++count) {
      const auto entry = reader.Next();
      if (!entry.has_value()) break;
      if (hashes[count].has_value() && LeafHash(*entry) != *hashes[count]) {
        wrong_.push_back(count);
      } else if (basis == Basis::kSigned && hashes[count].has_value()) {
        VerifyEntry(name, index * kTileWidth + count, *entry);
      }
    }
    // A wrong length makes everything after it wrong; then only the first place says something.
    const bool whole = count == hashes.size() && reader.rest().empty();
    if (!whole && wrong_.size() > 1) wrong_.resize(1);
    for (const size_t place : wrong_) {
      AddDefect(
          {.reason = "ENTRY_MISMATCH",
           .file = name,
           .index = index * kTileWidth + place,
           .message = absl::StrFormat("entry %d does not match %s", place, NameOf(0, index))});
    }
    if (count < hashes.size()) {
      AddDefect(
          {.reason = "FILE_TRUNCATED",
           .file = name,
           .index = index * kTileWidth + count,
           .message = absl::StrFormat("the file ends in entry %d of %d", count, hashes.size())});
    } else if (!reader.rest().empty()) {
      FileDefect("FILE_TRAILING", name,
                 absl::StrFormat("the file goes on after entry %d", count - 1));
    }
  }

  // An entry that is what the log signed.
  void VerifyEntry(const std::string& file, uint64_t index, std::string_view bytes) {
    ++report_.entries_verified;
    const auto finding = [&](std::string_view reason, std::string_view message) {
      return LogFinding{.reason = std::string(reason),
                        .file = file,
                        .index = index,
                        .message = absl::StrFormat("entry %d %s", index % kTileWidth, message)};
    };
    const auto leaf = DecodeLeaf(bytes);
    if (!leaf.ok()) {
      AddDefect(finding("LEAF_MALFORMED", "is no leaf"));
      return;
    }
    if (last_time_us_.has_value() && leaf->time_us < *last_time_us_) {
      AddWarning(finding("TIME_BACKWARDS", "is older than the entry before it"));
    }
    last_time_us_ = leaf->time_us;
    if (options_.check_entry == nullptr) return;
    const absl::Status status =
        options_.check_entry({.index = index, .bytes = bytes, .leaf = *leaf});
    if (status.ok()) return;
    const std::string reason = ReasonOf(status);
    AddDefect(finding(reason.empty() ? "ENTRY_REFUSED" : reason,
                      "is refused: " + std::string(FromAbsl(status.message()))));
  }

  // Files that no step above looked at.
  void FindUnexpectedFiles() {
    std::error_code error;
    for (fs::recursive_directory_iterator at(directory_, error), end; !error && at != end;
         at.increment(error)) {
      std::error_code ignored;
      if (at->is_directory(ignored) && !at->is_symlink(ignored)) continue;
      const std::string name = at->path().lexically_relative(directory_).generic_string();
      if (name == kCheckpoint) continue;
      const auto path = ParseTilePath(name);
      if (path.ok() && path->width == TileWidthAt(path->level.value_or(0), path->index, size())) {
        continue;
      }
      AddWarning({.reason = "FILE_UNEXPECTED",
                  .file = name,
                  .index = std::nullopt,
                  .message = "the file is no part of the log up to this checkpoint"});
    }
  }

  const fs::path& directory_;
  const LogVerifyOptions& options_;
  LogReport report_;
  std::optional<int64_t> last_time_us_;
  size_t missing_ = 0;
  // Used again for each file.
  std::string tile_;
  std::string bundle_;
  std::vector<size_t> wrong_;
};

}  // namespace

absl::Status WriteLogDirectory(const fs::path& directory, const EntryProvider& entries,
                               const TileSource& tiles, std::string_view checkpoint) {
  SLUIS_ASSIGN_OR_RETURN(const UnverifiedNote note, ParseNoteUnverified(checkpoint));
  SLUIS_ASSIGN_OR_RETURN(const CheckpointBody body, ParseCheckpointBody(note.text));
  std::error_code error;
  if (fs::exists(directory, error) && !fs::is_empty(directory, error)) {
    return FailedPrecondition("DIRECTORY_NOT_EMPTY", "the directory already has something in it");
  }
  const uint64_t size = body.head.size;
  for (int level = 0; level < kTileLevels; ++level) {
    const uint64_t hashes = HashesAt(level, size);
    for (uint64_t index = 0; index * kTileWidth < hashes; ++index) {
      const size_t width = TileWidthAt(level, index, size);
      if (level == 0) SLUIS_RETURN_IF_ERROR(WriteBundle(directory, entries, index, width));
      SLUIS_RETURN_IF_ERROR(WriteTile(directory, tiles, level, index, width));
    }
  }
  return WriteFile(directory, std::string(kCheckpoint), checkpoint);
}

std::string LogFinding::ToString() const { return file + ": " + message; }

LogReport VerifyLogDirectory(const fs::path& directory, std::string_view origin,
                             std::span<const VerifierKey> keys, const LogVerifyOptions& options) {
  return Verifier(directory, options).Run(origin, keys);
}

}  // namespace sluis::audit
