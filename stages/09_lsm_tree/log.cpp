#include "stages/09_lsm_tree/log.h"

#include <algorithm>

#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "common/record/log_entries.h"

namespace strata::lsm {

namespace {

constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kNumberBytes = 8;

struct Header {
  std::uint32_t crc = 0;
  LogKind kind = LogKind::kBatch;
  std::uint64_t size = 0;
};

bool decode_header(std::string_view bytes, Header& header) {
  const auto head = read_big_endian<std::uint32_t>(bytes);
  if (head != crc32(bytes.substr(kCrcBytes, kLogHeaderBytes - kCrcBytes))) {
    return false;
  }
  header.crc = read_big_endian<std::uint32_t>(bytes.substr(kCrcBytes));
  header.kind = static_cast<LogKind>(bytes[2 * kCrcBytes]);
  header.size = read_big_endian<std::uint64_t>(bytes.substr(2 * kCrcBytes + 1));
  return header.kind == LogKind::kBegin || header.kind == LogKind::kBatch;
}

// Finds the header of which one byte was changed into these, if there is one.
bool find_header(std::string_view bytes, Header& header) {
  std::string other(bytes);
  for (char& byte : other) {
    const char now = byte;
    for (int value = 0; value < 256; ++value) {
      byte = static_cast<char>(value);
      if (decode_header(other, header)) return true;
    }
    byte = now;
  }
  return false;
}

// Whether the bytes are like a header's but for the checksum.
bool looks_like_header(std::string_view bytes, std::uint64_t rest) {
  const auto kind = static_cast<LogKind>(bytes[2 * kCrcBytes]);
  const auto size =
      read_big_endian<std::uint64_t>(bytes.substr(2 * kCrcBytes + 1));
  return kind <= LogKind::kBatch && size <= rest;
}

}  // namespace

void append_log_record(LogKind kind, std::string_view body, std::string& out) {
  const std::size_t begin = out.size();
  out.append(kCrcBytes, '\0');
  append_big_endian(crc32(body), out);
  out += static_cast<char>(kind);
  append_big_endian(std::uint64_t{body.size()}, out);
  put_big_endian(crc32(std::string_view(out).substr(begin + kCrcBytes)),
                 out.data() + begin);
  out += body;
}

void append_begin(const Previous& previous, std::string& out) {
  std::string body;
  append_big_endian(previous.number, body);
  append_big_endian(previous.size, body);
  append_log_record(LogKind::kBegin, body, out);
}

bool decode_begin(std::string_view body, Previous& previous) {
  if (body.size() != 2 * kNumberBytes) return false;
  previous.number = read_big_endian<std::uint64_t>(body);
  previous.size = read_big_endian<std::uint64_t>(body.substr(kNumberBytes));
  return true;
}

Decoded LogReader::next(LogItem& item) {
  if (offset_ >= window_.size()) return Decoded::kEnd;
  item = {};
  item.offset = offset_;
  const Decoded decoded = read_record(item);
  if (decoded == Decoded::kTorn) item.size = window_.size() - offset_;
  offset_ += item.size;
  return decoded;
}

Decoded LogReader::read_record(LogItem& item) {
  const std::uint64_t rest = window_.size() - offset_;
  item.why = "the record is cut off";
  const std::string_view bytes = window_.at(offset_, kLogHeaderBytes);
  if (bytes.size() < kLogHeaderBytes) return Decoded::kTorn;
  Header header;
  if (!decode_header(bytes, header)) return judge_header(item);
  if (header.size > rest - kLogHeaderBytes) return Decoded::kTorn;
  item.why = "checksum does not match";
  item.size = kLogHeaderBytes + header.size;
  item.kind = header.kind;
  if (item.size <= FileWindow::kCapacity) {
    const auto size = static_cast<std::size_t>(header.size);
    item.body = window_.at(offset_, kLogHeaderBytes + size);
    item.body.remove_prefix(kLogHeaderBytes);
  } else {
    read_exactly(log_, offset_ + kLogHeaderBytes, header.size, why_, body_);
    item.body = body_;
  }
  const std::uint32_t wrong = crc32(item.body) ^ header.crc;
  return wrong == 0 ? Decoded::kRecord : judge_body(item, wrong);
}

// What bytes are that are no header: the length in them cannot be trusted. (A
// record whose body is all zeros there is none, but for the first log's first.)
Decoded LogReader::judge_header(LogItem& item) {
  const std::string bytes(window_.at(offset_, kLogHeaderBytes));
  const std::uint64_t behind = offset_ + kLogHeaderBytes;
  const std::uint64_t rest = window_.size() - behind;
  item.why = "no record begins here";
  if (bytes.back() == 0 && has_only_zeros(behind)) return Decoded::kTorn;
  Header header;
  if (find_header(bytes, header)) {  // then it is known how long it was
    // One that is cut off must go: what is written behind it would be in it.
    if (header.size > rest) return Decoded::kTorn;
    item.size = kLogHeaderBytes + header.size;
    return Decoded::kCorrupt;
  }
  const std::uint64_t next = next_record_behind(offset_);
  item.size = next - offset_;
  const bool is_last = next == window_.size();
  return is_last && !looks_like_header(bytes, rest) ? Decoded::kTorn
                                                    : Decoded::kCorrupt;
}

// What a whole record is whose body is wrong. A crash leaves zeros at its end,
// and nothing else behind it.
Decoded LogReader::judge_body(const LogItem& item, std::uint32_t wrong) {
  constexpr std::size_t kLongest = std::size_t{1}
                                   << 20;  // whose bits are tried
  const bool ends_in_zeros = !item.body.empty() && item.body.back() == 0 &&
                             has_only_zeros(item.offset + item.size);
  if (!ends_in_zeros) return Decoded::kCorrupt;
  const bool is_flipped =
      item.size <= kLongest && one_bit_explains(wrong, item.body.size());
  return is_flipped ? Decoded::kCorrupt : Decoded::kTorn;
}

bool LogReader::has_only_zeros(std::uint64_t offset) {
  while (offset < window_.size()) {
    const std::string_view bytes = window_.at(offset, FileWindow::kCapacity);
    const bool zeros = std::all_of(bytes.begin(), bytes.end(),
                                   [](char byte) { return byte == 0; });
    if (!zeros) return false;
    offset += bytes.size();
  }
  return true;
}

// Where a record begins behind damage. Its header's checksum says so. One that
// is cut off counts only where no whole one is behind it: it may be a part of a
// value.
std::uint64_t LogReader::next_record_behind(std::uint64_t offset) {
  std::uint64_t cut_off = window_.size();
  while (++offset < window_.size()) {
    const std::string_view bytes = window_.at(offset, kLogHeaderBytes);
    Header header;
    if (bytes.size() < kLogHeaderBytes) break;
    if (!decode_header(bytes, header)) continue;
    const std::uint64_t rest = window_.size() - offset - kLogHeaderBytes;
    if (header.size <= rest) return offset;
    cut_off = std::min(cut_off, offset);
  }
  return cut_off;
}

}  // namespace strata::lsm
