// Tkrzw's HashDBM: a hash table of chains in a mapped file.
#include <tkrzw_dbm_hash.h>

#include <cstdint>
#include <memory>
#include <string>

#include "bench/peers/peer_store.h"
#include "bench/peers/peers.h"

namespace strata::bench {

namespace {

constexpr Limits kLimits = {};

const Stage& tkrzw_stage();

void check(const tkrzw::Status& status, std::string_view tried) {
  if (!status.IsOK()) throw_engine_error(tried, tkrzw::ToString(status));
}

bool found(const tkrzw::Status& status, std::string_view tried) {
  if (status == tkrzw::Status::NOT_FOUND_ERROR) return false;
  check(status, tried);
  return true;
}

class TkrzwStore final : public PeerStore {
 public:
  explicit TkrzwStore(const Options& options)
      : PeerStore(options), sync_(options.sync == Sync::kAlways) {
    how_.num_buckets =
        static_cast<std::int64_t>(tkrzw_stage().number(options, kBuckets.name));
    check(db_.OpenAdvanced(path_of("store.tkh"), true,
                           tkrzw::File::OPEN_DEFAULT, how_),
          "tkrzw: cannot open");
  }

  ~TkrzwStore() override {
    const tkrzw::Status status = db_.Close();
    if (!status.IsOK()) warn("tkrzw: cannot close", tkrzw::ToString(status));
  }

  TkrzwStore(const TkrzwStore&) = delete;
  TkrzwStore& operator=(const TkrzwStore&) = delete;

  void set(std::string_view key, std::string_view value) override {
    kLimits.check(key, value);
    check(db_.Set(key, value), "tkrzw: cannot set");
    if (sync_) synchronize();
  }

  bool get(std::string_view key, std::string& value) override {
    return found(db_.Get(key, &value), "tkrzw: cannot get");
  }

  void del(std::string_view key) override {
    kLimits.check_key(key);
    if (found(db_.Remove(key), "tkrzw: cannot delete") && sync_) synchronize();
  }

  void keys(const KeyVisitor& visit) override {
    const std::unique_ptr<tkrzw::DBM::Iterator> at = db_.MakeIterator();
    check(at->First(), "tkrzw: cannot list the keys");
    std::string key;
    while (found(at->Get(&key), "tkrzw: cannot list the keys")) {
      visit(key);
      check(at->Next(), "tkrzw: cannot list the keys");
    }
  }

  void compact() override {
    check(db_.RebuildAdvanced(how_), "tkrzw: cannot rebuild");
  }

  Stats stats() override {
    Stats stats = PeerStore::stats();
    stats.keys = static_cast<std::uint64_t>(db_.CountSimple());
    return stats;
  }

 private:
  void synchronize() {
    check(db_.Synchronize(true), "tkrzw: cannot synchronize");
  }

  const bool sync_;
  tkrzw::HashDBM::TuningParameters how_;
  tkrzw::HashDBM db_;
};

const Stage& tkrzw_stage() {
  static const Stage stage = {
      .name = "tkrzw",
      .title = "Tkrzw's HashDBM: a mapped hash table",
      .flaw = kTearsOverwrites,
      .limits = kLimits,
      .options = {kBuckets},
      .refuses = peer_refuses({kNoScan}),
      .checksums = false,
      .scans = false,
      .open = open_peer<TkrzwStore>,
  };
  return stage;
}

}  // namespace

Subject tkrzw_peer() {
  return {
      .stage = &tkrzw_stage(),
      .kind = Subject::Kind::kPeer,
      .durability = Durability::kSystem,
      .threads = true,
      .counted = false,
      .maps_reads = true,
      .maps_writes = true,
      .merged = Durability::kSystem,
      .version = tkrzw::PACKAGE_VERSION,
      .settings = "two buckets for each key",
  };
}

}  // namespace strata::bench
