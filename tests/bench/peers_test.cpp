// The engines that the stages are compared with do what is asked of them, and
// their writes reach as far as it is said of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <regex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bench/subject.h"
#include "common/store/errors.h"
#include "tests/bench/peer_writes.h"
#include "tests/contract/cli_process.h"
#include "tests/support.h"

namespace strata::bench {
namespace {

using Model = std::map<std::string, std::string>;

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const Subject& peer : peer_subjects()) names.push_back(peer.name());
  return names;
}

TEST(Peers, AreThereSortedAndDescribed) {
  const std::vector<Subject> peers = peer_subjects();
  if (peers.empty()) GTEST_SKIP() << "none of the peers' libraries is here";
  const std::vector<std::string> all = names();
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  for (const Subject& peer : peers) {
    EXPECT_EQ(peer.kind, Subject::Kind::kPeer) << peer.name();
    EXPECT_TRUE(std::regex_match(peer.version, std::regex(R"(\d+(\.\d+)+)")))
        << peer.name() << " " << peer.version;
    EXPECT_FALSE(peer.stage->title.empty()) << peer.name();
    EXPECT_FALSE(peer.counted) << peer.name();
  }
}

class EveryPeer : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] std::unique_ptr<Store> open(Sync sync = Sync::kNever) {
    Options options;
    options.directory = path();
    options.mode = Mode::kWrite;
    options.sync = sync;
    options.numbers = {{"--buckets", 1000}};
    options.note = [](const std::string& line) { ADD_FAILURE() << line; };
    return stage().open(options);
  }

  // One that is not there yet, in one that is not there either.
  [[nodiscard]] std::string path() const { return directory_.path() + "/a/b"; }

  [[nodiscard]] const Stage& stage() const { return *peer_.stage; }

  [[nodiscard]] const Subject& peer() const { return peer_; }

  [[nodiscard]] Arguments writer(const std::string& sync, std::uint64_t count,
                                 const std::string& end) const {
    return {STRATA_BIN_DIR "/peer_writer", peer_.name(), path(), sync,
            std::to_string(count),         end};
  }

  [[nodiscard]] const std::string& directory() const {
    return directory_.path();
  }

 private:
  [[nodiscard]] static Subject find(const std::string& name) {
    for (Subject& peer : peer_subjects()) {
      if (peer.name() == name) return peer;
    }
    throw std::logic_error("no peer " + name);
  }

  TemporaryDirectory directory_;
  Subject peer_ = find(GetParam());
};

// Where no peer's library is there is none to run over.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryPeer);
INSTANTIATE_TEST_SUITE_P(Peers, EveryPeer, testing::ValuesIn(names()),
                         [](const testing::TestParamInfo<std::string>& of) {
                           return of.param;
                         });

// Keys and values of any bytes, few enough that keys come again.
class Random {
 public:
  [[nodiscard]] std::string key() {
    const std::uint64_t number = below(300);
    std::mt19937_64 of_this_key(number);
    return bytes(of_this_key, 1 + (number % 10 == 0 ? number : number % 20));
  }

  [[nodiscard]] std::string value() {
    const std::uint64_t kind = below(20);
    if (kind == 0) return "";
    return bytes(random_, below(kind == 1 ? 20'000 : 200));
  }

  [[nodiscard]] std::uint64_t below(std::uint64_t bound) {
    return random_() % bound;
  }

 private:
  static std::string bytes(std::mt19937_64& random, std::uint64_t size) {
    static constexpr std::string_view kAwkward("\0\n\xFF,a", 5);
    std::string bytes(size, ' ');
    for (char& byte : bytes) {
      const std::uint64_t drawn = random();
      byte = drawn % 2 == 0 ? kAwkward[drawn / 2 % kAwkward.size()]
                            : static_cast<char>(drawn >> 8);
    }
    return bytes;
  }

  std::mt19937_64 random_{1};
};

std::vector<std::string> keys_of(const Model& model) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : model) keys.push_back(key);
  return keys;
}

