#include "sluis/audit/log_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "naive_tree.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/leaf.h"
#include "sluis/audit/log_tree.h"
#include "sluis/base/errors.h"
#include "sluis/base_testing/status_matchers.h"

namespace sluis::audit {
namespace {

namespace fs = std::filesystem;
using ::sluis::testing::IsError;
using ::sluis::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::string_view kOrigin = "sluis.example/test";

SigningKey Key(char seed = 'k') {
  return *SigningKey::FromSeed(kOrigin, SecretBytes(std::string(32, seed)));
}

std::string Entry(uint64_t i) {
  return EncodeLeaf({.event_id = {},
                     .kind = 1,
                     .time_us = static_cast<int64_t>(1000 + i),
                     .partij_seq = i + 1,
                     .request = HashRequest(std::to_string(i)),
                     .answer = {},
                     .commitment = {}});
}

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
void WriteAll(const fs::path& path, std::string_view bytes) {
  fs::create_directories(path.parent_path());
  // In place if it fits: some file systems sync a file that is emptied and written again.
  const bool fits = fs::is_regular_file(path) && fs::file_size(path) == bytes.size();
  std::fstream out(path,
                   std::ios::binary | std::ios::out | (fits ? std::ios::in : std::ios::trunc));
  out << bytes;
}

// An exported log in a directory of its own.
class Export {
 public:
  explicit Export(std::vector<std::string> entries) : entries_(std::move(entries)) {
    static int count = 0;
    root_ = fs::path(::testing::TempDir()) /
            ("sluis-log-" + std::to_string(getpid()) + "-" + std::to_string(++count));
    fs::remove_all(root_);
    const auto tiles = std::make_shared<MemoryTiles>();
    LogTree tree = *LogTree::Open(tiles, 0);
    LogTree::Batch batch(tree);
    for (const std::string& entry : entries_) batch.Append(LeafHash(entry));
    tiles->Store(batch.ChangedTiles());
    head_ = batch.head();
    status_ = WriteLogDirectory(
        root_,
        [&](uint64_t first, size_t n) -> absl::StatusOr<std::vector<std::string>> {
          const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(first);
          return std::vector<std::string>(begin, begin + static_cast<std::ptrdiff_t>(n));
        },
        *tiles, *SignCheckpoint(kOrigin, head_, Key()));
    EXPECT_THAT(status_, IsOk());
  }
  explicit Export(uint64_t size) : Export(Entries(size)) {}
  Export(const Export&) = delete;
  Export& operator=(const Export&) = delete;
  ~Export() { fs::remove_all(root_); }

  static std::vector<std::string> Entries(uint64_t size) {
    std::vector<std::string> entries;
    for (uint64_t i = 0; i < size; ++i) entries.push_back(Entry(i));
    return entries;
  }

  const fs::path& root() const { return root_; }
  const TreeHead& head() const { return head_; }
  fs::path Path(const std::string& file) const { return root_ / file; }

  LogReport Verify(const LogVerifyOptions& options = {}) const {
    return VerifyLogDirectory(root_, kOrigin, {{Key().verifier()}}, options);
  }

  std::vector<std::string> Files() const {
    std::vector<std::string> files;
    for (const auto& file : fs::recursive_directory_iterator(root_)) {
      if (file.is_regular_file()) {
        files.push_back(file.path().lexically_relative(root_).generic_string());
      }
    }
    std::ranges::sort(files);
    return files;
  }

  // Runs `body` with `bytes` in the place of a file, and puts the file back.
  void With(const std::string& file, std::string_view bytes,
            const std::function<void()>& body) const {
    const std::string good = ReadAll(Path(file));
    WriteAll(Path(file), bytes);
    body();
    WriteAll(Path(file), good);
  }

