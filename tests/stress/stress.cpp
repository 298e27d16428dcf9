// The stress test: writers, readers, scans, readers of another process, endless
// merging and reopening, on real files, for as long as asked.
//
//     ./strata stress [--seconds N] [--stage NN] [--seed S]
//
// Each round opens the store, lets all threads loose for a second and closes it
// in the middle of whatever merges. A read is wrong when it answers what no
// write between the last acknowledged one before it and the last begun one
// after it has left: lost, stale, torn and invented values alike. The first
// wrong answer ends the run with status 1; the threads' timing cannot be
// repeated, but what they ask for can, by the seed.
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/store/errors.h"
#include "common/store/stage.h"
#include "stages/07_bitcask/store.h"
#include "stages/09_lsm_tree/store.h"
#include "stages/registry.h"
#include "tests/stress/versions.h"

namespace strata::stress {
namespace {

using Clock = std::chrono::steady_clock;
using Random = std::mt19937_64;

constexpr unsigned kWriters = 2;
constexpr unsigned kKeysOfAWriter = 40;
constexpr std::chrono::milliseconds kRound(700);

struct Settings {
  std::chrono::seconds seconds{10};
  const Stage* stage = nullptr;
  std::uint64_t seed = 1;
};

// A store that answered wrongly.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What was done, for the last line.
struct Counts {
  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> gets{0};
  std::atomic<std::uint64_t> scans{0};
  std::atomic<std::uint64_t> merges{0};
  std::uint64_t opens = 0;
};

class Stress {
 public:
  Stress(const Settings& settings, std::string directory)
      : settings_(settings),
        directory_(std::move(directory)),
        end_(Clock::now() + settings.seconds) {
    for (unsigned i = 0; i < kWriters * kKeysOfAWriter; ++i) {
      keys_.emplace_back("key " + std::to_string(i));
    }
  }

  // @throws Wrong, and whatever the store throws
  void run() {
    do {
      round();
    } while (Clock::now() < end_);
    const auto store = open(Mode::kRead);
    check_all(*store);
  }

  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  [[nodiscard]] std::unique_ptr<Store> open(Mode mode) const {
    Options options;
    options.directory = directory_;
    options.mode = mode;
    options.numbers["--segment-bytes"] = 20'000;
    options.numbers["--table-bytes"] = 10'000;
    options.numbers["--level-bytes"] = 20'000;
    return settings_.stage->open(options);
  }

  // Opens, checks, lets everybody at it, checks, closes.
  void round() {
    store_ = open(Mode::kWrite);
    ++counts_.opens;
    check_all(*store_);
    stop_ = false;
    for (unsigned i = 0; i < kWriters; ++i) {
      start([this, i](Random& random) { write(i, random); });
    }
    start([this](Random& random) { get(random); });
    start([this](Random& random) { get(random); });
    start([this](Random& /*random*/) { scan(*store_); });
    start([this](Random& random) { iterate(random); });
    start([this](Random& /*random*/) { read_as_another_process(); });
    start([this](Random& random) { merge(random); });
    std::this_thread::sleep_until(std::min(Clock::now() + kRound, end_));
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    if (failure_) std::rethrow_exception(failure_);
    check_all(*store_);
    store_->verify([](const DamagedPlace& place) {
      throw Wrong(place.file + ": offset " + std::to_string(place.offset) +
                  ": " + place.why);
    });
    store_.reset();
  }

  // Does `work` over and over until the round is over.
  void start(std::function<void(Random&)> work) {
    threads_.emplace_back(
        [this, work = std::move(work),
         random = Random(settings_.seed * 1000 + ++started_)]() mutable {
          try {
            while (!stop_) work(random);
          } catch (...) {
            const std::scoped_lock hold(failure_mutex_);
            if (!failure_) failure_ = std::current_exception();
            stop_ = true;
          }
        });
  }

  void write(unsigned writer, Random& random) {
    Key& key = keys_[writer * kKeysOfAWriter + random() % kKeysOfAWriter];
    const auto value = key.value_of(key.begin());
    if (value) {
      store_->set(key.name(), *value);
    } else {
      store_->del(key.name());
    }
    key.acknowledge();
    ++counts_.writes;
  }

  void get(Random& random) {
    check_get(*store_, keys_[random() % keys_.size()]);
    ++counts_.gets;
  }

  void check_get(Store& store, const Key& key) const {
    std::string value;
    const std::uint64_t from = key.acknowledged();
    const bool found = store.get(key.name(), value);
    check(key, found ? std::optional<std::string_view>(value) : std::nullopt,
          from, key.begun());
  }

  using Pairs = std::map<std::string, std::string, std::less<>>;
  using Visit = Store::PairVisitor;

  // Everything at one moment, by way of `tell_all`.
  void check_moment(const std::function<void(const Visit&)>& tell_all) const {
    std::vector<std::uint64_t> from;
    for (const Key& key : keys_) from.push_back(key.acknowledged());
    Pairs pairs;
    tell_all([&](std::string_view key, std::string_view value) {
      if (!pairs.emplace(key, value).second) {
        throw Wrong("told twice: " + std::string(key));
      }
    });
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const Key& key = keys_[i];
      const auto found = pairs.find(key.name());
      std::optional<std::string_view> answer;
      if (found != pairs.end()) answer = found->second;
      check(key, answer, from[i], key.begun());
      if (found != pairs.end()) pairs.erase(found);
    }
    if (!pairs.empty())
      throw Wrong("a key nobody set: " + pairs.begin()->first);
  }

