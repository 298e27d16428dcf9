/// @file
/// The keydir: every key in memory, and where its newest record is.
///
///     hash of the key, 64 bits
///     ┌─ 8: shard ─┬─ 8: tag ─┬──────────────┬─ 32: slot ─┐
///
///     one of 256 shards: a lock and a table
///
///     tags        ┌──┬──┬──┬──┬──┐    1 byte a slot; 0 is free
///     positions   ├──┼──┼──┼──┼──┤    4 bytes a slot: where in the arena
///                 └──┴──┴┼─┴──┴──┘
///                        ▼
///     arena   │ file value_size tstamp offset key_size │ key │ file … │ key │
///               4    4          4      6      2  bytes
///
/// A `std::unordered_map` of strings would spend 80 bytes on what is 20 here:
/// no pointers, no allocation a key, no rounding up. Tables grow by a fifth and
/// arenas by a sixteenth at a time: with 256 small tables that is quick, and
/// little lies idle. Together at most 32 bytes a key beside the key itself.
/// Only while a store is opened they grow twofold, to be shrunk in the end.
/// @source Sheehy and Smith, "Bitcask: A Log-Structured Hash Table for Fast
///   Key/Value Data", Basho 2010: "a keydir is simply a hash table that maps
///   every key in a Bitcask to a fixed-size structure"
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/record/binary_record.h"
#include "common/store/hash.h"

namespace strata::bitcask {

/// Where a record is, and what can be told of it without reading it.
struct Place {
  /// Offsets must be below this many bytes, 64 TiB: a file's length.
  static constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 46;

  std::uint32_t file = 0;        ///< id of its data file
  std::uint64_t offset = 0;      ///< of its first byte, in bytes
  std::uint32_t value_size = 0;  ///< in bytes
  std::uint32_t tstamp = 0;      ///< seconds since 1970
  bool tombstone = false;        ///< whether it says that the key is deleted

  /// @returns whether the record was written after the one at `other`: by file
  ///   and offset, never by a clock.
  [[nodiscard]] bool newer_than(const Place& other) const {
    return file != other.file ? file > other.file : offset > other.offset;
  }

  /// @returns whether it is the same record.
  [[nodiscard]] bool same_as(const Place& other) const {
    return file == other.file && offset == other.offset;
  }

  /// @returns the length of the record of a key so long, in bytes.
  [[nodiscard]] std::uint64_t record_size(std::size_t key_size) const {
    return kHeaderBytes + key_size + std::uint64_t{value_size};
  }
};

/// A hash table of keys and places, packed; open addressing, linear probing.
/// Knows nothing of threads.
class Table {
 public:
  /// A new table expects to be filled with many keys, until `shrink`.
  /// @param hash what `hash` arguments were made with
  explicit Table(KeyHash hash) : hash_(hash) {}

  /// @returns where the key is, or nothing.
  [[nodiscard]] std::optional<Place> find(std::uint64_t hash,
                                          std::string_view key) const;

  /// What `put` found.
  struct Put {
    bool placed = false;          ///< false: there was a newer record already
    std::optional<Place> before;  ///< what was there
  };

  /// Puts the key at `place`, unless a newer record is known.
  /// @throws std::length_error past 4 GiB of keys, std::bad_alloc
  Put put(std::uint64_t hash, std::string_view key, const Place& place);

  /// Moves a key that is there, in an older file, to `place`.
  /// @returns whence; nothing when it is not.
  std::optional<Place> move(std::uint64_t hash, std::string_view key,
                            const Place& place);

  /// Forgets the key, if it is there.
  void erase(std::uint64_t hash, std::string_view key);

