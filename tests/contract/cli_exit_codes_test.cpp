// Exit codes 3, 4 and 5, torn tails, and that nothing ends by a signal.
#include <algorithm>
#include <random>
#include <string>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class CliExitCodes : public CommandLine {
 protected:
  void fill() const {
    EXPECT_EQ(run_with(record_by_record(), {"batch"},
                       "set\ta\t1\nset\tb\tsecond\nset\tc\t3\n")
                  .code,
              0);
    lose_hints();
  }

  // Damages the record of `b`: a text line loses its comma, a binary value
  // one bit.
  void damage() const {
    const std::string file = newest_file();
    std::string bytes = read_file(file);
    const std::size_t at = bytes.find(is_text() ? "," : "second",
                                      bytes.find(is_text() ? "b," : "second"));
    ASSERT_NE(at, std::string::npos);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write_file(file, bytes);
  }

  // Where that damage is, as it is told where there are checksums: it is the
  // second record of a log, or the block that holds it.
  [[nodiscard]] std::string place_of_damage() const {
    if (!logs()) return "offset 27: 32 bytes: ";
    return sorts() ? "offset 54: 26 bytes: " : "offset 16: 21 bytes: ";
  }

  [[nodiscard]] std::string offset_of_damage() const {
    const std::string place = place_of_damage();
    return place.substr(0, place.find(": ") + 2);
  }

  // A limit that three short records stay below.
  static void limit_file_size() {
    const rlimit bytes{4500, 4500};
    ::setrlimit(RLIMIT_FSIZE, &bytes);
  }

  // More than that limit, and none of them alone.
  static std::string ten_long_sets() {
    std::string operations;
    for (int i = 1; i <= 10; ++i) {
      operations +=
          "set\tk" + std::to_string(i) + "\t" + std::string(1000, 'v') + "\n";
    }
    return operations;
  }

  // Options by which a file is as long as what is in it.
  [[nodiscard]] Arguments uncompressed() const {
    if (!has_option(*GetParam(), "--compression")) return {};
    return {"--compression", "none"};
  }

  // Becomes nobody, for whom the modes of files count.
  static void drop_privileges() {
    constexpr unsigned kNobody = 65534;
    if (::geteuid() != 0) return;
    if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) ::_exit(126);
  }

  // Whether the program can be run without privileges at all.
  [[nodiscard]] bool runs_unprivileged() const {
    std::filesystem::permissions(path("."), std::filesystem::perms(0755));
    return run_plain({"--version"}, "", drop_privileges).code == 0;
  }
};

STRATA_FOR_EVERY_STAGE(CliExitCodes);

TEST_P(CliExitCodes, AGetThatDamageCouldHaveChangedExits3) {
  fill();
  damage();
  const std::string file =
      std::filesystem::path(newest_file()).filename().string();
  const auto before = snapshot();
  const Outcome outcome = run({"get", "b"});
  expect_error(outcome, 3, file);
  EXPECT_THAT(outcome.err, HasSubstr("offset "));
  EXPECT_EQ(outcome.out, "");
  if (!logs()) {
    // The index tells between which keys the damage is.
    expect_error(run({"get", "b2"}), 3, file);
    EXPECT_EQ(run({"get", "nothing"}).code, 1);
    EXPECT_EQ(run({"get", "Nothing"}).code, 1);
    expect_done(run({"get", "a"}), "1\n");
  } else {
    expect_error(run({"get", "nothing"}), 3, file);
    expect_error(run({"get", "a"}), 3, file);
  }
  EXPECT_EQ(snapshot(), before);
}

TEST_P(CliExitCodes, AGetThatDamageCannotHaveChangedAnswers) {
  fill();
  damage();
  expect_done(run({"get", "c"}), "3\n");
  EXPECT_EQ(run({"set", "b", "again"}).code, 0);
  expect_done(run({"get", "b"}), "again\n");
  expect_done(run({"get", "c"}), "3\n");
  if (!logs()) {
    expect_done(run({"get", "a"}), "1\n");
    expect_error(run({"get", "b2"}), 3);
  } else {
    expect_error(run({"get", "a"}), 3);
  }
}

