#include "common/os/recording_os.h"

#include <cassert>
#include <cerrno>
#include <utility>

namespace strata {

namespace {

using Kind = Change::Kind;

}  // namespace

RecordingOs::RecordingOs(Os& os, Image start) : OsWrapper(os) {
  for (const auto& entry : start.files) names_[entry.first] = next_file_++;
  trace_.start = std::move(start);
}

void RecordingOs::mark(std::uint64_t n) {
  const std::scoped_lock hold(mutex_);
  trace_.changes.push_back({.kind = Kind::kMark, .path = "", .value = n});
}

Trace RecordingOs::trace() const {
  const std::scoped_lock hold(mutex_);
  return trace_;
}

// Creating is tried as such first, which tells whether there was a change.
OsResult RecordingOs::open_or_create(const std::string& path, OpenMode mode,
                                     const char* why) {
  const OsResult fd = os().open(path, OpenMode::kCreateNew, why);
  if (fd == -EEXIST && mode == OpenMode::kCreate) {
    return os().open(path, mode, why);
  }
  if (fd < 0) return fd;
  const std::string clean = clean_path(path);
  names_[clean] = next_file_;
  trace_.changes.push_back(
      {.kind = Kind::kCreate, .path = clean, .file = next_file_++});
  return fd;
}

OsResult RecordingOs::open(const std::string& path, OpenMode mode,
                           const char* why) {
  const std::scoped_lock hold(mutex_);
  const bool creates =
      mode == OpenMode::kCreate || mode == OpenMode::kCreateNew;
  const OsResult fd =
      creates ? open_or_create(path, mode, why) : os().open(path, mode, why);
  if (fd < 0) return fd;
  Descriptor opened;
  opened.path = clean_path(path);
  opened.is_directory = mode == OpenMode::kDirectory;
  if (!opened.is_directory) {
    const auto known = names_.find(opened.path);
    assert(known != names_.end() && "start must hold every file");
    opened.file = known->second;
  }
  open_[static_cast<int>(fd)] = std::move(opened);
  return fd;
}

void RecordingOs::close(int fd) {
  const std::scoped_lock hold(mutex_);
  open_.erase(fd);
  os().close(fd);
}

OsResult RecordingOs::write_at(int fd, std::uint64_t offset,
                               std::string_view bytes, const char* why) {
  const std::scoped_lock hold(mutex_);
  const OsResult moved = os().write_at(fd, offset, bytes, why);
  if (moved <= 0) return moved;
  const Descriptor& file = open_.at(fd);
  trace_.changes.push_back(
      {.kind = Kind::kWrite,
       .path = file.path,
       .file = file.file,
       .value = offset,
       .bytes = std::string(bytes.substr(0, static_cast<std::size_t>(moved)))});
  return moved;
}

OsResult RecordingOs::sync(int fd, const char* why) {
  const std::scoped_lock hold(mutex_);
  const OsResult result = os().sync(fd, why);
  if (result < 0) return result;
  const Descriptor& synced = open_.at(fd);
  trace_.changes.push_back(
      {.kind = synced.is_directory ? Kind::kSyncDirectory : Kind::kSyncFile,
       .path = synced.path,
       .file = synced.file});
  return result;
}

OsResult RecordingOs::truncate(int fd, std::uint64_t size, const char* why) {
  const std::scoped_lock hold(mutex_);
  const OsResult result = os().truncate(fd, size, why);
  if (result < 0) return result;
  const Descriptor& file = open_.at(fd);
  trace_.changes.push_back({.kind = Kind::kTruncate,
                            .path = file.path,
                            .file = file.file,
                            .value = size});
  return result;
}

OsResult RecordingOs::rename(const std::string& from, const std::string& to,
                             const char* why) {
  const std::scoped_lock hold(mutex_);
  const OsResult result = os().rename(from, to, why);
  const std::string old_name = clean_path(from);
  const std::string new_name = clean_path(to);
  if (result < 0 || old_name == new_name) return result;
  const std::size_t file = names_.at(old_name);
  names_.erase(old_name);
  names_[new_name] = file;
  trace_.changes.push_back(
      {.kind = Kind::kRename, .path = old_name, .to = new_name, .file = file});
  return result;
}

OsResult RecordingOs::remove(const std::string& path, const char* why) {
  const std::scoped_lock hold(mutex_);
  const OsResult result = os().remove(path, why);
  if (result < 0) return result;
  const auto found = names_.find(clean_path(path));
  assert(found != names_.end() && "start must hold every file");
  trace_.changes.push_back(
      {.kind = Kind::kRemove, .path = found->first, .file = found->second});
  names_.erase(found);
  return result;
}

OsResult RecordingOs::make_dir(const std::string& path, const char* why) {
  const std::scoped_lock hold(mutex_);
  const OsResult result = os().make_dir(path, why);
  if (result < 0) return result;
  trace_.changes.push_back(
      {.kind = Kind::kMakeDirectory, .path = clean_path(path)});
  return result;
}

}  // namespace strata
