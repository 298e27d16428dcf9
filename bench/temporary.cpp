#include "bench/temporary.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "common/store/errors.h"

namespace strata::bench {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory()
    : path_((fs::temp_directory_path() / "strata-bench-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) {
    throw IoError("cannot make a directory", path_, errno);
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

unsigned long long bytes_under(const std::string& directory) {
  unsigned long long bytes = 0;
  std::error_code gone;
  for (auto at = fs::recursive_directory_iterator(directory, gone);
       !gone && at != fs::end(at); at.increment(gone)) {
    std::error_code merged_away;
    if (!at->is_regular_file(merged_away) || merged_away) continue;

    struct stat of {};

    if (::stat(at->path().c_str(), &of) != 0) continue;
    constexpr unsigned long long kBlockBytes = 512;  // as stat counts them
    bytes +=
        std::min(static_cast<unsigned long long>(of.st_size),
                 static_cast<unsigned long long>(of.st_blocks) * kBlockBytes);
  }
  return bytes;
}

namespace {

// A descriptor for the length of a copy.
class Open {
 public:
  Open(const fs::path& path, int flags)
      : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    check(fd_, "cannot open");
  }

  ~Open() { ::close(fd_); }

  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  // @returns the result of a call, which is no error.
  off_t check(off_t result, const char* what) const {
    if (result < 0) throw IoError(what, path_.string(), errno);
    return result;
  }

 private:
  fs::path path_;
  int fd_;
};

void copy_one(const fs::path& from, const fs::path& to) {
  const Open in(from, O_RDONLY);
  const Open out(to, O_WRONLY | O_CREAT | O_EXCL);
  const off_t size = in.check(::lseek(in.fd(), 0, SEEK_END), "cannot measure");
  out.check(::ftruncate(out.fd(), size), "cannot size");
  for (off_t at = 0; at < size;) {
    at = ::lseek(in.fd(), at, SEEK_DATA);
    if (at < 0) break;  // nothing but a hole to the end
    const off_t end = in.check(::lseek(in.fd(), at, SEEK_HOLE), "cannot copy");
    off_t there = at;
    while (at < end) {
      const off_t copied =
          in.check(::copy_file_range(in.fd(), &at, out.fd(), &there,
                                     static_cast<std::size_t>(end - at), 0),
                   "cannot copy");
      if (copied == 0)
        throw IoError("ends before its size", from.string(), EIO);
    }
  }
}

}  // namespace

void copy_files(const std::string& from, const std::string& to) {
  for (const auto& entry : fs::directory_iterator(from)) {
    const fs::path there = to / entry.path().filename();
    if (entry.is_directory()) {
      fs::create_directory(there);
      copy_files(entry.path(), there);
    } else {
      copy_one(entry.path(), there);
    }
  }
}

}  // namespace strata::bench
