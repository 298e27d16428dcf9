// Every system call of a run fails, one after the other. What was acknowledged
// is kept, what was not is whole or not there, and no answer is ever wrong.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/os/fault_os.h"
#include "common/os/ledger.h"
#include "tests/faults/scenario.h"

namespace strata {
namespace {

using faults::Answer;
using faults::ask;
using faults::expected;
using faults::History;
using faults::Model;

// What a key may hold: the value that was acknowledged last, and those that
// have been tried in vain since.
using Possible = std::map<std::string, std::set<std::string>>;

// A run of the history over a disk that fails, with a watch on it.
class Trial {
 public:
  Trial(const faults::Setting& setting, const History& history, Sync sync)
      : setting_(setting), history_(history), sync_(sync) {}

  FaultOs& faults() { return faults_; }

  // Runs all of it, and in between asks.
  void go() {
    if (!open()) return;
    for (const faults::Step& step : history_) {
      try_to(step);
      if (!step.is_compaction()) expect_right(step.key);
      expect_right(history_.front().key);
    }
    expect_no_second_sync();
    steps_end_ = ledger_.entries().size();
    store_.reset();
  }

  // The faults are over: what is on disk?
  void expect_kept() {
    store_.reset();
    faults_.clear();
    for (const Mode mode : {Mode::kRead, Mode::kWrite, Mode::kWrite}) {
      const auto store = faults::open(setting_, disk_, mode, sync_);
      for (const std::string& key : faults::keys_of(history_)) {
        expect_possible(key, ask(*store, key));
      }
      if (mode == Mode::kRead) continue;
      store->set("city", "new");
      possible_["city"] = {"new"};
      EXPECT_EQ(ask(*store, "city"), faults::value("new"));
    }
  }

  [[nodiscard]] bool opened() const { return opened_; }

  [[nodiscard]] int failed_steps() const { return failed_steps_; }

  [[nodiscard]] int failed_gets() const { return failed_gets_; }

  // Whether a call failed that a step cannot do without: on a file that holds
  // records, on the manifest that names these, or on the directory. Hints and lock files only tell of others, and
  // what follows the last step is the end of the store.
  [[nodiscard]] bool missed_a_needed_call() const {
    const auto entries = ledger_.entries();
    return std::any_of(
        entries.begin(),
        entries.begin() + static_cast<std::ptrdiff_t>(steps_end_),
        [](const LedgerEntry& entry) {
          return entry.error != 0 &&
                 (holds_records(entry.path) ||
                  entry.path.find("MANIFEST") != std::string::npos);
        });
  }

  // Whether a call of this kind failed while the store was open.
  [[nodiscard]] bool has_failed(Call call) const {
    for (const LedgerEntry& entry : ledger_.entries()) {
      if (entry.call == call && entry.error != 0) return true;
    }
    return false;
  }

 private:
  bool open() {
    try {
      store_ = faults::open(setting_, ledger_, Mode::kWrite, sync_);
      opened_ = true;
    } catch (const IoError&) {
    }
    ledger_.clear();
    return opened_;
  }

  void try_to(const faults::Step& step) {
    const auto& [key, value] = step;
    const std::string wanted = value.value_or(kNothing);
    try {
      faults::apply(*store_, step);
      if (step.is_compaction()) return;
      if (value) {
        acknowledged_[key] = *value;
      } else {
        acknowledged_.erase(key);
      }
      possible_[key] = {wanted};
    } catch (const IoError&) {
      ++failed_steps_;
      if (step.is_compaction()) return;
      if (acknowledged_.count(key) == 0) possible_[key].insert(kNothing);
      possible_[key].insert(wanted);
    }
  }

  // In the store that had the fault, only what was acknowledged is seen.
  void expect_right(const std::string& key) {
    const Answer answer = ask(*store_, key);
    if (answer.kind == Answer::Kind::kIoError) {
      ++failed_gets_;
    } else {
      EXPECT_EQ(answer, expected(acknowledged_, key));
    }
  }

