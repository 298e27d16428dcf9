/// @file
/// Crashes: every state in which a crash could have left the disk, rebuilt from
/// a recording of what a run did to it.
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
#include <string>

#include "common/os/memory_os.h"
#include "common/os/recording_os.h"

namespace strata {

/// What a crash may have left.
struct CrashState {
  const Image& image;              ///< the whole disk
  std::uint64_t acknowledged = 0;  ///< the last mark before it, or 0
  std::size_t changes = 0;         ///< of the trace that came before it
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

/// Makes a sync of a recording one that covers nothing, so that all other
/// changes keep their places: what if it had been forgotten?
/// @param number which change, from 1
/// @returns whether there is such a change, and it is a sync
[[nodiscard]] bool leave_out_sync(Trace& trace, std::size_t number);

}  // namespace strata
