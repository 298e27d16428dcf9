#include "bench/tour/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "common/record/escape.h"

namespace strata::tour {

namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kIndent = 16;

// "0.03", "9.5", "95", "950".
std::string three_digits(double value) {
  if (value > 0 && value < 0.0995) return fmt::format("{:.1g}", value);
  return value < 9.95 && value != std::floor(value)
             ? fmt::format("{:.1f}", value)
             : fmt::format("{:.0f}", value);
}

template <std::size_t kCount>
std::string in_units(double value,
                     const std::array<std::string_view, kCount>& units) {
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kCount) {
    value /= 1000;
    ++unit;
  }
  return three_digits(value) + std::string(units[unit]);
}

std::string count(double calls) {
  return in_units(calls, std::array<std::string_view, 3>{"", "K", "M"});
}

std::string moved(double bytes, double calls) {
  return fmt::format("{} ({})", size(bytes), count(calls));
}

// "2 paths", "1 path".
std::string counted(std::uint64_t value, std::string_view nouns) {
  if (value == 1) nouns.remove_suffix(1);
  return fmt::format("{} {}", number(value), nouns);
}

// A cell for what was asked of nobody.
std::string if_asked(const Answers& answers, std::string cell) {
  return answers.asked == 0 ? "-" : std::move(cell);
}

std::string time_of(const Answers& answers) {
  return if_asked(answers, duration(answers.cost.ns));
}

std::string reads_of(const Answers& answers) {
  return if_asked(answers,
                  moved(answers.cost.read_bytes, answers.cost.read_calls));
}

// Appends `text` in lines of at most kColumns, each indented.
void append_wrapped(std::string& out, std::string_view text) {
  const std::size_t width = kColumns - kIndent;
  while (!text.empty()) {
    std::size_t end = text.size();
    if (end > width) {
      end = text.rfind(' ', width);
      if (end == text.npos) end = width;
    }
    out += fmt::format("{:{}}{}\n", "", kIndent, text.substr(0, end));
    text.remove_prefix(end);
    while (text.starts_with(' ')) text.remove_prefix(1);
  }
}

std::string time_table(const std::vector<Run>& runs) {
  constexpr auto kRow = "{:<16}{:>13}{:>13}{:>13}{:>13}{:>13}{:>13}\n";
  std::string out =
      "Time                    write       newest       oldest "
      "     missing       random     start-up\n";
  for (const Run& run : runs) {
    out += fmt::format(kRow, run.stage->name, duration(run.write.ns),
                       time_of(run.newest), time_of(run.oldest),
                       time_of(run.missing), time_of(run.random),
                       duration(run.open.ns));
  }
  for (const Run& run : runs) {
    if (run.stage->logs) continue;
    out += fmt::format(
        "{} acknowledges a write that is in its memory only; all others, one "
        "that the system has.\n",
        run.stage->name);
  }
  return out;
}

std::string moved_table(const std::vector<Run>& runs) {
  constexpr auto kRow = "{:<16}{:>13}{:>14}{:>14}{:>14}{:>14}{:>14}\n";
  std::string out =
      "Bytes (calls)           write        newest        oldest "
      "      missing        random      start-up\n";
  for (const Run& run : runs) {
    out += fmt::format(kRow, run.stage->name,
                       moved(run.write.write_bytes, run.write.write_calls),
                       reads_of(run.newest), reads_of(run.oldest),
                       reads_of(run.missing), reads_of(run.random),
                       moved(run.open.read_bytes, run.open.read_calls));
  }
  return out;
}

std::string end_of(const History& history, const Run& run) {
  std::string end = history.unchecked.empty() ? "exact" : "not checked";
  if (run.ghosts.count > 0) end += ", " + counted(run.ghosts.count, "ghosts");
  return end;
}

std::string held_table(const History& history, const std::vector<Run>& runs) {
  constexpr auto kRow = "{:<16}{:>13}{:>13}{:>13}{:>13}{:>26}\n";
  std::string out =
      "Held                   memory      per key      on disk "
      "   of it live                 end state\n";
  std::uint64_t most_ghosts = 0;
  for (const Run& run : runs) {
    const Stats& stats = run.stats;
    const auto share = [](std::uint64_t part, std::uint64_t whole) {
      return whole == 0
                 ? 0
                 : static_cast<double>(part) / static_cast<double>(whole);
    };
    // Compressed, records take less room than they are long.
    const std::uint64_t whole =
        std::max(stats.disk_bytes, stats.live_bytes + stats.dead_bytes);
    out += fmt::format(
        kRow, run.stage->name, size(static_cast<double>(stats.index_bytes)),
        size(share(stats.index_bytes, stats.keys)),
        size(static_cast<double>(stats.disk_bytes)),
        fmt::format("{:.0f} %", 100 * share(stats.live_bytes, whole)),
        end_of(history, run));
    most_ghosts = std::max(most_ghosts, run.ghosts.count);
  }
  if (most_ghosts > 0) {
    out += fmt::format(
        "Ghosts are {} that were deleted: a stage without "
        "deletes still believes in them.\n",
        history.nouns);
  }
  return out;
}

// "19 to 3", or "19" where nothing has changed.
std::string became(std::uint64_t before, std::uint64_t after) {
  if (before == after) return before == 0 ? "-" : number(before);
  return number(before) + " to " + number(after);
}

