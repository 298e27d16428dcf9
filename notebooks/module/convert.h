/// @file
/// From the engines' values to Python's. Keys and values are bytes, for that is
/// what they are; names of files and what is told of them are strings.
///
/// All of it needs the interpreter's lock.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/os/ledger.h"
#include "common/os/recording_os.h"
#include "common/store/stage.h"
#include "common/store/store.h"

namespace strata::python {

/// A `DumpRecord` that outlives the visit: its views have become strings.
struct KeptRecord {
  std::string file;          ///< as in `DumpRecord`
  std::uint64_t offset = 0;  ///< as in `DumpRecord`
  std::uint64_t size = 0;    ///< as in `DumpRecord`
  std::string_view state;    ///< its name
  std::vector<std::pair<std::string, std::string>> fields;  ///< name and bytes
  std::string why;  ///< as in `DumpRecord`

  /// Copies `record`.
  explicit KeptRecord(const DumpRecord& record);
};

/// @returns a path as Python spells it, whatever bytes are in it.
[[nodiscard]] pybind11::str path_str(const std::string& path);

/// @returns name, title, flaw, what its records can hold, its options (each
///   with help, default, min and max) and what it refuses.
[[nodiscard]] pybind11::dict to_dict(const Stage& stage);

/// @returns the numbers by the names that they have in `Stats`.
[[nodiscard]] pybind11::dict to_dict(const Stats& stats);

/// @returns file, live_bytes, dead_bytes and dead_percent.
[[nodiscard]] pybind11::dict to_dict(const FileStats& file);

/// @returns file, offset, size, state, fields (a list of pairs) and why.
[[nodiscard]] pybind11::dict to_dict(const KeptRecord& record);

/// @returns file, offset, size and why.
[[nodiscard]] pybind11::dict to_dict(const DamagedPlace& place);

/// @returns for each kind of call how often it was made, and the bytes that
///   were read and written.
[[nodiscard]] pybind11::dict to_dict(const Totals& totals);

/// @returns call, path, offset, bytes, why and error; offset and bytes are None
///   where the call moves none.
[[nodiscard]] pybind11::dict to_dict(const LedgerEntry& entry);

/// @returns kind, path, to, offset and bytes; None where a change has none.
[[nodiscard]] pybind11::dict to_dict(const Change& change);

/// @returns a list of what `to_dict` makes of each.
template <typename Values>
[[nodiscard]] pybind11::list to_list(const Values& values) {
  pybind11::list all;
  for (const auto& value : values) all.append(to_dict(value));
  return all;
}

/// Raises the engines' errors as Python's: `InvalidInput` is a ValueError,
/// `IoError` an OSError with its number and file, `Damage` and `Busy` are
/// exceptions of the module.
void register_errors(pybind11::module_& module);

}  // namespace strata::python
