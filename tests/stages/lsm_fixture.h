// What the suites of 09_lsm_tree share: entries as a model has them, a walk
// that compares any cursor with it, and tables and stores on a disk in memory.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/os/ledger.h"
#include "common/os/memory_os.h"
#include "common/os/watched_os.h"
#include "common/store/errors.h"
#include "stages/09_lsm_tree/cursor.h"
#include "stages/09_lsm_tree/store.h"
#include "stages/09_lsm_tree/table.h"
#include "tests/stages/memory_store.h"
#include "tests/support.h"

namespace strata::lsm {

/// Keys in order, each with its value, or none where it was deleted.
using Model = std::map<std::string, std::optional<std::string>>;

inline Entry entry_of(const Model::value_type& pair) {
  const auto& [key, value] = pair;
  return {key, value ? std::string_view(*value) : std::string_view(), !value};
}

/// Goes through a model, which must stay.
class ModelCursor final : public Cursor {
 public:
  explicit ModelCursor(const Model& model) : model_(model), at_(model.end()) {}

  [[nodiscard]] bool seek(std::string_view key) override {
    return show(model_.lower_bound(std::string(key)));
  }

  [[nodiscard]] bool seek_before(std::string_view key) override {
    return show_before(model_.lower_bound(std::string(key)));
  }

  [[nodiscard]] bool seek_last() override { return show_before(model_.end()); }

  [[nodiscard]] bool next() override { return show(std::next(at_)); }

  [[nodiscard]] bool prev() override { return show_before(at_); }

  [[nodiscard]] const Entry& entry() const override { return entry_; }

 private:
  bool show(Model::const_iterator at) {
    at_ = at;
    if (at_ != model_.end()) entry_ = entry_of(*at_);
    return at_ != model_.end();
  }

  bool show_before(Model::const_iterator at) {
    return show(at == model_.begin() ? model_.end() : std::prev(at));
  }

  const Model& model_;
  Model::const_iterator at_;
  Entry entry_;
};

/// All that a cursor shows from its beginning on.
inline Model everything(Cursor& cursor) {
  Model model;
  for (bool has = cursor.seek(""); has; has = cursor.next()) {
    const Entry& entry = cursor.entry();
    EXPECT_TRUE(model.empty() || model.rbegin()->first < entry.key);
    model.emplace(entry.key, entry.is_tombstone
                                 ? std::nullopt
                                 : std::optional(std::string(entry.value)));
  }
  return model;
}

inline rc::Gen<std::string> any_text() {
  using std::string_literals::operator""s;
  return rc::gen::container<std::string>(rc::gen::elementOf("ab\xFF\0z"s));
}

/// Of some forty keys at the most, and they are short: so that many agree.
inline rc::Gen<Model> any_model() {
  const auto any_pairs =
      rc::gen::container<std::map<std::string, std::pair<bool, std::string>>>(
          rc::gen::nonEmpty(any_text()),
          rc::gen::pair(rc::gen::arbitrary<bool>(), any_text()));
  return rc::gen::map(
      rc::gen::scale(0.4, any_pairs),
      [](const std::map<std::string, std::pair<bool, std::string>>& pairs) {
        Model model;
        for (const auto& [key, value] : pairs) {
          model[key] = value.first ? std::optional(value.second) : std::nullopt;
        }
        return model;
      });
}

/// Moves a cursor and one over the model in the same way, at random: both stand
/// at the same entry, or both nowhere.
inline void walk(Cursor& cursor, const Model& model) {
  ModelCursor expected(model);
  bool has_entry = false;
  const int moves = *rc::gen::inRange(1, 40);
  for (int i = 0; i < moves; ++i) {
    bool moved = false;
    switch (*rc::gen::inRange(has_entry ? 0 : 4, 7)) {
      case 0:
      case 1:
        has_entry = expected.next();
        moved = cursor.next();
        break;
      case 2:
      case 3:
        has_entry = expected.prev();
        moved = cursor.prev();
        break;
      case 4: {
        const std::string key = *any_text();
        has_entry = expected.seek(key);
        moved = cursor.seek(key);
        break;
      }
      case 5: {
        const std::string key = *any_text();
        has_entry = expected.seek_before(key);
        moved = cursor.seek_before(key);
        break;
      }
      default:
        has_entry = expected.seek_last();
        moved = cursor.seek_last();
    }
    RC_ASSERT(moved == has_entry);
    if (!has_entry) continue;
    RC_ASSERT(cursor.entry().key == expected.entry().key);
    RC_ASSERT(cursor.entry().value == expected.entry().value);
    RC_ASSERT(cursor.entry().is_tombstone == expected.entry().is_tombstone);
  }
}

/// Tables of the store `db` on a disk in memory.
class TablesTest : public testing::Test {
 protected:
  TablesTest() {
    options_.directory = "db";
    options_.os = &ledger_;
    options_.note = [this](const std::string& line) { notes_.push_back(line); };
    disk_.put_directory("db");
  }

