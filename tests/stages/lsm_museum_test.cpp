// The museum of 09_lsm_tree: bugs that real stores have had with a log in front
// of tables, with levels and with a manifest (museum_test.cpp tells of the
// museum). Those below have a test elsewhere:
//
//   leveldb#193    a hole between two logs           lsm_recovery_test.cpp
//   mini-lsm#180   the bounds of a range             museum_test.cpp
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/crash.h"
#include "common/os/fault_os.h"
#include "common/os/recording_os.h"
#include "common/os/watched_os.h"
#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "common/store/errors.h"
#include "common/table/block.h"
#include "common/table/varint.h"
#include "stages/09_lsm_tree/log.h"
#include "stages/09_lsm_tree/manifest.h"
#include "stages/09_lsm_tree/store.h"
#include "stages/09_lsm_tree/table_file.h"
#include "tests/faults/scenario.h"
#include "tests/stages/lsm_fixture.h"
#include "tests/support.h"

namespace strata {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class LsmMuseum : public LsmTreeTest {
 protected:
  // The same, however the store is opened.
  void expect_all(const Image& image, const Pairs& model) {
    MemoryOs left(image);
    EXPECT_EQ(contents(*open(Mode::kRead, left)), model);
    EXPECT_EQ(contents(*open(Mode::kWrite, left)), model);
  }

