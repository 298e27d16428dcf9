/// @file
/// `File` and `Directory`: open descriptors that close themselves, resume
/// interrupted and short calls, and throw `IoError` where `Os` returns a
/// negative number. Interruption is handled here, once, for every stage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/os/os.h"

namespace strata {

/// A descriptor that closes itself. Movable; the `Os` must outlive it.
class Descriptor {
 public:
  Descriptor(Descriptor&& other) noexcept
      : os_(other.os_),
        fd_(std::exchange(other.fd_, -1)),
        sync_failed_(other.sync_failed_),
        path_(std::move(other.path_)) {}

  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(os_, other.os_);
    std::swap(fd_, other.fd_);
    std::swap(sync_failed_, other.sync_failed_);
    std::swap(path_, other.path_);
    return *this;
  }

  ~Descriptor() {
    if (fd_ >= 0) os_->close(fd_);
  }

  /// Makes what is behind it survive a power cut: a file's bytes and length, a
  /// directory's entries. Never tried twice: after a failed sync the system
  /// may have forgotten what it could not write, and every later call throws
  /// without asking it.
  /// @throws IoError
  void sync(const char* why);

  /// @returns whether a sync has failed.
  [[nodiscard]] bool has_failed() const { return sync_failed_; }

  /// @returns the path it was opened with.
  [[nodiscard]] const std::string& path() const { return path_; }

 protected:
  /// @param os that opened it
  /// @param fd what `Os::open` returned
  /// @param path told in errors
  Descriptor(Os& os, int fd, std::string path)
      : os_(&os), fd_(fd), path_(std::move(path)) {}

  /// @returns what opened it.
  [[nodiscard]] Os& os() const { return *os_; }

  /// @returns the descriptor, to be given to `os`.
  [[nodiscard]] int fd() const { return fd_; }

 private:
  Os* os_;
  int fd_;  // -1 when moved from
  bool sync_failed_ = false;
  std::string path_;
};

/// An open file.
class File : public Descriptor {
 public:
  /// Opens `path`.
  /// @throws IoError when the system refuses.
  [[nodiscard]] static File open(Os& os, const std::string& path, OpenMode mode,
                                 const char* why);

  /// Opens an existing file for reading.
  /// @returns nothing when there is no such file.
  /// @throws IoError when the system refuses for another reason.
  [[nodiscard]] static std::optional<File> open_if_there(
      Os& os, const std::string& path, const char* why);

  /// Reads `size` bytes at byte `offset` into `out`; on a healthy file one
  /// call, resumed when it is interrupted or cut short.
  /// @returns the bytes read, fewer than `size` only at the end of the file.
  /// @throws IoError
  [[nodiscard]] std::size_t read_at(std::uint64_t offset, char* out,
                                    std::size_t size, const char* why) const;

  /// Writes all of `bytes` at byte `offset`: one call, resumed when it is
  /// interrupted or cut short.
  /// @throws IoError when the system refuses; a part of `bytes` may then have
  ///   been written.
  void write_at(std::uint64_t offset, std::string_view bytes, const char* why);

  /// Cuts the file to `size` bytes.
  /// @throws IoError
  void truncate(std::uint64_t size, const char* why);

  /// @returns the length in bytes.
  /// @throws IoError
  [[nodiscard]] std::uint64_t size(const char* why) const;

  /// @returns the permission bits, as chmod sets them.
  /// @throws IoError
  [[nodiscard]] unsigned mode(const char* why) const;

 private:
  using Descriptor::Descriptor;
};

/// An open directory: what a writer locks, and what is synced to make the
/// names in it durable. The lock ends with it.
class Directory : public Descriptor {
 public:
  /// Opens an existing directory.
  /// @throws IoError
  [[nodiscard]] static Directory open(Os& os, const std::string& path,
                                      const char* why);

  /// Opens a directory, making it and its parents where they are missing.
  /// @param durable sync the parent, so that the name survives a power cut,
  ///   also when the directory was there already: who made it may not have
  /// @throws IoError
  [[nodiscard]] static Directory open_or_make(Os& os, const std::string& path,
                                              bool durable);

  /// Takes the writer's lock, at once or not at all.
  /// @throws Busy when another descriptor holds it.
  /// @throws IoError when the system knows no locks here.
  void lock(const char* why);

 private:
  using Descriptor::Descriptor;

  static void make(Os& os, const std::string& path, bool durable);
};

/// Removes a file; that there is none is no error.
/// @throws IoError
void remove_file(Os& os, const std::string& path, const char* why);

/// Gives a file another name, in place of a file that has it, at once.
/// @throws IoError
void rename_file(Os& os, const std::string& from, const std::string& to,
                 const char* why);

/// @returns the names in a directory, sorted; none when it does not exist.
/// @throws IoError
[[nodiscard]] std::vector<std::string> list_directory(Os& os,
                                                      const std::string& path,
                                                      const char* why);

}  // namespace strata
