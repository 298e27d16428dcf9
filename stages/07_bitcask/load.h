/// @file
/// Start-up: from the files on disk to the keydir.
///
/// Every data file is read by its hints where they are to be believed, and
/// record by record where they are not. The order of files and threads does
/// not matter, since places tell which record is newer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/os/file.h"
#include "common/record/record_reader.h"
#include "common/store/stage.h"
#include "stages/07_bitcask/data_files.h"
#include "stages/07_bitcask/hint_file.h"
#include "stages/07_bitcask/keydir.h"

namespace strata::bitcask {

/// What stands in a directory.
struct Listing {
  std::vector<std::shared_ptr<DataFile>> files;  ///< ascending, not yet read
  std::vector<std::string> unfinished;           ///< left by a crash: names
  std::vector<std::uint32_t> lost;  ///< ids of hint files without a data file
  std::uint64_t next_id = 1;        ///< above every id that was ever seen
};

/// @returns what stands in the store's directory.
/// @throws IoError; Damage when two names say the same id.
[[nodiscard]] Listing list_store(const Options& options);

/// Takes the place of a record.
using PlaceVisitor =
    std::function<void(std::string_view key, const Place& place)>;

/// @returns whether a record of `data` says that its key is deleted.
/// @throws IoError
[[nodiscard]] bool is_tombstone_record(const File& data, const LogEntry& entry);

/// What reading one data file found beside its records.
struct FileFaults {
  std::vector<FileGap> gaps;          ///< stretches that are no records
  std::optional<std::uint64_t> torn;  ///< where an unfinished record begins
  std::uint64_t missing = 0;  ///< bytes behind the end of which hints tell
};

/// Visits the place of each record of a file, in order, and counts them in
/// `file.counts`. Reads the hints where they are to be believed, else the data.
/// @param file whose `end` is set to what there is of it
/// @throws IoError
FileFaults for_each_place(const Options& options, DataFile& file,
                          const PlaceVisitor& visit);

/// Measures the files of a listing and leaves out those that Riak has marked:
/// before it deletes what it has merged, it lets others execute it, or once set
/// the user's id. Nothing in them counts any more. A file that its owner or
/// group may execute too bears no mark of Riak's: somebody has changed the
/// rights of all files.
/// @returns the marked ones.
/// @throws IoError
std::vector<std::shared_ptr<DataFile>> leave_out_marked(const Options& options,
                                                        Listing& listing);

/// Fills `keydir` from all the files, with several threads where that is worth
/// it, and counts what is live in each. A torn end of the newest file is told
/// and, in a store opened for writing, cut off; one elsewhere is damage.
/// @returns the files, and what is damaged in them.
/// @throws IoError
/// @param listing measured
std::shared_ptr<FileSet> load(const Options& options, const Listing& listing,
                              Keydir& keydir);

}  // namespace strata::bitcask
