// Blocks of sorted tables: common/table/block.h.
#include "common/table/block.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "tests/fuzz/fuzz.h"

namespace strata::fuzz {

namespace {

using sst::BlockBuilder;
using sst::BlockCursor;
using sst::BlockKind;
using sst::Compression;
using sst::Entry;

constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kSizeAt = 6;
constexpr std::size_t kMostKept = std::size_t{1} << 20;  // bytes

struct Pair {
  std::string key;
  std::optional<std::string> value;  // a tombstone has none
};

using Pairs = std::vector<Pair>;

// Puts the right length and checksum in front.
void mend(std::string& block) {
  if (block.size() < sst::kBlockHeaderBytes) return;
  put_big_endian(std::uint64_t{block.size() - sst::kBlockHeaderBytes},
                 block.data() + kSizeAt);
  put_big_endian(crc32(std::string_view(block).substr(kCrcBytes)),
                 block.data());
}

std::string block_of(const Pairs& pairs, Compression compression,
                     BlockKind kind) {
  BlockBuilder builder;
  for (const auto& [key, value] : pairs) {
    builder.add({key, value ? std::string_view(*value) : "", !value});
  }
  std::string out;
  builder.finish(kind, compression, out);
  return out;
}

// Goes through all of a block, whatever it says. Keeps what it tells up to the
// first key that is not greater than the one before: a key of 64 KiB can take
// as little as three bytes, so not all of it may be kept.
Pairs read(BlockCursor& cursor, std::size_t size) {
  Pairs pairs;
  std::size_t kept = 0;
  std::size_t told = 0;
  bool ascends = true;
  Decoded decoded = cursor.next();
  for (; decoded == Decoded::kRecord; decoded = cursor.next()) {
    const Entry& entry = cursor.entry();
    expect(!entry.key.empty() && entry.key.size() <= 0xFFFF, "a key's length");
    expect(cursor.offset() == told, "an entry follows the one before");
    told += cursor.size();
    kept += entry.key.size() + entry.value.size();
    ascends = ascends && kept <= kMostKept &&
              (pairs.empty() || pairs.back().key < entry.key);
    if (!ascends) continue;
    pairs.push_back({std::string(entry.key), std::nullopt});
    if (!entry.is_tombstone) pairs.back().value = entry.value;
  }
  expect(told <= size, "all entries are in the block");
  return pairs;
}

bool is_told(const BlockCursor& cursor, const Pair& pair) {
  const Entry& entry = cursor.entry();
  return entry.key == pair.key && entry.is_tombstone == !pair.value &&
         entry.value == pair.value.value_or("");
}

// What was read goes into a block of our own, out of which the same must come.
void expect_same_again(const Pairs& pairs, Compression compression) {
  const std::string block = block_of(pairs, compression, BlockKind::kData);
  std::string scratch;
  const char* why = "";
  const auto entries = open_block(block, BlockKind::kData, scratch, why);
  BlockCursor cursor;
  expect(cursor.open(entries), "a block that was made is one");
  for (const Pair& pair : pairs) {
    expect(cursor.next() == Decoded::kRecord, "every entry is there");
    expect(is_told(cursor, pair), "and is what was put in");
  }
  expect(cursor.next() == Decoded::kEnd, "and nothing else is");
  for (const Pair& pair : pairs) {
    expect(cursor.seek(pair.key) == Decoded::kRecord, "every key is found");
    expect(is_told(cursor, pair), "with its value");
    // Behind a key is the next one.
    const Decoded behind = cursor.seek(pair.key + '\0');
    const bool is_last = &pair == &pairs.back();
    expect((behind == Decoded::kEnd) == is_last, "behind it is the next");
    expect(is_last || is_told(cursor, (&pair)[1]), "and no other");
    // And before it the one before.
    const Decoded before = cursor.seek_before(pair.key);
    const bool is_first = &pair == &pairs.front();
    expect((before == Decoded::kEnd) == is_first, "before it is one");
    expect(is_first || is_told(cursor, (&pair)[-1]), "and no other");
  }
  expect((cursor.seek_last() == Decoded::kEnd) == pairs.empty(),
         "there is a last one");
  expect(pairs.empty() || is_told(cursor, pairs.back()), "and no other");
}

}  // namespace

std::vector<std::string> seeds() {
  Pairs few = {{"apple", "1"}, {"apply", "22"}, {"beet", std::nullopt}};
  Pairs many;
  for (int i = 100; i < 140; ++i) {
    many.push_back({"key" + std::to_string(i), std::string(20, 'v')});
  }
  std::vector<std::string> blocks;
  for (const auto compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    for (const BlockKind kind : {BlockKind::kData, BlockKind::kIndex}) {
      blocks.push_back(block_of(few, compression, kind));
      blocks.push_back(block_of(many, compression, kind));
    }
  }
  blocks.push_back(block_of({}, Compression::kNone, BlockKind::kData));
  return either_way(blocks);
}

void decode(std::string_view input) {
  const Input in = Input::of(input);
  std::string mended(in.bytes);
  if ((in.how & 1) != 0) mend(mended);
  const std::vector<char> block = exactly(mended);
  const auto kind = (in.how & 2) != 0 ? BlockKind::kIndex : BlockKind::kData;
  std::string scratch;
  const char* why = "";
  const auto opened = open_block(view_of(block), kind, scratch, why);
  expect(scratch.size() <= sst::kMaxCompressed, "a block has its limit");
  expect(!opened.empty() || *why != '\0', "damage has a reason");
  const std::vector<char> entries = exactly(opened);
  BlockCursor cursor;
  if (!cursor.open(view_of(entries))) return;
  const Pairs pairs = read(cursor, entries.size());
  for (const std::string_view sought :
       {std::string_view(), in.bytes.substr(0, 3), std::string_view("key120"),
        std::string_view("\xff\xff")}) {
    if (cursor.seek(sought) == Decoded::kRecord) {
      expect(cursor.entry().key >= sought, "a seek goes far enough");
    }
    if (cursor.seek_before(sought) == Decoded::kRecord) {
      expect(cursor.entry().key < sought, "one backward does not go too far");
    }
  }
  static_cast<void>(cursor.seek_last());
  expect_same_again(pairs, static_cast<Compression>(in.how / 4 % 3));
}

}  // namespace strata::fuzz
