// Somebody changes the database behind the broker's back. The broker notices at its next start,
// says where, and takes nothing more; what it cannot notice, a partij with a receipt does.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "log_bench.h"

#include "sluis/audit/checkpoint.h"
#include "sluis/audit/log_tree.h"
#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/store/sqlite_db.h"

namespace sluis::ledger {
namespace {

using absl::StatusCode;
using testing::AnswerOf;
using testing::BenchKey;
using ::testing::HasSubstr;
using testing::IsError;
using testing::IsOk;
using testing::kBenchOrigin;
using testing::LogBench;
using testing::Problems;
using testing::RequestOf;
using testing::TempDir;

// More than two full tiles, so that there is a second level.
constexpr int kEntries = 600;

std::unique_ptr<store::Store> OpenStore(const std::string& path) {
  auto opened = store::OpenSqliteStore(path);
  EXPECT_THAT(opened, IsOk());
  return opened.ok() ? *std::move(opened) : nullptr;
}

class StoredLogTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    original_ = new TempDir;  // NOLINT(cppcoreguidelines-owning-memory): for all tests of the suite
    const auto store = OpenStore(original_->File("log.db"));
    LogBench bench(*store);
    for (const auto& committed : bench.Fill("first", kEntries)) ASSERT_THAT(committed, IsOk());
  }
  static void TearDownTestSuite() { delete original_; }  // NOLINT(cppcoreguidelines-owning-memory)

  StoredLogTest() { std::filesystem::copy_file(original_->File("log.db"), path_); }

  // Changes the database as somebody with access to its file can.
  void Change(const std::string& sql) const {
    auto db = store::SqliteDb::Open(path_, store::SqliteDb::Mode::kReadWrite);
    ASSERT_THAT(db, IsOk());
    ASSERT_THAT((*db)->Execute(sql), IsOk());
  }

  // Flips bits of one byte of a blob.
  static void Flip(store::SqliteDb& db, const std::string& table, const std::string& column,
                   const std::string& where, size_t offset, uint8_t bits) {
    std::string bytes;
    {
      auto query = db.Prepare(absl::StrCat("SELECT ", column, " FROM ", table, " ", where));
      ASSERT_THAT(query, IsOk());
      ASSERT_TRUE(query->Step().value_or(false));
      bytes = query->Bytes(0);
    }
    ASSERT_LT(offset, bytes.size());
    bytes[offset] = static_cast<char>(static_cast<uint8_t>(bytes[offset]) ^ bits);
    auto update = db.Prepare(absl::StrCat("UPDATE ", table, " SET ", column, " = ?1 ", where));
    ASSERT_THAT(update, IsOk());
    ASSERT_THAT(update->Bind(1, bytes).Run(), IsOk());
  }
  void Flip(const std::string& table, const std::string& column, const std::string& where,
            size_t offset, uint8_t bits) const {
    auto db = store::SqliteDb::Open(path_, store::SqliteDb::Mode::kReadWrite);
    ASSERT_THAT(db, IsOk());
    Flip(**db, table, column, where, offset, bits);
  }

  // Everything that verification finds.
  static std::string Found(store::Store& store) {
    std::string all;
    for (const std::string& problem : Problems(store)) absl::StrAppend(&all, problem, "; ");
    return all;
  }
  [[nodiscard]] std::string Found() const { return Found(*OpenStore(path_)); }

  // A broker on this database takes nothing, and says why.
  void ExpectRefused(const std::string& words) const {
    const auto store = OpenStore(path_);
    const store::HeadRow before = *(*store->Read())->Head();
    LogBench bench(*store);
    ASSERT_THAT(bench.opened(), IsOk());
    EXPECT_THAT(bench.ledger().health(),
                IsError(StatusCode::kFailedPrecondition, "LOG_NOT_VERIFIED"));
    EXPECT_THAT(std::string(bench.ledger().health().message()), HasSubstr(words));
    EXPECT_THAT(bench.Call("P_0", "after"),
                IsError(StatusCode::kFailedPrecondition, "LOG_NOT_VERIFIED"));
    const auto reader = *store->Read();
    EXPECT_EQ(reader->Head()->checkpoint, before.checkpoint);
    EXPECT_EQ(*reader->Get(store::Table::kDeposit, "after"), std::nullopt);
  }

  static TempDir* original_;
  TempDir directory_;
  std::string path_ = directory_.File("log.db");
};

TempDir* StoredLogTest::original_ = nullptr;

