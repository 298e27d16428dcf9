// Which calls a piece of work makes: what the suites of costs share.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/os/ledger.h"

namespace strata {

/// The calls that `work` makes, those to read and write and the others.
template <typename Work>
std::vector<LedgerEntry> calls_of(Ledger& ledger, const Work& work) {
  ledger.clear();
  work();
  return ledger.entries();
}

/// Those of one kind.
inline std::vector<LedgerEntry> only(const std::vector<LedgerEntry>& calls,
                                     Call call) {
  std::vector<LedgerEntry> some;
  for (const LedgerEntry& entry : calls) {
    if (entry.call == call) some.push_back(entry);
  }
  return some;
}

/// How many bytes they moved.
inline std::uint64_t bytes_of(const std::vector<LedgerEntry>& calls) {
  std::uint64_t bytes = 0;
  for (const LedgerEntry& entry : calls) bytes += entry.bytes;
  return bytes;
}

/// Where in its file each call began, and how many bytes it moved.
using Places = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

inline Places places_of(const std::vector<LedgerEntry>& calls) {
  Places places;
  for (const LedgerEntry& entry : calls) {
    places.emplace_back(entry.offset, entry.bytes);
  }
  return places;
}

/// That the calls on a file, in whatever order they came, lie side by side and
/// are the bytes [0, end).
inline void expect_each_byte_once(const std::vector<LedgerEntry>& calls,
                                  const std::string& path, std::uint64_t end) {
  std::map<std::uint64_t, std::uint64_t> pieces;
  for (const LedgerEntry& call : calls) {
    if (call.path != path) continue;
    EXPECT_TRUE(pieces.emplace(call.offset, call.bytes).second) << path;
  }
  std::uint64_t at = 0;
  for (const auto& [offset, bytes] : pieces) {
    EXPECT_EQ(offset, at) << path;
    at = offset + bytes;
  }
  EXPECT_EQ(at, end) << path;
}

}  // namespace strata
