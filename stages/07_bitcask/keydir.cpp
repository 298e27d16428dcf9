#include "stages/07_bitcask/keydir.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>

namespace strata::bitcask {

namespace {

constexpr std::size_t kFewestSlots = 8;

// Whoever expects keys tells from records, and these may all be of one key.
constexpr std::uint64_t kMostExpected = std::uint64_t{1} << 22;

// Four of five slots may be taken.
bool is_full(std::size_t used, std::size_t slots) {
  return used * 5 > slots * 4;
}

// 1 to 255; 0 is a free slot.
std::uint8_t tag_of(std::uint64_t hash) {
  return static_cast<std::uint8_t>(1 + (hash >> 48 & 0xFF) % 255);
}

}  // namespace

Table::Packed Table::Packed::of(const Place& place, std::size_t key_size) {
  if (place.offset >= Place::kMaxOffset) {
    throw std::length_error("an offset past 64 TiB");
  }
  const auto flags = place.tombstone ? kTombstone : std::uint16_t{0};
  return {.file = place.file,
          .value_size = place.value_size,
          .tstamp = place.tstamp,
          .offset_low = static_cast<std::uint32_t>(place.offset),
          .offset_high = static_cast<std::uint16_t>(place.offset >> 32 | flags),
          .key_size = static_cast<std::uint16_t>(key_size)};
}

Place Table::Packed::place() const {
  const std::uint64_t high = offset_high & (kTombstone - 1);
  return {.file = file,
          .offset = high << 32 | offset_low,
          .value_size = value_size,
          .tstamp = tstamp,
          .tombstone = (offset_high & kTombstone) != 0};
}

Table::Packed Table::packed_at(std::size_t at) const {
  Packed packed;
  std::memcpy(&packed, arena_.data() + at, sizeof(packed));
  return packed;
}

void Table::write(std::size_t at, const Packed& packed) {
  std::memcpy(arena_.data() + at, &packed, sizeof(packed));
}

std::optional<std::size_t> Table::slot_of(std::uint64_t hash,
                                          std::string_view key) const {
  if (used_ == 0) return std::nullopt;
  const std::uint8_t tag = tag_of(hash);
  for (std::size_t slot = home_of(hash); tags_[slot] != 0; slot = after(slot)) {
    if (tags_[slot] != tag) continue;
    const std::size_t at = positions_[slot];
    if (key_at(at, packed_at(at)) == key) return slot;
  }
  return std::nullopt;
}

std::optional<Place> Table::find(std::uint64_t hash,
                                 std::string_view key) const {
  const auto slot = slot_of(hash, key);
  if (!slot) return std::nullopt;
  return packed_at(positions_[*slot]).place();
}

Table::Put Table::put(std::uint64_t hash, std::string_view key,
                      const Place& place) {
  const Packed packed = Packed::of(place, key.size());
  any_tombstones_ = any_tombstones_ || place.tombstone;
  if (const auto slot = slot_of(hash, key)) {
    const Place before = packed_at(positions_[*slot]).place();
    const bool newer = place.newer_than(before);
    if (newer) write(positions_[*slot], packed);
    return {newer, before};
  }
  make_room(sizeof(Packed) + key.size());
  const std::size_t at = arena_.size();
  arena_.resize(at + sizeof(Packed));
  write(at, packed);
  arena_.insert(arena_.end(), key.begin(), key.end());
  insert(hash, at);
  ++used_;
  return {true, std::nullopt};
}

std::optional<Place> Table::move(std::uint64_t hash, std::string_view key,
                                 const Place& place) {
  const auto slot = slot_of(hash, key);
  if (!slot) return std::nullopt;
  const Place before = packed_at(positions_[*slot]).place();
  if (before.file >= place.file) return std::nullopt;
  write(positions_[*slot], Packed::of(place, key.size()));
  return before;
}

void Table::erase(std::uint64_t hash, std::string_view key) {
  const auto found = slot_of(hash, key);
  if (!found) return;
  const std::size_t at = positions_[*found];
  Packed packed = packed_at(at);
  packed.offset_high |= Packed::kErased;
  write(at, packed);
  erased_bytes_ += sizeof(Packed) + packed.key_size;
  --used_;
  // Later keys of the chain move up, so that no hole cuts them off.
  std::size_t hole = *found;
  for (std::size_t slot = after(hole); tags_[slot] != 0; slot = after(slot)) {
    const std::size_t position = positions_[slot];
    const std::size_t home =
        home_of(hash_(key_at(position, packed_at(position))));
    const bool stays =
        hole < slot ? home > hole && home <= slot : home > hole || home <= slot;
    if (stays) continue;
    tags_[hole] = tags_[slot];
    positions_[hole] = positions_[slot];
    hole = slot;
  }
  tags_[hole] = 0;
}

// Lets the slot search end at the entry, which stands in the arena already.
void Table::insert(std::uint64_t hash, std::size_t at) {
  std::size_t slot = home_of(hash);
  while (tags_[slot] != 0) slot = after(slot);
  tags_[slot] = tag_of(hash);
  positions_[slot] = static_cast<std::uint32_t>(at);
}

// For one more key, whose entry takes so many bytes.
void Table::make_room(std::size_t bytes) {
  if (arena_.size() + bytes > arena_.capacity()) {
    if (erased_bytes_ * 8 > arena_.size()) squeeze_arena();
    const std::size_t want = arena_.size() + bytes;
    if (want > 0xFFFFFFFF) throw std::length_error("4 GiB of keys in a shard");
    if (want > arena_.capacity()) {
      arena_.reserve(want + (filling_ ? want : want / 16));
    }
  }
  if (is_full(used_ + 1, tags_.size())) {
    const std::size_t more = filling_ ? tags_.size() : tags_.size() / 5 + 1;
    rebuild_slots(std::max(kFewestSlots, tags_.size() + more));
  }
}

// Closes the holes of erased keys.
void Table::squeeze_arena() {
  std::size_t end = 0;
  for (std::size_t at = 0; at < arena_.size();) {
    const Packed packed = packed_at(at);
    const std::size_t size = sizeof(Packed) + packed.key_size;
    if (!packed.erased()) {
      std::memmove(arena_.data() + end, arena_.data() + at, size);
      end += size;
    }
    at += size;
  }
  arena_.resize(end);
  erased_bytes_ = 0;
  std::fill(tags_.begin(), tags_.end(), std::uint8_t{0});
  insert_all();
}

// Memory is taken first: without it everything stays as it was.
void Table::rebuild_slots(std::size_t slots) {
  std::vector<std::uint8_t> tags(slots);
  std::vector<std::uint32_t> positions(slots);
  tags_.swap(tags);
  positions_.swap(positions);
  insert_all();
}

void Table::insert_all() {
  for (std::size_t at = 0; at < arena_.size();) {
    const Packed packed = packed_at(at);
    if (!packed.erased()) insert(hash_(key_at(at, packed)), at);
    at += sizeof(Packed) + packed.key_size;
  }
}

void Table::forget_tombstones() {
  if (!any_tombstones_) return;
  any_tombstones_ = false;
  erase_if([](std::string_view /*key*/, const Place& place) {
    return place.tombstone;
  });
}

void Table::expect(std::size_t keys, std::size_t key_bytes) {
  const std::size_t bytes = keys * sizeof(Packed) + key_bytes;
  arena_.reserve(std::min<std::size_t>(bytes, 0xFFFFFFFF));
  const std::size_t slots = keys + keys / 4 + 1;
  if (slots > tags_.size()) rebuild_slots(slots);
}

void Table::shrink() {
  filling_ = false;
  if (arena_.capacity() > arena_.size() + arena_.size() / 16) {
    arena_.shrink_to_fit();
  }
  const std::size_t slots = used_ + used_ / 4 + 1;
  if (slots + slots / 5 < tags_.size()) rebuild_slots(slots);
}

Keydir::Keydir(std::uint64_t seed) : hash_(seed), shards_(new Shard[kShards]) {
  for (std::size_t i = 0; i < kShards; ++i) {
    shards_[i].table = std::make_shared<Table>(hash_);
  }
}

// The table, which no snapshot holds; the caller holds the lock.
Table& Keydir::Shard::to_change() {
  if (table.use_count() > 1) table = std::make_shared<Table>(*table);
  return *table;
}

Keydir::Put Keydir::put(std::string_view key, const Place& place) {
  const std::uint64_t hash = hash_(key);
  Shard& shard = shard_of(hash);
  const std::scoped_lock hold(shard.mutex);
  return shard.to_change().put(hash, key, place);
}

std::array<std::uint32_t, Keydir::kShards + 1> Keydir::Batch::sort() {
  std::array<std::uint32_t, kShards + 1> begins{};
  for (const Item& item : items_) ++begins[item.shard() + 1];
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  auto next = begins;
  order_.resize(items_.size());
  for (std::uint32_t i = 0; i < items_.size(); ++i) {
    order_[next[items_[i].shard()]++] = i;
  }
  return begins;
}

std::optional<Place> Keydir::erase(std::string_view key) {
  const std::uint64_t hash = hash_(key);
  Shard& shard = shard_of(hash);
  const std::scoped_lock hold(shard.mutex);
  const auto there = shard.table->find(hash, key);
  if (there) shard.to_change().erase(hash, key);
  return there;
}

Keydir::Snapshot::Snapshot(const Keydir& keydir) : keydir_(keydir) {
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::shared_lock hold(keydir.shards_[i].mutex);
    tables_[i] = keydir.shards_[i].table;
  }
}

