// 08_sstables: what its files are made of, piece by piece.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/os/ledger.h"
#include "common/os/memory_os.h"
#include "common/record/big_endian.h"
#include "common/store/errors.h"
#include "common/table/block.h"
#include "common/table/compression.h"
#include "common/table/varint.h"
#include "stages/08_sstables/memtable.h"
#include "stages/08_sstables/mergesort.h"
#include "stages/08_sstables/table.h"
#include "stages/08_sstables/table_file.h"
#include "tests/support.h"

namespace strata::sstables {
namespace {

using sst::append_varint;
using sst::take_varint;
using std::string_literals::operator""s;
using testing::ElementsAre;
using testing::IsEmpty;

// Keys in order, each with its value, or none where it was deleted.
using Model = std::map<std::string, std::optional<std::string>>;

Entry entry_of(
    const std::pair<const std::string, std::optional<std::string>>& pair) {
  const auto& [key, value] = pair;
  return {key, value ? std::string_view(*value) : std::string_view(), !value};
}

// Goes through a model, which must stay.
class ModelCursor final : public Cursor {
 public:
  explicit ModelCursor(const Model& model)
      : at_(model.begin()), end_(model.end()) {}

  [[nodiscard]] bool next() override {
    if (at_ == end_) return false;
    entry_ = entry_of(*at_++);
    return true;
  }

  [[nodiscard]] const Entry& entry() const override { return entry_; }

 private:
  Model::const_iterator at_;
  Model::const_iterator end_;
  Entry entry_;
};

Model everything(Cursor& cursor) {
  Model model;
  while (cursor.next()) {
    const Entry& entry = cursor.entry();
    const auto value = entry.is_tombstone
                           ? std::nullopt
                           : std::optional(std::string(entry.value));
    EXPECT_TRUE(model.empty() || model.rbegin()->first < entry.key);
    model.emplace(entry.key, value);
  }
  return model;
}

rc::Gen<Model> any_model() {
  const auto text =
      rc::gen::container<std::string>(rc::gen::elementOf("ab\xFF\0z"s));
  return rc::gen::map(
      rc::gen::container<std::map<std::string, std::pair<bool, std::string>>>(
          rc::gen::nonEmpty(text),
          rc::gen::pair(rc::gen::arbitrary<bool>(), text)),
      [](const std::map<std::string, std::pair<bool, std::string>>& pairs) {
        Model model;
        for (const auto& [key, value] : pairs) {
          model[key] = value.first ? std::optional(value.second) : std::nullopt;
        }
        return model;
      });
}

TEST(Varint, TakesAsManyBytesAsItNeeds) {
  const std::vector<std::pair<std::uint64_t, std::string>> all = {
      {0, "\0"s},
      {5, "\x05"},
      {127, "\x7f"},
      {128, "\x80\x01"},
      {300, "\xac\x02"},
      {std::uint64_t{1} << 32, "\x80\x80\x80\x80\x10"},
      {~std::uint64_t{0}, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}};
  for (const auto& [number, bytes] : all) {
    std::string out;
    append_varint(number, out);
    EXPECT_EQ(out, bytes);
    std::string_view rest = out;
    std::uint64_t read = 0;
    EXPECT_TRUE(take_varint(rest, read));
    EXPECT_EQ(read, number);
    EXPECT_TRUE(rest.empty());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      rest = std::string_view(bytes).substr(0, cut);
      EXPECT_FALSE(take_varint(rest, read));
    }
  }
  std::uint64_t read = 0;
  std::string_view endless = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  EXPECT_FALSE(take_varint(endless, read));
  std::string_view past_64_bits = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02";
  EXPECT_FALSE(take_varint(past_64_bits, read));
}

TEST(Block, IsTheBytesThatItsHeaderFileShows) {
  BlockBuilder builder;
  builder.add({"apple", "1"});
  builder.add({"apply", "22"});
  builder.add({"beet", "", true});
  std::string bytes;
  builder.finish(BlockKind::kData, Compression::kLz4, bytes);
  EXPECT_EQ(bytes,
            "\x05\x24\x5d\x60\x00\x00\x00\x00\x00\x00\x00\x00\x00\x1e"
            "\x00\x05\x02"
            "apple"
            "1"
            "\x04\x01\x03"
            "y"
            "22"
            "\x00\x04\x00"
            "beet"
            "\x00\x00\x00\x00\x00\x00\x00\x01"s);
}

std::string block_of(const Model& model, Compression compression) {
  BlockBuilder builder;
  for (const auto& pair : model) builder.add(entry_of(pair));
  std::string bytes;
  builder.finish(BlockKind::kData, compression, bytes);
  return bytes;
}

RC_GTEST_PROP(Block, TellsWhatWasPutIntoItAndFindsEveryKey, ()) {
  const Model model = *any_model();
  const auto compression = *rc::gen::element(
      Compression::kNone, Compression::kLz4, Compression::kZstd);
  const std::string bytes = block_of(model, compression);
  std::string scratch;
  const char* why = "";
  const auto entries = open_block(bytes, BlockKind::kData, scratch, why);
  BlockCursor cursor;
  RC_ASSERT(cursor.open(entries));
  for (const auto& pair : model) {
    RC_ASSERT(cursor.next() == Decoded::kRecord);
    RC_ASSERT(cursor.entry().key == pair.first);
    RC_ASSERT(cursor.entry().value == pair.second.value_or(""));
    RC_ASSERT(cursor.entry().is_tombstone == !pair.second);
  }
  RC_ASSERT(cursor.next() == Decoded::kEnd);
  for (const auto& sought : *any_model()) {
    const auto expected = model.lower_bound(sought.first);
    const Decoded decoded = cursor.seek(sought.first);
    RC_ASSERT((decoded == Decoded::kEnd) == (expected == model.end()));
    if (decoded == Decoded::kRecord) {
      RC_ASSERT(cursor.entry().key == expected->first);
    }
  }
}

TEST(Block, AnyBitThatFlipsInItIsSeen) {
  const std::string good = block_of(
      {{"apple", "1"}, {"beet", std::string(200, 'x')}}, Compression::kLz4);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bytes = good;
    bytes[bit / 8] ^= static_cast<char>(1 << bit % 8);
    std::string scratch;
    const char* why = "";
    EXPECT_TRUE(open_block(bytes, BlockKind::kData, scratch, why).empty());
    EXPECT_STRNE(why, "");
  }
}

