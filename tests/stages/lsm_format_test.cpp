// 09_lsm_tree: what its files are made of, piece by piece: blocks, filters,
// tables, the manifest; and the cache of what was read of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/record/binary_record.h"
#include "common/store/errors.h"
#include "common/table/block.h"
#include "stages/09_lsm_tree/block_cache.h"
#include "stages/09_lsm_tree/bloom.h"
#include "stages/09_lsm_tree/manifest.h"
#include "stages/09_lsm_tree/sparse_index.h"
#include "stages/09_lsm_tree/table.h"
#include "tests/stages/lsm_fixture.h"
#include "tests/support.h"

namespace strata::lsm {
namespace {

using std::string_literals::operator""s;

// ---- Blocks

RC_GTEST_PROP(LsmBlock, FindsTheLastEntryBeforeAnyKey, ()) {
  const Model model = *any_model();
  BlockBuilder builder;
  for (const auto& pair : model) builder.add(entry_of(pair));
  std::string bytes;
  builder.finish(BlockKind::kData, Compression::kNone, bytes);
  BlockCursor cursor;
  RC_ASSERT(
      cursor.open(std::string_view(bytes).substr(sst::kBlockHeaderBytes)));
  Model sought = *any_model();
  sought.insert(model.begin(), model.end());
  for (const auto& [key, unused] : sought) {
    ModelCursor expected(model);
    const bool has_entry = expected.seek_before(key);
    const Decoded decoded = cursor.seek_before(key);
    RC_ASSERT(decoded == (has_entry ? Decoded::kRecord : Decoded::kEnd));
    if (!has_entry) continue;
    RC_ASSERT(cursor.entry().key == expected.entry().key);
    RC_ASSERT(cursor.entry().value == expected.entry().value);
    RC_ASSERT(cursor.next() ==
              (expected.next() ? Decoded::kRecord : Decoded::kEnd));
  }
  const Decoded decoded = cursor.seek_last();
  RC_ASSERT((decoded == Decoded::kEnd) == model.empty());
  if (model.empty()) return;
  RC_ASSERT(cursor.entry().key == model.rbegin()->first);
  RC_ASSERT(cursor.next() == Decoded::kEnd);
}

// ---- Bloom filters

std::vector<std::uint64_t> hashes_of(int from, int to) {
  std::vector<std::uint64_t> hashes;
  for (int i = from; i < to; ++i) {
    hashes.push_back(bloom_hash("key" + std::to_string(i)));
  }
  return hashes;
}

double false_positives(const Bloom& filter) {
  constexpr int kAsked = kSanitized ? 20'000 : 100'000;
  int errors = 0;
  for (const std::uint64_t hash : hashes_of(1'000'000, 1'000'000 + kAsked)) {
    errors += filter.may_hold(hash) ? 1 : 0;
  }
  return static_cast<double>(errors) / kAsked;
}

TEST(LsmBloom, HoldsEveryKeyThatWasAdded) {
  for (const std::uint64_t bits : {1U, 2U, 10U, 20U, 64U}) {
    for (const int count : {1, 2, 50, 51, 52, 1000, 10'000}) {
      const auto hashes = hashes_of(0, count);
      const Bloom filter(hashes, bits);
      EXPECT_TRUE(std::all_of(
          hashes.begin(), hashes.end(),
          [&](std::uint64_t hash) { return filter.may_hold(hash); }))
          << count << " keys of " << bits << " bits";
    }
  }
}

TEST(LsmBloom, HoldsKeysOfAnyBytesTheEmptyOneToo) {
  const std::vector<std::string> keys = {"", "\0"s, "\0\0"s, "\xFF",
                                         std::string(100'000, 'k')};
  std::vector<std::uint64_t> hashes;
  for (const std::string& key : keys) hashes.push_back(bloom_hash(key));
  const Bloom filter(hashes, 10);
  for (const std::uint64_t hash : hashes) EXPECT_TRUE(filter.may_hold(hash));
  EXPECT_FALSE(filter.may_hold(bloom_hash("absent")));
}

TEST(LsmBloom, ErrsAboutAsOftenAsTheorySays) {
  const auto hashes = hashes_of(0, kSanitized ? 20'000 : 100'000);
  for (const std::uint64_t bits : {2U, 5U, 8U, 10U, 12U}) {
    const double measured = false_positives(Bloom(hashes, bits));
    EXPECT_LT(measured, 2 * expected_false_positives(bits)) << bits;
    EXPECT_GT(measured, expected_false_positives(bits) / 2) << bits;
  }
  EXPECT_LT(false_positives(Bloom(hashes, 10)), 0.015);
}

TEST(LsmBloom, TheoryIsOfTheRightSizeAndFallsWithEachBit) {
  EXPECT_EQ(expected_false_positives(0), 1);
  EXPECT_NEAR(expected_false_positives(10), 0.0082, 0.0001);
  for (std::uint64_t bits = 1; bits < 40; ++bits) {
    EXPECT_LT(expected_false_positives(bits + 1),
              expected_false_positives(bits));
  }
}

TEST(LsmBloom, OfNoKeyOrNoBitsLetsEveryKeyThrough) {
  for (const Bloom& filter :
       {Bloom(), Bloom({}, 10), Bloom(hashes_of(0, 100), 0)}) {
    EXPECT_EQ(filter.bytes(), 0U);
    EXPECT_TRUE(filter.may_hold(bloom_hash("any")));
    std::string bytes;
    filter.encode(bytes);
    EXPECT_EQ(bytes, "\0"s);
    Bloom read;
    EXPECT_TRUE(read.decode(bytes));
    EXPECT_TRUE(read.may_hold(bloom_hash("any")));
  }
}

// These bytes are in files: no other hash and no other bits will do.
TEST(LsmBloom, IsTheBytesThatItHasAlwaysBeen) {
  EXPECT_EQ(bloom_hash(""), 0x2D06800538D394C2U);
  EXPECT_EQ(bloom_hash("apple"), 0x517A430DCF1F8A00U);
  std::string bytes;
  Bloom({bloom_hash("apple"), bloom_hash("beet")}, 10).encode(bytes);
  EXPECT_EQ(bytes.size(), 65U);
  std::string bits;
  for (std::size_t i = 0; i < 512; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i / 8]);
    if ((byte >> i % 8 & 1U) != 0) bits += std::to_string(i) + " ";
  }
  EXPECT_EQ(bits, "38 96 120 129 150 188 200 254 269 290 299 356 367 431 ");
  EXPECT_EQ(bytes.back(), 7) << "so many bits of each key";
}

TEST(LsmBloom, IsReadAsItWasWritten) {
  const Bloom filter(hashes_of(0, 1000), 10);
  std::string bytes;
  filter.encode(bytes);
  Bloom read;
  ASSERT_TRUE(read.decode(bytes));
  EXPECT_EQ(read.bytes(), filter.bytes());
  for (const std::uint64_t hash : hashes_of(0, 20'000)) {
    EXPECT_EQ(read.may_hold(hash), filter.may_hold(hash));
  }
}

TEST(LsmBloom, OfBytesThatAreNoneLetsEveryKeyThrough) {
  std::string good;
  Bloom(hashes_of(0, 100), 10).encode(good);
  std::vector<std::string> all = {"", "\7", std::string(64, '\0'),
                                  good.substr(1), good + '\0'};
  for (const char probes : {'\0', '\x1F', '\xFF'}) {
    all.push_back(good.substr(0, good.size() - 1) + probes);
  }
  for (const std::string& bytes : all) {
    Bloom filter(hashes_of(0, 100), 10);
    EXPECT_FALSE(filter.decode(bytes)) << bytes.size();
    EXPECT_TRUE(filter.may_hold(bloom_hash("any")));
  }
}

// ---- The sparse index

// Keys that begin alike, that end early and that differ late, and others.
RC_GTEST_PROP(LsmSparseIndex, FindsTheBlockOfAnyKey, ()) {
  const auto prefix = *any_text();
  std::set<std::string> keys;
  for (const auto& [key, unused] : *any_model()) keys.insert(prefix + key);
  RC_PRE(!keys.empty());
  SparseIndex index;
  std::uint64_t end = 0;
  std::uint64_t size = 0;
  for (const std::string& key : keys) index.add(key, ++size);
  index.finish();
  RC_ASSERT(index.size() == keys.size());
  std::size_t number = 0;
  for (const std::string& key : keys) {
    RC_ASSERT(index[number].first_key == key);
    RC_ASSERT(index[number].place.offset == end);
    RC_ASSERT(index[number].place.size == number + 1);
    RC_ASSERT(index.end(number) == (end += number + 1));
    ++number;
  }
  std::set<std::string> sought = keys;
  for (const auto& [key, unused] : *any_model()) {
    sought.insert({key, prefix + key, prefix.substr(0, key.size())});
  }
  for (const std::string& key : sought) {
    const auto behind = keys.upper_bound(key);
    const auto before = std::distance(keys.begin(), behind);
    RC_ASSERT(
        index.block_of(key) ==
        static_cast<std::size_t>(std::max<std::ptrdiff_t>(before, 1) - 1));
  }
}

// ---- The block cache

LoadedBlock block_of(std::size_t size) {
  return {std::make_shared<char[]>(size), size, {}};
}

TEST(LsmBlockCache, HoldsAsMuchAsItMayAndNeverMore) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 20;
  BlockCache cache(kMost);
  std::uint64_t most = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    cache.keep(i % 7, i * 4096, block_of(4096));
    most = std::max(most, cache.bytes());
  }
  EXPECT_LE(most, kMost);
  EXPECT_GT(cache.bytes(), kMost * 8 / 10);
}

TEST(LsmBlockCache, KeepsWhatIsUsedAndLetsGoWhatIsNot) {
  BlockCache cache(std::uint64_t{1} << 20);
  const LoadedBlock used = block_of(4096);
  const LoadedBlock unused = block_of(4096);
  cache.keep(1, 0, used);
  cache.keep(2, 0, unused);
  EXPECT_EQ(cache.find(1, 0).bytes, used.bytes);
  EXPECT_EQ(cache.find(2, 0).bytes, unused.bytes);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    cache.keep(3, i * 4096, block_of(4096));
    ASSERT_EQ(cache.find(1, 0).bytes, used.bytes) << i;
  }
  EXPECT_EQ(cache.find(2, 0).bytes, nullptr);
  EXPECT_EQ(unused.bytes.use_count(), 1) << "who holds it may read it";
}

TEST(LsmBlockCache, KnowsABlockByItsTableAndItsPlace) {
  BlockCache cache(std::uint64_t{1} << 20);
  const LoadedBlock block = block_of(100);
  cache.keep(1, 4096, block);
  EXPECT_EQ(cache.find(1, 4096).bytes, block.bytes);
  EXPECT_EQ(cache.find(2, 4096).bytes, nullptr);
  EXPECT_EQ(cache.find(1, 0).bytes, nullptr);
  const std::uint64_t bytes = cache.bytes();
  cache.keep(1, 4096, block_of(100));
  EXPECT_EQ(cache.find(1, 4096).bytes, block.bytes) << "it is there already";
  EXPECT_EQ(cache.bytes(), bytes);
}

// Whatever comes and goes: what it counts is what can be found in it, and what
// is found is what was kept.
RC_GTEST_PROP(LsmBlockCache, FindsAllThatItCounts, ()) {
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  BlockCache one(std::uint64_t{1} << 20);
  one.keep(1, 0, block_of(1));
  const std::uint64_t besides = one.bytes() - 1;
  BlockCache cache(*rc::gen::inRange<std::uint64_t>(1, 1 << 17));
  std::map<Key, LoadedBlock> kept;
  const auto few = rc::gen::inRange<std::uint64_t>(0, 20);
  for (int i = *rc::gen::inRange(0, 400); i > 0; --i) {
    const Key key{*few, 4096 * *few};
    const LoadedBlock found = cache.find(key.first, key.second);
    if (found.bytes) RC_ASSERT(found.bytes == kept.at(key).bytes);
    if (found.bytes || *rc::gen::arbitrary<bool>()) continue;
    const LoadedBlock block = block_of(*rc::gen::inRange<std::size_t>(1, 2000));
    kept[key] = block;
    cache.keep(key.first, key.second, block);
  }
  std::uint64_t bytes = 0;
  for (const auto& [key, block] : kept) {
    const LoadedBlock found = cache.find(key.first, key.second);
    if (!found.bytes) continue;
    RC_ASSERT(found.bytes == block.bytes);
    bytes += block.size + besides;
  }
  RC_ASSERT(bytes == cache.bytes());
}

TEST(LsmBlockCache, KeepsNothingThatDoesNotFit) {
  BlockCache none(0);
  none.keep(1, 0, block_of(1));
  EXPECT_EQ(none.find(1, 0).bytes, nullptr);
  BlockCache small(std::uint64_t{64} << 10);
  const LoadedBlock kept = block_of(1000);
  small.keep(1, 0, kept);
  for (std::uint64_t i = 0; i < 100; ++i) {
    small.keep(2, i, block_of(std::size_t{64} << 10));
  }
  EXPECT_EQ(small.find(2, 0).bytes, nullptr);
  EXPECT_EQ(small.find(1, 0).bytes, kept.bytes)
      << "nothing went for what was not kept";
}

// ---- The manifest

TableInfo info_of(std::uint64_t number, const std::string& first,
                  const std::string& last) {
  TableInfo info;
  info.number = number;
  info.first = first;
  info.last = last;
  return info;
}

// As `encode_manifest` ends a text.
std::string sealed(const std::string& lines) {
  return lines + "crc " + to_hex(crc32(lines)) + "\n";
}

Manifest decoded(const std::string& text) {
  return decode_manifest(text, "db/MANIFEST");
}

TEST(LsmManifest, IsTheTextThatItsHeaderFileShows) {
  Manifest manifest;
  manifest.log = 7;
  manifest.next = 13;
  manifest.levels.resize(2);
  manifest.written = {16'076'552, 31'337'012};
  manifest.levels[0] = {{{12, 4'019'211, 35'010, 0, "apple", "zebra"}},
                        {{9, 4'019'188, 35'002, 12, "a\tb", "n\n\\"}}};
  const std::string expected = sealed(
      "strata lsm manifest 1\n"
      "log 7\n"
      "next 13\n"
      "level 0 16076552\n"
      "run\n"
      "table 12\t4019211\t35010\t0\tapple\tzebra\n"
      "run\n"
      "table 9\t4019188\t35002\t12\ta\\tb\tn\\n\\\\\n"
      "level 1 31337012\n");
  EXPECT_EQ(encode_manifest(manifest), expected);
}

// Equal where their texts are.
RC_GTEST_PROP(LsmManifest, IsReadAsItWasWrittenWhateverItsKeysAre, ()) {
  Manifest manifest;
  manifest.log = *rc::gen::inRange<std::uint64_t>(1, 1'000'000);
  manifest.levels.resize(*rc::gen::inRange<std::size_t>(0, kLevels + 1));
  std::uint64_t number = 0;
  for (std::size_t level = 0; level < manifest.levels.size(); ++level) {
    manifest.written[level] = *rc::gen::arbitrary<std::uint64_t>();
    const auto runs = *rc::gen::resize(
        10, rc::gen::container<std::vector<Model>>(any_model()));
    for (const Model& keys : runs) {
      Manifest::Run run;
      for (const auto& [key, unused] : keys) {
        run.push_back(info_of(++number, key, key));
      }
      manifest.levels[level].push_back(run);
    }
  }
  const std::string text = encode_manifest(manifest);
  const Manifest read = decoded(text);
  RC_ASSERT(encode_manifest(read) == text);
  RC_ASSERT(read.log == manifest.log);
  RC_ASSERT(read.levels.size() == manifest.levels.size());
  RC_ASSERT(read.written == manifest.written);
}

TEST(LsmManifest, AnyBitThatFlipsInItAndAnyCutIsSeen) {
  Manifest manifest;
  manifest.levels = {{{info_of(3, "a", "crc "), info_of(4, "d", "e")}}};
  const std::string good = encode_manifest(manifest);
  static_cast<void>(decoded(good));
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] ^= static_cast<char>(1U << bit);
      EXPECT_THROW(static_cast<void>(decoded(bad)), Damage) << at;
    }
    EXPECT_THROW(static_cast<void>(decoded(good.substr(0, at))), Damage) << at;
  }
  EXPECT_THROW(static_cast<void>(decoded(good + "\n")), Damage);
  EXPECT_THROW(static_cast<void>(decoded(good + good)), Damage);
}

// Whoever can write the file can write a right checksum, too.
TEST(LsmManifest, ThatSaysWhatCannotBeIsDamageWhateverItsChecksumSays) {
  const std::string title = "strata lsm manifest 1\n";
  const std::string head = title + "log 1\nlevel 0 0\nrun\n";
  const auto table = [](const std::string& number, const std::string& first,
                        const std::string& last) {
    return "table " + number + "\t1\t1\t0\t" + first + "\t" + last + "\n";
  };
  ASSERT_EQ(decoded(sealed(head + table("5", "a", "b") + table("6", "c", "c")))
                .levels[0][0]
                .size(),
            2U);
  std::string levels = title;
  for (std::size_t i = 0; i < kLevels; ++i) {
    levels += "level " + std::to_string(i) + " 0\n";
  }
  ASSERT_EQ(decoded(sealed(levels)).levels.size(), kLevels);
  for (const std::string& lines :
       {""s,
        "strata lsm manifest 2\n"s,
        title + "log 0\n",
        title + "next 0\n",
        title + "next 4611686018427387905\n",
        title + "log -1\n",
        title + "log 18446744073709551616\n",
        title + "log\n",
        title + "level 0 0\nlog 1\n",
        title + "level 1 0\n",
        title + "level 0\n",
        title + "run\n",
        title + "level 0 0\nrun 1\n",
        title + "level 0 0\n" + table("5", "a", "b"),
        title + "tables\n",
        title + "\n",
        levels + "level 7 0\n",
        head + table("0", "a", "b"),
        head + table("5", "b", "a"),
        head + table("5", "", "b"),
        head + table("5", "a", std::string(0x10000, 'b')),
        head + table("5", "a", "\\q"),
        head + "table 5\t1\t1\t0\ta\n",
        head + "table 5\t1\t1\t0\ta\tb\tc\n",
        head + "table 5\tx\t1\t0\ta\tb\n",
        head + table("5", "a", "b") + table("5", "c", "d"),
        head + table("5", "a", "b") + "run\n" + table("5", "c", "d"),
        head + table("5", "a", "b") + table("6", "b", "d"),
        head + table("5", "c", "d") + table("6", "a", "b")}) {
    EXPECT_THROW(static_cast<void>(decoded(sealed(lines))), Damage) << lines;
  }
}

TEST(LsmManifest, OfAFileThatIsEmptyIsDamageAndOfNoneIsNothing) {
  MemoryOs disk;
  Options options;
  options.directory = "db";
  options.os = &disk;
  EXPECT_EQ(read_manifest(options), "");
  disk.put("db/MANIFEST", "");
  EXPECT_THROW(static_cast<void>(read_manifest(options)), Damage);
  disk.put("db/MANIFEST", "text");
  EXPECT_EQ(read_manifest(options), "text");
}

TEST(LsmNames, AreNumbersAndOthersAreDamageOrNoneOfOurs) {
  EXPECT_EQ(numbered_name(12, kTableSuffix), "12.sst");
  EXPECT_EQ(number_of("12.sst", "db", kTableSuffix), 12U);
  for (const char* name : {"notes.txt", ".sst", "12.log", "12.sst.writing",
                           "-1.sst", "1a.sst", "sst", ""}) {
    EXPECT_EQ(number_of(name, "db", kTableSuffix), 0U) << name;
  }
  for (const char* name : {"0.sst", "012.sst", "18446744073709551615.sst",
                           "18446744073709551616.sst"}) {
    EXPECT_THROW(static_cast<void>(number_of(name, "db", kTableSuffix)), Damage)
        << name;
  }
}

}  // namespace
}  // namespace strata::lsm
