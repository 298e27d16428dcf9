// A store in memory: what the suites of single stages share.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/os/memory_os.h"
#include "common/store/stage.h"

namespace strata {

/// Whether `come_true` does within ten seconds.
template <typename Condition>
bool eventually(const Condition& come_true) {
  for (int i = 0; i < 10'000; ++i) {
    if (come_true()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

/// The store `db` on a disk in memory.
/// @tparam S the class of the stage's store
template <typename S>
class MemoryStoreTest : public testing::Test {
 protected:
  [[nodiscard]] virtual Options options(Mode mode, Os& os) {
    Options options;
    options.directory = "db";
    options.mode = mode;
    options.sync = sync;
    options.os = &os;
    options.numbers = numbers;
    options.note = [this](const std::string& line) {
      const std::scoped_lock hold(notes_mutex_);
      notes.push_back(line);
    };
    return options;
  }

  [[nodiscard]] std::unique_ptr<S> open(Mode mode, Os& os) {
    return std::make_unique<S>(options(mode, os));
  }

  [[nodiscard]] std::unique_ptr<S> writer() { return open(Mode::kWrite, disk); }

  [[nodiscard]] std::unique_ptr<S> reader() { return open(Mode::kRead, disk); }

  /// The names of the store's files.
  [[nodiscard]] std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& [path, bytes] : disk.files()) names.insert(path.substr(3));
    return names;
  }

  /// What has been told up to now, also by threads that go on telling.
  [[nodiscard]] std::vector<std::string> notes_so_far() {
    const std::scoped_lock hold(notes_mutex_);
    return notes;
  }

  MemoryOs disk;
  std::map<std::string_view, std::uint64_t, std::less<>> numbers;
  std::vector<std::string> notes;
  Sync sync = Sync::kNever;

 private:
  std::mutex notes_mutex_;
};

}  // namespace strata
