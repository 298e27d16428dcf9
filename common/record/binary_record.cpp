#include "common/record/binary_record.h"

#include <libdeflate.h>

namespace strata {

namespace {

template <typename Integer>
void append_big_endian(Integer number, std::string& out) {
  for (int shift = 8 * (int{sizeof(Integer)} - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(number >> shift & 0xFF);
  }
}

template <typename Integer>
Integer read_big_endian(std::string_view bytes) {
  Integer number = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    number = static_cast<Integer>(number << 8 |
                                  static_cast<unsigned char>(bytes[i]));
  }
  return number;
}

}  // namespace

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
  append_big_endian(header.crc, out);
  append_big_endian(header.tstamp, out);
  append_big_endian(header.key_size, out);
  append_big_endian(header.value_size, out);
}

void encode_binary_record(std::uint32_t tstamp, std::string_view key,
                          std::string_view value, std::string& out) {
  RecordHeader header = {
      .tstamp = tstamp,
      .key_size = static_cast<std::uint16_t>(key.size()),
      .value_size = static_cast<std::uint32_t>(value.size())};
  std::string front;
  encode_header(header, front);
  header.crc =
      crc32(value, crc32(key, crc32(std::string_view(front).substr(4))));
  out.reserve(out.size() + header.size());
  encode_header(header, out);
  out += key;
  out += value;
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
