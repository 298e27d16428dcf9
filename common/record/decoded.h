/// @file
/// What comes of decoding. End of file, a torn record and a damaged one are
/// three things: the first is no news, the second is what a crash leaves, and
/// the third must never be taken for either.
#pragma once

#include <cstdint>

namespace strata {

/// The outcome of decoding a record.
enum class [[nodiscard]] Decoded : std::uint8_t{
    kRecord,   ///< there is a whole record
    kEnd,      ///< the bytes end where a record would begin
    kTorn,     ///< the bytes end within a record
    kCorrupt,  ///< the bytes are no record, and more than its end is missing
};

}  // namespace strata
