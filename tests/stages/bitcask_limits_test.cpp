// How much 07_bitcask takes and can hold: descriptors, threads, numbers of
// files, bytes of memory; and files that Riak has marked.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/os/fault_os.h"
#include "common/os/ledger.h"
#include "tests/contract/cli_process.h"
#include "tests/stages/bitcask_fixture.h"
#include "tests/stages/few_descriptors.h"
#include "tests/stages/riak_format.h"

#ifndef STRATA_BIN_DIR  // where the executables are: the build defines it
#define STRATA_BIN_DIR "."
#endif

namespace strata::bitcask_tests {
namespace {

constexpr std::uint32_t kTime = 1'700'000'000;

// ---- Descriptors

// Counts the data files that are open for reading.
class CountsOpenFiles : public OsWrapper {
 public:
  using OsWrapper::OsWrapper;

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override {
    const OsResult fd = os().open(path, mode, why);
    const bool data = path.find(".data") != std::string::npos;
    if (fd >= 0 && data && mode == OpenMode::kRead) {
      const std::scoped_lock hold(mutex_);
      open_.insert(static_cast<int>(fd));
      most = std::max(most, open_.size());
    }
    return fd;
  }

  void close(int fd) override {
    {
      const std::scoped_lock hold(mutex_);
      open_.erase(fd);
    }
    os().close(fd);
  }

  std::size_t most = 0;  ///< at once

 private:
  std::mutex mutex_;
  std::set<int> open_;
};

class BitcaskManyFiles : public BitcaskTest {
 protected:
  static constexpr std::uint32_t kFiles = 2'000;

  static std::string key_of(std::uint32_t id) {
    return "key" + std::to_string(id);
  }

  static std::vector<riak::Record> records_of(std::uint32_t id) {
    return {{kTime, key_of(id), std::to_string(id)}};
  }

  void put_files(bool hints) {
    for (std::uint32_t id = 1; id <= kFiles; ++id) {
      const auto records = records_of(id);
      disk.put("db/" + riak::data_name(id), riak::data_bytes(records));
      if (!hints) continue;
      disk.put("db/" + riak::hint_name(id),
               riak::hint_bytes(riak::hints_of(records)));
    }
  }

