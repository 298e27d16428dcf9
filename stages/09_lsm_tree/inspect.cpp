// What stage 09 tells of itself: stats, dump, verify, salvage.
#include <algorithm>
#include <map>
#include <utility>

#include "common/record/log_entries.h"
#include "stages/09_lsm_tree/store.h"

namespace strata {

using lsm::BlockCursor;
using lsm::Cursor;
using lsm::Entry;
using lsm::LogItem;
using lsm::LogKind;
using lsm::MemtableCursor;
using lsm::MergingCursor;
using lsm::Reading;
using lsm::Run;
using lsm::RunCursor;
using lsm::State;
using lsm::Table;
using lsm::TablePtr;
using lsm::take_entry;

// All that is on disk at one time, and stays there.
struct LsmTree::Moment {
  std::shared_lock<std::shared_mutex> logs_stay;
  StatePtr state;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> logs;  // and their sizes
};

// What entries weigh, in bytes.
struct LsmTree::Weights {
  struct File {
    std::uint64_t live = 0;
    std::uint64_t all = 0;
  };

  std::uint64_t keys = 0;
  std::map<std::string, File> files;  // by name
};

// What the logs have.
struct LsmTree::Logged {
  // The last entry of a key.
  struct Last {
    std::uint64_t log = 0;
    std::uint64_t count = 0;  // of the entries in all logs up to it
    std::uint64_t size = 0;   // in bytes
  };

  std::map<std::string, Last, std::less<>> last;
  std::map<std::uint64_t, std::uint64_t> bytes;  // of entries, by log
};

namespace {

// Goes through a run and weighs its entries, table by table.
class Weighed final : public Cursor {
 public:
  using File = std::pair<std::uint64_t, std::uint64_t>;  // live, all

  Weighed(const Run& run, const Reading& reading)
      : run_(run), entries_(run, reading), weights_(run.size()) {}

  [[nodiscard]] bool seek(std::string_view key) override {
    return weigh(entries_.seek(key));
  }

  [[nodiscard]] bool next() override { return weigh(entries_.next()); }

  [[nodiscard]] bool seek_before(std::string_view key) override {
    return entries_.seek_before(key);
  }

  [[nodiscard]] bool seek_last() override { return entries_.seek_last(); }

  [[nodiscard]] bool prev() override { return entries_.prev(); }

  [[nodiscard]] const Entry& entry() const override { return entries_.entry(); }

  // Counts the entry it stands at as one that a get can return.
  void count_as_live() {
    weights_[entries_.number()].first += entries_.entry_size();
  }

  template <typename Visit>
  void for_each_table(const Visit& visit) const {
    for (std::size_t i = 0; i < run_.size(); ++i) {
      visit(run_[i]->name(), weights_[i].first, weights_[i].second);
    }
  }

 private:
  bool weigh(bool has_entry) {
    if (has_entry) weights_[entries_.number()].second += entries_.entry_size();
    return has_entry;
  }

  const Run& run_;
  RunCursor entries_;
  std::vector<File> weights_;
};

// Calls `visit(entry, begin, end)` for each entry of a batch in a log; the
// record's header counts to the first one.
template <typename Visit>
void for_each_entry_of(const LogItem& item, const Visit& visit) {
  std::string_view body = item.body;
  std::uint64_t begin = item.offset;
  Entry entry;
  while (take_entry(body, entry) == Decoded::kRecord) {
    const std::uint64_t end = item.offset + item.size - body.size();
    visit(entry, begin, end);
    begin = end;
  }
}

bool is_batch(Decoded decoded, const LogItem& item) {
  return decoded == Decoded::kRecord && item.kind == LogKind::kBatch &&
         item.offset > 0;
}

DumpRecord as_record(std::string_view file, const Entry& entry,
                     std::uint64_t begin, std::uint64_t end, bool is_last) {
  DumpRecord record;
  record.file = file;
  record.offset = begin;
  record.size = end - begin;
  record.state = !is_last             ? DumpRecord::State::kDead
                 : entry.is_tombstone ? DumpRecord::State::kTombstone
                                      : DumpRecord::State::kLive;
  record.fields = {{"key", entry.key}};
  if (!entry.is_tombstone) record.fields.emplace_back("value", entry.value);
  return record;
}

DumpRecord as_record(std::string_view file, Decoded decoded,
                     const LogItem& item) {
  DumpRecord record;
  record.file = file;
  record.offset = item.offset;
  record.size = item.size;
  record.state = decoded == Decoded::kTorn ? DumpRecord::State::kTorn
                                           : DumpRecord::State::kDamaged;
  record.why = item.why;
  return record;
}

DumpRecord as_record(const Table& table, const Gap& gap) {
  DumpRecord record;
  record.file = table.name();
  record.offset = gap.offset;
  record.size = gap.size;
  record.state = DumpRecord::State::kDamaged;
  record.why = gap.why;
  return record;
}

// Says which keys newer sources know, asked in ascending order from one on.
class Hidden {
 public:
  Hidden(std::vector<std::unique_ptr<Cursor>> newer, std::string_view from)
      : newer_(std::move(newer)), has_more_(newer_.seek(from)) {}

