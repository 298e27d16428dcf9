// 07_bitcask among several processes: lock files that keep nobody out, one
// writer, and readers that look again when they are asked to.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/contract/cli_process.h"
#include "tests/stages/bitcask_fixture.h"
#include "tests/stages/listing_os.h"
#include "tests/stages/riak_format.h"

#ifndef STRATA_BIN_DIR  // where the executables are: the build defines it
#define STRATA_BIN_DIR "."
#endif

namespace strata::bitcask_tests {
namespace {

class BitcaskLocks : public BitcaskTest {
 protected:
  [[nodiscard]] std::optional<riak::Lock> lock(const std::string& kind) const {
    if (files().count("bitcask." + kind + ".lock") == 0) return std::nullopt;
    return riak::read_lock(bytes_of("bitcask." + kind + ".lock"));
  }
};

// ---- What they say

TEST_F(BitcaskLocks, TheWriteLockNamesTheWriterAndItsFileUntilTheClose) {
  numbers["--segment-bytes"] = 1;
  const auto store = writer();
  ASSERT_TRUE(lock("write"));
  EXPECT_EQ(lock("write")->process, disk.process_id());
  EXPECT_EQ(lock("write")->file, "") << "nothing has been written";
  store->set("a", "1");
  EXPECT_EQ(lock("write")->file, "db/1.bitcask.data");
  store->set("b", "2");
  EXPECT_EQ(lock("write")->file, "db/2.bitcask.data");
  store->close();
  EXPECT_FALSE(lock("write"));
}

TEST_F(BitcaskLocks, TheMergeLockIsThereDuringAMergeAndNoLonger) {
  write_file_of({{"a", "1"}});
  write_file_of({{"a", "2"}});
  CallsBack os(disk);
  const auto store = open(Mode::kWrite, os);
  EXPECT_FALSE(lock("merge"));
  os.once_before("read what to copy", [&] {
    ASSERT_TRUE(lock("merge"));
    EXPECT_EQ(lock("merge")->process, disk.process_id());
    EXPECT_EQ(lock("merge")->file, "db/3.bitcask.data");
  });
  store->compact();
  EXPECT_TRUE(os.called());
  EXPECT_FALSE(lock("merge"));
}

TEST_F(BitcaskLocks, TheCreateLockIsThereWhileAFileIsMadeAndNoLonger) {
  int files_made = 0;
  WatchedOs os(disk);
  os.before = [&](const Coming& coming) {
    if (coming.mode != OpenMode::kCreateNew) return 0;
    ++files_made;
    const auto found = lock("create");
    EXPECT_TRUE(found);
    EXPECT_EQ(found ? found->process : 0, disk.process_id());
    EXPECT_EQ(found ? found->file : "none", "");
    return 0;
  };
  const auto store = open(Mode::kWrite, os);
  store->set("a", "1");
  EXPECT_EQ(files_made, 1);
  EXPECT_FALSE(lock("create"));
}

TEST_F(BitcaskLocks, AMergeThatFailsLeavesNoLockFile) {
  write_file_of({{"a", "1"}});
  write_file_of({{"a", "2"}});
  CallsBack os(disk);
  const auto store = open(Mode::kWrite, os);
  os.once_before("read what to copy", [] { throw Damage("db", 0, "a test"); });
  EXPECT_THROW(store->compact(), Damage);
  EXPECT_FALSE(lock("merge"));
  EXPECT_EQ(contents(*store), (Pairs{{"a", "2"}}));
}

// ---- Whom they keep out

// Of a process that is dead, of a stranger, unreadable, empty (Riak waits for
// ever on these, basho/bitcask#99 and #163).
TEST_F(BitcaskLocks, NoLockFileKeepsAWriterOut) {
  write_file_of({{"city", "Rome"}});
  for (const std::string bytes : {"999999999 db/1.bitcask.data\n", "1 \n", "",
                                  "\n", "no number", "-1 x\n"}) {
    for (const char* kind : {"write", "merge", "create"}) {
      disk.put("db/bitcask." + std::string(kind) + ".lock", bytes);
    }
    const auto store = writer();
    store->set("city", "Oslo");
    store->compact();
    EXPECT_EQ(answer(*store, "city"), "Oslo") << bytes;
    EXPECT_EQ(lock("write")->process, disk.process_id());
    store->close();
    EXPECT_FALSE(lock("write"));
    EXPECT_FALSE(lock("create"));
    EXPECT_FALSE(lock("merge"));
    EXPECT_EQ(contents(*reader()), (Pairs{{"city", "Oslo"}}));
  }
}

TEST_F(BitcaskLocks, ALiveWriterKeepsOthersOutThoughItsLockFileIsGone) {
  const auto store = writer();
  EXPECT_THROW((void)writer(), Busy);
  remove("bitcask.write.lock");
  EXPECT_THROW((void)writer(), Busy);
  store->close();
  EXPECT_NO_THROW((void)writer());
}

TEST_F(BitcaskLocks, AReaderHeedsNoLockAndMakesNone) {
  const auto store = writer();
  store->set("city", "Rome");
  const auto before = disk.image();
  const auto other = reader();
  EXPECT_EQ(answer(*other, "city"), "Rome");
  EXPECT_TRUE(disk.image() == before);
}

TEST_F(BitcaskLocks, AReaderRefusesEveryChange) {
  write_file_of({{"city", "Rome"}});
  const auto before = disk.image();
  const auto store = reader();
  EXPECT_THROW(store->set("a", "1"), InvalidInput);
  EXPECT_THROW(store->del("city"), InvalidInput);
  EXPECT_THROW(store->compact(), InvalidInput);
  EXPECT_THROW(store->merge({1}), InvalidInput);
  EXPECT_THROW(store->sync(), InvalidInput);
  store->close();
  EXPECT_TRUE(disk.image() == before);
}

// ---- Looking again

class BitcaskRefresh : public BitcaskTest {};

TEST_F(BitcaskRefresh, AReaderSeesNewRecordsOnceItLooksAgain) {
  const auto store = writer();
  store->set("city", "Rome");
  const auto other = reader();
  store->set("river", "Tiber");
  store->set("city", "Oslo");
  EXPECT_EQ(contents(*other), (Pairs{{"city", "Rome"}}));
  EXPECT_TRUE(other->refresh());
  EXPECT_EQ(contents(*other), contents(*store));
  EXPECT_FALSE(other->refresh()) << "nothing more has happened";
}

TEST_F(BitcaskRefresh, AReaderSeesDeletionsNewFilesAndMerges) {
  numbers["--segment-bytes"] = 1;
  const auto store = writer();
  const auto other = reader();
  EXPECT_FALSE(other->refresh());
  const auto expect_the_same = [&] {
    EXPECT_TRUE(other->refresh());
    EXPECT_EQ(contents(*other), contents(*store));
    EXPECT_EQ(ids_of(*other), ids_of(*store));
    EXPECT_FALSE(other->refresh());
  };
  store->set("city", "Rome");
  expect_the_same();
  store->set("river", "Tiber");
  expect_the_same();
  store->del("city");
  expect_the_same();
  store->compact();
  expect_the_same();
  store->set("city", "Oslo");
  store->compact();
  expect_the_same();
}

TEST_F(BitcaskRefresh, AWriterNeedsNone) {
  const auto store = writer();
  store->set("city", "Rome");
  EXPECT_FALSE(store->refresh());
}

// Whatever has not been opened before is gone: the reader looks by itself.
TEST_F(BitcaskRefresh, AGetOfAReaderFollowsItsKeyToWhereAMergeHasTakenIt) {
  write_file_of({{"city", "Rome"}, {"river", "Tiber"}});
  write_file_of({{"river", "Po"}});
  const auto other = reader();
  writer()->compact();
  EXPECT_EQ(files().count("1.bitcask.data"), 0U);
  EXPECT_EQ(answer(*other, "city"), "Rome");
  EXPECT_EQ(answer(*other, "river"), "Po");
}

// A merge of another process may end between any two calls of a reader.
TEST_F(BitcaskRefresh, AMergeThatEndsDuringALookIsNoError) {
  for (const char* why : {"measure the data file", "open the hints",
                          "read the hints", "open the data file"}) {
    disk.put_directory("db");
    write_file_of({{"city", "Rome"}, {"river", "Tiber"}});
    write_file_of({{"city", "Oslo"}});
    CallsBack os(disk);
    const auto other = open(Mode::kRead, os);
    write_file_of({{"lake", "Como"}});
    const Pairs expected = {
        {"city", "Oslo"}, {"lake", "Como"}, {"river", "Tiber"}};
    os.once_before(why, [&] { writer()->compact(); });
    EXPECT_NO_THROW((void)other->refresh()) << why;
    EXPECT_EQ(contents(*other), expected) << why;
    EXPECT_TRUE(os.called()) << why;
  }
}

// Names vanish while the directory is read: that of the hints had been read,
// that of the data not yet.
TEST_F(BitcaskRefresh, HalfAListingOfAMergeIsNoDamage) {
  write_file_of({{"city", "Rome"}});
  bool late = false;
  ListingOs os(disk);
  os.after = [&](int /*nth*/, auto& names) {
    if (late) names.emplace_back("1.bitcask.hint");
    late = false;
  };
  const auto other = open(Mode::kRead, os);
  writer()->set("river", "Tiber");
  writer()->compact();
  EXPECT_EQ(files().count("1.bitcask.data"), 0U);
  late = true;
  EXPECT_TRUE(other->refresh());
  EXPECT_EQ(contents(*other), (Pairs{{"city", "Rome"}, {"river", "Tiber"}}));
  late = true;
  EXPECT_EQ(contents(*open(Mode::kRead, os)), contents(*other));
}

TEST_F(BitcaskRefresh, ATornTailIsPassedOverAndSeenOnceItIsWhole) {
  const std::string whole =
      riak::data_bytes({{1, "city", "Rome"}, {1, "river", "Tiber"}});
  disk.put("db/1.bitcask.data", whole.substr(0, whole.size() - 3));
  const auto other = reader();
  EXPECT_EQ(contents(*other), (Pairs{{"city", "Rome"}}));
  disk.put("db/1.bitcask.data", whole);
  EXPECT_TRUE(other->refresh());
  EXPECT_EQ(answer(*other, "river"), "Tiber");
}

// ---- Real processes

class BitcaskProcesses : public testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<Bitcask> reader() const {
    Options options;
    options.directory = directory.path() + "/db";
    return std::make_unique<Bitcask>(options);
  }

