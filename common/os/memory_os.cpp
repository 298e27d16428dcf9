#include "common/os/memory_os.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace strata {

std::string clean_path(std::string_view path) {
  const bool absolute = !path.empty() && path.front() == '/';
  std::string clean;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (absolute || !clean.empty()) clean += '/';
    clean += part;
  }
  if (clean.empty()) return absolute ? "/" : ".";
  return clean;
}

std::string parent_of_clean(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<std::size_t>(slash, 1)));
}

MemoryOs::MemoryOs(const Image& image) {
  for (const std::string& path : image.directories) put_directory(path);
  for (const auto& [path, bytes] : image.files) put(path, bytes);
}

Image MemoryOs::image() const {
  const std::scoped_lock hold(mutex_);
  Image image;
  for (const auto& [path, node] : names_) {
    if (node->is_directory) {
      image.directories.insert(path);
    } else {
      image.files.emplace(path, node->bytes);
    }
  }
  return image;
}

void MemoryOs::put(const std::string& path, std::string_view bytes) {
  const std::scoped_lock hold(mutex_);
  const std::string clean = clean_path(path);
  make_parents(clean);
  auto& node = names_[clean];
  if (node == nullptr) node = std::make_shared<Node>();
  node->bytes = bytes;
}

void MemoryOs::put_directory(const std::string& path) {
  const std::scoped_lock hold(mutex_);
  const std::string clean = clean_path(path);
  make_parents(clean);
  if (find(clean) == nullptr) {
    names_[clean] = std::make_shared<Node>(Node{.is_directory = true});
  }
}

void MemoryOs::set_now(std::uint64_t seconds) {
  const std::scoped_lock hold(mutex_);
  now_ = seconds;
}

void MemoryOs::set_seed(std::uint64_t seed) {
  const std::scoped_lock hold(mutex_);
  random_ = seed;
}

MemoryOs::Node* MemoryOs::find(const std::string& path) {
  if (path == "/") return root_.get();
  if (path == ".") return here_.get();
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : found->second.get();
}

// Whether a name can be looked up: 0, or the error.
OsResult MemoryOs::check_parent(const std::string& path) {
  const std::string parent = parent_of_clean(path);
  const Node* node = find(parent);
  if (node == nullptr) {
    const OsResult above = check_parent(parent);
    return above != 0 ? above : -ENOENT;
  }
  return node->is_directory ? 0 : -ENOTDIR;
}

void MemoryOs::make_parents(const std::string& path) {
  const std::string parent = parent_of_clean(path);
  if (find(parent) != nullptr) return;
  make_parents(parent);
  names_[parent] = std::make_shared<Node>(Node{.is_directory = true});
}

// 0 when there is then a node at `path` that can be opened in `mode`.
OsResult MemoryOs::open_node(const std::string& path, OpenMode mode) {
  if (const OsResult error = check_parent(path); error != 0) return error;
  const Node* node = find(path);
  const bool creates =
      mode == OpenMode::kCreate || mode == OpenMode::kCreateNew;
  if (node == nullptr) {
    if (!creates) return -ENOENT;
    names_[path] = std::make_shared<Node>();
    return 0;
  }
  if (mode == OpenMode::kCreateNew) return -EEXIST;
  if (mode == OpenMode::kDirectory) return node->is_directory ? 0 : -ENOTDIR;
  return node->is_directory ? -EISDIR : 0;
}

OsResult MemoryOs::open(const std::string& path, OpenMode mode,
                        const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  const std::string clean = clean_path(path);
  if (const OsResult error = open_node(clean, mode); error != 0) return error;
  int fd = 3;
  while (open_.count(fd) > 0) ++fd;
  auto node = clean == "/" ? root_ : clean == "." ? here_ : names_[clean];
  const bool writable = mode != OpenMode::kRead && mode != OpenMode::kDirectory;
  open_[fd] = {.node = std::move(node), .writable = writable};
  return fd;
}

void MemoryOs::close(int fd) {
  const std::scoped_lock hold(mutex_);
  const auto found = open_.find(fd);
  if (found == open_.end()) return;
  if (found->second.node->locked_by == fd) found->second.node->locked_by = -1;
  open_.erase(found);
}

// Finds the file behind a descriptor: 0, or the error.
OsResult MemoryOs::node_of(int fd, bool to_write, Node*& node) {
  const auto found = open_.find(fd);
  if (found == open_.end()) return -EBADF;
  if (to_write && !found->second.writable) return -EBADF;
  node = found->second.node.get();
  return node->is_directory ? -EISDIR : 0;
}

OsResult MemoryOs::read_at(int fd, std::uint64_t offset, char* out,
                           std::size_t size, const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  Node* node = nullptr;
  if (const OsResult error = node_of(fd, false, node); error != 0) return error;
  if (offset >= node->bytes.size()) return 0;
  const std::size_t moved =
      node->bytes.copy(out, size, static_cast<std::size_t>(offset));
  return static_cast<OsResult>(moved);
}