  void scan(Store& store) {
    check_moment([&](const Visit& visit) { store.scan("", "", visit); });
    ++counts_.scans;
  }

  // Slowly, so that merges end meanwhile. A stage without iterators scans.
  void iterate(Random& random) {
    const auto slowly = [&random](const Visit& visit) {
      return [&](std::string_view key, std::string_view value) {
        visit(key, value);
        if (random() % 8 == 0) pause(random);
      };
    };
    if (auto* bitcask = dynamic_cast<Bitcask*>(store_.get())) {
      check_moment([&](const Visit& visit) {
        auto all = bitcask->iterator();
        std::string key;
        std::string value;
        while (all.next(key, value)) slowly(visit)(key, value);
      });
    } else if (auto* tree = dynamic_cast<LsmTree*>(store_.get())) {
      check_moment([&](const Visit& visit) {
        iterate(*tree, random() % 2 == 0, slowly(visit));
      });
    } else {
      return scan(*store_);
    }
    ++counts_.scans;
  }

  // Either way.
  static void iterate(LsmTree& tree, bool forward, const Visit& visit) {
    const auto each = tree.iterator({"", ""}, tree.snapshot());
    bool has = forward ? each->seek_first() : each->seek_last();
    while (has) {
      visit(each->key(), each->value());
      has = forward ? each->next() : each->prev();
    }
  }

  // What a store has in memory only, another process cannot see; what was
  // flushed it must. One who scans more files than it keeps open may be told
  // that one of them has been merged away: run it again.
  void read_as_another_process() {
    constexpr int kTries = 10;
    for (int left = kTries - 1;; --left) {
      try {
        check_moment([&](const Visit& visit) {
          store_->flush();
          open(Mode::kRead)->scan("", "", visit);
        });
        ++counts_.scans;
        return;
      } catch (const IoError& error) {
        if (!error.is_missing() || left == 0) throw;
      }
    }
  }

  void merge(Random& random) {
    store_->compact();
    ++counts_.merges;
    if (random() % 4 == 0) pause(random);
  }

  static void pause(Random& random) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
  }

  // Everything by get and by scan, while nobody writes.
  void check_all(Store& store) {
    for (const Key& key : keys_) check_get(store, key);
    scan(store);
  }

  static void check(const Key& key,
                    const std::optional<std::string_view>& answer,
                    std::uint64_t from, std::uint64_t to) {
    if (key.may_be(answer, from, to)) return;
    throw Wrong(key.name() + ": after write " + std::to_string(from) +
                " was acknowledged and before write " + std::to_string(to + 1) +
                " began: " +
                (answer ? "'" + std::string(answer->substr(0, 40)) + "', " +
                              std::to_string(answer->size()) + " bytes"
                        : "no such key"));
  }

  const Settings settings_;
  const std::string directory_;
  const Clock::time_point end_;
  std::deque<Key> keys_;
  Counts counts_;
  std::unique_ptr<Store> store_;
  std::vector<std::thread> threads_;
  std::uint64_t started_ = 0;
  std::atomic<bool> stop_{false};
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
};

std::string make_directory() {
  std::string path =
      (std::filesystem::temp_directory_path() / "strata_stress_XXXXXX");
  if (mkdtemp(path.data()) == nullptr) throw Wrong("no temporary directory");
  return path;
}

// The store that answered wrongly is kept, to be looked at.
bool run(const Settings& settings) {
  const std::string directory = make_directory();
  Stress stress(settings, directory);
  std::cout << settings.stage->name << ", seed " << settings.seed << ": "
            << std::flush;
  try {
    stress.run();
  } catch (const std::exception& error) {
    std::cout << "WRONG: " << error.what() << "\nthe store is kept in "
              << directory << '\n';
    return false;
  }
  std::filesystem::remove_all(directory);
  const Counts& counts = stress.counts();
  std::cout << counts.writes << " writes, " << counts.gets << " gets, "
            << counts.scans << " scans, " << counts.merges << " merges, "
            << counts.opens << " opens: all answers right\n";
  return true;
}

// Those that merge beside other work are for many threads.
bool may_be_shared(const Stage& stage) {
  return stage.has("compact");
}

std::uint64_t number_of(std::string_view word) {
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) {
    throw std::invalid_argument("no number: " + std::string(word));
  }
  return number;
}

int main_of(const std::vector<std::string_view>& words) {
  Settings settings;
  std::string_view only;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    if (i + 1 == words.size())
      throw std::invalid_argument("a value is missing");
    if (words[i] == "--seconds") {
      settings.seconds = std::chrono::seconds(number_of(words[i + 1]));
    } else if (words[i] == "--seed") {
      settings.seed = number_of(words[i + 1]);
    } else if (words[i] == "--stage") {
      only = words[i + 1];
    } else {
      throw std::invalid_argument("unknown: " + std::string(words[i]));
    }
  }
  bool any = false;
  bool right = true;
  for (const Stage* stage : all_stages()) {
    if (!may_be_shared(*stage) || stage->name.substr(0, only.size()) != only)
      continue;
    any = true;
    settings.stage = stage;
    right = run(settings) && right;
  }
  if (!any) throw std::invalid_argument("no such stage for many threads");
  return right ? 0 : 1;
}

}  // namespace
}  // namespace strata::stress

int main(int argc, char** argv) {
  try {
    return strata::stress::main_of({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr
        << "strata_stress: " << error.what()
        << "\nusage: strata_stress [--seconds N] [--stage NN] [--seed S]\n";
    return 2;
  }
}
