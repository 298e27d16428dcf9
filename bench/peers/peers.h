/// @file
/// The engines that people really use, one function for each. Only those whose
/// libraries were there when this was built are defined: `peer_subjects()`
/// (bench/subject.h) calls just them.
#pragma once

#include "bench/subject.h"

namespace strata::bench {

/// @name Peers
/// Each returns the engine, described, with the version of its library.
/// @{

[[nodiscard]] Subject berkeley_db_peer();
[[nodiscard]] Subject gdbm_peer();
[[nodiscard]] Subject kyoto_cabinet_peer();
[[nodiscard]] Subject leveldb_peer();
[[nodiscard]] Subject lmdb_peer();
[[nodiscard]] Subject rocksdb_peer();
[[nodiscard]] Subject sqlite_peer();
[[nodiscard]] Subject tkrzw_peer();

/// @}

}  // namespace strata::bench
