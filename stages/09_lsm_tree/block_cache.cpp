#include "stages/09_lsm_tree/block_cache.h"

#include <algorithm>
#include <utility>

namespace strata::lsm {

namespace {

// What a block costs beside its bytes, roughly: its slot, and those that are free
// for it.
constexpr std::uint64_t kBesides = 192;
constexpr std::size_t kFirstSlots = 16;

std::uint64_t cost(const LoadedBlock& block) {
  return block.size + kBesides;
}

// The shard is chosen by the upper half of it, the slot by the lower.
std::uint64_t hash_of(std::uint64_t table, std::uint64_t offset) {
  const std::uint64_t mixed =
      (table * 0x9E3779B97F4A7C15U ^ offset) * 0xBF58476D1CE4E5B9U;
  return mixed ^ mixed >> 29U;
}

}  // namespace

BlockCache::Shard& BlockCache::shard_of(std::uint64_t table,
                                        std::uint64_t offset) {
  return shards_[(hash_of(table, offset) >> 32U) % kShards];
}

LoadedBlock BlockCache::find(std::uint64_t table, std::uint64_t offset) {
  if (capacity_ == 0) return {};
  Shard& shard = shard_of(table, offset);
  const std::scoped_lock hold(shard.lock);
  if (shard.count == 0) return {};
  Slot& slot = shard.slot_for(table, offset);
  slot.was_used = !slot.is_free();
  return slot.block;
}

void BlockCache::keep(std::uint64_t table, std::uint64_t offset,
                      const LoadedBlock& block) {
  const std::uint64_t room = capacity_ / kShards;
  if (cost(block) > room) return;
  Shard& shard = shard_of(table, offset);
  const std::scoped_lock hold(shard.lock);
  if (shard.count > 0 && !shard.slot_for(table, offset).is_free()) return;
  while (shard.bytes + cost(block) > room) shard.let_one_go();
  if (2 * (shard.count + 1) > shard.slots.size()) shard.grow();
  shard.slot_for(table, offset) = {table, offset, block, false};
  ++shard.count;
  shard.bytes += cost(block);
}

std::uint64_t BlockCache::bytes() const {
  std::uint64_t bytes = 0;
  for (const Shard& shard : shards_) {
    const std::scoped_lock hold(shard.lock);
    bytes += shard.bytes;
  }
  return bytes;
}

// The slot in which a block is looked for first.
std::size_t BlockCache::Shard::home_of(std::uint64_t table,
                                       std::uint64_t offset) const {
  return static_cast<std::size_t>(hash_of(table, offset)) & (slots.size() - 1);
}

// The slot of a block, or the free one in which it would be.
BlockCache::Slot& BlockCache::Shard::slot_for(std::uint64_t table,
                                              std::uint64_t offset) {
  std::size_t at = home_of(table, offset);
  while (true) {
    Slot& slot = slots[at];
    const bool is_it = slot.table == table && slot.offset == offset;
    if (slot.is_free() || is_it) return slot;
    at = (at + 1) & (slots.size() - 1);
  }
}

void BlockCache::Shard::grow() {
  std::vector<Slot> smaller(std::max(2 * slots.size(), kFirstSlots));
  smaller.swap(slots);
  hand = 0;
  for (Slot& slot : smaller) {
    if (!slot.is_free()) slot_for(slot.table, slot.offset) = std::move(slot);
  }
}

void BlockCache::Shard::let_one_go() {
  const auto is_spared = [this] {
    Slot& slot = slots[hand];
    return slot.is_free() || std::exchange(slot.was_used, false);
  };
  const auto go_on = [this] { hand = (hand + 1) & (slots.size() - 1); };
  while (is_spared()) go_on();
  bytes -= cost(slots[hand].block);
  --count;
  erase(hand);
  if (slots[hand].is_free()) go_on();  // whoever comes next may get this slot
}

// Frees a slot. What follows it and was put behind its home, as that was taken,
// moves up: else it would not be found any more.
void BlockCache::Shard::erase(std::size_t at) {
  const std::size_t mask = slots.size() - 1;
  std::size_t hole = at;
  for (std::size_t next = (at + 1) & mask; !slots[next].is_free();
       next = (next + 1) & mask) {
    const std::size_t home = home_of(slots[next].table, slots[next].offset);
    const bool may_move = ((next - home) & mask) >= ((next - hole) & mask);
    if (may_move) slots[std::exchange(hole, next)] = std::move(slots[next]);
  }
  slots[hole] = {};
}

}  // namespace strata::lsm
