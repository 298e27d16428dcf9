// 09_lsm_tree: versions, and which tables the picker would merge next.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "stages/09_lsm_tree/picker.h"
#include "stages/09_lsm_tree/version.h"
#include "tests/stages/lsm_fixture.h"
#include "tests/support.h"

namespace strata::lsm {
namespace {

// The numbers of its tables: "5 6".
std::string text_of(const Run& run) {
  std::string text;
  for (const TablePtr& table : run) {
    if (!text.empty()) text += ' ';
    text += std::to_string(table->info().number);
  }
  return text;
}

// The levels that have any, and their runs: "0: 6, 5; 1: 1 2".
std::string text_of(const Version& version) {
  std::string text;
  std::size_t last = kLevels;
  version.for_each_run([&](std::size_t level, const Run& run) {
    if (level == last) {
      text += ", ";
    } else {
      text += (text.empty() ? "" : "; ") + std::to_string(level) + ": ";
    }
    last = level;
    text += text_of(run);
  });
  return text;
}

// "6, 5, 1 2 from 0 into 1", or "move 6 from 0 into 1"; "as a new run of 1".
std::string text_of(const std::optional<Pick>& pick) {
  if (!pick) return "nothing";
  std::string text = pick->is_move ? "move " : "";
  for (std::size_t i = 0; i < pick->inputs.size(); ++i) {
    text += (i > 0 ? ", " : "") + text_of(pick->inputs[i]);
  }
  return text + " from " + std::to_string(pick->from) +
         (pick->as_new_run ? " as a new run of " : " into ") +
         std::to_string(pick->level);
}

class LsmPicker : public TablesTest {
 protected:
  LsmPicker() {
    levelled_.level_bytes = 1000;
    levelled_.level_runs = 4;
    tiered_ = levelled_;
    tiered_.strategy = Strategy::kTiered;
  }

  // A table whose first and last key are letters.
  TablePtr table(std::uint64_t number, const std::string& keys,
                 std::uint64_t size = 100) {
    return named(number, keys.substr(0, 1), keys.substr(1), size);
  }

  void add(std::size_t level, const lsm::Run& run) {
    version_.levels[level].push_back(run);
  }

  [[nodiscard]] std::string levelled(
      const std::set<std::uint64_t>& damaged = {}) const {
    return text_of(pick(version_, levelled_, damaged));
  }

  [[nodiscard]] std::string tiered(
      const std::set<std::uint64_t>& damaged = {}) const {
    return text_of(pick(version_, tiered_, damaged));
  }

