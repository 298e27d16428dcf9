// When 07_bitcask merges, and what: Riak's rules, each at its border.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/stages/bitcask_fixture.h"

namespace strata::bitcask_tests {
namespace {

using bitcask::FileStatus;
using bitcask::MergePlan;
using bitcask::MergePolicy;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// A file with 1,000 records, `dead` of them dead.
FileStatus file_of(std::uint32_t id, std::uint64_t dead, std::uint64_t bytes,
                   std::uint64_t dead_bytes) {
  FileStatus file;
  file.id = id;
  file.name = std::to_string(id) + ".bitcask.data";
  file.keys = 1'000;
  file.live_keys = 1'000 - dead;
  file.bytes = bytes;
  file.live_bytes = bytes - dead_bytes;
  file.oldest = file.newest = kNow;
  return file;
}

// As large as no rule cares for.
FileStatus fine(std::uint32_t id) {
  return file_of(id, 0, 100 * kMiB, 0);
}

// One that lets a merge begin, whatever else there is.
FileStatus trigger(std::uint32_t id) {
  return file_of(id, 1'000, 100 * kMiB, 100 * kMiB);
}

class BitcaskPolicy : public testing::Test {
 protected:
  [[nodiscard]] MergePolicy policy() const {
    Options options;
    options.numbers = numbers;
    return {stage_07_bitcask(), options};
  }

  [[nodiscard]] Ids chosen(const std::vector<FileStatus>& files,
                           std::uint64_t now = kNow) const {
    const MergePlan plan = policy().plan(files, now);
    EXPECT_EQ(plan.files.size(), plan.reasons.size());
    return plan.files;
  }

  [[nodiscard]] bool triggers(const FileStatus& file) const {
    return !chosen({file}).empty();
  }

  // Whether a merge that has begun takes the file.
  [[nodiscard]] bool is_taken(const FileStatus& file) const {
    const Ids ids = chosen({trigger(1), file});
    EXPECT_EQ(ids.front(), 1U);
    return ids.size() == 2;
  }

  std::map<std::string_view, std::uint64_t, std::less<>> numbers;
};

TEST_F(BitcaskPolicy, TheDefaultsAreThoseOfRiak) {
  const Stage& stage = stage_07_bitcask();
  const Options none;
  EXPECT_EQ(stage.number(none, "--segment-bytes"), 2'147'483'648U);
  EXPECT_EQ(stage.number(none, "--frag-merge-trigger"), 60U);
  EXPECT_EQ(stage.number(none, "--dead-bytes-merge-trigger"), 536'870'912U);
  EXPECT_EQ(stage.number(none, "--frag-threshold"), 40U);
  EXPECT_EQ(stage.number(none, "--dead-bytes-threshold"), 134'217'728U);
  EXPECT_EQ(stage.number(none, "--small-file-threshold"), 10'485'760U);
  EXPECT_EQ(stage.number(none, "--max-merge-size"), 107'374'182'400U);
  EXPECT_EQ(stage.number(none, "--expiry-seconds"), 0U);
  EXPECT_EQ(stage.number(none, "--expiry-grace-seconds"), 0U);
  EXPECT_EQ(stage.number(none, "--sync-seconds"), 0U);
}

// ---- What lets a merge begin

TEST_F(BitcaskPolicy, NothingToDoInAStoreWithoutDeadRecords) {
  EXPECT_EQ(chosen({}), Ids());
  EXPECT_EQ(chosen({fine(1), fine(2)}), Ids());
}

TEST_F(BitcaskPolicy, SixtyPercentDeadBeginAMergeAndLessDoNot) {
  EXPECT_FALSE(triggers(file_of(1, 599, 100 * kMiB, 1)));
  EXPECT_TRUE(triggers(file_of(1, 600, 100 * kMiB, 1)));
}

TEST_F(BitcaskPolicy, HalfAGibibyteOfDeadBytesBeginsAMergeAndOneLessDoesNot) {
  EXPECT_FALSE(triggers(file_of(1, 1, 2048 * kMiB, 512 * kMiB - 1)));
  EXPECT_TRUE(triggers(file_of(1, 1, 2048 * kMiB, 512 * kMiB)));
}

TEST_F(BitcaskPolicy, SmallFilesAloneBeginNone) {
  EXPECT_EQ(chosen({file_of(1, 0, 100, 0), file_of(2, 0, 100, 0)}), Ids());
}

TEST_F(BitcaskPolicy, TheTriggersAreSetByOptions) {
  numbers["--frag-merge-trigger"] = 30;
  numbers["--frag-threshold"] = 20;
  EXPECT_FALSE(triggers(file_of(1, 299, 100 * kMiB, 1)));
  EXPECT_TRUE(triggers(file_of(1, 300, 100 * kMiB, 1)));
  numbers["--frag-merge-trigger"] = 101;
  EXPECT_FALSE(triggers(file_of(1, 1'000, 100 * kMiB, 100 * kMiB)))
      << "no file is more than wholly dead";
  numbers["--dead-bytes-merge-trigger"] = 100;
  numbers["--dead-bytes-threshold"] = 50;
  EXPECT_FALSE(triggers(file_of(1, 1, 100 * kMiB, 99)));
  EXPECT_TRUE(triggers(file_of(1, 1, 100 * kMiB, 100)));
}

// A trigger above which no threshold is passed: nothing would be merged.
TEST_F(BitcaskPolicy, AFileThatTriggersButPassesNoThresholdIsNotMerged) {
  numbers["--frag-threshold"] = 90;
  EXPECT_EQ(chosen({file_of(1, 700, 100 * kMiB, 1)}), Ids());
}

// ---- What goes in

TEST_F(BitcaskPolicy, FortyPercentDeadGoInAndLessDoNot) {
  EXPECT_FALSE(is_taken(file_of(2, 399, 100 * kMiB, 1)));
  EXPECT_TRUE(is_taken(file_of(2, 400, 100 * kMiB, 1)));
}

TEST_F(BitcaskPolicy, AnEighthOfAGibibyteOfDeadBytesGoesInAndOneLessDoesNot) {
  EXPECT_FALSE(is_taken(file_of(2, 1, 1024 * kMiB, 128 * kMiB - 1)));
  EXPECT_TRUE(is_taken(file_of(2, 1, 1024 * kMiB, 128 * kMiB)));
}

TEST_F(BitcaskPolicy, FilesBelowTenMebibytesGoInAndThoseOfTenDoNot) {
  EXPECT_TRUE(is_taken(file_of(2, 0, 10 * kMiB - 1, 0)));
  EXPECT_FALSE(is_taken(file_of(2, 0, 10 * kMiB, 0)));
}

TEST_F(BitcaskPolicy, NoFileIsTooSmallForAThresholdOfZero) {
  numbers["--small-file-threshold"] = 0;
  EXPECT_FALSE(is_taken(file_of(2, 0, 1, 0)));
}

TEST_F(BitcaskPolicy, TheReasonsNameTheFileAndTheRule) {
  const auto plan =
      policy().plan({trigger(3), file_of(4, 10, 1024 * kMiB, 200 * kMiB),
                     fine(5), file_of(9, 0, 17, 0)},
                    kNow);
  EXPECT_EQ(plan.files, Ids({3, 4, 9}));
  EXPECT_EQ(plan.reasons,
            (std::vector<std::string>{"3.bitcask.data: 100 % dead",
                                      "4.bitcask.data: 209715200 dead bytes",
                                      "9.bitcask.data: small: 17 bytes"}));
}

TEST_F(BitcaskPolicy, TombstonesThatMustStayAreNotDead) {
  FileStatus file = file_of(1, 1'000, 100 * kMiB, 100 * kMiB);
  file.needed_keys = 401;
  file.needed_bytes = 100 * kMiB;
  EXPECT_EQ(file.fragmented(), 59U);
  EXPECT_EQ(file.dead_bytes(), 0U);
  EXPECT_FALSE(triggers(file));
}

TEST_F(BitcaskPolicy, ThePercentageIsRoundedDownAndZeroWithoutRecords) {
  EXPECT_EQ(file_of(1, 599, kMiB, 1).fragmented(), 59U);
  EXPECT_EQ(file_of(1, 1'000, kMiB, 1).fragmented(), 100U);
  EXPECT_EQ(FileStatus().fragmented(), 0U);
}

// ---- How much

TEST_F(BitcaskPolicy, AMergeTakesFilesUpToTheMaximumAndNotAByteMore) {
  numbers["--max-merge-size"] = 300 * kMiB;
  EXPECT_EQ(chosen({trigger(1), trigger(2), trigger(3), trigger(4)}),
            Ids({1, 2, 3}));
  numbers["--max-merge-size"] = 300 * kMiB - 1;
  EXPECT_EQ(chosen({trigger(1), trigger(2), trigger(3)}), Ids({1, 2}));
}

// As in Riak: the first file that is too much ends the list.
TEST_F(BitcaskPolicy, BehindAFileThatIsTooMuchNoSmallerOneGoesIn) {
  numbers["--max-merge-size"] = 150 * kMiB;
  EXPECT_EQ(chosen({trigger(1), trigger(2), file_of(3, 0, 1, 0)}), Ids({1}));
}

TEST_F(BitcaskPolicy, FilesThatDoNotGoInAreNoPartOfTheMaximum) {
  numbers["--max-merge-size"] = 200 * kMiB;
  EXPECT_EQ(chosen({trigger(1), fine(2), fine(3), trigger(4)}), Ids({1, 4}));
}

// ---- Hours

TEST_F(BitcaskPolicy, TheWindowIsOpenFromItsStartToBeforeItsEnd) {
  const auto hours_open = [&](std::uint64_t start, std::uint64_t end) {
    numbers["--merge-window-start"] = start;
    numbers["--merge-window-end"] = end;
    std::string hours;
    for (std::uint64_t hour = 0; hour < 24; ++hour) {
      const std::uint64_t begin = 20'000 * 86'400 + hour * 3'600;
      EXPECT_EQ(policy().in_window(begin), policy().in_window(begin + 3'599));
      hours += policy().in_window(begin) ? 'x' : '.';
    }
    return hours;
  };
  EXPECT_EQ(hours_open(0, 24), "xxxxxxxxxxxxxxxxxxxxxxxx");
  EXPECT_EQ(hours_open(2, 5), "..xxx...................");
  EXPECT_EQ(hours_open(22, 3), "xxx...................xx") << "past midnight";
  EXPECT_EQ(hours_open(23, 0), ".......................x");
  EXPECT_EQ(hours_open(23, 24), ".......................x");
  EXPECT_EQ(hours_open(1, 0), ".xxxxxxxxxxxxxxxxxxxxxxx");
  EXPECT_EQ(hours_open(0, 0), "........................") << "equal: never";
  EXPECT_EQ(hours_open(7, 7), "........................");
  EXPECT_EQ(hours_open(0, 1), "x.......................");
}

// ---- In a store

class BitcaskMerging : public BitcaskTest {
 protected:
  BitcaskMerging() {
    numbers.erase("--frag-merge-trigger");
    numbers["--small-file-threshold"] = 0;
    numbers["--segment-bytes"] = 10 * record_bytes("key0", "v");
  }

  // Fills one data file with ten keys and begins the next.
  static void fill(Bitcask& store) {
    for (int i = 0; i < 10; ++i) store.set("key" + std::to_string(i), "v");
    store.set("other", "v");
  }
};

TEST_F(BitcaskMerging, AFileThatIsDeadEnoughIsMergedByItselfAtARollOver) {
  const auto store = writer();
  fill(*store);
  fill(*store);
  EXPECT_TRUE(eventually([&] { return files().count("1.bitcask.data") == 0; }));
  EXPECT_EQ(contents(*store).size(), 11U);
}

TEST_F(BitcaskMerging, OutsideItsHoursNothingIsMergedUnlessAskedFor) {
  disk.set_now(kNow / 86'400 * 86'400 + 12 * 3'600);
  numbers["--merge-window-start"] = 13;
  numbers["--merge-window-end"] = 12;
  const auto store = writer();
  fill(*store);
  fill(*store);
  store->close();
  EXPECT_EQ(files().count("1.bitcask.data"), 1U);
  const auto again = writer();
  const MergePlan plan = again->needs_merge();
  EXPECT_EQ(plan.files, Ids({1})) << "whoever asks is told";
  again->merge(plan.files);
  EXPECT_EQ(files().count("1.bitcask.data"), 0U);
}

TEST_F(BitcaskMerging, TheActiveFileIsNeverChosen) {
  numbers["--frag-merge-trigger"] = 101;
  const auto store = writer();
  for (int i = 0; i < 9; ++i) store->set("key", "v");
  EXPECT_EQ(store->status().front().fragmented(), 88U);
  numbers["--frag-merge-trigger"] = 60;
  store->merge({1});
  EXPECT_EQ(ids_of(*store), Ids({1})) << "still written to";
  store->close();
  EXPECT_EQ(writer()->needs_merge().files, Ids({1}));
}

TEST_F(BitcaskMerging, StatusKeepsAccountOfEachFile) {
  numbers["--frag-merge-trigger"] = 101;
  const auto store = writer();
  store->set("a", "1");
  disk.set_now(kNow + 5);
  store->set("a", "22");
  store->set("b", "333");
  store->del("b");
  const auto expect = [](const FileStatus& file) {
    EXPECT_EQ(file.id, 1U);
    EXPECT_EQ(file.name, "1.bitcask.data");
    EXPECT_EQ(file.keys, 4U) << "tombstones too";
    EXPECT_EQ(file.live_keys, 1U);
    EXPECT_EQ(file.live_bytes, record_bytes("a", "22"));
    EXPECT_EQ(file.bytes, record_bytes("a", "1") + record_bytes("a", "22") +
                              record_bytes("b", "333") +
                              record_bytes("b", std::string(22, 't')));
    EXPECT_EQ(file.fragmented(), 75U);
    EXPECT_EQ(file.dead_bytes(), file.bytes - file.live_bytes);
    EXPECT_EQ(file.oldest, kNow);
    EXPECT_EQ(file.newest, kNow + 5);
  };
  ASSERT_EQ(store->status().size(), 1U);
  expect(store->status().front());
  store->close();
  for (int hints = 1; hints >= 0; --hints) {
    if (hints == 0) remove("1.bitcask.hint");
    expect(reader()->status().front());
  }
}

TEST_F(BitcaskMerging, StatsMakeSenseWhileAnotherOneWrites) {
  numbers["--expiry-seconds"] = 60;
  CallsBack os(disk);
  const auto store = open(Mode::kWrite, os);
  store->set("city", "Rome");
  os.once_before("measure the hints", [&] { store->set("lake", "Como"); });
  const Stats stats = store->stats();
  EXPECT_TRUE(os.called());
  EXPECT_EQ(stats.dead_bytes, 0U);
  EXPECT_LE(stats.dead_bytes, stats.disk_bytes);
}

// While a merge moves the keys its copies are counted: nobody who looks then
// may see more dead bytes than there are bytes.
TEST_F(BitcaskMerging, StatusMakesSenseInTheMiddleOfAMerge) {
  numbers["--frag-merge-trigger"] = 101;
  write_file_of({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  {
    const auto store = writer();
    store->del("a");
    store->del("b");
  }
  CallsBack os(disk);
  const auto store = open(Mode::kWrite, os);
  os.once_before("read the hints", [&] {
    for (const FileStatus& file : store->status()) {
      EXPECT_LE(file.dead_bytes(), file.bytes) << file.name;
      EXPECT_LE(file.fragmented(), 100U) << file.name;
    }
  });
  store->merge({2});
  EXPECT_TRUE(os.called());
  EXPECT_EQ(contents(*store), (Pairs{{"c", "3"}}));
}

}  // namespace
}  // namespace strata::bitcask_tests
