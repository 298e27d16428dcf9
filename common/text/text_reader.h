/// @file
/// `TextReader`: the lines of a text log, oldest first, read in blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "common/os/file.h"
#include "common/record/decoded.h"
#include "common/record/text_record.h"

namespace strata {

/// A line of a text log. The key lives in the reader until its next call.
struct TextLine {
  std::uint64_t offset = 0;        ///< of its first byte in the file
  std::uint64_t size = 0;          ///< in bytes, newline included
  std::string_view key{};          ///< empty where the line is no record
  std::uint64_t value_offset = 0;  ///< of the value's first byte in the file
  std::uint64_t value_size = 0;    ///< in bytes, newline excluded
};

/// Reads a text log from front to back, once, in constant memory: a block and
/// the longest key, however long the file and its lines are.
///
/// The block is found by memchr, byte strings at a time, and a line that lies
/// whole in it is never copied. Invariant: [`at_`, `limit_`) are the bytes
/// that have been read and not yet given out.
class TextReader {
 public:
  /// Bytes per read: small enough to stay in the processor's cache between
  /// the read and the search.
  static constexpr std::size_t kBlock = std::size_t{256} * 1024;

  /// @param file to read; must outlive the reader
  /// @param size how much of it to read, in bytes
  /// @param why told in the ledger
  TextReader(const File& file, std::uint64_t size, const char* why);

  /// Puts the next line into `line`.
  /// @returns `kRecord`; `kCorrupt` for a line that is no record; `kTorn` for
  ///   bytes behind the last newline; then `kEnd`.
  /// @throws IoError
  /// @complexity each byte of the file is read once, kBlock bytes a call.
  Decoded next(TextLine& line) {
    const auto unread = static_cast<std::size_t>(limit_ - at_);
    const char* newline =
        static_cast<const char*>(std::memchr(at_, '\n', unread));
    return newline == nullptr ? next_across_blocks(line) : take(newline, line);
  }

 private:
  static constexpr std::size_t kHead = kMaxTextKey + 1;

  // Gives out the line whose newline has been found.
  Decoded take(const char* newline, TextLine& line) {
    const auto length = static_cast<std::size_t>(newline - at_);
    const char* comma = static_cast<const char*>(std::memchr(at_, ',', length));
    const auto key_size =
        comma == nullptr ? 0 : static_cast<std::size_t>(comma - at_);
    line.offset = offset_of(at_);
    line.size = length + 1;
    line.key = {at_, key_size};
    line.value_offset = line.offset + key_size + 1;
    line.value_size = length - key_size - 1;
    at_ = newline + 1;
    return is_key_size(key_size) ? Decoded::kRecord : no_record(line);
  }

  static Decoded no_record(TextLine& line) {
    line.key = {};
    return Decoded::kCorrupt;
  }

  [[nodiscard]] std::uint64_t offset_of(const char* byte) const {
    return block_offset_ - static_cast<std::uint64_t>(block_ - byte);
  }

  Decoded next_across_blocks(TextLine& line);
  Decoded next_long_line(TextLine& line);
  bool refill();

  const File& file_;
  const std::uint64_t size_;
  const char* why_;
  std::unique_ptr<char[]> buffer_;  // kHead bytes for a carry, then the block
  char* block_;
  std::uint64_t block_offset_ = 0;  // of the block in the file
  const char* at_;
  const char* limit_;
  std::string long_key_;  // of a line that does not fit in the buffer
};

}  // namespace strata