  /// Calls `visit(key, place)` with each key, in the order of their first
  /// coming.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t at = 0; at < arena_.size();) {
      const Packed packed = packed_at(at);
      if (!packed.erased()) visit(key_at(at, packed), packed.place());
      at += sizeof(Packed) + packed.key_size;
    }
  }

  /// Forgets every key for which `is(key, place)`.
  template <typename Is>
  void erase_if(const Is& is) {
    const std::size_t before = erased_bytes_;
    for (std::size_t at = 0; at < arena_.size();) {
      Packed packed = packed_at(at);
      const std::size_t size = sizeof(Packed) + packed.key_size;
      if (!packed.erased() && is(key_at(at, packed), packed.place())) {
        packed.offset_high |= Packed::kErased;
        write(at, packed);
        erased_bytes_ += size;
        --used_;
      }
      at += size;
    }
    if (erased_bytes_ > before) squeeze_arena();
  }

  /// Forgets every tombstone.
  void forget_tombstones();

  /// Makes room for so many keys and bytes of them.
  void expect(std::size_t keys, std::size_t key_bytes);

  /// Gives back what memory lies idle; from now on little of it ever does.
  void shrink();

  /// @returns how many keys.
  [[nodiscard]] std::size_t size() const { return used_; }

  /// @returns the memory held, in bytes.
  [[nodiscard]] std::size_t bytes() const {
    return arena_.capacity() + tags_.capacity() +
           positions_.capacity() * sizeof(std::uint32_t);
  }

 private:
  // What stands in the arena before each key.
  struct Packed {
    static constexpr std::uint16_t kErased = 0x8000;
    static constexpr std::uint16_t kTombstone = 0x4000;

    std::uint32_t file;
    std::uint32_t value_size;
    std::uint32_t tstamp;
    std::uint32_t offset_low;
    std::uint16_t offset_high;  // 14 bits, and two for what the key is
    std::uint16_t key_size;

    static Packed of(const Place& place, std::size_t key_size);
    [[nodiscard]] Place place() const;

    [[nodiscard]] bool erased() const { return (offset_high & kErased) != 0; }
  };

  static_assert(sizeof(Packed) == 20);

  [[nodiscard]] Packed packed_at(std::size_t at) const;

  [[nodiscard]] std::string_view key_at(std::size_t at,
                                        const Packed& packed) const {
    return {arena_.data() + at + sizeof(Packed), packed.key_size};
  }

  [[nodiscard]] std::size_t home_of(std::uint64_t hash) const {
    return (hash & 0xFFFFFFFF) * tags_.size() >> 32;
  }

  [[nodiscard]] std::size_t after(std::size_t slot) const {
    return slot + 1 == tags_.size() ? 0 : slot + 1;
  }

  [[nodiscard]] std::optional<std::size_t> slot_of(std::uint64_t hash,
                                                   std::string_view key) const;
  void write(std::size_t at, const Packed& packed);
  void insert(std::uint64_t hash, std::size_t at);
  void make_room(std::size_t bytes);
  void squeeze_arena();
  void rebuild_slots(std::size_t slots);
  void insert_all();

  KeyHash hash_;
  std::vector<char> arena_;
  std::vector<std::uint8_t> tags_;
  std::vector<std::uint32_t> positions_;
  std::size_t used_ = 0;
  std::size_t erased_bytes_ = 0;  // of the arena
  bool filling_ = true;
  bool any_tombstones_ = false;  // maybe
};

/// The keydir of a store, for many threads at once.
///
/// Who looks a key up holds its shard's lock, shared, and may go on reading the
/// record under it: so long as the lock is held, no place leaves the shard.
/// That is what keeps a file from being closed under a reader's hands, see
/// `quiesce`.
class Keydir {
 public:
  /// How many shards.
  static constexpr std::size_t kShards = 256;

  /// @param seed of the hash; take it from `Os::random`
  explicit Keydir(std::uint64_t seed);

  /// Calls `use` with the key's place, or with null, under its shard's lock.
  /// @returns what `use` returns.
  template <typename Use>
  [[nodiscard]] auto with(std::string_view key, const Use& use) const {
    const std::uint64_t hash = hash_(key);
    const Shard& shard = shard_of(hash);
    const std::shared_lock hold(shard.mutex);
    const std::optional<Place> place = shard.table->find(hash, key);
    return use(place ? &*place : nullptr);
  }

