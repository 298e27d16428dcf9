#include "common/record/record_reader.h"

#include <algorithm>

namespace strata {

namespace {

// Where every byte could be a header, random lengths make most candidates
// long. All of those together may cost so many times the file's length, or so
// many bytes.
constexpr std::uint64_t kLongSearch = 4;
constexpr std::uint64_t kLongSearchBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kLongRecord = std::uint64_t{64} << 10;

// Where a header holds its lengths.
constexpr std::uint64_t kKeySizeAt = 8;

// In longer records than this one flipped bit can seem to explain by chance
// what is wrong.
constexpr std::uint64_t kOneBitRecord = std::uint64_t{1} << 20;

}  // namespace

Decoded RecordReader::next(LogEntry& entry) {
  entry = LogEntry();
  entry.offset = at_;
  if (at_ == window_.size()) return Decoded::kEnd;
  const auto header = record_at(at_);
  if (!header) return pass_over_damage(entry);
  entry.header = *header;
  entry.size = header->size();
  if (entry.size <= FileWindow::kCapacity) {
    entry.bytes = window_.at(at_, static_cast<std::size_t>(entry.size));
    entry.key = entry.bytes.substr(kHeaderBytes, header->key_size);
  } else {
    entry.key = long_key_;
  }
  at_ += entry.size;
  return Decoded::kRecord;
}

std::optional<RecordHeader> RecordReader::header_at(std::uint64_t offset) {
  const std::string_view bytes = window_.at(offset, kHeaderBytes);
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  return decode_header(bytes);
}

std::optional<RecordHeader> RecordReader::record_at(std::uint64_t offset) {
  const auto header = header_at(offset);
  if (!header || header->key_size == 0 ||
      header->size() > window_.size() - offset) {
    return std::nullopt;
  }
  if (header->size() <= FileWindow::kCapacity) {
    // Keeps the whole record in the window, for `next` to hand out.
    (void)window_.at(offset, static_cast<std::size_t>(header->size()));
  } else {
    const std::string_view front =
        window_.at(offset + 4, kHeaderBytes - 4 + header->key_size);
    long_key_ = front.substr(kHeaderBytes - 4);
  }
  const std::uint64_t end = offset + header->size();
  if (crc_of(offset + 4, end, 0) != header->crc) return std::nullopt;
  return header;
}

std::uint32_t RecordReader::crc_of(std::uint64_t begin, std::uint64_t end,
                                   std::uint32_t before) {
  std::uint32_t crc = before;
  while (begin < end) {
    const auto want =
        std::min<std::uint64_t>(end - begin, FileWindow::kCapacity - 4);
    crc = crc32(window_.at(begin, want), crc);
    begin += want;
  }
  return crc;
}

Decoded RecordReader::pass_over_damage(LogEntry& entry) {
  auto end = end_of_damage(at_);
  bool torn = !end && is_torn(at_);
  if (torn) {
    // Unless it is whole but for its lengths, and a torn record follows it.
    end = end_by_other_length(at_, Behind::kAnything);
    torn = !end;
  }
  entry.size = end.value_or(window_.size()) - at_;
  at_ += entry.size;
  if (torn) {
    entry.why = "the record is not complete";
    return Decoded::kTorn;
  }
  entry.why = "checksum does not match";
  return Decoded::kCorrupt;
}

// Where the next good record begins; nothing when there is none.
std::optional<std::uint64_t> RecordReader::end_of_damage(std::uint64_t begin) {
  const auto header = header_at(begin);
  if (!header) return std::nullopt;
  if (const auto proved = end_by_other_length(begin, Behind::kARecord)) {
    return proved;
  }
  // The length is right, or it is not the only thing that is wrong.
  const std::uint64_t end = begin + header->size();
  if (header->key_size > 0) {
    if (end == window_.size()) return std::nullopt;
    if (end < window_.size() && record_at(end)) return end;
  }
  const auto first = next_record(begin + 1);
  // Cut off, with records in its value? Then they do not fill the log.
  const bool cut = header->key_size > 0 && end > window_.size();
  if (first && cut && !records_reach_end(*first)) return std::nullopt;
  return first;
}

std::optional<std::uint64_t> RecordReader::next_record(std::uint64_t from) {
  for (std::uint64_t at = from; at + kHeaderBytes < window_.size(); ++at) {
    const auto header = header_at(at);
    if (header->key_size == 0) {
      at += zeros_at(at + kKeySizeAt) - 2;
      continue;
    }
    if (header->size() > window_.size() - at) continue;
    if (may_check(header->size()) && record_at(at)) return at;
  }
  return std::nullopt;
}

bool RecordReader::search_is_over() const {
  return searched_ > std::max(kLongSearch * window_.size(), kLongSearchBytes);
}

bool RecordReader::records_reach_end(std::uint64_t from) {
  while (const auto header = record_at(from)) from += header->size();
  return from == window_.size();
}

// Where the record at `begin` ends if one byte of its lengths is another than
// it was written; nothing when the checksum proves none of them. Only ends
// behind which there may be what is said are tried: checksums take time.
std::optional<std::uint64_t> RecordReader::end_by_other_length(
    std::uint64_t begin, Behind behind) {
  std::string front(window_.at(begin, kHeaderBytes));
  if (front.size() < kHeaderBytes) return std::nullopt;
  for (std::size_t at = kKeySizeAt; at < kHeaderBytes; ++at) {
    const char now = front[at];
    for (int value = 0; value < 256; ++value) {
      front[at] = static_cast<char>(value);
      const RecordHeader other = decode_header(front);
      const std::uint64_t end = begin + other.size();
      if (front[at] == now || other.key_size == 0 || end > window_.size() ||
          (behind == Behind::kARecord && !may_begin_at(end)) ||
          !may_check(other.size())) {
        continue;
      }
      const std::uint32_t crc = crc32(std::string_view(front).substr(4));
      if (crc_of(begin + kHeaderBytes, end, crc) == other.crc) return end;
    }
    front[at] = now;
  }
  return std::nullopt;
}

// Whether a record may begin at `offset`, by its header alone, or the log ends.
bool RecordReader::may_begin_at(std::uint64_t offset) {
  if (offset == window_.size()) return true;
  const std::string_view bytes = window_.peek(offset, kHeaderBytes);
  if (bytes.size() < kHeaderBytes) return false;
  const RecordHeader header = decode_header(bytes);
  return header.key_size > 0 && header.size() <= window_.size() - offset;
}

// Whether so many bytes may still be checked in search of a record.
bool RecordReader::may_check(std::uint64_t size) {
  if (size <= kLongRecord) return true;
  if (search_is_over()) return false;
  searched_ += size;
  return true;
}

// Whether flipping one bit makes the record right.
bool RecordReader::one_bit_is_wrong(std::uint64_t begin,
                                    const RecordHeader& header) {
  const std::uint64_t end = begin + header.size();
  return one_bit_explains(crc_of(begin + 4, end, 0) ^ header.crc,
                          header.size() - 4);
}

// Whether the end of the log, from `begin` on, is an unfinished write.
bool RecordReader::is_torn(std::uint64_t begin) {
  const auto header = header_at(begin);
  if (!header) return true;
  // When the search was given up, there may be records that it has not found.
  if (search_is_over() || next_record(begin + 1)) return false;
  if (header->key_size == 0) return only_zeros_from(begin + kKeySizeAt);
  const std::uint64_t end = begin + header->size();
  if (end > window_.size()) return true;
  // In full length: only zeros to the end of the log speak of a crash.
  if (!only_zeros_from(end - 1)) return false;
  return header->size() > kOneBitRecord || !one_bit_is_wrong(begin, *header);
}

bool RecordReader::only_zeros_from(std::uint64_t begin) {
  return begin + zeros_at(begin) == window_.size();
}

// How many zero bytes stand from `begin` on.
std::uint64_t RecordReader::zeros_at(std::uint64_t begin) {
  std::uint64_t at = begin;
  for (std::size_t want = 64; at < window_.size();
       want = FileWindow::kCapacity) {
    const std::string_view bytes = window_.at(at, want);
    const std::size_t zeros = bytes.find_first_not_of('\0');
    if (zeros != std::string_view::npos) return at + zeros - begin;
    at += bytes.size();
  }
  return at - begin;
}

}  // namespace strata
