// Recovery: what stage 09 makes of the files that it finds.
//
//     1. the manifest says which tables there are, and from which log on writes
//        are in no table
//     2. the logs are replayed, the oldest first, into a memtable
//     3. a writer removes what the manifest does not name, cuts off the torn end
//        of the newest log, and goes on behind it
//
// A crash here leaves what was there before or what is there after: each step can
// be done again.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/record/log_entries.h"
#include "stages/09_lsm_tree/store.h"

namespace strata {

using lsm::decode_begin;
using lsm::decode_manifest;
using lsm::Entry;
using lsm::kLogSuffix;
using lsm::kTableSuffix;
using lsm::LogItem;
using lsm::LogKind;
using lsm::LogReader;
using lsm::Manifest;
using lsm::Memtable;
using lsm::numbered_name;
using lsm::Previous;
using lsm::Run;
using lsm::State;
using lsm::Table;
using lsm::TableInfo;
using lsm::take_entry;
using lsm::Version;

namespace {

constexpr const char* kFindFiles = "find logs and tables";

// The numbers of the files in a directory whose names end like this, ascending.
std::vector<std::uint64_t> numbers_among(const std::vector<std::string>& names,
                                         const std::string& directory,
                                         std::string_view suffix) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : names) {
    const std::uint64_t number = lsm::number_of(name, directory, suffix);
    if (number > 0) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

std::string LsmTree::log_path(std::uint64_t number) const {
  return options_.path_of(numbered_name(number, kLogSuffix));
}

// Loads what is there, unless another thread has done so since there had been
// `seen` loads. Where a file is missing, a writer in another process may have
// removed it meanwhile; but then the manifest is another one.
void LsmTree::load(std::uint64_t seen) {
  const std::scoped_lock one_load(loading_);
  if (loads_ != seen) return;
  std::string text = lsm::read_manifest(options_);
  while (true) {
    try {
      return load(text, false);
    } catch (const IoError& error) {
      if (!error.is_missing()) throw;
    }
    std::string now = lsm::read_manifest(options_);
    if (now == text) return load(text, true);
    text = std::move(now);
  }
}

void LsmTree::load(const std::string& text, bool may_be_missing) {
  Manifest manifest;
  if (!text.empty()) {
    manifest = decode_manifest(text, options_.path_of(lsm::kManifest));
  }
  const auto names =
      list_directory(options_.system(), options_.directory, kFindFiles);
  auto logs = numbers_among(names, options_.directory, kLogSuffix);
  logs.erase(logs.begin(),
             std::lower_bound(logs.begin(), logs.end(), manifest.log));
  if (text.empty()) check_is_young(names, logs, may_be_missing);
  State state;
  state.memtable = std::make_shared<Memtable>(memtable_bytes_);
  state.version = open_tables(manifest, may_be_missing);
  const bool is_new = text.empty() && logs.empty();
  auto found = is_new ? std::vector<FoundLog>()
                      : replay_all(logs, manifest.log, may_be_missing, state);
  first_log_ = manifest.log;
  next_number_ = std::max<std::uint64_t>(next_number_, manifest.next);
  written_ = manifest.written;
  manifest_ = text;
  const bool has_lost = state.lost != nullptr;
  {
    const std::unique_lock change(state_lock_);
    state_ = std::make_shared<const State>(std::move(state));
    found_logs_.clear();
    for (const FoundLog& log : found)
      found_logs_.emplace_back(log.number, log.size);
  }
  if (options_.mode == Mode::kWrite) become_writer(std::move(found), has_lost);
  ++loads_;
}

// A store without a manifest has had no table yet, and has its first log.
void LsmTree::check_is_young(const std::vector<std::string>& names,
                             const std::vector<std::uint64_t>& logs,
                             bool may_be_missing) const {
  const bool has_tables =
      !numbers_among(names, options_.directory, kTableSuffix).empty();
  if (logs.empty() ? !has_tables : logs[0] == Manifest().log) return;
  const std::string path = options_.path_of(lsm::kManifest);
  if (!may_be_missing) throw IoError("the manifest is gone", path, ENOENT);
  throw Damage(path, 0, "the manifest is missing");
}

std::shared_ptr<const Version> LsmTree::open_tables(const Manifest& manifest,
                                                    bool may_be_missing) const {
  const auto open = [&](const TableInfo& info) {
    try {
      return std::make_shared<const Table>(shelf_, info);
    } catch (const IoError& error) {
      if (!error.is_missing() || !may_be_missing) throw;
    }
    return Table::missing(shelf_, info);
  };
  auto version = std::make_shared<Version>();
  for (std::size_t level = 0; level < manifest.levels.size(); ++level) {
    for (const Manifest::Run& infos : manifest.levels[level]) {
      Run run;
      std::transform(infos.begin(), infos.end(), std::back_inserter(run), open);
      if (!run.empty()) version->levels[level].push_back(std::move(run));
    }
  }
  return version;
}

// ---- The logs

// Replays logs, of which there must be all from `first` on. Only what the newest
// one that has any batches ends in can be torn.
std::vector<LsmTree::FoundLog> LsmTree::replay_all(
    const std::vector<std::uint64_t>& numbers, std::uint64_t first,
    bool may_be_missing, State& state) {
  if (numbers.empty() || numbers[0] != first) {
    if (!may_be_missing)
      throw IoError("a log is gone", log_path(first), ENOENT);
    lose(state, first, 0, "the log is missing");
  }
  std::vector<FoundLog> found;
  for (const std::uint64_t number : numbers) {
    const auto before =
        std::find_if(found.rbegin(), found.rend(),
                     [](const FoundLog& log) { return log.has_batches; });
    const FoundLog* last = before != found.rend() ? &*before
                           : found.empty()        ? nullptr
                                                  : &found.front();
    found.push_back(replay(number, last, may_be_missing, state));
  }
  for (auto log = found.rbegin(); log != found.rend(); ++log) {
    if (log->torn) {
      options_.tell("torn tail: " + log_path(log->number) + ": offset " +
                    std::to_string(log->end) + ": " +
                    std::to_string(log->size - log->end) +
                    " bytes of a record that was not completed");
    }
    if (log->has_batches) break;
  }
  return found;
}

// Replays a log.
LsmTree::FoundLog LsmTree::replay(std::uint64_t number, const FoundLog* before,
                                  bool may_be_missing, State& state) {
  FoundLog log;
  log.number = number;
  log.size = visit_log(number, std::nullopt, "replay the log",
                       [&](Decoded decoded, const LogItem& item) {
                         const bool is_first = !log.has_batches;
                         if (!take(decoded, item, log, state)) return;
                         if (is_first) {
                           check_follows(log, before, may_be_missing, state);
                         }
                         enter(decoded, item, number, state);
                       });
  if (!log.has_batches && log.end > 0) {  // what came with it was cut off
    log.torn = true;
    log.end = 0;
  }
  return log;
}

// Notes what stands in a log. Returns whether it is a batch, or may have been.
bool LsmTree::take(Decoded decoded, const LogItem& item, FoundLog& log,
                   State& state) const {
  if (decoded == Decoded::kTorn) {
    log.torn = true;
    return false;
  }
  log.end = item.offset + item.size;
  if (item.offset > 0) return log.has_batches = true;
  Previous told;
  if (decoded == Decoded::kRecord && item.kind == LogKind::kBegin &&
      decode_begin(item.body, told)) {
    log.previous = told;
    return false;
  }
  log.has_batches = true;
  lose(state, log.number, 0, "it does not begin as logs do");
  return false;
}

// A log tells where the one before it ended; but when it has no batches, nothing
// was written behind that one.
void LsmTree::check_follows(const FoundLog& log, const FoundLog* before,
                            bool may_be_missing, State& state) const {
  if (!log.previous || before == nullptr) return;
  const Previous& previous = *log.previous;
  if (previous.number != before->number) {
    if (!may_be_missing) {
      throw IoError("a log is gone", log_path(previous.number), ENOENT);
    }
    lose(state, previous.number, 0, "the log is missing");
  } else if (previous.size > before->end) {
    lose(state, before->number, before->end,
         "its end is missing: the next log was begun behind it");
  }
}

// Enters a batch into the memtable, all of it or, where it is none, nothing.
void LsmTree::enter(Decoded decoded, const LogItem& item, std::uint64_t log,
                    State& state) {
  Entry entry;
  std::string_view rest = item.body;
  const bool is_record = decoded == Decoded::kRecord;
  Decoded each = Decoded::kCorrupt;
  if (is_record && item.kind == LogKind::kBatch) {
    do {
      each = take_entry(rest, entry);
    } while (each == Decoded::kRecord);
  }
  if (each != Decoded::kEnd) {
    return lose(state, log, item.offset,
                is_record ? "no batch, but a record" : item.why);
  }
  rest = item.body;
  while (take_entry(rest, entry) == Decoded::kRecord) {
    state.memtable->add(++sequence_, entry);
  }
}

// Nothing that was written before is known to be the newest any more: what was
// lost may be newer.
void LsmTree::lose(State& state, std::uint64_t log, std::uint64_t offset,
                   const char* why) const {
  state.lost = std::make_shared<const Damage>(log_path(log), offset, why);
  state.memtable = std::make_shared<Memtable>(memtable_bytes_);
}

// Calls `visit` with all that stands in a log, and returns how long it is.
std::uint64_t LsmTree::visit_log(std::uint64_t number,
                                 std::optional<std::uint64_t> size,
                                 const char* why,
                                 const LogVisitor& visit) const {
  const File file =
      File::open(options_.system(), log_path(number), OpenMode::kRead, why);
  if (!size) size = file.size("measure the log");
  LogReader reader(file, *size, why);
  LogItem item;
  for (Decoded decoded = reader.next(item); decoded != Decoded::kEnd;
       decoded = reader.next(item)) {
    visit(decoded, item);
  }
  return *size;
}

// ---- The writer

void LsmTree::become_writer(std::vector<FoundLog> logs, bool has_lost) {
  const auto names =
      list_directory(options_.system(), options_.directory, kFindFiles);
  std::set<std::string> needed;
  next_number_ = std::max<std::uint64_t>(next_number_, first_log_);
  for (const auto& table : version()->tables()) {
    needed.insert(table->name());
    next_number_ =
        std::max<std::uint64_t>(next_number_, table->info().number + 1);
  }
  // A log without batches goes, and the one before it goes on: should that have
  // lost its end, the log behind it would for ever say so.
  while (logs.size() > 1 && !logs.back().has_batches && !has_lost) {
    logs.pop_back();
  }
  for (const FoundLog& log : logs) {
    needed.insert(numbered_name(log.number, kLogSuffix));
  }
  for (const std::string& name : names) {
    const std::uint64_t number =
        std::max(lsm::number_of(name, options_.directory, kLogSuffix),
                 lsm::number_of(name, options_.directory, kTableSuffix));
    next_number_ = std::max<std::uint64_t>(next_number_, number + 1);
    const bool is_ours = number > 0 || name == lsm::kManifestWriting;
    if (!is_ours || needed.count(name) > 0) continue;
    remove_unneeded(options_.path_of(name), "remove a left-over");
  }
  if (logs.empty()) return;
  for (std::size_t i = 0; i + 1 < logs.size(); ++i) {
    old_logs_.push_back(logs[i].number);
  }
  go_on_with(logs.back());
}

// Goes on behind the end of a log. One without a batch is begun anew.
void LsmTree::go_on_with(const FoundLog& log) {
  log_.emplace(options_, *directory_, numbered_name(log.number, kLogSuffix));
  log_number_ = log.number;
  if (log.torn) log_->cut(log.end);
}

}  // namespace strata
