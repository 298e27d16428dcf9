/// @file
/// The text record of stages 01 to 03: a line.
///
///     log    = { record }
///     record = key "," value "\n"
///     key    = 1 to 65,535 bytes, none of them "," or "\n"
///     value  = 0 or more bytes, none of them "\n"
///
///     +-----+---+-------+----+
///     | key | , | value | \n |          key + value + 2 bytes
///     +-----+---+-------+----+
///
/// `set city "San Francisco, CA"` appends these 23 bytes. The first comma ends
/// the key, so the value may hold more of them:
///
///     63 69 74 79 2c 53 61 6e  20 46 72 61 6e 63 69 73   city,San Francis
///     63 6f 2c 20 43 41 0a                               co, CA.
///
/// What it costs: a value cannot hold a newline, its length is not known
/// before all of it was read, and a changed byte within it goes unseen. A line
/// without a comma is the only damage that shows.
/// @source the two shell functions that open the chapter on storage in
///   Kleppmann, "Designing Data-Intensive Applications"
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/record/decoded.h"
#include "common/store/stage.h"

namespace strata {

/// The longest key of a text record, in bytes.
inline constexpr std::size_t kMaxTextKey = 65535;

/// What a text record can hold.
inline constexpr Limits kTextLimits{.max_key_bytes = kMaxTextKey,
                                    .max_value_bytes = 0xFFFFFFFF,
                                    .key_forbids = ",\n",
                                    .value_forbids = "\n",
                                    .value_prefix_taken = ""};

/// Appends the record of `key` and `value`, which `kTextLimits` allows.
void encode_text_record(std::string_view key, std::string_view value,
                        std::string& out);

/// Where the parts of a text record lie, in bytes from its first.
struct TextRecord {
  std::size_t key_size = 0;    ///< in bytes, without the comma
  std::size_t value_size = 0;  ///< in bytes, without the newline

  /// @returns the whole record's length, comma and newline included.
  [[nodiscard]] std::size_t size() const { return key_size + value_size + 2; }
};

/// Decodes the record at the start of `bytes`, which reach to the end of the
/// file. A line that is no record is `kCorrupt`.
Decoded decode_text_record(std::string_view bytes, TextRecord& record);

/// @returns whether a key may end in a comma at `position`, given in bytes
///   from the start of the line.
[[nodiscard]] constexpr bool is_key_size(std::size_t position) {
  return position >= 1 && position <= kMaxTextKey;
}

}  // namespace strata
