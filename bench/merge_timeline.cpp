// Draws a merge of stage 06 as it was carried out: a line a file, a column a
// call, from a run in memory that is the same each time. Chapter 06 shows it.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/os/memory_os.h"
#include "common/os/os_wrapper.h"
#include "stages/06_compaction/store.h"

namespace strata {
namespace {

constexpr const char* kDirectory = "db";

// What one call did to one file.
struct Event {
  std::string file;
  char sign;
};

// Writes down what is done to files, and lets others have their turn before a
// call of the merge. Their calls are written down in capitals.
class Watch : public OsWrapper {
 public:
  using OsWrapper::OsWrapper;

  std::vector<Event> events;
  std::function<void(char sign)> before;

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override {
    if (mode == OpenMode::kCreateNew) enter(path, 'c', why);
    const OsResult fd = os().open(path, mode, why);
    if (fd >= 0) {
      const auto at = static_cast<std::size_t>(fd);
      paths_.resize(std::max(paths_.size(), at + 1));
      paths_[at] = path;
    }
    return fd;
  }

  [[nodiscard]] OsResult read_at(int fd, std::uint64_t offset, char* out,
                                 std::size_t size, const char* why) override {
    enter(path_of(fd), 'r', why);
    return os().read_at(fd, offset, out, size, why);
  }

  [[nodiscard]] OsResult write_at(int fd, std::uint64_t offset,
                                  std::string_view bytes,
                                  const char* why) override {
    enter(path_of(fd), 'w', why);
    return os().write_at(fd, offset, bytes, why);
  }

  [[nodiscard]] OsResult sync(int fd, const char* why) override {
    enter(path_of(fd), 's', why);
    return os().sync(fd, why);
  }

  [[nodiscard]] OsResult rename(const std::string& from, const std::string& to,
                                const char* why) override {
    enter(from, 'n', why);
    return os().rename(from, to, why);
  }

  [[nodiscard]] OsResult remove(const std::string& path,
                                const char* why) override {
    enter(path, 'x', why);
    return os().remove(path, why);
  }

 private:
  [[nodiscard]] std::string path_of(int fd) const {
    return paths_[static_cast<std::size_t>(fd)];
  }

  void enter(const std::string& path, char sign, std::string_view why) {
    if (others_turn_) {
      sign = static_cast<char>(sign - 'a' + 'A');
    } else if (before && why.find("merge") != std::string_view::npos) {
      others_turn_ = true;
      before(sign);
      others_turn_ = false;
    }
    events.push_back({path, sign});
  }

  bool others_turn_ = false;
  std::vector<std::string> paths_;  // by descriptor
};

void fill(Store& store) {
  for (const char* key : {"a", "b", "c", "a", "d", "b"}) store.set(key, "1");
  store.del("c");
  store.set("a", "2");
}

// What others do before a call of the merge: a set before it reads an input,
// a get before an output gets its name and before an input goes.
void take_turn(Store& store, char sign) {
  std::string value;
  if (sign == 'r') store.set("e", "1");
  if (sign == 'n' || sign == 'x') (void)store.get("a", value);
}

std::vector<Event> run(MemoryOs& disk, std::vector<std::string>& there) {
  Watch watch(disk);
  Options options;
  options.directory = kDirectory;
  options.mode = Mode::kWrite;
  options.os = &watch;
  options.numbers["--segment-bytes"] = 40;
  options.numbers["--dead-percent"] = 100;
  Compaction store(options);
  fill(store);
  for (const auto& [path, bytes] : disk.files()) there.push_back(path);
  watch.events.clear();
  watch.before = [&store](char sign) {
    std::thread(take_turn, std::ref(store), sign).join();
  };
  store.compact();
  watch.before = nullptr;
  return watch.events;
}

// One file's line: where it is on disk, and what was done to it.
std::string line_of(const std::string& path, bool is_there,
                    const std::vector<Event>& events) {
  std::string line;
  for (const Event& event : events) {
    const bool renamed_to =
        event.sign == 'n' && event.file == path + ".merging";
    if (event.file == path) {
      line += event.sign;
      if (event.sign == 'c') is_there = true;
      if (event.sign == 'n' || event.sign == 'x') is_there = false;
    } else if (renamed_to) {
      line += 'n';
      is_there = true;
    } else {
      line += is_there ? "─" : " ";
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

void draw() {
  MemoryOs disk;
  std::vector<std::string> there;
  const std::vector<Event> events = run(disk, there);
  std::vector<std::string> files = there;
  for (const Event& event : events) {
    std::string name = event.file;
    if (event.sign == 'c') files.push_back(name);
    const std::size_t suffix = name.find(".merging");
    if (event.sign == 'n') files.push_back(name.erase(suffix));
  }
  const auto id_of = [](const std::string& path) {
    return std::stoi(path.substr(path.find('/') + 1));
  };
  std::stable_sort(
      files.begin(), files.end(),
      [&](const auto& a, const auto& b) { return id_of(a) < id_of(b); });
  files.emplace_back(kDirectory);
  for (const std::string& path : files) {
    const bool is_there =
        path == kDirectory ||
        std::find(there.begin(), there.end(), path) != there.end();
    std::printf("%-16s %s\n", path.c_str(),
                line_of(path, is_there, events).c_str());
  }
  std::puts(
      "\nthe merge:  c creates, r reads, w writes, s syncs, n gives the name, "
      "x removes\nothers:     W a set's write, R a get's read");
}

}  // namespace
}  // namespace strata

int main() {
  strata::draw();
}
