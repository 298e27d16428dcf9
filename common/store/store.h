/// @file
/// `Store`: what every stage is, from a text file scanned whole to a Bitcask.
///
/// @code
///   Options options;
///   options.directory = "fruit.db";
///   options.mode = Mode::kWrite;
///   auto store = find_stage("04_keydir")->open(options);
///   store->set("apple", "green");
///   std::string value;
///   if (store->get("apple", value)) { … }
/// @endcode
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata {

/// What a store is made of and what opening it took. All sizes in bytes.
struct Stats {
  std::uint64_t keys = 0;        ///< live keys
  std::uint64_t live_bytes = 0;  ///< records a get can return, headers included
  std::uint64_t dead_bytes = 0;  ///< records overwritten or deleted, tombstones
  std::uint64_t disk_bytes = 0;  ///< every file of the store
  std::uint64_t files = 0;       ///< files of the store
  std::uint64_t index_bytes = 0;  ///< memory held by the index
};

/// What a file's records are worth. All sizes in bytes.
struct FileStats {
  std::string name;              ///< within the store's directory
  std::uint64_t live_bytes = 0;  ///< records a get can return
  std::uint64_t dead_bytes = 0;  ///< all others, tombstones too

  /// @returns the share of dead bytes in percent, rounded down; 0 where there
  ///   are no records.
  [[nodiscard]] unsigned dead_percent() const {
    const std::uint64_t all = live_bytes + dead_bytes;
    if (all == 0) return 0;
    return static_cast<unsigned>(100.0L * static_cast<long double>(dead_bytes) /
                                 static_cast<long double>(all));
  }
};

/// One record as it lies on disk, live or not, or a stretch that is none.
struct DumpRecord {
  /// What the record is to a reader of the store.
  enum class State : std::uint8_t {
    kLive,       ///< a get returns it
    kDead,       ///< a later record of the same key hides it
    kTombstone,  ///< says that its key is deleted
    kTorn,       ///< the unfinished end of the newest file
    kDamaged,    ///< bytes that are no record
  };
  std::string_view file;       ///< name within the store's directory
  std::uint64_t offset = 0;    ///< where it begins in the file
  std::uint64_t size = 0;      ///< its length on disk
  State state = State::kLive;  ///< what it is
  /// Every field in file order, name and bytes; numbers in decimal, checksums
  /// in hex. Empty where there is no record.
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  std::string_view why;  ///< what is wrong, where there is no record
};

/// @returns the state in one word: "live", "dead", "tombstone", "torn" or
///   "damaged".
[[nodiscard]] std::string_view name_of(DumpRecord::State state);

/// A stretch of a file that holds no readable record.
struct DamagedPlace {
  std::string file;          ///< path, as the store was opened
  std::uint64_t offset = 0;  ///< first damaged byte
  std::uint64_t size = 0;    ///< bytes until the next intact record
  std::string why;           ///< e.g. "checksum does not match"
};

/// A key-value store in a directory.
///
/// Keys and values are byte strings; which ones a stage can hold its `Limits`
/// say. The last `set` of a key wins. Views handed to a visitor are valid only
/// during that call.
///
/// Every method may throw `IoError` (the system refused; nothing that was
/// acknowledged is lost) and `Damage` (the answer would have to come from
/// damaged bytes, or could be hidden by them: *never wrong, never stale*).
///
/// A store is used by one thread at a time unless its stage says otherwise,
/// and must not outlive its `Os`.
class Store {
 public:
  /// Takes a live key.
  using KeyVisitor = std::function<void(std::string_view key)>;
  /// Takes a live key and its value.
  using PairVisitor =
      std::function<void(std::string_view key, std::string_view value)>;
  /// Takes a record on disk.
  using DumpVisitor = std::function<void(const DumpRecord&)>;
  /// Takes the answer for one key of several: which, and its value or null.
  using AnswerVisitor =
      std::function<void(std::size_t key, const std::string* value)>;
  /// Takes a damaged place.
  using DamageVisitor = std::function<void(const DamagedPlace&)>;

  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  /// Writes `value` under `key`. When it returns, the write has reached the
  /// operating system (`Sync::kNever`) or the disk (`Sync::kAlways`).
  /// @throws InvalidInput for what this stage cannot hold; nothing changed.
  /// @throws IoError when the disk is full or fails: the write is not
  ///   acknowledged and its part on disk, if any, is cut off again; `get`
  ///   answers as before. After a failed sync every later write throws until
  ///   the store is opened anew.
  virtual void set(std::string_view key, std::string_view value) = 0;

  /// Puts the last value of `key` into `value`, whose memory is reused.
  /// @returns false when there is no such key; `value` is then unspecified.
  [[nodiscard]] virtual bool get(std::string_view key, std::string& value) = 0;

  /// Looks up several keys at once, each visited once, in any order. A store
  /// that can ask for many faster than for one after the other does; this one
  /// calls `get` for each.
  virtual void get_batch(const std::vector<std::string_view>& keys,
                         const AnswerVisitor& visit);

  /// Deletes `key`; one that is not there is no error.
  /// @throws InvalidInput in a stage that has no tombstones.
  virtual void del(std::string_view key);

  /// Visits every live key, in any order.
  virtual void keys(const KeyVisitor& visit) = 0;

  /// Visits the live keys in [`from`, `to`) with their values, ascending by
  /// bytes. An empty `to` means no upper bound.
  virtual void scan(std::string_view from, std::string_view to,
                    const PairVisitor& visit) = 0;

  /// Writes out what acknowledged writes have left in memory, in a stage that
  /// keeps them there; in every other there is nothing to do. A store that is
  /// destroyed does so too, but cannot throw.
  /// @throws IoError: what could not be written out stays in memory.
  virtual void flush() {}

  /// Reclaims the space of dead records, in the calling thread.
  /// @throws InvalidInput in a stage that cannot.
  virtual void compact();

  /// @returns what the store is made of.
  [[nodiscard]] virtual Stats stats() = 0;

  /// Visits every record on disk, oldest first, and every stretch that is
  /// none. `file` names one of the store's files, or is empty for all.
  /// @throws InvalidInput when the store has no file of that name.
  virtual void dump(std::string_view file, const DumpVisitor& visit) = 0;

  /// Reads every byte, checks every checksum and visits what is damaged. A
  /// torn tail is what a crash leaves and not damage.
  /// @throws InvalidInput in a stage whose records hold no checksum.
  virtual void verify(const DamageVisitor& visit);

  /// Copies every readable record into a new store at `directory`, which is
  /// missing or empty, and visits what was lost. This store stays as it is.
  /// @throws InvalidInput when `directory` holds anything, or in a stage whose
  ///   records hold no checksum.
  virtual void salvage(const std::string& directory,
                       const DamageVisitor& visit);

  /// @returns each file that holds records, oldest first, with what they are
  ///   worth.
  /// @throws IoError
  /// @complexity unless a stage keeps account of it, as that of `dump`
  [[nodiscard]] virtual std::vector<FileStats> file_stats();

  /// @returns what else there is to tell of a store's shape, a line each, in a
  /// stage that has more than files: `stats --files` prints them.
  /// @throws IoError
  [[nodiscard]] virtual std::vector<std::string> details() { return {}; }

  /// @returns how many keydirs, or sorted tables, gets have asked since the
  ///   open, in a stage that has more than one; 0 in every other. It is no I/O
  ///   of its own, but it is a cost.
  [[nodiscard]] virtual std::uint64_t index_probes() const { return 0; }
};

}  // namespace strata
