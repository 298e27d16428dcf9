// 07's directories against Riak's Bitcask, in both directions: what an encoder
// of its own makes is read by the stage, and what the stage writes is decoded
// byte for byte. The golden directories were written by Riak's Bitcask itself.
#include "tests/stages/riak_format.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/memory_os.h"
#include "common/os/os_wrapper.h"
#include "tests/support.h"

namespace strata {
namespace {

using riak::tombstone;
using std::string_literals::operator""s;
using Files = std::map<std::uint32_t, std::vector<riak::Record>>;
using Pairs = std::map<std::string, std::string>;

constexpr std::uint32_t kNow = 1700000000;

// What decides is the order of files and records: a replay of all of them.
Pairs replayed(const Files& files) {
  Pairs pairs;
  for (const auto& [id, records] : files) {
    for (const riak::Record& record : records) {
      if (riak::read_tombstone(record.value)) {
        pairs.erase(record.key);
      } else {
        pairs[record.key] = record.value;
      }
    }
  }
  return pairs;
}

// A directory with something of everything.
const Files& varied() {
  static const Files files = {
      {1,
       {{kNow, "city", "Rome"},
        {kNow, "river", "Tiber"},
        {kNow, "empty", ""},
        {kNow, "\0\xFF\t\n"s, "\n\0\r\\"s},
        {kNow, "gone in 0", "x"},
        {kNow, "gone in 1", "x"},
        {kNow, "gone in 2", "x"},
        {kNow, "back", "x"}}},
      {2,
       {{kNow + 1, "gone in 0", tombstone(0)},
        {kNow + 1, "gone in 1", tombstone(1, 1)},
        {kNow + 1, "gone in 2", tombstone(2, 1)},
        {kNow + 1, "back", tombstone(2, 1)}}},
      {3, {}},
      // Riak shadows what an older file holds before it writes over it.
      {7,
       {{kNow + 2, "city", tombstone(2, 1)},
        {kNow + 2, "city", "Oslo"},
        {kNow + 2, "back", "again"},
        {kNow + 2, "short-lived", "x"},
        {kNow + 2, "short-lived", tombstone(2, 7)}}},
  };
  return files;
}

class RiakFormat : public testing::Test {
 protected:
  std::unique_ptr<Store> open(Mode mode) { return open(mode, disk); }

  void clear_disk() {
    for (const auto& [path, bytes] : disk.files()) {
      EXPECT_GE(disk.remove(path, "clear the disk"), 0);
    }
  }

  // Nothing is merged but what the test merges.
  std::unique_ptr<Store> open(Mode mode, Os& os) {
    Options options;
    options.directory = "db";
    options.mode = mode;
    options.os = &os;
    options.numbers = {{"--frag-merge-trigger", 101},
                       {"--segment-bytes", segment_bytes}};
    return find_stage("07_bitcask")->open(options);
  }

  void put_data(const Files& files) {
    for (const auto& [id, records] : files) {
      disk.put("db/" + riak::data_name(id), riak::data_bytes(records));
    }
  }

  void put_all(const Files& files) {
    put_data(files);
    for (const auto& [id, records] : files) {
      disk.put("db/" + riak::hint_name(id),
               riak::hint_bytes(riak::hints_of(records)));
    }
  }

  void expect_answers(const Pairs& expected) {
    for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
      const auto store = open(mode);
      EXPECT_EQ(contents(*store), expected);
      for (const auto& [key, value] : expected) {
        EXPECT_EQ(answer(*store, key), value) << key;
      }
      for (const char* key : {"gone in 0", "gone in 1", "gone in 2"}) {
        EXPECT_EQ(answer(*store, key), std::nullopt) << key;
      }
    }
  }

  // What stands in the directory, by the decoder.
  Files decoded() {
    Files files;
    for (const auto& [path, bytes] : disk.files()) {
      if (ends_with(path, ".bitcask.data")) {
        files[id_of(path)] = riak::read_data(bytes);
      }
    }
    return files;
  }

