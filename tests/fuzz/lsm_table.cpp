// A whole table of an LSM-tree, and a store with one in it: stages/09_lsm_tree.
#include <algorithm>
#include <cstdint>
#include <utility>

#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "stages/09_lsm_tree/table.h"
#include "tests/fuzz/lsm_store.h"

namespace strata::fuzz {

namespace {

using lsm::BlockCache;
using lsm::BlockHeader;
using lsm::bloom_hash;
using lsm::Compression;
using lsm::Entry;
using lsm::Found;
using lsm::kFooterBytes;
using lsm::Reading;
using lsm::Shelf;
using lsm::Table;
using lsm::TableCursor;
using lsm::TableFormat;
using lsm::TableInfo;
using lsm::TablePtr;
using lsm::TableWriter;
using sst::kBlockHeaderBytes;

constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kMostKept = std::size_t{1} << 20;  // bytes
constexpr const char* kPath = "db/1.sst";

// A disk with one table on it.
struct Disk {
  MemoryOs os;
  const Options options = options_for(os);
  FileCache files{os};
  BlockCache blocks{0};
  const Shelf shelf{options, files, blocks};

  Disk() { os.put_directory("db"); }

  [[nodiscard]] TableInfo write(const Model& model, const TableFormat& format) {
    TableWriter writer(options, 1, format);
    for (const auto& [key, value] : model) {
      writer.add({key, value ? std::string_view(*value) : "", !value});
    }
    return writer.finish();
  }

