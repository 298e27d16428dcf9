/// @file
/// Disks in memory for Python: one that is recorded, and what a crash may have
/// left of it.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/os/memory_os.h"
#include "common/os/recording_os.h"

namespace strata::python {

/// A disk in memory that writes down what is done to it.
class Recorder {
 public:
  /// @returns the disk as a store sees it.
  [[nodiscard]] Os& os() { return recording_; }

  /// Notes that one more operation was acknowledged.
  /// @returns its number, rising from 1
  std::uint64_t mark();

  /// @returns what was done to the disk, oldest first.
  [[nodiscard]] pybind11::list changes() const;

  /// @param kind "power cut" or "kill"
  /// @param without syncs that are taken for not made, as numbers of changes,
  ///   from 1
  /// @returns every state that such an end at any point could have left: what,
  ///   changes, acknowledged, files and directories
  /// @throws InvalidInput when there is no such kind or sync
  [[nodiscard]] pybind11::list states(
      const std::string& kind, const std::vector<std::size_t>& without) const;

 private:
  MemoryOs disk_;
  RecordingOs recording_{disk_};
  std::uint64_t acknowledged_ = 0;
};

/// @returns the bytes of each file by its path.
[[nodiscard]] pybind11::dict files_of(const Image& image);

/// @returns an image of files and directories, as a state has them.
[[nodiscard]] Image image_of(const pybind11::dict& files,
                             const pybind11::list& directories);

/// Makes `Disk` and `Recorder` known to Python.
void register_crash_states(pybind11::module_& module);

}  // namespace strata::python