TEST_F(StoredLogTest, AnUntouchedLogVerifiesAndGrows) {
  EXPECT_EQ(Found(), "");
  const auto store = OpenStore(path_);
  LogBench bench(*store);
  EXPECT_THAT(bench.ledger().health(), IsOk());
  const auto committed = bench.Call("P_0", "after");
  ASSERT_THAT(committed, IsOk());
  EXPECT_EQ(committed->receipt.index, uint64_t{kEntries});
}

TEST_F(StoredLogTest, EveryByteOfALeafCounts) {
  {
    const auto store = OpenStore(path_);
    const auto db = *store::SqliteDb::Open(path_, store::SqliteDb::Mode::kReadWrite);
    for (size_t offset = 0; offset < audit::kLeafBytes; ++offset) {
      const auto bit = static_cast<uint8_t>(1U << (offset % 8));
      Flip(*db, "entry", "leaf", "WHERE idx = 417", offset, bit);
      EXPECT_THAT(Found(*store), HasSubstr("entry 417")) << "byte " << offset;
      Flip(*db, "entry", "leaf", "WHERE idx = 417", offset, bit);
    }
    EXPECT_EQ(Found(*store), "");
  }
  Flip("entry", "leaf", "WHERE idx = 417", 100, 1);
  ExpectRefused("entry 417");
}

TEST_F(StoredLogTest, RecordsAndSaltsBelongToTheirLeaves) {
  for (const char* column : {"record", "salt"}) {
    Flip("entry", column, "WHERE idx = 17", 5, 0x10);
    EXPECT_THAT(Found(), HasSubstr("entry 17: the record does not fit its commitment")) << column;
    ExpectRefused("entry 17");
    Flip("entry", column, "WHERE idx = 17", 5, 0x10);
  }
}

TEST_F(StoredLogTest, TheColumnsForSearchSayWhatTheRecordSays) {
  for (const char* change :
       {"kind = 21", "time = time + 1", "caller = x'41'", "casus_id = x''", "pseudonym = x'00'"}) {
    std::filesystem::copy_file(original_->File("log.db"), path_,
                               std::filesystem::copy_options::overwrite_existing);
    Change(absl::StrCat("UPDATE entry SET ", change, " WHERE idx = 300"));
    EXPECT_THAT(Found(), HasSubstr("entry 300: columns, record and leaf differ")) << change;
    ExpectRefused("entry 300");
  }
}

TEST_F(StoredLogTest, ADeletedEntryIsMissing) {
  Change("DELETE FROM entry WHERE idx = 255");
  EXPECT_THAT(Found(), HasSubstr("entry 255 is missing"));
  ExpectRefused("entry 255 is missing");
}

TEST_F(StoredLogTest, ADeletedEntryIsMissedEvenWhenTheOthersMoveUp) {
  Change(
      "DELETE FROM entry WHERE idx = 255; UPDATE entry SET idx = -idx WHERE idx > 255;"
      "UPDATE entry SET idx = -idx - 1 WHERE idx < 0;"
      "UPDATE head SET size = size - 1");
  EXPECT_THAT(Found(), HasSubstr("entry 255"));
  EXPECT_THAT(Found(), HasSubstr("do not hash to the signed root"));
  ExpectRefused("entry");
}

TEST_F(StoredLogTest, ACutTailIsMissed) {
  Change("DELETE FROM entry WHERE idx >= 590");
  EXPECT_THAT(Found(), HasSubstr("the log has 590 entries, its head says 600"));
  // Also with the head brought down: nobody can sign it.
  Change("UPDATE head SET size = 590");
  EXPECT_THAT(Found(), HasSubstr("do not hash to the signed root of size 600"));
  ExpectRefused("do not hash to the signed root of size 600");
}

TEST_F(StoredLogTest, SwappedEntriesAreFoundThoughTheyAreGenuine) {
  Change(
      "UPDATE entry SET idx = -1 WHERE idx = 100; UPDATE entry SET idx = 100 WHERE idx = 103;"
      "UPDATE entry SET idx = 103 WHERE idx = -1");
  EXPECT_THAT(Found(), HasSubstr("entry 100"));
  ExpectRefused("entry 100");
}

TEST_F(StoredLogTest, AnEntryThatWasAddedIsFound) {
  Change(
      "INSERT INTO entry SELECT 600, leaf, salt, record, answer, texts, time, kind, caller,"
      " source, casus_id, pseudonym, event_id FROM entry WHERE idx = 599");
  EXPECT_THAT(Found(), HasSubstr("the log has 601 entries, its head says 600"));
  ExpectRefused("entry 600");
}