  [[nodiscard]] TablePtr open(const TableInfo& info) {
    return std::make_shared<const Table>(shelf, info);
  }
};

std::string table_of(const Model& model, const TableFormat& format) {
  Disk disk;
  static_cast<void>(disk.write(model, format));
  return disk.os.files().at(kPath);
}

Model forty_keys() {
  Model model;
  for (int i = 100; i < 140; ++i) {
    model["key" + std::to_string(i)] = std::string(20, 'v');
  }
  return model;
}

// Puts the right checksum into each block, as far as their lengths lead, and
// into the footer.
void mend(std::string& table) {
  const auto mend_part = [&table](std::size_t at, std::size_t size) {
    const auto part = std::string_view(table).substr(at, size);
    put_big_endian(crc32(part.substr(kCrcBytes)), table.data() + at);
  };
  if (table.size() < kFooterBytes) return;
  const std::size_t end = table.size() - kFooterBytes;
  for (std::size_t at = 0; end - at >= kBlockHeaderBytes;) {
    BlockHeader header;
    const auto rest = std::string_view(table).substr(at, end - at);
    if (!decode_block_header(rest, header)) break;
    if (header.size > rest.size() - kBlockHeaderBytes) break;
    const auto size = kBlockHeaderBytes + static_cast<std::size_t>(header.size);
    mend_part(at, size);
    at += size;
  }
  mend_part(end, kFooterBytes);
}

// Asks for a key; of damage nothing is known.
std::optional<Found> ask(const Table& table, std::string_view key,
                         std::string& value) {
  std::optional<Found> found;
  dares([&] { found = table.get(key, value); });
  return found;
}

bool is_told(const Entry& entry, const Model::value_type& pair) {
  const auto& [key, value] = pair;
  return entry.key == key && entry.is_tombstone == !value &&
         entry.value == value.value_or("");
}

// All that a table tells from a key on, damage passed over or, if wanted, not.
// Kept is what ascends, and no more than a limit.
Model read(const TablePtr& table, std::string_view from, bool skips) {
  Model model;
  std::size_t kept = 0;
  bool ascends = true;
  Reading reading{.why = "fuzz", .all = skips};
  if (skips) {
    reading.skip = [](const Table& damaged, const Gap& gap) {
      expect(gap.offset + gap.size <= damaged.size(), "damage is in the file");
    };
  }
  const bool met_none = dares([&] {
    TableCursor cursor(table, reading);
    for (bool has = cursor.seek(from); has; has = cursor.next()) {
      const Entry& entry = cursor.entry();
      kept += entry.key.size() + entry.value.size();
      ascends = ascends && kept <= kMostKept &&
                (model.empty() || model.rbegin()->first < entry.key);
      if (!ascends) continue;
      auto& value = model[std::string(entry.key)];
      if (!entry.is_tombstone) value = entry.value;
    }
  });
  expect(met_none || !skips, "who passes damage over does not end at it");
  return model;
}

// Whether nothing in it is damaged.
bool is_whole(const Table& table) {
  bool whole = !table.gap() && !table.filter_gap();
  for (std::size_t i = 0; whole && i < table.blocks().size(); ++i) {
    whole = !table.for_each(table.blocks()[i], "fuzz", [](const auto&) {});
  }
  return whole;
}

// Goes backward from a key, or from the end. Where there are no 16 keys from
// one restart to the next, each step may go through all of a block: so they are
// not many.
void read_backward(const TablePtr& table,
                   std::optional<std::string_view> from) {
  constexpr int kMostMoves = 50;
  dares([&] {
    TableCursor cursor(table, Reading{.why = "fuzz"});
    bool has = from ? cursor.seek_before(*from) : cursor.seek_last();
    for (int i = 0; has && i < kMostMoves; ++i) {
      if (from && i == 0) {
        expect(cursor.entry().key < *from, "a key less than the one sought");
      }
      has = cursor.prev();
    }
  });
}

// Each key by get, by the filter and by cursors, both ways.
void expect_told(const TablePtr& table, const Model& model) {
  TableCursor cursor(table, Reading{.why = "fuzz"});
  for (auto pair = model.begin(); pair != model.end(); ++pair) {
    const auto& [key, expected] = *pair;
    expect(table->may_hold(bloom_hash(key)), "the filter lets every key pass");
    std::string value;
    const auto found = ask(*table, key, value);
    expect(found == (expected ? Found::kValue : Found::kTombstone),
           "every key is found");
    expect(!expected || value == *expected, "with its value");
    const std::string behind = key + '\0';
    expect(ask(*table, behind, value) == Found::kNothing ||
               model.count(behind) > 0,
           "and no key that is not there");
    expect(cursor.seek(key) && is_told(cursor.entry(), *pair),
           "a seek finds it, too");
    const bool has_before = cursor.prev();
    expect(has_before == (pair != model.begin()), "before it is one or none");
    expect(!has_before || is_told(cursor.entry(), *std::prev(pair)),
           "which is the key before");
    expect(cursor.seek_before(key) == has_before, "from outside likewise");
    expect(!has_before || is_told(cursor.entry(), *std::prev(pair)),
           "it is the same");
  }
  auto pair = model.rbegin();
  for (bool has = cursor.seek_last(); has; has = cursor.prev()) {
    expect(pair != model.rend() && is_told(cursor.entry(), *pair++),
           "backward each is told");
  }
  expect(pair == model.rend(), "and all are");
}

// What was read goes into a table of our own, out of which the same must come.
void expect_same_again(const Model& model, unsigned how) {
  Disk disk;
  const TableInfo info =
      disk.write(model, {.block_bytes = 1U << how / 8 % 8,
                         .compression = static_cast<Compression>(how / 64 % 3),
                         .bloom_bits = std::uint64_t{5} * (how / 32)});
  const TablePtr table = disk.open(info);
  expect(!table->gap() && !table->filter_gap(),
         "a table that was made is whole");
  expect(model.empty() || (info.first == model.begin()->first &&
                           info.last == model.rbegin()->first),
         "it tells its first key and its last");
  expect(info.entries == model.size(), "it tells how many");
  expect(read(table, "", true) == model, "all of it is there");
  expect_told(table, model);
  for (const auto& [key, value] : model) {
    expect(read(table, key, false) == Model(model.find(key), model.end()),
           "from any key on");
    if (model.size() > 8) break;
  }
}

// A store of two tables, one in front of the other.
Image store_of_two_tables() {
  MemoryOs disk;
  LsmTree store(options_for(disk, Mode::kWrite));
  for (int i = 0; i < 2; ++i) {
    for (const auto& [key, value] : forty_keys()) store.set(key, *value);
    store.del("key120");
    store.write_memtable();
  }
  store.set("beet", "2");
  return disk.image();
}

// A store in which the table is the newest or the oldest of two.
void run_store(const std::string& bytes, bool is_newest) {
  static const Image image = store_of_two_tables();
  std::vector<std::string> tables;
  for (const auto& [path, kept] : image.files) {
    if (path.find(".sst") != std::string::npos) tables.push_back(path);
  }
  MemoryOs disk(image);
  disk.put(is_newest ? tables.back() : tables.front(), bytes);
  write_store(disk, read_store(disk));
}

}  // namespace

std::vector<std::string> seeds() {
  const Model few = {{"apple", "1"}, {"apply", "22"}, {"beet", std::nullopt}};
  std::vector<std::string> tables;
  for (const auto compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    tables.push_back(table_of(few, {1, compression, 10}));
    tables.push_back(table_of(forty_keys(), {300, compression, 10}));
  }
  tables.push_back(table_of(few, {64, Compression::kNone, 0}));
  // As they are, with checksums mended, and the latter in a store.
  std::vector<std::string> all = either_way(tables);
  for (const std::string& table : tables) all.push_back('\3' + table);
  return all;
}

void decode(std::string_view input) {
  const Input in = Input::of(input);
  std::string bytes(in.bytes);
  const bool is_mended = (in.how & 1) != 0;
  if (is_mended) mend(bytes);
  if ((in.how & 2) != 0) return run_store(bytes, (in.how & 4) != 0);
  Disk disk;
  disk.os.put(kPath, bytes);
  const TablePtr table = disk.open(
      {.number = 1, .size = bytes.size(), .first = "apple", .last = "key139"});
  expect(table->gap() || table->index_bytes() <= 40 * bytes.size(),
         "an index takes no more memory than its bytes can be worth");
  std::string value;
  for (const std::string_view key :
       {in.bytes.substr(0, 2), std::string_view("key120"),
        std::string_view("\xff")}) {
    static_cast<void>(table->may_hold(bloom_hash(key)));
    static_cast<void>(ask(*table, key, value));
    static_cast<void>(read(table, key, false));
    read_backward(table, key);
  }
  read_backward(table, std::nullopt);
  const Model model = read(table, "", true);
  if (!is_mended && is_whole(*table)) expect_told(table, model);
  expect_same_again(model, in.how);
}

}  // namespace strata::fuzz
