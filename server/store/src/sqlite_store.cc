#include "sluis/store/sqlite_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <limits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

#include "sluis/base/errors.h"
#include "sluis/base/mutex.h"
#include "sluis/base/status_macros.h"
#include "sluis/base/text.h"
#include "sluis/store/sqlite_db.h"

namespace sluis::store {
namespace {

constexpr std::array<std::string_view, kTableCount> kTables = {
    "casus",  "person",    "record",  "record_index", "deposit", "deposit_index", "professional",
    "handle", "handle_of", "visible", "request",      "version", "counter",       "policy",
    "notice", "inbox",     "duty",    "review",       "signal",  "list",          "job"};
// Those that the first migration makes; later ones are made by later migrations.
constexpr size_t kFirstTables = 13;

std::vector<std::string> Migrations() {
  std::string first;
  const auto create = [](std::string_view table) {
    return absl::StrCat("CREATE TABLE ", std::string(table),
                        " (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;");
  };
  for (size_t i = 0; i < kFirstTables; ++i) first += create(kTables[i]);
  first +=
      "CREATE TABLE entry (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, salt BLOB NOT NULL,"
      " record BLOB NOT NULL, answer BLOB NOT NULL, texts BLOB NOT NULL, time INTEGER NOT NULL,"
      " kind INTEGER NOT NULL, caller BLOB NOT NULL, source BLOB NOT NULL, casus_id BLOB NOT NULL,"
      " pseudonym BLOB NOT NULL, event_id BLOB NOT NULL);"
      // Partial: entries without a casus or person need no place in these.
      "CREATE INDEX entry_casus ON entry (casus_id, idx) WHERE casus_id <> x'';"
      "CREATE INDEX entry_pseudonym ON entry (pseudonym, idx) WHERE pseudonym <> x'';"
      "CREATE INDEX entry_event ON entry (event_id);"
      "CREATE TABLE tile (level INTEGER NOT NULL, idx INTEGER NOT NULL, hashes BLOB NOT NULL,"
      " PRIMARY KEY (level, idx)) WITHOUT ROWID;"
      "CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL,"
      " checkpoint BLOB NOT NULL);"
      "INSERT INTO head VALUES (1, 0, x'');";
  std::string third;
  for (const char* table : {"notice", "inbox", "duty", "review", "signal", "list", "job"})
    third += create(table);
  return {first, create("policy"), third};
}

// SQL per table, made once.
struct TableSql {
  std::string get;
  std::string scan;
  std::string put;
  std::string erase;
};
const TableSql& SqlOf(Table table) {
  static const auto all = [] {
    std::array<TableSql, kTableCount> made;
    for (size_t i = 0; i < made.size(); ++i) {
      const std::string name(kTables[i]);
      made[i] = {absl::StrCat("SELECT value FROM ", name, " WHERE key = ?1"),
                 absl::StrCat("SELECT key, value FROM ", name,
                              " WHERE key >= ?1 AND key > ?2 ORDER BY key LIMIT ?3"),
                 absl::StrCat("INSERT INTO ", name,
                              " VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2"),
                 absl::StrCat("DELETE FROM ", name, " WHERE key = ?1")};
    }
    return made;
  }();
  return all[static_cast<size_t>(table)];
}

// Indexes are signed in SQLite.
constexpr auto kLastIndex = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

constexpr std::string_view kEntryColumns =
    "idx, leaf, salt, record, answer, texts, time, kind, caller, source, casus_id, pseudonym";

EntryRow ReadEntry(const Statement& row) {
  EntryRow entry;
  entry.index = static_cast<uint64_t>(row.Int(0));
  entry.leaf = row.Bytes(1);
  entry.salt = row.Bytes(2);
  entry.record = row.Bytes(3);
  entry.answer = row.Bytes(4);
  entry.texts = row.Bytes(5);
  entry.time = row.Int(6);
  entry.kind = static_cast<int>(row.Int(7));
  entry.caller = row.Bytes(8);
  entry.source = row.Bytes(9);
  entry.casus_id = row.Bytes(10);
  entry.pseudonym = row.Bytes(11);
  return entry;
}

// Reading, shared by readers and the transaction.
class Reading {
 public:
  explicit Reading(SqliteDb& db) : db_(db) {}