  // Of each run, no two tables have a place for the same key.
  static void expect_no_overlap(const LsmTree& store) {
    store.version()->for_each_run([](std::size_t level, const lsm::Run& run) {
      for (std::size_t i = 1; i < run.size(); ++i) {
        EXPECT_LT(run[i - 1]->info().last, run[i]->info().first)
            << "in level " << level;
      }
    });
  }
};

// ---- Levels

// leveldb#320: a table ended between two versions of a key, and of those only
// the newer one was moved to the next level: where gets look later.
TEST_F(LsmMuseum, NoTableEndsBetweenTwoVersionsOfAKey) {
  numbers = {{"--table-bytes", 1}, {"--level-runs", 2}, {"--level-bytes", 500}};
  const auto store = writer();
  std::vector<lsm::Snapshot> moments;  // for which nothing is kept in tables
  Pairs model;
  for (int i = 0; i < 30; ++i) {
    const std::string version = std::to_string(i);
    const Pairs pairs = {{"k", version}, {"k" + version, version}};
    for (const auto& [key, value] : pairs) model[key] = value;
    write_table(*store, pairs);
    moments.push_back(store->snapshot());
    store->settle();
    expect_no_overlap(*store);
    ASSERT_EQ(answer(*store, "k"), version);
    ASSERT_EQ(contents(*store), model);
  }
  EXPECT_FALSE(store->version()->levels[2].empty());
  for (std::size_t i = 0; i < moments.size(); ++i) {
    std::string value;
    EXPECT_TRUE(store->get("k", value, moments[i]));
    EXPECT_EQ(value, std::to_string(i));
  }
}

// leveldb 36a5f8e: with each table of level 0 that joins a merge its range may
// grow, and with that what has to come along. Here all of level 0 is merged at
// once: it is tables of level 1 that have to come along.
TEST_F(LsmMuseum, ADeletedKeyStaysGoneWhicheverTableOfLevel0TellsOfIt) {
  for (const bool is_newest : {false, true}) {
    MemoryOs fresh;
    numbers = {{"--table-bytes", 1}, {"--level-runs", kNoMerges}};
    {
      const auto store = open(Mode::kWrite, fresh);
      write_table(*store, {{"a", "1"}, {"c", "1"}, {"e", "1"}, {"g", "1"}});
      store->compact();
      ASSERT_EQ(shape_of(*store), "1: 1 4");
    }
    numbers["--level-runs"] = 2;
    const auto store = open(Mode::kWrite, fresh);
    if (!is_newest) {
      store->del("e");
      store->write_memtable();
    }
    write_table(*store, {{"a", "2"}});
    if (is_newest) {
      store->del("e");
      store->write_memtable();
    }
    store->settle();
    EXPECT_EQ(shape_of(*store), "1: 1 3");
    expect_no_overlap(*store);
    EXPECT_EQ(answer(*store, "e"), std::nullopt);
    expect_all(fresh.image(), {{"a", "2"}, {"c", "1"}, {"g", "1"}});
  }
}

// rocksdb#3776: the empty key was in a table and not in its filter. Here a key
// has a byte at the least.
TEST_F(LsmMuseum, AFilterRefusesNoKeyThatItsTableHas) {
  Pairs pairs = {{std::string(65'535, 'k'), "1"}};
  for (int byte = 0; byte < 256; ++byte) {
    const std::string key(1, static_cast<char>(byte));
    pairs[key] = "1";
    pairs[key + std::string(1, '\0')] = "1";
  }
  for (const std::uint64_t bits : {1U, 10U, 64U}) {
    numbers["--bloom-bits"] = bits;
    MemoryOs fresh;
    write_table(*open(Mode::kWrite, fresh), pairs);
    const auto store = open(Mode::kRead, fresh);
    for (const auto& [key, value] : pairs) {
      ASSERT_EQ(answer(*store, key), value) << testing::PrintToString(key);
    }
    EXPECT_EQ(store->filter_counts().asked, pairs.size());
    EXPECT_EQ(store->filter_counts().refused, 0U);
  }
}

// ---- Recovery

// mini-lsm#84: the entries of a batch went into the log one by one, and what a
// crash had left of them was entered.
TEST_F(LsmMuseum, OfABatchThatIsCutOffInTheLogNothingIsThere) {
  std::size_t begin = 0;
  {
    const auto store = writer();
    store->set("a", "1");
    store->set("gone", "1");
    begin = disk.files().at("db/1.log").size();
    lsm::Batch batch;
    batch.set("a", "2");
    batch.del("gone");
    batch.set("b", "2");
    store->write(batch);
  }
  const std::string log = disk.files().at("db/1.log");
  for (std::size_t size = begin; size < log.size(); ++size) {
    SCOPED_TRACE(std::to_string(size) + " bytes");
    MemoryOs cut;
    cut.put("db/1.log", log.substr(0, size));
    expect_all(cut.image(), {{"a", "1"}, {"gone", "1"}});
  }
  expect_all(disk.image(), {{"a", "2"}, {"b", "2"}});
}

// mini-lsm#124: when a memtable had been written out its log went, and only
// then did the manifest tell of the table.
TEST_F(LsmMuseum, ALogGoesOnlyOnceTheManifestNamesItsTable) {
  std::mutex one_call;  // the store's own thread removes files, too
  std::vector<Image> left;
  WatchedOs watched(disk);
  {
    const auto store = open(Mode::kWrite, watched);
    write_table(*store, {{"a", "1"}, {"b", "1"}});
    store->set("b", "2");
    store->set("c", "2");
    store->settle();
    watched.before = [&](const Coming&) {
      const std::scoped_lock hold(one_call);
      left.push_back(disk.image());
      return 0;
    };
    store->write_memtable();
  }
  left.push_back(disk.image());
  EXPECT_EQ(left.back().files.count("db/2.log"), 0U);
  EXPECT_GT(left.size(), 8U);
  for (const Image& image : left) {
    expect_all(image, {{"a", "1"}, {"b", "2"}, {"c", "2"}});
  }
}

// What is damaged in mid-log may have been newer than all that stands before
// it; what stands behind it is the newest that there is.
TEST_F(LsmMuseum, AValueBeforeDamageInALogIsNotTakenForTheNewest) {
  for (const char* value : {"1", "2"}) writer()->set("apple", value);
  writer()->set("b", "3");
  const std::string log = disk.files().at("db/1.log");
  const std::size_t second = log.rfind("apple");
  for (std::size_t at = second; at < second + 6; ++at) {
    std::string rotten = log;
    rotten[at] = static_cast<char>(rotten[at] ^ 0x55);
    disk.put("db/1.log", rotten);
    for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
      const auto store = open(mode, disk);
      EXPECT_TRUE(is_damaged(*store, "apple"));
      EXPECT_EQ(answer(*store, "b"), "3");
    }
    EXPECT_EQ(disk.files().at("db/1.log"), rotten) << "none is cut off";
  }
}

// leveldb#1287, and the same where zeros follow
TEST_F(LsmMuseum, WhatIsAppendedBehindATornLogIsThereAfterReopening) {
  std::size_t begin = 0;
  {
    const auto store = writer();
    store->set("a", "1");
    begin = disk.files().at("db/1.log").size();
    store->set("b", "2");
  }
  const std::string log = disk.files().at("db/1.log");
  for (std::size_t size = begin; size < log.size(); ++size) {
    for (const std::size_t zeros : {0U, 1U, 17U, 70'000U}) {
      SCOPED_TRACE(std::to_string(size) + " bytes and " +
                   std::to_string(zeros) + " zeros");
      MemoryOs torn;
      torn.put("db/1.log", log.substr(0, size) + std::string(zeros, '\0'));
      open(Mode::kWrite, torn)->set("c", "3");
      expect_all(torn.image(), {{"a", "1"}, {"c", "3"}});
      if (HasFailure()) return;
    }
  }
}

// rocksdb#7621: a number was given again that a manifest may still name. Here
// the cache, too, knows a block by the number of its table.
TEST_F(LsmMuseum, NoFileGetsTheNumberOfOneThatIsLeftOver) {
  std::mutex one_call;
  std::vector<std::uint64_t> given;
  bool is_full = true;
  WatchedOs watched(disk);
  watched.before = [&](const Coming& coming) {
    const std::scoped_lock hold(one_call);
    const bool is_new = is_table(coming.path)
                            ? coming.mode == OpenMode::kCreate
                            : coming.mode == OpenMode::kCreateNew;
    const std::uint64_t number = number_of_file(coming.path);
    if (coming.call == "open" && is_new && number > 0) given.push_back(number);
    if (!is_full || !is_table(coming.path)) return 0;
    return coming.call == "write" || coming.call == "remove" ? ENOSPC : 0;
  };
  {
    const auto store = open(Mode::kWrite, watched);
    store->set("a", "1");
    for (int i = 0; i < 2; ++i) EXPECT_THROW(store->write_memtable(), IoError);
    store->set("a", "2");
  }
  EXPECT_EQ(files_that(is_table).size(), 3U)
      << "parts that are left over, of the try at the close too";
  is_full = false;
  {
    const auto store = open(Mode::kWrite, watched);
    for (const char* value : {"3", "4"}) write_table(*store, {{"a", value}});
    store->compact();
    EXPECT_EQ(answer(*store, "a"), "4");
  }
  EXPECT_GT(given.size(), 8U);
  EXPECT_EQ(std::set<std::uint64_t>(given.begin(), given.end()).size(),
            given.size())
      << testing::PrintToString(given);
}

// The same, after all tables are gone: a reader that was there before them would
// take the new one for what it knows by that number.
TEST_F(LsmMuseum, NoTableGetsTheNumberOfOneThatIsGone) {
  std::vector<std::string> gone;
  {
    const auto store = writer();
    write_table(*store, {{"a", "1"}});
    store->del("a");
    store->write_memtable();
    gone = files_that(is_table);
    EXPECT_THAT(gone, SizeIs(2));
    store->compact();
    EXPECT_THAT(files_that(is_table), IsEmpty());
  }
  const auto store = writer();
  write_table(*store, {{"b", "2"}});
  for (const std::string& table : files_that(is_table)) {
    EXPECT_THAT(gone, testing::Not(testing::Contains(table)));
  }
  EXPECT_THAT(files_that(is_table), SizeIs(1));
}

// ---- The disk

// leveldb#577: a part of a record stayed where the disk was full, and made what
// was written behind it unreadable. Of a log every_call_fails_test.cpp tells;
// here it is a table, whose memtable its log still protects.
TEST_F(LsmMuseum, APartOfATableGoesWhenTheDiskIsFullAndItsMemtableStays) {
  const Pairs model = {{"a", "1"}, {"b", std::string(300, 'v')}};
  FaultOs full(disk);
  const auto store = open(Mode::kWrite, full);
  for (const auto& [key, value] : model) store->set(key, value);
  full.add({.calls = {Call::kWrite}, .at_most = Fault::kHalf});
  full.add({.calls = {Call::kWrite}, .nth = 2, .error = ENOSPC});
  EXPECT_THROW(store->write_memtable(), IoError);
  EXPECT_THAT(files_that(is_table), IsEmpty());
  expect_all(disk.image(), model);
  store->write_memtable();
  EXPECT_THAT(files_that(is_table), SizeIs(1));
  EXPECT_EQ(contents(*store), model);
  expect_all(disk.image(), model);
}

// The manifest counted before it was on disk (leveldb#189; leveldb#74, of the
// file that names it) or before the names of its tables were (mini-lsm#172);
// and what it does not name went before its own name was (leveldb#195).
TEST_F(LsmMuseum, BeforeAFileGoesTheManifestWithoutItIsOnDiskNameAndAll) {
  std::mutex one_call;  // the store's own thread removes files, too
  std::set<std::string> not_synced;
  bool names_synced = true;
  int removed = 0;
  WatchedOs watched(disk);
  auto store = open(Mode::kWrite, watched);
  for (const char* value : {"1", "2", "3"}) write_table(*store, {{"k", value}});
  store->set("k", "4");
  store->settle();
  watched.before = [&](const Coming& coming) {
    const std::scoped_lock hold(one_call);
    const bool is_new =
        coming.call == "open" && (coming.mode == OpenMode::kCreate ||
                                  coming.mode == OpenMode::kCreateNew);
    if (is_new) names_synced = false;
    if (coming.call == "write") not_synced.insert(coming.path);
    if (coming.call == "sync" && coming.path == "db") names_synced = true;
    if (coming.call == "sync") not_synced.erase(coming.path);
    if (coming.call == "rename") {
      EXPECT_THAT(not_synced, IsEmpty()) << "and the manifest counts";
      EXPECT_TRUE(names_synced) << "of what the manifest names";
      names_synced = false;
    }
    if (coming.call == "remove") {
      ++removed;
      EXPECT_TRUE(names_synced) << "before " << coming.path << " goes";
    }
    return 0;
  };
  store->compact();
  store.reset();
  EXPECT_EQ(removed, 5) << "four tables and a log";
}

// rocksdb#4990: a sync of the manifest failed, the tables that it had begun to
// tell of were deleted, and after a crash it told of them all the same.
TEST_F(LsmMuseum, WhicheverSyncOfAMergeFailsEitherOutcomeIsRight) {
  constexpr std::uint64_t kSyncs = 4;
  sync = Sync::kAlways;
  for (std::uint64_t nth = 1; nth <= kSyncs; ++nth) {
    SCOPED_TRACE("sync " + std::to_string(nth));
    MemoryOs fresh;
    RecordingOs recorder(fresh);
    FaultOs broken(recorder);
    Pairs model;
    std::uint64_t acknowledged = 0;
    {
      const auto store = open(Mode::kWrite, broken);
      for (const char* key : {"k", "l", "k"}) {
        model[key] = std::to_string(++acknowledged);
        write_table(*store, {{key, model[key]}});
        recorder.mark(acknowledged);
      }
      broken.add({.calls = {Call::kSync}, .nth = nth, .error = EIO});
      EXPECT_THROW(store->compact(), IoError);
      EXPECT_THROW(store->compact(), IoError) << "it is not tried again";
      EXPECT_THROW(store->set("k", "never"), IoError);
      EXPECT_EQ(contents(*store), model);
    }
    std::set<std::string> shapes;
    for_each_power_cut(recorder.trace(), [&](const CrashState& state) {
      if (state.acknowledged < acknowledged || HasFailure()) return;
      SCOPED_TRACE(state.what);
      MemoryOs left(state.image);
      EXPECT_EQ(contents(*open(Mode::kRead, left)), model);
      const auto store = open(Mode::kWrite, left);
      shapes.insert(shape_of(*store));
      store->compact();
      expect_all(left.image(), model);
    });
    const std::set<std::string> before = {"0: 3 3"};
    const std::set<std::string> either = {"0: 3 3", "1: 1 1"};
    EXPECT_EQ(shapes, nth < kSyncs ? before : either);
  }
}

// ---- Hostile files

// leveldb#1054: the place and the length of a block were believed. Whoever has
// written the lies below has made the checksums fit.
class HostileLsmMuseum : public LsmMuseum {
 protected:
  // A part of a file that has checksums.
  struct Part {
    std::size_t begin = 0;
    std::size_t size = 0;
  };

  // Leaves `2.log`, `3.sst` and their manifest.
  HostileLsmMuseum() {
    const auto store = writer();
    write_table(*store, {{"apple", std::string(300, 'x')}, {"zebra", "1"}});
    store->set("apple", "2");
    store->set("cherry", "2");
  }

  // Does all that reads; it ends in answers or Damage.
  static void read_everything(Store& store) {
    const std::vector<std::function<void()>> all = {
        [&] { static_cast<void>(answer(store, "apple")); },
        [&] { static_cast<void>(answer(store, "zebra")); },
        [&] { static_cast<void>(contents(store)); },
        [&] { static_cast<void>(store.stats()); },
        [&] { store.dump("", [](const DumpRecord&) {}); },
        [&] { store.verify([](const DamagedPlace&) {}); },
    };
    for (const auto& read : all) {
      try {
        read();
      } catch (const Damage&) {
      }
    }
  }

  // Whatever a file holds, little memory is taken.
  void expect_little_memory(const std::string& path, const std::string& bytes) {
    constexpr std::uint64_t kLittle = 64'000'000;
    const std::uint64_t before = faults::peak_memory();
    MemoryOs hostile(disk.image());
    hostile.put(path, bytes);
    try {
      read_everything(*open(Mode::kRead, hostile));
    } catch (const Damage&) {
    }
    EXPECT_LT(faults::peak_memory() - before, kLittle);
  }

  // Puts lies at each place of a file, with checksums that fit.
  void expect_no_lie_is_believed(const std::string& path,
                                 const std::vector<Part>& parts,
                                 void (*make_fit)(std::string& bytes,
                                                  const Part& part)) {
    EXPECT_GE(parts.size(), 3U);
    const std::string good = disk.files().at(path);
    for (const std::string& lie :
         {std::string(8, '\xff'),
          std::string("\x7f\xff\xff\xff\xff\xff\xff\xff"),
          std::string("\0\0\0\0\x7f\xff\xff\xff", 8),
          std::string("\0\0\0\0\x40\0\0\0", 8), std::string(4, '\xff'),
          std::string("\x40\0\0\0", 4), std::string(4, '\0')}) {
      for (std::size_t at = 0; at + lie.size() <= good.size(); ++at) {
        SCOPED_TRACE(testing::PrintToString(lie) + " at " + std::to_string(at));
        std::string bytes = good;
        bytes.replace(at, lie.size(), lie);
        for (const Part& part : parts) make_fit(bytes, part);
        expect_little_memory(path, bytes);
        if (HasFailure()) return;
      }
    }
  }

  // Puts the checksum of what is behind it at the begin of a part.
  static void mend(std::string& bytes, const Part& part) {
    put_big_endian(
        crc32(std::string_view(bytes).substr(part.begin + 4, part.size - 4)),
        bytes.data() + part.begin);
  }

  static void mend_record(std::string& bytes, const Part& part) {
    const std::string_view body = std::string_view(bytes).substr(
        part.begin + lsm::kLogHeaderBytes, part.size - lsm::kLogHeaderBytes);
    put_big_endian(crc32(body), bytes.data() + part.begin + 4);
    mend(bytes, {part.begin, lsm::kLogHeaderBytes});
  }
};

TEST_F(HostileLsmMuseum, ALengthInATableAllocatesNoMoreThanTheFileIsLong) {
  const std::string table = disk.files().at("db/3.sst");
  const std::size_t end = table.size() - lsm::kFooterBytes;
  std::vector<Part> parts;  // data blocks, filter, index, footer
  for (std::size_t at = 0; at < end; at += parts.back().size) {
    lsm::BlockHeader header;
    ASSERT_TRUE(decode_block_header(table.substr(at), header));
    parts.push_back({at, sst::kBlockHeaderBytes + header.size});
  }
  parts.push_back({end, lsm::kFooterBytes});
  expect_no_lie_is_believed("db/3.sst", parts, mend);
}

TEST_F(HostileLsmMuseum, ALengthInALogAllocatesNoMoreThanTheFileIsLong) {
  const std::string log = disk.files().at("db/2.log");
  constexpr std::size_t kSizeAt = 9;
  std::vector<Part> parts;
  for (std::size_t at = 0; at < log.size(); at += parts.back().size) {
    const auto size = read_big_endian<std::uint64_t>(
        std::string_view(log).substr(at + kSizeAt));
    parts.push_back({at, lsm::kLogHeaderBytes + size});
  }
  expect_no_lie_is_believed("db/2.log", parts, mend_record);
}

TEST_F(HostileLsmMuseum, ANumberInAManifestAllocatesNothing) {
  const std::string path = "db/MANIFEST";
  lsm::Manifest manifest =
      lsm::decode_manifest(disk.files().at(path), "db/MANIFEST");
  lsm::TableInfo& table = manifest.levels.at(0).at(0).at(0);
  for (std::uint64_t* const number :
       {&manifest.log, &manifest.written[0], &table.number, &table.size,
        &table.entries, &table.tombstones}) {
    const std::uint64_t truth = *number;
    for (unsigned bits = 1; bits <= 64; ++bits) {
      *number = ~std::uint64_t{0} >> (64 - bits);
      expect_little_memory(path, lsm::encode_manifest(manifest));
    }
    *number = truth;
  }
}

// The same without a lie: entries of an index that share nearly all of a long
// key take a few bytes each on disk, and would take 64 KiB each in memory.
TEST_F(HostileLsmMuseum, AnIndexThatIsCraftedTakesLittleMemory) {
  constexpr std::size_t kShared = 65'533;
  constexpr std::size_t kBlocks = 8000;
  constexpr std::size_t kBlockBytes = 15;
  std::string table(kBlocks * kBlockBytes, '\0');
  std::string scratch;
  lsm::Footer footer;
  footer.filter.offset = table.size();
  sst::append_block(lsm::BlockKind::kFilter, lsm::Compression::kNone,
                    std::string(1, '\0'), scratch, table);
  footer.filter.size = table.size() - footer.filter.offset;
  std::string index;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    sst::append_varint(i == 0 ? 0 : kShared, index);
    sst::append_varint(i == 0 ? kShared + 2 : 2, index);
    sst::append_varint(17, index);
    if (i == 0) index.append(kShared, 'k');
    append_big_endian(static_cast<std::uint16_t>(i), index);
    append_big_endian(std::uint64_t{i * kBlockBytes}, index);
    append_big_endian(std::uint64_t{kBlockBytes}, index);
  }
  index += std::string("\0\0\0\0\0\0\0\1", 8);  // one restart
  footer.index.offset = table.size();
  sst::append_block(lsm::BlockKind::kIndex, lsm::Compression::kNone, index,
                    scratch, table);
  footer.index.size = table.size() - footer.index.offset;
  footer.entries = kBlocks;
  encode_footer(footer, table);
  expect_little_memory("db/3.sst", table);
}

}  // namespace
}  // namespace strata
