/// @file
/// The batch: what is done to the store before it crashes, in the lines that a
/// stage's `batch` reads (common/cli/batch.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/cli/batch_line.h"
#include "common/store/stage.h"
#include "common/store/store.h"

namespace strata::crash_states {

/// The longest batch in bytes. Every state of the disk holds what it wrote.
inline constexpr std::size_t kMaxBatchBytes = 64 << 10;

/// One write.
using Operation = BatchLine;

/// Writes, in the order in which they are acknowledged.
using Operations = std::vector<Operation>;

/// What is in a store: key to value.
using Pairs = std::map<std::string, std::string, std::less<>>;

/// Reads all of standard input.
/// @throws InvalidInput where it is longer than `kMaxBatchBytes`
/// @throws IoError
[[nodiscard]] std::string read_batch();

/// Reads a batch. Its `get` lines change nothing and are left out.
/// @throws CommandError naming the line that the stage cannot carry out
[[nodiscard]] Operations parse_batch(const Stage& stage,
                                     std::string_view batch);

/// Carries one out.
void apply(Store& store, const Operation& operation);

/// @returns what the first `count` operations add up to; of all where there
///   are fewer.
[[nodiscard]] Pairs pairs_after(const Operations& operations,
                                std::size_t count);

}  // namespace strata::crash_states
