/// @file
/// `Version`: which tables count, and in which order they are asked.
///
///     level 0   [6]  [5]  [4]                 each a memtable, the newest first
///     level 1   [1 … 20][21 … 55][60 … 99]    one run of tables
///     level 2   [1 … 7][8 … 12][13 … 19] …
///
/// A *run* is tables whose keys do not overlap, in order: together they are like
/// one large table, and a get asks at most one of them. A *level* is runs that
/// may overlap. What is in a run is newer than what is in the runs behind it and
/// in deeper levels. Levelled compaction keeps one run a level below level 0,
/// size-tiered compaction several.
///
/// A version never changes: a flush or a compaction makes the next one. So who
/// reads keeps the version that he began with, and with it its tables.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "stages/09_lsm_tree/manifest.h"
#include "stages/09_lsm_tree/table.h"

namespace strata::lsm {

/// Tables whose keys do not overlap, in the order of these.
using Run = std::vector<TablePtr>;

/// Runs, the newest first.
using Level = std::vector<Run>;

/// @returns bytes of its tables.
[[nodiscard]] std::uint64_t bytes_of(const Run& run);

/// @returns bytes of its runs.
[[nodiscard]] std::uint64_t bytes_of(const Level& level);

/// Puts tables into the order of their first keys.
void sort_by_key(Run& run);

/// @returns the table of a run in which `key` is if it is there at all, or
///   null.
[[nodiscard]] const TablePtr* table_for(const Run& run, std::string_view key);

/// All levels, kLevels of them.
struct Version {
  /// The uppermost first.
  std::vector<Level> levels = std::vector<Level>(kLevels);

  /// Calls `visit(level, run)` with each run, in the order in which gets ask
  /// them.
  template <typename Visit>
  void for_each_run(const Visit& visit) const {
    for (std::size_t level = 0; level < levels.size(); ++level) {
      for (const Run& run : levels[level]) visit(level, run);
    }
  }

  /// @returns the tables, in the order in which gets ask them.
  [[nodiscard]] std::vector<TablePtr> tables() const;
};

/// What turns a version into the next.
struct Edit {
  std::set<std::uint64_t> removed{};  ///< numbers of tables
  std::size_t level = 0;              ///< where the others are added
  Run added{};                        ///< in the order of their keys
  /// Whether they become a run of their own, the newest of the level; else they
  /// join the only one that it has.
  bool as_new_run = true;
  bool is_move = false;  ///< whether they were there before, elsewhere
};

/// @returns the version after an edit.
[[nodiscard]] Version apply(const Version& version, const Edit& edit);

/// Goes through a run as through one table.
class RunCursor final : public Cursor {
 public:
  /// @param run must outlive this
  RunCursor(const Run& run, Reading reading);
  RunCursor(Run&& run, Reading reading) = delete;

  [[nodiscard]] bool seek(std::string_view key) override;
  [[nodiscard]] bool seek_before(std::string_view key) override;
  [[nodiscard]] bool seek_last() override;
  [[nodiscard]] bool next() override;
  [[nodiscard]] bool prev() override;

  [[nodiscard]] const Entry& entry() const override { return table_->entry(); }

  /// @returns the table it stands in, the number of it in the run.
  [[nodiscard]] std::size_t number() const { return number_; }

  /// @returns the entry's length in its block, in bytes.
  [[nodiscard]] std::uint64_t entry_size() const {
    return table_->entry_size();
  }

 private:
  void open(std::size_t number);
  [[nodiscard]] bool first_from(std::size_t number);
  [[nodiscard]] bool last_until(std::size_t number);

  const Run& run_;
  const Reading reading_;
  std::size_t number_;  // which table is open
  std::unique_ptr<TableCursor> table_;
};

}  // namespace strata::lsm
