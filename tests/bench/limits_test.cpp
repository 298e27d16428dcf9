// The limits answer what was set, and cost no more than what they are the limit
// of.
#include <gtest/gtest.h>
#include <malloc.h>

#include <memory>
#include <string>

#include "bench/keys.h"
#include "bench/opening.h"
#include "bench/subject.h"
#include "bench/temporary.h"
#include "tests/support.h"

namespace strata::bench {
namespace {

constexpr std::uint64_t kKeys = 1000;

std::unique_ptr<Store> open_limit(const std::string& name,
                                  const std::string& directory) {
  for (const Subject& limit : limit_subjects()) {
    if (limit.name() == name) {
      return open(*limit.stage, directory, Mode::kWrite, kKeys);
    }
  }
  return nullptr;
}

TEST(Limits, InMemoryAnswersWhatWasSetLast) {
  const TemporaryDirectory directory;
  const auto store = open_limit("limit_memory", directory.path());
  fill(*store, kKeys);
  for (const std::string& newer :
       {std::string(kValueBytes, 'n'), std::string("shorter"),
        std::string(300, 'l')}) {
    store->set(key_of(7), newer);
    EXPECT_EQ(answer(*store, key_of(7)), newer);
    EXPECT_EQ(answer(*store, key_of(6)), value());
    EXPECT_EQ(answer(*store, key_of(8)), value());
  }
  EXPECT_EQ(answer(*store, absent_key(7)), std::nullopt);
  EXPECT_EQ(store->stats().keys, kKeys);
}

std::size_t bytes_in_use() {
  const struct mallinfo2 heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

TEST(Limits, InMemoryDoesNotGrowWhenItIsOverwritten) {
  const TemporaryDirectory directory;
  const auto store = open_limit("limit_memory", directory.path());
  fill(*store, kKeys);
  const std::size_t before = bytes_in_use();
  if (before == 0) GTEST_SKIP() << "this heap does not tell";
  for (int round = 0; round < 10; ++round) fill(*store, kKeys);
  EXPECT_EQ(bytes_in_use(), before);
}

}  // namespace
}  // namespace strata::bench
