// How stage 09 keeps its tree in shape: memtables become tables, and tables
// become others, fewer and deeper. Which ones, the picker tells (picker.h).
//
//     1. the new tables are written, and durable
//     2. the manifest is written, durable, and given its name: the switch-over
//     3. that is durable
//     4. what it no longer names is removed: logs, tables
//
// A crash before 2 leaves tables that no manifest names; one behind it, logs and
// tables that none names any more. The next open for writing removes either.
#include <algorithm>
#include <system_error>
#include <utility>

#include "stages/09_lsm_tree/store.h"

namespace strata {

using lsm::Cursor;
using lsm::Edit;
using lsm::Entry;
using lsm::Manifest;
using lsm::MemtableCursor;
using lsm::MergingCursor;
using lsm::Pick;
using lsm::Run;
using lsm::RunCursor;
using lsm::State;
using lsm::Table;
using lsm::TableInfo;
using lsm::TablePtr;
using lsm::TableWriter;
using lsm::Version;

namespace {

// The most memtables that are written between two tries of a merge that fails.
constexpr std::uint64_t kLongestPause = 64;

// Thrown out of a merge when the store is closed.
struct MergeStopped {};

// What a manifest says of a version.
Manifest described(const Version& version) {
  Manifest manifest;
  manifest.levels.resize(lsm::kLevels);
  version.for_each_run([&](std::size_t level, const Run& run) {
    Manifest::Run infos;
    for (const TablePtr& table : run) infos.push_back(table->info());
    manifest.levels[level].push_back(std::move(infos));
  });
  return manifest;
}

}  // namespace

// ---- Memtables become tables

// Readers find its entries in it until the table has taken its place. What it
// deleted need not be told where no table may have it.
void LsmTree::write_out_frozen() {
  const std::scoped_lock one_memtable(flushing_);
  const StatePtr now = state();
  if (!now->frozen) return;
  check_not_failed();
  MemtableCursor entries(now->frozen, lsm::kNewest);
  const Output output{.table_bytes = ~std::uint64_t{0},
                      .is_needless =
                          [&](std::string_view key) {
                            return !lsm::may_hide(*now->version, 0, key);
                          },
                      .meanwhile = [] {}};
  Edit edit;
  edit.added = write_tables(entries, output);
  commit(edit, frozen_until_, true);
  written_until_ = frozen_until_;
}

// At the close. What is in logs can stay there; but each open would replay it.
// Where a merge is due already it does stay, for many who write little and close
// would else leave more and more runs, and none of them would wait for a merge:
// who writes when level 0 has too many does.
void LsmTree::leave_little_to_replay() {
  try {
    if (state()->lost) return;
    if (log_) log_->check_not_broken();
    check_not_failed();
    if (has_too_many_runs()) return;
    write_out_frozen();
    const StatePtr now = state();
    const bool is_worth_it = !now->memtable->empty() &&
                             now->memtable->bytes() >= memtable_bytes_ / 2 &&
                             now->version->levels[0].size() < shape_.level_runs;
    if (!is_worth_it) return;
    freeze();
    write_out_frozen();
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): see above
  }
}

// Writes entries into as many tables as they need. When that fails, nothing is
// left of these.
Run LsmTree::write_tables(Cursor& entries, const Output& output) {
  constexpr unsigned kEvery = 256;
  Run made;
  std::optional<TableWriter> writer;
  std::uint64_t number = 0;
  unsigned count = 0;
  const auto finish = [&] {
    const TableInfo info = writer->finish();
    made.push_back(std::make_shared<const Table>(shelf_, info));
    writer.reset();
  };
  try {
    for (bool has = entries.seek(""); has; has = entries.next()) {
      if (++count % kEvery == 0) output.meanwhile();
      const Entry& entry = entries.entry();
      if (entry.is_tombstone && output.is_needless(entry.key)) continue;
      if (!writer) writer.emplace(options_, number = take_number(), format_);
      writer->add(entry);
      if (writer->size() >= output.table_bytes) finish();
    }
    if (writer) finish();
  } catch (...) {
    if (writer && writer->has_failed_sync()) failed_ = true;
    if (number > 0) {
      remove_unneeded(
          options_.path_of(lsm::numbered_name(number, lsm::kTableSuffix)),
          "take the table back");
    }
    take_back(made);
    throw;
  }
  return made;
}

// Removes tables that no manifest names. One that stays is in nobody's way: its
// number is not used again.
void LsmTree::take_back(const Run& tables) {
  for (const TablePtr& table : tables) {
    files_.forget(table->path());
    remove_unneeded(table->path(), "take the table back");
  }
}