  void expect_possible(const std::string& key, const Answer& answer) {
    const auto found = possible_.find(key);
    if (found == possible_.end()) {
      EXPECT_EQ(answer, Answer()) << "never tried: " << key;
      return;
    }
    const bool is_value = answer.kind == Answer::Kind::kValue;
    EXPECT_TRUE(is_value || answer == Answer());
    EXPECT_EQ(found->second.count(is_value ? answer.value : kNothing), 1U)
        << "key " << testing::PrintToString(key) << " answered " << answer;
  }

  void expect_no_second_sync() {
    std::set<std::string> failed;
    for (const LedgerEntry& entry : ledger_.entries()) {
      if (entry.call != Call::kSync) continue;
      EXPECT_EQ(failed.count(entry.path), 0U) << "synced again: " << entry.path;
      if (entry.error != 0 && entry.error != EINTR) failed.insert(entry.path);
    }
  }

  // No value begins with a newline, so it can stand for the absent key.
  const std::string kNothing = "\n(nothing)";

  const faults::Setting& setting_;
  const History& history_;
  const Sync sync_;
  MemoryOs disk_;
  FaultOs faults_{disk_};
  Ledger ledger_{faults_};
  std::unique_ptr<Store> store_;
  Model acknowledged_;
  Possible possible_;
  bool opened_ = false;
  int failed_steps_ = 0;
  int failed_gets_ = 0;
  std::size_t steps_end_ = 0;
};

class EveryCallFails : public testing::TestWithParam<faults::Setting> {
 protected:
  using Check = std::function<void(Trial&)>;

  // How many calls of `kinds` (all, if empty) a run without faults makes.
  std::uint64_t calls(Sync sync, const std::vector<Call>& kinds) const {
    Trial healthy(GetParam(), history_, sync);
    healthy.go();
    EXPECT_EQ(healthy.failed_steps() + healthy.failed_gets(), 0);
    if (kinds.empty()) return healthy.faults().calls();
    std::uint64_t sum = 0;
    for (const Call kind : kinds) sum += healthy.faults().calls(kind);
    return sum;
  }

  // Runs with the Nth call failing, for each N.
  void each(Fault fault, const Check& check) const {
    for (const Sync sync : {Sync::kNever, Sync::kAlways}) {
      if (sync < faults::sync_into_files(*GetParam().stage)) continue;
      const std::uint64_t count = calls(sync, fault.calls);
      for (fault.nth = 1; fault.nth <= count; fault.nth += thinned(3)) {
        SCOPED_TRACE("call " + std::to_string(fault.nth) +
                     (sync == Sync::kAlways ? ", sync always" : ""));
        Trial failing(GetParam(), history_, sync);
        failing.faults().add(fault);
        failing.go();
        check(failing);
        failing.expect_kept();
        if (HasFailure()) return;
      }
    }
  }

