#include "common/cli/shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <vector>

#include "common/cli/cli.h"
#include "common/os/terminal.h"
#include "common/record/escape.h"

#ifdef STRATA_HAS_LIBEDIT
#include <editline/readline.h>
#endif

namespace strata {

namespace {

#ifdef STRATA_HAS_LIBEDIT

constexpr std::size_t kMostCompletions = 100;

// The library's callbacks take no argument of ours.
Session* completing = nullptr;

// A key as it is typed in a line of the shell.
std::string typed_word(std::string_view key) {
  std::string word;
  for (const char c : escaped(key)) {
    if (c == ' ') {
      word += "\\x20";
    } else {
      if (c == '"') word += '\\';
      word += c;
    }
  }
  return word;
}

// The commands, or the live keys, that begin with `text`.
std::vector<std::string> completions_of(std::string_view text, bool is_first) {
  std::vector<std::string> found;
  const auto offer = [&](std::string_view word) {
    if (found.size() < kMostCompletions &&
        word.substr(0, text.size()) == text) {
      found.emplace_back(word);
    }
  };
  if (!is_first) {
    try {
      completing->to_read().keys(
          [&](std::string_view key) { offer(typed_word(key)); });
    } catch (const std::exception&) {
      found.clear();  // a store that cannot be read completes nothing
    }
    return found;
  }
  for (const Command& command : all_commands()) {
    if (completing->stage().has(command.name)) offer(command.name);
  }
  for (const char* word : {"explain", "help", "quit"}) offer(word);
  return found;
}

std::vector<std::string> completions;

char* next_completion(const char* /*text*/, int state) {
  static std::size_t next = 0;
  if (state == 0) next = 0;
  if (next == completions.size()) return nullptr;
  return ::strdup(completions[next++].c_str());
}

char** complete(const char* text, int start, int /*end*/) {
  const std::string before(rl_line_buffer, static_cast<std::size_t>(start));
  const bool is_first = before.find_first_not_of(' ') == std::string::npos;
  completions = completions_of(text, is_first);
  rl_attempted_completion_over = 1;  // no names of files
  return rl_completion_matches(text, next_completion);
}

class Terminal {
 public:
  explicit Terminal(Session& session)
      : prompt_(std::string(session.stage().name) + "> ") {
    completing = &session;
    rl_readline_name = const_cast<char*>("strata");
    rl_attempted_completion_function = complete;
    static char blanks[] = " \t";
    rl_completer_word_break_characters = blanks;
    using_history();
    const char* home = std::getenv("HOME");
    if (home == nullptr) return;
    history_file_ = std::string(home) + "/.strata_history";
    (void)read_history(history_file_.c_str());
  }

  ~Terminal() {
    constexpr int kMostLines = 1000;
    stifle_history(kMostLines);
    if (!history_file_.empty()) (void)write_history(history_file_.c_str());
    completing = nullptr;
  }

  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool next(std::string& line) {
    char* typed = read_line();
    if (typed == nullptr && errno == EINTR) {  // Ctrl-C drops the line
      std::puts("");
      line.clear();
      return true;
    }
    if (typed == nullptr) {
      std::puts("");
      return false;
    }
    line = typed;
    if (!line.empty()) add_history(typed);
    std::free(typed);
    return true;
  }

 private:
  char* read_line() {
    const CtrlCInterruptsInput while_reading;
    errno = 0;
    return readline(prompt_.c_str());
  }

  std::string prompt_;
  std::string history_file_;
};

#else

// Without the library a terminal is read as it comes.
class Terminal {
 public:
  explicit Terminal(Session& session) : prompt_(session.stage().name) {}

  bool next(std::string& line) {
    fmt::print("{}> ", prompt_);
    (void)std::fflush(stdout);
    return static_cast<bool>(std::getline(std::cin, line));
  }

 private:
  std::string prompt_;
};

#endif

// Carries out one line; false when it is the last.
bool execute(Session& session, const std::string& line,
             const std::function<void()>& help) {
  Words words;
  if (const auto wrong = split_words(line, words)) {
    throw CommandError(kUsage, *wrong);
  }
  if (words.empty()) return true;
  if (words[0] == "quit" || words[0] == "exit") return false;
  if (words[0] == "help") {
    help();
    session.flush();
  } else if (words[0] == "explain" && words.size() == 2 &&
             (words[1] == "on" || words[1] == "off")) {
    session.set_explain(words[1] == "on");
  } else if (words[0] == "explain") {
    throw CommandError(kUsage, "usage: explain on|off");
  } else if (run_command(session, words, {}) == kNoSuchKey) {
    session.tell("no such key");
  }
  return true;
}

template <typename NextLine>
void run_lines(Session& session, const std::function<void()>& help,
               const NextLine& next_line) {
  std::string line;
  while (next_line(line)) {
    try {
      if (!execute(session, line, help)) return;
    } catch (...) {
      session.tell(current_error().what());
    }
    if (session.has_costs()) session.explain();
  }
}

}  // namespace

std::optional<std::string> split_words(std::string_view line, Words& words) {
  words.clear();
  std::string field;
  bool in_word = false;
  bool in_quotes = false;
  std::string bytes;
  const auto end_word = [&]() -> std::optional<std::string> {
    if (!in_word) return std::nullopt;
    in_word = false;
    auto wrong = unescape(field, bytes);
    words.push_back(bytes);
    field.clear();
    return wrong;
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\' && i + 1 < line.size()) {
      in_word = true;
      if (line[++i] != '"') field += '\\';
      field += line[i];
    } else if (c == '"') {
      in_word = true;
      in_quotes = !in_quotes;
    } else if ((c == ' ' || c == '\t') && !in_quotes) {
      if (auto wrong = end_word()) return wrong;
    } else {
      in_word = true;
      field += c;
    }
  }
  if (in_quotes) return "a double quote is not closed";
  return end_word();
}

int shell(Session& session, const std::function<void()>& help) {
  if (stdin_is_terminal()) {
    Terminal terminal(session);
    run_lines(session, help,
              [&](std::string& line) { return terminal.next(line); });
  } else {
    run_lines(session, help, [](std::string& line) {
      return static_cast<bool>(std::getline(std::cin, line));
    });
  }
  return kDone;
}

}  // namespace strata
