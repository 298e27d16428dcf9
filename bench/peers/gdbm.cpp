// GDBM: an extendible hash table in a mapped file.
#include <gdbm.h>

#include <cstdlib>
#include <limits>
#include <memory>
#include <string>

#include "bench/peers/peer_store.h"
#include "bench/peers/peers.h"

namespace strata::bench {

namespace {

constexpr Limits kLimits = {
    .max_value_bytes = std::numeric_limits<decltype(datum::dsize)>::max(),
    .key_forbids = {},
    .value_forbids = {},
    .value_prefix_taken = {}};

datum datum_of(std::string_view bytes) {
  return {const_cast<char*>(bytes.data()), static_cast<int>(bytes.size())};
}

// What GDBM has allocated for its caller.
class Owned {
 public:
  explicit Owned(datum bytes)
      : bytes_(bytes.dptr, std::free),
        size_(static_cast<std::size_t>(bytes.dsize)) {}

  [[nodiscard]] bool is_there() const { return bytes_ != nullptr; }

  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char, decltype(&std::free)> bytes_;
  std::size_t size_;
};

class GdbmStore final : public PeerStore {
 public:
  explicit GdbmStore(const Options& options)
      : PeerStore(options), sync_(options.sync == Sync::kAlways) {
    constexpr int kDefaultBlock = 0;
    file_ = gdbm_open(path_of("store.gdbm").c_str(), kDefaultBlock,
                      GDBM_WRCREAT | GDBM_CLOEXEC, 0666, nullptr);
    if (file_ == nullptr) {
      throw_engine_error("gdbm: cannot open", gdbm_strerror(gdbm_errno));
    }
  }

  ~GdbmStore() override {
    if (gdbm_close(file_) != 0) {
      warn("gdbm: cannot close", gdbm_strerror(gdbm_errno));
    }
  }

  GdbmStore(const GdbmStore&) = delete;
  GdbmStore& operator=(const GdbmStore&) = delete;

  void set(std::string_view key, std::string_view value) override {
    kLimits.check(key, value);
    check(gdbm_store(file_, datum_of(key), datum_of(value), GDBM_REPLACE) == 0,
          "gdbm: cannot set");
    if (sync_) synchronize();
  }

  bool get(std::string_view key, std::string& value) override {
    const Owned fetched(gdbm_fetch(file_, datum_of(key)));
    check_unless_absent(fetched.is_there(), "gdbm: cannot get");
    if (!fetched.is_there()) return false;
    value = fetched.view();
    return true;
  }

  void del(std::string_view key) override {
    kLimits.check_key(key);
    const bool done = gdbm_delete(file_, datum_of(key)) == 0;
    check_unless_absent(done, "gdbm: cannot delete");
    if (done && sync_) synchronize();
  }

  void keys(const KeyVisitor& visit) override {
    Owned key(gdbm_firstkey(file_));
    while (key.is_there()) {
      visit(key.view());
      key = Owned(gdbm_nextkey(file_, datum_of(key.view())));
    }
    check_unless_absent(false, "gdbm: cannot list the keys");
  }

  void compact() override {
    check(gdbm_reorganize(file_) == 0, "gdbm: cannot reorganize");
  }

 private:
  // The flag GDBM_SYNC is not enough: with it most writes are not synced.
  void synchronize() {
    check(gdbm_sync(file_) == 0, "gdbm: cannot synchronize");
  }

  void check(bool done, std::string_view tried) const {
    if (!done) throw_engine_error(tried, gdbm_db_strerror(file_));
  }

  void check_unless_absent(bool done, std::string_view tried) const {
    check(done || gdbm_last_errno(file_) == GDBM_ITEM_NOT_FOUND, tried);
  }

  const bool sync_;
  GDBM_FILE file_ = nullptr;
};

}  // namespace

Subject gdbm_peer() {
  static const Stage stage = {
      .name = "gdbm",
      .title = "GDBM: a mapped extendible hash table",
      .flaw =
          "A kill in the midst of a write can make all of it unreadable until "
          "it is repaired.",
      .limits = kLimits,
      .options = {},
      .refuses = peer_refuses({kNoScan}),
      .checksums = false,
      .scans = false,
      .open = open_peer<GdbmStore>,
  };
  return {
      .stage = &stage,
      .kind = Subject::Kind::kPeer,
      .durability = Durability::kSystem,
      .threads = false,
      .counted = false,
      .maps_reads = true,
      .maps_writes = true,
      .version = std::to_string(gdbm_version_number[0]) + "." +
                 std::to_string(gdbm_version_number[1]),
  };
}

}  // namespace strata::bench