  [[nodiscard]] bool knows(std::string_view key) {
    while (has_more_ && newer_.entry().key < key) has_more_ = newer_.next();
    return has_more_ && newer_.entry().key == key;
  }

 private:
  MergingCursor newer_;
  bool has_more_;
};

std::vector<std::unique_ptr<Cursor>> memtables_of(const State& state) {
  std::vector<std::unique_ptr<Cursor>> inputs;
  inputs.push_back(
      std::make_unique<MemtableCursor>(state.memtable, lsm::kNewest));
  if (state.frozen) {
    inputs.push_back(
        std::make_unique<MemtableCursor>(state.frozen, lsm::kNewest));
  }
  return inputs;
}

}  // namespace

// A writer's logs grow: so it is asked between two writes.
LsmTree::Moment LsmTree::moment() {
  Moment moment;
  moment.logs_stay = std::shared_lock(reading_logs_);
  if (options_.mode == Mode::kRead) {
    const std::shared_lock look(state_lock_);
    moment.state = state_;
    moment.logs = found_logs_;
    return moment;
  }
  Writer mine;
  mine.work = [&] {
    const std::scoped_lock one_memtable(flushing_);
    moment.state = state();
    for (const std::uint64_t log : old_logs_) {
      const File file = File::open(options_.system(), log_path(log),
                                   OpenMode::kRead, "how long is it?");
      moment.logs.emplace_back(log, file.size("measure the log"));
    }
    if (log_) moment.logs.emplace_back(log_number_, log_->end());
  };
  take_turn(mine);
  return moment;
}

LsmTree::Logged LsmTree::logged(const Moment& moment, const char* why) const {
  Logged logged;
  std::uint64_t count = 0;
  for (const auto& [log, size] : moment.logs) {
    std::uint64_t& bytes = logged.bytes[log];
    visit_log(log, size, why,
              [&, number = log](Decoded decoded, const LogItem& item) {
                if (!is_batch(decoded, item)) return;
                for_each_entry_of(item,
                                  [&](const Entry& entry, std::uint64_t begin,
                                      std::uint64_t end) {
                                    bytes += end - begin;
                                    logged.last[std::string(entry.key)] = {
                                        number, ++count, end - begin};
                                  });
              });
  }
  return logged;
}

// ---- stats

// Weighs each entry on disk. Which one of a key counts is known only by merging.
LsmTree::Weights LsmTree::weigh(const Moment& moment) const {
  constexpr const char* kWhy = "count what is live";
  Weights weights;
  const Logged in_logs = logged(moment, kWhy);
  for (const auto& [log, bytes] : in_logs.bytes) {
    weights.files[lsm::numbered_name(log, lsm::kLogSuffix)].all = bytes;
  }
  auto inputs = memtables_of(*moment.state);
  const std::size_t memtables = inputs.size();
  std::vector<Weighed*> runs;
  const Reading reading{
      .why = kWhy,
      .all = true,
      .skip = [this](const Table& table, const Gap& gap) {
        options_.tell("damaged, and passed over: " + table.path() +
                      ": offset " + std::to_string(gap.offset) + ": " +
                      std::to_string(gap.size) + " bytes");
      }};
  moment.state->version->for_each_run([&](std::size_t, const Run& run) {
    auto weighed = std::make_unique<Weighed>(run, reading);
    runs.push_back(weighed.get());
    inputs.push_back(std::move(weighed));
  });
  MergingCursor entries(std::move(inputs));
  for (bool has = entries.seek(""); has; has = entries.next()) {
    if (entries.entry().is_tombstone) continue;
    ++weights.keys;
    if (entries.source() >= memtables) {
      runs[entries.source() - memtables]->count_as_live();
      continue;
    }
    const auto found = in_logs.last.find(entries.entry().key);
    if (found == in_logs.last.end()) continue;
    const std::string log =
        lsm::numbered_name(found->second.log, lsm::kLogSuffix);
    weights.files[log].live += found->second.size;
  }
  for (const Weighed* run : runs) {
    run->for_each_table(
        [&](const std::string& name, std::uint64_t live, std::uint64_t all) {
          weights.files[name] = {live, all};
        });
  }
  return weights;
}

// A reader begins again where a merge has taken a file away meanwhile.
std::pair<LsmTree::Moment, LsmTree::Weights> LsmTree::weighed() {
  std::optional<std::pair<Moment, Weights>> all;
  following_merges([&] {
    Moment now = moment();
    Weights weights = weigh(now);
    all.emplace(std::move(now), std::move(weights));
  });
  return std::move(*all);
}

Stats LsmTree::stats() {
  const auto found = weighed();
  const Moment& now = found.first;
  const Weights& weights = found.second;
  Stats stats;
  stats.keys = weights.keys;
  for (const auto& [name, file] : weights.files) {
    stats.live_bytes += file.live;
    stats.dead_bytes += file.all - file.live;
  }
  for (const TablePtr& table : now.state->version->tables()) {
    stats.disk_bytes += table->size();
    stats.index_bytes += table->index_bytes();
    if (table->size() > 0) ++stats.files;
  }
  for (const auto& [log, size] : now.logs) stats.disk_bytes += size;
  stats.files += now.logs.size();
  const std::uint64_t manifest = lsm::read_manifest(options_).size();
  stats.disk_bytes += manifest;
  if (manifest > 0) ++stats.files;
  const std::shared_lock look(state_lock_);
  for (const TablePtr& table : superseded_) {
    ++stats.files;
    stats.disk_bytes += table->size();
  }
  return stats;
}

std::vector<FileStats> LsmTree::file_stats() {
  const auto found = weighed();
  const Moment& now = found.first;
  const Weights& weights = found.second;
  std::vector<FileStats> all;
  const auto add = [&](const std::string& name) {
    const Weights::File& file = weights.files.at(name);
    all.push_back({name, file.live, file.all - file.live});
  };
  const auto tables = now.state->version->tables();
  std::for_each(tables.rbegin(), tables.rend(),
                [&](const TablePtr& table) { add(table->name()); });
  for (const auto& [log, size] : now.logs) {
    add(lsm::numbered_name(log, lsm::kLogSuffix));
  }
  return all;
}

std::vector<std::string> LsmTree::details() {
  const auto found = weighed();
  const Moment& now = found.first;
  const Weights& weights = found.second;
  lsm::BytesWritten written{};
  {
    const std::scoped_lock one_edit(editing_);
    written = written_;
  }
  const auto ratio = [](std::uint64_t a, std::uint64_t b) -> std::string {
    if (b == 0) return "-";
    const std::uint64_t tenths = (10 * a + b / 2) / b;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
  };
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < lsm::kLevels; ++i) {
    const lsm::Level& level = now.state->version->levels[i];
    if (level.empty() && written[i] == 0) continue;
    std::uint64_t tables = 0;
    Weights::File sum;
    for (const Run& run : level) {
      tables += run.size();
      for (const TablePtr& table : run) {
        const Weights::File& file = weights.files.at(table->name());
        sum.live += file.live;
        sum.all += file.all;
      }
    }
    lines.push_back("level " + std::to_string(i) + ": runs " +
                    std::to_string(level.size()) + " tables " +
                    std::to_string(tables) + " bytes " +
                    std::to_string(bytes_of(level)) + " write_amplification " +
                    ratio(written[i], written[0]) + " read_amplification " +
                    std::to_string(level.size()) + " space_amplification " +
                    ratio(sum.all, sum.live));
  }
  tell_since_open(lines);
  return lines;
}

