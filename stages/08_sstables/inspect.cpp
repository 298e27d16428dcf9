// What stage 08 tells of itself: stats, dump, verify, salvage.
#include <algorithm>
#include <utility>

#include "common/record/log_entries.h"
#include "common/store/errors.h"
#include "common/store/log_writer.h"
#include "stages/08_sstables/store.h"

namespace strata {

using sstables::BlockCursor;
using sstables::Cursor;
using sstables::Entry;
using sstables::MemtableCursor;
using sstables::MergingCursor;
using sstables::TableCursor;
using sstables::TableRange;
using sstables::TableWriter;

namespace {

// Says which keys newer sources know, asked in ascending order.
class Hidden {
 public:
  explicit Hidden(std::vector<std::unique_ptr<Cursor>> newer)
      : newer_(std::move(newer)), has_more_(newer_.next()) {}

  [[nodiscard]] bool knows(std::string_view key) {
    while (has_more_ && newer_.entry().key < key) has_more_ = newer_.next();
    return has_more_ && newer_.entry().key == key;
  }

 private:
  MergingCursor newer_;
  bool has_more_;
};

// What a cursor stands at and has passed, in bytes.
struct Weight {
  std::uint64_t entry = 0;
  std::uint64_t all = 0;
};

// Goes through a table and weighs its entries. A merge lets a cursor go at its
// end; what it weighed stays.
class Weighed final : public Cursor {
 public:
  Weighed(std::unique_ptr<TableCursor> entries, Weight& weight)
      : entries_(std::move(entries)), weight_(weight) {}

  [[nodiscard]] bool next() override {
    if (!entries_->next()) return false;
    weight_.entry = entries_->entry_size();
    weight_.all += weight_.entry;
    return true;
  }

  [[nodiscard]] const Entry& entry() const override {
    return entries_->entry();
  }

