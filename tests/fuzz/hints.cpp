// Hint files: stages/07_bitcask/hint_file.h.
#include <cstdint>

#include "common/os/memory_os.h"
#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "stages/07_bitcask/hint_file.h"
#include "tests/fuzz/fuzz.h"

namespace strata::fuzz {

namespace {

using bitcask::HintEntry;
using bitcask::HintReader;
using bitcask::kHintBytes;

constexpr std::uint64_t kLastOffset = (std::uint64_t{1} << 63) - 1;

void append_last(std::string& hints) {
  const std::uint32_t crc = crc32(hints);
  bitcask::encode_hint({.total_size = crc, .offset = kLastOffset}, hints);
}

// Puts an entry with the right checksum behind what is there.
void mend(std::string& hints) {
  if (hints.size() >= kHintBytes) hints.resize(hints.size() - kHintBytes);
  append_last(hints);
}

}  // namespace

std::vector<std::string> seeds() {
  std::string hints;
  append_last(hints);
  const std::string none = hints;
  hints.clear();
  bitcask::encode_hint({.tstamp = 1, .total_size = 22, .key = "city"}, hints);
  bitcask::encode_hint({.tstamp = 2,
                        .total_size = 60,
                        .tombstone = true,
                        .offset = 22,
                        .key = "city"},
                       hints);
  append_last(hints);
  return either_way({none, hints, hints.substr(0, hints.size() - 1)});
}

void decode(std::string_view input) {
  const Input in = Input::of(input);
  std::string hints(in.bytes);
  if ((in.how & 1) != 0) mend(hints);
  MemoryOs disk;
  disk.put("hints", hints);
  const std::uint64_t covered = HintReader(disk, "hints", 0, "fuzz").covered();
  HintReader reader(disk, "hints", covered, "fuzz");
  expect(reader.there() && reader.size() == hints.size(), "the file is there");
  std::string again;
  std::uint64_t sum = 0;
  reader.for_each([&](const HintEntry& entry) {
    expect(!entry.key.empty(), "each entry has a key");
    sum += entry.total_size;
    bitcask::encode_hint(entry, again);
  });
  expect(hints.substr(0, again.size()) == again,
         "the entries encode to the bytes that they came from");
  if (!reader.believed()) return;
  append_last(again);
  expect(again == hints, "believed hints are whole");
  expect(sum == covered, "and cover the data file");
  LogEntry record;
  record.header.key_size = 4;
  record.key = "city";
  record.size = 22;
  HintReader beside(disk, "hints", covered, "fuzz");
  static_cast<void>(beside.fits(record));
}

}  // namespace strata::fuzz