  [[nodiscard]] TableInfo write(std::uint64_t number, const Model& model) {
    TableWriter writer(options_, number, format_);
    for (const auto& pair : model) writer.add(entry_of(pair));
    return writer.finish();
  }

  [[nodiscard]] TablePtr open(const TableInfo& info) {
    return std::make_shared<const Table>(shelf_, info);
  }

  // A table of which there is no file: all that is told of it is this.
  [[nodiscard]] TablePtr named(std::uint64_t number, const std::string& first,
                               const std::string& last,
                               std::uint64_t size = 100) {
    TableInfo info;
    info.number = number;
    info.size = size;
    info.first = first;
    info.last = last;
    return Table::missing(shelf_, info);
  }

  MemoryOs disk_;
  Ledger ledger_{disk_};
  std::vector<std::string> notes_;
  Options options_;
  FileCache files_{ledger_};
  BlockCache blocks_{0};
  Shelf shelf_{options_, files_, blocks_};
  TableFormat format_{.block_bytes = 64, .compression = Compression::kNone};
};

}  // namespace strata::lsm

namespace strata {

/// A store of stage 09 on a disk in memory. Its memtable is written out and its
/// tables are merged only when told to, unless a test says otherwise.
class LsmTreeTest : public MemoryStoreTest<LsmTree> {
 protected:
  using Pairs = std::map<std::string, std::string>;

  static constexpr std::uint64_t kNoMerges = 1'000'000;
  static constexpr std::uint64_t kSmallMemtable = std::uint64_t{64} << 10;

  LsmTreeTest() {
    numbers = {{"--block-bytes", 64}, {"--level-runs", kNoMerges}};
  }

  // Writes a table of level 0 with these pairs.
  static void write_table(LsmTree& store, const Pairs& pairs) {
    for (const auto& [key, value] : pairs) store.set(key, value);
    store.write_memtable();
  }

  // Whether a get of `key` throws Damage.
  static bool is_damaged(Store& store, const std::string& key) {
    try {
      static_cast<void>(answer(store, key));
    } catch (const Damage&) {
      return true;
    }
    return false;
  }

  // How many runs and tables the levels have that have any: "0: 2 2; 1: 1 5".
  static std::string shape_of(const LsmTree& store) {
    std::string shape;
    const auto version = store.version();
    for (std::size_t i = 0; i < version->levels.size(); ++i) {
      std::size_t tables = 0;
      for (const lsm::Run& run : version->levels[i]) tables += run.size();
      if (tables == 0) continue;
      shape += (shape.empty() ? "" : "; ") + std::to_string(i) + ": " +
               std::to_string(version->levels[i].size()) + " " +
               std::to_string(tables);
    }
    return shape;
  }

  static bool is_table(const std::string& path) {
    return path.size() > 4 && path.substr(path.size() - 4) == ".sst";
  }

  static bool is_log(const std::string& path) {
    return path.size() > 4 && path.substr(path.size() - 4) == ".log";
  }

  // Those of the store's files that are of a kind.
  template <typename Is>
  [[nodiscard]] std::vector<std::string> files_that(const Is& is) const {
    std::vector<std::string> names;
    for (const std::string& name : files()) {
      if (is(name)) names.push_back(name);
    }
    return names;
  }

  // Leaves `a=1 b=1` in 1.log and `a=2` in 2.log: no table could be written.
  void leave_two_logs() {
    WatchedOs full(disk);
    full.before = [](const Coming& coming) {
      return coming.call == "open" && is_table(coming.path) ? ENOSPC : 0;
    };
    const auto store = open(Mode::kWrite, full);
    store->set("a", "1");
    store->set("b", "1");
    EXPECT_THROW(store->write_memtable(), IoError);
    store->set("a", "2");
    EXPECT_EQ(files(), (std::set<std::string>{"1.log", "2.log"}));
  }
};

}  // namespace strata
