/// @file
/// The data files of a store, and which of them are open.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/file.h"
#include "common/store/errors.h"
#include "common/store/stage.h"
#include "stages/07_bitcask/keydir.h"

namespace strata::bitcask {

/// How data files are called behind their id.
inline constexpr std::string_view kDataSuffix = ".bitcask.data";

/// How their hint files are called.
inline constexpr std::string_view kHintSuffix = ".bitcask.hint";

/// What the name of a file ends with while it is being made.
inline constexpr std::string_view kUnfinished = ".unfinished";

/// How much is in a data file. Counted by writers and merges, read by all.
struct FileCounts {
  std::atomic<std::uint64_t> keys = 0;        ///< records, tombstones too
  std::atomic<std::uint64_t> bytes = 0;       ///< of them
  std::atomic<std::uint64_t> live_keys = 0;   ///< those a get returns
  std::atomic<std::uint64_t> live_bytes = 0;  ///< of those
  /// Tombstones that a merge found still needed. They are dead, but merging
  /// the file again would not be rid of them.
  std::atomic<std::uint64_t> needed_keys = 0;
  std::atomic<std::uint64_t> needed_bytes = 0;      ///< of those
  std::atomic<std::uint32_t> oldest = 0xFFFFFFFFU;  ///< tstamp, in seconds
  std::atomic<std::uint32_t> newest = 0;            ///< tstamp, in seconds

  /// Counts a record that stands in the file, live or not.
  void add(const Place& place, std::size_t key_size);

  /// Counts a record as live, or several of so many bytes together.
  void revive(std::uint64_t record_bytes, std::uint64_t records = 1);

  /// Counts a record as no longer live.
  void kill(std::uint64_t record_bytes);
};

/// A data file.
class DataFile : public std::enable_shared_from_this<DataFile> {
 public:
  /// @param options whose store
  /// @param id of the file
  DataFile(const Options& options, std::uint32_t id);

  /// @returns its number, in the order of writing.
  [[nodiscard]] std::uint32_t id() const { return id_; }

  /// @returns its name in the store's directory.
  [[nodiscard]] std::string name() const;

  /// @returns the name of its hint file.
  [[nodiscard]] std::string hint_name() const;

  /// @returns its path.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// @returns the open file, or null; valid as long as a place in this file is
  ///   held (`Keydir::with`).
  [[nodiscard]] const File* handle() const {
    return handle_.load(std::memory_order_acquire);
  }

  FileCounts counts;  ///< what is in it

  /// How far the file is read and written, in bytes.
  std::atomic<std::uint64_t> end = 0;

  /// Whether everything in it is known to survive a power cut.
  std::atomic<bool> durable = false;

  /// Whether what is known of it comes from its hints.
  bool from_hints = false;

 private:
  friend class OpenFiles;

  std::uint32_t id_;
  std::string path_;
  std::atomic<const File*> handle_ = nullptr;
  std::shared_ptr<const File> owner_;  // of handle_; guarded by OpenFiles
};

/// Opens a data file by `open()`, and explains when it is not there.
/// @param path of the file
/// @throws IoError
template <typename Open>
auto unless_merged_away(const std::string& path, const Open& open) {
  try {
    return open();
  } catch (const IoError& error) {
    if (!error.is_missing()) throw;
    throw IoError("the writer has merged this file away meanwhile: try again",
                  path, ENOENT);
  }
}

/// A stretch of a data file that holds no readable record.
struct FileGap {
  Place from;              ///< file and offset of its first byte
  std::uint64_t size = 0;  ///< in bytes
  const char* why = "";    ///< what is wrong there
};

/// The files of a store at one moment. Never changed: a new set replaces it.
struct FileSet {
  std::vector<std::shared_ptr<DataFile>> files;  ///< ascending by id
  std::vector<FileGap> gaps;                     ///< in order; mostly none

  /// @returns the file of that id, or null.
  [[nodiscard]] DataFile* find(std::uint32_t id) const;

  /// @returns the set with one more file, whose id is its place in the order.
  [[nodiscard]] std::shared_ptr<FileSet> with(
      std::shared_ptr<DataFile> file) const;
};

/// Keeps a bounded number of data files open. Whoever needs one of the others
/// opens it, and those open for the longest are closed, once nobody reads them
/// any more.
class OpenFiles {
 public:
  /// How many are open at most.
  static constexpr std::size_t kMost = 32;

  /// @param os through which files are opened
  /// @param keydir whose locks tell who is reading
  OpenFiles(Os& os, const Keydir& keydir) : os_(os), keydir_(keydir) {}

  /// @returns the file, opened where it was not; it stays open as long as the
  ///   pointer is held. The caller holds no place.
  /// @throws IoError
  std::shared_ptr<const File> open(const std::shared_ptr<DataFile>& file);

  /// Closes files of which nobody holds a place.
  void close(const std::vector<std::shared_ptr<DataFile>>& files);

 private:
  void close_oldest();

  Os& os_;
  const Keydir& keydir_;
  std::mutex mutex_;
  std::deque<std::shared_ptr<DataFile>> open_;  // oldest first
};

}  // namespace strata::bitcask
