// The keys that the benchmarks use, in their orders, and the stores they fill.
#include "bench/keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "bench/opening.h"
#include "tests/support.h"

namespace strata::bench {
namespace {

TEST(Keys, AreOfOneLengthAndAscending) {
  for (const std::uint64_t number : {0ULL, 1ULL, 999ULL, 123'456'789'012ULL}) {
    EXPECT_EQ(key_of(number).size(), kKeyBytes);
    EXPECT_EQ(absent_key(number).size(), kKeyBytes);
    EXPECT_LT(key_of(number), absent_key(number));
    EXPECT_LT(absent_key(number), key_of(number + 1));
  }
  EXPECT_EQ(value().size(), kValueBytes);
  EXPECT_EQ(value().find_first_of(",\n"), std::string_view::npos);
}

std::vector<std::string> all_of(Keys keys) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < keys.size(); ++i) all.emplace_back(keys.next());
  return all;
}

TEST(Keys, SequentialKeysAscendAndShuffledOnesAreTheSameInDisorder) {
  const auto sequential = all_of(sequential_keys(1000));
  const auto shuffled = all_of(shuffled_keys(1000));
  EXPECT_TRUE(std::is_sorted(sequential.begin(), sequential.end()));
  EXPECT_FALSE(std::is_sorted(shuffled.begin(), shuffled.end()));
  const std::set<std::string> unique(sequential.begin(), sequential.end());
  EXPECT_EQ(unique.size(), 1000U);
  EXPECT_EQ(unique, std::set(shuffled.begin(), shuffled.end()));
  EXPECT_EQ(*unique.rbegin(), key_of(999));
}

TEST(Keys, AreThereOrAbsentAsTheirNamesSayAndAlwaysTheSame) {
  const auto stored = all_of(sequential_keys(1000));
  const std::set<std::string> there(stored.begin(), stored.end());
  for (auto* order : {random_keys, zipfian_keys, newest_key, oldest_key}) {
    for (const std::string& key : all_of(order(1000))) {
      EXPECT_TRUE(there.count(key) == 1) << key;
    }
  }
  for (const std::string& key : all_of(absent_keys(1000))) {
    EXPECT_EQ(key.size(), kKeyBytes);
    EXPECT_TRUE(there.count(key) == 0) << key;
  }
  EXPECT_EQ(all_of(random_keys(1000)), all_of(random_keys(1000)));
  EXPECT_EQ(all_of(newest_key(1000)), std::vector{key_of(999)});
  EXPECT_EQ(all_of(oldest_key(1000)), std::vector{key_of(0)});
}

TEST(Keys, CopiesHaveEachAPlaceOfTheirOwn) {
  Keys keys = sequential_keys(2);
  Keys copy = keys;
  EXPECT_EQ(keys.next(), key_of(0));
  EXPECT_EQ(copy.next(), key_of(0));
}

TEST(Keys, ValuesOfEverySizeHoldWhatAnyStageCanHold) {
  for (const std::size_t bytes : {0U, 1U, 10U, 100'000U, 1U << 20}) {
    EXPECT_EQ(value(bytes).size(), bytes);
    EXPECT_EQ(value(bytes).find_first_of(",\n"), std::string_view::npos);
  }
}

TEST(Keys, BeginAnewBehindTheLast) {
  Keys keys = sequential_keys(2);
  EXPECT_EQ(keys.next(), key_of(0));
  EXPECT_EQ(keys.next(), key_of(1));
  EXPECT_EQ(keys.next(), key_of(0));
}

TEST(Keys, ZipfianDrawsFewNumbersOftenAndManyRarely) {
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

TEST(Keys, ZipfianDrawsTheSameForTheSameSeedAndScatters) {
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

TEST(Keys, ZipfianOverOneOrTwoNumbersStaysWithinThem) {
  for (const std::uint64_t count : {1ULL, 2ULL}) {
    Zipfian zipfian(count, 1);
    for (int i = 0; i < 100; ++i) EXPECT_LT(zipfian.next(), count);
  }
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
