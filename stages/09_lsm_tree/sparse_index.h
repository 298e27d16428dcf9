/// @file
/// `SparseIndex`: which data block of a table has a key.
///
///     heads   | …0000 | …0131 | …0262 |      the next 8 bytes of each first key
///     keys    user0000user0131user0262       behind `user`, which all begin with
///     ends    |  4107 |  8215 | 12301 |      of the blocks, which lie in a row
///
/// A binary search over strings waits for memory at each step: they lie anywhere.
/// Here the bytes in which the first keys differ stand side by side as numbers,
/// eight of each key, so that the ten steps of a search touch a few lines of the
/// processor's cache. Keys themselves are compared only where those are equal.
/// @source Graefe and Larson, "B-Tree Indexes and CPU Caches", ICDE 2001, which
///   calls them poor man's normalized keys
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stages/09_lsm_tree/table_file.h"

namespace strata::lsm {

/// The first key of each data block of a table, and where the block is.
class SparseIndex {
 public:
  /// Where a data block is.
  struct Block {
    std::string_view first_key;  ///< of its entries
    Place place;                 ///< in the file, with its header
  };

  /// Adds a block that lies behind all others.
  /// @param first_key greater than theirs
  /// @param size of the block in bytes
  void add(std::string_view first_key, std::uint64_t size);

  /// Makes it ready to be searched, once all blocks are added.
  void finish();

  /// @returns the number of the block in which `key` is if it is there at all;
  ///   of a key that is less than all, 0. There must be a block.
  /// @complexity the logarithm of the blocks
  [[nodiscard]] std::size_t block_of(std::string_view key) const;

  /// @returns a block, by its number in file order.
  [[nodiscard]] Block operator[](std::size_t number) const {
    return {first_key(number), place(number)};
  }

  /// @returns the last block. There must be one.
  [[nodiscard]] Block back() const { return (*this)[size() - 1]; }

  /// @returns the least key of a block.
  [[nodiscard]] std::string_view first_key(std::size_t number) const {
    const std::size_t begin = number == 0 ? 0 : key_ends_[number - 1];
    return std::string_view(keys_).substr(begin, key_ends_[number] - begin);
  }

  /// @returns where a block is.
  [[nodiscard]] Place place(std::size_t number) const {
    const std::uint64_t begin = number == 0 ? 0 : ends_[number - 1];
    return {begin, ends_[number] - begin};
  }

  /// @returns where a block ends in the file.
  [[nodiscard]] std::uint64_t end(std::size_t number) const {
    return ends_[number];
  }

  /// @returns the number of blocks.
  [[nodiscard]] std::size_t size() const { return ends_.size(); }

  /// @returns whether there is no block.
  [[nodiscard]] bool empty() const { return ends_.empty(); }

  /// @returns memory that it holds, in bytes.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  [[nodiscard]] std::uint64_t head_of(std::string_view key) const;

  std::size_t shared_ = 0;  // how many bytes all first keys begin with
  std::vector<std::uint64_t> heads_;   // the bytes behind those, as numbers
  std::string keys_;                   // one behind the other
  std::vector<std::size_t> key_ends_;  // where in `keys_` each one ends
  std::vector<std::uint64_t> ends_;    // where in the file each block ends
};

}  // namespace strata::lsm
