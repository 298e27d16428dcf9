// The limits answer what was set, and cost no more than what they are the limit
// of; and what the system counts is what was done.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/keys.h"
#include "bench/opening.h"
#include "bench/process_io.h"
#include "bench/subject.h"
#include "bench/temporary.h"
#include "common/os/ledger.h"
#include "common/os/posix_os.h"
#include "tests/support.h"

namespace strata::bench {
namespace {

constexpr std::uint64_t kKeys = 1000;

std::unique_ptr<Store> open_limit(const std::string& name,
                                  const std::string& directory,
                                  std::uint64_t keys = kKeys,
                                  Os* os = nullptr) {
  for (const Subject& limit : limit_subjects()) {
    if (limit.name() == name) {
      return open(*limit.stage, directory, Mode::kWrite, keys, os);
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

class LimitsThatRead : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Limits, LimitsThatRead,
                         testing::Values("limit_memory", "limit_io"),
                         [](const testing::TestParamInfo<const char*>& of) {
                           return std::string(of.param);
                         });

TEST_P(LimitsThatRead, AnswerEachKeyWithItsOwnValueAloneAndTogether) {
  const TemporaryDirectory directory;
  const auto store = open_limit(GetParam(), directory.path());
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    keys.push_back(key_of(i));
    store->set(keys.back(), "value of " + keys.back());
  }
  store->set(keys[7], "longer: " + std::string(300, 'l'));
  store->set(keys[8], "");
  EXPECT_EQ(answer(*store, keys[6]), "value of " + keys[6]);
  EXPECT_EQ(answer(*store, keys[7])->size(), 308U);
  EXPECT_EQ(answer(*store, keys[8]), "");
  EXPECT_EQ(answer(*store, absent_key(7)), std::nullopt);
  keys.push_back(absent_key(7));
  std::vector<std::optional<std::string>> answers(keys.size());
  store->get_batch({keys.begin(), keys.end()},
                   [&](std::size_t key, const std::string* value) {
                     if (value != nullptr) answers[key] = *value;
                   });
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(answers[i], answer(*store, keys[i])) << keys[i];
  }
}

// The calls of what a limit does, and what the system counts meanwhile.
TEST(Limits, OfIoMakeOneCallForEachAndTheSystemCountsAsManyAsTheLedger) {
  const TemporaryDirectory directory;
  Ledger ledger(posix_os(), Ledger::Keep::kTotals);
  const auto store = open_limit("limit_io", directory.path(), kKeys, &ledger);
  ledger.clear();
  const IoMeter meter;
  fill(*store, kKeys);
  for (std::uint64_t i = 0; i < kKeys; ++i) (void)answer(*store, key_of(i));
  const auto counted = meter.since();
  const Totals totals = ledger.totals();
  EXPECT_EQ(totals.writes.calls, kKeys);
  EXPECT_EQ(totals.writes.bytes, kKeys * kRecordBytes);
  EXPECT_EQ(totals.reads.calls, kKeys);
  EXPECT_EQ(totals.reads.bytes, kKeys * kRecordBytes);
  if (!counted) GTEST_SKIP() << "the system does not tell";
  // The sanitizer probes memory by writing it to a pipe, when it likes.
  if (kSanitized) GTEST_SKIP() << "the sanitizer writes, too";
  EXPECT_EQ(counted->writes, kKeys);
  EXPECT_EQ(counted->bytes_written, kKeys * kRecordBytes);
  EXPECT_EQ(counted->reads, kKeys);
  EXPECT_EQ(counted->bytes_read, kKeys * kRecordBytes);
}

// 64 KiB of hints are written at a time.
TEST(Limits, WithHintsWriteAsManyBytesAsStage07) {
  const TemporaryDirectory directory;
  constexpr std::uint64_t kHintBytes = 18 + kKeyBytes;
  constexpr std::uint64_t kMany = 2 * (64 << 10) / kHintBytes + 2;
  fill(*open_limit("limit_io_hints", directory.path(), kMany), kMany);
  EXPECT_EQ(bytes_of_file(directory.path("limit.bin")), kMany * kRecordBytes);
  const std::uint64_t hints = bytes_of_file(directory.path("limit.hint"));
  EXPECT_GE(hints, 2 * (64 << 10));
  EXPECT_LE(hints, kMany * kHintBytes);
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
