// What a question costs with the tools of the shell, on the very log that
// stage 01 writes. Each starts a shell and its programs, as a reader at a prompt
// would: that is the floor of every time here.
#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/benches.h"
#include "bench/opening.h"
#include "bench/shell.h"
#include "bench/temporary.h"
#include "stages/registry.h"

namespace strata::bench {

namespace {

// A log of so many keys, made when it is first asked for.
class Log {
 public:
  explicit Log(std::uint64_t keys) : keys_(keys) {}

  [[nodiscard]] const std::string& directory() {
    if (!directory_) {
      directory_ = std::make_unique<TemporaryDirectory>();
      fill(*open(*find_stage("01_scan_log"), directory_->path(), Mode::kWrite,
                 keys_),
           keys_);
    }
    return directory_->path();
  }

 private:
  std::uint64_t keys_;
  std::unique_ptr<TemporaryDirectory> directory_;
};

double ask(Log& log, const std::string& script, bool there) {
  constexpr int kTimes = 4;
  const std::string& directory = log.directory();
  const double seconds = seconds_of([&] {
    for (int i = 0; i < kTimes; ++i) {
      const std::string printed = run_in_shell(directory, script);
      const bool found = printed.find(value()) != printed.npos;
      if (found != there || (!there && !printed.empty())) {
        throw std::runtime_error("wrong answer: " + printed);
      }
    }
  });
  return seconds / kTimes;
}

// The book's db_set, 100 times in one shell.
double set_by_book() {
  constexpr int kSets = 100;
  const TemporaryDirectory directory;
  const std::string script =
      fmt::format("{}for i in $(seq {}); do db_set key$i '{}'; done",
                  kBookFunctions, kSets, value());
  return seconds_of([&] { run_in_shell(directory.path(), script); }) / kSets;
}

}  // namespace

std::vector<Contestant> shell_contestants(std::uint64_t keys, bool newest) {
  const auto log = std::make_shared<Log>(keys);
  const std::string key = newest ? key_of(keys - 1) : absent_key(0);
  std::vector<Contestant> contestants;
  if (values_are_compressed()) return contestants;  // they look for value()
  for (const Tool& tool : shell_tools()) {
    const std::string script = fmt::format("key={}\n{}", key, tool.script);
    contestants.push_back({tool.name,
                           "tool, system",
                           [=] { return ask(*log, script, newest); },
                           {},
                           {}});
  }
  return contestants;
}

Contestant book_db_set() {
  return {"book_db_set", "tool, system", set_by_book, {}, {}};
}

}  // namespace strata::bench
