/// @file
/// `BlockCache`: blocks that were read, for the next who needs them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace strata::lsm {

/// A data block as it is searched: checked, and unfolded. Who holds one may
/// read it, in the cache or no more.
struct LoadedBlock {
  std::shared_ptr<const char[]> bytes{};  ///< own them; null for no block
  std::size_t size = 0;                   ///< of these
  std::string_view entries{};             ///< in these
};

/// Keeps as many blocks as fit. When one more comes, a hand goes around among
/// them: it takes away the first that was not used since it last came by, and
/// those that were it spares once.
///
///     slots   | 4.sst 8215 | – | 9.sst 0 | 4.sst 0 | – | …
///               used             used      not: it goes
///                                ^ hand ──▶
///
/// Of what the last use of each would tell, that keeps nearly all; but who finds
/// a block sets one bit, where a list in the order of use would have to be mended.
///
/// For many threads at once: it is cut into shards, each with a lock of its own,
/// so that readers seldom meet. A shard is a hash table in one piece: to find a
/// block costs one load from memory.
/// @source the clock algorithm: Corbató, "A Paging Experiment with the Multics
///   System", 1968
class BlockCache {
 public:
  /// @param bytes how much the blocks may take; 0 keeps none
  explicit BlockCache(std::uint64_t bytes) : capacity_(bytes) {}

  /// @returns the block at that offset of that table; none where it is not
  ///   here.
  [[nodiscard]] LoadedBlock find(std::uint64_t table, std::uint64_t offset);

  /// Keeps a block, in the place of others that were not used for long.
  void keep(std::uint64_t table, std::uint64_t offset,
            const LoadedBlock& block);

  /// @returns what the blocks in it take, in bytes: never more than it may.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  static constexpr std::size_t kShards = 16;

  struct alignas(64) Slot {
    std::uint64_t table = 0;
    std::uint64_t offset = 0;
    LoadedBlock block;  // none: the slot is free
    bool was_used = false;

    [[nodiscard]] bool is_free() const { return block.bytes == nullptr; }
  };

  // A hash table with linear probing. Half of its slots are free at least.
  struct Shard {
    mutable std::mutex lock;
    std::vector<Slot> slots;  // a power of two of them
    std::size_t count = 0;    // which are not free
    std::size_t hand = 0;     // the slot that is asked to go next
    std::uint64_t bytes = 0;

    [[nodiscard]] std::size_t home_of(std::uint64_t table,
                                      std::uint64_t offset) const;
    [[nodiscard]] Slot& slot_for(std::uint64_t table, std::uint64_t offset);
    void grow();
    void let_one_go();
    void erase(std::size_t at);
  };

  [[nodiscard]] Shard& shard_of(std::uint64_t table, std::uint64_t offset);

  const std::uint64_t capacity_;
  std::array<Shard, kShards> shards_;
};

}  // namespace strata::lsm
