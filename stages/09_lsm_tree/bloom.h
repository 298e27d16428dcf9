/// @file
/// `Bloom`: a Bloom filter says of most keys that a table does not have them,
/// without a read.
///
///     filter = { line } probes: u8          line = 64 bytes
///
///     key ── hash ──▶ which line ──▶ some bits of its 512, all of them set?
///                     +---------------------------------+
///                     | 0 1 0 0 1 0 …               1 0 |   no: it is not there
///                     +---------------------------------+   yes: it may be
///
/// Who adds a key sets its bits; nobody ever clears one. So a key that was
/// added always finds its bits set: there are no false negatives. Other keys may
/// have set all bits of one that was not: a false positive, which costs a read.
///
/// All bits of a key are in one line of the processor's cache, so that a question
/// costs one load from memory, however many bits are asked. Lines fill unevenly,
/// which costs some false positives beside theory: 10 bits a key promise 0.8%,
/// and give about 1%.
/// @source Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors",
///   CACM 1970; one line a key: Putze, Sanders and Singler, "Cache-, Hash- and
///   Space-Efficient Bloom Filters", 2007
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace strata::lsm {

/// @returns the hash by which filters know a key. It is part of the format.
[[nodiscard]] std::uint64_t bloom_hash(std::string_view key);

/// A set of keys that may claim to hold one more, never one less.
class Bloom {
 public:
  /// Knows nothing: every key may be there.
  Bloom() = default;

  /// @param hashes of the keys; those of different lengths, the empty key too
  /// @param bits_per_key 0 for no filter at all
  Bloom(const std::vector<std::uint64_t>& hashes, std::uint64_t bits_per_key);

  /// Reads what `encode` made.
  /// @returns false where it is none.
  [[nodiscard]] bool decode(std::string_view bytes);

  /// Appends it, to be read by `decode`.
  void encode(std::string& out) const;

  /// @returns false when no key with that hash was added.
  [[nodiscard]] bool may_hold(std::uint64_t hash) const;

  /// @returns memory that it holds, in bytes.
  [[nodiscard]] std::uint64_t bytes() const {
    return lines_.size() * sizeof(Line);
  }

 private:
  struct alignas(64) Line {
    std::array<std::uint8_t, 64> bytes{};
  };

  [[nodiscard]] std::size_t line_of(std::uint64_t hash) const;

  std::vector<Line> lines_;
  unsigned probes_ = 0;
};

/// @returns how often a filter errs in theory, of 1, where bits are spread over
///   all of it.
[[nodiscard]] double expected_false_positives(std::uint64_t bits_per_key);

}  // namespace strata::lsm
