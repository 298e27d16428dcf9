// One large text log in page cache and a key that is not there: how fast can
// everything be read? All take turns (contest.h).
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "bench/benches.h"
#include "bench/contest.h"
#include "bench/opening.h"
#include "bench/shell.h"
#include "bench/temporary.h"
#include "common/record/text_record.h"
#include "common/text/text_store.h"

namespace strata::bench {

namespace {

// Lies between the first two keys.
const std::string& asked() {
  static const std::string key = absent_key(0);
  return key;
}

std::string log_in(const std::string& directory) {
  return directory + "/" + TextLog::kName;
}

void write_log(const std::string& directory, std::uint64_t bytes) {
  std::ofstream log(log_in(directory), std::ios::binary);
  std::string block;
  std::uint64_t number = 0;
  for (std::uint64_t written = 0; written < bytes; written += block.size()) {
    block.clear();
    while (block.size() < 1 << 20) {
      encode_text_record(key_of(number++), value(), block);
    }
    log << block;
  }
  if (!log.flush()) throw std::runtime_error("the log could not be written");
}

void read_log(const std::string& directory) {
  std::ifstream log(log_in(directory), std::ios::binary);
  std::string block(1 << 20, '\0');
  while (log.read(block.data(), 1 << 20)) {
  }
}

[[noreturn]] void throw_found() {
  throw std::runtime_error("a key was found that is not there");
}

void search(const Stage& stage, const std::string& directory) {
  std::string found;
  const auto store = open(stage, directory, Mode::kRead, 1);
  if (store->get(asked(), found)) throw_found();
}

// The loop that one writes first.
void search_with_getline(const std::string& directory) {
  std::ifstream log(log_in(directory), std::ios::binary);
  const std::string begin = asked() + ",";
  std::string line;
  while (std::getline(log, line)) {
    if (line.rfind(begin, 0) == 0) throw_found();
  }
}

}  // namespace

void register_whole_file(const Plan& plan) {
  if (plan.whole_file_mib == 0) return;
  const auto directory =
      std::make_shared<std::unique_ptr<TemporaryDirectory>>();
  Contest contest;
  contest.name = "whole_file";
  contest.arguments = {{"mib", static_cast<std::int64_t>(plan.whole_file_mib)}};
  contest.rounds = plan.rounds();
  contest.seconds_per_turn = 1e-3 * static_cast<double>(plan.whole_file_mib);
  contest.unit = benchmark::kMillisecond;
  contest.prepare = [directory, mib = plan.whole_file_mib] {
    *directory = std::make_unique<TemporaryDirectory>();
    write_log((*directory)->path(), mib << 20);
    for (int i = 0; i < 2; ++i) read_log((*directory)->path());
  };
  contest.clean_up = [directory] { directory->reset(); };
  const auto add = [&](const std::string& name, const char* label, auto work) {
    contest.contestants.push_back({name,
                                   label,
                                   [directory, work] {
                                     const auto& path = (*directory)->path();
                                     return seconds_of([&] { work(path); });
                                   },
                                   {},
                                   {}});
  };
  for (const Stage* stage : plan.stages("get")) {
    if (!stage->scans) continue;
    add(std::string(stage->name), "stage, system",
        [stage](const std::string& path) { search(*stage, path); });
  }
  for (const Tool& tool : shell_tools()) {
    add(tool.name, "tool, system",
        [script =
             "key=" + asked() + "\n" + tool.script](const std::string& path) {
          if (!run_in_shell(path, script).empty()) throw_found();
        });
  }
  add("getline", "tool, system", search_with_getline);
  register_contest(std::move(contest));
}

}  // namespace strata::bench