std::vector<std::string> keys_of(Store& store) {
  std::vector<std::string> keys;
  store.keys([&](std::string_view key) { keys.emplace_back(key); });
  std::sort(keys.begin(), keys.end());
  return keys;
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs range_of(const Model& model, const std::string& from,
               const std::string& to) {
  if (!to.empty() && to <= from) return {};
  return {model.lower_bound(from),
          to.empty() ? model.end() : model.lower_bound(to)};
}

Pairs range_of(Store& store, const std::string& from, const std::string& to) {
  Pairs pairs;
  store.scan(from, to, [&](std::string_view key, std::string_view value) {
    pairs.emplace_back(key, value);
  });
  return pairs;
}

void expect_gets(Store& store, const Model& model,
                 const std::vector<std::string>& keys) {
  std::vector<std::optional<std::string>> expected;
  for (const std::string& key : keys) {
    const auto found = model.find(key);
    expected.push_back(found == model.end() ? std::nullopt
                                            : std::optional(found->second));
    EXPECT_EQ(answer(store, key), expected.back());
  }
  std::vector<int> visits(keys.size());
  std::vector<std::optional<std::string>> answers(keys.size());
  store.get_batch({keys.begin(), keys.end()},
                  [&](std::size_t key, const std::string* value) {
                    ++visits.at(key);
                    if (value != nullptr) answers.at(key) = *value;
                  });
  EXPECT_EQ(visits, std::vector<int>(keys.size(), 1));
  EXPECT_EQ(answers, expected);
}

void expect_agreement(const Stage& stage, Store& store, const Model& model,
                      Random& random) {
  EXPECT_EQ(keys_of(store), keys_of(model));
  std::vector<std::string> asked = keys_of(model);
  for (int i = 0; i < 100; ++i) asked.push_back(random.key());
  asked.emplace_back("never set");
  expect_gets(store, model, asked);
  const Stats stats = store.stats();
  EXPECT_TRUE(stats.keys == 0 || stats.keys == model.size()) << stats.keys;
  EXPECT_GT(stats.files, 0U);
  EXPECT_GT(stats.disk_bytes, 0U);
  if (!stage.has("scan")) return;
  EXPECT_EQ(range_of(store, "", ""), range_of(model, "", ""));
  for (int i = 0; i < 20; ++i) {
    const std::string from = random.key();
    const std::string to = random.key();
    EXPECT_EQ(range_of(store, from, to), range_of(model, from, to));
    EXPECT_EQ(range_of(store, from, ""), range_of(model, from, ""));
    EXPECT_EQ(range_of(store, "", to), range_of(model, "", to));
  }
}

TEST_P(EveryPeer, AgreesWithAMapAlsoWhenItIsOpenedAnew) {
  Random random;
  Model model;
  std::unique_ptr<Store> store = open();
  expect_agreement(stage(), *store, model, random);
  for (int step = 1; step <= 4000; ++step) {
    const std::string key = random.key();
    if (random.below(4) == 0) {
      store->del(key);
      model.erase(key);
    } else {
      const std::string value = random.value();
      store->set(key, value);
      model[key] = value;
    }
    EXPECT_EQ(answer(*store, key).has_value(), model.count(key) == 1);
    if (step % 1000 != 0) continue;
    expect_agreement(stage(), *store, model, random);
    store.reset();
    store = open();
    expect_agreement(stage(), *store, model, random);
    if (HasFailure()) FAIL() << "after step " << step;
  }
}

TEST_P(EveryPeer, HoldsKeysUpToItsLimitAndRefusesOthers) {
  const std::unique_ptr<Store> store = open();
  const std::string longest(stage().limits.max_key_bytes, 'k');
  store->set(longest, "value");
  EXPECT_EQ(answer(*store, longest), "value");
  for (const std::string& key : {std::string(), longest + "k"}) {
    EXPECT_THROW(store->set(key, "value"), InvalidInput);
    EXPECT_THROW(store->del(key), InvalidInput);
    EXPECT_EQ(answer(*store, key), std::nullopt);
  }
  EXPECT_EQ(keys_of(*store), std::vector<std::string>{longest});
  store->del(longest);
  EXPECT_EQ(keys_of(*store), std::vector<std::string>{});
}

TEST_P(EveryPeer, RefusesWhatItSaysAndNothingElse) {
  const std::unique_ptr<Store> store = open();
  store->set("key", "value");
  const std::map<std::string_view, std::function<void()>> commands = {
      {"compact", [&] { store->compact(); }},
      {"del", [&] { store->del("other"); }},
      {"dump", [&] { store->dump("", [](const DumpRecord&) {}); }},
      {"salvage",
       [&] {
         store->salvage(directory() + "/salvaged", [](const DamagedPlace&) {});
       }},
      {"scan",
       [&] { store->scan("", "", [](std::string_view, std::string_view) {}); }},
      {"verify", [&] { store->verify([](const DamagedPlace&) {}); }},
  };
  for (const auto& [name, command] : commands) {
    if (stage().has(name)) {
      EXPECT_NO_THROW(command()) << name;
    } else {
      EXPECT_THROW(command(), InvalidInput) << name;
    }
  }
  for (const Refusal& refusal : stage().refuses) {
    EXPECT_EQ(commands.count(refusal.name), 1U) << refusal.name;
    EXPECT_FALSE(refusal.why.empty()) << refusal.name;
  }
  EXPECT_EQ(answer(*store, "key"), "value");
}

TEST_P(EveryPeer, SaysInTheEnginesWordsThatItsFilesAreGarbled) {
  open()->set("key", "value");
  for (const auto& entry : std::filesystem::directory_iterator(path())) {
    if (entry.is_regular_file() && entry.file_size() > 0) {
      write_file(entry.path(), std::string(10'000, 'x'));
    }
  }
  try {
    const std::unique_ptr<Store> store = open();
    (void)answer(*store, "key");
    FAIL() << "opened and read";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()).rfind(peer().name() + ": cannot ", 0),
              0U)
        << error.what();
  }
}

TEST_P(EveryPeer, CompactKeepsAllKeysAndFreesSpace) {
  if (!stage().has("compact")) {
    GTEST_SKIP() << stage().refusal("compact")->why;
  }
  Model model;
  std::unique_ptr<Store> store = open();
  constexpr int kKeys = 5000;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < kKeys; ++i) {
      const std::string key = "key " + std::to_string(i);
      model[key] = std::string(500, static_cast<char>('a' + round));
      store->set(key, model[key]);
    }
  }
  for (int i = 0; i < kKeys; i += 2) {
    const std::string key = "key " + std::to_string(i);
    model.erase(key);
    store->del(key);
  }
  const std::uint64_t before = store->stats().disk_bytes;
  store->compact();
  EXPECT_LT(store->stats().disk_bytes, before);
  Random random;
  expect_agreement(stage(), *store, model, random);
  store.reset();
  store = open();
  expect_agreement(stage(), *store, model, random);
}

