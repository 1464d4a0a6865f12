#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "sluis/base_testing/status_matchers.h"
#include "sluis/base_testing/temp_dir.h"
#include "sluis/store/sqlite_db.h"
#include "sluis/store/sqlite_store.h"

namespace sluis::store {
namespace {

using testing::IsError;
using testing::IsOk;
using testing::TempDir;
using Mode = SqliteDb::Mode;

std::unique_ptr<SqliteDb> Open(const std::string& path, Mode mode = Mode::kReadWrite) {
  auto db = SqliteDb::Open(path, mode);
  EXPECT_THAT(db, IsOk());
  return *std::move(db);
}

int64_t Number(SqliteDb& db, std::string_view sql) {
  auto query = db.Prepare(sql);
  EXPECT_THAT(query, IsOk());
  const auto row = query->Step();
  EXPECT_THAT(row, IsOk());
  return *row ? query->Int(0) : -1;
}

TEST(SqliteDbTest, MigrationsAreAppliedOnceAndCounted) {
  const TempDir directory;
  const auto db = Open(directory.File("a.db"));
  const std::string first = "CREATE TABLE a (x INTEGER)";
  const std::string second = "CREATE TABLE b (x INTEGER); INSERT INTO b VALUES (1)";
  ASSERT_THAT(db->Migrate({first}), IsOk());
  ASSERT_THAT(db->Migrate({first, second}), IsOk());
  ASSERT_THAT(db->Migrate({first, second}), IsOk());
  EXPECT_EQ(Number(*db, "SELECT count(*) FROM b"), 1);
  EXPECT_EQ(Number(*db, "SELECT max(version) FROM schema_version"), 2);
  EXPECT_EQ(Number(*db, "SELECT count(*) FROM schema_version"), 2);
}

TEST(SqliteDbTest, AMigrationThatFailsLeavesNothing) {
  const TempDir directory;
  const auto db = Open(directory.File("a.db"));
  EXPECT_FALSE(db->Migrate({"CREATE TABLE a (x INTEGER); CREATE TABLE a (x INTEGER)"}).ok());
  EXPECT_EQ(Number(*db, "SELECT count(*) FROM sqlite_master WHERE name = 'a'"), 0);
  EXPECT_EQ(Number(*db, "SELECT count(*) FROM schema_version"), 0);
  EXPECT_THAT(db->Migrate({"CREATE TABLE a (x INTEGER)"}), IsOk());
}

TEST(SqliteDbTest, ErrorsQuoteNoContent) {
  const TempDir directory;
  const auto db = Open(directory.File("a.db"));
  ASSERT_THAT(db->Execute("CREATE TABLE a (x TEXT UNIQUE)"), IsOk());
  for (int i = 0; i < 2; ++i) {
    auto insert = db->Prepare("INSERT INTO a VALUES ('GEHEIM')");
    ASSERT_THAT(insert, IsOk());
    const absl::Status status = insert->Run();
    if (i == 0) continue;
    EXPECT_THAT(status, IsError(absl::StatusCode::kUnavailable, "STORE_FAILED"));
    EXPECT_THAT(std::string(status.message()), ::testing::Not(::testing::HasSubstr("GEHEIM")));
  }
}

TEST(SqliteDbTest, AStatementIsNotUsedTwiceAtOnce) {
  const TempDir directory;
  const auto db = Open(directory.File("a.db"));
  ASSERT_THAT(db->Execute("CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1), (2)"), IsOk());
  {
    auto first = db->Prepare("SELECT x FROM a");
    ASSERT_THAT(first, IsOk());
    ASSERT_TRUE(*first->Step());
    EXPECT_THAT(db->Prepare("SELECT x FROM a"),
                IsError(absl::StatusCode::kInternal, "STATEMENT_IN_USE"));
  }
  EXPECT_THAT(db->Prepare("SELECT x FROM a"), IsOk());
}

// A parameter that was not bound would be NULL and find nothing, as if nothing were there.
TEST(SqliteDbTest, WhatCannotBeBoundIsAnError) {
  const TempDir directory;
  const auto db = Open(directory.File("a.db"));
  ASSERT_THAT(db->Execute("CREATE TABLE a (x INTEGER)"), IsOk());
  auto query = db->Prepare("SELECT x FROM a WHERE x = ?1");
  ASSERT_THAT(query, IsOk());
  EXPECT_FALSE(query->Bind(2, int64_t{1}).Step().ok());
}

TEST(SqliteStoreTest, ANewerSchemaIsRefused) {
  const TempDir directory;
  const std::string path = directory.File("store.db");
  ASSERT_THAT(OpenSqliteStore(path), IsOk());
  ASSERT_THAT(Open(path)->Execute("INSERT INTO schema_version VALUES (1000, 'later')"), IsOk());
  EXPECT_THAT(OpenSqliteStore(path),
              IsError(absl::StatusCode::kFailedPrecondition, "STORE_TOO_NEW"));
}

TEST(SqliteStoreTest, WhatWasDeletedIsInNoFileAfterScrubbing) {
  const TempDir directory;
  const std::string path = directory.File("store.db");
  const auto store = OpenSqliteStore(path);
  ASSERT_THAT(store, IsOk());
  const auto on_disk = [&](const std::string& text) {
    std::ostringstream bytes;
    for (const char* suffix : {"", "-wal", "-shm"})
      bytes << std::ifstream(path + suffix, std::ios::binary).rdbuf();
    return bytes.str().find(text) != std::string::npos;
  };
  const std::string secret(300, 'Q');
  {
    const auto transaction = *(*store)->Begin();
    ASSERT_THAT(transaction->Put(Table::kDeposit, "a", secret), IsOk());
    ASSERT_THAT(transaction->Put(Table::kDeposit, "b", "KEPT-KEPT"), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  {
    const auto transaction = *(*store)->Begin();
    ASSERT_THAT(transaction->Delete(Table::kDeposit, "a"), IsOk());
    ASSERT_THAT(transaction->Commit(), IsOk());
  }
  // The write-ahead log has it.
  ASSERT_TRUE(on_disk(secret));
  {
    auto older = SqliteDb::Open(path, Mode::kReadOnly);
    ASSERT_THAT(older, IsOk());
    ASSERT_THAT((*older)->Execute("BEGIN; SELECT count(*) FROM deposit"), IsOk());
    EXPECT_THAT((*store)->Scrub(), IsError(absl::StatusCode::kUnavailable, "STORE_LOCKED"));
  }
  ASSERT_THAT((*store)->Scrub(), IsOk());
  EXPECT_FALSE(on_disk(secret));
  EXPECT_TRUE(on_disk("KEPT-KEPT"));
  // And it goes on.
  const auto transaction = *(*store)->Begin();
  ASSERT_THAT(transaction->Put(Table::kDeposit, "c", "x"), IsOk());
  EXPECT_THAT(transaction->Commit(), IsOk());
}

TEST(SqliteStoreTest, OneProcessAtATime) {
  const TempDir directory;
  const std::string path = directory.File("store.db");
  {
    const auto store = OpenSqliteStore(path);
    ASSERT_THAT(store, IsOk());
    EXPECT_THAT(OpenSqliteStore(path), IsError(absl::StatusCode::kUnavailable, "STORE_LOCKED"));
  }
  EXPECT_THAT(OpenSqliteStore(path), IsOk());
}

// Nobody should; but what is remembered would then be older than the store.
TEST(SqliteStoreTest, WhatAnotherConnectionWroteIsSeen) {
  const TempDir directory;
  const std::string path = directory.File("store.db");
  auto store = OpenSqliteStore(path);
  ASSERT_THAT(store, IsOk());
  const auto version = [&] {
    auto transaction = (*store)->Begin();
    EXPECT_THAT(transaction, IsOk());
    return (*(*transaction)->Get(Table::kVersion, "k")).value_or("none");
  };
  {
    auto transaction = (*store)->Begin();
    ASSERT_THAT((*transaction)->Put(Table::kVersion, "k", "1"), IsOk());
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }
  {
    auto transaction = (*store)->Begin();
    EXPECT_EQ(*(*transaction)->Get(Table::kVersion, "k"), "1");
    ASSERT_THAT((*transaction)->Commit(), IsOk());
  }
  auto other = SqliteDb::Open(path, SqliteDb::Mode::kReadWrite);
  ASSERT_THAT(other, IsOk());
  ASSERT_THAT((*other)->Execute("UPDATE version SET value = x'32'"), IsOk());
  EXPECT_EQ(version(), "2");
}

TEST(SqliteStoreTest, WhatIsNoStoreIsRefused) {
  const TempDir directory;
  const std::string path = directory.File("store.db");
  FILE* const file = fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  for (int i = 0; i < 1000; ++i) ASSERT_GE(fputs("this is no database", file), 0);
  ASSERT_EQ(fclose(file), 0);
  EXPECT_THAT(OpenSqliteStore(path), IsError(absl::StatusCode::kDataLoss, "STORE_SYNC_FAILED"));
}

// The wrong kinds must not become other SQL, and every search is one of few prepared texts.
TEST(SqliteStoreTest, KindsOutOfRangeAreRefused) {
  const TempDir directory;
  const auto store = OpenSqliteStore(directory.File("store.db"));
  ASSERT_THAT(store, IsOk());
  const auto reader = (*store)->Read();
  ASSERT_THAT(reader, IsOk());
  EntryFilter filter;
  for (const int kind : {-1, 63, 64}) {
    filter.kinds = {kind};
    EXPECT_THAT((*reader)->Search(filter, 0, 10),
                IsError(absl::StatusCode::kInvalidArgument, "KIND_RANGE"));
  }
}

}  // namespace
}  // namespace sluis::store
