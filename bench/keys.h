/// @file
/// What the benchmarks write and ask for: keys in their orders, and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>

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

/// @returns a value that any stage can hold: letters and spaces, always the
///   same for the same size.
/// @param bytes at most 1 MiB
[[nodiscard]] std::string_view value(std::size_t bytes = kValueBytes);

/// From now on each set has another value, of which the second half says again
/// what the first does, and who can compress does, as he does by default. To be
/// called before anything is opened.
void compress_values();

/// @returns whether `compress_values` was called.
[[nodiscard]] bool values_are_compressed();

/// @returns the value of the next set: `value(bytes)`, or one of those, which
///   this thread's next call changes.
/// @param bytes at most 1 MiB
[[nodiscard]] std::string_view next_value(std::size_t bytes = kValueBytes);

/// Keys in the order in which they are used, made before the clock runs. After
/// the last one comes the first again. Copies share the keys, and each has a
/// place of its own among them.
class Keys {
 public:
  Keys() = default;

  /// @param bytes keys of kKeyBytes, one behind the other; at least one
  explicit Keys(std::string bytes)
      : bytes_(std::make_shared<const std::string>(std::move(bytes))) {}

  /// @returns the next key, valid as long as these or a copy.
  [[nodiscard]] std::string_view next() {
    if (at_ == bytes_->size()) at_ = 0;
    const std::string_view key(bytes_->data() + at_, kKeyBytes);
    at_ += kKeyBytes;
    return key;
  }

  /// Passes over so many, which are at most as many as there are.
  void skip(std::size_t count) {
    at_ = (at_ + count * kKeyBytes) % bytes_->size();
  }

  /// @returns how many there are.
  [[nodiscard]] std::size_t size() const {
    return bytes_ ? bytes_->size() / kKeyBytes : 0;
  }

 private:
  std::shared_ptr<const std::string> bytes_;
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

}  // namespace strata::bench