  absl::StatusOr<std::optional<std::string>> Get(Table table, std::string_view key) {
    SLUIS_ASSIGN_OR_RETURN(auto query, db_.Prepare(SqlOf(table).get));
    SLUIS_ASSIGN_OR_RETURN(const bool row, query.Bind(1, key).Step());
    if (!row) return std::nullopt;
    return query.Bytes(0);
  }

  absl::StatusOr<std::vector<Document>> Scan(Table table, std::string_view prefix,
                                             std::string_view after, size_t limit) {
    SLUIS_ASSIGN_OR_RETURN(auto query, db_.Prepare(SqlOf(table).scan));
    query.Bind(1, prefix).Bind(2, after).Bind(3, static_cast<int64_t>(limit));
    std::vector<Document> documents;
    for (;;) {
      SLUIS_ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) break;
      Document document{query.Bytes(0), query.Bytes(1)};
      if (std::string_view(document.key).substr(0, prefix.size()) != prefix) break;
      documents.push_back(std::move(document));
    }
    return documents;
  }

  absl::StatusOr<HeadRow> Head() {
    SLUIS_ASSIGN_OR_RETURN(auto query,
                           db_.Prepare("SELECT size, checkpoint FROM head WHERE id = 1"));
    SLUIS_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return DataLoss("STORE_SYNC_FAILED", "the store has no log head");
    return HeadRow{static_cast<uint64_t>(query.Int(0)), query.Bytes(1)};
  }

  absl::StatusOr<std::vector<EntryRow>> Entries(uint64_t start, size_t limit) {
    if (start > kLastIndex) return std::vector<EntryRow>();
    SLUIS_ASSIGN_OR_RETURN(
        auto query, db_.Prepare("SELECT idx, leaf, salt, record, answer, texts, time, kind, caller,"
                                " source, casus_id, pseudonym FROM entry WHERE idx >= ?1"
                                " ORDER BY idx LIMIT ?2"));
    query.Bind(1, static_cast<int64_t>(start)).Bind(2, static_cast<int64_t>(limit));
    return Collect(query);
  }

  absl::StatusOr<std::vector<EntryRow>> Search(const EntryFilter& filter, uint64_t start,
                                               size_t limit) {
    if (start > kLastIndex) return std::vector<EntryRow>();
    uint64_t kinds = 0;
    for (const int kind : filter.kinds) {
      if (kind < 0 || kind > 62) return InvalidArgument("KIND_RANGE", "a kind is from 0 to 62");
      kinds |= uint64_t{1} << kind;
    }
    // Few texts, whatever is asked: each is prepared once and kept.
    std::string sql =
        absl::StrCat("SELECT ", std::string(kEntryColumns), " FROM entry WHERE idx >= ?1");
    const auto when = [&](bool given, std::string_view condition) {
      if (given) absl::StrAppend(&sql, " AND ", std::string(condition));
    };
    when(filter.from.has_value(), "time >= ?3");
    when(filter.until.has_value(), "time < ?4");
    when(!filter.caller.empty(), "caller = ?5");
    when(!filter.source.empty(), "source = ?6");
    when(!filter.casus_id.empty(), "casus_id = ?7 AND casus_id <> x''");
    when(!filter.pseudonym.empty(), "pseudonym = ?8 AND pseudonym <> x''");
    when(!filter.party_view.empty(), "(caller = ?9 OR source = ?9)");
    when(!filter.kinds.empty(), "kind BETWEEN 0 AND 62 AND ((1 << kind) & ?10) <> 0");
    sql += " ORDER BY idx LIMIT ?2";
    SLUIS_ASSIGN_OR_RETURN(auto query, db_.Prepare(sql));
    query.Bind(1, static_cast<int64_t>(start)).Bind(2, static_cast<int64_t>(limit));
    if (filter.from) query.Bind(3, *filter.from);
    if (filter.until) query.Bind(4, *filter.until);
    if (!filter.caller.empty()) query.Bind(5, filter.caller);
    if (!filter.source.empty()) query.Bind(6, filter.source);
    if (!filter.casus_id.empty()) query.Bind(7, filter.casus_id);
    if (!filter.pseudonym.empty()) query.Bind(8, filter.pseudonym);
    if (!filter.party_view.empty()) query.Bind(9, filter.party_view);
    if (!filter.kinds.empty()) query.Bind(10, static_cast<int64_t>(kinds));
    return Collect(query);
  }

