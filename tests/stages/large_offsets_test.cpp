// Offsets beyond 4 GiB, in a sparse file: the record before them has a value of
// zeros that takes no room on the disk.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "common/os/posix_os.h"
#include "common/record/binary_record.h"
#include "tests/support.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kZeros = 0xFFFFFFFF;  // the longest value there is

class LargeOffsets : public testing::TestWithParam<const Stage*> {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "strataXXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }

  void TearDown() override { fs::remove_all(directory_); }

  [[nodiscard]] std::unique_ptr<Store> open(Mode mode) const {
    Options options;
    options.directory = directory_.string();
    options.mode = mode;
    return GetParam()->open(options);
  }

  // Appends `before`, zeros that are a hole, and `after` to the store's file.
  void append_hole(const std::string& before, const std::string& after) const {
    const fs::path path = fs::directory_iterator(directory_)->path();
    std::ofstream(path, std::ios::app | std::ios::binary) << before;
    fs::resize_file(path, fs::file_size(path) + kZeros);
    std::ofstream(path, std::ios::app | std::ios::binary) << after;
  }

  fs::path directory_;
};

STRATA_FOR_EVERY_STAGE(LargeOffsets);

// The front of a binary record whose value is kZeros zeros.
std::string front_of_zeros() {
  RecordHeader header = {.tstamp = 1,
                         .key_size = 3,
                         .value_size = static_cast<std::uint32_t>(kZeros)};
  std::string front;
  encode_header(header, front);
  header.crc = crc32("big", crc32(front.substr(4)));
  const std::string zeros(1 << 20, '\0');
  for (std::uint64_t left = kZeros; left > 0;) {
    const auto size = std::min<std::uint64_t>(left, zeros.size());
    header.crc = crc32(std::string_view(zeros).substr(0, size), header.crc);
    left -= size;
  }
  front.clear();
  encode_header(header, front);
  return front + "big";
}

TEST_P(LargeOffsets, AreRight) {
  open(Mode::kWrite)->set("old", "1");
  if (GetParam()->checksums) {
    append_hole(front_of_zeros(), "");
  } else {
    append_hole("big,", "\n");
  }
  {
    const auto store = open(Mode::kWrite);
    store->set("new", "2");
    store->set("newer", "3");
  }
  const auto store = open(Mode::kRead);
  EXPECT_EQ(answer(*store, "newer"), "3");
  EXPECT_EQ(answer(*store, "old"), "1");
}

}  // namespace
}  // namespace strata
