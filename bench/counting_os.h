/// @file
/// Counts what is written, by whichever thread: what write amplification is
/// computed from.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "common/os/os_wrapper.h"

namespace strata::bench {

/// An `Os` that hands every call on and sums up what was written.
class CountingOs final : public OsWrapper {
 public:
  using OsWrapper::OsWrapper;

  [[nodiscard]] OsResult write_at(int fd, std::uint64_t offset,
                                  std::string_view bytes,
                                  const char* why) override {
    const OsResult result = OsWrapper::write_at(fd, offset, bytes, why);
    if (result > 0) written_ += static_cast<std::uint64_t>(result);
    return result;
  }

  /// @returns the bytes written so far.
  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  std::atomic<std::uint64_t> written_{0};
};

}  // namespace strata::bench
