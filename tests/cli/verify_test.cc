// An export is verified with nothing but its files; whatever is changed in it is found and named.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/leaf.h"
#include "sluis/audit/log_directory.h"
#include "sluis/audit/log_tree.h"
#include "sluis/audit/proof_file.h"
#include "sluis/base/bytes.h"
#include "sluis/base/text.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/log/v1/record.pb.h"

namespace sluis::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kOrigin = "sluis.test/log TEST_DATA_ONLY";
constexpr std::string_view kKeyName = "sluis.test/log";

class Tiles final : public audit::TileSource {
 public:
  explicit Tiles(const std::vector<audit::Tile>& tiles) {
    for (const audit::Tile& tile : tiles) tiles_[{tile.level, tile.index}] = tile.hashes;
  }
  [[nodiscard]] absl::StatusOr<std::string> ReadTile(int level, uint64_t index) const override {
    return tiles_.at({level, index});
  }

 private:
  std::map<std::pair<int, uint64_t>, std::string> tiles_;
};

audit::SigningKey TestKey(char seed = 'k') {
  return *audit::SigningKey::FromSeed(kKeyName, SecretBytes::Take(std::string(32, seed)));
}

struct Entry {
  std::string leaf;
  std::string salt;
  std::string record;
};

// Entry `index` of partij `caller`, its number `seq`.
Entry MakeEntry(uint64_t index, const std::string& caller, uint64_t seq) {
  log::v1::Record record;
  record.set_caller(caller);
  record.set_partij_seq(seq);
  Entry entry;
  entry.record = record.SerializeAsString();
  entry.salt = std::string(32, static_cast<char>('a' + index % 26));
  std::array<uint8_t, 16> id{};
  id[0] = static_cast<uint8_t>(index);
  id[6] = 0x70;
  audit::Leaf leaf;
  leaf.event_id = Uuid(id);
  leaf.kind = log::v1::EventKind::FIELDS_REQUESTED;
  leaf.time_us = 1'795'420'827'000'000 + static_cast<int64_t>(index);
  leaf.partij_seq = seq;
  leaf.request = audit::Sha256({"request"});
  leaf.answer = audit::Sha256({"answer"});
  leaf.commitment = audit::CommitRecord(*audit::Salt::FromBytes(entry.salt), entry.record);
  entry.leaf = audit::EncodeLeaf(leaf);
  return entry;
}

// 300 entries (so that there are full and partial tiles, and two levels) of two partijen in turn.
std::vector<Entry> TestEntries() {
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < 300; ++i)
    entries.push_back(MakeEntry(i, i % 2 == 0 ? "P_ALMELO" : "P_MEDIANT", i / 2 + 1));
  return entries;
}

std::string RecordsOf(const std::vector<Entry>& entries) {
  std::string out;
  for (size_t i = 0; i < entries.size(); ++i) {
    absl::StrAppend(&out, R"({"index":)", i, R"(,"salt":")", Base64Encode(entries[i].salt),
                    R"(","record":")", Base64Encode(entries[i].record), "\"}\n");
  }
  return out;
}

// A tree of the first `size` entries.
struct Grown {
  std::unique_ptr<audit::LogTree> tree;
  std::unique_ptr<audit::LogTree::Batch> batch;
};
Grown Grow(const std::vector<Entry>& entries, size_t size) {
  Grown out;
  out.tree = std::make_unique<audit::LogTree>(
      *audit::LogTree::Open(std::make_shared<Tiles>(std::vector<audit::Tile>()), 0));
  out.batch = std::make_unique<audit::LogTree::Batch>(*out.tree);
  for (size_t i = 0; i < size; ++i) out.batch->Append(audit::LeafHash(entries[i].leaf));
  return out;
}

std::string CheckpointOf(const std::vector<Entry>& entries, size_t size) {
  return *audit::SignCheckpoint(kOrigin, Grow(entries, size).batch->head(), TestKey());
}

void FlipBit(const fs::path& file, size_t byte, int bit) {
  std::string bytes = ReadFile(file);
  ASSERT_LT(byte, bytes.size());
  bytes[byte] = static_cast<char>(bytes[byte] ^ (1 << bit));
  WriteFile(file, bytes);
}

class VerifyTest : public ::testing::Test {
 protected:
  void SetUp() override { Write(TestEntries()); }

