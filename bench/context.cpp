#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "bench/benches.h"
#include "bench/keys.h"

namespace strata::bench {

namespace {

std::string processor() {
  std::ifstream lines("/proc/cpuinfo");
  std::string line;
  while (std::getline(lines, line)) {
    if (line.rfind("model name", 0) == 0) {
      return line.substr(line.find(':') + 2);
    }
  }
  return "unknown";
}

bool lies_in(const std::string& path, const std::string& directory) {
  return path.rfind(directory, 0) == 0 &&
         (directory.back() == '/' || path.size() == directory.size() ||
          path[directory.size()] == '/');
}

std::string operating_system() {
  struct utsname name {};

  if (::uname(&name) != 0) return "unknown";
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

std::string memory() {
  const double bytes = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                       static_cast<double>(::sysconf(_SC_PAGESIZE));
  return fmt::format("{:.1f} GiB", bytes / (1 << 30));
}

// The type of the file system that holds `directory`: the last mount of the
// longest mount point.
std::string file_system_of(const std::string& directory) {
  const std::string path = std::filesystem::canonical(directory);
  std::ifstream mounts("/proc/mounts");
  std::string device;
  std::string point;
  std::string type;
  std::string rest;
  std::string best_point;
  std::string best_type = "unknown";
  while (mounts >> device >> point >> type && std::getline(mounts, rest)) {
    if (lies_in(path, point) && point.size() >= best_point.size()) {
      best_point = point;
      best_type = type;
    }
  }
  return best_type;
}

}  // namespace

void add_context(const Plan& plan, std::size_t results,
                 const std::string& directory) {
  using benchmark::AddCustomContext;
  AddCustomContext("strata_build_type", STRATA_BUILD_TYPE
                   " (library_build_type tells only how Google Benchmark was "
                   "packaged)");
  AddCustomContext("strata_version", STRATA_VERSION);
  AddCustomContext("compiler", STRATA_COMPILER);
  AddCustomContext("processor", processor());
  AddCustomContext("memory", memory());
  AddCustomContext("operating_system", operating_system());
  AddCustomContext("file_system", file_system_of(directory));
  AddCustomContext("values", values_are_compressed() ? "half of each is noise"
                                                     : "all are one text");
  AddCustomContext("quick", plan.quick ? "true" : "false");
  AddCustomContext("rounds", std::to_string(plan.rounds()));
  AddCustomContext("largest_n", std::to_string(plan.keys));
  AddCustomContext("planned_results", std::to_string(results));
  for (const Subject& subject : plan.subjects) {
    std::string what(subject.stage->title);
    if (!subject.version.empty()) what += ", version " + subject.version;
    if (!subject.settings.empty()) {
      what += "; " + std::string(subject.settings);
    }
    if (subject.kind == Subject::Kind::kPeer) {
      what += ". " + std::string(subject.stage->flaw);
    }
    AddCustomContext("subject_" + subject.name(), what);
  }
}

void warn_of_file_system(const std::string& directory) {
  const std::string type = file_system_of(directory);
  if (type != "tmpfs" && type != "ramfs") return;
  fmt::print(stderr,
             "\nWARNING: {} is in memory ({}): what is said to be on disk "
             "reaches no disk.\nSet TMPDIR to a directory on a disk.\n\n",
             directory, type);
}

void warn_of_build_type() {
  if (std::string_view(STRATA_BUILD_TYPE) == "Release") return;
  fmt::print(stderr,
             "\nWARNING: built as '{}', not as Release: these times mean "
             "nothing.\nUse: ./strata bench\n\n",
             STRATA_BUILD_TYPE);
}

}  // namespace strata::bench
