#include "common/cli/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/cli/batch.h"
#include "common/cli/cli.h"
#include "common/record/escape.h"
#include "common/store/errors.h"

namespace strata {

namespace {

int run_set(Session& session, const Words& words, const Flags& /*flags*/) {
  session.stage().limits.check(words[0], words[1]);
  session.to_write().set(words[0], words[1]);
  return kDone;
}

int run_get(Session& session, const Words& words, const Flags& /*flags*/) {
  std::string value;
  if (!session.to_read().get(words[0], value)) return kNoSuchKey;
  session.print(value);
  session.print("\n");
  return kDone;
}

int run_del(Session& session, const Words& words, const Flags& /*flags*/) {
  session.stage().limits.check_key(words[0]);
  session.to_write().del(words[0]);
  return kDone;
}

int run_keys(Session& session, const Words& /*words*/, const Flags& /*flags*/) {
  std::string line;
  session.to_read().keys([&](std::string_view key) {
    line.clear();
    escape(key, line);
    line += '\n';
    session.print(line);
  });
  return kDone;
}

int run_scan(Session& session, const Words& words, const Flags& /*flags*/) {
  const std::string_view from = words.empty() ? std::string_view() : words[0];
  const std::string_view to = words.size() < 2 ? std::string_view() : words[1];
  if (words.size() == 2 && to.empty()) return kDone;  // nothing is below it
  std::string line;
  session.to_read().scan(from, to,
                         [&](std::string_view key, std::string_view value) {
                           line.clear();
                           escape(key, line);
                           line += '\t';
                           escape(value, line);
                           line += '\n';
                           session.print(line);
                         });
  return kDone;
}

int run_compact(Session& session, const Words& /*words*/,
                const Flags& /*flags*/) {
  const auto tell = [&](std::string_view when) {
    const Stats stats = session.to_read().stats();
    session.print(fmt::format("{}: {} bytes in {} files\n", when,
                              stats.disk_bytes, stats.files));
  };
  tell("before");
  compact(session);
  tell("after");
  return kDone;
}

// Each file with records: lines of text, or the members of a JSON array.
std::string in_words(const std::vector<FileStats>& files, bool json) {
  const char* format = json ? "{{\"file\":\"{}\",\"live_bytes\":{},"
                              "\"dead_bytes\":{},\"dead_percent\":{}}},"
                            : "{}: live_bytes {} dead_bytes {} dead {}%\n";
  std::string text;
  for (const FileStats& file : files) {
    text += fmt::format(fmt::runtime(format), file.name, file.live_bytes,
                        file.dead_bytes, file.dead_percent());
  }
  if (json && !text.empty()) text.pop_back();
  return text;
}

int run_stats(Session& session, const Words& /*words*/, const Flags& flags) {
  const Stats stats = session.to_read().stats();
  std::string each;
  if (flags.files) each = in_words(session.to_read().file_stats(), flags.json);
  if (flags.files && flags.json) each = ",\"per_file\":[" + each + "]";
  if (flags.files && !flags.json) {
    for (const std::string& line : session.to_read().details()) {
      each += line + '\n';
    }
  }
  const char* format = flags.json ? "{{\"keys\":{},\"live_bytes\":{},"
                                    "\"dead_bytes\":{},\"disk_bytes\":{},"
                                    "\"files\":{},\"index_bytes\":{},"
                                    "\"open_seconds\":{:.6f}{}}}\n"
                                  : "keys {}\nlive_bytes {}\ndead_bytes {}\n"
                                    "disk_bytes {}\nfiles {}\nindex_bytes {}\n"
                                    "open_seconds {:.6f}\n{}";
  session.print(fmt::format(fmt::runtime(format), stats.keys, stats.live_bytes,
                            stats.dead_bytes, stats.disk_bytes, stats.files,
                            stats.index_bytes, session.open_seconds(), each));
  return kDone;
}

int run_dump(Session& session, const Words& words, const Flags& /*flags*/) {
  std::optional<Damage> damage;
  std::string line;
  session.to_read().dump(
      words.empty() ? std::string_view() : words[0],
      [&](const DumpRecord& record) {
        line = fmt::format("{}\t{}\t{}\t{}", record.file, record.offset,
                           record.size, name_of(record.state));
        for (const auto& [name, bytes] : record.fields) {
          line += fmt::format("\t{}=", name);
          escape(bytes, line);
        }
        if (!record.why.empty()) line += fmt::format("\t{}", record.why);
        line += '\n';
        session.print(line);
        if (!damage && record.state == DumpRecord::State::kDamaged) {
          damage.emplace(std::string(record.file), record.offset,
                         std::string(record.why));
        }
      });
  if (damage) throw Damage(*damage);
  return kDone;
}

std::string in_words(const DamagedPlace& place) {
  return fmt::format("{}: offset {}: {} bytes: {}\n", escaped(place.file),
                     place.offset, place.size, place.why);
}

int run_verify(Session& session, const Words& /*words*/,
               const Flags& /*flags*/) {
  std::optional<Damage> first;
  session.to_read().verify([&](const DamagedPlace& place) {
    session.print(in_words(place));
    if (!first) first.emplace(place.file, place.offset, place.why);
  });
  if (first) throw Damage(*first);
  return kDone;
}

int run_salvage(Session& session, const Words& words, const Flags& /*flags*/) {
  if (words[0].empty()) throw CommandError(kUsage, "salvage wants a directory");
  session.to_read().salvage(words[0], [&](const DamagedPlace& place) {
    session.print("lost: " + in_words(place));
  });
  return kDone;
}

int run_batch(Session& session, const Words& words, const Flags& flags) {
  return batch(session, words.empty() ? "-" : words[0], flags);
}

void check_flags(std::string_view command, const Flags& flags) {
  const auto want = [&](bool given, const char* flag, std::string_view owner) {
    if (!given || command == owner) return;
    throw CommandError(kUsage, fmt::format("{} belongs to {}", flag, owner));
  };
  want(flags.ack, "--ack", "batch");
  want(flags.skip_deletes, "--skip-deletes", "batch");
  want(flags.json, "--json", "stats");
  want(flags.files, "--files", "stats");
}

// Takes the flags of a command out of its words, where they come first.
void take_flags(Words& words, Flags& flags) {
  const std::string name = words[0];
  while (words.size() > 1) {
    if (name == "batch" && words[1] == "--ack") {
      flags.ack = true;
    } else if (name == "batch" && words[1] == "--skip-deletes") {
      flags.skip_deletes = true;
    } else if (name == "stats" && words[1] == "--json") {
      flags.json = true;
    } else if (name == "stats" && words[1] == "--files") {
      flags.files = true;
    } else {
      return;
    }
    words.erase(words.begin() + 1);
  }
}

}  // namespace

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands = {
      {"set", "KEY VALUE", "write; the last write of a key wins", 2, 2,
       run_set},
      {"get", "KEY", "print the value", 1, 1, run_get},
      {"del", "KEY", "delete", 1, 1, run_del},
      {"keys", "", "print every live key, escaped, one a line", 0, 0, run_keys},
      {"scan", "[FROM [TO]]",
       "print KEY<TAB>VALUE, escaped, ascending; FROM included, TO excluded", 0,
       2, run_scan},
      {"batch", "[--ack] [--skip-deletes] [FILE]",
       "run one operation a line, from FILE or standard input", 0, 1,
       run_batch},
      {"compact", "", "reclaim the space of dead records now", 0, 0,
       run_compact},
      {"stats", "[--json] [--files]",
       "print keys, bytes, files and memory; with --files for each file, too",
       0, 0, run_stats},
      {"dump", "[FILE]",
       "print every record on disk: file, offset, size, state, fields", 0, 1,
       run_dump},
      {"verify", "",
       "read every byte, print a line for each damaged place, or nothing", 0, 0,
       run_verify},
      {"salvage", "DIR",
       "copy what is readable into a new store at DIR; list what was lost", 1,
       1, run_salvage},
  };
  return commands;
}

// Where nothing was ever written, compacting makes no store. Of one that is
// open for writing nothing need be asked: to count its files may take long.
void compact(Session& session) {
  if (!session.is_writing() && session.to_read().stats().files == 0) return;
  session.to_write().compact();
}

int run_command(Session& session, const Words& words, Flags flags) {
  const auto& commands = all_commands();
  const auto command = std::find_if(
      commands.begin(), commands.end(),
      [&](const Command& entry) { return entry.name == words[0]; });
  if (command == commands.end()) {
    throw CommandError(
        kUsage, fmt::format("no such command: '{}': see 'help'", words[0]));
  }
  session.require(command->name);
  Words arguments = words;
  take_flags(arguments, flags);
  check_flags(command->name, flags);
  arguments.erase(arguments.begin());
  if (arguments.size() < command->least || arguments.size() > command->most) {
    throw CommandError(
        kUsage, fmt::format("usage: {} {}", command->name, command->arguments));
  }
  int code = kDone;
  try {
    code = command->run(session, arguments, flags);
  } catch (...) {
    const CommandError error = current_error();
    session.flush();
    throw CommandError(error);
  }
  session.flush();
  return code;
}

}  // namespace strata