TEST_P(EveryPeer, AnswersSeveralThreadsAtOnceIfItSaysSo) {
  if (!peer().threads) GTEST_SKIP() << "it is used by one thread at a time";
  constexpr std::uint64_t kKeys = 500;
  const std::unique_ptr<Store> store = open();
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    store->set(written_key(i), written_value(i));
  }
  std::vector<std::uint64_t> right(4);
  std::vector<std::thread> threads;
  threads.reserve(right.size());
  for (std::uint64_t& count : right) {
    threads.emplace_back([&] {
      std::string value;
      for (std::uint64_t i = 0; i < 10 * kKeys; ++i) {
        const std::uint64_t number = (i * 7 + 13) % kKeys;
        if (store->get(written_key(number), value) &&
            value == written_value(number)) {
          ++count;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, std::vector<std::uint64_t>(right.size(), 10 * kKeys));
}

// Every key's last acknowledged value is there. The write after `last` was
// under way if `next_begun`, and may be there or not.
void expect_writes(Store& store, std::uint64_t last, bool next_begun) {
  EXPECT_EQ(keys_of(store).size(), kWrittenKeys);
  const std::uint64_t oldest = last + 1 - kWrittenKeys;
  for (std::uint64_t i = oldest; i <= last; ++i) {
    const auto found = answer(store, written_key(i));
    ASSERT_TRUE(found.has_value()) << "write " << i << " of " << last;
    if (next_begun && i == oldest && *found == written_value(last + 1)) {
      continue;
    }
    ASSERT_EQ(*found, written_value(i)) << "write " << i << " of " << last;
  }
}

TEST_P(EveryPeer, KeepsAcknowledgedWritesWhenItsProcessIsKilled) {
  ASSERT_EQ(peer().durability, Durability::kSystem);
  constexpr std::uint64_t kWrites = 3000;
  Running child(directory(), writer("never", kWrites, "die"));
  std::string last;
  for (std::string line = child.line(); !line.empty(); line = child.line()) {
    last = line;
  }
  EXPECT_EQ(child.finish().signal, SIGKILL);
  ASSERT_EQ(last, std::to_string(kWrites - 1) + "\n");
  expect_writes(*open(), kWrites - 1, false);
}

TEST_P(EveryPeer, KeepsThemWhenAWriteIsCutShortUnlessThatIsItsFlaw) {
  if (!stage().flaw.empty()) GTEST_SKIP() << stage().flaw;
  constexpr int kAtLeast = 2000;
  Running child(directory(), writer("never", 1'000'000'000, "die"));
  std::string line;
  for (int i = 0; i < kAtLeast; ++i) line = child.line();
  ASSERT_EQ(line, std::to_string(kAtLeast - 1) + "\n");
  child.kill();
  std::uint64_t last = 0;
  for (; !line.empty(); line = child.line()) last = std::stoull(line);
  expect_writes(*open(), last, true);
}

// Whether a line of the trace is a call that waits for the disk.
bool is_sync(const std::string& call) {
  static const std::regex sync(R"(\b(fsync|fdatasync)\(|\bmsync\(.*MS_SYNC)");
  return std::regex_search(call, sync);
}

// How many of the writes were synced between the acknowledgement before it and
// its own.
int synced_writes(const std::string& trace) {
  static const std::regex acknowledgement(R"(\bwrite\(1, "\d+\\n")");
  int synced = 0;
  bool syncs = false;
  bool first = true;
  for (const std::string& call : lines_of(trace)) {
    if (is_sync(call)) syncs = true;
    if (!std::regex_search(call, acknowledgement)) continue;
    if (syncs && !first) ++synced;  // the first may be of the opening
    first = syncs = false;
  }
  return synced;
}

// The calls of a process and its threads that write or wait for the disk; empty
// where none may be traced.
std::string trace_of(const std::string& directory, const Arguments& process) {
  const auto run = [&](const std::string& to, const Arguments& words) {
    Arguments all = {"/usr/bin/env",
                     "strace",
                     "-f",
                     "-o",
                     to,
                     "-e",
                     "trace=fsync,fdatasync,msync,write"};
    all.insert(all.end(), words.begin(), words.end());
    return Running(directory, all).finish();
  };
  if (run("/dev/null", {"true"}).code != 0) return "";
  (void)run("trace", process);
  return read_file(directory + "/trace");
}

TEST_P(EveryPeer, SyncsEachWriteIfToldAndElseNotEach) {
  constexpr int kWrites = 20;
  for (const std::string sync : {"always", "never"}) {
    const std::string trace =
        trace_of(directory(), writer(sync, kWrites + 1, "close"));
    if (trace.empty()) GTEST_SKIP() << "strace is missing or may not trace";
    if (sync == "always") {
      EXPECT_EQ(synced_writes(trace), kWrites) << trace;
    } else {
      EXPECT_LT(synced_writes(trace), kWrites / 2) << trace;
    }
  }
}

TEST_P(EveryPeer, SyncsAMergeIfItIsSaidToBeOnDisk) {
  if (!stage().has("compact")) {
    GTEST_SKIP() << stage().refusal("compact")->why;
  }
  const std::string trace =
      trace_of(directory(), writer("never", 20, "compact"));
  if (trace.empty()) GTEST_SKIP() << "strace is missing or may not trace";
  bool merging = false;
  bool synced = false;
  for (const std::string& call : lines_of(trace)) {
    if (call.find("write(1, \"20\\n\"") != call.npos) break;
    if (merging && is_sync(call)) synced = true;
    if (call.find("write(1, \"19\\n\"") != call.npos) merging = true;
  }
  ASSERT_TRUE(merging) << trace;
  EXPECT_EQ(synced, peer().merged == Durability::kDisk) << trace;
}

}  // namespace
}  // namespace strata::bench