  // Every data file with a record has hints, and they say what it says.
  void expect_hints_of(const Files& files) {
    const auto on_disk = disk.files();
    for (const auto& [id, records] : files) {
      if (records.empty()) continue;
      const auto hints = on_disk.find("db/" + riak::hint_name(id));
      ASSERT_NE(hints, on_disk.end()) << id;
      EXPECT_EQ(riak::read_hints(hints->second), riak::hints_of(records)) << id;
    }
  }

  static bool ends_with(const std::string& path, std::string_view end) {
    return path.size() >= end.size() &&
           path.compare(path.size() - end.size(), end.size(), end) == 0;
  }

  static std::uint32_t id_of(const std::string& path) {
    const std::string name = path.substr(path.rfind('/') + 1);
    const auto id = static_cast<std::uint32_t>(std::stoul(name));
    EXPECT_EQ(name, riak::data_name(id));
    return id;
  }

  MemoryOs disk;
  std::uint64_t segment_bytes = 1 << 30;
};

// ---- The encoder and the decoder

TEST_F(RiakFormat, ARecordIsWhatIsKnownOfItByHand) {
  // From the paper's layout; the checksum is that of `crc32` on these bytes.
  EXPECT_EQ(riak::crc32_of("123456789"), 0xCBF43926U);
  EXPECT_EQ(riak::data_bytes({{0x6553F100, "apple", "red"}}),
            "\xDA\xE7\xE7\x72\x65\x53\xF1\x00\x00\x05\x00\x00\x00\x03"
            "applered"s);
}

TEST_F(RiakFormat, WhatIsEncodedIsDecoded) {
  for (const auto& [id, records] : varied()) {
    EXPECT_EQ(riak::read_data(riak::data_bytes(records)), records);
    const auto hints = riak::hints_of(records);
    EXPECT_EQ(riak::read_hints(riak::hint_bytes(hints)), hints);
  }
}

TEST_F(RiakFormat, TheDecoderRefusesEveryFlippedByte) {
  const auto& records = varied().at(7);
  const std::string data = riak::data_bytes(records);
  const std::string hints = riak::hint_bytes(riak::hints_of(records));
  for (std::size_t i = 0; i < data.size(); ++i) {
    std::string bad = data;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_THROW((void)riak::read_data(bad), std::runtime_error) << i;
  }
  for (std::size_t i = 0; i < hints.size(); ++i) {
    std::string bad = hints;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_THROW((void)riak::read_hints(bad), std::runtime_error) << i;
  }
}

// ---- Read by the stage

TEST_F(RiakFormat, ADirectoryWithHintsIsRead) {
  put_all(varied());
  expect_answers(replayed(varied()));
}

TEST_F(RiakFormat, ADirectoryWithoutHintsIsRead) {
  put_data(varied());
  expect_answers(replayed(varied()));
}

TEST_F(RiakFormat, HintsCutAtAnyByteAreNotBelieved) {
  const std::string hints = riak::hint_bytes(riak::hints_of(varied().at(2)));
  put_all(varied());
  for (std::size_t size = 0; size < hints.size(); ++size) {
    SCOPED_TRACE(size);
    disk.put("db/" + riak::hint_name(2), hints.substr(0, size));
    EXPECT_EQ(contents(*open(Mode::kRead)), replayed(varied()));
  }
}

TEST_F(RiakFormat, HintsWithAFlippedByteAreNotBelieved) {
  const std::string hints = riak::hint_bytes(riak::hints_of(varied().at(2)));
  put_all(varied());
  for (std::size_t i = 0; i < hints.size(); ++i) {
    // The highest bit of a trailer's offset says nothing: Riak ignores it too.
    if (i + 8 == hints.size()) continue;
    SCOPED_TRACE(i);
    std::string bad = hints;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    disk.put("db/" + riak::hint_name(2), bad);
    EXPECT_EQ(contents(*open(Mode::kRead)), replayed(varied()));
  }
}

TEST_F(RiakFormat, HintsThatAreNoneAreNotBelieved) {
  const std::string good = riak::hint_bytes(riak::hints_of(varied().at(7)));
  auto beyond = riak::hints_of(varied().at(7));
  beyond.back().offset += 1000;
  auto too_few = riak::hints_of(varied().at(7));
  too_few.pop_back();
  const std::vector<std::string> bad = {
      "",
      "garbage",
      std::string(1000, '\0'),
      std::string(1000, '\xFF'),
      good + good,
      good + "x",
      riak::hint_bytes({}),
      riak::hint_bytes(riak::hints_of(varied().at(1))),
      riak::hint_bytes(beyond),
      riak::hint_bytes(too_few),
  };
  for (const std::string& hints : bad) {
    SCOPED_TRACE(hints.size());
    put_all(varied());
    disk.put("db/" + riak::hint_name(7), hints);
    expect_answers(replayed(varied()));
  }
}

TEST_F(RiakFormat, ATombstoneOfAnyVersionHidesWhatIsOlderAndNothingNewer) {
  for (const int version : {0, 1, 2}) {
    for (const bool with_hints : {false, true}) {
      SCOPED_TRACE(version);
      clear_disk();
      const Files files = {
          {1, {{kNow, "k", "old"}, {kNow, "l", "old"}}},
          {2, {{kNow, "k", tombstone(version, 1)}}},
          {3, {{kNow, "l", tombstone(version, 1)}, {kNow, "l", "new"}}}};
      put_data(files);
      if (with_hints) put_all(files);
      expect_answers({{"l", "new"}});
    }
  }
}

TEST_F(RiakFormat, TheOrderOfFilesDecidesAndNoClock) {
  const Files files = {
      {9, {{2000000000, "k", "old, from a fast clock"}, {kNow, "l", "old"}}},
      {10, {{1, "k", "new"}, {kNow, "l", "older"}, {kNow, "l", "new"}}},
      {11, {{kNow, "m", "value"}}},
      {100, {{0, "m", tombstone(2, 11)}}}};
  put_data(files);
  expect_answers({{"k", "new"}, {"l", "new"}});
  put_all(files);
  expect_answers({{"k", "new"}, {"l", "new"}});
}

// Riak's merge moves a tombstone to the end of the file that it is about.
TEST_F(RiakFormat, ATombstoneBehindItsRecordInAnOldFileHidesThatOne) {
  const Files files = {{1,
                        {{kNow, "k", "old"},
                         {kNow, "l", "old"},
                         {kNow + 5, "k", tombstone(2, 1)},
                         {kNow + 5, "l", tombstone(2, 1)}}},
                       {4, {{kNow + 3, "l", "new"}}}};
  put_all(files);
  expect_answers({{"l", "new"}});
}

TEST_F(RiakFormat, EmptyFilesAreNoObstacle) {
  disk.put("db/" + riak::data_name(1), "");
  disk.put("db/" + riak::data_name(2), "");
  disk.put("db/" + riak::hint_name(2), "");
  disk.put("db/" + riak::data_name(3), riak::data_bytes({{kNow, "k", "v"}}));
  disk.put("db/" + riak::data_name(4), "");
  disk.put("db/" + riak::hint_name(4), riak::hint_bytes({}));
  expect_answers({{"k", "v"}});
  open(Mode::kWrite)->set("l", "w");
  expect_answers({{"k", "v"}, {"l", "w"}});
}

TEST_F(RiakFormat, WhatIsWrittenOnGoesBehindWhatWasThere) {
  put_all(varied());
  {
    const auto store = open(Mode::kWrite);
    store->set("city", "Bergen");
    store->del("river");
  }
  Pairs expected = replayed(varied());
  expected["city"] = "Bergen";
  expected.erase("river");
  expect_answers(expected);
  const Files files = decoded();
  EXPECT_EQ(replayed(files), expected);
  for (const auto& [id, records] : varied()) EXPECT_EQ(files.at(id), records);
  EXPECT_GT(files.rbegin()->first, varied().rbegin()->first);
}

TEST_F(RiakFormat, ALockFileLeftBehindKeepsNobodyOut) {
  const std::vector<std::string> left = {"1 db/7.bitcask.data\n",
                                         "4711 /elsewhere/7.bitcask.data\n",
                                         "102349430239 abcdef\n",
                                         "4711 \n",
                                         "",
                                         "no lock at all"};
  for (const std::string& text : left) {
    SCOPED_TRACE(text);
    clear_disk();
    put_all(varied());
    for (const char* kind : {"write", "merge", "create"}) {
      disk.put("db/bitcask."s + kind + ".lock", text);
    }
    expect_answers(replayed(varied()));
    const auto store = open(Mode::kWrite);
    store->set("k", "v");
    store->compact();
    EXPECT_EQ(answer(*store, "k"), "v");
  }
}

// ---- Written by the stage

TEST_F(RiakFormat, EveryByteOfADataFileIsAsRiakWritesIt) {
  segment_bytes = 100;
  {
    const auto store = open(Mode::kWrite);
    disk.set_now(kNow + 1);
    store->set("city", "Rome");
    disk.set_now(kNow + 2);
    store->set("city", "Oslo");
    store->set("empty", "");
    store->set("\0\xFF\t\n"s, std::string(80, '\0'));
    disk.set_now(kNow - 3);
    store->set("late", "clock set back");
    store->del("late");
    store->del("never there");
    store->del("empty");
  }
  const std::map<std::uint32_t, std::string> expected = {
      {1, riak::data_bytes({{kNow + 1, "city", "Rome"},
                            {kNow + 2, "city", "Oslo"},
                            {kNow + 2, "empty", ""},
                            {kNow + 2, "\0\xFF\t\n"s, std::string(80, '\0')}})},
      {2, riak::data_bytes({{kNow - 3, "late", "clock set back"},
                            {kNow - 3, "late", tombstone(2, 2)},
                            {kNow - 3, "empty", tombstone(2, 1)}})}};
  const auto files = disk.files();
  for (const auto& [id, bytes] : expected) {
    EXPECT_EQ(files.at("db/" + riak::data_name(id)), bytes);
    EXPECT_EQ(files.at("db/" + riak::hint_name(id)),
              riak::hint_bytes(riak::hints_of(riak::read_data(bytes))));
  }
  EXPECT_EQ(decoded().size(), expected.size());
}

TEST_F(RiakFormat, AFileWhoseWriterDiedIsWholeWithoutItsHints) {
  const auto store = open(Mode::kWrite);
  store->set("city", "Rome");
  EXPECT_EQ(decoded(), (Files{{1, {{kNow, "city", "Rome"}}}}));
}

// Sets, deletes, roll-overs, merges and reopens in no order; after each close
// the decoder finds what a map says.
TEST_F(RiakFormat, AnyHistoryDecodesToWhatIsLive) {
  std::mt19937 random(20261121);
  const auto pick = [&](unsigned below) {
    return static_cast<unsigned>(random() % below);
  };
  segment_bytes = 300;
  Pairs model;
  std::set<std::uint32_t> ids_used;
  for (int round = 0; round < 40; ++round) {
    {
      const auto store = open(Mode::kWrite);
      for (unsigned i = pick(40); i > 0; --i) {
        const std::string key = "key" + std::to_string(pick(25));
        if (pick(3) == 0) {
          store->del(key);
          model.erase(key);
        } else {
          store->set(key, model[key] = std::string(pick(60), 'v'));
        }
      }
      if (pick(4) == 0) store->compact();
    }
    SCOPED_TRACE(round);
    const Files files = decoded();
    ASSERT_EQ(replayed(files), model);
    ASSERT_NO_FATAL_FAILURE(expect_hints_of(files));
    // Riak starts from hints; they alone must say the same.
    ASSERT_EQ(contents(*open(Mode::kRead)), model);
  }
}

TEST_F(RiakFormat, ATombstoneNamesTheFileOfTheRecordThatItHides) {
  segment_bytes = 60;
  {
    const auto store = open(Mode::kWrite);
    for (int i = 0; i < 30; ++i) {
      store->set("key" + std::to_string(i), "a value");
    }
    for (int i = 0; i < 30; i += 2) store->del("key" + std::to_string(i));
  }
  std::map<std::string, std::uint32_t> where;
  int graves = 0;
  for (const auto& [id, records] : decoded()) {
    for (const riak::Record& record : records) {
      const auto grave = riak::read_tombstone(record.value);
      if (!grave) {
        where[record.key] = id;
        continue;
      }
      ++graves;
      EXPECT_EQ(grave->version, 2);
      EXPECT_EQ(grave->file, where.at(record.key));
    }
  }
  EXPECT_EQ(graves, 15);
}

TEST_F(RiakFormat, TheWriteLockTellsWhoWritesWhichFile) {
  segment_bytes = 1;
  const std::string lock = "db/bitcask.write.lock";
  {
    const auto store = open(Mode::kWrite);
    for (int id = 1; id < 4; ++id) {
      store->set("key" + std::to_string(id), "v");
      const riak::Lock told = riak::read_lock(disk.files().at(lock));
      EXPECT_EQ(told.process, disk.process_id());
      EXPECT_EQ(told.file, "db/" + std::to_string(id) + ".bitcask.data");
      EXPECT_EQ(disk.files().count("db/bitcask.create.lock"), 0U);
    }
  }
  EXPECT_EQ(disk.files().count(lock), 0U);
}

// Looks at the lock files whenever something gets or loses a name.
class LockWatcher : public OsWrapper {
 public:
  explicit LockWatcher(MemoryOs& disk) : OsWrapper(disk), disk_(disk) {}

