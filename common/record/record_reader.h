/// @file
/// `RecordReader`: the records of a log of binary records, and what to make of
/// bytes that are none.
///
/// Where a record does not decode, the reader looks for the next one that
/// does, byte by byte. What lies between is damaged; what lies behind is good.
/// At the end of the file, with nothing good behind, it must tell two things
/// apart that call for opposite answers:
///
///   torn     what a crash leaves: the record that was being written has
///            not got its last bytes, or zeros instead. Nobody was told that
///            it was written, so it is cut off and forgotten.
///   damaged  a record that was acknowledged and has since changed. It is
///            never cut off, and no older value may be given out for it.
///
/// The checksum decides, since it can prove what happened. If the record is
/// right with another value in one byte of its lengths, that byte was damaged.
/// If a record in full length would be right with one bit flipped, that bit
/// was. Both are damage. A record that reaches beyond the end of the file, or
/// whose end is zeros, and which no such change explains, is torn.
///
/// The same proof guards against a value that holds records itself, a copy of
/// a log perhaps: when one byte of the record around it is damaged, its content
/// is not mistaken for the log's. Three things it cannot tell:
///
/// - When several bytes of such a record's header are damaged, its content may
///   be taken for records; likewise when a crash cuts it off exactly where a
///   record within it ends. Cut off elsewhere, it counts as damaged.
/// - In a last record of more than 1 MiB that ends in zeros, a flipped bit is
///   taken for a torn write: by chance some bit would nearly always explain it.
/// - What a search for records longer than 64 KiB may cost is bounded by four
///   times the file, or 64 MiB; beyond that they count as part of the damage.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/os/file_window.h"
#include "common/record/binary_record.h"

namespace strata {

/// What stands at one place of a log.
struct LogEntry {
  std::uint64_t offset = 0;  ///< of its first byte in the file
  std::uint64_t size = 0;    ///< in bytes
  RecordHeader header;       ///< of a record
  std::string_view key{};    ///< of a record; valid until the next call
  /// The whole record, valid until the next call; empty when it is longer than
  /// FileWindow::kCapacity.
  std::string_view bytes{};
  const char* why = "";  ///< what is wrong, where there is no record

  /// @returns where a record's value begins in the file.
  [[nodiscard]] std::uint64_t value_offset() const {
    return offset + kHeaderBytes + header.key_size;
  }
};

/// Reads a log front to back, checking every checksum, in constant memory
/// however long a record is. A length field is believed only as far as the
/// file reaches.
class RecordReader {
 public:
  /// @param file to read; must outlive the reader
  /// @param size how much of it to read, in bytes
  /// @param why told in the ledger
  RecordReader(const File& file, std::uint64_t size, const char* why)
      : window_(file, size, why) {}

  /// Puts what comes next into `entry`.
  /// @returns `kRecord`; `kCorrupt` for damaged bytes up to the next record or
  ///   the end; `kTorn` for the torn end; then `kEnd`.
  /// @throws IoError
  /// @complexity reads each byte of an undamaged file once.
  Decoded next(LogEntry& entry);

 private:
  // What may stand behind a record: one that looks whole, or the log's end.
  enum class Behind : std::uint8_t { kARecord, kAnything };

  // Whether a whole, right record stands at `offset`, and its header.
  std::optional<RecordHeader> record_at(std::uint64_t offset);
  std::optional<RecordHeader> header_at(std::uint64_t offset);
  std::uint32_t crc_of(std::uint64_t begin, std::uint64_t end,
                       std::uint32_t before);

  Decoded pass_over_damage(LogEntry& entry);
  std::optional<std::uint64_t> end_of_damage(std::uint64_t begin);
  std::optional<std::uint64_t> next_record(std::uint64_t from);
  bool records_reach_end(std::uint64_t from);
  std::optional<std::uint64_t> end_by_other_length(std::uint64_t begin,
                                                   Behind behind);
  bool may_begin_at(std::uint64_t offset);
  bool may_check(std::uint64_t size);
  [[nodiscard]] bool search_is_over() const;
  bool one_bit_is_wrong(std::uint64_t begin, const RecordHeader& header);
  bool is_torn(std::uint64_t begin);
  bool only_zeros_from(std::uint64_t begin);
  std::uint64_t zeros_at(std::uint64_t begin);

  FileWindow window_;
  std::uint64_t at_ = 0;
  std::string long_key_;        // of a record that does not fit in the window
  std::uint64_t searched_ = 0;  // bytes of long candidates checked in vain
};

}  // namespace strata
