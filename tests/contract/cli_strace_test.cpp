// The ledger tells the truth: each stage does some of everything, watched by
// strace, and what the ledger says and what the kernel was asked for are the
// same calls, in the same order, of the same bytes.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::HasSubstr;

class CliStrace : public CommandLine {
 protected:
  void SetUp() override {
    if (std::system("strace -o /dev/null true 2>/dev/null") != 0) {
      GTEST_SKIP() << "strace is missing, or may not watch here";
    }
  }

  // All calls that move bytes of a file or wait for a disk, whether or not the
  // seam has them.
  static constexpr const char* kCalls =
      "read,pread64,readv,preadv,preadv2,write,pwrite64,writev,pwritev,"
      "pwritev2,"
      "copy_file_range,sendfile,fsync,fdatasync,sync_file_range,msync,"
      "ftruncate,fallocate";

  // Some of all that the stage can do, on keys that come again.
  [[nodiscard]] std::string operations() const {
    std::string lines;
    for (int i = 0; i < 40; ++i) {
      const std::string key = "key" + std::to_string(i % 7);
      lines += "set\t" + key + "\tvalue" + std::to_string(i) + "\n";
      lines += "get\t" + key + "\nget\tabsent\n";
      if (i % 5 == 0 && GetParam()->has("del")) lines += "del\t" + key + "\n";
    }
    if (GetParam()->has("compact")) lines += "compact\n";
    return lines + "get\tkey1\n";
  }

  // The lines of strace. One that another thread's cut in two is joined again,
  // and stands where it ended.
  [[nodiscard]] std::vector<std::string> whole_lines() const {
    const std::regex begun(R"(^(\d+) (.*) <unfinished \.\.\.>$)");
    const std::regex ended(R"(^(\d+) +<\.\.\. \w+ resumed>(.*)$)");
    std::map<std::string, std::string> beginnings;  // by thread
    std::vector<std::string> whole;
    for (const std::string& line : lines_of(read_file(path("strace")))) {
      std::smatch part;
      if (std::regex_match(line, part, begun)) {
        beginnings[part[1]] = part[1].str() + " " + part[2].str();
      } else if (std::regex_match(line, part, ended)) {
        whole.push_back(beginnings[part[1]] + part[2].str());
      } else {
        whole.push_back(line);
      }
    }
    return whole;
  }

  // What strace saw on the store's files: "read 0 22" is one of 22 bytes at
  // byte 0. A call that the ledger has no word for is told by its own name; so
  // is fdatasync, which is too little for a directory.
  [[nodiscard]] std::vector<std::string> seen() const {
    const std::regex call(R"(^\d+ +(\w+)\(.*?(\d+)?\) += (-?\d+).*$)");
    const std::map<std::string, std::string> names = {
        {"pread64", "read"},
        {"pwrite64", "write"},
        {"fsync", "sync"},
        {"ftruncate", "truncate"}};
    std::vector<std::string> calls;
    for (const std::string& line : whole_lines()) {
      std::smatch part;
      if (!std::regex_match(line, part, call) || !is_of_the_store(line)) {
        continue;
      }
      if (names.count(part[1]) == 0) {
        calls.push_back(part[1]);
        continue;
      }
      calls.push_back(names.at(part[1]));
      if (part[1] != "fsync") {
        calls.back() += " " + part[2].str();
      }
      if (part[1] == "pread64" || part[1] == "pwrite64") {
        calls.back() += " " + part[3].str();
      }
    }
    return calls;
  }

  // What the ledger says of the same.
  static std::vector<std::string> told(const std::string& ledger) {
    const std::regex moved(
        R"(^(read|write) .*  offset (\d+)  ([\d,]+) bytes?  .*$)");
    const std::regex cut(R"(^truncate .*  to ([\d,]+) bytes?  .*$)");
    const std::regex synced(R"(^sync .*$)");
    const auto number = [](std::string digits) {
      digits.erase(std::remove(digits.begin(), digits.end(), ','),
                   digits.end());
      return digits;
    };
    std::vector<std::string> calls;
    for (const std::string& line : lines_of(ledger)) {
      std::smatch part;
      if (std::regex_match(line, part, moved)) {
        calls.push_back(part[1].str() + " " + part[2].str() + " " +
                        number(part[3]));
      } else if (std::regex_match(line, part, cut)) {
        calls.push_back("truncate " + number(part[1]));
      } else if (std::regex_match(line, synced)) {
        calls.push_back("sync");
      }
    }
    return calls;
  }

  // Whether a line of strace is of a file of the store, or of the directory
  // that holds it.
  [[nodiscard]] bool is_of_the_store(const std::string& line) const {
    const std::string here = std::filesystem::canonical(path("")).string();
    return line.find(here + "/db") != line.npos ||
           line.find(here + ">") != line.npos;
  }

  // Options by which a stage merges only when it is told to: what a thread does
  // meanwhile would come in any order.
  [[nodiscard]] static std::string on_one_thread() {
    std::string words;
    for (const OptionSpec& spec : GetParam()->options) {
      const auto add = [&](std::uint64_t number) {
        words += std::string(spec.name) + " " + std::to_string(number) + " ";
      };
      if (spec.name == "--dead-percent") add(spec.max);
      if (spec.name == "--merge-window-end") add(spec.min);  // never open
      if (spec.name == "--merge-tables") add(spec.max);
    }
    return words;
  }

  // Runs the stage under strace. @returns its ledger.
  [[nodiscard]] std::string watch(const std::string& options,
                                  const std::string& input) const {
    write_file(path("input"), input);
    const std::string command =
        "cd '" + path("") + "' && ASAN_OPTIONS=detect_leaks=0 strace -f -y " +
        "-e trace=" + kCalls + " -o strace '" + executable() + "' --db db " +
        on_one_thread() + options + " --explain batch input > out 2> ledger";
    EXPECT_EQ(std::system(command.c_str()), 0) << read_file(path("ledger"));
    return read_file(path("ledger"));
  }
};

STRATA_FOR_EVERY_STAGE(CliStrace);

TEST_P(CliStrace, SeesTheCallsThatTheLedgerTells) {
  for (const char* sync : {"", "--sync always"}) {
    const std::string ledger = watch(sync, operations());
    EXPECT_THAT(ledger, HasSubstr("total: "));
    // Without a log most of it is in memory, unless it is synced.
    const bool in_memory = !logs() && std::string(sync).empty();
    EXPECT_GE(seen().size(), in_memory ? 3U : 40U);
    EXPECT_EQ(told(ledger), seen()) << sync;
    const std::string of_get = watch("", "get\tkey1\n");
    EXPECT_GE(seen().size(), 1U);
    EXPECT_EQ(told(of_get), seen());
  }
}

}  // namespace
}  // namespace strata
