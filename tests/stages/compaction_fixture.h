// What the tests of 06_compaction share: small segments in memory.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/os/memory_os.h"
#include "common/store/errors.h"
#include "stages/06_compaction/store.h"
#include "tests/support.h"
#include "tests/watched_os.h"

namespace strata::compaction_tests {

/// Whether `come_true` does within ten seconds.
template <typename Condition>
bool eventually(const Condition& come_true) {
  for (int i = 0; i < 10'000; ++i) {
    if (come_true()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

using Model = std::map<std::string, std::string>;

/// A store of small segments: records of `a` and a value of one byte are 16
/// bytes long, and two of them fill one. Nothing is merged in the background
/// unless `dead_percent` says so.
class CompactionTest : public testing::Test {
 protected:
  [[nodiscard]] Options options(Mode mode, Os& os) {
    Options options;
    options.directory = "db";
    options.mode = mode;
    options.sync = sync;
    options.os = &os;
    options.numbers["--segment-bytes"] = segment_bytes;
    options.numbers["--dead-percent"] = dead_percent;
    options.note = [this](const std::string& line) { notes.push_back(line); };
    return options;
  }

  [[nodiscard]] std::unique_ptr<Compaction> open(Mode mode, Os& os) {
    return std::make_unique<Compaction>(options(mode, os));
  }

  [[nodiscard]] std::unique_ptr<Compaction> writer() {
    return open(Mode::kWrite, disk);
  }

  [[nodiscard]] std::unique_ptr<Compaction> reader() {
    return open(Mode::kRead, disk);
  }

  /// The names of the store's files.
  [[nodiscard]] std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& [path, bytes] : disk.files()) names.insert(path.substr(3));
    return names;
  }

  MemoryOs disk;
  std::vector<std::string> notes;
  std::uint64_t segment_bytes = 32;
  std::uint64_t dead_percent = 100;
  Sync sync = Sync::kNever;
};

}  // namespace strata::compaction_tests
