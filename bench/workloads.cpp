#include "bench/workloads.h"

#include <algorithm>
#include <array>
#include <future>
#include <random>
#include <stdexcept>
#include <utility>

namespace strata::bench {

namespace {

using Start = Workload::Start;
using Length = Workload::Length;
using Draw = Keys (*)(std::uint64_t count);

/// Of a hundred operations of a mix, how many are of each kind.
/// @source Cooper et al., "Benchmarking Cloud Serving Systems with YCSB",
///   SoCC 2010
struct Mix {
  unsigned reads = 0;
  unsigned updates = 0;
  unsigned inserts = 0;
  unsigned scans = 0;
  unsigned changes = 0;  ///< a read, then an update of the same key
  bool latest = false;   ///< the newest keys are the popular ones
};

using Maker = std::function<std::unique_ptr<Work>(const Scene&, std::uint64_t)>;

Maker sets(Draw draw);
Maker gets(Draw draw, bool there = true);
Maker batches();
Maker pairs_of_threads();
Maker whole_scan();
Maker ranges();
Maker mix(const Mix& shares);

// All that is measured. Keys have 16 bytes and values 100, where nothing else is
// said. YCSB's values have 1,000; its mixes and distributions are kept.
std::vector<Workload> all_workloads() {
  return {
      {"fill_sequential", "a new key, ascending", Start::kEmpty, Length::kKeys,
       "set", false, false, true, sets(sequential_keys)},
      {"fill_random", "a new key, in random order", Start::kEmpty,
       Length::kKeys, "set", false, false, true, sets(shuffled_keys)},
      {"set_durable", "a new key that is on disk when it is acknowledged",
       Start::kEmpty, Length::kAtMost, "--sync always", false, true, true,
       sets(shuffled_keys)},

      {.name = "get_hit",
       .what = "a key that is there, at random",
       .work = gets(random_keys)},
      {.name = "get_miss",
       .what = "a key that is not there, but lies between others",
       .work = gets(absent_keys, false)},
      {.name = "get_newest",
       .what = "the key written last",
       .work = gets(newest_key)},
      {.name = "get_oldest",
       .what = "the key written first",
       .work = gets(oldest_key)},
      {.name = "get_zipfian",
       .what = "a key that is there, few of them often",
       .work = gets(zipfian_keys)},
      {.name = "get_batch",
       .what = "one of 32 keys that are asked for together",
       .work = batches()},
      {.name = "get_two_threads",
       .what = "a get_hit of one of two threads",
       .threads = true,
       .work = pairs_of_threads()},
      {.name = "scan",
       .what = "one entry of a scan over all",
       .needs = "scan",
       .work = whole_scan()},
      {.name = "scan_100",
       .what = "one entry of scans over 100 neighbours",
       .needs = "scan",
       .work = ranges()},

      {.name = "ycsb_c",
       .what = "100 % reads, Zipfian",
       .work = mix({.reads = 100})},
      {.name = "ycsb_b",
       .what = "95 % reads, 5 % updates, Zipfian",
       .length = Length::kTenth,
       .sets = true,
       .work = mix({.reads = 95, .updates = 5})},
      {.name = "ycsb_a",
       .what = "50 % reads, 50 % updates, Zipfian",
       .length = Length::kTenth,
       .sets = true,
       .work = mix({.reads = 50, .updates = 50})},
      {.name = "ycsb_f",
       .what = "50 % reads, 50 % reads with an update behind, Zipfian",
       .length = Length::kTenth,
       .sets = true,
       .work = mix({.reads = 50, .changes = 50})},
      {.name = "ycsb_d",
       .what = "95 % reads of the latest keys, 5 % inserts",
       .length = Length::kTenth,
       .sets = true,
       .work = mix({.reads = 95, .inserts = 5, .latest = true})},
      {.name = "ycsb_e",
       .what = "95 % scans of 1 to 100 keys, 5 % inserts, Zipfian",
       .length = Length::kTenth,
       .needs = "scan",
       .sets = true,
       .work = mix({.inserts = 5, .scans = 95})},
      {.name = "overwrite",
       .what = "a new value for a key that is there, at random",
       .length = Length::kKeys,
       .sets = true,
       .work = sets(random_keys)},

      {.name = "open_clean",
       .what = "opening a store that was closed",
       .file = "open_bench.cpp"},
      {.name = "open_crashed",
       .what = "opening a store whose process was killed",
       .file = "open_bench.cpp"},
      {.name = "start",
       .what = "opening from hints and without, from one file and from eight",
       .file = "start_bench.cpp"},
      {.name = "miss_in_segments",
       .what = "a get_miss, in ever more segments for the same keys",
       .file = "segments_bench.cpp"},
      {.name = "churn",
       .what = "an overwrite, of four times as many as keys; merges go on",
       .sets = true,
       .file = "merging_bench.cpp"},
      {.name = "merge",
       .what = "a merge of a store of which half was written twice",
       .file = "merging_bench.cpp"},
      {.name = "merge_reads",
       .what = "a get while all is merged; _still, while nothing is",
       .file = "merging_bench.cpp"},
      {.name = "whole_file",
       .what = "a search of one large text log",
       .file = "whole_file.cpp"},
  };
}

constexpr std::uint64_t kSeed = 7;

[[noreturn]] void throw_wrong(std::string_view what) {
  throw std::runtime_error("wrong answer: " + std::string(what));
}

// All who take part use the same keys, one after the other: those that were
// drawn last are kept for the next.
Keys drawn(Draw draw, std::uint64_t count) {
  struct Last {
    Draw draw = nullptr;
    std::uint64_t count = 0;
    Keys keys;
  };

  static Last last;
  if (last.draw != draw || last.count != count) {
    last = {};
    last = {draw, count, draw(count)};
  }
  return last.keys;
}

class Sets final : public Work {
 public:
  Sets(const Scene& scene, Keys keys) : scene_(scene), keys_(std::move(keys)) {}

