// One large text log in page cache and a key that is not there: how fast can
// everything be read? The subjects take turns, so that a machine whose speed
// drifts is unfair to none.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/benches.h"
#include "bench/workloads.h"
#include "common/text/text_store.h"
#include "stages/registry.h"

namespace strata::bench {

namespace {

constexpr int kRounds = 5;

struct Subject {
  std::string name;
  std::function<void()> search;
};

void write_log(const std::string& directory, std::uint64_t bytes) {
  std::ofstream log(directory + "/" + TextLog::kName);
  std::string block;
  std::uint64_t number = 0;
  for (std::uint64_t written = 0; written < bytes; written += block.size()) {
    block.clear();
    while (block.size() < 1 << 20) {
      block += key_of(number++) + "," + std::string(value()) + "\n";
    }
    log << block;
  }
  if (!log.flush()) throw std::runtime_error("the log could not be written");
}

void search(const char* stage, const std::string& directory) {
  std::string found;
  const auto store = open(*find_stage(stage), directory, Mode::kRead);
  if (store->get(absent_key(0), found)) {
    throw std::runtime_error("a key was found that is not there");
  }
}

void run_in_shell(const std::string& directory, const std::string& command) {
  const std::string line =
      fmt::format("cd '{}' && ( {} ) | cat > /dev/null", directory, command);
  if (std::system(line.c_str()) != 0) {
    throw std::runtime_error("a command of the shell failed");
  }
}

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

void scan_whole_file(std::uint64_t mib) {
  const TemporaryDirectory directory;
  const std::string& path = directory.path();
  write_log(path, mib << 20);
  const std::string grep = fmt::format("LC_ALL=C grep '^{},' {} || true",
                                       absent_key(0), TextLog::kName);
  const std::string tac =
      fmt::format("tac {} | LC_ALL=C grep -m 1 '^{},' || true", TextLog::kName,
                  absent_key(0));
  const std::vector<Subject> subjects = {
      {"01_scan_log", [&] { search("01_scan_log", path); }},
      {"02_reverse_scan", [&] { search("02_reverse_scan", path); }},
      {"grep", [&] { run_in_shell(path, grep); }},
      {"tac | grep", [&] { run_in_shell(path, tac); }},
      {"cat", [&] { run_in_shell(path, "cat log.txt"); }},
  };
  std::map<std::string, std::vector<double>> times;
  for (int round = -2; round < kRounds; ++round) {  // two to warm the cache
    for (const Subject& subject : subjects) {
      const auto start = std::chrono::steady_clock::now();
      subject.search();
      const std::chrono::duration<double> took =
          std::chrono::steady_clock::now() - start;
      if (round >= 0) times[subject.name].push_back(took.count());
    }
  }
  fmt::print(
      "\nA key that is not there, in a log of {} MiB in page cache; "
      "median of {} rounds\n",
      mib, kRounds);
  const double scan = median(times.at("01_scan_log"));
  for (const Subject& subject : subjects) {
    const double time = median(times.at(subject.name));
    fmt::print("  {:<16} {:.3f} s   {:>5.2f} times 01_scan_log\n", subject.name,
               time, time / scan);
  }
}

}  // namespace strata::bench
