#include "common/cli/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <map>
#include <string>
#include <vector>

#include "common/cli/commands.h"
#include "common/cli/session.h"
#include "common/cli/shell.h"
#include "common/os/terminal.h"

namespace strata {

namespace {

// What stands before the command, and the command's words.
struct Arguments {
  Options options;
  Flags flags;
  bool explain = false;
  bool help = false;
  bool version = false;
  Words words;
};

std::uint64_t parse_choice(const OptionSpec& spec, const std::string& text) {
  for (std::size_t i = 0; i < spec.choices.size(); ++i) {
    if (spec.choices[i] == text) return i;
  }
  throw CommandError(kUsage, fmt::format("{} wants one of {}: {}", spec.name,
                                         fmt::join(spec.choices, ", "), text));
}

std::uint64_t parse_number(const OptionSpec& spec, const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || number < spec.min ||
      number > spec.max) {
    throw CommandError(
        kUsage, fmt::format("{} wants a number from {} to {}: {}", spec.name,
                            spec.min, spec.max, text));
  }
  return number;
}

bool is_option(std::string_view name) {
  return name.substr(0, 2) == "--";
}

// Options end at the first word that is none, or behind `--`.
Words words_behind_options(const CLI::App& app) {
  Words words = app.remaining();
  if (!words.empty() && words[0] == "--") {
    words.erase(words.begin());
  } else if (!words.empty() && words[0].size() > 1 && words[0][0] == '-') {
    throw CommandError(kUsage,
                       fmt::format("no such option: {}: see 'help'", words[0]));
  }
  return words;
}

// CLI11 takes the next word for the value of an option that ends in `=`.
void refuse_empty_values(const CLI::App& app, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!is_option(word) || word == "--") return;
    if (word.back() == '=') {
      throw CommandError(kUsage,
                         word.substr(0, word.size() - 1) + " wants a value");
    }
    const CLI::Option* option = app.get_option_no_throw(word);
    if (option != nullptr && option->get_type_size() > 0) ++i;
  }
}

// What the options say, before it has been checked.
struct Texts {
  std::string sync = "never";
  std::map<std::string_view, std::string> values;  // of the stage's own
};

void add_options(const Stage& stage, Arguments& given, Texts& texts,
                 CLI::App& app) {
  app.set_help_flag();
  app.prefix_command();
  app.option_defaults()->take_last();
  app.add_option("--db", given.options.directory);
  app.add_option("--sync", texts.sync);
  for (const OptionSpec& spec : stage.options) {
    app.add_option(std::string(spec.name), texts.values[spec.name]);
  }
  for (const Refusal& refusal : stage.refuses) {
    if (!is_option(refusal.name)) continue;
    app.add_option(std::string(refusal.name), texts.values[refusal.name])
        ->expected(0, 1);
  }
  app.add_flag("--explain", given.explain);
  app.add_flag("--help,-h", given.help);
  app.add_flag("--version", given.version);
  app.add_flag("--ack", given.flags.ack);
  app.add_flag("--skip-deletes", given.flags.skip_deletes);
  app.add_flag("--json", given.flags.json);
  app.add_flag("--files", given.flags.files);
}

void check_values(const Stage& stage, const CLI::App& app, const Texts& texts,
                  Options& options) {
  for (const Refusal& refusal : stage.refuses) {
    if (is_option(refusal.name) && app.count(std::string(refusal.name)) > 0) {
      throw refused(refusal);
    }
  }
  if (texts.sync != "never" && texts.sync != "always") {
    throw CommandError(kUsage, "--sync wants never or always: " + texts.sync);
  }
  options.sync = texts.sync == "always" ? Sync::kAlways : Sync::kNever;
  if (options.directory.empty()) {
    throw CommandError(kUsage, "--db wants a directory");
  }
  for (const OptionSpec& spec : stage.options) {
    if (app.count(std::string(spec.name)) == 0) continue;
    const std::string& text = texts.values.at(spec.name);
    options.numbers[spec.name] = spec.choices.empty()
                                     ? parse_number(spec, text)
                                     : parse_choice(spec, text);
  }
}

Arguments parse(const Stage& stage, int argc, char** argv) {
  Arguments given;
  given.options.directory = fmt::format("./{}.db", stage.name);
  Texts texts;
  CLI::App app;
  add_options(stage, given, texts, app);
  refuse_empty_values(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    throw CommandError(kUsage, error.what());
  }
  given.words = words_behind_options(app);
  check_values(stage, app, texts, given.options);
  return given;
}

