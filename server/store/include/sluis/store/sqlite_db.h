#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

// A thin, safe layer over one SQLite connection, for the files of this process.
namespace sluis::store {

class SqliteDb;

// A prepared statement in use: bind, step, read. Resets when it ends. Not thread-safe.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  // Positions count from 1. Bytes are borrowed until the statement ends. What could not be bound is
  // the error of the next step.
  Statement& Bind(int position, int64_t value);
  Statement& Bind(int position, std::string_view bytes);
  // True while there is a row.
  absl::StatusOr<bool> Step();
  // Steps once and expects no row.
  absl::Status Run();
  [[nodiscard]] int64_t Int(int column) const;
  [[nodiscard]] std::string Bytes(int column) const;

 private:
  friend class SqliteDb;
  Statement(SqliteDb& db, sqlite3_stmt* statement) : db_(&db), statement_(statement) {}
  void Remember(int code);
  SqliteDb* db_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

// One connection. Not thread-safe. Errors are UNAVAILABLE / STORE_FAILED, or DATA_LOSS /
// STORE_SYNC_FAILED when a sync failed; their text names SQLite's code and never content.
class SqliteDb {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  static absl::StatusOr<std::unique_ptr<SqliteDb>> Open(const std::string& path, Mode mode);
  SqliteDb(const SqliteDb&) = delete;
  SqliteDb& operator=(const SqliteDb&) = delete;
  ~SqliteDb();

  absl::Status Execute(const std::string& sql);
  // The same for one statement that is run often: prepared once and kept.
  absl::Status Run(std::string_view sql);
  // Some errors end a transaction; what is executed then is a transaction by itself.
  [[nodiscard]] bool InTransaction() const;
  // Prepared once per text and kept: texts are few and fixed. One use at a time, INTERNAL /
  // STATEMENT_IN_USE otherwise.
  absl::StatusOr<Statement> Prepare(std::string_view sql);
  [[nodiscard]] absl::Status Error(int code) const;

  // Brings the schema to the last of `migrations` (numbered from 1), each in one transaction with
  // its number in the table `schema_version`. FAILED_PRECONDITION / STORE_TOO_NEW when the file is
  // newer.
  absl::Status Migrate(const std::vector<std::string>& migrations);

 private:
  struct Cache;
  explicit SqliteDb(sqlite3* db);
  sqlite3* db_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace sluis::store
