// The contract of `Store`, run over every stage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/store/errors.h"
#include "tests/support.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class StoreContract : public EveryStage {};

STRATA_FOR_EVERY_STAGE(StoreContract);

TEST_P(StoreContract, TheLastWriteOfAKeyWins) {
  const auto store = writer();
  store->set("city", "Rome");
  store->set("river", "Tiber");
  store->set("city", "Oslo");
  EXPECT_EQ(answer(*store, "city"), "Oslo");
  EXPECT_EQ(answer(*store, "river"), "Tiber");
}

TEST_P(StoreContract, AKeyThatWasNeverWrittenIsNotThere) {
  const auto store = writer();
  EXPECT_EQ(answer(*store, "city"), std::nullopt);
  store->set("city", "Rome");
  EXPECT_EQ(answer(*store, "cit"), std::nullopt);
  EXPECT_EQ(answer(*store, "city1"), std::nullopt);
  EXPECT_EQ(answer(*store, "Rome"), std::nullopt);
  EXPECT_EQ(answer(*store, ""), std::nullopt);
}

TEST_P(StoreContract, AKeyIsNotFoundInsideAValue) {
  const auto store = writer();
  store->set("a", "b");
  store->set("x", "a,9 and a=9 and a");
  EXPECT_EQ(answer(*store, "a"), "b");
  EXPECT_EQ(answer(*store, "b"), std::nullopt);
}

TEST_P(StoreContract, AnEmptyValueIsAValue) {
  const auto store = writer();
  store->set("city", "Rome");
  store->set("city", "");
  EXPECT_EQ(answer(*store, "city"), "");
}

