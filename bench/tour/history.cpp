#include "bench/tour/history.h"

#include <limits>
#include <utility>

namespace strata::tour {

std::vector<Fate> History::fates() const {
  std::vector<Fate> fates(keys.size());
  for (std::uint64_t i = 0; i < operations.size(); ++i) {
    Fate& fate = fates[operations[i].key];
    fate.live = !operations[i].deletes;
    if (fate.live) fate.written = i;
  }
  return fates;
}

void HistoryWriter::add(std::string_view key, bool deletes, std::string value) {
  constexpr auto kMost = std::numeric_limits<std::uint32_t>::max();
  const auto next = static_cast<std::uint32_t>(history_.keys.size());
  if (next == kMost) throw BadInput("more keys than the tour can number");
  const auto [entry, is_new] = numbers_.try_emplace(std::string(key), next);
  if (is_new) history_.keys.emplace_back(key);
  history_.operations.push_back({entry->second, deletes, std::move(value)});
}

}  // namespace strata::tour
