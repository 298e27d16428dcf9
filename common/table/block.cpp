#include "common/table/block.h"

#include <algorithm>
#include <limits>

#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "common/table/varint.h"

namespace strata::sst {

namespace {

constexpr std::size_t kRestartEvery = 16;
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kRestartBytes = 4;
constexpr std::size_t kMaxKey = 0xFFFF;

}  // namespace

std::size_t shared_prefix(std::string_view a, std::string_view b) {
  const std::size_t size = std::min(a.size(), b.size());
  return static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(size),
                    b.begin())
          .first -
      a.begin());
}

bool decode_block_header(std::string_view bytes, BlockHeader& header) {
  header.crc = read_big_endian<std::uint32_t>(bytes);
  const auto kind = static_cast<unsigned char>(bytes[kCrcBytes]);
  const auto compression = static_cast<unsigned char>(bytes[kCrcBytes + 1]);
  header.kind = static_cast<BlockKind>(kind);
  header.compression = static_cast<Compression>(compression);
  header.size = read_big_endian<std::uint64_t>(bytes.substr(kCrcBytes + 2));
  return kind <= static_cast<unsigned char>(BlockKind::kFilter) &&
         compression <= static_cast<unsigned char>(Compression::kZstd);
}

std::string_view open_block(std::string_view bytes, BlockKind kind,
                            std::string& scratch, const char*& why) {
  why = "no block begins here";
  BlockHeader header;
  if (bytes.size() < kBlockHeaderBytes) return {};
  if (!decode_block_header(bytes, header)) return {};
  if (header.size != bytes.size() - kBlockHeaderBytes) return {};
  why = "checksum does not match";
  if (header.crc != crc32(bytes.substr(kCrcBytes))) return {};
  why = "a block of another kind";
  if (header.kind != kind) return {};
  const std::string_view body = bytes.substr(kBlockHeaderBytes);
  if (header.compression == Compression::kNone) return body;
  why = "cannot be decompressed";
  return decompress(header.compression, body, scratch) ? scratch
                                                       : std::string_view();
}

void BlockBuilder::add(const Entry& entry) {
  const bool restarts = count_ % kRestartEvery == 0;
  const std::size_t shared = restarts ? 0 : shared_prefix(last_key_, entry.key);
  if (restarts) {
    append_big_endian(static_cast<std::uint32_t>(entries_.size()), restarts_);
  }
  append_varint(shared, entries_);
  append_varint(entry.key.size() - shared, entries_);
  append_varint(entry.is_tombstone ? 0 : entry.value.size() + 1, entries_);
  entries_ += entry.key.substr(shared);
  entries_ += entry.value;
  last_key_ = entry.key;
  ++count_;
}

void append_block(BlockKind kind, Compression compression,
                  std::string_view body, std::string& scratch,
                  std::string& out) {
  if (compress(compression, body, scratch)) {
    body = scratch;
  } else {
    compression = Compression::kNone;
  }
  const std::size_t begin = out.size();
  out.append(kCrcBytes, '\0');
  out += static_cast<char>(kind);
  out += static_cast<char>(compression);
  append_big_endian(std::uint64_t{body.size()}, out);
  out += body;
  put_big_endian(crc32(std::string_view(out).substr(begin + kCrcBytes)),
                 out.data() + begin);
}

void BlockBuilder::finish(BlockKind kind, Compression compression,
                          std::string& out) {
  const auto restarts =
      static_cast<std::uint32_t>(restarts_.size() / kRestartBytes);
  entries_ += restarts_;
  append_big_endian(restarts, entries_);
  append_block(kind, compression, entries_, compressed_, out);
  entries_.clear();
  restarts_.clear();
  last_key_.clear();
  count_ = 0;
}

