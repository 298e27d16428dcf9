// Running the real executables: what goes in, what comes out, and what is on
// disk afterwards.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stages/registry.h"
#include "tests/contract/cli_process.h"
#include "tests/support.h"

#ifndef STRATA_BIN_DIR  // where the executables are: the build defines it
#define STRATA_BIN_DIR "."
#endif

namespace strata {

/// The stages whose number in the story is `number` or higher.
inline std::vector<const Stage*> stages_from(int number) {
  std::vector<const Stage*> stages;
  for (const Stage* stage : all_stages()) {
    if (std::atoi(std::string(stage->name).c_str()) >= number) {
      stages.push_back(stage);
    }
  }
  return stages;
}

/// The stages whose writes stand in a log, whose end a crash may tear.
inline std::vector<const Stage*> stages_with_logs() {
  std::vector<const Stage*> stages;
  for (const Stage* stage : all_stages()) {
    if (stage->logs) stages.push_back(stage);
  }
  return stages;
}

/// The others: a write is in memory only, until all of a table is written.
inline std::vector<const Stage*> stages_without_logs() {
  std::vector<const Stage*> stages;
  for (const Stage* stage : all_stages()) {
    if (!stage->logs) stages.push_back(stage);
  }
  return stages;
}

/// The stages whose files are sorted.
inline std::vector<const Stage*> stages_that_sort() {
  std::vector<const Stage*> stages;
  for (const Stage* stage : all_stages()) {
    if (stage->sorts) stages.push_back(stage);
  }
  return stages;
}

inline std::string name_of_stage(
    const testing::TestParamInfo<const Stage*>& of) {
  return std::string(of.param->name);
}

/// A suite that runs each stage's executable, in a directory of its own. The
/// store is `db` in that directory.
class CommandLine : public testing::TestWithParam<const Stage*> {
 protected:
  [[nodiscard]] std::string name() const {
    return std::string(GetParam()->name);
  }

  /// The number in the story by which the contract speaks of the stage. A
  /// reader's own stage has it as its second digit: 54_mine is to be as 04.
  [[nodiscard]] int number() const {
    const int number = std::atoi(name().c_str());
    return number > 10 ? number % 10 : number;
  }

  [[nodiscard]] bool is_text() const { return number() <= 3; }

  /// Whether files are sorted tables, of blocks and with an index.
  [[nodiscard]] bool sorts() const { return GetParam()->sorts; }

  /// Whether an acknowledged write stands in a log.
  [[nodiscard]] bool logs() const { return GetParam()->logs; }

  /// Options by which an acknowledged write is in a file, where every process
  /// finds it. Without a log it is in memory unless it is synced.
  [[nodiscard]] Arguments into_files() const {
    if (logs()) return {};
    return {"--sync", "always"};
  }

  /// Options by which a stage that merges of its own accord does not, when it
  /// is the number of files that makes it: how many there are is told exactly.
  [[nodiscard]] Arguments unmerged() const {
    if (!has_option(*GetParam(), "--merge-tables")) return {};
    return {"--merge-tables", "1000000"};
  }

  /// Options by which a damaged byte costs one record and no other.
  [[nodiscard]] Arguments record_by_record() const {
    if (!sorts()) return {};
    return {"--block-bytes", "1"};
  }

  [[nodiscard]] bool marks_tombstones_in_values() const {
    return (number() >= 4 && number() <= 7) || number() == 10;
  }

  [[nodiscard]] std::string executable() const {
    return std::string(STRATA_BIN_DIR) + "/" + name();
  }

  [[nodiscard]] std::string path(const std::string& file) const {
    return directory_.path() + "/" + file;
  }

  [[nodiscard]] bool is_there(const std::string& file) const {
    return std::filesystem::exists(path(file));
  }

