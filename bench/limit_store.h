/// @file
/// The limit: what a set and a get cost when there is nothing in a store but a
/// hash map and one system call.
#pragma once

#include "common/store/stage.h"

namespace strata::bench {

/// @returns a stage that is none: it joins the benchmarks to say how far the
///   others are from what cannot be done faster this way. A set writes one
///   record that was formatted beforehand and notes its place; a get reads
///   exactly a record's bytes from there, and checks and copies nothing. It
///   answers right for what `fill` wrote only, and has neither keys nor scan.
[[nodiscard]] const Stage& limit_stage();

/// @returns the same for a stage that keeps hints: a set adds 18 bytes and the
///   key to a second file, which is written to 64 KiB at a time. So it writes
///   the same bytes as stage 07.
[[nodiscard]] const Stage& limit_stage_with_hints();

}  // namespace strata::bench
