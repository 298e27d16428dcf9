#include "tests/crash_states/operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "common/cli/session.h"
#include "common/store/errors.h"

namespace strata::crash_states {

namespace {

void require(const Stage& stage, std::string_view what) {
  if (const Refusal* refusal = stage.refusal(what)) throw refused(*refusal);
}

// Nothing for a line that changes nothing.
std::optional<Operation> parse_line(const Stage& stage, std::string_view line) {
  using Kind = Operation::Kind;
  Operation operation;
  parse_batch_line(line, operation);
  if (operation.kind == Kind::kGet) return std::nullopt;
  if (operation.kind == Kind::kSet) {
    stage.limits.check(operation.key, operation.value);
  } else if (operation.kind == Kind::kDelete) {
    require(stage, "del");
    stage.limits.check_key(operation.key);
  } else {
    require(stage, "compact");
  }
  return operation;
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
    case Operation::Kind::kGet:  // changes nothing
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