  /// Runs the stage with `arguments` as they are. `prepare` is called in the
  /// child before it becomes the stage's program.
  Outcome run_plain(const Arguments& arguments, std::string_view input = "",
                    const std::function<void()>& prepare = {}) const {
    Arguments words = {executable()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    const Stream in = temporary(input);
    const Stream out = temporary("");
    const Stream err = temporary("");
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(::fileno(in.get()), STDIN_FILENO);
      ::dup2(::fileno(out.get()), STDOUT_FILENO);
      ::dup2(::fileno(err.get()), STDERR_FILENO);
      if (prepare) prepare();
      become(directory_.path(), words);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    Outcome outcome = outcome_of(status);
    outcome.out = contents_of(out);
    outcome.err = contents_of(err);
    return outcome;
  }

  /// Runs the stage on the store `db`.
  Outcome run(Arguments arguments, std::string_view input = "",
              const std::function<void()>& prepare = {}) const {
    arguments.insert(arguments.begin(), {"--db", "db"});
    return run_plain(arguments, input, prepare);
  }

  Outcome batch(std::string_view operations) const {
    return run({"batch"}, operations);
  }

  /// Runs the stage on the store `db`, with more options.
  Outcome run_with(Arguments options, const Arguments& command,
                   std::string_view input = "",
                   const std::function<void()>& prepare = {}) const {
    options.insert(options.end(), command.begin(), command.end());
    return run(options, input, prepare);
  }

  /// Starts the stage on the store `db`, so that what it acknowledges is in a
  /// file.
  [[nodiscard]] std::unique_ptr<Running> start_into_files(
      const Arguments& command) const {
    Arguments arguments = into_files();
    arguments.insert(arguments.end(), command.begin(), command.end());
    return start(arguments);
  }

  [[nodiscard]] std::unique_ptr<Running> start(Arguments arguments) const {
    arguments.insert(arguments.begin(), {executable(), "--db", "db"});
    return std::make_unique<Running>(directory_.path(), arguments);
  }

  /// Every file and directory, with the bytes of each file.
  [[nodiscard]] std::map<std::string, std::string> snapshot() const {
    std::map<std::string, std::string> files;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.path())) {
      const std::string file = entry.path().string();
      files[file] = entry.is_regular_file() ? read_file(file) : "";
    }
    return files;
  }

  /// The files of the store `db` that hold records, oldest first.
  [[nodiscard]] std::vector<std::string> data_files() const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(path("db"))) {
      const std::string file = entry.path().string();
      if (holds_records(file)) files.push_back(file);
    }
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
      return number_of_file(a) < number_of_file(b);
    });
    return files;
  }

  [[nodiscard]] std::string newest_file() const { return data_files().back(); }

  /// Leaves the store as if its last writer had been killed: without hints, by
  /// which an open could do without the records themselves.
  void lose_hints() const {
    for (const auto& [file, bytes] : snapshot()) {
      if (file.find(".hint") != std::string::npos) {
        std::filesystem::remove(file);
      }
    }
  }

  /// Leaves nothing in the store `db` but one file, with `bytes` in it.
  void leave_only(const std::string& file, const std::string& bytes) const {
    std::filesystem::remove_all(path("db"));
    std::filesystem::create_directory(path("db"));
    write_file(file, bytes);
  }

  /// Expects that `outcome` is an error told in one line that holds `words`.
  void expect_error(const Outcome& outcome, int code,
                    const std::string& words = "") const {
    EXPECT_EQ(outcome.signal, 0);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    const auto lines = lines_of(outcome.err);
    ASSERT_EQ(lines.size(), 1U) << outcome.err;
    EXPECT_THAT(lines[0], testing::StartsWith(name() + ": "));
    EXPECT_THAT(lines[0], testing::HasSubstr(words));
  }

  /// Expects that a run was refused as usage and left the disk as it was.
  void expect_refused(const Arguments& arguments, const std::string& words = "",
                      std::string_view input = "") const {
    const auto before = snapshot();
    const Outcome outcome = run(arguments, input);
    expect_error(outcome, 2, words);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(snapshot(), before);
  }

  /// Expects success, with exactly `out` printed and no complaint.
  static void expect_done(const Outcome& outcome, const std::string& out) {
    EXPECT_EQ(outcome.signal, 0);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, out);
    EXPECT_EQ(outcome.err, "");
  }

 private:
  using Stream = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

  static Stream temporary(std::string_view bytes) {
    Stream file(std::tmpfile(), &std::fclose);
    if (file == nullptr) std::abort();
    (void)std::fwrite(bytes.data(), 1, bytes.size(), file.get());
    std::rewind(file.get());
    return file;
  }

  static std::string contents_of(const Stream& file) {
    std::rewind(file.get());
    std::string bytes;
    char block[65536];
    while (const auto got = std::fread(block, 1, sizeof block, file.get())) {
      bytes.append(block, got);
    }
    return bytes;
  }

  TemporaryDirectory directory_;
};

}  // namespace strata
