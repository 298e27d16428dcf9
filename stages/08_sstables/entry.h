/// @file
/// What a memtable and a table hold of a key, and how one goes through them.
#pragma once

#include <string_view>

namespace strata::sstables {

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

/// Goes through entries in the order of their keys, ascending by bytes.
class Cursor {
 public:
  Cursor() = default;
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  virtual ~Cursor() = default;

  /// Moves to the next entry; the first call, to the first.
  /// @returns false at the end.
  /// @throws IoError; Damage where the next entry cannot be read
  [[nodiscard]] virtual bool next() = 0;

  /// @returns where it stands; valid until the next call of `next`.
  [[nodiscard]] virtual const Entry& entry() const = 0;
};

}  // namespace strata::sstables
