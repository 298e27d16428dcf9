// What is for a terminal only: the progress bar, and the keys of the shell.
#include <poll.h>
#include <pty.h>
#include <termios.h>

#include <chrono>
#include <string>
#include <thread>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::Not;

// A `batch` that is fed line by line while its standard error is watched.
class FedBatch {
 public:
  /// Takes both descriptors: what it tells, and where that can be read.
  FedBatch(const std::string& directory, const std::string& program, int tells,
           int watched)
      : watched_(watched) {
    int in[2];
    if (::pipe2(in, O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
      ::dup2(tells, STDERR_FILENO);
      become(directory, {program, "--db", "db", "batch"});
    }
    ::close(in[0]);
    ::close(tells);
    to_ = in[1];
  }

  ~FedBatch() {
    if (to_ >= 0) finish();
    ::close(watched_);
  }

  FedBatch(const FedBatch&) = delete;
  FedBatch& operator=(const FedBatch&) = delete;

  void feed(std::string_view lines) {
    ASSERT_EQ(::write(to_, lines.data(), lines.size()),
              static_cast<ssize_t>(lines.size()));
    read_for(0);
  }

  int finish() {
    ::close(std::exchange(to_, -1));
    constexpr int kPatienceMs = 20'000;
    while (read_for(kPatienceMs)) continue;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return outcome_of(status).code;
  }

  [[nodiscard]] const std::string& told() const { return told_; }

 private:
  // Reads what is there within `milliseconds`; false when there is no more.
  bool read_for(int milliseconds) {
    pollfd ready{watched_, POLLIN, 0};
    if (::poll(&ready, 1, milliseconds) <= 0) return false;
    char block[4096];
    const ssize_t got = ::read(watched_, block, sizeof block);
    if (got <= 0) return false;
    told_.append(block, static_cast<std::size_t>(got));
    return true;
  }

  pid_t pid_ = -1;
  int to_ = -1;
  int watched_ = -1;
  std::string told_;
};

class CliProgress : public CommandLine {
 protected:
  [[nodiscard]] FedBatch at_terminal() const {
    int watched = -1;
    int tells = -1;
    if (::openpty(&watched, &tells, nullptr, nullptr, nullptr) != 0) {
      std::abort();
    }
    ::fcntl(watched, F_SETFD, FD_CLOEXEC);
    return {path("."), executable(), tells, watched};
  }

  [[nodiscard]] FedBatch in_pipe() const {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    return {path("."), executable(), ends[1], ends[0]};
  }
};

STRATA_FOR_EVERY_STAGE(CliProgress);

TEST_P(CliProgress, ALongRunHasABarAtATerminalAndNoneInAPipe) {
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "get\tk\n";
  FedBatch terminal = at_terminal();
  FedBatch pipe = in_pipe();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (terminal.told().empty() && std::chrono::steady_clock::now() < end) {
    terminal.feed(lines);
    pipe.feed(lines);
  }
  EXPECT_THAT(terminal.told(), testing::StartsWith("\roperations"));
  EXPECT_EQ(terminal.finish(), 0);
  EXPECT_THAT(terminal.told(), HasSubstr("\r\x1b[K"));
  EXPECT_THAT(lines_of(terminal.told()).back(), HasSubstr(" 0 skipped"));
  EXPECT_EQ(pipe.finish(), 0);
  EXPECT_EQ(lines_of(pipe.told()).size(), 1U);
  EXPECT_EQ(pipe.told().find_first_of("\r\x1b"), std::string::npos);
}

TEST_P(CliProgress, AShortRunHasNoneAtATerminalEither) {
  FedBatch terminal = at_terminal();
  terminal.feed("set\ta\t1\nget\ta\n");
  EXPECT_EQ(terminal.finish(), 0);
  EXPECT_THAT(terminal.told(), testing::StartsWith("2 operations in "));
  EXPECT_THAT(terminal.told(), Not(HasSubstr("\x1b")));
}

#if __has_include(<editline/readline.h>)

// A shell at a terminal of its own.
class CliKeys : public CommandLine {
 protected:
  void SetUp() override {
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
    ASSERT_GE(pid_, 0);
    if (pid_ > 0) return;
    ::setenv("HOME", path(".").c_str(), 1);
    ::setenv("TERM", "xterm", 1);
    Arguments arguments = {executable(), "--db", "db", "shell"};
    const Arguments options = into_files();  // where others look for it
    arguments.insert(arguments.end() - 1, options.begin(), options.end());
    become(path("."), arguments);
  }

  void TearDown() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    if (terminal_ >= 0) ::close(terminal_);
  }

  void type(std::string_view keys) const {
    ASSERT_EQ(::write(terminal_, keys.data(), keys.size()),
              static_cast<ssize_t>(keys.size()));
  }

  // Reads until `text` has come; what came, or all there was.
  [[nodiscard]] std::string until(const std::string& text,
                                  int patience_ms = kPatienceMs) const {
    std::string seen;
    pollfd ready{terminal_, POLLIN, 0};
    while (seen.find(text) == std::string::npos &&
           ::poll(&ready, 1, patience_ms) > 0) {
      char block[4096];
      const ssize_t got = ::read(terminal_, block, sizeof block);
      if (got <= 0) break;
      seen.append(block, static_cast<std::size_t>(got));
    }
    return seen;
  }

  // Waits for what was printed, then a prompt that takes keys: libedit prints
  // it first, and until then the terminal handles control keys by itself.
  void expect_prompt(const std::string& before = "") const {
    const std::string text = before + prompt();
    EXPECT_THAT(until(text), HasSubstr(text));
    const auto end = std::chrono::steady_clock::now() +
                     std::chrono::milliseconds(kPatienceMs);
    termios mode{};
    while (std::chrono::steady_clock::now() < end) {
      ASSERT_EQ(::tcgetattr(terminal_, &mode), 0);
      if ((mode.c_lflag & static_cast<tcflag_t>(ICANON)) == 0) return;
      std::this_thread::yield();
    }
    FAIL() << "the prompt never takes keys";
  }

  // Waits until the shell has ended by itself; its exit code.
  int ended() {
    const auto end = std::chrono::steady_clock::now() +
                     std::chrono::milliseconds(kPatienceMs);
    int status = 0;
    while (::waitpid(pid_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > end) return -1;
      (void)until("text that never comes", 1);
    }
    pid_ = -1;
    return outcome_of(status).code;
  }

  [[nodiscard]] std::string prompt() const { return name() + "> "; }

  static constexpr int kPatienceMs = 20'000;

 private:
  pid_t pid_ = -1;
  int terminal_ = -1;
};

STRATA_FOR_EVERY_STAGE(CliKeys);

TEST_P(CliKeys, TabCompletesACommandAndUpBringsTheLastLineBack) {
  expect_prompt();
  type("se\ta one\n");
  expect_prompt("\n");
  expect_done(run({"get", "a"}), "one\n");
  type("get a\n");
  expect_prompt("one\r\n");
  type("\x1b[A\n");
  expect_prompt("one\r\n");
  type("\x04");
  EXPECT_EQ(ended(), 0);
}

TEST_P(CliKeys, ControlCDropsTheLineAndControlDEndsTheShell) {
  expect_prompt();
  type("set a one");
  EXPECT_THAT(until("one"), HasSubstr("one"));
  type("\x03");
  expect_prompt("\n");
  type("\n");
  expect_prompt("\n");
  type("\x04");
  EXPECT_EQ(ended(), 0);
  EXPECT_FALSE(is_there("db"));
}

#endif

}  // namespace
}  // namespace strata
