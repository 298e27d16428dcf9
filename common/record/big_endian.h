/// @file
/// Integers as the files hold them: the most significant byte first, whatever
/// the machine does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace strata {

/// Puts `number` into the `sizeof(Integer)` bytes at `out`.
template <typename Integer>
void put_big_endian(Integer number, char* out) {
  for (std::size_t i = sizeof(Integer); i > 0; --i) {
    out[i - 1] = static_cast<char>(number & 0xFF);
    number = static_cast<Integer>(number >> 8);
  }
}

/// Appends `number` to `out`.
template <typename Integer>
void append_big_endian(Integer number, std::string& out) {
  std::array<char, sizeof(Integer)> bytes{};
  put_big_endian(number, bytes.data());
  out.append(bytes.data(), bytes.size());
}

/// @returns the number at the start of `bytes`, of which there are enough.
template <typename Integer>
[[nodiscard]] Integer read_big_endian(std::string_view bytes) {
  Integer number = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    number = static_cast<Integer>(number << 8 |
                                  static_cast<unsigned char>(bytes[i]));
  }
  return number;
}

}  // namespace strata