// For a file that is new.
std::uint64_t LsmTree::take_number() {
  if (next_number_ >= lsm::kNumbersEnd) {
    throw InvalidInput("no number is left for another file");
  }
  return next_number_++;
}

// ---- The switch-over

// Makes the version behind an edit the one that counts.
void LsmTree::commit(const Edit& edit, std::uint64_t first_log,
                     bool was_frozen) {
  const std::scoped_lock one_edit(editing_);
  try {
    check_not_failed();
    auto version = std::make_shared<Version>(apply(*this->version(), edit));
    Manifest manifest = described(*version);
    manifest.log = std::max(first_log, first_log_);
    manifest.next = next_number_;
    manifest.written = written_;
    if (!edit.is_move) manifest.written[edit.level] += bytes_of(edit.added);
    std::string text = encode_manifest(manifest);
    write_manifest(text);
    manifest_ = std::move(text);
    first_log_ = manifest.log;
    written_ = manifest.written;
    const std::unique_lock change(state_lock_);
    auto next = std::make_shared<State>(*state_);
    next->version = std::move(version);
    if (was_frozen) next->frozen.reset();
    state_ = std::move(next);
  } catch (...) {
    // What may be named by the manifest that is there has to stay.
    if (!failed_ && !edit.is_move) take_back(edit.added);
    throw;
  }
}

void LsmTree::write_manifest(const std::string& text) {
  Os& os = options_.system();
  const std::string writing = options_.path_of(lsm::kManifestWriting);
  File file = File::open(os, writing, OpenMode::kCreate, "write the manifest");
  if (file.size("is anything left there?") > 0) {
    file.truncate(0, "overwrite a left-over");
  }
  file.write_at(0, text, "write the manifest");
  try {
    file.sync("make the manifest durable");
  } catch (const IoError&) {
    failed_ = true;
    throw;
  }
  sync_directory("keep the names of what it names");
  try {
    rename_file(os, writing, options_.path_of(lsm::kManifest),
                "let the manifest count");
  } catch (const IoError&) {
    if (!still_counts()) failed_ = true;
    throw;
  }
  sync_directory("keep the manifest's name");
}

// Whether the manifest is the one that was written last.
bool LsmTree::still_counts() const {
  try {
    return lsm::read_manifest(options_) == manifest_;
  } catch (const std::exception&) {
    return false;
  }
}

void LsmTree::sync_directory(const char* why) {
  const std::scoped_lock one_sync(directory_lock_);
  try {
    directory_->sync(why);
  } catch (const IoError&) {
    failed_ = true;
    throw;
  }
}

// Removes a file that nothing names. Returns whether it is gone: else the next
// open for writing removes it.
bool LsmTree::remove_unneeded(const std::string& path, const char* why) {
  try {
    remove_file(options_.system(), path, why);
    return true;
  } catch (const IoError&) {
    return false;
  }
}

// ---- Tables become others

void LsmTree::merge(const Pick& pick) {
  Edit edit{pick.numbers(), pick.level, {}, pick.as_new_run, pick.is_move};
  if (pick.is_move) {
    edit.added = pick.joined();
    return commit(edit, 0, false);
  }
  const lsm::Reading reading{
      .why = "merge",
      .all = true,
      .skip = [this](const Table& table, const Gap& gap) {
        const std::scoped_lock turn(background_lock_);
        damaged_.insert(table.info().number);
        has_work_ = has_work_ || is_busy_;  // the next try leaves it out
        throw Damage(table.path(), gap.offset, gap.why);
      }};
  std::vector<std::unique_ptr<Cursor>> inputs;
  for (const Run& run : pick.inputs) {
    inputs.push_back(std::make_unique<RunCursor>(run, reading));
  }
  MergingCursor entries(std::move(inputs));
  const Version others = apply(*version(), Edit{.removed = edit.removed});
  const Output output{.table_bytes = table_bytes_,
                      .is_needless =
                          [&](std::string_view key) {
                            return !lsm::may_hide(others, pick.level, key);
                          },
                      .meanwhile =
                          [this] {
                            if (stopping_) throw MergeStopped();
                            write_out_frozen();  // its writer need not wait
                            sweep_if_possible();
                          }};
  edit.added = write_tables(entries, output);
  commit(edit, 0, false);
  const std::unique_lock change(state_lock_);
  for (const Run& run : pick.inputs) {
    superseded_.insert(superseded_.end(), run.begin(), run.end());
  }
}

