#include "common/cli/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
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

std::uint64_t parse_number(const OptionSpec& spec, const std::string& text) {
  std::uint64_t number = 0;
  const bool digits =
      !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  if (!digits || !CLI::detail::lexical_cast(text, number) ||
      number < spec.min || number > spec.max) {
    throw CommandError(
        kUsage, fmt::format("{} wants a number from {} to {}: {}", spec.name,
                            spec.min, spec.max, text));
  }
  return number;
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

Arguments parse(const Stage& stage, int argc, char** argv) {
  Arguments given;
  given.options.directory = fmt::format("./{}.db", stage.name);
  std::string sync = "never";
  std::string segment_bytes;
  std::map<std::string_view, std::string> numbers;

  CLI::App app;
  app.set_help_flag();
  app.prefix_command();
  app.option_defaults()->take_last();
  app.add_option("--db", given.options.directory);
  app.add_option("--sync", sync);
  app.add_option("--segment-bytes", segment_bytes);
  for (const OptionSpec& spec : stage.options) {
    app.add_option(std::string(spec.name), numbers[spec.name]);
  }
  app.add_flag("--explain", given.explain);
  app.add_flag("--help,-h", given.help);
  app.add_flag("--version", given.version);
  app.add_flag("--ack", given.flags.ack);
  app.add_flag("--skip-deletes", given.flags.skip_deletes);
  app.add_flag("--json", given.flags.json);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    throw CommandError(kUsage, error.what());
  }
  given.words = words_behind_options(app);

  if (app.count("--segment-bytes") > 0) {
    if (const Refusal* refusal = stage.refusal("--segment-bytes")) {
      throw CommandError(
          kUsage, fmt::format("no '{}' yet: {}", refusal->name, refusal->why));
    }
  }
  if (sync != "never" && sync != "always") {
    throw CommandError(kUsage, "--sync wants never or always: " + sync);
  }
  if (given.options.directory.empty()) {
    throw CommandError(kUsage, "--db wants a directory");
  }
  given.options.sync = sync == "always" ? Sync::kAlways : Sync::kNever;
  for (const OptionSpec& spec : stage.options) {
    if (app.count(std::string(spec.name)) == 0) continue;
    given.options.numbers[spec.name] = parse_number(spec, numbers[spec.name]);
  }
  return given;
}

std::string help_of(const Stage& stage) {
  std::string text = fmt::format(
      "{0}: {1}\n\nusage: {0} [OPTIONS] COMMAND [ARGUMENTS]\n\ncommands:\n",
      stage.name, stage.title);
  const auto row = [&](std::string_view left, std::string_view right) {
    constexpr std::size_t kColumn = 40;
    text += fmt::format("  {:<{}} {}\n", left, kColumn, right);
  };
  for (const Command& command : all_commands()) {
    if (!stage.has(command.name)) continue;
    row(fmt::format("{} {}", command.name, command.arguments), command.help);
    if (command.name == "batch") {
      row("  --ack", "  print 'ok N' when the write in line N is acknowledged");
      row("  --skip-deletes", "  count and skip 'del' in a stage without it");
    }
  }
  row("shell", "the same commands at a prompt, with history and completion");
  row("help", "print this");
  text += "\noptions, before the command ('--' ends them):\n";
  row("--db DIR",
      fmt::format("the store's directory (default ./{}.db)", stage.name));
  row("--sync never|always",
      "acknowledge a write once the system has it, or the disk (default "
      "never)");
  row("--explain", "print every system call and its cost on standard error");
  row("--help, --version", "");
  for (const OptionSpec& spec : stage.options) {
    row(fmt::format("{} N", spec.name),
        fmt::format("{} (default {})", spec.help, spec.default_value));
  }
  text += "\nnot yet:\n";
  for (const Refusal& refusal : stage.refuses) row(refusal.name, refusal.why);
  text +=
      "\nexit codes: 0 done, 1 get: no such key, 2 usage or input that the "
      "store\ncannot hold, 3 damage found, 4 the system refused, 5 another "
      "writer\n";
  return text;
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
  try {
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
  } catch (...) {
    const CommandError error = current_error();
    session.tell(error.what());
    code = error.code();
  }
  session.explain();
  return code;
}

}  // namespace

int run(const Stage& stage, int argc, char** argv) {
  turn_write_signals_into_errors();
  try {
    return run_arguments(stage, parse(stage, argc, argv));
  } catch (...) {
    const CommandError error = current_error();
    fmt::print(stderr, "{}: {}\n", stage.name, error.what());
    return error.code();
  }
}

}  // namespace strata