  std::uint64_t run(std::uint64_t count) override {
    for (std::uint64_t i = 0; i < count; ++i) {
      scene_.store.set(keys_.next(), next_value(scene_.value_bytes));
    }
    return count;
  }

 private:
  Scene scene_;
  Keys keys_;
};

class Gets final : public Work {
 public:
  Gets(const Scene& scene, Keys keys, bool there)
      : store_(scene.store), keys_(std::move(keys)), there_(there) {}

  std::uint64_t run(std::uint64_t count) override {
    bool right = true;
    for (std::uint64_t i = 0; i < count; ++i) {
      right &= store_.get(keys_.next(), found_) == there_;
    }
    if (!right) throw_wrong(there_ ? "a key was not found" : "a key was found");
    return count;
  }

  void skip(std::size_t count) { keys_.skip(count); }

 private:
  Store& store_;
  Keys keys_;
  std::string found_;
  bool there_;
};

class Batches final : public Work {
 public:
  Batches(const Scene& scene, Keys keys)
      : store_(scene.store), keys_(std::move(keys)) {}

  std::uint64_t run(std::uint64_t count) override {
    constexpr std::size_t kTogether = 32;
    std::uint64_t done = 0;
    std::uint64_t found = 0;
    for (; done < count; done += kTogether) {
      asked_.clear();
      for (std::size_t i = 0; i < kTogether; ++i) {
        asked_.push_back(keys_.next());
      }
      store_.get_batch(asked_, [&](std::size_t, const std::string* answer) {
        if (answer != nullptr) ++found;
      });
    }
    if (found != done) throw_wrong("a key was not found");
    return done;
  }

 private:
  Store& store_;
  Keys keys_;
  std::vector<std::string_view> asked_;
};

// Gets by two threads at once, half of them each.
class TwoThreads final : public Work {
 public:
  explicit TwoThreads(const Scene& scene, const Keys& keys)
      : one_(scene, keys, true), other_(scene, keys, true) {
    other_.skip(keys.size() / 2);  // so that they do not ask for the same
  }

  std::uint64_t run(std::uint64_t count) override {
    const std::uint64_t each = (count + 1) / 2;
    auto other =
        std::async(std::launch::async, [&] { return other_.run(each); });
    const std::uint64_t done = one_.run(each);
    return done + other.get();
  }

 private:
  Gets one_;
  Gets other_;
};

class WholeScan final : public Work {
 public:
  explicit WholeScan(const Scene& scene) : scene_(scene) {}

  std::uint64_t run(std::uint64_t count) override {
    std::uint64_t seen = 0;
    while (seen < count) {
      const std::uint64_t before = seen;
      scene_.store.scan("", "",
                        [&](std::string_view, std::string_view) { ++seen; });
      if (seen - before != scene_.keys) throw_wrong("a scan left keys out");
    }
    return seen;
  }

 private:
  Scene scene_;
};

// Scans `length` neighbours. @returns how many there are.
std::uint64_t scan_neighbours(Store& store, std::uint64_t first,
                              std::uint64_t length) {
  std::uint64_t seen = 0;
  store.scan(key_of(first), key_of(first + length),
             [&](std::string_view, std::string_view) { ++seen; });
  if (seen != length) throw_wrong("a scan left keys out");
  return seen;
}

class Ranges final : public Work {
 public:
  explicit Ranges(const Scene& scene) : scene_(scene) {}