void LsmTree::compact() {
  check_is_writer();
  write_out();
  {
    const std::scoped_lock one_merge(merging_);
    check_not_failed();
    const auto now = version();
    for (const TablePtr& table : now->tables()) table->check_whole();
    const auto all = pick_all(*now, shape_);
    if (!all) return;
    const Run& newest = all->inputs.front();
    const bool is_compact =
        all->inputs.size() == 1 && all->from > 0 &&
        std::all_of(newest.begin(), newest.end(), [](const TablePtr& table) {
          return table->info().tombstones == 0;
        });
    if (is_compact) {
      RunCursor entries(newest, {.why = "is anything damaged?", .all = true});
      for (bool has = entries.seek(""); has; has = entries.next()) continue;
    } else {
      merge(*all);
    }
  }
  sweep();
}

// Removes the logs of memtables that are in tables, and merged tables that nobody
// reads any more. In which order, and whether a crash brings one back, is all the
// same: the manifest does not name them.
void LsmTree::sweep() {
  sweep_logs();
  sweep_tables();
}

void LsmTree::sweep_tables() {
  while (TablePtr unread = take_unread()) {
    files_.forget(unread->path());
    try {
      remove_file(options_.system(), unread->path(), "remove a merged table");
    } catch (const IoError&) {
      const std::unique_lock change(state_lock_);
      superseded_.push_back(std::move(unread));
      throw;
    }
  }
}

// Who tells of the store still reads some: they go the next time. It is only
// tried whether nobody does, so that this order of locks, too, is safe.
void LsmTree::sweep_logs() {
  const std::scoped_lock one_memtable(flushing_);
  const std::unique_lock nobody_reads(reading_logs_, std::try_to_lock);
  if (!nobody_reads) return;
  while (!old_logs_.empty() && old_logs_.front() < written_until_) {
    remove_file(options_.system(), log_path(old_logs_.front()),
                "remove a log that is in tables");
    old_logs_.erase(old_logs_.begin());
  }
}

// What cannot be removed now can be later, or by the next open for writing.
void LsmTree::sweep_if_possible() {
  try {
    sweep();
  } catch (const IoError&) {  // NOLINT(bugprone-empty-catch): see above
  }
}

// Takes a merged table that nobody reads off the list, or returns null.
TablePtr LsmTree::take_unread() {
  const std::unique_lock change(state_lock_);
  const auto unread = std::find_if(
      superseded_.begin(), superseded_.end(),
      [](const TablePtr& table) { return table.use_count() == 1; });
  if (unread == superseded_.end()) return nullptr;
  TablePtr table = std::move(*unread);
  superseded_.erase(unread);
  return table;
}

// ---- The background

void LsmTree::wake_background() {
  const std::scoped_lock turn(background_lock_);
  if (stopping_) return;
  if (memtables_to_wait_ > 0) --memtables_to_wait_;
  try {
    if (!background_.joinable()) {
      background_ = std::thread([this] { work_in_background(); });
    }
    has_work_ = true;
    wake_.notify_one();
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch):
                                        // writers do it all themselves
  }
}

void LsmTree::work_in_background() {
  while (true) {
    {
      std::unique_lock turn(background_lock_);
      is_busy_ = false;
      rested_.notify_all();
      wake_.wait(turn, [this] { return stopping_ || has_work_; });
      if (stopping_) return;
      has_work_ = false;
      is_busy_ = true;
    }
    try {
      write_out_frozen();
      while (merge_if_worth_it()) rested_.notify_all();
      sweep();
    } catch (const MergeStopped&) {  // NOLINT(bugprone-empty-catch): the end
    } catch (const std::exception& error) {
      const std::scoped_lock turn(background_lock_);
      failure_ = error.what();
    }
  }
}

// A full disk may have room again, so a merge that fails is not given up; but
// each time, twice as many memtables are written before the next try. Damage does
// not go away: the next try leaves that table out.
bool LsmTree::merge_if_worth_it() {
  const std::scoped_lock one_merge(merging_);
  auto next = next_merge();
  if (!next) return false;
  try {
    merge(*next);
    next.reset();
    sweep_if_possible();
    const std::scoped_lock turn(background_lock_);
    pause_ = 0;
    return true;
  } catch (const IoError&) {
    const std::scoped_lock turn(background_lock_);
    pause_ = std::clamp<std::uint64_t>(2 * pause_, 1, kLongestPause);
    memtables_to_wait_ = pause_;
    throw;
  }
}

std::optional<Pick> LsmTree::next_merge() {
  const auto now = version();
  const std::scoped_lock turn(background_lock_);
  if (memtables_to_wait_ > 0) return std::nullopt;
  for (const TablePtr& table : now->tables()) {
    if (table->gap()) damaged_.insert(table->info().number);
  }
  return pick(*now, shape_, damaged_);
}

// Waits until there is nothing left to do but what fails.
void LsmTree::settle() {
  check_is_writer();
  wake_background();
  wait_while([] { return true; });
}

}  // namespace strata
