// What the tests of 06_compaction share: small segments in memory, and a system
// that tells before each call.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/os/memory_os.h"
#include "common/os/os_wrapper.h"
#include "common/store/errors.h"
#include "stages/06_compaction/store.h"
#include "tests/support.h"

namespace strata::compaction_tests {

/// A call that is about to be made.
struct Coming {
  std::string_view call;
  std::string path;
  std::string_view why;
};

/// Asks `before` what to do: 0 lets the call be made, else it fails so.
class WatchedOs : public OsWrapper {
 public:
  using OsWrapper::OsWrapper;

  std::function<int(const Coming&)> before;

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override {
    if (const int error = ask("open", path, why)) return -error;
    const OsResult fd = os().open(path, mode, why);
    const std::scoped_lock hold(mutex_);
    if (fd >= 0) paths_[static_cast<int>(fd)] = path;
    return fd;
  }

  [[nodiscard]] OsResult read_at(int fd, std::uint64_t offset, char* out,
                                 std::size_t size, const char* why) override {
    if (const int error = ask("read", path_of(fd), why)) return -error;
    return os().read_at(fd, offset, out, size, why);
  }

  [[nodiscard]] OsResult write_at(int fd, std::uint64_t offset,
                                  std::string_view bytes,
                                  const char* why) override {
    if (const int error = ask("write", path_of(fd), why)) return -error;
    return os().write_at(fd, offset, bytes, why);
  }

  [[nodiscard]] OsResult sync(int fd, const char* why) override {
    if (const int error = ask("sync", path_of(fd), why)) return -error;
    return os().sync(fd, why);
  }

  [[nodiscard]] OsResult rename(const std::string& from, const std::string& to,
                                const char* why) override {
    if (const int error = ask("rename", from, why)) return -error;
    return os().rename(from, to, why);
  }

  [[nodiscard]] OsResult remove(const std::string& path,
                                const char* why) override {
    if (const int error = ask("remove", path, why)) return -error;
    return os().remove(path, why);
  }

 private:
  int ask(std::string_view call, const std::string& path, const char* why) {
    return before ? before({call, path, why}) : 0;
  }

  std::string path_of(int fd) {
    const std::scoped_lock hold(mutex_);
    return paths_[fd];
  }

  std::mutex mutex_;
  std::map<int, std::string> paths_;
};

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
