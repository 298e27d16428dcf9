/// @file
/// Finds blocks where there is no index that tells of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/os/file.h"
#include "common/table/block.h"

namespace strata::sst {

/// A block that was found in a file.
struct FoundBlock {
  BlockHeader header;  ///< what it says of itself
  std::string bytes;   ///< all of it
};

/// Reads the block that begins at byte `at`, as far as it tells of itself.
/// @param end where the blocks, or the file, end at the latest
/// @param found memory for the block, reused
/// @param scratch memory for its entries, where they were compressed
/// @returns the entries, in one of these; nothing, where `why` says why no block
///   is there.
/// @throws IoError; Damage when the file has become shorter
/// @complexity two reads: of the header, then of the block
[[nodiscard]] std::string_view find_block(const File& file, std::uint64_t at,
                                          std::uint64_t end, FoundBlock& found,
                                          std::string& scratch,
                                          const char*& why);

}  // namespace strata::sst
