#include "tests/crash_states/states.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "common/os/crash.h"
#include "common/record/escape.h"
#include "common/store/errors.h"

namespace strata::crash_states {

namespace {

[[noreturn]] void refuse_as_too_long(const std::string& why) {
  throw InvalidInput(why +
                     ": every state is built from the start, so take a "
                     "shorter batch");
}

std::string told(const Pairs& pairs, const std::string& key) {
  const auto found = pairs.find(key);
  if (found == pairs.end()) return "not there";
  return "'" + escaped(found->second) + "'";
}

// Every key that answers neither as it was acknowledged nor as the operation
// under way would have it.
std::vector<std::string> differences(const Pairs& found, const Pairs& sure,
                                     const Pairs& maybe) {
  std::set<std::string> keys;
  for (const Pairs* pairs : {&found, &sure}) {
    for (const auto& pair : *pairs) keys.insert(pair.first);
  }
  std::vector<std::string> lines;
  for (const std::string& key : keys) {
    const std::string is = told(found, key);
    const std::string should = told(sure, key);
    if (is == should || is == told(maybe, key)) continue;
    const bool is_there = sure.count(key) > 0;
    lines.push_back(fmt::format("{} is {}, should {}", escaped(key), is,
                                is_there ? "be " + should : "not be there"));
  }
  return lines;
}

}  // namespace

Trace record(const Stage& stage, Options options,
             const Operations& operations) {
  MemoryOs disk;
  RecordingOs recorder(disk);
  options.directory = kDirectory;
  options.mode = Mode::kWrite;
  options.os = &recorder;
  if (operations.size() > kMaxChanges) {
    refuse_as_too_long(fmt::format("{} operations make more than {} changes",
                                   operations.size(), kMaxChanges));
  }
  auto store = stage.open(options);
  std::uint64_t acknowledged = 0;
  for (const Operation& operation : operations) {
    apply(*store, operation);
    recorder.mark(++acknowledged);
  }
  store.reset();
  Trace trace = recorder.trace();
  if (trace.changes.size() > kMaxChanges) {
    refuse_as_too_long(
        fmt::format("the batch makes {} changes to the disk, at most {} are "
                    "looked at",
                    trace.changes.size(), kMaxChanges));
  }
  return trace;
}

void leave_out(Trace& trace, const std::vector<std::size_t>& syncs) {
  for (const std::size_t number : syncs) {
    if (leave_out_sync(trace, number)) continue;
    throw InvalidInput(fmt::format(
        "change {} is no sync: the command 'changes' numbers them", number));
  }
}

std::vector<State> states_of(const Trace& trace, Crash crash) {
  std::vector<State> states;
  std::size_t bytes = 0;
  const auto visit = [&](const CrashState& state) {
    for (const auto& file : state.image.files) bytes += file.second.size();
    if (states.size() == kMaxStates || bytes > kMaxStateBytes) {
      refuse_as_too_long(fmt::format(
          "there are more states than {}, or their files are longer than {} "
          "bytes in all",
          kMaxStates, kMaxStateBytes));
    }
    states.push_back({state.image, state.acknowledged, state.what});
  };
  if (crash == Crash::kKill) {
    for_each_kill(trace, visit);
  } else {
    for_each_power_cut(trace, visit);
  }
  return states;
}

Verdict judge(const Stage& stage, Options options, const Operations& operations,
              const State& state) {
  MemoryOs disk(state.image);
  options.directory = kDirectory;
  options.mode = Mode::kRead;
  options.os = &disk;
  Pairs found;
  try {
    stage.open(options)->scan(
        "", "", [&](std::string_view key, std::string_view value) {
          found.emplace(key, value);
        });
  } catch (const std::exception& error) {
    return {Verdict::Kind::kRefused, {error.what()}};
  }
  const auto acknowledged = static_cast<std::size_t>(state.acknowledged);
  const Pairs sure = pairs_after(operations, acknowledged);
  if (found == sure) return {Verdict::Kind::kWhole};
  const Pairs maybe = pairs_after(operations, acknowledged + 1);
  if (found == maybe) return {Verdict::Kind::kAhead};
  return {Verdict::Kind::kLost, differences(found, sure, maybe)};
}

}  // namespace strata::crash_states