 private:
  std::vector<std::string> entries_;
  fs::path root_;
  TreeHead head_;
  absl::Status status_;
};

std::vector<std::string> Lines(const std::vector<LogFinding>& findings) {
  std::vector<std::string> lines;
  lines.reserve(findings.size());
  for (const LogFinding& finding : findings) lines.push_back(finding.ToString());
  return lines;
}
std::set<std::string> FilesOf(const std::vector<LogFinding>& findings) {
  std::set<std::string> files;
  for (const LogFinding& finding : findings) files.insert(finding.file);
  return files;
}
std::vector<std::string> Reasons(const std::vector<LogFinding>& findings) {
  std::vector<std::string> reasons;
  reasons.reserve(findings.size());
  for (const LogFinding& finding : findings) reasons.push_back(finding.reason);
  return reasons;
}

TEST(TilePathTest, IsThatOfTheSpecification) {
  const std::vector<std::pair<std::string, TilePath>> paths = {
      {"tile/0/000", {.level = 0, .index = 0, .width = 256}},
      {"tile/0/x001/x234/067", {.level = 0, .index = 1234067, .width = 256}},
      {"tile/3/x001/000.p/1", {.level = 3, .index = 1000, .width = 1}},
      {"tile/7/999.p/255", {.level = 7, .index = 999, .width = 255}},
      {"tile/entries/000", {.level = {}, .index = 0, .width = 256}},
      {"tile/entries/x018/x446/x744/x073/x709/x551/615.p/17",
       {.level = {}, .index = UINT64_MAX, .width = 17}},
  };
  for (const auto& [text, path] : paths) {
    EXPECT_EQ(FormatTilePath(path), text);
    ASSERT_THAT(ParseTilePath(text), IsOk()) << text;
    EXPECT_EQ(*ParseTilePath(text), path);
  }
  for (const char* text : {"",
                           "tile",
                           "tile/",
                           "tile/0",
                           "tile/0/",
                           "tile/0/0",
                           "tile/0/00",
                           "tile/0/0000",
                           "tile/00/000",
                           "tile/8/000",
                           "tile/-1/000",
                           "tile/0/x000/000",
                           "tile/0/001/000",
                           "tile/0/x001/x000",
                           "tile/0/x001",
                           "tile/0/000.p",
                           "tile/0/000.p/",
                           "tile/0/000.p/0",
                           "tile/0/000.p/256",
                           "tile/0/000.p/01",
                           "tile/0/000.p/1/",
                           "tile/0/000.q/1",
                           "tile/0/abc",
                           "/tile/0/000",
                           "tile/0/000 ",
                           "tile/0/../000",
                           "checkpoint",
                           "tile/data/000",
                           "tile/0/x018/x446/x744/x073/x709/x551/616"}) {
    EXPECT_THAT(ParseTilePath(text),
                IsError(absl::StatusCode::kInvalidArgument, "TILE_PATH_MALFORMED"))
        << text;
  }
}

TEST(BundleTest, GoesThereAndBack) {
  std::string bundle;
  const std::vector<std::string> entries = {"", "a", std::string(65535, 'x'), "last"};
  for (const std::string& entry : entries) ASSERT_THAT(AppendToBundle(bundle, entry), IsOk());
  EXPECT_EQ(bundle.substr(0, 5), std::string("\0\0\0\1a", 5));
  const auto decoded = DecodeBundle(bundle);
  ASSERT_THAT(decoded, IsOk());
  EXPECT_THAT(*decoded, ElementsAre(entries[0], entries[1], entries[2], entries[3]));
  EXPECT_THAT(AppendToBundle(bundle, std::string(65536, 'x')),
              IsError(absl::StatusCode::kInvalidArgument, "ENTRY_TOO_LONG"));
  EXPECT_THAT(*DecodeBundle(""), IsEmpty());
}

TEST(BundleTest, WhatIsCutOffOrTooMuchIsRefused) {
  const auto malformed = IsError(absl::StatusCode::kInvalidArgument, "BUNDLE_MALFORMED");
  std::string bundle;
  ASSERT_THAT(AppendToBundle(bundle, "entry"), IsOk());
  for (size_t size = 1; size < bundle.size(); ++size) {
    EXPECT_THAT(DecodeBundle(bundle.substr(0, size)), malformed);
  }
  EXPECT_THAT(DecodeBundle(std::string(512, '\0')), IsOk());
  EXPECT_THAT(DecodeBundle(std::string(514, '\0')), malformed);
}

TEST(LogDirectoryTest, AnExportVerifies) {
  for (const uint64_t size : Sizes{0, 1, 2, 255, 256, 257, 512, 600, 1000}) {
    const Export log(size);
    const LogReport report = log.Verify();
    EXPECT_TRUE(report.ok()) << size;
    EXPECT_THAT(Lines(report.defects), IsEmpty());
    EXPECT_THAT(Lines(report.warnings), IsEmpty());
    EXPECT_EQ(report.head, log.head());
    EXPECT_EQ(report.entries_verified, size);
    EXPECT_EQ(report.bundles_read, (size + 255) / 256);
  }
}

TEST(LogDirectoryTest, ThreeLevelsVerify) {
  const Export log(66000);
  uint64_t next = 0;
  const LogReport report = log.Verify({.check_entry = [&](const LogEntry& entry) {
    EXPECT_EQ(entry.index, next);
    EXPECT_EQ(entry.leaf.partij_seq, ++next);
    return absl::OkStatus();
  }});
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.entries_verified, 66000U);
  EXPECT_EQ(report.tiles_read, 258U + 2U + 1U);
  EXPECT_EQ(next, 66000U);
}

TEST(LogDirectoryTest, HasTheFilesOfTheSpecification) {
  const Export log(600);
  EXPECT_THAT(log.Files(), ElementsAre("checkpoint", "tile/0/000", "tile/0/001", "tile/0/002.p/88",
                                       "tile/1/000.p/2", "tile/entries/000", "tile/entries/001",
                                       "tile/entries/002.p/88"));
  EXPECT_EQ(ReadAll(log.Path("tile/entries/002.p/88")).size(), 88 * (2 + kLeafBytes));
  EXPECT_EQ(ReadAll(log.Path("tile/1/000.p/2")).size(), 64U);
}

TEST(LogDirectoryTest, IsWrittenOnlyWhereNothingIs) {
  const Export log(3);
  const MemoryTiles tiles;
  const auto none = [](uint64_t, size_t) { return std::vector<std::string>(); };
  const std::string checkpoint = ReadAll(log.Path("checkpoint"));
  EXPECT_THAT(WriteLogDirectory(log.root(), none, tiles, checkpoint),
              IsError(absl::StatusCode::kFailedPrecondition, "DIRECTORY_NOT_EMPTY"));
  EXPECT_THAT(WriteLogDirectory(log.root() / "new", none, tiles, "no note"),
              IsError(absl::StatusCode::kInvalidArgument, "NOTE_MALFORMED"));
  EXPECT_THAT(WriteLogDirectory(log.root() / "new", none, tiles, checkpoint),
              IsError(absl::StatusCode::kDataLoss, "ENTRIES_MISSING"));
  EXPECT_THAT(
      WriteLogDirectory(
          log.Path("checkpoint") / "new",
          [](uint64_t first, size_t n) { return std::vector<std::string>(n, Entry(first)); }, tiles,
          checkpoint),
      IsError(absl::StatusCode::kUnavailable, "FILE_WRITE"));
}

// ---- Tampering. Nothing but the file that was changed may be blamed.

TEST(LogDirectoryTest, EachFlippedByteOfASmallLogIsFoundInItsPlace) {
  Export log(7);
  for (const std::string& file : log.Files()) {
    const std::string good = ReadAll(log.Path(file));
    for (size_t at = 0; at < good.size(); ++at) {
      log.With(file, FlipBit(good, at * 8 + at % 8), [&] {
        const LogReport report = log.Verify();
        ASSERT_FALSE(report.ok()) << file << " " << at;
        ASSERT_THAT(FilesOf(report.defects), ElementsAre(file)) << at;
        if (file == "tile/0/000.p/7") {
          ASSERT_THAT(Lines(report.defects),
                      ElementsAre(StartsWith("tile/0/000.p/7: hash " + std::to_string(at / 32) +
                                             " is wrong")));
        }
        if (file == "tile/entries/000.p/7") {
          const size_t entry = at / (2 + kLeafBytes);
          ASSERT_EQ(report.defects[0].index, entry);
          if (report.defects[0].reason == "ENTRY_MISMATCH") {
            ASSERT_EQ(report.defects[0].ToString(), "tile/entries/000.p/7: entry " +
                                                        std::to_string(entry) +
                                                        " does not match tile/0/000.p/7");
          } else {  // a length beyond the end
            ASSERT_EQ(
                report.defects[0].ToString(),
                "tile/entries/000.p/7: the file ends in entry " + std::to_string(entry) + " of 7");
          }
        }
      });
    }
  }
  EXPECT_TRUE(log.Verify().ok());
}

TEST(LogDirectoryTest, FlippedBytesOfALargerLogAreFoundInTheirPlaces) {
  Export log(600);
  for (const std::string& file : log.Files()) {
    const std::string good = ReadAll(log.Path(file));
    const auto path = ParseTilePath(file);
    for (size_t at = 0; at < good.size(); at += 41) {
      log.With(file, FlipBit(good, at * 8 + at % 8), [&] {
        const LogReport report = log.Verify();
        ASSERT_FALSE(report.ok());
        ASSERT_THAT(FilesOf(report.defects), ElementsAre(file)) << at;
        if (!path.ok()) return;
        if (path->level.has_value()) {
          ASSERT_THAT(Lines(report.defects),
                      ElementsAre(StartsWith(file + ": hash " + std::to_string(at / 32))));
          ASSERT_EQ(report.entries_verified, 600U);  // none the worse for it
        } else {
          ASSERT_EQ(report.defects[0].index, path->index * 256 + at / (2 + kLeafBytes));
        }
      });
    }
  }
}

TEST(LogDirectoryTest, AMissingFileIsFound) {
  Export log(600);
  for (const std::string& file : log.Files()) {
    const std::string good = ReadAll(log.Path(file));
    fs::remove(log.Path(file));
    const LogReport report = log.Verify();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(Lines(report.defects), ElementsAre(file + ": the file is missing"));
    EXPECT_THAT(Reasons(report.defects), ElementsAre("FILE_MISSING"));
    if (file.starts_with("tile/") && !file.starts_with("tile/entries")) {
      EXPECT_EQ(report.entries_verified, 600U) << file;
    }
    WriteAll(log.Path(file), good);
  }
}

TEST(LogDirectoryTest, AllTilesMissingLeavesTheEntriesProven) {
  Export log(600);
  for (const char* level : {"tile/0", "tile/1"}) fs::remove_all(log.Path(level));
  const LogReport report = log.Verify();
  EXPECT_THAT(FilesOf(report.defects),
              ElementsAre("tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"));
  EXPECT_EQ(report.entries_verified, 600U);
}

TEST(LogDirectoryTest, ATruncatedFileIsFound) {
  Export log(600);
  for (const std::string& file : log.Files()) {
    const std::string good = ReadAll(log.Path(file));
    for (const uint64_t keep : Sizes{size_t{0}, size_t{1}, good.size() / 2, good.size() - 1}) {
      log.With(file, good.substr(0, keep), [&] {
        const LogReport report = log.Verify();
        EXPECT_FALSE(report.ok());
        EXPECT_THAT(FilesOf(report.defects), ElementsAre(file));
        if (file != "checkpoint") {
          EXPECT_THAT(Reasons(report.defects), ElementsAre("FILE_TRUNCATED")) << file << keep;
        }
      });
    }
  }
  log.With("tile/entries/001", ReadAll(log.Path("tile/entries/001")).substr(0, 12 * 139 + 5), [&] {
    const LogReport report = log.Verify();
    EXPECT_THAT(Lines(report.defects),
                ElementsAre("tile/entries/001: the file ends in entry 12 of 256"));
    EXPECT_EQ(report.entries_verified, 600U - 244U);
  });
}

TEST(LogDirectoryTest, TrailingBytesAreFound) {
  Export log(600);
  for (const std::string& file : log.Files()) {
    if (file == "checkpoint") continue;  // another note, see below
    const std::string good = ReadAll(log.Path(file));
    for (const std::string& more : {std::string("x"), std::string(32, 'x'), good}) {
      log.With(file, good + more, [&] {
        const LogReport report = log.Verify();
        EXPECT_FALSE(report.ok());
        EXPECT_THAT(FilesOf(report.defects), ElementsAre(file));
        EXPECT_THAT(Reasons(report.defects), ElementsAre("FILE_TRAILING"));
        EXPECT_EQ(report.entries_verified, 600U);
      });
    }
  }
}

TEST(LogDirectoryTest, SwappedFilesAreFound) {
  Export log(600);
  const std::vector<std::string> files = log.Files();
  for (const std::string& a : files) {
    for (const std::string& b : files) {
      if (a >= b) continue;
      const std::string good_a = ReadAll(log.Path(a));
      const std::string good_b = ReadAll(log.Path(b));
      WriteAll(log.Path(a), good_b);
      WriteAll(log.Path(b), good_a);
      const LogReport report = log.Verify({.check_entry = nullptr, .max_findings = 10000});
      EXPECT_FALSE(report.ok());
      if (a == "checkpoint") {
        EXPECT_THAT(FilesOf(report.defects), ElementsAre("checkpoint"));
      } else {
        EXPECT_THAT(FilesOf(report.defects), ::testing::IsSupersetOf({a, b})) << a << " " << b;
      }
      WriteAll(log.Path(a), good_a);
      WriteAll(log.Path(b), good_b);
    }
  }
  EXPECT_TRUE(log.Verify().ok());
}

TEST(LogDirectoryTest, AnEntryAndItsHashChangedTogetherAreFound) {
  for (const uint64_t size : Sizes{100, 600}) {
    Export log(size);
    const std::string tile = size == 100 ? "tile/0/000.p/100" : "tile/0/000";
    const std::string bundle = size == 100 ? "tile/entries/000.p/100" : "tile/entries/000";
    std::string entries = ReadAll(log.Path(bundle));
    const size_t at = 12 * (2 + kLeafBytes);
    entries.replace(at + 2, kLeafBytes, Entry(999));
    std::string hashes = ReadAll(log.Path(tile));
    hashes.replace(12 * Digest::kSize, Digest::kSize, LeafHash(Entry(999)).bytes());
    WriteAll(log.Path(bundle), entries);
    WriteAll(log.Path(tile), hashes);
    const LogReport report = log.Verify();
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(Reasons(report.defects), ElementsAre("ROOT_MISMATCH"));
    // Below one full tile the checkpoint is all there is to compare with.
    EXPECT_THAT(Lines(report.defects),
                ElementsAre(size == 100 ? StartsWith("checkpoint: the root differs")
                                        : StartsWith("tile/0/000: the tile does not have the root "
                                                     "that is hash 0 of tile/1/000.p/2")));
    EXPECT_EQ(report.entries_verified, size == 100 ? 0U : 600U - 256U);
  }
}

TEST(LogDirectoryTest, SeveralChangesAreToldApart) {
  Export log(600);
  const auto flip = [&](const std::string& file, size_t byte) {
    WriteAll(log.Path(file), FlipBit(ReadAll(log.Path(file)), byte * 8));
  };
  flip("tile/0/001", size_t{5} * 32);              // a hash,
  flip("tile/entries/001", size_t{7} * 139 + 50);  // another entry of the same tile,
  flip("tile/1/000.p/2", 3);                       // a hash above,
  flip("tile/0/002.p/88", size_t{9} * 32);         // and one beside it
  const LogReport report = log.Verify();
  EXPECT_THAT(Lines(report.defects),
              ElementsAre("tile/0/002.p/88: hash 9 is wrong: the signed tree has that of "
                          "tile/entries/002.p/88 entry 9",
                          "tile/1/000.p/2: hash 0 is wrong: the signed tree has that of tile/0/000",
                          "tile/0/001: hash 5 is wrong: the signed tree has that of "
                          "tile/entries/001 entry 5",
                          "tile/entries/001: entry 7 does not match tile/0/001"));
  EXPECT_EQ(report.entries_verified, 599U);
}

TEST(LogDirectoryTest, AnotherHistoryUnderTheSameCheckpointIsFound) {
  Export log(600);
  std::vector<std::string> entries = Export::Entries(600);
  entries[300] = Entry(9999);
  const Export forged(entries);
  const std::string checkpoint = ReadAll(log.Path("checkpoint"));
  fs::copy(forged.root() / "tile", log.root() / "tile",
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const LogReport report = log.Verify();
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(Lines(report.defects), ElementsAre(StartsWith("checkpoint: the root differs")));
  EXPECT_EQ(report.entries_verified, 0U);
}

TEST(LogDirectoryTest, ALogThatLostItsTailIsFound) {
  Export log(600);
  const Export shorter(500);
  fs::remove_all(log.root() / "tile");
  fs::copy(shorter.root() / "tile", log.root() / "tile", fs::copy_options::recursive);
  const LogReport report = log.Verify();
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(Lines(report.defects),
              ::testing::UnorderedElementsAre(
                  "tile/0/002.p/88: the file is missing", "tile/1/000.p/2: the file is missing",
                  "tile/0/001: the file is missing", "tile/entries/001: the file is missing",
                  "tile/entries/002.p/88: the file is missing"));
  EXPECT_THAT(Lines(report.warnings),
              ::testing::Contains("tile/0/001.p/244: the file is no part of the log up to this "
                                  "checkpoint"));
}

TEST(LogDirectoryTest, ACheckpointOfFarMoreThanIsThereEndsTheSearch) {
  Export log(300);
  for (const uint64_t size : Sizes{uint64_t{1} << 40, UINT64_MAX}) {
    log.With("checkpoint", *SignCheckpoint(kOrigin, {size, Digest()}, Key()), [&] {
      const LogReport report = log.Verify();
      EXPECT_FALSE(report.ok());
      EXPECT_EQ(report.entries_verified, 0U);
      EXPECT_THAT(Lines(report.defects),
                  ::testing::Contains("tile: too many files are missing; the rest was not looked "
                                      "at"));
    });
  }
}

TEST(LogDirectoryTest, WithoutABelievableCheckpointNothingIsChecked) {
  Export log(5);
  const auto expect = [&](std::string_view checkpoint, const std::string& reason) {
    log.With("checkpoint", checkpoint, [&] {
      const LogReport report = log.Verify();
      EXPECT_FALSE(report.ok());
      EXPECT_EQ(report.head, std::nullopt);
      EXPECT_THAT(Reasons(report.defects), ElementsAre(reason));
      EXPECT_THAT(FilesOf(report.defects), ElementsAre("checkpoint"));
      EXPECT_EQ(report.entries_verified, 0U);
    });
  };
  const std::string good = ReadAll(log.Path("checkpoint"));
  expect("", "NOTE_MALFORMED");
  expect(good + "x", "NOTE_MALFORMED");
  expect(*SignCheckpoint(kOrigin, log.head(), Key('x')), "NOTE_UNKNOWN_KEY");
  expect(*SignCheckpoint("another", log.head(), Key()), "CHECKPOINT_ORIGIN");
  expect(*SignNote("text\n", Key()), "CHECKPOINT_MALFORMED");
  expect("another" + good, "NOTE_SIGNATURE");
  // A signature of somebody unknown more is no harm.
  const auto other = SigningKey::FromSeed("witness", SecretBytes(std::string(32, 'w')));
  const std::string witnessed = *SignNote(good.substr(0, good.rfind("\n\n") + 1), *other);
  log.With("checkpoint", good + witnessed.substr(witnessed.rfind("\n\n") + 2),
           [&] { EXPECT_TRUE(log.Verify().ok()); });
}

TEST(LogDirectoryTest, EntriesThatAreNoLeavesAreFound) {
  std::vector<std::string> entries = Export::Entries(300);
  entries[260] = "no leaf";
  const Export log(entries);
  const LogReport report = log.Verify();
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(Lines(report.defects), ElementsAre("tile/entries/001.p/44: entry 4 is no leaf"));
  EXPECT_EQ(report.defects[0].index, 260U);
  EXPECT_EQ(report.entries_verified, 300U);
}

TEST(LogDirectoryTest, TimeThatGoesBackwardsIsAWarning) {
  std::vector<std::string> entries = Export::Entries(300);
  std::swap(entries[255], entries[256]);
  const Export log(entries);
  const LogReport report = log.Verify();
  EXPECT_TRUE(report.ok());
  EXPECT_THAT(Lines(report.warnings),
              ElementsAre("tile/entries/001.p/44: entry 0 is older than the entry before it"));
  EXPECT_THAT(Reasons(report.warnings), ElementsAre("TIME_BACKWARDS"));
}

TEST(LogDirectoryTest, TheCallerMayCheckMore) {
  const Export log(300);
  const LogReport report = log.Verify({.check_entry = [](const LogEntry& entry) {
    if (entry.index == 5) return DataLoss("SEQ_GAP", "a gap");
    if (entry.index == 299) return absl::InternalError("something");
    return absl::OkStatus();
  }});
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(Lines(report.defects),
              ElementsAre("tile/entries/000: entry 5 is refused: a gap",
                          "tile/entries/001.p/44: entry 43 is refused: something"));
  EXPECT_THAT(Reasons(report.defects), ElementsAre("SEQ_GAP", "ENTRY_REFUSED"));
}

TEST(LogDirectoryTest, FindingsAreCountedBeyondTheLimit) {
  const Export log(300);
  const LogReport report = log.Verify(
      {.check_entry = [](const LogEntry&) { return DataLoss("NO", "no"); }, .max_findings = 10});
  EXPECT_EQ(report.defects.size(), 10U);
  EXPECT_EQ(report.defect_count, 300U);
}

TEST(LogDirectoryTest, OtherFilesAreMentioned) {
  const Export log(300);
  for (const char* file : {"notes.txt", "tile/0/000.p/12", "tile/0/001", "tile/0/002", "tile/2/000",
                           "tile/entries/0000"}) {
    WriteAll(log.Path(file), "something");
    const LogReport report = log.Verify();
    EXPECT_TRUE(report.ok());
    EXPECT_THAT(FilesOf(report.warnings), ElementsAre(file));
    fs::remove(log.Path(file));
    fs::remove(log.Path("tile/0/000.p"));
  }
}

TEST(LogDirectoryTest, WhatIsNoRegularFileIsNotWaitedFor) {
  const Export log(5);
  fs::remove(log.Path("tile/entries/000.p/5"));
  ASSERT_EQ(mkfifo(log.Path("tile/entries/000.p/5").c_str(), 0600), 0);
  EXPECT_THAT(Reasons(log.Verify().defects), ElementsAre("FILE_UNREADABLE"));
  fs::remove(log.Path("tile/entries/000.p/5"));
  fs::create_directory(log.Path("tile/entries/000.p/5"));
  EXPECT_THAT(Reasons(log.Verify().defects), ElementsAre("FILE_UNREADABLE"));
  EXPECT_THAT(Reasons(VerifyLogDirectory(log.root() / "nowhere", kOrigin, {}).defects),
              ElementsAre("FILE_MISSING"));
}

}  // namespace
}  // namespace sluis::audit
