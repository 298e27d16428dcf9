/// @file
/// What the benchmarks write and ask for: keys in their orders, and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/store/stage.h"

namespace strata::bench {

/// Bytes of every key.
inline constexpr std::size_t kKeyBytes = 16;

/// Bytes of every value.
inline constexpr std::size_t kValueBytes = 100;

/// @param number at most 999,999,999,999
/// @returns the key of that number: 16 bytes, ascending with the number. It
///   ends in 0.
[[nodiscard]] std::string key_of(std::uint64_t number);

/// @param number at most 999,999,999,999
/// @returns a key that no number has. It lies between the keys of `number` and
///   `number` + 1, so that no store can pass it over for being out of range.
[[nodiscard]] std::string absent_key(std::uint64_t number);

/// Bytes of a record of stages 04 to 07 with such a key and value.
inline constexpr std::size_t kRecordBytes = 14 + kKeyBytes + kValueBytes;

/// @returns a value of 100 bytes that any stage can hold: letters and spaces.
[[nodiscard]] std::string_view value();

/// Keys in the order in which they are used, made before the clock runs. After
/// the last one comes the first again.
class Keys {
 public:
  /// Adds a key of kKeyBytes at the end.
  void add(std::string_view key) { bytes_ += key; }

  /// @returns the next key; valid as long as none is added.
  [[nodiscard]] std::string_view next() {
    if (at_ == bytes_.size()) at_ = 0;
    const std::string_view key(bytes_.data() + at_, kKeyBytes);
    at_ += kKeyBytes;
    return key;
  }

  /// @returns how many there are.
  [[nodiscard]] std::size_t size() const { return bytes_.size() / kKeyBytes; }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

/// @name Orders
/// Each takes the number of keys in the store, at least 1, and always returns
/// the same keys for it.
/// @{

/// @returns the keys 0 to `count` - 1, each once, ascending.
[[nodiscard]] Keys sequential_keys(std::uint64_t count);

/// @returns the keys 0 to `count` - 1, each once, shuffled.
[[nodiscard]] Keys shuffled_keys(std::uint64_t count);

/// @returns `count` keys of the store, each drawn at random.
[[nodiscard]] Keys random_keys(std::uint64_t count);

/// @returns `draws` keys of the store, each drawn at random.
[[nodiscard]] Keys random_keys(std::uint64_t count, std::uint64_t draws);

/// @returns `count` keys of the store, drawn by `Zipfian`.
[[nodiscard]] Keys zipfian_keys(std::uint64_t count);

/// @returns `count` keys that are not there, drawn at random.
[[nodiscard]] Keys absent_keys(std::uint64_t count);

/// @returns the key written last, by itself.
[[nodiscard]] Keys newest_key(std::uint64_t count);

/// @returns the key written first, by itself.
[[nodiscard]] Keys oldest_key(std::uint64_t count);

/// @}

/// Numbers below `count`, few of them often and many rarely: the number of
/// rank r is drawn about as often as 1 / (r + 1)^0.99. The popular ones are
/// scattered, not the first.
/// @source Gray et al., "Quickly Generating Billion-Record Synthetic
///   Databases", SIGMOD 1994, as used by YCSB (Cooper et al., SoCC 2010)
class Zipfian {
 public:
  /// @param count how many numbers, at least 1
  /// @param seed the same seed draws the same numbers
  Zipfian(std::uint64_t count, std::uint64_t seed);

  /// @returns the rank drawn: 0 is the most popular.
  [[nodiscard]] std::uint64_t next_rank();

  /// @returns the number drawn, below `count`.
  [[nodiscard]] std::uint64_t next();

 private:
  const std::uint64_t count_;
  const double zeta_;
  const double alpha_;
  const double eta_;
  std::mt19937_64 random_;
};

/// @returns the stages that merge: those, too, that many threads may use at once.
[[nodiscard]] std::vector<const Stage*> merging_stages();

/// How a store is to be opened, where that matters.
struct Opening {
  Mode mode = Mode::kRead;          ///< as of `Options`
  std::uint64_t keys = 1;           ///< a stage with slots gets four for each
  Os* os = nullptr;                 ///< null for the real one
  std::uint64_t segment_bytes = 0;  ///< 0 for the stage's default
  bool merges_by_itself = true;     ///< false: only when it is told to
};

/// Opens a store. What the stage has no option for is left out.
[[nodiscard]] std::unique_ptr<Store> open(const Stage& stage,
                                          const std::string& directory,
                                          const Opening& opening);

/// Opens a store with everything else at its default.
/// @param keys how many it is to hold: a stage with slots gets four for each
/// @param os null for the real one
[[nodiscard]] std::unique_ptr<Store> open(const Stage& stage,
                                          const std::string& directory,
                                          Mode mode, std::uint64_t keys,
                                          Os* os = nullptr);

/// Sets the keys 0 to `count` - 1, each once, ascending.
void fill(Store& store, std::uint64_t count);

}  // namespace strata::bench
