/// @file
/// What the stages with binary records do alike with a whole log: go through
/// it, show it, and copy what is readable.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/os/file.h"
#include "common/os/file_window.h"
#include "common/record/binary_record.h"
#include "common/record/record_reader.h"
#include "common/store/errors.h"
#include "common/store/log_writer.h"
#include "common/store/store.h"

namespace strata {

/// A stretch of a log that holds no readable record.
struct Gap {
  std::uint64_t offset = 0;  ///< of its first byte in the file
  std::uint64_t size = 0;    ///< in bytes
  const char* why = "";      ///< what is wrong there
};

/// Calls `visit(decoded, entry)` with what stands at each place of the first
/// `size` bytes of a log, in order.
/// @throws IoError
template <typename Visit>
void for_each_entry(const File& log, std::uint64_t size, const char* why,
                    const Visit& visit) {
  RecordReader reader(log, size, why);
  LogEntry entry;
  for (Decoded decoded = reader.next(entry); decoded != Decoded::kEnd;
       decoded = reader.next(entry)) {
    visit(decoded, entry);
  }
}

/// Reads bytes that an entry has told of into `out`.
/// @throws IoError; Damage when the file has become shorter
void read_exactly(const File& log, std::uint64_t offset, std::uint64_t size,
                  const char* why, std::string& out);

/// As that, into memory of the caller's.
void read_exactly(const File& log, std::uint64_t offset, std::uint64_t size,
                  char* out, const char* why);

/// Reads a record that does not stand in memory as a whole, and compares its
/// checksum a second time: whoever copies it may delete where it stood.
/// @param use called with each piece, in order
/// @throws IoError, Damage
template <typename Use>
void read_in_pieces(const File& log, const LogEntry& entry, const char* why,
                    const Use& use) {
  constexpr std::size_t kCrcBytes = 4;
  std::string piece;
  std::uint32_t crc = 0;
  for (std::uint64_t done = 0; done < entry.size; done += piece.size()) {
    const auto want =
        std::min<std::uint64_t>(FileWindow::kCapacity, entry.size - done);
    read_exactly(log, entry.offset + done, want, why, piece);
    crc = crc32(std::string_view(piece).substr(done == 0 ? kCrcBytes : 0), crc);
    use(std::string_view(piece));
  }
  if (crc != entry.header.crc) {
    throw Damage(log.path(), entry.offset, "checksum does not match");
  }
}

/// Tells what a record is to a reader of the store.
using StateOf = std::function<DumpRecord::State(const LogEntry& entry,
                                                std::string_view value)>;

/// Visits every record of a log as `Store::dump` wants it.
/// @param name of the file
/// @throws IoError
void dump_log(const File& log, std::uint64_t size, std::string_view name,
              const StateOf& state_of, const Store::DumpVisitor& visit);

/// Copies every readable record of a log, and visits what is lost.
/// @throws IoError
void salvage_log(const File& log, std::uint64_t size, LogWriter& copy,
                 const Store::DamageVisitor& visit);

/// @throws InvalidInput when `directory`, into which one wants to salvage,
///   holds anything or is no directory.
void check_new_or_empty(Os& os, const std::string& directory);

}  // namespace strata