  std::uint64_t run(std::uint64_t count) override {
    const std::uint64_t length = std::min<std::uint64_t>(100, scene_.keys);
    std::uint64_t seen = 0;
    while (seen < count) {
      const std::uint64_t first = random_() % (scene_.keys - length + 1);
      seen += scan_neighbours(scene_.store, first, length);
    }
    return seen;
  }

 private:
  Scene scene_;
  std::mt19937_64 random_{kSeed};
};

// The keys of a mix, and which operation each is for, are drawn beforehand; only
// a key that has to do with how many there are is made when it is used.
class Mixed final : public Work {
 public:
  Mixed(const Scene& scene, const Mix& mix, std::uint64_t keys)
      : scene_(scene), keys_(drawn(zipfian_keys, keys)), latest_(mix.latest) {
    std::mt19937_64 random(kSeed);
    Zipfian ranks(keys, kSeed);
    for (Planned& one : plan_) {
      one.kind = kind_of(mix, random() % 100);
      one.length = 1 + static_cast<unsigned>(random() % 100);
      one.rank = mix.latest ? ranks.next_rank() : ranks.next();
    }
  }

  std::uint64_t run(std::uint64_t count) override {
    for (std::uint64_t i = 0; i < count; ++i) {
      carry_out(plan_[at_]);
      at_ = (at_ + 1) % plan_.size();
    }
    return count;
  }

 private:
  enum class Kind : std::uint8_t { kRead, kUpdate, kInsert, kScan, kChange };

  struct Planned {
    Kind kind = Kind::kRead;
    unsigned length = 0;     // of a scan
    std::uint64_t rank = 0;  // of a latest key; where a scan begins
  };

  static Kind kind_of(const Mix& mix, std::uint64_t percent) {
    if (percent < mix.reads) return Kind::kRead;
    if (percent < mix.reads + mix.updates) return Kind::kUpdate;
    if (percent < mix.reads + mix.updates + mix.inserts) return Kind::kInsert;
    if (percent < 100 - mix.changes) return Kind::kScan;
    return Kind::kChange;
  }

  void carry_out(const Planned& one) {
    switch (one.kind) {
      case Kind::kRead:
        return latest_ ? get(key_of(scene_.keys - 1 - one.rank))
                       : get(keys_.next());
      case Kind::kUpdate:
        return set(keys_.next());
      case Kind::kInsert:
        set(key_of(scene_.keys));
        ++scene_.keys;
        return;
      case Kind::kScan: {
        const auto length = std::min<std::uint64_t>(one.length, scene_.keys);
        const std::uint64_t first = one.rank % (scene_.keys - length + 1);
        (void)scan_neighbours(scene_.store, first, length);
        return;
      }
      case Kind::kChange: {
        const std::string_view key = keys_.next();
        get(key);
        return set(key);
      }
    }
  }

  void get(std::string_view key) {
    if (!scene_.store.get(key, found_)) throw_wrong("a key was not found");
  }

  void set(std::string_view key) {
    scene_.store.set(key, next_value(scene_.value_bytes));
  }

  Scene scene_;
  Keys keys_;
  std::array<Planned, 10'000> plan_;
  std::size_t at_ = 0;
  bool latest_;
  std::string found_;
};

Maker sets(Draw draw) {
  return [=](const Scene& scene, std::uint64_t keys) {
    return std::make_unique<Sets>(scene, drawn(draw, keys));
  };
}

Maker gets(Draw draw, bool there) {
  return [=](const Scene& scene, std::uint64_t keys) {
    return std::make_unique<Gets>(scene, drawn(draw, keys), there);
  };
}

Maker batches() {
  return [](const Scene& scene, std::uint64_t keys) {
    return std::make_unique<Batches>(scene, drawn(random_keys, keys));
  };
}

Maker pairs_of_threads() {
  return [](const Scene& scene, std::uint64_t keys) {
    return std::make_unique<TwoThreads>(scene, drawn(random_keys, keys));
  };
}

Maker whole_scan() {
  return [](const Scene& scene, std::uint64_t /*keys*/) {
    return std::make_unique<WholeScan>(scene);
  };
}

Maker ranges() {
  return [](const Scene& scene, std::uint64_t /*keys*/) {
    return std::make_unique<Ranges>(scene);
  };
}

Maker mix(const Mix& shares) {
  return [=](const Scene& scene, std::uint64_t keys) {
    return std::make_unique<Mixed>(scene, shares, keys);
  };
}

}  // namespace

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = all_workloads();
  return all;
}

const Workload* find_workload(std::string_view name) {
  for (const Workload& workload : workloads()) {
    if (workload.name == name) return &workload;
  }
  return nullptr;
}

}  // namespace strata::bench
