/// @file
/// The calls that the whole process makes, as the operating system counts
/// them: what is told of peers, which do not go through our seam.
#pragma once

#include <cstdint>
#include <optional>

namespace strata::bench {

/// Calls that read and write, and their bytes; of files, pipes and all else.
/// What goes through mapped files, and what waits for the disk, is not in it.
struct ProcessIo {
  std::uint64_t reads = 0;          ///< calls
  std::uint64_t bytes_read = 0;     ///< by all of them
  std::uint64_t writes = 0;         ///< calls
  std::uint64_t bytes_written = 0;  ///< by all of them
};

/// Counts from when it is made. It is Linux that tells, in /proc/self/io.
class IoMeter {
 public:
  IoMeter();

  /// @returns what the process has done since, the meter's own reads not
  ///   counted; nothing where the system does not tell.
  [[nodiscard]] std::optional<ProcessIo> since() const;

 private:
  std::optional<ProcessIo> start_;
};

}  // namespace strata::bench