bool BlockCursor::open(std::string_view entries) {
  entries_ = restarts_ = {};
  go_to(0);
  if (entries.size() < kRestartBytes) return false;
  const std::size_t rest = entries.size() - kRestartBytes;
  const auto count = read_big_endian<std::uint32_t>(entries.substr(rest));
  if (count > rest / kRestartBytes) return false;
  const std::size_t end = rest - count * kRestartBytes;
  entries_ = entries.substr(0, end);
  restarts_ = entries.substr(end, count * kRestartBytes);
  return true;
}

std::size_t BlockCursor::restart(std::size_t i) const {
  return read_big_endian<std::uint32_t>(restarts_.substr(i * kRestartBytes));
}

void BlockCursor::go_to(std::size_t offset) {
  next_ = std::min(offset, entries_.size());
  key_.clear();
}

Decoded BlockCursor::next() {
  offset_ = next_;
  std::string_view rest = entries_.substr(offset_);
  if (rest.empty()) return Decoded::kEnd;
  std::uint64_t shared = 0;
  std::uint64_t more = 0;
  std::uint64_t mark = 0;
  const bool whole = take_varint(rest, shared) && take_varint(rest, more) &&
                     take_varint(rest, mark);
  if (!whole || shared > key_.size() || more > kMaxKey - shared ||
      shared + more == 0 || more > rest.size()) {
    return Decoded::kCorrupt;
  }
  const std::uint64_t value_size = mark == 0 ? 0 : mark - 1;
  if (value_size > rest.size() - more) return Decoded::kCorrupt;
  shared_ = static_cast<std::size_t>(shared);
  key_.resize(shared_);
  key_ += rest.substr(0, static_cast<std::size_t>(more));
  rest.remove_prefix(static_cast<std::size_t>(more));
  entry_ = {key_, rest.substr(0, static_cast<std::size_t>(value_size)),
            mark == 0};
  next_ = entries_.size() - rest.size() + static_cast<std::size_t>(value_size);
  return Decoded::kRecord;
}

// Finds the last restart whose key is less than the one that is sought: where
// it begins, or 0 where there is none.
Decoded BlockCursor::restart_before(std::string_view key, std::size_t& found) {
  std::size_t low = 0;
  std::size_t high = restarts_.size() / kRestartBytes;
  found = high == 0 ? 0 : restart(0);
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    go_to(restart(middle));
    const Decoded decoded = next();
    if (decoded != Decoded::kRecord) return Decoded::kCorrupt;
    (entry_.key < key ? low : high) = middle;
  }
  if (low > 0) found = restart(low);
  return Decoded::kRecord;
}

Decoded BlockCursor::seek(std::string_view key) {
  std::size_t begin = 0;
  Decoded decoded = restart_before(key, begin);
  if (decoded != Decoded::kRecord) return decoded;
  go_to(begin);
  decoded = next();
  while (decoded == Decoded::kRecord && entry_.key < key) decoded = next();
  return decoded;
}

// Moves to the last entry from `begin` on that shall `stay`, and those before
// it too: once to find it, and once to stand there.
template <typename Stay>
Decoded BlockCursor::last_from(std::size_t begin, const Stay& stay) {
  std::size_t last = entries_.size();
  go_to(begin);
  Decoded decoded = next();
  for (; decoded == Decoded::kRecord && stay(); decoded = next()) {
    last = offset_;
  }
  if (decoded == Decoded::kCorrupt) return decoded;
  if (last == entries_.size()) {
    go_to(last);
    return Decoded::kEnd;
  }
  go_to(begin);
  do {
    decoded = next();
  } while (offset_ < last);
  return decoded;
}

Decoded BlockCursor::seek_before(std::string_view key) {
  std::size_t begin = 0;
  const Decoded decoded = restart_before(key, begin);
  if (decoded != Decoded::kRecord) return decoded;
  return last_from(begin, [&] { return entry_.key < key; });
}

Decoded BlockCursor::seek_last() {
  const std::size_t restarts = restarts_.size() / kRestartBytes;
  return last_from(restarts == 0 ? 0 : restart(restarts - 1),
                   [] { return true; });
}

}  // namespace strata::sst
