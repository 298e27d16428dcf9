// Draws a merge of stage 06 as it was carried out: a line a file, a column a
// call, from a run in memory that is the same each time. Chapter 06 shows it.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/os/memory_os.h"
#include "common/os/watched_os.h"
#include "stages/06_compaction/store.h"

namespace strata {
namespace {

constexpr const char* kDirectory = "db";

// What one call did to one file.
struct Event {
  std::string file;
  char sign;
};

// The sign of a call: see what `draw` prints at the end. None for the others.
char sign_of(const Coming& coming) {
  constexpr std::pair<std::string_view, char> kSigns[] = {{"read", 'r'},
                                                          {"write", 'w'},
                                                          {"sync", 's'},
                                                          {"rename", 'n'},
                                                          {"remove", 'x'}};
  if (coming.mode == OpenMode::kCreateNew) return 'c';
  for (const auto& [call, sign] : kSigns) {
    if (call == coming.call) return sign;
  }
  return '\0';
}

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

// Writes down what a merge does to files, and lets others have their turn before
// each of its calls. Their calls are written down in capitals.
std::vector<Event> run(MemoryOs& disk, std::vector<std::string>& there) {
  WatchedOs watch(disk);
  Options options;
  options.directory = kDirectory;
  options.mode = Mode::kWrite;
  options.os = &watch;
  options.numbers["--segment-bytes"] = 40;
  options.numbers["--dead-percent"] = 100;
  Compaction store(options);
  fill(store);
  for (const auto& [path, bytes] : disk.files()) there.push_back(path);
  std::vector<Event> events;
  bool others_turn = false;
  watch.before = [&](const Coming& coming) {
    char sign = sign_of(coming);
    if (sign == '\0') return 0;
    if (others_turn) {
      sign = static_cast<char>(sign - 'a' + 'A');
    } else if (coming.why.find("merge") != std::string_view::npos) {
      others_turn = true;
      std::thread(take_turn, std::ref(store), sign).join();
      others_turn = false;
    }
    events.push_back({coming.path, sign});
    return 0;
  };
  store.compact();
  watch.before = nullptr;
  return events;
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