  // Writes an export of `entries` to export/ and export.records.jsonl.
  void Write(const std::vector<Entry>& entries) {
    fs::remove_all(Export());
    const Grown grown = Grow(entries, entries.size());
    const Tiles tiles(grown.batch->ChangedTiles());
    const auto provider = [&](uint64_t first,
                              size_t count) -> absl::StatusOr<std::vector<std::string>> {
      std::vector<std::string> out;
      for (size_t i = 0; i < count; ++i) out.push_back(entries[first + i].leaf);
      return out;
    };
    ASSERT_THAT(
        audit::WriteLogDirectory(Export(), provider, tiles, CheckpointOf(entries, entries.size())),
        IsOk());
    WriteFile(Records(), RecordsOf(entries));
  }

  [[nodiscard]] fs::path Export() const { return directory_.path() / "export"; }
  [[nodiscard]] fs::path Records() const { return directory_.path() / "export.records.jsonl"; }

  CliRun Verify(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"audit", "verify", "export", "--log-key",
                                          TestKey().verifier().ToString()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCli(arguments, {.directory = directory_.path()});
  }

  // The records file with line `line` (from 1) replaced; none for an empty text.
  void ReplaceLine(size_t line, const std::string& text) {
    std::vector<std::string> lines = absl::StrSplit(ReadFile(Records()), '\n');
    if (text.empty()) {
      lines.erase(lines.begin() + static_cast<ptrdiff_t>(line) - 1);
    } else {
      lines[line - 1] = text;
    }
    WriteFile(Records(), absl::StrJoin(lines, "\n"));
  }

  TempDir directory_;
};

TEST_F(VerifyTest, AnExportThatIsAsItWasSignedIsGood) {
  const CliRun run = Verify();
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("300 entries"));
  EXPECT_THAT(run.out, HasSubstr("300 opened, 2 callers numbered without a gap"));
  EXPECT_THAT(run.out, HasSubstr("GOOD"));
  EXPECT_THAT(run.out, Not(HasSubstr("NOT GOOD")));
}

TEST_F(VerifyTest, TheReportIsJsonForPrograms) {
  const CliRun run = Verify({"--json"});
  EXPECT_EQ(run.exit_code, 0);
  const auto report = nlohmann::json::parse(run.out, nullptr, false);
  ASSERT_TRUE(report.is_object()) << run.out;
  EXPECT_EQ(report["good"], true);
  EXPECT_EQ(report["size"], 300);
  EXPECT_EQ(report["origin"], kOrigin);
  EXPECT_EQ(report["records"]["opened"], 300);
  EXPECT_EQ(report["records"]["callers"], 2);
}

TEST_F(VerifyTest, AFlippedBitInAnyFileIsFoundAndTheFileNamed) {
  std::vector<fs::path> files;
  for (const auto& found : fs::recursive_directory_iterator(Export())) {
    if (found.is_regular_file()) files.push_back(found.path());
  }
  ASSERT_EQ(files.size(), 6U);  // checkpoint; level 0: 256 and 44; level 1: 1; two bundles
  int flips = 0;
  for (const fs::path& file : files) {
    const std::string good = ReadFile(file);
    // First, last, and some in between.
    for (const size_t byte : {size_t{0}, good.size() / 3, good.size() / 2, good.size() - 1}) {
      SCOPED_TRACE(absl::StrCat(file.string(), " byte ", byte));
      FlipBit(file, byte, static_cast<int>((byte + file.string().size()) % 8));
      const CliRun run = Verify();
      EXPECT_EQ(run.exit_code, 6) << run.out << run.err;
      EXPECT_THAT(run.out, HasSubstr("NOT GOOD"));
      EXPECT_THAT(run.out, HasSubstr(file.lexically_relative(Export()).string() + ": "));
      WriteFile(file, good);
      ++flips;
    }
  }
  EXPECT_EQ(flips, 24);
  EXPECT_EQ(Verify().exit_code, 0);
}

