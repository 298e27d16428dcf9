// What stands before the command: options, help, and words that are neither.
#include <algorithm>
#include <string>

#include "tests/contract/cli_fixture.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class CliArguments : public CommandLine {};

STRATA_FOR_EVERY_STAGE(CliArguments);

TEST_P(CliArguments, NoCommandIsUsage) {
  expect_error(run_plain({}), 2, "help");
  expect_error(run({}), 2, "help");
  expect_error(run({"--explain"}), 2, "help");
}

TEST_P(CliArguments, AnUnknownCommandIsNamed) {
  expect_refused({"frobnicate", "a"}, "frobnicate");
  expect_refused({""});
  expect_refused({"-"}, "-");
  expect_refused({"SET", "a", "b"}, "SET");
}

TEST_P(CliArguments, AnUnknownOptionIsNamed) {
  expect_refused({"--frobnicate", "get", "a"}, "--frobnicate");
  expect_refused({"-x", "set", "a", "b"}, "-x");
  expect_refused({"--frobnicate=1", "keys"}, "--frobnicate");
  expect_refused({"--explai", "keys"}, "--explai");
}

TEST_P(CliArguments, TheWrongNumberOfWordsShowsTheUsageOfTheCommand) {
  expect_refused({"set"}, "set KEY VALUE");
  expect_refused({"set", "a"}, "set KEY VALUE");
  expect_refused({"set", "a", "b", "c"}, "set KEY VALUE");
  expect_refused({"get"}, "get KEY");
  expect_refused({"get", "a", "b"}, "get KEY");
  expect_refused({"keys", "a"}, "keys");
  expect_refused({"scan", "a", "b", "c"}, "scan");
  expect_refused({"batch", "a", "b"}, "batch");
  expect_refused({"stats", "a"}, "stats");
  expect_refused({"dump", "a", "b"}, "dump");
  expect_refused({"shell", "a"}, "shell");
}

TEST_P(CliArguments, AnErrorStaysOneLineWhateverTheWordHolds) {
  expect_refused({"no\nsuch\ncommand"}, "no\\nsuch\\ncommand");
  expect_refused({"--no\nsuch", "keys"});
  expect_error(run_plain({"--db", "a\nb/\x1b[2J", "dump", "x\ny"}), 2);
  write_file(path("file\n"), "");
  expect_error(run_plain({"--db", "file\n", "get", "a"}), 4, "file\\n");
}

TEST_P(CliArguments, TheStoreIsADirectoryNamedAfterTheStage) {
  expect_done(run_plain({"set", "k", "v"}), "");
  EXPECT_TRUE(std::filesystem::is_directory(path(name() + ".db")));
  expect_done(run_plain({"--db", "./" + name() + ".db", "get", "k"}), "v\n");
}

TEST_P(CliArguments, TheDirectoryIsMadeByTheFirstWriteParentsIncluded) {
  expect_done(run_plain({"--db", "a/b/c", "set", "k", "v"}), "");
  expect_done(run_plain({"--db", "a/b/c/", "get", "k"}), "v\n");
}

TEST_P(CliArguments, ADirectoryMayHaveAnyName) {
  for (const std::string odd : {"-x", "[x]", "{}", "a b", "a\nb", "'q'", "%"}) {
    expect_done(run_plain({"--db", odd, "set", "k", odd == "%" ? "" : "v"}),
                "");
    EXPECT_TRUE(std::filesystem::is_directory(path(odd))) << odd;
  }
  expect_error(run_plain({"--db", "", "set", "k", "v"}), 2, "--db");
  expect_error(run_plain({"--db=", "set", "k", "v"}), 2, "--db");
  expect_error(run_plain({"--db"}), 2, "--db");
}

TEST_P(CliArguments, AnOptionMayBeGivenWithAnEqualsSignAndTheLastOneCounts) {
  expect_done(run_plain({"--db=x", "set", "k", "v"}), "");
  expect_done(run_plain({"--db", "y", "--db", "x", "get", "k"}), "v\n");
  expect_done(run_plain({"--db=y", "--db=x", "get", "k"}), "v\n");
  EXPECT_FALSE(is_there("y"));
}

TEST_P(CliArguments, BehindTheCommandEveryWordIsAnArgument) {
  for (const std::string key :
       {"--help", "-v", "--", "-5", "--db", "--explain", "-", "--json"}) {
    expect_done(run({"set", key, "--version"}), "");
    expect_done(run({"get", key}), "--version\n");
  }
  expect_done(run({"set", "--", "--"}), "");
  expect_done(run({"get", "--"}), "--\n");
}

TEST_P(CliArguments, TwoDashesEndTheOptions) {
  expect_done(run({"--", "set", "--help", "v"}), "");
  expect_done(run({"--", "get", "--help"}), "v\n");
  expect_refused({"--", "--help"}, "--help");
  expect_refused({"--"}, "help");
}

