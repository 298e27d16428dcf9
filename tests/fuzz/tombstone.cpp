// Tombstones: common/record/tombstone.h.
#include "common/record/tombstone.h"

#include "tests/fuzz/fuzz.h"

namespace strata::fuzz {

std::vector<std::string> seeds() {
  std::string version1 = encode_tombstone(7);
  version1[kTombstone0.size()] = '1';
  return {std::string(kTombstone0), version1, encode_tombstone(0),
          encode_tombstone(0xFFFFFFFF), encode_tombstone(1) + "more"};
}

void decode(std::string_view input) {
  const auto told = decode_tombstone(input);
  if (!told) return;
  expect(is_tombstone(input), "what has a version is a tombstone");
  expect(told->version >= 0 && told->version <= 2, "there are three versions");
  expect(told->version != 0 || input == kTombstone0, "the first has no file");
  if (told->version == 0) return;
  std::string again = encode_tombstone(told->file);
  again[kTombstone0.size()] = static_cast<char>('0' + told->version);
  expect(again == input, "a tombstone encodes to the bytes that it came from");
}

}  // namespace strata::fuzz
