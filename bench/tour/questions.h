/// @file
/// Asking a store, and measuring what the answers cost.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/os/ledger.h"
#include "common/store/store.h"

namespace strata::tour {

/// A stage gave an answer that is not the right one (exit 1).
class WrongAnswer : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What one operation cost on average: time in nanoseconds, calls and bytes.
struct Cost {
  double ns = 0;
  double read_calls = 0;
  double read_bytes = 0;
  double write_calls = 0;
  double write_bytes = 0;
};

/// @returns the calls and bytes in `totals`, shared among `operations`.
[[nodiscard]] Cost cost_of(const Totals& totals, std::uint64_t operations);

/// A key, and what the right answer is.
struct Question {
  std::string key;
  std::string value;  ///< the right answer
  bool there = true;  ///< false: the right answer is that there is none
};

/// How many questions of one kind were asked, and what each cost.
struct Answers {
  std::uint64_t asked = 0;
  Cost cost;
};

/// How long to go on asking.
struct Patience {
  std::uint64_t questions = 1000;           ///< at most
  std::uint64_t budget_ns = 1'000'000'000;  ///< about; one is always asked
};

/// Asks the questions in turn, again from the first when all have been asked.
/// Where they are answered fast, they are asked several times over, and the
/// time is the median: another program's share of the processor is not ours.
/// @param questions may be empty: then nothing is asked
/// @param ledger what the store runs on; is cleared
/// @throws WrongAnswer
/// @throws bench::Interrupted
[[nodiscard]] Answers ask(Store& store, Ledger& ledger,
                          const std::vector<Question>& questions,
                          Patience patience);

}  // namespace strata::tour
