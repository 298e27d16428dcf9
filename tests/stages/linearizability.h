// Whether what threads saw of a key can be told as one after the other did it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace strata::linearizability {

/// What a key holds: a number for each value that was ever set, or nothing.
using Content = std::optional<std::uint64_t>;

/// Something that a thread did to one key, and when: both times are of one
/// counter which every begin and every end moves on.
struct Operation {
  enum class Kind : std::uint8_t { kSet, kDel, kGet };
  Kind kind = Kind::kGet;
  Content content;              ///< what was set, or what the get answered
  std::uint64_t invoked = 0;    ///< before the call
  std::uint64_t responded = 0;  ///< after it
};

/// Searches for an order of one key's operations in which each takes place
/// between its begin and its end and every get answers what was set last.
/// Keys can be looked at one by one, for a store of registers is linearizable
/// exactly when each of them is (Herlihy and Wing, 1990).
/// @source Wing and Gong, "Testing and Verifying Concurrent Objects", 1993;
///   that no state is looked at twice is from Lowe, "Testing for
///   Linearizability", 2017
class Checker {
 public:
  explicit Checker(std::vector<Operation> history)
      : history_(std::move(history)) {
    std::sort(history_.begin(), history_.end(),
              [](const Operation& a, const Operation& b) {
                return a.invoked < b.invoked;
              });
  }

  /// @returns whether there is such an order, the key being absent at first.
  bool is_linearizable() {
    std::vector<State> to_visit = {State()};
    seen_ = {State()};
    while (!to_visit.empty()) {
      const State state = std::move(to_visit.back());
      to_visit.pop_back();
      farthest_ = std::max(farthest_, state.done);
      if (state.done == history_.size()) return true;
      for (State& next : after(state)) {
        if (seen_.insert(next).second) to_visit.push_back(std::move(next));
      }
    }
    return false;
  }

  /// @returns the operation before which, at the latest, no order went on.
  [[nodiscard]] const Operation& stuck_at() const {
    return history_[std::min(farthest_, history_.size() - 1)];
  }

 private:
  // So far, the first `done` operations have taken place, of the later ones
  // those in `ahead`, and this is what the key holds.
  struct State {
    std::size_t done = 0;
    std::set<std::size_t> ahead{};
    Content content{};

    bool operator<(const State& other) const {
      return std::tie(done, content, ahead) <
             std::tie(other.done, other.content, other.ahead);
    }
  };

  // What can be next: whatever began before anything else that is left ended.
  [[nodiscard]] std::vector<State> after(const State& state) const {
    std::vector<State> next;
    auto first_end = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t i = state.done; i < history_.size(); ++i) {
      const Operation& operation = history_[i];
      if (operation.invoked > first_end) break;
      if (state.ahead.count(i) > 0) continue;
      first_end = std::min(first_end, operation.responded);
      const bool is_get = operation.kind == Operation::Kind::kGet;
      if (is_get && operation.content != state.content) continue;
      State with = state;
      with.content = operation.content;
      with.ahead.insert(i);
      while (with.ahead.erase(with.done) > 0) ++with.done;
      next.push_back(std::move(with));
    }
    return next;
  }

  std::vector<Operation> history_;
  std::set<State> seen_;
  std::size_t farthest_ = 0;
};

}  // namespace strata::linearizability
