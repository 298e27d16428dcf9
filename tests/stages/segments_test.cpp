// 05_segments: when a segment ends, what it is called, which one is newer, and
// how many are open at once. What holds for 06's real executable too is tested
// for both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/store/errors.h"
#include "common/store/file_cache.h"
#include "common/store/segment_files.h"
#include "stages/05_segments/store.h"
#include "tests/contract/cli_fixture.h"
#include "tests/stages/few_descriptors.h"
#include "tests/stages/listing_os.h"
#include "tests/stages/memory_store.h"
#include "tests/support.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::ThrowsMessage;
using testing::UnorderedElementsAre;

// A store in memory. The record of a key and a value of one byte each has 16
// bytes, and two of them fill a segment.
class SegmentsTest : public MemoryStoreTest<Segments> {
 protected:
  [[nodiscard]] Options options(Mode mode, Os& os) override {
    Options options = MemoryStoreTest::options(mode, os);
    options.numbers["--segment-bytes"] = segment_bytes;
    return options;
  }

  [[nodiscard]] std::size_t size_of(const std::string& name) const {
    return disk.files().at("db/" + name).size();
  }

  void set_all(const char* keys) {
    const auto store = writer();
    for (; *keys != '\0'; ++keys) store->set(std::string(1, *keys), "1");
  }

  std::uint64_t segment_bytes = 32;
};

TEST_F(SegmentsTest, ASegmentIsFullAtExactlyItsBytes) {
  for (const std::uint64_t limit : {31U, 32U, 33U}) {
    SCOPED_TRACE(limit);
    segment_bytes = limit;
    MemoryOs fresh;
    const auto store = open(Mode::kWrite, fresh);
    for (const char* key : {"a", "b"}) store->set(key, "1");
    EXPECT_EQ(fresh.files().size(), 1U) << "nothing is begun in advance";
    store->set("c", "1");
    const bool fits = limit == 33;
    EXPECT_EQ(fresh.files().at("db/1.log").size(), fits ? 48U : 32U);
    EXPECT_EQ(fresh.files().count("db/2.log"), fits ? 0U : 1U);
  }
}

