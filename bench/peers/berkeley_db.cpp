// Berkeley DB: a B-tree with a write-ahead log, a transaction for each write.
#include <db.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "bench/opening.h"
#include "bench/peers/peer_store.h"
#include "bench/peers/peers.h"

namespace strata::bench {

namespace {

constexpr Limits kLimits = {};

// Nothing but a checkpoint lets old logs be removed, and none is taken unless
// it is asked for: after so many KiB of log.
constexpr std::uint32_t kCheckpointKib = 64U << 10;

void check(int error, std::string_view tried) {
  if (error != 0) throw_engine_error(tried, db_strerror(error));
}

DBT bytes_of(std::string_view view) {
  DBT bytes = {};
  bytes.data = const_cast<char*>(view.data());
  bytes.size = static_cast<std::uint32_t>(view.size());
  return bytes;
}

std::string_view view(const DBT& bytes) {
  return {static_cast<const char*>(bytes.data), bytes.size};
}

std::string version() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  db_version(&major, &minor, &patch);
  return std::to_string(major) + "." + std::to_string(minor) + "." +
         std::to_string(patch);
}

// Two threads may wait for each other's pages; one is then told to try again.
template <typename Operation>
int until_no_deadlock(const Operation& operation) {
  int error = operation();
  while (error == DB_LOCK_DEADLOCK) error = operation();
  return error;
}

// A handle is to be closed even if it could not be opened.
struct Close {
  void operator()(DB_ENV* environment) const {
    environment->close(environment, 0);
  }

  void operator()(DB* table) const { table->close(table, 0); }

  void operator()(DBC* cursor) const { cursor->close(cursor); }
};

using Environment = std::unique_ptr<DB_ENV, Close>;
using Table = std::unique_ptr<DB, Close>;
using Cursor = std::unique_ptr<DBC, Close>;

Environment open_environment(const std::string& directory, Sync sync) {
  DB_ENV* made = nullptr;
  check(db_env_create(&made, 0), "berkeley_db: cannot make an environment");
  Environment environment(made);
  check(made->set_cachesize(made, 0, kCacheMib << 20, 1),
        "berkeley_db: cannot size the cache");
  check(made->set_lk_detect(made, DB_LOCK_DEFAULT),
        "berkeley_db: cannot detect deadlocks");
  check(made->log_set_config(made, DB_LOG_AUTO_REMOVE, 1),
        "berkeley_db: cannot have old logs removed");
  if (sync == Sync::kNever) {
    check(made->set_flags(made, DB_TXN_WRITE_NOSYNC, 1),
          "berkeley_db: cannot do without syncs");
  }
  check(made->open(made, directory.c_str(),
                   DB_CREATE | DB_INIT_LOCK | DB_INIT_LOG | DB_INIT_MPOOL |
                       DB_INIT_TXN | DB_RECOVER | DB_PRIVATE | DB_THREAD,
                   0),
        "berkeley_db: cannot open");
  return environment;
}

Table open_table(DB_ENV* environment) {
  DB* made = nullptr;
  check(db_create(&made, environment, 0), "berkeley_db: cannot make a table");
  Table table(made);
  check(made->open(made, nullptr, "store.db", nullptr, DB_BTREE,
                   DB_CREATE | DB_AUTO_COMMIT | DB_THREAD, 0),
        "berkeley_db: cannot open the table");
  return table;
}

class BerkeleyDbStore final : public PeerStore {
 public:
  explicit BerkeleyDbStore(const Options& options)
      : PeerStore(options),
        environment_(open_environment(directory(), options.sync)),
        table_(open_table(environment_.get())) {}

  // After a checkpoint the next open has nothing to recover.
  ~BerkeleyDbStore() override {
    DB* const table = table_.release();
    DB_ENV* const environment = environment_.release();
    for (const int error :
         {table->close(table, 0),
          environment->txn_checkpoint(environment, 0, 0, DB_FORCE),
          environment->close(environment, 0)}) {
      if (error != 0) warn("berkeley_db: cannot close", db_strerror(error));
    }
  }

