#include "tests/crash_states/operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "common/cli/session.h"
#include "common/record/escape.h"
#include "common/store/errors.h"

namespace strata::crash_states {

namespace {

std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields;
  for (bool more = true; more;) {
    const std::size_t tab = line.find('\t');
    std::string& field = fields.emplace_back();
    if (const auto wrong = unescape(line.substr(0, tab), field)) {
      throw InvalidInput(*wrong);
    }
    more = tab != std::string_view::npos;
    if (more) line.remove_prefix(tab + 1);
  }
  return fields;
}

void require(const Stage& stage, std::string_view what) {
  if (const Refusal* refusal = stage.refusal(what)) throw refused(*refusal);
}

// Nothing for a line that changes nothing.
std::optional<Operation> parse_line(const Stage& stage, std::string_view line) {
  using Kind = Operation::Kind;
  const std::vector<std::string> fields = fields_of(line);
  const auto is = [&](std::string_view name, std::size_t words) {
    if (fields[0] != name) return false;
    if (fields.size() == words + 1) return true;
    throw InvalidInput(fmt::format("{} wants {} behind its name, not {}", name,
                                   words, fields.size() - 1));
  };
  if (is("set", 2)) {
    stage.limits.check(fields[1], fields[2]);
    return Operation{Kind::kSet, fields[1], fields[2]};
  }
  if (is("del", 1)) {
    require(stage, "del");
    stage.limits.check_key(fields[1]);
    return Operation{Kind::kDelete, fields[1]};
  }
  if (is("compact", 0)) {
    require(stage, "compact");
    return Operation{Kind::kCompact};
  }
  if (is("get", 1)) return std::nullopt;
  throw InvalidInput("no such operation: '" + escaped(fields[0]) + "'");
}

}  // namespace

std::string read_batch() {
  std::string batch(kMaxBatchBytes + 1, '\0');
  batch.resize(std::fread(batch.data(), 1, batch.size(), stdin));
  if (std::ferror(stdin) != 0) {
    throw IoError("cannot read", "standard input", errno);
  }
  if (batch.size() > kMaxBatchBytes) {
    throw InvalidInput(fmt::format(
        "the batch is too long: at most {} bytes, since each state of the "
        "disk holds what it writes",
        kMaxBatchBytes));
  }
  return batch;
}

Operations parse_batch(const Stage& stage, std::string_view batch) {
  Operations operations;
  for (std::uint64_t number = 1; !batch.empty(); ++number) {
    const std::size_t end = batch.find('\n');
    try {
      const auto operation = parse_line(stage, batch.substr(0, end));
      if (operation) operations.push_back(*operation);
    } catch (...) {
      const CommandError error = current_error();
      throw CommandError(error.code(),
                         fmt::format("line {}: {}", number, error.what()));
    }
    batch.remove_prefix(std::min(end, batch.size() - 1) + 1);
  }
  return operations;
}

void apply(Store& store, const Operation& operation) {
  switch (operation.kind) {
    case Operation::Kind::kSet:
      store.set(operation.key, operation.value);
      break;
    case Operation::Kind::kDelete:
      store.del(operation.key);
      break;
    case Operation::Kind::kCompact:
      store.compact();
      break;
  }
}

Pairs pairs_after(const Operations& operations, std::size_t count) {
  Pairs pairs;
  for (std::size_t i = 0; i < std::min(count, operations.size()); ++i) {
    const auto& [kind, key, value] = operations[i];
    if (kind == Operation::Kind::kSet) pairs[key] = value;
    if (kind == Operation::Kind::kDelete) pairs.erase(key);
  }
  return pairs;
}

}  // namespace strata::crash_states
