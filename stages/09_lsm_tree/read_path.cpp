// The read path of stage 09: get, scan, snapshots and iterators.
//
//     get ──▶ memtable ──▶ frozen ──▶ level 0, newest run first ──▶ level 1 …
//                                       in each run: the one table that has
//                                       the key's place; its filter; one block
#include <algorithm>
#include <optional>
#include <utility>

#include "stages/09_lsm_tree/store.h"

namespace strata {

using lsm::Cursor;
using lsm::Found;
using lsm::Iterator;
using lsm::MemtableCursor;
using lsm::MergingCursor;
using lsm::Range;
using lsm::Reading;
using lsm::Run;
using lsm::RunCursor;
using lsm::Snapshot;
using lsm::State;
using lsm::TablePtr;

LsmTree::StatePtr LsmTree::state() const {
  const std::shared_lock look(state_lock_);
  return state_;
}

bool LsmTree::get(std::string_view key, std::string& value) {
  Found found = Found::kNothing;
  following_merges([&] {
    const Snapshot now = snapshot();
    found = find(key, now.as_of(), now.state(), value);
  });
  return found == Found::kValue;
}

bool LsmTree::get(std::string_view key, std::string& value,
                  const Snapshot& moment) {
  return find(key, moment.as_of(), moment.state(), value) == Found::kValue;
}

// Asks one source after the other, the newest first, until one knows the key.
Found LsmTree::find(std::string_view key, std::uint64_t as_of,
                    const State& state, std::string& value) {
  const std::uint64_t hash = lsm::bloom_hash(key);
  Found found = state.memtable->get(key, hash, as_of, value);
  if (found != Found::kNothing) return found;
  if (state.frozen) found = state.frozen->get(key, hash, as_of, value);
  if (found != Found::kNothing) return found;
  if (state.lost) throw Damage(*state.lost);
  for (const lsm::Level& level : state.version->levels) {
    for (const Run& run : level) {
      found = find_in(run, key, hash, value);
      if (found != Found::kNothing) return found;
    }
  }
  return Found::kNothing;
}

// Asks the one table of the run that can have the key, unless its filter knows
// better. What is lost of a table no filter can deny: it is damaged, too.
Found LsmTree::find_in(const Run& run, std::string_view key, std::uint64_t hash,
                       std::string& value) {
  const TablePtr* table = lsm::table_for(run, key);
  if (table == nullptr) return Found::kNothing;
  if (!(*table)->may_hold(hash)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return Found::kNothing;
  }
  probes_.fetch_add(1, std::memory_order_relaxed);
  const Found found = (*table)->get(key, value);
  if (found == Found::kNothing) erred_.fetch_add(1, std::memory_order_relaxed);
  return found;
}

// Nobody changes the state while the number is read: all writes up to that
// number are in its memtables or its tables.
Snapshot LsmTree::snapshot() const {
  const std::shared_lock look(state_lock_);
  return {state_, sequence_.load(std::memory_order_acquire)};
}

std::unique_ptr<Iterator> LsmTree::iterator(Range range,
                                            const Snapshot& moment) const {
  const State& state = moment.state();
  if (state.lost) throw Damage(*state.lost);
  std::vector<std::unique_ptr<Cursor>> inputs;
  inputs.push_back(
      std::make_unique<MemtableCursor>(state.memtable, moment.as_of()));
  if (state.frozen) {
    inputs.push_back(
        std::make_unique<MemtableCursor>(state.frozen, moment.as_of()));
  }
  state.version->for_each_run([&](std::size_t, const Run& run) {
    inputs.push_back(std::make_unique<RunCursor>(run, Reading()));
  });
  auto entries = std::make_unique<MergingCursor>(std::move(inputs));
  return std::make_unique<Iterator>(moment, std::move(entries),
                                    std::move(range));
}

void LsmTree::keys(const KeyVisitor& visit) {
  scan("", "", [&](std::string_view key, std::string_view) { visit(key); });
}

void LsmTree::scan(std::string_view from, std::string_view to,
                   const PairVisitor& visit) {
  std::optional<std::string> told;  // the last key, should a file be gone
  following_merges([&] {
    const Snapshot moment = snapshot();
    const auto each =
        iterator({told.value_or(std::string(from)), std::string(to)}, moment);
    for (bool has = each->seek_first(); has; has = each->next()) {
      if (told && each->key() <= *told) continue;
      visit(each->key(), each->value());
      if (options_.mode == Mode::kRead) told = each->key();
    }
  });
  if (options_.mode == Mode::kRead) return;
  try {
    sweep_tables();
  } catch (const IoError&) {  // NOLINT(bugprone-empty-catch): it can be later
  }
}

}  // namespace strata
