#include "stages/09_lsm_tree/picker.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace strata::lsm {

namespace {

constexpr std::uint64_t kFactor = 10;  // of a level's bytes to those above it
constexpr std::size_t kLast = kLevels - 1;

// Tables of a run with keys between `from` and `to`, both included.
Run overlapping(const Run& run, std::string_view from, std::string_view to) {
  Run found;
  std::copy_if(
      run.begin(), run.end(), std::back_inserter(found),
      [&](const TablePtr& table) { return table->info().overlaps(from, to); });
  return found;
}

// Puts the tables of a level that overlap those picked behind them.
void widen(const Level& level, Pick& pick) {
  const TableInfo& any = pick.inputs.front().front()->info();
  std::string_view from = any.first;
  std::string_view to = any.last;
  for (const Run& run : pick.inputs) {
    from = std::min<std::string_view>(from, run.front()->info().first);
    to = std::max<std::string_view>(to, run.back()->info().last);
  }
  for (const Run& run : level) {
    Run found = overlapping(run, from, to);
    if (!found.empty()) pick.inputs.push_back(std::move(found));
  }
}

bool has_any(const Pick& pick, const std::set<std::uint64_t>& numbers) {
  const auto mine = pick.numbers();
  return std::any_of(numbers.begin(), numbers.end(), [&](std::uint64_t number) {
    return mine.count(number) > 0;
  });
}

// Whether no tables overlap, so that they are a run as they are.
bool is_one_run(const Pick& pick) {
  const Run run = pick.joined();
  return std::adjacent_find(run.begin(), run.end(),
                            [](const TablePtr& a, const TablePtr& b) {
                              return a->info().last >= b->info().first;
                            }) == run.end();
}

// One table of a level, with those of the next that it overlaps; of all such
// picks the one that writes least for what it moves.
std::optional<Pick> pick_table(const Version& version, std::size_t level,
                               const std::set<std::uint64_t>& damaged) {
  std::optional<Pick> best;
  double least = 0;
  for (const TablePtr& table : version.levels[level].front()) {
    Pick each{{{table}}, level, level + 1, false, false};
    widen(version.levels[level + 1], each);
    const double cost = static_cast<double>(each.bytes()) /
                        static_cast<double>(table->info().size);
    if ((best && cost >= least) || has_any(each, damaged)) continue;
    least = cost;
    best = std::move(each);
  }
  return best;
}

// All runs of a level, with what they overlap of the next. The second cannot be
// left out: what is in it would be passed by.
std::optional<Pick> pick_runs(const Version& version, std::size_t level,
                              const std::set<std::uint64_t>& damaged) {
  Pick pick{version.levels[level], level, std::min(level + 1, kLast), false,
            false};
  if (pick.level != level) widen(version.levels[pick.level], pick);
  if (has_any(pick, damaged)) return std::nullopt;
  return pick;
}

// How much too large a level is: from 1 on it is time.
double need(const Level& level, std::size_t number, const Shape& shape) {
  const auto runs = static_cast<double>(level.size());
  if (number == kLast && level.size() < 2) return 0;
  if (number == 0 || shape.strategy == Strategy::kTiered) {
    return runs / static_cast<double>(shape.level_runs);
  }
  if (level.size() > 1) return runs;  // it was tiered before
  return static_cast<double>(bytes_of(level)) /
         static_cast<double>(most_bytes(shape, number));
}

// Where the next level is several runs, as tiers leave them, these become one
// first: a table can join a run, but not several.
std::optional<Pick> pick_levelled(const Version& version, std::size_t level,
                                  const std::set<std::uint64_t>& damaged) {
  while (level < kLast && version.levels[level + 1].size() > 1) ++level;
  const bool is_run = level > 0 && version.levels[level].size() == 1;
  return is_run ? pick_table(version, level, damaged)
                : pick_runs(version, level, damaged);
}

// All runs of a level become one: the newest of the next, which stays as it is.
std::optional<Pick> pick_tier(const Version& version, std::size_t level,
                              const std::set<std::uint64_t>& damaged) {
  Pick pick{version.levels[level], level, std::min(level + 1, kLast), true,
            false};
  if (has_any(pick, damaged)) return std::nullopt;
  return pick;
}

}  // namespace

std::set<std::uint64_t> Pick::numbers() const {
  std::set<std::uint64_t> all;
  for (const Run& run : inputs) {
    for (const TablePtr& table : run) all.insert(table->info().number);
  }
  return all;
}

std::uint64_t Pick::bytes() const {
  return bytes_of(inputs);
}

Run Pick::joined() const {
  Run all;
  for (const Run& run : inputs) all.insert(all.end(), run.begin(), run.end());
  sort_by_key(all);
  return all;
}

std::uint64_t most_bytes(const Shape& shape, std::size_t level) {
  std::uint64_t bytes = shape.level_bytes;
  for (std::size_t i = 1; i < level; ++i) bytes *= kFactor;
  return bytes;
}

std::optional<Pick> pick(const Version& version, const Shape& shape,
                         const std::set<std::uint64_t>& damaged) {
  std::vector<std::pair<double, std::size_t>> needs;
  for (std::size_t i = 0; i < kLevels; ++i) {
    const double each = need(version.levels[i], i, shape);
    if (each >= 1) needs.emplace_back(-each, i);
  }
  std::sort(needs.begin(), needs.end());
  for (const auto& [unused, level] : needs) {
    auto picked = shape.strategy == Strategy::kLevelled
                      ? pick_levelled(version, level, damaged)
                      : pick_tier(version, level, damaged);
    if (!picked) continue;
    picked->is_move = picked->level != picked->from && is_one_run(*picked);
    return picked;
  }
  return std::nullopt;
}

std::optional<Pick> pick_all(const Version& version, const Shape& shape) {
  Pick pick;
  pick.level = 1;
  version.for_each_run([&](std::size_t level, const Run& run) {
    if (pick.inputs.empty()) pick.from = level;
    pick.inputs.push_back(run);
    pick.level = std::max(pick.level, level);
  });
  if (pick.inputs.empty()) return std::nullopt;
  const auto fits = [&] {
    return shape.strategy == Strategy::kTiered || pick.level == kLast ||
           pick.bytes() <= most_bytes(shape, pick.level);
  };
  while (!fits()) ++pick.level;
  return pick;
}

bool may_hide(const Version& others, std::size_t level, std::string_view key) {
  for (; level < kLevels; ++level) {
    for (const Run& run : others.levels[level]) {
      if (table_for(run, key) != nullptr) return true;
    }
  }
  return false;
}

}  // namespace strata::lsm
