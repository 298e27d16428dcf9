// How memtables become tables in stage 08, and how tables become fewer.
#include <algorithm>
#include <limits>
#include <system_error>
#include <utility>

#include "common/store/errors.h"
#include "stages/08_sstables/store.h"

namespace strata {

using sstables::Cursor;
using sstables::Entry;
using sstables::MemtableCursor;
using sstables::MergingCursor;
using sstables::TableCursor;
using sstables::TableRange;
using sstables::TableWriter;

namespace {

// The most tables that are written between two tries of a merge that fails.
constexpr std::uint64_t kLongestPause = 64;

// Thrown out of a merge when the store is closed.
struct MergeStopped {};

bool has_live(const sstables::Memtable& memtable) {
  const auto& map = memtable.map();
  return std::any_of(map.begin(), map.end(), [](const auto& entry) {
    return entry.second.has_value();
  });
}

// The entries that a merge goes through; in between it sees to other things.
class Watched final : public Cursor {
 public:
  Watched(Cursor& entries, std::function<void()> see)
      : entries_(entries), see_(std::move(see)) {}

  [[nodiscard]] bool next() override {
    constexpr unsigned kEvery = 256;
    if (++count_ % kEvery == 0) see_();
    return entries_.next();
  }

  [[nodiscard]] const Entry& entry() const override { return entries_.entry(); }