TEST_F(VerifyTest, AFlippedBitInTheRecordsIsFoundAndTheLineNamed) {
  const std::string good = ReadFile(Records());
  const size_t line_feed = good.find('\n', good.size() / 2);
  for (const size_t byte : {size_t{0}, size_t{3}, size_t{10}, size_t{30}, good.size() / 2,
                            line_feed, good.size() - 1}) {
    for (const int bit : {0, 5}) {
      SCOPED_TRACE(absl::StrCat("byte ", byte, " bit ", bit));
      FlipBit(Records(), byte, bit);
      const CliRun run = Verify();
      EXPECT_EQ(run.exit_code, 6) << run.out << run.err;
      const auto line =
          1 + std::count(good.begin(), good.begin() + static_cast<ptrdiff_t>(byte), '\n');
      EXPECT_THAT(run.out, HasSubstr(absl::StrCat("export.records.jsonl:", line, ": ")));
      WriteFile(Records(), good);
    }
  }
}

TEST_F(VerifyTest, AnEntryThatIsWrongIsNamed) {
  const fs::path bundle = Export() / "tile" / "entries" / "000";
  FlipBit(bundle, (audit::kLeafBytes + 2) * 17 + 40, 3);
  const CliRun run = Verify();
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.out, HasSubstr("ENTRY_MISMATCH"));
  EXPECT_THAT(run.out, HasSubstr("entry 17 "));
  EXPECT_THAT(run.out, HasSubstr("299 entries"));
}

TEST_F(VerifyTest, AMissingFileIsNamed) {
  fs::remove(Export() / "tile" / "0" / "001.p" / "44");
  const CliRun run = Verify();
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.out, HasSubstr("FILE_MISSING"));
  EXPECT_THAT(run.out, HasSubstr("tile/0/001.p/44"));
}

TEST_F(VerifyTest, AnotherKeyIsNotBelieved) {
  const CliRun run =
      RunCli({"audit", "verify", "export", "--log-key", TestKey('x').verifier().ToString()},
             {.directory = directory_.path()});
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.out, HasSubstr("NOTE_UNKNOWN_KEY"));
  EXPECT_THAT(run.out, HasSubstr("nothing was checked"));
}

TEST_F(VerifyTest, AMissingRecordIsFound) {
  ReplaceLine(101, "");
  const CliRun run = Verify();
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.out, HasSubstr("RECORD_MISSING"));
  EXPECT_THAT(run.out, HasSubstr("entry 100 has no record"));
  EXPECT_THAT(run.out, Not(HasSubstr("SEQUENCE_GAP")));  // nobody can tell
}

TEST_F(VerifyTest, ARecordOfAnotherEntryIsFound) {
  const std::vector<Entry> entries = TestEntries();
  ReplaceLine(101, absl::StrCat(R"({"index":100,"salt":")", Base64Encode(entries[100].salt),
                                R"(","record":")", Base64Encode(entries[102].record), "\"}"));
  const CliRun run = Verify();
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.out, HasSubstr("COMMITMENT_MISMATCH"));
  EXPECT_THAT(run.out, HasSubstr("export.records.jsonl:101: "));
}

TEST_F(VerifyTest, RecordsThatGoOnAreFound) {
  WriteFile(Records(), ReadFile(Records()) + R"({"index":300,"salt":"","record":""})" + "\n");
  const CliRun run = Verify();
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.out, HasSubstr("RECORD_UNEXPECTED"));
}

// The log itself can be in order and still lack an entry that a partij was promised.
TEST_F(VerifyTest, AGapInTheNumbersOfACallerIsFound) {
  std::vector<Entry> entries = TestEntries();
  entries[40] = MakeEntry(40, "P_ALMELO", 22);
  Write(entries);
  const CliRun run = Verify();
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.out, HasSubstr("SEQUENCE_GAP"));
  EXPECT_THAT(run.out, HasSubstr("entry 40 is number 22 of P_ALMELO, number 21 was expected"));
  EXPECT_EQ(Verify({"--no-records"}).exit_code, 0);
}

TEST_F(VerifyTest, ANumberThatDoesNotStartAtOneIsFound) {
  std::vector<Entry> entries = TestEntries();
  entries[0] = MakeEntry(0, "P_TACTUS", 2);
  Write(entries);
  const CliRun run = Verify();
  EXPECT_EQ(run.exit_code, 6);
  EXPECT_THAT(run.out, HasSubstr("entry 0 is number 2 of P_TACTUS, number 1 was expected"));
}

TEST_F(VerifyTest, WithoutRecordsTheReportSaysWhatWasNotChecked) {
  fs::remove(Records());
  const CliRun run = Verify();
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, HasSubstr("was not checked"));
  // But a file that was named has to be there.
  EXPECT_EQ(Verify({"--records", "nowhere.jsonl"}).exit_code, 2);
}

