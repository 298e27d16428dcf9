// LevelDB: a log-structured merge tree.
#include <leveldb/cache.h>
#include <leveldb/db.h>

#include <memory>
#include <string>

#include "bench/opening.h"
#include "bench/peers/peer_store.h"
#include "bench/peers/peers.h"

namespace strata::bench {

namespace {

constexpr Limits kLimits = {};

leveldb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

std::string_view view(const leveldb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

void check(const leveldb::Status& status, std::string_view tried) {
  if (!status.ok()) throw_engine_error(tried, status.ToString());
}

class LeveldbStore final : public PeerStore {
 public:
  explicit LeveldbStore(const Options& options) : PeerStore(options) {
    leveldb::Options how;
    how.create_if_missing = true;
    how.compression = values_are_compressed() ? leveldb::kSnappyCompression
                                              : leveldb::kNoCompression;
    how.block_cache = cache_.get();
    writing_.sync = options.sync == Sync::kAlways;
    leveldb::DB* opened = nullptr;
    check(leveldb::DB::Open(how, directory(), &opened), "leveldb: cannot open");
    db_.reset(opened);
  }

  void set(std::string_view key, std::string_view value) override {
    kLimits.check(key, value);
    check(db_->Put(writing_, slice(key), slice(value)), "leveldb: cannot set");
  }

  bool get(std::string_view key, std::string& value) override {
    const leveldb::Status status = db_->Get({}, slice(key), &value);
    if (status.IsNotFound()) return false;
    check(status, "leveldb: cannot get");
    return true;
  }

  void del(std::string_view key) override {
    kLimits.check_key(key);
    check(db_->Delete(writing_, slice(key)), "leveldb: cannot delete");
  }

  void keys(const KeyVisitor& visit) override {
    walk("", "", [&](const leveldb::Iterator& at) { visit(view(at.key())); });
  }

  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override {
    walk(from, to, [&](const leveldb::Iterator& at) {
      visit(view(at.key()), view(at.value()));
    });
  }

  void compact() override { db_->CompactRange(nullptr, nullptr); }

 private:
  template <typename Visit>
  void walk(std::string_view from, std::string_view to, const Visit& visit) {
    const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator({}));
    for (at->Seek(slice(from)); at->Valid(); at->Next()) {
      if (!to.empty() && view(at->key()) >= to) break;
      visit(*at);
    }
    check(at->status(), "leveldb: cannot scan");
  }

  leveldb::WriteOptions writing_;
  const std::unique_ptr<leveldb::Cache> cache_{
      leveldb::NewLRUCache(std::size_t{kCacheMib} << 20)};
  std::unique_ptr<leveldb::DB> db_;
};

}  // namespace

Subject leveldb_peer() {
  static const Stage stage = {
      .name = "leveldb",
      .title = "LevelDB: a merge tree",
      .flaw = {},
      .limits = kLimits,
      .options = {},
      .refuses = peer_refuses(),
      .checksums = false,  // they are there, but a get checks none by default
      .scans = false,
      .open = open_peer<LeveldbStore>,
  };
  return {
      .stage = &stage,
      .kind = Subject::Kind::kPeer,
      .durability = Durability::kSystem,
      .threads = true,
      .counted = false,
      .maps_reads = true,  // of tables; all is written with write(2)
      .version = std::to_string(leveldb::kMajorVersion) + "." +
                 std::to_string(leveldb::kMinorVersion),
      .settings = values_are_compressed()
                      ? "128 MiB of cache, tables mapped, Snappy, no Bloom "
                        "filter"
                      : "128 MiB of cache, tables mapped, no compression, no "
                        "Bloom filter",
  };
}

}  // namespace strata::bench
