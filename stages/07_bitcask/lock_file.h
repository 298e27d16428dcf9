/// @file
/// Lock files: who writes and who merges, for people and for Riak to read.
///
///     bitcask.write.lock     "4711 /data/fruit/3.bitcask.data\n"
///     bitcask.merge.lock     "4711 /data/fruit/5.bitcask.data\n"
///     bitcask.create.lock    "4711 \n"
///
/// Nobody is kept out by such a file. Its process may be long dead, or its
/// number may be that of a stranger by now; then who believes it waits for ever
/// (basho/bitcask#99), and who cannot read it stops working (#163). What keeps
/// a second writer out is the lock on the store's directory, which the system
/// takes back when its process dies. A file that was left behind is written
/// over.
/// @source basho/bitcask, src/bitcask_lockops.erl
#pragma once

#include <string>
#include <string_view>

#include "common/os/file.h"
#include "common/store/stage.h"

namespace strata::bitcask {

/// A lock file, there as long as the object. The caller holds the lock of the
/// store's directory.
class LockFile {
 public:
  /// Makes the file `bitcask.KIND.lock`, writing over one left behind.
  /// @param options whose store
  /// @param kind "write", "merge" or "create"
  /// @param file path of the file worked on; may be empty
  /// @throws IoError, also where the name is a symbolic link
  LockFile(const Options& options, std::string_view kind,
           std::string_view file);

  LockFile(const LockFile&) = delete;             ///< not copyable
  LockFile& operator=(const LockFile&) = delete;  ///< not copyable

  /// Removes the file.
  ~LockFile();

  /// Tells another file to be the one worked on.
  /// @throws IoError
  void tell(std::string_view file);

 private:
  Os& os_;
  std::string path_;
};

}  // namespace strata::bitcask
