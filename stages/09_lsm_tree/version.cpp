#include "stages/09_lsm_tree/version.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace strata::lsm {

std::uint64_t bytes_of(const Run& run) {
  return std::accumulate(run.begin(), run.end(), std::uint64_t{0},
                         [](std::uint64_t bytes, const TablePtr& table) {
                           return bytes + table->info().size;
                         });
}

std::uint64_t bytes_of(const Level& level) {
  return std::accumulate(level.begin(), level.end(), std::uint64_t{0},
                         [](std::uint64_t bytes, const Run& run) {
                           return bytes + bytes_of(run);
                         });
}

void sort_by_key(Run& run) {
  std::sort(run.begin(), run.end(), [](const TablePtr& a, const TablePtr& b) {
    return a->info().first < b->info().first;
  });
}

const TablePtr* table_for(const Run& run, std::string_view key) {
  const auto at =
      std::lower_bound(run.begin(), run.end(), key,
                       [](const TablePtr& table, std::string_view k) {
                         return table->info().last < k;
                       });
  if (at == run.end() || key < (*at)->info().first) return nullptr;
  return &*at;
}

std::vector<TablePtr> Version::tables() const {
  std::vector<TablePtr> all;
  for_each_run([&](std::size_t, const Run& run) {
    all.insert(all.end(), run.begin(), run.end());
  });
  return all;
}

Version apply(const Version& version, const Edit& edit) {
  Version next;
  version.for_each_run([&](std::size_t level, const Run& run) {
    Run kept;
    std::copy_if(run.begin(), run.end(), std::back_inserter(kept),
                 [&](const TablePtr& table) {
                   return edit.removed.count(table->info().number) == 0;
                 });
    if (!kept.empty()) next.levels[level].push_back(std::move(kept));
  });
  if (edit.added.empty()) return next;
  Level& level = next.levels[edit.level];
  if (edit.as_new_run || level.empty()) {
    level.insert(level.begin(), edit.added);
    return next;
  }
  Run& run = level.front();
  run.insert(run.end(), edit.added.begin(), edit.added.end());
  sort_by_key(run);
  return next;
}

RunCursor::RunCursor(const Run& run, Reading reading)
    : run_(run), reading_(std::move(reading)), number_(run.size()) {}

void RunCursor::open(std::size_t number) {
  if (number == number_ && table_) return;
  table_ = std::make_unique<TableCursor>(run_[number], reading_);
  number_ = number;
}

// The first entry of the tables from this one on.
bool RunCursor::first_from(std::size_t number) {
  for (; number < run_.size(); ++number) {
    open(number);
    if (table_->seek("")) return true;
  }
  return false;
}

// The last entry of the tables in front of this one.
bool RunCursor::last_until(std::size_t number) {
  while (number > 0) {
    open(--number);
    if (table_->seek_last()) return true;
  }
  return false;
}

bool RunCursor::seek(std::string_view key) {
  const auto at =
      std::lower_bound(run_.begin(), run_.end(), key,
                       [](const TablePtr& table, std::string_view k) {
                         return table->info().last < k;
                       });
  const auto number = static_cast<std::size_t>(at - run_.begin());
  if (number == run_.size()) return false;
  open(number);
  return table_->seek(key) || first_from(number + 1);
}

bool RunCursor::seek_before(std::string_view key) {
  const auto at =
      std::lower_bound(run_.begin(), run_.end(), key,
                       [](const TablePtr& table, std::string_view k) {
                         return table->info().first < k;
                       });
  const auto number = static_cast<std::size_t>(at - run_.begin());
  if (number == 0) return false;
  open(number - 1);
  return table_->seek_before(key) || last_until(number - 1);
}

bool RunCursor::seek_last() {
  return last_until(run_.size());
}

bool RunCursor::next() {
  return table_->next() || first_from(number_ + 1);
}

bool RunCursor::prev() {
  return table_->prev() || last_until(number_);
}

}  // namespace strata::lsm
