// Tables whose bits are flipped, whose ends are cut off, or that are gone. The
// answer to each key is right, or Damage where the damaged block could have
// held it; every other key answers as if nothing was.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/record/big_endian.h"
#include "stages/08_sstables/table_file.h"
#include "stages/09_lsm_tree/table_file.h"
#include "tests/faults/scenario.h"

namespace strata {
namespace {

using faults::Answer;
using faults::ask;
using faults::expected;
using faults::Model;

// What a block's keys can be: from its first one to the next block's.
struct Extent {
  std::uint64_t begin = 0;  // in the file, in bytes
  std::string first_key{};
};

struct Variant {
  const Stage* stage;
  std::string_view compression;
};

// Told instead of a parameter's bytes.
void PrintTo(const Variant& variant, std::ostream* out) {
  *out << variant.stage->name << ", " << variant.compression;
}

class TableDamage : public testing::TestWithParam<Variant> {
 protected:
  // Three tables of several blocks each, their keys overlapping: some
  // overwritten, some deleted; one value is longer than a block.
  TableDamage() {
    const auto store = open(disk_, Mode::kWrite);
    for (int table = 0; table < 3; ++table) {
      for (int i = table; i < 40; i += 1 + table) {
        const std::string key = key_of(i);
        if (i % 7 == 6 && table > 0) {
          store->del(key);
          model_.erase(key);
          continue;
        }
        const std::string value = std::to_string(table) + "-" +
                                  std::string(static_cast<std::size_t>(i), 'v');
        store->set(key, value);
        model_[key] = value;
      }
      store->set("long", std::string(300, static_cast<char>('a' + table)));
      model_["long"] = std::string(300, static_cast<char>('a' + table));
      faults::write_memtable(*store);
    }
    good_ = disk_.image();
    for (const auto& [path, bytes] : good_.files) {
      if (is_table(path)) tables_.push_back(path);
    }
    store->dump("", [&](const DumpRecord& record) {
      auto& blocks = blocks_["db/" + std::string(record.file)];
      if (!blocks.empty() && blocks.back().begin == record.offset) return;
      for (const auto& [name, bytes] : record.fields) {
        if (name == "key")
          blocks.push_back({record.offset, std::string(bytes)});
      }
    });
  }

  static bool is_table(const std::string& path) {
    return path.size() > 4 && path.substr(path.size() - 4) == ".sst";
  }

  static std::string key_of(int i) { return "key" + std::to_string(10 + i); }

  [[nodiscard]] std::set<std::string> keys() const {
    std::set<std::string> keys = {"a", "long", "zzz", "key"};
    for (int i = 0; i < 41; ++i) keys.insert(key_of(i));
    return keys;
  }

  [[nodiscard]] Options options_for(Os& os, Mode mode) {
    Options options = faults::options_for({GetParam().stage}, os, mode);
    options.numbers["--block-bytes"] = 64;
    for (const OptionSpec& spec : GetParam().stage->options) {
      if (spec.name != "--compression") continue;
      const auto at = std::find(spec.choices.begin(), spec.choices.end(),
                                GetParam().compression);
      options.numbers[spec.name] =
          static_cast<std::uint64_t>(at - spec.choices.begin());
    }
    options.note = [this](const std::string& note) { notes_.push_back(note); };
    return options;
  }

  [[nodiscard]] std::unique_ptr<Store> open(Os& os, Mode mode) {
    return GetParam().stage->open(options_for(os, mode));
  }

  [[nodiscard]] Image with(const std::string& path, std::string bytes) const {
    Image image = good_;
    image.files[path] = std::move(bytes);
    return image;
  }

  // In a stage with a manifest that knows how far each table reaches.
  [[nodiscard]] static bool knows_ranges() { return GetParam().stage->logs; }

  [[nodiscard]] static std::size_t footer_bytes() {
    return knows_ranges() ? lsm::kFooterBytes : sstables::kFooterBytes;
  }

  // Where the first of a table's bytes is that no data block holds. The footer
  // tells it behind its checksum and its version.
  [[nodiscard]] std::uint64_t end_of_blocks(const std::string& path) const {
    const std::string& bytes = good_.files.at(path);
    return read_big_endian<std::uint64_t>(
        std::string_view(bytes).substr(bytes.size() - footer_bytes() + 8));
  }

  // Where the last of the blocks begins that end at or before `size`.
  [[nodiscard]] std::uint64_t last_whole_block(const std::string& path,
                                               std::uint64_t size) const {
    const std::vector<Extent>& blocks = blocks_.at(path);
    std::uint64_t begin = 0;
    for (std::size_t i = 0; i + 1 < blocks.size(); ++i) {
      if (blocks[i + 1].begin <= size) begin = blocks[i].begin;
    }
    return end_of_blocks(path) <= size ? blocks.back().begin : begin;
  }