// A line of `help`: what to type, and what it does.
std::string row(std::string_view left, std::string_view right) {
  constexpr std::size_t kColumn = 40;
  return fmt::format("  {:<{}} {}\n", left, kColumn, right);
}

std::string help_of_commands(const Stage& stage) {
  std::string text = "\ncommands:\n";
  for (const Command& command : all_commands()) {
    if (!stage.has(command.name)) continue;
    text += row(fmt::format("{} {}", command.name, command.arguments),
                command.help);
    if (command.name == "batch") {
      text += row("  --ack",
                  "  print 'ok N' when the write in line N is acknowledged");
      text += row("  --skip-deletes",
                  "  count and skip 'del' in a stage without it");
    }
  }
  return text +
         row("shell",
             "the same commands at a prompt, with history and completion") +
         row("help", "print this");
}

std::string help_of_options(const Stage& stage) {
  std::string text = "\noptions, before the command ('--' ends them):\n";
  text += row("--db DIR", fmt::format("the store's directory (default ./{}.db)",
                                      stage.name));
  text += row("--sync never|always",
              stage.logs ? "acknowledge a write once the system has it, or the "
                           "disk (default never)"
                         : "acknowledge a write once it is in memory, or on "
                           "disk (default never)");
  text += row("--explain",
              "print every system call and its cost on standard error");
  text += row("--help", "print this");
  text += row("--version", "print the version");
  for (const OptionSpec& spec : stage.options) {
    const bool named = !spec.choices.empty();
    const std::string values =
        named ? fmt::format("{}", fmt::join(spec.choices, "|")) : "N";
    const std::string usual =
        named ? std::string(spec.choices[spec.default_value])
              : std::to_string(spec.default_value);
    text += row(fmt::format("{} {}", spec.name, values),
                fmt::format("{} (default {})", spec.help, usual));
  }
  return text;
}

std::string help_of(const Stage& stage) {
  std::string text =
      fmt::format("{0}: {1}\n\nusage: {0} [OPTIONS] COMMAND [ARGUMENTS]\n",
                  stage.name, stage.title);
  text += help_of_commands(stage) + help_of_options(stage) + "\nnot yet:\n";
  for (const Refusal& refusal : stage.refuses) {
    text += row(refusal.name, refusal.why);
  }
  if (!stage.logs) {
    text += row(
        "surviving kill -9",
        "a write is in memory until its memtable is written out, as a clean");
    text += row("", "exit does; a log in front of it arrives with 09_lsm_tree");
  }
  return text +
         "\nexit codes: 0 done, 1 get: no such key, 2 usage or input that the "
         "store\ncannot hold, 3 damage found, 4 the system refused, 5 another "
         "writer\n";
}

int dispatch(Session& session, const Arguments& given) {
  const std::string& command = given.words[0];
  const auto help = [&] { session.print(help_of(session.stage())); };
  if (command != "help" && command != "shell") {
    return run_command(session, given.words, given.flags);
  }
  if (given.words.size() > 1) {
    throw CommandError(kUsage, "usage: " + command);
  }
  if (command == "shell") return shell(session, help);
  help();
  session.flush();
  return kDone;
}

int run_arguments(const Stage& stage, const Arguments& given) {
  Session session(stage, given.options, given.explain);
  int code = kDone;
  const auto run = [&](const auto& work) {
    try {
      work();
    } catch (...) {
      const CommandError error = current_error();
      session.tell(error.what());
      if (code == kDone) code = error.code();
    }
  };
  run([&] {
    if (given.version) {
      session.print(
          fmt::format("{} (Strata) {}\n", stage.name, STRATA_VERSION));
      session.flush();
    } else if (given.help) {
      session.print(help_of(stage));
      session.flush();
    } else if (given.words.empty()) {
      throw CommandError(kUsage,
                         fmt::format("no command: see '{} help'", stage.name));
    } else {
      code = dispatch(session, given);
    }
  });
  run([&] { session.write_out(); });  // what was done is kept in any case
  // A shell has told what each of its commands cost, but not what it cost to
  // keep what they did.
  const bool is_shell = !given.words.empty() && given.words[0] == "shell";
  if (!given.words.empty() && (!is_shell || session.has_costs())) {
    session.explain();
  }
  return code;
}

}  // namespace

int run(const Stage& stage, int argc, char** argv) {
  turn_write_signals_into_errors();
  occupy_standard_descriptors();
  try {
    return run_arguments(stage, parse(stage, argc, argv));
  } catch (...) {
    const CommandError error = current_error();
    tell(stage, error.what());
    return error.code();
  }
}

}  // namespace strata
