#include "common/record/tombstone.h"

#include "common/record/big_endian.h"

namespace strata {

std::optional<Tombstone> decode_tombstone(std::string_view value) {
  if (value == kTombstone0) return Tombstone{};
  if (value.size() != kLongestTombstone ||
      value.substr(0, kTombstone0.size()) != kTombstone0) {
    return std::nullopt;
  }
  const char version = value[kTombstone0.size()];
  if (version != '1' && version != '2') return std::nullopt;
  return Tombstone{version - '0', read_big_endian<std::uint32_t>(
                                      value.substr(value.size() - 4))};
}

std::string encode_tombstone(std::uint32_t file) {
  std::string value(kTombstone0);
  value += '2';
  append_big_endian(file, value);
  return value;
}

}  // namespace strata
