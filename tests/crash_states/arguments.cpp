#include "tests/crash_states/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <map>
#include <string_view>

#include "common/cli/cli.h"
#include "common/cli/session.h"
#include "stages/registry.h"

namespace strata::crash_states {

namespace {

constexpr const char* kHelp =
    R"(usage: crash_states STAGE [OPTIONS] [COMMAND] < BATCH

Runs a batch on a disk in memory, writes down what is done to the disk, and
builds from that every state in which a crash could have left it. The batch has
the lines that a stage's 'batch' reads; the store is new and in 'db'.

commands:
  list          each state: its number, how many operations were acknowledged,
                when it crashed and what is missing (the default)
  changes       what was done to the disk, numbered; 'mark N': here operation N
                was acknowledged
  check         open the store on each state, and show those where something
                that was acknowledged is not there; a stage without a log keeps
                it in memory, and a kill loses that
  show N        what is on the disk in state N, and what the store says to it
  write N DIR   make state N's store at DIR, which is missing or empty

options:
  --sync never|always   what the store is opened with (default never)
  --kill                the process is killed; otherwise the power is cut
  --without-sync N      as if sync N of the changes had not been made; may be
                        given more than once
  --summary             list, check: print only the last line, the counts
  and those of the stage, such as --segment-bytes N

exit codes: 0 done, 1 check: something is lost, 2 usage, 4 the system refused
)";

const Stage& stage_named(const std::string& name) {
  if (const Stage* stage = find_stage(name)) return *stage;
  std::string names;
  for (const Stage* stage : all_stages()) {
    names += (names.empty() ? "" : " ") + std::string(stage->name);
  }
  throw CommandError(kUsage,
                     fmt::format("no stage '{}': there are {}", name, names));
}

std::uint64_t default_for_crashes(const OptionSpec& spec) {
  constexpr std::uint64_t kSlots = 1024;
  if (spec.name == "--slots") return kSlots;
  if (spec.name == "--dead-percent") return spec.max;
  if (spec.name == "--merge-tables") return spec.max;
  if (spec.name == "--merge-window-end") return 0;  // as the start: never
  return spec.default_value;
}

std::map<std::string, std::uint64_t> numbers_of_choices(
    const OptionSpec& spec) {
  std::map<std::string, std::uint64_t> numbers;
  for (std::size_t i = 0; i < spec.choices.size(); ++i) {
    numbers.emplace(spec.choices[i], i);
  }
  return numbers;
}

std::size_t number_in(const std::string& word) {
  std::size_t number = 0;
  const char* end = word.data() + word.size();
  const auto [rest, error] = std::from_chars(word.data(), end, number);
  if (error == std::errc() && rest == end && number > 0) return number;
  throw CommandError(kUsage, "a number is 1 or more: '" + word + "'");
}

void take_command(const std::vector<std::string>& words, Arguments& given) {
  static const std::map<std::string_view, std::size_t> word_counts = {
      {"list", 0}, {"changes", 0}, {"check", 0}, {"show", 1}, {"write", 2}};
  if (words.empty()) return;
  const auto known = word_counts.find(words[0]);
  if (known == word_counts.end()) {
    throw CommandError(kUsage,
                       fmt::format("no command '{}': see --help", words[0]));
  }
  if (words.size() != known->second + 1) {
    throw CommandError(
        kUsage, fmt::format("{} wants {} behind its name, not {}: see --help",
                            words[0], known->second, words.size() - 1));
  }
  given.command = words[0];
  if (words.size() > 1) given.number = number_in(words[1]);
  if (words.size() > 2) given.directory = words[2];
}

void parse_options(int argc, char** argv, Arguments& given) {
  std::string sync = "never";
  bool kill = false;
  std::vector<std::string> words;
  std::vector<std::string> without;
  CLI::App app;
  app.set_help_flag();
  app.add_option("--sync", sync)->check(CLI::IsMember({"never", "always"}));
  app.add_flag("--kill", kill);
  app.add_option("--without-sync", without)->allow_extra_args(false);
  app.add_flag("--summary", given.summary);
  for (const OptionSpec& spec : given.stage->options) {
    std::uint64_t& number = given.options.numbers[spec.name];
    number = default_for_crashes(spec);
    auto* const option = app.add_option(std::string(spec.name), number);
    if (spec.choices.empty()) {
      option->check(CLI::Range(spec.min, spec.max));
    } else {
      option->transform(CLI::CheckedTransformer(numbers_of_choices(spec)));
    }
  }
  app.add_option("words", words);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    throw CommandError(kUsage, error.what());
  }
  // One size may have two names: what is not given is not to overrule the other.
  for (const OptionSpec& spec : given.stage->options) {
    if (given.options.numbers[spec.name] == spec.default_value) {
      given.options.numbers.erase(spec.name);
    }
  }
  for (const std::string& word : without) {
    given.without.push_back(number_in(word));
  }
  given.options.sync = sync == "always" ? Sync::kAlways : Sync::kNever;
  given.crash = kill ? Crash::kKill : Crash::kPowerCut;
  take_command(words, given);
}

}  // namespace

Arguments parse(int argc, char** argv) {
  Arguments given;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help" || word == "-h") {
      given.help = kHelp;
      return given;
    }
  }
  if (argc < 2) throw CommandError(kUsage, "which stage? see --help");
  given.stage = &stage_named(argv[1]);
  parse_options(argc - 1, argv + 1, given);
  return given;
}

}  // namespace strata::crash_states
