/// @file
/// What sorted tables hold of a key.
#pragma once

#include <string_view>

namespace strata::sst {

/// What is known of a key: its value, or that it was deleted.
struct Entry {
  std::string_view key;       ///< 1 to 65,535 bytes
  std::string_view value;     ///< empty in a tombstone
  bool is_tombstone = false;  ///< whether the key was deleted
};

/// What a search for a key in one memtable or table found.
enum class [[nodiscard]] Found : unsigned char{
    kNothing,    ///< an older table has to be asked
    kValue,      ///< the key's value
    kTombstone,  ///< the key was deleted; no older table is asked
};

}  // namespace strata::sst
