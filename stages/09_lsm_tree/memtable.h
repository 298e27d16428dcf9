/// @file
/// `Memtable`: the newest writes, sorted as they come, read without a lock.
///
///     level 3  ●───────────────────────▶ d@4
///     level 2  ●────────▶ b@7 ─────────▶ d@4
///     level 1  ●─▶ a@2 ─▶ b@7 ─▶ b@3 ─▶ d@4        b was set twice
///
/// A skip list: each node is linked on one level, on a second with one chance in
/// four, and so on. A search goes along the highest level until the next node
/// would be too far, then down: some four steps a level. No node ever moves or
/// goes, and a new one is complete before a link to it is: so a reader needs no
/// lock, whatever is being written.
///
/// Nodes carry the *sequence number* of their write. Of one key the newest
/// write comes first. Who reads as of an earlier moment passes over those with
/// higher numbers: that is all that a snapshot needs here.
///
/// Most keys that are asked for are in no memtable, and to find that out a search
/// would wait for a node from memory some twenty times. So a filter stands in
/// front, as in front of a table (bloom.h): four bits a key, all of them in one
/// word, which are set before the key's node is linked.
/// @source Pugh, "Skip Lists: A Probabilistic Alternative to Balanced Trees",
///   CACM 1990; one writer beside readers: LevelDB, db/skiplist.h; the filter:
///   RocksDB, memtable_whole_key_filtering
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stages/09_lsm_tree/cursor.h"

namespace strata::lsm {

/// A number that no write has reached: who reads as of it sees all.
inline constexpr std::uint64_t kNewest = ~std::uint64_t{0};

/// Memory that is taken in large pieces and given back all at once. One thread
/// allocates; any may ask how much it has given out.
class Arena {
 public:
  /// @returns `size` bytes, aligned for a pointer.
  [[nodiscard]] char* allocate(std::size_t size);

  /// @returns what was allocated, in bytes.
  [[nodiscard]] std::uint64_t bytes() const {
    return bytes_.load(std::memory_order_relaxed);
  }

 private:
  std::vector<std::unique_ptr<char[]>> pieces_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
  std::atomic<std::uint64_t> bytes_{0};
};

/// Entries in memory. One thread adds; any number read meanwhile.
class Memtable {
 public:
  /// How much a memtable holds where nothing else is said, in bytes.
  static constexpr std::uint64_t kUsualBytes = std::uint64_t{4} << 20;

  /// @param expected_bytes how much it is to hold; it may hold more. Its filter
  ///   takes a 64th of that, and 2 MiB at the most.
  explicit Memtable(std::uint64_t expected_bytes = kUsualBytes);
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  /// Adds what was written with a sequence number, which is greater than those
  /// of all entries of this key that are there.
  void add(std::uint64_t sequence, const Entry& entry);

  /// Looks a key up as of a moment. Its value is put into `value`.
  /// @param hash of the key, by bloom_hash
  /// @param as_of the highest sequence number that counts
  [[nodiscard]] Found get(std::string_view key, std::uint64_t hash,
                          std::uint64_t as_of, std::string& value) const;

  /// @returns memory that its entries take, in bytes. The filter is not among
  ///   them.
  [[nodiscard]] std::uint64_t bytes() const {
    return arena_.bytes() - empty_bytes_;
  }

  /// @returns whether nothing was added.
  [[nodiscard]] bool empty() const { return following(head_, 0) == nullptr; }

 private:
  friend class MemtableCursor;
  struct Node;
  static constexpr unsigned kMaxHeight = 12;
  using Path = std::array<Node*, kMaxHeight>;

  [[nodiscard]] static Node* following(const Node* node, unsigned level);
  [[nodiscard]] Node* make_node(std::uint64_t sequence, const Entry& entry,
                                unsigned height);
  [[nodiscard]] unsigned random_height();
  template <typename Before>
  Node* find_last(const Before& before, Path* path) const;
  [[nodiscard]] Node* find(std::string_view key, std::uint64_t as_of,
                           Path* path = nullptr) const;
  [[nodiscard]] const Node* last_before(std::string_view key) const;
  [[nodiscard]] const Node* last() const;

  [[nodiscard]] std::size_t word_of(std::uint64_t hash) const;
  [[nodiscard]] bool may_hold(std::uint64_t hash) const;

  std::vector<std::atomic<std::uint64_t>> filter_;
  Arena arena_;
  Node* head_;
  const std::uint64_t empty_bytes_;
  std::atomic<unsigned> height_{1};
  std::uint32_t random_ = 0x9E3779B9U;
};

/// Goes through a memtable as of a moment, while it is written.
class MemtableCursor final : public Cursor {
 public:
  /// @param memtable kept for as long as this
  /// @param as_of the highest sequence number that counts
  MemtableCursor(std::shared_ptr<const Memtable> memtable, std::uint64_t as_of);

  [[nodiscard]] bool seek(std::string_view key) override;
  [[nodiscard]] bool seek_before(std::string_view key) override;
  [[nodiscard]] bool seek_last() override;
  [[nodiscard]] bool next() override;
  [[nodiscard]] bool prev() override;

  [[nodiscard]] const Entry& entry() const override { return entry_; }

 private:
  bool show_from(const Memtable::Node* node);
  bool show_until(const Memtable::Node* node);
  bool show(const Memtable::Node* node);

  const std::shared_ptr<const Memtable> memtable_;
  const std::uint64_t as_of_;
  const Memtable::Node* node_ = nullptr;
  Entry entry_;
};

}  // namespace strata::lsm
