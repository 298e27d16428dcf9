/// @file
/// `OsWrapper`: an `Os` that hands every call on to another. What stands
/// between a store and the system (ledger.h, fault_os.h, recording_os.h)
/// derives from it and overrides the calls that it cares for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/os/os.h"

namespace strata {

/// Hands every call on.
class OsWrapper : public Os {
 public:
  /// @param os what carries the calls out; must outlive the wrapper
  explicit OsWrapper(Os& os) : os_(os) {}

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override {
    return os_.open(path, mode, why);
  }

  void close(int fd) override { os_.close(fd); }

  [[nodiscard]] OsResult read_at(int fd, std::uint64_t offset, char* out,
                                 std::size_t size, const char* why) override {
    return os_.read_at(fd, offset, out, size, why);
  }

  [[nodiscard]] OsResult write_at(int fd, std::uint64_t offset,
                                  std::string_view bytes,
                                  const char* why) override {
    return os_.write_at(fd, offset, bytes, why);
  }

  [[nodiscard]] OsResult sync(int fd, const char* why) override {
    return os_.sync(fd, why);
  }

  [[nodiscard]] OsResult truncate(int fd, std::uint64_t size,
                                  const char* why) override {
    return os_.truncate(fd, size, why);
  }

  [[nodiscard]] OsResult size(int fd, const char* why) override {
    return os_.size(fd, why);
  }

  [[nodiscard]] OsResult mode(int fd, const char* why) override {
    return os_.mode(fd, why);
  }

  [[nodiscard]] OsResult lock(int fd, const char* why) override {
    return os_.lock(fd, why);
  }

  [[nodiscard]] OsResult rename(const std::string& from, const std::string& to,
                                const char* why) override {
    return os_.rename(from, to, why);
  }

  [[nodiscard]] OsResult remove(const std::string& path,
                                const char* why) override {
    return os_.remove(path, why);
  }

  [[nodiscard]] OsResult make_dir(const std::string& path,
                                  const char* why) override {
    return os_.make_dir(path, why);
  }

  [[nodiscard]] OsResult list(const std::string& path,
                              std::vector<std::string>& names,
                              const char* why) override {
    return os_.list(path, names, why);
  }

  [[nodiscard]] OsResult map(int fd, std::size_t size, const char** out,
                             const char* why) override {
    return os_.map(fd, size, out, why);
  }

  void unmap(const char* start, std::size_t size) override {
    os_.unmap(start, size);
  }

  [[nodiscard]] std::uint64_t now_seconds() override {
    return os_.now_seconds();
  }

  [[nodiscard]] std::uint64_t ticks_ns() override { return os_.ticks_ns(); }

  [[nodiscard]] std::uint64_t random() override { return os_.random(); }

  [[nodiscard]] std::uint64_t process_id() override { return os_.process_id(); }

 protected:
  /// @returns what carries the calls out.
  [[nodiscard]] Os& os() const { return os_; }

 private:
  Os& os_;
};

}  // namespace strata
