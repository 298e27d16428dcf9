// A system that refuses to open more than so many files at once, as one does
// under `ulimit -n`.
#pragma once

#include <atomic>
#include <cerrno>
#include <string>

#include "common/os/os_wrapper.h"

namespace strata {

class FewDescriptors : public OsWrapper {
 public:
  /// @param os what opens the files
  /// @param most how many may be open at once
  FewDescriptors(Os& os, int most) : OsWrapper(os), most_(most) {}

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override {
    if (open_ >= most_) return -EMFILE;
    const OsResult fd = os().open(path, mode, why);
    if (fd >= 0) ++open_;
    return fd;
  }

  void close(int fd) override {
    --open_;
    os().close(fd);
  }

 private:
  const int most_;
  std::atomic<int> open_{0};
};

}  // namespace strata
