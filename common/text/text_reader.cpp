#include "common/text/text_reader.h"

#include <algorithm>

namespace strata {

TextReader::TextReader(const File& file, std::uint64_t size, const char* why)
    : file_(file),
      size_(size),
      why_(why),
      buffer_(new char[kHead + kBlock]),
      block_(buffer_.get() + kHead),
      at_(block_),
      limit_(block_) {}

// Moves what is left in front of the block and reads the next block behind it.
// False at the end of the file.
bool TextReader::refill() {
  const auto carry = static_cast<std::size_t>(limit_ - at_);
  block_offset_ += static_cast<std::uint64_t>(limit_ - block_);
  std::memmove(block_ - carry, at_, carry);
  at_ = block_ - carry;
  const auto want = std::min<std::uint64_t>(kBlock, size_ - block_offset_);
  limit_ = block_ + file_.read_at(block_offset_, block_, want, why_);
  return limit_ > block_;
}

Decoded TextReader::next_across_blocks(TextLine& line) {
  while (static_cast<std::size_t>(limit_ - at_) <= kHead) {
    const auto searched = static_cast<std::size_t>(limit_ - at_);
    if (!refill()) {
      line = {.offset = offset_of(at_), .size = searched};
      at_ = limit_;
      return searched == 0 ? Decoded::kEnd : Decoded::kTorn;
    }
    const char* from = at_ + searched;
    const char* newline = static_cast<const char*>(
        std::memchr(from, '\n', static_cast<std::size_t>(limit_ - from)));
    if (newline != nullptr) return take(newline, line);
  }
  return next_long_line(line);
}

// The line's head, which holds its key if it has one, is in the buffer; the
// rest is passed over block by block.
Decoded TextReader::next_long_line(TextLine& line) {
  const std::string_view head(at_, kHead);
  const std::size_t comma = head.find(',');
  line = {.offset = offset_of(at_), .size = 0};
  long_key_ = head.substr(0, comma);
  while (true) {
    at_ = limit_;
    if (!refill()) {
      line.size = offset_of(limit_) - line.offset;
      return Decoded::kTorn;
    }
    const char* newline = static_cast<const char*>(
        std::memchr(at_, '\n', static_cast<std::size_t>(limit_ - at_)));
    if (newline == nullptr) continue;
    at_ = newline + 1;
    line.size = offset_of(at_) - line.offset;
    if (!is_key_size(comma)) return Decoded::kCorrupt;
    line.key = long_key_;
    line.value_offset = line.offset + comma + 1;
    line.value_size = line.size - comma - 2;
    return Decoded::kRecord;
  }
}

}  // namespace strata
