#include "bench/shell.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "stages/registry.h"

namespace strata::bench {

namespace fs = std::filesystem;

namespace {

// A word that sh reads as it is.
std::string quoted(const std::string& word) {
  std::string safe = "'";
  for (const char letter : word) {
    if (letter == '\'') {
      safe += "'\\''";
    } else {
      safe += letter;
    }
  }
  return safe + "'";
}

}  // namespace

std::vector<Tool> shell_tools() {
  std::vector<Tool> tools = {
      {"book_db_get", std::string(kBookFunctions) + "db_get $key"},
      {"grep", "grep \"^$key,\" log.txt || [ $? = 1 ]"},
      {"tac_grep",
       "tac log.txt 2>/dev/null | grep -m 1 \"^$key,\" || [ $? = 1 ]"},
  };
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  for (const Stage* stage : all_stages()) {
    const fs::path program = here / stage->name;
    if (!stage->scans || !fs::exists(program)) continue;
    tools.push_back(
        {std::string(stage->name) + "_program",
         fmt::format("{} --db . get $key || [ $? = 1 ]", quoted(program))});
  }
  return tools;
}

std::string run_in_shell(const std::string& directory,
                         const std::string& script) {
  const std::string command =
      fmt::format("cd {} && export LC_ALL=C\n{}", quoted(directory), script);
  std::FILE* pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) throw std::runtime_error("cannot start a shell");
  std::string printed;
  std::array<char, 4096> buffer;
  while (const std::size_t got =
             std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    printed.append(buffer.data(), got);
  }
  if (::pclose(pipe) != 0) {
    throw std::runtime_error("a command of the shell failed: " + script);
  }
  return printed;
}

}  // namespace strata::bench