TEST_F(VerifyTest, ACheckpointThatWasKeptShowsAnotherPast) {
  WriteFile(directory_.File("kept"), CheckpointOf(TestEntries(), 123));
  const CliRun same = Verify({"--known-checkpoint", "kept"});
  EXPECT_EQ(same.exit_code, 0) << same.out << same.err;
  EXPECT_THAT(same.out, HasSubstr("this log begins with it"));

  std::vector<Entry> other = TestEntries();
  other[7] = MakeEntry(7, "P_MEDIANT", 99);
  WriteFile(directory_.File("kept"), CheckpointOf(other, 123));
  const CliRun forked = Verify({"--known-checkpoint", "kept"});
  EXPECT_EQ(forked.exit_code, 6);
  EXPECT_THAT(forked.out, HasSubstr("LOG_FORKED"));

  other.resize(300, MakeEntry(0, "P_MEDIANT", 1));
  other.push_back(MakeEntry(0, "P_MEDIANT", 1));
  WriteFile(directory_.File("kept"), CheckpointOf(other, 301));
  EXPECT_EQ(Verify({"--known-checkpoint", "kept"}).exit_code, 6);  // the tail was cut off

  WriteFile(directory_.File("kept"), "not a checkpoint");
  EXPECT_EQ(Verify({"--known-checkpoint", "kept"}).exit_code, 6);
}

class VerifyProofTest : public VerifyTest {
 protected:
  void SetUp() override {
    const std::vector<Entry> entries = TestEntries();
    const Grown grown = Grow(entries, entries.size());
    leaf_ = entries[17].leaf;
    proof_ = audit::EncodeProofFile({.extra = leaf_,
                                     .index = 17,
                                     .path = *grown.batch->InclusionProof(17),
                                     .checkpoint = CheckpointOf(entries, entries.size())});
    WriteFile(File(), proof_);
  }

  [[nodiscard]] fs::path File() const { return directory_.path() / "17.tlog-proof"; }
  CliRun VerifyProof(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"audit", "verify-proof", "17.tlog-proof", "--log-key",
                                          TestKey().verifier().ToString()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCli(arguments, {.directory = directory_.path()});
  }

  std::string leaf_;
  std::string proof_;
};

TEST_F(VerifyProofTest, AProofIsGoodOnItsOwn) {
  const CliRun run = VerifyProof();
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
  EXPECT_THAT(run.out, HasSubstr("17 of 300"));
  EXPECT_THAT(run.out, HasSubstr("FIELDS_REQUESTED"));
  EXPECT_THAT(run.out, HasSubstr("GOOD"));
}

TEST_F(VerifyProofTest, AFlippedBitInAnyLineIsFound) {
  size_t start = 0;
  int lines = 0;
  while (start < proof_.size()) {
    const size_t end = proof_.find('\n', start);
    const size_t byte = start + (end - start) / 2;
    SCOPED_TRACE(absl::StrCat("byte ", byte));
    FlipBit(File(), byte, 1);
    const CliRun run = VerifyProof();
    EXPECT_EQ(run.exit_code, 6) << run.out << run.err;
    EXPECT_THAT(run.out, Not(HasSubstr("GOOD")));
    EXPECT_THAT(run.err, HasSubstr("sluis: "));
    WriteFile(File(), proof_);
    start = end + 1;
    ++lines;
  }
  EXPECT_GT(lines, 12);
}

TEST_F(VerifyProofTest, TheEntryMayStandApart) {
  audit::ProofFile proof = *audit::DecodeProofFile(proof_);
  proof.extra.reset();
  WriteFile(File(), audit::EncodeProofFile(proof));
  WriteFile(directory_.File("leaf"), leaf_);
  EXPECT_EQ(VerifyProof().exit_code, 2);  // which entry?
  EXPECT_EQ(VerifyProof({"--leaf", "leaf"}).exit_code, 0);
  FlipBit(directory_.File("leaf"), 60, 0);
  EXPECT_EQ(VerifyProof({"--leaf", "leaf"}).exit_code, 6);
}

TEST_F(VerifyProofTest, AnotherLogIsNotBelieved) {
  EXPECT_EQ(VerifyProof({"--origin", "other.test/log"}).exit_code, 6);
}

}  // namespace
}  // namespace sluis::testing