  [[nodiscard]] OsResult rename(const std::string& from, const std::string& to,
                                const char* why) override {
    const auto files = disk_.files();
    const auto lock = files.find("db/bitcask.merge.lock");
    if (lock != files.end()) while_merging.push_back(lock->second);
    return OsWrapper::rename(from, to, why);
  }

  std::vector<std::string> while_merging;

 private:
  MemoryOs& disk_;
};

TEST_F(RiakFormat, TheMergeLockTellsWhoMerges) {
  put_all(varied());
  LockWatcher watched(disk);
  open(Mode::kWrite, watched)->compact();
  ASSERT_FALSE(watched.while_merging.empty());
  for (const std::string& text : watched.while_merging) {
    EXPECT_EQ(riak::read_lock(text).process, disk.process_id());
  }
  EXPECT_EQ(disk.files().count("db/bitcask.merge.lock"), 0U);
}

TEST_F(RiakFormat, AMergeLeavesOnlyWhatTheDecoderCallsLive) {
  put_all(varied());
  open(Mode::kWrite)->compact();
  const Files files = decoded();
  EXPECT_EQ(replayed(files), replayed(varied()));
  expect_hints_of(files);
  std::size_t records = 0;
  for (const auto& [id, in_file] : files) records += in_file.size();
  EXPECT_EQ(records, replayed(varied()).size());
}

// ---- Golden directories
//
// Written by Riak's Bitcask (Debian's erlang-bitcask 2.1.0-1 on Erlang/OTP 25)
// with a module bitcask_time of our own, whose tstamp() is set before each
// call, and {max_file_size, 120}; each file shown by `xxd`. The operations:
// written.txt: put apple=red, banana=yellow, cherry="", 00FF09=0A0080; delete
//   banana; put apple=green, date=brown, cherry=tombstone 0, date=tombstone 1
//   of file 1 (put as values, as older releases left them); close; open; put
//   fig=purple, banana=brown; the clock back by 110 s; put apple=ripe; the
//   clock right; delete 00FF09; close.
// merged.txt: the same after bitcask:merge of the files 2, 3 and 4.

Pairs golden(const std::string& name) {
  std::ifstream in(STRATA_SOURCE_DIR "/tests/golden/riak/" + name);
  EXPECT_TRUE(in) << name;
  Pairs files;
  std::string file;
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) {
      file = line;
      continue;
    }
    std::string digits;
    for (const char digit : line.substr(colon + 2, 39)) {
      if (digit != ' ') digits += digit;
    }
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      files[file] += static_cast<char>(std::stoi(digits.substr(i, 2), {}, 16));
    }
  }
  return files;
}

