/// @file
/// The seam: every system call that Strata makes goes through `Os`, and
/// nothing outside this directory makes one.
///
/// One interface has five implementations, and each is a tool of its own:
///
///   posix_os.h    the real thing
///   ledger.h      counts what every operation cost
///   fault_os.h    lets the Nth call fail, once or for ever
///   recording_os.h, crash.h
///                 record a run and rebuild what a crash could leave
///   memory_os.h   a file system in memory
///
/// The last four take another `Os` or stand in for one, so they stack: a store
/// runs on a ledger over faults over memory and never knows.
///
/// The interface is the kernel's, one method a system call, so that a fault can
/// hit between any two of them. Stores use the kinder `File` (file.h), which
/// resumes interrupted and short calls and turns errors into exceptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

/// How `Os::open` opens. Symbolic links are refused in every mode but
/// `kDirectory`.
enum class OpenMode : std::uint8_t {
  kRead,       ///< an existing file, for reading
  kWrite,      ///< an existing file, for reading and writing
  kCreate,     ///< for reading and writing, made when it is missing
  kCreateNew,  ///< for reading and writing, an error (EEXIST) when it is there
  kDirectory,  ///< a directory, to be locked or synced
};

/// What a call returns: a value of zero or more, or an error number negated,
/// as the Linux kernel itself answers. `-ENOENT` is the missing file.
using OsResult = std::int64_t;

/// The operating system as a store sees it.
///
/// Paths are plain; directories are separated by `/`. Descriptors are small
/// numbers as the system gives them. The `why` that every call carries is the
/// purpose told in the ledger ("verify the key", "append the record"): a
/// string literal, since it is kept by pointer.
///
/// Every implementation may be called from many threads at once.
class Os {
 public:
  Os() = default;
  Os(const Os&) = delete;
  Os& operator=(const Os&) = delete;
  virtual ~Os() = default;

  /// Opens `path`.
  /// @returns a descriptor, to be given to `close`. -ENOENT when there is no
  ///   such file, -ELOOP when it is a symbolic link, -EINVAL when it is
  ///   neither a regular file nor, in mode `kDirectory`, a directory.
  [[nodiscard]] virtual OsResult open(const std::string& path, OpenMode mode,
                                      const char* why) = 0;

  /// Closes a descriptor and releases the locks taken on it. Cannot fail: a
  /// store that must know its bytes are safe calls `sync` first.
  virtual void close(int fd) = 0;

  /// Reads up to `size` bytes at byte `offset` into `out` (pread).
  /// @returns the bytes read: fewer than `size` at the end of the file or when
  ///   the call is cut short, 0 only at the end of the file.
  [[nodiscard]] virtual OsResult read_at(int fd, std::uint64_t offset,
                                         char* out, std::size_t size,
                                         const char* why) = 0;

  /// Writes `bytes` at byte `offset` (pwrite), lengthening the file as needed;
  /// a gap reads as zeros.
  /// @returns the bytes written, which may be fewer than asked.
  [[nodiscard]] virtual OsResult write_at(int fd, std::uint64_t offset,
                                          std::string_view bytes,
                                          const char* why) = 0;

  /// Makes a file's bytes and length, or a directory's entries, survive a power
  /// cut, given a descriptor of either (fsync). For a directory fdatasync would
  /// not do: a new entry may leave its length what it was. For a log that grows
  /// it would save nothing.
  [[nodiscard]] virtual OsResult sync(int fd, const char* why) = 0;

  /// Cuts or lengthens a file to `size` bytes.
  [[nodiscard]] virtual OsResult truncate(int fd, std::uint64_t size,
                                          const char* why) = 0;

  /// @returns the length of an open file in bytes.
  [[nodiscard]] virtual OsResult size(int fd, const char* why) = 0;

  /// @returns the permission bits of an open file, as chmod sets them.
  [[nodiscard]] virtual OsResult mode(int fd, const char* why) = 0;

  /// Takes the exclusive lock of an open file or directory without waiting
  /// (flock). It belongs to this descriptor, is released when that is closed
  /// and dies with the process, so that no stale lock can be left behind.
  /// @returns 0, or -EWOULDBLOCK when another descriptor holds it, be it of
  ///   this process or another.
  [[nodiscard]] virtual OsResult lock(int fd, const char* why) = 0;

  /// Gives `to` the file now called `from`, replacing what was at `to` at once.
  [[nodiscard]] virtual OsResult rename(const std::string& from,
                                        const std::string& to,
                                        const char* why) = 0;

  /// Removes the file at `path` (unlink); never a directory.
  [[nodiscard]] virtual OsResult remove(const std::string& path,
                                        const char* why) = 0;

  /// Makes one directory. -EEXIST when something is there already.
  [[nodiscard]] virtual OsResult make_dir(const std::string& path,
                                          const char* why) = 0;

  /// Puts the names in a directory into `names`, in no particular order; those
  /// of itself and of its parent are left out.
  [[nodiscard]] virtual OsResult list(const std::string& path,
                                      std::vector<std::string>& names,
                                      const char* why) = 0;

  /// Maps the first `size` bytes of an open file for reading and puts where
  /// they are into `out`. They stay readable after `close`, until `unmap`.
  [[nodiscard]] virtual OsResult map(int fd, std::size_t size, const char** out,
                                     const char* why) = 0;

  /// Ends a mapping made by `map`, given its start and length.
  virtual void unmap(const char* start, std::size_t size) = 0;

  /// @returns the time of day in seconds since 1970.
  [[nodiscard]] virtual std::uint64_t now_seconds() = 0;

  /// @returns a clock that never goes back, in nanoseconds.
  [[nodiscard]] virtual std::uint64_t ticks_ns() = 0;

  /// @returns a number that nobody can foretell, to seed a hash with.
  [[nodiscard]] virtual std::uint64_t random() = 0;

  /// @returns the number of this process, for others to read; nothing may
  ///   depend on whose it is, since the system gives it to another one later.
  [[nodiscard]] virtual std::uint64_t process_id() = 0;
};

}  // namespace strata