  Version version_;
  Shape levelled_;
  Shape tiered_;
};

// ---- Versions

TEST_F(LsmPicker, AVersionAfterAnEditIsTheOneBeforeWithoutAndWithTables) {
  add(0, {table(6, "az")});
  add(0, {table(5, "az")});
  add(1, {table(1, "ac"), table(2, "df"), table(3, "gi")});
  const lsm::Run added = {table(7, "de"), table(8, "ef")};
  EXPECT_EQ(text_of(version_), "0: 6, 5; 1: 1 2 3");
  EXPECT_EQ(text_of(apply(version_, {{}, 0, {table(7, "ab")}})),
            "0: 7, 6, 5; 1: 1 2 3");
  EXPECT_EQ(text_of(apply(version_, {{5}, 1, {}})), "0: 6; 1: 1 2 3");
  EXPECT_EQ(text_of(apply(version_, {{5, 2}, 1, added, false})),
            "0: 6; 1: 1 7 8 3");
  EXPECT_EQ(text_of(apply(version_, {{5, 6}, 1, added, true})),
            "1: 7 8, 1 2 3");
  EXPECT_EQ(text_of(apply(version_, {{1, 2, 3}, 2, added, false})),
            "0: 6, 5; 2: 7 8");
  EXPECT_EQ(text_of(version_), "0: 6, 5; 1: 1 2 3") << "it never changes";
}

TEST_F(LsmPicker, ARunKnowsWhichTableHasAKeysPlace) {
  const lsm::Run run = {table(1, "bc"), table(2, "ef")};
  const auto number_for = [&](std::string_view key) {
    const TablePtr* found = table_for(run, key);
    return found == nullptr ? 0 : (*found)->info().number;
  };
  EXPECT_EQ(number_for("a"), 0U);
  EXPECT_EQ(number_for("b"), 1U);
  EXPECT_EQ(number_for("bbb"), 1U);
  EXPECT_EQ(number_for("c"), 1U);
  EXPECT_EQ(number_for("cc"), 0U) << "between two tables";
  EXPECT_EQ(number_for("e"), 2U);
  EXPECT_EQ(number_for("g"), 0U);
  EXPECT_EQ(table_for({}, "a"), nullptr);
}

// ---- Levelled

TEST_F(LsmPicker, ATreeThatHasItsShapeIsLeftAlone) {
  EXPECT_EQ(levelled(), "nothing");
  EXPECT_EQ(tiered(), "nothing");
  for (std::uint64_t i = 9; i > 6; --i) add(0, {table(i, "az")});
  add(1, {table(1, "am", 500), table(2, "nz", 499)});
  add(2, {table(3, "az", 9999)});
  EXPECT_EQ(levelled(), "nothing");
  EXPECT_EQ(tiered(), "nothing");
}

// Tables 2 and 3 of level 1 lie between the keys of the runs, though table 3
// overlaps none of these by itself.
TEST_F(LsmPicker, OfLevel0AllRunsAreTakenAndWhatLiesBetweenTheirKeys) {
  add(0, {table(9, "ef")});
  add(0, {table(8, "lm")});
  add(0, {table(7, "ef")});
  add(0, {table(6, "ee")});
  add(1, {table(1, "ad"), table(2, "fg"), table(3, "hi"), table(4, "nz")});
  EXPECT_EQ(levelled(), "9, 8, 7, 6, 2 3 from 0 into 1");
}

TEST_F(LsmPicker, OfADeeperLevelTheTableIsTakenThatIsCheapestToMove) {
  add(1, {table(1, "ad", 500), table(2, "ef", 400), table(3, "gz", 500)});
  add(2, {table(4, "ab", 800), table(5, "cf", 100), table(6, "hz", 900)});
  EXPECT_EQ(levelled(), "2, 5 from 1 into 2");
  version_.levels[2][0].erase(version_.levels[2][0].begin() + 1);
  EXPECT_EQ(levelled(), "move 2 from 1 into 2") << "nothing overlaps it";
}

TEST_F(LsmPicker, ATableThatOverlapsNothingIsMovedAndNotWritten) {
  add(1, {table(1, "ad", 600), table(2, "ef", 600)});
  EXPECT_EQ(levelled(), "move 1 from 1 into 2");
  levelled_.level_runs = 2;
  add(0, {table(9, "gh")});
  add(0, {table(8, "ij")});
  version_.levels[1].clear();
  EXPECT_EQ(levelled(), "move 9, 8 from 0 into 1") << "they are one run";
  version_.levels[0][1] = {table(8, "hj")};
  EXPECT_EQ(levelled(), "9, 8 from 0 into 1") << "they overlap";
}

TEST_F(LsmPicker, TheLevelThatIsTooLargeByMostComesFirst) {
  add(1, {table(1, "az", 1500)});
  for (std::uint64_t i = 9; i > 5; --i) add(0, {table(i, "az")});
  EXPECT_EQ(levelled(), "move 1 from 1 into 2") << "1.5 and 1";
  add(0, {table(5, "az")});
  add(0, {table(4, "az")});
  add(0, {table(3, "az")});
  EXPECT_EQ(levelled(), "9, 8, 7, 6, 5, 4, 3, 1 from 0 into 1") << "1.75";
}

TEST_F(LsmPicker, EachLevelMayHoldTenTimesAsMuchAndTheLastOneAnything) {
  EXPECT_EQ(most_bytes(levelled_, 1), 1000U);
  EXPECT_EQ(most_bytes(levelled_, 2), 10'000U);
  EXPECT_EQ(most_bytes(levelled_, 6), 100'000'000U);
  add(6, {table(1, "az", 1'000'000'000)});
  EXPECT_EQ(levelled(), "nothing");
}

TEST_F(LsmPicker, NothingPassesByADamagedTable) {
  for (std::uint64_t i = 9; i > 5; --i) add(0, {table(i, "el")});
  add(1, {table(1, "ad", 600), table(2, "em", 600), table(3, "nz", 300)});
  EXPECT_EQ(levelled({1}), "move 2 from 1 into 2") << "more in need";
  version_.levels[1][0][0] = table(1, "ad", 100);
  version_.levels[1][0][1] = table(2, "em", 100);
  EXPECT_EQ(levelled({1}), "9, 8, 7, 6, 2 from 0 into 1") << "not in its way";
  EXPECT_EQ(levelled({2}), "nothing") << "what is newer waits behind it";
  EXPECT_EQ(levelled({7}), "nothing") << "nor do 8 and 9 pass by";
}

TEST_F(LsmPicker, ATableOfADeeperLevelGoesRoundADamagedOne) {
  add(1, {table(1, "ad", 600), table(2, "ez", 600)});
  add(2, {table(3, "ad", 600), table(4, "ez", 600)});
  EXPECT_EQ(levelled(), "1, 3 from 1 into 2");
  EXPECT_EQ(levelled({1}), "2, 4 from 1 into 2");
  EXPECT_EQ(levelled({3}), "2, 4 from 1 into 2");
  EXPECT_EQ(levelled({3, 4}), "nothing");
}

// ---- Tiered

TEST_F(LsmPicker, ATierBecomesTheNewestRunOfTheNext) {
  for (std::uint64_t i = 9; i > 6; --i) add(0, {table(i, "az")});
  add(1, {table(2, "az"), table(3, "zz")});
  EXPECT_EQ(tiered(), "nothing");
  add(0, {table(6, "az")});
  EXPECT_EQ(tiered(), "9, 8, 7, 6 from 0 as a new run of 1");
  EXPECT_EQ(tiered({7}), "nothing");
  EXPECT_EQ(tiered({2}), "9, 8, 7, 6 from 0 as a new run of 1");
}

TEST_F(LsmPicker, ATierOfRunsThatDoNotOverlapIsMoved) {
  add(0, {table(9, "gh")});
  add(0, {table(8, "ab")});
  add(0, {table(7, "ij")});
  add(0, {table(6, "cd")});
  const auto picked = pick(version_, tiered_, {});
  EXPECT_EQ(text_of(picked), "move 9, 8, 7, 6 from 0 as a new run of 1");
  EXPECT_EQ(text_of(picked->joined()), "8 6 9 7");
  EXPECT_EQ(picked->bytes(), 400U);
}

TEST_F(LsmPicker, TheLastTierIsMergedIntoItselfUntilItIsOneRun) {
  for (std::uint64_t i = 9; i > 5; --i) add(6, {table(i, "az", 1'000'000)});
  const auto picked = pick(version_, tiered_, {});
  EXPECT_EQ(text_of(picked), "9, 8, 7, 6 from 6 as a new run of 6");
  EXPECT_EQ(text_of(apply(version_, {picked->numbers(),
                                     picked->level,
                                     {table(10, "az")},
                                     picked->as_new_run})),
            "6: 10");
  version_.levels[6] = {{table(10, "az")}};
  tiered_.level_runs = 1;
  EXPECT_EQ(tiered(), "nothing") << "not for ever";
}

// ---- From one to the other

TEST_F(LsmPicker, TiersBecomeOneRunALevelOnceTheTreeIsLevelled) {
  for (std::uint64_t i = 9; i > 5; --i) add(0, {table(i, "az")});
  add(1, {table(5, "az")});
  add(1, {table(4, "az")});
  add(2, {table(3, "az")});
  add(2, {table(2, "az")});
  add(3, {table(1, "az")});
  EXPECT_EQ(tiered(), "9, 8, 7, 6 from 0 as a new run of 1");
  EXPECT_EQ(levelled(), "3, 2, 1 from 2 into 3") << "the deepest first";
  EXPECT_EQ(levelled({2}), "nothing");
  version_ = apply(version_, {{3, 2, 1}, 3, {table(10, "az")}, false});
  EXPECT_EQ(levelled(), "5, 4 from 1 into 2");
  version_ = apply(version_, {{5, 4}, 2, {table(11, "az")}, false});
  EXPECT_EQ(levelled(), "9, 8, 7, 6 from 0 into 1");
}

TEST_F(LsmPicker, SeveralRunsOfTheLastLevelBecomeOne) {
  add(6, {table(2, "az")});
  add(6, {table(1, "az")});
  EXPECT_EQ(levelled(), "2, 1 from 6 into 6");
  EXPECT_EQ(text_of(apply(version_, {{1, 2}, 6, {table(3, "az")}, false})),
            "6: 3");
}

// ---- All at once

TEST_F(LsmPicker, AllTablesBecomeOneRunOfTheLevelTheyFitIn) {
  EXPECT_EQ(text_of(pick_all(version_, levelled_)), "nothing");
  add(2, {table(1, "az", 300)});
  EXPECT_EQ(text_of(pick_all(version_, levelled_)),
            "1 from 2 as a new run of 2");
  version_ = {};
  add(0, {table(9, "az", 300)});
  add(0, {table(8, "az", 300)});
  EXPECT_EQ(text_of(pick_all(version_, levelled_)),
            "9, 8 from 0 as a new run of 1");
  add(2, {table(1, "am", 300), table(2, "nz", 300)});
  EXPECT_EQ(text_of(pick_all(version_, levelled_)),
            "9, 8, 1 2 from 0 as a new run of 2");
  add(3, {table(3, "az", 100'000)});
  EXPECT_EQ(text_of(pick_all(version_, levelled_)),
            "9, 8, 1 2, 3 from 0 as a new run of 4")
      << "more than level 3 may hold";
  EXPECT_EQ(text_of(pick_all(version_, tiered_)),
            "9, 8, 1 2, 3 from 0 as a new run of 3");
}

TEST_F(LsmPicker, ATombstoneIsKeptWhileAnythingOlderMayHaveItsKey) {
  add(0, {table(9, "az")});
  add(1, {table(1, "cd"), table(2, "fg")});
  add(3, {table(3, "mn")});
  EXPECT_TRUE(may_hide(version_, 0, "b"));
  EXPECT_FALSE(may_hide(version_, 1, "b")) << "what is newer hides nothing";
  EXPECT_TRUE(may_hide(version_, 1, "c"));
  EXPECT_FALSE(may_hide(version_, 1, "e")) << "between two tables";
  EXPECT_TRUE(may_hide(version_, 2, "m"));
  EXPECT_FALSE(may_hide(version_, 4, "m"));
}

// ---- Whatever is picked

// A tree of which each table is told what it holds: the keys a to p, each with
// the number of the flush that wrote it.
class Tree {
 public:
  using Entries = std::map<std::string, std::uint64_t>;

  explicit Tree(
      std::function<TablePtr(std::uint64_t number, const Entries&)> make)
      : make_(std::move(make)) {}

  void flush(const std::set<std::string>& keys) {
    Entries entries;
    for (const std::string& key : keys) {
      entries[key] = newest_[key] = flushes_ + 1;
    }
    ++flushes_;
    if (entries.empty()) return;
    version_ = apply(version_, {{}, 0, {table_of(entries)}, true});
  }

  void merge(const Pick& pick, std::size_t keys_a_table) {
    Edit edit{pick.numbers(), pick.level, {}, pick.as_new_run, pick.is_move};
    if (pick.is_move) {
      edit.added = pick.joined();
    } else {
      Entries all;
      for (const Run& run : pick.inputs) {
        for (const TablePtr& table : run) {
          const Entries& entries = entries_.at(table->info().number);
          all.insert(entries.begin(), entries.end());
        }
      }
      Entries part;
      for (const auto& entry : all) {
        part.insert(entry);
        if (part.size() < keys_a_table) continue;
        edit.added.push_back(table_of(part));
        part.clear();
      }
      if (!part.empty()) edit.added.push_back(table_of(part));
    }
    version_ = apply(version_, edit);
  }

  // Whether every key is found in its newest entry, in the order of gets.
  [[nodiscard]] bool answers_right() const {
    return std::all_of(newest_.begin(), newest_.end(), [&](const auto& each) {
      return found(each.first) == each.second;
    });
  }

  // Whether no two tables of a run overlap.
  [[nodiscard]] bool has_runs() const {
    bool all = true;
    version_.for_each_run([&](std::size_t, const Run& run) {
      for (std::size_t i = 1; i < run.size(); ++i) {
        all = all && run[i - 1]->info().last < run[i]->info().first;
      }
    });
    return all;
  }

  [[nodiscard]] const Version& version() const { return version_; }

 private:
  TablePtr table_of(const Entries& entries) {
    entries_[++number_] = entries;
    return make_(number_, entries);
  }

  [[nodiscard]] std::uint64_t found(const std::string& key) const {
    std::uint64_t entry = 0;
    version_.for_each_run([&](std::size_t, const Run& run) {
      const TablePtr* table = table_for(run, key);
      if (entry > 0 || table == nullptr) return;
      const Entries& entries = entries_.at((*table)->info().number);
      const auto at = entries.find(key);
      if (at != entries.end()) entry = at->second;
    });
    return entry;
  }

  const std::function<TablePtr(std::uint64_t, const Entries&)> make_;
  Version version_;
  std::map<std::uint64_t, Entries> entries_;
  Entries newest_;
  std::uint64_t number_ = 0;
  std::uint64_t flushes_ = 0;
};

RC_GTEST_FIXTURE_PROP(LsmPicker, WhateverIsPickedEachKeyKeepsItsNewestEntry,
                      ()) {
  Tree tree([this](std::uint64_t number, const Tree::Entries& entries) {
    return named(number, entries.begin()->first, entries.rbegin()->first,
                 entries.size());
  });
  Shape shape = levelled_;
  shape.level_bytes = *rc::gen::inRange<std::uint64_t>(1, 8);
  shape.level_runs = *rc::gen::inRange<std::uint64_t>(1, 4);
  std::set<std::uint64_t> damaged;
  const int steps = *rc::gen::inRange(1, 60);
  for (int step = 0; step < steps; ++step) {
    std::set<std::string> keys;
    for (char key = 'a'; key <= 'p'; ++key) {
      if (*rc::gen::inRange(0, 4) == 0) keys.insert(std::string(1, key));
    }
    tree.flush(keys);
    if (*rc::gen::inRange(0, 10) == 0) {
      shape.strategy =
          *rc::gen::element(Strategy::kLevelled, Strategy::kTiered);
    }
    const auto tables = tree.version().tables();
    if (*rc::gen::inRange(0, 20) == 0 && !tables.empty()) {
      damaged.insert(tables.back()->info().number);
    }
    int merges = 0;
    while (const auto next = pick(tree.version(), shape, damaged)) {
      tree.merge(*next, *rc::gen::inRange<std::size_t>(1, 6));
      RC_ASSERT(tree.has_runs());
      RC_ASSERT(tree.answers_right());
      RC_ASSERT(++merges < 1000);
    }
    if (*rc::gen::inRange(0, 20) > 0) continue;
    const auto all = pick_all(tree.version(), shape);
    if (all) tree.merge(*all, 3);
    damaged.clear();
    RC_ASSERT(tree.has_runs());
    RC_ASSERT(tree.answers_right());
  }
}

}  // namespace
}  // namespace strata::lsm
