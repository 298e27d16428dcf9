// A system that tells before each call, so that a test can do something else at
// exactly that moment, or let the call fail.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "common/os/os_wrapper.h"

namespace strata {

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

}  // namespace strata