  BerkeleyDbStore(const BerkeleyDbStore&) = delete;
  BerkeleyDbStore& operator=(const BerkeleyDbStore&) = delete;

  void set(std::string_view key, std::string_view value) override {
    kLimits.check(key, value);
    DBT key_bytes = bytes_of(key);
    DBT value_bytes = bytes_of(value);
    check(until_no_deadlock([&] {
            return table_->put(table_.get(), nullptr, &key_bytes, &value_bytes,
                               0);
          }),
          "berkeley_db: cannot set");
    checkpoint(kCheckpointKib, 0);
  }

  bool get(std::string_view key, std::string& value) override {
    constexpr std::size_t kGuess = 256;
    DBT key_bytes = bytes_of(key);
    DBT value_bytes = {};
    value_bytes.flags = DB_DBT_USERMEM;
    value.resize(std::max(value.size(), kGuess));
    int error = DB_BUFFER_SMALL;
    while (error == DB_BUFFER_SMALL) {
      value.resize(std::max(value.size(), std::size_t{value_bytes.size}));
      value_bytes.data = value.data();
      value_bytes.ulen = static_cast<std::uint32_t>(value.size());
      error = until_no_deadlock([&] {
        return table_->get(table_.get(), nullptr, &key_bytes, &value_bytes, 0);
      });
    }
    if (error == DB_NOTFOUND) return false;
    check(error, "berkeley_db: cannot get");
    value.resize(value_bytes.size);
    return true;
  }

  void del(std::string_view key) override {
    kLimits.check_key(key);
    DBT key_bytes = bytes_of(key);
    const int error = until_no_deadlock(
        [&] { return table_->del(table_.get(), nullptr, &key_bytes, 0); });
    if (error == DB_NOTFOUND) return;
    check(error, "berkeley_db: cannot delete");
    checkpoint(kCheckpointKib, 0);
  }

  void keys(const KeyVisitor& visit) override {
    scan("", "", [&](std::string_view key, std::string_view) { visit(key); });
  }

  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override {
    DBC* made = nullptr;
    check(table_->cursor(table_.get(), nullptr, &made, 0),
          "berkeley_db: cannot make a cursor");
    const Cursor cursor(made);
    DBT key = bytes_of(from);
    DBT value = {};
    int error = made->get(made, &key, &value, DB_SET_RANGE);
    while (error == 0 && (to.empty() || view(key) < to)) {
      visit(view(key), view(value));
      error = made->get(made, &key, &value, DB_NEXT);
    }
    if (error != DB_NOTFOUND) check(error, "berkeley_db: cannot scan");
  }

  // A pass gives back only what is free at the end of the file when it comes
  // there, so the second one gives back what the first has freed.
  void compact() override {
    for (int pass = 0; pass < 2; ++pass) {
      check(table_->compact(table_.get(), nullptr, nullptr, nullptr, nullptr,
                            DB_FREE_SPACE, nullptr),
            "berkeley_db: cannot compact");
    }
    checkpoint(0, DB_FORCE);
  }

 private:
  // After so many KiB of log, or at once.
  void checkpoint(std::uint32_t kib, std::uint32_t flags) {
    check(environment_->txn_checkpoint(environment_.get(), kib, 0, flags),
          "berkeley_db: cannot take a checkpoint");
  }

  Environment environment_;
  Table table_;
};

}  // namespace

Subject berkeley_db_peer() {
  static const Stage stage = {
      .name = "berkeley_db",
      .title = "Berkeley DB: a B-tree with transactions",
      .flaw = {},
      .limits = kLimits,
      .options = {},
      .refuses = peer_refuses(),
      .checksums = false,
      .scans = false,
      .open = open_peer<BerkeleyDbStore>,
  };
  return {
      .stage = &stage,
      .kind = Subject::Kind::kPeer,
      .durability = Durability::kSystem,
      .threads = true,
      .counted = false,
      .version = version(),
      .settings =
          "128 MiB of cache, a checkpoint after 64 MiB of log, "
          "DB_TXN_WRITE_NOSYNC where a write need not reach the disk",
  };
}

}  // namespace strata::bench