  absl::StatusOr<std::optional<uint64_t>> FindEvent(std::string_view event_id) {
    SLUIS_ASSIGN_OR_RETURN(auto query, db_.Prepare("SELECT idx FROM entry WHERE event_id = ?1"));
    SLUIS_ASSIGN_OR_RETURN(const bool row, query.Bind(1, event_id).Step());
    if (!row) return std::nullopt;
    return static_cast<uint64_t>(query.Int(0));
  }

  absl::StatusOr<std::optional<std::string>> Tile(int level, uint64_t index) {
    SLUIS_ASSIGN_OR_RETURN(auto query,
                           db_.Prepare("SELECT hashes FROM tile WHERE level = ?1 AND idx = ?2"));
    SLUIS_ASSIGN_OR_RETURN(const bool row,
                           query.Bind(1, level).Bind(2, static_cast<int64_t>(index)).Step());
    if (!row) return std::nullopt;
    return query.Bytes(0);
  }

 private:
  static absl::StatusOr<std::vector<EntryRow>> Collect(Statement& query) {
    std::vector<EntryRow> entries;
    for (;;) {
      SLUIS_ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) return entries;
      entries.push_back(ReadEntry(query));
    }
  }

  SqliteDb& db_;
};

// Held for the life of the store: the log's tree lives in one process, so a second one on the same
// file would fork it.
class FileLock {
 public:
  static absl::StatusOr<std::unique_ptr<FileLock>> Take(const std::string& path) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC,
                        0600);  // NOLINT(cppcoreguidelines-pro-type-vararg)
    if (fd < 0) return Unavailable("STORE_FAILED", "the lock file of the store cannot be opened");
    auto lock = std::unique_ptr<FileLock>(new FileLock(fd));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      return Unavailable("STORE_LOCKED", "another process has the store");
    }
    return lock;
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { close(fd_); }

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

// The one path of the file, so that a second process finds the lock by whatever link it comes.
absl::StatusOr<std::string> RealPath(const std::string& path) {
  std::error_code error;
  auto real = std::filesystem::canonical(path, error);
  if (error) {
    // Not there yet: made here, so that a link that leads nowhere leads somewhere.
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC,
                        0600);  // NOLINT(cppcoreguidelines-pro-type-vararg)
    if (fd < 0) return Unavailable("STORE_FAILED", "the file of the store cannot be opened");
    close(fd);
    real = std::filesystem::canonical(path, error);
    if (error) return Unavailable("STORE_FAILED", "the file of the store cannot be opened");
  }
  return real.string();
}

// What the writer read last, or wrote, of the small tables that every call reads. Nobody else
// writes (FileLock), so it is what a query would find; whoever does all the same makes us forget.
// Of the thread that writes.
class Remembered {
 public:
  static bool Keeps(Table table) { return table == Table::kVersion || table == Table::kCounter; }
  // Null when it is not known; else the value, or nothing for a key that is not there.
  [[nodiscard]] const std::optional<std::string>* Find(Table table, std::string_view key) const {
    const auto found = Of(table).find(ToAbsl(key));
    return found == Of(table).end() ? nullptr : &found->second;
  }
  void Keep(Table table, std::string_view key, std::optional<std::string> value) {
    auto& values = Of(table);
    if (values.size() >= kMost) values.clear();
    values.insert_or_assign(std::string(key), std::move(value));
  }
  // `version` is SQLite's data_version: it moves when another connection has written.
  void Begin(int64_t version) {
    if (version != version_) Forget();
    version_ = version;
  }
  void Forget() {
    versions_.clear();
    counters_.clear();
  }

 private:
  static constexpr size_t kMost = 100000;
  using Values = absl::flat_hash_map<std::string, std::optional<std::string>>;
  Values& Of(Table table) { return table == Table::kVersion ? versions_ : counters_; }
  [[nodiscard]] const Values& Of(Table table) const {
    return table == Table::kVersion ? versions_ : counters_;
  }
  int64_t version_ = 0;
  Values versions_;
  Values counters_;
};

class SqliteStore final : public Store {
 public:
  SqliteStore(std::string path, std::unique_ptr<FileLock> file_lock,
              std::unique_ptr<SqliteDb> writer)
      : path_(std::move(path)), file_lock_(std::move(file_lock)), writer_(std::move(writer)) {}