TEST_P(CliArguments, SyncIsNeverOrAlways) {
  expect_done(run({"--sync", "always", "set", "a", "1"}), "");
  expect_done(run({"--sync", "never", "set", "b", "2"}), "");
  expect_done(run({"--sync=always", "get", "b"}), "2\n");
  expect_refused({"--sync", "sometimes", "keys"}, "sometimes");
  expect_refused({"--sync", "", "keys"}, "--sync");
  expect_refused({"--sync=", "keys"}, "--sync");
  expect_refused({"--sync"}, "--sync");
}

TEST_P(CliArguments, ANumberHasToBeOneWithinItsBounds) {
  for (const OptionSpec& spec : GetParam()->options) {
    const std::string option(spec.name);
    if (!spec.choices.empty()) continue;  // see CliNamedValues
    for (const std::string wrong :
         {"-1", "x", "", "1x", " 1", "0x10", "1.5", "1e3", "+1",
          "18446744073709551615", "18446744073709551616",
          "99999999999999999999999999"}) {
      expect_refused({option, wrong, "set", "k", "v"}, option);
    }
    expect_refused({option + "=-1", "set", "k", "v"}, option);
    expect_refused({option}, option);
    expect_done(run({option, std::to_string(spec.default_value), "keys"}), "");
    const auto within = [&](std::uint64_t number) {
      return std::to_string(std::clamp(number, spec.min, spec.max));
    };
    expect_done(run({option, within(9), option, "0" + within(100), "keys"}),
                "");
  }
}

// Stages with options whose values have names, such as those of --compression.
std::vector<const Stage*> stages_with_named_values() {
  std::vector<const Stage*> stages;
  for (const Stage* stage : all_stages()) {
    const auto& options = stage->options;
    const bool has_names = std::any_of(
        options.begin(), options.end(),
        [](const OptionSpec& spec) { return !spec.choices.empty(); });
    if (has_names) stages.push_back(stage);
  }
  return stages;
}

class CliNamedValues : public CommandLine {};

INSTANTIATE_TEST_SUITE_P(Stages, CliNamedValues,
                         testing::ValuesIn(stages_with_named_values()),
                         name_of_stage);