std::string merging_row(const Run& run) {
  const auto bytes = [](std::uint64_t count) {
    return size(static_cast<double>(count));
  };
  std::uint64_t most = 0;
  for (const Growth& at : run.growth) most = std::max(most, at.disk_bytes);
  const Merging unmerged{.bytes_before = run.stats.disk_bytes,
                         .files_before = run.stats.files,
                         .files_after = run.stats.files,
                         .probes_before = run.miss_probes};
  const Merging& merging = run.merging ? *run.merging : unmerged;
  return fmt::format(
      "{:<16}{:>12}{:>12}{:>12}{:>11}{:>12}{:>13}{:>12}\n", run.stage->name,
      bytes(most), bytes(merging.bytes_before),
      run.merging ? bytes(merging.bytes_after) : "-",
      run.merging ? duration(merging.ns) : "-",
      became(merging.files_before, merging.files_after),
      became(merging.probes_before, run.miss_probes),
      run.user_bytes == 0
          ? "-"
          : fmt::format("{:.2f}", static_cast<double>(run.written) /
                                      static_cast<double>(run.user_bytes)));
}

std::string merging_table(const std::vector<Run>& runs) {
  std::string out =
      "Merging         most on disk  at the end      merged       took"
      "       files asked a miss  write amp.\n";
  std::uint64_t segment_bytes = 0;
  for (const Run& run : runs) {
    out += merging_row(run);
    segment_bytes = std::max(segment_bytes, run.segment_bytes);
  }
  if (segment_bytes > 0) {
    out += fmt::format(
        "Segments end at {}, memtables when they take as much memory. What "
        "merges, merges also by\nitself while it is written to; merged: once "
        "more, all of it. Asked a miss: indexes, of segments\nor of tables. "
        "Write amplification: bytes written, every merge's too, for each byte "
        "of keys and\nvalues.\n",
        size(static_cast<double>(segment_bytes)));
  }
  return out;
}

// Which stages were asked fewer questions than could be.
std::string asked_notes(const std::vector<Run>& runs) {
  const std::uint64_t most = Patience().questions;
  std::string out = fmt::format(
      "A get of the key written last, of the one written longest ago, of one "
      "that is not there, of\nany live one: {} questions of each kind, the "
      "same for every stage; of slow stages fewer:\n",
      number(most));
  bool fewer = false;
  for (const Run& run : runs) {
    const std::array<const Answers*, 4> kinds = {&run.newest, &run.oldest,
                                                 &run.missing, &run.random};
    bool all = true;
    for (const Answers* kind : kinds) {
      all = all && (kind->asked == most || kind->asked == 0);
    }
    if (all) continue;
    fewer = true;
    out += fmt::format("{:<16}{:>26}{:>13}{:>13}{:>13}\n", run.stage->name,
                       number(run.newest.asked), number(run.oldest.asked),
                       number(run.missing.asked), number(run.random.asked));
  }
  if (!fewer) out.replace(out.rfind(';'), out.npos, ".\n");
  return out;
}

std::string story_of(const History& history, const Run& run, const Run* next) {
  std::string out =
      fmt::format("{:<{}}{}\n", run.stage->name, kIndent, run.stage->title);
  if (run.rewritten_keys > 0) {
    append_wrapped(out,
                   fmt::format("{} with bytes that it cannot hold: "
                               "written with escapes.",
                               counted(run.rewritten_keys, history.nouns)));
  }
  std::string refuses;
  for (const Refusal& refusal : run.stage->refuses) {
    refuses += (refuses.empty() ? "not yet: " : ", ");
    refuses += refusal.name;
  }
  append_wrapped(out, refuses);
  append_wrapped(
      out, std::string(run.stage->flaw) +
               (next == nullptr ? ""
                                : fmt::format(" So: {}, {}.", next->stage->name,
                                              next->stage->title)));
  return out;
}

}  // namespace

std::string duration(double ns) {
  return in_units(ns,
                  std::array<std::string_view, 4>{" ns", " µs", " ms", " s"});
}

std::string size(double bytes) {
  return in_units(
      bytes, std::array<std::string_view, 5>{" B", " KB", " MB", " GB", " TB"});
}

std::string number(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t end = text.size(); end > 3; end -= 3) {
    text.insert(end - 3, ",");
  }
  return text;
}

std::string headline(const History& history) {
  std::uint64_t deletes = 0;
  for (const Operation& operation : history.operations) {
    deletes += operation.deletes ? 1 : 0;
  }
  std::string out = escaped(history.name);
  if (!history.head.empty()) out += " at " + history.head.substr(0, 12);
  out += fmt::format(": {} on {}, {} among them; {} at the end\n",
                     counted(history.operations.size(), "operations"),
                     counted(history.keys.size(), history.nouns),
                     deletes == 0 ? "no deletes" : counted(deletes, "deletes"),
                     number(history.end_state.size()));
  if (history.malformed > 0) {
    out += fmt::format(
        "{} of {} malformed and passed over: the first is line "
        "{}\n",
        number(history.malformed), counted(history.lines, "lines"),
        number(history.first_malformed));
  }
  if (!history.unchecked.empty()) out += history.unchecked + "\n";
  return out;
}

std::string tables(const History& history, const std::vector<Run>& runs) {
  std::string out = "\n" + time_table(runs) + "\n" + moved_table(runs) + "\n" +
                    held_table(history, runs) + "\n" + merging_table(runs) +
                    "\n" + asked_notes(runs) + "\n";
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run* next = i + 1 < runs.size() ? &runs[i + 1] : nullptr;
    out += story_of(history, runs[i], next);
  }
  return out;
}

}  // namespace strata::tour
