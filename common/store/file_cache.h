/// @file
/// `FileCache`: many files to read, few of them open.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/os/file.h"

namespace strata {

/// Opens files for reading and keeps the last used ones open: a process may
/// have but so many descriptors, and a store may have more segments. For many
/// threads at once.
class FileCache {
 public:
  /// How many files a stage keeps open: half of what `ulimit -n 64` allows.
  static constexpr std::size_t kUsual = 32;

  /// @param os through which files are opened; must outlive the cache
  /// @param capacity how many stay open, at least 1
  explicit FileCache(Os& os, std::size_t capacity = kUsual)
      : os_(os), capacity_(capacity) {}

  /// @returns the file, opened where it was not. It stays open as long as the
  ///   pointer is held, also when the cache lets it go.
  /// @throws IoError
  std::shared_ptr<const File> open(const std::string& path, const char* why);

  /// Lets a file go: it has been deleted or replaced.
  void forget(const std::string& path);

 private:
  using Entry = std::pair<std::string, std::shared_ptr<const File>>;

  Os& os_;
  std::size_t capacity_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // the last used first
  std::unordered_map<std::string, std::list<Entry>::iterator> where_;
};

}  // namespace strata
