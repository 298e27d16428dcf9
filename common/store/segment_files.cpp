#include "common/store/segment_files.h"

#include <algorithm>
#include <charconv>

#include "common/os/file.h"
#include "common/store/errors.h"

namespace strata {

namespace {

// The digits in front of the suffix; nothing where there is anything else.
std::optional<std::string_view> digits_of(std::string_view name,
                                          std::string_view suffix) {
  if (name.size() <= suffix.size()) return std::nullopt;
  const std::size_t length = name.size() - suffix.size();
  const std::string_view digits = name.substr(0, length);
  const bool ours =
      name.substr(length) == suffix &&
      digits.find_first_not_of("0123456789") == std::string_view::npos;
  return ours ? std::optional(digits) : std::nullopt;
}

}  // namespace

std::string segment_name(std::uint32_t id, std::string_view suffix) {
  return std::to_string(id).append(suffix);
}

std::optional<std::uint64_t> number_of_file(const std::string& name,
                                            const std::string& directory,
                                            std::string_view suffix,
                                            std::uint64_t last) {
  const auto digits = digits_of(name, suffix);
  if (!digits) return std::nullopt;
  std::uint64_t number = 0;
  const auto [stop, error] =
      std::from_chars(digits->data(), digits->data() + digits->size(), number);
  const bool fits = error == std::errc() && number <= last;
  const std::string own = std::to_string(number).append(suffix);
  if (!fits || own != name) {
    throw Damage(std::string(directory).append("/").append(name), 0,
                 fits ? "a second name for " + own
                      : "its number is past " + std::to_string(last));
  }
  return number;
}

std::vector<SegmentFile> segments_among(const std::vector<std::string>& names,
                                        const std::string& directory,
                                        std::string_view suffix) {
  std::vector<SegmentFile> segments;
  for (const std::string& name : names) {
    const auto id = number_of_file(name, directory, suffix, kLastSegment);
    if (id) segments.push_back({static_cast<std::uint32_t>(*id), name});
  }
  std::sort(segments.begin(), segments.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return segments;
}

std::vector<SegmentFile> list_segments(Os& os, const std::string& directory,
                                       std::string_view suffix,
                                       const char* why) {
  return segments_among(list_directory(os, directory, why), directory, suffix);
}

}  // namespace strata
