// The shell: fed through a pipe, and at a terminal.
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <termios.h>

#include <string>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class CliShell : public CommandLine {
 protected:
  Outcome shell(const std::string& input) const {
    return run({"shell"}, input);
  }
};

STRATA_FOR_EVERY_STAGE(CliShell);

TEST_P(CliShell, HasTheSameCommandsAndNoPromptInAPipe) {
  expect_done(shell("set b 2\nset a 1\nget b\nscan\n"), "2\na\t1\nb\t2\n");
  expect_done(shell("scan a b"), "a\t1\n");
  EXPECT_THAT(shell("stats").out, HasSubstr("keys 2\n"));
  EXPECT_THAT(shell("stats --json").out, HasSubstr("\"keys\":2"));
  EXPECT_EQ(shell("dump").out, run({"dump"}).out);
  EXPECT_EQ(shell("help").out, run({"help"}).out);
}

TEST_P(CliShell, EndsWithItsInputOrByQuitOrExit) {
  expect_done(shell(""), "");
  expect_done(shell("\n \t\n"), "");
  expect_done(shell("set a 1\nquit\nget a\n"), "");
  expect_done(shell("get a\nexit\nget a\n"), "1\n");
}

TEST_P(CliShell, AnErrorIsOneLineAndTheShellGoesOn) {
  const std::string refused = is_text() ? "verify" : "nonsense";
  const Outcome outcome = shell("set a 1\nfrobnicate\nget\nset a\n" + refused +
                                "\nget \"\nget a\\q\nget missing\nget a\n");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "1\n");
  const auto lines = lines_of(outcome.err);
  EXPECT_EQ(lines.size(), 7U) << outcome.err;
  for (const auto& line : lines) EXPECT_THAT(line, StartsWith(name() + ": "));
}

TEST_P(CliShell, QuotesHoldBlanksAndEscapesWork) {
  expect_done(shell("set \"two words\" \" a  b \"\nset c\\t\\x64 e\\\"f\\\\\n"),
              "");
  expect_done(run({"get", "two words"}), " a  b \n");
  expect_done(run({"get", "c\td"}), "e\"f\\\n");
  expect_done(shell("get two\" \"words\n  get \t \"c\\td\"  \nset e \"\"\n"),
              " a  b \ne\"f\\\n");
  expect_done(run({"get", "e"}), "\n");
}

TEST_P(CliShell, ExplainCanBeTurnedOnAndOff) {
  const Outcome outcome =
      shell("set a 1\nexplain on\nget a\nset b 2\nexplain off\nget b\n");
  EXPECT_EQ(outcome.out, "1\n2\n");
  const auto lines = lines_of(outcome.err);
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [](const std::string& line) {
                            return line.substr(0, 7) == "total: ";
                          }),
            2)
      << outcome.err;
  if (!logs()) {
    // `set` has cost nothing yet: that it is kept is told in the end.
    EXPECT_THAT(outcome.err, ContainsRegex("total: .* 0 writes .*\n"
                                           "open .*total: .* 1 write "));
  }
  expect_error(shell("explain maybe\n"), 0, "explain on|off");
}

TEST_P(CliShell, WithExplainEveryCommandHasItsLedger) {
  const Outcome outcome =
      run({"--explain", "shell"}, "set a 0\nset a 1\nget a\nkeys\n");
  EXPECT_EQ(outcome.out, "1\na\n");
  EXPECT_THAT(outcome.err, ContainsRegex("write .*\ntotal: .*1 write "));
}

TEST_P(CliShell, BatchReadsTheRestOfAPipe) {
  const Outcome outcome = shell("set a 1\nbatch --ack\nset\tb\t2\nget\ta\n");
  EXPECT_EQ(outcome.out, "ok 1\na\t1\n");
}

TEST_P(CliShell, ManyWordsNotOfTheShellAreUsage) {
  expect_error(shell("keys and more\n"), 0, "keys");
  expect_error(shell("shell\n"), 0, "shell");
}

// A shell at a terminal of its own.
class Terminal {
 public:
  Terminal(const std::string& directory, const Arguments& arguments) {
    pid_ = ::forkpty(&fd_, nullptr, nullptr, nullptr);
    if (pid_ == 0) {
      ::setenv("HOME", directory.c_str(), 1);
      ::setenv("TERM", "xterm", 1);
      become(directory, arguments);
    }
  }

