// LMDB: a copy-on-write B+ tree in a mapped file.
#include <lmdb.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/peers/peer_store.h"
#include "bench/peers/peers.h"
#include "common/store/errors.h"

namespace strata::bench {

namespace {

constexpr Limits kLimits = {.max_key_bytes = 511,  // unless compiled otherwise
                            .max_value_bytes = 0xFFFFFFFF,
                            .key_forbids = {},
                            .value_forbids = {},
                            .value_prefix_taken = {}};

// How large a store may become. A file with a hole is all that this costs.
constexpr std::size_t kMapBytes = std::size_t{16} << 30;

constexpr Refusal kNoCompact = {"compact", "it reuses its free pages instead"};

void check(int error, std::string_view tried) {
  if (error != MDB_SUCCESS) throw_engine_error(tried, mdb_strerror(error));
}

MDB_val bytes_of(std::string_view view) {
  return {view.size(), const_cast<char*>(view.data())};
}

std::string_view view(const MDB_val& bytes) {
  return {static_cast<const char*>(bytes.mv_data), bytes.mv_size};
}

std::string version() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  mdb_version(&major, &minor, &patch);
  return std::to_string(major) + "." + std::to_string(minor) + "." +
         std::to_string(patch);
}

// Undone, or ended if it only reads, unless it is committed.
class Transaction {
 public:
  Transaction(MDB_env* env, unsigned flags) {
    check(mdb_txn_begin(env, nullptr, flags, &txn_), "lmdb: cannot begin");
  }

  ~Transaction() {
    if (txn_ != nullptr) mdb_txn_abort(txn_);
  }

  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  [[nodiscard]] MDB_txn* get() const { return txn_; }

  void commit() {
    check(mdb_txn_commit(std::exchange(txn_, nullptr)), "lmdb: cannot commit");
  }

 private:
  MDB_txn* txn_ = nullptr;
};

class LmdbStore final : public PeerStore {
 public:
  explicit LmdbStore(const Options& options) : PeerStore(options) {
    MDB_env* env = nullptr;
    check(mdb_env_create(&env), "lmdb: cannot make an environment");
    env_.reset(env);
    check(mdb_env_set_mapsize(env, kMapBytes), "lmdb: cannot size the map");
    const unsigned flags =
        options.sync == Sync::kNever ? MDB_WRITEMAP | MDB_NOSYNC : 0;
    check(mdb_env_open(env, directory().c_str(), flags, 0666),
          "lmdb: cannot open");
    Transaction transaction(env, 0);
    check(mdb_dbi_open(transaction.get(), nullptr, 0, &table_),
          "lmdb: cannot open the table");
    transaction.commit();
  }

  void set(std::string_view key, std::string_view value) override {
    kLimits.check(key, value);
    MDB_val key_bytes = bytes_of(key);
    MDB_val value_bytes = bytes_of(value);
    Transaction transaction(env_.get(), 0);
    check(mdb_put(transaction.get(), table_, &key_bytes, &value_bytes, 0),
          "lmdb: cannot set");
    transaction.commit();
  }

  bool get(std::string_view key, std::string& value) override {
    const Transaction transaction(env_.get(), MDB_RDONLY);
    return get(transaction, key, value);
  }

  void get_batch(const std::vector<std::string_view>& keys,
                 const AnswerVisitor& visit) override {
    const Transaction transaction(env_.get(), MDB_RDONLY);
    std::string value;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      visit(i, get(transaction, keys[i], value) ? &value : nullptr);
    }
  }

  void del(std::string_view key) override {
    kLimits.check_key(key);
    MDB_val key_bytes = bytes_of(key);
    Transaction transaction(env_.get(), 0);
    const int error = mdb_del(transaction.get(), table_, &key_bytes, nullptr);
    if (error == MDB_NOTFOUND) return;
    check(error, "lmdb: cannot delete");
    transaction.commit();
  }

  void keys(const KeyVisitor& visit) override {
    scan("", "", [&](std::string_view key, std::string_view) { visit(key); });
  }

  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override {
    const Transaction transaction(env_.get(), MDB_RDONLY);
    MDB_cursor* opened = nullptr;
    check(mdb_cursor_open(transaction.get(), table_, &opened),
          "lmdb: cannot open a cursor");
    const std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)> cursor(
        opened, mdb_cursor_close);
    MDB_val key = bytes_of(from);
    MDB_val value = {};
    int error = mdb_cursor_get(cursor.get(), &key, &value,
                               from.empty() ? MDB_FIRST : MDB_SET_RANGE);
    while (error == MDB_SUCCESS && (to.empty() || view(key) < to)) {
      visit(view(key), view(value));
      error = mdb_cursor_get(cursor.get(), &key, &value, MDB_NEXT);
    }
    if (error != MDB_NOTFOUND) check(error, "lmdb: cannot scan");
  }

  void compact() override {
    throw InvalidInput("no 'compact' here: " + std::string(kNoCompact.why));
  }

  Stats stats() override {
    const Transaction transaction(env_.get(), MDB_RDONLY);
    MDB_stat tree = {};
    check(mdb_stat(transaction.get(), table_, &tree), "lmdb: cannot count");
    Stats stats = PeerStore::stats();
    stats.keys = tree.ms_entries;
    return stats;
  }

 private:
  bool get(const Transaction& transaction, std::string_view key,
           std::string& value) const {
    if (key.empty() || key.size() > kLimits.max_key_bytes) return false;
    MDB_val key_bytes = bytes_of(key);
    MDB_val value_bytes = {};
    const int error =
        mdb_get(transaction.get(), table_, &key_bytes, &value_bytes);
    if (error == MDB_NOTFOUND) return false;
    check(error, "lmdb: cannot get");
    value = view(value_bytes);
    return true;
  }

  std::unique_ptr<MDB_env, decltype(&mdb_env_close)> env_{nullptr,
                                                          mdb_env_close};
  MDB_dbi table_ = 0;
};

}  // namespace

Subject lmdb_peer() {
  static const Stage stage = {
      .name = "lmdb",
      .title = "LMDB: a mapped B+ tree that copies on write",
      .flaw = {},
      .limits = kLimits,
      .options = {},
      .refuses = peer_refuses({kNoCompact}),
      .checksums = false,
      .scans = false,
      .open = open_peer<LmdbStore>,
  };
  return {
      .stage = &stage,
      .kind = Subject::Kind::kPeer,
      .durability = Durability::kSystem,
      .threads = true,
      .counted = false,
      .maps_reads = true,
      .maps_writes = true,
      .version = version(),
      .settings =
          "a map of 16 GiB; MDB_WRITEMAP and MDB_NOSYNC where a write need not "
          "reach the disk",
  };
}

}  // namespace strata::bench
