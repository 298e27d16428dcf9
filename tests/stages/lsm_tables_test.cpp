// 09_lsm_tree: tables, whole and damaged, and how one goes through them: one by
// one, as a run, and merged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/errors.h"
#include "stages/09_lsm_tree/cursor.h"
#include "stages/09_lsm_tree/table.h"
#include "stages/09_lsm_tree/version.h"
#include "tests/stages/lsm_fixture.h"
#include "tests/support.h"

namespace strata::lsm {
namespace {

using std::string_literals::operator""s;
using testing::ElementsAre;

// ---- Tables

class LsmTable : public TablesTest {
 protected:
  // Any table that has an entry, of any format.
  [[nodiscard]] TablePtr any_table(const Model& model) {
    format_.block_bytes = *rc::gen::inRange<std::uint64_t>(1, 100);
    format_.compression = *rc::gen::element(
        Compression::kNone, Compression::kLz4, Compression::kZstd);
    format_.bloom_bits = *rc::gen::inRange<std::uint64_t>(0, 20);
    return open(write(1, model));
  }

  // So many keys, two a block or so.
  static Model some_keys(int count) {
    Model model;
    for (int i = 0; i < count; ++i) {
      const std::string key = "key" + std::to_string(100 + i);
      model[key] =
          i % 5 == 4 ? std::nullopt : std::optional(key + std::string(20, 'v'));
    }
    return model;
  }

  // What a get answers: the value, "deleted", "nothing" or "damaged".
  static std::string ask(const Table& table, const std::string& key) {
    std::string value;
    try {
      switch (table.get(key, value)) {
        case Found::kValue:
          return value;
        case Found::kTombstone:
          return "deleted";
        default:
          return "nothing";
      }
    } catch (const Damage&) {
      return "damaged";
    }
  }

  static std::string expected(const Model::value_type& pair) {
    return pair.second.value_or("deleted");
  }

  // Opens the table 1 with these bytes.
  [[nodiscard]] TablePtr open_changed(const TableInfo& info,
                                      const std::string& bytes) {
    disk_.put("db/1.sst", bytes);
    return open(info);
  }

