#include "stages/09_lsm_tree/block_cache.h"

namespace strata::lsm {

namespace {

// What a block costs beside its bytes, roughly: a node in the list, one in the
// map, the block itself.
constexpr std::uint64_t kBesides = 160;

}  // namespace

std::uint64_t BlockCache::cost(const LoadedBlock& block) {
  return block.bytes.capacity() + kBesides;
}

BlockPtr BlockCache::find(std::uint64_t table, std::uint64_t offset) {
  if (capacity_ == 0) return nullptr;
  const Key key{table, offset};
  Shard& shard = shards_[Hash()(key) % kShards];
  const std::scoped_lock hold(shard.lock);
  const auto found = shard.where.find(key);
  if (found == shard.where.end()) return nullptr;
  shard.blocks.splice(shard.blocks.begin(), shard.blocks, found->second);
  return found->second->second;
}

void BlockCache::keep(std::uint64_t table, std::uint64_t offset,
                      const BlockPtr& block) {
  const std::uint64_t room = capacity_ / kShards;
  if (cost(*block) > room) return;
  const Key key{table, offset};
  Shard& shard = shards_[Hash()(key) % kShards];
  const std::scoped_lock hold(shard.lock);
  if (shard.where.count(key) > 0) return;
  while (shard.bytes + cost(*block) > room) {
    const auto& [unused, oldest] = shard.blocks.back();
    shard.bytes -= cost(*oldest);
    shard.where.erase(unused);
    shard.blocks.pop_back();
  }
  shard.blocks.emplace_front(key, block);
  shard.where[key] = shard.blocks.begin();
  shard.bytes += cost(*block);
}

std::uint64_t BlockCache::bytes() const {
  std::uint64_t bytes = 0;
  for (const Shard& shard : shards_) {
    const std::scoped_lock hold(shard.lock);
    bytes += shard.bytes;
  }
  return bytes;
}

}  // namespace strata::lsm