 private:
  Cursor& entries_;
  const std::function<void()> see_;
  unsigned count_ = 0;
};

}  // namespace

SsTables::~SsTables() {
  if (options_.mode == Mode::kRead) return;
  {
    const std::scoped_lock turn(writing_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (background_.joinable()) background_.join();
  try {
    flush();
  } catch (const std::exception& error) {
    options_.tell(std::string("the memtable is lost: ") + error.what());
  }
  sweep_if_possible();
}

// Whether anything failed after which nothing may be written; who calls it
// holds `writing_`.
void SsTables::check_goes_on() {
  if (!failure_.empty()) {
    options_.tell("every table is kept, but " + failure_);
    failure_.clear();
  }
  check_not_failed();
}

// After a sync that failed none is tried again, and a table that could not be
// taken back holds what nobody was told of: what is on disk is not known any
// more before the store is opened again.
void SsTables::check_not_failed() const {
  if (!failed_) return;
  throw IoError("an earlier write failed: open the store again",
                options_.directory, EIO);
}

// ---- Memtables become tables

void SsTables::flush() {
  if (options_.mode == Mode::kRead) return;
  const std::scoped_lock turn(writing_);
  write_out_frozen();
  if (memtable_->map().empty()) return;
  check_goes_on();
  freeze();
  write_out_frozen();
}

// Puts an empty memtable in the place of the full one, once the one before that
// has been written out: a writer waits here. Who calls it holds `writing_`.
void SsTables::freeze() {
  write_out_frozen();
  {
    const std::unique_lock change(list_lock_);
    frozen_ = std::exchange(memtable_, std::make_shared<Memtable>());
  }
  wake_background();
}

// Readers find its entries in it until the table has taken its place.
void SsTables::write_out_frozen() {
  MemtablePtr frozen;
  {
    const std::shared_lock look(list_lock_);
    frozen = frozen_;
  }
  if (frozen) add_table(frozen);
}

// Writes a memtable out, unless another thread has done so meanwhile.
void SsTables::add_table(const MemtablePtr& memtable) {
  const std::scoped_lock one_table(flushing_);
  const bool was_frozen = options_.sync == Sync::kNever;
  bool is_oldest = false;
  {
    const std::shared_lock look(list_lock_);
    if (was_frozen && frozen_ != memtable) return;
    is_oldest = tables_->empty();
  }
  TablePtr made;
  if (!is_oldest || has_live(*memtable)) {
    if (next_number_ == 0) throw_no_number();
    MemtableCursor entries(memtable, "");
    made = write_table({next_number_, next_number_}, entries, is_oldest,
                       options_.sync == Sync::kAlways);
    ++next_number_;
  }
  const std::unique_lock change(list_lock_);
  // A merge may have exchanged some tables while this one was written.
  auto current = std::make_shared<Tables>(*tables_);
  if (made) current->push_back(made);
  tables_ = std::move(current);
  if (was_frozen) frozen_.reset();
}

// Writes a table and opens it. Where it is to be durable, so is its name before
// anybody sees it: no table with a higher number can be there without it.
SsTables::TablePtr SsTables::write_table(TableRange range, Cursor& entries,
                                         bool drop_tombstones, bool durable) {
  check_not_failed();
  TableWriter writer(options_, range, format_);
  try {
    while (entries.next()) {
      const Entry& entry = entries.entry();
      if (!entry.is_tombstone || !drop_tombstones) writer.add(entry);
    }
    writer.finish(durable);
    if (durable) sync_directory("keep the table's name");
    files_.forget(options_.path_of(range.name()));
    return std::make_shared<const Table>(options_, files_, range);
  } catch (...) {
    if (writer.has_failed_sync() || !writer.take_back()) failed_ = true;
    if (durable && !failed_) sync_directory("let the table be taken back");
    throw;
  }
}

void SsTables::sync_directory(const char* why) {
  const std::scoped_lock one_sync(directory_lock_);
  try {
    directory_->sync(why);
  } catch (const IoError&) {
    failed_ = true;
    throw;
  }
}

// ---- Tables become fewer

// The newest tables, each as long as those behind it weigh as much: so a table
// that is merged has at least doubled, and no entry is copied more often than
// the logarithm of all that was ever written.
SsTables::Tables SsTables::tables_worth_merging() const {
  const View now = view();
  Tables worth;
  std::uint64_t bytes = 0;
  for (std::size_t i = now.tables->size(); i > 0; --i) {
    const TablePtr& table = (*now.tables)[i - 1];
    const bool is_damaged =
        table->gap() || damaged_.count(table->range().first) > 0;
    if (is_damaged || (!worth.empty() && table->size() > bytes)) break;
    worth.insert(worth.begin(), table);
    bytes += table->size();
    if (missing_before(*now.tables, i - 1)) break;
  }
  if (worth.size() < merge_tables_) worth.clear();
  return worth;
}

void SsTables::compact() {
  check_is_writer();
  flush();
  {
    const std::scoped_lock one_merge(merging_);
    check_not_failed();
    const View now = view();
    check_none_missing(*now.tables);
    for (const TablePtr& table : *now.tables) table->check_whole();
    if (now.tables->size() > 1) {
      merge(*now.tables);
    } else {
      for (const TablePtr& table : *now.tables) {
        TableCursor entries(table, "", "is anything damaged?");
        while (entries.next()) continue;
      }
    }
  }
  sweep();
}

// Merges tables that follow each other. Tombstones are needed as long as an
// older table may hold what they hide. Who calls it holds `merging_`.
void SsTables::merge(const Tables& inputs) {
  std::vector<std::unique_ptr<Cursor>> cursors;
  for (auto at = inputs.rbegin(); at != inputs.rend(); ++at) {
    const TablePtr& table = *at;
    cursors.push_back(std::make_unique<TableCursor>(
        table, "", "merge", [this, table](const Gap& gap) {
          const std::scoped_lock turn(writing_);
          damaged_.insert(table->range().first);
          throw Damage(table->path(), gap.offset, gap.why);
        }));
  }
  MergingCursor merged(std::move(cursors));
  Watched entries(merged, [this] {
    if (stopping_) throw MergeStopped();
    write_out_frozen();  // its writer need not wait for the merge
  });
  const TableRange range = {inputs.front()->range().first,
                            inputs.back()->range().last};
  // Whatever the writer was promised: the inputs will be gone.
  replace(inputs, write_table(range, entries, range.first == 1, true));
}

void SsTables::replace(const Tables& inputs, const TablePtr& output) {
  const std::unique_lock change(list_lock_);
  auto tables = std::make_shared<Tables>();
  for (const TablePtr& table : *tables_) {
    if (table == inputs.front()) tables->push_back(output);
    if (!output->range().holds(table->range())) tables->push_back(table);
  }
  tables_ = std::move(tables);
  superseded_.insert(superseded_.end(), inputs.begin(), inputs.end());
}

// Removes merged tables that nobody reads any more. In which order, and whether
// a crash brings one back, is all the same: the merged table's name says that
// it holds them.
void SsTables::sweep() {
  if (options_.mode == Mode::kRead) return;
  bool removed = false;
  while (const TablePtr unread = take_unread()) {
    files_.forget(unread->path());
    try {
      remove_file(options_.system(), unread->path(), "remove a merged table");
    } catch (const IoError&) {
      const std::unique_lock change(list_lock_);
      superseded_.push_back(unread);
      throw;
    }
    removed = true;
  }
  if (removed && options_.sync == Sync::kAlways && !failed_) {
    sync_directory("let the merged tables be gone");
  }
}

// Takes a merged table that nobody reads off the list, or returns null.
SsTables::TablePtr SsTables::take_unread() {
  const std::unique_lock change(list_lock_);
  const auto unread = std::find_if(
      superseded_.begin(), superseded_.end(),
      [](const TablePtr& table) { return table.use_count() == 1; });
  if (unread == superseded_.end()) return nullptr;
  TablePtr table = std::move(*unread);
  superseded_.erase(unread);
  return table;
}

// What cannot be removed now can be later, or by the next open for writing.
void SsTables::sweep_if_possible() {
  try {
    sweep();
  } catch (const IoError&) {  // NOLINT(bugprone-empty-catch): see above
  }
}

// ---- The background

// Who calls it holds `writing_`.
void SsTables::wake_background() {
  if (stopping_) return;
  has_work_ = true;
  if (tables_to_wait_ > 0) --tables_to_wait_;
  try {
    if (!background_.joinable()) {
      background_ = std::thread([this] { work_in_background(); });
    }
    wake_.notify_one();
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch):
                                        // writers do it all themselves
  }
}

void SsTables::work_in_background() {
  while (true) {
    {
      std::unique_lock turn(writing_);
      wake_.wait(turn, [this] { return stopping_ || has_work_; });
      if (stopping_) return;
      has_work_ = false;
    }
    try {
      write_out_frozen();
      merge_if_worth_it();
    } catch (const MergeStopped&) {
      return;
    } catch (const std::exception& error) {
      const std::scoped_lock turn(writing_);
      failure_ = error.what();
    }
  }
}

// A full disk may have room again, so a merge that fails is not given up; but
// each time, twice as many tables are written before the next try. Damage does
// not go away: the next try leaves that table out.
void SsTables::merge_if_worth_it() {
  const std::scoped_lock one_merge(merging_);
  Tables inputs;
  {
    const std::scoped_lock turn(writing_);
    if (tables_to_wait_ == 0) inputs = tables_worth_merging();
  }
  if (inputs.empty()) return;
  try {
    merge(inputs);
    inputs.clear();
    sweep_if_possible();
    const std::scoped_lock turn(writing_);
    pause_ = 0;
  } catch (const Damage&) {
    const std::scoped_lock turn(writing_);
    has_work_ = true;
    throw;
  } catch (const IoError&) {
    const std::scoped_lock turn(writing_);
    pause_ = std::clamp<std::uint64_t>(2 * pause_, 1, kLongestPause);
    tables_to_wait_ = pause_;
    throw;
  }
}

}  // namespace strata
