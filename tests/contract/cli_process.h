// Processes for tests: what goes in, what comes out, and the files between.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata {

using Arguments = std::vector<std::string>;

/// What a process left behind.
struct Outcome {
  int code = -1;   ///< exit code, -1 when a signal ended it
  int signal = 0;  ///< the signal that ended it, or 0
  std::string out;
  std::string err;
};

/// A directory of a test's own, gone with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = testing::TempDir() + "/strata_cli_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }

  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.good()) << path;
}

/// @returns the lines of `text`, each without its newline.
inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

inline Outcome outcome_of(int status) {
  Outcome outcome;
  if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

/// Becomes the program, in the child of a fork. Hung ones end by SIGALRM.
[[noreturn]] inline void become(const std::string& directory,
                                const Arguments& arguments) {
  constexpr unsigned kPatienceSeconds = 120;
  ::alarm(kPatienceSeconds);
  std::vector<char*> words;
  for (const std::string& word : arguments) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  if (::chdir(directory.c_str()) == 0) ::execv(words[0], words.data());
  ::_exit(127);
}

/// A program that runs beside the test, fed and read through pipes.
class Running {
 public:
  Running(const std::string& directory, const Arguments& arguments) {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) {
      std::abort();
    }
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
      become(directory, arguments);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = ::fdopen(out[0], "r");
  }

  ~Running() {
    kill();
    std::fclose(from_);
  }

  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void write(std::string_view text) const {
    ASSERT_EQ(::write(to_, text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }

  /// @returns the next line with its newline; empty at the end.
  [[nodiscard]] std::string line() const {
    char* buffer = nullptr;
    std::size_t capacity = 0;
    const ssize_t size = ::getline(&buffer, &capacity, from_);
    std::string line(buffer, size < 0 ? 0 : static_cast<std::size_t>(size));
    std::free(buffer);
    return line;
  }

  /// Ends its input and waits for it.
  Outcome finish() {
    if (to_ >= 0) ::close(std::exchange(to_, -1));
    int status = 0;
    if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), &status, 0);
    return outcome_of(status);
  }

  /// Ends it as kill -9 does.
  void kill() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    (void)finish();
  }

 private:
  pid_t pid_ = -1;
  int to_ = -1;
  std::FILE* from_ = nullptr;
};

}  // namespace strata
