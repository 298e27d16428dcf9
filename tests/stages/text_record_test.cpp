// The text record, and the reader that walks over it in blocks.
#include "common/record/text_record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/os/memory_os.h"
#include "common/text/text_reader.h"

namespace strata {
namespace {

TEST(TextRecordCodec, TheWorkedExampleIsTrue) {
  std::string bytes;
  encode_text_record("city", "San Francisco, CA", bytes);
  EXPECT_EQ(bytes, "city,San Francisco, CA\n");
  TextRecord record;
  ASSERT_EQ(decode_text_record(bytes, record), Decoded::kRecord);
  EXPECT_EQ(record.key_size, 4U);
  EXPECT_EQ(record.value_size, 17U);
  EXPECT_EQ(record.size(), bytes.size());
}

TEST(TextRecordCodec, EndTornAndCorruptAreThreeThings) {
  TextRecord record;
  EXPECT_EQ(decode_text_record("", record), Decoded::kEnd);
  EXPECT_EQ(decode_text_record("a,1", record), Decoded::kTorn);
  EXPECT_EQ(decode_text_record("a", record), Decoded::kTorn);
  EXPECT_EQ(decode_text_record("a1\n", record), Decoded::kCorrupt);
  EXPECT_EQ(decode_text_record(",1\n", record), Decoded::kCorrupt);
  EXPECT_EQ(decode_text_record("\n", record), Decoded::kCorrupt);
  EXPECT_EQ(decode_text_record(std::string(65'536, 'k') + ",1\n", record),
            Decoded::kCorrupt);
  EXPECT_EQ(decode_text_record("a,1\nb", record), Decoded::kRecord);
}

// What a TextReader says of a log, as one line of text a line.
std::vector<std::string> read_all(const std::string& log) {
  MemoryOs disk;
  disk.put("log.txt", log);
  const File file = File::open(disk, "log.txt", OpenMode::kRead, "test");
  TextReader reader(file, log.size(), "test");
  std::vector<std::string> seen;
  TextLine line;
  while (true) {
    const Decoded decoded = reader.next(line);
    if (decoded == Decoded::kEnd) return seen;
    const std::string bytes = log.substr(line.offset, line.size);
    if (decoded == Decoded::kTorn) {
      seen.push_back("torn " + bytes);
    } else if (decoded == Decoded::kCorrupt) {
      seen.push_back("corrupt " + bytes);
    } else {
      seen.push_back(std::string(line.key) + "=" +
                     log.substr(line.value_offset, line.value_size));
    }
  }
}

TEST(TextReader, GivesOutEveryLineAndNamesWhatIsNone) {
  EXPECT_EQ(read_all(""), std::vector<std::string>());
  EXPECT_EQ(read_all("a,1\nbad\n,\nb,\nc,x,y\nd,4"),
            (std::vector<std::string>{"a=1", "corrupt bad\n", "corrupt ,\n",
                                      "b=", "c=x,y", "torn d,4"}));
}

TEST(TextReader, LinesMayStraddleBlocksOrBeLongerThanTheBuffer) {
  constexpr std::size_t kBlock = TextReader::kBlock;
  constexpr std::size_t kBuffer = kBlock + kMaxTextKey + 1;
  for (const std::size_t first :
       {kBlock - 3, kBlock - 2, kBlock - 1, kBlock, kBlock + 1, kBuffer - 1,
        kBuffer, kBuffer + 1, 2 * kBlock, 3 * kBlock + 7}) {
    const std::string value(first - 4, 'v');  // the line is `first` bytes long
    const std::string log = "a1," + value + "\nlonger key,2\nb,3\n";
    EXPECT_EQ(read_all(log),
              (std::vector<std::string>{"a1=" + value, "longer key=2", "b=3"}))
        << first;
    const std::string torn = "b,3\na1," + value;
    EXPECT_EQ(read_all(torn),
              (std::vector<std::string>{"b=3", "torn a1," + value}))
        << first;
  }
}

TEST(TextReader, TheLongestKeyIsReadWhereverItLies) {
  const std::string key(kMaxTextKey, 'k');
  for (const std::size_t before : {std::size_t{1}, TextReader::kBlock - 100}) {
    const std::string filler(before, 'f');
    const std::string big(TextReader::kBlock, 'v');
    EXPECT_EQ(read_all("f," + filler + "\n" + key + "," + big + "\n" + key +
                       "k,1\nz,2\n"),
              (std::vector<std::string>{"f=" + filler, key + "=" + big,
                                        "corrupt " + key + "k,1\n", "z=2"}));
  }
}

}  // namespace
}  // namespace strata