  /// @returns the key's place, or nothing.
  [[nodiscard]] std::optional<Place> find(std::string_view key) const {
    return with(key, [](const Place* place) {
      return place == nullptr ? std::nullopt : std::optional<Place>(*place);
    });
  }

  /// What `put` found.
  using Put = Table::Put;

  class Batch;

  /// Puts all keys of the batch and empties it: shard by shard, so that each
  /// lock is taken once and each table stays in the processor's cache. For many
  /// keys that is several times as fast as one after the other.
  /// @param done called with key, place and what was found of each, under its
  ///   shard's lock
  template <typename Done>
  void put_all(Batch& batch, const Done& done);

  /// Puts the key at `place`, unless a newer record is known.
  Put put(std::string_view key, const Place& place);

  /// Moves each key of the batch that is there, and whose record is in an older
  /// file, to its place, and empties the batch: what a merge does with records
  /// that it has copied. Shard by shard, as `put_all`.
  /// @param done called with key, place and whence it was moved; nothing when
  ///   the key has gone or has a newer record
  template <typename Done>
  void move_all(Batch& batch, const Done& done);

  /// Forgets the key.
  /// @returns where it was.
  std::optional<Place> erase(std::string_view key);

  /// Forgets every key for which `is(key, place)`, and calls `gone(key, place)`
  /// for it; both under its shard's lock.
  template <typename Is, typename Gone>
  void erase_if(const Is& is, const Gone& gone);

  /// Every key and place of one moment, however long one looks at them.
  /// A change to a shard that a snapshot holds copies its table first.
  class Snapshot {
   public:
    Snapshot(const Snapshot&) = delete;             ///< not copyable
    Snapshot& operator=(const Snapshot&) = delete;  ///< not copyable
    ~Snapshot();

    /// @returns the table of one shard, below kShards.
    [[nodiscard]] const Table& table(std::size_t shard) const {
      return *tables_[shard];
    }

   private:
    friend class Keydir;
    explicit Snapshot(const Keydir& keydir);

    const Keydir& keydir_;
    std::array<std::shared_ptr<const Table>, kShards> tables_;
  };

  /// @returns what is known now. The caller keeps writers out meanwhile: then
  ///   it is one moment over all shards.
  [[nodiscard]] std::unique_ptr<Snapshot> snapshot() const;

  /// Waits until nobody is left who looked a key up before the call: takes
  /// every lock once.
  void quiesce() const;

  /// Takes over the keys of `other`, made with the same seed, at one moment.
  /// @param meanwhile called while nobody can look anything up
  void replace(Keydir& other, const std::function<void()>& meanwhile);

  /// Forgets the tombstones, which are needed only while files are read in
  /// any order.
  void forget_tombstones();

  /// Makes room for about so many keys and bytes of them in one go: that saves
  /// copying what is there again and again. Costs memory where they are fewer,
  /// until `shrink`; of more than 4 million, only those are believed.
  void expect(std::uint64_t keys, std::uint64_t key_bytes);

  /// Gives back idle memory, once it has been filled.
  void shrink();

  /// @returns how many keys.
  [[nodiscard]] std::uint64_t size() const;

  /// @returns the memory held, in bytes.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct alignas(64) Shard {
    mutable std::shared_mutex mutex;
    std::shared_ptr<Table> table;

    Table& to_change();
  };

  // Calls `use(shard, for_each)` for each shard that has keys of the batch, with
  // which `for_each(visit)` calls `visit(hash, key, place)`. Empties the batch.
  template <typename Use>
  void by_shard(Batch& batch, const Use& use);

  [[nodiscard]] const Shard& shard_of(std::uint64_t hash) const {
    return shards_[hash >> 56];
  }

  Shard& shard_of(std::uint64_t hash) { return shards_[hash >> 56]; }

  KeyHash hash_;
  std::unique_ptr<Shard[]> shards_;
};

/// Keys and places to be put, or moved, together.
class Keydir::Batch {
 public:
  /// @param keydir that it is for; must outlive it
  explicit Batch(const Keydir& keydir) : hash_(keydir.hash_) {
    items_.reserve(kMostKeys);
  }