// Whoever can write the file can write a right checksum, too.
TEST(Block, EntriesThatMeanHarmAreRefusedWhateverTheySay) {
  const std::string good =
      "\x00\x05\x02"
      "apple1"
      "\x04\x01\x03"
      "y22"
      "\x00\x00\x00\x00\x00\x00\x00\x01"s;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int byte : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(byte);
      BlockCursor cursor;
      if (!cursor.open(bytes)) continue;
      Decoded decoded = cursor.next();
      std::size_t told = 0;
      for (; decoded == Decoded::kRecord; decoded = cursor.next()) {
        told += cursor.size();
      }
      EXPECT_LE(told, bytes.size());
      if (cursor.seek("b") == Decoded::kRecord) {
        EXPECT_LE(cursor.entry().value.size(), bytes.size());
      }
    }
  }
}

TEST(Compression, UndoesWhatItDid) {
  for (const auto compression : {Compression::kLz4, Compression::kZstd}) {
    for (const std::size_t size :
         {std::size_t{100}, std::size_t{4096}, kMaxCompressed}) {
      const std::string bytes(size, 'x');
      std::string packed;
      ASSERT_TRUE(compress(compression, bytes, packed));
      EXPECT_LT(packed.size(), bytes.size() / 2);
      std::string out;
      EXPECT_TRUE(decompress(compression, packed, out));
      EXPECT_EQ(out, bytes);
      for (std::size_t cut = 0; cut < packed.size(); ++cut) {
        EXPECT_FALSE(decompress(compression,
                                std::string_view(packed).substr(0, cut), out));
      }
    }
  }
}

TEST(Compression, IsLeftOutWhereItSavesLittleOrThereIsTooMuch) {
  std::string noise;
  std::mt19937 random(1);
  for (int i = 0; i < 1000; ++i) noise += static_cast<char>(random());
  const std::string huge(kMaxCompressed + 1, 'x');
  std::string out;
  for (const auto compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    EXPECT_FALSE(compress(compression, noise, out));
    EXPECT_FALSE(compress(compression, huge, out));
    EXPECT_FALSE(compress(compression, "", out));
  }
}

