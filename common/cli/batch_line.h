/// @file
/// A line of a batch: what `batch` carries out.
///
///     set<TAB>KEY<TAB>VALUE
///     get<TAB>KEY
///     del<TAB>KEY
///     compact
///
/// Keys and values are escaped (common/record/escape.h), the word is not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strata {

/// An operation as a line says it.
struct BatchLine {
  /// What is to be done.
  enum class Kind : std::uint8_t { kSet, kGet, kDelete, kCompact };
  Kind kind = Kind::kGet;  ///< which of them
  std::string key{};       ///< of all but `kCompact`
  std::string value{};     ///< of `kSet`
};

/// Reads a line, without its newline, into `out`, whose memory is reused. What
/// a stage can hold or do it does not ask.
/// @throws InvalidInput saying why the line cannot be read; `out` is then
///   unspecified
void parse_batch_line(std::string_view line, BatchLine& out);

}  // namespace strata
