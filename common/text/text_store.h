/// @file
/// `TextLog` and `TextStore`: what stages 01, 02 and 03 have in common. They
/// write the same file and differ in how a `get` finds its record; the
/// commands that look at every record anyway are here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/os/file.h"
#include "common/store/log_writer.h"
#include "common/store/stage.h"
#include "common/store/store.h"
#include "common/text/text_reader.h"

namespace strata {

/// The text log of a store: one append-only file of lines (text_record.h).
///
/// A reader finds the file as it is at each call; a writer cuts off a torn tail
/// before it appends. A store that does not exist is an empty log.
class TextLog {
 public:
  /// The log's name within the store's directory.
  static constexpr const char* kName = "log.txt";

  /// Opens the log of the store that `options` tell of.
  /// @throws IoError, Busy
  explicit TextLog(const Options& options);

  /// Appends a record.
  /// @returns the offset of its line.
  /// @throws InvalidInput before anything is written; IoError as
  ///   `LogWriter::append` does.
  std::uint64_t append(std::string_view key, std::string_view value);

  /// @returns the log's file, or null when there is none.
  [[nodiscard]] const File* file() const;

  /// @returns how many bytes the log has now; asks the system unless it is
  ///   open for writing.
  [[nodiscard]] std::uint64_t size() const;

  /// Calls `on_record` for every record and `on_damage` for every line that is
  /// none, oldest first, each with a TextLine. Notes a torn tail.
  /// @param why told in the ledger
  /// @param end how much of the log to read: its `size()`, measured once for
  ///   all that has to fit together, since a writer may be at work
  template <typename OnRecord, typename OnDamage>
  void for_each_line(const char* why, std::uint64_t end,
                     const OnRecord& on_record, const OnDamage& on_damage) {
    if (file() == nullptr) return;
    TextReader reader(*file(), end, why);
    TextLine line;
    while (true) {
      switch (reader.next(line)) {
        case Decoded::kRecord:
          on_record(line);
          break;
        case Decoded::kCorrupt:
          on_damage(line);
          break;
        case Decoded::kTorn:
          note_torn_tail(line.offset, line.size);
          break;
        case Decoded::kEnd:
          return;
      }
    }
  }

  /// Reads `size` bytes of the log at byte `offset` into `out`.
  /// @throws Damage when the file ends before.
  void read(std::uint64_t offset, std::uint64_t size, std::string& out,
            const char* why) const;

  /// Says in one line, once, that the log ends in a piece of a record.
  void note_torn_tail(std::uint64_t offset, std::uint64_t size);

  /// Says in one line that a line is no record and is passed over.
  void note_damage(std::uint64_t offset, std::uint64_t size) const;

  /// @throws Damage naming the line at byte `offset`.
  [[noreturn]] void throw_damage(std::uint64_t offset) const;

 private:
  Options options_;
  std::optional<Directory> directory_;  // the writer's lock
  std::optional<LogWriter> writer_;
  std::optional<File> reader_;
  std::optional<std::uint64_t> torn_at_;  // until it has been cut off
  std::string record_;                    // being encoded
  bool noted_ = false;
};

/// A store over a text log. Stages add `set` and `get`.
class TextStore : public Store {
 public:
  /// @complexity keys, scan, stats and dump read the whole log, whatever
  ///   index the stage has, and hold every live key in memory.
  void keys(const KeyVisitor& visit) override;
  void scan(std::string_view from, std::string_view to,
            const PairVisitor& visit) override;
  [[nodiscard]] Stats stats() override;
  void dump(std::string_view file, const DumpVisitor& visit) override;

 protected:
  /// @throws as TextLog's constructor
  explicit TextStore(const Options& options) : log_(options) {}

  /// @returns the log, to be appended to and searched.
  [[nodiscard]] TextLog& log() { return log_; }

 private:
  struct Live {
    // Where the newest record of each key lies; `key` in a line is empty.
    std::map<std::string, TextLine, std::less<>> lines;
    std::uint64_t record_bytes = 0;  // of all records, dead ones included
  };

  template <typename OnDamage>
  Live find_live(std::uint64_t end, std::string_view from, std::string_view to,
                 const OnDamage& on_damage);
  Live live_or_damage(std::string_view from, std::string_view to);

  TextLog log_;
};

}  // namespace strata
