// Binary records, and a whole log of them: common/record.
#include <cstdint>

#include "common/os/file.h"
#include "common/os/memory_os.h"
#include "common/record/big_endian.h"
#include "common/record/binary_record.h"
#include "common/record/record_reader.h"
#include "common/record/tombstone.h"
#include "tests/fuzz/fuzz.h"

namespace strata::fuzz {

namespace {

// Puts the right checksum into each record, as far as their lengths lead.
void mend(std::string& log) {
  constexpr std::size_t kCrcBytes = 4;
  std::size_t at = 0;
  while (log.size() - at >= kHeaderBytes) {
    const std::string_view rest = std::string_view(log).substr(at);
    const std::uint64_t size = decode_header(rest).size();
    if (size > rest.size()) return;
    const std::string_view covered = rest.substr(kCrcBytes, size - kCrcBytes);
    put_big_endian(crc32(covered), log.data() + at);
    at += size;
  }
}

void expect_same_again(const BinaryRecord& record, std::string_view bytes) {
  std::string again;
  encode_binary_record(record.header.tstamp, record.key, record.value, again);
  expect(again == bytes, "a record encodes to the bytes that it came from");
}

// What the reader makes of a log, step by step beside the decoder of single
// records.
void read(std::string_view log) {
  MemoryOs disk;
  disk.put("log", log);
  const File file = File::open(disk, "log", OpenMode::kRead, "fuzz");
  RecordReader reader(file, log.size(), "fuzz");
  LogEntry entry;
  std::size_t at = 0;
  Decoded decoded = reader.next(entry);
  for (; decoded != Decoded::kEnd; decoded = reader.next(entry)) {
    const std::string_view rest = log.substr(at);
    expect(entry.offset == at, "what is told follows what was told before");
    expect(entry.size > 0 && entry.size <= rest.size(), "it is in the log");
    const std::vector<char> copy = exactly(rest);
    BinaryRecord record;
    const Decoded alone = decode_binary_record(view_of(copy), record);
    expect((decoded == Decoded::kRecord) == (alone == Decoded::kRecord),
           "the reader passes over no record, and makes none up");
    if (decoded == Decoded::kRecord) {
      expect(entry.bytes == rest.substr(0, entry.size), "as it stands there");
      expect(entry.key == record.key, "the reader tells the record's key");
      expect_same_again(record, entry.bytes);
    } else {
      expect(*entry.why != '\0', "damage is told with a reason");
    }
    at += entry.size;
    expect(decoded != Decoded::kTorn || at == log.size(),
           "nothing stands behind a torn tail");
  }
  expect(at == log.size(), "all of the log is told of");
}

}  // namespace

std::vector<std::string> seeds() {
  std::string one;
  encode_binary_record(1'700'000'000, "city", "Rome", one);
  std::string many = one;
  encode_binary_record(0, "city", "", many);
  encode_binary_record(1, "k", std::string(300, 'v'), many);
  std::string nested;  // a log as a value
  encode_binary_record(2, "log", many, nested);
  encode_binary_record(3, "city", encode_tombstone(1), nested);
  return either_way({one, many, nested, many.substr(0, many.size() - 1),
                     many + std::string(20, '\0'),
                     nested.substr(0, nested.size() / 2)});
}

void decode(std::string_view input) {
  const Input in = Input::of(input);
  std::string log(in.bytes);
  if ((in.how & 1) != 0) mend(log);
  read(log);
}

}  // namespace strata::fuzz