TEST_P(CliExitCodes, DumpListsDamageAndExits3) {
  fill();
  damage();
  const Outcome outcome = run({"dump"});
  EXPECT_EQ(lines_of(outcome.out).size(), 3U) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("\tdamaged\t"));
  expect_error(outcome, 3, "offset ");
}

TEST_P(CliExitCodes, BatchNamesTheLineThatMetDamage) {
  fill();
  damage();
  const Outcome outcome = batch("get\tc\nget\tb\nget\tc\n");
  expect_error(outcome, 3, "line 2: ");
  EXPECT_EQ(outcome.out, "c\t3\n");
}

// Where there is no log, no file has a torn tail: see CliCutTable.
class CliTornTail : public CliExitCodes {};

INSTANTIATE_TEST_SUITE_P(Stages, CliTornTail,
                         testing::ValuesIn(stages_with_logs()), name_of_stage);

TEST_P(CliTornTail, ATornTailIsToldAndPassedOverByReaders) {
  fill();
  const std::string file = newest_file();
  const std::string whole = read_file(file);
  const std::string torn = whole + (is_text() ? "d" : whole.substr(0, 13));
  write_file(file, torn);
  const Outcome outcome = run({"keys"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(lines_of(outcome.out).size(), 3U);
  const auto lines = lines_of(outcome.err);
  ASSERT_EQ(lines.size(), 1U) << outcome.err;
  EXPECT_THAT(lines[0], StartsWith(name() + ": torn tail: "));
  EXPECT_THAT(lines[0], HasSubstr("offset " + std::to_string(whole.size())));
  EXPECT_EQ(run({"get", "d"}).code, 1);
  EXPECT_EQ(run({"dump"}).code, 0);
  EXPECT_THAT(run({"dump"}).out, HasSubstr("\ttorn\t"));
  if (!is_text()) {
    EXPECT_EQ(run({"verify"}).code, 0);
  }
  EXPECT_EQ(read_file(file), torn);
}

TEST_P(CliTornTail, TheNextWriteContinuesBehindTheValidPrefix) {
  fill();
  const std::string file = newest_file();
  const std::string whole = read_file(file);
  for (const std::string& tail :
       {std::string("d"), std::string(1, '\0'), std::string(100, '\0'),
        is_text() ? std::string("d,4") : whole.substr(0, 14)}) {
    leave_only(file, whole + tail);
    const Outcome outcome = run({"set", "e", "5"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(lines_of(outcome.err).size(), 1U) << outcome.err;
    EXPECT_THAT(read_file(file), StartsWith(whole));
    expect_done(run({"scan"}), "a\t1\nb\tsecond\nc\t3\ne\t5\n");
  }
}

TEST_P(CliExitCodes, AStoreThatIsNoDirectoryExits4AndStaysAsItIs) {
  write_file(path("db"), "no directory");
  for (const Arguments& arguments :
       {Arguments{"set", "k", "v"}, Arguments{"get", "k"}, Arguments{"keys"},
        Arguments{"scan"}, Arguments{"stats"}, Arguments{"dump"}}) {
    const Outcome outcome = run(arguments);
    expect_error(outcome, 4, "db");
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_EQ(read_file(path("db")), "no directory");
}

TEST_P(CliExitCodes, AFullOrClosedStandardOutputExits4) {
  fill();
  const auto full = [] {
    ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO);
  };
  const auto closed = [] { ::close(STDOUT_FILENO); };
  const auto all_closed = [] {
    ::close(STDIN_FILENO);
    ::close(STDOUT_FILENO);
  };
  for (const Arguments& arguments :
       {Arguments{"get", "a"}, Arguments{"keys"}, Arguments{"scan"},
        Arguments{"stats"}, Arguments{"stats", "--json"}, Arguments{"dump"},
        Arguments{"help"}, Arguments{"--help"}, Arguments{"--version"}}) {
    expect_error(run(arguments, "", full), 4, "No space left");
    expect_error(run(arguments, "", closed), 4, "standard output");
    expect_error(run(arguments, "", all_closed), 4, "standard output");
  }
  expect_error(run({"batch"}, "get\ta\n", full), 4, "No space left");
  expect_error(run({"batch", "--ack"}, "set\td\t4\nset\te\t5\n", full), 4,
               "line 1: ");
  expect_done(run({"get", "d"}), "4\n");
  EXPECT_EQ(run({"get", "e"}).code, 1);
}

TEST_P(CliExitCodes, MessagesNeverLandInTheStoresFiles) {
  const auto nothing_open = [] {
    for (const int fd : {0, 1, 2}) ::close(fd);
  };
  fill();
  const std::string file = newest_file();
  const std::string whole = read_file(file);
  write_file(file, whole + "x");  // a torn tail, or damage: that is told
  EXPECT_EQ(run({"--explain", "set", "d", "4"}, "", nothing_open).code, 0);
  EXPECT_EQ(run({"get", "a"}, "", nothing_open).code, 4);
  EXPECT_EQ(run({"shell"}, "", nothing_open).code, 0);
  write_file(path("ops"), "set\te\t5\n");
  EXPECT_EQ(run({"batch", "--ack", "ops"}, "", nothing_open).code, 4);
  const Outcome scan = run({"scan"});
  EXPECT_EQ(scan.code, 0);
  EXPECT_EQ(scan.out, "a\t1\nb\tsecond\nc\t3\nd\t4\ne\t5\n");
  if (logs()) {
    EXPECT_EQ(scan.err, "") << "a writer has cut it off";
  } else {
    expect_error(scan, 0, "damaged: db/");
    EXPECT_EQ(read_file(file), whole + "x");
  }
}

TEST_P(CliExitCodes, AMessageThatNobodyHearsIsNoAbort) {
  const auto full = [] {
    ::dup2(::open("/dev/full", O_WRONLY), STDERR_FILENO);
  };
  EXPECT_EQ(run({}, "", full).code, 2);
  EXPECT_EQ(run({"--nope"}, "", full).code, 2);
  EXPECT_EQ(run({"nope"}, "", full).code, 2);
  EXPECT_EQ(run({"--explain", "set", "k", "v"}, "", full).code, 0);
  EXPECT_EQ(run({"batch"}, "get\tk\n", full).code, 0);
}

TEST_P(CliExitCodes, AReaderThatLeavesIsNoSignal) {
  fill();
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  ::close(pipe_ends[0]);
  const auto into_pipe = [&] { ::dup2(pipe_ends[1], STDOUT_FILENO); };
  expect_error(run({"keys"}, "", into_pipe), 4, "Broken pipe");
  expect_error(run({"batch", "--ack"}, "set\tk\tv\n", into_pipe), 4, "line 1");
  ::close(pipe_ends[1]);
}

// Where writes stand in a log, one that does not fit is refused when it comes.
class CliLogLimit : public CliExitCodes {};

INSTANTIATE_TEST_SUITE_P(Stages, CliLogLimit,
                         testing::ValuesIn(stages_with_logs()), name_of_stage);

TEST_P(CliLogLimit, AFileSizeLimitIsNoSignalAndLosesNothing) {
  const std::string operations = ten_long_sets();
  const Outcome outcome = run({"batch", "--ack"}, operations, limit_file_size);
  const auto acknowledged = lines_of(outcome.out).size();
  EXPECT_GE(acknowledged, 1U);
  EXPECT_LT(acknowledged, 10U);
  expect_error(outcome, 4, "line " + std::to_string(acknowledged + 1) + ": ");
  EXPECT_THAT(outcome.err, HasSubstr("File too large"));
  const Outcome keys = run({"keys"});
  EXPECT_EQ(lines_of(keys.out).size(), acknowledged);
  EXPECT_EQ(keys.err, "");  // the partial record has been cut off
  EXPECT_EQ(batch(operations).code, 0);
  EXPECT_EQ(lines_of(run({"keys"}).out).size(), 10U);
}

TEST_P(CliExitCodes, AfterAFailedWriteTheSameProcessReadsAndWritesOn) {
  Arguments options = into_files();
  for (const std::string& word : uncompressed()) options.push_back(word);
  const Outcome outcome = run_with(options, {"shell"},
                                   "set a 1\nset b " + std::string(6000, 'v') +
                                       "\nget a\nget b\nset c 3\nget c\n",
                                   limit_file_size);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "1\n3\n");
  EXPECT_THAT(outcome.err, HasSubstr("File too large"));
  expect_done(run({"scan"}), "a\t1\nc\t3\n");
}

// Where there is no log, a write is in memory when it is acknowledged, and may
// turn out to be too much only when all of them are written out.
class CliMemtableLimit : public CliExitCodes {};

INSTANTIATE_TEST_SUITE_P(Stages, CliMemtableLimit,
                         testing::ValuesIn(stages_without_logs()),
                         name_of_stage);

TEST_P(CliMemtableLimit, AMemtableThatCannotBeWrittenOutInTheEndExits4) {
  fill();
  const auto before = snapshot();
  const std::string pairs = run({"scan"}).out;
  const std::string value(6000, 'v');
  const Outcome set =
      run_with(uncompressed(), {"set", "b", value}, "", limit_file_size);
  expect_error(set, 4, ".sst.writing: File too large");
  const Outcome of_batch = run_with(uncompressed(), {"batch", "--ack"},
                                    ten_long_sets(), limit_file_size);
  EXPECT_EQ(lines_of(of_batch.out).size(), 10U) << "acknowledged by memory";
  expect_error(of_batch, 4, ".sst.writing: File too large");
  const Outcome of_shell =
      run_with(uncompressed(), {"shell"}, "set b " + value + "\nget c\n",
               limit_file_size);
  EXPECT_EQ(of_shell.out, "3\n");
  expect_error(of_shell, 4, ".sst.writing: File too large");
  EXPECT_EQ(snapshot(), before) << "nothing is left of it";
  expect_done(run({"scan"}), pairs);
  EXPECT_EQ(batch(ten_long_sets()).code, 0);
  EXPECT_EQ(lines_of(run({"keys"}).out).size(), 13U);
}

// With --sync always it is no later than the write itself, and a merge that
// needs more room than there is costs nothing but a message.
TEST_P(CliMemtableLimit, AFileSizeLimitLosesNoSyncedWrite) {
  Arguments options = {"--sync", "always"};
  for (const std::string& word : uncompressed()) options.push_back(word);
  const std::string too_long = "set\tlong\t" + std::string(6000, 'v') + "\n";
  const Outcome outcome = run_with(options, {"batch", "--ack"},
                                   ten_long_sets() + too_long, limit_file_size);
  EXPECT_EQ(lines_of(outcome.out).size(), 10U);
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(lines_of(outcome.err).back(),
              StartsWith(name() + ": line 11: cannot write: db/"));
  EXPECT_THAT(lines_of(outcome.err).back(), HasSubstr("File too large"));
  const Outcome keys = run({"keys"});
  EXPECT_EQ(lines_of(keys.out).size(), 10U);
  EXPECT_EQ(keys.err, "");
}

TEST_P(CliMemtableLimit,
       AWriteThatMeetsAFullMemtableIsRefusedAndTheRestIsRead) {
  Arguments options = {"--memtable-bytes", "1"};
  for (const std::string& word : uncompressed()) options.push_back(word);
  // `b` is frozen by `c`, and `d` finds that it cannot be written out.
  const Outcome outcome =
      run_with(options, {"shell"},
               "set a 1\nset b " + std::string(6000, 'v') +
                   "\nset c 3\nset d 4\nget a\nget c\nget d\nkeys\n",
               limit_file_size);
  EXPECT_EQ(outcome.signal, 0);
  EXPECT_EQ(outcome.code, 4);
  EXPECT_EQ(outcome.out, "1\n3\na\nb\nc\n");
  for (const std::string& line : lines_of(outcome.err)) {
    EXPECT_THAT(line, StartsWith(name() + ": "));
  }
  EXPECT_THAT(lines_of(outcome.err).back(),
              HasSubstr(".sst.writing: File too large"));
  expect_done(run({"scan"}), "a\t1\n");
  EXPECT_EQ(data_files().size(), 1U) << "nothing is left over";
}

TEST_P(CliExitCodes, AReadOnlyDirectoryIsReadAndNotWritten) {
  fill();
  if (!runs_unprivileged()) GTEST_SKIP() << "cannot drop privileges here";
  std::filesystem::permissions(newest_file(), std::filesystem::perms(0444));
  std::filesystem::permissions(path("db"), std::filesystem::perms(0555));
  const auto before = snapshot();
  expect_done(run({"get", "a"}, "", drop_privileges), "1\n");
  EXPECT_EQ(run({"stats"}, "", drop_privileges).code, 0);
  expect_error(run({"set", "k", "v"}, "", drop_privileges), 4, "db");
  EXPECT_EQ(snapshot(), before);
  std::filesystem::permissions(newest_file(), std::filesystem::perms(0));
  expect_error(run({"get", "a"}, "", drop_privileges), 4, "Permission denied");
  std::filesystem::permissions(path("db"), std::filesystem::perms(0755));
}

TEST_P(CliExitCodes, ASecondWriterExits5AtOnceAndReadersGoOn) {
  const auto holder = start_into_files({"batch", "--ack"});
  holder->write("set\ta\t1\n");
  ASSERT_EQ(holder->line(), "ok 1\n");
  const auto before = snapshot();
  expect_error(run({"set", "a", "2"}), 5, "db");
  expect_error(batch("set\ta\t2\n"), 5, "line 1: ");
  expect_done(run({"get", "a"}), "1\n");
  EXPECT_EQ(run({"stats"}).code, 0);
  EXPECT_EQ(snapshot(), before);
  EXPECT_EQ(holder->finish().code, 0);
  expect_done(run({"set", "a", "2"}), "");
}

TEST_P(CliExitCodes, TheShellHoldsTheStoreFromItsFirstWrite) {
  const auto holder = start({"shell"});
  holder->write("keys\nset a 1\nget a\n");
  ASSERT_EQ(holder->line(), "1\n");
  expect_error(run({"set", "a", "2"}), 5);
  holder->write("get a\n");
  EXPECT_EQ(holder->line(), "1\n");
  EXPECT_EQ(holder->finish().code, 0);
}

TEST_P(CliExitCodes, ADeadWriterKeepsNobodyOut) {
  const auto holder = start({"batch", "--ack"});
  holder->write("set\ta\t1\n");
  ASSERT_EQ(holder->line(), "ok 1\n");
  holder->kill();
  expect_done(run({"set", "a", "2"}), "");
}

TEST_P(CliExitCodes, NoInputEndsTheProgramByASignal) {
  const std::vector<std::string> words = {"set",
                                          "get",
                                          "del",
                                          "keys",
                                          "scan",
                                          "batch",
                                          "compact",
                                          "stats",
                                          "dump",
                                          "--",
                                          "verify",
                                          "salvage",
                                          "shell",
                                          "help",
                                          "--db",
                                          "db",
                                          "",
                                          "--explain",
                                          "--sync",
                                          "never",
                                          "always",
                                          "-",
                                          "--ack",
                                          "a",
                                          "b,c",
                                          "x\ny",
                                          "-7",
                                          "--slots",
                                          "--x",
                                          "--block-bytes",
                                          "99999999999999999999",
                                          "64",
                                          "\xff\xfe",
                                          "--segment-bytes",
                                          "--compression",
                                          "zstd",
                                          "--json",
                                          "--skip-deletes",
                                          "--version"};
  const std::vector<std::string> pieces = {"set\t",
                                           "get\t",
                                           "del\t",
                                           "compact",
                                           "\t",
                                           "\n",
                                           "\n",
                                           "a",
                                           "b",
                                           "\\",
                                           "\\x4",
                                           "\"",
                                           " ",
                                           "\r",
                                           ",",
                                           "\\n",
                                           "set a b\n",
                                           "get a\n",
                                           std::string("\0", 1),
                                           "\xff",
                                           "explain on\n",
                                           "set\ta\tb\n"};
  std::mt19937 random(20240229);
  for (int i = 0; i < 150; ++i) {
    Arguments arguments;
    for (auto n = random() % 6; n > 0; --n) {
      arguments.push_back(words[random() % words.size()]);
    }
    std::string input;
    for (auto n = random() % 30; n > 0; --n) {
      input += pieces[random() % pieces.size()];
    }
    const Outcome outcome = run(arguments, input);
    std::string said;
    for (const auto& word : arguments) said += " '" + word + "'";
    EXPECT_EQ(outcome.signal, 0) << said << "\n" << input;
    EXPECT_GE(outcome.code, 0) << said;
    EXPECT_LE(outcome.code, 4) << said << "\n" << input;
  }
}

TEST_P(CliExitCodes, NoBytesInTheFileEndTheProgramByASignal) {
  std::mt19937 random(20240301);
  for (int i = 0; i < 40; ++i) {
    fill();
    const std::string file = newest_file();
    std::string bytes = read_file(file);
    for (auto n = random() % 4 + 1; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    bytes.resize(random() % bytes.size() + 1);
    write_file(file, bytes);
    for (const Arguments& arguments :
         {Arguments{"get", "a"}, Arguments{"scan"}, Arguments{"dump"},
          Arguments{"stats"}, Arguments{"verify"}, Arguments{"set", "a", "2"},
          Arguments{"get", "a"}}) {
      const Outcome outcome = run(arguments);
      EXPECT_EQ(outcome.signal, 0) << arguments[0];
      EXPECT_GE(outcome.code, 0) << arguments[0];
      EXPECT_LE(outcome.code, 3) << arguments[0] << ": " << outcome.err;
    }
    std::filesystem::remove_all(path("db"));
  }
}

// From 04_keydir on a changed byte is seen and can be told and worked around.
class CliDamage : public CliExitCodes {};

INSTANTIATE_TEST_SUITE_P(Stages, CliDamage, testing::ValuesIn(stages_from(4)),
                         name_of_stage);

TEST_P(CliDamage, VerifyExits3WithOneLineForEachDamagedPlace) {
  fill();
  const std::string file = newest_file();
  damage();
  const Outcome one = run({"verify"});
  expect_error(one, 3, std::filesystem::path(file).filename().string());
  ASSERT_EQ(lines_of(one.out).size(), 1U) << one.out;
  EXPECT_THAT(one.out, HasSubstr(place_of_damage()));
  EXPECT_THAT(one.err, HasSubstr(offset_of_damage()));
  expect_done(run({"set", "d", "later"}), "");
  expect_done(run({"set", "e", "last"}), "");
  for (const std::string& later : data_files()) {
    std::string bytes = read_file(later);
    const std::size_t at = bytes.find("later");
    if (at == std::string::npos) continue;
    bytes[at] = 'L';
    write_file(later, bytes);
  }
  const Outcome two = run({"verify"});
  expect_error(two, 3, offset_of_damage());
  EXPECT_EQ(lines_of(two.out).size(), 2U) << two.out;
}

TEST_P(CliDamage, SalvageCopiesWhatIsReadableAndListsWhatIsLost) {
  fill();
  damage();
  const auto before = read_file(newest_file());
  const Outcome outcome = run({"salvage", "copy"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  ASSERT_EQ(lines_of(outcome.out).size(), 1U) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr(place_of_damage()));
  expect_done(run_plain({"--db", "copy", "scan"}), "a\t1\nc\t3\n");
  EXPECT_EQ(run_plain({"--db", "copy", "verify"}).code, 0);
  EXPECT_EQ(read_file(newest_file()), before);
}

TEST_P(CliDamage, KeysAndScanDoNotPassOverDamage) {
  fill();
  damage();
  expect_error(run({"keys"}), 3, offset_of_damage());
  expect_error(run({"scan"}), 3, offset_of_damage());
}

TEST_P(CliTornTail, ATornTailIsNoDamageForVerifyAndIsLostInSalvage) {
  if (is_text()) return;  // neither is there yet
  fill();
  const std::string file = newest_file();
  write_file(file, read_file(file) + "torn");
  EXPECT_EQ(run({"verify"}).code, 0);
  EXPECT_EQ(run({"verify"}).out, "");
  const Outcome outcome = run({"salvage", "copy"});
  EXPECT_EQ(outcome.code, 0);
  expect_done(run_plain({"--db", "copy", "scan"}), run({"scan"}).out);
}

}  // namespace
}  // namespace strata
