#include "tests/stages/riak_format.h"

#include <stdexcept>

namespace strata::riak {

namespace {

constexpr std::string_view kGrave = "bitcask_tombstone";
constexpr std::size_t kRecordHead = 4 + 4 + 2 + 4;
constexpr std::size_t kHintHead = 4 + 2 + 4 + 8;
constexpr std::uint64_t kTombstoneBit = std::uint64_t{1} << 63;
constexpr std::uint64_t kTrailerOffset = kTombstoneBit - 1;

// The `bytes` lowest bytes of `number`, highest first.
std::string number(std::uint64_t number, int bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(number >> (8 * bytes) & 0xFF);
  return text;
}

// Takes bytes off the front, and refuses where there are too few.
class Taker {
 public:
  explicit Taker(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  std::string take(std::uint64_t count) {
    if (count > rest_.size()) throw std::runtime_error("cut off");
    const std::string taken(rest_.substr(0, count));
    rest_.remove_prefix(count);
    return taken;
  }

  std::uint64_t take_number(int bytes) {
    std::uint64_t number = 0;
    for (const char byte : take(static_cast<std::uint64_t>(bytes))) {
      number = number << 8 | static_cast<unsigned char>(byte);
    }
    return number;
  }

  std::uint32_t take_u32() {
    return static_cast<std::uint32_t>(take_number(4));
  }

 private:
  std::string_view rest_;
};

std::string hint_head(const Hint& hint) {
  return number(hint.tstamp, 4) + number(hint.key.size(), 2) +
         number(hint.size, 4) +
         number(hint.offset | (hint.tombstone ? kTombstoneBit : 0), 8);
}

}  // namespace

std::uint32_t crc32_of(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
    }
  }
  return ~crc;
}

std::string tombstone(int version, std::uint32_t file) {
  std::string value(kGrave);
  if (version > 0) value += std::to_string(version) + number(file, 4);
  return value;
}

std::optional<Grave> read_tombstone(std::string_view value) {
  for (const int version : {0, 1, 2}) {
    const std::string like = tombstone(version);
    const std::size_t word = kGrave.size() + (version > 0 ? 1 : 0);
    if (value.size() != like.size() ||
        value.substr(0, word) != like.substr(0, word)) {
      continue;
    }
    Taker rest(value.substr(word));
    return Grave{version, version > 0 ? rest.take_u32() : 0};
  }
  return std::nullopt;
}

std::string data_name(std::uint32_t id) {
  return std::to_string(id) + ".bitcask.data";
}

std::string hint_name(std::uint32_t id) {
  return std::to_string(id) + ".bitcask.hint";
}

std::string data_bytes(const std::vector<Record>& records) {
  std::string bytes;
  for (const Record& record : records) {
    const std::string rest =
        number(record.tstamp, 4) + number(record.key.size(), 2) +
        number(record.value.size(), 4) + record.key + record.value;
    bytes += number(crc32_of(rest), 4) + rest;
  }
  return bytes;
}

std::vector<Hint> hints_of(const std::vector<Record>& records) {
  std::vector<Hint> hints;
  std::uint64_t offset = 0;
  for (const Record& record : records) {
    const std::uint64_t size =
        kRecordHead + record.key.size() + record.value.size();
    hints.push_back({record.tstamp, record.key,
                     static_cast<std::uint32_t>(size),
                     record.value.substr(0, kGrave.size()) == kGrave, offset});
    offset += size;
  }
  return hints;
}

std::string hint_bytes(const std::vector<Hint>& hints) {
  std::string bytes;
  for (const Hint& hint : hints) bytes += hint_head(hint) + hint.key;
  return bytes + hint_head({0, "", crc32_of(bytes), false, kTrailerOffset});
}

std::vector<Record> read_data(std::string_view bytes) {
  std::vector<Record> records;
  for (Taker rest(bytes); !rest.at_end();) {
    const std::uint32_t crc = rest.take_u32();
    Record record;
    record.tstamp = rest.take_u32();
    const std::uint64_t key_size = rest.take_number(2);
    const std::uint64_t value_size = rest.take_number(4);
    record.key = rest.take(key_size);
    record.value = rest.take(value_size);
    if (crc32_of(data_bytes({record}).substr(4)) != crc) {
      throw std::runtime_error("a record's checksum is wrong");
    }
    records.push_back(record);
  }
  return records;
}

std::vector<Hint> read_hints(std::string_view bytes) {
  if (bytes.size() < kHintHead) throw std::runtime_error("no trailer");
  const std::string_view entries = bytes.substr(0, bytes.size() - kHintHead);
  const std::string trailer =
      hint_head({0, "", crc32_of(entries), false, kTrailerOffset});
  if (bytes.substr(entries.size()) != trailer) {
    throw std::runtime_error("the trailer is wrong");
  }
  std::vector<Hint> hints;
  for (Taker rest(entries); !rest.at_end();) {
    Hint hint;
    hint.tstamp = rest.take_u32();
    const std::uint64_t key_size = rest.take_number(2);
    hint.size = rest.take_u32();
    const std::uint64_t offset = rest.take_number(8);
    hint.tombstone = (offset & kTombstoneBit) != 0;
    hint.offset = offset & ~kTombstoneBit;
    hint.key = rest.take(key_size);
    hints.push_back(hint);
  }
  return hints;
}

Lock read_lock(std::string_view bytes) {
  const std::size_t blank = bytes.find(' ');
  if (blank == std::string_view::npos || bytes.back() != '\n' ||
      bytes.substr(0, blank).find_first_not_of("0123456789") !=
          std::string_view::npos) {
    throw std::runtime_error("not a lock file");
  }
  return {std::stoull(std::string(bytes.substr(0, blank))),
          std::string(bytes.substr(blank + 1, bytes.size() - blank - 2))};
}

}  // namespace strata::riak