  [[nodiscard]] Arguments words(const Arguments& more) const {
    Arguments all = {STRATA_BIN_DIR "/07_bitcask",
                     "--db",
                     "db",
                     "--segment-bytes",
                     "2000",
                     "--frag-merge-trigger",
                     "20",
                     "--frag-threshold",
                     "10"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  TemporaryDirectory directory;
};

TEST_F(BitcaskProcesses, AReaderSeesWhatTheWriterAcknowledgedOnceItLooks) {
  Running writer(directory.path(), words({"batch", "--ack"}));
  writer.write("set\tcity\tRome\n");
  ASSERT_EQ(writer.line(), "ok 1\n");
  const auto store = reader();
  EXPECT_EQ(answer(*store, "city"), "Rome");
  std::size_t refreshed = 0;
  for (int i = 2; i < 300; ++i) {
    const std::string number = std::to_string(i);
    writer.write("set\tkey" + std::to_string(i % 10) + "\t" + number + "\n");
    ASSERT_EQ(writer.line(), "ok " + number + "\n");
    if (i % 3 != 0) continue;
    if (store->refresh()) ++refreshed;
    EXPECT_EQ(answer(*store, "key" + std::to_string(i % 10)), number);
    EXPECT_EQ(answer(*store, "city"), "Rome");
  }
  EXPECT_GT(refreshed, 90U);
  EXPECT_EQ(writer.finish().code, 0);
  EXPECT_EQ(contents(*reader()).size(), 11U);
}

// In a child: looks again and again while the writer rolls over and merges.
// Numbers only grow, none is ever missing.
[[noreturn]] void keep_looking(Bitcask& store, const std::string& until) {
  int code = 0;
  try {
    std::map<std::string, int> before;
    while (answer(store, "end") != until) {
      (void)store.refresh();
      for (const auto& [key, value] : folded(store)) {
        if (key == "end") continue;
        if (std::stoi(value) < before[key]) code = 2;  // stale
        before[key] = std::stoi(value);
      }
      if (before.size() != 10) code = 3;  // missing
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    code = 4;
  }
  ::_exit(code);
}

TEST_F(BitcaskProcesses, ReadersInOtherProcessesAreNeverStaleWhileOneMerges) {
  Running writer(directory.path(), words({"batch", "--ack"}));
  int line = 0;
  const auto set = [&](const std::string& key, int value) {
    writer.write("set\t" + key + "\t" + std::to_string(value) + "\n");
    ASSERT_EQ(writer.line(), "ok " + std::to_string(++line) + "\n");
  };
  for (int i = 0; i < 10; ++i) set("key" + std::to_string(i), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 2; ++i) {
    children.push_back(::fork());
    if (children.back() == 0) {
      ::alarm(60);
      keep_looking(*reader(), "1");
    }
  }
  for (int i = 1; i < 3'000; ++i) set("key" + std::to_string(i % 10), i);
  set("end", 1);
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(outcome_of(status).code, 0)
        << "2: stale, 3: missing, 4: an exception";
  }
  EXPECT_EQ(writer.finish().code, 0);
  EXPECT_GT(number_of_file(riak::data_name(reader()->status().back().id)), 30U)
      << "there were many files";
}

// ---- A directory that never stands still

class BitcaskListing : public BitcaskTest {};

TEST_F(BitcaskListing, FilesThatComeMeanwhileKeepNoReaderWaiting) {
  numbers["--segment-bytes"] = 1;
  const auto store = writer();
  store->set("key0", "v");
  ListingOs os(disk);
  os.after = [&](int nth, auto& /*names*/) {
    store->set("key" + std::to_string(nth), "v");
  };
  EXPECT_GE(contents(*open(Mode::kRead, os)).size(), 1U);
  EXPECT_LE(os.lists, 4);
}

TEST_F(BitcaskListing, FilesThatGoForEverAreAnError) {
  const auto store = writer();
  store->set("city", "Rome");
  ListingOs os(disk);
  os.after = [&](int /*nth*/, auto& /*names*/) {
    store->set("city", "Rome");
    store->set("city", "Oslo");
    store->compact();
  };
  EXPECT_THROW((void)open(Mode::kRead, os), IoError);
}

}  // namespace
}  // namespace strata::bitcask_tests
