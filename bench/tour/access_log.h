/// @file
/// A web server's access log as a key-value history, the book's own example:
/// key = URL, value = hits so far.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bench/tour/history.h"

namespace strata::tour {

/// Finds the URL in a line in Common Log Format:
///
///     host ident user [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 5
///
/// What follows the size, as in the combined format, is passed over.
/// @param line without its newline
/// @returns the URL as requested, or nothing when the line is malformed.
[[nodiscard]] std::optional<std::string_view> url_in(std::string_view line);

/// Reads a log; each line that can be read is one write. Lines that cannot are
/// counted.
/// @throws IoError when the file cannot be read.
/// @throws BadInput when no line can be.
[[nodiscard]] History read_access_log(const std::string& path);

}  // namespace strata::tour
