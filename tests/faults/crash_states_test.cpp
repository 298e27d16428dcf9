// Every state that a crash could have left of a run is opened. Each
// acknowledged operation is there, the one under way whole or not at all, and
// the store goes on.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "common/os/crash.h"
#include "tests/faults/scenario.h"

namespace strata {
namespace {

using faults::ask;
using faults::expected;
using faults::History;

class CrashStates : public testing::TestWithParam<faults::Setting> {
 protected:
  [[nodiscard]] std::unique_ptr<Store> open(
      Os& os, Mode mode, Sync sync = Sync::kNever,
      std::vector<std::string>* notes = nullptr) const {
    Options options = faults::options_for(GetParam(), os, mode, sync, notes);
    options.directory = directory_;
    return GetParam().stage->open(options);
  }

  // Runs `history` on the disk, marking each operation when it is
  // acknowledged, and returns what was done to the disk.
  Trace record(const Image& start, const History& history, Sync sync) const {
    MemoryOs disk(start);
    RecordingOs recorder(disk, start);
    auto store = open(recorder, Mode::kWrite, sync);
    std::uint64_t acknowledged = 0;
    for (const faults::Step& step : history) {
      faults::apply(*store, step);
      recorder.mark(++acknowledged);
    }
    store.reset();
    return recorder.trace();
  }

  // The first `acknowledged` operations are there and the next one is or is
  // not; nothing else is.
  static void expect_kept(Store& store, const History& history,
                          std::size_t acknowledged) {
    const faults::Model sure = faults::model_after(history, acknowledged);
    const faults::Model maybe = faults::model_after(
        history, std::min(acknowledged + 1, history.size()));
    for (const std::string& key : faults::keys_of(history)) {
      const faults::Answer answer = ask(store, key);
      if (answer == expected(maybe, key)) continue;
      EXPECT_EQ(answer, expected(sure, key))
          << "key " << testing::PrintToString(key);
    }
    store.keys([&](std::string_view key) {
      EXPECT_GT(sure.count(std::string(key)) + maybe.count(std::string(key)),
                0U);
    });
  }

  // Reading works; so does writing, which is kept.
  void expect_goes_on(const CrashState& state, const History& history,
                      Sync sync) const {
    MemoryOs disk(state.image);
    const auto acknowledged = static_cast<std::size_t>(state.acknowledged);
    expect_kept(*open(disk, Mode::kRead), history, acknowledged);
    EXPECT_EQ(disk.image(), state.image) << "a reader changed the disk";
    {
      const auto store = open(disk, Mode::kWrite, sync);
      expect_kept(*store, history, acknowledged);
      store->set("after the crash", "1");
    }
    std::vector<std::string> notes;
    const auto store = open(disk, Mode::kWrite, sync, &notes);
    EXPECT_EQ(notes, std::vector<std::string>());
    EXPECT_EQ(ask(*store, "after the crash"), faults::value("1"));
    History longer = history;
    longer.insert(longer.begin(), {"after the crash", "1"});
    expect_kept(*store, longer, acknowledged + 1);
    if (!GetParam().stage->has("compact")) return;
    store->compact();
    expect_kept(*store, longer, acknowledged + 1);
  }

  // Whether the next state is left out where they are to be thinned out.
  bool is_left_out() { return states_++ % thinned(7) != 0; }

  void tell(std::uint64_t count, const char* what) {
    std::string digits = std::to_string(count);
    for (std::size_t end = digits.size(); end > 3; end -= 3) {
      digits.insert(end - 3, 1, ',');
    }
    std::printf("%s: %s %s\n", testing::PrintToString(GetParam()).c_str(),
                digits.c_str(), what);
    RecordProperty("crash_states", static_cast<int>(count));
    EXPECT_GT(count, 0U);
  }

