/// @file
/// What the benchmarks write and ask for: keys, values and their order.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "bench/temporary.h"
#include "common/store/stage.h"

namespace strata::bench {

/// Bytes of every key.
inline constexpr std::size_t kKeyBytes = 16;

/// Bytes of every value.
inline constexpr std::size_t kValueBytes = 100;

/// @returns the key of that number: 16 bytes, ascending with the number.
[[nodiscard]] std::string key_of(std::uint64_t number);

/// @returns a key of 16 bytes that no number has.
[[nodiscard]] std::string absent_key(std::uint64_t number);

/// @returns a value of 100 bytes that any stage can hold.
[[nodiscard]] std::string_view value();

/// Numbers below `count`, few of them often and many rarely: rank r is drawn
/// about as often as 1 / r^0.99. Popular numbers are scattered, not the first.
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

/// Opens a store; stages with slots get enough of them.
/// @param os null for the real one
[[nodiscard]] std::unique_ptr<Store> open(const Stage& stage,
                                          const std::string& directory,
                                          Mode mode, Os* os = nullptr);

/// Sets the keys 0 to `count` - 1, each once, in order.
void fill(Store& store, std::uint64_t count);

}  // namespace strata::bench
