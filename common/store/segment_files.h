/// @file
/// The files of a log that is cut into segments: `1.log`, `2.log`, …, `10.log`.
/// The number is the segment's id, and ids rise in the order of writing: no
/// clock is asked, and none can turn the order round.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/os/os.h"

namespace strata {

/// One segment's file.
struct SegmentFile {
  std::uint32_t id = 0;  ///< its place in the order of writing
  std::string name;      ///< within the store's directory
};

/// The highest id.
inline constexpr std::uint32_t kLastSegment = 0xFFFFFFFF;

/// @param suffix what names end with behind the id, ".log" for example
/// @returns the name of a segment's file.
[[nodiscard]] std::string segment_name(std::uint32_t id,
                                       std::string_view suffix);

/// @param last the highest number that there may be
/// @returns the number of a file called `name`; nothing where that is not digits
///   in front of the suffix: the file is another's.
/// @throws Damage when it says a number as no file is called, such as `007.log`:
///   it may be a second name for one, or one too many.
[[nodiscard]] std::optional<std::uint64_t> number_of_file(
    const std::string& name, const std::string& directory,
    std::string_view suffix, std::uint64_t last);

/// Picks the segments out of the names in a directory. Those that are another's
/// are left out.
/// @returns them ascending by id, as numbers: 10 behind 9.
/// @throws Damage as `number_of_file`
[[nodiscard]] std::vector<SegmentFile> segments_among(
    const std::vector<std::string>& names, const std::string& directory,
    std::string_view suffix);

/// @returns the segments in a directory, ascending; none when it is missing.
/// @throws IoError; Damage as `segments_among`
[[nodiscard]] std::vector<SegmentFile> list_segments(
    Os& os, const std::string& directory, std::string_view suffix,
    const char* why);

}  // namespace strata
