// Writers, readers and scans in threads beside endless merging: what the suites
// of stages that merge share.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/store/store.h"
#include "tests/support.h"

namespace strata {

/// Overwrites a few keys so many times, while two threads get them, one scans
/// and one compacts: no answer is ever older than what the reader's key was
/// last seen to hold, none is torn, and no key is missing.
/// @returns what the store holds in the end, compacted.
inline std::map<std::string, std::string> overwrite_while_read_and_merged(
    Store& store, int rounds) {
  constexpr int kKeys = 20;
  const auto key_of = [](int i) { return "k" + std::to_string(i); };
  const auto value_of = [](int round) {
    return std::to_string(1000 + round) + std::string(20, 'x');
  };
  for (int i = 0; i < kKeys; ++i) store.set(key_of(i), value_of(0));
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int offset = 0; offset < 2; ++offset) {
    threads.emplace_back([&, offset] {
      std::vector<std::string> last(kKeys);
      for (int i = offset; !done; i = (i + 1) % kKeys) {
        const auto at = static_cast<std::size_t>(i);
        const std::string now = answer(store, key_of(i)).value_or("missing");
        EXPECT_GE(now, last[at]);
        EXPECT_EQ(now.size(), 24U) << now;
        last[at] = now;
      }
    });
  }
  threads.emplace_back([&] {
    while (!done) {
      auto seen = contents(store);
      seen.erase("short-lived");  // it may have been seen alive
      EXPECT_EQ(seen.size(), std::size_t{kKeys});
    }
  });
  threads.emplace_back([&] {
    while (!done) store.compact();
  });
  for (int round = 1; round <= rounds; ++round) {
    for (int i = 0; i < kKeys; ++i) store.set(key_of(i), value_of(round));
    store.set("short-lived", "1");
    store.del("short-lived");
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  store.compact();
  EXPECT_EQ(store.stats().keys, std::uint64_t{kKeys});
  EXPECT_EQ(store.stats().dead_bytes, 0U);
  const auto left = contents(store);
  for (const auto& [key, value] : left) {
    EXPECT_EQ(value, value_of(rounds)) << key;
  }
  return left;
}

}  // namespace strata