OsResult MemoryOs::write_at(int fd, std::uint64_t offset,
                            std::string_view bytes, const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  Node* node = nullptr;
  if (const OsResult error = node_of(fd, true, node); error != 0) return error;
  if (offset > kMaxFileBytes || bytes.size() > kMaxFileBytes - offset) {
    return -EFBIG;
  }
  if (bytes.empty()) return 0;
  const auto at = static_cast<std::size_t>(offset);
  node->bytes.resize(std::max(node->bytes.size(), at + bytes.size()));
  bytes.copy(node->bytes.data() + at, bytes.size());
  return static_cast<OsResult>(bytes.size());
}

OsResult MemoryOs::sync(int fd, const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  return open_.count(fd) > 0 ? 0 : -EBADF;
}

OsResult MemoryOs::truncate(int fd, std::uint64_t size, const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  Node* node = nullptr;
  if (const OsResult error = node_of(fd, true, node); error != 0) return error;
  if (size > kMaxFileBytes) return -EFBIG;
  node->bytes.resize(static_cast<std::size_t>(size));
  return 0;
}

OsResult MemoryOs::size(int fd, const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  Node* node = nullptr;
  if (const OsResult error = node_of(fd, false, node); error != 0) return error;
  return static_cast<OsResult>(node->bytes.size());
}

OsResult MemoryOs::mode(int fd, const char* /*why*/) {
  constexpr OsResult kReadAndWrite = 0644;
  const std::scoped_lock hold(mutex_);
  return open_.count(fd) > 0 ? kReadAndWrite : -EBADF;
}

OsResult MemoryOs::lock(int fd, const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  const auto found = open_.find(fd);
  if (found == open_.end()) return -EBADF;
  int& holder = found->second.node->locked_by;
  if (holder != -1 && holder != fd) return -EWOULDBLOCK;
  holder = fd;
  return 0;
}

OsResult MemoryOs::rename(const std::string& from, const std::string& to,
                          const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  const std::string old_name = clean_path(from);
  const std::string new_name = clean_path(to);
  for (const std::string& name : {old_name, new_name}) {
    if (const OsResult error = check_parent(name); error != 0) return error;
    const Node* node = find(name);
    if (node != nullptr && node->is_directory) return -EISDIR;
  }
  const auto node = names_.find(old_name);
  if (node == names_.end()) return -ENOENT;
  if (old_name == new_name) return 0;
  names_[new_name] = node->second;
  names_.erase(node);
  return 0;
}

OsResult MemoryOs::remove(const std::string& path, const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  const std::string clean = clean_path(path);
  if (const OsResult error = check_parent(clean); error != 0) return error;
  const Node* node = find(clean);
  if (node == nullptr) return -ENOENT;
  if (node->is_directory) return -EISDIR;
  names_.erase(clean);
  return 0;
}

OsResult MemoryOs::make_dir(const std::string& path, const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  const std::string clean = clean_path(path);
  if (const OsResult error = check_parent(clean); error != 0) return error;
  if (find(clean) != nullptr) return -EEXIST;
  names_[clean] = std::make_shared<Node>(Node{.is_directory = true});
  return 0;
}

OsResult MemoryOs::list(const std::string& path,
                        std::vector<std::string>& names, const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  names.clear();
  const std::string clean = clean_path(path);
  if (const OsResult error = check_parent(clean); error != 0) return error;
  const Node* node = find(clean);
  if (node == nullptr) return -ENOENT;
  if (!node->is_directory) return -ENOTDIR;
  for (const auto& entry : names_) {
    const std::string& name = entry.first;
    if (parent_of_clean(name) != clean) continue;
    names.push_back(name.substr(name.rfind('/') + 1));
  }
  return 0;
}

OsResult MemoryOs::map(int fd, std::size_t size, const char** out,
                       const char* /*why*/) {
  const std::scoped_lock hold(mutex_);
  Node* node = nullptr;
  if (const OsResult error = node_of(fd, false, node); error != 0) return error;
  if (size == 0) return -EINVAL;
  if (size > kMaxFileBytes) return -ENOMEM;
  auto copy = std::make_unique<char[]>(size);
  node->bytes.copy(copy.get(), size);
  *out = copy.get();
  maps_[*out] = std::move(copy);
  return 0;
}

void MemoryOs::unmap(const char* start, std::size_t /*size*/) {
  const std::scoped_lock hold(mutex_);
  maps_.erase(start);
}

std::uint64_t MemoryOs::now_seconds() {
  const std::scoped_lock hold(mutex_);
  return now_;
}

std::uint64_t MemoryOs::ticks_ns() {
  const std::scoped_lock hold(mutex_);
  return ticks_ += 1000;
}

// SplitMix64.
std::uint64_t MemoryOs::random() {
  const std::scoped_lock hold(mutex_);
  std::uint64_t mixed = random_ += 0x9E3779B97F4A7C15;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
  return mixed ^ (mixed >> 31);
}

}  // namespace strata
