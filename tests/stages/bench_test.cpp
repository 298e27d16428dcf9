// The workloads of the benchmarks do what their names say.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "bench/workloads.h"
#include "tests/support.h"

namespace strata::bench {
namespace {

TEST(Workloads, KeysAreOfOneLengthAndAscending) {
  for (const std::uint64_t number : {0ULL, 1ULL, 999ULL, 123'456'789'012ULL}) {
    EXPECT_EQ(key_of(number).size(), kKeyBytes);
    EXPECT_EQ(absent_key(number).size(), kKeyBytes);
    EXPECT_LT(key_of(number), key_of(number + 1));
    EXPECT_NE(key_of(number), absent_key(number));
  }
  EXPECT_EQ(value().size(), kValueBytes);
}

TEST(Workloads, ZipfianDrawsFewNumbersOftenAndManyRarely) {
  constexpr std::uint64_t kCount = 1000;
  constexpr int kDraws = 200'000;
  Zipfian zipfian(kCount, 1);
  std::vector<int> drawn(kCount, 0);
  for (int i = 0; i < kDraws; ++i) ++drawn.at(zipfian.next_rank());
  // The sum of 1 / r^0.99 for r up to 1,000 is 7.73.
  EXPECT_NEAR(drawn[0], kDraws / 7.73, kDraws * 0.01);
  EXPECT_NEAR(drawn[1], kDraws / 7.73 / 1.986, kDraws * 0.01);
  EXPECT_GT(drawn[9], 3 * drawn[99]);
  EXPECT_GT(drawn[99], drawn[999]);
}

TEST(Workloads, ZipfianDrawsTheSameForTheSameSeedAndScatters) {
  Zipfian one(1000, 7);
  Zipfian same(1000, 7);
  Zipfian other(1000, 8);
  std::set<std::uint64_t> numbers;
  bool differs = false;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t number = one.next();
    EXPECT_LT(number, 1000U);
    EXPECT_EQ(same.next(), number);
    differs = other.next() != number || differs;
    numbers.insert(number);
  }
  EXPECT_TRUE(differs);
  EXPECT_GT(*numbers.rbegin(), 500U);
}

class Filling : public EveryStage {};

STRATA_FOR_EVERY_STAGE(Filling);

TEST_P(Filling, SetsEachKeyOnce) {
  const auto store = writer();
  fill(*store, 50);
  EXPECT_EQ(store->stats().keys, 50U);
  EXPECT_EQ(store->stats().dead_bytes, 0U);
  EXPECT_EQ(answer(*store, key_of(49)), value());
  EXPECT_EQ(answer(*store, key_of(50)), std::nullopt);
  EXPECT_EQ(answer(*store, absent_key(0)), std::nullopt);
}

}  // namespace
}  // namespace strata::bench