TEST_P(StoreContract, TheValueReplacesWhatTheCallerHadInTheString) {
  const auto store = writer();
  store->set("short", "s");
  std::string value(10'000, 'x');
  ASSERT_TRUE(store->get("short", value));
  EXPECT_EQ(value, "s");
}

TEST_P(StoreContract, AReaderOfAStoreThatDoesNotExistFindsItEmpty) {
  const auto store = reader();
  EXPECT_EQ(answer(*store, "city"), std::nullopt);
  EXPECT_THAT(contents(*store), IsEmpty());
  EXPECT_EQ(store->stats().keys, 0U);
  EXPECT_EQ(store->stats().disk_bytes, 0U);
  store->dump("", [](const DumpRecord&) { FAIL() << "there is no record"; });
  EXPECT_EQ(disk.image(), Image());
}

TEST_P(StoreContract, WhatWasWrittenIsThereAfterReopening) {
  writer()->set("city", "Rome");
  {
    const auto store = writer();
    EXPECT_EQ(answer(*store, "city"), "Rome");
    store->set("city", "Oslo");
    store->set("river", "Alna");
  }
  EXPECT_THAT(contents(*reader()),
              ElementsAre(Pair("city", "Oslo"), Pair("river", "Alna")));
  EXPECT_THAT(notes, IsEmpty());
}

TEST_P(StoreContract, KeysVisitsEachLiveKeyOnce) {
  const auto store = writer();
  for (const char* key : {"b", "a", "c", "a", "a", "b"}) store->set(key, "1");
  std::vector<std::string> keys;
  store->keys([&](std::string_view key) { keys.emplace_back(key); });
  EXPECT_THAT(keys, UnorderedElementsAre("a", "b", "c"));
}

TEST_P(StoreContract, ScanIsAscendingByBytesFromIncludedToExcluded) {
  const auto store = writer();
  for (const char* key : {"b", "\xC3\xA9", "a", "B", "ab", "c"}) {
    store->set(key, std::string("value of ") + key);
  }
  const auto range = [&](std::string_view from, std::string_view to) {
    std::vector<std::string> keys;
    store->scan(from, to, [&](std::string_view key, std::string_view value) {
      EXPECT_EQ(value, "value of " + std::string(key));
      keys.emplace_back(key);
    });
    return keys;
  };
  EXPECT_THAT(range("", ""), ElementsAre("B", "a", "ab", "b", "c", "\xC3\xA9"));
  EXPECT_THAT(range("a", "b"), ElementsAre("a", "ab"));
  EXPECT_THAT(range("aa", ""), ElementsAre("ab", "b", "c", "\xC3\xA9"));
  EXPECT_THAT(range("b", "b"), IsEmpty());
  EXPECT_THAT(range("z", "a"), IsEmpty());
}

TEST_P(StoreContract, KeysOfEveryLengthUpToTheLimitAreTold) {
  const auto store = writer();
  const auto longest = static_cast<std::size_t>(stage().limits.max_key_bytes);
  ASSERT_EQ(longest, 65'535U);
  for (const std::size_t size : {std::size_t{1}, std::size_t{255},
                                 std::size_t{256}, longest - 1, longest}) {
    const std::string key(size, 'k');
    store->set(key, std::to_string(size));
    EXPECT_EQ(answer(*store, key), std::to_string(size));
  }
  store->flush();
  EXPECT_THROW(store->set(std::string(longest + 1, 'k'), "v"), InvalidInput);
  EXPECT_EQ(answer(*store, std::string(longest + 1, 'k')), std::nullopt);
  EXPECT_EQ(reader()->stats().keys, 5U);
}

TEST_P(StoreContract, ValuesLongerThanEveryBufferAreByteExact) {
  std::string value;
  for (int i = 0; value.size() < 3'000'000; ++i) value += std::to_string(i);
  {
    const auto store = writer();
    store->set("before", "1");
    store->set("long", value);
    store->set("after", "2");
    EXPECT_EQ(answer(*store, "long"), value);
  }
  const auto store = reader();
  EXPECT_EQ(answer(*store, "before"), "1");
  EXPECT_EQ(answer(*store, "long"), value);
  EXPECT_EQ(answer(*store, "after"), "2");
}

TEST_P(StoreContract, WhatItCannotHoldIsRefusedAndNothingChanges) {
  const auto store = writer();
  store->set("city", "Rome");
  const Image before = disk.image();
  const Limits& limits = stage().limits;
  EXPECT_THROW(store->set("", "v"), InvalidInput);
  EXPECT_THROW(store->set(std::string(65'536, 'k'), "v"), InvalidInput);
  for (const char byte : limits.key_forbids) {
    EXPECT_THROW(store->set(std::string("k") + byte, "v"), InvalidInput);
  }
  for (const char byte : limits.value_forbids) {
    EXPECT_THROW(store->set("k", std::string("v") + byte), InvalidInput);
  }
  if (!limits.value_prefix_taken.empty()) {
    const std::string taken(limits.value_prefix_taken);
    EXPECT_THROW(store->set("k", taken), InvalidInput);
    EXPECT_THROW(store->set("k", taken + "2xxxx"), InvalidInput);
    EXPECT_NO_THROW(store->set("k", taken.substr(0, taken.size() - 1)));
    EXPECT_NO_THROW(store->set("k", " " + taken));
    return;
  }
  EXPECT_EQ(disk.image(), before);
}

TEST_P(StoreContract, EveryByteThatIsNotForbiddenIsKeptAsItIs) {
  numbers["--slots"] = 1000;
  const auto store = writer();
  for (int byte = 0; byte < 256; ++byte) {
    const std::string bytes(1, static_cast<char>(byte));
    const bool key =
        stage().limits.key_forbids.find(bytes) == std::string::npos;
    const bool value =
        stage().limits.value_forbids.find(bytes) == std::string::npos;
    if (key) store->set("k" + bytes, "v");
    if (value) store->set("value", bytes + "v" + bytes);
    if (key) {
      EXPECT_EQ(answer(*store, "k" + bytes), "v") << byte;
    }
    if (value) {
      EXPECT_EQ(answer(*store, "value"), bytes + "v" + bytes) << byte;
    }
  }
}

TEST_P(StoreContract, ASecondWriterIsTurnedAwayAtOnceAndReadersAreNot) {
  auto first = writer();
  first->set("city", "Rome");
  first->flush();
  EXPECT_THROW((void)writer(), Busy);
  EXPECT_EQ(answer(*reader(), "city"), "Rome");
  EXPECT_THROW((void)writer(), Busy) << "a closed reader freed the lock";
  first.reset();
  EXPECT_NO_THROW((void)writer());
}

TEST_P(StoreContract, AStoreOpenForReadingRefusesToWrite) {
  writer()->set("city", "Rome");
  const Image before = disk.image();
  EXPECT_THROW(reader()->set("city", "Oslo"), InvalidInput);
  EXPECT_EQ(disk.image(), before);
}

TEST_P(StoreContract, StatsAddUp) {
  const auto store = writer();
  store->set("a", "1");
  store->flush();
  const std::uint64_t one = store->stats().live_bytes;
  EXPECT_GT(one, 0U);
  EXPECT_EQ(store->stats().dead_bytes, 0U);
  store->set("b", "1");
  store->flush();
  store->set("a", "2");
  store->flush();
  const Stats stats = store->stats();
  EXPECT_EQ(stats.keys, 2U);
  EXPECT_EQ(stats.live_bytes, 2 * one);
  EXPECT_EQ(stats.dead_bytes, one);
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
  for (const auto& [path, content] : disk.files()) {
    if (path.find(".lock") != std::string::npos) continue;  // the writer's
    bytes += content.size();
    ++files;
  }
  EXPECT_EQ(stats.disk_bytes, bytes);
  EXPECT_EQ(stats.files, files);
}

TEST_P(StoreContract, DumpShowsEveryRecordInOrderAndWhichOneIsLive) {
  const auto store = writer();
  store->set("a", "1");
  store->set("b", "2");
  store->set("a", "3");
  store->flush();
  std::vector<std::string> lines;
  std::uint64_t end = 0;
  store->dump("", [&](const DumpRecord& record) {
    if (!stage().sorts) {
      EXPECT_EQ(record.offset, end) << "there is a gap";
    }
    end = record.offset + record.size;
    std::string line =
        record.state == DumpRecord::State::kLive ? "live" : "dead";
    for (const auto& [name, bytes] : record.fields) {
      if (name == "key" || name == "value") line += " " + std::string(bytes);
    }
    lines.push_back(line);
  });
  if (!stage().logs) {  // what was overwritten in memory is never written
    EXPECT_THAT(lines, ElementsAre("live a 3", "live b 2"));
  } else {
    EXPECT_THAT(lines, ElementsAre("dead a 1", "live b 2", "live a 3"));
    EXPECT_EQ(end, store->stats().disk_bytes);
  }
  EXPECT_THROW(store->dump("../elsewhere", [](const DumpRecord&) {}),
               InvalidInput);
}

TEST_P(StoreContract, AReaderIsNotConfusedByWhatIsWrittenMeanwhile) {
  const auto store = writer();
  store->set("a", "1");
  const auto other = reader();
  store->set("b", "2");
  store->set("a", "3");
  int live = 0;
  other->dump("", [&](const DumpRecord& record) {
    live += record.state == DumpRecord::State::kLive ? 1 : 0;
  });
  EXPECT_EQ(live, static_cast<int>(other->stats().keys));
  EXPECT_EQ(contents(*other).size(), other->stats().keys);
}

TEST_P(StoreContract, ForeignFilesAreLeftAlone) {
  disk.put("db/notes.txt", "mine");
  disk.put("db/sub/log.txt", "mine,too\n");
  writer()->set("city", "Rome");
  const auto files = disk.files();
  EXPECT_EQ(files.at("db/notes.txt"), "mine");
  EXPECT_EQ(files.at("db/sub/log.txt"), "mine,too\n");
  EXPECT_THAT(contents(*reader()), ElementsAre(Pair("city", "Rome")));
}

TEST_P(StoreContract, WhatAStageRefusesItRefusesAsAStoreToo) {
  const auto store = writer();
  store->set("city", "Rome");
  const Image before = disk.image();
  if (!stage().has("del")) {
    EXPECT_THROW(store->del("city"), InvalidInput);
  }
  if (!stage().has("compact")) {
    EXPECT_THROW(store->compact(), InvalidInput);
  }
  const auto visit = [](const DamagedPlace&) {};
  if (!stage().has("verify")) {
    EXPECT_THROW(store->verify(visit), InvalidInput);
  }
  if (!stage().has("salvage")) {
    EXPECT_THROW(store->salvage("new", visit), InvalidInput);
  }
  EXPECT_EQ(disk.image(), before);
}

TEST_P(StoreContract, SalvageOfAHealthyStoreIsACopy) {
  if (!stage().has("salvage")) return;
  {
    const auto store = writer();
    for (int i = 0; i < 20; ++i) {
      store->set("k" + std::to_string(i % 7), std::string(3, char('a' + i)));
    }
    store->salvage("copy",
                   [](const DamagedPlace&) { FAIL() << "nothing is lost"; });
    EXPECT_THROW(store->salvage("copy", [](const DamagedPlace&) {}),
                 InvalidInput)
        << "the copy's directory is not empty any more";
  }
  EXPECT_EQ(contents(*open(Mode::kRead, "copy")), contents(*reader()));
}

}  // namespace
}  // namespace strata
