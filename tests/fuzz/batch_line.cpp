// Lines of a batch, and the escapes in them: common/cli/batch_line.h.
#include "common/cli/batch_line.h"

#include "common/record/escape.h"
#include "common/store/errors.h"
#include "tests/fuzz/fuzz.h"

namespace strata::fuzz {

namespace {

std::string line_of(const BatchLine& said) {
  switch (said.kind) {
    case BatchLine::Kind::kSet:
      return "set\t" + escaped(said.key) + "\t" + escaped(said.value);
    case BatchLine::Kind::kGet:
      return "get\t" + escaped(said.key);
    case BatchLine::Kind::kDelete:
      return "del\t" + escaped(said.key);
    case BatchLine::Kind::kCompact:
      return "compact";
  }
  return "";
}

bool parse(std::string_view line, BatchLine& out) {
  const std::vector<char> copy = exactly(line);
  try {
    parse_batch_line(view_of(copy), out);
  } catch (const InvalidInput& error) {
    expect(*error.what() != '\0', "a refusal has a reason");
    return false;
  }
  return true;
}

void expect_escapes_undone(std::string_view bytes) {
  std::string back;
  const std::string once = escaped(bytes);
  expect(once.find_first_of("\t\n\r") == std::string::npos,
         "what is escaped is a field of a line");
  expect(!unescape(once, back) && back == bytes,
         "every byte string can be escaped and read back");
}

void parse_and_say_again(std::string_view line) {
  BatchLine said;
  if (!parse(line, said)) return;
  BatchLine again;
  expect(parse(line_of(said), again), "what was read can be said again");
  expect(again.kind == said.kind, "and is the same operation");
  const bool has_key = said.kind != BatchLine::Kind::kCompact;
  const bool has_value = said.kind == BatchLine::Kind::kSet;
  expect(!has_key || again.key == said.key, "of the same key");
  expect(!has_value || again.value == said.value, "with the same value");
}

}  // namespace

std::vector<std::string> seeds() {
  return {
      "set\tcity\tRome", "set\t\\x00\\xfF\\t\t\\\\\\n\\r", "get\tcity",
      "del\tcity\\",     "compact\nget\tk\nset\ta",        "set\tk\tv\tmore"};
}

void decode(std::string_view input) {
  expect_escapes_undone(input);
  std::string meant;
  if (!unescape(input, meant)) expect_escapes_undone(meant);
  while (!input.empty()) {
    const std::size_t end = std::min(input.find('\n'), input.size());
    parse_and_say_again(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
}

}  // namespace strata::fuzz