void LsmTree::tell_since_open(std::vector<std::string>& lines) const {
  const FilterCounts filters = filter_counts();
  if (filters.asked > 0) {
    lines.push_back("filters: asked " + std::to_string(filters.asked) +
                    " refused " + std::to_string(filters.refused) + " erred " +
                    std::to_string(filters.erred));
  }
  if (blocks_.bytes() > 0) {
    lines.push_back("cache: bytes " + std::to_string(blocks_.bytes()));
  }
  if (stalls_ > 0) {
    constexpr std::uint64_t kMicrosecond = 1000;
    lines.push_back("writers: waited " + std::to_string(stalls_) +
                    " times, microseconds " +
                    std::to_string(stalled_ns_ / kMicrosecond));
  }
}

// ---- dump

void LsmTree::dump(std::string_view name, const DumpVisitor& visit) {
  const Moment now = moment();
  bool found = name.empty();
  if (name == lsm::kManifest) found = dump_manifest(visit);
  std::vector<std::pair<Run, std::vector<Run>>> all;  // a run; those newer
  std::vector<Run> newer;
  now.state->version->for_each_run([&](std::size_t, const Run& run) {
    all.emplace_back(run, newer);
    newer.push_back(run);
  });
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    for (const TablePtr& table : each->first) {
      if (!name.empty() && table->name() != name) continue;
      found = true;
      dump_table(*table, *now.state, each->second, visit);
    }
  }
  found = dump_logs(name, now, visit) || found;
  if (found) return;
  throw InvalidInput("this store has no file '" + std::string(name) +
                     "': its files are " + lsm::kManifest + ", N" +
                     std::string(lsm::kLogSuffix) + " and N" +
                     std::string(lsm::kTableSuffix));
}