TEST(Compression, ASizeThatIsToldIsNotBelieved) {
  for (const auto compression : {Compression::kLz4, Compression::kZstd}) {
    std::string packed;
    ASSERT_TRUE(compress(compression, std::string(1000, 'x'), packed));
    for (const std::uint32_t lie : {0U, 1U, 999U, 1001U, 0xFFFFFFFFU}) {
      put_big_endian(lie, packed.data());
      std::string out;
      EXPECT_FALSE(decompress(compression, packed, out)) << lie;
      EXPECT_LE(out.capacity(), 2000U);
    }
  }
}

class TableFile : public testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<Table> write(const Model& model) {
    TableWriter writer(options_, {1, 1}, format_);
    ModelCursor cursor(model);
    while (cursor.next()) writer.add(cursor.entry());
    writer.finish(true);
    return std::make_unique<Table>(options_, files_, TableRange{1, 1});
  }

  TableFile() {
    options_.directory = "db";
    options_.os = &ledger_;
    disk_.put_directory("db");
  }

  MemoryOs disk_;
  Ledger ledger_{disk_};
  Options options_;
  FileCache files_{ledger_};
  TableFormat format_{.block_bytes = 64, .compression = Compression::kNone};
};

TEST_F(TableFile, EndsInTheFooterThatItsHeaderFileTellsOf) {
  const auto table = write({{"apple", "1"}, {"beet", std::nullopt}});
  const std::string bytes = disk_.files().at("db/1-1.sst");
  const auto footer =
      decode_footer(std::string_view(bytes).substr(bytes.size() - 40));
  ASSERT_TRUE(footer);
  EXPECT_EQ(footer->entries, 2U);
  EXPECT_EQ(footer->index_offset + footer->index_size, bytes.size() - 40);
  EXPECT_EQ(bytes.substr(bytes.size() - 8), "sstable\n");
  ASSERT_EQ(table->blocks().size(), 1U);
  EXPECT_EQ(table->blocks()[0].first_key, "apple");
  EXPECT_EQ(table->blocks()[0].size, footer->index_offset);
}

TEST_F(TableFile, OfNoEntryIsATable) {
  const auto table = write({});
  EXPECT_TRUE(table->blocks().empty());
  EXPECT_FALSE(table->gap());
  std::string value;
  EXPECT_EQ(table->get("a", value), Found::kNothing);
}

RC_GTEST_FIXTURE_PROP(TableFile, FindsEachKeyAndNoOtherInOneRead, ()) {
  const Model model = *any_model();
  format_.block_bytes = *rc::gen::inRange<std::uint64_t>(1, 100);
  format_.compression = *rc::gen::element(Compression::kNone, Compression::kLz4,
                                          Compression::kZstd);
  const auto table = write(model);
  Model sought = *any_model();
  sought.insert(model.begin(), model.end());
  for (const auto& pair : sought) {
    ledger_.clear();
    std::string value;
    const Found found = table->get(pair.first, value);
    RC_ASSERT(ledger_.totals().reads.calls <= 1U);
    const auto expected = model.find(pair.first);
    if (expected == model.end()) {
      RC_ASSERT(found == Found::kNothing);
    } else if (!expected->second) {
      RC_ASSERT(found == Found::kTombstone);
    } else {
      RC_ASSERT(found == Found::kValue);
      RC_ASSERT(value == *expected->second);
    }
  }
}

RC_GTEST_FIXTURE_PROP(TableFile, IsGoneThroughFromAnyKeyOn, ()) {
  const Model model = *any_model();
  format_.block_bytes = *rc::gen::inRange<std::uint64_t>(1, 100);
  const std::shared_ptr<const Table> table = write(model);
  for (const auto& pair : *any_model()) {
    TableCursor cursor(table, pair.first, "test");
    RC_ASSERT(everything(cursor) ==
              Model(model.lower_bound(pair.first), model.end()));
  }
}

