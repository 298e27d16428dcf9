/// @file
/// `WatchedOs`: an `Os` that tells of each call before it is made, and after.
/// Somebody may do something else at exactly that moment, or let the call fail.
///
/// @code
///   WatchedOs watched(disk);
///   watched.before = [&](const Coming& coming) {
///     if (coming.call == "rename") store->del("city");
///     return 0;
///   };
/// @endcode
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/os_wrapper.h"

namespace strata {

/// A call that is about to be made, or has been made just now.
struct Coming {
  std::string_view call;            ///< "open", "read", …, as in `Os`
  std::string path;                 ///< of the file; for a rename, the old one
  std::string_view why;             ///< its purpose
  OpenMode mode = OpenMode::kRead;  ///< of an open
};

/// Tells of each open, read, write, sync, size, rename and remove. The functions
/// are called by whichever thread makes the call; who sets one sees to it that
/// no other thread makes calls meanwhile.
class WatchedOs : public OsWrapper {
 public:
  using OsWrapper::OsWrapper;

  /// What to do before a call. Returns 0, or the error number with which the
  /// call is to fail instead of being made. May be empty.
  std::function<int(const Coming&)> before;

  /// What to do after a call, whether it failed or not; not after an open.
  /// Returns 0, or the error number which the caller is told instead of the
  /// result, although the call was made. May be empty.
  std::function<int(const Coming&)> after;

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override {
    if (const int error = ask(before, {"open", path, why, mode})) return -error;
    const OsResult fd = os().open(path, mode, why);
    const std::scoped_lock hold(mutex_);
    if (fd >= 0) paths_[static_cast<int>(fd)] = path;
    return fd;
  }

  [[nodiscard]] OsResult read_at(int fd, std::uint64_t offset, char* out,
                                 std::size_t size, const char* why) override {
    return around({"read", path_of(fd), why},
                  [&] { return os().read_at(fd, offset, out, size, why); });
  }

  [[nodiscard]] OsResult write_at(int fd, std::uint64_t offset,
                                  std::string_view bytes,
                                  const char* why) override {
    return around({"write", path_of(fd), why},
                  [&] { return os().write_at(fd, offset, bytes, why); });
  }

  [[nodiscard]] OsResult sync(int fd, const char* why) override {
    return around({"sync", path_of(fd), why},
                  [&] { return os().sync(fd, why); });
  }

  [[nodiscard]] OsResult size(int fd, const char* why) override {
    return around({"size", path_of(fd), why},
                  [&] { return os().size(fd, why); });
  }

  [[nodiscard]] OsResult rename(const std::string& from, const std::string& to,
                                const char* why) override {
    return around({"rename", from, why},
                  [&] { return os().rename(from, to, why); });
  }

  [[nodiscard]] OsResult remove(const std::string& path,
                                const char* why) override {
    return around({"remove", path, why},
                  [&] { return os().remove(path, why); });
  }

 private:
  using Told = std::function<int(const Coming&)>;

  static int ask(const Told& told, const Coming& coming) {
    return told ? told(coming) : 0;
  }

  template <typename Make>
  OsResult around(const Coming& coming, const Make& make) {
    if (const int error = ask(before, coming)) return -error;
    const OsResult result = make();
    const int error = ask(after, coming);
    return error != 0 ? -error : result;
  }

  std::string path_of(int fd) {
    const std::scoped_lock hold(mutex_);
    return paths_[fd];
  }

  std::mutex mutex_;
  std::map<int, std::string> paths_;
};

}  // namespace strata