  // Opens the store on every state that a power cut could have left.
  void survive_power_cuts(const History& history, const char* what) {
    std::uint64_t count = 0;
    for_each_power_cut(record({}, history, Sync::kAlways),
                       [&](const CrashState& state) {
                         if (HasFailure() || is_left_out()) return;
                         SCOPED_TRACE(state.what);
                         expect_goes_on(state, history, Sync::kAlways);
                         ++count;
                       });
    tell(count, what);
  }

  // Opens the store on every state that a kill -9 could have left.
  void survive_kills(const History& history, const char* what) {
    std::uint64_t count = 0;
    const Sync sync = faults::sync_into_files(*GetParam().stage);
    for_each_kill(record({}, history, sync), [&](const CrashState& state) {
      if (HasFailure() || is_left_out()) return;
      SCOPED_TRACE(state.what);
      expect_goes_on(state, history, sync);
      ++count;
    });
    tell(count, what);
  }

  std::string directory_ = faults::kDirectory;

 private:
  std::uint64_t states_ = 0;
};

TEST_P(CrashStates, APowerCutKeepsWhatWasAcknowledged) {
  const History history = faults::history(*GetParam().stage, 100);
  survive_power_cuts(history, "crash states opened");
}

TEST_P(CrashStates, APowerCutDuringCompactionsKeepsWhatWasAcknowledged) {
  if (!GetParam().stage->has("compact")) GTEST_SKIP() << "does not compact";
  const Stage& stage = *GetParam().stage;
  const History history =
      faults::with_compactions(stage, faults::history(stage, 24), 8);
  survive_power_cuts(history, "crash states opened with compactions");
}

TEST_P(CrashStates, APowerCutKeepsTheDirectoriesAboveTheStore) {
  directory_ = "some/where/deep";
  const History history = faults::history(*GetParam().stage, 3);
  survive_power_cuts(history, "crash states opened in a deep directory");
}

TEST_P(CrashStates, AKillKeepsWhatWasAcknowledged) {
  const History history = faults::history(*GetParam().stage, 100);
  survive_kills(history, "states after a kill opened");
}

TEST_P(CrashStates, AKillDuringCompactionsKeepsWhatWasAcknowledged) {
  if (!GetParam().stage->has("compact")) GTEST_SKIP() << "does not compact";
  const Stage& stage = *GetParam().stage;
  const History history =
      faults::with_compactions(stage, faults::history(stage, 40), 9);
  survive_kills(history, "states after a kill opened with compactions");
}

TEST_P(CrashStates, ACrashDuringRecoveryKeepsWhatWasAcknowledged) {
  const History history = faults::history(*GetParam().stage, 8);
  const History more = {{"after the crash", "1"}, {history[0].key, "2"}};
  std::uint64_t count = 0;
  for_each_power_cut(
      record({}, history, Sync::kAlways), [&](const CrashState& first) {
        const auto kept = static_cast<std::size_t>(first.acknowledged);
        // What the first recovery finds is there for good: it has been told.
        MemoryOs disk(first.image);
        const auto store = open(disk, Mode::kRead);
        History found;
        for (const std::string& key : faults::keys_of(history)) {
          std::string value;
          if (store->get(key, value)) found.push_back({key, value});
        }
        const std::size_t before = found.size();
        found.insert(found.end(), more.begin(), more.end());
        const Trace recovery = record(first.image, more, Sync::kAlways);
        for_each_power_cut(recovery, [&](const CrashState& second) {
          if (HasFailure() || is_left_out()) return;
          SCOPED_TRACE(first.what + ", " + std::to_string(kept) +
                       " acknowledged; in recovery " + second.what);
          MemoryOs left(second.image);
          const auto reopened = open(left, Mode::kWrite, Sync::kAlways);
          expect_kept(*reopened, found,
                      before + static_cast<std::size_t>(second.acknowledged));
          ++count;
        });
      });
  tell(count, "states after a crash in recovery opened");
}

INSTANTIATE_TEST_SUITE_P(Stages, CrashStates,
                         testing::ValuesIn(faults::all_settings()),
                         faults::name_of_setting);

}  // namespace
}  // namespace strata
