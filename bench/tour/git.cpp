#include "bench/tour/git.h"

#include <unistd.h>

#include <string_view>

#include "bench/tour/process.h"
#include "common/record/escape.h"

namespace strata::tour {

namespace {

// Without the variables by which git, when it runs us, names a repository:
// that is not the one we were asked for.
std::vector<std::string> environment_for_git() {
  std::vector<std::string> environment;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string_view line(*entry);
    const bool misleads = line.starts_with("GIT_") &&
                          !line.starts_with("GIT_CONFIG_") &&
                          !line.starts_with("GIT_EXEC_PATH=");
    if (!misleads && !line.starts_with("LC_ALL="))
      environment.emplace_back(line);
  }
  environment.emplace_back("LC_ALL=C");
  return environment;
}

class Git {
 public:
  explicit Git(std::string repository) : repository_(std::move(repository)) {}

  // Runs a git command; its answer is in `out`.
  [[nodiscard]] Finished ask(std::vector<std::string> words) const {
    std::vector<std::string> all = {"git", "--no-pager", "-C", repository_};
    all.insert(all.end(), words.begin(), words.end());
    return run(all, environment_);
  }

  // The same for a command that cannot fail in a healthy repository.
  [[nodiscard]] std::string answer(std::vector<std::string> words) const {
    const std::string command = words[0];
    Finished finished = ask(std::move(words));
    if (finished.status != 0) refuse("git " + command + " fails", finished);
    return std::move(finished.out);
  }

  // The same for an answer of one line.
  [[nodiscard]] std::string line(std::vector<std::string> words) const {
    std::string out = answer(std::move(words));
    while (out.ends_with('\n')) out.pop_back();
    return out;
  }

  [[noreturn]] void refuse(const std::string& what,
                           const Finished& finished) const {
    const std::string_view error = finished.error;
    const std::string_view first = error.substr(0, error.find('\n'));
    throw BadInput(what + ": " + escaped(repository_) +
                   (first.empty() ? "" : ": " + escaped(first)));
  }

 private:
  std::string repository_;
  std::vector<std::string> environment_ = environment_for_git();
};

// Cuts what stands before the next NUL off `rest`.
std::string_view next_field(std::string_view& rest) {
  const auto end = rest.find('\0');
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  return field;
}

// The word at `number` in a line of words with a blank between two.
std::string_view word(std::string_view line, int number) {
  for (; number > 0; --number) {
    const auto blank = line.find(' ');
    line.remove_prefix(blank == line.npos ? line.size() : blank + 1);
  }
  return line.substr(0, line.find(' '));
}

// Reads `:oldmode newmode oldid newid STATUS NUL path NUL`, again and again.
void read_changes(std::string_view log, HistoryWriter& writer) {
  while (!log.empty()) {
    const std::string_view change = next_field(log);
    if (change.empty()) continue;
    const std::string_view status = word(change, 4);
    const std::string_view path = next_field(log);
    if (change.front() != ':' || status.empty() || path.empty()) {
      throw BadInput("git log answers what is no change: " + escaped(change));
    }
    const bool deletes = status == "D";
    writer.add(path, deletes, deletes ? "" : std::string(word(change, 3)));
  }
}

// Reads `mode type id TAB path NUL`, again and again.
std::map<std::string, std::string> read_tree(std::string_view tree) {
  std::map<std::string, std::string> paths;
  while (!tree.empty()) {
    const std::string_view entry = next_field(tree);
    const auto tab = entry.find('\t');
    if (tab == entry.npos) {
      throw BadInput("git ls-tree answers what is no entry: " + escaped(entry));
    }
    paths.emplace(entry.substr(tab + 1), word(entry.substr(0, tab), 2));
  }
  return paths;
}

// What a person calls the repository: the name of its directory.
std::string name_of(const Git& git, const std::string& git_directory) {
  const Finished top = git.ask({"rev-parse", "--show-toplevel"});
  std::string path = top.status == 0 ? top.out : git_directory;
  while (path.ends_with('\n')) path.pop_back();
  std::string name = path.substr(path.rfind('/') + 1);
  if (name.size() > 4 && name.ends_with(".git")) name.resize(name.size() - 4);
  return name;
}

}  // namespace

History read_git(const std::string& repository) {
  const Git git(repository);
  const Finished there = git.ask({"rev-parse", "--absolute-git-dir"});
  if (there.status != 0) git.refuse("not a git repository", there);
  const Finished head =
      git.ask({"rev-parse", "--verify", "--quiet", "HEAD^{commit}"});
  if (head.status != 0) git.refuse("the repository has no commits", head);

  History history;
  history.kind = "git";
  history.nouns = "paths";
  history.oracle = "git ls-tree -r HEAD";
  history.name = name_of(git, there.out);
  history.head = head.out.substr(0, head.out.find('\n'));
  // The user's configuration must not change what is printed.
  const std::string log =
      git.answer({"-c", "log.showRoot=true", "-c", "log.showSignature=false",
                  "log", "--first-parent", "--diff-merges=first-parent",
                  "--reverse", "--no-renames", "--no-relative", "--no-color",
                  "--no-ext-diff", "--ignore-submodules=none", "--raw",
                  "--no-abbrev", "-z", "--format=", history.head, "--"});
  HistoryWriter writer(history);
  read_changes(log, writer);
  history.end_state = read_tree(
      git.answer({"ls-tree", "-r", "-z", "--full-tree", history.head}));
  if (git.line({"rev-parse", "--is-shallow-repository"}) == "true") {
    history.unchecked =
        "a shallow clone: its history is cut off, so that the end state "
        "cannot be checked";
  }
  return history;
}

}  // namespace strata::tour
