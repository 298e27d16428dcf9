#include "bench/temporary.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

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

unsigned long long bytes_of_file(const std::string& path) {
  struct stat of {};

  if (::stat(path.c_str(), &of) != 0) return 0;
  constexpr unsigned long long kBlockBytes = 512;  // as stat counts them
  return std::min(static_cast<unsigned long long>(of.st_size),
                  static_cast<unsigned long long>(of.st_blocks) * kBlockBytes);
}

unsigned long long bytes_under(const std::string& directory) {
  unsigned long long bytes = 0;
  std::error_code gone;
  for (auto at = fs::recursive_directory_iterator(directory, gone);
       !gone && at != fs::end(at); at.increment(gone)) {
    std::error_code merged_away;
    if (!at->is_regular_file(merged_away) || merged_away) continue;
    bytes += bytes_of_file(at->path());
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
    if (result < 0) fail(what, errno);
    return result;
  }

  [[noreturn]] void fail(const char* what, int error) const {
    throw IoError(what, path_.string(), error);
  }

 private:
  fs::path path_;
  int fd_;
};

// Copies what is in [at, end), by reading and writing: the copy is then in the
// page cache, as what a store has just written is, on every file system.
void copy_range(const Open& in, const Open& out, off_t at, off_t end) {
  std::vector<char> piece(std::size_t{1} << 20);
  while (at < end) {
    const auto most =
        std::min(static_cast<std::size_t>(end - at), piece.size());
    const off_t got =
        in.check(::pread(in.fd(), piece.data(), most, at), "cannot copy");
    if (got == 0) in.fail("ends before its size", EIO);
    for (off_t written = 0; written < got;) {
      written += out.check(
          ::pwrite(out.fd(), piece.data() + written,
                   static_cast<std::size_t>(got - written), at + written),
          "cannot copy");
    }
    at += got;
  }
}

void copy_one(const fs::path& from, const fs::path& to) {
  const Open in(from, O_RDONLY);
  const Open out(to, O_WRONLY | O_CREAT | O_EXCL);
  const off_t size = in.check(::lseek(in.fd(), 0, SEEK_END), "cannot measure");
  out.check(::ftruncate(out.fd(), size), "cannot size");
  for (off_t at = 0; at < size;) {
    at = ::lseek(in.fd(), at, SEEK_DATA);
    if (at < 0 && errno == ENXIO) break;  // nothing but a hole to the end
    in.check(at, "cannot copy");
    const off_t end = in.check(::lseek(in.fd(), at, SEEK_HOLE), "cannot copy");
    copy_range(in, out, at, end);
    at = end;
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