  [[nodiscard]] std::string bytes_on_disk() const {
    return disk_.files().at("db/1.sst");
  }
};

TEST_F(LsmTable, EndsInTheFooterThatItsHeaderFileTellsOf) {
  const TableInfo info = write(1, {{"apple", "1"}, {"beet", std::nullopt}});
  EXPECT_EQ(info.number, 1U);
  EXPECT_EQ(info.entries, 2U);
  EXPECT_EQ(info.tombstones, 1U);
  EXPECT_EQ(info.first, "apple");
  EXPECT_EQ(info.last, "beet");
  const std::string bytes = bytes_on_disk();
  EXPECT_EQ(info.size, bytes.size());
  const auto footer = decode_footer(
      std::string_view(bytes).substr(bytes.size() - kFooterBytes));
  ASSERT_TRUE(footer);
  EXPECT_EQ(footer->entries, 2U);
  EXPECT_EQ(footer->filter.offset + footer->filter.size, footer->index.offset);
  EXPECT_EQ(footer->index.offset + footer->index.size,
            bytes.size() - kFooterBytes);
  EXPECT_EQ(footer->filter.size, 14U + 64 + 1) << "header, one line, probes";
  EXPECT_EQ(bytes.substr(bytes.size() - 8), "lsmtable");
  const auto table = open(info);
  ASSERT_EQ(table->blocks().size(), 1U);
  EXPECT_EQ(table->blocks()[0].first_key, "apple");
  EXPECT_EQ(table->blocks()[0].place.size, footer->filter.offset);
}

RC_GTEST_FIXTURE_PROP(LsmTable, FindsEachKeyAndNoOtherInOneRead, ()) {
  const Model model = *rc::gen::nonEmpty(any_model());
  const auto table = any_table(model);
  Model sought = *any_model();
  sought.insert(model.begin(), model.end());
  for (const auto& [key, unused] : sought) {
    if (key < model.begin()->first || key > model.rbegin()->first) continue;
    ledger_.clear();
    const std::string found = ask(*table, key);
    RC_ASSERT(ledger_.totals().reads.calls == 1U);
    const auto pair = model.find(key);
    RC_ASSERT(found == (pair == model.end() ? "nothing" : expected(*pair)));
    RC_ASSERT(pair == model.end() || table->may_hold(bloom_hash(key)));
  }
}

TEST_F(LsmTable, AKeyThatIsLessThanAllIsNotThereWithoutARead) {
  const auto table = open(write(1, some_keys(20)));
  ledger_.clear();
  EXPECT_EQ(ask(*table, "a"), "nothing");
  EXPECT_EQ(ledger_.totals().reads.calls, 0U);
}

TEST_F(LsmTable, TheFilterRefusesMostKeysThatAreNotThere) {
  Model model;
  for (int i = 0; i < 1000; ++i) model["key" + std::to_string(i)] = "v";
  const auto table = open(write(1, model));
  int passed = 0;
  for (int i = 0; i < 10'000; ++i) {
    passed += table->may_hold(bloom_hash("not" + std::to_string(i))) ? 1 : 0;
  }
  EXPECT_LT(passed, 200);
  format_.bloom_bits = 0;
  EXPECT_TRUE(open(write(2, model))->may_hold(bloom_hash("not1")));
}

TEST_F(LsmTable, ABlockThatWasReadIsNotReadAgainWhileItIsInTheCache) {
  BlockCache cache(std::uint64_t{1} << 20);
  const Shelf shelf{options_, files_, cache};
  const Model model = some_keys(20);
  const Table table(shelf, write(1, model));
  ledger_.clear();
  for (const auto& pair : model)
    EXPECT_EQ(ask(table, pair.first), expected(pair));
  EXPECT_EQ(ledger_.totals().reads.calls, table.blocks().size());
  ledger_.clear();
  for (const auto& pair : model)
    EXPECT_EQ(ask(table, pair.first), expected(pair));
  EXPECT_EQ(ledger_.totals().reads.calls, 0U);
}

RC_GTEST_FIXTURE_PROP(LsmTable, IsGoneThroughEitherWay, ()) {
  const Model model = *rc::gen::nonEmpty(any_model());
  TableCursor cursor(any_table(model), {});
  walk(cursor, model);
}

RC_GTEST_FIXTURE_PROP(LsmTable, IsGoneThroughFromEndToEndInLongReads, ()) {
  const Model model = *rc::gen::nonEmpty(any_model());
  TableCursor cursor(any_table(model), {.why = "merge", .all = true});
  ledger_.clear();
  RC_ASSERT(everything(cursor) == model);
  RC_ASSERT(ledger_.totals().reads.calls == 1U);
}

TEST_F(LsmTable, ALongScanReadsInLongPiecesAndAShortOneLittle) {
  Model model;
  for (int i = 10'000; i < 20'000; ++i) {
    model[std::to_string(i)] = std::string(100, 'v');
  }
  format_.block_bytes = 4096;
  const auto table = open(write(1, model));
  ledger_.clear();
  TableCursor few(table, {});
  ASSERT_TRUE(few.seek("15000"));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(few.next());
  EXPECT_LE(ledger_.totals().reads.bytes, 3U * 4200);
  ledger_.clear();
  TableCursor all(table, {});
  EXPECT_EQ(everything(all), model);
  const Place last = table->blocks().back().place;
  const auto reads = ledger_.totals().reads;
  EXPECT_EQ(reads.bytes, last.offset + last.size) << "each block once";
  EXPECT_LT(reads.calls, 16 + reads.bytes / (std::size_t{200} * 1024));
}

// A byte of a block costs the keys of that block, and one behind all blocks
// none: what stands there only tells what the blocks tell, too.
TEST_F(LsmTable, AnyWrongByteCostsTheKeysOfItsBlockAndNoOthers) {
  const Model model = some_keys(12);
  const TableInfo info = write(1, model);
  const auto whole = open(info);
  const std::string good = bytes_on_disk();
  for (std::size_t at = 0; at < good.size(); at += thinned(3)) {
    std::string bad = good;
    bad[at] ^= 0x10;
    const auto table = open_changed(info, bad);
    std::size_t in = 0;
    while (in < whole->blocks().size() &&
           at >= whole->blocks()[in].place.offset +
                     whole->blocks()[in].place.size) {
      ++in;
    }
    for (const auto& pair : model) {
      EXPECT_EQ(ask(*table, pair.first),
                whole->blocks().block_of(pair.first) == in ? "damaged"
                                                           : expected(pair))
          << pair.first << " with byte " << at;
      EXPECT_TRUE(table->may_hold(bloom_hash(pair.first))) << at;
    }
    const bool is_seen_at_open = in == whole->blocks().size();
    EXPECT_EQ(table->gap() || table->filter_gap(), is_seen_at_open) << at;
    EXPECT_EQ(notes_.empty(), !is_seen_at_open) << at;
    EXPECT_FALSE(table->has_lost_keys());
    notes_.clear();
  }
}

TEST_F(LsmTable, CutAnywhereItStillHasTheBlocksThatAreWhole) {
  const Model model = some_keys(12);
  const TableInfo info = write(1, model);
  const auto whole = open(info);
  const std::string good = bytes_on_disk();
  for (std::size_t cut = 0; cut < good.size(); cut += thinned(3)) {
    const auto table = open_changed(info, good.substr(0, cut));
    ASSERT_TRUE(table->gap()) << cut;
    EXPECT_THROW(table->check_whole(), Damage);
    for (const auto& pair : model) {
      const Place place =
          whole->blocks().place(whole->blocks().block_of(pair.first));
      EXPECT_EQ(ask(*table, pair.first),
                place.offset + place.size <= cut ? expected(pair) : "damaged")
          << pair.first << " of " << cut << " bytes";
    }
    TableCursor cursor(table, {});
    if (table->has_lost_keys()) {
      EXPECT_THROW(static_cast<void>(everything(cursor)), Damage);
      EXPECT_THROW(static_cast<void>(cursor.seek_last()), Damage);
    } else {
      EXPECT_EQ(everything(cursor), model);
      EXPECT_TRUE(cursor.seek_last());
    }
  }
}

TEST_F(LsmTable, WithoutIndexTheBlocksBehindADamagedOneAreLost) {
  const Model model = some_keys(12);
  const TableInfo info = write(1, model);
  const auto whole = open(info);
  ASSERT_GE(whole->blocks().size(), 4U);
  std::string bad = bytes_on_disk();
  bad[whole->blocks()[2].place.offset + 20] ^= 1;
  bad.back() ^= 1;
  const auto table = open_changed(info, bad);
  EXPECT_TRUE(table->has_lost_keys());
  for (const auto& pair : model) {
    EXPECT_EQ(ask(*table, pair.first), whole->blocks().block_of(pair.first) < 2
                                           ? expected(pair)
                                           : "damaged")
        << pair.first;
  }
}

TEST_F(LsmTable, OfWhichTheFileIsMissingHasLostEveryKey) {
  const TableInfo info = write(1, some_keys(12));
  ASSERT_EQ(disk_.remove("db/1.sst", "test"), 0);
  try {
    static_cast<void>(open(info));
    ADD_FAILURE() << "it was opened";
  } catch (const IoError& error) {
    EXPECT_TRUE(error.is_missing());
  }
  const auto table = Table::missing(shelf_, info);
  EXPECT_EQ(ask(*table, "key100"), "damaged");
  EXPECT_TRUE(table->may_hold(bloom_hash("key100")));
  EXPECT_EQ(table->size(), 0U);
  TableCursor cursor(table, {});
  EXPECT_THROW(static_cast<void>(cursor.seek("")), Damage);
  EXPECT_THROW(static_cast<void>(cursor.seek_before("z")), Damage);
  EXPECT_THROW(static_cast<void>(cursor.seek_last()), Damage);
}

TEST_F(LsmTable, ADamagedBlockEndsAWalkUnlessItIsToBePassedOver) {
  const Model model = some_keys(12);
  const TableInfo info = write(1, model);
  const auto whole = open(info);
  const SparseIndex::Block wrong = whole->blocks()[1];
  std::string bad = bytes_on_disk();
  bad[wrong.place.offset + 20] ^= 1;
  const auto table = open_changed(info, bad);
  for (const bool all : {false, true}) {
    TableCursor cursor(table, {.all = all});
    EXPECT_THROW(static_cast<void>(everything(cursor)), Damage);
    EXPECT_THROW(static_cast<void>(cursor.seek(wrong.first_key)), Damage);
  }
  TableCursor back(table, {});
  EXPECT_THROW(
      {
        for (bool has = back.seek_last(); has; has = back.prev()) continue;
      },
      Damage);
  std::vector<std::uint64_t> gaps;
  TableCursor cursor(
      table, {.all = true, .skip = [&](const Table& of, const Gap& gap) {
                EXPECT_EQ(&of, table.get());
                gaps.push_back(gap.offset);
              }});
  Model left = model;
  for (const auto& [key, unused] : model) {
    if (whole->blocks().block_of(key) == 1) left.erase(key);
  }
  EXPECT_EQ(everything(cursor), left);
  EXPECT_THAT(gaps, ElementsAre(wrong.place.offset));
}

// Blocks that are whole, but not in order: of those only what is in order counts.
TEST_F(LsmTable, BlocksOutOfOrderAreDamageWhereNoIndexSaysSo) {
  std::string bytes;
  for (const char* key : {"abcdefghij", "b", "abcdefghik"}) {
    BlockBuilder block;
    block.add({key, "1"});
    block.finish(BlockKind::kData, Compression::kNone, bytes);
  }
  const TableInfo info{
      .number = 1, .size = bytes.size(), .first = "a", .last = "z"};
  const auto table = open_changed(info, bytes);
  ASSERT_EQ(table->blocks().size(), 2U);
  EXPECT_EQ(table->blocks()[1].first_key, "b");
  EXPECT_TRUE(table->has_lost_keys());
  EXPECT_EQ(ask(*table, "b"), "1");
  EXPECT_EQ(table->blocks().block_of("a"), 0U);
}

TEST_F(LsmTable, AFileThatACrashLeftUnderItsNumberIsOverwritten) {
  disk_.put("db/1.sst", std::string(10'000, 'x'));
  const Model model = some_keys(12);
  const auto table = open(write(1, model));
  EXPECT_FALSE(table->gap());
  TableCursor cursor(table, {});
  EXPECT_EQ(everything(cursor), model);
}

// ---- Runs

class LsmRun : public TablesTest {
 protected:
  // A model cut into tables at random.
  [[nodiscard]] lsm::Run any_run(const Model& model) {
    lsm::Run run;
    Model part;
    for (const auto& pair : model) {
      part.insert(pair);
      if (*rc::gen::inRange(0, 3) > 0) continue;
      run.push_back(open(write(run.size() + 1, part)));
      part.clear();
    }
    if (!part.empty()) run.push_back(open(write(run.size() + 1, part)));
    return run;
  }
};

RC_GTEST_FIXTURE_PROP(LsmRun, IsGoneThroughAsIfItWereOneTable, ()) {
  const Model model = *any_model();
  const lsm::Run run = any_run(model);
  RunCursor cursor(run, {});
  walk(cursor, model);
}

RC_GTEST_FIXTURE_PROP(LsmRun, HasEachKeyInOneOfItsTables, ()) {
  const Model model = *any_model();
  const lsm::Run run = any_run(model);
  Model sought = *any_model();
  sought.insert(model.begin(), model.end());
  for (const auto& [key, unused] : sought) {
    const TablePtr* table = table_for(run, key);
    RC_ASSERT(table != nullptr || model.count(key) == 0);
    if (table == nullptr) continue;
    RC_ASSERT((*table)->info().first <= key && key <= (*table)->info().last);
  }
}

TEST_F(LsmRun, OfWhichATableIsMissingThrowsWhereThatWouldBe) {
  const lsm::Run run = {open(write(1, {{"a", "1"}, {"b", "1"}})),
                        named(2, "c", "d"), open(write(3, {{"e", "1"}}))};
  RunCursor cursor(run, {});
  EXPECT_TRUE(cursor.seek("b"));
  EXPECT_THROW(static_cast<void>(cursor.next()), Damage);
  EXPECT_TRUE(cursor.seek("e"));
  EXPECT_THROW(static_cast<void>(cursor.prev()), Damage);
  EXPECT_THROW(static_cast<void>(cursor.seek("c")), Damage);
  EXPECT_TRUE(cursor.seek_before("c"));
  std::vector<std::uint64_t> missing;
  RunCursor around(run, {.all = true, .skip = [&](const Table& of, const Gap&) {
                           missing.push_back(of.info().number);
                         }});
  EXPECT_EQ(everything(around), (Model{{"a", "1"}, {"b", "1"}, {"e", "1"}}));
  EXPECT_THAT(missing, ElementsAre(2U));
}

// ---- Merging

std::vector<std::unique_ptr<Cursor>> cursors_over(
    const std::vector<Model>& models) {
  std::vector<std::unique_ptr<Cursor>> inputs;
  for (const Model& model : models) {
    inputs.push_back(std::make_unique<ModelCursor>(model));
  }
  return inputs;
}

RC_GTEST_PROP(LsmMerging, ShowsTheNewestEntryOfEachKeyEitherWay, ()) {
  const auto models =
      *rc::gen::resize(20, rc::gen::container<std::vector<Model>>(any_model()));
  Model newest;
  for (const Model& model : models) newest.insert(model.begin(), model.end());
  MergingCursor all(cursors_over(models));
  RC_ASSERT(everything(all) == newest);
  MergingCursor merged(cursors_over(models));
  walk(merged, newest);
}

TEST(LsmMerging, SaysWhichInputAnEntryComesFrom) {
  const std::vector<Model> models = {
      {{"b", "new"}}, {{"a", "1"}, {"b", "old"}, {"c", "3"}}, {}};
  MergingCursor merged(cursors_over(models));
  std::vector<std::size_t> sources;
  for (bool has = merged.seek(""); has; has = merged.next()) {
    sources.push_back(merged.source());
  }
  EXPECT_THAT(sources, ElementsAre(1U, 0U, 1U));
  sources.clear();
  for (bool has = merged.seek_last(); has; has = merged.prev()) {
    sources.push_back(merged.source());
  }
  EXPECT_THAT(sources, ElementsAre(1U, 0U, 1U));
}

TEST(LsmMerging, OfNothingShowsNothing) {
  MergingCursor none({});
  EXPECT_FALSE(none.seek(""));
  EXPECT_FALSE(none.seek_before("z"));
  EXPECT_FALSE(none.seek_last());
}

}  // namespace
}  // namespace strata::lsm
