/// @file
/// The index of the limits: what a hash table costs that does nothing else.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/hash.h"

namespace strata::bench {

/// A hash table of keys, each with some bytes before it that say where its
/// value is. Open addressing; all keys and places stand in one long string.
/// None is ever removed. Keys all have one length, and so have places.
class KeyTable {
 public:
  /// What stands at a slot.
  using Slot = std::size_t;

  /// @param keys how many it is made for; at most twice as many fit
  explicit KeyTable(std::uint64_t keys)
      : slots_(std::max<std::size_t>(16, keys * 5 / 2)) {}

  /// @returns where the key belongs; the processor begins to fetch that.
  [[nodiscard]] Slot slot_of(std::string_view key) const {
    const Slot slot = (hash_(key) >> 32) * slots_.size() >> 32;
    __builtin_prefetch(&slots_[slot], 1);
    return slot;
  }

  /// Has the processor begin to fetch what stands at the slot.
  void prefetch(Slot slot) const {
    if (slots_[slot] != 0) {
      __builtin_prefetch(entries_.data() + slots_[slot] - 1);
    }
  }

  /// Puts a key there, or replaces its place.
  /// @param slot of the key
  /// @throws std::length_error when it is full
  void put(Slot slot, std::string_view key, std::string_view place) {
    char* const held = find(slot, key, place.size());
    if (held != nullptr) {
      std::copy(place.begin(), place.end(), held);
      return;
    }
    if (size_ + 1 == slots_.size()) throw std::length_error("a full table");
    slots_[slot] = static_cast<std::uint32_t>(entries_.size() + 1);
    entries_ += place;
    entries_ += key;
    ++size_;
  }

  /// @param slot of the key
  /// @returns the place of the key, or null.
  [[nodiscard]] const char* get(Slot slot, std::string_view key,
                                std::size_t place_bytes) {
    return find(slot, key, place_bytes);
  }

  /// Makes room for so many bytes of keys and places.
  void reserve(std::size_t bytes) { entries_.reserve(bytes); }

  /// @returns how many keys there are.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  // Moves `slot` to the key's, or to the free one where it belongs.
  char* find(Slot& slot, std::string_view key, std::size_t place_bytes) {
    for (; slots_[slot] != 0; slot = slot + 1 == slots_.size() ? 0 : slot + 1) {
      char* const entry = entries_.data() + slots_[slot] - 1;
      if (std::string_view(entry + place_bytes, key.size()) == key) {
        return entry;
      }
    }
    return nullptr;
  }

  KeyHash hash_{0};
  std::vector<std::uint32_t> slots_;
  std::string entries_;
  std::size_t size_ = 0;
};

}  // namespace strata::bench