TEST_F(SegmentsTest, ARecordIsNeverCutIntoTwoSegments) {
  segment_bytes = 1;
  {
    const auto store = writer();
    store->set("long", std::string(100'000, 'x'));
    store->set("a", "1");
  }
  EXPECT_THAT(files(), ElementsAre("1.log", "2.log"));
  EXPECT_EQ(size_of("1.log"), 14U + 4 + 100'000);
  EXPECT_EQ(answer(*reader(), "long"), std::string(100'000, 'x'));
}

TEST_F(SegmentsTest, AFrozenSegmentNeverChangesAgain) {
  set_all("ab");
  const std::string frozen = disk.files().at("db/1.log");
  for (int i = 0; i < 5; ++i) set_all("abc");
  EXPECT_EQ(disk.files().at("db/1.log"), frozen);
}

// bitcask#136: an empty newest file stopped writes, or had its id used again.
TEST_F(SegmentsTest, AnEmptyNewestSegmentIsGoneOnWith) {
  set_all("ab");
  disk.put("db/2.log", "");
  set_all("a");
  EXPECT_THAT(files(), ElementsAre("1.log", "2.log"));
  EXPECT_EQ(size_of("2.log"), 16U);
  set_all("bc");
  EXPECT_THAT(files(), ElementsAre("1.log", "2.log", "3.log"));
}

TEST_F(SegmentsTest, TenComesBehindNine) {
  for (int round = 1; round <= 12; ++round) {
    const auto store = writer();
    store->set("a", std::to_string(round));
    store->set("b", std::to_string(round));
  }
  EXPECT_EQ(files().size(), 12U);
  EXPECT_EQ(answer(*reader(), "a"), "12");
  EXPECT_EQ(contents(*reader()).at("b"), "12");
}

// bitcask#20: roll-overs within one second, and clocks set back, reordered
// writes.
TEST_F(SegmentsTest, NoClockDecidesWhichRecordIsNewer) {
  const auto store = writer();
  for (std::uint64_t i = 1; i <= 9; ++i) {
    disk.set_now(1'000'000 - i / 3);
    store->set("a", std::to_string(i));
  }
  EXPECT_EQ(answer(*store, "a"), "9");
  EXPECT_EQ(answer(*reader(), "a"), "9");
}

TEST_F(SegmentsTest, ASecondNameForASegmentIsRefused) {
  set_all("abc");
  disk.put("db/02.log", disk.files().at("db/1.log"));
  for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
    EXPECT_THAT([&] { static_cast<void>(open(mode, disk)); },
                ThrowsMessage<Damage>(HasSubstr("a second name for 2.log")));
  }
}

TEST_F(SegmentsTest, NamesThatAreNoSegmentsAreLeftAlone) {
  for (const char* name : {"a.log", ".log", "1.log.bak", "-1.log", "1.LOG"}) {
    disk.put(std::string("db/") + name, "not a record");
  }
  set_all("abc");
  EXPECT_THAT(contents(*reader()), SizeIs(3));
  EXPECT_EQ(disk.files().at("db/a.log"), "not a record");
  EXPECT_THAT(notes, IsEmpty());
}

// What a missing segment may have held is not known: no older record may be
// handed out as the newest.
TEST_F(SegmentsTest, AMissingSegmentIsDamage) {
  set_all("abcbde");  // in 2.log a newer b, in 3.log d and e
  Image image = disk.image();
  image.files.erase("db/2.log");
  MemoryOs lost(image);
  const auto store = open(Mode::kWrite, lost);
  EXPECT_EQ(answer(*store, "d"), "1") << "it is newer than what is missing";
  for (const char* key : {"a", "b", "c", "nowhere"}) {
    EXPECT_THAT([&] { static_cast<void>(answer(*store, key)); },
                ThrowsMessage<Damage>(HasSubstr("db/2.log")))
        << key;
  }
  EXPECT_THROW(contents(*store), Damage);
  std::vector<std::string> damaged;
  store->verify(
      [&](const DamagedPlace& place) { damaged.push_back(place.file); });
  EXPECT_THAT(damaged, ElementsAre("db/2.log"));
  store->set("b", "2");
  EXPECT_EQ(answer(*store, "b"), "2");
  EXPECT_EQ(lost.files().count("db/2.log"), 0U) << "its id is not used again";
}

TEST_F(SegmentsTest, TheFirstSegmentMayBeTheMissingOne) {
  set_all("abcd");
  Image image = disk.image();
  image.files.erase("db/1.log");
  MemoryOs lost(image);
  const auto store = open(Mode::kRead, lost);
  EXPECT_EQ(answer(*store, "c"), "1");
  EXPECT_THROW(static_cast<void>(answer(*store, "a")), Damage);
}

TEST_F(SegmentsTest, OnlyTheNewestMayHaveATornTail) {
  set_all("abc");
  const Image whole = disk.image();
  for (const std::string name : {"1.log", "2.log"}) {
    Image image = whole;
    image.files.at("db/" + name).pop_back();
    MemoryOs cut(image);
    const bool newest = name == "2.log";
    notes.clear();
    const auto store = open(Mode::kWrite, cut);
    const std::size_t left = cut.files().at("db/" + name).size();
    if (newest) {
      EXPECT_THAT(notes, ElementsAre(HasSubstr("torn tail: db/2.log")));
      EXPECT_EQ(answer(*store, "c"), std::nullopt);
      EXPECT_EQ(left, 0U);
    } else {
      EXPECT_THAT(notes, IsEmpty());
      EXPECT_EQ(answer(*store, "c"), "1");
      for (const char* key : {"a", "b"}) {
        EXPECT_THROW(static_cast<void>(answer(*store, key)), Damage) << key;
      }
      EXPECT_EQ(left, 31U) << "damage is never cut away";
    }
  }
}

TEST_F(SegmentsTest, WhenIdsHaveRunOutTheLastOneIsNamed) {
  disk.put("db/4294967294.log", "");
  const auto store = writer();
  for (const char* key : {"a", "b", "c", "d"}) store->set(key, "1");
  const Image before = disk.image();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT([&] { store->set("e", "1"); },
                ThrowsMessage<InvalidInput>(HasSubstr("4294967295")));
  }
  EXPECT_EQ(disk.image(), before);
  EXPECT_EQ(answer(*store, "d"), "1");
}

TEST_F(SegmentsTest, AnIdPastTheLastIsRefused) {
  disk.put("db/4294967296.log", "");
  EXPECT_THAT([&] { static_cast<void>(writer()); },
              ThrowsMessage<Damage>(HasSubstr("past 4294967295")));
}

TEST_F(SegmentsTest, ASalvagedStoreBeginsAtOneAgain) {
  disk.put("db/4294967295.log", "");
  set_all("ab");
  const auto store = writer();
  EXPECT_THROW(store->set("c", "1"), InvalidInput);
  std::vector<std::string> lost;
  store->salvage(
      "copy", [&](const DamagedPlace& place) { lost.push_back(place.file); });
  EXPECT_THAT(lost, ElementsAre("db/4294967294.log")) << "and all before it";
  Options options;
  options.directory = "copy";
  options.mode = Mode::kWrite;
  options.os = &disk;
  options.numbers["--segment-bytes"] = segment_bytes;
  Segments copy(options);
  copy.set("c", "1");
  EXPECT_THAT(contents(copy), SizeIs(3));
  EXPECT_EQ(disk.files().count("copy/2.log"), 1U);
}

TEST_F(SegmentsTest, ThousandsOfSegmentsNeedFewDescriptors) {
  constexpr int kSegments = 2000;
  // The cache's, the directory's, and the writer's while it changes over.
  FewDescriptors few(disk, static_cast<int>(FileCache::kUsual) + 3);
  segment_bytes = 1;
  {
    const auto store = open(Mode::kWrite, few);
    for (int i = 0; i < kSegments; ++i) {
      store->set("k" + std::to_string(i), std::to_string(i));
      EXPECT_EQ(answer(*store, "k" + std::to_string(i / 2)),
                std::to_string(i / 2));
    }
  }
  EXPECT_EQ(files().size(), std::size_t{kSegments});
  for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
    const auto store = open(mode, few);
    EXPECT_EQ(store->stats().files, std::uint64_t{kSegments});
    EXPECT_THAT(contents(*store), SizeIs(kSegments));
    store->verify([](const DamagedPlace&) { FAIL(); });
  }
}

// The real executables of the stages that have segments of a chosen size.
std::vector<const Stage*> stages_with_segments() {
  std::vector<const Stage*> stages;
  for (const Stage* stage : all_stages()) {
    if (has_option(*stage, "--segment-bytes")) stages.push_back(stage);
  }
  return stages;
}

class SegmentsOnDisk : public CommandLine {
 protected:
  Outcome run_small(Arguments arguments, std::string_view input = "",
                    const std::function<void()>& prepare = {}) const {
    arguments.insert(arguments.begin(), {"--segment-bytes", "1"});
    return run(arguments, input, prepare);
  }
};

TEST_P(SegmentsOnDisk, TimesOfFilesMeanNothing) {
  for (int i = 1; i <= 12; ++i) {
    expect_done(run_small({"set", "city", std::to_string(i)}), "");
  }
  const auto files = data_files();
  ASSERT_GE(files.size(), number() < 6 ? 12U : 1U) << "06 and 07 merge";
  auto time = std::filesystem::last_write_time(files.back());
  for (const std::string& file : files) {
    time -= std::chrono::hours(1);
    std::filesystem::last_write_time(file, time);
  }
  expect_done(run_small({"get", "city"}), "12\n");
  expect_done(run_small({"set", "city", "13"}), "");
  expect_done(run_small({"get", "city"}), "13\n");
}

TEST_P(SegmentsOnDisk, ManyMoreThan64WorkWith64Descriptors) {
  // 07 asks at each roll-over whether to merge, and that costs.
  const int segments = number() < 7 ? 2000 : 300;
  const auto few = [] {
    constexpr rlimit kFew{64, 64};
    ::setrlimit(RLIMIT_NOFILE, &kFew);
  };
  const auto segments_there = static_cast<std::size_t>(segments);
  std::string sets;
  std::string gets;
  std::string answers;
  for (int i = 0; i < segments; ++i) {
    const std::string n = std::to_string(i);
    sets.append("set\tk").append(n).append("\t").append(n).append("\n");
    gets.append("get\tk").append(n).append("\n");
    answers.append("k").append(n).append("\t").append(n).append("\n");
  }
  EXPECT_EQ(run_small({"batch"}, sets, few).code, 0);
  if (number() < 7) {
    EXPECT_GE(data_files().size(), segments_there);
  }
  const Outcome got = run_small({"batch"}, gets, few);
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.out, answers);
  EXPECT_EQ(lines_of(run_small({"scan"}, "", few).out).size(), segments_there);
  EXPECT_EQ(run_small({"verify"}, "", few).code, 0);
  EXPECT_EQ(run_small({"salvage", "copy"}, "", few).code, 0);
}

TEST_P(SegmentsOnDisk, TheEndOfTheIdsIsRefusedByName) {
  const std::vector<std::string> words = {"set", "city", "Rome"};
  expect_done(logs() ? run(words) : run_small(words), "");
  lose_hints();
  const std::filesystem::path first = newest_file();
  const std::string name = first.filename().string();
  if (sorts() && logs()) {  // a manifest says with which log one begins
    std::filesystem::rename(first,
                            first.parent_path() / "4611686018427387903.log");
    expect_error(run_small({"set", "city", "Oslo"}), 3, "db/MANIFEST: ");
    return expect_error(run_small({"get", "city"}), 3, "db/MANIFEST: ");
  }
  // A table is called 1-1.sst: from which memtable to which.
  const std::string last = sorts() ? "18446744073709551615" : "4294967295";
  const std::string last_name =
      sorts() ? last + "-" + last + name.substr(3) : last + name.substr(1);
  std::filesystem::rename(first, first.parent_path() / last_name);
  expect_error(run_small({"set", "city", "Oslo"}), 2, last);
  expect_done(run_small({"get", "city"}), "Rome\n");
  EXPECT_EQ(data_files().size(), 1U);
}

// What the store itself gives a number to, where no log does.
class TablesOnDisk : public SegmentsOnDisk {};

INSTANTIATE_TEST_SUITE_P(Stages, TablesOnDisk,
                         testing::ValuesIn(stages_without_logs()),
                         name_of_stage);

TEST_P(TablesOnDisk, TheLastNumberIsUsedAndNoneBehindIt) {
  expect_done(run_small({"set", "city", "Rome"}), "");
  const std::filesystem::path first = newest_file();
  const std::string last_but_one = "18446744073709551614";
  std::filesystem::rename(first, first.parent_path() / (last_but_one + "-" +
                                                        last_but_one + ".sst"));
  const Outcome outcome = run_small({"--sync", "always", "batch", "--ack"},
                                    "set\tcity\tOslo\nset\tcity\tBern\n");
  EXPECT_EQ(outcome.out, "ok 1\n");
  expect_error(outcome, 2, "line 2: no number is left for another table");
  expect_done(run_small({"get", "city"}), "Oslo\n");
}

INSTANTIATE_TEST_SUITE_P(Stages, SegmentsOnDisk,
                         testing::ValuesIn(stages_with_segments()),
                         name_of_stage);

// The system may overlook what is made while it looks.
TEST_F(SegmentsTest, ASegmentThatIsMadeDuringAListingIsNotMissing) {
  segment_bytes = 1;
  {
    const auto store = writer();
    for (int i = 0; i < 4; ++i) store->set(std::to_string(i), "v");
  }
  ListingOs os(disk);
  os.after = [](int nth, auto& names) {
    if (nth == 1) return leave_out(names, "2.log");
    names.push_back("9.log");  // and 5 to 8 have not been seen
  };
  const auto store = open(Mode::kRead, os);
  EXPECT_EQ(contents(*store).size(), 4U);
  EXPECT_EQ(answer(*store, "none"), std::nullopt);
  EXPECT_EQ(os.lists, 2);
}

}  // namespace
}  // namespace strata
