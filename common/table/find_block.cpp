#include "common/table/find_block.h"

#include "common/record/log_entries.h"

namespace strata::sst {

std::string_view find_block(const File& file, std::uint64_t at,
                            std::uint64_t end, FoundBlock& found,
                            std::string& scratch, const char*& why) {
  constexpr const char* kFindBlocks = "find the blocks";
  const std::uint64_t room = end - at;
  why = room == 0 ? "the file ends too early" : "no block begins here";
  if (room < kBlockHeaderBytes) return {};
  read_exactly(file, at, kBlockHeaderBytes, kFindBlocks, found.bytes);
  const bool is_header = decode_block_header(found.bytes, found.header);
  if (!is_header || found.header.size > room - kBlockHeaderBytes) return {};
  read_exactly(file, at, kBlockHeaderBytes + found.header.size, kFindBlocks,
               found.bytes);
  return open_block(found.bytes, found.header.kind, scratch, why);
}

}  // namespace strata::sst
