/// @file
/// Integers that take as many bytes as they need: seven bits a byte, the lowest
/// first; the high bit of a byte says that another one follows.
///
///     5 = 05      300 = ac 02      2^32 = 80 80 80 80 10
///
/// @source Protocol Buffers, "Encoding": base 128 varints
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace strata::sst {

/// The most bytes that a varint takes.
inline constexpr std::size_t kMaxVarint = 10;

/// Appends `number` in 1 to 10 bytes.
inline void append_varint(std::uint64_t number, std::string& out) {
  while (number >= 0x80) {
    out += static_cast<char>(number | 0x80);
    number >>= 7;
  }
  out += static_cast<char>(number);
}

/// Takes a varint off the front of `bytes`.
/// @returns false when `bytes` ends within it, or it is past 64 bits.
[[nodiscard]] inline bool take_varint(std::string_view& bytes,
                                      std::uint64_t& number) {
  number = 0;
  for (std::size_t i = 0; i < bytes.size() && i < kMaxVarint; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    const auto bits = static_cast<std::uint64_t>(byte & 0x7F);
    if (i == kMaxVarint - 1 && bits > 1) return false;
    number |= bits << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

}  // namespace strata::sst
