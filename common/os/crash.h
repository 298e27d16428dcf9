/// @file
/// Crashes: an `Os` that writes down every change to the disk, and from that
/// every state in which a crash could have left the disk.
///
/// @code
///   MemoryOs disk;
///   RecordingOs recorder(disk);
///   … store->set("a", "1"); recorder.mark(1);
///   for_each_power_cut(recorder.trace(), [](const CrashState& state) {
///     MemoryOs left(state.image);
///     … the operations 1 to state.acknowledged must be found in it
///   });
/// @endcode
///
/// The model. A kill -9 loses nothing that the system was told; only the write
/// under way may be cut. A power cut comes after any of the changes, and then
/// of those that no sync has covered any may be missing:
///
/// - A write or truncate is covered by a later sync of its file. Until then it
///   may be dropped; a write may also have left only its first bytes, zeros in
///   place of its bytes, or its first half with zeros behind it.
/// - A directory entry that was created, renamed, removed or made is covered
///   by a later sync of its directory, a rename by one of each directory.
///   Until then it may be dropped. A file or directory without its entry is
///   gone with all that is in it, synced or not.
///
/// These are the promises of POSIX, and less than ext4 or XFS keep in practice:
/// both bring a new file's name to disk along with its fsync. Stores that live
/// with this model live with them.
///
/// What it does not model: of several changes that nothing has covered, one is
/// missing, or all of one sort, or all, but not any other subset; the blocks of
/// one write do not overtake each other; a sync that failed has covered
/// nothing and broken nothing; a disk does not lie about what it has kept, and
/// a sector does not rot. The changes of a write are as big as the system said
/// they were.
/// @source Pillai et al., "All File Systems Are Not Created Equal: On the
///   Complexity of Crafting Crash-Consistent Applications", OSDI 2014 (ALICE)
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/memory_os.h"
#include "common/os/os.h"

namespace strata {

/// One change to the disk, or a sync, or a mark.
struct Change {
  /// What was done.
  enum class Kind : std::uint8_t {
    kMakeDirectory,  ///< a directory was made
    kCreate,         ///< an empty file got its first name
    kWrite,          ///< bytes were written to a file
    kTruncate,       ///< a file was cut or lengthened
    kRename,         ///< a name was moved, and what was there replaced
    kRemove,         ///< a name was taken away
    kSyncFile,       ///< a file's bytes were brought to disk
    kSyncDirectory,  ///< a directory's entries were brought to disk
    kMark,           ///< nothing: here the test acknowledged an operation
  };
  Kind kind = Kind::kMark;  ///< which of them
  std::string path;         ///< clean; the name it went by
  std::string to{};         ///< the new name of a rename
  std::size_t file = 0;     ///< which file, through all its names
  std::uint64_t value = 0;  ///< write: offset; truncate: new size; mark: its n
  std::string bytes{};      ///< what was written
};

/// What a run did to the disk.
struct Trace {
  Image start;                  ///< what was there before, all of it durable
  std::vector<Change> changes;  ///< in the order they were done
};

/// An `Os` that records. Calls that failed are not entered: they changed
/// nothing, or what is known of them (a short write) was what they returned.
class RecordingOs : public Os {
 public:
  /// @param os what carries the calls out; must outlive this
  /// @param start all files and directories that the run will find
  explicit RecordingOs(Os& os, Image start = {});

  /// Notes that here operation `n` was acknowledged. Rising from 1.
  void mark(std::uint64_t n);

  /// @returns a copy of what was recorded.
  [[nodiscard]] Trace trace() const;

  [[nodiscard]] OsResult open(const std::string& path, OpenMode mode,
                              const char* why) override;
  void close(int fd) override;
  [[nodiscard]] OsResult read_at(int fd, std::uint64_t offset, char* out,
                                 std::size_t size, const char* why) override;
  [[nodiscard]] OsResult write_at(int fd, std::uint64_t offset,
                                  std::string_view bytes,
                                  const char* why) override;
  [[nodiscard]] OsResult sync(int fd, const char* why) override;
  [[nodiscard]] OsResult truncate(int fd, std::uint64_t size,
                                  const char* why) override;
  [[nodiscard]] OsResult size(int fd, const char* why) override;
  [[nodiscard]] OsResult lock(int fd, const char* why) override;
  [[nodiscard]] OsResult rename(const std::string& from, const std::string& to,
                                const char* why) override;
  [[nodiscard]] OsResult remove(const std::string& path,
                                const char* why) override;
  [[nodiscard]] OsResult make_dir(const std::string& path,
                                  const char* why) override;
  [[nodiscard]] OsResult list(const std::string& path,
                              std::vector<std::string>& names,
                              const char* why) override;
  [[nodiscard]] OsResult map(int fd, std::size_t size, const char** out,
                             const char* why) override;
  void unmap(const char* start, std::size_t size) override;
  [[nodiscard]] std::uint64_t now_seconds() override;
  [[nodiscard]] std::uint64_t ticks_ns() override;
  [[nodiscard]] std::uint64_t random() override;

 private:
  struct Descriptor {
    std::string path;
    std::size_t file = 0;
    bool is_directory = false;
  };

  OsResult open_or_create(const std::string& path, OpenMode mode,
                          const char* why);

  Os& os_;
  mutable std::mutex mutex_;  // held over each call: the order is the disk's
  Trace trace_;
  std::map<std::string, std::size_t> names_;  // clean path to file
  std::size_t next_file_ = 0;
  std::map<int, Descriptor> open_;
};

/// What a crash may have left.
struct CrashState {
  const Image& image;              ///< the whole disk
  std::uint64_t acknowledged = 0;  ///< the last mark before it, or 0
  std::string what{};              ///< for a person: when, and what is missing
};

/// Takes a state; `image` is valid only during the call.
using CrashVisitor = std::function<void(const CrashState&)>;

/// Visits every state that a power cut at any point of the run could have left
/// (see above), each once.
/// @complexity states × changes, so traces of hundreds of changes at most.
void for_each_power_cut(const Trace& trace, const CrashVisitor& visit);

/// Visits every state that a kill -9 at any point of the run could have left,
/// each once.
void for_each_kill(const Trace& trace, const CrashVisitor& visit);

}  // namespace strata
