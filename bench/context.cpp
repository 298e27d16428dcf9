#include <benchmark/benchmark.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include "bench/benches.h"
#include "bench/workloads.h"

namespace strata::bench {

namespace {

std::string processor() {
  std::ifstream lines("/proc/cpuinfo");
  std::string line;
  while (std::getline(lines, line)) {
    if (line.rfind("model name", 0) == 0)
      return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

// The type of the file system that holds `path`, by the longest mount point.
std::string file_system_of(const std::string& path) {
  std::ifstream mounts("/proc/mounts");
  std::string device;
  std::string point;
  std::string type;
  std::string rest;
  std::string best_point;
  std::string best_type = "unknown";
  while (mounts >> device >> point >> type && std::getline(mounts, rest)) {
    const bool holds = path.rfind(point, 0) == 0;
    if (holds && point.size() >= best_point.size()) {
      best_point = point;
      best_type = type;
    }
  }
  return best_type;
}

}  // namespace

void add_context() {
  const TemporaryDirectory directory;
  benchmark::AddCustomContext("strata_build_type", STRATA_BUILD_TYPE);
  benchmark::AddCustomContext("strata_compiler", STRATA_COMPILER);
  benchmark::AddCustomContext("processor", processor());
  benchmark::AddCustomContext("file_system", file_system_of(directory.path()));
  benchmark::AddCustomContext("durability",
                              "sets reach the operating system, not the disk");
  if (std::string_view(STRATA_BUILD_TYPE) != "Release") {
    (void)std::fputs(
        "strata_bench: this is no Release build: its times mean nothing\n",
        stderr);
  }
}

}  // namespace strata::bench
