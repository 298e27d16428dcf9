/// @file
/// Recording: an `Os` that writes down what a run does to the disk, so that
/// crash.h can rebuild what a crash at any point would have left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/memory_os.h"
#include "common/os/os_wrapper.h"

namespace strata {

/// One change to the disk, or a sync, or a mark.
struct Change {
  /// What was done.
  enum class Kind : std::uint8_t {
    kMakeDirectory,  ///< a directory was made
    kCreate,         ///< an empty file got its first name
    kWrite,          ///< bytes were written to a file
    kTruncate,       ///< a file was cut or lengthened
    kRename,         ///< a name was moved, and what was there replaced
    kRemove,         ///< a name was taken away
    kSyncFile,       ///< a file's bytes were brought to disk
    kSyncDirectory,  ///< a directory's entries were brought to disk
    kMark,           ///< nothing: here the test acknowledged an operation
  };
  Kind kind = Kind::kMark;  ///< which of them
  std::string path;         ///< clean; the name it went by
  std::string to{};         ///< the new name of a rename
  std::size_t file = 0;     ///< which file, through all its names
  std::uint64_t value = 0;  ///< write: offset; truncate: new size; mark: its n
  std::string bytes{};      ///< what was written
};

/// What a run did to the disk.
struct Trace {
  Image start;                  ///< what was there before, all of it durable
  std::vector<Change> changes;  ///< in the order they were done
};

/// An `Os` that records. Calls that failed are not entered: they changed
/// nothing, or what is known of them (a short write) was what they returned.
class RecordingOs : public OsWrapper {
 public:
  /// @param os what carries the calls out; must outlive this
  /// @param start all files and directories that the run will find
  explicit RecordingOs(Os& os, Image start = {});

  /// Notes that here operation `n` was acknowledged. Rising from 1.
  void mark(std::uint64_t n);

  /// @returns a copy of what was recorded.
  [[nodiscard]] Trace trace() const;

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override;
  void close(int fd) override;
  [[nodiscard]] OsResult write_at(int fd, std::uint64_t offset,
                                  std::string_view bytes,
                                  const char* why) override;
  [[nodiscard]] OsResult sync(int fd, const char* why) override;
  [[nodiscard]] OsResult truncate(int fd, std::uint64_t size,
                                  const char* why) override;
  [[nodiscard]] OsResult rename(const std::string& from, const std::string& to,
                                const char* why) override;
  [[nodiscard]] OsResult remove(const std::string& path,
                                const char* why) override;
  [[nodiscard]] OsResult make_dir(const std::string& path,
                                  const char* why) override;

 private:
  struct Descriptor {
    std::string path;
    std::size_t file = 0;
    bool is_directory = false;
  };

  OsResult open_or_create(const std::string& path, OpenMode mode,
                          const char* why);

  mutable std::mutex mutex_;  // held over each call: the order is the disk's
  Trace trace_;
  std::map<std::string, std::size_t> names_;  // clean path to file
  std::size_t next_file_ = 0;
  std::map<int, Descriptor> open_;
};

}  // namespace strata
