/// @file
/// Stage 03: the same file, and in memory a hash index of offsets.
///
///     log.txt    as in stage 01
///
///     slots      hash(key) mod N picks the first slot to look at
///     ┌────┬────┬────┬────┬────┐
///     │  4 │    │  8 │  0 │    │   an offset into the log, or empty;
///     └────┴────┴────┴────┴────┘   8 bytes, however long the key is
///     a,1 \n b,2 \n c,3 \n
///     0      4      8
///
/// A slot does not hold its key. Whether it belongs to the key that is looked
/// for, the log itself has to say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/store/hash.h"
#include "common/store/stage.h"
#include "common/text/text_store.h"

namespace strata {

/// A fixed number of slots, each the offset of a record or empty. The memory
/// is zeroed by the system page by page as it is touched, so that ten million
/// slots cost nothing until they are used.
class Slots {
 public:
  /// @param count how many; at least 1
  /// @throws std::bad_alloc
  explicit Slots(std::uint64_t count);

  /// @returns the offset in slot `slot`, or nothing when it is empty.
  [[nodiscard]] std::optional<std::uint64_t> at(std::uint64_t slot) const {
    if (cells_[slot] == 0) return std::nullopt;
    return cells_[slot] - 1;
  }

  /// Puts an offset into a slot.
  void put(std::uint64_t slot, std::uint64_t offset) {
    cells_[slot] = offset + 1;
  }

  /// @returns how many slots there are.
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_;
  // Offset + 1, so that the zeros that fresh memory holds mean empty.
  std::unique_ptr<std::uint64_t[], void (*)(void*)> cells_;
};

/// Set appends and notes the offset in a slot; get goes to the slot, reads the
/// record there and checks that it is the key's.
///
/// Invariant: walking from a key's first slot onwards, the slot that holds its
/// newest record comes before any empty one (linear probing; no slot is ever
/// emptied). So an empty slot means that the key is not there.
/// @source Knuth, "The Art of Computer Programming", volume 3, 6.4, algorithm L
class HashIndex final : public TextStore {
 public:
  /// Opens the store and rebuilds the slots by a scan of the whole log.
  /// @throws InvalidInput when the log has more keys than there are slots
  /// @throws IoError, Busy
  /// @complexity reads the file once, and a key's bytes once more for each
  ///   record whose first slot is taken.
  explicit HashIndex(const Options& options);

  /// @throws InvalidInput also when all slots are taken by other keys; nothing
  ///   has been written then.
  /// @complexity one write of key + value + 2 bytes; one read of key + 1 bytes
  ///   for each slot on the way that is taken.
  void set(std::string_view key, std::string_view value) override;

  /// @complexity one read of `kReadBytes` for each slot on the way that is
  ///   taken, and more where the record is longer. A miss that meets an empty
  ///   slot at once reads nothing.
  [[nodiscard]] bool get(std::string_view key, std::string& value) override;

  /// As TextStore says; index_bytes is 8 bytes a slot.
  [[nodiscard]] Stats stats() override;

  /// The length of a record is not known before its newline has been read:
  /// this much is read in the hope that it is there.
  static constexpr std::size_t kReadBytes = 4096;

 private:
  void rebuild(const Options& options);
  bool holds_key(std::uint64_t offset, std::string_view key);
  std::string_view read_line(std::uint64_t offset);
  [[noreturn]] void refuse_for_want_of_slots() const;

  // The slot that holds the key, which `is_key` tells by its offset, or the
  // empty one where it would go; nothing when all slots hold other keys.
  template <typename IsKey>
  std::optional<std::uint64_t> probe(std::string_view key,
                                     const IsKey& is_key) const;

  const KeyHash hash_;
  Slots slots_;
  std::string buffer_;
  std::uint64_t end_ = 0;  // of the part of the log that is indexed
  // The last damaged line, if any: records before it may be outdated.
  std::optional<std::uint64_t> damage_;
};

/// @returns the description of stage 03.
const Stage& stage_03_hash_index();

}  // namespace strata