  const History history_ = faults::with_compactions(
      *GetParam().stage, faults::history(*GetParam().stage, 20), 9);
};

constexpr auto kNoCheck = [](Trial&) {};

// After one fault the store goes on, unless it was a sync that failed.
void expect_one_failure(Trial& run) {
  if (!run.opened()) return;
  EXPECT_LE(run.failed_gets(), 1);
  if (!run.missed_a_needed_call()) {
    EXPECT_LE(run.failed_steps(), 1);
  } else if (run.has_failed(Call::kSync)) {
    EXPECT_GE(run.failed_steps(), 1);
  } else {
    EXPECT_EQ(run.failed_steps() + run.failed_gets(), 1);
  }
}

TEST_P(EveryCallFails, OnceWithAnIoError) {
  each({.error = EIO}, expect_one_failure);
}

TEST_P(EveryCallFails, OnceForWantOfSpace) {
  each({.error = ENOSPC}, expect_one_failure);
}

TEST_P(EveryCallFails, ForEverWithAnIoErrorAsIfTheProcessWereKilled) {
  each({.for_ever = true, .error = EIO}, kNoCheck);
}

TEST_P(EveryCallFails, ForEverForWantOfSpace) {
  each({.for_ever = true, .error = ENOSPC}, kNoCheck);
}

TEST_P(EveryCallFails, EveryWriteFromTheNthOnAndReadsGoOn) {
  each({.calls = {Call::kWrite}, .for_ever = true, .error = ENOSPC},
       [](Trial& run) { EXPECT_EQ(run.failed_gets(), 0); });
}

TEST_P(EveryCallFails, EveryWriteAndTruncateFromTheNthOnAndReadsGoOn) {
  each({.calls = {Call::kWrite, Call::kTruncate},
        .for_ever = true,
        .error = EIO},
       [](Trial& run) { EXPECT_EQ(run.failed_gets(), 0); });
}

TEST_P(EveryCallFails, EveryReadFromTheNthOnIsAnErrorAndNeverNotFound) {
  each({.calls = {Call::kRead}, .for_ever = true, .error = EIO}, kNoCheck);
}

TEST_P(EveryCallFails, AFullDiskTakesAPartOfARecordAndTheNextWriteIsClean) {
  const Sync sync = faults::sync_into_files(*GetParam().stage);
  const std::uint64_t writes = calls(sync, {Call::kWrite});
  for (const std::size_t part : {std::size_t{1}, Fault::kHalf}) {
    for (std::uint64_t nth = 1; nth <= writes; ++nth) {
      SCOPED_TRACE("write " + std::to_string(nth));
      Trial full(GetParam(), history_, sync);
      full.faults().add({.calls = {Call::kWrite}, .nth = nth, .at_most = part});
      full.faults().add(
          {.calls = {Call::kWrite}, .nth = nth + 1, .error = ENOSPC});
      full.go();
      EXPECT_LE(full.failed_steps(), 1);
      full.expect_kept();
      if (HasFailure()) return;
    }
  }
}

// The bytes of each file that holds any records.
std::map<std::string, std::string> records_on(const MemoryOs& disk) {
  std::map<std::string, std::string> files;
  for (const auto& [path, bytes] : disk.image().files) {
    if (holds_records(path) && !bytes.empty()) files[path] = bytes;
  }
  return files;
}

TEST_P(EveryCallFails, AFailedWriteLeavesNoByteBehind) {
  for (const std::size_t part :
       {std::size_t{0}, std::size_t{1}, Fault::kHalf}) {
    MemoryOs disk;
    FaultOs full(disk);
    const auto store = faults::open(GetParam(), full, Mode::kWrite,
                                    faults::sync_into_files(*GetParam().stage));
    std::size_t failed = 0;
    for (const faults::Step& step : history_) {
      if (step.is_compaction()) continue;
      const auto before = records_on(disk);
      full.clear();
      if (part > 0) full.add({.calls = {Call::kWrite}, .at_most = part});
      const std::uint64_t last = part > 0 ? 2 : 1;
      full.add({.calls = {Call::kWrite}, .nth = last, .error = ENOSPC});
      try {
        faults::apply(*store, step);
        continue;  // only hints could not be written
      } catch (const IoError&) {
        ++failed;
      }
      EXPECT_EQ(records_on(disk), before);
      full.clear();
      faults::apply(*store, step);
    }
    EXPECT_GT(failed, history_.size() / 2);
    faults::expect_model(*store, history_,
                         faults::model_after(history_, history_.size()));
  }
}

// What cannot be cut off must not end up behind a later, shorter record.
TEST_P(EveryCallFails, APartThatCannotBeTakenBackIsNeverBuried) {
  const std::size_t good = 3;
  MemoryOs disk;
  FaultOs full(disk);
  auto store = faults::open(GetParam(), full, Mode::kWrite,
                            faults::sync_into_files(*GetParam().stage));
  for (std::size_t i = 0; i < good; ++i) {
    faults::apply(*store, history_[i]);
  }
  full.add({.calls = {Call::kWrite}, .at_most = Fault::kHalf});
  full.add({.calls = {Call::kWrite}, .nth = 2, .error = ENOSPC});
  full.add({.calls = {Call::kTruncate}, .error = EIO});
  EXPECT_THROW(store->set("city", std::string(200, 'x')), IoError);
  full.clear();
  faults::Model model = faults::model_after(history_, good);
  faults::expect_model(*store, history_, model);
  bool stopped = false;
  try {
    store->set("city", "b");
    model["city"] = "b";
  } catch (const IoError&) {
    stopped = true;  // and the part is the torn end
  }
  std::vector<std::string> notes;
  const auto reader =
      faults::open(GetParam(), disk, Mode::kRead, Sync::kNever, &notes);
  faults::expect_model(*reader, history_, model);
  EXPECT_EQ(notes.size(), stopped ? 1U : 0U);
}

TEST_P(EveryCallFails, AfterAFailedSyncTheWriterStopsUntilItIsReopened) {
  for (std::size_t good = 0; good < 3; ++good) {
    MemoryOs disk;
    FaultOs broken(disk);
    Ledger ledger(broken);
    auto store = faults::open(GetParam(), ledger, Mode::kWrite, Sync::kAlways);
    for (std::size_t i = 0; i < good; ++i) {
      faults::apply(*store, history_[i]);
    }
    broken.add({.calls = {Call::kSync}, .error = EIO});
    EXPECT_THROW(store->set("city", "lost"), IoError);
    ledger.clear();
    for (int again = 0; again < 3; ++again) {
      EXPECT_THROW(store->set("city", "lost"), IoError);
    }
    EXPECT_EQ(ledger.totals().syncs.calls, 0U);
    EXPECT_EQ(ledger.totals().writes.calls, 0U);
    faults::expect_model(*store, history_, faults::model_after(history_, good));
    store.reset();
    store = faults::open(GetParam(), ledger, Mode::kWrite, Sync::kAlways);
    store->set("city", "back");
    EXPECT_EQ(ask(*store, "city"), faults::value("back"));
  }
}

TEST_P(EveryCallFails, ButAnInterruptedOneIsInvisible) {
  each({.error = EINTR}, [](Trial& run) {
    EXPECT_TRUE(run.opened());
    EXPECT_EQ(run.failed_steps() + run.failed_gets(), 0);
  });
}

TEST_P(EveryCallFails, ButShortReadsAndWritesAreInvisible) {
  for (const std::size_t at_most :
       {std::size_t{1}, std::size_t{5}, std::size_t{100}, Fault::kHalf}) {
    SCOPED_TRACE(at_most);
    Trial cut(GetParam(), history_, Sync::kAlways);
    cut.faults().add({.calls = {Call::kRead, Call::kWrite},
                      .for_ever = true,
                      .at_most = at_most});
    cut.go();
    EXPECT_TRUE(cut.opened());
    EXPECT_EQ(cut.failed_steps() + cut.failed_gets(), 0);
    cut.expect_kept();
  }
}

TEST_P(EveryCallFails, AReadErrorIsNeverNotFound) {
  const History history = faults::history(*GetParam().stage, 20);
  const faults::Written written = faults::write_history(GetParam(), history);
  const faults::Model model = faults::model_after(history, history.size());
  MemoryOs healthy(written.image);
  faults::write_memtable(
      *faults::open(GetParam(), healthy, Mode::kWrite, Sync::kAlways));
  for (const auto& [key, value] : model) {
    MemoryOs disk(healthy.image());
    FaultOs broken(disk);
    const auto store = faults::open(GetParam(), broken, Mode::kRead);
    broken.add({.calls = {Call::kRead}, .for_ever = true, .error = EIO});
    EXPECT_EQ(ask(*store, key).kind, Answer::Kind::kIoError);
    EXPECT_THROW(static_cast<void>(faults::open(GetParam(), broken, Mode::kRead)
                                       ->scan("", "", [](auto, auto) {})),
                 IoError);
  }
}

TEST_P(EveryCallFails, ARefusedOpenIsNoEmptyStore) {
  const History history = faults::history(*GetParam().stage, 20);
  const faults::Written written = faults::write_history(GetParam(), history);
  for (const int error : {EACCES, EIO, EMFILE}) {
    MemoryOs disk(written.image);
    FaultOs broken(disk);
    broken.add({.for_ever = true, .error = error});
    EXPECT_THROW(
        static_cast<void>(faults::open(GetParam(), broken, Mode::kRead)),
        IoError);
    EXPECT_THROW(
        static_cast<void>(faults::open(GetParam(), broken, Mode::kWrite)),
        IoError);
  }
}

INSTANTIATE_TEST_SUITE_P(Stages, EveryCallFails,
                         testing::ValuesIn(faults::all_settings()),
                         faults::name_of_setting);

}  // namespace
}  // namespace strata
