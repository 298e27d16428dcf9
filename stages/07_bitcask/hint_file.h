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

/// The hints of one data file. Read twice, since the checksum stands at the end:
/// once when they are opened, to check them, and once more for what they tell.
///
/// Hints can be whole, and of a file of the same length, and yet belong to
/// another one: then they tell of keys that are not there, and not of those
/// that are. Whoever reads the records too finds out by `fits`.
class HintReader {
 public:
  /// Opens and checks the hints, if there are any.
  /// @param path of the hint file
  /// @param data_size length of the data file in bytes
  /// @param why told in the ledger
  /// @throws IoError
  HintReader(Os& os, const std::string& path, std::uint64_t data_size,
             const char* why);

  HintReader(const HintReader&) = delete;             ///< not copyable
  HintReader& operator=(const HintReader&) = delete;  ///< not copyable

  /// @returns whether there is a hint file.
  [[nodiscard]] bool there() const { return window_.has_value(); }

  /// @returns why they are not to be believed; null when they are, or there are
  ///   none.
  [[nodiscard]] const char* damage() const { return damage_; }

  /// @returns whether there are hints, and they are to be believed.
  [[nodiscard]] bool believed() const { return there() && damage_ == nullptr; }

  /// @returns the length of the hint file in bytes; 0 without one.
  [[nodiscard]] std::uint64_t size() const {
    return there() ? window_->size() : 0;
  }

  /// @returns how long the data file is or was, as far as whole hints tell of
  ///   it, in bytes; 0 when they are not whole.
  [[nodiscard]] std::uint64_t covered() const { return covered_; }

  /// Calls `visit(entry)` with every entry but the last; of damaged hints, with
  /// those in front of the damage or, where the checksum is wrong, all.
  /// @throws IoError
  template <typename Visit>
  void for_each(const Visit& visit) {
    at_ = 0;
    HintEntry entry;
    while (next(entry)) visit(entry);
  }

  /// Compares believed hints with the data file. Not to be mixed with
  /// `for_each`.
  /// @param record of the data file; to be called with each in order, but for
  ///   those that cannot be read
  /// @returns whether the hints tell of it.
  /// @throws IoError
  [[nodiscard]] bool fits(const LogEntry& record);

 private:
  [[nodiscard]] const char* check(std::uint64_t data_size);
  bool next(HintEntry& entry);

  std::optional<File> file_;
  std::optional<FileWindow> window_;
  const char* damage_ = nullptr;
  std::uint64_t covered_ = 0;
  std::uint64_t at_ = 0;
};

}  // namespace strata::bitcask
