// RocksDB: LevelDB's log-structured merge tree, for servers.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/opening.h"
#include "bench/peers/peer_store.h"
#include "bench/peers/peers.h"

namespace strata::bench {

namespace {

constexpr Limits kLimits = {};

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

void check(const rocksdb::Status& status, std::string_view tried) {
  if (!status.ok()) throw_engine_error(tried, status.ToString());
}

class RocksdbStore final : public PeerStore {
 public:
  explicit RocksdbStore(const Options& options) : PeerStore(options) {
    rocksdb::Options how;
    how.create_if_missing = true;
    how.compression = values_are_compressed() ? rocksdb::kSnappyCompression
                                              : rocksdb::kNoCompression;
    rocksdb::BlockBasedTableOptions tables;
    tables.block_cache = rocksdb::NewLRUCache(std::size_t{kCacheMib} << 20);
    how.table_factory.reset(rocksdb::NewBlockBasedTableFactory(tables));
    writing_.sync = options.sync == Sync::kAlways;
    rocksdb::DB* opened = nullptr;
    check(rocksdb::DB::Open(how, directory(), &opened), "rocksdb: cannot open");
    db_.reset(opened);
  }

  ~RocksdbStore() override {
    const rocksdb::Status status = db_->Close();
    if (!status.ok()) warn("rocksdb: cannot close", status.ToString());
  }

  RocksdbStore(const RocksdbStore&) = delete;
  RocksdbStore& operator=(const RocksdbStore&) = delete;

  void set(std::string_view key, std::string_view value) override {
    kLimits.check(key, value);
    check(db_->Put(writing_, slice(key), slice(value)), "rocksdb: cannot set");
  }

  bool get(std::string_view key, std::string& value) override {
    return found(db_->Get({}, slice(key), &value));
  }

  void get_batch(const std::vector<std::string_view>& keys,
                 const AnswerVisitor& visit) override {
    std::vector<rocksdb::Slice> slices;
    slices.reserve(keys.size());
    for (const std::string_view key : keys) slices.push_back(slice(key));
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    db_->MultiGet({}, db_->DefaultColumnFamily(), keys.size(), slices.data(),
                  values.data(), statuses.data());
    std::string value;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!found(statuses[i])) {
        visit(i, nullptr);
        continue;
      }
      value.assign(values[i].data(), values[i].size());
      visit(i, &value);
    }
  }

  void del(std::string_view key) override {
    kLimits.check_key(key);
    check(db_->Delete(writing_, slice(key)), "rocksdb: cannot delete");
  }

  void keys(const KeyVisitor& visit) override {
    walk("", "",
         [&](const rocksdb::Iterator& at) { visit(at.key().ToStringView()); });
  }

  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override {
    walk(from, to, [&](const rocksdb::Iterator& at) {
      visit(at.key().ToStringView(), at.value().ToStringView());
    });
  }

  void compact() override {
    check(db_->CompactRange({}, nullptr, nullptr), "rocksdb: cannot compact");
  }

 private:
  static bool found(const rocksdb::Status& status) {
    if (status.IsNotFound()) return false;
    check(status, "rocksdb: cannot get");
    return true;
  }

  template <typename Visit>
  void walk(std::string_view from, std::string_view to, const Visit& visit) {
    const rocksdb::Slice end = slice(to);
    rocksdb::ReadOptions reading;
    if (!to.empty()) reading.iterate_upper_bound = &end;
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(reading));
    for (at->Seek(slice(from)); at->Valid(); at->Next()) visit(*at);
    check(at->status(), "rocksdb: cannot scan");
  }

  rocksdb::WriteOptions writing_;
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

Subject rocksdb_peer() {
  static const Stage stage = {
      .name = "rocksdb",
      .title = "RocksDB: a merge tree",
      .flaw = {},
      .limits = kLimits,
      .options = {},
      .refuses = peer_refuses(),
      .checksums = true,
      .scans = false,
      .open = open_peer<RocksdbStore>,
  };
  return {
      .stage = &stage,
      .kind = Subject::Kind::kPeer,
      .durability = Durability::kSystem,
      .threads = true,
      .counted = false,
      .version = rocksdb::GetRocksVersionAsString(),
      .settings = values_are_compressed()
                      ? "128 MiB of cache, Snappy, no Bloom filter"
                      : "128 MiB of cache, no compression, no Bloom filter",
  };
}

}  // namespace strata::bench
