// Golden dumps: the bytes of a small store and what `dump` says of them. The
// files beside this one are the formats' documentation by example. To write
// them anew after a change of format: STRATA_WRITE_GOLDEN=1.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "common/record/escape.h"
#include "tests/support.h"

namespace strata {
namespace {

class GoldenDump : public EveryStage {};

STRATA_FOR_EVERY_STAGE(GoldenDump);

// Sixteen bytes a line: offset, hex, and the bytes that are letters.
std::string hex_dump(const std::string& bytes) {
  std::string text;
  char cell[32];
  for (std::size_t line = 0; line < bytes.size(); line += 16) {
    (void)std::snprintf(cell, sizeof cell, "%08zx ", line);
    text += cell;
    std::string letters;
    for (std::size_t i = line; i < line + 16; ++i) {
      if (i % 8 == 0) text += ' ';
      if (i >= bytes.size()) {
        text += "   ";
        continue;
      }
      const auto byte = static_cast<unsigned char>(bytes[i]);
      (void)std::snprintf(cell, sizeof cell, "%02x ", byte);
      text += cell;
      letters += byte >= 0x20 && byte < 0x7F ? bytes[i] : '.';
    }
    text += " |" + letters + "|\n";
  }
  return text;
}

std::string dump_of(Store& store, std::string_view file = "") {
  std::ostringstream text;
  store.dump(file, [&](const DumpRecord& record) {
    text << record.file << " offset " << record.offset << " size "
         << record.size << " " << name_of(record.state);
    for (const auto& [name, bytes] : record.fields) {
      text << " " << name << "=" << escaped(bytes);
    }
    if (!record.why.empty()) text << " (" << record.why << ")";
    text << "\n";
  });
  return text.str();
}

TEST_P(GoldenDump, OfASmallStoreWithADamagedAndATornRecordIsAsItAlwaysWas) {
  std::string text = "# city=Rome, river=Tiber, city=Oslo, empty=\n";
  {
    const auto store = writer();
    store->set("city", "Rome");
    store->set("river", "Tiber");
    store->set("city", "Oslo");
    store->set("empty", "");
  }
  const std::string path = newest_file();
  const std::string healthy = disk.files().at(path);
  text += hex_dump(healthy) + dump_of(*reader());

  std::string damaged = healthy;
  damaged[damaged.find("river") + 5] = '#';
  disk.put(path, damaged + damaged.substr(0, 7));
  text += "\n# a changed byte behind river, and a torn tail of 7 bytes\n";
  text += hex_dump(disk.files().at(path)) + dump_of(*reader());

  disk.put(path, healthy);
  for (const auto& [file, bytes] : disk.files()) {
    if (file.find(".hint") == std::string::npos) continue;
    text += "\n# the hints of the healthy file\n" + hex_dump(bytes) +
            dump_of(*reader(), file.substr(file.rfind('/') + 1));
  }
  if (stage().has("del")) {
    writer()->del("river");
    text += "\n# the healthy file, and river deleted\n" +
            hex_dump(disk.files().at(newest_file())) + dump_of(*reader());
  }

  const std::string golden =
      STRATA_SOURCE_DIR "/tests/golden/" + std::string(stage().name) + ".txt";
  if (std::getenv("STRATA_WRITE_GOLDEN") != nullptr) {
    std::ofstream(golden) << text;
  }
  std::ostringstream expected;
  expected << std::ifstream(golden).rdbuf();
  EXPECT_EQ(text, expected.str()) << golden;
}

}  // namespace
}  // namespace strata
