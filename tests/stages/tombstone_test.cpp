// Tombstones of all three versions, told apart from values that only look
// like them.
#include "common/record/tombstone.h"

#include <gtest/gtest.h>

#include <string>

namespace strata {
namespace {

using std::string_literals::operator""s;

TEST(Tombstone, VersionZeroIsTheBareWord) {
  const auto tombstone = decode_tombstone("bitcask_tombstone");
  ASSERT_TRUE(tombstone);
  EXPECT_EQ(tombstone->version, 0);
}

TEST(Tombstone, VersionsOneAndTwoNameAFile) {
  for (const char version : {'1', '2'}) {
    const auto tombstone =
        decode_tombstone("bitcask_tombstone"s + version + "\x01\x02\x03\x04");
    ASSERT_TRUE(tombstone);
    EXPECT_EQ(tombstone->version, version - '0');
    EXPECT_EQ(tombstone->file, 0x01020304U);
  }
}

TEST(Tombstone, TheOneThatIsWrittenIsOfVersionTwo) {
  EXPECT_EQ(encode_tombstone(7), "bitcask_tombstone2\0\0\0\x07"s);
}

TEST(Tombstone, IsWhateverBeginsWithTheMarker) {
  EXPECT_FALSE(is_tombstone(""));
  EXPECT_FALSE(is_tombstone("bitcask_tombston"));
  EXPECT_FALSE(is_tombstone(" bitcask_tombstone"));
  for (const char* rest : {"", "2", "21234", "21234!", "31234", " and more"}) {
    EXPECT_TRUE(is_tombstone(std::string(kTombstone0) + rest)) << rest;
  }
}

TEST(Tombstone, OfNoVersionTellsNothing) {
  for (const char* rest : {"2", "2123", "21234!", "31234", " and more"}) {
    EXPECT_FALSE(decode_tombstone(std::string(kTombstone0) + rest)) << rest;
  }
}

}  // namespace
}  // namespace strata
