#include "sluis/store/sqlite_db.h"

#include <sqlite3.h>

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

#include "sluis/base/errors.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"

namespace sluis::store {

struct SqliteDb::Cache {
  absl::flat_hash_map<std::string, sqlite3_stmt*> statements;
};

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_), statement_(std::exchange(other.statement_, nullptr)), bound_(other.bound_) {}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Statement& Statement::Bind(int position, int64_t value) {
  Remember(sqlite3_bind_int64(statement_, position, value));
  return *this;
}

Statement& Statement::Bind(int position, std::string_view bytes) {
  // A null pointer would bind NULL; an empty blob is a value.
  Remember(sqlite3_bind_blob64(statement_, position, bytes.empty() ? "" : bytes.data(),
                               bytes.size(), SQLITE_STATIC));
  return *this;
}

void Statement::Remember(int code) {
  if (bound_ == SQLITE_OK) bound_ = code;
}

absl::StatusOr<bool> Statement::Step() {
  // A parameter that was not bound is NULL, and NULL finds nothing: an objection, say.
  if (bound_ != SQLITE_OK) return db_->Error(bound_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return db_->Error(code);
}

absl::Status Statement::Run() {
  SLUIS_ASSIGN_OR_RETURN(const bool row, Step());
  static_cast<void>(row);
  return absl::OkStatus();
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

SqliteDb::SqliteDb(sqlite3* db) : db_(db), cache_(std::make_unique<Cache>()) {}

SqliteDb::~SqliteDb() {
  for (const auto& [sql, statement] : cache_->statements) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

absl::StatusOr<std::unique_ptr<SqliteDb>> SqliteDb::Open(const std::string& path, Mode mode) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (mode == Mode::kReadWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                              : SQLITE_OPEN_READONLY);
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<SqliteDb> db(new SqliteDb(handle));
  if (code != SQLITE_OK) return db->Error(code);
  sqlite3_busy_timeout(handle, 5000);
  return db;
}

absl::Status SqliteDb::Error(int code) const {
  // sqlite3_errmsg may quote content; the name of the code never does.
  const std::string text = absl::StrCat("SQLite: ", sqlite3_errstr(code), " (", code, ")");
  switch (code) {
    case SQLITE_IOERR_FSYNC:
    case SQLITE_IOERR_DIR_FSYNC:
    case SQLITE_IOERR_TRUNCATE:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return DataLoss("STORE_SYNC_FAILED", text);
    default:
      break;
  }
  if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED)
    return Unavailable("STORE_LOCKED", text);
  if ((code & 0xff) == SQLITE_CORRUPT) return DataLoss("STORE_SYNC_FAILED", text);
  return Unavailable("STORE_FAILED", text);
}

absl::Status SqliteDb::Execute(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code);
}

absl::Status SqliteDb::Run(std::string_view sql) {
  SLUIS_ASSIGN_OR_RETURN(auto statement, Prepare(sql));
  return statement.Run();
}

bool SqliteDb::InTransaction() const { return sqlite3_get_autocommit(db_) == 0; }

absl::StatusOr<Statement> SqliteDb::Prepare(std::string_view sql) {
  const auto found = cache_->statements.find(ToAbsl(sql));
  if (found != cache_->statements.end()) {
    if (sqlite3_stmt_busy(found->second) != 0)
      return Internal("STATEMENT_IN_USE", "a prepared statement is used twice at once");
    return Statement(*this, found->second);
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Error(code);
  cache_->statements.emplace(std::string(sql), statement);
  return Statement(*this, statement);
}

absl::Status SqliteDb::Migrate(const std::vector<std::string>& migrations) {
  SLUIS_RETURN_IF_ERROR(
      Execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at "
              "TEXT NOT NULL)"));
  int64_t current = 0;
  {
    SLUIS_ASSIGN_OR_RETURN(auto query,
                           Prepare("SELECT COALESCE(MAX(version), 0) FROM schema_version"));
    SLUIS_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (row) current = query.Int(0);
  }
  if (current > static_cast<int64_t>(migrations.size())) {
    return FailedPrecondition(
        "STORE_TOO_NEW",
        absl::StrCat("the store has schema ", current, ", this program knows ", migrations.size()));
  }
  for (auto version = static_cast<size_t>(current); version < migrations.size(); ++version) {
    SLUIS_RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE"));
    absl::Status status = Execute(migrations[version]);
    if (status.ok()) {
      status = Execute(
          absl::StrCat("INSERT INTO schema_version VALUES (", version + 1, ", datetime('now'))"));
    }
    if (status.ok()) status = Execute("COMMIT");
    if (!status.ok()) {
      static_cast<void>(Execute("ROLLBACK"));
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace sluis::store