  ~Terminal() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    ::close(fd_);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }

  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(std::string_view keys) const {
    ASSERT_EQ(::write(fd_, keys.data(), keys.size()),
              static_cast<ssize_t>(keys.size()));
  }

  // Reads until `text` has come; what came, or all there was.
  std::string until(const std::string& text, int patience_ms = 30'000) {
    std::string seen;
    pollfd ready{fd_, POLLIN, 0};
    while (seen.find(text) == std::string::npos &&
           ::poll(&ready, 1, patience_ms) > 0) {
      char block[4096];
      const ssize_t got = ::read(fd_, block, sizeof block);
      if (got <= 0) break;
      seen.append(block, static_cast<std::size_t>(got));
    }
    return seen;
  }

  // Reads until the prompt has come and keys are taken one by one: before
  // that, control keys are the kernel's.
  std::string until_prompt(const std::string& prompt) {
    std::string seen = until(prompt);
#if __has_include(<editline/readline.h>)
    termios mode{};
    while (::tcgetattr(fd_, &mode) == 0 && (mode.c_lflag & ICANON) != 0) {
      ::sched_yield();
    }
#endif
    return seen;
  }

  Outcome wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return outcome_of(status);
  }

 private:
  pid_t pid_ = -1;
  int fd_ = -1;
};

class CliTerminal : public CommandLine {
 protected:
  [[nodiscard]] std::unique_ptr<Terminal> terminal() const {
    auto shell = std::make_unique<Terminal>(
        path("."), Arguments{executable(), "--db", "db", "shell"});
    EXPECT_THAT(shell->until_prompt(prompt()), HasSubstr(name() + "> "));
    return shell;
  }

  [[nodiscard]] std::string prompt() const { return name() + "> "; }
};

STRATA_FOR_EVERY_STAGE(CliTerminal);

TEST_P(CliTerminal, PromptsAndEndsWithControlD) {
  const auto shell = terminal();
  shell->type("set a one\n");
  EXPECT_THAT(shell->until_prompt(prompt()), HasSubstr(prompt()));
  shell->type("get a\n");
  EXPECT_THAT(shell->until_prompt(prompt()), HasSubstr("one\r\n"));
  shell->type("\x04");
  EXPECT_EQ(shell->wait().code, 0);
  expect_done(run({"get", "a"}), "one\n");
}

TEST_P(CliTerminal, ControlCDropsTheLineAndNotTheShell) {
  const auto shell = terminal();
  shell->type("set a one\n");
  EXPECT_THAT(shell->until_prompt(prompt()), HasSubstr(prompt()));
  shell->type("set a two");
  EXPECT_THAT(shell->until("two"), HasSubstr("two"));
  // A key that comes between two reads interrupts neither: press again.
  constexpr int kMostTries = 100;
  constexpr int kPatienceMs = 300;
  std::string seen;
  for (int i = 0; i < kMostTries && seen.empty(); ++i) {
    shell->type("\x03");
    const std::string answer = shell->until(prompt(), kPatienceMs);
    if (answer.find(prompt()) != std::string::npos) seen = answer;
  }
  EXPECT_THAT(seen, HasSubstr(prompt()));
  shell->type("get a\n");
  EXPECT_THAT(shell->until("one\r\n"), HasSubstr("one\r\n"));
  shell->type("quit\n");
  EXPECT_EQ(shell->wait().code, 0);
}

#if __has_include(<editline/readline.h>)

TEST_P(CliTerminal, CompletesCommandsAndKeys) {
  EXPECT_EQ(batch("set\tplain/key\tfound it\nset\ta b\"c\tand this\n").code, 0);
  const auto shell = terminal();
  shell->type("ge\tpl\t\n");
  EXPECT_THAT(shell->until("found it\r\n"), HasSubstr("found it\r\n"));
  shell->type("get a\t\n");
  EXPECT_THAT(shell->until("and this\r\n"), HasSubstr("and this\r\n"));
  shell->type("quit\n");
  EXPECT_EQ(shell->wait().code, 0);
}

TEST_P(CliTerminal, KeepsItsHistoryAcrossRuns) {
  {
    const auto shell = terminal();
    shell->type("set a remembered\n");
    EXPECT_THAT(shell->until_prompt(prompt()), HasSubstr(prompt()));
    shell->type("get a\n");
    EXPECT_THAT(shell->until_prompt(prompt()), HasSubstr(prompt()));
    shell->type("quit\n");
    EXPECT_EQ(shell->wait().code, 0);
  }
  EXPECT_TRUE(is_there(".strata_history"));
  const auto shell = terminal();
  shell->type("\x1b[A\x1b[A\n");  // up, up: past "quit"
  EXPECT_THAT(shell->until_prompt("remembered\r\n" + prompt()),
              HasSubstr("remembered\r\n"));
  shell->type("quit\n");
  EXPECT_EQ(shell->wait().code, 0);
}

#endif

}  // namespace
}  // namespace strata
