/// @file
/// Hint files: what a data file holds, without its values.
///
///     hints = { entry } last
///     entry = tstamp ksz total_size tombstone offset key
///     last  = the same with ksz 0, offset 2^63 - 1, and in place of total_size
///             the CRC-32 of every byte before it        integers big-endian
///
///     ┌─────────────┬──────────┬─────────────────┬──────────────┬─────┐
///     │ tstamp: u32 │ ksz: u16 │ total_size: u32 │ 1 bit, u63   │ key │
///     └─────────────┴──────────┴─────────────────┴──────────────┴─────┘
///     0             4          6                 10             18
///
///     total_size  of the record in the data file, header included
///     1 bit, u63  whether the record is a tombstone, and its offset
///
/// A start from hints reads these instead of the data: the values stay on disk.
/// They are a copy of what the data file says and nothing rests on them. One
/// that is missing, cut, damaged or of another file is not believed, and the
/// data is read: a hint must end with its checksum, and its entries must cover
/// the data file from its first byte to its last. Whether each tells of the
/// record that is there is seen only by who reads the data too: `verify`, and a
/// merge, which deletes nothing then.
///
/// The entries are collected as records are written, in `….hint.unfinished`,
/// which becomes `….hint` when the data file is closed.
/// @source basho/bitcask, src/bitcask_fileops.erl
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/os/file.h"
#include "common/os/file_window.h"
#include "common/record/record_reader.h"
#include "common/store/stage.h"

namespace strata::bitcask {

/// What is wrong with hints that tell of other records.
inline constexpr const char* kForeignHints =
    "the hints are not those of the data file";

/// Bytes of an entry before its key.
inline constexpr std::size_t kHintBytes = 18;

/// What a hint file tells of one record.
struct HintEntry {
  std::uint32_t tstamp = 0;      ///< seconds since 1970
  std::uint64_t total_size = 0;  ///< of the record, in bytes, below 2^32
  bool tombstone = false;        ///< whether the record deletes its key
  std::uint64_t offset = 0;      ///< of the record in the data file
  std::string_view key{};        ///< valid until the next entry is read
};

/// Appends an entry to `out`.
void encode_hint(const HintEntry& entry, std::string& out);

/// Collects the hints of one data file. What goes wrong on the way is no error:
/// the data file then has no hints, and a start reads its records.
class HintWriter {
 public:
  /// @param options through which `Os`, and whether to sync
  /// @param path of the finished hint file
  HintWriter(const Options& options, std::string path);

  HintWriter(const HintWriter&) = delete;             ///< not copyable
  HintWriter& operator=(const HintWriter&) = delete;  ///< not copyable

  /// Removes what is unfinished.
  ~HintWriter();

  /// Adds a record, the next in its file.
  /// @complexity one write for every 64 KiB of hints.
  void add(const HintEntry& entry);

  /// Writes the last entry. The file still has its unfinished name.
  /// @param durable whether to sync it too
  void finish(bool durable);

  /// Gives the file its name. Without `finish` before, or when anything went
  /// wrong, there will be none.
  void publish();

 private:
  void write_buffer();
  void give_up();

  Os& os_;
  std::string path_;
  std::string unfinished_;
  std::optional<File> file_;
  std::string buffer_;
  std::uint64_t written_ = 0;
  std::uint32_t crc_ = 0;
  bool failed_ = false;
  bool finished_ = false;
};

/// The hints of one data file, to be read front to back. Two passes are needed,
/// since the checksum stands at the end: `check`, then `for_each`.
class HintReader {
 public:
  /// @param file of hints; must outlive the reader
  /// @param size of that file in bytes
  HintReader(const File& file, std::uint64_t size)
      : window_(file, size, "read the hints") {}

  /// @param data_size length of the data file in bytes
  /// @returns why the hints are not to be believed; null when they are.
  /// @throws IoError
  [[nodiscard]] const char* check(std::uint64_t data_size);

  /// @returns how long the data file is or was, as far as whole hints tell of
  ///   it, in bytes; 0 when they are not whole. Known after a `check`.
  [[nodiscard]] std::uint64_t covered() const { return covered_; }

  /// Calls `visit(entry)` with every entry but the last, of a file that
  /// `check` has found good.
  /// @throws IoError
  template <typename Visit>
  void for_each(const Visit& visit) {
    at_ = 0;
    HintEntry entry;
    while (next(entry)) visit(entry);
  }

  /// Puts the next entry into `entry`; the first one after a `check`.
  /// @returns false at the last one.
  /// @throws IoError
  bool next(HintEntry& entry);

 private:
  FileWindow window_;
  std::uint64_t at_ = 0;
  std::uint64_t covered_ = 0;
};

/// Compares hints with the records of which they tell. A hint file can be
/// whole, and of the same length, and yet belong to another data file: then
/// the keydir knows keys that are not there, and not those that are.
class HintCheck {
 public:
  /// Opens the hints, if there are any.
  /// @param path of the hint file
  /// @param data_size length of the data file in bytes
  /// @throws IoError
  HintCheck(Os& os, const std::string& path, std::uint64_t data_size);

  /// @returns why the hints are not to be believed, whatever the records are;
  ///   null when they are, or there are none.
  [[nodiscard]] const char* why() const { return why_; }

  /// @returns the length of the hint file in bytes.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// @returns whether there are hints, and they are to be believed.
  [[nodiscard]] bool believed() const { return reader_.has_value(); }

  /// @param record of the data file; called with each in order, but for those
  ///   that cannot be read
  /// @returns whether the hints tell of it, or are not believed anyway.
  /// @throws IoError
  bool fits(const LogEntry& record);

 private:
  std::optional<File> file_;
  std::uint64_t size_ = 0;
  std::optional<HintReader> reader_;  // only of hints that are believed
  HintEntry entry_;
  const char* why_ = nullptr;
};

}  // namespace strata::bitcask