TEST_F(TableFile, ALongScanReadsInLongPiecesAndAShortOneLittle) {
  Model model;
  for (int i = 10'000; i < 20'000; ++i) {
    model[std::to_string(i)] = std::string(100, 'v');
  }
  format_.block_bytes = 4096;
  const std::shared_ptr<const Table> table = write(model);
  ledger_.clear();
  TableCursor few(table, "15000", "test");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(few.next());
  EXPECT_LE(ledger_.totals().reads.bytes, 3U * 4200);
  ledger_.clear();
  TableCursor all(table, "", "test");
  EXPECT_EQ(everything(all), model);
  const auto reads = ledger_.totals().reads;
  EXPECT_EQ(reads.bytes,
            table->blocks().back().offset + table->blocks().back().size)
      << "each block once";
  EXPECT_LT(reads.calls, 6 + reads.bytes / (std::size_t{200} * 1024));
}

TEST(TableNames, TellWhichTableIsNewerAndWhichHoldsWhich) {
  std::vector<TableRange> superseded;
  const auto tables = tables_among(
      {"5-5.sst", "notes.txt", "1-4.sst", "2-2.sst", "10-10.sst", "1-1.sst",
       "6-9.sst", "7-9.sst", ".sst", "a-b.sst", "1.sst", "11-11.sst.writing"},
      "db", superseded);
  const auto names_of = [](const std::vector<TableRange>& ranges) {
    std::vector<std::string> names;
    for (const TableRange& range : ranges) names.push_back(range.name());
    return names;
  };
  EXPECT_THAT(names_of(tables),
              ElementsAre("1-4.sst", "5-5.sst", "6-9.sst", "10-10.sst"));
  EXPECT_THAT(names_of(superseded),
              ElementsAre("1-1.sst", "2-2.sst", "7-9.sst"));
}

TEST(TableNames, ThatNoTableHasAreDamageAndNotGuessedAt) {
  for (const char* name : {"01-1.sst", "1-01.sst", "0-1.sst", "2-1.sst",
                           "1-18446744073709551616.sst",
                           "99999999999999999999-99999999999999999999"
                           ".sst"}) {
    std::vector<TableRange> superseded;
    EXPECT_THROW(static_cast<void>(tables_among({name}, "db", superseded)),
                 Damage)
        << name;
  }
  std::vector<TableRange> superseded;
  EXPECT_THROW(
      static_cast<void>(tables_among({"1-4.sst", "3-6.sst"}, "db", superseded)),
      Damage);
}

RC_GTEST_PROP(Mergesort, TellsTheNewestEntryOfEachKeyInOrder, ()) {
  const auto models = *rc::gen::container<std::vector<Model>>(any_model());
  Model expected;
  std::vector<std::unique_ptr<Cursor>> inputs;
  for (const Model& model : models) {  // the newest first
    inputs.push_back(std::make_unique<ModelCursor>(model));
    expected.insert(model.begin(), model.end());
  }
  MergingCursor merged(std::move(inputs));
  RC_ASSERT(everything(merged) == expected);
}

TEST(Mergesort, SaysWhichInputAnEntryComesFrom) {
  const Model newest = {{"b", "new"}};
  const Model oldest = {{"a", "1"}, {"b", "old"}, {"c", "3"}};
  std::vector<std::unique_ptr<Cursor>> inputs;
  inputs.push_back(std::make_unique<ModelCursor>(newest));
  inputs.push_back(std::make_unique<ModelCursor>(oldest));
  MergingCursor merged(std::move(inputs));
  std::vector<std::size_t> sources;
  while (merged.next()) sources.push_back(merged.source());
  EXPECT_THAT(sources, ElementsAre(1U, 0U, 1U));
}

TEST(MemtableTest, HoldsTheLastEntryOfAKeyAndKnowsItsWeight) {
  Memtable memtable;
  std::string value;
  EXPECT_EQ(memtable.get("a", value), Found::kNothing);
  memtable.put({"a", std::string(100, 'x')});
  const std::uint64_t heavy = memtable.bytes();
  EXPECT_GT(heavy, 100U);
  memtable.put({"a", "1"});
  EXPECT_EQ(memtable.bytes(), heavy - 99);
  EXPECT_EQ(memtable.get("a", value), Found::kValue);
  EXPECT_EQ(value, "1");
  memtable.put({"a", "", true});
  EXPECT_EQ(memtable.get("a", value), Found::kTombstone);
  EXPECT_EQ(memtable.bytes(), heavy - 100);
  memtable.put({"a", ""});
  EXPECT_EQ(memtable.get("a", value), Found::kValue);
  EXPECT_EQ(value, "");
}

}  // namespace
}  // namespace strata::sstables
