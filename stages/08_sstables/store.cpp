// How stage 08 opens, reads and writes. How memtables become tables, and tables
// fewer, is in merging.cpp; what the store tells of itself, in inspect.cpp.
#include "stages/08_sstables/store.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "common/store/errors.h"
#include "common/store/follow_merges.h"
#include "common/store/log_writer.h"
#include "stages/roadmap.h"

namespace strata {

using sstables::Compression;
using sstables::Cursor;
using sstables::Entry;
using sstables::Found;
using sstables::MemtableCursor;
using sstables::MergingCursor;
using sstables::TableCursor;
using sstables::TableFormat;
using sstables::TableRange;

namespace {

constexpr std::uint64_t kDefaultMemtable = std::uint64_t{4} << 20;

// Memtables are to a log-structured store of sorted files what the active
// segment was before: either option names their size.
std::uint64_t memtable_bytes(const Options& options) {
  std::uint64_t bytes = 0;
  for (const char* name : {"--memtable-bytes", "--segment-bytes"}) {
    const auto given = options.numbers.find(name);
    if (given == options.numbers.end()) continue;
    bytes = bytes == 0 ? given->second : std::min(bytes, given->second);
  }
  return bytes == 0 ? kDefaultMemtable : bytes;
}

TableFormat format_of(const Options& options) {
  const Stage& stage = stage_08_sstables();
  return {.block_bytes = stage.number(options, "--block-bytes"),
          .compression =
              static_cast<Compression>(stage.number(options, "--compression"))};
}

}  // namespace

SsTables::SsTables(const Options& options)
    : options_(options),
      memtable_bytes_(memtable_bytes(options)),
      merge_tables_(stage_08_sstables().number(options, "--merge-tables")),
      format_(format_of(options)),
      files_(options.system()),
      memtable_(std::make_shared<Memtable>()),
      tables_(std::make_shared<const Tables>()) {
  if (options.mode == Mode::kWrite) directory_.emplace(lock_store(options));
  following_merges([this] { load(0); });
  if (options.mode == Mode::kWrite) become_writer();
}

template <typename Work>
void SsTables::following_merges(const Work& work) {
  follow_merges(
      options_.mode, loads_, [this](std::uint64_t seen) { load(seen); }, work);
}

// A listing that is made while a merge exchanges tables may have neither the
// inputs, which went before they were looked for, nor the output, which came
// behind that. So two are made. What the first one has the second one has too,
// or a table that holds it; else some went in between, and it is listed again.
std::vector<TableRange> SsTables::list_tables() {
  std::vector<TableRange> superseded;
  const auto list = [&] {
    superseded.clear();
    return sstables::tables_among(
        list_directory(options_.system(), options_.directory,
                       "find the tables"),
        options_.directory, superseded);
  };
  if (options_.mode == Mode::kWrite) return list();
  const auto before = list();
  auto tables = list();
  for (const TableRange& range : before) {
    const bool is_there =
        std::any_of(tables.begin(), tables.end(),
                    [&](const auto& table) { return table.holds(range); });
    if (!is_there) {
      throw IoError("tables went while they were listed", options_.directory,
                    ENOENT);
    }
  }
  return tables;
}

// Opens the tables that are there, unless another thread has done so since
// there had been `seen` loads.
void SsTables::load(std::uint64_t seen) {
  const std::scoped_lock one_load(loading_);
  if (loads_ != seen) return;
  auto tables = std::make_shared<Tables>();
  for (const TableRange& range : list_tables()) {
    tables->push_back(std::make_shared<const Table>(options_, files_, range));
  }
  const std::unique_lock change(list_lock_);
  tables_ = std::move(tables);
  ++loads_;
}

void SsTables::become_writer() {
  if (!tables_->empty()) {
    next_number_ = tables_->back()->range().last + 1;
    if (next_number_ == 0) throw_no_number();
  }
  remove_left_overs();
}

void SsTables::throw_no_number() const {
  throw InvalidInput("no number is left for another table behind " +
                     view().tables->back()->name());
}

// Of merges and writers that were killed. What cannot be removed is in nobody's
// way: who wants its name overwrites it.
void SsTables::remove_left_overs() {
  const auto names = list_directory(options_.system(), options_.directory,
                                    "find what a crash left over");
  std::vector<TableRange> superseded;
  static_cast<void>(
      sstables::tables_among(names, options_.directory, superseded));
  std::vector<std::string> left_overs;
  std::copy_if(names.begin(), names.end(), std::back_inserter(left_overs),
               sstables::is_unfinished_table);
  std::transform(superseded.begin(), superseded.end(),
                 std::back_inserter(left_overs),
                 [](const TableRange& range) { return range.name(); });
  for (const std::string& name : left_overs) {
    try {
      remove_file(options_.system(), options_.path_of(name),
                  "remove a left-over");
    } catch (const IoError&) {  // NOLINT(bugprone-empty-catch): see above
    }
  }
  if (!left_overs.empty() && options_.sync == Sync::kAlways) {
    sync_directory("let the left-overs be gone");
  }
}

void SsTables::check_is_writer() const {
  if (options_.mode == Mode::kWrite) return;
  throw InvalidInput("the store is open for reading only");
}

void SsTables::set(std::string_view key, std::string_view value) {
  sstables::kLimits.check(key, value);
  write({key, value});
}

void SsTables::del(std::string_view key) {
  sstables::kLimits.check_key(key);
  write({key, "", true});
}

void SsTables::write(const Entry& entry) {
  check_is_writer();
  const std::scoped_lock turn(writing_);
  check_goes_on();
  if (options_.sync == Sync::kAlways) {
    const auto one = std::make_shared<Memtable>();
    one->put(entry);
    add_table(one);
    return wake_background();
  }
  if (memtable_->bytes() >= memtable_bytes_) freeze();
  const std::unique_lock change(list_lock_);
  memtable_->put(entry);
}

SsTables::View SsTables::view() const {
  const std::shared_lock look(list_lock_);
  return {frozen_, tables_};
}

bool SsTables::get(std::string_view key, std::string& value) {
  Found found = Found::kNothing;
  following_merges([&] { found = find(key, value); });
  return found == Found::kValue;
}

// Asks one source after the other, the newest first, until one knows the key.
Found SsTables::find(std::string_view key, std::string& value) {
  View now;
  {
    const std::shared_lock look(list_lock_);
    const Found found = memtable_->get(key, value);
    if (found != Found::kNothing) return found;
    now = {frozen_, tables_};
  }
  if (now.frozen) {
    const Found found = now.frozen->get(key, value);
    if (found != Found::kNothing) return found;
  }
  const Tables& tables = *now.tables;
  for (std::size_t i = tables.size(); i > 0; --i) {
    probes_.fetch_add(1, std::memory_order_relaxed);
    const Found found = tables[i - 1]->get(key, value);
    if (found != Found::kNothing) return found;
    if (const auto lost = missing_before(tables, i - 1)) throw_missing(*lost);
  }
  return Found::kNothing;
}

// The writes that should be in a table in front of this one.
std::optional<TableRange> SsTables::missing_before(const Tables& tables,
                                                   std::size_t at) const {
  const std::uint64_t expected = at == 0 ? 1 : tables[at - 1]->range().last + 1;
  const std::uint64_t first = tables[at]->range().first;
  if (first == expected) return std::nullopt;
  return TableRange{expected, first - 1};
}

void SsTables::throw_missing(TableRange range) const {
  throw Damage(options_.path_of(range.name()), 0, sstables::kMissing);
}

void SsTables::check_none_missing(const Tables& tables) const {
  for (std::size_t i = 0; i < tables.size(); ++i) {
    if (const auto lost = missing_before(tables, i)) throw_missing(*lost);
  }
}

// A part of the memtable, as it is at the moment of the view.
SsTables::MemtablePtr SsTables::copy_of_memtable(std::string_view from,
                                                 std::string_view to,
                                                 View& view) const {
  const auto copy = std::make_shared<Memtable>();
  const std::shared_lock look(list_lock_);
  const Memtable::Map& map = memtable_->map();
  for (auto at = map.lower_bound(from); at != map.end(); ++at) {
    if (!to.empty() && at->first >= to) break;
    copy->put({at->first, at->second.value_or(""), !at->second});
  }
  view = {frozen_, tables_};
  return copy;
}

MergingCursor SsTables::merged(const MemtablePtr& newest, const View& view,
                               std::string_view from) const {
  std::vector<std::unique_ptr<Cursor>> inputs;
  inputs.push_back(std::make_unique<MemtableCursor>(newest, from));
  if (view.frozen) {
    inputs.push_back(std::make_unique<MemtableCursor>(view.frozen, from));
  }
  for (auto table = view.tables->rbegin(); table != view.tables->rend();
       ++table) {
    inputs.push_back(std::make_unique<TableCursor>(*table, from, "scan"));
  }
  return MergingCursor(std::move(inputs));
}

void SsTables::keys(const KeyVisitor& visit) {
  scan("", "", [&](std::string_view key, std::string_view) { visit(key); });
}

void SsTables::scan(std::string_view from, std::string_view to,
                    const PairVisitor& visit) {
  std::optional<std::string> told;  // the last key, should a file be gone
  following_merges([&] {
    View now;
    const std::string begin = told.value_or(std::string(from));
    const MemtablePtr newest = copy_of_memtable(begin, to, now);
    check_none_missing(*now.tables);
    MergingCursor entries = merged(newest, now, begin);
    while (entries.next()) {
      const Entry& entry = entries.entry();
      if (!to.empty() && entry.key >= to) break;
      if (entry.is_tombstone || (told && entry.key <= *told)) continue;
      visit(entry.key, entry.value);
      if (options_.mode == Mode::kRead) told = entry.key;
    }
  });
  sweep_if_possible();
}

const Stage& stage_08_sstables() {
  static const Stage stage = {
      .name = "08_sstables",
      .title = "a memtable, sorted files, a sparse index",
      .flaw =
          "A crash loses the memtable, and a key that is not there costs a "
          "read in every table.",
      .limits = sstables::kLimits,
      .options = {{.name = "--memtable-bytes",
                   .help = "write the memtable out once it holds so many",
                   .default_value = kDefaultMemtable,
                   .min = 1,
                   .max = std::uint64_t{1} << 40},
                  {.name = "--segment-bytes",
                   .help = "the same, as it is called in earlier stages",
                   .default_value = kDefaultMemtable,
                   .min = 1,
                   .max = std::uint64_t{1} << 62},
                  {.name = "--block-bytes",
                   .help = "end a block once it holds so many",
                   .default_value = 4096,
                   .min = 1,
                   .max = std::uint64_t{1} << 24},
                  {.name = "--compression",
                   .help = "how blocks are stored",
                   .default_value =
                       static_cast<std::uint64_t>(Compression::kLz4),
                   .min = 0,
                   .max = static_cast<std::uint64_t>(Compression::kZstd),
                   .choices = {name_of(Compression::kNone),
                               name_of(Compression::kLz4),
                               name_of(Compression::kZstd)}},
                  {.name = "--merge-tables",
                   .help = "merge so many tables of a size, in the background; "
                           "1000000: only when told to",
                   .default_value = 4,
                   .min = 2,
                   .max = 1'000'000}},
      .refuses = {},
      .checksums = true,
      .scans = false,
      .sorts = true,
      .logs = false,
      .open = [](const Options& options) -> std::unique_ptr<Store> {
        return std::make_unique<SsTables>(options);
      },
  };
  return stage;
}

}  // namespace strata