  static void expect_all(Bitcask& store) {
    for (std::uint32_t id = 1; id <= kFiles; ++id) {
      ASSERT_EQ(answer(store, key_of(id)), std::to_string(id));
    }
  }
};

TEST_F(BitcaskManyFiles, NoMoreThan32AreOpenHoweverManyThereAre) {
  put_files(true);
  for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
    CountsOpenFiles os(disk);
    const auto store = open(mode, os);
    expect_all(*store);
    EXPECT_EQ(os.most, 32U);
    EXPECT_EQ(folded(*store).size(), kFiles);
    EXPECT_EQ(contents(*store).size(), kFiles);
    EXPECT_LE(os.most, 33U) << "a fold holds the one it reads";
  }
}

TEST_F(BitcaskManyFiles, ManyThreadsAddOneEachAtTheMost) {
  put_files(true);
  CountsOpenFiles os(disk);
  const auto store = open(Mode::kRead, os);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { expect_all(*store); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(os.most, 36U) << "each may hold one that was closed meanwhile";
}

TEST_F(BitcaskManyFiles, FortyDescriptorsAreEnoughForEverything) {
  for (const bool hints : {false, true}) {
    put_files(hints);
    FewDescriptors few(disk, 40);
    const auto store = open(Mode::kWrite, few);
    expect_all(*store);
    store->set("one", "more");
    store->compact();
    expect_all(*store);
    EXPECT_EQ(store->status().size(), 2U);
  }
}

TEST_F(BitcaskManyFiles, TheProgramRunsUnderALimitOf64Descriptors) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::mkdir((directory.path() + "/db").c_str(), 0755), 0);
  for (std::uint32_t id = 1; id <= kFiles; ++id) {
    write_file(directory.path() + "/db/" + riak::data_name(id),
               riak::data_bytes(records_of(id)));
  }
  const std::string program = STRATA_BIN_DIR "/07_bitcask --db db ";
  Running shell(directory.path(),
                {"/bin/sh", "-c",
                 "ulimit -n 64 && " + program + "scan | wc -l && " + program +
                     "get key1234 && " + program + "compact > compacted && " +
                     program + "scan | wc -l && ls db/*.data | wc -l"});
  EXPECT_EQ(std::stoi("0" + shell.line()), 2'000);
  EXPECT_EQ(shell.line(), "1234\n");
  EXPECT_EQ(std::stoi("0" + shell.line()), 2'000);
  EXPECT_EQ(std::stoi("0" + shell.line()), 2);
  EXPECT_EQ(shell.finish().code, 0);
}

// ---- Loading

// Lets the first thread that reads wait for a second one.
class WaitsForCompany : public OsWrapper {
 public:
  using OsWrapper::OsWrapper;

  [[nodiscard]] OsResult read_at(int fd, std::uint64_t offset, char* out,
                                 std::size_t size, const char* why) override {
    {
      const std::scoped_lock hold(mutex_);
      threads_.insert(std::this_thread::get_id());
    }
    EXPECT_TRUE(eventually([&] { return threads() > 1; }));
    return os().read_at(fd, offset, out, size, why);
  }

  [[nodiscard]] std::size_t threads() const {
    const std::scoped_lock hold(mutex_);
    return threads_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::thread::id> threads_;
};

class BitcaskLoading : public BitcaskTest {
 protected:
  // 40 files of 150 kB. Each holds old values of many keys, and tombstones.
  Pairs put_large_files() {
    Pairs pairs;
    for (std::uint32_t id = 1; id <= 40; ++id) {
      std::vector<riak::Record> records;
      for (std::uint32_t i = 0; i < 50; ++i) {
        const std::string key = "key" + std::to_string((i * id * 7) % 173);
        if ((i + id) % 11 == 0) {
          records.push_back({kTime, key, riak::tombstone(2, 1)});
          pairs.erase(key);
          continue;
        }
        pairs[key] = std::to_string(id) + " " + std::to_string(i) +
                     std::string(3000, 'v');
        // Clocks say nothing.
        records.push_back({kTime - id * 10 + i % 3, key, pairs[key]});
      }
      disk.put("db/" + riak::data_name(id), riak::data_bytes(records));
      disk.put("db/" + riak::hint_name(id),
               riak::hint_bytes(riak::hints_of(records)));
    }
    return pairs;
  }

  static std::uint64_t live_bytes_of(const Pairs& pairs) {
    std::uint64_t bytes = 0;
    for (const auto& [key, value] : pairs) bytes += record_bytes(key, value);
    return bytes;
  }

  static std::uint64_t live_bytes_of(const Bitcask& store) {
    std::uint64_t bytes = 0;
    for (const auto& file : store.status()) bytes += file.live_bytes;
    return bytes;
  }
};

TEST_F(BitcaskLoading, SeveralThreadsLoadWhatOneWould) {
  if (std::thread::hardware_concurrency() < 2) {
    GTEST_SKIP() << "there is only one processor";
  }
  const Pairs pairs = put_large_files();
  for (const bool hints : {true, false}) {
    if (!hints) {
      for (const std::string& name : files()) {
        if (name.find(".hint") != std::string::npos) remove(name);
      }
    }
    for (int round = 0; round < 5; ++round) {
      WaitsForCompany os(disk);
      const auto store = open(Mode::kRead, os);
      EXPECT_GT(os.threads(), 1U);
      EXPECT_EQ(contents(*store), pairs);
      EXPECT_EQ(live_bytes_of(*store), live_bytes_of(pairs));
      EXPECT_EQ(store->stats().keys, pairs.size());
    }
  }
}

TEST_F(BitcaskLoading, AnErrorInOneThreadIsThatOfTheOpen) {
  put_large_files();
  FaultOs faults(disk);
  faults.add({.calls = {Call::kRead}, .nth = 30, .error = EIO});
  EXPECT_THROW((void)open(Mode::kRead, faults), IoError);
}

// ---- Numbers

class BitcaskNumbers : public BitcaskTest {
 protected:
  static constexpr std::uint32_t kLast = 0xFFFFFFFF;

  void put_file(std::uint32_t id) {
    disk.put("db/" + riak::data_name(id),
             riak::data_bytes({{kTime, "city", "Rome"}}));
  }

  static void expect_told(const std::function<void()>& work) {
    try {
      work();
      ADD_FAILURE() << "no number is left";
    } catch (const InvalidInput& error) {
      EXPECT_NE(std::string(error.what()).find("4294967295"), std::string::npos)
          << error.what();
    }
  }
};

TEST_F(BitcaskNumbers, BehindTheLastOneNoWriteIsTakenAndReadingGoesOn) {
  put_file(kLast);
  const auto store = writer();
  expect_told([&] { store->set("a", "1"); });
  expect_told([&] { store->del("city"); });
  EXPECT_NO_THROW(store->compact()) << "there is nothing to do";
  EXPECT_EQ(contents(*store), (Pairs{{"city", "Rome"}}));
  store->close();
  EXPECT_EQ(files(), std::set<std::string>{riak::data_name(kLast)});
}

TEST_F(BitcaskNumbers, TheLastOneIsUsedAndNoneBehindIt) {
  put_file(kLast - 1);
  numbers["--segment-bytes"] = 1;
  const auto store = writer();
  store->set("a", "1");
  EXPECT_EQ(ids_of(*store), Ids({kLast - 1, kLast}));
  expect_told([&] { store->set("b", "2"); });
  EXPECT_EQ(contents(*store), (Pairs{{"a", "1"}, {"city", "Rome"}}));
  store->close();
  EXPECT_EQ(contents(*reader()), (Pairs{{"a", "1"}, {"city", "Rome"}}));
}

TEST_F(BitcaskNumbers, AMergeThatWouldNeedMoreLeavesEverythingAsItIs) {
  put_file(kLast - 2);
  put_file(kLast - 1);
  const auto store = writer();
  expect_told([&] { store->compact(); });
  EXPECT_EQ(contents(*store), (Pairs{{"city", "Rome"}}));
  store->set("a", "1");
  EXPECT_EQ(ids_of(*store), Ids({kLast - 2, kLast - 1, kLast}));
}

TEST_F(BitcaskNumbers, ASalvageBeginsAtOneAgain) {
  put_file(kLast);
  writer()->salvage(
      "copy", [](const DamagedPlace&) { ADD_FAILURE() << "nothing was lost"; });
  Options copy = options(Mode::kWrite, disk);
  copy.directory = "copy";
  Bitcask store(copy);
  EXPECT_EQ(ids_of(store), Ids({1}));
  store.set("a", "1");
  EXPECT_EQ(contents(store), (Pairs{{"a", "1"}, {"city", "Rome"}}));
}

// ---- Files that Riak has merged and not yet deleted

// Says of some files that others may execute them.
class MarksFiles : public OsWrapper {
 public:
  MarksFiles(Os& os, std::string marked, unsigned bits)
      : OsWrapper(os), marked_(std::move(marked)), bits_(bits) {}

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override {
    const OsResult fd = os().open(path, mode, why);
    const std::scoped_lock hold(mutex_);
    if (fd >= 0) is_marked_[static_cast<int>(fd)] = path == marked_;
    return fd;
  }

  [[nodiscard]] OsResult mode(int fd, const char* why) override {
    const OsResult mode = os().mode(fd, why);
    const std::scoped_lock hold(mutex_);
    return mode >= 0 && is_marked_[fd] ? mode | bits_ : mode;
  }

 private:
  std::string marked_;
  unsigned bits_;
  std::mutex mutex_;
  std::map<int, bool> is_marked_;
};

class BitcaskMarked : public BitcaskTest {};

// Its tombstone went first: without the mark the value would be back.
TEST_F(BitcaskMarked, NothingInAMarkedFileComesBack) {
  write_file_of({{"gone", "x"}});
  write_file_of({{"city", "Rome"}});
  for (const unsigned bits : {01U, 04000U}) {
    MarksFiles os(disk, "db/1.bitcask.data", bits);
    const auto before = disk.image();
    const auto store = open(Mode::kRead, os);
    EXPECT_EQ(contents(*store), (Pairs{{"city", "Rome"}}));
    EXPECT_EQ(answer(*store, "gone"), std::nullopt);
    EXPECT_EQ(ids_of(*store), Ids({2}));
    EXPECT_FALSE(store->refresh());
    EXPECT_TRUE(disk.image() == before) << "a reader deletes nothing";
  }
  for (const unsigned bits : {0770U, 0111U, 0777U}) {
    MarksFiles others(disk, "db/1.bitcask.data", bits);
    EXPECT_EQ(contents(*open(Mode::kRead, others)).size(), 2U)
        << "somebody has changed the rights of all files";
  }
}

TEST_F(BitcaskMarked, TheNextWriterDeletesItAndNeverUsesItsNumberAgain) {
  write_file_of({{"city", "Rome"}});
  write_file_of({{"gone", "x"}});
  MarksFiles os(disk, "db/2.bitcask.data", 01);
  const auto store = open(Mode::kWrite, os);
  EXPECT_EQ(files().count("2.bitcask.data"), 0U);
  EXPECT_EQ(files().count("2.bitcask.hint"), 0U);
  ASSERT_FALSE(notes.empty());
  EXPECT_EQ(notes.back(), "deleted, as Riak has marked it: db/2.bitcask.data");
  store->set("river", "Tiber");
  EXPECT_EQ(ids_of(*store), Ids({1, 3}));
}

// Hints without data would tell that a data file is missing.
TEST_F(BitcaskMarked, ItsHintsAreGoneForGoodBeforeItsData) {
  write_file_of({{"gone", "x"}});
  MarksFiles marked(disk, "db/1.bitcask.data", 01);
  Ledger ledger(marked);
  (void)open(Mode::kWrite, ledger);
  std::string calls;
  for (const LedgerEntry& entry : ledger.entries()) {
    if (entry.call == Call::kRemove &&
        entry.path.find("/1.bitcask") != std::string::npos) {
      calls += entry.path.back() == 't' ? "hints " : "data ";
    }
    if (entry.call == Call::kSync) calls += "sync ";
  }
  EXPECT_EQ(calls, "hints sync data ");
}

// ---- Memory

TEST(BitcaskMemory, AMillionKeysOfSixteenBytesTakeFarLessThanRiaksDo) {
  constexpr std::uint64_t kKeys = 1'000'000;
  constexpr std::uint64_t kKey = 16;
  bitcask::Keydir keydir(1);
  keydir.shrink();  // as an open does at its end
  std::string key(kKey, '0');
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    const std::string digits = std::to_string(i);
    key.replace(kKey - digits.size(), digits.size(), digits);
    keydir.put(key, {.file = 1, .offset = i * 40, .value_size = 10});
    if ((i + 1) % 50'000 == 0) {
      ASSERT_LE(keydir.bytes(), (i + 1) * (kKey + 32) + 100'000) << i;
    }
  }
  ASSERT_EQ(keydir.size(), kKeys);
  EXPECT_GE(keydir.bytes(), kKeys * (kKey + 20)) << "as little cannot be";
  EXPECT_LE(4 * 2 * keydir.bytes(), 3 * kKeys * (89 + 2 * kKey))
      << "three quarters of Riak's 44.5 bytes and the key";
}

// A store of a single key may hold a million million records.
TEST(BitcaskMemory, NoMoreMemoryIsTakenInAdvanceThanAFewMillionKeysNeed) {
  bitcask::Keydir keydir(1);
  keydir.expect(std::uint64_t{1} << 40, std::uint64_t{1} << 44);
  EXPECT_LE(keydir.bytes(), std::uint64_t{1} << 28);
  keydir.shrink();
  EXPECT_LE(keydir.bytes(), 200'000U);
}

TEST(BitcaskMemory, DeletedKeysGiveTheirMemoryBackToNewOnes) {
  constexpr int kKeys = 20'000;
  bitcask::Keydir keydir(1);
  keydir.shrink();
  const auto key_of = [](int i) { return "key number " + std::to_string(i); };
  for (int i = 0; i < kKeys; ++i) keydir.put(key_of(i), {.file = 1});
  const std::uint64_t full = keydir.bytes();
  for (int i = 0; i < 20 * kKeys; ++i) {
    ASSERT_TRUE(keydir.erase(key_of(i)));
    keydir.put(key_of(i + kKeys), {.file = 1});
  }
  EXPECT_EQ(keydir.size(), kKeys);
  EXPECT_LE(keydir.bytes(), full * 3 / 2);
}

}  // namespace
}  // namespace strata::bitcask_tests