TEST_F(StoredLogTest, TilesBelongToTheEntries) {
  struct Case {
    const char* where;
    const char* words;
  };
  for (const Case& each :
       {Case{"WHERE level = 0 AND idx = 0", "tile 0/0 does not belong to the entries"},
        Case{"WHERE level = 0 AND idx = 2", "tile 0/2 does not belong to the entries"},
        Case{"WHERE level = 1 AND idx = 0", "tile 1/0 does not belong to the entries"}}) {
    Flip("tile", "hashes", each.where, 40, 1);
    EXPECT_THAT(Found(), HasSubstr(each.words));
    ExpectRefused(each.words);
    Flip("tile", "hashes", each.where, 40, 1);
  }
  Flip("tile", "hashes", "WHERE level = 0 AND idx = 1", 5 * 32 + 3, 1);
  EXPECT_THAT(Found(), HasSubstr("first at entry 261"));
  Change("DELETE FROM tile WHERE level = 0 AND idx = 1");
  EXPECT_THAT(Found(), HasSubstr("tile 0/1 does not belong to the entries"));
}

TEST_F(StoredLogTest, EveryCharacterOfTheCheckpointCounts) {
  size_t size = 0;
  {
    const auto store = OpenStore(path_);
    const auto db = *store::SqliteDb::Open(path_, store::SqliteDb::Mode::kReadWrite);
    size = (*store->Read())->Head()->checkpoint.size();
    for (size_t offset = 0; offset < size; ++offset) {
      Flip(*db, "head", "checkpoint", "WHERE id = 1", offset, 1);
      EXPECT_NE(Found(*store), "") << "byte " << offset;
      Flip(*db, "head", "checkpoint", "WHERE id = 1", offset, 1);
    }
    EXPECT_EQ(Found(*store), "");
  }
  Flip("head", "checkpoint", "WHERE id = 1", size - 10, 2);
  ExpectRefused("the checkpoint is not one of this log");
}

TEST_F(StoredLogTest, ACheckpointOfAnotherKeyNameOrTimeIsNone) {
  const auto put = [&](const std::string& checkpoint) {
    auto db = store::SqliteDb::Open(path_, store::SqliteDb::Mode::kReadWrite);
    ASSERT_THAT(db, IsOk());
    auto update = (*db)->Prepare("UPDATE head SET checkpoint = ?1");
    ASSERT_THAT(update, IsOk());
    ASSERT_THAT(update->Bind(1, checkpoint).Run(), IsOk());
  };
  const std::string good = [&] {
    const auto store = OpenStore(path_);
    return (*store->Read())->Head()->checkpoint;
  }();
  const audit::VerifierKey keys[] = {BenchKey().verifier()};
  const audit::TreeHead head = *audit::OpenCheckpoint(good, kBenchOrigin, keys);
  put(*audit::SignCheckpoint(kBenchOrigin, head, BenchKey('x')));
  ExpectRefused("the checkpoint is not one of this log");
  put(*audit::SignCheckpoint("sluis.test/other", head, BenchKey()));
  ExpectRefused("the checkpoint is not one of this log");
  // A genuine one of another tree.
  put(*audit::SignCheckpoint(kBenchOrigin, {head.size, audit::EmptyRoot()}, BenchKey()));
  ExpectRefused("do not hash to the signed root of size 600");
  put("");
  ExpectRefused("the checkpoint is not one of this log");
  put(good);
  EXPECT_EQ(Found(), "");
}

TEST_F(StoredLogTest, CountersOfPartijenFitTheirEntries) {
  for (const char* change :
       {"UPDATE counter SET value = x'0000000000000007' WHERE key = CAST('P_1' AS BLOB)",
        "UPDATE counter SET value = x'07' WHERE key = CAST('P_1' AS BLOB)",
        "DELETE FROM counter WHERE key = CAST('P_1' AS BLOB)"}) {
    std::filesystem::copy_file(original_->File("log.db"), path_,
                               std::filesystem::copy_options::overwrite_existing);
    Change(change);
    EXPECT_THAT(Found(), HasSubstr("the counter of P_1")) << change;
    ExpectRefused("the counter of P_1");
  }
  std::filesystem::copy_file(original_->File("log.db"), path_,
                             std::filesystem::copy_options::overwrite_existing);
  Change("INSERT INTO counter VALUES (CAST('P_9' AS BLOB), x'0000000000000007')");
  ExpectRefused("the counter of P_9");
}