  absl::StatusOr<std::unique_ptr<Transaction>> Begin() override;
  absl::StatusOr<std::unique_ptr<Reader>> Read() override;
  absl::Status Scrub() override;

  void EndWriting() {
    const MutexLock lock(mutex_);
    writing_ = false;
    written_.NotifyOne();
  }
  void Return(std::unique_ptr<SqliteDb> db) {
    const MutexLock lock(mutex_);
    if (idle_.size() < kIdleConnections) idle_.push_back(std::move(db));
  }

 private:
  friend class SqliteTransaction;
  static constexpr size_t kIdleConnections = 8;
  const std::string path_;
  const std::unique_ptr<FileLock> file_lock_;
  Mutex mutex_;
  CondVar written_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<SqliteDb> writer_;
  Remembered remembered_;  // of who is writing
  std::vector<std::unique_ptr<SqliteDb>> idle_ ABSL_GUARDED_BY(mutex_);
};

class SqliteTransaction final : public Transaction {
 public:
  SqliteTransaction(SqliteStore& store, SqliteDb& db) : store_(store), db_(db), reading_(db) {}
  ~SqliteTransaction() override {
    if (!committed_) {
      store_.remembered_.Forget();
      static_cast<void>(db_.Run("ROLLBACK"));
    }
    store_.EndWriting();
  }
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;

  absl::StatusOr<std::optional<std::string>> Get(Table table, std::string_view key) override {
    if (!Remembered::Keeps(table)) return reading_.Get(table, key);
    if (const auto* const known = store_.remembered_.Find(table, key)) return *known;
    SLUIS_ASSIGN_OR_RETURN(auto value, reading_.Get(table, key));
    store_.remembered_.Keep(table, key, value);
    return value;
  }
  absl::StatusOr<std::vector<Document>> Scan(Table table, std::string_view prefix,
                                             std::string_view after, size_t limit) override {
    return reading_.Scan(table, prefix, after, limit);
  }
  absl::StatusOr<HeadRow> Head() override { return reading_.Head(); }
  absl::StatusOr<std::vector<EntryRow>> Entries(uint64_t start, size_t limit) override {
    return reading_.Entries(start, limit);
  }
  absl::StatusOr<std::vector<EntryRow>> Search(const EntryFilter& filter, uint64_t start,
                                               size_t limit) override {
    return reading_.Search(filter, start, limit);
  }
  absl::StatusOr<std::optional<uint64_t>> FindEvent(std::string_view event_id) override {
    return reading_.FindEvent(event_id);
  }
  absl::StatusOr<std::optional<std::string>> Tile(int level, uint64_t index) override {
    return reading_.Tile(level, index);
  }

  absl::Status Put(Table table, std::string_view key, std::string_view value) override {
    SLUIS_RETURN_IF_ERROR(BeforeChange(table, key));
    return PutNow(table, key, value);
  }
  absl::Status Delete(Table table, std::string_view key) override {
    SLUIS_RETURN_IF_ERROR(BeforeChange(table, key));
    return DeleteNow(table, key);
  }
  // Not a savepoint: while one is open SQLite copies every page before its first change, and there
  // is one for each call of a batch, of which hardly any is rolled back.
  absl::Status Mark() override {
    marked_ = true;
    undo_.clear();
    return Usable();
  }
  absl::Status RollbackToMark() override {
    if (!marked_) return Internal("NO_MARK", "there is no mark to return to");
    while (!undo_.empty()) {
      const Change& change = undo_.back();
      SLUIS_RETURN_IF_ERROR(change.before ? PutNow(change.table, change.key, *change.before)
                                          : DeleteNow(change.table, change.key));
      undo_.pop_back();
    }
    return Usable();
  }

