#include "common/record/binary_record.h"

#include <libdeflate.h>

#include <array>

#include "common/record/big_endian.h"

namespace strata {

std::uint32_t crc32(std::string_view bytes, std::uint32_t before) {
  return libdeflate_crc32(before, bytes.data(), bytes.size());
}

std::string to_hex(std::uint32_t crc) {
  std::string digits;
  for (int shift = 28; shift >= 0; shift -= 4) {
    digits += "0123456789abcdef"[crc >> shift & 0xF];
  }
  return digits;
}

void encode_header(const RecordHeader& header, std::string& out) {
  std::array<char, kHeaderBytes> bytes{};
  put_big_endian(header.crc, bytes.data());
  put_big_endian(header.tstamp, bytes.data() + 4);
  put_big_endian(header.key_size, bytes.data() + 8);
  put_big_endian(header.value_size, bytes.data() + 10);
  out.append(bytes.data(), bytes.size());
}

bool one_bit_explains(std::uint32_t difference, std::uint64_t bytes) {
  constexpr std::uint32_t kPolynomial = 0xEDB88320;
  if ((difference & (difference - 1)) == 0) return true;  // in the checksum
  std::uint32_t pattern = kPolynomial;
  for (std::uint64_t bits = 8 * bytes; bits > 0; --bits) {
    if (pattern == difference) return true;
    pattern = (pattern >> 1) ^ ((pattern & 1) != 0 ? kPolynomial : 0);
  }
  return false;
}

void encode_binary_record(std::uint32_t tstamp, std::string_view key,
                          std::string_view value, std::string& out) {
  const std::size_t begin = out.size();
  encode_header({.tstamp = tstamp,
                 .key_size = static_cast<std::uint16_t>(key.size()),
                 .value_size = static_cast<std::uint32_t>(value.size())},
                out);
  out += key;
  out += value;
  const std::uint32_t crc = crc32(std::string_view(out).substr(begin + 4));
  put_big_endian(crc, out.data() + begin);
}

RecordHeader decode_header(std::string_view bytes) {
  return {.crc = read_big_endian<std::uint32_t>(bytes),
          .tstamp = read_big_endian<std::uint32_t>(bytes.substr(4)),
          .key_size = read_big_endian<std::uint16_t>(bytes.substr(8)),
          .value_size = read_big_endian<std::uint32_t>(bytes.substr(10))};
}

Decoded decode_binary_record(std::string_view bytes, BinaryRecord& record) {
  if (bytes.empty()) return Decoded::kEnd;
  if (bytes.size() < kHeaderBytes) return Decoded::kTorn;
  const RecordHeader header = decode_header(bytes);
  if (header.key_size == 0) return Decoded::kCorrupt;
  if (bytes.size() < header.size()) return Decoded::kTorn;
  const std::string_view body = bytes.substr(4, header.size() - 4);
  if (crc32(body) != header.crc) return Decoded::kCorrupt;
  const std::string_view data = body.substr(kHeaderBytes - 4);
  record = {.header = header,
            .key = data.substr(0, header.key_size),
            .value = data.substr(header.key_size)};
  return Decoded::kRecord;
}

}  // namespace strata