// Going back to an older copy leaves a log that verifies: only somebody who remembers can tell.
TEST_F(StoredLogTest, APartijThatKeptAReceiptNoticesAnOlderCopy) {
  audit::ReceiptVerifier partij{std::string(kBenchOrigin), {BenchKey().verifier()}};
  const std::string copy = directory_.File("copy.db");
  std::filesystem::copy_file(path_, copy);
  {
    const auto store = OpenStore(path_);
    LogBench bench(*store);
    const auto committed = bench.Call("P_0", "kept");
    ASSERT_THAT(committed, IsOk());
    ASSERT_THAT(partij.Verify(committed->receipt, RequestOf("kept"), AnswerOf("kept")), IsOk());
    ASSERT_EQ(partij.trusted_head()->size, uint64_t{kEntries} + 1);
  }
  std::filesystem::rename(copy, path_);
  EXPECT_EQ(Found(), "");
  const auto store = OpenStore(path_);
  LogBench bench(*store);
  ASSERT_THAT(bench.ledger().health(), IsOk());
  const uint64_t known = partij.trusted_head()->size;
  // The first entry of the other history makes a tree of the same size with another root.
  const auto fork = bench.Call("P_0", "other", known);
  ASSERT_THAT(fork, IsOk());
  EXPECT_THAT(partij.Verify(fork->receipt, RequestOf("other"), AnswerOf("other")),
              IsError(StatusCode::kDataLoss, "LOG_FORKED"));
  // And a longer one does not begin with what the partij knows.
  const auto later = bench.Call("P_0", "later", known);
  ASSERT_THAT(later, IsOk());
  EXPECT_THAT(partij.Verify(later->receipt, RequestOf("later"), AnswerOf("later")),
              IsError(StatusCode::kDataLoss, "PROOF_MISMATCH"));
}

TEST_F(StoredLogTest, AnOlderCopyThatIsBehindProvesNothing) {
  audit::ReceiptVerifier partij{std::string(kBenchOrigin), {BenchKey().verifier()}};
  const std::string copy = directory_.File("copy.db");
  std::filesystem::copy_file(path_, copy);
  {
    const auto store = OpenStore(path_);
    LogBench bench(*store);
    for (const auto& committed : bench.Fill("more", 20)) ASSERT_THAT(committed, IsOk());
    const auto kept = bench.Call("P_0", "kept");
    ASSERT_THAT(partij.Verify(kept->receipt, RequestOf("kept"), AnswerOf("kept")), IsOk());
  }
  std::filesystem::rename(copy, path_);
  const auto store = OpenStore(path_);
  LogBench bench(*store);
  const auto behind = bench.Call("P_0", "behind", partij.trusted_head()->size);
  ASSERT_THAT(behind, IsOk());
  EXPECT_EQ(behind->receipt.consistency_from, 0U);
  EXPECT_THAT(partij.Verify(behind->receipt, RequestOf("behind"), AnswerOf("behind")),
              IsError(StatusCode::kFailedPrecondition, "CONSISTENCY_NEEDED"));
}

// Whatever byte of the file goes wrong: it is noticed, or it made no difference to the log.
TEST_F(StoredLogTest, NoDamagedByteOfTheFileChangesTheLogUnnoticed) {
  std::string content;
  {
    std::ifstream in(path_, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    content = out.str();
  }
  const auto leaves_of = [](store::Store& store) {
    std::vector<std::string> leaves;
    const auto reader = *store.Read();
    const auto entries = reader->Entries(0, kEntries + 10);
    if (!entries.ok()) return leaves;
    for (const store::EntryRow& entry : *entries) leaves.push_back(entry.leaf + entry.record);
    return leaves;
  };
  std::vector<std::string> expected;
  {
    const auto store = OpenStore(path_);
    expected = leaves_of(*store);
    ASSERT_EQ(expected.size(), size_t{kEntries});
  }
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  int noticed = 0;
  for (int round = 0; round < 150; ++round) {
    const size_t offset = random() % content.size();
    const auto bits = static_cast<char>(1 + random() % 255);
    std::string damaged = content;
    damaged[offset] = static_cast<char>(damaged[offset] ^ bits);
    const std::string path = directory_.File(absl::StrCat("damaged", round, ".db"));
    std::ofstream(path, std::ios::binary) << damaged;
    auto store = store::OpenSqliteStore(path);
    if (!store.ok() || !Problems(**store).empty()) {
      ++noticed;
    } else {
      EXPECT_EQ(leaves_of(**store), expected) << "byte " << offset;
    }
    store = absl::UnknownError("closed");
    std::filesystem::remove(path);
  }
  // Most of the file is the log.
  EXPECT_GT(noticed, 50);
}

}  // namespace
}  // namespace sluis::ledger
