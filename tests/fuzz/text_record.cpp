// Text records, and a whole log of them: common/record, common/text.
#include "common/record/text_record.h"

#include "common/os/file.h"
#include "common/os/memory_os.h"
#include "common/text/text_reader.h"
#include "tests/fuzz/fuzz.h"

namespace strata::fuzz {

std::vector<std::string> seeds() {
  std::string log;
  encode_text_record("city", "San Francisco, CA", log);
  encode_text_record("k", "", log);
  const std::string two = log;
  encode_text_record(std::string(300, 'k'), std::string(300, 'v'), log);
  return {two, log, two + "no comma\n" + two, two + ",no key\n", two + "torn,"};
}

void decode(std::string_view input) {
  MemoryOs disk;
  disk.put("log", input);
  const File file = File::open(disk, "log", OpenMode::kRead, "fuzz");
  TextReader reader(file, input.size(), "fuzz");
  std::size_t at = 0;
  TextLine line;
  Decoded decoded = reader.next(line);
  for (; decoded != Decoded::kEnd; decoded = reader.next(line)) {
    const std::vector<char> rest = exactly(input.substr(at));
    TextRecord record;
    expect(decode_text_record(view_of(rest), record) == decoded,
           "the reader and the decoder of one record agree");
    if (decoded == Decoded::kTorn) return;
    expect(line.offset == at, "a line follows the one before");
    expect(line.size > 0 && line.size <= rest.size(), "it is in the log");
    if (decoded == Decoded::kRecord) {
      const auto value = input.substr(line.value_offset, line.value_size);
      expect(line.key.size() == record.key_size, "the keys are as long");
      expect(value.size() == record.value_size, "the values are as long");
      std::string again;
      encode_text_record(line.key, value, again);
      expect(again == input.substr(at, line.size),
             "a record encodes to the bytes that it came from");
    }
    at += line.size;
  }
  expect(at == input.size(), "all of the log is told of");
}

}  // namespace strata::fuzz