const Files& as_written() {
  static const std::string binary = "\0\xFF\t"s;
  static const Files files = {{1,
                               {{kNow, "apple", "red"},
                                {kNow + 1, "banana", "yellow"},
                                {kNow + 2, "cherry", ""},
                                {kNow + 3, binary, "\n\0\x80"s}}},
                              {2,
                               {{kNow + 4, "banana", tombstone(2, 1)},
                                {kNow + 5, "apple", tombstone(2, 1)},
                                {kNow + 5, "apple", "green"}}},
                              {3,
                               {{kNow + 6, "date", "brown"},
                                {kNow + 7, "cherry", tombstone(2, 1)},
                                {kNow + 7, "cherry", tombstone(0)}}},
                              {4,
                               {{kNow + 8, "date", tombstone(2, 3)},
                                {kNow + 8, "date", tombstone(1, 1)}}},
                              {6,
                               {{kNow + 9, "fig", "purple"},
                                {kNow + 10, "banana", "brown"},
                                {kNow - 100, "apple", tombstone(2, 2)},
                                {kNow - 100, "apple", "ripe"}}},
                              {7, {{kNow + 12, binary, tombstone(2, 1)}}}};
  return files;
}

Files as_merged() {
  Files files = as_written();
  // apple's, with the clock set back, was out of date by the newer tstamp.
  for (const std::uint32_t id : {2U, 3U, 4U}) files.erase(id);
  files[1].push_back({kNow + 4, "banana", tombstone(2, 1)});
  files[1].push_back({kNow + 7, "cherry", tombstone(2, 1)});
  files[8] = {{kNow + 7, "cherry", tombstone(1, 3)},
              {kNow + 8, "date", tombstone(1, 1)}};
  return files;
}

