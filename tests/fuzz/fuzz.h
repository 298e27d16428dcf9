/// @file
/// What the fuzzers share. Each is one file, which defines the two functions
/// below for one decoder of bytes that come from a disk or a stranger; fuzz.cpp
/// hands them to libFuzzer.
///
/// No input may lead to a crash, to what the sanitizers call an error, or to
/// more memory than the flags in CMakeLists.txt grant. Beyond that a fuzzer
/// says with `expect` what is true of whatever was decoded, above all that it
/// can be encoded and decoded again and is the same.
///
/// A checksum stops nearly all that a fuzzer invents. So most inputs begin with
/// a byte that says how to read the rest: as it is, or with its checksums (and
/// a length or two) mended, as somebody would who means harm.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace strata::fuzz {

/// @returns inputs to begin with, made by what writes the format: with them the
///   fuzzer need not find out what a file looks like.
[[nodiscard]] std::vector<std::string> seeds();

/// Decodes an input, and ends the process where something is wrong.
void decode(std::string_view input);

/// Ends the process, so that the fuzzer keeps the input, unless `holds`.
inline void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// @returns a copy of bytes, and no byte more: what is read behind them, the
///   address sanitizer sees.
inline std::vector<char> exactly(std::string_view bytes) {
  return {bytes.begin(), bytes.end()};
}

/// @returns the bytes of such a copy.
inline std::string_view view_of(const std::vector<char>& bytes) {
  return {bytes.data(), bytes.size()};
}

/// The byte in front of most inputs, and what is behind it.
struct Input {
  unsigned how = 0;        ///< the byte
  std::string_view bytes;  ///< the rest

  /// @returns an input taken apart; one of no byte is as one of a zero.
  [[nodiscard]] static Input of(std::string_view input) {
    if (input.empty()) return {};
    return {static_cast<unsigned char>(input[0]), input.substr(1)};
  }
};

/// @returns each of `bytes` as it is and to be mended: two seeds each.
inline std::vector<std::string> either_way(
    const std::vector<std::string>& bytes) {
  std::vector<std::string> all;
  for (const std::string& one : bytes) {
    all.push_back('\0' + one);
    all.push_back('\1' + one);
  }
  return all;
}

}  // namespace strata::fuzz