 private:
  const std::unique_ptr<TableCursor> entries_;
  Weight& weight_;
};

}  // namespace

Stats SsTables::stats() {
  View now;
  const MemtablePtr newest = copy_of_memtable("", "", now);
  Stats stats;
  std::vector<std::unique_ptr<Cursor>> inputs;
  std::vector<Weight> weights(now.tables->size());  // the newest first
  inputs.push_back(std::make_unique<MemtableCursor>(newest, ""));
  inputs.push_back(
      std::make_unique<MemtableCursor>(now.frozen ? now.frozen : newest, ""));
  const std::size_t memtables = inputs.size();
  for (auto at = now.tables->rbegin(); at != now.tables->rend(); ++at) {
    const TablePtr& table = *at;
    auto cursor = std::make_unique<TableCursor>(
        table, "", "count what is live", [&, table](const Gap& gap) {
          options_.tell("damaged, and passed over: " + table->path() +
                        ": offset " + std::to_string(gap.offset) + ": " +
                        std::to_string(gap.size) + " bytes");
        });
    inputs.push_back(
        std::make_unique<Weighed>(std::move(cursor), weights[stats.files]));
    ++stats.files;
    stats.disk_bytes += table->size();
    stats.index_bytes += table->index_bytes();
  }
  MergingCursor entries(std::move(inputs));
  while (entries.next()) {
    if (entries.entry().is_tombstone) continue;
    ++stats.keys;
    if (entries.source() < memtables) continue;
    stats.live_bytes += weights[entries.source() - memtables].entry;
  }
  for (const Weight& weight : weights) stats.dead_bytes += weight.all;
  stats.dead_bytes -= stats.live_bytes;
  const std::shared_lock look(list_lock_);
  for (const TablePtr& table : superseded_) {
    ++stats.files;
    stats.disk_bytes += table->size();
  }
  return stats;
}

void SsTables::dump(std::string_view name, const DumpVisitor& visit) {
  View now;
  const MemtablePtr newest = copy_of_memtable("", "", now);
  const Tables& tables = *now.tables;
  bool found = name.empty();
  for (std::size_t i = 0; i < tables.size(); ++i) {
    if (!name.empty() && tables[i]->name() != name) continue;
    found = true;
    std::vector<std::unique_ptr<Cursor>> newer;
    newer.push_back(std::make_unique<MemtableCursor>(newest, ""));
    if (now.frozen) {
      newer.push_back(std::make_unique<MemtableCursor>(now.frozen, ""));
    }
    for (std::size_t j = tables.size() - 1; j > i; --j) {
      newer.push_back(std::make_unique<TableCursor>(
          tables[j], "", "which entries are dead?", [](const Gap&) {}));
    }
    Hidden hidden(std::move(newer));
    dump_table(
        *tables[i],
        [&hidden](std::string_view key) { return hidden.knows(key); }, visit);
  }
  if (found) return;
  throw InvalidInput("this store has no file '" + std::string(name) +
                     "': its files are FIRST-LAST" +
                     std::string(sstables::kTableSuffix));
}

void SsTables::dump_table(const Table& table,
                          const std::function<bool(std::string_view)>& is_dead,
                          const DumpVisitor& visit) {
  const auto tell_gap = [&](const Gap& gap) {
    DumpRecord record;
    record.file = table.name();
    record.offset = gap.offset;
    record.size = gap.size;
    record.state = DumpRecord::State::kDamaged;
    record.why = gap.why;
    visit(record);
  };
  for (const Table::Block& block : table.blocks()) {
    const auto show = [&](const BlockCursor& at) {
      const Entry& entry = at.entry();
      const std::string in_block = std::to_string(at.offset());
      const std::string shared = std::to_string(at.shared());
      DumpRecord record;
      record.file = table.name();
      record.offset = block.offset;
      record.size = at.size();
      record.state = is_dead(entry.key)   ? DumpRecord::State::kDead
                     : entry.is_tombstone ? DumpRecord::State::kTombstone
                                          : DumpRecord::State::kLive;
      record.fields = {
          {"at", in_block}, {"shared", shared}, {"key", entry.key}};
      if (!entry.is_tombstone) record.fields.emplace_back("value", entry.value);
      visit(record);
    };
    const auto gap = table.for_each(block, "dump the records", show);
    if (gap) tell_gap(*gap);
  }
  if (table.gap()) tell_gap(*table.gap());
}

void SsTables::verify(const DamageVisitor& visit) {
  const View now = view();
  for (std::size_t i = 0; i < now.tables->size(); ++i) {
    if (const auto lost = missing_before(*now.tables, i)) {
      visit({.file = options_.path_of(lost->name()),
             .offset = 0,
             .size = 0,
             .why = sstables::kMissing});
    }
    const Table& table = *(*now.tables)[i];
    const auto tell = [&](const std::optional<Gap>& gap) {
      if (!gap) return;
      visit({.file = table.path(),
             .offset = gap->offset,
             .size = gap->size,
             .why = gap->why});
    };
    for (const Table::Block& block : table.blocks()) {
      tell(table.for_each(block, "verify every byte", [](const auto&) {}));
    }
    tell(table.gap());
  }
}

void SsTables::salvage(const std::string& directory,
                       const DamageVisitor& visit) {
  flush();
  check_new_or_empty(options_.system(), directory);
  const View now = view();
  std::vector<std::unique_ptr<Cursor>> inputs;
  for (std::size_t i = now.tables->size(); i > 0; --i) {
    const TablePtr& table = (*now.tables)[i - 1];
    const auto lose = [&visit](const std::string& path, const Gap& gap) {
      visit({.file = path,
             .offset = gap.offset,
             .size = gap.size,
             .why = gap.why});
    };
    inputs.push_back(std::make_unique<TableCursor>(
        table, "", "salvage",
        [lose, table](const Gap& gap) { lose(table->path(), gap); }));
    if (const auto lost = missing_before(*now.tables, i - 1)) {
      lose(options_.path_of(lost->name()), {0, 0, sstables::kMissing});
    }
  }
  Options target = options_;
  target.directory = directory;
  Directory lock = lock_store(target);
  if (inputs.empty()) return;
  MergingCursor entries(std::move(inputs));
  TableWriter copy(target, {1, 1}, format_);
  while (entries.next()) {
    if (!entries.entry().is_tombstone) copy.add(entries.entry());
  }
  copy.finish(true);
  lock.sync("keep the copy's name");
}

}  // namespace strata
