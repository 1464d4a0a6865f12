// The comment of sluis/store/store.h, executable: what every store keeps to. A second kind of store
// adds one line at the end.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/store/sqlite_store.h"
#include "sluis/store/store.h"

namespace sluis::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsError;
using testing::IsOk;
using ::testing::Not;
using ::testing::Optional;

struct Backend {
  const char* name;
  // Opens the store that is kept in the directory; the same one when opened again.
  std::function<absl::StatusOr<std::unique_ptr<Store>>(const testing::TempDir&)> open;
};
void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }

EntryRow Entry(uint64_t index) {
  EntryRow entry;
  entry.index = index;
  entry.leaf = "leaf" + std::to_string(index);
  entry.salt = std::string("\0salt", 5);
  entry.record = "record";
  entry.time = static_cast<int64_t>(1000 + index);
  entry.kind = 1;
  entry.caller = "P_A";
  return entry;
}

std::string EventId(uint64_t index) {
  std::string id(16, '\0');
  id[0] = static_cast<char>(index);
  return id;
}

class StoreContractTest : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    store_.reset();
    auto opened = GetParam().open(directory_);
    ASSERT_THAT(opened, IsOk());
    store_ = *std::move(opened);
  }

  std::unique_ptr<Transaction> Begin() {
    auto begun = store_->Begin();
    EXPECT_THAT(begun, IsOk());
    return *std::move(begun);
  }
  std::unique_ptr<Reader> Read() {
    auto reader = store_->Read();
    EXPECT_THAT(reader, IsOk());
    return *std::move(reader);
  }
  void Put(Table table, std::string_view key, std::string_view value) {
    const auto transaction = Begin();
    ASSERT_THAT(transaction->Put(table, key, value), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  static std::optional<std::string> Get(Reader& reader, std::string_view key,
                                        Table table = Table::kCasus) {
    auto got = reader.Get(table, key);
    EXPECT_THAT(got, IsOk());
    return *std::move(got);
  }
  std::optional<std::string> Get(std::string_view key, Table table = Table::kCasus) {
    return Get(*Read(), key, table);
  }
  static std::vector<std::string> Keys(Reader& reader, std::string_view prefix,
                                       std::string_view after, size_t limit) {
    std::vector<std::string> keys;
    auto documents = reader.Scan(Table::kRecord, prefix, after, limit);
    EXPECT_THAT(documents, IsOk());
    for (const Document& document : *documents) keys.push_back(document.key);
    return keys;
  }
  std::vector<uint64_t> Find(const EntryFilter& filter, uint64_t start = 0, size_t limit = 100) {
    std::vector<uint64_t> found;
    auto entries = Read()->Search(filter, start, limit);
    EXPECT_THAT(entries, IsOk());
    for (const EntryRow& entry : *entries) found.push_back(entry.index);
    return found;
  }

  testing::TempDir directory_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreContractTest, ADocumentIsThereOnlyAfterCommit) {
  auto transaction = Begin();
  ASSERT_THAT(transaction->Put(Table::kCasus, "k", "v"), IsOk());
  EXPECT_THAT(Get(*transaction, "k"), Optional(std::string("v")));
  EXPECT_EQ(Get("k"), std::nullopt);
  ASSERT_THAT(transaction->Commit(), IsOk());
  EXPECT_THAT(Get("k"), Optional(std::string("v")));
}

TEST_P(StoreContractTest, WhatIsDroppedIsRolledBack) {
  Put(Table::kCasus, "k", "old");
  {
    const auto transaction = Begin();
    ASSERT_THAT(transaction->Put(Table::kCasus, "k", "new"), IsOk());
    ASSERT_THAT(transaction->AppendEntry(Entry(0), EventId(0)), IsOk());
    ASSERT_THAT(transaction->PutTile({0, 0, "hashes"}), IsOk());
    ASSERT_THAT(transaction->PutHead({1, "checkpoint"}), IsOk());
  }
  EXPECT_THAT(Get("k"), Optional(std::string("old")));
  EXPECT_EQ(Read()->Head()->size, 0U);
  EXPECT_THAT(*Read()->Entries(0, 10), IsEmpty());
  EXPECT_EQ(*Read()->Tile(0, 0), std::nullopt);
}

TEST_P(StoreContractTest, EverythingIsThereAfterReopening) {
  {
    const auto transaction = Begin();
    ASSERT_THAT(transaction->Put(Table::kVersion, "k", "v"), IsOk());
    ASSERT_THAT(transaction->AppendEntry(Entry(0), EventId(0)), IsOk());
    ASSERT_THAT(transaction->PutTile({1, 2, "hashes"}), IsOk());
    ASSERT_THAT(transaction->PutHead({1, "checkpoint"}), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  Reopen();
  EXPECT_THAT(Get("k", Table::kVersion), Optional(std::string("v")));
  const auto reader = Read();
  EXPECT_EQ(reader->Head()->size, 1U);
  EXPECT_EQ(reader->Head()->checkpoint, "checkpoint");
  EXPECT_THAT(*reader->Tile(1, 2), Optional(std::string("hashes")));
  EXPECT_EQ(*reader->Tile(2, 1), std::nullopt);
  const auto entries = reader->Entries(0, 10);
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().leaf, "leaf0");
  EXPECT_EQ(entries->front().salt, std::string("\0salt", 5));
}

TEST_P(StoreContractTest, ANewStoreIsAnEmptyLog) {
  EXPECT_EQ(Read()->Head()->size, 0U);
  EXPECT_EQ(Read()->Head()->checkpoint, "");
  EXPECT_THAT(*Read()->Entries(0, 10), IsEmpty());
}

TEST_P(StoreContractTest, KeysAndValuesAreBytes) {
  const std::string key("\0\xff\0k", 4);
  Put(Table::kPerson, key, std::string("\0", 1));
  EXPECT_THAT(Get(key, Table::kPerson), Optional(std::string("\0", 1)));
  EXPECT_EQ(Get(std::string("\0\xff\0", 3), Table::kPerson), std::nullopt);
  Put(Table::kPerson, "empty", "");
  EXPECT_THAT(Get("empty", Table::kPerson), Optional(std::string()));
}

TEST_P(StoreContractTest, TablesAreApart) {
  for (int i = 0; i < kTableCount; ++i) Put(static_cast<Table>(i), "k", std::to_string(i));
  for (int i = 0; i < kTableCount; ++i)
    EXPECT_THAT(Get("k", static_cast<Table>(i)), Optional(std::to_string(i)));
}

TEST_P(StoreContractTest, PutReplacesAndDeleteForgets) {
  Put(Table::kCasus, "k", "1");
  Put(Table::kCasus, "k", "2");
  EXPECT_THAT(Get("k"), Optional(std::string("2")));
  const auto transaction = Begin();
  ASSERT_THAT(transaction->Delete(Table::kCasus, "k"), IsOk());
  // Nothing there is no error.
  ASSERT_THAT(transaction->Delete(Table::kCasus, "other"), IsOk());
  EXPECT_EQ(Get(*transaction, "k"), std::nullopt);
  ASSERT_THAT(transaction->Commit(), IsOk());
  EXPECT_EQ(Get("k"), std::nullopt);
}

TEST_P(StoreContractTest, ScanGivesAPrefixInOrderOfBytes) {
  const std::string high("a\xff", 2);
  for (const std::string& key : {std::string("b"), high, std::string("a"), std::string("ab"),
                                 std::string("a\0", 2), std::string("B")}) {
    Put(Table::kRecord, key, "v");
  }
  const auto reader = Read();
  EXPECT_THAT(Keys(*reader, "a", "", 10), ElementsAre("a", std::string("a\0", 2), "ab", high));
  EXPECT_THAT(Keys(*reader, "a", "a", 10), ElementsAre(std::string("a\0", 2), "ab", high));
  EXPECT_THAT(Keys(*reader, "a", "ab", 1), ElementsAre(high));
  EXPECT_THAT(Keys(*reader, "a", high, 10), IsEmpty());
  EXPECT_THAT(Keys(*reader, "c", "", 10), IsEmpty());
  EXPECT_THAT(Keys(*reader, "", "", 2), ElementsAre("B", "a"));
}

TEST_P(StoreContractTest, RollbackToMarkUndoesWhatCameAfterIt) {
  const auto transaction = Begin();
  ASSERT_THAT(transaction->Put(Table::kCasus, "first", "v"), IsOk());
  ASSERT_THAT(transaction->Mark(), IsOk());
  ASSERT_THAT(transaction->Put(Table::kCasus, "first", "changed"), IsOk());
  ASSERT_THAT(transaction->Put(Table::kCasus, "second", "v"), IsOk());
  ASSERT_THAT(transaction->RollbackToMark(), IsOk());
  EXPECT_THAT(Get(*transaction, "first"), Optional(std::string("v")));
  EXPECT_EQ(Get(*transaction, "second"), std::nullopt);
  // The mark stays; and a later one takes its place.
  ASSERT_THAT(transaction->Put(Table::kCasus, "third", "v"), IsOk());
  ASSERT_THAT(transaction->Mark(), IsOk());
  ASSERT_THAT(transaction->Put(Table::kCasus, "fourth", "v"), IsOk());
  ASSERT_THAT(transaction->RollbackToMark(), IsOk());
  ASSERT_THAT(transaction->Commit(), IsOk());
  EXPECT_THAT(Get("third"), Optional(std::string("v")));
  EXPECT_EQ(Get("fourth"), std::nullopt);
}

TEST_P(StoreContractTest, RollbackToMarkRestoresWhatWasChangedMoreThanOnce) {
  const auto transaction = Begin();
  ASSERT_THAT(transaction->Put(Table::kCasus, "kept", "v"), IsOk());
  ASSERT_THAT(transaction->Mark(), IsOk());
  ASSERT_THAT(transaction->Delete(Table::kCasus, "kept"), IsOk());
  ASSERT_THAT(transaction->Put(Table::kCasus, "kept", "changed"), IsOk());
  ASSERT_THAT(transaction->Put(Table::kPerson, "new", "v"), IsOk());
  ASSERT_THAT(transaction->Delete(Table::kPerson, "new"), IsOk());
  ASSERT_THAT(transaction->Delete(Table::kPerson, "never"), IsOk());
  ASSERT_THAT(transaction->Put(Table::kPerson, "new", "again"), IsOk());
  ASSERT_THAT(transaction->RollbackToMark(), IsOk());
  EXPECT_THAT(Get(*transaction, "kept"), Optional(std::string("v")));
  EXPECT_EQ(*transaction->Get(Table::kPerson, "new"), std::nullopt);
  EXPECT_EQ(*transaction->Get(Table::kPerson, "never"), std::nullopt);
}

// A store may remember what it wrote in these two: what was undone it must not.
TEST_P(StoreContractTest, VersionsAndCountersAreWhatWasCommitted) {
  for (const Table table : {Table::kVersion, Table::kCounter}) {
    Put(table, "k", "1");
    {
      const auto dropped = Begin();
      EXPECT_THAT(Get(*dropped, "k", table), Optional(std::string("1")));
      ASSERT_THAT(dropped->Put(table, "k", "2"), IsOk());
      ASSERT_THAT(dropped->Put(table, "new", "1"), IsOk());
      EXPECT_THAT(Get(*dropped, "k", table), Optional(std::string("2")));
    }
    {
      const auto undone = Begin();
      EXPECT_THAT(Get(*undone, "k", table), Optional(std::string("1")));
      EXPECT_EQ(Get(*undone, "new", table), std::nullopt);
      ASSERT_THAT(undone->Mark(), IsOk());
      ASSERT_THAT(undone->Put(table, "k", "3"), IsOk());
      ASSERT_THAT(undone->Put(table, "new", "1"), IsOk());
      ASSERT_THAT(undone->RollbackToMark(), IsOk());
      EXPECT_THAT(Get(*undone, "k", table), Optional(std::string("1")));
      EXPECT_EQ(Get(*undone, "new", table), std::nullopt);
      ASSERT_THAT(undone->Commit(), IsOk());
    }
    const auto deleting = Begin();
    ASSERT_THAT(deleting->Delete(table, "k"), IsOk());
    EXPECT_EQ(Get(*deleting, "k", table), std::nullopt);
    ASSERT_THAT(deleting->Commit(), IsOk());
    EXPECT_EQ(Get("k", table), std::nullopt);
  }
}

TEST_P(StoreContractTest, AnEntryEndsTheMark) {
  const auto transaction = Begin();
  EXPECT_THAT(transaction->RollbackToMark(), Not(IsOk()));
  ASSERT_THAT(transaction->Mark(), IsOk());
  ASSERT_THAT(transaction->Put(Table::kCasus, "k", "v"), IsOk());
  ASSERT_THAT(transaction->AppendEntry(Entry(0), EventId(0)), IsOk());
  EXPECT_THAT(transaction->RollbackToMark(), Not(IsOk()));
  EXPECT_THAT(Get(*transaction, "k"), Optional(std::string("v")));
}

TEST_P(StoreContractTest, AReaderSeesTheMomentOfRead) {
  Put(Table::kCasus, "k", "old");
  const auto reader = Read();
  Put(Table::kCasus, "k", "new");
  Put(Table::kCasus, "another", "v");
  EXPECT_THAT(Get(*reader, "k"), Optional(std::string("old")));
  EXPECT_EQ(Get(*reader, "another"), std::nullopt);
  EXPECT_THAT(Get("k"), Optional(std::string("new")));
}

TEST_P(StoreContractTest, ReadersDoNotWaitForTheWriter) {
  Put(Table::kCasus, "k", "old");
  const auto transaction = Begin();
  ASSERT_THAT(transaction->Put(Table::kCasus, "k", "new"), IsOk());
  EXPECT_THAT(Get("k"), Optional(std::string("old")));
}

TEST_P(StoreContractTest, ASecondTransactionWaitsForTheFirst) {
  auto first = Begin();
  ASSERT_THAT(first->Put(Table::kCasus, "k", "1"), IsOk());
  std::atomic<bool> committed{false};
  std::thread second([&] {
    const auto transaction = Begin();
    EXPECT_TRUE(committed);
    EXPECT_THAT(Get(*transaction, "k"), Optional(std::string("1")));
    ASSERT_THAT(transaction->Put(Table::kCasus, "k", "2"), IsOk());
    EXPECT_THAT(transaction->Commit(), IsOk());
  });
  committed = true;
  ASSERT_THAT(first->Commit(), IsOk());
  first.reset();
  second.join();
  EXPECT_THAT(Get("k"), Optional(std::string("2")));
}

// A version is what a decision is checked against: nobody sees one that moved back, or half a
// change.
TEST_P(StoreContractTest, ReadersBesideAWriterSeeWholeChangesInOrder) {
  Put(Table::kVersion, "a", "00000");
  Put(Table::kVersion, "b", "00000");
  std::atomic<bool> ending{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      std::string last = "00000";
      while (!ending) {
        const auto reader = Read();
        const auto a = Get(*reader, "a", Table::kVersion);
        const auto b = Get(*reader, "b", Table::kVersion);
        ASSERT_EQ(a, b);
        ASSERT_GE(*a, last);
        last = *a;
      }
    });
  }
  for (int i = 1; i <= 200; ++i) {
    std::string version = std::to_string(i);
    version.insert(0, 5 - version.size(), '0');
    const auto transaction = Begin();
    ASSERT_THAT(transaction->Put(Table::kVersion, "a", version), IsOk());
    ASSERT_THAT(transaction->Put(Table::kVersion, "b", version), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  ending = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_P(StoreContractTest, EntriesComeInOrderFromAStart) {
  const auto transaction = Begin();
  for (uint64_t i = 0; i < 5; ++i)
    ASSERT_THAT(transaction->AppendEntry(Entry(i), EventId(i)), IsOk());
  ASSERT_THAT(transaction->Commit(), IsOk());
  const auto reader = Read();
  const auto some = reader->Entries(1, 2);
  ASSERT_EQ(some->size(), 2U);
  EXPECT_EQ((*some)[0].index, 1U);
  EXPECT_EQ((*some)[1].index, 2U);
  EXPECT_THAT(*reader->Entries(5, 10), IsEmpty());
  // A start that no signed number can hold is after the end, not before the beginning.
  EXPECT_THAT(*reader->Entries(uint64_t{1} << 63, 10), IsEmpty());
  EXPECT_THAT(*reader->Search({}, UINT64_MAX, 10), IsEmpty());
  EXPECT_THAT(*reader->FindEvent(EventId(3)), Optional(uint64_t{3}));
  EXPECT_EQ(*reader->FindEvent(EventId(9)), std::nullopt);
}

TEST_P(StoreContractTest, AnIndexIsUsedOnce) {
  const auto transaction = Begin();
  ASSERT_THAT(transaction->AppendEntry(Entry(0), EventId(0)), IsOk());
  EXPECT_FALSE(transaction->AppendEntry(Entry(0), EventId(1)).ok());
}

TEST_P(StoreContractTest, SearchNeedsEverythingThatIsFilled) {
  const auto transaction = Begin();
  for (uint64_t i = 0; i < 8; ++i) {
    EntryRow entry = Entry(i);
    entry.kind = static_cast<int>(i);
    entry.caller = i % 2 == 0 ? "P_A" : "P_B";
    entry.source = i < 4 ? "P_C" : "P_A";
    entry.casus_id = i % 3 == 0 ? std::string(16, 'c') : "";
    entry.pseudonym = i == 6 ? std::string(16, 'p') : "";
    ASSERT_THAT(transaction->AppendEntry(entry, EventId(i)), IsOk());
  }
  ASSERT_THAT(transaction->Commit(), IsOk());
  EntryFilter filter;
  EXPECT_EQ(Find(filter).size(), 8U);
  EXPECT_THAT(Find(filter, 5, 2), ElementsAre(5, 6));
  filter.caller = "P_A";
  EXPECT_THAT(Find(filter), ElementsAre(0, 2, 4, 6));
  filter.source = "P_A";
  EXPECT_THAT(Find(filter), ElementsAre(4, 6));
  filter.casus_id = std::string(16, 'c');
  EXPECT_THAT(Find(filter), ElementsAre(6));
  filter.pseudonym = std::string(16, 'x');
  EXPECT_THAT(Find(filter), IsEmpty());

  EntryFilter kinds;
  kinds.kinds = {7, 1, 1, 62};
  EXPECT_THAT(Find(kinds), ElementsAre(1, 7));
  kinds.kinds = {0};
  EXPECT_THAT(Find(kinds), ElementsAre(0));

  EntryFilter times;
  times.from = 1002;
  times.until = 1004;
  EXPECT_THAT(Find(times), ElementsAre(2, 3));

  // Caller or source; and never somebody else's, whatever else is asked.
  EntryFilter view;
  view.party_view = "P_B";
  EXPECT_THAT(Find(view), ElementsAre(1, 3, 5, 7));
  view.party_view = "P_C";
  EXPECT_THAT(Find(view), ElementsAre(0, 1, 2, 3));
  view.caller = "P_B";
  EXPECT_THAT(Find(view), ElementsAre(1, 3));
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContractTest,
                         ::testing::Values(Backend{"sqlite",
                                                   [](const testing::TempDir& directory) {
                                                     return OpenSqliteStore(
                                                         directory.File("store.db"));
                                                   }}),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace sluis::store
