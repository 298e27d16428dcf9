// Manifests, and stores with one: stages/09_lsm_tree/manifest.h.
#include <cstdint>
#include <set>

#include "common/record/binary_record.h"
#include "common/record/log_entries.h"
#include "stages/09_lsm_tree/manifest.h"
#include "tests/fuzz/lsm_store.h"

namespace strata::fuzz {

namespace {

using lsm::decode_manifest;
using lsm::encode_manifest;
using lsm::kManifest;
using lsm::Manifest;
using lsm::TableInfo;

const std::string kPath = std::string("db/") + kManifest;

// Puts the line with the right checksum behind what is there, in the place of
// one that has a wrong one.
void mend(std::string& text) {
  const std::size_t crc = text.rfind("crc ");
  if (crc != std::string::npos) text.resize(crc);
  if (!text.empty() && text.back() != '\n') text += '\n';
  text += "crc " + to_hex(crc32(text)) + "\n";
}

// A store of two tables and two logs.
Image store_of_two_tables() {
  MemoryOs disk;
  LsmTree store(options_for(disk, Mode::kWrite));
  for (int i = 100; i < 140; ++i) {
    store.set("key" + std::to_string(i), std::string(20, 'v'));
  }
  store.write_memtable();
  store.set("apple", "1");
  store.del("key120");
  store.write_memtable();
  store.set("beet", "2");
  return disk.image();
}

const Image& image() {
  static const Image made = store_of_two_tables();
  return made;
}

bool are_equal(const TableInfo& a, const TableInfo& b) {
  return a.number == b.number && a.size == b.size && a.entries == b.entries &&
         a.tombstones == b.tombstones && a.first == b.first && a.last == b.last;
}

bool are_equal(const Manifest& a, const Manifest& b) {
  if (a.log != b.log || a.written != b.written ||
      a.levels.size() != b.levels.size()) {
    return false;
  }
  for (std::size_t level = 0; level < a.levels.size(); ++level) {
    const bool fit = std::equal(
        a.levels[level].begin(), a.levels[level].end(), b.levels[level].begin(),
        b.levels[level].end(),
        [](const Manifest::Run& one, const Manifest::Run& other) {
          return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                            [](const TableInfo& x, const TableInfo& y) {
                              return are_equal(x, y);
                            });
        });
    if (!fit) return false;
  }
  return true;
}

void expect_can_be(const Manifest& manifest) {
  expect(manifest.log > 0 && manifest.log < lsm::kNumbersEnd, "a log's number");
  expect(manifest.levels.size() <= lsm::kLevels, "no level too many");
  std::set<std::uint64_t> numbers;
  for (const Manifest::Level& level : manifest.levels) {
    for (const Manifest::Run& run : level) {
      const TableInfo* last = nullptr;
      for (const TableInfo& info : run) {
        expect(info.number > 0 && info.number < lsm::kNumbersEnd,
               "a table's number");
        expect(numbers.insert(info.number).second, "no table is named twice");
        expect(!info.first.empty() && info.first <= info.last, "its keys");
        expect(last == nullptr || last->last < info.first,
               "the keys of a run ascend");
        last = &info;
      }
    }
  }
}

void run_store(const std::string& text) {
  MemoryOs disk(image());
  disk.put(kPath, text);
  write_store(disk, read_store(disk));
}

}  // namespace

std::vector<std::string> seeds() {
  Manifest deep{.log = 7};
  deep.levels.resize(3);
  deep.levels[0] = {{{12, 4000, 350, 0, "apple", "beet\t"}}, {}};
  deep.levels[2] = {{{3, 100, 2, 1, "a", "a"}, {4, 200, 3, 0, "b", "\xff"}}};
  deep.written = {5000, 0, 300};
  const std::vector<std::string> texts = {
      image().files.at(kPath), encode_manifest({}), encode_manifest(deep)};
  // As they are, with the checksum mended, and the latter in a store.
  std::vector<std::string> all = either_way(texts);
  for (const std::string& text : texts) all.push_back('\3' + text);
  return all;
}

void decode(std::string_view input) {
  const Input in = Input::of(input);
  std::string text(in.bytes);
  if ((in.how & 1) != 0) mend(text);
  if ((in.how & 2) != 0) return run_store(text);
  const std::vector<char> bytes = exactly(text);
  Manifest manifest;
  if (!dares([&] { manifest = decode_manifest(view_of(bytes), kPath); })) {
    return;
  }
  expect_can_be(manifest);
  const std::string again = encode_manifest(manifest);
  expect(are_equal(decode_manifest(again, kPath), manifest),
         "a manifest encodes to an equal one");
}

}  // namespace strata::fuzz
