// Kyoto Cabinet's HashDB: a hash table of trees in a mapped file.
#include <kchashdb.h>

#include <cstdint>
#include <memory>
#include <string>

#include "bench/peers/peer_store.h"
#include "bench/peers/peers.h"

namespace strata::bench {

namespace {

using kyotocabinet::HashDB;

constexpr Limits kLimits = {};

// How much of the file is mapped: as much as LMDB maps. Beyond its default,
// 64 MiB, each access is a system call.
constexpr std::int64_t kMapBytes = std::int64_t{16} << 30;

const Stage& kyoto_cabinet_stage();

// Copies the value into the caller's string: HashDB::get would allocate.
class Getter final : public HashDB::Visitor {
 public:
  explicit Getter(std::string& value) : value_(value) {}

  [[nodiscard]] bool found() const { return found_; }

 private:
  const char* visit_full(const char* /*key*/, size_t /*key_size*/,
                         const char* value, size_t value_size,
                         size_t* /*new_size*/) override {
    value_.assign(value, value_size);
    found_ = true;
    return NOP;
  }

  std::string& value_;
  bool found_ = false;
};

class KyotoCabinetStore final : public PeerStore {
 public:
  explicit KyotoCabinetStore(const Options& options) : PeerStore(options) {
    check(db_.tune_buckets(static_cast<std::int64_t>(
              kyoto_cabinet_stage().number(options, kBuckets.name))),
          "kyoto_cabinet: cannot set the buckets");
    check(db_.tune_map(kMapBytes), "kyoto_cabinet: cannot size the map");
    std::uint32_t mode = HashDB::OWRITER | HashDB::OCREATE;
    if (options.sync == Sync::kAlways) mode |= HashDB::OAUTOSYNC;
    check(db_.open(path_of("store.kch"), mode), "kyoto_cabinet: cannot open");
  }

  ~KyotoCabinetStore() override {
    if (!db_.close()) warn("kyoto_cabinet: cannot close", message());
  }

  KyotoCabinetStore(const KyotoCabinetStore&) = delete;
  KyotoCabinetStore& operator=(const KyotoCabinetStore&) = delete;

  void set(std::string_view key, std::string_view value) override {
    kLimits.check(key, value);
    check(db_.set(key.data(), key.size(), value.data(), value.size()),
          "kyoto_cabinet: cannot set");
  }

  bool get(std::string_view key, std::string& value) override {
    Getter getter(value);
    check(db_.accept(key.data(), key.size(), &getter, false),
          "kyoto_cabinet: cannot get");
    return getter.found();
  }

  void del(std::string_view key) override {
    kLimits.check_key(key);
    check_unless_absent(db_.remove(key.data(), key.size()),
                        "kyoto_cabinet: cannot delete");
  }

  void keys(const KeyVisitor& visit) override {
    const std::unique_ptr<HashDB::Cursor> at(db_.cursor());
    bool more = at->jump();
    std::string key;
    while (more && at->get_key(&key)) {
      visit(key);
      more = at->step();
    }
    check_unless_absent(false, "kyoto_cabinet: cannot list the keys");
  }

  void compact() override {
    check(db_.defrag(), "kyoto_cabinet: cannot defragment");
  }

  Stats stats() override {
    Stats stats = PeerStore::stats();
    stats.keys = static_cast<std::uint64_t>(db_.count());
    return stats;
  }

 private:
  [[nodiscard]] std::string message() const {
    const HashDB::Error error = db_.error();
    return std::string(error.name()) + ": " + error.message();
  }

  void check(bool done, std::string_view tried) const {
    if (!done) throw_engine_error(tried, message());
  }

  void check_unless_absent(bool done, std::string_view tried) const {
    check(done || db_.error() == HashDB::Error::NOREC, tried);
  }

  HashDB db_;
};

const Stage& kyoto_cabinet_stage() {
  static const Stage stage = {
      .name = "kyoto_cabinet",
      .title = "Kyoto Cabinet's HashDB: a mapped hash table",
      .flaw = kTearsOverwrites,
      .limits = kLimits,
      .options = {kBuckets},
      .refuses = peer_refuses({kNoScan}),
      .checksums = false,
      .scans = false,
      .open = open_peer<KyotoCabinetStore>,
  };
  return stage;
}

}  // namespace

Subject kyoto_cabinet_peer() {
  return {
      .stage = &kyoto_cabinet_stage(),
      .kind = Subject::Kind::kPeer,
      .durability = Durability::kSystem,
      .threads = true,
      .counted = false,
      .maps_reads = true,
      .maps_writes = true,
      .merged = Durability::kSystem,
      .version = kyotocabinet::VERSION,
      .settings = "a map of 16 GiB, two buckets for each key",
  };
}

}  // namespace strata::bench
