// A whole sorted table, and a store with one in it: stages/08_sstables.
#include "stages/08_sstables/table.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "common/os/memory_os.h"
#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "common/store/errors.h"
#include "stages/08_sstables/store.h"
#include "tests/fuzz/fuzz.h"

namespace strata::fuzz {

namespace {

using sstables::BlockCursor;
using sstables::BlockHeader;
using sstables::Compression;
using sstables::Entry;
using sstables::Found;
using sstables::kBlockHeaderBytes;
using sstables::kFooterBytes;
using sstables::Table;
using sstables::TableCursor;
using sstables::TableRange;
using sstables::TableWriter;

constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kMostKept = std::size_t{1} << 20;  // bytes
constexpr TableRange kFirst{1, 1};

// Keys with their values, or none where they are deleted.
using Model = std::map<std::string, std::optional<std::string>>;

Options options_for(Os& os) {
  Options options;
  options.directory = "db";
  options.os = &os;
  return options;
}

std::string table_of(const Model& model, std::uint64_t block_bytes,
                     Compression compression) {
  MemoryOs disk;
  disk.put_directory("db");
  const Options options = options_for(disk);
  TableWriter writer(options, kFirst,
                     {.block_bytes = block_bytes, .compression = compression});
  for (const auto& [key, value] : model) {
    writer.add({key, value ? std::string_view(*value) : "", !value});
  }
  writer.finish(false);
  return disk.files().at("db/1-1.sst");
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
  try {
    return table.get(key, value);
  } catch (const Damage&) {
    return std::nullopt;
  }
}

// All that a table tells from a key on, damage passed over or, if wanted, not.
// Kept is what ascends, and no more than a limit.
Model read(const std::shared_ptr<const Table>& table, std::string_view from,
           bool skips) {
  Model model;
  std::size_t kept = 0;
  bool ascends = true;
  TableCursor::Skip skip;
  if (skips) {
    skip = [&table](const Gap& gap) {
      expect(gap.offset + gap.size <= table->size(), "damage is in the file");
    };
  }
  try {
    TableCursor cursor(table, from, "fuzz", skip);
    while (cursor.next()) {
      const Entry& entry = cursor.entry();
      kept += entry.key.size() + entry.value.size();
      ascends = ascends && kept <= kMostKept &&
                (model.empty() || model.rbegin()->first < entry.key);
      if (!ascends) continue;
      auto& value = model[std::string(entry.key)];
      if (!entry.is_tombstone) value = entry.value;
    }
  } catch (const Damage&) {
    expect(!skips, "who passes damage over does not end at it");
  }
  return model;
}

void expect_told(const Table& table, const Model& model) {
  for (const auto& [key, expected] : model) {
    std::string value;
    const auto found = ask(table, key, value);
    expect(found == (expected ? Found::kValue : Found::kTombstone),
           "every key is found");
    expect(!expected || value == *expected, "with its value");
    expect(ask(table, key + '\0', value) == Found::kNothing ||
               model.count(key + '\0') > 0,
           "and no key that is not there");
  }
}

// What was read goes into a table of our own, out of which the same must come.
void expect_same_again(const Model& model, unsigned how) {
  MemoryOs disk;
  disk.put("db/1-1.sst", table_of(model, 1U << how / 8 % 8,
                                  static_cast<Compression>(how / 64 % 3)));
  const Options options = options_for(disk);
  FileCache files(disk);
  const auto table = std::make_shared<const Table>(options, files, kFirst);
  expect(!table->gap(), "a table that was made is whole");
  expect(read(table, "", false) == model, "all of it is there");
  expect_told(*table, model);
  for (const auto& [key, value] : model) {
    expect(read(table, key, false) == Model(model.find(key), model.end()),
           "from any key on");
    if (model.size() > 8) break;
  }
}

// A store in which the table is the newest or the oldest of two: whatever it
// holds, each command comes to its end, or tells of damage.
void run_store(const std::string& bytes, bool is_newest) {
  MemoryOs disk;
  disk.put(is_newest ? "db/2-2.sst" : "db/1-1.sst", bytes);
  disk.put(is_newest ? "db/1-1.sst" : "db/2-2.sst",
           table_of({{"apple", "new"}, {"key120", std::nullopt}}, 64,
                    Compression::kNone));
  Options options = options_for(disk);
  options.note = [](const std::string&) {};
  const auto store = stage_08_sstables().open(options);
  const auto before = disk.files();
  const auto dares = [](const auto& work) {
    try {
      work();
    } catch (const Damage&) {
    }
  };
  std::string value;
  dares([&] { static_cast<void>(store->get("key120", value)); });
  dares([&] { store->scan("b", "key2", [](auto, auto) {}); });
  dares([&] { static_cast<void>(store->stats()); });
  store->dump("", [](const DumpRecord&) {});
  store->verify([](const DamagedPlace&) {});
  dares([&] { store->salvage("copy", [](const DamagedPlace&) {}); });
  for (const auto& [path, kept] : before) {
    expect(disk.files().at(path) == kept, "who reads changes nothing");
  }
}

}  // namespace

std::vector<std::string> seeds() {
  const Model few = {{"apple", "1"}, {"apply", "22"}, {"beet", std::nullopt}};
  Model many;
  for (int i = 100; i < 140; ++i) {
    many["key" + std::to_string(i)] = std::string(20, 'v');
  }
  std::vector<std::string> tables = {table_of({}, 64, Compression::kNone)};
  for (const auto compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    tables.push_back(table_of(few, 1, compression));
    tables.push_back(table_of(many, 300, compression));
  }
  // As they are, with checksums mended, and the latter in a store.
  std::vector<std::string> all = either_way(tables);
  for (const std::string& table : tables) all.push_back('\3' + table);
  return all;
}

void decode(std::string_view input) {
  const Input in = Input::of(input);
  std::string bytes(in.bytes);
  if ((in.how & 1) != 0) mend(bytes);
  if ((in.how & 2) != 0) return run_store(bytes, (in.how & 4) != 0);
  MemoryOs disk;
  disk.put("db/1-1.sst", bytes);
  const Options options = options_for(disk);
  FileCache files(disk);
  const auto table = std::make_shared<const Table>(options, files, kFirst);
  expect(table->gap() || table->index_bytes() <= 40 * bytes.size(),
         "an index takes no more memory than its bytes can be worth");
  std::string value;
  for (const std::string_view key :
       {in.bytes.substr(0, 2), std::string_view("key120"),
        std::string_view("\xff")}) {
    static_cast<void>(ask(*table, key, value));
    static_cast<void>(read(table, key, false));
  }
  expect_same_again(read(table, "", true), in.how);
}

}  // namespace strata::fuzz
