#include "common/os/posix_os.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <random>

namespace strata {

namespace {

// The answer of a call that returns -1 and sets errno.
OsResult answer(std::int64_t result) {
  return result < 0 ? -errno : result;
}

int flags_of(OpenMode mode) {
  // Not to block: opening a pipe in place of a file would wait for ever.
  constexpr int kAlways = O_CLOEXEC | O_NONBLOCK;
  switch (mode) {
    case OpenMode::kRead:
      return kAlways | O_NOFOLLOW | O_RDONLY;
    case OpenMode::kWrite:
      return kAlways | O_NOFOLLOW | O_RDWR;
    case OpenMode::kCreate:
      return kAlways | O_NOFOLLOW | O_RDWR | O_CREAT;
    case OpenMode::kCreateNew:
      return kAlways | O_NOFOLLOW | O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kDirectory:
      break;
  }
  return kAlways | O_RDONLY | O_DIRECTORY;
}

class PosixOs : public Os {
 public:
  PosixOs() { std::signal(SIGXFSZ, SIG_IGN); }

  OsResult open(const std::string& path, OpenMode mode,
                const char* /*why*/) override {
    const int fd = ::open(path.c_str(), flags_of(mode), 0666);
    if (fd < 0) return -errno;

    struct stat status {};

    OsResult error = 0;
    if (::fstat(fd, &status) != 0) {
      error = -errno;
    } else if (mode != OpenMode::kDirectory && !S_ISREG(status.st_mode)) {
      error = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    }
    if (error == 0) return fd;
    ::close(fd);
    return error;
  }

  void close(int fd) override { ::close(fd); }

  OsResult read_at(int fd, std::uint64_t offset, char* out, std::size_t size,
                   const char* /*why*/) override {
    return answer(::pread(fd, out, size, static_cast<off_t>(offset)));
  }

  OsResult write_at(int fd, std::uint64_t offset, std::string_view bytes,
                    const char* /*why*/) override {
    return answer(
        ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)));
  }

  OsResult sync(int fd, const char* /*why*/) override {
    return answer(::fsync(fd));
  }

  OsResult truncate(int fd, std::uint64_t size, const char* /*why*/) override {
    return answer(::ftruncate(fd, static_cast<off_t>(size)));
  }

  OsResult size(int fd, const char* /*why*/) override {
    struct stat status {};

    return ::fstat(fd, &status) != 0 ? -errno : OsResult{status.st_size};
  }

  OsResult mode(int fd, const char* /*why*/) override {
    struct stat status {};

    return ::fstat(fd, &status) != 0 ? -errno
                                     : OsResult{status.st_mode & 07777};
  }

  OsResult lock(int fd, const char* /*why*/) override {
    return answer(::flock(fd, LOCK_EX | LOCK_NB));
  }

  OsResult rename(const std::string& from, const std::string& to,
                  const char* /*why*/) override {
    return answer(::rename(from.c_str(), to.c_str()));
  }

  OsResult remove(const std::string& path, const char* /*why*/) override {
    return answer(::unlink(path.c_str()));
  }

  OsResult make_dir(const std::string& path, const char* /*why*/) override {
    return answer(::mkdir(path.c_str(), 0777));
  }

  OsResult list(const std::string& path, std::vector<std::string>& names,
                const char* /*why*/) override {
    names.clear();
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(
        ::opendir(path.c_str()), [](DIR* open) { return ::closedir(open); });
    if (directory == nullptr) return -errno;
    errno = 0;
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string_view name = static_cast<const char*>(entry->d_name);
      if (name != "." && name != "..") names.emplace_back(name);
    }
    return -errno;
  }

  OsResult map(int fd, std::size_t size, const char** out,
               const char* /*why*/) override {
    void* start = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (start == MAP_FAILED) return -errno;
    *out = static_cast<const char*>(start);
    return 0;
  }

  void unmap(const char* start, std::size_t size) override {
    ::munmap(const_cast<char*>(start), size);
  }

  std::uint64_t now_seconds() override {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(now).count());
  }

  std::uint64_t ticks_ns() override {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  }

  std::uint64_t random() override {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
  }

  std::uint64_t process_id() override {
    return static_cast<std::uint64_t>(::getpid());
  }
};

}  // namespace

Os& posix_os() {
  static PosixOs os;
  return os;
}

}  // namespace strata
