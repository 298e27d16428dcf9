// The binary record, and the reader that tells torn from damaged.
#include "common/record/binary_record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/os/ledger.h"
#include "common/os/memory_os.h"
#include "common/record/record_reader.h"

namespace strata {
namespace {

std::string record(std::string_view key, std::string_view value) {
  std::string bytes;
  encode_binary_record(1'700'000'000, key, value, bytes);
  return bytes;
}

// CRC-32 as its definition has it, bit by bit: a second opinion.
std::uint32_t slow_crc32(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
    }
  }
  return ~crc;
}

TEST(BinaryRecordCodec, TheWorkedExampleIsTrue) {
  const std::string expected(
      "\x26\x3e\x9d\x1f\x65\x53\xf1\x00\x00\x04\x00\x00\x00\x04"
      "cityRome",
      22);
  EXPECT_EQ(record("city", "Rome"), expected);
  BinaryRecord decoded;
  ASSERT_EQ(decode_binary_record(expected, decoded), Decoded::kRecord);
  EXPECT_EQ(decoded.key, "city");
  EXPECT_EQ(decoded.value, "Rome");
  EXPECT_EQ(decoded.header.tstamp, 1'700'000'000U);
  EXPECT_EQ(decoded.header.crc, 0x263e9d1fU);
  EXPECT_EQ(decoded.header.crc, slow_crc32(expected.substr(4)));
}

TEST(BinaryRecordCodec, TheChecksumIsZlibs) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926U);
  EXPECT_EQ(crc32("6789", crc32("12345")), 0xCBF43926U);
}

TEST(BinaryRecordCodec, EndTornAndCorruptAreThreeThings) {
  const std::string whole = record("city", "Rome");
  BinaryRecord decoded;
  EXPECT_EQ(decode_binary_record("", decoded), Decoded::kEnd);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_EQ(decode_binary_record(whole.substr(0, size), decoded),
              Decoded::kTorn);
  }
  std::string changed = whole;
  changed.back() = 'a';
  EXPECT_EQ(decode_binary_record(changed, decoded), Decoded::kCorrupt);
  EXPECT_EQ(decode_binary_record(std::string(14, '\0'), decoded),
            Decoded::kCorrupt)
      << "no key is empty";
  EXPECT_EQ(decode_binary_record(whole + "more", decoded), Decoded::kRecord);
}

// What a RecordReader says of a log: keys, and stretches that are no record.
std::string read_all(const std::string& log) {
  MemoryOs disk;
  disk.put("log.bin", log);
  const File file = File::open(disk, "log.bin", OpenMode::kRead, "test");
  RecordReader reader(file, log.size(), "test");
  std::string seen;
  LogEntry entry;
  std::uint64_t end = 0;
  while (true) {
    const Decoded decoded = reader.next(entry);
    EXPECT_EQ(entry.offset, end) << "there is a gap";
    if (decoded == Decoded::kEnd) return seen;
    end = entry.offset + entry.size;
    if (!seen.empty()) seen += ' ';
    if (decoded == Decoded::kRecord) {
      seen += entry.key;
    } else {
      seen += decoded == Decoded::kTorn ? "torn:" : "damaged:";
      seen += std::to_string(entry.size);
    }
  }
}

TEST(RecordReader, FindsTheNextRecordBehindDamage) {
  const std::string a = record("a", "1");
  const std::string b = record("b", "2");
  const std::string c = record("c", "3");
  ASSERT_EQ(a.size(), 16U);
  EXPECT_EQ(read_all(a + b + c), "a b c");
  for (std::size_t byte = 0; byte < b.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = b;
      bad[byte] = static_cast<char>(bad[byte] ^ 1 << bit);
      EXPECT_EQ(read_all(a + bad + c), "a damaged:16 c")
          << "byte " << byte << " bit " << bit;
      EXPECT_EQ(read_all(a + bad), "a damaged:16")
          << "byte " << byte << " bit " << bit;
    }
  }
}

TEST(RecordReader, ALogCutAnywhereIsTornAndNotDamaged) {
  const std::string a = record("a", "1");
  const std::string b = record("b", std::string("2\0\0\0", 4));
  for (std::size_t size = 1; size < b.size(); ++size) {
    const std::string torn = std::to_string(size);
    EXPECT_EQ(read_all(a + b.substr(0, size)), "a torn:" + torn);
    for (const std::size_t zeros : {1U, 3U, 100U, 5000U}) {
      const std::string seen =
          read_all(a + b.substr(0, size) + std::string(zeros, '\0'));
      if (size + zeros < b.size() ||
          b.substr(size).find_first_not_of('\0') != std::string::npos) {
        EXPECT_EQ(seen, "a torn:" + std::to_string(size + zeros));
      }
    }
  }
  EXPECT_EQ(read_all(a + std::string(5000, '\0')), "a torn:5000");
  EXPECT_EQ(read_all(a + "some noise that is no record"), "a torn:28");
}

TEST(RecordReader, AFlippedBitInALastRecordThatEndsInZerosIsDamage) {
  const std::string a = record("a", "1");
  const std::string b = record("b", std::string(8, '\0'));
  for (std::size_t byte = 0; byte < b.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = b;
      bad[byte] = static_cast<char>(bad[byte] ^ 1 << bit);
      EXPECT_EQ(read_all(a + bad), "a damaged:23")
          << "byte " << byte << " bit " << bit;
    }
  }
}

