#include "bench/tour/end_state.h"

#include <map>
#include <string_view>

#include "bench/interrupt.h"
#include "bench/tour/questions.h"
#include "common/record/escape.h"

namespace strata::tour {

namespace {

constexpr std::size_t kNamesTold = 5;

// What the store must hold under a key.
struct Expected {
  std::string_view value;
  bool ghost = false;
};

using ExpectedKeys = std::map<std::string_view, Expected>;

std::string quoted(std::string_view bytes) {
  return "'" + escaped(bytes) + "'";
}

[[noreturn]] void differ(const History& history, std::string_view key,
                         const std::string& how) {
  const bool checkable = history.unchecked.empty();
  throw WrongAnswer(
      "the end state is not that of " +
      (checkable ? history.oracle : std::string("the operations")) + ": at " +
      quoted(key) + " " + how);
}

ExpectedKeys expected_keys(const Stage& stage, const History& history,
                           const std::vector<std::string>& keys) {
  const std::vector<Fate> fates = history.fates();
  const bool checkable = history.unchecked.empty();
  ExpectedKeys expected;
  std::size_t found = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string& last = history.operations[fates[i].written].value;
    const auto there = history.end_state.find(history.keys[i]);
    const bool in_end_state = there != history.end_state.end();
    if (in_end_state) ++found;
    if (checkable ? in_end_state : fates[i].live) {
      expected.emplace(keys[i], Expected{checkable ? there->second : last});
    } else if (!stage.has("del")) {
      expected.emplace(keys[i], Expected{last, true});
    }
  }
  if (checkable && found != history.end_state.size()) {
    throw WrongAnswer(history.oracle +
                      " has keys that never appear in the history");
  }
  return expected;
}

}  // namespace

Ghosts check_end_state(Store& store, const Stage& stage, const History& history,
                       const std::vector<std::string>& keys) {
  const ExpectedKeys expected = expected_keys(stage, history, keys);
  Ghosts ghosts;
  auto next = expected.begin();
  store.scan("", "", [&](std::string_view key, std::string_view value) {
    bench::throw_if_interrupted();
    if (next == expected.end() || key < next->first) {
      differ(history, key, "the store has a value, and right is none");
    }
    const auto& [name, right] = *next++;
    if (key != name) differ(history, name, "the store has nothing");
    if (value != right.value) {
      differ(history, key,
             "the store has " + quoted(value) + ", and right is " +
                 quoted(right.value));
    }
    if (!right.ghost) return;
    if (++ghosts.count <= kNamesTold) ghosts.names.emplace_back(key);
  });
  if (next != expected.end()) {
    differ(history, next->first, "the store has nothing");
  }
  return ghosts;
}

}  // namespace strata::tour