TEST_P(CliNamedValues, AnOptionTakesTheNamesOfItsValuesAndListsThem) {
  for (const OptionSpec& spec : GetParam()->options) {
    if (spec.choices.empty()) continue;
    const std::string option(spec.name);
    const std::string first(spec.choices.front());
    std::string names;
    for (const std::string_view name : spec.choices) {
      names += (names.empty() ? "" : ", ") + std::string(name);
    }
    for (const std::string& wrong :
         {std::string("frobnicate"), std::string("0"), std::string("1"),
          std::string(), std::string("NONE"), first + " ", " " + first,
          first + "x", first.substr(1), names}) {
      expect_refused({option, wrong, "set", "k", "v"},
                     option + " wants one of " + names + ": " + wrong);
    }
    expect_refused({option + "=frobnicate", "set", "k", "v"}, names);
    expect_refused({option + "=", "set", "k", "v"}, option);
    expect_refused({option}, option);
    EXPECT_FALSE(is_there("db"));
    std::string pairs;
    for (const std::string_view choice : spec.choices) {
      const std::string name(choice);
      const std::string value = name + std::string(10'000, 'v');
      pairs += name + "\t" + value + "\n";
      expect_done(run({option, name, "set", name, value}), "");
      expect_done(run({option, "frobnicate", option, name, "get", name}),
                  value + "\n");
      expect_done(run({option + "=" + name, "get", name}), value + "\n");
    }
    const Outcome all = run({"scan"});
    EXPECT_THAT(lines_of(all.out),
                testing::UnorderedElementsAreArray(lines_of(pairs)))
        << "however each was written, whoever reads needs no option";
    EXPECT_EQ(run({"verify"}).code, 0);
    std::filesystem::remove_all(path("db"));
  }
}

TEST_P(CliArguments, HowBlocksAreCompressedIsAnOptionOfStagesThatSort) {
  if (!sorts()) return expect_refused({"--compression", "lz4", "keys"});
  std::map<std::string, std::uintmax_t> sizes;
  for (const std::string name : {"none", "lz4", "zstd"}) {
    EXPECT_EQ(run_plain({"--db", name, "--compression", name, "batch"},
                        "set\tkey\t" + std::string(3000, 'v') + "\ncompact\n")
                  .code,
              0);
    for (const auto& file : std::filesystem::directory_iterator(path(name))) {
      sizes[name] += file.file_size();
    }
  }
  EXPECT_GT(sizes["none"], 3000U);
  EXPECT_LT(sizes["lz4"], 1000U);
  EXPECT_LT(sizes["zstd"], 1000U);
}

TEST_P(CliArguments, SegmentsAreAnOptionFromStage05On) {
  if (number() >= 5) {
    expect_done(run({"--segment-bytes", "1024", "set", "k", "v"}), "");
    return;
  }
  for (const Arguments& arguments :
       {Arguments{"--segment-bytes", "1024", "set", "k", "v"},
        Arguments{"--segment-bytes=1024", "set", "k", "v"},
        Arguments{"--segment-bytes", "x", "set", "k", "v"}}) {
    expect_refused(arguments, name() + ": no '--segment-bytes' yet: ");
    expect_refused(arguments, "05_segments");
  }
}

TEST_P(CliArguments, HelpNamesEveryCommandAndOptionAndWhatIsMissing) {
  const std::string help = run_plain({"help"}).out;
  expect_done(run_plain({"--help"}), help);
  for (const char* word :
       {"set", "get", "keys", "scan", "batch", "stats", "dump", "shell", "help",
        "--db", "--sync", "--explain", "--help", "--version", "--ack",
        "--skip-deletes", "--json", "--files"}) {
    EXPECT_THAT(help, HasSubstr(word));
  }
  EXPECT_THAT(help, HasSubstr("./" + name() + ".db"));
  for (const OptionSpec& spec : GetParam()->options) {
    EXPECT_THAT(help, HasSubstr(std::string(spec.name)));
    const bool named = !spec.choices.empty();
    const std::string usual =
        named ? std::string(spec.choices[spec.default_value])
              : std::to_string(spec.default_value);
    EXPECT_THAT(help, HasSubstr("(default " + usual + ")"));
    for (const std::string_view name : spec.choices) {
      EXPECT_THAT(
          help, testing::ContainsRegex(std::string(spec.name) + " [a-z0-9|]*" +
                                       std::string(name)));
    }
  }
  for (const Refusal& refusal : GetParam()->refuses) {
    EXPECT_THAT(help, HasSubstr(std::string(refusal.name)));
    EXPECT_THAT(help, HasSubstr(std::string(refusal.why)));
  }
  EXPECT_TRUE(snapshot().empty());
}

TEST_P(CliArguments, HelpSaysWhereAKillNineLosesWhatWasAcknowledged) {
  const std::string help = run_plain({"help"}).out;
  if (logs()) {
    EXPECT_THAT(help, Not(HasSubstr("kill -9")));
    EXPECT_THAT(help, HasSubstr("acknowledge a write once the system has it"));
    return;
  }
  EXPECT_THAT(help, testing::ContainsRegex(
                        "\nnot yet:\n(.*\n)*  surviving kill -9 +a write is in "
                        "memory until its memtable is written out"));
  EXPECT_THAT(help, HasSubstr("acknowledge a write once it is in memory"));
  EXPECT_THAT(help, HasSubstr("log"));
}

TEST_P(CliArguments, VersionNamesTheStage) {
  const Outcome outcome = run_plain({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, StartsWith(name()));
  EXPECT_EQ(lines_of(outcome.out).size(), 1U);
}

TEST_P(CliArguments, ExplainPrintsEveryCallThenATotalOnStandardError) {
  const Outcome set = run({"--explain", "set", "key", "value"});
  EXPECT_EQ(set.code, 0);
  EXPECT_EQ(set.out, "");
  EXPECT_THAT(set.err, testing::ContainsRegex("open +db"));
  EXPECT_THAT(set.err, testing::ContainsRegex(
                           "write +db/.+ offset 0 +[0-9]+ bytes +[a-z]"));
  EXPECT_THAT(lines_of(set.err).back(), StartsWith("total: "));
  EXPECT_THAT(lines_of(set.err).back(), HasSubstr("0 syncs"));

  const Outcome get = run({"--explain", "get", "key"});
  EXPECT_EQ(get.out, "value\n");
  EXPECT_THAT(get.err, testing::ContainsRegex(
                           "read +db/.+ offset [0-9]+ +[0-9]+ bytes +[a-z]"));
  EXPECT_THAT(get.err, Not(testing::ContainsRegex("\nwrite ")));
  EXPECT_THAT(lines_of(get.err).back(), HasSubstr("0 writes"));
}

TEST_P(CliArguments, ExplainTellsOfSyncsOfTheFileAndOfTheDirectory) {
  const Outcome set = run({"--explain", "--sync", "always", "set", "k", "v"});
  EXPECT_EQ(set.code, 0);
  EXPECT_THAT(set.err, testing::ContainsRegex("sync +db  "));
  EXPECT_THAT(set.err, testing::ContainsRegex("sync +db/"));
}

TEST_P(CliArguments, ExplainTellsOfACommandThatFailedToo) {
  const Outcome miss = run({"--explain", "get", "nothing"});
  EXPECT_EQ(miss.code, 1);
  EXPECT_EQ(miss.out, "");
  EXPECT_THAT(lines_of(miss.err).back(), StartsWith("total: "));

  write_file(path("db"), "no directory");
  const Outcome refused = run({"--explain", "set", "k", "v"});
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(lines_of(refused.err).front(), StartsWith(name() + ": "));
  EXPECT_THAT(lines_of(refused.err).back(), StartsWith("total: "));
}

}  // namespace
}  // namespace strata
