/// @file
/// The binary record of stage 04 and on: Bitcask's, byte for byte.
///
///     log    = { record }
///     record = crc tstamp ksz vsz key value        integers big-endian
///
///     +----------+-------------+----------+----------+-----+-------+
///     | crc: u32 | tstamp: u32 | ksz: u16 | vsz: u32 | key | value |
///     +----------+-------------+----------+----------+-----+-------+
///     0          4             8          10         14    14+ksz
///
///     crc      CRC-32 (zlib's) of all bytes of the record behind it
///     tstamp   seconds since 1970 when it was written; told, never trusted
///     ksz      length of the key, 1 to 65,535
///     vsz      length of the value, 0 to 2^32 - 1
///
/// `set city Rome` at 1,700,000,000 appends these 22 bytes:
///
///     26 3e 9d 1f 65 53 f1 00  00 04 00 00 00 04 63 69   &>..eS........ci
///     74 79 52 6f 6d 65                                  tyRome
///
/// The lengths stand before the bytes, so any byte may stand in a key or a
/// value, and a reader knows how much to read and to skip. The checksum covers
/// the lengths too. What it costs: 14 bytes a record, and when a length is
/// damaged nobody knows where the next record begins (record_reader.h).
/// @source Sheehy and Smith, "Bitcask: A Log-Structured Hash Table for Fast
///   Key/Value Data", Basho 2010
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/record/decoded.h"
#include "common/store/stage.h"

namespace strata {

/// Bytes of a record before its key.
inline constexpr std::size_t kHeaderBytes = 14;

/// What a binary record can hold. A value that begins like this marks a
/// deleted key from stage 06 on, so no stage lets one in.
inline constexpr Limits kBinaryLimits{
    .max_key_bytes = 0xFFFF,
    .max_value_bytes = 0xFFFFFFFF,
    .key_forbids = "",
    .value_forbids = "",
    .value_prefix_taken = "bitcask_tombstone"};

/// The fixed part of a record.
struct RecordHeader {
  std::uint32_t crc = 0;         ///< of all that follows it
  std::uint32_t tstamp = 0;      ///< seconds since 1970
  std::uint16_t key_size = 0;    ///< in bytes
  std::uint32_t value_size = 0;  ///< in bytes

  /// @returns the length of the whole record in bytes.
  [[nodiscard]] std::uint64_t size() const {
    return kHeaderBytes + std::uint64_t{key_size} + value_size;
  }
};

/// A record; the views are into the bytes that were decoded.
struct BinaryRecord {
  RecordHeader header;     ///< the fixed part
  std::string_view key;    ///< header.key_size bytes
  std::string_view value;  ///< header.value_size bytes
};

/// @returns the CRC-32 of `bytes`, going on from that of the bytes before.
[[nodiscard]] std::uint32_t crc32(std::string_view bytes,
                                  std::uint32_t before = 0);

/// Tells whether one flipped bit is all that is wrong. The checksum is linear: a
/// flipped bit changes it by a pattern that depends only on how many bits follow.
/// @param difference of the checksum that is there and the one that should be,
///   exclusive or
/// @param bytes how many are summed
/// @returns whether a bit in these, or in the checksum, explains it.
[[nodiscard]] bool one_bit_explains(std::uint32_t difference,
                                    std::uint64_t bytes);

/// Appends the record of `key` and `value`, which `kBinaryLimits` allows.
void encode_binary_record(std::uint32_t tstamp, std::string_view key,
                          std::string_view value, std::string& out);

/// @returns a checksum as eight hex digits, in the order of the file's bytes.
[[nodiscard]] std::string to_hex(std::uint32_t crc);

/// Appends a header.
void encode_header(const RecordHeader& header, std::string& out);

/// Reads a header.
/// @param bytes at least kHeaderBytes of them
[[nodiscard]] RecordHeader decode_header(std::string_view bytes);

/// Decodes the record at the start of `bytes`, which reach to the end of the
/// file.
/// @returns `kTorn` when the bytes end within the record that the header
///   tells of, `kCorrupt` when the checksum does not match or the key is
///   empty.
Decoded decode_binary_record(std::string_view bytes, BinaryRecord& record);

}  // namespace strata
