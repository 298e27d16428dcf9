/// @file
/// Compression of blocks, by well-known libraries.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strata::sst {

/// How a block is stored. The numbers stand in files.
enum class Compression : std::uint8_t {
  kNone = 0,  ///< as it is
  kLz4 = 1,   ///< LZ4: little work, to about a half
  kZstd = 2,  ///< Zstandard: more work, to about a third
};

/// Blocks longer than this, in bytes, are stored as they are: such a block is
/// one long value, and whoever reads it need not hold it twice.
inline constexpr std::size_t kMaxCompressed = std::size_t{1} << 20;

/// @returns "none", "lz4" or "zstd".
[[nodiscard]] std::string_view name_of(Compression compression);

/// Compresses `bytes`, at most kMaxCompressed of them, into `out`.
/// @returns false, leaving `out` unspecified, where that would not save an
///   eighth of them: then it is not worth the reader's work.
[[nodiscard]] bool compress(Compression compression, std::string_view bytes,
                            std::string& out);

/// Undoes `compress`.
/// @returns false when `bytes` is nothing that `compress` made, or tells of
///   more than kMaxCompressed bytes, which are then not allocated.
[[nodiscard]] bool decompress(Compression compression, std::string_view bytes,
                              std::string& out);

}  // namespace strata::sst