void LsmTree::dump_table(const Table& table, const State& state,
                         const std::vector<Run>& newer,
                         const DumpVisitor& visit) {
  auto inputs = memtables_of(state);
  for (const Run& run : newer) {
    inputs.push_back(std::make_unique<RunCursor>(
        run, Reading{.why = "which entries are dead?",
                     .all = true,
                     .skip = [](const Table&, const Gap&) {}}));
  }
  Hidden hidden(std::move(inputs), table.info().first);
  for (std::size_t i = 0; i < table.blocks().size(); ++i) {
    const auto block = table.blocks()[i];
    const auto show = [&](const BlockCursor& at) {
      const Entry& entry = at.entry();
      const std::string in_block = std::to_string(at.offset());
      const std::string shared = std::to_string(at.shared());
      DumpRecord record;
      record.file = table.name();
      record.offset = block.place.offset;
      record.size = at.size();
      record.state = hidden.knows(entry.key) ? DumpRecord::State::kDead
                     : entry.is_tombstone    ? DumpRecord::State::kTombstone
                                             : DumpRecord::State::kLive;
      record.fields = {
          {"at", in_block}, {"shared", shared}, {"key", entry.key}};
      if (!entry.is_tombstone) record.fields.emplace_back("value", entry.value);
      visit(record);
    };
    const auto gap = table.for_each(block, "dump the records", show);
    if (gap) visit(as_record(table, *gap));
  }
  if (table.gap()) visit(as_record(table, *table.gap()));
  if (table.filter_gap()) visit(as_record(table, *table.filter_gap()));
}