TEST(RecordReader, ADamagedLengthInMidLogIsNotATornTail) {
  const std::string a = record("a", std::string(100, 'x'));
  std::string log = a;
  for (const char* key : {"b", "c", "d"}) log += record(key, "v");
  log[10] = '\x7F';  // the length of a's value becomes gigabytes
  EXPECT_EQ(read_all(log), "damaged:115 b c d");
  log.resize(log.size() - 1);
  EXPECT_EQ(read_all(log), "damaged:115 b c torn:15");
}

TEST(RecordReader, ADamagedLengthIsNotATornTailThoughMoreIsDamagedBehindIt) {
  const std::string a = record("a", "v");
  std::string log = a + record("b", "v");
  log[10] = '\x7F';
  log.back() = 'w';
  EXPECT_EQ(read_all(log), "damaged:16 damaged:16");
  log.resize(log.size() - 1);
  EXPECT_EQ(read_all(log), "damaged:16 torn:15");
}

TEST(RecordReader, RecordsInsideADamagedValueAreNotTheLogs) {
  const std::string inner = record("inner", "stale");
  const std::string outer = record("outer", "x" + inner + inner + "y");
  const std::string last = record("last", "1");
  for (std::size_t byte = 0; byte < outer.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = outer;
      bad[byte] = static_cast<char>(bad[byte] ^ 1 << bit);
      const std::string damaged = "damaged:" + std::to_string(outer.size());
      EXPECT_EQ(read_all(bad + last), damaged + " last") << byte;
      EXPECT_EQ(read_all(bad), damaged) << byte;
    }
  }
}

TEST(RecordReader, AWholeLogInsideADamagedValueIsNotTheLogs) {
  std::string inner;
  for (int i = 0; i < 3000; ++i) inner += record("inner", std::to_string(i));
  const std::string outer = record("outer", "x" + inner);
  const std::string log = outer + record("last", "1");
  const std::string damaged = "damaged:" + std::to_string(outer.size());
  for (std::size_t byte = 8; byte < 14; ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = log;
      bad[byte] = static_cast<char>(bad[byte] ^ 1 << bit);
      EXPECT_EQ(read_all(bad), damaged + " last") << byte << " " << bit;
    }
  }
}

TEST(RecordReader, ALargeTailOfZerosIsTornAndNotOneFlippedBit) {
  const std::string torn = record("big", std::string(3'000'000, 'v'));
  for (const std::size_t cut : {100U, 1000U, 2'000'000U}) {
    std::string log = record("a", "1") + torn.substr(0, cut);
    log.resize(16 + torn.size(), '\0');
    EXPECT_EQ(read_all(log), "a torn:" + std::to_string(torn.size()));
  }
}

TEST(RecordReader, RecordsInsideATornValueAreNotTheLogs) {
  const std::string a = record("a", "1");
  const std::string inner = record("inner", "stale");
  const std::string outer = record("outer", "x" + inner + inner + "yyyy");
  for (std::size_t size = 1; size < outer.size(); ++size) {
    const std::string seen = read_all(a + outer.substr(0, size));
    const std::size_t end = outer.size() - 4;
    if (size == end || size == end - inner.size()) continue;  // as it happens
    EXPECT_EQ(seen.find("inner"), std::string::npos) << size << ": " << seen;
  }
}

TEST(RecordReader, RecordsLongerThanTheWindowAreChecked) {
  const std::size_t window = FileWindow::kCapacity;
  for (const std::size_t size :
       {window - 20, window - 15, window - 14, window + 1, 3 * window + 5}) {
    const std::string log = record("a", "1") +
                            record("big", std::string(size, 'v')) +
                            record("b", "2");
    EXPECT_EQ(read_all(log), "a big b") << size;
    std::string bad = log;
    bad[16 + 17 + size / 2] = 'w';
    EXPECT_EQ(read_all(bad), "a damaged:" + std::to_string(size + 17) + " b");
    bad = log;
    bad[16 + 13] = static_cast<char>(bad[16 + 13] ^ 4);  // its length
    EXPECT_EQ(read_all(bad), "a damaged:" + std::to_string(size + 17) + " b");
    EXPECT_EQ(read_all(log.substr(0, 16 + size)),
              "a torn:" + std::to_string(size));
  }
}

TEST(RecordReader, ReadsEachByteOnce) {
  MemoryOs disk;
  std::string log;
  for (int i = 0; i < 2000; ++i) {
    log += record("k" + std::to_string(i), std::string(1000, 'v'));
  }
  log += record("big", std::string(1'000'000, 'v'));
  log += record("end", "");
  disk.put("log.bin", log);
  Ledger ledger(disk);
  const File file = File::open(ledger, "log.bin", OpenMode::kRead, "test");
  RecordReader reader(file, log.size(), "test");
  LogEntry entry;
  int records = 0;
  while (reader.next(entry) == Decoded::kRecord) ++records;
  EXPECT_EQ(records, 2002);
  EXPECT_EQ(ledger.totals().reads.bytes, log.size());
}

}  // namespace
}  // namespace strata
