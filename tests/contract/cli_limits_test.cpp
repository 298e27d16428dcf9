// What a store can hold, said on the command line.
#include <string>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::IsEmpty;

class CliLimits : public CommandLine {
 protected:
  // Sets and gets back through the arguments of the process.
  void expect_held(const std::string& key, const std::string& value) const {
    expect_done(run({"set", key, value}), "");
    expect_done(run({"get", key}), value + "\n");
  }

  // Refused as the first write, which makes nothing, and as a later one.
  void expect_never_held(const std::string& key, const std::string& value,
                         const std::string& words) const {
    expect_refused({"set", key, value}, words);
    expect_refused({"--sync", "always", "set", key, value}, words);
  }
};

STRATA_FOR_EVERY_STAGE(CliLimits);

TEST_P(CliLimits, RefusedInputMakesNoDirectory) {
  expect_never_held("", "v", "key");
  expect_never_held(std::string(65536, 'k'), "v", "65535");
  EXPECT_THAT(snapshot(), IsEmpty());
}

TEST_P(CliLimits, AKeyHas1To65535Bytes) {
  expect_held("k", "one");
  expect_held(std::string(65535, 'k'), "many");
  expect_never_held("", "v", "key");
  expect_never_held(std::string(65536, 'k'), "v", "65536");
  expect_never_held(std::string(131'000, 'k'), "v", "131000");
  expect_done(run({"get", "k"}), "one\n");
}

TEST_P(CliLimits, AKeyThatCannotBeHeldIsNotFound) {
  expect_held("k", "v");
  for (const std::string& key :
       {std::string(), std::string(65536, 'k'), std::string("no\nkey"),
        std::string("k,v"), std::string("k\n"), std::string("k,")}) {
    const Outcome outcome = run({"get", key});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.out + outcome.err, "");
  }
}

TEST_P(CliLimits, TheDelimitersOfTextAreRefusedByTextStagesOnly) {
  expect_held("key", "value");
  expect_held("k", "commas, in, values");
  if (is_text()) {
    expect_never_held("a,b", "v", ",");
    expect_never_held(",", "v", ",");
    expect_never_held("a\nb", "v", "\\n");
    expect_never_held("k", "two\nlines", "\\n");
    expect_never_held("k", "\n", "\\n");
  } else {
    expect_held("a,b", "v");
    expect_held("a\nb", "two\nlines");
    expect_held("\n", "\n");
  }
}

TEST_P(CliLimits, AnyOtherByteIsHeld) {
  std::string all;
  std::string line = "set\tk";
  const char* digits = "0123456789abcdef";
  for (int byte = 0; byte < 256; ++byte) {
    if (is_text() && (byte == '\n' || byte == ',')) continue;
    line += std::string("\\x") + digits[byte / 16] + digits[byte % 16];
    all += static_cast<char>(byte);
  }
  line += "\t" + line.substr(5) + "\n";
  EXPECT_EQ(batch(line).code, 0);
  const std::string scan = run({"scan"}).out;
  EXPECT_EQ(batch("set\t" + scan).code, 0);
  EXPECT_EQ(run({"scan"}).out, scan);
  EXPECT_EQ(
      batch("set\tx\t" + line.substr(5, line.find('\t', 5) - 5) + "\n").code,
      0);
  expect_done(run({"get", "x"}), all + "\n");
}

TEST_P(CliLimits, AValueMayNotBeginWithTheTombstoneMarkerWhereItMarksOne) {
  const std::string marker = "bitcask_tombstone";
  expect_held("k", "x" + marker);
  expect_held("k", "bitcask_tombston");
  expect_held(marker, "a key may");
  for (const std::string& value :
       {marker, marker + "2", marker + " and more"}) {
    if (marks_tombstones_in_values()) {
      expect_never_held("k", value, marker);
    } else {
      expect_held("k", value);
      expect_done(run({"scan", "k"}), "k\t" + value + "\n");
      if (!GetParam()->has("compact")) continue;
      expect_held("z", "so that there is something to merge");
      EXPECT_EQ(run({"compact"}).code, 0);
      expect_done(run({"get", "k"}), value + "\n");
      expect_done(run({"del", "z"}), "");
    }
  }
}

TEST_P(CliLimits, AValueMayBeEmptyOrLong) {
  expect_held("k", "");
  expect_held("k", std::string(130'000, 'v'));
}

TEST_P(CliLimits, EmptyKeysAreRefusedByTheShellToo) {
  const Outcome outcome = run({"shell"}, "set \"\" v\n");
  expect_error(outcome, 0, "key");
  EXPECT_THAT(snapshot(), IsEmpty());
}

}  // namespace
}  // namespace strata
