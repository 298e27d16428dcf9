/// @file
/// A history to replay: operations in the order in which they happened, and
/// what is left at the end according to somebody else.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace strata::tour {

/// Input that holds no history: no repository, no commit, no readable line
/// (exit 2).
class BadInput : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One write or delete.
struct Operation {
  std::uint32_t key = 0;  ///< which of the history's keys
  bool deletes = false;
  std::string value;  ///< empty when it deletes
};

/// What became of a key.
struct Fate {
  std::uint64_t written = 0;  ///< index of the operation that wrote it last
  bool live = false;          ///< whether no delete came after that
};

/// A history. Its keys are numbered in the order in which they appear.
struct History {
  std::string kind;    ///< "git" or "access log"
  std::string name;    ///< of the repository or the file
  std::string head;    ///< git: the id of the last commit, else empty
  std::string nouns;   ///< what the keys are: "paths" or "URLs"
  std::string oracle;  ///< who knows the end state, for a person to read

  std::vector<std::string> keys;
  std::vector<Operation> operations;
  std::map<std::string, std::string> end_state;  ///< what the oracle says
  std::string unchecked;  ///< why the oracle cannot be held against a store

  std::uint64_t lines = 0;            ///< access log: lines read
  std::uint64_t malformed = 0;        ///< access log: lines that are none
  std::uint64_t first_malformed = 0;  ///< number of the first such line, from 1

  /// @returns what became of each key, in the order of `keys`.
  [[nodiscard]] std::vector<Fate> fates() const;
};

/// Appends operations to a history and numbers their keys.
class HistoryWriter {
 public:
  explicit HistoryWriter(History& history) : history_(history) {}

  /// Adds one operation. @throws BadInput beyond 2^32 − 1 keys.
  void add(std::string_view key, bool deletes, std::string value);

 private:
  History& history_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

}  // namespace strata::tour
