/// @file
/// The write-ahead log: every batch is in it before it is in the memtable.
///
///     log    = begin batch { batch }
///     record = head: u32  crc: u32  kind: u8  size: u64  body
///
///     +-----------+----------+----------+-----------+------+
///     | head: u32 | crc: u32 | kind: u8 | size: u64 | body |
///     +-----------+----------+----------+-----------+------+
///       head = CRC-32 (zlib's) of the 13 bytes behind it   17 + size bytes
///       crc  = CRC-32 of the body
///
/// Integers are big-endian. A batch's body is told of in batch.h. The header has
/// a checksum of its own, so that a length can be trusted before all that it
/// tells of has been read. At the end of a log, what a crash leaves and damage
/// are told apart so:
///
///   torn     a whole header whose body ends behind the file; bytes, fewer than
///            a header, or not like one; whatever has lost its end to zeros,
///            unless one wrong bit or byte explains it
///   damaged  all else, and all that has a record behind it
///
///
/// A log's name is its number, `7.log`. The first record of each tells which log
/// came before it and how long that was in the end, u64 each, zeros in the very
/// first; it is written with the first batch, so that a log either has batches or
/// is empty. Whoever finds the one in front shorter, or gone, knows that writes are
/// missing in the middle (leveldb#193).
///
/// In what order keys come is of no matter here: nobody looks anything up in a
/// log. It is read once, from its beginning, when the store is opened, and is
/// removed when the memtable that it protects has become a table.
///
/// What it costs: every value is written twice, here and in the table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/os/file.h"
#include "common/os/file_window.h"
#include "common/record/decoded.h"

namespace strata::lsm {

/// How a log's name ends.
inline constexpr std::string_view kLogSuffix = ".log";

/// Bytes of a record in front of its body.
inline constexpr std::size_t kLogHeaderBytes = 17;

/// What a log's record is.
enum class LogKind : std::uint8_t {
  kBegin = 0,  ///< tells of the log before
  kBatch = 1,  ///< writes that happened together
};

/// The log in front of another one.
struct Previous {
  std::uint64_t number = 0;  ///< 0: there was none
  std::uint64_t size = 0;    ///< in bytes, at its end
};

/// Appends a record to `out`.
void append_log_record(LogKind kind, std::string_view body, std::string& out);

/// Appends the record with which a log begins.
void append_begin(const Previous& previous, std::string& out);

/// Reads the body of the record with which a log begins.
/// @returns false when it is none.
[[nodiscard]] bool decode_begin(std::string_view body, Previous& previous);

/// What stands at a place of a log.
struct LogItem {
  std::uint64_t offset = 0;  ///< in the file
  std::uint64_t size = 0;    ///< in bytes; of damage, until the next record
  LogKind kind = LogKind::kBatch;  ///< of a record
  std::string_view body;           ///< of a record; valid until the next one
  const char* why = "";            ///< what is wrong, where there is none
};

/// Goes through a log from its beginning.
class LogReader {
 public:
  /// @param log must outlive the reader
  /// @param size how many bytes of it there are
  LogReader(const File& log, std::uint64_t size, const char* why)
      : log_(log), window_(log, size, why), why_(why) {}

  /// Moves to what comes next.
  /// @returns `kTorn` for what a crash leaves at the end: a record that is cut
  ///   off, or nothing but zeros; `kCorrupt` for bytes that are no record,
  ///   behind which it goes on with the next that is one.
  /// @throws IoError
  Decoded next(LogItem& item);

 private:
  [[nodiscard]] Decoded read_record(LogItem& item);
  [[nodiscard]] Decoded judge_header(LogItem& item);
  [[nodiscard]] Decoded judge_body(const LogItem& item, std::uint32_t wrong);
  [[nodiscard]] bool has_only_zeros(std::uint64_t offset);
  [[nodiscard]] std::uint64_t next_record_behind(std::uint64_t offset);

  const File& log_;
  FileWindow window_;
  const char* const why_;
  std::uint64_t offset_ = 0;
  std::string body_;
};

}  // namespace strata::lsm
