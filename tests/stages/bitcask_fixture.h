// What the tests of 07_bitcask share: small files in memory, a clock that is
// set by hand, and a system that calls the test back.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/os/memory_os.h"
#include "common/os/watched_os.h"
#include "common/store/errors.h"
#include "stages/07_bitcask/store.h"
#include "tests/stages/memory_store.h"
#include "tests/support.h"

namespace strata::bitcask_tests {

using Pairs = std::map<std::string, std::string>;
using Ids = std::vector<std::uint32_t>;

/// The time of day in a `MemoryOs` that nobody has set.
inline constexpr std::uint64_t kNow = 1'700'000'000;

/// A system that calls the test back, once, right before a call which has the
/// purpose `why`.
class CallsBack : public WatchedOs {
 public:
  explicit CallsBack(Os& os) : WatchedOs(os) {
    before = [this](const Coming& coming) {
      look(coming.why);
      return 0;
    };
  }

  /// Sets what to do, and before what.
  void once_before(std::string_view why, std::function<void()> work) {
    const std::scoped_lock hold(mutex_);
    why_ = why;
    work_ = std::move(work);
  }

  /// @returns whether it has been called.
  [[nodiscard]] bool called() const {
    const std::scoped_lock hold(mutex_);
    return !work_;
  }

 private:
  void look(std::string_view why) {
    std::function<void()> work;
    {
      const std::scoped_lock hold(mutex_);
      if (work_ && why_ == why) work.swap(work_);
    }
    if (work) work();
  }

  mutable std::mutex mutex_;
  std::string why_;
  std::function<void()> work_;
};

/// The bytes of a record of these.
inline std::uint64_t record_bytes(std::string_view key,
                                  std::string_view value) {
  return 14 + key.size() + value.size();
}

/// Every pair that a fold visits.
inline Pairs folded(Bitcask& store) {
  Pairs pairs;
  store.fold([&](std::string_view key, std::string_view value) {
    EXPECT_TRUE(pairs.emplace(key, value).second) << "twice: " << key;
  });
  return pairs;
}

/// Every key that `keys` visits.
inline std::set<std::string> listed(Bitcask& store) {
  std::set<std::string> keys;
  store.keys([&](std::string_view key) {
    EXPECT_TRUE(keys.emplace(key).second) << "twice: " << key;
  });
  return keys;
}

/// The ids of a store's files.
inline Ids ids_of(const Bitcask& store) {
  Ids ids;
  for (const auto& file : store.status()) ids.push_back(file.id);
  return ids;
}

/// A store in memory. Nothing is merged but what the test merges, unless it
/// sets a trigger.
class BitcaskTest : public MemoryStoreTest<Bitcask> {
 protected:
  BitcaskTest() {
    numbers = {{"--frag-merge-trigger", 101},
               {"--dead-bytes-merge-trigger", std::uint64_t{1} << 62}};
  }

  /// Writes one more data file, closes it and so gives it hints.
  void write_file_of(const Pairs& pairs) {
    const auto store = writer();
    for (const auto& [key, value] : pairs) store->set(key, value);
  }

  /// The bytes of one of the store's files.
  [[nodiscard]] std::string bytes_of(const std::string& name) const {
    return disk.files().at("db/" + name);
  }

  void remove(const std::string& name) {
    EXPECT_GE(disk.remove("db/" + name, "lose a file"), 0);
  }
};

}  // namespace strata::bitcask_tests