// Under the lock, so that who finds himself alone with a table comes after
// everyone who read it.
Keydir::Snapshot::~Snapshot() {
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::shared_lock hold(keydir_.shards_[i].mutex);
    tables_[i].reset();
  }
}

std::unique_ptr<Keydir::Snapshot> Keydir::snapshot() const {
  return std::unique_ptr<Snapshot>(new Snapshot(*this));
}

void Keydir::quiesce() const {
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::scoped_lock hold(shards_[i].mutex);
  }
}

void Keydir::replace(Keydir& other, const std::function<void()>& meanwhile) {
  std::vector<std::unique_lock<std::shared_mutex>> holds;
  for (std::size_t i = 0; i < kShards; ++i) {
    holds.emplace_back(shards_[i].mutex);
  }
  for (std::size_t i = 0; i < kShards; ++i) {
    shards_[i].table.swap(other.shards_[i].table);
  }
  meanwhile();
}

void Keydir::forget_tombstones() {
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::scoped_lock hold(shards_[i].mutex);
    shards_[i].to_change().forget_tombstones();
  }
}

// Shards get different shares: a little more for each.
void Keydir::expect(std::uint64_t keys, std::uint64_t key_bytes) {
  keys = std::min(keys, kMostExpected);
  key_bytes = std::min(key_bytes, kMostExpected * 32);
  const auto share = [](std::uint64_t all) {
    return static_cast<std::size_t>((all + all / 32) / kShards);
  };
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::scoped_lock hold(shards_[i].mutex);
    shards_[i].to_change().expect(share(keys), share(key_bytes));
  }
}

void Keydir::shrink() {
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::scoped_lock hold(shards_[i].mutex);
    shards_[i].to_change().shrink();
  }
}

std::uint64_t Keydir::size() const {
  std::uint64_t keys = 0;
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::shared_lock hold(shards_[i].mutex);
    keys += shards_[i].table->size();
  }
  return keys;
}

std::uint64_t Keydir::bytes() const {
  std::uint64_t bytes = kShards * (sizeof(Shard) + sizeof(Table));
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::shared_lock hold(shards_[i].mutex);
    bytes += shards_[i].table->bytes();
  }
  return bytes;
}

}  // namespace strata::bitcask
