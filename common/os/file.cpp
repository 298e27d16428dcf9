#include "common/os/file.h"

#include <algorithm>
#include <cerrno>

#include "common/store/errors.h"

namespace strata {

namespace {

// Calls `call` until it is not interrupted.
template <typename SystemCall>
OsResult resume(const SystemCall& call) {
  OsResult result = 0;
  do {
    result = call();
  } while (result == -EINTR);
  return result;
}

// The value of a call, or the exception that says why there is none.
OsResult value_of(OsResult result, const char* operation,
                  const std::string& path) {
  if (result < 0) {
    throw IoError(operation, path, static_cast<int>(-result));
  }
  return result;
}

std::string parent_of(const std::string& path) {
  const auto end = path.find_last_not_of('/');
  const auto slash = path.rfind('/', end);
  if (slash == std::string::npos) return ".";
  const auto last = path.find_last_not_of('/', slash);
  return last == std::string::npos ? "/" : path.substr(0, last + 1);
}

}  // namespace

void Descriptor::sync(const char* why) {
  if (sync_failed_) throw IoError("an earlier sync failed", path_, EIO);
  const OsResult result = resume([&] { return os_->sync(fd_, why); });
  sync_failed_ = result < 0;
  value_of(result, "cannot sync", path_);
}

File File::open(Os& os, const std::string& path, OpenMode mode,
                const char* why) {
  const OsResult fd = resume([&] { return os.open(path, mode, why); });
  return File(os, static_cast<int>(value_of(fd, "cannot open", path)), path);
}

std::optional<File> File::open_if_there(Os& os, const std::string& path,
                                        const char* why) {
  const OsResult fd =
      resume([&] { return os.open(path, OpenMode::kRead, why); });
  if (fd == -ENOENT) return std::nullopt;
  return File(os, static_cast<int>(value_of(fd, "cannot open", path)), path);
}

std::size_t File::read_at(std::uint64_t offset, char* out, std::size_t size,
                          const char* why) const {
  std::size_t done = 0;
  while (done < size) {
    const auto got =
        value_of(resume([&] {
                   return os().read_at(fd(), offset + done, out + done,
                                       size - done, why);
                 }),
                 "cannot read", path());
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void File::write_at(std::uint64_t offset, std::string_view bytes,
                    const char* why) {
  while (!bytes.empty()) {
    const auto done = value_of(
        resume([&] { return os().write_at(fd(), offset, bytes, why); }),
        "cannot write", path());
    if (done == 0) throw IoError("cannot write", path(), ENOSPC);
    offset += static_cast<std::uint64_t>(done);
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
}

void File::truncate(std::uint64_t size, const char* why) {
  value_of(resume([&] { return os().truncate(fd(), size, why); }), "cannot cut",
           path());
}

std::uint64_t File::size(const char* why) const {
  return static_cast<std::uint64_t>(value_of(
      resume([&] { return os().size(fd(), why); }), "cannot measure", path()));
}

unsigned File::mode(const char* why) const {
  const OsResult mode = resume([&] { return os().mode(fd(), why); });
  return static_cast<unsigned>(value_of(mode, "cannot look at", path()));
}

Directory Directory::open(Os& os, const std::string& path, const char* why) {
  const OsResult fd =
      resume([&] { return os.open(path, OpenMode::kDirectory, why); });
  return {os, static_cast<int>(value_of(fd, "cannot open", path)), path};
}

Directory Directory::open_or_make(Os& os, const std::string& path,
                                  bool durable) {
  const auto try_open = [&] {
    return resume(
        [&] { return os.open(path, OpenMode::kDirectory, "find the store"); });
  };
  OsResult fd = try_open();
  if (fd == -ENOENT) {
    make(os, path, durable);
    fd = try_open();
  }
  Directory found(os, static_cast<int>(value_of(fd, "cannot open", path)),
                  path);
  if (durable) open(os, parent_of(path), "find it").sync("keep the name");
  return found;
}

void Directory::make(Os& os, const std::string& path, bool durable) {
  const auto try_make = [&] {
    return resume(
        [&] { return os.make_dir(path, "make the store's directory"); });
  };
  OsResult result = try_make();
  const std::string parent = parent_of(path);
  if (result == -ENOENT && parent != path) {
    (void)open_or_make(os, parent, durable);
    result = try_make();
  }
  if (result != -EEXIST) value_of(result, "cannot make", path);
}

void Directory::lock(const char* why) {
  const OsResult result = resume([&] { return os().lock(fd(), why); });
  if (result == -EWOULDBLOCK) throw Busy(path());
  value_of(result, "cannot lock", path());
}

void remove_file(Os& os, const std::string& path, const char* why) {
  const OsResult result = resume([&] { return os.remove(path, why); });
  if (result != -ENOENT) value_of(result, "cannot remove", path);
}

void rename_file(Os& os, const std::string& from, const std::string& to,
                 const char* why) {
  value_of(resume([&] { return os.rename(from, to, why); }), "cannot rename to",
           to);
}

std::vector<std::string> list_directory(Os& os, const std::string& path,
                                        const char* why) {
  std::vector<std::string> names;
  const OsResult result = resume([&] { return os.list(path, names, why); });
  if (result == -ENOENT) return {};
  value_of(result, "cannot list", path);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace strata
