/// @file
/// Where the benchmarks keep their files, and how it is all gone in the end,
/// however the end comes.
#pragma once

#include <string>

#include "bench/temporary.h"

namespace strata::bench {

/// The process's directory for everything temporary: TMPDIR is set to it. A
/// child of its own waits for the end of the process, be it Ctrl-C or kill -9,
/// and removes what is still there. One at a time, before there are threads.
class Scratch {
 public:
  /// @throws std::system_error, IoError
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// @returns its path.
  [[nodiscard]] const std::string& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  int alive_ = -1;  // closed by the system when the process ends
  int janitor_ = -1;
};

}  // namespace strata::bench