class GoldenRiak : public RiakFormat {
 protected:
  void check(const std::string& name, const Files& files) {
    Pairs encoded;
    for (const auto& [id, records] : files) {
      encoded[riak::data_name(id)] = riak::data_bytes(records);
      encoded[riak::hint_name(id)] = riak::hint_bytes(riak::hints_of(records));
    }
    EXPECT_EQ(golden(name), encoded);
    for (const auto& [file, bytes] : golden(name))
      disk.put("db/" + file, bytes);
    expect_answers({{"apple", "ripe"}, {"banana", "brown"}, {"fig", "purple"}});
    for (const auto& [id, records] : files) {
      EXPECT_TRUE(disk.remove("db/" + riak::hint_name(id), "hints") >= 0);
    }
    expect_answers({{"apple", "ripe"}, {"banana", "brown"}, {"fig", "purple"}});
  }
};

TEST_F(GoldenRiak, WhatRiakWroteIsWhatTheEncoderWritesAndIsRead) {
  check("written.txt", as_written());
}

TEST_F(GoldenRiak, WhatRiakMergedIsWhatTheEncoderWritesAndIsRead) {
  check("merged.txt", as_merged());
}

TEST_F(GoldenRiak, AMergeOfRiaksFilesKeepsTheAnswers) {
  for (const char* name : {"written.txt", "merged.txt"}) {
    clear_disk();
    for (const auto& [file, bytes] : golden(name))
      disk.put("db/" + file, bytes);
    open(Mode::kWrite)->compact();
    expect_answers({{"apple", "ripe"}, {"banana", "brown"}, {"fig", "purple"}});
    EXPECT_EQ(
        replayed(decoded()),
        (Pairs{{"apple", "ripe"}, {"banana", "brown"}, {"fig", "purple"}}));
  }
}

}  // namespace
}  // namespace strata
