#include "stages/09_lsm_tree/batch.h"

#include "common/table/varint.h"

namespace strata::lsm {

using sst::append_varint;
using sst::take_varint;

void Batch::set(std::string_view key, std::string_view value) {
  kLimits.check(key, value);
  append_varint(key.size(), body_);
  append_varint(value.size() + 1, body_);
  body_ += key;
  body_ += value;
}

void Batch::del(std::string_view key) {
  kLimits.check_key(key);
  append_varint(key.size(), body_);
  append_varint(0, body_);
  body_ += key;
}

Decoded take_entry(std::string_view& body, Entry& entry) {
  if (body.empty()) return Decoded::kEnd;
  std::string_view rest = body;
  std::uint64_t key_size = 0;
  std::uint64_t mark = 0;
  if (!take_varint(rest, key_size) || !take_varint(rest, mark)) {
    return Decoded::kCorrupt;
  }
  const std::uint64_t value_size = mark == 0 ? 0 : mark - 1;
  if (key_size == 0 || key_size > kLimits.max_key_bytes ||
      key_size > rest.size() || value_size > rest.size() - key_size) {
    return Decoded::kCorrupt;
  }
  const auto key_end = static_cast<std::size_t>(key_size);
  const auto end = key_end + static_cast<std::size_t>(value_size);
  entry = {rest.substr(0, key_end), rest.substr(key_end, end - key_end),
           mark == 0};
  body = rest.substr(end);
  return Decoded::kRecord;
}

}  // namespace strata::lsm
