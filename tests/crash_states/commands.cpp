#include "tests/crash_states/commands.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <string_view>

#include "common/cli/cli.h"
#include "common/os/file.h"
#include "common/os/posix_os.h"
#include "common/record/escape.h"
#include "common/store/errors.h"

namespace strata::crash_states {

namespace {

std::string describe(const Change& change) {
  switch (change.kind) {
    case Change::Kind::kMakeDirectory:
      return "mkdir     " + change.path;
    case Change::Kind::kCreate:
      return "create    " + change.path;
    case Change::Kind::kWrite:
      return fmt::format("write     {} at {}, {} bytes", change.path,
                         change.value, change.bytes.size());
    case Change::Kind::kTruncate:
      return fmt::format("truncate  {} to {}", change.path, change.value);
    case Change::Kind::kRename:
      return fmt::format("rename    {} to {}", change.path, change.to);
    case Change::Kind::kRemove:
      return "remove    " + change.path;
    case Change::Kind::kSyncFile:
      return "sync      " + change.path;
    case Change::Kind::kSyncDirectory:
      return "sync      " + change.path +
             (change.path == "nothing" ? "" : ", the directory");
    case Change::Kind::kMark:
      return fmt::format("mark {}", change.value);
  }
  return "";
}

std::string line_of(std::size_t number, const State& state) {
  return fmt::format("{:>5}  {:>3} acknowledged  {}\n", number,
                     state.acknowledged, state.what);
}

int list_changes(const Trace& trace) {
  for (std::size_t i = 0; i < trace.changes.size(); ++i) {
    fmt::print("{:>5}  {}\n", i + 1, describe(trace.changes[i]));
  }
  return kDone;
}

int list_states(const Trace& trace, const std::vector<State>& states,
                bool summary) {
  for (std::size_t i = 0; i < states.size() && !summary; ++i) {
    fmt::print("{}", line_of(i + 1, states[i]));
  }
  fmt::print("{} changes, {} states\n", trace.changes.size(), states.size());
  return kDone;
}

int check(const Arguments& given, const Operations& operations,
          const std::vector<State>& states) {
  using Kind = Verdict::Kind;
  std::map<Kind, std::size_t> counts;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const Verdict verdict =
        judge(*given.stage, given.options, operations, states[i]);
    ++counts[verdict.kind];
    const bool is_bad =
        verdict.kind == Kind::kLost || verdict.kind == Kind::kRefused;
    if (!is_bad || given.summary) continue;
    fmt::print("{}", line_of(i + 1, states[i]));
    for (const std::string& line : verdict.why) {
      fmt::print("       {}\n", line);
    }
  }
  fmt::print("{} states: {} whole, {} whole and ahead, {} lost, {} refused\n",
             states.size(), counts[Kind::kWhole], counts[Kind::kAhead],
             counts[Kind::kLost], counts[Kind::kRefused]);
  return counts[Kind::kLost] + counts[Kind::kRefused] > 0 ? 1 : kDone;
}

const State& pick(const Arguments& given, const std::vector<State>& states) {
  if (given.number <= states.size()) return states[given.number - 1];
  throw InvalidInput(
      fmt::format("no state {}: there are {}", given.number, states.size()));
}

int show(const Arguments& given, const Operations& operations,
         const State& state) {
  fmt::print("{}", line_of(given.number, state));
  for (const std::string& path : state.image.directories) {
    fmt::print("{}/\n", path);
  }
  for (const auto& [path, bytes] : state.image.files) {
    fmt::print("{}  {} bytes\n", path, bytes.size());
  }
  Options options = given.options;
  options.note = [](const std::string& line) { fmt::print("{}\n", line); };
  const Verdict verdict = judge(*given.stage, options, operations, state);
  static const std::map<Verdict::Kind, const char*> names = {
      {Verdict::Kind::kWhole, "whole: all that was acknowledged, no more"},
      {Verdict::Kind::kAhead, "whole and ahead: the operation under way, too"},
      {Verdict::Kind::kLost, "lost:"},
      {Verdict::Kind::kRefused, "refused:"}};
  fmt::print("{}\n", names.at(verdict.kind));
  for (const std::string& line : verdict.why) fmt::print("  {}\n", line);
  return kDone;
}

// The store's files alone: the directory gets the name that was asked for.
int write(const Arguments& given, const State& state) {
  Os& os = posix_os();
  if (given.directory.empty() ||
      !list_directory(os, given.directory, "see that nothing is there")
           .empty()) {
    throw InvalidInput("write wants a directory that is missing or empty: '" +
                       given.directory + "'");
  }
  fmt::print("{}", line_of(given.number, state));
  if (state.image.directories.count(kDirectory) == 0) {
    fmt::print("there was no store yet: nothing is written\n");
    return kDone;
  }
  (void)Directory::open_or_make(os, given.directory, false);
  const std::string prefix = std::string(kDirectory) + "/";
  for (const auto& [path, bytes] : state.image.files) {
    const std::string to = given.directory + "/" + path.substr(prefix.size());
    File::open(os, to, OpenMode::kCreateNew, "write a file of the state")
        .write_at(0, bytes, "write a file of the state");
    fmt::print("{}  {} bytes\n", to, bytes.size());
  }
  return kDone;
}

int dispatch(const Arguments& given) {
  const Operations operations = parse_batch(*given.stage, read_batch());
  Trace trace = record(*given.stage, given.options, operations);
  leave_out(trace, given.without);
  if (given.command == "changes") return list_changes(trace);
  const std::vector<State> states = states_of(trace, given.crash);
  if (given.command == "list") return list_states(trace, states, given.summary);
  if (given.command == "check") return check(given, operations, states);
  const State& state = pick(given, states);
  if (given.command == "show") return show(given, operations, state);
  return write(given, state);
}

}  // namespace

int run(const Arguments& arguments) {
  int code = kDone;
  if (arguments.stage == nullptr) {
    fmt::print("{}", arguments.help);
  } else {
    code = dispatch(arguments);
  }
  if (std::fflush(stdout) != 0) {
    throw IoError("cannot write", "standard output", errno);
  }
  return code;
}

}  // namespace strata::crash_states
