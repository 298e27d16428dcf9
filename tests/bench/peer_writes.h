// What the program that a test kills writes, and the test looks for.
#pragma once

#include <cstdint>
#include <string>

namespace strata {

/// How many keys are written, over and over again.
inline constexpr std::uint64_t kWrittenKeys = 701;

/// @returns the key of the write of that number.
inline std::string written_key(std::uint64_t number) {
  return "key " + std::to_string(number % kWrittenKeys);
}

/// @returns its value: of various lengths, so that records move.
inline std::string written_value(std::uint64_t number) {
  return std::to_string(number) + std::string(number * 37 % 200, '.');
}

}  // namespace strata