// Shows the logs, or the one of that name. Returns whether there was one.
bool LsmTree::dump_logs(std::string_view name, const Moment& moment,
                        const DumpVisitor& visit) const {
  constexpr const char* kWhy = "dump the records";
  const Logged all = logged(moment, kWhy);
  std::uint64_t count = 0;
  bool found = false;
  for (const auto& [log, size] : moment.logs) {
    const std::string file = lsm::numbered_name(log, lsm::kLogSuffix);
    const bool is_shown = name.empty() || name == file;
    found = found || is_shown;
    visit_log(log, size, kWhy, [&](Decoded decoded, const LogItem& item) {
      if (is_batch(decoded, item)) {
        for_each_entry_of(item, [&](const Entry& entry, std::uint64_t begin,
                                    std::uint64_t end) {
          const bool is_last =
              all.last.find(entry.key)->second.count == ++count;
          if (is_shown) visit(as_record(file, entry, begin, end, is_last));
        });
      } else if (is_shown && decoded != Decoded::kRecord) {
        visit(as_record(file, decoded, item));
      }
    });
  }
  return found;
}

// Shows the manifest, line by line. Returns whether there is one.
bool LsmTree::dump_manifest(const DumpVisitor& visit) const {
  const std::string text = lsm::read_manifest(options_);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin) + 1;
    DumpRecord record;
    record.file = lsm::kManifest;
    record.offset = begin;
    record.size = end - begin;
    record.fields = {
        {"line", std::string_view(text).substr(begin, end - begin - 1)}};
    visit(record);
    begin = end;
  }
  return !text.empty();
}

// ---- verify and salvage

void LsmTree::verify(const DamageVisitor& visit) {
  const Moment now = moment();
  const auto tell = [&](const std::string& path,
                        const std::optional<Gap>& gap) {
    if (!gap) return;
    visit({.file = path,
           .offset = gap->offset,
           .size = gap->size,
           .why = gap->why});
  };
  for (const TablePtr& table : now.state->version->tables()) {
    for (std::size_t i = 0; i < table->blocks().size(); ++i) {
      tell(table->path(),
           table->for_each(table->blocks()[i], "verify every byte",
                           [](const auto&) {}));
    }
    tell(table->path(), table->gap());
    tell(table->path(), table->filter_gap());
  }
  bool told = false;
  for (const auto& [log, size] : now.logs) {
    visit_log(log, size, "verify every byte",
              [&, path = log_path(log)](Decoded decoded, const LogItem& item) {
                if (decoded != Decoded::kCorrupt) return;
                tell(path, Gap{item.offset, item.size, item.why});
                told = true;
              });
  }
  // What is missing between two logs is in none of them.
  if (!now.state->lost || told) return;
  visit({.file = options_.directory,
         .offset = 0,
         .size = 0,
         .why = now.state->lost->what()});
}

void LsmTree::salvage(const std::string& directory,
                      const DamageVisitor& visit) {
  check_new_or_empty(options_.system(), directory);
  const Moment now = moment();
  Options target = options_;
  target.directory = directory;
  target.mode = Mode::kWrite;
  target.sync = Sync::kNever;
  target.numbers["--open-tables"] = 1;  // this store has some open, too
  LsmTree copy(target);
  const auto lose = [&visit](const std::string& path, const Gap& gap) {
    visit(
        {.file = path, .offset = gap.offset, .size = gap.size, .why = gap.why});
  };
  std::vector<std::unique_ptr<Cursor>> inputs;
  now.state->version->for_each_run([&](std::size_t, const Run& run) {
    inputs.push_back(std::make_unique<RunCursor>(
        run, Reading{.why = "salvage",
                     .all = true,
                     .skip = [&](const Table& table, const Gap& gap) {
                       lose(table.path(), gap);
                     }}));
  });
  const auto put = [&copy](const Entry& entry) {
    if (entry.is_tombstone) {
      copy.del(entry.key);
    } else {
      copy.set(entry.key, entry.value);
    }
  };
  MergingCursor entries(std::move(inputs));
  for (bool has = entries.seek(""); has; has = entries.next()) {
    if (!entries.entry().is_tombstone) put(entries.entry());
  }
  for (const auto& [log, size] : now.logs) {
    visit_log(log, size, "salvage",
              [&, path = log_path(log)](Decoded decoded, const LogItem& item) {
                if (decoded == Decoded::kCorrupt) {
                  lose(path, {item.offset, item.size, item.why});
                }
                if (!is_batch(decoded, item)) return;
                for_each_entry_of(
                    item, [&](const Entry& entry, auto, auto) { put(entry); });
              });
  }
  copy.write_memtable();
  copy.settle();
}

}  // namespace strata