  // Whether the block that holds the byte at `offset` can hold `key`.
  [[nodiscard]] bool may_hold(const std::string& path, std::uint64_t offset,
                              const std::string& key) const {
    if (offset >= end_of_blocks(path)) return false;
    const std::vector<Extent>& blocks = blocks_.at(path);
    const auto behind =
        std::find_if(blocks.begin(), blocks.end(),
                     [&](const Extent& block) { return block.begin > offset; });
    return key >= std::prev(behind)->first_key &&
           (behind == blocks.end() || key < behind->first_key);
  }

  // All answers of a store in which the bytes [from, to) of a table are bad.
  void expect_never_wrong(const Image& image, const std::string& path,
                          std::uint64_t from, std::uint64_t to) {
    for (const Mode mode : {Mode::kRead, Mode::kWrite}) {
      MemoryOs disk(image);
      const auto store = open(disk, mode);
      for (const std::string& key : keys()) {
        const Answer answer = ask(*store, key);
        if (answer == expected(model_, key)) continue;
        EXPECT_EQ(answer, faults::damage()) << "key " << key;
        bool is_there = false;
        for (std::uint64_t at = from; at < to && !is_there; ++at) {
          is_there = may_hold(path, at, key);
        }
        EXPECT_TRUE(is_there) << "key " << key << " answered " << answer;
      }
      expect_scan_right_or_damage(*store);
      std::size_t places = 0;
      store->verify([&](const DamagedPlace& place) {
        EXPECT_EQ(place.file, path);
        const bool ends_there = place.offset == image.files.at(path).size();
        EXPECT_TRUE(place.size > 0 || ends_there);
        ++places;
      });
      EXPECT_GT(places, 0U);
      EXPECT_EQ(disk.files().at(path), image.files.at(path));
    }
  }

  // What a scan told before it met damage is right, and nothing was left out.
  void expect_scan_right_or_damage(Store& store) const {
    auto next = model_.begin();
    try {
      store.scan("", "", [&](std::string_view key, std::string_view value) {
        ASSERT_NE(next, model_.end());
        EXPECT_EQ(next->first, key);
        EXPECT_EQ(next->second, value);
        ++next;
      });
    } catch (const Damage&) {
      return;
    }
    EXPECT_EQ(next, model_.end());
  }