  /// Adds a key and its place.
  void add(std::string_view key, const Place& place) {
    items_.push_back({hash_(key), keys_.size(), key.size(), place});
    keys_ += key;
    record_bytes_ += place.record_size(key.size());
  }

  /// @returns how many keys.
  [[nodiscard]] std::size_t size() const { return items_.size(); }

  /// @returns how long they are together, in bytes.
  [[nodiscard]] std::size_t key_bytes() const { return keys_.size(); }

  /// @returns how long their records are together, in bytes.
  [[nodiscard]] std::uint64_t record_bytes() const { return record_bytes_; }

  /// @returns whether it is worth putting.
  [[nodiscard]] bool is_full() const {
    return items_.size() == kMostKeys || keys_.size() >= kMostBytes;
  }

 private:
  friend class Keydir;
  static constexpr std::size_t kMostKeys = 8192;
  static constexpr std::size_t kMostBytes = std::size_t{2} << 20;

  struct Item {
    std::uint64_t hash;
    std::size_t key_at;  // in keys_
    std::size_t key_size;
    Place place;

    [[nodiscard]] std::size_t shard() const { return hash >> 56; }
  };

  // @returns the items by shard, where each shard's begin, and their end.
  std::array<std::uint32_t, kShards + 1> sort();

  KeyHash hash_;
  std::string keys_;
  std::vector<Item> items_;
  std::vector<std::uint32_t> order_;  // by shard: indexes of items
  std::uint64_t record_bytes_ = 0;
};

template <typename Use>
void Keydir::by_shard(Batch& batch, const Use& use) {
  const auto begins = batch.sort();
  for (std::size_t i = 0; i < kShards; ++i) {
    if (begins[i] == begins[i + 1]) continue;
    use(shards_[i], [&](const auto& visit) {
      for (std::uint32_t at = begins[i]; at < begins[i + 1]; ++at) {
        const Batch::Item& item = batch.items_[batch.order_[at]];
        visit(item.hash,
              std::string_view(batch.keys_).substr(item.key_at, item.key_size),
              item.place);
      }
    });
  }
  batch.items_.clear();
  batch.keys_.clear();
  batch.record_bytes_ = 0;
}

template <typename Is, typename Gone>
void Keydir::erase_if(const Is& is, const Gone& gone) {
  for (std::size_t i = 0; i < kShards; ++i) {
    Shard& shard = shards_[i];
    const std::scoped_lock hold(shard.mutex);
    bool any = false;
    shard.table->for_each([&](std::string_view key, const Place& place) {
      any = any || is(key, place);
    });
    if (!any) continue;
    shard.to_change().erase_if([&](std::string_view key, const Place& place) {
      const bool goes = is(key, place);
      if (goes) gone(key, place);
      return goes;
    });
  }
}

template <typename Done>
void Keydir::put_all(Batch& batch, const Done& done) {
  by_shard(batch, [&](Shard& shard, const auto& for_each) {
    const std::scoped_lock hold(shard.mutex);
    Table& table = shard.to_change();
    for_each([&](std::uint64_t hash, std::string_view key, const Place& place) {
      done(key, place, table.put(hash, key, place));
    });
  });
}

template <typename Done>
void Keydir::move_all(Batch& batch, const Done& done) {
  by_shard(batch, [&](Shard& shard, const auto& for_each) {
    {
      // Who looks something up shares this lock. Afterwards the processor's
      // cache has what is moved, and they wait for much less.
      const std::shared_lock look(shard.mutex);
      for_each([&](std::uint64_t hash, std::string_view key, const Place&) {
        (void)shard.table->find(hash, key);
      });
    }
    const std::scoped_lock hold(shard.mutex);
    Table& table = shard.to_change();
    for_each([&](std::uint64_t hash, std::string_view key, const Place& place) {
      done(key, place, table.move(hash, key, place));
    });
  });
}

}  // namespace strata::bitcask
