#include "bench/tour/questions.h"

#include <algorithm>

#include "bench/interrupt.h"
#include "common/record/escape.h"

namespace strata::tour {

namespace {

constexpr std::size_t kPasses = 5;

void check(const Question& question, bool there, const std::string& value) {
  if (there == question.there && (!there || value == question.value)) return;
  throw WrongAnswer("get of '" + escaped(question.key) + "' answers " +
                    (there ? "'" + escaped(value) + "'" : "that it is absent") +
                    ", and right is " +
                    (question.there ? "'" + escaped(question.value) + "'"
                                    : "that it is absent"));
}

// Asks up to `patience.questions` questions once; looks at the clock after 1,
// 2, 4, 8 … of them, since looking takes as long as a fast answer.
Answers ask_once(Store& store, Ledger& ledger,
                 const std::vector<Question>& questions, Patience patience) {
  std::string value;
  Answers answers;
  std::uint64_t next_look = 1;
  const std::uint64_t start = ledger.ticks_ns();
  std::uint64_t ns = 0;
  while (answers.asked < patience.questions) {
    bench::throw_if_interrupted();
    const Question& question = questions[answers.asked % questions.size()];
    const bool there = store.get(question.key, value);
    check(question, there, value);
    if (++answers.asked < next_look) continue;
    ns = ledger.ticks_ns() - start;
    if (ns >= patience.budget_ns) break;
    next_look = std::min(next_look * 2, patience.questions);
  }
  answers.cost.ns =
      static_cast<double>(ns) /
      static_cast<double>(std::max<std::uint64_t>(1, answers.asked));
  return answers;
}

}  // namespace

Cost cost_of(const Totals& totals, std::uint64_t operations) {
  const auto share = [&](std::uint64_t sum) {
    return operations == 0
               ? 0
               : static_cast<double>(sum) / static_cast<double>(operations);
  };
  return {.ns = 0,
          .read_calls = share(totals.reads.calls),
          .read_bytes = share(totals.reads.bytes),
          .write_calls = share(totals.writes.calls),
          .write_bytes = share(totals.writes.bytes)};
}

Answers ask(Store& store, Ledger& ledger,
            const std::vector<Question>& questions, Patience patience) {
  if (questions.empty()) return {};
  ledger.clear();
  const std::uint64_t start = ledger.ticks_ns();
  const Answers first = ask_once(store, ledger, questions, patience);
  Answers answers{first.asked, cost_of(ledger.totals(), first.asked)};

  std::vector<double> times = {first.cost.ns};
  while (times.size() < kPasses && first.asked == patience.questions &&
         ledger.ticks_ns() - start < patience.budget_ns / 2) {
    times.push_back(ask_once(store, ledger, questions, patience).cost.ns);
  }
  std::sort(times.begin(), times.end());
  answers.cost.ns = times[times.size() / 2];
  return answers;
}

}  // namespace strata::tour