  MemoryOs disk_;
  Image good_;
  Model model_;
  std::vector<std::string> tables_;
  std::map<std::string, std::vector<Extent>> blocks_;
  std::vector<std::string> notes_;
};

TEST_P(TableDamage, ThereIsNoneInAHealthyStore) {
  ASSERT_EQ(tables_.size(), 3U);
  for (const std::string& path : tables_) EXPECT_GT(blocks_[path].size(), 2U);
  MemoryOs disk(good_);
  const auto store = open(disk, Mode::kRead);
  for (const std::string& key : keys()) {
    EXPECT_EQ(ask(*store, key), expected(model_, key)) << key;
  }
  expect_scan_right_or_damage(*store);
  store->verify([](const DamagedPlace& place) { FAIL() << place.why; });
  EXPECT_EQ(notes_, std::vector<std::string>());
}

TEST_P(TableDamage, ABitOrByteGivesTheRightAnswerOrDamage) {
  for (const std::string& path : tables_) {
    const std::string& good = good_.files.at(path);
    for (std::size_t at = 0; at < good.size(); at += thinned(17)) {
      SCOPED_TRACE("byte " + std::to_string(at) + " of " + path);
      for (const int flip : {1, 1 << (at % 7 + 1), 0xFF}) {
        std::string bytes = good;
        bytes[at] = static_cast<char>(bytes[at] ^ flip);
        expect_never_wrong(with(path, bytes), path, at, at + 1);
      }
      if (HasFailure()) return;
    }
  }
}

TEST_P(TableDamage, AZeroedStretchGivesTheRightAnswerOrDamage) {
  const std::string& path = tables_[1];
  const std::string& good = good_.files.at(path);
  for (std::size_t at = 0; at < good.size(); at += 3 * thinned(7)) {
    for (const std::size_t size : {std::size_t{16}, std::size_t{200}}) {
      SCOPED_TRACE("zeros from " + std::to_string(at));
      const std::size_t end = std::min(at + size, good.size());
      // With the index gone as well, nobody knows what is behind it.
      if (at < end_of_blocks(path) && end > end_of_blocks(path)) continue;
      const std::size_t footer = good.size() - footer_bytes();
      if (at < footer && end > footer) continue;
      std::string bytes = good;
      std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                bytes.begin() + static_cast<std::ptrdiff_t>(end), '\0');
      if (bytes == good) continue;
      expect_never_wrong(with(path, bytes), path, at, end);
    }
    if (HasFailure()) return;
  }
}

TEST_P(TableDamage, AFileThatEndsTooEarlyAnswersWithItsWholeBlocks) {
  for (const std::string& path : tables_) {
    const std::string& good = good_.files.at(path);
    const auto first = static_cast<std::size_t>(blocks_.at(path)[1].begin);
    for (std::size_t size = first; size < good.size(); size += thinned(13)) {
      SCOPED_TRACE(path + " cut to " + std::to_string(size));
      // Without the index nobody knows with which key the next block began,
      // and half an index is not known to be one.
      const bool index_is_whole = size >= good.size() - footer_bytes();
      expect_never_wrong(with(path, good.substr(0, size)), path,
                         index_is_whole ? size : last_whole_block(path, size),
                         good.size());
      if (HasFailure()) return;
    }
  }
}

TEST_P(TableDamage, AFileWithoutAWholeBlockMayHaveHeldAnyKey) {
  const std::string& good = good_.files.at(tables_[2]);
  const auto first = static_cast<std::size_t>(blocks_.at(tables_[2])[1].begin);
  for (std::size_t size = 0; size < first; size += thinned(5)) {
    MemoryOs disk(with(tables_[2], good.substr(0, size)));
    const auto store = open(disk, Mode::kRead);
    for (const std::string& key : keys()) {
      const bool is_outside = knows_ranges() && (key < "key12" || key > "long");
      EXPECT_EQ(ask(*store, key),
                is_outside ? expected(model_, key) : faults::damage())
          << key;
    }
  }
}

TEST_P(TableDamage, ACompactionThatMeetsItLosesNothing) {
  for (const std::string& path : tables_) {
    const std::string& good = good_.files.at(path);
    for (std::size_t at = 0; at < good.size(); at += 3 * thinned(7)) {
      SCOPED_TRACE("byte " + std::to_string(at) + " of " + path);
      std::string bytes = good;
      bytes[at] ^= 0x10;
      MemoryOs disk(with(path, bytes));
      {
        const auto store = open(disk, Mode::kWrite);
        EXPECT_THROW(store->compact(), Damage);
      }
      for (const std::string& table : tables_) {
        EXPECT_EQ(disk.files().at(table),
                  table == path ? bytes : good_.files.at(table));
      }
      if (HasFailure()) return;
    }
  }
}

TEST_P(TableDamage, SalvageCopiesAllButTheDamagedBlocks) {
  for (const std::string& path : tables_) {
    const std::string& good = good_.files.at(path);
    for (std::size_t at = 0; at < good.size(); at += 2 * thinned(7)) {
      SCOPED_TRACE("byte " + std::to_string(at) + " of " + path);
      std::string bytes = good;
      bytes[at] ^= 0x10;
      MemoryOs disk(with(path, bytes));
      std::size_t lost = 0;
      open(disk, Mode::kRead)->salvage("copy", [&](const DamagedPlace& place) {
        EXPECT_EQ(place.file, path);
        ++lost;
      });
      EXPECT_EQ(lost, at < end_of_blocks(path) ? 1U : 0U)
          << "the index can be made anew";
      Options options = options_for(disk, Mode::kRead);
      options.directory = "copy";
      const auto copy = GetParam().stage->open(options);
      for (const std::string& key : keys()) {
        if (!may_hold(path, at, key)) {
          EXPECT_EQ(ask(*copy, key), expected(model_, key)) << key;
        }
      }
      copy->verify([](const DamagedPlace& place) { FAIL() << place.why; });
      if (HasFailure()) return;
    }
  }
}

TEST_P(TableDamage, ATableThatIsMissingIsNoticed) {
  for (std::size_t i = 0; i + 1 < tables_.size(); ++i) {
    Image image = good_;
    image.files.erase(tables_[i]);
    MemoryOs disk(image);
    const auto store = open(disk, Mode::kWrite);
    std::size_t damaged = 0;
    for (const std::string& key : keys()) {
      const Answer answer = ask(*store, key);
      if (answer == expected(model_, key)) continue;
      EXPECT_EQ(answer, faults::damage()) << key;
      ++damaged;
    }
    EXPECT_GT(damaged, 0U);
    EXPECT_EQ(ask(*store, "never written"),
              knows_ranges() ? Answer() : faults::damage());
    EXPECT_THROW(store->scan("", "", [](auto, auto) {}), Damage);
    EXPECT_THROW(store->compact(), Damage);
    std::vector<std::string> told;
    store->verify(
        [&](const DamagedPlace& place) { told.push_back(place.file); });
    EXPECT_EQ(told, std::vector<std::string>{tables_[i]});
  }
}

std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const Stage* stage : all_stages()) {
    if (!stage->sorts) continue;
    for (const std::string_view name : {"none", "lz4", "zstd"}) {
      all.push_back({stage, name});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Stages, TableDamage, testing::ValuesIn(variants()),
                         [](const testing::TestParamInfo<Variant>& of) {
                           return std::string(of.param.stage->name) + "_" +
                                  std::string(of.param.compression);
                         });

}  // namespace
}  // namespace strata
