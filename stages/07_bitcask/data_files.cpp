#include "stages/07_bitcask/data_files.h"

#include <algorithm>

#include "common/store/segment_files.h"

namespace strata::bitcask {

namespace {

constexpr std::size_t kClosedTogether = 8;

}  // namespace

void FileCounts::add(const Place& place, std::size_t key_size) {
  ++keys;
  bytes += place.record_size(key_size);
  if (place.tstamp < oldest) oldest = place.tstamp;
  if (place.tstamp > newest) newest = place.tstamp;
}

void FileCounts::revive(std::uint64_t record_bytes, std::uint64_t records) {
  live_keys += records;
  live_bytes += record_bytes;
}

void FileCounts::kill(std::uint64_t record_bytes) {
  --live_keys;
  live_bytes -= record_bytes;
}

DataFile::DataFile(const Options& options, std::uint32_t id)
    : id_(id), path_(options.path_of(segment_name(id, kDataSuffix))) {}

std::string DataFile::name() const {
  return segment_name(id_, kDataSuffix);
}

std::string DataFile::hint_name() const {
  return segment_name(id_, kHintSuffix);
}

DataFile* FileSet::find(std::uint32_t id) const {
  const auto found = std::lower_bound(
      files.begin(), files.end(), id,
      [](const std::shared_ptr<DataFile>& file, std::uint32_t wanted) {
        return file->id() < wanted;
      });
  const bool there = found != files.end() && (*found)->id() == id;
  return there ? found->get() : nullptr;
}

std::shared_ptr<FileSet> FileSet::with(std::shared_ptr<DataFile> file) const {
  auto more = std::make_shared<FileSet>(*this);
  const auto place =
      std::find_if(more->files.begin(), more->files.end(),
                   [&](const auto& other) { return other->id() > file->id(); });
  more->files.insert(place, std::move(file));
  return more;
}

std::shared_ptr<const File> OpenFiles::open(
    const std::shared_ptr<DataFile>& file) {
  const std::scoped_lock hold(mutex_);
  if (file->owner_) return file->owner_;
  if (open_.size() >= kMost) close_oldest();
  file->owner_ = std::make_shared<const File>(
      File::open(os_, file->path(), OpenMode::kRead, "open the data file"));
  file->handle_.store(file->owner_.get(), std::memory_order_release);
  open_.push_back(file);
  return file->owner_;
}

void OpenFiles::close_oldest() {
  const auto end = open_.begin() + kClosedTogether;
  std::for_each(open_.begin(), end,
                [](const auto& file) { file->handle_ = nullptr; });
  keydir_.quiesce();
  std::for_each(open_.begin(), end,
                [](const auto& file) { file->owner_.reset(); });
  open_.erase(open_.begin(), end);
}

void OpenFiles::close(const std::vector<std::shared_ptr<DataFile>>& files) {
  const std::scoped_lock hold(mutex_);
  for (const auto& file : files) {
    const auto found = std::find(open_.begin(), open_.end(), file);
    if (found == open_.end()) continue;
    file->handle_ = nullptr;
    file->owner_.reset();
    open_.erase(found);
  }
}

}  // namespace strata::bitcask
