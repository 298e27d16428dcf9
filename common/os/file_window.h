/// @file
/// `FileWindow`: a file read front to back through a buffer of fixed size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/os/file.h"

namespace strata {

/// The first `size` bytes of a file, a stretch of which is in memory. Moving
/// on reads each byte once, in large blocks; moving back reads again.
class FileWindow {
 public:
  /// The most bytes that can be looked at together.
  static constexpr std::size_t kCapacity = std::size_t{256} * 1024;

  /// @param file must outlive the window
  /// @param size the bytes to look at; what is behind them does not exist
  /// @param why told in the ledger
  FileWindow(const File& file, std::uint64_t size, const char* why);

  /// @returns the bytes from `offset` on, `want` of them or as many as there
  ///   are before the end; valid until the next call.
  /// @param want at most kCapacity
  /// @throws IoError; Damage when the file has become shorter than `size`
  [[nodiscard]] std::string_view at(std::uint64_t offset, std::size_t want) {
    if (offset < begin_ || offset + want > end_) slide(offset, want);
    if (offset >= end_) return {};
    return std::string_view(buffer_.get(), end_ - begin_)
        .substr(offset - begin_, want);
  }

  /// As `at`, but leaves the window where it is: for a few bytes far away.
  [[nodiscard]] std::string_view peek(std::uint64_t offset, std::size_t want) {
    const bool here = offset >= begin_ && offset + want <= end_;
    return here ? at(offset, want) : read_aside(offset, want);
  }

  /// @returns how many bytes there are to look at.
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  void slide(std::uint64_t offset, std::size_t want);
  std::string_view read_aside(std::uint64_t offset, std::size_t want);

  const File& file_;
  const std::uint64_t size_;
  const char* why_;
  std::unique_ptr<char[]> buffer_;
  std::string aside_;
  std::uint64_t begin_ = 0;  // the buffer holds [begin_, end_) of the file
  std::uint64_t end_ = 0;
};

}  // namespace strata
