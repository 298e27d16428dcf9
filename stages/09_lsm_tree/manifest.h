/// @file
/// The manifest: the file that says which tables and which logs are the store.
///
///     strata lsm manifest 1
///     log 7
///     next 13
///     level 0 16076552
///     run
///     table 12 4019211 35010 0 <first key> <last key>
///     run
///     table 9 4019188 35002 12 <first key> <last key>
///     level 1 31337012
///     …
///     crc 9d2f11c0
///
/// Of the logs, those from `log` on hold what no table holds. No file was ever
/// given the number `next` or a higher one: so none gets the number of a file
/// that is gone, for which a reader might take it. Behind a level's number stand
/// the bytes that were ever written into it, of which `stats` tells the write
/// amplification. One line a table: its number, its bytes, its entries, how many
/// of these are tombstones, its first key and its last, escaped as `batch` does
/// and separated by tabs. `crc` is the CRC-32 (zlib's) of all lines before it, in
/// hex.
///
/// It is small, so it is written whole each time, as `MANIFEST.writing`, made
/// durable, and then given its name: a rename happens or it does not. Before
/// that nothing that it names is not durable; after it, and not before the
/// rename is durable, what it no longer names is removed. A store without one
/// has had no table yet: its logs begin with the first.
///
/// What it costs: bytes in proportion to the tables, once for each table that is
/// written. LevelDB and RocksDB append each change to a log instead, so that
/// theirs are cheap with a hundred thousand tables, and need a file more,
/// CURRENT, to say which manifest counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/stage.h"
#include "stages/09_lsm_tree/table_file.h"

namespace strata::lsm {

/// How many levels there may be.
inline constexpr std::size_t kLevels = 7;

/// The manifest's name.
inline constexpr const char* kManifest = "MANIFEST";

/// Its name while it is being written.
inline constexpr const char* kManifestWriting = "MANIFEST.writing";

/// Bytes that were written into each level since the store was made.
using BytesWritten = std::array<std::uint64_t, kLevels>;

/// What a manifest says.
struct Manifest {
  using Run = std::vector<TableInfo>;  ///< in the order of their keys
  using Level = std::vector<Run>;      ///< the newest first

  std::uint64_t log = 1;      ///< the first that holds what no table holds
  std::uint64_t next = 1;     ///< no file had this number, or a higher one
  std::vector<Level> levels;  ///< of tables
  BytesWritten written{};     ///< into each
};

/// @returns the text of a manifest.
[[nodiscard]] std::string encode_manifest(const Manifest& manifest);

/// Reads the text of a manifest.
/// @param path told in errors
/// @throws Damage when it is none, or says what cannot be: keys that do not
///   rise within a run, a table twice, a level too many
[[nodiscard]] Manifest decode_manifest(std::string_view text,
                                       const std::string& path);

/// Reads the manifest of the store that `options` tell of.
/// @returns its text; empty where there is none.
/// @throws IoError
[[nodiscard]] std::string read_manifest(const Options& options);

}  // namespace strata::lsm
