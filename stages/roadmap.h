/// @file
/// The roadmap: what arrives where. A stage that cannot do something yet says
/// so in these words, by name, instead of pretending.
#pragma once

#include "common/store/stage.h"

namespace strata {

/// No `del` before tombstones.
inline constexpr Refusal kNoDelete{"del",
                                   "tombstones arrive with 06_compaction"};

/// No `compact` before there are segments to merge.
inline constexpr Refusal kNoCompaction{
    "compact", "merging of segments arrives with 06_compaction"};

/// No `--segment-bytes` while the log is one file.
inline constexpr Refusal kNoSegments{
    "--segment-bytes", "a log cut into segments arrives with 05_segments"};

/// No `verify` without checksums.
inline constexpr Refusal kNoVerify{
    "verify",
    "a text record has no checksum, so that a changed byte in a value cannot "
    "be seen; checksums arrive with 04_keydir"};

/// No `salvage` without checksums.
inline constexpr Refusal kNoSalvage{
    "salvage",
    "without checksums nobody can tell what is readable; they arrive with "
    "04_keydir"};

}  // namespace strata
