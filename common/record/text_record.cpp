#include "common/record/text_record.h"

namespace strata {

void encode_text_record(std::string_view key, std::string_view value,
                        std::string& out) {
  out.reserve(out.size() + key.size() + value.size() + 2);
  out += key;
  out += ',';
  out += value;
  out += '\n';
}

Decoded decode_text_record(std::string_view bytes, TextRecord& record) {
  if (bytes.empty()) return Decoded::kEnd;
  const std::size_t newline = bytes.find('\n');
  if (newline == std::string_view::npos) return Decoded::kTorn;
  const std::size_t comma = bytes.substr(0, newline).find(',');
  if (comma == std::string_view::npos || !is_key_size(comma)) {
    return Decoded::kCorrupt;
  }
  record = {.key_size = comma, .value_size = newline - comma - 1};
  return Decoded::kRecord;
}

}  // namespace strata
