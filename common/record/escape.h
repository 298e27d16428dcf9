/// @file
/// How a byte string is written in a line of text: the escapes of
/// PostgreSQL's COPY, as `batch`, `keys`, `scan` and `dump` use them.
///
///   \t tab   \n newline   \r carriage return   \\ backslash   \xHH any byte
///
/// So every byte string can be said in a field between tabs on one line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace strata {

/// Appends `bytes` to `out`, escaped. Control bytes become escapes; every
/// other byte stands for itself, so that UTF-8 stays readable.
void escape(std::string_view bytes, std::string& out);

/// @returns `bytes`, escaped.
[[nodiscard]] std::string escaped(std::string_view bytes);

/// Undoes `escape`, and reads `\xHH` with hex digits of either case.
/// @param field what stood between the tabs
/// @param out replaced by the bytes that it means
/// @returns nothing when all is well, else what is wrong with the field.
[[nodiscard]] std::optional<std::string> unescape(std::string_view field,
                                                  std::string& out);

}  // namespace strata
