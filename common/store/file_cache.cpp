#include "common/store/file_cache.h"

namespace strata {

std::shared_ptr<const File> FileCache::open(const std::string& path,
                                            const char* why) {
  const std::scoped_lock hold(mutex_);
  const auto found = where_.find(path);
  if (found != where_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front().second;
  }
  if (entries_.size() >= capacity_) {
    where_.erase(entries_.back().first);
    entries_.pop_back();
  }
  entries_.emplace_front(path, std::make_shared<const File>(File::open(
                                   os_, path, OpenMode::kRead, why)));
  where_[path] = entries_.begin();
  return entries_.front().second;
}

void FileCache::forget(const std::string& path) {
  const std::scoped_lock hold(mutex_);
  const auto found = where_.find(path);
  if (found == where_.end()) return;
  entries_.erase(found->second);
  where_.erase(found);
}

}  // namespace strata