  absl::Status AppendEntry(const EntryRow& entry, std::string_view event_id) override {
    SLUIS_RETURN_IF_ERROR(EndMark());
    SLUIS_ASSIGN_OR_RETURN(
        auto statement, db_.Prepare("INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                                    " ?10, ?11, ?12, ?13)"));
    return statement.Bind(1, static_cast<int64_t>(entry.index))
        .Bind(2, entry.leaf)
        .Bind(3, entry.salt)
        .Bind(4, entry.record)
        .Bind(5, entry.answer)
        .Bind(6, entry.texts)
        .Bind(7, entry.time)
        .Bind(8, entry.kind)
        .Bind(9, entry.caller)
        .Bind(10, entry.source)
        .Bind(11, entry.casus_id)
        .Bind(12, entry.pseudonym)
        .Bind(13, event_id)
        .Run();
  }
  absl::Status PutTile(const TileRow& tile) override {
    SLUIS_RETURN_IF_ERROR(EndMark());
    SLUIS_ASSIGN_OR_RETURN(auto statement,
                           db_.Prepare("INSERT INTO tile VALUES (?1, ?2, ?3)"
                                       " ON CONFLICT (level, idx) DO UPDATE SET hashes = ?3"));
    return statement.Bind(1, tile.level)
        .Bind(2, static_cast<int64_t>(tile.index))
        .Bind(3, tile.hashes)
        .Run();
  }
  absl::Status PutHead(const HeadRow& head) override {
    SLUIS_RETURN_IF_ERROR(EndMark());
    SLUIS_ASSIGN_OR_RETURN(auto statement,
                           db_.Prepare("UPDATE head SET size = ?1, checkpoint = ?2 WHERE id = 1"));
    return statement.Bind(1, static_cast<int64_t>(head.size)).Bind(2, head.checkpoint).Run();
  }
  absl::Status Commit() override {
    SLUIS_RETURN_IF_ERROR(db_.Run("COMMIT"));
    committed_ = true;
    return absl::OkStatus();
  }

 private:
  // What a document was before its change.
  struct Change {
    Table table;
    std::string key;
    std::optional<std::string> before;
  };

  // An error that made SQLite end the transaction must not let the rest through by itself.
  [[nodiscard]] absl::Status Usable() const {
    if (db_.InTransaction()) return absl::OkStatus();
    return Unavailable("STORE_FAILED", "the transaction has ended already");
  }
  absl::Status EndMark() {
    marked_ = false;
    undo_.clear();
    return Usable();
  }
  absl::Status BeforeChange(Table table, std::string_view key) {
    if (marked_) {
      SLUIS_ASSIGN_OR_RETURN(auto before, Get(table, key));
      undo_.push_back({table, std::string(key), std::move(before)});
    }
    return absl::OkStatus();
  }
  absl::Status PutNow(Table table, std::string_view key, std::string_view value) {
    SLUIS_RETURN_IF_ERROR(Usable());
    SLUIS_ASSIGN_OR_RETURN(auto statement, db_.Prepare(SqlOf(table).put));
    SLUIS_RETURN_IF_ERROR(statement.Bind(1, key).Bind(2, value).Run());
    if (Remembered::Keeps(table)) store_.remembered_.Keep(table, key, std::string(value));
    return absl::OkStatus();
  }
  absl::Status DeleteNow(Table table, std::string_view key) {
    SLUIS_RETURN_IF_ERROR(Usable());
    SLUIS_ASSIGN_OR_RETURN(auto statement, db_.Prepare(SqlOf(table).erase));
    SLUIS_RETURN_IF_ERROR(statement.Bind(1, key).Run());
    if (Remembered::Keeps(table)) store_.remembered_.Keep(table, key, std::nullopt);
    return absl::OkStatus();
  }

  SqliteStore& store_;
  SqliteDb& db_;
  Reading reading_;
  bool committed_ = false;
  bool marked_ = false;
  std::vector<Change> undo_;
};

class SqliteReader final : public Reader {
 public:
  SqliteReader(SqliteStore& store, std::unique_ptr<SqliteDb> db)
      : store_(store), db_(std::move(db)), reading_(*db_) {}
  ~SqliteReader() override {
    static_cast<void>(db_->Run("ROLLBACK"));
    store_.Return(std::move(db_));
  }
  SqliteReader(const SqliteReader&) = delete;
  SqliteReader& operator=(const SqliteReader&) = delete;

