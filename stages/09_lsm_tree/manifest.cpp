#include "stages/09_lsm_tree/manifest.h"

#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "common/os/file.h"
#include "common/record/binary_record.h"
#include "common/record/escape.h"
#include "common/record/log_entries.h"
#include "common/store/errors.h"

namespace strata::lsm {

namespace {

constexpr std::string_view kTitle = "strata lsm manifest 1";
constexpr std::string_view kCrc = "crc ";
constexpr std::size_t kTableWords = 6;

std::vector<std::string_view> split(std::string_view line, char at) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  for (std::size_t end = line.find(at); end != std::string_view::npos;
       end = line.find(at, begin)) {
    words.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  words.push_back(line.substr(begin));
  return words;
}

std::optional<std::uint64_t> to_number(std::string_view digits) {
  std::uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

bool take_key(std::string_view escaped, std::string& key) {
  const bool is_wrong = unescape(escaped, key).has_value();
  return !is_wrong && !key.empty() && key.size() <= kLimits.max_key_bytes;
}

std::optional<TableInfo> to_table(std::string_view line) {
  const auto words = split(line, '\t');
  if (words.size() != kTableWords) return std::nullopt;
  TableInfo info;
  const std::array<std::uint64_t*, 4> numbers = {
      &info.number, &info.size, &info.entries, &info.tombstones};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto number = to_number(words[i]);
    if (!number) return std::nullopt;
    *numbers[i] = *number;
  }
  const bool fits = take_key(words[4], info.first) &&
                    take_key(words[5], info.last) && info.number > 0 &&
                    info.number < kNumbersEnd && info.first <= info.last;
  if (!fits) return std::nullopt;
  return info;
}

// Takes one line after the other.
class Decoder {
 public:
  // Whether the line can stand where it stands.
  [[nodiscard]] bool take(std::string_view line) {
    const std::size_t end = line.find(' ');
    const std::string_view word = line.substr(0, end);
    const std::string_view rest =
        end == std::string_view::npos ? "" : line.substr(end + 1);
    if (word == "log") return take_file(rest, manifest_.log);
    if (word == "next") return take_file(rest, manifest_.next);
    if (word == "level") return take_level(rest);
    if (word == "run") return take_run(rest);
    return word == "table" && take_table(rest);
  }

  [[nodiscard]] Manifest finish() && { return std::move(manifest_); }

 private:
  // The number of a file, in front of all levels.
  bool take_file(std::string_view rest, std::uint64_t& file) const {
    const auto number = to_number(rest);
    if (!number || *number == 0 || *number > kNumbersEnd ||
        !manifest_.levels.empty()) {
      return false;
    }
    file = *number;
    return true;
  }

  bool take_level(std::string_view rest) {
    const std::size_t level = manifest_.levels.size();
    const auto words = split(rest, ' ');
    if (level == kLevels || words.size() != 2) return false;
    const auto bytes = to_number(words[1]);
    if (to_number(words[0]) != level || !bytes) return false;
    manifest_.levels.emplace_back();
    manifest_.written[level] = *bytes;
    return true;
  }

  bool take_run(std::string_view rest) {
    if (!rest.empty() || manifest_.levels.empty()) return false;
    manifest_.levels.back().emplace_back();
    return true;
  }

  bool take_table(std::string_view rest) {
    auto info = to_table(rest);
    if (!info || manifest_.levels.empty() || manifest_.levels.back().empty()) {
      return false;
    }
    Manifest::Run& run = manifest_.levels.back().back();
    const bool follows = run.empty() || run.back().last < info->first;
    const bool is_new = numbers_.insert(info->number).second;
    run.push_back(std::move(*info));
    return follows && is_new;
  }

  Manifest manifest_;
  std::set<std::uint64_t> numbers_;
};

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  std::string text(kTitle);
  text += "\nlog " + std::to_string(manifest.log) + "\nnext " +
          std::to_string(manifest.next) + "\n";
  for (std::size_t level = 0; level < manifest.levels.size(); ++level) {
    text += "level " + std::to_string(level) + " " +
            std::to_string(manifest.written[level]) + "\n";
    for (const Manifest::Run& run : manifest.levels[level]) {
      text += "run\n";
      for (const TableInfo& info : run) {
        text += "table " + std::to_string(info.number) + "\t" +
                std::to_string(info.size) + "\t" +
                std::to_string(info.entries) + "\t" +
                std::to_string(info.tombstones) + "\t";
        escape(info.first, text);
        text += '\t';
        escape(info.last, text);
        text += '\n';
      }
    }
  }
  text += std::string(kCrc) + to_hex(crc32(text)) + "\n";
  return text;
}

Manifest decode_manifest(std::string_view text, const std::string& path) {
  const std::size_t crc = text.rfind(kCrc);
  const bool is_whole =
      crc != std::string_view::npos && crc > 0 &&
      text.substr(crc) ==
          std::string(kCrc) + to_hex(crc32(text.substr(0, crc))) + "\n";
  if (!is_whole) throw Damage(path, 0, "checksum does not match");
  Decoder decoder;
  std::size_t offset = 0;
  for (const std::string_view line : split(text.substr(0, crc - 1), '\n')) {
    const bool fits = offset == 0 ? line == kTitle : decoder.take(line);
    if (!fits) throw Damage(path, offset, "a line that no manifest has");
    offset += line.size() + 1;
  }
  return std::move(decoder).finish();
}

std::string read_manifest(const Options& options) {
  std::string text;
  const auto file = File::open_if_there(
      options.system(), options.path_of(kManifest), "which tables are there?");
  if (!file) return text;
  const std::uint64_t size = file->size("measure the manifest");
  read_exactly(*file, 0, size, "read the manifest", text);
  if (text.empty()) throw Damage(file->path(), 0, "it is empty");
  return text;
}

}  // namespace strata::lsm
