// SQLite: a B-tree with a write-ahead log, asked in SQL.
#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/opening.h"
#include "bench/peers/peer_store.h"
#include "bench/peers/peers.h"

namespace strata::bench {

namespace {

// A row is at most 1,000,000,000 bytes: the key, the value and a header.
constexpr Limits kLimits = {.max_value_bytes = 999'000'000,
                            .key_forbids = {},
                            .value_forbids = {},
                            .value_prefix_taken = {}};

using Database = std::unique_ptr<sqlite3, decltype(&sqlite3_close_v2)>;

[[noreturn]] void fail(sqlite3* database, std::string_view tried) {
  throw_engine_error(tried, sqlite3_errmsg(database));
}

void run(sqlite3* database, const std::string& sql) {
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) !=
      SQLITE_OK) {
    fail(database, "sqlite: cannot run " + sql);
  }
}

Database open_database(const std::string& path) {
  sqlite3* opened = nullptr;
  const int error = sqlite3_open_v2(
      path.c_str(), &opened,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
      nullptr);
  Database database(opened, sqlite3_close_v2);
  if (error != SQLITE_OK)
    throw_engine_error("sqlite: cannot open", sqlite3_errstr(error));
  return database;
}

// A prepared statement, run once for each `Query`.
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) {
    if (sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT,
                           &statement_, nullptr) != SQLITE_OK) {
      fail(database, "sqlite: cannot prepare");
    }
  }

  ~Statement() { sqlite3_finalize(statement_); }

  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  [[nodiscard]] sqlite3_stmt* get() const { return statement_; }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

// One run of a statement. What is bound must live as long.
class Query {
 public:
  Query(const Statement& statement, std::string_view tried)
      : statement_(statement.get()), tried_(tried) {}

  ~Query() { sqlite3_reset(statement_); }

  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& bind(std::string_view bytes) {
    // Without a pointer it would be NULL and not an empty string.
    const char* data = bytes.empty() ? "" : bytes.data();
    check(sqlite3_bind_blob64(statement_, ++bound_, data, bytes.size(),
                              SQLITE_STATIC) == SQLITE_OK);
    return *this;
  }

  // @returns whether there is another row.
  bool step() {
    const int result = sqlite3_step(statement_);
    check(result == SQLITE_ROW || result == SQLITE_DONE);
    return result == SQLITE_ROW;
  }

  [[nodiscard]] std::string_view column(int number) const {
    const void* data = sqlite3_column_blob(statement_, number);
    const int size = sqlite3_column_bytes(statement_, number);
    return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
  }

 private:
  void check(bool good) const {
    if (!good) fail(sqlite3_db_handle(statement_), tried_);
  }

  sqlite3_stmt* statement_;
  std::string_view tried_;
  int bound_ = 0;
};

class SqliteStore final : public PeerStore {
 public:
  explicit SqliteStore(const Options& options)
      : PeerStore(options), database_(prepared(options)) {}

  void set(std::string_view key, std::string_view value) override {
    kLimits.check(key, value);
    Query(set_, "sqlite: cannot set").bind(key).bind(value).step();
  }

  bool get(std::string_view key, std::string& value) override {
    Query query(get_, "sqlite: cannot get");
    if (!query.bind(key).step()) return false;
    value = query.column(0);
    return true;
  }

  void get_batch(const std::vector<std::string_view>& keys,
                 const AnswerVisitor& visit) override {
    const Reading reading(database_.get());
    PeerStore::get_batch(keys, visit);
  }

  void del(std::string_view key) override {
    kLimits.check_key(key);
    Query(del_, "sqlite: cannot delete").bind(key).step();
  }

  void keys(const KeyVisitor& visit) override {
    Query query(keys_, "sqlite: cannot list the keys");
    while (query.step()) visit(query.column(0));
  }

  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override {
    Query query(to.empty() ? scan_to_end_ : scan_, "sqlite: cannot scan");
    query.bind(from);
    if (!to.empty()) query.bind(to);
    while (query.step()) visit(query.column(0), query.column(1));
  }

  // The log has to be emptied into the file, or both are there.
  void compact() override {
    run(database_.get(), "VACUUM");
    run(database_.get(), "PRAGMA wal_checkpoint(TRUNCATE)");
  }

 private:
  // One transaction around many reads.
  class Reading {
   public:
    explicit Reading(sqlite3* database) : database_(database) {
      run(database_, "BEGIN");
    }

    ~Reading() { sqlite3_exec(database_, "COMMIT", nullptr, nullptr, nullptr); }

    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    sqlite3* database_;
  };

  [[nodiscard]] Database prepared(const Options& options) const {
    Database database = open_database(path_of("store.sqlite"));
    run(database.get(), "PRAGMA journal_mode = WAL");
    run(database.get(),  // in KiB, where it is negative
        "PRAGMA cache_size = -" + std::to_string(kCacheMib << 10));
    run(database.get(), options.sync == Sync::kAlways
                            ? "PRAGMA synchronous = FULL"
                            : "PRAGMA synchronous = OFF");
    run(database.get(),
        "CREATE TABLE IF NOT EXISTS pairs (key BLOB PRIMARY KEY, "
        "value BLOB NOT NULL) WITHOUT ROWID");
    return database;
  }

  Database database_;
  Statement set_{database_.get(), "REPLACE INTO pairs VALUES (?, ?)"};
  Statement get_{database_.get(), "SELECT value FROM pairs WHERE key = ?"};
  Statement del_{database_.get(), "DELETE FROM pairs WHERE key = ?"};
  Statement keys_{database_.get(), "SELECT key FROM pairs"};
  Statement scan_{database_.get(),
                  "SELECT key, value FROM pairs WHERE key >= ? AND key < ? "
                  "ORDER BY key"};
  Statement scan_to_end_{database_.get(),
                         "SELECT key, value FROM pairs WHERE key >= ? "
                         "ORDER BY key"};
};

}  // namespace

Subject sqlite_peer() {
  static const Stage stage = {
      .name = "sqlite",
      .title = "SQLite: a B-tree with a write-ahead log, asked in SQL",
      .flaw = {},
      .limits = kLimits,
      .options = {},
      .refuses = peer_refuses(),
      .checksums = false,
      .scans = false,
      .open = open_peer<SqliteStore>,
  };
  return {
      .stage = &stage,
      .kind = Subject::Kind::kPeer,
      .durability = Durability::kSystem,
      .threads = false,
      .counted = false,
      .merged = Durability::kSystem,
      .version = sqlite3_libversion(),
      .settings =
          "128 MiB of cache, journal_mode = WAL, a table WITHOUT ROWID; "
          "synchronous = OFF where a write need not reach the disk, else FULL",
  };
}

}  // namespace strata::bench
