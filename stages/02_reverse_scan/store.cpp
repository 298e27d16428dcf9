#include "stages/02_reverse_scan/store.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "stages/roadmap.h"

namespace strata {

namespace {

constexpr std::string_view kBlockBytes = "--block-bytes";

// A line met on the way back; offsets are those of the file.
struct LineAt {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;               // of its newline
  std::optional<std::uint64_t> comma;  // the first one
};

// The lines of a log, newest first. The buffer holds a block and, behind it,
// the first bytes of what follows in the file, since a key may begin in one
// block and end in another.
class ReverseReader {
 public:
  ReverseReader(const File& file, std::uint64_t size, std::uint64_t block_bytes,
                std::uint64_t key_bytes)
      : file_(file),
        block_bytes_(block_bytes),
        key_bytes_(key_bytes),
        buffer_(block_bytes + key_bytes, '\0'),
        begin_(size),
        end_(begin_),
        cursor_(begin_),
        line_end_(begin_) {}

  // Puts the line before the last one into `line`; false at the file's start.
  // The first is what follows the last newline, and may be empty.
  bool previous(LineAt& line);

  // The file's bytes [begin, end), if they are in the buffer.
  [[nodiscard]] std::optional<std::string_view> bytes(std::uint64_t begin,
                                                      std::uint64_t end) const {
    if (begin < begin_ || end > end_) return std::nullopt;
    return std::string_view(buffer_.data() + (begin - begin_), end - begin);
  }

 private:
  const char* search_buffer(LineAt& line);
  void read_block_before();

  [[nodiscard]] std::uint64_t offset_of(const char* byte) const {
    return begin_ + static_cast<std::uint64_t>(byte - buffer_.data());
  }

  const File& file_;
  const std::uint64_t block_bytes_;
  const std::uint64_t key_bytes_;
  std::string buffer_;
  std::uint64_t begin_;  // the buffer holds [begin_, end_) of the file
  std::uint64_t end_;
  std::uint64_t cursor_;    // all from here to the end has been searched
  std::uint64_t line_end_;  // of the line to be met next
  bool done_ = false;
};

bool ReverseReader::previous(LineAt& line) {
  if (done_) return false;
  line = {.begin = 0, .end = line_end_, .comma = {}};
  const char* newline = search_buffer(line);
  while (newline == nullptr && begin_ > 0) {
    read_block_before();
    newline = search_buffer(line);
  }
  done_ = newline == nullptr;
  if (done_) return true;
  line.begin = offset_of(newline) + 1;
  line_end_ = cursor_ = line.begin - 1;
  return true;
}

// Finds the newline before the line and the line's first comma, as far as they
// are in the buffer.
const char* ReverseReader::search_buffer(LineAt& line) {
  const char* limit = buffer_.data() + (cursor_ - begin_);
  const auto* newline =
      static_cast<const char*>(memrchr(buffer_.data(), '\n', cursor_ - begin_));
  const char* head = newline == nullptr ? buffer_.data() : newline + 1;
  const auto* comma = static_cast<const char*>(
      std::memchr(head, ',', static_cast<std::size_t>(limit - head)));
  if (comma != nullptr) line.comma = offset_of(comma);
  cursor_ = begin_;
  return newline;
}

void ReverseReader::read_block_before() {
  const std::uint64_t size = std::min(block_bytes_, begin_);
  const std::uint64_t kept = std::min(key_bytes_, end_ - begin_);
  std::memmove(buffer_.data() + size, buffer_.data(), kept);
  begin_ -= size;
  end_ = begin_ + size + kept;
  const std::size_t got =
      file_.read_at(begin_, buffer_.data(), size, "scan backwards for the key");
  std::memset(buffer_.data() + got, 0, size - got);  // a writer cut it off
}

}  // namespace

ReverseScan::ReverseScan(const Options& options)
    : TextStore(options),
      block_bytes_(stage_02_reverse_scan().number(options, kBlockBytes)) {}

void ReverseScan::set(std::string_view key, std::string_view value) {
  log().append(key, value);
}

bool ReverseScan::get(std::string_view key, std::string& value) {
  if (log().file() == nullptr || !is_key_size(key.size())) return false;
  ReverseReader reader(*log().file(), log().size(), block_bytes_, key.size());
  LineAt line;
  reader.previous(line);
  if (line.begin < line.end) {
    log().note_torn_tail(line.begin, line.end - line.begin);
  }
  while (reader.previous(line)) {
    if (!line.comma || !is_key_size(*line.comma - line.begin)) {
      log().throw_damage(line.begin);  // it may have held a newer value
    }
    if (*line.comma - line.begin != key.size() ||
        reader.bytes(line.begin, *line.comma) != key) {
      continue;
    }
    const std::uint64_t value_at = *line.comma + 1;
    if (const auto bytes = reader.bytes(value_at, line.end)) {
      value.assign(*bytes);
    } else {
      log().read(value_at, line.end - value_at, value, "read the value");
    }
    return true;
  }
  return false;
}

const Stage& stage_02_reverse_scan() {
  static const Stage stage = {
      .name = "02_reverse_scan",
      .title = "the same log, scanned backwards",
      .flaw =
          "A key written long ago, and one that is not there, still cost "
          "the whole file.",
      .limits = kTextLimits,
      .options = {{.name = kBlockBytes,
                   .help = "bytes read at a time, from the end of the log",
                   .default_value = std::uint64_t{64} * 1024,
                   .min = 1,
                   .max = 1 << 30}},
      .refuses = {kNoDelete, kNoCompaction, kNoSegments, kNoVerify, kNoSalvage},
      .checksums = false,
      .scans = true,
      .open = [](const Options& options) -> std::unique_ptr<Store> {
        return std::make_unique<ReverseScan>(options);
      },
  };
  return stage;
}

}  // namespace strata
