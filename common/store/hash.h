/// @file
/// The hash of a key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace strata {

/// Hashes byte strings: XXH3 with a seed. With a seed that nobody can foretell
/// nobody can choose keys that all land in one slot.
/// @source Yann Collet, xxHash; for the attack: Crosby and Wallach, "Denial of
///   Service via Algorithmic Complexity Attacks", USENIX Security 2003
class KeyHash {
 public:
  /// Lets a map with keys of type std::string be searched by a view.
  using is_transparent = void;

  /// @param seed decides the order; take it from `Os::random`
  explicit KeyHash(std::uint64_t seed) : seed_(seed) {}

  /// @returns 64 bits, each depending on all of `key`.
  [[nodiscard]] std::size_t operator()(std::string_view key) const;

 private:
  std::uint64_t seed_;
};

}  // namespace strata
