/// @file
/// A directory that is gone when its owner is.
#pragma once

#include <string>

namespace strata::bench {

/// A new directory of its own where temporary files belong (TMPDIR, else
/// /tmp), removed with all that is in it when this object ends.
class TemporaryDirectory {
 public:
  /// @throws IoError
  TemporaryDirectory();
  ~TemporaryDirectory();

  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  /// @returns its path.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// @returns the path of `name` in it.
  [[nodiscard]] std::string path(const std::string& name) const {
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

/// @returns the bytes of a file: those that are on disk, where it has holes; 0
///   when there is no such file.
[[nodiscard]] unsigned long long bytes_of_file(const std::string& path);

/// @returns the bytes of all files under `directory`, as `bytes_of_file` counts
///   them; 0 when there is none.
[[nodiscard]] unsigned long long bytes_under(const std::string& directory);

/// Copies all files of `from`, and the directories in it, into the directory
/// `to`, which is empty. Holes stay holes.
/// @throws IoError, std::filesystem::filesystem_error
void copy_files(const std::string& from, const std::string& to);

}  // namespace strata::bench