  absl::StatusOr<std::optional<std::string>> Get(Table table, std::string_view key) override {
    return reading_.Get(table, key);
  }
  absl::StatusOr<std::vector<Document>> Scan(Table table, std::string_view prefix,
                                             std::string_view after, size_t limit) override {
    return reading_.Scan(table, prefix, after, limit);
  }
  absl::StatusOr<HeadRow> Head() override { return reading_.Head(); }
  absl::StatusOr<std::vector<EntryRow>> Entries(uint64_t start, size_t limit) override {
    return reading_.Entries(start, limit);
  }
  absl::StatusOr<std::vector<EntryRow>> Search(const EntryFilter& filter, uint64_t start,
                                               size_t limit) override {
    return reading_.Search(filter, start, limit);
  }
  absl::StatusOr<std::optional<uint64_t>> FindEvent(std::string_view event_id) override {
    return reading_.FindEvent(event_id);
  }
  absl::StatusOr<std::optional<std::string>> Tile(int level, uint64_t index) override {
    return reading_.Tile(level, index);
  }

 private:
  SqliteStore& store_;
  std::unique_ptr<SqliteDb> db_;
  Reading reading_;
};

absl::StatusOr<std::unique_ptr<Transaction>> SqliteStore::Begin() {
  {
    const MutexLock lock(mutex_);
    while (writing_) written_.Wait(mutex_);
    writing_ = true;
  }
  // From here on only this thread uses the writer.
  absl::Status begun = writer_->Run("BEGIN IMMEDIATE");
  if (!begun.ok()) {
    EndWriting();
    return begun;
  }
  auto transaction = std::make_unique<SqliteTransaction>(*this, *writer_);
  SLUIS_ASSIGN_OR_RETURN(auto query, writer_->Prepare("PRAGMA data_version"));
  SLUIS_ASSIGN_OR_RETURN(const bool row, query.Step());
  remembered_.Begin(row ? query.Int(0) : 0);
  return transaction;
}

absl::StatusOr<std::unique_ptr<Reader>> SqliteStore::Read() {
  std::unique_ptr<SqliteDb> db;
  {
    const MutexLock lock(mutex_);
    if (!idle_.empty()) {
      db = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (db == nullptr) {
    SLUIS_ASSIGN_OR_RETURN(db, SqliteDb::Open(path_, SqliteDb::Mode::kReadOnly));
  }
  SLUIS_RETURN_IF_ERROR(db->Run("BEGIN"));
  auto reader = std::make_unique<SqliteReader>(*this, std::move(db));
  // The state of a SQLite transaction is that of its first read.
  SLUIS_RETURN_IF_ERROR(reader->Head().status());
  return reader;
}

absl::Status SqliteStore::Scrub() {
  {
    const MutexLock lock(mutex_);
    while (writing_) written_.Wait(mutex_);
    writing_ = true;
  }
  // secure_delete keeps the file itself clean; the write-ahead log still holds pages as they were.
  // Nobody can write meanwhile, so it does not wait for long.
  const auto truncated = [&]() -> absl::StatusOr<bool> {
    SLUIS_RETURN_IF_ERROR(writer_->Execute("PRAGMA busy_timeout = 250"));
    SLUIS_ASSIGN_OR_RETURN(auto statement, writer_->Prepare("PRAGMA wal_checkpoint(TRUNCATE)"));
    SLUIS_ASSIGN_OR_RETURN(const bool row, statement.Step());
    return row && statement.Int(0) == 0;
  }();
  const absl::Status patient = writer_->Execute("PRAGMA busy_timeout = 5000");
  EndWriting();
  SLUIS_RETURN_IF_ERROR(truncated.status());
  SLUIS_RETURN_IF_ERROR(patient);
  if (*truncated) return absl::OkStatus();
  return Unavailable("STORE_LOCKED", "a reader keeps older pages of the store readable");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& given) {
  SLUIS_ASSIGN_OR_RETURN(const std::string path, RealPath(given));
  SLUIS_ASSIGN_OR_RETURN(auto lock, FileLock::Take(path + ".lock"));
  SLUIS_ASSIGN_OR_RETURN(auto db, SqliteDb::Open(path, SqliteDb::Mode::kReadWrite));
  // WAL with FULL: a commit is on the disk when it returns. secure_delete overwrites what is
  // deleted. The page cache is small: the system has one too, and every commit walks through
  // ours.
  SLUIS_RETURN_IF_ERROR(db->Execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
      "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000;"));
  SLUIS_RETURN_IF_ERROR(db->Migrate(Migrations()));
  return std::make_unique<SqliteStore>(path, std::move(lock), std::move(db));
}

}  // namespace sluis::store
