// Riak's Bitcask files, encoded and decoded a second time. Written from the
// description of the format alone, without common/record and without stage 07:
// what both understand in the same way is no slip of one of them.
//
//     N.bitcask.data   { crc: u32 tstamp: u32 ksz: u16 vsz: u32 key value }
//     N.bitcask.hint   { tstamp: u32 ksz: u16 size: u32
//                        tombstone: 1 bit, offset: 63 bits, key } trailer
//     bitcask.*.lock   process id, blank, path of the file worked on, newline
//
// All integers are big-endian. crc is the CRC-32 of the record's other bytes,
// size the length of the whole record. The trailer is a hint without a key, of
// tstamp 0 and offset 2^63 - 1, with the CRC-32 of all hints in place of size.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::riak {

/// A record of a data file.
struct Record {
  std::uint32_t tstamp = 0;  ///< seconds since 1970
  std::string key;           ///< any bytes
  std::string value;         ///< any bytes; tombstones are values too

  [[nodiscard]] bool operator==(const Record& other) const {
    return tstamp == other.tstamp && key == other.key && value == other.value;
  }
};

/// What a hint file tells of one record.
struct Hint {
  std::uint32_t tstamp = 0;  ///< of the record
  std::string key;           ///< of the record
  std::uint32_t size = 0;    ///< of the record, header included, in bytes
  bool tombstone = false;    ///< whether its value is a tombstone
  std::uint64_t offset = 0;  ///< of the record in the data file

  [[nodiscard]] bool operator==(const Hint& other) const {
    return tstamp == other.tstamp && key == other.key && size == other.size &&
           tombstone == other.tombstone && offset == other.offset;
  }
};

/// What a tombstone's value says.
struct Grave {
  int version = 0;         ///< 0, 1 or 2
  std::uint32_t file = 0;  ///< in versions 1 and 2: the id of a data file
};

/// What a lock file says.
struct Lock {
  std::uint64_t process = 0;  ///< id of who made it
  std::string file;           ///< path of the file worked on; may be empty
};

/// @returns the CRC-32 of zlib, bit by bit.
[[nodiscard]] std::uint32_t crc32_of(std::string_view bytes);

/// @returns the value of a tombstone; version 0 names no file.
[[nodiscard]] std::string tombstone(int version, std::uint32_t file = 0);

/// @returns what a tombstone's value says; empty where it is none.
[[nodiscard]] std::optional<Grave> read_tombstone(std::string_view value);

/// @returns the name of a data file.
[[nodiscard]] std::string data_name(std::uint32_t id);

/// @returns the name of a hint file.
[[nodiscard]] std::string hint_name(std::uint32_t id);

/// @returns the bytes of a data file.
[[nodiscard]] std::string data_bytes(const std::vector<Record>& records);

/// @returns what the hint file of these records says.
[[nodiscard]] std::vector<Hint> hints_of(const std::vector<Record>& records);

/// @returns the bytes of a hint file, trailer included.
[[nodiscard]] std::string hint_bytes(const std::vector<Hint>& hints);

/// @returns the records of a data file.
/// @throws std::runtime_error at the first byte that is not as it should be
[[nodiscard]] std::vector<Record> read_data(std::string_view bytes);

/// @returns the hints of a hint file, without its trailer.
/// @throws std::runtime_error also where the trailer is missing or wrong
[[nodiscard]] std::vector<Hint> read_hints(std::string_view bytes);

/// @returns what a lock file says.
/// @throws std::runtime_error
[[nodiscard]] Lock read_lock(std::string_view bytes);

}  // namespace strata::riak
