#include "common/record/record_reader.h"

#include <algorithm>

namespace strata {

namespace {

// A record found behind damage may be the content of a damaged value. So many
// bytes may be checked for a proof before the first one is believed without.
constexpr std::uint64_t kProofBytes = std::uint64_t{64} << 20;

// Where a header holds the key's length.
constexpr std::uint64_t kKeySizeAt = 8;

// Where every byte could be a header, random lengths make most candidates
// long. All of those together may cost so many times the file's length.
constexpr std::uint64_t kLongSearch = 4;
constexpr std::uint64_t kLongRecord = std::uint64_t{64} * 1024;

}  // namespace

Decoded RecordReader::next(LogEntry& entry) {
  entry = LogEntry();
  entry.offset = at_;
  if (at_ == window_.size()) return Decoded::kEnd;
  const auto header = record_at(at_);
  if (!header) return pass_over_damage(entry);
  entry.header = *header;
  entry.size = header->size();
  entry.key = entry.size <= FileWindow::kCapacity
                  ? window_.at(at_ + kHeaderBytes, header->key_size)
                  : long_key_;
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
  if (header->size() > FileWindow::kCapacity) {
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
  const auto end = end_of_damage(at_);
  entry.size = end.value_or(window_.size()) - at_;
  const bool torn = !end && is_torn(at_);
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
  const auto first = next_record(begin + 1);
  if (!header || !first) return std::nullopt;
  std::uint64_t checked = 0;
  for (auto at = first; at && checked < kProofBytes;
       at = next_record(*at + 1)) {
    if (length_is_wrong(begin, *at)) return at;
    checked += *at - begin;
  }
  if (length_is_wrong(begin, window_.size())) return std::nullopt;
  // The length is right, or it is not the only thing that is wrong.
  const std::uint64_t end = begin + header->size();
  if (end == window_.size()) return std::nullopt;
  if (end < window_.size() && record_at(end)) return end;
  // Cut off, with records in its value? Then they do not fill the log.
  if (end > window_.size() && !records_reach_end(*first)) return std::nullopt;
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
    if (header->size() > kLongRecord) {
      if (searched_ > kLongSearch * window_.size()) continue;
      searched_ += header->size();
    }
    if (record_at(at)) return at;
  }
  return std::nullopt;
}

bool RecordReader::records_reach_end(std::uint64_t from) {
  while (const auto header = record_at(from)) from += header->size();
  return from == window_.size();
}

// Whether the bytes [begin, end) are a right record but for one of its length
// fields.
bool RecordReader::length_is_wrong(std::uint64_t begin, std::uint64_t end) {
  const auto header = header_at(begin);
  const std::uint64_t body = begin + kHeaderBytes;
  if (!header || end <= body) return false;
  const auto proves = [&](std::uint64_t key_size, std::uint64_t value_size) {
    if (key_size < 1 || key_size > kBinaryLimits.max_key_bytes ||
        value_size > kBinaryLimits.max_value_bytes) {
      return false;
    }
    RecordHeader fitting = *header;
    fitting.key_size = static_cast<std::uint16_t>(key_size);
    fitting.value_size = static_cast<std::uint32_t>(value_size);
    std::string bytes;
    encode_header(fitting, bytes);
    const std::uint32_t front = crc32(std::string_view(bytes).substr(4));
    return crc_of(body, end, front) == header->crc;
  };
  const std::uint64_t size = end - body;
  return (size >= header->key_size &&
          proves(header->key_size, size - header->key_size)) ||
         (size >= header->value_size &&
          proves(size - header->value_size, header->value_size));
}

// Whether flipping one bit makes the record right. The checksum is linear: a
// flipped bit changes it by a pattern that depends only on how many bits
// follow.
bool RecordReader::one_bit_is_wrong(std::uint64_t begin,
                                    const RecordHeader& header) {
  constexpr std::uint32_t kPolynomial = 0xEDB88320;
  const std::uint64_t end = begin + header.size();
  const std::uint32_t difference = crc_of(begin + 4, end, 0) ^ header.crc;
  if ((difference & (difference - 1)) == 0) return true;  // in the checksum
  std::uint32_t pattern = kPolynomial;
  for (std::uint64_t bits = 8 * (header.size() - 4); bits > 0; --bits) {
    if (pattern == difference) return true;
    pattern = (pattern >> 1) ^ ((pattern & 1) != 0 ? kPolynomial : 0);
  }
  return false;
}

// Whether the end of the log, from `begin` on, is an unfinished write.
bool RecordReader::is_torn(std::uint64_t begin) {
  const auto header = header_at(begin);
  if (!header) return true;
  if (searched_ > kLongSearch * window_.size()) return false;
  if (length_is_wrong(begin, window_.size())) return false;
  if (next_record(begin + 1)) return false;
  if (header->key_size == 0) return only_zeros_from(begin + kKeySizeAt);
  const std::uint64_t end = begin + header->size();
  if (end > window_.size()) return true;
  // In full length: only zeros to the end of the log speak of a crash.
  return only_zeros_from(end - 1) && !one_bit_is_wrong(begin, *header);
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
