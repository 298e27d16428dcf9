/// @file
/// The compaction picker: which tables are to be merged next, and where to.
///
/// Two strategies, one mechanism. *Levelled*: each level below level 0 is one run
/// of at most `level_bytes`, each ten times as large as the one above it. When a
/// level is too large, one of its tables is merged into those of the next that it
/// overlaps. A get asks few tables and little space is lost, but each byte is
/// written again some ten times a level.
///
///     level 1   [1 … 20][21 … 55][60 … 99]
///                        ╰──┬───╯
///     level 2   [1 … 7][18 … 30][31 … 58][59 … 80]      merges three tables
///
/// *Size-tiered*: a level is up to `level_runs` runs. When there are so many,
/// they are merged into one run of the next. Each byte is written once a level,
/// but a get asks all runs, and what was overwritten stays for longer.
///
///     level 0   [1 … 99] [2 … 97] [1 … 98] [3 … 99]     merges four runs
///                        ╰───┬───╯
///     level 1   [1 … 99] [1 … 98]
///
/// Everything here is a plain function of a version.
/// @source O'Neil et al., "The Log-Structured Merge-Tree", 1996; levels: LevelDB,
///   doc/impl.md; tiers: Bigtable's merging compactions, and Cassandra
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "stages/09_lsm_tree/version.h"

namespace strata::lsm {

/// How the tree is kept in shape.
enum class Strategy : std::uint8_t {
  kLevelled = 0,  ///< few tables to ask, little space, more writing
  kTiered = 1,    ///< less writing, more tables to ask, more space
};

/// The shape that a tree should have.
struct Shape {
  Strategy strategy = Strategy::kLevelled;  ///< how
  std::uint64_t level_bytes = 0;            ///< of level 1, where levelled
  std::uint64_t level_runs = 4;             ///< of level 0; tiered, of each
};

/// A compaction: what is merged, and where to.
struct Pick {
  std::vector<Run> inputs;  ///< the newest first; parts of runs
  std::size_t from = 0;     ///< the uppermost level of these
  std::size_t level = 0;    ///< where the output goes
  bool as_new_run = true;   ///< see Edit
  /// Whether there is nothing to merge, since no tables overlap: they only go
  /// by another level (a trivial move).
  bool is_move = false;

  /// @returns the numbers of its tables.
  [[nodiscard]] std::set<std::uint64_t> numbers() const;

  /// @returns bytes of its tables.
  [[nodiscard]] std::uint64_t bytes() const;

  /// @returns its tables, in the order of their first keys.
  [[nodiscard]] Run joined() const;
};

/// @returns how many bytes a level may have, where levelled.
[[nodiscard]] std::uint64_t most_bytes(const Shape& shape, std::size_t level);

/// Picks what is most in need of it.
/// @param damaged tables that cannot be merged, by number: what cannot be
///   merged without them stays where it is, for nothing may pass by what is
///   older than itself
/// @returns nothing where the tree has its shape.
[[nodiscard]] std::optional<Pick> pick(const Version& version,
                                       const Shape& shape,
                                       const std::set<std::uint64_t>& damaged);

/// Picks all tables, to be one run on the level that they fit in.
/// @returns nothing where there are none.
[[nodiscard]] std::optional<Pick> pick_all(const Version& version,
                                           const Shape& shape);

/// @param others the version without the tables that are being merged
/// @param level where the output goes
/// @returns whether one of the others may hold an entry of `key` that is older
///   than theirs. Where none does, a tombstone has nothing to hide.
[[nodiscard]] bool may_hide(const Version& others, std::size_t level,
                            std::string_view key);

}  // namespace strata::lsm
