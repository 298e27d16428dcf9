// Reading backwards: the edges between blocks are where the bugs are.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "common/store/errors.h"
#include "stages/02_reverse_scan/store.h"
#include "tests/support.h"

namespace strata {
namespace {

class Blocks : public testing::Test {
 protected:
  ReverseScan open(std::uint64_t block_bytes) {
    Options options;
    options.directory = "db";
    options.os = &ledger;
    options.numbers["--block-bytes"] = block_bytes;
    return ReverseScan(options);
  }

  void write(std::string_view log) { disk.put("db/log.txt", log); }

  MemoryOs disk;
  Ledger ledger{disk};
};

TEST_F(Blocks, OfEverySizeGiveTheSameAnswers) {
  const std::string log = "a,1\nkey,value\n" + std::string(40, 'k') + "," +
                          std::string(50, 'v') +
                          "\nb,\na,2\nkeykey,x,y,z\nkey,last value\nc,3\n";
  write(log);
  const std::map<std::string, std::string> expected = {
      {"a", "2"},          {"key", "last value"},
      {"b", ""},           {"c", "3"},
      {"keykey", "x,y,z"}, {std::string(40, 'k'), std::string(50, 'v')}};
  for (std::uint64_t size = 1; size <= log.size() + 1; ++size) {
    ReverseScan store = open(size);
    for (const auto& [key, value] : expected) {
      EXPECT_EQ(answer(store, key), value) << key << ", blocks of " << size;
    }
    for (const char* absent : {"k", "ke", "keyk", "1", "x", "z", "value"}) {
      EXPECT_EQ(answer(store, absent), std::nullopt)
          << absent << ", blocks of " << size;
    }
  }
}

TEST_F(Blocks, AKeyWrittenLastCostsOneOfThem) {
  std::string log;
  for (int i = 0; i < 10'000; ++i) log += "k" + std::to_string(i) + ",v\n";
  write(log);
  for (const std::uint64_t size : {64U, 4096U, 65'536U}) {
    ReverseScan store = open(size);
    ledger.clear();
    EXPECT_EQ(answer(store, "k9999"), "v");
    EXPECT_EQ(ledger.totals().reads.calls, 1U);
    EXPECT_EQ(ledger.totals().reads.bytes, size);
  }
}

TEST_F(Blocks, AMissReadsEachByteOnce) {
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "k" + std::to_string(i) + ",v\n";
  write(lines);
  ReverseScan store = open(100);
  ledger.clear();
  EXPECT_EQ(answer(store, "absent"), std::nullopt);
  EXPECT_EQ(ledger.totals().reads.bytes, lines.size());
  EXPECT_EQ(ledger.totals().reads.calls, (lines.size() + 99) / 100);
}

TEST_F(Blocks, ALineMayBeLongerThanMany) {
  write("first,1\nlong," + std::string(1000, 'v') + "\nlast,2\n");
  for (const std::uint64_t size : {1U, 7U, 64U, 500U}) {
    ReverseScan store = open(size);
    EXPECT_EQ(answer(store, "first"), "1");
    EXPECT_EQ(answer(store, "long"), std::string(1000, 'v'));
    EXPECT_EQ(answer(store, "last"), "2");
  }
}

TEST_F(Blocks, ADamagedLineStopsTheWayBackButNotBefore) {
  write("old,1\nno comma here\nnew,2\n");
  for (const std::uint64_t size : {1U, 4U, 100U}) {
    ReverseScan store = open(size);
    EXPECT_EQ(answer(store, "new"), "2");
    EXPECT_THROW(answer(store, "old"), Damage);
    EXPECT_THROW(answer(store, "absent"), Damage);
  }
}

TEST_F(Blocks, ATornTailIsPassedOver) {
  write("a,1\nb,2\na,unfinished");
  for (const std::uint64_t size : {1U, 4U, 100U}) {
    ReverseScan store = open(size);
    EXPECT_EQ(answer(store, "a"), "1");
  }
}

}  // namespace
}  // namespace strata
