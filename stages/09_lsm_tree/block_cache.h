/// @file
/// `BlockCache`: blocks that were read, for the next who needs them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace strata::lsm {

/// A data block as it is searched: checked, and unfolded.
struct LoadedBlock {
  std::string bytes;         ///< owns them
  std::string_view entries;  ///< in `bytes`

  LoadedBlock() = default;
  LoadedBlock(const LoadedBlock&) = delete;
  LoadedBlock& operator=(const LoadedBlock&) = delete;
};

/// Who holds one may read it, in the cache or no more.
using BlockPtr = std::shared_ptr<const LoadedBlock>;

/// Keeps the blocks that were used last, as many as fit. For many threads at
/// once: it is cut into shards, each with a lock of its own, so that readers
/// seldom meet.
class BlockCache {
 public:
  /// @param bytes how much the blocks may take; 0 keeps none
  explicit BlockCache(std::uint64_t bytes) : capacity_(bytes) {}

  /// @returns the block at that offset of that table; null where it is not
  ///   here.
  [[nodiscard]] BlockPtr find(std::uint64_t table, std::uint64_t offset);

  /// Keeps a block, in the place of those that were not used for longest.
  void keep(std::uint64_t table, std::uint64_t offset, const BlockPtr& block);

  /// @returns what the blocks in it take, in bytes: never more than it may.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  static constexpr std::size_t kShards = 16;

  struct Key {
    std::uint64_t table;
    std::uint64_t offset;

    bool operator==(const Key& other) const {
      return table == other.table && offset == other.offset;
    }
  };

  struct Hash {
    std::size_t operator()(const Key& key) const {
      const std::uint64_t mixed =
          (key.table * 0x9E3779B97F4A7C15U ^ key.offset) * 0xBF58476D1CE4E5B9U;
      return static_cast<std::size_t>(mixed ^ mixed >> 32U);
    }
  };

  struct Shard {
    using Blocks = std::list<std::pair<Key, BlockPtr>>;  // last used first

    mutable std::mutex lock;
    Blocks blocks;
    std::unordered_map<Key, Blocks::iterator, Hash> where;
    std::uint64_t bytes = 0;
  };

  [[nodiscard]] static std::uint64_t cost(const LoadedBlock& block);

  const std::uint64_t capacity_;
  std::array<Shard, kShards> shards_;
};

}  // namespace strata::lsm
