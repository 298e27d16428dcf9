#include "common/os/file_window.h"

#include <algorithm>
#include <cstring>

#include "common/store/errors.h"

namespace strata {

FileWindow::FileWindow(const File& file, std::uint64_t size, const char* why)
    : file_(file), size_(size), why_(why), buffer_(new char[kCapacity]) {}

// Lets the buffer begin at `offset`, keeping what it has of it, and fills it.
void FileWindow::slide(std::uint64_t offset, std::size_t want) {
  if (offset >= size_ || (end_ == size_ && offset >= begin_)) return;
  std::size_t kept = 0;
  if (offset >= begin_ && offset < end_) {
    kept = static_cast<std::size_t>(end_ - offset);
    std::memmove(buffer_.get(), buffer_.get() + (offset - begin_), kept);
  }
  begin_ = offset;
  end_ = offset + kept;
  const auto more =
      std::min<std::uint64_t>(std::max(kCapacity, want) - kept, size_ - end_);
  const std::size_t got = file_.read_at(end_, buffer_.get() + kept, more, why_);
  end_ += got;
  if (got < more) {
    throw Damage(file_.path(), end_, "the file has become shorter");
  }
}

std::string_view FileWindow::read_aside(std::uint64_t offset,
                                        std::size_t want) {
  aside_.resize(want);
  const auto there = offset < size_ ? size_ - offset : 0;
  aside_.resize(file_.read_at(offset, aside_.data(),
                              std::min<std::uint64_t>(want, there), why_));
  return aside_;
}

}  // namespace strata
